/* The store's rows about a campaign: runs, points, scenarios, oracles, and every statement.
 *
 * Terms: a *registry index* is a point's number in one process; in the file points go by name.
 *
 *  1. Ids are content hashes (store_id).
 *  2. A scenario whose text has changed is another row, so that an old finding still replays. */
#include "store_internal.h"

#include "names.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *const statement_sql[STORE_STATEMENT_COUNT] = {
    [STORE_RUN_NUMBER] = "SELECT coalesce(max(number), 0) + 1 FROM runs",
    [STORE_ADD_BUILD] = "INSERT OR IGNORE INTO builds (id, sut, sut_file, compiler, flags, "
                        "build_id) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    [STORE_ADD_RUN] = "INSERT INTO runs (id, number, build, command, started_at) "
                      "VALUES (?1, ?2, ?3, ?4, ?5)",
    [STORE_END_RUN] = "UPDATE runs SET outcome = ?2, wall_ns = ?3 WHERE id = ?1",
    [STORE_ADD_POINT] = "INSERT INTO fault_points (id, name, area, kind, meaning, place) "
                        "VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (id) DO UPDATE SET "
                        "kind = excluded.kind, meaning = excluded.meaning, "
                        "place = excluded.place",
    [STORE_ADD_POINT_OUTCOME] =
        "INSERT INTO point_outcomes (point, outcome, class, reason) VALUES (?1, ?2, ?3, ?4) "
        "ON CONFLICT (point, outcome) DO UPDATE SET class = excluded.class, "
        "reason = excluded.reason",
    [STORE_ADD_SCENARIO] = "INSERT INTO scenarios (id, file, name, doc, tags, text) "
                           "VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (id) DO UPDATE SET "
                           "doc = excluded.doc, tags = excluded.tags",
    [STORE_ADD_PARAMETER_SET] = "INSERT OR IGNORE INTO parameter_sets (id, text) VALUES (?1, ?2)",
    [STORE_ADD_PARAMETER] = "INSERT OR IGNORE INTO parameters (parameter_set, name, value) "
                            "VALUES (?1, ?2, ?3)",
    [STORE_ADD_ORACLE] = "INSERT OR IGNORE INTO oracles (id, name, rule) VALUES (?1, ?2, ?3)",
    [STORE_ADD_ORACLE_RUN] =
        "INSERT INTO oracle_checks (run, oracle, checks, skipped_reason) VALUES (?1, ?2, 0, ?3) "
        "ON CONFLICT (run, oracle) DO UPDATE SET "
        "skipped_reason = coalesce(excluded.skipped_reason, skipped_reason)",
    [STORE_ADD_ORACLE_CHECKS] =
        "INSERT INTO oracle_checks (run, oracle, checks) VALUES (?1, ?2, ?3) "
        "ON CONFLICT (run, oracle) DO UPDATE SET checks = checks + excluded.checks",
    [STORE_ADD_EXECUTION] =
        "INSERT INTO executions (id, run, number, scenario, parameter_set, seed, plan, outcome, "
        "note, events, sim_ns, wall_ns, trace_hash, state_hash, commits, leader_changes, "
        "faults_fired, requests_ok, requests_failed, requests_unknown, disturbed, branch, replay, "
        "masked) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, "
        "?19, ?20, ?21, ?22, ?23, ?24)",
    [STORE_ADD_FINDING] = "INSERT INTO findings (execution, rule, signature, message, event, "
                          "time_ns, node) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    [STORE_ADD_INJECTION] =
        "INSERT INTO injections (execution, number, point, outcome, occurrence, node, role, "
        "event, time_ns, persistent, repeats, phase) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    [STORE_ADD_LEAK] = "INSERT INTO leaks (execution, number, kind, holder, site, path, event, "
                       "term, entry_index, node, count) "
                       "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    [STORE_ADD_COVERAGE] =
        "INSERT INTO point_coverage (scenario, point, outcome, role, phase, times, executions, "
        "survived, first_execution) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) "
        "ON CONFLICT (point, outcome, role, phase, scenario) DO UPDATE SET "
        "times = times + excluded.times, executions = executions + excluded.executions, "
        "survived = survived + excluded.survived",
    [STORE_ADD_EDGE] = "INSERT INTO edges (id, file, line, function, ordinal, source) "
                       "VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (id) DO UPDATE SET "
                       "source = excluded.source",
    [STORE_SET_EDGES] = "UPDATE executions SET edges = ?2, new_edges = ?3, coverage_hash = ?4 "
                        "WHERE id = ?1",
    [STORE_ADD_ENTERED] =
        "INSERT INTO edge_coverage (edge, executions, first_execution) VALUES (?1, ?2, ?3) "
        "ON CONFLICT (edge) DO UPDATE SET executions = executions + excluded.executions",
    [STORE_ADD_LIVENESS] = "INSERT INTO liveness (execution, leader_ns, commit_ns, converged_ns, "
                           "elections, terms, messages) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    [STORE_ADD_PROBE] = "INSERT INTO probes (id, name, sentence, oracle) VALUES (?1, ?2, ?3, ?4) "
                        "ON CONFLICT (id) DO UPDATE SET sentence = excluded.sentence, "
                        "oracle = excluded.oracle",
    [STORE_ADD_PROBE_HITS] =
        "INSERT INTO probe_hits (probe, scenario, executions, hits, first_execution) "
        "VALUES (?1, ?2, 1, ?3, ?4) ON CONFLICT (probe, scenario) "
        "DO UPDATE SET executions = executions + 1, hits = hits + excluded.hits",
    [STORE_ADD_EFFICACY] =
        "INSERT INTO efficacies (execution, number, efficacy) VALUES (?1, ?2, ?3)",
};

