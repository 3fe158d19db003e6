/* Coverage: how much of what can fail in a phase of a node's life has failed there, and the lines
 * of the code that no execution has entered. */
#include "html.h"
#include "names.h"

#include <inttypes.h>

#define LINES_MAX 300

static void write_phase(struct report *report, uint32_t life)
{
    bool any = false;
    sqlite3_stmt *row = report_phase_query(report, life);

    while (report_next(report, row)) {
        any = true;
        html_print(report, "<tr><td class=\"keep\"><b>%s</b></td>", report_phase_word(life));
        html_element(report, "<td>", report_str(row, 0), "</td>");
        html_number(report, report_u64(row, 1));
        html_number(report, report_u64(row, 2));
        html_number(report, report_u64(row, 3));
        html_print(report, "<td>");
        html_bar(report, report_u64(row, 3), report_u64(row, 2));
        html_print(report, "</td>");
        html_number(report, report_u64(row, 4));
        html_number(report, report_u64(row, 6));
        html_number(report, report_u64(row, 5));
        html_print(report, "</tr>\n");
    }
    if (!any) {
        html_print(report,
                   "<tr><td class=\"keep\"><b>%s</b></td><td colspan=\"8\" class=\"soft\">no point "
                   "was reached in it</td></tr>\n",
                   report_phase_word(life));
    }
}

static void write_phases(struct report *report)
{
    html_print(report, "<h3>By phase of a node's life</h3>\n<p>An outcome counts once in each role "
                       "and phase in which its point was reached; a gap is one that never came "
                       "there.</p>\n<div class=\"card scroll\"><table><tr><th>phase</th>"
                       "<th>role</th><th class=\"num\">points</th><th class=\"num\">outcomes</th>"
                       "<th class=\"num\">came</th><th></th><th class=\"num\">gaps</th>"
                       "<th class=\"num\">executions</th><th class=\"num\">passed</th></tr>\n");
    for (uint32_t life = 0; life < SIM_LIFE_COUNT; life++) {
        write_phase(report, life);
    }
    html_print(report, "</table></div>\n");
}

static void write_lines(struct report *report)
{
    uint64_t lines = report->summary.lines;
    uint64_t covered = report->summary.lines_covered;
    uint64_t shown = 0;
    char a[REPORT_WORD_MAX];
    char b[REPORT_WORD_MAX];

    html_print(report, "<h3>Lines never entered</h3>\n");
    if (lines == 0) {
        html_print(report, "<p class=\"soft\">Nobody has looked: the program was built without "
                           "marks in the code (preset <code>edges</code>).</p>\n");
        return;
    }
    html_print(report, "<p>%s of %s lines that begin a block of code were entered.</p>\n",
               report_count(a, covered), report_count(b, lines));
    if (covered == lines) {
        return;
    }
    html_print(report, "<div class=\"card scroll\"><table><tr><th>line</th><th>function</th>"
                       "<th>text</th></tr>\n");
    sqlite3_stmt *row = report_query(report, "SELECT file, line, function, source FROM "
                                             "lines_uncovered ORDER BY file, line");
    while (report_next(report, row)) {
        if (shown++ >= LINES_MAX) {
            continue;
        }
        html_element(report, "<tr><td class=\"keep\"><code>", report_str(row, 0), "");
        html_print(report, ":%" PRIu64 "</code></td>", report_u64(row, 1));
        html_element(report, "<td>", report_str(row, 2), "</td>");
        html_element(report, "<td><code>", report_str(row, 3), "</code></td></tr>\n");
    }
    html_print(report, "</table></div>\n");
    html_cut(report, shown < LINES_MAX ? shown : LINES_MAX, lines - covered, "lines");
}

void html_coverage(struct report *report)
{
    html_print(report, "<section id=\"coverage\">\n<h2>Coverage</h2>\n");
    write_phases(report);
    write_lines(report);
    html_print(report, "</section>\n");
}
