/* The APPEND job: one batch of entries made durable in the last segment, then their identities in
 * the file beside it.
 *
 *   [roll]  create new -> write header -> sync -.           -> sync directory -> close old ones -.
 *           (the log, then likewise the ids)    '-----------'                                    v
 *              | fail: close both -> unlink both -> sync directory -> fail                       |
 *   .--------------------------------------------------------------------------------------------'
 *   '-> write -> sync -> write ids -> sync -> done
 *         | fail            | fail
 *         |                 '-> truncate ids -> sync -.
 *         '-------------------------------------------+-> truncate -> sync -> fail
 *
 * A batch goes into one segment. When it would take the last one past segment_size_max, a new one
 * is begun first, unless the last one has no record yet: so a segment exceeds the bound only when
 * it holds a single batch that does.
 *
 *  1. One batch at a time: its first byte is written only after the batch before it was synced, or
 *     was cut off durably. Recovery rests on this: a bad record with a later batch behind it was
 *     acknowledged.
 *  2. An identity is written only when its record is durable, and the batch is acknowledged only
 *     when the identity is, too: a valid identity, and a bad record, is damage and no torn tail.
 *     An undo takes the identities first.
 *  3. A new segment's headers and directory entries are durable before its first record is written,
 *     and a segment is followed by another one only when all of it is durable.
 *  4. A failed sync ends the job with RAFT_IO and is never tried again. A failed write or create is
 *     undone, durably; then the files are as before the job (or have one more, empty segment).
 *  5. Memory for the completion is reserved before the first operation: an answer cannot fail.
 *  6. A short write is continued, since only the rest of it tells why it was short; a device that
 *     takes no byte at all has failed. */
#include "storage_internal.h"

#include <assert.h>

void raft_append_release(struct raft_storage *storage)
{
    while (storage->held_count > 0) {
        storage->held_count--;
        raft_entry_drop(storage->held[storage->held_count], RAFT_HOLDER_STORAGE);
    }
}

enum raft_status raft_storage_reserve_buffer(struct raft_storage *storage, size_t size)
{
    if (size <= storage->buffer_size) {
        return RAFT_OK;
    }
    const struct raft_memory *memory = storage->memory;
    uint8_t *buffer = memory->alloc(memory->ctx, RAFT_AT_SEGMENT_APPEND_BUFFER, size);
    if (buffer == NULL) {
        return RAFT_NOMEM;
    }
    memory->free(memory->ctx, storage->buffer);
    storage->buffer = buffer;
    storage->buffer_size = size;
    return RAFT_OK;
}

static bool must_roll(const struct raft_storage *storage, size_t batch_size)
{
    if (storage->segment_file == 0) {
        assert(storage->segment_count == 0);
        return true;
    }
    uint64_t size = storage->segments[storage->segment_count - 1].size;
    assert(size >= RAFT_SEGMENT_HEADER_SIZE);
    return size > RAFT_SEGMENT_HEADER_SIZE && size + batch_size > storage->segment_size_max;
}

/* Encodes [first, last], and the identities, for a place that begins at offset of a segment. */
static void encode_batch(struct raft_storage *storage, const struct raft_log *log, raft_index first,
                         raft_index last, raft_index segment_first, uint64_t offset)
{
    storage->batch_last++;
    size_t at = 0;
    for (raft_index index = first; index <= last; index++) {
        const struct raft_entry *entry = raft_log_peek(log, index);
        struct raft_record record = raft_record_encode(
            entry, storage->batch_last, first, segment_first, offset + at, storage->buffer + at);
        raft_id_encode(&record, segment_first, storage->ids + (index - first) * RAFT_ID_SIZE);
        at += record.span;
        assert(at <= storage->buffer_size);
    }
    storage->batch_size = at;
    storage->batch_done = 0;
    storage->ids_size = (size_t)(last - first + 1) * RAFT_ID_SIZE;
    storage->ids_done = 0;
}

/* The headers of a segment that begins at first, which is the one behind the log's last one that
 * storage has: its term is in memory. */
