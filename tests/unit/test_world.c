/* A whole world without a script: a cluster of three real nodes under a load. */
#include "world_fixture.h"

#include <stdio.h>
#include <string.h>

#define COMMITS       100u
#define LOAD_CLIENTS  3u
#define STEPS_AT_MOST 400000u

static struct sim_world *world_with(const struct sut_ops *next)
{
    static struct sim_spec spec;
    spec = (struct sim_spec){.sut = &sut_raft, .sut_next = next, .seed = 3, .fill = 0xa5};
    return world_from(&spec, 3);
}

static void start_load(struct sim_world *world)
{
    const struct sim_load options = {.client_count = LOAD_CLIENTS,
                                     .interval_ns = 10 * MS,
                                     .keys = 4,
                                     .mix_put = 2,
                                     .mix_get = 1,
                                     .mix_cas = 1};
    sim_load_start(world, &options);
}

static void run_until_commits(struct sim_world *world, uint64_t commits)
{
    for (uint32_t i = 0; i < STEPS_AT_MOST; i++) {
        if (sim_oracle_commits(world->oracles) >= commits) {
            return;
        }
        sim_world_step(world);
        expect_more(world);
    }
    ck_abort_msg("only %llu of %llu entries committed",
                 (unsigned long long)sim_oracle_commits(world->oracles),
                 (unsigned long long)commits);
}

/* A second implementation that does what the first does, under points of other numbers. */
static struct sut_ops sut_other(void)
{
    static struct raft_point_info points[RAFT_POINT_COUNT];
    struct sut_ops other = sut_raft;
    memcpy(points, sut_raft.points, sizeof points);
    points[RAFT_AT_SEGMENT_APPEND_WRITE].name = "of.the.next.alone";
    other.points = points;
    return other;
}

/* A run with a crash of the leader in the middle. */
static struct sim_execution run_with_crash(uint64_t seed, uint8_t fill)
{
    const struct sim_spec spec = {.sut = &sut_raft, .seed = seed, .fill = fill};
    struct sim_world *world = world_from(&spec, 3);
    start_load(world);
    run_until_commits(world, COMMITS / 2);
    struct sim_node *leader = sim_world_leader(world);
    ck_assert_ptr_nonnull(leader);
    sim_node_crash(leader, SIM_UNSYNCED_TORN);
    ck_assert(!sim_node_is_up(leader));
    run_for(world, 400 * MS);
    sim_node_start(leader);
    ck_assert(sim_node_is_up(leader));
    run_until_commits(world, COMMITS);
    return finish(world);
}

START_TEST(cluster_without_faults_commits_and_stops_with_an_empty_ledger)
{
    struct sim_world *world = world_of(&sut_raft, 1);
    start_load(world);
    run_until_commits(world, COMMITS);
    struct sim_execution result = finish(world);
    ck_assert_uint_ge(result.commits, COMMITS);
    ck_assert_uint_eq(result.leader_changes, 0);
    ck_assert_uint_eq(result.faults_fired, 0);
    for (uint32_t id = 1; id <= 3; id++) {
        ck_assert_int_eq(world->nodes[id]->state, SIM_NODE_STOPPED);
        ck_assert_uint_eq(world->nodes[id]->ledger.entries, 0);
        ck_assert_uint_eq(world->nodes[id]->block_count, 0);
        ck_assert_uint_eq(world->nodes[id]->disk.open_count, 0);
    }
    ck_assert_uint_eq(world->leak_count, 0);
}
END_TEST

START_TEST(cluster_survives_a_crash_and_restart_of_its_leader)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct sim_execution result = run_with_crash(seed, 0xa5);
        ck_assert_uint_ge(result.commits, COMMITS);
        ck_assert_uint_ge(result.leader_changes, 1);
        ck_assert_uint_ge(result.faults_fired, 1);
    }
}
END_TEST

/* What durable bytes say, read without the core's own recovery. */
struct disk_says {
    raft_term term;
    raft_node_id vote;
    raft_index last;
    uint64_t payload_hashes[4 * COMMITS];
};

static void says_hard_state(void *ctx, raft_term term, raft_node_id vote)
{
    struct disk_says *says = ctx;
    says->term = term;
    says->vote = vote;
}

