/* What must not happen to a leader that is heard, and what must happen in the end to a node that is
 * not: rules on the liveness of single nodes, at any time and with any lasting fault elsewhere.
 *
 * Terms. *Contact* from a leader to a follower, or back, is a message of the leader's term that was
 * delivered; it is kept up if there was no gap of half the shortest election timeout. A node is
 * *steady* if nothing was done to it or to its clock for a while. A leader has a *live majority* if
 * it and the steady nodes with which contact was kept up both ways for two of the longest election
 * timeouts are one of the configuration that it goes by; if it is no voter of that it has none.
 * This is observed, not computed from what the network may do.
 *
 *  1. While a leader has a live majority no term begins (dissertation §9.6: whoever wants one needs
 *     a pre-vote of somebody who hears the leader), unless somebody outside ordered it: a campaign,
 *     a transfer, or a configuration that was set by hand.
 *  2. A leader with a live majority does not step down by itself, unless its own disk lags or the
 *     configuration that it goes by makes a witness of it.
 *  3. In the liveness phase the terms of voters grow by TERM_GROWTH_MAX at most, where a leader can
 *     be elected.
 *  4. A leader does not hand over for longer than the longest election timeout, and takes no
 *     command meanwhile.
 *  5. A follower that may lead and for two of the longest election timeouts neither heard a leader
 *     nor gave a vote, nor waited for its disk, has campaigned.
 *
 * The last two are measured on the node's own clock, and a step counts for no more than the time
 * in which a process that runs would have made one: a process that stood still is not to blame. */
#include "oracle_internal.h"

#include <assert.h>
#include <inttypes.h>

#define TERM_GROWTH_MAX  10u
#define STEADY_DRIFT_PPM 100000 /* a clock that is further off is never steady */

static bool is_steady(const struct sim_world *world, uint32_t node, uint64_t window_ns)
{
    const struct sim_node *who = world->nodes[node];
    int64_t ppm = who->clock.drift_ppm < 0 ? -who->clock.drift_ppm : who->clock.drift_ppm;
    return who->state == SIM_NODE_UP && !who->paused && ppm <= STEADY_DRIFT_PPM &&
           world->scheduler.now_ns >= who->unsteady_ns + window_ns;
}

/* Whether contact to a node from another one was kept up. */
static bool is_heard(const struct sim_oracles *oracles, uint32_t to, uint32_t from,
                     uint64_t window_ns, uint64_t gap_ns)
{
    const struct oracle_contact *contact = &oracles->nodes[to].contacts[from];
    uint64_t now_ns = oracles->world->scheduler.now_ns;
    return contact->last_ns != 0 && now_ns - contact->last_ns <= gap_ns &&
           now_ns - contact->since_ns >= window_ns;
}

static bool is_voter(const struct raft_configuration *configuration, raft_node_id node)
{
    const struct raft_member *member = raft_configuration_find(configuration, node);
    return member != NULL && (member->flags & ORACLE_VOTES) != 0;
}

static bool has_live_majority(const struct sim_oracles *oracles, uint32_t leader)
{
    const struct sim_world *world = oracles->world;
    const struct raft_options *options = &world->nodes[leader]->options;
    uint64_t window_ns = 2 * options->election_ns_max;
    uint64_t gap_ns = options->election_ns_min / 2;
    struct raft_configuration configuration;
    uint32_t live = 1u << leader;
    if (world->scheduler.now_ns - oracles->nodes[leader].leads_since_ns < window_ns ||
        !is_steady(world, leader, window_ns)) {
        return false;
    }
    sim_oracle_configuration_in_force(oracles, leader, &configuration);
    for (uint32_t i = 0; i < configuration.count; i++) {
        raft_node_id member = configuration.members[i].id;
        if (member != leader && sim_oracle_counts(oracles, member) &&
            is_steady(world, member, window_ns) &&
            is_heard(oracles, member, leader, window_ns, gap_ns) &&
            is_heard(oracles, leader, member, window_ns, gap_ns)) {
            live |= 1u << member;
        }
    }
    return is_voter(&configuration, leader) && sim_oracle_has_majority(&configuration, live);
}

