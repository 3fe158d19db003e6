/* The consensus machine by itself: one sentence of the dissertation a test. */
#include "raft_fixture.h"

START_TEST(asks_for_no_vote_before_its_own_is_durable)
{
    create(3, 0, 0);
    campaign();
    ck_assert_int_eq(view.role, RAFT_CANDIDATE);
    ck_assert_int_eq(seen.persist_state, 1);
    ck_assert_int_eq(seen.sent_count, 0);
    persist_state();
    ck_assert_int_eq(seen.sent_count, 2);
    ck_assert_int_eq(seen.sent[0].type, RAFT_MESSAGE_VOTE_REQ);
}
END_TEST

START_TEST(a_repeated_vote_counts_once)
{
    create(5, 0, 0);
    campaign();
    persist_state();
    for (int i = 0; i < 3; i++) {
        receive((struct raft_message){
            .type = RAFT_MESSAGE_VOTE_REP, .from = 2, .term = 1, .flags = RAFT_FLAG_SUCCESS});
    }
    ck_assert_int_eq(view.role, RAFT_CANDIDATE);
    receive((struct raft_message){
        .type = RAFT_MESSAGE_VOTE_REP, .from = 3, .term = 1, .flags = RAFT_FLAG_SUCCESS});
    ck_assert_int_eq(view.role, RAFT_LEADER);
}
END_TEST

START_TEST(gives_one_vote_a_term_first_come_first_served)
{
    create(3, 0, 0);
    receive((struct raft_message){.type = RAFT_MESSAGE_VOTE_REQ, .from = 2, .term = 1});
    ck_assert_int_eq(seen.sent_count, 0);
    persist_state();
    ck_assert_uint_eq(seen.sent[0].flags, RAFT_FLAG_SUCCESS);
    receive((struct raft_message){.type = RAFT_MESSAGE_VOTE_REQ, .from = 3, .term = 1});
    ck_assert_int_eq(seen.sent_count, 1);
    ck_assert_uint_eq(seen.sent[0].flags, 0);
    ck_assert_uint_eq(view.state.vote, 2);
}
END_TEST

START_TEST(refuses_a_vote_that_it_gave_to_another_before_a_restart)
{
    create(3, 4, 3);
    receive((struct raft_message){.type = RAFT_MESSAGE_VOTE_REQ, .from = 2, .term = 4});
    ck_assert_uint_eq(seen.sent[0].flags, 0);
}
END_TEST

START_TEST(refuses_vote_when_candidate_log_is_shorter)
{
    create(3, 0, 0);
    receive_append(3, 1, (struct raft_entry_id){0, 0}, 0, 2);
    persist_state();
    now += T_MAX;
    receive(
        (struct raft_message){.type = RAFT_MESSAGE_VOTE_REQ, .from = 2, .term = 2, .id = {1, 1}});
    persist_state();
    ck_assert_int_eq(seen.sent_count, 1);
    ck_assert_uint_eq(seen.sent[0].flags, 0);
}
END_TEST

START_TEST(a_pre_vote_changes_neither_term_nor_vote)
{
    create(3, 4, 0);
    receive((struct raft_message){.type = RAFT_MESSAGE_PREVOTE_REQ, .from = 2, .term = 9});
    ck_assert_uint_eq(seen.sent[0].flags, RAFT_FLAG_SUCCESS);
    ck_assert_uint_eq(seen.sent[0].term, 9);
    ck_assert_uint_eq(view.state.term, 4);
    ck_assert_uint_eq(view.state.vote, 0);
    ck_assert_int_eq(seen.persist_state, 0);
}
END_TEST

START_TEST(refuses_pre_vote_and_vote_while_it_hears_a_leader)
{
    create(3, 0, 0);
    receive_append(3, 1, (struct raft_entry_id){0, 0}, 0, 0);
    persist_state();
    receive((struct raft_message){.type = RAFT_MESSAGE_PREVOTE_REQ, .from = 2, .term = 2});
    ck_assert_uint_eq(seen.sent[0].flags, 0);
    receive((struct raft_message){.type = RAFT_MESSAGE_VOTE_REQ, .from = 2, .term = 2});
    ck_assert_int_eq(seen.sent_count, 0);
    ck_assert_uint_eq(view.state.term, 1);
}
END_TEST

