/* The log manager: the ring, its marks, truncation against writes under way. */
#include "core_memory.h"
#include "unit.h"

#include <raft/log.h>

static struct core_memory memory;
static struct raft_log log_;

static void setup(void)
{
    core_memory_init(&memory);
    raft_log_init(&log_, &memory.memory);
}

static void teardown(void)
{
    raft_log_close(&log_);
    ck_assert_int_eq(memory.live, 0);
}

static void append(raft_term term)
{
    struct raft_entry *entry = core_entry(&memory, term, raft_log_last_index(&log_) + 1, "abc");
    ck_assert_int_eq(raft_log_reserve(&log_, 1), RAFT_OK);
    raft_log_append(&log_, entry);
    raft_entry_drop(entry, RAFT_HOLDER_MESSAGE);
}

static struct raft_entry_id id(raft_term term, raft_index index)
{
    return (struct raft_entry_id){term, index};
}

START_TEST(keeps_entries_in_order_while_the_ring_grows_and_wraps)
{
    for (int round = 0; round < 40; round++) {
        append((raft_term)(1 + round / 10));
        if (round % 7 == 6) {
            raft_log_truncate(&log_, raft_log_last_index(&log_) - 3);
        }
    }
    for (raft_index index = 1; index <= raft_log_last_index(&log_); index++) {
        ck_assert_uint_eq(raft_log_peek(&log_, index)->id.index, index);
    }
}
END_TEST

START_TEST(an_entry_lives_as_long_as_its_last_holder)
{
    struct raft_entry *entry = NULL;
    append(1);
    ck_assert_int_eq(raft_log_get(&log_, 1, RAFT_HOLDER_APPLY, &entry), RAFT_OK);
    raft_log_truncate(&log_, 0);
    ck_assert_uint_eq(entry->count, 1);
    ck_assert_uint_eq(entry->holders[RAFT_HOLDER_APPLY], 1);
    raft_entry_drop(entry, RAFT_HOLDER_APPLY);
    ck_assert_int_eq(memory.live, 1); /* the ring */
}
END_TEST

START_TEST(says_where_an_index_lies_outside)
{
    raft_term term = 99;
    struct raft_entry *entry = NULL;
    append(3);
    ck_assert_int_eq(raft_log_term(&log_, 0, &term), RAFT_OK);
    ck_assert_uint_eq(term, 0);
    ck_assert_int_eq(raft_log_term(&log_, 2, &term), RAFT_GAP);
    ck_assert_int_eq(raft_log_get(&log_, 0, RAFT_HOLDER_APPLY, &entry), RAFT_COMPACTED);
    ck_assert_int_eq(raft_log_get(&log_, 2, RAFT_HOLDER_APPLY, &entry), RAFT_GAP);
    ck_assert_ptr_null(entry);
}
END_TEST

START_TEST(hints_at_the_last_position_whose_term_is_not_later)
{
    /* index 1 2 3 4 5 6, term 1 1 2 4 4 4 */
    const raft_term terms[] = {1, 1, 2, 4, 4, 4};
    for (size_t i = 0; i < 6; i++) {
        append(terms[i]);
    }
    const struct {
        struct raft_entry_id asked;
        struct raft_entry_id hint;
    } table[] = {
        {{4, 6}, {4, 6}}, {{3, 6}, {2, 3}}, {{2, 5}, {2, 3}},   {{1, 9}, {1, 2}},
        {{0, 3}, {0, 0}}, {{4, 1}, {1, 1}}, {{9, 100}, {4, 6}}, {{2, 0}, {0, 0}},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct raft_entry_id hint = raft_log_hint(&log_, table[i].asked);
        ck_assert_uint_eq(hint.term, table[i].hint.term);
        ck_assert_uint_eq(hint.index, table[i].hint.index);
    }
}
END_TEST

START_TEST(a_failed_reservation_changes_nothing)
{
    append(1);
    memory.fail_at = memory.allocations + 1;
    ck_assert_int_eq(raft_log_reserve(&log_, 100), RAFT_NOMEM);
    ck_assert_uint_eq(raft_log_last_index(&log_), 1);
    ck_assert_uint_eq(raft_log_peek(&log_, 1)->id.term, 1);
}
END_TEST

START_TEST(a_write_makes_durable_what_it_covers_and_never_less)
{
    append(1);
    append(1);
    raft_log_stored(&log_, id(1, 2));
    raft_log_persisted(&log_, id(1, 2), 0);
    raft_log_persisted(&log_, id(1, 1), 0);
    ck_assert_uint_eq(log_.durable.index, 2);
}
END_TEST

START_TEST(a_write_that_was_cut_while_under_way_is_durable_up_to_the_cut_only)
{
    append(1);
    append(1);
    append(1);
    raft_log_stored(&log_, id(1, 3));
    raft_log_truncate(&log_, 1);
    append(1); /* the same ids again: still not the ones on disk after the cut */
    append(1);
    raft_log_persisted(&log_, id(1, 3), 0);
    ck_assert_uint_eq(log_.durable.index, 1);
    ck_assert_uint_eq(log_.truncate_due, 1);
}
END_TEST

START_TEST(a_replaced_entry_does_not_become_durable_through_the_write_of_its_predecessor)
{
    append(1);
    append(1);
    raft_log_stored(&log_, id(1, 2));
    raft_log_truncate(&log_, 1);
    append(2);
    raft_log_persisted(&log_, id(1, 2), 0);
    ck_assert_uint_eq(log_.durable.index, 1);
}
END_TEST

START_TEST(a_cut_of_what_storage_never_had_is_not_due)
{
    append(1);
    append(1);
    raft_log_stored(&log_, id(1, 1));
    raft_log_truncate(&log_, 1);
    ck_assert_uint_eq(log_.truncate_due, UINT64_MAX);
    ck_assert_uint_eq(log_.stored.index, 1);
}
END_TEST

START_TEST(the_deepest_of_several_cuts_is_due)
{
    for (int i = 0; i < 4; i++) {
        append(1);
    }
    raft_log_stored(&log_, id(1, 4));
    raft_log_truncate(&log_, 2);
    append(2);
    raft_log_truncate(&log_, 1);
    ck_assert_uint_eq(log_.truncate_due, 1);
    raft_log_truncation_taken(&log_);
    raft_log_truncation_refused(&log_, 1);
    ck_assert_uint_eq(log_.truncate_due, 1);
}
END_TEST

static Suite *log_suite(void)
{
    Suite *suite = suite_create("log");
    TCase *tests = tcase_create("log");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, keeps_entries_in_order_while_the_ring_grows_and_wraps);
    tcase_add_test(tests, an_entry_lives_as_long_as_its_last_holder);
    tcase_add_test(tests, says_where_an_index_lies_outside);
    tcase_add_test(tests, hints_at_the_last_position_whose_term_is_not_later);
    tcase_add_test(tests, a_failed_reservation_changes_nothing);
    tcase_add_test(tests, a_write_makes_durable_what_it_covers_and_never_less);
    tcase_add_test(tests, a_write_that_was_cut_while_under_way_is_durable_up_to_the_cut_only);
    tcase_add_test(tests,
                   a_replaced_entry_does_not_become_durable_through_the_write_of_its_predecessor);
    tcase_add_test(tests, a_cut_of_what_storage_never_had_is_not_due);
    tcase_add_test(tests, the_deepest_of_several_cuts_is_due);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return unit_main(log_suite());
}
