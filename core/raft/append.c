/* The follower's side of replication (Raft §5.3).
 *
 * `verified` is how far the log is known to agree with the current leader's; what is acknowledged
 * is the durable part of it, never more (an own, longer log says nothing about the leader's).
 *
 * Invariants:
 *  1. Committed entries are never truncated.
 *  2. Entries that agree are never touched, so that a late or repeated message does no harm.
 *  3. Nothing of a message is taken before everything that can fail has succeeded. */
#include "raft_internal.h"

#include <assert.h>

static void owe(struct raft *raft, struct raft_peer *peer, uint32_t flags, struct raft_entry_id id,
                struct raft_entry_id hint)
{
    peer->append_reply = (struct raft_reply){
        .due = true,
        .flags = flags | (raft->read_only ? RAFT_FLAG_READ_ONLY : 0),
        .term = raft->state.term,
        .id = id,
        .hint = hint,
    };
}

/* The durable part of what agrees with the leader. The base agrees with every leader. */
static struct raft_entry_id acknowledged(const struct raft *raft)
{
    struct raft_entry_id durable = raft_log_durable(raft->log);
    if (raft->verified >= durable.index) {
        return durable;
    }
    return raft_log_hint(raft->log, (struct raft_entry_id){UINT64_MAX, raft->verified});
}

/* A blank state machine's node names its base: a snapshot must reach so far. */
static void owe_success(struct raft *raft, struct raft_peer *leader, uint32_t flags)
{
    assert((flags & RAFT_FLAG_SUCCESS) != 0);
    owe(raft, leader, flags, acknowledged(raft),
        raft->is_blank ? raft->log->base : (struct raft_entry_id){0});
}

void raft_acknowledge(struct raft *raft)
{
    struct raft_peer *leader =
        raft->leader == RAFT_NODE_NONE ? NULL : raft_peer_find(raft, raft->leader);
    if (leader != NULL && raft->verified > 0) {
        owe_success(raft, leader, RAFT_FLAG_SUCCESS);
    }
}

/* How many entries of a message are in the log already. */
static uint32_t count_present(const struct raft *raft, const struct raft_message *message)
{
    uint32_t present = 0;
    while (present < message->entry_count &&
           (message->id.index + 1 + present <= raft->log->base.index ||
            raft_log_matches(raft->log, message->entries[present]->id))) {
        present++;
    }
    return present;
}

/* How far a read-only node takes the entries: up to the first command that it does not have yet. */
static uint32_t count_passing(const struct raft_message *message, uint32_t present)
{
    uint32_t end = present;
    while (end < message->entry_count && message->entries[end]->kind != RAFT_ENTRY_COMMAND &&
           message->entries[end]->kind != RAFT_ENTRY_ELIDED) {
        end++;
    }
    return end;
}

/* What is damaged here cannot be applied, so that it is of no use to know it committed. */
static void commit_up_to(struct raft *raft, raft_index index)
{
    if (index >= raft->log->first_damaged) {
        index = raft->log->first_damaged - 1;
    }
    if (index > raft->commit) {
        assert(index <= raft_log_last_index(raft->log));
        raft->commit = index;
    }
}

bool raft_can_hold(const struct raft *raft, const struct raft_message *message)
{
    enum raft_entry_kind other = raft->is_witness ? RAFT_ENTRY_COMMAND : RAFT_ENTRY_ELIDED;
    for (uint32_t i = 0; i < message->entry_count; i++) {
        const struct raft_entry *entry = message->entries[i];
        if (entry->kind == other ||
            !raft_entry_payload_is_good(entry->kind, entry->payload, entry->size)) {
            return false;
        }
    }
    return true;
}

/* Appends what the log does not have; a configuration is in force from here on. */
static void append_entries(struct raft *raft, const struct raft_message *message, uint32_t present,
                           uint32_t end)
{
    raft_index first = message->id.index + 1 + present;
    if (first <= raft_log_last_index(raft->log)) {
        assert(first > raft->commit);
        raft_log_truncate(raft->log, first - 1);
        raft_members_truncated(raft);
    }
    for (uint32_t i = present; i < end; i++) {
        raft_log_append(raft->log, message->entries[i]);
        if (message->entries[i]->kind == RAFT_ENTRY_CONFIGURATION) {
            raft_members_adopt(raft, message->entries[i]);
        }
    }
}

