/* What came of a fault, and the twin of a run: the same run without one of its faults. On a world
 * of three real nodes without a script. */
#include "world_fixture.h"

#include <sim/explorer/catalogue.h>
#include <sim/explorer/efficacy.h>
#include <sim/explorer/runner.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    struct sim_ending with;
    enum sim_efficacy efficacy;
} endings[] = {
    {{1, 2, 3, false}, SIM_EFFICACY_MASKED},   {{9, 2, 3, false}, SIM_EFFICACY_SCHEDULE},
    {{9, 9, 3, false}, SIM_EFFICACY_STATE},    {{9, 2, 9, false}, SIM_EFFICACY_CLIENT},
    {{9, 9, 9, true}, SIM_EFFICACY_VIOLATION},
};

START_TEST(efficacy_is_the_worst_difference)
{
    const struct sim_ending without = {1, 2, 3, false};
    ck_assert_int_eq(sim_ending_compare(&endings[_i].with, &without), endings[_i].efficacy);
}
END_TEST

START_TEST(a_finding_without_the_fault_is_not_its_doing)
{
    const struct sim_ending both = {1, 2, 3, true};
    ck_assert_int_eq(sim_ending_compare(&both, &both), SIM_EFFICACY_MASKED);
}
END_TEST

/* ---- twins ---- */

static struct sim_ending ending_of(const struct sim_world *world)
{
    struct sim_ending ending;
    sim_ending_read(world, &ending);
    return ending;
}

static void mute(struct sim_world *world, const char *name, const char *outcome, uint32_t node)
{
    int point = sim_point_find(&sut_raft, name);
    ck_assert_int_ge(point, 0);
    world->faults.mute = (struct sim_mute){.active = true, .point = (uint32_t)point, .node = node};
    strcpy(world->faults.mute.outcome, outcome);
}

/* A run in which a send may be refused; of a muted node nothing happens. */
static struct sim_world *run_with(bool is_armed, uint32_t muted)
{
    struct sim_world *world = world_of(&sut_raft, 3);
    if (is_armed) {
        struct sim_rule *rule = rule_of(world, "message.send.refused", RAFT_OUTCOME_REFUSE);
        rule->trigger.nth = 5;
        ck_assert_uint_eq(sim_fault_rule_arm(&world->faults, rule), 1);
    }
    if (muted != 0) {
        mute(world, "message.send.refused", "refuse", muted);
    }
    run_for(world, 1000 * MS);
    finish(world);
    return world;
}

START_TEST(a_muted_fault_leaves_the_run_without_it)
{
    struct sim_ending without = ending_of(run_with(false, 0));
    const struct sim_world *world = run_with(true, 0);
    struct sim_ending with = ending_of(world);
    ck_assert_uint_eq(world->faults.injection_count, 1);
    uint32_t node = world->faults.injections[0].node;
    ck_assert_int_ge(sim_ending_compare(&with, &without), SIM_EFFICACY_SCHEDULE);
    world = run_with(true, node);
    struct sim_ending muted = ending_of(world);
    ck_assert_uint_eq(world->faults.injection_count, 0);
    ck_assert_int_eq(sim_ending_compare(&muted, &without), SIM_EFFICACY_MASKED);
    struct sim_ending other = ending_of(run_with(true, node % 3 + 1));
    ck_assert_int_eq(sim_ending_compare(&other, &with), SIM_EFFICACY_MASKED);
}
END_TEST

START_TEST(a_fault_that_never_fires_leaves_the_hash_as_it_is)
{
    struct sim_ending without = ending_of(run_with(false, 0));
    struct sim_world *world = world_of(&sut_raft, 3);
    sim_fault_arm_idle(&world->faults);
    run_for(world, 1000 * MS);
    finish(world);
    ck_assert_uint_eq(world->hash, without.trace);
}
END_TEST

/* ---- mishaps ---- */

#define VICTIM 2u

static struct sim_link_rule *links_of_victim(struct sim_world *world)
{
    struct sim_link_rule *rule = sim_network_rule_new(&world->network);
    rule->from.role = SIM_SELECT_NODES;
    rule->from.nodes = 1u << VICTIM;
    return rule;
}

static void crash(struct sim_world *world)
{
    sim_node_crash(world->nodes[VICTIM], SIM_UNSYNCED_LOSE);
}

