/* The parts of the page on measures: liveness as histograms, what came of faults, and probes. */
#include "html.h"
#include "report_measures.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#define CHART_WIDTH  560u
#define CHART_HEIGHT 90u
#define POINTS_MAX   60

/* A histogram as an SVG: a bar for each bucket, its height by share of the highest. */
static void write_histogram(const struct report *report, const struct report_measure *measure,
                            const struct report_distribution *of)
{
    uint32_t first = report_bucket(of->least);
    uint32_t last = report_bucket(of->most);
    uint32_t width = CHART_WIDTH / (last - first + 1);
    char a[REPORT_WORD_MAX];
    char b[REPORT_WORD_MAX];
    char c[REPORT_WORD_MAX];

    assert(of->count > 0 && first <= last && last < REPORT_BUCKETS);
    width = width > 40 ? 40 : width;
    html_print(report, "<svg class=\"histogram\" viewBox=\"0 0 %u %u\" role=\"img\" ", CHART_WIDTH,
               CHART_HEIGHT + 22);
    html_print(report, "aria-label=\"%s: median %s, 99 percent within %s, most %s\">",
               measure->title, report_measure_word(measure, a, of->p50),
               report_measure_word(measure, b, of->p99), report_measure_word(measure, c, of->most));
    for (uint32_t i = first; i <= last; i++) {
        uint64_t count = of->buckets[i];
        uint64_t height = (count * CHART_HEIGHT + of->highest - 1) / of->highest;
        bool has_median = i == report_bucket(of->p50);
        bool has_tail = i == report_bucket(of->p99);
        html_print(report,
                   "<rect x=\"%u\" y=\"%" PRIu64 "\" width=\"%u\" height=\"%" PRIu64
                   "\" fill=\"currentColor\" opacity=\"%s\"><title>from %s: %s</title></rect>",
                   (i - first) * width, CHART_HEIGHT - height, width > 2 ? width - 2 : width,
                   height, has_median || has_tail ? "1" : ".45",
                   report_measure_word(measure, a, report_bucket_low(i)),
                   report_plural(b, count, "execution", "executions"));
    }
    html_print(report,
               "<text x=\"0\" y=\"%u\" font-size=\"12\" fill=\"currentColor\">%s</text>"
               "<text x=\"%u\" y=\"%u\" font-size=\"12\" fill=\"currentColor\" "
               "text-anchor=\"end\">%s</text></svg>",
               CHART_HEIGHT + 16, report_measure_word(measure, a, of->least),
               (last - first + 1) * width > 160 ? (last - first + 1) * width : 160,
               CHART_HEIGHT + 16, report_measure_word(measure, b, of->most));
}

static void write_measure(const struct report *report, const struct report_measure *measure,
                          const struct report_distribution *of)
{
    const uint64_t values[] = {of->p50, of->p90, of->p99, of->most};
    char a[REPORT_WORD_MAX];

    html_print(report, "<tr><td><b>%s</b>", measure->title);
    if (of->missing > 0) {
        html_print(report, "<br><span class=\"badge warn\">never in %s</span>",
                   report_plural(a, of->missing, "execution", "executions"));
    }
    html_print(report, "</td>");
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        html_print(report, "<td class=\"num\">%s</td>", report_measure_word(measure, a, values[i]));
    }
    html_print(report, "<td>");
    write_histogram(report, measure, of);
    html_print(report, "</td></tr>\n");
}

void html_liveness(struct report *report)
{
    bool any = false;

    html_print(report, "<section id=\"liveness\">\n<h2>Liveness</h2>\n<p>What a cluster needed "
                       "after every fault had ended. The bars are half an octave wide; those with "
                       "the median and the 99th percentile are dark.</p>\n");
    for (uint32_t i = 0; i < REPORT_MEASURES; i++) {
        struct report_distribution of;
        report_distribution_read(report, &report_measures[i], &of);
        if (of.count == 0) {
            continue;
        }
        if (!any) {
            html_print(report, "<div class=\"card scroll\"><table><tr><th>measure</th>"
                               "<th class=\"num\">median</th><th class=\"num\">90 %%</th>"
                               "<th class=\"num\">99 %%</th><th class=\"num\">most</th>"
                               "<th>distribution</th></tr>\n");
            any = true;
        }
        write_measure(report, &report_measures[i], &of);
    }
    html_print(report, "%s</section>\n",
               any ? "</table></div>\n"
                   : "<p class=\"notice\">No execution came to its liveness phase.</p>\n");
}

