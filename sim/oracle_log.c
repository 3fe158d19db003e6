/* Logs in memory, the canonical log, and the state machines.
 *
 * After each step the entries that are new in a node's log are pulled once and linked to its chain.
 * A truncation cuts the chain first; what was cut is known from the view (generation,
 * truncated_to).
 *
 * What has left memory is not read again: it is committed, and was linked before it left.
 *
 * A damaged entry has lost its payload, but not its id, and for an id there is one chain (2): that
 * is its link. The same goes for what a witness has of a command. So it is judged like any other,
 * and so is what the node later puts in its place, since the log is read again whenever another
 * entry is the first damaged one.
 *
 * Invariants:
 *  1. links[i] is the chain of the node's log up to i, for i <= last.
 *  2. For one index and term there is one chain in the whole run (log matching), so whoever comes
 *     second is compared with whoever came first.
 *  3. commits[i].chain is the chain of the canonical log, for i <= committed. */
#include "oracle_internal.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

static void links_reserve(struct sim_oracles *oracles, struct oracle_node *state, raft_index index)
{
    state->links = sim_oracle_room(oracles, state->links, &state->link_capacity, (size_t)index + 1,
                                   sizeof state->links[0]);
}

/* Begins a chain at the position before the log's first entry. What was compacted was committed. */
static void rebase(struct sim_oracles *oracles, uint32_t node, struct raft_entry_id base)
{
    struct oracle_node *state = &oracles->nodes[node];
    links_reserve(oracles, state, base.index);
    state->links[base.index] = (struct oracle_link){.term = base.term};
    state->last = base.index;
    sim_oracle_configuration_rebase(oracles, node, base.index);
    if (base.index == 0) {
        return;
    }
    if (base.index > oracles->committed) {
        sim_oracle_broken(oracles, SIM_ORACLE_STATE_MACHINE_SAFETY, node,
                          "a log begins behind what is committed: node %u at %" PRIu64
                          ", committed is %" PRIu64,
                          node, base.index, oracles->committed);
        return;
    }
    state->links[base.index].chain = oracles->commits[base.index].chain;
}

void sim_oracle_log_start(struct sim_oracles *oracles, uint32_t node)
{
    const struct raft_view *view = &oracles->world->nodes[node]->view;
    rebase(oracles, node, view->base);
    oracles->nodes[node].generation = view->log_generation;
    oracles->nodes[node].damaged = view->first_damaged;
    oracles->nodes[node].done.index = 0;
}

bool sim_oracle_log_is_replaced(const struct sim_oracles *oracles, uint32_t node)
{
    const struct oracle_node *state = &oracles->nodes[node];
    raft_index base = oracles->world->nodes[node]->view.base.index;
    return base > 0 && base <= state->last && base <= oracles->committed &&
           state->links[base].chain != oracles->commits[base].chain;
}

uint64_t sim_oracle_chain(const struct sim_oracles *oracles, uint32_t node, raft_index index)
{
    const struct oracle_node *state = &oracles->nodes[node];
    assert(index <= state->last);
    if (index > 0 && index < oracles->world->nodes[node]->view.base.index) {
        return index <= oracles->committed ? oracles->commits[index].chain : 0;
    }
    return state->links[index].chain;
}

/* Log matching: compares a link with the first one that was seen at its index and term. */
static void position_check(struct sim_oracles *oracles, uint32_t node, raft_index index,
                           struct oracle_link link)
{
    oracles->checks[SIM_ORACLE_LOG_MATCHING]++;
    oracles->positions = sim_oracle_room(oracles, oracles->positions, &oracles->position_capacity,
                                         (size_t)index + 1, sizeof oracles->positions[0]);
    struct oracle_position *position = &oracles->positions[index];
    while (position->term != link.term && position->more != NULL) {
        position = position->more;
    }
    if (position->term == link.term) {
        if (position->chain != link.chain) {
            sim_oracle_broken(oracles, SIM_ORACLE_LOG_MATCHING, node,
                              "two logs share an entry and differ up to it: nodes %u and %u have "
                              "(term %" PRIu64 ", index %" PRIu64 "), with chains %016" PRIx64
                              " and %016" PRIx64,
                              position->node, node, link.term, index, position->chain, link.chain);
        }
        return;
    }
    if (position->term != 0) {
        position->more = arena_alloc(oracles->world->arena, sizeof *position);
        position = position->more;
    }
    *position = (struct oracle_position){
        .term = link.term,
        .chain = link.chain,
        .previous = oracles->nodes[node].links[index - 1].term,
        .node = node,
    };
}

