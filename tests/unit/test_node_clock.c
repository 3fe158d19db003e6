/* The clock of a node, line by line of its fault model: what it may show, what it never does, and
 * when its timers fire. There is no process: the tests set the timers, and see them fire. */
#include "world_fixture.h"

#include <sim/node_internal.h>

#include <string.h>

#define ALWAYS UINT64_MAX
#define HALF   (UINT64_MAX / 2)
#define TIMER  ((enum raft_timer)0)
#define OTHER  ((enum raft_timer)1)
#define NODES  2u

static struct sim_spec spec;
static struct sim_world *world;
static struct sim_node *node;

static void open_world(uint64_t seed, uint64_t offset_ns)
{
    struct sim_cluster_options options;
    sim_cluster_options_init(&options);
    spec = (struct sim_spec){.sut = &sut_raft, .seed = seed, .fill = 0xa5};
    world = world_create(&spec);
    world->cluster = options;
    world->cluster.clock_offset_ns = offset_ns;
    for (uint32_t id = 1; id <= NODES; id++) {
        world->nodes[id] = sim_node_create(world, id, &options.raft);
        world->nodes[id]->running = true; /* as if the tests were its process */
        world->node_count = id;
    }
    node = world->nodes[1];
}

static void set_up(void)
{
    arena_set_up();
    open_world(1, 0);
}

static uint64_t global_ns(void)
{
    return world->scheduler.now_ns;
}

/* The next timer that fires, at its time; nobody throws clocks meanwhile but a strobe. */
static struct sim_node *next_timer(enum raft_timer *out_timer)
{
    struct sim_event *event = sim_scheduler_pop(&world->scheduler);
    while (event != NULL && event->kind == SIM_EVENT_NODE) {
        ck_assert_uint_eq(event->number, SIM_NODE_STROBE);
        sim_node_clock_throw(world->nodes[event->node]);
        sim_event_free(&world->scheduler, event);
        event = sim_scheduler_pop(&world->scheduler);
    }
    if (event == NULL) {
        return NULL;
    }
    struct sim_node *whose = world->nodes[event->node];
    ck_assert_uint_eq(event->kind, SIM_EVENT_TIMER);
    ck_assert_ptr_eq(whose->timers[event->number], event);
    whose->timers[event->number] = NULL;
    *out_timer = (enum raft_timer)event->number;
    sim_event_free(&world->scheduler, event);
    return whose;
}

static void expect_timer(enum raft_timer expected)
{
    enum raft_timer timer = RAFT_TIMER_COUNT;
    ck_assert_ptr_eq(next_timer(&timer), node);
    ck_assert_int_eq(timer, expected);
    ck_assert_uint_ge(sim_node_now(node), node->deadlines[timer]);
}

static void set_timer(enum raft_timer timer, uint64_t after_ns)
{
    node->env.set_timer(node->env.ctx, timer, sim_node_now(node) + after_ns);
}

/* Time passes, in which a strobe may throw the clock. */
static void pass(uint64_t ns)
{
    uint64_t until_ns = global_ns() + ns;
    struct sim_event *event = sim_scheduler_peek(&world->scheduler);
    while (event != NULL && event->time_ns <= until_ns && event->kind == SIM_EVENT_NODE) {
        event = sim_scheduler_pop(&world->scheduler);
        sim_node_clock_throw(world->nodes[event->node]);
        sim_event_free(&world->scheduler, event);
        event = sim_scheduler_peek(&world->scheduler);
    }
    ck_assert(event == NULL || event->time_ns >= until_ns);
    world->scheduler.now_ns = until_ns;
}

/* ---- what the process is shown ---- */

