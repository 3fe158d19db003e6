/* The log manager: the ring, its marks; truncation, compaction and reset against readers and writes
 * under way. */
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
    ck_assert_int_eq(memory.live, 2); /* the ring, and the table of terms */
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

/* Four entries of term 1 and three of term 2, the first five of them durable. */
static void fill(void)
{
    for (int i = 0; i < 7; i++) {
        append(i < 4 ? 1 : 2);
    }
    raft_log_stored(&log_, id(2, 5));
    raft_log_persisted(&log_, id(2, 5), 0);
}

static void assert_id(struct raft_entry_id is, raft_term term, raft_index index)
{
    ck_assert_uint_eq(is.term, term);
    ck_assert_uint_eq(is.index, index);
}

START_TEST(begins_behind_a_position)
{
    raft_log_begin(&log_, id(3, 10));
    assert_id(raft_log_last(&log_), 3, 10);
    assert_id(log_.durable, 3, 10);
    ck_assert(!log_.reset_due);
    append(4);
    ck_assert_uint_eq(raft_log_peek(&log_, 11)->id.term, 4);
    ck_assert_uint_eq(log_.stored.index, 10);
}
END_TEST

START_TEST(compaction_drops_what_lies_before_and_keeps_the_rest)
{
    fill();
    raft_log_compact(&log_, id(1, 3));
    assert_id(log_.base, 1, 3);
    ck_assert_uint_eq(log_.count, 4);
    ck_assert_ptr_null(raft_log_peek(&log_, 3));
    ck_assert_uint_eq(raft_log_peek(&log_, 4)->id.term, 1);
    ck_assert_uint_eq(raft_log_peek(&log_, 7)->id.term, 2);
    assert_id(log_.durable, 2, 5);
    ck_assert_uint_eq(log_.generation, 0);
    raft_log_compact(&log_, id(2, 5));
    ck_assert_uint_eq(log_.count, 2);
}
END_TEST

START_TEST(the_ring_wraps_while_its_beginning_is_compacted)
{
    for (raft_index index = 1; index <= 60; index++) {
        append(1 + index / 20);
        if (index % 5 == 0) {
            struct raft_entry_id last = raft_log_last(&log_);
            raft_log_stored(&log_, last);
            raft_log_persisted(&log_, last, 0);
            raft_log_compact(&log_, id(1 + (index - 3) / 20, index - 3));
        }
        for (raft_index at = log_.base.index + 1; at <= index; at++) {
            ck_assert_uint_eq(raft_log_peek(&log_, at)->id.index, at);
        }
    }
    ck_assert_uint_le(log_.capacity, 8 + 4 + 8);
}
END_TEST

START_TEST(a_reader_keeps_the_entry_that_is_compacted)
{
    struct raft_entry *entry = NULL;
    fill();
    ck_assert_int_eq(raft_log_get(&log_, 2, RAFT_HOLDER_REPLICATION, &entry), RAFT_OK);
    raft_log_compact(&log_, id(1, 3));
    ck_assert_uint_eq(entry->count, 1);
    ck_assert_uint_eq(entry->id.index, 2);
    raft_entry_drop(entry, RAFT_HOLDER_REPLICATION);
}
END_TEST

START_TEST(a_reader_keeps_the_entry_that_is_reset)
{
    struct raft_entry *entry = NULL;
    fill();
    ck_assert_int_eq(raft_log_get(&log_, 7, RAFT_HOLDER_STORAGE, &entry), RAFT_OK);
    raft_log_reset(&log_, id(4, 20));
    ck_assert_uint_eq(entry->count, 1);
    raft_entry_drop(entry, RAFT_HOLDER_STORAGE);
    ck_assert_int_eq(memory.live, 2); /* the ring, and the table of terms */
}
END_TEST

