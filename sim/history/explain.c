/* Explanations: of a history that is not linearizable, the few operations that contradict each
 * other.
 *
 * Three things make it short. The search knows the first completion up to which no order exists:
 * what comes later is cut off, and what is still open there may take effect or not. Then the
 * beginning is cut off, as late as possible: the object may hold anything at the cut, what was over
 * before it is forgotten, and what is open over it may take effect or not. Last, operations go one
 * after the other, while the rest stays a contradiction.
 *
 * Invariants:
 *  1. Each of these can only make an order easier to find: if what is left has none, the history
 *     has none either.
 *  2. A search that gives up counts as having found an order. */
#include "internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const char no_order[] = "no order of these operations fits both what they returned and "
                               "which of them had ended before another began";
static const char unwritten[] = "it found a value that nothing on this key can have written";

static const char *reason(const struct item *items, uint32_t count, uint32_t initial)
{
    bool is_finding = items[0].effect == EFFECT_READ || items[0].effect == EFFECT_CAS;
    return count == 1 && is_finding && initial != STATE_ANY ? unwritten : no_order;
}

void conflict_report(struct check *check, const struct object *object, const struct item *items,
                     uint32_t count, uint32_t initial, const char *why)
{
    struct history_report *report = check->report;
    assert(count > 0);
    report->conflict_count = count;
    uint32_t skipped = count > HISTORY_CONFLICT_MAX ? count - HISTORY_CONFLICT_MAX : 0;
    report->first = HISTORY_NEVER;
    report->last = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct record *record = &check->history->records[items[i].operation];
        uint64_t end = items[i].to == NEVER ? record->invoked : record->completed;
        assert(record->key == object->key);
        report->first = record->invoked < report->first ? record->invoked : report->first;
        report->last = end > report->last ? end : report->last;
        if (i >= skipped) {
            report->conflict[i - skipped] = items[i].operation;
        }
    }
    report->key_operation = items[0].operation;
    report->is_whatever_before = initial == STATE_ANY;
    report->why = why != NULL ? why : reason(items, count, initial);
}

static bool is_violation(struct check *check, const struct object *object, const struct item *items,
                         uint32_t count, uint32_t initial)
{
    uint64_t before = check->steps;
    if (count == 0 || check->steps_explaining == 0) {
        return false;
    }
    enum history_verdict verdict =
        search_decide(check, object, items, count, initial, check->steps_explaining);
    uint64_t used = check->steps - before;
    check->steps_explaining -= used < check->steps_explaining ? used : check->steps_explaining;
    return verdict == HISTORY_VIOLATION;
}

/* Leaves out what can go. Returns the new count. */
static uint32_t shrink(struct check *check, const struct object *object, struct item *items,
                       uint32_t count, uint32_t initial)
{
    struct item *fewer = history_zeroed(count, sizeof fewer[0]);
    uint32_t chunk = count;
    bool has_changed = false;
    while (chunk > 1 || has_changed) {
        chunk = chunk > 1 ? chunk / 2 : 1;
        has_changed = false;
        for (uint32_t first = 0; first < count;) {
            uint32_t end = first + chunk < count ? first + chunk : count;
            uint32_t left = items_without(check, object, items, count, first, end, fewer);
            if (left < count && is_violation(check, object, fewer, left, initial)) {
                memcpy(items, fewer, left * sizeof items[0]);
                count = left;
                has_changed = true;
            } else {
                first += chunk;
            }
        }
    }
    free(fewer);
    return count;
}

/* What is left between two ranks, the last one included. */
static uint32_t cut(struct check *check, const struct object *object, uint32_t first, uint32_t last,
                    struct item *out)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < object->count && object->items[i].from <= last; i++) {
        struct item item = object->items[i];
        if (item.to != NEVER && item.to < first) {
            continue;
        }
        item.is_optional = item.from < first;
        item.to = item.to > last ? NEVER : item.to;
        if ((item.to != NEVER && !item.is_optional) || !item_is_pure(&item)) {
            out[count++] = item;
        }
    }
    return items_prune(check, object, out, count);
}

/* The latest cut behind which the rest contradicts itself, whatever was there before; 0: none. */
static uint32_t window_find(struct check *check, const struct object *object, uint32_t last,
                            struct item *items)
{
    uint32_t good = last; /* a cut from here is no violation */
    uint32_t bad = 0;     /* a cut from here is one */
    for (uint32_t width = 4; bad == 0 && good > 1; width *= 2) {
        uint32_t first = last > width ? last - width : 1;
        uint32_t count = cut(check, object, first, last, items);
        if (is_violation(check, object, items, count, STATE_ANY)) {
            bad = first;
        } else {
            good = first;
        }
    }
    while (bad != 0 && bad + 1 < good) {
        uint32_t middle = bad + (good - bad) / 2;
        uint32_t count = cut(check, object, middle, last, items);
        if (is_violation(check, object, items, count, STATE_ANY)) {
            bad = middle;
        } else {
            good = middle;
        }
    }
    return bad;
}

/* Reports what is left of items, a violation from the beginning of the object on, or of the ones
 * behind a late cut. */
static void conflict_choose(struct check *check, const struct object *object, uint32_t rank_end,
                            struct item *whole, uint32_t whole_count)
{
    struct item *late = history_zeroed(object->count, sizeof late[0]);
    uint32_t late_count = 0;
    uint32_t first = window_find(check, object, rank_end, late);
    if (first != 0) {
        late_count = cut(check, object, first, rank_end, late);
        late_count = shrink(check, object, late, late_count, STATE_ANY);
    }
    whole_count = shrink(check, object, whole, whole_count, object->initial);
    if (first != 0 && late_count < whole_count) {
        conflict_report(check, object, late, late_count, STATE_ANY, NULL);
    } else {
        conflict_report(check, object, whole, whole_count, object->initial, NULL);
    }
    free(late);
}

void conflict_shrink(struct check *check, const struct object *object, struct item *items,
                     uint32_t count)
{
    uint32_t rank_end = 0;
    for (uint32_t i = 0; i < count; i++) {
        rank_end = items[i].to != NEVER && items[i].to > rank_end ? items[i].to : rank_end;
    }
    conflict_choose(check, object, rank_end, items, count);
}

void conflict_find(struct check *check, const struct object *object, uint32_t rank_end)
{
    struct item *whole = history_zeroed(object->count, sizeof whole[0]);
    uint32_t count = cut(check, object, 0, rank_end, whole);
    conflict_choose(check, object, rank_end, whole, count);
    free(whole);
}
