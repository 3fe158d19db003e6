/* Marks of a base run.
 *
 * A branch is compared where the base run has a mark: at first by the rolling hash, which costs
 * nothing and tells all branches apart in which the fault has shown; only then by the fingerprint,
 * each time after twice as many events as before.
 *
 * 1. Marks are evenly spaced: when there is no place left, every second one goes. */
#include "marks.h"

#include <assert.h>
#include <string.h>

#define STRIDE_FIRST 16u

void sim_marks_init(struct sim_marks *marks)
{
    memset(marks, 0, sizeof *marks);
    marks->walk = arena_walk_create();
    marks->stride = STRIDE_FIRST;
}

void sim_marks_release(struct sim_marks *marks)
{
    arena_walk_destroy(marks->walk);
    marks->walk = NULL;
}

static void thin_out(struct sim_marks *marks)
{
    for (uint32_t i = 0; i < SIM_MARKS_MAX / 2; i++) {
        marks->items[i] = marks->items[i * 2 + 1];
    }
    marks->count = SIM_MARKS_MAX / 2;
    marks->stride *= 2;
}

void sim_marks_note(struct sim_marks *marks, struct sim_world *world)
{
    if (marks->count == SIM_MARKS_MAX) {
        thin_out(marks);
    }
    if (world->events == (marks->count + 1) * marks->stride) {
        marks->items[marks->count] = (struct sim_mark){
            .hash = world->hash,
            .fingerprint = sim_fingerprint(world, marks->walk),
        };
        marks->count++;
    }
}

void sim_marks_begin(struct sim_marks *marks)
{
    marks->next = 0;
    marks->pause = marks->stride;
}

bool sim_marks_agree(struct sim_marks *marks, struct sim_world *world)
{
    uint64_t place = world->events / marks->stride;
    if (world->events % marks->stride != 0 || place == 0 || place > marks->count ||
        world->events < marks->next) {
        return false;
    }
    const struct sim_mark *mark = &marks->items[place - 1];
    if (world->hash != mark->hash) {
        return false;
    }
    if (sim_fingerprint(world, marks->walk) == mark->fingerprint) {
        return true;
    }
    marks->next = world->events + marks->pause;
    marks->pause *= 2;
    return false;
}
