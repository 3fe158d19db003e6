/* Entries that are read back: which, whole or not at all, and beside whatever the log lane does. */
#include "storage_fixture.h"
#include "unit.h"

static struct raft_storage_done load_done(void)
{
    struct raft_storage_done done = pump();
    ck_assert_int_eq(done.job, RAFT_JOB_LOAD);
    return done;
}

static struct raft_storage_done read_back(raft_index first, raft_index last)
{
    ck_assert_int_eq(raft_storage_read(f.storage, first, last), RAFT_OK);
    return load_done();
}

/* The entries as propose() made them, in term 1; gives them back. */
static void assert_entries(struct raft_storage_done *done, raft_index first, uint32_t count)
{
    ck_assert_int_eq(done->status, RAFT_OK);
    ck_assert_uint_eq(done->entry_count, count);
    for (uint32_t i = 0; i < count; i++) {
        const struct raft_entry *entry = done->entries[i];
        ck_assert_uint_eq(entry->id.index, first + i);
        ck_assert_uint_eq(entry->id.term, 1);
        ck_assert_uint_eq(entry->size, 2);
        ck_assert_int_eq(entry->payload[0], (int)('a' + first + i));
        ck_assert_uint_eq(entry->count, 1);
        ck_assert_uint_eq(entry->holders[RAFT_HOLDER_LOADING], 1);
    }
    raft_storage_done_release(&f.disk.memory.memory, done);
}

static void assert_bad(struct raft_storage_done *done, raft_index bad)
{
    ck_assert_int_eq(done->status, RAFT_CORRUPT);
    ck_assert_uint_eq(done->id.index, bad);
    ck_assert_uint_eq(done->entry_count, 0);
    ck_assert_ptr_null(done->entries);
}

START_TEST(reads_what_stands_in_one_segment)
{
    const struct {
        raft_index first, last;
        uint32_t count;
    } table[] = {{1, 5, 2}, {1, 1, 1}, {2, 5, 1}, {3, 4, 2}, {3, 3, 1}, {4, 5, 1}, {5, 5, 1}};
    start_rolled();
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct raft_storage_done done = read_back(table[i].first, table[i].last);
        assert_entries(&done, table[i].first, table[i].count);
    }
    ck_assert_uint_eq(raft_storage_files_open(f.storage), 3);
    die();
}
END_TEST

START_TEST(reads_at_most_a_batch)
{
    start_new();
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(append(1, 4), RAFT_OK);
    }
    struct raft_storage_done done = read_back(2, 12);
    assert_entries(&done, 2, 4);
    die();
    setup();
    f.options.batch_entries_max = 64;
    f.options.batch_size_max = 20; /* records of eight bytes of payload, padded */
    f.options.payload_size_max = 20;
    create();
    ck_assert_int_eq(raft_storage_bootstrap(f.storage, &founders), RAFT_OK);
    ck_assert_int_eq(load_store(), RAFT_OK);
    ck_assert_int_eq(append(1, 5), RAFT_OK);
    done = read_back(1, 5);
    assert_entries(&done, 1, 2);
    die();
}
END_TEST

START_TEST(a_flipped_bit_anywhere_gives_nothing)
{
    start_new();
    ck_assert_int_eq(append(1, 3), RAFT_OK);
    struct double_file *file = double_find(&f.disk, SEGMENT_1);
    for (size_t at = HEADER_SIZE; at < HEADER_SIZE + 3 * RECORD_SIZE; at++) {
        file->bytes[at] ^= 0x10;
        struct raft_storage_done done = read_back(1, 3);
        assert_bad(&done, 1 + (at - HEADER_SIZE) / RECORD_SIZE);
        file->bytes[at] ^= 0x10;
    }
    struct raft_storage_done done = read_back(1, 3);
    assert_entries(&done, 1, 3);
    die();
}
END_TEST

START_TEST(a_record_from_another_place_gives_nothing)
{
    start_rolled();
    struct double_file *file = double_find(&f.disk, SEGMENT_1);
    const struct double_file *other = double_find(&f.disk, "log-0000000000000003");
    memcpy(file->bytes, other->bytes, file->size);
    struct raft_storage_done done = read_back(1, 2);
    assert_bad(&done, 1);
    die();
}
END_TEST

