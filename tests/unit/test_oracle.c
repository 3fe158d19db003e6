/* Every oracle fires on a tiny bad history, by its name and alone, and is silent on a good one. */
#include "oracle_double.h"
#include "unit.h"

static void submit(uint64_t request, uint64_t value)
{
    sim_oracle_submitted(fake.world->oracles, 1, request, (const uint8_t *)&value, sizeof value);
}

static void complete(uint64_t request, enum raft_status status, raft_index index)
{
    sim_oracle_completed(fake.world->oracles, 1, request, status, index);
}

START_TEST(silent_on_a_good_history)
{
    submit(1, 101);
    three_entries_everywhere();
    commit(1, 3);
    commit(2, 3);
    apply(1, 1, 11);
    complete(1, RAFT_OK, 1);
    apply(2, 1, 11);
    /* Node 3 leads next; an entry of node 1 that nobody else has gives way. */
    put(1, 1, 777);
    persist(1);
    step(1);
    elect(3, 2);
    put(3, 2, 104);
    persist(3);
    step(3);
    cut(1, 3);
    put(1, 2, 104);
    persist(1);
    view_of(1)->role = RAFT_FOLLOWER;
    enter_term(1, 2);
    step(1);
    send(1, &(struct sut_message){.type = "append_rep",
                                  .from = 1,
                                  .to = 3,
                                  .term = 2,
                                  .claims_term = true,
                                  .claims_index = 4});
    step(1);
    fake.nodes[3]->progress[1] = (struct raft_progress_view){.id = 1, .match = 4, .next = 5};
    sim_oracle_stepped(fake.world->oracles, 3, 1);
    commit(3, 4);
    ck_assert_uint_eq(sim_oracle_committed(fake.world->oracles), 4);
    ck_assert_uint_eq(sim_oracle_leader_changes(fake.world->oracles), 1);
    end(1, SIM_NODE_DOWN);
    view_of(1)->state.term = 2;
    start(1);
    sim_oracles_finish(fake.world->oracles);
    expect(NULL);
    expect_waived(SIM_PROBE_COUNT);
}
END_TEST

START_TEST(election_safety_fires_on_two_leaders_in_a_term)
{
    elect(1, 1);
    elect(2, 1);
    expect("election-safety");
    expect_signature("election-safety: two leaders in one term");
}
END_TEST

START_TEST(election_safety_fires_on_a_second_vote_in_a_term)
{
    const struct sut_message vote = {
        .type = "vote_rep", .from = 3, .to = 1, .term = 1, .claims_term = true, .claims_vote = 1};
    persist_state(3, 1, 1);
    send(3, &vote);
    expect(NULL);
    persist_state(3, 1, 2);
    expect("election-safety");
}
END_TEST

START_TEST(election_safety_fires_on_a_vote_forgotten_over_a_restart)
{
    enter_term(3, 4);
    view_of(3)->state.vote = 1;
    persist_state(3, 4, 1);
    step(3);
    end(3, SIM_NODE_DOWN);
    view_of(3)->state.term = 4;
    start(3);
    expect("election-safety");
    expect_signature("election-safety: a vote was forgotten over a restart");
}
END_TEST

START_TEST(log_matching_fires_on_one_position_with_two_entries)
{
    put(1, 1, 5);
    put(2, 1, 6);
    step(1);
    expect(NULL);
    step(2);
    expect("log-matching");
}
END_TEST

START_TEST(log_matching_fires_on_equal_entries_after_different_ones)
{
    put(1, 1, 5);
    put(1, 3, 7);
    step(1);
    put(2, 2, 6);
    put(2, 3, 7);
    step(2);
    expect("log-matching");
}
END_TEST

START_TEST(log_matching_fires_on_a_hole)
{
    put(1, 1, 5);
    view_of(1)->last.index = 2;
    step(1);
    expect("log-matching");
}
END_TEST

