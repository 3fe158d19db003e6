/* A directory on the real file system for the tests of a program: beside the program itself, that
 * is, in the build's folder. Opened and removed outside the test's own process (an unchecked
 * fixture), so that a test that dies leaves nothing. */
#ifndef TESTS_SCRATCH_DIR_H
#define TESTS_SCRATCH_DIR_H

#include <check.h>
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char scratch_dir[PATH_MAX];

static inline void scratch_open(void)
{
    ssize_t size = readlink("/proc/self/exe", scratch_dir, sizeof scratch_dir - 16);
    ck_assert_int_gt(size, 0);
    scratch_dir[size] = 0;
    strcpy(strrchr(scratch_dir, '/'), "/scratch.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(scratch_dir));
}

/* The path of a file in it; good until the next call. */
static inline const char *scratch_path(const char *name)
{
    static char path[PATH_MAX + NAME_MAX + 2];
    snprintf(path, sizeof path, "%s/%s", scratch_dir, name);
    return path;
}

/* Removes every file: each test begins with an empty directory. */
static inline void scratch_clear(void)
{
    DIR *stream = opendir(scratch_dir);
    ck_assert_ptr_nonnull(stream);
    for (struct dirent *entry = readdir(stream); entry != NULL; entry = readdir(stream)) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            ck_assert_int_eq(unlink(scratch_path(entry->d_name)), 0);
        }
    }
    closedir(stream);
}

static inline void scratch_close(void)
{
    scratch_clear();
    ck_assert_int_eq(rmdir(scratch_dir), 0);
}

/* The whole content of a file, by other means than those under test. Returns its size, or -1 if
 * there is none. */
static inline long scratch_read(const char *name, void *bytes, size_t size_max)
{
    FILE *file = fopen(scratch_path(name), "rb");
    if (file == NULL) {
        return -1;
    }
    long size = (long)fread(bytes, 1, size_max, file);
    ck_assert_int_eq(fgetc(file), EOF);
    fclose(file);
    return size;
}

static inline void scratch_write(const char *name, const void *bytes, size_t size)
{
    FILE *file = fopen(scratch_path(name), "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes, 1, size, file), size);
    ck_assert_int_eq(fclose(file), 0);
}

#endif
