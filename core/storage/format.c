/* The bytes of the store's files.
 *
 * Every checksum is CRC-32C. A record has two: of its identity, which is its header, and in that,
 * of its payload. The identity's also covers the first index of the segment and the offset in the
 * file. So an identity is valid only where it was written: a copy of it inside a payload, or one
 * that the device put elsewhere, is not taken for a record. The file of identities has them once
 * more, in a form of one size, so that the place of each follows from its index.
 *
 *  1. A record begins at a multiple of RAFT_RECORD_ALIGN and is padded with zeros to the next one;
 *     the payload's checksum covers the padding.
 *  2. Decoding never reads past the bytes it was given, whatever they say. */
#include "format.h"

#include <assert.h>
#include <string.h>

#define STATE_MAGIC      0x54535152u /* "RQST" */
#define STATE_VERSION    2u
#define SEGMENT_MAGIC    0x47535152u /* "RQSG" */
#define IDS_MAGIC        0x44495152u /* "RQID" */
#define MARKER_MAGIC     0x4b4d5152u /* "RQMK" */
#define MARKER_VERSION   1u
#define SNAPSHOT_MAGIC   0x4e535152u /* "RQSN" */
#define SNAPSHOT_VERSION 1u
#define TRAILER_MAGIC    0x4c545152u /* "RQTL" */

#define SEGMENT_PREFIX   "log-"
#define IDS_PREFIX       "ids-"
#define SNAPSHOT_PREFIX  "snapshot-"
#define MARK_PREFIX      "mark-"
#define NAME_DIGITS      16u

/* In the file of identities: the kind, and in the byte behind it the mark. A byte that has rotted
 * is a mark, too: the record is rewritten once more, which does no harm. */
#define KIND_MASK 0x00ffffffu
#define MARK      0xffu

/* Where the configuration stands. */
#define MARKER_CONFIGURATION 16u
#define HEADER_CONFIGURATION 40u

_Static_assert(sizeof SNAPSHOT_PREFIX + NAME_DIGITS <= RAFT_FILE_NAME_MAX, "a name must fit");
_Static_assert(MARKER_CONFIGURATION + RAFT_CONFIGURATION_SIZE_MAX + 4 == RAFT_MARKER_SIZE,
               "the checksum follows the configuration");
_Static_assert(HEADER_CONFIGURATION + RAFT_CONFIGURATION_SIZE_MAX + 4 == RAFT_SNAPSHOT_HEADER_SIZE,
               "the checksum follows the configuration");
_Static_assert(RAFT_SEGMENT_HEADER_SIZE % RAFT_RECORD_ALIGN == 0, "records are aligned");
_Static_assert(RAFT_RECORD_HEADER_SIZE % RAFT_RECORD_ALIGN == 0, "records are aligned");

static void put32(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++) {
        at[i] = (uint8_t)(value >> (8 * i));
    }
}

static void put64(uint8_t *at, uint64_t value)
{
    put32(at, (uint32_t)value);
    put32(at + 4, (uint32_t)(value >> 32));
}