START_TEST(what_cannot_be_read_harms_nothing)
{
    const struct {
        enum raft_point point;
        enum double_fault fault;
        enum raft_status status;
    } table[] = {
        {RAFT_AT_COLD_LOAD_OPEN, DOUBLE_ERROR, RAFT_IO},
        {RAFT_AT_COLD_LOAD_OPEN, DOUBLE_ERROR, RAFT_NOT_FOUND},
        {RAFT_AT_COLD_LOAD_READ, DOUBLE_ERROR, RAFT_IO},
        {RAFT_AT_COLD_LOAD_READ, DOUBLE_SHORT, RAFT_OK},
        {RAFT_AT_COLD_LOAD_READ, DOUBLE_NOTHING_DONE, RAFT_OK},
        {RAFT_AT_COLD_LOAD_READ, DOUBLE_FLIPPED, RAFT_OK},
    };
    start_rolled();
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        double_arm(&f.disk, table[i].point, table[i].fault, table[i].status);
        struct raft_storage_done done = read_back(3, 4);
        assert_bad(&done, 3);
        ck_assert_uint_eq(f.disk.fired, 1);
        f.disk.armed = false;
        ck_assert_uint_eq(raft_storage_files_open(f.storage), 3);
        done = read_back(3, 4);
        assert_entries(&done, 3, 2);
    }
    double_arm(&f.disk, RAFT_AT_COLD_LOAD_CLOSE, DOUBLE_ERROR, RAFT_IO);
    struct raft_storage_done done = read_back(3, 4);
    assert_entries(&done, 3, 2);
    ck_assert_int_eq(append(1, 1), RAFT_OK);
    die();
}
END_TEST

START_TEST(without_memory_nothing_is_taken)
{
    start_rolled();
    for (long nth = 1; nth <= 2; nth++) {
        f.disk.memory.fail_at = f.disk.memory.allocations + nth;
        ck_assert_int_eq(raft_storage_read(f.storage, 1, 2), RAFT_NOMEM);
        ck_assert(!raft_storage_in_flight(f.storage));
    }
    for (long nth = 3; nth <= 4; nth++) {
        f.disk.memory.fail_at = f.disk.memory.allocations + nth;
        struct raft_storage_done done = read_back(1, 2);
        ck_assert_int_eq(done.status, RAFT_NOMEM);
        ck_assert_uint_eq(done.entry_count, 0);
    }
    struct raft_storage_done done = read_back(1, 2);
    assert_entries(&done, 1, 2);
    die();
}
END_TEST

START_TEST(a_refusal_takes_nothing_or_stalls)
{
    start_rolled();
    f.disk.refuse_at = f.disk.submissions + 1;
    ck_assert_int_eq(raft_storage_read(f.storage, 1, 2), RAFT_BUSY);
    for (uint64_t nth = 2; nth <= 3; nth++) {
        f.disk.refuse_at = f.disk.submissions + nth;
        struct raft_storage_done done = read_back(1, 2);
        assert_entries(&done, 1, 2);
    }
    die();
}
END_TEST

/* Lets a job of the log lane come to its end while the read waits, which has been answered for
 * steps operations. */
static void overtake(size_t steps, enum raft_job job, void (*begin)(void))
{
    struct raft_storage_done done;
    ck_assert_int_eq(raft_storage_read(f.storage, 1, 2), RAFT_OK);
    for (size_t i = 0; i < steps; i++) {
        ck_assert(!answer(0, &done));
    }
    begin();
    while (!answer(1, &done)) {
        ck_assert_uint_eq(f.disk.pending_count, 2);
    }
    ck_assert_int_eq(done.job, job);
    ck_assert_int_eq(done.status, RAFT_OK);
}

/* Into a new segment. */
static void begin_to_append(void)
{
    propose(1, 2);
    ck_assert_int_eq(begin_append(), RAFT_OK);
}

static void begin_compact(void)
{
    raft_log_compact(&f.log, (struct raft_entry_id){1, 4});
    ck_assert_int_eq(raft_storage_compact(f.storage, (struct raft_entry_id){1, 4}), RAFT_OK);
}

