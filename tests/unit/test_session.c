/* Client sessions: a repeated command is recognised, and the table stays within its bound. */
#include "unit.h"

#include <raft/session.h>

#include <stdlib.h>
#include <string.h>

static void *block;
static struct raft_sessions *sessions;
static raft_index position;

static void set_up(void)
{
    block = malloc(raft_sessions_size(3));
    ck_assert_ptr_nonnull(block);
    sessions = raft_sessions_init(block, 3);
    position = 0;
}

static void tear_down(void)
{
    free(block);
}

static enum raft_session_verdict judge_in(uint64_t client, raft_index epoch, uint64_t sequence,
                                          uint32_t *out_slot)
{
    return raft_sessions_judge(sessions, client, epoch, sequence, ++position, out_slot);
}

static enum raft_session_verdict judge(uint64_t client, uint64_t sequence, uint32_t *out_slot)
{
    return judge_in(client, 0, sequence, out_slot);
}

/* Returns the epoch. */
static raft_index enlist(uint64_t client)
{
    uint32_t slot = raft_sessions_register(sessions, client, ++position);
    ck_assert_uint_eq(raft_sessions_at(sessions, slot)->epoch, position);
    return position;
}

START_TEST(repeated_command_is_recognised_by_client_and_sequence)
{
    static const struct {
        uint64_t client;
        uint64_t sequence;
        enum raft_session_verdict verdict;
    } rows[] = {
        {7, 1, RAFT_SESSION_NEW},      {7, 1, RAFT_SESSION_REPEATED}, {8, 1, RAFT_SESSION_NEW},
        {7, 2, RAFT_SESSION_NEW},      {7, 1, RAFT_SESSION_STALE},    {7, 2, RAFT_SESSION_REPEATED},
        {8, 1, RAFT_SESSION_REPEATED}, {8, 9, RAFT_SESSION_NEW},      {8, 8, RAFT_SESSION_STALE},
        {0, 5, RAFT_SESSION_NEW},      {0, 5, RAFT_SESSION_REPEATED},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint32_t slot;
        ck_assert_msg(judge(rows[i].client, rows[i].sequence, &slot) == rows[i].verdict, "row %zu",
                      i);
        bool has_slot = rows[i].verdict != RAFT_SESSION_STALE;
        ck_assert_msg((slot != RAFT_SESSION_NONE) == has_slot, "row %zu", i);
    }
}
END_TEST

START_TEST(client_keeps_its_slot_until_it_is_forgotten)
{
    uint32_t first;
    uint32_t slot;
    judge(1, 1, &first);
    judge(2, 1, &slot);
    judge(1, 2, &slot);
    ck_assert_uint_eq(slot, first);
    judge(3, 1, &slot);
    ck_assert_uint_eq(raft_sessions_find(sessions, 1), first);
    ck_assert_uint_eq(raft_sessions_count(sessions), 3);
    ck_assert(!raft_sessions_has_forgotten(sessions));
}
END_TEST

START_TEST(oldest_command_is_forgotten_first)
{
    uint32_t slot;
    uint32_t gone;
    judge(1, 1, &slot);
    judge(2, 1, &gone);
    judge(3, 1, &slot);
    judge(1, 2, &slot);
    ck_assert_int_eq(judge(4, 1, &slot), RAFT_SESSION_NEW);
    ck_assert_uint_eq(slot, gone);
    ck_assert_uint_eq(raft_sessions_find(sessions, 2), RAFT_SESSION_NONE);
    ck_assert_uint_ne(raft_sessions_find(sessions, 1), RAFT_SESSION_NONE);
    ck_assert_uint_eq(raft_sessions_count(sessions), 3);
}
END_TEST

/* When a command was executed decides, the same on all servers; how often it was retried does not.
 */
START_TEST(retry_does_not_make_a_session_younger)
{
    uint32_t slot;
    judge(1, 1, &slot);
    judge(2, 1, &slot);
    judge(3, 1, &slot);
    ck_assert_int_eq(judge(1, 1, &slot), RAFT_SESSION_REPEATED);
    ck_assert_uint_eq(raft_sessions_at(sessions, slot)->index, 1);
    judge(4, 1, &slot);
    ck_assert_uint_eq(raft_sessions_find(sessions, 1), RAFT_SESSION_NONE);
}
END_TEST

START_TEST(stale_command_changes_no_session)
{
    uint32_t slot;
    judge(1, 5, &slot);
    judge(2, 1, &slot);
    judge(3, 1, &slot);
    uint32_t kept = raft_sessions_find(sessions, 1);
    ck_assert_int_eq(judge(1, 4, &slot), RAFT_SESSION_STALE);
    ck_assert_uint_eq(raft_sessions_at(sessions, kept)->sequence, 5);
    ck_assert_uint_eq(raft_sessions_first(sessions), kept);
}
END_TEST

START_TEST(retry_of_a_forgotten_client_is_not_applied)
{
    uint32_t slot;
    for (uint64_t client = 1; client <= 4; client++) {
        judge(client, 1, &slot);
    }
    ck_assert_int_eq(judge(1, 1, &slot), RAFT_SESSION_EXPIRED); /* its first command, too */
    ck_assert_int_eq(judge(1, 2, &slot), RAFT_SESSION_EXPIRED);
    ck_assert_uint_eq(slot, RAFT_SESSION_NONE);
}
END_TEST

