/* The reports: the verdict, what they name, and that no text of a file can spoil the page. */
#include "scratch_dir.h"
#include "unit.h"

#include <reports/report.h>
#include <reports/report_internal.h>
#include <reports/report_measures.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char path[sizeof scratch_dir + 8];
static char error[512];
static struct store *store;
static uint64_t run;
static char *output; /* of the latest report */
static size_t output_size;

static const struct raft_point_info points[] = {
    {"log.get.gap", RAFT_POINT_EXIT, RAFT_OUTCOMES_NONE, "entry past the log"},
    {"segment.append.sync", RAFT_POINT_FILE, RAFT_OUTCOMES_SYNC, "the batch becomes durable"},
    {"segment.append.write", RAFT_POINT_FILE, RAFT_OUTCOMES_WRITE, "records of a <batch>"},
    {"vote.request.alloc", RAFT_POINT_MEMORY, RAFT_OUTCOMES_MEMORY, "a message"},
};

static void setup(void)
{
    static const struct store_build build = {"raft", "f08.so", "gcc 12", "-O2", "b1"};

    scratch_clear();
    snprintf(path, sizeof path, "%s/c.db", scratch_dir);
    store = store_open(path, false, error, sizeof error);
    ck_assert_msg(store != NULL, "%s", error);
    ck_assert(store_begin_run(store, &build, "squall run a.lua --db 'c.db'", &run));
    for (uint32_t i = 0; i < 4; i++) {
        ck_assert(store_add_point(store, i, &points[i], "core/a.c:1"));
    }
    ck_assert(store_add_scenario(store, "a.lua", "hello", "Says <hello>.", "smoke", "return 1"));
    output = NULL;
}

static void teardown(void)
{
    if (store != NULL) {
        ck_assert_msg(store_close(store, error, sizeof error), "%s", error);
    }
    free(output);
}

static struct sim_execution an_execution(uint64_t seed, enum sim_outcome outcome)
{
    struct sim_execution execution;

    memset(&execution, 0, sizeof execution);
    execution.outcome = outcome;
    strcpy(execution.scenario, "hello");
    execution.seed = seed;
    execution.events = 1000;
    execution.sim_ns = 2500000000;
    return execution;
}

static uint64_t add(const struct sim_execution *execution, const struct sim_finding *finding)
{
    uint64_t id = 0;

    ck_assert(store_add_execution(store, run, "a.lua", execution, finding,
                                  "squall run a.lua --seeds 5", &id));
    return id;
}

static uint64_t add_bug(const char *signature, const char *message)
{
    struct sim_execution execution = an_execution(5, SIM_OUTCOME_FINDING);
    struct sim_finding finding;

    memset(&finding, 0, sizeof finding);
    strcpy(finding.rule, "ledger");
    snprintf(finding.signature, sizeof finding.signature, "%s", signature);
    snprintf(finding.message, sizeof finding.message, "%s", message);
    finding.event = 812;
    finding.time_ns = 1500000000;
    finding.node = 2;
    return add(&execution, &finding);
}

static void add_ok(void)
{
    struct sim_execution execution = an_execution(1, SIM_OUTCOME_OK);

    add(&execution, NULL);
}

/* Writes a report into output. */
enum kind { TEXT, COLOUR, HTML, POINTS };
static bool write_report(enum kind kind, const char *pattern)
{
    bool ok = false;
    free(output);
    FILE *out = open_memstream(&output, &output_size);
    ck_assert_ptr_nonnull(out);
    switch (kind) {
    case TEXT:
    case COLOUR:
        ok = report_text(store, out, kind == COLOUR);
        break;
    case HTML:
        ok = report_html(store, out);
        break;
    case POINTS:
        ok = report_points(store, out, pattern, false);
        break;
    }
    fclose(out);
    return ok;
}

static void make(enum kind kind)
{
    ck_assert_msg(write_report(kind, NULL), "%s", store_error(store));
}

#define ck_assert_says(text)     ck_assert_msg(strstr(output, text) != NULL, "%s", output)
#define ck_assert_not_says(text) ck_assert_msg(strstr(output, text) == NULL, "%s", output)

