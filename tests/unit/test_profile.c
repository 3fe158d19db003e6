/* Profiles: what is drawn stays within its bounds and reaches everything, the words of a draw make
 * it again, and the agenda hurts no more nodes than it may. */
#include "world_fixture.h"

#include <sim/profile_internal.h>

#include <raft/message.h>
#include <stdio.h>
#include <string.h>

#define SEEDS         2000u
#define RUNS          24u
#define STEPS_AT_MOST 2000000u

static uint32_t classes_on(const struct sim_draw *draw)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < SIM_CLASS_COUNT; i++) {
        count += sim_profile_has(draw, (enum sim_fault_class)i);
    }
    return count;
}

static void assert_cluster_is_sound(const struct sim_draw *draw)
{
    ck_assert(draw->nodes >= 1 && draw->nodes <= 7);
    ck_assert_uint_lt(draw->heartbeat_ms, draw->election_ms);
    ck_assert_uint_ge(draw->batch_bytes, draw->payload);
    ck_assert(draw->clients >= 1 && draw->by_index == draw->clients / 2);
    ck_assert_uint_le(draw->padding, draw->payload);
    /* Four operations of a disk and two messages, each at its slowest. */
    uint64_t slowest_us =
        2 * 3 * (draw->write_us + draw->sync_us) / 2 + 2 * (draw->latency_us + draw->jitter_us);
    ck_assert_uint_lt(slowest_us, draw->election_ms * 1000 / 2);
    if (draw->lease != 0) {
        ck_assert_uint_ne(draw->quorum, 0);
        ck_assert_uint_eq(draw->step_gap_ms, 0);
        ck_assert_uint_eq(draw->freeze_gap_ms, 0);
        ck_assert_uint_eq(draw->strobe_gap_ms, 0);
        ck_assert_uint_le(draw->drift_ppm, draw->bound_ppm);
    }
}

START_TEST(draws_are_within_their_bounds)
{
    uint32_t sizes[16] = {0};
    uint32_t leases = 0;
    for (int kind = SIM_PROFILE_CALM; kind < SIM_PROFILE_COUNT; kind++) {
        for (uint64_t seed = 1; seed <= SEEDS; seed++) {
            struct sim_draw draw;
            sim_profile_draw((enum sim_profile_kind)kind, seed, &draw);
            assert_cluster_is_sound(&draw);
            ck_assert(kind != SIM_PROFILE_CALM || classes_on(&draw) == 0);
            ck_assert_uint_le(draw.loss_ppm, 300000);
            ck_assert_uint_le(draw.sync_ppm, 10000);
            ck_assert(draw.step_ms == 0 || (draw.step_ms >= 10 && draw.step_ms <= 300000));
            sizes[draw.nodes]++;
            leases += draw.lease != 0 && draw.drift_ppm != 0;
        }
    }
    ck_assert(sizes[1] > 0 && sizes[2] > 0 && sizes[4] > 0 && sizes[7] > 0);
    ck_assert_uint_gt(sizes[3], sizes[5]);
    ck_assert_uint_gt(leases, SEEDS / 20);
}
END_TEST

START_TEST(words_of_a_draw_make_it_again)
{
    for (int kind = SIM_PROFILE_CALM; kind < SIM_PROFILE_COUNT; kind++) {
        for (uint64_t seed = 1; seed <= SEEDS; seed++) {
            struct sim_draw draw;
            struct sim_draw again;
            char text[SIM_TEXT_MAX];
            char error[SIM_TEXT_MAX] = "";
            sim_profile_draw((enum sim_profile_kind)kind, seed, &draw);
            ck_assert_uint_lt(sim_profile_print(&draw, &draw, text, sizeof text), sizeof text);
            again = draw;
            ck_assert_msg(sim_profile_override(&again, text, error, sizeof error), "%s", error);
            ck_assert_int_eq(memcmp(&draw, &again, sizeof draw), 0);
        }
    }
}
END_TEST

