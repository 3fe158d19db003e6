/* What the store makes of the files that a crash, or a rotten disk, has left. */
#include "storage_fixture.h"
#include "unit.h"

#define IDENTITY_SIZE 48u /* of a record, before its payload */

START_TEST(loads_what_was_saved_and_appended)
{
    start_new();
    ck_assert_int_eq(save(3, 2), RAFT_OK);
    ck_assert_int_eq(append(1, 2), RAFT_OK);
    ck_assert_int_eq(append(3, 1), RAFT_OK);
    restart();
    assert_log(3);
    ck_assert_uint_eq(raft_log_peek(&f.log, 3)->id.term, 3);
    ck_assert_uint_eq(f.state.term, 3);
    ck_assert_uint_eq(f.state.vote, 2);
    die();
}
END_TEST

START_TEST(cuts_a_torn_tail_at_every_byte_of_the_last_batch)
{
    size_t begin = HEADER_SIZE + 2 * RECORD_SIZE;
    size_t end = begin + 3 * RECORD_SIZE;
    for (size_t cut_at = begin; cut_at < end; cut_at++) {
        for (int zeros = 0; zeros < 2; zeros++) {
            start_new();
            ck_assert_int_eq(append(1, 2), RAFT_OK);
            ck_assert_int_eq(append(1, 3), RAFT_OK);
            struct double_file *file = double_find(&f.disk, SEGMENT_1);
            ck_assert_uint_eq(file->size, end);
            memset(file->bytes + cut_at, 0, end - cut_at);
            file->size = zeros ? end : cut_at;
            forget_ids(IDS_1, 2);
            restart();
            raft_index whole = 2 + (cut_at - begin) / RECORD_SIZE;
            if (zeros && (cut_at - begin) % RECORD_SIZE >= 50) {
                whole++; /* only padding was lost, and padding is zeros */
            }
            assert_log(whole);
            ck_assert_uint_eq(file->size, HEADER_SIZE + whole * RECORD_SIZE);
            ck_assert_uint_eq(double_find(&f.disk, IDS_1)->size, HEADER_SIZE + whole * ID_SIZE);
            ck_assert_int_eq(append(2, 1), RAFT_OK);
            restart();
            assert_log(whole + 1);
            die();
        }
    }
}
END_TEST

START_TEST(cuts_a_torn_batch_although_its_end_is_valid)
{
    start_new();
    ck_assert_int_eq(append(1, 1), RAFT_OK);
    ck_assert_int_eq(append(1, 3), RAFT_OK);
    struct double_file *file = double_find(&f.disk, SEGMENT_1);
    file->bytes[HEADER_SIZE + RECORD_SIZE + 48] ^= 1;
    forget_ids(IDS_1, 1);
    restart();
    assert_log(1);
    ck_assert_uint_eq(file->size, HEADER_SIZE + RECORD_SIZE);
    die();
}
END_TEST

static void assert_refused(enum raft_status expected)
{
    double_reboot(&f.disk);
    static struct double_file before[DOUBLE_FILES];
    memcpy(before, f.disk.files, sizeof before);
    ck_assert_int_eq(load(), expected);
    ck_assert_uint_eq(raft_log_last_index(&f.log), 0);
    ck_assert_uint_eq(raft_storage_files_open(f.storage), 0);
    ck_assert_mem_eq(before, f.disk.files, sizeof before);
    die();
}

/* Two records in the first batch, one in the second; bytes of one are turned. */
static void start_damaged(raft_index index, size_t begin, size_t end)
{
    start_new();
    ck_assert_int_eq(append(1, 2), RAFT_OK);
    ck_assert_int_eq(append(1, 1), RAFT_OK);
    die();
    for (size_t at = begin; at < end; at++) {
        double_find(&f.disk, SEGMENT_1)->bytes[HEADER_SIZE + (index - 1) * RECORD_SIZE + at] ^=
            0x40;
    }
}

/* The entry at index is there by its identity alone, and all others whole. */
static void assert_damaged(raft_index index)
{
    ck_assert_uint_eq(raft_log_last_index(&f.log), 3);
    ck_assert_uint_eq(f.log.first_damaged, index);
    ck_assert_uint_eq(raft_log_durable(&f.log).index, index - 1);
    for (raft_index at = 1; at <= 3; at++) {
        const struct raft_entry *entry = raft_log_peek(&f.log, at);
        ck_assert(entry->damaged == (at == index));
        ck_assert_uint_eq(entry->id.index, at);
        ck_assert_uint_eq(entry->id.term, 1);
        ck_assert_int_eq(entry->kind, RAFT_ENTRY_COMMAND);
        ck_assert_uint_eq(entry->size, 2);
        ck_assert_int_eq(entry->payload[0], at == index ? 0 : (int)('a' + at));
    }
}

