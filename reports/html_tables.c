/* The page's tables: ledger, oracles, scenarios, what was not judged, determinism.
 *
 * An empty table is never shown: a sentence says that nothing was found, or that nothing was looked
 * at, and these two are never mixed up. */
#include "html.h"

#include "names.h"

#include <assert.h>
#include <inttypes.h>

#define SITES_MAX     100
#define NOTES_MAX     50
#define DIVERGENT_MAX 50

static void write_leak(const struct report *report, sqlite3_stmt *row)
{
    html_element(report, "<tr><td><span class=\"badge bad\">", report_str(row, 0), "</span></td>");
    html_element(report, "<td class=\"keep\">", report_str(row, 1), "</td>");
    html_element(report, "<td><code>", report_str(row, 2), "</code></td>");
    html_print(report, "<td class=\"num\">%" PRId64 "</td>", (int64_t)sqlite3_column_int64(row, 3));
    html_number(report, report_u64(row, 4));
    html_element(report, "<td><code>", report_str(row, 5), "</code></td></tr>\n");
}

void html_ledger(struct report *report)
{
    sqlite3_stmt *row = NULL;
    uint64_t count = 0;
    uint64_t shown = 0;
    char number[REPORT_WORD_MAX];

    html_print(report, "<section id=\"ledger\">\n<h2>Ledger</h2>\n<p>At the end of a run every "
                       "node stops in good order, and whatever it owned must be given back: "
                       "references to entries, files, requests, memory.</p>\n");
    if (report->summary.leaks == 0) {
        uint64_t judged =
            report->summary.outcomes[SIM_OUTCOME_OK] + report->summary.outcomes[SIM_OUTCOME_XFAIL];
        html_print(report, "<p class=\"%s\">Nothing was left behind in %s.</p>\n</section>\n",
                   judged > 0 ? "empty" : "notice",
                   report_plural(number, judged, "judged execution", "judged executions"));
        return;
    }
    html_print(report, "<div class=\"card scroll\"><table><tr><th>what</th><th>held by</th>"
                       "<th>taken at</th><th class=\"num\">too many</th>"
                       "<th class=\"num\">executions</th><th>sites since, in one of them</th>"
                       "</tr>\n");
    row = report_query(
        report, "SELECT l.kind, l.holder, l.site, l.references_left, l.executions, "
                "(SELECT x.path FROM leaks x WHERE x.kind = l.kind AND x.holder = l.holder AND "
                "x.site = l.site ORDER BY x.execution, x.number LIMIT 1) FROM leaks_by_site l "
                "ORDER BY l.executions DESC, l.site, l.holder, l.kind");
    while (report_next(report, row)) {
        if (count++ < SITES_MAX) {
            write_leak(report, row);
            shown++;
        }
    }
    html_print(report, "</table></div>\n");
    html_cut(report, shown, count, "places");
    html_print(report, "</section>\n");
}

static void write_oracle(const struct report *report, sqlite3_stmt *row, uint64_t checks_max)
{
    uint64_t checks = report_u64(row, 2);
    uint64_t broken = report_u64(row, 4);
    const char *reason = report_str(row, 3);
    char a[REPORT_WORD_MAX];

    html_element(report, "<tr><td class=\"keep\"><b>", report_str(row, 0), "</b></td><td>");
    if (broken > 0) {
        html_print(report, "<span class=\"badge bad\">✕ broken in %s</span>",
                   report_plural(a, broken, "execution", "executions"));
    } else if (checks == 0) {
        html_print(report, "<span class=\"badge warn\">– %s</span>",
                   reason[0] != '\0' ? "skipped" : "never checked");
    } else {
        html_print(report, "<span class=\"badge good\">✓ held</span>");
    }
    html_element(report, "</td><td>", report_str(row, 1), "");
    if (reason[0] != '\0') {
        html_print(report,
                   "<br><span class=\"soft\">Skipped%s: ", checks > 0 ? " in some executions" : "");
        html_element(report, "", reason, "</span>");
    }
    html_print(report, "</td>");
    html_number(report, checks);
    html_print(report, "<td>");
    html_bar(report, checks, checks_max);
    html_print(report, "</td></tr>\n");
}

