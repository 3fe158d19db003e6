/* What a leader must not do over and over.
 *
 * Terms. A *refusal* is the answer to an append whose position the follower does not have, with a
 * hint where it may agree; one for the sake of a damaged entry is none, since it lasts until the
 * entry is repaired. A leader *asks again* if it sends an append at a position that was refused
 * when the refusal has arrived already. A *spell* of a follower ends when something of it matches,
 * when it is sent a snapshot, when members are added, and when a fault strikes it or the leader. A
 * snapshot *restarts* when its first piece is sent after a later one. It is *calm* in the liveness
 * phase when whatever was under way at the heal has had time to arrive.
 *
 *  1. In one spell a leader asks at the same position and is refused with the same hint
 *     REFUSALS_MAX times at most. A leader that takes no hint would ask for ever, and every answer
 *     would excuse the next question.
 *  2. In a calm term a snapshot restarts for the same follower RESTARTS_MAX times at most. */
#include "oracle_internal.h"

#include <assert.h>
#include <inttypes.h>

#define CALM_TIMEOUTS 2u
#define REFUSALS_MAX  3u
#define RESTARTS_MAX  3u

static bool is_calm(const struct sim_world *world, uint32_t leader)
{
    uint64_t calm_ns =
        world->heal_started_ns + CALM_TIMEOUTS * world->nodes[leader]->started.election_ns_max;
    return world->phase == SIM_PHASE_HEAL && world->scheduler.now_ns >= calm_ns;
}

/* Counts one more of what the words name; returns how many there are now. */
static uint64_t count_one(struct sim_table *table, const uint64_t *words, size_t size)
{
    uint64_t key = sim_hash(words, size, 1) | 1u;
    uint64_t *times = sim_table_find(table, key);
    if (times == NULL) {
        sim_table_put(table, key, 1);
        return 1;
    }
    return ++*times;
}

/* Whether a leader sends a follower a snapshot: what it refuses meanwhile is of no interest. */
static bool is_sent_snapshot(const struct sim_oracles *oracles, uint32_t node, uint32_t peer)
{
    struct raft_progress_view progress;
    return sim_oracle_has(oracles, SUT_FEATURE_PROGRESS) &&
           sim_oracle_sut(oracles, node)
               ->progress(oracles->world->nodes[node]->process, peer, &progress) &&
           progress.state == RAFT_INSTALL;
}

static uint64_t position_key(const struct sim_oracles *oracles, uint32_t node, uint32_t peer,
                             raft_index position)
{
    const struct oracle_node *state = &oracles->nodes[node];
    const uint64_t words[] = {node, peer, state->term, state->spells[peer].number, position};
    return sim_hash(words, sizeof words, 2) | 1u;
}

/* How often a leader has asked at a position since it was last refused; NULL: it never was. */
static uint64_t *asked_find(const struct sim_oracles *oracles, uint32_t node, uint32_t peer,
                            raft_index position)
{
    return sim_table_find(&oracles->asked, position_key(oracles, node, peer, position));
}

static void asked_put(struct sim_oracles *oracles, uint32_t node, uint32_t peer,
                      raft_index position)
{
    sim_table_put(&oracles->asked, position_key(oracles, node, peer, position), 0);
}

void sim_oracle_asked(struct sim_oracles *oracles, uint32_t node, const struct sut_message *message)
{
    struct oracle_node *state = &oracles->nodes[node];
    assert(node > 0 && node < SIM_NODES_MAX);
    if (!message->asks || message->to == 0 || message->to >= SIM_NODES_MAX ||
        !state->spells[message->to].has_refused || state->term != message->term) {
        return;
    }
    uint64_t *asked = asked_find(oracles, node, message->to, message->position);
    if (asked != NULL) {
        ++*asked;
    }
}

static void spell_end(struct oracle_spell *spell)
{
    spell->number++;
    spell->has_refused = false;
}

/* A spell ends as well when something is done to either of them: whoever is made to fail, to refuse
 * or to overlook an answer may be where it was before. */
static void spell_check(struct sim_oracles *oracles, uint32_t node, uint32_t peer)
{
    struct oracle_node *state = &oracles->nodes[node];
    struct oracle_spell *spell = &state->spells[peer];
    uint64_t harm = sim_oracle_latest_harm(oracles, node);
    uint64_t other = sim_oracle_latest_harm(oracles, peer);
    harm = other > harm ? other : harm;
    if (harm != state->harms.of[peer]) {
        if (spell->has_refused) {
            sim_oracle_waive(oracles, SIM_WAIVER_HINT_HARM);
            spell_end(spell);
        }
        state->harms.of[peer] = harm;
        spell->matched.index = 0;
    }
}

