/* What oracles leave out is counted, by the clause and the reason. Waivers that need a history of
 * their own are tested beside the rule that they are of, by expect_waived. */
#include "oracle_double.h"
#include "unit.h"

static void forget(void)
{
    memset(fake.world->probes.hits, 0, sizeof fake.world->probes.hits);
}

static uint32_t waived(enum sim_probe waiver)
{
    return fake.world->probes.hits[waiver];
}

/* Likewise, and the nodes have called them durable. */
static void three_durable_entries(void)
{
    three_entries_everywhere();
    for (uint32_t node = 1; node <= FAKE_NODES; node++) {
        view_of(node)->durable = view_of(node)->last;
        step(node);
    }
}

/* Node 2 starts again from its disk, which the oracles have looked at. */
static void restart(enum raft_condition condition)
{
    const struct raft_entry_id last = view_of(2)->last;
    const struct raft_hard_state state = view_of(2)->state;
    struct sut_entry log[FAKE_LOG_MAX];
    memcpy(log, fake.nodes[2]->log, sizeof log);
    end(2, SIM_NODE_DOWN);
    memcpy(fake.nodes[2]->log, log, sizeof log);
    sim_oracle_starts(fake.world->oracles, 2);
    view_of(2)->state = state;
    view_of(2)->last = last;
    view_of(2)->condition = condition;
    fake.nodes[2]->node.was_damaged = condition != RAFT_RUNNING;
    forget();
    start(2);
    expect(NULL);
}

/* ---- the table ---- */

START_TEST(names_of_waivers_begin_with_their_oracle)
{
    uint32_t waivers = 0;
    for (int i = 0; i < SIM_PROBE_COUNT; i++) {
        enum sim_oracle oracle = sim_oracle_of_waiver((enum sim_probe)i);
        if (oracle == SIM_ORACLE_COUNT) {
            continue;
        }
        const char *name = sim_probe_string((enum sim_probe)i);
        size_t size = strlen(sim_oracle_string(oracle));
        ck_assert_msg(strncmp(name, sim_oracle_string(oracle), size) == 0, "%s", name);
        ck_assert_msg(name[size] == '.', "%s", name);
        waivers++;
    }
    ck_assert_int_eq(sim_oracle_of_waiver(SIM_PROBE_CRASH_LEADER), SIM_ORACLE_COUNT);
    ck_assert_uint_ge(waivers, 40);
}
END_TEST

START_TEST(says_nothing_of_a_check_whose_oracle_is_skipped)
{
    fake.world->checks_raft = false;
    restart(RAFT_CONDITION_QUARANTINED);
    expect_waived(SIM_PROBE_COUNT);
    ck_assert_uint_eq(waived(SIM_WAIVER_START_CONDITION), 0);
}
END_TEST

/* ---- what an implementation does not show ---- */

static const struct {
    uint32_t feature;
    enum sim_probe waivers[3];
} hidden[] = {
    {SUT_FEATURE_DURABLE, {SIM_WAIVER_BALLOTS_UNSEEN, SIM_WAIVER_MATCH_UNSEEN}},
    {SUT_FEATURE_PROGRESS, {SIM_WAIVER_PROGRESS_UNSEEN, SIM_WAIVER_WINDOW_UNSEEN}},
    {SUT_FEATURE_LEDGER, {SIM_WAIVER_MEMORY_UNSEEN}},
    {SUT_FEATURE_DESCRIBE, {SIM_WAIVER_REPEATS_UNSEEN, SIM_WAIVER_QUIET_UNSEEN}},
};

/* For far longer than a follower may wait, node 2 hears the leader. */
START_TEST(what_is_not_shown_is_not_judged_and_counted)
{
    forget();
    fake.world->features &= ~hidden[_i].feature;
    three_durable_entries();
    fake.nodes[1]->progress[2] = (struct raft_progress_view){.id = 2, .match = 3, .next = 4};
    fake.world->scheduler.now_ns = 1000 * MS;
    for (int i = 0; i < 100; i++) {
        fake.world->scheduler.now_ns += 20 * MS;
        arrive(1, 2, 1);
        arrive(2, 1, 1);
    }
    expect(NULL);
    for (int i = 0; i < SIM_PROBE_COUNT; i++) {
        bool is_unseen = false;
        for (int j = 0; j < 3; j++) {
            is_unseen |= hidden[_i].waivers[j] == (enum sim_probe)i && i > 0;
        }
        ck_assert_msg(is_unseen == (fake.world->probes.hits[i] > 0) ||
                          i == SIM_WAIVER_QUIET_UNSTEADY,
                      "%s", sim_probe_string((enum sim_probe)i));
    }
}
END_TEST

