/* The network, line by line of its fault model: what it may do to a message, and what it never
 * does. */
#include "world_double.h"

#define LATENCY_NS UINT64_C(100)
#define ALWAYS     UINT64_MAX
#define HALF       (UINT64_MAX / 2)

static struct sim_world *world;
static struct sim_network *network;

static void setup(void)
{
    world = world_double_open(1, 3);
    network = &world->network;
    sim_network_init(network, world);
    network->latency_ns = LATENCY_NS;
}

static void teardown(void)
{
    world_double_close(world);
}

static void send_text(uint32_t from, uint32_t to, const char *text)
{
    sim_network_send(network, from, to, (const uint8_t *)text, strlen(text));
}

/* The next packet that arrives, or NULL when nothing is under way any more. */
static struct sim_packet *arrival(void)
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

static void expect_text(const char *text)
{
    struct sim_packet *packet = arrival();
    ck_assert_ptr_nonnull(packet);
    ck_assert_uint_eq(packet->size, strlen(text));
    ck_assert_mem_eq(packet->bytes, text, packet->size);
    arena_free(world->arena, packet);
}

static void expect_silence(void)
{
    ck_assert_ptr_null(arrival());
}

static struct sim_link_rule *rule_from_to(uint32_t from, uint32_t to)
{
    struct sim_link_rule *rule = sim_network_rule_new(network);
    rule->from = (struct sim_selector){.nodes = 1u << from, .role = SIM_SELECT_NODES};
    rule->to = (struct sim_selector){.nodes = 1u << to, .role = SIM_SELECT_NODES};
    return rule;
}

START_TEST(delivers_the_bytes_after_the_latency)
{
    send_text(1, 2, "append");
    struct sim_packet *packet = arrival();
    ck_assert_ptr_nonnull(packet);
    ck_assert_uint_eq(packet->from, 1);
    ck_assert_uint_eq(packet->to, 2);
    ck_assert_mem_eq(packet->bytes, "append", 6);
    ck_assert_uint_eq(world->scheduler.now_ns, LATENCY_NS);
    ck_assert_uint_eq(network->sent, 1);
    ck_assert_uint_eq(network->delivered, 1);
    arena_free(world->arena, packet);
}
END_TEST

START_TEST(leaves_no_memory_behind)
{
    send_text(1, 2, "x");
    expect_text("x");
    size_t blocks = arena_blocks(world->arena);
    struct sim_link_rule *rule = rule_from_to(1, 2);
    rule->loss = HALF;
    rule->duplicate = HALF;
    sim_network_rule_activate(network, rule);
    size_t with_rule = arena_blocks(world->arena);
    ck_assert_uint_eq(with_rule, blocks + 1);
    for (int i = 0; i < 50; i++) {
        send_text(1, 2, "append");
    }
    struct sim_packet *packet = arrival();
    while (packet != NULL) {
        arena_free(world->arena, packet);
        packet = arrival();
    }
    /* The event pool may have grown by a chunk. */
    ck_assert_uint_le(arena_blocks(world->arena), with_rule + 1);
}
END_TEST

START_TEST(keeps_the_order_of_a_link_without_jitter)
{
    send_text(1, 2, "a1");
    send_text(1, 2, "a2");
    send_text(1, 2, "a3");
    expect_text("a1");
    expect_text("a2");
    expect_text("a3");
}
END_TEST

START_TEST(delays_within_latency_and_jitter)
{
    network->jitter_ns = 50;
    bool varied = false;
    for (int i = 0; i < 100; i++) {
        uint64_t sent_ns = world->scheduler.now_ns;
        send_text(1, 2, "x");
        expect_text("x");
        uint64_t took_ns = world->scheduler.now_ns - sent_ns;
        ck_assert_uint_ge(took_ns, LATENCY_NS);
        ck_assert_uint_le(took_ns, LATENCY_NS + 50);
        varied = varied || took_ns != LATENCY_NS + 50;
    }
    ck_assert(varied);
}
END_TEST