START_TEST(times_out_into_a_pre_vote_within_its_bounds)
{
    create(3, 0, 0);
    fire(RAFT_TIMER_ELECTION, T_MIN - 1);
    ck_assert_int_eq(view.role, RAFT_FOLLOWER);
    fire(RAFT_TIMER_ELECTION, T_MAX - T_MIN + 1);
    ck_assert_int_eq(view.role, RAFT_PRECANDIDATE);
    ck_assert_uint_eq(view.state.term, 0);
    ck_assert_uint_eq(seen.sent[0].term, 1);
}
END_TEST

START_TEST(acknowledges_entries_when_they_are_durable_and_not_before)
{
    create(3, 0, 0);
    receive_append(2, 1, (struct raft_entry_id){0, 0}, 0, 2);
    persist_state();
    ck_assert_int_eq(seen.sent_count, 0);
    seen.last_entries = (struct raft_effect){.last = {1, 2}};
    persist_entries();
    ck_assert_int_eq(seen.sent_count, 1);
    ck_assert_uint_eq(seen.sent[0].flags, RAFT_FLAG_SUCCESS);
    ck_assert_uint_eq(seen.sent[0].id.index, 2);
}
END_TEST

START_TEST(acknowledges_no_more_than_the_leader_has_checked)
{
    create(3, 0, 0);
    receive_append(2, 1, (struct raft_entry_id){0, 0}, 0, 3);
    persist_state();
    seen.last_entries = (struct raft_effect){.last = {1, 3}};
    persist_entries();
    now += T_MAX;
    /* The next leader has checked only the first entry; the two behind it may be nobody else's. */
    receive_append(3, 2, (struct raft_entry_id){1, 1}, 3, 0);
    persist_state();
    ck_assert_uint_eq(seen.sent[0].id.index, 1);
    ck_assert_uint_eq(view.commit, 1);
}
END_TEST

START_TEST(a_late_or_repeated_append_erases_nothing)
{
    create(3, 0, 0);
    receive_append(2, 1, (struct raft_entry_id){0, 0}, 0, 3);
    receive_append(2, 1, (struct raft_entry_id){0, 0}, 0, 1);
    ck_assert_uint_eq(view.last.index, 3);
    ck_assert_uint_eq(view.log_generation, 0);
}
END_TEST

START_TEST(replaces_a_conflicting_suffix_and_cuts_the_disk_first)
{
    create(3, 0, 0);
    receive_append(2, 1, (struct raft_entry_id){0, 0}, 1, 3);
    persist_state();
    seen.last_entries = (struct raft_effect){.last = {1, 3}};
    persist_entries();
    now += T_MAX;
    receive_append(3, 2, (struct raft_entry_id){1, 1}, 1, 1);
    ck_assert_uint_eq(view.last.index, 2);
    ck_assert_uint_eq(view.last.term, 2);
    ck_assert_int_eq(seen.truncate, 1);
    ck_assert_int_eq(seen.persist_entries, 0);
    persist_state();
    feed((struct raft_event){.type = RAFT_EVENT_TRUNCATED});
    drain();
    ck_assert_int_eq(seen.persist_entries, 1);
}
END_TEST

START_TEST(refuses_a_gap_with_a_hint_by_term)
{
    create(3, 0, 0);
    receive_append(2, 1, (struct raft_entry_id){0, 0}, 0, 2);
    persist_state();
    receive_append(2, 1, (struct raft_entry_id){1, 7}, 0, 1);
    ck_assert_int_eq(seen.sent_count, 1);
    ck_assert_uint_eq(seen.sent[0].flags, 0);
    ck_assert_uint_eq(seen.sent[0].id.index, 7);
    ck_assert_uint_eq(seen.sent[0].hint.index, 2);
    ck_assert_uint_eq(seen.sent[0].hint.term, 1);
}
END_TEST

START_TEST(a_leader_counts_its_own_disk_only_when_durable)
{
    lead();
    acknowledge(2, 1, (struct raft_entry_id){1, 1});
    ck_assert_uint_eq(view.commit, 0);
    seen.last_entries = (struct raft_effect){.last = {1, 1}};
    persist_entries();
    ck_assert_uint_eq(view.commit, 1);
}
END_TEST

START_TEST(an_older_acknowledgement_moves_nothing_back)
{
    struct raft_progress_view progress;
    lead();
    acknowledge(2, 1, (struct raft_entry_id){1, 1});
    acknowledge(2, 1, (struct raft_entry_id){0, 0});
    ck_assert(raft_get_progress(raft, 2, &progress));
    ck_assert_uint_eq(progress.match, 1);
    ck_assert_uint_eq(progress.next, 2);
}
END_TEST

