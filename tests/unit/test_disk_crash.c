/* The disk, line by line of its fault model: what is durable when, what a crash leaves, and what
 * the observer hears of it. */
#include "disk_bench.h"

/* --- durability --- */

START_TEST(what_is_synced_survives_every_crash)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        renew_disk(seed);
        durable_file("a", "kept");
        uint64_t digest = sim_disk_digest(disk);
        sim_disk_crash(disk, (enum sim_unsynced)(seed % 4));
        expect_content("a", "kept");
        ck_assert_uint_eq(sim_disk_digest(disk), digest);
        ck_assert_uint_eq(disk->open_count, 0);
    }
}
END_TEST

START_TEST(what_is_not_synced_is_lost)
{
    raft_file file = durable_file("a", "12345");
    ck_assert_int_eq(write_text(file, 1, "xx"), RAFT_OK);
    truncate_file(file, 4);
    ck_assert_int_eq(write_text(file, 9, "y"), RAFT_OK);
    sim_disk_crash(disk, SIM_UNSYNCED_LOSE);
    expect_content("a", "12345");
    ck_assert_uint_eq(disk->used, 5);
}
END_TEST

START_TEST(a_synced_file_without_a_synced_name_is_lost)
{
    raft_file file = open_file(RAFT_IO_CREATE, "a");
    ck_assert_int_eq(write_text(file, 0, "x"), RAFT_OK);
    sync_file(file);
    sim_disk_crash(disk, SIM_UNSYNCED_LOSE);
    ck_assert_int_eq(read_all("a"), -1);
    ck_assert_ptr_null(disk->inodes);
    ck_assert_uint_eq(disk->used, 0);
}
END_TEST

START_TEST(an_unsynced_removal_brings_the_file_back)
{
    durable_file("a", "old");
    ck_assert_int_eq(run_named(RAFT_IO_UNLINK, "a"), RAFT_OK);
    raft_file file = open_file(RAFT_IO_CREATE, "a");
    ck_assert_int_eq(write_text(file, 0, "new"), RAFT_OK);
    sync_file(file);
    sim_disk_crash(disk, SIM_UNSYNCED_LOSE);
    expect_content("a", "old");
}
END_TEST

START_TEST(a_rename_is_atomic)
{
    uint32_t kept = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        renew_disk(seed);
        durable_file("a", "old");
        durable_file("tmp", "new");
        ck_assert_int_eq(rename_file("tmp", "a"), RAFT_OK);
        sim_disk_crash(disk, SIM_UNSYNCED_RANDOM);
        if (read_all("tmp") == -1) {
            expect_content("a", "new");
            kept++;
        } else {
            expect_content("tmp", "new");
            expect_content("a", "old");
        }
    }
    expect_half(kept);
}
END_TEST

START_TEST(each_directory_operation_has_a_coin_of_its_own)
{
    uint32_t seen[4] = {0};
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        renew_disk(seed);
        open_file(RAFT_IO_CREATE, "a");
        open_file(RAFT_IO_CREATE, "b");
        sim_disk_crash(disk, SIM_UNSYNCED_TORN);
        int has_a = read_all("a") != -1 ? 1 : 0;
        int has_b = read_all("b") != -1 ? 2 : 0;
        seen[has_a + has_b]++;
    }
    for (int i = 0; i < 4; i++) {
        ck_assert_uint_gt(seen[i], SEEDS / 16);
    }
}
END_TEST

START_TEST(torn_writes_break_at_sectors_and_nowhere_else)
{
    uint32_t kept = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        renew_disk(seed);
        raft_file file = durable_bytes("a", 'o', 3 * SECTOR);
        write_many(file, 10, 'n', 2 * SECTOR); /* touches three sectors */
        sim_disk_crash(disk, SIM_UNSYNCED_TORN);
        ck_assert_int_eq(read_all("a"), 3 * SECTOR);
        for (size_t sector = 0; sector < 3; sector++) {
            size_t first = sector == 0 ? 10 : sector * SECTOR;
            size_t end = sector == 2 ? 2 * SECTOR + 10 : (sector + 1) * SECTOR;
            ck_assert(content[first] == 'n' || content[first] == 'o');
            for (size_t i = first; i < end; i++) {
                assert_quietly(content[i] == content[first]);
            }
            kept += content[first] == 'n' ? 1 : 0;
        }
        for (size_t i = 0; i < 10; i++) { /* durable bytes that no write covers */
            ck_assert_int_eq(content[i], 'o');
            ck_assert_int_eq(content[2 * SECTOR + 10 + i], 'o');
        }
    }
    ck_assert(kept > SEEDS && kept < SEEDS * 2);
}
END_TEST