static void begins_with(const char *text)
{
    make(TEXT);
    ck_assert_msg(strncmp(output, text, strlen(text)) == 0, "%s", output);
}

START_TEST(verdict_is_the_worst_thing_seen)
{
    begins_with("Nothing was executed\n");
    struct sim_execution execution = an_execution(1, SIM_OUTCOME_SKIPPED);
    add(&execution, NULL);
    begins_with("Nothing was judged");
    add_ok();
    begins_with("No bug found in 1 execution\n");
    execution.outcome = SIM_OUTCOME_ERROR;
    add(&execution, NULL);
    begins_with("1 execution ended with an error of the script\n");
    execution.outcome = SIM_OUTCOME_DIVERGED;
    add(&execution, NULL);
    begins_with("Not deterministic: 1 repetition gave another hash\n");
    add_bug("s", "m");
    begins_with("1 bug found\n");
    add_bug("t", "m");
    begins_with("2 bugs found\n");
}
END_TEST

START_TEST(text_names_rule_step_fault_leak_and_command)
{
    struct sim_injection injection = {
        "segment.append.write", "eio", "leader", "leader", 3, 700, 5, 1, false, 1,
        SIM_EFFICACY_MASKED};
    struct sim_leak leak = {"entry", "replication", "core/log/log.c:12", "", 9, 3, 41, 2, 1};
    uint64_t id = add_bug("ledger core/log/log.c:12", "node 2 keeps (3, 41)\033[2J");

    ck_assert(store_add_injection(store, id, &injection));
    ck_assert(store_add_leak(store, id, &leak));
    ck_assert(store_add_oracle(store, "speaks-durable", "Says what it has.", "no describe()"));
    make(TEXT);
    ck_assert_says("1. ledger core/log/log.c:12");
    ck_assert_says("node 2 keeps (3, 41)");
    ck_assert_says("first bad step: event 812 at 1.500 s, node 2; hello, seed 5");
    ck_assert_says("segment.append.write #3 = eio, node 1 (leader)");
    ck_assert_says("replay: squall run a.lua --seeds 5\n");
    ck_assert_says("entry held by replication, taken at core/log/log.c:12: 1 too many");
    ck_assert_says("speaks-durable: no describe()\n");
    ck_assert_says("vote.request.alloc                 null (not reached)");
    ck_assert_says("1 run did not end");
}
END_TEST

START_TEST(colours_only_if_asked)
{
    add_bug("s", "a message with \033[31m in it");
    make(TEXT);
    ck_assert_not_says("\033");
    make(COLOUR);
    ck_assert_says("\033[1;31m1 bug found");
    ck_assert_not_says("\033[31m in it");
}
END_TEST

START_TEST(page_shows_no_text_unescaped)
{
    add_bug("<script>alert(1)</script>", "\"a\" & 'b' <b>\x01\xff\xc3\xa9");
    ck_assert(store_add_oracle(store, "<i>", "<u>", "<s>"));
    make(HTML);
    ck_assert_not_says("<script>alert");
    ck_assert_says("&lt;script&gt;alert(1)&lt;/script&gt;");
    ck_assert_says("&quot;a&quot; &amp; &#39;b&#39; &lt;b&gt;\xef\xbf\xbd\xef\xbf\xbd\xc3\xa9");
    ck_assert_says("Says &lt;hello&gt;.");
    ck_assert_says("records of a &lt;batch&gt;");
    ck_assert_not_says("<s>");
    ck_assert_not_says("<u>");
}
END_TEST

START_TEST(page_names_rule_step_and_command)
{
    struct sim_leak leak = {"entry", "replication", "core/log/log.c:12", "a @9", 9, 3, 41, 2, 1};
    uint64_t id = add_bug("ledger core/log/log.c:12", "node 2 keeps an entry");

    ck_assert(store_add_leak(store, id, &leak));
    make(HTML);
    ck_assert_says("<h1>1 bug found</h1>");
    ck_assert_says("event <b>812</b> at 1.500 s, node <b>2</b>");
    ck_assert_says("<pre class=\"command\">squall run a.lua --seeds 5</pre>");
    ck_assert_says("<b>entry</b> of term 3, index 41");
    ck_assert_says("replication, taken at <code>core/log/log.c:12</code> in event 9");
    ck_assert_says("squall run a.lua --db &#39;c.db&#39;");
}
END_TEST