static void says_entry(void *ctx, const struct sut_entry *entry)
{
    struct disk_says *says = ctx;
    ck_assert_uint_lt(entry->id.index, 4 * COMMITS);
    says->last = entry->id.index > says->last ? entry->id.index : says->last;
    says->payload_hashes[entry->id.index] =
        sim_hash(entry->payload, entry->size, entry->id.term * 8 + (uint64_t)entry->kind);
}

static void says_segment(void *ctx, raft_index first)
{
    (void)ctx;
    (void)first;
}

static void says_snapshot(void *ctx, struct raft_entry_id id, uint64_t state_size)
{
    struct disk_says *says = ctx;
    (void)state_size;
    says->last = id.index > says->last ? id.index : says->last;
}

static void on_durable_file(void *ctx, uint32_t node, const char *name, const uint8_t *bytes,
                            size_t size, size_t from)
{
    (void)node;
    ck_assert_uint_eq(from, 0);
    const struct sut_durable_sink sink = {ctx, says_hard_state, says_segment, says_entry,
                                          says_snapshot};
    sut_raft.read_durable(name, bytes, size, 0, &sink);
}

static void on_removed_file(void *ctx, uint32_t node, const char *name)
{
    (void)ctx;
    (void)node;
    ck_abort_msg("%s was removed by reading", name);
}

static void read_disk(struct sim_disk *disk, struct disk_says *says)
{
    const struct sim_disk_observer observer = disk->observer;
    memset(says, 0, sizeof *says);
    disk->observer = (struct sim_disk_observer){says, on_durable_file, on_removed_file};
    sim_disk_observe_all(disk);
    disk->observer = observer;
}

START_TEST(restarted_node_holds_exactly_what_its_disk_says)
{
    struct disk_says says;
    const enum sim_unsynced how[] = {SIM_UNSYNCED_LOSE, SIM_UNSYNCED_TORN, SIM_UNSYNCED_RANDOM};
    struct sim_world *world = world_of(&sut_raft, 5);
    start_load(world);
    for (uint32_t round = 0; round < 6; round++) {
        run_until_commits(world, sim_oracle_commits(world->oracles) + 12);
        struct sim_node *node = world->nodes[1 + round % 3];
        sim_node_crash(node, how[round % 3]);
        ck_assert_ptr_null(node->blocks);
        read_disk(&node->disk, &says);
        sim_node_start(node);
        ck_assert(sim_node_is_up(node));
        ck_assert_uint_gt(says.last, 0);
        ck_assert_uint_eq(node->view.state.term, says.term);
        ck_assert_uint_eq(node->view.state.vote, says.vote);
        ck_assert_uint_eq(node->view.last.index, says.last);
        for (raft_index index = 1; index <= says.last; index++) {
            struct sut_entry entry;
            ck_assert(sut_raft.entry(node->process, index, &entry));
            ck_assert_uint_eq(
                sim_hash(entry.payload, entry.size, entry.id.term * 8 + (uint64_t)entry.kind),
                says.payload_hashes[index]);
        }
    }
    finish(world);
}
END_TEST

START_TEST(same_seed_gives_the_same_hash_whatever_the_fill)
{
    struct sim_execution first = run_with_crash(7, 0xa5);
    struct sim_execution second = run_with_crash(7, 0x00);
    ck_assert_uint_eq(first.events, second.events);
    ck_assert_uint_eq(first.trace_hash, second.trace_hash);
    ck_assert_uint_eq(first.state_hash, second.state_hash);
}
END_TEST

START_TEST(other_seed_gives_another_hash)
{
    struct sim_execution first = run_with_crash(7, 0xa5);
    struct sim_execution second = run_with_crash(8, 0xa5);
    ck_assert_uint_ne(first.trace_hash, second.trace_hash);
}
END_TEST

