/* The sweep: every error path of a scenario, one at a time.
 *
 * A *base run* goes without any injection and shows where something can be injected. A *branch* is
 * the same run up to the event in which that comes; it goes on to the end under all oracles. The
 * base is run a second time, a checkpoint is taken before each event that has branches, and each
 * branch begins by restoring it. A sweep of pairs runs it once more in between, to see what each
 * first fault leads to.
 *
 * 1. A branch equals the whole run with its plan armed from the start: the plan replays it.
 * 2. A base run that does not pass is not swept; its own finding comes first.
 * 3. A shot that never fires is a finding, since the base run has come to its place; but an exit
 *    which the state itself takes there leaves nothing to inject, and must equal the base.
 * 4. A branch that is the base run again, after its shots have struck, ends there as masked: what
 *    it comes to is known. Those that run to their ends (exact) come to the same.
 * 5. Branches are numbered in their shard, so that a worker can go on where another one died. Those
 *    that an earlier campaign has finished keep their numbers, and are passed over. */
#include "candidates.h"
#include "done.h"
#include "efficacy.h"
#include "marks.h"
#include "pairs.h"
#include "passages.h"
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
    struct sim_candidates candidates; /* modes of fault points */
    struct sim_passages passages;     /* the others */
    struct sim_injectables list;      /* of the base run, in order of event */
    uint64_t possible;
    uint64_t strata;
    struct sim_ending base;        /* without any injection */
    struct sim_execution came_to;  /* of the base run */
    struct sim_marks marks;        /* of the base run; for branches that may end early, */
    uint64_t told_apart;           /* but not before the script looks alike */
    char parameters[SIM_TEXT_MAX]; /* of the base run, as they are recorded */
    uint64_t begun;                /* branches of this shard, those of earlier workers included */
    uint64_t remaining;            /* to do */
};

const char *sim_sweep_mode_string(enum sim_sweep_mode mode)
{
    switch (mode) {
    case SIM_SWEEP_POINTS:
        return "points";
    case SIM_SWEEP_MEMORY:
        return "memory";
    case SIM_SWEEP_DISK:
        return "disk";
    case SIM_SWEEP_CRASH:
        return "crash";
    case SIM_SWEEP_STOP:
        return "stop";
    case SIM_SWEEP_TAIL:
        return "tail";
    case SIM_SWEEP_NETWORK:
        return "network";
    case SIM_SWEEP_PAIRS:
        return "pairs";
    case SIM_SWEEP_MODE_COUNT:
        break;
    }
    assert(!"not a mode");
    return NULL;
}

static bool has_passages(enum sim_sweep_mode mode)
{
    return mode == SIM_SWEEP_CRASH || mode == SIM_SWEEP_STOP || mode == SIM_SWEEP_TAIL ||
           mode == SIM_SWEEP_NETWORK;
}

/* Chooses what the base run is watched for. */
static void sweep_init(struct sweep *sweep)
{
    const struct sim_campaign *campaign = sweep->runner->campaign;
    enum sim_sweep_mode mode = campaign->mode;
    bool is_whole = mode == SIM_SWEEP_MEMORY || mode == SIM_SWEEP_DISK;
    const char *pattern = campaign->point;
    if (mode == SIM_SWEEP_MEMORY && pattern == NULL) {
        pattern = sim_point_info(campaign->sut, campaign->sut->point_count + SIM_POINT_MEMORY_ALLOC)
                      ->name;
    }
    sim_candidates_init(&sweep->candidates, campaign->sut, pattern,
                        campaign->exhaustive || is_whole);
    if (is_whole) {
        sweep->candidates.kinds =
            1u << (mode == SIM_SWEEP_MEMORY ? RAFT_POINT_MEMORY : RAFT_POINT_FILE);
    }
    sim_passages_init(&sweep->passages, mode, campaign->exhaustive, sweep->task->seed);
}

/* Whether a branch may end before its end. What an implementation keeps outside the arena cannot be
 * compared. */
static bool may_be_masked(const struct sweep *sweep)
{
    const struct sim_campaign *campaign = sweep->runner->campaign;
    return !campaign->exact && !campaign->fork_branches &&
           (campaign->sut->features & SUT_FEATURE_OUTSIDE) == 0;
}

/* Whether the items that begin at this one, all of one event, belong to the shard. */
static bool group_is_mine(const struct sim_task *task, uint64_t group)
{
    assert(task->shard < task->shard_count);
    return group % task->shard_count == task->shard;
}

