/* The consensus machine: creation, the dispatch of events, completions, the view.
 *
 * Roles (Raft §5.1; pre-vote: dissertation §9.6):
 *
 *                 timeout                majority grants             majority grants
 *      FOLLOWER ------------> PRECANDIDATE ------------> CANDIDATE ------------> LEADER
 *         ^                        |                         |                      |
 *         +------------------------+-------------------------+----------------------+
 *            higher term, a leader of the same term, quorum lost, disk stalled or full
 *
 * Invariants, checked by raft_invariant_broken (O(peers)):
 *  1. applied <= applying <= commit <= last index, and completed <= applied.
 *  2. durable <= stored <= last index.
 *  3. The term of the hard state is at least the term of the last entry.
 *  4. A leader voted for itself and takes itself for the leader.
 *  5. A leader's progress: match < next <= last index + 1.
 *  6. What is durable of the hard state was written: state_durable <= state.sequence.
 *  7. Only a running node leads.
 *  8. The configuration in force is that of an entry of the log, or the base one, or one set by
 *     hand (members.c).
 *  9. base <= published snapshot <= commit, but for a snapshot that is being put in place, and base
 *     <= applied; but for a blank state machine, which has applied less than the base.
 * 10. At most snapshot_installs_max followers, each of them in INSTALL, are sent a snapshot.
 * 11. Nothing from the first damaged entry on is applied, unless a snapshot has it, or it was lost
 *     afterwards.
 * 12. What has left memory is applied and durable.
 * 13. A node that has lost promises, entries or its state machine's state is a follower. */
#include "raft_internal.h"

#include <assert.h>

enum raft_status raft_create(const struct raft_options *options, const struct raft_memory *memory,
                             struct raft_log *log, struct raft **out_raft)
{
    if (raft_exit_taken(memory, RAFT_AT_RAFT_CREATE_INVALID, raft_options_check(options) != NULL)) {
        return RAFT_INVALID;
    }
    struct raft *raft = memory->alloc(memory->ctx, RAFT_AT_RAFT_CREATE_ALLOC, sizeof *raft);
    if (raft == NULL) {
        return RAFT_NOMEM;
    }
    *raft = (struct raft){
        .options = *options,
        .memory = memory,
        .log = log,
        .random = options->seed,
        .is_witness = raft_options_is_witness(options),
        .election_deadline_ns = RAFT_TIME_NEVER,
        .heartbeat_deadline_ns = RAFT_TIME_NEVER,
    };
    raft_log_bound(log, options->log_memory_max);
    struct raft_configuration configuration;
    raft_options_configuration(options, &configuration);
    raft_members_base(raft, &configuration, 0);
    raft_members_restore(raft);
    for (int i = 0; i < RAFT_TIMER_COUNT; i++) {
        raft->timers_set[i] = RAFT_TIME_NEVER;
        raft->timers_due[i] = RAFT_TIME_NEVER;
    }
    *out_raft = raft;
    return RAFT_OK;
}

void raft_begin(struct raft *raft, const struct raft_hard_state *state,
                const struct raft_snapshot *snapshot, raft_time now_ns)
{
    assert(raft->state.sequence == 0);
    if (snapshot != NULL) {
        raft->snapshot = *snapshot;
        raft_members_base(raft, &snapshot->configuration, snapshot->configuration_index);
    }
    assert(raft->log->base.index >= raft->snapshot.id.index);
    raft->now_ns = now_ns;
    raft->state = *state;
    raft->state_durable = state->sequence;
    raft->commit = raft->log->base.index;
    raft->is_blank = raft->log->base.index > raft->snapshot.id.index;
    raft->applied = raft->snapshot.id.index;
    raft->applying = raft->snapshot.id.index;
    raft->completed = raft->snapshot.id.index;
    raft_members_restore(raft);
    if ((state->losses & RAFT_LOSS_ENTRIES) != 0) {
        raft_loss_begin(raft, raft_draw(raft));
    }
    /* Whether it heard a leader just before it was restarted, a node does not know. */
    raft->leader_heard = raft->options.lease_reads;
    raft->leader_heard_ns = now_ns;
    raft_election_timer_reset(raft);
    assert(raft_invariant_broken(raft) == NULL);
}

