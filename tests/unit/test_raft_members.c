/* Who is a member, and what a node may do that is one, or none: claims of the dissertation's
 * chapter 4; learners, witnesses, priorities and recovery by hand. */
#include "members_fixture.h"

/* ---- which configuration is in force ---- */

START_TEST(a_server_uses_the_latest_configuration_in_its_log_committed_or_not)
{
    create(3, 0, 0);
    ck_assert_uint_eq(view.configuration.count, 3);
    ck_assert_uint_eq(view.configuration_index, 0);
    receive_configuration(2, 1, (struct raft_entry_id){0, 0}, 0, OF(VOTER(1), VOTER(2)));
    ck_assert_uint_eq(view.configuration.count, 2);
    ck_assert_uint_eq(view.configuration_index, 1);
    ck_assert(!view.configuration_committed);
}
END_TEST

START_TEST(a_truncated_configuration_brings_the_one_before_back)
{
    create(3, 0, 0);
    receive_configuration(2, 1, (struct raft_entry_id){0, 0}, 0, OF(VOTER(1), VOTER(2)));
    receive_configuration(2, 1, (struct raft_entry_id){1, 1}, 0, OF(VOTER(2), LEARNER(3)));
    ck_assert_uint_eq(view.member_flags, 0);
    receive_append(3, 2, (struct raft_entry_id){1, 1}, 0, 1);
    ck_assert_uint_eq(view.configuration_index, 1);
    ck_assert_uint_eq(view.member_flags, RAFT_MEMBER_VOTER);
    receive_append(3, 2, (struct raft_entry_id){0, 0}, 0, 2);
    ck_assert_uint_eq(view.configuration_index, 0);
    ck_assert_uint_eq(view.configuration.count, 3);
}
END_TEST

START_TEST(a_configuration_that_a_full_disk_did_not_take_is_out_of_force)
{
    create(3, 0, 0);
    receive_configuration(2, 1, (struct raft_entry_id){0, 0}, 0, OF(VOTER(1), VOTER(2)));
    persist_state();
    feed((struct raft_event){.type = RAFT_EVENT_ENTRIES_FAILED, .status = RAFT_NOSPACE});
    drain();
    ck_assert_uint_eq(view.configuration_index, 0);
    ck_assert_uint_eq(view.configuration.count, 3);
}
END_TEST

START_TEST(a_restarted_server_finds_the_latest_configuration_in_its_log)
{
    struct raft_options options;
    create(3, 0, 0);
    receive_configuration(2, 1, (struct raft_entry_id){0, 0}, 0, OF(VOTER(1), VOTER(2)));
    receive_append(2, 1, (struct raft_entry_id){1, 1}, 0, 2);
    raft_destroy(raft);
    raft_options_init(&options);
    options.id = 1;
    ck_assert_int_eq(raft_create(&options, &memory.memory, &log_, &raft), RAFT_OK);
    raft_begin(raft, &(struct raft_hard_state){.term = 1, .sequence = 1}, NULL, now);
    raft_get_view(raft, &view);
    ck_assert_uint_eq(view.configuration_index, 1);
    ck_assert_uint_eq(view.configuration.count, 2);
    ck_assert_uint_eq(view.last.index, 3);
}
END_TEST

START_TEST(takes_nothing_of_a_message_with_a_configuration_that_is_none)
{
    create(3, 0, 0);
    receive_configuration(2, 1, (struct raft_entry_id){0, 0}, 0, OF(LEARNER(1)));
    ck_assert_uint_eq(view.last.index, 0);
    ck_assert_uint_eq(view.state.term, 0);
    receive_configuration(2, 1, (struct raft_entry_id){0, 0}, 0,
                          (struct raft_configuration){.count = 0});
    ck_assert_uint_eq(view.last.index, 0);
}
END_TEST

/* ---- who is no member, or has no vote ---- */

static void no_voters(struct raft_options *options)
{
    options->voter_count = 0;
}

START_TEST(a_read_only_server_takes_configurations_and_no_commands)
{
    create(3, 0, 0);
    feed((struct raft_event){.type = RAFT_EVENT_READ_ONLY, .read_only = true});
    receive_configuration(2, 1, (struct raft_entry_id){0, 0}, 0, OF(VOTER(1), VOTER(2)));
    ck_assert_uint_eq(view.last.index, 1);
    ck_assert_uint_eq(view.configuration_index, 1);
    receive_append(2, 1, (struct raft_entry_id){1, 1}, 0, 1);
    ck_assert_uint_eq(view.last.index, 1);
}
END_TEST

