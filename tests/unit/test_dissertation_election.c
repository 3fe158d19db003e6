/* Elections: a sentence of the dissertation's sections 3.3, 3.4 and 3.6.1, of the rules for servers
 * in its figure 3.1, and of section 9.6 a test. Pre-votes are off where the rule is older than
 * they are. */
#include "members_fixture.h"

static void without_pre_vote(struct raft_options *options)
{
    options->pre_vote = false;
}

static void without_check_quorum(struct raft_options *options)
{
    options->check_quorum = false;
}

static void ballot(enum raft_message_type type, raft_node_id from, raft_term term, bool granted)
{
    receive((struct raft_message){
        .type = type, .from = from, .term = term, .flags = granted ? RAFT_FLAG_SUCCESS : 0});
}

static void ask(enum raft_message_type type, raft_node_id from, raft_term term,
                struct raft_entry_id last)
{
    receive((struct raft_message){.type = type, .from = from, .term = term, .id = last});
}

/* Whether the last answer was the only one, and granted what was asked. */
static bool is_granted(void)
{
    ck_assert_int_eq(seen.sent_count, 1);
    return (seen.sent[0].flags & RAFT_FLAG_SUCCESS) != 0;
}

/* The election timer at its deadline, wherever that is now. */
static void reach_deadline(raft_time deadline_ns)
{
    now = deadline_ns > now ? deadline_ns : now;
    fire(RAFT_TIMER_ELECTION, 0);
}

/* ---- §3.3: terms ---- */

static const struct {
    enum raft_message_type type;
    raft_term term; /* of a message to the leader of term 1 */
    enum raft_role role;
    raft_term adopted;
} terms[] = {
    {RAFT_MESSAGE_APPEND_REQ, 2, RAFT_FOLLOWER, 2},
    {RAFT_MESSAGE_APPEND_REP, 2, RAFT_FOLLOWER, 2},
    {RAFT_MESSAGE_VOTE_REQ, 2, RAFT_FOLLOWER, 2},
    {RAFT_MESSAGE_VOTE_REP, 2, RAFT_FOLLOWER, 2},
    {RAFT_MESSAGE_INSTALL_REP, 2, RAFT_FOLLOWER, 2},
    {RAFT_MESSAGE_PREVOTE_REP, 2, RAFT_FOLLOWER, 2},
    {RAFT_MESSAGE_TIMEOUT_NOW, 2, RAFT_FOLLOWER, 2},
    /* What would be a term is none yet. */
    {RAFT_MESSAGE_PREVOTE_REQ, 2, RAFT_LEADER, 1},
    {RAFT_MESSAGE_APPEND_REQ, 0, RAFT_LEADER, 1},
    {RAFT_MESSAGE_APPEND_REP, 0, RAFT_LEADER, 1},
    {RAFT_MESSAGE_VOTE_REQ, 0, RAFT_LEADER, 1},
    {RAFT_MESSAGE_TIMEOUT_NOW, 0, RAFT_LEADER, 1},
};

START_TEST(a_later_term_in_any_message_makes_a_leader_follow)
{
    adjust = without_check_quorum;
    lead();
    receive((struct raft_message){.type = terms[_i].type, .from = 3, .term = terms[_i].term});
    ck_assert_int_eq(view.role, terms[_i].role);
    ck_assert_uint_eq(view.state.term, terms[_i].adopted);
}
END_TEST

static const enum raft_message_type requests[] = {
    RAFT_MESSAGE_VOTE_REQ,
    RAFT_MESSAGE_APPEND_REQ,
    RAFT_MESSAGE_PREVOTE_REQ,
};

START_TEST(refuses_a_request_of_an_earlier_term_with_its_own)
{
    create(3, 4, 0);
    ask(requests[_i], 2, 3, (struct raft_entry_id){3, 9});
    ck_assert(!is_granted());
    ck_assert_uint_eq(seen.sent[0].term, 4);
    ck_assert_uint_eq(view.state.vote, RAFT_NODE_NONE);
    ck_assert_uint_eq(view.leader, RAFT_NODE_NONE);
}
END_TEST

