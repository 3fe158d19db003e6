/* The jobs that write snapshots, and those that take a log away for one; and for all jobs of
 * snapshots what they do when operations are refused, memory lacks or the node stops. */
#include "storage_fixture.h"
#include "unit.h"

#define NEW        "snapshot.new"
#define PART       "snapshot.part"
#define SNAPSHOT_2 "snapshot-0000000000000002"
#define SNAPSHOT_3 "snapshot-0000000000000003"
#define SNAPSHOT_4 "snapshot-0000000000000004"
#define BYTES_MAX  (MACHINE_SIZE_MAX + SNAPSHOT_FRAME)

static const struct raft_entry_id id_4 = {1, 4};
static uint8_t bytes_4[BYTES_MAX]; /* a snapshot at id_4 as a leader has it */
static uint32_t size_4;

/* A snapshot at 2, and a leader that has one at 4 with a state of 130 bytes. */
static void start_behind(void)
{
    size_4 = (uint32_t)leader_bytes(id_4, 130, 4, bytes_4);
    start_with_snapshot();
}

static void assert_snapshot(raft_index index, const char *name)
{
    ck_assert_uint_eq(f.stored.snapshot.id.index, index);
    ck_assert_uint_eq(f.stored.snapshot.id.term, 1);
    ck_assert_uint_eq(f.log.base.index, index);
    ck_assert_uint_eq(machine.index, index);
    struct raft_snapshot expected = snapshot_at(1, index);
    ck_assert_uint_eq(f.stored.snapshot.configuration_index, expected.configuration_index);
    ck_assert(raft_configuration_equal(&f.stored.snapshot.configuration, &expected.configuration));
    const struct double_file *file = double_find(&f.disk, name);
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(f.stored.snapshot.size, file->size);
    unsigned count = 0;
    for (int i = 0; i < DOUBLE_FILES; i++) {
        bool is_one = strncmp(f.disk.files[i].name, "snapshot", 8) == 0;
        count += f.disk.files[i].exists && is_one;
    }
    ck_assert_uint_eq(count, 1);
}

/* ---- SAVE ---- */

START_TEST(saves_a_state_of_every_size_around_a_piece)
{
    static const size_t sizes[] = {0, 1, 49, 50, 51, 99, 100, 101, 168, 1000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        start_rolled();
        machine_set(sizes[i], 5);
        struct raft_snapshot snapshot = snapshot_at(1, 3);
        ck_assert_int_eq(raft_storage_save(f.storage, &snapshot), RAFT_OK);
        struct raft_storage_done done = snapshot_done(RAFT_JOB_SAVE);
        ck_assert_int_eq(done.status, RAFT_OK);
        ck_assert_uint_eq(done.snapshot.id.index, 3);
        ck_assert_uint_eq(done.snapshot.size, sizes[i] + SNAPSHOT_FRAME);
        ck_assert_uint_eq(machine.reads, (sizes[i] + CHUNK - 1) / CHUNK);
        restart();
        assert_snapshot(3, SNAPSHOT_3);
        assert_machine(sizes[i], 5);
        assert_log(5);
        die();
    }
}
END_TEST

START_TEST(saves_the_state_as_it_was_at_the_beginning)
{
    start_rolled();
    machine_set(300, 1);
    struct raft_snapshot snapshot = snapshot_at(1, 3);
    ck_assert_int_eq(raft_storage_save(f.storage, &snapshot), RAFT_OK);
    machine_set(20, 9);
    ck_assert_int_eq(append(1, 1), RAFT_OK); /* the log goes on */
    while (f.disk.pending_count > 0) {
        struct raft_storage_done done;
        raft_storage_io_done(f.storage, f.disk.pending[--f.disk.pending_count], &done);
    }
    ck_assert(!machine.is_frozen);
    restart();
    assert_machine(300, 1);
    assert_log(6);
    die();
}
END_TEST

