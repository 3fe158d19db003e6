/* What a store does when what it has lost cannot be named: it starts all the same, and remembers.
 */
#include "storage_fixture.h"
#include "unit.h"

#define STATE      "hard-state"
#define LOSSES     28u /* where they stand in a copy */
#define SEGMENT_3  "log-0000000000000003"
#define SEGMENT_5  "log-0000000000000005"
#define IDS_3      "ids-0000000000000003"
#define SNAPSHOT_2 "snapshot-0000000000000002"
#define SNAPSHOT_4 "snapshot-0000000000000004"
#define SNAPSHOT_6 "snapshot-0000000000000006"
#define SNAPSHOT_8 "snapshot-0000000000000008"
#define MARK_4     "mark-0000000000000004"
#define MARK_6     "mark-0000000000000006"
#define MARK_8     "mark-0000000000000008"
#define MARK_9     "mark-0000000000000009"

static struct double_file kept;

/* Entries 1 to 5 in three segments, and snapshots at 2 and 4. */
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

static void assert_begins(raft_index snapshot, raft_term term, raft_index base)
{
    ck_assert_uint_eq(f.stored.snapshot.id.index, snapshot);
    ck_assert_uint_eq(f.log.base.index, base);
    ck_assert_uint_eq(f.log.base.term, term);
}

static void flip(const char *name, size_t at)
{
    double_find(&f.disk, name)->bytes[at] ^= 0x40;
}

/* ---- entries ---- */

static void lose_a_segment(void)
{
    remove_segment(3);
}

static void lose_an_identity(void)
{
    flip(SEGMENT_3, HEADER_SIZE + 9);
    flip(IDS_3, HEADER_SIZE + 9);
}

static void lose_the_end_of_a_segment(void)
{
    forget_ids(IDS_3, 0);
    struct double_file *file = double_find(&f.disk, SEGMENT_3);
    memset(file->bytes + HEADER_SIZE, 0, file->size - HEADER_SIZE);
    file->size = HEADER_SIZE;
}

static void get_a_stray_segment(void)
{
    remove_segment(3);
    remove_segment(5);
    double_create(&f.disk, "log-0000000000000004")->size = 40;
}

static void (*const holes[])(void) = {lose_a_segment, lose_an_identity, lose_the_end_of_a_segment,
                                      get_a_stray_segment};
#define HOLES 4

START_TEST(keeps_what_lies_before_a_hole)
{
    for (int i = 0; i < HOLES; i++) {
        start_rolled();
        ck_assert_int_eq(save(3, 2), RAFT_OK);
        die();
        holes[i]();
        ck_assert_int_eq(start_again(), RAFT_OK);
        assert_log(2);
        ck_assert_uint_eq(f.state.losses, RAFT_LOSS_ENTRIES);
        ck_assert_uint_eq(f.state.term, 3);
        ck_assert_uint_eq(f.state.vote, 2);
        ck_assert_ptr_null(double_find(&f.disk, SEGMENT_5));
        ck_assert_ptr_null(double_find(&f.disk, "ids-0000000000000005"));
        ck_assert_int_eq(append(2, 3), RAFT_OK);
        restart();
        assert_log(5);
        ck_assert_uint_eq(f.state.losses, RAFT_LOSS_ENTRIES);
        die();
    }
}
END_TEST

START_TEST(a_hole_within_a_batch_ends_the_log)
{
    for (raft_index bad = 1; bad <= 3; bad++) {
        start_new();
        ck_assert_int_eq(append(1, 1), RAFT_OK);
        ck_assert_int_eq(append(1, 3), RAFT_OK);
        die();
        flip(SEGMENT_1, HEADER_SIZE + (size_t)(bad - 1) * RECORD_SIZE + 9);
        flip(IDS_1, HEADER_SIZE + (size_t)(bad - 1) * ID_SIZE + 9);
        ck_assert_int_eq(start_again(), RAFT_OK);
        assert_log(bad - 1);
        ck_assert_uint_eq(f.state.losses, RAFT_LOSS_ENTRIES);
        ck_assert_uint_eq(double_find(&f.disk, SEGMENT_1)->size,
                          HEADER_SIZE + (bad - 1) * RECORD_SIZE);
        ck_assert_uint_eq(double_find(&f.disk, IDS_1)->size, HEADER_SIZE + (bad - 1) * ID_SIZE);
        die();
    }
}
END_TEST

