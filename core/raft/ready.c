/* READY: turns the next due mark into one effect.
 *
 * What cannot fail comes first, so that an allocator in trouble delays only what needs memory.
 * Nothing is sent while the hard state is not durable: whatever a node says, it says with its term.
 */
#include "raft_internal.h"

#include <assert.h>

#define NOTHING_DUE UINT64_MAX

static bool set_timer(struct raft *raft, struct raft_effect *effect)
{
    for (int timer = 0; timer < RAFT_TIMER_COUNT; timer++) {
        if (raft->timers_due[timer] != raft->timers_set[timer]) {
            raft->timers_set[timer] = raft->timers_due[timer];
            effect->type = RAFT_EFFECT_SET_TIMER;
            effect->timer = (enum raft_timer)timer;
            effect->deadline_ns = raft->timers_due[timer];
            return true;
        }
    }
    return false;
}

static bool persist_state(struct raft *raft, struct raft_effect *effect)
{
    if (raft->state_busy || raft->state_blocked || raft->state_durable == raft->state.sequence) {
        return false;
    }
    raft->state_busy = true;
    effect->type = RAFT_EFFECT_PERSIST_STATE;
    effect->state = raft->state;
    return true;
}

static bool complete(struct raft *raft, struct raft_effect *effect)
{
    if (raft->role == RAFT_LEADER && raft->completed < raft->applied) {
        raft->completed = raft->applied;
        effect->type = RAFT_EFFECT_COMPLETE;
        effect->status = RAFT_OK;
        effect->last.index = raft->completed;
        return true;
    }
    raft->completed = raft->applied;
    if (raft->reads_due) {
        raft->reads_due = false;
        effect->type = RAFT_EFFECT_READS;
        effect->round = raft->read_confirmed;
        return true;
    }
    if (raft->lost_due) {
        raft->lost_due = false;
        effect->type = RAFT_EFFECT_COMPLETE;
        effect->status = RAFT_LOST;
        return true;
    }
    return false;
}

static void occupy_storage(struct raft *raft)
{
    assert(!raft->storage_busy);
    raft->storage_busy = true;
    raft->storage_busy_since_ns = raft->now_ns;
}

/* A cut goes before any later write (an append must not overtake it), and a reset is the deepest.
 */
static bool reset(struct raft *raft, struct raft_effect *effect)
{
    struct raft_log *log = raft->log;
    if (!log->reset_due) {
        return false;
    }
    occupy_storage(raft);
    raft_log_reset_taken(log);
    effect->type = RAFT_EFFECT_RESET;
    effect->last = log->base;
    effect->generation = log->generation;
    return true;
}

static bool truncate(struct raft *raft, struct raft_effect *effect)
{
    struct raft_log *log = raft->log;
    if (log->truncate_due == NOTHING_DUE) {
        return false;
    }
    occupy_storage(raft);
    raft->truncating_to = log->truncate_due;
    raft_log_truncation_taken(log);
    effect->type = RAFT_EFFECT_TRUNCATE;
    effect->last.index = raft->truncating_to;
    effect->generation = log->generation;
    return true;
}

static bool persist_entries(struct raft *raft, struct raft_effect *effect)
{
    struct raft_log *log = raft->log;
    raft_index last = raft_log_last_index(log);
    /* No entry is on disk with a term that the hard state does not know: recovery relies on it. */
    if (raft->disk_full || log->stored.index == last ||
        raft->state_durable != raft->state.sequence) {
        return false;
    }
    raft_index first = log->stored.index + 1;
    raft_index end = first;
    size_t size = 0;
    while (end <= last && end - first < raft->options.batch_entries_max) {
        size += raft_log_peek(log, end)->size;
        if (end > first && size > raft->options.batch_size_max) {
            break;
        }
        end++;
    }
    occupy_storage(raft);
    effect->type = RAFT_EFFECT_PERSIST_ENTRIES;
    effect->first = first;
    effect->last = raft_log_peek(log, end - 1)->id;
    effect->generation = log->generation;
    raft_log_stored(log, effect->last);
    return true;
}

/* A damaged entry whose payload has come from another node. */
static bool repair(struct raft *raft, struct raft_effect *effect)
{
    const struct raft_entry *entry = raft_log_repair_next(raft->log);
    if (entry == NULL) {
        return false;
    }
    assert(entry->id.index <= raft->log->durable.index);
    occupy_storage(raft);
    effect->type = RAFT_EFFECT_REPAIR;
    effect->last = entry->id;
    return true;
}

static bool use_storage(struct raft *raft, struct raft_effect *effect)
{
    if (raft->storage_busy || raft->storage_blocked) {
        return false;
    }
    if (reset(raft, effect) || truncate(raft, effect)) {
        return true;
    }
    if (raft->probe_due) {
        raft->probe_due = false;
        occupy_storage(raft);
        effect->type = RAFT_EFFECT_PROBE;
        return true;
    }
    if (raft->compact_due) {
        raft->compact_due = false;
        occupy_storage(raft);
        effect->type = RAFT_EFFECT_COMPACT;
        effect->last = raft->log->base;
        return true;
    }
    return repair(raft, effect) || persist_entries(raft, effect);
}

