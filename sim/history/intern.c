/* Texts by number, in a table with open addressing.
 *
 * Invariants:
 *  1. texts[i] is found at the first free or matching place behind its hash, and only there.
 *  2. The bytes of a text do not move, and end with a 0 if they were copied.
 *  3. At most half of the table is in use. */
#include "intern.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#define CHUNK_SIZE ((size_t)16 * 1024)
#define TABLE_MIN  64u

struct intern_chunk {
    struct intern_chunk *next;
    size_t used;
    size_t size;
    char bytes[];
};

static _Noreturn void out_of_memory(void)
{
    fputs("squall: out of memory\n", stderr);
    abort();
}

void *history_zeroed(size_t count, size_t size)
{
    void *items = calloc(count != 0 ? count : 1, size);
    if (items == NULL) {
        out_of_memory();
    }
    return items;
}

void *history_room(void *items, uint32_t *capacity, size_t needed, size_t item_size)
{
    if (needed <= *capacity) {
        return items;
    }
    size_t grown = *capacity < 8 ? 16 : (size_t)*capacity * 2;
    grown = grown < needed ? needed : grown;
    void *moved = grown <= UINT32_MAX ? realloc(items, grown * item_size) : NULL;
    if (moved == NULL) {
        out_of_memory();
    }
    *capacity = (uint32_t)grown;
    return moved;
}

void intern_free(struct intern *intern)
{
    while (intern->chunks != NULL) {
        struct intern_chunk *next = intern->chunks->next;
        free(intern->chunks);
        intern->chunks = next;
    }
    free(intern->texts);
    free(intern->table);
    *intern = (struct intern){0};
}

static char *keep(struct intern *intern, const char *bytes, size_t size)
{
    struct intern_chunk *chunk = intern->chunks;
    if (chunk == NULL || chunk->size - chunk->used < size + 1) {
        size_t room = size + 1 > CHUNK_SIZE ? size + 1 : CHUNK_SIZE;
        chunk = malloc(sizeof *chunk + room);
        if (chunk == NULL) {
            out_of_memory();
        }
        *chunk = (struct intern_chunk){.next = intern->chunks, .size = room};
        intern->chunks = chunk;
    }
    char *kept = chunk->bytes + chunk->used;
    memcpy(kept, bytes, size);
    kept[size] = '\0';
    chunk->used += size + 1;
    return kept;
}

static uint64_t text_hash(uint32_t kind, const char *bytes, size_t size)
{
    return XXH3_64bits_withSeed(bytes, size, kind);
}

static void table_grow(struct intern *intern)
{
    uint32_t size = intern->table_size == 0 ? TABLE_MIN : intern->table_size * 2;
    uint32_t *table = history_zeroed(size, sizeof table[0]);
    for (uint32_t i = 0; i < intern->count; i++) {
        const struct intern_text *text = &intern->texts[i];
        uint64_t at = text_hash(text->kind, text->bytes, text->size) & (size - 1);
        while (table[at] != 0) {
            at = (at + 1) & (size - 1);
        }
        table[at] = i + 1;
    }
    free(intern->table);
    intern->table = table;
    intern->table_size = size;
}

/* The place of a text in the table, or the free one where it belongs. */
static uint64_t place_of(const struct intern *intern, uint32_t kind, const char *bytes, size_t size)
{
    uint64_t at = text_hash(kind, bytes, size) & (intern->table_size - 1);
    for (; intern->table[at] != 0; at = (at + 1) & (intern->table_size - 1)) {
        const struct intern_text *text = &intern->texts[intern->table[at] - 1];
        if (text->kind == kind && text->size == size && memcmp(text->bytes, bytes, size) == 0) {
            break;
        }
    }
    return at;
}

static uint32_t put(struct intern *intern, uint32_t kind, const char *bytes, size_t size,
                    bool is_borrowed)
{
    if (intern->count * 2 >= intern->table_size) {
        table_grow(intern);
    }
    bytes = size == 0 ? "" : bytes;
    uint64_t at = place_of(intern, kind, bytes, size);
    if (intern->table[at] != 0) {
        return intern->table[at] - 1;
    }
    uint32_t number = intern->count;
    intern->texts =
        history_room(intern->texts, &intern->capacity, (size_t)number + 1, sizeof intern->texts[0]);
    intern->texts[number] = (struct intern_text){
        .bytes = is_borrowed ? bytes : keep(intern, bytes, size), .size = size, .kind = kind};
    intern->table[at] = number + 1;
    intern->count++;
    assert(intern->count * 2 <= intern->table_size);
    return number;
}

uint32_t intern_find(const struct intern *intern, uint32_t kind, const char *bytes, size_t size)
{
    assert(intern->table_size > 0);
    return intern->table[place_of(intern, kind, bytes, size)] - 1;
}

uint32_t intern_copy(struct intern *intern, uint32_t kind, const char *bytes, size_t size)
{
    return put(intern, kind, bytes, size, false);
}

uint32_t intern_borrow(struct intern *intern, uint32_t kind, const char *bytes, size_t size)
{
    return put(intern, kind, bytes, size, true);
}