START_TEST(an_implementation_without_a_check_of_its_invariants_is_counted)
{
    struct sut_ops next = fake_ops;
    next.invariant_broken = NULL;
    fake.nodes[2]->node.sut = &next;
    step(2);
    expect_waived(SIM_WAIVER_INVARIANT_UNSEEN);
}
END_TEST

/* ---- starts ---- */

START_TEST(a_start_from_what_is_not_synced_is_not_compared)
{
    three_durable_entries();
    fake.is_dirty = true;
    restart(RAFT_RUNNING);
    ck_assert_uint_eq(waived(SIM_WAIVER_START_UNCLEAN), 1);
    fake.is_dirty = false;
    restart(RAFT_RUNNING);
    ck_assert_uint_eq(waived(SIM_WAIVER_START_UNCLEAN), 0);
    expect_waived(SIM_PROBE_COUNT);
}
END_TEST

START_TEST(a_start_of_a_node_that_is_not_whole_is_not_compared)
{
    three_durable_entries();
    restart(RAFT_CONDITION_RECOVERING);
    ck_assert_uint_eq(waived(SIM_WAIVER_START_CONDITION), 1);
    ck_assert_uint_eq(waived(SIM_WAIVER_START_UNCLEAN), 0);
    ck_assert_uint_eq(waived(SIM_WAIVER_START_INCOMPLETE), 0);
}
END_TEST

/* Its disk says so, and nobody has seen it do that. */
START_TEST(a_term_that_a_process_began_before_it_died_is_not_judged)
{
    end(2, SIM_NODE_DOWN);
    persist_state(2, 5, RAFT_NODE_NONE);
    sim_oracle_starts(fake.world->oracles, 2);
    view_of(2)->state.term = 5;
    start(2);
    expect(NULL);
    expect_waived(SIM_WAIVER_TERM_UNSEEN);
}
END_TEST

/* An operation fails in a start, of which the node says what it has cost, or that it fails. */
static void start_over_a_failure(enum raft_condition condition)
{
    const struct raft_io io = {.op = RAFT_IO_READ, .file = 7, .size = 50, .status = RAFT_IO};
    end(2, SIM_NODE_DOWN);
    sim_oracle_starts(fake.world->oracles, 2);
    sim_oracle_io_done(fake.world->oracles, 2, &io);
    view_of(2)->condition = condition;
    fake.nodes[2]->node.was_damaged = true;
    fake.nodes[2]->node.harmed[SIM_HARM_DISK] = fake.world->events + 1;
    start(2);
    expect(NULL);
}

START_TEST(a_failure_in_a_start_may_make_a_node_incomplete)
{
    start_over_a_failure(RAFT_CONDITION_FAILED);
    ck_assert_uint_eq(waived(SIM_WAIVER_START_INCOMPLETE), 0);
    start_over_a_failure(RAFT_CONDITION_RECOVERING);
    ck_assert_uint_eq(waived(SIM_WAIVER_START_INCOMPLETE), 1);
}
END_TEST

START_TEST(a_process_may_stop_in_good_order_though_its_state_machine_has_failed)
{
    sim_oracle_machine_failed(fake.world->oracles, 1, 0);
    fake.nodes[1]->node.state = SIM_NODE_STOPPING;
    fake.nodes[1]->node.harmed[SIM_HARM_MACHINE] = fake.world->events + 2;
    view_of(1)->condition = RAFT_CONDITION_FAILED;
    step(1);
    ck_assert_uint_eq(waived(SIM_WAIVER_MACHINE_STOPPING), 0); /* it has given up in time */
    view_of(1)->applied = 1;
    step(1);
    expect(NULL);
    expect_waived(SIM_WAIVER_MACHINE_STOPPING);
}
END_TEST

/* ---- what nodes owe ---- */

START_TEST(what_is_owed_is_demanded_later_of_late_timers)
{
    put(1, 1, 101);
    view_of(1)->durable = (struct raft_entry_id){0, 0};
    fake.world->scheduler.now_ns = 1000 * MS;
    steps(100);
    ck_assert_uint_eq(waived(SIM_WAIVER_OWED_LATE), 0);
    fake.nodes[1]->node.unsteady_ns = fake.world->scheduler.now_ns + 5000 * MS;
    steps(3000);
    expect(NULL);
    ck_assert_uint_eq(waived(SIM_WAIVER_OWED_LATE), 1); /* it begins to wait anew once */
}
END_TEST

