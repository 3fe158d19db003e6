/* Reads that are no log entries: a sentence of the dissertation's sections 6.4 and 6.4.1 a test.
 * The leader is node 1; a lease is also seen from a voter that it binds. */
#include "members_fixture.h"

static enum raft_status read_begin(void)
{
    enum raft_status status = try((struct raft_event){.type = RAFT_EVENT_READ});
    drain();
    return status;
}

static void echo_of(raft_node_id from, uint64_t round, uint32_t flags)
{
    receive((struct raft_message){.type = RAFT_MESSAGE_APPEND_REP,
                                  .from = from,
                                  .term = view.state.term,
                                  .flags = RAFT_FLAG_SUCCESS | flags,
                                  .id = {1, 1},
                                  .round = round});
}

static void echo(raft_node_id from, uint64_t round)
{
    echo_of(from, round, 0);
}

/* ---- §6.4: ReadIndex ---- */

START_TEST(a_follower_takes_no_read)
{
    create(3, 0, 0);
    ck_assert_int_eq(read_begin(), RAFT_NOT_LEADER);
    receive_append(2, 1, (struct raft_entry_id){0, 0}, 0, 0);
    ck_assert_int_eq(read_begin(), RAFT_NOT_LEADER);
}
END_TEST

START_TEST(a_read_asks_every_voter_at_once)
{
    lead_and_commit();
    ck_assert_int_eq(read_begin(), RAFT_OK);
    ck_assert_int_eq(count_sent(RAFT_MESSAGE_APPEND_REQ, 2), 1);
    ck_assert_int_eq(count_sent(RAFT_MESSAGE_APPEND_REQ, 3), 1);
}
END_TEST

START_TEST(a_read_takes_the_commit_index_of_its_beginning)
{
    lead_and_commit();
    ck_assert_int_eq(propose(), RAFT_OK);
    ck_assert_int_eq(read_begin(), RAFT_OK);
    ck_assert_uint_eq(view.commit, 1); /* not of what is only in the log */
    uint64_t before = view.read_round;
    persist_log();
    acknowledge_all(2);
    ck_assert_int_eq(read_begin(), RAFT_OK);
    ck_assert_uint_eq(view.commit, 2);
    ck_assert_uint_gt(view.read_round, before); /* the echo of the first read says nothing of it */
}
END_TEST

START_TEST(reads_that_come_while_a_round_is_on_its_way_share_the_next_one)
{
    lead_and_commit();
    ck_assert_int_eq(read_begin(), RAFT_OK);
    ck_assert_int_eq(seen.sent_count, 2);
    for (int i = 0; i < 10; i++) {
        ck_assert_int_eq(read_begin(), RAFT_OK);
        ck_assert_int_eq(seen.sent_count, 0);
    }
    echo(2, 1);
    ck_assert_uint_eq(seen.reads, 1);
    ck_assert_int_eq(seen.sent_count, 2);
    echo(2, 2);
    ck_assert_uint_eq(seen.reads, 2);
    ck_assert_uint_eq(view.read_round, 2);
    ck_assert_int_eq(seen.sent_count, 0); /* nobody waits any more */
}
END_TEST

START_TEST(reads_whose_round_was_lost_on_the_way_are_confirmed_by_the_next_heartbeat)
{
    lead_and_commit();
    ck_assert_int_eq(read_begin(), RAFT_OK);
    ck_assert_int_eq(read_begin(), RAFT_OK);
    heartbeat();
    ck_assert_uint_eq(seen.sent[0].round, 2);
    echo(2, 2);
    ck_assert_uint_eq(seen.reads, 2);
    ck_assert_int_eq(seen.sent_count, 0);
}
END_TEST

START_TEST(a_voter_that_answers_twice_confirms_once)
{
    create(5, 0, 0);
    campaign();
    persist_state();
    for (raft_node_id id = 2; id <= 3; id++) {
        receive((struct raft_message){
            .type = RAFT_MESSAGE_VOTE_REP, .from = id, .term = 1, .flags = RAFT_FLAG_SUCCESS});
    }
    persist_log();
    acknowledge_all(2);
    acknowledge_all(3);
    ck_assert_int_eq(read_begin(), RAFT_OK);
    echo(2, 1);
    echo(2, 1);
    ck_assert_uint_eq(seen.reads, 0);
    echo(3, 1);
    ck_assert_uint_eq(seen.reads, 1);
}
END_TEST

START_TEST(an_echo_of_a_round_that_was_not_begun_confirms_nothing)
{
    lead_and_commit();
    ck_assert_int_eq(read_begin(), RAFT_OK);
    echo(2, 9);
    ck_assert_uint_eq(seen.reads, 0);
    ck_assert_int_eq(read_begin(), RAFT_OK);
    echo(2, 1);
    ck_assert_uint_eq(seen.reads, 1); /* and not the read behind it */
}
END_TEST