/* Nothing is cut: what was not checked must be said. */
static void write_waivers(struct report *report)
{
    sqlite3_stmt *row = report_query(report, "SELECT name, sentence, executions, hits FROM waivers "
                                             "ORDER BY oracle, name");
    bool any = false;

    while (report_next(report, row)) {
        if (!any) {
            html_print(report,
                       "<h3 id=\"waivers\">Checks left out</h3>\n<p>What happened and was not "
                       "judged, though a rule speaks of it: each with its reason.</p>\n"
                       "<div class=\"card scroll\"><table><tr><th>oracle, clause, reason</th>"
                       "<th>meaning</th><th class=\"num\">executions</th>"
                       "<th class=\"num\">times</th></tr>\n");
            any = true;
        }
        html_element(report, "<tr><td><code>", report_str(row, 0), "</code></td>");
        html_element(report, "<td>", report_str(row, 1), "</td>");
        html_number(report, report_u64(row, 2));
        html_number(report, report_u64(row, 3));
        html_print(report, "</tr>\n");
    }
    html_print(report, "%s", any ? "</table></div>\n" : "");
}

void html_oracles(struct report *report)
{
    static const char sql[] =
        "SELECT o.name, o.rule, sum(c.checks), max(c.skipped_reason), "
        "(SELECT count(*) FROM findings f JOIN executions e ON e.id = f.execution "
        "WHERE f.rule = o.name AND e.outcome <> 'xfail') "
        "FROM oracle_checks c JOIN oracles o ON o.id = c.oracle GROUP BY o.id ORDER BY o.name";
    sqlite3_stmt *row = report_query(report, sql);
    uint64_t checks_max = 0;

    while (report_next(report, row)) {
        uint64_t checks = report_u64(row, 2);
        checks_max = checks > checks_max ? checks : checks_max;
    }
    html_print(report, "<section id=\"oracles\">\n<h2>Oracles</h2>\n<p>The rules that were checked "
                       "after every event. A rule that does not apply to the implementation is "
                       "skipped, and never counted as held.</p>\n");
    if (report->summary.oracles == 0) {
        html_print(report, "<p class=\"notice\">The database names no oracle: nothing was "
                           "checked.</p>\n</section>\n");
        return;
    }
    html_print(report, "<div class=\"card scroll\"><table class=\"bars\"><tr><th>oracle</th>"
                       "<th>state</th><th>rule</th><th class=\"num\">checks</th>"
                       "<th><span class=\"soft\">share of the most</span></th></tr>\n");
    row = report_query(report, sql);
    while (report_next(report, row)) {
        write_oracle(report, row, checks_max);
    }
    html_print(report, "</table></div>\n");
    write_waivers(report);
    html_print(report, "</section>\n");
}

/* The columns of a scenario's row. */
enum {
    SCENARIO_FILE,
    SCENARIO_NAME,
    SCENARIO_DOC,
    SCENARIO_MASKED,
    SCENARIO_EXECUTIONS,
    SCENARIO_OUTCOMES, /* in the order of enum sim_outcome */
    SCENARIO_EVENTS = SCENARIO_OUTCOMES + SIM_OUTCOME_COUNT,
    SCENARIO_COMMITS,
    SCENARIO_LEADER_CHANGES,
    SCENARIO_FAULTS,
    SCENARIO_SIM_NS,
    SCENARIO_WALL_NS
};