void raft_destroy(struct raft *raft)
{
    if (raft != NULL) {
        raft_warm_release(raft);
        raft->memory->free(raft->memory->ctx, raft->receive.bytes);
        raft->memory->free(raft->memory->ctx, raft->fetched.bytes);
        raft->memory->free(raft->memory->ctx, raft);
    }
}

/* Whether anybody may send it, member or not (members.c). */
static bool is_question(enum raft_message_type type)
{
    return type == RAFT_MESSAGE_PREVOTE_REQ || type == RAFT_MESSAGE_VOTE_REQ ||
           type == RAFT_MESSAGE_APPEND_REQ || type == RAFT_MESSAGE_INSTALL_REQ ||
           type == RAFT_MESSAGE_REPAIR_REQ;
}

/* The peer that a message comes from, or NULL: nobody that this node has to do with. */
static struct raft_peer *sender_of(struct raft *raft, const struct raft_message *message)
{
    if (message->to != raft->options.id || message->from == raft->options.id ||
        message->from == RAFT_NODE_NONE) {
        return NULL;
    }
    return is_question(message->type) ? raft_peer_take(raft, message->from)
                                      : raft_peer_find(raft, message->from);
}

static enum raft_status on_message(struct raft *raft, struct raft_message *message)
{
    struct raft_peer *peer = sender_of(raft, message);
    if (raft_exit_taken(raft->memory, RAFT_AT_MESSAGE_RECEIVE_STRANGER, peer == NULL)) {
        return RAFT_INVALID;
    }
    assert(peer != NULL);
    /* An entry is what its id says, whoever has it and in whatever term. */
    if (message->type == RAFT_MESSAGE_REPAIR_REQ) {
        return message->id.index == 0 ? raft_loss_on_question(raft, peer, message)
                                      : raft_on_repair_req(raft, peer, message);
    }
    if (message->type == RAFT_MESSAGE_REPAIR_REP) {
        return message->entry_count == 0 ? raft_loss_on_answer(raft, peer, message)
                                         : raft_on_repair_rep(raft, message);
    }
    /* Who is no member, or none any more, ends nobody's leadership (dissertation §4.2.3). A learner
     * may: one that was a voter once, and campaigned in vain, would never take an append of an
     * earlier term. It does not raise its term again. */
    if (raft_exit_taken(raft->memory, RAFT_AT_MESSAGE_RECEIVE_OUTSIDER,
                        !is_question(message->type) && message->term > raft->state.term &&
                            peer->kind != RAFT_PEER_MEMBER && peer->kind != RAFT_PEER_ADDED)) {
        return RAFT_STALE;
    }
    if (message->type == RAFT_MESSAGE_PREVOTE_REQ) {
        return raft_on_prevote_req(raft, peer, message);
    }
    if (message->type == RAFT_MESSAGE_VOTE_REQ) {
        return raft_on_vote_req(raft, peer, message);
    }
    if (message->type == RAFT_MESSAGE_APPEND_REQ) {
        return raft_on_append_req(raft, peer, message);
    }
    if (message->type == RAFT_MESSAGE_INSTALL_REQ) {
        return raft_on_install_req(raft, peer, message);
    }
    if (message->type == RAFT_MESSAGE_PREVOTE_REP) {
        return raft_on_prevote_rep(raft, peer, message);
    }
    if (message->term > raft->state.term) {
        raft_become_follower(raft, message->term, RAFT_NODE_NONE);
        return RAFT_OK;
    }
    if (raft_exit_taken(raft->memory, RAFT_AT_MESSAGE_RECEIVE_STALE,
                        message->term < raft->state.term)) {
        return RAFT_STALE;
    }
    if (message->type == RAFT_MESSAGE_VOTE_REP) {
        return raft_on_vote_rep(raft, peer, message);
    }
    if (message->type == RAFT_MESSAGE_TIMEOUT_NOW) {
        return raft_on_timeout_now(raft, peer, message);
    }
    if (message->type == RAFT_MESSAGE_INSTALL_REP) {
        return raft_on_install_rep(raft, peer, message);
    }
    assert(message->type == RAFT_MESSAGE_APPEND_REP);
    return raft_on_append_rep(raft, peer, message);
}