START_TEST(random_loss_keeps_drops_and_tears)
{
    uint32_t whole = 0;
    uint32_t gone = 0;
    uint32_t torn = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        renew_disk(seed);
        raft_file file = durable_file("a", "");
        write_many(file, 0, 'n', 4 * SECTOR);
        sim_disk_crash(disk, SIM_UNSYNCED_RANDOM);
        int size = read_all("a");
        uint32_t sectors = 0;
        for (size_t i = 0; i < 4; i++) {
            sectors += content[i * SECTOR] == 'n' ? 1 : 0;
        }
        whole += sectors == 4 ? 1 : 0;
        gone += size == 0 ? 1 : 0;
        torn += sectors > 0 && sectors < 4 ? 1 : 0;
    }
    ck_assert_uint_gt(whole, SEEDS / 8);
    ck_assert_uint_gt(gone, SEEDS / 8);
    ck_assert_uint_gt(torn, SEEDS / 8);
}
END_TEST

static size_t told_size;

static void saw_size(void *ctx, uint32_t node, const char *name, const uint8_t *bytes, size_t size,
                     size_t from)
{
    (void)ctx, (void)node, (void)name, (void)bytes, (void)from;
    told_size = size;
}

START_TEST(of_a_torn_write_the_size_may_survive_alone)
{
    uint32_t sizes[3] = {0};
    uint32_t holes = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        renew_disk(seed);
        raft_file file = durable_file("a", "old");
        write_many(file, 3, 'n', SECTOR); /* touches two sectors */
        told_size = 3;
        disk->observer.durable = saw_size;
        sim_disk_crash(disk, SIM_UNSYNCED_TORN);
        int size = read_all("a");
        ck_assert_uint_eq(told_size, (size_t)size);
        ck_assert(size == 3 || size == SECTOR || size == SECTOR + 3);
        ck_assert_mem_eq(content, "old", 3);
        sizes[size == 3 ? 0 : size == SECTOR ? 1 : 2]++;
        for (int i = 3; i < size; i++) {
            assert_quietly(content[i] == 'n' || content[i] == '\0');
        }
        holes += size > 3 && content[3] == '\0' && content[size - 1] == '\0';
        ck_assert_uint_eq(disk->used, (uint64_t)size);
    }
    ck_assert(sizes[0] > 0 && sizes[1] > 0 && sizes[2] > 0);
    ck_assert_uint_gt(holes, 0);
}
END_TEST

/* A file of three sectors is cut off, and gets two others. */
static void cut_off_and_write(uint64_t seed)
{
    renew_disk(seed);
    raft_file file = durable_bytes("a", 'o', 3 * SECTOR);
    truncate_file(file, 0);
    write_many(file, 0, 'n', 2 * SECTOR);
    told_size = 3 * SECTOR;
    disk->observer.durable = saw_size;
}

START_TEST(a_size_that_comes_with_a_torn_write_cuts_off_what_was_behind_it)
{
    uint32_t with_bytes[2] = {0};
    uint32_t alone = 0;
    uint32_t old = 0;
    for (uint64_t seed = 1; seed <= 4 * SEEDS; seed++) {
        cut_off_and_write(seed);
        sim_disk_crash(disk, SIM_UNSYNCED_TORN);
        int size = read_all("a");
        ck_assert_uint_eq(told_size, (size_t)size);
        char first = size > 0 ? content[0] : '\0';
        char last = size > (int)SECTOR ? content[SECTOR] : '\0';
        if (size == 3 * SECTOR) {
            ck_assert_int_eq(last, 'o'); /* with the end of the write its size had come */
            ck_assert_int_eq(content[2 * SECTOR], 'o');
            old++;
        }
        with_bytes[0] += size == 2 * SECTOR && first == 'o' && last == 'n';
        with_bytes[1] += size == 2 * SECTOR && first == 'n' && last == 'n';
        alone += size == 2 * SECTOR && first == 'o' && last == 'o';
    }
    ck_assert(with_bytes[0] > 0 && with_bytes[1] > 0);
    ck_assert(alone > 0 && old > 0);
}
END_TEST

