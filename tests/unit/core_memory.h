/* Memory for the core's unit tests: malloc, a count of live blocks, and the Nth failure. */
#ifndef TESTS_CORE_MEMORY_H
#define TESTS_CORE_MEMORY_H

#include <raft/entry.h>
#include <stdlib.h>
#include <string.h>

struct core_memory {
    struct raft_memory memory;
    long live;
    long allocations;
    long fail_at; /* the allocation that returns NULL, from 1; 0: none */
};

static void *core_memory_alloc(void *ctx, enum raft_point point, size_t size)
{
    struct core_memory *memory = ctx;
    (void)point;
    memory->allocations++;
    if (memory->allocations == memory->fail_at) {
        return NULL;
    }
    void *block = malloc(size);
    if (block != NULL) {
        memset(block, 0xA5, size);
        memory->live++;
    }
    return block;
}

static void core_memory_free(void *ctx, void *block)
{
    struct core_memory *memory = ctx;
    if (block != NULL) {
        memory->live--;
        free(block);
    }
}

static inline void core_memory_init(struct core_memory *memory)
{
    *memory = (struct core_memory){
        .memory = {.ctx = memory, .alloc = core_memory_alloc, .free = core_memory_free}};
}

/* An entry at a position, with a payload of some bytes and one MESSAGE reference. */
static inline struct raft_entry *core_entry(struct core_memory *memory, raft_term term,
                                            raft_index index, const char *payload)
{
    struct raft_entry *entry = NULL;
    uint32_t size = (uint32_t)strlen(payload);
    if (raft_entry_create(&memory->memory, RAFT_AT_SUBMIT_ENTRY_ALLOC, RAFT_ENTRY_COMMAND, size,
                          RAFT_HOLDER_MESSAGE, &entry) != RAFT_OK) {
        abort();
    }
    entry->id = (struct raft_entry_id){term, index};
    memcpy(entry->payload, payload, size);
    return entry;
}

#endif