/* What a node says of itself with each answer to the leader. */
static uint32_t own_flags(const struct raft *raft, enum raft_message_type type)
{
    if (type != RAFT_MESSAGE_APPEND_REP && type != RAFT_MESSAGE_INSTALL_REP) {
        return 0;
    }
    return raft_loss_flags(raft, type) | (raft->is_witness ? RAFT_FLAG_WITNESS : 0);
}

static void answer(struct raft *raft, struct raft_effect *effect, enum raft_message_type type,
                   raft_node_id to, struct raft_reply *reply)
{
    reply->due = false;
    effect->type = RAFT_EFFECT_SEND;
    effect->after_sequence = raft->state.sequence;
    effect->message = (struct raft_message){
        .memory = raft->memory,
        .type = type,
        .from = raft->options.id,
        .to = to,
        .flags = reply->flags | own_flags(raft, type),
        .term = reply->term,
        .id = reply->id,
        .hint = reply->hint,
        .offset = reply->offset,
        .total = reply->total,
    };
    if (type == RAFT_MESSAGE_APPEND_REP) {
        effect->message.round = raft->read_round;
    }
    if (type == RAFT_MESSAGE_APPEND_REP && (reply->flags & RAFT_FLAG_SUCCESS)) {
        effect->after_index = reply->id.index;
    }
}

static void ask(struct raft *raft, struct raft_effect *effect, struct raft_peer *peer)
{
    peer->ballot_due = false;
    bool is_real = raft->role == RAFT_CANDIDATE;
    effect->type = RAFT_EFFECT_SEND;
    effect->after_sequence = raft->state.sequence;
    effect->message = (struct raft_message){
        .memory = raft->memory,
        .type = is_real ? RAFT_MESSAGE_VOTE_REQ : RAFT_MESSAGE_PREVOTE_REQ,
        .flags = raft->campaigns_by_transfer ? RAFT_FLAG_TRANSFER : 0,
        .from = raft->options.id,
        .to = peer->id,
        .term = raft->state.term + (is_real ? 0 : 1),
        .id = raft_log_last(raft->log),
    };
}

/* Asks the target of a transfer to take over. */
static void tell(struct raft *raft, struct raft_effect *effect, struct raft_peer *peer)
{
    peer->timeout_now_due = false;
    effect->type = RAFT_EFFECT_SEND;
    effect->after_sequence = raft->state.sequence;
    effect->message = (struct raft_message){
        .memory = raft->memory,
        .type = RAFT_MESSAGE_TIMEOUT_NOW,
        .from = raft->options.id,
        .to = peer->id,
        .term = raft->state.term,
    };
}

static bool speak(struct raft *raft, struct raft_effect *effect)
{
    for (uint32_t i = 0; i < raft->peer_count; i++) {
        struct raft_peer *peer = &raft->peers[i];
        if (peer->prevote_reply.due) {
            answer(raft, effect, RAFT_MESSAGE_PREVOTE_REP, peer->id, &peer->prevote_reply);
        } else if (peer->vote_reply.due) {
            answer(raft, effect, RAFT_MESSAGE_VOTE_REP, peer->id, &peer->vote_reply);
        } else if (peer->append_reply.due) {
            answer(raft, effect, RAFT_MESSAGE_APPEND_REP, peer->id, &peer->append_reply);
        } else if (peer->install_reply.due) {
            answer(raft, effect, RAFT_MESSAGE_INSTALL_REP, peer->id, &peer->install_reply);
        } else if (peer->timeout_now_due) {
            tell(raft, effect, peer);
        } else if (peer->ballot_due) {
            ask(raft, effect, peer);
        } else {
            continue;
        }
        return true;
    }
    return false;
}

static enum raft_status append_noop(struct raft *raft, struct raft_effect *effect)
{
    struct raft_entry *entry = NULL;
    enum raft_status status = raft_entry_create(raft->memory, RAFT_AT_LEADER_NOOP_ALLOC,
                                                RAFT_ENTRY_NOOP, 0, RAFT_HOLDER_MESSAGE, &entry);
    if (status != RAFT_OK) {
        return status;
    }
    status = raft_log_reserve(raft->log, 1);
    if (status != RAFT_OK) {
        goto out;
    }
    /* Nothing below can fail. */
    entry->id = (struct raft_entry_id){raft->state.term, raft_log_last_index(raft->log) + 1};
    raft_log_append(raft->log, entry);
    raft->noop_due = false;
    effect->type = RAFT_EFFECT_AGAIN;
    for (uint32_t i = 0; i < raft->peer_count; i++) {
        raft->peers[i].append_due = true;
    }
out:
    raft_entry_drop(entry, RAFT_HOLDER_MESSAGE);
    return status;
}

