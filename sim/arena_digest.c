/* The digest of what can be reached in the arena, whatever its addresses.
 *
 * From the root block every word that is an address within a live block leads to that block. Blocks
 * get numbers in the order in which they are come to; in the digest such a word is the number of
 * its block and the offset within. All other words enter as they are. Two arenas with equal digests
 * are therefore equal but for where their blocks lie, for what nothing points to, and for what was
 * left out. A word that only looks like an address adds a block, or makes a difference: equal
 * digests still mean equal content.
 *
 * 1. The arena is read and not changed; all bookkeeping of a walk lies outside.
 * 2. The address behind a block's last byte belongs to that block: a header is nobody's address. */
#include "arena_internal.h"
#include "random.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GRANULE     SIM_ARENA_HEADER_SIZE
#define CHUNK_WORDS 512u

struct arena_walk {
    size_t capacity;   /* granules */
    uint32_t *owners;  /* of each granule: that of the header of its live block; 0: none */
    uint32_t *numbers; /* of each granule that is a header: its block's number; 0: none yet */
    uint32_t *queue;   /* headers in the order of their numbers */
    uint32_t count;    /* numbers given */
    const struct arena_span *left_out;
    size_t left_out_count;
};

struct arena_walk *arena_walk_create(void)
{
    struct arena_walk *walk = calloc(1, sizeof *walk);
    if (walk == NULL) {
        fprintf(stderr, "out of memory for a digest\n");
        abort();
    }
    return walk;
}

void arena_walk_destroy(struct arena_walk *walk)
{
    if (walk != NULL) {
        free(walk->owners);
        free(walk->numbers);
        free(walk->queue);
        free(walk);
    }
}

static void room(struct arena_walk *walk, size_t granules)
{
    if (granules > walk->capacity) {
        walk->capacity = granules + granules / 2;
        free(walk->owners);
        free(walk->numbers);
        free(walk->queue);
        walk->owners = malloc(walk->capacity * sizeof *walk->owners);
        walk->numbers = malloc(walk->capacity * sizeof *walk->numbers);
        walk->queue = malloc(walk->capacity * sizeof *walk->queue);
        if (walk->owners == NULL || walk->numbers == NULL || walk->queue == NULL) {
            fprintf(stderr, "out of memory for a digest of %zu bytes\n", granules * GRANULE);
            abort();
        }
    }
    memset(walk->owners, 0, granules * sizeof *walk->owners);
    memset(walk->numbers, 0, granules * sizeof *walk->numbers);
    walk->count = 0;
}

/* Finds the live blocks. */
SIM_ARENA_TOUCHES_HEADERS static void blocks_find(const struct arena *arena,
                                                  struct arena_walk *walk)
{
    size_t offset = SIM_ARENA_FIRST;
    while (offset < arena->used) {
        const struct arena_block *block = (const struct arena_block *)((uintptr_t)arena + offset);
        size_t size = arena_class_capacity(block->size_class);
        assert(block->state == ARENA_BLOCK_LIVE || block->state == ARENA_BLOCK_FREE);
        if (block->state == ARENA_BLOCK_LIVE) {
            size_t header = offset / GRANULE;
            /* The granule behind the last one is the next header, or the end. */
            for (size_t i = 1; i <= size / GRANULE + 1; i++) {
                walk->owners[header + i] = (uint32_t)header;
            }
        }
        offset += SIM_ARENA_HEADER_SIZE + size;
    }
    assert(offset == arena->used);
}

/* A word as it enters the digest. */
static uint64_t word_of(const struct arena *arena, struct arena_walk *walk, uint64_t word)
{
    uint64_t offset = word - (uintptr_t)arena;
    if (offset >= arena->used || walk->owners[offset / GRANULE] == 0) {
        return word;
    }
    uint32_t header = walk->owners[offset / GRANULE];
    if (walk->numbers[header] == 0) {
        walk->queue[walk->count++] = header;
        walk->numbers[header] = walk->count;
    }
    return (uint64_t)walk->numbers[header] << 32 | (offset - header * GRANULE);
}

/* The first span that ends behind this address. */
static const struct arena_span *span_behind(const struct arena_walk *walk, const uint8_t *at)
{
    size_t low = 0;
    size_t high = walk->left_out_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        const struct arena_span *span = &walk->left_out[middle];
        if ((const uint8_t *)span->at + span->size <= at) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return &walk->left_out[low];
}

/* The next word, or what is left of it. */
static uint64_t word_at(const uint8_t *bytes, size_t left)
{
    uint64_t word = 0;
    if (left >= sizeof word) {
        memcpy(&word, bytes, sizeof word); /* no call, as the size is constant */
    } else {
        memcpy(&word, bytes, left);
    }
    return word;
}

static uint64_t block_digest(const struct arena *arena, struct arena_walk *walk,
                             const uint8_t *bytes, size_t size, uint64_t digest)
{
    uint64_t words[CHUNK_WORDS];
    const struct arena_span *end = walk->left_out + walk->left_out_count;
    const struct arena_span *span = span_behind(walk, bytes);
    size_t count = 0;
    digest = sim_mix(digest, size, 0);
    size_t i = 0;
    while (i < size) {
        bool is_left_out = span < end && (const uint8_t *)span->at < bytes + size;
        assert(!is_left_out || (const uint8_t *)span->at >= bytes + i);
        size_t stop = is_left_out ? (size_t)((const uint8_t *)span->at - bytes) : size;
        for (; i < stop; i += sizeof(uint64_t)) {
            words[count++] = word_of(arena, walk, word_at(bytes + i, stop - i));
            if (count == CHUNK_WORDS) {
                digest = sim_hash(words, sizeof words, digest);
                count = 0;
            }
        }
        if (is_left_out) {
            i = stop + span->size;
            span++;
        }
    }
    return sim_hash(words, count * sizeof words[0], digest);
}

SIM_ARENA_TOUCHES_HEADERS static size_t size_of(const struct arena *arena, uint32_t header)
{
    return ((const struct arena_block *)((uintptr_t)arena + header * GRANULE))->link;
}

uint64_t arena_digest(const struct arena *arena, const void *root,
                      const struct arena_span *left_out, size_t count, struct arena_walk *walk)
{
    uint64_t digest = 0;
    for (size_t i = 0; i < count; i++) {
        assert(left_out[i].size % 8 == 0 && (uintptr_t)left_out[i].at % 8 == 0);
        assert(i == 0 || (const uint8_t *)left_out[i - 1].at + left_out[i - 1].size <=
                             (const uint8_t *)left_out[i].at);
    }
    walk->left_out = left_out;
    walk->left_out_count = count;
    room(walk, arena->used / GRANULE + 2);
    blocks_find(arena, walk);
    (void)word_of(arena, walk, (uintptr_t)root);
    assert(walk->count == 1); /* the root is a live block */
    for (uint32_t i = 0; i < walk->count; i++) {
        uint32_t header = walk->queue[i];
        const uint8_t *bytes = (const uint8_t *)((uintptr_t)arena + (header + 1) * GRANULE);
        digest = block_digest(arena, walk, bytes, size_of(arena, header), digest);
    }
    return digest;
}
