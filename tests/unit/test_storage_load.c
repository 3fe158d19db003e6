/* What the store makes of its marker and its snapshots at start. */
#include "storage_fixture.h"
#include "unit.h"

#define STATE      "hard-state"
#define SEGMENT_3  "log-0000000000000003"
#define SEGMENT_5  "log-0000000000000005"
#define SNAPSHOT_2 "snapshot-0000000000000002"
#define SNAPSHOT_4 "snapshot-0000000000000004"
#define SNAPSHOT_5 "snapshot-0000000000000005"

static struct double_file kept;

/* Entries 1 to 5 in three segments, and snapshots at 2 and 4 as a crash leaves them: the older one
 * has not been removed yet. */
static void start_with_two(void)
{
    start_rolled();
    machine_set(120, 2);
    ck_assert_int_eq(save_snapshot(1, 2), RAFT_OK);
    kept = *double_find(&f.disk, SNAPSHOT_2);
    machine_set(140, 4);
    ck_assert_int_eq(save_snapshot(1, 4), RAFT_OK);
    *double_create(&f.disk, SNAPSHOT_2) = kept;
}

static void assert_refused(enum raft_status expected)
{
    static struct double_file before[DOUBLE_FILES];
    double_reboot(&f.disk);
    machine_reset();
    memcpy(before, f.disk.files, sizeof before);
    ck_assert_int_eq(load(), expected);
    ck_assert_uint_eq(raft_log_last_index(&f.log), 0);
    ck_assert_uint_eq(raft_storage_files_open(f.storage), 0);
    ck_assert_uint_eq(machine.commits, 0);
    ck_assert_mem_eq(before, f.disk.files, sizeof before);
    die();
}

static void assert_begins(raft_index index, size_t size, unsigned which)
{
    ck_assert_uint_eq(f.stored.snapshot.id.index, index);
    ck_assert_uint_eq(f.log.base.index, index);
    assert_machine(size, which);
}

/* ---- the marker ---- */

START_TEST(begins_with_the_configuration_of_the_bootstrap)
{
    start_new();
    ck_assert_uint_eq(f.stored.snapshot.id.index, 0);
    ck_assert_uint_eq(f.stored.snapshot.configuration_index, 0);
    ck_assert(raft_configuration_equal(&f.stored.snapshot.configuration, &founders));
    ck_assert_uint_eq(machine.commits, 0);
    restart();
    ck_assert(raft_configuration_equal(&f.stored.snapshot.configuration, &founders));
    die();
}
END_TEST

START_TEST(a_store_without_its_marker_is_lost)
{
    start_with_two();
    die();
    double_find(&f.disk, MARKER)->exists = false;
    assert_refused(RAFT_LOST_STORE);
}
END_TEST

START_TEST(refuses_a_marker_with_any_byte_damaged)
{
    start_new();
    die();
    struct double_file *file = double_find(&f.disk, MARKER);
    for (size_t at = 0; at < file->size; at++) {
        file->bytes[at] ^= 0x40;
        assert_refused(RAFT_CORRUPT);
        file->bytes[at] ^= 0x40;
    }
    file->size--;
    assert_refused(RAFT_CORRUPT);
}
END_TEST

START_TEST(refuses_the_store_of_another_node)
{
    start_new();
    die();
    f.options.id = 2;
    assert_refused(RAFT_INVALID);
}
END_TEST

static bool exists(void)
{
    bool there = false;
    double_reboot(&f.disk);
    create();
    ck_assert_int_eq(raft_storage_exists(f.storage, &there), RAFT_OK);
    die();
    return there;
}

START_TEST(nothing_that_has_promised_something_is_taken_for_new)
{
    static const char *const names[] = {MARKER, SEGMENT_3, SNAPSHOT_4};
    for (size_t i = 0; i < 3; i++) {
        start_with_two();
        die();
        for (int j = 0; j < DOUBLE_FILES; j++) {
            bool stays = strcmp(f.disk.files[j].name, names[i]) == 0;
            f.disk.files[j].exists = f.disk.files[j].exists && stays;
        }
        ck_assert(exists());
        assert_refused(RAFT_LOST_STORE);
        double_find(&f.disk, names[i])->exists = false;
        ck_assert(!exists());
        assert_refused(RAFT_LOST_STORE);
    }
}
END_TEST

