/* The arena: all memory of a run, mapped at a fixed address.
 *
 * Everything mutable of a run (nodes, devices, queues, streams, oracles, the Lua heap) is allocated
 * here, and nothing outside points into it but the explorer's root pointer. What the compiler keeps
 * elsewhere (the marks of entered code) is attached. A checkpoint is a copy of the used part, going
 * back is a copy back; both are taken between events only. Under ASan the red zones and freed
 * blocks are poisoned, and the marks are rebuilt after a restore.
 *
 * The content of a run never depends on addresses; the fixed address makes checkpoints possible,
 * and makes whatever should depend on an address by mistake repeat. */
#ifndef SIM_ARENA_H
#define SIM_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIM_ARENA_BASE ((uintptr_t)0x200000000000)
#define SIM_ARENA_SIZE ((size_t)1 << 32) /* bytes of address space; pages come when touched */

struct arena;
struct arena_checkpoint;

/* Maps the process's arena at SIM_ARENA_BASE. NULL with a sentence in *out_error if the address is
 * taken. One at a time in a process. */
struct arena *arena_open(const char **out_error);
void arena_close(struct arena *arena);
/* Forgets every block, before a new run. */
void arena_reset(struct arena *arena);

/* Memory aligned to 16 bytes, not initialised (freshly allocated memory holds the arena's fill
 * byte, so that nothing can depend on what was there before). Never NULL: an exhausted arena ends
 * the process with a message, which the explorer reports with the seed. */
void *arena_alloc(struct arena *arena, size_t size);
void *arena_calloc(struct arena *arena, size_t size);
/* Keeps the content up to the smaller size. block may be NULL. */
void *arena_realloc(struct arena *arena, void *block, size_t size);
void arena_free(struct arena *arena, void *block); /* NULL is nothing */
/* The byte that fresh memory, and the first 4 KiB of a freed block, is filled with; 0xA5 unless
 * set. Survives reset. */
void arena_set_fill(struct arena *arena, uint8_t fill);

size_t arena_used(const struct arena *arena);   /* bytes from the base that a checkpoint copies */
size_t arena_blocks(const struct arena *arena); /* live blocks */
/* Memory outside that belongs to the run all the same: cleared by a reset, saved and restored with
 * the checkpoints. One region; size 0: none. It must outlive the arena. */
void arena_attach(struct arena *arena, uint8_t *bytes, size_t size);
bool arena_owns(const struct arena *arena, const void *pointer);

/* Checkpoints live outside the arena, in this process. */
struct arena_checkpoint *arena_checkpoint_create(void);
void arena_checkpoint_destroy(struct arena_checkpoint *checkpoint);
void arena_save(const struct arena *arena, struct arena_checkpoint *checkpoint);
void arena_restore(struct arena *arena, const struct arena_checkpoint *checkpoint);

/* A stretch of the arena; both its address and its size are multiples of eight. */
struct arena_span {
    const void *at;
    size_t size;
};

/* What a digest needs for its way; lives outside the arena, and can be used again. */
struct arena_walk;
struct arena_walk *arena_walk_create(void);
void arena_walk_destroy(struct arena_walk *walk);
/* A digest of all that can be reached from a live block, without what is left out (in the order of
 * addresses, no two overlapping). Equal digests mean equal content, wherever the blocks lie. Not
 * equal if memory was never written: that is the fill byte. O(size of the arena). */
uint64_t arena_digest(const struct arena *arena, const void *root,
                      const struct arena_span *left_out, size_t count, struct arena_walk *walk);

#endif