sqlite3_stmt *store_statement(struct store *store, enum store_statement statement)
{
    assert((unsigned)statement < STORE_STATEMENT_COUNT);
    assert(statement_sql[statement] != NULL);
    if (store->statements[statement] == NULL &&
        sqlite3_prepare_v3(store->db, statement_sql[statement], -1, SQLITE_PREPARE_PERSISTENT,
                           &store->statements[statement], NULL) != SQLITE_OK) {
        store_fail_write(store);
        return NULL;
    }
    return store->statements[statement];
}

uint64_t store_id_count(uint64_t parent, uint64_t count)
{
    char digits[24];

    snprintf(digits, sizeof digits, "%" PRIu64, count);
    return store_id(parent, digits);
}

static bool add_build(struct store *store, const struct store_build *build, uint64_t *out_id)
{
    const char *const parts[] = {build->sut, build->sut_file, build->compiler, build->flags,
                                 build->build_id};
    uint64_t id = 1;

    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        assert(parts[i] != NULL);
        id = store_id(id, parts[i]);
    }
    sqlite3_stmt *statement = store_statement(store, STORE_ADD_BUILD);
    if (statement == NULL) {
        return false;
    }
    store_bind_count(statement, 1, id);
    for (int i = 0; i < 5; i++) {
        store_bind_text(statement, i + 2, parts[i]);
    }
    *out_id = id;
    return store_perform(store, statement);
}

bool store_begin_run(struct store *store, const struct store_build *build, const char *command,
                     uint64_t *out_run)
{
    struct timespec now = {0};
    uint64_t number = 0;

    assert(build != NULL && command != NULL);
    assert(out_run != NULL);
    if (!store_begin(store) || !add_build(store, build, &store->build)) {
        return false;
    }
    sqlite3_stmt *count = store_statement(store, STORE_RUN_NUMBER);
    if (count == NULL) {
        return false;
    }
    if (sqlite3_step(count) != SQLITE_ROW) {
        return store_fail_write(store);
    }
    number = (uint64_t)sqlite3_column_int64(count, 0);
    sqlite3_reset(count);

    /* The time is in the id, so that the same command on two machines gives two runs. */
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t id = store_id(store->build, command);
    id = store_id_count(id, number);
    id = store_id_count(id, (uint64_t)now.tv_sec);
    id = store_id_count(id, (uint64_t)now.tv_nsec);

    sqlite3_stmt *statement = store_statement(store, STORE_ADD_RUN);
    if (statement == NULL) {
        return false;
    }
    store_bind_count(statement, 1, id);
    store_bind_count(statement, 2, number);
    store_bind_count(statement, 3, store->build);
    store_bind_text(statement, 4, command);
    store_bind_count(statement, 5, (uint64_t)now.tv_sec);
    if (!store_perform(store, statement)) {
        return false;
    }
    store->run = id;
    store->run_executions = 0;
    for (uint32_t i = 0; i < store->edge_count; i++) {
        store->edges[i].seen = false;
    }
    *out_run = id;
    return true;
}

