/* The leader's side of a snapshot that a follower needs (Raft §7).
 *
 * A follower gets there by refusing a position: its log ends, or differs, before the base of the
 * leader's; or by saying that its state machine is blank (loss.c). So only one that has just
 * answered is sent a snapshot. It waits for its turn, since at most snapshot_installs_max are sent
 * to; then pieces go one by one: a piece is read from the published file, sent, and the next one
 * begins where the follower's answer says. What is lost is read and sent again at a heartbeat. Over
 * all followers one piece is being read, or has been read and not been sent yet.
 *
 * A live install holds up this node's own snapshots, and so its log grows, and other followers wait
 * for their turn. One that goes no further (its follower answers, but its disk is full) gives way
 * after STALLED_TIMEOUTS; if no other snapshot has been taken, it goes on later where it was.
 *
 * A published file that cannot be read is *lost*: nothing of it is sent, and a new snapshot is
 * taken at once. With LOSSES_MAX in a row it is the disk rather than the file: the leader steps
 * down, once, since another one may be able to read its own. Whoever leads all the same goes on
 * trying, but pauses for STALLED_TIMEOUTS before each new snapshot.
 *
 *      INSTALL, waiting --turn--> INSTALL, live --installed, or its log has the base--> PROBE
 *                                      |
 *                                      +-- silent, stalled, or the file is lost --> PROBE
 *
 * Invariants:
 *  1. A live install is of a peer in INSTALL, and there are at most snapshot_installs_max.
 *  2. While one is live the published snapshot stays: no own one is begun.
 *  3. A peer in INSTALL gets heartbeats at position (0, 0), which every log has. */
#include "raft_internal.h"

#include <assert.h>

#define STALLED_TIMEOUTS 4u /* so many times the longest election timeout */
#define LOSSES_MAX       3u

bool raft_install_is_live(const struct raft *raft)
{
    for (uint32_t i = 0; i < raft->peer_count; i++) {
        if (raft->peers[i].install_live) {
            return true;
        }
    }
    return false;
}

static bool is_full(const struct raft *raft)
{
    uint32_t live = 0;
    for (uint32_t i = 0; i < raft->peer_count; i++) {
        live += raft->peers[i].install_live;
    }
    return live >= raft->options.snapshot_installs_max;
}

static void drop_fetched(struct raft *raft)
{
    raft->memory->free(raft->memory->ctx, raft->fetched.bytes);
    raft->fetched.bytes = NULL;
}

void raft_install_begin(struct raft *raft, struct raft_peer *peer)
{
    assert(raft->role == RAFT_LEADER);
    assert(raft->snapshot.id.index > 0);
    raft_become_probe(raft, peer, raft->log->base.index + 1);
    peer->state = RAFT_INSTALL;
    peer->append_due = false;
}

void raft_install_end(struct raft *raft, struct raft_peer *peer)
{
    peer->install_live = false;
    peer->piece_due = false;
    peer->install_offset = 0;
    if (raft->fetched.bytes != NULL && raft->fetched.node == peer->id) {
        drop_fetched(raft);
    }
}

void raft_install_end_all(struct raft *raft)
{
    for (uint32_t i = 0; i < raft->peer_count; i++) {
        raft_install_end(raft, &raft->peers[i]);
    }
    drop_fetched(raft);
}

void raft_install_compacted(struct raft *raft)
{
    if (raft->role != RAFT_LEADER) {
        return;
    }
    raft_index first = raft->log->base.index + 1;
    for (uint32_t i = 0; i < raft->peer_count; i++) {
        struct raft_peer *peer = &raft->peers[i];
        if (peer->next < first && peer->state == RAFT_INSTALL) {
            peer->next = first;
        } else if (peer->next < first) {
            /* Whether it needs the snapshot, its answer to the base will say. */
            raft_become_probe(raft, peer, first);
            peer->append_due = true;
        }
    }
}

/* Whether a piece for the peer is to be read; one that waits gets its turn. */
static bool wants_piece(const struct raft *raft, const struct raft_peer *peer)
{
    if (peer->state != RAFT_INSTALL) {
        return false;
    }
    if (peer->install_live) {
        return peer->piece_due;
    }
    /* A snapshot that is being taken would end an install of the one before it. */
    return !raft->save_busy && !raft->snapshot_is_bad &&
           !raft_exit_taken(raft->memory, RAFT_AT_INSTALL_SEND_THROTTLED, is_full(raft));
}

