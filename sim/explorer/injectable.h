/* Injectables: what a sweep may inject into a base run, in a list that grows. */
#ifndef SIM_EXPLORER_INJECTABLE_H
#define SIM_EXPLORER_INJECTABLE_H

#include "plan.h"

/* One injection of a sweep. */
struct sim_injectable {
    struct sim_plan plan;
    uint64_t event;   /* of the base run, in which it fires */
    uint64_t stratum; /* equal for injections of one kind, such as of one outcome of one point */
};

struct sim_injectables {
    struct sim_injectable *items;
    size_t count;
    size_t capacity;
};

/* False: out of memory. */
bool sim_injectables_add(struct sim_injectables *list, const struct sim_injectable *item);
/* In the order of events, then of what is injected: the same whatever the order of adding. */
void sim_injectables_sort(struct sim_injectables *list);
/* Keeps limit of them: as many of each stratum as possible, so that what is rare is not left out,
 * and evenly spread over the run within a stratum. The list is sorted, before and after. Returns
 * how many strata there are. */
uint64_t sim_injectables_limit(struct sim_injectables *list, uint64_t limit);
void sim_injectables_release(struct sim_injectables *list);

#endif
