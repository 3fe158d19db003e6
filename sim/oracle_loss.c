/* What a node may do, and what it counts for, whose store has lost promises, entries or the state
 * of its state machine.
 *
 * Terms. A node is in *quarantine* if its term and vote are lost. It has *lost entries* if it does
 * not know which ones it has acknowledged.
 *
 *  1. Whoever starts without the hard state that it had, be it gone or older than what it has said,
 *     is in quarantine, for the life of its store. What nobody could rely on yet, since it was only
 *     being written, damage may take back.
 *  2. A node in quarantine grants neither votes nor pre-votes, and no majority needs it for what it
 *     did not have when the quarantine began. A node that has lost entries grants none either.
 *  3. Neither of them campaigns, nor does a node of which entries are damaged or the state machine
 *     is blank.
 *  4. No loss comes about while a node runs. A log begins behind no more than a snapshot had that
 *     the node has ever had: of the log alone, nobody knows that what went was committed.
 *  5. When the loss of entries is over, all that is committed of what the node had once called
 *     durable is on its disk again. */
#include "oracle_internal.h"

#include <assert.h>
#include <inttypes.h>

bool sim_oracle_counts(const struct sim_oracles *oracles, uint32_t node)
{
    assert(node > 0 && node < SIM_NODES_MAX);
    return oracles->nodes[node].loss.quarantined_from == 0;
}

bool sim_oracle_counts_for(const struct sim_oracles *oracles, uint32_t node, raft_index index)
{
    assert(node > 0 && node < SIM_NODES_MAX);
    return sim_oracle_counts(oracles, node) || index < oracles->nodes[node].loss.quarantined_from;
}

/* The last entry of what it called durable when it was looked at last. */
static struct raft_entry_id last_promised(const struct oracle_node *state)
{
    raft_index index = state->promised;
    return (struct raft_entry_id){index == 0 ? 0 : state->links[index].term, index};
}

bool sim_oracle_had(const struct sim_oracles *oracles, uint32_t node, raft_index index,
                    uint64_t chain)
{
    assert(node > 0 && node < SIM_NODES_MAX);
    const struct oracle_node *state = &oracles->nodes[node];
    const struct sim_node *sim_node = oracles->world->nodes[node];
    const struct raft_entry_id before = state->loss.promised;
    if (index <= before.index && sim_oracle_chain_within(oracles, before, index) == chain) {
        return true;
    }
    /* A start that failed may have made a file that was lost anew, and no more. */
    bool is_damaged =
        sim_node_is_damaged(sim_node) || (sim_node->was_damaged && !sim_node->is_whole);
    return !state->is_up && index <= state->promised && is_damaged &&
           sim_oracle_chain_within(oracles, last_promised(state), index) == chain;
}

void sim_oracle_loss_starts(struct sim_oracles *oracles, uint32_t node)
{
    struct oracle_node *state = &oracles->nodes[node];
    bool has_state = false;
    for (uint32_t i = 0; i < state->file_count; i++) {
        has_state |= state->files[i].gave_state;
    }
    state->loss.lacks_state = sim_oracle_has(oracles, SUT_FEATURE_DURABLE) && !has_state &&
                              oracles->world->nodes[node]->bootstrapped;
}

/* Whether a node can give away an entry of this chain. */
static bool has_whole(const struct sim_oracles *oracles, uint32_t node, raft_index index,
                      uint64_t chain)
{
    const struct sim_node *sim_node = oracles->world->nodes[node];
    const struct raft_view *view = &sim_node->view;
    if (sim_node->state != SIM_NODE_UP || view->condition == RAFT_CONDITION_QUARANTINED ||
        raft_options_is_witness(&sim_node->options) || index <= view->base.index ||
        index > oracles->nodes[node].last || sim_oracle_chain(oracles, node, index) != chain) {
        return false;
    }
    struct sut_entry entry;
    return view->first_damaged == 0 || index < view->first_damaged ||
           (sim_oracle_sut(oracles, node)->entry(sim_node->process, index, &entry) &&
            !entry.damaged);
}

bool sim_oracle_needs_leader(const struct sim_oracles *oracles, uint32_t node)
{
    const struct raft_view *view = &oracles->world->nodes[node]->view;
    return view->state.losses != 0 || view->is_blank;
}

/* Whether a node can give a blank one the state that it lacks. */
static bool has_state(const struct sim_oracles *oracles, uint32_t node, raft_index base)
{
    const struct sim_node *sim_node = oracles->world->nodes[node];
    const struct raft_view *view = &sim_node->view;
    return sim_node->state == SIM_NODE_UP && !sim_oracle_needs_leader(oracles, node) &&
           !raft_options_is_witness(&sim_node->options) && view->applied >= base;
}

