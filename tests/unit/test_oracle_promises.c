/* What a node has promised: its votes, that it will store and apply what it has taken, what it
 * called durable, and that a failed command is void; and what it may say when its store has lost
 * some of it. */
#include "oracle_double.h"
#include "unit.h"

START_TEST(election_safety_fires_on_a_leader_without_a_majority)
{
    view_of(1)->state = (struct raft_hard_state){.term = 1, .vote = 1};
    persist_state(1, 1, 1);
    view_of(1)->role = RAFT_LEADER;
    step(1);
    expect("election-safety");
    expect_signature("election-safety: a leader without a majority of votes");
}
END_TEST

START_TEST(election_safety_fires_on_a_term_without_a_candidate)
{
    view_of(2)->state.term = 1;
    persist_state(2, 1, RAFT_NODE_NONE);
    step(2);
    expect("election-safety");
    expect_signature("election-safety: a term begins without a candidate");
}
END_TEST

/* Node 2 restarts with one entry of the three that it called durable. */
static void lose_two_entries(void)
{
    replicate(2, 3);
    view_of(2)->durable = view_of(2)->last;
    step(2);
    end(2, SIM_NODE_DOWN);
    put(2, 1, 101);
    start(2);
}

START_TEST(monotonic_fires_when_a_restart_loses_a_durable_entry)
{
    lose_two_entries();
    expect("monotonic");
}
END_TEST

START_TEST(monotonic_accepts_a_cut_in_the_event_in_which_a_process_died)
{
    fake.nodes[2]->node.died_in_event = true;
    lose_two_entries();
    expect(NULL);
    expect_waived(SIM_WAIVER_DURABLE_DIED);
}
END_TEST

/* Reads and changes of the members are in no log of requests. */
static const uint64_t numbers[] = {SIM_REQUEST_READ | 7, SIM_REQUEST_CHANGE | 7};

START_TEST(request_once_accepts_answers_and_a_crash)
{
    sim_oracle_taken(fake.world->oracles, 1, numbers[_i]);
    sim_oracle_completed(fake.world->oracles, 1, numbers[_i], RAFT_OK, 5);
    sim_oracle_taken(fake.world->oracles, 2, numbers[_i] + 1);
    end(2, SIM_NODE_DOWN);
    end(1, SIM_NODE_STOPPED);
    sim_oracles_finish(fake.world->oracles);
    expect(NULL);
}
END_TEST

START_TEST(request_once_fires_on_a_second_answer)
{
    sim_oracle_taken(fake.world->oracles, 1, numbers[_i]);
    sim_oracle_taken(fake.world->oracles, 1, numbers[_i] + 1);
    sim_oracle_completed(fake.world->oracles, 1, numbers[_i], RAFT_LOST, 0);
    sim_oracle_completed(fake.world->oracles, 1, numbers[_i], RAFT_LOST, 0);
    expect("request-once");
}
END_TEST

START_TEST(request_once_fires_on_the_answer_of_another_node)
{
    sim_oracle_taken(fake.world->oracles, 1, numbers[_i]);
    sim_oracle_completed(fake.world->oracles, 2, numbers[_i], RAFT_OK, 0);
    expect("request-once");
}
END_TEST

START_TEST(request_once_fires_when_a_process_that_fails_answers_nothing)
{
    sim_oracle_taken(fake.world->oracles, 1, numbers[_i]);
    end(1, SIM_NODE_FAILED);
    expect("request-once");
}
END_TEST

START_TEST(request_once_fires_on_an_answer_that_nobody_waits_for)
{
    sim_oracle_completed(fake.world->oracles, 1, numbers[_i], RAFT_OK, 0);
    sim_oracles_finish(fake.world->oracles);
    expect("request-once");
}
END_TEST

START_TEST(request_once_fires_when_a_command_was_applied_once_too_often)
{
    const uint64_t value = 101;
    sim_oracle_submitted(fake.world->oracles, 1, 1, (const uint8_t *)&value, sizeof value);
    sim_oracle_completed(fake.world->oracles, 1, 1, RAFT_NOT_LEADER, 0);
    sim_oracle_submitted(fake.world->oracles, 2, 2, (const uint8_t *)&value, sizeof value);
    for (uint32_t node = 1; node <= FAKE_NODES; node++) {
        put(node, 1, value);
        put(node, 1, value);
        persist(node);
        step(node);
    }
    commit(1, 2);
    apply(1, 1, 1);
    apply(1, 2, 2);
    sim_oracle_completed(fake.world->oracles, 2, 2, RAFT_OK, 2);
    expect(NULL);
    sim_oracles_finish(fake.world->oracles);
    expect("request-once");
}
END_TEST

