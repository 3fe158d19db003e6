/* The disk, line by line of its fault model: what a process sees, in which order, and what faults
 * do to it. Crashes are in test_disk_crash.c. */
#include "disk_bench.h"

#include <signal.h>

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
    truncate_file(file, 2);
    truncate_file(file, 4);
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

START_TEST(says_what_is_done_to_which_file)
{
    char text[64];
    char bytes[] = "hello";
    ck_assert_str_eq(sim_disk_open_file(disk), "");
    raft_file file = open_file(RAFT_IO_CREATE, "old");
    ck_assert_int_eq(rename_file("old", "new"), RAFT_OK);
    ck_assert_str_eq(sim_disk_open_file(disk), "new");
    struct raft_io io = transfer(RAFT_IO_WRITE, file, 0, bytes, 5);
    sim_disk_submit(disk, &io, no_fault, 1);
    struct sim_event *event = sim_scheduler_pop(&world->scheduler);
    sim_disk_describe(disk, event, text, sizeof text);
    ck_assert_str_eq(text, "write new, 5 bytes");
    ck_assert_ptr_eq(sim_disk_perform(disk, event), &io);
    sim_event_free(&world->scheduler, event);
    close_file(file);
    ck_assert_str_eq(sim_disk_open_file(disk), "");
}
END_TEST

START_TEST(rename_replaces_and_keeps_content)
{
    durable_file("old", "1");
    durable_file("new", "2");
    ck_assert_int_eq(rename_file("old", "old"), RAFT_OK);
    ck_assert_uint_eq(sim_disk_pieces(disk), 0); /* which did nothing */
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
    close_file(file);
    ck_assert_uint_eq(disk->used, 0);
}
END_TEST

START_TEST(handles_are_never_reused)
{
    raft_file first = open_file(RAFT_IO_CREATE, "a");
    close_file(first);
    ck_assert_uint_eq(disk->open_count, 0);
    ck_assert_uint_ne(open_file(RAFT_IO_OPEN, "a"), first);
    ck_assert_uint_eq(disk->open_count, 1);
}
END_TEST

START_TEST(using_a_closed_handle_dies)
{
    raft_file file = open_file(RAFT_IO_CREATE, "a");
    close_file(file);
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

/* How long an operation takes alone. */
static uint64_t time_of(struct raft_io *io, uint64_t delay_ns)
{
    uint64_t start_ns = world->scheduler.now_ns;
    sim_disk_submit(disk, io, (struct sim_disk_fault){.delay_ns = delay_ns}, 1);
    perform_all();
    return world->scheduler.now_ns - start_ns;
}

START_TEST(each_operation_has_a_latency_about_its_mean)
{
    char bytes[1] = {'x'};
    raft_file file = open_file(RAFT_IO_CREATE, "a");
    disk->read_ns = 1000;
    disk->write_ns = 100000;
    disk->sync_ns = 10000000;
    const struct {
        struct raft_io io;
        uint64_t mean_ns;
    } rows[] = {{transfer(RAFT_IO_READ, file, 0, bytes, 1), disk->read_ns},
                {transfer(RAFT_IO_WRITE, file, 0, bytes, 1), disk->write_ns},
                {transfer(RAFT_IO_TRUNCATE, file, 0, NULL, 0), disk->write_ns},
                {named(RAFT_IO_CREATE, "b"), disk->write_ns},
                {named(RAFT_IO_UNLINK, "b"), disk->write_ns},
                {named(RAFT_IO_RENAME, "a"), disk->write_ns},
                {transfer(RAFT_IO_SYNC, file, 0, NULL, 0), disk->sync_ns},
                {named(RAFT_IO_SYNC_DIR, ""), disk->sync_ns},
                {named(RAFT_IO_OPEN, "a"), disk->read_ns}};
    for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        uint32_t above = 0;
        uint64_t mean_ns = rows[row].mean_ns;
        for (uint32_t i = 0; i < 40; i++) {
            struct raft_io io = rows[row].io;
            snprintf(io.name_to, sizeof io.name_to, "a");
            uint64_t took_ns = time_of(&io, 0);
            ck_assert(took_ns >= mean_ns / 2 && took_ns < mean_ns / 2 + mean_ns);
            above += took_ns > mean_ns;
        }
        ck_assert(above > 0 && above < 40);
    }
}
END_TEST

