/* The REPAIR job: the payload of a damaged record put back where it was.
 *
 *   [open] -> read the identity -> write -> sync -> [close] -> done      in brackets: unless it is
 *                  | does not fit                                       the last segment
 *                  '-> [close] -> RAFT_CORRUPT
 *
 *  1. A record is rewritten bit for bit: its identity, which is good, is the file's own, and the
 *     payload must have the checksum that stands there. So a crash in the middle leaves a record
 *     that is damaged as before, or whole.
 *  2. Its offset and its span do not change, and no other record is touched.
 *  3. There is nothing to undo. An operation that fails ends the job with RAFT_IO. An identity that
 *     the entry does not have changes nothing: it is damaged, too, or two nodes have different
 *     entries of one id. */
#include "storage_internal.h"

#include <assert.h>
#include <string.h>

/* The segment that has the record; there is one. */
static const struct raft_segment *segment_of(const struct raft_storage *storage, raft_index index)
{
    assert(index > storage->offset_base && index <= raft_storage_last(storage));
    size_t position = storage->segment_count - 1;
    while (storage->segments[position].first > index) {
        assert(position > 0);
        position--;
    }
    return &storage->segments[position];
}

static bool is_in_last(const struct raft_storage *storage)
{
    raft_index first = storage->segments[storage->segment_count - 1].first;
    return storage->last.index >= first;
}

enum raft_status raft_storage_repair(struct raft_storage *storage, const struct raft_entry *entry)
{
    assert(storage->log_lane.job == RAFT_JOB_NONE && storage->spare_file == 0);
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

void raft_repair_prepare(struct raft_storage *storage, enum raft_step_id step, struct raft_io *io)
{
    assert(step >= RAFT_STEP_REPAIR_OPEN && step <= RAFT_STEP_REPAIR_CLOSE);
    if (step == RAFT_STEP_REPAIR_OPEN) {
        raft_segment_name(segment_of(storage, storage->last.index)->first, io->name);
        return;
    }
    io->file = is_in_last(storage) ? storage->segment_file : storage->spare_file;
    assert(io->file != 0);
    if (step == RAFT_STEP_REPAIR_READ || step == RAFT_STEP_REPAIR_WRITE) {
        io->offset = storage->offsets[storage->last.index - storage->offset_base - 1];
        io->bytes = storage->buffer;
        io->size = step == RAFT_STEP_REPAIR_READ ? RAFT_RECORD_HEADER_SIZE : storage->batch_size;
    }
}

/* Whether the identity that was read is the entry's, and has the payload's checksum. */
static bool fits(const struct raft_storage *storage)
{
    raft_index first = segment_of(storage, storage->last.index)->first;
    uint64_t offset = storage->offsets[storage->last.index - storage->offset_base - 1];
    struct raft_record record;
    return raft_record_check(storage->buffer, storage->batch_size, first, offset, &record) &&
           record.is_whole && record.id.index == storage->last.index &&
           record.id.term == storage->last.term && record.span == storage->batch_size;
}

enum raft_step_id raft_repair_next(struct raft_storage *storage, enum raft_status *out_status)
{
    const struct raft_io *io = &storage->log_lane.io;
    enum raft_step_id step = storage->log_lane.step;
    *out_status = RAFT_OK;
    if (step == RAFT_STEP_REPAIR_CLOSE) {
        /* An error is no concern: what was written has been synced. */
        storage->spare_file = 0;
        *out_status = storage->result;
        return RAFT_STEP_NONE;
    }
    bool moves_bytes = step == RAFT_STEP_REPAIR_READ || step == RAFT_STEP_REPAIR_WRITE;
    if (io->status != RAFT_OK || (moves_bytes && io->done != io->size)) {
        /* The operation's own failure, hence no fault point here. */
        *out_status = RAFT_IO;
        return RAFT_STEP_NONE;
    }
    if (step == RAFT_STEP_REPAIR_OPEN) {
        storage->spare_file = io->file;
        return RAFT_STEP_REPAIR_READ;
    }
    if (step == RAFT_STEP_REPAIR_READ) {
        if (raft_exit_taken(storage->memory, RAFT_AT_SEGMENT_REPAIR_MISMATCH, !fits(storage))) {
            storage->result = RAFT_CORRUPT;
            *out_status = RAFT_CORRUPT;
            return storage->spare_file != 0 ? RAFT_STEP_REPAIR_CLOSE : RAFT_STEP_NONE;
        }
        return RAFT_STEP_REPAIR_WRITE;
    }
    if (step == RAFT_STEP_REPAIR_WRITE) {
        return RAFT_STEP_REPAIR_SYNC;
    }
    assert(step == RAFT_STEP_REPAIR_SYNC);
    return storage->spare_file != 0 ? RAFT_STEP_REPAIR_CLOSE : RAFT_STEP_NONE;
}