START_TEST(says_nothing_in_a_term_that_is_not_durable)
{
    create(3, 0, 0);
    receive_append(2, 1, (struct raft_entry_id){1, 5}, 0, 0); /* to be refused, in term 1 */
    ck_assert_int_eq(seen.persist_state, 1);
    ck_assert_int_eq(seen.sent_count, 0);
    persist_state();
    ck_assert(!is_granted());
    ck_assert_uint_eq(seen.sent[0].term, 1);
}
END_TEST

/* ---- §3.4: leader election ---- */

START_TEST(a_server_begins_as_a_follower)
{
    create(3, 4, 1); /* even one that led when it was stopped */
    ck_assert_int_eq(view.role, RAFT_FOLLOWER);
    ck_assert_uint_eq(view.state.term, 4);
    ck_assert_uint_eq(view.leader, RAFT_NODE_NONE);
}
END_TEST

START_TEST(election_timeouts_are_spread_over_their_interval)
{
    bool was_drawn[T_MAX] = {false};
    int different = 0;
    create(3, 0, 0);
    raft_time deadline_ns = seen.deadline_ns[RAFT_TIMER_ELECTION];
    for (int i = 0; i < 100; i++) {
        raft_time begin_ns = now = deadline_ns;
        fire(RAFT_TIMER_ELECTION, 0);
        deadline_ns = seen.deadline_ns[RAFT_TIMER_ELECTION];
        ck_assert_uint_ge(deadline_ns, begin_ns + T_MIN);
        ck_assert_uint_lt(deadline_ns, begin_ns + T_MAX);
        different += !was_drawn[deadline_ns - begin_ns];
        was_drawn[deadline_ns - begin_ns] = true;
    }
    ck_assert_int_gt(different, 50);
}
END_TEST

static void seed_of_another(struct raft_options *options)
{
    options->seed = 43;
}

START_TEST(servers_draw_different_timeouts)
{
    create(3, 0, 0);
    raft_time first_ns = seen.deadline_ns[RAFT_TIMER_ELECTION];
    teardown();
    adjust = seed_of_another;
    create(3, 0, 0);
    ck_assert_uint_ne(seen.deadline_ns[RAFT_TIMER_ELECTION], first_ns);
}
END_TEST

START_TEST(a_follower_stays_one_as_long_as_it_hears_a_leader)
{
    create(3, 0, 0);
    for (int i = 0; i < 10; i++) {
        receive_append(2, 1, (struct raft_entry_id){0, 0}, 0, 0);
        if (i == 0) {
            persist_state();
        }
        fire(RAFT_TIMER_ELECTION, T_MIN - 1);
        ck_assert_int_eq(view.role, RAFT_FOLLOWER);
    }
}
END_TEST

START_TEST(a_leader_of_an_earlier_term_puts_no_campaign_off)
{
    create(3, 4, 0);
    raft_time deadline_ns = seen.deadline_ns[RAFT_TIMER_ELECTION];
    now = deadline_ns - 1;
    receive_append(2, 3, (struct raft_entry_id){0, 0}, 0, 0);
    reach_deadline(deadline_ns);
    ck_assert_int_eq(view.role, RAFT_PRECANDIDATE);
}
END_TEST

START_TEST(a_vote_that_is_given_puts_the_own_campaign_off)
{
    create(3, 4, 0);
    raft_time deadline_ns = seen.deadline_ns[RAFT_TIMER_ELECTION];
    now = deadline_ns - 1;
    ask(RAFT_MESSAGE_VOTE_REQ, 2, 5, (struct raft_entry_id){0, 0});
    ck_assert_uint_eq(view.state.vote, 2);
    persist_state();
    reach_deadline(deadline_ns);
    ck_assert_int_eq(view.role, RAFT_FOLLOWER);
    reach_deadline(now + T_MAX);
    ck_assert_int_eq(view.role, RAFT_PRECANDIDATE);
}
END_TEST

