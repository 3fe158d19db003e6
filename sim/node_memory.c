/* The memory of a simulated process.
 *
 * Every block has a header that links it, so that a crash frees all of them, and names the fault
 * point that it was allocated at, so that a leak can be named. A freed block is filled with a
 * pattern and waits in a quarantine, oldest out first; when it leaves, the pattern must be intact.
 *
 * The quarantine is bounded in bytes because a checkpoint copies it: 64 KiB is some hundred
 * entries, enough for a stale pointer to be used again. Under AddressSanitizer checkpoints are rare
 * and the bound is 4 MiB. Blocks larger than 4 KiB are buffers and pass it by.
 *
 * Fault model. An allocation fails at the caller's point, at the world's "memory.alloc", or when
 * the node's memory limit is reached; then nothing has changed. In a dying process nothing is
 * allocated and nothing freed.
 *
 * Invariants:
 *  1. block_count and block_bytes count the blocks in the list, not those in quarantine.
 *  2. What the process sees of fresh memory is the node's fill pattern. */
#include "node_internal.h"

#include "world.h"

#include <assert.h>
#include <stdalign.h>
#include <stddef.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define QUARANTINE_SIZE_MAX ((size_t)4 << 20)
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define QUARANTINE_SIZE_MAX ((size_t)4 << 20)
#endif
#endif
#ifndef QUARANTINE_SIZE_MAX
#define QUARANTINE_SIZE_MAX ((size_t)64 << 10)
#endif
#define QUARANTINE_BLOCK_MAX ((size_t)4 << 10)
#define FREED_PATTERN        0xddu
#define BLOCK_LIVE           0x4c495645u
#define BLOCK_FREED          0x46524545u

struct sim_block {
    struct sim_block *next;
    struct sim_block *previous;
    size_t size;
    uint32_t point;
    uint32_t state; /* BLOCK_* */
    alignas(16) uint8_t bytes[];
};

_Static_assert(sizeof(struct sim_block) % 16 == 0, "blocks must be aligned for any object");

static bool is_refused(struct sim_node *node, enum raft_point point, size_t size)
{
    struct sim_faults *faults = &node->world->faults;
    struct sim_verdict verdict = sim_fault_consult(faults, node->id, sim_node_point(node, point));
    if (node->dying || (verdict.fired && verdict.outcome == RAFT_OUTCOME_NULL)) {
        return true;
    }
    verdict = sim_fault_consult(faults, node->id, faults->sut_point_count + SIM_POINT_MEMORY_ALLOC);
    if (node->dying || (verdict.fired && verdict.outcome == RAFT_OUTCOME_NULL)) {
        return true;
    }
    bool fits = size <= node->memory_limit && node->block_bytes <= node->memory_limit - size;
    if (!fits && sim_fault_befalls(faults, node->id, SIM_MISHAP_MEMORY)) {
        sim_node_harm(node, SIM_HARM_MEMORY);
        sim_watch_hit(node->memory_watch);
        return true;
    }
    return false;
}

static void *env_alloc(void *ctx, enum raft_point point, size_t size)
{
    struct sim_node *node = ctx;
    assert(node->running);
    if (node->dying || is_refused(node, point, size)) {
        return NULL;
    }
    struct sim_block *block = arena_alloc(node->world->arena, sizeof *block + size);
    block->size = size;
    block->point = sim_node_point(node, point);
    block->state = BLOCK_LIVE;
    block->previous = NULL;
    block->next = node->blocks;
    if (node->blocks != NULL) {
        node->blocks->previous = block;
    }
    node->blocks = block;
    node->block_count++;
    node->block_bytes += size;
    memset(block->bytes, node->fill, size);
    return block->bytes;
}

/* Whether every byte still has the pattern. */
static bool is_intact(const struct sim_block *block)
{
    return block->size == 0 || (block->bytes[0] == FREED_PATTERN &&
                                memcmp(block->bytes, block->bytes + 1, block->size - 1) == 0);
}

bool sim_node_memory_is_intact(const struct sim_node *node)
{
    const struct sim_block *block = node->quarantine;
    while (block != NULL && is_intact(block)) {
        assert(block->state == BLOCK_FREED);
        block = block->next;
    }
    return block == NULL;
}

/* Where a block was allocated; of one that has left the quarantine nobody knows. */
static const char *point_name(const struct sim_node *node, const struct sim_block *block)
{
    const struct sim_faults *faults = &node->world->faults;
    return block->point < faults->point_count ? faults->points[block->point]->name : "?";
}

static void quarantine_evict(struct sim_node *node)
{
    struct sim_block *block = node->quarantine;
    assert(block != NULL && block->state == BLOCK_FREED);
    node->quarantine = block->next;
    if (node->quarantine == NULL) {
        node->quarantine_end = &node->quarantine;
    }
    node->quarantine_bytes -= block->size;
    if (!is_intact(block)) {
        sim_fail(node->world, sim_oracle_string(SIM_ORACLE_LEDGER), node->id,
                 "memory was written after its release: %zu bytes allocated at %s", block->size,
                 point_name(node, block));
    }
    arena_free(node->world->arena, block);
}

static void quarantine_add(struct sim_node *node, struct sim_block *block)
{
    memset(block->bytes, FREED_PATTERN, block->size);
    block->next = NULL;
    *node->quarantine_end = block;
    node->quarantine_end = &block->next;
    node->quarantine_bytes += block->size;
    while (node->quarantine_bytes > QUARANTINE_SIZE_MAX) {
        quarantine_evict(node);
    }
}

static void block_unlink(struct sim_node *node, struct sim_block *block)
{
    if (block->previous != NULL) {
        block->previous->next = block->next;
    } else {
        assert(node->blocks == block);
        node->blocks = block->next;
    }
    if (block->next != NULL) {
        block->next->previous = block->previous;
    }
    assert(node->block_count > 0 && node->block_bytes >= block->size);
    node->block_count--;
    node->block_bytes -= block->size;
}

static void env_free(void *ctx, void *memory)
{
    struct sim_node *node = ctx;
    if (memory == NULL || node->dying) {
        return;
    }
    struct sim_block *block =
        (struct sim_block *)((uint8_t *)memory - offsetof(struct sim_block, bytes));
    if (block->state != BLOCK_LIVE) {
        sim_fail(node->world, sim_oracle_string(SIM_ORACLE_LEDGER), node->id,
                 "memory was released twice: %zu bytes allocated at %s", block->size,
                 point_name(node, block));
        return;
    }
    block_unlink(node, block);
    block->state = BLOCK_FREED;
    if (block->size <= QUARANTINE_BLOCK_MAX) {
        quarantine_add(node, block);
    } else {
        arena_free(node->world->arena, block);
    }
}

void sim_node_memory_init(struct sim_node *node)
{
    node->memory =
        (struct raft_memory){.ctx = node, .alloc = env_alloc, .free = env_free, .probe = NULL};
    node->memory_limit = UINT64_MAX;
    node->blocks = NULL;
    node->quarantine = NULL;
    node->quarantine_end = &node->quarantine;
}

const char *sim_node_memory_leak(const struct sim_node *node)
{
    return node->blocks == NULL ? NULL : point_name(node, node->blocks);
}

void sim_node_memory_release(struct sim_node *node)
{
    struct sim_block *next = NULL;
    for (struct sim_block *block = node->blocks; block != NULL; block = next) {
        next = block->next;
        arena_free(node->world->arena, block);
    }
    node->blocks = NULL;
    node->block_count = 0;
    node->block_bytes = 0;
    while (node->quarantine != NULL) {
        quarantine_evict(node);
    }
    assert(node->quarantine_bytes == 0);
}