START_TEST(log_matching_accepts_a_replaced_suffix_after_several_cuts_in_one_step)
{
    replicate(1, 3);
    cut(1, 2);
    cut(1, 1);
    put(1, 2, 8);
    put(1, 2, 9);
    step(1);
    expect(NULL);
}
END_TEST

START_TEST(leader_append_only_fires_when_a_leader_cuts_its_log)
{
    elect(1, 1);
    replicate(1, 2);
    cut(1, 1);
    step(1);
    expect("leader-append-only");
}
END_TEST

START_TEST(leader_append_only_accepts_a_cut_after_stepping_down)
{
    elect(1, 1);
    replicate(1, 2);
    view_of(1)->role = RAFT_FOLLOWER;
    cut(1, 1);
    step(1);
    expect(NULL);
}
END_TEST

START_TEST(leader_completeness_fires_when_a_leader_lacks_a_committed_entry)
{
    elect(1, 1);
    replicate(1, 2);
    replicate(2, 2);
    replicate(3, 1);
    commit(1, 2);
    elect(3, 2);
    expect("leader-completeness");
}
END_TEST

START_TEST(leader_completeness_fires_when_a_leader_has_another_entry)
{
    three_entries_everywhere();
    commit(1, 3);
    cut(2, 2);
    put(2, 2, 55);
    step(2);
    elect(2, 3);
    expect("leader-completeness");
}
END_TEST

START_TEST(leader_completeness_accepts_a_late_leader_of_an_old_term)
{
    elect(1, 5);
    replicate(1, 1);
    replicate(2, 1);
    put(1, 5, 50);
    put(2, 5, 50);
    persist(1);
    persist(2);
    step(1);
    step(2);
    commit(1, 2);
    elect(3, 4);
    expect(NULL);
}
END_TEST

START_TEST(state_machine_safety_fires_when_two_nodes_commit_different_entries)
{
    elect(1, 1);
    replicate(1, 1);
    replicate(2, 1);
    commit(1, 1);
    put(3, 2, 9);
    step(3);
    commit(3, 1);
    expect("state-machine-safety");
}
END_TEST

START_TEST(state_machine_safety_fires_when_a_committed_entry_is_cut)
{
    three_entries_everywhere();
    commit(1, 2);
    commit(2, 2);
    view_of(2)->commit = 2;
    cut(2, 1);
    step(2);
    expect("state-machine-safety");
}
END_TEST

START_TEST(state_machine_safety_fires_on_an_entry_applied_twice)
{
    three_entries_everywhere();
    commit(1, 3);
    apply(1, 1, 11);
    apply(1, 1, 11);
    expect("state-machine-safety");
}
END_TEST

START_TEST(state_machine_safety_fires_on_an_entry_applied_before_it_is_committed)
{
    three_entries_everywhere();
    apply(1, 1, 11);
    expect("state-machine-safety");
}
END_TEST

START_TEST(state_machine_safety_fires_on_different_results)
{
    three_entries_everywhere();
    commit(1, 1);
    apply(1, 1, 11);
    apply(2, 1, 12);
    expect("state-machine-safety");
}
END_TEST

START_TEST(state_machine_safety_accepts_a_replay_after_a_restart)
{
    three_entries_everywhere();
    commit(1, 1);
    apply(1, 1, 11);
    end(1, SIM_NODE_DOWN);
    view_of(1)->state = (struct raft_hard_state){.term = 1, .vote = 1};
    replicate(1, 3);
    start(1);
    apply(1, 1, 11);
    expect(NULL);
}
END_TEST

START_TEST(durable_majority_fires_when_an_entry_is_on_one_disk_only)
{
    elect(1, 1);
    replicate(1, 1);
    put(2, 1, 101);
    put(3, 1, 101);
    step(2);
    step(3);
    commit(1, 1);
    expect("durable-majority");
}
END_TEST

START_TEST(durable_majority_fires_when_a_disk_holds_another_entry)
{
    elect(1, 1);
    replicate(1, 1);
    put(2, 2, 9);
    persist(2);
    step(2);
    commit(1, 1);
    expect("durable-majority");
}
END_TEST