START_TEST(a_candidate_increments_its_term_votes_for_itself_and_asks_everybody)
{
    adjust = without_pre_vote;
    create(5, 4, 2);
    receive_append(2, 4, (struct raft_entry_id){0, 0}, 0, 2);
    persist_entries();
    time_out();
    ck_assert_int_eq(view.role, RAFT_CANDIDATE);
    ck_assert_uint_eq(view.state.term, 5);
    ck_assert_uint_eq(view.state.vote, 1);
    ck_assert_uint_eq(seen.last_state.term, 5);
    ck_assert_uint_eq(seen.last_state.vote, 1);
    persist_state();
    for (raft_node_id id = 2; id <= 5; id++) {
        ck_assert_int_eq(count_sent(RAFT_MESSAGE_VOTE_REQ, id), 1);
    }
    ck_assert_uint_eq(seen.sent[0].term, 5);
    ck_assert_uint_eq(seen.sent[0].id.term, 4);
    ck_assert_uint_eq(seen.sent[0].id.index, 2);
}
END_TEST

START_TEST(wins_with_the_votes_of_a_majority_of_all_voters)
{
    uint32_t voters = (uint32_t)_i;
    create(voters, 0, 0);
    campaign();
    persist_state();
    raft_node_id from = 2;
    for (uint32_t votes = 1; votes < voters / 2 + 1; votes++) {
        ck_assert_int_eq(view.role, RAFT_CANDIDATE);
        ballot(RAFT_MESSAGE_VOTE_REP, from++, 1, true);
    }
    ck_assert_int_eq(view.role, RAFT_LEADER);
}
END_TEST

START_TEST(a_refused_vote_counts_for_nothing)
{
    create(5, 0, 0);
    campaign();
    persist_state();
    for (raft_node_id id = 2; id <= 5; id++) {
        ballot(RAFT_MESSAGE_VOTE_REP, id, 1, false);
    }
    ck_assert_int_eq(view.role, RAFT_CANDIDATE);
}
END_TEST

START_TEST(a_vote_of_an_earlier_term_counts_for_nothing)
{
    create(3, 4, 0);
    campaign();
    persist_state();
    ballot(RAFT_MESSAGE_VOTE_REP, 2, 4, true);
    ck_assert_int_eq(view.role, RAFT_CANDIDATE);
    ballot(RAFT_MESSAGE_VOTE_REP, 2, 5, true);
    ck_assert_int_eq(view.role, RAFT_LEADER);
}
END_TEST

START_TEST(a_candidate_follows_a_leader_of_its_own_term)
{
    create(3, 0, 0);
    campaign();
    persist_state();
    receive_append(2, 1, (struct raft_entry_id){0, 0}, 0, 0);
    ck_assert_int_eq(view.role, RAFT_FOLLOWER);
    ck_assert_uint_eq(view.leader, 2);
    ck_assert_uint_eq(view.state.vote, 1); /* its vote of this term stays given */
}
END_TEST

START_TEST(a_candidate_goes_on_when_it_hears_a_leader_of_an_earlier_term)
{
    create(3, 4, 0);
    campaign();
    persist_state();
    receive_append(2, 4, (struct raft_entry_id){0, 0}, 0, 0);
    ck_assert_int_eq(view.role, RAFT_CANDIDATE);
    ck_assert_uint_eq(view.state.term, 5);
}
END_TEST

START_TEST(a_candidate_that_neither_wins_nor_loses_begins_another_election)
{
    adjust = without_pre_vote;
    create(3, 0, 0);
    time_out();
    persist_state();
    ballot(RAFT_MESSAGE_VOTE_REP, 2, 1, false);
    time_out();
    ck_assert_int_eq(view.role, RAFT_CANDIDATE);
    ck_assert_uint_eq(view.state.term, 2);
    persist_state();
    ck_assert_int_eq(count_sent(RAFT_MESSAGE_VOTE_REQ, 2), 1);
    ck_assert_int_eq(count_sent(RAFT_MESSAGE_VOTE_REQ, 3), 1);
    ballot(RAFT_MESSAGE_VOTE_REP, 3, 1, true); /* of the election before */
    ck_assert_int_eq(view.role, RAFT_CANDIDATE);
}
END_TEST