static bool apply_is_due(const struct raft *raft)
{
    return raft->applying == raft->applied && raft->applied < raft->commit &&
           !raft->apply_blocked && !raft_is_restoring(raft) && !raft->is_blank;
}

/* A witness has no state machine: what is committed needs nothing more. */
static bool witness_apply(struct raft *raft, struct raft_effect *effect)
{
    if (!raft->is_witness || !apply_is_due(raft)) {
        return false;
    }
    raft->applied = raft->commit;
    raft->applying = raft->commit;
    raft_compact(raft);
    effect->type = RAFT_EFFECT_AGAIN;
    return true;
}

static enum raft_status apply(struct raft *raft, struct raft_effect *effect)
{
    raft_index count = raft->commit - raft->applied;
    if (count > raft->options.batch_entries_max) {
        count = raft->options.batch_entries_max;
    }
    struct raft_entry **entries = raft->memory->alloc(raft->memory->ctx, RAFT_AT_APPLY_BATCH_ALLOC,
                                                      (size_t)count * sizeof entries[0]);
    if (entries == NULL) {
        return RAFT_NOMEM;
    }
    enum raft_status status = RAFT_OK;
    uint32_t taken = 0;
    while (taken < count && status == RAFT_OK) {
        status =
            raft_log_get(raft->log, raft->applied + 1 + taken, RAFT_HOLDER_APPLY, &entries[taken]);
        taken += status == RAFT_OK;
    }
    if (status != RAFT_OK) {
        goto out;
    }
    /* Nothing below can fail. */
    raft->applying = raft->applied + count;
    effect->type = RAFT_EFFECT_APPLY;
    effect->last = entries[count - 1]->id;
    effect->entries = entries;
    effect->entry_count = taken;
    entries = NULL;
out:
    for (uint32_t i = 0; entries != NULL && i < taken; i++) {
        raft_entry_drop(entries[i], RAFT_HOLDER_APPLY);
    }
    raft->memory->free(raft->memory->ctx, entries);
    return status;
}

/* Sends to the next peer that is due, in turn; one that fails does not hold up the others. */
static enum raft_status replicate(struct raft *raft, struct raft_effect *effect)
{
    enum raft_status first_failure = RAFT_OK;
    for (uint32_t i = 0; i < raft->peer_count; i++) {
        uint32_t at = (raft->peer_cursor + i) % raft->peer_count;
        struct raft_peer *peer = &raft->peers[at];
        if (!raft_replication_is_due(raft, peer)) {
            continue;
        }
        enum raft_status status = raft_replication_send(raft, peer, effect);
        if (effect->type != RAFT_EFFECT_NONE) {
            raft->peer_cursor = (at + 1) % raft->peer_count;
            return RAFT_OK;
        }
        if (first_failure == RAFT_OK) {
            first_failure = status;
        }
    }
    return first_failure;
}

enum raft_status raft_ready(struct raft *raft, struct raft_effect *effect)
{
    *effect = (struct raft_effect){.type = RAFT_EFFECT_NONE};
    if (raft_loss_advance(raft) || raft_change_advance(raft)) {
        effect->type = RAFT_EFFECT_AGAIN;
        return RAFT_OK;
    }
    if (set_timer(raft, effect) || persist_state(raft, effect) ||
        raft_change_report(raft, effect) || witness_apply(raft, effect) || complete(raft, effect) ||
        use_storage(raft, effect) || raft_snapshot_ready(raft, effect) ||
        raft_warm_load(raft, effect)) {
        return RAFT_OK;
    }
    bool may_speak = raft->state_durable == raft->state.sequence;
    if (may_speak && (speak(raft, effect) || raft_repair_speak(raft, effect) ||
                      raft_loss_speak(raft, effect) || raft_install_send(raft, effect))) {
        return RAFT_OK;
    }
    /* What needs memory; a failure of one does not hold up the others. */
    enum raft_status noop = raft->noop_due ? append_noop(raft, effect) : RAFT_OK;
    if (effect->type != RAFT_EFFECT_NONE) {
        return RAFT_OK;
    }
    enum raft_status changed = raft_change_append(raft, effect);
    if (effect->type != RAFT_EFFECT_NONE) {
        return RAFT_OK;
    }
    enum raft_status applied = apply_is_due(raft) ? apply(raft, effect) : RAFT_OK;
    if (effect->type != RAFT_EFFECT_NONE) {
        return RAFT_OK;
    }
    enum raft_status repaired = may_speak ? raft_repair_send(raft, effect) : RAFT_OK;
    if (effect->type != RAFT_EFFECT_NONE) {
        return RAFT_OK;
    }
    enum raft_status sent = may_speak ? replicate(raft, effect) : RAFT_OK;
    if (effect->type != RAFT_EFFECT_NONE) {
        return RAFT_OK;
    }
    if (sent == RAFT_OK) {
        sent = repaired;
    }
    if (noop != RAFT_OK || changed != RAFT_OK) {
        return noop != RAFT_OK ? noop : changed;
    }
    return applied != RAFT_OK ? applied : sent;
}