static void retire(struct sim_world *world)
{
    sim_node_retire(world->nodes[VICTIM]);
}

static void pause(struct sim_world *world)
{
    sim_node_pause(world->nodes[VICTIM]);
}

static void wipe(struct sim_world *world)
{
    sim_node_wipe(world->nodes[VICTIM]);
}

static void restore(struct sim_world *world)
{
    sim_node_restore(world->nodes[VICTIM], sim_disk_copy(&world->nodes[1]->disk));
}

static bool name_take(void *visitor, const char *name)
{
    snprintf(visitor, SIM_NAME_MAX, "%s", name);
    return true;
}

static void remove_file(struct sim_world *world)
{
    char name[SIM_NAME_MAX] = "";
    sim_disk_list_durable(&world->nodes[VICTIM]->disk, name_take, name);
    ck_assert(sim_disk_lose(&world->nodes[VICTIM]->disk, name));
}

static void rot(struct sim_world *world)
{
    ck_assert(sim_disk_rot(&world->nodes[VICTIM]->disk, "", SIM_ROT_ANYWHERE, 4));
}

static void fill(struct sim_world *world)
{
    struct sim_disk *disk = &world->nodes[VICTIM]->disk;
    disk->quota = disk->used;
}

static void starve(struct sim_world *world)
{
    world->nodes[VICTIM]->memory_limit = 0;
}

static void jump(struct sim_world *world)
{
    sim_node_clock_jump(world->nodes[VICTIM], INT64_C(700000000));
}

static void drift(struct sim_world *world)
{
    sim_node_clock_drift(world->nodes[VICTIM], -500000);
}

static void late(struct sim_world *world)
{
    sim_node_clock_late(world->nodes[VICTIM], UINT64_MAX / 2, 100 * MS);
}

static void cut(struct sim_world *world)
{
    struct sim_link_rule *rule = links_of_victim(world);
    rule->to.role = SIM_SELECT_ANY;
    rule->cut = true;
    sim_network_rule_activate(&world->network, rule);
}

static void lose(struct sim_world *world)
{
    struct sim_link_rule *rule = links_of_victim(world);
    rule->loss = UINT64_MAX / 2;
    sim_network_rule_activate(&world->network, rule);
}

static void hold(struct sim_world *world)
{
    struct sim_link_rule *rule = links_of_victim(world);
    rule->hold = true;
    sim_network_rule_activate(&world->network, rule);
}

static void slow(struct sim_world *world)
{
    struct sim_link_rule *rule = links_of_victim(world);
    rule->latency_ns = 3 * MS;
    rule->tail = UINT64_MAX / 4;
    rule->tail_ns = 20 * MS;
    sim_network_rule_activate(&world->network, rule);
}

static void damage(struct sim_world *world)
{
    struct sim_link_rule *rule = links_of_victim(world);
    rule->corrupt = UINT64_MAX / 2;
    rule->truncate = UINT64_MAX / 4;
    sim_network_rule_activate(&world->network, rule);
}

static void repeat(struct sim_world *world)
{
    struct sim_link_rule *rule = links_of_victim(world);
    rule->duplicate = UINT64_MAX / 2;
    sim_network_rule_activate(&world->network, rule);
}

/* By enum sim_mishap. */
static const struct {
    void (*happen)(struct sim_world *world);
    bool needs_down; /* the victim lies down before, in every run */
} mishaps[SIM_MISHAP_COUNT] = {
    [SIM_MISHAP_CRASH] = {crash, false},    [SIM_MISHAP_RETIRE] = {retire, false},
    [SIM_MISHAP_PAUSE] = {pause, false},    [SIM_MISHAP_WIPE] = {wipe, true},
    [SIM_MISHAP_RESTORE] = {restore, true}, [SIM_MISHAP_REMOVE] = {remove_file, true},
    [SIM_MISHAP_ROT] = {rot, true},         [SIM_MISHAP_FULL] = {fill, false},
    [SIM_MISHAP_MEMORY] = {starve, false},  [SIM_MISHAP_JUMP] = {jump, false},
    [SIM_MISHAP_DRIFT] = {drift, false},    [SIM_MISHAP_LATE] = {late, false},
    [SIM_MISHAP_CUT] = {cut, false},        [SIM_MISHAP_LOSS] = {lose, false},
    [SIM_MISHAP_HOLD] = {hold, false},      [SIM_MISHAP_DELAY] = {slow, false},
    [SIM_MISHAP_DAMAGE] = {damage, false},  [SIM_MISHAP_TWICE] = {repeat, false},
};

