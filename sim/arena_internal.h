/* How the arena lies in memory; shared by arena*.c alone. */
#ifndef SIM_ARENA_INTERNAL_H
#define SIM_ARENA_INTERNAL_H

#include "arena.h"

#include <assert.h>

#define SIM_ARENA_HEADER_SIZE   ((size_t)16)
#define SIM_ARENA_SMALL_CLASSES 64u /* in steps of 16 bytes up to 1 KiB */
/* Then two for each power of two, up to 4 GiB. */
#define SIM_ARENA_CLASS_COUNT (SIM_ARENA_SMALL_CLASSES + 44u)

/* Headers are poisoned under ASan: what reads or writes them is marked so. */
#define SIM_ARENA_TOUCHES_HEADERS __attribute__((no_sanitize_address))

enum arena_block_state { ARENA_BLOCK_LIVE = 0x4c495645, ARENA_BLOCK_FREE = 0x46524545 };

struct arena_block {
    uint64_t link; /* LIVE: bytes asked for; FREE: offset of the next of its class, 0: none */
    uint32_t size_class;
    uint32_t state;
};
_Static_assert(sizeof(struct arena_block) == SIM_ARENA_HEADER_SIZE, "a header is 16 bytes");

struct arena {
    uint64_t magic;
    size_t used;
    size_t blocks;
    uint64_t fill;
    uint8_t *attached;
    size_t attached_size;
    /* Offsets of the first free block of each class; 0: none. */
    uint64_t free[SIM_ARENA_CLASS_COUNT];
};

/* The offset of the first block. */
#define SIM_ARENA_FIRST                                                                            \
    ((sizeof(struct arena) + SIM_ARENA_HEADER_SIZE - 1) / SIM_ARENA_HEADER_SIZE *                  \
     SIM_ARENA_HEADER_SIZE)

static inline size_t arena_class_capacity(uint32_t size_class)
{
    assert(size_class < SIM_ARENA_CLASS_COUNT);
    if (size_class < SIM_ARENA_SMALL_CLASSES) {
        return ((size_t)size_class + 1) * 16;
    }
    uint32_t step = size_class - SIM_ARENA_SMALL_CLASSES;
    unsigned power = 10 + step / 2;
    return step % 2 == 0 ? (size_t)3 << (power - 1) : (size_t)2 << power;
}

#endif
