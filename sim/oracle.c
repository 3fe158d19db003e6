/* The oracles: the order in which a step is judged, and what no single one of them looks at.
 *
 * What is compared: the log that each node has in memory (pulled entry by entry through the
 * interface), the log that each disk durably holds (read by the implementation's independent
 * reader), and the canonical log of everything that any node ever said was committed. All three are
 * chains, so that the comparison of one link is the comparison of the whole prefix.
 *
 * Invariants:
 *  1. The canonical log only grows, and the terms in which its entries were committed ascend.
 *  2. Nothing here changes the run: no draw, no event, no call that moves a node. */
#include "oracle_internal.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct sim_oracles *sim_oracles_create(struct sim_world *world)
{
    assert(world->sut != NULL);
    assert(world->sut->view != NULL && world->sut->entry != NULL);
    struct sim_oracles *oracles = arena_calloc(world->arena, sizeof *oracles);
    oracles->world = world;
    sim_table_init(&oracles->leaders, world->arena);
    sim_table_init(&oracles->votes, world->arena);
    sim_table_init(&oracles->refusals, world->arena);
    sim_table_init(&oracles->asked, world->arena);
    sim_table_init(&oracles->restarts, world->arena);
    sim_oracle_requests_init(oracles);
    return oracles;
}

uint64_t sim_oracle_checks(const struct sim_oracles *oracles, enum sim_oracle oracle)
{
    assert((unsigned)oracle < SIM_ORACLE_COUNT);
    return sim_oracle_skipped(oracles, oracle) == NULL ? oracles->checks[oracle] : 0;
}

struct arena_span sim_oracle_counters(const struct sim_oracles *oracles)
{
    return (struct arena_span){oracles->checks, sizeof oracles->checks};
}

struct arena_span sim_oracle_harms(const struct sim_oracles *oracles, uint32_t node)
{
    assert(node > 0 && node < SIM_NODES_MAX);
    const struct oracle_node *state = &oracles->nodes[node];
    return (struct arena_span){&state->harms, sizeof state->harms};
}

void sim_oracle_count(struct sim_oracles *oracles, enum sim_oracle oracle)
{
    assert((unsigned)oracle < SIM_ORACLE_COUNT);
    if (oracles != NULL) {
        oracles->checks[oracle]++;
    }
}

