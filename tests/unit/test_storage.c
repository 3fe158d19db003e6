/* The jobs of the store: append, truncate, save, probe, close, and what they do when files fail. */
#include "storage_fixture.h"
#include "unit.h"

START_TEST(begins_a_new_segment_when_the_last_one_is_full)
{
    start_rolled();
    restart();
    assert_log(5);
    ck_assert_int_eq(append(1, 4), RAFT_OK); /* more than a segment: goes into one all the same */
    restart();
    assert_log(9);
    die();
}
END_TEST

START_TEST(truncates_within_and_across_segments)
{
    for (raft_index keep = 0; keep < 5; keep++) {
        start_rolled();
        ck_assert_int_eq(cut(keep), RAFT_OK);
        ck_assert_int_eq(append(2, 1), RAFT_OK);
        restart();
        assert_log(keep + 1);
        ck_assert_uint_eq(raft_log_peek(&f.log, keep + 1)->id.term, 2);
        ck_assert_int_eq(append(2, 2), RAFT_OK);
        restart();
        assert_log(keep + 3);
        die();
    }
}
END_TEST

START_TEST(truncates_a_store_without_a_segment)
{
    start_new();
    ck_assert_int_eq(raft_storage_truncate(f.storage, 0, 7), RAFT_OK);
    struct raft_storage_done done = pump();
    ck_assert_int_eq(done.job, RAFT_JOB_TRUNCATE);
    ck_assert_int_eq(done.status, RAFT_OK);
    ck_assert_uint_eq(done.generation, 7);
    die();
}
END_TEST

/* Crashes after each operation of a job: what was durable before it is there after it. */
static void crash_everywhere(enum raft_status (*job)(void), raft_index least, raft_index most)
{
    bool finished = false;
    for (uint64_t stop = 0; !finished; stop++) {
        start_rolled();
        f.disk.stop_after = f.disk.operations + stop;
        finished = job() == RAFT_OK;
        restart();
        raft_index last = raft_log_last_index(&f.log);
        assert_log(last);
        ck_assert_uint_ge(last, least);
        ck_assert_uint_le(last, most);
        ck_assert_int_eq(append(3, 1), RAFT_OK);
        restart();
        assert_log(last + 1);
        die();
    }
}

static enum raft_status append_rolling(void)
{
    return append(2, 2);
}

static enum raft_status cut_to_one(void)
{
    return cut(1);
}

START_TEST(survives_a_crash_after_each_operation_of_a_rolling_append)
{
    crash_everywhere(append_rolling, 5, 7);
}
END_TEST

START_TEST(survives_a_crash_after_each_operation_of_a_truncation)
{
    crash_everywhere(cut_to_one, 1, 5);
}
END_TEST

START_TEST(undoes_an_append_whose_write_failed)
{
    static const enum raft_point points[] = {RAFT_AT_SEGMENT_APPEND_WRITE,
                                             RAFT_AT_IDS_APPEND_WRITE};
    for (int which = 0; which < 2; which++) {
        start_new();
        ck_assert_int_eq(append(1, 1), RAFT_OK);
        const struct double_file *file = double_find(&f.disk, SEGMENT_1);
        const struct double_file *ids = double_find(&f.disk, IDS_1);
        double_arm(&f.disk, points[which], DOUBLE_ERROR, RAFT_NOSPACE);
        propose(1, 2);
        for (int i = 0; i < 5; i++) {
            ck_assert_int_eq(begin_append(), RAFT_OK);
            ck_assert_int_eq(append_done().status, RAFT_NOSPACE);
        }
        double_arm(&f.disk, points[which], DOUBLE_NOTHING_DONE, RAFT_OK);
        ck_assert_int_eq(begin_append(), RAFT_OK);
        ck_assert_int_eq(append_done().status, RAFT_BUSY);
        ck_assert_uint_eq(file->size, HEADER_SIZE + RECORD_SIZE);
        ck_assert_uint_eq(ids->size, HEADER_SIZE + ID_SIZE);
        f.disk.armed = false;
        ck_assert_int_eq(begin_append(), RAFT_OK);
        ck_assert_int_eq(append_done().status, RAFT_OK);
        restart();
        assert_log(3);
        die();
    }
}
END_TEST

