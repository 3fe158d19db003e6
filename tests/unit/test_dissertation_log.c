/* The replicated log: a sentence of the dissertation's sections 3.5 to 3.8, of the rules in its
 * figure 3.1, and of sections 3.10 and 10.2.1 a test. */
#include "members_fixture.h"

/* The only message to a node. */
static const struct raft_message *sent_to(raft_node_id to)
{
    const struct raft_message *found = NULL;
    for (int i = 0; i < seen.sent_count; i++) {
        if (seen.sent[i].to == to) {
            ck_assert_ptr_null(found);
            found = &seen.sent[i];
        }
    }
    ck_assert_ptr_nonnull(found);
    return found;
}

static bool is_success(void)
{
    ck_assert_int_eq(seen.sent_count, 1);
    return (seen.sent[0].flags & RAFT_FLAG_SUCCESS) != 0;
}

static void refuse(raft_node_id from, struct raft_entry_id refused, struct raft_entry_id hint)
{
    receive((struct raft_message){.type = RAFT_MESSAGE_APPEND_REP,
                                  .from = from,
                                  .term = view.state.term,
                                  .id = refused,
                                  .hint = hint});
}

/* A follower with some entries of term 1, all durable, that come from node 2. */
static void hold(uint32_t count)
{
    create(3, 0, 0);
    receive_append(2, 1, (struct raft_entry_id){0, 0}, 0, count);
    persist_state();
    persist_log();
}

/* Makes a follower the leader of the next term, with its first entry appended. */
static void take_over(void)
{
    campaign();
    persist_state();
    receive((struct raft_message){.type = RAFT_MESSAGE_VOTE_REP,
                                  .from = 2,
                                  .term = view.state.term,
                                  .flags = RAFT_FLAG_SUCCESS});
    ck_assert_int_eq(view.role, RAFT_LEADER);
}

/* ---- figure 3.1, AppendEntries: the receiver ---- */

START_TEST(takes_nothing_of_an_append_of_an_earlier_term)
{
    create(3, 4, 0);
    receive_append(2, 3, (struct raft_entry_id){0, 0}, 1, 1);
    ck_assert(!is_success());
    ck_assert_uint_eq(view.last.index, 0);
    ck_assert_uint_eq(view.commit, 0);
}
END_TEST

START_TEST(refuses_an_append_whose_previous_entry_has_another_term)
{
    hold(2);
    receive_append(2, 3, (struct raft_entry_id){2, 2}, 2, 1);
    persist_state();
    ck_assert(!is_success());
    ck_assert_uint_eq(view.last.index, 2); /* what does not match is not cut by a refusal */
    ck_assert_uint_eq(view.last.term, 1);
    ck_assert_uint_eq(view.commit, 0);
    ck_assert_uint_eq(seen.sent[0].hint.index, 2);
}
END_TEST

START_TEST(a_conflict_deletes_the_entry_and_all_that_follow_it)
{
    hold(4);
    receive_append(3, 2, (struct raft_entry_id){1, 1}, 0, 1);
    ck_assert_uint_eq(view.last.index, 2);
    ck_assert_uint_eq(view.last.term, 2);
    ck_assert_uint_eq(view.durable.index, 1);
}
END_TEST

START_TEST(takes_of_an_overlapping_append_what_is_new)
{
    hold(2);
    receive_append(2, 1, (struct raft_entry_id){0, 0}, 0, 4);
    ck_assert_uint_eq(view.last.index, 4);
    ck_assert_uint_eq(view.durable.index, 2);
    ck_assert_uint_eq(seen.last_entries.first, 3);
    ck_assert_int_eq(seen.truncate, 0);
}
END_TEST

START_TEST(a_repeated_append_is_answered_again_and_changes_nothing)
{
    hold(2);
    for (int i = 0; i < 2; i++) {
        receive_append(2, 1, (struct raft_entry_id){0, 0}, 0, 2);
        ck_assert(is_success());
        ck_assert_uint_eq(seen.sent[0].id.index, 2);
        ck_assert_int_eq(seen.persist_entries, 0);
    }
    ck_assert_uint_eq(view.last.index, 2);
}
END_TEST

