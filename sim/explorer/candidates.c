/* Candidates: which consultations a sweep fails.
 *
 * The *ordinal* of a consultation is its number among those of its point in the script's phase, or
 * in that of the graceful stop; the liveness phase in between is out of scope, since no fault fires
 * there. By default a sweep takes the ordinals 1, 2, 3, 4, 6, 8, 12, 16, … and the last of each
 * phase, or all if it is exhaustive.
 *
 * 1. Observing does not change the world.
 * 2. The injections come in one order, that of (event, point, occurrence, outcome, persistence),
 *    whatever the number of workers.
 * 3. An injection names an outcome that its point declares. */
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
    if (info->outcomes == RAFT_OUTCOMES_NONE) {
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
        if (!in_scope || !point_in_scope(candidates, world, i)) {
            continue;
        }
        candidates->possible += (hits - seen) * injection_count(faults->points[i]->outcomes);
        for (uint64_t occurrence = seen + 1; occurrence <= hits; occurrence++) {
            struct sim_candidate candidate = {
                .point = i, .occurrence = occurrence, .event = world->events};
            uint64_t ordinal = ++candidates->points[i].ordinals[part];
            candidates->points[i].last[part] = candidate;
            if (candidates->exhaustive || sim_ordinal_is_selected(ordinal)) {
                candidates->points[i].taken[part] = occurrence;
                if (!candidate_add(candidates, &candidate)) {
                    return false;
                }
            }
        }
    }
    return true;
}

static int injectable_compare(const void *left, const void *right)
{
    const struct sim_injectable *a = left;
    const struct sim_injectable *b = right;
    if (a->event != b->event) {
        return a->event < b->event ? -1 : 1;
    }
    if (a->shot.point != b->shot.point) {
        return a->shot.point < b->shot.point ? -1 : 1;
    }
    if (a->shot.occurrence != b->shot.occurrence) {
        return a->shot.occurrence < b->shot.occurrence ? -1 : 1;
    }
    if (a->shot.outcome != b->shot.outcome) {
        return a->shot.outcome < b->shot.outcome ? -1 : 1;
    }
    return (int)a->shot.persistent - (int)b->shot.persistent;
}

/* The injections that one consultation offers; returns how many. */
static size_t candidate_expand(const struct sut_ops *sut, const struct sim_candidate *candidate,
                               struct sim_injectable *out)
{
    uint32_t outcomes = sim_point_info(sut, candidate->point)->outcomes;
    size_t count = 0;
    for (uint32_t i = 0; i < RAFT_OUTCOME_COUNT; i++) {
        if ((outcomes & (1u << i)) == 0) {
            continue;
        }
        struct sim_injectable item = {.event = candidate->event};
        item.shot.point = candidate->point;
        item.shot.occurrence = candidate->occurrence;
        item.shot.outcome = (enum raft_outcome)i;
        out[count++] = item;
        if (!outcome_is_crash(item.shot.outcome)) {
            item.shot.persistent = true;
            out[count++] = item;
        }
    }
    assert(count == injection_count(outcomes));
    return count;
}

bool sim_candidates_finish(struct sim_candidates *candidates, uint64_t limit,
                           struct sim_injectable **out_items, size_t *out_count)
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
    struct sim_injectable *items =
        malloc((candidates->count + 1) * 2 * RAFT_OUTCOME_COUNT * sizeof *items);
    if (items == NULL) {
        return false;
    }
    size_t count = 0;
    for (size_t i = 0; i < candidates->count; i++) {
        count += candidate_expand(candidates->sut, &candidates->items[i], items + count);
    }
    qsort(items, count, sizeof *items, injectable_compare);
    if (limit > 0 && limit < count) {
        for (size_t i = 0; i < limit; i++) {
            items[i] = items[i * count / limit];
        }
        count = limit;
    }
    *out_items = items;
    *out_count = count;
    return true;
}
