/* The text summary: what a terminal shows at the end of a campaign.
 *
 * The verdict comes first, then what it rests on, then whatever is to be acted upon: bugs with the
 * command that repeats them, scripts that are wrong, points that nothing has failed yet. A list
 * that was cut says so. Colour repeats what the words say, and adds nothing. */
#include "names.h"
#include "report_internal.h"
#include "report_measures.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#define BUGS_MAX   20
#define FAULTS_MAX 8  /* of one bug */
#define LEAKS_MAX  20 /* sites */
#define POINTS_MAX 40
#define NOTES_MAX  10
#define LINES_MAX  60

static const char *paint(const struct report *report, const char *code)
{
    return report->colour ? code : "";
}
#define RED    "\033[1;31m"
#define GREEN  "\033[1;32m"
#define YELLOW "\033[33m"
#define BOLD   "\033[1m"
#define DIM    "\033[2m"
#define PLAIN  "\033[0m"

void report_heading(const struct report *report, const char *text)
{
    fprintf(report->out, "\n%s%s%s\n", paint(report, BOLD), text, paint(report, PLAIN));
}

/* Prints a text from the file with what could move the cursor replaced. */
static void print_plain(const struct report *report, const char *text)
{
    for (const char *at = text; *at != '\0'; at++) {
        unsigned char byte = (unsigned char)*at;
        fputc(byte < 0x20 || byte == 0x7f ? ' ' : byte, report->out);
    }
}

/* Says that a list was cut. */
static void print_cut(const struct report *report, uint64_t left, const char *what)
{
    char number[REPORT_WORD_MAX];

    if (left > 0) {
        fprintf(report->out, "  %s… and %s more %s%s\n", paint(report, DIM),
                report_count(number, left), what, paint(report, PLAIN));
    }
}

static void print_verdict(const struct report *report)
{
    const struct report_summary *s = &report->summary;
    const char *colour = YELLOW;

    switch (s->verdict) {
    case REPORT_BUGS:
    case REPORT_DIVERGED:
        colour = RED;
        break;
    case REPORT_ERRORS:
    case REPORT_NOTHING:
        colour = YELLOW;
        break;
    case REPORT_CLEAN:
        colour = GREEN;
        break;
    }
    fprintf(report->out, "%s%s%s\n", paint(report, colour), s->sentence, paint(report, PLAIN));
}

static void print_counts(const struct report *report)
{
    static const struct {
        enum sim_outcome outcome;
        const char *word;
    } rows[] = {
        {SIM_OUTCOME_OK, "ok"},
        {SIM_OUTCOME_FINDING, "with a finding"},
        {SIM_OUTCOME_XFAIL, "known bug"},
        {SIM_OUTCOME_DIVERGED, "diverged"},
        {SIM_OUTCOME_ERROR, "in error"},
        {SIM_OUTCOME_SKIPPED, "skipped"},
        {SIM_OUTCOME_UNAVAILABLE, "beyond the budget"},
    };
    const struct report_summary *s = &report->summary;
    char a[REPORT_WORD_MAX];
    char b[REPORT_WORD_MAX];
    char c[REPORT_WORD_MAX];
    char d[REPORT_WORD_MAX];

    fprintf(report->out, "  %-11s %s:", "executions", report_count(a, s->executions));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint64_t count = s->outcomes[rows[i].outcome];
        if (count > 0 || rows[i].outcome == SIM_OUTCOME_OK) {
            fprintf(report->out, "%s %s %s", i > 0 ? "," : "", report_count(a, count),
                    rows[i].word);
        }
    }
    if (s->branches > 0) {
        fprintf(report->out, "; %s of a sweep",
                report_plural(a, s->branches, "branch", "branches"));
    }
    if (s->masked > 0) {
        fprintf(report->out, ", %s of them masked early", report_count(a, s->masked));
    }
    fprintf(report->out, "\n  %-11s %s events in %s of simulated time, %s commits\n", "simulated",
            report_count(a, s->events), report_duration(b, s->sim_ns), report_count(c, s->commits));
    fprintf(report->out, "  %-11s %s fired; ", "faults", report_count(a, s->faults));
    fprintf(report->out, "%s of %s points failed at least once, %s of %s were reached\n",
            report_count(a, s->points_fired), report_count(b, s->points_can_fire),
            report_count(c, s->points_reached), report_count(d, s->points));
    fprintf(report->out, "  %-11s %s by %" PRIu64 " of %" PRIu64 " oracles\n", "checks",
            report_count(a, s->checks), s->oracles - s->skipped, s->oracles);
    if (s->interrupted > 0) {
        fprintf(report->out, "  %s%s did not end: the numbers are of what it had recorded%s\n",
                paint(report, YELLOW), report_plural(a, s->interrupted, "run", "runs"),
                paint(report, PLAIN));
    }
}

