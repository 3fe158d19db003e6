/* The store: what it keeps, what it refuses, and that it leaves one plain file. */
#include "scratch_dir.h"
#include "unit.h"

#include <reports/names.h>
#include <reports/schema.h>
#include <reports/store.h>
#include <reports/store_internal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char path[sizeof scratch_dir + 8];
static char error[512];
static struct store *store;
static uint64_t run;

static const struct store_build build = {"raft", "", "gcc 12", "-O2", "b1"};
static const struct raft_point_info point = {"segment.append.write", RAFT_POINT_FILE,
                                             RAFT_OUTCOMES_SYNC, "records of a batch"};

static void setup(void)
{
    scratch_clear();
    snprintf(path, sizeof path, "%s/c.db", scratch_dir);
    store = NULL;
}

static void begin(void)
{
    store = store_open(path, false, error, sizeof error);
    ck_assert_msg(store != NULL, "%s", error);
    ck_assert(store_begin_run(store, &build, "squall run a.lua", &run));
    ck_assert(store_add_point(store, 0, &point, "core/storage/append.c:7"));
    ck_assert(store_add_scenario(store, "a.lua", "hello", "Says hello.", "smoke", "return 1"));
}

static void end(void)
{
    ck_assert_msg(store_close(store, error, sizeof error), "%s", error);
    store = NULL;
}

static struct sim_execution an_execution(uint64_t seed, enum sim_outcome outcome)
{
    struct sim_execution execution;

    memset(&execution, 0, sizeof execution);
    execution.outcome = outcome;
    strcpy(execution.scenario, "hello");
    strcpy(execution.parameters, "nodes=3 quota=7");
    execution.seed = seed;
    execution.events = 100;
    execution.trace_hash = 0xfedcba9876543210;
    return execution;
}

static struct sim_finding a_finding(const char *signature)
{
    struct sim_finding finding;

    memset(&finding, 0, sizeof finding);
    strcpy(finding.rule, "ledger");
    snprintf(finding.signature, sizeof finding.signature, "%s", signature);
    strcpy(finding.message, "one too many");
    finding.event = 42;
    return finding;
}

static uint64_t add(const struct sim_execution *execution, const struct sim_finding *finding)
{
    uint64_t id = 0;

    ck_assert_msg(
        store_add_execution(store, run, "a.lua", execution, finding, "squall replay", &id), "%s",
        store_error(store));
    return id;
}

/* The first column of the first row of a query on the closed file, as text. */
static const char *ask(const char *sql)
{
    static char answer[256];
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;

    ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
    ck_assert_msg(sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK, "%s",
                  sqlite3_errmsg(db));
    answer[0] = '\0';
    if (sqlite3_step(statement) == SQLITE_ROW && sqlite3_column_text(statement, 0) != NULL) {
        snprintf(answer, sizeof answer, "%s", (const char *)sqlite3_column_text(statement, 0));
    }
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return answer;
}

