/* Changes of the members as their leader sees them, a claim of the dissertation's chapter 4 at a
 * time. */
#include "members_fixture.h"

/* Leads {1, 2, 3} with the joint configuration towards {1, 4, 5} in the log. */
static void lead_jointly(void)
{
    lead_and_commit();
    adopt(OF(VOTER(1), VOTER(4), VOTER(5)));
    acknowledge_all(4);
    acknowledge_all(5);
    ck_assert_int_eq(view.change, RAFT_CHANGE_JOINT);
    persist_log();
}

/* ---- safety of a change ---- */

START_TEST(a_joint_configuration_commits_by_both_majorities_only)
{
    lead_jointly();
    acknowledge_all(4);
    acknowledge_all(5);
    ck_assert_uint_eq(view.commit, 1); /* 1, 4, 5: all of the incoming, one of the outgoing */
    acknowledge_all(2);
    ck_assert_uint_eq(view.commit, 2);
}
END_TEST

START_TEST(the_outgoing_majority_alone_commits_nothing_either)
{
    lead_jointly();
    acknowledge_all(2);
    acknowledge_all(3);
    ck_assert_uint_eq(view.commit, 1);
    acknowledge_all(4);
    ck_assert_uint_eq(view.commit, 2);
}
END_TEST

static void grant(raft_node_id from)
{
    receive((struct raft_message){.type = RAFT_MESSAGE_VOTE_REP,
                                  .from = from,
                                  .term = view.state.term,
                                  .flags = RAFT_FLAG_SUCCESS});
}

/* A candidate with the joint configuration from {1, 2, 3} to {1, 4, 5} in its log. */
static void campaign_jointly(void)
{
    create(3, 0, 0);
    receive_configuration(
        2, 1, (struct raft_entry_id){0, 0}, 0,
        joint_of(OF(VOTER(1), VOTER(2), VOTER(3)), OF(VOTER(1), VOTER(4), VOTER(5))));
    persist_state();
    persist_log();
    campaign();
    persist_state();
    ck_assert_int_eq(view.role, RAFT_CANDIDATE);
}

START_TEST(a_joint_configuration_elects_by_both_majorities_only)
{
    campaign_jointly();
    for (raft_node_id id = 2; id <= 5; id++) {
        ck_assert_int_eq(count_sent(RAFT_MESSAGE_VOTE_REQ, id), 1);
    }
    grant(4);
    grant(5);
    ck_assert_int_eq(view.role, RAFT_CANDIDATE);
    grant(3);
    ck_assert_int_eq(view.role, RAFT_LEADER);
}
END_TEST

START_TEST(a_new_leader_carries_the_change_in_its_log_through)
{
    campaign_jointly();
    grant(2);
    grant(4);
    ck_assert_int_eq(view.change, RAFT_CHANGE_JOINT);
    persist_log();
    acknowledge_all(2);
    acknowledge_all(4);
    ck_assert_int_eq(view.change, RAFT_CHANGE_LEAVING);
    ck_assert_uint_eq(view.last.index, 3); /* joint, its first entry, final */
    ck_assert(!raft_configuration_is_joint(&view.configuration));
    persist_log();
    acknowledge_all(5);
    ck_assert_int_eq(view.change, RAFT_CHANGE_NONE);
    ck_assert(view.configuration_committed);
    ck_assert_uint_eq(view.configuration.count, 3);
}
END_TEST

START_TEST(both_majorities_must_be_heard_by_a_leader)
{
    lead_jointly();
    time_out(); /* whoever was heard before counts for the first check */
    ck_assert_int_eq(view.role, RAFT_LEADER);
    acknowledge(4, 1, (struct raft_entry_id){1, 1});
    acknowledge(5, 1, (struct raft_entry_id){1, 1});
    time_out();
    ck_assert_int_eq(view.role, RAFT_FOLLOWER);
    ck_assert_int_eq(seen.changed, 1);
    ck_assert_int_eq(seen.last_changed.status, RAFT_LOST);
}
END_TEST

START_TEST(both_majorities_must_confirm_a_read)
{
    lead_jointly();
    feed((struct raft_event){.type = RAFT_EVENT_READ});
    drain();
    for (raft_node_id id = 5; id >= 3; id--) {
        ck_assert_uint_eq(seen.reads, 0);
        receive((struct raft_message){.type = RAFT_MESSAGE_APPEND_REP,
                                      .from = id,
                                      .term = 1,
                                      .flags = RAFT_FLAG_SUCCESS,
                                      .id = {1, 1},
                                      .round = view.read_round});
    }
    ck_assert_uint_eq(seen.reads, view.read_round);
}
END_TEST

