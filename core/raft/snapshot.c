/* Snapshots of this node: taking them, compacting the log behind them, and putting in place one
 * that comes from the leader (Raft §7). Sending them is install.c's.
 *
 * The *published* snapshot is the one whose file is durable and was read back. The log keeps
 * snapshot_trailing entries before it, for followers that are a little behind.
 *
 * A snapshot that comes (what it is called in code: receive):
 *
 *      NONE --first piece--> RECEIVING --last piece--> PUBLISHED --no batch is out--> RESTORING
 *       ^                        | failed, abandoned       | overtaken by commit         |
 *       +------------------------+-------------------------+                             |
 *       ^                                                                                |
 *       +--------------------------- RESETTING <-----------------------------------------+
 *       +-----------------------------------------------------(the log has its position)-+
 *
 * One piece at a time is written; others that arrive meanwhile are dropped and answered BUSY, so
 * that the leader knows that this node is alive. A receive whose leader is gone, or that commit has
 * overtaken, is abandoned: it is left as it is and holds nothing up.
 *
 * Invariants:
 *  1. The base of the log is at or before the published snapshot and what is applied.
 *  2. Nothing is written with a term that the durable hard state does not know.
 *  3. An installed snapshot is acknowledged when it is published, in the state machine, and the log
 *     that began elsewhere has durably been emptied.
 *  4. A log that has the snapshot's position is kept: what lies behind it may be committed. */
#include "raft_internal.h"

#include <assert.h>

static bool state_is_durable(const struct raft *raft)
{
    return raft->state_durable == raft->state.sequence;
}

static bool is_same(struct raft_entry_id a, struct raft_entry_id b)
{
    return a.term == b.term && a.index == b.index;
}

/* Whether a snapshot has what the state machine needs. A blank one needs what its log lacks. */
static bool is_news(const struct raft *raft, struct raft_entry_id id)
{
    return raft->is_blank ? id.index >= raft->log->base.index : id.index > raft->commit;
}

bool raft_is_installing(const struct raft *raft)
{
    const struct raft_receive *receive = &raft->receive;
    if (receive->stage != RAFT_RECEIVING || receive->busy) {
        return receive->stage != RAFT_RECEIVE_NONE;
    }
    return receive->from == raft->leader && is_news(raft, receive->id);
}

static void drop_receive(struct raft *raft)
{
    assert(!raft->receive.busy);
    raft->memory->free(raft->memory->ctx, raft->receive.bytes);
    raft->receive = (struct raft_receive){.stage = RAFT_RECEIVE_NONE};
}

/* Own snapshots. */

/* A node that joined knows of no configuration before the first one in its log; whoever began from
 * a snapshot without one would forget the one that it has. */
static bool knows_members(const struct raft *raft)
{
    if (raft->base_configuration.count > 0) {
        return true;
    }
    struct raft_configuration configuration;
    raft_index index = 0;
    raft_members_at(raft, raft->applied, &configuration, &index);
    return configuration.count > 0;
}

static bool save_is_due(const struct raft *raft)
{
    raft_index newest = raft->snapshot.id.index;
    uint32_t threshold = raft->options.snapshot_threshold;
    /* What is lost behind the state machine's back is in its state; other damage is not. */
    bool is_damaged = raft->applied >= raft->log->first_damaged && raft->log->lost == 0;
    if (raft->save_busy || raft->save_blocked || raft->applied < newest || raft->applied == 0 ||
        is_damaged || !state_is_durable(raft) || raft_is_installing(raft) ||
        raft_install_is_live(raft) || raft->is_blank) {
        return false;
    }
    /* A snapshot makes up for what is lost, whoever has a copy of it. */
    bool is_wanted = raft->save_due || (raft->snapshot_is_bad && !raft_install_pauses(raft)) ||
                     raft->log->lost > newest ||
                     (threshold > 0 && raft->applied - newest >= threshold) ||
                     raft_loss_needs_snapshot(raft);
    return is_wanted && knows_members(raft);
}