static const struct oracle_position *position_find(const struct sim_oracles *oracles,
                                                   struct raft_entry_id id)
{
    const struct oracle_position *position =
        id.index < oracles->position_capacity ? &oracles->positions[id.index] : NULL;
    while (position != NULL && position->term != id.term) {
        position = position->more;
    }
    return position;
}

uint64_t sim_oracle_chain_of(const struct sim_oracles *oracles, struct raft_entry_id id)
{
    return sim_oracle_chain_within(oracles, id, id.index);
}

uint64_t sim_oracle_chain_within(const struct sim_oracles *oracles, struct raft_entry_id id,
                                 raft_index index)
{
    assert(index <= id.index);
    const struct oracle_position *position = position_find(oracles, id);
    while (position != NULL && id.index > index) {
        id = (struct raft_entry_id){position->previous, id.index - 1};
        position = position_find(oracles, id);
    }
    return position == NULL ? 0 : position->chain;
}

/* The chain up to an entry of which the node that has it knows the id only. */
static uint64_t chain_of_id(struct sim_oracles *oracles, uint32_t node,
                            const struct sut_entry *entry)
{
    uint64_t chain = sim_oracle_chain_of(oracles, entry->id);
    if (chain == 0) {
        sim_oracle_broken(
            oracles, SIM_ORACLE_LOG_MATCHING, node,
            "%s entry that no log has had: node %u has (term %" PRIu64 ", index %" PRIu64 ")",
            entry->damaged ? "a damaged" : "an elided", node, entry->id.term, entry->id.index);
    }
    return chain;
}

/* Pulls the entries behind what is known. */
static void pull(struct sim_oracles *oracles, uint32_t node)
{
    struct oracle_node *state = &oracles->nodes[node];
    const struct sim_node *sim_node = oracles->world->nodes[node];
    raft_index end = sim_node->view.last.index;
    links_reserve(oracles, state, end);
    while (state->last < end) {
        struct sut_entry entry;
        raft_index index = state->last + 1;
        if (!sim_oracle_sut(oracles, node)->entry(sim_node->process, index, &entry) ||
            entry.id.index != index || entry.id.term == 0) {
            sim_oracle_broken(oracles, SIM_ORACLE_LOG_MATCHING, node,
                              "a log has a hole: node %u says its last entry is %" PRIu64
                              ", and has none at %" PRIu64,
                              node, end, index);
            return;
        }
        bool has_payload = !entry.damaged && entry.kind != RAFT_ENTRY_ELIDED;
        if (entry.damaged) {
            sim_oracle_waive(oracles, SIM_WAIVER_ENTRY_DAMAGED);
        }
        struct oracle_link link = {
            .term = entry.id.term,
            .chain = has_payload
                         ? sim_oracle_link(state->links[state->last].chain, sim_oracle_leaf(&entry))
                         : chain_of_id(oracles, node, &entry),
            .size = state->links[state->last].size + sizeof(struct raft_entry) + entry.size,
        };
        state->links[index] = link;
        state->last = index;
        position_check(oracles, node, index, link);
        sim_oracle_witness_entry(oracles, node, &entry, "in memory");
        if (entry.kind == RAFT_ENTRY_CONFIGURATION && !entry.damaged) {
            sim_oracle_configuration_pulled(oracles, node, &entry);
        }
    }
}

/* The log has its entries in memory from behind here on. */
static raft_index floor_of(const struct raft_view *view)
{
    return view->cold > view->base.index ? view->cold : view->base.index;
}

static raft_index smaller(raft_index a, raft_index b)
{
    return a < b ? a : b;
}

/* How much of the known chain the log still has. */
static raft_index kept(const struct oracle_node *state, const struct raft_view *view)
{
    raft_index keep = smaller(state->last, view->last.index);
    if (view->log_generation == state->generation) {
        bool is_same = keep < view->last.index || keep == view->base.index ||
                       state->links[keep].term == view->last.term;
        return is_same ? keep : floor_of(view);
    }
    if (view->log_generation == state->generation + 1) {
        return smaller(keep, view->truncated_to);
    }
    /* Of several truncations only the last is known: everything is read again. */
    return floor_of(view);
}