static uint64_t mean_of_transfers(enum raft_io_op op)
{
    char bytes[1] = {'x'};
    raft_file file = open_file(RAFT_IO_CREATE, "a");
    uint64_t start_ns = world->scheduler.now_ns;
    for (int i = 0; i < 1000; i++) {
        struct raft_io io = transfer(op, file, 0, bytes, 1);
        sim_disk_submit(disk, &io, no_fault, 1);
        perform_all();
    }
    return (world->scheduler.now_ns - start_ns) / 1000;
}

START_TEST(a_slow_disk_adds_a_mean_time_to_a_write_and_a_tenth_of_it_to_a_read)
{
    disk->write_ns = 100;
    disk->read_ns = 100;
    disk->slow_ns = 10000;
    uint64_t write_ns = mean_of_transfers(RAFT_IO_WRITE);
    uint64_t read_ns = mean_of_transfers(RAFT_IO_READ);
    ck_assert(write_ns > 9000 && write_ns < 11200);
    ck_assert(read_ns > 1000 && read_ns < 1200);
}
END_TEST

START_TEST(a_delay_comes_on_top)
{
    struct raft_io io = named(RAFT_IO_SYNC_DIR, "");
    disk->sync_ns = 10;
    ck_assert_uint_lt(time_of(&io, 0), 15);
    uint64_t delayed_ns = time_of(&io, 500);
    ck_assert(delayed_ns >= 505 && delayed_ns < 515);
}
END_TEST

START_TEST(a_stall_has_no_end_but_a_heal)
{
    char bytes[1] = {'x'};
    raft_file file = open_file(RAFT_IO_CREATE, "a");
    struct raft_io sync = named(RAFT_IO_SYNC_DIR, "");
    disk->sync_ns = 10;
    ck_assert_uint_gt(time_of(&sync, 0), 0); /* the clock stands at 0 no more */
    struct raft_io stalled = transfer(RAFT_IO_WRITE, file, 0, bytes, 1);
    struct raft_io behind = transfer(RAFT_IO_READ, file, 0, bytes, 1);
    sim_disk_submit(disk, &stalled, (struct sim_disk_fault){.delay_ns = UINT64_MAX}, 1);
    sim_disk_submit(disk, &behind, no_fault, 1);
    ck_assert_uint_eq(sim_scheduler_peek(&world->scheduler)->time_ns, UINT64_MAX);
    sim_disk_heal(disk);
    perform_all();
    ck_assert_ptr_eq(completed[0], &stalled);
    ck_assert_uint_lt(world->scheduler.now_ns, 100);
}
END_TEST

START_TEST(a_heal_leaves_alone_what_a_paused_process_has)
{
    struct raft_io create = named(RAFT_IO_CREATE, "a");
    sim_disk_submit(disk, &create, no_fault, 1);
    struct sim_event *event = sim_scheduler_pop(&world->scheduler);
    sim_disk_heal(disk);
    ck_assert_ptr_null(sim_scheduler_peek(&world->scheduler));
    ck_assert_ptr_eq(sim_disk_perform(disk, event), &create);
    sim_event_free(&world->scheduler, event);
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

START_TEST(a_heal_ends_what_was_stalled_and_keeps_its_order)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) { /* else the order may be so by chance */
        char bytes[2] = {'1', '2'};
        renew_disk(seed);
        disk->write_ns = 1000;
        disk->sync_ns = 1000;
        raft_file file = open_file(RAFT_IO_CREATE, "a");
        struct raft_io first = transfer(RAFT_IO_WRITE, file, 0, &bytes[0], 1);
        struct raft_io second = transfer(RAFT_IO_WRITE, file, 0, &bytes[1], 1);
        sim_disk_submit(disk, &first, (struct sim_disk_fault){.delay_ns = 1000000}, 1);
        sim_disk_submit(disk, &second, no_fault, 1);
        ck_assert_uint_eq(sim_disk_pending(disk), 2);
        sim_disk_heal(disk);
        perform_all();
        ck_assert_ptr_eq(completed[0], &first);
        ck_assert_ptr_eq(completed[1], &second);
        ck_assert_uint_le(world->scheduler.now_ns, 1501);
        ck_assert_uint_eq(sim_disk_pending(disk), 0);
    }
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

