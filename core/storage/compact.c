/* The jobs that take segments away because a snapshot covers them: COMPACT of the front, and RESET
 * of the whole log.
 *
 *   COMPACT   [ unlink the first segment -> sync directory ]* -> done
 *   RESET     close last -> [ unlink the last segment -> sync directory ]* -> done
 *
 *  1. COMPACT goes front to back, RESET back to front, and each unlink is durable before the next:
 *     whenever the process dies, what is left is without a hole. After COMPACT it is the end of the
 *     log; after RESET, its beginning, from which start still sees that it does not continue the
 *     snapshot, or does not reach it.
 *  2. COMPACT leaves the last segment alone, so that the file which is written stays open. A
 *     segment that could not be removed does no harm, and is tried again by the next COMPACT.
 *  3. RESET must be whole before a record that follows the snapshot is written: any failure of
 *     it ends the job with RAFT_IO. */
#include "storage_internal.h"

#include <assert.h>
#include <string.h>

/* Whether the first segment may go. */
static bool is_covered(const struct raft_storage *storage)
{
    return storage->segment_count > 1 && storage->segments[1].first <= storage->to.index + 1;
}

enum raft_status raft_storage_compact(struct raft_storage *storage, struct raft_entry_id id)
{
    assert(storage->log_lane.job == RAFT_JOB_NONE);
    assert(id.index > 0 && id.index <= storage->snapshot.id.index);
    storage->to = id;
    storage->is_unlinked = false;
    enum raft_step_id step =
        is_covered(storage) ? RAFT_STEP_COMPACT_UNLINK : RAFT_STEP_COMPACT_SYNC_DIR;
    return raft_lane_start(storage, &storage->log_lane, RAFT_JOB_COMPACT, step);
}

enum raft_status raft_storage_reset(struct raft_storage *storage, struct raft_entry_id id,
                                    uint64_t generation)
{
    assert(storage->log_lane.job == RAFT_JOB_NONE && storage->spare_file == 0);
    assert(id.index > 0 && id.index <= storage->snapshot.id.index);
    storage->to = id;
    storage->is_unlinked = false;
    enum raft_step_id step = RAFT_STEP_RESET_SYNC_DIR;
    if (storage->segment_count > 0) {
        assert(storage->segment_file != 0);
        step = RAFT_STEP_RESET_CLOSE;
    }
    enum raft_status status = raft_lane_start(storage, &storage->log_lane, RAFT_JOB_RESET, step);
    if (status == RAFT_OK) {
        storage->generation = generation;
    }
    return status;
}

void raft_compact_prepare(struct raft_storage *storage, enum raft_step_id step, struct raft_io *io)
{
    assert(step >= RAFT_STEP_COMPACT_UNLINK && step <= RAFT_STEP_RESET_SYNC_DIR);
    if (step == RAFT_STEP_COMPACT_UNLINK) {
        raft_segment_name(storage->segments[0].first, io->name);
    } else if (step == RAFT_STEP_RESET_UNLINK) {
        raft_segment_name(storage->segments[storage->segment_count - 1].first, io->name);
    } else if (step == RAFT_STEP_RESET_CLOSE) {
        io->file = storage->segment_file;
    }
}

/* The first segment is gone for good. */
static void forget_first(struct raft_storage *storage)
{
    assert(storage->segment_count > 1);
    raft_index first = storage->segments[1].first;
    assert(first > storage->offset_base && first <= raft_storage_last(storage) + 1);
    size_t count = (size_t)(first - 1 - storage->offset_base);
    storage->segment_count--;
    memmove(storage->segments, storage->segments + 1,
            storage->segment_count * sizeof storage->segments[0]);
    storage->offset_count -= count;
    storage->offset_base += count;
    memmove(storage->offsets, storage->offsets + count,
            storage->offset_count * sizeof storage->offsets[0]);
}

static enum raft_step_id compact_next(struct raft_storage *storage, enum raft_status *out_status)
{
    const struct raft_lane *lane = &storage->log_lane;
    bool ok = lane->io.status == RAFT_OK;
    *out_status = RAFT_OK;
    if (lane->step == RAFT_STEP_COMPACT_UNLINK) {
        storage->is_unlinked = ok || lane->io.status == RAFT_NOT_FOUND;
        return storage->is_unlinked ? RAFT_STEP_COMPACT_SYNC_DIR : RAFT_STEP_NONE;
    }
    assert(lane->step == RAFT_STEP_COMPACT_SYNC_DIR);
    if (!ok) {
        /* The sync's own failure, hence no fault point here. */
        *out_status = RAFT_IO;
        return RAFT_STEP_NONE;
    }
    if (storage->is_unlinked) {
        storage->is_unlinked = false;
        forget_first(storage);
    }
    return is_covered(storage) ? RAFT_STEP_COMPACT_UNLINK : RAFT_STEP_NONE;
}

static enum raft_step_id reset_next(struct raft_storage *storage, enum raft_status *out_status)
{
    const struct raft_lane *lane = &storage->log_lane;
    *out_status = RAFT_OK;
    if (lane->step == RAFT_STEP_RESET_CLOSE) {
        /* An error is no concern: what the segment holds was synced, and goes now. */
        storage->segment_file = 0;
        return RAFT_STEP_RESET_UNLINK;
    }
    if (lane->io.status != RAFT_OK) {
        /* The operation's own failure, hence no fault point here. */
        *out_status = RAFT_IO;
        return RAFT_STEP_NONE;
    }
    if (lane->step == RAFT_STEP_RESET_UNLINK) {
        storage->is_unlinked = true;
        return RAFT_STEP_RESET_SYNC_DIR;
    }
    assert(lane->step == RAFT_STEP_RESET_SYNC_DIR);
    if (storage->is_unlinked) {
        storage->is_unlinked = false;
        storage->segment_count--;
    }
    if (storage->segment_count > 0) {
        return RAFT_STEP_RESET_UNLINK;
    }
    storage->offset_base = storage->to.index;
    storage->offset_count = 0;
    return RAFT_STEP_NONE;
}

enum raft_step_id raft_compact_next(struct raft_storage *storage, enum raft_status *out_status)
{
    bool is_reset = storage->log_lane.job == RAFT_JOB_RESET;
    return is_reset ? reset_next(storage, out_status) : compact_next(storage, out_status);
}