/* Whether the segments are as they were kept. */
static bool is_unchanged(const struct double_file *before)
{
    bool same = true;
    for (int i = 0; i < DOUBLE_FILES; i++) {
        bool is_segment =
            memcmp(before[i].name, "log-", 4) == 0 || memcmp(before[i].name, "ids-", 4) == 0;
        same = same && (!is_segment || !before[i].exists ||
                        memcmp(&before[i], &f.disk.files[i], sizeof before[i]) == 0);
    }
    return same;
}

START_TEST(remembers_a_loss_before_it_changes_anything_else)
{
    static struct double_file before[DOUBLE_FILES];
    for (int i = 0; i < HOLES; i++) {
        bool finished = false;
        for (uint64_t stop = 0; !finished; stop++) {
            start_rolled();
            die();
            holes[i]();
            memcpy(before, f.disk.files, sizeof before);
            finished = start_until(stop);
            const uint8_t *state = double_find(&f.disk, STATE)->bytes;
            bool is_known =
                state[LOSSES] == RAFT_LOSS_ENTRIES && state[COPY_B + LOSSES] == RAFT_LOSS_ENTRIES;
            ck_assert(is_known || is_unchanged(before));
            restart();
            assert_log(2);
            ck_assert_uint_eq(f.state.losses, RAFT_LOSS_ENTRIES);
            die();
        }
    }
}
END_TEST

START_TEST(forgets_the_loss_of_entries_when_told)
{
    start_rolled();
    die();
    lose_a_segment();
    ck_assert_int_eq(start_again(), RAFT_OK);
    f.state.losses = 0;
    ck_assert_int_eq(save(4, 1), RAFT_OK);
    restart();
    ck_assert_uint_eq(f.state.losses, 0);
    ck_assert_uint_eq(f.state.term, 4);
    die();
}
END_TEST

/* ---- promises ---- */

static void lose_both_copies(void)
{
    flip(STATE, 9);
    flip(STATE, COPY_B + 9);
}

static void lose_the_file(void)
{
    double_find(&f.disk, STATE)->exists = false;
}

static void get_an_old_one(void)
{
    static uint8_t old[DOUBLE_FILE_SIZE];
    start_rolled();
    die();
    memcpy(old, double_find(&f.disk, STATE)->bytes, sizeof old);
    start_rolled();
    ck_assert_int_eq(append(5, 1), RAFT_OK);
    die();
    memcpy(double_find(&f.disk, STATE)->bytes, old, sizeof old);
}

static void (*const lost_states[])(void) = {lose_both_copies, lose_the_file, get_an_old_one};

/* Entries of terms 1 and 5, then a hard state of the term 7 and a vote, which is lost. */
static void start_promised(int how)
{
    start_rolled();
    ck_assert_int_eq(append(5, 1), RAFT_OK);
    ck_assert_int_eq(save(7, 2), RAFT_OK);
    die();
    lost_states[how]();
}

START_TEST(a_lost_promise_is_no_start_without_quarantine)
{
    for (int how = 0; how < 3; how++) {
        start_promised(how);
        static struct double_file before[DOUBLE_FILES];
        memcpy(before, f.disk.files, sizeof before);
        ck_assert_int_eq(start_again(), RAFT_LOST_STORE);
        ck_assert_mem_eq(before, f.disk.files, sizeof before);
        die();
    }
}
END_TEST