START_TEST(a_hard_state_alone_is_new_only_if_it_says_nothing)
{
    start_new();
    die();
    double_find(&f.disk, MARKER)->exists = false;
    struct double_file *file = double_find(&f.disk, STATE);
    ck_assert(!exists());
    file->bytes[9] ^= 1; /* it may have said something */
    ck_assert(exists());
    file->bytes[9] ^= 1;
    file->size = COPY_B;
    ck_assert(exists());
    start_new();
    ck_assert_int_eq(save(1, 2), RAFT_OK);
    die();
    double_find(&f.disk, MARKER)->exists = false;
    ck_assert(exists());
    assert_refused(RAFT_LOST_STORE);
}
END_TEST

START_TEST(a_bootstrap_that_failed_can_be_repeated)
{
    static const enum raft_point points[] = {
        RAFT_AT_STATE_CREATE_CREATE,  RAFT_AT_STATE_CREATE_WRITE_A, RAFT_AT_STATE_CREATE_SYNC,
        RAFT_AT_STATE_CREATE_CLOSE,   RAFT_AT_STATE_CREATE_RENAME,  RAFT_AT_STATE_CREATE_SYNC_DIR,
        RAFT_AT_MARKER_CREATE_CREATE, RAFT_AT_MARKER_CREATE_WRITE,  RAFT_AT_MARKER_CREATE_SYNC,
        RAFT_AT_MARKER_CREATE_CLOSE,  RAFT_AT_MARKER_CREATE_RENAME,
    };
    for (size_t i = 0; i < sizeof points / sizeof points[0]; i++) {
        setup();
        create();
        double_arm(&f.disk, points[i], DOUBLE_ERROR, RAFT_IO);
        ck_assert_int_eq(raft_storage_bootstrap(f.storage, &founders), RAFT_IO);
        ck_assert_uint_eq(f.disk.fired, 1);
        die();
        ck_assert(!exists());
        double_reboot(&f.disk);
        create();
        ck_assert_int_eq(raft_storage_bootstrap(f.storage, &founders), RAFT_OK);
        ck_assert_int_eq(load_store(), RAFT_OK);
        ck_assert_ptr_null(double_find(&f.disk, "store.new"));
        die();
    }
}
END_TEST

/* ---- the hard state and the log ---- */

static void put_back_old_state(raft_term term)
{
    static uint8_t old[DOUBLE_FILE_SIZE];
    struct double_file *file = double_find(&f.disk, STATE);
    memcpy(old, file->bytes, sizeof old);
    ck_assert_int_eq(append(term, 1), RAFT_OK);
    memcpy(file->bytes, old, sizeof old);
    die();
}

START_TEST(a_hard_state_older_than_the_log_is_lost)
{
    start_rolled();
    put_back_old_state(4);
    assert_refused(RAFT_LOST_STORE);
}
END_TEST

START_TEST(a_hard_state_older_than_the_snapshot_is_lost)
{
    start_rolled();
    static uint8_t old[DOUBLE_FILE_SIZE];
    struct double_file *file = double_find(&f.disk, STATE);
    memcpy(old, file->bytes, sizeof old);
    ck_assert_int_eq(save(4, 0), RAFT_OK);
    ck_assert_int_eq(save_snapshot(4, 6), RAFT_OK);
    memcpy(file->bytes, old, sizeof old);
    die();
    assert_refused(RAFT_LOST_STORE);
}
END_TEST

/* ---- which snapshot ---- */

START_TEST(begins_with_the_newest_and_removes_the_others)
{
    start_with_two();
    restart();
    assert_begins(4, 140, 4);
    assert_log(5);
    ck_assert_ptr_null(double_find(&f.disk, SNAPSHOT_2));
    ck_assert_ptr_null(double_find(&f.disk, SEGMENT_1)); /* covered */
    ck_assert_ptr_null(double_find(&f.disk, SEGMENT_3));
    die();
}
END_TEST