static const struct {
    uint32_t count; /* of the entries in the append; the log has two before it */
    raft_index leader_commit;
    raft_index commit;
} commits[] = {
    {0, 0, 0}, {0, 1, 1}, {0, 2, 2}, {0, 9, 2}, {2, 1, 1}, {2, 3, 3}, {2, 4, 4}, {2, 9, 4},
};

START_TEST(commits_what_the_leader_has_up_to_the_last_new_entry)
{
    hold(2);
    receive_append(2, 1, (struct raft_entry_id){1, 2}, commits[_i].leader_commit,
                   commits[_i].count);
    ck_assert_uint_eq(view.commit, commits[_i].commit);
    ck_assert_uint_eq(view.applied, commits[_i].commit);
}
END_TEST

START_TEST(an_earlier_commit_index_moves_nothing_back)
{
    hold(2);
    receive_append(2, 1, (struct raft_entry_id){1, 2}, 2, 0);
    receive_append(2, 1, (struct raft_entry_id){1, 2}, 1, 0);
    ck_assert_uint_eq(view.commit, 2);
    ck_assert_uint_eq(view.applied, 2);
}
END_TEST

/* ---- figure 3.1, all servers ---- */

static void apply_one_by_one(struct raft_options *options)
{
    options->batch_entries_max = 1;
}

START_TEST(applies_what_is_committed_in_order_and_each_entry_once)
{
    adjust = apply_one_by_one;
    hold(3);
    holds_applies = true;
    receive_append(2, 1, (struct raft_entry_id){1, 3}, 2, 0);
    for (raft_index index = 1; index <= 2; index++) {
        ck_assert_int_eq(seen.apply, 1);
        ck_assert_uint_eq(view.applied, index - 1);
        ck_assert_uint_eq(view.entries_apply, 1);
        feed((struct raft_event){.type = RAFT_EVENT_APPLIED, .id = {1, index}});
        drain();
    }
    ck_assert_int_eq(seen.apply, 0);
    ck_assert_uint_eq(view.applied, 2);
}
END_TEST

START_TEST(a_restarted_server_applies_nothing_before_it_hears_what_is_committed)
{
    struct raft_options options;
    hold(3);
    receive_append(2, 1, (struct raft_entry_id){1, 3}, 3, 0);
    ck_assert_uint_eq(view.applied, 3);
    raft_destroy(raft);
    raft_options_init(&options);
    options.id = 1;
    options.voter_count = 3;
    memcpy(options.voters, (const raft_node_id[]){1, 2, 3}, 3 * sizeof options.voters[0]);
    ck_assert_int_eq(raft_create(&options, &memory.memory, &log_, &raft), RAFT_OK);
    raft_begin(raft, &(struct raft_hard_state){.term = 1, .sequence = 1}, NULL, now);
    drain();
    ck_assert_uint_eq(view.last.index, 3);
    ck_assert_uint_eq(view.commit, 0);
    ck_assert_uint_eq(view.applied, 0);
    receive_append(2, 1, (struct raft_entry_id){1, 3}, 3, 0);
    ck_assert_uint_eq(view.applied, 3); /* all of it again, in the same order */
}
END_TEST

/* ---- figure 3.1 and §3.5, §3.6.2: leaders ---- */

START_TEST(a_request_is_complete_when_it_is_applied_and_not_before)
{
    lead_and_commit();
    ck_assert_uint_eq(seen.completed, 1);
    holds_applies = true;
    ck_assert_int_eq(propose(), RAFT_OK);
    persist_log();
    acknowledge_all(2);
    ck_assert_uint_eq(view.commit, 2);
    ck_assert_uint_eq(seen.completed, 0);
    feed((struct raft_event){.type = RAFT_EVENT_APPLIED, .id = {1, 2}});
    drain();
    ck_assert_uint_eq(seen.completed, 2);
}
END_TEST

