/* Measures in the reports: liveness as distributions, what came of faults, and probes; here what
 * both reports share and what the terminal shows, in html_measures.c the page.
 *
 * Terms. A *bucket* of a distribution is half an octave: its number is twice the position of the
 * highest bit, plus the bit below, so that values up to 3 have buckets of their own and no bucket
 * is wider than half its lower edge.
 *
 *  1. A time that never came is not in the distribution; how many there are stands beside it.
 *  2. The p-th percentile is the smallest value that p of a hundred do not exceed. */
#include "report_measures.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#define PROBES_MAX 40

const struct report_measure report_measures[REPORT_MEASURES] = {
    {"leader_ns", "to a leader that a majority follows", true},
    {"commit_ns", "to the first entry committed", true},
    {"converged_ns", "until all agreed and every client had its answer", true},
    {"elections", "elections won", false},
    {"terms", "terms begun", false},
    {"messages", "messages sent", false},
};

uint32_t report_bucket(uint64_t value)
{
    uint32_t bit = 0;
    for (uint64_t rest = value; rest > 1; rest >>= 1) {
        bit++;
    }
    if (bit == 0) {
        return value == 0 ? 0 : 1;
    }
    return 2 * bit + (uint32_t)(value >> (bit - 1) & 1);
}

uint64_t report_bucket_low(uint32_t bucket)
{
    assert(bucket < REPORT_BUCKETS);
    if (bucket < 2) {
        return bucket;
    }
    uint64_t half = UINT64_C(1) << (bucket / 2 - 1);
    return 2 * half + (bucket % 2) * half;
}

static uint64_t rank(uint64_t count, uint64_t percent)
{
    uint64_t at = (count * percent + 99) / 100;
    return at == 0 ? 1 : at;
}

void report_distribution_read(struct report *report, const struct report_measure *measure,
                              struct report_distribution *out)
{
    char sql[256];
    uint64_t at = 0;

    memset(out, 0, sizeof *out);
    snprintf(sql, sizeof sql, "SELECT count(%s), count(*) FROM liveness", measure->column);
    sqlite3_stmt *row = report_query(report, sql);
    while (report_next(report, row)) {
        out->count = report_u64(row, 0);
        out->missing = report_u64(row, 1) - out->count;
    }
    snprintf(sql, sizeof sql, "SELECT %s FROM liveness WHERE %s IS NOT NULL ORDER BY 1",
             measure->column, measure->column);
    row = report_query(report, sql);
    while (report_next(report, row)) {
        uint64_t value = report_u64(row, 0);
        uint32_t bucket = report_bucket(value);
        at++;
        out->p50 = at == rank(out->count, 50) ? value : out->p50;
        out->p90 = at == rank(out->count, 90) ? value : out->p90;
        out->p99 = at == rank(out->count, 99) ? value : out->p99;
        out->least = at == 1 ? value : out->least;
        out->most = value;
        out->buckets[bucket]++;
        out->highest = out->buckets[bucket] > out->highest ? out->buckets[bucket] : out->highest;
    }
    assert(report->failed || at == out->count);
}

const char *report_measure_word(const struct report_measure *measure, char *buffer, uint64_t value)
{
    return measure->is_time ? report_duration(buffer, value) : report_count(buffer, value);
}

/* ---- the terminal ---- */

static void print_liveness(struct report *report)
{
    bool any = false;

    for (uint32_t i = 0; i < REPORT_MEASURES; i++) {
        const struct report_measure *measure = &report_measures[i];
        struct report_distribution of;
        char a[REPORT_WORD_MAX];
        char b[REPORT_WORD_MAX];
        char c[REPORT_WORD_MAX];
        char d[REPORT_WORD_MAX];
        report_distribution_read(report, measure, &of);
        if (of.count == 0) {
            continue;
        }
        if (!any) {
            report_heading(report, "After every fault had ended");
            fprintf(report->out, "  %-50s %10s %10s %10s %10s\n", "", "median", "90 %", "99 %",
                    "most");
            any = true;
        }
        fprintf(report->out, "  %-50s %10s %10s %10s %10s", measure->title,
                report_measure_word(measure, a, of.p50), report_measure_word(measure, b, of.p90),
                report_measure_word(measure, c, of.p99), report_measure_word(measure, d, of.most));
        if (of.missing > 0) {
            fprintf(report->out, ", never in %s",
                    report_plural(a, of.missing, "execution", "executions"));
        }
        fputc('\n', report->out);
    }
}

static void print_efficacy(struct report *report)
{
    sqlite3_stmt *row = report_query(report, REPORT_EFFICACY_SQL);
    bool any = false;

    while (report_next(report, row)) {
        char a[REPORT_WORD_MAX];
        if (!any) {
            report_heading(report, "What came of the faults that were compared with their absence");
            any = true;
        }
        fprintf(report->out, "  %-10s %s\n", report_str(row, 0),
                report_plural(a, report_u64(row, 1), "fault", "faults"));
    }
    row = report_query(report, "SELECT file, scenario, judged, masked FROM scenarios_vacuous "
                               "ORDER BY file, scenario");
    while (report_next(report, row)) {
        fprintf(report->out,
                "  vacuous: %s in %s: %" PRIu64 " of %" PRIu64 " faults changed nothing\n",
                report_str(row, 1), report_str(row, 0), report_u64(row, 3), report_u64(row, 2));
    }
}

static void print_probes(struct report *report)
{
    char a[REPORT_WORD_MAX];
    uint64_t reached = report->summary.probes_reached;
    uint64_t all = report->summary.probes;
    uint64_t shown = 0;

    if (all == 0) {
        return;
    }
    report_heading(report, "Situations");
    fprintf(report->out, "  %" PRIu64 " of %s reached%s\n", reached,
            report_plural(a, all, "situation", "situations"),
            reached < all ? "; these were not:" : "");
    sqlite3_stmt *row =
        report_query(report, "SELECT name, sentence FROM probes_never_reached ORDER BY name");
    while (report_next(report, row)) {
        if (shown++ < PROBES_MAX) {
            fprintf(report->out, "  %-26s %s\n", report_str(row, 0), report_str(row, 1));
        }
    }
    if (shown > PROBES_MAX) {
        fprintf(report->out, "  … and %" PRIu64 " more\n", shown - PROBES_MAX);
    }
}

void report_measures_print(struct report *report)
{
    print_liveness(report);
    print_efficacy(report);
    print_probes(report);
}