START_TEST(reads_overtake_each_other)
{
    char bytes[2] = "";
    raft_file file = durable_file("a", "x");
    struct raft_io slow = transfer(RAFT_IO_READ, file, 0, &bytes[0], 1);
    struct raft_io fast = transfer(RAFT_IO_READ, file, 0, &bytes[1], 1);
    sim_disk_submit(disk, &slow, (struct sim_disk_fault){.delay_ns = 500}, 1);
    sim_disk_submit(disk, &fast, no_fault, 1);
    perform_all();
    ck_assert_ptr_eq(completed[0], &fast);
}
END_TEST

START_TEST(a_creation_waits_for_writes_of_the_file_it_empties)
{
    char bytes[1] = {'x'};
    raft_file file = durable_file("a", "old");
    struct raft_io write = transfer(RAFT_IO_WRITE, file, 0, bytes, 1);
    struct raft_io create = named(RAFT_IO_CREATE, "a");
    sim_disk_submit(disk, &write, (struct sim_disk_fault){.delay_ns = 500}, 1);
    sim_disk_submit(disk, &create, no_fault, 1);
    perform_all();
    ck_assert_ptr_eq(completed[0], &write);
    expect_content("a", "");
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

START_TEST(a_creation_waits_for_reads_of_the_file_it_empties)
{
    char bytes[3];
    raft_file file = durable_file("a", "old");
    struct raft_io read = transfer(RAFT_IO_READ, file, 0, bytes, 3);
    struct raft_io create = named(RAFT_IO_CREATE, "a");
    sim_disk_submit(disk, &read, (struct sim_disk_fault){.delay_ns = 500}, 1);
    sim_disk_submit(disk, &create, no_fault, 1);
    perform_all();
    ck_assert_ptr_eq(completed[0], &read);
    ck_assert_uint_eq(read.done, 3);
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
                            named(RAFT_IO_RENAME, "a"),
                            named(RAFT_IO_OPEN, "a"),
                            named(RAFT_IO_SYNC_DIR, "")};
    for (size_t i = 0; i < sizeof ios / sizeof ios[0]; i++) {
        snprintf(ios[i].name_to, sizeof ios[i].name_to, "b");
        ck_assert_int_eq(sim_disk_run(disk, &ios[i], eio), RAFT_IO);
        ck_assert_uint_eq(ios[i].done, 0);
        const struct sim_disk_fault full = {.status = RAFT_NOSPACE};
        ck_assert_int_eq(sim_disk_run(disk, &ios[i], full), RAFT_NOSPACE);
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

/* What is durable of "new" over "old" after a failed sync: whole bytes of either, in sectors. */
static bool is_lost_after_failed_sync(uint64_t seed, bool reverts)
{
    renew_disk(seed);
    disk->revert_failed_sync = reverts;
    raft_file file = durable_file("a", "old");
    ck_assert_int_eq(write_text(file, 0, "new"), RAFT_OK);
    fail_sync(file);
    ck_assert_int_eq(read_all("a"), 3);
    bool is_lost = strcmp(content, "old") == 0;
    ck_assert(is_lost || strcmp(content, "new") == 0);
    ck_assert(reverts || !is_lost); /* else the cache pretends */
    ck_assert_int_eq(write_text(file, 3, "!"), RAFT_OK);
    sync_file(file);
    sim_disk_crash(disk, SIM_UNSYNCED_LOSE);
    ck_assert_int_eq(read_all("a"), 4);
    ck_assert(!reverts || is_lost == (strcmp(content, "old!") == 0));
    is_lost = strcmp(content, "old!") == 0;
    ck_assert(is_lost || strcmp(content, "new!") == 0);
    return is_lost;
}

START_TEST(what_a_failed_sync_has_not_saved_a_good_one_does_not_save_either)
{
    for (int reverts = 0; reverts < 2; reverts++) {
        uint32_t lost = 0;
        for (uint64_t seed = 1; seed <= SEEDS; seed++) {
            lost += is_lost_after_failed_sync(seed, reverts == 1);
        }
        expect_half(lost);
    }
}
END_TEST

START_TEST(a_write_that_moves_the_end_of_a_file_brings_its_size)
{
    uint32_t longer = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        renew_disk(seed);
        raft_file file = durable_file("a", "an old and long text");
        truncate_file(file, 3);
        fail_sync(file);
        ck_assert_int_eq(write_text(file, 0, "An"), RAFT_OK); /* moves no end */
        sync_file(file);
        struct sim_disk_copy *copy = sim_disk_copy(disk);
        ck_assert_int_eq(write_text(file, 3, "new"), RAFT_OK);
        sync_file(file);
        sim_disk_crash(disk, SIM_UNSYNCED_LOSE);
        ck_assert_int_eq(read_all("a"), 6);
        ck_assert_str_eq(content, "An new");
        sim_disk_restore(disk, copy);
        longer += read_all("a") != 3;
        ck_assert(strcmp(content, "An ") == 0 || strcmp(content, "An old and long text") == 0);
    }
    expect_half(longer);
}
END_TEST

START_TEST(a_truncation_to_the_size_that_the_cache_has_reaches_the_medium)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        renew_disk(seed);
        raft_file file = durable_file("a", "an old and long text");
        truncate_file(file, 3);
        fail_sync(file);
        truncate_file(file, 3);
        sync_file(file);
        sim_disk_crash(disk, SIM_UNSYNCED_LOSE);
        ck_assert_int_eq(read_all("a"), 3);
    }
}
END_TEST