START_TEST(a_later_write_may_survive_an_earlier_one)
{
    bool seen = false;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        renew_disk(seed);
        raft_file file = durable_file("a", "");
        ck_assert_int_eq(write_text(file, 0, "1"), RAFT_OK);
        ck_assert_int_eq(write_text(file, 1, "2"), RAFT_OK);
        sim_disk_crash(disk, SIM_UNSYNCED_RANDOM);
        seen = seen || (read_all("a") == 2 && content[0] == '\0' && content[1] == '2');
    }
    ck_assert(seen);
}
END_TEST

START_TEST(when_only_the_process_dies_the_cache_stays_and_stays_unsynced)
{
    raft_file file = durable_file("a", "old");
    ck_assert_int_eq(write_text(file, 0, "new"), RAFT_OK);
    open_file(RAFT_IO_CREATE, "b");
    sim_disk_crash(disk, SIM_UNSYNCED_KEEP);
    expect_content("a", "new");
    ck_assert_int_eq(read_all("b"), 0);
    sim_disk_crash(disk, SIM_UNSYNCED_LOSE);
    expect_content("a", "old");
    ck_assert_int_eq(read_all("b"), -1);
}
END_TEST

START_TEST(what_a_dead_process_wrote_can_be_synced_by_the_next)
{
    raft_file file = durable_file("a", "old");
    ck_assert_int_eq(write_text(file, 0, "new"), RAFT_OK);
    sim_disk_crash(disk, SIM_UNSYNCED_KEEP);
    file = open_file(RAFT_IO_OPEN, "a");
    sync_file(file);
    sim_disk_crash(disk, SIM_UNSYNCED_LOSE);
    expect_content("a", "new");
}
END_TEST

/* By what becomes of the rest: nothing, or as it happens. */
static void expect_hits(const uint32_t hit[])
{
    ck_assert_uint_eq(hit[SIM_UNSYNCED_LOSE], 0);
    for (int unsynced = SIM_UNSYNCED_KEEP; unsynced <= SIM_UNSYNCED_RANDOM; unsynced++) {
        ck_assert(hit[unsynced] > 0 && hit[unsynced] < SEEDS / 4);
    }
}

START_TEST(a_write_under_way_at_a_crash_may_have_hit)
{
    uint32_t hit[4] = {0};
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        renew_disk(seed);
        raft_file file = durable_file("a", "o");
        char *bytes = malloc(1); /* of a process that is gone when the disk decides */
        bytes[0] = 'n';
        struct raft_io io = transfer(RAFT_IO_WRITE, file, 0, bytes, 1);
        sim_disk_submit(disk, &io, no_fault, 1);
        free(bytes);
        sim_disk_crash(disk, (enum sim_unsynced)(seed % 4));
        ck_assert_ptr_null(sim_scheduler_peek(&world->scheduler));
        ck_assert_int_eq(read_all("a"), 1);
        hit[seed % 4] += content[0] == 'n' ? 1 : 0;
    }
    expect_hits(hit);
}
END_TEST

START_TEST(whatever_changes_the_disk_may_have_hit)
{
    const struct {
        enum raft_io_op op;
        const char *name;
        int a, b; /* sizes of the files if it has hit; -1: there is none */
    } rows[] = {{RAFT_IO_TRUNCATE, "", 0, -1},
                {RAFT_IO_CREATE, "a", 0, -1},
                {RAFT_IO_UNLINK, "a", -1, -1},
                {RAFT_IO_RENAME, "a", -1, 3},
                {RAFT_IO_CREATE, "b", 3, 0}};
    for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        uint32_t hit[4] = {0};
        for (uint64_t seed = 0; seed < SEEDS; seed++) {
            renew_disk(seed);
            raft_file file = durable_file("a", "old");
            struct raft_io io = rows[row].op == RAFT_IO_TRUNCATE
                                    ? transfer(RAFT_IO_TRUNCATE, file, 0, NULL, 0)
                                    : named(rows[row].op, rows[row].name);
            strcpy(io.name_to, "b");
            sim_disk_submit(disk, &io, no_fault, 1);
            sim_disk_crash(disk, (enum sim_unsynced)(seed % 4));
            int a = read_all("a");
            int b = read_all("b");
            bool has_hit = a == rows[row].a && b == rows[row].b;
            ck_assert(has_hit || (a == 3 && b == -1));
            hit[seed % 4] += has_hit;
        }
        expect_hits(hit);
    }
}
END_TEST

