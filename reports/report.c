/* What the reports share: rows, words for numbers, and the verdict.
 *
 *  1. A report sees one state of the file: everything is read in one transaction.
 *  2. Equal content gives equal bytes: every query has a total order, numbers are formatted from
 *     integers, and neither the clock nor the locale is asked.
 *  3. The verdict is the worst thing seen. "No bug found" is said only if something was judged. */
#include "report_internal.h"

#include "names.h"
#include "store_internal.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

sqlite3_stmt *report_query(struct report *report, const char *sql)
{
    sqlite3_stmt *query = NULL;

    assert(sql != NULL);
    if (report->failed) {
        return NULL;
    }
    if (sqlite3_prepare_v2(report->store->db, sql, -1, &query, NULL) != SQLITE_OK) {
        store_fail_sqlite(report->store);
        report->failed = true;
        return NULL;
    }
    assert(query != NULL);
    return query;
}

sqlite3_stmt *report_phase_query(struct report *report, uint32_t life)
{
    sqlite3_stmt *query =
        report_query(report, "SELECT role, points, outcomes, fired, gaps, survived, executions "
                             "FROM phase_summary WHERE phase = ?1 ORDER BY role");

    assert(life < SIM_LIFE_COUNT);
    if (query != NULL) {
        sqlite3_bind_text(query, 1, report_phase_word(life), -1, SQLITE_STATIC);
    }
    return query;
}

bool report_next(struct report *report, sqlite3_stmt *query)
{
    if (query == NULL) {
        return false;
    }
    int status = sqlite3_step(query);
    if (status == SQLITE_ROW) {
        return true;
    }
    if (status != SQLITE_DONE && !report->failed) {
        store_fail_sqlite(report->store);
        report->failed = true;
    }
    sqlite3_finalize(query);
    return false;
}

uint64_t report_u64(sqlite3_stmt *row, int column)
{
    sqlite3_int64 value = sqlite3_column_int64(row, column);
    return value > 0 ? (uint64_t)value : 0;
}

const char *report_str(sqlite3_stmt *row, int column)
{
    const char *text = (const char *)sqlite3_column_text(row, column);
    return text != NULL ? text : "";
}

const char *report_count(char *buffer, uint64_t count)
{
    char digits[24];
    int size = snprintf(digits, sizeof digits, "%" PRIu64, count);
    char *to = buffer;

    assert(size > 0 && size < (int)sizeof digits);
    for (int i = 0; i < size; i++) {
        if (i > 0 && (size - i) % 3 == 0) {
            *to++ = ',';
        }
        *to++ = digits[i];
    }
    *to = '\0';
    assert(to - buffer < REPORT_WORD_MAX);
    return buffer;
}

const char *report_plural(char *buffer, uint64_t count, const char *one, const char *many)
{
    char number[REPORT_WORD_MAX];

    assert(one != NULL && many != NULL);
    snprintf(buffer, REPORT_WORD_MAX, "%s %s", report_count(number, count),
             count == 1 ? one : many);
    return buffer;
}

const char *report_short(char *buffer, uint64_t count)
{
    static const char units[] = {'k', 'M', 'G', 'T', 'P', 'E'};
    uint64_t tenths = count;
    size_t unit = 0;

    if (count < 1000) {
        snprintf(buffer, REPORT_WORD_MAX, "%" PRIu64, count);
        return buffer;
    }
    tenths = count / 100;
    while (tenths >= 10000) {
        tenths /= 1000;
        unit++;
    }
    assert(unit < sizeof units);
    if (tenths < 100) {
        snprintf(buffer, REPORT_WORD_MAX, "%" PRIu64 ".%" PRIu64 "%c", tenths / 10, tenths % 10,
                 units[unit]);
    } else {
        snprintf(buffer, REPORT_WORD_MAX, "%" PRIu64 "%c", tenths / 10, units[unit]);
    }
    return buffer;
}

