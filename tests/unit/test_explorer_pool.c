/* The pool of workers, with a double in the place of the worker: it has no world, and behaves as
 * its seed says. */
#include "unit.h"

#include <sim/explorer/runner.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { SEED_ASSERTS = 3, SEED_HANGS = 5, SEED_EXITS = 8, SEED_COUNT = 12 };

static void row_send(int out, const struct sim_task *task, uint64_t seed)
{
    struct sim_frame_result head;
    memset(&head, 0, sizeof head);
    head.execution.seed = seed;
    head.scenario = task->scenario;
    head.variant = task->variant;
    sim_wire_send(out, SIM_FRAME_RESULT, &head, sizeof head);
}

static void seed_behave(uint64_t seed)
{
    if (seed == SEED_ASSERTS) {
        fprintf(stderr, "squall: core/log/log.c:7: f: Assertion `false' failed.\n");
        abort();
    }
    if (seed == SEED_EXITS) {
        fprintf(stderr, "the arena is exhausted\n");
        _exit(9);
    }
    while (seed == SEED_HANGS) {
        pause();
    }
}

int sim_worker_main(const struct sim_campaign *campaign, struct sim_page *page, int tasks, int out)
{
    struct sim_task task;
    ck_assert_uint_gt(campaign->jobs, 0);
    while (sim_wire_read(tasks, &task, sizeof task)) {
        for (uint64_t seed = task.seed; seed < task.seed_end; seed++) {
            page->seed = seed;
            atomic_fetch_add(&page->executions, 1);
            atomic_store(&page->started_ns, sim_monotonic_ns());
            seed_behave(seed);
            row_send(out, &task, seed);
        }
        atomic_store(&page->started_ns, 0);
        sim_wire_send(out, SIM_FRAME_DONE, NULL, 0);
    }
    return EXIT_SUCCESS;
}

/* What the sink has seen. */
struct seen {
    uint32_t rows[SEED_COUNT + 1]; /* per seed */
    char signatures[SEED_COUNT + 1][SIM_NAME_MAX];
    uint32_t stop_after; /* rows; 0: never */
    uint32_t total;
};

static bool row_take(void *ctx, const struct sim_row *row)
{
    struct seen *seen = ctx;
    uint64_t seed = row->execution->seed;
    ck_assert_uint_le(seed, SEED_COUNT);
    seen->rows[seed]++;
    seen->total++;
    if (row->finding != NULL) {
        strcpy(seen->signatures[seed], row->finding->signature);
    }
    return seen->stop_after == 0 || seen->total < seen->stop_after;
}

static void tick_take(void *ctx)
{
    ck_assert_ptr_nonnull(ctx);
}

static void note_take(void *ctx, const char *line)
{
    ck_assert_ptr_nonnull(ctx);
    ck_assert_ptr_nonnull(line);
}

static enum sim_campaign_end campaign_run(struct seen *seen, uint64_t first, uint64_t last)
{
    char variants[1][SIM_TEXT_MAX] = {""};
    struct sim_catalogue_scenario scenario = {.variants = variants, .variant_count = 1};
    const struct sim_catalogue catalogue = {.scenarios = &scenario, .count = 1};
    const struct sim_seed_range seeds = {.given = true, .first = first, .last = last};
    struct sim_tasks tasks = {0};
    strcpy(scenario.info.name, "double");
    ck_assert(sim_tasks_build(&tasks, &catalogue, SIM_TASK_RUN, &seeds, false, 2));
    const struct sim_campaign campaign = {
        .catalogue = &catalogue,
        .tasks = &tasks,
        .jobs = 2,
        .plan = "",
        .wall_s = 1,
        .sink = {.ctx = seen, .result = row_take, .tick = tick_take, .note = note_take},
    };
    enum sim_campaign_end end = sim_campaign_run(&campaign);
    sim_tasks_release(&tasks);
    return end;
}

START_TEST(every_seed_has_one_row_although_workers_die)
{
    struct seen seen = {.total = 0};
    ck_assert_int_eq(campaign_run(&seen, 1, SEED_COUNT), SIM_CAMPAIGN_COMPLETE);
    for (uint64_t seed = 1; seed <= SEED_COUNT; seed++) {
        ck_assert_uint_eq(seen.rows[seed], 1);
    }
}
END_TEST

START_TEST(each_death_is_a_finding_with_its_seed_and_its_reason)
{
    struct seen seen = {.total = 0};
    campaign_run(&seen, 1, SEED_COUNT);
    ck_assert_str_eq(seen.signatures[SEED_ASSERTS], "crash: core/log/log.c:7");
    ck_assert_str_eq(seen.signatures[SEED_EXITS], "crash: exit-9");
    ck_assert_str_eq(seen.signatures[1], "");
}
END_TEST

START_TEST(run_that_takes_too_long_is_killed_and_found_stuck)
{
    struct seen seen = {.total = 0};
    ck_assert_int_eq(campaign_run(&seen, SEED_HANGS, SEED_HANGS + 1), SIM_CAMPAIGN_COMPLETE);
    ck_assert_str_eq(seen.signatures[SEED_HANGS], "stuck");
    ck_assert_uint_eq(seen.rows[SEED_HANGS + 1], 1);
}
END_TEST

START_TEST(sink_that_fails_ends_the_campaign)
{
    struct seen seen = {.stop_after = 2};
    ck_assert_int_eq(campaign_run(&seen, 9, SEED_COUNT), SIM_CAMPAIGN_FAILED);
    ck_assert_uint_eq(seen.total, 2);
}
END_TEST

static Suite *pool_suite(void)
{
    Suite *suite = suite_create("explorer_pool");
    TCase *pool = tcase_create("pool");
    tcase_add_test(pool, every_seed_has_one_row_although_workers_die);
    tcase_add_test(pool, each_death_is_a_finding_with_its_seed_and_its_reason);
    tcase_add_test(pool, run_that_takes_too_long_is_killed_and_found_stuck);
    tcase_add_test(pool, sink_that_fails_ends_the_campaign);
    tcase_set_timeout(pool, 120);
    suite_add_tcase(suite, pool);
    return suite;
}

int main(void)
{
    return unit_main(pool_suite());
}