static enum raft_status on_timeout(struct raft *raft, enum raft_timer timer)
{
    assert(timer == RAFT_TIMER_ELECTION || timer == RAFT_TIMER_HEARTBEAT);
    raft->timers_set[timer] = RAFT_TIME_NEVER;
    /* A deadline may have moved on since the timer was set: it is set again instead of being moved
     * with every message. */
    if (timer == RAFT_TIMER_ELECTION) {
        raft->timers_due[timer] = raft->election_deadline_ns;
        return raft->now_ns < raft->election_deadline_ns ? RAFT_OK : raft_on_election_timeout(raft);
    }
    raft->timers_due[timer] = raft->heartbeat_deadline_ns;
    return raft->now_ns < raft->heartbeat_deadline_ns ? RAFT_OK : raft_on_heartbeat_timeout(raft);
}

static void on_state_persisted(struct raft *raft, uint64_t sequence)
{
    assert(raft->state_busy);
    assert(sequence <= raft->state.sequence);
    raft->state_busy = false;
    if (sequence > raft->state_durable) {
        raft->state_durable = sequence;
    }
    if (raft->state_durable == raft->state.sequence && raft->role == RAFT_CANDIDATE) {
        /* A candidate's vote for itself counts when it is durable, like any other. */
        raft->own_ballot = RAFT_BALLOT_GRANTED;
        raft_count_ballots(raft);
    }
}

static void on_entries_persisted(struct raft *raft, const struct raft_event *event)
{
    assert(raft->storage_busy);
    raft->storage_busy = false;
    raft_log_persisted(raft->log, event->id, event->generation);
    if (raft->role == RAFT_LEADER) {
        raft_advance_commit(raft);
    } else {
        raft_acknowledge(raft);
    }
    raft_compact(raft);
}

/* The disk does not take entries: the node gives up what it could not write, and neither leads nor
 * campaigns until a probe of the disk has succeeded. Committed entries stay in memory, to be
 * written when the disk recovers; they are on a majority of other disks. */
static void on_entries_failed(struct raft *raft)
{
    assert(raft->storage_busy);
    raft->storage_busy = false;
    raft->disk_full = true;
    raft->probe_due = false;
    if (raft->role != RAFT_FOLLOWER) {
        raft_become_follower(raft, raft->state.term, RAFT_NODE_NONE);
    }
    struct raft_log *log = raft->log;
    raft_log_unstored(log);
    raft_index keep_last = log->durable.index > raft->commit ? log->durable.index : raft->commit;
    if (keep_last < raft_log_last_index(log)) {
        raft_log_truncate(log, keep_last);
        raft_members_truncated(raft);
    }
    if (raft->verified > keep_last) {
        raft->verified = keep_last;
    }
}

static void on_probed(struct raft *raft, enum raft_status status)
{
    raft->storage_busy = false;
    if (status == RAFT_OK) {
        raft->disk_full = false;
        raft->probe_due = false;
        raft_election_timer_reset(raft);
    }
}

static void on_retry(struct raft *raft)
{
    raft->state_blocked = false;
    raft->storage_blocked = false;
    raft->apply_blocked = false;
    raft->save_blocked = false;
    raft->fetch_blocked = false;
    raft->warm.blocked = false;
    if (raft->disk_full) {
        raft->probe_due = true;
    }
}

