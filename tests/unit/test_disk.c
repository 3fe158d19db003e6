/* The disk, line by line of its fault model: what it may do, and what it never does. */
#include "world_double.h"

#include <signal.h>

#define SECTOR SIM_DISK_SECTOR
#define SEEDS  64u

static const struct sim_disk_fault no_fault = {.status = RAFT_OK};
static const struct sim_disk_fault eio = {.status = RAFT_IO};
static const struct sim_disk_fault shortened = {.status = RAFT_OK, .is_short = true};

static struct sim_world *world;
static struct sim_disk *disk;

static void open_disk(uint64_t seed)
{
    world = world_double_open(seed, 1);
    disk = &world->nodes[1]->disk;
    sim_disk_init(disk, world, 1);
}

static void close_disk(void)
{
    world_double_close(world);
}

static void setup(void)
{
    open_disk(1);
}

/* Runs operations at once. */

static struct raft_io named(enum raft_io_op op, const char *name)
{
    struct raft_io io;
    memset(&io, 0, sizeof io);
    io.op = op;
    snprintf(io.name, sizeof io.name, "%s", name);
    return io;
}

static enum raft_status run_named(enum raft_io_op op, const char *name)
{
    struct raft_io io = named(op, name);
    return sim_disk_run(disk, &io, no_fault);
}

static raft_file open_file(enum raft_io_op op, const char *name)
{
    struct raft_io io = named(op, name);
    ck_assert_int_eq(sim_disk_run(disk, &io, no_fault), RAFT_OK);
    ck_assert_uint_ne(io.file, 0);
    return io.file;
}

static enum raft_status rename_file(const char *from, const char *to)
{
    struct raft_io io = named(RAFT_IO_RENAME, from);
    snprintf(io.name_to, sizeof io.name_to, "%s", to);
    return sim_disk_run(disk, &io, no_fault);
}

static struct raft_io transfer(enum raft_io_op op, raft_file file, uint64_t offset, void *bytes,
                               size_t size)
{
    struct raft_io io;
    memset(&io, 0, sizeof io);
    io.op = op;
    io.file = file;
    io.offset = offset;
    io.bytes = bytes;
    io.size = size;
    return io;
}

static enum raft_status run_on_file(enum raft_io_op op, raft_file file, uint64_t offset)
{
    struct raft_io io = transfer(op, file, offset, NULL, 0);
    return sim_disk_run(disk, &io, no_fault);
}

static enum raft_status write_text(raft_file file, uint64_t offset, const char *text)
{
    char bytes[4 * SECTOR];
    snprintf(bytes, sizeof bytes, "%s", text);
    struct raft_io io = transfer(RAFT_IO_WRITE, file, offset, bytes, strlen(text));
    return sim_disk_run(disk, &io, no_fault);
}

static void write_many(raft_file file, uint64_t offset, char value, size_t size)
{
    char bytes[4 * SECTOR];
    ck_assert_uint_le(size, sizeof bytes);
    memset(bytes, value, size);
    struct raft_io io = transfer(RAFT_IO_WRITE, file, offset, bytes, size);
    ck_assert_int_eq(sim_disk_run(disk, &io, no_fault), RAFT_OK);
    ck_assert_uint_eq(io.done, size);
}

/* Reads a whole file by name into a static buffer. -1: no such file. */
static char content[8 * SECTOR];

static int read_all(const char *name)
{
    struct raft_io io = named(RAFT_IO_OPEN, name);
    if (sim_disk_run(disk, &io, no_fault) == RAFT_NOT_FOUND) {
        return -1;
    }
    memset(content, 0, sizeof content);
    struct raft_io read = transfer(RAFT_IO_READ, io.file, 0, content, sizeof content - 1);
    ck_assert_int_eq(sim_disk_run(disk, &read, no_fault), RAFT_OK);
    ck_assert_uint_eq(read.done, io.file_size);
    ck_assert_int_eq(run_on_file(RAFT_IO_CLOSE, io.file, 0), RAFT_OK);
    return (int)read.done;
}

static void expect_content(const char *name, const char *text)
{
    ck_assert_int_eq(read_all(name), (int)strlen(text));
    ck_assert_str_eq(content, text);
}