START_TEST(a_learner_confirms_no_read)
{
    lead_and_commit();
    adopt(OF(VOTER(1), VOTER(2), VOTER(3), LEARNER(4), LEARNER(5)));
    persist_log();
    acknowledge_all(2);
    ck_assert_int_eq(read_begin(), RAFT_OK);
    echo(4, 1);
    echo(5, 1);
    ck_assert_uint_eq(seen.reads, 0);
    echo(3, 1);
    ck_assert_uint_eq(seen.reads, 1);
}
END_TEST

static void witness_3(struct raft_options *options)
{
    options->witnesses = 1u << 2;
}

START_TEST(a_witness_confirms_a_read)
{
    adjust = witness_3;
    lead_and_commit();
    ck_assert_int_eq(read_begin(), RAFT_OK);
    echo_of(3, 1, RAFT_FLAG_WITNESS);
    ck_assert_uint_eq(seen.reads, 1);
}
END_TEST

START_TEST(a_leader_that_is_removed_does_not_confirm_its_own_reads)
{
    lead_and_commit();
    adopt(OF(VOTER(2), VOTER(3), VOTER(4)));
    acknowledge_all(4);
    persist_log();
    acknowledge_all(2);
    acknowledge_all(4);
    ck_assert_uint_eq(view.member_flags, 0); /* the configuration without it is in force */
    ck_assert_int_eq(view.role, RAFT_LEADER);
    ck_assert_int_eq(read_begin(), RAFT_OK);
    echo(3, 1);
    ck_assert_uint_eq(seen.reads, 0);
    echo(4, 1);
    ck_assert_uint_eq(seen.reads, 1);
}
END_TEST

START_TEST(a_leader_that_was_superseded_confirms_nothing_any_more)
{
    lead_and_commit();
    ck_assert_int_eq(read_begin(), RAFT_OK);
    receive((struct raft_message){.type = RAFT_MESSAGE_APPEND_REP, .from = 3, .term = 2});
    ck_assert_int_eq(view.role, RAFT_FOLLOWER);
    ck_assert_int_eq(seen.lost, 1);
    receive((struct raft_message){.type = RAFT_MESSAGE_APPEND_REP,
                                  .from = 2,
                                  .term = 1,
                                  .flags = RAFT_FLAG_SUCCESS,
                                  .id = {1, 1},
                                  .round = 1});
    ck_assert_uint_eq(seen.reads, 0);
    ck_assert_int_eq(read_begin(), RAFT_NOT_LEADER);
}
END_TEST

/* ---- §6.4.1: leases, as the leader sees them ---- */

static void drift_by_a_tenth(struct raft_options *options)
{
    options->clock_drift_ppm_max = 100000;
}

static void drift_by_a_little(struct raft_options *options)
{
    options->clock_drift_ppm_max = 1;
}

static void do_not_drift(struct raft_options *options)
{
    options->clock_drift_ppm_max = 0;
}

static void lead_by_leases(void)
{
    lease_reads = true;
    lead_and_commit();
    lease_reads = false;
}

/* Whether a read that begins now waits for nobody. Begun or not, it is then answered. */
static bool is_leased(void)
{
    ck_assert_int_eq(read_begin(), RAFT_OK);
    return seen.reads == view.read_round && seen.sent_count == 0;
}

START_TEST(a_new_leader_has_no_lease)
{
    lead_by_leases();
    ck_assert(!is_leased());
}
END_TEST

START_TEST(each_heartbeat_that_a_majority_hears_extends_the_lease)
{
    adjust = do_not_drift;
    lead_by_leases();
    for (uint64_t round = 1; round <= 4; round++) {
        heartbeat();
        echo(2, round);
    }
    now += T_MIN - 1;
    ck_assert(is_leased());
}
END_TEST

START_TEST(a_lease_is_counted_from_when_the_round_began_and_not_from_its_answers)
{
    adjust = do_not_drift;
    lead_by_leases();
    heartbeat();
    now += 40;
    echo(2, 1);
    now += T_MIN - 40 - 1;
    ck_assert(is_leased());
    now++;
    ck_assert(!is_leased());
}
END_TEST

START_TEST(the_answer_of_a_minority_extends_no_lease)
{
    lead_by_leases();
    heartbeat();
    adopt(OF(VOTER(1), VOTER(2), VOTER(3), LEARNER(4), LEARNER(5)));
    echo(4, 1);
    echo(5, 1);
    ck_assert(!is_leased());
}
END_TEST