START_TEST(page_needs_no_network)
{
    add_bug("s", "m");
    make(HTML);
    ck_assert_says("default-src 'none'");
    ck_assert_not_says("http:");
    ck_assert_not_says("https:");
    ck_assert_not_says("src=");
    ck_assert_not_says("url(");
    ck_assert_not_says("@import");
}
END_TEST

START_TEST(equal_content_gives_equal_bytes)
{
    add_bug("s", "m");
    add_ok();
    make(HTML);
    char *first = strdup(output);
    ck_assert(store_close(store, error, sizeof error));
    store = store_open(path, true, error, sizeof error);
    ck_assert_msg(store != NULL, "%s", error);
    make(HTML);
    ck_assert_str_eq(output, first);
    free(first);
}
END_TEST

START_TEST(page_says_what_it_cut)
{
    char signature[16];

    for (int i = 0; i < 51; i++) {
        snprintf(signature, sizeof signature, "s%d", i);
        add_bug(signature, "m");
    }
    make(HTML);
    ck_assert_says("Only 50 of 51 bugs are shown");
    ck_assert_says("id=\"bug-50\"");
    ck_assert_not_says("id=\"bug-51\"");
    make(TEXT);
    ck_assert_says("and 31 more bugs");
}
END_TEST

START_TEST(heat_map_tells_failed_from_never_failed_and_unreached)
{
    struct sim_injection injection = {
        "segment.append.write", "eio", "leader", "leader", 1, 1, 1, 1, true, 120,
        SIM_EFFICACY_STATE};
    struct sim_coverage reached = {2, SIM_COUNTED_REACHED, 3, SIM_LIFE_LEADER, 500, 0, 0};
    struct sim_coverage failed = {2, RAFT_OUTCOME_EIO, 3, SIM_LIFE_LEADER, 120, 1, 1};
    struct sim_execution execution = an_execution(1, SIM_OUTCOME_OK);
    uint64_t id = add(&execution, NULL);

    ck_assert(store_add_injection(store, id, &injection));
    ck_assert(store_add_coverage(store, id, &reached));
    ck_assert(store_add_coverage(store, id, &failed));
    make(HTML);
    ck_assert_says("<span class=\"cell f3\" title=\"segment.append.write = eio: fired 120 times in "
                   "1 execution\">120</span>");
    ck_assert_says("<span class=\"cell never\" title=\"segment.append.write = enospc: never "
                   "injected; the point was reached 500 times\">");
    ck_assert_says("<span class=\"cell unreached\" title=\"vote.request.alloc = null: the point "
                   "was never reached\">");
    ck_assert_says("<span class=\"cell f3\">120 of 500</span>");
}
END_TEST

/* The line of output that begins with name has a word. */
static void line_says(const char *name, const char *word)
{
    const char *line = strstr(output, name);

    ck_assert_ptr_nonnull(line);
    char *copy = strndup(line, strcspn(line, "\n"));
    ck_assert_msg(strstr(copy, word) != NULL, "%s", copy);
    free(copy);
}

START_TEST(table_of_points_says_the_state_of_each)
{
    struct sim_coverage gap = {0, SIM_COUNTED_TAKEN, 0, SIM_LIFE_FOLLOWER, 7, 1, 1};
    struct sim_coverage synced = {1, SIM_COUNTED_REACHED, 0, SIM_LIFE_FOLLOWER, 8, 0, 0};
    struct sim_coverage vote = {3, RAFT_OUTCOME_NULL, 0, SIM_LIFE_CANDIDATE, 9, 1, 1};
    struct sim_execution execution = an_execution(1, SIM_OUTCOME_OK);
    uint64_t id = add(&execution, NULL);

    ck_assert(store_add_coverage(store, id, &gap));
    ck_assert(store_add_coverage(store, id, &synced));
    ck_assert(store_add_coverage(store, id, &vote));
    make(POINTS);
    line_says("log.get.gap", " fired ");
    line_says("log.get.gap", " core/a.c:1 ");
    line_says("log.get.gap", " always ");
    line_says("segment.append.sync", " never ");
    line_says("segment.append.write", " unreached ");
    line_says("vote.request.alloc", " fired ");
}
END_TEST