static void perform(const char *sql)
{
    sqlite3 *db = NULL;

    ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

START_TEST(leaves_one_plain_file)
{
    begin();
    struct sim_execution execution = an_execution(1, SIM_OUTCOME_OK);
    add(&execution, NULL);
    end();

    ck_assert_int_ne(access(scratch_path("c.db-wal"), F_OK), 0);
    ck_assert_str_eq(ask("PRAGMA journal_mode"), "delete");
    ck_assert_str_eq(ask("PRAGMA application_id"), "1936815457");
    ck_assert_str_eq(ask("PRAGMA user_version"), "5");
    ck_assert_str_eq(ask("PRAGMA integrity_check"), "ok");
}
END_TEST

START_TEST(ships_no_strict_table)
{
    begin();
    end();
    ck_assert_str_eq(ask("SELECT count(*) FROM sqlite_master WHERE sql LIKE '%strict%'"), "0");
}
END_TEST

START_TEST(keeps_every_field_of_an_execution)
{
    struct sim_execution found;
    char file[64];
    char sut[64];
    char id[32];
    char *text = NULL;

    begin();
    struct sim_execution execution = an_execution((UINT64_C(1) << 53) - 1, SIM_OUTCOME_SKIPPED);
    strcpy(execution.plan, "segment.append.write#3=eio");
    strcpy(execution.note, "never fired");
    execution.sim_ns = 2;
    execution.wall_ns = 3;
    execution.state_hash = 4;
    execution.commits = 5;
    execution.leader_changes = 6;
    execution.faults_fired = 7;
    execution.requests_ok = 8;
    execution.requests_failed = 9;
    execution.requests_unknown = 10;
    execution.disturbed = true;
    execution.branch = true;
    snprintf(id, sizeof id, "%llu", (unsigned long long)add(&execution, NULL));
    end();

    store = store_open(path, true, error, sizeof error);
    ck_assert(store_find_execution(store, id, &found, file, sizeof file, sut, sizeof sut, &text));
    ck_assert_int_eq(found.outcome, SIM_OUTCOME_SKIPPED);
    ck_assert_str_eq(found.scenario, execution.scenario);
    ck_assert_str_eq(found.parameters, execution.parameters);
    ck_assert_str_eq(found.plan, execution.plan);
    ck_assert_str_eq(found.note, execution.note);
    ck_assert_uint_eq(found.seed, execution.seed);
    ck_assert_uint_eq(found.events, 100);
    ck_assert_uint_eq(found.sim_ns, 2);
    ck_assert_uint_eq(found.wall_ns, 3);
    ck_assert_uint_eq(found.trace_hash, execution.trace_hash);
    ck_assert_uint_eq(found.state_hash, 4);
    ck_assert_uint_eq(found.commits, 5);
    ck_assert_uint_eq(found.leader_changes, 6);
    ck_assert_uint_eq(found.faults_fired, 7);
    ck_assert_uint_eq(found.requests_ok, 8);
    ck_assert_uint_eq(found.requests_failed, 9);
    ck_assert_uint_eq(found.requests_unknown, 10);
    ck_assert(found.disturbed);
    ck_assert(found.branch);
    ck_assert_str_eq(file, "a.lua");
    ck_assert_str_eq(sut, "");
    ck_assert_str_eq(text, "return 1");
    free(text);
    end();
    ck_assert_str_eq(ask("SELECT trace_hash FROM executions"), "fedcba9876543210");
    ck_assert_str_eq(ask("SELECT value FROM parameters WHERE name = 'quota'"), "7");
}
END_TEST

START_TEST(finds_the_cheapest_execution_of_a_signature)
{
    struct sim_execution found;
    char file[64];
    char sut[64];
    char *text = NULL;

    begin();
    struct sim_finding finding = a_finding("s");
    struct sim_execution dear = an_execution(1, SIM_OUTCOME_FINDING);
    struct sim_execution cheap = an_execution(2, SIM_OUTCOME_FINDING);
    struct sim_execution known = an_execution(3, SIM_OUTCOME_XFAIL);
    cheap.events = 50;
    known.events = 10;
    add(&dear, &finding);
    add(&cheap, &finding);
    add(&known, &finding);
    ck_assert(store_find_execution(store, "s", &found, file, sizeof file, sut, sizeof sut, &text));
    ck_assert_uint_eq(found.seed, 2);
    free(text);
    ck_assert(!store_find_execution(store, "t", &found, file, sizeof file, sut, sizeof sut, &text));
    ck_assert_ptr_nonnull(strstr(store_error(store), "'t'"));
    ck_assert_ptr_null(text);
    end();
    ck_assert_str_eq(ask("SELECT executions FROM bugs"), "2");
    ck_assert_str_eq(ask("SELECT seed FROM bug_repro"), "2");
}
END_TEST

/* Up to two seeds. */
struct seeds {
    uint32_t count;
    uint64_t items[2];
};

static bool note_seed(void *ctx, uint64_t seed)
{
    struct seeds *seeds = ctx;
    bool has_room = seeds->count < sizeof seeds->items / sizeof seeds->items[0];
    if (has_room) {
        seeds->items[seeds->count++] = seed;
    }
    return has_room;
}

START_TEST(visits_the_seeds_of_a_scenario_in_order_and_each_once)
{
    struct seeds seeds = {0};
    begin();
    struct sim_execution low = an_execution(3, SIM_OUTCOME_OK);
    struct sim_execution high = an_execution(41, SIM_OUTCOME_OK);
    struct sim_execution other = an_execution(41, SIM_OUTCOME_OK);
    strcpy(other.parameters, "n=2");
    add(&high, NULL);
    add(&low, NULL);
    add(&other, NULL);
    ck_assert(store_visit_seeds(store, "no-such-scenario", note_seed, &seeds));
    ck_assert_uint_eq(seeds.count, 0);
    ck_assert(store_visit_seeds(store, high.scenario, note_seed, &seeds));
    ck_assert_uint_eq(seeds.count, 2);
    ck_assert(seeds.items[0] == 3 && seeds.items[1] == 41);
    ck_assert(!store_visit_seeds(store, high.scenario, note_seed, &seeds));
    ck_assert_str_eq(store_error(store), "out of memory");
    end();
}
END_TEST

START_TEST(announced_finding_is_no_bug)
{
    begin();
    struct sim_finding finding = a_finding("s");
    struct sim_execution known = an_execution(3, SIM_OUTCOME_XFAIL);
    add(&known, &finding);
    end();
    ck_assert_str_eq(ask("SELECT count(*) FROM bugs"), "0");
    ck_assert_str_eq(ask("SELECT count(*) FROM findings"), "1");
}
END_TEST

START_TEST(edited_scenario_does_not_change_an_old_execution)
{
    struct sim_execution found;
    char file[64];
    char sut[64];
    char id[32];
    char *text = NULL;

    begin();
    struct sim_execution execution = an_execution(1, SIM_OUTCOME_OK);
    snprintf(id, sizeof id, "%llu", (unsigned long long)add(&execution, NULL));
    ck_assert(store_add_scenario(store, "a.lua", "hello", "Says hello.", "smoke", "return 2"));
    add(&execution, NULL);
    ck_assert(store_find_execution(store, id, &found, file, sizeof file, sut, sizeof sut, &text));
    ck_assert_str_eq(text, "return 1");
    free(text);
    end();
    ck_assert_str_eq(ask("SELECT count(DISTINCT scenario) FROM executions"), "2");
}
END_TEST

START_TEST(equal_executions_are_rows_of_their_own_with_small_ids)
{
    begin();
    struct sim_execution execution = an_execution(1, SIM_OUTCOME_OK);
    uint64_t first = add(&execution, NULL);
    uint64_t second = add(&execution, NULL);
    ck_assert_uint_ne(first, second);
    ck_assert_uint_lt(first, UINT64_C(1) << 53);
    ck_assert_uint_lt(second, UINT64_C(1) << 53);
    end();
    ck_assert_str_eq(ask("SELECT count(*) FROM executions"), "2");
    ck_assert_str_eq(ask("SELECT count(*) FROM nondeterminism"), "0");
}
END_TEST

START_TEST(two_hashes_of_one_plan_are_nondeterminism)
{
    begin();
    struct sim_execution execution = an_execution(1, SIM_OUTCOME_OK);
    add(&execution, NULL);
    execution.trace_hash = 1;
    add(&execution, NULL);
    end();
    ck_assert_str_eq(ask("SELECT hashes FROM nondeterminism"), "2");
}
END_TEST

static void add_rows_of_every_kind(void)
{
    struct sim_injection injection = {
        "segment.append.write", "eio", "leader", "stopping", 3, 4, 5, 2, true, 6,
        SIM_EFFICACY_CLIENT};
    struct sim_leak leak = {"entry", "replication", "core/log/log.c:1", "a, b", 9, 3, 41, 2, -1};
    struct sim_coverage reached = {0, SIM_COUNTED_REACHED, 3, SIM_LIFE_STOPPING, 10, 0, 0};
    struct sim_coverage failed = {0, RAFT_OUTCOME_EIO, 3, SIM_LIFE_STOPPING, 4, 2, 1};
    struct sim_finding finding = a_finding("s");
    struct sim_execution execution = an_execution(1, SIM_OUTCOME_FINDING);
    execution.liveness = (struct sim_liveness){.healed = true,
                                               .leader_ns = 7,
                                               .commit_ns = 8,
                                               .converged_ns = UINT64_MAX,
                                               .elections = 1,
                                               .terms = 2,
                                               .messages = 30};
    uint64_t id = add(&execution, &finding);

    ck_assert(store_add_probe(store, "crash.leader", "a leader died", NULL));
    ck_assert(store_add_probe(store, "crash.all", "no node was left", NULL));
    ck_assert(store_add_probe_hits(store, id, "crash.leader", 2));
    ck_assert(store_add_probe_hits(store, id, "crash.leader", 3));
    ck_assert(store_add_oracle(store, "ledger", "All is given back.", NULL));
    ck_assert(store_add_probe(store, "ledger.left", "nobody looked", "ledger"));
    ck_assert(store_add_probe(store, "ledger.right", "nobody saw it", "ledger"));
    ck_assert(store_add_probe_hits(store, id, "ledger.left", 4));

    ck_assert(store_add_injection(store, id, &injection));
    ck_assert(store_add_leak(store, id, &leak));
    ck_assert(store_add_coverage(store, id, &reached));
    ck_assert(store_add_coverage(store, id, &reached));
    ck_assert(store_add_coverage(store, id, &failed));
    ck_assert(store_add_coverage(store, id, &failed));
    ck_assert(store_add_oracle(store, "ledger", "All is given back.", NULL));
    ck_assert(store_add_oracle(store, "speaks-durable", "Says what it has.", "no describe()"));
    ck_assert(store_add_oracle(store, "speaks-durable", "Says what it has.", NULL));
    ck_assert(store_add_oracle_checks(store, "ledger", 7));
    ck_assert(store_add_oracle_checks(store, "ledger", 8));
    ck_assert(store_end_run(store, run, "findings", 5));
}

START_TEST(adds_up_coverage_and_checks)
{
    begin();
    add_rows_of_every_kind();
    end();
    ck_assert_str_eq(ask("SELECT times FROM point_coverage WHERE role = 'leader' "
                         "AND phase = 'stopping' AND outcome = 'reached'"),
                     "20");
    ck_assert_str_eq(ask("SELECT fired FROM point_totals"), "8");
    ck_assert_str_eq(ask("SELECT checks FROM oracle_checks WHERE skipped_reason IS NULL"), "15");
    ck_assert_str_eq(ask("SELECT skipped_reason FROM oracle_checks WHERE checks = 0"),
                     "no describe()");
    ck_assert_str_eq(ask("SELECT fired FROM point_matrix WHERE outcome = 'eio'"), "8");
    ck_assert_str_eq(ask("SELECT group_concat(outcome) FROM (SELECT outcome FROM "
                         "points_never_injected ORDER BY outcome)"),
                     "crash_after,crash_before");
    ck_assert_str_eq(ask("SELECT references_left FROM leaks_by_site"), "-1");
    ck_assert_str_eq(ask("SELECT leader_ns || ' ' || commit_ns || ' ' || (converged_ns IS NULL) "
                         "FROM liveness_by_scenario"),
                     "7 8 1");
    ck_assert_str_eq(ask("SELECT hits FROM probe_totals WHERE name = 'crash.leader'"), "5");
    ck_assert_str_eq(ask("SELECT group_concat(name) FROM probes_never_reached"), "crash.all");
    ck_assert_str_eq(ask("SELECT count(*) FROM probe_totals"), "2");
    ck_assert_str_eq(ask("SELECT oracle || ' ' || name || ' ' || executions || ' ' || hits "
                         "FROM waivers"),
                     "ledger ledger.left 1 4");
    ck_assert_str_eq(ask("SELECT efficacy FROM efficacy_by_point"), "client");
    ck_assert_str_eq(ask("SELECT outcome FROM runs"), "findings");
}
END_TEST

/* A step of the schema with STRICT behind every table's closing line. */
static char *strict_schema(const char *schema, int tables_min)
{
    static const char plain[] = "\n);";
    static const char without_rowid[] = "\n) WITHOUT ROWID;";
    char *strict = malloc(strlen(schema) * 2);
    char *to = strict;
    int tables = 0;

    ck_assert_ptr_nonnull(strict);
    for (const char *at = schema; *at != '\0';) {
        const char *with = NULL;
        size_t size = 1;
        if (strncmp(at, plain, strlen(plain)) == 0) {
            with = "\n) STRICT;";
            size = strlen(plain);
        } else if (strncmp(at, without_rowid, strlen(without_rowid)) == 0) {
            with = "\n) WITHOUT ROWID, STRICT;";
            size = strlen(without_rowid);
        }
        if (with != NULL) {
            to = stpcpy(to, with);
            tables++;
        } else {
            *to++ = *at;
        }
        at += size;
    }
    *to = '\0';
    ck_assert_int_ge(tables, tables_min);
    return strict;
}

START_TEST(every_row_has_the_types_that_the_schema_says)
{
    sqlite3 *db = NULL;
    char *schema = strict_schema(schema_sql, 17);
    const char *const steps[SCHEMA_NUMBER] = {schema, "", "", ""};

    ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
    ck_assert_msg(schema_prepare(db, path, false, steps, SCHEMA_NUMBER, error, sizeof error), "%s",
                  error);
    sqlite3_close(db);
    free(schema);

    begin();
    add_rows_of_every_kind();
    end();
    ck_assert_str_eq(ask("SELECT count(*) FROM executions"), "1");
    ck_assert_str_eq(ask("SELECT count(*) FROM sqlite_master WHERE type = 'table' "
                         "AND name NOT LIKE 'sqlite%' AND sql NOT LIKE '%STRICT'"),
                     "0");
}
END_TEST

static void refused(bool read_only, const char *why)
{
    store = store_open(path, read_only, error, sizeof error);
    ck_assert_ptr_null(store);
    ck_assert_msg(strstr(error, why) != NULL, "%s", error);
    ck_assert_msg(strstr(error, path) != NULL, "%s", error);
}

START_TEST(refuses_what_is_no_campaign)
{
    refused(true, "No such file");
    ck_assert_int_ne(access(path, F_OK), 0);

    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    for (int i = 0; i < 1000; i++) {
        fputs("this is not a database\n", file);
    }
    fclose(file);
    refused(false, "is not a squall database");
    refused(true, "is not a squall database");

    unlink(path);
    perform("CREATE TABLE songs (name TEXT)");
    refused(false, "is not a squall database");
    ck_assert_str_eq(ask("SELECT count(*) FROM sqlite_master"), "1");
}
END_TEST

START_TEST(refuses_a_newer_file_and_leaves_it_alone)
{
    begin();
    end();
    perform("PRAGMA user_version = 7");
    refused(false, "newer squall");
    refused(true, "newer squall");
    ck_assert_str_eq(ask("PRAGMA user_version"), "7");
}
END_TEST

START_TEST(a_failing_migration_leaves_the_file_as_it_was)
{
    static const char *const steps[] = {
        schema_sql, "", "", "", "", "CREATE TABLE more (a TEXT)", "CREATE TABLE more (b TEXT)"};
    sqlite3 *db = NULL;

    begin();
    end();
    ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
    ck_assert(!schema_prepare(db, path, false, steps, 7, error, sizeof error));
    ck_assert_str_eq(ask("PRAGMA user_version"), "5");
    ck_assert_str_eq(ask("SELECT count(*) FROM sqlite_master WHERE name = 'more'"), "0");

    ck_assert(!schema_prepare(db, path, true, steps, 6, error, sizeof error));
    ck_assert(schema_prepare(db, path, false, steps, 6, error, sizeof error));
    sqlite3_close(db);
    ck_assert_str_eq(ask("PRAGMA user_version"), "6");
    ck_assert_str_eq(ask("SELECT count(*) FROM sqlite_master WHERE name = 'more'"), "1");
}
END_TEST

/* A file of number 1, as far as the step from there looks at it. */
static const char number_one[] =
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT);"
    "CREATE TABLE executions (id INTEGER PRIMARY KEY, scenario INTEGER, outcome TEXT);"
    "CREATE TABLE fault_points (id INTEGER PRIMARY KEY, name TEXT);"
    "CREATE TABLE point_outcomes (point INTEGER, outcome TEXT, PRIMARY KEY (point, outcome));"
    "CREATE TABLE injections (execution INTEGER, number INTEGER, point INTEGER, outcome TEXT,"
    " role TEXT, repeats INTEGER);"
    "CREATE TABLE point_coverage (point INTEGER, role TEXT, phase TEXT, scenario INTEGER,"
    " hits INTEGER, fired INTEGER, first_execution INTEGER);"
    "CREATE VIEW point_totals AS SELECT sum(hits) FROM point_coverage;"
    "CREATE VIEW forgotten AS SELECT 1;"
    "INSERT INTO executions VALUES (1, 5, 'ok'), (2, 5, 'finding');"
    "INSERT INTO point_coverage VALUES (9, 'leader', 'run', 5, 40, 3, 1),"
    " (9, 'leader', 'stop', 5, 2, 0, 1);"
    "INSERT INTO injections VALUES (1, 1, 9, 'eio', 'leader', 2), (2, 1, 9, 'eio', 'leader', 1);"
    "PRAGMA application_id = 0x73717561; PRAGMA user_version = 1";

