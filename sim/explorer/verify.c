/* Verification: the same run again, in other circumstances, event by event.
 *
 * A *trail* is the rolling hash after each event, so that a difference is named with the event at
 * which it began. Four things must not matter: what fresh memory holds, what ran before in the
 * arena, whether a fault is armed that never fires, and whether a checkpoint was restored in the
 * middle.
 *
 * 1. A divergence is reported with the first event that differs.
 * 2. Where checkpoints are restored is drawn from the seed, so a verification repeats as well. */
#include "efficacy.h"
#include "runner.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DETOUR_MAX    64u /* events that are run and then undone */
#define RECHECK_EVERY 20u /* one plain run in so many is made twice, whatever seeds there are */

/* A worker without memory cannot verify anything: it dies, and its parent reports it. */
static void trail_append(struct sim_trail *trail, const struct sim_world *world)
{
    if (trail->count == trail->capacity) {
        size_t capacity = trail->capacity == 0 ? 65536 : trail->capacity * 2;
        uint64_t *hashes = realloc(trail->hashes, capacity * sizeof *hashes);
        if (hashes == NULL) {
            fprintf(stderr, "out of memory for a trail of %zu events\n", capacity);
            abort();
        }
        trail->hashes = hashes;
        trail->capacity = capacity;
    }
    trail->hashes[trail->count++] = world->hash;
}

void sim_trail_release(struct sim_trail *trail)
{
    free(trail->hashes);
    *trail = (struct sim_trail){0};
}

void sim_trail_record(struct sim_trail *trail, struct sim_runner *runner, struct sim_world *world)
{
    bool more = true;
    trail->count = 0;
    while (more) {
        more = sim_runner_step(runner, world);
        trail_append(trail, world);
    }
}

/* Whether the world, which has made `steps` steps, still follows the trail; if not, says so. */
static bool trail_follows(const struct sim_trail *trail, struct sim_runner *runner,
                          const struct sim_world *world, size_t steps, const char *circumstance)
{
    assert(steps > 0);
    bool is_within = steps <= trail->count;
    if (is_within && trail->hashes[steps - 1] == world->hash) {
        return true;
    }
    sim_rows_fail(&runner->rows, SIM_OUTCOME_DIVERGED, "deterministic",
                  "the same seed went another way %s: after event %llu the hash is %016llx, but in "
                  "the first run it was %016llx",
                  circumstance, (unsigned long long)world->events, (unsigned long long)world->hash,
                  (unsigned long long)(is_within ? trail->hashes[steps - 1] : 0));
    runner->rows.finding.event = world->events;
    return false;
}

/* A repetition that ended earlier than the first run, or whose last state is another one. */
static void end_compare(const struct sim_trail *trail, struct sim_runner *runner,
                        const struct sim_world *world, size_t steps, const char *circumstance)
{
    struct sim_execution again = {0};
    if (steps != trail->count) {
        sim_rows_fail(&runner->rows, SIM_OUTCOME_DIVERGED, "deterministic",
                      "the same seed ended after %zu events %s, but the first run after %zu", steps,
                      circumstance, trail->count);
        return;
    }
    sim_world_result(world, &again);
    if (again.state_hash != runner->rows.execution.state_hash) {
        sim_rows_fail(&runner->rows, SIM_OUTCOME_DIVERGED, "deterministic",
                      "the same seed and the same events, but %s the state at the end has the hash "
                      "%016llx instead of %016llx",
                      circumstance, (unsigned long long)again.state_hash,
                      (unsigned long long)runner->rows.execution.state_hash);
    }
}

/* What is done to a world before its repetition begins. */
enum repetition { REPEAT_OTHER_FILL, REPEAT_IDLE_FAULT };

static void repeat_compare(const struct sim_trail *trail, struct sim_runner *runner,
                           const struct sim_task *task, uint64_t seed, enum repetition repetition)
{
    const char *circumstance = repetition == REPEAT_OTHER_FILL
                                   ? "with another fill of fresh memory"
                                   : "with a fault armed that never fires";
    struct sim_rows *rows = &runner->rows;
    uint64_t steps_before = rows->steps;
    uint8_t fill = runner->campaign->fill;
    fill = repetition == REPEAT_OTHER_FILL ? (uint8_t)~fill : fill;
    atomic_store(&runner->page->started_ns, sim_monotonic_ns()); /* its wall clock is its own */
    struct sim_world *world = sim_runner_create(runner, task, seed, fill);
    if (world == NULL) {
        sim_rows_fail(rows, SIM_OUTCOME_DIVERGED, "deterministic",
                      "the same seed could not be run a second time");
        return;
    }
    world->transcript = NULL;
    if (repetition == REPEAT_IDLE_FAULT) {
        sim_fault_arm_idle(&world->faults);
    }
    bool more = true;
    bool same = true;
    size_t steps = 0;
    while (more && same) {
        more = sim_runner_step(runner, world);
        same = trail_follows(trail, runner, world, ++steps, circumstance);
    }
    if (same) {
        end_compare(trail, runner, world, steps, circumstance);
    }
    rows->steps = steps_before;
    runner->oracles[SIM_ORACLE_DETERMINISTIC].checks++;
}