START_TEST(durable_majority_counts_the_disk_of_a_node_that_is_down)
{
    elect(1, 1);
    replicate(1, 1);
    replicate(2, 1);
    end(2, SIM_NODE_DOWN);
    commit(1, 1);
    expect(NULL);
}
END_TEST

START_TEST(durable_majority_does_not_count_a_file_that_is_gone)
{
    elect(1, 1);
    replicate(1, 1);
    replicate(2, 1);
    remove_file(2, "log");
    commit(1, 1);
    expect("durable-majority");
}
END_TEST

START_TEST(durable_majority_does_not_count_an_entry_behind_a_hole)
{
    elect(1, 1);
    replicate(1, 2);
    const uint64_t second[3] = {1, 2, 102};
    show_file(2, "log", second, sizeof second);
    commit(1, 2);
    expect("durable-majority");
}
END_TEST

START_TEST(durable_majority_fires_on_a_commit_index_beyond_the_log)
{
    elect(1, 1);
    commit(1, 1);
    expect("durable-majority");
}
END_TEST

START_TEST(current_term_commit_fires_when_a_leader_commits_an_older_term)
{
    replicate(1, 1);
    replicate(2, 1);
    elect(1, 2);
    commit(1, 1);
    expect("current-term-commit");
    expect_signature("current-term-commit: a leader committed an entry of an older...");
}
END_TEST

START_TEST(speaks_durable_fires_on_a_term_that_is_in_memory_only)
{
    persist_state(1, 1, RAFT_NODE_NONE);
    send(1, &(struct sut_message){.type = "append_rep", .term = 2, .claims_term = true});
    expect("speaks-durable");
}
END_TEST

START_TEST(speaks_durable_fires_on_a_vote_that_is_in_memory_only)
{
    persist_state(1, 2, RAFT_NODE_NONE);
    send(1, &(struct sut_message){
                .type = "vote_rep", .to = 3, .term = 2, .claims_term = true, .claims_vote = 3});
    expect("speaks-durable");
}
END_TEST

START_TEST(speaks_durable_fires_on_an_index_that_is_in_memory_only)
{
    replicate(1, 2);
    put(1, 1, 103);
    send(1, &(struct sut_message){.type = "append_rep", .claims_index = 2});
    step(1);
    expect(NULL);
    send(1, &(struct sut_message){.type = "append_rep", .claims_index = 3});
    step(1);
    expect("speaks-durable");
}
END_TEST

START_TEST(speaks_durable_fires_on_an_entry_that_the_disk_has_in_an_older_version)
{
    replicate(1, 2);
    cut(1, 1);
    put(1, 2, 7);
    step(1);
    send(1, &(struct sut_message){.type = "append_rep", .claims_index = 2});
    step(1);
    expect("speaks-durable");
}
END_TEST

START_TEST(speaks_durable_fires_on_the_last_words_of_a_process)
{
    replicate(1, 2);
    put(1, 1, 103);
    send(1, &(struct sut_message){.type = "append_rep", .claims_index = 3});
    end(1, SIM_NODE_DOWN);
    expect("speaks-durable");
    expect_waived(SIM_WAIVER_CLAIM_DIED);
}
END_TEST

START_TEST(speaks_durable_fires_on_bytes_that_are_no_message)
{
    const uint8_t byte = 0;
    sim_oracle_sent(fake.world->oracles, 1, &byte, sizeof byte);
    expect("speaks-durable");
}
END_TEST

static void lower_term(void)
{
    view_of(1)->state.term = 2;
}

static void lower_commit(void)
{
    view_of(1)->commit = 1;
}

static void lower_applied(void)
{
    view_of(1)->applied = 1;
}

static void (*const lowerings[])(void) = {lower_term, lower_commit, lower_applied};

START_TEST(monotonic_fires_when_something_goes_back)
{
    three_entries_everywhere();
    commit(1, 2);
    view_of(1)->applied = 2;
    view_of(1)->role = RAFT_FOLLOWER;
    enter_term(1, 3);
    step(1);
    expect(NULL);
    lowerings[_i]();
    step(1);
    expect("monotonic");
}
END_TEST

