/* The check of a whole history: object by object, the fast algorithms first.
 *
 *     each object --unique values--> zones -----+
 *                 --unique pieces--> list ------+--> violation, or decided
 *                 --all others-----> search ----+
 *
 * The searches take turns, each for a while and then for twice as long, so that an object that is
 * hard does not hide one that is bad. All of them together have a budget of steps and of memory.
 *
 * Invariants:
 *  1. The verdict depends on the history and the rules alone: the budget counts steps, not time.
 *  2. LINEARIZABLE means that every object was decided; one that was given up makes it UNDECIDED.
 */
#include "internal.h"

#include <assert.h>

#define STEPS_MAX  UINT64_C(100000000) /* some seconds */
#define TURN_MIN   UINT64_C(4096)
#define MEMORY_MAX ((size_t)1 << 30)

/* What may be spent on a shorter explanation. */
#define STEPS_EXPLAINING_MAX UINT64_C(30000000)

/* False: a violation. */
static bool decide_fast(struct check *check, uint32_t *out_left)
{
    *out_left = 0;
    for (uint32_t i = 0; i < check->object_count; i++) {
        struct object *object = &check->objects[i];
        enum history_verdict verdict = HISTORY_LINEARIZABLE;
        if (object->count == 0) {
            continue;
        }
        bool is_decided =
            zone_decide(check, object, &verdict) || append_decide(check, object, &verdict);
        if (is_decided && verdict == HISTORY_VIOLATION) {
            return false;
        }
        object->is_open = !is_decided;
        *out_left += is_decided ? 0 : 1;
    }
    return true;
}

/* A turn of one search. False: a violation. */
static bool turn(struct check *check, struct object *object, uint64_t steps, uint32_t *left)
{
    if (object->search == NULL) {
        object->search =
            search_create(check, object, object->items, object->count, object->initial);
    }
    enum history_verdict verdict = search_run(object->search, steps);
    if (verdict == HISTORY_UNDECIDED) {
        return true;
    }
    object->is_open = false;
    *left -= 1;
    uint32_t deepest = verdict == HISTORY_VIOLATION ? search_deepest(object->search) : 0;
    search_destroy(object->search);
    object->search = NULL;
    if (verdict == HISTORY_VIOLATION) {
        conflict_find(check, object, deepest);
    }
    return verdict != HISTORY_VIOLATION;
}

static enum history_verdict decide(struct check *check, uint64_t steps_max)
{
    uint32_t left = 0;
    if (!decide_fast(check, &left)) {
        return HISTORY_VIOLATION;
    }
    for (uint64_t steps = TURN_MIN; left > 0; steps *= 2) {
        for (uint32_t i = 0; i < check->object_count; i++) {
            struct object *object = &check->objects[i];
            if (!object->is_open) {
                continue;
            }
            if (check->steps >= steps_max || check->memory > check->memory_max) {
                check->report->undecided = left;
                return HISTORY_UNDECIDED;
            }
            uint64_t rest = steps_max - check->steps;
            if (!turn(check, object, steps < rest ? steps : rest, &left)) {
                return HISTORY_VIOLATION;
            }
        }
    }
    return HISTORY_LINEARIZABLE;
}

enum history_verdict history_check(struct history *history, const struct history_rules *rules,
                                   struct history_report *report)
{
    *report = (struct history_report){.objects = history->key_count};
    uint64_t steps_max = rules->steps_max != 0 ? rules->steps_max : STEPS_MAX;
    struct check check = {.history = history,
                          .rules = rules,
                          .report = report,
                          .memory_max = MEMORY_MAX,
                          .steps_explaining =
                              steps_max < STEPS_EXPLAINING_MAX ? steps_max : STEPS_EXPLAINING_MAX};
    objects_build(&check);
    enum history_verdict verdict = decide(&check, steps_max);
    for (uint32_t i = check.object_count; verdict == HISTORY_UNDECIDED && i-- > 0;) {
        if (check.objects[i].is_open) {
            report->key_operation = check.objects[i].items[0].operation;
        }
    }
    report->steps = check.steps;
    assert(verdict != HISTORY_VIOLATION || report->conflict_count > 0);
    objects_free(&check);
    return verdict;
}