static void write_scenario(const struct report *report, sqlite3_stmt *row)
{
    uint64_t outcomes[SIM_OUTCOME_COUNT];
    uint64_t events = report_u64(row, SCENARIO_EVENTS);
    uint64_t wall_ms = report_u64(row, SCENARIO_WALL_NS) / 1000000;
    char a[REPORT_WORD_MAX];

    for (int i = 0; i < SIM_OUTCOME_COUNT; i++) {
        outcomes[i] = report_u64(row, SCENARIO_OUTCOMES + i);
    }
    html_element(report, "<tr><td><b>", report_str(row, SCENARIO_NAME), "</b><br>");
    if (report_str(row, SCENARIO_DOC)[0] != '\0') {
        html_element(report, "<span class=\"soft\">", report_str(row, SCENARIO_DOC), "</span><br>");
    }
    html_element(report, "<code class=\"soft\">", report_str(row, SCENARIO_FILE), "</code></td>");
    html_number(report, report_u64(row, SCENARIO_EXECUTIONS));
    html_print(report, "<td>");
    html_outcomes(report, outcomes, "stack thin");
    html_print(report, "<span class=\"soft\">");
    for (int i = 0, shown = 0; i < SIM_OUTCOME_COUNT; i++) {
        if (outcomes[i] > 0) {
            html_print(report, "%s%s %s", shown++ > 0 ? ", " : "", report_short(a, outcomes[i]),
                       report_outcome_word((enum sim_outcome)i));
        }
    }
    if (report_u64(row, SCENARIO_MASKED) > 0) {
        html_print(report, " (%s masked early)", report_short(a, report_u64(row, SCENARIO_MASKED)));
    }
    html_print(report, "</span></td>");
    for (int column = SCENARIO_EVENTS; column <= SCENARIO_FAULTS; column++) {
        html_print(report, "<td class=\"num\">%s</td>", report_short(a, report_u64(row, column)));
    }
    html_print(report, "<td class=\"num\">%s</td>",
               report_duration(a, report_u64(row, SCENARIO_SIM_NS)));
    html_print(report, "<td class=\"num\">%s</td>",
               report_duration(a, report_u64(row, SCENARIO_WALL_NS)));
    html_print(report, "<td class=\"num\">%s</td></tr>\n",
               wall_ms == 0 ? "–" : report_short(a, events * 1000 / wall_ms));
}

/* Executions that were not judged, by scenario and reason. */
static void write_unjudged(struct report *report)
{
    sqlite3_stmt *row = report_query(
        report, "SELECT e.outcome, s.name, s.file, e.note, count(*), min(e.seed), min(e.replay) "
                "FROM executions e JOIN scenarios s ON s.id = e.scenario "
                "WHERE e.outcome IN ('error', 'skipped', 'unavailable-by-budget') "
                "OR e.note LIKE 'interrupted:%' "
                "GROUP BY e.outcome, s.file, s.name, e.note "
                "ORDER BY e.outcome, count(*) DESC, s.file, s.name, e.note");
    uint64_t count = 0;
    uint64_t shown = 0;

    html_print(report, "<h3 id=\"unjudged\">Not judged</h3>\n");
    while (report_next(report, row)) {
        if (count++ >= NOTES_MAX) {
            continue;
        }
        if (shown++ == 0) {
            html_print(report, "<div class=\"card scroll\"><table><tr><th>outcome</th>"
                               "<th>scenario</th><th>why</th><th class=\"num\">executions</th>"
                               "<th class=\"num\">first seed</th></tr>\n");
        }
        html_element(report, "<tr><td><span class=\"badge warn\">", report_str(row, 0),
                     "</span></td>");
        html_element(report, "<td>", report_str(row, 1), "<br>");
        html_element(report, "<code class=\"soft\">", report_str(row, 2), "</code></td>");
        html_element(report, "<td>", report_str(row, 3), "</td>");
        html_number(report, report_u64(row, 4));
        html_number(report, report_u64(row, 5));
        html_print(report, "</tr>\n");
    }
    html_print(report, "%s",
               shown > 0 ? "</table></div>\n"
                         : "<p class=\"empty\">Every execution was judged.</p>\n");
    html_cut(report, shown, count, "reasons");
}

