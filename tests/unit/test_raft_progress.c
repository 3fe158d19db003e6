/* What a leader takes a follower to have: a table of answers, from each state of its progress.
 *
 * The leader of term 3 has (1, 1..3) (2, 4..6) from before, and (3, 7) as its own first entry. */
#include "members_fixture.h"

#define SUCCESS RAFT_FLAG_SUCCESS
#define BUSY    (RAFT_FLAG_SUCCESS | RAFT_FLAG_BUSY)

static void lead_behind_six(void)
{
    create(3, 0, 0);
    receive_append(2, 1, (struct raft_entry_id){0, 0}, 0, 3);
    persist_state();
    receive_append(2, 2, (struct raft_entry_id){1, 3}, 0, 3);
    persist_state();
    persist_log();
    campaign();
    persist_state();
    receive((struct raft_message){
        .type = RAFT_MESSAGE_VOTE_REP, .from = 2, .term = 3, .flags = RAFT_FLAG_SUCCESS});
    persist_log();
    ck_assert_uint_eq(view.last.index, 7);
}

static void answer(uint32_t flags, struct raft_entry_id id, struct raft_entry_id hint)
{
    receive((struct raft_message){.type = RAFT_MESSAGE_APPEND_REP,
                                  .from = 3,
                                  .term = 3,
                                  .flags = flags,
                                  .id = id,
                                  .hint = hint});
}

static const struct {
    const char *what;
    bool replicates; /* node 3 has answered for all seven, and two commands are on their way */
    uint32_t flags;  /* of its answer */
    struct raft_entry_id id;
    struct raft_entry_id hint;
    enum raft_progress_state state;
    raft_index match;
    raft_index next;
    int sent;             /* appends to it that follow at once */
    raft_index sent_from; /* the position of the first of them */
} answers[] = {
    /* A new leader probes behind its log of before: next is 7. */
    {"the probe matched", false, SUCCESS, {2, 6}, {0, 0}, RAFT_REPLICATE, 6, 8, 1, 6},
    {"all has matched", false, SUCCESS, {3, 7}, {0, 0}, RAFT_REPLICATE, 7, 8, 0, 0},
    {"an old match", false, SUCCESS, {1, 2}, {0, 0}, RAFT_PROBE, 2, 7, 0, 0},
    {"a match without room", false, BUSY, {2, 6}, {0, 0}, RAFT_PROBE, 6, 7, 0, 0},
    {"a match of what is not here", false, SUCCESS, {2, 7}, {0, 0}, RAFT_PROBE, 0, 7, 0, 0},
    {"a match behind the end", false, SUCCESS, {3, 8}, {0, 0}, RAFT_PROBE, 0, 7, 0, 0},
    {"a shorter log", false, 0, {2, 6}, {2, 5}, RAFT_PROBE, 0, 6, 1, 5},
    {"a log of an older term", false, 0, {2, 6}, {1, 5}, RAFT_PROBE, 0, 4, 1, 3},
    {"an empty log", false, 0, {2, 6}, {0, 0}, RAFT_PROBE, 0, 1, 1, 0},
    {"no help in the hint", false, 0, {2, 6}, {9, 99}, RAFT_PROBE, 0, 6, 1, 5},
    {"a refusal of another position", false, 0, {2, 5}, {1, 3}, RAFT_PROBE, 0, 7, 0, 0},
    /* Replicating: match is 7, and next is 10. */
    {"the first of two", true, SUCCESS, {3, 8}, {0, 0}, RAFT_REPLICATE, 8, 10, 0, 0},
    {"both at once", true, SUCCESS, {3, 9}, {0, 0}, RAFT_REPLICATE, 9, 10, 0, 0},
    {"an older match", true, SUCCESS, {2, 5}, {0, 0}, RAFT_REPLICATE, 7, 10, 0, 0},
    {"an older refusal", true, 0, {2, 6}, {1, 3}, RAFT_REPLICATE, 7, 10, 0, 0},
    {"the first was lost", true, 0, {3, 8}, {3, 7}, RAFT_PROBE, 7, 8, 1, 7},
    {"a hint before the match", true, 0, {3, 8}, {1, 2}, RAFT_PROBE, 7, 8, 1, 7},
    {"no room for the second", true, BUSY, {3, 8}, {0, 0}, RAFT_PROBE, 8, 9, 0, 0},
    {"a match of another term", true, SUCCESS, {2, 8}, {0, 0}, RAFT_REPLICATE, 7, 10, 0, 0},
};

