/* Pairs: which consultations come after a fault, and may fail as well.
 *
 * The first fault is injected and the run watched for SIM_PAIRS_EVENTS more events, but for the
 * liveness phase, where nothing fires. Each point that is consulted meanwhile may fail a second
 * time: at its first two consultations, once, with each of its outcomes.
 *
 * 1. The second consultation is one that the run with the first fault makes. */
#include "pairs.h"

#include <assert.h>
#include <string.h>

#define SECONDS_MAX 2u /* consultations of one point behind one first fault */

struct watch {
    const struct sim_world *world;
    const struct sim_injectable *first;
    struct sim_injectables *list;
    uint64_t *possible;
    uint64_t hits[SIM_POINTS_MAX]; /* before the event */
    uint32_t taken[SIM_POINTS_MAX];
};

static bool second_add(struct watch *watch, uint32_t point, uint64_t occurrence)
{
    uint32_t outcomes = watch->world->faults.points[point]->outcomes;
    for (uint32_t i = 0; i < RAFT_OUTCOME_COUNT; i++) {
        if ((outcomes & (1u << i)) == 0) {
            continue;
        }
        *watch->possible += 1;
        if (watch->taken[point] >= SECONDS_MAX) {
            continue;
        }
        struct sim_injectable item = *watch->first;
        item.plan.second = (struct sim_shot){
            .point = point, .occurrence = occurrence, .outcome = (enum raft_outcome)i};
        item.stratum = sim_mix(watch->first->stratum, (uint64_t)point * RAFT_OUTCOME_COUNT + i, 0);
        if (!sim_injectables_add(watch->list, &item)) {
            return false;
        }
    }
    watch->taken[point]++;
    return true;
}

/* After an event: what has been consulted in it, if anything could fire. */
static bool event_observe(struct watch *watch)
{
    const struct sim_faults *faults = &watch->world->faults;
    bool counts = faults->shot.fired > 0 && !faults->suspended;
    for (uint32_t i = 0; i < faults->sut_point_count; i++) {
        uint64_t hits = faults->gates[i].hits;
        for (uint64_t hit = watch->hits[i] + 1; hit <= hits && counts; hit++) {
            /* A persistent first fault fails this one already. */
            bool is_taken = i == faults->shot.point && faults->shot.persistent;
            if (!is_taken && !second_add(watch, i, hit)) {
                return false;
            }
        }
        watch->hits[i] = hits;
    }
    return true;
}

bool sim_pairs_find(struct sim_world *world, const struct sim_injectable *first,
                    struct sim_injectables *list, uint64_t *possible)
{
    struct watch watch = {.world = world, .first = first, .list = list, .possible = possible};
    bool more = true;
    bool added = true;
    assert(world->events + 1 == first->event);
    sim_plan_arm(&first->plan, &world->faults);
    /* The rest of the first event is left out: its consultations may have come before the fault. */
    more = sim_world_step(world);
    for (uint32_t i = 0; i < world->faults.point_count; i++) {
        watch.hits[i] = world->faults.gates[i].hits;
    }
    for (uint32_t i = 0; i < SIM_PAIRS_EVENTS && more && added && world->faults.shot.fired > 0;
         i++) {
        more = sim_world_step(world);
        added = event_observe(&watch);
    }
    return added;
}
