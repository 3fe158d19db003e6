/* Recovery: from the files of a dead process to a log and a hard state that are durable.
 *
 * What a crash may have left, and what damage looks like instead (README.md has the table):
 *
 *  1. A batch is written only after the one before it is durable, and each record names the first
 *     index of its batch. So a bad record is a torn tail (never acknowledged) unless a valid record
 *     behind it belongs to a batch that began behind it, or another segment follows. A torn tail is
 *     cut; damage of what was acknowledged is RAFT_CORRUPT and nothing is cut.
 *  2. A segment whose header is bad was being created by the crash when it is the last one,
 *     begins where the log ends and holds no valid record: it is removed. Otherwise its header is
 * damaged: RAFT_CORRUPT.
 *  3. A valid record that does not continue the log, a hole between segments, and anything of a
 *     later version are RAFT_CORRUPT.
 *  4. The cache is not trusted: the last process may have died before a sync, or of one that failed
 *     and left the pages clean. Whatever may not be durable (the hard state, the last segment's
 *     header, size and last batch, the directory) is written again and synced before load returns.
 *  5. Each step may be the last before another crash, and doing all of them again changes nothing:
 *     bytes are rewritten as they are, cuts and removals are of what was never acknowledged. */
#include "storage_internal.h"

#include <assert.h>
#include <string.h>

/* The last segment as it was read. */
struct image {
    uint8_t *bytes;
    size_t size;
    size_t end;   /* of the last valid record */
    size_t batch; /* where the last batch begins; == end: there is none */
};

enum verdict {
    SEGMENT_GOOD,   /* perhaps with a torn tail */
    SEGMENT_UNBORN, /* the crash came while it was being created */
    SEGMENT_DAMAGED
};

struct listing {
    struct raft_storage *storage;
    enum raft_status status;
    bool has_state;
    bool has_state_new;
    bool has_probe;
};

static bool is_name(const char *name, const char *other)
{
    size_t size = strlen(other);
    return strlen(name) == size && memcmp(name, other, size) == 0;
}

static bool visit_any(void *visitor, const char *name)
{
    bool *exists = visitor;
    raft_index first;
    *exists = is_name(name, RAFT_STATE_NAME) || raft_segment_name_parse(name, &first);
    return !*exists;
}

enum raft_status raft_storage_exists(struct raft_storage *storage, bool *out_exists)
{
    const struct raft_env *env = storage->env;
    *out_exists = false;
    return env->list(env->ctx, RAFT_AT_STORE_EXISTS_LIST, visit_any, out_exists);
}

enum raft_status raft_storage_bootstrap(struct raft_storage *storage)
{
    bool exists = false;
    enum raft_status status = raft_storage_exists(storage, &exists);
    if (status != RAFT_OK) {
        return status;
    }
    if (raft_exit_taken(storage->memory, RAFT_AT_STORE_BOOTSTRAP_EXISTS, exists)) {
        return RAFT_INVALID;
    }
    return raft_state_bootstrap(storage);
}

static bool visit_all(void *visitor, const char *name)
{
    struct listing *listing = visitor;
    struct raft_storage *storage = listing->storage;
    raft_index first = 0;
    if (is_name(name, RAFT_STATE_NEW_NAME)) {
        listing->has_state_new = true;
    } else if (is_name(name, RAFT_PROBE_NAME)) {
        listing->has_probe = true;
    } else if (raft_segment_name_parse(name, &first)) {
        listing->status = raft_storage_reserve_segments(storage, RAFT_AT_SEGMENT_LOAD_TABLE);
        if (listing->status != RAFT_OK) {
            return false;
        }
        storage->segments[storage->segment_count++] = (struct raft_segment){.first = first};
    }
    return true;
}

/* An error is no concern: the file has only been read, or the load has failed already. */
static void close_file(struct raft_storage *storage, raft_file *file)
{
    if (*file == 0) {
        return;
    }
    struct raft_io io = {.op = RAFT_IO_CLOSE, .file = *file};
    enum raft_status status = raft_storage_run(storage, RAFT_AT_STORE_LOAD_CLOSE, &io);
    (void)status;
    *file = 0;
}