START_TEST(begins_with_the_one_before_if_the_log_goes_on_from_there)
{
    static const size_t places[] = {0, 5, 9, 20, 30, 36, 50, 165, 168, 200, 307, 308, 312, 315};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        start_with_two();
        double_find(&f.disk, SNAPSHOT_4)->bytes[places[i]] ^= 4;
        restart();
        assert_begins(2, 120, 2);
        assert_log(5);
        ck_assert_ptr_null(double_find(&f.disk, SNAPSHOT_4));
        ck_assert_int_eq(append(3, 2), RAFT_OK);
        ck_assert_int_eq(save_snapshot(1, 4), RAFT_OK);
        restart();
        assert_log(7);
        die();
    }
}
END_TEST

START_TEST(a_snapshot_of_another_size_is_bad)
{
    for (int more = 0; more < 2; more++) {
        start_with_two();
        double_find(&f.disk, SNAPSHOT_4)->size = more ? 400 : 100;
        restart();
        assert_begins(2, 120, 2);
        die();
    }
}
END_TEST

START_TEST(a_snapshot_under_another_name_is_bad)
{
    start_with_two();
    struct double_file *file = double_create(&f.disk, SNAPSHOT_5);
    memcpy(file->bytes, kept.bytes, kept.size);
    file->size = kept.size;
    restart();
    assert_begins(4, 140, 4);
    assert_log(5);
    ck_assert_ptr_null(double_find(&f.disk, SNAPSHOT_5));
    die();
}
END_TEST

START_TEST(begins_with_the_log_alone_if_it_has_everything)
{
    start_with_two();
    double_find(&f.disk, SNAPSHOT_4)->size = 0;
    double_find(&f.disk, SNAPSHOT_2)->bytes[170] ^= 1;
    restart();
    ck_assert_uint_eq(f.stored.snapshot.id.index, 0);
    ck_assert(raft_configuration_equal(&f.stored.snapshot.configuration, &founders));
    ck_assert_uint_eq(machine.commits, 0);
    assert_log(5);
    die();
}
END_TEST

/* ---- the snapshot and the log ---- */

START_TEST(empties_a_log_that_does_not_reach_the_snapshot)
{
    for (raft_index last = 0; last < 4; last++) {
        start_with_two();
        ck_assert_int_eq(cut(last), RAFT_OK);
        restart();
        assert_begins(4, 140, 4);
        assert_log(4);
        ck_assert_int_eq(append(3, 2), RAFT_OK);
        restart();
        assert_begins(4, 140, 4);
        assert_log(6);
        die();
    }
}
END_TEST

/* The same as above, but the log has another entry at 4, and goes on. */
static void start_diverged(void)
{
    start_with_two();
    ck_assert_int_eq(cut(3), RAFT_OK);
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(append(2, 1), RAFT_OK);
    }
}

START_TEST(empties_a_log_that_has_another_entry_there)
{
    start_diverged();
    restart();
    assert_begins(4, 140, 4);
    assert_log(4);
    ck_assert_int_eq(append(3, 2), RAFT_OK);
    restart();
    assert_log(6);
    die();
}
END_TEST

START_TEST(a_log_may_begin_right_behind_the_snapshot)
{
    start_with_two();
    die();
    remove_segment(1);
    remove_segment(3);
    ck_assert_int_eq(start_again(), RAFT_OK);
    assert_begins(4, 140, 4);
    assert_log(5);
    die();
    remove_segment(5);
    ck_assert_int_eq(start_again(), RAFT_OK);
    assert_log(4);
    die();
}
END_TEST

START_TEST(does_not_need_what_the_snapshot_covers)
{
    start_with_two();
    double_find(&f.disk, SEGMENT_1)->bytes[HEADER_SIZE + 50] ^= 1;
    restart();
    assert_begins(4, 140, 4);
    assert_log(5);
    ck_assert_ptr_null(double_find(&f.disk, SEGMENT_1));
    die();
    start_with_two(); /* the hole is in what is covered */
    ck_assert_int_eq(save_snapshot(1, 5), RAFT_OK);
    die();
    remove_segment(3);
    ck_assert_int_eq(start_again(), RAFT_OK);
    ck_assert_uint_eq(f.log.base.index, 5);
    ck_assert_ptr_null(double_find(&f.disk, SEGMENT_1));
    die();
}
END_TEST