bool store_end_run(struct store *store, uint64_t run, const char *outcome, uint64_t wall_ns)
{
    assert(run != 0 && outcome != NULL);
    if (!store_begin(store)) {
        return false;
    }
    sqlite3_stmt *statement = store_statement(store, STORE_END_RUN);
    if (statement == NULL) {
        return false;
    }
    store_bind_count(statement, 1, run);
    store_bind_text(statement, 2, outcome);
    store_bind_count(statement, 3, wall_ns);
    return store_perform(store, statement) && store_flush(store);
}

bool store_point_row(struct store *store, const char *name, const char *kind, const char *meaning,
                     const char *place, uint64_t *out_id)
{
    char area[SIM_NAME_MAX];
    uint64_t id = store_id(0, name);

    assert(out_id != NULL);
    snprintf(area, sizeof area, "%.*s", (int)strcspn(name, "."), name);
    sqlite3_stmt *statement = store_statement(store, STORE_ADD_POINT);
    if (statement == NULL) {
        return false;
    }
    store_bind_count(statement, 1, id);
    store_bind_text(statement, 2, name);
    store_bind_text(statement, 3, area);
    store_bind_text(statement, 4, kind);
    store_bind_text(statement, 5, meaning);
    store_bind_text(statement, 6, place);
    *out_id = id;
    return store_perform(store, statement);
}

/* Makes room for a registry index. */
static bool reserve_point(struct store *store, uint32_t index)
{
    if (index < store->point_capacity) {
        return true;
    }
    uint32_t capacity = (index / 64u + 1u) * 64u;
    uint64_t *points = realloc(store->points, capacity * sizeof *points);
    if (points == NULL) {
        return store_fail(store, "out of memory");
    }
    for (uint32_t i = store->point_capacity; i < capacity; i++) {
        points[i] = 0;
    }
    store->points = points;
    store->point_capacity = capacity;
    return true;
}

static bool add_outcome(struct store *store, uint64_t point, uint32_t counted,
                        enum raft_point_class class, const char *reason)
{
    sqlite3_stmt *statement = store_statement(store, STORE_ADD_POINT_OUTCOME);

    if (statement == NULL) {
        return false;
    }
    store_bind_count(statement, 1, point);
    store_bind_text(statement, 2, report_counted_word(counted));
    store_bind_text(statement, 3, report_class_word(class));
    store_bind_text(statement, 4, reason);
    return store_perform(store, statement);
}

/* The outcomes of a set in one class; an exit without any is taken by the state. */
static bool add_outcomes(struct store *store, uint64_t point, bool is_exit, uint32_t outcomes,
                         enum raft_point_class class, const char *reason)
{
    for (uint32_t outcome = 0; outcome < RAFT_OUTCOME_COUNT; outcome++) {
        if ((outcomes & (1u << outcome)) != 0 &&
            !add_outcome(store, point, outcome, class, reason)) {
            return false;
        }
    }
    return outcomes != 0 || !is_exit || add_outcome(store, point, SIM_COUNTED_TAKEN, class, reason);
}

bool store_add_point(struct store *store, uint32_t index, const struct raft_point_info *point,
                     const char *place)
{
    uint64_t id = 0;

    assert(point != NULL && point->name != NULL && point->meaning != NULL);
    assert(place != NULL);
    if (!store_begin(store) || !reserve_point(store, index) ||
        !store_point_row(store, point->name, report_kind_word(point->kind), point->meaning, place,
                         &id) ||
        !add_outcomes(store, id, point->kind == RAFT_POINT_EXIT, point->outcomes, RAFT_CLASS_ALWAYS,
                      "")) {
        return false;
    }
    store->points[index] = id;
    return true;
}

bool store_add_exception(struct store *store, const struct raft_point_exception *exception)
{
    assert(exception != NULL && exception->class != RAFT_CLASS_ALWAYS);
    assert(exception->point < store->point_capacity && store->points[exception->point] != 0);
    return store_begin(store) &&
           add_outcomes(store, store->points[exception->point], exception->outcomes == 0,
                        exception->outcomes, exception->class, exception->reason);
}

