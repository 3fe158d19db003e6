/* The jobs that read the published snapshot: a piece for a follower, and all of it into the state
 * machine. */
#include "storage_fixture.h"
#include "unit.h"

#define SNAPSHOT_2 "snapshot-0000000000000002"

START_TEST(fetches_the_bytes_of_the_file)
{
    start_with_snapshot();
    const struct double_file *file = double_find(&f.disk, SNAPSHOT_2);
    for (uint64_t offset = 0; offset < file->size; offset += 7) {
        struct raft_storage_done done = fetch(2, offset);
        uint64_t left = file->size - offset;
        ck_assert_int_eq(done.status, RAFT_OK);
        ck_assert_uint_eq(done.snapshot.id.index, 2);
        ck_assert_uint_eq(done.snapshot.size, file->size);
        ck_assert_uint_eq(done.offset, offset);
        ck_assert_uint_eq(done.size, left < CHUNK ? left : CHUNK);
        ck_assert_mem_eq(done.bytes, file->bytes + offset, done.size);
        core_memory_free(&f.disk.memory, done.bytes);
    }
    ck_assert_uint_eq(raft_storage_files_open(f.storage), 3);
    die();
}
END_TEST

START_TEST(fetches_nothing_of_another_snapshot)
{
    start_with_snapshot();
    ck_assert_int_eq(fetch(3, 0).status, RAFT_STALE);
    ck_assert_int_eq(fetch(2, 120 + SNAPSHOT_FRAME).status, RAFT_STALE);
    ck_assert_int_eq(raft_storage_fetch(f.storage, (struct raft_entry_id){2, 2}, 0, false),
                     RAFT_STALE);
    ck_assert(!raft_storage_in_flight(f.storage));
    die();
}
END_TEST

START_TEST(sends_nothing_of_a_snapshot_that_has_rotted)
{
    start_with_snapshot();
    struct double_file *file = double_find(&f.disk, SNAPSHOT_2);
    for (size_t at = 0; at < file->size; at++) {
        file->bytes[at] ^= 0x20;
        struct raft_storage_done done = fetch(2, 0);
        ck_assert_int_eq(done.status, RAFT_CORRUPT);
        ck_assert_ptr_null(done.bytes);
        file->bytes[at] ^= 0x20;
    }
    file->size--;
    ck_assert_int_eq(fetch(2, CHUNK).status, RAFT_CORRUPT);
    file->size++;
    file->exists = false;
    ck_assert_int_eq(fetch(2, CHUNK).status, RAFT_CORRUPT);
    file->exists = true;
    struct raft_storage_done done = fetch(2, 0);
    ck_assert_int_eq(done.status, RAFT_OK);
    core_memory_free(&f.disk.memory, done.bytes);
    die();
}
END_TEST

START_TEST(a_piece_that_cannot_be_read_is_none)
{
    static const enum raft_point points[] = {
        RAFT_AT_SNAPSHOT_FETCH_OPEN,
        RAFT_AT_SNAPSHOT_FETCH_CHECK,
        RAFT_AT_SNAPSHOT_FETCH_READ,
    };
    start_with_snapshot();
    for (int i = 0; i < 3; i++) {
        double_arm(&f.disk, points[i], DOUBLE_ERROR, RAFT_IO);
        ck_assert_int_eq(fetch(2, 0).status, RAFT_CORRUPT);
        ck_assert_uint_eq(f.disk.fired, 1);
        if (i > 0) {
            double_arm(&f.disk, points[i], DOUBLE_SHORT, RAFT_OK);
            ck_assert_int_eq(fetch(2, 0).status, RAFT_CORRUPT);
        }
        ck_assert_uint_eq(raft_storage_files_open(f.storage), 3);
    }
    double_arm(&f.disk, RAFT_AT_SNAPSHOT_FETCH_CLOSE, DOUBLE_ERROR, RAFT_IO);
    struct raft_storage_done done = fetch(2, 0);
    ck_assert_int_eq(done.status, RAFT_OK);
    core_memory_free(&f.disk.memory, done.bytes);
    die();
}
END_TEST

