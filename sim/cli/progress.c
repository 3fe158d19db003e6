/* Progress, on standard error.
 *
 * On a terminal there is one status line, rewritten at most ten times a second; elsewhere a plain
 * line every ten seconds. Lines of news (a new finding, a note) scroll above the status line. */
#include "recorder.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sim/explorer/wire.h>

#define TTY_INTERVAL_NS   100000000u
#define PLAIN_INTERVAL_NS 10000000000u

bool cli_colour_wanted(FILE *stream)
{
    const char *no_colour = getenv("NO_COLOR");
    return isatty(fileno(stream)) == 1 && (no_colour == NULL || no_colour[0] == '\0');
}

/* Before a line of news. A transcript on standard output may go to the same place: its lines stay
 * whole. */
static void status_clear(struct cli_recorder *recorder)
{
    fflush(stdout);
    if (recorder->status_shown) {
        fputs("\r\033[K", stderr);
        recorder->status_shown = false;
    }
}

/* "1234 of 5000 executions, 410/s, 2 findings, 9 s left" */
static void status_print(const struct cli_recorder *recorder, uint64_t now, char *text,
                         size_t text_size)
{
    uint64_t done = recorder->total.executions;
    uint64_t elapsed_ms = (now - recorder->began_ns) / 1000000 + 1;
    char left[64] = "";
    char of[32] = "";
    uint64_t for_ms = recorder->options->for_s * 1000;
    uint64_t left_s = for_ms > elapsed_ms ? (for_ms - elapsed_ms) / 1000 : 0;
    bool ends = for_ms > elapsed_ms;
    if (recorder->unknown == 0 && done > 0 && recorder->planned > done) {
        uint64_t work_s = (recorder->planned - done) * elapsed_ms / done / 1000;
        left_s = ends && left_s < work_s ? left_s : work_s;
        ends = true;
    }
    if (ends) {
        snprintf(left, sizeof left, ", %llu s left", (unsigned long long)left_s);
    }
    if (recorder->unknown == 0 && recorder->planned > 0) {
        snprintf(of, sizeof of, " of %llu", (unsigned long long)recorder->planned);
    }
    snprintf(text, text_size, "%llu%s executions, %llu/s, %u finding%s%s", (unsigned long long)done,
             of, (unsigned long long)(done * 1000 / elapsed_ms), recorder->bug_count,
             recorder->bug_count == 1 ? "" : "s", left);
}

void cli_progress_tick(struct cli_recorder *recorder)
{
    uint64_t now = sim_monotonic_ns();
    uint64_t interval = recorder->is_tty ? TTY_INTERVAL_NS : PLAIN_INTERVAL_NS;
    char text[256];
    if (now - recorder->shown_ns < interval || recorder->options->transcript) {
        return;
    }
    recorder->shown_ns = now;
    status_print(recorder, now, text, sizeof text);
    if (recorder->is_tty) {
        fprintf(stderr, "\r\033[K%s", text);
        recorder->status_shown = true;
        fflush(stderr);
    } else {
        fprintf(stderr, "%s\n", text);
    }
}

void cli_progress_line(struct cli_recorder *recorder, const char *line)
{
    status_clear(recorder);
    fprintf(stderr, "squall: %s\n", line);
}

void cli_progress_finding(struct cli_recorder *recorder, const struct cli_bug *bug)
{
    const char *red = recorder->colour ? "\033[1;31m" : "";
    const char *plain = recorder->colour ? "\033[0m" : "";
    status_clear(recorder);
    fprintf(stderr, "%snew finding%s %s: %s\n", red, plain, bug->finding.signature, bug->replay);
}

void cli_progress_end(struct cli_recorder *recorder)
{
    status_clear(recorder);
    fflush(stderr);
}
