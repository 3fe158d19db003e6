/* The smallest violation of each clause of the rules on elections, logs, disks and state machines:
 * the oracle fires on it by its name and alone, and is silent on the good history beside it. */
#include "oracle_double.h"
#include "unit.h"

/* ---- votes ---- */

START_TEST(election_safety_fires_on_two_votes_that_were_spoken)
{
    struct sut_message vote = {.type = "vote_rep", .from = 3, .to = 1, .term = 1, .claims_vote = 1};
    fake.world->features &= ~(uint32_t)SUT_FEATURE_DURABLE; /* nobody sees the disk */
    send(3, &vote);
    expect(NULL);
    vote.claims_vote = 2;
    send(3, &vote);
    expect("election-safety");
    expect_signature("election-safety: two votes in one term");
}
END_TEST

static const struct sut_message old_vote = {
    .type = "vote_rep", .from = 3, .to = 1, .term = 1, .claims_term = true, .claims_vote = 1};

START_TEST(speaks_durable_accepts_a_vote_of_an_older_term_that_was_on_the_disk)
{
    persist_state(3, 1, 1);
    persist_state(3, 2, 2);
    send(3, &old_vote);
    expect(NULL);
}
END_TEST

START_TEST(speaks_durable_fires_on_a_vote_of_an_older_term_that_never_was)
{
    persist_state(3, 2, 2);
    send(3, &old_vote);
    expect("speaks-durable");
    expect_signature("speaks-durable: a vote that is not durable");
}
END_TEST

START_TEST(speaks_durable_fires_on_a_term_whose_file_is_gone)
{
    const struct sut_message message = {
        .type = "append_rep", .from = 3, .to = 1, .term = 1, .claims_term = true};
    persist_state(3, 1, RAFT_NODE_NONE);
    send(3, &message);
    expect(NULL);
    remove_file(3, "hard-state");
    send(3, &message);
    expect("speaks-durable");
}
END_TEST

START_TEST(speaks_durable_accepts_a_term_that_is_only_asked_for)
{
    const struct sut_message message = {.type = "prevote_req", .from = 3, .to = 1, .term = 7};
    send(3, &message);
    expect(NULL);
}
END_TEST

/* ---- logs ---- */

START_TEST(log_matching_fires_on_an_entry_that_names_another_place)
{
    put(1, 1, 5);
    fake.nodes[1]->log[1].id =
        _i == 0 ? (struct raft_entry_id){1, 2} : (struct raft_entry_id){0, 1};
    step(1);
    expect("log-matching");
    expect_signature("log-matching: a log has a hole");
}
END_TEST

START_TEST(leader_append_only_fires_on_a_log_that_shrinks_in_silence)
{
    elect(1, 1);
    replicate(1, 2);
    view_of(1)->last = fake.nodes[1]->log[1].id;
    step(1);
    expect("leader-append-only");
}
END_TEST

START_TEST(state_machine_safety_fires_on_a_log_that_begins_behind_what_is_committed)
{
    three_entries_everywhere();
    commit(1, 2);
    end(2, SIM_NODE_DOWN);
    view_of(2)->state.term = 1;
    fake.world->oracles->nodes[2].snapshot_last = 3;
    view_of(2)->base = (struct raft_entry_id){1, 3};
    view_of(2)->last = view_of(2)->base;
    start(2);
    expect("state-machine-safety");
    expect_signature("state-machine-safety: a log begins behind what is committed");
}
END_TEST

START_TEST(current_term_commit_fires_in_the_step_of_an_election)
{
    three_entries_everywhere();
    view_of(2)->commit = 1;
    elect(2, 2);
    expect("current-term-commit");
}
END_TEST

/* ---- disks ---- */

START_TEST(monotonic_fires_when_a_restart_replaces_a_durable_entry)
{
    replicate(2, 3);
    view_of(2)->durable = view_of(2)->last;
    step(2);
    end(2, SIM_NODE_DOWN);
    put(2, 1, 101);
    put(2, 1, 102);
    put(2, 2, 999);
    start(2);
    expect("monotonic");
    ck_assert_ptr_nonnull(strstr(fake.world->finding.message, "which differs"));
}
END_TEST