static void encode_headers(struct raft_storage *storage, const struct raft_log *log,
                           raft_index first)
{
    raft_term before = 0;
    enum raft_status status = raft_log_term(log, first - 1, &before);
    assert(status == RAFT_OK);
    (void)status;
    raft_segment_header_encode(RAFT_PART_LOG, first, before, storage->header_bytes);
    raft_segment_header_encode(RAFT_PART_IDS, first, before, storage->ids_header_bytes);
}

enum raft_status raft_storage_append(struct raft_storage *storage, const struct raft_log *log,
                                     raft_index first, struct raft_entry_id last,
                                     uint64_t generation)
{
    assert(storage->log_lane.job == RAFT_JOB_NONE && storage->held_count == 0);
    assert(first == raft_storage_last(storage) + 1 && last.index >= first);
    assert(last.index - first < storage->batch_entries_max);
    size_t size = 0;
    for (raft_index index = first; index <= last.index; index++) {
        size += raft_record_span(raft_log_peek(log, index)->size);
    }
    enum raft_status status = raft_storage_reserve_buffer(storage, size);
    if (status != RAFT_OK) {
        return status;
    }
    status = raft_storage_reserve_offsets(storage, RAFT_AT_SEGMENT_APPEND_OFFSETS,
                                          (size_t)(last.index - first + 1));
    if (status != RAFT_OK) {
        return status;
    }
    bool rolls = must_roll(storage, size);
    enum raft_step_id step = RAFT_STEP_APPEND_WRITE;
    raft_index segment_first = first;
    uint64_t offset = RAFT_SEGMENT_HEADER_SIZE;
    if (rolls) {
        status = raft_storage_reserve_segments(storage, RAFT_AT_SEGMENT_ROLL_TABLE);
        if (status != RAFT_OK) {
            return status;
        }
        encode_headers(storage, log, first);
        step = RAFT_STEP_ROLL_CREATE;
    } else {
        segment_first = storage->segments[storage->segment_count - 1].first;
        offset = storage->segments[storage->segment_count - 1].size;
    }
    encode_batch(storage, log, first, last.index, segment_first, offset);
    storage->first = first;
    status = raft_lane_start(storage, &storage->log_lane, RAFT_JOB_APPEND, step);
    if (status != RAFT_OK) {
        return status;
    }
    /* Nothing below can fail. */
    for (raft_index index = first; index <= last.index; index++) {
        struct raft_entry *entry = raft_log_peek(log, index);
        raft_entry_hold(entry, RAFT_HOLDER_STORAGE);
        storage->held[storage->held_count++] = entry;
    }
    assert(storage->held[storage->held_count - 1]->id.term == last.term);
    storage->last = last;
    storage->generation = generation;
    return RAFT_OK;
}

static void prepare_roll(struct raft_storage *storage, enum raft_step_id step, struct raft_io *io)
{
    bool is_ids = raft_step_is_of_ids(step);
    if (io->op == RAFT_IO_CREATE || io->op == RAFT_IO_UNLINK) {
        raft_segment_name(raft_steps[step].part, storage->first, io->name);
    } else if (io->op != RAFT_IO_SYNC_DIR) {
        io->file = is_ids ? storage->spare_ids : storage->spare_file;
        assert(io->file != 0);
    }
    if (io->op == RAFT_IO_WRITE) {
        io->size = RAFT_SEGMENT_HEADER_SIZE;
        io->bytes = is_ids ? storage->ids_header_bytes : storage->header_bytes;
    }
}

void raft_append_prepare(struct raft_storage *storage, enum raft_step_id step, struct raft_io *io)
{
    assert(step >= RAFT_STEP_ROLL_CREATE && step <= RAFT_STEP_UNDO_SYNC);
    if (step < RAFT_STEP_APPEND_WRITE) {
        prepare_roll(storage, step, io);
        return;
    }
    const struct raft_segment *segment = &storage->segments[storage->segment_count - 1];
    bool is_ids = raft_step_is_of_ids(step);
    io->file = is_ids ? storage->ids_file : storage->segment_file;
    io->offset = is_ids ? raft_id_offset(segment->first, storage->first) : segment->size;
    if (step == RAFT_STEP_APPEND_WRITE) {
        io->offset += storage->batch_done;
        io->size = storage->batch_size - storage->batch_done;
        io->bytes = storage->buffer + storage->batch_done;
    } else if (step == RAFT_STEP_IDS_WRITE) {
        io->offset += storage->ids_done;
        io->size = storage->ids_size - storage->ids_done;
        io->bytes = storage->ids + storage->ids_done;
    }
}