/* Of what is not drawn any more, too: what is 0, or usual, although the seed draws something. */
START_TEST(words_of_an_overridden_draw_make_it_again)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct sim_draw drawn;
        char text[SIM_TEXT_MAX];
        char error[SIM_TEXT_MAX] = "";
        sim_profile_draw(SIM_PROFILE_SWARM, seed, &drawn);
        struct sim_draw draw = drawn;
        struct sim_draw again = drawn;
        ck_assert(sim_profile_override(
            &draw, "loss_ppm=0 power_gap_ms=0 prevote=0 sessions=64 length_ms=60000 gets=0", error,
            sizeof error));
        ck_assert_uint_lt(sim_profile_print(&draw, &drawn, text, sizeof text), sizeof text);
        ck_assert_msg(sim_profile_override(&again, text, error, sizeof error), "%s", error);
        ck_assert_int_eq(memcmp(&draw, &again, sizeof draw), 0);
    }
}
END_TEST

START_TEST(override_refuses_what_is_no_parameter_and_no_value)
{
    struct sim_draw draw;
    char error[SIM_TEXT_MAX] = "";
    sim_profile_draw(SIM_PROFILE_SWARM, 1, &draw);
    ck_assert(sim_profile_override(&draw, "nodes=5 loss_ppm=0", error, sizeof error));
    ck_assert_uint_eq(draw.nodes, 5);
    ck_assert_uint_eq(draw.loss_ppm, 0);
    ck_assert(!sim_profile_override(&draw, "nods=5", error, sizeof error));
    ck_assert_ptr_nonnull(strstr(error, "nods"));
    ck_assert(!sim_profile_override(&draw, "nodes=0", error, sizeof error));
    ck_assert(!sim_profile_override(&draw, "nodes=16", error, sizeof error));
    ck_assert(!sim_profile_override(&draw, "nodes=five", error, sizeof error));
    ck_assert(!sim_profile_override(&draw, "nodes", error, sizeof error));
    ck_assert(!sim_profile_override(&draw, "mode=angry", error, sizeof error));
}
END_TEST

START_TEST(names_lead_back_to_their_profiles)
{
    for (int i = SIM_PROFILE_CALM; i < SIM_PROFILE_COUNT; i++) {
        enum sim_profile_kind kind = (enum sim_profile_kind)i;
        ck_assert_int_eq(sim_profile_find(sim_profile_string(kind)), i);
        ck_assert_int_eq(sim_profile_of_scenario(sim_profile_scenario(kind)), i);
    }
    ck_assert_int_eq(sim_profile_find("stormy"), SIM_PROFILE_NONE);
    ck_assert_int_eq(sim_profile_of_scenario("nemesis"), SIM_PROFILE_NONE);
}
END_TEST

/* How many nodes cannot do their part because of something that happened to them. */
static uint32_t nodes_down(const struct sim_world *world)
{
    uint32_t count = 0;
    for (uint32_t id = 1; id <= world->node_count; id++) {
        const struct sim_node *node = world->nodes[id];
        count += node->state != SIM_NODE_UP || node->paused || node->is_read_only_wanted ||
                 node->disk.quota != UINT64_MAX;
    }
    return count;
}

static struct sim_world *profile_open(enum sim_profile_kind kind, const char *parameters,
                                      uint64_t seed)
{
    static struct sim_spec spec;
    spec = (struct sim_spec){.sut = &sut_raft,
                             .profile = kind,
                             .scenario = sim_profile_scenario(kind),
                             .parameters = parameters,
                             .seed = seed,
                             .fill = 0xA5};
    return world_create(&spec);
}

/* A calm cluster without faults but those that the parameters name. */
static struct sim_world *run_open(const char *parameters, uint64_t seed)
{
    return profile_open(SIM_PROFILE_CALM, parameters, seed);
}