START_TEST(replaces_the_snapshot_before)
{
    start_with_snapshot();
    machine_set(90, 3);
    ck_assert_int_eq(save_snapshot(1, 3), RAFT_OK);
    ck_assert_ptr_null(double_find(&f.disk, SNAPSHOT_2));
    restart();
    assert_snapshot(3, SNAPSHOT_3);
    assert_machine(90, 3);
    double_find(&f.disk, SNAPSHOT_3)->bytes[200] ^= 1;
    machine_set(91, 4);
    ck_assert_int_eq(save_snapshot(1, 3), RAFT_OK); /* in the place of one that has rotted */
    restart();
    assert_snapshot(3, SNAPSHOT_3);
    assert_machine(91, 4);
    die();
}
END_TEST

START_TEST(a_save_that_the_state_machine_refuses_takes_nothing)
{
    static const enum raft_status statuses[] = {RAFT_BUSY, RAFT_MACHINE};
    for (int i = 0; i < 2; i++) {
        start_with_snapshot();
        machine_arm(RAFT_AT_SNAPSHOT_SAVE_BEGIN, statuses[i]);
        ck_assert_int_eq(save_snapshot(1, 3), statuses[i]);
        ck_assert(!raft_storage_in_flight(f.storage));
        machine_arm(RAFT_POINT_COUNT, RAFT_OK);
        ck_assert_int_eq(save_snapshot(1, 3), RAFT_OK);
        die();
    }
}
END_TEST

START_TEST(a_save_ends_when_the_state_machine_cannot_be_read)
{
    start_with_snapshot();
    machine_arm(RAFT_AT_SNAPSHOT_SAVE_READ, RAFT_MACHINE);
    ck_assert_int_eq(save_snapshot(1, 3), RAFT_MACHINE);
    ck_assert(!machine.is_frozen);
    ck_assert_ptr_null(double_find(&f.disk, NEW));
    restart();
    assert_snapshot(2, SNAPSHOT_2);
    die();
}
END_TEST

/* ---- RECEIVE ---- */

static enum raft_status receive_4(void)
{
    return receive(id_4, bytes_4, size_4, 60);
}

static enum raft_status save_3(void)
{
    machine_set(70, 3);
    return save_snapshot(1, 3);
}

START_TEST(receives_in_pieces_of_every_size)
{
    for (uint32_t piece = 1; piece < 320; piece += piece < 9 ? 1 : 29) {
        start_behind();
        ck_assert_int_eq(receive(id_4, bytes_4, size_4, piece), RAFT_OK);
        const struct double_file *file = double_find(&f.disk, SNAPSHOT_4);
        ck_assert_uint_eq(file->size, size_4);
        ck_assert_mem_eq(file->bytes, bytes_4, size_4);
        ck_assert_int_eq(restore(), RAFT_OK);
        assert_machine(130, 4);
        ck_assert_uint_eq(machine.index, 4);
        restart();
        assert_snapshot(4, SNAPSHOT_4);
        assert_machine(130, 4);
        assert_log(5);
        die();
    }
}
END_TEST

START_TEST(begins_to_receive_anew_at_any_time)
{
    static uint8_t other[BYTES_MAX];
    const struct raft_entry_id id_3 = {1, 3};
    uint32_t size = (uint32_t)leader_bytes(id_3, 80, 3, other);
    start_behind();
    for (uint32_t offset = 0; offset < 120; offset += 60) {
        ck_assert_int_eq(begin_receive(id_3, other, size, offset, 60), RAFT_OK);
        ck_assert_int_eq(snapshot_done(RAFT_JOB_RECEIVE).status, RAFT_OK);
    }
    ck_assert_uint_eq(raft_storage_files_open(f.storage), 4);
    ck_assert_int_eq(save_3(), RAFT_OK); /* beside a part that waits */
    ck_assert_int_eq(receive_4(), RAFT_OK);
    ck_assert_uint_eq(raft_storage_files_open(f.storage), 3);
    restart();
    assert_snapshot(4, SNAPSHOT_4);
    die();
}
END_TEST

