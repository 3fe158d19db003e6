/* Oracles: the rules that are checked after every event, O(1) amortised, without copying a log.
 *
 * Each log (of a node in memory, of a node's durable bytes, and the canonical one of what is
 * committed) is a chain: chain(i) = hash(chain(i-1), term, kind, payload), so that two equal links
 * mean equal prefixes. What the oracles see comes from the interface of sut.h and from the
 * simulated disk, never from a node's word about its disk.
 *
 * A broken rule calls sim_fail with the oracle's name and both sides. An oracle that does not apply
 * to the implementation under test is skipped with a reason, which the run reports. */
#ifndef SIM_ORACLE_H
#define SIM_ORACLE_H

#include "arena.h"
#include "machine.h"
#include "probe.h"
#include "record.h"
#include "sut.h"
#include <raft/configuration.h>

struct sim_world;

enum sim_oracle {
    SIM_ORACLE_ELECTION_SAFETY,
    SIM_ORACLE_LOG_MATCHING,
    SIM_ORACLE_LEADER_APPEND_ONLY,
    SIM_ORACLE_LEADER_COMPLETENESS,
    SIM_ORACLE_STATE_MACHINE_SAFETY,
    SIM_ORACLE_DURABLE_MAJORITY,
    SIM_ORACLE_CURRENT_TERM_COMMIT,
    SIM_ORACLE_SPEAKS_DURABLE,
    SIM_ORACLE_MONOTONIC,
    SIM_ORACLE_CONFIGURATION,
    SIM_ORACLE_LEDGER,
    SIM_ORACLE_REQUEST_ONCE,
    SIM_ORACLE_READ_INDEX,
    SIM_ORACLE_NO_FALSE_ALARM,
    SIM_ORACLE_INVARIANT, /* the implementation's own */
    SIM_ORACLE_PROGRESS,
    SIM_ORACLE_LINEARIZABLE,
    SIM_ORACLE_ERROR_SURFACES,
    SIM_ORACLE_STABILITY,
    SIM_ORACLE_BOUNDED,
    SIM_ORACLE_RECOVERY,
    SIM_ORACLE_WITNESS,
    SIM_ORACLE_DETERMINISTIC, /* checked by the explorer, which has more than one run */
    SIM_ORACLE_COUNT
};
const char *sim_oracle_string(enum sim_oracle oracle); /* "election-safety", … */
const char *sim_oracle_rule(enum sim_oracle oracle);   /* one sentence */

struct sim_oracles; /* in the arena */

/* Chooses which oracles apply to the implementation. */
struct sim_oracles *sim_oracles_create(struct sim_world *world);
/* NULL if the oracle is on, else why it is skipped. */
const char *sim_oracle_skipped(const struct sim_oracles *oracles, enum sim_oracle oracle);
uint64_t sim_oracle_checks(const struct sim_oracles *oracles, enum sim_oracle oracle); /* done */
/* Where these counts are: they decide nothing. */
struct arena_span sim_oracle_counters(const struct sim_oracles *oracles);
/* Where the oracles remember of a node which harm they have seen. */
struct arena_span sim_oracle_harms(const struct sim_oracles *oracles, uint32_t node);

/* Counts a check of a rule that is checked elsewhere (ledger, progress). oracles may be NULL. */
void sim_oracle_count(struct sim_oracles *oracles, enum sim_oracle oracle);

/* Counts a check that is left out (waivers.def), unless its oracle is skipped; the first of a run
 * stands in the transcript. */
void sim_oracle_waive(const struct sim_oracles *oracles, enum sim_probe waiver);
/* The oracle whose checks a waiver leaves out; SIM_ORACLE_COUNT: the probe is a situation. */
enum sim_oracle sim_oracle_of_waiver(enum sim_probe probe);

/* Makes the oracles the observer of a node's disk. The node must be in world->nodes. */
void sim_oracle_attach_disk(struct sim_oracles *oracles, uint32_t node);
/* A process is about to start: what it must find is what the disk holds now. */
void sim_oracle_starts(struct sim_oracles *oracles, uint32_t node);
/* A node has just been started (its view is fresh), or its process has ended: node->state says how.
 * DOWN is a crash, which loses the open requests; STOPPED and FAILED must leave none. Started
 * attaches the disk if that has not been done. */
void sim_oracle_started(struct sim_oracles *oracles, uint32_t node);
void sim_oracle_crashed(struct sim_oracles *oracles, uint32_t node);
/* Before a crash in the middle of a step, which nobody has looked at: the node's view is fresh. */
void sim_oracle_dies(struct sim_oracles *oracles, uint32_t node);
/* After an event of a node that is up; its view has been refreshed. peer: whose message it was, or
 * 0. */
void sim_oracle_stepped(struct sim_oracles *oracles, uint32_t node, uint32_t peer);
/* A node sends a message. */
void sim_oracle_sent(struct sim_oracles *oracles, uint32_t node, const uint8_t *bytes, size_t size);
/* A message reaches a node that is up, which has not seen it yet. */
void sim_oracle_arrives(struct sim_oracles *oracles, uint32_t node, const uint8_t *bytes,
                        size_t size);
