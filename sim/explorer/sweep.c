/* The sweep: every error path of a scenario, one at a time.
 *
 * A *base run* goes without any injection and shows which consultations there are. A *branch* is
 * the same run up to the event that makes one consultation, which then fails; it goes on to the end
 * under all oracles. The base is run a second time, a checkpoint is taken before each event that
 * has branches, and each branch begins by restoring it.
 *
 * 1. A branch equals the whole run with its shot armed from the start: a plan replays it.
 * 2. A base run that does not pass is not swept; its own finding comes first.
 * 3. A shot that never fires is a finding, since the base run has made that consultation; but an
 *    exit which the state itself takes there leaves nothing to inject, and must equal the base.
 * 4. Branches are numbered in their shard, so that a worker can go on where another one died. */
#include "candidates.h"
#include "efficacy.h"
#include "plan.h"
#include "runner.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

struct sweep {
    struct sim_runner *runner;
    const struct sim_task *task;
    struct sim_candidates candidates;
    struct sim_injectable *items; /* of the base run, in order of event */
    size_t count;
    struct sim_ending base; /* without any injection */
    uint64_t begun;         /* branches of this shard, those of earlier workers included */
    uint64_t remaining;     /* to do */
};

/* Whether the items that begin at this one, all of one event, belong to the shard. */
static bool group_is_mine(const struct sim_task *task, uint64_t group)
{
    assert(task->shard < task->shard_count);
    return group % task->shard_count == task->shard;
}

/* The first item of the next event. */
static size_t group_end(const struct sweep *sweep, size_t first)
{
    size_t end = first;
    while (end < sweep->count && sweep->items[end].event == sweep->items[first].event) {
        end++;
    }
    return end;
}

/* The base run, observed. False: it did not pass, or the memory is out. */
static bool base_run(struct sweep *sweep, bool *out_sent)
{
    struct sim_runner *runner = sweep->runner;
    const struct sim_task *task = sweep->task;
    const struct sim_shot none = {0};
    bool observed = true;
    *out_sent = true;
    sim_runner_announce(runner, task->seed, &none, 0);
    struct sim_world *world = sim_runner_create(runner, task, task->seed, runner->campaign->fill);
    if (world != NULL) {
        bool more = true;
        while (more) {
            more = sim_runner_step(runner, world);
            observed = observed && sim_candidates_observe(&sweep->candidates, world);
        }
        sim_ending_read(world, &sweep->base);
    }
    bool is_first = task->shard == 0 && task->done == 0;
    if (world != NULL && is_first) {
        sim_runner_collect(runner, world, &none);
    }
    if (world != NULL && !is_first) {
        memset(&runner->rows, 0, sizeof runner->rows);
        sim_world_result(world, &runner->rows.execution);
    }
    bool passed = runner->rows.execution.outcome == SIM_OUTCOME_OK;
    if (is_first) {
        *out_sent = sim_runner_send(runner, task, true);
    }
    return *out_sent && observed && passed;
}

static bool selection_send(struct sweep *sweep)
{
    const struct sim_task *task = sweep->task;
    uint64_t mine = 0;
    uint64_t group = 0;
    for (size_t first = 0; first < sweep->count; group++) {
        size_t end = group_end(sweep, first);
        mine += group_is_mine(task, group) ? end - first : 0;
        first = end;
    }
    assert(task->done <= mine);
    sweep->remaining = mine - task->done;
    struct sim_selection selection;
    memset(&selection, 0, sizeof selection);
    selection.scenario = task->scenario;
    selection.shard = task->done == 0 ? task->shard : UINT32_MAX;
    selection.seed = task->seed;
    selection.possible = sweep->candidates.possible;
    selection.selected = sweep->count;
    selection.planned = task->done == 0 ? sweep->remaining : 0;
    return sim_wire_send(sweep->runner->out, SIM_FRAME_SELECTION, &selection, sizeof selection);
}

/* What to say of a branch whose shot never fired. */
static void unfired_judge(struct sweep *sweep, const struct sim_injectable *item)
{
    struct sim_rows *rows = &sweep->runner->rows;
    const struct raft_point_info *info =
        sim_point_info(sweep->runner->campaign->sut, item->shot.point);
    if (rows->execution.outcome != SIM_OUTCOME_OK) {
        return;
    }
    if (info->kind == RAFT_POINT_EXIT && rows->execution.trace_hash == sweep->base.trace) {
        rows->execution.outcome = SIM_OUTCOME_SKIPPED;
        snprintf(rows->execution.note, sizeof rows->execution.note,
                 "the state took this exit by itself: nothing to inject");
        return;
    }
    sim_rows_fail(
        rows, SIM_OUTCOME_DIVERGED, "deterministic",
        "the base run makes this consultation in event %llu, but in the branch it did not "
        "come, or nothing was injected (hash %016llx, base %016llx)",
        (unsigned long long)item->event, (unsigned long long)rows->execution.trace_hash,
        (unsigned long long)sweep->base.trace);
}