START_TEST(the_final_configuration_follows_when_the_joint_one_is_committed)
{
    lead_jointly();
    acknowledge_all(2);
    ck_assert_int_eq(view.change, RAFT_CHANGE_JOINT);
    acknowledge_all(4);
    ck_assert_int_eq(view.change, RAFT_CHANGE_LEAVING);
    ck_assert_uint_eq(view.last.index, 3);
    ck_assert_uint_eq(view.configuration.count, 3);
    persist_log();
    acknowledge_all(5);
    ck_assert_int_eq(view.change, RAFT_CHANGE_NONE);
    ck_assert_int_eq(seen.changed, 1);
    ck_assert_int_eq(seen.last_changed.status, RAFT_OK);
    ck_assert_uint_eq(seen.last_changed.last.index, 3);
}
END_TEST

START_TEST(only_one_change_is_pending_at_a_time)
{
    lead_jointly();
    ck_assert_int_eq(change(OF(VOTER(1), VOTER(2))), RAFT_BUSY);
    acknowledge_all(2);
    acknowledge_all(4);
    ck_assert_int_eq(change(OF(VOTER(1), VOTER(2))), RAFT_BUSY);
    persist_log();
    acknowledge_all(5);
    ck_assert_int_eq(change(OF(VOTER(1), VOTER(4))), RAFT_OK);
}
END_TEST

START_TEST(no_change_begins_before_an_entry_of_the_leaders_term_is_committed)
{
    lead();
    ck_assert_int_eq(change(OF(VOTER(1), VOTER(2))), RAFT_BUSY);
    persist_log();
    acknowledge_all(2);
    ck_assert_int_eq(change(OF(VOTER(1), VOTER(2))), RAFT_OK);
}
END_TEST

START_TEST(no_change_begins_during_a_transfer)
{
    lead_and_commit();
    ck_assert_int_eq(transfer(3), RAFT_OK);
    ck_assert_int_eq(change(OF(VOTER(1), VOTER(2))), RAFT_BUSY);
}
END_TEST

START_TEST(only_a_leader_begins_a_change)
{
    create(3, 0, 0);
    ck_assert_int_eq(change(OF(VOTER(1), VOTER(2))), RAFT_NOT_LEADER);
}
END_TEST

START_TEST(a_change_leads_to_what_somebody_could_lead)
{
    lead_and_commit();
    ck_assert_int_eq(change((struct raft_configuration){.count = 0}), RAFT_INVALID);
    ck_assert_int_eq(change(OF(LEARNER(1))), RAFT_INVALID);
    ck_assert_int_eq(change(OF(WITNESS(1), WITNESS(2))), RAFT_INVALID);
    ck_assert_int_eq(change(OF(VOTER(2), VOTER(1))), RAFT_INVALID);
    ck_assert_int_eq(change(joint_of(OF(VOTER(1)), OF(VOTER(2)))), RAFT_INVALID);
    struct raft_configuration large = {.count = RAFT_MEMBERS_MAX};
    for (uint32_t i = 0; i < large.count; i++) {
        large.members[i] = VOTER(i + 2); /* 1 would be one more on the way */
    }
    ck_assert_int_eq(change(large), RAFT_INVALID);
    ck_assert_int_eq(view.change, RAFT_CHANGE_NONE);
}
END_TEST

START_TEST(no_configuration_is_put_behind_the_log_that_a_transfer_waits_for)
{
    lead_jointly();
    ck_assert_int_eq(transfer(4), RAFT_OK);
    acknowledge_all(2);
    acknowledge_all(4);
    ck_assert_int_eq(count_sent(RAFT_MESSAGE_TIMEOUT_NOW, 4), 1);
    ck_assert_int_eq(view.change, RAFT_CHANGE_LEAVING);
    ck_assert_uint_eq(view.last.index, 2);
    now += T_MIN;
    heartbeat(); /* gives the transfer up */
    ck_assert_uint_eq(view.last.index, 3);
}
END_TEST

/* ---- catching up ---- */

