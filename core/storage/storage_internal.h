/* The store's own state, shared by storage.c (lanes and the public functions), the modules of the
 * jobs, the reader of snapshots, and recovery. */
#ifndef RAFT_STORAGE_INTERNAL_H
#define RAFT_STORAGE_INTERNAL_H

#include "format.h"

#include <assert.h>
#include <raft/storage.h>

/* The steps of all jobs: each is one asynchronous operation, and has one fault point. */
enum raft_step_id {
    RAFT_STEP_NONE, /* the job has ended */

    RAFT_STEP_STATE_WRITE_A,
    RAFT_STEP_STATE_SYNC_A,
    RAFT_STEP_STATE_WRITE_B,
    RAFT_STEP_STATE_SYNC_B,

    RAFT_STEP_ROLL_CREATE,
    RAFT_STEP_ROLL_WRITE,
    RAFT_STEP_ROLL_SYNC,
    RAFT_STEP_ROLL_IDS_CREATE,
    RAFT_STEP_ROLL_IDS_WRITE,
    RAFT_STEP_ROLL_IDS_SYNC,
    RAFT_STEP_ROLL_SYNC_DIR,
    RAFT_STEP_ROLL_CLOSE,
    RAFT_STEP_ROLL_IDS_CLOSE,
    RAFT_STEP_UNROLL_CLOSE,
    RAFT_STEP_UNROLL_IDS_CLOSE,
    RAFT_STEP_UNROLL_IDS_UNLINK,
    RAFT_STEP_UNROLL_UNLINK,
    RAFT_STEP_UNROLL_SYNC_DIR,
    RAFT_STEP_APPEND_WRITE,
    RAFT_STEP_APPEND_SYNC,
    RAFT_STEP_IDS_WRITE,
    RAFT_STEP_IDS_SYNC,
    RAFT_STEP_UNDO_IDS_TRUNCATE,
    RAFT_STEP_UNDO_IDS_SYNC,
    RAFT_STEP_UNDO_TRUNCATE,
    RAFT_STEP_UNDO_SYNC,

    RAFT_STEP_CUT_CLOSE,
    RAFT_STEP_CUT_IDS_CLOSE,
    RAFT_STEP_CUT_IDS_UNLINK,
    RAFT_STEP_CUT_IDS_SYNC_DIR,
    RAFT_STEP_CUT_UNLINK,
    RAFT_STEP_CUT_SYNC_DIR,
    RAFT_STEP_CUT_OPEN,
    RAFT_STEP_CUT_IDS_OPEN,
    RAFT_STEP_CUT_IDS_TRUNCATE,
    RAFT_STEP_CUT_IDS_SYNC,
    RAFT_STEP_CUT_TRUNCATE,
    RAFT_STEP_CUT_SYNC,
    RAFT_STEP_CUT_NOTHING,

    RAFT_STEP_PROBE_CREATE,
    RAFT_STEP_PROBE_WRITE,
    RAFT_STEP_PROBE_SYNC,
    RAFT_STEP_PROBE_CLOSE,
    RAFT_STEP_PROBE_UNLINK,
    RAFT_STEP_PROBE_SYNC_DIR,

    RAFT_STEP_COMPACT_IDS_UNLINK,
    RAFT_STEP_COMPACT_IDS_SYNC_DIR,
    RAFT_STEP_COMPACT_UNLINK,
    RAFT_STEP_COMPACT_SYNC_DIR,
    RAFT_STEP_RESET_CLOSE,
    RAFT_STEP_RESET_IDS_CLOSE,
    RAFT_STEP_RESET_IDS_UNLINK,
    RAFT_STEP_RESET_IDS_SYNC_DIR,
    RAFT_STEP_RESET_UNLINK,
    RAFT_STEP_RESET_SYNC_DIR,

    RAFT_STEP_REPAIR_OPEN,
    RAFT_STEP_REPAIR_IDS_OPEN,
    RAFT_STEP_REPAIR_READ,
    RAFT_STEP_REPAIR_IDS_READ,
    RAFT_STEP_REPAIR_MARK,
    RAFT_STEP_REPAIR_MARK_SYNC,
    RAFT_STEP_REPAIR_WRITE,
    RAFT_STEP_REPAIR_SYNC,
    RAFT_STEP_REPAIR_IDS_WRITE,
    RAFT_STEP_REPAIR_IDS_SYNC,
    RAFT_STEP_REPAIR_CLOSE,
    RAFT_STEP_REPAIR_IDS_CLOSE,

