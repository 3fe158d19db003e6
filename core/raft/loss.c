/* Losses: what a node may still do whose store has lost what other nodes rely on, and how it gets
 * over that.
 *
 * Lost *promises* (RAFT_LOSS_PROMISES: term and vote) never come back. The node is QUARANTINED for
 * the life of its store: it never votes, campaigns or leads, and all its answers carry
 * RAFT_FLAG_UNCOUNTED, so that a leader sends it the log and counts it in no majority: neither for
 * the commit index, nor for reads and leases, nor for the quorum that it checks. It is removed from
 * the configuration, and another member takes its place.
 *
 *   To count its acknowledgements, but not its votes, is not enough. X votes for B in term 5, loses
 *   its hard state and starts again with term 4, the last one in its log. It takes an entry of A,
 *   the leader of term 4, who has not heard of term 5. If A counted X, the two of them would be a
 *   majority of three, and B, whom X and B itself have elected, would lead without the entry. What
 *   X acknowledged before the loss counts: it was within its promises.
 *
 * Lost *entries* (RAFT_LOSS_ENTRIES) were acknowledged, and it is not known which. Until the node
 * has them again it grants no vote, since it might help to elect a leader without them. It asks the
 * leader how far its log reaches, and when the durable log here agrees with the leader's that far,
 * the loss is over:
 *
 *   Let e be a committed entry that this node acknowledged before the loss, to the leader of term
 *   T', and let the leader of term T have answered a question of this start; T is this node's term
 *   by then, so T' <= T. If T' < T, the leader of T has had e since its election: whoever elected
 *   it without this node's vote shares a voter with those who committed e, and if this node voted
 *   for it, that was before the loss, with e in the log (Raft §5.4.3). If T' = T, e was in that
 *   leader's log when it was acknowledged, and so before the answer. Either way e is at or before
 *   the answer's index in that leader's log, and then in this one.
 *
 *   The number in the question, drawn at each start, tells such an answer from one to an earlier
 *   start, after which more may have been acknowledged. Entries acknowledged since the loss count:
 *   the hard state is good.
 *
 * The leader forgets what such a node had acknowledged (match), or it would take the refusals of
 * what is lost for old ones.
 *
 * A *blank* state machine (the log's base is behind the snapshot, or there is none) is no loss of
 * what others rely on: the log is exact and its base is committed, so the node votes by it, takes
 * entries and acknowledges them. It applies nothing, takes no snapshot and does not campaign. The
 * leader is told, and sends a snapshot that reaches the base although the logs agree.
 *
 * Invariants:
 *  1. While it has losses the node is a follower.
 *  2. RAFT_LOSS_PROMISES is never cleared; RAFT_LOSS_ENTRIES only by a durable log that agrees with
 *     the leader's up to an index which that leader has named in this node's term. */
#include "raft_internal.h"

#include <assert.h>

static bool has_lost_entries(const struct raft *raft)
{
    return (raft->state.losses & RAFT_LOSS_ENTRIES) != 0;
}

bool raft_loss_may_vote(const struct raft *raft)
{
    return raft->state.losses == 0;
}

bool raft_loss_is_quarantine(const struct raft *raft)
{
    return (raft->state.losses & RAFT_LOSS_PROMISES) != 0;
}

void raft_loss_begin(struct raft *raft, uint64_t number)
{
    raft->question = number;
    raft->answered_term = 0;
    assert(has_lost_entries(raft));
}

uint32_t raft_loss_flags(const struct raft *raft, enum raft_message_type type)
{
    uint32_t flags = raft_loss_is_quarantine(raft) ? RAFT_FLAG_UNCOUNTED : 0;
    if (type == RAFT_MESSAGE_APPEND_REP) {
        flags |= has_lost_entries(raft) ? RAFT_FLAG_LOST : 0;
        flags |= raft->is_blank ? RAFT_FLAG_BLANK : 0;
    }
    return flags;
}

/* ---- the node that has lost entries ---- */

void raft_loss_ask_leader(struct raft *raft, struct raft_peer *leader)
{
    assert(leader->id == raft->leader);
    if (has_lost_entries(raft) && raft->answered_term != raft->state.term &&
        raft->now_ns - raft->question_asked_ns >= raft->options.heartbeat_ns / 2) {
        raft->question_asked_ns = raft->now_ns;
        leader->question_due = true;
    }
}