START_TEST(clocks_have_nothing_to_do_with_each_other)
{
    uint64_t apart_ns[2][NODES + 1];
    ck_assert_uint_ne(sim_node_now(world->nodes[1]), sim_node_now(world->nodes[2]));
    ck_assert_uint_ne(sim_node_now(world->nodes[1]), global_ns());
    for (uint32_t id = 1; id <= NODES; id++) {
        apart_ns[0][id] = sim_node_now(world->nodes[id]);
    }
    for (uint64_t seed = 1; seed <= 20; seed++) {
        open_world(seed, 1000 * MS);
        for (uint32_t id = 1; id <= NODES; id++) {
            uint64_t now_ns = sim_node_now(world->nodes[id]);
            ck_assert_uint_ge(now_ns, apart_ns[0][id]);
            ck_assert_uint_le(now_ns, apart_ns[0][id] + 1000 * MS);
            ck_assert(seed == 1 || now_ns != apart_ns[1][id]);
            apart_ns[1][id] = now_ns;
        }
        ck_assert_uint_ne(apart_ns[1][1] - apart_ns[0][1], apart_ns[1][2] - apart_ns[0][2]);
    }
}
END_TEST

START_TEST(a_clock_runs_at_its_rate_and_the_others_do_not)
{
    static const struct {
        int64_t ppm;
        uint64_t second_ns; /* so long it takes a second for */
    } rates[] = {
        {100000, 1100 * MS},    {-500000, 500 * MS},   {1, 1000 * MS + 1000}, {1000000, 2000 * MS},
        {-1, 1000 * MS - 1000}, {SIM_CLOCK_FROZEN, 0}, {0, 1000 * MS},
    };
    for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
        sim_node_clock_drift(node, rates[i].ppm);
        raft_time before = sim_node_now(node);
        raft_time other_before = sim_node_now(world->nodes[2]);
        pass(1000 * MS);
        ck_assert_uint_eq(sim_node_now(node) - before, rates[i].second_ns);
        ck_assert_uint_eq(sim_node_now(world->nodes[2]) - other_before, 1000 * MS);
    }
}
END_TEST

START_TEST(a_clock_jumps_forward_at_once)
{
    raft_time before = sim_node_now(node);
    sim_node_clock_jump(node, 300 * (int64_t)MS);
    ck_assert_uint_eq(sim_node_now(node), before + 300 * MS);
    ck_assert_uint_eq(sim_node_clock_lag(node), 0);
    pass(10 * MS);
    ck_assert_uint_eq(sim_node_now(node), before + 310 * MS);
}
END_TEST

START_TEST(a_clock_that_jumps_back_stands_still_as_long)
{
    raft_time before = sim_node_now(node);
    sim_node_clock_jump(node, -300 * (int64_t)MS);
    ck_assert_uint_eq(sim_node_clock_lag(node), 300 * MS);
    pass(299 * MS);
    ck_assert_uint_eq(sim_node_now(node), before);
    pass(2 * MS);
    ck_assert_uint_eq(sim_node_now(node), before + MS);
    sim_node_clock_jump(node, INT64_MIN + 1); /* further than it has ever run */
    ck_assert_uint_eq(sim_node_now(node), before + MS);
}
END_TEST

START_TEST(a_clock_that_stands_still_goes_on_from_where_it_stood)
{
    raft_time before = sim_node_now(node);
    sim_node_clock_drift(node, SIM_CLOCK_FROZEN);
    pass(5000 * MS);
    ck_assert_uint_eq(sim_node_now(node), before);
    sim_node_clock_heal(node);
    pass(7 * MS);
    ck_assert_uint_eq(sim_node_now(node), before + 7 * MS);
}
END_TEST

START_TEST(no_clock_ever_shows_a_time_that_goes_back)
{
    struct sim_stream stream;
    raft_time latest = 0;
    uint32_t stands = 0;
    sim_stream_init(&stream, 1, SIM_STREAM_CLOCK, 99, 0);
    for (int i = 0; i < 5000; i++) {
        uint64_t what = sim_draw_below(&stream, 4);
        uint64_t size = sim_draw_below(&stream, 400 * MS);
        if (what == 0) {
            sim_node_clock_jump(node, (int64_t)size - (int64_t)(200 * MS));
        } else if (what == 1) {
            sim_node_clock_drift(node, (int64_t)(size % 2000001) - 1000000);
        } else if (what == 2) {
            sim_node_clock_strobe(node, size % 3 * 50 * MS, 1 + size / 7);
        }
        ck_assert_uint_ge(sim_node_now(node), latest);
        latest = sim_node_now(node);
        pass(sim_draw_below(&stream, 30 * MS));
        ck_assert_uint_ge(sim_node_now(node), latest);
        stands += sim_node_now(node) == latest;
        latest = sim_node_now(node);
    }
    ck_assert(stands > 100 && stands < 4900);
}
END_TEST

