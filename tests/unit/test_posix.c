/* The files of a POSIX directory: each operation, its failures, the queue and the lock. */
#include "scratch_dir.h"
#include "unit.h"

#include <poll.h>
#include <raft/posix.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

static struct raft_posix_files *files;

static void begin(void)
{
    scratch_clear();
    ck_assert_int_eq(raft_posix_files_open(scratch_dir, &files), RAFT_OK);
}

static void finish(void)
{
    raft_posix_files_close(files);
    files = NULL;
}

static struct raft_io named(enum raft_io_op op, const char *name)
{
    struct raft_io io = {.op = op};
    snprintf(io.name, sizeof io.name, "%s", name);
    return io;
}

static enum raft_status run_named(enum raft_io_op op, const char *name)
{
    struct raft_io io = named(op, name);
    return raft_posix_files_run(files, &io);
}

static raft_file open_file(enum raft_io_op op, const char *name)
{
    struct raft_io io = named(op, name);
    ck_assert_int_eq(raft_posix_files_run(files, &io), RAFT_OK);
    ck_assert_uint_ne(io.file, 0);
    return io.file;
}

static enum raft_status run_on(enum raft_io_op op, raft_file file, uint64_t offset)
{
    struct raft_io io = {.op = op, .file = file, .offset = offset};
    return raft_posix_files_run(files, &io);
}

static struct raft_io transfer(enum raft_io_op op, raft_file file, uint64_t offset, void *bytes,
                               size_t size)
{
    return (struct raft_io){.op = op, .file = file, .offset = offset, .bytes = bytes, .size = size};
}

static void write_text(raft_file file, uint64_t offset, char *text)
{
    struct raft_io io = transfer(RAFT_IO_WRITE, file, offset, text, strlen(text));
    ck_assert_int_eq(raft_posix_files_run(files, &io), RAFT_OK);
    ck_assert_uint_eq(io.done, io.size);
}

static void expect_file(const char *name, const char *text)
{
    char bytes[256] = {0};
    ck_assert_int_eq(scratch_read(name, bytes, sizeof bytes - 1), (long)strlen(text));
    ck_assert_str_eq(bytes, text);
}

static bool exists(const char *name)
{
    return access(scratch_path(name), F_OK) == 0;
}

/* ---- the answers ---- */

static struct raft_io *delivered[64];
static size_t delivered_count;

static void note(void *ctx, struct raft_io *io)
{
    ck_assert_ptr_eq(ctx, &delivered_count);
    ck_assert_uint_lt(delivered_count, 64);
    delivered[delivered_count++] = io;
}

static bool is_readable(int timeout_ms)
{
    struct pollfd wait = {.fd = raft_posix_files_fd(files), .events = POLLIN};
    return poll(&wait, 1, timeout_ms) == 1;
}

/* Waits as a server would until count answers have been delivered. */
static void collect(size_t count)
{
    while (delivered_count < count) {
        ck_assert(is_readable(10000));
        ck_assert_uint_gt(raft_posix_files_poll(files, note, &delivered_count), 0);
    }
    ck_assert_uint_eq(delivered_count, count);
    delivered_count = 0;
}

static void submit(struct raft_io *io)
{
    ck_assert_int_eq(raft_posix_files_submit(files, io), RAFT_OK);
}

/* ---- opening and the lock ---- */

START_TEST(opens_an_existing_directory_only)
{
    scratch_clear();
    scratch_write("plain", "x", 1);
    files = NULL;
    ck_assert_int_eq(raft_posix_files_open(scratch_path("none"), &files), RAFT_NOT_FOUND);
    ck_assert_int_eq(raft_posix_files_open(scratch_path("plain"), &files), RAFT_IO);
    ck_assert_ptr_null(files);
    raft_posix_files_close(NULL);
}
END_TEST

START_TEST(a_store_is_opened_once)
{
    struct raft_posix_files *second = NULL;
    begin();
    ck_assert_int_eq(raft_posix_files_open(scratch_dir, &second), RAFT_BUSY);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        _exit(raft_posix_files_open(scratch_dir, &second) == RAFT_BUSY ? 0 : 1);
    }
    int status = -1;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    ck_assert_ptr_null(second);
    finish();
    begin();
    finish();
}
END_TEST

START_TEST(a_process_that_dies_gives_the_lock_back)
{
    int ready[2];
    char byte = 0;
    scratch_clear();
    ck_assert_int_eq(pipe(ready), 0);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        begin();
        ck_assert_int_eq(write(ready[1], "!", 1), 1);
        pause();
    }
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    ck_assert_int_eq(raft_posix_files_open(scratch_dir, &files), RAFT_BUSY);
    ck_assert_int_eq(kill(child, SIGKILL), 0);
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    begin();
    finish();
}
END_TEST

