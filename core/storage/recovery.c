/* Start: which files there are, what a new store is made of, and loading one.
 *
 *  1. A store exists when anything is there that has promised or acknowledged something, or its
 *     marker: it is never taken for a new one, whatever else is missing.
 *  2. The order of loading is hard state, marker, snapshot, segments: each says what the next one
 *     must be. Nothing but the hard state is changed before all of them have been read.
 *     What is lost for good is durable in the hard state before anything else is changed.
 *  3. The cache is not trusted: the last process may have died before a sync, or of one that failed
 *     and left the pages clean. Whatever may not be durable (the hard state; the headers, sizes and
 *     last batch of the last segment's files; the directory) is written again and synced before
 *     load returns. A snapshot and the marker were synced before they got their names, and are read
 *     whole.
 *  4. Each step may be the last before another crash, and doing all of them again changes nothing.
 *     The state machine gets the snapshot last, when nothing else can fail. */
#include "storage_internal.h"

#include <assert.h>
#include <string.h>

/* Files that a process may have left, and that are nothing by themselves. */
static const char *const leftovers[] = {
    RAFT_MARKER_NEW_NAME,   RAFT_STATE_NEW_NAME,     RAFT_PROBE_NAME,
    RAFT_SNAPSHOT_NEW_NAME, RAFT_SNAPSHOT_PART_NAME,
};
#define LEFTOVERS (sizeof leftovers / sizeof leftovers[0])

struct listing {
    struct raft_storage *storage;
    enum raft_status status;
    struct raft_found found;
    struct raft_found marks;
    bool is_left[LEFTOVERS];
};

/* What a directory shows of a store. */
struct presence {
    bool is_store; /* the marker, or something that was acknowledged */
    bool has_state;
};

static bool is_name(const char *name, const char *other)
{
    size_t size = strlen(other);
    return strlen(name) == size && memcmp(name, other, size) == 0;
}

static bool visit_any(void *visitor, const char *name)
{
    struct presence *presence = visitor;
    raft_index index;
    presence->has_state = presence->has_state || is_name(name, RAFT_STATE_NAME);
    presence->is_store =
        is_name(name, RAFT_MARKER_NAME) || raft_segment_name_parse(RAFT_PART_LOG, name, &index) ||
        raft_segment_name_parse(RAFT_PART_IDS, name, &index) ||
        raft_snapshot_name_parse(name, &index) || raft_mark_name_parse(name, &index);
    return !presence->is_store;
}

enum raft_status raft_storage_exists(struct raft_storage *storage, bool *out_exists)
{
    const struct raft_env *env = storage->env;
    struct presence presence = {false, false};
    *out_exists = false;
    enum raft_status status = env->list(env->ctx, RAFT_AT_STORE_EXISTS_LIST, visit_any, &presence);
    if (status != RAFT_OK) {
        return status;
    }
    *out_exists = presence.is_store;
    if (!presence.is_store && presence.has_state) {
        /* Without the marker: of a bootstrap that was interrupted, or all that is left. */
        bool is_new = false;
        status = raft_state_is_new(storage, &is_new);
        *out_exists = !is_new;
    }
    return status;
}

enum raft_status raft_storage_bootstrap(struct raft_storage *storage,
                                        const struct raft_configuration *configuration)
{
    bool exists = false;
    enum raft_status status = raft_storage_exists(storage, &exists);
    if (status != RAFT_OK) {
        return status;
    }
    if (raft_exit_taken(storage->memory, RAFT_AT_STORE_BOOTSTRAP_EXISTS, exists)) {
        return RAFT_INVALID;
    }
    status = raft_state_bootstrap(storage);
    if (status != RAFT_OK) {
        return status;
    }
    return raft_marker_bootstrap(storage, configuration);
}

/* Notes a file of a segment; the table is ascending. RAFT_NOMEM. */
static enum raft_status add_part(struct raft_storage *storage, enum raft_part part,
                                 raft_index first)
{
    size_t position = storage->segment_count;
    while (position > 0 && storage->segments[position - 1].first > first) {
        position--;
    }
    if (position > 0 && storage->segments[position - 1].first == first) {
        storage->segments[position - 1].has[part] = true;
        return RAFT_OK;
    }
    enum raft_status status = raft_storage_reserve_segments(storage, RAFT_AT_SEGMENT_LOAD_TABLE);
    if (status != RAFT_OK) {
        return status;
    }
    struct raft_segment *at = storage->segments + position;
    memmove(at + 1, at, (storage->segment_count - position) * sizeof *at);
    *at = (struct raft_segment){.first = first};
    at->has[part] = true;
    storage->segment_count++;
    return RAFT_OK;
}