START_TEST(continues_a_short_write)
{
    static const enum raft_point points[] = {RAFT_AT_SEGMENT_APPEND_WRITE,
                                             RAFT_AT_IDS_APPEND_WRITE};
    for (int which = 0; which < 2; which++) {
        start_new();
        double_arm(&f.disk, points[which], DOUBLE_SHORT, RAFT_OK);
        ck_assert_int_eq(append(1, 3), RAFT_OK);
        ck_assert_uint_gt(f.disk.fired, 2);
        restart();
        assert_log(3);
        die();
    }
}
END_TEST

START_TEST(writes_identities_behind_their_records_and_removes_them_before)
{
    /* Of a job that ends at an operation: the identities never outnumber the records. */
    static enum raft_status (*const jobs[])(void) = {append_rolling, cut_to_one};
    for (size_t i = 0; i < 2; i++) {
        bool finished = false;
        for (uint64_t stop = 0; !finished; stop++) {
            start_rolled();
            f.disk.stop_after = f.disk.operations + stop;
            finished = jobs[i]() == RAFT_OK;
            for (unsigned first = 1; first <= 7; first += first == 5 ? 1 : 2) {
                char name[RAFT_FILE_NAME_MAX];
                snprintf(name, sizeof name, "log-%016x", first);
                const struct double_file *log = double_find(&f.disk, name);
                snprintf(name, sizeof name, "ids-%016x", first);
                const struct double_file *ids = double_find(&f.disk, name);
                size_t records = log == NULL ? 0 : log->size / RECORD_SIZE;
                ck_assert(ids == NULL || ids->size / ID_SIZE <= records);
            }
            die();
        }
    }
}
END_TEST

START_TEST(fails_after_too_many_failed_appends_in_a_row)
{
    start_new();
    ck_assert_int_eq(append(1, 1), RAFT_OK);
    double_arm(&f.disk, RAFT_AT_SEGMENT_APPEND_WRITE, DOUBLE_ERROR, RAFT_IO);
    propose(1, 1);
    static const enum raft_status expected[] = {RAFT_BUSY, RAFT_BUSY, RAFT_IO};
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(begin_append(), RAFT_OK);
        ck_assert_int_eq(append_done().status, expected[i]);
    }
    restart();
    assert_log(1);
    die();
}
END_TEST

START_TEST(a_good_append_ends_a_row_of_failed_ones)
{
    start_new();
    ck_assert_int_eq(append(1, 1), RAFT_OK);
    for (int i = 0; i < 3; i++) {
        propose(1, 1);
        double_arm(&f.disk, RAFT_AT_SEGMENT_APPEND_WRITE, DOUBLE_ERROR, RAFT_IO);
        for (int failed = 0; failed < 2; failed++) {
            ck_assert_int_eq(begin_append(), RAFT_OK);
            ck_assert_int_eq(append_done().status, RAFT_BUSY);
        }
        f.disk.armed = false;
        ck_assert_int_eq(begin_append(), RAFT_OK);
        ck_assert_int_eq(append_done().status, RAFT_OK);
    }
    die();
}
END_TEST

