/* From a draft to the published snapshot; what SAVE and RECEIVE have in common.
 *
 *   (the draft is written) -> sync -> [ read ]* -> close -> rename -> sync directory -.
 *        | fail                | fail    | fail     | fail    | fail                    v
 *        '---------------------+---------+----------+---------'             [ mark ] ------.
 *                                        |                                     | fail      |
 *                                        v                                     v           v
 *                              close -> unlink -> fail <-------------------- unlink   unlink the
 *                                                                                     one before
 *                                                                                          |
 *                                                                                          v
 *                                                                  done <----- sync directory
 *
 *  1. What bears a published name was durable, and was read back whole, before it got that name: a
 *     crash at any step leaves no published snapshot that is not one. The one before goes only when
 *     the new name is durable.
 *  2. A failed sync of a draft is never tried again: the draft is given up, and the next one is a
 *     new file. Nothing depends on a draft, so no failure of it is one of the store. A failed sync
 *     of the directory is (RAFT_IO).
 *  3. A draft whose file could not be removed is emptied by the next one and removed at the next
 *     start; so is a snapshot that was replaced and could not be removed.
 *  4. Each snapshot gets a *mark*, an empty file with its index in the name, or has one that
 *     reaches it: it tells a snapshot that is lost from the beginning of a log that is, and from a
 *     store that has never had an entry. The mark of the one before is renamed, or another one is
 *     made. Without it nothing may rest on the snapshot, and the one before stays the published
 *     one. What a crash leaves without a mark gets it at the next start.
 *  5. A snapshot may take the place of a published one with the same name, which is then damaged;
 *     the rename replaces it at once. */
#include "storage_internal.h"

#include <assert.h>

void raft_draft_prepare_write(const struct raft_storage *storage, const struct raft_draft *draft,
                              struct raft_io *io)
{
    assert(io->op == RAFT_IO_WRITE && draft->file != 0);
    assert(storage->piece_done < storage->piece_size);
    io->file = draft->file;
    io->offset = draft->offset;
    io->size = storage->piece_size - storage->piece_done;
    io->bytes = storage->piece + storage->piece_done;
}

bool raft_draft_written(struct raft_storage *storage, struct raft_draft *draft)
{
    const struct raft_io *io = &storage->snapshot_lane.io;
    if (io->status != RAFT_OK || io->done == 0) {
        return false;
    }
    storage->piece_done += io->done;
    draft->offset += io->done;
    assert(storage->piece_done <= storage->piece_size && draft->offset <= draft->size);
    return true;
}

enum raft_step_id raft_draft_discard(struct raft_storage *storage, const struct raft_draft *draft,
                                     enum raft_status result)
{
    assert(result != RAFT_OK && result != RAFT_IO);
    storage->snapshot_result = result;
    return draft->file != 0 ? RAFT_STEP_DISCARD_CLOSE : RAFT_STEP_DISCARD_UNLINK;
}

void raft_publish_prepare(struct raft_storage *storage, struct raft_draft *draft, const char *name,
                          enum raft_step_id step, struct raft_io *io)
{
    assert(step >= RAFT_STEP_PUBLISH_SYNC && step <= RAFT_STEP_DISCARD_UNLINK);
    if (step == RAFT_STEP_PUBLISH_RENAME) {
        raft_storage_name_set(io->name, name);
        raft_snapshot_name(draft->id.index, io->name_to);
    } else if (step == RAFT_STEP_REPLACE_UNLINK) {
        raft_snapshot_name(storage->replaced, io->name);
    } else if (step == RAFT_STEP_DISCARD_UNLINK) {
        raft_storage_name_set(io->name, name);
    } else if (step == RAFT_STEP_MARK_CREATE) {
        raft_mark_name(draft->id.index, io->name);
    } else if (step == RAFT_STEP_MARK_UNDO) {
        assert(draft->id.index > storage->snapshot.id.index); /* which has a mark */
        raft_snapshot_name(draft->id.index, io->name);
    } else if (step == RAFT_STEP_MARK_RENAME) {
        raft_mark_name(storage->mark, io->name);
        raft_mark_name(draft->id.index, io->name_to);
    } else if (io->op != RAFT_IO_SYNC_DIR) {
        assert(draft->file != 0);
        io->file = draft->file;
    }
    if (step == RAFT_STEP_PUBLISH_READ) {
        raft_reader_prepare(&storage->check, io);
    }
}

/* What was written is no snapshot: bad from the beginning, if it came from the leader; otherwise
 * the fault of the device. Its caller has the fault point. */
static enum raft_step_id discard_bad(struct raft_storage *storage, const struct raft_draft *draft)
{
    bool is_own = storage->snapshot_lane.job == RAFT_JOB_SAVE;
    return raft_draft_discard(storage, draft, is_own ? RAFT_BUSY : RAFT_CORRUPT);
}

/* A piece has been read back. */
static enum raft_step_id read_back(struct raft_storage *storage, struct raft_draft *draft)
{
    const struct raft_io *io = &storage->snapshot_lane.io;
    if (io->status != RAFT_OK || io->done != io->size) {
        return raft_draft_discard(storage, draft, raft_storage_refusal(io->status));
    }
    enum raft_reading reading = raft_reader_take(storage, &storage->check, io);
    if (reading == RAFT_READING_MORE) {
        return RAFT_STEP_PUBLISH_READ;
    }
    bool is_good =
        reading == RAFT_READING_GOOD && storage->check.snapshot.id.term == draft->id.term;
    if (raft_exit_taken(storage->memory, RAFT_AT_SNAPSHOT_PUBLISH_CORRUPT, !is_good)) {
        return discard_bad(storage, draft);
    }
    return RAFT_STEP_PUBLISH_CLOSE;
}

