/* Damaged entries: what a node may do that has some, and how it gets them back (Alagappan et al.
 * 2018: protocol-aware recovery).
 *
 * A store may have lost the payload of an entry that was acknowledged. The entry keeps its place in
 * the log, so that the node votes by the log that it had, and never helps to elect a leader without
 * it. It is RECOVERING meanwhile: it does not campaign, and acknowledges, commits and applies only
 * what lies before the first damaged entry.
 *
 *      damaged --the entry from the leader or another node--> repaired --record rewritten--> whole
 *         |
 *         +-- another entry of the leader's, or a snapshot, takes its place
 *
 * The node asks the leader whenever it hears it, but not more often than the leader's heartbeats
 * come, and everybody at each election timeout: without a leader this is the only way, since the
 * intact copies of two entries may be on two nodes of which neither can be elected.
 *
 * Invariants:
 *  1. Only an entry of the very same id, kind and size takes the place of a damaged one.
 *  2. A node that has no intact copy says nothing: silence never means "there was no such entry".
 */
#include "raft_internal.h"

#include <assert.h>

enum raft_condition raft_condition(const struct raft *raft)
{
    if (raft_loss_is_quarantine(raft)) {
        return RAFT_CONDITION_QUARANTINED;
    }
    if (raft->disk_full) {
        return RAFT_CONDITION_NOSPACE;
    }
    bool is_incomplete =
        raft->log->first_damaged != RAFT_LOG_INTACT || raft->state.losses != 0 || raft->is_blank;
    return is_incomplete ? RAFT_CONDITION_RECOVERING : RAFT_RUNNING;
}

raft_index raft_repair_missing(const struct raft *raft)
{
    struct raft_entry_id id;
    return raft_log_missing(raft->log, &id) ? id.index : RAFT_LOG_INTACT;
}

void raft_repair_ask_all(struct raft *raft)
{
    bool is_needed = raft_repair_missing(raft) != RAFT_LOG_INTACT;
    for (uint32_t i = 0; i < raft->peer_count && is_needed; i++) {
        raft->peers[i].repair_due = raft->peers[i].kind != RAFT_PEER_STRANGER;
    }
}

void raft_repair_ask_leader(struct raft *raft, struct raft_peer *leader)
{
    assert(leader->id == raft->leader);
    if (raft->log->first_damaged != RAFT_LOG_INTACT &&
        raft->now_ns - raft->repair_asked_ns >= raft->options.heartbeat_ns / 2) {
        raft->repair_asked_ns = raft->now_ns;
        leader->repair_due = true;
    }
}

bool raft_repair_speak(struct raft *raft, struct raft_effect *effect)
{
    for (uint32_t i = 0; i < raft->peer_count; i++) {
        struct raft_peer *peer = &raft->peers[i];
        if (!peer->repair_due) {
            continue;
        }
        peer->repair_due = false;
        struct raft_entry_id id;
        if (!raft_log_missing(raft->log, &id)) {
            continue;
        }
        effect->type = RAFT_EFFECT_SEND;
        effect->after_sequence = raft->state.sequence;
        effect->message = (struct raft_message){
            .memory = raft->memory,
            .type = RAFT_MESSAGE_REPAIR_REQ,
            .from = raft->options.id,
            .to = peer->id,
            .term = raft->state.term,
            .id = id,
        };
        return true;
    }
    return false;
}

/* Whether this node has the entry of an id, in memory or in its store. What a witness has of a
 * command is no copy of it. */
static bool has_intact(const struct raft *raft, struct raft_entry_id id)
{
    const struct raft_entry *entry = raft_log_peek(raft->log, id.index);
    if (id.index <= raft->log->base.index || !raft_log_matches(raft->log, id)) {
        return false;
    }
    if (entry == NULL) {
        return !raft->is_witness && id.index != raft->log->lost;
    }
    return !entry->damaged && entry->kind != RAFT_ENTRY_ELIDED;
}

enum raft_status raft_on_repair_req(struct raft *raft, struct raft_peer *peer,
                                    const struct raft_message *message)
{
    assert(message->type == RAFT_MESSAGE_REPAIR_REQ);
    if (raft_exit_taken(raft->memory, RAFT_AT_REPAIR_REQUEST_ABSENT,
                        !has_intact(raft, message->id))) {
        return RAFT_OK;
    }
    peer->repair_reply = (struct raft_reply){.due = true, .id = message->id};
    return RAFT_OK;
}

