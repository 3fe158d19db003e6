/* Worlds of real nodes without a script, one at a time, in an arena of the test's own. */
#ifndef TESTS_WORLD_FIXTURE_H
#define TESTS_WORLD_FIXTURE_H

#include "arena_fixture.h"

#include <sim/world.h>

#define MS UINT64_C(1000000)

/* A world of any kind; the spec must live as long as the run. */
static inline struct sim_world *world_create(const struct sim_spec *spec)
{
    char error[SIM_TEXT_MAX] = "";
    struct sim_world *world = sim_world_create(arena, spec, error, sizeof error);
    ck_assert_msg(world != NULL, "%s", error);
    return world;
}

/* The same with a cluster of so many nodes. */
static inline struct sim_world *world_from(const struct sim_spec *spec, uint32_t nodes)
{
    struct sim_world *world = world_create(spec);
    struct sim_cluster_options options;
    sim_cluster_options_init(&options);
    options.nodes = nodes;
    sim_cluster_create(world, &options);
    return world;
}

/* Three nodes of an implementation. */
static inline struct sim_world *world_of(const struct sut_ops *sut, uint64_t seed)
{
    static struct sim_spec spec;
    spec = (struct sim_spec){.sut = sut, .seed = seed, .fill = 0xa5};
    return world_from(&spec, 3);
}

/* A rule of an outcome at the points of a pattern, to be armed. */
static inline struct sim_rule *rule_of(struct sim_world *world, const char *pattern,
                                       enum raft_outcome outcome)
{
    struct sim_rule *rule = sim_fault_rule_new(&world->faults, pattern);
    rule->action = SIM_FAULT_OUTCOME;
    rule->outcome = outcome;
    return rule;
}

/* A client writes. */
static inline void begin_put(struct sim_world *world, uint64_t timeout_ns)
{
    const struct sim_command command = {.type = SIM_COMMAND_PUT, .key = "a", .value = "b"};
    sim_client_begin(sim_client_create(world, timeout_ns), &command, 0);
}

static inline void expect_no_finding(const struct sim_world *world)
{
    if (world->has_finding) {
        ck_abort_msg("%s: %s", world->finding.rule, world->finding.message);
    }
}

static inline void expect_more(const struct sim_world *world)
{
    expect_no_finding(world);
    assert_quietly(!world->over);
}

/* Up to and with a time; the run must not be over by then. */
static inline void run_until(struct sim_world *world, uint64_t until_ns)
{
    while (sim_world_next_ns(world) <= until_ns && sim_world_step(world)) {
    }
    expect_more(world);
}

static inline void run_for(struct sim_world *world, uint64_t ns)
{
    run_until(world, world->scheduler.now_ns + ns);
}

/* Ends the script's part and runs to the end, which must be without a finding. */
static inline struct sim_execution run_to_the_end(struct sim_world *world)
{
    struct sim_execution execution;
    sim_world_script_ended(world);
    sim_world_run(world);
    expect_no_finding(world);
    ck_assert_int_eq(world->phase, SIM_PHASE_DONE);
    sim_world_result(world, &execution);
    return execution;
}

/* The same, and the end must be a good one. */
static inline struct sim_execution finish(struct sim_world *world)
{
    struct sim_execution execution = run_to_the_end(world);
    ck_assert_int_eq(execution.outcome, SIM_OUTCOME_OK);
    return execution;
}

#endif
