/* One file operation, done with the system's calls.
 *
 * What raft/env.h promises of an operation, and what the simulated disk does, holds here too:
 *
 *  1. A call that a signal interrupted is made again, but for close: the descriptor is gone
 *     whatever close says.
 *  2. A READ is short at the end of the file only.
 *  3. A WRITE that got a part of its bytes down before it failed is a short one that succeeded: a
 *     failed one has written nothing. What stopped it is met again by whoever writes the rest.
 *  4. A sync is fsync: size and content, in one. One that failed is RAFT_IO for whatever reason,
 *     even a full device: the kernel may have dropped what it could not write, so that a later sync
 *     proves nothing.
 *  5. A handle is reserved before the file is opened: a CREATE for which there is none creates
 *     nothing. */
#include "posix_internal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MODE 0600

enum raft_status raft_posix_status(int error)
{
    assert(error != 0);
    if (error == ENOSPC || error == EDQUOT) {
        return RAFT_NOSPACE; /* no fault point: the operation has its caller's */
    }
    return error == ENOENT ? RAFT_NOT_FOUND : RAFT_IO;
}

static enum raft_status status_of(int result)
{
    return result < 0 ? raft_posix_status(errno) : RAFT_OK;
}

static void check_name(const char *name)
{
    assert(memchr(name, 0, RAFT_FILE_NAME_MAX) != NULL);
    assert(name[0] != 0 && name[0] != '.');
    assert(strchr(name, '/') == NULL);
}

static off_t offset_of(uint64_t offset)
{
    assert(sizeof(off_t) == 8 && offset <= INT64_MAX);
    return (off_t)offset;
}

static enum raft_status open_file(struct raft_posix_files *files, struct raft_io *io)
{
    bool creates = io->op == RAFT_IO_CREATE;
    int flags = O_RDWR | O_CLOEXEC | (creates ? O_CREAT | O_TRUNC : 0);
    struct stat about;
    check_name(io->name);
    io->file = 0;
    raft_file file = raft_posix_handle_reserve(files);
    if (file == 0) {
        return RAFT_IO; /* no fault point: the operation has its caller's */
    }
    int fd = -1;
    do {
        fd = openat(files->directory, io->name, flags, FILE_MODE);
    } while (fd < 0 && errno == EINTR);
    enum raft_status status = status_of(fd);
    if (status == RAFT_OK) {
        status = status_of(fstat(fd, &about));
        if (status != RAFT_OK) {
            close(fd);
            fd = -1;
        }
    }
    raft_posix_handle_set(files, file, fd);
    if (status == RAFT_OK) {
        io->file = file;
        io->file_size = (uint64_t)about.st_size;
    }
    return status;
}

static enum raft_status read_file(int fd, struct raft_io *io)
{
    assert(io->bytes != NULL || io->size == 0);
    while (io->done < io->size) {
        ssize_t count =
            pread(fd, io->bytes + io->done, io->size - io->done, offset_of(io->offset + io->done));
        if (count == 0) {
            break;
        }
        if (count < 0 && errno != EINTR) {
            io->done = 0;
            return raft_posix_status(errno);
        }
        io->done += count > 0 ? (size_t)count : 0;
    }
    return RAFT_OK;
}

static enum raft_status write_file(int fd, struct raft_io *io)
{
    assert(io->bytes != NULL || io->size == 0);
    while (io->done < io->size) {
        ssize_t count =
            pwrite(fd, io->bytes + io->done, io->size - io->done, offset_of(io->offset + io->done));
        bool is_stopped = count == 0 || (count < 0 && errno != EINTR);
        if (is_stopped && io->done == 0 && count < 0) {
            return raft_posix_status(errno);
        }
        if (is_stopped) {
            break;
        }
        io->done += count > 0 ? (size_t)count : 0;
    }
    assert(io->done <= io->size);
    return RAFT_OK;
}

static enum raft_status sync_file(int fd)
{
    int result = -1;
    do {
        result = fsync(fd);
    } while (result < 0 && errno == EINTR);
    return result < 0 ? RAFT_IO : RAFT_OK; /* no fault point: the operation has its caller's */
}

static enum raft_status truncate_file(int fd, uint64_t size)
{
    int result = -1;
    do {
        result = ftruncate(fd, offset_of(size));
    } while (result < 0 && errno == EINTR);
    return status_of(result);
}

static enum raft_status close_file(struct raft_posix_files *files, raft_file file)
{
    int result = close(raft_posix_handle_take(files, file));
    return result < 0 && errno == EINTR ? RAFT_OK : status_of(result);
}

static enum raft_status rename_file(struct raft_posix_files *files, const struct raft_io *io)
{
    check_name(io->name);
    check_name(io->name_to);
    return status_of(renameat(files->directory, io->name, files->directory, io->name_to));
}

static enum raft_status unlink_file(struct raft_posix_files *files, const struct raft_io *io)
{
    check_name(io->name);
    return status_of(unlinkat(files->directory, io->name, 0));
}

static enum raft_status dispatch(struct raft_posix_files *files, struct raft_io *io)
{
    switch (io->op) {
    case RAFT_IO_OPEN:
    case RAFT_IO_CREATE:
        return open_file(files, io);
    case RAFT_IO_READ:
        return read_file(raft_posix_handle_fd(files, io->file), io);
    case RAFT_IO_WRITE:
        return write_file(raft_posix_handle_fd(files, io->file), io);
    case RAFT_IO_SYNC:
        return sync_file(raft_posix_handle_fd(files, io->file));
    case RAFT_IO_TRUNCATE:
        return truncate_file(raft_posix_handle_fd(files, io->file), io->offset);
    case RAFT_IO_CLOSE:
        return close_file(files, io->file);
    case RAFT_IO_UNLINK:
        return unlink_file(files, io);
    case RAFT_IO_RENAME:
        return rename_file(files, io);
    case RAFT_IO_SYNC_DIR:
        return sync_file(files->directory);
    case RAFT_IO_OP_COUNT:
        break;
    }
    assert(!"an operation can be performed");
    return RAFT_IO;
}

bool raft_posix_is_of_directory(enum raft_io_op op)
{
    assert(op < RAFT_IO_OP_COUNT);
    return op == RAFT_IO_OPEN || op == RAFT_IO_CREATE || op == RAFT_IO_UNLINK ||
           op == RAFT_IO_RENAME || op == RAFT_IO_SYNC_DIR;
}

void raft_posix_perform(struct raft_posix_files *files, struct raft_io *io)
{
    io->done = 0;
    io->file_size = 0;
    io->status = dispatch(files, io);
    assert(io->status != RAFT_OK || io->done <= io->size);
}