START_TEST(restored_checkpoint_goes_on_to_the_same_hash)
{
    struct arena_checkpoint *checkpoint = arena_checkpoint_create();
    struct sim_world *world = world_of(&sut_raft, 3);
    start_load(world);
    run_until_commits(world, COMMITS / 2);
    uint64_t digest = sim_world_digest(world);
    arena_save(arena, checkpoint);
    run_until_commits(world, COMMITS);
    struct sim_execution first = finish(world);
    arena_restore(arena, checkpoint);
    ck_assert_uint_eq(sim_world_digest(world), digest);
    run_until_commits(world, COMMITS);
    struct sim_execution second = finish(world);
    ck_assert_uint_eq(first.trace_hash, second.trace_hash);
    ck_assert_uint_eq(first.state_hash, second.state_hash);
    arena_checkpoint_destroy(checkpoint);
}
END_TEST

START_TEST(node_that_is_paused_takes_its_events_when_it_is_resumed)
{
    struct sim_world *world = world_of(&sut_raft, 4);
    start_load(world);
    run_until_commits(world, COMMITS / 2);
    struct sim_node *leader = sim_world_leader(world);
    sim_node_pause(leader);
    run_for(world, 1000 * MS);
    ck_assert_uint_gt(leader->deferred_count, 0);
    ck_assert_ptr_ne(sim_world_leader(world), NULL);
    sim_node_resume(leader);
    ck_assert_uint_eq(leader->deferred_count, 0);
    run_until_commits(world, COMMITS);
    struct sim_execution result = finish(world);
    ck_assert_uint_ge(result.leader_changes, 1);
}
END_TEST

START_TEST(paused_node_may_crash_with_events_waiting)
{
    struct sim_world *world = world_of(&sut_raft, 5);
    start_load(world);
    run_until_commits(world, COMMITS / 2);
    struct sim_node *leader = sim_world_leader(world);
    sim_node_pause(leader);
    run_for(world, 200 * MS);
    sim_node_crash(leader, SIM_UNSYNCED_LOSE);
    struct sim_execution result = finish(world);
    ck_assert_uint_ge(result.faults_fired, 2);
}
END_TEST

START_TEST(clock_that_jumps_or_drifts_does_not_stop_a_node)
{
    struct sim_world *world = world_of(&sut_raft, 6);
    start_load(world);
    raft_time before = sim_node_now(world->nodes[1]);
    sim_node_clock_jump(world->nodes[1], -(int64_t)(500 * MS));
    ck_assert_uint_eq(sim_node_now(world->nodes[1]), before);
    sim_node_clock_jump(world->nodes[2], (int64_t)(5000 * MS));
    sim_node_clock_drift(world->nodes[3], 50000);
    run_until_commits(world, COMMITS);
    finish(world);
}
END_TEST

START_TEST(clock_that_stands_still_fires_no_timer)
{
    struct sim_world *world = world_of(&sut_raft, 7);
    start_load(world);
    run_until_commits(world, 5);
    for (uint32_t id = 1; id <= 3; id++) {
        sim_node_clock_drift(world->nodes[id], SIM_CLOCK_FROZEN);
    }
    struct sim_node *leader = sim_world_leader(world);
    raft_time stands_at = sim_node_now(leader);
    sim_node_crash(leader, SIM_UNSYNCED_LOSE);
    run_for(world, 3000 * MS);
    ck_assert_uint_eq(sim_node_now(leader), stands_at);
    ck_assert_ptr_null(sim_world_leader(world)); /* nobody waits for anything to be over */
    for (uint32_t id = 1; id <= 3; id++) {
        sim_node_clock_drift(world->nodes[id], 0);
    }
    run_for(world, 1000 * MS);
    ck_assert_ptr_nonnull(sim_world_leader(world));
    finish(world);
}
END_TEST