START_TEST(starts_in_quarantine_without_its_promises)
{
    for (int how = 0; how < 3; how++) {
        start_promised(how);
        f.options.quarantine = true;
        ck_assert_int_eq(start_again(), RAFT_OK);
        assert_log(6);
        ck_assert_uint_eq(f.state.losses, RAFT_LOSS_PROMISES);
        ck_assert_uint_eq(f.state.term, 5); /* the newest that is known */
        ck_assert_uint_eq(f.state.vote, 0);
        ck_assert_uint_gt(f.state.sequence, 0);
        ck_assert_int_eq(save(8, 0), RAFT_OK);
        f.options.quarantine = false; /* what is known needs no option any more */
        restart();
        assert_log(6);
        ck_assert_uint_eq(f.state.losses, RAFT_LOSS_PROMISES);
        ck_assert_uint_eq(f.state.term, 8);
        die();
    }
}
END_TEST

START_TEST(quarantine_is_durable_before_the_start_ends)
{
    for (int how = 0; how < 3; how++) {
        bool finished = false;
        for (uint64_t stop = 0; !finished; stop++) {
            start_promised(how);
            f.options.quarantine = true;
            finished = start_until(stop);
            f.options.quarantine = !finished;
            restart();
            assert_log(6);
            ck_assert_uint_eq(f.state.losses, RAFT_LOSS_PROMISES);
            ck_assert_uint_eq(f.state.term, 5);
            ck_assert_uint_eq(f.state.vote, 0);
            ck_assert_ptr_null(double_find(&f.disk, "hard-state.new"));
            die();
        }
    }
}
END_TEST

START_TEST(quarantine_needs_a_marker)
{
    start_promised(0);
    f.options.quarantine = true;
    double_find(&f.disk, MARKER)->exists = false;
    ck_assert_int_eq(start_again(), RAFT_LOST_STORE);
    die();
}
END_TEST

START_TEST(a_store_may_lose_promises_and_entries)
{
    for (int i = 0; i < HOLES; i++) {
        start_promised(0);
        f.options.quarantine = true;
        holes[i]();
        ck_assert_int_eq(start_again(), RAFT_OK);
        assert_log(2);
        ck_assert_uint_eq(f.state.losses, RAFT_LOSS_PROMISES | RAFT_LOSS_ENTRIES);
        die();
    }
}
END_TEST

/* ---- snapshots ---- */

START_TEST(a_bad_snapshot_that_the_log_does_not_reach_is_a_loss)
{
    enum { GOOD, BAD, NONE };
    for (int older = GOOD; older <= NONE; older++) {
        start_with_two();
        ck_assert_int_eq(cut(3), RAFT_OK);
        die();
        flip(SNAPSHOT_4, 170);
        double_find(&f.disk, SNAPSHOT_2)->bytes[170] ^= older == BAD;
        double_find(&f.disk, SNAPSHOT_2)->exists = older != NONE;
        ck_assert_int_eq(start_again(), RAFT_OK);
        assert_begins(older == GOOD ? 2 : 0, older == GOOD ? 1 : 0, older == GOOD ? 2 : 0);
        assert_log(3);
        ck_assert_uint_eq(f.state.losses, RAFT_LOSS_ENTRIES);
        die();
    }
}
END_TEST

START_TEST(a_bad_snapshot_without_a_log_is_a_loss)
{
    start_with_two();
    restart();
    ck_assert_int_eq(save_snapshot(3, 6), RAFT_OK);
    ck_assert_int_eq(reset(3, 6), RAFT_OK);
    die();
    flip("snapshot-0000000000000006", 170);
    ck_assert_int_eq(start_again(), RAFT_OK);
    assert_begins(0, 0, 0);
    assert_log(0);
    ck_assert_uint_eq(f.state.losses, RAFT_LOSS_ENTRIES);
    ck_assert_int_eq(append(3, 2), RAFT_OK);
    restart();
    assert_log(2);
    ck_assert_uint_eq(f.state.losses, RAFT_LOSS_ENTRIES);
    die();
}
END_TEST