START_TEST(no_false_alarm_fires_on_missing_entries_without_damage)
{
    fake.nodes[2]->node.harmed[SIM_HARM_MEMORY] = fake.world->events + 1;
    view_of(2)->condition = RAFT_CONDITION_RECOVERING;
    step(2);
    expect("no-false-alarm");
}
END_TEST

/* Node 2 has two entries on its disk alone, and cannot read the first. */
static void lose_a_cold_entry(void)
{
    three_entries_everywhere();
    view_of(2)->cold = 2;
    view_of(2)->first_damaged = 1;
    view_of(2)->condition = RAFT_CONDITION_RECOVERING;
}

START_TEST(no_false_alarm_fires_on_a_cold_entry_that_is_lost_without_a_fault)
{
    lose_a_cold_entry();
    step(2);
    expect("no-false-alarm");
}
END_TEST

START_TEST(no_false_alarm_accepts_a_cold_entry_that_a_failing_disk_does_not_give)
{
    lose_a_cold_entry();
    fake.nodes[2]->node.harmed[SIM_HARM_DISK] = fake.world->events + 1;
    step(2);
    expect(NULL);
    expect_waived(SIM_WAIVER_RECOVERING_DEVICE);
}
END_TEST

/* Node 2 starts again with its second entry as the store gives it back when its record is bad. */
static void restart_with_damaged_entry(raft_term term)
{
    static const uint64_t zeros;
    struct sut_entry log[4];
    const struct raft_view view = *view_of(2);
    memcpy(log, fake.nodes[2]->log, sizeof log);
    end(2, SIM_NODE_DOWN);
    memcpy(fake.nodes[2]->log, log, sizeof log);
    *view_of(2) = view;
    struct sut_entry *entry = &fake.nodes[2]->log[2];
    entry->id.term = term;
    entry->payload = (const uint8_t *)&zeros;
    entry->damaged = true;
    view_of(2)->condition = RAFT_CONDITION_RECOVERING;
    view_of(2)->first_damaged = 2;
    view_of(2)->durable = log[1].id;
    fake.nodes[2]->node.was_damaged = true;
    start(2);
}

START_TEST(log_matching_takes_a_damaged_entry_by_its_id)
{
    three_entries_everywhere();
    restart_with_damaged_entry(1);
    step(2);
    expect(NULL);
    ck_assert_uint_eq(fake.world->probes.hits[SIM_WAIVER_ENTRY_DAMAGED], 1);
    ck_assert_uint_gt(fake.world->probes.hits[SIM_WAIVER_OWED_INCOMPLETE], 0);
}
END_TEST

START_TEST(log_matching_fires_on_a_damaged_entry_that_no_log_has_had)
{
    three_entries_everywhere();
    restart_with_damaged_entry(9);
    expect("log-matching");
}
END_TEST

START_TEST(log_matching_fires_on_another_entry_in_the_place_of_a_damaged_one)
{
    static const uint64_t other = 999;
    three_entries_everywhere();
    restart_with_damaged_entry(1);
    struct sut_entry *entry = &fake.nodes[2]->log[2];
    entry->payload = (const uint8_t *)&other;
    entry->damaged = false;
    view_of(2)->first_damaged = 0;
    view_of(2)->condition = RAFT_RUNNING;
    step(2);
    expect("log-matching");
}
END_TEST

/* ---- what was refused ---- */

#define MS UINT64_C(1000000)

/* Node 2 steps every 10 ms for so long; an allocation fails every so many steps, 0: none does. */
static void steps_with_failures(uint64_t ms, uint32_t every)
{
    struct sim_node *node = &fake.nodes[2]->node;
    node->started.heartbeat_ns = 50 * MS;
    node->started.election_ns_max = 300 * MS;
    node->started.pending_requests_max = 16;
    node->started.window_messages_max = 4;
    node->started.batch_size_max = 1024;
    node->options = node->started;
    for (uint64_t i = 1; i <= ms / 10; i++) {
        fake.world->scheduler.now_ns += 10 * MS;
        if (every != 0 && i % every == 0) {
            node->harmed[SIM_HARM_MEMORY] = fake.world->events + 1;
        }
        step(2);
    }
}

static void one_entry_that_is_not_stored(void)
{
    fake.world->scheduler.now_ns = MS;
    put(2, 1, 101);
}

START_TEST(error_surfaces_fires_on_entries_that_nobody_stores)
{
    one_entry_that_is_not_stored();
    steps_with_failures(610, 0);
    expect(NULL);
    steps_with_failures(20, 0);
    expect("error-surfaces");
}
END_TEST

