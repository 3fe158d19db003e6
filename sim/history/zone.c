/* Registers whose written values are all different: by zones, in O(n log n) (Gibbons & Korach
 * 1997).
 *
 * Terms. A *cluster* is a write with the reads of its value; what the object held at first counts
 * as written at rank 0. In any order the operations of a cluster stand together, the write in
 * front. Its *zone* lies between the first completion and the last invocation in it. If the
 * completion comes first the zone is *forward*: the value was there during all of it. Otherwise it
 * is *backward*: one instant in the zone is enough for the whole cluster.
 *
 * The object is linearizable if and only if
 *  1. each value that was read was written, and no read of it completed before the write began;
 *  2. no two forward zones overlap;
 *  3. no backward zone lies within a forward one. */
#include "internal.h"

#include <assert.h>
#include <stdlib.h>

#define CONFLICT_MAX 6u

struct cluster {
    uint32_t write; /* item; NONE: of what was there at first, or nobody wrote it */
    uint32_t first; /* rank of the first completion */
    uint32_t first_item;
    uint32_t last; /* rank of the last invocation */
    uint32_t last_item;
};

struct zones {
    struct check *check;
    const struct object *object;
    struct cluster *clusters;
    uint32_t count;
};

/* Item numbers, ascending, each once. */
static uint32_t conflict_add(uint32_t *numbers, uint32_t count, uint32_t number)
{
    uint32_t at = 0;
    while (at < count && numbers[at] < number) {
        at++;
    }
    if (number == NONE || (at < count && numbers[at] == number)) {
        return count;
    }
    for (uint32_t i = count; i > at; i--) {
        numbers[i] = numbers[i - 1];
    }
    numbers[at] = number;
    return count + 1;
}

static void clash(const struct zones *zones, const struct cluster *a, const struct cluster *b)
{
    uint32_t numbers[CONFLICT_MAX];
    struct item items[CONFLICT_MAX];
    const uint32_t involved[CONFLICT_MAX] = {a->write, a->first_item, a->last_item,
                                             b->write, b->first_item, b->last_item};
    uint32_t count = 0;
    for (uint32_t i = 0; i < CONFLICT_MAX; i++) {
        count = conflict_add(numbers, count, involved[i]);
    }
    for (uint32_t i = 0; i < count; i++) {
        items[i] = zones->object->items[numbers[i]];
    }
    conflict_shrink(zones->check, zones->object, items, count);
}

static void cluster_add(struct cluster *cluster, const struct item *items, uint32_t number)
{
    const struct item *item = &items[number];
    if (item->to < cluster->first) {
        cluster->first = item->to;
        cluster->first_item = number;
    }
    if (item->from > cluster->last) {
        cluster->last = item->from;
        cluster->last_item = number;
    }
}

/* False: a value was written twice. marks[value] is the number of its cluster, + 1. */
static bool writes_add(struct zones *zones, uint32_t *marks)
{
    const struct object *object = zones->object;
    zones->clusters[zones->count++] = (struct cluster){
        .write = NONE, .first = 0, .first_item = NONE, .last = 0, .last_item = NONE};
    marks[object->initial] = zones->count;
    for (uint32_t i = 0; i < object->count; i++) {
        const struct item *item = &object->items[i];
        if (item->effect != EFFECT_WRITE) {
            continue;
        }
        if (item->value != STATE_DEAD && marks[item->value] != 0) {
            return false;
        }
        struct cluster *cluster = &zones->clusters[zones->count++];
        *cluster = (struct cluster){
            .write = i, .first = NEVER, .first_item = NONE, .last = 0, .last_item = NONE};
        cluster_add(cluster, object->items, i);
        if (item->value != STATE_DEAD) {
            marks[item->value] = zones->count;
        }
    }
    return true;
}

/* False: a violation, which is reported. */
static bool reads_add(struct zones *zones, const uint32_t *marks)
{
    const struct object *object = zones->object;
    for (uint32_t i = 0; i < object->count; i++) {
        const struct item *item = &object->items[i];
        if (item->effect != EFFECT_READ) {
            continue;
        }
        if (marks[item->value] == 0) {
            conflict_report(zones->check, object, item, 1, object->initial, NULL);
            return false;
        }
        struct cluster *cluster = &zones->clusters[marks[item->value] - 1];
        if (cluster->write != NONE && item->to < object->items[cluster->write].from) {
            const struct item pair[2] = {*item, object->items[cluster->write]};
            conflict_report(zones->check, object, pair, 2, object->initial,
                            "the value was read before its write began");
            return false;
        }
        cluster_add(cluster, object->items, i);
    }
    return true;
}

static int clusters_compare(const void *left, const void *right)
{
    const struct cluster *a = left;
    const struct cluster *b = right;
    return (a->first > b->first) - (a->first < b->first);
}

/* Clusters in the order of their first completion: of the contradictions the shortest one counts.
 */
static bool zones_are_apart(const struct zones *zones)
{
    const struct cluster *forward = NULL; /* that ends last, so far */
    const struct cluster *clash_a = NULL;
    const struct cluster *clash_b = NULL;
    uint32_t shortest = NEVER;
    for (uint32_t i = 0; i < zones->count; i++) {
        const struct cluster *cluster = &zones->clusters[i];
        bool is_forward = cluster->first < cluster->last;
        uint32_t begin = is_forward ? cluster->first : cluster->last;
        uint32_t end = is_forward ? cluster->last : cluster->first;
        bool overlaps = forward != NULL && is_forward && begin < forward->last;
        bool is_within =
            forward != NULL && !is_forward && begin > forward->first && end < forward->last;
        uint32_t length =
            forward != NULL ? (end > forward->last ? end : forward->last) - forward->first : NEVER;
        if ((overlaps || is_within) && length < shortest) {
            shortest = length;
            clash_a = forward;
            clash_b = cluster;
        }
        if (is_forward && (forward == NULL || end > forward->last)) {
            forward = cluster;
        }
    }
    if (clash_a != NULL) {
        clash(zones, clash_a, clash_b);
    }
    return clash_a == NULL;
}

bool zone_decide(struct check *check, struct object *object, enum history_verdict *out_verdict)
{
    if (object->is_mutex || object->has_append || object->has_cas) {
        return false;
    }
    struct zones zones = {.check = check, .object = object};
    zones.clusters = history_zeroed((size_t)object->count + 1, sizeof zones.clusters[0]);
    uint32_t *marks = check_marks(check);
    bool is_unique = writes_add(&zones, marks);
    bool is_good = is_unique && reads_add(&zones, marks);
    marks[object->initial] = 0;
    for (uint32_t i = 0; i < object->count; i++) {
        marks[object->items[i].value] = 0;
    }
    check->steps += object->count;
    if (is_good) {
        qsort(zones.clusters, zones.count, sizeof zones.clusters[0], clusters_compare);
        is_good = zones_are_apart(&zones);
    }
    free(zones.clusters);
    *out_verdict = is_good ? HISTORY_LINEARIZABLE : HISTORY_VIOLATION;
    return is_unique;
}