/* The new segment is durable: from now on it is the last one. */
static void adopt_segment(struct raft_storage *storage)
{
    assert(storage->segment_count < storage->segment_capacity);
    assert(storage->spare_file != 0 && storage->spare_ids != 0);
    storage->segments[storage->segment_count++] =
        (struct raft_segment){.first = storage->first, .size = RAFT_SEGMENT_HEADER_SIZE};
    raft_file old = storage->segment_file;
    raft_file old_ids = storage->ids_file;
    storage->segment_file = storage->spare_file;
    storage->ids_file = storage->spare_ids;
    storage->spare_file = old;
    storage->spare_ids = old_ids;
}

/* The batch is durable, and its identities are. */
static void commit_batch(struct raft_storage *storage)
{
    struct raft_segment *segment = &storage->segments[storage->segment_count - 1];
    for (uint32_t i = 0; i < storage->held_count; i++) {
        assert(storage->offset_count < storage->offset_capacity);
        storage->offsets[storage->offset_count++] = segment->size;
        segment->size += raft_record_span(storage->held[i]->size);
    }
    assert(raft_storage_last(storage) == storage->last.index);
    storage->append_errors = 0;
}

static enum raft_step_id end(enum raft_status status, enum raft_status *out_status)
{
    *out_status = status;
    return RAFT_STEP_NONE;
}

/* Everything has been undone: what the job reports. */
static enum raft_step_id end_undone(struct raft_storage *storage, enum raft_status *out_status)
{
    assert(storage->result == RAFT_NOSPACE || storage->result == RAFT_BUSY);
    if (storage->result == RAFT_NOSPACE) {
        return end(RAFT_NOSPACE, out_status);
    }
    storage->append_errors++;
    /* The write's own failure, hence no fault point here. */
    bool too_many = storage->append_errors >= storage->append_errors_max;
    return end(too_many ? RAFT_IO : RAFT_BUSY, out_status);
}

/* A write or a create has failed: undo from a step on. */
static enum raft_step_id undo(struct raft_storage *storage, enum raft_step_id step)
{
    storage->result = raft_storage_refusal(storage->log_lane.io.status);
    return step;
}

/* Undoes a roll: closes what of the new segment is open, then removes its files. */
static enum raft_step_id unroll(const struct raft_storage *storage)
{
    if (storage->spare_file != 0) {
        return RAFT_STEP_UNROLL_CLOSE;
    }
    return storage->spare_ids != 0 ? RAFT_STEP_UNROLL_IDS_CLOSE : RAFT_STEP_UNROLL_IDS_UNLINK;
}

/* The new segment could not be created whole. */
static enum raft_step_id unroll_next(struct raft_storage *storage, enum raft_status *out_status)
{
    enum raft_status status = storage->log_lane.io.status;
    enum raft_step_id step = storage->log_lane.step;
    if (step == RAFT_STEP_UNROLL_CLOSE) {
        storage->spare_file = 0;
        return unroll(storage);
    }
    if (step == RAFT_STEP_UNROLL_IDS_CLOSE) {
        storage->spare_ids = 0;
        return unroll(storage);
    }
    bool is_unlink = step == RAFT_STEP_UNROLL_UNLINK || step == RAFT_STEP_UNROLL_IDS_UNLINK;
    bool was_never_there = is_unlink && status == RAFT_NOT_FOUND;
    if (status != RAFT_OK && !was_never_there) {
        return end(RAFT_IO, out_status);
    }
    if (step == RAFT_STEP_UNROLL_IDS_UNLINK) {
        return RAFT_STEP_UNROLL_UNLINK;
    }
    if (step == RAFT_STEP_UNROLL_UNLINK) {
        return RAFT_STEP_UNROLL_SYNC_DIR;
    }
    assert(step == RAFT_STEP_UNROLL_SYNC_DIR);
    return end_undone(storage, out_status);
}

/* The old segment is closed, what is open of it. An error is no concern: what it holds was synced
 * batch by batch. */