/* A file whose name and content are durable; open. */
static raft_file durable_file(const char *name, const char *text)
{
    raft_file file = open_file(RAFT_IO_CREATE, name);
    ck_assert_int_eq(write_text(file, 0, text), RAFT_OK);
    ck_assert_int_eq(run_on_file(RAFT_IO_SYNC, file, 0), RAFT_OK);
    ck_assert_int_eq(run_named(RAFT_IO_SYNC_DIR, ""), RAFT_OK);
    return file;
}

/* Performs submitted operations until none is left; notes the order of their completion. */
static const struct raft_io *completed[16];
static uint32_t completed_count;

static void perform_next(void)
{
    struct sim_event *event = sim_scheduler_pop(&world->scheduler);
    ck_assert_ptr_nonnull(event);
    completed[completed_count++] = sim_disk_perform(disk, event);
    sim_event_free(&world->scheduler, event);
}

static void perform_all(void)
{
    completed_count = 0;
    while (sim_scheduler_peek(&world->scheduler) != NULL) {
        perform_next();
    }
}

/* --- what a process sees --- */

START_TEST(reads_back_what_was_written)
{
    raft_file file = open_file(RAFT_IO_CREATE, "a");
    ck_assert_int_eq(write_text(file, 0, "hello"), RAFT_OK);
    ck_assert_int_eq(write_text(file, 3, "p!?"), RAFT_OK);
    expect_content("a", "help!?");
}
END_TEST

START_TEST(a_gap_reads_as_zeros)
{
    raft_file file = open_file(RAFT_IO_CREATE, "a");
    ck_assert_int_eq(write_text(file, 3, "x"), RAFT_OK);
    ck_assert_int_eq(read_all("a"), 4);
    ck_assert_mem_eq(content, "\0\0\0x", 4);
}
END_TEST

START_TEST(a_read_is_short_only_at_the_end)
{
    char bytes[8];
    raft_file file = open_file(RAFT_IO_CREATE, "a");
    ck_assert_int_eq(write_text(file, 0, "hello"), RAFT_OK);
    struct raft_io io = transfer(RAFT_IO_READ, file, 3, bytes, sizeof bytes);
    ck_assert_int_eq(sim_disk_run(disk, &io, no_fault), RAFT_OK);
    ck_assert_uint_eq(io.done, 2);
    io = transfer(RAFT_IO_READ, file, 9, bytes, sizeof bytes);
    ck_assert_int_eq(sim_disk_run(disk, &io, no_fault), RAFT_OK);
    ck_assert_uint_eq(io.done, 0);
}
END_TEST

START_TEST(truncate_cuts_and_extends_with_zeros)
{
    raft_file file = open_file(RAFT_IO_CREATE, "a");
    ck_assert_int_eq(write_text(file, 0, "hello"), RAFT_OK);
    ck_assert_int_eq(run_on_file(RAFT_IO_TRUNCATE, file, 2), RAFT_OK);
    ck_assert_int_eq(run_on_file(RAFT_IO_TRUNCATE, file, 4), RAFT_OK);
    ck_assert_int_eq(read_all("a"), 4);
    ck_assert_mem_eq(content, "he\0\0", 4);
}
END_TEST

START_TEST(create_empties_an_existing_file)
{
    durable_file("a", "old");
    open_file(RAFT_IO_CREATE, "a");
    expect_content("a", "");
}
END_TEST

START_TEST(names_that_do_not_exist_are_not_found)
{
    ck_assert_int_eq(run_named(RAFT_IO_OPEN, "a"), RAFT_NOT_FOUND);
    ck_assert_int_eq(run_named(RAFT_IO_UNLINK, "a"), RAFT_NOT_FOUND);
    ck_assert_int_eq(rename_file("a", "b"), RAFT_NOT_FOUND);
}
END_TEST

static bool collect(void *visitor, const char *name)
{
    char *all = visitor;
    strcat(all, name);
    strcat(all, " ");
    return strlen(all) < 8;
}

START_TEST(lists_names_in_order_until_told_to_stop)
{
    const char *names[] = {"m", "a", "zz", "z", "b"};
    char all[32] = "";
    for (size_t i = 0; i < 5; i++) {
        open_file(RAFT_IO_CREATE, names[i]);
    }
    ck_assert_int_eq(run_named(RAFT_IO_UNLINK, "b"), RAFT_OK);
    sim_disk_list(disk, collect, all);
    ck_assert_str_eq(all, "a m z zz ");
    all[0] = '\0';
    open_file(RAFT_IO_CREATE, "aaaaa");
    sim_disk_list(disk, collect, all);
    ck_assert_str_eq(all, "a aaaaa ");
}
END_TEST

