/* Probes: which situations a run has come into.
 *
 * A probe is looked at where its situation begins: at the end of an event of a node, by what the
 * node's view says now and said before, or when a process starts or ends. A situation counts once
 * each time it begins.
 *
 * 1. Nothing here changes the run; the counts enter no hash.
 * 2. A check is O(nodes) at most, and most events check a dozen comparisons. */
#include "probe.h"

#include "world.h"

#include <assert.h>

#define MANY 10u /* entries, terms */

static void count_if(struct sim_world *world, bool holds, enum sim_probe probe)
{
    world->probes.hits[probe] += holds;
}

static bool is_unstored(const struct raft_view *view)
{
    return view->durable.index < view->last.index;
}

static uint32_t nodes_up(const struct sim_world *world)
{
    uint32_t up = 0;
    for (uint32_t id = 1; id <= world->node_count; id++) {
        up |= (uint32_t)sim_node_is_up(world->nodes[id]) << id;
    }
    return up;
}

/* Whether a majority of what a node goes by is up, and none of its voters may fail any more. */
static bool is_bare_majority(const struct sim_world *world, const struct sim_node *node)
{
    const struct raft_configuration *configuration = &node->view.configuration;
    uint32_t up = nodes_up(world);
    bool is_short = false;
    for (uint32_t i = 0; i < configuration->count; i++) {
        uint32_t bit = 1u << configuration->members[i].id;
        bool votes =
            (configuration->members[i].flags & (RAFT_MEMBER_VOTER | RAFT_MEMBER_OUTGOING)) != 0;
        is_short = is_short || (votes && (up & bit) == 0);
        if (votes && (up & bit) != 0 &&
            sim_oracle_is_majority(world->oracles, node->id, up & ~bit)) {
            return false;
        }
    }
    return is_short && sim_oracle_is_majority(world->oracles, node->id, up);
}

/* How many nodes but one take themselves for leaders. */
static uint32_t other_leaders(const struct sim_world *world, uint32_t but)
{
    uint32_t leaders = 0;
    for (uint32_t id = 1; id <= world->node_count; id++) {
        const struct sim_node *node = world->nodes[id];
        leaders += id != but && sim_node_is_up(node) && node->view.role == RAFT_LEADER;
    }
    return leaders;
}

/* ---- the life of a process ---- */

static void gone(struct sim_world *world, const struct sim_node *node)
{
    assert(node->id < SIM_NODES_MAX);
    uint32_t up = nodes_up(world) | 1u << node->id;
    uint32_t left = up & ~(1u << node->id);
    if (node->view.last.index > 0) {
        world->probes.nodes[node->id].last = node->view.last.index;
    }
    count_if(world,
             sim_oracle_is_majority(world->oracles, node->id, up) &&
                 !sim_oracle_is_majority(world->oracles, node->id, left),
             SIM_PROBE_CRASH_MAJORITY);
    count_if(world, left == 0, SIM_PROBE_CRASH_ALL);
}

void sim_probe_crashes(struct sim_world *world, const struct sim_node *node)
{
    const struct raft_view *view = &node->view;
    bool leads = view->role == RAFT_LEADER;
    bool state_is_open = view->state_durable < view->state.sequence;
    bool hands_over = leads && view->transfer_target != RAFT_NODE_NONE;
    assert(sim_node_is_up(node));
    count_if(world, leads, SIM_PROBE_CRASH_LEADER);
    count_if(world, leads && view->last.index > view->commit, SIM_PROBE_CRASH_LEADER_UNCOMMITTED);
    count_if(world, leads && sim_oracle_committed_term(world->oracles) < view->state.term,
             SIM_PROBE_CRASH_LEADER_YOUNG);
    count_if(world, view->role == RAFT_CANDIDATE, SIM_PROBE_CRASH_CANDIDATE);
    count_if(world, view->role == RAFT_PRECANDIDATE, SIM_PROBE_CRASH_PRECANDIDATE);
    count_if(world, hands_over, SIM_PROBE_CRASH_TRANSFER_LEADER);
    for (uint32_t id = 1; id <= world->node_count; id++) {
        const struct sim_node *other = world->nodes[id];
        count_if(world,
                 sim_node_is_up(other) && other->view.role == RAFT_LEADER &&
                     other->view.transfer_target == node->id,
                 SIM_PROBE_CRASH_TRANSFER_TARGET);
    }
    count_if(world, state_is_open, SIM_PROBE_CRASH_STATE);
    count_if(world, is_unstored(view), SIM_PROBE_CRASH_ENTRIES);
    count_if(world, state_is_open && is_unstored(view), SIM_PROBE_CRASH_BOTH);
    count_if(world, node->batch != NULL, SIM_PROBE_CRASH_APPLYING);
    count_if(world, view->requests > 0, SIM_PROBE_CRASH_REQUESTS);
    count_if(world, view->reads > 0, SIM_PROBE_CRASH_READS);
    count_if(world, view->condition == RAFT_CONDITION_NOSPACE, SIM_PROBE_CRASH_NOSPACE);
    count_if(world, view->read_only, SIM_PROBE_CRASH_READ_ONLY);
    count_if(world, node->paused, SIM_PROBE_CRASH_PAUSED);
    count_if(world, node->is_starting, SIM_PROBE_CRASH_START);
    gone(world, node);
}