/* The latest row of (file, name) in this session, or NULL. */
static struct store_scenario *find_scenario(struct store *store, const char *file, const char *name)
{
    for (struct store_scenario *s = store->scenarios; s != NULL; s = s->next) {
        if (strcmp(s->name, name) == 0 && strcmp(s->file, file) == 0) {
            return s;
        }
    }
    return NULL;
}

static bool remember_scenario(struct store *store, const char *file, const char *name, uint64_t id)
{
    struct store_scenario *scenario = find_scenario(store, file, name);

    if (scenario != NULL) {
        scenario->id = id;
        return true;
    }
    scenario = calloc(1, sizeof *scenario);
    if (scenario == NULL) {
        return store_fail(store, "out of memory");
    }
    scenario->id = id;
    scenario->file = strdup(file);
    scenario->name = strdup(name);
    scenario->next = store->scenarios;
    store->scenarios = scenario;
    if (scenario->file == NULL || scenario->name == NULL) {
        store->scenarios = scenario->next;
        free(scenario->file);
        free(scenario->name);
        free(scenario);
        return store_fail(store, "out of memory");
    }
    return true;
}

/* Writes a scenario's row, and takes it for what (file, name) means from now on. */
static bool add_scenario(struct store *store, const char *file, const char *name, const char *doc,
                         const char *tags, const char *text, uint64_t *out_id)
{
    sqlite3_stmt *statement = store_statement(store, STORE_ADD_SCENARIO);

    if (statement == NULL) {
        return false;
    }
    uint64_t id = store_id(store_id(store_id(0, file), name), text);
    store_bind_count(statement, 1, id);
    store_bind_text(statement, 2, file);
    store_bind_text(statement, 3, name);
    store_bind_text(statement, 4, doc);
    store_bind_text(statement, 5, tags);
    store_bind_text(statement, 6, text);
    *out_id = id;
    return store_perform(store, statement) && remember_scenario(store, file, name, id);
}

bool store_add_scenario(struct store *store, const char *file, const char *name, const char *doc,
                        const char *tags, const char *text)
{
    uint64_t id = 0;

    assert(file != NULL && name != NULL);
    assert(doc != NULL && tags != NULL && text != NULL);
    return store_begin(store) && add_scenario(store, file, name, doc, tags, text, &id);
}

bool store_scenario_row(struct store *store, const char *file, const char *name, uint64_t *out_id)
{
    const struct store_scenario *known = find_scenario(store, file, name);

    assert(out_id != NULL);
    if (known != NULL) {
        *out_id = known->id;
        return true;
    }
    /* A script that does not load never got a text; its execution is recorded all the same. */
    return add_scenario(store, file, name, "", "", "", out_id);
}

bool store_add_oracle(struct store *store, const char *name, const char *rule,
                      const char *skipped_reason)
{
    assert(name != NULL && rule != NULL);
    if (store->run == 0) {
        return store_fail(store, "oracle %s: no run has begun", name);
    }
    if (!store_begin(store)) {
        return false;
    }
    sqlite3_stmt *oracle = store_statement(store, STORE_ADD_ORACLE);
    if (oracle == NULL) {
        return false;
    }
    uint64_t id = store_id(0, name);
    store_bind_count(oracle, 1, id);
    store_bind_text(oracle, 2, name);
    store_bind_text(oracle, 3, rule);
    if (!store_perform(store, oracle)) {
        return false;
    }
    sqlite3_stmt *state = store_statement(store, STORE_ADD_ORACLE_RUN);
    if (state == NULL) {
        return false;
    }
    store_bind_count(state, 1, store->run);
    store_bind_count(state, 2, id);
    store_bind_text(state, 3, skipped_reason);
    return store_perform(store, state);
}

bool store_add_oracle_checks(struct store *store, const char *name, uint64_t checks)
{
    assert(name != NULL);
    if (store->run == 0) {
        return store_fail(store, "oracle %s: no run has begun", name);
    }
    if (!store_begin(store)) {
        return false;
    }
    sqlite3_stmt *statement = store_statement(store, STORE_ADD_ORACLE_CHECKS);
    if (statement == NULL) {
        return false;
    }
    store_bind_count(statement, 1, store->run);
    store_bind_count(statement, 2, store_id(0, name));
    store_bind_count(statement, 3, checks);
    return store_perform(store, statement);
}