static const char *mishap_name(int mishap)
{
    return sim_point_info(&sut_raft,
                          sim_point_count(&sut_raft) + SIM_INSTANT_COUNT + (uint32_t)mishap)
        ->name;
}

static uint64_t times_of(const struct sim_world *world, const char *name)
{
    uint64_t times = 0;
    for (uint32_t i = 0; i < world->faults.injection_count; i++) {
        const struct sim_injection *injection = &world->faults.injections[i];
        if (strcmp(injection->point, name) == 0) {
            ck_assert_str_eq(injection->outcome, "happened");
            ck_assert_uint_eq(injection->node, VICTIM);
            times += injection->repeats;
        }
    }
    return times;
}

/* A run in which a mishap may befall the victim, and may be muted. */
static struct sim_world *run_of(int mishap, bool happens, bool is_muted)
{
    struct sim_world *world = world_of(&sut_raft, 3);
    struct sim_node *victim = world->nodes[VICTIM];
    run_for(world, 700 * MS);
    (void)sim_node_campaign(victim); /* it has messages to lose */
    run_for(world, 300 * MS);
    if (mishaps[mishap].needs_down) {
        sim_node_kill(victim, SIM_UNSYNCED_LOSE);
    }
    if (is_muted) {
        mute(world, mishap_name(mishap), "happened", VICTIM);
    }
    if (happens) {
        mishaps[mishap].happen(world);
    }
    (void)sim_node_snapshot(victim); /* it has something to write */
    run_for(world, 500 * MS);
    sim_node_resume(victim);
    sim_node_start(victim);
    run_for(world, 500 * MS);
    sim_world_script_ended(world);
    sim_world_run(world);
    return world;
}

START_TEST(a_muted_mishap_does_not_happen)
{
    const char *name = mishap_name(_i);
    const struct sim_world *world = run_of(_i, false, false);
    struct sim_ending without = ending_of(world);
    ck_assert_msg(!world->has_finding, "%s", world->finding.message);
    ck_assert_uint_eq(times_of(world, name), 0);
    world = run_of(_i, true, false);
    struct sim_ending with = ending_of(world);
    ck_assert_msg(times_of(world, name) > 0, "%s left no row", name);
    ck_assert_uint_ge(world->faults.fired, times_of(world, name));
    ck_assert_msg(sim_ending_compare(&with, &without) != SIM_EFFICACY_MASKED, "%s", name);
    world = run_of(_i, true, true);
    struct sim_ending muted = ending_of(world);
    ck_assert_uint_eq(times_of(world, name), 0);
    ck_assert_msg(sim_ending_compare(&muted, &without) == SIM_EFFICACY_MASKED, "%s", name);
}
END_TEST

START_TEST(a_store_is_left_alone_where_its_process_did_not_crash)
{
    struct sim_world *world = world_of(&sut_raft, 3);
    run_for(world, 1000 * MS);
    mute(world, "node.crash", "happened", VICTIM);
    uint64_t content = sim_world_content(world);
    crash(world);
    ck_assert(sim_node_is_up(world->nodes[VICTIM]));
    ck_assert(!sim_node_store_is_free(world->nodes[VICTIM]));
    wipe(world);
    restore(world);
    sim_node_start(world->nodes[VICTIM]);
    ck_assert_uint_eq(sim_world_content(world), content);
    ck_assert(!sim_node_is_damaged(world->nodes[VICTIM]));
    finish(world);
}
END_TEST

START_TEST(what_repeats_has_one_row_and_a_count)
{
    struct sim_world *world = world_of(&sut_raft, 3);
    run_for(world, 1000 * MS);
    for (int i = 0; i < 3; i++) {
        crash(world);
        sim_node_start(world->nodes[VICTIM]);
        run_for(world, 300 * MS);
    }
    ck_assert_uint_eq(world->faults.injection_count, 1);
    const struct sim_injection *row = &world->faults.injections[0];
    ck_assert_str_eq(row->point, "node.crash");
    ck_assert_uint_eq(row->repeats, 3);
    ck_assert_uint_eq(row->occurrence, 1);
    ck_assert_uint_eq(world->faults.fired, 3);
    finish(world);
}
END_TEST