void sim_probe_ends(struct sim_world *world, const struct sim_node *node, enum raft_status why,
                    bool in_order)
{
    assert(sim_node_is_up(node));
    if (!in_order) {
        count_if(world, node->is_starting, SIM_PROBE_FAIL_START);
        count_if(world, node->state == SIM_NODE_STOPPING, SIM_PROBE_FAIL_STOPPING);
        count_if(world, why == RAFT_MACHINE, SIM_PROBE_FAIL_MACHINE);
    }
    gone(world, node);
}

static void losses_found(struct sim_world *world, const struct raft_view *view)
{
    bool has_losses = view->condition == RAFT_CONDITION_RECOVERING ||
                      view->condition == RAFT_CONDITION_QUARANTINED;
    count_if(world, view->condition == RAFT_CONDITION_QUARANTINED, SIM_PROBE_LOSS_QUARANTINE);
    count_if(world, (view->state.losses & RAFT_LOSS_ENTRIES) != 0, SIM_PROBE_LOSS_ENTRIES);
    count_if(world, view->is_blank, SIM_PROBE_LOSS_BLANK);
    count_if(world, view->first_damaged != 0, SIM_PROBE_LOSS_DAMAGED);
    count_if(world, has_losses && sim_world_leader(world) == NULL, SIM_PROBE_LOSS_LEADERLESS);
}

static void losses_made_up_for(struct sim_world *world, const struct raft_view *new,
                               const struct raft_view *old)
{
    uint32_t over = old->state.losses & ~new->state.losses;
    count_if(world, (over & RAFT_LOSS_ENTRIES) != 0, SIM_PROBE_LOSS_ENTRIES_OVER);
    count_if(world, old->is_blank && !new->is_blank, SIM_PROBE_LOSS_BLANK_OVER);
    count_if(world, old->first_damaged != 0 && new->first_damaged == 0,
             SIM_PROBE_LOSS_DAMAGED_OVER);
}

void sim_probe_started(struct sim_world *world, const struct sim_node *node)
{
    const struct raft_view *view = &node->view;
    const struct sim_node *leader = sim_world_leader(world);
    raft_term term_max = 0;
    for (uint32_t id = 1; id <= world->node_count; id++) {
        raft_term term = world->nodes[id] == NULL ? 0 : world->nodes[id]->view.state.term;
        term_max = term > term_max ? term : term_max;
    }
    if (node->incarnation <= 1) {
        return;
    }
    losses_found(world, view);
    count_if(world, view->last.index < world->probes.nodes[node->id].last,
             SIM_PROBE_RESTART_SHORTER);
    count_if(world, leader != NULL && view->last.index > leader->view.last.index,
             SIM_PROBE_RESTART_AHEAD);
    count_if(world, view->last.index < sim_oracle_committed(world->oracles),
             SIM_PROBE_RESTART_BEHIND);
    count_if(world, view->state.term < term_max, SIM_PROBE_RESTART_TERM);
    count_if(world,
             world->probes.nodes[node->id].has_led && view->state.term == term_max &&
                 world->probes.nodes[node->id].led_term == view->state.term,
             SIM_PROBE_RESTART_LEADER);
    count_if(world, view->state.vote != RAFT_NODE_NONE, SIM_PROBE_RESTART_VOTED);
    count_if(world, nodes_up(world) == 1u << node->id && world->node_count > 1,
             SIM_PROBE_RESTART_LONELY);
}

