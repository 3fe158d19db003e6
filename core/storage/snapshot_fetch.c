/* The jobs that read the published snapshot: FETCH of a piece, and RESTORE into the state machine.
 *
 *   FETCH     open -> [ read all ]* -> read the piece -> close
 *                     (only ahead of the first piece)
 *   RESTORE   open -> [ read ]* -> close
 *
 *  1. A piece at offset 0 is given only after the whole file has matched its checksums: what has
 *     rotted is not sent to anybody.
 *  2. Whatever is wrong with the file (an error, a short read, other bytes) is RAFT_CORRUPT: the
 *     published snapshot cannot be used any more, and another one has to take its place. Only when
 *     that has happened meanwhile is it RAFT_STALE.
 *  3. The state machine takes over the state after all of the file has matched, or not at all.
 *  4. For a witness the *frame* is fetched: header and trailer of the same snapshot with an empty
 *     state. Its bytes are made from what is known of the file; that it is there is seen. */
#include "storage_internal.h"

#include <assert.h>
#include <string.h>

void raft_fetch_release(struct raft_storage *storage)
{
    raft_reader_abort(storage, &storage->reader);
    storage->memory->free(storage->memory->ctx, storage->fetch_bytes);
    storage->fetch_bytes = NULL;
}

enum raft_status raft_storage_fetch(struct raft_storage *storage, struct raft_entry_id id,
                                    uint64_t offset, bool frame_only)
{
    const struct raft_memory *memory = storage->memory;
    struct raft_snapshot snapshot = storage->snapshot;
    assert(storage->fetch_lane.job == RAFT_JOB_NONE && storage->fetch_bytes == NULL);
    if (frame_only) {
        snapshot.size = raft_snapshot_file_size(0);
    }
    bool is_other =
        snapshot.id.index != id.index || snapshot.id.term != id.term || offset >= snapshot.size;
    if (raft_exit_taken(memory, RAFT_AT_SNAPSHOT_FETCH_STALE, is_other)) {
        return RAFT_STALE;
    }
    uint64_t left = snapshot.size - offset;
    storage->fetch_size = left < storage->chunk_size ? (uint32_t)left : storage->chunk_size;
    storage->fetch_bytes =
        memory->alloc(memory->ctx, RAFT_AT_SNAPSHOT_FETCH_BUFFER, storage->fetch_size);
    if (storage->fetch_bytes == NULL) {
        return RAFT_NOMEM;
    }
    storage->fetching = snapshot;
    storage->fetches_frame = frame_only;
    storage->fetch_offset = offset;
    storage->fetch_result = RAFT_OK;
    enum raft_status status =
        raft_lane_start(storage, &storage->fetch_lane, RAFT_JOB_FETCH, RAFT_STEP_FETCH_OPEN);
    if (status != RAFT_OK) {
        raft_fetch_release(storage);
    }
    return status;
}

enum raft_status raft_storage_restore(struct raft_storage *storage)
{
    const struct raft_memory *memory = storage->memory;
    assert(storage->fetch_lane.job == RAFT_JOB_NONE && storage->fetch_bytes == NULL);
    assert(storage->snapshot.id.index > 0);
    storage->fetch_size = (uint32_t)raft_storage_room(storage);
    storage->fetch_bytes =
        memory->alloc(memory->ctx, RAFT_AT_SNAPSHOT_RESTORE_BUFFER, storage->fetch_size);
    if (storage->fetch_bytes == NULL) {
        return RAFT_NOMEM;
    }
    storage->fetching = storage->snapshot;
    storage->fetches_frame = false;
    storage->fetch_result = RAFT_OK;
    enum raft_status status =
        raft_lane_start(storage, &storage->fetch_lane, RAFT_JOB_RESTORE, RAFT_STEP_RESTORE_OPEN);
    if (status != RAFT_OK) {
        raft_fetch_release(storage);
    }
    return status;
}

void raft_fetch_prepare(struct raft_storage *storage, enum raft_step_id step, struct raft_io *io)
{
    assert(step >= RAFT_STEP_FETCH_OPEN && step <= RAFT_STEP_RESTORE_CLOSE);
    if (io->op == RAFT_IO_OPEN) {
        raft_snapshot_name(storage->fetching.id.index, io->name);
        return;
    }
    assert(storage->fetch_file != 0);
    io->file = storage->fetch_file;
    if (step == RAFT_STEP_FETCH_READ) {
        io->offset = storage->fetch_offset;
        io->size = storage->fetch_size;
        io->bytes = storage->fetch_bytes;
    } else if (io->op == RAFT_IO_READ) {
        raft_reader_prepare(&storage->reader, io);
    }
}