const char *report_duration(char *buffer, uint64_t ns)
{
    uint64_t us = ns / 1000;
    uint64_t ms = us / 1000;
    uint64_t s = ms / 1000;

    if (us < 1000) {
        snprintf(buffer, REPORT_WORD_MAX, "%" PRIu64 " µs", us);
    } else if (ms < 1000) {
        snprintf(buffer, REPORT_WORD_MAX, "%" PRIu64 ".%" PRIu64 " ms", ms, us % 1000 / 100);
    } else if (s < 60) {
        snprintf(buffer, REPORT_WORD_MAX, "%" PRIu64 ".%03" PRIu64 " s", s, ms % 1000);
    } else if (s < 3600) {
        snprintf(buffer, REPORT_WORD_MAX, "%" PRIu64 " min %" PRIu64 " s", s / 60, s % 60);
    } else if (s < 48 * 3600) {
        snprintf(buffer, REPORT_WORD_MAX, "%" PRIu64 " h %" PRIu64 " min", s / 3600, s % 3600 / 60);
    } else {
        snprintf(buffer, REPORT_WORD_MAX, "%" PRIu64 " d %" PRIu64 " h", s / 86400,
                 s % 86400 / 3600);
    }
    return buffer;
}

const char *report_date(char *buffer, uint64_t seconds)
{
    /* Days to a date of the Gregorian calendar, with years that begin in March so that the leap day
     * is the last one (Hinnant, "chrono-compatible low-level date algorithms"). */
    uint64_t days = seconds / 86400 + 719468;
    uint64_t era = days / 146097;
    uint64_t day = days % 146097;
    uint64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    uint64_t day_of_year = day - (365 * year + year / 4 - year / 100);
    uint64_t month = (5 * day_of_year + 2) / 153;
    uint64_t day_of_month = day_of_year - (153 * month + 2) / 5 + 1;
    uint64_t minute = seconds % 86400 / 60;

    assert(month < 12);
    month = month < 10 ? month + 3 : month - 9;
    year += era * 400 + (month <= 2 ? 1 : 0);
    snprintf(buffer, REPORT_WORD_MAX,
             "%04" PRIu64 "-%02" PRIu64 "-%02" PRIu64 " %02" PRIu64 ":%02" PRIu64 " UTC", year,
             month, day_of_month, minute / 60, minute % 60);
    return buffer;
}

uint64_t report_percent(uint64_t part, uint64_t whole)
{
    assert(part <= whole);
    return whole == 0 ? 0 : part * 100 / whole;
}

/* Fills count values from the one row of a query. */
static void read_counts(struct report *report, const char *sql, uint64_t *const *values, int count)
{
    sqlite3_stmt *row = report_query(report, sql);

    while (report_next(report, row)) {
        assert(sqlite3_column_count(row) == count);
        for (int i = 0; i < count; i++) {
            *values[i] = report_u64(row, i);
        }
    }
}

static void read_executions(struct report *report)
{
    struct report_summary *s = &report->summary;
    uint64_t *const totals[] = {&s->executions, &s->branches, &s->masked,  &s->disturbed,
                                &s->events,     &s->sim_ns,   &s->commits, &s->leader_changes,
                                &s->faults,     &s->wall_ns};
    sqlite3_stmt *row = NULL;

    read_counts(report,
                "SELECT count(*), sum(branch), sum(masked > 0), sum(disturbed), "
                "sum(events), sum(sim_ns), "
                "sum(commits), sum(leader_changes), sum(faults_fired), sum(wall_ns) "
                "FROM executions",
                totals, 10);
    row = report_query(report, "SELECT outcome, count(*) FROM executions GROUP BY outcome");
    while (report_next(report, row)) {
        enum sim_outcome outcome = SIM_OUTCOME_OK;
        if (!report->failed && !report_outcome_parse(report_str(row, 0), &outcome)) {
            store_fail(report->store, "%s: an execution has an unknown outcome",
                       report->store->path);
            report->failed = true;
        }
        s->outcomes[outcome] += report_u64(row, 1);
    }
}

