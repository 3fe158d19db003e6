/* The leader's side of replication (Raft §5.3, §5.4.2; pipelining: dissertation §10.2.1).
 *
 * Progress of a follower:
 *
 *      PROBE: one append at a time, to find where the logs agree
 *        |  the probed position matched        ^  a position was refused, or the follower was busy
 *        v                                     |
 *      REPLICATE: up to a window of appends without waiting for answers
 *
 * A position that is refused before the base of the log leads to INSTALL instead (install.c), and
 * from there back to PROBE.
 *
 * Invariants:
 *  1. match only grows during a term: answers arrive late and twice. But a follower that has lost
 *     entries has acknowledged nothing (loss.c).
 *  2. Commit moves only to an entry of the current term (Raft §5.4.2), counted by what is durable,
 *     the leader's own disk included.
 *  3. Every entry that prepare_entry took is in the message or given back. */
#include "raft_internal.h"

#include <assert.h>

static void inflight_add(struct raft_peer *peer, raft_index last)
{
    assert(peer->inflight_count < RAFT_WINDOW_MAX);
    peer->inflight[(peer->inflight_first + peer->inflight_count) % RAFT_WINDOW_MAX] = last;
    peer->inflight_count++;
}

static void inflight_free(struct raft_peer *peer, raft_index match)
{
    while (peer->inflight_count > 0 && peer->inflight[peer->inflight_first] <= match) {
        peer->inflight_first = (peer->inflight_first + 1) % RAFT_WINDOW_MAX;
        peer->inflight_count--;
    }
}

void raft_become_probe(struct raft *raft, struct raft_peer *peer, raft_index next)
{
    raft_index base = raft->log->base.index;
    raft_install_end(raft, peer);
    peer->state = RAFT_PROBE;
    peer->next = next > peer->match ? next : peer->match + 1;
    if (peer->next <= base) {
        peer->next = base + 1;
    }
    peer->inflight_first = 0;
    peer->inflight_count = 0;
    peer->probe_sent = false;
}

void raft_progress_reset(struct raft *raft, struct raft_peer *peer)
{
    peer->state = RAFT_PROBE;
    peer->match = 0;
    peer->next = raft_log_last_index(raft->log) + 1;
    peer->inflight_first = 0;
    peer->inflight_count = 0;
    peer->probe_sent = false;
    peer->read_only = false;
    peer->read_echo = 0;
    peer->active = true;
    peer->append_due = true;
    peer->heartbeat_due = true;
}

static void mark_append_due(struct raft *raft)
{
    for (uint32_t i = 0; i < raft->peer_count; i++) {
        raft->peers[i].append_due = true;
    }
}

static uint64_t match_of(const struct raft_peer *peer)
{
    return peer->match;
}

void raft_advance_commit(struct raft *raft)
{
    raft_index index = raft_agreed(raft, raft_log_durable(raft->log).index, match_of);
    if (index <= raft->commit) {
        return;
    }
    raft_term term = 0;
    enum raft_status status = raft_log_term(raft->log, index, &term);
    if (raft_exit_taken(raft->memory, RAFT_AT_COMMIT_OLD_TERM,
                        status != RAFT_OK || term != raft->state.term)) {
        return;
    }
    raft->commit = index;
    /* Followers learn of it at once, so that they apply without waiting for a heartbeat. */
    for (uint32_t i = 0; i < raft->peer_count; i++) {
        raft->peers[i].heartbeat_due = true;
    }
}

static void on_refused(struct raft *raft, struct raft_peer *peer,
                       const struct raft_message *message)
{
    raft_index base = raft->log->base.index;
    if (message->hint.index < base || message->id.index <= base) {
        raft_install_begin(raft, peer);
        return;
    }
    struct raft_entry_id agree = raft_log_hint(raft->log, message->hint);
    raft_index next = agree.index + 1 < message->id.index ? agree.index + 1 : message->id.index;
    raft_become_probe(raft, peer, next);
    peer->append_due = true;
}