/* Runs a seed without a power failure; returns the most nodes that were down at once. */
static uint32_t run_seed(enum sim_profile_kind kind, uint64_t seed,
                         struct sim_execution *out_execution)
{
    uint32_t most = 0;
    uint32_t steps = 0;
    struct sim_world *world = profile_open(kind, "length_ms=3000 power_gap_ms=0", seed);
    while (sim_world_step(world)) {
        uint32_t down = world->phase == SIM_PHASE_RUN ? nodes_down(world) : 0;
        most = down > most ? down : most;
        assert_quietly(++steps < STEPS_AT_MOST);
    }
    ck_assert_msg(!world->has_finding, "seed %u: %s", (unsigned)seed, world->finding.message);
    uint32_t minority = (world->node_count - 1) / 2;
    bool is_bound = strstr(sim_profile_text(world->profile), "mode=unrestricted") == NULL;
    if (is_bound) {
        ck_assert_uint_le(most, minority == 0 ? 1 : minority);
    }
    sim_world_result(world, out_execution);
    return is_bound ? 0 : most;
}

START_TEST(no_more_than_a_minority_is_hurt_at_once)
{
    uint64_t faults = 0;
    uint64_t commits = 0;
    for (uint64_t seed = 1; seed <= RUNS; seed++) {
        struct sim_execution execution;
        run_seed(SIM_PROFILE_SWARM, seed, &execution);
        faults += execution.faults_fired;
        commits += execution.commits;
        run_seed(SIM_PROFILE_NASTY, seed, &execution);
    }
    ck_assert_uint_gt(faults, RUNS * 10);
    ck_assert_uint_gt(commits, RUNS * 10);
}
END_TEST

START_TEST(unrestricted_runs_hurt_whole_clusters)
{
    uint32_t most = 0;
    for (uint64_t seed = 1; seed <= RUNS; seed++) {
        struct sim_execution execution;
        uint32_t down = run_seed(SIM_PROFILE_UNRESTRICTED, seed, &execution);
        most = down > most ? down : most;
    }
    ck_assert_uint_ge(most, 3);
}
END_TEST

/* Damaged members of a configuration. */
static uint32_t damaged_members(const struct sim_world *world,
                                const struct raft_configuration *configuration)
{
    uint32_t damaged = 0;
    for (uint32_t i = 0; i < configuration->count; i++) {
        damaged += sim_node_is_damaged(world->nodes[configuration->members[i].id]);
    }
    return damaged;
}

/* Runs a seed with damaged stores, never of more than a minority of the members unless it is
 * unrestricted; returns how many nodes were damaged, and adds how many are gone for good, and how
 * many new ones came. */
static uint32_t run_damaged(enum sim_profile_kind kind, uint64_t seed,
                            struct sim_execution *out_execution, uint32_t *gone, uint32_t *replaced)
{
    uint32_t damaged = 0;
    uint32_t at_first = 0;
    struct sim_world *world = profile_open(kind,
                                           "length_ms=3000 wipe_gap_ms=300 "
                                           "restore_gap_ms=300 down_ms=200",
                                           seed);
    bool is_bound = strstr(sim_profile_text(world->profile), "mode=unrestricted") == NULL;
    while (sim_world_step(world)) {
        const struct raft_configuration *configuration = sim_world_configuration(world);
        at_first = at_first == 0 ? world->node_count : at_first;
        for (uint32_t id = 1; id <= world->node_count; id++) {
            damaged |= (uint32_t)sim_node_is_damaged(world->nodes[id]) << id;
        }
        if (is_bound && configuration != NULL && !raft_configuration_is_joint(configuration)) {
            assert_quietly(2 * damaged_members(world, configuration) <= configuration->count);
        }
    }
    ck_assert_msg(!world->has_finding, "seed %u: %s", (unsigned)seed, world->finding.message);
    sim_world_result(world, out_execution);
    ck_assert(!is_bound || out_execution->outcome == SIM_OUTCOME_OK);
    *replaced += is_bound ? world->node_count - at_first : 0;
    for (uint32_t id = 1; id <= world->node_count && is_bound; id++) {
        *gone += world->nodes[id]->is_gone;
    }
    return (uint32_t)__builtin_popcount(damaged);
}