START_TEST(undoes_a_segment_that_could_not_be_created)
{
    static const enum raft_point points[] = {RAFT_AT_SEGMENT_ROLL_CREATE,
                                             RAFT_AT_SEGMENT_ROLL_WRITE, RAFT_AT_IDS_ROLL_CREATE,
                                             RAFT_AT_IDS_ROLL_WRITE};
    for (int i = 0; i < 4; i++) {
        start_new();
        double_arm(&f.disk, points[i], DOUBLE_ERROR, RAFT_NOSPACE);
        propose(1, 1);
        ck_assert_int_eq(begin_append(), RAFT_OK);
        ck_assert_int_eq(append_done().status, RAFT_NOSPACE);
        ck_assert_ptr_null(double_find(&f.disk, SEGMENT_1));
        ck_assert_ptr_null(double_find(&f.disk, IDS_1));
        ck_assert_uint_eq(raft_storage_files_open(f.storage), 1);
        f.disk.armed = false;
        ck_assert_int_eq(begin_append(), RAFT_OK);
        ck_assert_int_eq(append_done().status, RAFT_OK);
        restart();
        assert_log(1);
        die();
    }
}
END_TEST

static enum raft_status save_a_state(void)
{
    return save(4, 1);
}

static enum raft_status probe(void)
{
    enum raft_status status = raft_storage_probe(f.storage);
    return status == RAFT_OK ? pump().status : status;
}

START_TEST(fails_when_a_sync_or_a_write_of_hard_state_fails)
{
    static const struct {
        enum raft_point point;
        enum raft_status (*job)(void);
    } cases[] = {
        {RAFT_AT_STATE_SAVE_WRITE_A, save_a_state},
        {RAFT_AT_STATE_SAVE_SYNC_A, save_a_state},
        {RAFT_AT_STATE_SAVE_WRITE_B, save_a_state},
        {RAFT_AT_STATE_SAVE_SYNC_B, save_a_state},
        {RAFT_AT_SEGMENT_APPEND_SYNC, append_rolling},
        {RAFT_AT_IDS_APPEND_SYNC, append_rolling},
        {RAFT_AT_SEGMENT_ROLL_SYNC, append_rolling},
        {RAFT_AT_IDS_ROLL_SYNC, append_rolling},
        {RAFT_AT_SEGMENT_ROLL_SYNC_DIR, append_rolling},
        {RAFT_AT_IDS_TRUNCATE_UNLINK, cut_to_one},
        {RAFT_AT_IDS_TRUNCATE_SYNC_DIR, cut_to_one},
        {RAFT_AT_IDS_TRUNCATE_OPEN, cut_to_one},
        {RAFT_AT_IDS_TRUNCATE_CUT, cut_to_one},
        {RAFT_AT_IDS_TRUNCATE_SYNC, cut_to_one},
        {RAFT_AT_SEGMENT_TRUNCATE_UNLINK, cut_to_one},
        {RAFT_AT_SEGMENT_TRUNCATE_SYNC_DIR, cut_to_one},
        {RAFT_AT_SEGMENT_TRUNCATE_OPEN, cut_to_one},
        {RAFT_AT_SEGMENT_TRUNCATE_CUT, cut_to_one},
        {RAFT_AT_SEGMENT_TRUNCATE_SYNC, cut_to_one},
        {RAFT_AT_PROBE_REMOVE_SYNC_DIR, probe},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        start_rolled();
        double_arm(&f.disk, cases[i].point, DOUBLE_ERROR, RAFT_IO);
        ck_assert_int_eq(cases[i].job(), RAFT_IO);
        ck_assert_uint_eq(f.disk.fired, 1);
        die();
    }
}
END_TEST

START_TEST(ignores_a_failed_close)
{
    static const enum raft_point points[][2] = {
        {RAFT_AT_SEGMENT_ROLL_CLOSE, RAFT_AT_SEGMENT_TRUNCATE_CLOSE},
        {RAFT_AT_IDS_ROLL_CLOSE, RAFT_AT_IDS_TRUNCATE_CLOSE}};
    for (int i = 0; i < 2; i++) {
        start_rolled();
        double_arm(&f.disk, points[i][0], DOUBLE_ERROR, RAFT_IO);
        ck_assert_int_eq(append(1, 2), RAFT_OK);
        ck_assert_uint_eq(f.disk.fired, 1);
        double_arm(&f.disk, points[i][1], DOUBLE_ERROR, RAFT_IO);
        ck_assert_int_eq(cut(1), RAFT_OK);
        ck_assert_uint_eq(f.disk.fired, 1);
        die();
    }
}
END_TEST