void sim_oracle_broken(struct sim_oracles *oracles, enum sim_oracle oracle, uint32_t node,
                       const char *format, ...)
{
    struct sim_world *world = oracles->world;
    if (sim_oracle_skipped(oracles, oracle) != NULL) {
        return;
    }
    char message[SIM_TEXT_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    const char *name = sim_oracle_string(oracle);
    bool is_first = !world->has_finding;
    sim_fail(world, name, node, "%s", message);
    if (is_first && world->has_finding) {
        message[strcspn(message, ":")] = '\0';
        sim_finding_sign(&world->finding, name, message);
    }
}

void *sim_oracle_room(struct sim_oracles *oracles, void *items, size_t *capacity, size_t needed,
                      size_t item_size)
{
    if (needed <= *capacity) {
        return items;
    }
    size_t grown = *capacity == 0 ? 16 : 2 * *capacity;
    if (grown < needed) {
        grown = needed;
    }
    items = arena_realloc(oracles->world->arena, items, grown * item_size);
    memset((uint8_t *)items + *capacity * item_size, 0, (grown - *capacity) * item_size);
    *capacity = grown;
    return items;
}

uint64_t sim_oracle_leaf(const struct sut_entry *entry)
{
    return sim_hash(entry->payload, entry->size, entry->id.term << 3 | (uint64_t)entry->kind);
}

uint64_t sim_oracle_link(uint64_t previous, uint64_t leaf)
{
    return sim_mix(previous, leaf, 1);
}

/* Monotonic, within an incarnation. */
static void view_check(struct sim_oracles *oracles, uint32_t node)
{
    const struct oracle_node *state = &oracles->nodes[node];
    const struct raft_view *view = &oracles->world->nodes[node]->view;
    oracles->checks[SIM_ORACLE_MONOTONIC]++;
    if (view->state.term < state->term) {
        sim_oracle_broken(oracles, SIM_ORACLE_MONOTONIC, node,
                          "the term went back: node %u had term %" PRIu64 ", now %" PRIu64, node,
                          state->term, view->state.term);
    }
    if (view->commit < state->commit) {
        sim_oracle_broken(oracles, SIM_ORACLE_MONOTONIC, node,
                          "the commit index went back: node %u had %" PRIu64 ", now %" PRIu64, node,
                          state->commit, view->commit);
    }
    if (view->applied < state->applied) {
        sim_oracle_broken(oracles, SIM_ORACLE_MONOTONIC, node,
                          "the applied index went back: node %u had %" PRIu64 ", now %" PRIu64,
                          node, state->applied, view->applied);
    }
}

/* No fault but damage to what was durable makes a node miss entries. Only of one that has left
 * memory it may hear later, and may take a device that fails for damage, or a check that is made to
 * fail. */
static bool may_miss_entries(const struct sim_node *node)
{
    bool is_cold = node->view.first_damaged != 0 && node->view.first_damaged <= node->view.cold;
    return node->was_damaged ||
           (is_cold && (sim_node_is_damaged(node) || node->harmed[SIM_HARM_DISK] != 0 ||
                        node->harmed[SIM_HARM_SPACE] != 0 || node->harmed[SIM_HARM_EXIT] != 0));
}

static void condition_check(struct sim_oracles *oracles, uint32_t node)
{
    const struct oracle_node *state = &oracles->nodes[node];
    const struct sim_node *sim_node = oracles->world->nodes[node];
    enum raft_condition condition = sim_node->view.condition;
    oracles->checks[SIM_ORACLE_NO_FALSE_ALARM]++;
    if (condition == state->condition || condition == RAFT_RUNNING) {
        return; /* before all files are looked at for damage */
    }
    bool is_excused = false;
    if (condition == RAFT_CONDITION_RECOVERING) {
        is_excused = may_miss_entries(sim_node);
        if (is_excused && !sim_node->was_damaged && !sim_node_is_damaged(sim_node)) {
            sim_oracle_waive(oracles, SIM_WAIVER_RECOVERING_DEVICE);
        }
    } else if (condition == RAFT_CONDITION_QUARANTINED) {
        is_excused = sim_node->was_damaged;
    } else {
        is_excused = sim_node_harms(sim_node) != 0 || sim_node_is_damaged(sim_node);
    }
    if (!is_excused) {
        sim_oracle_broken(oracles, SIM_ORACLE_NO_FALSE_ALARM, node,
                          "an error state without a fault: node %u is %s, and nothing that was "
                          "done to it accounts for that",
                          node, raft_condition_string(condition));
    }
}

static void invariant_check(struct sim_oracles *oracles, uint32_t node)
{
    const struct sut_ops *sut = sim_oracle_sut(oracles, node);
    if (sut->invariant_broken == NULL) {
        sim_oracle_waive(oracles, SIM_WAIVER_INVARIANT_UNSEEN);
        return;
    }
    oracles->checks[SIM_ORACLE_INVARIANT]++;
    const char *broken = sut->invariant_broken(oracles->world->nodes[node]->process);
    if (broken != NULL) {
        sim_oracle_broken(oracles, SIM_ORACLE_INVARIANT, node, "%s: does not hold on node %u",
                          broken, node);
    }
}

static void remember(struct sim_oracles *oracles, uint32_t node)
{
    struct oracle_node *state = &oracles->nodes[node];
    const struct raft_view *view = &oracles->world->nodes[node]->view;
    bool leads_on = state->role == RAFT_LEADER && state->term == view->state.term;
    if (view->role == RAFT_LEADER && !leads_on) {
        state->leads_since_ns = oracles->world->scheduler.now_ns;
        state->has_handed_over = false;
    }
    state->has_handed_over |= view->transfer_target != RAFT_NODE_NONE;
    state->is_ordered = false;
    state->role = view->role;
    state->condition = view->condition;
    state->term = view->state.term;
    state->commit = view->commit;
    state->applied = view->applied;
    state->generation = view->log_generation;
    state->promised = view->durable.index <= state->last ? view->durable.index : 0;
    if (oracles->world->nodes[node]->was_damaged) {
        state->hurt_term = view->state.term;
    }
    if (oracles->world->nodes[node]->is_whole) {
        state->loss.promised = (struct raft_entry_id){.index = 0};
    }
    if (state->term > state->term_max) {
        state->term_max = state->term;
    }
}

static void examine(struct sim_oracles *oracles, uint32_t node, uint32_t peer)
{
    invariant_check(oracles, node);
    view_check(oracles, node);
    sim_oracle_log_check(oracles, node);
    sim_oracle_commit_check(oracles, node);
    sim_oracle_election_check(oracles, node);
    sim_oracle_claims_check(oracles, node);
    sim_oracle_progress_check(oracles, node, peer);
    sim_oracle_configuration_check(oracles, node);
    condition_check(oracles, node);
    sim_oracle_loss_check(oracles, node);
    sim_oracle_surface_check(oracles, node);
    sim_oracle_stability_check(oracles, node);
    sim_oracle_patience_check(oracles, node);
    sim_oracle_vanished_check(oracles, node);
    sim_oracle_bounded_check(oracles, node, peer);
    sim_oracle_spells_check(oracles, node);
    remember(oracles, node);
}

/* The view of a process that has stopped says nothing. */
static bool is_visible(const struct sim_node *node)
{
    return node->process != NULL &&
           (node->state == SIM_NODE_UP || node->state == SIM_NODE_STOPPING);
}

/* A process that died in the middle of an event may have cut its log in it. And what disagrees with
 * what is committed goes when a snapshot says so. */
static void durable_gone(struct sim_oracles *oracles, uint32_t node, raft_index promised,
                         bool is_replaced)
{
    const struct oracle_node *state = &oracles->nodes[node];
    const struct sim_node *sim_node = oracles->world->nodes[node];
    if (sim_node->died_in_event) {
        sim_oracle_waive(oracles, SIM_WAIVER_DURABLE_DIED);
    } else if (is_replaced) {
        sim_oracle_waive(oracles, SIM_WAIVER_DURABLE_REPLACED);
    } else if ((sim_node->view.state.losses & RAFT_LOSS_ENTRIES) != 0) {
        sim_oracle_waive(oracles, SIM_WAIVER_DURABLE_LOST);
    } else {
        sim_oracle_broken(oracles, SIM_ORACLE_MONOTONIC, node,
                          "a durable entry is gone after a restart: node %u called its log durable "
                          "up to %" PRIu64 ", and starts with one up to %" PRIu64 "%s",
                          node, promised, state->last,
                          promised <= state->last ? ", which differs" : "");
    }
}

void sim_oracle_started(struct sim_oracles *oracles, uint32_t node)
{
    assert(node > 0 && node < SIM_NODES_MAX);
    const struct sim_node *sim_node = oracles->world->nodes[node];
    struct oracle_node *state = &oracles->nodes[node];
    assert(sim_node != NULL);
    if (!state->is_attached) {
        sim_oracle_attach_disk(oracles, node);
    }
    if (!is_visible(sim_node)) {
        return;
    }
    const struct raft_view *view = &sim_node->view;
    state->is_up = true;
    state->starts++;
    state->role = RAFT_FOLLOWER;
    state->condition = RAFT_RUNNING;
    state->term = 0;
    state->commit = 0;
    state->applied = 0;
    state->patience = (struct oracle_patience){.seen_ns = 0};
    sim_oracle_surface_started(oracles, node);
    if (view->state.term < state->durable_term) {
        sim_oracle_broken(oracles, SIM_ORACLE_MONOTONIC, node,
                          "the term went back over a restart: node %u starts with term %" PRIu64
                          ", on its disk is %" PRIu64,
                          node, view->state.term, state->durable_term);
    }
    if (view->state.term == state->durable_term && state->durable_vote != RAFT_NODE_NONE &&
        view->state.vote != state->durable_vote) {
        sim_oracle_broken(oracles, SIM_ORACLE_ELECTION_SAFETY, node,
                          "a vote was forgotten over a restart: node %u starts in term %" PRIu64
                          " with a vote for %u, on its disk is one for %u",
                          node, view->state.term, view->state.vote, state->durable_vote);
    }
    if (oracles->term_max < view->state.term) {
        /* Written by a process that died before anybody looked. */
        oracles->term_max = view->state.term;
        sim_oracle_waive(oracles, SIM_WAIVER_TERM_UNSEEN);
    }
    bool is_replaced = sim_oracle_log_is_replaced(oracles, node);
    raft_index promised = state->promised;
    uint64_t chain = promised > 0 ? state->links[promised].chain : 0; /* of the old log */
    sim_oracle_loss_started(oracles, node);
    sim_oracle_log_start(oracles, node);
    examine(oracles, node, 0);
    sim_oracle_recovery_check(oracles, node);
    if (promised > view->base.index &&
        (promised > state->last || state->links[promised].chain != chain)) {
        durable_gone(oracles, node, promised, is_replaced);
    }
}

void sim_oracle_crashed(struct sim_oracles *oracles, uint32_t node)
{
    assert(node > 0 && node < SIM_NODES_MAX);
    enum sim_node_state how = oracles->world->nodes[node]->state;
    struct oracle_node *state = &oracles->nodes[node];
    assert(how != SIM_NODE_UP && how != SIM_NODE_STOPPING);
    state->is_up = false;
    state->machine_applied = 0;
    sim_oracle_claims_check(oracles, node);
    if (how == SIM_NODE_DOWN) {
        sim_oracle_requests_lost(oracles, node);
    } else {
        sim_oracle_requests_ended(oracles, node);
    }
}

void sim_oracle_stepped(struct sim_oracles *oracles, uint32_t node, uint32_t peer)
{
    assert(node > 0 && node < SIM_NODES_MAX);
    assert(peer < SIM_NODES_MAX);
    if (oracles->nodes[node].is_up && is_visible(oracles->world->nodes[node])) {
        examine(oracles, node, peer);
    }
}

void sim_oracles_finish(struct sim_oracles *oracles)
{
    for (uint32_t node = 1; node < SIM_NODES_MAX; node++) {
        sim_oracle_requests_ended(oracles, node);
    }
    sim_oracle_outcomes_check(oracles);
    sim_oracle_history_finish(oracles);
}

raft_index sim_oracle_committed(const struct sim_oracles *oracles)
{
    return oracles->committed;
}

uint64_t sim_oracle_committed_chain(const struct sim_oracles *oracles)
{
    return oracles->committed == 0 ? 0 : oracles->commits[oracles->committed].chain;
}

raft_term sim_oracle_committed_term(const struct sim_oracles *oracles)
{
    return oracles->committed == 0 ? 0 : oracles->commits[oracles->committed].term;
}

uint64_t sim_oracle_elections(const struct sim_oracles *oracles)
{
    return oracles->elections;
}

raft_term sim_oracle_term(const struct sim_oracles *oracles)
{
    return oracles->term_max;
}

uint64_t sim_oracle_commits(const struct sim_oracles *oracles)
{
    return oracles->committed;
}

uint64_t sim_oracle_leader_changes(const struct sim_oracles *oracles)
{
    return oracles->elections > 0 ? oracles->elections - 1 : 0;
}

/* The leader of the highest term, or NULL. */
static const struct sim_node *leader_of(const struct sim_world *world)
{
    const struct sim_node *leader = NULL;
    for (uint32_t id = 1; id < SIM_NODES_MAX; id++) {
        const struct sim_node *node = world->nodes[id];
        if (node != NULL && node->state == SIM_NODE_UP && node->view.role == RAFT_LEADER &&
            (leader == NULL || node->view.state.term > leader->view.state.term)) {
            leader = node;
        }
    }
    return leader;
}

/* What a member must have come to; learners count, whatever they count for. */
static bool member_converged(const struct sim_oracles *oracles, const struct sim_node *node,
                             raft_node_id leader)
{
    const struct raft_view *view = &node->view;
    return view->leader == leader && view->last.index >= oracles->committed &&
           view->applied >= oracles->committed;
}

/* After the heal nothing excuses a node that still takes no entries, owes answers, hands over, or
 * has not got its promises onto its disk. */
static bool is_settled(const struct sim_oracles *oracles, const struct sim_node *node,
                       bool is_member)
{
    const struct raft_view *view = &node->view;
    /* Nobody gives back to one who is no member what its store has lost. */
    bool lacks_for_good = !is_member && view->condition == RAFT_CONDITION_RECOVERING;
    if (lacks_for_good) {
        sim_oracle_waive(oracles, SIM_WAIVER_AGREED_STRANGER);
    }
    bool is_sound = view->condition == RAFT_RUNNING ||
                    view->condition == RAFT_CONDITION_QUARANTINED || lacks_for_good;
    bool is_stored = view->durable.index >= view->last.index || lacks_for_good;
    return is_sound && is_stored && oracles->nodes[node->id].requests == 0 &&
           view->transfer_target == RAFT_NODE_NONE && view->state_durable >= view->state.sequence;
}

bool sim_oracle_converged(const struct sim_oracles *oracles)
{
    const struct sim_world *world = oracles->world;
    const struct sim_node *leader = leader_of(world);
    bool is_healing = world->phase == SIM_PHASE_HEAL;
    if (leader == NULL) {
        return false;
    }
    struct raft_configuration configuration;
    sim_oracle_configuration_at(oracles, leader->id, leader->view.last.index, &configuration);
    for (uint32_t id = 1; id < SIM_NODES_MAX; id++) {
        const struct sim_node *node = world->nodes[id];
        if (node == NULL || node->state != SIM_NODE_UP || node->process == NULL) {
            continue;
        }
        bool is_member = raft_configuration_find(&configuration, id) != NULL;
        if (is_member && !member_converged(oracles, node, leader->id)) {
            return false;
        }
        if (is_healing && !is_settled(oracles, node, is_member)) {
            return false;
        }
    }
    bool is_pending = raft_configuration_is_joint(&configuration) ||
                      leader->view.change != RAFT_CHANGE_NONE ||
                      leader->view.configuration_index > leader->view.commit;
    return !is_healing || !is_pending;
}