START_TEST(clock_that_is_thrown_to_and_fro_never_goes_back_and_ends_right)
{
    struct sim_world *world = world_of(&sut_raft, 8);
    struct sim_node *node = world->nodes[1];
    uint64_t offset = sim_node_now(node) - world->scheduler.now_ns;
    raft_time latest = 0;
    uint32_t ahead = 0;
    start_load(world);
    sim_node_clock_strobe(node, 200 * MS, 50 * MS);
    for (int i = 0; i < 100; i++) {
        run_for(world, 20 * MS);
        raft_time now = sim_node_now(node);
        ck_assert_uint_ge(now, latest);
        ck_assert_uint_le(now, world->scheduler.now_ns + offset + 200 * MS);
        latest = now;
        ahead += now > world->scheduler.now_ns + offset;
    }
    ck_assert_uint_gt(ahead, 10);
    sim_node_pause(node); /* the clock of a process that stands still goes on */
    run_for(world, 500 * MS);
    ck_assert_ptr_nonnull(node->clock.strobe);
    sim_node_resume(node);
    sim_node_clock_strobe(node, 0, 0);
    ck_assert_ptr_null(node->clock.strobe);
    run_for(world, 500 * MS);
    ck_assert_uint_eq(sim_node_now(node), world->scheduler.now_ns + offset);
    finish(world);
}
END_TEST

/* When the first leader is elected, with timers of all nodes late or not. */
static uint64_t first_leader_ns(uint64_t seed, uint64_t late_ns)
{
    struct sim_world *world = world_of(&sut_raft, seed);
    for (uint32_t id = 1; id <= 3; id++) {
        sim_node_clock_late(world->nodes[id], late_ns == 0 ? 0 : UINT64_MAX, late_ns);
        sim_node_crash(world->nodes[id], SIM_UNSYNCED_LOSE); /* its timers anew */
        sim_node_start(world->nodes[id]);
    }
    while (sim_world_leader(world) == NULL) {
        sim_world_step(world);
        expect_more(world);
    }
    return world->scheduler.now_ns;
}

START_TEST(late_timers_are_late_and_never_early)
{
    for (uint64_t seed = 1; seed <= 5; seed++) {
        uint64_t in_time_ns = first_leader_ns(seed, 0);
        ck_assert_uint_gt(first_leader_ns(seed, 300 * MS), in_time_ns + 250 * MS);
    }
}
END_TEST

/* Nodes 1 .. count have crashed, and their stores are taken away. */
static struct sim_world *world_with_damage(uint32_t count)
{
    struct sim_world *world = world_of(&sut_raft, 9);
    start_load(world);
    run_until_commits(world, COMMITS);
    for (uint32_t id = 1; id <= count; id++) {
        sim_node_crash(world->nodes[id], SIM_UNSYNCED_LOSE);
        sim_node_wipe(world->nodes[id]);
        ck_assert(sim_node_is_damaged(world->nodes[id]));
    }
    return world;
}

START_TEST(node_whose_store_was_taken_away_may_refuse_to_start)
{
    struct sim_world *world = world_with_damage(1);
    finish(world);
    ck_assert_int_eq(world->nodes[1]->state, SIM_NODE_FAILED);
    ck_assert(world->nodes[1]->refused_store);
}
END_TEST

START_TEST(cluster_that_lost_a_majority_of_copies_is_unavailable_and_no_pass)
{
    struct sim_execution result = run_to_the_end(world_with_damage(2));
    ck_assert_int_eq(result.outcome, SIM_OUTCOME_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(result.note, "2 of 3 copies are lost"));
    ck_assert_ptr_nonnull(strstr(result.note, "n1, n2"));
}
END_TEST

START_TEST(however_many_copies_are_lost_all_of_them_count)
{
    const struct sim_spec spec = {.sut = &sut_raft, .seed = 9, .fill = 0xa5};
    struct sim_world *world = world_from(&spec, SIM_NODES_MAX - 1);
    start_load(world);
    run_until_commits(world, COMMITS);
    for (uint32_t id = 8; id < SIM_NODES_MAX; id++) {
        sim_node_retire(world->nodes[id]);
    }
    struct sim_execution result = run_to_the_end(world);
    ck_assert_int_eq(result.outcome, SIM_OUTCOME_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(result.note, "8 of 15 copies are lost"));
    ck_assert_ptr_nonnull(strstr(result.note, "n15 (gone): the rest is no majority"));
}
END_TEST

static bool find_log(void *visitor, const char *name)
{
    if (strncmp(name, "log-", 4) != 0) {
        return true;
    }
    snprintf(visitor, RAFT_FILE_NAME_MAX, "%s", name);
    return false;
}