START_TEST(file_of_number_one_keeps_its_counts_and_gets_the_new_views)
{
    perform(number_one);
    store = store_open(path, false, error, sizeof error);
    ck_assert_msg(store != NULL, "%s", error);
    end();
    ck_assert_str_eq(ask("PRAGMA user_version"), "5");
    ck_assert_str_eq(ask("SELECT sum(masked) FROM executions"), "0");
    ck_assert_str_eq(ask("SELECT times FROM point_coverage WHERE outcome = 'reached'"), "42");
    ck_assert_str_eq(ask("SELECT times || ' ' || executions || ' ' || survived || ' ' || phase "
                         "FROM point_coverage WHERE outcome = 'eio'"),
                     "3 2 1 unknown");
    ck_assert_str_eq(ask("SELECT count(*) FROM sqlite_master WHERE name IN ('forgotten', "
                         "'old_coverage')"),
                     "0");
    ck_assert_str_eq(ask("SELECT count(*) FROM sqlite_master WHERE type = 'view' AND name IN "
                         "('point_totals', 'phase_summary')"),
                     "2");
}
END_TEST

/* Takes from a current file what came since. */
static const char to_number_four[] =
    "DROP VIEW waivers; DROP VIEW probe_totals; DROP VIEW probes_never_reached;"
    "ALTER TABLE probes DROP COLUMN oracle; PRAGMA user_version = 4";

