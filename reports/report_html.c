/* The page: one file, no network, readable without JavaScript.
 *
 *  1. Equal content gives equal bytes (report.c, rule 2).
 *  2. The page's policy forbids it to load anything at all.
 *  3. Style and script are files of page/, made into C arrays by the build. */
#include "html.h"
#include "names.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#define COMMANDS_MAX 20

extern const char page_css[];
extern const char page_js[];

static const char *tone(enum report_verdict verdict)
{
    switch (verdict) {
    case REPORT_BUGS:
    case REPORT_DIVERGED:
        return "bad";
    case REPORT_ERRORS:
    case REPORT_NOTHING:
        return "warn";
    case REPORT_CLEAN:
        return "good";
    }
    assert(false);
    return "";
}

/* A sign for the verdict, different in shape as well as in colour. */
static const char *sign(enum report_verdict verdict)
{
    switch (verdict) {
    case REPORT_BUGS:
    case REPORT_DIVERGED:
        return "<path d=\"M20 20 L44 44 M44 20 L20 44\"/>";
    case REPORT_ERRORS:
    case REPORT_NOTHING:
        return "<path d=\"M32 16 V36 M32 45 V47\"/>";
    case REPORT_CLEAN:
        return "<path d=\"M17 33 L28 44 L47 22\"/>";
    }
    assert(false);
    return "";
}

static void write_head(const struct report *report)
{
    html_print(report, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                       "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
                       "style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:\">\n"
                       "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                       "<link rel=\"icon\" href=\"data:,\">\n<title>squall: ");
    html_text(report, report->summary.sentence);
    html_print(report, "</title>\n<style>\n");
    fputs(page_css, report->out);
    html_print(report, "</style>\n</head>\n");
}

/* One entry of the navigation, with a number beside it. */
static void write_link(const struct report *report, const char *id, const char *title,
                       uint64_t count, bool is_bad)
{
    char number[REPORT_WORD_MAX];

    html_print(report, "<a href=\"#%s\">%s<b%s>%s</b></a>\n", id, title,
               is_bad ? " class=\"bad\"" : "", report_short(number, count));
}

static void write_hero(struct report *report)
{
    const struct report_summary *s = &report->summary;
    char a[REPORT_WORD_MAX];
    char b[REPORT_WORD_MAX];
    char c[REPORT_WORD_MAX];
    uint64_t unjudged = s->outcomes[SIM_OUTCOME_ERROR] + s->outcomes[SIM_OUTCOME_SKIPPED] +
                        s->outcomes[SIM_OUTCOME_UNAVAILABLE];

    html_print(report,
               "<body>\n<header class=\"hero tone-%s\"><div class=\"wrap\">\n"
               "<svg viewBox=\"0 0 64 64\" aria-hidden=\"true\" fill=\"none\" "
               "stroke=\"currentColor\" stroke-width=\"6\" stroke-linecap=\"round\" "
               "stroke-linejoin=\"round\"><circle cx=\"32\" cy=\"32\" r=\"28\" "
               "stroke-width=\"4\"/>%s</svg>\n<div><h1>",
               tone(s->verdict), sign(s->verdict));
    html_text(report, s->sentence);
    html_print(report,
               "</h1>\n<p>squall, fault injection for Raft: %s, %s events, %s of simulated time",
               report_plural(a, s->executions, "execution", "executions"),
               report_count(b, s->events), report_duration(c, s->sim_ns));
    if (unjudged > 0) {
        html_print(report, "; <a href=\"#unjudged\">%s not judged</a>",
                   report_plural(a, unjudged, "execution was", "executions were"));
    }
    html_print(report, "</p></div>\n</div></header>\n<nav aria-label=\"sections\"><div "
                       "class=\"wrap\">\n<a href=\"#summary\">Summary</a>\n");
    write_link(report, "bugs", "Bugs", s->bugs, s->bugs > 0);
    write_link(report, "points", "Fault points", s->points, false);
    html_print(report, "<a href=\"#coverage\">Coverage</a>\n");
    write_link(report, "ledger", "Ledger", s->leaks, s->leaks > 0);
    write_link(report, "oracles", "Oracles", s->oracles, false);
    html_print(report, "<a href=\"#liveness\">Liveness</a>\n<a href=\"#efficacy\">Efficacy</a>\n"
                       "<a href=\"#probes\">Situations</a>\n"
                       "<a href=\"#scenarios\">Scenarios</a>\n");
    write_link(report, "determinism", "Differences", s->divergent, s->divergent > 0);
    html_print(report, "</div></nav>\n<main class=\"wrap\">\n");
}

