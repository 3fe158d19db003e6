/* A replica that is the only voter, on the files of storage_double.h: what it takes it completes,
 * and it stops in good order at every event, whatever has failed before.
 *
 * One run: start, become the leader, take REQUESTS commands and a change of its own priority, apply
 * and complete them. Every call into the replica is an event. After each one the references that
 * the probe has seen must be those that the view tells of. */
#include "storage_double.h"
#include "unit.h"

#include <raft/replica.h>

#define REQUESTS   4
#define ATTEMPTS   24
#define PRIORITY   5
#define EVENTS_MAX 600
#define HEAL_AFTER 40u /* events after which a lasting fault is over */
#define NEVER      UINT64_MAX

/* In which order what is pending is answered. */
enum order { OLDEST_FIRST, NEWEST_FIRST, MACHINE_LAST, ORDER_COUNT };

/* What goes wrong at the nth occasion, once or from then on. */
enum trouble { NO_TROUBLE, NO_MEMORY, REFUSED, IO_ERROR, NO_SPACE, EXIT_TAKEN };

static struct {
    struct storage_double disk; /* first: it is the environment's ctx */
    struct raft_options options;
    struct raft_replica *replica;
    enum order order;
    raft_time now;
    raft_time deadlines[RAFT_TIMER_COUNT];
    unsigned events;

    enum trouble trouble;
    uint64_t trouble_at; /* which occasion, from 1 */
    uint64_t occasions;
    bool lasts;

    struct raft_gate gates[RAFT_POINT_COUNT];
    struct raft_probe probe;
    long held[RAFT_HOLDER_COUNT];

    bool applying;
    raft_index applied;
    raft_index batch_last;

    unsigned attempts;
    bool taken[ATTEMPTS];
    bool is_change[ATTEMPTS];
    bool change_open;
    unsigned changed_ok;
    unsigned completed[ATTEMPTS];
    unsigned completed_ok;
    unsigned stopped;
    enum raft_status why;
} w;

/* Whether this occasion of a kind of trouble goes wrong. */
static bool strikes(enum trouble trouble)
{
    if (w.trouble != trouble) {
        return false;
    }
    w.occasions++;
    return w.lasts ? w.occasions >= w.trouble_at : w.occasions == w.trouble_at;
}

static void *bench_alloc(void *ctx, enum raft_point point, size_t size)
{
    return strikes(NO_MEMORY) ? NULL : core_memory_alloc(ctx, point, size);
}

static void strike_file(const struct raft_io *io)
{
    bool takes_space = io->op == RAFT_IO_CREATE || io->op == RAFT_IO_WRITE;
    bool fails = strikes(IO_ERROR) || (takes_space && strikes(NO_SPACE));
    w.disk.stop_after = fails ? w.disk.operations : NEVER;
}

static void word_failure(struct raft_io *io)
{
    if (w.disk.stop_after != NEVER && w.trouble == NO_SPACE) {
        io->status = RAFT_NOSPACE;
    }
}

static enum raft_status bench_run(void *ctx, enum raft_point point, struct raft_io *io)
{
    strike_file(io);
    enum raft_status status = double_run(ctx, point, io);
    word_failure(io);
    return status == RAFT_OK ? RAFT_OK : io->status;
}

static enum raft_status bench_submit(void *ctx, enum raft_point point, struct raft_io *io)
{
    assert_quietly(w.stopped == 0);
    if (strikes(REFUSED)) {
        return RAFT_BUSY;
    }
    strike_file(io);
    enum raft_status status = double_submit(ctx, point, io);
    word_failure(io);
    return status;
}

static enum raft_status bench_list(void *ctx, enum raft_point point, raft_list_visit visit,
                                   void *visitor)
{
    strike_file(&(struct raft_io){.op = RAFT_IO_SYNC_DIR});
    return double_list(ctx, point, visit, visitor);
}

static enum raft_status bench_send(void *ctx, enum raft_point point, raft_node_id to,
                                   const uint8_t *bytes, size_t size)
{
    (void)ctx, (void)point, (void)to, (void)bytes, (void)size;
    ck_abort_msg("the only voter has nobody to send to");
    return RAFT_BUSY;
}

