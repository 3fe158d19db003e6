/* Bugs: a card for each signature, with its cheapest execution.
 *
 * The *timeline* of a card runs over the events of that execution: faults that fired, the hold that
 * nobody gave back, the first bad step. Messages are not in the database; replaying shows them. */
#include "html.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#define BUGS_MAX   50
#define FAULTS_MAX 16 /* of one bug, the first ones */
#define LEAKS_MAX  8  /* of one bug */

/* The timeline's geometry, in units of its view box. */
#define LINE_LEFT  20
#define LINE_WIDTH 1060

struct bug { /* the row of bug_sql; its texts live as long as the row */
    const char *signature, *rule, *message, *file, *scenario, *parameters, *plan, *command, *hash;
    uint64_t executions, event, time_ns, node, seed, events, sim_ns;
    int64_t execution;
};

static const char bug_sql[] =
    "SELECT r.signature, r.rule, r.message, r.file, r.scenario, r.parameters, r.plan, r.command, "
    "r.trace_hash, b.executions, r.event, r.time_ns, r.node, r.seed, r.events, r.sim_ns, "
    "r.execution FROM bug_repro r JOIN bugs b ON b.signature = r.signature "
    "ORDER BY b.executions DESC, r.signature";

static void read_bug(sqlite3_stmt *row, struct bug *bug)
{
    bug->signature = report_str(row, 0);
    bug->rule = report_str(row, 1);
    bug->message = report_str(row, 2);
    bug->file = report_str(row, 3);
    bug->scenario = report_str(row, 4);
    bug->parameters = report_str(row, 5);
    bug->plan = report_str(row, 6);
    bug->command = report_str(row, 7);
    bug->hash = report_str(row, 8);
    bug->executions = report_u64(row, 9);
    bug->event = report_u64(row, 10);
    bug->time_ns = report_u64(row, 11);
    bug->node = report_u64(row, 12);
    bug->seed = report_u64(row, 13);
    bug->events = report_u64(row, 14);
    bug->sim_ns = report_u64(row, 15);
    bug->execution = sqlite3_column_int64(row, 16);
}

/* A query about one execution. */
static sqlite3_stmt *query_of(struct report *report, const char *sql, int64_t execution)
{
    sqlite3_stmt *query = report_query(report, sql);

    if (query != NULL) {
        sqlite3_bind_int64(query, 1, execution);
    }
    return query;
}

/* Where an event lies on the line. */
static uint64_t line_x(const struct bug *bug, uint64_t event)
{
    uint64_t last = bug->events > bug->event ? bug->events : bug->event;

    if (event > last) {
        event = last;
    }
    return LINE_LEFT + (last == 0 ? 0 : event * LINE_WIDTH / last);
}

static void write_axis(const struct report *report, const struct bug *bug)
{
    char a[REPORT_WORD_MAX];
    char b[REPORT_WORD_MAX];
    uint64_t last = bug->events > bug->event ? bug->events : bug->event;

    html_print(report,
               "<div class=\"scroll\"><svg class=\"timeline\" viewBox=\"0 0 1100 104\" "
               "role=\"img\" aria-label=\"events "
               "of the execution: faults, and the first bad step\">"
               "<path class=\"axis\" d=\"M%d 60 H%d\"/>",
               LINE_LEFT, LINE_LEFT + LINE_WIDTH);
    html_print(report, "<text x=\"%d\" y=\"100\">event 0</text>", LINE_LEFT);
    html_print(report, "<text x=\"%d\" y=\"100\" text-anchor=\"end\">event %s, %s</text>",
               LINE_LEFT + LINE_WIDTH, report_count(a, last), report_duration(b, bug->sim_ns));
}

