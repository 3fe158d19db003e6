/* A map from numbers to numbers: open addressing in the arena, without removal. Nothing depends on
 * the order of its slots. */
#ifndef SIM_TABLE_H
#define SIM_TABLE_H

#include "arena.h"

struct sim_table {
    struct arena *arena;
    struct sim_table_slot *slots;
    uint32_t capacity; /* a power of two, or 0 */
    uint32_t count;
};

struct sim_table_slot {
    uint64_t key; /* 0: free */
    uint64_t value;
};

void sim_table_init(struct sim_table *table, struct arena *arena);
/* The value of a key, borrowed until the next sim_table_put, or NULL. Keys are not 0. */
uint64_t *sim_table_find(const struct sim_table *table, uint64_t key);
/* Adds a key that is not there yet. */
void sim_table_put(struct sim_table *table, uint64_t key, uint64_t value);

#endif