static bool visit_all(void *visitor, const char *name)
{
    struct listing *listing = visitor;
    struct raft_storage *storage = listing->storage;
    raft_index index = 0;
    for (size_t i = 0; i < LEFTOVERS; i++) {
        listing->is_left[i] = listing->is_left[i] || is_name(name, leftovers[i]);
    }
    if (raft_snapshot_name_parse(name, &index)) {
        raft_found_add(&listing->found, index);
    } else if (raft_mark_name_parse(name, &index)) {
        raft_found_add(&listing->marks, index);
        storage->mark = index; /* the names come in ascending order */
    } else if (raft_segment_name_parse(RAFT_PART_LOG, name, &index)) {
        listing->status = add_part(storage, RAFT_PART_LOG, index);
    } else if (raft_segment_name_parse(RAFT_PART_IDS, name, &index)) {
        listing->status = add_part(storage, RAFT_PART_IDS, index);
    }
    return listing->status == RAFT_OK;
}

void raft_storage_close_now(struct raft_storage *storage, raft_file *file)
{
    if (*file == 0) {
        return;
    }
    struct raft_io io = {.op = RAFT_IO_CLOSE, .file = *file};
    enum raft_status status = raft_storage_run(storage, RAFT_AT_STORE_LOAD_CLOSE, &io);
    (void)status;
    *file = 0;
}

/* Removes what was left, and makes every name of the store durable. */
static enum raft_status clean(struct raft_storage *storage, const struct listing *listing)
{
    enum raft_status status = raft_snapshot_prune(storage, &listing->found);
    if (status == RAFT_OK) {
        status = raft_marks_prune(storage, &listing->marks);
    }
    for (size_t i = 0; i < LEFTOVERS && status == RAFT_OK; i++) {
        if (listing->is_left[i]) {
            struct raft_io io = {.op = RAFT_IO_UNLINK};
            raft_storage_name_set(io.name, leftovers[i]);
            status = raft_storage_run(storage, RAFT_AT_STORE_LOAD_UNLINK, &io);
            /* A new hard state has been made of it, in place of one that was lost. */
            status = status == RAFT_NOT_FOUND ? RAFT_OK : status;
        }
    }
    if (status == RAFT_OK) {
        struct raft_io sync = {.op = RAFT_IO_SYNC_DIR};
        status = raft_storage_run(storage, RAFT_AT_STORE_LOAD_SYNC_DIR, &sync);
    }
    return status;
}

static enum raft_status load_all(struct raft_storage *storage, struct raft_log *log)
{
    const struct raft_env *env = storage->env;
    struct listing listing = {.storage = storage};
    enum raft_status status = env->list(env->ctx, RAFT_AT_STORE_LOAD_LIST, visit_all, &listing);
    if (status == RAFT_OK) {
        status = listing.status;
    }
    if (status == RAFT_OK) {
        status = raft_state_load(storage);
    }
    if (status == RAFT_OK) {
        status = raft_marker_load(storage);
    }
    if (status == RAFT_OK) {
        status = raft_snapshot_choose(storage, &listing.found);
    }
    if (status == RAFT_OK) {
        raft_index bad = listing.found.bad > storage->mark ? listing.found.bad : storage->mark;
        status = raft_segments_load(storage, log, bad);
    }
    if (status == RAFT_OK) {
        status = clean(storage, &listing);
    }
    if (status == RAFT_OK) {
        status = raft_snapshot_restore(storage);
    }
    /* A file that was listed and is not there, which is no fault point's doing. */
    return status == RAFT_NOT_FOUND ? RAFT_IO : status;
}

enum raft_status raft_storage_load(struct raft_storage *storage, struct raft_log *log,
                                   struct raft_stored *out_stored)
{
    assert(raft_storage_files_open(storage) == 0 && storage->segment_count == 0);
    assert(raft_log_last_index(log) == 0);
    enum raft_status status = load_all(storage, log);
    if (status != RAFT_OK) {
        raft_log_close(log);
        raft_storage_close_now(storage, &storage->spare_file);
        raft_storage_close_now(storage, &storage->spare_ids);
        raft_storage_close_now(storage, &storage->segment_file);
        raft_storage_close_now(storage, &storage->ids_file);
        raft_storage_close_now(storage, &storage->state_file);
        storage->segment_count = 0;
        storage->offset_base = 0;
        storage->offset_count = 0;
        storage->snapshot = (struct raft_snapshot){.id = {0, 0}};
        storage->mark = 0;
        return status;
    }
    struct raft_entry_id last = raft_log_last(log);
    assert(last.index == raft_storage_last(storage));
    raft_log_stored(log, last);
    raft_log_persisted(log, last, log->generation);
    *out_stored = (struct raft_stored){.state = storage->state, .snapshot = storage->snapshot};
    return RAFT_OK;
}
