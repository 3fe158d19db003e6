/* The disk, line by line of its fault model: what a process sees, in which order, and what faults
 * do to it. Crashes are in test_disk_crash.c. */
#include "disk_bench.h"

#include <signal.h>

static void setup(void)
{
    open_disk(1);
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
    for (int i = 0; i < 50; i++) {
        uint64_t start_ns = world->scheduler.now_ns;
        struct raft_io io = transfer(RAFT_IO_WRITE, file, 0, bytes, 1);
        sim_disk_submit(disk, &io, (struct sim_disk_fault){.delay_ns = 5}, 1);
        perform_all();
        uint64_t took_ns = world->scheduler.now_ns - start_ns;
        ck_assert_uint_ge(took_ns, 505);
        ck_assert_uint_lt(took_ns, 1505);
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
    char bytes[2] = {'1', '2'};
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
    tcase_add_test(device, a_slow_disk_adds_a_mean_time_to_a_write_and_a_tenth_of_it_to_a_read);
    tcase_add_test(device, an_operation_has_no_effect_before_it_completes);
    tcase_add_test(device, overlapping_writes_keep_their_order);
    tcase_add_test(device, a_heal_ends_what_was_stalled_and_keeps_its_order);
    tcase_add_test(device, separate_writes_and_other_files_overtake);
    tcase_add_test(device, a_truncation_keeps_its_order_with_writes_behind_it);
    tcase_add_test(device, directory_operations_keep_their_order);
    tcase_add_test(device, a_close_waits_for_what_uses_the_handle);
}

static void add_fault_tests(TCase *faults)
{
    tcase_add_test(faults, a_failed_operation_does_nothing);
    tcase_add_test(faults, a_failed_close_closes);
    tcase_add_test(faults, after_a_failed_sync_a_good_one_does_not_save_the_content);
    tcase_add_test(faults, a_failed_sync_may_revert_the_cache);
    tcase_add_test(faults, a_short_write_writes_a_proper_first_part_or_nothing);
    tcase_add_test(faults, a_write_that_does_not_fit_does_nothing);
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
        tcase_add_checked_fixture(tcase, setup, close_disk);
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
