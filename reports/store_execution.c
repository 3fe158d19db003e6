/* Executions in the store: writing one with all that belongs to it, and finding one again.
 *
 * Terms: the *latest* execution is the one that store_add_execution wrote last; injections, leaks
 * and coverage are numbered within it, so they must follow it.
 *
 *  1. Two executions with equal content are two rows, since the run and the number within it are
 *     part of what the id is a hash of. The file therefore holds one row for each execution done.
 *  2. A transaction ends between two executions only, unless store_flush is called. */
#include "store_internal.h"

#include "names.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_MAX 10000u /* of a transaction, give or take the rows of one execution */

static bool add_parameter(struct store *store, uint64_t set, const char *name, size_t name_size,
                          const char *value, size_t value_size)
{
    sqlite3_stmt *statement = store_statement(store, STORE_ADD_PARAMETER);

    if (statement == NULL) {
        return false;
    }
    store_bind_count(statement, 1, set);
    sqlite3_bind_text(statement, 2, name, (int)name_size, SQLITE_STATIC);
    sqlite3_bind_text(statement, 3, value, (int)value_size, SQLITE_STATIC);
    return store_perform(store, statement);
}

/* "name=value name=value" as one row and as one row for each name. */
static bool add_parameters(struct store *store, const char *text, uint64_t *out_id)
{
    uint64_t id = store_id(0, text);
    sqlite3_stmt *set = store_statement(store, STORE_ADD_PARAMETER_SET);

    if (set == NULL) {
        return false;
    }
    store_bind_count(set, 1, id);
    store_bind_text(set, 2, text);
    if (!store_perform(store, set)) {
        return false;
    }
    *out_id = id;
    if (sqlite3_changes(store->db) == 0) {
        return true; /* a known set has its values already */
    }
    for (const char *word = text; *word != '\0';) {
        size_t size = strcspn(word, " ");
        const char *equals = memchr(word, '=', size);
        if (equals != NULL) {
            size_t name_size = (size_t)(equals - word);
            if (!add_parameter(store, id, word, name_size, equals + 1, size - name_size - 1)) {
                return false;
            }
        }
        word += size;
        word += strspn(word, " ");
    }
    return true;
}

static bool add_finding(struct store *store, uint64_t execution, const struct sim_finding *finding)
{
    sqlite3_stmt *statement = store_statement(store, STORE_ADD_FINDING);

    if (statement == NULL) {
        return false;
    }
    store_bind_count(statement, 1, execution);
    store_bind_text(statement, 2, finding->rule);
    store_bind_text(statement, 3, finding->signature);
    store_bind_text(statement, 4, finding->message);
    store_bind_count(statement, 5, finding->event);
    store_bind_count(statement, 6, finding->time_ns);
    store_bind_count(statement, 7, finding->node);
    return store_perform(store, statement);
}

static uint64_t execution_id(const struct store *store, const struct sim_execution *execution,
                             uint64_t scenario, uint64_t parameters)
{
    uint64_t id = store_id_count(store->run, store->run_executions);

    id = store_id_count(id, scenario);
    id = store_id_count(id, parameters);
    id = store_id_count(id, execution->seed);
    id = store_id(id, execution->plan);
    return store_id_count(id, execution->trace_hash);
}

static bool add_execution_row(struct store *store, uint64_t run, uint64_t id, uint64_t scenario,
                              uint64_t parameters, const struct sim_execution *e,
                              const char *replay)
{
    char trace[24];
    char state[24];
    sqlite3_stmt *statement = store_statement(store, STORE_ADD_EXECUTION);

    if (statement == NULL) {
        return false;
    }
    snprintf(trace, sizeof trace, "%016" PRIx64, e->trace_hash);
    snprintf(state, sizeof state, "%016" PRIx64, e->state_hash);
    store_bind_count(statement, 1, id);
    store_bind_count(statement, 2, run);
    store_bind_count(statement, 3, store->run_executions);
    store_bind_count(statement, 4, scenario);
    store_bind_count(statement, 5, parameters);
    store_bind_count(statement, 6, e->seed);
    store_bind_text(statement, 7, e->plan);
    store_bind_text(statement, 8, report_outcome_word(e->outcome));
    store_bind_text(statement, 9, e->note);
    store_bind_count(statement, 10, e->events);
    store_bind_count(statement, 11, e->sim_ns);
    store_bind_count(statement, 12, e->wall_ns);
    store_bind_text(statement, 13, trace);
    store_bind_text(statement, 14, state);
    store_bind_count(statement, 15, e->commits);
    store_bind_count(statement, 16, e->leader_changes);
    store_bind_count(statement, 17, e->faults_fired);
    store_bind_count(statement, 18, e->requests_ok);
    store_bind_count(statement, 19, e->requests_failed);
    store_bind_count(statement, 20, e->requests_unknown);
    store_bind_count(statement, 21, e->disturbed);
    store_bind_count(statement, 22, e->branch);
    store_bind_text(statement, 23, e->outcome == SIM_OUTCOME_OK ? NULL : replay);
    store_bind_count(statement, 24, e->masked);
    return store_perform(store, statement);
}

