/* The names in a store's directory, in byte order.
 *
 * The system gives them in any order, so all of them are read first. Names that no file of a store
 * can have, because they are too long or begin with a dot, are left out; other strangers are the
 * store's to ignore. */
#include "posix_internal.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct names {
    char (*items)[RAFT_FILE_NAME_MAX];
    size_t count;
    size_t capacity;
};

static bool names_add(struct names *names, const char *name)
{
    if (names->count == names->capacity) {
        size_t capacity = names->capacity * 2 + 16;
        void *items = realloc(names->items, capacity * sizeof names->items[0]);
        if (items == NULL) {
            return false;
        }
        names->items = items;
        names->capacity = capacity;
    }
    assert(names->count < names->capacity);
    size_t size = strlen(name);
    assert(size < RAFT_FILE_NAME_MAX);
    memcpy(names->items[names->count++], name, size + 1);
    return true;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* A stream of its own: the position of the store's own descriptor is left alone. */
static DIR *open_stream(int directory)
{
    int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return NULL;
    }
    DIR *stream = fdopendir(fd);
    if (stream == NULL) {
        close(fd);
    }
    return stream;
}

/* Whether all names could be read. */
static bool read_names(DIR *stream, struct names *names)
{
    while (true) {
        errno = 0;
        const struct dirent *entry = readdir(stream);
        if (entry == NULL) {
            return errno == 0;
        }
        bool may_be_ours = entry->d_name[0] != '.' && strlen(entry->d_name) < RAFT_FILE_NAME_MAX;
        if (may_be_ours && !names_add(names, entry->d_name)) {
            return false;
        }
    }
}

enum raft_status raft_posix_files_list(struct raft_posix_files *files, raft_list_visit visit,
                                       void *visitor)
{
    struct names names = {0};
    enum raft_status status = RAFT_IO; /* no fault point: the listing has its caller's */
    assert(!files->is_delivering);
    DIR *stream = open_stream(files->directory);
    if (stream == NULL || !read_names(stream, &names)) {
        goto out;
    }
    status = RAFT_OK;
    if (names.count > 0) {
        qsort(names.items, names.count, sizeof names.items[0], compare_names);
    }
    bool goes_on = true;
    for (size_t i = 0; i < names.count && goes_on; i++) {
        goes_on = visit(visitor, names.items[i]);
    }
out:
    free(names.items);
    if (stream != NULL) {
        closedir(stream);
    }
    return status;
}
