/* The files of one store, in two ways: a POSIX directory, and a simulated disk. What a test does
 * with them it does through struct files_driver, so that it can be done on both and compared. */
#ifndef TESTS_FILES_DRIVER_H
#define TESTS_FILES_DRIVER_H

#include "core_memory.h"
#include "scratch_dir.h"
#include "world_double.h"

#include <poll.h>
#include <raft/posix.h>
#include <sim/disk.h>

#define DRIVER_FILE_MAX 16384u

struct files_driver {
    const char *name;
    void (*begin)(void);  /* no file is there */
    void (*reboot)(void); /* the process ends; another one on what is left */
    void (*end)(void);
    enum raft_status (*submit)(void *ctx, enum raft_point point, struct raft_io *io);
    enum raft_status (*run)(void *ctx, enum raft_point point, struct raft_io *io);
    enum raft_status (*list)(void *ctx, enum raft_point point, raft_list_visit visit,
                             void *visitor);
    struct raft_io *(*next)(void); /* waits for the answer of the one operation that is out */
    /* By hand, beside the store: durable at once. read returns the size. */
    size_t (*read)(const char *name, uint8_t *bytes);
    void (*write)(const char *name, const uint8_t *bytes, size_t size);
    void (*remove)(const char *name);
};

/* ---- a POSIX directory; by hand with the C library ---- */

static struct raft_posix_files *posix_files;

static void posix_open(void)
{
    ck_assert_int_eq(raft_posix_files_open(scratch_dir, &posix_files), RAFT_OK);
}

static void posix_begin(void)
{
    scratch_clear();
    posix_open();
}

static void posix_end(void)
{
    raft_posix_files_close(posix_files);
    posix_files = NULL;
}

static void posix_reboot(void)
{
    posix_end();
    posix_open();
}

static enum raft_status posix_submit(void *ctx, enum raft_point point, struct raft_io *io)
{
    (void)ctx;
    (void)point;
    return raft_posix_files_submit(posix_files, io);
}

static enum raft_status posix_run(void *ctx, enum raft_point point, struct raft_io *io)
{
    (void)ctx;
    (void)point;
    return raft_posix_files_run(posix_files, io);
}

static enum raft_status posix_list(void *ctx, enum raft_point point, raft_list_visit visit,
                                   void *visitor)
{
    (void)ctx;
    (void)point;
    return raft_posix_files_list(posix_files, visit, visitor);
}

static void posix_keep(void *ctx, struct raft_io *io)
{
    struct raft_io **answer = ctx;
    ck_assert_ptr_null(*answer);
    *answer = io;
}

static struct raft_io *posix_next(void)
{
    struct raft_io *answer = NULL;
    struct pollfd wait = {.fd = raft_posix_files_fd(posix_files), .events = POLLIN};
    ck_assert_int_eq(poll(&wait, 1, 10000), 1);
    ck_assert_uint_eq(raft_posix_files_poll(posix_files, posix_keep, &answer), 1);
    return answer;
}

static size_t posix_read(const char *name, uint8_t *bytes)
{
    long size = scratch_read(name, bytes, DRIVER_FILE_MAX);
    ck_assert_msg(size >= 0, "no file %s", name);
    return (size_t)size;
}

static void posix_write(const char *name, const uint8_t *bytes, size_t size)
{
    scratch_write(name, bytes, size);
}

static void posix_remove(const char *name)
{
    ck_assert_int_eq(unlink(scratch_path(name)), 0);
}

/* ---- a simulated disk ---- */

static struct sim_world *sim_files_world;
static const struct sim_disk_fault sim_no_fault = {.status = RAFT_OK};

static struct sim_disk *sim_files(void)
{
    return &sim_files_world->nodes[1]->disk;
}

static void sim_begin(void)
{
    sim_files_world = world_double_open(7, 1);
    sim_disk_init(sim_files(), sim_files_world, 1);
    sim_files()->read_ns = 1000;
    sim_files()->write_ns = 5000;
    sim_files()->sync_ns = 100000;
}

static void sim_end(void)
{
    arena_tear_down();
}