START_TEST(a_reverted_cache_has_the_size_that_the_next_sync_gives_the_file)
{
    uint32_t whole = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        renew_disk(seed);
        disk->revert_failed_sync = true;
        raft_file file = durable_file("a", "an old and long text");
        ck_assert(sim_disk_rot(disk, "a", 9, 1));
        truncate_file(file, 3);
        fail_sync_around(file, 3, "new"); /* which stays */
        struct sim_disk_copy *copy = sim_disk_copy(disk);
        expect_content("a", "an new");
        sync_file(file);
        sim_disk_crash(disk, SIM_UNSYNCED_LOSE);
        expect_content("a", "an new");
        file = open_file(RAFT_IO_OPEN, "a");
        truncate_file(file, 12);
        ck_assert_int_eq(read_all("a"), 12);
        ck_assert_int_eq(content[9], 0); /* what was damaged there was cut off */
        close_file(file);
        sim_disk_restore(disk, copy);
        whole += read_all("a") > 3;
    }
    expect_half(whole);
}
END_TEST

START_TEST(a_failed_sync_saves_sectors_of_what_it_covers_and_nothing_else)
{
    uint32_t kept[5] = {0};
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        renew_disk(seed);
        raft_file file = durable_bytes("a", 'o', 4 * SECTOR);
        write_many(file, 0, 'n', 3 * SECTOR);
        fail_sync_around(file, 3 * (uint64_t)SECTOR, "n");
        sim_disk_crash(disk, SIM_UNSYNCED_LOSE);
        ck_assert_int_eq(read_all("a"), 4 * SECTOR);
        uint32_t count = 0;
        for (size_t i = 0; i < 4 * SECTOR; i++) {
            assert_quietly(content[i] == content[i - i % SECTOR]);
            count += content[i] == 'n' && i % SECTOR == 0;
        }
        ck_assert_int_eq(content[3 * SECTOR], 'o');
        kept[count]++;
    }
    ck_assert(kept[0] > SEEDS / 5 && kept[1] + kept[2] > 0 && kept[3] > SEEDS / 5);
}
END_TEST

