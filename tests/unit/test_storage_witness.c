/* The store of a witness: ids without payloads, snapshots without a state; and what a leader gives
 * one of its own snapshot. */
#include "storage_fixture.h"
#include "unit.h"

#define SNAPSHOT_3 "snapshot-0000000000000003"

static const struct raft_entry_id id_3 = {1, 3};

/* A new store of a node that joins, as what options say. */
static void start_joining(bool is_witness)
{
    static const struct raft_configuration none = {.count = 0};
    setup();
    f.options.id = 7;
    f.options.joins_as_witness = is_witness;
    create();
    ck_assert_int_eq(raft_storage_bootstrap(f.storage, &none), RAFT_OK);
    ck_assert_int_eq(load_store(), RAFT_OK);
    ck_assert_int_eq(save(1, 0), RAFT_OK);
}

static void append_elided(unsigned count)
{
    ck_assert_int_eq(raft_log_reserve(&f.log, count), RAFT_OK);
    for (unsigned i = 0; i < count; i++) {
        struct raft_entry *entry =
            core_entry(&f.disk.memory, 1, raft_log_last_index(&f.log) + 1, "");
        entry->kind = RAFT_ENTRY_ELIDED;
        raft_log_append(&f.log, entry);
        raft_entry_drop(entry, RAFT_HOLDER_MESSAGE);
    }
    ck_assert_int_eq(begin_append(), RAFT_OK);
    ck_assert_int_eq(append_done().status, RAFT_OK);
}

START_TEST(ids_without_payloads_outlive_a_restart)
{
    start_joining(true);
    append_elided(3);
    restart();
    ck_assert_uint_eq(raft_log_last_index(&f.log), 3);
    ck_assert_uint_eq(f.log.first_damaged, RAFT_LOG_INTACT);
    for (raft_index index = 1; index <= 3; index++) {
        ck_assert_int_eq(raft_log_peek(&f.log, index)->kind, RAFT_ENTRY_ELIDED);
        ck_assert_uint_eq(raft_log_peek(&f.log, index)->size, 0);
    }
    die();
}
END_TEST

START_TEST(a_damaged_record_of_an_id_is_rewritten_from_the_id_alone)
{
    start_joining(true);
    append_elided(3);
    die();
    /* In the second record, of 48 bytes like all of them. */
    double_find(&f.disk, SEGMENT_1)->bytes[HEADER_SIZE + 48 + 20] ^= 1;
    ck_assert_int_eq(start_again(), RAFT_OK);
    ck_assert_uint_eq(f.log.first_damaged, 2);
    const struct raft_entry *entry = raft_log_repair_next(&f.log);
    ck_assert_ptr_nonnull(entry);
    ck_assert_uint_eq(entry->id.index, 2);
    ck_assert_int_eq(entry->kind, RAFT_ENTRY_ELIDED);
    ck_assert_int_eq(raft_storage_repair(f.storage, entry), RAFT_OK);
    ck_assert_int_eq(snapshot_done(RAFT_JOB_REPAIR).status, RAFT_OK);
    restart();
    ck_assert_uint_eq(raft_log_last_index(&f.log), 3);
    ck_assert_uint_eq(f.log.first_damaged, RAFT_LOG_INTACT);
    die();
}
END_TEST

START_TEST(a_snapshot_of_a_witness_has_no_state)
{
    start_joining(true);
    append_elided(3);
    machine_set(100, 1);
    machine_arm(RAFT_AT_SNAPSHOT_SAVE_BEGIN, RAFT_MACHINE); /* nobody asks it */
    ck_assert_int_eq(save_snapshot(1, 3), RAFT_OK);
    ck_assert_uint_eq(double_find(&f.disk, SNAPSHOT_3)->size, SNAPSHOT_FRAME);
    ck_assert_int_eq(compact(1, 3), RAFT_OK);
    restart();
    ck_assert_uint_eq(machine.commits, 0);
    ck_assert_uint_eq(f.log.base.index, 3);
    ck_assert_uint_eq(f.stored.snapshot.configuration.count, 2);
    ck_assert_int_eq(restore(), RAFT_OK);
    ck_assert_uint_eq(machine.commits, 0);
    die();
}
END_TEST