START_TEST(a_follower_completes_no_request)
{
    hold(2);
    receive_append(2, 1, (struct raft_entry_id){1, 2}, 2, 0);
    ck_assert_uint_eq(view.applied, 2);
    ck_assert_uint_eq(seen.completed, 0);
}
END_TEST

START_TEST(only_a_leader_takes_requests)
{
    hold(2);
    ck_assert_int_eq(propose(), RAFT_NOT_LEADER);
    campaign();
    ck_assert_int_eq(view.role, RAFT_CANDIDATE);
    ck_assert_int_eq(propose(), RAFT_NOT_LEADER);
    ck_assert_uint_eq(view.last.index, 2);
}
END_TEST

START_TEST(a_new_leader_supposes_that_its_followers_have_its_whole_log)
{
    hold(2);
    take_over();
    const struct raft_message *message = sent_to(3);
    ck_assert_uint_eq(message->id.term, 1);
    ck_assert_uint_eq(message->id.index, 2);
    struct raft_progress_view progress;
    ck_assert(raft_get_progress(raft, 3, &progress));
    ck_assert_uint_eq(progress.match, 0); /* but knows nothing */
}
END_TEST

static const struct {
    struct raft_entry_id hint; /* where a follower may agree with (1, 1..3) (2, 4..6) */
    raft_index previous;       /* of the next append */
} hints[] = {
    {{2, 5}, 5}, {{2, 4}, 4}, {{1, 5}, 3}, {{1, 3}, 3}, {{1, 1}, 1}, {{0, 0}, 0},
};

START_TEST(a_refused_leader_goes_back_over_a_whole_term)
{
    hold(3);
    receive_append(2, 2, (struct raft_entry_id){1, 3}, 0, 3);
    persist_state();
    persist_log();
    take_over();
    refuse(3, (struct raft_entry_id){2, 6}, hints[_i].hint);
    const struct raft_message *message = sent_to(3);
    ck_assert_uint_eq(message->id.index, hints[_i].previous);
    ck_assert_uint_eq(message->entry_count, view.last.index - hints[_i].previous);
}
END_TEST

START_TEST(an_append_without_an_answer_is_repeated_for_ever)
{
    lead();
    persist_log();
    acknowledge_all(2);
    for (int i = 0; i < 20; i++) {
        heartbeat();
        acknowledge_all(2); /* so that it goes on leading */
        heartbeat();
        const struct raft_message *message = sent_to(3);
        ck_assert_uint_eq(message->id.index, 0);
        ck_assert_uint_eq(message->entry_count, 1);
    }
}
END_TEST

START_TEST(an_entry_that_was_lost_on_the_way_is_sent_again)
{
    lead_and_commit();
    ck_assert_int_eq(propose(), RAFT_OK);
    ck_assert_uint_eq(sent_to(2)->entry_count, 1); /* and never arrives */
    heartbeat();
    ck_assert_uint_eq(sent_to(2)->id.index, 2); /* the position behind it */
    refuse(2, (struct raft_entry_id){1, 2}, (struct raft_entry_id){1, 1});
    const struct raft_message *message = sent_to(2);
    ck_assert_uint_eq(message->id.index, 1);
    ck_assert_uint_eq(message->entry_count, 1);
}
END_TEST

START_TEST(commits_what_a_majority_of_all_voters_has)
{
    uint32_t voters = (uint32_t)_i;
    create(voters, 0, 0);
    campaign();
    persist_state();
    for (raft_node_id id = 2; id <= voters && view.role != RAFT_LEADER; id++) {
        receive((struct raft_message){
            .type = RAFT_MESSAGE_VOTE_REP, .from = id, .term = 1, .flags = RAFT_FLAG_SUCCESS});
    }
    ck_assert_uint_eq(view.commit, 0);
    persist_log();
    raft_node_id from = 2;
    for (uint32_t copies = 1; copies < voters / 2 + 1; copies++) {
        ck_assert_uint_eq(view.commit, 0);
        acknowledge_all(from++);
    }
    ck_assert_uint_eq(view.commit, 1);
}
END_TEST

