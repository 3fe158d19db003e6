/* What is measured of executions, in the store: liveness, probes, and what came of faults.
 *
 *  1. Rows follow the execution that they belong to, as those of store_execution.c do.
 *  2. A time that never came is NULL, not a large number: averages and percentiles leave it out. */
#include "store_internal.h"

#include "names.h"

#include <assert.h>

static void bind_time(sqlite3_stmt *statement, int parameter, uint64_t time_ns)
{
    if (time_ns == UINT64_MAX) {
        sqlite3_bind_null(statement, parameter);
    } else {
        store_bind_count(statement, parameter, time_ns);
    }
}

bool store_liveness_row(struct store *store, uint64_t execution,
                        const struct sim_liveness *liveness)
{
    assert(execution != 0 && liveness->healed);
    sqlite3_stmt *statement = store_statement(store, STORE_ADD_LIVENESS);
    if (statement == NULL) {
        return false;
    }
    store_bind_count(statement, 1, execution);
    bind_time(statement, 2, liveness->leader_ns);
    bind_time(statement, 3, liveness->commit_ns);
    bind_time(statement, 4, liveness->converged_ns);
    store_bind_count(statement, 5, liveness->elections);
    store_bind_count(statement, 6, liveness->terms);
    store_bind_count(statement, 7, liveness->messages);
    return store_perform(store, statement);
}

bool store_efficacy_row(struct store *store, uint64_t execution, uint64_t number,
                        enum sim_efficacy efficacy)
{
    assert(execution != 0 && number != 0);
    sqlite3_stmt *statement = store_statement(store, STORE_ADD_EFFICACY);
    if (statement == NULL) {
        return false;
    }
    store_bind_count(statement, 1, execution);
    store_bind_count(statement, 2, number);
    store_bind_text(statement, 3, sim_efficacy_string(efficacy));
    return store_perform(store, statement);
}

bool store_add_probe(struct store *store, const char *name, const char *sentence,
                     const char *oracle)
{
    assert(name != NULL && sentence != NULL);
    sqlite3_stmt *statement = store_begin(store) ? store_statement(store, STORE_ADD_PROBE) : NULL;
    if (statement == NULL) {
        return false;
    }
    store_bind_count(statement, 1, store_id(0, name));
    store_bind_text(statement, 2, name);
    store_bind_text(statement, 3, sentence);
    if (oracle == NULL) {
        sqlite3_bind_null(statement, 4);
    } else {
        store_bind_count(statement, 4, store_id(0, oracle));
    }
    return store_perform(store, statement);
}

bool store_add_probe_hits(struct store *store, uint64_t execution, const char *name, uint64_t hits)
{
    assert(name != NULL && hits > 0);
    sqlite3_stmt *statement = store_row_of(store, execution, STORE_ADD_PROBE_HITS);
    if (statement == NULL) {
        return false;
    }
    store_bind_count(statement, 1, store_id(0, name));
    store_bind_count(statement, 2, store->execution_scenario);
    store_bind_count(statement, 3, hits);
    store_bind_count(statement, 4, execution);
    return store_perform(store, statement);
}