    RAFT_STEP_SAVE_CREATE,
    RAFT_STEP_SAVE_WRITE,
    RAFT_STEP_RECEIVE_CLOSE,
    RAFT_STEP_RECEIVE_CREATE,
    RAFT_STEP_RECEIVE_WRITE,
    RAFT_STEP_PUBLISH_SYNC,
    RAFT_STEP_PUBLISH_READ,
    RAFT_STEP_PUBLISH_CLOSE,
    RAFT_STEP_PUBLISH_RENAME,
    RAFT_STEP_PUBLISH_SYNC_DIR,
    RAFT_STEP_MARK_RENAME,
    RAFT_STEP_MARK_CREATE,
    RAFT_STEP_MARK_CLOSE,
    RAFT_STEP_MARK_UNDO,
    RAFT_STEP_REPLACE_UNLINK,
    RAFT_STEP_REPLACE_SYNC_DIR,
    RAFT_STEP_DISCARD_CLOSE,
    RAFT_STEP_DISCARD_UNLINK,

    RAFT_STEP_FETCH_OPEN,
    RAFT_STEP_FETCH_CHECK,
    RAFT_STEP_FETCH_READ,
    RAFT_STEP_FETCH_CLOSE,
    RAFT_STEP_RESTORE_OPEN,
    RAFT_STEP_RESTORE_READ,
    RAFT_STEP_RESTORE_CLOSE,

    RAFT_STEP_LOAD_OPEN,
    RAFT_STEP_LOAD_READ,
    RAFT_STEP_LOAD_CLOSE,

    RAFT_STEP_CLOSE,

    RAFT_STEP_COUNT
};

/* The operation and the fault point of a step, and which file of a segment it is on, if any. */
struct raft_step {
    enum raft_io_op op;
    enum raft_point point;
    enum raft_part part;
};
extern const struct raft_step raft_steps[RAFT_STEP_COUNT]; /* steps.c */
static inline bool raft_step_is_of_ids(enum raft_step_id step)
{
    return raft_steps[step].part == RAFT_PART_IDS;
}

/* At most one job, of which at most one operation is with the environment. */
struct raft_lane {
    struct raft_io io;
    enum raft_job job;
    enum raft_step_id step; /* the operation in io */
    bool in_flight;         /* the environment has taken it */
    bool stalled;           /* the environment has refused it in the middle of the job */
};

struct raft_segment {
    raft_index first;
    uint64_t size; /* bytes of its log that are durable */
    /* For start alone: */
    bool has[2];   /* which of its files (enum raft_part) there are */
    bool is_taken; /* it is part of the log */
};

/* Reading a whole snapshot, a piece at a time, in the order of the file. */
struct raft_reader {
    raft_index index;   /* that the snapshot must have */
    uint8_t *bytes;     /* room for a piece of the state, borrowed */
    uint32_t room;      /* bytes of it */
    uint64_t file_size; /* bytes */
    uint64_t offset;    /* of the next piece */
    uint32_t crc;       /* of what has been read */
    bool restores;      /* the state goes to the state machine */
    bool is_restoring;  /* which has begun to take it */
    struct raft_snapshot snapshot;
    uint8_t frame[RAFT_SNAPSHOT_HEADER_SIZE]; /* the header, then the trailer */
};

/* How far a reader is. */
enum raft_reading {
    RAFT_READING_MORE,
    RAFT_READING_GOOD,    /* all of it, and it matches; the state machine has it */
    RAFT_READING_BAD,     /* not a snapshot */
    RAFT_READING_REFUSED, /* by the state machine */
};

/* A snapshot that is being written. */
struct raft_draft {
    raft_file file;
    struct raft_entry_id id;
    uint64_t size;   /* bytes it will have */
    uint64_t offset; /* bytes that are written */
};

/* Entries that are read back. */
struct raft_cold {
    raft_file file;
    raft_index segment_first; /* of the segment that has them */
    raft_index first;
    uint32_t count;
    uint64_t offset; /* of the first one's record */
    size_t size;     /* bytes of the records */
    uint8_t *bytes;
    struct raft_entry **entries; /* [count], of which taken are held as LOADING */
    uint32_t taken;
    enum raft_status result;
    raft_index bad; /* RAFT_CORRUPT: that cannot be read */
};

struct raft_storage {
    const struct raft_env *env;
    const struct raft_memory *memory;
    uint32_t batch_entries_max;
    uint32_t batch_size_max;
    uint32_t segment_size_max;
    uint32_t append_errors_max;
    uint32_t chunk_size;
    raft_node_id node;
    bool is_witness; /* it has no state machine: its snapshots have no state */
    bool quarantine; /* start although term and vote are lost */

