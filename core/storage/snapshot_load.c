/* Snapshots at start: which one to begin with.
 *
 *   newest -> read all of it -> good: this one
 *     ^                |
 *     '--- next older -' bad
 *
 *  1. An error of the device is not "bad": start fails, and the next one sees the same files.
 *  2. Nothing is removed before all of the store has been read.
 *  3. A mark without its snapshot says that this is lost, as if it were there and bad; one whose
 *     snapshot is there asks for no more than the log has. It stays until there is a snapshot that
 *     reaches it, and one that was bad gets a mark before it is removed: the next start must know,
 *     too.
 *  4. Whether an older snapshot will do is for recovery to say: the log must reach as far as the
 *     newest one that is bad, since the log behind it is all that is left of what it covered. */
#include "storage_internal.h"

#include <assert.h>

void raft_found_add(struct raft_found *found, raft_index index)
{
    assert(found->count <= RAFT_FOUND_MAX);
    if (found->count == RAFT_FOUND_MAX) {
        for (uint32_t i = 1; i < RAFT_FOUND_MAX; i++) {
            found->indexes[i - 1] = found->indexes[i];
        }
        found->count--;
    }
    found->indexes[found->count++] = index;
}

/* Reads a snapshot to its end, into the reader. What is wrong with it is in *out_reading. */
static enum raft_status read_all(struct raft_storage *storage, raft_index index, bool restores,
                                 uint8_t *room, enum raft_reading *out_reading)
{
    struct raft_reader *reader = &storage->reader;
    struct raft_io open = {.op = RAFT_IO_OPEN};
    raft_snapshot_name(index, open.name);
    assert(storage->fetch_file == 0);
    enum raft_status status = raft_storage_run(storage, RAFT_AT_SNAPSHOT_LOAD_OPEN, &open);
    if (status != RAFT_OK) {
        return status;
    }
    storage->fetch_file = open.file;
    bool is_large_enough = raft_reader_begin(reader, index, room, raft_storage_room(storage),
                                             open.file_size, restores);
    *out_reading = is_large_enough ? RAFT_READING_MORE : RAFT_READING_BAD;
    while (*out_reading == RAFT_READING_MORE) {
        struct raft_io read = {.op = RAFT_IO_READ, .file = open.file};
        raft_reader_prepare(reader, &read);
        status = raft_storage_run(storage, RAFT_AT_SNAPSHOT_LOAD_READ, &read);
        if (status != RAFT_OK) {
            raft_reader_abort(storage, reader);
            break;
        }
        *out_reading = raft_reader_take(storage, reader, &read);
    }
    raft_storage_close_now(storage, &storage->fetch_file);
    return status;
}

enum raft_status raft_snapshot_choose(struct raft_storage *storage, struct raft_found *found)
{
    const struct raft_memory *memory = storage->memory;
    enum raft_status status = RAFT_OK;
    if (found->count == 0) {
        return RAFT_OK;
    }
    uint8_t *room =
        memory->alloc(memory->ctx, RAFT_AT_SNAPSHOT_LOAD_BUFFER, raft_storage_room(storage));
    if (room == NULL) {
        return RAFT_NOMEM;
    }
    for (uint32_t i = found->count; i > 0 && storage->snapshot.id.index == 0; i--) {
        enum raft_reading reading = RAFT_READING_BAD;
        status = read_all(storage, found->indexes[i - 1], false, room, &reading);
        if (status != RAFT_OK) {
            break;
        }
        if (raft_exit_taken(memory, RAFT_AT_SNAPSHOT_LOAD_BAD, reading != RAFT_READING_GOOD)) {
            found->bad = found->bad == 0 ? found->indexes[i - 1] : found->bad;
            continue;
        }
        storage->snapshot = storage->reader.snapshot;
    }
    memory->free(memory->ctx, room);
    return status;
}

/* Removes the files that were found, but the one of `kept`. */
static enum raft_status prune(struct raft_storage *storage, enum raft_point point,
                              const struct raft_found *found, raft_index kept,
                              void (*name_of)(raft_index index, char name[RAFT_FILE_NAME_MAX]))
{
    enum raft_status status = RAFT_OK;
    for (uint32_t i = 0; i < found->count && status == RAFT_OK; i++) {
        if (found->indexes[i] != kept) {
            struct raft_io io = {.op = RAFT_IO_UNLINK};
            name_of(found->indexes[i], io.name);
            status = raft_storage_run(storage, point, &io);
        }
    }
    return status;
}

enum raft_status raft_snapshot_prune(struct raft_storage *storage, const struct raft_found *found)
{
    return prune(storage, RAFT_AT_SNAPSHOT_LOAD_UNLINK, found, storage->snapshot.id.index,
                 raft_snapshot_name);
}

enum raft_status raft_marks_prune(struct raft_storage *storage, const struct raft_found *marks)
{
    return prune(storage, RAFT_AT_SNAPSHOT_LOAD_UNMARK, marks, storage->mark, raft_mark_name);
}

enum raft_status raft_mark_make(struct raft_storage *storage, raft_index index)
{
    assert(index > storage->mark);
    struct raft_io io = {.op = RAFT_IO_CREATE};
    raft_mark_name(index, io.name);
    enum raft_status status = raft_storage_run(storage, RAFT_AT_SNAPSHOT_LOAD_MARK, &io);
    if (status == RAFT_OK) {
        raft_storage_close_now(storage, &io.file);
        storage->mark = index;
    }
    return status;
}

enum raft_status raft_snapshot_restore(struct raft_storage *storage)
{
    const struct raft_memory *memory = storage->memory;
    if (storage->snapshot.id.index == 0 || storage->is_witness) {
        return RAFT_OK;
    }
    uint8_t *room =
        memory->alloc(memory->ctx, RAFT_AT_SNAPSHOT_LOAD_ROOM, raft_storage_room(storage));
    if (room == NULL) {
        return RAFT_NOMEM;
    }
    enum raft_reading reading = RAFT_READING_BAD;
    enum raft_status status = read_all(storage, storage->snapshot.id.index, true, room, &reading);
    memory->free(memory->ctx, room);
    if (status != RAFT_OK) {
        return status;
    }
    if (reading == RAFT_READING_REFUSED) {
        /* The state machine's own failure, hence no fault point here. */
        return RAFT_MACHINE;
    }
    if (raft_exit_taken(memory, RAFT_AT_SNAPSHOT_LOAD_CHANGED, reading != RAFT_READING_GOOD)) {
        return RAFT_CORRUPT;
    }
    return RAFT_OK;
}