START_TEST(keeps_the_place_of_an_entry_with_any_byte_of_its_record_damaged)
{
    for (raft_index index = 1; index <= 3; index++) {
        for (size_t at = 0; at < RECORD_SIZE; at++) {
            start_damaged(index, at, at + 1);
            for (int again = 0; again < 2; again++) {
                ck_assert_int_eq(start_again(), RAFT_OK);
                assert_damaged(index);
                ck_assert_uint_eq(double_find(&f.disk, SEGMENT_1)->size,
                                  HEADER_SIZE + 3 * RECORD_SIZE);
                die();
            }
        }
    }
}
END_TEST

static enum raft_status repair(raft_index index, const char *payload)
{
    struct raft_entry *entry = core_entry(&f.disk.memory, 1, index, payload);
    enum raft_status status = raft_storage_repair(f.storage, entry);
    raft_entry_drop(entry, RAFT_HOLDER_MESSAGE);
    if (status != RAFT_OK) {
        return status;
    }
    struct raft_storage_done done = pump();
    ck_assert_int_eq(done.job, RAFT_JOB_REPAIR);
    ck_assert_uint_eq(done.id.index, index);
    return done.status;
}

START_TEST(rewrites_a_damaged_record_as_it_was)
{
    static const size_t ranges[][2] = {
        {0, IDENTITY_SIZE}, {IDENTITY_SIZE, RECORD_SIZE}, {0, RECORD_SIZE}};
    for (int i = 0; i < 9; i++) {
        raft_index index = 1 + i / 3;
        static struct double_file before;
        static struct double_file ids;
        start_damaged(index, 0, 0);
        before = *double_find(&f.disk, SEGMENT_1);
        ids = *double_find(&f.disk, IDS_1);
        start_damaged(index, ranges[i % 3][0], ranges[i % 3][1]);
        ck_assert_int_eq(start_again(), RAFT_OK);
        assert_damaged(index);
        char payload[] = {(char)('a' + index), '1', 0};
        ck_assert_int_eq(repair(index, payload), RAFT_OK);
        const struct double_file *after = double_find(&f.disk, SEGMENT_1);
        ck_assert_uint_eq(after->size, before.size);
        ck_assert_mem_eq(after->bytes, before.bytes, before.size);
        ck_assert_mem_eq(double_find(&f.disk, IDS_1)->bytes, ids.bytes, ids.size);
        restart();
        assert_log(3);
        die();
    }
}
END_TEST

START_TEST(rewrites_from_either_copy_of_the_identity)
{
    for (int part = 0; part < 2; part++) {
        start_damaged(2, IDENTITY_SIZE, RECORD_SIZE);
        ck_assert_int_eq(start_again(), RAFT_OK);
        /* One of them rots while the node runs. */
        if (part == 0) {
            double_find(&f.disk, SEGMENT_1)->bytes[HEADER_SIZE + RECORD_SIZE + 9] ^= 1;
        } else {
            double_find(&f.disk, IDS_1)->bytes[HEADER_SIZE + ID_SIZE + 9] ^= 1;
        }
        ck_assert_int_eq(repair(2, "c1"), RAFT_OK);
        double_find(&f.disk, SEGMENT_1)->bytes[HEADER_SIZE + RECORD_SIZE + 9] ^= part;
        restart();
        ck_assert_uint_eq(raft_log_last_index(&f.log), 3);
        ck_assert(raft_log_peek(&f.log, 2)->damaged == (part == 1));
        die();
    }
}
END_TEST

START_TEST(keeps_and_rewrites_a_damaged_record_before_another_segment)
{
    /* The last one of its segment: the segment behind it shows that it was acknowledged. */
    start_rolled();
    die();
    double_find(&f.disk, "log-0000000000000003")
        ->bytes[HEADER_SIZE + RECORD_SIZE + IDENTITY_SIZE] ^= 1;
    ck_assert_int_eq(start_again(), RAFT_OK);
    ck_assert_uint_eq(raft_log_last_index(&f.log), 5);
    ck_assert_uint_eq(f.log.first_damaged, 4);
    ck_assert_int_eq(repair(4, "e1"), RAFT_OK);
    ck_assert_uint_eq(raft_storage_files_open(f.storage), 3);
    restart();
    assert_log(5);
    die();
}
END_TEST

