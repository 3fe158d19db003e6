/* What a profile does to the links: to all of them for the whole run, and what an episode makes of
 * some. Which rules these are follows from what is drawn alone; but for clogs, the agenda says when
 * they end.
 *
 * Fault model. All that network.h allows; of partitions every shape: a node that is isolated, parts
 * of random sizes, a bridge, a ring; links that are cut or clogged in one direction, of a node to
 * another or to everybody; messages of one type that are lost or held back.
 *
 * Invariants:
 *  1. A link is clogged once at a time; what a clog has held arrives at its end, or is lost. */
#include "profile_internal.h"

#include <raft/message.h>

#include <assert.h>
#include <stdio.h>

#define US  UINT64_C(1000)
#define MS  UINT64_C(1000000)
#define PPM (UINT64_MAX / 1000000u)

void sim_links_shape(struct sim_profile *profile)
{
    const struct sim_draw *draw = &profile->draw;
    if (draw->loss_ppm + draw->dup_ppm + draw->delay_us + draw->spread_us + draw->tail_ppm +
            draw->reorder_ppm + draw->corrupt_ppm + draw->capacity + draw->truncate_ppm +
            draw->reset_ppm ==
        0) {
        return;
    }
    struct sim_link_rule *rule = sim_network_rule_new(&profile->world->network);
    rule->loss = draw->loss_ppm * PPM;
    rule->duplicate = draw->dup_ppm * PPM;
    rule->reorder = draw->reorder_ppm * PPM;
    rule->burst_ns = draw->burst_ms * MS;
    rule->corrupt = draw->corrupt_ppm * PPM;
    rule->truncate = draw->truncate_ppm * PPM;
    rule->reset = draw->reset_ppm * PPM;
    rule->capacity = (uint32_t)draw->capacity;
    rule->tail = draw->tail_us == 0 ? 0 : draw->tail_ppm * PPM;
    rule->tail_ns = draw->tail_us * US;
    rule->latency_ns = draw->delay_us * US;
    rule->spread_ns = draw->spread_us * US;
    sim_network_rule_activate(&profile->world->network, rule);
}

/* Each node reaches its neighbours in a random ring. */
static void ring_begin(struct sim_profile *profile, struct profile_episode *episode)
{
    struct sim_world *world = profile->world;
    struct sim_link_rule *rule = sim_network_rule_new(&world->network);
    uint32_t order[SIM_NODES_MAX];
    for (uint32_t i = 0; i < world->node_count; i++) {
        uint64_t place = sim_draw_below(&episode->stream, (uint64_t)i + 1);
        order[i] = order[place];
        order[place] = i + 1;
    }
    sim_network_rule_ring(rule, order, world->node_count);
    sim_network_rule_activate(&world->network, rule);
    episode->link = rule;
}

void sim_links_partition(struct sim_profile *profile, struct profile_episode *episode)
{
    struct sim_world *world = profile->world;
    uint64_t shape = sim_draw_below(&episode->stream, world->node_count < 4 ? 4 : 5);
    if (shape == 4) {
        ring_begin(profile, episode);
        return;
    }
    struct sim_link_rule *rule = sim_network_rule_new(&world->network);
    uint32_t alone = sim_atlas_pick_any(profile, &episode->stream);
    uint32_t sides = 0;
    rule->partition = true;
    for (uint32_t id = 1; id <= world->node_count; id++) {
        uint64_t part = sim_draw_below(&episode->stream, shape == 3 ? 3 : 2);
        /* Shape 0 isolates a node; 1 and 2 cut at random; of 3, group 0 is a bridge. */
        rule->groups[id] = shape == 0   ? 1 + (id == alone)
                           : shape == 3 ? (uint32_t)part
                                        : 1 + (uint32_t)part;
        sides |= rule->groups[id];
    }
    /* If that has cut nobody off from anybody, it isolates the node. */
    for (uint32_t id = 1; id <= world->node_count && sides != 3; id++) {
        rule->groups[id] = 1 + (id == alone);
    }
    sim_network_rule_activate(&world->network, rule);
    episode->link = rule;
}

/* Somebody, and somebody else, if there is anybody else. */
static void pick_two(struct sim_profile *profile, struct sim_stream *stream,
                     struct sim_selector *out_one, struct sim_selector *out_other)
{
    uint32_t one = sim_atlas_pick_any(profile, stream);
    uint32_t other = sim_atlas_pick_any(profile, stream);
    other = other == one ? 1 + one % profile->world->node_count : other;
    *out_one = (struct sim_selector){.nodes = 1u << one, .role = SIM_SELECT_NODES};
    *out_other = (struct sim_selector){.nodes = 1u << other, .role = SIM_SELECT_NODES};
}