START_TEST(time_of_late_timers_does_not_count_for_a_transfer)
{
    elect(1, 1);
    fake.world->scheduler.now_ns = 1000 * MS;
    view_of(1)->transfer_target = 2;
    steps(100);
    ck_assert_uint_eq(waived(SIM_WAIVER_TRANSFER_LATE), 0);
    fake.nodes[1]->node.unsteady_ns = fake.world->scheduler.now_ns + 5000 * MS;
    steps(1000);
    expect(NULL);
    ck_assert_uint_gt(waived(SIM_WAIVER_TRANSFER_LATE), 0);
}
END_TEST

START_TEST(a_follower_that_a_fault_has_struck_begins_to_wait_anew)
{
    enter_term(1, 1);
    fake.world->scheduler.now_ns = 1000 * MS;
    steps(500);
    forget();
    fake.nodes[1]->node.unsteady_ns = fake.world->scheduler.now_ns;
    steps(500);
    expect(NULL);
    ck_assert_uint_eq(waived(SIM_WAIVER_QUIET_UNSTEADY), 1);
}
END_TEST

/* ---- leaders ---- */

START_TEST(a_leader_may_be_deposed_by_a_node_without_pre_vote)
{
    three_durable_entries();
    fake.nodes[1]->progress[2] = (struct raft_progress_view){.id = 2, .next = 1};
    for (int i = 0; i < 40; i++) {
        fake.world->scheduler.now_ns = (uint64_t)(1000 + 50 * i) * MS;
        arrive(1, 2, 1);
        arrive(2, 1, 1);
    }
    expect(NULL);
    fake.nodes[3]->node.options.pre_vote = false;
    view_of(3)->role = RAFT_CANDIDATE;
    view_of(3)->state = (struct raft_hard_state){.term = 2, .vote = 3};
    persist_state(3, 2, 3);
    step(3);
    expect(NULL);
    expect_waived(SIM_WAIVER_DEPOSED_UNPROTECTED);
}
END_TEST

/* A configuration without node 2 comes into the log of a leader that knows what node 2 has. */
static void put_configuration(uint32_t count)
{
    static uint8_t payload[RAFT_CONFIGURATION_SIZE_MAX];
    struct fake_node *to = fake.nodes[1];
    raft_index index = to->node.view.last.index + 1;
    struct raft_configuration made = {.count = count};
    for (uint32_t i = 0; i < count; i++) {
        made.members[i] = (struct raft_member){.id = 2 * i + 1, .flags = RAFT_MEMBER_VOTER};
    }
    raft_configuration_encode(&made, payload);
    to->log[index] = (struct sut_entry){.id = {1, index},
                                        .kind = RAFT_ENTRY_CONFIGURATION,
                                        .size = (uint32_t)raft_configuration_size(&made),
                                        .payload = payload};
    to->node.view.last = to->log[index].id;
}

START_TEST(a_leader_forgets_what_somebody_has_who_is_no_member)
{
    three_durable_entries();
    fake.nodes[1]->progress[2] = (struct raft_progress_view){.id = 2, .match = 3, .next = 4};
    sim_oracle_stepped(fake.world->oracles, 1, 2);
    put_configuration(2);
    step(1);
    ck_assert_uint_eq(waived(SIM_WAIVER_BACK_ADDED), 1);
    fake.nodes[1]->progress[2].match = 1;
    sim_oracle_stepped(fake.world->oracles, 1, 2);
    expect(NULL);
    ck_assert_uint_eq(waived(SIM_WAIVER_BACK_ADDED), 2); /* that is not remembered either */
    expect_waived(SIM_WAIVER_BACK_ADDED);
}
END_TEST

/* ---- configurations ---- */

START_TEST(successors_in_a_damaged_log_may_decide_apart)
{
    fake.world->features |= SUT_FEATURE_MEMBERSHIP;
    fake.nodes[1]->node.options.voter_count = 1;
    fake.nodes[1]->node.options.voters[0] = 2;
    view_of(1)->first_damaged = 7;
    put_configuration(2);
    step(1);
    expect(NULL);
    ck_assert_uint_eq(waived(SIM_WAIVER_OVERLAP_DAMAGED), 1);
}
END_TEST

START_TEST(the_newest_configuration_of_a_damaged_or_blank_node_is_not_compared)
{
    fake.world->features |= SUT_FEATURE_MEMBERSHIP;
    view_of(1)->first_damaged = _i == 0 ? 7 : 0;
    view_of(1)->is_blank = _i == 1;
    step(1);
    expect(NULL);
    expect_waived(SIM_WAIVER_NEWEST_LOST);
}
END_TEST