    struct raft_lane state_lane;
    struct raft_lane log_lane;
    struct raft_lane snapshot_lane;
    struct raft_lane fetch_lane;
    struct raft_lane load_lane;
    bool failed;    /* a job ended with RAFT_IO or was abandoned: no further job but CLOSE */
    bool abandoned; /* the node stops: jobs of snapshots, and a read of entries, end with the
                     * operation in flight */

    /* The open files, beside those of the drafts; 0: none. */
    raft_file state_file;
    raft_file segment_file; /* the log of the last segment */
    raft_file ids_file;     /* and its identities */
    raft_file spare_file;   /* the one a job is creating, replacing or reading */
    raft_file spare_ids;    /* the same of identities */
    raft_file fetch_file;   /* the published snapshot, while it is read */

    struct raft_hard_state state; /* durable, or being written */
    uint8_t state_bytes[RAFT_STATE_SIZE];

    struct raft_segment *segments; /* ascending */
    size_t segment_count;
    size_t segment_capacity;
    raft_index offset_base; /* the index before the first record of the first segment */
    uint64_t *offsets;      /* of the record of index offset_base + 1 + i within its segment */
    size_t offset_count;
    size_t offset_capacity;

    uint64_t batch_last; /* the highest number given to an append, or found in the files */

    /* The job of the log lane. */
    uint8_t *buffer; /* the encoded batch, a new segment's header or the probe's bytes */
    size_t buffer_size;
    struct raft_entry **held; /* [batch_entries_max], as STORAGE */
    uint32_t held_count;
    size_t batch_size; /* bytes of the batch in buffer */
    size_t batch_done; /* bytes of it that are written */
    uint8_t *ids;      /* [batch_entries_max] identities of the batch, or the one of a REPAIR */
    bool has_good_id;  /* REPAIR: that one was good */
    size_t ids_size;   /* bytes of them */
    size_t ids_done;   /* bytes of them that are written */
    uint8_t header_bytes[RAFT_SEGMENT_HEADER_SIZE];
    uint8_t ids_header_bytes[RAFT_SEGMENT_HEADER_SIZE];
    raft_index first;          /* APPEND: the first entry */
    struct raft_entry_id last; /* APPEND: the last entry; REPAIR: the one */
    raft_index keep_last;      /* TRUNCATE */
    struct raft_entry_id to;   /* COMPACT, RESET */
    bool is_unlinked;          /* COMPACT, RESET: a segment, and the directory is not synced yet */
    enum raft_status result;   /* APPEND, PROBE, REPAIR: what a job will report when it has undone
                                * or closed what it must */
    uint32_t append_errors;    /* in a row, without RAFT_NOSPACE */
    uint64_t generation;

    struct raft_snapshot snapshot; /* the published one; id (0, 0): none */
    raft_index mark;               /* the snapshot that the mark is of; 0: there is no mark */

    /* The job of the snapshot lane. */
    struct raft_draft own;       /* of SAVE */
    struct raft_draft part;      /* of RECEIVE; stays open from one piece to the next */
    struct raft_snapshot saving; /* SAVE: what goes into the header */
    uint32_t saving_crc;         /* SAVE: of what has been written */
    bool is_frozen;              /* SAVE: the state machine holds the state */
    uint8_t *piece;              /* what is written, then room for reading it back */
    size_t piece_size;
    size_t piece_done; /* bytes of it that are written */
    uint8_t *room;     /* RECEIVE of the last piece: for reading back */
    struct raft_reader check;
    raft_index replaced;              /* the published snapshot before */
    enum raft_status snapshot_result; /* what a job that is being undone will report */

    /* The job of the fetch lane. */
    struct raft_snapshot fetching; /* the one that is read */
    bool fetches_frame;            /* FETCH: without its state, for a witness */
    uint64_t fetch_offset;
    uint32_t fetch_size;
    uint8_t *fetch_bytes;
    struct raft_reader reader;
    enum raft_status fetch_result;

    struct raft_cold cold; /* the job of the load lane */
};

/* The last index that is durable in the files; meaningful whenever the log lane is free. */
static inline raft_index raft_storage_last(const struct raft_storage *storage)
{
    return storage->offset_base + storage->offset_count;
}

/* Where the record of an entry stands in its segment. */
static inline uint64_t raft_storage_offset(const struct raft_storage *storage, raft_index index)
{
    assert(index > storage->offset_base && index <= raft_storage_last(storage));
    return storage->offsets[index - storage->offset_base - 1];
}