START_TEST(refuses_a_snapshot_with_any_byte_damaged)
{
    start_behind();
    for (uint32_t at = 0; at < size_4; at++) {
        bytes_4[at] ^= 0x10;
        ck_assert_int_eq(receive(id_4, bytes_4, size_4, 100), RAFT_CORRUPT);
        bytes_4[at] ^= 0x10;
        ck_assert_ptr_null(double_find(&f.disk, PART));
        ck_assert_ptr_null(double_find(&f.disk, SNAPSHOT_4));
        ck_assert_uint_eq(raft_storage_files_open(f.storage), 3);
    }
    restart();
    assert_snapshot(2, SNAPSHOT_2);
    ck_assert_int_eq(receive_4(), RAFT_OK);
    die();
}
END_TEST

START_TEST(refuses_a_snapshot_that_is_not_the_one_announced)
{
    start_behind();
    ck_assert_int_eq(receive((struct raft_entry_id){1, 5}, bytes_4, size_4, 100), RAFT_CORRUPT);
    ck_assert_int_eq(receive((struct raft_entry_id){2, 4}, bytes_4, size_4, 100), RAFT_CORRUPT);
    ck_assert_int_eq(receive(id_4, bytes_4, size_4 - 1, 100), RAFT_CORRUPT);
    ck_assert_int_eq(receive(id_4, bytes_4, 5, 100), RAFT_CORRUPT);
    restart();
    assert_snapshot(2, SNAPSHOT_2);
    die();
}
END_TEST

/* ---- failures of both ---- */

START_TEST(gives_a_snapshot_up_when_a_step_fails)
{
    static const struct {
        enum raft_point point;
        enum double_fault fault;
        enum raft_status with;
        enum raft_status saves;    /* RAFT_OK: SAVE has no such step */
        enum raft_status receives; /* likewise */
    } cases[] = {
        {RAFT_AT_SNAPSHOT_SAVE_CREATE, DOUBLE_ERROR, RAFT_NOSPACE, RAFT_NOSPACE, RAFT_OK},
        {RAFT_AT_SNAPSHOT_SAVE_CREATE, DOUBLE_ERROR, RAFT_IO, RAFT_BUSY, RAFT_OK},
        {RAFT_AT_SNAPSHOT_SAVE_WRITE, DOUBLE_ERROR, RAFT_NOSPACE, RAFT_NOSPACE, RAFT_OK},
        {RAFT_AT_SNAPSHOT_SAVE_WRITE, DOUBLE_ERROR, RAFT_IO, RAFT_BUSY, RAFT_OK},
        {RAFT_AT_SNAPSHOT_SAVE_WRITE, DOUBLE_NOTHING_DONE, RAFT_OK, RAFT_BUSY, RAFT_OK},
        {RAFT_AT_SNAPSHOT_RECEIVE_CREATE, DOUBLE_ERROR, RAFT_NOSPACE, RAFT_OK, RAFT_NOSPACE},
        {RAFT_AT_SNAPSHOT_RECEIVE_WRITE, DOUBLE_ERROR, RAFT_NOSPACE, RAFT_OK, RAFT_NOSPACE},
        {RAFT_AT_SNAPSHOT_RECEIVE_WRITE, DOUBLE_ERROR, RAFT_IO, RAFT_OK, RAFT_BUSY},
        {RAFT_AT_SNAPSHOT_RECEIVE_WRITE, DOUBLE_NOTHING_DONE, RAFT_OK, RAFT_OK, RAFT_BUSY},
        {RAFT_AT_SNAPSHOT_PUBLISH_SYNC, DOUBLE_ERROR, RAFT_IO, RAFT_BUSY, RAFT_BUSY},
        {RAFT_AT_SNAPSHOT_PUBLISH_READ, DOUBLE_ERROR, RAFT_IO, RAFT_BUSY, RAFT_BUSY},
        {RAFT_AT_SNAPSHOT_PUBLISH_READ, DOUBLE_NOTHING_DONE, RAFT_OK, RAFT_BUSY, RAFT_BUSY},
        {RAFT_AT_SNAPSHOT_PUBLISH_READ, DOUBLE_FLIPPED, RAFT_OK, RAFT_BUSY, RAFT_CORRUPT},
        {RAFT_AT_SNAPSHOT_PUBLISH_CLOSE, DOUBLE_ERROR, RAFT_IO, RAFT_BUSY, RAFT_BUSY},
        {RAFT_AT_SNAPSHOT_PUBLISH_RENAME, DOUBLE_ERROR, RAFT_IO, RAFT_BUSY, RAFT_BUSY},
        {RAFT_AT_SNAPSHOT_PUBLISH_RENAME, DOUBLE_ERROR, RAFT_NOSPACE, RAFT_NOSPACE, RAFT_NOSPACE},
    };
    for (size_t i = 0; i < 2 * sizeof cases / sizeof cases[0]; i++) {
        bool saves = i % 2 == 0;
        enum raft_status (*job)(void) = saves ? save_3 : receive_4;
        enum raft_status expected = saves ? cases[i / 2].saves : cases[i / 2].receives;
        if (expected == RAFT_OK) {
            continue;
        }
        start_behind();
        double_arm(&f.disk, cases[i / 2].point, cases[i / 2].fault, cases[i / 2].with);
        ck_assert_int_eq(job(), expected);
        ck_assert_uint_eq(f.disk.fired, 1);
        ck_assert(!machine.is_frozen);
        ck_assert_ptr_null(double_find(&f.disk, NEW));
        ck_assert_ptr_null(double_find(&f.disk, PART));
        ck_assert_uint_eq(raft_storage_files_open(f.storage), 3);
        f.disk.armed = false;
        ck_assert_int_eq(append(1, 1), RAFT_OK);
        restart();
        assert_snapshot(2, SNAPSHOT_2);
        assert_log(6);
        ck_assert_int_eq(job(), RAFT_OK);
        restart();
        assert_log(6);
        die();
    }
}
END_TEST

