/* Segments at start: from files to a log that is durable.
 *
 * What a crash may have left, and what damage looks like instead (README.md has the table):
 *
 *  1. A batch is written only after the one before it is durable, and each identity names the
 *     first index of its batch. So a bad record is a torn tail (never acknowledged) unless a valid
 *     identity behind it belongs to a batch that began behind it, or another segment follows. A
 *     torn tail is cut. What was acknowledged is never cut: if its identity is good, it comes into
 *     the log as a damaged entry; if not, it is RAFT_CORRUPT.
 *  2. A segment whose header is bad was being created by the crash when it is the last one,
 *     begins where the log ends and holds no valid record: it is removed. Otherwise its header is
 *     damaged: RAFT_CORRUPT.
 *  3. A valid record that does not continue the log or holds no configuration where one must be, a
 *     hole between segments or behind the snapshot, and anything of a later version are
 *     RAFT_CORRUPT.
 *  4. What the snapshot covers is not needed: segments that end before its last entry are removed
 *     unread, and records up to it are read but not taken. The record of its last entry tells
 *     whether the log is the one that the snapshot came from. If it is another one, or if the log
 *     ends before it, the log is removed, back to front: nothing of it counts any more.
 *  5. A snapshot that is damaged was replaced by the log only if the log reaches as far.
 *  6. Nothing is changed before everything has been read; then a removal or a cut is of what was
 *     never acknowledged, or is covered, by a snapshot whose name is durable. */
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

/* What has been read so far. */
struct trail {
    struct raft_log *log;
    struct raft_entry_id base; /* the snapshot's */
    struct raft_entry_id last; /* record; the term is 0 as long as it is not known */
    bool disagrees;            /* another entry is where the snapshot's last one must be */
    size_t covered;            /* segments that need not be read */
    bool is_unborn;            /* the last segment is half created */
    struct image image;        /* of the last whole segment */
};

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

/* Whether a valid identity at or behind offset belongs to a batch that began behind an index. Notes
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
static bool continues(const struct trail *trail, const struct raft_record *record, uint64_t batch,
                      raft_index batch_first)
{
    bool same_batch = record->batch == batch && record->batch_first == batch_first;
    bool new_batch = record->batch > batch && record->batch_first == record->id.index;
    bool is_good = record->kind > 0 && record->kind < RAFT_ENTRY_KIND_COUNT &&
                   (!record->is_whole ||
                    raft_entry_payload_is_good(record->kind, record->payload, record->size));
    return record->id.index == trail->last.index + 1 && record->id.term >= trail->last.term &&
           is_good && (same_batch || new_batch);
}

/* Puts the entry of a record into the log. RAFT_NOMEM. */
static enum raft_status take_entry(struct raft_storage *storage, struct raft_log *log,
                                   const struct raft_record *record)
{
    enum raft_status status = raft_log_reserve(log, 1);
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
    entry->damaged = !record->is_whole;
    if (entry->damaged) {
        memset(entry->payload, 0, record->size);
    } else if (record->size > 0) {
        memcpy(entry->payload, record->payload, record->size);
    }
    raft_log_append(log, entry);
    raft_entry_drop(entry, RAFT_HOLDER_LOADING);
    return RAFT_OK;
}

/* Puts a record into the table of offsets, and into the log if the snapshot does not have it.
 * RAFT_NOMEM. */
