/* The runner: what a worker does with one run, from its creation to its row. */
#ifndef SIM_EXPLORER_RUNNER_H
#define SIM_EXPLORER_RUNNER_H

#include "plan.h"
#include "wire.h"
#include <sim/world.h>

#define SIM_LEAKS_MAX 64u

/* All that is known of an execution; a copy outside the arena, so that it outlives the world. */
struct sim_rows {
    struct sim_execution execution;
    bool has_finding;
    struct sim_finding finding;
    uint32_t injection_count;
    struct sim_injection injections[SIM_INJECTIONS_MAX];
    uint32_t leak_count;
    struct sim_leak leaks[SIM_LEAKS_MAX];
    uint32_t probes[SIM_PROBE_COUNT];
    uint64_t steps;
};

/* The rolling hash after each event of a run. */
struct sim_trail {
    uint64_t *hashes;
    size_t count;
    size_t capacity;
};

/* Different outcomes of points in different contexts that one run can have. */
#define SIM_COUNTS_MAX                                                                             \
    (SIM_POINTS_MAX * (uint32_t)SIM_COUNTED_REACHED * RAFT_ROLE_COUNT * SIM_LIFE_COUNT)

/* Counts of a world at some moment: a branch adds only what came since its checkpoint. */
struct sim_counts {
    uint32_t reached[SIM_POINTS_MAX][RAFT_ROLE_COUNT][SIM_LIFE_COUNT];
    uint32_t count_count; /* of sim_faults.counts, with their times */
    uint32_t times[SIM_COUNTS_MAX];
    uint64_t checks[SIM_ORACLE_COUNT];
    uint32_t probes[SIM_PROBE_COUNT];
};

struct sim_runner {
    const struct sim_campaign *campaign;
    struct arena *arena;
    struct arena_checkpoint *checkpoint;
    struct sim_page *page;
    struct sut_edges edges;   /* what the world has entered is attached to the arena */
    uint8_t *entered;         /* of the current execution: a bit for each block */
    int out;                  /* the pipe of results */
    struct sim_spec spec;     /* of the current run; the world borrows it */
    struct sim_rows rows;     /* of the current execution */
    struct sim_counts before; /* where the current execution began to count */
    struct sim_world *traced; /* whose events are printed; NULL: none */
    uint64_t began_ns;
    uint64_t sent;    /* results */
    uint64_t pending; /* executions whose counts have not been sent */
    bool is_stopped;  /* the parent wanted an end when the latest result was sent */
    struct sim_sum {
        uint64_t times;
        uint32_t executions;
        uint32_t survived;
    } sums[SIM_POINTS_MAX][SIM_COUNTED_COUNT][RAFT_ROLE_COUNT][SIM_LIFE_COUNT];
    struct sim_oracle_delta oracles[SIM_ORACLE_COUNT];
};

/* Writes on the page what begins now. shots: see sim_page. */
void sim_runner_announce(struct sim_runner *runner, uint64_t seed, const struct sim_plan *plan,
                         uint64_t shots);
/* Creates the world of a run. NULL: the script is wrong, and the row says so. */
struct sim_world *sim_runner_create(struct sim_runner *runner, const struct sim_task *task,
                                    uint64_t seed, uint8_t fill);
/* One step, noted on the page. False when the run is over. */
bool sim_runner_step(struct sim_runner *runner, struct sim_world *world);
/* Steps to the end. */
void sim_runner_finish(struct sim_runner *runner, struct sim_world *world);
/* From now on the counts belong to the execution that begins here. */
void sim_runner_count_from(struct sim_runner *runner, const struct sim_world *world);
/* Copies what the finished run came to into the rows, and adds up its counts. */
void sim_runner_collect(struct sim_runner *runner, const struct sim_world *world,
                        const struct sim_plan *plan);
/* The same of a branch that is its base run again: it comes to the same. Injections and counts are
 * those until now. */
void sim_runner_collect_masked(struct sim_runner *runner, const struct sim_world *world,
                               const struct sim_plan *plan, const struct sim_execution *base);
/* Makes the rows a finding, or a divergence, that the world itself did not see. */
void sim_rows_fail(struct sim_rows *rows, enum sim_outcome outcome, const char *rule,
                   const char *format, ...) __attribute__((format(printf, 4, 5)));
/* Sends the rows; with the counts now and then, and always if it is the last of a task or the
 * parent wants an end. False: the parent is gone. */
bool sim_runner_send(struct sim_runner *runner, const struct sim_task *task, bool is_last);
/* The parent wants an end, and no count is left behind. */
bool sim_runner_is_stopped(const struct sim_runner *runner);

/* Tasks. False: the parent is gone. */
bool sim_task_run(struct sim_runner *runner, const struct sim_task *task);
bool sim_task_sweep(struct sim_runner *runner, const struct sim_task *task);
bool sim_task_verify(struct sim_runner *runner, const struct sim_task *task);

void sim_trail_release(struct sim_trail *trail);
/* Runs a run to its end, recording the trail. */
void sim_trail_record(struct sim_trail *trail, struct sim_runner *runner, struct sim_world *world);
/* Runs it again with another fill byte, and with a fault armed that never fires, and compares event
 * by event; a difference makes the rows a divergence. */
void sim_trail_compare(const struct sim_trail *trail, struct sim_runner *runner,
                       const struct sim_task *task, uint64_t seed);

/* trace.c: prints what the campaign asks for of this run, until its end. */
void sim_trace_begin(struct sim_runner *runner, struct sim_world *world);
void sim_trace_step(const struct sim_runner *runner, const struct sim_world *world, bool more);
void sim_trace_end(struct sim_runner *runner);

/* The main function of a worker: takes tasks from a pipe until it closes. Returns an exit status.
 */
int sim_worker_main(const struct sim_campaign *campaign, struct sim_page *page, int tasks, int out);

#endif