START_TEST(file_of_number_three_gets_the_view_of_number_four)
{
    begin();
    end();
    perform(to_number_four);
    perform("DROP VIEW scenarios_vacuous; CREATE VIEW scenarios_vacuous AS SELECT 1;"
            "PRAGMA user_version = 3");
    begin();
    end();
    ck_assert_str_eq(ask("SELECT sql LIKE '%branch%' FROM sqlite_master "
                         "WHERE name = 'scenarios_vacuous'"),
                     "1");
}
END_TEST

START_TEST(probes_of_number_four_are_situations)
{
    begin();
    ck_assert(store_add_probe(store, "crash.leader", "a leader died", NULL));
    end();
    perform(to_number_four);
    begin();
    end();
    ck_assert_str_eq(ask("SELECT group_concat(name) FROM probe_totals"), "crash.leader");
    ck_assert_str_eq(ask("SELECT count(*) FROM waivers"), "0");
}
END_TEST

START_TEST(step_to_the_current_number_makes_the_same_columns)
{
    static const char columns[] =
        "SELECT group_concat(name || ' ' || type || ' ' || \"notnull\" || ' ' || pk) "
        "FROM pragma_table_info('%s')";
    static const char *const tables[] = {"point_coverage", "edges",  "edge_coverage",
                                         "liveness",       "probes", "probe_hits",
                                         "efficacies"};
    char fresh[512];
    char sql[256];

    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        snprintf(sql, sizeof sql, columns, tables[i]);
        begin();
        end();
        snprintf(fresh, sizeof fresh, "%s", ask(sql));
        unlink(path);
        perform(number_one);
        store = store_open(path, false, error, sizeof error);
        ck_assert_msg(store != NULL, "%s", error);
        end();
        ck_assert_str_eq(ask(sql), fresh);
        unlink(path);
    }
}
END_TEST

