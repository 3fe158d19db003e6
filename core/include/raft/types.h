/* The scalar domains, statuses and memory interface shared by every part of the core.
 *
 * Time is nanoseconds of the node's own monotonic clock. Node ids are positive; 0 is no node.
 * Indexes start at 1; (term 0, index 0) is the position before the first entry. */
#ifndef RAFT_TYPES_H
#define RAFT_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint64_t raft_term;
typedef uint64_t raft_index;
typedef uint32_t raft_node_id;
typedef uint64_t raft_time; /* ns */

#define RAFT_NODE_NONE   ((raft_node_id)0)
#define RAFT_TIME_NEVER  UINT64_MAX
#define RAFT_VOTERS_MAX  15
#define RAFT_MEMBERS_MAX 15u /* of a configuration: voters of both sides, learners, witnesses */
#define RAFT_MUST_CHECK  __attribute__((warn_unused_result))

/* The position of an entry. Term and index travel together: an index alone names nothing, since
 * the entry there may have been replaced (Raft §5.3). */
struct raft_entry_id {
    raft_term term;
    raft_index index;
};

/* Why an operation was not done. A protocol outcome (vote refused, not elected) is not a status. */
enum raft_status {
    RAFT_OK = 0,
    RAFT_NOMEM,      /* the allocator returned NULL; nothing changed */
    RAFT_IO,         /* the device reported an error */
    RAFT_NOSPACE,    /* the device is full */
    RAFT_CORRUPT,    /* bytes do not match their checksum or their format */
    RAFT_BUSY,       /* a bound is reached; try again later; nothing was consumed */
    RAFT_NOT_LEADER, /* only a leader can do this */
    RAFT_READONLY,   /* the node, or the follower, refuses user entries */
    RAFT_STALE,      /* belongs to an older term, generation or configuration */
    RAFT_GAP,        /* the index lies past the end of the log */
    RAFT_COMPACTED,  /* the index lies before the start of the log */
    RAFT_FULL,       /* a batch or a window has reached its bound */
    RAFT_INVALID,    /* options or arguments out of their bounds */
    RAFT_LOST,       /* the outcome is unknown: the entry may or may not commit */
    RAFT_STOPPED,    /* the node is stopping or has stopped */
    RAFT_MACHINE,    /* the state machine reported an error */
    RAFT_LOST_STORE, /* durable promises are missing: this store must not vote again */
    RAFT_NOT_FOUND,  /* no such file */
    RAFT_COLD,       /* the entry is in the log, but not in memory: it has to be read first */
    RAFT_STATUS_COUNT
};

/* A static, lower-case sentence for a status; never NULL. */
const char *raft_status_string(enum raft_status status);

#endif