/* What another node, of which it knows and which knows of it, can make up for. */
struct remedies {
    bool has_leader; /* it tells what was lost */
    bool has_state;
    bool has_entry;
};

static struct remedies remedies_for(const struct sim_oracles *oracles, uint32_t node)
{
    const struct raft_view *view = &oracles->world->nodes[node]->view;
    raft_index damaged = view->first_damaged;
    uint64_t chain = damaged == 0 ? 0 : sim_oracle_chain(oracles, node, damaged);
    struct remedies found = {.has_entry = damaged == 0};
    for (uint32_t id = 1; id <= oracles->world->node_count; id++) {
        const struct sim_node *other = oracles->world->nodes[id];
        if (id == node || !sim_oracle_knows(oracles, node, id) ||
            !sim_oracle_knows(oracles, id, node)) {
            continue;
        }
        found.has_leader |= other->state == SIM_NODE_UP && other->view.role == RAFT_LEADER &&
                            other->view.state.term >= view->state.term;
        found.has_state |= has_state(oracles, id, view->base.index);
        found.has_entry |= damaged != 0 && has_whole(oracles, id, damaged, chain);
    }
    return found;
}

bool sim_oracle_is_repairable(const struct sim_oracles *oracles, uint32_t node)
{
    const struct raft_view *view = &oracles->world->nodes[node]->view;
    if ((view->state.losses & RAFT_LOSS_PROMISES) != 0) {
        return false;
    }
    const struct remedies found = remedies_for(oracles, node);
    return found.has_entry && (found.has_state || !view->is_blank) &&
           (found.has_leader || view->state.losses == 0);
}

/* Remembers what is lost, of what the node called durable before. */
static void note_lost(const struct sim_oracles *oracles, struct oracle_node *state)
{
    struct oracle_loss *loss = &state->loss;
    raft_index both = state->promised < oracles->committed ? state->promised : oracles->committed;
    if (state->promised > loss->lost_last) {
        loss->lost_last = state->promised;
        loss->lost_chain = state->links[state->promised].chain;
    }
    if (both > loss->lost_committed && state->links[both].chain == oracles->commits[both].chain) {
        loss->lost_committed = both;
    }
}

static void said_note(struct oracle_loss *loss, raft_term term, raft_node_id vote)
{
    if (term > loss->said_term) {
        loss->said_term = term;
        loss->said_vote = RAFT_NODE_NONE;
    }
    if (term == loss->said_term && vote != RAFT_NODE_NONE) {
        loss->said_vote = vote;
    }
}

static void said_look(struct sim_oracles *oracles, uint32_t node)
{
    const struct raft_view *view = &oracles->world->nodes[node]->view;
    if (view->state_durable >= view->state.sequence) {
        said_note(&oracles->nodes[node].loss, view->state.term, view->state.vote);
    }
}

void sim_oracle_loss_dies(struct sim_oracles *oracles, uint32_t node)
{
    said_look(oracles, node);
}

/* Whether a hard state is older than a term and a vote in it. */
static bool is_older(const struct raft_hard_state *state, raft_term term, raft_node_id vote)
{
    return state->term < term ||
           (state->term == term && vote != RAFT_NODE_NONE && state->vote != vote);
}

/* Whether it starts with less than it had on its disk and has said. What only its disk had, damage
 * may have taken back: then a vote in that does not count either. */
static bool starts_older(struct sim_oracles *oracles, uint32_t node)
{
    struct oracle_node *state = &oracles->nodes[node];
    const struct sim_node *sim_node = oracles->world->nodes[node];
    const struct raft_hard_state *found = &sim_node->view.state;
    if (!is_older(found, state->start_term, state->start_vote)) {
        return false;
    }
    if (!sim_node->was_damaged || is_older(found, state->loss.said_term, state->loss.said_vote)) {
        return true;
    }
    sim_oracle_waive(oracles, SIM_WAIVER_PROMISE_LOST);
    sim_oracle_vote_is_lost(oracles, node, state->start_term);
    return false;
}