static void rot_log(struct sim_world *world, uint32_t node, uint64_t offset)
{
    struct sim_disk *disk = &world->nodes[node]->disk;
    char name[RAFT_FILE_NAME_MAX] = "";
    sim_disk_list_durable(disk, find_log, name);
    ck_assert(sim_disk_rot(disk, name, offset, 1));
}

/* All have crashed, one of them lost its store, and of the others' logs an entry each is damaged.
 */
static struct sim_world *world_with_an_entry_damaged_on_each(const struct sut_ops *sut)
{
    struct sim_world *world = world_of(sut, 9);
    start_load(world);
    run_until_commits(world, COMMITS);
    for (uint32_t id = 1; id <= 3; id++) {
        sim_node_crash(world->nodes[id], SIM_UNSYNCED_LOSE);
    }
    rot_log(world, 1, 200);
    rot_log(world, 2, 2000);
    sim_node_wipe(world->nodes[3]);
    return world;
}

START_TEST(two_nodes_repair_each_other_when_the_third_is_lost)
{
    struct sim_world *world = world_with_an_entry_damaged_on_each(&sut_raft);
    finish(world);
    ck_assert_uint_eq(world->nodes[1]->view.first_damaged, 0);
}
END_TEST

/* A node that never takes what it has asked for. */
static void receive_no_repair(void *node, raft_time now_ns, const uint8_t *bytes, size_t size)
{
    struct sut_message message;
    if (!sut_raft.describe(bytes, size, &message) || strcmp(message.type, "repair_rep") != 0) {
        sut_raft.receive(node, now_ns, bytes, size);
    }
}

START_TEST(nodes_that_do_not_repair_what_others_have_are_no_lost_copies)
{
    struct sut_ops sut = sut_raft;
    sut.receive = receive_no_repair;
    struct sim_world *world = world_with_an_entry_damaged_on_each(&sut);
    sim_world_script_ended(world);
    sim_world_run(world);
    ck_assert_msg(world->has_finding, "%s", world->unavailable_text);
    ck_assert_str_eq(world->finding.rule, "progress");
    ck_assert_ptr_nonnull(strstr(world->finding.message, "the cluster has not agreed"));
}
END_TEST

START_TEST(store_that_nothing_was_done_to_must_be_taken)
{
    struct sim_world *world = world_of(&sut_raft, 10);
    start_load(world);
    run_until_commits(world, COMMITS);
    struct sim_node *node = world->nodes[1];
    sim_node_crash(node, SIM_UNSYNCED_LOSE);
    ck_assert(!sim_node_is_damaged(node));
    sim_disk_wipe(&node->disk); /* behind everybody's back */
    sim_node_start(node);
    ck_assert(world->has_finding);
    ck_assert_str_eq(world->finding.rule, "recovery");
}
END_TEST

/* Every line of the transcript is text without a trace of an address. */
static void count_line(void *ctx, const char *line)
{
    ck_assert_ptr_null(strstr(line, "0x"));
    ++*(uint32_t *)ctx;
}

START_TEST(transcript_changes_nothing)
{
    uint32_t lines = 0;
    struct sim_world *world = world_of(&sut_raft, 2);
    start_load(world);
    run_until_commits(world, 5);
    struct sim_execution quiet = finish(world);
    world = world_of(&sut_raft, 2);
    world->transcript = count_line;
    world->transcript_ctx = &lines;
    start_load(world);
    run_until_commits(world, 5);
    struct sim_execution told = finish(world);
    ck_assert_uint_gt(lines, told.events);
    ck_assert_uint_eq(quiet.trace_hash, told.trace_hash);
}
END_TEST

START_TEST(scenario_that_exceeds_its_events_is_stuck)
{
    struct sim_world *world = world_of(&sut_raft, 1);
    world->budget_events = 10;
    sim_world_run(world);
    ck_assert(world->has_finding);
    ck_assert_str_eq(world->finding.rule, "stuck");
}
END_TEST

