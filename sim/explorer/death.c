/* Deaths of workers, as findings.
 *
 * A worker dies when the node under test breaks an assertion, touches memory it must not, or
 * exhausts the arena; it is killed when a run takes longer than its wall clock allows. Its page
 * says what was running, its standard error why. A death in a twin says so: the run itself came to
 * its end, and a replay, which makes no twins, shows what that was.
 *
 * 1. The rule is "crash" or, if the parent killed it, "stuck".
 * 2. Deaths at one place in the code have one signature, whatever the seed. */
#include "death.h"

#include <assert.h>
#include <ctype.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

void sim_last_words_add(struct sim_last_words *words, const char *bytes, size_t size)
{
    size_t room = sizeof words->bytes - 1;
    if (size > room) {
        bytes += size - room;
        size = room;
    }
    if (words->used + size > room) {
        size_t dropped = words->used + size - room;
        memmove(words->bytes, words->bytes + dropped, words->used - dropped);
        words->used -= dropped;
    }
    memcpy(words->bytes + words->used, bytes, size);
    words->used += size;
    words->bytes[words->used] = '\0';
}

/* How much a line tells: more is better, 0 is nothing. */
static int line_weight(const char *line, size_t length)
{
    char text[512];
    snprintf(text, sizeof text, "%.*s", (int)(length < 500 ? length : 500), line);
    if (strstr(text, "Assertion `") != NULL) {
        return 4;
    }
    if (strstr(text, "runtime error: ") != NULL || strstr(text, "SUMMARY: ") != NULL) {
        return 3;
    }
    if (strspn(text, " \t\r=-#") == strlen(text)) {
        return 0;
    }
    return 1;
}

void sim_last_words_line(const struct sim_last_words *words, char *line, size_t line_size)
{
    int best = 0;
    assert(line_size > 0);
    line[0] = '\0';
    for (const char *at = words->bytes; at < words->bytes + words->used;) {
        size_t length = strcspn(at, "\n");
        int weight = line_weight(at, length);
        if (weight >= best && weight > 0) {
            best = weight;
            snprintf(line, line_size, "%.*s", (int)length, at);
        }
        at += length;
        at += *at == '\n' ? 1 : 0;
        if (*at == '\0') {
            break;
        }
    }
}

bool sim_place_find(const char *line, char *place, size_t place_size)
{
    for (const char *dot = strstr(line, ".c:"); dot != NULL; dot = strstr(dot + 1, ".c:")) {
        const char *end = dot + 3;
        if (!isdigit((unsigned char)*end)) {
            continue;
        }
        while (isdigit((unsigned char)*end)) {
            end++;
        }
        const char *start = dot;
        while (start > line &&
               (isalnum((unsigned char)start[-1]) || strchr("_-./", start[-1]) != NULL)) {
            start--;
        }
        snprintf(place, place_size, "%.*s", (int)(end - start), start);
        return true;
    }
    return false;
}

/* Where a message begins: behind the twin in which it happened, if it was one. */
static size_t twin_write(const struct sim_page *page, char *message, size_t message_size)
{
    if (page->twin[0] == '\0') {
        return 0;
    }
    snprintf(message, message_size,
             "in the twin without %.200s, which no replay makes: ", page->twin);
    return strlen(message);
}

static void message_write(const struct sim_death *death, const char *line,
                          const struct sim_page *page, char *message, size_t message_size)
{
    unsigned long long event = (unsigned long long)atomic_load(&page->event);
    /* Nothing in the run can do this. */
    const char *outside = WIFSIGNALED(death->status) && WTERMSIG(death->status) == SIGKILL
                              ? ", from outside: somebody, or the system for want of memory"
                              : "";
    const char *colon = line[0] == '\0' ? "" : ": ";
    if (death->is_stuck) {
        snprintf(
            message, message_size,
            "the run did not end within %u s of real time (after event %llu); it was killed%s%s",
            death->wall_s, event, colon, line);
    } else if (WIFSIGNALED(death->status)) {
        snprintf(message, message_size, "the process died of SIG%s in event %llu%s%s%s",
                 sigabbrev_np(WTERMSIG(death->status)), event + 1, outside, colon, line);
    } else {
        snprintf(message, message_size, "the process ended itself with status %d in event %llu%s%s",
                 WEXITSTATUS(death->status), event + 1, colon, line);
    }
}

void sim_death_describe(const struct sim_death *death, const struct sim_last_words *words,
                        const struct sim_page *page, struct sim_execution *out_execution,
                        struct sim_finding *out_finding)
{
    char line[SIM_TEXT_MAX / 2];
    char place[SIM_NAME_MAX];
    uint64_t started = atomic_load(&page->started_ns);
    sim_last_words_line(words, line, sizeof line);
    memset(out_execution, 0, sizeof *out_execution);
    out_execution->outcome = SIM_OUTCOME_FINDING;
    out_execution->seed = page->seed;
    out_execution->events = atomic_load(&page->event);
    out_execution->sim_ns = page->sim_ns;
    out_execution->wall_ns = started == 0 ? 0 : sim_monotonic_ns() - started;
    out_execution->branch = page->shot.occurrence != 0 && page->shots != 0;
    snprintf(out_execution->plan, sizeof out_execution->plan, "%s", page->plan);
    const char *rule = death->is_stuck ? "stuck" : "crash";
    memset(out_finding, 0, sizeof *out_finding);
    snprintf(out_finding->rule, sizeof out_finding->rule, "%s", rule);
    out_finding->event = out_execution->events + (death->is_stuck ? 0 : 1);
    out_finding->time_ns = page->sim_ns;
    size_t used = twin_write(page, out_finding->message, sizeof out_finding->message);
    message_write(death, line, page, out_finding->message + used,
                  sizeof out_finding->message - used);
    if (death->is_stuck) {
        snprintf(out_finding->signature, sizeof out_finding->signature, "stuck");
    } else if (sim_place_find(line, place, sizeof place)) {
        snprintf(out_finding->signature, sizeof out_finding->signature, "crash: %.50s", place);
    } else if (WIFSIGNALED(death->status)) {
        snprintf(out_finding->signature, sizeof out_finding->signature, "crash: SIG%s",
                 sigabbrev_np(WTERMSIG(death->status)));
    } else {
        snprintf(out_finding->signature, sizeof out_finding->signature, "crash: exit-%d",
                 WEXITSTATUS(death->status));
    }
}
