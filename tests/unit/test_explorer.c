/* The explorer's parts that need no world: plans, selection, tasks, parameters, deaths. */
#include "unit.h"

#include <signal.h>
#include <sim/explorer/candidates.h>
#include <sim/explorer/death.h>
#include <sim/explorer/done.h>
#include <sim/explorer/passages.h>
#include <sim/explorer/plan.h>
#include <string.h>

static const struct raft_point_info points[] = {
    {"log.append.write", RAFT_POINT_FILE, RAFT_OUTCOMES_WRITE, "a write"},
    {"log.get.gap", RAFT_POINT_EXIT, RAFT_OUTCOMES_NONE, "only counted"},
};
static const struct sut_ops sut = {.name = "double", .points = points, .point_count = 2};

static const char *const good_plans[] = {
    "log.append.write#17=enospc!",
    "io.submit#12=crash_before:0x5",
    "io.done#3=crash_after:0xffffffffffffffff",
    "io.done#3=crash_after:cut@0",
    "io.done#3=crash_after:zero@37",
    "io.done#3=crash_after:flip@4095",
    "message#8=crash_before:0x0",
    "message#8=drop",
    "message#8=duplicate:1000000",
    "message#8=delay:0",
    "event#400=stop:2",
    "log.append.write#1=eio;log.append.write#2=short",
};

START_TEST(plan_is_printed_as_what_it_was_parsed_from)
{
    struct sim_plan plan;
    char text[256];
    char error[256] = "";
    ck_assert_msg(sim_plan_parse(&sut, good_plans[_i], &plan, error, sizeof error), "%s", error);
    sim_plan_print(&sut, &plan, text, sizeof text);
    ck_assert_str_eq(text, good_plans[_i]);
}
END_TEST

START_TEST(plan_is_parsed_to_what_it_says)
{
    struct sim_plan plan;
    char error[256];
    ck_assert(sim_plan_parse(&sut, "log.append.write#17=enospc!", &plan, error, sizeof error));
    ck_assert_int_eq(plan.first.place, SIM_SHOT_POINT);
    ck_assert_uint_eq(plan.first.occurrence, 17);
    ck_assert_int_eq(plan.first.outcome, RAFT_OUTCOME_ENOSPC);
    ck_assert(plan.first.persistent);
    ck_assert_uint_eq(plan.second.occurrence, 0);
    ck_assert(sim_plan_parse(&sut, "io.done#3=crash_after:flip@9", &plan, error, sizeof error));
    ck_assert_int_eq(plan.first.place, SIM_SHOT_DONE);
    ck_assert_int_eq(plan.first.deed, SIM_SHOT_CRASH_AFTER);
    ck_assert_int_eq(plan.first.image.damage, SIM_DISK_FLIP);
    ck_assert_uint_eq(plan.first.image.byte, 9);
    ck_assert(sim_plan_parse(&sut, "event#400=stop:2", &plan, error, sizeof error));
    ck_assert_int_eq(plan.first.place, SIM_SHOT_EVENT);
    ck_assert_uint_eq(plan.first.node, 2);
}
END_TEST

START_TEST(empty_plan_arms_nothing)
{
    struct sim_plan parsed = {.first.occurrence = 1};
    char error[256];
    ck_assert(sim_plan_parse(&sut, "", &parsed, error, sizeof error));
    ck_assert_uint_eq(parsed.first.occurrence, 0);
}
END_TEST

static const struct {
    const char *text;
    const char *message;
} bad_plans[] = {
    {"log.append.write", "write it as point#occurrence=outcome"},
    {"log.append.write#0=eio", "write it as"},
    {"log.append.write#3x=eio", "must be a number"},
    {"log.apend.write#3=eio", "no fault point 'log.apend.write'"},
    {"log.append.write#3=null", "has no outcome 'null'; it has: eio, enospc, short"},
    {"log.get.gap#1=take", "none, it is only counted"},
    {"io.submit#1=drop", "'drop' cannot be done at io.submit"},
    {"event#1=crash_after:0x0", "'crash_after' cannot be done at event"},
    {"message#1=stop:1", "'stop' cannot be done at message"},
    {"event#1=stop", "stop needs a node"},
    {"event#1=stop:16", "stop needs a node"},
    {"io.done#1=crash_after", "what the crash leaves"},
    {"io.done#1=crash_after:5", "what the crash leaves"},
    {"io.done#1=crash_after:bend@5", "what the crash leaves"},
    {"message#1=delay:soon", "delay needs a time"},
    {"message#1=drop:1", "takes nothing"},
    {"log.append.write#1=eio;message#2=drop", "the second fault of a pair"},
    {"log.append.write#1=eio;", "write it as"},
};