START_TEST(a_failing_write_under_way_never_hits)
{
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        renew_disk(seed);
        char bytes[1] = {'n'};
        raft_file file = durable_file("a", "o");
        struct raft_io io = transfer(RAFT_IO_WRITE, file, 0, bytes, 1);
        sim_disk_submit(disk, &io, eio, 1);
        sim_disk_crash(disk, (enum sim_unsynced)(seed % 4));
        expect_content("a", "o");
    }
}
END_TEST

START_TEST(a_deferred_event_is_left_to_its_owner_at_a_crash)
{
    struct raft_io io = named(RAFT_IO_CREATE, "a");
    sim_disk_submit(disk, &io, no_fault, 1);
    struct sim_event *event = sim_scheduler_pop(&world->scheduler);
    sim_disk_crash(disk, SIM_UNSYNCED_LOSE);
    sim_event_free(&world->scheduler, event);
    ck_assert_ptr_null(disk->pending);
}
END_TEST

START_TEST(a_sync_covers_only_what_completed_before_it_was_submitted)
{
    char bytes[1] = {'n'};
    raft_file file = durable_file("a", "o");
    struct raft_io write = transfer(RAFT_IO_WRITE, file, 0, bytes, 1);
    struct raft_io sync = transfer(RAFT_IO_SYNC, file, 0, NULL, 0);
    sim_disk_submit(disk, &write, no_fault, 1);
    sim_disk_submit(disk, &sync, (struct sim_disk_fault){.delay_ns = 500}, 1);
    perform_all();
    ck_assert_ptr_eq(completed[0], &write);
    ck_assert_int_eq(sync.status, RAFT_OK);
    sim_disk_crash(disk, SIM_UNSYNCED_LOSE);
    expect_content("a", "o");
}
END_TEST

START_TEST(a_sync_of_the_directory_covers_only_what_completed_before)
{
    struct raft_io create = named(RAFT_IO_CREATE, "a");
    struct raft_io sync = named(RAFT_IO_SYNC_DIR, "");
    sim_disk_submit(disk, &create, no_fault, 1);
    sim_disk_submit(disk, &sync, no_fault, 1);
    perform_all();
    sim_disk_crash(disk, SIM_UNSYNCED_LOSE);
    ck_assert_int_eq(read_all("a"), -1);
}
END_TEST

/* --- chosen crashes --- */

static void crash_with(uint64_t kept)
{
    disk->image = (struct sim_disk_image){.damage = SIM_DISK_PIECES, .kept = kept};
    sim_disk_crash(disk, SIM_UNSYNCED_CHOSEN);
}

START_TEST(a_chosen_crash_keeps_exactly_the_chosen_pieces)
{
    for (uint64_t kept = 0; kept < 16; kept++) {
        renew_disk(1);
        raft_file file = durable_bytes("a", 'o', 2 * SECTOR);
        write_many(file, 10, 'n', SECTOR); /* touches two sectors */
        truncate_file(file, 2 * SECTOR - 1);
        open_file(RAFT_IO_CREATE, "b");
        ck_assert_uint_eq(sim_disk_pieces(disk), 4);
        crash_with(kept);
        ck_assert_int_eq(read_all("a"), (int)(2 * SECTOR) - ((kept & 4) != 0 ? 1 : 0));
        ck_assert_int_eq(content[10], (kept & 1) != 0 ? 'n' : 'o');
        ck_assert_int_eq(content[SECTOR], (kept & 2) != 0 ? 'n' : 'o');
        ck_assert_int_eq(read_all("b"), (kept & 8) != 0 ? 0 : -1);
        ck_assert_uint_eq(sim_disk_pieces(disk), 0);
        open_file(RAFT_IO_CREATE, "c");
        crash_with(1); /* which is counted anew */
        ck_assert_int_eq(read_all("c"), 0);
    }
}
END_TEST

