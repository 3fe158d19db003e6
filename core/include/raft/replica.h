/* A replica: consensus, log and storage joined. This is what a server embeds.
 *
 * It persists before it sends, hands committed entries to the state machine, completes requests,
 * and stops in good order from any state. All calls come from one thread; a `now_ns` before an
 * earlier one counts as that one.
 *
 *   create -> start -> { receive, timer, io_done, applied, submit } -> stop -> stopped -> destroy
 *
 * A replica that fails (its disk cannot be trusted any more) stops by itself: env->stopped tells.
 */
#ifndef RAFT_REPLICA_H
#define RAFT_REPLICA_H

#include <raft/raft.h>
#include <raft/storage.h>

struct raft_replica;

/* Borrows env for its life, copies options. RAFT_NOMEM, RAFT_INVALID. */
RAFT_MUST_CHECK enum raft_status raft_replica_create(const struct raft_options *options,
                                                     const struct raft_env *env,
                                                     struct raft_replica **out_replica);

/* Loads the store and begins. With bootstrap a store that is wholly absent is created first;
 * without it, an absent store is RAFT_LOST_STORE: a node that lost its data is never taken for a
 * new one. On failure the replica owns no file and may only be destroyed. RAFT_NOMEM, RAFT_IO,
 * RAFT_NOSPACE, RAFT_CORRUPT, RAFT_LOST_STORE, RAFT_INVALID (another node's store, or a witness's
 * and the options say that this is none, or the other way round). */
RAFT_MUST_CHECK enum raft_status raft_replica_start(struct raft_replica *replica, raft_time now_ns,
                                                    bool bootstrap);

/* A message from the network; borrows bytes. One that is wrong, or that there is no memory for, is
 * dropped: the network loses messages anyway. */
void raft_replica_receive(struct raft_replica *replica, raft_time now_ns, const uint8_t *bytes,
                          size_t size);
/* A timer set through env->set_timer has passed its deadline. */
void raft_replica_timer(struct raft_replica *replica, raft_time now_ns, enum raft_timer timer);
/* The answer to env->io_submit. */
void raft_replica_io_done(struct raft_replica *replica, raft_time now_ns, struct raft_io *io);
/* The answer to env->apply: applied up to an index. RAFT_MACHINE: the batch failed from index + 1
 * on; the node fails, since skipping an entry would make it diverge. */
void raft_replica_applied(struct raft_replica *replica, raft_time now_ns, enum raft_status status,
                          raft_index index);

/* Proposes a command; copies payload. On RAFT_OK env->complete will be called once for request; on
 * any other status nothing was taken and it will not. RAFT_NOT_LEADER, RAFT_READONLY, RAFT_BUSY,
 * RAFT_INVALID (too large), RAFT_NOMEM, RAFT_STOPPED. */
RAFT_MUST_CHECK enum raft_status raft_replica_submit(struct raft_replica *replica, raft_time now_ns,
                                                     uint64_t request, const uint8_t *payload,
                                                     uint32_t size);
/* Begins a linearizable read without a log entry (ReadIndex, dissertation §6.4). On RAFT_OK
 * env->complete will be called once for request: RAFT_OK with an index when the state machine, as
 * it is then, may be read (it has applied that index); RAFT_NOT_LEADER when leadership was lost
 * meanwhile. RAFT_NOT_LEADER, RAFT_BUSY (too many, or too early in the term), RAFT_STOPPED. */
RAFT_MUST_CHECK enum raft_status raft_replica_read(struct raft_replica *replica, raft_time now_ns,
                                                   uint64_t request);
/* Refuses user entries from now on, or takes them again. */
void raft_replica_set_read_only(struct raft_replica *replica, raft_time now_ns, bool read_only);
/* Campaigns now, as if the election timer had fired twice. RAFT_BUSY: it may not (leads already, is
 * full, has no vote, or a leader that was just heard may answer reads by a lease); RAFT_STOPPED. */
RAFT_MUST_CHECK enum raft_status raft_replica_campaign(struct raft_replica *replica,
                                                       raft_time now_ns);

/* Takes a snapshot of the state machine as soon as possible and drops the log before it, if
 * anything was applied since the last one. RAFT_BUSY (one is being taken, received or sent),
 * RAFT_STOPPED. */
RAFT_MUST_CHECK enum raft_status raft_replica_snapshot(struct raft_replica *replica,
                                                       raft_time now_ns);

/* Hands leadership to another voter: proposals are refused (RAFT_BUSY) until it leads, or until the
 * shortest election timeout has passed. RAFT_NOT_LEADER, RAFT_INVALID (no other voter, or one in
 * quarantine), RAFT_BUSY, RAFT_STOPPED. */
RAFT_MUST_CHECK enum raft_status raft_replica_transfer(struct raft_replica *replica,
                                                       raft_time now_ns, raft_node_id target);

/* Changes the members to those of target, which must not be joint; a joint configuration on the way
 * is the replica's own affair (dissertation §4.3). Voters that are added get the log first. On
 * RAFT_OK env->complete will be called once for request: RAFT_OK with the index of the final
 * configuration when it is committed; RAFT_BUSY: an added voter did not catch up within
 * catch_up_rounds_max and catch_up_ns_max, nothing was changed; RAFT_LOST: leadership was lost
 * meanwhile, the change may yet be carried through or be undone. RAFT_NOT_LEADER, RAFT_INVALID (no
 * configuration, nobody in it who could lead, a member that is to become a witness or to be one no
 * more, no majority of its voters out of quarantine, or more than RAFT_MEMBERS_MAX members in the
 * old and the new one together), RAFT_BUSY (during another change or a transfer, or before an entry
 * of the leader's own term is committed), RAFT_STOPPED. */
RAFT_MUST_CHECK enum raft_status raft_replica_change(struct raft_replica *replica, raft_time now_ns,
                                                     uint64_t request,
                                                     const struct raft_configuration *target);
/* Unsafe recovery: puts a configuration in force by hand, when a majority of the one in the log is
 * lost for good. Committed entries that only the lost nodes had are lost with them, and if the
 * others still live, there may be two leaders. The node campaigns among the members of target, and
 * makes it the first configuration of its term; a restart before that forgets it, and so does
 * hearing of a leader. RAFT_INVALID (no configuration, this node could not lead in it, or a
 * member of the one in force would become a witness or be one no more), RAFT_BUSY (a snapshot from
 * the leader is just being written or put in place), RAFT_STOPPED. */
RAFT_MUST_CHECK enum raft_status raft_replica_recover(struct raft_replica *replica,
                                                      raft_time now_ns,
                                                      const struct raft_configuration *target);

/* Stops in good order: completes every request, waits for what is in flight, closes files, gives
 * every reference back, then calls env->stopped. Safe to repeat, in any state after start. */
void raft_replica_stop(struct raft_replica *replica, raft_time now_ns);
/* After env->stopped, or after a failed or missing start. */
void raft_replica_destroy(struct raft_replica *replica);

void raft_replica_get_view(const struct raft_replica *replica, struct raft_view *out_view);
bool raft_replica_get_progress(const struct raft_replica *replica, raft_node_id peer,
                               struct raft_progress_view *out_view);
/* The entry at index, borrowed until the next call that changes the replica, or NULL. */
const struct raft_entry *raft_replica_peek(const struct raft_replica *replica, raft_index index);
const char *raft_replica_invariant_broken(const struct raft_replica *replica);

#endif
