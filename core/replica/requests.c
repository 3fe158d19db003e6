/* Requests: submissions between their proposal and their completion.
 *
 * A leader never truncates its log, and loses all its requests when it steps down; so the requests
 * are in order of index, and the first ones are the first to be applied.
 *
 * Invariants:
 *  1. Each request that was added is completed exactly once.
 *  2. Indexes ascend along the ring. */
#include "replica_internal.h"

#include <assert.h>

static struct raft_request *request_at(const struct raft_replica *replica, uint32_t position)
{
    uint32_t capacity = replica->options.pending_requests_max;
    return &replica->requests[(replica->request_first + position) % capacity];
}

void raft_request_add(struct raft_replica *replica, uint64_t request, struct raft_entry *entry)
{
    assert(replica->request_count < replica->options.pending_requests_max);
    assert(replica->request_count == 0 ||
           request_at(replica, replica->request_count - 1)->entry->id.index < entry->id.index);
    raft_entry_hold(entry, RAFT_HOLDER_REQUEST);
    *request_at(replica, replica->request_count) = (struct raft_request){request, entry};
    replica->request_count++;
}

void raft_requests_complete(struct raft_replica *replica, enum raft_status status, raft_index index)
{
    while (replica->request_count > 0) {
        struct raft_request done = *request_at(replica, 0);
        if (done.entry->id.index > index) {
            break;
        }
        replica->request_first =
            (replica->request_first + 1) % replica->options.pending_requests_max;
        replica->request_count--;
        raft_index at = done.entry->id.index;
        raft_entry_drop(done.entry, RAFT_HOLDER_REQUEST);
        replica->env->complete(replica->env->ctx, done.request, status, at);
    }
}

void raft_change_complete(struct raft_replica *replica, enum raft_status status, raft_index index)
{
    /* A leader also ends a change that one before it has begun. */
    if (replica->change_pending) {
        replica->change_pending = false;
        replica->env->complete(replica->env->ctx, replica->change_request, status, index);
    }
}

void raft_read_add(struct raft_replica *replica, struct raft_read read)
{
    uint32_t capacity = replica->options.pending_requests_max;
    assert(replica->read_count < capacity);
    replica->reads[(replica->read_first + replica->read_count) % capacity] = read;
    replica->read_count++;
}

static void complete_first_read(struct raft_replica *replica, enum raft_status status)
{
    const struct raft_read done = replica->reads[replica->read_first];
    replica->read_first = (replica->read_first + 1) % replica->options.pending_requests_max;
    replica->read_count--;
    replica->env->complete(replica->env->ctx, done.request, status, done.index);
}

void raft_reads_complete(struct raft_replica *replica, raft_index applied)
{
    while (replica->read_count > 0 &&
           replica->reads[replica->read_first].round <= replica->read_confirmed &&
           replica->reads[replica->read_first].index <= applied) {
        complete_first_read(replica, RAFT_OK);
    }
}

void raft_reads_refuse(struct raft_replica *replica)
{
    while (replica->read_count > 0) {
        complete_first_read(replica, RAFT_NOT_LEADER);
    }
    replica->read_confirmed = 0;
}