START_TEST(a_configuration_that_was_set_by_hand_is_taken_from_the_nodes_word)
{
    fake.world->features |= SUT_FEATURE_MEMBERSHIP;
    sim_oracle_recovered(fake.world->oracles);
    view_of(1)->configuration_by_hand = true;
    step(1);
    expect(NULL);
    expect_waived(SIM_WAIVER_NEWEST_BY_HAND);
}
END_TEST

/* ---- bounds ---- */

START_TEST(a_log_may_be_long_while_its_node_has_something_to_wait_for)
{
    three_durable_entries();
    fake.nodes[1]->node.started.snapshot_threshold = 1;
    fake.nodes[1]->node.started.pending_requests_max = 0;
    fake.nodes[1]->node.started.snapshot_trailing = 0;
    for (int i = 0; i < 4; i++) {
        put(1, 1, 200 + (uint64_t)i);
    }
    view_of(1)->applied = 7;
    view_of(1)->member_flags = RAFT_MEMBER_VOTER;
    fake.pending = 1;
    step(1);
    expect(NULL);
    ck_assert_uint_eq(waived(SIM_WAIVER_LENGTH_BUSY), 1);
    fake.nodes[1]->node.started.snapshot_threshold = 0; /* it takes none */
    step(1);
    expect_waived(SIM_WAIVER_LENGTH_BUSY);
    ck_assert_uint_eq(waived(SIM_WAIVER_LENGTH_BUSY), 1);
}
END_TEST

START_TEST(refusals_are_counted_anew_after_a_fault)
{
    three_durable_entries();
    for (uint32_t i = 0; i < 6; i++) {
        if (i % 2 == 0) {
            fake.nodes[2]->node.harmed[SIM_HARM_MEMORY] = fake.world->events + 1;
        }
        fake.world->events++;
        send(1,
             &(struct sut_message){
                 .type = "append_req", .from = 1, .to = 2, .term = 1, .asks = true, .position = 5});
        const struct sut_message refusal = {.type = "append_rep",
                                            .from = 2,
                                            .to = 1,
                                            .term = 1,
                                            .refuses = true,
                                            .position = 5,
                                            .hint = {1, 3}};
        sim_oracle_arrives(fake.world->oracles, 1, (const uint8_t *)&refusal, sizeof refusal);
    }
    expect(NULL);
    expect_waived(SIM_WAIVER_HINT_HARM);
    ck_assert_uint_eq(waived(SIM_WAIVER_HINT_HARM), 2); /* before the first there was none */
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("oracle_waivers");
    TCase *tests = tcase_create("waivers");
    suite_add_tcase(suite, tests);
    tcase_add_checked_fixture(tests, fake_setup_leading, arena_tear_down);
    tcase_add_test(tests, names_of_waivers_begin_with_their_oracle);
    tcase_add_test(tests, says_nothing_of_a_check_whose_oracle_is_skipped);
    tcase_add_loop_test(tests, what_is_not_shown_is_not_judged_and_counted, 0, 4);
    tcase_add_test(tests, an_implementation_without_a_check_of_its_invariants_is_counted);
    tcase_add_test(tests, a_start_from_what_is_not_synced_is_not_compared);
    tcase_add_test(tests, a_start_of_a_node_that_is_not_whole_is_not_compared);
    tcase_add_test(tests, a_term_that_a_process_began_before_it_died_is_not_judged);
    tcase_add_test(tests, a_failure_in_a_start_may_make_a_node_incomplete);
    tcase_add_test(tests, a_process_may_stop_in_good_order_though_its_state_machine_has_failed);
    tcase_add_test(tests, what_is_owed_is_demanded_later_of_late_timers);
    tcase_add_test(tests, time_of_late_timers_does_not_count_for_a_transfer);
    tcase_add_test(tests, a_follower_that_a_fault_has_struck_begins_to_wait_anew);
    tcase_add_test(tests, a_leader_may_be_deposed_by_a_node_without_pre_vote);
    tcase_add_test(tests, a_leader_forgets_what_somebody_has_who_is_no_member);
    tcase_add_test(tests, successors_in_a_damaged_log_may_decide_apart);
    tcase_add_loop_test(tests, the_newest_configuration_of_a_damaged_or_blank_node_is_not_compared,
                        0, 2);
    tcase_add_test(tests, a_configuration_that_was_set_by_hand_is_taken_from_the_nodes_word);
    tcase_add_test(tests, a_log_may_be_long_while_its_node_has_something_to_wait_for);
    tcase_add_test(tests, refusals_are_counted_anew_after_a_fault);
    return unit_main(suite);
}