START_TEST(refuses_plan_that_nothing_can_fulfil)
{
    struct sim_plan parsed;
    char error[512] = "";
    ck_assert(!sim_plan_parse(&sut, bad_plans[_i].text, &parsed, error, sizeof error));
    ck_assert_msg(strstr(error, bad_plans[_i].message) != NULL, "%s", error);
}
END_TEST

START_TEST(selected_ordinals_grow_by_halves)
{
    static const uint64_t selected[] = {1, 2, 3, 4, 6, 8, 12, 16, 24, 32};
    size_t next = 0;
    for (uint64_t i = 0; i <= 32; i++) {
        bool expected = next < 10 && selected[next] == i;
        ck_assert_msg(sim_ordinal_is_selected(i) == expected, "%llu", (unsigned long long)i);
        next += expected ? 1 : 0;
    }
    ck_assert_uint_eq(next, 10);
}
END_TEST

/* A world of which only phase, events and gates are looked at. */
static struct sim_world *world_double(void)
{
    struct sim_world *world = calloc(1, sizeof *world);
    ck_assert_ptr_nonnull(world);
    world->faults.points[0] = &points[0];
    world->faults.points[1] = &points[1];
    world->faults.point_count = 2;
    world->faults.sut_point_count = 2;
    return world;
}

static struct sim_candidates *candidates;

static void candidates_setup(void)
{
    candidates = malloc(sizeof *candidates);
    ck_assert_ptr_nonnull(candidates);
    sim_candidates_init(candidates, &sut, NULL, false);
}

static void candidates_teardown(void)
{
    sim_candidates_release(candidates);
    free(candidates);
}

static void event(struct sim_world *world, uint64_t hits, enum sim_phase phase)
{
    world->events++;
    world->faults.gates[0].hits += hits;
    world->faults.gates[1].hits += hits;
    world->phase = phase;
    ck_assert(sim_candidates_observe(candidates, world));
}

START_TEST(selects_first_spaced_and_last_of_each_phase)
{
    struct sim_world *world = world_double();
    struct sim_injectables list = {0};
    event(world, 5, SIM_PHASE_RUN);  /* ordinals 1..5 of RUN; 1, 2, 3, 4 and the last, 5 */
    event(world, 2, SIM_PHASE_HEAL); /* the liveness phase begins: out of scope */
    event(world, 2, SIM_PHASE_HEAL);
    event(world, 1, SIM_PHASE_STOP); /* ordinal 1 of STOP, occurrence 10 */
    event(world, 0, SIM_PHASE_DONE);
    ck_assert(sim_candidates_finish(candidates, &list));
    /* write: eio, short, enospc once and for good, two crashes: 8 for each consultation. */
    sim_injectables_sort(&list);
    ck_assert_uint_eq(list.count, 6 * 8);
    ck_assert_uint_eq(candidates->possible, 6 * 8);
    ck_assert_uint_eq(list.items[0].plan.first.occurrence, 1);
    ck_assert_uint_eq(list.items[0].event, 1);
    ck_assert_uint_eq(list.items[4 * 8].plan.first.occurrence, 5);
    ck_assert_uint_eq(list.items[5 * 8].plan.first.occurrence, 10);
    ck_assert_uint_eq(list.items[5 * 8].event, 4);
    sim_injectables_release(&list);
    free(world);
}
END_TEST