START_TEST(a_new_server_catches_up_before_it_counts)
{
    lead_and_commit();
    adopt(OF(VOTER(1), VOTER(2), VOTER(3), VOTER(4)));
    ck_assert_int_eq(view.change, RAFT_CHANGE_CATCHING_UP);
    ck_assert_uint_eq(view.last.index, 1);
    ck_assert_int_gt(count_sent(RAFT_MESSAGE_APPEND_REQ, 4), 0);
    ck_assert_int_eq(propose(), RAFT_OK);
    persist_log();
    acknowledge(4, 1, (struct raft_entry_id){1, 2});
    ck_assert_uint_eq(view.commit, 1); /* of three, 1 alone: 4 is nobody yet */
    ck_assert_int_eq(view.change, RAFT_CHANGE_JOINT);
    ck_assert_uint_eq(view.last.index, 3);
}
END_TEST

START_TEST(a_slow_round_is_followed_by_another)
{
    lead_and_commit();
    adopt(OF(VOTER(1), VOTER(2), VOTER(3), VOTER(4)));
    ck_assert_int_eq(propose(), RAFT_OK);
    now += T_MIN;
    acknowledge(4, 1, (struct raft_entry_id){1, 1}); /* all of the first round, slowly */
    ck_assert_int_eq(view.change, RAFT_CHANGE_CATCHING_UP);
    now += T_MIN - 1;
    acknowledge(4, 1, (struct raft_entry_id){1, 2});
    ck_assert_int_eq(view.change, RAFT_CHANGE_JOINT);
}
END_TEST

static void one_round(struct raft_options *options)
{
    options->catch_up_rounds_max = 1;
}

START_TEST(a_change_is_given_up_after_too_many_rounds)
{
    adjust = one_round;
    lead_and_commit();
    adopt(OF(VOTER(1), VOTER(2), VOTER(3), VOTER(4)));
    now += T_MIN;
    acknowledge(4, 1, (struct raft_entry_id){1, 1});
    heartbeat();
    ck_assert_int_eq(view.change, RAFT_CHANGE_NONE);
    ck_assert_int_eq(seen.changed, 1);
    ck_assert_int_eq(seen.last_changed.status, RAFT_BUSY);
    ck_assert_uint_eq(view.last.index, 1);
    ck_assert_uint_eq(view.configuration.count, 3);
}
END_TEST

static void short_catch_up(struct raft_options *options)
{
    options->catch_up_ns_max = 100;
}

START_TEST(a_change_is_given_up_when_a_new_server_does_not_answer)
{
    struct raft_progress_view progress;
    adjust = short_catch_up;
    lead_and_commit();
    adopt(OF(VOTER(1), VOTER(2), VOTER(3), VOTER(4)));
    ck_assert(raft_get_progress(raft, 4, &progress));
    heartbeat();
    ck_assert_int_eq(view.change, RAFT_CHANGE_CATCHING_UP);
    heartbeat();
    ck_assert_int_eq(view.change, RAFT_CHANGE_NONE);
    ck_assert_int_eq(seen.last_changed.status, RAFT_BUSY);
    ck_assert(!raft_get_progress(raft, 4, &progress));
    ck_assert_int_eq(change(OF(VOTER(1), VOTER(2))), RAFT_OK);
}
END_TEST

START_TEST(a_server_that_was_to_be_added_is_forgotten_with_the_leadership)
{
    lead_and_commit();
    adopt(OF(VOTER(1), VOTER(2), VOTER(3), VOTER(4)));
    receive_append(2, 2, (struct raft_entry_id){1, 1}, 1, 0);
    ck_assert_int_eq(seen.last_changed.status, RAFT_LOST);
    persist_state();
    campaign();
    ck_assert_int_eq(count_sent(RAFT_MESSAGE_VOTE_REQ, 4), 0);
    persist_state();
    grant(2);
    ck_assert_int_eq(view.role, RAFT_LEADER);
    ck_assert_int_gt(count_sent(RAFT_MESSAGE_APPEND_REQ, 3), 0);
    ck_assert_int_eq(count_sent(RAFT_MESSAGE_APPEND_REQ, 4), 0);
}
END_TEST

/* ---- who is removed ---- */

/* Leads with the final configuration {2, 3} in its log, and the joint one committed. */
static void lead_out(void)
{
    lead_and_commit();
    adopt(OF(VOTER(2), VOTER(3)));
    ck_assert_int_eq(view.change, RAFT_CHANGE_JOINT);
    persist_log();
    acknowledge_all(2);
    ck_assert_uint_eq(view.commit, 1); /* of 2 and 3, both are needed */
    acknowledge_all(3);
    ck_assert_int_eq(view.change, RAFT_CHANGE_LEAVING);
    ck_assert_uint_eq(view.member_flags, 0);
}

