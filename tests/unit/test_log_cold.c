/* The log manager: what leaves memory, and what stays known of it. */
#include "core_memory.h"
#include "unit.h"

#include <raft/configuration.h>
#include <raft/log.h>

#define SIZE (sizeof(struct raft_entry) + 3) /* of an entry that append() makes */

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

static struct raft_entry_id id(raft_term term, raft_index index)
{
    return (struct raft_entry_id){term, index};
}

static void append(raft_term term, enum raft_entry_kind kind)
{
    struct raft_entry *entry = core_entry(&memory, term, raft_log_last_index(&log_) + 1, "abc");
    entry->kind = kind;
    ck_assert_int_eq(raft_log_reserve(&log_, 1), RAFT_OK);
    raft_log_append(&log_, entry);
    raft_entry_drop(entry, RAFT_HOLDER_MESSAGE);
}

static void persist(raft_index index)
{
    raft_term term = 0;
    ck_assert_int_eq(raft_log_term(&log_, index, &term), RAFT_OK);
    raft_log_stored(&log_, id(term, index));
    raft_log_persisted(&log_, id(term, index), log_.generation);
}

/* index 1 2 3 4 5 6 7 8, term 1 1 1 3 3 4 4 4; 3 and 6 are configurations; all are durable, and two
 * may stay in memory. */
static void fill(void)
{
    static const raft_term terms[] = {1, 1, 1, 3, 3, 4, 4, 4};
    for (size_t i = 0; i < sizeof terms / sizeof terms[0]; i++) {
        bool configures = i == 2 || i == 5;
        append(terms[i], configures ? RAFT_ENTRY_CONFIGURATION : RAFT_ENTRY_COMMAND);
    }
    persist(8);
    raft_log_bound(&log_, 2 * SIZE);
}

START_TEST(what_is_applied_leaves_memory_until_the_rest_fits)
{
    fill();
    raft_log_bound(&log_, 5 * SIZE);
    raft_log_cool(&log_, 8);
    /* The configuration stays, and counts. */
    ck_assert_uint_eq(log_.cold.index, 4);
    ck_assert_uint_eq(log_.cold.term, 3);
    ck_assert_uint_eq(log_.size, 5 * SIZE);
    ck_assert_uint_eq(raft_log_entries(&log_), 5);
    ck_assert_uint_eq(raft_log_last_index(&log_), 8);
    raft_log_cool(&log_, 8);
    ck_assert_uint_eq(log_.cold.index, 4);
}
END_TEST

START_TEST(what_is_not_applied_stays)
{
    fill();
    raft_log_cool(&log_, 2);
    ck_assert_uint_eq(log_.cold.index, 2);
    ck_assert_uint_eq(log_.size, 6 * SIZE);
}
END_TEST

START_TEST(what_is_not_durable_stays)
{
    for (int i = 0; i < 4; i++) {
        append(1, RAFT_ENTRY_COMMAND);
    }
    persist(1);
    raft_log_bound(&log_, 0);
    raft_log_cool(&log_, 4);
    ck_assert_uint_eq(log_.cold.index, 1);
    persist(4);
    raft_log_cool(&log_, 4);
    ck_assert_uint_eq(log_.cold.index, 4);
    ck_assert_uint_eq(log_.size, 0);
}
END_TEST

START_TEST(what_is_damaged_and_what_follows_it_stays)
{
    struct raft_entry *entry = core_entry(&memory, 1, 2, "abc");
    entry->damaged = true;
    append(1, RAFT_ENTRY_COMMAND);
    ck_assert_int_eq(raft_log_reserve(&log_, 1), RAFT_OK);
    raft_log_append(&log_, entry);
    raft_entry_drop(entry, RAFT_HOLDER_MESSAGE);
    append(1, RAFT_ENTRY_COMMAND);
    persist(3);
    raft_log_bound(&log_, 0);
    raft_log_cool(&log_, 3);
    ck_assert_uint_eq(log_.cold.index, 1);
}
END_TEST

