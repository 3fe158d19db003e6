/* Liveness, measured: how long the cluster takes after every fault has ended, and what it spends.
 * The bounds are checked where they are passed (oracle "progress"); what a run needed is kept, so
 * that a campaign shows distributions and the bounds can be judged by them. */
#ifndef SIM_LIVENESS_H
#define SIM_LIVENESS_H

#include "record.h"

struct sim_world;

/* The liveness phase begins: every node has been started. */
void sim_liveness_begin(struct sim_world *world);
/* After each event of the liveness phase. */
void sim_liveness_observe(struct sim_world *world);
/* Whether the cluster should have agreed by now. */
bool sim_liveness_is_late(const struct sim_world *world);
/* When what a node took at a time must be answered. */
uint64_t sim_liveness_due_ns(const struct sim_world *world, uint64_t since_ns);
/* The cluster has agreed. */
void sim_liveness_converged(struct sim_world *world);

#endif