static void on_completion(struct raft *raft, const struct raft_event *event)
{
    switch (event->type) {
    case RAFT_EVENT_STATE_PERSISTED:
        on_state_persisted(raft, event->sequence);
        break;
    case RAFT_EVENT_STATE_REFUSED:
        raft->state_busy = false;
        raft->state_blocked = true;
        break;
    case RAFT_EVENT_ENTRIES_PERSISTED:
        on_entries_persisted(raft, event);
        break;
    case RAFT_EVENT_ENTRIES_REFUSED:
        raft->storage_busy = false;
        raft->storage_blocked = true;
        raft_log_unstored(raft->log);
        break;
    case RAFT_EVENT_ENTRIES_FAILED:
        on_entries_failed(raft);
        break;
    case RAFT_EVENT_TRUNCATED:
    case RAFT_EVENT_COMPACTED:
        raft->storage_busy = false;
        break;
    case RAFT_EVENT_TRUNCATE_REFUSED:
        raft->storage_busy = false;
        raft->storage_blocked = true;
        raft_log_truncation_refused(raft->log, raft->truncating_to);
        break;
    case RAFT_EVENT_COMPACT_REFUSED:
        raft->storage_busy = false;
        raft->storage_blocked = true;
        raft->compact_due = true;
        break;
    case RAFT_EVENT_RESET:
        raft->storage_busy = false;
        raft_on_reset(raft);
        break;
    case RAFT_EVENT_RESET_REFUSED:
        raft->storage_busy = false;
        raft->storage_blocked = true;
        raft_log_reset_refused(raft->log);
        break;
    case RAFT_EVENT_REPAIRED:
        raft_on_repaired(raft, event);
        break;
    case RAFT_EVENT_PROBED:
        on_probed(raft, event->status);
        break;
    case RAFT_EVENT_APPLIED:
        assert(event->id.index == raft->applying);
        raft->applied = event->id.index;
        raft_compact(raft);
        break;
    case RAFT_EVENT_APPLY_REFUSED:
        raft->applying = raft->applied;
        raft->apply_blocked = true;
        break;
    case RAFT_EVENT_LOADED:
        raft_on_loaded(raft, event);
        break;
    case RAFT_EVENT_SNAPSHOT_SAVED:
        raft_on_saved(raft, event);
        break;
    case RAFT_EVENT_SNAPSHOT_RECEIVED:
        raft_on_received(raft, event);
        break;
    case RAFT_EVENT_SNAPSHOT_FETCHED:
        raft_on_fetched(raft, event);
        break;
    case RAFT_EVENT_RESTORED:
        raft_on_restored(raft, event);
        break;
    case RAFT_EVENT_MESSAGE:
    case RAFT_EVENT_TIMEOUT:
    case RAFT_EVENT_PROPOSE:
    case RAFT_EVENT_CAMPAIGN:
    case RAFT_EVENT_TRANSFER:
    case RAFT_EVENT_CHANGE:
    case RAFT_EVENT_RECOVER:
    case RAFT_EVENT_READ:
    case RAFT_EVENT_READ_ONLY:
    case RAFT_EVENT_SNAPSHOT:
    case RAFT_EVENT_RETRY:
    case RAFT_EVENT_READY:
    case RAFT_EVENT_TYPE_COUNT:
        assert(!"not a completion");
    }
}

static enum raft_status dispatch(struct raft *raft, const struct raft_event *event,
                                 struct raft_effect *effect)
{
    switch (event->type) {
    case RAFT_EVENT_MESSAGE:
        return on_message(raft, event->message);
    case RAFT_EVENT_TIMEOUT:
        return on_timeout(raft, event->timer);
    case RAFT_EVENT_PROPOSE:
        return raft_propose(raft, event->entry);
    case RAFT_EVENT_CAMPAIGN:
        return raft_campaign_on_request(raft);
    case RAFT_EVENT_TRANSFER:
        return raft_transfer_begin(raft, event->node);
    case RAFT_EVENT_CHANGE:
        return raft_change_begin(raft, event->configuration);
    case RAFT_EVENT_RECOVER:
        return raft_change_recover(raft, event->configuration);
    case RAFT_EVENT_READ:
        return raft_read_begin(raft);
    case RAFT_EVENT_READ_ONLY:
        raft->read_only = event->read_only;
        return RAFT_OK;
    case RAFT_EVENT_SNAPSHOT:
        return raft_snapshot_request(raft);
    case RAFT_EVENT_RETRY:
        on_retry(raft);
        return RAFT_OK;
    case RAFT_EVENT_READY:
        return raft_ready(raft, effect);
    case RAFT_EVENT_STATE_PERSISTED:
    case RAFT_EVENT_STATE_REFUSED:
    case RAFT_EVENT_ENTRIES_PERSISTED:
    case RAFT_EVENT_ENTRIES_REFUSED:
    case RAFT_EVENT_ENTRIES_FAILED:
    case RAFT_EVENT_TRUNCATED:
    case RAFT_EVENT_TRUNCATE_REFUSED:
    case RAFT_EVENT_PROBED:
    case RAFT_EVENT_COMPACTED:
    case RAFT_EVENT_COMPACT_REFUSED:
    case RAFT_EVENT_RESET:
    case RAFT_EVENT_RESET_REFUSED:
    case RAFT_EVENT_REPAIRED:
    case RAFT_EVENT_LOADED:
    case RAFT_EVENT_SNAPSHOT_SAVED:
    case RAFT_EVENT_SNAPSHOT_RECEIVED:
    case RAFT_EVENT_SNAPSHOT_FETCHED:
    case RAFT_EVENT_RESTORED:
    case RAFT_EVENT_APPLIED:
    case RAFT_EVENT_APPLY_REFUSED:
        on_completion(raft, event);
        return RAFT_OK;
    case RAFT_EVENT_TYPE_COUNT:
        break;
    }
    assert(!"unknown event");
    return RAFT_INVALID;
}

