/* The store's own state, shared by storage.c (lanes and the public functions), hard_state.c,
 * append.c, truncate.c, probe.c and recovery.c. */
#ifndef RAFT_STORAGE_INTERNAL_H
#define RAFT_STORAGE_INTERNAL_H

#include "format.h"

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
    RAFT_STEP_ROLL_SYNC_DIR,
    RAFT_STEP_ROLL_CLOSE,
    RAFT_STEP_UNROLL_CLOSE,
    RAFT_STEP_UNROLL_UNLINK,
    RAFT_STEP_UNROLL_SYNC_DIR,
    RAFT_STEP_APPEND_WRITE,
    RAFT_STEP_APPEND_SYNC,
    RAFT_STEP_UNDO_TRUNCATE,
    RAFT_STEP_UNDO_SYNC,

    RAFT_STEP_CUT_CLOSE,
    RAFT_STEP_CUT_UNLINK,
    RAFT_STEP_CUT_SYNC_DIR,
    RAFT_STEP_CUT_OPEN,
    RAFT_STEP_CUT_TRUNCATE,
    RAFT_STEP_CUT_SYNC,
    RAFT_STEP_CUT_NOTHING,

    RAFT_STEP_PROBE_CREATE,
    RAFT_STEP_PROBE_WRITE,
    RAFT_STEP_PROBE_SYNC,
    RAFT_STEP_PROBE_CLOSE,
    RAFT_STEP_PROBE_UNLINK,
    RAFT_STEP_PROBE_SYNC_DIR,

    RAFT_STEP_CLOSE,

    RAFT_STEP_COUNT
};

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
    uint64_t size; /* bytes that are durable */
};

struct raft_storage {
    const struct raft_env *env;
    const struct raft_memory *memory;
    uint32_t batch_entries_max;
    uint32_t batch_size_max;
    uint32_t segment_size_max;
    uint32_t append_errors_max;

    struct raft_lane state_lane;
    struct raft_lane log_lane;
    bool failed; /* a job ended with RAFT_IO or was abandoned: no further job but CLOSE */

    /* The open files; 0: none. */
    raft_file state_file;
    raft_file segment_file; /* the last segment */
    raft_file spare_file;   /* the one a job is creating, replacing or reading */

    struct raft_hard_state state; /* durable, or being written */
    uint8_t state_bytes[RAFT_STATE_SIZE];

    struct raft_segment *segments; /* ascending */
    size_t segment_count;
    size_t segment_capacity;
    uint64_t *offsets;   /* of the record of index i + 1 within its segment */
    size_t offset_count; /* == the last index that is durable in the files */
    size_t offset_capacity;

    uint64_t batch_last; /* the highest number given to an append, or found in the files */

    /* The job of the log lane. */
    uint8_t *buffer; /* the encoded batch, a new segment's header or the probe's bytes */
    size_t buffer_size;
    struct raft_entry **held; /* [batch_entries_max], as STORAGE */
    uint32_t held_count;
    size_t batch_size; /* bytes of the batch in buffer */
    size_t batch_done; /* bytes of it that are written */
    uint8_t header_bytes[RAFT_SEGMENT_HEADER_SIZE];
    raft_index first; /* APPEND: the first entry */
    struct raft_entry_id last;
    raft_index keep_last;    /* TRUNCATE */
    enum raft_status result; /* APPEND, PROBE: what a job that is being undone will report */
    uint32_t append_errors;  /* in a row, without RAFT_NOSPACE */
    uint64_t generation;
};

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
/* What an APPEND or PROBE reports for a write or create that failed. */
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

/* append.c: gives back the entries of the job. */
void raft_append_release(struct raft_storage *storage);

/* hard_state.c */
enum raft_status raft_state_bootstrap(struct raft_storage *storage);
/* RAFT_LOST_STORE when neither copy is good. */
enum raft_status raft_state_load(struct raft_storage *storage);

#endif
