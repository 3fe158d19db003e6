/* A bare network between nodes that are up, for its tests. */
#ifndef TESTS_NETWORK_FIXTURE_H
#define TESTS_NETWORK_FIXTURE_H

#include "world_double.h"

#define LATENCY_NS UINT64_C(100)
#define ALWAYS     UINT64_MAX
#define HALF       (UINT64_MAX / 2)

static struct sim_world *world;
static struct sim_network *network;

static inline void setup(void)
{
    world = world_double_open(1, SIM_NODES_MAX - 1);
    network = &world->network;
    sim_network_init(network, world);
    network->latency_ns = LATENCY_NS;
}

static inline void send_text(uint32_t from, uint32_t to, const char *text)
{
    sim_network_send(network, from, to, (const uint8_t *)text, strlen(text));
}

/* The next packet that arrives, or NULL when nothing is under way any more. */
static inline struct sim_packet *arrival(void)
{
    for (;;) {
        struct sim_event *event = sim_scheduler_pop(&world->scheduler);
        if (event == NULL) {
            return NULL;
        }
        struct sim_packet *packet = sim_network_arrive(network, event);
        sim_event_free(&world->scheduler, event);
        if (packet != NULL) {
            return packet;
        }
    }
}

static inline void expect_text(const char *text)
{
    struct sim_packet *packet = arrival();
    ck_assert_ptr_nonnull(packet);
    ck_assert_uint_eq(packet->size, strlen(text));
    ck_assert_mem_eq(packet->bytes, text, packet->size);
    arena_free(world->arena, packet);
}

static inline void expect_silence(void)
{
    ck_assert_ptr_null(arrival());
}

/* Whether a message from one node to another arrives. */
static inline bool reaches(uint32_t from, uint32_t to)
{
    send_text(from, to, "x");
    struct sim_packet *packet = arrival();
    bool is_there = packet != NULL;
    arena_free(world->arena, packet);
    return is_there;
}

static inline struct sim_link_rule *rule_from_to(uint32_t from, uint32_t to)
{
    struct sim_link_rule *rule = sim_network_rule_new(network);
    rule->from = (struct sim_selector){.nodes = 1u << from, .role = SIM_SELECT_NODES};
    rule->to = (struct sim_selector){.nodes = 1u << to, .role = SIM_SELECT_NODES};
    return rule;
}

#endif