/* The first item of the next event. */
static size_t group_end(const struct sweep *sweep, size_t first)
{
    const struct sim_injectables *list = &sweep->list;
    size_t end = first;
    while (end < list->count && list->items[end].event == list->items[first].event) {
        end++;
    }
    return end;
}

static enum sim_done_state done_state(const struct sweep *sweep, const struct sim_plan *plan)
{
    const struct sim_campaign *campaign = sweep->runner->campaign;
    char text[SIM_TEXT_MAX];
    if (campaign->done == NULL) {
        return SIM_DONE_NOT;
    }
    sim_plan_print(campaign->sut, plan, text, sizeof text);
    return sim_done_find(campaign->done, sweep->runner->spec.scenario, sweep->parameters,
                         sweep->task->seed, text);
}

static bool is_done(const struct sweep *sweep, const struct sim_plan *plan)
{
    return done_state(sweep, plan) != SIM_DONE_NOT;
}

/* The base run, observed. False: it did not pass, or the memory is out. */
static bool base_run(struct sweep *sweep, bool *out_sent)
{
    struct sim_runner *runner = sweep->runner;
    const struct sim_task *task = sweep->task;
    const struct sim_plan none = {0};
    bool watches = has_passages(runner->campaign->mode);
    bool observed = true;
    uint64_t steps = 0;
    *out_sent = true;
    sim_runner_announce(runner, task->seed, &none, 0);
    struct sim_world *world = sim_runner_create(runner, task, task->seed, runner->campaign->fill);
    if (world != NULL) {
        bool more = true;
        if (watches) {
            sim_passages_attach(&sweep->passages, world);
        }
        while (more) {
            more = sim_runner_step(runner, world);
            observed = observed && (watches || sim_candidates_observe(&sweep->candidates, world));
            sim_passages_observe(&sweep->passages, world);
            if (more && may_be_masked(sweep)) {
                sim_marks_note(&sweep->marks, world);
            }
        }
        sim_ending_read(world, &sweep->base);
        sweep->told_apart = world->told_apart;
        steps = runner->rows.steps;
        memset(&runner->rows, 0, sizeof runner->rows);
        sim_world_result(world, &runner->rows.execution);
    }
    const struct sim_execution *execution = &runner->rows.execution;
    sweep->came_to = *execution;
    snprintf(sweep->parameters, sizeof sweep->parameters, "%s", execution->parameters);
    bool passed = execution->outcome == SIM_OUTCOME_OK;
    if (task->shard == 0 && task->done == 0 && !(passed && is_done(sweep, &none))) {
        if (world != NULL) {
            runner->rows.steps = steps;
            sim_runner_collect(runner, world, &none);
        }
        *out_sent = sim_runner_send(runner, task, true);
        passed = execution->outcome == SIM_OUTCOME_OK;
    }
    return *out_sent && observed && passed;
}

/* The world again, up to the event before the one with this number. */
static void advance(struct sim_runner *runner, struct sim_world *world, uint64_t event)
{
    bool more = true;
    while (more && world->events + 1 < event) {
        more = sim_runner_step(runner, world);
    }
    assert(more);
}

/* Replaces the first faults of the list by the pairs that begin with them. */
static bool pairs_find(struct sweep *sweep)
{
    struct sim_runner *runner = sweep->runner;
    const struct sim_task *task = sweep->task;
    const struct sim_plan none = {0};
    struct sim_injectables pairs = {0};
    bool found = true;
    sweep->possible = 0;
    sim_runner_announce(runner, task->seed, &none, 0);
    struct sim_world *world = sim_runner_create(runner, task, task->seed, runner->campaign->fill);
    assert(world != NULL);
    for (size_t first = 0; first < sweep->list.count && found;) {
        size_t end = group_end(sweep, first);
        advance(runner, world, sweep->list.items[first].event);
        arena_save(runner->arena, runner->checkpoint);
        for (size_t i = first; i < end && found; i++) {
            const struct sim_injectable *item = &sweep->list.items[i];
            sim_runner_announce(runner, task->seed, &item->plan, 0);
            found = sim_pairs_find(world, item, &pairs, &sweep->possible);
            arena_restore(runner->arena, runner->checkpoint);
        }
        first = end;
    }
    sim_injectables_release(&sweep->list);
    sweep->list = pairs;
    sim_injectables_sort(&sweep->list);
    return found;
}

