/* Injectables: their order, and which of them a limit keeps.
 *
 * A *stratum* is a kind of injection. A limit is shared out as equally as the strata's sizes allow:
 * the *quota* is the greatest number of each stratum that fits.
 *
 * 1. The order is total: two different injections of a list compare different.
 * 2. What a limit keeps depends on the sorted list alone. */
#include "injectable.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

bool sim_injectables_add(struct sim_injectables *list, const struct sim_injectable *item)
{
    assert(item->plan.first.occurrence != 0);
    if (list->count == list->capacity) {
        size_t capacity = list->capacity == 0 ? 1024 : list->capacity * 2;
        struct sim_injectable *items = realloc(list->items, capacity * sizeof *items);
        if (items == NULL) {
            return false;
        }
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count++] = *item;
    return true;
}

#define SHOT_KEYS 11u

static void shot_keys(const struct sim_shot *shot, uint64_t keys[SHOT_KEYS])
{
    const uint64_t values[SHOT_KEYS] = {
        (uint64_t)shot->place,
        shot->point,
        shot->occurrence,
        (uint64_t)shot->outcome,
        shot->persistent,
        shot->deed,
        shot->image.damage,
        shot->image.byte,
        shot->image.kept,
        shot->delay_ns,
        shot->place == SIM_SHOT_EVENT ? shot->node : 0,
    };
    memcpy(keys, values, sizeof values);
}

static int keys_compare(const uint64_t *a, const uint64_t *b, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (a[i] != b[i]) {
            return a[i] < b[i] ? -1 : 1;
        }
    }
    return 0;
}

static int plan_compare(const struct sim_plan *left, const struct sim_plan *right)
{
    uint64_t a[2 * SHOT_KEYS];
    uint64_t b[2 * SHOT_KEYS];
    shot_keys(&left->first, a);
    shot_keys(&left->second, a + SHOT_KEYS);
    shot_keys(&right->first, b);
    shot_keys(&right->second, b + SHOT_KEYS);
    return keys_compare(a, b, 2 * SHOT_KEYS);
}

static int event_compare(const void *left, const void *right)
{
    const struct sim_injectable *a = left;
    const struct sim_injectable *b = right;
    if (a->event != b->event) {
        return a->event < b->event ? -1 : 1;
    }
    return plan_compare(&a->plan, &b->plan);
}

static int stratum_compare(const void *left, const void *right)
{
    const struct sim_injectable *a = left;
    const struct sim_injectable *b = right;
    if (a->stratum != b->stratum) {
        return a->stratum < b->stratum ? -1 : 1;
    }
    return event_compare(left, right);
}

void sim_injectables_sort(struct sim_injectables *list)
{
    if (list->count > 1) {
        qsort(list->items, list->count, sizeof *list->items, event_compare);
    }
}

static size_t stratum_end(const struct sim_injectables *list, size_t first)
{
    size_t end = first + 1;
    while (end < list->count && list->items[end].stratum == list->items[first].stratum) {
        end++;
    }
    return end;
}

/* How many are kept if each stratum gives at most quota. */
static uint64_t kept_by(const struct sim_injectables *list, uint64_t quota)
{
    uint64_t kept = 0;
    for (size_t first = 0; first < list->count;) {
        size_t end = stratum_end(list, first);
        kept += end - first < quota ? end - first : quota;
        first = end;
    }
    return kept;
}

/* The greatest quota that fits; 0 if there are more strata than the limit. */
static uint64_t quota_find(const struct sim_injectables *list, uint64_t limit)
{
    uint64_t low = 0;
    uint64_t high = list->count;
    while (low < high) {
        uint64_t middle = low + (high - low + 1) / 2;
        if (kept_by(list, middle) <= limit) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    return low;
}

uint64_t sim_injectables_limit(struct sim_injectables *list, uint64_t limit)
{
    uint64_t strata = 0;
    uint64_t larger = 0; /* strata that could give one more than the quota */
    uint64_t number = 0;
    uint64_t seen = 0;
    size_t kept = 0;
    assert(limit > 0);
    if (list->count > 1) {
        qsort(list->items, list->count, sizeof *list->items, stratum_compare);
    }
    uint64_t quota = quota_find(list, limit);
    uint64_t spare = limit - kept_by(list, quota);
    for (size_t first = 0; first < list->count; first = stratum_end(list, first)) {
        larger += stratum_end(list, first) - first > quota ? 1 : 0;
        strata++;
    }
    for (size_t first = 0; first < list->count; number++) {
        size_t end = stratum_end(list, first);
        uint64_t size = end - first;
        uint64_t take = size < quota ? size : quota;
        if (size > quota) {
            assert(larger > 0);
            /* The spare ones go to strata that are evenly spread over those which have more. */
            take += (seen + 1) * spare / larger - seen * spare / larger;
            seen++;
        }
        uint64_t slots = take * strata;
        for (uint64_t i = 0; i < take; i++) {
            assert(slots > 0);
            /* Each stratum begins elsewhere, so that small quotas do not all fall on the start. */
            uint64_t place = (i * strata + number) * size / slots;
            assert(place < size);
            list->items[kept++] = list->items[first + place];
        }
        first = end;
    }
    assert(kept == (limit < list->count ? limit : list->count));
    list->count = kept;
    sim_injectables_sort(list);
    return strata;
}

void sim_injectables_release(struct sim_injectables *list)
{
    free(list->items);
    *list = (struct sim_injectables){0};
}