static enum raft_step_id leave_old(const struct raft_storage *storage)
{
    if (storage->spare_file != 0) {
        return RAFT_STEP_ROLL_CLOSE;
    }
    return storage->spare_ids != 0 ? RAFT_STEP_ROLL_IDS_CLOSE : RAFT_STEP_APPEND_WRITE;
}

static enum raft_step_id roll_next(struct raft_storage *storage, enum raft_status *out_status)
{
    const struct raft_io *io = &storage->log_lane.io;
    enum raft_step_id step = storage->log_lane.step;
    bool ok = io->status == RAFT_OK;
    if (step == RAFT_STEP_ROLL_CREATE || step == RAFT_STEP_ROLL_IDS_CREATE) {
        if (!ok) {
            /* It may exist all the same. */
            return undo(storage, unroll(storage));
        }
        bool is_log = step == RAFT_STEP_ROLL_CREATE;
        *(is_log ? &storage->spare_file : &storage->spare_ids) = io->file;
        return is_log ? RAFT_STEP_ROLL_WRITE : RAFT_STEP_ROLL_IDS_WRITE;
    }
    if (step == RAFT_STEP_ROLL_WRITE || step == RAFT_STEP_ROLL_IDS_WRITE) {
        bool is_whole = ok && io->done == io->size;
        return is_whole ? (enum raft_step_id)(step + 1) : undo(storage, unroll(storage));
    }
    if (step == RAFT_STEP_ROLL_CLOSE || step == RAFT_STEP_ROLL_IDS_CLOSE) {
        *(step == RAFT_STEP_ROLL_CLOSE ? &storage->spare_file : &storage->spare_ids) = 0;
        return leave_old(storage);
    }
    if (!ok) {
        return end(RAFT_IO, out_status);
    }
    if (step == RAFT_STEP_ROLL_SYNC) {
        return RAFT_STEP_ROLL_IDS_CREATE;
    }
    if (step == RAFT_STEP_ROLL_IDS_SYNC) {
        return RAFT_STEP_ROLL_SYNC_DIR;
    }
    assert(step == RAFT_STEP_ROLL_SYNC_DIR);
    adopt_segment(storage);
    return leave_old(storage);
}

/* The answer to a write of the batch or of its identities. */
static enum raft_step_id written(struct raft_storage *storage, size_t *done, size_t size,
                                 enum raft_step_id undone_by)
{
    const struct raft_io *io = &storage->log_lane.io;
    enum raft_step_id step = storage->log_lane.step;
    if (io->status != RAFT_OK || io->done == 0) {
        return undo(storage, undone_by);
    }
    *done += io->done;
    assert(*done <= size);
    return *done == size ? (enum raft_step_id)(step + 1) : step;
}

enum raft_step_id raft_append_next(struct raft_storage *storage, enum raft_status *out_status)
{
    enum raft_step_id step = storage->log_lane.step;
    bool ok = storage->log_lane.io.status == RAFT_OK;
    if (step < RAFT_STEP_UNROLL_CLOSE) {
        return roll_next(storage, out_status);
    }
    if (step < RAFT_STEP_APPEND_WRITE) {
        return unroll_next(storage, out_status);
    }
    if (step == RAFT_STEP_APPEND_WRITE) {
        return written(storage, &storage->batch_done, storage->batch_size, RAFT_STEP_UNDO_TRUNCATE);
    }
    if (step == RAFT_STEP_IDS_WRITE) {
        return written(storage, &storage->ids_done, storage->ids_size, RAFT_STEP_UNDO_IDS_TRUNCATE);
    }
    if (!ok) {
        return end(RAFT_IO, out_status);
    }
    if (step == RAFT_STEP_APPEND_SYNC) {
        return RAFT_STEP_IDS_WRITE;
    }
    if (step == RAFT_STEP_IDS_SYNC) {
        commit_batch(storage);
        return end(RAFT_OK, out_status);
    }
    if (step != RAFT_STEP_UNDO_SYNC) {
        assert(step >= RAFT_STEP_UNDO_IDS_TRUNCATE && step < RAFT_STEP_UNDO_SYNC);
        return (enum raft_step_id)(step + 1);
    }
    return end_undone(storage, out_status);
}
