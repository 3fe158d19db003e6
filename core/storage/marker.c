/* The marker: the file "store", by which a directory is known to be one, and what it began with.
 *
 *   bootstrap:   hard state (hard_state.c) -> create -> write -> sync -> close -> rename
 *                -> sync directory
 *
 *  1. The store comes into being with the rename, when its hard state is durable. A hard state that
 *     says nothing, alone in the directory, is a bootstrap that was interrupted.
 *  2. It is written once. What bears its name was synced before, and is small enough for a sector.
 *  3. It names its node: the files of another one must not be taken for one's own promises. And it
 *     says whether that is a witness: the log of one would be no log to a full member. */
#include "storage_internal.h"

#include <assert.h>

static enum raft_status write_new(struct raft_storage *storage,
                                  const struct raft_configuration *configuration)
{
    uint8_t bytes[RAFT_MARKER_SIZE];
    const struct raft_marker marker = {storage->node, storage->is_witness, *configuration};
    raft_marker_encode(&marker, bytes);
    struct raft_io create = {.op = RAFT_IO_CREATE};
    raft_storage_name_set(create.name, RAFT_MARKER_NEW_NAME);
    enum raft_status status = raft_storage_run(storage, RAFT_AT_MARKER_CREATE_CREATE, &create);
    if (status != RAFT_OK) {
        return status;
    }
    struct raft_io write = {
        .op = RAFT_IO_WRITE, .file = create.file, .size = sizeof bytes, .bytes = bytes};
    status = raft_storage_run(storage, RAFT_AT_MARKER_CREATE_WRITE, &write);
    if (status == RAFT_OK) {
        struct raft_io sync = {.op = RAFT_IO_SYNC, .file = create.file};
        status = raft_storage_run(storage, RAFT_AT_MARKER_CREATE_SYNC, &sync);
    }
    struct raft_io closing = {.op = RAFT_IO_CLOSE, .file = create.file};
    enum raft_status closed = raft_storage_run(storage, RAFT_AT_MARKER_CREATE_CLOSE, &closing);
    return status != RAFT_OK ? status : closed;
}

enum raft_status raft_marker_bootstrap(struct raft_storage *storage,
                                       const struct raft_configuration *configuration)
{
    assert(raft_configuration_check(configuration) == NULL);
    enum raft_status status = write_new(storage, configuration);
    if (status != RAFT_OK) {
        return status;
    }
    struct raft_io publish = {.op = RAFT_IO_RENAME};
    raft_storage_name_set(publish.name, RAFT_MARKER_NEW_NAME);
    raft_storage_name_set(publish.name_to, RAFT_MARKER_NAME);
    status = raft_storage_run(storage, RAFT_AT_MARKER_CREATE_RENAME, &publish);
    if (status != RAFT_OK) {
        return status;
    }
    struct raft_io sync = {.op = RAFT_IO_SYNC_DIR};
    return raft_storage_run(storage, RAFT_AT_MARKER_CREATE_SYNC_DIR, &sync);
}

/* Reads the file into bytes; it is left open as spare_file. */
static enum raft_status read_marker(struct raft_storage *storage, uint8_t bytes[RAFT_MARKER_SIZE],
                                    bool *out_is_whole)
{
    struct raft_io open = {.op = RAFT_IO_OPEN};
    raft_storage_name_set(open.name, RAFT_MARKER_NAME);
    enum raft_status status = raft_storage_run(storage, RAFT_AT_MARKER_LOAD_OPEN, &open);
    if (status != RAFT_OK) {
        return status;
    }
    storage->spare_file = open.file;
    *out_is_whole = open.file_size == RAFT_MARKER_SIZE;
    if (!*out_is_whole) {
        return RAFT_OK;
    }
    struct raft_io read = {
        .op = RAFT_IO_READ, .file = open.file, .size = RAFT_MARKER_SIZE, .bytes = bytes};
    return raft_storage_run(storage, RAFT_AT_MARKER_LOAD_READ, &read);
}

enum raft_status raft_marker_load(struct raft_storage *storage)
{
    uint8_t bytes[RAFT_MARKER_SIZE];
    bool is_whole = false;
    assert(storage->spare_file == 0);
    enum raft_status status = read_marker(storage, bytes, &is_whole);
    raft_storage_close_now(storage, &storage->spare_file);
    if (raft_exit_taken(storage->memory, RAFT_AT_MARKER_LOAD_LOST, status == RAFT_NOT_FOUND)) {
        return RAFT_LOST_STORE;
    }
    if (status != RAFT_OK) {
        return status;
    }
    struct raft_marker marker = {.node = RAFT_NODE_NONE};
    bool is_good = is_whole && raft_marker_decode(bytes, &marker);
    if (raft_exit_taken(storage->memory, RAFT_AT_MARKER_LOAD_CORRUPT, !is_good)) {
        return RAFT_CORRUPT;
    }
    if (raft_exit_taken(storage->memory, RAFT_AT_MARKER_LOAD_FOREIGN,
                        marker.node != storage->node || marker.is_witness != storage->is_witness)) {
        return RAFT_INVALID;
    }
    storage->snapshot = (struct raft_snapshot){.configuration = marker.configuration};
    return RAFT_OK;
}
