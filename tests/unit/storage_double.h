/* Files for the unit tests of the store: byte arrays that are durable at once, operations that wait
 * in a queue until the test answers them, and one armed fault.
 *
 * A crash is stop_after: every operation from then on fails and does nothing. */
#ifndef TESTS_STORAGE_DOUBLE_H
#define TESTS_STORAGE_DOUBLE_H

#include "core_memory.h"
#include "machine_double.h"

#include "assert_quietly.h"
#include <raft/env.h>

#define DOUBLE_FILES     24
#define DOUBLE_LANES     5
#define DOUBLE_FILE_SIZE 8192u
#define DOUBLE_HANDLES   2048

struct double_file {
    bool exists;
    char name[RAFT_FILE_NAME_MAX];
    uint8_t bytes[DOUBLE_FILE_SIZE];
    size_t size;
};

/* FLIPPED: a bit of what is read is turned. */
enum double_fault {
    DOUBLE_ERROR,
    DOUBLE_SHORT,
    DOUBLE_NOTHING_DONE,
    DOUBLE_REFUSED,
    DOUBLE_FLIPPED
};

struct storage_double {
    struct core_memory memory;
    struct raft_env env;
    struct double_file files[DOUBLE_FILES];
    struct double_file *handles[DOUBLE_HANDLES];
    uint32_t handle_last;
    struct raft_io *pending[DOUBLE_LANES];
    size_t pending_count;
    uint64_t operations; /* answered or listed */
    uint64_t stop_after; /* UINT64_MAX: never */
    uint64_t submissions;
    uint64_t refuse_at; /* the submission that is refused, from 1; 0: none */
    enum raft_point fault_at;
    enum raft_status fault_status; /* RAFT_OK: nothing armed, but for SHORT and NOTHING_DONE */
    enum double_fault fault;
    bool armed;
    unsigned fired;
};

static inline struct double_file *double_find(struct storage_double *disk, const char *name)
{
    for (int i = 0; i < DOUBLE_FILES; i++) {
        if (disk->files[i].exists && strcmp(disk->files[i].name, name) == 0) {
            return &disk->files[i];
        }
    }
    return NULL;
}

/* Whether a handle is open on a file, which may be unlinked. */
static inline bool double_is_open(const struct storage_double *disk, const struct double_file *file)
{
    for (uint32_t i = 1; i <= disk->handle_last; i++) {
        if (disk->handles[i] == file) {
            return true;
        }
    }
    return false;
}

static inline struct double_file *double_create(struct storage_double *disk, const char *name)
{
    struct double_file *file = double_find(disk, name);
    for (int i = 0; file == NULL && i < DOUBLE_FILES; i++) {
        if (!disk->files[i].exists && !double_is_open(disk, &disk->files[i])) {
            file = &disk->files[i];
        }
    }
    ck_assert_ptr_nonnull(file);
    *file = (struct double_file){.exists = true};
    memcpy(file->name, name, strlen(name));
    return file;
}

static inline raft_file double_open(struct storage_double *disk, struct double_file *file)
{
    disk->handle_last++;
    ck_assert_uint_lt(disk->handle_last, DOUBLE_HANDLES);
    disk->handles[disk->handle_last] = file;
    return disk->handle_last;
}

static inline unsigned double_handles_open(const struct storage_double *disk)
{
    unsigned count = 0;
    for (int i = 0; i < DOUBLE_HANDLES; i++) {
        count += disk->handles[i] != NULL;
    }
    return count;
}

static inline void double_transfer(struct double_file *file, struct raft_io *io, size_t size)
{
    io->done = size;
    if (io->op == RAFT_IO_READ) {
        size_t left = io->offset < file->size ? file->size - (size_t)io->offset : 0;
        io->done = size < left ? size : left;
        memcpy(io->bytes, file->bytes + io->offset, io->done);
    } else if (size > 0) {
        ck_assert_uint_le(io->offset + size, DOUBLE_FILE_SIZE);
        memcpy(file->bytes + io->offset, io->bytes, size);
        if (file->size < io->offset + size) {
            file->size = (size_t)io->offset + size;
        }
    }
}