/* The file cannot be used. */
static enum raft_step_id give_up(struct raft_storage *storage, enum raft_step_id step)
{
    bool is_other = storage->snapshot.id.index != storage->fetching.id.index;
    /* A translation, hence no fault point: the operation, or the check of its bytes, had one. */
    storage->fetch_result = is_other ? RAFT_STALE : RAFT_CORRUPT;
    return step;
}

/* The piece of the frame that was asked for. */
static void fetch_frame(struct raft_storage *storage)
{
    uint8_t frame[RAFT_SNAPSHOT_HEADER_SIZE + RAFT_SNAPSHOT_TRAILER_SIZE];
    assert(storage->fetching.size == sizeof frame);
    assert(storage->fetch_offset + storage->fetch_size <= sizeof frame);
    raft_snapshot_header_encode(&storage->fetching, frame);
    raft_snapshot_trailer_encode(raft_crc32c(0, frame, RAFT_SNAPSHOT_HEADER_SIZE),
                                 frame + RAFT_SNAPSHOT_HEADER_SIZE);
    memcpy(storage->fetch_bytes, frame + storage->fetch_offset, storage->fetch_size);
}

/* The file is open: what comes next, if it is the one. */
static enum raft_step_id opened(struct raft_storage *storage)
{
    const struct raft_lane *lane = &storage->fetch_lane;
    bool is_restore = lane->job == RAFT_JOB_RESTORE;
    enum raft_step_id closing = is_restore ? RAFT_STEP_RESTORE_CLOSE : RAFT_STEP_FETCH_CLOSE;
    storage->fetch_file = lane->io.file;
    if (storage->fetches_frame) {
        fetch_frame(storage);
        return closing;
    }
    if (lane->io.file_size != storage->fetching.size) {
        return give_up(storage, closing);
    }
    if (!is_restore && storage->fetch_offset > 0) {
        return RAFT_STEP_FETCH_READ;
    }
    bool is_large_enough =
        raft_reader_begin(&storage->reader, storage->fetching.id.index, storage->fetch_bytes,
                          storage->fetch_size, lane->io.file_size, is_restore);
    assert(is_large_enough);
    return is_restore ? RAFT_STEP_RESTORE_READ : RAFT_STEP_FETCH_CHECK;
}

/* The reader's next piece has come. */
static enum raft_step_id read_on(struct raft_storage *storage)
{
    const struct raft_lane *lane = &storage->fetch_lane;
    bool is_restore = lane->job == RAFT_JOB_RESTORE;
    enum raft_step_id closing = is_restore ? RAFT_STEP_RESTORE_CLOSE : RAFT_STEP_FETCH_CLOSE;
    enum raft_reading reading = raft_reader_take(storage, &storage->reader, &lane->io);
    switch (reading) {
    case RAFT_READING_MORE:
        return lane->step;
    case RAFT_READING_GOOD:
        return is_restore ? closing : RAFT_STEP_FETCH_READ;
    case RAFT_READING_BAD:
        return give_up(storage, closing);
    case RAFT_READING_REFUSED:
        /* The state machine's own failure, hence no fault point here. */
        storage->fetch_result = RAFT_MACHINE;
        return closing;
    }
    assert(!"a reading is one of these");
    return RAFT_STEP_NONE;
}

enum raft_step_id raft_fetch_next(struct raft_storage *storage, enum raft_status *out_status)
{
    const struct raft_lane *lane = &storage->fetch_lane;
    enum raft_step_id step = RAFT_STEP_NONE;
    if (lane->io.op == RAFT_IO_OPEN) {
        step = lane->io.status == RAFT_OK ? opened(storage) : give_up(storage, RAFT_STEP_NONE);
    } else if (lane->io.op == RAFT_IO_CLOSE) {
        /* An error is no concern: the file has only been read. */
        storage->fetch_file = 0;
    } else if (lane->step == RAFT_STEP_FETCH_READ) {
        bool is_whole = lane->io.status == RAFT_OK && lane->io.done == lane->io.size;
        step = is_whole ? RAFT_STEP_FETCH_CLOSE : give_up(storage, RAFT_STEP_FETCH_CLOSE);
    } else {
        step = read_on(storage);
    }
    *out_status = storage->fetch_result;
    return step;
}