START_TEST(a_failed_sync_may_revert_the_cache)
{
    uint32_t reverted = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        renew_disk(seed);
        disk->revert_failed_sync = true;
        raft_file file = durable_file("a", "old");
        ck_assert_int_eq(write_text(file, 1, "ewer"), RAFT_OK);
        fail_sync_around(file, 0, "!"); /* which stays */
        ck_assert_uint_eq(disk->used, (uint64_t)read_all("a"));
        reverted += strcmp(content, "!ld") == 0;
        ck_assert_int_eq(content[0], '!');
    }
    expect_half(reverted);
}
END_TEST

START_TEST(a_short_write_writes_a_proper_first_part_or_nothing)
{
    char bytes[] = "0123456789";
    uint32_t nothing = 0;
    for (int i = 0; i < 50; i++) {
        raft_file file = open_file(RAFT_IO_CREATE, "a");
        struct raft_io io = transfer(RAFT_IO_WRITE, file, 0, bytes, 10);
        ck_assert_int_eq(sim_disk_run(disk, &io, shortened), RAFT_OK);
        ck_assert(io.done < 10);
        nothing += io.done == 0;
        ck_assert_int_eq(read_all("a"), (int)io.done);
        ck_assert_mem_eq(content, bytes, io.done);
    }
    ck_assert(nothing > 0 && nothing < 25);
    raft_file file = open_file(RAFT_IO_CREATE, "a");
    struct raft_io io = transfer(RAFT_IO_WRITE, file, 0, bytes, 1);
    ck_assert_int_eq(sim_disk_run(disk, &io, shortened), RAFT_OK);
    ck_assert_uint_eq(io.done, 0);
    expect_content("a", "");
}
END_TEST

START_TEST(a_short_read_reads_a_proper_first_part_or_nothing)
{
    raft_file file = durable_file("a", "0123456789");
    uint32_t nothing = 0;
    uint32_t half = 0;
    for (int i = 0; i < 50; i++) {
        char bytes[21] = "....................";
        struct raft_io io = transfer(RAFT_IO_READ, file, 0, bytes, 20);
        ck_assert_int_eq(sim_disk_run(disk, &io, shortened), RAFT_OK);
        ck_assert(io.done < 10); /* what the file has */
        ck_assert_mem_eq(bytes, "0123456789", io.done);
        ck_assert_int_eq(bytes[io.done], '.');
        nothing += io.done == 0;
        half += io.done >= 5;
    }
    ck_assert(nothing > 0 && nothing < 25 && half > 0);
}
END_TEST

START_TEST(what_does_not_fit_does_nothing)
{
    struct sim_watch watch = {0};
    disk->quota = 8;
    disk->quota_watch = &watch;
    raft_file a = durable_file("a", "12345");
    raft_file b = durable_file("b", "123");
    ck_assert_int_eq(write_text(a, 0, "54321"), RAFT_OK); /* does not grow */
    open_file(RAFT_IO_CREATE, "c");                       /* an empty file always fits */
    ck_assert_uint_eq(watch.hits, 0);
    ck_assert_uint_eq(disk->used, 8);
    ck_assert_int_eq(write_text(b, 3, "4"), RAFT_NOSPACE);
    ck_assert_int_eq(write_text(b, 7, "8"), RAFT_NOSPACE);
    ck_assert_int_eq(run_on_file(RAFT_IO_TRUNCATE, b, 4), RAFT_NOSPACE);
    ck_assert_uint_eq(watch.hits, 3);
    expect_content("b", "123");
    truncate_file(a, 0);
    truncate_file(b, 4);
    ck_assert_int_eq(write_text(b, 3, "45678"), RAFT_OK);
    ck_assert_uint_eq(disk->used, 8);
}
END_TEST

