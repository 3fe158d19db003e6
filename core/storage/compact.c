/* The jobs that take segments away because a snapshot covers them: COMPACT of the front, and RESET
 * of the whole log.
 *
 *   COMPACT                 [ take the first segment away ]* -> done
 *   RESET     close last -> [ take the last segment away  ]* -> done
 *   take away:  unlink ids -> sync directory -> unlink log -> sync directory
 *
 *  1. COMPACT goes front to back, RESET back to front, and each unlink is durable before the next:
 *     whenever the process dies, what is left is without a hole. After COMPACT it is the end of the
 *     log; after RESET, its beginning, from which start still sees that it does not continue the
 *     snapshot, or does not reach it.
 *  2. The identities of a segment go before it, durably: none of them ever stands for an entry
 *     that is gone.
 *  3. COMPACT leaves the last segment alone, so that the file which is written stays open. A
 *     segment that could not be removed does no harm, and is tried again by the next COMPACT.
 *  4. RESET must be whole before a record that follows the snapshot is written: any failure of it
 *     ends the job with RAFT_IO. */
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
        is_covered(storage) ? RAFT_STEP_COMPACT_IDS_UNLINK : RAFT_STEP_COMPACT_SYNC_DIR;
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
    assert(step >= RAFT_STEP_COMPACT_IDS_UNLINK && step <= RAFT_STEP_RESET_SYNC_DIR);
    bool is_reset = step >= RAFT_STEP_RESET_CLOSE;
    if (io->op == RAFT_IO_UNLINK) {
        size_t position = is_reset ? storage->segment_count - 1 : 0;
        raft_segment_name(raft_steps[step].part, storage->segments[position].first, io->name);
    } else if (io->op == RAFT_IO_CLOSE) {
        io->file = raft_step_is_of_ids(step) ? storage->ids_file : storage->segment_file;
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
    enum raft_step_id step = lane->step;
    bool ok = lane->io.status == RAFT_OK;
    *out_status = RAFT_OK;
    if (step == RAFT_STEP_COMPACT_IDS_UNLINK || step == RAFT_STEP_COMPACT_UNLINK) {
        bool is_gone = ok || lane->io.status == RAFT_NOT_FOUND;
        storage->is_unlinked = is_gone && step == RAFT_STEP_COMPACT_UNLINK;
        return is_gone ? (enum raft_step_id)(step + 1) : RAFT_STEP_NONE;
    }
    if (!ok) {
        /* The sync's own failure, hence no fault point here. */
        *out_status = RAFT_IO;
        return RAFT_STEP_NONE;
    }
    if (step == RAFT_STEP_COMPACT_IDS_SYNC_DIR) {
        return RAFT_STEP_COMPACT_UNLINK;
    }
    assert(step == RAFT_STEP_COMPACT_SYNC_DIR);
    if (storage->is_unlinked) {
        storage->is_unlinked = false;
        forget_first(storage);
    }
    return is_covered(storage) ? RAFT_STEP_COMPACT_IDS_UNLINK : RAFT_STEP_NONE;
}

static enum raft_step_id reset_next(struct raft_storage *storage, enum raft_status *out_status)
{
    const struct raft_lane *lane = &storage->log_lane;
    enum raft_step_id step = lane->step;
    *out_status = RAFT_OK;
    /* An error of a close is no concern: what the segment holds was synced, and goes now. */
    if (step == RAFT_STEP_RESET_CLOSE) {
        storage->segment_file = 0;
        return RAFT_STEP_RESET_IDS_CLOSE;
    }
    if (step == RAFT_STEP_RESET_IDS_CLOSE) {
        storage->ids_file = 0;
        return RAFT_STEP_RESET_IDS_UNLINK;
    }
    /* A compaction may have taken the identities of what is now the last segment, and no more. */
    bool was_gone = step == RAFT_STEP_RESET_IDS_UNLINK && lane->io.status == RAFT_NOT_FOUND;
    if (lane->io.status != RAFT_OK && !was_gone) {
        /* The operation's own failure, hence no fault point here. */
        *out_status = RAFT_IO;
        return RAFT_STEP_NONE;
    }
    if (step != RAFT_STEP_RESET_SYNC_DIR) {
        assert(step >= RAFT_STEP_RESET_IDS_UNLINK && step < RAFT_STEP_RESET_SYNC_DIR);
        storage->is_unlinked = step == RAFT_STEP_RESET_UNLINK;
        return (enum raft_step_id)(step + 1);
    }
    if (storage->is_unlinked) {
        storage->is_unlinked = false;
        storage->segment_count--;
    }
    if (storage->segment_count > 0) {
        return RAFT_STEP_RESET_IDS_UNLINK;
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