START_TEST(a_strobe_throws_to_and_fro_once_a_period_and_ends_right)
{
    raft_time begin = sim_node_now(node);
    uint64_t begin_ns = global_ns();
    sim_node_clock_strobe(node, 100 * MS, 30 * MS);
    ck_assert_uint_eq(sim_node_now(node), begin + 100 * MS); /* at once */
    pass(29 * MS);
    ck_assert_uint_eq(sim_node_now(node), begin + 129 * MS);
    pass(2 * MS); /* back */
    ck_assert_uint_eq(sim_node_clock_lag(node), 130 * MS - 31 * MS);
    pass(30 * MS); /* forth */
    ck_assert_uint_eq(sim_node_now(node), begin + 161 * MS);
    sim_node_clock_heal(node);
    ck_assert_ptr_null(node->clock.strobe);
    ck_assert_uint_eq(sim_node_clock_lag(node), 100 * MS);
    pass(1000 * MS);
    ck_assert_uint_eq(sim_node_now(node) - begin, global_ns() - begin_ns);
}
END_TEST

/* ---- timers ---- */

static const int64_t rates[] = {-900000, -50000, -1, 0, 1, 333333, 1000000};

START_TEST(a_timer_fires_when_its_clock_shows_the_deadline_and_no_earlier)
{
    static const uint64_t waits[] = {0, 1, 2, 999, 1000, 1000001, 123456789};
    sim_node_clock_drift(node, rates[_i]);
    for (size_t i = 0; i < sizeof waits / sizeof waits[0]; i++) {
        set_timer(TIMER, waits[i]);
        uint64_t set_ns = global_ns();
        expect_timer(TIMER);
        uint64_t fired_ns = global_ns();
        if (fired_ns > set_ns) {
            world->scheduler.now_ns--;
            ck_assert_uint_lt(sim_node_now(node), node->deadlines[TIMER]);
            world->scheduler.now_ns = fired_ns;
        }
    }
}
END_TEST

START_TEST(a_timer_follows_its_clock_when_that_changes)
{
    uint64_t begin_ns = global_ns();
    set_timer(TIMER, 1000 * MS);
    pass(500 * MS);
    sim_node_clock_drift(node, 1000000); /* half is left, and takes half as long */
    expect_timer(TIMER);
    ck_assert_uint_eq(global_ns(), begin_ns + 750 * MS);
    sim_node_clock_drift(node, 0);
    begin_ns = global_ns();
    set_timer(TIMER, 1000 * MS);
    sim_node_clock_jump(node, 400 * (int64_t)MS);
    expect_timer(TIMER);
    ck_assert_uint_eq(global_ns(), begin_ns + 600 * MS);
    begin_ns = global_ns();
    set_timer(TIMER, 1000 * MS);
    sim_node_clock_jump(node, 5000 * (int64_t)MS);
    expect_timer(TIMER);
    ck_assert_uint_eq(global_ns(), begin_ns); /* at once */
    set_timer(TIMER, 1000 * MS);
    sim_node_clock_jump(node, -400 * (int64_t)MS);
    expect_timer(TIMER);
    ck_assert_uint_eq(global_ns(), begin_ns + 1400 * MS);
}
END_TEST

START_TEST(a_clock_that_stands_still_fires_what_is_due_and_nothing_else)
{
    sim_node_clock_drift(node, SIM_CLOCK_FROZEN);
    set_timer(TIMER, 0);
    expect_timer(TIMER);
    set_timer(TIMER, 1);
    ck_assert_uint_gt(sim_scheduler_peek(&world->scheduler)->time_ns, 1000000 * 1000 * MS);
    pass(5000 * MS);
    sim_node_clock_drift(node, 0);
    expect_timer(TIMER);
    ck_assert_uint_eq(global_ns(), 5000 * MS + 1);
}
END_TEST