static void on_matched(struct raft *raft, struct raft_peer *peer,
                       const struct raft_message *message)
{
    bool confirms_probe = message->id.index + 1 >= peer->next;
    if (message->id.index > peer->match) {
        peer->match = message->id.index;
    }
    if (peer->next <= peer->match) {
        peer->next = peer->match + 1;
    }
    inflight_free(peer, peer->match);
    raft_advance_commit(raft);
    raft_transfer_advance(raft);
    if (peer->state == RAFT_INSTALL) {
        if (message->id.index < raft->log->base.index || peer->blank_base > 0) {
            return;
        }
        /* It has what it needs: by other ways, or the answer to the last piece was lost. */
        raft_become_probe(raft, peer, peer->match + 1);
    }
    if (message->flags & RAFT_FLAG_BUSY) {
        raft_become_probe(raft, peer, peer->match + 1);
        peer->probe_sent = true;
        return;
    }
    /* An old answer says nothing about the probe; trusting it would send a window of entries for
     * every message that the network has reordered. */
    if (peer->state == RAFT_PROBE && confirms_probe) {
        peer->state = RAFT_REPLICATE;
        peer->probe_sent = false;
    }
    if (peer->blank_base > 0 && peer->blank_base <= raft->snapshot.id.index) {
        raft_install_begin(raft, peer);
    } else if (peer->next <= raft_log_last_index(raft->log)) {
        peer->append_due = true;
    }
}

enum raft_status raft_on_append_rep(struct raft *raft, struct raft_peer *peer,
                                    const struct raft_message *message)
{
    assert(message->term == raft->state.term);
    if (raft_exit_taken(raft->memory, RAFT_AT_APPEND_REPLY_NOT_LEADER, raft->role != RAFT_LEADER)) {
        return RAFT_NOT_LEADER;
    }
    if (raft_exit_taken(raft->memory, RAFT_AT_APPEND_REPLY_KIND,
                        !raft_is_of_this_kind(peer, message))) {
        return RAFT_INVALID;
    }
    bool is_success = (message->flags & RAFT_FLAG_SUCCESS) != 0;
    /* What is compacted is committed, and agrees with every follower's log. */
    bool is_compacted = message->id.index < raft->log->base.index;
    if (raft_exit_taken(raft->memory, RAFT_AT_APPEND_REPLY_BEYOND,
                        is_success && !is_compacted && !raft_log_matches(raft->log, message->id))) {
        return RAFT_INVALID;
    }
    /* Nothing below can fail. */
    peer->active = true;
    raft_loss_hear(raft, peer, message);
    if (message->round > peer->read_echo && message->round <= raft->read_round) {
        peer->read_echo = message->round;
        raft_read_confirm(raft);
    }
    bool was_read_only = peer->read_only;
    peer->read_only = (message->flags & RAFT_FLAG_READ_ONLY) != 0;
    if (was_read_only && !peer->read_only) {
        peer->append_due = true;
    }
    if (is_success) {
        on_matched(raft, peer, message);
        return RAFT_OK;
    }
    if ((message->flags & RAFT_FLAG_LOST) != 0) {
        peer->match = 0;
    }
    /* An old refusal says nothing any more: the follower has matched since, or another position is
     * being probed. But what a follower has acknowledged may be damaged since; it asks for that
     * entry by itself, and needs the snapshot if nobody has it any more. */
    bool has_lost =
        (message->flags & RAFT_FLAG_DAMAGED) != 0 && message->hint.index < raft->log->base.index;
    bool is_old = (message->id.index <= peer->match && !has_lost) || peer->state == RAFT_INSTALL ||
                  (peer->state == RAFT_PROBE && message->id.index != peer->next - 1);
    if (!raft_exit_taken(raft->memory, RAFT_AT_APPEND_REPLY_OLD, is_old)) {
        on_refused(raft, peer, message);
    }
    return RAFT_OK;
}