START_TEST(lost_stores_are_a_minority_of_the_members_and_are_replaced)
{
    uint32_t damaged = 0;
    uint32_t unavailable = 0;
    uint32_t gone = 0;
    uint32_t replaced = 0;
    for (uint64_t seed = 1; seed <= RUNS; seed++) {
        struct sim_execution execution;
        damaged += run_damaged(SIM_PROFILE_SWARM, seed, &execution, &gone, &replaced);
        run_damaged(SIM_PROFILE_UNRESTRICTED, seed, &execution, &gone, &replaced);
        unavailable += execution.outcome == SIM_OUTCOME_UNAVAILABLE;
    }
    ck_assert_uint_gt(damaged, RUNS / 3);
    ck_assert_uint_gt(unavailable, 0);
    ck_assert_uint_gt(gone, RUNS / 8);
    ck_assert_uint_gt(replaced, RUNS / 3);
}
END_TEST

START_TEST(recorded_parameters_give_the_same_run)
{
    struct sim_execution execution;
    run_seed(SIM_PROFILE_SWARM, 1, &execution);
    const struct sim_spec spec = {.sut = &sut_raft,
                                  .profile = SIM_PROFILE_SWARM,
                                  .scenario = execution.scenario,
                                  .parameters = execution.parameters,
                                  .seed = 1,
                                  .fill = 0x3C};
    struct sim_execution again;
    struct sim_world *world = world_create(&spec);
    sim_world_run(world);
    sim_world_result(world, &again);
    ck_assert_uint_eq(execution.trace_hash, again.trace_hash);
    ck_assert_str_eq(execution.parameters, again.parameters);
}
END_TEST

/* That run, to its end. */
static struct sim_world *run_named(const char *parameters, uint64_t seed)
{
    struct sim_world *world = run_open(parameters, seed);
    sim_world_run(world);
    expect_no_finding(world);
    return world;
}

/* From one state, whatever is drawn: two machines are there that are no members. */
START_TEST(nobody_who_is_gone_for_good_is_asked_to_join)
{
    struct arena_checkpoint *checkpoint = arena_checkpoint_create();
    struct sim_world *world = run_open("nodes=3 learners=0 length_ms=2000", 1);
    uint32_t back = 0;
    while (world->clients.ok == 0) {
        ck_assert(sim_world_step(world));
    }
    uint32_t gone = sim_world_node_add(world, false)->id;
    uint32_t former = sim_world_node_add(world, false)->id;
    sim_node_retire(world->nodes[gone]);
    arena_save(arena, checkpoint);
    for (uint64_t i = 0; i < SEEDS; i++) {
        struct sim_stream stream;
        sim_stream_init(&stream, i, SIM_STREAM_PROFILE, 0, 0);
        sim_members_change(world->profile, &stream);
        const struct sim_member_change *change = world->changes.first;
        uint32_t joining = change == NULL ? 0 : change->plan.voters | change->plan.learners;
        ck_assert_uint_eq(joining & 1u << gone, 0);
        back += (joining & 1u << former) != 0;
        arena_restore(arena, checkpoint);
    }
    ck_assert_uint_gt(back, SEEDS / 10);
    arena_checkpoint_destroy(checkpoint);
}
END_TEST

/* A rule of a node or two does not reach the others. */
START_TEST(clogs_and_cuts_take_the_links_of_chosen_nodes_only)
{
    uint32_t clogs = 0;
    uint32_t cuts = 0;
    struct sim_world *world = run_open("nodes=5 length_ms=5000 clog_gap_ms=100 clog_ms=50 "
                                       "transfer_gap_ms=100 cut_gap_ms=1000000 cut_ms=50",
                                       1);
    while (sim_world_step(world)) {
        const struct sim_link_rule *rule = world->network.rules;
        for (; rule != NULL; rule = rule->next) {
            bool is_from_all = rule->from.role == SIM_SELECT_ANY;
            bool is_to_all = rule->to.role == SIM_SELECT_ANY;
            assert_quietly(!is_from_all || !is_to_all);
            clogs += rule->hold;
            cuts += rule->cut;
        }
    }
    ck_assert_uint_gt(clogs, 0);
    ck_assert_uint_gt(cuts, 0);
}
END_TEST

static bool is_parted(const struct sim_world *world)
{
    const struct sim_link_rule *rule = world->network.rules;
    while (rule != NULL && !rule->partition) {
        rule = rule->next;
    }
    return rule != NULL;
}