START_TEST(a_half_created_segment_says_nothing_about_the_one_before)
{
    start_new(); /* entry 3 is in the first segment, whatever a stray file is called */
    ck_assert_int_eq(append(1, 3), RAFT_OK);
    ck_assert_int_eq(save_snapshot(1, 2), RAFT_OK);
    die();
    double_create(&f.disk, "log-0000000000000002");
    ck_assert_int_eq(start_again(), RAFT_OK);
    assert_log(3);
    ck_assert_ptr_null(double_find(&f.disk, "log-0000000000000002"));
    die();
    start_with_two(); /* the log was behind its snapshot, and a segment was being created */
    ck_assert_int_eq(cut(2), RAFT_OK);
    die();
    double_create(&f.disk, SEGMENT_3);
    ck_assert_int_eq(start_again(), RAFT_OK);
    assert_begins(4, 140, 4);
    assert_log(4);
    die();
}
END_TEST

START_TEST(keeps_what_is_damaged_behind_the_snapshot)
{
    start_with_two();
    ck_assert_int_eq(append(1, 1), RAFT_OK);
    ck_assert_int_eq(append(1, 1), RAFT_OK);
    die();
    double_find(&f.disk, SEGMENT_5)->bytes[HEADER_SIZE + 33] ^= 1;
    ck_assert_int_eq(start_again(), RAFT_OK);
    assert_begins(4, 140, 4);
    ck_assert_uint_eq(raft_log_last_index(&f.log), 7);
    ck_assert_uint_eq(f.log.first_damaged, 5);
    die();
}
END_TEST

START_TEST(empties_a_log_whose_header_goes_on_from_another_entry)
{
    start_diverged(); /* a segment that begins at 5, behind another entry 4 */
    die();
    remove_segment(1);
    remove_segment(3);
    ck_assert_int_eq(start_again(), RAFT_OK);
    assert_begins(4, 140, 4);
    assert_log(4);
    die();
}
END_TEST

START_TEST(removes_a_segment_that_was_being_created_behind_a_reset)
{
    start_with_two();
    restart();
    ck_assert_int_eq(save_snapshot(3, 6), RAFT_OK);
    ck_assert_int_eq(reset(3, 6), RAFT_OK);
    die();
    double_create(&f.disk, "log-0000000000000007")->size = 10;
    ck_assert_int_eq(start_again(), RAFT_OK);
    assert_log(6);
    ck_assert_ptr_null(double_find(&f.disk, "log-0000000000000007"));
    ck_assert_int_eq(append(3, 1), RAFT_OK);
    restart();
    assert_log(7);
    die();
}
END_TEST

START_TEST(survives_a_crash_after_each_operation_of_a_compaction)
{
    bool finished = false;
    for (uint64_t stop = 0; !finished; stop++) {
        start_with_two();
        f.disk.stop_after = f.disk.operations + stop;
        finished = compact(1, 4) == RAFT_OK;
        restart();
        assert_begins(4, 140, 4);
        assert_log(5);
        ck_assert_ptr_null(double_find(&f.disk, SEGMENT_1)); /* by the start, if not before */
        die();
    }
}
END_TEST

/* ---- a log that disagrees with the snapshot that replaces it ---- */

/* Entries 1-2, 3-4 and 5 of term 1, in three segments, and the snapshot of a leader of term 2 that
 * ends among them. The process dies before it has emptied its log. */
static void start_disagreeing(raft_index index)
{
    static uint8_t bytes[400];
    struct raft_entry_id id = {2, index};
    size_t total = leader_bytes(id, 130, 7, bytes);
    start_rolled();
    ck_assert_int_eq(receive(id, bytes, total, 100), RAFT_OK);
}

/* Nothing of it counts, whatever a crash has left of it; the log goes on behind the snapshot. */
static void assert_replaced(raft_index index)
{
    assert_begins(index, 130, 7);
    assert_log(index);
    ck_assert_uint_eq(f.state.losses, 0);
    for (raft_index first = 1; first <= 5; first += 2) {
        char name[RAFT_FILE_NAME_MAX];
        snprintf(name, sizeof name, "log-%016x", (unsigned)first);
        ck_assert_ptr_null(double_find(&f.disk, name));
        snprintf(name, sizeof name, "ids-%016x", (unsigned)first);
        ck_assert_ptr_null(double_find(&f.disk, name));
    }
    ck_assert_int_eq(append(3, 3), RAFT_OK);
    restart();
    assert_begins(index, 130, 7);
    assert_log(index + 3);
    ck_assert_uint_eq(f.state.losses, 0);
    die();
}