/* What will be injected, in order. False: out of memory. */
static bool list_make(struct sweep *sweep)
{
    const struct sim_campaign *campaign = sweep->runner->campaign;
    bool is_pairs = campaign->mode == SIM_SWEEP_PAIRS;
    uint64_t limit = campaign->limit;
    if (has_passages(campaign->mode)) {
        sweep->possible = sweep->passages.possible;
        if (!sim_passages_finish(&sweep->passages, &sweep->list)) {
            return false;
        }
    } else {
        sweep->possible = sweep->candidates.possible;
        if (!sim_candidates_finish(&sweep->candidates, &sweep->list)) {
            return false;
        }
    }
    sim_injectables_sort(&sweep->list);
    if (is_pairs && !pairs_find(sweep)) {
        return false;
    }
    if (is_pairs && limit == 0 && !campaign->exhaustive) {
        limit = SIM_PAIRS_LIMIT;
    }
    if (limit > 0 && limit < sweep->list.count) {
        sweep->strata = sim_injectables_limit(&sweep->list, limit);
    }
    return true;
}

static bool selection_send(struct sweep *sweep)
{
    const struct sim_task *task = sweep->task;
    uint64_t mine = 0;
    uint64_t group = 0;
    uint64_t failed = 0;
    for (size_t first = 0; first < sweep->list.count; group++) {
        size_t end = group_end(sweep, first);
        for (size_t i = first; i < end && group_is_mine(task, group); i++) {
            mine++;
            enum sim_done_state state = done_state(sweep, &sweep->list.items[i].plan);
            sweep->remaining += mine > task->done && state == SIM_DONE_NOT ? 1 : 0;
            failed += state == SIM_DONE_FAILED ? 1 : 0;
        }
        first = end;
    }
    assert(task->done <= mine);
    struct sim_selection selection;
    memset(&selection, 0, sizeof selection);
    selection.scenario = task->scenario;
    selection.shard = task->done == 0 ? task->shard : UINT32_MAX;
    selection.seed = task->seed;
    selection.possible = sweep->possible;
    selection.selected = sweep->list.count;
    selection.planned = task->done == 0 ? sweep->remaining : 0;
    selection.earlier = task->done == 0 ? mine - sweep->remaining : 0;
    selection.earlier_findings = task->done == 0 ? failed : 0;
    selection.strata = sweep->strata;
    return sim_wire_send(sweep->runner->out, SIM_FRAME_SELECTION, &selection, sizeof selection);
}

/* What to say of a branch of which a shot never fired. */
static void unfired_judge(struct sweep *sweep, const struct sim_injectable *item,
                          const struct sim_shot *shot)
{
    struct sim_rows *rows = &sweep->runner->rows;
    const struct sut_ops *sut = sweep->runner->campaign->sut;
    bool is_second = shot->occurrence == item->plan.second.occurrence &&
                     shot->point == item->plan.second.point && item->plan.second.occurrence != 0;
    bool is_exit =
        shot->place == SIM_SHOT_POINT && sim_point_info(sut, shot->point)->kind == RAFT_POINT_EXIT;
    if (rows->execution.outcome != SIM_OUTCOME_OK) {
        return;
    }
    if (is_exit && (is_second || rows->execution.trace_hash == sweep->base.trace)) {
        rows->execution.outcome = SIM_OUTCOME_SKIPPED;
        snprintf(rows->execution.note, sizeof rows->execution.note,
                 "the state took this exit by itself: nothing to inject");
        return;
    }
    sim_rows_fail(rows, SIM_OUTCOME_DIVERGED, "deterministic",
                  "the base run comes to %s in event %llu, but in the branch it did not "
                  "come, or nothing was injected (hash %016llx, base %016llx)",
                  shot->place == SIM_SHOT_POINT ? "this consultation" : "this place",
                  (unsigned long long)item->event, (unsigned long long)rows->execution.trace_hash,
                  (unsigned long long)sweep->base.trace);
}

/* Whether it can strike no more. */
static bool is_spent(const struct sim_shot *shot)
{
    return shot->occurrence == 0 || (shot->fired > 0 && (!shot->persistent || shot->is_over));
}

/* To the end, or to where it is the base run again: then true. */
static bool branch_finish(struct sweep *sweep, struct sim_world *world)
{
    const struct sim_faults *faults = &world->faults;
    bool compares = may_be_masked(sweep);
    sim_marks_begin(&sweep->marks);
    while (sim_runner_step(sweep->runner, world)) {
        if (compares && world->events > sweep->told_apart && is_spent(&faults->shot) &&
            is_spent(&faults->second) && sim_marks_agree(&sweep->marks, world)) {
            return true;
        }
    }
    return false;
}