START_TEST(partitions_and_their_gaps_have_a_least_length)
{
    struct sim_world *world = run_open("nodes=3 length_ms=60000 snapshots=1000 split_gap_ms=1 "
                                       "split_rest_ms=150 split_ms=1 split_least_ms=400",
                                       1);
    const uint64_t tick_ns = 20000000;
    bool was_parted = false;
    uint64_t since_ns = 0;
    uint32_t seen = 0;
    while (sim_world_step(world) && world->phase == SIM_PHASE_RUN) {
        uint64_t now_ns = world->scheduler.now_ns;
        if (is_parted(world) != was_parted) {
            uint64_t least_ns = was_parted ? 400000000 : 150000000;
            ck_assert(seen == 0 || now_ns - since_ns >= least_ns);
            ck_assert(seen == 0 || now_ns - since_ns <= least_ns + 2 * tick_ns);
            was_parted = !was_parted;
            since_ns = now_ns;
            seen++;
        }
    }
    ck_assert_uint_gt(seen, 100);
}
END_TEST

START_TEST(each_link_is_clogged_by_itself)
{
    struct sim_world *world = run_open(
        "nodes=3 learners=0 length_ms=60000 snapshots=1000 clog_gap_ms=1000 clog_ms=500", 1);
    uint32_t most = 0;
    while (sim_world_step(world) && world->phase == SIM_PHASE_RUN) {
        uint32_t active = 0;
        const struct sim_link_rule *rule = world->network.rules;
        for (; rule != NULL; rule = rule->next) {
            active++;
            ck_assert(__builtin_popcount(rule->from.nodes) == 1 &&
                      __builtin_popcount(rule->to.nodes) == 1);
        }
        most = active > most ? active : most;
    }
    /* A link is clogged for a third of the time, and not twice: 60 s, 6 links, 1 in 1.5 s each. */
    uint32_t clogs = world->network.rule_count;
    ck_assert_msg(clogs > 180 && clogs < 300, "%u clogs", clogs);
    ck_assert_uint_gt(most, 3);
}
END_TEST

/* How much likelier a node dies while an operation of its disk is under way: the odds of that when
 * one dies, over the odds of that otherwise. */
START_TEST(crashes_are_ten_times_likelier_while_a_write_is_pending)
{
    uint64_t busy = 0;
    uint64_t idle = 0;
    uint64_t crashed_busy = 0;
    uint64_t crashed_idle = 0;
    struct sim_world *world =
        run_open("nodes=1 learners=0 length_ms=200000 least_ms=200000 crash_gap_ms=2000 "
                 "down_ms=10 election_ms=150 heartbeat_ms=50 think_ms=10 sync_us=2000 "
                 "snapshots=1000 clients=4",
                 1);
    for (bool goes_on = true; goes_on && world->phase == SIM_PHASE_RUN;) {
        const struct sim_node *node = world->node_count > 0 ? world->nodes[1] : NULL;
        bool was_up = node != NULL && node->state == SIM_NODE_UP;
        bool was_busy = was_up && sim_disk_pending(&node->disk) > 0;
        uint64_t since_ns = world->scheduler.now_ns;
        goes_on = sim_world_step(world);
        uint64_t passed_ns = world->scheduler.now_ns - since_ns;
        bool dies = was_up && node->state != SIM_NODE_UP;
        busy += was_busy ? passed_ns : 0;
        idle += was_up && !was_busy ? passed_ns : 0;
        crashed_busy += dies && was_busy;
        crashed_idle += dies && !was_busy;
    }
    ck_assert(crashed_busy > 30 && crashed_idle > 20);
    double odds = (double)crashed_busy / (double)crashed_idle * (double)idle / (double)busy;
    ck_assert_msg(odds > 5 && odds < 20, "%u busy, %u idle: %u", (unsigned)crashed_busy,
                  (unsigned)crashed_idle, (unsigned)odds);
}
END_TEST