/* ---- the row of a run that has a twin ---- */

/* A crash and a restart; its twin has neither. */
static const char crashing[] = "scenario{ name = 'crashing', doc = 'A crash.', run = function()\n"
                               "  local c = cluster{ nodes = 3 }\n"
                               "  c:wait_leader()\n"
                               "  c:nodes()[2]:crash()\n"
                               "  after_ms(100, function() c:nodes()[2]:restart() end)\n"
                               "  sleep_ms(500)\n"
                               "end }\n";

/* A core with two marks, for a first start and for another one. */
static uint8_t entered[2];

static struct sut_edges marks(void)
{
    static const uintptr_t blocks[2 * 2] = {0};
    return (struct sut_edges){.entered = entered, .blocks = blocks, .count = 2};
}

static enum raft_status marked_start(void *node, raft_time now_ns, bool bootstrap)
{
    entered[bootstrap ? 0 : 1] = 1;
    return sut_raft.start(node, now_ns, bootstrap);
}

/* A core that cannot end a run in which nobody was started again. */
static void stop_without_restart(void *node, raft_time now_ns)
{
    ck_assert_ptr_nonnull(node);
    if (entered[1] == 0) {
        abort();
    }
    sut_raft.stop(node, now_ns);
}

struct seen {
    uint32_t rows;
    uint32_t edge_count;
    uint8_t entered;
    enum sim_outcome outcome;
    enum sim_efficacy efficacy; /* of the only injection */
    char message[SIM_TEXT_MAX];
};

static bool row_take(void *ctx, const struct sim_row *row)
{
    struct seen *seen = ctx;
    *seen = (struct seen){
        .rows = seen->rows + 1,
        .edge_count = row->edge_count,
        .entered = row->edge_count == 0 ? 0 : row->entered[0],
        .outcome = row->execution->outcome,
        .efficacy = row->injection_count == 1 ? row->injections[0].efficacy : SIM_EFFICACY_UNKNOWN,
    };
    strcpy(seen->message, row->finding != NULL ? row->finding->message : row->execution->note);
    return true;
}

static void tick_take(void *ctx)
{
    ck_assert_ptr_nonnull(ctx);
}

static void note_take(void *ctx, const char *line)
{
    ck_assert_msg(ctx != NULL, "%s", line);
}

/* The campaign of one run, and its twin. */
static struct seen campaign_run(const struct sut_ops *sut)
{
    struct seen seen = {.rows = 0};
    struct sim_catalogue catalogue;
    struct sim_tasks tasks = {0};
    char error[SIM_TEXT_MAX] = "";
    const struct sim_seed_range seeds = {.given = true, .first = 1, .last = 1};
    sim_catalogue_init(&catalogue);
    ck_assert_msg(sim_catalogue_add_text(&catalogue, arena, sut, "crashing.lua", crashing,
                                         "crashing", error, sizeof error) == SIM_CATALOGUE_OK,
                  "%s", error);
    arena_close(arena); /* the worker has its own, at the same address */
    arena = NULL;
    ck_assert(sim_tasks_build(&tasks, &catalogue, SIM_TASK_RUN, &seeds, false, 1));
    const struct sim_campaign campaign = {
        .sut = sut,
        .catalogue = &catalogue,
        .tasks = &tasks,
        .jobs = 1,
        .plan = "",
        .no_recheck = true,
        .sink = {.ctx = &seen, .result = row_take, .tick = tick_take, .note = note_take},
    };
    ck_assert_int_eq(sim_campaign_run(&campaign), SIM_CAMPAIGN_COMPLETE);
    sim_tasks_release(&tasks);
    sim_catalogue_release(&catalogue);
    ck_assert_uint_eq(seen.rows, 1);
    return seen;
}

START_TEST(a_run_has_entered_what_its_twin_has_not)
{
    struct sut_ops marked = sut_raft;
    marked.edges = marks;
    marked.start = marked_start;
    struct seen seen = campaign_run(&marked);
    ck_assert_msg(seen.outcome == SIM_OUTCOME_OK, "%s", seen.message);
    ck_assert_int_ge(seen.efficacy, SIM_EFFICACY_SCHEDULE);
    ck_assert_uint_eq(seen.edge_count, 2);
    ck_assert_uint_eq(seen.entered, 3);
}
END_TEST