START_TEST(armed_rule_that_never_fires_is_vacuous)
{
    struct sim_world *world = world_of(&sut_raft, 1);
    struct sim_rule *rule = rule_of(world, "disk.sync", RAFT_OUTCOME_EIO);
    rule->trigger.nth = 100000;
    snprintf(rule->where, sizeof rule->where, "x.lua:1");
    ck_assert_uint_eq(sim_fault_rule_arm(&world->faults, rule), 1);
    run_until_commits(world, 1);
    sim_world_script_ended(world);
    sim_world_run(world);
    ck_assert(world->has_finding);
    ck_assert_str_eq(world->finding.rule, "vacuous");
    ck_assert_ptr_nonnull(strstr(world->finding.message, "x.lua:1: fault rule never fired"));
}
END_TEST

START_TEST(expectation_after_a_shot_disturbs_and_is_no_finding)
{
    struct sim_execution result;
    struct sim_world *world = world_of(&sut_raft, 1);
    world->faults.shot = (struct sim_shot){
        .point = world->faults.sut_point_count + SIM_POINT_DISK_WRITE,
        .occurrence = 20,
        .outcome = RAFT_OUTCOME_CRASH_AFTER,
    };
    start_load(world);
    run_until_commits(world, 20);
    ck_assert_uint_eq(world->faults.shot.fired, 1);
    ck_assert_uint_eq(world->crashes, 1);
    sim_expectation_failed(world, "x.lua:2: the leader is still the first one");
    sim_world_run(world);
    expect_no_finding(world);
    sim_world_result(world, &result);
    ck_assert(result.disturbed);
    ck_assert_int_eq(result.outcome, SIM_OUTCOME_OK);
}
END_TEST

/* The instants that a run passes, by place and side. */
static uint64_t watched[SIM_SHOT_PLACE_COUNT][2];

static void watch(void *ctx, const struct sim_passage *passage)
{
    assert_quietly(ctx == watched);
    watched[passage->place][passage->is_after]++;
}

/* A run with a shot, to its end; its occurrence is counted from the start of the cluster. */
static struct sim_world *run_with_shot(const struct sim_shot *shot, uint64_t commits,
                                       struct sim_execution *result)
{
    memset(watched, 0, sizeof watched);
    struct sim_world *world = world_of(&sut_raft, 1);
    world->watch = watch;
    world->watch_ctx = watched;
    world->faults.shot = *shot;
    world->faults.shot.occurrence += shot->occurrence == 0 ? 0 : world->faults.passed[shot->place];
    start_load(world);
    run_until_commits(world, commits);
    *result = finish(world);
    return world;
}

START_TEST(watching_instants_does_not_change_the_run)
{
    struct sim_execution result;
    struct sim_world *world = world_of(&sut_raft, 1);
    start_load(world);
    run_until_commits(world, 10);
    struct sim_execution plain = finish(world);
    run_with_shot(&(struct sim_shot){0}, 10, &result);
    ck_assert_uint_eq(result.trace_hash, plain.trace_hash);
    for (uint32_t place = SIM_SHOT_SUBMIT; place <= SIM_SHOT_MESSAGE; place++) {
        ck_assert_uint_gt(watched[place][0], 10);
        ck_assert_uint_eq(watched[place][0], watched[place][1]);
    }
}
END_TEST

static const struct {
    enum sim_shot_place place;
    enum sim_shot_deed deed;
} crash_shots[] = {
    {SIM_SHOT_SUBMIT, SIM_SHOT_CRASH_BEFORE},  {SIM_SHOT_SUBMIT, SIM_SHOT_CRASH_AFTER},
    {SIM_SHOT_DONE, SIM_SHOT_CRASH_BEFORE},    {SIM_SHOT_DONE, SIM_SHOT_CRASH_AFTER},
    {SIM_SHOT_MESSAGE, SIM_SHOT_CRASH_BEFORE}, {SIM_SHOT_MESSAGE, SIM_SHOT_CRASH_AFTER},
};

START_TEST(node_dies_at_its_instant_and_starts_again)
{
    for (uint64_t occurrence = 1; occurrence <= 40; occurrence += 3) {
        struct sim_execution result;
        const struct sim_shot shot = {.place = crash_shots[_i].place,
                                      .deed = crash_shots[_i].deed,
                                      .occurrence = occurrence,
                                      .image.kept = occurrence};
        struct sim_world *world = run_with_shot(&shot, 20, &result);
        ck_assert_uint_eq(world->faults.shot.fired, 1);
        ck_assert_uint_eq(world->crashes, 1);
        ck_assert_uint_eq(world->restarts, 1);
    }
}
END_TEST