START_TEST(the_power_fails_for_all_at_once)
{
    uint32_t failures = 0;
    struct sim_world *world = run_open(
        "nodes=5 learners=0 length_ms=10000 least_ms=10000 power_gap_ms=1000 down_ms=10", 1);
    for (bool goes_on = true; goes_on && world->phase == SIM_PHASE_RUN;) {
        uint32_t crashes = world->crashes;
        uint32_t up = world->node_count - nodes_down(world);
        goes_on = sim_world_step(world);
        ck_assert(world->crashes == crashes || world->crashes == crashes + up);
        failures += world->crashes != crashes && up == 5;
        ck_assert_int_le(__builtin_popcount(world->profile->victims), 2);
    }
    ck_assert_uint_gt(failures, 3);
}
END_TEST

/* When a run ended whose nodes take a snapshot after so many entries. */
static uint64_t length_of(const char *parameters)
{
    return run_named(parameters, 1)->heal_started_ns / 1000000;
}

START_TEST(a_run_lasts_until_there_were_three_snapshots)
{
    uint64_t some = length_of("snapshot=100 think_ms=20 clients=2 by_index=0 length_ms=50000 "
                              "least_ms=1000 padding=0 quiet_ms=0");
    uint64_t many = length_of("snapshot=8 think_ms=20 clients=2 by_index=0 length_ms=50000 "
                              "least_ms=5000 padding=0 quiet_ms=0");
    uint64_t none = length_of("snapshot=1000000 think_ms=20 clients=2 by_index=0 length_ms=12000 "
                              "least_ms=1000 padding=0 quiet_ms=0");
    ck_assert_msg(some > 2000 && some < 20000, "%u", (unsigned)some);
    ck_assert_msg(many >= 5000 && many < 5030, "%u", (unsigned)many);
    ck_assert_msg(none >= 12000 && none < 12030, "%u", (unsigned)none);
}
END_TEST

START_TEST(a_broken_disk_is_one_at_a_time_and_fails_for_as_long_as_it_lasts)
{
    uint32_t kinds = 0;
    bool is_broken = false;
    uint32_t broken = 0;
    uint32_t mended = 0;
    struct sim_world *world =
        run_open("nodes=5 length_ms=5000 broken_gap_ms=100 broken_ms=200 down_ms=10", 1);
    while (sim_world_step(world)) {
        uint32_t active = 0;
        const char *last = "";
        kinds = 0;
        for (const struct sim_rule *rule = world->faults.rules; rule != NULL; rule = rule->next) {
            ck_assert_uint_eq(rule->outcome, RAFT_OUTCOME_EIO);
            ck_assert_int_eq(__builtin_popcount(rule->on.nodes), 1);
            ck_assert_uint_eq(rule->on.role, SIM_SELECT_NODES);
            active += rule->active;
            kinds += strcmp(rule->pattern, last) != 0;
            last = rule->pattern;
        }
        ck_assert_uint_le(active, 1);
        broken += !is_broken && active == 1;
        mended += is_broken && active == 0;
        is_broken = active == 1;
    }
    ck_assert(broken > 1 && mended > 1 && kinds > 1);
    bool fails_for_good = false;
    for (uint32_t i = 0; i < world->faults.injection_count; i++) {
        const struct sim_injection *injection = &world->faults.injections[i];
        ck_assert_str_eq(injection->outcome, "eio");
        fails_for_good = fails_for_good || injection->persistent;
    }
    ck_assert(fails_for_good);
    ck_assert_msg(!world->has_finding, "%s", world->finding.message);
}
END_TEST

/* How many directed links a rule takes. */
static uint32_t links_taken(const struct sim_world *world, const struct sim_link_rule *rule)
{
    uint32_t taken = 0;
    for (uint32_t from = 1; from <= world->node_count; from++) {
        for (uint32_t to = 1; to <= world->node_count; to++) {
            uint32_t here = rule->groups[from];
            uint32_t there = rule->groups[to];
            bool is_split =
                (here != 0 && there != 0 && here != there) || (rule->severed[from] >> to & 1u) != 0;
            bool is_covered = sim_selector_matches(world, &rule->from, from) &&
                              sim_selector_matches(world, &rule->to, to);
            taken += from != to && (rule->partition ? is_split : is_covered);
        }
    }
    return taken;
}

