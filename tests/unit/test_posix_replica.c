/* A whole replica on real files: the single voter of its cluster commits entries, goes, and has all
 * of them when it comes back to the directory. The test is its server: an event loop with poll. */
#include "core_memory.h"
#include "scratch_dir.h"
#include "unit.h"

#include <poll.h>
#include <raft/posix.h>
#include <raft/replica.h>
#include <time.h>

#define ENTRIES      1000u
#define PAYLOAD_SIZE 16

struct server {
    struct core_memory memory;
    struct raft_env env;
    struct raft_posix_files *files;
    struct raft_replica *replica;
    raft_time deadlines_ns[RAFT_TIMER_COUNT];
    /* A batch that the state machine has been given; answered in the loop. */
    raft_index batch_last;
    raft_index applied;
    uint64_t commands; /* applied, without the entries of new leaders */
    uint64_t submitted;
    uint64_t completed;
    bool is_stopped;
};

static struct server s;

static raft_time now(void)
{
    struct timespec time;
    ck_assert_int_eq(clock_gettime(CLOCK_MONOTONIC, &time), 0);
    return (raft_time)time.tv_sec * 1000000000u + (raft_time)time.tv_nsec;
}

static void payload_of(uint64_t number, char payload[PAYLOAD_SIZE])
{
    memset(payload, 0, PAYLOAD_SIZE);
    snprintf(payload, PAYLOAD_SIZE, "command %06u", (unsigned)number);
}

static enum raft_status on_submit(void *ctx, enum raft_point point, struct raft_io *io)
{
    (void)point;
    return raft_posix_files_submit(((struct server *)ctx)->files, io);
}

static enum raft_status on_run(void *ctx, enum raft_point point, struct raft_io *io)
{
    (void)point;
    return raft_posix_files_run(((struct server *)ctx)->files, io);
}

static enum raft_status on_list(void *ctx, enum raft_point point, raft_list_visit visit,
                                void *visitor)
{
    (void)point;
    return raft_posix_files_list(((struct server *)ctx)->files, visit, visitor);
}

static enum raft_status on_send(void *ctx, enum raft_point point, raft_node_id to,
                                const uint8_t *bytes, size_t size)
{
    (void)ctx;
    (void)point;
    (void)bytes;
    ck_abort_msg("a message of %zu bytes to %u, but there is nobody", size, to);
    return RAFT_BUSY;
}

static void on_set_timer(void *ctx, enum raft_timer timer, raft_time deadline_ns)
{
    ((struct server *)ctx)->deadlines_ns[timer] = deadline_ns;
}

static enum raft_status on_apply(void *ctx, enum raft_point refused, enum raft_point error,
                                 struct raft_entry *const *entries, size_t count)
{
    (void)refused;
    (void)error;
    struct server *server = ctx;
    ck_assert_uint_eq(server->batch_last, 0);
    for (size_t i = 0; i < count; i++) {
        ck_assert_uint_eq(entries[i]->id.index, server->applied + i + 1);
        if (entries[i]->kind == RAFT_ENTRY_COMMAND) {
            char expected[PAYLOAD_SIZE];
            payload_of(server->commands, expected);
            ck_assert_uint_eq(entries[i]->size, PAYLOAD_SIZE);
            ck_assert_mem_eq(entries[i]->payload, expected, PAYLOAD_SIZE);
            server->commands++;
        }
    }
    server->batch_last = server->applied + count;
    return RAFT_OK;
}

static void on_complete(void *ctx, uint64_t request, enum raft_status status, raft_index index)
{
    struct server *server = ctx;
    ck_assert_int_eq(status, RAFT_OK);
    ck_assert_uint_eq(request, server->completed);
    ck_assert_uint_gt(index, request);
    server->completed++;
}

static void on_stopped(void *ctx, enum raft_status why)
{
    ck_assert_int_eq(why, RAFT_OK);
    ((struct server *)ctx)->is_stopped = true;
}

static void on_io_done(void *ctx, struct raft_io *io)
{
    struct server *server = ctx;
    raft_replica_io_done(server->replica, now(), io);
}

