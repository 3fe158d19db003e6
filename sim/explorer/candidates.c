/* Candidates: which consultations a sweep fails.
 *
 * The *ordinal* of a consultation is its number among those of its point in the script's phase, or
 * in that of the graceful stop; the liveness phase in between is out of scope, since no fault fires
 * there. By default a sweep takes the ordinals 1, 2, 3, 4, 6, 8, 12, 16, … and the last of each
 * phase, and those of the first event in which a point is consulted in a role and a phase of a
 * node's life; or all if it is exhaustive.
 *
 * 1. Observing does not change the world.
 * 2. An injection names an outcome that its point declares. */
#include "candidates.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void sim_candidates_init(struct sim_candidates *candidates, const struct sut_ops *sut,
                         const char *pattern, bool exhaustive)
{
    memset(candidates, 0, sizeof *candidates);
    candidates->sut = sut;
    candidates->pattern = pattern;
    candidates->kinds = UINT32_MAX;
    candidates->exhaustive = exhaustive;
}

void sim_candidates_release(struct sim_candidates *candidates)
{
    free(candidates->items);
    candidates->items = NULL;
    candidates->count = 0;
}

bool sim_ordinal_is_selected(uint64_t ordinal)
{
    if (ordinal == 0) {
        return false;
    }
    while (ordinal % 2 == 0) {
        ordinal /= 2;
    }
    return ordinal == 1 || ordinal == 3;
}

/* Whether the sweep looks at a point at all. The world's own points repeat the implementation's
 * (every file operation passes one of each), so they count only when they are asked for. */
static bool point_in_scope(const struct sim_candidates *candidates, const struct sim_world *world,
                           uint32_t point)
{
    const struct raft_point_info *info = world->faults.points[point];
    if (info->outcomes == RAFT_OUTCOMES_NONE || (candidates->kinds >> info->kind & 1u) == 0) {
        return false;
    }
    if (candidates->pattern != NULL) {
        return sim_point_matches(candidates->pattern, info->name);
    }
    return point < world->faults.sut_point_count;
}

static bool outcome_is_crash(enum raft_outcome outcome)
{
    return outcome == RAFT_OUTCOME_CRASH_BEFORE || outcome == RAFT_OUTCOME_CRASH_AFTER;
}

/* How many injections one consultation offers. */
static uint64_t injection_count(uint32_t outcomes)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < RAFT_OUTCOME_COUNT; i++) {
        if ((outcomes & (1u << i)) != 0) {
            count += outcome_is_crash((enum raft_outcome)i) ? 1 : 2;
        }
    }
    return count;
}

static bool candidate_add(struct sim_candidates *candidates, const struct sim_candidate *candidate)
{
    if (candidates->count == candidates->capacity) {
        size_t capacity = candidates->capacity == 0 ? 1024 : candidates->capacity * 2;
        struct sim_candidate *items = realloc(candidates->items, capacity * sizeof *items);
        if (items == NULL) {
            return false;
        }
        candidates->items = items;
        candidates->capacity = capacity;
    }
    candidates->items[candidates->count++] = *candidate;
    return true;
}

/* Whether the event has brought a point into a role and phase of life that it was not in before. */
static bool context_is_new(struct sim_candidates *candidates, const struct sim_faults *faults,
                           uint32_t point, bool in_scope)
{
    bool is_new = false;
    for (uint32_t role = 0; role < RAFT_ROLE_COUNT; role++) {
        for (uint32_t life = 0; life < SIM_LIFE_COUNT; life++) {
            uint32_t *seen = &candidates->points[point].reached[role][life];
            bool *has = &candidates->points[point].has_context[role][life];
            uint32_t reached = faults->reached[point][role][life];
            if (reached != *seen && in_scope && !*has) {
                *has = true;
                is_new = true;
            }
            *seen = reached;
        }
    }
    return is_new;
}

bool sim_candidates_observe(struct sim_candidates *candidates, const struct sim_world *world)
{
    const struct sim_faults *faults = &world->faults;
    /* The phase at the end of the event counts: the one that begins the liveness phase restarts
     * nodes with all faults suspended, the one that begins the stop asks the nodes to stop. */
    bool in_scope = world->phase != SIM_PHASE_HEAL;
    uint32_t part = world->phase == SIM_PHASE_RUN ? 0 : 1;
    for (uint32_t i = 0; i < faults->point_count; i++) {
        uint64_t seen = candidates->points[i].hits;
        uint64_t hits = faults->gates[i].hits;
        assert(hits >= seen);
        if (hits == seen) {
            continue;
        }
        candidates->points[i].hits = hits;
        bool is_new = context_is_new(candidates, faults, i, in_scope);
        if (!in_scope || !point_in_scope(candidates, world, i)) {
            continue;
        }
        candidates->possible += (hits - seen) * injection_count(faults->points[i]->outcomes);
        for (uint64_t occurrence = seen + 1; occurrence <= hits; occurrence++) {
            struct sim_candidate candidate = {
                .point = i, .occurrence = occurrence, .event = world->events};
            uint64_t ordinal = ++candidates->points[i].ordinals[part];
            candidates->points[i].last[part] = candidate;
            if (candidates->exhaustive || is_new || sim_ordinal_is_selected(ordinal)) {
                candidates->points[i].taken[part] = occurrence;
                if (!candidate_add(candidates, &candidate)) {
                    return false;
                }
            }
        }
    }
    return true;
}

/* Adds the injections that one consultation offers. */
static bool candidate_expand(const struct sut_ops *sut, const struct sim_candidate *candidate,
                             struct sim_injectables *list)
{
    uint32_t outcomes = sim_point_info(sut, candidate->point)->outcomes;
    for (uint32_t i = 0; i < RAFT_OUTCOME_COUNT; i++) {
        if ((outcomes & (1u << i)) == 0) {
            continue;
        }
        struct sim_injectable item = {.event = candidate->event};
        struct sim_shot *shot = &item.plan.first;
        shot->point = candidate->point;
        shot->occurrence = candidate->occurrence;
        shot->outcome = (enum raft_outcome)i;
        uint32_t kinds = outcome_is_crash(shot->outcome) ? 1 : 2;
        for (uint32_t k = 0; k < kinds; k++) {
            shot->persistent = k == 1;
            item.stratum = ((uint64_t)candidate->point * RAFT_OUTCOME_COUNT + i) * 2 + k;
            if (!sim_injectables_add(list, &item)) {
                return false;
            }
        }
    }
    return true;
}

bool sim_candidates_finish(struct sim_candidates *candidates, struct sim_injectables *list)
{
    for (uint32_t i = 0; i < SIM_POINTS_MAX; i++) {
        for (uint32_t part = 0; part < 2; part++) {
            const struct sim_candidate *last = &candidates->points[i].last[part];
            if (last->occurrence != candidates->points[i].taken[part] &&
                !candidate_add(candidates, last)) {
                return false;
            }
        }
    }
    bool added = true;
    for (size_t i = 0; i < candidates->count && added; i++) {
        added = candidate_expand(candidates->sut, &candidates->items[i], list);
    }
    return added;
}