START_TEST(exception_is_told_with_its_reason_and_is_no_gap)
{
    const struct raft_point_exception exception = {3, RAFT_OUTCOMES_MEMORY, RAFT_CLASS_RARE,
                                                   "votes are <small>"};
    struct sim_coverage synced = {1, SIM_COUNTED_REACHED, 0, SIM_LIFE_FOLLOWER, 8, 0, 0};
    struct sim_execution execution = an_execution(1, SIM_OUTCOME_OK);
    uint64_t id = add(&execution, NULL);

    ck_assert(store_add_coverage(store, id, &synced));
    ck_assert(store_add_exception(store, &exception));
    make(TEXT);
    line_says("  vote.request.alloc", " rare: votes are <small>");
    line_says("  segment.append.sync", "eio");
    line_says("  follower ", " 3       0       3 ");
    line_says("  installing ", "no point was reached in it");
    make(HTML);
    ck_assert_says("<b>null</b>: rare, since: votes are &lt;small&gt;.");
    ck_assert_says("<span class=\"cell excepted\" title=\"vote.request.alloc = null: not expected");
    make(POINTS);
    line_says("vote.request.alloc", " rare ");
}
END_TEST

START_TEST(pattern_chooses_points)
{
    ck_assert(write_report(POINTS, "segment.*.write"));
    ck_assert_says("segment.append.write");
    ck_assert_not_says("segment.append.sync");
    ck_assert(write_report(POINTS, "**.alloc"));
    ck_assert_says("vote.request.alloc");
    ck_assert_not_says("segment");
    ck_assert(!write_report(POINTS, "segment.*"));
    ck_assert_ptr_nonnull(strstr(store_error(store), "no point matches"));
}
END_TEST

START_TEST(a_report_that_cannot_be_written_fails)
{
    FILE *out = fopen("/dev/full", "w");

    ck_assert_ptr_nonnull(out);
    ck_assert(!report_html(store, out));
    ck_assert_ptr_nonnull(strstr(store_error(store), "cannot be written"));
    fclose(out);
}
END_TEST

START_TEST(a_damaged_file_is_named)
{
    static const char garbage[4096] = {1};

    for (int i = 0; i < 200; i++) {
        add_ok();
    }
    ck_assert(store_close(store, error, sizeof error));
    FILE *file = fopen(path, "r+");
    ck_assert_ptr_nonnull(file);
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    for (long at = 8 * 4096; at + 4096 <= size; at += 4096) {
        fseek(file, at, SEEK_SET);
        fwrite(garbage, 1, sizeof garbage, file);
    }
    fclose(file);
    store = store_open(path, true, error, sizeof error);
    if (store != NULL) {
        ck_assert(!write_report(HTML, NULL));
        snprintf(error, sizeof error, "%s", store_error(store));
    }
    ck_assert_msg(strstr(error, "is damaged") != NULL, "%s", error);
}
END_TEST

START_TEST(numbers_read_well)
{
    char word[REPORT_WORD_MAX];

    ck_assert_str_eq(report_count(word, 0), "0");
    ck_assert_str_eq(report_count(word, 1234567), "1,234,567");
    ck_assert_str_eq(report_short(word, 999), "999");
    ck_assert_str_eq(report_short(word, 1234), "1.2k");
    ck_assert_str_eq(report_short(word, 999999), "999k");
    ck_assert_str_eq(report_short(word, 1000000), "1.0M");
    ck_assert_str_eq(report_short(word, UINT64_MAX), "18E");
    ck_assert_str_eq(report_duration(word, 1234567), "1.2 ms");
    ck_assert_str_eq(report_duration(word, 61000000000), "1 min 1 s");
    ck_assert_str_eq(report_date(word, 0), "1970-01-01 00:00 UTC");
    ck_assert_str_eq(report_date(word, 951827640), "2000-02-29 12:34 UTC");
    ck_assert_str_eq(report_date(word, 1767225599), "2025-12-31 23:59 UTC");
    ck_assert_uint_eq(report_percent(999, 1000), 99);
}
END_TEST