/* Who is added, perhaps once more after that was given up, begins as a follower of whom nothing is
 * known. */
void sim_oracle_spells_check(struct sim_oracles *oracles, uint32_t node)
{
    struct oracle_node *state = &oracles->nodes[node];
    assert(node > 0 && node < SIM_NODES_MAX);
    bool catches_up = oracles->world->nodes[node]->view.change == RAFT_CHANGE_CATCHING_UP;
    for (uint32_t peer = 1; catches_up && !state->catches_up && peer < SIM_NODES_MAX; peer++) {
        if (state->spells[peer].has_refused) {
            sim_oracle_waive(oracles, SIM_WAIVER_HINT_ADDED);
        }
        spell_end(&state->spells[peer]);
        state->spells[peer].matched.index = 0;
    }
    state->catches_up = catches_up;
}

static void matched_note(struct oracle_spell *spell, const struct sut_message *message)
{
    raft_index known = spell->matched.term == message->term ? spell->matched.index : 0;
    spell->matched.term = message->term;
    spell->matched.index = message->claims_index > known ? message->claims_index : known;
}

void sim_oracle_refused_check(struct sim_oracles *oracles, uint32_t node,
                              const struct sut_message *message)
{
    struct oracle_node *state = &oracles->nodes[node];
    assert(node > 0 && node < SIM_NODES_MAX);
    if (state->role != RAFT_LEADER || state->term != message->term) {
        return;
    }
    struct oracle_spell *spell = &state->spells[message->from];
    spell_check(oracles, node, message->from);
    if (message->matches) {
        matched_note(spell, message);
    }
    if (message->matches || is_sent_snapshot(oracles, node, message->from)) {
        spell_end(spell);
        return;
    }
    if (!message->refuses) {
        return;
    }
    if (spell->matched.term == message->term && message->position <= spell->matched.index) {
        return; /* an answer from before, that was long under way */
    }
    uint64_t *asked = asked_find(oracles, node, message->from, message->position);
    bool is_new = asked == NULL || *asked > 0;
    if (asked == NULL) {
        asked_put(oracles, node, message->from, message->position);
    } else {
        *asked = 0;
    }
    spell->has_refused = true;
    const uint64_t words[] = {node,
                              message->from,
                              message->term,
                              spell->number,
                              message->position,
                              message->hint.term,
                              message->hint.index};
    oracles->checks[SIM_ORACLE_BOUNDED]++;
    uint64_t times = is_new ? count_one(&oracles->refusals, words, sizeof words) : 0;
    if (times > REFUSALS_MAX) {
        sim_oracle_broken(oracles, SIM_ORACLE_BOUNDED, node,
                          "a hint is not taken: leader %u of term %" PRIu64 " has been refused at "
                          "index %" PRIu64 " by node %u %" PRIu64 " times, each time with the hint "
                          "(term %" PRIu64 ", index %" PRIu64 ")",
                          node, message->term, message->position, message->from, times,
                          message->hint.term, message->hint.index);
    }
}

void sim_oracle_piece_check(struct sim_oracles *oracles, uint32_t node,
                            const struct sut_message *message)
{
    struct oracle_node *state = &oracles->nodes[node];
    assert(node > 0 && node < SIM_NODES_MAX);
    if (message->piece_of == 0 || message->to == 0 || message->to >= SIM_NODES_MAX) {
        return;
    }
    bool *has_begun = &state->has_sent_pieces[message->to];
    bool restarts = *has_begun && message->piece_offset == 0;
    *has_begun = message->piece_offset != 0;
    if (!restarts || !is_calm(oracles->world, node)) {
        return;
    }
    const uint64_t words[] = {node, message->to, message->term, message->piece_of};
    oracles->checks[SIM_ORACLE_BOUNDED]++;
    uint64_t times = count_one(&oracles->restarts, words, sizeof words);
    if (times > RESTARTS_MAX) {
        sim_oracle_broken(oracles, SIM_ORACLE_BOUNDED, node,
                          "a snapshot is sent again and again: leader %u of term %" PRIu64
                          " begins that of index %" PRIu64 " for node %u for the %" PRIu64
                          "th time after a later piece",
                          node, message->term, message->piece_of, message->to, times);
    }
}