START_TEST(a_death_in_a_twin_says_so)
{
    struct sut_ops deadly = sut_raft;
    deadly.edges = marks;
    deadly.start = marked_start;
    deadly.stop = stop_without_restart;
    struct seen seen = campaign_run(&deadly);
    const char *twin =
        "in the twin without node.crash (happened) on node 2, which no replay makes: "
        "the process died of SIGABRT";
    ck_assert_int_eq(seen.outcome, SIM_OUTCOME_FINDING);
    ck_assert_msg(strncmp(seen.message, twin, strlen(twin)) == 0, "%s", seen.message);
}
END_TEST

/* The page of a worker that is told to stop while it makes its first twin. */
static struct sim_page page;

static enum raft_status start_until_stopped(void *node, raft_time now_ns, bool bootstrap)
{
    if (page.twin[0] != '\0') {
        atomic_store(&page.stop, true);
    }
    return sut_raft.start(node, now_ns, bootstrap);
}

START_TEST(no_twin_begins_once_an_end_is_wanted)
{
    static const char text[] = "scenario{ name = 'crashing', doc = 'Two crashes.', run = function()"
                               "  local c = cluster{ nodes = 3 } c:wait_leader()"
                               "  c:nodes()[2]:crash() c:nodes()[3]:crash() sleep_ms(100) end }";
    struct sut_ops sut = sut_raft;
    struct sim_catalogue catalogue;
    char error[SIM_TEXT_MAX] = "";
    sut.start = start_until_stopped;
    sim_catalogue_init(&catalogue);
    ck_assert_msg(sim_catalogue_add_text(&catalogue, arena, &sut, "x.lua", text, "crashing", error,
                                         sizeof error) == SIM_CATALOGUE_OK,
                  "%s", error);
    const struct sim_campaign campaign = {.sut = &sut, .catalogue = &catalogue, .fill = 0xa5};
    const struct sim_task task = {.kind = SIM_TASK_RUN, .seed = 1, .seed_end = 2};
    const struct sim_plan none = {0};
    struct sim_ending ending;
    struct sim_runner *runner = calloc(1, sizeof *runner);
    ck_assert_ptr_nonnull(runner);
    runner->campaign = &campaign;
    runner->arena = arena;
    runner->page = &page;
    struct sim_world *world = sim_runner_create(runner, &task, task.seed, campaign.fill);
    ck_assert_ptr_nonnull(world);
    sim_runner_finish(runner, world);
    sim_runner_collect(runner, world, &none);
    sim_ending_read(world, &ending);
    sim_efficacy_of_run(runner, &task, task.seed, &none, &ending);
    ck_assert_uint_eq(runner->rows.injection_count, 2);
    uint32_t judged = 0;
    for (uint32_t i = 0; i < 2; i++) {
        judged += runner->rows.injections[i].efficacy != SIM_EFFICACY_UNKNOWN;
    }
    ck_assert_uint_eq(judged, 1);
    ck_assert_str_eq(runner->rows.execution.note, "interrupted: 1 of 2 faults were not judged");
    ck_assert_int_eq(runner->rows.execution.outcome, SIM_OUTCOME_OK);
    free(runner);
    sim_catalogue_release(&catalogue);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("efficacy");
    TCase *tests = tcase_create("efficacy");
    suite_add_tcase(suite, tests);
    tcase_add_checked_fixture(tests, arena_set_up, arena_tear_down);
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, efficacy_is_the_worst_difference, 0,
                        (int)(sizeof endings / sizeof endings[0]));
    tcase_add_test(tests, a_finding_without_the_fault_is_not_its_doing);
    tcase_add_test(tests, a_muted_fault_leaves_the_run_without_it);
    tcase_add_test(tests, a_fault_that_never_fires_leaves_the_hash_as_it_is);
    tcase_add_loop_test(tests, a_muted_mishap_does_not_happen, 0, SIM_MISHAP_COUNT);
    tcase_add_test(tests, a_store_is_left_alone_where_its_process_did_not_crash);
    tcase_add_test(tests, what_repeats_has_one_row_and_a_count);
    tcase_add_test(tests, a_run_has_entered_what_its_twin_has_not);
    tcase_add_test(tests, a_death_in_a_twin_says_so);
    tcase_add_test(tests, no_twin_begins_once_an_end_is_wanted);
    return unit_main(suite);
}