void sim_probe_stops(struct sim_world *world, const struct sim_node *node)
{
    const struct raft_view *view = &node->view;
    count_if(world, view->role == RAFT_LEADER && view->transfer_target != RAFT_NODE_NONE,
             SIM_PROBE_STOP_TRANSFER);
    count_if(world, view->requests > 0, SIM_PROBE_STOP_REQUESTS);
    count_if(world, is_unstored(view), SIM_PROBE_STOP_UNSTORED);
}

void sim_probe_paused(struct sim_world *world, const struct sim_node *node)
{
    count_if(world, node->view.role == RAFT_LEADER, SIM_PROBE_PAUSE_LEADER);
}

void sim_probe_resumed(struct sim_world *world, const struct sim_node *node)
{
    const struct sim_node *leader = sim_world_leader(world);
    count_if(world, node->view.role == RAFT_LEADER && leader != node && sim_node_is_up(node),
             SIM_PROBE_RESUME_DEPOSED);
}

void sim_probe_clock(struct sim_world *world, const struct sim_node *node)
{
    count_if(world, sim_node_is_up(node) && node->view.role == RAFT_LEADER, SIM_PROBE_CLOCK_LEADER);
}

void sim_probe_disk_failed(struct sim_world *world, const struct sim_node *node)
{
    count_if(world, node->view.role == RAFT_LEADER, SIM_PROBE_DISK_FAILED_LEADER);
    count_if(world, node->view.role == RAFT_CANDIDATE, SIM_PROBE_DISK_FAILED_CANDIDATE);
}

void sim_probe_heals(struct sim_world *world)
{
    const struct sim_node *leader = sim_world_leader(world);
    count_if(world, leader == NULL, SIM_PROBE_HEAL_LEADERLESS);
    count_if(world, leader != NULL && other_leaders(world, leader->id) > 0,
             SIM_PROBE_HEAL_TWO_LEADERS);
    for (uint32_t id = 1; id <= world->node_count && leader != NULL; id++) {
        const struct sim_node *node = world->nodes[id];
        if (sim_node_is_up(node) && node->view.last.index > leader->view.last.index) {
            count_if(world, true, SIM_PROBE_HEAL_DIVERGED);
            break;
        }
    }
}

/* ---- an event ---- */

static void elected(struct sim_world *world, const struct sim_node *node)
{
    struct sim_probes *state = &world->probes;
    const struct raft_view *view = &node->view;
    bool is_bare = is_bare_majority(world, node);
    count_if(world, sim_oracle_leader_changes(world->oracles) == 0, SIM_PROBE_ELECT_FIRST);
    count_if(world, state->nodes[node->id].has_led, SIM_PROBE_ELECT_AGAIN);
    count_if(world, view->last.index > view->commit, SIM_PROBE_ELECT_INHERITS);
    count_if(world, state->transfer_target == node->id, SIM_PROBE_ELECT_TRANSFER);
    count_if(world, state->transfer_target != RAFT_NODE_NONE && state->transfer_target != node->id,
             SIM_PROBE_ELECT_STRANGER);
    count_if(world, other_leaders(world, node->id) > 0, SIM_PROBE_ELECT_TWO_LEADERS);
    count_if(world, view->read_only, SIM_PROBE_ELECT_READ_ONLY);
    count_if(world, is_bare, SIM_PROBE_ELECT_BARE);
    state->transfer_target = RAFT_NODE_NONE;
    state->nodes[node->id].has_led = true;
    state->nodes[node->id].led_term = view->state.term;
}

static void ended(struct sim_world *world, const struct raft_view *new, const struct raft_view *old)
{
    bool is_deposed = new->state.term > old->state.term;
    count_if(world, is_deposed, SIM_PROBE_DOWN_DEPOSED);
    count_if(world, !is_deposed && new->condition == RAFT_RUNNING, SIM_PROBE_DOWN_ALONE);
    count_if(world, old->requests > 0, SIM_PROBE_DOWN_REQUESTS);
    count_if(world, old->reads > 0, SIM_PROBE_DOWN_READS);
    count_if(world, old->transfer_target != RAFT_NODE_NONE, SIM_PROBE_DOWN_TRANSFER);
    count_if(world, is_unstored(old), SIM_PROBE_DOWN_UNSTORED);
}

