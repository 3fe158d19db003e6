/* verify --against: the same runs by two builds, and the first thing in which they differ.
 *
 * Both builds run in processes of their own and print traces (explorer/trace.c). The first pass
 * compares the checkpoints of the rolling hash, the second one every field of the events between
 * the last equal checkpoint and the first different one.
 *
 * 1. Two builds that print equal checkpoints to the end are equal: the hash chains every event.
 * 2. What is not a line of a trace, such as a summary, is not compared. */
#include "child.h"
#include "commands.h"
#include "recorder.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define CHECKPOINT_EVERY 256u
#define COMMAND_MAX      16384u

/* One build, running. */
struct side {
    char command[COMMAND_MAX];
    FILE *pipe;    /* NULL: not open */
    pid_t process; /* whose output it is */
    char *line;    /* the latest of the trace; NULL: none is left */
    size_t capacity;
    char run[SIM_TEXT_MAX];   /* what it is a line of */
    char event[SIM_TEXT_MAX]; /* the latest event's line */
};

static bool is_sut(const char *path)
{
    size_t length = strlen(path);
    return length > 3 && strcmp(path + length - 3, ".so") == 0;
}

/* The command of a side: the runs of this command line by another program or implementation. */
static void command_build(const struct cli_options *options, bool is_other, char *text, size_t size)
{
    char word[64];
    bool by_sut = is_other && is_sut(options->against);
    const char *sut = by_sut ? options->against : options->sut;
    text[0] = '\0';
    cli_word_append(text, size, is_other && !by_sut ? options->against : options->program);
    cli_word_append(text, size, "run");
    for (int i = 0; i < options->argument_count; i++) {
        cli_word_append(text, size, options->arguments[i]);
    }
    if (options->profile != SIM_PROFILE_NONE) {
        cli_word_append(text, size, "--profile");
        cli_word_append(text, size, sim_profile_string(options->profile));
    }
    if (options->has_seeds) {
        snprintf(word, sizeof word, "%" PRIu64 "..%" PRIu64, options->seed_first,
                 options->seed_last);
        cli_word_append(text, size, "--seeds");
        cli_word_append(text, size, word);
    }
    char parameters[sizeof options->parameters];
    memcpy(parameters, options->parameters, sizeof parameters);
    for (char *rest = NULL, *set = strtok_r(parameters, " ", &rest); set != NULL;
         set = strtok_r(NULL, " ", &rest)) {
        cli_word_append(text, size, "--set");
        cli_word_append(text, size, set);
    }
    if (options->tag != NULL) {
        cli_word_append(text, size, "--tag");
        cli_word_append(text, size, options->tag);
    }
    if (sut != NULL) {
        cli_word_append(text, size, "--sut");
        cli_word_append(text, size, sut);
    }
    if (options->sut_next != NULL) {
        cli_word_append(text, size, "--sut-next");
        cli_word_append(text, size, options->sut_next);
    }
    cli_word_append(text, size, "--no-db");
}

static bool side_open(struct side *side, const struct cli_options *options, bool is_other,
                      const char *how)
{
    command_build(options, is_other, side->command, sizeof side->command);
    size_t used = strlen(side->command);
    snprintf(side->command + used, sizeof side->command - used, " %s 2>/dev/null", how);
    if (strlen(side->command) + 1 == sizeof side->command) {
        fprintf(stderr, "squall: the command line is too long\n");
        return false;
    }
    char *shell[] = {"sh", "-c", side->command, NULL}; /* the command's words are quoted */
    side->pipe = cli_child_start(shell, &side->process);
    if (side->pipe == NULL) {
        fprintf(stderr, "squall: cannot run %s\n", side->command);
    }
    return side->pipe != NULL;
}

/* Both end: what is left is not read. */
static void side_close(struct side *side)
{
    if (side->pipe != NULL) {
        (void)cli_child_end(side->pipe, side->process);
    }
    free(side->line);
    *side = (struct side){.pipe = NULL};
}

static bool begins(const char *line, const char *word)
{
    return strncmp(line, word, strlen(word)) == 0;
}

/* The next line of the trace. False: there is none. */
static bool side_next(struct side *side)
{
    while (getline(&side->line, &side->capacity, side->pipe) >= 0) {
        side->line[strcspn(side->line, "\n")] = '\0';
        if (begins(side->line, "run ")) {
            snprintf(side->run, sizeof side->run, "%s", side->line);
            return true;
        }
        if (begins(side->line, "event ")) {
            snprintf(side->event, sizeof side->event, "%s", side->line);
            return true;
        }
        if (begins(side->line, "checkpoint ") || begins(side->line, "field ") ||
            begins(side->line, "hash ")) {
            return true;
        }
    }
    return false;
}

struct comparison {
    const struct cli_options *options;
    uint64_t runs;
    uint64_t checkpoints;
    bool differs;
    uint64_t from; /* events among which the first difference lies */
    uint64_t to;
    char run[SIM_TEXT_MAX];
};

