/* Efficacy: what came of a fault that fired.
 *
 * Terms. The *twin* of a run is the same run without one of its faults: of a branch of a sweep the
 * base run; of a run with rules, the run in which all that one injection stands for is *muted*
 * (sim_faults.mute): the rule fires and draws as before, and nothing happens. The *ending* of a run
 * is what is compared: its rolling hash, its committed log, terms and disks, and what its clients
 * were told but OK: which error, how often, in whatever order. A client whose answers come at other
 * times does other operations, and reads what was written in another order; that is no more than
 * another schedule, and a value that must not be read is a violation.
 *
 * 1. Every injection of a scenario has its twin; of a profile's, unless all are wanted, a sample
 *    has, which the seed decides: TWINS_MAX injections of one run in PROFILE_EVERY.
 * 2. A twin changes no row but the efficacy of the injections of its run; one of which the process
 *    dies, or that does not end, is a finding in the place of that row, and says so.
 * 3. Once somebody interrupts the command no twin begins. The run notes how many of its faults
 *    have not been judged for that reason. */
#include "efficacy.h"

#include "runner.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define PROFILE_EVERY 100u
#define TWINS_MAX     4u

void sim_ending_read(const struct sim_world *world, struct sim_ending *out_ending)
{
    *out_ending = (struct sim_ending){
        .trace = world->hash,
        .state = sim_world_content(world),
        .refusals = world->clients.refusals,
        .has_finding = world->has_finding,
    };
}

enum sim_efficacy sim_ending_compare(const struct sim_ending *with,
                                     const struct sim_ending *without)
{
    if (with->has_finding && !without->has_finding) {
        return SIM_EFFICACY_VIOLATION;
    }
    if (with->refusals != without->refusals) {
        return SIM_EFFICACY_CLIENT;
    }
    if (with->state != without->state) {
        return SIM_EFFICACY_STATE;
    }
    return with->trace != without->trace ? SIM_EFFICACY_SCHEDULE : SIM_EFFICACY_MASKED;
}

static void shot_judge(struct sim_rows *rows, const struct sut_ops *sut,
                       const struct sim_shot *shot, enum sim_efficacy efficacy)
{
    if (shot->occurrence == 0) {
        return;
    }
    const char *point = sim_point_info(sut, sim_shot_point(sut, shot))->name;
    const char *outcome = sim_counted_string(sim_shot_counted(shot));
    for (uint32_t i = 0; i < rows->injection_count; i++) {
        struct sim_injection *injection = &rows->injections[i];
        if (injection->occurrence == shot->occurrence && strcmp(injection->point, point) == 0 &&
            strcmp(injection->outcome, outcome) == 0) {
            injection->efficacy = efficacy;
            return;
        }
    }
}

void sim_efficacy_of_plan(struct sim_rows *rows, const struct sut_ops *sut,
                          const struct sim_plan *plan, enum sim_efficacy efficacy)
{
    assert(plan->first.occurrence != 0);
    shot_judge(rows, sut, &plan->first, efficacy);
    shot_judge(rows, sut, &plan->second, efficacy);
}

/* Takes one injection out of a run that is about to begin. */
static void injection_mute(struct sim_faults *faults, const struct sim_injection *injection,
                           uint32_t point)
{
    faults->mute = (struct sim_mute){
        .active = true,
        .point = point,
        .node = injection->node,
        .persistent = injection->persistent,
    };
    memcpy(faults->mute.outcome, injection->outcome, sizeof injection->outcome);
    if (faults->shot.place != SIM_SHOT_POINT &&
        sim_shot_point(faults->world->sut, &faults->shot) == point) {
        faults->shot.occurrence = 0; /* what a shot does at an instant is not asked for there */
    }
}

/* Writes on the page which twin begins now. */
static void twin_announce(struct sim_page *page, const struct sim_injection *injection)
{
    snprintf(page->twin, sizeof page->twin, "%s (%s) on node %u", injection->point,
             injection->outcome, injection->node);
    atomic_store(&page->event, 0);
    atomic_store(&page->started_ns, sim_monotonic_ns()); /* its wall clock is its own */
}

/* The ending of the run without an injection. False: its script failed without it. */
static bool twin_run(struct sim_runner *runner, const struct sim_task *task, uint64_t seed,
                     const struct sim_plan *plan, const struct sim_injection *injection,
                     struct sim_ending *out_ending)
{
    int point = sim_point_find(runner->campaign->sut, injection->point);
    assert(point >= 0);
    twin_announce(runner->page, injection);
    struct sim_world *world = sim_runner_create(runner, task, seed, runner->campaign->fill);
    assert(world != NULL); /* it was created before */
    world->transcript = NULL;
    sim_plan_arm(plan, &world->faults);
    injection_mute(&world->faults, injection, (uint32_t)point);
    sim_runner_finish(runner, world);
    sim_ending_read(world, out_ending);
    runner->page->twin[0] = '\0';
    return !world->has_error;
}

/* How many twins the run in the rows is to have. */
static uint32_t twins_wanted(const struct sim_campaign *campaign, const struct sim_task *task,
                             const struct sim_rows *rows, uint64_t draw)
{
    uint32_t count = rows->injection_count;
    bool is_profile = campaign->catalogue->scenarios[task->scenario].profile != SIM_PROFILE_NONE;
    if (campaign->twins == SIM_TWINS_NONE || rows->execution.outcome == SIM_OUTCOME_ERROR) {
        return 0;
    }
    if (campaign->twins == SIM_TWINS_ALL || !is_profile) {
        return count;
    }
    return draw % PROFILE_EVERY != 0 ? 0 : count < TWINS_MAX ? count : TWINS_MAX;
}

static void unjudged_note(struct sim_execution *execution, uint32_t left, uint32_t wanted)
{
    size_t used = strlen(execution->note);
    snprintf(execution->note + used, sizeof execution->note - used,
             "%sinterrupted: %u of %u faults were not judged", used > 0 ? "; " : "", left, wanted);
}

void sim_efficacy_of_run(struct sim_runner *runner, const struct sim_task *task, uint64_t seed,
                         const struct sim_plan *plan, const struct sim_ending *ending)
{
    struct sim_rows *rows = &runner->rows;
    uint64_t draw = sim_mix(seed, task->scenario, task->variant + UINT64_C(0x10000));
    uint32_t wanted = twins_wanted(runner->campaign, task, rows, draw);
    uint64_t steps_before = rows->steps;
    uint32_t judged = 0;
    for (; judged < wanted && !atomic_load(&runner->page->stop); judged++) {
        uint64_t at = (draw / PROFILE_EVERY + judged) % rows->injection_count;
        struct sim_injection *injection = &rows->injections[at];
        struct sim_ending twin;
        assert(injection->efficacy == SIM_EFFICACY_UNKNOWN);
        if (twin_run(runner, task, seed, plan, injection, &twin)) {
            injection->efficacy = sim_ending_compare(ending, &twin);
        }
    }
    if (judged < wanted) {
        unjudged_note(&rows->execution, wanted - judged, wanted);
    }
    rows->steps = steps_before;
}