START_TEST(a_leader_that_is_removed_does_not_count_itself)
{
    lead_out();
    persist_log();
    acknowledge_all(2);
    ck_assert_int_eq(view.role, RAFT_LEADER);
    ck_assert_uint_eq(view.commit, 2);
}
END_TEST

START_TEST(a_leader_that_is_removed_steps_down_when_that_is_committed)
{
    lead_out();
    persist_log();
    acknowledge_all(2);
    acknowledge_all(3);
    ck_assert_uint_eq(view.commit, 3);
    ck_assert_int_eq(view.role, RAFT_FOLLOWER);
    ck_assert_int_eq(seen.changed, 1);
    ck_assert_int_eq(seen.last_changed.status, RAFT_OK);
    ck_assert_uint_eq(seen.last_changed.last.index, 3);
    ck_assert_int_eq(
        count_sent(RAFT_MESSAGE_TIMEOUT_NOW, 2) + count_sent(RAFT_MESSAGE_TIMEOUT_NOW, 3), 1);
    time_out();
    ck_assert_int_eq(view.role, RAFT_FOLLOWER);
}
END_TEST

START_TEST(a_leader_that_is_removed_asks_one_that_has_the_whole_log_to_take_over)
{
    lead_out();
    ck_assert_int_eq(propose(), RAFT_OK);
    persist_log();
    acknowledge_all(3);
    acknowledge(2, 1, (struct raft_entry_id){1, 3});
    ck_assert_int_eq(view.role, RAFT_FOLLOWER);
    ck_assert_int_eq(count_sent(RAFT_MESSAGE_TIMEOUT_NOW, 2), 0);
    ck_assert_int_eq(count_sent(RAFT_MESSAGE_TIMEOUT_NOW, 3), 1);
}
END_TEST

/* 2 is in quarantine, and has the whole log. */
static void acknowledge_uncounted(void)
{
    receive((struct raft_message){.type = RAFT_MESSAGE_APPEND_REP,
                                  .from = 2,
                                  .term = 1,
                                  .flags = RAFT_FLAG_SUCCESS | RAFT_FLAG_UNCOUNTED,
                                  .id = view.last});
}

START_TEST(a_leader_that_is_removed_asks_nobody_in_quarantine_to_take_over)
{
    lead_and_commit();
    acknowledge_uncounted();
    adopt(OF(VOTER(2), VOTER(3), VOTER(4)));
    acknowledge_all(4);
    for (int i = 0; i < 2; i++) {
        persist_log();
        acknowledge_uncounted();
        acknowledge_all(3);
        acknowledge_all(4);
    }
    ck_assert_int_eq(view.role, RAFT_FOLLOWER);
    ck_assert_int_eq(count_sent(RAFT_MESSAGE_TIMEOUT_NOW, 2), 0);
    ck_assert_int_eq(
        count_sent(RAFT_MESSAGE_TIMEOUT_NOW, 3) + count_sent(RAFT_MESSAGE_TIMEOUT_NOW, 4), 1);
}
END_TEST

START_TEST(a_server_campaigns_until_its_removal_is_committed)
{
    create(2, 0, 0);
    receive_append(2, 1, (struct raft_entry_id){0, 0}, 1, 1);
    persist_state();
    persist_log();
    receive_configuration(2, 1, (struct raft_entry_id){1, 1}, 1, OF(VOTER(2)));
    persist_log();
    ck_assert_uint_eq(view.member_flags, 0);
    ck_assert(!view.configuration_committed);
    time_out();
    ck_assert_int_eq(view.role, RAFT_PRECANDIDATE);
    ck_assert_int_eq(count_sent(RAFT_MESSAGE_PREVOTE_REQ, 2), 1);
}
END_TEST

START_TEST(a_removed_server_stays_passive)
{
    create(3, 0, 0);
    receive_configuration(2, 1, (struct raft_entry_id){0, 0}, 1, OF(VOTER(2), VOTER(3)));
    persist_state();
    persist_log();
    ck_assert(view.configuration_committed);
    time_out();
    ck_assert_int_eq(view.role, RAFT_FOLLOWER);
    ck_assert_int_eq(seen.sent_count, 0);
}
END_TEST