START_TEST(says_where_an_index_lies_outside_a_compacted_log)
{
    const struct {
        raft_index index;
        enum raft_status term_status;
        raft_term term;
        enum raft_status get_status;
    } table[] = {
        {0, RAFT_COMPACTED, 0, RAFT_COMPACTED},
        {3, RAFT_COMPACTED, 0, RAFT_COMPACTED},
        {4, RAFT_OK, 1, RAFT_COMPACTED},
        {5, RAFT_OK, 2, RAFT_OK},
        {7, RAFT_OK, 2, RAFT_OK},
        {8, RAFT_GAP, 0, RAFT_GAP},
    };
    fill();
    raft_log_compact(&log_, id(1, 4));
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        raft_term term = 0;
        struct raft_entry *entry = NULL;
        ck_assert_int_eq(raft_log_term(&log_, table[i].index, &term), table[i].term_status);
        ck_assert_uint_eq(term, table[i].term);
        ck_assert_int_eq(raft_log_get(&log_, table[i].index, RAFT_HOLDER_APPLY, &entry),
                         table[i].get_status);
        if (entry != NULL) {
            raft_entry_drop(entry, RAFT_HOLDER_APPLY);
        }
    }
}
END_TEST

START_TEST(hints_at_the_base_when_nothing_behind_it_may_agree)
{
    const struct {
        struct raft_entry_id asked;
        struct raft_entry_id hint;
    } table[] = {
        {{2, 7}, {2, 7}}, {{1, 7}, {1, 4}}, {{0, 7}, {1, 4}},
        {{9, 2}, {1, 4}}, {{1, 4}, {1, 4}}, {{UINT64_MAX, 6}, {2, 6}},
    };
    fill();
    raft_log_compact(&log_, id(1, 4));
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct raft_entry_id hint = raft_log_hint(&log_, table[i].asked);
        assert_id(hint, table[i].hint.term, table[i].hint.index);
    }
    ck_assert(raft_log_matches(&log_, id(1, 4)));
    ck_assert(!raft_log_matches(&log_, id(1, 3)));
    ck_assert(!raft_log_matches(&log_, id(0, 0)));
}
END_TEST

START_TEST(a_reset_log_begins_behind_and_is_durable_there)
{
    fill();
    raft_log_reset(&log_, id(4, 20));
    assert_id(log_.base, 4, 20);
    assert_id(log_.stored, 4, 20);
    assert_id(log_.durable, 4, 20);
    assert_id(raft_log_last(&log_), 4, 20);
    ck_assert(log_.reset_due);
    ck_assert_uint_eq(log_.generation, 1);
    ck_assert_uint_eq(log_.truncated_to, 20);
    append(4);
    ck_assert_uint_eq(raft_log_peek(&log_, 21)->id.index, 21);
}
END_TEST

START_TEST(a_log_that_is_longer_but_has_another_term_there_is_reset)
{
    fill();
    raft_log_reset(&log_, id(3, 6));
    assert_id(raft_log_last(&log_), 3, 6);
    ck_assert_uint_eq(log_.count, 0);
}
END_TEST

START_TEST(a_reset_includes_every_cut_that_is_due)
{
    fill();
    raft_log_truncate(&log_, 3);
    ck_assert_uint_eq(log_.truncate_due, 3);
    raft_log_reset(&log_, id(4, 20));
    ck_assert_uint_eq(log_.truncate_due, UINT64_MAX);
    append(4);
    raft_log_truncate(&log_, 20);
    ck_assert_uint_eq(log_.truncate_due, UINT64_MAX); /* storage never had it */
}
END_TEST

START_TEST(a_cut_that_is_refused_after_a_reset_is_not_due)
{
    fill();
    raft_log_truncate(&log_, 3);
    raft_log_truncation_taken(&log_);
    raft_log_reset(&log_, id(4, 20));
    raft_log_truncation_refused(&log_, 3);
    ck_assert_uint_eq(log_.truncate_due, UINT64_MAX);
    ck_assert(log_.reset_due);
}
END_TEST

START_TEST(a_refused_reset_stays_due)
{
    fill();
    raft_log_reset(&log_, id(4, 20));
    raft_log_reset_taken(&log_);
    ck_assert(!log_.reset_due);
    append(4);
    raft_log_reset_refused(&log_);
    ck_assert(log_.reset_due);
}
END_TEST

