/* The environment of a node: files, send, timers, the state machine, completions.
 *
 * A server implements it over its operating system, the simulator over its devices. The core calls
 * it from within raft_replica_* functions only and is called back through raft_replica_* functions
 * only, never from inside one of these calls. Each function that can fail takes its fault point.
 *
 * File operations carried by struct raft_io are asynchronous (io_submit): each one that was taken
 * is answered by exactly one raft_replica_io_done, in any order. io_run does the same operation
 * before it returns; the core uses it only inside raft_replica_start. */
#ifndef RAFT_ENV_H
#define RAFT_ENV_H

#include <raft/points.h>

/* A handle of an open file; 0 is none. */
typedef uint32_t raft_file;

#define RAFT_FILE_NAME_MAX 32 /* bytes with the terminating 0; names have no directory part */

enum raft_io_op {
    RAFT_IO_OPEN,     /* name -> file, size; RAFT_NOT_FOUND */
    RAFT_IO_CREATE,   /* name -> file; an existing file is emptied */
    RAFT_IO_READ,     /* file, offset, size -> bytes, done (short only at the end of the file) */
    RAFT_IO_WRITE,    /* file, offset, size, bytes -> done */
    RAFT_IO_SYNC,     /* file: content and size durable, not its directory entry */
    RAFT_IO_TRUNCATE, /* file, offset = new size */
    RAFT_IO_CLOSE,    /* file; the handle is gone whatever the status */
    RAFT_IO_UNLINK,   /* name; RAFT_NOT_FOUND */
    RAFT_IO_RENAME,   /* name -> name_to, replacing it */
    RAFT_IO_SYNC_DIR, /* directory entries durable */
    RAFT_IO_OP_COUNT
};

/* One file operation. Owned by the core; must stay in place with its bytes until it is answered.
 * The environment sets the part below "results" and touches nothing else. */
struct raft_io {
    enum raft_io_op op;
    raft_file file; /* in; out for OPEN and CREATE */
    uint64_t offset;
    size_t size;
    uint8_t *bytes; /* WRITE reads them, READ fills them */
    char name[RAFT_FILE_NAME_MAX];
    char name_to[RAFT_FILE_NAME_MAX];
    void *owner; /* the submitter's own */
    /* results */
    enum raft_status status; /* RAFT_OK, RAFT_IO, RAFT_NOSPACE, RAFT_NOT_FOUND */
    size_t done;             /* bytes transferred; a short write is RAFT_OK with done < size */
    uint64_t file_size;      /* OPEN: size of the file in bytes */
};

enum raft_timer {
    RAFT_TIMER_ELECTION,  /* election timeout; on a leader, check-quorum */
    RAFT_TIMER_HEARTBEAT, /* leader only */
    RAFT_TIMER_RETRY,     /* work refused or failed for lack of memory or space is tried again */
    RAFT_TIMER_COUNT
};

/* One file name of a listing; returns false to stop it. */
typedef bool (*raft_list_visit)(void *visitor, const char *name);

struct raft_env {
    void *ctx;
    const struct raft_memory *memory;

    /* Takes an operation to be answered later. RAFT_BUSY: not taken. */
    RAFT_MUST_CHECK enum raft_status (*io_submit)(void *ctx, enum raft_point point,
                                                  struct raft_io *io);
    /* Does an operation now and returns io->status. */
    RAFT_MUST_CHECK enum raft_status (*io_run)(void *ctx, enum raft_point point,
                                               struct raft_io *io);
    /* Names of all files of the store in ascending byte order. RAFT_IO. */
    RAFT_MUST_CHECK enum raft_status (*list)(void *ctx, enum raft_point point,
                                             raft_list_visit visit, void *visitor);

    /* Sends an encoded message; borrows bytes. May lose, delay, duplicate or reorder it. RAFT_BUSY:
     * refused at once. */
    RAFT_MUST_CHECK enum raft_status (*send)(void *ctx, enum raft_point point, raft_node_id to,
                                             const uint8_t *bytes, size_t size);

    /* Sets or moves the one deadline of a timer, RAFT_TIME_NEVER to cancel. Cannot fail. */
    void (*set_timer)(void *ctx, enum raft_timer timer, raft_time deadline_ns);

    /* Hands committed entries to the state machine, which answers with exactly one
     * raft_replica_applied. Borrows the array; the replica keeps the entries' references until the
     * answer. At most one batch is out at a time. RAFT_BUSY: not taken (`refused` is its point);
     * `error` is the point of the state machine's own failure at an entry. */
    RAFT_MUST_CHECK enum raft_status (*apply)(void *ctx, enum raft_point refused,
                                              enum raft_point error,
                                              struct raft_entry *const *entries, size_t count);

    /* Freezes the state machine's state, as it is after the last batch it answered, so that it can
     * be read while further batches are applied; *out_size is how many bytes it has. At most one
     * state is frozen at a time. RAFT_BUSY, RAFT_MACHINE. */
    RAFT_MUST_CHECK enum raft_status (*snapshot_begin)(void *ctx, enum raft_point point,
                                                       uint64_t *out_size);
    /* Copies size bytes of the frozen state from an offset on. RAFT_MACHINE. */
    RAFT_MUST_CHECK enum raft_status (*snapshot_read)(void *ctx, enum raft_point point,
                                                      uint64_t offset, uint8_t *bytes, size_t size);
    /* Lets the frozen state go. */
    void (*snapshot_end)(void *ctx);

    /* Replaces the state machine's state by one that was frozen, perhaps on another node: begin
     * with its size, the bytes in order, then commit. The old state stays until commit has
     * returned RAFT_OK, and for good after abort. No batch is out meanwhile. Each: RAFT_MACHINE. */
    RAFT_MUST_CHECK enum raft_status (*restore_begin)(void *ctx, enum raft_point point,
                                                      uint64_t size);
    RAFT_MUST_CHECK enum raft_status (*restore_write)(void *ctx, enum raft_point point,
                                                      const uint8_t *bytes, size_t size);
    /* index: of the last entry that is in the state. */
    RAFT_MUST_CHECK enum raft_status (*restore_commit)(void *ctx, enum raft_point point,
                                                       raft_index index);
    void (*restore_abort)(void *ctx);

    /* A request that raft_replica_submit took is over; called exactly once for it. RAFT_OK: applied
     * at index. RAFT_LOST: unknown. Any other: it can never be applied. */
    void (*complete)(void *ctx, uint64_t request, enum raft_status status, raft_index index);

    /* The node has stopped, in good order (RAFT_OK) or because it failed: everything it owned but
     * the replica itself is released, no operation is in flight. Destroy it at leisure. */
    void (*stopped)(void *ctx, enum raft_status why);
};

#endif