static bool save(struct raft *raft, struct raft_effect *effect)
{
    if (!save_is_due(raft)) {
        return false;
    }
    raft_term term = 0;
    enum raft_status status = raft_log_term(raft->log, raft->applied, &term);
    assert(status == RAFT_OK);
    drop_receive(raft);
    raft->save_busy = true;
    effect->type = RAFT_EFFECT_SAVE;
    effect->snapshot = (struct raft_snapshot){.id = {term, raft->applied}};
    raft_members_at(raft, raft->applied, &effect->snapshot.configuration,
                    &effect->snapshot.configuration_index);
    assert(effect->snapshot.configuration.count > 0);
    return true;
}

enum raft_status raft_snapshot_request(struct raft *raft)
{
    if (raft_exit_taken(raft->memory, RAFT_AT_SNAPSHOT_REQUEST_BUSY,
                        raft->save_busy || raft_is_installing(raft) ||
                            raft_install_is_live(raft))) {
        return RAFT_BUSY;
    }
    raft->save_due = raft->save_due || raft->applied > raft->snapshot.id.index;
    return RAFT_OK;
}

void raft_compact(struct raft *raft)
{
    struct raft_log *log = raft->log;
    raft_index newest = raft->snapshot.id.index;
    raft_index trailing = raft->options.snapshot_trailing;
    raft_index base = newest > trailing ? newest - trailing : 0;
    /* What is not applied is still needed, and what is not durable is not in a segment yet. */
    if (base > log->durable.index) {
        base = log->durable.index;
    }
    if (base > raft->applied) {
        base = raft->applied;
    }
    if (log->first_damaged <= newest) {
        /* The snapshot makes up for what is damaged; the log then begins behind it, whole. */
        base = newest <= raft->applied && newest <= log->durable.index ? newest : 0;
    }
    if (base <= log->base.index) {
        return;
    }
    raft_term term = 0;
    enum raft_status status = raft_log_term(log, base, &term);
    assert(status == RAFT_OK);
    /* A damaged entry does not tell its configuration, the snapshot does. */
    struct raft_configuration configuration = raft->snapshot.configuration;
    raft_index index = raft->snapshot.configuration_index;
    if (base < newest) {
        raft_members_at(raft, base, &configuration, &index);
    }
    raft_log_compact(log, (struct raft_entry_id){term, base});
    raft_members_base(raft, &configuration, index);
    if (raft->configuration_index < index && !raft->configuration_by_hand) {
        /* Its entry was damaged, and the one before stood in. */
        raft_members_restore(raft);
    }
    raft->compact_due = true;
    raft_install_compacted(raft);
}

static void publish(struct raft *raft, const struct raft_snapshot *snapshot)
{
    assert(snapshot->id.index >= raft->snapshot.id.index);
    raft->snapshot = *snapshot;
    raft->snapshot_is_bad = false;
    raft->save_due = false;
}

void raft_on_saved(struct raft *raft, const struct raft_event *event)
{
    assert(raft->save_busy && !raft_install_is_live(raft));
    raft->save_busy = false;
    if (event->status != RAFT_OK) {
        /* The one before it and the log are as they were; it is tried again after a pause. */
        raft->save_blocked = true;
        return;
    }
    publish(raft, &event->snapshot);
    raft_compact(raft);
}

/* Snapshots from the leader. */

static void owe(struct raft *raft, struct raft_peer *peer, uint32_t flags, struct raft_entry_id id,
                uint64_t offset, uint64_t total)
{
    assert(offset <= total);
    peer->install_reply = (struct raft_reply){
        .due = true,
        .flags = flags,
        .term = raft->state.term,
        .id = id,
        .offset = offset,
        .total = total,
    };
}

/* Answers the sender of what is received, if it still leads. */
static void owe_sender(struct raft *raft, uint32_t flags, uint64_t offset)
{
    const struct raft_receive *receive = &raft->receive;
    struct raft_peer *peer = raft_peer_find(raft, receive->from);
    if (peer != NULL && raft->leader == peer->id) {
        owe(raft, peer, flags, receive->id, offset, receive->total);
    }
}

/* Whether a snapshot is not needed, since all that is in it is here, and durable. */
static bool is_covered(const struct raft *raft, struct raft_entry_id id)
{
    return id.index <= raft->snapshot.id.index ||
           (!raft->is_blank && id.index <= raft_log_durable(raft->log).index);
}

