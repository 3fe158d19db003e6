/* Primitives of the page: escaping, numbers, small charts.
 *
 *  1. Every text that came from the file goes through html_text.
 *  2. What is not valid UTF-8, or is a control character, becomes U+FFFD, so that one odd byte in a
 *     script cannot spoil the page. */
#include "html.h"

#include "names.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

void html_print(const struct report *report, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vfprintf(report->out, format, arguments);
    va_end(arguments);
}

/* Bytes of the valid UTF-8 sequence at text, 0 if there is none (Unicode 15, table 3-7). */
static size_t sequence_size(const unsigned char *text)
{
    unsigned char low = 0x80;
    unsigned char high = 0xbf;
    size_t size = 0;

    if (text[0] < 0x80) {
        return 1;
    }
    if (text[0] >= 0xc2 && text[0] <= 0xdf) {
        size = 2;
    } else if ((text[0] & 0xf0) == 0xe0) {
        size = 3;
        low = text[0] == 0xe0 ? 0xa0 : low;
        high = text[0] == 0xed ? 0x9f : high;
    } else if (text[0] >= 0xf0 && text[0] <= 0xf4) {
        size = 4;
        low = text[0] == 0xf0 ? 0x90 : low;
        high = text[0] == 0xf4 ? 0x8f : high;
    } else {
        return 0;
    }
    if (text[1] < low || text[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < size; i++) {
        if (text[i] < 0x80 || text[i] > 0xbf) {
            return 0;
        }
    }
    return size;
}

void html_text(const struct report *report, const char *text)
{
    const unsigned char *at = (const unsigned char *)text;
    FILE *out = report->out;

    assert(text != NULL);
    while (*at != '\0') {
        size_t size = sequence_size(at);
        if (size > 1) {
            fwrite(at, 1, size, out);
        } else if (size == 0 || *at == 0x7f || (*at < 0x20 && *at != '\n' && *at != '\t')) {
            fputs("\xef\xbf\xbd", out);
        } else if (*at == '&') {
            fputs("&amp;", out);
        } else if (*at == '<') {
            fputs("&lt;", out);
        } else if (*at == '>') {
            fputs("&gt;", out);
        } else if (*at == '"') {
            fputs("&quot;", out);
        } else if (*at == '\'') {
            fputs("&#39;", out);
        } else {
            fputc(*at, out);
        }
        at += size > 0 ? size : 1;
    }
}

void html_element(const struct report *report, const char *open, const char *text,
                  const char *close)
{
    assert(open != NULL && close != NULL);
    fputs(open, report->out);
    html_text(report, text);
    fputs(close, report->out);
}

void html_number(const struct report *report, uint64_t count)
{
    char number[REPORT_WORD_MAX];

    html_print(report, "<td class=\"num\">%s</td>", report_count(number, count));
}

void html_cut(const struct report *report, uint64_t shown, uint64_t all, const char *what)
{
    char a[REPORT_WORD_MAX];
    char b[REPORT_WORD_MAX];

    assert(shown <= all);
    if (shown < all) {
        html_print(report,
                   "<p class=\"notice\">Only %s of %s %s are shown; the database has all of "
                   "them.</p>\n",
                   report_count(a, shown), report_count(b, all), what);
    }
}

void html_bar(const struct report *report, uint64_t part, uint64_t whole)
{
    /* A thousandth of the width, and at least three of them for what is not nothing. */
    uint64_t width = whole == 0 ? 0 : part / (whole / 1000 + 1);

    if (whole > 0 && whole < UINT64_MAX / 1000) {
        width = part * 1000 / whole;
    }
    if (part > 0 && width < 3) {
        width = 3;
    }
    html_print(report,
               "<svg class=\"bar\" viewBox=\"0 0 1000 14\" preserveAspectRatio=\"none\" "
               "aria-hidden=\"true\"><rect class=\"rest\" width=\"1000\" height=\"14\"/>"
               "<rect width=\"%" PRIu64 "\" height=\"14\"/></svg>",
               width);
}

void html_outcomes(const struct report *report, const uint64_t *counts, const char *css_class)
{
    uint64_t all = 0;
    uint64_t before = 0;
    bool first = true;

    for (unsigned i = 0; i < SIM_OUTCOME_COUNT; i++) {
        all += counts[i];
    }
    assert(all < UINT64_MAX / 10000);
    html_print(report, "<svg class=\"%s\" viewBox=\"0 0 10000 26\" preserveAspectRatio=\"none\" ",
               css_class);
    html_print(report, "role=\"img\" aria-label=\"");
    for (unsigned i = 0; i < SIM_OUTCOME_COUNT; i++) {
        if (counts[i] > 0) {
            html_print(report, "%s%" PRIu64 " %s", first ? "" : ", ", counts[i],
                       report_outcome_word((enum sim_outcome)i));
            first = false;
        }
    }
    html_print(report, "\">");
    for (unsigned i = 0; i < SIM_OUTCOME_COUNT; i++) {
        if (counts[i] == 0) {
            continue;
        }
        uint64_t from = before * 10000 / all;
        before += counts[i];
        uint64_t to = before * 10000 / all;
        html_print(report,
                   "<rect class=\"o-%s\" x=\"%" PRIu64 "\" width=\"%" PRIu64 "\" height=\"26\"/>",
                   report_outcome_word((enum sim_outcome)i), from, to - from > 40 ? to - from : 40);
    }
    html_print(report, "</svg>");
}