START_TEST(probe_says_what_the_disk_said)
{
    static const struct {
        enum raft_point point;
        enum raft_status with;
        enum raft_status expected;
    } cases[] = {
        {RAFT_AT_PROBE_WRITE_CREATE, RAFT_NOSPACE, RAFT_NOSPACE},
        {RAFT_AT_PROBE_WRITE_WRITE, RAFT_NOSPACE, RAFT_NOSPACE},
        {RAFT_AT_PROBE_WRITE_WRITE, RAFT_IO, RAFT_BUSY},
        {RAFT_AT_PROBE_WRITE_SYNC, RAFT_IO, RAFT_BUSY},
        {RAFT_AT_PROBE_REMOVE_UNLINK, RAFT_IO, RAFT_BUSY},
    };
    start_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        double_arm(&f.disk, cases[i].point, DOUBLE_ERROR, cases[i].with);
        ck_assert_int_eq(probe(), cases[i].expected);
        ck_assert_uint_eq(raft_storage_files_open(f.storage), 1);
    }
    ck_assert_ptr_nonnull(double_find(&f.disk, "probe"));
    restart();
    ck_assert_ptr_null(double_find(&f.disk, "probe"));
    ck_assert_int_eq(probe(), RAFT_OK);
    ck_assert_ptr_null(double_find(&f.disk, "probe"));
    die();
}
END_TEST

START_TEST(an_append_without_memory_takes_nothing)
{
    start_new();
    propose(1, 4);
    int refused = 0;
    enum raft_status status = RAFT_NOMEM;
    for (long nth = 1; status == RAFT_NOMEM; nth++) {
        f.disk.memory.allocations = 0;
        f.disk.memory.fail_at = nth;
        status = begin_append();
        if (status == RAFT_NOMEM) {
            refused++;
            ck_assert_uint_eq(raft_storage_entries_held(f.storage), 0);
            ck_assert(!raft_storage_in_flight(f.storage));
        }
    }
    ck_assert_int_eq(refused, 2); /* the offsets, the segments */
    ck_assert_int_eq(append_done().status, RAFT_OK);
    die();
}
END_TEST

START_TEST(takes_a_batch_larger_than_its_own_bounds)
{
    start_new();
    ck_assert_int_eq(save(1, 0), RAFT_OK);
    ck_assert_int_eq(raft_log_reserve(&f.log, 1), RAFT_OK);
    char payload[1001];
    memset(payload, 'x', sizeof payload);
    payload[1000] = 0;
    struct raft_entry *entry = core_entry(&f.disk.memory, 1, 1, payload);
    raft_log_append(&f.log, entry);
    raft_entry_drop(entry, RAFT_HOLDER_MESSAGE);
    ck_assert_int_eq(begin_append(), RAFT_OK);
    ck_assert_int_eq(append_done().status, RAFT_OK);
    restart();
    ck_assert_uint_eq(raft_log_peek(&f.log, 1)->size, 1000);
    die();
}
END_TEST

/* A job whose nth submission is refused: the first one takes nothing, a later one stalls and is
 * retried by pump(). */
static void refuse_everywhere(enum raft_status (*job)(void), unsigned submissions)
{
    for (unsigned nth = 1; nth <= submissions; nth++) {
        start_rolled();
        f.disk.refuse_at = f.disk.submissions + nth;
        enum raft_status status = job();
        ck_assert_int_eq(status, nth == 1 ? RAFT_BUSY : RAFT_OK);
        ck_assert_uint_eq(raft_storage_entries_held(f.storage), 0);
        ck_assert(!raft_storage_in_flight(f.storage) && !raft_storage_stalled(f.storage));
        die();
    }
}