START_TEST(a_piece_stays_whole_while_its_snapshot_is_replaced)
{
    start_with_snapshot();
    struct raft_storage_done done;
    struct raft_snapshot snapshot = snapshot_at(1, 3);
    ck_assert_int_eq(raft_storage_fetch(f.storage, (struct raft_entry_id){1, 2}, 0, false),
                     RAFT_OK);
    ck_assert(!answer(0, &done)); /* it is open */
    ck_assert_int_eq(raft_storage_save(f.storage, &snapshot), RAFT_OK);
    while (!answer(1, &done)) {
    }
    ck_assert_int_eq(done.job, RAFT_JOB_SAVE);
    ck_assert_ptr_null(double_find(&f.disk, SNAPSHOT_2));
    done = snapshot_done(RAFT_JOB_FETCH);
    ck_assert_int_eq(done.status, RAFT_OK);
    ck_assert_uint_eq(done.snapshot.id.index, 2);
    core_memory_free(&f.disk.memory, done.bytes);
    /* Replaced before it could be opened. */
    snapshot = snapshot_at(1, 4);
    ck_assert_int_eq(raft_storage_save(f.storage, &snapshot), RAFT_OK);
    double_arm(&f.disk, RAFT_AT_SNAPSHOT_FETCH_OPEN, DOUBLE_ERROR, RAFT_NOT_FOUND);
    ck_assert_int_eq(raft_storage_fetch(f.storage, (struct raft_entry_id){1, 3}, 0, false),
                     RAFT_OK);
    while (!answer(0, &done) || done.job != RAFT_JOB_SAVE) {
        struct raft_io *first = f.disk.pending[0];
        f.disk.pending[0] = f.disk.pending[1];
        f.disk.pending[1] = first;
    }
    ck_assert_int_eq(snapshot_done(RAFT_JOB_FETCH).status, RAFT_STALE);
    die();
}
END_TEST

START_TEST(restores_all_of_a_state_or_nothing)
{
    static const enum raft_point refusals[] = {
        RAFT_AT_SNAPSHOT_RESTORE_BEGIN,
        RAFT_AT_SNAPSHOT_RESTORE_WRITE,
        RAFT_AT_SNAPSHOT_RESTORE_COMMIT,
    };
    start_with_snapshot();
    machine_set(33, 7);
    for (int i = 0; i < 3; i++) {
        machine_arm(refusals[i], RAFT_MACHINE);
        ck_assert_int_eq(restore(), RAFT_MACHINE);
        ck_assert(!machine.is_coming);
        assert_machine(33, 7);
    }
    machine_arm(RAFT_POINT_COUNT, RAFT_OK);
    struct double_file *file = double_find(&f.disk, SNAPSHOT_2);
    for (size_t at = 0; at < file->size; at++) {
        file->bytes[at] ^= 0x20;
        ck_assert_int_eq(restore(), RAFT_CORRUPT);
        ck_assert(!machine.is_coming);
        file->bytes[at] ^= 0x20;
    }
    double_arm(&f.disk, RAFT_AT_SNAPSHOT_RESTORE_OPEN, DOUBLE_ERROR, RAFT_IO);
    ck_assert_int_eq(restore(), RAFT_CORRUPT);
    double_arm(&f.disk, RAFT_AT_SNAPSHOT_RESTORE_READ, DOUBLE_ERROR, RAFT_IO);
    ck_assert_int_eq(restore(), RAFT_CORRUPT);
    assert_machine(33, 7);
    double_arm(&f.disk, RAFT_AT_SNAPSHOT_RESTORE_CLOSE, DOUBLE_ERROR, RAFT_IO);
    ck_assert_int_eq(restore(), RAFT_OK);
    assert_machine(120, 2);
    ck_assert_uint_eq(machine.commits, 1);
    die();
}
END_TEST

static Suite *storage_fetch_suite(void)
{
    const TTest *const tests[] = {
        fetches_the_bytes_of_the_file,
        fetches_nothing_of_another_snapshot,
        sends_nothing_of_a_snapshot_that_has_rotted,
        a_piece_that_cannot_be_read_is_none,
        a_piece_stays_whole_while_its_snapshot_is_replaced,
        restores_all_of_a_state_or_nothing,
    };
    Suite *suite = suite_create("storage_fetch");
    TCase *cases = tcase_create("storage_fetch");
    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++) {
        tcase_add_test(cases, tests[i]);
    }
    suite_add_tcase(suite, cases);
    return suite;
}

int main(void)
{
    return unit_main(storage_fetch_suite());
}
