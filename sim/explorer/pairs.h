/* Pairs: a second fault soon after a first one, where the first is being dealt with. */
#ifndef SIM_EXPLORER_PAIRS_H
#define SIM_EXPLORER_PAIRS_H

#include "injectable.h"
#include "runner.h"

#define SIM_PAIRS_EVENTS 64u   /* so many events after the first fault the second may come */
#define SIM_PAIRS_LIMIT  4096u /* of a base run, unless the command line has another */

/* Adds the pairs that begin with a first fault to a list. The world stands before its event; it is
 * run on, and must be restored. possible: pairs with every later consultation, added up. False: out
 * of memory. */
bool sim_pairs_find(struct sim_world *world, const struct sim_injectable *first,
                    struct sim_injectables *list, uint64_t *possible);

#endif
