/* The watches of a run, in one list. Invariant: only devices count hits; nothing but the verdict at
 * the end depends on them. */
#include "watch.h"

#include "world.h"

#include <assert.h>
#include <stdio.h>

struct sim_watch *sim_watch_new(struct sim_world *world, const char *what, const char *where)
{
    struct sim_watch *watch = arena_calloc(world->arena, sizeof *watch);
    struct sim_watch **end = &world->watches;
    assert(what != NULL && where != NULL);
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = watch;
    watch->what = what;
    snprintf(watch->where, sizeof watch->where, "%s", where);
    return watch;
}

const struct sim_watch *sim_watch_vacuous(const struct sim_world *world)
{
    const struct sim_watch *watch = world->watches;
    while (watch != NULL && (watch->optional || watch->hits > 0)) {
        watch = watch->next;
    }
    return watch;
}
