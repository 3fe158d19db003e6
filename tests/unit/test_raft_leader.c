/* What a leader does besides replicating: transfers, and reads without a log entry (dissertation
 * §3.10, §6.4). */
#include "raft_fixture.h"

START_TEST(a_transfer_waits_until_the_target_has_the_whole_log)
{
    lead();
    ck_assert_int_eq(transfer(2), RAFT_OK);
    ck_assert_int_eq(count_sent(RAFT_MESSAGE_TIMEOUT_NOW, 2), 0);
    ck_assert_int_eq(propose(), RAFT_BUSY);
    acknowledge(2, 1, (struct raft_entry_id){1, 1});
    ck_assert_int_eq(count_sent(RAFT_MESSAGE_TIMEOUT_NOW, 2), 1);
    ck_assert_int_eq(transfer(3), RAFT_BUSY);
}
END_TEST

START_TEST(a_transfer_that_does_not_end_is_given_up)
{
    lead();
    acknowledge(2, 1, (struct raft_entry_id){1, 1});
    ck_assert_int_eq(transfer(2), RAFT_OK);
    now += T_MIN;
    seen.last_entries = (struct raft_effect){.last = {1, 1}};
    persist_entries();
    fire(RAFT_TIMER_HEARTBEAT, 0);
    ck_assert_int_eq(view.role, RAFT_LEADER);
    ck_assert_uint_eq(view.transfer_target, RAFT_NODE_NONE);
    ck_assert_int_eq(propose(), RAFT_OK);
}
END_TEST

START_TEST(a_transfer_goes_to_another_voter_only)
{
    lead();
    ck_assert_int_eq(transfer(1), RAFT_INVALID);
    ck_assert_int_eq(transfer(9), RAFT_INVALID);
}
END_TEST

START_TEST(the_target_campaigns_at_once_and_says_why)
{
    create(3, 0, 0);
    receive_append(2, 1, (struct raft_entry_id){0, 0}, 0, 0);
    persist_state();
    receive((struct raft_message){.type = RAFT_MESSAGE_TIMEOUT_NOW, .from = 2, .term = 1});
    ck_assert_int_eq(view.role, RAFT_CANDIDATE);
    persist_state();
    ck_assert_int_eq(seen.sent[0].type, RAFT_MESSAGE_VOTE_REQ);
    ck_assert_uint_eq(seen.sent[0].flags, RAFT_FLAG_TRANSFER);
}
END_TEST

START_TEST(a_voter_hears_the_target_of_a_transfer_in_spite_of_a_live_leader)
{
    create(3, 0, 0);
    receive_append(2, 1, (struct raft_entry_id){0, 0}, 0, 0);
    persist_state();
    receive((struct raft_message){
        .type = RAFT_MESSAGE_VOTE_REQ, .from = 3, .term = 2, .flags = RAFT_FLAG_TRANSFER});
    ck_assert_uint_eq(view.state.term, 2);
    ck_assert_uint_eq(view.state.vote, 3);
}
END_TEST

static enum raft_status read_begin(void)
{
    return try((struct raft_event){.type = RAFT_EVENT_READ});
}

static void echo(raft_node_id from, raft_term term, uint64_t round)
{
    receive((struct raft_message){.type = RAFT_MESSAGE_APPEND_REP,
                                  .from = from,
                                  .term = term,
                                  .flags = RAFT_FLAG_SUCCESS,
                                  .id = {term, 1},
                                  .round = round});
}

START_TEST(takes_no_read_before_an_entry_of_its_own_term_is_committed)
{
    lead();
    ck_assert_int_eq(read_begin(), RAFT_BUSY);
    ck_assert_uint_eq(view.read_round, 0);
}
END_TEST

START_TEST(a_read_waits_for_a_majority_that_heard_of_it)
{
    lead_and_commit();
    ck_assert_int_eq(read_begin(), RAFT_OK);
    drain();
    ck_assert_uint_eq(seen.reads, 0);
    ck_assert_uint_eq(seen.sent[0].round, 1);
    echo(2, 1, 0); /* an answer to an append from before the read */
    ck_assert_uint_eq(seen.reads, 0);
    echo(2, 1, 1);
    ck_assert_uint_eq(seen.reads, 1);
}
END_TEST

START_TEST(one_round_confirms_every_read_before_it)
{
    lead_and_commit();
    ck_assert_int_eq(read_begin(), RAFT_OK);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(read_begin(), RAFT_OK);
        raft_get_view(raft, &view);
        ck_assert_uint_eq(view.read_round, 2);
    }
    echo(3, 1, 1);
    ck_assert_uint_eq(seen.reads, 1);
    echo(3, 1, 2);
    ck_assert_uint_eq(seen.reads, 2);
}
END_TEST

START_TEST(counts_a_majority_of_an_even_number_of_voters)
{
    create(4, 0, 0);
    campaign();
    persist_state();
    for (raft_node_id id = 2; id <= 3; id++) {
        receive((struct raft_message){
            .type = RAFT_MESSAGE_VOTE_REP, .from = id, .term = 1, .flags = RAFT_FLAG_SUCCESS});
    }
    seen.last_entries = (struct raft_effect){.last = {1, 1}};
    persist_entries();
    acknowledge(2, 1, (struct raft_entry_id){1, 1});
    ck_assert_uint_eq(view.commit, 0);
    acknowledge(3, 1, (struct raft_entry_id){1, 1});
    ck_assert_uint_eq(view.commit, 1);
    ck_assert_int_eq(read_begin(), RAFT_OK);
    echo(2, 1, 1);
    ck_assert_uint_eq(seen.reads, 0);
    echo(3, 1, 1);
    ck_assert_uint_eq(seen.reads, 1);
}
END_TEST