/* The faults that fired in an execution before its first bad step. */
static void print_faults(struct report *report, int64_t execution, uint64_t event)
{
    sqlite3_stmt *row =
        report_query(report, "SELECT p.name, i.occurrence, i.outcome, i.node, i.role, i.persistent "
                             "FROM injections i JOIN fault_points p ON p.id = i.point "
                             "WHERE i.execution = ?1 AND i.event <= ?2 ORDER BY i.number DESC");
    uint64_t count = 0;

    if (row != NULL) {
        sqlite3_bind_int64(row, 1, execution);
        sqlite3_bind_int64(row, 2, (sqlite3_int64)event);
    }
    while (report_next(report, row)) {
        if (count++ >= FAULTS_MAX) {
            continue;
        }
        fprintf(report->out, "      %s %s #%" PRIu64 " = %s, node %" PRIu64 " (%s)%s\n",
                count == 1 ? "after:" : "      ", report_str(row, 0), report_u64(row, 1),
                report_str(row, 2), report_u64(row, 3), report_str(row, 4),
                sqlite3_column_int(row, 5) != 0 ? ", from then on" : "");
    }
    if (count > FAULTS_MAX) {
        fprintf(report->out, "             and %" PRIu64 " earlier faults\n", count - FAULTS_MAX);
    }
}

static void print_bug(struct report *report, sqlite3_stmt *row, int number)
{
    char a[REPORT_WORD_MAX];
    char b[REPORT_WORD_MAX];
    const char *plan = report_str(row, 9);

    fprintf(report->out, "  %s%d. %s%s  %s(%s in %s)%s\n      ", paint(report, RED), number,
            report_str(row, 0), paint(report, PLAIN), paint(report, DIM), report_str(row, 1),
            report_plural(a, report_u64(row, 2), "execution", "executions"), paint(report, PLAIN));
    print_plain(report, report_str(row, 3));
    fprintf(report->out, "\n      first bad step: event %s at %s",
            report_count(a, report_u64(row, 4)), report_duration(b, report_u64(row, 5)));
    if (report_u64(row, 6) != 0) {
        fprintf(report->out, ", node %" PRIu64, report_u64(row, 6));
    }
    fprintf(report->out, "; %s, seed %" PRIu64, report_str(row, 7), report_u64(row, 8));
    if (plan[0] != '\0') {
        fprintf(report->out, ", plan %s", plan);
    }
    fputc('\n', report->out);
    print_faults(report, sqlite3_column_int64(row, 10), report_u64(row, 4));
    fprintf(report->out, "      replay: %s", paint(report, BOLD));
    print_plain(report, report_str(row, 11));
    fprintf(report->out, "%s\n", paint(report, PLAIN));
}

static void print_bugs(struct report *report)
{
    sqlite3_stmt *row = NULL;
    uint64_t count = 0;

    if (report->summary.bugs == 0) {
        return;
    }
    report_heading(report, "Bugs");
    row = report_query(report,
                       "SELECT r.signature, r.rule, b.executions, r.message, r.event, r.time_ns, "
                       "r.node, r.scenario, r.seed, r.plan, r.execution, r.command "
                       "FROM bug_repro r JOIN bugs b ON b.signature = r.signature "
                       "ORDER BY b.executions DESC, r.signature");
    while (report_next(report, row)) {
        if (count++ < BUGS_MAX) {
            print_bug(report, row, (int)count);
        }
    }
    print_cut(report, count > BUGS_MAX ? count - BUGS_MAX : 0, "bugs");
}