START_TEST(rename_replaces_and_keeps_content)
{
    durable_file("old", "1");
    durable_file("new", "2");
    ck_assert_int_eq(rename_file("new", "old"), RAFT_OK);
    expect_content("old", "2");
    ck_assert_int_eq(read_all("new"), -1);
}
END_TEST

START_TEST(an_unlinked_file_stays_readable_through_its_handle)
{
    char bytes[8];
    raft_file file = durable_file("a", "text");
    ck_assert_int_eq(run_named(RAFT_IO_UNLINK, "a"), RAFT_OK);
    struct raft_io io = transfer(RAFT_IO_READ, file, 0, bytes, 4);
    ck_assert_int_eq(sim_disk_run(disk, &io, no_fault), RAFT_OK);
    ck_assert_uint_eq(io.done, 4);
    ck_assert_int_eq(run_on_file(RAFT_IO_CLOSE, file, 0), RAFT_OK);
    ck_assert_uint_eq(disk->used, 0);
}
END_TEST

START_TEST(handles_are_never_reused)
{
    raft_file first = open_file(RAFT_IO_CREATE, "a");
    ck_assert_int_eq(run_on_file(RAFT_IO_CLOSE, first, 0), RAFT_OK);
    ck_assert_uint_eq(disk->open_count, 0);
    ck_assert_uint_ne(open_file(RAFT_IO_OPEN, "a"), first);
    ck_assert_uint_eq(disk->open_count, 1);
}
END_TEST

START_TEST(using_a_closed_handle_dies)
{
    raft_file file = open_file(RAFT_IO_CREATE, "a");
    ck_assert_int_eq(run_on_file(RAFT_IO_CLOSE, file, 0), RAFT_OK);
    ck_assert_int_eq(write_text(file, 0, "x"), RAFT_OK);
}
END_TEST

START_TEST(changing_bytes_under_way_dies)
{
    char bytes[1] = {'x'};
    raft_file file = open_file(RAFT_IO_CREATE, "a");
    struct raft_io io = transfer(RAFT_IO_WRITE, file, 0, bytes, 1);
    sim_disk_submit(disk, &io, no_fault, 1);
    bytes[0] = 'y';
    perform_all();
}
END_TEST

/* --- order and latency --- */

START_TEST(latencies_stay_within_their_range)
{
    char bytes[1] = {'x'};
    raft_file file = open_file(RAFT_IO_CREATE, "a");
    disk->write_ns = 1000;
    disk->slow_ns = 10;
    for (int i = 0; i < 50; i++) {
        uint64_t start_ns = world->scheduler.now_ns;
        struct raft_io io = transfer(RAFT_IO_WRITE, file, 0, bytes, 1);
        sim_disk_submit(disk, &io, (struct sim_disk_fault){.delay_ns = 5}, 1);
        perform_all();
        uint64_t took_ns = world->scheduler.now_ns - start_ns;
        ck_assert_uint_ge(took_ns, 515);
        ck_assert_uint_lt(took_ns, 1515);
    }
}
END_TEST

START_TEST(an_operation_has_no_effect_before_it_completes)
{
    char bytes[1] = {'x'};
    raft_file file = open_file(RAFT_IO_CREATE, "a");
    struct raft_io io = transfer(RAFT_IO_WRITE, file, 0, bytes, 1);
    sim_disk_submit(disk, &io, no_fault, 1);
    ck_assert_int_eq(read_all("a"), 0);
    perform_all();
    expect_content("a", "x");
    ck_assert_int_eq(io.status, RAFT_OK);
    ck_assert_uint_eq(io.done, 1);
}
END_TEST

START_TEST(overlapping_writes_keep_their_order)
{
    char bytes[2] = {'1', '2'};
    raft_file file = open_file(RAFT_IO_CREATE, "a");
    struct raft_io first = transfer(RAFT_IO_WRITE, file, 0, &bytes[0], 1);
    struct raft_io second = transfer(RAFT_IO_WRITE, file, 0, &bytes[1], 1);
    sim_disk_submit(disk, &first, (struct sim_disk_fault){.delay_ns = 500}, 1);
    sim_disk_submit(disk, &second, no_fault, 1);
    perform_all();
    ck_assert_ptr_eq(completed[0], &first);
    ck_assert_ptr_eq(completed[1], &second);
    expect_content("a", "2");
}
END_TEST