bool store_add_execution(struct store *store, uint64_t run, const char *file,
                         const struct sim_execution *execution, const struct sim_finding *finding,
                         const char *replay, uint64_t *out_execution)
{
    uint64_t scenario = 0;
    uint64_t parameters = 0;

    assert(run != 0 && file != NULL);
    assert(execution != NULL && out_execution != NULL);
    if (store->rows >= ROWS_MAX && !store_flush(store)) {
        return false;
    }
    if (!store_begin(store) || !store_scenario_row(store, file, execution->scenario, &scenario) ||
        !add_parameters(store, execution->parameters, &parameters)) {
        return false;
    }
    store->run_executions++;
    uint64_t id = execution_id(store, execution, scenario, parameters);
    if (!add_execution_row(store, run, id, scenario, parameters, execution, replay)) {
        return false;
    }
    if (finding != NULL && !add_finding(store, id, finding)) {
        return false;
    }
    if (execution->liveness.healed && !store_liveness_row(store, id, &execution->liveness)) {
        return false;
    }
    store->execution = id;
    store->execution_scenario = scenario;
    store->injections = 0;
    store->leaks = 0;
    *out_execution = id;
    return true;
}

sqlite3_stmt *store_row_of(struct store *store, uint64_t execution, enum store_statement statement)
{
    assert(execution != 0);
    if (execution != store->execution) {
        store_fail(store, "execution %" PRIu64 " is not the latest", execution);
        return NULL;
    }
    return store_begin(store) ? store_statement(store, statement) : NULL;
}

/* The row of a point by name. A point that is not in the registry gets one of unknown kind: better
 * a strange row on the page than a fault that nobody sees. */
static bool point_by_name(struct store *store, const char *name, uint64_t *out_id)
{
    uint64_t id = store_id(0, name);

    for (uint32_t i = 0; i < store->point_capacity; i++) {
        if (store->points[i] == id) {
            *out_id = id;
            return true;
        }
    }
    return store_point_row(store, name, "unknown", "", "", out_id);
}

bool store_add_injection(struct store *store, uint64_t execution,
                         const struct sim_injection *injection)
{
    uint64_t point = 0;

    assert(injection != NULL);
    sqlite3_stmt *statement = store_row_of(store, execution, STORE_ADD_INJECTION);
    if (statement == NULL || !point_by_name(store, injection->point, &point)) {
        return false;
    }
    store->injections++;
    store_bind_count(statement, 1, execution);
    store_bind_count(statement, 2, store->injections);
    store_bind_count(statement, 3, point);
    store_bind_text(statement, 4, injection->outcome);
    store_bind_count(statement, 5, injection->occurrence);
    store_bind_count(statement, 6, injection->node);
    store_bind_text(statement, 7, injection->role);
    store_bind_count(statement, 8, injection->event);
    store_bind_count(statement, 9, injection->time_ns);
    store_bind_count(statement, 10, injection->persistent);
    store_bind_count(statement, 11, injection->repeats);
    store_bind_text(statement, 12, injection->life);
    if (!store_perform(store, statement)) {
        return false;
    }
    return injection->efficacy == SIM_EFFICACY_UNKNOWN ||
           store_efficacy_row(store, execution, store->injections, injection->efficacy);
}

bool store_add_leak(struct store *store, uint64_t execution, const struct sim_leak *leak)
{
    assert(leak != NULL);
    sqlite3_stmt *statement = store_row_of(store, execution, STORE_ADD_LEAK);
    if (statement == NULL) {
        return false;
    }
    store->leaks++;
    store_bind_count(statement, 1, execution);
    store_bind_count(statement, 2, store->leaks);
    store_bind_text(statement, 3, leak->kind);
    store_bind_text(statement, 4, leak->holder);
    store_bind_text(statement, 5, leak->site);
    store_bind_text(statement, 6, leak->path);
    store_bind_count(statement, 7, leak->event);
    store_bind_count(statement, 8, leak->term);
    store_bind_count(statement, 9, leak->index);
    store_bind_count(statement, 10, leak->node);
    sqlite3_bind_int64(statement, 11, leak->count);
    return store_perform(store, statement);
}