/* One branch from the world as it is now, to its row. */
static bool branch_run(struct sweep *sweep, struct sim_world *world,
                       const struct sim_injectable *item)
{
    struct sim_runner *runner = sweep->runner;
    assert(world->events + 1 == item->event);
    assert(world->faults.gates[item->shot.point].hits < item->shot.occurrence);
    sim_runner_announce(runner, sweep->task->seed, &item->shot, sweep->begun);
    sim_runner_count_from(runner, world);
    world->faults.shot = item->shot;
    sim_runner_finish(runner, world);
    sim_runner_collect(runner, world, &item->shot);
    runner->rows.execution.branch = true;
    struct sim_ending ending;
    sim_ending_read(world, &ending);
    sim_efficacy_of_shot(&runner->rows, runner->campaign->sut, &item->shot,
                         sim_ending_compare(&ending, &sweep->base));
    if (world->faults.shot.fired == 0) {
        unfired_judge(sweep, item);
    }
    return sim_runner_send(runner, sweep->task, sweep->remaining == 0);
}

/* The branch in a process of its own, for an implementation with state outside the arena. If the
 * child dies, this worker dies the same way, so that the parent sees what it would see without
 * the child. */
static bool branch_fork(struct sweep *sweep, struct sim_world *world,
                        const struct sim_injectable *item)
{
    int status = 0;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        /* The counts of a child go with its only row, and they are its own. */
        sweep->remaining = 0;
        sweep->runner->pending = 0;
        memset(sweep->runner->coverage, 0, sizeof sweep->runner->coverage);
        memset(sweep->runner->oracles, 0, sizeof sweep->runner->oracles);
        _exit(branch_run(sweep, world, item) ? EXIT_SUCCESS : EXIT_FAILURE);
    }
    if (child < 0 || waitpid(child, &status, 0) != child) {
        fprintf(stderr, "cannot fork a branch\n");
        abort();
    }
    if (WIFSIGNALED(status)) {
        raise(WTERMSIG(status));
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS;
}

/* The branches [first, end) of one event; the world stands before it. */
static bool group_run(struct sweep *sweep, struct sim_world *world, size_t first, size_t end)
{
    struct sim_runner *runner = sweep->runner;
    bool forks = runner->campaign->fork_branches ||
                 (runner->campaign->sut->features & SUT_FEATURE_OUTSIDE) != 0;
    bool sent = true;
    bool saved = false;
    for (size_t i = first; i < end && sent && !sim_runner_is_stopped(runner); i++) {
        sweep->begun++;
        if (sweep->begun <= sweep->task->done) {
            continue;
        }
        sweep->remaining--;
        if (forks) {
            sent = branch_fork(sweep, world, &sweep->items[i]);
            continue;
        }
        if (!saved) {
            arena_save(runner->arena, runner->checkpoint);
            saved = true;
        }
        sent = branch_run(sweep, world, &sweep->items[i]);
        arena_restore(runner->arena, runner->checkpoint);
    }
    return sent;
}

/* The second base run, with the branches. */
static bool branches_run(struct sweep *sweep)
{
    struct sim_runner *runner = sweep->runner;
    const struct sim_task *task = sweep->task;
    const struct sim_shot none = {0};
    uint64_t group = 0;
    bool sent = true;
    sim_runner_announce(runner, task->seed, &none, sweep->begun);
    struct sim_world *world = sim_runner_create(runner, task, task->seed, runner->campaign->fill);
    assert(world != NULL);
    for (size_t first = 0; first < sweep->count && sweep->remaining > 0 && sent; group++) {
        size_t end = group_end(sweep, first);
        if (group_is_mine(task, group)) {
            bool more = true;
            while (more && world->events + 1 < sweep->items[first].event) {
                more = sim_runner_step(runner, world);
            }
            assert(more);
            sent = group_run(sweep, world, first, end) && !sim_runner_is_stopped(runner);
        }
        first = end;
    }
    return sent || sim_runner_is_stopped(runner);
}

bool sim_task_sweep(struct sim_runner *runner, const struct sim_task *task)
{
    const struct sim_campaign *campaign = runner->campaign;
    assert(task->seed + 1 == task->seed_end);
    struct sweep *sweep = calloc(1, sizeof *sweep);
    bool sent = false;
    if (sweep == NULL) {
        return false;
    }
    sweep->runner = runner;
    sweep->task = task;
    sim_candidates_init(&sweep->candidates, campaign->sut, campaign->point, campaign->exhaustive);
    if (!base_run(sweep, &sent)) {
        goto out;
    }
    sent = false;
    if (!sim_candidates_finish(&sweep->candidates, campaign->limit, &sweep->items, &sweep->count)) {
        fprintf(stderr, "out of memory for the injections of a sweep\n");
        abort();
    }
    sent = selection_send(sweep);
    if (sent && sweep->remaining > 0) {
        sent = branches_run(sweep);
    }
out:
    sim_candidates_release(&sweep->candidates);
    free(sweep->items);
    free(sweep);
    return sent;
}
