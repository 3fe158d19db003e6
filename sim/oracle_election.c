/* Leaders, votes, and what a leader believes of its followers.
 *
 * Invariants:
 *  1. leaders maps each term in which anybody led to the first who did.
 *  2. votes maps (term, node) to the candidate that a durable hard state or a message of the node
 *     named first. A vote in memory binds nobody: a crash may take it back before it was spoken; so
 *     may damage one that was still being written. */
#include "oracle_internal.h"

#include <assert.h>
#include <inttypes.h>

static uint64_t vote_key(uint32_t node, raft_term term)
{
    assert(node > 0 && node < SIM_NODES_MAX);
    assert(term < UINT64_MAX / SIM_NODES_MAX);
    return term * SIM_NODES_MAX + node;
}

raft_node_id sim_oracle_vote_of(const struct sim_oracles *oracles, uint32_t node, raft_term term)
{
    const uint64_t *candidate = sim_table_find(&oracles->votes, vote_key(node, term));
    return candidate == NULL ? RAFT_NODE_NONE : (raft_node_id)*candidate;
}

void sim_oracle_voted(struct sim_oracles *oracles, uint32_t node, raft_term term,
                      raft_node_id candidate)
{
    assert(candidate != RAFT_NODE_NONE);
    oracles->checks[SIM_ORACLE_ELECTION_SAFETY]++;
    uint64_t *known = sim_table_find(&oracles->votes, vote_key(node, term));
    raft_node_id earlier = known == NULL ? RAFT_NODE_NONE : (raft_node_id)*known;
    if (known == NULL) {
        sim_table_put(&oracles->votes, vote_key(node, term), candidate);
    } else if (earlier == RAFT_NODE_NONE) {
        *known = candidate;
    } else if (earlier != candidate) {
        sim_oracle_broken(
            oracles, SIM_ORACLE_ELECTION_SAFETY, node,
            "two votes in one term: node %u voted for node %u and for node %u in term "
            "%" PRIu64,
            node, earlier, candidate, term);
    }
}

void sim_oracle_vote_is_lost(struct sim_oracles *oracles, uint32_t node, raft_term term)
{
    uint64_t *candidate = sim_table_find(&oracles->votes, vote_key(node, term));
    if (candidate != NULL) {
        *candidate = RAFT_NODE_NONE;
        sim_oracle_waive(oracles, SIM_WAIVER_VOTE_LOST);
    }
}

/* The last index that was committed before a term. A leader that was elected late, when a newer
 * term had already committed, need not have what that one committed. */
