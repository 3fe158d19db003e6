/* Client sessions: a command that a client sends again is applied once (dissertation §6.3).
 *
 * A table for the state machine to keep in its state and in its snapshots. Each command carries its
 * client, the epoch of the client's session, and a number that the client increments, from 1, with
 * each new command and repeats with each retry; a client has one command open at a time. The table
 * is bounded: the session whose latest command is the oldest is forgotten first. Everything follows
 * from the commands in their order, so all replicas have equal tables. Nothing here allocates or
 * fails.
 *
 * A session is opened by a *registration*, a command of its own kind; its epoch is the index where
 * that was applied, so that no two sessions have the same. A command of any session that is not
 * there is refused as EXPIRED: it may be the retry of one that was applied. The client then
 * registers, and begins with 1 again; whether its open command was applied it does not know, unless
 * it had sent it but once.
 *
 * As long as no session was forgotten, no command of an unknown client can be such a retry. Until
 * then a client's first command opens its session, too, with epoch 0, and spares the entry of the
 * registration. */
#ifndef RAFT_SESSION_H
#define RAFT_SESSION_H

#include <raft/types.h>

struct raft_sessions;

#define RAFT_SESSION_NONE UINT32_MAX /* no slot */

enum raft_session_verdict {
    RAFT_SESSION_NEW,      /* apply it, and keep its answer by the slot */
    RAFT_SESSION_REPEATED, /* it was applied: the answer kept by the slot is its answer */
    RAFT_SESSION_STALE,    /* older than the client's latest: nobody waits for its answer */
    RAFT_SESSION_EXPIRED   /* its session is not there, and this may be a retry: do not apply it */
};

struct raft_session {
    uint64_t client;
    raft_index epoch;  /* where it was registered; 0: its first command opened it */
    uint64_t sequence; /* of its latest command; 0: none since the registration */
    raft_index index;  /* where that, or the registration, was applied */
};

/* Bytes of a table of capacity sessions, at least 1; align them for a uint64_t. */
size_t raft_sessions_size(uint32_t capacity);
/* Makes an empty table in raft_sessions_size bytes of the caller's. */
struct raft_sessions *raft_sessions_init(void *block, uint32_t capacity);

/* A registration is applied at index: opens a session of the client, in the place of one that it
 * may have, and returns its slot. The client is to be told the index, which is the epoch. */
uint32_t raft_sessions_register(struct raft_sessions *sessions, uint64_t client, raft_index index);
/* Judges a command that is about to be applied at index, and remembers it if it is NEW. A client
 * keeps its slot, [0, capacity), until it is forgotten; the slot of a forgotten client is given to
 * the new one. STALE and EXPIRED have no slot. */
enum raft_session_verdict raft_sessions_judge(struct raft_sessions *sessions, uint64_t client,
                                              raft_index epoch, uint64_t sequence, raft_index index,
                                              uint32_t *out_slot);

/* The slot of a client, or RAFT_SESSION_NONE. */
uint32_t raft_sessions_find(const struct raft_sessions *sessions, uint64_t client);
/* The sessions from the one that will be forgotten first; RAFT_SESSION_NONE at the end. */
uint32_t raft_sessions_first(const struct raft_sessions *sessions);
uint32_t raft_sessions_next(const struct raft_sessions *sessions, uint32_t slot);
/* What is in a slot, borrowed. */
const struct raft_session *raft_sessions_at(const struct raft_sessions *sessions, uint32_t slot);
uint32_t raft_sessions_count(const struct raft_sessions *sessions);
/* Whether any session was forgotten so far: from then on an unknown client must register. */
bool raft_sessions_has_forgotten(const struct raft_sessions *sessions);

/* For loading a snapshot: puts back a session behind all that are there, in the order of
 * raft_sessions_next, or notes that some were forgotten. False: it is there already, or the table
 * is full. */
bool raft_sessions_put(struct raft_sessions *sessions, const struct raft_session *session,
                       uint32_t *out_slot);
void raft_sessions_set_forgotten(struct raft_sessions *sessions);

#endif