static void begin_reset(void)
{
    raft_log_reset(&f.log, (struct raft_entry_id){2, 5});
    raft_log_reset_taken(&f.log);
    ck_assert_int_eq(raft_storage_reset(f.storage, (struct raft_entry_id){2, 5}, f.log.generation),
                     RAFT_OK);
}

static void begin_cut(void)
{
    raft_log_truncate(&f.log, 2);
    raft_log_truncation_taken(&f.log);
    ck_assert_int_eq(raft_storage_truncate(f.storage, 2, f.log.generation), RAFT_OK);
}

START_TEST(reads_while_the_log_is_written)
{
    for (size_t steps = 0; steps <= 2; steps++) {
        start_rolled();
        overtake(steps, RAFT_JOB_APPEND, begin_to_append);
        struct raft_storage_done done = load_done();
        assert_entries(&done, 1, 2);
        done = read_back(6, 7);
        assert_entries(&done, 6, 2);
        die();
    }
}
END_TEST

START_TEST(what_is_unlinked_while_it_is_read_is_still_read)
{
    for (size_t steps = 0; steps <= 2; steps++) {
        for (int resets = 0; resets < 2; resets++) {
            start_rolled();
            ck_assert_int_eq(save_snapshot(resets ? 2 : 1, 5), RAFT_OK);
            overtake(steps, resets ? RAFT_JOB_RESET : RAFT_JOB_COMPACT,
                     resets ? begin_reset : begin_compact);
            ck_assert_ptr_null(double_find(&f.disk, SEGMENT_1));
            struct raft_storage_done done = load_done();
            assert_entries(&done, 1, 2);
            ck_assert_int_eq(append(3, 1), RAFT_OK);
            die();
        }
    }
}
END_TEST

START_TEST(what_was_unlinked_before_it_was_opened_is_not_found)
{
    start_rolled();
    ck_assert_int_eq(save_snapshot(1, 5), RAFT_OK);
    double_arm(&f.disk, RAFT_AT_COLD_LOAD_OPEN, DOUBLE_ERROR, RAFT_NOT_FOUND);
    overtake(0, RAFT_JOB_COMPACT, begin_compact);
    struct raft_storage_done done = load_done();
    assert_bad(&done, 1);
    ck_assert_int_eq(append(1, 1), RAFT_OK);
    die();
}
END_TEST

START_TEST(a_cut_behind_it_leaves_a_read_alone)
{
    for (size_t steps = 0; steps <= 2; steps++) {
        start_rolled();
        overtake(steps, RAFT_JOB_TRUNCATE, begin_cut);
        struct raft_storage_done done = load_done();
        assert_entries(&done, 1, 2);
        ck_assert_int_eq(append(2, 1), RAFT_OK);
        die();
    }
}
END_TEST

START_TEST(a_process_may_end_at_any_step)
{
    for (size_t steps = 0; steps <= 2; steps++) {
        struct raft_storage_done done;
        start_rolled();
        ck_assert_int_eq(raft_storage_read(f.storage, 1, 2), RAFT_OK);
        for (size_t i = 0; i < steps; i++) {
            ck_assert(!answer(0, &done));
        }
        restart();
        assert_log(5);
        die();
    }
}
END_TEST

static Suite *storage_cold_suite(void)
{
    Suite *suite = suite_create("storage_cold");
    TCase *tests = tcase_create("core");
    tcase_add_test(tests, reads_what_stands_in_one_segment);
    tcase_add_test(tests, reads_at_most_a_batch);
    tcase_add_test(tests, a_flipped_bit_anywhere_gives_nothing);
    tcase_add_test(tests, a_record_from_another_place_gives_nothing);
    tcase_add_test(tests, what_cannot_be_read_harms_nothing);
    tcase_add_test(tests, without_memory_nothing_is_taken);
    tcase_add_test(tests, a_refusal_takes_nothing_or_stalls);
    tcase_add_test(tests, reads_while_the_log_is_written);
    tcase_add_test(tests, what_is_unlinked_while_it_is_read_is_still_read);
    tcase_add_test(tests, what_was_unlinked_before_it_was_opened_is_not_found);
    tcase_add_test(tests, a_cut_behind_it_leaves_a_read_alone);
    tcase_add_test(tests, a_process_may_end_at_any_step);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return unit_main(storage_cold_suite());
}
