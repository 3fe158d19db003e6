/* Segments at start: what has been read of them, shared by the reader (segment_read.c), the judge
 * (segment_judge.c), the mender (segment_mend.c) and the order of it all (segment_load.c). */
#ifndef RAFT_SEGMENT_LOAD_H
#define RAFT_SEGMENT_LOAD_H

#include "storage_internal.h"

/* Both files of a segment, as they were read, and then what was taken of them. */
struct raft_image {
    struct raft_image *next; /* of the list that it is in */
    raft_index first;
    bool has[2];       /* which of the files (enum raft_part) there are */
    bool is_headed[2]; /* and have a good header */
    bool is_later;     /* one of the headers is of a later version */
    bool knows_before;
    raft_term term_before; /* of the entry before the first one */
    size_t log_size;
    size_t id_count; /* identities that the file has room for */
    uint8_t *log;
    uint8_t *ids;    /* with the header; room for those of all records that the log can have */
    raft_index last; /* taken; first - 1: none */
    size_t end;      /* of its record */
    size_t batch;    /* where the last batch begins in the log, or end */
    raft_index batch_first;
    raft_index heal_first; /* the identities that must be written; heal_last < heal_first: none */
    raft_index heal_last;
    bool is_looked_over;  /* as far as its last byte, for what it shows of the entries before */
    raft_index shown_end; /* those before it were acknowledged */
};

/* What has been read so far. */
struct raft_trail {
    struct raft_log *log;
    struct raft_entry_id base; /* the snapshot's; or of a log that begins behind it, its own */
    struct raft_entry_id last; /* entry; the term is 0 as long as it is not known */
    bool knows_term;
    raft_index bad;                /* as far as a mark or a bad snapshot reaches; 0: neither */
    raft_term newest;              /* term of what cannot be taken */
    bool disagrees;                /* another entry is where the snapshot's last one must be */
    bool is_cut;                   /* what was acknowledged is gone behind the last entry */
    size_t covered;                /* segments that need not be read */
    struct raft_image *ready;      /* the one behind those, if it has been read */
    struct raft_image *last_image; /* of the segment with the last entry, or NULL */
    struct raft_image *sick;       /* earlier ones that have to be mended */
};

/* What a segment that was taken has turned out to be. */
enum raft_verdict {
    RAFT_SEGMENT_GOOD,   /* perhaps with a torn tail */
    RAFT_SEGMENT_HOLED,  /* as above, and behind it something that was acknowledged is gone */
    RAFT_SEGMENT_CORRUPT /* what is there contradicts itself, or is of a later version */
};

/* segment_read.c: reads the segment at a position of the table. RAFT_NOMEM. */
enum raft_status raft_image_read(struct raft_storage *storage, size_t position,
                                 struct raft_image **out_image);
void raft_image_free(struct raft_storage *storage, struct raft_image *image);
/* Whether anything in it shows that it is the segment of its name: a header, a record, an identity.
 */
bool raft_image_speaks(const struct raft_image *image);
/* The identity of an entry in the file of identities. False: it is bad. */
bool raft_image_id(const struct raft_image *image, raft_index index,
                   struct raft_record *out_record);

/* segment_judge.c: takes the entries of a segment that begins behind the trail's last one.
 * RAFT_NOMEM; what is wrong with the segment is in the verdict. */
enum raft_status raft_image_take(struct raft_storage *storage, struct raft_trail *trail,
                                 struct raft_image *image, bool has_next,
                                 enum raft_verdict *out_verdict);

/* segment_mend.c: writes what is bad, or may not be durable. The last segment stays open. */
enum raft_status raft_image_mend(struct raft_storage *storage, struct raft_image *image,
                                 bool is_last);
bool raft_image_is_sick(const struct raft_image *image);
/* Removes the files of the segment at a position of the table, the identities first: each removal
 * is durable before the next. */
enum raft_status raft_segment_remove(struct raft_storage *storage, size_t position);

#endif