static void role_changed(struct sim_world *world, const struct sim_node *node,
                         const struct raft_view *old)
{
    const struct raft_view *new = &node->view;
    bool is_other_term = new->state.term != old->state.term;
    if (old->role == RAFT_LEADER && (new->role != RAFT_LEADER || is_other_term)) {
        ended(world, new, old);
    }
    if (new->role == RAFT_LEADER && (old->role != RAFT_LEADER || is_other_term)) {
        elected(world, node);
    }
    count_if(world, old->role == RAFT_CANDIDATE && new->role == RAFT_FOLLOWER && !is_other_term,
             SIM_PROBE_CANDIDATE_LOSES);
    count_if(world, old->role == RAFT_CANDIDATE && new->role == RAFT_CANDIDATE &&is_other_term,
             SIM_PROBE_CANDIDATE_AGAIN);
    count_if(world, old->role == RAFT_PRECANDIDATE && new->role == RAFT_FOLLOWER,
             SIM_PROBE_PRECANDIDATE_YIELDS);
    count_if(world, old->state.term > 0 && new->state.term > old->state.term + 1,
             SIM_PROBE_TERM_LEAPS);
    count_if(world, old->state.term < MANY && new->state.term >= MANY, SIM_PROBE_TERM_TEN);
    if (new->role == RAFT_CANDIDATE && (old->role != RAFT_CANDIDATE || is_other_term)) {
        for (uint32_t id = 1; id <= world->node_count; id++) {
            const struct raft_view *other = &world->nodes[id]->view;
            count_if(world,
                     id != node->id && other->role == RAFT_CANDIDATE &&
                         other->state.term == new->state.term,
                     SIM_PROBE_CANDIDATE_RIVAL);
        }
    }
}

static void vote_changed(struct sim_world *world, const struct sim_node *node,
                         const struct raft_view *old)
{
    const struct raft_view *new = &node->view;
    bool has_voted = new->state.vote != RAFT_NODE_NONE &&new->state.vote != node->id;
    count_if(world, has_voted && old->leader != RAFT_NODE_NONE, SIM_PROBE_VOTE_LATE);
    count_if(world, has_voted && new->condition == RAFT_CONDITION_NOSPACE, SIM_PROBE_VOTE_NOSPACE);
}

static void condition_changed(struct sim_world *world, const struct sim_node *node,
                              const struct raft_view *old)
{
    const struct raft_view *new = &node->view;
    uint32_t full = 0;
    for (uint32_t id = 1; id <= world->node_count; id++) {
        bool is_other_full = world->nodes[id]->view.condition == RAFT_CONDITION_NOSPACE;
        full |= (uint32_t)is_other_full << id;
    }
    bool is_full = new->condition == RAFT_CONDITION_NOSPACE;
    bool gives_up = new->condition == RAFT_CONDITION_FAILED;
    bool led = old->role == RAFT_LEADER;
    count_if(world, is_full && !led, SIM_PROBE_NOSPACE_FOLLOWER);
    count_if(world, is_full && led, SIM_PROBE_NOSPACE_LEADER);
    count_if(world,
             is_full && sim_oracle_is_majority(world->oracles, node->id, full) &&
                 !sim_oracle_is_majority(world->oracles, node->id, full & ~(1u << node->id)),
             SIM_PROBE_NOSPACE_MAJORITY);
    count_if(world, old->condition == RAFT_CONDITION_NOSPACE && new->condition == RAFT_RUNNING,
             SIM_PROBE_NOSPACE_OVER);
    count_if(world, gives_up && led, SIM_PROBE_FAIL_LEADER);
    count_if(world, gives_up && led && old->transfer_target != RAFT_NODE_NONE,
             SIM_PROBE_FAIL_TRANSFER);
    count_if(world, gives_up && old->role == RAFT_CANDIDATE, SIM_PROBE_FAIL_CANDIDATE);
    count_if(world, gives_up && old->requests > 0, SIM_PROBE_FAIL_REQUESTS);
    count_if(world, gives_up && old->condition == RAFT_CONDITION_NOSPACE, SIM_PROBE_FAIL_NOSPACE);
}

/* Whether an entry is of another term than that of the node. */
static bool commits_old_term(const struct sim_node *node, raft_index index)
{
    struct sut_entry entry;
    return node->sut->entry(node->process, index, &entry) && entry.id.term < node->view.state.term;
}

