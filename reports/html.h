/* The parts of the page. Each part writes one section to report->out; nothing but html_text
 * ever prints a text that came from the file. */
#ifndef REPORTS_HTML_H
#define REPORTS_HTML_H

#include "report_internal.h"

/* Prints a format of our own with numbers and words of our own. */
void html_print(const struct report *report, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Prints a text from anywhere, escaped: valid UTF-8 without control characters comes out, fit for
 * element content and for a quoted attribute. */
void html_text(const struct report *report, const char *text);
/* <code>text</code>, <td>text</td>, … */
void html_element(const struct report *report, const char *open, const char *text,
                  const char *close);
/* <td class="num">1,234</td> */
void html_number(const struct report *report, uint64_t count);
/* Says that a list was cut: shown of all. Nothing if none is missing. */
void html_cut(const struct report *report, uint64_t shown, uint64_t all, const char *what);
/* A bar of one value: part of whole, as an SVG. */
void html_bar(const struct report *report, uint64_t part, uint64_t whole);
/* A stacked bar of the executions' outcomes, as an SVG; counts are by enum sim_outcome. */
void html_outcomes(const struct report *report, const uint64_t *counts, const char *css_class);

void html_summary(struct report *report); /* counts, builds, commands */
void html_bugs(struct report *report);
void html_points(struct report *report); /* the heat map */
void html_coverage(struct report *report);
void html_ledger(struct report *report);
void html_oracles(struct report *report);
void html_scenarios(struct report *report);
void html_liveness(struct report *report); /* distributions */
void html_efficacy(struct report *report); /* what came of faults */
void html_probes(struct report *report);
void html_determinism(struct report *report);

#endif