START_TEST(does_not_rewrite_a_record_with_another_entry)
{
    start_damaged(2, IDENTITY_SIZE, RECORD_SIZE);
    ck_assert_int_eq(start_again(), RAFT_OK);
    static struct double_file before;
    before = *double_find(&f.disk, SEGMENT_1);
    ck_assert_int_eq(repair(2, "x1"), RAFT_CORRUPT);
    ck_assert_mem_eq(double_find(&f.disk, SEGMENT_1)->bytes, before.bytes, before.size);
    die();
}
END_TEST

START_TEST(fails_when_an_operation_of_a_repair_does)
{
    static const enum raft_point points[] = {
        RAFT_AT_SEGMENT_REPAIR_READ, RAFT_AT_SEGMENT_REPAIR_WRITE, RAFT_AT_SEGMENT_REPAIR_SYNC,
        RAFT_AT_IDS_REPAIR_READ,     RAFT_AT_IDS_REPAIR_WRITE,     RAFT_AT_IDS_REPAIR_SYNC,
        RAFT_AT_IDS_REPAIR_MARK,     RAFT_AT_IDS_REPAIR_SYNC_MARK};
    for (int i = 0; i < 8; i++) {
        start_damaged(2, IDENTITY_SIZE, RECORD_SIZE);
        ck_assert_int_eq(start_again(), RAFT_OK);
        double_arm(&f.disk, points[i], DOUBLE_ERROR, RAFT_IO);
        ck_assert_int_eq(repair(2, "c1"), RAFT_IO);
        die();
        ck_assert_int_eq(start_again(), RAFT_OK);
        ck_assert_uint_eq(raft_log_last_index(&f.log), 3);
        ck_assert_int_eq(repair(2, "c1"), RAFT_OK);
        restart();
        assert_log(3);
        die();
    }
}
END_TEST

START_TEST(writes_an_identity_with_any_byte_damaged_again)
{
    static struct double_file before;
    for (size_t at = HEADER_SIZE; at < HEADER_SIZE + 3 * ID_SIZE; at++) {
        start_damaged(1, 0, 0);
        struct double_file *file = double_find(&f.disk, IDS_1);
        before = *file;
        file->bytes[at] ^= 0x40;
        ck_assert_int_eq(start_again(), RAFT_OK);
        assert_log(3);
        ck_assert_mem_eq(file->bytes, before.bytes, before.size);
        die();
    }
}
END_TEST

START_TEST(writes_a_header_with_any_byte_damaged_again)
{
    static struct double_file before;
    static const char *const names[] = {SEGMENT_1,
                                        IDS_1,
                                        "log-0000000000000003",
                                        "ids-0000000000000003",
                                        "log-0000000000000005",
                                        "ids-0000000000000005"};
    for (size_t i = 0; i < 6 * HEADER_SIZE; i++) {
        start_rolled();
        die();
        struct double_file *file = double_find(&f.disk, names[i / HEADER_SIZE]);
        before = *file;
        file->bytes[i % HEADER_SIZE] ^= 0x40;
        ck_assert_int_eq(start_again(), RAFT_OK);
        assert_log(5);
        ck_assert_mem_eq(file->bytes, before.bytes, before.size);
        die();
    }
}
END_TEST

START_TEST(makes_a_missing_file_of_a_segment_anew)
{
    static struct double_file before;
    for (unsigned i = 0; i < 6; i++) {
        char name[RAFT_FILE_NAME_MAX];
        unsigned first = 1 + i / 2 * 2;
        snprintf(name, sizeof name, i % 2 == 0 ? "log-%016x" : "ids-%016x", first);
        start_rolled();
        die();
        before = *double_find(&f.disk, name);
        double_find(&f.disk, name)->exists = false;
        ck_assert_int_eq(start_again(), RAFT_OK);
        if (i % 2 == 0) {
            /* Of the entries only the identities are left. */
            ck_assert_uint_eq(raft_log_last_index(&f.log), 5);
            ck_assert_uint_eq(f.log.first_damaged, first);
            for (raft_index index = first; index <= 5 && index < first + 2; index++) {
                char payload[] = {(char)('a' + index), '1', 0};
                ck_assert(raft_log_peek(&f.log, index)->damaged);
                ck_assert_int_eq(repair(index, payload), RAFT_OK);
            }
            restart();
        }
        assert_log(5);
        struct double_file *after = double_find(&f.disk, name);
        ck_assert_uint_eq(after->size, before.size);
        ck_assert_mem_eq(after->bytes, before.bytes, before.size);
        ck_assert_int_eq(append(2, 2), RAFT_OK);
        restart();
        assert_log(7);
        die();
    }
}
END_TEST