START_TEST(a_killed_campaign_keeps_what_was_flushed)
{
    pid_t child = fork();

    ck_assert_int_ge(child, 0);
    if (child == 0) {
        begin();
        struct sim_execution execution = an_execution(1, SIM_OUTCOME_OK);
        add(&execution, NULL);
        if (!store_flush(store)) {
            _exit(1);
        }
        add(&execution, NULL);
        _exit(0);
    }
    int status = 0;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    store = store_open(path, false, error, sizeof error);
    ck_assert_msg(store != NULL, "%s", error);
    end();
    ck_assert_str_eq(ask("SELECT count(*) FROM executions"), "1");
    ck_assert_str_eq(ask("SELECT outcome IS NULL FROM runs"), "1");
}
END_TEST

START_TEST(a_full_device_loses_nothing_that_was_flushed)
{
    begin();
    struct sim_execution execution = an_execution(1, SIM_OUTCOME_OK);
    memset(execution.note, 'x', sizeof execution.note - 1);
    add(&execution, NULL);
    ck_assert(store_flush(store));
    ck_assert_int_eq(sqlite3_exec(store->db, "PRAGMA max_page_count = 1", NULL, NULL, NULL),
                     SQLITE_OK);

    uint64_t id = 0;
    int kept = 1;
    while (kept < 10000 &&
           store_add_execution(store, run, "a.lua", &execution, NULL, "squall replay", &id)) {
        kept++;
    }
    ck_assert_int_lt(kept, 10000);
    ck_assert_ptr_nonnull(strstr(store_error(store), "no space"));
    ck_assert(!store_flush(store));
    ck_assert(!store_add_oracle(store, "ledger", "All is given back.", NULL));
    ck_assert(!store_close(store, error, sizeof error));
    ck_assert_ptr_nonnull(strstr(error, "no space"));
    ck_assert_int_ge(atoi(ask("SELECT count(*) FROM executions")), 1);
    ck_assert_str_eq(ask("PRAGMA integrity_check"), "ok");
}
END_TEST

