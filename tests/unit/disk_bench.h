/* A bench for the simulated disk: one disk of node 1 in a bare world, and short ways to run
 * operations on it. */
#ifndef TESTS_DISK_BENCH_H
#define TESTS_DISK_BENCH_H

#include "world_double.h"

#define SECTOR SIM_DISK_SECTOR
#define SEEDS  64u

static const struct sim_disk_fault no_fault = {.status = RAFT_OK};
static const struct sim_disk_fault eio = {.status = RAFT_IO};
static const struct sim_disk_fault shortened = {
    .status = RAFT_OK, .is_short = true, .short_bytes = SIM_SHORT_ANY};

static struct sim_world *world;
static struct sim_disk *disk;

static inline void open_disk(uint64_t seed)
{
    world = world_double_open(seed, 1);
    disk = &world->nodes[1]->disk;
    sim_disk_init(disk, world, 1);
}

static inline void open_first_disk(void)
{
    open_disk(1);
}

static inline void close_disk(void)
{
    arena_tear_down();
}

/* Another disk in the place of the one before. */
static inline void renew_disk(uint64_t seed)
{
    close_disk();
    open_disk(seed);
}

/* What a coin decides, over as many seeds. */
static inline void expect_half(uint32_t count)
{
    ck_assert_msg(count > SEEDS / 4 && count < SEEDS * 3 / 4, "%u of %u", count, SEEDS);
}

/* Runs operations at once. */

static inline struct raft_io named(enum raft_io_op op, const char *name)
{
    struct raft_io io;
    memset(&io, 0, sizeof io);
    io.op = op;
    snprintf(io.name, sizeof io.name, "%s", name);
    return io;
}

static inline enum raft_status run_named(enum raft_io_op op, const char *name)
{
    struct raft_io io = named(op, name);
    return sim_disk_run(disk, &io, no_fault);
}

static inline raft_file open_file(enum raft_io_op op, const char *name)
{
    struct raft_io io = named(op, name);
    ck_assert_int_eq(sim_disk_run(disk, &io, no_fault), RAFT_OK);
    ck_assert_uint_ne(io.file, 0);
    return io.file;
}

static inline enum raft_status rename_file(const char *from, const char *to)
{
    struct raft_io io = named(RAFT_IO_RENAME, from);
    snprintf(io.name_to, sizeof io.name_to, "%s", to);
    return sim_disk_run(disk, &io, no_fault);
}

static inline struct raft_io transfer(enum raft_io_op op, raft_file file, uint64_t offset,
                                      void *bytes, size_t size)
{
    struct raft_io io;
    memset(&io, 0, sizeof io);
    io.op = op;
    io.file = file;
    io.offset = offset;
    io.bytes = bytes;
    io.size = size;
    return io;
}

static inline enum raft_status run_on_file(enum raft_io_op op, raft_file file, uint64_t offset)
{
    struct raft_io io = transfer(op, file, offset, NULL, 0);
    return sim_disk_run(disk, &io, no_fault);
}

static inline void sync_file(raft_file file)
{
    ck_assert_int_eq(run_on_file(RAFT_IO_SYNC, file, 0), RAFT_OK);
}

static inline void truncate_file(raft_file file, uint64_t size)
{
    ck_assert_int_eq(run_on_file(RAFT_IO_TRUNCATE, file, size), RAFT_OK);
}

static inline void close_file(raft_file file)
{
    ck_assert_int_eq(run_on_file(RAFT_IO_CLOSE, file, 0), RAFT_OK);
}

static inline void fail_sync(raft_file file)
{
    struct raft_io sync = transfer(RAFT_IO_SYNC, file, 0, NULL, 0);
    ck_assert_int_eq(sim_disk_run(disk, &sync, eio), RAFT_IO);
}

static inline enum raft_status write_text(raft_file file, uint64_t offset, const char *text)
{
    char bytes[4 * SECTOR];
    snprintf(bytes, sizeof bytes, "%s", text);
    struct raft_io io = transfer(RAFT_IO_WRITE, file, offset, bytes, strlen(text));
    return sim_disk_run(disk, &io, no_fault);
}

static inline void write_many(raft_file file, uint64_t offset, char value, size_t size)
{
    char bytes[4 * SECTOR];
    ck_assert_uint_le(size, sizeof bytes);
    memset(bytes, value, size);
    struct raft_io io = transfer(RAFT_IO_WRITE, file, offset, bytes, size);
    ck_assert_int_eq(sim_disk_run(disk, &io, no_fault), RAFT_OK);
    ck_assert_uint_eq(io.done, size);
}

/* Reads a whole file by name into a static buffer. -1: no such file. */
static char content[8 * SECTOR];

static inline int read_all(const char *name)
{
    struct raft_io io = named(RAFT_IO_OPEN, name);
    if (sim_disk_run(disk, &io, no_fault) == RAFT_NOT_FOUND) {
        return -1;
    }
    memset(content, 0, sizeof content);
    struct raft_io read = transfer(RAFT_IO_READ, io.file, 0, content, sizeof content - 1);
    ck_assert_int_eq(sim_disk_run(disk, &read, no_fault), RAFT_OK);
    ck_assert_uint_eq(read.done, io.file_size);
    close_file(io.file);
    return (int)read.done;
}

static inline void expect_content(const char *name, const char *text)
{
    ck_assert_int_eq(read_all(name), (int)strlen(text));
    ck_assert_str_eq(content, text);
}

/* A file whose name and content are durable; open. */
static inline raft_file durable_file(const char *name, const char *text)
{
    raft_file file = open_file(RAFT_IO_CREATE, name);
    ck_assert_int_eq(write_text(file, 0, text), RAFT_OK);
    sync_file(file);
    ck_assert_int_eq(run_named(RAFT_IO_SYNC_DIR, ""), RAFT_OK);
    return file;
}

static inline raft_file durable_bytes(const char *name, char value, size_t size)
{
    raft_file file = durable_file(name, "");
    write_many(file, 0, value, size);
    sync_file(file);
    return file;
}

/* Performs submitted operations until none is left; notes the order of their completion. */
static const struct raft_io *completed[16];
static uint32_t completed_count;

static inline void perform_next(void)
{
    struct sim_event *event = sim_scheduler_pop(&world->scheduler);
    ck_assert_ptr_nonnull(event);
    completed[completed_count++] = sim_disk_perform(disk, event);
    sim_event_free(&world->scheduler, event);
}

static inline void perform_all(void)
{
    completed_count = 0;
    while (sim_scheduler_peek(&world->scheduler) != NULL) {
        perform_next();
    }
}

/* A sync that fails, and a write that completes before it, but was submitted behind it: the sync
 * does not cover it. */
static inline void fail_sync_around(raft_file file, uint64_t offset, const char *text)
{
    char bytes[8];
    snprintf(bytes, sizeof bytes, "%s", text);
    struct raft_io sync = transfer(RAFT_IO_SYNC, file, 0, NULL, 0);
    struct raft_io write = transfer(RAFT_IO_WRITE, file, offset, bytes, strlen(text));
    sim_disk_submit(disk, &sync, (struct sim_disk_fault){.status = RAFT_IO, .delay_ns = 9}, 1);
    sim_disk_submit(disk, &write, no_fault, 1);
    perform_all();
    ck_assert_ptr_eq(completed[0], &write);
}

#endif