START_TEST(a_lease_is_shorter_by_what_two_clocks_may_drift_apart)
{
    adjust = drift_by_a_tenth;
    lead_by_leases();
    heartbeat();
    echo(2, 1);
    now += T_MIN - 2 * T_MIN / 10 - 1;
    ck_assert(is_leased());
    now++;
    ck_assert(!is_leased());
}
END_TEST

START_TEST(a_drift_of_less_than_a_unit_of_time_shortens_a_lease_too)
{
    adjust = drift_by_a_little;
    lead_by_leases();
    heartbeat();
    echo(2, 1);
    now += T_MIN - 1;
    ck_assert(!is_leased());
}
END_TEST

START_TEST(a_lease_ends_with_the_leadership)
{
    adjust = do_not_drift;
    lead_by_leases();
    heartbeat();
    echo(2, 1);
    receive((struct raft_message){.type = RAFT_MESSAGE_APPEND_REP, .from = 3, .term = 2});
    persist_state();
    feed((struct raft_event){.type = RAFT_EVENT_CAMPAIGN});
    drain();
    persist_state();
    receive((struct raft_message){
        .type = RAFT_MESSAGE_VOTE_REP, .from = 2, .term = 3, .flags = RAFT_FLAG_SUCCESS});
    persist_log();
    acknowledge_all(2);
    ck_assert_uint_eq(view.commit, 2);
    ck_assert(!is_leased());
}
END_TEST

START_TEST(a_lease_lasts_on_after_a_transfer_for_which_nobody_was_told_to_campaign)
{
    adjust = do_not_drift;
    lead_by_leases();
    ck_assert_int_eq(transfer(3), RAFT_OK);
    ck_assert(!is_leased());
    now += 100;
    heartbeat();
    ck_assert_uint_eq(view.transfer_target, RAFT_NODE_NONE);
    echo(2, 2);
    ck_assert(is_leased());
}
END_TEST

/* ---- §6.4.1: leases, as a voter keeps them ---- */

/* A voter that has just heard the leader of term 1. */
static void follow_by_leases(void)
{
    lease_reads = true;
    create(3, 0, 0);
    lease_reads = false;
    now += T_MIN;
    receive_append(2, 1, (struct raft_entry_id){0, 0}, 0, 0);
    persist_state();
}

static bool votes_for_3(raft_term term, uint32_t flags)
{
    receive((struct raft_message){
        .type = RAFT_MESSAGE_VOTE_REQ, .from = 3, .term = term, .flags = flags});
    return view.state.term == term && view.state.vote == 3;
}

static const enum raft_message_type answers[] = {
    RAFT_MESSAGE_PREVOTE_REP,
    RAFT_MESSAGE_VOTE_REP,
    RAFT_MESSAGE_APPEND_REP,
    RAFT_MESSAGE_INSTALL_REP,
};

/* An old answer can come at any time, and bring the term of a node that was cut off. */
static void learn_of_term_4(enum raft_message_type type)
{
    now += T_MIN - 1;
    receive((struct raft_message){.type = type, .from = 3, .term = 4});
    persist_state();
    ck_assert_uint_eq(view.state.term, 4);
    ck_assert_uint_eq(view.state.vote, RAFT_NODE_NONE);
}

START_TEST(a_later_term_that_a_voter_learns_of_takes_nothing_off_a_lease)
{
    follow_by_leases();
    learn_of_term_4(answers[_i]);
    ck_assert(!votes_for_3(5, 0));
    ck_assert_uint_eq(view.state.term, 4);
    now++;
    ck_assert(votes_for_3(5, 0));
}
END_TEST

START_TEST(a_voter_gives_no_vote_of_the_term_that_it_learned_of_within_a_lease)
{
    follow_by_leases();
    learn_of_term_4(answers[_i]);
    ck_assert(!votes_for_3(4, 0));
    now++;
    ck_assert(votes_for_3(4, 0));
}
END_TEST

START_TEST(a_voter_that_learned_of_a_later_term_does_not_campaign_within_a_lease)
{
    follow_by_leases();
    learn_of_term_4(answers[_i]);
    ck_assert_int_eq(try((struct raft_event){.type = RAFT_EVENT_CAMPAIGN}), RAFT_BUSY);
    now++;
    feed((struct raft_event){.type = RAFT_EVENT_CAMPAIGN});
    drain();
    ck_assert_int_eq(view.role, RAFT_CANDIDATE);
}
END_TEST

