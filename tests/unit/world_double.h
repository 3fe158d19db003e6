/* A bare world for tests of single devices: an arena, a scheduler, nodes that are only up or down,
 * and doubles for the few functions of the world that devices call. A test that includes this must
 * not need the real ones. */
#ifndef TESTS_WORLD_DOUBLE_H
#define TESTS_WORLD_DOUBLE_H

#include "arena_fixture.h"
#include <sim/world.h>
#include <stdio.h>
#include <string.h>

/* What the devices told the world. */
static struct {
    uint64_t faults;
    uint32_t leader; /* whom SIM_SELECT_LEADER matches */
    uint32_t described;
} world_double;

/* Messages of the double say their type in their first byte: 'a' append_req, 'v' vote_req. */
static inline bool world_double_describe(const uint8_t *bytes, size_t size,
                                         struct sut_message *out_message)
{
    world_double.described++;
    memset(out_message, 0, sizeof *out_message);
    if (size == 0 || (bytes[0] != 'a' && bytes[0] != 'v')) {
        return false;
    }
    out_message->type = bytes[0] == 'a' ? "append_req" : "vote_req";
    return true;
}

static const struct sut_ops world_double_sut = {.abi = SUT_ABI,
                                                .name = "double",
                                                .features = SUT_FEATURE_DESCRIBE,
                                                .describe = world_double_describe};

bool sim_fault_befalls(struct sim_faults *faults, uint32_t node, enum sim_mishap mishap)
{
    (void)faults;
    ck_assert_uint_gt(node, 0);
    ck_assert_uint_lt(mishap, SIM_MISHAP_COUNT);
    world_double.faults++;
    return true;
}

void sim_world_transcribe(struct sim_world *world, const char *format, ...)
{
    ck_abort_msg("%s: world %p has no transcript", format, (void *)world);
}

void sim_script_notice(struct sim_script *script, enum sim_notice_kind kind, uint32_t node,
                       uint64_t term, uint64_t index, const char *site)
{
    (void)script;
    (void)term;
    (void)index;
    (void)site;
    ck_abort_msg("notice %d of node %u, but there is no script", (int)kind, node);
}

bool sim_selector_matches(const struct sim_world *world, const struct sim_selector *selector,
                          uint32_t node)
{
    (void)world;
    switch (selector->role) {
    case SIM_SELECT_NODES:
        return (selector->nodes >> node & 1u) != 0;
    case SIM_SELECT_LEADER:
        return node == world_double.leader;
    case SIM_SELECT_ANY:
        return true;
    case SIM_SELECT_FOLLOWER:
    case SIM_SELECT_CANDIDATE:
    case SIM_SELECT_LEARNER:
        break;
    }
    return false;
}

bool sim_node_is_up(const struct sim_node *node)
{
    return node->state == SIM_NODE_UP || node->state == SIM_NODE_STOPPING;
}

/* A world of nodes 1 .. node_count, all up. Closed with arena_tear_down. */
static inline struct sim_world *world_double_open(uint64_t seed, uint32_t node_count)
{
    memset(&world_double, 0, sizeof world_double);
    arena_set_up();
    struct sim_world *world = arena_calloc(arena, sizeof *world);
    world->arena = arena;
    world->seed = seed;
    world->sut = &world_double_sut;
    world->features = world_double_sut.features;
    world->node_count = node_count;
    sim_scheduler_init(&world->scheduler, arena, seed);
    for (uint32_t id = 1; id <= node_count; id++) {
        world->nodes[id] = arena_calloc(arena, sizeof *world->nodes[id]);
        world->nodes[id]->id = id;
        world->nodes[id]->sut = &world_double_sut;
        world->nodes[id]->state = SIM_NODE_UP;
    }
    return world;
}

#endif