void sim_oracle_log_check(struct sim_oracles *oracles, uint32_t node)
{
    struct oracle_node *state = &oracles->nodes[node];
    const struct raft_view *view = &oracles->world->nodes[node]->view;
    bool leads_on =
        state->role == RAFT_LEADER && view->role == RAFT_LEADER && view->state.term == state->term;
    oracles->checks[SIM_ORACLE_LEADER_APPEND_ONLY] += leads_on;
    bool is_cut = view->log_generation != state->generation || view->last.index < state->last;
    bool is_repaired = view->first_damaged != state->damaged;
    state->damaged = view->first_damaged;
    if (!is_cut && !is_repaired && view->last.index == state->last &&
        view->last.term == state->links[state->last].term) {
        return;
    }
    raft_index cut_to = view->last.index;
    if (view->log_generation != state->generation) {
        cut_to = smaller(cut_to, view->truncated_to);
    }
    if (is_cut && leads_on) {
        sim_oracle_broken(oracles, SIM_ORACLE_LEADER_APPEND_ONLY, node,
                          "a leader cut its log: node %u leads term %" PRIu64
                          ", its last entry was %" PRIu64 ", it kept %" PRIu64,
                          node, state->term, state->last, cut_to);
    }
    if (is_cut && cut_to < state->commit) {
        sim_oracle_broken(oracles, SIM_ORACLE_STATE_MACHINE_SAFETY, node,
                          "a committed entry was removed: node %u cut its log behind %" PRIu64
                          ", its commit index was %" PRIu64,
                          node, cut_to, state->commit);
    }
    raft_index keep = is_repaired ? floor_of(view) : kept(state, view);
    /* At the base it is known what the chain must be, whatever the log was before. */
    if (keep <= view->base.index || keep > state->last) {
        rebase(oracles, node, view->base);
    } else {
        state->last = keep;
        sim_oracle_configuration_cut(state, keep);
    }
    pull(oracles, node);
}

/* What it has cut in its last step nobody has heard of; what it has appended others may have. */
void sim_oracle_dies(struct sim_oracles *oracles, uint32_t node)
{
    assert(node > 0 && node < SIM_NODES_MAX);
    const struct oracle_node *state = &oracles->nodes[node];
    const struct raft_view *view = &oracles->world->nodes[node]->view;
    sim_oracle_loss_dies(oracles, node);
    if (state->is_up && view->log_generation == state->generation &&
        view->base.index <= state->last) {
        pull(oracles, node);
    }
}

/* The nodes whose disks hold the canonical log up to an index; with had also those whose disks did,
 * before their store was taken away or damaged. */
static uint32_t durable_nodes(const struct sim_oracles *oracles, raft_index index, bool had)
{
    uint32_t nodes = 0;
    for (uint32_t id = 1; id <= oracles->world->node_count; id++) {
        uint64_t chain = oracles->commits[index].chain;
        bool has = sim_oracle_is_durable(oracles, &oracles->nodes[id], index, chain) ||
                   (had && sim_oracle_had(oracles, id, index, chain));
        has = has && sim_oracle_counts_for(oracles, id, index);
        nodes |= (uint32_t)has << id;
    }
    return nodes;
}

/* Who of the members has it. */
static void print_holders(const struct sim_oracles *oracles,
                          const struct raft_configuration *configuration, uint32_t holders,
                          char *list, size_t list_size)
{
    size_t used = 0;
    list[0] = 0;
    for (uint32_t i = 0; i < configuration->count && used < list_size; i++) {
        raft_node_id id = configuration->members[i].id;
        assert(id < SIM_NODES_MAX);
        used += (size_t)snprintf(
            list + used, list_size - used, "%snode %u %s (up to %" PRIu64 ")", i == 0 ? "" : ", ",
            id, (holders >> id & 1u) != 0 ? "has it" : "lacks it", oracles->nodes[id].durable_last);
    }
}

/* Whether holders are a majority of the configuration that a node goes by. It went by the one
 * that it had before this step, unless the index itself covers a newer one. */
static bool is_held(const struct sim_oracles *oracles, uint32_t node, raft_index index,
                    uint32_t holders, struct raft_configuration *out_configuration)
{
    raft_index seen = oracles->nodes[node].configuration_seen;
    sim_oracle_configuration_at(oracles, node, seen > index ? seen : index, out_configuration);
    if (oracles->world->nodes[node]->view.configuration_by_hand) {
        sim_oracle_configuration_in_force(oracles, node, out_configuration);
    }
    return sim_oracle_has_majority(out_configuration, holders);
}

/* Whether a majority holds an index that a node is the first to call committed. Another node than
 * the leader may be because that died in the step in which it told. */
static bool is_held_anywhere(const struct sim_oracles *oracles, uint32_t node, raft_index index,
                             uint32_t holders, struct raft_configuration *out_configuration)
{
    const struct raft_view *view = &oracles->world->nodes[node]->view;
    struct raft_configuration leaders;
    if (is_held(oracles, node, index, holders, out_configuration)) {
        return true;
    }
    const uint64_t *leader = sim_table_find(&oracles->leaders, view->state.term);
    return view->role != RAFT_LEADER && leader != NULL &&
           is_held(oracles, (uint32_t)*leader, index, holders, &leaders);
}