void sim_oracle_loss_started(struct sim_oracles *oracles, uint32_t node)
{
    struct oracle_node *state = &oracles->nodes[node];
    struct oracle_loss *loss = &state->loss;
    const struct sim_node *sim_node = oracles->world->nodes[node];
    const struct raft_view *view = &sim_node->view;
    bool was_quarantined = (loss->known & RAFT_LOSS_PROMISES) != 0 && !sim_node->is_store_planted;
    bool is_behind = starts_older(oracles, node);
    oracles->checks[SIM_ORACLE_RECOVERY]++;
    if ((loss->lacks_state || is_behind || was_quarantined) &&
        view->condition != RAFT_CONDITION_QUARANTINED) {
        sim_oracle_broken(oracles, SIM_ORACLE_RECOVERY, node,
                          "a start without promises and without quarantine: node %u %s, and is %s",
                          node,
                          was_quarantined ? "was in quarantine before"
                                          : "starts without the term and vote that it had",
                          raft_condition_string(view->condition));
    }
    if (view->base.index > state->snapshot_last) {
        sim_oracle_broken(oracles, SIM_ORACLE_RECOVERY, node,
                          "a log begins behind no snapshot: that of node %u behind %" PRIu64
                          ", the newest snapshot that it ever had ends at %" PRIu64,
                          node, view->base.index, state->snapshot_last);
    }
    if (view->condition != RAFT_CONDITION_QUARANTINED) {
        loss->quarantined_from = 0;
    } else if (loss->quarantined_from == 0) {
        loss->quarantined_from = view->last.index + 1;
    }
    if ((view->state.losses & RAFT_LOSS_ENTRIES) != 0) {
        note_lost(oracles, state);
    } else {
        loss->lost_last = 0;
        loss->lost_committed = 0;
    }
    /* A process that has not made up for everything has called less durable than the one before. */
    if (!sim_node->was_damaged) {
        loss->promised = (struct raft_entry_id){.index = 0};
    } else if (state->promised >= loss->promised.index) {
        loss->promised = last_promised(state);
    }
    loss->known = view->state.losses;
    loss->said_term = 0;
    loss->said_vote = RAFT_NODE_NONE;
}

/* Whether what was lost, as far as it is committed, is on the disk again. */
static bool has_caught_up(const struct sim_oracles *oracles, const struct oracle_node *state)
{
    const struct oracle_loss *loss = &state->loss;
    raft_index index = loss->lost_committed;
    if (loss->lost_last > 0 && loss->lost_last <= oracles->committed &&
        oracles->commits[loss->lost_last].chain == loss->lost_chain) {
        index = loss->lost_last;
    }
    return index <= state->durable_base || !sim_oracle_has(oracles, SUT_FEATURE_DURABLE) ||
           sim_oracle_is_durable(oracles, state, index, oracles->commits[index].chain);
}

void sim_oracle_loss_check(struct sim_oracles *oracles, uint32_t node)
{
    struct oracle_node *state = &oracles->nodes[node];
    const struct raft_view *view = &oracles->world->nodes[node]->view;
    uint32_t over = state->loss.known & ~view->state.losses;
    uint32_t new = view->state.losses & ~state->loss.known;
    bool has_losses = view->state.losses != 0 || view->is_blank;
    said_look(oracles, node);
    oracles->checks[SIM_ORACLE_RECOVERY] += has_losses || over != 0;
    if ((has_losses || view->condition == RAFT_CONDITION_RECOVERING ||
         view->condition == RAFT_CONDITION_QUARANTINED) &&
        view->role != RAFT_FOLLOWER) {
        sim_oracle_broken(oracles, SIM_ORACLE_RECOVERY, node,
                          "a node with losses campaigns: node %u is a %s, and is %s", node,
                          raft_role_string(view->role), raft_condition_string(view->condition));
    }
    if (new != 0 || (over & RAFT_LOSS_PROMISES) != 0) {
        sim_oracle_broken(oracles, SIM_ORACLE_RECOVERY, node,
                          "losses change while a node runs: node %u had %u, now %u", node,
                          state->loss.known, view->state.losses);
    }
    if ((over & RAFT_LOSS_ENTRIES) != 0 && !has_caught_up(oracles, state)) {
        sim_oracle_broken(oracles, SIM_ORACLE_RECOVERY, node,
                          "a loss is over too early: node %u had called its log durable up to "
                          "%" PRIu64 "; committed is %" PRIu64 ", on its disk the log ends at "
                          "%" PRIu64,
                          node, state->loss.lost_last, oracles->committed, state->durable_last);
    }
    state->loss.known = view->state.losses;
}

void sim_oracle_loss_sent(struct sim_oracles *oracles, uint32_t node,
                          const struct sut_message *message)
{
    const struct sim_node *sim_node = oracles->world->nodes[node];
    if (message->claims_term) {
        said_note(&oracles->nodes[node].loss, message->term, message->claims_vote);
    }
    if (!message->grants || sim_node->view.state.losses == 0) {
        return;
    }
    sim_oracle_broken(oracles, SIM_ORACLE_RECOVERY, node,
                      "a node with losses grants a vote: node %u, which is %s, sends %s to node %u "
                      "in term %" PRIu64,
                      node, raft_condition_string(sim_node->view.condition), message->type,
                      message->to, message->term);
}