START_TEST(a_spread_is_exponential_and_the_latency_of_its_rule_at_least)
{
    struct sim_link_rule *rule = rule_from_to(1, 2);
    uint64_t sum_ns = 0;
    uint32_t least = 0;
    rule->latency_ns = 500;
    rule->spread_ns = 1000;
    sim_network_rule_activate(network, rule);
    for (int i = 0; i < 1000; i++) {
        uint64_t sent_ns = world->scheduler.now_ns;
        send_text(1, 2, "x");
        expect_text("x");
        uint64_t took_ns = world->scheduler.now_ns - sent_ns - LATENCY_NS;
        ck_assert_uint_ge(took_ns, 500);
        least += took_ns == 500;
        sum_ns += took_ns;
    }
    ck_assert(least > 350 && least < 440);           /* 1 - e^(-1/2) of them */
    ck_assert(sum_ns > 1030000 && sum_ns < 1190000); /* 500 + e^(-1/2) * 1000 on average */
}
END_TEST

START_TEST(never_delivers_to_a_node_that_is_down)
{
    send_text(1, 2, "x");
    world->nodes[2]->state = SIM_NODE_DOWN;
    expect_silence();
    ck_assert_uint_eq(network->dropped, 1);
    ck_assert_uint_eq(world_double.faults, 0);
}
END_TEST

START_TEST(never_describes_a_message_nobody_asks_about)
{
    struct sim_link_rule *rule = rule_from_to(1, 2);
    rule->latency_ns = 5;
    sim_network_rule_activate(network, rule);
    send_text(1, 2, "append");
    expect_text("append");
    ck_assert_uint_eq(world_double.described, 0);
}
END_TEST

START_TEST(a_rule_touches_its_direction_only)
{
    struct sim_link_rule *rule = rule_from_to(1, 2);
    rule->drop = true;
    sim_network_rule_activate(network, rule);
    send_text(1, 2, "lost");
    send_text(2, 1, "back");
    expect_text("back");
    expect_silence();
    ck_assert_uint_eq(network->dropped, 1);
    ck_assert_uint_eq(world_double.faults, 1);
}
END_TEST

START_TEST(a_rule_for_both_directions_touches_both)
{
    struct sim_link_rule *rule = rule_from_to(1, 2);
    rule->drop = true;
    rule->both = true;
    sim_network_rule_activate(network, rule);
    send_text(1, 2, "lost");
    send_text(2, 1, "lost");
    send_text(1, 3, "other");
    expect_text("other");
    expect_silence();
}
END_TEST

START_TEST(a_rule_with_a_type_touches_that_type_only)
{
    struct sim_link_rule *rule = rule_from_to(1, 2);
    rule->drop = true;
    strcpy(rule->type, "vote_req");
    sim_network_rule_activate(network, rule);
    send_text(1, 2, "vote");
    send_text(1, 2, "append");
    expect_text("append");
    expect_silence();
}
END_TEST

START_TEST(a_role_is_looked_up_for_each_message)
{
    struct sim_link_rule *rule = sim_network_rule_new(network);
    rule->from.role = SIM_SELECT_LEADER;
    rule->drop = true;
    sim_network_rule_activate(network, rule);
    world_double.leader = 1;
    send_text(1, 2, "lost");
    world_double.leader = 3;
    send_text(1, 2, "kept");
    expect_text("kept");
    expect_silence();
}
END_TEST

START_TEST(loses_about_the_share_it_is_told)
{
    struct sim_link_rule *rule = rule_from_to(1, 2);
    rule->loss = UINT64_MAX / 4;
    sim_network_rule_activate(network, rule);
    for (int i = 0; i < 1000; i++) {
        send_text(1, 2, "x");
    }
    ck_assert(network->dropped > 200 && network->dropped < 300);
    ck_assert_uint_eq(world_double.faults, network->dropped);
}
END_TEST

START_TEST(duplicates_once_and_delivers_the_copy_no_earlier)
{
    struct sim_link_rule *rule = rule_from_to(1, 2);
    rule->duplicate = ALWAYS;
    sim_network_rule_activate(network, rule);
    send_text(1, 2, "x");
    expect_text("x");
    ck_assert_uint_eq(world->scheduler.now_ns, LATENCY_NS);
    expect_text("x");
    ck_assert_uint_le(world->scheduler.now_ns, 2 * LATENCY_NS);
    expect_silence();
}
END_TEST

