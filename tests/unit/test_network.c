/* The network, line by line of its fault model: what it may do to a message, and what it never
 * does. Cuts, partitions, and what rules hold back are in test_network_rules.c. */
#include "network_fixture.h"

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

/* How long a message from node 1 takes to node 2. */
static uint64_t travel_ns(void)
{
    uint64_t sent_ns = world->scheduler.now_ns;
    send_text(1, 2, "x");
    expect_text("x");
    return world->scheduler.now_ns - sent_ns;
}

/* So long at least, and up to the jitter longer, evenly. */
static void expect_jitter(uint64_t least_ns, uint64_t jitter_ns)
{
    uint32_t early = 0;
    uint32_t late = 0;
    for (int i = 0; i < 400; i++) {
        uint64_t over_ns = travel_ns() - least_ns;
        ck_assert_uint_le(over_ns, jitter_ns);
        early += over_ns < jitter_ns / 5;
        late += over_ns > jitter_ns - jitter_ns / 5;
    }
    ck_assert(early > 40 && early < 120);
    ck_assert(late > 40 && late < 120);
}

START_TEST(delays_within_latency_and_jitter)
{
    network->jitter_ns = 50;
    expect_jitter(LATENCY_NS, 50);
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
        uint64_t took_ns = travel_ns() - LATENCY_NS;
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
    uint32_t at_once = 0;
    uint32_t later = 0;
    for (int i = 0; i < 2; i++) { /* two rules make no third of it */
        struct sim_link_rule *rule = rule_from_to(1, 2);
        rule->duplicate = ALWAYS;
        sim_network_rule_activate(network, rule);
    }
    for (int i = 0; i < 200; i++) {
        uint64_t sent_ns = world->scheduler.now_ns;
        send_text(1, 2, "x");
        expect_text("x");
        ck_assert_uint_eq(world->scheduler.now_ns, sent_ns + LATENCY_NS);
        expect_text("x");
        ck_assert_uint_le(world->scheduler.now_ns, sent_ns + 2 * LATENCY_NS);
        at_once += world->scheduler.now_ns < sent_ns + LATENCY_NS + LATENCY_NS / 4;
        later += world->scheduler.now_ns > sent_ns + 2 * LATENCY_NS - LATENCY_NS / 4;
        expect_silence();
        ck_assert(reaches(2, 1));
        expect_silence();
    }
    ck_assert(at_once > 20 && later > 20);
}
END_TEST

