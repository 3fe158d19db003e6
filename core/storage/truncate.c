/* The TRUNCATE job: every entry behind an index is removed, durably.
 *
 *   close last -> [ unlink ids -> sync directory -> unlink log -> sync directory ]* -> open -.
 *      (these only when the cut is not in the last segment)                                  v
 *                                   truncate ids -> sync -> truncate the log -> sync -> done
 *
 * The segment to cut is the last one that begins at or before keep_last + 1. It becomes the last
 * segment, and may be left without a record.
 *
 *  1. Segments go back to front, and each unlink is durable before the next: whenever the process
 *     dies, what is left is a prefix of the log, without a hole, that ends at or behind keep_last.
 *  2. An identity goes before its record, durably: whenever the process dies, none of them stands
 *     for an entry that is gone.
 *  3. The cut is durable before the job ends, hence before any later append: what stood behind it
 *     never follows a new record.
 *  4. There is nothing to undo: any failure ends the job with RAFT_IO. */
#include "storage_internal.h"

#include <assert.h>

/* The segment to cut; there is at least one. */
static size_t target(const struct raft_storage *storage)
{
    return raft_storage_position(storage, storage->keep_last + 1);
}

/* What the target is cut to. */
static uint64_t cut_size(const struct raft_storage *storage)
{
    if (storage->keep_last < raft_storage_last(storage)) {
        return raft_storage_offset(storage, storage->keep_last + 1);
    }
    return storage->segments[storage->segment_count - 1].size;
}

enum raft_status raft_storage_truncate(struct raft_storage *storage, raft_index keep_last,
                                       uint64_t generation)
{
    assert(storage->log_lane.job == RAFT_JOB_NONE);
    /* The append of what is to be removed may have failed, and then there is less to remove. */
    storage->keep_last = keep_last;
    if (storage->keep_last > raft_storage_last(storage)) {
        storage->keep_last = raft_storage_last(storage);
    }
    assert(storage->keep_last >= storage->offset_base);
    enum raft_step_id step = RAFT_STEP_CUT_NOTHING;
    if (storage->segment_count > 0) {
        bool in_last = target(storage) == storage->segment_count - 1;
        step = in_last ? RAFT_STEP_CUT_IDS_TRUNCATE : RAFT_STEP_CUT_CLOSE;
    }
    enum raft_status status = raft_lane_start(storage, &storage->log_lane, RAFT_JOB_TRUNCATE, step);
    if (status == RAFT_OK) {
        storage->generation = generation;
    }
    return status;
}

void raft_truncate_prepare(struct raft_storage *storage, enum raft_step_id step, struct raft_io *io)
{
    assert(step >= RAFT_STEP_CUT_CLOSE && step <= RAFT_STEP_CUT_NOTHING);
    if (io->op == RAFT_IO_UNLINK || io->op == RAFT_IO_OPEN) {
        raft_segment_name(raft_steps[step].part,
                          storage->segments[storage->segment_count - 1].first, io->name);
    } else if (io->op != RAFT_IO_SYNC_DIR) {
        io->file = raft_step_is_of_ids(step) ? storage->ids_file : storage->segment_file;
        assert(io->file != 0);
    }
    if (step == RAFT_STEP_CUT_TRUNCATE) {
        io->offset = cut_size(storage);
    } else if (step == RAFT_STEP_CUT_IDS_TRUNCATE) {
        io->offset = raft_id_offset(storage->segments[storage->segment_count - 1].first,
                                    storage->keep_last + 1);
    }
}

/* The last segment is gone for good. */
static void forget_segment(struct raft_storage *storage)
{
    assert(storage->segment_count > 1);
    storage->segment_count--;
    raft_index first = storage->segments[storage->segment_count].first;
    assert(first > storage->offset_base && first - 1 <= raft_storage_last(storage));
    storage->offset_count = (size_t)(first - 1 - storage->offset_base);
}

/* The target has been cut. */
static void commit_cut(struct raft_storage *storage)
{
    struct raft_segment *segment = &storage->segments[storage->segment_count - 1];
    segment->size = cut_size(storage);
    storage->offset_count = (size_t)(storage->keep_last - storage->offset_base);
    assert(segment->size >= RAFT_SEGMENT_HEADER_SIZE);
    assert(segment->first <= storage->keep_last + 1);
}

/* A segment is closed or gone: what follows. */
static enum raft_step_id step_back(const struct raft_storage *storage)
{
    bool is_reached = target(storage) == storage->segment_count - 1;
    return is_reached ? RAFT_STEP_CUT_OPEN : RAFT_STEP_CUT_IDS_UNLINK;
}

enum raft_step_id raft_truncate_next(struct raft_storage *storage, enum raft_status *out_status)
{
    const struct raft_lane *lane = &storage->log_lane;
    enum raft_step_id step = lane->step;
    *out_status = RAFT_OK;
    /* An error of a close is no concern: what the segment holds was synced, and goes now. */
    if (step == RAFT_STEP_CUT_CLOSE) {
        storage->segment_file = 0;
        return RAFT_STEP_CUT_IDS_CLOSE;
    }
    if (step == RAFT_STEP_CUT_IDS_CLOSE) {
        storage->ids_file = 0;
        return step_back(storage);
    }
    if (lane->io.status != RAFT_OK) {
        /* The operation's own failure, hence no fault point here. */
        *out_status = RAFT_IO;
        return RAFT_STEP_NONE;
    }
    if (step == RAFT_STEP_CUT_SYNC_DIR) {
        forget_segment(storage);
        return step_back(storage);
    }
    if (step == RAFT_STEP_CUT_OPEN) {
        storage->segment_file = lane->io.file;
    } else if (step == RAFT_STEP_CUT_IDS_OPEN) {
        storage->ids_file = lane->io.file;
    } else if (step == RAFT_STEP_CUT_SYNC) {
        commit_cut(storage);
    }
    if (step == RAFT_STEP_CUT_SYNC || step == RAFT_STEP_CUT_NOTHING) {
        return RAFT_STEP_NONE;
    }
    assert(step >= RAFT_STEP_CUT_IDS_UNLINK && step < RAFT_STEP_CUT_SYNC);
    return (enum raft_step_id)(step + 1);
}
