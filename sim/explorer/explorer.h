/* The explorer: many runs of many scenarios in many processes.
 *
 * A campaign is a list of tasks over a catalogue. The parent hands tasks to workers, one process
 * each, and receives results; it alone talks to the sink. A worker that dies is a finding with the
 * seed and the plan that were running, and another worker goes on with the rest of its task. */
#ifndef SIM_EXPLORER_EXPLORER_H
#define SIM_EXPLORER_EXPLORER_H

#include "catalogue.h"
#include <sim/oracle.h>
#include <sim/record.h>
#include <sim/sut.h>

enum sim_task_kind {
    SIM_TASK_RUN,    /* each seed once; one in twenty again, to compare the hashes */
    SIM_TASK_SWEEP,  /* a base run, and a branch for each selected injection */
    SIM_TASK_VERIFY, /* each seed four times: plain, other fill, an idle fault, with restored
                        checkpoints */
};

/* What a sweep injects. */
enum sim_sweep_mode {
    SIM_SWEEP_POINTS,  /* fault points, at selected consultations */
    SIM_SWEEP_MEMORY,  /* every allocation */
    SIM_SWEEP_DISK,    /* every operation of a file */
    SIM_SWEEP_CRASH,   /* a crash around every operation and message, with images of the disk */
    SIM_SWEEP_STOP,    /* a graceful stop after an event */
    SIM_SWEEP_TAIL,    /* a crash that leaves the last write damaged, at each byte of it */
    SIM_SWEEP_NETWORK, /* a message lost, twice, or late */
    SIM_SWEEP_PAIRS,   /* a fault point, and a second one soon after it */
    SIM_SWEEP_MODE_COUNT
};
const char *sim_sweep_mode_string(enum sim_sweep_mode mode);

/* A unit of work. Travels through a pipe as it is. */
struct sim_task {
    enum sim_task_kind kind;
    uint32_t scenario; /* index into the catalogue */
    uint32_t variant;
    uint32_t shard; /* sweep: which of shard_count parts of the injections */
    uint32_t shard_count;
    uint64_t seed; /* seeds [seed, seed_end); a sweep has one */
    uint64_t seed_end;
    uint64_t done; /* sweep: injections of the shard that an earlier worker has finished */
};

struct sim_tasks {
    struct sim_task *items;
    uint32_t count;
    uint32_t capacity;
    uint64_t executions;    /* in all, as far as known: a sweep's branches are not counted */
    uint64_t variants_left; /* parameter sets that a sweep leaves out */
};

/* The seeds of a command line, first to last; without one, a run takes the scenario's own seeds, a
 * sweep the first of them. */
struct sim_seed_range {
    bool given;
    uint64_t first;
    uint64_t last;
};

/* Cuts a campaign into tasks, behind those that there are. A sweep takes the first parameter set of
 * each scenario (the one that --set names), unless it is exhaustive. False: out of memory. */
bool sim_tasks_build(struct sim_tasks *tasks, const struct sim_catalogue *catalogue,
                     enum sim_task_kind kind, const struct sim_seed_range *seeds, bool exhaustive,
                     uint32_t jobs);
/* Adds seeds [first, end) of the first scenario, one a task. False: out of memory. */
bool sim_tasks_add(struct sim_tasks *tasks, enum sim_task_kind kind, uint64_t first, uint64_t end);
void sim_tasks_release(struct sim_tasks *tasks);
/* The number-th task of an endless campaign: the next few seeds of each parameter set in turn. */
void sim_tasks_endless(const struct sim_catalogue *catalogue, enum sim_task_kind kind,
                       uint64_t first_seed, uint64_t number, struct sim_task *out_task);

struct sim_done;

struct sim_oracle_delta {
    uint64_t checks;
    char skipped[SIM_NAME_MAX * 2]; /* why the oracle does not apply; empty: it does */
};