START_TEST(monotonic_fires_when_a_restart_forgets_the_term)
{
    enter_term(1, 3);
    step(1);
    end(1, SIM_NODE_DOWN);
    view_of(1)->state.term = 2;
    start(1);
    expect("monotonic");
}
END_TEST

static const struct {
    raft_index match;
    raft_index next;
} wrong_progress[] = {{2, 2}, {1, 3}, {3, 4}};

START_TEST(monotonic_fires_on_wrong_progress)
{
    enter_term(2, 1);
    elect(1, 1);
    replicate(1, 3);
    replicate(2, 2);
    fake.nodes[1]->progress[2] = (struct raft_progress_view){.id = 2, .match = 2, .next = 3};
    sim_oracle_stepped(fake.world->oracles, 1, 2);
    expect(NULL);
    fake.nodes[1]->progress[2].match = wrong_progress[_i].match;
    fake.nodes[1]->progress[2].next = wrong_progress[_i].next;
    sim_oracle_stepped(fake.world->oracles, 1, 2);
    expect("monotonic");
}
END_TEST

START_TEST(monotonic_accepts_a_late_answer_of_a_peer_that_follows_another_leader)
{
    enter_term(2, 1);
    elect(1, 1);
    replicate(1, 3);
    replicate(2, 3);
    enter_term(2, 2);
    cut(2, 2);
    put(2, 2, 9);
    persist(2);
    step(2);
    fake.nodes[1]->progress[2] = (struct raft_progress_view){.id = 2, .match = 3, .next = 4};
    sim_oracle_stepped(fake.world->oracles, 1, 2);
    expect(NULL);
    expect_waived(SIM_WAIVER_MATCH_DEPOSED);
}
END_TEST

/* Commands 101..103, committed and applied by node 1. */
static void three_entries_applied(void)
{
    three_entries_everywhere();
    commit(1, 3);
    for (raft_index index = 1; index <= 3; index++) {
        apply(1, index, index);
    }
}

START_TEST(request_once_accepts_ok_lost_and_definite_failures)
{
    submit(1, 101);
    submit(2, 102);
    submit(3, 103);
    submit(4, 444);
    three_entries_applied();
    complete(1, RAFT_OK, 1);
    complete(2, RAFT_LOST, 0);
    complete(4, RAFT_BUSY, 0);
    end(1, SIM_NODE_DOWN);
    sim_oracles_finish(fake.world->oracles);
    expect(NULL);
}
END_TEST

START_TEST(request_once_accepts_a_failed_attempt_beside_a_good_one)
{
    submit(1, 101);
    complete(1, RAFT_BUSY, 0);
    submit(2, 101);
    submit(3, 102);
    submit(4, 103);
    three_entries_applied();
    complete(2, RAFT_OK, 1);
    complete(3, RAFT_OK, 2);
    complete(4, RAFT_OK, 3);
    sim_oracles_finish(fake.world->oracles);
    expect(NULL);
}
END_TEST

START_TEST(request_once_accepts_a_completion_before_the_submission_returns)
{
    complete(1, RAFT_LOST, 0);
    submit(1, 101);
    sim_oracles_finish(fake.world->oracles);
    expect(NULL);
}
END_TEST

START_TEST(request_once_fires_on_a_second_completion)
{
    submit(1, 101);
    complete(1, RAFT_LOST, 0);
    complete(1, RAFT_LOST, 0);
    expect("request-once");
}
END_TEST

START_TEST(request_once_fires_on_a_completion_that_nobody_waits_for)
{
    complete(1, RAFT_LOST, 0);
    sim_oracles_finish(fake.world->oracles);
    expect("request-once");
}
END_TEST

START_TEST(request_once_fires_on_a_number_taken_twice)
{
    submit(1, 101);
    submit(1, 102);
    expect("request-once");
}
END_TEST