START_TEST(a_timer_that_is_set_again_fires_once_and_another_one_by_itself)
{
    enum raft_timer timer;
    set_timer(TIMER, 10 * MS);
    set_timer(OTHER, 20 * MS);
    set_timer(TIMER, 30 * MS);
    ck_assert_uint_eq(sim_node_timers_armed(node), 2);
    expect_timer(OTHER);
    expect_timer(TIMER);
    ck_assert_uint_eq(global_ns(), 30 * MS);
    set_timer(TIMER, 10 * MS);
    node->env.set_timer(node->env.ctx, TIMER, RAFT_TIME_NEVER);
    ck_assert_uint_eq(sim_node_timers_armed(node), 0);
    ck_assert_ptr_null(next_timer(&timer));
}
END_TEST

START_TEST(timers_are_late_with_their_chance_and_a_heavy_tail_and_never_lost)
{
    uint32_t late = 0;
    uint32_t very_late = 0;
    sim_node_clock_late(node, HALF, 10 * MS);
    for (int i = 0; i < 1000; i++) {
        set_timer(TIMER, 5 * MS);
        uint64_t due_ns = global_ns() + 5 * MS;
        expect_timer(TIMER);
        ck_assert(global_ns() == due_ns || global_ns() >= due_ns + 10 * MS);
        late += global_ns() > due_ns;
        very_late += global_ns() >= due_ns + 80 * MS;
    }
    ck_assert(late > 430 && late < 570);
    ck_assert(very_late > late / 16 && very_late < late / 4);
}
END_TEST

START_TEST(a_timer_that_is_late_is_due_when_that_ends)
{
    sim_node_clock_late(node, ALWAYS, 1000 * MS);
    set_timer(TIMER, 5 * MS);
    sim_node_clock_heal(node);
    expect_timer(TIMER);
    ck_assert_uint_eq(global_ns(), 5 * MS);
}
END_TEST

START_TEST(timers_of_other_nodes_and_of_a_clock_that_healed_are_in_time)
{
    sim_node_clock_late(world->nodes[2], ALWAYS, 10 * MS);
    sim_node_clock_late(node, ALWAYS, 10 * MS);
    sim_node_clock_heal(node);
    uint64_t draws = node->clock.stream.counter;
    for (int i = 0; i < 100; i++) {
        set_timer(TIMER, 5 * MS);
        expect_timer(TIMER);
        ck_assert_uint_eq(global_ns(), (uint64_t)(i + 1) * 5 * MS);
    }
    ck_assert_uint_eq(node->clock.stream.counter, draws);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("node_clock");
    TCase *clocks = tcase_create("clocks");
    tcase_add_checked_fixture(clocks, set_up, arena_tear_down);
    tcase_add_test(clocks, clocks_have_nothing_to_do_with_each_other);
    tcase_add_test(clocks, a_clock_runs_at_its_rate_and_the_others_do_not);
    tcase_add_test(clocks, a_clock_jumps_forward_at_once);
    tcase_add_test(clocks, a_clock_that_jumps_back_stands_still_as_long);
    tcase_add_test(clocks, a_clock_that_stands_still_goes_on_from_where_it_stood);
    tcase_add_test(clocks, no_clock_ever_shows_a_time_that_goes_back);
    tcase_add_test(clocks, a_strobe_throws_to_and_fro_once_a_period_and_ends_right);
    suite_add_tcase(suite, clocks);
    TCase *timers = tcase_create("timers");
    tcase_add_checked_fixture(timers, set_up, arena_tear_down);
    tcase_add_loop_test(timers, a_timer_fires_when_its_clock_shows_the_deadline_and_no_earlier, 0,
                        (int)(sizeof rates / sizeof rates[0]));
    tcase_add_test(timers, a_timer_follows_its_clock_when_that_changes);
    tcase_add_test(timers, a_clock_that_stands_still_fires_what_is_due_and_nothing_else);
    tcase_add_test(timers, a_timer_that_is_set_again_fires_once_and_another_one_by_itself);
    tcase_add_test(timers, a_timer_that_is_late_is_due_when_that_ends);
    tcase_add_test(timers, timers_are_late_with_their_chance_and_a_heavy_tail_and_never_lost);
    tcase_add_test(timers, timers_of_other_nodes_and_of_a_clock_that_healed_are_in_time);
    suite_add_tcase(suite, timers);
    return unit_main(suite);
}