START_TEST(continues_a_short_write_of_a_snapshot)
{
    start_behind();
    double_arm(&f.disk, RAFT_AT_SNAPSHOT_SAVE_WRITE, DOUBLE_SHORT, RAFT_OK);
    ck_assert_int_eq(save_3(), RAFT_OK);
    ck_assert_uint_gt(f.disk.fired, 10);
    double_arm(&f.disk, RAFT_AT_SNAPSHOT_RECEIVE_WRITE, DOUBLE_SHORT, RAFT_OK);
    ck_assert_int_eq(receive_4(), RAFT_OK);
    ck_assert_uint_gt(f.disk.fired, 10);
    restart();
    assert_snapshot(4, SNAPSHOT_4);
    assert_machine(130, 4);
    die();
}
END_TEST

static enum raft_status compact_4(void)
{
    return compact(1, 4);
}

/* What a follower does whose log is another one; the snapshot is there. */
static enum raft_status reset_4(void)
{
    return reset(1, 4);
}

/* One to be compacted or reset: five entries in three segments, a snapshot at 4. */
static void start_covered(void)
{
    start_rolled();
    machine_set(60, 4);
    ck_assert_int_eq(save_snapshot(1, 4), RAFT_OK);
}

/* A follower with another log: its entries from 3 on are of term 2, the snapshot at 4 says term 1,
 * and is as yet only published. */
static void start_diverged(void)
{
    size_4 = (uint32_t)leader_bytes(id_4, 130, 4, bytes_4);
    start_rolled();
    ck_assert_int_eq(cut(2), RAFT_OK);
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(append(2, 1), RAFT_OK);
    }
    ck_assert_int_eq(receive_4(), RAFT_OK);
}