START_TEST(request_once_fires_when_an_orderly_stop_forgets_a_request)
{
    submit(1, 101);
    end(1, SIM_NODE_STOPPED);
    expect("request-once");
}
END_TEST

START_TEST(request_once_fires_when_a_request_is_open_at_the_end)
{
    submit(1, 101);
    sim_oracles_finish(fake.world->oracles);
    expect("request-once");
}
END_TEST

START_TEST(request_once_fires_on_ok_for_another_command)
{
    submit(1, 999);
    three_entries_applied();
    complete(1, RAFT_OK, 1);
    expect("request-once");
}
END_TEST

START_TEST(request_once_fires_on_ok_before_anything_was_applied)
{
    submit(1, 101);
    complete(1, RAFT_OK, 1);
    expect("request-once");
}
END_TEST

START_TEST(request_once_fires_when_a_definite_failure_was_applied)
{
    submit(1, 101);
    complete(1, RAFT_BUSY, 0);
    submit(2, 102);
    submit(3, 103);
    three_entries_applied();
    complete(2, RAFT_OK, 2);
    complete(3, RAFT_OK, 3);
    expect(NULL);
    sim_oracles_finish(fake.world->oracles);
    expect("request-once");
}
END_TEST

START_TEST(request_once_fires_on_a_command_that_no_node_took)
{
    submit(1, 101);
    submit(2, 102);
    three_entries_applied();
    complete(1, RAFT_OK, 1);
    complete(2, RAFT_OK, 2);
    sim_oracles_finish(fake.world->oracles);
    expect("request-once");
}
END_TEST

START_TEST(no_false_alarm_fires_on_an_error_state_without_a_fault)
{
    view_of(2)->condition = RAFT_CONDITION_NOSPACE;
    step(2);
    expect("no-false-alarm");
}
END_TEST

START_TEST(no_false_alarm_accepts_an_error_state_after_a_fault)
{
    fake.nodes[2]->node.harmed[SIM_HARM_SPACE] = fake.world->events + 1;
    view_of(2)->condition = RAFT_CONDITION_NOSPACE;
    step(2);
    expect(NULL);
}
END_TEST

START_TEST(no_false_alarm_fires_when_a_failed_node_speaks)
{
    fake.nodes[2]->node.harmed[SIM_HARM_DISK] = fake.world->events + 1;
    view_of(2)->condition = RAFT_CONDITION_FAILED;
    step(2);
    send(2, &(struct sut_message){.type = "append_rep"});
    expect("no-false-alarm");
}
END_TEST

START_TEST(invariant_fires_when_the_implementation_says_so)
{
    fake.nodes[2]->broken_invariant = "7: only a running node leads";
    step(2);
    expect("invariant");
    ck_assert_uint_eq(fake.world->finding.node, 2);
}
END_TEST

START_TEST(is_skipped_with_a_reason_when_the_implementation_lacks_a_feature)
{
    const struct sim_oracles *oracles = fake.world->oracles;
    ck_assert_ptr_null(sim_oracle_skipped(oracles, SIM_ORACLE_SPEAKS_DURABLE));
    uint32_t features = fake.world->features;
    fake.world->features = 0;
    ck_assert_ptr_nonnull(sim_oracle_skipped(oracles, SIM_ORACLE_SPEAKS_DURABLE));
    ck_assert_ptr_nonnull(sim_oracle_skipped(oracles, SIM_ORACLE_DURABLE_MAJORITY));
    ck_assert_ptr_nonnull(sim_oracle_skipped(oracles, SIM_ORACLE_LEDGER));
    ck_assert_ptr_null(sim_oracle_skipped(oracles, SIM_ORACLE_LOG_MATCHING));
    elect(1, 1);
    put(1, 1, 1);
    commit(1, 1);
    fake.world->features = features;
    expect(NULL);
}
END_TEST

