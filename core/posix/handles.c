/* Handles: the small numbers by which the core knows its open files, and the descriptors behind
 * them.
 *
 *   FREE --reserve--> RESERVED --set--> descriptor --take--> FREE
 *                         '---set: none--------------------> FREE
 *
 * Invariants:
 *  1. Handle h is at h - 1 of the table; 0 is no handle.
 *  2. A descriptor is closed only after its handle is free, so that no operation finds one that has
 *     been given to another file meanwhile.
 *  3. A handle that is not open is the caller's mistake, never a status. */
#include "posix_internal.h"

#include <assert.h>
#include <unistd.h>

enum { HANDLE_FREE = -1, HANDLE_RESERVED = -2 };

void raft_posix_handles_init(struct raft_posix_files *files)
{
    for (uint32_t i = 0; i < RAFT_POSIX_OPEN_MAX; i++) {
        files->handles[i] = HANDLE_FREE;
    }
}

raft_file raft_posix_handle_reserve(struct raft_posix_files *files)
{
    raft_file file = 0;
    raft_posix_lock(files);
    for (uint32_t i = 0; i < RAFT_POSIX_OPEN_MAX && file == 0; i++) {
        if (files->handles[i] == HANDLE_FREE) {
            files->handles[i] = HANDLE_RESERVED;
            file = i + 1;
        }
    }
    raft_posix_unlock(files);
    return file;
}

void raft_posix_handle_set(struct raft_posix_files *files, raft_file file, int fd)
{
    assert(file > 0 && file <= RAFT_POSIX_OPEN_MAX);
    raft_posix_lock(files);
    assert(files->handles[file - 1] == HANDLE_RESERVED);
    files->handles[file - 1] = fd >= 0 ? fd : HANDLE_FREE;
    raft_posix_unlock(files);
}

int raft_posix_handle_fd(struct raft_posix_files *files, raft_file file)
{
    assert(file > 0 && file <= RAFT_POSIX_OPEN_MAX);
    raft_posix_lock(files);
    int fd = files->handles[file - 1];
    raft_posix_unlock(files);
    assert(fd >= 0);
    return fd;
}

int raft_posix_handle_take(struct raft_posix_files *files, raft_file file)
{
    assert(file > 0 && file <= RAFT_POSIX_OPEN_MAX);
    raft_posix_lock(files);
    int fd = files->handles[file - 1];
    assert(fd >= 0);
    files->handles[file - 1] = HANDLE_FREE;
    raft_posix_unlock(files);
    return fd;
}

void raft_posix_handles_close(struct raft_posix_files *files)
{
    for (uint32_t i = 0; i < RAFT_POSIX_OPEN_MAX; i++) {
        assert(files->handles[i] != HANDLE_RESERVED);
        if (files->handles[i] >= 0) {
            close(files->handles[i]);
            files->handles[i] = HANDLE_FREE;
        }
    }
}