void html_scenarios(struct report *report)
{
    sqlite3_stmt *row = report_query(
        report, "SELECT v.file, v.name, (SELECT s.doc FROM scenarios s WHERE s.file = v.file AND "
                "s.name = v.name ORDER BY s.doc DESC LIMIT 1), v.masked, v.executions, "
                "v.ok, v.findings, v.errors, v.skipped, v.xfail, v.diverged, v.executions - (v.ok "
                "+ v.findings + v.errors + v.skipped + v.xfail + v.diverged), v.events, "
                "v.commits, v.leader_changes, v.faults_fired, v.sim_ns, v.wall_ns "
                "FROM scenarios_summary v ORDER BY v.file, v.name");

    html_print(report, "<section id=\"scenarios\">\n<h2>Scenarios</h2>\n<p>What each scenario came "
                       "to, and what it cost.</p>\n<div class=\"card scroll\">"
                       "<table class=\"scenarios\"><tr>"
                       "<th>scenario</th><th class=\"num\">executions</th><th>outcomes</th>"
                       "<th class=\"num\">events</th><th class=\"num\">commits</th>"
                       "<th class=\"num\">leader changes</th><th class=\"num\">faults</th>"
                       "<th class=\"num\">simulated</th><th class=\"num\">computed</th>"
                       "<th class=\"num\">events/s</th></tr>\n");
    while (report_next(report, row)) {
        write_scenario(report, row);
    }
    html_print(report, "</table></div>\n");
    write_unjudged(report);
    html_print(report, "</section>\n");
}

void html_determinism(struct report *report)
{
    static const char repeats_sql[] =
        "SELECT coalesce(sum(n), 0), count(*) FROM (SELECT count(*) AS n FROM executions e "
        "JOIN runs r ON r.id = e.run GROUP BY r.build, e.scenario, e.parameter_set, e.seed, e.plan "
        "HAVING count(*) > 1)";
    sqlite3_stmt *row = report_query(report, repeats_sql);
    uint64_t count = 0;
    uint64_t shown = 0;
    char a[REPORT_WORD_MAX];
    char b[REPORT_WORD_MAX];

    html_print(report, "<section id=\"determinism\">\n<h2>Determinism</h2>\n<p>An execution is a "
                       "function of scenario, parameters, seed, plan and build: repeated, it must "
                       "give the same rolling hash.</p>\n");
    while (report_next(report, row)) {
        if (report_u64(row, 1) == 0) {
            html_print(report, "<p class=\"soft\">No execution was repeated in this file.</p>\n");
        } else if (report->summary.divergent == 0) {
            html_print(report, "<p class=\"empty\">%s of %s, and no hash differed.</p>\n",
                       report_plural(a, report_u64(row, 0), "execution", "executions"),
                       report_plural(b, report_u64(row, 1), "repeated plan", "repeated plans"));
        }
    }
    row = report_query(report, "SELECT file, scenario, parameters, seed, plan, executions, hashes "
                               "FROM nondeterminism ORDER BY file, scenario, parameters, seed, "
                               "plan, build");
    while (report_next(report, row)) {
        if (count++ >= DIVERGENT_MAX) {
            continue;
        }
        if (shown++ == 0) {
            html_print(report, "<div class=\"card scroll\"><table><tr><th>scenario</th>"
                               "<th>parameters</th><th class=\"num\">seed</th><th>plan</th>"
                               "<th class=\"num\">executions</th><th class=\"num\">hashes</th>"
                               "</tr>\n");
        }
        html_element(report, "<tr><td>", report_str(row, 1), "<br>");
        html_element(report, "<code class=\"soft\">", report_str(row, 0), "</code></td>");
        html_element(report, "<td><code>", report_str(row, 2), "</code></td>");
        html_number(report, report_u64(row, 3));
        html_element(report, "<td><code>", report_str(row, 4), "</code></td>");
        html_number(report, report_u64(row, 5));
        html_number(report, report_u64(row, 6));
        html_print(report, "</tr>\n");
    }
    html_print(report, "%s", shown > 0 ? "</table></div>\n" : "");
    html_cut(report, shown, count, "plans");
    html_print(report, "</section>\n");
}
