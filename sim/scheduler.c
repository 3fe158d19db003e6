/* The scheduler: a 4-ary heap of events.
 *
 * Terms: the *order* of an event is the hash that decides among events at one instant; its
 * *counter* numbers the events of its source.
 *
 * Invariants:
 *  1. No queued event lies before now_ns; now_ns never goes back.
 *  2. heap[i]->position == i + 1 for every queued event, 0 for every other.
 *  3. A parent comes before its children under `before`, which is a total order: no two events
 *     share (source, counter).
 *  4. An event is queued, or with its user, and in one place only. */
#include "scheduler.h"

#include "random.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define HEAP_FIRST 64u

const char *sim_event_kind_string(enum sim_event_kind kind)
{
    switch (kind) {
    case SIM_EVENT_MESSAGE:
        return "message";
    case SIM_EVENT_TIMER:
        return "timer";
    case SIM_EVENT_IO:
        return "io";
    case SIM_EVENT_APPLIED:
        return "applied";
    case SIM_EVENT_REQUEST:
        return "request";
    case SIM_EVENT_REPLY:
        return "reply";
    case SIM_EVENT_CLIENT:
        return "client";
    case SIM_EVENT_SCRIPT:
        return "script";
    case SIM_EVENT_NODE:
        return "node";
    case SIM_EVENT_PHASE:
        return "phase";
    case SIM_EVENT_PROFILE:
        return "profile";
    case SIM_EVENT_CHANGE:
        return "change";
    case SIM_EVENT_KIND_COUNT:
        break;
    }
    return "unknown";
}

void sim_scheduler_init(struct sim_scheduler *scheduler, struct arena *arena, uint64_t seed)
{
    assert(arena != NULL);
    memset(scheduler, 0, sizeof *scheduler);
    scheduler->arena = arena;
    scheduler->seed = sim_mix(seed, SIM_STREAM_ORDER, 0);
}

void sim_source_init(struct sim_scheduler *scheduler, struct sim_source *source, bool fifo)
{
    assert(scheduler->arena != NULL);
    scheduler->source_count++;
    source->id = scheduler->source_count;
    source->fifo = fifo;
    source->counter = 0;
}

struct sim_event *sim_event_new(struct sim_scheduler *scheduler, enum sim_event_kind kind,
                                uint32_t node)
{
    assert(kind > 0 && kind < SIM_EVENT_KIND_COUNT);
    struct sim_event *event = arena_calloc(scheduler->arena, sizeof *event);
    event->kind = kind;
    event->node = node;
    return event;
}

void sim_event_free(struct sim_scheduler *scheduler, struct sim_event *event)
{
    assert(event->position == 0); /* not queued */
    arena_free(scheduler->arena, event);
}

static bool before(const struct sim_event *a, const struct sim_event *b)
{
    if (a->time_ns != b->time_ns) {
        return a->time_ns < b->time_ns;
    }
    if (a->order != b->order) {
        return a->order < b->order;
    }
    if (a->source != b->source) {
        return a->source < b->source;
    }
    return a->counter < b->counter;
}

static void place(struct sim_scheduler *scheduler, uint32_t slot, struct sim_event *event)
{
    assert(slot < scheduler->count);
    scheduler->heap[slot] = event;
    event->position = slot + 1;
}

/* Moves an event from an empty slot towards the root until its parent comes before it. */
static void sift_up(struct sim_scheduler *scheduler, uint32_t slot, struct sim_event *event)
{
    while (slot > 0) {
        uint32_t parent = (slot - 1) / 4;
        if (!before(event, scheduler->heap[parent])) {
            break;
        }
        place(scheduler, slot, scheduler->heap[parent]);
        slot = parent;
    }
    place(scheduler, slot, event);
}

/* Moves an event from an empty slot towards the leaves until it comes before its children. */
static void sift_down(struct sim_scheduler *scheduler, uint32_t slot, struct sim_event *event)
{
    for (;;) {
        uint32_t first = slot * 4 + 1;
        if (first >= scheduler->count) {
            break;
        }
        uint32_t end = scheduler->count - first > 4 ? first + 4 : scheduler->count;
        uint32_t least = first;
        for (uint32_t child = first + 1; child < end; child++) {
            if (before(scheduler->heap[child], scheduler->heap[least])) {
                least = child;
            }
        }
        if (!before(scheduler->heap[least], event)) {
            break;
        }
        place(scheduler, slot, scheduler->heap[least]);
        slot = least;
    }
    place(scheduler, slot, event);
}

static void heap_reserve(struct sim_scheduler *scheduler)
{
    assert(scheduler->count <= scheduler->capacity);
    if (scheduler->count < scheduler->capacity) {
        return;
    }
    assert(scheduler->capacity < UINT32_MAX / 8); /* sift_down multiplies by 4 */
    scheduler->capacity = scheduler->capacity == 0 ? HEAP_FIRST : scheduler->capacity * 2;
    scheduler->heap = arena_realloc(scheduler->arena, (void *)scheduler->heap,
                                    scheduler->capacity * sizeof(struct sim_event *));
}

void sim_schedule(struct sim_scheduler *scheduler, struct sim_source *source,
                  struct sim_event *event, uint64_t time_ns)
{
    assert(time_ns >= scheduler->now_ns);
    assert(event->kind != 0 && event->position == 0);
    assert(source->id > 0 && source->id <= scheduler->source_count);
    heap_reserve(scheduler);
    event->time_ns = time_ns;
    event->source = source->id;
    event->counter = source->counter;
    source->counter++;
    event->order = sim_mix(scheduler->seed, event->source, source->fifo ? time_ns : event->counter);
    scheduler->count++;
    sift_up(scheduler, scheduler->count - 1, event);
}

void sim_unschedule(struct sim_scheduler *scheduler, struct sim_event *event)
{
    assert(event->position > 0 && event->position <= scheduler->count);
    uint32_t slot = event->position - 1;
    assert(scheduler->heap[slot] == event);
    event->position = 0;
    scheduler->count--;
    struct sim_event *last = scheduler->heap[scheduler->count];
    if (last == event) {
        return;
    }
    if (slot > 0 && before(last, scheduler->heap[(slot - 1) / 4])) {
        sift_up(scheduler, slot, last);
    } else {
        sift_down(scheduler, slot, last);
    }
}

struct sim_event *sim_scheduler_peek(const struct sim_scheduler *scheduler)
{
    assert(scheduler->count == 0 || scheduler->heap[0]->position == 1);
    return scheduler->count == 0 ? NULL : scheduler->heap[0];
}

struct sim_event *sim_scheduler_pop(struct sim_scheduler *scheduler)
{
    struct sim_event *event = sim_scheduler_peek(scheduler);
    if (event == NULL) {
        return NULL;
    }
    sim_unschedule(scheduler, event);
    assert(event->time_ns >= scheduler->now_ns);
    scheduler->now_ns = event->time_ns;
    return event;
}

static int compare(const void *left, const void *right)
{
    const struct sim_event *a = *(struct sim_event *const *)left;
    const struct sim_event *b = *(struct sim_event *const *)right;
    return before(a, b) ? -1 : before(b, a);
}

void sim_scheduler_settle(struct sim_scheduler *scheduler)
{
    if (scheduler->count > 1) {
        qsort(scheduler->heap, scheduler->count, sizeof scheduler->heap[0], compare);
    }
    /* What is sorted is a heap. */
    for (uint32_t i = 0; i < scheduler->count; i++) {
        place(scheduler, i, scheduler->heap[i]);
    }
    for (uint32_t i = scheduler->count; i < scheduler->capacity; i++) {
        scheduler->heap[i] = NULL;
    }
}