START_TEST(reordering_delays_some_behind_later_ones)
{
    struct sim_link_rule *rule = rule_from_to(1, 2);
    rule->reorder = HALF;
    sim_network_rule_activate(network, rule);
    for (int i = 0; i < 26; i++) {
        char text[2] = {(char)('a' + i), '\0'};
        send_text(1, 2, text);
    }
    uint32_t inversions = 0;
    uint8_t last = 0;
    for (int i = 0; i < 26; i++) {
        struct sim_packet *packet = arrival();
        ck_assert_ptr_nonnull(packet);
        inversions += packet->bytes[0] < last ? 1 : 0;
        last = packet->bytes[0];
        arena_free(world->arena, packet);
    }
    ck_assert_uint_gt(inversions, 2);
    ck_assert_uint_le(world->scheduler.now_ns, 11 * LATENCY_NS);
    expect_silence();
}
END_TEST

START_TEST(corrupts_exactly_one_bit)
{
    struct sim_link_rule *rule = rule_from_to(1, 2);
    rule->corrupt = ALWAYS;
    sim_network_rule_activate(network, rule);
    for (int round = 0; round < 20; round++) {
        send_text(1, 2, "append");
        struct sim_packet *packet = arrival();
        int flipped = 0;
        for (size_t i = 0; i < packet->size; i++) {
            flipped += __builtin_popcount((unsigned)(packet->bytes[i] ^ (uint8_t) "append"[i]));
        }
        ck_assert_int_eq(flipped, 1);
        ck_assert_str_eq(packet->type, "append_req"); /* what it was, not what it looks like */
        arena_free(world->arena, packet);
    }
}
END_TEST

START_TEST(bandwidth_makes_messages_queue_up)
{
    struct sim_link_rule *rule = rule_from_to(1, 2);
    rule->bandwidth_bytes_per_s = 1000000000; /* a byte a nanosecond */
    sim_network_rule_activate(network, rule);
    send_text(1, 2, "0123456789");
    send_text(1, 2, "01234");
    expect_text("0123456789");
    ck_assert_uint_eq(world->scheduler.now_ns, LATENCY_NS + 10);
    expect_text("01234");
    ck_assert_uint_eq(world->scheduler.now_ns, LATENCY_NS + 15);
}
END_TEST

START_TEST(several_rules_add_up)
{
    for (int i = 0; i < 2; i++) {
        struct sim_link_rule *rule = rule_from_to(1, 2);
        rule->latency_ns = 7;
        sim_network_rule_activate(network, rule);
    }
    send_text(1, 2, "x");
    expect_text("x");
    ck_assert_uint_eq(world->scheduler.now_ns, LATENCY_NS + 14);
}
END_TEST

START_TEST(a_cut_drops_what_is_under_way_and_what_is_sent)
{
    struct sim_link_rule *rule = rule_from_to(1, 2);
    rule->cut = true;
    send_text(1, 2, "under way");
    sim_network_rule_activate(network, rule);
    send_text(1, 2, "too late");
    ck_assert(sim_network_is_cut(network, 1, 2));
    ck_assert(!sim_network_is_cut(network, 2, 1));
    expect_silence();
    ck_assert_uint_eq(network->dropped, 2);
    ck_assert_uint_eq(world_double.faults, 2);
    ck_assert_uint_eq(rule->trigger.fired, 2);
    sim_network_rule_heal(network, rule);
    ck_assert(!sim_network_is_cut(network, 1, 2));
    send_text(1, 2, "healed");
    expect_text("healed");
}
END_TEST

START_TEST(a_cut_ends_at_its_time)
{
    struct sim_link_rule *rule = rule_from_to(1, 2);
    rule->cut = true;
    rule->trigger.until_ns = LATENCY_NS / 2;
    sim_network_rule_activate(network, rule);
    send_text(1, 2, "lost");
    ck_assert(sim_network_is_cut(network, 1, 2));
    send_text(1, 3, "clock");
    expect_text("clock");
    ck_assert(!sim_network_is_cut(network, 1, 2));
    send_text(1, 2, "after");
    expect_text("after");
}
END_TEST