START_TEST(keeps_entries_that_are_cut_off_by_their_identities)
{
    /* In an earlier segment, and in the last one, where the next record must find its place. */
    for (unsigned first = 3; first <= 5; first += 2) {
        char name[RAFT_FILE_NAME_MAX];
        snprintf(name, sizeof name, "log-%016x", first);
        start_rolled();
        die();
        struct double_file *file = double_find(&f.disk, name);
        size_t size = file->size;
        memset(file->bytes + HEADER_SIZE + 7, 0, size - HEADER_SIZE - 7);
        file->size = HEADER_SIZE + 7;
        ck_assert_int_eq(start_again(), RAFT_OK);
        ck_assert_uint_eq(raft_log_last_index(&f.log), 5);
        ck_assert_uint_eq(f.log.first_damaged, first);
        ck_assert_int_eq(append(1, 1), RAFT_OK);
        for (raft_index index = first; index < first + 2 && index < 6; index++) {
            char payload[] = {(char)('a' + index), '1', 0};
            ck_assert_int_eq(repair(index, payload), RAFT_OK);
        }
        restart();
        assert_log(6);
        die();
    }
}
END_TEST

START_TEST(refuses_a_configuration_that_is_none)
{
    static const struct raft_configuration nobody = {.count = 0};
    uint8_t bytes[3][RAFT_CONFIGURATION_SIZE_MAX] = {{0}, {0}, {9, 9, 9, 9}};
    raft_configuration_encode(&founders, bytes[0]);
    raft_configuration_encode(&nobody, bytes[1]);
    for (int i = 0; i < 3; i++) {
        start_new();
        propose(1, 1);
        ck_assert_int_eq(raft_log_reserve(&f.log, 1), RAFT_OK);
        size_t size = raft_configuration_size(i == 1 ? &nobody : &founders);
        struct raft_entry *entry = NULL;
        ck_assert_int_eq(raft_entry_create(&f.disk.memory.memory, RAFT_AT_CHANGE_ENTRY_ALLOC,
                                           RAFT_ENTRY_CONFIGURATION, (uint32_t)size,
                                           RAFT_HOLDER_MESSAGE, &entry),
                         RAFT_OK);
        entry->id = (struct raft_entry_id){1, 2};
        memcpy(entry->payload, bytes[i], size);
        raft_log_append(&f.log, entry);
        raft_entry_drop(entry, RAFT_HOLDER_MESSAGE);
        ck_assert_int_eq(begin_append(), RAFT_OK);
        ck_assert_int_eq(append_done().status, RAFT_OK);
        if (i == 0) {
            restart();
            ck_assert_uint_eq(raft_log_last_index(&f.log), 2);
            die();
        } else {
            die();
            assert_refused(RAFT_CORRUPT);
        }
    }
}
END_TEST

START_TEST(removes_a_segment_that_was_being_created)
{
    for (size_t size = 0; size < HEADER_SIZE; size++) {
        start_new();
        ck_assert_int_eq(append(1, 1), RAFT_OK);
        die();
        struct double_file *file = double_create(&f.disk, "log-0000000000000002");
        file->size = size;
        memset(file->bytes, 'R', size);
        ck_assert_int_eq(start_again(), RAFT_OK);
        assert_log(1);
        ck_assert(!file->exists);
        ck_assert_int_eq(append(1, 1), RAFT_OK);
        die();
    }
}
END_TEST

START_TEST(uses_the_good_copy_of_the_hard_state)
{
    for (unsigned copy = 0; copy < 2; copy++) {
        start_new();
        ck_assert_int_eq(save(3, 2), RAFT_OK);
        double_find(&f.disk, "hard-state")->bytes[copy * COPY_B + 9] ^= 1;
        restart();
        ck_assert_uint_eq(f.state.term, 3);
        double_find(&f.disk, "hard-state")->bytes[(1 - copy) * COPY_B + 9] ^= 1;
        restart(); /* the first start has repaired the other one */
        ck_assert_uint_eq(f.state.vote, 2);
        die();
    }
}
END_TEST