START_TEST(client_registers_once_any_was_forgotten)
{
    uint32_t slot;
    for (uint64_t client = 1; client <= 4; client++) {
        judge(client, 1, &slot);
    }
    ck_assert_int_eq(judge(9, 1, &slot), RAFT_SESSION_EXPIRED);
    raft_index epoch = enlist(9);
    ck_assert_int_eq(judge(9, 1, &slot), RAFT_SESSION_EXPIRED); /* of no session */
    ck_assert_int_eq(judge_in(9, epoch, 1, &slot), RAFT_SESSION_NEW);
    ck_assert_int_eq(judge_in(9, epoch, 1, &slot), RAFT_SESSION_REPEATED);
    ck_assert_int_eq(judge_in(9, epoch, 2, &slot), RAFT_SESSION_NEW);
    ck_assert_int_eq(judge_in(9, epoch, 1, &slot), RAFT_SESSION_STALE);
}
END_TEST

START_TEST(command_of_an_earlier_session_is_not_applied)
{
    uint32_t slot;
    raft_index first = enlist(7);
    ck_assert_int_eq(judge_in(7, first, 1, &slot), RAFT_SESSION_NEW);
    raft_index second = enlist(7);
    ck_assert_uint_eq(raft_sessions_count(sessions), 1);
    ck_assert_int_eq(judge_in(7, first, 1, &slot), RAFT_SESSION_EXPIRED);
    ck_assert_int_eq(judge_in(7, first, 2, &slot), RAFT_SESSION_EXPIRED);
    ck_assert_int_eq(judge_in(7, second, 1, &slot), RAFT_SESSION_NEW);
    ck_assert_int_eq(judge_in(8, second, 1, &slot), RAFT_SESSION_EXPIRED); /* of nobody's */
}
END_TEST

START_TEST(registration_is_a_use_of_the_session)
{
    uint32_t slot;
    judge(1, 1, &slot);
    judge(2, 1, &slot);
    judge(3, 1, &slot);
    enlist(1);
    enlist(4);
    ck_assert_uint_eq(raft_sessions_find(sessions, 2), RAFT_SESSION_NONE);
    ck_assert_uint_ne(raft_sessions_find(sessions, 1), RAFT_SESSION_NONE);
}
END_TEST

/* What a snapshot does: the sessions in their order, and whether any was forgotten. */
START_TEST(table_that_was_put_back_judges_as_the_first_one_does)
{
    void *second_block = malloc(raft_sessions_size(3));
    ck_assert_ptr_nonnull(second_block);
    struct raft_sessions *second = raft_sessions_init(second_block, 3);
    uint64_t state = 1;
    uint32_t slot;
    for (int i = 0; i < 50; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        judge(state >> 33 & 7, 1 + (state >> 40 & 3), &slot);
    }
    for (slot = raft_sessions_first(sessions); slot != RAFT_SESSION_NONE;
         slot = raft_sessions_next(sessions, slot)) {
        uint32_t other;
        ck_assert(raft_sessions_put(second, raft_sessions_at(sessions, slot), &other));
    }
    ck_assert(raft_sessions_has_forgotten(sessions));
    raft_sessions_set_forgotten(second);
    for (int i = 0; i < 500; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        uint64_t client = state >> 33 & 7;
        uint64_t sequence = 1 + (state >> 40 & 3);
        uint32_t other;
        enum raft_session_verdict verdict = judge(client, sequence, &slot);
        ck_assert_int_eq(raft_sessions_judge(second, client, 0, sequence, position, &other),
                         verdict);
        ck_assert((slot == RAFT_SESSION_NONE) == (other == RAFT_SESSION_NONE));
    }
    free(second_block);
}
END_TEST

START_TEST(session_is_put_back_once_and_within_the_bound)
{
    struct raft_session session = {.client = 1, .sequence = 2, .index = 3};
    uint32_t slot;
    ck_assert(raft_sessions_put(sessions, &session, &slot));
    ck_assert(!raft_sessions_put(sessions, &session, &slot));
    session.client = 2;
    ck_assert(raft_sessions_put(sessions, &session, &slot));
    session.client = 3;
    ck_assert(raft_sessions_put(sessions, &session, &slot));
    session.client = 4;
    ck_assert(!raft_sessions_put(sessions, &session, &slot));
}
END_TEST

static Suite *session_suite(void)
{
    Suite *suite = suite_create("session");
    TCase *tcase = tcase_create("session");
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, repeated_command_is_recognised_by_client_and_sequence);
    tcase_add_test(tcase, client_keeps_its_slot_until_it_is_forgotten);
    tcase_add_test(tcase, oldest_command_is_forgotten_first);
    tcase_add_test(tcase, retry_does_not_make_a_session_younger);
    tcase_add_test(tcase, stale_command_changes_no_session);
    tcase_add_test(tcase, retry_of_a_forgotten_client_is_not_applied);
    tcase_add_test(tcase, client_registers_once_any_was_forgotten);
    tcase_add_test(tcase, command_of_an_earlier_session_is_not_applied);
    tcase_add_test(tcase, registration_is_a_use_of_the_session);
    tcase_add_test(tcase, table_that_was_put_back_judges_as_the_first_one_does);
    tcase_add_test(tcase, session_is_put_back_once_and_within_the_bound);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return unit_main(session_suite());
}