/* ---- one operation ---- */

START_TEST(writes_reads_and_truncates)
{
    char bytes[16] = {0};
    begin();
    raft_file file = open_file(RAFT_IO_CREATE, "one");
    write_text(file, 4, "text");
    struct raft_io read = transfer(RAFT_IO_READ, file, 2, bytes, 4);
    ck_assert_int_eq(raft_posix_files_run(files, &read), RAFT_OK);
    ck_assert_uint_eq(read.done, 4);
    ck_assert_mem_eq(bytes, "\0\0te", 4);
    read = transfer(RAFT_IO_READ, file, 6, bytes, sizeof bytes);
    ck_assert_int_eq(raft_posix_files_run(files, &read), RAFT_OK);
    ck_assert_uint_eq(read.done, 2);
    read.offset = 100;
    ck_assert_int_eq(raft_posix_files_run(files, &read), RAFT_OK);
    ck_assert_uint_eq(read.done, 0);
    ck_assert_int_eq(run_on(RAFT_IO_TRUNCATE, file, 6), RAFT_OK);
    ck_assert_int_eq(run_on(RAFT_IO_SYNC, file, 0), RAFT_OK);
    ck_assert_int_eq(run_on(RAFT_IO_CLOSE, file, 0), RAFT_OK);
    ck_assert_int_eq(run_named(RAFT_IO_SYNC_DIR, ""), RAFT_OK);
    ck_assert_int_eq(scratch_read("one", bytes, sizeof bytes), 6);
    ck_assert_mem_eq(bytes, "\0\0\0\0te", 6);
    finish();
}
END_TEST

START_TEST(open_tells_the_size_and_create_empties)
{
    begin();
    scratch_write("one", "0123456789", 10);
    struct raft_io io = named(RAFT_IO_OPEN, "one");
    ck_assert_int_eq(raft_posix_files_run(files, &io), RAFT_OK);
    ck_assert_uint_eq(io.file_size, 10);
    raft_file file = open_file(RAFT_IO_CREATE, "one");
    ck_assert_uint_ne(file, io.file);
    expect_file("one", "");
    finish(); /* closes what is open */
}
END_TEST

START_TEST(renames_over_and_unlinks)
{
    begin();
    scratch_write("from", "new", 3);
    scratch_write("to", "old", 3);
    struct raft_io io = named(RAFT_IO_RENAME, "from");
    snprintf(io.name_to, sizeof io.name_to, "to");
    ck_assert_int_eq(raft_posix_files_run(files, &io), RAFT_OK);
    ck_assert(!exists("from"));
    expect_file("to", "new");
    ck_assert_int_eq(run_named(RAFT_IO_UNLINK, "to"), RAFT_OK);
    ck_assert(!exists("to"));
    finish();
}
END_TEST

START_TEST(says_what_is_not_there)
{
    static const enum raft_io_op ops[] = {RAFT_IO_OPEN, RAFT_IO_UNLINK, RAFT_IO_RENAME};
    begin();
    for (int i = 0; i < 3; i++) {
        struct raft_io io = named(ops[i], "none");
        snprintf(io.name_to, sizeof io.name_to, "to");
        ck_assert_int_eq(raft_posix_files_run(files, &io), RAFT_NOT_FOUND);
        ck_assert_int_eq(io.status, RAFT_NOT_FOUND);
        ck_assert_uint_eq(io.file, 0);
    }
    finish();
}
END_TEST

START_TEST(says_that_the_device_is_full)
{
    char text[] = "text";
    begin();
    ck_assert_int_eq(symlink("/dev/full", scratch_path("full")), 0);
    raft_file file = open_file(RAFT_IO_OPEN, "full");
    struct raft_io io = transfer(RAFT_IO_WRITE, file, 0, text, 4);
    ck_assert_int_eq(raft_posix_files_run(files, &io), RAFT_NOSPACE);
    ck_assert_uint_eq(io.done, 0);
    ck_assert_int_eq(run_on(RAFT_IO_SYNC, file, 0), RAFT_IO); /* it cannot be synced */
    finish();
}
END_TEST