START_TEST(of_a_chosen_crash_the_size_comes_with_the_end_of_the_write)
{
    static const int sizes[8] = {3, 0, 3, 1, 2, 2, 2, 2}; /* sectors; bit 0: the truncation */
    for (uint64_t kept = 0; kept < 8; kept++) {
        cut_off_and_write(1);
        ck_assert_uint_eq(sim_disk_pieces(disk), 3);
        crash_with(kept);
        ck_assert_int_eq(read_all("a"), sizes[kept] * (int)SECTOR);
        ck_assert_uint_eq(told_size, (size_t)sizes[kept] * SECTOR);
    }
}
END_TEST

START_TEST(a_chosen_crash_decides_about_what_is_under_way)
{
    for (uint64_t kept = 0; kept < 4; kept++) {
        renew_disk(1);
        char bytes[1] = {'n'};
        raft_file file = durable_file("a", "o");
        struct raft_io write = transfer(RAFT_IO_WRITE, file, 0, bytes, 1);
        struct raft_io sync = transfer(RAFT_IO_SYNC, file, 0, NULL, 0);
        struct raft_io create = named(RAFT_IO_CREATE, "b");
        sim_disk_submit(disk, &write, no_fault, 1);
        sim_disk_submit(disk, &sync, no_fault, 1);
        sim_disk_submit(disk, &create, no_fault, 1);
        ck_assert_uint_eq(sim_disk_pieces(disk), 2);
        crash_with(kept);
        expect_content("a", (kept & 1) != 0 ? "n" : "o");
        ck_assert_int_eq(read_all("b"), (kept & 2) != 0 ? 0 : -1);
    }
}
END_TEST

START_TEST(pieces_beyond_the_last_bit_share_its_fate)
{
    raft_file file = durable_file("a", "");
    for (uint64_t i = 0; i < SIM_DISK_PIECE_BITS + 6; i++) {
        ck_assert_int_eq(write_text(file, i, "n"), RAFT_OK);
    }
    ck_assert_uint_eq(sim_disk_pieces(disk), SIM_DISK_PIECE_BITS + 6);
    crash_with(UINT64_C(1) << (SIM_DISK_PIECE_BITS - 1));
    ck_assert_int_eq(read_all("a"), SIM_DISK_PIECE_BITS + 6);
    for (uint64_t i = 0; i < SIM_DISK_PIECE_BITS + 6; i++) {
        ck_assert_int_eq(content[i], i < SIM_DISK_PIECE_BITS - 1 ? '\0' : 'n');
    }
}
END_TEST

static uint32_t tail_size(void)
{
    uint64_t file = 0;
    return sim_disk_tail(disk, &file);
}

/* What a crash leaves of "12345" behind a durable "ab" and an unsynced "cd". */
static void crash_damaging(enum sim_disk_damage damage, uint32_t byte)
{
    renew_disk(1);
    raft_file file = durable_file("a", "ab");
    ck_assert_int_eq(write_text(file, 2, "cd"), RAFT_OK);
    ck_assert_int_eq(write_text(file, 4, "12345"), RAFT_OK);
    ck_assert_uint_eq(tail_size(), 5);
    disk->image = (struct sim_disk_image){.damage = damage, .byte = byte};
    sim_disk_crash(disk, SIM_UNSYNCED_CHOSEN);
}

START_TEST(the_last_write_is_damaged_from_its_byte_on_and_nothing_else)
{
    crash_damaging(SIM_DISK_CUT, 0);
    expect_content("a", "abcd");
    crash_damaging(SIM_DISK_CUT, 3);
    expect_content("a", "abcd123");
    crash_damaging(SIM_DISK_ZERO, 3);
    ck_assert_int_eq(read_all("a"), 9);
    ck_assert_mem_eq(content, "abcd123\0\0", 9);
    crash_damaging(SIM_DISK_FLIP, 1); /* bit 1 of '2' */
    expect_content("a", "abcd10345");
}
END_TEST

/* The file of a tail that is written to a file of this name. */
static uint64_t tail_of(const char *name)
{
    uint64_t file = 0;
    ck_assert_int_eq(write_text(durable_file(name, "ab"), 2, "cd"), RAFT_OK);
    ck_assert_uint_eq(sim_disk_tail(disk, &file), 2);
    return file;
}

/* The medium still has what a truncation had cut off when its sync failed. */
START_TEST(a_last_write_that_is_cut_ends_the_file_whatever_was_behind_it)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) { /* some syncs have cut it off all the same */
        renew_disk(seed);
        raft_file file = durable_file("a", "0123456789");
        truncate_file(file, 2);
        fail_sync(file);
        ck_assert_int_eq(write_text(file, 2, "cd"), RAFT_OK);
        disk->image = (struct sim_disk_image){.damage = SIM_DISK_CUT, .byte = 1};
        sim_disk_crash(disk, SIM_UNSYNCED_CHOSEN);
        expect_content("a", "01c");
    }
}
END_TEST