static raft_index committed_before(const struct sim_oracles *oracles, raft_term term)
{
    raft_index low = 0;
    raft_index high = oracles->committed;
    while (low < high) {
        raft_index middle = high - (high - low) / 2;
        if (oracles->commits[middle].term < term) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    return low;
}

/* Who has a configuration without it, and is perhaps alone to have it, must bring it to the others:
 * it leads by the one before. */
static bool may_finish(const struct sim_oracles *oracles, uint32_t node)
{
    const struct oracle_node *state = &oracles->nodes[node];
    raft_index newest = oracles->world->nodes[node]->view.configuration_index;
    struct raft_configuration before;
    if (newest == 0 || newest <= state->commit) {
        return false;
    }
    sim_oracle_configuration_at(oracles, node, newest - 1, &before);
    return sim_oracle_may_lead(&before, node);
}

/* Who leads may do so, and has the votes of a majority of each side, each of them on a disk or
 * spoken. */
static void ballots_check(struct sim_oracles *oracles, uint32_t node)
{
    const struct sim_node *sim_node = oracles->world->nodes[node];
    raft_term term = sim_node->view.state.term;
    uint32_t votes = 0;
    struct raft_configuration configuration;
    sim_oracle_configuration_in_force(oracles, node, &configuration);
    if (!sim_oracle_may_lead(&configuration, node) && !may_finish(oracles, node)) {
        sim_oracle_broken(oracles, SIM_ORACLE_ELECTION_SAFETY, node,
                          "a node that must not lead: node %u leads term %" PRIu64
                          " and is no voter with a state machine, neither now nor before",
                          node, term);
    }
    if (!sim_oracle_has(oracles, SUT_FEATURE_DURABLE)) {
        sim_oracle_waive(oracles, SIM_WAIVER_BALLOTS_UNSEEN);
        return;
    }
    for (uint32_t id = 1; id < SIM_NODES_MAX; id++) {
        votes |= (uint32_t)(sim_oracle_vote_of(oracles, id, term) == node) << id;
    }
    if (!sim_oracle_has_majority(&configuration, votes)) {
        char members[SIM_TEXT_MAX / 4];
        sim_oracle_print_configuration(&configuration, members, sizeof members);
        sim_oracle_broken(oracles, SIM_ORACLE_ELECTION_SAFETY, node,
                          "a leader without a majority of votes: node %u leads term %" PRIu64
                          " with the votes of %d nodes, under %s",
                          node, term, __builtin_popcount(votes), members);
    }
}

/* Only who campaigns raises the term above all others. */
static void term_check(struct sim_oracles *oracles, uint32_t node)
{
    const struct raft_view *view = &oracles->world->nodes[node]->view;
    if (view->state.term <= oracles->term_max) {
        return;
    }
    oracles->term_max = view->state.term;
    sim_oracle_term_begins(oracles, node);
    if (view->role != RAFT_CANDIDATE && view->role != RAFT_LEADER) {
        sim_oracle_broken(oracles, SIM_ORACLE_ELECTION_SAFETY, node,
                          "a term begins without a candidate: node %u is the first in term %" PRIu64
                          ", as a %s",
                          node, view->state.term, raft_role_string(view->role));
    }
}

static void completeness_check(struct sim_oracles *oracles, uint32_t node)
{
    const struct oracle_node *state = &oracles->nodes[node];
    const struct raft_view *view = &oracles->world->nodes[node]->view;
    raft_index index = committed_before(oracles, view->state.term);
    oracles->checks[SIM_ORACLE_LEADER_COMPLETENESS]++;
    if (index <= view->base.index) {
        return;
    }
    if (index > state->last) {
        sim_oracle_broken(oracles, SIM_ORACLE_LEADER_COMPLETENESS, node,
                          "a leader lacks committed entries: node %u leads term %" PRIu64
                          " with a log up to %" PRIu64 ", committed before is %" PRIu64,
                          node, view->state.term, state->last, index);
    } else if (state->links[index].chain != oracles->commits[index].chain) {
        sim_oracle_broken(oracles, SIM_ORACLE_LEADER_COMPLETENESS, node,
                          "a leader has other entries than the committed ones: node %u leads term "
                          "%" PRIu64 ", up to %" PRIu64 " its chain is %016" PRIx64
                          ", committed is %016" PRIx64,
                          node, view->state.term, index, state->links[index].chain,
                          oracles->commits[index].chain);
    }
}

void sim_oracle_election_check(struct sim_oracles *oracles, uint32_t node)
{
    const struct oracle_node *state = &oracles->nodes[node];
    const struct raft_view *view = &oracles->world->nodes[node]->view;
    bool leads_on = state->role == RAFT_LEADER && state->term == view->state.term;
    term_check(oracles, node);
    if (view->role != RAFT_LEADER || leads_on) {
        return;
    }
    oracles->checks[SIM_ORACLE_ELECTION_SAFETY]++;
    /* Term 0 has no leader; the key of a table must not be 0 either. */
    assert(view->state.term > 0);
    const uint64_t *leader = sim_table_find(&oracles->leaders, view->state.term);
    if (leader == NULL) {
        sim_table_put(&oracles->leaders, view->state.term, node);
        oracles->elections++;
    } else if (*leader != node) {
        sim_oracle_broken(oracles, SIM_ORACLE_ELECTION_SAFETY, node,
                          "two leaders in one term: nodes %u and %u both lead term %" PRIu64,
                          (uint32_t)*leader, node, view->state.term);
    }
    ballots_check(oracles, node);
    completeness_check(oracles, node);
}

/* Match is what the peer said was durable. As long as the peer has heard of no later term, nobody
 * can have replaced it, unless the store itself was taken away. */
static void match_check(struct sim_oracles *oracles, uint32_t node, uint32_t peer, raft_index match)
{
    const struct oracle_node *state = &oracles->nodes[node];
    const struct oracle_node *other = &oracles->nodes[peer];
    raft_term term = oracles->world->nodes[node]->view.state.term;
    if (!sim_oracle_has(oracles, SUT_FEATURE_DURABLE)) {
        sim_oracle_waive(oracles, SIM_WAIVER_MATCH_UNSEEN);
        return;
    }
    if (other->term_max > term || other->durable_term > term) {
        sim_oracle_waive(oracles, SIM_WAIVER_MATCH_DEPOSED);
        return;
    }
    uint64_t chain = match > state->last ? 0 : sim_oracle_chain(oracles, node, match);
    if (match <= state->last && sim_oracle_is_durable(oracles, other, match, chain)) {
        return;
    }
    if (match <= state->last && sim_oracle_had(oracles, peer, match, chain)) {
        sim_oracle_waive(oracles, SIM_WAIVER_MATCH_DAMAGED);
    } else {
        sim_oracle_broken(oracles, SIM_ORACLE_MONOTONIC, node,
                          "a match that is not on the peer's disk: leader %u of term %" PRIu64
                          " believes that node %u agrees up to %" PRIu64 "; its own log ends at "
                          "%" PRIu64 ", the peer's durable log at %" PRIu64,
                          node, term, peer, match, state->last, other->durable_last);
    }
}

void sim_oracle_progress_forget(struct sim_oracles *oracles, uint32_t node,
                                const struct raft_configuration *configuration)
{
    struct oracle_node *state = &oracles->nodes[node];
    for (uint32_t id = 1; id < SIM_NODES_MAX; id++) {
        if (raft_configuration_find(configuration, id) == NULL) {
            if (state->role == RAFT_LEADER && state->progress[id].match > 0) {
                sim_oracle_waive(oracles, SIM_WAIVER_BACK_ADDED);
            }
            state->progress[id].match = 0;
        }
    }
}

/* A match that is lower than what the leader had in this term. */
static void match_went_back(struct sim_oracles *oracles, uint32_t node, uint32_t peer,
                            raft_index match)
{
    const struct oracle_node *state = &oracles->nodes[node];
    /* Of a peer that may have lost entries a leader forgets what it acknowledged; that it has lost
     * some may arrive when it has got them back. */
    if (oracles->world->nodes[peer]->was_damaged ||
        oracles->nodes[peer].hurt_term >= state->progress[peer].term) {
        sim_oracle_waive(oracles, SIM_WAIVER_BACK_DAMAGED);
    } else {
        sim_oracle_broken(oracles, SIM_ORACLE_MONOTONIC, node,
                          "match went back: leader %u of term %" PRIu64 " had %" PRIu64
                          " for node %u, now %" PRIu64,
                          node, state->progress[peer].term, state->progress[peer].match, peer,
                          match);
    }
}

void sim_oracle_progress_check(struct sim_oracles *oracles, uint32_t node, uint32_t peer)
{
    struct oracle_node *state = &oracles->nodes[node];
    const struct sim_node *sim_node = oracles->world->nodes[node];
    struct raft_progress_view progress;
    if (peer == 0 || sim_node->view.role != RAFT_LEADER) {
        return;
    }
    if (!sim_oracle_has(oracles, SUT_FEATURE_PROGRESS)) {
        sim_oracle_waive(oracles, SIM_WAIVER_PROGRESS_UNSEEN);
        return;
    }
    if (!sim_oracle_sut(oracles, node)->progress(sim_node->process, peer, &progress)) {
        return;
    }
    oracles->checks[SIM_ORACLE_MONOTONIC]++;
    raft_term term = sim_node->view.state.term;
    uint32_t starts = oracles->nodes[peer].starts;
    if (state->progress[peer].term == term && progress.match < state->progress[peer].match) {
        match_went_back(oracles, node, peer, progress.match);
    }
    /* Of a peer that has started again it is looked for on the disk once more. */
    if (state->progress[peer].term != term || state->progress[peer].starts != starts) {
        state->progress[peer].term = term;
        state->progress[peer].starts = starts;
        state->progress[peer].match = 0;
    }
    if (progress.match >= progress.next) {
        sim_oracle_broken(oracles, SIM_ORACLE_MONOTONIC, node,
                          "match is not below next: leader %u has match %" PRIu64
                          " and next %" PRIu64 " for node %u",
                          node, progress.match, progress.next, peer);
    }
    if (progress.match > state->progress[peer].match) {
        match_check(oracles, node, peer, progress.match);
    }
    bool is_member = sim_oracle_knows(oracles, node, peer);
    if (!is_member && progress.match > 0) {
        sim_oracle_waive(oracles, SIM_WAIVER_BACK_ADDED);
    }
    state->progress[peer].match = is_member ? progress.match : 0;
}