void sim_oracle_arrives(struct sim_oracles *oracles, uint32_t node, const uint8_t *bytes,
                        size_t size)
{
    assert(node > 0 && node < SIM_NODES_MAX);
    struct sim_world *world = oracles->world;
    struct sut_message message;
    sim_oracle_traffic_cause(oracles, node);
    if (!sim_oracle_has(oracles, SUT_FEATURE_DESCRIBE)) {
        sim_oracle_waive(oracles, SIM_WAIVER_REPEATS_UNSEEN);
        return;
    }
    if (!sim_oracle_sut(oracles, node)->describe(bytes, size, &message) || message.from == 0 ||
        message.from > world->node_count) {
        return;
    }
    sim_oracle_refused_check(oracles, node, &message);
    const struct oracle_node *state = &oracles->nodes[node];
    const struct oracle_node *sender = &oracles->nodes[message.from];
    bool is_of_leader = sender->role == RAFT_LEADER && sender->term == message.term;
    bool is_to_leader = state->role == RAFT_LEADER && state->term == message.term;
    /* Whoever led the term may have gone on since this was sent: it still speaks for the leader. */
    const uint64_t *leader =
        message.term == 0 ? NULL : sim_table_find(&oracles->leaders, message.term);
    bool leads = leader != NULL && *leader == message.from;
    /* Nobody has looked at one that died in the step in which it began to lead. */
    bool speaks = message.asks || message.piece_of != 0;
    if ((leads || speaks) && message.term != 0 && message.term >= state->term) {
        oracles->nodes[node].patience.is_quiet = false;
    }
    if (!is_of_leader && !is_to_leader) {
        return;
    }
    struct oracle_contact *contact = &oracles->nodes[node].contacts[message.from];
    uint64_t now_ns = world->scheduler.now_ns;
    if (now_ns - contact->last_ns > world->nodes[node]->options.election_ns_min / 2) {
        contact->since_ns = now_ns;
    }
    contact->last_ns = now_ns;
}

void sim_oracle_campaign_ordered(struct sim_oracles *oracles, uint32_t node)
{
    assert(node > 0 && node < SIM_NODES_MAX);
    oracles->nodes[node].is_ordered = true;
}

void sim_oracle_heals(struct sim_oracles *oracles)
{
    oracles->healed_term = oracles->term_max;
}

/* ---- leaders ---- */

static bool is_protected(const struct raft_options *options)
{
    return options->pre_vote && options->check_quorum;
}

/* A node begins a term while a leader has a live majority. */
static void deposed(struct sim_oracles *oracles, uint32_t node, uint32_t leader)
{
    if (!is_protected(&oracles->world->nodes[node]->options)) {
        sim_oracle_waive(oracles, SIM_WAIVER_DEPOSED_UNPROTECTED);
    } else if (oracles->nodes[node].is_ordered || oracles->nodes[leader].has_handed_over ||
               oracles->was_recovered) {
        sim_oracle_waive(oracles, SIM_WAIVER_DEPOSED_ORDERED);
    } else {
        sim_oracle_broken(oracles, SIM_ORACLE_STABILITY, node,
                          "a leader with a live majority is deposed: node %u begins term %" PRIu64
                          ", but node %u leads and a majority hears and answers it",
                          node, oracles->world->nodes[node]->view.state.term, leader);
    }
}

void sim_oracle_term_begins(struct sim_oracles *oracles, uint32_t node)
{
    const struct sim_world *world = oracles->world;
    raft_term term = world->nodes[node]->view.state.term;
    oracles->checks[SIM_ORACLE_STABILITY]++;
    /* A node that was removed and has not heard of it may campaign for ever among its like. */
    bool votes = (sim_oracle_flags_by_now(oracles, node) & ORACLE_VOTES) != 0;
    bool grows =
        world->phase == SIM_PHASE_HEAL && votes && term > oracles->healed_term + TERM_GROWTH_MAX;
    if (grows && sim_world_is_beyond_budget(oracles->world)) {
        sim_oracle_waive(oracles, SIM_WAIVER_TERMS_UNAVAILABLE);
    } else if (grows) {
        sim_oracle_broken(oracles, SIM_ORACLE_STABILITY, node,
                          "terms grow without end: node %u begins term %" PRIu64 ", and it was "
                          "%" PRIu64 " when every fault ended",
                          node, term, oracles->healed_term);
    }
    for (uint32_t id = 1; id <= world->node_count; id++) {
        const struct oracle_node *leader = &oracles->nodes[id];
        if (id != node && leader->is_up && leader->role == RAFT_LEADER &&
            leader->term + 1 == term && has_live_majority(oracles, id)) {
            deposed(oracles, node, id);
            return;
        }
    }
}

/* A witness never leads, nor do learners and those who were removed. */
static bool may_lead(const struct sim_oracles *oracles, uint32_t node)
{
    struct raft_configuration configuration;
    sim_oracle_configuration_in_force(oracles, node, &configuration);
    return sim_oracle_may_lead(&configuration, node);
}

void sim_oracle_stability_check(struct sim_oracles *oracles, uint32_t node)
{
    const struct oracle_node *state = &oracles->nodes[node];
    const struct sim_node *sim_node = oracles->world->nodes[node];
    const struct raft_view *view = &sim_node->view;
    if (state->role != RAFT_LEADER || view->role == RAFT_LEADER ||
        view->state.term != state->term || sim_node->state != SIM_NODE_UP) {
        return;
    }
    oracles->checks[SIM_ORACLE_STABILITY]++;
    if (!may_lead(oracles, node) || !has_live_majority(oracles, node)) {
        return;
    }
    /* A leader whose disk does not answer makes way, whatever it waits for. */
    bool lags = view->durable.index < view->last.index ||
                view->state_durable < view->state.sequence || sim_disk_pending(&sim_node->disk) > 0;
    if (lags || view->condition != RAFT_RUNNING) {
        sim_oracle_waive(oracles, SIM_WAIVER_STEPS_DOWN_DISK);
    } else {
        sim_oracle_broken(oracles, SIM_ORACLE_STABILITY, node,
                          "a leader with a live majority steps down: node %u, which led term "
                          "%" PRIu64 ", is a %s, and a majority heard and answered it",
                          node, state->term, raft_role_string(view->role));
    }
}