static void bench_set_timer(void *ctx, enum raft_timer timer, raft_time deadline_ns)
{
    (void)ctx;
    ck_assert_uint_eq(w.stopped, 0);
    w.deadlines[timer] = deadline_ns;
}

static enum raft_status bench_apply(void *ctx, enum raft_point refused, enum raft_point error,
                                    struct raft_entry *const *entries, size_t count)
{
    (void)ctx, (void)refused, (void)error;
    ck_assert(!w.applying && w.stopped == 0);
    ck_assert_uint_gt(count, 0);
    if (strikes(REFUSED)) {
        return RAFT_BUSY;
    }
    for (size_t i = 0; i < count; i++) {
        ck_assert_uint_eq(entries[i]->id.index, w.applied + 1 + i);
    }
    w.applying = true;
    w.batch_last = w.applied + count;
    return RAFT_OK;
}

static void bench_complete(void *ctx, uint64_t request, enum raft_status status, raft_index index)
{
    (void)ctx;
    ck_assert_uint_eq(w.stopped, 0);
    ck_assert_uint_lt(request, ATTEMPTS);
    ck_assert(w.taken[request]);
    ck_assert(status == RAFT_OK || status == RAFT_LOST);
    w.completed[request]++;
    if (w.is_change[request]) {
        w.change_open = false;
        w.changed_ok += status == RAFT_OK;
        return;
    }
    ck_assert(status != RAFT_OK || index <= w.applied);
    w.completed_ok += status == RAFT_OK;
}

static void bench_stopped(void *ctx, enum raft_status why)
{
    (void)ctx;
    w.stopped++;
    w.why = why;
}

static bool bench_exit(void *ctx, enum raft_point point, bool condition)
{
    (void)ctx, (void)point;
    return strikes(EXIT_TAKEN) || condition;
}

static void bench_exit_taken(void *ctx, enum raft_point point)
{
    (void)ctx, (void)point;
}

static void bench_held(void *ctx, struct raft_entry *entry, enum raft_holder holder,
                       const char *site)
{
    (void)ctx, (void)entry, (void)site;
    w.held[holder]++;
}

static void bench_dropped(void *ctx, struct raft_entry *entry, enum raft_holder holder,
                          const char *site)
{
    (void)ctx, (void)site;
    assert_quietly(entry->holders[holder] > 0);
    w.held[holder]--;
}

static void set_up_probe(void)
{
    w.probe = (struct raft_probe){.gates = w.gates,
                                  .exit = bench_exit,
                                  .exit_taken = bench_exit_taken,
                                  .entry_held = bench_held,
                                  .entry_dropped = bench_dropped};
    for (int i = 0; i < RAFT_POINT_COUNT; i++) {
        bool may_be_taken = raft_points[i].outcomes & RAFT_OUTCOMES_EXIT;
        w.gates[i].stop_at = may_be_taken ? 0 : NEVER;
    }
    w.disk.memory.memory.probe = &w.probe;
}

static void set_up(enum order order)
{
    memset(&w, 0, sizeof w);
    double_init(&w.disk);
    w.disk.memory.memory.alloc = bench_alloc;
    w.disk.env.io_submit = bench_submit;
    w.disk.env.io_run = bench_run;
    w.disk.env.list = bench_list;
    w.disk.env.send = bench_send;
    w.disk.env.set_timer = bench_set_timer;
    w.disk.env.apply = bench_apply;
    w.disk.env.complete = bench_complete;
    w.disk.env.stopped = bench_stopped;
    set_up_probe();
    raft_options_init(&w.options);
    w.options.id = 1;
    w.options.voters[0] = 1;
    w.options.voter_count = 1;
    w.options.seed = 7;
    w.options.batch_entries_max = 2;
    w.options.batch_size_max = 64;
    w.options.payload_size_max = 16;
    w.options.pending_requests_max = 3;
    w.options.segment_size_max = 200;
    w.order = order;
    for (int i = 0; i < RAFT_TIMER_COUNT; i++) {
        w.deadlines[i] = RAFT_TIME_NEVER;
    }
}

/* What was seen of references is what the node says of itself, and it has stopped or keeps its
 * invariants. */