START_TEST(every_episode_of_links_takes_some_of_them)
{
    uint32_t sizes[2][64] = {{0}}; /* by the links that were taken: partitions, other rules */
    for (uint32_t nodes = 2; nodes <= 5; nodes++) {
        char parameters[256];
        snprintf(parameters, sizeof parameters,
                 "nodes=%u learners=0 length_ms=4000 split_gap_ms=50 split_ms=20 cut_gap_ms=50 "
                 "cut_ms=20 "
                 "clog_gap_ms=50 clog_ms=20",
                 nodes);
        const struct sim_world *world = run_named(parameters, nodes);
        const struct sim_link_rule *rule = world->network.created;
        for (; rule != NULL; rule = rule->next_created) {
            uint32_t taken = links_taken(world, rule);
            ck_assert_uint_gt(taken, 0);
            sizes[!rule->partition][taken] += nodes == 5;
        }
    }
    ck_assert(sizes[0][8] > 0 && sizes[0][12] > 0 && sizes[0][10] > 0);
    ck_assert(sizes[1][1] > 0 && sizes[1][4] > 0);
}
END_TEST

START_TEST(filters_take_messages_of_any_type_and_lose_or_hold_them)
{
    uint32_t types = 0;
    uint32_t held = 0;
    uint32_t lost = 0;
    const struct sim_world *world =
        run_named("nodes=5 length_ms=20000 filter_gap_ms=100 filter_ms=100", 1);
    const struct sim_link_rule *rule = world->network.created;
    for (; rule != NULL; rule = rule->next_created) {
        for (int type = 1; type < RAFT_MESSAGE_TYPE_COUNT; type++) {
            const char *name = raft_message_type_string((enum raft_message_type)type);
            types |= strcmp(rule->type, name) == 0 ? 1u << type : 0;
        }
        held += rule->hold && rule->effects > 0;
        lost += rule->drop && rule->effects > 0;
        ck_assert(rule->type[0] != 0 && rule->hold != rule->drop);
    }
    ck_assert_uint_eq(types, (1u << RAFT_MESSAGE_TYPE_COUNT) - 2);
    ck_assert(held > 0 && lost > 0);
}
END_TEST

START_TEST(processes_die_before_and_behind_a_message)
{
    uint32_t fired[RAFT_OUTCOME_COUNT] = {0};
    const struct sim_world *world =
        run_named("nodes=3 length_ms=10000 crash_send_ppm=10000 down_ms=50", 1);
    for (const struct sim_rule *rule = world->faults.rules; rule != NULL; rule = rule->next) {
        ck_assert_int_eq(rule->action, SIM_FAULT_CRASH);
        fired[rule->outcome] += (uint32_t)rule->trigger.fired;
    }
    ck_assert_uint_gt(fired[RAFT_OUTCOME_CRASH_BEFORE], 0);
    ck_assert_uint_gt(fired[RAFT_OUTCOME_CRASH_AFTER], 0);
    ck_assert_uint_eq(world->crashes,
                      fired[RAFT_OUTCOME_CRASH_BEFORE] + fired[RAFT_OUTCOME_CRASH_AFTER]);
}
END_TEST

START_TEST(clocks_begin_as_far_apart_as_the_seed_says)
{
    uint64_t longest_ns = 0;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct sim_draw draw;
        sim_profile_draw(SIM_PROFILE_CALM, seed, &draw);
        const struct sim_world *world = run_named("length_ms=100", seed);
        ck_assert_uint_eq(world->cluster.clock_offset_ns, draw.offset_ms * 1000000);
        uint64_t apart_ns = sim_node_now(world->nodes[1]) - world->scheduler.now_ns;
        longest_ns = apart_ns > longest_ns ? apart_ns : longest_ns;
        ck_assert_uint_le(apart_ns, draw.offset_ms * 1000000 + 2000000000);
    }
    ck_assert_uint_gt(longest_ns, 10000000000); /* further than a constant of the node's number */
}
END_TEST