enum raft_status raft_on_heartbeat_timeout(struct raft *raft)
{
    assert(raft->role == RAFT_LEADER);
    /* A leader whose disk does not answer makes way for one whose disk does. */
    if (raft_exit_taken(raft->memory, RAFT_AT_LEADER_DISK_STALLED,
                        raft->storage_busy && raft->now_ns - raft->storage_busy_since_ns >=
                                                  raft->options.election_ns_min)) {
        raft_become_follower(raft, raft->state.term, RAFT_NODE_NONE);
        return RAFT_OK;
    }
    raft_advance_commit(raft);
    raft_transfer_advance(raft);
    raft_round_begin(raft);
    raft_read_confirm(raft);
    raft_install_heartbeat(raft);
    for (uint32_t i = 0; i < raft->peer_count; i++) {
        raft->peers[i].heartbeat_due = true;
        raft->peers[i].probe_sent = false;
    }
    raft_change_on_heartbeat(raft);
    raft->heartbeat_deadline_ns = raft->now_ns + raft->options.heartbeat_ns;
    raft->timers_due[RAFT_TIMER_HEARTBEAT] = raft->heartbeat_deadline_ns;
    return RAFT_OK;
}

enum raft_status raft_propose(struct raft *raft, struct raft_entry *entry)
{
    if (raft_exit_taken(raft->memory, RAFT_AT_PROPOSE_NOT_LEADER, raft->role != RAFT_LEADER)) {
        return RAFT_NOT_LEADER;
    }
    if (raft_exit_taken(raft->memory, RAFT_AT_PROPOSE_READONLY,
                        raft->read_only && entry->kind == RAFT_ENTRY_COMMAND)) {
        return RAFT_READONLY;
    }
    /* A leader's first entry is its own (Raft §8). */
    if (raft_exit_taken(raft->memory, RAFT_AT_PROPOSE_EARLY, raft->noop_due)) {
        return RAFT_BUSY;
    }
    if (raft_exit_taken(raft->memory, RAFT_AT_PROPOSE_TRANSFERRING,
                        raft->transfer_target != RAFT_NODE_NONE)) {
        return RAFT_BUSY;
    }
    enum raft_status status = raft_log_reserve(raft->log, 1);
    if (status != RAFT_OK) {
        return status;
    }
    /* Nothing below can fail. */
    entry->id = (struct raft_entry_id){raft->state.term, raft_log_last_index(raft->log) + 1};
    raft_log_append(raft->log, entry);
    mark_append_due(raft);
    return RAFT_OK;
}

static bool may_append(const struct raft *raft, const struct raft_peer *peer)
{
    bool has_room =
        peer->state == RAFT_PROBE || peer->inflight_count < raft->options.window_messages_max;
    return peer->state != RAFT_INSTALL && !peer->probe_sent && has_room;
}

bool raft_replication_is_due(const struct raft *raft, const struct raft_peer *peer)
{
    if (raft->role != RAFT_LEADER || peer->kind == RAFT_PEER_STRANGER) {
        return false;
    }
    if (peer->heartbeat_due) {
        return true;
    }
    return peer->append_due && may_append(raft, peer) && !raft_replication_waits(raft, peer);
}

bool raft_replication_waits(const struct raft *raft, const struct raft_peer *peer)
{
    return raft->role == RAFT_LEADER && peer->kind != RAFT_PEER_STRANGER && peer->append_due &&
           peer->state == RAFT_REPLICATE && may_append(raft, peer) &&
           raft_warm_lacks(raft, peer->next);
}

/* Takes the entry at an index into the message. RAFT_FULL, RAFT_READONLY, and what raft_log_get
 * returns; then the message is as it was. */
static enum raft_status prepare_entry(const struct raft *raft, const struct raft_peer *peer,
                                      raft_index index, size_t *size, struct raft_message *message)
{
    struct raft_entry *entry = NULL;
    enum raft_status status = raft_log_get(raft->log, index, RAFT_HOLDER_REPLICATION, &entry);
    if (status == RAFT_COLD) {
        entry = raft_warm_get(raft, index, RAFT_HOLDER_REPLICATION);
        status = entry != NULL ? RAFT_OK : status;
    }
    if (status != RAFT_OK) {
        goto out;
    }
    assert(!entry->damaged); /* a leader has none */
    uint32_t payload_size = raft_message_payload_size(message, entry);
    if (raft_exit_taken(raft->memory, RAFT_AT_REPLICATION_PREPARE_FULL,
                        message->entry_count > 0 &&
                            *size + payload_size > raft->options.batch_size_max)) {
        status = RAFT_FULL;
        goto out;
    }
    if (raft_exit_taken(raft->memory, RAFT_AT_REPLICATION_PREPARE_READONLY,
                        peer->read_only && entry->kind == RAFT_ENTRY_COMMAND)) {
        status = RAFT_READONLY;
        goto out;
    }
    *size += payload_size;
    message->entries[message->entry_count++] = entry;
    entry = NULL;
out:
    if (entry != NULL) {
        raft_entry_drop(entry, RAFT_HOLDER_REPLICATION);
    }
    return status;
}