/* Removes what an interrupted probe or bootstrap has left. */
static enum raft_status remove_leftover(struct raft_storage *storage, const char *name)
{
    struct raft_io io = {.op = RAFT_IO_UNLINK};
    raft_storage_name_set(io.name, name);
    return raft_storage_run(storage, RAFT_AT_STORE_LOAD_UNLINK, &io);
}

/* Opens a segment as spare_file and reads all of it. */
static enum raft_status read_segment(struct raft_storage *storage, raft_index first,
                                     struct image *image)
{
    const struct raft_memory *memory = storage->memory;
    assert(storage->spare_file == 0 && image->bytes == NULL);
    struct raft_io open = {.op = RAFT_IO_OPEN};
    raft_segment_name(first, open.name);
    enum raft_status status = raft_storage_run(storage, RAFT_AT_SEGMENT_LOAD_OPEN, &open);
    if (status != RAFT_OK) {
        return status;
    }
    storage->spare_file = open.file;
    image->size = (size_t)open.file_size;
    if (image->size == 0) {
        return RAFT_OK;
    }
    image->bytes = memory->alloc(memory->ctx, RAFT_AT_SEGMENT_LOAD_BUFFER, image->size);
    if (image->bytes == NULL) {
        return RAFT_NOMEM;
    }
    struct raft_io read = {
        .op = RAFT_IO_READ, .file = open.file, .size = image->size, .bytes = image->bytes};
    return raft_storage_run(storage, RAFT_AT_SEGMENT_LOAD_READ, &read);
}

/* Whether a valid record at or behind offset belongs to a batch that began behind an index. Notes
 * the highest number of a batch on the way, so that it is not given again. */
static bool has_later_batch(struct raft_storage *storage, const struct image *image,
                            raft_index segment_first, size_t offset, raft_index index)
{
    bool found = false;
    for (; offset + RAFT_RECORD_HEADER_SIZE <= image->size; offset += RAFT_RECORD_ALIGN) {
        struct raft_record record;
        if (!raft_record_decode(image->bytes, image->size, segment_first, offset, &record)) {
            continue;
        }
        if (record.batch > storage->batch_last) {
            storage->batch_last = record.batch;
        }
        found = found || record.batch_first > index;
    }
    return found;
}

/* Whether a valid record is what must come next. */
static bool continues(const struct raft_log *log, const struct raft_record *record, uint64_t batch,
                      raft_index batch_first)
{
    struct raft_entry_id last = raft_log_last(log);
    bool same_batch = record->batch == batch && record->batch_first == batch_first;
    bool new_batch = record->batch > batch && record->batch_first == record->id.index;
    return record->id.index == last.index + 1 && record->id.term >= last.term && record->kind > 0 &&
           record->kind < RAFT_ENTRY_KIND_COUNT && (same_batch || new_batch);
}

/* Puts a record into the log and the table of offsets. RAFT_NOMEM. */
static enum raft_status take_record(struct raft_storage *storage, struct raft_log *log,
                                    const struct raft_record *record, size_t offset)
{
    enum raft_status status =
        raft_storage_reserve_offsets(storage, RAFT_AT_SEGMENT_LOAD_OFFSETS, 1);
    if (status != RAFT_OK) {
        return status;
    }
    status = raft_log_reserve(log, 1);
    if (status != RAFT_OK) {
        return status;
    }
    struct raft_entry *entry = NULL;
    status = raft_entry_create(storage->memory, RAFT_AT_SEGMENT_LOAD_ENTRY,
                               (enum raft_entry_kind)record->kind, record->size,
                               RAFT_HOLDER_LOADING, &entry);
    if (status != RAFT_OK) {
        return status;
    }
    entry->id = record->id;
    if (record->size > 0) {
        memcpy(entry->payload, record->payload, record->size);
    }
    raft_log_append(log, entry);
    raft_entry_drop(entry, RAFT_HOLDER_LOADING);
    assert(storage->offset_count + 1 == record->id.index);
    storage->offsets[storage->offset_count++] = offset;
    return RAFT_OK;
}

