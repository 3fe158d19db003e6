/* Reading a snapshot: header, state, trailer, and whether they belong together.
 *
 * The same reader checks a file that was just written, puts a published one into the state machine,
 * and looks at what start finds; the operations are its owner's.
 *
 *   begin -> [ prepare -> READ -> take: more ]* -> good, bad or refused
 *
 *  1. It reads the whole file. Nothing is good that does not match both checksums, its own size and
 *     its name.
 *  2. The state machine takes over the state only after the trailer has matched: it gets commit
 *     after good bytes alone, and abort in every other case. */
#include "storage_internal.h"

#include <assert.h>

bool raft_reader_begin(struct raft_reader *reader, raft_index index, uint8_t *bytes, size_t room,
                       uint64_t file_size, bool restores)
{
    assert(bytes != NULL && room > 0 && room <= UINT32_MAX);
    assert(!reader->is_restoring);
    *reader = (struct raft_reader){
        .index = index,
        .bytes = bytes,
        .room = (uint32_t)room,
        .file_size = file_size,
        .restores = restores,
    };
    return file_size >= raft_snapshot_file_size(0);
}

/* Where the trailer begins. */
static uint64_t state_end(const struct raft_reader *reader)
{
    return reader->file_size - RAFT_SNAPSHOT_TRAILER_SIZE;
}

void raft_reader_prepare(struct raft_reader *reader, struct raft_io *io)
{
    assert(io->op == RAFT_IO_READ && reader->offset < reader->file_size);
    io->offset = reader->offset;
    io->bytes = reader->frame;
    if (reader->offset == 0) {
        io->size = RAFT_SNAPSHOT_HEADER_SIZE;
    } else if (reader->offset == state_end(reader)) {
        io->size = RAFT_SNAPSHOT_TRAILER_SIZE;
    } else {
        uint64_t left = state_end(reader) - reader->offset;
        io->size = left < reader->room ? (size_t)left : reader->room;
        io->bytes = reader->bytes;
    }
}

void raft_reader_abort(struct raft_storage *storage, struct raft_reader *reader)
{
    if (reader->is_restoring) {
        reader->is_restoring = false;
        storage->env->restore_abort(storage->env->ctx);
    }
}

static enum raft_reading take_header(struct raft_storage *storage, struct raft_reader *reader)
{
    if (!raft_snapshot_header_decode(reader->frame, reader->file_size, &reader->snapshot) ||
        reader->snapshot.id.index != reader->index) {
        return RAFT_READING_BAD;
    }
    bool is_empty = reader->file_size == raft_snapshot_file_size(0);
    if (storage->is_witness && !is_empty) {
        /* It would hold what a witness must not. */
        return RAFT_READING_BAD;
    }
    if (reader->restores && !storage->is_witness) {
        const struct raft_env *env = storage->env;
        uint64_t state_size = reader->file_size - raft_snapshot_file_size(0);
        reader->is_restoring =
            env->restore_begin(env->ctx, RAFT_AT_SNAPSHOT_RESTORE_BEGIN, state_size) == RAFT_OK;
        return reader->is_restoring ? RAFT_READING_MORE : RAFT_READING_REFUSED;
    }
    return RAFT_READING_MORE;
}

static enum raft_reading take_state(struct raft_storage *storage, struct raft_reader *reader,
                                    const struct raft_io *io)
{
    const struct raft_env *env = storage->env;
    if (reader->is_restoring && env->restore_write(env->ctx, RAFT_AT_SNAPSHOT_RESTORE_WRITE,
                                                   io->bytes, io->size) != RAFT_OK) {
        return RAFT_READING_REFUSED;
    }
    return RAFT_READING_MORE;
}

static enum raft_reading take_trailer(struct raft_storage *storage, struct raft_reader *reader)
{
    const struct raft_env *env = storage->env;
    if (!raft_snapshot_trailer_check(reader->frame, reader->crc)) {
        return RAFT_READING_BAD;
    }
    if (reader->is_restoring) {
        if (env->restore_commit(env->ctx, RAFT_AT_SNAPSHOT_RESTORE_COMMIT,
                                reader->snapshot.id.index) != RAFT_OK) {
            return RAFT_READING_REFUSED;
        }
        reader->is_restoring = false;
    }
    return RAFT_READING_GOOD;
}

enum raft_reading raft_reader_take(struct raft_storage *storage, struct raft_reader *reader,
                                   const struct raft_io *io)
{
    assert(io->offset == reader->offset && reader->offset < reader->file_size);
    enum raft_reading reading = RAFT_READING_BAD;
    if (io->status == RAFT_OK && io->done == io->size) {
        if (reader->offset == 0) {
            reading = take_header(storage, reader);
        } else if (reader->offset < state_end(reader)) {
            reading = take_state(storage, reader, io);
        } else {
            reading = take_trailer(storage, reader);
        }
        reader->crc = raft_crc32c(reader->crc, io->bytes, io->size);
        reader->offset += io->size;
    }
    if (reading == RAFT_READING_BAD || reading == RAFT_READING_REFUSED) {
        raft_reader_abort(storage, reader);
    }
    return reading;
}