START_TEST(a_write_that_was_under_way_at_a_reset_makes_nothing_durable)
{
    const struct {
        struct raft_entry_id reset_to;
        struct raft_entry_id write;
    } table[] = {
        {{4, 20}, {2, 7}}, /* before the base */
        {{3, 6}, {2, 7}},  /* behind it, replaced by another term */
        {{1, 6}, {2, 7}},  /* behind it, and the same id has been appended again */
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        fill();
        raft_log_stored(&log_, id(2, 7));
        raft_log_reset(&log_, table[i].reset_to);
        append(i == 2 ? 2 : table[i].reset_to.term);
        raft_log_persisted(&log_, table[i].write, 0);
        assert_id(log_.durable, table[i].reset_to.term, table[i].reset_to.index);
        raft_log_unstored(&log_);
        ck_assert_uint_eq(log_.stored.index, table[i].reset_to.index);
        raft_log_close(&log_);
    }
}
END_TEST

START_TEST(a_write_that_was_under_way_at_a_compaction_becomes_durable)
{
    fill();
    raft_log_stored(&log_, id(2, 7));
    raft_log_compact(&log_, id(2, 5));
    raft_log_persisted(&log_, id(2, 7), 0);
    assert_id(log_.durable, 2, 7);
}
END_TEST

/* A log of six entries, all durable, some of which are damaged (bit i: the one at index i). */
static void load_damaged(uint32_t damaged)
{
    for (raft_index index = 1; index <= 6; index++) {
        append(1);
        raft_log_peek(&log_, index)->damaged = (damaged >> index & 1u) != 0;
    }
    struct raft_log loaded = log_;
    raft_log_init(&log_, &memory.memory);
    ck_assert_int_eq(raft_log_reserve(&log_, 6), RAFT_OK);
    for (raft_index index = 1; index <= 6; index++) {
        raft_log_append(&log_, raft_log_peek(&loaded, index));
    }
    raft_log_close(&loaded);
    raft_log_stored(&log_, id(1, 6));
    raft_log_persisted(&log_, id(1, 6), 0);
}

/* Whether an entry with the given id and payload is taken in place of a damaged one. */
static bool repair(struct raft_entry_id at, const char *payload)
{
    struct raft_entry *entry = core_entry(&memory, at.term, at.index, payload);
    bool taken = raft_log_repair(&log_, entry);
    raft_entry_drop(entry, RAFT_HOLDER_MESSAGE);
    return taken;
}

START_TEST(counts_as_durable_what_lies_before_the_first_damaged_entry)
{
    load_damaged(1u << 3 | 1u << 5);
    ck_assert_uint_eq(raft_log_durable(&log_).index, 2);
    ck_assert_uint_eq(raft_log_durable(&log_).term, 1);
}
END_TEST

START_TEST(keeps_the_position_of_a_damaged_entry)
{
    load_damaged(1u << 6);
    ck_assert(raft_log_matches(&log_, id(1, 6)));
    ck_assert_uint_eq(raft_log_last(&log_).index, 6);
}
END_TEST

START_TEST(an_entry_of_another_term_repairs_nothing)
{
    load_damaged(1u << 3);
    ck_assert(!repair(id(2, 3), "abc"));
    ck_assert(raft_log_peek(&log_, 3)->damaged);
}
END_TEST

START_TEST(an_entry_of_another_size_repairs_nothing)
{
    load_damaged(1u << 3);
    ck_assert(!repair(id(1, 3), "abcd"));
}
END_TEST

START_TEST(an_intact_entry_is_not_replaced)
{
    load_damaged(1u << 3);
    ck_assert(!repair(id(1, 4), "xyz"));
    ck_assert_int_eq(raft_log_peek(&log_, 4)->payload[0], 'a');
}
END_TEST

START_TEST(a_repaired_entry_is_not_durable_before_its_record_is_rewritten)
{
    load_damaged(1u << 3);
    ck_assert(repair(id(1, 3), "abc"));
    ck_assert_uint_eq(raft_log_durable(&log_).index, 2);
    ck_assert_uint_eq(raft_log_repair_next(&log_)->id.index, 3);
    raft_log_repaired(&log_, id(1, 3));
    ck_assert_uint_eq(raft_log_durable(&log_).index, 6);
    ck_assert_ptr_null(raft_log_repair_next(&log_));
}
END_TEST

