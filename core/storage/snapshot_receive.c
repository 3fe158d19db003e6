/* The RECEIVE job: one piece of a snapshot that comes from the leader.
 *
 *   [ close the part before ] -> create -> write -> (last piece) publish.c
 *      (first piece)               | fail    | fail
 *                                  v         v
 *                                unlink <- close
 *
 * The file has the bytes of the leader's, one for one.
 *
 *  1. Pieces are written in order, each where the last one ended. Nothing is synced before the last
 *     one: a part of a snapshot has no value at the next start, which removes it.
 *  2. The part stays open between two pieces, so that a write that fails behind its back is
 *     found by its sync.
 *  3. What came is a snapshot only if all of it, read back, matches its checksums, and is the one
 *     that was announced: otherwise the job ends with RAFT_CORRUPT, and it has to come again.
 *  4. The bytes of a piece belong to the job from the moment it has begun. */
#include "storage_internal.h"

#include <assert.h>

void raft_receive_release(struct raft_storage *storage)
{
    const struct raft_memory *memory = storage->memory;
    memory->free(memory->ctx, storage->piece);
    memory->free(memory->ctx, storage->room);
    storage->piece = NULL;
    storage->room = NULL;
}

/* Whether the piece continues the part. */
static bool continues(const struct raft_storage *storage, struct raft_entry_id id, uint64_t offset,
                      uint64_t total)
{
    const struct raft_draft *part = &storage->part;
    return part->file != 0 && part->offset == offset && part->size == total &&
           part->id.index == id.index && part->id.term == id.term;
}

enum raft_status raft_storage_receive(struct raft_storage *storage, struct raft_entry_id id,
                                      uint64_t offset, uint64_t total, uint8_t *bytes,
                                      uint32_t size)
{
    const struct raft_memory *memory = storage->memory;
    assert(storage->snapshot_lane.job == RAFT_JOB_NONE);
    assert(storage->piece == NULL && storage->room == NULL);
    assert(id.index > storage->snapshot.id.index);
    assert(size > 0 && offset < total && size <= total - offset);
    assert(offset == 0 || continues(storage, id, offset, total));
    if (offset + size == total) {
        storage->room =
            memory->alloc(memory->ctx, RAFT_AT_SNAPSHOT_RECEIVE_BUFFER, raft_storage_room(storage));
        if (storage->room == NULL) {
            return RAFT_NOMEM;
        }
    }
    const struct raft_draft before = storage->part;
    enum raft_step_id step = RAFT_STEP_RECEIVE_WRITE;
    if (offset == 0) {
        step = before.file != 0 ? RAFT_STEP_RECEIVE_CLOSE : RAFT_STEP_RECEIVE_CREATE;
        storage->part = (struct raft_draft){.file = before.file, .id = id, .size = total};
    }
    storage->piece = bytes;
    storage->piece_size = size;
    storage->piece_done = 0;
    enum raft_status status =
        raft_lane_start(storage, &storage->snapshot_lane, RAFT_JOB_RECEIVE, step);
    if (status != RAFT_OK) {
        storage->part = before;
        storage->piece = NULL;
        raft_receive_release(storage);
    }
    return status;
}

void raft_receive_prepare(struct raft_storage *storage, enum raft_step_id step, struct raft_io *io)
{
    if (step == RAFT_STEP_RECEIVE_CLOSE) {
        io->file = storage->part.file;
    } else if (step == RAFT_STEP_RECEIVE_CREATE) {
        raft_storage_name_set(io->name, RAFT_SNAPSHOT_PART_NAME);
    } else if (step == RAFT_STEP_RECEIVE_WRITE) {
        raft_draft_prepare_write(storage, &storage->part, io);
    } else {
        raft_publish_prepare(storage, &storage->part, RAFT_SNAPSHOT_PART_NAME, step, io);
    }
}

/* The piece is written. */
static enum raft_step_id end_piece(struct raft_storage *storage, enum raft_status *out_status)
{
    const struct raft_memory *memory = storage->memory;
    if (storage->part.offset < storage->part.size) {
        *out_status = RAFT_OK;
        return RAFT_STEP_NONE;
    }
    memory->free(memory->ctx, storage->piece);
    storage->piece = storage->room;
    storage->room = NULL;
    assert(storage->piece != NULL);
    return RAFT_STEP_PUBLISH_SYNC;
}

enum raft_step_id raft_receive_next(struct raft_storage *storage, enum raft_status *out_status)
{
    const struct raft_lane *lane = &storage->snapshot_lane;
    struct raft_draft *part = &storage->part;
    if (lane->step > RAFT_STEP_RECEIVE_WRITE) {
        return raft_publish_next(storage, part, out_status);
    }
    if (lane->step == RAFT_STEP_RECEIVE_CLOSE) {
        /* An error is no concern: that part is given up. */
        part->file = 0;
        return RAFT_STEP_RECEIVE_CREATE;
    }
    if (lane->step == RAFT_STEP_RECEIVE_CREATE) {
        if (lane->io.status != RAFT_OK) {
            /* It may exist all the same. */
            return raft_draft_discard(storage, part, raft_storage_refusal(lane->io.status));
        }
        part->file = lane->io.file;
        return RAFT_STEP_RECEIVE_WRITE;
    }
    assert(lane->step == RAFT_STEP_RECEIVE_WRITE);
    if (!raft_draft_written(storage, part)) {
        return raft_draft_discard(storage, part, raft_storage_refusal(lane->io.status));
    }
    bool is_whole = storage->piece_done == storage->piece_size;
    return is_whole ? end_piece(storage, out_status) : RAFT_STEP_RECEIVE_WRITE;
}