/* A leader's published snapshot at 3 has a state of 120 bytes; its frame, fetched in pieces. */
static void fetch_frame(uint8_t frame[SNAPSHOT_FRAME])
{
    start_rolled();
    machine_set(120, 2);
    ck_assert_int_eq(save_snapshot(1, 3), RAFT_OK);
    for (uint32_t offset = 0; offset < SNAPSHOT_FRAME; offset += CHUNK) {
        ck_assert_int_eq(raft_storage_fetch(f.storage, id_3, offset, true), RAFT_OK);
        struct raft_storage_done done = snapshot_done(RAFT_JOB_FETCH);
        ck_assert_int_eq(done.status, RAFT_OK);
        ck_assert_uint_eq(done.snapshot.size, SNAPSHOT_FRAME);
        ck_assert_uint_eq(done.offset, offset);
        ck_assert_uint_le(done.size, CHUNK);
        memcpy(frame + offset, done.bytes, done.size);
        core_memory_free(&f.disk.memory, done.bytes);
    }
    ck_assert_int_eq(raft_storage_fetch(f.storage, id_3, SNAPSHOT_FRAME, true), RAFT_STALE);
    ck_assert_uint_eq(raft_storage_files_open(f.storage), 3);
}

START_TEST(a_witness_takes_the_frame_of_a_leaders_snapshot)
{
    uint8_t frame[SNAPSHOT_FRAME];
    fetch_frame(frame);
    die();
    start_joining(true);
    append_elided(1);
    ck_assert_int_eq(receive(id_3, frame, SNAPSHOT_FRAME, 30), RAFT_OK);
    ck_assert_int_eq(restore(), RAFT_OK);
    ck_assert_int_eq(reset(1, 3), RAFT_OK);
    restart();
    ck_assert_uint_eq(f.stored.snapshot.id.index, 3);
    struct raft_snapshot expected = snapshot_at(1, 3);
    ck_assert(raft_configuration_equal(&f.stored.snapshot.configuration, &expected.configuration));
    ck_assert_uint_eq(machine.commits, 0);
    die();
}
END_TEST

START_TEST(a_frame_of_a_file_that_is_gone_is_not_fetched)
{
    uint8_t frame[SNAPSHOT_FRAME];
    fetch_frame(frame);
    double_find(&f.disk, SNAPSHOT_3)->exists = false;
    ck_assert_int_eq(raft_storage_fetch(f.storage, id_3, 0, true), RAFT_OK);
    struct raft_storage_done done = snapshot_done(RAFT_JOB_FETCH);
    ck_assert_int_eq(done.status, RAFT_CORRUPT);
    die();
}
END_TEST

START_TEST(a_witness_takes_no_snapshot_with_a_state)
{
    uint8_t bytes[MACHINE_SIZE_MAX + SNAPSHOT_FRAME];
    uint64_t total = leader_bytes(id_3, 20, 1, bytes);
    start_joining(true);
    append_elided(1);
    ck_assert_int_eq(receive(id_3, bytes, total, 30), RAFT_CORRUPT);
    ck_assert_ptr_null(double_find(&f.disk, SNAPSHOT_3));
    die();
}
END_TEST

START_TEST(a_store_is_of_a_witness_or_of_a_full_member_for_good)
{
    for (int was = 0; was <= 1; was++) {
        start_joining(was == 1);
        die();
        f.options.joins_as_witness = was != 1;
        ck_assert_int_eq(start_again(), RAFT_INVALID);
        die();
        f.options.joins_as_witness = was == 1;
        ck_assert_int_eq(start_again(), RAFT_OK);
        die();
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("storage_witness");
    TCase *tests = tcase_create("store");
    tcase_add_test(tests, ids_without_payloads_outlive_a_restart);
    tcase_add_test(tests, a_damaged_record_of_an_id_is_rewritten_from_the_id_alone);
    tcase_add_test(tests, a_snapshot_of_a_witness_has_no_state);
    tcase_add_test(tests, a_witness_takes_the_frame_of_a_leaders_snapshot);
    tcase_add_test(tests, a_frame_of_a_file_that_is_gone_is_not_fetched);
    tcase_add_test(tests, a_witness_takes_no_snapshot_with_a_state);
    tcase_add_test(tests, a_store_is_of_a_witness_or_of_a_full_member_for_good);
    suite_add_tcase(suite, tests);
    return unit_main(suite);
}