/* It began within the file, and was to make it longer. */
START_TEST(a_last_write_that_is_cut_takes_nothing_from_what_was_durable)
{
    raft_file file = durable_file("a", "0123456789");
    ck_assert_int_eq(write_text(file, 6, "abcdefgh"), RAFT_OK);
    disk->image = (struct sim_disk_image){.damage = SIM_DISK_CUT, .byte = 1};
    sim_disk_crash(disk, SIM_UNSYNCED_CHOSEN);
    expect_content("a", "012345a789");
}
END_TEST

START_TEST(files_of_one_name_up_to_a_dash_are_of_one_kind)
{
    uint64_t kind = tail_of("log-1f");
    ck_assert_uint_eq(tail_of("log-20"), kind);
    ck_assert_uint_ne(tail_of("ids-20"), kind);
}
END_TEST

START_TEST(a_write_that_is_durable_is_no_tail)
{
    raft_file file = durable_file("a", "ab");
    ck_assert_uint_eq(tail_size(), 0);
    ck_assert_int_eq(write_text(file, 2, "cd"), RAFT_OK);
    ck_assert_uint_eq(tail_size(), 2);
    sync_file(file);
    ck_assert_uint_eq(tail_size(), 0);
    disk->image = (struct sim_disk_image){.damage = SIM_DISK_FLIP, .byte = 0};
    sim_disk_crash(disk, SIM_UNSYNCED_CHOSEN);
    expect_content("a", "abcd");
}
END_TEST

/* --- observer --- */

static char seen[256];

static void saw_durable(void *ctx, uint32_t node, const char *name, const uint8_t *bytes,
                        size_t size, size_t from)
{
    (void)ctx;
    ck_assert_uint_eq(node, 1);
    ck_assert_uint_le(from, size);
    size_t length = strlen(seen);
    snprintf(seen + length, sizeof seen - length, "%s=%.*s@%zu ", name, (int)size,
             size == 0 ? "" : (const char *)bytes, from);
}

static void saw_removed(void *ctx, uint32_t node, const char *name)
{
    (void)ctx;
    ck_assert_uint_eq(node, 1);
    size_t length = strlen(seen);
    snprintf(seen + length, sizeof seen - length, "-%s ", name);
}

static void observe(void)
{
    disk->observer.durable = saw_durable;
    disk->observer.removed = saw_removed;
    seen[0] = '\0';
}

static void expect_seen(const char *what)
{
    ck_assert_str_eq(seen, what);
    seen[0] = '\0';
}

START_TEST(the_observer_hears_of_durable_content_and_names_only)
{
    observe();
    raft_file file = open_file(RAFT_IO_CREATE, "a");
    ck_assert_int_eq(write_text(file, 0, "123"), RAFT_OK);
    sync_file(file);
    expect_seen(""); /* has no durable name yet */
    ck_assert_int_eq(run_named(RAFT_IO_SYNC_DIR, ""), RAFT_OK);
    expect_seen("a=123@0 ");
    ck_assert_int_eq(write_text(file, 3, "4"), RAFT_OK);
    ck_assert_int_eq(write_text(file, 2, "x"), RAFT_OK);
    expect_seen("");
    sync_file(file);
    expect_seen("a=12x4@2 ");
    sync_file(file);
    expect_seen(""); /* nothing new */
    truncate_file(file, 1);
    sync_file(file);
    expect_seen("a=1@1 ");
    truncate_file(file, 3);
    sync_file(file);
    expect_seen("a=1@1 "); /* and two zeros */
}
END_TEST

START_TEST(the_observer_hears_of_renames_and_removals)
{
    durable_file("a", "1");
    durable_file("b", "2");
    observe();
    ck_assert_int_eq(rename_file("a", "b"), RAFT_OK);
    expect_seen("");
    ck_assert_int_eq(run_named(RAFT_IO_SYNC_DIR, ""), RAFT_OK);
    expect_seen("-a b=1@0 ");
    ck_assert_int_eq(run_named(RAFT_IO_UNLINK, "b"), RAFT_OK);
    ck_assert_int_eq(run_named(RAFT_IO_SYNC_DIR, ""), RAFT_OK);
    expect_seen("-b ");
}
END_TEST

