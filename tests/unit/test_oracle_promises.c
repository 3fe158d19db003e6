/* What a node has promised: its votes, what it called durable, and that a failed command is void.
 */
#include "oracle_double.h"
#include "unit.h"

START_TEST(election_safety_fires_on_a_leader_without_a_majority)
{
    view_of(1)->state = (struct raft_hard_state){.term = 1, .vote = 1};
    persist_state(1, 1, 1);
    view_of(1)->role = RAFT_LEADER;
    step(1);
    expect("election-safety");
    ck_assert_str_eq(fake.world->finding.signature,
                     "election-safety: a leader without a majority of votes");
}
END_TEST

START_TEST(election_safety_fires_on_a_term_without_a_candidate)
{
    view_of(2)->state.term = 1;
    persist_state(2, 1, RAFT_NODE_NONE);
    step(2);
    expect("election-safety");
    ck_assert_str_eq(fake.world->finding.signature,
                     "election-safety: a term begins without a candidate");
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

int main(void)
{
    Suite *suite = suite_create("oracle_promises");
    TCase *tests = tcase_create("promises");
    suite_add_tcase(suite, tests);
    tcase_add_checked_fixture(tests, fake_setup, fake_teardown);
    tcase_add_test(tests, election_safety_fires_on_a_leader_without_a_majority);
    tcase_add_test(tests, election_safety_fires_on_a_term_without_a_candidate);
    tcase_add_test(tests, monotonic_fires_when_a_restart_loses_a_durable_entry);
    tcase_add_test(tests, monotonic_accepts_a_cut_in_the_event_in_which_a_process_died);
    tcase_add_test(tests, request_once_fires_when_a_command_was_applied_once_too_often);
    return unit_main(suite);
}
