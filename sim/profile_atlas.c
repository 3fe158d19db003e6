/* The atlas of a profile's run: which nodes may be hurt now, the *victims*.
 *
 * Terms. A node is *hurt* while it is not up, paused, full, read-only, stalled, its disk is broken,
 * or it does not take entries.
 *
 * Victims are at most a minority (but one in a cluster of one or two); others are chosen only when
 * none of them is hurt. An unrestricted run knows no atlas: everybody is a victim. A node that is
 * down, by whatever fault, is started again after a time, unless it has refused a damaged store or
 * its machine is gone.
 *
 * The *damageable* nodes are the only ones whose durable bytes are damaged, from the beginning of
 * the run to its end, and then they are the only victims, too: a node that refuses its store, or
 * whose machine is gone, stays down, until a new machine takes its place among the members and
 * here. So of each entry a minority of the copies at most is damaged, whenever it was written: the
 * others are whole for the whole run. A witness is one of them, since what it has is no copy.
 *
 * Invariants:
 *  1. Whoever is down is a victim, but for a power failure.
 *  2. The rules that hurt match the victims.
 *  3. If there are damageable nodes in a run that is not unrestricted, they are a minority, and the
 *     chosen victims are among them. */
#include "profile_internal.h"

#include <assert.h>

#define MS            UINT64_C(1000000)
#define ROTATE_ONE_IN 32u /* ticks, for a choice of other victims */

/* Whether an episode of a class is about a node. */
static bool is_in(const struct sim_profile *profile, enum sim_fault_class class_, uint32_t id)
{
    const struct profile_episode *episode = &profile->episodes[class_];
    return episode->active && episode->node == id;
}

static bool is_hurt(const struct sim_profile *profile, uint32_t id)
{
    const struct sim_node *node = profile->world->nodes[id];
    return node->state != SIM_NODE_UP || node->paused || node->disk.quota != UINT64_MAX ||
           node->memory_limit != UINT64_MAX || node->clock.drift_ppm == SIM_CLOCK_FROZEN ||
           node->is_read_only_wanted || node->view.condition != RAFT_RUNNING ||
           is_in(profile, SIM_CLASS_STALL, id) || is_in(profile, SIM_CLASS_BROKEN, id);
}

static uint32_t victims_max(const struct sim_profile *profile)
{
    uint32_t minority = (profile->world->node_count - 1) / 2;
    return minority == 0 ? 1 : minority;
}

void sim_atlas_set(struct sim_profile *profile, uint32_t victims)
{
    assert(victims != 0 && (victims & 1u) == 0);
    profile->victims = victims;
    for (uint32_t i = 0; i < profile->hurting_count; i++) {
        profile->hurting[i]->on = (struct sim_selector){.nodes = victims, .role = SIM_SELECT_NODES};
    }
}

void sim_atlas_choose(struct sim_profile *profile)
{
    const struct sim_world *world = profile->world;
    assert(victims_max(profile) <= world->node_count);
    if (profile->damageable != 0) {
        sim_atlas_set(profile, profile->damageable);
        return;
    }
    uint32_t victims = 0;
    uint32_t size = 1 + (uint32_t)sim_draw_below(&profile->atlas, victims_max(profile));
    bool with_leader = sim_draw_below(&profile->atlas, 2) == 0;
    const struct sim_node *leader = sim_world_leader(world);
    if (with_leader && leader != NULL) {
        victims = 1u << leader->id;
    }
    while ((uint32_t)__builtin_popcount(victims) < size) {
        victims |= 2u << sim_draw_below(&profile->atlas, world->node_count);
    }
    sim_atlas_set(profile, victims);
}

void sim_atlas_damage(struct sim_profile *profile)
{
    const struct sim_world *world = profile->world;
    uint32_t voters = (uint32_t)profile->draw.nodes;
    uint32_t minority = (voters - 1) / 2;
    bool is_on = false;
    for (uint32_t i = SIM_CLASS_DAMAGE; i < SIM_CLASS_COUNT; i++) {
        is_on = is_on || sim_profile_has(&profile->draw, (enum sim_fault_class)i);
    }
    profile->damageable = 0;
    if (is_on && profile->draw.mode == SIM_MODE_UNRESTRICTED) {
        profile->damageable = (2u << world->node_count) - 2;
    }
    if (is_on && profile->damageable == 0 && minority > 0) {
        /* A witness has no copy of a payload: where it may stand in for one, one less may go. */
        profile->damageable = world->cluster.raft.witnesses << 1;
    }
    while (is_on && (uint32_t)__builtin_popcount(profile->damageable) < minority) {
        profile->damageable |= 2u << sim_draw_below(&profile->atlas, voters);
    }
}

