/* Effects: what the consensus machine asks for, carried out in the environment.
 *
 * The one rule of persistence: an effect happens only when what it names as `after` is durable
 * (Raft §3.8 of the dissertation: persist before you speak). */
#include "replica_internal.h"

#include <assert.h>

void raft_replica_feed(struct raft_replica *replica, const struct raft_event *event)
{
    struct raft_event stamped = *event;
    struct raft_effect effect;
    stamped.now_ns = replica->now_ns;
    enum raft_status status = raft_step(replica->raft, &stamped, &effect);
    assert(status == RAFT_OK);
    assert(effect.type == RAFT_EFFECT_NONE);
}

static void feed_type(struct raft_replica *replica, enum raft_event_type type)
{
    raft_replica_feed(replica, &(struct raft_event){.type = type});
}

void raft_replica_release_applying(struct raft_replica *replica)
{
    for (uint32_t i = 0; i < replica->applying_count; i++) {
        raft_entry_drop(replica->applying[i], RAFT_HOLDER_APPLY);
    }
    replica->memory->free(replica->memory->ctx, replica->applying);
    replica->applying = NULL;
    replica->applying_count = 0;
}

/* An entry from a peer, or from before a change of the options, may be larger than any batch that
 * this node would make. RAFT_NOMEM. */
static enum raft_status make_room(struct raft_replica *replica, size_t size)
{
    const struct raft_memory *memory = replica->memory;
    if (size <= replica->send_buffer_size) {
        return RAFT_OK;
    }
    uint8_t *buffer = memory->alloc(memory->ctx, RAFT_AT_MESSAGE_SEND_BUFFER, size);
    if (buffer == NULL) {
        return RAFT_NOMEM;
    }
    memory->free(memory->ctx, replica->send_buffer);
    replica->send_buffer = buffer;
    replica->send_buffer_size = size;
    return RAFT_OK;
}

static void send_message(struct raft_replica *replica, struct raft_effect *effect)
{
    struct raft_view view;
    raft_get_view(replica->raft, &view);
    assert(effect->after_sequence <= view.state_durable);
    assert(effect->after_index <= view.durable.index);
    /* A message for which there is no buffer, or that the network refuses, is a message lost:
     * heartbeats find out and repair it. */
    enum raft_status status = make_room(replica, raft_message_size(&effect->message));
    if (status == RAFT_OK) {
        raft_message_encode(&effect->message, replica->send_buffer);
        status =
            replica->env->send(replica->env->ctx, RAFT_AT_MESSAGE_SEND_REFUSED, effect->message.to,
                               replica->send_buffer, raft_message_size(&effect->message));
    }
    (void)status;
    raft_message_release(&effect->message);
}

static void apply(struct raft_replica *replica, struct raft_effect *effect)
{
    assert(replica->applying == NULL);
    enum raft_status status =
        replica->env->apply(replica->env->ctx, RAFT_AT_APPLY_SUBMIT_REFUSED,
                            RAFT_AT_APPLY_MACHINE_ERROR, effect->entries, effect->entry_count);
    if (status != RAFT_OK) {
        raft_effect_release(replica->memory, effect);
        feed_type(replica, RAFT_EVENT_APPLY_REFUSED);
        return;
    }
    replica->applying = effect->entries;
    replica->applying_count = effect->entry_count;
}

static void use_storage(struct raft_replica *replica, const struct raft_effect *effect)
{
    enum raft_status status = RAFT_OK;
    enum raft_event_type refused = RAFT_EVENT_READY;
    if (effect->type == RAFT_EFFECT_PERSIST_STATE) {
        status = raft_storage_save_state(replica->storage, &effect->state);
        refused = RAFT_EVENT_STATE_REFUSED;
    } else if (effect->type == RAFT_EFFECT_PERSIST_ENTRIES) {
        status = raft_storage_append(replica->storage, &replica->log, effect->first, effect->last,
                                     effect->generation);
        refused = RAFT_EVENT_ENTRIES_REFUSED;
    } else if (effect->type == RAFT_EFFECT_TRUNCATE) {
        status = raft_storage_truncate(replica->storage, effect->last.index, effect->generation);
        refused = RAFT_EVENT_TRUNCATE_REFUSED;
    } else if (effect->type == RAFT_EFFECT_COMPACT) {
        status = raft_storage_compact(replica->storage, effect->last);
        refused = RAFT_EVENT_COMPACT_REFUSED;
    } else if (effect->type == RAFT_EFFECT_RESET) {
        status = raft_storage_reset(replica->storage, effect->last, effect->generation);
        refused = RAFT_EVENT_RESET_REFUSED;
    } else if (effect->type == RAFT_EFFECT_REPAIR) {
        status =
            raft_storage_repair(replica->storage, raft_log_peek(&replica->log, effect->last.index));
        refused = RAFT_EVENT_REPAIRED;
    } else if (effect->type == RAFT_EFFECT_LOAD) {
        status = raft_storage_read(replica->storage, effect->first, effect->last.index);
        refused = RAFT_EVENT_LOADED;
    } else {
        assert(effect->type == RAFT_EFFECT_PROBE);
        status = raft_storage_probe(replica->storage);
        refused = RAFT_EVENT_PROBED;
    }
    if (status != RAFT_OK) {
        raft_replica_feed(
            replica, &(struct raft_event){.type = refused, .status = status, .id = effect->last});
    }
}