START_TEST(an_answer_moves_the_progress_of_its_follower)
{
    struct raft_progress_view progress;
    lead_behind_six();
    if (answers[_i].replicates) {
        answer(SUCCESS, (struct raft_entry_id){3, 7}, (struct raft_entry_id){0, 0});
        ck_assert_int_eq(propose(), RAFT_OK);
        ck_assert_int_eq(propose(), RAFT_OK);
    }
    answer(answers[_i].flags, answers[_i].id, answers[_i].hint);
    ck_assert(raft_get_progress(raft, 3, &progress));
    const char *what = answers[_i].what;
    ck_assert_msg(progress.state == answers[_i].state, "%s: state %d", what, progress.state);
    ck_assert_msg(progress.match == answers[_i].match, "%s: match %lu", what, progress.match);
    ck_assert_msg(progress.next == answers[_i].next, "%s: next %lu", what, progress.next);
    int sent = 0;
    for (int i = 0; i < seen.sent_count; i++) {
        if (seen.sent[i].to == 3 && seen.sent[i].entry_count > 0) {
            ck_assert_msg(sent > 0 || seen.sent[i].id.index == answers[_i].sent_from, "%s", what);
            sent++;
        }
    }
    ck_assert_msg(sent == answers[_i].sent, "%s: %d sent", what, sent);
}
END_TEST

START_TEST(an_answer_counts_once_however_often_it_comes)
{
    struct raft_progress_view progress;
    lead_behind_six();
    answer(SUCCESS, (struct raft_entry_id){3, 7}, (struct raft_entry_id){0, 0});
    ck_assert_int_eq(propose(), RAFT_OK);
    ck_assert_int_eq(propose(), RAFT_OK);
    for (int i = 0; i < 3; i++) {
        answer(SUCCESS, (struct raft_entry_id){3, 8}, (struct raft_entry_id){0, 0});
        ck_assert(raft_get_progress(raft, 3, &progress));
        ck_assert_uint_eq(progress.inflight, 1);
        ck_assert_uint_eq(progress.match, 8);
    }
}
END_TEST

START_TEST(a_follower_without_room_is_asked_again_with_a_heartbeat_and_not_before)
{
    lead_behind_six();
    answer(SUCCESS, (struct raft_entry_id){3, 7}, (struct raft_entry_id){0, 0});
    ck_assert_int_eq(propose(), RAFT_OK);
    answer(BUSY, (struct raft_entry_id){3, 7}, (struct raft_entry_id){0, 0});
    ck_assert_int_eq(propose(), RAFT_OK);
    ck_assert_int_eq(count_sent(RAFT_MESSAGE_APPEND_REQ, 3), 0);
    heartbeat();
    ck_assert_int_eq(count_sent(RAFT_MESSAGE_APPEND_REQ, 3), 1);
}
END_TEST

START_TEST(a_new_leader_forgets_what_it_knew_of_its_followers)
{
    struct raft_progress_view progress;
    lead_behind_six();
    answer(SUCCESS, (struct raft_entry_id){3, 7}, (struct raft_entry_id){0, 0});
    receive((struct raft_message){.type = RAFT_MESSAGE_APPEND_REP, .from = 2, .term = 4});
    persist_state();
    ck_assert(!raft_get_progress(raft, 3, &progress));
    campaign();
    persist_state();
    receive((struct raft_message){
        .type = RAFT_MESSAGE_VOTE_REP, .from = 2, .term = 5, .flags = RAFT_FLAG_SUCCESS});
    ck_assert(raft_get_progress(raft, 3, &progress));
    ck_assert_int_eq(progress.state, RAFT_PROBE);
    ck_assert_uint_eq(progress.match, 0);
    ck_assert_uint_eq(progress.next, 8);
    ck_assert_uint_eq(progress.inflight, 0);
}
END_TEST

static Suite *progress_suite(void)
{
    Suite *suite = suite_create("raft_progress");
    TCase *tests = tcase_create("progress");
    tcase_add_checked_fixture(tests, NULL, teardown);
    tcase_add_loop_test(tests, an_answer_moves_the_progress_of_its_follower, 0,
                        sizeof answers / sizeof answers[0]);
    tcase_add_test(tests, an_answer_counts_once_however_often_it_comes);
    tcase_add_test(tests, a_follower_without_room_is_asked_again_with_a_heartbeat_and_not_before);
    tcase_add_test(tests, a_new_leader_forgets_what_it_knew_of_its_followers);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return unit_main(progress_suite());
}