START_TEST(a_voter_that_learned_of_a_later_term_promises_no_vote_within_a_lease)
{
    follow_by_leases();
    learn_of_term_4(answers[_i]);
    receive((struct raft_message){.type = RAFT_MESSAGE_PREVOTE_REQ, .from = 3, .term = 5});
    ck_assert_uint_eq(seen.sent[0].flags, 0);
    now++;
    receive((struct raft_message){.type = RAFT_MESSAGE_PREVOTE_REQ, .from = 3, .term = 5});
    ck_assert_uint_eq(seen.sent[0].flags, RAFT_FLAG_SUCCESS);
}
END_TEST

START_TEST(a_leader_that_gives_its_lease_up_lets_voters_vote_in_a_term_that_they_know)
{
    follow_by_leases();
    learn_of_term_4(RAFT_MESSAGE_VOTE_REP);
    ck_assert(votes_for_3(4, RAFT_FLAG_TRANSFER));
}
END_TEST

START_TEST(a_vote_that_was_given_is_repeated_after_a_restart)
{
    lease_reads = true;
    create(3, 4, 3);
    lease_reads = false;
    ck_assert(votes_for_3(4, 0));
    ck_assert_uint_eq(seen.sent[0].flags, RAFT_FLAG_SUCCESS);
}
END_TEST

START_TEST(a_restarted_voter_gives_no_vote_of_its_own_term_within_a_lease_either)
{
    lease_reads = true;
    create(3, 4, 0);
    lease_reads = false;
    now += T_MIN - 1;
    ck_assert(!votes_for_3(4, 0));
    now++;
    ck_assert(votes_for_3(4, 0));
}
END_TEST

static Suite *reads_suite(void)
{
    Suite *suite = suite_create("dissertation_reads");
    int answer_count = (int)(sizeof answers / sizeof answers[0]);
    TCase *tests = tcase_create("read_index");
    tcase_add_checked_fixture(tests, NULL, teardown);
    tcase_add_test(tests, a_follower_takes_no_read);
    tcase_add_test(tests, a_read_asks_every_voter_at_once);
    tcase_add_test(tests, a_read_takes_the_commit_index_of_its_beginning);
    tcase_add_test(tests, reads_that_come_while_a_round_is_on_its_way_share_the_next_one);
    tcase_add_test(tests,
                   reads_whose_round_was_lost_on_the_way_are_confirmed_by_the_next_heartbeat);
    tcase_add_test(tests, a_voter_that_answers_twice_confirms_once);
    tcase_add_test(tests, an_echo_of_a_round_that_was_not_begun_confirms_nothing);
    tcase_add_test(tests, a_learner_confirms_no_read);
    tcase_add_test(tests, a_witness_confirms_a_read);
    tcase_add_test(tests, a_leader_that_is_removed_does_not_confirm_its_own_reads);
    tcase_add_test(tests, a_leader_that_was_superseded_confirms_nothing_any_more);
    suite_add_tcase(suite, tests);
    tests = tcase_create("lease_of_a_leader");
    tcase_add_checked_fixture(tests, NULL, teardown);
    tcase_add_test(tests, a_new_leader_has_no_lease);
    tcase_add_test(tests, each_heartbeat_that_a_majority_hears_extends_the_lease);
    tcase_add_test(tests, a_lease_is_counted_from_when_the_round_began_and_not_from_its_answers);
    tcase_add_test(tests, the_answer_of_a_minority_extends_no_lease);
    tcase_add_test(tests, a_lease_is_shorter_by_what_two_clocks_may_drift_apart);
    tcase_add_test(tests, a_drift_of_less_than_a_unit_of_time_shortens_a_lease_too);
    tcase_add_test(tests, a_lease_ends_with_the_leadership);
    tcase_add_test(tests, a_lease_lasts_on_after_a_transfer_for_which_nobody_was_told_to_campaign);
    suite_add_tcase(suite, tests);
    tests = tcase_create("lease_of_a_voter");
    tcase_add_checked_fixture(tests, NULL, teardown);
    tcase_add_loop_test(tests, a_later_term_that_a_voter_learns_of_takes_nothing_off_a_lease, 0,
                        answer_count);
    tcase_add_loop_test(tests, a_voter_gives_no_vote_of_the_term_that_it_learned_of_within_a_lease,
                        0, answer_count);
    tcase_add_loop_test(tests,
                        a_voter_that_learned_of_a_later_term_does_not_campaign_within_a_lease, 0,
                        answer_count);
    tcase_add_loop_test(tests, a_voter_that_learned_of_a_later_term_promises_no_vote_within_a_lease,
                        0, answer_count);
    tcase_add_test(tests,
                   a_leader_that_gives_its_lease_up_lets_voters_vote_in_a_term_that_they_know);
    tcase_add_test(tests, a_vote_that_was_given_is_repeated_after_a_restart);
    tcase_add_test(tests, a_restarted_voter_gives_no_vote_of_its_own_term_within_a_lease_either);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return unit_main(reads_suite());
}
