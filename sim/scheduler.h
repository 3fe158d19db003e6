/* The scheduler: the queue of everything that will happen.
 *
 * Events are ordered by time; at the same instant by hash(seed, source, counter), or, for a source
 * that keeps its own order (a FIFO), by hash(seed, source, time) and then its counter; last by
 * (source, counter). No order is hidden in the order of insertion. A 4-ary heap of pointers with
 * back links, so that a timer can be moved or cancelled. */
#ifndef SIM_SCHEDULER_H
#define SIM_SCHEDULER_H

#include "arena.h"
#include <raft/env.h>

enum sim_event_kind {
    SIM_EVENT_MESSAGE = 1, /* node = receiver */
    SIM_EVENT_TIMER,       /* node; number = enum raft_timer */
    SIM_EVENT_IO,          /* node; a disk operation is done */
    SIM_EVENT_APPLIED,     /* node; the state machine has finished a batch */
    SIM_EVENT_REQUEST,     /* node = 0; a client's request reaches its node */
    SIM_EVENT_REPLY,       /* an answer reaches its client */
    SIM_EVENT_CLIENT,      /* a client's own timer: think time, timeout, retry */
    SIM_EVENT_SCRIPT,      /* a task of the script goes on */
    SIM_EVENT_NODE,        /* node; number = enum sim_node_action: restart, resume … */
    SIM_EVENT_PHASE,       /* the harness: end of budget, convergence poll */
    SIM_EVENT_PROFILE,     /* the agenda of a profile goes on */
    SIM_EVENT_CHANGE,      /* the operator asks for a change of the members again */
    SIM_EVENT_KIND_COUNT
};
const char *sim_event_kind_string(enum sim_event_kind kind);

/* A source of events. fifo sources keep their own order at one instant. */
struct sim_source {
    uint32_t id;
    bool fifo;
    uint64_t counter;
};

struct sim_event {
    uint64_t time_ns;
    uint64_t order;
    uint32_t source;
    uint32_t position; /* in the heap + 1; 0: not queued */
    uint64_t counter;
    enum sim_event_kind kind;
    uint32_t node;
    uint32_t incarnation; /* of the node that is meant; an event for an earlier one is dropped */
    uint32_t number;
    void *data; /* in the arena; owned as the kind says */
};

struct sim_scheduler {
    struct arena *arena;
    uint64_t seed;
    uint64_t now_ns;
    struct sim_event **heap;
    uint32_t count;
    uint32_t capacity;
    uint32_t source_count;
};

void sim_scheduler_init(struct sim_scheduler *scheduler, struct arena *arena, uint64_t seed);
void sim_source_init(struct sim_scheduler *scheduler, struct sim_source *source, bool fifo);

/* An event, zeroed but for kind and node. */
struct sim_event *sim_event_new(struct sim_scheduler *scheduler, enum sim_event_kind kind,
                                uint32_t node);
void sim_event_free(struct sim_scheduler *scheduler, struct sim_event *event); /* not queued */

/* Queues an event at a time not before now; gives it its place among equals. */
void sim_schedule(struct sim_scheduler *scheduler, struct sim_source *source,
                  struct sim_event *event, uint64_t time_ns);
/* Takes a queued event out, not freeing it. */
void sim_unschedule(struct sim_scheduler *scheduler, struct sim_event *event);
/* The next event, borrowed, or NULL. */
struct sim_event *sim_scheduler_peek(const struct sim_scheduler *scheduler);
/* Takes the next event out and advances now_ns to it. NULL when there is none. */
struct sim_event *sim_scheduler_pop(struct sim_scheduler *scheduler);
/* Gives the heap the one form that only depends on what is queued. Nothing that comes changes. */
void sim_scheduler_settle(struct sim_scheduler *scheduler);

#endif