static enum raft_status send_entry(struct raft *raft, struct raft_peer *peer,
                                   struct raft_effect *effect)
{
    struct raft_entry_id id = peer->repair_reply.id;
    if (!has_intact(raft, id)) {
        /* It was cut or compacted since it was asked for, or could not be read. */
        peer->repair_reply.due = false;
        return RAFT_OK;
    }
    if (raft_warm_lacks(raft, id.index)) {
        return RAFT_OK;
    }
    struct raft_message message = {
        .memory = raft->memory,
        .type = RAFT_MESSAGE_REPAIR_REP,
        .from = raft->options.id,
        .to = peer->id,
        .term = raft->state.term,
        .id.index = id.index - 1,
        .holder = RAFT_HOLDER_REPLICATION,
    };
    enum raft_status status = raft_log_term(raft->log, message.id.index, &message.id.term);
    if (status != RAFT_OK) {
        return status;
    }
    message.entries = raft->memory->alloc(raft->memory->ctx, RAFT_AT_REPAIR_SEND_ALLOC,
                                          sizeof message.entries[0]);
    if (message.entries == NULL) {
        return RAFT_NOMEM;
    }
    /* Nothing below can fail. */
    struct raft_entry *entry = raft_log_peek(raft->log, id.index);
    if (entry != NULL) {
        raft_entry_hold(entry, RAFT_HOLDER_REPLICATION);
    } else {
        entry = raft_warm_get(raft, id.index, RAFT_HOLDER_REPLICATION);
    }
    message.entries[0] = entry;
    message.entry_count = 1;
    message.entry_capacity = 1;
    peer->repair_reply.due = false;
    effect->type = RAFT_EFFECT_SEND;
    effect->message = message;
    effect->after_sequence = raft->state.sequence;
    return RAFT_OK;
}

enum raft_status raft_repair_send(struct raft *raft, struct raft_effect *effect)
{
    enum raft_status first_failure = RAFT_OK;
    for (uint32_t i = 0; i < raft->peer_count; i++) {
        if (!raft->peers[i].repair_reply.due) {
            continue;
        }
        enum raft_status status = send_entry(raft, &raft->peers[i], effect);
        if (effect->type != RAFT_EFFECT_NONE) {
            return RAFT_OK;
        }
        if (first_failure == RAFT_OK) {
            first_failure = status;
        }
    }
    return first_failure;
}

void raft_repair_lost(struct raft *raft, raft_index index)
{
    raft_log_lost(raft->log, index);
    /* The published snapshot may make up for it; a follower that needs it gets that instead. */
    raft_compact(raft);
    if (raft->log->first_damaged == RAFT_LOG_INTACT) {
        return;
    }
    if (raft->role != RAFT_FOLLOWER) {
        raft_become_follower(raft, raft->state.term, RAFT_NODE_NONE);
    }
    raft_repair_ask_all(raft);
}

bool raft_repair_take(struct raft *raft, struct raft_entry *entry)
{
    if (!raft_log_repair(raft->log, entry)) {
        return false;
    }
    if (entry->kind == RAFT_ENTRY_CONFIGURATION && !raft->configuration_by_hand) {
        raft_members_restore(raft);
    }
    assert(raft_log_matches(raft->log, entry->id));
    return true;
}

enum raft_status raft_on_repair_rep(struct raft *raft, const struct raft_message *message)
{
    assert(message->entry_count == 1);
    struct raft_entry *entry = message->entries[0];
    bool is_wanted = raft_can_hold(raft, message) && raft_log_wants(raft->log, entry);
    if (raft_exit_taken(raft->memory, RAFT_AT_REPAIR_REPLY_UNWANTED, !is_wanted)) {
        return RAFT_STALE;
    }
    if (raft_repair_take(raft, entry)) {
        /* The next one is asked for at once. */
        raft_repair_ask_all(raft);
    }
    return RAFT_OK;
}

bool raft_repair_is_vital(const struct raft *raft, struct raft_entry_id id)
{
    return id.index > raft->log->cold.index && raft_log_matches(raft->log, id);
}

void raft_on_repaired(struct raft *raft, const struct raft_event *event)
{
    assert(raft->storage_busy);
    raft->storage_busy = false;
    if (event->status == RAFT_CORRUPT) {
        /* Nobody's entry fits what is left of its record. It may have been cut or compacted since.
         */
        assert(!raft_repair_is_vital(raft, event->id));
        if (event->id.index == raft->log->lost) {
            raft_log_unmendable(raft->log);
        }
        return;
    }
    if (event->status != RAFT_OK) {
        raft->storage_blocked = true;
        return;
    }
    raft_log_repaired(raft->log, event->id);
    raft_acknowledge(raft);
}
