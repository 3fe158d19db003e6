/* The fingerprint of a world: all that decides how its run goes on. */
#ifndef SIM_FINGERPRINT_H
#define SIM_FINGERPRINT_H

#include "world.h"

/* Between two events. Two worlds of one process with equal fingerprints have the same hash so far,
 * go on with the same events, and come to the same result, if shots strike no more and both are
 * behind sim_world.told_apart. O(memory of the world). The queue of events is brought into a form
 * of its own, which nothing depends on. */
uint64_t sim_fingerprint(struct sim_world *world, struct arena_walk *walk);

#endif