START_TEST(a_reader_keeps_an_entry_that_leaves_memory)
{
    struct raft_entry *entry = NULL;
    fill();
    ck_assert_int_eq(raft_log_get(&log_, 1, RAFT_HOLDER_REPLICATION, &entry), RAFT_OK);
    raft_log_cool(&log_, 8);
    ck_assert_uint_eq(entry->count, 1);
    ck_assert_uint_eq(entry->holders[RAFT_HOLDER_REPLICATION], 1);
    raft_entry_drop(entry, RAFT_HOLDER_REPLICATION);
}
END_TEST

START_TEST(says_that_an_entry_is_not_in_memory)
{
    struct raft_entry *entry = NULL;
    fill();
    raft_log_cool(&log_, 7);
    ck_assert_uint_eq(log_.cold.index, 7);
    ck_assert_int_eq(raft_log_get(&log_, 1, RAFT_HOLDER_APPLY, &entry), RAFT_COLD);
    ck_assert_int_eq(raft_log_get(&log_, 7, RAFT_HOLDER_APPLY, &entry), RAFT_COLD);
    ck_assert_int_eq(raft_log_get(&log_, 0, RAFT_HOLDER_APPLY, &entry), RAFT_COMPACTED);
    ck_assert_int_eq(raft_log_get(&log_, 9, RAFT_HOLDER_APPLY, &entry), RAFT_GAP);
    ck_assert_ptr_null(entry);
    ck_assert_ptr_null(raft_log_peek(&log_, 7));
    ck_assert_int_eq(raft_log_get(&log_, 8, RAFT_HOLDER_APPLY, &entry), RAFT_OK);
    raft_entry_drop(entry, RAFT_HOLDER_APPLY);
}
END_TEST

START_TEST(knows_every_term_and_hint_of_what_has_left_memory)
{
    static const raft_term terms[] = {0, 1, 1, 1, 3, 3, 4, 4, 4};
    const struct {
        struct raft_entry_id asked;
        struct raft_entry_id hint;
    } table[] = {
        {{4, 8}, {4, 8}}, {{3, 8}, {3, 5}}, {{2, 8}, {1, 3}},  {{0, 8}, {0, 0}},
        {{9, 4}, {3, 4}}, {{1, 2}, {1, 2}}, {{4, 99}, {4, 8}}, {{3, 6}, {3, 5}},
    };
    fill();
    for (raft_index applied = 0; applied <= 8; applied++) {
        raft_log_cool(&log_, applied);
        for (raft_index index = 0; index <= 8; index++) {
            raft_term term = 99;
            ck_assert_int_eq(raft_log_term(&log_, index, &term), RAFT_OK);
            ck_assert_uint_eq(term, terms[index]);
            ck_assert(raft_log_matches(&log_, id(term, index)));
            ck_assert(!raft_log_matches(&log_, id(term + 1, index)));
        }
        for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
            struct raft_entry_id hint = raft_log_hint(&log_, table[i].asked);
            ck_assert_uint_eq(hint.term, table[i].hint.term);
            ck_assert_uint_eq(hint.index, table[i].hint.index);
        }
    }
}
END_TEST

START_TEST(terms_follow_truncation_compaction_and_reset)
{
    raft_term term = 0;
    fill();
    raft_log_cool(&log_, 5);
    raft_log_truncate(&log_, 5);
    ck_assert_uint_eq(raft_log_last(&log_).term, 3);
    append(7, RAFT_ENTRY_COMMAND);
    ck_assert_uint_eq(raft_log_last(&log_).term, 7);
    ck_assert_uint_eq(raft_log_hint(&log_, id(6, 6)).index, 5);
    raft_log_compact(&log_, id(1, 2));
    ck_assert_int_eq(raft_log_term(&log_, 1, &term), RAFT_COMPACTED);
    ck_assert_int_eq(raft_log_term(&log_, 3, &term), RAFT_OK);
    ck_assert_uint_eq(term, 1);
    ck_assert_uint_eq(log_.run_count, 3);
    raft_log_compact(&log_, id(3, 5));
    ck_assert_uint_eq(log_.run_count, 1);
    ck_assert_uint_eq(raft_log_last(&log_).term, 7);
    raft_log_reset(&log_, id(9, 20));
    ck_assert_uint_eq(log_.run_count, 0);
    ck_assert_uint_eq(raft_log_last(&log_).term, 9);
    ck_assert_uint_eq(log_.cold.index, 20);
    ck_assert_uint_eq(log_.size, 0);
}
END_TEST

