/* The bytes of the store's files: names, marker, hard state, segment, record, identity, snapshot.
 * README.md has the layouts as tables. Little-endian throughout. */
#ifndef RAFT_STORAGE_FORMAT_H
#define RAFT_STORAGE_FORMAT_H

#include <raft/env.h>
#include <raft/raft.h>

#define RAFT_MARKER_NAME           "store"
#define RAFT_MARKER_NEW_NAME       "store.new"
#define RAFT_STATE_NAME            "hard-state"
#define RAFT_STATE_NEW_NAME        "hard-state.new"
#define RAFT_PROBE_NAME            "probe"
#define RAFT_SNAPSHOT_NEW_NAME     "snapshot.new"  /* of this node's own state */
#define RAFT_SNAPSHOT_PART_NAME    "snapshot.part" /* coming from the leader */

#define RAFT_MARKER_SIZE           144u
#define RAFT_STATE_SIZE            36u   /* bytes of one copy of the hard state */
#define RAFT_STATE_OFFSET_B        4096u /* of the second copy; the first is at 0 */
#define RAFT_SEGMENT_HEADER_SIZE   32u   /* of both files of a segment */
#define RAFT_ID_SIZE               56u   /* bytes of one identity in the file of identities */
#define RAFT_ID_MARK               7u    /* the byte of it that is the mark */
#define RAFT_RECORD_HEADER_SIZE    48u
#define RAFT_RECORD_ALIGN          8u
#define RAFT_SNAPSHOT_HEADER_SIZE  168u
#define RAFT_SNAPSHOT_TRAILER_SIZE 8u

/* The two files of a segment: the records, and once more their identities. */
enum raft_part { RAFT_PART_LOG, RAFT_PART_IDS };

/* One record of a segment, decoded from its place or from its identity in the other file. The
 * payload is borrowed from the bytes it was decoded from; there is none in the other file. */
struct raft_record {
    uint32_t size;          /* bytes of payload */
    uint32_t payload_crc;   /* of the payload with its padding */
    uint32_t kind;          /* enum raft_entry_kind, unless written by a later version */
    uint64_t batch;         /* number of the append that wrote it */
    raft_index batch_first; /* first index of that append */
    struct raft_entry_id id;
    uint64_t offset; /* in the segment */
    const uint8_t *payload;
    size_t span;    /* bytes with header and padding */
    bool is_whole;  /* the payload matches the checksum in the identity; all else always does */
    bool is_marked; /* in the file of identities: the record is being rewritten */
};

/* Bytes of a record with header and padding. */
size_t raft_record_span(uint32_t size);
/* Writes raft_record_span bytes for a record that will stand at offset in the segment that begins
 * at segment_first, and returns what it has written. */
struct raft_record raft_record_encode(const struct raft_entry *entry, uint64_t batch,
                                      raft_index batch_first, raft_index segment_first,
                                      uint64_t offset, uint8_t *bytes);
/* Writes the header of a record, from which it was decoded or which has gone bad. */
void raft_identity_encode(const struct raft_record *record, raft_index segment_first,
                          uint8_t bytes[RAFT_RECORD_HEADER_SIZE]);
/* The checksum that a payload, which stands in the span bytes of a record, should have. */
uint32_t raft_record_payload_crc(const uint8_t *bytes, size_t span);
/* Reads the record at offset of a segment's size bytes. False: there is no valid identity, or the
 * record ends behind them. */
bool raft_record_decode(const uint8_t *bytes, size_t size, raft_index segment_first, size_t offset,
                        struct raft_record *out_record);
/* The same for the size bytes that stand, or are to stand, at offset. */
bool raft_record_check(const uint8_t *at, size_t size, raft_index segment_first, uint64_t offset,
                       struct raft_record *out_record);
/* Makes an entry of a record, held as LOADING; of one that is not whole a damaged one, of zeros.
 * RAFT_NOMEM. */