START_TEST(a_new_leader_speaks_to_everybody_at_once_and_again_with_each_heartbeat)
{
    lead();
    ck_assert_int_eq(count_sent(RAFT_MESSAGE_APPEND_REQ, 2), 1);
    ck_assert_int_eq(count_sent(RAFT_MESSAGE_APPEND_REQ, 3), 1);
    persist_log();
    for (int i = 0; i < 3; i++) {
        heartbeat();
        ck_assert_int_ge(count_sent(RAFT_MESSAGE_APPEND_REQ, 2), 1);
        ck_assert_int_ge(count_sent(RAFT_MESSAGE_APPEND_REQ, 3), 1);
        ck_assert_uint_eq(seen.deadline_ns[RAFT_TIMER_HEARTBEAT], now + 50);
    }
}
END_TEST

START_TEST(a_repeated_request_gets_the_same_vote)
{
    create(3, 0, 0);
    ask(RAFT_MESSAGE_VOTE_REQ, 2, 1, (struct raft_entry_id){0, 0});
    persist_state();
    ck_assert(is_granted());
    ask(RAFT_MESSAGE_VOTE_REQ, 2, 1, (struct raft_entry_id){0, 0});
    ck_assert(is_granted());
    ck_assert_int_eq(seen.persist_state, 0);
}
END_TEST

/* ---- §3.6.1: the election restriction; the voter's log is (1, 1) (2, 2) ---- */

static const struct {
    struct raft_entry_id last;
    bool granted;
} logs[] = {
    {{0, 0}, false}, {{1, 1}, false}, {{2, 1}, false}, {{1, 2}, false}, {{1, 9}, false},
    {{2, 2}, true},  {{2, 3}, true},  {{3, 1}, true},  {{3, 2}, true},  {{3, 9}, true},
};

static void hold_log(void)
{
    create(3, 0, 0);
    receive_append(3, 1, (struct raft_entry_id){0, 0}, 0, 1);
    persist_state();
    receive_append(3, 2, (struct raft_entry_id){1, 1}, 0, 1);
    persist_state();
    persist_log();
    now += T_MIN;
}

START_TEST(gives_its_vote_to_a_log_that_is_at_least_as_up_to_date)
{
    hold_log();
    ask(RAFT_MESSAGE_VOTE_REQ, 2, 4, logs[_i].last);
    persist_state();
    ck_assert(is_granted() == logs[_i].granted);
    ck_assert_uint_eq(view.state.term, 4); /* a refusal tells it nothing less about the term */
    ck_assert_uint_eq(view.state.vote, logs[_i].granted ? 2 : RAFT_NODE_NONE);
}
END_TEST

/* ---- §9.6: pre-votes ---- */

START_TEST(promises_its_vote_to_a_log_that_is_at_least_as_up_to_date)
{
    hold_log();
    ask(RAFT_MESSAGE_PREVOTE_REQ, 2, 4, logs[_i].last);
    ck_assert(is_granted() == logs[_i].granted);
}
END_TEST

START_TEST(raises_its_term_when_a_majority_would_vote_for_it_and_not_before)
{
    create(5, 4, 0);
    time_out();
    ck_assert_int_eq(view.role, RAFT_PRECANDIDATE);
    ballot(RAFT_MESSAGE_PREVOTE_REP, 2, 5, true);
    ballot(RAFT_MESSAGE_PREVOTE_REP, 2, 5, true); /* a repeated answer counts once */
    ck_assert_int_eq(view.role, RAFT_PRECANDIDATE);
    ck_assert_uint_eq(view.state.term, 4);
    ballot(RAFT_MESSAGE_PREVOTE_REP, 3, 5, true);
    ck_assert_int_eq(view.role, RAFT_CANDIDATE);
    ck_assert_uint_eq(view.state.term, 5);
    persist_state();
    ck_assert_int_eq(seen.sent_count, 4); /* a promise is no vote: all are asked */
    ck_assert_int_eq(view.role, RAFT_CANDIDATE);
}
END_TEST

