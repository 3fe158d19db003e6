/* What is measured of a run: situations, liveness, and what the rolling hash
 * holds. On a world of three real nodes without a script. */
#include "world_fixture.h"

#include <sim/explorer/efficacy.h>
#include <stdio.h>
#include <string.h>

/* ---- the rolling hash ---- */

START_TEST(what_clients_are_told_is_in_the_hash)
{
    uint64_t hashes[2];
    for (int i = 0; i < 2; i++) {
        struct sim_world *world = world_of(&sut_raft, 3);
        const struct sim_command command = {.type = SIM_COMMAND_PUT, .key = "a", .value = "b"};
        struct sim_client *client = sim_client_create(world, 1000 * MS);
        run_for(world, 700 * MS);
        sim_client_begin(client, &command, 0);
        run_for(world, 1000 * MS);
        ck_assert_uint_eq(world->clients.ok, 1);
        ck_assert_uint_ne(world->clients.results, 0);
        ck_assert_uint_eq(world->clients.refusals, 0);
        world->clients.results ^= (uint64_t)i;
        sim_world_step(world);
        hashes[i] = world->hash;
    }
    ck_assert_uint_ne(hashes[0], hashes[1]);
}
END_TEST

/* What is compared with a run without the fault: not when, and not which operation. */
START_TEST(refusals_are_the_same_whenever_they_come)
{
    uint64_t refusals[3];
    for (uint64_t i = 0; i < 3; i++) {
        struct sim_world *world = world_of(&sut_raft, 3);
        const struct sim_command command = {.type = SIM_COMMAND_PUT, .key = "a", .value = "b"};
        struct sim_client *client = sim_client_create(world, 50 * MS);
        run_for(world, 700 * MS + i % 2 * 30 * MS);
        for (uint32_t id = 1; id <= 3; id++) {
            sim_node_crash(world->nodes[id], SIM_UNSYNCED_LOSE);
        }
        client->sequence = i;
        for (uint64_t again = 0; again <= i / 2; again++) {
            sim_client_begin(client, &command, 0);
            run_for(world, 1000 * MS);
        }
        ck_assert_uint_eq(world->clients.failed, 1 + i / 2);
        refusals[i] = world->clients.refusals;
    }
    ck_assert_uint_ne(refusals[0], 0);
    ck_assert_uint_eq(refusals[0], refusals[1]);
    ck_assert_uint_ne(refusals[0], refusals[2]);
}
END_TEST

/* ---- determinism ---- */

/* Refuses now and then, counted over all runs: what no run may remember of another. */
static enum raft_status moody_submit(void *node, raft_time now_ns, uint64_t request,
                                     const uint8_t *payload, uint32_t size)
{
    static uint64_t calls;
    calls++;
    return calls % 7 == 0 ? RAFT_BUSY : sut_raft.submit(node, now_ns, request, payload, size);
}

struct verdict {
    uint32_t rows;
    uint32_t diverged;
    char rule[SIM_NAME_MAX];
};