static void write_vacuous(struct report *report)
{
    sqlite3_stmt *row = report_query(report, "SELECT file, scenario, judged, masked "
                                             "FROM scenarios_vacuous ORDER BY file, scenario");
    while (report_next(report, row)) {
        html_print(report,
                   "<p class=\"notice\">Vacuous: of %" PRIu64 " faults %" PRIu64
                   " changed nothing in ",
                   report_u64(row, 2), report_u64(row, 3));
        html_element(report, "<b>", report_str(row, 1), "</b>, ");
        html_element(report, "<code>", report_str(row, 0), "</code></p>\n");
    }
}

void html_efficacy(struct report *report)
{
    static const char sql[] =
        "SELECT point, sum(injections * (efficacy = 'masked')), "
        "sum(injections * (efficacy = 'schedule')), sum(injections * (efficacy = 'state')), "
        "sum(injections * (efficacy = 'client')), sum(injections * (efficacy = 'violation')) "
        "FROM efficacy_by_point GROUP BY point ORDER BY sum(injections) DESC, point";
    sqlite3_stmt *row = report_query(report, REPORT_EFFICACY_SQL);
    uint64_t count = 0;
    uint64_t shown = 0;
    bool any = false;
    char a[REPORT_WORD_MAX];

    html_print(report, "<section id=\"efficacy\">\n<h2>What came of faults</h2>\n<p>Each fault is "
                       "compared with the same run without it: in sweeps and in scenarios always, "
                       "in profiles on a sample.</p>\n");
    while (report_next(report, row)) {
        html_print(report, any ? ", " : "<p>");
        html_print(report, "%s ", report_count(a, report_u64(row, 1)));
        html_element(report, "<b>", report_str(row, 0), "</b>");
        any = true;
    }
    html_print(report, "%s", any ? "</p>\n" : "<p class=\"notice\">No fault was compared.</p>\n");
    write_vacuous(report);
    row = report_query(report, sql);
    while (report_next(report, row)) {
        if (count++ >= POINTS_MAX) {
            continue;
        }
        if (shown++ == 0) {
            html_print(report, "<div class=\"card scroll\"><table><tr><th>point</th>"
                               "<th class=\"num\">masked</th><th class=\"num\">schedule</th>"
                               "<th class=\"num\">state</th><th class=\"num\">client</th>"
                               "<th class=\"num\">violation</th></tr>\n");
        }
        html_element(report, "<tr><td><code>", report_str(row, 0), "</code></td>");
        for (int column = 1; column <= 5; column++) {
            html_number(report, report_u64(row, column));
        }
        html_print(report, "</tr>\n");
    }
    html_print(report, "%s", shown > 0 ? "</table></div>\n" : "");
    html_cut(report, shown, count, "points");
    html_print(report, "</section>\n");
}

void html_probes(struct report *report)
{
    sqlite3_stmt *row = report_query(report, "SELECT name, sentence, executions, hits "
                                             "FROM probe_totals ORDER BY hits > 0, name");
    bool any = false;

    html_print(report, "<section id=\"probes\">\n<h2>Situations</h2>\n<p>What implementations have "
                       "had bugs in: how often this campaign came into it. What was never reached "
                       "was not tested.</p>\n");
    while (report_next(report, row)) {
        if (!any) {
            html_print(report, "<div class=\"card scroll\"><table><tr><th>situation</th>"
                               "<th>meaning</th><th class=\"num\">executions</th>"
                               "<th class=\"num\">times</th></tr>\n");
            any = true;
        }
        html_element(report, "<tr><td><code>", report_str(row, 0), "</code>");
        html_print(report, "%s",
                   report_u64(row, 3) == 0 ? " <span class=\"badge warn\">never reached</span>"
                                           : "");
        html_element(report, "</td><td>", report_str(row, 1), "</td>");
        html_number(report, report_u64(row, 2));
        html_number(report, report_u64(row, 3));
        html_print(report, "</tr>\n");
    }
    html_print(report, "%s</section>\n",
               any ? "</table></div>\n"
                   : "<p class=\"notice\">The database names no situation.</p>\n");
}
