/* The operator: changes of the cluster's members, asked of whoever leads.
 *
 * A change that is refused (nobody leads, another one is pending) is asked for again until its
 * deadline. One that a node has taken is not: its outcome is what that node says of it, or unknown
 * if the node dies or steps down. */
#ifndef SIM_CHANGE_H
#define SIM_CHANGE_H

#include "scheduler.h"
#include <raft/configuration.h>

struct sim_world;

/* The mark of a request that is a change of the configuration. */
#define SIM_REQUEST_CHANGE (UINT64_C(1) << 62)

/* What is to become of the members; a bit per node id in each set. Whoever stands in no set stays
 * what it is. */
struct sim_change_plan {
    uint32_t voters;    /* become voters, whatever they were */
    uint32_t learners;  /* become learners */
    uint32_t removed;   /* are no members any more */
    bool is_witness;    /* those of voters become witnesses */
    bool sets_priority; /* those of voters get it */
    uint8_t priority;
};

enum sim_change_outcome {
    SIM_CHANGE_OPEN,
    SIM_CHANGE_DONE,    /* the last configuration of the change is committed */
    SIM_CHANGE_FAILED,  /* never taken, or given up by the leader: error says why */
    SIM_CHANGE_UNKNOWN, /* the node that had taken it does not know any more */
};

struct sim_member_change {
    struct sim_member_change *next; /* all of the run, oldest first */
    struct sim_world *world;
    struct sim_change_plan plan;
    enum sim_change_outcome outcome;
    const char *error; /* static: "no_leader", "busy", "aborted", … */
    uint64_t deadline_ns;
    uint64_t request;                 /* of the attempt that was taken; 0: none */
    uint32_t at_node;                 /* who has taken it */
    struct raft_configuration target; /* of that attempt */
    struct sim_event *timer;
    int waiter; /* a task of the script; 0: none */
};

struct sim_changes {
    struct sim_source source;
    struct sim_member_change *first;
    struct sim_member_change **end;
    uint64_t requests;
    uint32_t open;
    uint64_t done, failed, unknown;
};

void sim_changes_init(struct sim_changes *changes);
/* What a plan makes of a configuration that is not joint. False: nothing would be left that could
 * lead. */
bool sim_change_apply(const struct sim_change_plan *plan,
                      const struct raft_configuration *configuration,
                      struct raft_configuration *out_target);
/* Begins a change, to be asked for until a deadline. */
struct sim_member_change *sim_change_begin(struct sim_world *world,
                                           const struct sim_change_plan *plan, uint64_t within_ns,
                                           int waiter);
/* SIM_EVENT_CHANGE: asks again. */
void sim_change_event(struct sim_event *event);
/* A node has ended a request that is a change; a node has died. */
void sim_change_completed(struct sim_world *world, uint32_t node, uint64_t request,
                          enum raft_status status, raft_index index);
void sim_changes_node_lost(struct sim_world *world, uint32_t node);
/* Gives up what nobody has taken: from now on nothing is asked for. */
void sim_changes_abandon(struct sim_changes *changes);

#endif
