/* An arena of the test's own. */
#ifndef TESTS_ARENA_FIXTURE_H
#define TESTS_ARENA_FIXTURE_H

#include "unit.h"

#include <sim/arena.h>

static struct arena *arena;

static inline void arena_set_up(void)
{
    const char *error = NULL;
    arena = arena_open(&error);
    ck_assert_msg(arena != NULL, "%s", error);
}

static inline void arena_tear_down(void)
{
    arena_close(arena);
    arena = NULL;
}

#endif
