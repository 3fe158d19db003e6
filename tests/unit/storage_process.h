/* A process with a store on the simulated disk, for tests in which it dies at any operation: its
 * memory goes with it, so nothing has to be given back. */
#ifndef TESTS_STORAGE_PROCESS_H
#define TESTS_STORAGE_PROCESS_H

#include "files_driver.h"
#include "machine_double.h"

#include <raft/storage.h>

#define POOL_SIZE   (1u << 20)
#define LOADS_BELOW 60u /* operations of a start, and more */

static struct {
    uint8_t pool[POOL_SIZE];
    size_t used;
    struct raft_memory memory;
    struct raft_env env;
    struct raft_options options;
    struct raft_storage *storage;
    struct raft_log log;
    struct raft_stored stored;
} p;

/* What new stores are bootstrapped with. */
static const struct raft_configuration founder = {{{1, RAFT_MEMBER_VOTER, 0}}, 1};

static void *pool_alloc(void *ctx, enum raft_point point, size_t size)
{
    (void)ctx;
    (void)point;
    assert_quietly(p.used + size < POOL_SIZE);
    void *block = p.pool + p.used;
    p.used += (size + 15) / 16 * 16;
    return block;
}

static void pool_free(void *ctx, void *block)
{
    (void)ctx;
    (void)block;
}

/* Sets what a process needs before it makes its store; the options may be changed until then. */
static inline void process_init(void)
{
    p.used = 0;
    p.memory = (struct raft_memory){.alloc = pool_alloc, .free = pool_free};
    p.env = (struct raft_env){.memory = &p.memory, .list = sim_list};
    machine_reset();
    machine_install(&p.env);
    raft_options_init(&p.options);
    raft_log_init(&p.log, &p.memory);
}

static inline void process_create(void)
{
    ck_assert_int_eq(raft_storage_create(&p.options, &p.env, &p.storage), RAFT_OK);
}

/* An entry whose payload is its index, four times. */
static inline struct raft_entry *process_entry(raft_term term, raft_index index)
{
    struct raft_entry *entry = NULL;
    assert_quietly(raft_entry_create(&p.memory, RAFT_AT_SUBMIT_ENTRY_ALLOC, RAFT_ENTRY_COMMAND, 4,
                                     RAFT_HOLDER_MESSAGE, &entry) == RAFT_OK);
    entry->id = (struct raft_entry_id){term, index};
    memset(entry->payload, (int)index, 4);
    return entry;
}

#endif