/* The position of the segment that has an entry, or would have it: the last one that begins at or
 * before index. There must be one. */
static inline size_t raft_storage_position(const struct raft_storage *storage, raft_index index)
{
    assert(storage->segment_count > 0);
    size_t position = storage->segment_count - 1;
    while (storage->segments[position].first > index) {
        assert(position > 0);
        position--;
    }
    return position;
}

/* Bytes of room that reading or writing a snapshot takes: a piece of the state, or the header. */
static inline size_t raft_storage_room(const struct raft_storage *storage)
{
    return storage->chunk_size > RAFT_SNAPSHOT_HEADER_SIZE ? storage->chunk_size
                                                           : RAFT_SNAPSHOT_HEADER_SIZE;
}

/* storage.c */
enum raft_status raft_lane_start(struct raft_storage *storage, struct raft_lane *lane,
                                 enum raft_job job, enum raft_step_id step);
/* Does an operation at once. A short READ or WRITE is RAFT_IO. */
enum raft_status raft_storage_run(struct raft_storage *storage, enum raft_point point,
                                  struct raft_io *io);
/* Makes room for count more. RAFT_NOMEM. */
enum raft_status raft_storage_reserve_segments(struct raft_storage *storage, enum raft_point point);
enum raft_status raft_storage_reserve_offsets(struct raft_storage *storage, enum raft_point point,
                                              size_t count);
void raft_storage_name_set(char name[RAFT_FILE_NAME_MAX], const char *from);
/* What a job that could be undone reports for a write or create that failed. */
static inline enum raft_status raft_storage_refusal(enum raft_status status)
{
    /* A translation, hence no fault point: the environment's operation had one. */
    return status == RAFT_NOSPACE ? RAFT_NOSPACE : RAFT_BUSY;
}

/* For each job: fills the operation of a step, and what follows the step that has been answered.
 * With RAFT_STEP_NONE the job has ended with *out_status. */
void raft_state_prepare(struct raft_storage *storage, enum raft_step_id step, struct raft_io *io);
enum raft_step_id raft_state_next(struct raft_storage *storage, enum raft_status *out_status);
void raft_append_prepare(struct raft_storage *storage, enum raft_step_id step, struct raft_io *io);
enum raft_step_id raft_append_next(struct raft_storage *storage, enum raft_status *out_status);
void raft_truncate_prepare(struct raft_storage *storage, enum raft_step_id step,
                           struct raft_io *io);
enum raft_step_id raft_truncate_next(struct raft_storage *storage, enum raft_status *out_status);
void raft_probe_prepare(struct raft_storage *storage, enum raft_step_id step, struct raft_io *io);
enum raft_step_id raft_probe_next(struct raft_storage *storage, enum raft_status *out_status);

void raft_compact_prepare(struct raft_storage *storage, enum raft_step_id step, struct raft_io *io);
enum raft_step_id raft_compact_next(struct raft_storage *storage, enum raft_status *out_status);
void raft_repair_prepare(struct raft_storage *storage, enum raft_step_id step, struct raft_io *io);
enum raft_step_id raft_repair_next(struct raft_storage *storage, enum raft_status *out_status);
void raft_save_prepare(struct raft_storage *storage, enum raft_step_id step, struct raft_io *io);
enum raft_step_id raft_save_next(struct raft_storage *storage, enum raft_status *out_status);
void raft_receive_prepare(struct raft_storage *storage, enum raft_step_id step, struct raft_io *io);
enum raft_step_id raft_receive_next(struct raft_storage *storage, enum raft_status *out_status);
void raft_fetch_prepare(struct raft_storage *storage, enum raft_step_id step, struct raft_io *io);
enum raft_step_id raft_fetch_next(struct raft_storage *storage, enum raft_status *out_status);
void raft_load_prepare(struct raft_storage *storage, enum raft_step_id step, struct raft_io *io);
enum raft_step_id raft_load_next(struct raft_storage *storage, enum raft_status *out_status);
/* Hands the entries over, or says which one cannot be read. */
void raft_load_report(struct raft_storage *storage, struct raft_storage_done *done);

/* append.c: makes the buffer as large as a batch, or a record; it is not, when an entry is larger
 * than this node's own options would have let it become. RAFT_NOMEM. */
enum raft_status raft_storage_reserve_buffer(struct raft_storage *storage, size_t size);

/* For each job that holds something: gives it back. */
void raft_append_release(struct raft_storage *storage);
void raft_save_release(struct raft_storage *storage);
void raft_receive_release(struct raft_storage *storage);
void raft_fetch_release(struct raft_storage *storage);
void raft_load_release(struct raft_storage *storage);

