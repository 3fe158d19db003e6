/* The recorder: what becomes of results. It keeps them in the store, adds them up, and shows them.
 */
#ifndef SIM_CLI_RECORDER_H
#define SIM_CLI_RECORDER_H

#include "options.h"
#include <reports/store.h>
#include <sim/explorer/done.h>
#include <sim/explorer/explorer.h>
#include <stdio.h>

/* What the executions of one scenario came to. */
struct cli_tally {
    uint64_t executions;
    uint64_t outcomes[SIM_OUTCOME_COUNT];
    uint64_t commits;
    uint64_t steps;  /* events simulated */
    uint64_t masked; /* branches that ended early, as their base run */
    uint64_t wall_ns;
};

/* Findings of one signature in one scenario. */
struct cli_bug {
    uint32_t scenario;
    uint64_t count;
    uint64_t events; /* of the cheapest execution, which the rest describes */
    struct sim_finding finding;
    enum sim_outcome outcome;
    char replay[4096];
};

struct cli_hash {
    uint32_t scenario;
    uint64_t seed;
    uint64_t trace;
    uint64_t state;
    char parameters[SIM_TEXT_MAX];
    char plan[SIM_NAME_MAX * 2];
};

struct cli_recorder {
    const struct cli_options *options;
    const struct sim_catalogue *catalogue;
    const char *db; /* NULL: nothing is kept */
    struct store *store;
    uint64_t run;
    const struct sut_ops *sut;
    uint64_t planned;          /* executions, as far as known */
    uint64_t variants_left;    /* parameter sets that a sweep leaves out */
    uint32_t unknown;          /* shards that have not said yet what they plan */
    uint64_t possible;         /* injections of the base runs */
    uint64_t selected;         /* of them, chosen */
    uint64_t earlier;          /* of those, done by an earlier campaign */
    uint64_t earlier_findings; /* of these, failed */
    struct cli_tally *tallies; /* per scenario */
    struct cli_tally total;
    struct cli_bug *bugs;
    uint32_t bug_count;
    uint32_t bug_capacity;
    struct cli_hash *hashes; /* with --hashes */
    uint64_t hash_count;
    uint64_t hash_capacity;
    struct sim_execution last;      /* of a single run */
    char first_error[SIM_TEXT_MAX]; /* of a script */
    uint64_t began_ns;
    uint64_t shown_ns;   /* when the status was shown last */
    uint64_t flushed_ns; /* when the store was flushed last */
    uint64_t unswept;    /* base runs of a sweep that did not pass */
    bool store_failed;   /* and was said to have */
    bool is_tty;         /* standard error is a terminal */
    bool colour;
    bool status_shown;
};

/* Opens the store and begins a run in it. tasks is what the campaign will do. False with a message
 * on standard error. */
bool cli_recorder_open(struct cli_recorder *recorder, const struct cli_options *options,
                       const struct sim_catalogue *catalogue, const struct sim_tasks *tasks,
                       const struct sut_ops *sut, const char *db, int argc, char **argv);
/* The sink for a campaign. */
struct sim_sink cli_recorder_sink(struct cli_recorder *recorder);
/* The exit status that the results stand for. */
enum cli_status cli_recorder_status(const struct cli_recorder *recorder, enum sim_campaign_end end);
/* Ends the run in the store and closes it. False with a message if that fails. */
bool cli_recorder_close(struct cli_recorder *recorder, enum cli_status status);
void cli_recorder_release(struct cli_recorder *recorder);

/* edges.c: registers the blocks of the code under test with the store, if the build marks them.
 * False: the store has failed. */
bool cli_edges_register(struct cli_recorder *recorder);
/* resume.c: what the file of a campaign has already, for a sweep that goes on. False with a message
 * on standard error. */
bool cli_resume_read(const struct cli_options *options, const struct sim_catalogue *catalogue,
                     const struct sut_ops *sut, const char *db, struct sim_done *done);
/* The program and the implementation under test. words must live as long as the result is used. */
struct cli_build_words {
    char id[32];
    char sut_file[8192]; /* "FILE", "FILE => NEXT", " => NEXT", or "" */
};
#define CLI_NEXT_MARK " => "
struct store_build cli_build(const struct cli_options *options, const struct sut_ops *sut,
                             struct cli_build_words *words);

/* progress.c: the status line, and lines between its updates, on standard error. */
void cli_progress_tick(struct cli_recorder *recorder);
void cli_progress_line(struct cli_recorder *recorder, const char *line);
void cli_progress_finding(struct cli_recorder *recorder, const struct cli_bug *bug);
void cli_progress_end(struct cli_recorder *recorder);

/* summary.c: what a campaign came to, on standard output. */
void cli_summary_print(const struct cli_recorder *recorder, enum sim_campaign_end end, FILE *out);
/* Whether to use colour on a stream: a terminal, and NO_COLOR unset or empty. */
bool cli_colour_wanted(FILE *stream);

/* words.c */
/* Appends a word to a command line, quoted for a shell if it must be. */
void cli_word_append(char *text, size_t text_size, const char *word);
/* The command that repeats an execution. */
void cli_replay_command(const struct cli_options *options, const char *file, const char *parameters,
                        const struct sim_execution *execution, char *text, size_t text_size);
/* "12.3k", "456", "7.8M": a count in at most five characters. */
void cli_count_print(uint64_t count, char *text, size_t text_size);

#endif