START_TEST(a_gap_that_many_share_is_never_too_short_to_be_one)
{
    ck_assert_uint_gt(run_named("nodes=3 length_ms=500 crash_gap_ms=9", 1)->crashes, 0);
    ck_assert_uint_gt(run_named("nodes=3 length_ms=500 pause_gap_ms=2 pause_ms=9", 1)->pauses, 0);
}
END_TEST

START_TEST(disks_that_only_misdirect_do_so)
{
    const struct sim_world *world = run_named("nodes=3 length_ms=5000 misdirect_ppm=100000", 1);
    ck_assert_uint_gt(world->faults.injection_count, 0);
    ck_assert_str_eq(world->faults.injections[0].outcome, "misdirected");
}
END_TEST

START_TEST(a_store_that_is_put_back_leaves_no_copy_behind)
{
    struct sim_world *world = run_open("nodes=1 learners=0 length_ms=2000", 1);
    struct profile_episode *episode = &world->profile->episodes[SIM_CLASS_RESTORE];
    while (world->clients.ok == 0) {
        ck_assert(sim_world_step(world));
    }
    struct sim_disk *disk = &world->nodes[1]->disk;
    world->profile->damageable = 1u << 1;
    ck_assert(sim_disk_rot(disk, "", SIM_ROT_ANYWHERE, 1)); /* so that a copy has damage, too */
    sim_damage_restore(world->profile, episode);
    size_t blocks = arena_blocks(arena);
    sim_damage_restore(world->profile, episode);
    ck_assert(sim_disk_is_damaged(disk));
    ck_assert_uint_eq(arena_blocks(arena), blocks);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("profile");
    TCase *draws = tcase_create("draws");
    tcase_set_timeout(draws, 120);
    tcase_add_test(draws, draws_are_within_their_bounds);
    tcase_add_test(draws, words_of_a_draw_make_it_again);
    tcase_add_test(draws, words_of_an_overridden_draw_make_it_again);
    tcase_add_test(draws, override_refuses_what_is_no_parameter_and_no_value);
    tcase_add_test(draws, names_lead_back_to_their_profiles);
    suite_add_tcase(suite, draws);
    TCase *runs = tcase_create("runs");
    tcase_set_timeout(runs, 120);
    tcase_add_checked_fixture(runs, arena_set_up, arena_tear_down);
    tcase_add_test(runs, no_more_than_a_minority_is_hurt_at_once);
    tcase_add_test(runs, unrestricted_runs_hurt_whole_clusters);
    tcase_add_test(runs, lost_stores_are_a_minority_of_the_members_and_are_replaced);
    tcase_add_test(runs, nobody_who_is_gone_for_good_is_asked_to_join);
    tcase_add_test(runs, recorded_parameters_give_the_same_run);
    tcase_add_test(runs, clogs_and_cuts_take_the_links_of_chosen_nodes_only);
    tcase_add_test(runs, partitions_and_their_gaps_have_a_least_length);
    tcase_add_test(runs, each_link_is_clogged_by_itself);
    tcase_add_test(runs, crashes_are_ten_times_likelier_while_a_write_is_pending);
    tcase_add_test(runs, the_power_fails_for_all_at_once);
    tcase_add_test(runs, a_run_lasts_until_there_were_three_snapshots);
    tcase_add_test(runs, a_broken_disk_is_one_at_a_time_and_fails_for_as_long_as_it_lasts);
    tcase_add_test(runs, every_episode_of_links_takes_some_of_them);
    tcase_add_test(runs, filters_take_messages_of_any_type_and_lose_or_hold_them);
    tcase_add_test(runs, processes_die_before_and_behind_a_message);
    tcase_add_test(runs, clocks_begin_as_far_apart_as_the_seed_says);
    tcase_add_test(runs, a_gap_that_many_share_is_never_too_short_to_be_one);
    tcase_add_test(runs, disks_that_only_misdirect_do_so);
    tcase_add_test(runs, a_store_that_is_put_back_leaves_no_copy_behind);
    suite_add_tcase(suite, runs);
    return unit_main(suite);
}