/* Takes the entries of a message whose position agrees. Room has been reserved. */
static void take_entries(struct raft *raft, const struct raft_message *message)
{
    uint32_t present = count_present(raft, message);
    for (uint32_t i = 0; i < present; i++) {
        (void)raft_repair_take(raft, message->entries[i]);
    }
    uint32_t end = message->entry_count;
    uint32_t passing = count_passing(message, present);
    uint32_t flags = RAFT_FLAG_SUCCESS;
    if (raft_exit_taken(raft->memory, RAFT_AT_APPEND_RECEIVE_READONLY,
                        raft->read_only && passing < end)) {
        /* The leader is told, or it would send the same entries at once again. */
        end = passing;
        flags |= RAFT_FLAG_READ_ONLY;
    }
    /* Every answer of a node with a full disk says so, or the leader would take one for an
     * invitation to send a window of entries. */
    if (raft_exit_taken(raft->memory, RAFT_AT_APPEND_RECEIVE_NOSPACE, raft->disk_full)) {
        end = present;
        flags |= RAFT_FLAG_BUSY;
    }
    if (present < end) {
        append_entries(raft, message, present, end);
    }
    raft_index covered = message->id.index + end;
    if (covered > raft->verified) {
        raft->verified = covered;
    }
    commit_up_to(raft, message->commit < covered ? message->commit : covered);
    /* What brings nothing new is answered at once, new entries when they are durable. */
    if (end == present || covered <= raft->log->durable.index || flags != RAFT_FLAG_SUCCESS ||
        end < message->entry_count) {
        struct raft_peer *leader = raft_peer_find(raft, message->from);
        assert(leader != NULL);
        owe_success(raft, leader, flags);
    }
}

struct raft_peer *raft_hear_leader(struct raft *raft, struct raft_peer *peer,
                                   const struct raft_message *message)
{
    assert(message->term >= raft->state.term);
    assert(raft->role != RAFT_LEADER || message->term > raft->state.term);
    if (message->term > raft->state.term || raft->role != RAFT_FOLLOWER ||
        raft->leader != peer->id) {
        raft_become_follower(raft, message->term, peer->id);
    }
    raft->leader_heard = true;
    raft->leader_heard_ns = raft->now_ns;
    if (message->round > raft->read_round) {
        raft->read_round = message->round;
    }
    raft_election_timer_reset(raft);
    if (raft->configuration_by_hand) {
        /* There is a leader after all: what its log says holds. */
        raft_members_restore(raft);
        peer = raft_peer_find(raft, message->from);
        assert(peer != NULL);
    }
    return peer;
}

/* Where this log may agree with one that has id, and no entry is missing before. */
static struct raft_entry_id agreeable(const struct raft *raft, struct raft_entry_id id)
{
    struct raft_entry_id hint = raft_log_hint(raft->log, id);
    raft_index missing = raft_repair_missing(raft);
    return hint.index < missing
               ? hint
               : raft_log_hint(raft->log, (struct raft_entry_id){UINT64_MAX, missing - 1});
}

enum raft_status raft_on_append_req(struct raft *raft, struct raft_peer *peer,
                                    const struct raft_message *message)
{
    if (raft_exit_taken(raft->memory, RAFT_AT_APPEND_RECEIVE_STALE,
                        message->term < raft->state.term)) {
        owe(raft, peer, 0, (struct raft_entry_id){0}, (struct raft_entry_id){0});
        return RAFT_OK;
    }
    if (raft_exit_taken(raft->memory, RAFT_AT_APPEND_RECEIVE_KIND,
                        !raft_is_for_this_kind(raft, message))) {
        return RAFT_INVALID;
    }
    if (raft_exit_taken(raft->memory, RAFT_AT_APPEND_RECEIVE_CONFIGURATION,
                        !raft_can_hold(raft, message))) {
        return RAFT_CORRUPT;
    }
    enum raft_status status = raft_log_reserve(raft->log, message->entry_count);
    if (status != RAFT_OK) {
        return status;
    }
    /* Nothing below can fail. */
    peer = raft_hear_leader(raft, peer, message);
    raft_repair_ask_leader(raft, peer);
    raft_loss_ask_leader(raft, peer);
    bool is_before_base = message->id.index < raft->log->base.index;
    /* Behind a missing entry the leader is told where that is: it sends the entry again, or the
     * snapshot if it has it no more. One that is here again is not asked for, however long its
     * record takes: the leader would send it at once, for nothing. */
    bool is_behind_damage = message->id.index >= raft_repair_missing(raft);
    if (raft_exit_taken(raft->memory, RAFT_AT_APPEND_RECEIVE_MISMATCH,
                        !is_before_base &&
                            (is_behind_damage || !raft_log_matches(raft->log, message->id)))) {
        owe(raft, peer, is_behind_damage ? RAFT_FLAG_DAMAGED : 0, message->id,
            agreeable(raft, message->id));
        return RAFT_OK;
    }
    take_entries(raft, message);
    return RAFT_OK;
}