START_TEST(separate_writes_and_other_files_overtake)
{
    char bytes[3] = {'1', '2', '3'};
    raft_file file = open_file(RAFT_IO_CREATE, "a");
    raft_file other = open_file(RAFT_IO_CREATE, "b");
    struct raft_io slow = transfer(RAFT_IO_WRITE, file, 0, &bytes[0], 1);
    struct raft_io beside = transfer(RAFT_IO_WRITE, file, 1, &bytes[1], 1);
    struct raft_io elsewhere = transfer(RAFT_IO_WRITE, other, 0, &bytes[2], 1);
    sim_disk_submit(disk, &slow, (struct sim_disk_fault){.delay_ns = 500}, 1);
    sim_disk_submit(disk, &beside, no_fault, 1);
    sim_disk_submit(disk, &elsewhere, no_fault, 1);
    perform_all();
    ck_assert_ptr_eq(completed[2], &slow);
}
END_TEST

START_TEST(a_truncation_keeps_its_order_with_writes_behind_it)
{
    char bytes[1] = {'x'};
    raft_file file = durable_file("a", "12345");
    struct raft_io cut = transfer(RAFT_IO_TRUNCATE, file, 2, NULL, 0);
    struct raft_io write = transfer(RAFT_IO_WRITE, file, 4, bytes, 1);
    sim_disk_submit(disk, &cut, (struct sim_disk_fault){.delay_ns = 500}, 1);
    sim_disk_submit(disk, &write, no_fault, 1);
    perform_all();
    ck_assert_ptr_eq(completed[0], &cut);
    ck_assert_int_eq(read_all("a"), 5);
    ck_assert_mem_eq(content, "12\0\0x", 5);
}
END_TEST

START_TEST(directory_operations_keep_their_order)
{
    struct raft_io create = named(RAFT_IO_CREATE, "a");
    struct raft_io unlink = named(RAFT_IO_UNLINK, "a");
    sim_disk_submit(disk, &create, (struct sim_disk_fault){.delay_ns = 500}, 1);
    sim_disk_submit(disk, &unlink, no_fault, 1);
    perform_all();
    ck_assert_ptr_eq(completed[0], &create);
    ck_assert_int_eq(unlink.status, RAFT_OK);
}
END_TEST

START_TEST(a_close_waits_for_what_uses_the_handle)
{
    char bytes[1] = {'x'};
    raft_file file = open_file(RAFT_IO_CREATE, "a");
    struct raft_io write = transfer(RAFT_IO_WRITE, file, 0, bytes, 1);
    struct raft_io close = transfer(RAFT_IO_CLOSE, file, 0, NULL, 0);
    sim_disk_submit(disk, &write, (struct sim_disk_fault){.delay_ns = 500}, 1);
    sim_disk_submit(disk, &close, no_fault, 1);
    perform_all();
    ck_assert_ptr_eq(completed[0], &write);
    ck_assert_uint_eq(disk->open_count, 0);
}
END_TEST

/* --- durability --- */

START_TEST(what_is_synced_survives_every_crash)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        close_disk();
        open_disk(seed);
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
    ck_assert_int_eq(run_on_file(RAFT_IO_TRUNCATE, file, 4), RAFT_OK);
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
    ck_assert_int_eq(run_on_file(RAFT_IO_SYNC, file, 0), RAFT_OK);
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
    ck_assert_int_eq(run_on_file(RAFT_IO_SYNC, file, 0), RAFT_OK);
    sim_disk_crash(disk, SIM_UNSYNCED_LOSE);
    expect_content("a", "old");
}
END_TEST

START_TEST(a_rename_is_atomic)
{
    uint32_t kept = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        close_disk();
        open_disk(seed);
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
    ck_assert(kept > SEEDS / 4 && kept < SEEDS * 3 / 4);
}
END_TEST

