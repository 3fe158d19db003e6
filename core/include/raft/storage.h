/* The store of one node: the segmented log and the hard state, in files of the environment.
 *
 * core/storage/README.md has the formats byte by byte. Five lanes run side by side, each with at
 * most one job: state (hard state), log (append, truncate, probe, compact, reset, repair), snapshot
 * (save, receive), fetch (fetch, restore: reading the published one) and load (entries). A job is a
 * chain of asynchronous file operations; raft_storage_io_done moves it on and says when it has
 * ended. */
#ifndef RAFT_STORAGE_H
#define RAFT_STORAGE_H

#include <raft/raft.h>

struct raft_storage;

enum raft_job {
    RAFT_JOB_NONE,
    RAFT_JOB_STATE,    /* hard state durable in both copies */
    RAFT_JOB_APPEND,   /* entries durable */
    RAFT_JOB_TRUNCATE, /* the cut durable */
    RAFT_JOB_PROBE,    /* the disk has taken a write, or not */
    RAFT_JOB_COMPACT,  /* segments that a snapshot covers are gone */
    RAFT_JOB_RESET,    /* the log is empty and begins behind a snapshot, durably */
    RAFT_JOB_REPAIR,   /* the record of an entry that was damaged is as it was, durably */
    RAFT_JOB_SAVE,     /* a snapshot of the state machine is published and was read back */
    RAFT_JOB_RECEIVE,  /* a piece is written; the last one: published and read back */
    RAFT_JOB_FETCH,    /* a piece of the published snapshot has been read */
    RAFT_JOB_RESTORE,  /* the state machine has the published snapshot's state */
    RAFT_JOB_LOAD,     /* entries have been read */
    RAFT_JOB_CLOSE,    /* all files closed */
};

/* A job that has ended.
 *
 *   RAFT_OK       done and durable.
 *   RAFT_NOSPACE  (APPEND, PROBE) the device is full; the log is durably as before the job.
 *                 (SAVE, RECEIVE) the same for a snapshot: what was written of the new one is given
 *                 up, the one before it and the log are as they were.
 *   RAFT_BUSY     (APPEND, PROBE, SAVE, RECEIVE) likewise, a write failed otherwise; for a snapshot
 *                 also its sync, its reading back, its closing or its renaming.
 *   RAFT_CORRUPT  (RECEIVE) what came is not the snapshot that was announced, and is given up.
 *                 (FETCH, RESTORE) the published snapshot cannot be read any more.
 *                 (LOAD) an entry, id.index, cannot be read, or what was read is not what was
 *                 written; of a read that failed as a whole it is the first.
 *                 (REPAIR) the entry is not the one that the record was of, by what is left of it.
 *   RAFT_NOMEM    (LOAD) no memory for the entries.
 *   RAFT_STALE    (FETCH) the published snapshot is not the one that was asked for, any more.
 *   RAFT_MACHINE  (SAVE) the state machine could not be read; given up as above.
 *                 (RESTORE) it refused the state, and is as it was.
 *   RAFT_IO       the store can no longer be trusted: a sync of the log, the hard state or the
 *                 directory failed, a write of hard state failed, a roll-back failed, or too many
 *                 appends failed in a row; (REPAIR) any failure. The node must fail. */
struct raft_storage_done {
    enum raft_job job;
    enum raft_status status;
    struct raft_entry_id id; /* APPEND: the last entry; COMPACT, RESET, REPAIR: as given; LOAD: see
                              * RAFT_CORRUPT */
    uint64_t generation;     /* APPEND, TRUNCATE, RESET */
    uint64_t sequence;       /* STATE */
    /* SAVE, and RECEIVE of a last piece: the snapshot; FETCH, RESTORE: the one that is read. */
    struct raft_snapshot snapshot;
    uint64_t offset; /* RECEIVE: bytes of the file that are written, 0 if it was given up; FETCH: of
                      * the piece */
    uint8_t *bytes;  /* FETCH: the piece, the caller's now, allocated from the node's memory */
    uint32_t size;   /* of the piece */
    /* LOAD: held as LOADING, the caller's now, like the array. */
    struct raft_entry **entries;
    uint32_t entry_count;
};

