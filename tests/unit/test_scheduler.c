/* The scheduler: order by time, hashed order of equals, moving and cancelling. */
#include "arena_fixture.h"

#include <sim/random.h>
#include <sim/scheduler.h>
#include <string.h>

#define MANY 500u

static struct sim_scheduler scheduler;

static void setup(void)
{
    arena_set_up();
    sim_scheduler_init(&scheduler, arena, 1);
}

static struct sim_event *put(struct sim_source *source, uint32_t number, uint64_t time_ns)
{
    struct sim_event *event = sim_event_new(&scheduler, SIM_EVENT_TIMER, 1);
    event->number = number;
    sim_schedule(&scheduler, source, event, time_ns);
    return event;
}

/* Pops the next event and returns its number. */
static uint32_t next(void)
{
    struct sim_event *event = sim_scheduler_pop(&scheduler);
    ck_assert_ptr_nonnull(event);
    uint32_t number = event->number;
    sim_event_free(&scheduler, event);
    return number;
}

START_TEST(an_empty_queue_has_no_next_event)
{
    ck_assert_ptr_null(sim_scheduler_peek(&scheduler));
    ck_assert_ptr_null(sim_scheduler_pop(&scheduler));
    ck_assert_uint_eq(scheduler.now_ns, 0);
}
END_TEST

START_TEST(a_new_event_is_zeroed)
{
    struct sim_event *event = sim_event_new(&scheduler, SIM_EVENT_IO, 3);
    event->data = event;
    event->incarnation = 9;
    sim_event_free(&scheduler, event);
    event = sim_event_new(&scheduler, SIM_EVENT_IO, 3);
    ck_assert_uint_eq(event->node, 3);
    ck_assert_int_eq(event->kind, SIM_EVENT_IO);
    ck_assert_ptr_null(event->data);
    ck_assert_uint_eq(event->incarnation, 0);
}
END_TEST

START_TEST(events_come_in_the_order_of_time)
{
    struct sim_source source;
    struct sim_stream stream;
    sim_source_init(&scheduler, &source, false);
    sim_stream_init(&stream, 1, SIM_STREAM_PICK, 0, 0);
    for (uint32_t i = 0; i < MANY; i++) {
        put(&source, i, sim_draw_below(&stream, 100));
    }
    uint64_t last_ns = 0;
    for (uint32_t i = 0; i < MANY; i++) {
        struct sim_event *event = sim_scheduler_peek(&scheduler);
        ck_assert_uint_ge(event->time_ns, last_ns);
        last_ns = event->time_ns;
        next();
        ck_assert_uint_eq(scheduler.now_ns, last_ns);
    }
    ck_assert_ptr_null(sim_scheduler_peek(&scheduler));
}
END_TEST

START_TEST(a_fifo_source_keeps_its_order_at_one_instant)
{
    struct sim_source source;
    sim_source_init(&scheduler, &source, true);
    for (uint32_t i = 0; i < MANY; i++) {
        put(&source, i, 5);
    }
    for (uint32_t i = 0; i < MANY; i++) {
        ck_assert_uint_eq(next(), i);
    }
}
END_TEST

START_TEST(another_source_does_not_keep_it)
{
    struct sim_source source;
    sim_source_init(&scheduler, &source, false);
    for (uint32_t i = 0; i < MANY; i++) {
        put(&source, i, 5);
    }
    uint32_t in_place = 0;
    bool seen[MANY] = {false};
    for (uint32_t i = 0; i < MANY; i++) {
        uint32_t number = next();
        ck_assert(!seen[number]);
        seen[number] = true;
        in_place += number == i ? 1 : 0;
    }
    ck_assert_uint_lt(in_place, MANY / 10);
}
END_TEST

START_TEST(the_order_of_equals_is_not_the_order_of_insertion)
{
    uint32_t order[2][4];
    for (int round = 0; round < 2; round++) {
        struct sim_source sources[4];
        arena_reset(arena);
        sim_scheduler_init(&scheduler, arena, 1);
        for (uint32_t i = 0; i < 4; i++) {
            sim_source_init(&scheduler, &sources[i], i % 2 == 0);
        }
        for (uint32_t i = 0; i < 4; i++) {
            uint32_t who = round == 0 ? i : 3 - i;
            put(&sources[who], who, 7);
        }
        for (uint32_t i = 0; i < 4; i++) {
            order[round][i] = next();
        }
    }
    ck_assert_mem_eq(order[0], order[1], sizeof order[0]);
}
END_TEST

START_TEST(the_order_of_equals_depends_on_the_seed)
{
    uint32_t first_wins = 0;
    for (uint64_t seed = 0; seed < 64; seed++) {
        struct sim_source sources[2];
        arena_reset(arena);
        sim_scheduler_init(&scheduler, arena, seed);
        sim_source_init(&scheduler, &sources[0], true);
        sim_source_init(&scheduler, &sources[1], true);
        put(&sources[0], 0, 7);
        put(&sources[1], 1, 7);
        first_wins += next() == 0 ? 1 : 0;
    }
    ck_assert(first_wins > 16 && first_wins < 48);
}
END_TEST