/* Performs an operation that does not fail by a fault. */
static inline enum raft_status double_apply(struct storage_double *disk, struct raft_io *io,
                                            size_t size)
{
    struct double_file *file = io->file != 0 ? disk->handles[io->file] : NULL;
    struct double_file *named = double_find(disk, io->name);
    bool needs_file = io->op == RAFT_IO_READ || io->op == RAFT_IO_WRITE || io->op == RAFT_IO_SYNC ||
                      io->op == RAFT_IO_TRUNCATE || io->op == RAFT_IO_CLOSE;
    if (needs_file && file == NULL) {
        ck_abort_msg("operation %d on a closed handle", io->op);
    }
    bool needs_name =
        io->op == RAFT_IO_OPEN || io->op == RAFT_IO_UNLINK || io->op == RAFT_IO_RENAME;
    if (needs_name && named == NULL) {
        return RAFT_NOT_FOUND;
    }
    if (io->op == RAFT_IO_OPEN) {
        io->file = double_open(disk, named);
        io->file_size = named->size;
    } else if (io->op == RAFT_IO_CREATE) {
        io->file = double_open(disk, double_create(disk, io->name));
    } else if (io->op == RAFT_IO_READ || io->op == RAFT_IO_WRITE) {
        double_transfer(file, io, size);
    } else if (io->op == RAFT_IO_TRUNCATE) {
        memset(file->bytes + io->offset, 0, DOUBLE_FILE_SIZE - (size_t)io->offset);
        file->size = (size_t)io->offset;
    } else if (io->op == RAFT_IO_UNLINK) {
        named->exists = false;
    } else if (io->op == RAFT_IO_RENAME) {
        struct double_file *replaced = double_find(disk, io->name_to);
        if (replaced != NULL) {
            replaced->exists = false;
        }
        memcpy(named->name, io->name_to, RAFT_FILE_NAME_MAX);
    }
    return RAFT_OK;
}

static inline enum raft_status double_perform(struct storage_double *disk, enum raft_point point,
                                              struct raft_io *io)
{
    bool dead = disk->operations >= disk->stop_after;
    disk->operations++;
    bool fires = disk->armed && point == disk->fault_at;
    disk->fired += fires;
    io->status = RAFT_OK;
    if (dead) {
        io->status = RAFT_IO;
    } else if (fires && disk->fault == DOUBLE_ERROR) {
        io->status = disk->fault_status;
    } else {
        size_t size = io->size;
        if (fires && disk->fault != DOUBLE_FLIPPED) {
            size = disk->fault == DOUBLE_SHORT ? (size + 1) / 2 : 0;
        }
        io->status = double_apply(disk, io, size);
        if (fires && disk->fault == DOUBLE_FLIPPED) {
            ck_assert_ptr_nonnull(io->bytes); /* not every operation has some */
            io->bytes[0] ^= 1;
        }
    }
    if (io->op == RAFT_IO_CLOSE) {
        ck_assert_ptr_nonnull(disk->handles[io->file]);
        disk->handles[io->file] = NULL;
    }
    return io->status;
}

static enum raft_status double_run(void *ctx, enum raft_point point, struct raft_io *io)
{
    return double_perform(ctx, point, io);
}

/* Performs the operation at once, since its point is known only here; the test answers it later. */
static enum raft_status double_submit(void *ctx, enum raft_point point, struct raft_io *io)
{
    struct storage_double *disk = ctx;
    disk->submissions++;
    bool fires = disk->armed && disk->fault == DOUBLE_REFUSED && point == disk->fault_at;
    if (fires || disk->submissions == disk->refuse_at) {
        return RAFT_BUSY;
    }
    assert_quietly(disk->pending_count < DOUBLE_LANES);
    disk->pending[disk->pending_count++] = io;
    enum raft_status status = double_perform(disk, point, io);
    (void)status;
    return RAFT_OK;
}

static enum raft_status double_list(void *ctx, enum raft_point point, raft_list_visit visit,
                                    void *visitor)
{
    struct storage_double *disk = ctx;
    struct raft_io io = {.op = RAFT_IO_SYNC_DIR};
    if (double_perform(disk, point, &io) != RAFT_OK) {
        return RAFT_IO;
    }
    const char *previous = "";
    bool more = true;
    while (more) {
        const char *next = NULL;
        for (int i = 0; i < DOUBLE_FILES; i++) {
            const char *name = disk->files[i].name;
            if (disk->files[i].exists && strcmp(name, previous) > 0 &&
                (next == NULL || strcmp(name, next) < 0)) {
                next = name;
            }
        }
        more = next != NULL && visit(visitor, next);
        previous = next;
    }
    return RAFT_OK;
}

static inline void double_init(struct storage_double *disk)
{
    memset(disk, 0, sizeof *disk);
    core_memory_init(&disk->memory);
    disk->stop_after = UINT64_MAX;
    disk->env = (struct raft_env){.ctx = disk,
                                  .memory = &disk->memory.memory,
                                  .io_submit = double_submit,
                                  .io_run = double_run,
                                  .list = double_list};
    machine_install(&disk->env);
}

static inline void double_arm(struct storage_double *disk, enum raft_point point,
                              enum double_fault fault, enum raft_status status)
{
    disk->armed = true;
    disk->fault_at = point;
    disk->fault = fault;
    disk->fault_status = status;
    disk->fired = 0;
}

/* A new process on the same files. */
static inline void double_reboot(struct storage_double *disk)
{
    memset(disk->handles, 0, sizeof disk->handles);
    disk->handle_last = 0;
    disk->pending_count = 0;
    disk->operations = 0;
    disk->stop_after = UINT64_MAX;
    disk->submissions = 0;
    disk->refuse_at = 0;
    disk->armed = false;
}

#endif
