/* The table of fault points: one line each, aligned, for terminals and for grep.
 *
 * The *state* of a point says what the campaign made of it: "fired" (every outcome), "partly",
 * "never" (reached, but no outcome came), "unreached". The only outcome of an exit that can be
 * observed alone is that the state takes it. The *class* is what a sweep of a library owes it:
 * "always", or the exceptions "rare" and "never"; "mixed" if its outcomes differ. */
#include "report_internal.h"
#include "store_internal.h"

#include <assert.h>
#include <string.h>

#define NAME_WIDTH 34

/* Whether a name matches a pattern: '*' is one part of the name, or the rest of a part, and '**'
 * any number of parts. */
static bool name_matches(const char *pattern, const char *name)
{
    while (*pattern != '\0') {
        if (*pattern != '*') {
            if (*pattern != *name) {
                return false;
            }
            pattern++;
            name++;
            continue;
        }
        bool crosses = pattern[1] == '*';
        const char *rest = pattern + (crosses ? 2 : 1);
        for (const char *at = name;; at++) {
            if (name_matches(rest, at)) {
                return true;
            }
            if (*at == '\0' || (*at == '.' && !crosses)) {
                return false;
            }
        }
    }
    return *name == '\0';
}

static const char *state_word(uint64_t outcomes, uint64_t outcomes_fired, uint64_t hits)
{
    assert(outcomes_fired <= outcomes);
    if (outcomes > 0 && outcomes_fired == outcomes) {
        return "fired";
    }
    if (outcomes_fired > 0) {
        return "partly";
    }
    return hits > 0 ? "never" : "unreached";
}

static const char *state_colour(const char *state)
{
    switch (state[0]) {
    case 'f':
        return "\033[32m";
    case 'p':
        return "\033[33m";
    case 'n':
    case 'u':
        return "\033[31m";
    default:
        return "\033[2m";
    }
}

static void print_point(const struct report *report, sqlite3_stmt *row)
{
    const char *state = state_word(report_u64(row, 3), report_u64(row, 4), report_u64(row, 5));
    char hits[REPORT_WORD_MAX];
    char fired[REPORT_WORD_MAX];

    fprintf(report->out, "%-*s %-8s %-44s %-7s %s%-9s%s %12s %10s  %-30s %s\n", NAME_WIDTH,
            report_str(row, 0), report_str(row, 1), report_str(row, 2), report_str(row, 8),
            report->colour ? state_colour(state) : "", state, report->colour ? "\033[0m" : "",
            report_count(hits, report_u64(row, 5)), report_count(fired, report_u64(row, 6)),
            report_str(row, 9)[0] == '\0' ? "-" : report_str(row, 9), report_str(row, 7));
}

static const char points_sql[] =
    "WITH declared AS (SELECT point, group_concat(outcome, ' ') AS words, count(*) AS outcomes, "
    "sum(fired > 0) AS came, sum(fired) AS times, CASE WHEN count(DISTINCT class) = 1 "
    "THEN min(class) ELSE 'mixed' END AS class "
    "FROM (SELECT point, outcome, fired, class FROM point_matrix WHERE declared = 1 "
    "ORDER BY point, outcome) GROUP BY point) "
    "SELECT t.name, t.kind, coalesce(d.words, '-'), coalesce(d.outcomes, 0), coalesce(d.came, 0), "
    "t.hits, coalesce(d.times, t.fired), t.meaning, coalesce(d.class, '-'), t.place FROM "
    "point_totals t LEFT JOIN declared d ON d.point = t.name "
    "ORDER BY t.name";

bool report_points(struct store *store, FILE *out, const char *pattern, bool colour)
{
    struct report report;
    sqlite3_stmt *row = NULL;
    uint64_t shown = 0;

    if (!report_begin(&report, store, out, colour)) {
        report_end(&report);
        return false;
    }
    fprintf(out, "%-*s %-8s %-44s %-7s %-9s %12s %10s  %-30s %s\n", NAME_WIDTH, "POINT", "KIND",
            "OUTCOMES", "CLASS", "STATE", "HITS", "FIRED", "PLACE", "MEANING");
    row = report_query(&report, points_sql);
    while (report_next(&report, row)) {
        if (pattern == NULL || name_matches(pattern, report_str(row, 0))) {
            print_point(&report, row);
            shown++;
        }
    }
    if (shown == 0 && !report.failed && pattern != NULL) {
        store_fail(store, "no point matches '%s'", pattern);
        report.failed = true;
    }
    return report_end(&report);
}
