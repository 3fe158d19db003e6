/* The command line, parsed. */
#ifndef SIM_CLI_OPTIONS_H
#define SIM_CLI_OPTIONS_H

#include <sim/explorer/explorer.h>
#include <sim/profile.h>
#include <sim/record.h>
#include <stddef.h>

enum cli_command {
    CLI_RUN,
    CLI_SWEEP,
    CLI_VERIFY,
    CLI_REPLAY,
    CLI_REPORT,
    CLI_POINTS,
    CLI_LIST,
    CLI_CHECK_HISTORY,
    CLI_HELP,
    CLI_COMMAND_COUNT
};
const char *cli_command_string(enum cli_command command);

/* What the exit status says. */
enum cli_status {
    CLI_CLEAN = 0,
    CLI_FINDINGS = 1,
    CLI_USAGE = 2,          /* also: a file that cannot be read or written */
    CLI_SCENARIO = 3,       /* a script is wrong */
    CLI_NONDETERMINISM = 4, /* the same run gave another hash */
    CLI_UNDECIDED = 5,      /* check-history gave up */
    CLI_INTERRUPTED = 130,
};

#define CLI_SEED_MAX (((uint64_t)1 << 53) - 1) /* what every reader of the file can represent */
#define CLI_JOBS_MAX 256u

struct cli_options {
    enum cli_command command;
    const char *program; /* argv[0] */
    char **arguments;    /* what is no option: scenarios, files, patterns; borrowed */
    int argument_count;
    bool help;
    bool version;
    bool has_seeds;
    uint64_t seed_first;
    uint64_t seed_last;
    char parameters[SIM_TEXT_MAX]; /* of --set: "name=value name=value" */
    uint32_t jobs;                 /* 0: one per processor */
    const char *db;                /* NULL: the default */
    bool no_db;
    const char *sut;
    const char *sut_next; /* NULL: there is no second implementation */
    bool transcript;
    bool hashes;
    uint8_t fill;
    enum sim_sweep_mode mode;
    bool resume;
    bool exhaustive;
    uint64_t limit;
    const char *point;
    bool fork;
    bool exact; /* of sweep: no branch ends early */
    const char *plan;
    const char *hash;
    uint64_t restores;
    const char *against;  /* of verify: another program or implementation */
    uint64_t checkpoints; /* of run, for verify --against: see explorer/trace.c */
    uint64_t fields_from, fields_to;
    uint32_t wall_s;
    const char *output;
    const char *tag;
    enum sim_profile_kind profile; /* instead of scenarios */
    uint64_t for_s;                /* 0: no limit */
    bool until_finding;
    enum sim_twins twins;
    const char *init; /* of check-history, as these; NULL: absent */
    bool null_read_unknown;
    bool failed_cas_noop;
};

/* Parses argv[1..]. The array is reordered: arguments point into it. False with a message in error.
 */
bool cli_options_parse(struct cli_options *options, int argc, char **argv, char *error,
                       size_t error_size);

/* The closest of count names, or NULL if none is close enough to be meant. */
const char *cli_suggest(const char *word, const char *const *names, size_t count);
/* Whether a campaign takes one seed after the other until something ends it. */
bool cli_is_endless(const struct cli_options *options);

#endif