START_TEST(fails_when_the_directory_cannot_be_synced)
{
    static const struct {
        enum raft_point point;
        enum raft_status (*job)(void);
        void (*start)(void);
    } cases[] = {
        {RAFT_AT_SNAPSHOT_PUBLISH_SYNC_DIR, save_3, start_behind},
        {RAFT_AT_SNAPSHOT_REPLACE_SYNC_DIR, save_3, start_behind},
        {RAFT_AT_SNAPSHOT_PUBLISH_SYNC_DIR, receive_4, start_behind},
        {RAFT_AT_SNAPSHOT_REPLACE_SYNC_DIR, receive_4, start_behind},
        {RAFT_AT_IDS_COMPACT_SYNC_DIR, compact_4, start_covered},
        {RAFT_AT_IDS_RESET_SYNC_DIR, reset_4, start_diverged},
        {RAFT_AT_IDS_RESET_UNLINK, reset_4, start_diverged},
        {RAFT_AT_SEGMENT_COMPACT_SYNC_DIR, compact_4, start_covered},
        {RAFT_AT_SEGMENT_RESET_SYNC_DIR, reset_4, start_diverged},
        {RAFT_AT_SEGMENT_RESET_UNLINK, reset_4, start_diverged},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cases[i].start();
        double_arm(&f.disk, cases[i].point, DOUBLE_ERROR, RAFT_IO);
        ck_assert_int_eq(cases[i].job(), RAFT_IO);
        ck_assert_uint_eq(f.disk.fired, 1);
        restart();
        ck_assert_uint_ge(f.stored.snapshot.id.index, 2);
        die();
    }
}
END_TEST

START_TEST(leaves_to_the_next_start_what_it_cannot_remove)
{
    start_behind();
    double_arm(&f.disk, RAFT_AT_SNAPSHOT_REPLACE_UNLINK, DOUBLE_ERROR, RAFT_IO);
    ck_assert_int_eq(save_3(), RAFT_OK);
    ck_assert_int_eq(receive_4(), RAFT_OK);
    ck_assert_ptr_nonnull(double_find(&f.disk, SNAPSHOT_2));
    ck_assert_ptr_nonnull(double_find(&f.disk, SNAPSHOT_3));
    f.disk.armed = false;
    double_find(&f.disk, SNAPSHOT_3)->bytes[170] ^= 1; /* nobody looks at it any more */
    restart();
    assert_snapshot(4, SNAPSHOT_4);
    die();
    start_behind();
    double_arm(&f.disk, RAFT_AT_SNAPSHOT_PUBLISH_SYNC, DOUBLE_ERROR, RAFT_IO);
    struct raft_snapshot snapshot = snapshot_at(1, 3);
    ck_assert_int_eq(raft_storage_save(f.storage, &snapshot), RAFT_OK);
    while (f.disk.fired == 0) {
        struct raft_storage_done done;
        ck_assert(!raft_storage_io_done(f.storage, f.disk.pending[--f.disk.pending_count], &done));
    }
    double_arm(&f.disk, RAFT_AT_SNAPSHOT_DISCARD_UNLINK, DOUBLE_ERROR, RAFT_IO);
    ck_assert_int_eq(snapshot_done(RAFT_JOB_SAVE).status, RAFT_BUSY);
    ck_assert_ptr_nonnull(double_find(&f.disk, NEW));
    restart();
    assert_snapshot(2, SNAPSHOT_2);
    die();
}
END_TEST

/* Crashes after each operation of a job: then the snapshot is the old one or the new one, whole,
 * and the log is there. */
static void crash_everywhere(enum raft_status (*job)(void), raft_index index, const char *name)
{
    bool finished = false;
    unsigned old = 0;
    for (uint64_t stop = 0; !finished; stop++) {
        start_behind();
        f.disk.stop_after = f.disk.operations + stop;
        finished = job() == RAFT_OK;
        restart();
        bool is_old = f.stored.snapshot.id.index == 2;
        ck_assert(!is_old || !finished);
        old += is_old;
        assert_snapshot(is_old ? 2 : index, is_old ? SNAPSHOT_2 : name);
        assert_log(5);
        ck_assert_int_eq(append(3, 1), RAFT_OK);
        restart();
        assert_log(6);
        die();
    }
    ck_assert_uint_gt(old, 5);
}

