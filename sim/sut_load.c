/* Loading another implementation of the node under test.
 *
 * A shared object lives in its own symbol scope (RTLD_LOCAL), so that a broken copy of the core and
 * the core itself can be in one process. It is never unloaded: its point list and its names may be
 * referred to until the process ends. */
#include "sut.h"

#include <assert.h>
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

typedef const struct sut_ops *(*sut_entry_point)(void);

const struct sut_ops *sut_load(const char *path, char *error, size_t error_size)
{
    assert(path != NULL && error != NULL && error_size > 0);
    const struct sut_ops *ops = NULL;
    sut_entry_point entry_point = NULL;
    void *object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (object == NULL) {
        snprintf(error, error_size, "cannot load the implementation: %s", dlerror());
        goto out;
    }
    void *symbol = dlsym(object, SUT_SYMBOL);
    if (symbol == NULL) {
        snprintf(error, error_size, "%s does not export %s", path, SUT_SYMBOL);
        goto out;
    }
    /* POSIX promises that a pointer of dlsym can be a function's; C has no conversion for it. */
    memcpy(&entry_point, &symbol, sizeof entry_point);
    ops = entry_point();
    if (ops == NULL || ops->abi != SUT_ABI) {
        snprintf(error, error_size, "%s has interface version %u, this program needs %u", path,
                 ops == NULL ? 0 : ops->abi, SUT_ABI);
        ops = NULL;
        goto out;
    }
    if (ops->point_count > SUT_POINTS_MAX) {
        snprintf(error, error_size, "%s has %u fault points, this program knows at most %u", path,
                 ops->point_count, SUT_POINTS_MAX);
        ops = NULL;
        goto out;
    }
    object = NULL;
out:
    if (object != NULL) {
        dlclose(object);
    }
    return ops;
}