START_TEST(message_is_lost_doubled_or_late)
{
    struct sim_execution plain;
    struct sim_execution result;
    struct sim_shot shot = {.place = SIM_SHOT_MESSAGE, .occurrence = 30};
    run_with_shot(&(struct sim_shot){0}, 10, &plain);
    shot.deed = SIM_SHOT_DROP;
    struct sim_world *world = run_with_shot(&shot, 10, &result);
    ck_assert_uint_eq(world->faults.shot.fired, 1);
    ck_assert_uint_ge(world->network.dropped, 1);
    ck_assert_uint_ne(result.trace_hash, plain.trace_hash);
    shot.deed = SIM_SHOT_DUPLICATE;
    shot.delay_ns = MS;
    world = run_with_shot(&shot, 10, &result);
    ck_assert_uint_eq(world->faults.shot.fired, 1);
    ck_assert_uint_ne(result.trace_hash, plain.trace_hash);
    shot.deed = SIM_SHOT_DELAY;
    shot.delay_ns = 50 * MS;
    world = run_with_shot(&shot, 10, &result);
    ck_assert_uint_eq(world->faults.shot.fired, 1);
    ck_assert_uint_ne(result.trace_hash, plain.trace_hash);
}
END_TEST

START_TEST(node_stops_behind_its_event_and_is_up_again_in_the_liveness_phase)
{
    for (uint32_t node = 1; node <= 3; node++) {
        struct sim_execution result;
        const struct sim_shot shot = {
            .place = SIM_SHOT_EVENT, .deed = SIM_SHOT_STOP, .occurrence = 120, .node = node};
        struct sim_world *world = run_with_shot(&shot, 20, &result);
        ck_assert_uint_eq(world->faults.shot.fired, 1);
        ck_assert_uint_eq(world->crashes, 0);
        ck_assert_uint_eq(world->nodes[node]->incarnation, 2);
    }
}
END_TEST

START_TEST(second_shot_fires_behind_the_first)
{
    struct sim_world *world = world_of(&sut_raft, 1);
    uint32_t disk_write = world->faults.sut_point_count + SIM_POINT_DISK_WRITE;
    world->faults.shot =
        (struct sim_shot){.point = disk_write, .occurrence = 20, .outcome = RAFT_OUTCOME_SHORT};
    world->faults.second =
        (struct sim_shot){.point = disk_write, .occurrence = 25, .outcome = RAFT_OUTCOME_SHORT};
    start_load(world);
    run_until_commits(world, 20);
    ck_assert_uint_eq(world->faults.shot.fired, 1);
    ck_assert_uint_eq(world->faults.second.fired, 1);
    ck_assert_uint_lt(world->faults.shot.fired_ns, world->faults.second.fired_ns);
}
END_TEST

START_TEST(node_comes_back_as_the_next_implementation_and_checkpoints_know_it)
{
    const struct sut_ops other = sut_other();
    struct arena_checkpoint *checkpoint = arena_checkpoint_create();
    struct sim_world *world = world_with(&other);
    const uint64_t *hits = &world->faults.gates[RAFT_AT_SEGMENT_APPEND_WRITE].hits;
    start_load(world);
    run_until_commits(world, COMMITS / 4);
    arena_save(arena, checkpoint);
    uint64_t digest = sim_world_digest(world);
    for (uint32_t id = 1; id <= 3; id++) {
        sim_node_crash(world->nodes[id], SIM_UNSYNCED_KEEP);
        world->nodes[id]->takes_next = true;
        ck_assert_uint_ne(sim_world_digest(world), digest);
        sim_node_start(world->nodes[id]);
        ck_assert_ptr_eq(world->nodes[id]->sut, &other);
    }
    uint64_t before = *hits;
    run_until_commits(world, COMMITS);
    ck_assert_uint_eq(*hits, before); /* a point that the first does not have is nobody's */
    struct sim_execution first = finish(world);
    arena_restore(arena, checkpoint);
    ck_assert_uint_eq(sim_world_digest(world), digest);
    ck_assert_ptr_eq(world->nodes[1]->sut, &sut_raft);
    run_until_commits(world, COMMITS);
    ck_assert_uint_gt(*hits, before);
    struct sim_execution second = finish(world);
    ck_assert_uint_ne(first.trace_hash, second.trace_hash);
    arena_checkpoint_destroy(checkpoint);
}
END_TEST

