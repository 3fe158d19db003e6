/* The operator of a profile's run: nodes join, learn, vote, leave.
 *
 * A member whose machine has lost its store is replaced by a machine with a new id, in one change.
 *
 * Fault model. None: a change of the members is nothing that a cluster must suffer, but everything
 * else may happen in the middle of it. A node that was removed stays up, hears nothing, and may be
 * taken back; a new one has an empty disk and a new id.
 *
 * Invariants:
 *  1. Voters are 1 to VOTERS_MAX, learners at most LEARNERS_MAX, by what the leader goes by when it
 *     is asked.
 *  2. At most two changes are open, so that now and then one is refused for the other's sake.
 *  3. Whoever comes as a learner or as a voter was created as what it is to be; a member may be
 *     asked to turn into what it is not, which the leader has to refuse. */
#include "profile_internal.h"

#include <assert.h>

#define VOTERS_MAX   7
#define LEARNERS_MAX 2
#define MEMBERS_MAX  11 /* with what a change brings, those of both sides fit */
#define MS           UINT64_C(1000000)
#define WITHIN_NS    UINT64_C(1000000000)
#define PRIORITIES   3u

enum action { ADD, ADD_LEARNER, REMOVE, PROMOTE, DEMOTE, REPLACE, PREFER, ACTION_COUNT };

/* The members with any of these flags, a bit per id. */
static uint32_t members_of(const struct raft_configuration *configuration, uint32_t flags)
{
    uint32_t nodes = 0;
    for (uint32_t i = 0; i < configuration->count; i++) {
        if ((configuration->members[i].flags & flags) != 0) {
            nodes |= 1u << configuration->members[i].id;
        }
    }
    return nodes;
}

/* One of the nodes, as a set; the empty set of none. */
static uint32_t pick(struct sim_stream *stream, uint32_t nodes)
{
    uint32_t count = (uint32_t)__builtin_popcount(nodes);
    uint64_t skip = sim_draw_below(stream, count == 0 ? 1 : count);
    for (; skip > 0; skip--) {
        nodes &= nodes - 1;
    }
    return nodes & -nodes;
}

/* Whether a machine will never run again: it is gone, or has refused its store, with which nobody
 * starts it again. */
static bool is_lost(const struct sim_node *node)
{
    return (node->refused_store || node->is_gone) && !sim_node_is_up(node);
}

/* Who joins: in every second case somebody of its kind who has been here before and may run again,
 * if there is one. */
static uint32_t pick_newcomer(struct sim_profile *profile, struct sim_stream *stream,
                              uint32_t members, bool is_witness)
{
    struct sim_world *world = profile->world;
    uint32_t known = 0;
    for (uint32_t id = 1; id <= world->node_count; id++) {
        const struct sim_node *node = world->nodes[id];
        bool is_fit = raft_options_is_witness(&node->options) == is_witness && !is_lost(node);
        known |= is_fit ? 1u << id & ~members : 0;
    }
    uint32_t former = pick(stream, known);
    bool prefers_new = sim_draw_below(stream, 2) == 0;
    if (former != 0 && !prefers_new) {
        return former;
    }
    const struct sim_node *node = sim_world_node_add(world, is_witness);
    if (node == NULL) {
        return former;
    }
    if (profile->draw.mode == SIM_MODE_UNRESTRICTED) {
        sim_atlas_set(profile, profile->victims | 1u << node->id);
    }
    return 1u << node->id;
}

/* What is to be done; nothing if it cannot be. */
static bool make_plan(struct sim_profile *profile, struct sim_stream *stream,
                      const struct raft_configuration *configuration, struct sim_change_plan *plan)
{
    uint32_t voters = members_of(configuration, RAFT_MEMBER_VOTER);
    uint32_t learners = members_of(configuration, RAFT_MEMBER_LEARNER);
    enum action action = (enum action)sim_draw_below(stream, ACTION_COUNT);
    uint32_t voter = pick(stream, voters);
    uint32_t learner = pick(stream, learners);
    uint32_t member = pick(stream, voters | learners);
    bool is_full = __builtin_popcount(voters) >= VOTERS_MAX || configuration->count >= MEMBERS_MAX;
    bool is_taught =
        __builtin_popcount(learners) >= LEARNERS_MAX || configuration->count >= MEMBERS_MAX;
    plan->is_witness = sim_draw_below(stream, 8) == 0;
    plan->sets_priority = sim_draw_below(stream, 4) == 0;
    plan->priority = (uint8_t)sim_draw_below(stream, PRIORITIES);
    switch (action) {
    case ADD:
        plan->voters =
            is_full ? 0 : pick_newcomer(profile, stream, voters | learners, plan->is_witness);
        break;
    case ADD_LEARNER:
        plan->learners = is_taught ? 0 : pick_newcomer(profile, stream, voters | learners, false);
        break;
    case REMOVE:
        plan->removed = member;
        break;
    case PROMOTE:
        plan->voters = is_full ? 0 : learner;
        break;
    case DEMOTE:
        plan->learners = is_taught ? 0 : voter;
        break;
    case REPLACE:
        plan->removed = voter;
        plan->voters =
            is_full ? 0 : pick_newcomer(profile, stream, voters | learners, plan->is_witness);
        break;
    case PREFER:
        /* A witness stays one; in a case of eight it is to be what it cannot be, or the voter. */
        plan->is_witness ^= (voter & members_of(configuration, RAFT_MEMBER_WITNESS)) != 0;
        plan->voters = voter;
        plan->sets_priority = true;
        break;
    case ACTION_COUNT:
        assert(!"not an action");
    }
    return (plan->voters | plan->learners | plan->removed) != 0;
}

