/* Segments at start: what is written to them, and how they are removed.
 *
 *   [create] -> log: header, last batch, marked records -> sync
 *                                                     -> ids: header, identities, cut -> sync
 *                                                            log: cut (or lengthened) -> sync
 *
 *  1. An identity is written only when its record is durable. So the last batch, which the last
 *     process may not have synced, comes first; and so do whole records whose identities have the
 *     mark, wherever they are: the sync of a repair may have failed.
 *  2. What shows that a damaged entry was acknowledged may stand in the tail that is cut, or in a
 *     file that is removed: its identity is written, and durable if the tail is the log's, before
 *     that.
 *  3. Identities behind the end go before the records, durably.
 *  4. Both cuts are done even when there is nothing to cut: an earlier one may have reached the
 *     cache alone. A log that is missing, or too short for what its identities say, gets its length
 *     back, so that the next record has its place.
 *  5. All of this changes nothing when it is done again. */
#include "segment_load.h"

#include <assert.h>

static enum raft_status open_part(struct raft_storage *storage, const struct raft_image *image,
                                  enum raft_part part)
{
    struct raft_io io = {.op = image->has[part] ? RAFT_IO_OPEN : RAFT_IO_CREATE};
    raft_segment_name(part, image->first, io.name);
    enum raft_status status = image->has[part]
                                  ? raft_storage_run(storage, RAFT_AT_SEGMENT_SETTLE_OPEN, &io)
                                  : raft_storage_run(storage, RAFT_AT_SEGMENT_SETTLE_CREATE, &io);
    if (status == RAFT_OK) {
        *(part == RAFT_PART_LOG ? &storage->spare_file : &storage->spare_ids) = io.file;
    }
    return status;
}

static enum raft_status write_part(struct raft_storage *storage, enum raft_point point,
                                   raft_file file, uint8_t *bytes, uint64_t begin, uint64_t end)
{
    if (begin >= end) {
        return RAFT_OK;
    }
    struct raft_io io = {.op = RAFT_IO_WRITE, .file = file, .offset = begin};
    io.size = (size_t)(end - begin);
    io.bytes = bytes + begin;
    return raft_storage_run(storage, point, &io);
}

static enum raft_status cut_part(struct raft_storage *storage, enum raft_point point,
                                 raft_file file, uint64_t end)
{
    struct raft_io io = {.op = RAFT_IO_TRUNCATE, .file = file, .offset = end};
    return raft_storage_run(storage, point, &io);
}

static enum raft_status sync_part(struct raft_storage *storage, enum raft_point point,
                                  raft_file file)
{
    struct raft_io io = {.op = RAFT_IO_SYNC, .file = file};
    return raft_storage_run(storage, point, &io);
}

/* Writes the whole records again whose identities have the mark, and takes it from those. A record
 * that is not whole keeps it: a repair begins anew. */
static enum raft_status rewrite_marked(struct raft_storage *storage, struct raft_image *image)
{
    enum raft_status status = RAFT_OK;
    for (raft_index index = image->heal_first; index <= image->heal_last && status == RAFT_OK;
         index++) {
        struct raft_record id;
        struct raft_record record;
        if (!raft_image_id(image, index, &id) || !id.is_marked || id.offset >= image->log_size ||
            !raft_record_decode(image->log, image->log_size, image->first, id.offset, &record) ||
            !record.is_whole) {
            continue;
        }
        image->ids[raft_id_offset(image->first, index) + RAFT_ID_MARK] = 0;
        status = write_part(storage, RAFT_AT_SEGMENT_SETTLE_REWRITE, storage->spare_file,
                            image->log, id.offset, id.offset + record.span);
    }
    return status;
}

static enum raft_status mend_log(struct raft_storage *storage, struct raft_image *image,
                                 bool is_last)
{
    enum raft_status status = RAFT_OK;
    if (image->knows_before) {
        uint8_t header[RAFT_SEGMENT_HEADER_SIZE];
        raft_segment_header_encode(RAFT_PART_LOG, image->first, image->term_before, header);
        status = write_part(storage, RAFT_AT_SEGMENT_SETTLE_WRITE_HEADER, storage->spare_file,
                            header, 0, sizeof header);
    }
    if (status == RAFT_OK && is_last) {
        size_t end = image->end < image->log_size ? image->end : image->log_size;
        status = write_part(storage, RAFT_AT_SEGMENT_SETTLE_WRITE_BATCH, storage->spare_file,
                            image->log, image->batch, end);
    }
    if (status == RAFT_OK) {
        status = rewrite_marked(storage, image);
    }
    if (status != RAFT_OK) {
        return status;
    }
    return sync_part(storage, RAFT_AT_SEGMENT_SETTLE_SYNC, storage->spare_file);
}