/* Fills a message with as many entries as its bounds and the follower allow. */
static enum raft_status prepare_entries(struct raft *raft, const struct raft_peer *peer,
                                        struct raft_message *message)
{
    raft_index last = raft_log_last_index(raft->log);
    if (peer->next > last) {
        return RAFT_OK;
    }
    raft_index count = last - peer->next + 1;
    if (count > raft->options.batch_entries_max) {
        count = raft->options.batch_entries_max;
    }
    message->entries = raft->memory->alloc(raft->memory->ctx, RAFT_AT_REPLICATION_MESSAGE_ALLOC,
                                           (size_t)count * sizeof message->entries[0]);
    if (message->entries == NULL) {
        return RAFT_NOMEM;
    }
    message->entry_capacity = (uint32_t)count;
    size_t size = 0;
    for (raft_index index = peer->next; index < peer->next + count; index++) {
        if (prepare_entry(raft, peer, index, &size, message) != RAFT_OK) {
            /* What has been prepared is sent; the rest waits for the next occasion. */
            break;
        }
    }
    return RAFT_OK;
}

enum raft_status raft_replication_send(struct raft *raft, struct raft_peer *peer,
                                       struct raft_effect *effect)
{
    /* What has left memory is read for a follower that has answered the probe: not for one that may
     * be gone. */
    bool is_cold = raft_warm_lacks(raft, peer->next);
    bool probes = peer->state == RAFT_PROBE && may_append(raft, peer);
    bool takes_entries = may_append(raft, peer) && !is_cold;
    struct raft_message message = {
        .memory = raft->memory,
        .type = RAFT_MESSAGE_APPEND_REQ,
        .from = raft->options.id,
        .to = peer->id,
        .flags = raft_peer_message_flags(peer),
        .term = raft->state.term,
        .commit = raft->commit,
        .round = raft->read_round,
        .holder = RAFT_HOLDER_REPLICATION,
    };
    enum raft_status status = RAFT_OK;
    if (peer->state == RAFT_INSTALL) {
        /* Its log is not known to have any position but the one before all. */
        message.commit = 0;
    } else {
        message.id.index = peer->next - 1;
        status = raft_log_term(raft->log, message.id.index, &message.id.term);
        if (status != RAFT_OK) {
            return status;
        }
    }
    if (takes_entries) {
        status = prepare_entries(raft, peer, &message);
        if (status != RAFT_OK && !peer->heartbeat_due) {
            return status;
        }
        takes_entries = status == RAFT_OK;
    }
    /* Nothing below can fail. Without memory for entries a heartbeat leaves, and the entries are
     * due. */
    bool is_needed = message.entry_count > 0 || peer->heartbeat_due || (is_cold && probes);
    peer->append_due = status != RAFT_OK || (peer->append_due && !takes_entries);
    if (!is_needed) {
        raft_message_release(&message);
        return RAFT_OK;
    }
    peer->heartbeat_due = false;
    if (peer->state == RAFT_PROBE) {
        peer->probe_sent = peer->probe_sent || takes_entries || (is_cold && probes);
    } else if (message.entry_count > 0) {
        peer->next += message.entry_count;
        inflight_add(peer, peer->next - 1);
        peer->append_due = peer->next <= raft_log_last_index(raft->log);
    }
    effect->type = RAFT_EFFECT_SEND;
    effect->message = message;
    effect->after_sequence = raft->state.sequence;
    return RAFT_OK;
}