static void print_leaks(struct report *report)
{
    sqlite3_stmt *row = NULL;
    uint64_t count = 0;

    if (report->summary.leaks == 0) {
        return;
    }
    report_heading(report, "Left behind");
    row = report_query(report, "SELECT kind, holder, site, executions, references_left "
                               "FROM leaks_by_site ORDER BY executions DESC, site, holder, kind");
    while (report_next(report, row)) {
        char a[REPORT_WORD_MAX];
        if (count++ < LEAKS_MAX) {
            fprintf(report->out, "  %s held by %s, taken at %s: %" PRId64 " too many in %s\n",
                    report_str(row, 0), report_str(row, 1), report_str(row, 2),
                    (int64_t)sqlite3_column_int64(row, 4),
                    report_plural(a, report_u64(row, 3), "execution", "executions"));
        }
    }
    print_cut(report, count > LEAKS_MAX ? count - LEAKS_MAX : 0, "places");
}

/* Executions that were not judged, or not to the end, or gave another hash, by scenario and reason.
 */
static void print_notes(struct report *report)
{
    sqlite3_stmt *row =
        report_query(report, "SELECT e.outcome, s.file, s.name, e.note, count(*), min(e.seed) "
                             "FROM executions e JOIN scenarios s ON s.id = e.scenario "
                             "WHERE e.outcome IN ('error', 'skipped', 'diverged', "
                             "                    'unavailable-by-budget') "
                             "OR e.note LIKE 'interrupted:%' "
                             "GROUP BY e.outcome, s.file, s.name, e.note "
                             "ORDER BY e.outcome, count(*) DESC, s.file, s.name, e.note");
    uint64_t count = 0;

    while (report_next(report, row)) {
        char a[REPORT_WORD_MAX];
        if (count == 0) {
            report_heading(report, "Not judged");
        }
        if (count++ >= NOTES_MAX) {
            continue;
        }
        fprintf(report->out, "  %s%s%s %s %s (%s, first seed %" PRIu64 "): ", paint(report, YELLOW),
                report_str(row, 0), paint(report, PLAIN), report_str(row, 1), report_str(row, 2),
                report_plural(a, report_u64(row, 4), "execution", "executions"),
                report_u64(row, 5));
        print_plain(report, report_str(row, 3));
        fputc('\n', report->out);
    }
    print_cut(report, count > NOTES_MAX ? count - NOTES_MAX : 0, "reasons");
}

static void print_never_fired(struct report *report)
{
    sqlite3_stmt *row = NULL;
    uint64_t count = 0;
    char a[REPORT_WORD_MAX];
    char b[REPORT_WORD_MAX];
    const struct report_summary *s = &report->summary;

    if (s->cells == s->cells_fired) {
        return;
    }
    report_heading(report, "Never failed");
    fprintf(report->out, "  %s of %s outcomes of points fired; these did not:\n",
            report_count(a, s->cells_fired), report_count(b, s->cells));
    row = report_query(report, "SELECT point, reached, group_concat(outcome, ' '), class, reason "
                               "FROM (SELECT point, reached, outcome, class, reason "
                               "FROM points_never_injected ORDER BY point, outcome) "
                               "GROUP BY class, reason, point, reached "
                               "ORDER BY class, point, reason");
    while (report_next(report, row)) {
        if (count++ < POINTS_MAX) {
            bool reached = sqlite3_column_int(row, 1) != 0;
            fprintf(report->out, "  %-34s %s%s%s", report_str(row, 0), report_str(row, 2),
                    paint(report, DIM), reached ? "" : " (not reached)");
            if (strcmp(report_str(row, 3), "always") != 0) {
                fprintf(report->out, " %s: ", report_str(row, 3));
                print_plain(report, report_str(row, 4));
            }
            fprintf(report->out, "%s\n", paint(report, PLAIN));
        }
    }
    print_cut(report, count > POINTS_MAX ? count - POINTS_MAX : 0, "points");
}

/* How much of what can fail in a phase of a node's life has failed there. */
static void print_phases(struct report *report)
{
    char a[REPORT_WORD_MAX];
    char b[REPORT_WORD_MAX];
    char c[REPORT_WORD_MAX];

    if (report->summary.points_reached == 0) {
        return;
    }
    report_heading(report, "By phase of a node's life");
    fprintf(report->out, "  %-13s %-13s %7s %9s %7s %7s  %s\n", "phase", "role", "points",
            "outcomes", "came", "gaps", "executions that passed with it");
    for (uint32_t life = 0; life < SIM_LIFE_COUNT; life++) {
        sqlite3_stmt *row = report_phase_query(report, life);
        bool any = false;
        while (report_next(report, row)) {
            any = true;
            fprintf(report->out, "  %-13s %-13s %7s ", report_phase_word(life), report_str(row, 0),
                    report_count(a, report_u64(row, 1)));
            fprintf(report->out, "%9s %7s ", report_count(a, report_u64(row, 2)),
                    report_count(b, report_u64(row, 3)));
            fprintf(report->out, "%7s  %s of %s\n", report_count(a, report_u64(row, 4)),
                    report_count(b, report_u64(row, 5)), report_count(c, report_u64(row, 6)));
        }
        if (!any) {
            fprintf(report->out, "  %-13s %sno point was reached in it%s\n",
                    report_phase_word(life), paint(report, DIM), paint(report, PLAIN));
        }
    }
}