static void write_timeline(struct report *report, const struct bug *bug)
{
    sqlite3_stmt *row = NULL;
    uint64_t number = 0;
    char a[REPORT_WORD_MAX];

    write_axis(report, bug);
    row = query_of(report,
                   "SELECT event, persistent FROM injections WHERE execution = ?1 ORDER BY number",
                   bug->execution);
    while (report_next(report, row)) {
        uint64_t x = line_x(bug, report_u64(row, 0));
        if (sqlite3_column_int(row, 1) != 0) {
            html_print(report, "<path class=\"lasting\" d=\"M%" PRIu64 " 60 H%d\"/>", x,
                       LINE_LEFT + LINE_WIDTH);
        }
        html_print(report,
                   "<path class=\"fault\" d=\"M%" PRIu64 " 58 l-7 -13 h14 z\"><title>fault %" PRIu64
                   "</title></path>",
                   x, ++number);
        if (number <= FAULTS_MAX) {
            html_print(report,
                       "<text x=\"%" PRIu64 "\" y=\"40\" text-anchor=\"middle\">%" PRIu64 "</text>",
                       x, number);
        }
    }
    row = query_of(report, "SELECT min(event) FROM leaks WHERE execution = ?1 AND event > 0",
                   bug->execution);
    while (report_next(report, row)) {
        if (report_u64(row, 0) > 0) {
            uint64_t x = line_x(bug, report_u64(row, 0));
            html_print(report,
                       "<circle class=\"hold\" cx=\"%" PRIu64 "\" cy=\"60\" r=\"7\"/>"
                       "<text class=\"hold-text\" x=\"%" PRIu64 "\" y=\"84\" text-anchor=\"%s\">"
                       "taken at event %s</text>",
                       x, x,
                       x > 900   ? "end"
                       : x < 200 ? "start"
                                 : "middle",
                       report_count(a, report_u64(row, 0)));
        }
    }
    uint64_t x = line_x(bug, bug->event);
    html_print(report,
               "<path class=\"end\" d=\"M%" PRIu64 " 50 l0 20 M%" PRIu64
               " 53 l14 14 m0 -14 l-14 14\"/>"
               "<text class=\"end-text\" x=\"%" PRIu64 "\" y=\"18\" text-anchor=\"%s\">"
               "first bad step, event %s</text></svg></div>\n",
               x, x - 7, x,
               x > 900   ? "end"
               : x < 200 ? "start"
                         : "middle",
               report_count(a, bug->event));
}

static void write_faults(struct report *report, const struct bug *bug)
{
    sqlite3_stmt *row = query_of(
        report,
        "SELECT p.name, i.outcome, i.occurrence, i.node, i.role, i.event, i.time_ns, i.persistent, "
        "i.repeats FROM injections i JOIN fault_points p ON p.id = i.point "
        "WHERE i.execution = ?1 ORDER BY i.number",
        bug->execution);
    uint64_t count = 0;
    uint64_t shown = 0;
    char a[REPORT_WORD_MAX];

    while (report_next(report, row)) {
        if (count++ >= FAULTS_MAX) {
            continue;
        }
        if (shown++ == 0) {
            html_print(report, "<h4>Faults that fired in it</h4>\n<div class=\"scroll\"><table>"
                               "<tr><th>#</th><th>point</th><th>outcome</th><th class=\"num\">"
                               "occurrence</th><th>node</th><th class=\"num\">event</th>"
                               "<th class=\"num\">at</th><th class=\"num\">times</th></tr>\n");
        }
        html_print(report, "<tr><td>%" PRIu64 "</td>", shown);
        html_element(report, "<td><code>", report_str(row, 0), "</code></td>");
        html_element(report, "<td><code>", report_str(row, 1), "</code>");
        html_print(report, "%s</td>", sqlite3_column_int(row, 7) != 0 ? " from then on" : "");
        html_number(report, report_u64(row, 2));
        html_print(report, "<td>%" PRIu64 ", ", report_u64(row, 3));
        html_element(report, "", report_str(row, 4), "</td>");
        html_number(report, report_u64(row, 5));
        html_print(report, "<td class=\"num\">%s</td>", report_duration(a, report_u64(row, 6)));
        html_number(report, report_u64(row, 8));
        html_print(report, "</tr>\n");
    }
    if (shown > 0) {
        html_print(report, "</table></div>\n");
    }
    html_cut(report, shown, count, "faults of this execution");
}

static void write_leaks(struct report *report, const struct bug *bug)
{
    sqlite3_stmt *row = query_of(report,
                                 "SELECT kind, holder, site, path, event, term, entry_index, node, "
                                 "count FROM leaks WHERE execution = ?1 ORDER BY number",
                                 bug->execution);
    uint64_t count = 0;
    uint64_t shown = 0;
    char a[REPORT_WORD_MAX];

    while (report_next(report, row)) {
        if (count++ >= LEAKS_MAX) {
            continue;
        }
        if (shown++ == 0) {
            html_print(report, "<h4>Left behind in it</h4>\n");
        }
        html_print(report, "<dl class=\"facts\"><dt>what</dt><dd><b>");
        html_text(report, report_str(row, 0));
        if (report_u64(row, 6) != 0) {
            html_print(report, "</b> of term %" PRIu64 ", index %" PRIu64 "<b>", report_u64(row, 5),
                       report_u64(row, 6));
        }
        html_print(report, "</b>, node %" PRIu64 ", %" PRId64 " too many</dd><dt>held by</dt><dd>",
                   report_u64(row, 7), (int64_t)sqlite3_column_int64(row, 8));
        html_text(report, report_str(row, 1));
        html_element(report, ", taken at <code>", report_str(row, 2), "</code>");
        html_print(report, " in event %s</dd>", report_count(a, report_u64(row, 4)));
        if (report_str(row, 3)[0] != '\0') {
            html_element(report, "<dt>path</dt><dd><code>", report_str(row, 3), "</code></dd>");
        }
        html_print(report, "</dl>\n");
    }
    html_cut(report, shown, count, "things left behind in this execution");
}