START_TEST(a_server_without_a_configuration_never_campaigns)
{
    adjust = no_voters;
    create(3, 0, 0);
    ck_assert_uint_eq(view.configuration.count, 0);
    time_out();
    ck_assert_int_eq(view.role, RAFT_FOLLOWER);
    ck_assert_int_eq(seen.sent_count, 0);
}
END_TEST

START_TEST(a_server_without_a_configuration_takes_no_snapshot)
{
    adjust = no_voters;
    create(3, 0, 0);
    receive_append(7, 1, (struct raft_entry_id){0, 0}, 2, 2);
    persist_state();
    persist_log();
    ck_assert_uint_eq(view.applied, 2);
    feed((struct raft_event){.type = RAFT_EVENT_SNAPSHOT});
    drain();
    ck_assert_int_eq(seen.save, 0);
    receive_configuration(7, 1, (struct raft_entry_id){1, 2}, 3, OF(VOTER(1), VOTER(7)));
    ck_assert_int_eq(seen.save, 1);
    ck_assert_uint_eq(seen.last_snapshot.snapshot.configuration.count, 2);
}
END_TEST

START_TEST(a_server_takes_entries_from_a_leader_that_is_no_member)
{
    adjust = no_voters;
    create(3, 0, 0);
    receive_append(7, 1, (struct raft_entry_id){0, 0}, 0, 2);
    persist_state();
    persist_log();
    ck_assert_uint_eq(view.leader, 7);
    ck_assert_int_eq(count_sent(RAFT_MESSAGE_APPEND_REP, 7), 1);
    ck_assert_uint_eq(seen.sent[0].id.index, 2);
}
END_TEST

START_TEST(a_server_answers_its_leader_whatever_the_configuration_says)
{
    adjust = no_voters;
    create(3, 0, 0);
    receive_configuration(7, 1, (struct raft_entry_id){0, 0}, 0, OF(VOTER(1), VOTER(2)));
    persist_state();
    persist_log();
    ck_assert_uint_eq(view.leader, 7);
    ck_assert_int_eq(count_sent(RAFT_MESSAGE_APPEND_REP, 7), 1);
}
END_TEST

START_TEST(an_answer_that_is_owed_outlives_a_change_of_the_members)
{
    create(3, 0, 0);
    receive((struct raft_message){.type = RAFT_MESSAGE_VOTE_REQ, .from = 10, .term = 3});
    receive_configuration(2, 3, (struct raft_entry_id){0, 0}, 0, OF(VOTER(1), VOTER(2)));
    feed((struct raft_event){.type = RAFT_EVENT_STATE_PERSISTED, .sequence = view.state.sequence});
    drain();
    ck_assert_int_eq(count_sent(RAFT_MESSAGE_VOTE_REP, 10), 1);
}
END_TEST

/* Dissertation §4.1: its vote may be needed before it has the configuration that it is in. */
START_TEST(a_server_votes_for_a_candidate_that_is_no_member)
{
    adjust = no_voters;
    create(3, 0, 0);
    receive((struct raft_message){.type = RAFT_MESSAGE_VOTE_REQ, .from = 7, .term = 3});
    persist_state();
    ck_assert_uint_eq(view.state.vote, 7);
    ck_assert_int_eq(count_sent(RAFT_MESSAGE_VOTE_REP, 7), 1);
}
END_TEST

START_TEST(not_more_than_a_few_strangers_wait_for_an_answer)
{
    create(3, 0, 0);
    receive((struct raft_message){.type = RAFT_MESSAGE_VOTE_REQ, .from = 2, .term = 3});
    for (raft_node_id id = 10; id < 20; id++) {
        receive((struct raft_message){.type = RAFT_MESSAGE_VOTE_REQ, .from = id, .term = 3});
        ck_assert_int_eq(seen.sent_count, 0); /* the term is not durable yet */
    }
    feed((struct raft_event){.type = RAFT_EVENT_STATE_PERSISTED, .sequence = view.state.sequence});
    drain();
    ck_assert_int_eq(seen.sent_count, 1 + 4);
    receive((struct raft_message){.type = RAFT_MESSAGE_VOTE_REQ, .from = 19, .term = 3});
    ck_assert_int_eq(count_sent(RAFT_MESSAGE_VOTE_REP, 19), 1);
}
END_TEST