START_TEST(says_that_another_process_holds_the_file)
{
    sqlite3 *db = NULL;

    begin();
    ck_assert(store_flush(store));
    sqlite3_busy_timeout(store->db, 1);
    ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    ck_assert(!store_add_oracle(store, "ledger", "All is given back.", NULL));
    ck_assert_ptr_nonnull(strstr(store_error(store), "locked by another process"));
    sqlite3_close(db);
    ck_assert(!store_close(store, error, sizeof error));
    ck_assert_str_eq(ask("SELECT count(*) FROM runs"), "1");
}
END_TEST

START_TEST(two_campaigns_share_a_file)
{
    struct sim_execution execution = an_execution(1, SIM_OUTCOME_OK);
    uint64_t id = 0;

    begin();
    ck_assert(store_add_execution(store, run, "a.lua", &execution, NULL, "squall run a.lua", &id));
    ck_assert(store_flush(store));
    struct store *other = store_open(path, false, error, sizeof error);
    ck_assert_msg(other != NULL, "%s", error);
    end(); /* the write-ahead log is left to the other */
    ck_assert_msg(store_close(other, error, sizeof error), "%s", error);
    char log_path[sizeof path + 8];
    snprintf(log_path, sizeof log_path, "%s-wal", path);
    ck_assert_int_ne(access(log_path, F_OK), 0);
}
END_TEST