void sim_trail_compare(const struct sim_trail *trail, struct sim_runner *runner,
                       const struct sim_task *task, uint64_t seed)
{
    repeat_compare(trail, runner, task, seed, REPEAT_OTHER_FILL);
    if (runner->rows.execution.outcome != SIM_OUTCOME_DIVERGED) {
        repeat_compare(trail, runner, task, seed, REPEAT_IDLE_FAULT);
    }
}

/* Runs once more; at random events it goes a few steps ahead, restores the checkpoint, and goes
 * on. */
static void restores_compare(const struct sim_trail *trail, struct sim_runner *runner,
                             const struct sim_task *task, uint64_t seed)
{
    static const char circumstance[] = "with restored checkpoints";
    uint64_t steps_before = runner->rows.steps;
    struct sim_stream stream;
    sim_stream_init(&stream, seed, SIM_STREAM_ORDER, UINT64_MAX, 0);
    atomic_store(&runner->page->started_ns, sim_monotonic_ns());
    struct sim_world *world = sim_runner_create(runner, task, seed, runner->campaign->fill);
    if (world == NULL) {
        sim_rows_fail(&runner->rows, SIM_OUTCOME_DIVERGED, "deterministic",
                      "the same seed could not be run a third time");
        return;
    }
    world->transcript = NULL;
    bool more = true;
    bool same = true;
    size_t steps = 0;
    while (more && same) {
        uint64_t draw = sim_draw_below(&stream, trail->count);
        if (draw < runner->campaign->restores) {
            uint64_t detour = 1 + sim_draw_below(&stream, DETOUR_MAX);
            bool ahead = true;
            arena_save(runner->arena, runner->checkpoint);
            for (uint64_t i = 0; i < detour && ahead; i++) {
                ahead = sim_runner_step(runner, world);
            }
            arena_restore(runner->arena, runner->checkpoint);
        }
        more = sim_runner_step(runner, world);
        same = trail_follows(trail, runner, world, ++steps, circumstance);
    }
    if (same) {
        end_compare(trail, runner, world, steps, circumstance);
    }
    runner->rows.steps = steps_before;
    runner->oracles[SIM_ORACLE_DETERMINISTIC].checks++;
}

/* One run of a plain campaign into the rows. The trail is scratch. */
static void seed_run(struct sim_runner *runner, const struct sim_task *task, uint64_t seed,
                     const struct sim_plan *plan, struct sim_trail *trail)
{
    const struct sim_campaign *campaign = runner->campaign;
    bool again = !campaign->no_recheck && plan->first.occurrence == 0 &&
                 sim_mix(seed, task->scenario, task->variant) % RECHECK_EVERY == 0;
    sim_runner_announce(runner, seed, plan, 0);
    struct sim_world *world = sim_runner_create(runner, task, seed, campaign->fill);
    if (world == NULL) {
        return;
    }
    sim_plan_arm(plan, &world->faults);
    sim_trace_begin(runner, world);
    if (again) {
        sim_trail_record(trail, runner, world);
    } else {
        sim_runner_finish(runner, world);
    }
    sim_trace_end(runner);
    sim_runner_collect(runner, world, plan);
    struct sim_ending ending;
    sim_ending_read(world, &ending);
    struct sim_execution *execution = &runner->rows.execution;
    if (plan->first.occurrence != 0 && world->faults.shot.fired == 0 &&
        execution->outcome == SIM_OUTCOME_OK) {
        execution->outcome = SIM_OUTCOME_SKIPPED;
        snprintf(execution->note, sizeof execution->note, "the planned fault never fired");
    }
    if (again && execution->outcome == SIM_OUTCOME_OK) {
        sim_trail_compare(trail, runner, task, seed);
    }
    sim_efficacy_of_run(runner, task, seed, plan, &ending);
}

bool sim_task_run(struct sim_runner *runner, const struct sim_task *task)
{
    struct sim_trail trail = {0};
    struct sim_plan plan;
    char error[SIM_TEXT_MAX];
    bool sent =
        sim_plan_parse(runner->campaign->sut, runner->campaign->plan, &plan, error, sizeof error);
    assert(sent);
    for (uint64_t seed = task->seed; seed < task->seed_end && sent; seed++) {
        if (sim_runner_is_stopped(runner)) {
            break;
        }
        seed_run(runner, task, seed, &plan, &trail);
        sent = sim_runner_send(runner, task, seed + 1 == task->seed_end);
    }
    sim_trail_release(&trail);
    return sent;
}

bool sim_task_verify(struct sim_runner *runner, const struct sim_task *task)
{
    const struct sim_plan none = {0};
    struct sim_trail trail = {0};
    struct sim_rows *rows = &runner->rows;
    bool sent = true;
    for (uint64_t seed = task->seed; seed < task->seed_end && sent; seed++) {
        if (sim_runner_is_stopped(runner)) {
            break;
        }
        sim_runner_announce(runner, seed, &none, 0);
        struct sim_world *world = sim_runner_create(runner, task, seed, runner->campaign->fill);
        if (world != NULL) {
            sim_trail_record(&trail, runner, world);
            sim_runner_collect(runner, world, &none);
            sim_trail_compare(&trail, runner, task, seed);
        }
        if (world != NULL && rows->execution.outcome != SIM_OUTCOME_DIVERGED) {
            restores_compare(&trail, runner, task, seed);
        }
        sent = sim_runner_send(runner, task, seed + 1 == task->seed_end);
    }
    sim_trail_release(&trail);
    return sent;
}