START_TEST(a_server_that_reaches_nobody_does_not_raise_its_term)
{
    create(3, 4, 0);
    for (int i = 0; i < 10; i++) {
        time_out();
        ballot(RAFT_MESSAGE_PREVOTE_REP, 2, 4, false);
    }
    ck_assert_int_eq(view.role, RAFT_PRECANDIDATE);
    ck_assert_uint_eq(view.state.term, 4);
}
END_TEST

START_TEST(a_promise_for_another_term_counts_for_nothing)
{
    create(3, 4, 0);
    time_out();
    ballot(RAFT_MESSAGE_PREVOTE_REP, 2, 4, true);
    ballot(RAFT_MESSAGE_PREVOTE_REP, 3, 6, true);
    ck_assert_int_eq(view.role, RAFT_PRECANDIDATE);
    ballot(RAFT_MESSAGE_PREVOTE_REP, 3, 5, true);
    ck_assert_int_eq(view.role, RAFT_CANDIDATE);
}
END_TEST

START_TEST(a_promise_is_given_to_everybody_who_asks)
{
    create(3, 4, 0);
    ask(RAFT_MESSAGE_PREVOTE_REQ, 2, 5, (struct raft_entry_id){0, 0});
    ck_assert(is_granted());
    ask(RAFT_MESSAGE_PREVOTE_REQ, 3, 5, (struct raft_entry_id){0, 0});
    ck_assert(is_granted());
}
END_TEST

START_TEST(a_promise_does_not_put_the_own_campaign_off)
{
    create(3, 4, 0);
    raft_time deadline_ns = seen.deadline_ns[RAFT_TIMER_ELECTION];
    now = deadline_ns - 1;
    ask(RAFT_MESSAGE_PREVOTE_REQ, 2, 5, (struct raft_entry_id){0, 0});
    reach_deadline(deadline_ns);
    ck_assert_int_eq(view.role, RAFT_PRECANDIDATE);
}
END_TEST

START_TEST(promises_nothing_until_it_has_not_heard_a_leader_for_the_shortest_timeout)
{
    create(3, 0, 0);
    receive_append(3, 1, (struct raft_entry_id){0, 0}, 0, 0);
    persist_state();
    now += T_MIN - 1;
    ask(RAFT_MESSAGE_PREVOTE_REQ, 2, 2, (struct raft_entry_id){0, 0});
    ck_assert(!is_granted());
    now++;
    ask(RAFT_MESSAGE_PREVOTE_REQ, 2, 2, (struct raft_entry_id){0, 0});
    ck_assert(is_granted());
}
END_TEST

START_TEST(a_leader_promises_nothing_and_goes_on)
{
    lead_and_commit();
    ask(RAFT_MESSAGE_PREVOTE_REQ, 3, 7, (struct raft_entry_id){6, 9});
    ck_assert(!is_granted());
    ck_assert_int_eq(view.role, RAFT_LEADER);
    ck_assert_uint_eq(view.state.term, 1);
}
END_TEST

START_TEST(a_server_that_is_behind_learns_the_term_from_a_refusal)
{
    create(3, 4, 0);
    time_out();
    ballot(RAFT_MESSAGE_PREVOTE_REP, 2, 9, false);
    ck_assert_uint_eq(view.state.term, 9);
    ck_assert_int_eq(view.role, RAFT_PRECANDIDATE); /* and asks again, for the term behind it */
    persist_state();
    ck_assert_uint_eq(seen.sent[0].term, 10);
}
END_TEST

START_TEST(a_server_that_hears_the_leader_again_campaigns_no_more)
{
    create(3, 1, 0);
    time_out();
    ballot(RAFT_MESSAGE_PREVOTE_REP, 2, 1, false);
    receive_append(3, 1, (struct raft_entry_id){0, 0}, 0, 0);
    ck_assert_int_eq(view.role, RAFT_FOLLOWER);
    ballot(RAFT_MESSAGE_PREVOTE_REP, 2, 2, true); /* too late */
    ck_assert_int_eq(view.role, RAFT_FOLLOWER);
    ck_assert_uint_eq(view.state.term, 1);
}
END_TEST