static void write_card(struct report *report, const struct bug *bug, uint64_t number)
{
    char a[REPORT_WORD_MAX];
    char b[REPORT_WORD_MAX];

    html_print(report, "<article class=\"card bug\" id=\"bug-%" PRIu64 "\">\n<h3>", number);
    html_element(report, "<span class=\"badge bad\">", bug->rule, "</span><span>");
    html_text(report, bug->signature);
    html_print(report, "</span><span class=\"badge\">%s</span></h3>\n",
               report_plural(a, bug->executions, "execution", "executions"));
    html_element(report, "<p class=\"message\">", bug->message, "</p>\n");
    html_print(report, "<dl class=\"facts\"><dt>first bad step</dt><dd>event <b>%s</b> at %s",
               report_count(a, bug->event), report_duration(b, bug->time_ns));
    if (bug->node != 0) {
        html_print(report, ", node <b>%" PRIu64 "</b>", bug->node);
    }
    html_element(report, "</dd><dt>cheapest in</dt><dd><code>", bug->file, "</code>, ");
    html_text(report, bug->scenario);
    html_print(report, ", seed %" PRIu64 ", %s events", bug->seed, report_count(a, bug->events));
    if (bug->parameters[0] != '\0') {
        html_element(report, "</dd><dt>parameters</dt><dd><code>", bug->parameters, "</code>");
    }
    if (bug->plan[0] != '\0') {
        html_element(report, "</dd><dt>plan</dt><dd><code>", bug->plan, "</code>");
    }
    html_element(report, "</dd><dt>trace hash</dt><dd><code>", bug->hash, "</code>");
    html_print(report, ", execution %" PRId64 "</dd></dl>\n", bug->execution);
    write_timeline(report, bug);
    write_leaks(report, bug);
    write_faults(report, bug);
    html_element(report, "<h4>See it again</h4>\n<pre class=\"command\">", bug->command,
                 "</pre>\n</article>\n");
}

/* Bugs that were announced and failed as announced: known, and no surprise. */
static void write_known(struct report *report)
{
    sqlite3_stmt *row = report_query(
        report, "SELECT f.signature, count(*), min(s.name) FROM findings f "
                "JOIN executions e ON e.id = f.execution JOIN scenarios s ON s.id = e.scenario "
                "WHERE e.outcome = 'xfail' GROUP BY f.signature ORDER BY f.signature");
    uint64_t count = 0;

    while (report_next(report, row)) {
        if (count++ == 0) {
            html_print(report, "<div class=\"card\"><h3>Known bugs that failed as announced</h3>"
                               "<table><tr><th>signature</th><th class=\"num\">executions</th>"
                               "<th>scenario</th></tr>\n");
        }
        html_element(report, "<tr><td>", report_str(row, 0), "</td>");
        html_number(report, report_u64(row, 1));
        html_element(report, "<td>", report_str(row, 2), "</td></tr>\n");
    }
    if (count > 0) {
        html_print(report, "</table></div>\n");
    }
}

void html_bugs(struct report *report)
{
    sqlite3_stmt *row = NULL;
    uint64_t count = 0;
    struct bug bug;

    html_print(report, "<section id=\"bugs\">\n<h2>Bugs</h2>\n<p>One card for each signature: the "
                       "rule that broke and where. What is shown is the cheapest execution that "
                       "broke it.</p>\n");
    if (report->summary.bugs == 0) {
        html_print(report, "<p class=\"empty\">No rule was broken.</p>\n");
    }
    html_cut(report, report->summary.bugs < BUGS_MAX ? report->summary.bugs : BUGS_MAX,
             report->summary.bugs, "bugs");
    row = report_query(report, bug_sql);
    while (report_next(report, row)) {
        if (count++ < BUGS_MAX) {
            read_bug(row, &bug);
            write_card(report, &bug, count);
        }
    }
    write_known(report);
    html_print(report, "</section>\n");
}