/* Durable majority, when a node is the first to say that an index is committed. The chain makes the
 * last index stand for all before it. */
static void majority_check(struct sim_oracles *oracles, uint32_t node, raft_index index)
{
    if (!sim_oracle_has(oracles, SUT_FEATURE_DURABLE)) {
        return;
    }
    oracles->checks[SIM_ORACLE_DURABLE_MAJORITY]++;
    struct raft_configuration configuration;
    if (is_held_anywhere(oracles, node, index, durable_nodes(oracles, index, false),
                         &configuration)) {
        return;
    }
    uint32_t holders = durable_nodes(oracles, index, true);
    if (is_held_anywhere(oracles, node, index, holders, &configuration)) {
        sim_oracle_waive(oracles, SIM_WAIVER_MAJORITY_DAMAGED);
        return;
    }
    char list[SIM_TEXT_MAX / 2];
    char members[SIM_TEXT_MAX / 4];
    print_holders(oracles, &configuration, holders, list, sizeof list);
    sim_oracle_print_configuration(&configuration, members, sizeof members);
    sim_oracle_broken(oracles, SIM_ORACLE_DURABLE_MAJORITY, node,
                      "committed without a majority of disks: node %u commits (term %" PRIu64
                      ", index %" PRIu64 ") under %s: %s",
                      node, oracles->nodes[node].links[index].term, index, members, list);
}

/* Extends the canonical log by what a node says is committed. */
static void canonical_extend(struct sim_oracles *oracles, uint32_t node, raft_index end)
{
    const struct oracle_node *state = &oracles->nodes[node];
    raft_term term = oracles->world->nodes[node]->view.state.term;
    raft_index before = oracles->committed;
    oracles->commits = sim_oracle_room(oracles, oracles->commits, &oracles->commit_capacity,
                                       (size_t)end + 1, sizeof oracles->commits[0]);
    while (oracles->committed < end) {
        oracles->committed++;
        oracles->commits[oracles->committed] = (struct oracle_commit){
            .chain = state->links[oracles->committed].chain,
            .term = term,
        };
    }
    sim_oracle_configuration_committed(oracles, node, before);
    majority_check(oracles, node, end);
}

static void current_term_check(struct sim_oracles *oracles, uint32_t node)
{
    const struct oracle_node *state = &oracles->nodes[node];
    const struct raft_view *view = &oracles->world->nodes[node]->view;
    if (view->role != RAFT_LEADER) {
        return;
    }
    oracles->checks[SIM_ORACLE_CURRENT_TERM_COMMIT]++;
    if (state->links[view->commit].term != view->state.term) {
        sim_oracle_broken(
            oracles, SIM_ORACLE_CURRENT_TERM_COMMIT, node,
            "a leader committed an entry of an older term: node %u leads term %" PRIu64
            " and commits (term %" PRIu64 ", index %" PRIu64 ")",
            node, view->state.term, state->links[view->commit].term, view->commit);
    }
}

void sim_oracle_commit_check(struct sim_oracles *oracles, uint32_t node)
{
    const struct oracle_node *state = &oracles->nodes[node];
    const struct raft_view *view = &oracles->world->nodes[node]->view;
    if (view->commit <= state->commit) {
        return;
    }
    if (view->commit > state->last) {
        sim_oracle_broken(oracles, SIM_ORACLE_DURABLE_MAJORITY, node,
                          "committed beyond the log: node %u commits %" PRIu64
                          ", its last entry is %" PRIu64,
                          node, view->commit, state->last);
        return;
    }
    current_term_check(oracles, node);
    oracles->checks[SIM_ORACLE_STATE_MACHINE_SAFETY]++;
    raft_index known = smaller(view->commit, oracles->committed);
    /* What lies before a compacted log was compared when it was committed. */
    if (known > view->base.index && state->links[known].chain != oracles->commits[known].chain) {
        sim_oracle_broken(oracles, SIM_ORACLE_STATE_MACHINE_SAFETY, node,
                          "two nodes committed different entries: node %u commits %" PRIu64
                          " with chain %016" PRIx64 ", up to %" PRIu64 " the committed chain is "
                          "%016" PRIx64,
                          node, view->commit, state->links[known].chain, known,
                          oracles->commits[known].chain);
        return;
    }
    if (view->commit > oracles->committed) {
        canonical_extend(oracles, node, view->commit);
    }
}