static enum raft_status take_record(struct raft_storage *storage, struct trail *trail,
                                    const struct raft_record *record, uint64_t offset)
{
    enum raft_status status =
        raft_storage_reserve_offsets(storage, RAFT_AT_SEGMENT_LOAD_OFFSETS, 1);
    if (status != RAFT_OK) {
        return status;
    }
    raft_index base = trail->base.index;
    if (record->id.index == base) {
        trail->disagrees = record->id.term != trail->base.term;
    }
    if (record->id.index > base && !trail->disagrees) {
        status = take_entry(storage, trail->log, record);
        if (status != RAFT_OK) {
            return status;
        }
    }
    assert(raft_storage_last(storage) + 1 == record->id.index);
    storage->offsets[storage->offset_count++] = offset;
    trail->last = record->id;
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
static enum raft_status take_segment(struct raft_storage *storage, struct trail *trail,
                                     size_t position, struct image *image, enum verdict *out)
{
    raft_index first = storage->segments[position].first;
    bool is_last = position == storage->segment_count - 1;
    *out = judge_header(storage, image, first, trail->last.index + 1, is_last);
    if (*out != SEGMENT_GOOD) {
        return RAFT_OK;
    }
    uint64_t batch = storage->batch_last;
    raft_index batch_first = 0;
    raft_index damaged = 0; /* the last one that has been taken */
    image->end = RAFT_SEGMENT_HEADER_SIZE;
    image->batch = image->end;
    while (image->end < image->size) {
        struct raft_record record;
        bool is_known = raft_record_decode(image->bytes, image->size, first, image->end, &record);
        if (!is_known || !record.is_whole) {
            raft_index bad = trail->last.index + 1;
            bool later = has_later_batch(storage, image, first, image->end, bad);
            bool is_torn = is_last && !later;
            if (is_torn || !is_known) {
                /* What shows that a damaged entry was acknowledged must outlive the cut. */
                bool keeps_proof = damaged == 0 || damaged < batch_first;
                *out = is_torn && keeps_proof ? SEGMENT_GOOD : SEGMENT_DAMAGED;
                break;
            }
            damaged = bad;
        }
        if (!continues(trail, &record, batch, batch_first)) {
            *out = SEGMENT_DAMAGED;
            break;
        }
        if (record.batch != batch) {
            batch = record.batch;
            batch_first = record.batch_first;
            image->batch = image->end;
        }
        enum raft_status status = take_record(storage, trail, &record, image->end);
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

/* How many segments have a name that can be relied on: the last one, if it is half created, says
 * nothing about where the one before it ends. */
static enum raft_status count_named(struct raft_storage *storage, const struct trail *trail,
                                    size_t *out_count)
{
    struct image image = {0};
    *out_count = storage->segment_count;
    if (*out_count < 2 || storage->segments[*out_count - 1].first > trail->base.index) {
        return RAFT_OK; /* it does not matter */
    }
    enum raft_status status =
        read_segment(storage, storage->segments[*out_count - 1].first, &image);
    if (status == RAFT_OK) {
        uint32_t version = 0;
        raft_index first = 0;
        bool has_header = raft_segment_header_decode(image.bytes, image.size, &version, &first);
        *out_count -= has_header ? 0 : 1;
    }
    raft_storage_close_now(storage, &storage->spare_file);
    storage->memory->free(storage->memory->ctx, image.bytes);
    return status;
}

/* Where reading begins: with the segment that has the snapshot's last entry, if there is one. */
static enum raft_status begin_trail(struct raft_storage *storage, struct trail *trail)
{
    const struct raft_segment *segments = storage->segments;
    size_t named = 0;
    enum raft_status status = count_named(storage, trail, &named);
    if (status != RAFT_OK) {
        return status;
    }
    while (trail->covered + 1 < named && segments[trail->covered + 1].first <= trail->base.index) {
        trail->covered++;
    }
    trail->last = trail->base;
    if (trail->covered < storage->segment_count) {
        raft_index first = segments[trail->covered].first;
        if (first > 0 && first <= trail->base.index) {
            trail->last = (struct raft_entry_id){.term = 0, .index = first - 1};
        }
    }
    storage->offset_base = trail->last.index;
    return RAFT_OK;
}

/* Reads the segments in order; the last whole one stays open as segment_file. */
static enum raft_status read_segments(struct raft_storage *storage, struct trail *trail)
{
    const struct raft_memory *memory = storage->memory;
    struct image image = {0};
    enum raft_status status = RAFT_OK;
    for (size_t i = trail->covered; i < storage->segment_count && !trail->is_unborn; i++) {
        enum verdict verdict = SEGMENT_GOOD;
        status = read_segment(storage, storage->segments[i].first, &image);
        if (status != RAFT_OK) {
            goto out;
        }
        status = take_segment(storage, trail, i, &image, &verdict);
        if (status != RAFT_OK) {
            goto out;
        }
        bool is_damaged = verdict == SEGMENT_DAMAGED;
        if (raft_exit_taken(memory, RAFT_AT_SEGMENT_LOAD_CORRUPT, is_damaged)) {
            status = RAFT_CORRUPT;
            goto out;
        }
        if (verdict == SEGMENT_UNBORN) {
            trail->is_unborn = true;
            raft_storage_close_now(storage, &storage->spare_file);
            break;
        }
        raft_storage_close_now(storage, &storage->segment_file);
        storage->segment_file = storage->spare_file;
        storage->spare_file = 0;
        memory->free(memory->ctx, trail->image.bytes);
        trail->image = image;
        image = (struct image){0};
    }
out:
    memory->free(memory->ctx, image.bytes);
    return status;
}

static enum raft_status unlink_segment(struct raft_storage *storage, size_t position)
{
    struct raft_io io = {.op = RAFT_IO_UNLINK};
    raft_segment_name(storage->segments[position].first, io.name);
    return raft_storage_run(storage, RAFT_AT_SEGMENT_LOAD_UNLINK, &io);
}

/* Removes what the snapshot covers, and a last segment that is half created. The caller syncs the
 * directory: whichever of these removals a crash undoes, the next start does again. */
static enum raft_status trim(struct raft_storage *storage, const struct trail *trail)
{
    if (trail->is_unborn) {
        enum raft_status status = unlink_segment(storage, storage->segment_count - 1);
        if (status != RAFT_OK) {
            return status;
        }
        storage->segment_count--;
    }
    for (size_t i = 0; i < trail->covered; i++) {
        enum raft_status status = unlink_segment(storage, i);
        if (status != RAFT_OK) {
            return status;
        }
    }
    if (trail->covered > 0) {
        storage->segment_count -= trail->covered;
        memmove(storage->segments, storage->segments + trail->covered,
                storage->segment_count * sizeof storage->segments[0]);
    }
    return RAFT_OK;
}

/* Removes the whole log, which the snapshot takes the place of. */
static enum raft_status reset(struct raft_storage *storage, const struct trail *trail)
{
    raft_storage_close_now(storage, &storage->segment_file);
    for (; storage->segment_count > 0; storage->segment_count--) {
        enum raft_status status = unlink_segment(storage, storage->segment_count - 1);
        if (status != RAFT_OK) {
            return status;
        }
        struct raft_io sync = {.op = RAFT_IO_SYNC_DIR};
        status = raft_storage_run(storage, RAFT_AT_SEGMENT_LOAD_SYNC_DIR, &sync);
        if (status != RAFT_OK) {
            return status;
        }
    }
    storage->offset_base = trail->base.index;
    storage->offset_count = 0;
    return RAFT_OK;
}

/* The process before may have ended between the renaming of the snapshot and the sync of the
 * directory: its name must be there for good before what it covers goes. */
static enum raft_status keep_snapshot(struct raft_storage *storage)
{
    if (storage->snapshot.id.index == 0) {
        return RAFT_OK;
    }
    struct raft_io sync = {.op = RAFT_IO_SYNC_DIR};
    return raft_storage_run(storage, RAFT_AT_SEGMENT_SETTLE_SYNC_DIR, &sync);
}

/* Everything has been read. */
static enum raft_status settle(struct raft_storage *storage, const struct trail *trail,
                               raft_index bad)
{
    const struct raft_memory *memory = storage->memory;
    raft_term newest = trail->last.term > trail->base.term ? trail->last.term : trail->base.term;
    if (raft_exit_taken(memory, RAFT_AT_STATE_LOAD_OLDER, storage->state.term < newest)) {
        return RAFT_LOST_STORE;
    }
    bool continues_snapshot = trail->last.index >= trail->base.index && !trail->disagrees;
    raft_index last = continues_snapshot ? trail->last.index : trail->base.index;
    if (raft_exit_taken(memory, RAFT_AT_SNAPSHOT_LOAD_CORRUPT, bad > last)) {
        return RAFT_CORRUPT;
    }
    enum raft_status status = keep_snapshot(storage);
    if (status != RAFT_OK) {
        return status;
    }
    if (!continues_snapshot) {
        return reset(storage, trail);
    }
    status = trim(storage, trail);
    if (status == RAFT_OK && storage->segment_file != 0) {
        status = settle_segment(storage, &trail->image);
    }
    return status;
}

enum raft_status raft_segments_load(struct raft_storage *storage, struct raft_log *log,
                                    raft_index bad)
{
    struct trail trail = {.log = log, .base = storage->snapshot.id};
    assert(storage->segment_file == 0 && storage->offset_count == 0);
    raft_log_begin(log, trail.base);
    enum raft_status status = begin_trail(storage, &trail);
    if (status == RAFT_OK) {
        status = read_segments(storage, &trail);
    }
    if (status == RAFT_OK) {
        status = settle(storage, &trail, bad);
    }
    storage->memory->free(storage->memory->ctx, trail.image.bytes);
    return status;
}