/* The new name and a mark are durable, or will be with the next sync. */
static enum raft_step_id adopt(struct raft_storage *storage, const struct raft_draft *draft)
{
    assert(draft->file == 0 && storage->check.snapshot.id.index == draft->id.index);
    assert(storage->mark >= draft->id.index);
    storage->replaced = storage->snapshot.id.index;
    storage->snapshot = storage->check.snapshot;
    bool has_other_name = storage->replaced != 0 && storage->replaced != draft->id.index;
    return has_other_name ? RAFT_STEP_REPLACE_UNLINK : RAFT_STEP_REPLACE_SYNC_DIR;
}

/* The new name is durable. */
static enum raft_step_id begin_mark(struct raft_storage *storage, const struct raft_draft *draft)
{
    if (storage->mark >= draft->id.index) {
        return adopt(storage, draft);
    }
    return storage->mark == 0 ? RAFT_STEP_MARK_CREATE : RAFT_STEP_MARK_RENAME;
}

/* The mark is being made. */
static enum raft_step_id mark_next(struct raft_storage *storage, struct raft_draft *draft,
                                   enum raft_status *out_status)
{
    const struct raft_lane *lane = &storage->snapshot_lane;
    bool ok = lane->io.status == RAFT_OK;
    if (lane->step == RAFT_STEP_MARK_UNDO) {
        *out_status = storage->snapshot_result;
        return RAFT_STEP_NONE;
    }
    if (lane->step == RAFT_STEP_MARK_RENAME && !ok) {
        return RAFT_STEP_MARK_CREATE; /* the one before may have vanished */
    }
    if (lane->step == RAFT_STEP_MARK_CREATE) {
        if (ok) {
            draft->file = lane->io.file;
            return RAFT_STEP_MARK_CLOSE;
        }
        storage->snapshot_result = raft_storage_refusal(lane->io.status);
        return RAFT_STEP_MARK_UNDO;
    }
    draft->file = 0;
    storage->mark = draft->id.index;
    return adopt(storage, draft);
}

/* The draft is being given up, or the snapshot before is being removed. */
static enum raft_step_id remove_next(struct raft_storage *storage, struct raft_draft *draft,
                                     enum raft_status *out_status)
{
    const struct raft_lane *lane = &storage->snapshot_lane;
    enum raft_status status = lane->io.status;
    if (lane->step == RAFT_STEP_REPLACE_UNLINK) {
        return RAFT_STEP_REPLACE_SYNC_DIR;
    }
    if (lane->step == RAFT_STEP_REPLACE_SYNC_DIR) {
        /* The sync's own failure, hence no fault point here. */
        *out_status = status == RAFT_OK ? RAFT_OK : RAFT_IO;
        return RAFT_STEP_NONE;
    }
    if (lane->step == RAFT_STEP_DISCARD_CLOSE) {
        draft->file = 0;
        return RAFT_STEP_DISCARD_UNLINK;
    }
    assert(lane->step == RAFT_STEP_DISCARD_UNLINK);
    *out_status = storage->snapshot_result;
    return RAFT_STEP_NONE;
}

enum raft_step_id raft_publish_next(struct raft_storage *storage, struct raft_draft *draft,
                                    enum raft_status *out_status)
{
    const struct raft_lane *lane = &storage->snapshot_lane;
    bool ok = lane->io.status == RAFT_OK;
    *out_status = RAFT_OK;
    if (lane->step >= RAFT_STEP_REPLACE_UNLINK) {
        return remove_next(storage, draft, out_status);
    }
    if (lane->step >= RAFT_STEP_MARK_RENAME) {
        return mark_next(storage, draft, out_status);
    }
    if (lane->step == RAFT_STEP_PUBLISH_READ) {
        return read_back(storage, draft);
    }
    if (lane->step == RAFT_STEP_PUBLISH_CLOSE) {
        draft->file = 0;
    }
    if (lane->step == RAFT_STEP_PUBLISH_SYNC_DIR) {
        if (!ok) {
            /* The sync's own failure, hence no fault point here. */
            *out_status = RAFT_IO;
            return RAFT_STEP_NONE;
        }
        return begin_mark(storage, draft);
    }
    if (!ok) {
        return raft_draft_discard(storage, draft, raft_storage_refusal(lane->io.status));
    }
    if (lane->step == RAFT_STEP_PUBLISH_SYNC) {
        bool is_large_enough = raft_reader_begin(&storage->check, draft->id.index, storage->piece,
                                                 raft_storage_room(storage), draft->size, false);
        if (raft_exit_taken(storage->memory, RAFT_AT_SNAPSHOT_PUBLISH_SMALL, !is_large_enough)) {
            return discard_bad(storage, draft);
        }
        return RAFT_STEP_PUBLISH_READ;
    }
    assert(lane->step == RAFT_STEP_PUBLISH_CLOSE || lane->step == RAFT_STEP_PUBLISH_RENAME);
    return (enum raft_step_id)(lane->step + 1);
}