START_TEST(points_that_are_only_counted_are_not_swept)
{
    struct sim_world *world = world_double();
    struct sim_injectables list = {0};
    event(world, 1, SIM_PHASE_RUN);
    ck_assert(sim_candidates_finish(candidates, &list));
    for (size_t i = 0; i < list.count; i++) {
        ck_assert_uint_eq(list.items[i].plan.first.point, 0);
    }
    sim_injectables_release(&list);
    free(world);
}
END_TEST

START_TEST(crashes_are_injected_once_only)
{
    struct sim_world *world = world_double();
    struct sim_injectables list = {0};
    size_t crashes = 0;
    event(world, 1, SIM_PHASE_RUN);
    ck_assert(sim_candidates_finish(candidates, &list));
    for (size_t i = 0; i < list.count; i++) {
        bool is_crash = list.items[i].plan.first.outcome == RAFT_OUTCOME_CRASH_BEFORE ||
                        list.items[i].plan.first.outcome == RAFT_OUTCOME_CRASH_AFTER;
        ck_assert(!is_crash || !list.items[i].plan.first.persistent);
        crashes += is_crash ? 1 : 0;
    }
    ck_assert_uint_eq(crashes, 2);
    sim_injectables_release(&list);
    free(world);
}
END_TEST

START_TEST(limit_keeps_injections_evenly_spread)
{
    struct sim_world *world = world_double();
    struct sim_injectables list = {0};
    for (uint32_t i = 0; i < 4; i++) {
        event(world, 1, SIM_PHASE_RUN);
    }
    ck_assert(sim_candidates_finish(candidates, &list));
    sim_injectables_sort(&list);
    ck_assert_uint_eq(sim_injectables_limit(&list, 4), 8);
    ck_assert_uint_eq(list.count, 4);
    for (uint64_t i = 0; i < 4; i++) {
        ck_assert_uint_eq(list.items[i].plan.first.occurrence, i + 1);
    }
    sim_injectables_release(&list);
    free(world);
}
END_TEST

/* A list with so many injections of each stratum, one an event. */
static void strata_add(struct sim_injectables *list, uint64_t stratum, uint64_t count)
{
    for (uint64_t i = 1; i <= count; i++) {
        const struct sim_injectable item = {
            .plan.first = {.point = 0, .occurrence = stratum * 1000 + i},
            .event = i,
            .stratum = stratum};
        ck_assert(sim_injectables_add(list, &item));
    }
    sim_injectables_sort(list);
}

static uint64_t stratum_count(const struct sim_injectables *list, uint64_t stratum)
{
    uint64_t count = 0;
    for (size_t i = 0; i < list->count; i++) {
        count += list->items[i].stratum == stratum ? 1 : 0;
    }
    return count;
}

START_TEST(limit_takes_rare_strata_whole_before_it_takes_more_of_the_others)
{
    struct sim_injectables list = {0};
    strata_add(&list, 1, 100);
    strata_add(&list, 2, 2);
    strata_add(&list, 3, 50);
    ck_assert_uint_eq(sim_injectables_limit(&list, 13), 3);
    ck_assert_uint_eq(list.count, 13);
    ck_assert_uint_eq(stratum_count(&list, 2), 2);
    ck_assert_uint_ge(stratum_count(&list, 1), 5);
    ck_assert_uint_ge(stratum_count(&list, 3), 5);
    for (size_t i = 1; i < list.count; i++) {
        ck_assert_uint_le(list.items[i - 1].event, list.items[i].event);
    }
    sim_injectables_release(&list);
}
END_TEST

START_TEST(limit_that_is_large_enough_keeps_everything)
{
    struct sim_injectables list = {0};
    strata_add(&list, 1, 7);
    strata_add(&list, 2, 1);
    sim_injectables_limit(&list, 8);
    ck_assert_uint_eq(list.count, 8);
    sim_injectables_limit(&list, 100);
    ck_assert_uint_eq(list.count, 8);
    sim_injectables_release(&list);
}
END_TEST