static const struct {
    enum sim_oracle oracle;
    uint32_t feature;
} needs[] = {
    {SIM_ORACLE_LEDGER, SUT_FEATURE_LEDGER},
    {SIM_ORACLE_DURABLE_MAJORITY, SUT_FEATURE_DURABLE},
    {SIM_ORACLE_SPEAKS_DURABLE, SUT_FEATURE_DURABLE},
    {SIM_ORACLE_SPEAKS_DURABLE, SUT_FEATURE_DESCRIBE},
    {SIM_ORACLE_RECOVERY, SUT_FEATURE_DURABLE},
    {SIM_ORACLE_WITNESS, SUT_FEATURE_WITNESS},
    {SIM_ORACLE_STABILITY, SUT_FEATURE_DESCRIBE},
    {SIM_ORACLE_STABILITY, SUT_FEATURE_PRE_VOTE},
    {SIM_ORACLE_STABILITY, SUT_FEATURE_CHECK_QUORUM},
    {SIM_ORACLE_READ_INDEX, SUT_FEATURE_READ},
    {SIM_ORACLE_CONFIGURATION, SUT_FEATURE_MEMBERSHIP},
};
#define NEEDS (sizeof needs / sizeof needs[0])

/* And no rule for want of what it does not need. */
START_TEST(a_rule_is_skipped_when_the_implementation_lacks_what_it_needs)
{
    for (uint32_t bit = 0; bit < 14; bit++) {
        uint32_t expected = 0;
        uint32_t skipped = 0;
        for (size_t i = 0; i < NEEDS; i++) {
            expected |= needs[i].feature == 1u << bit ? 1u << needs[i].oracle : 0;
        }
        fake.world->features = ~(1u << bit);
        for (int oracle = 0; oracle < SIM_ORACLE_COUNT; oracle++) {
            bool is_on = sim_oracle_skipped(fake.world->oracles, (enum sim_oracle)oracle) == NULL ||
                         oracle == SIM_ORACLE_INVARIANT; /* of an operation, not of a feature */
            skipped |= is_on ? 0 : 1u << oracle;
        }
        ck_assert_uint_eq(skipped, expected);
    }
}
END_TEST

START_TEST(is_skipped_with_a_reason_when_the_scenario_says_so)
{
    fake.world->checks_raft = false;
    for (int oracle = 0; oracle < SIM_ORACLE_COUNT; oracle++) {
        const char *why = sim_oracle_skipped(fake.world->oracles, (enum sim_oracle)oracle);
        ck_assert_int_eq(why == NULL, oracle == SIM_ORACLE_LEDGER ||
                                          oracle == SIM_ORACLE_LINEARIZABLE ||
                                          oracle == SIM_ORACLE_DETERMINISTIC);
    }
    elect(1, 1);
    elect(2, 1);
    expect(NULL);
}
END_TEST

START_TEST(counts_the_checks_of_each_oracle)
{
    three_entries_applied();
    const struct sim_oracles *oracles = fake.world->oracles;
    ck_assert_uint_eq(sim_oracle_checks(oracles, SIM_ORACLE_DURABLE_MAJORITY), 1);
    ck_assert_uint_eq(sim_oracle_checks(oracles, SIM_ORACLE_LOG_MATCHING), 9);
    ck_assert_uint_eq(sim_oracle_checks(oracles, SIM_ORACLE_LEADER_COMPLETENESS), 1);
    ck_assert_uint_eq(sim_oracle_checks(oracles, SIM_ORACLE_LINEARIZABLE), 0);
    sim_oracle_count(fake.world->oracles, SIM_ORACLE_LINEARIZABLE);
    ck_assert_uint_eq(sim_oracle_checks(oracles, SIM_ORACLE_LINEARIZABLE), 1);
}
END_TEST