START_TEST(a_removed_server_deposes_no_leader)
{
    lead_and_commit();
    adopt(OF(VOTER(1), VOTER(2)));
    persist_log();
    acknowledge_all(2);
    persist_log();
    acknowledge_all(2);
    ck_assert_int_eq(view.change, RAFT_CHANGE_NONE);
    static const enum raft_message_type types[] = {RAFT_MESSAGE_VOTE_REQ, RAFT_MESSAGE_PREVOTE_REQ,
                                                   RAFT_MESSAGE_VOTE_REP, RAFT_MESSAGE_PREVOTE_REP,
                                                   RAFT_MESSAGE_APPEND_REP};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        receive((struct raft_message){.type = types[i], .from = 3, .term = 9, .id = {9, 99}});
        ck_assert_int_eq(view.role, RAFT_LEADER);
        ck_assert_uint_eq(view.state.term, 1);
    }
}
END_TEST

START_TEST(a_removed_follower_is_told_and_then_forgotten)
{
    struct raft_progress_view progress;
    lead_and_commit();
    adopt(OF(VOTER(1), VOTER(2)));
    persist_log();
    acknowledge_all(2);
    acknowledge(3, 1, (struct raft_entry_id){1, 2});
    ck_assert_int_gt(count_sent(RAFT_MESSAGE_APPEND_REQ, 3), 0); /* the final one */
    persist_log();
    acknowledge_all(2);
    ck_assert_int_eq(view.change, RAFT_CHANGE_NONE);
    ck_assert_int_gt(count_sent(RAFT_MESSAGE_APPEND_REQ, 3), 0); /* and that it is committed */
    ck_assert(raft_get_progress(raft, 3, &progress));
    heartbeat();
    ck_assert(!raft_get_progress(raft, 3, &progress));
    ck_assert_int_eq(count_sent(RAFT_MESSAGE_APPEND_REQ, 3), 0);
}
END_TEST

/* ---- memory ---- */

/* Leads term 4 of a log behind a snapshot, of which node 3 is being sent the first piece. */
static void lead_and_send_a_snapshot_to_3(void)
{
    create_behind(3, 3, 0, (struct raft_entry_id){3, 10});
    campaign();
    persist_state();
    grant(2);
    ck_assert_int_eq(view.role, RAFT_LEADER);
    persist_log();
    acknowledge_all(2);
    receive((struct raft_message){
        .type = RAFT_MESSAGE_APPEND_REP, .from = 3, .term = 4, .id = {3, 10}, .hint = {1, 4}});
    ck_assert_int_eq(seen.fetch, 1);
}

START_TEST(a_removed_follower_is_sent_no_more_of_a_snapshot)
{
    lead_and_send_a_snapshot_to_3();
    adopt(OF(VOTER(1), VOTER(2)));
    for (int i = 0; i < 2; i++) { /* the joint configuration, then the final one */
        persist_log();
        acknowledge_all(2);
    }
    ck_assert_int_eq(seen.changed, 1);
    /* The piece has been read when its follower is forgotten. */
    struct raft_event fetched = {
        .type = RAFT_EVENT_SNAPSHOT_FETCHED,
        .snapshot = {.id = {3, 10}, .size = 7},
        .bytes = core_memory_alloc(&memory, RAFT_AT_MESSAGE_DECODE_PIECE, 7),
        .size = 7,
    };
    feed(fetched);
    heartbeat();
    ck_assert_int_eq(count_sent(RAFT_MESSAGE_INSTALL_REQ, 3), 0);
}
END_TEST

START_TEST(a_removed_follower_that_is_owed_an_answer_is_sent_no_more_of_a_snapshot)
{
    lead_and_send_a_snapshot_to_3();
    adopt(OF(VOTER(1), VOTER(2)));
    for (int i = 0; i < 2; i++) {
        persist_log();
        acknowledge_all(2);
    }
    feed((struct raft_event){.type = RAFT_EVENT_SNAPSHOT_FETCHED, .status = RAFT_BUSY});
    struct raft_message question = {
        .type = RAFT_MESSAGE_PREVOTE_REQ, .from = 3, .to = 1, .term = 4};
    feed((struct raft_event){.type = RAFT_EVENT_MESSAGE, .message = &question});
    now += 50;
    feed((struct raft_event){.type = RAFT_EVENT_TIMEOUT, .timer = RAFT_TIMER_HEARTBEAT});
    retry();
    ck_assert_int_eq(count_sent(RAFT_MESSAGE_PREVOTE_REP, 3), 1);
    ck_assert_int_eq(seen.fetch, 0);
}
END_TEST