START_TEST(all_images_of_a_few_pieces_are_taken)
{
    uint64_t images[16];
    ck_assert_uint_eq(sim_images_choose(1, 1, 0, 16, images), 1);
    ck_assert_uint_eq(images[0], 0);
    ck_assert_uint_eq(sim_images_choose(1, 1, 4, 16, images), 16);
    for (uint64_t i = 0; i < 16; i++) {
        ck_assert_uint_eq(images[i], i);
    }
}
END_TEST

START_TEST(images_of_many_pieces_are_a_sample_without_repetition)
{
    static const uint32_t pieces[] = {5, 20, 63, 64, 500};
    uint64_t images[16];
    uint64_t again[16];
    uint64_t all = pieces[_i] >= 64 ? UINT64_MAX : (UINT64_C(1) << pieces[_i]) - 1;
    ck_assert_uint_eq(sim_images_choose(1, 9, pieces[_i], 16, images), 16);
    ck_assert_uint_eq(sim_images_choose(1, 9, pieces[_i], 16, again), 16);
    ck_assert_mem_eq(images, again, sizeof images);
    ck_assert_uint_eq(images[0], 0);
    ck_assert_uint_eq(images[1], all);
    for (uint32_t i = 0; i < 16; i++) {
        ck_assert_uint_eq(images[i] & ~all, 0);
        for (uint32_t k = 0; k < i; k++) {
            ck_assert_uint_ne(images[i], images[k]);
        }
    }
}
END_TEST

START_TEST(only_executions_that_were_added_are_done)
{
    struct sim_done done = {0};
    ck_assert_int_eq(sim_done_find(NULL, "hello", "n=1", 7, "a#1=eio"), SIM_DONE_NOT);
    ck_assert(sim_done_add(&done, "hello", "n=1", 7, "a#1=eio", true));
    ck_assert(sim_done_add(&done, "hello", "n=1", 7, "", false));
    ck_assert(sim_done_add(&done, "hello", "n=1", 7, "a#1=eio", false));
    sim_done_seal(&done);
    ck_assert_uint_eq(done.count, 2);
    ck_assert_int_eq(sim_done_find(&done, "hello", "n=1", 7, "a#1=eio"), SIM_DONE_FAILED);
    ck_assert_int_eq(sim_done_find(&done, "hello", "n=1", 7, ""), SIM_DONE_PASSED);
    ck_assert_int_eq(sim_done_find(&done, "hello", "n=1", 8, "a#1=eio"), SIM_DONE_NOT);
    ck_assert_int_eq(sim_done_find(&done, "hello", "n=2", 7, "a#1=eio"), SIM_DONE_NOT);
    ck_assert_int_eq(sim_done_find(&done, "other", "n=1", 7, "a#1=eio"), SIM_DONE_NOT);
    ck_assert_int_eq(sim_done_find(&done, "hello", "n=1", 7, "a#1=eio!"), SIM_DONE_NOT);
    sim_done_release(&done);
}
END_TEST

START_TEST(every_seed_is_in_exactly_one_task)
{
    char variants[2][SIM_TEXT_MAX] = {"a=1", "a=2"};
    struct sim_catalogue_scenario scenario = {.variants = variants, .variant_count = 2};
    const struct sim_catalogue catalogue = {.scenarios = &scenario, .count = 1};
    const struct sim_seed_range seeds = {.given = true, .first = 5, .last = 104};
    struct sim_tasks tasks = {0};
    uint32_t seen[2][100] = {{0}};
    ck_assert(sim_tasks_build(&tasks, &catalogue, SIM_TASK_RUN, &seeds, false, 3));
    ck_assert_uint_eq(tasks.executions, 200);
    for (uint32_t i = 0; i < tasks.count; i++) {
        for (uint64_t seed = tasks.items[i].seed; seed < tasks.items[i].seed_end; seed++) {
            seen[tasks.items[i].variant][seed - 5]++;
        }
    }
    for (uint32_t i = 0; i < 200; i++) {
        ck_assert_uint_eq(seen[i / 100][i % 100], 1);
    }
    sim_tasks_release(&tasks);
}
END_TEST