START_TEST(a_partition_cuts_between_groups_and_not_within)
{
    struct sim_link_rule *rule = sim_network_rule_new(network);
    rule->partition = true;
    rule->groups[1] = 1;
    rule->groups[2] = 2;
    rule->groups[3] = 2;
    sim_network_rule_activate(network, rule);
    ck_assert(sim_network_is_cut(network, 1, 2));
    ck_assert(sim_network_is_cut(network, 3, 1));
    ck_assert(!sim_network_is_cut(network, 2, 3));
    send_text(1, 2, "lost");
    send_text(2, 3, "kept");
    expect_text("kept");
    expect_silence();
}
END_TEST

START_TEST(holds_and_then_delivers_in_order)
{
    network->jitter_ns = 50; /* links that do not keep their order by themselves */
    struct sim_link_rule *rule = rule_from_to(1, 2);
    rule->hold = true;
    sim_network_rule_activate(network, rule);
    send_text(1, 2, "h1");
    send_text(1, 2, "h2");
    send_text(1, 2, "h3");
    expect_silence();
    sim_network_rule_release(network, rule);
    ck_assert(!rule->active);
    send_text(1, 2, "later");
    expect_text("h1");
    expect_text("h2");
    expect_text("h3");
    expect_text("later");
}
END_TEST

START_TEST(what_is_held_may_come_in_another_order)
{
    bool differs = false;
    for (int round = 0; round < 20; round++) {
        struct sim_link_rule *rule = rule_from_to(1, 2);
        uint32_t seen = 0;
        rule->hold = true;
        rule->shuffles = true;
        sim_network_rule_activate(network, rule);
        for (uint8_t i = 0; i < 5; i++) {
            sim_network_send(network, 1, 2, &i, 1);
        }
        sim_network_rule_release(network, rule);
        for (uint8_t i = 0; i < 5; i++) {
            struct sim_packet *packet = arrival();
            ck_assert_ptr_nonnull(packet);
            seen |= 1u << packet->bytes[0];
            differs = differs || packet->bytes[0] != i;
            arena_free(world->arena, packet);
        }
        ck_assert_uint_eq(seen, 0x1f); /* each of them, once */
        expect_silence();
    }
    ck_assert(differs);
}
END_TEST

START_TEST(a_full_link_evicts_one_message_for_each_that_is_too_many)
{
    struct sim_link_rule *rule = rule_from_to(1, 2);
    rule->capacity = 3;
    sim_network_rule_activate(network, rule);
    bool new_one_stays = false;
    bool new_one_goes = false;
    for (int round = 0; round < 40; round++) {
        uint32_t seen = 0;
        for (uint8_t i = 0; i < 4; i++) {
            sim_network_send(network, 1, 2, &i, 1);
        }
        send_text(2, 1, "not this link");
        for (struct sim_packet *packet = arrival(); packet != NULL; packet = arrival()) {
            seen |= packet->to == 2 ? 1u << packet->bytes[0] : 1u << 31;
            arena_free(world->arena, packet);
        }
        ck_assert_int_eq(__builtin_popcount(seen), 4); /* three, and the one of another link */
        new_one_stays = new_one_stays || (seen & 8u) != 0;
        new_one_goes = new_one_goes || (seen & 8u) == 0;
    }
    ck_assert(new_one_stays && new_one_goes);
    ck_assert_uint_eq(network->dropped, 40);
    ck_assert_uint_eq(world_double.faults, 40);
    for (int i = 0; i < 10; i++) {
        send_text(1, 2, "one by one");
        expect_text("one by one");
    }
    ck_assert_uint_eq(network->dropped, 40); /* a link that keeps up loses nothing */
}
END_TEST

START_TEST(a_truncated_message_is_a_proper_first_part)
{
    struct sim_link_rule *rule = rule_from_to(1, 2);
    uint32_t sizes = 0;
    rule->truncate = ALWAYS;
    sim_network_rule_activate(network, rule);
    for (int i = 0; i < 100; i++) {
        send_text(1, 2, "append");
        struct sim_packet *packet = arrival();
        ck_assert_ptr_nonnull(packet);
        ck_assert_uint_lt(packet->size, 6);
        ck_assert_mem_eq(packet->bytes, "append", packet->size);
        ck_assert_str_eq(packet->type, "append_req");
        sizes |= 1u << packet->size;
        arena_free(world->arena, packet);
    }
    ck_assert_uint_eq(sizes, 0x3f); /* every length, nothing included */
}
END_TEST