static enum verdict judge_header(struct raft_storage *storage, const struct image *image,
                                 raft_index first, raft_index expected, bool is_last)
{
    uint32_t version = 0;
    raft_index header_first = 0;
    if (!raft_segment_header_decode(image->bytes, image->size, &version, &header_first)) {
        bool holds_records = has_later_batch(storage, image, first, 0, 0);
        bool is_unborn = is_last && first == expected && !holds_records;
        return is_unborn ? SEGMENT_UNBORN : SEGMENT_DAMAGED;
    }
    bool fits = version == RAFT_SEGMENT_VERSION && header_first == first && first == expected;
    return fits ? SEGMENT_GOOD : SEGMENT_DAMAGED;
}

/* Takes the records of a segment that has been read. RAFT_NOMEM; what is wrong with the segment is
 * in the verdict. */
static enum raft_status take_segment(struct raft_storage *storage, struct raft_log *log,
                                     size_t position, struct image *image, enum verdict *out)
{
    raft_index first = storage->segments[position].first;
    bool is_last = position == storage->segment_count - 1;
    *out = judge_header(storage, image, first, raft_log_last_index(log) + 1, is_last);
    if (*out != SEGMENT_GOOD) {
        return RAFT_OK;
    }
    uint64_t batch = storage->batch_last;
    raft_index batch_first = 0;
    image->end = RAFT_SEGMENT_HEADER_SIZE;
    image->batch = image->end;
    while (image->end < image->size) {
        struct raft_record record;
        if (!raft_record_decode(image->bytes, image->size, first, image->end, &record)) {
            raft_index bad = raft_log_last_index(log) + 1;
            bool later = has_later_batch(storage, image, first, image->end, bad);
            *out = later || !is_last ? SEGMENT_DAMAGED : SEGMENT_GOOD;
            break;
        }
        if (!continues(log, &record, batch, batch_first)) {
            *out = SEGMENT_DAMAGED;
            break;
        }
        if (record.batch != batch) {
            batch = record.batch;
            batch_first = record.batch_first;
            image->batch = image->end;
        }
        enum raft_status status = take_record(storage, log, &record, image->end);
        if (status != RAFT_OK) {
            return status;
        }
        image->end += record.span;
    }
    if (batch > storage->batch_last) {
        storage->batch_last = batch;
    }
    storage->segments[position].size = image->end;
    return RAFT_OK;
}

/* Removes the last segment, which a crash has left half created. The caller syncs the directory. */
static enum raft_status drop_unborn(struct raft_storage *storage)
{
    assert(storage->segment_count > 0);
    close_file(storage, &storage->spare_file);
    struct raft_io io = {.op = RAFT_IO_UNLINK};
    raft_segment_name(storage->segments[storage->segment_count - 1].first, io.name);
    enum raft_status status = raft_storage_run(storage, RAFT_AT_SEGMENT_LOAD_UNLINK, &io);
    if (status == RAFT_OK) {
        storage->segment_count--;
    }
    return status;
}

static enum raft_status write_again(struct raft_storage *storage, enum raft_point point,
                                    const struct image *image, size_t begin, size_t end)
{
    assert(begin <= end && end <= image->size);
    if (begin == end) {
        return RAFT_OK;
    }
    struct raft_io io = {.op = RAFT_IO_WRITE, .file = storage->segment_file};
    io.offset = begin;
    io.size = end - begin;
    io.bytes = image->bytes + begin;
    return raft_storage_run(storage, point, &io);
}

/* Cuts the torn tail of the last segment, and makes durable what may not be. The cut is done even
 * when there is no tail: an earlier one may have reached the cache alone. */