static enum raft_status receive_snapshot(raft_index index)
{
    static uint8_t bytes[1024];
    const struct raft_entry_id id = {3, index};
    uint32_t size = (uint32_t)leader_bytes(id, 130, 6, bytes);
    return receive(id, bytes, size, 60);
}

/* A snapshot at 6 has come from the leader, in the place of a log of five entries. */
static void start_installed(void)
{
    start_rolled();
    ck_assert_int_eq(receive_snapshot(6), RAFT_OK);
    ck_assert_int_eq(reset(3, 6), RAFT_OK);
}

static void remove_file(const char *name)
{
    double_find(&f.disk, name)->exists = false;
}

START_TEST(a_lost_snapshot_without_a_log_is_a_loss)
{
    start_installed();
    die();
    remove_file(SNAPSHOT_6);
    ck_assert_int_eq(start_again(), RAFT_OK);
    assert_begins(0, 0, 0);
    ck_assert_uint_eq(f.state.losses, RAFT_LOSS_ENTRIES);
    ck_assert_ptr_nonnull(double_find(&f.disk, MARK_6)); /* the next start must know, too */
    restart();
    ck_assert_uint_eq(f.state.losses, RAFT_LOSS_ENTRIES);
    die();
}
END_TEST

START_TEST(a_lost_snapshot_before_a_log_is_none)
{
    start_installed();
    ck_assert_int_eq(append(3, 2), RAFT_OK);
    die();
    remove_file(SNAPSHOT_6);
    ck_assert_int_eq(start_again(), RAFT_OK);
    assert_begins(0, 3, 6);
    assert_log(8);
    ck_assert_uint_eq(f.state.losses, 0);
    die();
}
END_TEST

START_TEST(a_mark_alone_is_a_store)
{
    bool exists = false;
    start_installed();
    die();
    for (int i = 0; i < DOUBLE_FILES; i++) {
        f.disk.files[i].exists = strcmp(f.disk.files[i].name, MARK_6) == 0;
    }
    create();
    ck_assert_int_eq(raft_storage_exists(f.storage, &exists), RAFT_OK);
    ck_assert(exists);
    die();
}
END_TEST

START_TEST(makes_a_lost_mark_again)
{
    start_installed();
    die();
    remove_file(MARK_6);
    double_reboot(&f.disk);
    double_arm(&f.disk, RAFT_AT_SEGMENT_SETTLE_SYNC_DIR, DOUBLE_ERROR, RAFT_IO);
    ck_assert_int_eq(load(), RAFT_IO);
    die();
    ck_assert_int_eq(start_again(), RAFT_OK);
    ck_assert_ptr_nonnull(double_find(&f.disk, MARK_6));
    die();
    remove_file(SNAPSHOT_6);
    ck_assert_int_eq(start_again(), RAFT_OK);
    ck_assert_uint_eq(f.state.losses, RAFT_LOSS_ENTRIES);
    die();
}
END_TEST

START_TEST(a_mark_goes_from_one_snapshot_to_the_next)
{
    start_installed();
    ck_assert_int_eq(receive_snapshot(8), RAFT_OK);
    ck_assert_int_eq(reset(3, 8), RAFT_OK);
    ck_assert_ptr_null(double_find(&f.disk, MARK_6));
    ck_assert_ptr_nonnull(double_find(&f.disk, MARK_8));
    ck_assert_int_eq(append(3, 2), RAFT_OK);
    ck_assert_int_eq(save_snapshot(3, 9), RAFT_OK);
    ck_assert_ptr_null(double_find(&f.disk, MARK_8));
    restart();
    ck_assert_ptr_nonnull(double_find(&f.disk, MARK_9));
    assert_log(10);
    die();
}
END_TEST