/* What arrives of five messages when the fifth breaks the connection: whole ones, parts. */
static void break_connection(uint32_t *out_whole, uint32_t *out_parts)
{
    bool has_ended = false;
    *out_whole = *out_parts = 0;
    for (int i = 0; i < 5; i++) {
        send_text(1, 2, "append");
    }
    for (struct sim_packet *packet = arrival(); packet != NULL; packet = arrival()) {
        ck_assert(!has_ended); /* a part is the last thing that comes */
        ck_assert_mem_eq(packet->bytes, "append", packet->size);
        has_ended = packet->size < 6;
        *out_whole += !has_ended;
        *out_parts += has_ended;
        arena_free(world->arena, packet);
    }
}

START_TEST(a_reset_lets_a_first_part_of_what_is_under_way_arrive)
{
    uint32_t counts = 0;
    for (int round = 0; round < 60; round++) {
        struct sim_link_rule *rule = rule_from_to(1, 2);
        uint32_t whole;
        uint32_t parts;
        rule->reset = ALWAYS;
        rule->trigger.nth = 5;
        sim_network_rule_activate(network, rule);
        break_connection(&whole, &parts);
        ck_assert(whole <= 4 && parts == (whole < 4));
        counts |= 1u << whole;
        sim_network_rule_heal(network, rule);
        send_text(1, 2, "after");
        expect_text("after");
    }
    ck_assert_uint_eq(counts, 0x1f);
}
END_TEST

START_TEST(a_loss_goes_on_for_its_burst)
{
    struct sim_link_rule *rule = rule_from_to(1, 2);
    uint32_t lost = 0;
    uint32_t runs = 0;
    bool was_lost = false;
    rule->loss = UINT64_MAX / 50;
    rule->burst_ns = 20 * LATENCY_NS;
    sim_network_rule_activate(network, rule);
    for (int i = 0; i < 5000; i++) {
        send_text(1, 2, "x");
        send_text(1, 3, "clock"); /* time goes on whatever is lost */
        uint32_t arrived = 0;
        for (struct sim_packet *packet = arrival(); packet != NULL; packet = arrival()) {
            arrived += packet->to == 2;
            arena_free(world->arena, packet);
        }
        lost += arrived == 0;
        runs += arrived == 0 && !was_lost;
        was_lost = arrived == 0;
    }
    ck_assert_uint_gt(runs, 20);
    ck_assert_uint_gt(lost, runs * 10); /* of twenty each, about */
    ck_assert_uint_lt(lost, runs * 40);
}
END_TEST

START_TEST(a_tail_makes_a_few_messages_very_late)
{
    struct sim_link_rule *rule = rule_from_to(1, 2);
    uint32_t late = 0;
    uint32_t very_late = 0;
    rule->tail = UINT64_MAX / 10;
    rule->tail_ns = 1000;
    sim_network_rule_activate(network, rule);
    for (int i = 0; i < 2000; i++) {
        uint64_t sent_ns = world->scheduler.now_ns;
        send_text(1, 2, "x");
        expect_text("x");
        uint64_t took_ns = world->scheduler.now_ns - sent_ns;
        ck_assert(took_ns == LATENCY_NS || took_ns >= LATENCY_NS + 1000);
        late += took_ns != LATENCY_NS;
        very_late += took_ns >= LATENCY_NS + 8000;
    }
    ck_assert(late > 150 && late < 250);
    ck_assert(very_late > late / 16 && very_late < late / 4);
}
END_TEST

START_TEST(in_a_ring_each_node_sees_another_majority)
{
    for (uint32_t count = 4; count < SIM_NODES_MAX; count++) {
        uint32_t order[SIM_NODES_MAX];
        uint32_t seen[SIM_NODES_MAX] = {0};
        for (uint32_t i = 0; i < count; i++) {
            order[i] = i + 1;
        }
        struct sim_link_rule *rule = sim_network_rule_new(network);
        sim_network_rule_ring(rule, order, count);
        sim_network_rule_activate(network, rule);
        for (uint32_t from = 1; from <= count; from++) {
            for (uint32_t to = 1; to <= count; to++) {
                bool is_cut = sim_network_is_cut(network, from, to);
                ck_assert(is_cut == sim_network_is_cut(network, to, from));
                seen[from] |= is_cut ? 0 : 1u << to;
            }
            ck_assert_int_gt(__builtin_popcount(seen[from]), (int)count / 2);
            ck_assert_int_lt(__builtin_popcount(seen[from]), (int)count);
            for (uint32_t other = 1; other < from; other++) {
                ck_assert_uint_ne(seen[from], seen[other]);
            }
        }
        sim_network_rule_heal(network, rule);
    }
}
END_TEST