static uint32_t get32(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static uint64_t get64(const uint8_t *at)
{
    return (uint64_t)get32(at) | (uint64_t)get32(at + 4) << 32;
}

size_t raft_record_span(uint32_t size)
{
    size_t span = RAFT_RECORD_HEADER_SIZE + (size_t)size;
    return (span + RAFT_RECORD_ALIGN - 1) / RAFT_RECORD_ALIGN * RAFT_RECORD_ALIGN;
}

/* The checksum of the identity in bytes, which is to stand, or stands, at a place. */
static uint32_t identity_crc(const uint8_t *bytes, raft_index segment_first, uint64_t offset)
{
    assert(offset % RAFT_RECORD_ALIGN == 0);
    uint8_t place[16];
    put64(place, segment_first);
    put64(place + 8, offset);
    uint32_t crc = raft_crc32c(0, place, sizeof place);
    return raft_crc32c(crc, bytes + 4, RAFT_RECORD_HEADER_SIZE - 4);
}

uint32_t raft_record_payload_crc(const uint8_t *bytes, size_t span)
{
    assert(span >= RAFT_RECORD_HEADER_SIZE);
    return raft_crc32c(0, bytes + RAFT_RECORD_HEADER_SIZE, span - RAFT_RECORD_HEADER_SIZE);
}

void raft_identity_encode(const struct raft_record *record, raft_index segment_first,
                          uint8_t bytes[RAFT_RECORD_HEADER_SIZE])
{
    assert(segment_first <= record->batch_first && record->batch_first <= record->id.index);
    put32(bytes + 4, record->payload_crc);
    put32(bytes + 8, record->size);
    put32(bytes + 12, record->kind);
    put64(bytes + 16, record->batch);
    put64(bytes + 24, record->batch_first);
    put64(bytes + 32, record->id.index);
    put64(bytes + 40, record->id.term);
    put32(bytes, identity_crc(bytes, segment_first, record->offset));
}

struct raft_record raft_record_encode(const struct raft_entry *entry, uint64_t batch,
                                      raft_index batch_first, raft_index segment_first,
                                      uint64_t offset, uint8_t *bytes)
{
    assert(offset % RAFT_RECORD_ALIGN == 0 && offset >= RAFT_SEGMENT_HEADER_SIZE);
    size_t span = raft_record_span(entry->size);
    if (entry->size > 0) {
        memcpy(bytes + RAFT_RECORD_HEADER_SIZE, entry->payload, entry->size);
    }
    size_t end = RAFT_RECORD_HEADER_SIZE + (size_t)entry->size;
    memset(bytes + end, 0, span - end);
    struct raft_record record = {
        .size = entry->size,
        .payload_crc = raft_record_payload_crc(bytes, span),
        .kind = (uint32_t)entry->kind,
        .batch = batch,
        .batch_first = batch_first,
        .id = entry->id,
        .offset = offset,
        .payload = bytes + RAFT_RECORD_HEADER_SIZE,
        .span = span,
        .is_whole = true,
    };
    raft_identity_encode(&record, segment_first, bytes);
    return record;
}

bool raft_record_check(const uint8_t *at, size_t size, raft_index segment_first, uint64_t offset,
                       struct raft_record *out_record)
{
    assert(offset % RAFT_RECORD_ALIGN == 0);
    if (size < RAFT_RECORD_HEADER_SIZE || get32(at) != identity_crc(at, segment_first, offset)) {
        return false;
    }
    size_t span = raft_record_span(get32(at + 8));
    if (span > size) {
        return false;
    }
    *out_record = (struct raft_record){
        .size = get32(at + 8),
        .payload_crc = get32(at + 4),
        .kind = get32(at + 12),
        .batch = get64(at + 16),
        .batch_first = get64(at + 24),
        .id = {.index = get64(at + 32), .term = get64(at + 40)},
        .offset = offset,
        .payload = at + RAFT_RECORD_HEADER_SIZE,
        .span = span,
        .is_whole = raft_record_payload_crc(at, span) == get32(at + 4),
    };
    return true;
}

bool raft_record_decode(const uint8_t *bytes, size_t size, raft_index segment_first, size_t offset,
                        struct raft_record *out_record)
{
    assert(offset <= size);
    return raft_record_check(bytes + offset, size - offset, segment_first, offset, out_record);
}

enum raft_status raft_record_entry(const struct raft_memory *memory, enum raft_point point,
                                   const struct raft_record *record, struct raft_entry **out_entry)
{
    struct raft_entry *entry = NULL;
    enum raft_status status = raft_entry_create(memory, point, (enum raft_entry_kind)record->kind,
                                                record->size, RAFT_HOLDER_LOADING, &entry);
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
    *out_entry = entry;
    return RAFT_OK;
}

/* The checksum of an identity, which holds in its segment alone, and with any mark. */
static uint32_t id_crc(const uint8_t *bytes, raft_index segment_first)
{
    uint8_t begin[RAFT_ID_MARK + 1 + 4];
    put64(begin, segment_first);
    memcpy(begin + 8, bytes + 4, RAFT_ID_MARK - 4);
    begin[sizeof begin - 1] = 0;
    uint32_t crc = raft_crc32c(0, begin, sizeof begin);
    return raft_crc32c(crc, bytes + RAFT_ID_MARK + 1, RAFT_ID_SIZE - RAFT_ID_MARK - 1);
}

void raft_id_encode(const struct raft_record *record, raft_index segment_first,
                    uint8_t bytes[RAFT_ID_SIZE])
{
    assert(record->id.index >= segment_first);
    put32(bytes + 4, record->kind);
    put32(bytes + 8, record->size);
    put32(bytes + 12, record->payload_crc);
    put64(bytes + 16, record->batch);
    put64(bytes + 24, record->batch_first);
    put64(bytes + 32, record->id.index);
    put64(bytes + 40, record->id.term);
    put64(bytes + 48, record->offset);
    put32(bytes, id_crc(bytes, segment_first));
    bytes[RAFT_ID_MARK] = record->is_marked ? MARK : 0;
}

bool raft_id_decode(const uint8_t bytes[RAFT_ID_SIZE], raft_index segment_first, raft_index index,
                    struct raft_record *out_record)
{
    if (get32(bytes) != id_crc(bytes, segment_first) || get64(bytes + 32) != index) {
        return false;
    }
    *out_record = (struct raft_record){
        .kind = get32(bytes + 4) & KIND_MASK,
        .size = get32(bytes + 8),
        .payload_crc = get32(bytes + 12),
        .batch = get64(bytes + 16),
        .batch_first = get64(bytes + 24),
        .id = {.index = index, .term = get64(bytes + 40)},
        .offset = get64(bytes + 48),
        .span = raft_record_span(get32(bytes + 8)),
        .is_marked = bytes[RAFT_ID_MARK] != 0,
    };
    return true;
}

uint64_t raft_id_offset(raft_index segment_first, raft_index index)
{
    assert(index >= segment_first);
    return RAFT_SEGMENT_HEADER_SIZE + (index - segment_first) * RAFT_ID_SIZE;
}

static uint32_t magic_of(enum raft_part part)
{
    return part == RAFT_PART_LOG ? SEGMENT_MAGIC : IDS_MAGIC;
}

void raft_segment_header_encode(enum raft_part part, raft_index first, raft_term term_before,
                                uint8_t bytes[RAFT_SEGMENT_HEADER_SIZE])
{
    assert(first > 0);
    put32(bytes, magic_of(part));
    put32(bytes + 4, RAFT_SEGMENT_VERSION);
    put64(bytes + 8, first);
    put64(bytes + 16, term_before);
    put32(bytes + 24, 0);
    put32(bytes + 28, raft_crc32c(0, bytes, 28));
}

bool raft_segment_header_decode(enum raft_part part, const uint8_t *bytes, size_t size,
                                struct raft_segment_header *out_header)
{
    if (size < RAFT_SEGMENT_HEADER_SIZE || get32(bytes) != magic_of(part) ||
        get32(bytes + 28) != raft_crc32c(0, bytes, 28)) {
        return false;
    }
    *out_header = (struct raft_segment_header){
        .version = get32(bytes + 4),
        .first = get64(bytes + 8),
        .term_before = get64(bytes + 16),
    };
    return true;
}

/* A name: a prefix and an index in hexadecimal. */
static void name_encode(const char *prefix, raft_index index, char name[RAFT_FILE_NAME_MAX])
{
    static const char digits[] = "0123456789abcdef";
    size_t prefix_size = strlen(prefix);
    assert(prefix_size + NAME_DIGITS < RAFT_FILE_NAME_MAX);
    memset(name, 0, RAFT_FILE_NAME_MAX);
    memcpy(name, prefix, prefix_size + 1);
    for (unsigned i = 0; i < NAME_DIGITS; i++) {
        unsigned shift = 4 * (NAME_DIGITS - 1 - i);
        name[prefix_size + i] = digits[(index >> shift) & 0xf];
    }
}

static bool name_decode(const char *prefix, const char *name, raft_index *out_index)
{
    size_t prefix_size = strlen(prefix);
    if (strlen(name) != prefix_size + NAME_DIGITS || memcmp(name, prefix, prefix_size) != 0) {
        return false;
    }
    raft_index index = 0;
    for (unsigned i = 0; i < NAME_DIGITS; i++) {
        char c = name[prefix_size + i];
        if (c >= '0' && c <= '9') {
            index = index << 4 | (raft_index)(c - '0');
        } else if (c >= 'a' && c <= 'f') {
            index = index << 4 | (raft_index)(c - 'a' + 10);
        } else {
            return false;
        }
    }
    *out_index = index;
    return true;
}

static const char *prefix_of(enum raft_part part)
{
    return part == RAFT_PART_LOG ? SEGMENT_PREFIX : IDS_PREFIX;
}

void raft_segment_name(enum raft_part part, raft_index first, char name[RAFT_FILE_NAME_MAX])
{
    name_encode(prefix_of(part), first, name);
}

bool raft_segment_name_parse(enum raft_part part, const char *name, raft_index *out_first)
{
    return name_decode(prefix_of(part), name, out_first);
}

void raft_snapshot_name(raft_index index, char name[RAFT_FILE_NAME_MAX])
{
    name_encode(SNAPSHOT_PREFIX, index, name);
}

bool raft_snapshot_name_parse(const char *name, raft_index *out_index)
{
    return name_decode(SNAPSHOT_PREFIX, name, out_index);
}

void raft_mark_name(raft_index index, char name[RAFT_FILE_NAME_MAX])
{
    name_encode(MARK_PREFIX, index, name);
}

bool raft_mark_name_parse(const char *name, raft_index *out_index)
{
    return name_decode(MARK_PREFIX, name, out_index);
}

void raft_state_encode(const struct raft_hard_state *state, uint8_t bytes[RAFT_STATE_SIZE])
{
    put32(bytes, STATE_MAGIC);
    put32(bytes + 4, STATE_VERSION);
    put64(bytes + 8, state->term);
    put64(bytes + 16, state->sequence);
    put32(bytes + 24, state->vote);
    put32(bytes + 28, state->losses);
    put32(bytes + 32, raft_crc32c(0, bytes, 32));
}

bool raft_state_decode(const uint8_t bytes[RAFT_STATE_SIZE], struct raft_hard_state *out_state)
{
    if (get32(bytes) != STATE_MAGIC || get32(bytes + 4) != STATE_VERSION ||
        get32(bytes + 32) != raft_crc32c(0, bytes, 32)) {
        return false;
    }
    *out_state = (struct raft_hard_state){
        .term = get64(bytes + 8),
        .sequence = get64(bytes + 16),
        .vote = get32(bytes + 24),
        .losses = get32(bytes + 28),
    };
    return true;
}

/* A configuration takes the same room whatever it holds; zeros fill it. */
static void room_encode(const struct raft_configuration *configuration, uint8_t *room)
{
    assert(raft_configuration_size(configuration) <= RAFT_CONFIGURATION_SIZE_MAX);
    memset(room, 0, RAFT_CONFIGURATION_SIZE_MAX);
    raft_configuration_encode(configuration, room);
}

static bool room_decode(const uint8_t *room, struct raft_configuration *out_configuration)
{
    struct raft_configuration counted = {.count = get32(room)};
    if (counted.count > RAFT_MEMBERS_MAX) {
        return false;
    }
    size_t size = raft_configuration_size(&counted);
    for (size_t i = size; i < RAFT_CONFIGURATION_SIZE_MAX; i++) {
        if (room[i] != 0) {
            return false;
        }
    }
    return raft_configuration_decode(room, size, out_configuration);
}

void raft_marker_encode(const struct raft_marker *marker, uint8_t bytes[RAFT_MARKER_SIZE])
{
    put32(bytes, MARKER_MAGIC);
    put32(bytes + 4, MARKER_VERSION);
    put32(bytes + 8, marker->node);
    put32(bytes + 12, marker->is_witness ? 1 : 0);
    room_encode(&marker->configuration, bytes + MARKER_CONFIGURATION);
    put32(bytes + RAFT_MARKER_SIZE - 4, raft_crc32c(0, bytes, RAFT_MARKER_SIZE - 4));
}

bool raft_marker_decode(const uint8_t bytes[RAFT_MARKER_SIZE], struct raft_marker *out_marker)
{
    if (get32(bytes) != MARKER_MAGIC || get32(bytes + 4) != MARKER_VERSION ||
        get32(bytes + 12) > 1 ||
        get32(bytes + RAFT_MARKER_SIZE - 4) != raft_crc32c(0, bytes, RAFT_MARKER_SIZE - 4)) {
        return false;
    }
    out_marker->node = get32(bytes + 8);
    out_marker->is_witness = get32(bytes + 12) == 1;
    return room_decode(bytes + MARKER_CONFIGURATION, &out_marker->configuration);
}

uint64_t raft_snapshot_file_size(uint64_t state_size)
{
    uint64_t frame = RAFT_SNAPSHOT_HEADER_SIZE + RAFT_SNAPSHOT_TRAILER_SIZE;
    assert(state_size <= UINT64_MAX - frame);
    return state_size + frame;
}

void raft_snapshot_header_encode(const struct raft_snapshot *snapshot,
                                 uint8_t bytes[RAFT_SNAPSHOT_HEADER_SIZE])
{
    assert(snapshot->id.index > 0);
    assert(snapshot->size >= raft_snapshot_file_size(0));
    put32(bytes, SNAPSHOT_MAGIC);
    put32(bytes + 4, SNAPSHOT_VERSION);
    put64(bytes + 8, snapshot->id.index);
    put64(bytes + 16, snapshot->id.term);
    put64(bytes + 24, snapshot->configuration_index);
    put64(bytes + 32, snapshot->size - raft_snapshot_file_size(0));
    room_encode(&snapshot->configuration, bytes + HEADER_CONFIGURATION);
    size_t crc_at = RAFT_SNAPSHOT_HEADER_SIZE - 4;
    put32(bytes + crc_at, raft_crc32c(0, bytes, crc_at));
}

bool raft_snapshot_header_decode(const uint8_t bytes[RAFT_SNAPSHOT_HEADER_SIZE], uint64_t file_size,
                                 struct raft_snapshot *out_snapshot)
{
    assert(file_size >= raft_snapshot_file_size(0));
    size_t crc_at = RAFT_SNAPSHOT_HEADER_SIZE - 4;
    *out_snapshot = (struct raft_snapshot){
        .id = {.index = get64(bytes + 8), .term = get64(bytes + 16)},
        .configuration_index = get64(bytes + 24),
        .size = file_size,
    };
    return get32(bytes) == SNAPSHOT_MAGIC && get32(bytes + 4) == SNAPSHOT_VERSION &&
           get32(bytes + crc_at) == raft_crc32c(0, bytes, crc_at) && out_snapshot->id.index > 0 &&
           out_snapshot->configuration_index <= out_snapshot->id.index &&
           get64(bytes + 32) == file_size - raft_snapshot_file_size(0) &&
           room_decode(bytes + HEADER_CONFIGURATION, &out_snapshot->configuration);
}

void raft_snapshot_trailer_encode(uint32_t crc, uint8_t bytes[RAFT_SNAPSHOT_TRAILER_SIZE])
{
    put32(bytes, TRAILER_MAGIC);
    put32(bytes + 4, crc);
}

bool raft_snapshot_trailer_check(const uint8_t bytes[RAFT_SNAPSHOT_TRAILER_SIZE], uint32_t crc)
{
    return get32(bytes) == TRAILER_MAGIC && get32(bytes + 4) == crc;
}