/* Lines of the implementation that no execution has entered. */
static void print_lines(struct report *report)
{
    uint64_t lines = report->summary.lines;
    uint64_t covered = report->summary.lines_covered;
    uint64_t count = 0;
    char a[REPORT_WORD_MAX];
    char b[REPORT_WORD_MAX];

    if (lines == 0) {
        return;
    }
    report_heading(report, "Lines never entered");
    fprintf(report->out, "  %s of %s lines that begin a block were entered%s\n",
            report_count(a, covered), report_count(b, lines),
            covered < lines ? "; these were not:" : "");
    sqlite3_stmt *row = report_query(report, "SELECT file, line, function, source FROM "
                                             "lines_uncovered ORDER BY file, line");
    while (report_next(report, row)) {
        if (count++ < LINES_MAX) {
            char place[SIM_TEXT_MAX];
            snprintf(place, sizeof place, "%s:%" PRIu64, report_str(row, 0), report_u64(row, 1));
            fprintf(report->out, "  %-32s %s%-32s%s ", place, paint(report, DIM),
                    report_str(row, 2), paint(report, PLAIN));
            print_plain(report, report_str(row, 3));
            fputc('\n', report->out);
        }
    }
    print_cut(report, count > LINES_MAX ? count - LINES_MAX : 0, "lines");
}

static void print_skipped_oracles(struct report *report)
{
    sqlite3_stmt *row =
        report_query(report, "SELECT o.name, c.skipped_reason, sum(c.checks) FROM oracle_checks c "
                             "JOIN oracles o ON o.id = c.oracle WHERE c.skipped_reason IS NOT NULL "
                             "GROUP BY o.name, c.skipped_reason ORDER BY o.name, c.skipped_reason");
    bool any = false;

    while (report_next(report, row)) {
        char a[REPORT_WORD_MAX];
        if (!any) {
            report_heading(report, "Oracles skipped");
            any = true;
        }
        fprintf(report->out, "  %s%s%s: ", paint(report, YELLOW), report_str(row, 0),
                paint(report, PLAIN));
        print_plain(report, report_str(row, 1));
        if (report_u64(row, 2) > 0) {
            fprintf(report->out, " (in some executions; %s in the others)",
                    report_plural(a, report_u64(row, 2), "check", "checks"));
        }
        fputc('\n', report->out);
    }
}

/* Nothing is cut: what was not checked must be said. */
static void print_waivers(struct report *report)
{
    sqlite3_stmt *row = report_query(report, "SELECT name, sentence, hits, executions FROM waivers "
                                             "ORDER BY oracle, name");
    bool any = false;

    while (report_next(report, row)) {
        char a[REPORT_WORD_MAX];
        char b[REPORT_WORD_MAX];
        if (!any) {
            report_heading(report, "Checks left out");
            fprintf(report->out, "  %-34s %10s %11s\n", "", "times", "executions");
            any = true;
        }
        fprintf(report->out, "  %s%-34s%s %10s %11s  ", paint(report, YELLOW), report_str(row, 0),
                paint(report, PLAIN), report_count(a, report_u64(row, 2)),
                report_count(b, report_u64(row, 3)));
        print_plain(report, report_str(row, 1));
        fputc('\n', report->out);
    }
}

bool report_text(struct store *store, FILE *out, bool colour)
{
    struct report report;

    if (!report_begin(&report, store, out, colour)) {
        report_end(&report);
        return false;
    }
    print_verdict(&report);
    print_counts(&report);
    print_bugs(&report);
    print_leaks(&report);
    print_notes(&report);
    report_measures_print(&report);
    print_never_fired(&report);
    print_phases(&report);
    print_lines(&report);
    print_skipped_oracles(&report);
    print_waivers(&report);
    return report_end(&report);
}