START_TEST(has_converged_when_all_have_applied_and_agree_on_a_leader)
{
    three_entries_everywhere();
    commit(1, 3);
    ck_assert(!sim_oracle_converged(fake.world->oracles));
    for (uint32_t node = 1; node <= FAKE_NODES; node++) {
        view_of(node)->applied = 3;
        view_of(node)->leader = 1;
    }
    ck_assert(sim_oracle_converged(fake.world->oracles));
    view_of(2)->leader = 3;
    ck_assert(!sim_oracle_converged(fake.world->oracles));
    end(2, SIM_NODE_DOWN);
    ck_assert(sim_oracle_converged(fake.world->oracles));
    view_of(3)->condition = RAFT_CONDITION_NOSPACE;
    ck_assert(sim_oracle_converged(fake.world->oracles));
    fake.world->phase = SIM_PHASE_HEAL;
    ck_assert(!sim_oracle_converged(fake.world->oracles));
    view_of(3)->condition = RAFT_RUNNING;
    ck_assert(!sim_oracle_converged(fake.world->oracles));
    for (uint32_t node = 1; node <= FAKE_NODES; node++) {
        view_of(node)->durable = view_of(node)->last;
    }
    ck_assert(sim_oracle_converged(fake.world->oracles));
    view_of(1)->transfer_target = 3;
    ck_assert(!sim_oracle_converged(fake.world->oracles));
    view_of(1)->transfer_target = RAFT_NODE_NONE;
    submit(1, 101);
    ck_assert(!sim_oracle_converged(fake.world->oracles));
    expect_waived(SIM_PROBE_COUNT);
}
END_TEST

START_TEST(every_oracle_has_a_name_and_a_rule)
{
    for (int oracle = 0; oracle < SIM_ORACLE_COUNT; oracle++) {
        ck_assert_uint_gt(strlen(sim_oracle_string((enum sim_oracle)oracle)), 0);
        ck_assert_uint_gt(strlen(sim_oracle_rule((enum sim_oracle)oracle)), 0);
    }
}
END_TEST

static TCase *case_new(const char *name)
{
    TCase *tests = tcase_create(name);
    tcase_add_checked_fixture(tests, fake_setup, arena_tear_down);
    return tests;
}

static TCase *log_case(void)
{
    TCase *tests = case_new("log");
    tcase_add_test(tests, log_matching_fires_on_one_position_with_two_entries);
    tcase_add_test(tests, log_matching_fires_on_equal_entries_after_different_ones);
    tcase_add_test(tests, log_matching_fires_on_a_hole);
    tcase_add_test(tests, log_matching_accepts_a_replaced_suffix_after_several_cuts_in_one_step);
    tcase_add_test(tests, state_machine_safety_fires_when_two_nodes_commit_different_entries);
    tcase_add_test(tests, state_machine_safety_fires_when_a_committed_entry_is_cut);
    tcase_add_test(tests, state_machine_safety_fires_on_an_entry_applied_twice);
    tcase_add_test(tests, state_machine_safety_fires_on_an_entry_applied_before_it_is_committed);
    tcase_add_test(tests, state_machine_safety_fires_on_different_results);
    tcase_add_test(tests, state_machine_safety_accepts_a_replay_after_a_restart);
    tcase_add_test(tests, current_term_commit_fires_when_a_leader_commits_an_older_term);
    return tests;
}

static TCase *election_case(void)
{
    TCase *tests = case_new("election");
    tcase_add_test(tests, election_safety_fires_on_two_leaders_in_a_term);
    tcase_add_test(tests, election_safety_fires_on_a_second_vote_in_a_term);
    tcase_add_test(tests, election_safety_fires_on_a_vote_forgotten_over_a_restart);
    tcase_add_test(tests, leader_append_only_fires_when_a_leader_cuts_its_log);
    tcase_add_test(tests, leader_append_only_accepts_a_cut_after_stepping_down);
    tcase_add_test(tests, leader_completeness_fires_when_a_leader_lacks_a_committed_entry);
    tcase_add_test(tests, leader_completeness_fires_when_a_leader_has_another_entry);
    tcase_add_test(tests, leader_completeness_accepts_a_late_leader_of_an_old_term);
    return tests;
}