bool raft_install_fetch(struct raft *raft, struct raft_effect *effect)
{
    if (raft->role != RAFT_LEADER || raft->fetch_busy || raft->fetch_blocked ||
        raft->fetched.bytes != NULL) {
        return false;
    }
    struct raft_peer *peer = NULL;
    for (uint32_t i = 0; i < raft->peer_count && peer == NULL; i++) {
        uint32_t at = (raft->fetch_cursor + i) % raft->peer_count;
        if (wants_piece(raft, &raft->peers[at])) {
            peer = &raft->peers[at];
            raft->fetch_cursor = (at + 1) % raft->peer_count;
        }
    }
    if (peer == NULL) {
        return false;
    }
    if (!peer->install_live) {
        assert(raft->snapshot.id.index >= raft->log->base.index);
        peer->install_live = true;
        peer->install_id = raft->snapshot.id;
        peer->install_offset = 0;
        peer->install_heard_ns = raft->now_ns;
        peer->install_furthest = 0;
        peer->install_moved_ns = raft->now_ns;
    }
    peer->piece_due = false;
    raft->fetch_busy = true;
    raft->fetched = (struct raft_fetched){
        .node = peer->id, .id = peer->install_id, .offset = peer->install_offset};
    effect->type = RAFT_EFFECT_FETCH;
    effect->node = peer->id;
    effect->snapshot.id = peer->install_id;
    effect->frame_only = peer->is_witness;
    effect->offset = peer->install_offset;
    return true;
}

/* The peer that waits for what was read last, or NULL. */
static struct raft_peer *waiting_for_fetched(struct raft *raft)
{
    const struct raft_fetched *fetched = &raft->fetched;
    struct raft_peer *peer = raft_peer_find(raft, fetched->node);
    bool waits = raft->role == RAFT_LEADER && peer != NULL && peer->install_live &&
                 peer->install_id.index == fetched->id.index &&
                 peer->install_id.term == fetched->id.term &&
                 peer->install_offset == fetched->offset;
    return waits ? peer : NULL;
}

bool raft_install_pauses(const struct raft *raft)
{
    raft_time pause = STALLED_TIMEOUTS * raft->options.election_ns_max;
    return raft->snapshot_losses >= LOSSES_MAX && raft->now_ns - raft->snapshot_lost_ns < pause;
}

/* The file cannot be read any more: the install begins anew, after a new snapshot. Or another one
 * has taken its place, and is sent instead. */
static void on_lost(struct raft *raft, struct raft_peer *peer, enum raft_status status)
{
    if (status == RAFT_STALE) {
        /* The follower's next answer would ask again at once. */
        raft->fetch_blocked = true;
    } else {
        raft->snapshot_is_bad = true;
        raft->snapshot_lost_ns = raft->now_ns;
        raft->snapshot_losses += raft->snapshot_losses <= LOSSES_MAX;
    }
    bool is_last = status != RAFT_STALE && raft->snapshot_losses == LOSSES_MAX;
    if (is_last && raft->role == RAFT_LEADER) {
        raft_become_follower(raft, raft->state.term, RAFT_NODE_NONE);
    } else if (peer != NULL) {
        raft_become_probe(raft, peer, raft->log->base.index + 1);
        peer->append_due = true;
    }
}

void raft_on_fetched(struct raft *raft, const struct raft_event *event)
{
    assert(raft->fetch_busy && raft->fetched.bytes == NULL);
    raft->fetch_busy = false;
    struct raft_peer *peer = waiting_for_fetched(raft);
    uint8_t *bytes = event->bytes;
    if (raft_exit_taken(raft->memory, RAFT_AT_INSTALL_FETCH_LOST,
                        event->status == RAFT_CORRUPT || event->status == RAFT_STALE)) {
        on_lost(raft, peer, event->status);
        goto out;
    }
    if (event->status != RAFT_OK) {
        raft->fetch_blocked = true;
        if (peer != NULL) {
            peer->piece_due = true;
        }
        goto out;
    }
    raft->snapshot_losses = 0;
    if (raft_exit_taken(raft->memory, RAFT_AT_INSTALL_FETCH_UNWANTED, peer == NULL)) {
        goto out;
    }
    assert(event->offset == raft->fetched.offset && event->size > 0);
    raft->fetched.total = event->snapshot.size;
    raft->fetched.size = event->size;
    raft->fetched.bytes = bytes;
    bytes = NULL;
out:
    raft->memory->free(raft->memory->ctx, bytes);
}