START_TEST(an_entry_of_its_own_term_commits_all_before_it)
{
    hold(2);
    take_over();
    persist_log();
    acknowledge(3, 2, (struct raft_entry_id){1, 2});
    ck_assert_uint_eq(view.commit, 0); /* a majority has them: not enough (figure 3.7) */
    acknowledge(3, 2, (struct raft_entry_id){2, 3});
    ck_assert_uint_eq(view.commit, 3);
}
END_TEST

START_TEST(followers_learn_at_once_what_is_committed)
{
    lead_and_commit();
    ck_assert_uint_eq(sent_to(2)->commit, 1);
    ck_assert_uint_eq(sent_to(3)->commit, 1);
}
END_TEST

/* ---- §3.10: leadership transfer ---- */

START_TEST(the_old_leader_votes_for_the_target_of_its_transfer)
{
    lead_and_commit();
    ck_assert_int_eq(transfer(2), RAFT_OK);
    receive((struct raft_message){.type = RAFT_MESSAGE_VOTE_REQ,
                                  .from = 2,
                                  .term = 2,
                                  .flags = RAFT_FLAG_TRANSFER,
                                  .id = {1, 1}});
    ck_assert_int_eq(view.role, RAFT_FOLLOWER);
    ck_assert_uint_eq(view.state.vote, 2);
    ck_assert_uint_eq(view.transfer_target, RAFT_NODE_NONE);
    ck_assert_int_eq(propose(), RAFT_NOT_LEADER);
}
END_TEST

START_TEST(a_leader_with_a_majority_hears_no_candidate_that_nobody_asked_for)
{
    lead_and_commit();
    receive(
        (struct raft_message){.type = RAFT_MESSAGE_VOTE_REQ, .from = 2, .term = 2, .id = {1, 1}});
    ck_assert_int_eq(view.role, RAFT_LEADER);
    ck_assert_uint_eq(view.state.term, 1);
}
END_TEST

START_TEST(only_the_leader_of_its_term_makes_a_server_campaign)
{
    create(3, 1, 0);
    receive_append(2, 1, (struct raft_entry_id){0, 0}, 0, 0);
    receive((struct raft_message){.type = RAFT_MESSAGE_TIMEOUT_NOW, .from = 3, .term = 1});
    ck_assert_int_eq(view.role, RAFT_FOLLOWER);
    receive((struct raft_message){.type = RAFT_MESSAGE_TIMEOUT_NOW, .from = 2, .term = 0});
    ck_assert_int_eq(view.role, RAFT_FOLLOWER);
    receive((struct raft_message){.type = RAFT_MESSAGE_TIMEOUT_NOW, .from = 2, .term = 1});
    ck_assert_int_eq(view.role, RAFT_CANDIDATE); /* without asking for promises */
}
END_TEST

START_TEST(the_target_gets_what_it_lacks_while_requests_are_refused)
{
    lead();
    persist_log();
    acknowledge_all(3);
    ck_assert_int_eq(transfer(2), RAFT_OK);
    ck_assert_int_eq(propose(), RAFT_BUSY);
    heartbeat();
    ck_assert_uint_eq(sent_to(2)->entry_count, 1);
    acknowledge_all(2);
    ck_assert_int_eq(count_sent(RAFT_MESSAGE_TIMEOUT_NOW, 2), 1);
}
END_TEST

/* ---- §10.2.1: the leader's disk and its followers in parallel, and pipelining ---- */

START_TEST(sends_entries_before_they_are_on_its_own_disk)
{
    lead();
    ck_assert_uint_eq(view.durable.index, 0);
    ck_assert_uint_eq(sent_to(2)->entry_count, 1);
    ck_assert_uint_eq(sent_to(3)->entry_count, 1);
    ck_assert_int_eq(seen.persist_entries, 1); /* the write has begun as well */
}
END_TEST

