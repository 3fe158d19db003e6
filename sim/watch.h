/* Watches: whether what a script set on a device had any effect.
 *
 * A quota, a limit of memory, a pause or a change of a clock holds until it is replaced or taken
 * back. The device that is held notes each time it mattered. One that never did tests nothing, and
 * the run says so, as of rules that never fired. */
#ifndef SIM_WATCH_H
#define SIM_WATCH_H

#include "record.h"

#include <stddef.h>

struct sim_world;

struct sim_watch {
    struct sim_watch *next;  /* all of the run, in the order of creation */
    struct sim_watch *under; /* what this was added to before it could matter, or NULL */
    const char *what;        /* static: "a pause" */
    char where[SIM_NAME_MAX];
    bool optional; /* may have no effect */
    uint64_t hits;
};

/* A new watch; in the arena until the end of the run. */
struct sim_watch *sim_watch_new(struct sim_world *world, const char *what, const char *where);
/* What is watched mattered; NULL: nobody watches. */
static inline void sim_watch_hit(struct sim_watch *watch)
{
    for (; watch != NULL; watch = watch->under) {
        watch->hits++;
    }
}
/* The first that is not optional and never mattered, or NULL. */
const struct sim_watch *sim_watch_vacuous(const struct sim_world *world);

#endif