/* Gives back what a report owns, for a caller that has no use for it. */
void raft_storage_done_release(const struct raft_memory *memory, struct raft_storage_done *done);

/* What a store holds at start, beside its log. */
struct raft_stored {
    struct raft_hard_state state;
    struct raft_snapshot snapshot; /* the log begins behind it, or later if a newer one is lost;
                                    * id (0, 0): none, and configuration is the one that the store
                                    * was bootstrapped with */
};

/* RAFT_NOMEM. Borrows env for its life; reads nothing yet. */
RAFT_MUST_CHECK enum raft_status raft_storage_create(const struct raft_options *options,
                                                     const struct raft_env *env,
                                                     struct raft_storage **out_storage);

/* Writes a new, empty store with the initial configuration. RAFT_INVALID if anything of a store is
 * there already; RAFT_IO, RAFT_NOSPACE. A crash in it leaves a store that can be bootstrapped again
 * or is whole. */
RAFT_MUST_CHECK enum raft_status raft_storage_bootstrap(
    struct raft_storage *storage, const struct raft_configuration *configuration);

/* Whether any file of a store exists. RAFT_IO. */
RAFT_MUST_CHECK enum raft_status raft_storage_exists(struct raft_storage *storage,
                                                     bool *out_exists);

/* Reads the store into an initialised, empty log, the hard state and the state machine (which gets
 * the newest good snapshot), repairing what a crash may have left (storage/README.md has the
 * table). On success everything in the log is durable, or `damaged`: acknowledged, but only its id,
 * kind and size are left. What is lost beside that is in the losses of the hard state, or is what
 * lies between the snapshot and the base of the log. On failure the log is empty again.
 * RAFT_NOMEM, RAFT_IO, RAFT_NOSPACE, RAFT_CORRUPT (the marker is damaged, or what is there
 * contradicts itself or is of a later version), RAFT_LOST_STORE (the marker is lost; or the hard
 * state is, or is older than the log, and the option `quarantine` is not set), RAFT_INVALID (the
 * store of another node, or of another kind: raft_options_is_witness), RAFT_MACHINE (the state
 * machine refused the snapshot). */
RAFT_MUST_CHECK enum raft_status raft_storage_load(struct raft_storage *storage,
                                                   struct raft_log *log,
                                                   struct raft_stored *out_stored);

/* Starts a job. RAFT_BUSY: its first operation was refused; RAFT_NOMEM. Then nothing was taken. The
 * lane must be free. */
RAFT_MUST_CHECK enum raft_status raft_storage_save_state(struct raft_storage *storage,
                                                         const struct raft_hard_state *state);
/* Writes the entries [first, last.index] of log, sharing them as STORAGE until the job ends. */
RAFT_MUST_CHECK enum raft_status raft_storage_append(struct raft_storage *storage,
                                                     const struct raft_log *log, raft_index first,
                                                     struct raft_entry_id last,
                                                     uint64_t generation);
/* Removes every entry behind keep_last, if there is any. */
RAFT_MUST_CHECK enum raft_status raft_storage_truncate(struct raft_storage *storage,
                                                       raft_index keep_last, uint64_t generation);
/* Writes and syncs a scratch file of a batch's size, at most 4096 bytes, and removes it. RAFT_IO
 * only when the directory could not be synced. */
RAFT_MUST_CHECK enum raft_status raft_storage_probe(struct raft_storage *storage);
/* Removes the segments that lie wholly at or before id, which the published snapshot covers; but
 * not the last one. RAFT_IO only when the directory could not be synced. */
RAFT_MUST_CHECK enum raft_status raft_storage_compact(struct raft_storage *storage,
                                                      struct raft_entry_id id);