static enum raft_status mend_ids(struct raft_storage *storage, struct raft_image *image,
                                 bool is_last)
{
    raft_index first = image->heal_first;
    raft_index last = image->heal_last;
    if (is_last) {
        first = image->batch_first < first || last < first ? image->batch_first : first;
        last = image->last;
    }
    raft_file file = storage->spare_ids;
    enum raft_status status = RAFT_OK;
    if (image->knows_before) {
        raft_segment_header_encode(RAFT_PART_IDS, image->first, image->term_before, image->ids);
        status = write_part(storage, RAFT_AT_IDS_SETTLE_WRITE_HEADER, file, image->ids, 0,
                            RAFT_SEGMENT_HEADER_SIZE);
    }
    if (status == RAFT_OK) {
        status =
            write_part(storage, RAFT_AT_IDS_SETTLE_WRITE, file, image->ids,
                       raft_id_offset(image->first, first), raft_id_offset(image->first, last + 1));
    }
    if (status == RAFT_OK) {
        status = cut_part(storage, RAFT_AT_IDS_SETTLE_TRUNCATE, file,
                          raft_id_offset(image->first, image->last + 1));
    }
    return status == RAFT_OK ? sync_part(storage, RAFT_AT_IDS_SETTLE_SYNC, file) : status;
}

enum raft_status raft_image_mend(struct raft_storage *storage, struct raft_image *image,
                                 bool is_last)
{
    assert(storage->spare_file == 0 && storage->spare_ids == 0);
    enum raft_status status = open_part(storage, image, RAFT_PART_LOG);
    if (status == RAFT_OK) {
        status = open_part(storage, image, RAFT_PART_IDS);
    }
    if (status == RAFT_OK) {
        status = mend_log(storage, image, is_last);
    }
    if (status == RAFT_OK) {
        status = mend_ids(storage, image, is_last);
    }
    if (status == RAFT_OK) {
        status =
            cut_part(storage, RAFT_AT_SEGMENT_SETTLE_TRUNCATE, storage->spare_file, image->end);
    }
    if (status == RAFT_OK) {
        status = sync_part(storage, RAFT_AT_SEGMENT_SETTLE_SYNC_CUT, storage->spare_file);
    }
    if (status == RAFT_OK && is_last) {
        storage->segment_file = storage->spare_file;
        storage->ids_file = storage->spare_ids;
        storage->spare_file = 0;
        storage->spare_ids = 0;
    }
    raft_storage_close_now(storage, &storage->spare_file);
    raft_storage_close_now(storage, &storage->spare_ids);
    return status;
}

bool raft_image_is_sick(const struct raft_image *image)
{
    bool is_headed = image->is_headed[RAFT_PART_LOG] && image->is_headed[RAFT_PART_IDS];
    return !image->has[RAFT_PART_LOG] || !image->has[RAFT_PART_IDS] ||
           (!is_headed && image->knows_before) || image->heal_first <= image->heal_last;
}

enum raft_status raft_segment_remove(struct raft_storage *storage, size_t position)
{
    static const enum raft_part parts[] = {RAFT_PART_IDS, RAFT_PART_LOG};
    const struct raft_segment *segment = &storage->segments[position];
    enum raft_status status = RAFT_OK;
    for (unsigned i = 0; i < 2 && status == RAFT_OK; i++) {
        if (!segment->has[parts[i]]) {
            continue;
        }
        struct raft_io io = {.op = RAFT_IO_UNLINK};
        raft_segment_name(parts[i], segment->first, io.name);
        status = raft_storage_run(storage, RAFT_AT_SEGMENT_LOAD_UNLINK, &io);
        if (status == RAFT_OK) {
            struct raft_io sync = {.op = RAFT_IO_SYNC_DIR};
            status = raft_storage_run(storage, RAFT_AT_SEGMENT_LOAD_SYNC_DIR, &sync);
        }
    }
    return status;
}