START_TEST(echoes_no_round_of_an_earlier_term)
{
    create(3, 0, 0);
    receive(
        (struct raft_message){.type = RAFT_MESSAGE_APPEND_REQ, .from = 2, .term = 1, .round = 57});
    persist_state();
    ck_assert_uint_eq(seen.sent[0].round, 57);
    campaign(); /* term 2, which another node wins */
    persist_state();
    receive(
        (struct raft_message){.type = RAFT_MESSAGE_APPEND_REQ, .from = 3, .term = 2, .round = 3});
    ck_assert_uint_eq(seen.sent[0].round, 3);
}
END_TEST

/* A leader that has just been confirmed in a heartbeat's round. */
static void lead_with_a_lease(void)
{
    lease_reads = true;
    lead_and_commit();
    lease_reads = false;
    heartbeat();
    echo(2, 1, 1);
}

START_TEST(a_read_within_the_lease_waits_for_nobody)
{
    lead_with_a_lease();
    now += T_MIN - 2; /* the clocks may drift apart by one */
    ck_assert_int_eq(read_begin(), RAFT_OK);
    drain();
    ck_assert_uint_eq(seen.reads, view.read_round);
    ck_assert_int_eq(seen.sent_count, 0);
}
END_TEST

START_TEST(a_lease_counts_from_the_beginning_of_its_round_and_ends)
{
    lead_with_a_lease();
    now += T_MIN;
    ck_assert_int_eq(read_begin(), RAFT_OK);
    drain();
    ck_assert_uint_eq(seen.reads, 0);
    ck_assert_int_gt(seen.sent_count, 0);
}
END_TEST

START_TEST(a_lease_is_given_up_when_somebody_is_told_to_campaign)
{
    lead_with_a_lease();
    ck_assert_int_eq(transfer(2), RAFT_OK);
    ck_assert_int_eq(read_begin(), RAFT_OK);
    drain();
    ck_assert_uint_eq(seen.reads, 0);
}
END_TEST

START_TEST(a_restarted_voter_gives_no_vote_within_a_lease_that_it_may_have_granted)
{
    lease_reads = true;
    create(3, 4, 0);
    lease_reads = false;
    now += T_MIN - 1;
    receive((struct raft_message){.type = RAFT_MESSAGE_VOTE_REQ, .from = 2, .term = 5});
    ck_assert_uint_eq(view.state.term, 4);
    now += 1;
    receive((struct raft_message){.type = RAFT_MESSAGE_VOTE_REQ, .from = 2, .term = 5});
    ck_assert_uint_eq(view.state.vote, 2);
}
END_TEST

START_TEST(a_campaign_by_request_breaks_no_lease)
{
    lease_reads = true;
    create(3, 0, 0);
    lease_reads = false;
    receive_append(2, 1, (struct raft_entry_id){0, 0}, 0, 0);
    now += T_MIN - 1;
    ck_assert_int_eq(try((struct raft_event){.type = RAFT_EVENT_CAMPAIGN}), RAFT_BUSY);
    now++;
    ck_assert_int_eq(try((struct raft_event){.type = RAFT_EVENT_CAMPAIGN}), RAFT_OK);
}
END_TEST

static Suite *leader_suite(void)
{
    Suite *suite = suite_create("raft_leader");
    TCase *tests = tcase_create("leader");
    tcase_add_checked_fixture(tests, NULL, teardown);
    tcase_add_test(tests, a_transfer_waits_until_the_target_has_the_whole_log);
    tcase_add_test(tests, a_transfer_that_does_not_end_is_given_up);
    tcase_add_test(tests, a_transfer_goes_to_another_voter_only);
    tcase_add_test(tests, the_target_campaigns_at_once_and_says_why);
    tcase_add_test(tests, a_voter_hears_the_target_of_a_transfer_in_spite_of_a_live_leader);
    tcase_add_test(tests, takes_no_read_before_an_entry_of_its_own_term_is_committed);
    tcase_add_test(tests, a_read_waits_for_a_majority_that_heard_of_it);
    tcase_add_test(tests, one_round_confirms_every_read_before_it);
    tcase_add_test(tests, counts_a_majority_of_an_even_number_of_voters);
    tcase_add_test(tests, echoes_no_round_of_an_earlier_term);
    tcase_add_test(tests, a_read_within_the_lease_waits_for_nobody);
    tcase_add_test(tests, a_lease_counts_from_the_beginning_of_its_round_and_ends);
    tcase_add_test(tests, a_lease_is_given_up_when_somebody_is_told_to_campaign);
    tcase_add_test(tests, a_campaign_by_request_breaks_no_lease);
    tcase_add_test(tests, a_restarted_voter_gives_no_vote_within_a_lease_that_it_may_have_granted);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return unit_main(leader_suite());
}
