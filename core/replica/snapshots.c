/* Snapshots: what the consensus machine asks of the snapshot lanes of the store, and their answers.
 *
 * A job that cannot be started is answered at once with the reason, like one that failed; the
 * consensus machine tries again later.
 *
 * Invariant: the bytes of a piece belong to the effect, then to the store; the bytes of a fetched
 * piece to the store, then to the consensus machine, or to nobody if the node is stopping. */
#include "replica_internal.h"

#include <assert.h>

static void feed_failure(struct raft_replica *replica, enum raft_event_type type,
                         enum raft_status status)
{
    raft_replica_feed(replica, &(struct raft_event){.type = type, .status = status});
}

static void receive(struct raft_replica *replica, struct raft_effect *effect)
{
    enum raft_status status =
        raft_storage_receive(replica->storage, effect->snapshot.id, effect->offset,
                             effect->snapshot.size, effect->bytes, effect->size);
    if (status == RAFT_OK) {
        effect->bytes = NULL;
        return;
    }
    raft_effect_release(replica->memory, effect);
    feed_failure(replica, RAFT_EVENT_SNAPSHOT_RECEIVED, RAFT_BUSY);
}

void raft_replica_use_snapshots(struct raft_replica *replica, struct raft_effect *effect)
{
    enum raft_status status = RAFT_OK;
    enum raft_event_type refused = RAFT_EVENT_SNAPSHOT_SAVED;
    if (effect->type == RAFT_EFFECT_RECEIVE) {
        receive(replica, effect);
        return;
    }
    if (effect->type == RAFT_EFFECT_SAVE) {
        status = raft_storage_save(replica->storage, &effect->snapshot);
    } else if (effect->type == RAFT_EFFECT_FETCH) {
        status = raft_storage_fetch(replica->storage, effect->snapshot.id, effect->offset,
                                    effect->frame_only);
        refused = RAFT_EVENT_SNAPSHOT_FETCHED;
    } else {
        assert(effect->type == RAFT_EFFECT_RESTORE);
        status = raft_storage_restore(replica->storage);
        refused = RAFT_EVENT_RESTORED;
    }
    if (status != RAFT_OK) {
        feed_failure(replica, refused, status);
    }
}

enum raft_status raft_replica_snapshot_job_done(struct raft_replica *replica,
                                                const struct raft_storage_done *done)
{
    struct raft_event event = {
        .status = done->status,
        .snapshot = done->snapshot,
        .offset = done->offset,
        .bytes = done->bytes,
        .size = done->size,
    };
    if (done->job == RAFT_JOB_SAVE) {
        event.type = RAFT_EVENT_SNAPSHOT_SAVED;
    } else if (done->job == RAFT_JOB_RECEIVE) {
        event.type = RAFT_EVENT_SNAPSHOT_RECEIVED;
    } else if (done->job == RAFT_JOB_FETCH) {
        event.type = RAFT_EVENT_SNAPSHOT_FETCHED;
    } else {
        assert(done->job == RAFT_JOB_RESTORE);
        if (done->status != RAFT_OK) {
            /* The log has to begin behind a state that the state machine does not have. */
            return done->status;
        }
        event.type = RAFT_EVENT_RESTORED;
    }
    raft_replica_feed(replica, &event);
    return RAFT_OK;
}