static void check(void)
{
    if (w.stopped > 0) {
        ck_assert_uint_eq(w.stopped, 1);
        return;
    }
    struct raft_view view;
    raft_replica_get_view(w.replica, &view);
    assert_quietly(w.held[RAFT_HOLDER_LOG] == (long)view.entries_log);
    assert_quietly(w.held[RAFT_HOLDER_STORAGE] == (long)view.entries_storage);
    assert_quietly(w.held[RAFT_HOLDER_APPLY] == (long)view.entries_apply);
    assert_quietly(w.held[RAFT_HOLDER_REQUEST] == (long)view.requests);
    assert_quietly(w.held[RAFT_HOLDER_REPLICATION] == 0);
    assert_quietly(w.held[RAFT_HOLDER_MESSAGE] == 0);
    assert_quietly(w.held[RAFT_HOLDER_LOADING] == 0);
    const char *broken = raft_replica_invariant_broken(w.replica);
    if (broken != NULL) {
        ck_abort_msg("event %u: %s", w.events, broken);
    }
}

static bool answer_io(bool newest)
{
    if (w.disk.pending_count == 0) {
        return false;
    }
    struct raft_io *io = w.disk.pending[newest ? w.disk.pending_count - 1 : 0];
    if (!newest) {
        w.disk.pending[0] = w.disk.pending[1];
    }
    w.disk.pending_count--;
    raft_replica_io_done(w.replica, w.now, io);
    return true;
}

static bool answer_apply(void)
{
    if (!w.applying) {
        return false;
    }
    w.applying = false;
    w.applied = w.batch_last;
    raft_replica_applied(w.replica, w.now, RAFT_OK, w.applied);
    return true;
}

static unsigned requests_taken(void)
{
    unsigned count = 0;
    for (unsigned i = 0; i < ATTEMPTS; i++) {
        count += w.taken[i];
    }
    return count;
}

/* A client that submits until enough has been completed well. A refused submission takes nothing.
 */
static bool submit(void)
{
    struct raft_view view;
    raft_replica_get_view(w.replica, &view);
    if (view.role != RAFT_LEADER || w.completed_ok + view.requests >= REQUESTS ||
        view.requests == w.options.pending_requests_max || w.attempts == ATTEMPTS) {
        return false;
    }
    uint64_t request = w.attempts;
    const uint8_t payload[] = "command";
    if (raft_replica_submit(w.replica, w.now, request, payload, sizeof payload) != RAFT_OK) {
        return false;
    }
    w.taken[request] = true;
    w.attempts++;
    return true;
}

/* An operator who asks for one change behind the first command, until it has succeeded. */
static bool change(void)
{
    const struct raft_configuration target = {
        .members = {{.id = 1, .flags = RAFT_MEMBER_VOTER, .priority = PRIORITY}}, .count = 1};
    if (w.change_open || w.changed_ok > 0 || w.completed_ok == 0 || w.attempts == ATTEMPTS) {
        return false;
    }
    /* It may be completed before the call returns. */
    uint64_t request = w.attempts;
    w.taken[request] = true;
    w.is_change[request] = true;
    w.change_open = true;
    if (raft_replica_change(w.replica, w.now, request, &target) != RAFT_OK) {
        w.taken[request] = false;
        w.is_change[request] = false;
        w.change_open = false;
        return false;
    }
    w.attempts++;
    return true;
}

/* What clients want of the node. */
static bool ask(void)
{
    return submit() || change();
}

static bool fire(void)
{
    int next = 0;
    for (int i = 1; i < RAFT_TIMER_COUNT; i++) {
        next = w.deadlines[i] < w.deadlines[next] ? i : next;
    }
    if (w.deadlines[next] == RAFT_TIME_NEVER) {
        return false;
    }
    w.now = w.deadlines[next] > w.now ? w.deadlines[next] : w.now;
    w.deadlines[next] = RAFT_TIME_NEVER;
    raft_replica_timer(w.replica, w.now, (enum raft_timer)next);
    return true;
}

