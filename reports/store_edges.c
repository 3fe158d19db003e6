/* The store's rows about the code: which blocks there are, and which execution entered them.
 *
 * Terms: an *edge* is a block of the code under test, as its compiler knows them; here it goes by
 * its number in this process, in the file by a hash of its place.
 *
 *  1. Counts are kept here and written when the store is flushed: most executions enter the same
 *     blocks. A killed campaign loses those since the last flush, with the executions themselves.
 *  2. An edge is new in the first execution of a run that enters it. */
#include "store_internal.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

static bool reserve(struct store *store, uint32_t number)
{
    if (number < store->edge_count) {
        return true;
    }
    struct store_edge *edges = realloc(store->edges, (number + 1) * sizeof *edges);
    if (edges == NULL) {
        return store_fail(store, "out of memory");
    }
    for (uint32_t i = store->edge_count; i <= number; i++) {
        edges[i] = (struct store_edge){0};
    }
    store->edges = edges;
    store->edge_count = number + 1;
    return true;
}

bool store_add_edge(struct store *store, uint32_t number, const struct store_place *place)
{
    assert(place != NULL && place->file != NULL);
    assert(place->function != NULL && place->source != NULL);
    if (!store_begin(store) || !reserve(store, number)) {
        return false;
    }
    sqlite3_stmt *statement = store_statement(store, STORE_ADD_EDGE);
    if (statement == NULL) {
        return false;
    }
    uint64_t id = store_id(store_id(0, place->file), place->function);
    id = store_id_count(store_id_count(id, place->line), place->ordinal);
    store->edges[number].id = id;
    store_bind_count(statement, 1, id);
    store_bind_text(statement, 2, place->file);
    store_bind_count(statement, 3, place->line);
    store_bind_text(statement, 4, place->function);
    store_bind_count(statement, 5, place->ordinal);
    store_bind_text(statement, 6, place->source);
    return store_perform(store, statement);
}

bool store_add_entered(struct store *store, uint64_t execution, const uint8_t *bits, uint32_t count)
{
    uint64_t entered = 0;
    uint64_t fresh = 0;
    char hash[24];

    assert(bits != NULL || count == 0);
    if (count == 0 || store->edge_count == 0) {
        return true;
    }
    if (execution != store->execution || count != store->edge_count) {
        return store_fail(store, "edges of execution %" PRIu64 ": not the latest, or not so many",
                          execution);
    }
    for (uint32_t i = 0; i < count; i++) {
        struct store_edge *edge = &store->edges[i];
        if ((bits[i / 8] & 1u << i % 8) == 0) {
            continue;
        }
        entered++;
        fresh += edge->seen ? 0 : 1;
        edge->seen = true;
        edge->first = edge->pending == 0 ? execution : edge->first;
        edge->pending++;
    }
    sqlite3_stmt *statement = store_statement(store, STORE_SET_EDGES);
    if (!store_begin(store) || statement == NULL) {
        return false;
    }
    snprintf(hash, sizeof hash, "%016" PRIx64, (uint64_t)XXH3_64bits(bits, (count + 7) / 8));
    store_bind_count(statement, 1, execution);
    store_bind_count(statement, 2, entered);
    store_bind_count(statement, 3, fresh);
    store_bind_text(statement, 4, hash);
    return store_perform(store, statement);
}

bool store_write_entered(struct store *store)
{
    for (uint32_t i = 0; i < store->edge_count; i++) {
        struct store_edge *edge = &store->edges[i];
        if (edge->pending == 0) {
            continue;
        }
        sqlite3_stmt *statement = store_statement(store, STORE_ADD_ENTERED);
        if (!store_begin(store) || statement == NULL) {
            return false;
        }
        store_bind_count(statement, 1, edge->id);
        store_bind_count(statement, 2, edge->pending);
        store_bind_count(statement, 3, edge->first);
        if (!store_perform(store, statement)) {
            return false;
        }
        edge->pending = 0;
    }
    return true;
}