bool raft_install_send(struct raft *raft, struct raft_effect *effect)
{
    struct raft_fetched *fetched = &raft->fetched;
    if (fetched->bytes == NULL) {
        return false;
    }
    struct raft_peer *peer = raft_peer_find(raft, fetched->node);
    assert(raft->role == RAFT_LEADER && peer != NULL && peer->install_live);
    peer->piece_sent_ns = raft->now_ns;
    effect->type = RAFT_EFFECT_SEND;
    effect->after_sequence = raft->state.sequence;
    effect->message = (struct raft_message){
        .memory = raft->memory,
        .type = RAFT_MESSAGE_INSTALL_REQ,
        .from = raft->options.id,
        .to = peer->id,
        .flags = raft_peer_message_flags(peer),
        .term = raft->state.term,
        .id = fetched->id,
        .commit = raft->commit,
        .offset = fetched->offset,
        .total = fetched->total,
        .bytes = fetched->bytes,
        .size = fetched->size,
    };
    fetched->bytes = NULL;
    return true;
}

/* The follower has the whole snapshot in place. */
static void on_installed(struct raft *raft, struct raft_peer *peer)
{
    if (peer->match < peer->install_id.index) {
        peer->match = peer->install_id.index;
    }
    peer->blank_base = 0;
    raft_become_probe(raft, peer, peer->match + 1);
    peer->append_due = true;
    raft_advance_commit(raft);
    raft_transfer_advance(raft);
}

enum raft_status raft_on_install_rep(struct raft *raft, struct raft_peer *peer,
                                     const struct raft_message *message)
{
    assert(message->term == raft->state.term);
    if (raft_exit_taken(raft->memory, RAFT_AT_INSTALL_REPLY_NOT_LEADER,
                        raft->role != RAFT_LEADER)) {
        return RAFT_NOT_LEADER;
    }
    if (raft_exit_taken(raft->memory, RAFT_AT_INSTALL_REPLY_KIND,
                        !raft_is_of_this_kind(peer, message))) {
        return RAFT_INVALID;
    }
    /* Nothing below can fail. */
    peer->active = true;
    raft_loss_hear(raft, peer, message);
    bool is_about_it = peer->install_live && message->id.index == peer->install_id.index &&
                       message->id.term == peer->install_id.term;
    /* A follower goes forward, or begins again. */
    bool is_overtaken = message->offset > 0 && message->offset < peer->install_offset;
    if (raft_exit_taken(raft->memory, RAFT_AT_INSTALL_REPLY_OLD, !is_about_it || is_overtaken)) {
        return RAFT_OK;
    }
    peer->install_heard_ns = raft->now_ns;
    if (message->total > 0 && message->offset == message->total) {
        on_installed(raft, peer);
        return RAFT_OK;
    }
    if (message->offset > peer->install_furthest) {
        peer->install_furthest = message->offset;
        peer->install_moved_ns = raft->now_ns;
    }
    /* An answer that says nothing new may be a repeated one; what was lost is repeated at a
     * heartbeat. */
    if (message->offset != peer->install_offset) {
        peer->install_offset = message->offset;
        peer->piece_due = (message->flags & RAFT_FLAG_BUSY) == 0;
    }
    return RAFT_OK;
}

/* A follower that fails at a piece again and again moves back and forth: that is no progress. */
static bool gives_way(const struct raft *raft, const struct raft_peer *peer)
{
    assert(peer->install_live && peer->install_moved_ns <= peer->install_heard_ns);
    raft_time silence = raft->now_ns - peer->install_heard_ns;
    raft_time stall = raft->now_ns - peer->install_moved_ns;
    return silence >= raft->options.election_ns_max ||
           stall / STALLED_TIMEOUTS >= raft->options.election_ns_max;
}

void raft_install_heartbeat(struct raft *raft)
{
    assert(raft->role == RAFT_LEADER);
    for (uint32_t i = 0; i < raft->peer_count; i++) {
        struct raft_peer *peer = &raft->peers[i];
        if (!peer->install_live) {
            continue;
        }
        if (raft_exit_taken(raft->memory, RAFT_AT_INSTALL_SEND_SILENT, gives_way(raft, peer))) {
            raft_become_probe(raft, peer, raft->log->base.index + 1);
            continue;
        }
        bool is_at_hand =
            (raft->fetch_busy || raft->fetched.bytes != NULL) && raft->fetched.node == peer->id;
        if (!is_at_hand && raft->now_ns - peer->piece_sent_ns >= raft->options.heartbeat_ns) {
            peer->piece_due = true;
        }
    }
}