/* The next event, if there is one. */
static bool happen(bool may_submit)
{
    w.events++;
    if (w.lasts && w.events == HEAL_AFTER) {
        w.trouble = NO_TROUBLE;
    }
    bool happened = false;
    switch (w.order) {
    case OLDEST_FIRST:
        happened = (may_submit && ask()) || answer_apply() || answer_io(false) || fire();
        break;
    case NEWEST_FIRST:
        happened = answer_io(true) || (may_submit && ask()) || answer_apply() || fire();
        break;
    case MACHINE_LAST:
        happened = answer_io(false) || (may_submit && ask()) || fire() || answer_apply();
        /* A machine that is only slow: the heartbeat timer never ends. */
        happened = (w.events % 8 == 0 && w.stopped == 0 && answer_apply()) || happened;
        break;
    case ORDER_COUNT:
        ck_abort();
    }
    check();
    return happened;
}

static enum raft_status start(bool bootstrap)
{
    enum raft_status status = raft_replica_create(&w.options, &w.disk.env, &w.replica);
    if (status != RAFT_OK) {
        w.replica = NULL;
        return status;
    }
    status = raft_replica_start(w.replica, w.now, bootstrap);
    if (status != RAFT_OK) {
        raft_replica_destroy(w.replica);
        w.replica = NULL;
    }
    return status;
}

static bool is_done(void)
{
    return w.stopped > 0 || (w.completed_ok >= REQUESTS && w.changed_ok > 0);
}

/* Lets everything happen until the requests are done, or a number of events has passed. */
static void run(unsigned events)
{
    while (w.events < events && !is_done()) {
        if (!happen(true)) {
            ck_abort_msg("event %u: nothing will ever happen again", w.events);
        }
    }
}

/* Nothing is owned, nothing is pending, everything taken has been completed once. */
static void assert_nothing_is_left(void)
{
    for (int i = 0; i < RAFT_HOLDER_COUNT; i++) {
        ck_assert_msg(w.held[i] == 0, "%ld held by %s", w.held[i],
                      raft_holder_string((enum raft_holder)i));
    }
    for (unsigned i = 0; i < ATTEMPTS; i++) {
        assert_quietly(w.completed[i] == (w.taken[i] ? 1 : 0));
    }
    ck_assert_uint_eq(double_handles_open(&w.disk), 0);
    ck_assert_int_eq(w.disk.memory.live, 0);
    ck_assert_uint_eq(w.disk.pending_count, 0);
    ck_assert(!w.applying);
}

static void finish(void)
{
    unsigned limit = w.events + EVENTS_MAX;
    raft_replica_stop(w.replica, w.now);
    check();
    raft_replica_stop(w.replica, w.now); /* safe to repeat */
    while (w.stopped == 0) {
        ck_assert_msg(w.events < limit && happen(false), "event %u: the stop hangs", w.events);
    }
    raft_replica_stop(w.replica, w.now);
    ck_assert_uint_eq(w.stopped, 1);
    for (int i = 0; i < RAFT_TIMER_COUNT; i++) {
        ck_assert_uint_eq(w.deadlines[i], RAFT_TIME_NEVER);
    }
    ck_assert_int_eq(w.disk.memory.live, 1);
    raft_replica_destroy(w.replica);
    w.replica = NULL;
    assert_nothing_is_left();
}

/* Whether the trouble came at all: a sweep ends with the first occasion that did not come. */
static bool came(void)
{
    return w.occasions >= w.trouble_at;
}

/* A whole run in which the nth occasion goes wrong. A fault that is over leaves a node that has
 * stopped, or one that goes on as if nothing had been. */
static bool survives(enum order order, enum trouble trouble, bool lasts, uint64_t occasion)
{
    set_up(order);
    w.trouble = trouble;
    w.lasts = lasts;
    w.trouble_at = occasion;
    if (start(true) != RAFT_OK) {
        ck_assert_uint_eq(w.stopped, 0);
        assert_nothing_is_left();
        return came();
    }
    check();
    run(EVENTS_MAX);
    bool failed = w.stopped > 0;
    ck_assert(!failed || w.why == RAFT_IO);
    ck_assert(!failed || trouble == IO_ERROR || trouble == NO_SPACE);
    ck_assert(failed || w.changed_ok == 1);
    ck_assert_msg(failed || w.completed_ok >= REQUESTS,
                  "order %d, trouble %d at %llu%s: %u of %u requests completed, %u taken", order,
                  trouble, (unsigned long long)occasion, lasts ? " and after" : "", w.completed_ok,
                  REQUESTS, requests_taken());
    bool has_come = came();
    finish();
    return has_come;
}