static void add_terms(TCase *tests)
{
    tcase_add_checked_fixture(tests, NULL, teardown);
    tcase_add_loop_test(tests, a_later_term_in_any_message_makes_a_leader_follow, 0,
                        sizeof terms / sizeof terms[0]);
    tcase_add_loop_test(tests, refuses_a_request_of_an_earlier_term_with_its_own, 0,
                        sizeof requests / sizeof requests[0]);
    tcase_add_test(tests, says_nothing_in_a_term_that_is_not_durable);
}

static void add_elections(TCase *tests)
{
    tcase_add_checked_fixture(tests, NULL, teardown);
    tcase_add_test(tests, a_server_begins_as_a_follower);
    tcase_add_test(tests, election_timeouts_are_spread_over_their_interval);
    tcase_add_test(tests, servers_draw_different_timeouts);
    tcase_add_test(tests, a_follower_stays_one_as_long_as_it_hears_a_leader);
    tcase_add_test(tests, a_leader_of_an_earlier_term_puts_no_campaign_off);
    tcase_add_test(tests, a_vote_that_is_given_puts_the_own_campaign_off);
    tcase_add_test(tests, a_candidate_increments_its_term_votes_for_itself_and_asks_everybody);
    tcase_add_loop_test(tests, wins_with_the_votes_of_a_majority_of_all_voters, 1, 8);
    tcase_add_test(tests, a_refused_vote_counts_for_nothing);
    tcase_add_test(tests, a_vote_of_an_earlier_term_counts_for_nothing);
    tcase_add_test(tests, a_candidate_follows_a_leader_of_its_own_term);
    tcase_add_test(tests, a_candidate_goes_on_when_it_hears_a_leader_of_an_earlier_term);
    tcase_add_test(tests, a_candidate_that_neither_wins_nor_loses_begins_another_election);
    tcase_add_test(tests, a_new_leader_speaks_to_everybody_at_once_and_again_with_each_heartbeat);
    tcase_add_test(tests, a_repeated_request_gets_the_same_vote);
    tcase_add_loop_test(tests, gives_its_vote_to_a_log_that_is_at_least_as_up_to_date, 0,
                        sizeof logs / sizeof logs[0]);
}

static void add_pre_votes(TCase *tests)
{
    tcase_add_checked_fixture(tests, NULL, teardown);
    tcase_add_loop_test(tests, promises_its_vote_to_a_log_that_is_at_least_as_up_to_date, 0,
                        sizeof logs / sizeof logs[0]);
    tcase_add_test(tests, raises_its_term_when_a_majority_would_vote_for_it_and_not_before);
    tcase_add_test(tests, a_server_that_reaches_nobody_does_not_raise_its_term);
    tcase_add_test(tests, a_promise_for_another_term_counts_for_nothing);
    tcase_add_test(tests, a_promise_is_given_to_everybody_who_asks);
    tcase_add_test(tests, a_promise_does_not_put_the_own_campaign_off);
    tcase_add_test(tests,
                   promises_nothing_until_it_has_not_heard_a_leader_for_the_shortest_timeout);
    tcase_add_test(tests, a_leader_promises_nothing_and_goes_on);
    tcase_add_test(tests, a_server_that_is_behind_learns_the_term_from_a_refusal);
    tcase_add_test(tests, a_server_that_hears_the_leader_again_campaigns_no_more);
}

static Suite *election_suite(void)
{
    static const struct {
        const char *name;
        void (*add)(TCase *tests);
    } parts[] = {{"terms", add_terms}, {"elections", add_elections}, {"pre_votes", add_pre_votes}};
    Suite *suite = suite_create("dissertation_election");
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        TCase *tests = tcase_create(parts[i].name);
        parts[i].add(tests);
        suite_add_tcase(suite, tests);
    }
    return suite;
}

int main(void)
{
    return unit_main(election_suite());
}