START_TEST(a_write_that_is_stopped_halfway_is_short)
{
    char bytes[150];
    memset(bytes, 'x', sizeof bytes);
    begin();
    raft_file file = open_file(RAFT_IO_CREATE, "one");
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit limit = {.rlim_cur = 100, .rlim_max = RLIM_INFINITY};
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    struct raft_io io = transfer(RAFT_IO_WRITE, file, 0, bytes, sizeof bytes);
    enum raft_status first = raft_posix_files_run(files, &io);
    size_t done = io.done;
    io = transfer(RAFT_IO_WRITE, file, done, bytes, sizeof bytes - done);
    enum raft_status second = raft_posix_files_run(files, &io);
    limit.rlim_cur = RLIM_INFINITY;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0); /* libcheck writes, too */
    ck_assert_int_eq(first, RAFT_OK);
    ck_assert_uint_eq(done, 100);
    ck_assert_int_eq(second, RAFT_IO);
    ck_assert_uint_eq(io.done, 0);
    finish();
}
END_TEST

START_TEST(has_a_bounded_number_of_handles)
{
    begin();
    for (uint32_t i = 0; i < RAFT_POSIX_OPEN_MAX; i++) {
        ck_assert_uint_eq(open_file(RAFT_IO_CREATE, "one"), i + 1);
    }
    ck_assert_int_eq(run_named(RAFT_IO_CREATE, "two"), RAFT_IO);
    ck_assert(!exists("two"));
    ck_assert_int_eq(run_on(RAFT_IO_CLOSE, 7, 0), RAFT_OK);
    ck_assert_int_eq(run_named(RAFT_IO_OPEN, "none"), RAFT_NOT_FOUND); /* keeps no handle */
    ck_assert_uint_eq(open_file(RAFT_IO_CREATE, "two"), 7);
    finish();
}
END_TEST

/* ---- the listing ---- */

struct listing {
    char names[128];
    int stop_after;
};

static bool visit(void *visitor, const char *name)
{
    struct listing *listing = visitor;
    strcat(listing->names, name);
    strcat(listing->names, " ");
    listing->stop_after--;
    return listing->stop_after != 0;
}

START_TEST(lists_in_byte_order)
{
    static const char *const names[] = {"b", "aa", "\xc3\xa4", "B",
                                        "~", "a",  ".hidden",  "a-name-that-is-one-byte-too-long"};
    struct listing all = {.stop_after = -1};
    struct listing two = {.stop_after = 2};
    struct listing none = {.stop_after = -1};
    begin();
    ck_assert_int_eq(raft_posix_files_list(files, visit, &none), RAFT_OK);
    ck_assert_str_eq(none.names, "");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        scratch_write(names[i], "x", 1);
    }
    ck_assert_int_eq(raft_posix_files_list(files, visit, &all), RAFT_OK);
    ck_assert_str_eq(all.names, "B a aa b ~ \xc3\xa4 ");
    ck_assert_int_eq(raft_posix_files_list(files, visit, &two), RAFT_OK);
    ck_assert_str_eq(two.names, "B a ");
    finish();
}
END_TEST

/* ---- the queue ---- */

START_TEST(is_readable_while_an_answer_waits)
{
    begin();
    ck_assert(!is_readable(0));
    ck_assert_uint_eq(raft_posix_files_poll(files, note, &delivered_count), 0);
    struct raft_io io = named(RAFT_IO_CREATE, "one");
    submit(&io);
    ck_assert(is_readable(10000));
    collect(1);
    ck_assert_ptr_eq(delivered[0], &io);
    ck_assert_int_eq(io.status, RAFT_OK);
    ck_assert(!is_readable(0));
    ck_assert(exists("one"));
    finish();
}
END_TEST

START_TEST(refuses_more_than_its_bound_until_answers_are_delivered)
{
    struct raft_io ios[RAFT_POSIX_SUBMITTED_MAX];
    struct raft_io extra = named(RAFT_IO_UNLINK, "extra");
    begin();
    for (int round = 0; round < 3; round++) {
        for (uint32_t i = 0; i < RAFT_POSIX_SUBMITTED_MAX; i++) {
            ios[i] = named(RAFT_IO_UNLINK, "none");
            submit(&ios[i]);
        }
        ck_assert_int_eq(raft_posix_files_submit(files, &extra), RAFT_BUSY);
        ck_assert(is_readable(10000));
        ck_assert_int_eq(raft_posix_files_submit(files, &extra), RAFT_BUSY);
        collect(RAFT_POSIX_SUBMITTED_MAX);
        ck_assert_int_eq(ios[0].status, RAFT_NOT_FOUND);
    }
    submit(&extra);
    collect(1);
    finish();
}
END_TEST