START_TEST(rows_of_an_execution_must_follow_it)
{
    struct sim_injection injection = {
        "segment.append.write", "eio", "leader", "leader", 1, 1, 1, 1, false, 1,
        SIM_EFFICACY_UNKNOWN};
    struct sim_coverage coverage = {9, SIM_COUNTED_REACHED, 0, 0, 1, 0, 0};

    begin();
    struct sim_execution execution = an_execution(1, SIM_OUTCOME_OK);
    uint64_t first = add(&execution, NULL);
    uint64_t second = add(&execution, NULL);
    ck_assert(!store_add_injection(store, first, &injection));
    ck_assert(store_add_injection(store, second, &injection));
    ck_assert(!store_add_coverage(store, second, &coverage));
    end();
}
END_TEST

START_TEST(tells_which_execution_went_where_none_had_been)
{
    const struct store_place places[] = {
        {"core/a.c", 7, "first", 0, "goto out;"},
        {"core/a.c", 7, "first", 1, "goto out;"},
        {"core/a.c", 9, "second", 0, "return RAFT_IO;"},
        {"core/a.c", 11, "second", 0, "assert(false);"},
    };
    const uint8_t one[] = {1};
    const uint8_t two[] = {3};

    begin();
    struct sim_execution execution = an_execution(1, SIM_OUTCOME_OK);
    uint64_t id = add(&execution, NULL);
    ck_assert(store_add_entered(store, id, one, 4)); /* nothing is registered yet */
    for (uint32_t i = 0; i < 4; i++) {
        ck_assert(store_add_edge(store, i, &places[i]));
    }
    id = add(&execution, NULL);
    ck_assert(store_add_entered(store, id, one, 4));
    ck_assert(!store_add_entered(store, id, one, 3));
    id = add(&execution, NULL);
    ck_assert(store_add_entered(store, id, two, 4));
    ck_assert(store_flush(store));
    id = add(&execution, NULL);
    ck_assert(store_add_entered(store, id, two, 4));
    end();
    ck_assert_str_eq(ask("SELECT group_concat(edges || '+' || new_edges) FROM (SELECT edges, "
                         "new_edges FROM executions ORDER BY number)"),
                     "0+0,1+1,2+1,2+0");
    ck_assert_str_eq(ask("SELECT count(DISTINCT coverage_hash) FROM executions"), "3");
    ck_assert_str_eq(ask("SELECT group_concat(executions) FROM (SELECT c.executions FROM "
                         "edge_coverage c JOIN edges e ON e.id = c.edge ORDER BY e.ordinal)"),
                     "3,2");
    ck_assert_str_eq(ask("SELECT group_concat(line || source) FROM lines_uncovered"),
                     "9return RAFT_IO;");
    ck_assert_str_eq(ask("SELECT covered || ' of ' || lines FROM line_summary"), "1 of 2");
    ck_assert_str_eq(ask("SELECT max(edges) FROM coverage_growth"), "2");
}
END_TEST