START_TEST(upgraded_cluster_runs_as_the_same_one_would_but_for_the_hash)
{
    const struct sut_ops other = sut_raft;
    struct sim_execution results[2];
    for (int i = 0; i < 2; i++) {
        struct sim_world *world = world_with(&other);
        start_load(world);
        run_until_commits(world, COMMITS / 4);
        sim_node_crash(world->nodes[2], SIM_UNSYNCED_KEEP);
        world->nodes[2]->takes_next = i == 1;
        sim_node_start(world->nodes[2]);
        run_until_commits(world, COMMITS);
        results[i] = finish(world);
    }
    ck_assert_uint_eq(results[0].events, results[1].events);
    ck_assert_uint_eq(results[0].sim_ns, results[1].sim_ns);
    ck_assert_uint_ne(results[0].trace_hash, results[1].trace_hash);
}
END_TEST

static Suite *world_suite(void)
{
    Suite *suite = suite_create("world");
    TCase *tcase = tcase_create("world");
    tcase_add_checked_fixture(tcase, arena_set_up, arena_tear_down);
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, cluster_without_faults_commits_and_stops_with_an_empty_ledger);
    tcase_add_test(tcase, cluster_survives_a_crash_and_restart_of_its_leader);
    tcase_add_test(tcase, restarted_node_holds_exactly_what_its_disk_says);
    tcase_add_test(tcase, same_seed_gives_the_same_hash_whatever_the_fill);
    tcase_add_test(tcase, other_seed_gives_another_hash);
    tcase_add_test(tcase, restored_checkpoint_goes_on_to_the_same_hash);
    tcase_add_test(tcase, node_comes_back_as_the_next_implementation_and_checkpoints_know_it);
    tcase_add_test(tcase, upgraded_cluster_runs_as_the_same_one_would_but_for_the_hash);
    tcase_add_test(tcase, node_that_is_paused_takes_its_events_when_it_is_resumed);
    tcase_add_test(tcase, paused_node_may_crash_with_events_waiting);
    tcase_add_test(tcase, clock_that_jumps_or_drifts_does_not_stop_a_node);
    tcase_add_test(tcase, clock_that_stands_still_fires_no_timer);
    tcase_add_test(tcase, clock_that_is_thrown_to_and_fro_never_goes_back_and_ends_right);
    tcase_add_test(tcase, late_timers_are_late_and_never_early);
    tcase_add_test(tcase, node_whose_store_was_taken_away_may_refuse_to_start);
    tcase_add_test(tcase, cluster_that_lost_a_majority_of_copies_is_unavailable_and_no_pass);
    tcase_add_test(tcase, however_many_copies_are_lost_all_of_them_count);
    tcase_add_test(tcase, two_nodes_repair_each_other_when_the_third_is_lost);
    tcase_add_test(tcase, nodes_that_do_not_repair_what_others_have_are_no_lost_copies);
    tcase_add_test(tcase, store_that_nothing_was_done_to_must_be_taken);
    tcase_add_test(tcase, transcript_changes_nothing);
    tcase_add_test(tcase, scenario_that_exceeds_its_events_is_stuck);
    tcase_add_test(tcase, armed_rule_that_never_fires_is_vacuous);
    tcase_add_test(tcase, expectation_after_a_shot_disturbs_and_is_no_finding);
    tcase_add_test(tcase, watching_instants_does_not_change_the_run);
    tcase_add_test(tcase, message_is_lost_doubled_or_late);
    tcase_add_test(tcase, node_stops_behind_its_event_and_is_up_again_in_the_liveness_phase);
    tcase_add_test(tcase, second_shot_fires_behind_the_first);
    tcase_add_loop_test(tcase, node_dies_at_its_instant_and_starts_again, 0,
                        (int)(sizeof crash_shots / sizeof crash_shots[0]));
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return unit_main(world_suite());
}
