/* Rules of the network: links that are cut, clusters that fall into parts, messages that are held
 * back and come later, and the end of a rule. */
#include "network_fixture.h"

START_TEST(a_cut_drops_what_is_under_way_and_what_is_sent)
{
    struct sim_link_rule *rule = rule_from_to(1, 2);
    rule->cut = true;
    send_text(1, 2, "under way");
    sim_network_rule_activate(network, rule);
    send_text(1, 2, "too late");
    expect_silence();
    ck_assert(reaches(2, 1) && reaches(1, 3));
    ck_assert_uint_eq(network->dropped, 2);
    ck_assert_uint_eq(world_double.faults, 2);
    ck_assert_uint_eq(rule->trigger.fired, 2);
    sim_network_rule_heal(network, rule);
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
    send_text(1, 3, "clock");
    expect_text("clock");
    expect_silence();
    send_text(1, 2, "after");
    expect_text("after");
}
END_TEST

START_TEST(a_cut_of_a_type_lets_the_others_pass)
{
    struct sim_link_rule *rule = rule_from_to(1, 2);
    rule->cut = true;
    rule->both = true;
    strcpy(rule->type, "vote_req");
    sim_network_rule_activate(network, rule);
    send_text(1, 2, "vote");
    send_text(2, 1, "vote");
    send_text(1, 2, "append");
    expect_text("append");
    expect_silence();
}
END_TEST

START_TEST(a_partition_cuts_between_groups_and_not_within)
{
    struct sim_link_rule *rule = sim_network_rule_new(network);
    rule->partition = true;
    rule->groups[1] = 1;
    rule->groups[2] = 2;
    rule->groups[3] = 2;
    rule->groups[4] = 0; /* a bridge */
    send_text(1, 2, "under way");
    sim_network_rule_activate(network, rule);
    expect_silence();
    for (uint32_t from = 1; from <= 4; from++) {
        for (uint32_t to = 1; to <= 4; to++) {
            bool is_cut =
                (from == 1 && (to == 2 || to == 3)) || (to == 1 && (from == 2 || from == 3));
            ck_assert_msg(from == to || reaches(from, to) != is_cut, "%u -> %u", from, to);
        }
    }
    rule->trigger.until_ns = world->scheduler.now_ns;
    ck_assert(reaches(1, 2));
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
    uint32_t places[5] = {0}; /* the places that each has had, as bits */
    for (int round = 0; round < 60; round++) {
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
            places[packet->bytes[0]] |= 1u << i;
            arena_free(world->arena, packet);
        }
        ck_assert_uint_eq(seen, 0x1f); /* each of them, once */
        expect_silence();
    }
    for (int i = 0; i < 5; i++) {
        ck_assert_uint_eq(places[i], 0x1f);
    }
}
END_TEST

START_TEST(what_is_held_stays_held_past_the_time_of_its_rule)
{
    struct sim_link_rule *rule = rule_from_to(1, 2);
    rule->hold = true;
    rule->trigger.until_ns = LATENCY_NS / 2;
    sim_network_rule_activate(network, rule);
    send_text(1, 2, "held");
    ck_assert(reaches(1, 3));
    send_text(1, 2, "after");
    expect_text("after");
    expect_silence();
    sim_network_rule_release(network, rule);
    expect_text("held");
    ck_assert_uint_eq(world->scheduler.now_ns, 2 * LATENCY_NS);
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
                seen[from] |= (uint32_t)reaches(from, to) << to;
            }
        }
        for (uint32_t from = 1; from <= count; from++) {
            for (uint32_t to = 1; to <= count; to++) {
                ck_assert_uint_eq(seen[from] >> to & 1u, seen[to] >> from & 1u);
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

int main(void)
{
    Suite *suite = suite_create("network_rules");
    TCase *rules = tcase_create("rules");
    tcase_add_checked_fixture(rules, setup, arena_tear_down);
    tcase_add_test(rules, a_cut_drops_what_is_under_way_and_what_is_sent);
    tcase_add_test(rules, a_cut_ends_at_its_time);
    tcase_add_test(rules, a_cut_of_a_type_lets_the_others_pass);
    tcase_add_test(rules, a_partition_cuts_between_groups_and_not_within);
    tcase_add_test(rules, holds_and_then_delivers_in_order);
    tcase_add_test(rules, what_is_held_may_come_in_another_order);
    tcase_add_test(rules, what_is_held_stays_held_past_the_time_of_its_rule);
    tcase_add_test(rules, in_a_ring_each_node_sees_another_majority);
    tcase_add_test(rules, a_rule_of_the_script_without_an_effect_is_vacuous);
    tcase_add_test(rules, heal_drops_what_is_held);
    tcase_add_test(rules, healing_twice_and_releasing_after_it_do_nothing);
    suite_add_tcase(suite, rules);
    return unit_main(suite);
}