START_TEST(nothing_is_allocated_when_entries_leave_memory)
{
    fill();
    long before = memory.allocations;
    raft_log_cool(&log_, 8);
    raft_log_compact(&log_, id(3, 4));
    ck_assert_int_eq(memory.allocations, before);
}
END_TEST

START_TEST(a_failed_reservation_of_terms_changes_nothing)
{
    append(1, RAFT_ENTRY_COMMAND);
    memory.fail_at = memory.allocations + 1;
    ck_assert_int_eq(raft_log_reserve(&log_, 100), RAFT_NOMEM);
    ck_assert_uint_eq(log_.run_count, 1);
    ck_assert_uint_eq(raft_log_last(&log_).term, 1);
}
END_TEST

START_TEST(keeps_the_configurations_of_what_has_left_memory)
{
    fill();
    raft_log_cool(&log_, 8);
    ck_assert_uint_eq(log_.cold.index, 8);
    ck_assert_uint_eq(log_.kept_count, 2);
    ck_assert_ptr_null(raft_log_configuration(&log_, 2));
    ck_assert_uint_eq(raft_log_configuration(&log_, 3)->id.index, 3);
    ck_assert_uint_eq(raft_log_configuration(&log_, 5)->id.index, 3);
    ck_assert_uint_eq(raft_log_configuration(&log_, 8)->id.index, 6);
    ck_assert_uint_eq(raft_log_peek(&log_, 3)->id.index, 3);
    raft_log_compact(&log_, id(3, 4));
    ck_assert_uint_eq(log_.kept_count, 1);
    ck_assert_ptr_null(raft_log_configuration(&log_, 5));
    ck_assert_uint_eq(raft_log_configuration(&log_, 6)->id.index, 6);
    ck_assert_uint_eq(log_.size, SIZE);
}
END_TEST

START_TEST(a_compaction_past_what_is_cold_drops_the_rest_from_memory)
{
    fill();
    raft_log_cool(&log_, 2);
    raft_log_compact(&log_, id(3, 5));
    ck_assert_uint_eq(log_.cold.index, 5);
    ck_assert_uint_eq(log_.count, 3);
    ck_assert_uint_eq(log_.kept_count, 0);
    ck_assert_uint_eq(log_.size, 3 * SIZE);
    ck_assert_uint_eq(raft_log_peek(&log_, 6)->id.term, 4);
}
END_TEST

static bool mend(struct raft_entry_id at)
{
    struct raft_entry *entry = core_entry(&memory, at.term, at.index, "abc");
    bool taken = raft_log_repair(&log_, entry);
    raft_entry_drop(entry, RAFT_HOLDER_MESSAGE);
    return taken;
}

START_TEST(what_is_lost_counts_as_damaged_until_its_record_is_rewritten)
{
    struct raft_entry_id missing;
    fill();
    raft_log_cool(&log_, 7);
    raft_log_lost(&log_, 5);
    ck_assert_uint_eq(raft_log_durable(&log_).index, 4);
    ck_assert_uint_eq(raft_log_durable(&log_).term, 3);
    ck_assert(raft_log_missing(&log_, &missing));
    ck_assert_uint_eq(missing.index, 5);
    ck_assert_uint_eq(missing.term, 3);
    ck_assert(!mend(id(2, 5)));
    ck_assert(!mend(id(3, 4)));
    ck_assert(!mend(id(4, 8)));
    ck_assert(mend(id(3, 5)));
    ck_assert(!mend(id(3, 5)));
    ck_assert(!raft_log_missing(&log_, &missing));
    ck_assert_uint_eq(raft_log_peek(&log_, 5)->id.index, 5);
    ck_assert_uint_eq(raft_log_repair_next(&log_)->id.index, 5);
    ck_assert_uint_eq(raft_log_durable(&log_).index, 4);
    raft_log_repaired(&log_, id(3, 5));
    ck_assert_uint_eq(log_.first_damaged, RAFT_LOG_INTACT);
    ck_assert_uint_eq(raft_log_durable(&log_).index, 8);
    ck_assert_ptr_null(raft_log_repair_next(&log_));
    ck_assert_ptr_null(raft_log_peek(&log_, 5));
    ck_assert_uint_eq(log_.size, 3 * SIZE); /* two configurations, and the last entry */
}
END_TEST