enum raft_status raft_loss_on_answer(struct raft *raft, const struct raft_peer *peer,
                                     const struct raft_message *message)
{
    assert(message->type == RAFT_MESSAGE_REPAIR_REP && message->entry_count == 0);
    bool is_wanted = has_lost_entries(raft) && message->round == raft->question &&
                     message->term == raft->state.term && raft->leader == peer->id;
    if (raft_exit_taken(raft->memory, RAFT_AT_LOSS_ANSWER_UNWANTED, !is_wanted)) {
        return RAFT_STALE;
    }
    raft->answered_term = message->term;
    raft->answered_index = message->id.index;
    return RAFT_OK;
}

bool raft_loss_advance(struct raft *raft)
{
    if (!has_lost_entries(raft) || raft->answered_term != raft->state.term) {
        return false;
    }
    assert(raft->role == RAFT_FOLLOWER);
    if (raft->verified < raft->answered_index ||
        raft_log_durable(raft->log).index < raft->answered_index) {
        return false;
    }
    /* What is said from now on waits until this is durable, votes too. */
    raft->state.losses &= ~(uint32_t)RAFT_LOSS_ENTRIES;
    raft->state.sequence++;
    return true;
}

/* ---- the leader ---- */

enum raft_status raft_loss_on_question(struct raft *raft, struct raft_peer *peer,
                                       const struct raft_message *message)
{
    assert(message->type == RAFT_MESSAGE_REPAIR_REQ && message->id.index == 0);
    if (raft_exit_taken(raft->memory, RAFT_AT_LOSS_QUESTION_NOT_LEADER,
                        raft->role != RAFT_LEADER)) {
        return RAFT_NOT_LEADER;
    }
    /* Nothing below can fail. */
    peer->match = 0;
    peer->answer_due = true;
    peer->answer = message->round;
    return RAFT_OK;
}

void raft_loss_hear(struct raft *raft, struct raft_peer *peer, const struct raft_message *message)
{
    assert(raft->role == RAFT_LEADER);
    if ((message->flags & RAFT_FLAG_UNCOUNTED) != 0) {
        /* For good: an answer from before the loss may still be on its way. */
        peer->is_uncounted = true;
    }
    if (message->type == RAFT_MESSAGE_APPEND_REP) {
        bool is_blank = (message->flags & RAFT_FLAG_BLANK) != 0;
        bool is_success = (message->flags & RAFT_FLAG_SUCCESS) != 0;
        peer->blank_base = is_blank && is_success ? message->hint.index : 0;
    }
}

bool raft_loss_needs_snapshot(const struct raft *raft)
{
    raft_index newest = raft->snapshot.id.index;
    for (uint32_t i = 0; i < raft->peer_count && raft->role == RAFT_LEADER; i++) {
        raft_index base = raft->peers[i].blank_base;
        if (base > newest && base <= raft->applied) {
            return true;
        }
    }
    return false;
}

/* ---- for READY ---- */

bool raft_loss_speak(struct raft *raft, struct raft_effect *effect)
{
    for (uint32_t i = 0; i < raft->peer_count; i++) {
        struct raft_peer *peer = &raft->peers[i];
        bool asks = peer->question_due && has_lost_entries(raft);
        bool answers = peer->answer_due && raft->role == RAFT_LEADER;
        peer->question_due = false;
        peer->answer_due = false;
        if (!asks && !answers) {
            continue;
        }
        effect->type = RAFT_EFFECT_SEND;
        effect->after_sequence = raft->state.sequence;
        effect->message = (struct raft_message){
            .memory = raft->memory,
            .type = asks ? RAFT_MESSAGE_REPAIR_REQ : RAFT_MESSAGE_REPAIR_REP,
            .from = raft->options.id,
            .to = peer->id,
            .term = raft->state.term,
            .id = asks ? (struct raft_entry_id){0, 0} : raft_log_last(raft->log),
            .round = asks ? raft->question : peer->answer,
        };
        return true;
    }
    return false;
}
