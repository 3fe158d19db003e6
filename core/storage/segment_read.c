/* A segment at start: both files, read whole into one block of memory.
 *
 * A file that is missing is read as one of no bytes. A header counts only if it names the segment
 * that the file's name does. */
#include "segment_load.h"

#include <assert.h>
#include <string.h>

static enum raft_status open_part(struct raft_storage *storage, const struct raft_segment *segment,
                                  enum raft_part part, size_t *out_size)
{
    *out_size = 0;
    if (!segment->has[part]) {
        return RAFT_OK;
    }
    struct raft_io open = {.op = RAFT_IO_OPEN};
    raft_segment_name(part, segment->first, open.name);
    enum raft_status status = raft_storage_run(storage, RAFT_AT_SEGMENT_LOAD_OPEN, &open);
    if (status == RAFT_OK) {
        *(part == RAFT_PART_LOG ? &storage->spare_file : &storage->spare_ids) = open.file;
        *out_size = (size_t)open.file_size;
    }
    return status;
}

static enum raft_status read_part(struct raft_storage *storage, raft_file file, uint8_t *bytes,
                                  size_t size)
{
    if (size == 0) {
        return RAFT_OK;
    }
    struct raft_io read = {.op = RAFT_IO_READ, .file = file, .size = size, .bytes = bytes};
    return raft_storage_run(storage, RAFT_AT_SEGMENT_LOAD_READ, &read);
}

/* Whether the header of a part is good. */
static bool read_header(struct raft_image *image, enum raft_part part, const uint8_t *bytes,
                        size_t size)
{
    struct raft_segment_header header;
    if (!raft_segment_header_decode(part, bytes, size, &header) || header.first != image->first) {
        return false;
    }
    image->is_later = image->is_later || header.version != RAFT_SEGMENT_VERSION;
    image->knows_before = true;
    image->term_before = header.term_before;
    return true;
}

/* Memory for both files and for the identities of all records that may be in them. RAFT_NOMEM. */
static enum raft_status image_create(struct raft_storage *storage,
                                     const struct raft_segment *segment, size_t log_size,
                                     size_t ids_size, struct raft_image **out_image)
{
    const struct raft_memory *memory = storage->memory;
    size_t id_count = ids_size < RAFT_SEGMENT_HEADER_SIZE
                          ? 0
                          : (ids_size - RAFT_SEGMENT_HEADER_SIZE) / RAFT_ID_SIZE;
    size_t records = log_size / RAFT_RECORD_HEADER_SIZE + id_count + 1;
    size_t room = RAFT_SEGMENT_HEADER_SIZE + records * RAFT_ID_SIZE;
    assert(room >= ids_size);
    struct raft_image *image =
        memory->alloc(memory->ctx, RAFT_AT_SEGMENT_LOAD_BUFFER, sizeof *image + log_size + room);
    if (image == NULL) {
        return RAFT_NOMEM;
    }
    *image = (struct raft_image){
        .first = segment->first,
        .has = {segment->has[0], segment->has[1]},
        .log_size = log_size,
        .id_count = id_count,
        .log = (uint8_t *)(image + 1),
    };
    image->ids = image->log + log_size;
    memset(image->ids, 0, room);
    *out_image = image;
    return RAFT_OK;
}

enum raft_status raft_image_read(struct raft_storage *storage, size_t position,
                                 struct raft_image **out_image)
{
    const struct raft_segment *segment = &storage->segments[position];
    assert(storage->spare_file == 0 && storage->spare_ids == 0);
    struct raft_image *image = NULL;
    size_t log_size = 0;
    size_t ids_size = 0;
    enum raft_status status = open_part(storage, segment, RAFT_PART_LOG, &log_size);
    if (status == RAFT_OK) {
        status = open_part(storage, segment, RAFT_PART_IDS, &ids_size);
    }
    if (status != RAFT_OK) {
        goto out;
    }
    status = image_create(storage, segment, log_size, ids_size, &image);
    if (status == RAFT_OK) {
        status = read_part(storage, storage->spare_file, image->log, log_size);
    }
    if (status == RAFT_OK) {
        status = read_part(storage, storage->spare_ids, image->ids, ids_size);
    }
    if (status != RAFT_OK) {
        goto out;
    }
    image->is_headed[RAFT_PART_IDS] = read_header(image, RAFT_PART_IDS, image->ids, ids_size);
    image->is_headed[RAFT_PART_LOG] = read_header(image, RAFT_PART_LOG, image->log, log_size);
    *out_image = image;
    image = NULL;
out:
    raft_storage_close_now(storage, &storage->spare_file);
    raft_storage_close_now(storage, &storage->spare_ids);
    raft_image_free(storage, image);
    return status;
}

void raft_image_free(struct raft_storage *storage, struct raft_image *image)
{
    storage->memory->free(storage->memory->ctx, image);
}

bool raft_image_id(const struct raft_image *image, raft_index index, struct raft_record *out_record)
{
    assert(index >= image->first);
    return index - image->first < image->id_count &&
           raft_id_decode(image->ids + raft_id_offset(image->first, index), image->first, index,
                          out_record);
}

bool raft_image_speaks(const struct raft_image *image)
{
    struct raft_record record;
    bool speaks = image->is_headed[RAFT_PART_LOG] || image->is_headed[RAFT_PART_IDS];
    for (size_t i = 0; !speaks && i < image->id_count; i++) {
        speaks = raft_image_id(image, image->first + i, &record);
    }
    for (size_t at = 0; !speaks && at + RAFT_RECORD_HEADER_SIZE <= image->log_size;
         at += RAFT_RECORD_ALIGN) {
        speaks = raft_record_decode(image->log, image->log_size, image->first, at, &record);
    }
    return speaks && image->first > 0;
}