/* Of a branch that passed only what its plan injected has rows: what the scenario injects by itself
 * stands with the base run. */
static void rows_keep_plan(struct sim_rows *rows)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < rows->injection_count; i++) {
        if (rows->injections[i].efficacy != SIM_EFFICACY_UNKNOWN) {
            rows->injections[kept++] = rows->injections[i];
        }
    }
    rows->injection_count = kept;
}

/* One branch from the world as it is now, to its row. */
static bool branch_run(struct sweep *sweep, struct sim_world *world,
                       const struct sim_injectable *item)
{
    struct sim_runner *runner = sweep->runner;
    assert(world->events + 1 == item->event);
    sim_runner_announce(runner, sweep->task->seed, &item->plan, sweep->begun);
    sim_runner_count_from(runner, world);
    sim_plan_arm(&item->plan, &world->faults);
    struct sim_ending ending = sweep->base;
    if (branch_finish(sweep, world)) {
        sim_runner_collect_masked(runner, world, &item->plan, &sweep->came_to);
    } else {
        sim_runner_collect(runner, world, &item->plan);
        sim_ending_read(world, &ending);
    }
    runner->rows.execution.branch = true;
    sim_efficacy_of_plan(&runner->rows, runner->campaign->sut, &item->plan,
                         sim_ending_compare(&ending, &sweep->base));
    if (runner->rows.execution.outcome == SIM_OUTCOME_OK) {
        rows_keep_plan(&runner->rows);
    }
    const struct sim_faults *faults = &world->faults;
    if (faults->shot.fired == 0) {
        unfired_judge(sweep, item, &faults->shot);
    } else if (faults->second.occurrence != 0 && faults->second.fired == 0) {
        unfired_judge(sweep, item, &faults->second);
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
        memset(sweep->runner->sums, 0, sizeof sweep->runner->sums);
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
        if (sweep->begun <= sweep->task->done || is_done(sweep, &sweep->list.items[i].plan)) {
            continue;
        }
        sweep->remaining--;
        if (forks) {
            sent = branch_fork(sweep, world, &sweep->list.items[i]);
            continue;
        }
        if (!saved) {
            arena_save(runner->arena, runner->checkpoint);
            saved = true;
        }
        sent = branch_run(sweep, world, &sweep->list.items[i]);
        arena_restore(runner->arena, runner->checkpoint);
    }
    return sent;
}

/* The last base run, with the branches. */
static bool branches_run(struct sweep *sweep)
{
    struct sim_runner *runner = sweep->runner;
    const struct sim_task *task = sweep->task;
    const struct sim_plan none = {0};
    uint64_t group = 0;
    bool sent = true;
    sim_runner_announce(runner, task->seed, &none, sweep->begun);
    struct sim_world *world = sim_runner_create(runner, task, task->seed, runner->campaign->fill);
    assert(world != NULL);
    for (size_t first = 0; first < sweep->list.count && sweep->remaining > 0 && sent; group++) {
        size_t end = group_end(sweep, first);
        if (group_is_mine(task, group)) {
            advance(runner, world, sweep->list.items[first].event);
            sent = group_run(sweep, world, first, end) && !sim_runner_is_stopped(runner);
        }
        first = end;
    }
    return sent || sim_runner_is_stopped(runner);
}

bool sim_task_sweep(struct sim_runner *runner, const struct sim_task *task)
{
    assert(task->seed + 1 == task->seed_end);
    struct sweep *sweep = calloc(1, sizeof *sweep);
    bool sent = false;
    if (sweep == NULL) {
        return false;
    }
    sweep->runner = runner;
    sweep->task = task;
    sweep_init(sweep);
    sim_marks_init(&sweep->marks);
    if (!base_run(sweep, &sent)) {
        goto out;
    }
    sent = false;
    if (!list_make(sweep)) {
        fprintf(stderr, "out of memory for the injections of a sweep; --limit cannot help, a "
                        "sweep that is not exhaustive may\n");
        abort();
    }
    sent = selection_send(sweep);
    if (sent && sweep->remaining > 0) {
        sent = branches_run(sweep);
    }
out:
    sim_marks_release(&sweep->marks);
    sim_candidates_release(&sweep->candidates);
    sim_passages_release(&sweep->passages);
    sim_injectables_release(&sweep->list);
    free(sweep);
    return sent;
}