/* "1x" over a durable "12", on a disk that is observed. */
static raft_file observed_write(uint64_t seed)
{
    renew_disk(seed);
    raft_file file = durable_file("a", "12");
    observe();
    ck_assert_int_eq(write_text(file, 1, "x"), RAFT_OK);
    return file;
}

START_TEST(the_observer_hears_what_a_crash_made_durable)
{
    uint32_t heard = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        observed_write(seed);
        sim_disk_crash(disk, SIM_UNSYNCED_RANDOM);
        ck_assert_int_eq(read_all("a"), 2);
        if (content[1] == 'x') {
            expect_seen("a=1x@1 ");
            heard++;
        } else {
            expect_seen("");
        }
    }
    ck_assert(heard > 0 && heard < SEEDS);
}
END_TEST

START_TEST(the_observer_hears_what_a_failed_sync_made_durable)
{
    uint32_t heard = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        raft_file file = observed_write(seed);
        fail_sync(file);
        bool was_heard = seen[0] != '\0';
        expect_seen(was_heard ? "a=1x@1 " : "");
        sim_disk_crash(disk, SIM_UNSYNCED_LOSE);
        expect_content("a", was_heard ? "1x" : "12");
        heard += was_heard;
    }
    ck_assert(heard > 0 && heard < SEEDS);
}
END_TEST

START_TEST(the_observer_can_be_told_everything_again)
{
    durable_file("b", "2");
    durable_file("a", "1");
    open_file(RAFT_IO_CREATE, "c");
    observe();
    sim_disk_observe_all(disk);
    expect_seen("a=1@0 b=2@0 ");
}
END_TEST

START_TEST(a_wiped_disk_is_empty)
{
    durable_file("a", "1");
    open_file(RAFT_IO_CREATE, "b");
    size_t blocks = arena_blocks(world->arena);
    sim_disk_crash(disk, SIM_UNSYNCED_KEEP);
    observe();
    sim_disk_wipe(disk);
    expect_seen("-a ");
    ck_assert_int_eq(read_all("a"), -1);
    ck_assert_uint_eq(disk->used, 0);
    ck_assert_uint_lt(arena_blocks(world->arena), blocks);
    ck_assert_uint_eq(sim_disk_digest(disk), 0);
}
END_TEST

/* --- determinism --- */

static void work_a_while(struct sim_stream *script)
{
    static char bytes[2 * SECTOR];
    raft_file file = open_file(RAFT_IO_CREATE, "log");
    for (int i = 0; i < 40; i++) {
        uint64_t what = sim_draw_below(script, 8);
        uint64_t offset = sim_draw_below(script, 3 * SECTOR);
        size_t size = (size_t)sim_draw_between(script, 1, sizeof bytes);
        memset(bytes, 'a' + i % 26, sizeof bytes);
        enum raft_io_op op = what < 5    ? RAFT_IO_WRITE
                             : what == 5 ? RAFT_IO_TRUNCATE
                             : what == 6 ? RAFT_IO_SYNC
                                         : RAFT_IO_SYNC_DIR;
        struct raft_io io = op == RAFT_IO_SYNC_DIR
                                ? named(op, "")
                                : transfer(op, file, offset, bytes, op == RAFT_IO_WRITE ? size : 0);
        sim_disk_submit(disk, &io, no_fault, 1);
        perform_all();
    }
}

START_TEST(equal_seeds_give_equal_disks_and_leave_no_memory)
{
    uint64_t digests[2];
    for (uint64_t seed = 1; seed <= SEEDS / 4; seed++) {
        for (int round = 0; round < 2; round++) {
            struct sim_stream script;
            renew_disk(seed);
            arena_set_fill(world->arena, (uint8_t)(round == 0 ? 0xA5 : 0x5A));
            sim_stream_init(&script, seed, SIM_STREAM_SCRIPT, 0, 0);
            struct raft_io warm = named(RAFT_IO_SYNC_DIR, ""); /* allocates pool and heap */
            sim_disk_submit(disk, &warm, no_fault, 1);
            perform_all();
            size_t blocks = arena_blocks(world->arena);
            disk->write_ns = 100;
            disk->sync_ns = 1000;
            work_a_while(&script);
            sim_disk_crash(disk, SIM_UNSYNCED_RANDOM);
            digests[round] = sim_disk_digest(disk) ^ world->scheduler.now_ns;
            sim_disk_wipe(disk);
            ck_assert_uint_eq(arena_blocks(world->arena), blocks);
        }
        ck_assert_uint_eq(digests[0], digests[1]);
    }
}
END_TEST

