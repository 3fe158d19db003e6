/* What node.c (life), node_end.c (its end), node_requests.c (what is asked of it), node_env.c (the
 * environment), node_machine.c, node_clock.c and node_memory.c share. */
#ifndef SIM_NODE_INTERNAL_H
#define SIM_NODE_INTERNAL_H

#include "world.h"

/* Entries that the state machine works on. */
struct sim_batch {
    struct sim_event *event;
    size_t count;
    size_t good; /* it fails behind these; count: it does not fail */
    raft_index first;
    struct raft_entry *entries[]; /* the process's; it keeps their references until the answer */
};

/* A point of the process, as the run numbers it. */
static inline uint32_t sim_node_point(const struct sim_node *node, enum raft_point point)
{
    const struct sim_world *world = node->world;
    return node->sut == world->sut ? (uint32_t)point : world->faults.next_points[point];
}

/* node.c */
/* Orders an action for a time, as an event of the harness. */
void sim_node_order(struct sim_node *node, enum sim_node_action action, uint64_t time_ns);
/* Before and after code of the process is on the stack. */
void sim_node_enter(struct sim_node *node);
void sim_node_leave(struct sim_node *node);
/* What was deferred is queued again, so that it can be delivered or cancelled as usual. */
void sim_node_deferred_flush(struct sim_node *node);

/* node_end.c */
void sim_node_crash_now(struct sim_node *node, enum sim_unsynced unsynced);
/* The process has ended by itself; process may be NULL if it was not even created. */
void sim_node_process_end(struct sim_node *node, enum raft_status why);

/* node_machine.c */
/* The state machine's part of the environment. */
void sim_node_machine_init(struct sim_node *node);
/* The state machine has finished its batch. */
void sim_node_batch_done(struct sim_node *node);
/* The process is gone, and the state machine with it. */
void sim_node_machine_forget(struct sim_node *node);

/* node_memory.c */
void sim_node_memory_init(struct sim_node *node);
/* Whether no block in the quarantine was written since. */
bool sim_node_memory_is_intact(const struct sim_node *node);
/* Frees every block of the process and empties the quarantine, verifying it. */
void sim_node_memory_release(struct sim_node *node);

/* The point that a block which is still there was allocated at, or NULL. */
const char *sim_node_memory_leak(const struct sim_node *node);

/* node_clock.c */
void sim_node_set_timer(void *ctx, enum raft_timer timer, raft_time deadline_ns); /* of raft_env */
void sim_node_timers_cancel(struct sim_node *node);
/* SIM_NODE_STROBE. */
void sim_node_clock_throw(struct sim_node *node);

/* node_env.c */
void sim_node_env_init(struct sim_node *node);
/* Tells everybody who waits for a request. */
void sim_node_deliver_completion(struct sim_node *node, uint64_t request, enum raft_status status,
                                 raft_index index);

#endif