START_TEST(endless_campaign_takes_every_seed_of_every_variant_once)
{
    char variants[3][SIM_TEXT_MAX] = {"", "a=1", "a=2"};
    struct sim_catalogue_scenario scenarios[2] = {{.variants = variants, .variant_count = 1},
                                                  {.variants = variants + 1, .variant_count = 2}};
    const struct sim_catalogue catalogue = {.scenarios = scenarios, .count = 2};
    uint32_t seen[3][256] = {{0}};
    for (uint64_t number = 0; number < 72; number++) {
        struct sim_task task;
        sim_tasks_endless(&catalogue, SIM_TASK_RUN, 100, number, &task);
        ck_assert_uint_lt(task.seed_end, 256);
        for (uint64_t seed = task.seed; seed < task.seed_end; seed++) {
            seen[task.scenario + task.variant][seed]++;
        }
    }
    for (uint32_t i = 0; i < 3; i++) {
        ck_assert_uint_eq(seen[i][99], 0);
        ck_assert_uint_eq(seen[i][100], 1);
        ck_assert_uint_eq(seen[i][123], 1);
        ck_assert_uint_eq(seen[i][124], 0);
    }
}
END_TEST

START_TEST(small_sweep_is_split_into_shards)
{
    char variants[1][SIM_TEXT_MAX] = {""};
    struct sim_catalogue_scenario scenario = {.variants = variants, .variant_count = 1};
    const struct sim_catalogue catalogue = {.scenarios = &scenario, .count = 1};
    const struct sim_seed_range seeds = {.given = false};
    struct sim_tasks tasks = {0};
    ck_assert(sim_tasks_build(&tasks, &catalogue, SIM_TASK_SWEEP, &seeds, true, 2));
    ck_assert_uint_eq(tasks.count, tasks.items[0].shard_count);
    ck_assert_uint_gt(tasks.count, 1);
    for (uint32_t i = 0; i < tasks.count; i++) {
        ck_assert_uint_eq(tasks.items[i].shard, i);
        ck_assert_uint_eq(tasks.items[i].seed, 1);
    }
    sim_tasks_release(&tasks);
}
END_TEST

START_TEST(override_replaces_in_place_and_appends_what_is_new)
{
    char out[64];
    ck_assert(sim_parameters_merge("a=1 b=2", "b=7 c=3 b=8", out, sizeof out));
    ck_assert_str_eq(out, "a=1 b=8 c=3");
    ck_assert(!sim_parameters_merge("a=1 b=2", "c=3", out, 8));
}
END_TEST

START_TEST(equal_variants_become_one_after_an_override)
{
    char variants[3][SIM_TEXT_MAX] = {"n=1 x=0", "n=2 x=0", "n=1 x=1"};
    struct sim_catalogue_scenario scenario = {.variants = variants, .variant_count = 3};
    struct sim_catalogue catalogue = {.scenarios = &scenario, .count = 1};
    ck_assert(sim_catalogue_override(&catalogue, "n=5"));
    ck_assert_uint_eq(scenario.variant_count, 2);
    ck_assert_str_eq(variants[0], "n=5 x=0");
    ck_assert_str_eq(variants[1], "n=5 x=1");
}
END_TEST

/* What the death of a worker comes to, with these last words. */
static struct sim_finding death(int status, const char *said)
{
    static struct sim_last_words words;
    static struct sim_page page;
    const struct sim_death death = {.status = status};
    struct sim_execution execution;
    struct sim_finding finding;
    words.used = 0;
    sim_last_words_add(&words, said, strlen(said));
    atomic_store(&page.event, 41);
    page.seed = 3;
    sim_death_describe(&death, &words, &page, &execution, &finding);
    ck_assert_uint_eq(execution.seed, 3);
    ck_assert_int_eq(execution.outcome, SIM_OUTCOME_FINDING);
    return finding;
}

START_TEST(assertion_is_the_message_and_its_place_the_signature)
{
    struct sim_finding finding =
        death(SIGABRT, "noise\nsquall: core/log/log.c:12: f: Assertion `x > 0' failed.\nmore\n");
    ck_assert_str_eq(finding.rule, "crash");
    ck_assert_str_eq(finding.signature, "crash: core/log/log.c:12");
    ck_assert_str_eq(finding.message,
                     "the process died of SIGABRT in event 42: squall: core/log/log.c:12: f: "
                     "Assertion `x > 0' failed.");
    ck_assert_uint_eq(finding.event, 42);
}
END_TEST