static void sweep(enum trouble trouble)
{
    for (enum order order = OLDEST_FIRST; order < ORDER_COUNT; order++) {
        uint64_t occasion = 1;
        while (survives(order, trouble, false, occasion)) {
            occasion++;
        }
        ck_assert_uint_gt(occasion, REQUESTS);
        for (occasion = 1; survives(order, trouble, true, occasion);) {
            occasion++;
        }
    }
}

START_TEST(completes_what_it_takes_and_finds_it_again)
{
    for (enum order order = OLDEST_FIRST; order < ORDER_COUNT; order++) {
        set_up(order);
        ck_assert_int_eq(start(true), RAFT_OK);
        run(EVENTS_MAX);
        ck_assert_uint_eq(w.completed_ok, REQUESTS);
        raft_index last = 0;
        struct raft_view view;
        raft_replica_get_view(w.replica, &view);
        /* And the leader's own first entry, and the configuration. */
        ck_assert_uint_eq(view.last.index, REQUESTS + 2);
        last = view.last.index;
        finish();
        ck_assert_int_eq(w.why, RAFT_OK);

        double_reboot(&w.disk);
        w.stopped = 0;
        w.applied = 0;
        ck_assert_int_eq(start(false), RAFT_OK);
        raft_replica_get_view(w.replica, &view);
        ck_assert_uint_eq(view.last.index, last);
        ck_assert_uint_eq(view.configuration.members[0].priority, PRIORITY);
        ck_assert_uint_eq(view.durable.index, last);
        ck_assert_uint_eq(view.state.vote, 1);
        finish();
    }
}
END_TEST

START_TEST(takes_a_lost_store_for_no_new_one)
{
    set_up(OLDEST_FIRST);
    ck_assert_int_eq(start(false), RAFT_LOST_STORE);
    assert_nothing_is_left();
}
END_TEST

START_TEST(refuses_what_it_cannot_take_and_consumes_nothing)
{
    static uint8_t payload[32];
    set_up(OLDEST_FIRST);
    ck_assert_int_eq(start(true), RAFT_OK);
    ck_assert_int_eq(raft_replica_submit(w.replica, w.now, 0, payload, 1), RAFT_NOT_LEADER);
    ck_assert_int_eq(raft_replica_submit(w.replica, w.now, 0, payload, 17), RAFT_INVALID);
    run(EVENTS_MAX);
    raft_replica_set_read_only(w.replica, w.now, true);
    ck_assert_int_eq(raft_replica_submit(w.replica, w.now, 0, payload, 1), RAFT_READONLY);
    raft_replica_set_read_only(w.replica, w.now, false);
    for (uint64_t i = 0; i < 3; i++) {
        w.taken[w.attempts] = true;
        ck_assert_int_eq(raft_replica_submit(w.replica, w.now, w.attempts++, payload, 1), RAFT_OK);
    }
    ck_assert_int_eq(raft_replica_submit(w.replica, w.now, 0, payload, 1), RAFT_BUSY);
    const struct raft_configuration nobody = {.count = 0};
    ck_assert_int_eq(raft_replica_change(w.replica, w.now, 0, &nobody), RAFT_INVALID);
    ck_assert_int_eq(raft_replica_recover(w.replica, w.now, &nobody), RAFT_INVALID);
    raft_replica_stop(w.replica, w.now);
    ck_assert_int_eq(raft_replica_submit(w.replica, w.now, 0, payload, 1), RAFT_STOPPED);
    ck_assert_int_eq(raft_replica_change(w.replica, w.now, 0, &nobody), RAFT_STOPPED);
    ck_assert_int_eq(raft_replica_recover(w.replica, w.now, &nobody), RAFT_STOPPED);
    ck_assert_int_eq(raft_replica_campaign(w.replica, w.now), RAFT_STOPPED);
    check();
    finish();
}
END_TEST

/* refuse: the first operations after the stop are refused, so that it has to be tried again. */
static bool stops_after(enum order order, unsigned events, unsigned refuse)
{
    set_up(order);
    ck_assert_int_eq(start(true), RAFT_OK);
    check();
    run(events);
    bool is_over = is_done();
    w.trouble = refuse > 0 ? REFUSED : NO_TROUBLE;
    w.trouble_at = refuse;
    finish();
    ck_assert_int_eq(w.why, RAFT_OK);
    return is_over;
}