START_TEST(a_rule_of_the_script_without_an_effect_is_vacuous)
{
    struct sim_link_rule *rule = rule_from_to(1, 2);
    rule->loss = 1; /* of 2^64 */
    sim_network_rule_activate(network, rule);
    send_text(1, 2, "x");
    expect_text("x");
    ck_assert_uint_eq(rule->trigger.fired, 1);
    ck_assert_ptr_null(sim_network_vacuous(network)); /* not the script's */
    strcpy(rule->where, "x.lua:1");
    ck_assert_ptr_eq(sim_network_vacuous(network), rule);
    rule->optional = true;
    ck_assert_ptr_null(sim_network_vacuous(network));
    struct sim_link_rule *cut = rule_from_to(1, 3);
    strcpy(cut->where, "x.lua:2");
    cut->cut = true;
    sim_network_rule_activate(network, cut);
    ck_assert_ptr_eq(sim_network_vacuous(network), cut);
    send_text(1, 3, "x");
    expect_silence();
    sim_network_rule_heal(network, cut);
    ck_assert_ptr_null(sim_network_vacuous(network));
}
END_TEST

START_TEST(heal_drops_what_is_held)
{
    struct sim_link_rule *rule = rule_from_to(1, 2);
    rule->hold = true;
    sim_network_rule_activate(network, rule);
    send_text(1, 2, "held");
    sim_network_heal(network);
    ck_assert(!rule->active);
    ck_assert_uint_eq(network->dropped, 1);
    send_text(1, 2, "after");
    expect_text("after");
    expect_silence();
}
END_TEST

START_TEST(healing_twice_and_releasing_after_it_do_nothing)
{
    struct sim_link_rule *first = rule_from_to(1, 2);
    struct sim_link_rule *second = rule_from_to(1, 3);
    second->drop = true;
    sim_network_rule_activate(network, first);
    sim_network_rule_activate(network, second);
    sim_network_rule_heal(network, first);
    sim_network_rule_heal(network, first);
    sim_network_rule_release(network, first);
    send_text(1, 3, "lost");
    expect_silence();
    sim_network_rule_heal(network, second);
    sim_network_rule_activate(network, first);
    ck_assert_ptr_eq(network->rules, first);
}
END_TEST

START_TEST(a_rule_moves_no_delay_of_another_message)
{
    uint64_t times[2][20];
    for (int round = 0; round < 2; round++) {
        teardown();
        setup();
        network->jitter_ns = 1000;
        if (round == 1) {
            struct sim_link_rule *rule = rule_from_to(1, 2);
            rule->drop = true;
            rule->trigger.nth = 1;
            sim_network_rule_activate(network, rule);
        }
        for (int i = 0; i < 20; i++) {
            uint64_t sent_ns = world->scheduler.now_ns;
            send_text(1, 2, "x");
            struct sim_packet *packet = arrival();
            times[round][i] = packet == NULL ? 0 : world->scheduler.now_ns - sent_ns;
            arena_free(world->arena, packet);
        }
    }
    ck_assert_uint_eq(times[1][0], 0); /* the one that was dropped */
    for (int i = 1; i < 20; i++) {
        ck_assert_uint_eq(times[0][i], times[1][i]);
    }
}
END_TEST