static void read_summary(struct report *report)
{
    struct report_summary *s = &report->summary;
    uint64_t *const bugs[] = {&s->bugs, &s->divergent, &s->leaks};
    uint64_t *const points[] = {&s->points, &s->points_reached, &s->points_can_fire,
                                &s->points_fired};
    uint64_t *const cells[] = {&s->cells, &s->cells_fired};
    uint64_t *const lines[] = {&s->lines, &s->lines_covered};
    uint64_t *const probes[] = {&s->probes, &s->probes_reached};
    uint64_t *const oracles[] = {&s->oracles, &s->skipped, &s->checks};
    uint64_t *const runs[] = {&s->runs, &s->interrupted};

    read_executions(report);
    read_counts(report,
                "SELECT (SELECT count(*) FROM bugs), (SELECT count(*) FROM nondeterminism), "
                "(SELECT count(*) FROM leaks)",
                bugs, 3);
    read_counts(report,
                "SELECT count(*), sum(hits > 0), sum(outcomes > 0), sum(outcomes > 0 AND fired > 0)"
                " FROM point_totals",
                points, 4);
    read_counts(report, "SELECT count(*), sum(fired > 0) FROM point_matrix WHERE declared = 1",
                cells, 2);
    read_counts(report, "SELECT sum(lines), sum(covered) FROM line_summary", lines, 2);
    read_counts(report, "SELECT count(*), sum(hits > 0) FROM probe_totals", probes, 2);
    read_counts(report,
                "SELECT count(*), sum(checks = 0 AND reason IS NOT NULL), sum(checks) FROM (SELECT "
                "max(skipped_reason) AS reason, sum(checks) AS checks "
                "FROM oracle_checks GROUP BY oracle)",
                oracles, 3);
    read_counts(report, "SELECT count(*), sum(outcome IS NULL) FROM runs", runs, 2);
}

static void judge(struct report_summary *s)
{
    char number[REPORT_WORD_MAX];
    uint64_t judged = s->outcomes[SIM_OUTCOME_OK] + s->outcomes[SIM_OUTCOME_XFAIL];

    if (s->bugs > 0) {
        s->verdict = REPORT_BUGS;
        snprintf(s->sentence, sizeof s->sentence, "%s found",
                 report_plural(number, s->bugs, "bug", "bugs"));
    } else if (s->outcomes[SIM_OUTCOME_DIVERGED] > 0) {
        s->verdict = REPORT_DIVERGED;
        snprintf(
            s->sentence, sizeof s->sentence, "Not deterministic: %s gave another hash",
            report_plural(number, s->outcomes[SIM_OUTCOME_DIVERGED], "repetition", "repetitions"));
    } else if (s->divergent > 0) {
        s->verdict = REPORT_DIVERGED;
        snprintf(s->sentence, sizeof s->sentence, "Not deterministic: %s more than one hash",
                 report_plural(number, s->divergent, "plan has", "plans have"));
    } else if (s->outcomes[SIM_OUTCOME_ERROR] > 0) {
        s->verdict = REPORT_ERRORS;
        snprintf(s->sentence, sizeof s->sentence, "%s with an error of the script",
                 report_plural(number, s->outcomes[SIM_OUTCOME_ERROR], "execution ended",
                               "executions ended"));
    } else if (s->executions == 0) {
        s->verdict = REPORT_NOTHING;
        snprintf(s->sentence, sizeof s->sentence, "Nothing was executed");
    } else if (judged == 0) {
        s->verdict = REPORT_NOTHING;
        snprintf(s->sentence, sizeof s->sentence,
                 "Nothing was judged: every execution was "
                 "skipped");
    } else {
        s->verdict = REPORT_CLEAN;
        snprintf(s->sentence, sizeof s->sentence, "No bug found in %s",
                 report_plural(number, judged, "execution", "executions"));
    }
    assert(s->sentence[0] != '\0');
}

bool report_begin(struct report *report, struct store *store, FILE *out, bool colour)
{
    assert(store != NULL);
    assert(out != NULL);
    memset(report, 0, sizeof *report);
    report->store = store;
    report->out = out;
    report->colour = colour;
    if (sqlite3_exec(store->db, "SAVEPOINT report", NULL, NULL, NULL) != SQLITE_OK) {
        report->failed = true;
        return store_fail_sqlite(store);
    }
    read_summary(report);
    if (!report->failed) {
        judge(&report->summary);
    }
    return !report->failed;
}

bool report_end(struct report *report)
{
    bool ok = !report->failed;

    if (fflush(report->out) != 0 || ferror(report->out) != 0) {
        ok = ok && store_fail(report->store, "the report cannot be written");
    }
    sqlite3_exec(report->store->db, "RELEASE report", NULL, NULL, NULL);
    return ok;
}