static void add_measured(uint64_t seed, uint64_t leader_ns)
{
    struct sim_execution execution = an_execution(seed, SIM_OUTCOME_OK);
    struct sim_injection injection = {
        "vote.request.alloc", "null", "leader", "leader", 1, 1, 1, 1, false, 1,
        SIM_EFFICACY_MASKED};
    execution.liveness = (struct sim_liveness){.healed = true,
                                               .leader_ns = leader_ns,
                                               .commit_ns = UINT64_MAX,
                                               .converged_ns = leader_ns,
                                               .elections = 1,
                                               .terms = 2,
                                               .messages = 30};
    uint64_t id = add(&execution, NULL);
    ck_assert(store_add_injection(store, id, &injection));
    ck_assert(store_add_probe_hits(store, id, "crash.leader", 1));
}

static void add_measures(void)
{
    ck_assert(store_add_probe(store, "crash.leader", "a leader died", NULL));
    ck_assert(store_add_probe(store, "crash.all", "no node was <left>", NULL));
    for (uint64_t i = 1; i <= 100; i++) {
        add_measured(i, i * 1000000);
    }
}

START_TEST(text_shows_liveness_efficacy_and_situations)
{
    add_measures();
    make(TEXT);
    line_says("to a leader that a majority follows", "50.0 ms    90.0 ms    99.0 ms   100.0 ms");
    ck_assert_not_says("to the first entry committed");
    line_says("masked", "100 faults");
    ck_assert_says("vacuous: hello in a.lua: 100 of 100 faults changed nothing");
    ck_assert_says("1 of 2 situations reached");
    line_says("crash.all", "no node was <left>");
}
END_TEST

/* One fault of a scenario, or of a sweep of it. */
static void add_judged(enum sim_efficacy efficacy, bool is_branch)
{
    static uint64_t seed = 1000;
    struct sim_execution execution = an_execution(seed++, SIM_OUTCOME_OK);
    struct sim_injection injection = {
        "vote.request.alloc", "null", "leader", "leader", 1, 1, 1, 1, false, 1, efficacy};
    execution.branch = is_branch;
    ck_assert(store_add_injection(store, add(&execution, NULL), &injection));
}

START_TEST(a_scenario_is_vacuous_by_most_of_its_own_faults)
{
    add_judged(SIM_EFFICACY_MASKED, false);
    add_judged(SIM_EFFICACY_MASKED, false);
    add_judged(SIM_EFFICACY_STATE, false);
    add_judged(SIM_EFFICACY_SCHEDULE, false);
    for (int i = 0; i < 10; i++) {
        add_judged(SIM_EFFICACY_MASKED, true);
    }
    make(TEXT);
    ck_assert_not_says("vacuous");
    add_judged(SIM_EFFICACY_MASKED, false);
    make(TEXT);
    ck_assert_says("vacuous: hello in a.lua: 3 of 5 faults changed nothing");
}
END_TEST

/* One check was left out in two executions, another never was. */
static void add_waivers(void)
{
    ck_assert(store_add_oracle(store, "monotonic", "Nothing goes back.", NULL));
    ck_assert(store_add_probe(store, "monotonic.back", "a match <went> back", "monotonic"));
    ck_assert(store_add_probe(store, "monotonic.gone", "an entry was gone", "monotonic"));
    for (uint64_t i = 2; i <= 3; i++) {
        struct sim_execution execution = an_execution(i, SIM_OUTCOME_OK);
        ck_assert(store_add_probe_hits(store, add(&execution, NULL), "monotonic.back", i * 1000));
    }
}

START_TEST(both_reports_say_what_was_left_out_and_how_often)
{
    add_ok();
    make(TEXT);
    ck_assert_not_says("Checks left out");
    make(HTML);
    ck_assert_not_says("Checks left out");
    add_waivers();
    make(TEXT);
    line_says("monotonic.back", "     5,000           2  a match <went> back");
    ck_assert_not_says("monotonic.gone");
    ck_assert_not_says("situations");
    make(HTML);
    ck_assert_says("Checks left out");
    ck_assert_says("<code>monotonic.back</code></td><td>a match &lt;went&gt; back</td>"
                   "<td class=\"num\">2</td><td class=\"num\">5,000</td>");
    ck_assert_not_says("monotonic.gone");
    ck_assert_says("names no situation");
}
END_TEST