void sim_oracle_restored(struct sim_oracles *oracles, uint32_t node, raft_index index,
                         raft_index applied, uint64_t digest)
{
    assert(node > 0 && node < SIM_NODES_MAX);
    oracles->checks[SIM_ORACLE_STATE_MACHINE_SAFETY]++;
    sim_oracle_witness_state(oracles, node, 1, "in its state machine");
    oracles->nodes[node].machine_applied = index;
    if (index != applied) {
        sim_oracle_broken(oracles, SIM_ORACLE_STATE_MACHINE_SAFETY, node,
                          "a snapshot of another index: node %u restores one of %" PRIu64
                          ", and the state in it is that of %" PRIu64,
                          node, index, applied);
        return;
    }
    if (index > oracles->committed) {
        sim_oracle_broken(oracles, SIM_ORACLE_STATE_MACHINE_SAFETY, node,
                          "a snapshot of what is not committed: node %u restores one of %" PRIu64
                          ", committed is %" PRIu64,
                          node, index, oracles->committed);
        return;
    }
    const struct oracle_commit *commit = &oracles->commits[index];
    if (commit->applied_by == 0) {
        sim_oracle_broken(oracles, SIM_ORACLE_STATE_MACHINE_SAFETY, node,
                          "a snapshot of a state that nobody has had: node %u restores one of "
                          "%" PRIu64 ", and nobody has applied that entry",
                          node, index);
    } else if (commit->digest != digest) {
        sim_oracle_broken(oracles, SIM_ORACLE_STATE_MACHINE_SAFETY, node,
                          "a snapshot differs from the state it stands for: at %" PRIu64
                          " node %u restores %016" PRIx64 ", node %u had %016" PRIx64,
                          index, node, digest, commit->applied_by, commit->digest);
    }
}

/* Whether the entry is the one that the canonical log has there. */
static bool is_canonical(const struct sim_oracles *oracles, const struct sut_entry *entry)
{
    raft_index index = entry->id.index;
    uint64_t previous = index == 1 ? 0 : oracles->commits[index - 1].chain;
    return sim_oracle_link(previous, sim_oracle_leaf(entry)) == oracles->commits[index].chain;
}

void sim_oracle_applied(struct sim_oracles *oracles, uint32_t node, const struct sut_entry *entry,
                        const struct sim_effect *effect, uint64_t machine_digest)
{
    assert(node > 0 && node < SIM_NODES_MAX);
    struct oracle_node *state = &oracles->nodes[node];
    raft_index index = entry->id.index;
    oracles->checks[SIM_ORACLE_STATE_MACHINE_SAFETY]++;
    sim_oracle_witness_state(oracles, node, 1, "in its state machine");
    if (index != state->machine_applied + 1) {
        sim_oracle_broken(oracles, SIM_ORACLE_STATE_MACHINE_SAFETY, node,
                          "applied out of order: node %u applies %" PRIu64 " after %" PRIu64, node,
                          index, state->machine_applied);
    }
    state->machine_applied = index;
    if (index == 0 || index > oracles->committed) {
        sim_oracle_broken(oracles, SIM_ORACLE_STATE_MACHINE_SAFETY, node,
                          "applied before it was committed: node %u applies %" PRIu64
                          ", committed is %" PRIu64,
                          node, index, oracles->committed);
        return;
    }
    struct oracle_commit *commit = &oracles->commits[index];
    if (!is_canonical(oracles, entry)) {
        sim_oracle_broken(oracles, SIM_ORACLE_STATE_MACHINE_SAFETY, node,
                          "applied another entry than the committed one: node %u applies (term "
                          "%" PRIu64 ", index %" PRIu64 ")",
                          node, entry->id.term, index);
        return;
    }
    if (commit->applied_by == 0) {
        commit->applied_by = node;
        commit->digest = machine_digest;
        if (entry->kind == RAFT_ENTRY_COMMAND) {
            commit->payload = sim_oracle_payload_hash(entry->payload, entry->size);
            struct oracle_payload *payload =
                sim_oracle_payload_applied(oracles, commit->payload, index);
            sim_oracle_session_check(oracles, node, entry, payload, effect);
        }
    } else if (commit->digest != machine_digest) {
        sim_oracle_broken(oracles, SIM_ORACLE_STATE_MACHINE_SAFETY, node,
                          "state machines differ: after %" PRIu64 " node %u has %016" PRIx64
                          ", node %u had %016" PRIx64,
                          index, node, machine_digest, commit->applied_by, commit->digest);
    }
}
