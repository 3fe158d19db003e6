/* The SAVE job: a snapshot of this node's own state machine.
 *
 *   create -> [ write ]* -> publish.c
 *     | fail     | fail
 *     v          v
 *   unlink <- close
 *
 * The pieces are the header, the frozen state, as much as chunk_size at a time, and the trailer.
 *
 *  1. The state is frozen when the job begins, so that batches may be applied meanwhile, and is let
 *     go exactly once: when its last byte has been copied, when the draft is given up, or with the
 *     job.
 *  2. A piece is copied once, when the one before it is written: an operation that was refused is
 *     submitted again with the same bytes.
 *  3. A short write is continued, like one of the log.
 *  4. A witness has no state machine to freeze: its state is empty. */
#include "storage_internal.h"

#include <assert.h>

static void thaw(struct raft_storage *storage)
{
    if (storage->is_frozen) {
        storage->is_frozen = false;
        storage->env->snapshot_end(storage->env->ctx);
    }
}

void raft_save_release(struct raft_storage *storage)
{
    thaw(storage);
    storage->memory->free(storage->memory->ctx, storage->piece);
    storage->piece = NULL;
}

static void begin_piece(struct raft_storage *storage, size_t size)
{
    storage->piece_size = size;
    storage->piece_done = 0;
    storage->saving_crc = raft_crc32c(storage->saving_crc, storage->piece, size);
}

enum raft_status raft_storage_save(struct raft_storage *storage,
                                   const struct raft_snapshot *snapshot)
{
    const struct raft_env *env = storage->env;
    const struct raft_memory *memory = storage->memory;
    assert(storage->snapshot_lane.job == RAFT_JOB_NONE && storage->own.file == 0);
    assert(snapshot->id.index > 0 && snapshot->id.index >= storage->snapshot.id.index);
    assert(storage->piece == NULL && !storage->is_frozen);
    storage->piece =
        memory->alloc(memory->ctx, RAFT_AT_SNAPSHOT_SAVE_BUFFER, raft_storage_room(storage));
    if (storage->piece == NULL) {
        return RAFT_NOMEM;
    }
    uint64_t state_size = 0;
    enum raft_status status = RAFT_OK;
    if (!storage->is_witness) {
        status = env->snapshot_begin(env->ctx, RAFT_AT_SNAPSHOT_SAVE_BEGIN, &state_size);
        if (status != RAFT_OK) {
            goto out;
        }
        storage->is_frozen = true;
    }
    storage->saving = *snapshot;
    storage->saving.size = raft_snapshot_file_size(state_size);
    storage->own = (struct raft_draft){.id = snapshot->id, .size = storage->saving.size};
    storage->saving_crc = 0;
    raft_snapshot_header_encode(&storage->saving, storage->piece);
    begin_piece(storage, RAFT_SNAPSHOT_HEADER_SIZE);
    status =
        raft_lane_start(storage, &storage->snapshot_lane, RAFT_JOB_SAVE, RAFT_STEP_SAVE_CREATE);
out:
    if (status != RAFT_OK) {
        raft_save_release(storage);
    }
    return status;
}

void raft_save_prepare(struct raft_storage *storage, enum raft_step_id step, struct raft_io *io)
{
    if (step == RAFT_STEP_SAVE_CREATE) {
        raft_storage_name_set(io->name, RAFT_SNAPSHOT_NEW_NAME);
    } else if (step == RAFT_STEP_SAVE_WRITE) {
        raft_draft_prepare_write(storage, &storage->own, io);
    } else {
        raft_publish_prepare(storage, &storage->own, RAFT_SNAPSHOT_NEW_NAME, step, io);
    }
}

static enum raft_step_id discard(struct raft_storage *storage, enum raft_status result)
{
    thaw(storage);
    return raft_draft_discard(storage, &storage->own, result);
}

/* A piece is written: the next one, or all are. */
static enum raft_step_id next_piece(struct raft_storage *storage)
{
    const struct raft_env *env = storage->env;
    const struct raft_draft *draft = &storage->own;
    if (draft->offset == draft->size) {
        return RAFT_STEP_PUBLISH_SYNC;
    }
    uint64_t state_end = draft->size - RAFT_SNAPSHOT_TRAILER_SIZE;
    if (draft->offset == state_end) {
        thaw(storage);
        raft_snapshot_trailer_encode(storage->saving_crc, storage->piece);
        begin_piece(storage, RAFT_SNAPSHOT_TRAILER_SIZE);
        return RAFT_STEP_SAVE_WRITE;
    }
    assert(draft->offset >= RAFT_SNAPSHOT_HEADER_SIZE && draft->offset < state_end);
    uint64_t left = state_end - draft->offset;
    size_t size = left < storage->chunk_size ? (size_t)left : storage->chunk_size;
    enum raft_status status =
        env->snapshot_read(env->ctx, RAFT_AT_SNAPSHOT_SAVE_READ,
                           draft->offset - RAFT_SNAPSHOT_HEADER_SIZE, storage->piece, size);
    if (status != RAFT_OK) {
        return discard(storage, status);
    }
    begin_piece(storage, size);
    return RAFT_STEP_SAVE_WRITE;
}

enum raft_step_id raft_save_next(struct raft_storage *storage, enum raft_status *out_status)
{
    const struct raft_lane *lane = &storage->snapshot_lane;
    if (lane->step > RAFT_STEP_SAVE_WRITE) {
        return raft_publish_next(storage, &storage->own, out_status);
    }
    if (lane->step == RAFT_STEP_SAVE_CREATE) {
        if (lane->io.status != RAFT_OK) {
            /* It may exist all the same. */
            return discard(storage, raft_storage_refusal(lane->io.status));
        }
        storage->own.file = lane->io.file;
        return RAFT_STEP_SAVE_WRITE;
    }
    assert(lane->step == RAFT_STEP_SAVE_WRITE);
    if (!raft_draft_written(storage, &storage->own)) {
        return discard(storage, raft_storage_refusal(lane->io.status));
    }
    bool is_whole = storage->piece_done == storage->piece_size;
    return is_whole ? next_piece(storage) : RAFT_STEP_SAVE_WRITE;
}