START_TEST(survives_a_crash_after_each_operation_of_a_save)
{
    crash_everywhere(save_3, 3, SNAPSHOT_3);
}
END_TEST

START_TEST(survives_a_crash_after_each_operation_of_receiving)
{
    crash_everywhere(receive_4, 4, SNAPSHOT_4);
}
END_TEST

/* ---- COMPACT and RESET ---- */

START_TEST(compacts_whole_segments_and_goes_on)
{
    for (raft_index to = 1; to <= 5; to++) {
        start_rolled();
        ck_assert_int_eq(save_snapshot(1, 5), RAFT_OK);
        ck_assert_int_eq(compact(1, to), RAFT_OK);
        ck_assert_int_eq(double_find(&f.disk, SEGMENT_1) != NULL, to < 2);
        ck_assert_int_eq(double_find(&f.disk, "log-0000000000000003") != NULL, to < 4);
        ck_assert_ptr_nonnull(double_find(&f.disk, "log-0000000000000005"));
        ck_assert_int_eq(append(2, 3), RAFT_OK);
        ck_assert_int_eq(cut(6), RAFT_OK);
        ck_assert_int_eq(append(3, 1), RAFT_OK);
        restart();
        ck_assert_uint_eq(f.log.base.index, 5);
        assert_log(7);
        ck_assert_uint_eq(raft_log_peek(&f.log, 7)->id.term, 3);
        die();
    }
}
END_TEST

START_TEST(cuts_across_segments_behind_a_compacted_front)
{
    start_covered();
    ck_assert_int_eq(compact(1, 2), RAFT_OK);
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(append(2, 1), RAFT_OK);
    }
    ck_assert_int_eq(cut(4), RAFT_OK);
    ck_assert_int_eq(append(3, 2), RAFT_OK);
    restart();
    assert_log(6);
    die();
}
END_TEST

START_TEST(tries_again_to_remove_a_segment)
{
    start_covered();
    double_arm(&f.disk, RAFT_AT_SEGMENT_COMPACT_UNLINK, DOUBLE_ERROR, RAFT_IO);
    ck_assert_int_eq(compact(1, 2), RAFT_OK);
    ck_assert_ptr_nonnull(double_find(&f.disk, SEGMENT_1));
    ck_assert_int_eq(append(1, 1), RAFT_OK);
    f.disk.armed = false;
    ck_assert_int_eq(compact(1, 4), RAFT_OK);
    ck_assert_ptr_null(double_find(&f.disk, SEGMENT_1));
    ck_assert_ptr_null(double_find(&f.disk, "log-0000000000000003"));
    restart();
    assert_log(6);
    die();
}
END_TEST

START_TEST(resets_the_log_and_goes_on)
{
    start_diverged();
    double_arm(&f.disk, RAFT_AT_SEGMENT_RESET_CLOSE, DOUBLE_ERROR, RAFT_IO);
    ck_assert_int_eq(reset(1, 4), RAFT_OK);
    ck_assert_uint_eq(f.disk.fired, 1);
    ck_assert_uint_eq(raft_storage_files_open(f.storage), 1);
    ck_assert_int_eq(reset(1, 4), RAFT_OK); /* of a log without a segment */
    ck_assert_int_eq(append(2, 2), RAFT_OK);
    ck_assert_int_eq(cut(5), RAFT_OK);
    ck_assert_int_eq(append(3, 1), RAFT_OK);
    restart();
    assert_log(6);
    ck_assert_uint_eq(f.log.base.index, 4);
    die();
}
END_TEST

START_TEST(survives_a_crash_after_each_operation_of_a_reset)
{
    bool finished = false;
    for (uint64_t stop = 0; !finished; stop++) {
        start_diverged();
        f.disk.stop_after = f.disk.operations + stop;
        finished = reset_4() == RAFT_OK;
        restart();
        assert_snapshot(4, SNAPSHOT_4);
        assert_log(4); /* nothing of the other log is left */
        ck_assert_int_eq(append(3, 2), RAFT_OK);
        restart();
        assert_log(6);
        die();
    }
}
END_TEST

