/* The measures of the liveness phase, and the bound on its first leader.
 *
 * Terms. T is the longest randomised election timeout; a *unit* is T, a round trip and what a disk
 * needs for one promise. The *lag* is how long the clocks of nodes stand still yet, after jumps
 * backwards: a bound on their own time begins behind it.
 *
 *  1. Within LEADER_UNITS units and the lag there is a leader that a majority follows.
 *  2. Within AGREED_UNITS more, some units of disk and network for each entry that any node lacked,
 *     and what a change of the members may wait for, all agree: every node has applied what is
 *     committed, its log and its vote are on its disk, no request waits, no transfer lasts.
 *  3. What a node has taken is answered within ANSWER_UNITS, or when all agree, if that is later.
 *  4. No bound holds where so many machines are gone that the rest is no majority.
 *  5. Every measure is a time since the heal, or a count since then, and is set once. */
#include "liveness.h"

#include "world.h"

#include <assert.h>
#include <inttypes.h>

#define LEADER_UNITS 10u
#define AGREED_UNITS 10u
#define ANSWER_UNITS 10u

/* Whether some node leads, and a majority of its members takes it for the leader of its term. */
static bool is_led(const struct sim_world *world)
{
    const struct sim_node *leader = sim_world_leader(world);
    uint32_t followers = 0; /* a bit per id */
    for (uint32_t id = 1; id <= world->node_count && leader != NULL; id++) {
        const struct sim_node *node = world->nodes[id];
        if (sim_node_is_up(node) && node->view.condition != RAFT_CONDITION_QUARANTINED &&
            node->view.leader == leader->id && node->view.state.term == leader->view.state.term) {
            followers |= 1u << id;
        }
    }
    return leader != NULL && sim_oracle_is_majority(world->oracles, leader->id, followers);
}

static uint64_t unit_ns(const struct sim_world *world)
{
    const struct sim_disk *disk = &world->nodes[1]->disk;
    uint64_t way_ns = world->network.latency_ns + world->network.jitter_ns;
    /* A promise is two writes and two syncs, each of up to one and a half times its mean. */
    return world->nodes[1]->options.election_ns_max + 2 * way_ns +
           3 * (disk->read_ns + disk->write_ns + disk->sync_ns);
}

/* What an entry takes at most that travels and is written alone, in a segment of its own. */
static uint64_t entry_ns(const struct sim_world *world)
{
    const struct sim_node *node = world->nodes[1];
    uint64_t way_ns = world->network.latency_ns + world->network.jitter_ns;
    return 4 * way_ns + 4 * node->apply_ns +
           8 * (node->disk.read_ns + node->disk.write_ns + node->disk.sync_ns);
}

/* Entries that any node lacks of the longest log, or has not applied. Whoever needs some that were
 * compacted gets a snapshot, which is no larger than all of them. */
static uint64_t entries_missing(const struct sim_world *world)
{
    raft_index longest = 0;
    raft_index least = UINT64_MAX;
    raft_index base = 0;
    for (uint32_t id = 1; id <= world->node_count; id++) {
        const struct raft_view *view = &world->nodes[id]->view;
        longest = view->last.index > longest ? view->last.index : longest;
        least = view->applied < least ? view->applied : least;
        base = view->base.index > base ? view->base.index : base;
    }
    least = least < base ? 0 : least;
    return longest > least ? longest - least : 0;
}

static uint64_t lag_ns(const struct sim_world *world)
{
    uint64_t lag = 0;
    for (uint32_t id = 1; id <= world->node_count; id++) {
        uint64_t stands_ns = sim_node_clock_lag(world->nodes[id]);
        lag = stands_ns > lag ? stands_ns : lag;
    }
    return lag;
}

void sim_liveness_begin(struct sim_world *world)
{
    struct sim_liveness *live = &world->liveness;
    assert(world->phase == SIM_PHASE_HEAL && world->node_count > 0);
    *live = (struct sim_liveness){
        .healed = true,
        .leader_ns = UINT64_MAX,
        .commit_ns = UINT64_MAX,
        .converged_ns = UINT64_MAX,
    };
    world->healed_sent = world->network.sent;
    world->healed_elections = sim_oracle_elections(world->oracles);
    world->healed_committed = sim_oracle_committed(world->oracles);
    world->healed_term = sim_oracle_term(world->oracles);
    world->leader_bound_ns = LEADER_UNITS * unit_ns(world) + lag_ns(world);
    world->agreed_bound_ns = world->leader_bound_ns + AGREED_UNITS * unit_ns(world) +
                             entries_missing(world) * entry_ns(world) +
                             world->nodes[1]->options.catch_up_ns_max;
}

static void leader_check(struct sim_world *world, uint64_t passed_ns)
{
    sim_oracle_count(world->oracles, SIM_ORACLE_PROGRESS);
    if (passed_ns <= world->leader_bound_ns ||
        sim_oracle_skipped(world->oracles, SIM_ORACLE_PROGRESS) != NULL) {
        return;
    }
    if (sim_world_is_beyond_budget(world)) {
        sim_oracle_waive(world->oracles, SIM_WAIVER_UNAVAILABLE);
    } else {
        sim_fail(world, sim_oracle_string(SIM_ORACLE_PROGRESS), 0,
                 "no leader in time: %" PRIu64 " ms after every fault has ended a majority follows "
                 "nobody; the bound is %" PRIu64 " ms",
                 passed_ns / 1000000, world->leader_bound_ns / 1000000);
    }
}

void sim_liveness_observe(struct sim_world *world)
{
    struct sim_liveness *live = &world->liveness;
    uint64_t passed_ns = world->scheduler.now_ns - world->heal_started_ns;
    if (world->phase != SIM_PHASE_HEAL || !live->healed) {
        return;
    }
    if (live->leader_ns == UINT64_MAX) {
        if (is_led(world)) {
            live->leader_ns = passed_ns;
        }
        leader_check(world, passed_ns);
    }
    if (live->commit_ns == UINT64_MAX &&
        sim_oracle_committed(world->oracles) > world->healed_committed) {
        live->commit_ns = passed_ns;
    }
    live->messages = world->network.sent - world->healed_sent;
    live->elections = sim_oracle_elections(world->oracles) - world->healed_elections;
    live->terms = sim_oracle_term(world->oracles) - world->healed_term;
}

bool sim_liveness_is_late(const struct sim_world *world)
{
    return world->scheduler.now_ns - world->heal_started_ns > world->agreed_bound_ns;
}

uint64_t sim_liveness_due_ns(const struct sim_world *world, uint64_t since_ns)
{
    uint64_t agreed_ns = world->heal_started_ns + world->agreed_bound_ns;
    uint64_t due_ns = since_ns + ANSWER_UNITS * unit_ns(world);
    return due_ns > agreed_ns ? due_ns : agreed_ns;
}

void sim_liveness_converged(struct sim_world *world)
{
    assert(world->liveness.converged_ns == UINT64_MAX);
    world->liveness.converged_ns = world->scheduler.now_ns - world->heal_started_ns;
}
