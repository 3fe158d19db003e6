/* The arena: a bump allocator with free lists by size class, in one mapping at a fixed address.
 *
 * Layout: struct arena at the base, then blocks without gaps up to `used`. A block is a header of
 * 16 bytes and a payload as large as its class. A block keeps its class for ever; when it is freed
 * it goes to the head of the class's list and is reused before the bump pointer moves. All
 * bookkeeping, the lists included, lies inside, so that copying [base, base + used) copies the
 * arena.
 *
 * Invariants:
 *  1. The blocks tile [first block, used) exactly; each header is LIVE or FREE.
 *  2. A FREE block is on the list of its class exactly once, a LIVE one on none.
 *  3. What a reader of fresh memory sees is the fill byte, whatever was there before.
 *  4. Under ASan headers, slack and free payloads are poisoned, and live payloads are not. Headers
 *     stay poisoned for ever: only the functions marked TOUCHES_HEADERS read and write them.
 *  5. Under Valgrind fresh and freed payloads are undefined. Definedness travels with the bytes,
 *     through a checkpoint and back, so nothing has to be rebuilt there. */
#include "arena_internal.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_POISONS 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define ARENA_POISONS 1
#endif
#if !defined(ARENA_POISONS)
#define ARENA_POISONS 0
#endif

#if ARENA_POISONS
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(bytes, size)   ((void)(bytes), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(bytes, size) ((void)(bytes), (void)(size))
#endif
#define TOUCHES_HEADERS SIM_ARENA_TOUCHES_HEADERS

#if defined(__has_include)
#if __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#endif
#endif
#if !defined(VALGRIND_MAKE_MEM_UNDEFINED)
#define VALGRIND_MAKE_MEM_UNDEFINED(bytes, size) ((void)(bytes), (void)(size))
#endif

#define ARENA_MAGIC    UINT64_C(0x73717561726e6131)
#define HEADER_SIZE    SIM_ARENA_HEADER_SIZE
#define SMALL_MAX      ((size_t)1024)
#define FIRST_BLOCK    SIM_ARENA_FIRST
#define FILL_FREED_MAX ((size_t)4096)

struct arena_checkpoint {
    uint8_t *bytes;
    size_t size;
    size_t capacity;
    uint8_t *attached;
    size_t attached_size;
};

static uint8_t *at(const struct arena *arena, size_t offset)
{
    return (uint8_t *)(uintptr_t)arena + offset;
}

static uint32_t class_of(size_t size)
{
    if (size <= SMALL_MAX) {
        return size == 0 ? 0 : (uint32_t)((size + 15) / 16 - 1);
    }
    unsigned power = 63u - (unsigned)__builtin_clzll((unsigned long long)size - 1);
    assert(power >= 10 && power < 32);
    bool is_upper = size > ((size_t)3 << (power - 1));
    return SIM_ARENA_SMALL_CLASSES + (power - 10) * 2 + (is_upper ? 1 : 0);
}

/* Makes the sanitizers see a live block: its header and slack are out of bounds. */
static void mark_live(uint8_t *payload, size_t size, size_t capacity)
{
    assert(size <= capacity);
    ASAN_POISON_MEMORY_REGION(payload - HEADER_SIZE, HEADER_SIZE);
    ASAN_UNPOISON_MEMORY_REGION(payload, size);
    ASAN_POISON_MEMORY_REGION(payload + size, capacity - size);
}

static void mark_free(uint8_t *payload, size_t capacity)
{
    ASAN_POISON_MEMORY_REGION(payload - HEADER_SIZE, HEADER_SIZE);
    ASAN_POISON_MEMORY_REGION(payload, capacity);
}

/* Copies bytes that may be poisoned. */
TOUCHES_HEADERS static void copy_all(uint8_t *to, const uint8_t *from, size_t size)
{
    assert(size % sizeof(uint64_t) == 0);
    if (!ARENA_POISONS) {
        memcpy(to, from, size);
        return;
    }
    /* Volatile, lest the compiler makes a memcpy of it, which ASan would check. */
    volatile uint64_t *target = (volatile uint64_t *)(void *)to;
    const volatile uint64_t *source = (const volatile uint64_t *)(const void *)from;
    for (size_t i = 0; i < size / sizeof(uint64_t); i++) {
        target[i] = source[i];
    }
}

struct arena *arena_open(const char **out_error)
{
    assert(out_error != NULL);
    *out_error = NULL;
    void *base = mmap((void *)SIM_ARENA_BASE, SIM_ARENA_SIZE, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
    if (base == MAP_FAILED) {
        *out_error = errno == EEXIST ? "the arena's address range is taken"
                                     : "the system refuses 4 GiB of address space";
        return NULL;
    }
    if ((uintptr_t)base != SIM_ARENA_BASE) {
        /* A kernel that does not know MAP_FIXED_NOREPLACE takes the address for a hint. */
        munmap(base, SIM_ARENA_SIZE);
        *out_error = "the arena's address range is taken";
        return NULL;
    }
    struct arena *arena = base;
    arena->magic = ARENA_MAGIC;
    arena->used = FIRST_BLOCK;
    arena->fill = 0xA5;
    return arena;
}

void arena_close(struct arena *arena)
{
    if (arena == NULL) {
        return;
    }
    assert(arena->magic == ARENA_MAGIC);
    ASAN_UNPOISON_MEMORY_REGION(arena, arena->used + HEADER_SIZE);
    int failed = munmap(arena, SIM_ARENA_SIZE);
    assert(failed == 0);
    (void)failed;
}

void arena_reset(struct arena *arena)
{
    assert(arena->magic == ARENA_MAGIC);
    assert(arena->used >= FIRST_BLOCK);
    ASAN_POISON_MEMORY_REGION(at(arena, FIRST_BLOCK), arena->used - FIRST_BLOCK);
    memset(arena->free, 0, sizeof arena->free);
    arena->used = FIRST_BLOCK;
    arena->blocks = 0;
    if (arena->attached_size > 0) {
        memset(arena->attached, 0, arena->attached_size);
    }
}

void arena_set_fill(struct arena *arena, uint8_t fill)
{
    assert(arena->magic == ARENA_MAGIC);
    arena->fill = fill;
}

static void exhausted(const struct arena *arena, size_t size)
{
    fprintf(stderr, "arena exhausted: %zu bytes asked for, %zu of %zu in use\n", size, arena->used,
            SIM_ARENA_SIZE);
    abort();
}

/* A live block with an unspecified payload. */
TOUCHES_HEADERS static uint8_t *take(struct arena *arena, size_t size)
{
    assert(arena->magic == ARENA_MAGIC);
    if (size > SIM_ARENA_SIZE / 2) {
        exhausted(arena, size);
    }
    uint32_t size_class = class_of(size);
    size_t capacity = arena_class_capacity(size_class);
    assert(capacity >= size && capacity % 16 == 0);
    size_t offset = arena->free[size_class];
    struct arena_block *block;
    if (offset != 0) {
        block = (struct arena_block *)(void *)at(arena, offset);
        assert(block->state == ARENA_BLOCK_FREE && block->size_class == size_class);
        arena->free[size_class] = block->link;
    } else {
        /* One header more, because the place of the next one serves as a red zone. */
        if (SIM_ARENA_SIZE - arena->used < capacity + 2 * HEADER_SIZE) {
            exhausted(arena, size);
        }
        block = (struct arena_block *)(void *)at(arena, arena->used);
        block->size_class = size_class;
        arena->used += HEADER_SIZE + capacity;
        ASAN_POISON_MEMORY_REGION(at(arena, arena->used), HEADER_SIZE);
    }
    block->link = size;
    block->state = ARENA_BLOCK_LIVE;
    arena->blocks++;
    uint8_t *payload = (uint8_t *)block + HEADER_SIZE;
    mark_live(payload, size, capacity);
    return payload;
}

/* The header of a live block of this arena. */
TOUCHES_HEADERS static struct arena_block *header_of(const struct arena *arena, void *payload)
{
    assert(arena->magic == ARENA_MAGIC);
    assert(arena_owns(arena, payload) && (uintptr_t)payload % 16 == 0);
    struct arena_block *block = (struct arena_block *)(void *)((uint8_t *)payload - HEADER_SIZE);
    assert(block->state == ARENA_BLOCK_LIVE);
    assert(block->size_class < SIM_ARENA_CLASS_COUNT &&
           block->link <= arena_class_capacity(block->size_class));
    return block;
}

static void fill_fresh(const struct arena *arena, uint8_t *bytes, size_t size)
{
    memset(bytes, (int)arena->fill, size);
    VALGRIND_MAKE_MEM_UNDEFINED(bytes, size);
}

void *arena_alloc(struct arena *arena, size_t size)
{
    uint8_t *payload = take(arena, size);
    fill_fresh(arena, payload, size);
    return payload;
}

void *arena_calloc(struct arena *arena, size_t size)
{
    uint8_t *payload = take(arena, size);
    memset(payload, 0, size);
    return payload;
}

TOUCHES_HEADERS void *arena_realloc(struct arena *arena, void *block, size_t size)
{
    if (block == NULL) {
        return arena_alloc(arena, size);
    }
    struct arena_block *header = header_of(arena, block);
    size_t old_size = header->link;
    if (size <= SIM_ARENA_SIZE / 2 && class_of(size) == header->size_class) {
        header->link = size;
        mark_live(block, size, arena_class_capacity(header->size_class));
        if (size > old_size) {
            fill_fresh(arena, (uint8_t *)block + old_size, size - old_size);
        }
        return block;
    }
    uint8_t *moved = take(arena, size);
    size_t kept = old_size < size ? old_size : size;
    memcpy(moved, block, kept);
    fill_fresh(arena, moved + kept, size - kept);
    arena_free(arena, block);
    return moved;
}

TOUCHES_HEADERS void arena_free(struct arena *arena, void *block)
{
    if (block == NULL) {
        return;
    }
    struct arena_block *header = header_of(arena, block);
    assert(arena->blocks > 0);
    size_t size = header->link;
    /* A large block is filled at its beginning only: the fill shows a use after release to the
     * eye, and what reads further will not miss that. */
    memset(block, (int)arena->fill, size < FILL_FREED_MAX ? size : FILL_FREED_MAX);
    VALGRIND_MAKE_MEM_UNDEFINED(block, size);
    header->state = ARENA_BLOCK_FREE;
    header->link = arena->free[header->size_class];
    arena->free[header->size_class] = (uint64_t)((uintptr_t)header - (uintptr_t)arena);
    arena->blocks--;
    mark_free(block, arena_class_capacity(header->size_class));
}

size_t arena_used(const struct arena *arena)
{
    assert(arena->magic == ARENA_MAGIC);
    return arena->used;
}

size_t arena_blocks(const struct arena *arena)
{
    assert(arena->magic == ARENA_MAGIC);
    return arena->blocks;
}

bool arena_owns(const struct arena *arena, const void *pointer)
{
    uintptr_t address = (uintptr_t)pointer;
    uintptr_t base = (uintptr_t)arena;
    return address >= base && address - base < arena->used;
}

struct arena_checkpoint *arena_checkpoint_create(void)
{
    struct arena_checkpoint *checkpoint = calloc(1, sizeof *checkpoint);
    if (checkpoint == NULL) {
        fprintf(stderr, "out of memory for a checkpoint\n");
        abort();
    }
    return checkpoint;
}

void arena_checkpoint_destroy(struct arena_checkpoint *checkpoint)
{
    if (checkpoint != NULL) {
        free(checkpoint->bytes);
        free(checkpoint->attached);
        free(checkpoint);
    }
}

void arena_attach(struct arena *arena, uint8_t *bytes, size_t size)
{
    assert(arena->magic == ARENA_MAGIC);
    assert(bytes != NULL || size == 0);
    arena->attached = bytes;
    arena->attached_size = size;
}

/* New memory of a checkpoint in place of the old. */
static uint8_t *room(uint8_t *old, size_t size)
{
    free(old);
    uint8_t *bytes = malloc(size);
    if (bytes == NULL) {
        fprintf(stderr, "out of memory for a checkpoint of %zu bytes\n", size);
        abort();
    }
    return bytes;
}

void arena_save(const struct arena *arena, struct arena_checkpoint *checkpoint)
{
    assert(arena->magic == ARENA_MAGIC);
    assert(checkpoint != NULL);
    if (checkpoint->capacity < arena->used) {
        checkpoint->capacity = arena->used + arena->used / 2;
        checkpoint->bytes = room(checkpoint->bytes, checkpoint->capacity);
    }
    if (checkpoint->attached_size != arena->attached_size) {
        checkpoint->attached_size = arena->attached_size;
        checkpoint->attached = room(checkpoint->attached, checkpoint->attached_size);
    }
    if (arena->attached_size > 0) {
        memcpy(checkpoint->attached, arena->attached, arena->attached_size);
    }
    copy_all(checkpoint->bytes, at(arena, 0), arena->used);
    checkpoint->size = arena->used;
}

/* Walks the blocks in the order of their addresses and marks each as its header says. */
TOUCHES_HEADERS static void rebuild_marks(struct arena *arena)
{
    size_t offset = FIRST_BLOCK;
    while (offset < arena->used) {
        struct arena_block *block = (struct arena_block *)(void *)at(arena, offset);
        assert(block->state == ARENA_BLOCK_LIVE || block->state == ARENA_BLOCK_FREE);
        size_t capacity = arena_class_capacity(block->size_class);
        uint8_t *payload = (uint8_t *)block + HEADER_SIZE;
        if (block->state == ARENA_BLOCK_LIVE) {
            mark_live(payload, block->link, capacity);
        } else {
            mark_free(payload, capacity);
        }
        offset += HEADER_SIZE + capacity;
    }
    assert(offset == arena->used);
}

void arena_restore(struct arena *arena, const struct arena_checkpoint *checkpoint)
{
    assert(arena->magic == ARENA_MAGIC);
    assert(checkpoint->size >= FIRST_BLOCK);
    if (ARENA_POISONS && arena->used > checkpoint->size) {
        ASAN_POISON_MEMORY_REGION(at(arena, checkpoint->size), arena->used - checkpoint->size);
    }
    copy_all(at(arena, 0), checkpoint->bytes, checkpoint->size);
    assert(arena->magic == ARENA_MAGIC && arena->used == checkpoint->size);
    assert(arena->attached_size == checkpoint->attached_size);
    if (arena->attached_size > 0) {
        memcpy(arena->attached, checkpoint->attached, arena->attached_size);
    }
    if (ARENA_POISONS) {
        ASAN_POISON_MEMORY_REGION(at(arena, arena->used), HEADER_SIZE);
        rebuild_marks(arena);
    }
}
