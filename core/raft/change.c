/* The leader's side of a change of the configuration (dissertation §4.2, §4.3).
 *
 *      NONE --request--> CATCHING_UP: added voters get the log, round by round
 *        ^                 |  each of them was fast enough in its last round (at once, if there is
 *        | too slow        v  none)
 *        +-----------------+--> JOINT: decided by both majorities, its own commitment too
 *        ^                        |  it is committed
 *        |  it is committed       v
 *        +--------------------- LEAVING: the final configuration
 *
 * A change that leaves the voters as they are (learners, priorities) needs no joint configuration:
 * every majority stays one. A new leader goes on where the one before it has left the log.
 *
 * A *round* (§4.2.1) replicates what was in the log when it began; it was fast enough if it took
 * less than the shortest election timeout: then little is missing.
 *
 * Everything but the request happens in READY, since it moves peers about and may need memory.
 *
 * Invariants:
 *  1. At most one configuration in the log is not committed, besides those of earlier terms.
 *  2. No configuration is appended before an entry of the leader's own term is committed, except
 *     one that ends what is in the log.
 *  3. A leader that could not be elected by the final configuration steps down when it is
 *     committed, and does not count itself until then (§4.2.2). */
#include "raft_internal.h"

#include <assert.h>

/* ---- the request ---- */

static bool is_final(const struct raft_configuration *configuration)
{
    return raft_configuration_check(configuration) == NULL &&
           !raft_configuration_is_joint(configuration);
}

/* A witness has no data that it could go on with as a full member, and a full member's store has
 * what a witness must not have: it has to go, and another store to join. */
static bool keeps_witnesses(const struct raft_configuration *from,
                            const struct raft_configuration *to)
{
    bool keeps = true;
    for (uint32_t i = 0; i < to->count; i++) {
        const struct raft_member *before = raft_configuration_find(from, to->members[i].id);
        keeps = keeps && (before == NULL || raft_member_is_witness(before) ==
                                                raft_member_is_witness(&to->members[i]));
    }
    return keeps;
}

/* Whether a member is in quarantine, as far as the leader knows. */
static bool is_uncounted(struct raft *raft, raft_node_id id)
{
    const struct raft_peer *peer = raft_peer_find(raft, id);
    return peer != NULL && peer->is_uncounted;
}

/* A majority of voters in quarantine decides nothing, and nobody could take the change back. */
static bool is_reachable(struct raft *raft, const struct raft_configuration *target)
{
    if (!is_final(target) || !keeps_witnesses(&raft->configuration, target)) {
        return false;
    }
    uint32_t leaders = 0;
    uint32_t voters = 0;
    uint32_t uncounted = 0;
    uint32_t together = raft->configuration.count;
    for (uint32_t i = 0; i < target->count; i++) {
        bool votes = (target->members[i].flags & RAFT_MEMBER_VOTER) != 0;
        voters += votes;
        uncounted += votes && is_uncounted(raft, target->members[i].id);
        leaders += raft_member_could_lead(&target->members[i]);
        together += raft_configuration_find(&raft->configuration, target->members[i].id) == NULL;
    }
    return leaders > 0 && together <= RAFT_MEMBERS_MAX && voters / 2 < voters - uncounted;
}

static bool has_committed_in_term(const struct raft *raft)
{
    return raft_log_matches(raft->log, (struct raft_entry_id){raft->state.term, raft->commit});
}

static bool is_voter_of(const struct raft_configuration *configuration, raft_node_id id)
{
    const struct raft_member *member = raft_configuration_find(configuration, id);
    return member != NULL && (member->flags & RAFT_MEMBER_VOTER) != 0;
}

static void round_begin(struct raft *raft, struct raft_peer *peer)
{
    peer->round_end = raft_log_last_index(raft->log);
    peer->round_began_ns = raft->now_ns;
    peer->rounds++;
}

enum raft_status raft_change_begin(struct raft *raft, const struct raft_configuration *target)
{
    if (raft_exit_taken(raft->memory, RAFT_AT_CHANGE_NOT_LEADER, raft->role != RAFT_LEADER)) {
        return RAFT_NOT_LEADER;
    }
    if (raft_exit_taken(raft->memory, RAFT_AT_CHANGE_INVALID, !is_reachable(raft, target))) {
        return RAFT_INVALID;
    }
    if (raft_exit_taken(raft->memory, RAFT_AT_CHANGE_BUSY,
                        raft->change != RAFT_CHANGE_NONE || raft->changed_due ||
                            raft->transfer_target != RAFT_NODE_NONE ||
                            !has_committed_in_term(raft))) {
        return RAFT_BUSY;
    }
    /* Nothing below can fail. */
    assert(!raft_configuration_is_joint(&raft->configuration));
    raft_peers_rebuild(raft); /* whom an earlier change has removed goes now */
    raft->change = RAFT_CHANGE_CATCHING_UP;
    raft->target = *target;
    raft->catch_up_deadline_ns = raft->now_ns + raft->options.catch_up_ns_max;
    raft_peers_rebuild(raft);
    for (uint32_t i = 0; i < raft->peer_count; i++) {
        struct raft_peer *peer = &raft->peers[i];
        peer->catching_up =
            is_voter_of(target, peer->id) && !is_voter_of(&raft->configuration, peer->id);
        peer->rounds = 0;
        round_begin(raft, peer);
    }
    return RAFT_OK;
}