START_TEST(monotonic_fires_on_a_match_behind_the_leaders_own_log)
{
    elect(1, 1);
    replicate(1, 3);
    replicate(2, 3);
    put(2, 1, 104);
    persist(2);
    step(2);
    fake.nodes[1]->progress[2] = (struct raft_progress_view){.id = 2, .match = 4, .next = 5};
    sim_oracle_stepped(fake.world->oracles, 1, 2);
    expect("monotonic");
}
END_TEST

/* Node 1 leads, and knows that node 2 has three entries. */
static void match_three(void)
{
    three_entries_everywhere();
    fake.nodes[1]->progress[2] = (struct raft_progress_view){.id = 2, .match = 3, .next = 4};
    sim_oracle_stepped(fake.world->oracles, 1, 2);
}

START_TEST(monotonic_accepts_a_lower_match_in_another_term)
{
    match_three();
    elect(1, 2);
    fake.nodes[1]->progress[2].match = 0;
    sim_oracle_stepped(fake.world->oracles, 1, 2);
    expect(NULL);
    expect_waived(SIM_PROBE_COUNT);
}
END_TEST

/* What it had called durable it still has. */
START_TEST(monotonic_fires_on_a_lower_match_of_a_peer_that_has_started_again)
{
    match_three();
    end(2, SIM_NODE_DOWN);
    view_of(2)->state.term = 1;
    replicate(2, 3);
    start(2);
    fake.nodes[1]->progress[2].match = 0;
    sim_oracle_stepped(fake.world->oracles, 1, 2);
    expect("monotonic");
}
END_TEST

/* ---- state machines ---- */

/* Node 1 has applied all three; the state of n has the digest n. */
static void apply_three(void)
{
    three_entries_everywhere();
    commit(1, 3);
    for (raft_index index = 1; index <= 3; index++) {
        apply(1, index, index);
    }
}

START_TEST(state_machine_safety_fires_on_an_entry_that_is_left_out)
{
    three_entries_everywhere();
    commit(1, 3);
    apply(1, 1, 1);
    apply(1, 3, 3);
    expect("state-machine-safety");
    expect_signature("state-machine-safety: applied out of order");
}
END_TEST

START_TEST(state_machine_safety_fires_on_another_entry_than_the_committed_one)
{
    apply_three();
    fake.nodes[2]->values[1] = 999;
    apply(2, 1, 1);
    expect("state-machine-safety");
    expect_signature("state-machine-safety: applied another entry than the committed one");
}
END_TEST

START_TEST(state_machine_safety_accepts_a_snapshot_and_what_comes_behind_it)
{
    apply_three();
    sim_oracle_restored(fake.world->oracles, 2, 2, 2, 2);
    apply(2, 3, 3);
    expect(NULL);
}
END_TEST

static const struct {
    raft_index index;
    raft_index applied;
    uint64_t digest;
    const char *signature;
} bad_snapshots[] = {
    {2, 3, 3, "state-machine-safety: a snapshot of another index"},
    {4, 4, 4, "state-machine-safety: a snapshot of what is not committed"},
    {2, 2, 9, "state-machine-safety: a snapshot differs from the state it stands for"},
};

START_TEST(state_machine_safety_fires_on_a_wrong_snapshot)
{
    apply_three();
    sim_oracle_restored(fake.world->oracles, 2, bad_snapshots[_i].index, bad_snapshots[_i].applied,
                        bad_snapshots[_i].digest);
    expect("state-machine-safety");
    expect_signature(bad_snapshots[_i].signature);
}
END_TEST

START_TEST(state_machine_safety_fires_on_a_snapshot_of_a_state_that_nobody_has_had)
{
    three_entries_everywhere();
    commit(1, 3);
    apply(1, 1, 1);
    sim_oracle_restored(fake.world->oracles, 2, 2, 2, 2);
    expect("state-machine-safety");
    expect_signature("state-machine-safety: a snapshot of a state that nobody has had");
}
END_TEST

/* ---- once, and not twice ---- */