START_TEST(a_learner_gets_the_log_and_counts_for_nothing)
{
    lead_and_commit();
    adopt(OF(VOTER(1), VOTER(2), VOTER(3), LEARNER(4), LEARNER(5)));
    ck_assert_int_eq(view.change, RAFT_CHANGE_LEAVING); /* voters stay: no joint configuration */
    ck_assert(!raft_configuration_is_joint(&view.configuration));
    persist_log();
    acknowledge_all(4);
    acknowledge_all(5);
    ck_assert_uint_eq(view.commit, 1);
    acknowledge_all(3);
    ck_assert_uint_eq(view.commit, 2);
    ck_assert_int_eq(view.change, RAFT_CHANGE_NONE);
}
END_TEST

/* It was a voter once, and campaigned in vain: otherwise it would never get the log. */
START_TEST(a_learner_that_is_ahead_by_a_term_ends_the_term)
{
    lead_and_commit();
    adopt(OF(VOTER(1), VOTER(2), VOTER(3), LEARNER(4)));
    receive((struct raft_message){.type = RAFT_MESSAGE_APPEND_REP, .from = 4, .term = 5});
    ck_assert_int_eq(view.role, RAFT_FOLLOWER);
    ck_assert_uint_eq(view.state.term, 5);
}
END_TEST

START_TEST(a_learner_is_asked_for_no_vote)
{
    create(3, 0, 0);
    receive_configuration(2, 1, (struct raft_entry_id){0, 0}, 1,
                          OF(VOTER(1), VOTER(2), LEARNER(3)));
    persist_state();
    persist_log();
    time_out();
    ck_assert_int_eq(count_sent(RAFT_MESSAGE_PREVOTE_REQ, 2), 1);
    ck_assert_int_eq(count_sent(RAFT_MESSAGE_PREVOTE_REQ, 3), 0);
}
END_TEST

START_TEST(a_learner_never_campaigns)
{
    create(3, 0, 0);
    receive_configuration(2, 1, (struct raft_entry_id){0, 0}, 1, OF(LEARNER(1), VOTER(2)));
    persist_state();
    persist_log();
    ck_assert_uint_eq(view.member_flags, RAFT_MEMBER_LEARNER);
    time_out();
    ck_assert_int_eq(view.role, RAFT_FOLLOWER);
    receive((struct raft_message){.type = RAFT_MESSAGE_TIMEOUT_NOW, .from = 2, .term = 1});
    ck_assert_int_eq(view.role, RAFT_FOLLOWER);
}
END_TEST

static void witness_3(struct raft_options *options)
{
    options->witnesses = 1u << 2;
}

START_TEST(leadership_is_transferred_to_no_witness_and_to_no_learner)
{
    adjust = witness_3;
    lead_and_commit();
    adopt(OF(VOTER(1), VOTER(2), WITNESS(3), LEARNER(4)));
    persist_log();
    acknowledge_all(2);
    for (raft_node_id id = 3; id <= 4; id++) {
        ck_assert_int_eq(transfer(id), RAFT_INVALID);
    }
}
END_TEST

static void prefer_2(struct raft_options *options)
{
    options->priorities[1] = 1;
}

START_TEST(a_server_lets_a_preferred_one_come_first_once)
{
    adjust = prefer_2;
    create(3, 0, 0);
    time_out();
    ck_assert_int_eq(view.role, RAFT_FOLLOWER);
    time_out();
    ck_assert_int_eq(view.role, RAFT_PRECANDIDATE);
}
END_TEST

static void prefer_1(struct raft_options *options)
{
    options->priorities[0] = 1;
}

START_TEST(a_preferred_server_does_not_wait)
{
    adjust = prefer_1;
    create(3, 0, 0);
    time_out();
    ck_assert_int_eq(view.role, RAFT_PRECANDIDATE);
}
END_TEST

/* ---- by hand ---- */

START_TEST(a_configuration_set_by_hand_waits_for_the_leaders_first_entry)
{
    struct raft_effect effect;
    create(3, 4, 0);
    ck_assert_int_eq(recover(OF(VOTER(1))), RAFT_OK);
    drain();
    time_out();
    feed((struct raft_event){.type = RAFT_EVENT_STATE_PERSISTED, .sequence = view.state.sequence});
    memory.fail_at = memory.allocations + 1;
    struct raft_event ready = {.type = RAFT_EVENT_READY, .now_ns = now};
    enum raft_status status = RAFT_OK;
    do {
        status = raft_step(raft, &ready, &effect);
    } while (status == RAFT_OK && effect.type != RAFT_EFFECT_NONE);
    ck_assert_int_eq(status, RAFT_NOMEM);
    raft_get_view(raft, &view);
    ck_assert_uint_eq(view.last.index, 0);
    drain();
    ck_assert_uint_eq(view.configuration_index, 2);
}
END_TEST