START_TEST(empties_a_log_that_disagrees_anywhere)
{
    for (raft_index index = 1; index <= 5; index++) {
        start_disagreeing(index);
        restart();
        assert_replaced(index);
    }
}
END_TEST

START_TEST(empties_a_log_that_disagrees_by_the_header_behind_the_snapshot_alone)
{
    for (raft_index index = 2; index <= 4; index += 2) {
        bool finished = false;
        for (uint64_t stop = 0; !finished; stop++) {
            start_disagreeing(index);
            die();
            remove_segment(1);
            if (index == 4) {
                remove_segment(3);
            }
            finished = start_until(stop);
            restart();
            assert_replaced(index);
        }
    }
}
END_TEST

START_TEST(empties_a_log_that_disagrees_after_a_crash_of_the_start_at_any_operation)
{
    for (raft_index index = 1; index <= 5; index++) {
        bool finished = false;
        for (uint64_t stop = 0; !finished; stop++) {
            start_disagreeing(index);
            die();
            finished = start_until(stop);
            restart();
            assert_replaced(index);
        }
    }
}
END_TEST

START_TEST(empties_a_log_that_disagrees_after_a_crash_of_the_reset_at_any_operation)
{
    for (raft_index index = 1; index <= 5; index++) {
        bool finished = false;
        for (uint64_t stop = 0; !finished; stop++) {
            start_disagreeing(index);
            f.disk.stop_after = f.disk.operations + stop;
            finished = reset(2, index) == RAFT_OK;
            restart();
            assert_replaced(index);
        }
    }
}
END_TEST

/* ---- failures while loading ---- */

START_TEST(load_with_snapshots_that_crashed_can_be_repeated)
{
    static void (*const starts[])(void) = {start_with_two, start_diverged};
    for (size_t i = 0; i < 4; i++) {
        bool finished = false;
        for (uint64_t stop = 0; !finished; stop++) {
            bool is_bad = i >= 2;
            starts[i % 2]();
            die();
            double_find(&f.disk, SNAPSHOT_4)->bytes[170] ^= is_bad;
            double_create(&f.disk, "snapshot.new")->size = 5;
            double_create(&f.disk, "snapshot.part")->size = 500;
            finished = start_until(stop);
            restart();
            /* A log that has everything takes the place of a bad snapshot. */
            assert_begins(is_bad ? 2 : 4, is_bad ? 120 : 140, is_bad ? 2 : 4);
            assert_log(i == 0 || i == 2 ? 5 : is_bad ? 7 : 4);
            ck_assert_ptr_null(double_find(&f.disk, "snapshot.new"));
            ck_assert_ptr_null(double_find(&f.disk, "snapshot.part"));
            die();
        }
    }
}
END_TEST

START_TEST(a_snapshot_that_cannot_be_read_is_not_a_bad_one)
{
    static const struct {
        enum raft_point point;
        enum double_fault fault;
        enum raft_status with;
    } cases[] = {
        {RAFT_AT_SNAPSHOT_LOAD_OPEN, DOUBLE_ERROR, RAFT_IO},
        {RAFT_AT_SNAPSHOT_LOAD_READ, DOUBLE_ERROR, RAFT_IO},
        {RAFT_AT_SNAPSHOT_LOAD_READ, DOUBLE_SHORT, RAFT_OK},
        {RAFT_AT_SNAPSHOT_LOAD_UNLINK, DOUBLE_ERROR, RAFT_IO},
        {RAFT_AT_SEGMENT_LOAD_UNLINK, DOUBLE_ERROR, RAFT_IO},
        {RAFT_AT_MARKER_LOAD_OPEN, DOUBLE_ERROR, RAFT_IO},
        {RAFT_AT_MARKER_LOAD_READ, DOUBLE_ERROR, RAFT_IO},
        {RAFT_AT_MARKER_LOAD_READ, DOUBLE_SHORT, RAFT_OK},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        start_with_two();
        die();
        double_reboot(&f.disk);
        machine_reset();
        double_arm(&f.disk, cases[i].point, cases[i].fault, cases[i].with);
        ck_assert_int_eq(load(), RAFT_IO);
        ck_assert_uint_eq(f.disk.fired, 1);
        ck_assert_uint_eq(machine.commits, 0);
        restart();
        assert_begins(4, 140, 4);
        assert_log(5);
        die();
    }
    start_diverged();
    die();
    double_reboot(&f.disk);
    double_arm(&f.disk, RAFT_AT_SEGMENT_LOAD_SYNC_DIR, DOUBLE_ERROR, RAFT_IO);
    ck_assert_int_eq(load(), RAFT_IO);
    die();
}
END_TEST