START_TEST(each_directory_operation_has_a_coin_of_its_own)
{
    uint32_t seen[4] = {0};
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        close_disk();
        open_disk(seed);
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
        close_disk();
        open_disk(seed);
        raft_file file = durable_file("a", "");
        write_many(file, 0, 'o', 3 * SECTOR);
        ck_assert_int_eq(run_on_file(RAFT_IO_SYNC, file, 0), RAFT_OK);
        write_many(file, 10, 'n', 2 * SECTOR); /* touches three sectors */
        sim_disk_crash(disk, SIM_UNSYNCED_TORN);
        ck_assert_int_eq(read_all("a"), 3 * SECTOR);
        for (size_t sector = 0; sector < 3; sector++) {
            size_t first = sector == 0 ? 10 : sector * SECTOR;
            size_t end = sector == 2 ? 2 * SECTOR + 10 : (sector + 1) * SECTOR;
            ck_assert(content[first] == 'n' || content[first] == 'o');
            for (size_t i = first; i < end; i++) {
                ck_assert_int_eq(content[i], content[first]);
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
        close_disk();
        open_disk(seed);
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

START_TEST(a_later_write_may_survive_an_earlier_one)
{
    bool seen = false;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        close_disk();
        open_disk(seed);
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
    ck_assert_int_eq(run_on_file(RAFT_IO_SYNC, file, 0), RAFT_OK);
    sim_disk_crash(disk, SIM_UNSYNCED_LOSE);
    expect_content("a", "new");
}
END_TEST

START_TEST(a_write_under_way_at_a_crash_may_have_hit)
{
    uint32_t hit[4] = {0};
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        close_disk();
        open_disk(seed);
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
    ck_assert_uint_eq(hit[SIM_UNSYNCED_LOSE], 0);
    for (int unsynced = SIM_UNSYNCED_KEEP; unsynced <= SIM_UNSYNCED_RANDOM; unsynced++) {
        ck_assert(hit[unsynced] > 0 && hit[unsynced] < SEEDS / 4);
    }
}
END_TEST

START_TEST(a_failing_write_under_way_never_hits)
{
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        close_disk();
        open_disk(seed);
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

/* --- faults --- */

START_TEST(a_failed_operation_does_nothing)
{
    char bytes[1] = {'x'};
    raft_file file = durable_file("a", "old");
    uint64_t digest = sim_disk_digest(disk);
    struct raft_io ios[] = {transfer(RAFT_IO_WRITE, file, 0, bytes, 1),
                            transfer(RAFT_IO_TRUNCATE, file, 1, NULL, 0),
                            transfer(RAFT_IO_READ, file, 0, bytes, 1),
                            named(RAFT_IO_CREATE, "a"),
                            named(RAFT_IO_CREATE, "b"),
                            named(RAFT_IO_UNLINK, "a"),
                            named(RAFT_IO_OPEN, "a"),
                            named(RAFT_IO_SYNC_DIR, "")};
    for (size_t i = 0; i < sizeof ios / sizeof ios[0]; i++) {
        ck_assert_int_eq(sim_disk_run(disk, &ios[i], eio), RAFT_IO);
        ck_assert_uint_eq(ios[i].done, 0);
    }
    ck_assert_int_eq(bytes[0], 'x');
    expect_content("a", "old");
    ck_assert_int_eq(read_all("b"), -1);
    ck_assert_uint_eq(disk->open_count, 1);
    ck_assert_uint_eq(sim_disk_digest(disk), digest);
}
END_TEST

START_TEST(a_failed_close_closes)
{
    raft_file file = open_file(RAFT_IO_CREATE, "a");
    struct raft_io io = transfer(RAFT_IO_CLOSE, file, 0, NULL, 0);
    ck_assert_int_eq(sim_disk_run(disk, &io, eio), RAFT_IO);
    ck_assert_uint_eq(disk->open_count, 0);
}
END_TEST

START_TEST(after_a_failed_sync_a_good_one_does_not_save_the_content)
{
    raft_file file = durable_file("a", "old");
    ck_assert_int_eq(write_text(file, 0, "new"), RAFT_OK);
    struct raft_io sync = transfer(RAFT_IO_SYNC, file, 0, NULL, 0);
    ck_assert_int_eq(sim_disk_run(disk, &sync, eio), RAFT_IO);
    expect_content("a", "new"); /* the cache pretends */
    ck_assert_int_eq(write_text(file, 3, "!"), RAFT_OK);
    ck_assert_int_eq(run_on_file(RAFT_IO_SYNC, file, 0), RAFT_OK);
    sim_disk_crash(disk, SIM_UNSYNCED_LOSE);
    expect_content("a", "old!");
}
END_TEST

START_TEST(a_failed_sync_may_revert_the_cache)
{
    disk->revert_failed_sync = true;
    raft_file file = durable_file("a", "old");
    ck_assert_int_eq(write_text(file, 0, "newer"), RAFT_OK);
    char bytes[1] = {'!'};
    struct raft_io sync = transfer(RAFT_IO_SYNC, file, 0, NULL, 0);
    struct raft_io write = transfer(RAFT_IO_WRITE, file, 0, bytes, 1);
    sim_disk_submit(disk, &sync, (struct sim_disk_fault){.status = RAFT_IO, .delay_ns = 9}, 1);
    sim_disk_submit(disk, &write, no_fault, 1); /* not covered: stays */
    perform_all();
    ck_assert_ptr_eq(completed[0], &write);
    expect_content("a", "!ld");
    ck_assert_uint_eq(disk->used, 3);
}
END_TEST

START_TEST(a_short_write_writes_a_proper_first_part)
{
    char bytes[] = "0123456789";
    for (int i = 0; i < 50; i++) {
        raft_file file = open_file(RAFT_IO_CREATE, "a");
        struct raft_io io = transfer(RAFT_IO_WRITE, file, 0, bytes, 10);
        ck_assert_int_eq(sim_disk_run(disk, &io, shortened), RAFT_OK);
        ck_assert(io.done > 0 && io.done < 10);
        ck_assert_int_eq(read_all("a"), (int)io.done);
        ck_assert_mem_eq(content, bytes, io.done);
    }
    raft_file file = open_file(RAFT_IO_CREATE, "a");
    struct raft_io io = transfer(RAFT_IO_WRITE, file, 0, bytes, 1);
    ck_assert_int_eq(sim_disk_run(disk, &io, shortened), RAFT_OK);
    ck_assert_uint_eq(io.done, 0);
    expect_content("a", "");
}
END_TEST

START_TEST(a_write_that_does_not_fit_does_nothing)
{
    disk->quota = 8;
    raft_file a = durable_file("a", "12345");
    raft_file b = durable_file("b", "1");
    ck_assert_uint_eq(disk->used, 6);
    ck_assert_int_eq(write_text(b, 1, "234"), RAFT_NOSPACE);
    expect_content("b", "1");
    ck_assert_int_eq(write_text(b, 1, "23"), RAFT_OK);
    ck_assert_int_eq(write_text(a, 0, "54321"), RAFT_OK); /* does not grow */
    open_file(RAFT_IO_CREATE, "c");                       /* an empty file always fits */
    ck_assert_int_eq(run_on_file(RAFT_IO_TRUNCATE, a, 0), RAFT_OK);
    ck_assert_int_eq(write_text(b, 3, "45678"), RAFT_OK);
    ck_assert_uint_eq(disk->used, 8);
}
END_TEST

START_TEST(a_quota_below_what_is_used_refuses_growth_only)
{
    raft_file file = durable_file("a", "12345");
    disk->quota = 2;
    ck_assert_int_eq(write_text(file, 0, "x"), RAFT_OK);
    ck_assert_int_eq(write_text(file, 5, "x"), RAFT_NOSPACE);
    expect_content("a", "x2345");
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
    ck_assert_int_eq(run_on_file(RAFT_IO_SYNC, file, 0), RAFT_OK);
    expect_seen(""); /* has no durable name yet */
    ck_assert_int_eq(run_named(RAFT_IO_SYNC_DIR, ""), RAFT_OK);
    expect_seen("a=123@0 ");
    ck_assert_int_eq(write_text(file, 3, "4"), RAFT_OK);
    ck_assert_int_eq(write_text(file, 2, "x"), RAFT_OK);
    expect_seen("");
    ck_assert_int_eq(run_on_file(RAFT_IO_SYNC, file, 0), RAFT_OK);
    expect_seen("a=12x4@2 ");
    ck_assert_int_eq(run_on_file(RAFT_IO_SYNC, file, 0), RAFT_OK);
    expect_seen(""); /* nothing new */
    ck_assert_int_eq(run_on_file(RAFT_IO_TRUNCATE, file, 1), RAFT_OK);
    ck_assert_int_eq(run_on_file(RAFT_IO_SYNC, file, 0), RAFT_OK);
    expect_seen("a=1@1 ");
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

START_TEST(the_observer_hears_what_a_crash_made_durable)
{
    uint32_t heard = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        close_disk();
        open_disk(seed);
        raft_file file = durable_file("a", "12");
        observe();
        ck_assert_int_eq(write_text(file, 1, "x"), RAFT_OK);
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
            close_disk();
            open_disk(seed);
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

static void add_device_tests(TCase *device)
{
    tcase_add_test(device, reads_back_what_was_written);
    tcase_add_test(device, a_gap_reads_as_zeros);
    tcase_add_test(device, a_read_is_short_only_at_the_end);
    tcase_add_test(device, truncate_cuts_and_extends_with_zeros);
    tcase_add_test(device, create_empties_an_existing_file);
    tcase_add_test(device, names_that_do_not_exist_are_not_found);
    tcase_add_test(device, lists_names_in_order_until_told_to_stop);
    tcase_add_test(device, rename_replaces_and_keeps_content);
    tcase_add_test(device, an_unlinked_file_stays_readable_through_its_handle);
    tcase_add_test(device, handles_are_never_reused);
    tcase_add_test_raise_signal(device, using_a_closed_handle_dies, SIGABRT);
    tcase_add_test_raise_signal(device, changing_bytes_under_way_dies, SIGABRT);
    tcase_add_test(device, latencies_stay_within_their_range);
    tcase_add_test(device, an_operation_has_no_effect_before_it_completes);
    tcase_add_test(device, overlapping_writes_keep_their_order);
    tcase_add_test(device, separate_writes_and_other_files_overtake);
    tcase_add_test(device, a_truncation_keeps_its_order_with_writes_behind_it);
    tcase_add_test(device, directory_operations_keep_their_order);
    tcase_add_test(device, a_close_waits_for_what_uses_the_handle);
}

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
    tcase_add_test(crash, a_later_write_may_survive_an_earlier_one);
    tcase_add_test(crash, when_only_the_process_dies_the_cache_stays_and_stays_unsynced);
    tcase_add_test(crash, what_a_dead_process_wrote_can_be_synced_by_the_next);
    tcase_add_test(crash, a_write_under_way_at_a_crash_may_have_hit);
    tcase_add_test(crash, a_failing_write_under_way_never_hits);
    tcase_add_test(crash, a_deferred_event_is_left_to_its_owner_at_a_crash);
    tcase_add_test(crash, a_sync_covers_only_what_completed_before_it_was_submitted);
    tcase_add_test(crash, a_sync_of_the_directory_covers_only_what_completed_before);
    tcase_add_test(crash, equal_seeds_give_equal_disks_and_leave_no_memory);
}

static void add_fault_tests(TCase *faults)
{
    tcase_add_test(faults, a_failed_operation_does_nothing);
    tcase_add_test(faults, a_failed_close_closes);
    tcase_add_test(faults, after_a_failed_sync_a_good_one_does_not_save_the_content);
    tcase_add_test(faults, a_failed_sync_may_revert_the_cache);
    tcase_add_test(faults, a_short_write_writes_a_proper_first_part);
    tcase_add_test(faults, a_write_that_does_not_fit_does_nothing);
    tcase_add_test(faults, a_quota_below_what_is_used_refuses_growth_only);
}

static void add_observer_tests(TCase *observer)
{
    tcase_add_test(observer, the_observer_hears_of_durable_content_and_names_only);
    tcase_add_test(observer, the_observer_hears_of_renames_and_removals);
    tcase_add_test(observer, the_observer_hears_what_a_crash_made_durable);
    tcase_add_test(observer, the_observer_can_be_told_everything_again);
    tcase_add_test(observer, a_wiped_disk_is_empty);
}

static Suite *disk_suite(void)
{
    const struct {
        const char *name;
        void (*add)(TCase *tcase);
    } parts[] = {{"device", add_device_tests},
                 {"crash", add_crash_tests},
                 {"faults", add_fault_tests},
                 {"observer", add_observer_tests}};
    Suite *suite = suite_create("disk");
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        TCase *tcase = tcase_create(parts[i].name);
        tcase_add_checked_fixture(tcase, setup, close_disk);
        parts[i].add(tcase);
        suite_add_tcase(suite, tcase);
    }
    return suite;
}

int main(void)
{
    return unit_main(disk_suite());
}
