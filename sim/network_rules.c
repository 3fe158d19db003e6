/* The life of a network rule: made, activated, healed or released. What it does to messages is in
 * network.c.
 *
 * Invariants:
 *  1. A rule that is not active holds nothing.
 *  2. `created` lists every rule there ever was, in order: the end of a run asks which had no
 *     effect. */
#include "network_internal.h"

#include "world.h"

#include <assert.h>

/* Keeps the streams of network rules apart from those of fault rules with the same number. */
#define RULE_STREAM UINT64_C(0x6e6574)

struct sim_link_rule *sim_network_rule_new(struct sim_network *network)
{
    struct sim_world *world = network->world;
    struct sim_link_rule *rule = arena_calloc(world->arena, sizeof *rule);
    network->rule_count++;
    rule->id = network->rule_count;
    rule->from.role = SIM_SELECT_ANY;
    rule->to.role = SIM_SELECT_ANY;
    rule->held_end = &rule->held;
    sim_trigger_init(&rule->trigger);
    sim_stream_init(&rule->stream, world->seed, SIM_STREAM_FAULT, rule->id, RULE_STREAM);
    *network->created_end = rule;
    network->created_end = &rule->next_created;
    return rule;
}

void sim_network_rule_activate(struct sim_network *network, struct sim_link_rule *rule)
{
    assert(!rule->active);
    assert(rule->held == NULL && rule->next == NULL);
    rule->active = true;
    *network->rules_end = rule;
    network->rules_end = &rule->next;
}

static void rule_deactivate(struct sim_network *network, struct sim_link_rule *rule)
{
    assert(rule->active);
    struct sim_link_rule **link = &network->rules;
    while (*link != rule) {
        assert(*link != NULL);
        link = &(*link)->next;
    }
    *link = rule->next;
    if (network->rules_end == &rule->next) {
        network->rules_end = link;
    }
    rule->next = NULL;
    rule->active = false;
}

static struct sim_packet *take_held(struct sim_link_rule *rule)
{
    struct sim_packet *packet = rule->held;
    if (packet != NULL) {
        rule->held = packet->next;
        packet->next = NULL;
        if (rule->held == NULL) {
            rule->held_end = &rule->held;
        }
    }
    return packet;
}

/* Puts what is held into a random order, one draw each. */
static void shuffle_held(struct sim_link_rule *rule)
{
    uint64_t left = 0;
    for (const struct sim_packet *packet = rule->held; packet != NULL; packet = packet->next) {
        left++;
    }
    struct sim_packet *shuffled = NULL;
    for (; left > 0; left--) {
        struct sim_packet **at = &rule->held;
        for (uint64_t i = sim_draw_below(&rule->stream, left); i > 0; i--) {
            at = &(*at)->next;
        }
        struct sim_packet *packet = *at;
        *at = packet->next;
        packet->next = shuffled;
        shuffled = packet;
    }
    assert(rule->held == NULL);
    rule->held = shuffled;
}

void sim_network_rule_heal(struct sim_network *network, struct sim_link_rule *rule)
{
    if (!rule->active) {
        return;
    }
    /* First of all, since a listener that hears of a drop may heal rules itself. */
    rule_deactivate(network, rule);
    struct sim_packet *packet = take_held(rule);
    while (packet != NULL) {
        sim_packet_drop(network, packet, "held for ever", 0);
        packet = take_held(rule);
    }
}

void sim_network_rule_release(struct sim_network *network, struct sim_link_rule *rule)
{
    if (!rule->active) {
        return;
    }
    rule_deactivate(network, rule);
    if (rule->shuffles) {
        shuffle_held(rule);
    }
    struct sim_packet *packet = take_held(rule);
    while (packet != NULL) {
        sim_packet_schedule(network, &network->release, packet, 0);
        packet = take_held(rule);
    }
}

void sim_network_heal(struct sim_network *network)
{
    while (network->rules != NULL) {
        sim_network_rule_heal(network, network->rules);
    }
    assert(network->rules_end == &network->rules);
}

/* Half of the others on each side, as far as a majority needs. */
void sim_network_rule_ring(struct sim_link_rule *rule, const uint32_t *order, uint32_t count)
{
    assert(count >= 4 && count < SIM_NODES_MAX);
    uint32_t reach = (count / 2 + 1) / 2;
    rule->partition = true;
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t j = 0; j < count; j++) {
            uint32_t distance = i > j ? i - j : j - i;
            distance = distance > count - distance ? count - distance : distance;
            if (distance > reach) {
                rule->severed[order[i]] |= 1u << order[j];
            }
        }
    }
}

const struct sim_link_rule *sim_network_vacuous(const struct sim_network *network)
{
    for (struct sim_link_rule *rule = network->created; rule != NULL; rule = rule->next_created) {
        if (rule->where[0] != 0 && !rule->optional && rule->effects == 0) {
            return rule;
        }
    }
    return NULL;
}