START_TEST(entries_are_repaired_in_any_order)
{
    load_damaged(1u << 2 | 1u << 5);
    ck_assert(repair(id(1, 5), "abc"));
    raft_log_repaired(&log_, raft_log_repair_next(&log_)->id);
    ck_assert_uint_eq(raft_log_durable(&log_).index, 1);
    ck_assert(repair(id(1, 2), "abc"));
    raft_log_repaired(&log_, raft_log_repair_next(&log_)->id);
    ck_assert_uint_eq(raft_log_durable(&log_).index, 6);
}
END_TEST

START_TEST(a_cut_before_a_damaged_entry_leaves_an_intact_log)
{
    load_damaged(1u << 3);
    raft_log_truncate(&log_, 2);
    ck_assert_uint_eq(log_.first_damaged, RAFT_LOG_INTACT);
}
END_TEST

START_TEST(a_rewritten_record_that_was_cut_meanwhile_changes_nothing)
{
    load_damaged(1u << 3);
    ck_assert(repair(id(1, 3), "abc"));
    raft_log_truncate(&log_, 2);
    raft_log_repaired(&log_, id(1, 3));
    ck_assert_uint_eq(raft_log_durable(&log_).index, 2);
}
END_TEST

START_TEST(compaction_goes_over_damaged_entries)
{
    load_damaged(1u << 2 | 1u << 5);
    raft_log_compact(&log_, id(1, 3));
    ck_assert_uint_eq(log_.first_damaged, 5);
    raft_log_compact(&log_, id(1, 5));
    ck_assert_uint_eq(log_.first_damaged, RAFT_LOG_INTACT);
}
END_TEST

START_TEST(a_reset_leaves_nothing_damaged)
{
    load_damaged(1u << 2);
    raft_log_reset(&log_, id(2, 9));
    ck_assert_uint_eq(raft_log_durable(&log_).index, 9);
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
    tcase_add_test(tests, begins_behind_a_position);
    tcase_add_test(tests, compaction_drops_what_lies_before_and_keeps_the_rest);
    tcase_add_test(tests, the_ring_wraps_while_its_beginning_is_compacted);
    tcase_add_test(tests, a_reader_keeps_the_entry_that_is_compacted);
    tcase_add_test(tests, a_reader_keeps_the_entry_that_is_reset);
    tcase_add_test(tests, says_where_an_index_lies_outside_a_compacted_log);
    tcase_add_test(tests, hints_at_the_base_when_nothing_behind_it_may_agree);
    tcase_add_test(tests, a_reset_log_begins_behind_and_is_durable_there);
    tcase_add_test(tests, a_log_that_is_longer_but_has_another_term_there_is_reset);
    tcase_add_test(tests, a_reset_includes_every_cut_that_is_due);
    tcase_add_test(tests, a_cut_that_is_refused_after_a_reset_is_not_due);
    tcase_add_test(tests, a_refused_reset_stays_due);
    tcase_add_test(tests, a_write_that_was_under_way_at_a_reset_makes_nothing_durable);
    tcase_add_test(tests, a_write_that_was_under_way_at_a_compaction_becomes_durable);
    tcase_add_test(tests, counts_as_durable_what_lies_before_the_first_damaged_entry);
    tcase_add_test(tests, keeps_the_position_of_a_damaged_entry);
    tcase_add_test(tests, an_entry_of_another_term_repairs_nothing);
    tcase_add_test(tests, an_entry_of_another_size_repairs_nothing);
    tcase_add_test(tests, an_intact_entry_is_not_replaced);
    tcase_add_test(tests, a_repaired_entry_is_not_durable_before_its_record_is_rewritten);
    tcase_add_test(tests, entries_are_repaired_in_any_order);
    tcase_add_test(tests, a_cut_before_a_damaged_entry_leaves_an_intact_log);
    tcase_add_test(tests, a_rewritten_record_that_was_cut_meanwhile_changes_nothing);
    tcase_add_test(tests, compaction_goes_over_damaged_entries);
    tcase_add_test(tests, a_reset_leaves_nothing_damaged);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return unit_main(log_suite());
}