/* ---- refusals, memory, giving up ---- */

static enum raft_status fetch_2(void)
{
    struct raft_storage_done done = fetch(2, 0);
    core_memory_free(&f.disk.memory, done.bytes);
    return done.status;
}

static enum raft_status receive_last(void)
{
    return receive(id_4, bytes_4, size_4, 4000);
}

static const struct {
    enum raft_status (*job)(void);
    void (*start)(void);
} jobs[] = {
    {save_3, start_behind},         {receive_last, start_behind}, {fetch_2, start_with_snapshot},
    {restore, start_with_snapshot}, {compact_4, start_covered},   {reset_4, start_diverged},
};
#define JOBS (sizeof jobs / sizeof jobs[0])

START_TEST(goes_on_after_a_refusal_of_each_submission)
{
    for (size_t i = 0; i < JOBS; i++) {
        uint64_t submissions = 1;
        for (uint64_t nth = 1; nth <= submissions; nth++) {
            jobs[i].start();
            uint64_t before = f.disk.submissions;
            f.disk.refuse_at = before + nth;
            enum raft_status status = jobs[i].job();
            ck_assert_int_eq(status, nth == 1 ? RAFT_BUSY : RAFT_OK);
            ck_assert(!raft_storage_in_flight(f.storage) && !raft_storage_stalled(f.storage));
            if (nth == 1) {
                before = f.disk.submissions;
                ck_assert_int_eq(jobs[i].job(), RAFT_OK);
                submissions = f.disk.submissions - before;
                ck_assert_uint_gt(submissions, 2);
            }
            die();
        }
    }
}
END_TEST

START_TEST(a_job_without_memory_takes_nothing)
{
    for (size_t i = 0; i < 4; i++) {
        jobs[i].start();
        enum raft_status status = RAFT_NOMEM;
        for (long nth = jobs[i].job == receive_last ? 2 : 1; status == RAFT_NOMEM; nth++) {
            f.disk.memory.allocations = 0;
            f.disk.memory.fail_at = nth;
            status = jobs[i].job();
            ck_assert(!raft_storage_in_flight(f.storage) && !machine.is_frozen);
            ck_assert(status == RAFT_OK || status == RAFT_NOMEM);
            ck_assert_int_eq(status == RAFT_NOMEM, f.disk.memory.allocations == nth);
        }
        die();
    }
}
END_TEST

/* Begins the job and gives it up before its nth operation: because it stalls there, or because the
 * node stops while the operation before is in flight. die() looks whether all has been given back.
 */
static bool give_up_at(size_t i, uint64_t nth, bool in_flight)
{
    struct raft_snapshot snapshot = snapshot_at(1, 3);
    struct raft_storage_done done;
    enum raft_status status = RAFT_OK;
    bool ended = false;
    jobs[i].start();
    switch (i) {
    case 0:
        status = raft_storage_save(f.storage, &snapshot);
        break;
    case 1:
        status = begin_receive(id_4, bytes_4, size_4, 0, size_4);
        break;
    case 2:
        status = raft_storage_fetch(f.storage, (struct raft_entry_id){1, 2}, 0, false);
        break;
    default:
        status = raft_storage_restore(f.storage);
    }
    ck_assert_int_eq(status, RAFT_OK);
    for (uint64_t step = 1; step < nth && !ended; step++) {
        ended = raft_storage_io_done(f.storage, f.disk.pending[--f.disk.pending_count], &done);
    }
    if (!ended && in_flight) {
        raft_storage_abandon(f.storage);
        ck_assert(raft_storage_in_flight(f.storage));
        uint64_t before = f.disk.submissions;
        bool reported =
            raft_storage_io_done(f.storage, f.disk.pending[--f.disk.pending_count], &done);
        ck_assert_uint_eq(f.disk.submissions, before);
        ck_assert(!raft_storage_in_flight(f.storage) && !raft_storage_stalled(f.storage));
        ended = reported;
    } else if (!ended) {
        f.disk.refuse_at = f.disk.submissions + 1;
        ended = raft_storage_io_done(f.storage, f.disk.pending[--f.disk.pending_count], &done);
        ck_assert_int_eq(raft_storage_stalled(f.storage), !ended);
    }
    if (ended && done.job == RAFT_JOB_FETCH) {
        core_memory_free(&f.disk.memory, done.bytes);
    }
    restart();
    ck_assert_uint_ge(f.stored.snapshot.id.index, 2);
    die();
    return ended;
}