START_TEST(silent_death_is_named_by_its_signal)
{
    struct sim_finding finding = death(SIGSEGV, "");
    ck_assert_str_eq(finding.signature, "crash: SIGSEGV");
    ck_assert_str_eq(finding.message, "the process died of SIGSEGV in event 42");
}
END_TEST

START_TEST(exit_of_a_worker_is_a_crash_too)
{
    struct sim_finding finding = death(3 << 8, "arena exhausted\n");
    ck_assert_str_eq(finding.signature, "crash: exit-3");
    ck_assert_str_eq(finding.message,
                     "the process ended itself with status 3 in event 42: arena exhausted");
}
END_TEST

START_TEST(last_words_keep_the_end)
{
    static struct sim_last_words words;
    char line[64];
    for (uint32_t i = 0; i < SIM_LAST_WORDS_MAX / 4; i++) {
        sim_last_words_add(&words, "abcdefg\n", 8);
    }
    sim_last_words_add(&words, "the end\n", 8);
    ck_assert_uint_lt(words.used, SIM_LAST_WORDS_MAX);
    sim_last_words_line(&words, line, sizeof line);
    ck_assert_str_eq(line, "the end");
}
END_TEST

static Suite *explorer_suite(void)
{
    Suite *suite = suite_create("explorer");
    TCase *plans = tcase_create("plans");
    tcase_add_loop_test(plans, plan_is_printed_as_what_it_was_parsed_from, 0,
                        (int)(sizeof good_plans / sizeof good_plans[0]));
    tcase_add_test(plans, plan_is_parsed_to_what_it_says);
    tcase_add_test(plans, empty_plan_arms_nothing);
    tcase_add_loop_test(plans, refuses_plan_that_nothing_can_fulfil, 0,
                        (int)(sizeof bad_plans / sizeof bad_plans[0]));
    suite_add_tcase(suite, plans);
    TCase *selection = tcase_create("selection");
    tcase_add_checked_fixture(selection, candidates_setup, candidates_teardown);
    tcase_add_test(selection, selected_ordinals_grow_by_halves);
    tcase_add_test(selection, selects_first_spaced_and_last_of_each_phase);
    tcase_add_test(selection, points_that_are_only_counted_are_not_swept);
    tcase_add_test(selection, crashes_are_injected_once_only);
    tcase_add_test(selection, limit_keeps_injections_evenly_spread);
    tcase_add_test(selection, limit_takes_rare_strata_whole_before_it_takes_more_of_the_others);
    tcase_add_test(selection, limit_that_is_large_enough_keeps_everything);
    tcase_add_test(selection, all_images_of_a_few_pieces_are_taken);
    tcase_add_loop_test(selection, images_of_many_pieces_are_a_sample_without_repetition, 0, 5);
    tcase_add_test(selection, only_executions_that_were_added_are_done);
    suite_add_tcase(suite, selection);
    TCase *tasks = tcase_create("tasks");
    tcase_add_test(tasks, every_seed_is_in_exactly_one_task);
    tcase_add_test(tasks, endless_campaign_takes_every_seed_of_every_variant_once);
    tcase_add_test(tasks, small_sweep_is_split_into_shards);
    tcase_add_test(tasks, override_replaces_in_place_and_appends_what_is_new);
    tcase_add_test(tasks, equal_variants_become_one_after_an_override);
    suite_add_tcase(suite, tasks);
    TCase *deaths = tcase_create("deaths");
    tcase_add_test(deaths, assertion_is_the_message_and_its_place_the_signature);
    tcase_add_test(deaths, silent_death_is_named_by_its_signal);
    tcase_add_test(deaths, exit_of_a_worker_is_a_crash_too);
    tcase_add_test(deaths, last_words_keep_the_end);
    suite_add_tcase(suite, deaths);
    return suite;
}

int main(void)
{
    return unit_main(explorer_suite());
}