/* The process dies, the machine does not: what is in the cache stays. */
static void sim_reboot(void)
{
    sim_disk_crash(sim_files(), SIM_UNSYNCED_KEEP);
}

/* The machine dies, too: only what was synced stays. */
static void sim_power_cycle(void)
{
    sim_disk_crash(sim_files(), SIM_UNSYNCED_LOSE);
}

static enum raft_status sim_submit(void *ctx, enum raft_point point, struct raft_io *io)
{
    (void)ctx;
    (void)point;
    sim_disk_submit(sim_files(), io, sim_no_fault, 1);
    return RAFT_OK;
}

static enum raft_status sim_run(void *ctx, enum raft_point point, struct raft_io *io)
{
    (void)ctx;
    (void)point;
    return sim_disk_run(sim_files(), io, sim_no_fault);
}

static enum raft_status sim_list(void *ctx, enum raft_point point, raft_list_visit visit,
                                 void *visitor)
{
    (void)ctx;
    (void)point;
    sim_disk_list(sim_files(), visit, visitor);
    return RAFT_OK;
}

static struct raft_io *sim_next(void)
{
    struct sim_event *event = sim_scheduler_pop(&sim_files_world->scheduler);
    assert_quietly(event != NULL);
    struct raft_io *io = sim_disk_perform(sim_files(), event);
    sim_event_free(&sim_files_world->scheduler, event);
    return io;
}

static struct raft_io sim_by_hand(struct raft_io io, const char *name)
{
    snprintf(io.name, sizeof io.name, "%s", name);
    ck_assert_int_eq(sim_disk_run(sim_files(), &io, sim_no_fault), RAFT_OK);
    return io;
}

static size_t sim_read(const char *name, uint8_t *bytes)
{
    struct raft_io open = sim_by_hand((struct raft_io){.op = RAFT_IO_OPEN}, name);
    ck_assert_uint_le(open.file_size, DRIVER_FILE_MAX);
    struct raft_io read = {
        .op = RAFT_IO_READ, .file = open.file, .bytes = bytes, .size = DRIVER_FILE_MAX};
    read = sim_by_hand(read, "");
    sim_by_hand((struct raft_io){.op = RAFT_IO_CLOSE, .file = open.file}, "");
    ck_assert_uint_eq(read.done, open.file_size);
    return read.done;
}

static void sim_write(const char *name, const uint8_t *bytes, size_t size)
{
    static uint8_t copy[DRIVER_FILE_MAX];
    if (size > 0) {
        memcpy(copy, bytes, size);
    }
    raft_file file = sim_by_hand((struct raft_io){.op = RAFT_IO_CREATE}, name).file;
    struct raft_io write = {.op = RAFT_IO_WRITE, .file = file, .bytes = copy, .size = size};
    ck_assert_uint_eq(sim_by_hand(write, "").done, size);
    sim_by_hand((struct raft_io){.op = RAFT_IO_SYNC, .file = file}, "");
    sim_by_hand((struct raft_io){.op = RAFT_IO_CLOSE, .file = file}, "");
    sim_by_hand((struct raft_io){.op = RAFT_IO_SYNC_DIR}, "");
}

static void sim_remove(const char *name)
{
    sim_by_hand((struct raft_io){.op = RAFT_IO_UNLINK}, name);
    sim_by_hand((struct raft_io){.op = RAFT_IO_SYNC_DIR}, "");
}

/* ---- all of them ---- */

#define FILES_DRIVERS 3

static const struct files_driver files_drivers[FILES_DRIVERS] = {
    {"a POSIX directory", posix_begin, posix_reboot, posix_end, posix_submit, posix_run, posix_list,
     posix_next, posix_read, posix_write, posix_remove},
    {"a simulated disk", sim_begin, sim_reboot, sim_end, sim_submit, sim_run, sim_list, sim_next,
     sim_read, sim_write, sim_remove},
    {"a simulated disk that loses its cache", sim_begin, sim_power_cycle, sim_end, sim_submit,
     sim_run, sim_list, sim_next, sim_read, sim_write, sim_remove},
};

#endif
