/* The REPAIR job: a damaged record put back where it was, and its identity in the other file.
 *
 *   [open both] -> read the identity -> read the other one -> mark the other one -> sync -.
 *                  in brackets: unless it is  | neither fits                               v
 *                  in the last segment        |                                 write -> sync -.
 *                                             '-> [close both] -> RAFT_CORRUPT                v
 *                                               done <- [close both] <- sync <- take the mark off
 *
 *  1. A record is rewritten bit for bit: its identity is that of the files, from whichever copy is
 *     good, and the payload must have the checksum that stands there. So a crash in the middle
 *     leaves a record that is damaged as before, or whole.
 *  2. Whole does not mean durable: when the sync of the record fails the next process finds what it
 *     was to reach the disk with in the cache. That is what the mark is for. It is durable before
 *     the record is touched, and stays until the record is durable; whole with the mark is written
 *     again at start.
 *  3. The identity in the other file may be the only good one. Then only the byte of the mark is
 *     written, which its checksum does not cover. It is written whole only when it is bad.
 *  4. Its offset and its span do not change, and no other record is touched.
 *  5. There is nothing to undo. An operation that fails ends the job with RAFT_IO. When neither
 *     copy of the identity is the entry's nothing is changed: both are damaged, or two nodes
 *     have different entries of one id. A copy that cannot be read to its end is a bad one. */
#include "storage_internal.h"

#include <assert.h>
#include <string.h>

static bool is_in_last(const struct raft_storage *storage)
{
    return raft_storage_position(storage, storage->last.index) == storage->segment_count - 1;
}

/* The first index of the segment that has the record. */
static raft_index segment_first(const struct raft_storage *storage)
{
    return storage->segments[raft_storage_position(storage, storage->last.index)].first;
}

enum raft_status raft_storage_repair(struct raft_storage *storage, const struct raft_entry *entry)
{
    assert(storage->log_lane.job == RAFT_JOB_NONE);
    assert(storage->spare_file == 0 && storage->spare_ids == 0);
    assert(!entry->damaged && entry->id.index <= raft_storage_last(storage));
    size_t span = raft_record_span(entry->size);
    enum raft_status status = raft_storage_reserve_buffer(storage, span);
    if (status != RAFT_OK) {
        return status;
    }
    storage->last = entry->id;
    storage->result = RAFT_OK;
    storage->batch_size = span;
    /* The identity's room is filled by reading it. */
    memset(storage->buffer, 0, span);
    if (entry->size > 0) {
        memcpy(storage->buffer + RAFT_RECORD_HEADER_SIZE, entry->payload, entry->size);
    }
    enum raft_step_id step = is_in_last(storage) ? RAFT_STEP_REPAIR_READ : RAFT_STEP_REPAIR_OPEN;
    return raft_lane_start(storage, &storage->log_lane, RAFT_JOB_REPAIR, step);
}

/* Which bytes of the identity: all of them, or those of the mark and nothing else. */
static void prepare_id(struct raft_storage *storage, enum raft_step_id step, raft_index first,
                       struct raft_io *io)
{
    bool is_all = step == RAFT_STEP_REPAIR_IDS_READ ||
                  (step == RAFT_STEP_REPAIR_MARK && !storage->has_good_id);
    size_t begin = is_all ? 0 : RAFT_ID_MARK;
    if (step == RAFT_STEP_REPAIR_IDS_WRITE) {
        storage->ids[RAFT_ID_MARK] = 0;
    }
    io->offset = raft_id_offset(first, storage->last.index) + begin;
    io->bytes = storage->ids + begin;
    io->size = is_all ? RAFT_ID_SIZE : 1;
}