START_TEST(request_once_accepts_a_command_that_was_answered_early_and_applied)
{
    const uint64_t value = 101;
    sim_oracle_completed(fake.world->oracles, 1, 1, RAFT_LOST, 0);
    sim_oracle_submitted(fake.world->oracles, 1, 1, (const uint8_t *)&value, sizeof value);
    three_entries_everywhere();
    commit(1, 1);
    apply(1, 1, 1);
    sim_oracles_finish(fake.world->oracles);
    expect(NULL);
}
END_TEST

/* ---- agreement ---- */

static void lag_behind(uint32_t what)
{
    struct raft_view *view = view_of(2);
    switch (what) {
    case 0:
        view->last.index = 2;
        break;
    case 1:
        view->applied = 2;
        break;
    case 2:
        view->condition = RAFT_CONDITION_NOSPACE;
        break;
    case 3:
        view->state.sequence = 1;
        break;
    case 4:
        view_of(1)->change = RAFT_CHANGE_CATCHING_UP;
        break;
    case 5:
        view_of(1)->configuration_index = 4;
        break;
    case 6:
        sim_oracle_taken(fake.world->oracles, 2, SIM_REQUEST_READ | 1);
        break;
    case 7:
        sim_oracle_taken(fake.world->oracles, 1, SIM_REQUEST_CHANGE | 1);
        break;
    }
}

START_TEST(has_not_converged_while_anything_is_missing)
{
    three_entries_everywhere();
    commit(1, 3);
    fake.world->phase = SIM_PHASE_HEAL;
    for (uint32_t node = 1; node <= FAKE_NODES; node++) {
        struct raft_view *view = view_of(node);
        view->leader = 1;
        view->applied = 3;
        view->durable = view->last;
    }
    ck_assert(sim_oracle_converged(fake.world->oracles));
    lag_behind((uint32_t)_i);
    ck_assert(!sim_oracle_converged(fake.world->oracles));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("oracle_safety");
    TCase *tests = tcase_create("safety");
    suite_add_tcase(suite, tests);
    tcase_add_checked_fixture(tests, fake_setup, arena_tear_down);
    tcase_add_test(tests, election_safety_fires_on_two_votes_that_were_spoken);
    tcase_add_test(tests, speaks_durable_accepts_a_vote_of_an_older_term_that_was_on_the_disk);
    tcase_add_test(tests, speaks_durable_fires_on_a_vote_of_an_older_term_that_never_was);
    tcase_add_test(tests, speaks_durable_fires_on_a_term_whose_file_is_gone);
    tcase_add_test(tests, speaks_durable_accepts_a_term_that_is_only_asked_for);
    tcase_add_loop_test(tests, log_matching_fires_on_an_entry_that_names_another_place, 0, 2);
    tcase_add_test(tests, leader_append_only_fires_on_a_log_that_shrinks_in_silence);
    tcase_add_test(tests, state_machine_safety_fires_on_a_log_that_begins_behind_what_is_committed);
    tcase_add_test(tests, current_term_commit_fires_in_the_step_of_an_election);
    tcase_add_test(tests, monotonic_fires_when_a_restart_replaces_a_durable_entry);
    tcase_add_test(tests, monotonic_fires_on_a_match_behind_the_leaders_own_log);
    tcase_add_test(tests, monotonic_accepts_a_lower_match_in_another_term);
    tcase_add_test(tests, monotonic_fires_on_a_lower_match_of_a_peer_that_has_started_again);
    tcase_add_test(tests, state_machine_safety_fires_on_an_entry_that_is_left_out);
    tcase_add_test(tests, state_machine_safety_fires_on_another_entry_than_the_committed_one);
    tcase_add_test(tests, state_machine_safety_accepts_a_snapshot_and_what_comes_behind_it);
    tcase_add_loop_test(tests, state_machine_safety_fires_on_a_wrong_snapshot, 0, 3);
    tcase_add_test(tests, state_machine_safety_fires_on_a_snapshot_of_a_state_that_nobody_has_had);
    tcase_add_test(tests, request_once_accepts_a_command_that_was_answered_early_and_applied);
    tcase_add_loop_test(tests, has_not_converged_while_anything_is_missing, 0, 8);
    return unit_main(suite);
}
