/* A map from numbers to numbers.
 *
 * Linear probing; the table doubles when it is three quarters full, so that a probe ends after a
 * few slots.
 *
 * Invariants:
 *  1. A key is in the slot of its hash or behind it, with no free slot between.
 *  2. At least a quarter of the slots is free. */
#include "table.h"

#include <assert.h>

#define CAPACITY_FIRST 64u

void sim_table_init(struct sim_table *table, struct arena *arena)
{
    *table = (struct sim_table){.arena = arena};
}

/* Fibonacci hashing: the high bits of the product spread keys that ascend. */
static uint32_t first_slot(uint64_t key, uint32_t capacity)
{
    return (uint32_t)((key * 0x9e3779b97f4a7c15u) >> 32) & (capacity - 1);
}

static struct sim_table_slot *slot_of(struct sim_table_slot *slots, uint32_t capacity, uint64_t key)
{
    uint32_t at = first_slot(key, capacity);
    while (slots[at].key != 0 && slots[at].key != key) {
        at = (at + 1) & (capacity - 1);
    }
    return &slots[at];
}

uint64_t *sim_table_find(const struct sim_table *table, uint64_t key)
{
    assert(key != 0);
    if (table->capacity == 0) {
        return NULL;
    }
    struct sim_table_slot *slot = slot_of(table->slots, table->capacity, key);
    return slot->key == key ? &slot->value : NULL;
}

static void grow(struct sim_table *table)
{
    uint32_t capacity = table->capacity == 0 ? CAPACITY_FIRST : 2 * table->capacity;
    assert(capacity > table->capacity);
    struct sim_table_slot *slots = arena_calloc(table->arena, capacity * sizeof slots[0]);
    for (uint32_t i = 0; i < table->capacity; i++) {
        if (table->slots[i].key != 0) {
            *slot_of(slots, capacity, table->slots[i].key) = table->slots[i];
        }
    }
    arena_free(table->arena, table->slots);
    table->slots = slots;
    table->capacity = capacity;
}

void sim_table_put(struct sim_table *table, uint64_t key, uint64_t value)
{
    assert(key != 0);
    if (4 * (uint64_t)table->count >= 3 * (uint64_t)table->capacity) {
        grow(table);
    }
    struct sim_table_slot *slot = slot_of(table->slots, table->capacity, key);
    assert(slot->key == 0);
    *slot = (struct sim_table_slot){key, value};
    table->count++;
}