/* A node begins a file operation, and its results are known; io has not been shown to it. */
void sim_oracle_io_begins(struct sim_oracles *oracles, uint32_t node, const struct raft_io *io);
void sim_oracle_io_done(struct sim_oracles *oracles, uint32_t node, const struct raft_io *io);
/* The state machine of a node has failed behind an index. */
void sim_oracle_machine_failed(struct sim_oracles *oracles, uint32_t node, raft_index last);
/* Somebody outside the protocol makes a node campaign in this step. */
void sim_oracle_campaign_ordered(struct sim_oracles *oracles, uint32_t node);
/* The liveness phase begins. */
void sim_oracle_heals(struct sim_oracles *oracles);
/* An event of the world is over, whoever it was for. */
void sim_oracle_event_over(struct sim_oracles *oracles);
/* A node's state machine applied an entry with this effect and then had this digest. */
void sim_oracle_applied(struct sim_oracles *oracles, uint32_t node, const struct sut_entry *entry,
                        const struct sim_effect *effect, uint64_t machine_digest);
/* What a node tells a client of its command that stands at an index. */
void sim_oracle_answered(struct sim_oracles *oracles, uint32_t node,
                         const struct sim_command *command, raft_index index,
                         enum sim_answer answer, const struct sim_result *result);
/* A node's state machine was replaced by the state of a snapshot of an index; applied is the index
 * that the state itself names. */
void sim_oracle_restored(struct sim_oracles *oracles, uint32_t node, raft_index index,
                         raft_index applied, uint64_t digest);
/* A node has taken a command; or a read or a change of the members, of which no state machine
 * hears. Each is completed. */
void sim_oracle_submitted(struct sim_oracles *oracles, uint32_t node, uint64_t request,
                          const uint8_t *payload, size_t size);
void sim_oracle_taken(struct sim_oracles *oracles, uint32_t node, uint64_t request);
void sim_oracle_completed(struct sim_oracles *oracles, uint32_t node, uint64_t request,
                          enum raft_status status, raft_index index);
/* Now and then in the liveness phase: whether what nodes have taken is answered in time. */
void sim_oracle_prompt_check(struct sim_oracles *oracles);
/* What a change of the members came to. */
void sim_oracle_change_completed(struct sim_oracles *oracles, uint32_t node,
                                 const struct raft_configuration *target, enum raft_status status,
                                 raft_index index);
/* "voters 1,2,3; learners 4". */
void sim_oracle_print_configuration(const struct raft_configuration *configuration, char *text,
                                    size_t size);
/* Whether a node is a member of the newest committed configuration, or of none that is known. */
bool sim_oracle_is_member(const struct sim_oracles *oracles, uint32_t node);
/* Whether nodes (a bit per id) have a majority of the configuration that a node goes by. */
bool sim_oracle_is_majority(const struct sim_oracles *oracles, uint32_t node, uint32_t nodes);
/* Whether one of the nodes that are not lost (a bit each) can be elected: those of them whose logs
 * are no better than its own have a majority of what it goes by. */
bool sim_oracle_is_available(const struct sim_oracles *oracles, uint32_t lost);
/* Whether what a node lacks must come back to it: there is an intact copy of its first damaged
 * entry, of the state that it lacks, or a leader that tells what it has lost, each on another node
 * of which it knows and which knows of it. Promises never come back. */
bool sim_oracle_is_repairable(const struct sim_oracles *oracles, uint32_t node);
/* From now on the configurations of the run need not follow from one another. */
void sim_oracle_recovered(struct sim_oracles *oracles);
/* The process of a node died: its requests will not be completed. */
void sim_oracle_requests_lost(struct sim_oracles *oracles, uint32_t node);
/* At the end of a run, all nodes stopped. */
void sim_oracles_finish(struct sim_oracles *oracles);
/* What the clients have seen so far; an operation that is open may have happened or not. text says
 * which operations contradict each other, or why nothing is known. */
enum sim_history_verdict { SIM_HISTORY_LINEARIZABLE, SIM_HISTORY_VIOLATION, SIM_HISTORY_UNDECIDED };
enum sim_history_verdict sim_oracle_history(const struct sim_oracles *oracles, char *text,
                                            size_t size);

/* The greatest index known to be committed, and its chain; (0, 0) at first. */
raft_index sim_oracle_committed(const struct sim_oracles *oracles);
/* A hash of all entries that are committed. */
uint64_t sim_oracle_committed_chain(const struct sim_oracles *oracles);
/* The term of the leader that has committed last; 0: none has. */
raft_term sim_oracle_committed_term(const struct sim_oracles *oracles);
uint64_t sim_oracle_elections(const struct sim_oracles *oracles);
raft_term sim_oracle_term(const struct sim_oracles *oracles);   /* the highest of any node */
uint64_t sim_oracle_commits(const struct sim_oracles *oracles); /* entries committed */
uint64_t sim_oracle_leader_changes(
    const struct sim_oracles *oracles); /* elections after the first */
/* Whether every member that is up holds and has applied what is committed, and agrees on a leader;
 * in the phase HEAL also whether every node takes entries and has answered all its requests, and
 * whether no change of the configuration is pending. */
bool sim_oracle_converged(const struct sim_oracles *oracles);

#endif