enum raft_status raft_step(struct raft *raft, const struct raft_event *event,
                           struct raft_effect *effect)
{
    assert(event->now_ns >= raft->now_ns);
    raft->now_ns = event->now_ns;
    effect->type = RAFT_EFFECT_NONE;
    enum raft_status status = dispatch(raft, event, effect);
    raft_log_cool(raft->log, raft->applied);
    return status;
}

bool raft_wants_retry(const struct raft *raft)
{
    return raft->state_blocked || raft->storage_blocked || raft->apply_blocked ||
           raft->save_blocked || raft->fetch_blocked || raft->warm.blocked ||
           (raft->disk_full && !raft->probe_due && !raft->storage_busy);
}

bool raft_may_happen(const struct raft *raft, const struct raft_effect *effect)
{
    return effect->after_sequence <= raft->state_durable &&
           effect->after_index <= raft_log_durable(raft->log).index;
}

void raft_effect_release(const struct raft_memory *memory, struct raft_effect *effect)
{
    raft_message_release(&effect->message);
    for (uint32_t i = 0; i < effect->entry_count; i++) {
        raft_entry_drop(effect->entries[i], RAFT_HOLDER_APPLY);
    }
    memory->free(memory->ctx, effect->entries);
    effect->entries = NULL;
    effect->entry_count = 0;
    memory->free(memory->ctx, effect->bytes);
    effect->bytes = NULL;
    effect->size = 0;
}

void raft_get_view(const struct raft *raft, struct raft_view *out_view)
{
    const struct raft_log *log = raft->log;
    *out_view = (struct raft_view){
        .id = raft->options.id,
        .role = raft->role,
        .condition = raft_condition(raft),
        .read_only = raft->read_only,
        .leader = raft->leader,
        .transfer_target = raft->transfer_target,
        .configuration = raft->configuration,
        .configuration_index = raft->configuration_index,
        .configuration_committed =
            !raft->configuration_by_hand && raft->configuration_index <= raft->commit,
        .configuration_by_hand = raft->configuration_by_hand,
        .member_flags = (uint8_t)raft_own_flags(raft),
        .change = raft->change,
        .state = raft->state,
        .state_durable = raft->state_durable,
        .commit = raft->commit,
        .applied = raft->applied,
        .read_round = raft->read_ticket,
        .base = log->base,
        .snapshot = raft->snapshot.id,
        .is_blank = raft->is_blank,
        .is_installing = raft_is_installing(raft),
        .last = raft_log_last(log),
        .durable = raft_log_durable(log),
        .first_damaged = log->first_damaged == RAFT_LOG_INTACT ? 0 : log->first_damaged,
        .log_generation = log->generation,
        .truncated_to = log->truncated_to,
        .cold = log->cold.index,
        .log_size = log->size,
        .entries_log = raft_log_entries(log),
        .entries_loading = raft->warm.count,
        .entries_apply = (uint32_t)(raft->applying - raft->applied),
    };
}