void sim_atlas_replaced(struct sim_profile *profile, uint32_t old, uint32_t fresh)
{
    if ((profile->damageable & old) != 0) {
        profile->damageable = (profile->damageable & ~old) | fresh;
        for (uint32_t i = 0; i < PROFILE_LIES && profile->lying[i] != NULL; i++) {
            profile->lying[i]->on.nodes = profile->damageable;
        }
    }
    if ((profile->victims & old) != 0) {
        sim_atlas_set(profile, (profile->victims & ~old) | fresh);
    }
}

bool sim_atlas_fixes_members(const struct sim_profile *profile)
{
    return profile->damageable != 0 && profile->draw.mode != SIM_MODE_UNRESTRICTED;
}

uint32_t sim_atlas_pick_damaged(struct sim_profile *profile, struct sim_stream *stream)
{
    uint64_t left = sim_draw_below(stream, (uint64_t)__builtin_popcount(profile->damageable));
    for (uint32_t id = 1; id <= profile->world->node_count; id++) {
        if ((profile->damageable >> id & 1u) != 0 && left-- == 0) {
            return id;
        }
    }
    assert(profile->damageable == 0);
    return 0;
}

void sim_atlas_rotate(struct sim_profile *profile)
{
    const struct sim_world *world = profile->world;
    bool is_due = sim_draw_below(&profile->atlas, ROTATE_ONE_IN) == 0;
    if (profile->draw.mode == SIM_MODE_UNRESTRICTED || !is_due) {
        return;
    }
    for (uint32_t id = 1; id <= world->node_count; id++) {
        if ((profile->victims >> id & 1u) != 0 && is_hurt(profile, id)) {
            return;
        }
    }
    sim_atlas_choose(profile);
}

void sim_atlas_revive(struct sim_profile *profile)
{
    const struct sim_world *world = profile->world;
    uint64_t now_ns = world->scheduler.now_ns;
    for (uint32_t id = 1; id <= world->node_count; id++) {
        struct sim_node *node = world->nodes[id];
        if (sim_node_is_up(node) || node->refused_store || node->is_gone) {
            profile->revive_ns[id] = 0;
        } else if (profile->revive_ns[id] == 0) {
            /* Whoever has gone by itself, without being chosen, is hurt all the same. */
            sim_atlas_set(profile, profile->victims | 1u << id);
            uint64_t down_ns = sim_draw_exponential(&profile->down, profile->draw.down_ms * MS);
            profile->revive_ns[id] = now_ns + down_ns + 1;
        } else if (now_ns >= profile->revive_ns[id]) {
            profile->revive_ns[id] = 0;
            sim_node_start(node);
        }
    }
}

uint32_t sim_atlas_pick(struct sim_profile *profile, struct sim_stream *stream)
{
    const struct sim_world *world = profile->world;
    uint32_t up[SIM_NODES_MAX];
    uint32_t count = 0;
    const struct sim_node *leader = sim_world_leader(world);
    for (uint32_t id = 1; id <= world->node_count; id++) {
        if ((profile->victims >> id & 1u) != 0 && world->nodes[id]->state == SIM_NODE_UP) {
            up[count++] = id;
        }
    }
    bool prefers_leader = sim_draw_below(stream, 2) == 0;
    uint64_t draw = sim_draw_below(stream, count);
    if (prefers_leader && leader != NULL && (profile->victims >> leader->id & 1u) != 0) {
        return leader->id;
    }
    return count == 0 ? 0 : up[draw];
}

uint32_t sim_atlas_pick_any(struct sim_profile *profile, struct sim_stream *stream)
{
    const struct sim_node *leader = sim_world_leader(profile->world);
    bool prefers_leader = sim_draw_below(stream, 2) == 0;
    uint64_t draw = sim_draw_below(stream, profile->world->node_count);
    return prefers_leader && leader != NULL ? leader->id : 1 + (uint32_t)draw;
}