enum raft_status raft_change_recover(struct raft *raft, const struct raft_configuration *target)
{
    const struct raft_member *own = raft_configuration_find(target, raft->options.id);
    if (raft_exit_taken(raft->memory, RAFT_AT_RECOVER_INVALID,
                        !is_final(target) || own == NULL || !raft_member_could_lead(own) ||
                            raft->state.losses != 0 || raft->is_blank || raft->is_witness ||
                            !keeps_witnesses(&raft->configuration, target))) {
        return RAFT_INVALID;
    }
    /* A snapshot that is written or put in place replaces the log, whoever leads by then. */
    bool is_replaced = raft->receive.busy || raft->receive.stage > RAFT_RECEIVING;
    if (raft_exit_taken(raft->memory, RAFT_AT_RECOVER_BUSY, is_replaced)) {
        return RAFT_BUSY;
    }
    /* Nothing below can fail. */
    raft_become_follower(raft, raft->state.term, RAFT_NODE_NONE);
    raft_members_by_hand(raft, target);
    raft_election_timer_reset(raft);
    return RAFT_OK;
}

/* ---- the way of a change ---- */

/* Whether an added voter has what is needed; begins its next round if it was too slow. Sets
 * has_moved if anything has changed with it. */
static bool has_caught_up(struct raft *raft, struct raft_peer *peer, bool *has_moved)
{
    /* One in quarantine would count for nothing: nothing could be committed by its help. */
    while (peer->catching_up && !peer->is_uncounted && peer->match >= peer->round_end &&
           peer->rounds <= raft->options.catch_up_rounds_max) {
        *has_moved = true;
        if (raft->now_ns - peer->round_began_ns < raft->options.election_ns_min) {
            peer->catching_up = false;
        } else {
            round_begin(raft, peer);
        }
    }
    return !peer->catching_up;
}

static bool have_caught_up(struct raft *raft, bool *has_moved)
{
    bool all = true;
    for (uint32_t i = 0; i < raft->peer_count; i++) {
        all = has_caught_up(raft, &raft->peers[i], has_moved) && all;
    }
    return all;
}

static bool keeps_voters(const struct raft_configuration *from, const struct raft_configuration *to)
{
    bool keeps = true;
    for (uint32_t i = 0; i < from->count; i++) {
        bool votes = is_voter_of(from, from->members[i].id);
        keeps = keeps && (!votes || is_voter_of(to, from->members[i].id));
    }
    for (uint32_t i = 0; i < to->count; i++) {
        bool votes = is_voter_of(to, to->members[i].id);
        keeps = keeps && (!votes || is_voter_of(from, to->members[i].id));
    }
    return keeps;
}

static void end(struct raft *raft, enum raft_status status)
{
    raft->change = RAFT_CHANGE_NONE;
    raft->configuration_due = false;
    raft->changed_due = true;
    raft->changed_status = status;
}

/* Whom to ask to take over: who has the whole log, the preferred one first. */
static struct raft_peer *heir(struct raft *raft)
{
    struct raft_peer *best = NULL;
    for (uint32_t i = 0; i < raft->peer_count; i++) {
        struct raft_peer *peer = &raft->peers[i];
        if (peer->member == RAFT_MEMBER_NONE || peer->is_uncounted ||
            !raft_member_could_lead(&raft->configuration.members[peer->member]) ||
            peer->match != raft_log_last_index(raft->log)) {
            continue;
        }
        if (best == NULL || raft->configuration.members[peer->member].priority >
                                raft->configuration.members[best->member].priority) {
            best = peer;
        }
    }
    return best;
}

static void finish(struct raft *raft)
{
    end(raft, RAFT_OK);
    if (raft_may_campaign(raft)) {
        return;
    }
    struct raft_peer *next = heir(raft);
    raft_become_follower(raft, raft->state.term, RAFT_NODE_NONE);
    if (next != NULL) {
        next->timeout_now_due = true;
    }
}

bool raft_change_advance(struct raft *raft)
{
    assert(raft->role == RAFT_LEADER || raft->change == RAFT_CHANGE_NONE);
    enum raft_change phase = raft->change;
    bool has_moved = false;
    bool is_committed = !raft->configuration_due && raft->configuration_index <= raft->commit;
    switch (raft->change) {
    case RAFT_CHANGE_NONE:
        break;
    case RAFT_CHANGE_CATCHING_UP:
        if (have_caught_up(raft, &has_moved)) {
            raft->change = keeps_voters(&raft->configuration, &raft->target) ? RAFT_CHANGE_LEAVING
                                                                             : RAFT_CHANGE_JOINT;
            raft->configuration_due = true;
        }
        break;
    case RAFT_CHANGE_JOINT:
        if (is_committed) {
            raft->change = RAFT_CHANGE_LEAVING;
            raft->configuration_due = true;
        }
        break;
    case RAFT_CHANGE_LEAVING:
        if (is_committed) {
            finish(raft);
        }
        break;
    case RAFT_CHANGE_COUNT:
        assert(!"not a phase");
    }
    return has_moved || raft->change != phase;
}