START_TEST(uses_the_newer_copy_of_the_hard_state)
{
    for (unsigned newer = 0; newer < 2; newer++) {
        start_new();
        ck_assert_int_eq(save(3, 2), RAFT_OK);
        uint8_t old[36];
        struct double_file *file = double_find(&f.disk, "hard-state");
        memcpy(old, file->bytes, sizeof old);
        ck_assert_int_eq(save(4, 1), RAFT_OK);
        memcpy(file->bytes + (newer == 0 ? COPY_B : 0), old, sizeof old);
        restart();
        ck_assert_uint_eq(f.state.term, 4);
        ck_assert_mem_eq(file->bytes, file->bytes + COPY_B, sizeof old);
        die();
    }
}
END_TEST

START_TEST(refuses_to_start_without_a_hard_state)
{
    start_new();
    ck_assert_int_eq(append(1, 1), RAFT_OK);
    die();
    struct double_file *file = double_find(&f.disk, "hard-state");
    file->bytes[0] ^= 1;
    file->bytes[COPY_B] ^= 1;
    assert_refused(RAFT_LOST_STORE);
    file->exists = false;
    assert_refused(RAFT_LOST_STORE);
    double_reboot(&f.disk);
    create();
    ck_assert_int_eq(raft_storage_bootstrap(f.storage, &founders), RAFT_INVALID);
    die();
}
END_TEST

START_TEST(bootstrap_that_crashed_can_be_repeated)
{
    bool finished = false;
    for (uint64_t stop = 1; !finished; stop++) {
        setup();
        f.disk.stop_after = stop;
        create();
        finished = raft_storage_bootstrap(f.storage, &founders) == RAFT_OK;
        die();
        double_reboot(&f.disk);
        create();
        bool exists = false;
        ck_assert_int_eq(raft_storage_exists(f.storage, &exists), RAFT_OK);
        if (!exists) {
            ck_assert_int_eq(raft_storage_bootstrap(f.storage, &founders), RAFT_OK);
        }
        ck_assert_int_eq(load_store(), RAFT_OK);
        die();
    }
}
END_TEST

START_TEST(load_that_crashed_can_be_repeated)
{
    bool finished = false;
    for (uint64_t stop = 0; !finished; stop++) {
        start_rolled();
        ck_assert_int_eq(save(3, 2), RAFT_OK);
        die();
        double_find(&f.disk, "hard-state")->bytes[9] ^= 1;
        double_find(&f.disk, "log-0000000000000005")->size -= 1;
        forget_ids("ids-0000000000000005", 0);
        double_find(&f.disk, SEGMENT_1)->bytes[5] ^= 1;
        double_find(&f.disk, IDS_1)->bytes[HEADER_SIZE + 5] ^= 1;
        double_find(&f.disk, "ids-0000000000000003")->exists = false;
        double_create(&f.disk, "probe");
        double_create(&f.disk, "hard-state.new");
        finished = start_until(stop);
        restart();
        assert_log(4);
        ck_assert_uint_eq(f.state.term, 3);
        ck_assert_ptr_null(double_find(&f.disk, "probe"));
        ck_assert_ptr_null(double_find(&f.disk, "hard-state.new"));
        die();
    }
}
END_TEST

START_TEST(does_not_trust_the_cache)
{
    static const enum raft_point points[] = {
        RAFT_AT_STATE_LOAD_WRITE_WORSE,     RAFT_AT_STATE_LOAD_SYNC_WORSE,
        RAFT_AT_STATE_LOAD_WRITE_BETTER,    RAFT_AT_STATE_LOAD_SYNC_BETTER,
        RAFT_AT_SEGMENT_SETTLE_TRUNCATE,    RAFT_AT_SEGMENT_SETTLE_WRITE_HEADER,
        RAFT_AT_SEGMENT_SETTLE_WRITE_BATCH, RAFT_AT_SEGMENT_SETTLE_SYNC,
        RAFT_AT_IDS_SETTLE_TRUNCATE,        RAFT_AT_IDS_SETTLE_WRITE_HEADER,
        RAFT_AT_IDS_SETTLE_WRITE,           RAFT_AT_IDS_SETTLE_SYNC,
        RAFT_AT_SEGMENT_SETTLE_SYNC_CUT,    RAFT_AT_STORE_LOAD_SYNC_DIR,
    };
    for (size_t i = 0; i < sizeof points / sizeof points[0]; i++) {
        start_new();
        ck_assert_int_eq(append(1, 1), RAFT_OK);
        die();
        double_reboot(&f.disk);
        double_arm(&f.disk, points[i], DOUBLE_ERROR, RAFT_IO);
        ck_assert_int_eq(load(), RAFT_IO);
        ck_assert_uint_eq(f.disk.fired, 1);
        die();
    }
}
END_TEST