START_TEST(a_copy_that_a_full_link_has_no_room_for_evicts_one_too)
{
    struct sim_link_rule *narrow = rule_from_to(1, 2);
    struct sim_link_rule *wide = rule_from_to(1, 2);
    uint32_t counts[3] = {0};
    narrow->capacity = 2;
    wide->capacity = 50;
    wide->duplicate = ALWAYS;
    sim_network_rule_activate(network, narrow);
    sim_network_rule_activate(network, wide);
    for (int round = 0; round < 60; round++) {
        uint32_t arrived = 0;
        for (uint8_t i = 0; i < 3; i++) {
            sim_network_send(network, 1, 2, &i, 1);
            ck_assert_uint_le(network->links[1][2].under_way_count, 2);
        }
        for (struct sim_packet *packet = arrival(); packet != NULL; packet = arrival()) {
            arrived++;
            counts[packet->bytes[0]]++;
            arena_free(world->arena, packet);
        }
        ck_assert_uint_eq(arrived, 2);
    }
    ck_assert(counts[0] > 0 && counts[1] > 0 && counts[2] > 0);
    ck_assert_uint_eq(network->delivered, 60 * 2);
    ck_assert_uint_eq(world_double.faults, narrow->effects + wide->effects);
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

START_TEST(a_delay_is_one_effect_whatever_it_is_made_of)
{
    struct sim_link_rule *rule = rule_from_to(1, 2);
    rule->latency_ns = 1;
    rule->tail = ALWAYS;
    rule->tail_ns = LATENCY_NS;
    rule->reorder = ALWAYS;
    sim_network_rule_activate(network, rule);
    send_text(1, 2, "late");
    ck_assert_uint_eq(rule->effects, 1);
    rule->duplicate = ALWAYS;
    send_text(1, 2, "late and twice");
    ck_assert_uint_eq(rule->effects, 3);
    ck_assert_uint_eq(rule->trigger.fired, 2);
}
END_TEST

START_TEST(corrupts_exactly_one_bit)
{
    struct sim_link_rule *rule = rule_from_to(1, 2);
    uint64_t seen = 0;
    rule->corrupt = ALWAYS;
    sim_network_rule_activate(network, rule);
    for (int round = 0; round < 1000; round++) {
        send_text(1, 2, "append");
        struct sim_packet *packet = arrival();
        uint64_t flipped = 0;
        ck_assert_uint_eq(packet->size, 6);
        for (size_t i = 0; i < packet->size; i++) {
            flipped |= (uint64_t)(packet->bytes[i] ^ (uint8_t) "append"[i]) << 8 * i;
        }
        ck_assert_int_eq(__builtin_popcountll(flipped), 1);
        seen |= flipped;
        ck_assert_str_eq(packet->type, "append_req"); /* what it was, not what it looks like */
        arena_free(world->arena, packet);
    }
    ck_assert_uint_eq(seen, (UINT64_C(1) << 48) - 1); /* any bit of it */
}
END_TEST

START_TEST(bandwidth_makes_messages_of_a_link_queue_up)
{
    struct sim_link_rule *rule = sim_network_rule_new(network);
    rule->bandwidth_bytes_per_s = 1000000000; /* a byte a nanosecond */
    sim_network_rule_activate(network, rule);
    send_text(1, 2, "0123456789");
    send_text(1, 2, "01234");
    send_text(2, 1, "back");
    send_text(1, 3, "another");
    expect_text("back"); /* each link has its own */
    ck_assert_uint_eq(world->scheduler.now_ns, LATENCY_NS + 4);
    expect_text("another");
    ck_assert_uint_eq(world->scheduler.now_ns, LATENCY_NS + 7);
    expect_text("0123456789");
    ck_assert_uint_eq(world->scheduler.now_ns, LATENCY_NS + 10);
    expect_text("01234");
    ck_assert_uint_eq(world->scheduler.now_ns, LATENCY_NS + 15);
    send_text(1, 2, "01");
    expect_text("01"); /* what has gone out holds nothing up */
    ck_assert_uint_eq(world->scheduler.now_ns, 2 * LATENCY_NS + 17);
}
END_TEST

START_TEST(a_rule_delays_by_its_latency_and_within_its_jitter)
{
    struct sim_link_rule *rule = rule_from_to(1, 2);
    rule->latency_ns = 7;
    rule->jitter_ns = 50;
    sim_network_rule_activate(network, rule);
    expect_jitter(LATENCY_NS + 7, 50);
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

START_TEST(a_full_link_evicts_one_message_for_each_that_is_too_many)
{
    struct sim_link_rule *rule = rule_from_to(1, 2);
    rule->capacity = 3;
    sim_network_rule_activate(network, rule);
    uint32_t lost = 0;
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
        lost |= ~seen & 0xfu;
    }
    ck_assert_uint_eq(lost, 0xf); /* any of them, the new one included */
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

START_TEST(a_reset_breaks_the_other_direction_only_if_it_is_for_both)
{
    uint32_t lost[2] = {0};
    for (int round = 0; round < 60; round++) {
        struct sim_link_rule *rule = rule_from_to(1, 2);
        rule->reset = ALWAYS;
        rule->both = round % 2 == 1;
        send_text(2, 1, "v1");
        send_text(2, 1, "v2");
        sim_network_rule_activate(network, rule);
        send_text(1, 2, "resets");
        sim_network_rule_heal(network, rule);
        uint32_t whole = 0;
        for (struct sim_packet *packet = arrival(); packet != NULL; packet = arrival()) {
            ck_assert_uint_eq(packet->from, 2);
            whole += packet->size == 2;
            arena_free(world->arena, packet);
        }
        lost[round % 2] += 2 - whole;
    }
    ck_assert_uint_eq(lost[0], 0);
    ck_assert_uint_gt(lost[1], 15);
}
END_TEST

START_TEST(a_loss_of_a_link_goes_on_for_its_burst)
{
    struct sim_link_rule *rule = sim_network_rule_new(network);
    uint32_t lost = 0;
    uint32_t lost_on_both = 0;
    uint32_t runs = 0;
    bool was_lost = false;
    rule->loss = UINT64_MAX / 50;
    rule->burst_ns = 20 * LATENCY_NS;
    rule->from = (struct sim_selector){.nodes = 1u << 1, .role = SIM_SELECT_NODES};
    sim_network_rule_activate(network, rule);
    for (int i = 0; i < 5000; i++) {
        send_text(1, 2, "x");
        send_text(1, 3, "x");
        send_text(2, 1, "clock"); /* time goes on whatever is lost */
        bool arrived = false;
        bool other_arrived = false;
        for (struct sim_packet *packet = arrival(); packet != NULL; packet = arrival()) {
            arrived = arrived || packet->to == 2;
            other_arrived = other_arrived || packet->to == 3;
            arena_free(world->arena, packet);
        }
        lost += !arrived;
        lost_on_both += !arrived && !other_arrived;
        runs += !arrived && !was_lost;
        was_lost = !arrived;
    }
    ck_assert_uint_gt(runs, 20);
    ck_assert_uint_gt(lost, runs * 10); /* of twenty each, about */
    ck_assert_uint_lt(lost, runs * 40);
    ck_assert_uint_lt(lost_on_both, lost / 2); /* each link has its own */
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
        uint64_t took_ns = travel_ns();
        ck_assert(took_ns == LATENCY_NS || took_ns >= LATENCY_NS + 1000);
        late += took_ns != LATENCY_NS;
        very_late += took_ns >= LATENCY_NS + 8000;
    }
    ck_assert(late > 150 && late < 250);
    ck_assert(very_late > late / 16 && very_late < late / 4);
}
END_TEST

START_TEST(a_rule_moves_no_delay_of_another_message)
{
    uint64_t times[2][20];
    for (int round = 0; round < 2; round++) {
        arena_tear_down();
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
    tcase_add_checked_fixture(links, setup, arena_tear_down);
    tcase_add_test(links, delivers_the_bytes_after_the_latency);
    tcase_add_test(links, leaves_no_memory_behind);
    tcase_add_test(links, keeps_the_order_of_a_link_without_jitter);
    tcase_add_test(links, delays_within_latency_and_jitter);
    tcase_add_test(links, a_spread_is_exponential_and_the_latency_of_its_rule_at_least);
    tcase_add_test(links, never_delivers_to_a_node_that_is_down);
    tcase_add_test(links, never_describes_a_message_nobody_asks_about);
    suite_add_tcase(suite, links);
    TCase *rules = tcase_create("rules");
    tcase_add_checked_fixture(rules, setup, arena_tear_down);
    tcase_add_test(rules, a_rule_touches_its_direction_only);
    tcase_add_test(rules, a_rule_for_both_directions_touches_both);
    tcase_add_test(rules, a_rule_with_a_type_touches_that_type_only);
    tcase_add_test(rules, a_role_is_looked_up_for_each_message);
    tcase_add_test(rules, loses_about_the_share_it_is_told);
    tcase_add_test(rules, duplicates_once_and_delivers_the_copy_no_earlier);
    tcase_add_test(rules, a_copy_that_a_full_link_has_no_room_for_evicts_one_too);
    tcase_add_test(rules, reordering_delays_some_behind_later_ones);
    tcase_add_test(rules, a_delay_is_one_effect_whatever_it_is_made_of);
    tcase_add_test(rules, corrupts_exactly_one_bit);
    tcase_add_test(rules, bandwidth_makes_messages_of_a_link_queue_up);
    tcase_add_test(rules, a_rule_delays_by_its_latency_and_within_its_jitter);
    tcase_add_test(rules, several_rules_add_up);
    tcase_add_test(rules, a_full_link_evicts_one_message_for_each_that_is_too_many);
    tcase_add_test(rules, a_truncated_message_is_a_proper_first_part);
    tcase_add_test(rules, a_reset_lets_a_first_part_of_what_is_under_way_arrive);
    tcase_add_test(rules, a_reset_breaks_the_other_direction_only_if_it_is_for_both);
    tcase_add_test(rules, a_loss_of_a_link_goes_on_for_its_burst);
    tcase_add_test(rules, a_tail_makes_a_few_messages_very_late);
    tcase_add_test(rules, a_rule_moves_no_delay_of_another_message);
    tcase_add_test(rules, a_trigger_counts_what_matches);
    suite_add_tcase(suite, rules);
    return suite;
}

int main(void)
{
    return unit_main(network_suite());
}