START_TEST(error_surfaces_fires_on_a_vote_that_nobody_stores)
{
    fake.world->scheduler.now_ns = MS;
    view_of(2)->state.sequence = 2;
    view_of(2)->state_durable = 1;
    steps_with_failures(700, 0);
    expect("error-surfaces");
}
END_TEST

START_TEST(error_surfaces_fires_on_an_allocation_that_is_not_tried_again)
{
    one_entry_that_is_not_stored();
    steps_with_failures(100, 10);
    steps_with_failures(700, 0);
    expect("error-surfaces");
}
END_TEST

START_TEST(error_surfaces_does_not_count_the_time_in_which_a_timer_is_late)
{
    one_entry_that_is_not_stored();
    fake.nodes[2]->node.unsteady_ns = fake.world->scheduler.now_ns + 700 * MS;
    steps_with_failures(1290, 0);
    expect(NULL);
    steps_with_failures(20, 0);
    expect("error-surfaces");
}
END_TEST

START_TEST(error_surfaces_accepts_an_allocation_that_fails_again_and_again)
{
    one_entry_that_is_not_stored();
    steps_with_failures(3000, 50);
    expect(NULL);
}
END_TEST

static void commit_what_is_stored(void)
{
    elect(1, 1);
    replicate(1, 3);
    enter_term(2, 1);
    replicate(2, 3);
    commit(1, 3);
    view_of(2)->commit = 3;
    view_of(2)->durable = view_of(2)->last;
}

START_TEST(error_surfaces_fires_on_committed_entries_that_nobody_applies)
{
    commit_what_is_stored();
    steps_with_failures(700, 0);
    expect("error-surfaces");
}
END_TEST

START_TEST(error_surfaces_accepts_a_batch_that_is_out_and_a_witness)
{
    commit_what_is_stored();
    fake.nodes[2]->node.batch = (struct sim_batch *)(void *)fake.nodes[2];
    steps_with_failures(700, 0);
    fake.nodes[2]->node.batch = NULL;
    view_of(2)->member_flags = RAFT_MEMBER_VOTER | RAFT_MEMBER_WITNESS;
    steps_with_failures(700, 0);
    expect(NULL);
    expect_waived(SIM_PROBE_COUNT);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("oracle_promises");
    TCase *tests = tcase_create("promises");
    suite_add_tcase(suite, tests);
    tcase_add_checked_fixture(tests, fake_setup, arena_tear_down);
    tcase_add_test(tests, election_safety_fires_on_a_leader_without_a_majority);
    tcase_add_test(tests, election_safety_fires_on_a_term_without_a_candidate);
    tcase_add_test(tests, monotonic_fires_when_a_restart_loses_a_durable_entry);
    tcase_add_test(tests, monotonic_accepts_a_cut_in_the_event_in_which_a_process_died);
    tcase_add_loop_test(tests, request_once_accepts_answers_and_a_crash, 0, 2);
    tcase_add_loop_test(tests, request_once_fires_on_a_second_answer, 0, 2);
    tcase_add_loop_test(tests, request_once_fires_on_the_answer_of_another_node, 0, 2);
    tcase_add_loop_test(tests, request_once_fires_when_a_process_that_fails_answers_nothing, 0, 2);
    tcase_add_loop_test(tests, request_once_fires_on_an_answer_that_nobody_waits_for, 0, 2);
    tcase_add_test(tests, request_once_fires_when_a_command_was_applied_once_too_often);
    tcase_add_test(tests, no_false_alarm_fires_on_missing_entries_without_damage);
    tcase_add_test(tests, no_false_alarm_fires_on_a_cold_entry_that_is_lost_without_a_fault);
    tcase_add_test(tests, no_false_alarm_accepts_a_cold_entry_that_a_failing_disk_does_not_give);
    tcase_add_test(tests, log_matching_takes_a_damaged_entry_by_its_id);
    tcase_add_test(tests, log_matching_fires_on_a_damaged_entry_that_no_log_has_had);
    tcase_add_test(tests, log_matching_fires_on_another_entry_in_the_place_of_a_damaged_one);
    tcase_add_test(tests, error_surfaces_fires_on_entries_that_nobody_stores);
    tcase_add_test(tests, error_surfaces_fires_on_a_vote_that_nobody_stores);
    tcase_add_test(tests, error_surfaces_fires_on_an_allocation_that_is_not_tried_again);
    tcase_add_test(tests, error_surfaces_does_not_count_the_time_in_which_a_timer_is_late);
    tcase_add_test(tests, error_surfaces_accepts_an_allocation_that_fails_again_and_again);
    tcase_add_test(tests, error_surfaces_fires_on_committed_entries_that_nobody_applies);
    tcase_add_test(tests, error_surfaces_accepts_a_batch_that_is_out_and_a_witness);
    return unit_main(suite);
}