void raft_repair_prepare(struct raft_storage *storage, enum raft_step_id step, struct raft_io *io)
{
    assert(step >= RAFT_STEP_REPAIR_OPEN && step <= RAFT_STEP_REPAIR_IDS_CLOSE);
    raft_index first = segment_first(storage);
    bool is_ids = raft_step_is_of_ids(step);
    if (io->op == RAFT_IO_OPEN) {
        raft_segment_name(raft_steps[step].part, first, io->name);
        return;
    }
    if (is_in_last(storage)) {
        io->file = is_ids ? storage->ids_file : storage->segment_file;
    } else {
        io->file = is_ids ? storage->spare_ids : storage->spare_file;
    }
    assert(io->file != 0);
    if (io->op != RAFT_IO_READ && io->op != RAFT_IO_WRITE) {
        return;
    }
    if (is_ids) {
        prepare_id(storage, step, first, io);
    } else {
        io->offset = raft_storage_offset(storage, storage->last.index);
        io->bytes = storage->buffer;
        io->size = step == RAFT_STEP_REPAIR_READ ? RAFT_RECORD_HEADER_SIZE : storage->batch_size;
    }
}

/* Whether an identity is the entry's, and has the payload's checksum. */
static bool fits(const struct raft_storage *storage, const struct raft_record *record)
{
    return record->id.index == storage->last.index && record->id.term == storage->last.term &&
           record->span == storage->batch_size &&
           record->payload_crc == raft_record_payload_crc(storage->buffer, storage->batch_size);
}

/* Makes both copies of the identity from the one that is good, the one for the other file with the
 * mark. False: neither is the entry's. */
static bool restore_identity(struct raft_storage *storage)
{
    raft_index first = segment_first(storage);
    uint64_t offset = raft_storage_offset(storage, storage->last.index);
    struct raft_record record;
    struct raft_record own;
    storage->has_good_id = raft_id_decode(storage->ids, first, storage->last.index, &record) &&
                           fits(storage, &record) && record.offset == offset;
    bool has_own = raft_record_check(storage->buffer, storage->batch_size, first, offset, &own) &&
                   fits(storage, &own);
    if (!storage->has_good_id && has_own) {
        record = own;
    }
    bool is_good = storage->has_good_id || has_own;
    if (is_good) {
        record.is_marked = true;
        raft_identity_encode(&record, first, storage->buffer);
        raft_id_encode(&record, first, storage->ids);
    }
    return is_good;
}

/* What follows the last operation on the files: an error of a close is no concern, what was written
 * is durable. */
static enum raft_step_id leave(const struct raft_storage *storage, enum raft_status *out_status)
{
    *out_status = storage->result;
    if (storage->spare_file != 0) {
        return RAFT_STEP_REPAIR_CLOSE;
    }
    return storage->spare_ids != 0 ? RAFT_STEP_REPAIR_IDS_CLOSE : RAFT_STEP_NONE;
}

enum raft_step_id raft_repair_next(struct raft_storage *storage, enum raft_status *out_status)
{
    const struct raft_io *io = &storage->log_lane.io;
    enum raft_step_id step = storage->log_lane.step;
    *out_status = RAFT_OK;
    if (step == RAFT_STEP_REPAIR_CLOSE) {
        storage->spare_file = 0;
        return leave(storage, out_status);
    }
    if (step == RAFT_STEP_REPAIR_IDS_CLOSE) {
        storage->spare_ids = 0;
        return leave(storage, out_status);
    }
    if (io->status != RAFT_OK || (io->op == RAFT_IO_WRITE && io->done != io->size)) {
        /* The operation's own failure, hence no fault point here. */
        *out_status = RAFT_IO;
        return RAFT_STEP_NONE;
    }
    if (io->op == RAFT_IO_READ) {
        memset(io->bytes + io->done, 0, io->size - io->done);
    }
    if (step == RAFT_STEP_REPAIR_OPEN) {
        storage->spare_file = io->file;
    } else if (step == RAFT_STEP_REPAIR_IDS_OPEN) {
        storage->spare_ids = io->file;
    }
    if (step == RAFT_STEP_REPAIR_IDS_READ) {
        bool is_lost = !restore_identity(storage);
        if (raft_exit_taken(storage->memory, RAFT_AT_SEGMENT_REPAIR_MISMATCH, is_lost)) {
            storage->result = RAFT_CORRUPT;
            return leave(storage, out_status);
        }
    }
    if (step == RAFT_STEP_REPAIR_IDS_SYNC) {
        return leave(storage, out_status);
    }
    assert(step < RAFT_STEP_REPAIR_IDS_SYNC);
    return (enum raft_step_id)(step + 1);
}