START_TEST(what_cannot_be_mended_is_asked_for_no_more_and_ends_with_a_compaction)
{
    struct raft_entry_id missing;
    fill();
    raft_log_cool(&log_, 7);
    raft_log_lost(&log_, 5);
    ck_assert(mend(id(3, 5)));
    raft_log_unmendable(&log_);
    ck_assert(!mend(id(3, 5)));
    ck_assert(!raft_log_missing(&log_, &missing));
    ck_assert_ptr_null(raft_log_repair_next(&log_));
    ck_assert_uint_eq(raft_log_durable(&log_).index, 4);
    raft_log_compact(&log_, id(4, 6));
    ck_assert_uint_eq(raft_log_durable(&log_).index, 8);
    raft_log_lost(&log_, 7);
    ck_assert(mend(id(4, 7)));
}
END_TEST

START_TEST(of_several_that_are_lost_the_first_is_remembered)
{
    fill();
    raft_log_cool(&log_, 7);
    raft_log_lost(&log_, 5);
    ck_assert(mend(id(3, 5)));
    raft_log_lost(&log_, 7);
    ck_assert_uint_eq(log_.lost, 5);
    raft_log_lost(&log_, 2);
    ck_assert_uint_eq(log_.lost, 2);
    ck_assert_uint_eq(log_.first_damaged, 2);
    ck_assert_ptr_null(raft_log_peek(&log_, 5));
}
END_TEST

START_TEST(a_compaction_makes_up_for_what_is_lost)
{
    fill();
    raft_log_cool(&log_, 7);
    raft_log_lost(&log_, 5);
    ck_assert(mend(id(3, 5)));
    raft_log_compact(&log_, id(1, 3));
    ck_assert_uint_eq(log_.first_damaged, 5);
    raft_log_compact(&log_, id(4, 6));
    ck_assert_uint_eq(log_.first_damaged, RAFT_LOG_INTACT);
    ck_assert_uint_eq(log_.lost, 0);
    raft_log_repaired(&log_, id(3, 5)); /* its record was being rewritten, and is gone */
    ck_assert_uint_eq(log_.first_damaged, RAFT_LOG_INTACT);
}
END_TEST

static Suite *log_cold_suite(void)
{
    Suite *suite = suite_create("log_cold");
    TCase *tests = tcase_create("core");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, what_is_applied_leaves_memory_until_the_rest_fits);
    tcase_add_test(tests, what_is_not_applied_stays);
    tcase_add_test(tests, what_is_not_durable_stays);
    tcase_add_test(tests, what_is_damaged_and_what_follows_it_stays);
    tcase_add_test(tests, a_reader_keeps_an_entry_that_leaves_memory);
    tcase_add_test(tests, says_that_an_entry_is_not_in_memory);
    tcase_add_test(tests, knows_every_term_and_hint_of_what_has_left_memory);
    tcase_add_test(tests, terms_follow_truncation_compaction_and_reset);
    tcase_add_test(tests, nothing_is_allocated_when_entries_leave_memory);
    tcase_add_test(tests, a_failed_reservation_of_terms_changes_nothing);
    tcase_add_test(tests, keeps_the_configurations_of_what_has_left_memory);
    tcase_add_test(tests, a_compaction_past_what_is_cold_drops_the_rest_from_memory);
    tcase_add_test(tests, what_is_lost_counts_as_damaged_until_its_record_is_rewritten);
    tcase_add_test(tests, what_cannot_be_mended_is_asked_for_no_more_and_ends_with_a_compaction);
    tcase_add_test(tests, of_several_that_are_lost_the_first_is_remembered);
    tcase_add_test(tests, a_compaction_makes_up_for_what_is_lost);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return unit_main(log_cold_suite());
}