RAFT_MUST_CHECK enum raft_status raft_record_entry(const struct raft_memory *memory,
                                                   enum raft_point point,
                                                   const struct raft_record *record,
                                                   struct raft_entry **out_entry);

/* The identity of a record, for the file of identities. Its mark is one byte beside the checksum:
 * it can be written alone, and however that write ends, the identity stays good. */
void raft_id_encode(const struct raft_record *record, raft_index segment_first,
                    uint8_t bytes[RAFT_ID_SIZE]);
/* False: it does not match its checksum, or is not that of the entry at index. */
bool raft_id_decode(const uint8_t bytes[RAFT_ID_SIZE], raft_index segment_first, raft_index index,
                    struct raft_record *out_record);
/* Where the identity of an entry stands, or the file ends if index is the next one. */
uint64_t raft_id_offset(raft_index segment_first, raft_index index);

struct raft_segment_header {
    uint32_t version;
    raft_index first;
    raft_term term_before; /* of the entry before the first one */
};
#define RAFT_SEGMENT_VERSION 2u
/* The version is the current one. */
void raft_segment_header_encode(enum raft_part part, raft_index first, raft_term term_before,
                                uint8_t bytes[RAFT_SEGMENT_HEADER_SIZE]);
/* False: too short, or it does not match its checksum. */
bool raft_segment_header_decode(enum raft_part part, const uint8_t *bytes, size_t size,
                                struct raft_segment_header *out_header);

void raft_segment_name(enum raft_part part, raft_index first, char name[RAFT_FILE_NAME_MAX]);
/* False: not the name of such a file. */
bool raft_segment_name_parse(enum raft_part part, const char *name, raft_index *out_first);
void raft_snapshot_name(raft_index index, char name[RAFT_FILE_NAME_MAX]);
/* False: not the name of a published snapshot. */
bool raft_snapshot_name_parse(const char *name, raft_index *out_index);
/* The empty file that says that there was a snapshot of this index. */
void raft_mark_name(raft_index index, char name[RAFT_FILE_NAME_MAX]);
/* False: not the name of a mark. */
bool raft_mark_name_parse(const char *name, raft_index *out_index);

void raft_state_encode(const struct raft_hard_state *state, uint8_t bytes[RAFT_STATE_SIZE]);
/* False: it does not match its checksum or version. */
bool raft_state_decode(const uint8_t bytes[RAFT_STATE_SIZE], struct raft_hard_state *out_state);

/* What a store is, from its bootstrap on. */
struct raft_marker {
    raft_node_id node;
    bool is_witness;                         /* of a witness: no payload, no state */
    struct raft_configuration configuration; /* of the bootstrap */
};
void raft_marker_encode(const struct raft_marker *marker, uint8_t bytes[RAFT_MARKER_SIZE]);
/* False: it does not match its checksum, its version or its format. */
bool raft_marker_decode(const uint8_t bytes[RAFT_MARKER_SIZE], struct raft_marker *out_marker);

/* Bytes of a snapshot's file whose state has a size. */
uint64_t raft_snapshot_file_size(uint64_t state_size);
/* snapshot->size is the file's. */
void raft_snapshot_header_encode(const struct raft_snapshot *snapshot,
                                 uint8_t bytes[RAFT_SNAPSHOT_HEADER_SIZE]);
/* False: it does not match its checksum, its version, its format or the size of the file. */
bool raft_snapshot_header_decode(const uint8_t bytes[RAFT_SNAPSHOT_HEADER_SIZE], uint64_t file_size,
                                 struct raft_snapshot *out_snapshot);
/* crc: of every byte before the trailer. */
void raft_snapshot_trailer_encode(uint32_t crc, uint8_t bytes[RAFT_SNAPSHOT_TRAILER_SIZE]);
/* Whether it is the trailer of bytes with this checksum. */
bool raft_snapshot_trailer_check(const uint8_t bytes[RAFT_SNAPSHOT_TRAILER_SIZE], uint32_t crc);

#endif