/* Whether a piece belongs to the snapshot that is being received. Another leader's file of the same
 * id may have other bytes. */
static bool continues(const struct raft *raft, const struct raft_message *message)
{
    const struct raft_receive *receive = &raft->receive;
    return raft_is_installing(raft) && receive->from == message->from &&
           is_same(receive->id, message->id) && receive->total == message->total;
}

/* Takes the piece out of the message. */
static void take_piece(struct raft *raft, struct raft_message *message)
{
    struct raft_receive *receive = &raft->receive;
    bool is_next = continues(raft, message);
    if (!is_next) {
        (void)raft_exit_taken(raft->memory, RAFT_AT_INSTALL_RECEIVE_OTHER,
                              receive->stage == RAFT_RECEIVING);
        drop_receive(raft);
        receive->stage = RAFT_RECEIVING;
        receive->from = message->from;
        receive->id = message->id;
        receive->total = message->total;
    }
    assert(receive->bytes == NULL && receive->offset == message->offset);
    receive->bytes = message->bytes;
    receive->size = message->size;
    message->bytes = NULL;
    message->size = 0;
}

enum raft_status raft_on_install_req(struct raft *raft, struct raft_peer *peer,
                                     struct raft_message *message)
{
    const struct raft_receive *receive = &raft->receive;
    if (raft_exit_taken(raft->memory, RAFT_AT_INSTALL_RECEIVE_STALE,
                        message->term < raft->state.term)) {
        owe(raft, peer, 0, message->id, 0, message->total);
        return RAFT_OK;
    }
    if (raft_exit_taken(raft->memory, RAFT_AT_INSTALL_RECEIVE_KIND,
                        !raft_is_for_this_kind(raft, message))) {
        return RAFT_INVALID;
    }
    /* Nothing below can fail. */
    peer = raft_hear_leader(raft, peer, message);
    bool continued = continues(raft, message);
    uint64_t expected = continued ? receive->offset : 0;
    bool is_older = !is_news(raft, message->id);
    if (raft_exit_taken(raft->memory, RAFT_AT_INSTALL_RECEIVE_OLDER, is_older)) {
        bool is_durable = is_covered(raft, message->id);
        owe(raft, peer, is_durable ? RAFT_FLAG_SUCCESS : RAFT_FLAG_BUSY, message->id,
            is_durable ? message->total : 0, message->total);
        return RAFT_OK;
    }
    bool is_busy = raft->save_busy || receive->stage > RAFT_RECEIVING || receive->busy ||
                   (continued && receive->bytes != NULL);
    if (raft_exit_taken(raft->memory, RAFT_AT_INSTALL_RECEIVE_BUSY, is_busy)) {
        /* A file that is complete but not yet in place is not installed. */
        assert(expected < message->total);
        owe(raft, peer, RAFT_FLAG_BUSY, message->id, expected, message->total);
        return RAFT_OK;
    }
    if (raft_exit_taken(raft->memory, RAFT_AT_INSTALL_RECEIVE_ORDER, message->offset != expected)) {
        owe(raft, peer, RAFT_FLAG_SUCCESS, message->id, expected, message->total);
        return RAFT_OK;
    }
    take_piece(raft, message);
    return RAFT_OK;
}

static bool receive(struct raft *raft, struct raft_effect *effect)
{
    struct raft_receive *receive = &raft->receive;
    if (receive->bytes == NULL || raft->save_busy || !state_is_durable(raft) ||
        !raft_is_installing(raft)) {
        return false;
    }
    assert(receive->stage == RAFT_RECEIVING && !receive->busy);
    receive->busy = true;
    effect->type = RAFT_EFFECT_RECEIVE;
    effect->snapshot = (struct raft_snapshot){.id = receive->id, .size = receive->total};
    effect->offset = receive->offset;
    effect->bytes = receive->bytes;
    effect->size = receive->size;
    receive->bytes = NULL;
    return true;
}