START_TEST(a_change_waits_for_memory_and_loses_nothing)
{
    struct raft_effect effect;
    unsigned failures = 0;
    for (long nth = 1;; nth++) {
        lead_and_commit();
        /* The ring of the log is full, so that room for the entry needs memory too. */
        while (log_.count < log_.capacity) {
            ck_assert_int_eq(propose(), RAFT_OK);
        }
        ck_assert_int_eq(change(OF(VOTER(1), VOTER(2))), RAFT_OK);
        memory.fail_at = memory.allocations + nth;
        struct raft_event ready = {.type = RAFT_EVENT_READY, .now_ns = now};
        enum raft_status status = RAFT_OK;
        do {
            status = raft_step(raft, &ready, &effect);
            raft_effect_release(&memory.memory, &effect);
        } while (status == RAFT_OK && effect.type != RAFT_EFFECT_NONE);
        bool has_failed = status != RAFT_OK;
        ck_assert(!has_failed || status == RAFT_NOMEM);
        failures += has_failed;
        ck_assert_ptr_null(raft_invariant_broken(raft));
        drain();
        ck_assert_int_eq(view.change, RAFT_CHANGE_JOINT);
        ck_assert(raft_configuration_is_joint(&view.configuration));
        ck_assert_uint_eq(view.configuration_index, view.last.index);
        teardown();
        if (!has_failed) {
            break;
        }
    }
    ck_assert_uint_ge(failures, 2); /* the entry, the ring, messages */
    lead();
}
END_TEST

static Suite *change_suite(void)
{
    Suite *suite = suite_create("raft_change");
    TCase *tests = tcase_create("change");
    tcase_add_checked_fixture(tests, NULL, teardown);
    tcase_add_test(tests, a_joint_configuration_commits_by_both_majorities_only);
    tcase_add_test(tests, the_outgoing_majority_alone_commits_nothing_either);
    tcase_add_test(tests, a_joint_configuration_elects_by_both_majorities_only);
    tcase_add_test(tests, a_new_leader_carries_the_change_in_its_log_through);
    tcase_add_test(tests, both_majorities_must_be_heard_by_a_leader);
    tcase_add_test(tests, both_majorities_must_confirm_a_read);
    tcase_add_test(tests, the_final_configuration_follows_when_the_joint_one_is_committed);
    tcase_add_test(tests, only_one_change_is_pending_at_a_time);
    tcase_add_test(tests, no_change_begins_before_an_entry_of_the_leaders_term_is_committed);
    tcase_add_test(tests, no_change_begins_during_a_transfer);
    tcase_add_test(tests, no_configuration_is_put_behind_the_log_that_a_transfer_waits_for);
    tcase_add_test(tests, only_a_leader_begins_a_change);
    tcase_add_test(tests, a_change_leads_to_what_somebody_could_lead);
    tcase_add_test(tests, a_new_server_catches_up_before_it_counts);
    tcase_add_test(tests, a_slow_round_is_followed_by_another);
    tcase_add_test(tests, a_change_is_given_up_after_too_many_rounds);
    tcase_add_test(tests, a_change_is_given_up_when_a_new_server_does_not_answer);
    tcase_add_test(tests, a_server_that_was_to_be_added_is_forgotten_with_the_leadership);
    tcase_add_test(tests, a_leader_that_is_removed_asks_one_that_has_the_whole_log_to_take_over);
    tcase_add_test(tests, a_leader_that_is_removed_asks_nobody_in_quarantine_to_take_over);
    tcase_add_test(tests, a_leader_that_is_removed_does_not_count_itself);
    tcase_add_test(tests, a_leader_that_is_removed_steps_down_when_that_is_committed);
    tcase_add_test(tests, a_server_campaigns_until_its_removal_is_committed);
    tcase_add_test(tests, a_removed_server_stays_passive);
    tcase_add_test(tests, a_removed_server_deposes_no_leader);
    tcase_add_test(tests, a_removed_follower_is_told_and_then_forgotten);
    tcase_add_test(tests, a_removed_follower_is_sent_no_more_of_a_snapshot);
    tcase_add_test(tests, a_removed_follower_that_is_owed_an_answer_is_sent_no_more_of_a_snapshot);
    tcase_add_test(tests, a_change_waits_for_memory_and_loses_nothing);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return unit_main(change_suite());
}