/* Empties the log; the next entry to be appended is the one behind id, which the published snapshot
 * covers. */
RAFT_MUST_CHECK enum raft_status raft_storage_reset(struct raft_storage *storage,
                                                    struct raft_entry_id id, uint64_t generation);
/* Rewrites the record of an entry that was damaged in the files, and is here again, and its
 * identity. */
RAFT_MUST_CHECK enum raft_status raft_storage_repair(struct raft_storage *storage,
                                                     const struct raft_entry *entry);
/* Reads entries back: [first, last], or as many of them as stand in one segment and are a batch.
 * They are durable, and whoever asks for them makes sure that they are not cut meanwhile; they may
 * be compacted. */
RAFT_MUST_CHECK enum raft_status raft_storage_read(struct raft_storage *storage, raft_index first,
                                                   raft_index last);
/* Writes a snapshot: freezes the state machine, copies it into a new file, reads it back, publishes
 * it and removes the one before, which must not be newer. One with the same id is replaced.
 * snapshot->size is ignored. Also RAFT_MACHINE. */
RAFT_MUST_CHECK enum raft_status raft_storage_save(struct raft_storage *storage,
                                                   const struct raft_snapshot *snapshot);
/* Writes a piece of a snapshot that comes from the leader and is newer than the published one.
 * offset 0 begins anew, whatever came before; any other must be where the last piece of the same
 * snapshot ended. The piece that reaches `total`, the size of the whole, publishes the file as
 * above. Takes bytes on success. */
RAFT_MUST_CHECK enum raft_status raft_storage_receive(struct raft_storage *storage,
                                                      struct raft_entry_id id, uint64_t offset,
                                                      uint64_t total, uint8_t *bytes,
                                                      uint32_t size);
/* Reads a piece of the published snapshot, at most snapshot_chunk_size bytes; before the first one,
 * all of it is checked. With frame_only a piece of the same snapshot with an empty state, which is
 * what a witness gets. Also RAFT_STALE: it is another one, or has no such offset. */
RAFT_MUST_CHECK enum raft_status raft_storage_fetch(struct raft_storage *storage,
                                                    struct raft_entry_id id, uint64_t offset,
                                                    bool frame_only);
/* Puts the published snapshot, which there must be, into the state machine: reads the whole file,
 * checks it and hands its state to env->restore_*. */
RAFT_MUST_CHECK enum raft_status raft_storage_restore(struct raft_storage *storage);
/* Closes the open files, once all lanes are free. RAFT_OK with no operation needed: *out_closed.
 */
RAFT_MUST_CHECK enum raft_status raft_storage_close(struct raft_storage *storage, bool *out_closed);

/* The answer to an operation of this store. Returns whether a job has ended with it. */
bool raft_storage_io_done(struct raft_storage *storage, struct raft_io *io,
                          struct raft_storage_done *out_done);

/* Submits again what the environment refused in the middle of a job. Returns whether something is
 * still refused, so that the caller retries later. */
bool raft_storage_retry(struct raft_storage *storage);
/* Whether the middle of a job waits for raft_storage_retry. */
bool raft_storage_stalled(const struct raft_storage *storage);
/* Whether an operation has been taken by the environment and is not answered yet. */
bool raft_storage_in_flight(const struct raft_storage *storage);
/* Gives up stalled jobs: they will not be retried or reported, and what they hold is given back.
 * For a node that stops: afterwards no job but raft_storage_close may be started. A job with an
 * operation in flight goes on to its end, if it is one of the log or the hard state; one of a
 * snapshot, or a read of entries, ends with that operation, and is not reported either. */
void raft_storage_abandon(struct raft_storage *storage);

uint32_t raft_storage_entries_held(const struct raft_storage *storage);
uint32_t raft_storage_files_open(const struct raft_storage *storage);

/* No operation may be in flight. Releases memory; open handles must have been closed. */
void raft_storage_destroy(struct raft_storage *storage);

#endif