void raft_on_received(struct raft *raft, const struct raft_event *event)
{
    struct raft_receive *receive = &raft->receive;
    assert(receive->stage == RAFT_RECEIVING && receive->busy);
    receive->busy = false;
    if (raft_exit_taken(raft->memory, RAFT_AT_INSTALL_RECEIVE_FAILED, event->status != RAFT_OK)) {
        owe_sender(raft, RAFT_FLAG_BUSY, 0);
        drop_receive(raft);
        return;
    }
    assert(event->offset == receive->offset + receive->size);
    if (event->offset < receive->total) {
        receive->offset = event->offset;
        owe_sender(raft, RAFT_FLAG_SUCCESS, receive->offset);
        return;
    }
    assert(is_same(event->snapshot.id, receive->id));
    receive->stage = RAFT_PUBLISHED;
    publish(raft, &event->snapshot);
}

static void end_install(struct raft *raft)
{
    owe_sender(raft, RAFT_FLAG_SUCCESS, raft->receive.total);
    drop_receive(raft);
    raft_compact(raft);
}

static bool restore(struct raft *raft, struct raft_effect *effect)
{
    struct raft_receive *receive = &raft->receive;
    if (receive->stage != RAFT_PUBLISHED) {
        return false;
    }
    if (raft_exit_taken(raft->memory, RAFT_AT_INSTALL_RECEIVE_OVERTAKEN,
                        !is_news(raft, receive->id))) {
        end_install(raft);
        effect->type = RAFT_EFFECT_AGAIN;
        return true;
    }
    if (raft->fetch_busy || raft->fetch_blocked || raft->applying != raft->applied) {
        return false;
    }
    raft->fetch_busy = true;
    receive->stage = RAFT_RESTORING;
    effect->type = RAFT_EFFECT_RESTORE;
    return true;
}

bool raft_is_restoring(const struct raft *raft)
{
    return raft->receive.stage == RAFT_PUBLISHED || raft->receive.stage == RAFT_RESTORING;
}

/* A log that is kept behind a base of which nothing was known: the snapshot tells the configuration
 * there, unless it has that one from an entry behind the base, which is still in the log. */
static void end_blank(struct raft *raft)
{
    const struct raft_snapshot *snapshot = &raft->snapshot;
    assert(raft->applied >= raft->log->base.index);
    raft->is_blank = false;
    if (snapshot->configuration_index <= raft->log->base.index) {
        raft_members_base(raft, &snapshot->configuration, snapshot->configuration_index);
        if (!raft->configuration_by_hand) {
            raft_members_restore(raft);
        }
    }
}

void raft_on_restored(struct raft *raft, const struct raft_event *event)
{
    struct raft_receive *receive = &raft->receive;
    struct raft_entry_id id = receive->id;
    assert(raft->fetch_busy && receive->stage == RAFT_RESTORING);
    assert(raft->applying == raft->applied && raft->applied < id.index);
    raft->fetch_busy = false;
    if (event->status != RAFT_OK) {
        raft->fetch_blocked = true;
        receive->stage = RAFT_PUBLISHED;
        return;
    }
    raft->applied = id.index;
    raft->applying = id.index;
    if (!raft_log_matches(raft->log, id)) {
        assert(raft->commit < id.index && raft->role != RAFT_LEADER);
        raft_log_reset(raft->log, id);
        raft_members_base(raft, &raft->snapshot.configuration, raft->snapshot.configuration_index);
        raft_members_restore(raft);
        raft->compact_due = false;
        receive->stage = RAFT_RESETTING;
    }
    if (raft->commit < id.index) {
        raft->commit = id.index;
    }
    /* What is committed agrees with every later leader. */
    if (raft->verified < id.index) {
        raft->verified = id.index;
    }
    if (raft->is_blank) {
        end_blank(raft);
    }
    if (receive->stage != RAFT_RESETTING) {
        end_install(raft);
    }
}

void raft_on_reset(struct raft *raft)
{
    if (raft->receive.stage == RAFT_RESETTING && !raft->log->reset_due) {
        end_install(raft);
    }
}

bool raft_snapshot_ready(struct raft *raft, struct raft_effect *effect)
{
    return save(raft, effect) || receive(raft, effect) || restore(raft, effect) ||
           raft_install_fetch(raft, effect);
}