/* The first one, and one whose predecessor's mark has vanished, so that another one has to be made.
 */
START_TEST(a_snapshot_that_cannot_get_a_mark_is_none)
{
    for (int has_one = 0; has_one < 2; has_one++) {
        raft_index index = has_one ? 8 : 6;
        if (has_one) {
            start_installed();
            remove_file(MARK_6);
        } else {
            start_rolled();
        }
        double_arm(&f.disk, RAFT_AT_SNAPSHOT_MARK_CREATE, DOUBLE_ERROR, RAFT_NOSPACE);
        ck_assert_int_eq(receive_snapshot(index), RAFT_NOSPACE);
        ck_assert_uint_eq(f.disk.fired, 1);
        ck_assert_ptr_null(double_find(&f.disk, has_one ? SNAPSHOT_8 : SNAPSHOT_6));
        ck_assert_int_eq(double_find(&f.disk, SNAPSHOT_6) != NULL, has_one);
        f.disk.armed = false;
        ck_assert_int_eq(receive_snapshot(index), RAFT_OK);
        ck_assert_ptr_nonnull(double_find(&f.disk, has_one ? MARK_8 : MARK_6));
        ck_assert_int_eq(double_find(&f.disk, SNAPSHOT_6) != NULL, !has_one);
        ck_assert_int_eq(reset(3, index), RAFT_OK);
        restart();
        assert_begins(index, 3, index);
        die();
    }
}
END_TEST

START_TEST(a_mark_that_cannot_be_renamed_is_made)
{
    start_installed();
    double_arm(&f.disk, RAFT_AT_SNAPSHOT_MARK_RENAME, DOUBLE_ERROR, RAFT_IO);
    ck_assert_int_eq(receive_snapshot(8), RAFT_OK);
    ck_assert_uint_eq(f.disk.fired, 1);
    ck_assert_ptr_nonnull(double_find(&f.disk, MARK_8));
    ck_assert_int_eq(reset(3, 8), RAFT_OK);
    restart();
    ck_assert_ptr_nonnull(double_find(&f.disk, MARK_8));
    ck_assert_ptr_null(double_find(&f.disk, MARK_6));
    die();
}
END_TEST

/* It is the older one of two: what the newer one covered must still be there. */
START_TEST(the_mark_of_a_lost_snapshot_stays_when_an_older_one_is_taken)
{
    start_with_two();
    die();
    remove_file(SNAPSHOT_2);
    remove_file(SNAPSHOT_4);
    ck_assert_int_eq(start_again(), RAFT_OK);
    ck_assert_int_eq(save_snapshot(1, 2), RAFT_OK);
    ck_assert_ptr_nonnull(double_find(&f.disk, MARK_4));
    restart();
    assert_begins(2, 1, 2);
    assert_log(5);
    ck_assert_uint_eq(f.state.losses, 0);
    ck_assert_ptr_nonnull(double_find(&f.disk, MARK_4));
    die();
}
END_TEST

/* Crashes after each operation of a reset, and then the snapshot goes, too. */
START_TEST(what_a_reset_removes_is_never_forgotten)
{
    bool finished = false;
    for (uint64_t stop = 0; !finished; stop++) {
        start_rolled();
        ck_assert_int_eq(receive_snapshot(6), RAFT_OK);
        f.disk.stop_after = f.disk.operations + stop;
        finished = reset(3, 6) == RAFT_OK;
        die();
        remove_file(SNAPSHOT_6);
        ck_assert_int_eq(start_again(), RAFT_OK);
        ck_assert_uint_eq(f.state.losses, RAFT_LOSS_ENTRIES);
        die();
    }
}
END_TEST

/* Crashes after each operation of a snapshot and the compaction behind it, perhaps after each of
 * the start after that, too; then the snapshot goes. The log is exact all the same. */