static bool row_take(void *ctx, const struct sim_row *row)
{
    struct verdict *verdict = ctx;
    verdict->rows++;
    verdict->diverged += row->execution->outcome == SIM_OUTCOME_DIVERGED;
    if (row->finding != NULL) {
        snprintf(verdict->rule, sizeof verdict->rule, "%s", row->finding->rule);
    }
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

/* Three seeds of the profile without faults, each verified. */
static struct verdict verify(const struct sut_ops *sut)
{
    struct verdict verdict = {.rows = 0};
    struct sim_catalogue catalogue;
    struct sim_tasks tasks = {0};
    char error[SIM_TEXT_MAX];
    const struct sim_seed_range seeds = {.given = true, .first = 1, .last = 3};
    sim_catalogue_init(&catalogue);
    ck_assert_int_eq(sim_catalogue_add_profile(&catalogue, SIM_PROFILE_CALM, error, sizeof error),
                     SIM_CATALOGUE_OK);
    ck_assert(sim_catalogue_override(&catalogue, "length_ms=500 think_ms=10"));
    ck_assert(sim_tasks_build(&tasks, &catalogue, SIM_TASK_VERIFY, &seeds, false, 1));
    const struct sim_campaign campaign = {
        .sut = sut,
        .catalogue = &catalogue,
        .tasks = &tasks,
        .jobs = 1,
        .fill = 0xa5,
        .plan = "",
        .restores = 4,
        .sink = {.ctx = &verdict, .result = row_take, .tick = tick_take, .note = note_take},
    };
    ck_assert_int_eq(sim_campaign_run(&campaign), SIM_CAMPAIGN_COMPLETE);
    sim_tasks_release(&tasks);
    sim_catalogue_release(&catalogue);
    ck_assert_uint_eq(verdict.rows, 3);
    return verdict;
}

START_TEST(deterministic_fires_on_what_a_run_remembers_of_another)
{
    struct sut_ops moody = sut_raft;
    moody.submit = moody_submit;
    struct verdict verdict = verify(&moody);
    ck_assert_uint_gt(verdict.diverged, 0);
    ck_assert_str_eq(verdict.rule, "deterministic");
}
END_TEST

START_TEST(deterministic_is_silent_on_the_core)
{
    struct verdict verdict = verify(&sut_raft);
    ck_assert_uint_eq(verdict.diverged, 0);
    ck_assert_str_eq(verdict.rule, "");
}
END_TEST

/* ---- situations and liveness ---- */

START_TEST(majorities_are_those_of_the_configuration)
{
    struct sim_world *world = world_of(&sut_raft, 3);
    const uint32_t *hits = world->probes.hits;
    run_for(world, 1000 * MS);
    for (int i = 0; i < 2; i++) { /* who is no member makes no difference */
        sim_node_start(sim_world_node_add(world, false));
    }
    sim_node_crash(world->nodes[1], SIM_UNSYNCED_KEEP);
    ck_assert_uint_eq(hits[SIM_PROBE_CRASH_MAJORITY], 0);
    uint32_t bare = hits[SIM_PROBE_COMMIT_BARE];
    begin_put(world, 2000 * MS);
    run_for(world, 2000 * MS);
    ck_assert_uint_eq(world->clients.ok, 1);
    ck_assert_uint_gt(hits[SIM_PROBE_COMMIT_BARE], bare);
    sim_node_crash(world->nodes[2], SIM_UNSYNCED_KEEP);
    ck_assert_uint_eq(hits[SIM_PROBE_CRASH_MAJORITY], 1);
    sim_node_crash(world->nodes[3], SIM_UNSYNCED_KEEP);
    ck_assert_uint_eq(hits[SIM_PROBE_CRASH_MAJORITY], 1);
}
END_TEST

START_TEST(counts_the_situations_of_a_leader_that_dies_in_a_transfer)
{
    struct sim_world *world = world_of(&sut_raft, 3);
    run_for(world, 1000 * MS);
    struct sim_node *leader = sim_world_leader(world);
    ck_assert_ptr_nonnull(leader);
    const uint32_t *hits = world->probes.hits;
    ck_assert_uint_eq(hits[SIM_PROBE_ELECT_FIRST], 1);
    ck_assert_uint_eq(hits[SIM_PROBE_CRASH_LEADER], 0);
    ck_assert_int_eq(sim_node_transfer(leader, leader->id % 3 + 1), RAFT_OK);
    sim_node_crash(leader, SIM_UNSYNCED_LOSE);
    ck_assert_uint_eq(hits[SIM_PROBE_TRANSFER], 1);
    ck_assert_uint_eq(hits[SIM_PROBE_CRASH_LEADER], 1);
    ck_assert_uint_eq(hits[SIM_PROBE_CRASH_TRANSFER_LEADER], 1);
    ck_assert_uint_eq(hits[SIM_PROBE_CRASH_MAJORITY], 0);
    sim_node_crash(world->nodes[leader->id % 3 + 1], SIM_UNSYNCED_LOSE);
    ck_assert_uint_eq(hits[SIM_PROBE_CRASH_MAJORITY], 1);
    finish(world);
}
END_TEST

START_TEST(names_and_sentences_of_situations_differ)
{
    for (int i = 0; i < SIM_PROBE_COUNT; i++) {
        for (int j = 0; j < i; j++) {
            ck_assert_str_ne(sim_probe_string((enum sim_probe)i),
                             sim_probe_string((enum sim_probe)j));
            ck_assert_str_ne(sim_probe_sentence((enum sim_probe)i),
                             sim_probe_sentence((enum sim_probe)j));
        }
    }
    ck_assert_int_ge(SIM_PROBE_COUNT, 60);
}
END_TEST

START_TEST(measures_how_long_a_cluster_takes_without_its_leader)
{
    struct sim_world *world = world_of(&sut_raft, 3);
    struct sim_execution result;
    run_for(world, 1000 * MS);
    sim_node_crash(sim_world_leader(world), SIM_UNSYNCED_LOSE);
    finish(world);
    sim_world_result(world, &result);
    const struct sim_liveness *live = &result.liveness;
    ck_assert(live->healed);
    ck_assert_uint_gt(live->leader_ns, 0);
    ck_assert_uint_lt(live->leader_ns, 2000 * MS);
    ck_assert_uint_ge(live->commit_ns, live->leader_ns);
    ck_assert_uint_ge(live->converged_ns, live->leader_ns);
    ck_assert_uint_ge(live->elections, 1);
    ck_assert_uint_ge(live->terms, live->elections);
    ck_assert_uint_gt(live->messages, 0);
}
END_TEST

/* A session that the cluster has never given out stands for one that others have driven out. */
START_TEST(proof_of_progress_is_tried_again_when_its_session_is_forgotten)
{
    struct sim_world *world = world_of(&sut_raft, 3);
    sim_world_script_ended(world);
    while (world->proof == NULL && sim_world_step(world)) {
    }
    ck_assert_ptr_nonnull(world->proof);
    struct sim_client *proof = world->proof;
    const struct sim_operation *first = proof->open;
    ck_assert_ptr_nonnull(first);
    proof->must_register = false;
    proof->registers = false;
    proof->epoch = 777;
    proof->sequence = 5;
    proof->open->command.epoch = proof->epoch;
    proof->open->command.sequence = proof->sequence;
    proof->sent_unknown = true;
    sim_world_run(world);
    ck_assert_int_eq(first->outcome, SIM_CLIENT_UNKNOWN);
    ck_assert_str_eq(first->error, "session_expired");
    expect_no_finding(world);
    ck_assert(!world->is_unavailable);
}
END_TEST

START_TEST(progress_fires_when_no_leader_comes_in_time)
{
    struct sim_world *world = world_of(&sut_raft, 3);
    run_for(world, 1000 * MS);
    sim_world_script_ended(world);
    for (uint32_t id = 1; id <= 3; id++) {
        sim_node_pause(world->nodes[id]);
        sim_node_crash(world->nodes[id], SIM_UNSYNCED_LOSE);
    }
    while (world->phase == SIM_PHASE_RUN && sim_world_step(world)) {
    }
    /* The heal has started and resumed all; now they stand still again. */
    for (uint32_t id = 1; id <= 3; id++) {
        sim_node_pause(world->nodes[id]);
    }
    sim_world_run(world);
    ck_assert(world->has_finding);
    ck_assert_str_eq(world->finding.rule, "progress");
    ck_assert_ptr_nonnull(strstr(world->finding.message, "no leader in time"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("measures");
    TCase *tests = tcase_create("measures");
    suite_add_tcase(suite, tests);
    tcase_add_checked_fixture(tests, arena_set_up, arena_tear_down);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, what_clients_are_told_is_in_the_hash);
    tcase_add_test(tests, refusals_are_the_same_whenever_they_come);
    tcase_add_test(tests, majorities_are_those_of_the_configuration);
    tcase_add_test(tests, counts_the_situations_of_a_leader_that_dies_in_a_transfer);
    tcase_add_test(tests, names_and_sentences_of_situations_differ);
    tcase_add_test(tests, measures_how_long_a_cluster_takes_without_its_leader);
    tcase_add_test(tests, proof_of_progress_is_tried_again_when_its_session_is_forgotten);
    tcase_add_test(tests, progress_fires_when_no_leader_comes_in_time);
    TCase *campaigns = tcase_create("campaigns"); /* whose workers have arenas of their own */
    tcase_set_timeout(campaigns, 120);
    tcase_add_test(campaigns, deterministic_fires_on_what_a_run_remembers_of_another);
    tcase_add_test(campaigns, deterministic_is_silent_on_the_core);
    suite_add_tcase(suite, campaigns);
    return unit_main(suite);
}