START_TEST(stops_in_good_order_at_every_event)
{
    for (enum order order = OLDEST_FIRST; order < ORDER_COUNT; order++) {
        for (unsigned refuse = 0; refuse < 5; refuse++) {
            unsigned events = 0;
            while (!stops_after(order, events, refuse)) {
                events++;
            }
            ck_assert_uint_gt(events, 20);
        }
    }
}
END_TEST

/* There is no memory from an event on; stopping needs none. */
START_TEST(stops_without_memory_at_every_event)
{
    unsigned events = 0;
    bool is_over = false;
    for (; !is_over; events++) {
        set_up(OLDEST_FIRST);
        ck_assert_int_eq(start(true), RAFT_OK);
        run(events);
        is_over = is_done();
        w.trouble = NO_MEMORY;
        w.trouble_at = 1;
        w.lasts = true;
        raft_replica_stop(w.replica, w.now);
        ck_assert_uint_eq(w.occasions, 0);
        finish();
        ck_assert_uint_eq(w.occasions, 0);
    }
}
END_TEST

START_TEST(fails_with_the_state_machine)
{
    set_up(OLDEST_FIRST);
    ck_assert_int_eq(start(true), RAFT_OK);
    while (!w.applying) {
        ck_assert(happen(true));
    }
    w.applying = false;
    raft_replica_applied(w.replica, w.now, RAFT_MACHINE, w.applied);
    finish();
    ck_assert_int_eq(w.why, RAFT_MACHINE);
}
END_TEST

START_TEST(survives_every_allocation_that_fails)
{
    sweep(NO_MEMORY);
}
END_TEST

START_TEST(survives_every_operation_that_is_refused)
{
    sweep(REFUSED);
}
END_TEST

START_TEST(survives_or_stops_for_every_operation_that_fails)
{
    sweep(IO_ERROR);
}
END_TEST

START_TEST(survives_or_stops_for_every_write_without_space)
{
    sweep(NO_SPACE);
}
END_TEST

START_TEST(survives_every_early_return_that_is_taken)
{
    for (enum order order = OLDEST_FIRST; order < ORDER_COUNT; order++) {
        uint64_t occasion = 1;
        while (survives(order, EXIT_TAKEN, false, occasion)) {
            occasion++;
        }
    }
}
END_TEST

/* An expired timer may already be on its way when it is cancelled. */
START_TEST(a_timer_after_the_stop_does_nothing)
{
    for (enum order order = OLDEST_FIRST; order < ORDER_COUNT; order++) {
        for (unsigned events = 0; events < 60; events++) {
            set_up(order);
            ck_assert_int_eq(start(true), RAFT_OK);
            run(events);
            raft_replica_stop(w.replica, w.now);
            for (int i = 0; i < RAFT_TIMER_COUNT; i++) {
                raft_replica_timer(w.replica, w.now, (enum raft_timer)i);
                check();
            }
            finish();
        }
    }
}
END_TEST

static Suite *replica_suite(void)
{
    Suite *suite = suite_create("replica");
    TCase *one = tcase_create("single voter");
    tcase_set_timeout(one, 60);
    tcase_add_test(one, completes_what_it_takes_and_finds_it_again);
    tcase_add_test(one, takes_a_lost_store_for_no_new_one);
    tcase_add_test(one, refuses_what_it_cannot_take_and_consumes_nothing);
    tcase_add_test(one, stops_in_good_order_at_every_event);
    tcase_add_test(one, stops_without_memory_at_every_event);
    tcase_add_test(one, fails_with_the_state_machine);
    tcase_add_test(one, survives_every_allocation_that_fails);
    tcase_add_test(one, survives_every_operation_that_is_refused);
    tcase_add_test(one, survives_or_stops_for_every_operation_that_fails);
    tcase_add_test(one, survives_or_stops_for_every_write_without_space);
    tcase_add_test(one, survives_every_early_return_that_is_taken);
    tcase_add_test(one, a_timer_after_the_stop_does_nothing);
    suite_add_tcase(suite, one);
    return suite;
}

int main(void)
{
    return unit_main(replica_suite());
}
