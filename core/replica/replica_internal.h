/* The replica's own state, shared by replica.c (life), effects.c (what the consensus machine asks
 * for), snapshots.c and requests.c. */
#ifndef RAFT_REPLICA_INTERNAL_H
#define RAFT_REPLICA_INTERNAL_H

#include <raft/replica.h>

enum raft_replica_phase {
    RAFT_REPLICA_CREATED,
    RAFT_REPLICA_RUNNING,
    RAFT_REPLICA_STOPPING, /* waits for what is in flight */
    RAFT_REPLICA_CLOSING,  /* closes its files */
    RAFT_REPLICA_STOPPED,  /* owns nothing but itself */
};

/* A submission that has not been completed; the entry is held as REQUEST. */
struct raft_request {
    uint64_t request;
    struct raft_entry *entry;
};

/* A read that has not been completed. */
struct raft_read {
    uint64_t request;
    uint64_t round;   /* a majority must confirm it */
    raft_index index; /* and this must be applied */
};

struct raft_replica {
    struct raft_options options;
    const struct raft_env *env;
    const struct raft_memory *memory;
    enum raft_replica_phase phase;
    enum raft_status why; /* it stops: RAFT_OK in good order, else it failed */
    raft_time now_ns;
    struct raft *raft;
    struct raft_log log;
    struct raft_storage *storage;
    struct raft_entry **applying; /* handed to the state machine, held as APPLY */
    uint32_t applying_count;
    uint8_t *send_buffer; /* as large as the largest message so far */
    size_t send_buffer_size;
    struct raft_request *requests; /* ring, ascending by index */
    uint32_t request_first;
    uint32_t request_count;
    struct raft_read *reads; /* ring, ascending by round and index */
    uint32_t read_first;
    uint32_t read_count;
    uint64_t read_confirmed;
    uint64_t change_request; /* asks for a change of the configuration */
    bool change_pending;
    bool retry_armed;
    bool ready_failed; /* the last READY did: try again */
};

/* effects.c */
/* Carries out what is due until nothing is, and arms the retry timer if something was refused. */
void raft_replica_pump(struct raft_replica *replica);
/* Hands one event to the consensus machine; it cannot fail. */
void raft_replica_feed(struct raft_replica *replica, const struct raft_event *event);
/* Turns the end of a job into its event; anything but RAFT_OK means that the node must fail. */
RAFT_MUST_CHECK enum raft_status raft_replica_job_done(struct raft_replica *replica,
                                                       const struct raft_storage_done *done);
void raft_replica_release_applying(struct raft_replica *replica);
void raft_replica_arm_retry(struct raft_replica *replica);

/* snapshots.c */
/* SAVE, RECEIVE, FETCH, RESTORE. */
void raft_replica_use_snapshots(struct raft_replica *replica, struct raft_effect *effect);
RAFT_MUST_CHECK enum raft_status raft_replica_snapshot_job_done(
    struct raft_replica *replica, const struct raft_storage_done *done);

/* requests.c */
void raft_request_add(struct raft_replica *replica, uint64_t request, struct raft_entry *entry);
/* Completes every request whose entry is at or before index. */
void raft_requests_complete(struct raft_replica *replica, enum raft_status status,
                            raft_index index);
/* Completes the request for a change of the configuration, if there is one. */
void raft_change_complete(struct raft_replica *replica, enum raft_status status, raft_index index);
void raft_read_add(struct raft_replica *replica, struct raft_read read);
/* Completes the reads that are confirmed and whose index is applied. */
void raft_reads_complete(struct raft_replica *replica, raft_index applied);
/* Leadership is lost: none of them can be answered. */
void raft_reads_refuse(struct raft_replica *replica);

#endif