/* What one execution came to; borrowed during the call of the sink. */
struct sim_row {
    const struct sim_catalogue_scenario *scenario;
    uint32_t scenario_index;
    const char *parameters; /* as the run was asked for */
    const struct sim_execution *execution;
    const struct sim_finding *finding; /* or NULL */
    const struct sim_injection *injections;
    uint32_t injection_count;
    const struct sim_leak *leaks;
    uint32_t leak_count;
    const uint32_t *probes; /* [SIM_PROBE_COUNT]: how often each was reached; NULL: unknown */
    uint64_t steps; /* events that were simulated for it: a branch does not repeat its base */
    /* Now and then a result carries the counts of its worker since the last time. */
    const struct sim_coverage *coverage;
    uint32_t coverage_count;
    const struct sim_oracle_delta *oracles; /* [SIM_ORACLE_COUNT], or NULL */
    const uint8_t *entered;                 /* a bit for each block of sut_edges */
    uint32_t edge_count;                    /* 0: nobody counts them */
};

/* How many injections a sweep has found and taken, for one shard of one base run. */
struct sim_selection {
    uint32_t scenario;
    uint32_t shard;
    uint64_t seed;
    uint64_t possible; /* injections of the whole base run: (occurrence, outcome, persistence) */
    uint64_t selected; /* of them, chosen */
    uint64_t planned;  /* of those, for this shard and still to do */
    uint64_t earlier;  /* of those, for this shard and done by an earlier campaign, */
    uint64_t earlier_findings; /* which found something in so many of these */
    uint64_t strata; /* kinds of injections among them, if a limit shares them out; else 0 */
};

/* Where results go. The functions return false to stop the campaign. */
struct sim_sink {
    void *ctx;
    bool (*result)(void *ctx, const struct sim_row *result);
    bool (*selection)(void *ctx, const struct sim_selection *selection);
    void (*tick)(void *ctx); /* at least ten times a second */
    void (*note)(void *ctx, const char *line);
};

/* Which fired faults of a run are compared with the same run without them: see efficacy.c. */
enum sim_twins {
    SIM_TWINS_USUAL, /* each of a scenario, a sample of a profile's */
    SIM_TWINS_ALL,
    SIM_TWINS_NONE,
};

struct sim_campaign {
    const struct sut_ops *sut;
    const struct sut_ops *sut_next; /* NULL: none */
    const struct sim_catalogue *catalogue;
    const struct sim_tasks *tasks;
    uint32_t jobs;
    uint8_t fill;       /* of fresh memory */
    bool transcript;    /* each run's, on standard output; one worker only */
    struct sim_trace {  /* of each run, on standard output; one worker only; see trace.c */
        uint64_t every; /* a checkpoint of the hash every so many events; 0: none */
        uint64_t from;  /* the fields of these events; to 0: none */
        uint64_t to;
    } trace;
    const char *plan;            /* of every run; "" for none */
    enum sim_sweep_mode mode;    /* sweep */
    bool exhaustive;             /* sweep: every occurrence */
    uint64_t limit;              /* sweep: injections of a base run; 0: no limit */
    const char *point;           /* sweep: pattern of the points; NULL: all of the implementation */
    const struct sim_done *done; /* sweep: what to pass over; NULL: nothing */
    bool fork_branches;          /* sweep: a process per branch, no checkpoints */
    bool exact;                  /* sweep: every branch to its end */
    uint64_t restores;           /* verify: checkpoints restored in a run */
    uint32_t wall_s;             /* of one execution; 0: the scenario's */
    bool no_recheck;             /* run: never a second time */
    enum sim_twins twins;        /* run */
    bool is_endless;             /* after the tasks, endless_kind over seeds from endless_seed on */
    enum sim_task_kind endless_kind;
    uint64_t endless_seed;
    uint64_t for_ns;    /* real time after which no task begins; 0: no limit */
    bool until_finding; /* nor after a finding */
    struct sim_sink sink;
};

enum sim_campaign_end {
    SIM_CAMPAIGN_COMPLETE,
    SIM_CAMPAIGN_INTERRUPTED, /* by SIGINT, SIGTERM or SIGHUP */
    SIM_CAMPAIGN_FAILED,      /* by the sink, or no worker could be started (noted) */
};
enum sim_campaign_end sim_campaign_run(const struct sim_campaign *campaign);

#endif