START_TEST(operations_on_one_handle_keep_their_order)
{
    enum { STEPS = 8 };
    struct raft_io ios[2 * STEPS];
    char letters[STEPS][2];
    begin();
    const raft_file handles[2] = {open_file(RAFT_IO_CREATE, "a"), open_file(RAFT_IO_CREATE, "b")};
    for (int round = 0; round < 200; round++) {
        for (int i = 0; i < 2 * STEPS; i++) {
            char *letter = letters[i / 2];
            letter[i % 2] = (char)('a' + (round + i) % 26);
            ios[i] = transfer(RAFT_IO_WRITE, handles[i % 2], 0, &letter[i % 2], 1);
            if (i / 2 == STEPS - 2) {
                ios[i] = (struct raft_io){.op = RAFT_IO_TRUNCATE, .file = handles[i % 2]};
            }
            submit(&ios[i]);
        }
        collect(2 * STEPS);
        struct raft_io *last[2] = {NULL, NULL};
        for (int i = 0; i < 2 * STEPS; i++) {
            struct raft_io **before = &last[delivered[i]->file == handles[1]];
            ck_assert(*before == NULL || *before < delivered[i]);
            *before = delivered[i];
        }
        expect_file("a", (char[]){letters[STEPS - 1][0], 0});
        expect_file("b", (char[]){letters[STEPS - 1][1], 0});
    }
    finish();
}
END_TEST

START_TEST(operations_on_the_directory_keep_their_order)
{
    begin();
    for (int round = 0; round < 100; round++) {
        struct raft_io ios[] = {
            named(RAFT_IO_CREATE, "one"), named(RAFT_IO_RENAME, "one"),
            named(RAFT_IO_UNLINK, "one"), named(RAFT_IO_SYNC_DIR, ""),
            named(RAFT_IO_OPEN, "two"),   named(RAFT_IO_UNLINK, "two"),
            named(RAFT_IO_OPEN, "two"),
        };
        static const enum raft_status expected[] = {RAFT_OK, RAFT_OK, RAFT_NOT_FOUND, RAFT_OK,
                                                    RAFT_OK, RAFT_OK, RAFT_NOT_FOUND};
        snprintf(ios[1].name_to, sizeof ios[1].name_to, "two");
        for (int i = 0; i < 7; i++) {
            submit(&ios[i]);
        }
        collect(7);
        for (int i = 0; i < 7; i++) {
            ck_assert_ptr_eq(delivered[i], &ios[i]);
            ck_assert_int_eq(ios[i].status, expected[i]);
        }
        ck_assert_int_eq(run_on(RAFT_IO_CLOSE, ios[0].file, 0), RAFT_OK);
        ck_assert_int_eq(run_on(RAFT_IO_CLOSE, ios[4].file, 0), RAFT_OK);
    }
    finish();
}
END_TEST

/* A chain as the core makes it: each answer submits the next operation. */
static void go_on(void *ctx, struct raft_io *io)
{
    unsigned *left = ctx;
    ck_assert_int_eq(io->status, RAFT_OK);
    (*left)--;
    if (*left > 0) {
        io->op = io->op == RAFT_IO_WRITE ? RAFT_IO_SYNC : RAFT_IO_WRITE;
        submit(io);
    }
}

START_TEST(an_answer_may_submit_the_next_operation)
{
    char text[] = "text";
    unsigned left = 100;
    begin();
    raft_file file = open_file(RAFT_IO_CREATE, "one");
    struct raft_io io = transfer(RAFT_IO_WRITE, file, 0, text, 4);
    submit(&io);
    while (left > 0) {
        ck_assert(is_readable(10000));
        raft_posix_files_poll(files, go_on, &left);
    }
    ck_assert(!is_readable(0));
    expect_file("one", "text");
    finish();
}
END_TEST

static Suite *posix_suite(void)
{
    const TTest *const tests[] = {
        opens_an_existing_directory_only,
        a_store_is_opened_once,
        a_process_that_dies_gives_the_lock_back,
        writes_reads_and_truncates,
        open_tells_the_size_and_create_empties,
        renames_over_and_unlinks,
        says_what_is_not_there,
        says_that_the_device_is_full,
        a_write_that_is_stopped_halfway_is_short,
        has_a_bounded_number_of_handles,
        lists_in_byte_order,
        is_readable_while_an_answer_waits,
        refuses_more_than_its_bound_until_answers_are_delivered,
        operations_on_one_handle_keep_their_order,
        operations_on_the_directory_keep_their_order,
        an_answer_may_submit_the_next_operation,
    };
    Suite *suite = suite_create("posix");
    TCase *cases = tcase_create("posix");
    tcase_add_unchecked_fixture(cases, scratch_open, scratch_close);
    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++) {
        tcase_add_test(cases, tests[i]);
    }
    suite_add_tcase(suite, cases);
    return suite;
}

int main(void)
{
    return unit_main(posix_suite());
}