void sim_oracle_hand_over_check(struct sim_oracles *oracles, uint32_t node)
{
    const struct raft_view *view = &oracles->world->nodes[node]->view;
    oracles->checks[SIM_ORACLE_PROGRESS]++;
    if (view->role == RAFT_LEADER && view->transfer_target != RAFT_NODE_NONE) {
        sim_oracle_broken(oracles, SIM_ORACLE_PROGRESS, node,
                          "a command is taken in a transfer: node %u hands over to node %u, which "
                          "can never catch up if more is taken",
                          node, view->transfer_target);
    }
}

/* ---- patience ---- */

/* The time that a step counts for. */
static uint64_t step_ns(struct oracle_patience *patience, const struct sim_node *node)
{
    raft_time now_ns = sim_node_now(node);
    uint64_t most_ns = node->started.heartbeat_ns;
    uint64_t passed_ns = patience->seen_ns == 0 ? 0 : now_ns - patience->seen_ns;
    patience->seen_ns = now_ns;
    return passed_ns < most_ns ? passed_ns : most_ns;
}

static void quiet_check(struct sim_oracles *oracles, uint32_t node, uint64_t passed_ns)
{
    struct oracle_patience *patience = &oracles->nodes[node].patience;
    const struct sim_node *sim_node = oracles->world->nodes[node];
    const struct raft_view *view = &sim_node->view;
    uint64_t bound_ns = 2 * sim_node->options.election_ns_max;
    bool has_voted = view->state.vote != patience->vote || view->state.term != patience->vote_term;
    patience->vote = view->state.vote;
    patience->vote_term = view->state.term;
    bool waits = view->role == RAFT_FOLLOWER && view->condition == RAFT_RUNNING &&
                 may_lead(oracles, node) && !view->is_installing &&
                 !(has_voted && view->state.vote != RAFT_NODE_NONE) &&
                 sim_disk_pending(&sim_node->disk) == 0;
    if (waits && !sim_oracle_has(oracles, SUT_FEATURE_DESCRIBE)) {
        sim_oracle_waive(oracles, SIM_WAIVER_QUIET_UNSEEN);
        return;
    }
    bool is_excused = waits && !is_steady(oracles->world, node, bound_ns);
    if (is_excused && patience->is_quiet) {
        sim_oracle_waive(oracles, SIM_WAIVER_QUIET_UNSTEADY);
    }
    if (!waits || is_excused) {
        patience->is_quiet = false;
        return;
    }
    /* What had passed when it began to wait does not count: it may have led until then. */
    patience->quiet_ns = patience->is_quiet ? patience->quiet_ns + passed_ns : 0;
    patience->is_quiet = true;
    oracles->checks[SIM_ORACLE_PROGRESS]++;
    if (patience->quiet_ns > bound_ns) {
        sim_oracle_broken(oracles, SIM_ORACLE_PROGRESS, node,
                          "a follower without a leader does not campaign: node %u has heard none "
                          "and given no vote for %" PRIu64 " ms of its own time",
                          node, patience->quiet_ns / 1000000);
    }
}

void sim_oracle_patience_check(struct sim_oracles *oracles, uint32_t node)
{
    struct oracle_patience *patience = &oracles->nodes[node].patience;
    const struct sim_node *sim_node = oracles->world->nodes[node];
    const struct raft_view *view = &sim_node->view;
    uint64_t passed_ns = step_ns(patience, sim_node);
    patience->passed_ns = passed_ns;
    quiet_check(oracles, node, passed_ns);
    if (view->role != RAFT_LEADER || view->transfer_target == RAFT_NODE_NONE ||
        view->condition != RAFT_RUNNING || sim_node->state != SIM_NODE_UP) {
        patience->handed_ns = 0;
        return;
    }
    /* What is late already is late for the transfer as well. */
    bool is_late = !is_steady(oracles->world, node, 0);
    if (is_late) {
        sim_oracle_waive(oracles, SIM_WAIVER_TRANSFER_LATE);
    }
    patience->handed_ns += is_late ? 0 : passed_ns;
    oracles->checks[SIM_ORACLE_PROGRESS]++;
    if (patience->handed_ns > sim_node->options.election_ns_max + sim_node->started.heartbeat_ns) {
        sim_oracle_broken(oracles, SIM_ORACLE_PROGRESS, node,
                          "a transfer does not end: node %u has been handing over to node %u for "
                          "%" PRIu64 " ms of its own time",
                          node, view->transfer_target, patience->handed_ns / 1000000);
    }
}