static void next_configuration(const struct raft *raft, struct raft_configuration *out_next)
{
    if (raft->change == RAFT_CHANGE_JOINT) {
        raft_configuration_join(&raft->configuration, &raft->target, out_next);
    } else if (raft_configuration_is_joint(&raft->configuration)) {
        raft_configuration_leave(&raft->configuration, out_next);
    } else {
        *out_next = raft->target;
    }
    assert(raft_configuration_check(out_next) == NULL);
}

enum raft_status raft_change_append(struct raft *raft, struct raft_effect *effect)
{
    /* The target of a transfer has the whole log; it is not taken away from it again. */
    if (!raft->configuration_due || raft->noop_due || raft->transfer_target != RAFT_NODE_NONE) {
        return RAFT_OK;
    }
    assert(raft->role == RAFT_LEADER);
    struct raft_configuration next;
    struct raft_entry *entry = NULL;
    next_configuration(raft, &next);
    enum raft_status status =
        raft_entry_create(raft->memory, RAFT_AT_CHANGE_ENTRY_ALLOC, RAFT_ENTRY_CONFIGURATION,
                          (uint32_t)raft_configuration_size(&next), RAFT_HOLDER_MESSAGE, &entry);
    if (status != RAFT_OK) {
        return status;
    }
    status = raft_log_reserve(raft->log, 1);
    if (status != RAFT_OK) {
        goto out;
    }
    /* Nothing below can fail. */
    raft_configuration_encode(&next, entry->payload);
    entry->id = (struct raft_entry_id){raft->state.term, raft_log_last_index(raft->log) + 1};
    raft_log_append(raft->log, entry);
    raft->configuration_due = false;
    raft_members_adopt(raft, entry);
    for (uint32_t i = 0; i < raft->peer_count; i++) {
        raft->peers[i].append_due = true;
    }
    effect->type = RAFT_EFFECT_AGAIN;
out:
    raft_entry_drop(entry, RAFT_HOLDER_MESSAGE);
    return status;
}

bool raft_change_report(struct raft *raft, struct raft_effect *effect)
{
    if (!raft->changed_due) {
        return false;
    }
    raft->changed_due = false;
    effect->type = RAFT_EFFECT_CHANGED;
    effect->status = raft->changed_status;
    effect->last.index = effect->status == RAFT_OK ? raft->configuration_index : 0;
    return true;
}

/* ---- leading, and not any more ---- */

void raft_change_resume(struct raft *raft)
{
    assert(raft->role == RAFT_LEADER && raft->change == RAFT_CHANGE_NONE);
    if (raft->configuration_by_hand) {
        raft->change = RAFT_CHANGE_LEAVING;
        raft->target = raft->configuration;
        raft->configuration_due = true;
    } else if (raft_configuration_is_joint(&raft->configuration)) {
        raft->change = RAFT_CHANGE_JOINT;
    } else if (raft->configuration_index > raft->commit) {
        raft->change = RAFT_CHANGE_LEAVING;
    }
}

void raft_change_stop(struct raft *raft)
{
    if (raft->change != RAFT_CHANGE_NONE) {
        end(raft, RAFT_LOST);
    }
    for (uint32_t i = 0; i < raft->peer_count; i++) {
        struct raft_peer *peer = &raft->peers[i];
        peer->catching_up = false;
        if (peer->kind != RAFT_PEER_MEMBER) {
            peer->kind = RAFT_PEER_STRANGER;
        }
    }
}

void raft_change_on_heartbeat(struct raft *raft)
{
    bool is_slow = raft->now_ns >= raft->catch_up_deadline_ns;
    bool has_guests = false;
    for (uint32_t i = 0; i < raft->peer_count; i++) {
        const struct raft_peer *peer = &raft->peers[i];
        is_slow =
            is_slow || (peer->catching_up && peer->rounds > raft->options.catch_up_rounds_max);
        has_guests = has_guests || peer->kind == RAFT_PEER_ADDED || peer->kind == RAFT_PEER_REMOVED;
    }
    if (raft->change == RAFT_CHANGE_CATCHING_UP &&
        raft_exit_taken(raft->memory, RAFT_AT_CHANGE_CATCH_UP_TIMEOUT, is_slow)) {
        end(raft, RAFT_BUSY);
    }
    if (raft->change == RAFT_CHANGE_NONE && has_guests) {
        raft_peers_rebuild(raft);
    }
}