START_TEST(both_reports_say_which_runs_were_not_judged_to_the_end)
{
    static const char note[] = "interrupted: 3 of 10 faults were not judged";
    struct sim_execution execution = an_execution(2, SIM_OUTCOME_OK);
    add_ok();
    make(TEXT);
    ck_assert_not_says("Not judged");
    snprintf(execution.note, sizeof execution.note, "%s", note);
    add(&execution, NULL);
    make(TEXT);
    ck_assert_says("Not judged");
    ck_assert_says(note);
    make(HTML);
    ck_assert_says(note);
}
END_TEST

START_TEST(page_shows_liveness_as_a_picture)
{
    add_measures();
    make(HTML);
    ck_assert_says("class=\"histogram\"");
    ck_assert_says("median 50.0 ms, 99 percent within 99.0 ms, most 100.0 ms");
    ck_assert_says("never reached");
    ck_assert_says("no node was &lt;left&gt;");
    ck_assert_says("Vacuous: of 100 faults 100 changed nothing");
}
END_TEST

START_TEST(buckets_are_half_an_octave)
{
    for (uint32_t bucket = 0; bucket + 1 < REPORT_BUCKETS; bucket++) {
        uint64_t low = report_bucket_low(bucket);
        ck_assert_uint_eq(report_bucket(low), bucket);
        ck_assert_uint_gt(report_bucket_low(bucket + 1), low);
        ck_assert_uint_eq(report_bucket(report_bucket_low(bucket + 1) - 1), bucket);
    }
    ck_assert_uint_eq(report_bucket(UINT64_MAX), REPORT_BUCKETS - 1);
}
END_TEST

START_TEST(page_counts_the_outcomes_of_each_scenario)
{
    struct sim_execution execution = an_execution(2, SIM_OUTCOME_UNAVAILABLE);
    add_ok();
    make(HTML);
    ck_assert_says(">1 ok</span></td><td class=\"num\">1.0k</td>");
    add(&execution, NULL);
    make(HTML);
    ck_assert_says(">1 ok, 1 unavailable-by-budget</span></td><td class=\"num\">2.0k</td>");
}
END_TEST

static Suite *report_suite(void)
{
    Suite *suite = suite_create("report");
    TCase *cases = tcase_create("report");

    tcase_add_unchecked_fixture(cases, scratch_open, scratch_close);
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_test(cases, verdict_is_the_worst_thing_seen);
    tcase_add_test(cases, text_names_rule_step_fault_leak_and_command);
    tcase_add_test(cases, colours_only_if_asked);
    tcase_add_test(cases, page_shows_no_text_unescaped);
    tcase_add_test(cases, page_names_rule_step_and_command);
    tcase_add_test(cases, page_needs_no_network);
    tcase_add_test(cases, equal_content_gives_equal_bytes);
    tcase_add_test(cases, page_says_what_it_cut);
    tcase_add_test(cases, heat_map_tells_failed_from_never_failed_and_unreached);
    tcase_add_test(cases, table_of_points_says_the_state_of_each);
    tcase_add_test(cases, pattern_chooses_points);
    tcase_add_test(cases, exception_is_told_with_its_reason_and_is_no_gap);
    tcase_add_test(cases, a_report_that_cannot_be_written_fails);
    tcase_add_test(cases, a_damaged_file_is_named);
    tcase_add_test(cases, numbers_read_well);
    tcase_add_test(cases, text_shows_liveness_efficacy_and_situations);
    tcase_add_test(cases, a_scenario_is_vacuous_by_most_of_its_own_faults);
    tcase_add_test(cases, both_reports_say_what_was_left_out_and_how_often);
    tcase_add_test(cases, both_reports_say_which_runs_were_not_judged_to_the_end);
    tcase_add_test(cases, page_shows_liveness_as_a_picture);
    tcase_add_test(cases, buckets_are_half_an_octave);
    tcase_add_test(cases, page_counts_the_outcomes_of_each_scenario);
    suite_add_tcase(suite, cases);
    return suite;
}

int main(void)
{
    return unit_main(report_suite());
}