static raft_index applied_index(const struct raft_replica *replica)
{
    struct raft_view view;
    raft_get_view(replica->raft, &view);
    return view.applied;
}

static void complete(struct raft_replica *replica, const struct raft_effect *effect)
{
    if (effect->status == RAFT_OK) {
        raft_requests_complete(replica, RAFT_OK, effect->last.index);
        raft_reads_complete(replica, effect->last.index);
    } else {
        raft_requests_complete(replica, effect->status, UINT64_MAX);
        raft_reads_refuse(replica);
    }
}

static void carry_out(struct raft_replica *replica, struct raft_effect *effect)
{
    switch (effect->type) {
    case RAFT_EFFECT_NONE:
    case RAFT_EFFECT_AGAIN:
        break;
    case RAFT_EFFECT_SET_TIMER:
        replica->env->set_timer(replica->env->ctx, effect->timer, effect->deadline_ns);
        break;
    case RAFT_EFFECT_PERSIST_STATE:
    case RAFT_EFFECT_PERSIST_ENTRIES:
    case RAFT_EFFECT_TRUNCATE:
    case RAFT_EFFECT_PROBE:
    case RAFT_EFFECT_COMPACT:
    case RAFT_EFFECT_RESET:
    case RAFT_EFFECT_REPAIR:
    case RAFT_EFFECT_LOAD:
        use_storage(replica, effect);
        break;
    case RAFT_EFFECT_SAVE:
    case RAFT_EFFECT_RECEIVE:
    case RAFT_EFFECT_FETCH:
    case RAFT_EFFECT_RESTORE:
        raft_replica_use_snapshots(replica, effect);
        break;
    case RAFT_EFFECT_SEND:
        send_message(replica, effect);
        break;
    case RAFT_EFFECT_APPLY:
        apply(replica, effect);
        break;
    case RAFT_EFFECT_READS:
        replica->read_confirmed = effect->round;
        raft_reads_complete(replica, applied_index(replica));
        break;
    case RAFT_EFFECT_CHANGED:
        raft_change_complete(replica, effect->status, effect->last.index);
        break;
    case RAFT_EFFECT_COMPLETE:
        complete(replica, effect);
        break;
    case RAFT_EFFECT_TYPE_COUNT:
        assert(!"unknown effect");
    }
}

void raft_replica_arm_retry(struct raft_replica *replica)
{
    if (!replica->retry_armed) {
        replica->retry_armed = true;
        replica->env->set_timer(replica->env->ctx, RAFT_TIMER_RETRY,
                                replica->now_ns + replica->options.retry_ns);
    }
}

void raft_replica_pump(struct raft_replica *replica)
{
    struct raft_effect effect;
    const struct raft_event ready = {.type = RAFT_EVENT_READY, .now_ns = replica->now_ns};
    do {
        enum raft_status status = raft_step(replica->raft, &ready, &effect);
        replica->ready_failed = status != RAFT_OK;
        if (replica->ready_failed) {
            break;
        }
        carry_out(replica, &effect);
    } while (effect.type != RAFT_EFFECT_NONE);
    if (replica->ready_failed || raft_wants_retry(replica->raft) ||
        raft_storage_stalled(replica->storage)) {
        raft_replica_arm_retry(replica);
    }
}

enum raft_status raft_replica_job_done(struct raft_replica *replica,
                                       const struct raft_storage_done *done)
{
    struct raft_event event = {
        .status = done->status,
        .id = done->id,
        .generation = done->generation,
        .sequence = done->sequence,
        .entries = done->entries,
        .entry_count = done->entry_count,
    };
    if (done->status == RAFT_IO) {
        return RAFT_IO;
    }
    switch (done->job) {
    case RAFT_JOB_STATE:
        event.type = RAFT_EVENT_STATE_PERSISTED;
        break;
    case RAFT_JOB_APPEND:
        event.type =
            done->status == RAFT_OK ? RAFT_EVENT_ENTRIES_PERSISTED : RAFT_EVENT_ENTRIES_FAILED;
        break;
    case RAFT_JOB_TRUNCATE:
        event.type = RAFT_EVENT_TRUNCATED;
        break;
    case RAFT_JOB_PROBE:
        event.type = RAFT_EVENT_PROBED;
        break;
    case RAFT_JOB_COMPACT:
        event.type = RAFT_EVENT_COMPACTED;
        break;
    case RAFT_JOB_RESET:
        event.type = RAFT_EVENT_RESET;
        break;
    case RAFT_JOB_REPAIR:
        if (done->status == RAFT_CORRUPT && raft_repair_is_vital(replica->raft, done->id)) {
            return done->status;
        }
        event.type = RAFT_EVENT_REPAIRED;
        break;
    case RAFT_JOB_LOAD:
        event.type = RAFT_EVENT_LOADED;
        break;
    case RAFT_JOB_SAVE:
    case RAFT_JOB_RECEIVE:
    case RAFT_JOB_FETCH:
    case RAFT_JOB_RESTORE:
        return raft_replica_snapshot_job_done(replica, done);
    case RAFT_JOB_NONE:
    case RAFT_JOB_CLOSE:
        assert(!"not a job of a running replica");
    }
    raft_replica_feed(replica, &event);
    return RAFT_OK;
}