bool store_add_coverage(struct store *store, uint64_t execution,
                        const struct sim_coverage *coverage)
{
    assert(coverage != NULL);
    const char *role = report_role_word(coverage->role);
    const char *phase = report_phase_word(coverage->life);
    const char *outcome = report_counted_word(coverage->counted);
    uint64_t point = coverage->point < store->point_capacity ? store->points[coverage->point] : 0;

    if (role == NULL || phase == NULL || outcome == NULL || point == 0) {
        return store_fail(store, "coverage of point %u, outcome %u, role %u, phase %u: unknown",
                          coverage->point, coverage->counted, coverage->role, coverage->life);
    }
    sqlite3_stmt *statement = store_row_of(store, execution, STORE_ADD_COVERAGE);
    if (statement == NULL) {
        return false;
    }
    store_bind_count(statement, 1, store->execution_scenario);
    store_bind_count(statement, 2, point);
    store_bind_text(statement, 3, outcome);
    store_bind_text(statement, 4, role);
    store_bind_text(statement, 5, phase);
    store_bind_count(statement, 6, coverage->times);
    store_bind_count(statement, 7, coverage->executions);
    store_bind_count(statement, 8, coverage->survived);
    store_bind_count(statement, 9, execution);
    return store_perform(store, statement);
}

static void copy_text(char *to, size_t size, sqlite3_stmt *row, int column)
{
    const char *text = (const char *)sqlite3_column_text(row, column);
    snprintf(to, size, "%s", text != NULL ? text : "");
}

static uint64_t column_hash(sqlite3_stmt *row, int column)
{
    const char *text = (const char *)sqlite3_column_text(row, column);
    return text != NULL ? strtoull(text, NULL, 16) : 0;
}

/* Fills the execution from a row of find_sql. */
static bool read_execution(struct store *store, sqlite3_stmt *row, struct sim_execution *e,
                           char *file, size_t file_size, char **out_text)
{
    const char *outcome = (const char *)sqlite3_column_text(row, 0);
    const char *text = (const char *)sqlite3_column_text(row, 21);

    memset(e, 0, sizeof *e);
    if (outcome == NULL || !report_outcome_parse(outcome, &e->outcome)) {
        return store_fail(store, "%s: an execution has an unknown outcome", store->path);
    }
    if (text == NULL || text[0] == '\0') {
        return store_fail(store, "%s: the source of this scenario was not kept", store->path);
    }
    copy_text(e->scenario, sizeof e->scenario, row, 1);
    copy_text(e->parameters, sizeof e->parameters, row, 2);
    copy_text(e->plan, sizeof e->plan, row, 3);
    copy_text(e->note, sizeof e->note, row, 4);
    e->seed = (uint64_t)sqlite3_column_int64(row, 5);
    e->events = (uint64_t)sqlite3_column_int64(row, 6);
    e->sim_ns = (uint64_t)sqlite3_column_int64(row, 7);
    e->wall_ns = (uint64_t)sqlite3_column_int64(row, 8);
    e->trace_hash = column_hash(row, 9);
    e->state_hash = column_hash(row, 10);
    e->commits = (uint64_t)sqlite3_column_int64(row, 11);
    e->leader_changes = (uint64_t)sqlite3_column_int64(row, 12);
    e->faults_fired = (uint64_t)sqlite3_column_int64(row, 13);
    e->requests_ok = (uint64_t)sqlite3_column_int64(row, 14);
    e->requests_failed = (uint64_t)sqlite3_column_int64(row, 15);
    e->requests_unknown = (uint64_t)sqlite3_column_int64(row, 16);
    e->disturbed = sqlite3_column_int(row, 17) != 0;
    e->branch = sqlite3_column_int(row, 18) != 0;
    copy_text(file, file_size, row, 20);
    *out_text = strdup(text);
    return *out_text != NULL || store_fail(store, "out of memory");
}

/* An id wins over a signature that looks like one; of a signature's executions the cheapest comes
 * first, and one that was announced (xfail) only if there is no other. */
static const char find_sql[] =
    "SELECT e.outcome, s.name, p.text, e.plan, e.note, e.seed, e.events, e.sim_ns, e.wall_ns, "
    "e.trace_hash, e.state_hash, e.commits, e.leader_changes, e.faults_fired, e.requests_ok, "
    "e.requests_failed, e.requests_unknown, e.disturbed, e.branch, e.id, s.file, s.text, "
    "b.sut_file "
    "FROM executions e JOIN scenarios s ON s.id = e.scenario "
    "JOIN parameter_sets p ON p.id = e.parameter_set "
    "JOIN runs r ON r.id = e.run JOIN builds b ON b.id = r.build "
    "WHERE e.id = ?1 OR e.id IN (SELECT execution FROM findings WHERE signature = ?2) "
    "ORDER BY e.id = ?1 DESC, e.outcome = 'xfail', e.events, e.id LIMIT 1";

