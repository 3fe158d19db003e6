/* A state machine for the tests of the store: some bytes, that can be frozen and restored. One
 * test, one machine: each test program has its own. */
#ifndef TESTS_MACHINE_DOUBLE_H
#define TESTS_MACHINE_DOUBLE_H

#include "assert_quietly.h"
#include <raft/env.h>
#include <string.h>

#define MACHINE_SIZE_MAX 4096u

struct machine_double {
    uint8_t state[MACHINE_SIZE_MAX];
    size_t size;
    raft_index index; /* that the state was restored with */
    uint8_t frozen[MACHINE_SIZE_MAX];
    size_t frozen_size;
    bool is_frozen;
    uint8_t coming[MACHINE_SIZE_MAX];
    size_t coming_size;
    size_t coming_done;
    bool is_coming;
    unsigned reads;
    unsigned commits;
    unsigned aborts;
    enum raft_point fails_at; /* RAFT_POINT_COUNT: nowhere */
    enum raft_status fails_with;
};

static struct machine_double machine;

/* A state of some size, whose bytes tell which one it is. */
static inline void machine_set(size_t size, unsigned which)
{
    ck_assert_uint_le(size, MACHINE_SIZE_MAX);
    machine.size = size;
    for (size_t i = 0; i < size; i++) {
        machine.state[i] = (uint8_t)(i * 7 + which * 31 + 1);
    }
}

static inline void assert_machine(size_t size, unsigned which)
{
    ck_assert_uint_eq(machine.size, size);
    for (size_t i = 0; i < size; i++) {
        assert_quietly(machine.state[i] == (uint8_t)(i * 7 + which * 31 + 1));
    }
}

/* A new process: an empty machine. */
static inline void machine_reset(void)
{
    memset(&machine, 0, sizeof machine);
    machine.fails_at = RAFT_POINT_COUNT;
}

static inline void machine_arm(enum raft_point point, enum raft_status status)
{
    machine.fails_at = point;
    machine.fails_with = status;
}

static enum raft_status machine_consult(enum raft_point point)
{
    return point == machine.fails_at ? machine.fails_with : RAFT_OK;
}

static enum raft_status machine_freeze(void *ctx, enum raft_point point, uint64_t *out_size)
{
    (void)ctx;
    ck_assert(!machine.is_frozen);
    if (machine_consult(point) != RAFT_OK) {
        return machine.fails_with;
    }
    machine.is_frozen = true;
    machine.frozen_size = machine.size;
    memcpy(machine.frozen, machine.state, machine.size);
    *out_size = machine.size;
    return RAFT_OK;
}

static enum raft_status machine_read(void *ctx, enum raft_point point, uint64_t offset,
                                     uint8_t *bytes, size_t size)
{
    (void)ctx;
    ck_assert(machine.is_frozen);
    ck_assert_uint_le(offset + size, machine.frozen_size);
    machine.reads++;
    if (machine_consult(point) != RAFT_OK) {
        return machine.fails_with;
    }
    memcpy(bytes, machine.frozen + offset, size);
    return RAFT_OK;
}

static void machine_thaw(void *ctx)
{
    (void)ctx;
    ck_assert(machine.is_frozen);
    machine.is_frozen = false;
}

static enum raft_status machine_restore_begin(void *ctx, enum raft_point point, uint64_t size)
{
    (void)ctx;
    ck_assert(!machine.is_coming);
    if (machine_consult(point) != RAFT_OK || size > MACHINE_SIZE_MAX) {
        return RAFT_MACHINE;
    }
    machine.is_coming = true;
    machine.coming_size = (size_t)size;
    machine.coming_done = 0;
    return RAFT_OK;
}

static enum raft_status machine_restore_write(void *ctx, enum raft_point point,
                                              const uint8_t *bytes, size_t size)
{
    (void)ctx;
    ck_assert(machine.is_coming);
    ck_assert_uint_le(size, machine.coming_size - machine.coming_done);
    if (machine_consult(point) != RAFT_OK) {
        return machine.fails_with;
    }
    memcpy(machine.coming + machine.coming_done, bytes, size);
    machine.coming_done += size;
    return RAFT_OK;
}

static enum raft_status machine_restore_commit(void *ctx, enum raft_point point, raft_index index)
{
    (void)ctx;
    ck_assert(machine.is_coming);
    ck_assert_uint_eq(machine.coming_done, machine.coming_size);
    if (machine_consult(point) != RAFT_OK) {
        return machine.fails_with;
    }
    machine.is_coming = false;
    machine.size = machine.coming_size;
    memcpy(machine.state, machine.coming, machine.size);
    machine.index = index;
    machine.commits++;
    return RAFT_OK;
}

static void machine_restore_abort(void *ctx)
{
    (void)ctx;
    ck_assert(machine.is_coming);
    machine.is_coming = false;
    machine.aborts++;
}

static inline void machine_install(struct raft_env *env)
{
    env->snapshot_begin = machine_freeze;
    env->snapshot_read = machine_read;
    env->snapshot_end = machine_thaw;
    env->restore_begin = machine_restore_begin;
    env->restore_write = machine_restore_write;
    env->restore_commit = machine_restore_commit;
    env->restore_abort = machine_restore_abort;
}

#endif