static TCase *durable_case(void)
{
    TCase *tests = case_new("durable");
    tcase_add_test(tests, durable_majority_fires_when_an_entry_is_on_one_disk_only);
    tcase_add_test(tests, durable_majority_fires_when_a_disk_holds_another_entry);
    tcase_add_test(tests, durable_majority_counts_the_disk_of_a_node_that_is_down);
    tcase_add_test(tests, durable_majority_does_not_count_a_file_that_is_gone);
    tcase_add_test(tests, durable_majority_does_not_count_an_entry_behind_a_hole);
    tcase_add_test(tests, durable_majority_fires_on_a_commit_index_beyond_the_log);
    tcase_add_test(tests, speaks_durable_fires_on_a_term_that_is_in_memory_only);
    tcase_add_test(tests, speaks_durable_fires_on_a_vote_that_is_in_memory_only);
    tcase_add_test(tests, speaks_durable_fires_on_an_index_that_is_in_memory_only);
    tcase_add_test(tests, speaks_durable_fires_on_an_entry_that_the_disk_has_in_an_older_version);
    tcase_add_test(tests, speaks_durable_fires_on_the_last_words_of_a_process);
    tcase_add_test(tests, speaks_durable_fires_on_bytes_that_are_no_message);
    return tests;
}

static TCase *view_case(void)
{
    TCase *tests = case_new("view");
    tcase_add_test(tests, silent_on_a_good_history);
    tcase_add_loop_test(tests, monotonic_fires_when_something_goes_back, 0, 3);
    tcase_add_test(tests, monotonic_fires_when_a_restart_forgets_the_term);
    tcase_add_loop_test(tests, monotonic_fires_on_wrong_progress, 0, 3);
    tcase_add_test(tests, monotonic_accepts_a_late_answer_of_a_peer_that_follows_another_leader);
    tcase_add_test(tests, no_false_alarm_fires_on_an_error_state_without_a_fault);
    tcase_add_test(tests, no_false_alarm_accepts_an_error_state_after_a_fault);
    tcase_add_test(tests, no_false_alarm_fires_when_a_failed_node_speaks);
    tcase_add_test(tests, invariant_fires_when_the_implementation_says_so);
    tcase_add_test(tests, is_skipped_with_a_reason_when_the_implementation_lacks_a_feature);
    tcase_add_test(tests, a_rule_is_skipped_when_the_implementation_lacks_what_it_needs);
    tcase_add_test(tests, is_skipped_with_a_reason_when_the_scenario_says_so);
    tcase_add_test(tests, counts_the_checks_of_each_oracle);
    tcase_add_test(tests, has_converged_when_all_have_applied_and_agree_on_a_leader);
    tcase_add_test(tests, every_oracle_has_a_name_and_a_rule);
    return tests;
}

static TCase *request_case(void)
{
    TCase *tests = case_new("request");
    tcase_add_test(tests, request_once_accepts_ok_lost_and_definite_failures);
    tcase_add_test(tests, request_once_accepts_a_failed_attempt_beside_a_good_one);
    tcase_add_test(tests, request_once_accepts_a_completion_before_the_submission_returns);
    tcase_add_test(tests, request_once_fires_on_a_second_completion);
    tcase_add_test(tests, request_once_fires_on_a_completion_that_nobody_waits_for);
    tcase_add_test(tests, request_once_fires_on_a_number_taken_twice);
    tcase_add_test(tests, request_once_fires_when_an_orderly_stop_forgets_a_request);
    tcase_add_test(tests, request_once_fires_when_a_request_is_open_at_the_end);
    tcase_add_test(tests, request_once_fires_on_ok_for_another_command);
    tcase_add_test(tests, request_once_fires_on_ok_before_anything_was_applied);
    tcase_add_test(tests, request_once_fires_when_a_definite_failure_was_applied);
    tcase_add_test(tests, request_once_fires_on_a_command_that_no_node_took);
    return tests;
}

int main(void)
{
    Suite *suite = suite_create("oracle");
    suite_add_tcase(suite, log_case());
    suite_add_tcase(suite, election_case());
    suite_add_tcase(suite, durable_case());
    suite_add_tcase(suite, view_case());
    suite_add_tcase(suite, request_case());
    return unit_main(suite);
}