static void write_tile(const struct report *report, const char *css_class, const char *title,
                       const char *value, const char *more)
{
    html_print(report, "<div class=\"tile %s\"><dt>%s</dt><dd>%s<small>%s</small></dd></div>\n",
               css_class, title, value, more);
}

/* A tile for a part of a whole, with a meter. */
static void write_share(const struct report *report, const char *title, uint64_t part,
                        uint64_t whole, const char *what)
{
    char a[REPORT_WORD_MAX];
    char b[REPORT_WORD_MAX];

    html_print(report,
               "<div class=\"tile\"><dt>%s</dt><dd>%s / %s<small>%s, %" PRIu64 " %%</small>"
               "<div class=\"meter\"><i style=\"width:%" PRIu64 "%%\"></i></div></dd></div>\n",
               title, report_count(a, part), report_count(b, whole), what,
               report_percent(part, whole), report_percent(part, whole));
}

static void write_tiles(const struct report *report)
{
    const struct report_summary *s = &report->summary;
    char a[REPORT_WORD_MAX];
    char b[REPORT_WORD_MAX];
    char more[3 * REPORT_WORD_MAX];

    html_print(report, "<dl class=\"tiles\">\n");
    snprintf(more, sizeof more, "%s with a finding",
             report_plural(a, s->outcomes[SIM_OUTCOME_FINDING], "execution", "executions"));
    write_tile(report, s->bugs > 0 ? "bad" : "good", "Bugs", report_count(b, s->bugs), more);
    int used = snprintf(more, sizeof more, "%s of sweeps",
                        report_plural(a, s->branches, "branch", "branches"));
    if (s->masked > 0) {
        snprintf(more + used, sizeof more - (size_t)used, ", %s masked early",
                 report_count(a, s->masked));
    }
    write_tile(report, "", "Executions", report_count(b, s->executions), more);
    write_share(report, "Points failed", s->points_fired, s->points_can_fire,
                "of what can be made to fail");
    write_share(report, "Outcomes fired", s->cells_fired, s->cells, "of point × outcome");
    write_share(report, "Points reached", s->points_reached, s->points, "of the registry");
    write_tile(report, "", "Faults fired", report_short(b, s->faults),
               "errors, lost messages, crashes, pauses");
    snprintf(more, sizeof more, "by %" PRIu64 " of %" PRIu64 " oracles", s->oracles - s->skipped,
             s->oracles);
    write_tile(report, "", "Checks", report_short(b, s->checks), more);
    write_tile(report, s->leaks > 0 ? "bad" : "", "Left behind", report_count(b, s->leaks),
               "references, files, requests, memory");
    snprintf(more, sizeof more, "%s of leader",
             report_plural(a, s->leader_changes, "change", "changes"));
    write_tile(report, "", "Entries committed", report_short(b, s->commits), more);
    snprintf(more, sizeof more, "computed in %s", report_duration(a, s->wall_ns));
    write_tile(report, "", "Simulated time", report_duration(b, s->sim_ns), more);
    html_print(report, "</dl>\n");
}

static void write_outcome_keys(const struct report *report)
{
    static const char *const meanings[SIM_OUTCOME_COUNT] = {
        [SIM_OUTCOME_OK] = "ok",
        [SIM_OUTCOME_FINDING] = "broke a rule",
        [SIM_OUTCOME_ERROR] = "error of the script",
        [SIM_OUTCOME_SKIPPED] = "skipped",
        [SIM_OUTCOME_XFAIL] = "known bug, failed as announced",
        [SIM_OUTCOME_DIVERGED] = "gave another hash",
        [SIM_OUTCOME_UNAVAILABLE] = "lost more copies than Raft survives",
    };
    char number[REPORT_WORD_MAX];

    html_print(report, "<ul class=\"keys\">");
    for (unsigned i = 0; i < SIM_OUTCOME_COUNT; i++) {
        uint64_t count = report->summary.outcomes[i];
        if (count > 0) {
            html_print(report, "<li><i class=\"o-%s\"></i>%s %s</li>",
                       report_outcome_word((enum sim_outcome)i), report_count(number, count),
                       meanings[i]);
        }
    }
    html_print(report, "</ul>\n");
}