/* publish.c: what SAVE and RECEIVE have in common. The steps from PUBLISH_SYNC to DISCARD_UNLINK
 * belong to it. */
void raft_publish_prepare(struct raft_storage *storage, struct raft_draft *draft, const char *name,
                          enum raft_step_id step, struct raft_io *io);
enum raft_step_id raft_publish_next(struct raft_storage *storage, struct raft_draft *draft,
                                    enum raft_status *out_status);
/* The operation of a write of the piece, and its answer: false when it failed. */
void raft_draft_prepare_write(const struct raft_storage *storage, const struct raft_draft *draft,
                              struct raft_io *io);
bool raft_draft_written(struct raft_storage *storage, struct raft_draft *draft);
/* Gives the draft up: the job ends with result when its file is gone. */
enum raft_step_id raft_draft_discard(struct raft_storage *storage, const struct raft_draft *draft,
                                     enum raft_status result);

/* snapshot_read.c. False: a file of this size is no snapshot. */
RAFT_MUST_CHECK bool raft_reader_begin(struct raft_reader *reader, raft_index index, uint8_t *bytes,
                                       size_t room, uint64_t file_size, bool restores);
/* Fills a READ of the next piece; the file is set. */
void raft_reader_prepare(struct raft_reader *reader, struct raft_io *io);
/* Takes the piece that has been read. */
enum raft_reading raft_reader_take(struct raft_storage *storage, struct raft_reader *reader,
                                   const struct raft_io *io);
/* Lets the state machine forget what it has begun to take. */
void raft_reader_abort(struct raft_storage *storage, struct raft_reader *reader);

/* segment_load.c: reads the segments into an empty log behind storage->snapshot, and has the hard
 * state remember what is lost. bad: as far as a mark or a bad snapshot reaches. RAFT_NOMEM,
 * RAFT_CORRUPT, RAFT_LOST_STORE. */
enum raft_status raft_segments_load(struct raft_storage *storage, struct raft_log *log,
                                    raft_index bad);

/* snapshot_load.c: the published snapshots that start finds. */
#define RAFT_FOUND_MAX 4u
struct raft_found {
    raft_index indexes[RAFT_FOUND_MAX]; /* ascending; only the newest, if there are more */
    uint32_t count;
    raft_index bad; /* of the newest one that is damaged; 0: none */
};
void raft_found_add(struct raft_found *found, raft_index index);
/* Sets storage->snapshot to the newest good one; leaves it alone if there is none. RAFT_NOMEM. */
enum raft_status raft_snapshot_choose(struct raft_storage *storage, struct raft_found *found);
/* Removes all but the published one. */
enum raft_status raft_snapshot_prune(struct raft_storage *storage, const struct raft_found *found);
/* Removes all marks but storage->mark. */
enum raft_status raft_marks_prune(struct raft_storage *storage, const struct raft_found *marks);
/* Makes the mark of the newest snapshot, which has none. Not durable before the directory is
 * synced. */
enum raft_status raft_mark_make(struct raft_storage *storage, raft_index index);
/* Puts the published one into the state machine. RAFT_NOMEM, RAFT_CORRUPT, RAFT_MACHINE. */
enum raft_status raft_snapshot_restore(struct raft_storage *storage);

/* marker.c */
enum raft_status raft_marker_bootstrap(struct raft_storage *storage,
                                       const struct raft_configuration *configuration);
/* Sets storage->snapshot to what a new store begins with. RAFT_LOST_STORE: there is none;
 * RAFT_CORRUPT; RAFT_INVALID: of another node, or one of another kind. */
enum raft_status raft_marker_load(struct raft_storage *storage);

/* hard_state.c */
enum raft_status raft_state_bootstrap(struct raft_storage *storage);
/* When neither copy is good: RAFT_LOST_STORE, or with the option quarantine a zero state, and no
 * file is open. */
enum raft_status raft_state_load(struct raft_storage *storage);
/* Remembers, durably, losses of enum raft_loss; a lost promise leaves no vote, and the newest term
 * that is known. */
enum raft_status raft_state_lose(struct raft_storage *storage, uint32_t losses, raft_term newest);
/* Whether a file of it says nothing but what a new store says: then a bootstrap was interrupted. */
enum raft_status raft_state_is_new(struct raft_storage *storage, bool *out_new);

/* recovery.c: an error is no concern, the file has only been read, what was written is durable, or
 * the load has failed. */
void raft_storage_close_now(struct raft_storage *storage, raft_file *file);

#endif