START_TEST(goes_on_after_a_refusal_of_each_submission)
{
    refuse_everywhere(append_rolling, 7);
    refuse_everywhere(cut_to_one, 8);
    refuse_everywhere(save_a_state, 4);
    refuse_everywhere(probe, 6);
}
END_TEST

/* Answers the operation that was submitted last: whether a job has ended. */
START_TEST(an_abandoned_job_gives_its_entries_back)
{
    start_new();
    double_arm(&f.disk, RAFT_AT_SEGMENT_APPEND_SYNC, DOUBLE_REFUSED, RAFT_OK);
    propose(1, 3);
    ck_assert_int_eq(begin_append(), RAFT_OK);
    ck_assert_uint_eq(raft_storage_entries_held(f.storage), 3);
    struct raft_storage_done done;
    while (!raft_storage_stalled(f.storage)) {
        ck_assert(!answer(0, &done));
    }
    ck_assert(raft_storage_retry(f.storage));
    raft_storage_abandon(f.storage);
    ck_assert_uint_eq(raft_storage_entries_held(f.storage), 0);
    ck_assert(!raft_storage_stalled(f.storage));
    die();
}
END_TEST

START_TEST(writes_no_further_when_a_sync_of_another_lane_has_failed)
{
    struct raft_storage_done done;
    start_rolled();
    propose(1, 2);
    ck_assert_int_eq(begin_append(), RAFT_OK);
    double_arm(&f.disk, RAFT_AT_STATE_SAVE_SYNC_A, DOUBLE_ERROR, RAFT_IO);
    struct raft_hard_state state = {.term = 4, .vote = 0, .sequence = f.state.sequence + 1};
    ck_assert_int_eq(raft_storage_save_state(f.storage, &state), RAFT_OK);
    ck_assert(!answer(1, &done)); /* the write, and then its sync */
    ck_assert(answer(1, &done));
    ck_assert_int_eq(done.job, RAFT_JOB_STATE);
    ck_assert_int_eq(done.status, RAFT_IO);
    ck_assert_uint_eq(raft_storage_entries_held(f.storage), 2);
    uint64_t submissions = f.disk.submissions;
    ck_assert(!answer(0, &done));
    ck_assert_uint_eq(f.disk.submissions, submissions);
    ck_assert(!raft_storage_in_flight(f.storage) && !raft_storage_stalled(f.storage));
    ck_assert_uint_eq(raft_storage_entries_held(f.storage), 0);
    die(); /* closes more than one file all the same */
}
END_TEST

static Suite *storage_suite(void)
{
    const TTest *const tests[] = {
        begins_a_new_segment_when_the_last_one_is_full,
        truncates_within_and_across_segments,
        truncates_a_store_without_a_segment,
        survives_a_crash_after_each_operation_of_a_rolling_append,
        survives_a_crash_after_each_operation_of_a_truncation,
        undoes_an_append_whose_write_failed,
        continues_a_short_write,
        writes_identities_behind_their_records_and_removes_them_before,
        fails_after_too_many_failed_appends_in_a_row,
        a_good_append_ends_a_row_of_failed_ones,
        undoes_a_segment_that_could_not_be_created,
        fails_when_a_sync_or_a_write_of_hard_state_fails,
        ignores_a_failed_close,
        probe_says_what_the_disk_said,
        an_append_without_memory_takes_nothing,
        takes_a_batch_larger_than_its_own_bounds,
        goes_on_after_a_refusal_of_each_submission,
        an_abandoned_job_gives_its_entries_back,
        writes_no_further_when_a_sync_of_another_lane_has_failed,
    };
    Suite *suite = suite_create("storage");
    TCase *cases = tcase_create("storage");
    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++) {
        tcase_add_test(cases, tests[i]);
    }
    suite_add_tcase(suite, cases);
    return suite;
}

int main(void)
{
    return unit_main(storage_suite());
}