static void keep_two_in_flight(struct raft_options *options)
{
    options->window_messages_max = 2;
}

START_TEST(a_follower_gets_a_window_of_appends_and_no_more)
{
    static const int sent[] = {1, 1, 0};
    adjust = keep_two_in_flight;
    lead();
    acknowledge(2, 1, (struct raft_entry_id){1, 1});
    for (size_t i = 0; i < sizeof sent / sizeof sent[0]; i++) {
        ck_assert_int_eq(propose(), RAFT_OK);
        ck_assert_int_eq(seen.sent_count, sent[i]); /* the third node is probed, and silent */
    }
    acknowledge(2, 1, (struct raft_entry_id){1, 2});
    ck_assert_int_eq(seen.sent_count, 1);
    ck_assert_uint_eq(seen.sent[0].id.index, 3);
    ck_assert_uint_eq(seen.sent[0].entry_count, 1);
}
END_TEST

START_TEST(commits_no_entry_of_an_older_term_by_counting)
{
    create(3, 0, 0);
    receive_append(2, 1, (struct raft_entry_id){0, 0}, 0, 1);
    persist_state();
    seen.last_entries = (struct raft_effect){.last = {1, 1}};
    persist_entries();
    campaign();
    persist_state();
    receive((struct raft_message){
        .type = RAFT_MESSAGE_VOTE_REP, .from = 3, .term = 2, .flags = RAFT_FLAG_SUCCESS});
    ck_assert_int_eq(view.role, RAFT_LEADER);
    acknowledge(3, 2, (struct raft_entry_id){1, 1});
    ck_assert_uint_eq(view.commit, 0);
}
END_TEST

START_TEST(a_leader_without_a_quorum_steps_down_and_gives_its_requests_up)
{
    lead();
    for (int i = 0; i < 2; i++) {
        fire(RAFT_TIMER_ELECTION, T_MIN);
    }
    ck_assert_int_eq(view.role, RAFT_FOLLOWER);
    ck_assert_int_eq(seen.lost, 1);
}
END_TEST

START_TEST(a_read_only_follower_is_sent_no_command)
{
    lead();
    receive((struct raft_message){.type = RAFT_MESSAGE_APPEND_REP,
                                  .from = 2,
                                  .term = 1,
                                  .flags = RAFT_FLAG_SUCCESS | RAFT_FLAG_READ_ONLY,
                                  .id = {1, 1}});
    acknowledge(3, 1, (struct raft_entry_id){1, 1});
    ck_assert_int_eq(propose(), RAFT_OK);
    int commands_to[4] = {0};
    for (int i = 0; i < seen.sent_count; i++) {
        commands_to[seen.sent[i].to] += (int)seen.sent[i].entry_count;
    }
    ck_assert_int_eq(commands_to[2], 0);
    ck_assert_int_eq(commands_to[3], 1);
}
END_TEST

START_TEST(a_read_only_node_takes_entries_up_to_the_first_command)
{
    create(3, 0, 0);
    feed((struct raft_event){.type = RAFT_EVENT_READ_ONLY, .read_only = true});
    receive_append(2, 1, (struct raft_entry_id){0, 0}, 0, 2);
    persist_state();
    ck_assert_uint_eq(view.last.index, 0);
    ck_assert_uint_eq(seen.sent[0].flags, RAFT_FLAG_SUCCESS | RAFT_FLAG_READ_ONLY);
}
END_TEST

START_TEST(a_full_disk_ends_leadership_until_a_probe_succeeds)
{
    lead();
    feed((struct raft_event){.type = RAFT_EVENT_ENTRIES_FAILED, .status = RAFT_NOSPACE});
    drain();
    ck_assert_int_eq(view.role, RAFT_FOLLOWER);
    ck_assert_int_eq(view.condition, RAFT_CONDITION_NOSPACE);
    ck_assert_uint_eq(view.last.index, 0);
    ck_assert_int_eq(try((struct raft_event){.type = RAFT_EVENT_CAMPAIGN}), RAFT_BUSY);
    retry();
    ck_assert_int_eq(seen.probe, 1);
    feed((struct raft_event){.type = RAFT_EVENT_PROBED, .status = RAFT_OK});
    drain();
    ck_assert_int_eq(view.condition, RAFT_RUNNING);
}
END_TEST