static void add_crash_tests(TCase *crash)
{
    tcase_add_test(crash, what_is_synced_survives_every_crash);
    tcase_add_test(crash, what_is_not_synced_is_lost);
    tcase_add_test(crash, a_synced_file_without_a_synced_name_is_lost);
    tcase_add_test(crash, an_unsynced_removal_brings_the_file_back);
    tcase_add_test(crash, a_rename_is_atomic);
    tcase_add_test(crash, each_directory_operation_has_a_coin_of_its_own);
    tcase_add_test(crash, torn_writes_break_at_sectors_and_nowhere_else);
    tcase_add_test(crash, random_loss_keeps_drops_and_tears);
    tcase_add_test(crash, of_a_torn_write_the_size_may_survive_alone);
    tcase_add_test(crash, a_size_that_comes_with_a_torn_write_cuts_off_what_was_behind_it);
    tcase_add_test(crash, a_later_write_may_survive_an_earlier_one);
    tcase_add_test(crash, when_only_the_process_dies_the_cache_stays_and_stays_unsynced);
    tcase_add_test(crash, what_a_dead_process_wrote_can_be_synced_by_the_next);
    tcase_add_test(crash, a_write_under_way_at_a_crash_may_have_hit);
    tcase_add_test(crash, whatever_changes_the_disk_may_have_hit);
    tcase_add_test(crash, a_failing_write_under_way_never_hits);
    tcase_add_test(crash, a_deferred_event_is_left_to_its_owner_at_a_crash);
    tcase_add_test(crash, a_sync_covers_only_what_completed_before_it_was_submitted);
    tcase_add_test(crash, a_sync_of_the_directory_covers_only_what_completed_before);
    tcase_add_test(crash, equal_seeds_give_equal_disks_and_leave_no_memory);
}

static void add_observer_tests(TCase *observer)
{
    tcase_add_test(observer, the_observer_hears_of_durable_content_and_names_only);
    tcase_add_test(observer, the_observer_hears_of_renames_and_removals);
    tcase_add_test(observer, the_observer_hears_what_a_crash_made_durable);
    tcase_add_test(observer, the_observer_hears_what_a_failed_sync_made_durable);
    tcase_add_test(observer, the_observer_can_be_told_everything_again);
    tcase_add_test(observer, a_wiped_disk_is_empty);
}

static void add_chosen_tests(TCase *chosen)
{
    tcase_add_test(chosen, a_chosen_crash_keeps_exactly_the_chosen_pieces);
    tcase_add_test(chosen, of_a_chosen_crash_the_size_comes_with_the_end_of_the_write);
    tcase_add_test(chosen, a_chosen_crash_decides_about_what_is_under_way);
    tcase_add_test(chosen, pieces_beyond_the_last_bit_share_its_fate);
    tcase_add_test(chosen, the_last_write_is_damaged_from_its_byte_on_and_nothing_else);
    tcase_add_test(chosen, a_last_write_that_is_cut_ends_the_file_whatever_was_behind_it);
    tcase_add_test(chosen, a_last_write_that_is_cut_takes_nothing_from_what_was_durable);
    tcase_add_test(chosen, files_of_one_name_up_to_a_dash_are_of_one_kind);
    tcase_add_test(chosen, a_write_that_is_durable_is_no_tail);
}

static Suite *disk_crash_suite(void)
{
    const struct {
        const char *name;
        void (*add)(TCase *tcase);
    } parts[] = {
        {"crash", add_crash_tests}, {"chosen", add_chosen_tests}, {"observer", add_observer_tests}};
    Suite *suite = suite_create("disk_crash");
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        TCase *tcase = tcase_create(parts[i].name);
        tcase_add_checked_fixture(tcase, open_first_disk, close_disk);
        tcase_set_timeout(tcase, 60);
        parts[i].add(tcase);
        suite_add_tcase(suite, tcase);
    }
    return suite;
}

int main(void)
{
    return unit_main(disk_crash_suite());
}