void sim_members_change(struct sim_profile *profile, struct sim_stream *stream)
{
    struct sim_world *world = profile->world;
    const struct raft_configuration *configuration = sim_world_configuration(world);
    struct sim_change_plan plan = {.voters = 0};
    if (configuration == NULL || raft_configuration_is_joint(configuration) ||
        world->changes.open > 1 || (world->features & SUT_FEATURE_MEMBERSHIP) == 0) {
        return;
    }
    if (make_plan(profile, stream, configuration, &plan)) {
        sim_change_begin(world, &plan, WITHIN_NS, 0);
    }
}

/* ---- machines that have lost their stores ---- */

/* A member whose machine is lost, or 0. */
static uint32_t find_lost(const struct sim_world *world,
                          const struct raft_configuration *configuration)
{
    for (uint32_t i = 0; i < configuration->count; i++) {
        const struct sim_node *node = world->nodes[configuration->members[i].id];
        if (is_lost(node)) {
            return node->id;
        }
    }
    return 0;
}

/* A machine that is no member: one that an attempt before has left behind, or a new one. */
static uint32_t pick_replacement(struct sim_world *world,
                                 const struct raft_configuration *configuration, bool is_witness)
{
    for (uint32_t id = 1; id <= world->node_count; id++) {
        if (raft_configuration_find(configuration, id) == NULL &&
            world->nodes[id]->state == SIM_NODE_UP &&
            world->nodes[id]->view.configuration.count == 0 &&
            raft_options_is_witness(&world->nodes[id]->options) == is_witness) {
            return id;
        }
    }
    const struct sim_node *node = sim_world_node_add(world, is_witness);
    return node == NULL ? 0 : node->id;
}

static void replacement_begin(struct sim_profile *profile, uint32_t lost,
                              const struct raft_configuration *configuration)
{
    const struct raft_member member = *raft_configuration_find(configuration, lost);
    bool is_witness = (member.flags & RAFT_MEMBER_WITNESS) != 0;
    uint32_t fresh = pick_replacement(profile->world, configuration, is_witness);
    struct sim_change_plan plan = {
        .removed = 1u << lost,
        .is_witness = is_witness,
        .sets_priority = true,
        .priority = member.priority,
    };
    if (fresh == 0) {
        return;
    }
    if ((member.flags & RAFT_MEMBER_LEARNER) != 0) {
        plan.learners = 1u << fresh;
    } else {
        plan.voters = 1u << fresh;
    }
    profile->replacement = sim_change_begin(profile->world, &plan, WITHIN_NS, 0);
}

static void replacement_end(struct sim_profile *profile)
{
    const struct sim_member_change *change = profile->replacement;
    if (change->outcome == SIM_CHANGE_DONE) {
        sim_atlas_replaced(profile, change->plan.removed,
                           change->plan.voters | change->plan.learners);
    }
    profile->replacement = NULL;
}

void sim_members_replace(struct sim_profile *profile)
{
    struct sim_world *world = profile->world;
    const struct raft_configuration *configuration = sim_world_configuration(world);
    if (profile->replacement != NULL) {
        if (profile->replacement->outcome == SIM_CHANGE_OPEN) {
            return;
        }
        replacement_end(profile);
    }
    if (profile->damageable == 0 || (world->features & SUT_FEATURE_MEMBERSHIP) == 0 ||
        configuration == NULL || raft_configuration_is_joint(configuration) ||
        configuration->count >= MEMBERS_MAX || world->changes.open > 0) {
        return;
    }
    uint32_t lost = find_lost(world, configuration);
    uint64_t now_ns = world->scheduler.now_ns;
    if (lost == 0) {
        profile->replace_ns = 0;
    } else if (profile->replace_ns == 0) {
        uint64_t wait_ns = sim_draw_exponential(&profile->replace, profile->draw.down_ms * MS);
        profile->replace_ns = now_ns + wait_ns + 1;
    } else if (now_ns >= profile->replace_ns) {
        profile->replace_ns = 0;
        replacement_begin(profile, lost, configuration);
    }
}

void sim_members_options(const struct sim_draw *draw, uint64_t seed,
                         struct sim_cluster_options *options)
{
    struct sim_stream stream;
    sim_stream_init(&stream, seed, SIM_STREAM_PROFILE, 0, 6);
    options->learners = (uint32_t)draw->learners;
    options->raft.catch_up_rounds_max = (uint32_t)draw->rounds;
    options->raft.catch_up_ns_max = draw->catch_up_ms * UINT64_C(1000000);
    if (draw->witness != 0 && draw->nodes > 2) {
        options->raft.witnesses = 1u << sim_draw_below(&stream, draw->nodes);
    }
    for (uint32_t i = 0; i < draw->nodes && draw->prefers != 0; i++) {
        options->raft.priorities[i] = (uint8_t)sim_draw_below(&stream, PRIORITIES);
    }
}