START_TEST(a_failed_ready_changes_nothing_and_is_retried)
{
    lead();
    struct raft_view before;
    struct raft_event ready = {.type = RAFT_EVENT_READY, .now_ns = now};
    struct raft_effect effect;
    acknowledge(2, 1, (struct raft_entry_id){0, 0});
    ck_assert_int_eq(submit(), RAFT_OK);
    memory.fail_at = memory.allocations + 1;
    enum raft_status status = RAFT_OK;
    while (status == RAFT_OK) {
        raft_get_view(raft, &before);
        status = raft_step(raft, &ready, &effect);
        ck_assert(status != RAFT_OK || effect.type != RAFT_EFFECT_NONE);
    }
    ck_assert_int_eq(status, RAFT_NOMEM);
    raft_get_view(raft, &view);
    expect_same_view(&before, &view);
    drain();
    ck_assert_int_gt(seen.sent_count, 0);
}
END_TEST

START_TEST(a_heartbeat_leaves_without_memory_for_entries)
{
    lead();
    now += 50;
    feed((struct raft_event){.type = RAFT_EVENT_TIMEOUT, .timer = RAFT_TIMER_HEARTBEAT});
    memory.fail_at = memory.allocations + 1;
    drain();
    ck_assert_int_eq(seen.sent[0].type, RAFT_MESSAGE_APPEND_REQ);
    ck_assert_uint_eq(seen.sent[0].entry_count, 0);
    /* The entries follow as soon as there is memory. */
    ck_assert_int_eq(seen.sent_count, 3);
    ck_assert_uint_eq(seen.sent[1].entry_count + seen.sent[2].entry_count, 2);
}
END_TEST

START_TEST(a_later_term_alone_does_not_put_a_campaign_off)
{
    create(3, 0, 0);
    receive_append(3, 1, (struct raft_entry_id){0, 0}, 0, 1);
    persist_state();
    persist_entries();
    for (raft_term term = 2; term < 6; term++) {
        now += T_MIN - 1;
        receive((struct raft_message){.type = RAFT_MESSAGE_VOTE_REQ, .from = 2, .term = term});
        fire(RAFT_TIMER_ELECTION, 0);
        if (view.role == RAFT_PRECANDIDATE) {
            return;
        }
    }
    ck_abort_msg("the election was put off by candidates that cannot win");
}
END_TEST

static Suite *raft_suite(void)
{
    Suite *suite = suite_create("raft");
    TCase *tests = tcase_create("raft");
    tcase_add_checked_fixture(tests, NULL, teardown);
    tcase_add_test(tests, asks_for_no_vote_before_its_own_is_durable);
    tcase_add_test(tests, a_repeated_vote_counts_once);
    tcase_add_test(tests, gives_one_vote_a_term_first_come_first_served);
    tcase_add_test(tests, refuses_a_vote_that_it_gave_to_another_before_a_restart);
    tcase_add_test(tests, refuses_vote_when_candidate_log_is_shorter);
    tcase_add_test(tests, a_pre_vote_changes_neither_term_nor_vote);
    tcase_add_test(tests, refuses_pre_vote_and_vote_while_it_hears_a_leader);
    tcase_add_test(tests, times_out_into_a_pre_vote_within_its_bounds);
    tcase_add_test(tests, acknowledges_entries_when_they_are_durable_and_not_before);
    tcase_add_test(tests, acknowledges_no_more_than_the_leader_has_checked);
    tcase_add_test(tests, a_late_or_repeated_append_erases_nothing);
    tcase_add_test(tests, replaces_a_conflicting_suffix_and_cuts_the_disk_first);
    tcase_add_test(tests, refuses_a_gap_with_a_hint_by_term);
    tcase_add_test(tests, a_leader_counts_its_own_disk_only_when_durable);
    tcase_add_test(tests, an_older_acknowledgement_moves_nothing_back);
    tcase_add_test(tests, a_follower_gets_a_window_of_appends_and_no_more);
    tcase_add_test(tests, commits_no_entry_of_an_older_term_by_counting);
    tcase_add_test(tests, a_leader_without_a_quorum_steps_down_and_gives_its_requests_up);
    tcase_add_test(tests, a_read_only_follower_is_sent_no_command);
    tcase_add_test(tests, a_read_only_node_takes_entries_up_to_the_first_command);
    tcase_add_test(tests, a_full_disk_ends_leadership_until_a_probe_succeeds);
    tcase_add_test(tests, a_failed_ready_changes_nothing_and_is_retried);
    tcase_add_test(tests, a_heartbeat_leaves_without_memory_for_entries);
    tcase_add_test(tests, a_later_term_alone_does_not_put_a_campaign_off);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return unit_main(raft_suite());
}