static void start(bool bootstrap, enum raft_status expected)
{
    struct raft_options options;
    memset(&s, 0, sizeof s);
    core_memory_init(&s.memory);
    s.env = (struct raft_env){.ctx = &s,
                              .memory = &s.memory.memory,
                              .io_submit = on_submit,
                              .io_run = on_run,
                              .list = on_list,
                              .send = on_send,
                              .set_timer = on_set_timer,
                              .apply = on_apply,
                              .complete = on_complete,
                              .stopped = on_stopped};
    for (int timer = 0; timer < RAFT_TIMER_COUNT; timer++) {
        s.deadlines_ns[timer] = RAFT_TIME_NEVER;
    }
    raft_options_init(&options);
    options.id = 1;
    options.voters[0] = 1;
    options.voter_count = 1;
    options.segment_size_max = 8192; /* several segments */
    /* A leader whose disk stalls for the shortest timeout steps down, which no busy machine may
     * bring about here; the test campaigns instead of waiting. */
    options.election_ns_min = 30000000000;
    options.election_ns_max = 60000000000;
    ck_assert_int_eq(raft_posix_files_open(scratch_dir, &s.files), RAFT_OK);
    ck_assert_int_eq(raft_replica_create(&options, &s.env, &s.replica), RAFT_OK);
    ck_assert_int_eq(raft_replica_start(s.replica, now(), bootstrap), expected);
}

/* One round of the event loop: answers, timers, the state machine. */
static void turn(void)
{
    struct pollfd wait = {.fd = raft_posix_files_fd(s.files), .events = POLLIN};
    ck_assert_int_ge(poll(&wait, 1, s.batch_last != 0 ? 0 : 1), 0);
    raft_posix_files_poll(s.files, on_io_done, &s);
    for (int timer = 0; timer < RAFT_TIMER_COUNT; timer++) {
        if (s.deadlines_ns[timer] <= now()) {
            s.deadlines_ns[timer] = RAFT_TIME_NEVER;
            raft_replica_timer(s.replica, now(), (enum raft_timer)timer);
        }
    }
    if (s.batch_last != 0) {
        s.applied = s.batch_last;
        s.batch_last = 0;
        raft_replica_applied(s.replica, now(), RAFT_OK, s.applied);
    }
    ck_assert_ptr_null(raft_replica_invariant_broken(s.replica));
}

static void submit_until_full(uint64_t count)
{
    enum raft_status status = RAFT_OK;
    while (s.submitted < count && status == RAFT_OK) {
        char payload[PAYLOAD_SIZE];
        payload_of(s.submitted, payload);
        status =
            raft_replica_submit(s.replica, now(), s.submitted, (uint8_t *)payload, PAYLOAD_SIZE);
        s.submitted += status == RAFT_OK ? 1 : 0;
    }
    ck_assert(status == RAFT_OK || status == RAFT_BUSY || status == RAFT_NOT_LEADER);
}

static void stop(void)
{
    raft_replica_stop(s.replica, now());
    while (!s.is_stopped) {
        turn();
    }
}

static void destroy(void)
{
    raft_replica_destroy(s.replica);
    raft_posix_files_close(s.files);
    ck_assert_int_eq(s.memory.live, 0);
}

START_TEST(a_thousand_entries_are_there_after_a_restart)
{
    scratch_clear();
    start(true, RAFT_OK);
    ck_assert_int_eq(raft_replica_campaign(s.replica, now()), RAFT_OK);
    while (s.completed < ENTRIES) {
        submit_until_full(ENTRIES);
        turn();
    }
    ck_assert_uint_eq(s.commands, ENTRIES);
    stop();
    destroy();

    start(false, RAFT_OK);
    ck_assert_uint_eq(s.commands, 0);
    ck_assert_int_eq(raft_replica_campaign(s.replica, now()), RAFT_OK);
    while (s.commands < ENTRIES) {
        turn();
    }
    struct raft_view view;
    raft_replica_get_view(s.replica, &view);
    ck_assert_int_eq(view.role, RAFT_LEADER);
    ck_assert_uint_ge(view.state.term, 2);
    ck_assert_uint_ge(view.commit, ENTRIES);
    stop();
    destroy();
}
END_TEST

START_TEST(an_empty_directory_is_not_taken_for_a_new_node)
{
    scratch_clear();
    start(false, RAFT_LOST_STORE);
    destroy();
    ck_assert_int_eq(access(scratch_path("hard-state"), F_OK), -1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("posix_replica");
    TCase *cases = tcase_create("posix_replica");
    tcase_add_unchecked_fixture(cases, scratch_open, scratch_close);
    tcase_add_test(cases, a_thousand_entries_are_there_after_a_restart);
    tcase_add_test(cases, an_empty_directory_is_not_taken_for_a_new_node);
    tcase_set_timeout(cases, 60);
    suite_add_tcase(suite, cases);
    return unit_main(suite);
}