START_TEST(gives_everything_back_when_it_is_given_up)
{
    for (size_t i = 0; i < 4; i++) {
        for (int in_flight = 0; in_flight < 2; in_flight++) {
            uint64_t nth = 1;
            while (!give_up_at(i, nth, in_flight != 0)) {
                nth++;
            }
            ck_assert_uint_gt(nth, 3);
        }
    }
}
END_TEST

START_TEST(all_lanes_run_side_by_side)
{
    start_behind();
    struct raft_snapshot snapshot = snapshot_at(1, 3);
    struct raft_hard_state state = {.term = 7, .vote = 1, .sequence = f.state.sequence + 1};
    machine_set(500, 3);
    propose(3, 2);
    ck_assert_int_eq(begin_append(), RAFT_OK);
    ck_assert_int_eq(raft_storage_save(f.storage, &snapshot), RAFT_OK);
    ck_assert_int_eq(raft_storage_fetch(f.storage, (struct raft_entry_id){1, 2}, CHUNK, false),
                     RAFT_OK);
    ck_assert_int_eq(raft_storage_save_state(f.storage, &state), RAFT_OK);
    unsigned ended = 0;
    while (raft_storage_in_flight(f.storage)) {
        struct raft_storage_done done;
        if (answer(0, &done)) {
            ck_assert_int_eq(done.status, RAFT_OK);
            ended++;
            if (done.job == RAFT_JOB_FETCH) {
                core_memory_free(&f.disk.memory, done.bytes);
            }
        }
    }
    ck_assert_uint_eq(ended, 4);
    restart();
    assert_snapshot(3, SNAPSHOT_3);
    assert_log(7);
    ck_assert_uint_eq(f.state.term, 7);
    die();
}
END_TEST

static Suite *storage_snapshot_suite(void)
{
    const TTest *const tests[] = {
        saves_a_state_of_every_size_around_a_piece,
        saves_the_state_as_it_was_at_the_beginning,
        replaces_the_snapshot_before,
        a_save_that_the_state_machine_refuses_takes_nothing,
        a_save_ends_when_the_state_machine_cannot_be_read,
        receives_in_pieces_of_every_size,
        begins_to_receive_anew_at_any_time,
        refuses_a_snapshot_with_any_byte_damaged,
        refuses_a_snapshot_that_is_not_the_one_announced,
        gives_a_snapshot_up_when_a_step_fails,
        continues_a_short_write_of_a_snapshot,
        fails_when_the_directory_cannot_be_synced,
        leaves_to_the_next_start_what_it_cannot_remove,
        survives_a_crash_after_each_operation_of_a_save,
        survives_a_crash_after_each_operation_of_receiving,
        compacts_whole_segments_and_goes_on,
        cuts_across_segments_behind_a_compacted_front,
        tries_again_to_remove_a_segment,
        resets_the_log_and_goes_on,
        survives_a_crash_after_each_operation_of_a_reset,
        goes_on_after_a_refusal_of_each_submission,
        a_job_without_memory_takes_nothing,
        gives_everything_back_when_it_is_given_up,
        all_lanes_run_side_by_side,
    };
    Suite *suite = suite_create("storage_snapshot");
    TCase *cases = tcase_create("storage_snapshot");
    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++) {
        tcase_add_test(cases, tests[i]);
    }
    suite_add_tcase(suite, cases);
    return suite;
}

int main(void)
{
    return unit_main(storage_snapshot_suite());
}