START_TEST(a_snapshot_that_is_lost_is_never_taken_for_a_lost_beginning)
{
    bool finished = false;
    for (uint64_t stop = 0; !finished; stop++) {
        bool started = false;
        for (uint64_t stop_start = 0; !started; stop_start++) {
            start_rolled();
            machine_set(140, 4);
            f.disk.stop_after = f.disk.operations + stop;
            finished = save_snapshot(1, 4) == RAFT_OK && compact(1, 4) == RAFT_OK;
            die();
            f.disk.stop_after = f.disk.operations + stop_start;
            started = start_again() == RAFT_OK;
            die();
            if (double_find(&f.disk, SNAPSHOT_4) != NULL) {
                remove_file(SNAPSHOT_4);
            }
            for (int again = 0; again < 2; again++) {
                ck_assert_int_eq(start_again(), RAFT_OK);
                assert_log(5);
                ck_assert_uint_eq(f.state.losses, 0);
                die();
            }
        }
    }
}
END_TEST

/* Nobody could tell whether the entries that are gone were committed, if the log began behind
 * them: with a snapshot before them, which is good, and without one. */
START_TEST(a_log_that_has_lost_its_first_segments_is_a_loss)
{
    for (int has_snapshot = 0; has_snapshot < 2; has_snapshot++) {
        start_rolled();
        if (has_snapshot) {
            machine_set(120, 2);
            ck_assert_int_eq(save_snapshot(1, 2), RAFT_OK);
            ck_assert_int_eq(compact(1, 2), RAFT_OK);
        }
        die();
        remove_segment(has_snapshot ? 3 : 1);
        for (int again = 0; again < 2; again++) {
            ck_assert_int_eq(start_again(), RAFT_OK);
            assert_begins(has_snapshot ? 2 : 0, has_snapshot ? 1 : 0, has_snapshot ? 2 : 0);
            assert_log(has_snapshot ? 2 : 0);
            ck_assert_uint_eq(f.state.losses, RAFT_LOSS_ENTRIES);
            ck_assert_ptr_null(double_find(&f.disk, SEGMENT_5));
            die();
        }
    }
}
END_TEST

/* The snapshot has all that was in it, and the header of the next one tells that the log is that
 * which it came from. */
START_TEST(a_lost_segment_that_the_snapshot_covers_is_none)
{
    for (int is_other = 0; is_other < 2; is_other++) {
        start_rolled();
        machine_set(140, 4);
        ck_assert_int_eq(save_snapshot(is_other ? 2 : 1, 4), RAFT_OK);
        die();
        remove_segment(3);
        for (int again = 0; again < 2; again++) {
            ck_assert_int_eq(start_again(), RAFT_OK);
            assert_begins(4, is_other ? 2 : 1, 4);
            assert_log(is_other ? 4 : 5);
            ck_assert_uint_eq(f.state.losses, 0);
            die();
        }
    }
}
END_TEST

START_TEST(keeps_a_log_whose_beginning_is_gone)
{
    for (int how = 0; how < 5; how++) {
        start_with_two();
        ck_assert_int_eq(compact(1, 4), RAFT_OK);
        ck_assert_int_eq(append(3, 1), RAFT_OK);
        die();
        double_find(&f.disk, SNAPSHOT_2)->exists = how == 2; /* entries 3 and 4 are missing */
        bool is_there = how == 0 || how >= 3;
        double_find(&f.disk, SNAPSHOT_4)->exists = is_there;
        if (is_there) {
            flip(SNAPSHOT_4, 170);
        }
        double_find(&f.disk, MARK_4)->exists = how != 4; /* it is lost, too */
        if (how == 3) {
            flip(SEGMENT_5, 17); /* its other file says where it begins */
        }
        for (int again = 0; again < 2; again++) {
            ck_assert_int_eq(start_again(), RAFT_OK);
            assert_begins(how == 2 ? 2 : 0, 1, 4);
            assert_log(6);
            ck_assert_uint_eq(f.state.losses, 0);
            ck_assert_uint_eq(machine.commits, how == 2);
            die();
        }
        ck_assert_int_eq(start_again(), RAFT_OK);
        ck_assert_int_eq(append(3, 1), RAFT_OK);
        ck_assert_int_eq(cut(6), RAFT_OK);
        ck_assert_int_eq(save_snapshot(3, 6), RAFT_OK);
        restart();
        assert_begins(6, 3, 6);
        die();
    }
}
END_TEST