START_TEST(writes_a_marked_record_again_before_the_mark_goes)
{
    static const enum raft_point points[] = {RAFT_AT_SEGMENT_SETTLE_REWRITE,
                                             RAFT_AT_SEGMENT_SETTLE_SYNC, RAFT_AT_IDS_SETTLE_WRITE,
                                             RAFT_AT_IDS_SETTLE_SYNC};
    for (int i = 0; i < 4; i++) {
        start_rolled();
        die();
        struct double_file *file = double_find(&f.disk, "ids-0000000000000003");
        file->bytes[HEADER_SIZE + ID_SIZE + ID_MARK] = 1;
        for (int again = 0; again < 2; again++) {
            double_reboot(&f.disk);
            double_arm(&f.disk, points[i], DOUBLE_ERROR, RAFT_IO);
            ck_assert_int_eq(load(), RAFT_IO);
            bool is_before = points[i] != RAFT_AT_IDS_SETTLE_SYNC;
            ck_assert_uint_eq(file->bytes[HEADER_SIZE + ID_SIZE + ID_MARK], is_before ? 1 : 0);
            die();
        }
        ck_assert_int_eq(start_again(), RAFT_OK);
        assert_log(5);
        ck_assert_uint_eq(file->bytes[HEADER_SIZE + ID_SIZE + ID_MARK], 0);
        restart();
        assert_log(5);
        die();
    }
}
END_TEST

START_TEST(a_short_read_is_an_error)
{
    static const enum raft_point points[] = {RAFT_AT_STATE_LOAD_READ_A, RAFT_AT_STATE_LOAD_READ_B,
                                             RAFT_AT_SEGMENT_LOAD_READ};
    for (int i = 0; i < 3; i++) {
        start_new();
        ck_assert_int_eq(append(1, 1), RAFT_OK);
        die();
        double_reboot(&f.disk);
        double_arm(&f.disk, points[i], DOUBLE_SHORT, RAFT_OK);
        ck_assert_int_eq(load(), RAFT_IO);
        die();
    }
}
END_TEST

START_TEST(returns_what_it_has_when_any_allocation_fails)
{
    bool finished = false;
    for (long nth = 1; !finished; nth++) {
        start_rolled();
        die();
        double_reboot(&f.disk);
        f.disk.memory.allocations = 0;
        f.disk.memory.fail_at = nth;
        enum raft_status status = raft_storage_create(&f.options, &f.disk.env, &f.storage);
        if (status == RAFT_OK) {
            status = load_store();
            finished = status == RAFT_OK;
            die();
        }
        ck_assert(finished || status == RAFT_NOMEM);
        ck_assert_int_eq(f.disk.memory.live, 0);
    }
}
END_TEST

static Suite *storage_recovery_suite(void)
{
    const TTest *const tests[] = {
        loads_what_was_saved_and_appended,
        cuts_a_torn_tail_at_every_byte_of_the_last_batch,
        cuts_a_torn_batch_although_its_end_is_valid,
        keeps_the_place_of_an_entry_with_any_byte_of_its_record_damaged,
        rewrites_a_damaged_record_as_it_was,
        rewrites_from_either_copy_of_the_identity,
        keeps_and_rewrites_a_damaged_record_before_another_segment,
        does_not_rewrite_a_record_with_another_entry,
        fails_when_an_operation_of_a_repair_does,
        writes_an_identity_with_any_byte_damaged_again,
        writes_a_header_with_any_byte_damaged_again,
        makes_a_missing_file_of_a_segment_anew,
        keeps_entries_that_are_cut_off_by_their_identities,
        refuses_a_configuration_that_is_none,
        removes_a_segment_that_was_being_created,
        uses_the_good_copy_of_the_hard_state,
        uses_the_newer_copy_of_the_hard_state,
        refuses_to_start_without_a_hard_state,
        bootstrap_that_crashed_can_be_repeated,
        load_that_crashed_can_be_repeated,
        does_not_trust_the_cache,
        writes_a_marked_record_again_before_the_mark_goes,
        a_short_read_is_an_error,
        returns_what_it_has_when_any_allocation_fails,
    };
    Suite *suite = suite_create("storage_recovery");
    TCase *cases = tcase_create("storage_recovery");
    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++) {
        tcase_add_test(cases, tests[i]);
    }
    suite_add_tcase(suite, cases);
    return suite;
}

int main(void)
{
    return unit_main(storage_recovery_suite());
}