/* The seed of the run that differs alone, from its line. */
static uint64_t seed_of(const char *run)
{
    const char *seed = strrchr(run, ' ');
    return seed == NULL ? 0 : strtoull(seed + 1, NULL, 10);
}

static uint64_t event_of(const char *line)
{
    const char *number = strchr(line, ' ');
    return number == NULL ? 0 : strtoull(number + 1, NULL, 10);
}

/* First pass: up to the first checkpoint that differs. False: it could not be made. */
static bool checkpoints_compare(struct comparison *of)
{
    struct side *sides = calloc(2, sizeof *sides);
    char how[64];
    bool done = false;
    snprintf(how, sizeof how, "--checkpoints %u", CHECKPOINT_EVERY);
    if (sides == NULL || !side_open(&sides[0], of->options, false, how) ||
        !side_open(&sides[1], of->options, true, how)) {
        goto out;
    }
    for (;;) {
        bool here = side_next(&sides[0]);
        bool there = side_next(&sides[1]);
        if (!here && !there) {
            break;
        }
        if (here != there || strcmp(sides[0].line, sides[1].line) != 0) {
            uint64_t ends[2] = {here ? event_of(sides[0].line) : UINT64_MAX,
                                there ? event_of(sides[1].line) : UINT64_MAX};
            of->differs = true;
            of->to = ends[0] < ends[1] ? ends[0] : ends[1];
            snprintf(of->run, sizeof of->run, "%s", here ? sides[0].run : sides[1].run);
            break;
        }
        bool is_run = begins(sides[0].line, "run ");
        of->runs += is_run;
        of->checkpoints += !is_run;
        of->from = is_run ? 1 : event_of(sides[0].line) + 1;
    }
    done = of->runs > 0;
    if (!done) {
        fprintf(stderr, "squall: one of these runs nothing:\n  %s\n  %s\n", sides[0].command,
                sides[1].command);
    }
out:
    for (int i = 0; i < 2 && sides != NULL; i++) {
        side_close(&sides[i]);
    }
    free(sides);
    return done;
}

/* Says what differs first: "field 12 n1.term 3". */
static void difference_print(const struct comparison *of, const struct side *here,
                             const struct side *there, bool is_here, bool is_there)
{
    printf("DIFFERENT: %s\n", of->run);
    printf("  here:  %s\n  there: %s\n", is_here ? here->line : "the run has ended",
           is_there ? there->line : "the run has ended");
    if (is_here && is_there && begins(here->line, "field ")) {
        char name[SIM_NAME_MAX] = "";
        uint64_t values[2] = {0, 0};
        (void)sscanf(here->line, "field %*u %63s %" SCNu64, name, &values[0]);
        (void)sscanf(there->line, "field %*u %*s %" SCNu64, &values[1]);
        printf("  first diverging event: %s\n  first differing field: %s, %" PRIu64
               " here and %" PRIu64 " there\n",
               here->event, name, values[0], values[1]);
    } else {
        printf("  first diverging event: %" PRIu64 "\n",
               is_here ? event_of(here->line) : event_of(there->line));
    }
}

/* Second pass: the fields of the events in question. */
static bool fields_compare(const struct comparison *of)
{
    struct side *sides = calloc(2, sizeof *sides);
    struct cli_options one = *of->options;
    char how[96];
    bool done = false;
    one.has_seeds = true;
    one.seed_first = one.seed_last = seed_of(of->run);
    snprintf(how, sizeof how, "--fields %" PRIu64 "..%" PRIu64, of->from,
             of->to < CLI_SEED_MAX ? of->to : CLI_SEED_MAX);
    if (sides == NULL || !side_open(&sides[0], &one, false, how) ||
        !side_open(&sides[1], &one, true, how)) {
        goto out;
    }
    bool here = true;
    bool there = true;
    while (here && there) {
        here = side_next(&sides[0]);
        there = side_next(&sides[1]);
        if (here != there || (here && strcmp(sides[0].line, sides[1].line) != 0)) {
            difference_print(of, &sides[0], &sides[1], here, there);
            done = true;
            break;
        }
    }
    if (!done) {
        printf("DIFFERENT: %s, between the events %" PRIu64 " and %" PRIu64
               "; but not when run once more: one of the builds does not repeat itself\n",
               of->run, of->from, of->to);
        done = true;
    }
out:
    for (int i = 0; i < 2 && sides != NULL; i++) {
        side_close(&sides[i]);
    }
    free(sides);
    return done;
}

enum cli_status cli_compare(const struct cli_options *options)
{
    struct comparison of = {.options = options};
    assert(options->against != NULL);
    fflush(stdout);
    if (!checkpoints_compare(&of)) {
        return CLI_USAGE;
    }
    if (!of.differs) {
        printf("the same: %" PRIu64 " runs, %" PRIu64 " checkpoints of the rolling hash\n", of.runs,
               of.checkpoints);
        return CLI_CLEAN;
    }
    return fields_compare(&of) ? CLI_NONDETERMINISM : CLI_USAGE;
}