START_TEST(a_log_that_ends_before_a_bad_snapshot_and_has_no_beginning_is_a_loss)
{
    start_with_two();
    ck_assert_int_eq(compact(1, 4), RAFT_OK);
    ck_assert_int_eq(save_snapshot(3, 7), RAFT_OK);
    die();
    flip("snapshot-0000000000000007", 170);
    double_find(&f.disk, SNAPSHOT_2)->exists = false;
    ck_assert_int_eq(start_again(), RAFT_OK);
    assert_begins(0, 1, 4);
    assert_log(5);
    ck_assert_uint_eq(f.state.losses, RAFT_LOSS_ENTRIES);
    die();
}
END_TEST

START_TEST(a_log_with_neither_a_beginning_nor_a_header_is_a_loss)
{
    start_with_two();
    ck_assert_int_eq(compact(1, 4), RAFT_OK);
    die();
    flip(SNAPSHOT_4, 170);
    double_find(&f.disk, SNAPSHOT_2)->exists = false;
    flip(SEGMENT_5, 17);
    flip("ids-0000000000000005", 17);
    ck_assert_int_eq(start_again(), RAFT_OK);
    assert_begins(0, 0, 0);
    assert_log(0);
    ck_assert_uint_eq(f.state.losses, RAFT_LOSS_ENTRIES);
    ck_assert_ptr_null(double_find(&f.disk, SEGMENT_5));
    die();
}
END_TEST

static Suite *storage_loss_suite(void)
{
    const TTest *const tests[] = {
        keeps_what_lies_before_a_hole,
        a_hole_within_a_batch_ends_the_log,
        remembers_a_loss_before_it_changes_anything_else,
        forgets_the_loss_of_entries_when_told,
        a_lost_promise_is_no_start_without_quarantine,
        starts_in_quarantine_without_its_promises,
        quarantine_is_durable_before_the_start_ends,
        quarantine_needs_a_marker,
        a_store_may_lose_promises_and_entries,
        a_bad_snapshot_that_the_log_does_not_reach_is_a_loss,
        a_bad_snapshot_without_a_log_is_a_loss,
        a_lost_snapshot_without_a_log_is_a_loss,
        a_lost_snapshot_before_a_log_is_none,
        a_mark_alone_is_a_store,
        makes_a_lost_mark_again,
        a_mark_goes_from_one_snapshot_to_the_next,
        a_snapshot_that_cannot_get_a_mark_is_none,
        a_mark_that_cannot_be_renamed_is_made,
        the_mark_of_a_lost_snapshot_stays_when_an_older_one_is_taken,
        what_a_reset_removes_is_never_forgotten,
        a_snapshot_that_is_lost_is_never_taken_for_a_lost_beginning,
        a_log_that_has_lost_its_first_segments_is_a_loss,
        a_lost_segment_that_the_snapshot_covers_is_none,
        keeps_a_log_whose_beginning_is_gone,
        a_log_that_ends_before_a_bad_snapshot_and_has_no_beginning_is_a_loss,
        a_log_with_neither_a_beginning_nor_a_header_is_a_loss,
    };
    Suite *suite = suite_create("storage_loss");
    TCase *cases = tcase_create("storage_loss");
    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++) {
        tcase_add_test(cases, tests[i]);
    }
    suite_add_tcase(suite, cases);
    return suite;
}

int main(void)
{
    return unit_main(storage_loss_suite());
}