static void write_builds(struct report *report)
{
    sqlite3_stmt *row = report_query(report, "SELECT sut, sut_file, compiler, flags, build_id "
                                             "FROM builds ORDER BY sut, sut_file, id");

    html_print(report, "<div class=\"card\"><h3>What was tested</h3>\n");
    while (report_next(report, row)) {
        html_print(report, "<dl class=\"facts\">");
        html_element(report, "<dt>implementation</dt><dd>", report_str(row, 0), "</dd>");
        if (report_str(row, 1)[0] != '\0') {
            html_element(report, "<dt>from</dt><dd><code>", report_str(row, 1), "</code></dd>");
        }
        html_element(report, "<dt>compiler</dt><dd>", report_str(row, 2), "</dd>");
        html_element(report, "<dt>flags</dt><dd><code>", report_str(row, 3), "</code></dd>");
        html_element(report, "<dt>build</dt><dd><code>", report_str(row, 4), "</code></dd>");
        html_print(report, "</dl>\n");
    }
    html_print(report, "</div>\n");
}

static void write_runs(struct report *report)
{
    sqlite3_stmt *row = report_query(report, "SELECT command, started_at, outcome, wall_ns, "
                                             "(SELECT count(*) FROM executions e "
                                             "WHERE e.run = runs.id) FROM runs "
                                             "ORDER BY number, id");
    uint64_t shown = 0;
    char a[REPORT_WORD_MAX];
    char b[REPORT_WORD_MAX];
    char c[REPORT_WORD_MAX];

    html_print(report, "<div class=\"card\"><h3>To do it again</h3>\n");
    while (report_next(report, row)) {
        if (shown >= COMMANDS_MAX) {
            continue;
        }
        shown++;
        html_element(report, "<pre class=\"command\">", report_str(row, 0), "</pre>\n");
        html_print(report, "<p class=\"soft\">%s, %s", report_date(a, report_u64(row, 1)),
                   report_plural(b, report_u64(row, 4), "execution", "executions"));
        if (sqlite3_column_type(row, 2) == SQLITE_NULL) {
            html_print(report, "; <span class=\"badge warn\">did not end</span>");
        } else {
            html_print(report, " in %s; ", report_duration(c, report_u64(row, 3)));
            html_text(report, report_str(row, 2));
        }
        html_print(report, "</p>\n");
    }
    html_cut(report, shown, report->summary.runs > shown ? report->summary.runs : shown,
             "command lines");
    html_print(report, "</div>\n");
}

void html_summary(struct report *report)
{
    char number[REPORT_WORD_MAX];

    html_print(report, "<section id=\"summary\">\n<h2>Summary</h2>\n<p>What was done, and how "
                       "much of the code's error handling it reached.</p>\n");
    if (report->summary.interrupted > 0) {
        html_print(report,
                   "<p class=\"notice\">%s did not end: the page shows what had been "
                   "recorded.</p>\n",
                   report_plural(number, report->summary.interrupted, "run", "runs"));
    }
    write_tiles(report);
    html_print(report, "<div class=\"card\"><h3>Outcomes of the executions</h3>\n");
    if (report->summary.executions == 0) {
        html_print(report, "<p class=\"soft\">There was none.</p>\n");
    } else {
        html_outcomes(report, report->summary.outcomes, "stack");
        write_outcome_keys(report);
    }
    html_print(report, "</div>\n<div class=\"two\">\n");
    write_runs(report);
    write_builds(report);
    html_print(report, "</div>\n</section>\n");
}

bool report_html(struct store *store, FILE *out)
{
    struct report report;

    if (!report_begin(&report, store, out, false)) {
        report_end(&report);
        return false;
    }
    write_head(&report);
    write_hero(&report);
    html_summary(&report);
    html_bugs(&report);
    html_points(&report);
    html_coverage(&report);
    html_ledger(&report);
    html_oracles(&report);
    html_liveness(&report);
    html_efficacy(&report);
    html_probes(&report);
    html_scenarios(&report);
    html_determinism(&report);
    html_print(&report, "</main>\n<footer class=\"wrap\">Made from the campaign's database alone; "
                        "<code>squall report</code> makes it again, byte for byte.</footer>\n"
                        "<script>\n");
    fputs(page_js, out);
    html_print(&report, "</script>\n</body>\n</html>\n");
    return report_end(&report);
}