bool raft_get_progress(const struct raft *raft, raft_node_id peer,
                       struct raft_progress_view *out_view)
{
    if (raft->role != RAFT_LEADER) {
        return false;
    }
    for (uint32_t i = 0; i < raft->peer_count; i++) {
        const struct raft_peer *found = &raft->peers[i];
        if (found->id == peer && found->kind != RAFT_PEER_STRANGER) {
            *out_view = (struct raft_progress_view){
                .id = peer,
                .state = found->state,
                .match = found->match,
                .next = found->next,
                .inflight = found->inflight_count,
                .offset = found->install_offset,
                .read_only = found->read_only,
            };
            return true;
        }
    }
    return false;
}

static bool installs_are_bounded(const struct raft *raft)
{
    uint32_t live = 0;
    for (uint32_t i = 0; i < raft->peer_count; i++) {
        const struct raft_peer *peer = &raft->peers[i];
        if (peer->install_live && (raft->role != RAFT_LEADER || peer->state != RAFT_INSTALL)) {
            return false;
        }
        live += peer->install_live;
    }
    return live <= raft->options.snapshot_installs_max;
}

const char *raft_invariant_broken(const struct raft *raft)
{
    raft_index last = raft_log_last_index(raft->log);
    if (raft->completed > raft->applied || raft->applied > raft->applying ||
        raft->applying > raft->commit || raft->commit > last) {
        return "1: completed <= applied <= applying <= commit <= last index";
    }
    if (raft->log->durable.index > raft->log->stored.index || raft->log->stored.index > last) {
        return "2: durable <= stored <= last index";
    }
    if (raft->state.term < raft_log_last(raft->log).term) {
        return "3: the hard state's term is at least the last entry's";
    }
    if (raft->state_durable > raft->state.sequence) {
        return "6: state_durable <= state.sequence";
    }
    const struct raft_entry *entry = raft_log_peek(raft->log, raft->configuration_index);
    if (!raft->configuration_by_hand &&
        raft->configuration_index != raft->base_configuration_index &&
        (entry == NULL || entry->kind != RAFT_ENTRY_CONFIGURATION)) {
        return "8: the configuration in force is in the log";
    }
    raft_index base = raft->log->base.index;
    bool is_bare = base > raft->snapshot.id.index || base > raft->applied;
    if ((is_bare && !raft->is_blank) || (raft->is_blank && base <= raft->applied) ||
        (raft->snapshot.id.index > raft->commit && !raft_is_restoring(raft))) {
        return "9: base <= published snapshot <= commit, and base <= applied, if not blank";
    }
    if (raft->applied >= raft->log->first_damaged && raft->log->lost == 0 &&
        raft->snapshot.id.index < raft->log->first_damaged) {
        return "11: nothing damaged is applied, but by a snapshot";
    }
    raft_index cold = raft->log->cold.index; /* the base, when nothing has left */
    if (cold > base && (cold > raft->applied || cold > raft->log->durable.index)) {
        return "12: what has left memory is applied and durable";
    }
    if (!installs_are_bounded(raft)) {
        return "10: at most snapshot_installs_max are sent to, each in INSTALL";
    }
    if (raft->role == RAFT_FOLLOWER) {
        return NULL;
    }
    if (raft->state.losses != 0 || raft->is_blank) {
        return "13: a node with losses is a follower";
    }
    if (raft->role != RAFT_LEADER) {
        return NULL;
    }
    if (raft->state.vote != raft->options.id || raft->leader != raft->options.id) {
        return "4: a leader voted for itself and takes itself for the leader";
    }
    if (raft_condition(raft) != RAFT_RUNNING) {
        return "7: only a running node leads";
    }
    for (uint32_t i = 0; i < raft->peer_count; i++) {
        const struct raft_peer *peer = &raft->peers[i];
        if (peer->kind != RAFT_PEER_STRANGER &&
            (peer->match >= peer->next || peer->next > last + 1)) {
            return "5: match < next <= last index + 1";
        }
    }
    return NULL;
}