START_TEST(unsafe_recovery_puts_a_configuration_in_force_and_then_in_the_log)
{
    create(3, 4, 0);
    ck_assert_int_eq(recover(OF(VOTER(1))), RAFT_OK);
    drain();
    ck_assert(view.configuration_by_hand);
    ck_assert(!view.configuration_committed);
    time_out();
    persist_state();
    ck_assert_int_eq(view.role, RAFT_LEADER);
    ck_assert_uint_eq(view.last.index, 2); /* its first entry, and the configuration */
    ck_assert(!view.configuration_by_hand);
    ck_assert_uint_eq(view.configuration_index, 2);
    persist_log();
    ck_assert(view.configuration_committed);
    ck_assert_uint_eq(view.configuration.count, 1);
}
END_TEST

START_TEST(what_was_set_by_hand_is_dropped_when_a_leader_is_heard)
{
    create(3, 0, 0);
    ck_assert_int_eq(recover(OF(VOTER(1))), RAFT_OK);
    receive_append(2, 1, (struct raft_entry_id){0, 0}, 0, 0);
    ck_assert(!view.configuration_by_hand);
    ck_assert_uint_eq(view.configuration.count, 3);
}
END_TEST

START_TEST(unsafe_recovery_of_a_leader_makes_it_step_down)
{
    lead_and_commit();
    ck_assert_int_eq(recover(OF(VOTER(1), VOTER(2))), RAFT_OK);
    drain();
    ck_assert_int_eq(view.role, RAFT_FOLLOWER);
    ck_assert(view.configuration_by_hand);
}
END_TEST

#define SNAPSHOT_SIZE 10u

/* A follower of node 2 without a log is sent the first bytes of a snapshot of (1, 20). */
static void receive_piece(uint32_t size)
{
    create(3, 4, 0);
    receive((struct raft_message){
        .type = RAFT_MESSAGE_INSTALL_REQ,
        .from = 2,
        .term = 4,
        .id = {1, 20},
        .total = SNAPSHOT_SIZE,
        .bytes = core_memory_alloc(&memory, RAFT_AT_MESSAGE_DECODE_PIECE, size),
        .size = size,
    });
    ck_assert_int_eq(seen.receive, 1);
}

static void written(uint32_t size)
{
    feed((struct raft_event){.type = RAFT_EVENT_SNAPSHOT_RECEIVED,
                             .offset = size,
                             .snapshot = {.id = {1, 20}, .configuration = OF(VOTER(1), VOTER(2))}});
    drain();
}

static void lead_by_hand(void)
{
    ck_assert_int_eq(recover(OF(VOTER(1))), RAFT_OK);
    drain();
    time_out();
    persist_state();
    ck_assert_int_eq(view.role, RAFT_LEADER);
}

/* Or the log of a node that leads by hand would be replaced. */
START_TEST(unsafe_recovery_waits_for_a_snapshot_that_is_put_in_place)
{
    receive_piece(SNAPSHOT_SIZE);
    ck_assert_int_eq(recover(OF(VOTER(1))), RAFT_BUSY);
    written(SNAPSHOT_SIZE);
    ck_assert_int_eq(seen.restore, 1);
    ck_assert_int_eq(recover(OF(VOTER(1))), RAFT_BUSY);
    feed((struct raft_event){.type = RAFT_EVENT_RESTORED});
    drain();
    feed((struct raft_event){.type = RAFT_EVENT_RESET});
    drain();
    lead_by_hand();
    ck_assert_uint_eq(view.last.index, 22); /* its first entry, and the configuration */
}
END_TEST

START_TEST(unsafe_recovery_waits_for_no_piece_that_does_not_come)
{
    receive_piece(4);
    written(4);
    lead_by_hand();
    ck_assert_uint_eq(view.last.index, 2);
}
END_TEST