START_TEST(commits_and_applies_without_its_own_disk_what_a_majority_of_others_has)
{
    lead();
    acknowledge_all(2);
    ck_assert_uint_eq(view.commit, 0);
    acknowledge_all(3);
    ck_assert_uint_eq(view.durable.index, 0);
    ck_assert_uint_eq(view.commit, 1);
    ck_assert_uint_eq(view.applied, 1);
}
END_TEST

START_TEST(sends_the_next_append_without_waiting_for_the_answer_to_the_last)
{
    lead_and_commit();
    for (raft_index previous = 1; previous <= 3; previous++) {
        ck_assert_int_eq(propose(), RAFT_OK);
        ck_assert_uint_eq(sent_to(2)->id.index, previous);
        ck_assert_uint_eq(sent_to(2)->entry_count, 1);
    }
}
END_TEST

static void add_followers(TCase *tests)
{
    tcase_add_test(tests, takes_nothing_of_an_append_of_an_earlier_term);
    tcase_add_test(tests, refuses_an_append_whose_previous_entry_has_another_term);
    tcase_add_test(tests, a_conflict_deletes_the_entry_and_all_that_follow_it);
    tcase_add_test(tests, takes_of_an_overlapping_append_what_is_new);
    tcase_add_test(tests, a_repeated_append_is_answered_again_and_changes_nothing);
    tcase_add_loop_test(tests, commits_what_the_leader_has_up_to_the_last_new_entry, 0,
                        sizeof commits / sizeof commits[0]);
    tcase_add_test(tests, an_earlier_commit_index_moves_nothing_back);
    tcase_add_test(tests, applies_what_is_committed_in_order_and_each_entry_once);
    tcase_add_test(tests, a_restarted_server_applies_nothing_before_it_hears_what_is_committed);
}

static void add_leaders(TCase *tests)
{
    tcase_add_test(tests, a_request_is_complete_when_it_is_applied_and_not_before);
    tcase_add_test(tests, a_follower_completes_no_request);
    tcase_add_test(tests, only_a_leader_takes_requests);
    tcase_add_test(tests, a_new_leader_supposes_that_its_followers_have_its_whole_log);
    tcase_add_loop_test(tests, a_refused_leader_goes_back_over_a_whole_term, 0,
                        sizeof hints / sizeof hints[0]);
    tcase_add_test(tests, an_append_without_an_answer_is_repeated_for_ever);
    tcase_add_test(tests, an_entry_that_was_lost_on_the_way_is_sent_again);
    tcase_add_loop_test(tests, commits_what_a_majority_of_all_voters_has, 1, 8);
    tcase_add_test(tests, an_entry_of_its_own_term_commits_all_before_it);
    tcase_add_test(tests, followers_learn_at_once_what_is_committed);
}

static void add_transfers(TCase *tests)
{
    tcase_add_test(tests, the_old_leader_votes_for_the_target_of_its_transfer);
    tcase_add_test(tests, a_leader_with_a_majority_hears_no_candidate_that_nobody_asked_for);
    tcase_add_test(tests, only_the_leader_of_its_term_makes_a_server_campaign);
    tcase_add_test(tests, the_target_gets_what_it_lacks_while_requests_are_refused);
}

static void add_parallel(TCase *tests)
{
    tcase_add_test(tests, sends_entries_before_they_are_on_its_own_disk);
    tcase_add_test(tests, commits_and_applies_without_its_own_disk_what_a_majority_of_others_has);
    tcase_add_test(tests, sends_the_next_append_without_waiting_for_the_answer_to_the_last);
}

static Suite *log_suite(void)
{
    static const struct {
        const char *name;
        void (*add)(TCase *tests);
    } parts[] = {{"followers", add_followers},
                 {"leaders", add_leaders},
                 {"transfers", add_transfers},
                 {"parallel", add_parallel}};
    Suite *suite = suite_create("dissertation_log");
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        TCase *tests = tcase_create(parts[i].name);
        tcase_add_checked_fixture(tests, NULL, teardown);
        parts[i].add(tests);
        suite_add_tcase(suite, tests);
    }
    return suite;
}

int main(void)
{
    return unit_main(log_suite());
}