void sim_links_cut(struct sim_profile *profile, struct profile_episode *episode)
{
    struct sim_network *network = &profile->world->network;
    struct sim_link_rule *rule = sim_network_rule_new(network);
    struct sim_selector one;
    struct sim_selector other;
    pick_two(profile, &episode->stream, &one, &other);
    bool is_all = sim_draw_below(&episode->stream, 2) == 0;
    bool hears = sim_draw_below(&episode->stream, 2) == 0;
    if (is_all) {
        other.role = SIM_SELECT_ANY;
    }
    rule->from = hears ? one : other;
    rule->to = hears ? other : one;
    rule->cut = true;
    sim_network_rule_activate(network, rule);
    episode->link = rule;
}

void sim_links_filter(struct sim_profile *profile, struct profile_episode *episode)
{
    struct sim_network *network = &profile->world->network;
    struct sim_link_rule *rule = sim_network_rule_new(network);
    uint64_t type = 1 + sim_draw_below(&episode->stream, RAFT_MESSAGE_TYPE_COUNT - 1);
    pick_two(profile, &episode->stream, &rule->from, &rule->to);
    uint64_t whose = sim_draw_below(&episode->stream, 4);
    rule->from.role = whose & 1u ? SIM_SELECT_ANY : SIM_SELECT_NODES;
    rule->to.role = whose & 2u ? SIM_SELECT_ANY : SIM_SELECT_NODES;
    snprintf(rule->type, sizeof rule->type, "%s",
             raft_message_type_string((enum raft_message_type)type));
    rule->hold = sim_draw_below(&episode->stream, 2) == 0;
    rule->drop = !rule->hold;
    sim_network_rule_activate(network, rule);
    episode->link = rule;
}

void sim_links_deafen(struct sim_profile *profile, uint32_t node)
{
    struct sim_network *network = &profile->world->network;
    struct profile_episode *cut = &profile->episodes[SIM_CLASS_CUT];
    struct sim_link_rule *rule = sim_network_rule_new(network);
    assert(!cut->active);
    rule->to = (struct sim_selector){.nodes = 1u << node, .role = SIM_SELECT_NODES};
    rule->cut = true;
    sim_network_rule_activate(network, rule);
    cut->link = rule;
    cut->active = true;
    cut->until_ns = profile->world->scheduler.now_ns +
                    sim_draw_exponential(&cut->stream, profile->draw.cut_ms * MS);
}

static void clog_begin(struct sim_profile *profile, struct sim_stream *stream, uint64_t begin_ns)
{
    struct sim_network *network = &profile->world->network;
    uint64_t from = 1 + sim_draw_below(stream, profile->world->node_count);
    uint64_t to = 1 + sim_draw_below(stream, profile->world->node_count);
    uint64_t for_ns = sim_draw_exponential(stream, profile->draw.clog_ms * MS);
    bool shuffles = sim_draw_below(stream, 2) == 0;
    struct profile_clog *clog = &profile->clogs[from][to];
    if (from == to || clog->rule != NULL) {
        return;
    }
    struct sim_link_rule *rule = sim_network_rule_new(network);
    rule->from = (struct sim_selector){.nodes = 1u << from, .role = SIM_SELECT_NODES};
    rule->to = (struct sim_selector){.nodes = 1u << to, .role = SIM_SELECT_NODES};
    rule->hold = true;
    rule->shuffles = shuffles;
    sim_network_rule_activate(network, rule);
    *clog = (struct profile_clog){.rule = rule, .until_ns = begin_ns + for_ns};
}

void sim_links_let_go(struct sim_profile *profile, struct sim_link_rule *rule,
                      struct sim_stream *stream)
{
    struct sim_network *network = &profile->world->network;
    if (sim_draw_below(stream, 2) == 0) {
        sim_network_rule_release(network, rule);
    } else {
        sim_network_rule_heal(network, rule);
    }
}

static void clogs_end(struct sim_profile *profile, struct sim_stream *stream, uint64_t now_ns)
{
    for (uint32_t i = 0; i < SIM_NODES_MAX * SIM_NODES_MAX; i++) {
        struct profile_clog *clog = &profile->clogs[i / SIM_NODES_MAX][i % SIM_NODES_MAX];
        if (clog->rule == NULL || now_ns < clog->until_ns) {
            continue;
        }
        sim_links_let_go(profile, clog->rule, stream);
        clog->rule = NULL;
    }
}

void sim_links_clog(struct sim_profile *profile)
{
    struct sim_stream *stream = &profile->episodes[SIM_CLASS_CLOG].stream;
    uint64_t now_ns = profile->world->scheduler.now_ns;
    uint64_t nodes = profile->world->node_count;
    if (profile->draw.clog_gap_ms == 0 || nodes < 2) {
        return;
    }
    clogs_end(profile, stream, now_ns);
    while (profile->clog_ns <= now_ns) {
        if (profile->clog_ns != 0) {
            clog_begin(profile, stream, now_ns);
        }
        uint64_t gap_ns = profile->draw.clog_gap_ms * MS / (nodes * nodes); /* of all pairs */
        profile->clog_ns += 1 + sim_draw_exponential(stream, gap_ns);
    }
}