START_TEST(unsafe_recovery_needs_a_configuration_in_which_the_node_could_lead)
{
    create(3, 0, 0);
    ck_assert_int_eq(recover((struct raft_configuration){.count = 0}), RAFT_INVALID);
    ck_assert_int_eq(recover(OF(VOTER(2))), RAFT_INVALID);
    ck_assert_int_eq(recover(OF(WITNESS(1), VOTER(2))), RAFT_INVALID);
    ck_assert_int_eq(recover(OF(LEARNER(1), VOTER(2))), RAFT_INVALID);
    ck_assert_int_eq(recover(joint_of(OF(VOTER(1)), OF(VOTER(2)))), RAFT_INVALID);
    drain();
    ck_assert(!view.configuration_by_hand);
}
END_TEST

START_TEST(a_configuration_set_by_hand_outlives_a_snapshot_with_another)
{
    create(3, 1, 0);
    receive_configuration(2, 1, (struct raft_entry_id){0, 0}, 1,
                          OF(VOTER(1), VOTER(2), VOTER(3), LEARNER(4)));
    persist_log();
    feed((struct raft_event){.type = RAFT_EVENT_SNAPSHOT});
    drain();
    ck_assert_int_eq(seen.save, 1);
    struct raft_event saved = {.type = RAFT_EVENT_SNAPSHOT_SAVED};
    saved.snapshot = seen.last_snapshot.snapshot;
    ck_assert_int_eq(recover(OF(VOTER(1), VOTER(2))), RAFT_OK);
    feed(saved);
    drain();
    ck_assert_uint_eq(view.base.index, 1);
    ck_assert(view.configuration_by_hand);
    ck_assert_uint_eq(view.configuration.count, 2);
}
END_TEST

static Suite *members_suite(void)
{
    Suite *suite = suite_create("raft_members");
    TCase *tests = tcase_create("members");
    tcase_add_checked_fixture(tests, NULL, teardown);
    tcase_add_test(tests, a_server_uses_the_latest_configuration_in_its_log_committed_or_not);
    tcase_add_test(tests, a_truncated_configuration_brings_the_one_before_back);
    tcase_add_test(tests, a_configuration_that_a_full_disk_did_not_take_is_out_of_force);
    tcase_add_test(tests, a_restarted_server_finds_the_latest_configuration_in_its_log);
    tcase_add_test(tests, takes_nothing_of_a_message_with_a_configuration_that_is_none);
    tcase_add_test(tests, a_read_only_server_takes_configurations_and_no_commands);
    tcase_add_test(tests, a_server_without_a_configuration_never_campaigns);
    tcase_add_test(tests, a_server_without_a_configuration_takes_no_snapshot);
    tcase_add_test(tests, a_server_takes_entries_from_a_leader_that_is_no_member);
    tcase_add_test(tests, a_server_answers_its_leader_whatever_the_configuration_says);
    tcase_add_test(tests, an_answer_that_is_owed_outlives_a_change_of_the_members);
    tcase_add_test(tests, a_configuration_set_by_hand_waits_for_the_leaders_first_entry);
    tcase_add_test(tests, a_learner_that_is_ahead_by_a_term_ends_the_term);
    tcase_add_test(tests, a_learner_is_asked_for_no_vote);
    tcase_add_test(tests, a_server_votes_for_a_candidate_that_is_no_member);
    tcase_add_test(tests, not_more_than_a_few_strangers_wait_for_an_answer);
    tcase_add_test(tests, a_learner_gets_the_log_and_counts_for_nothing);
    tcase_add_test(tests, a_learner_never_campaigns);
    tcase_add_test(tests, leadership_is_transferred_to_no_witness_and_to_no_learner);
    tcase_add_test(tests, a_server_lets_a_preferred_one_come_first_once);
    tcase_add_test(tests, a_preferred_server_does_not_wait);
    tcase_add_test(tests, unsafe_recovery_puts_a_configuration_in_force_and_then_in_the_log);
    tcase_add_test(tests, a_configuration_set_by_hand_outlives_a_snapshot_with_another);
    tcase_add_test(tests, what_was_set_by_hand_is_dropped_when_a_leader_is_heard);
    tcase_add_test(tests, unsafe_recovery_of_a_leader_makes_it_step_down);
    tcase_add_test(tests, unsafe_recovery_waits_for_a_snapshot_that_is_put_in_place);
    tcase_add_test(tests, unsafe_recovery_waits_for_no_piece_that_does_not_come);
    tcase_add_test(tests, unsafe_recovery_needs_a_configuration_in_which_the_node_could_lead);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return unit_main(members_suite());
}