START_TEST(a_trigger_counts_what_matches)
{
    struct sim_stream stream;
    sim_stream_init(&stream, 1, SIM_STREAM_FAULT, 1, 0);
    const struct {
        struct sim_trigger trigger;
        const char *fires; /* on matches 1 to 6 */
    } table[] = {
        {{.p = UINT64_MAX, .until_ns = UINT64_MAX}, "yyyyyy"},
        {{.p = UINT64_MAX, .until_ns = UINT64_MAX, .nth = 2}, "nynnnn"},
        {{.p = UINT64_MAX, .until_ns = UINT64_MAX, .from_nth = 3}, "nnyyyy"},
        {{.p = UINT64_MAX, .until_ns = UINT64_MAX, .every = 3}, "nnynny"},
        {{.p = UINT64_MAX, .until_ns = UINT64_MAX, .times = 2}, "yynnnn"},
        {{.p = UINT64_MAX, .until_ns = UINT64_MAX, .every = 2, .times = 2}, "nynynn"},
        {{.p = 0, .until_ns = UINT64_MAX}, "nnnnnn"},
        {{.p = UINT64_MAX, .until_ns = 4}, "yyynnn"},
    };
    for (size_t row = 0; row < sizeof table / sizeof table[0]; row++) {
        struct sim_trigger trigger = table[row].trigger;
        for (uint64_t i = 0; i < 6; i++) {
            bool fires = sim_trigger_fires(&trigger, i + 1, &stream);
            ck_assert_msg(fires == (table[row].fires[i] == 'y'), "row %zu, match %d", row,
                          (int)i + 1);
        }
    }
    ck_assert_uint_eq(stream.counter, 6); /* only the row with p has drawn */
}
END_TEST

static Suite *network_suite(void)
{
    Suite *suite = suite_create("network");
    TCase *links = tcase_create("links");
    tcase_add_checked_fixture(links, setup, teardown);
    tcase_add_test(links, delivers_the_bytes_after_the_latency);
    tcase_add_test(links, leaves_no_memory_behind);
    tcase_add_test(links, keeps_the_order_of_a_link_without_jitter);
    tcase_add_test(links, delays_within_latency_and_jitter);
    tcase_add_test(links, a_spread_is_exponential_and_the_latency_of_its_rule_at_least);
    tcase_add_test(links, never_delivers_to_a_node_that_is_down);
    tcase_add_test(links, never_describes_a_message_nobody_asks_about);
    suite_add_tcase(suite, links);
    TCase *rules = tcase_create("rules");
    tcase_add_checked_fixture(rules, setup, teardown);
    tcase_add_test(rules, a_rule_touches_its_direction_only);
    tcase_add_test(rules, a_rule_for_both_directions_touches_both);
    tcase_add_test(rules, a_rule_with_a_type_touches_that_type_only);
    tcase_add_test(rules, a_role_is_looked_up_for_each_message);
    tcase_add_test(rules, loses_about_the_share_it_is_told);
    tcase_add_test(rules, duplicates_once_and_delivers_the_copy_no_earlier);
    tcase_add_test(rules, reordering_delays_some_behind_later_ones);
    tcase_add_test(rules, corrupts_exactly_one_bit);
    tcase_add_test(rules, bandwidth_makes_messages_queue_up);
    tcase_add_test(rules, several_rules_add_up);
    tcase_add_test(rules, a_cut_drops_what_is_under_way_and_what_is_sent);
    tcase_add_test(rules, a_cut_ends_at_its_time);
    tcase_add_test(rules, a_partition_cuts_between_groups_and_not_within);
    tcase_add_test(rules, holds_and_then_delivers_in_order);
    tcase_add_test(rules, what_is_held_may_come_in_another_order);
    tcase_add_test(rules, heal_drops_what_is_held);
    tcase_add_test(rules, a_full_link_evicts_one_message_for_each_that_is_too_many);
    tcase_add_test(rules, a_truncated_message_is_a_proper_first_part);
    tcase_add_test(rules, a_reset_lets_a_first_part_of_what_is_under_way_arrive);
    tcase_add_test(rules, a_loss_goes_on_for_its_burst);
    tcase_add_test(rules, a_tail_makes_a_few_messages_very_late);
    tcase_add_test(rules, in_a_ring_each_node_sees_another_majority);
    tcase_add_test(rules, a_rule_of_the_script_without_an_effect_is_vacuous);
    tcase_add_test(rules, healing_twice_and_releasing_after_it_do_nothing);
    tcase_add_test(rules, a_rule_moves_no_delay_of_another_message);
    tcase_add_test(rules, a_trigger_counts_what_matches);
    suite_add_tcase(suite, rules);
    return suite;
}

int main(void)
{
    return unit_main(network_suite());
}