bool store_find_execution(struct store *store, const char *id_or_signature,
                          struct sim_execution *out_execution, char *file, size_t file_size,
                          char *sut_file, size_t sut_file_size, char **out_text)
{
    sqlite3_stmt *statement = NULL;
    bool ok = false;

    assert(id_or_signature != NULL && out_execution != NULL);
    assert(file != NULL && file_size > 0 && out_text != NULL);
    assert(sut_file != NULL && sut_file_size > 0);
    *out_text = NULL;
    if (sqlite3_prepare_v2(store->db, find_sql, -1, &statement, NULL) != SQLITE_OK) {
        store_fail_sqlite(store);
        goto out;
    }
    if (id_or_signature[0] != '\0' &&
        strspn(id_or_signature, "0123456789") == strlen(id_or_signature)) {
        store_bind_count(statement, 1, strtoull(id_or_signature, NULL, 10));
    }
    store_bind_text(statement, 2, id_or_signature);
    int status = sqlite3_step(statement);
    if (status == SQLITE_DONE) {
        store_fail(store, "%s has no execution and no finding '%s'", store->path, id_or_signature);
        goto out;
    }
    if (status != SQLITE_ROW) {
        store_fail_sqlite(store);
        goto out;
    }
    copy_text(sut_file, sut_file_size, statement, 22);
    ok = read_execution(store, statement, out_execution, file, file_size, out_text);
out:
    sqlite3_finalize(statement);
    return ok;
}

bool store_visit_seeds(struct store *store, const char *scenario, store_seed_visit visit, void *ctx)
{
    static const char sql[] = "SELECT DISTINCT e.seed FROM executions e "
                              "JOIN scenarios s ON s.id = e.scenario WHERE s.name = ?1 ORDER BY 1";
    sqlite3_stmt *statement = NULL;
    bool ok = false;

    assert(scenario != NULL && visit != NULL);
    if (sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL) != SQLITE_OK) {
        store_fail_sqlite(store);
        goto out;
    }
    store_bind_text(statement, 1, scenario);
    int status = sqlite3_step(statement);
    while (status == SQLITE_ROW) {
        if (!visit(ctx, (uint64_t)sqlite3_column_int64(statement, 0))) {
            store_fail(store, "out of memory");
            goto out;
        }
        status = sqlite3_step(statement);
    }
    ok = status == SQLITE_DONE;
    if (!ok) {
        store_fail_sqlite(store);
    }
out:
    sqlite3_finalize(statement);
    return ok;
}

bool store_visit_executions(struct store *store, const struct store_build *build,
                            const char *scenario, const char *text, store_execution_visit visit,
                            void *ctx)
{
    static const char sql[] =
        "SELECT p.text, e.seed, e.plan, e.outcome FROM executions e "
        "JOIN scenarios s ON s.id = e.scenario JOIN parameter_sets p ON p.id = e.parameter_set "
        "JOIN runs r ON r.id = e.run JOIN builds b ON b.id = r.build "
        "WHERE s.name = ?1 AND s.text = ?2 AND b.build_id = ?3 AND b.sut_file = ?4 "
        "AND e.outcome <> 'error'";
    sqlite3_stmt *statement = NULL;
    bool ok = false;

    assert(scenario != NULL && text != NULL);
    assert(build != NULL && visit != NULL);
    if (sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL) != SQLITE_OK) {
        store_fail_sqlite(store);
        goto out;
    }
    store_bind_text(statement, 1, scenario);
    store_bind_text(statement, 2, text);
    store_bind_text(statement, 3, build->build_id);
    store_bind_text(statement, 4, build->sut_file);
    int status = sqlite3_step(statement);
    while (status == SQLITE_ROW) {
        enum sim_outcome outcome = SIM_OUTCOME_OK;
        const char *word = (const char *)sqlite3_column_text(statement, 3);
        if (word == NULL || !report_outcome_parse(word, &outcome)) {
            store_fail(store, "%s: an execution has an unknown outcome", store->path);
            goto out;
        }
        if (!visit(ctx, (const char *)sqlite3_column_text(statement, 0),
                   (uint64_t)sqlite3_column_int64(statement, 1),
                   (const char *)sqlite3_column_text(statement, 2), outcome)) {
            store_fail(store, "out of memory");
            goto out;
        }
        status = sqlite3_step(statement);
    }
    ok = status == SQLITE_DONE;
    if (!ok) {
        store_fail_sqlite(store);
    }
out:
    sqlite3_finalize(statement);
    return ok;
}