START_TEST(of_a_write_that_does_not_fit_nothing_is_written_or_what_fits)
{
    uint32_t refused = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        char bytes[] = "2345";
        renew_disk(seed);
        disk->quota = 5;
        raft_file file = durable_file("a", "01");
        struct raft_io io = transfer(RAFT_IO_WRITE, file, 2, bytes, 4);
        bool is_refused = sim_disk_run(disk, &io, no_fault) == RAFT_NOSPACE;
        ck_assert_int_eq(io.status, is_refused ? RAFT_NOSPACE : RAFT_OK);
        ck_assert_uint_eq(io.done, is_refused ? 0 : 3);
        expect_content("a", is_refused ? "01" : "01234");
        ck_assert_uint_eq(disk->used, is_refused ? 2 : 5);
        refused += is_refused;
    }
    expect_half(refused);
}
END_TEST

START_TEST(a_quota_below_what_is_used_refuses_growth_only)
{
    raft_file file = durable_file("a", "12345");
    disk->quota = 2;
    ck_assert_int_eq(write_text(file, 0, "x2345"), RAFT_OK);
    ck_assert_int_eq(write_text(file, 5, "x"), RAFT_NOSPACE);
    expect_content("a", "x2345");
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
    tcase_add_test(device, says_what_is_done_to_which_file);
    tcase_add_test(device, rename_replaces_and_keeps_content);
    tcase_add_test(device, an_unlinked_file_stays_readable_through_its_handle);
    tcase_add_test(device, handles_are_never_reused);
    tcase_add_test_raise_signal(device, using_a_closed_handle_dies, SIGABRT);
    tcase_add_test_raise_signal(device, changing_bytes_under_way_dies, SIGABRT);
    tcase_add_test(device, each_operation_has_a_latency_about_its_mean);
    tcase_add_test(device, a_slow_disk_adds_a_mean_time_to_a_write_and_a_tenth_of_it_to_a_read);
    tcase_add_test(device, a_delay_comes_on_top);
    tcase_add_test(device, a_stall_has_no_end_but_a_heal);
    tcase_add_test(device, a_heal_leaves_alone_what_a_paused_process_has);
    tcase_add_test(device, an_operation_has_no_effect_before_it_completes);
    tcase_add_test(device, overlapping_writes_keep_their_order);
    tcase_add_test(device, a_heal_ends_what_was_stalled_and_keeps_its_order);
    tcase_add_test(device, separate_writes_and_other_files_overtake);
    tcase_add_test(device, reads_overtake_each_other);
    tcase_add_test(device, a_creation_waits_for_writes_of_the_file_it_empties);
    tcase_add_test(device, a_truncation_keeps_its_order_with_writes_behind_it);
    tcase_add_test(device, a_creation_waits_for_reads_of_the_file_it_empties);
    tcase_add_test(device, directory_operations_keep_their_order);
    tcase_add_test(device, a_close_waits_for_what_uses_the_handle);
}

static void add_fault_tests(TCase *faults)
{
    tcase_add_test(faults, a_failed_operation_does_nothing);
    tcase_add_test(faults, a_failed_close_closes);
    tcase_add_test(faults, what_a_failed_sync_has_not_saved_a_good_one_does_not_save_either);
    tcase_add_test(faults, a_write_that_moves_the_end_of_a_file_brings_its_size);
    tcase_add_test(faults, a_reverted_cache_has_the_size_that_the_next_sync_gives_the_file);
    tcase_add_test(faults, a_truncation_to_the_size_that_the_cache_has_reaches_the_medium);
    tcase_add_test(faults, a_failed_sync_saves_sectors_of_what_it_covers_and_nothing_else);
    tcase_add_test(faults, a_failed_sync_may_revert_the_cache);
    tcase_add_test(faults, a_short_write_writes_a_proper_first_part_or_nothing);
    tcase_add_test(faults, a_short_read_reads_a_proper_first_part_or_nothing);
    tcase_add_test(faults, what_does_not_fit_does_nothing);
    tcase_add_test(faults, of_a_write_that_does_not_fit_nothing_is_written_or_what_fits);
    tcase_add_test(faults, a_quota_below_what_is_used_refuses_growth_only);
}

static Suite *disk_suite(void)
{
    const struct {
        const char *name;
        void (*add)(TCase *tcase);
    } parts[] = {{"device", add_device_tests}, {"faults", add_fault_tests}};
    Suite *suite = suite_create("disk");
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
    return unit_main(disk_suite());
}