static void log_changed(struct sim_world *world, const struct sim_node *node,
                        const struct raft_view *old)
{
    const struct raft_view *new = &node->view;
    raft_index committed = sim_oracle_committed(world->oracles);
    if (new->log_generation != old->log_generation) {
        count_if(world, true, SIM_PROBE_CUT);
        count_if(world, new->truncated_to < old->durable.index, SIM_PROBE_CUT_DURABLE);
        count_if(world, world->probes.nodes[node->id].has_led, SIM_PROBE_CUT_LEADERS_OWN);
        count_if(world, is_unstored(old), SIM_PROBE_CUT_UNSTORED);
    }
    if (new->commit > old->commit) {
        bool leads = new->role == RAFT_LEADER;
        count_if(world, leads && new->commit > new->durable.index, SIM_PROBE_COMMIT_AHEAD_OF_DISK);
        count_if(world, leads && commits_old_term(node, old->commit + 1),
                 SIM_PROBE_COMMIT_OLD_TERM);
        count_if(world, new->commit >= old->commit + MANY, SIM_PROBE_COMMIT_LEAPS);
        count_if(world, leads && is_bare_majority(world, node), SIM_PROBE_COMMIT_BARE);
    }
    count_if(world, new->commit >= new->applied + MANY && old->commit < old->applied + MANY,
             SIM_PROBE_APPLY_LAGS);
    count_if(world, new->last.index > old->last.index && old->last.index + MANY <= committed,
             SIM_PROBE_FOLLOWER_LAGS);
}

static void transfer_changed(struct sim_world *world, const struct raft_view *new,
                             const struct raft_view *old)
{
    if (new->transfer_target == RAFT_NODE_NONE) {
        count_if(world, new->role == RAFT_LEADER, SIM_PROBE_TRANSFER_ABORTED);
        return;
    }
    if (old->transfer_target == RAFT_NODE_NONE) {
        const struct sim_node *target = world->nodes[new->transfer_target];
        bool is_up = target != NULL && sim_node_is_up(target);
        world->probes.transfer_target = new->transfer_target;
        count_if(world, true, SIM_PROBE_TRANSFER);
        count_if(world, !is_up, SIM_PROBE_TRANSFER_DOWN);
        count_if(world, is_up && target->view.last.index < new->last.index,
                 SIM_PROBE_TRANSFER_LAGGING);
    }
}

/* The window of the peer that has just answered was full before. */
static void window_check(struct sim_world *world, const struct sim_node *node, uint32_t peer)
{
    struct raft_progress_view progress;
    if (peer == 0 || node->view.role != RAFT_LEADER ||
        (world->features & SUT_FEATURE_PROGRESS) == 0 ||
        !node->sut->progress(node->process, peer, &progress)) {
        return;
    }
    uint64_t bit = (uint64_t)1 << peer;
    uint64_t *full = &world->probes.nodes[node->id].full_inflight;
    bool is_full = progress.inflight >= node->started.window_messages_max;
    count_if(world, is_full && (*full & bit) == 0, SIM_PROBE_WINDOW_FULL);
    *full = is_full ? *full | bit : *full & ~bit;
}

void sim_probe_stepped(struct sim_world *world, const struct sim_node *node,
                       const struct raft_view *old, uint32_t peer)
{
    const struct raft_view *new = &node->view;
    assert(node->id < SIM_NODES_MAX && peer < SIM_NODES_MAX);
    if (new->role != old->role || new->state.term != old->state.term) {
        role_changed(world, node, old);
    }
    if (new->state.vote != old->state.vote) {
        vote_changed(world, node, old);
    }
    if (new->condition != old->condition) {
        condition_changed(world, node, old);
    }
    if (new->transfer_target != old->transfer_target) {
        transfer_changed(world, new, old);
    }
    log_changed(world, node, old);
    losses_made_up_for(world, new, old);
    window_check(world, node, peer);
    count_if(world, new->requests >= 4 && old->requests < 4, SIM_PROBE_QUEUE_DEEP);
    count_if(world, new->reads >= 2 && old->reads < 2, SIM_PROBE_READS_DEEP);
    bool leads_read_only = new->role == RAFT_LEADER &&new->read_only;
    count_if(world, leads_read_only && !(old->role == RAFT_LEADER && old->read_only),
             SIM_PROBE_READ_ONLY_LEADER);
}