static enum raft_status settle_segment(struct raft_storage *storage, const struct image *image)
{
    struct raft_io cut = {.op = RAFT_IO_TRUNCATE, .file = storage->segment_file};
    cut.offset = image->end;
    enum raft_status status = raft_storage_run(storage, RAFT_AT_SEGMENT_SETTLE_TRUNCATE, &cut);
    if (status != RAFT_OK) {
        return status;
    }
    status = write_again(storage, RAFT_AT_SEGMENT_SETTLE_WRITE_HEADER, image, 0,
                         RAFT_SEGMENT_HEADER_SIZE);
    if (status != RAFT_OK) {
        return status;
    }
    status =
        write_again(storage, RAFT_AT_SEGMENT_SETTLE_WRITE_BATCH, image, image->batch, image->end);
    if (status != RAFT_OK) {
        return status;
    }
    struct raft_io sync = {.op = RAFT_IO_SYNC, .file = storage->segment_file};
    return raft_storage_run(storage, RAFT_AT_SEGMENT_SETTLE_SYNC, &sync);
}

/* Reads all segments in order; the last one stays open as segment_file. */
static enum raft_status load_segments(struct raft_storage *storage, struct raft_log *log)
{
    const struct raft_memory *memory = storage->memory;
    struct image last = {0};
    struct image image = {0};
    enum raft_status status = RAFT_OK;
    for (size_t i = 0; i < storage->segment_count; i++) {
        enum verdict verdict = SEGMENT_GOOD;
        status = read_segment(storage, storage->segments[i].first, &image);
        if (status != RAFT_OK) {
            goto out;
        }
        status = take_segment(storage, log, i, &image, &verdict);
        if (status != RAFT_OK) {
            goto out;
        }
        bool is_damaged = verdict == SEGMENT_DAMAGED;
        if (raft_exit_taken(memory, RAFT_AT_SEGMENT_LOAD_CORRUPT, is_damaged)) {
            status = RAFT_CORRUPT;
            goto out;
        }
        if (verdict == SEGMENT_UNBORN) {
            status = drop_unborn(storage);
            break;
        }
        close_file(storage, &storage->segment_file);
        storage->segment_file = storage->spare_file;
        storage->spare_file = 0;
        memory->free(memory->ctx, last.bytes);
        last = image;
        image = (struct image){0};
    }
    if (status == RAFT_OK && storage->segment_file != 0) {
        status = settle_segment(storage, &last);
    }
out:
    memory->free(memory->ctx, last.bytes);
    memory->free(memory->ctx, image.bytes);
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
        status = load_segments(storage, log);
    }
    if (status == RAFT_OK && listing.has_state_new) {
        status = remove_leftover(storage, RAFT_STATE_NEW_NAME);
    }
    if (status == RAFT_OK && listing.has_probe) {
        status = remove_leftover(storage, RAFT_PROBE_NAME);
    }
    if (status == RAFT_OK) {
        struct raft_io sync = {.op = RAFT_IO_SYNC_DIR};
        status = raft_storage_run(storage, RAFT_AT_STORE_LOAD_SYNC_DIR, &sync);
    }
    /* A file that was listed and is not there, which is no fault point's doing. */
    return status == RAFT_NOT_FOUND ? RAFT_IO : status;
}

enum raft_status raft_storage_load(struct raft_storage *storage, struct raft_log *log,
                                   struct raft_hard_state *out_state)
{
    assert(raft_storage_files_open(storage) == 0 && storage->segment_count == 0);
    assert(raft_log_last_index(log) == 0);
    enum raft_status status = load_all(storage, log);
    if (status != RAFT_OK) {
        raft_log_close(log);
        close_file(storage, &storage->spare_file);
        close_file(storage, &storage->segment_file);
        close_file(storage, &storage->state_file);
        storage->segment_count = 0;
        storage->offset_count = 0;
        return status;
    }
    struct raft_entry_id last = raft_log_last(log);
    assert(last.index == storage->offset_count);
    raft_log_stored(log, last);
    raft_log_persisted(log, last, log->generation);
    *out_state = storage->state;
    return RAFT_OK;
}