START_TEST(does_not_start_with_a_state_machine_that_refuses)
{
    static const enum raft_point points[] = {
        RAFT_AT_SNAPSHOT_RESTORE_BEGIN,
        RAFT_AT_SNAPSHOT_RESTORE_WRITE,
        RAFT_AT_SNAPSHOT_RESTORE_COMMIT,
    };
    for (int i = 0; i < 3; i++) {
        start_with_two();
        die();
        double_reboot(&f.disk);
        machine_reset();
        machine_arm(points[i], RAFT_MACHINE);
        ck_assert_int_eq(load(), RAFT_MACHINE);
        ck_assert_uint_eq(raft_log_last_index(&f.log), 0);
        ck_assert_uint_eq(raft_storage_files_open(f.storage), 0);
        restart();
        assert_begins(4, 140, 4);
        die();
    }
}
END_TEST

START_TEST(returns_what_it_has_when_any_allocation_fails)
{
    bool finished = false;
    int failures = 0;
    for (long nth = 1; !finished; nth++) {
        start_with_two();
        die();
        double_reboot(&f.disk);
        machine_reset();
        create();
        f.disk.memory.allocations = 0;
        f.disk.memory.fail_at = nth;
        enum raft_status status = load_store();
        finished = status == RAFT_OK;
        ck_assert(finished || status == RAFT_NOMEM);
        failures += !finished;
        die();
    }
    ck_assert_int_gt(failures, 5);
}
END_TEST

static Suite *storage_load_suite(void)
{
    const TTest *const tests[] = {
        begins_with_the_configuration_of_the_bootstrap,
        a_store_without_its_marker_is_lost,
        refuses_a_marker_with_any_byte_damaged,
        refuses_the_store_of_another_node,
        nothing_that_has_promised_something_is_taken_for_new,
        a_hard_state_alone_is_new_only_if_it_says_nothing,
        a_bootstrap_that_failed_can_be_repeated,
        a_hard_state_older_than_the_log_is_lost,
        a_hard_state_older_than_the_snapshot_is_lost,
        begins_with_the_newest_and_removes_the_others,
        begins_with_the_one_before_if_the_log_goes_on_from_there,
        a_snapshot_of_another_size_is_bad,
        a_snapshot_under_another_name_is_bad,
        begins_with_the_log_alone_if_it_has_everything,
        empties_a_log_that_does_not_reach_the_snapshot,
        empties_a_log_that_has_another_entry_there,
        a_log_may_begin_right_behind_the_snapshot,
        does_not_need_what_the_snapshot_covers,
        a_half_created_segment_says_nothing_about_the_one_before,
        keeps_what_is_damaged_behind_the_snapshot,
        empties_a_log_whose_header_goes_on_from_another_entry,
        empties_a_log_that_disagrees_anywhere,
        empties_a_log_that_disagrees_by_the_header_behind_the_snapshot_alone,
        empties_a_log_that_disagrees_after_a_crash_of_the_start_at_any_operation,
        empties_a_log_that_disagrees_after_a_crash_of_the_reset_at_any_operation,
        removes_a_segment_that_was_being_created_behind_a_reset,
        survives_a_crash_after_each_operation_of_a_compaction,
        load_with_snapshots_that_crashed_can_be_repeated,
        a_snapshot_that_cannot_be_read_is_not_a_bad_one,
        does_not_start_with_a_state_machine_that_refuses,
        returns_what_it_has_when_any_allocation_fails,
    };
    Suite *suite = suite_create("storage_load");
    TCase *cases = tcase_create("storage_load");
    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++) {
        tcase_add_test(cases, tests[i]);
    }
    suite_add_tcase(suite, cases);
    return suite;
}

int main(void)
{
    return unit_main(storage_load_suite());
}