START_TEST(a_cancelled_event_does_not_come_and_the_others_do)
{
    struct sim_source source;
    struct sim_event *events[MANY];
    sim_source_init(&scheduler, &source, false);
    for (uint32_t i = 0; i < MANY; i++) {
        events[i] = put(&source, i, (i * 37) % 101);
    }
    for (uint32_t i = 0; i < MANY; i += 3) {
        sim_unschedule(&scheduler, events[i]);
        ck_assert_uint_eq(events[i]->position, 0);
        sim_event_free(&scheduler, events[i]);
    }
    uint64_t last_ns = 0;
    uint32_t count = 0;
    while (sim_scheduler_peek(&scheduler) != NULL) {
        ck_assert_uint_ne(next() % 3, 0);
        ck_assert_uint_ge(scheduler.now_ns, last_ns);
        last_ns = scheduler.now_ns;
        count++;
    }
    ck_assert_uint_eq(count, MANY - (MANY + 2) / 3);
}
END_TEST

START_TEST(an_event_can_be_moved)
{
    struct sim_source source;
    sim_source_init(&scheduler, &source, false);
    struct sim_event *timer = put(&source, 1, 10);
    put(&source, 2, 20);
    sim_unschedule(&scheduler, timer);
    sim_schedule(&scheduler, &source, timer, 30);
    ck_assert_uint_eq(next(), 2);
    ck_assert_uint_eq(next(), 1);
}
END_TEST

START_TEST(a_checkpoint_contains_the_queue)
{
    struct arena_checkpoint *checkpoint = arena_checkpoint_create();
    struct sim_source source;
    struct sim_scheduler saved;
    sim_source_init(&scheduler, &source, false);
    for (uint32_t i = 0; i < 100; i++) {
        put(&source, i, 5);
    }
    arena_save(arena, checkpoint);
    saved = scheduler;
    uint32_t order[100];
    for (uint32_t i = 0; i < 100; i++) {
        order[i] = next();
    }
    arena_restore(arena, checkpoint);
    scheduler = saved;
    for (uint32_t i = 0; i < 100; i++) {
        ck_assert_uint_eq(next(), order[i]);
    }
    arena_checkpoint_destroy(checkpoint);
}
END_TEST

START_TEST(a_settled_queue_has_one_form_and_goes_on_as_before)
{
    struct sim_source source;
    uint32_t form[2][MANY];
    sim_source_init(&scheduler, &source, false);
    for (uint32_t i = 0; i < MANY; i++) {
        put(&source, i, 1000 - i % 7);
    }
    for (uint32_t round = 0; round < 2; round++) {
        /* An event that comes and goes leaves another heap behind. */
        struct sim_event *event = sim_event_new(&scheduler, SIM_EVENT_IO, 1);
        sim_schedule(&scheduler, &source, event, round);
        sim_unschedule(&scheduler, event);
        sim_event_free(&scheduler, event);
        sim_scheduler_settle(&scheduler);
        for (uint32_t i = 0; i < MANY; i++) {
            form[round][i] = scheduler.heap[i]->number;
        }
    }
    ck_assert_mem_eq(form[0], form[1], sizeof form[0]);
    for (uint32_t i = 0; i < MANY; i++) {
        ck_assert_uint_eq(next(), form[0][i]);
    }
    ck_assert_ptr_null(sim_scheduler_peek(&scheduler));
}
END_TEST

START_TEST(every_kind_has_a_name_of_its_own)
{
    for (int kind = 1; kind < SIM_EVENT_KIND_COUNT; kind++) {
        const char *name = sim_event_kind_string((enum sim_event_kind)kind);
        ck_assert_str_ne(name, "unknown");
        for (int other = 1; other < kind; other++) {
            ck_assert_str_ne(name, sim_event_kind_string((enum sim_event_kind)other));
        }
    }
}
END_TEST

static Suite *scheduler_suite(void)
{
    Suite *suite = suite_create("scheduler");
    TCase *queue = tcase_create("queue");
    tcase_add_checked_fixture(queue, setup, arena_tear_down);
    tcase_add_test(queue, an_empty_queue_has_no_next_event);
    tcase_add_test(queue, a_new_event_is_zeroed);
    tcase_add_test(queue, events_come_in_the_order_of_time);
    tcase_add_test(queue, a_fifo_source_keeps_its_order_at_one_instant);
    tcase_add_test(queue, another_source_does_not_keep_it);
    tcase_add_test(queue, the_order_of_equals_is_not_the_order_of_insertion);
    tcase_add_test(queue, the_order_of_equals_depends_on_the_seed);
    tcase_add_test(queue, a_cancelled_event_does_not_come_and_the_others_do);
    tcase_add_test(queue, an_event_can_be_moved);
    tcase_add_test(queue, a_checkpoint_contains_the_queue);
    tcase_add_test(queue, a_settled_queue_has_one_form_and_goes_on_as_before);
    tcase_add_test(queue, every_kind_has_a_name_of_its_own);
    suite_add_tcase(suite, queue);
    return suite;
}

int main(void)
{
    return unit_main(scheduler_suite());
}