START_TEST(words_of_outcomes_can_be_read_back)
{
    for (unsigned i = 0; i < SIM_OUTCOME_COUNT; i++) {
        enum sim_outcome outcome = SIM_OUTCOME_COUNT;
        ck_assert(report_outcome_parse(report_outcome_word((enum sim_outcome)i), &outcome));
        ck_assert_int_eq(outcome, (enum sim_outcome)i);
    }
    enum sim_outcome none = SIM_OUTCOME_OK;
    ck_assert(!report_outcome_parse("fine", &none));
}
END_TEST

static Suite *store_suite(void)
{
    Suite *suite = suite_create("store");
    TCase *cases = tcase_create("store");

    tcase_add_unchecked_fixture(cases, scratch_open, scratch_close);
    tcase_add_checked_fixture(cases, setup, NULL);
    tcase_add_test(cases, leaves_one_plain_file);
    tcase_add_test(cases, ships_no_strict_table);
    tcase_add_test(cases, keeps_every_field_of_an_execution);
    tcase_add_test(cases, finds_the_cheapest_execution_of_a_signature);
    tcase_add_test(cases, visits_the_seeds_of_a_scenario_in_order_and_each_once);
    tcase_add_test(cases, announced_finding_is_no_bug);
    tcase_add_test(cases, edited_scenario_does_not_change_an_old_execution);
    tcase_add_test(cases, equal_executions_are_rows_of_their_own_with_small_ids);
    tcase_add_test(cases, two_hashes_of_one_plan_are_nondeterminism);
    tcase_add_test(cases, adds_up_coverage_and_checks);
    tcase_add_test(cases, every_row_has_the_types_that_the_schema_says);
    tcase_add_test(cases, refuses_what_is_no_campaign);
    tcase_add_test(cases, refuses_a_newer_file_and_leaves_it_alone);
    tcase_add_test(cases, file_of_number_one_keeps_its_counts_and_gets_the_new_views);
    tcase_add_test(cases, file_of_number_three_gets_the_view_of_number_four);
    tcase_add_test(cases, probes_of_number_four_are_situations);
    tcase_add_test(cases, step_to_the_current_number_makes_the_same_columns);
    tcase_add_test(cases, a_failing_migration_leaves_the_file_as_it_was);
    tcase_add_test(cases, a_killed_campaign_keeps_what_was_flushed);
    tcase_add_test(cases, a_full_device_loses_nothing_that_was_flushed);
    tcase_add_test(cases, says_that_another_process_holds_the_file);
    tcase_add_test(cases, two_campaigns_share_a_file);
    tcase_add_test(cases, rows_of_an_execution_must_follow_it);
    tcase_add_test(cases, tells_which_execution_went_where_none_had_been);
    tcase_add_test(cases, words_of_outcomes_can_be_read_back);
    suite_add_tcase(suite, cases);
    return suite;
}

int main(void)
{
    return unit_main(store_suite());
}
