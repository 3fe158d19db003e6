/* What the oracles remember of a run; shared by oracle*.c alone. */
#ifndef SIM_ORACLE_INTERNAL_H
#define SIM_ORACLE_INTERNAL_H

#include "oracle.h"
#include "table.h"
#include "world.h"

/* One link of the log that a node has in memory. */
struct oracle_link {
    raft_term term;
    uint64_t chain;
    uint64_t size; /* bytes of the entries so far; only differences tell something */
};

/* One entry of a node's durable log. */
struct oracle_durable {
    uint64_t leaf;  /* meaningless if it is elided */
    raft_term term; /* meaningless without a file */
    uint64_t chain; /* valid up to oracle_node.durable_last */
    uint32_t file;  /* number of the file that holds it; 0: no entry here */
    bool is_elided; /* it has no payload */
};

/* A configuration and the entry that it came with. */
struct oracle_configuration {
    raft_index index;
    struct raft_configuration value;
};

struct oracle_file {
    char name[RAFT_FILE_NAME_MAX];
    size_t cursor;    /* read up to here */
    raft_index begin; /* where its part of the log begins; 0: not known */
    raft_index first; /* what it gave; 0: nothing */
    raft_index last;
    bool gave_state;
    struct raft_entry_id snapshot; /* it covers the log up to here; index 0: it is none */
};

/* The first log that was seen with an index and a term. */
struct oracle_position {
    raft_term term; /* 0: none */
    uint64_t chain;
    struct oracle_position *more; /* other terms at this index */
    raft_term previous;           /* term of the entry before it in all logs that have it */
    uint32_t node;                /* where it was seen first */
};

/* What is known of an index that is committed. */
struct oracle_commit {
    uint64_t chain;
    raft_term term;      /* of the node that first said that it is committed; ascending */
    uint64_t digest;     /* of the first state machine that applied it */
    uint64_t payload;    /* of a command: its hash */
    uint32_t applied_by; /* the first node that did; 0: none yet */
};

enum oracle_request_state {
    ORACLE_REQUEST_EARLY, /* completed, but not yet reported as taken */
    ORACLE_REQUEST_OPEN,
    ORACLE_REQUEST_DONE,
    ORACLE_REQUEST_LOST, /* its process died */
};

struct oracle_request {
    uint64_t number;
    uint64_t payload; /* slot in payloads; 0: a read or a change, which is no command */
    uint64_t since_ns;
    uint32_t next; /* open ones of a node: slots, 0 at the ends */
    uint32_t previous;
    uint32_t node;
    enum oracle_request_state state;
    enum raft_status status; /* EARLY, DONE */
};

/* A command, however often it was tried. */
struct oracle_payload {
    uint32_t attempts;   /* taken by a node */
    uint32_t maybe;      /* of these, not failed for certain */
    uint32_t failed;     /* failed for certain */
    uint32_t node;       /* of the last one that failed for certain */
    uint32_t applied;    /* entries with it that were applied */
    raft_index index;    /* of the last of them */
    raft_index executed; /* of the first of them that was executed; 0: none was */
    uint64_t result;     /* of that: its hash */
};

/* A client that state machines must remember. */
struct oracle_session {
    uint64_t client;
    raft_index epoch;
    uint64_t sequence; /* of its latest command; 0: none since the registration */
    raft_index index;  /* where that, or the registration, was applied */
};

struct oracle_claim {
    const char *type; /* of the message */
    raft_node_id to;
    raft_index index;
};

/* What failures have left behind in a file that a process has open. */
struct oracle_file_state {
    raft_file file;     /* handle; 0: the place is free */
    uint64_t hole_from; /* bytes that a failed write has left undefined */
    uint64_t hole_to;   /* equal: none */
    bool sync_failed;
};

/* Whether the failures that were shown to a process have surfaced. */
struct oracle_surface {
    struct oracle_file_state *files;
    size_t file_capacity;
    bool directory_sync_failed;
    bool starts;           /* the process is starting */
    bool start_has_failed; /* an operation of the start has failed, and was not done again */
    enum raft_io_op start_op;
    raft_file start_file;
    char start_name[RAFT_FILE_NAME_MAX];
    bool machine_has_failed;
    raft_index machine_last; /* behind this index */
};

/* How messages of a leader and of those who answer it have come lately. */
struct oracle_contact {
    uint64_t since_ns; /* without a gap */
    uint64_t last_ns;
};

/* How long a node has been in a state that must end by itself, in time of its own. A step counts
 * for no more than the time in which a process that runs would have made one. */
struct oracle_patience {
    raft_time seen_ns;  /* the local clock at the latest step */
    bool is_quiet;      /* a follower that waits: at the latest step */
    uint64_t quiet_ns;  /* since it began to, after it led, heard a leader or gave a vote */
    uint64_t handed_ns; /* a leader: since it began to hand over */
    uint64_t passed_ns; /* in the latest step */
    uint64_t idle_ns;   /* since it owes work and does none */
    raft_node_id vote;
    raft_term vote_term;
};

/* What holds up the snapshots of a leader whose log is too long, in its own time. */
struct oracle_sending {
    uint32_t receiver;           /* of the snapshot that it is sending; 0: none */
    uint64_t kept_ns;            /* since it has been sending */
    uint64_t still_ns;           /* since a receiver has got further */
    uint64_t has[SIM_NODES_MAX]; /* the most bytes that each has had, plus 1; 0: it gets none */
};

/* The time since something of a follower has matched. */
struct oracle_spell {
    uint64_t number;
    bool has_refused; /* in it */
    /* The term of the leader, and how far it knows the logs to agree. */
    struct raft_entry_id matched;
};

/* The latest harm (sim_oracle_latest_harm) that has excused something. */
struct oracle_harms {
    uint64_t of[SIM_NODES_MAX]; /* its patience, by its own id; a spell, by the sender's */
    uint64_t of_length;         /* that its log is long, */
    uint64_t length_ns;         /* since so much time of its own, */
    raft_index length_from;     /* as far as it had applied it when that was tried again */
};

/* What a node has done in the current interval. */
struct oracle_traffic {
    uint64_t interval; /* its number */
    uint64_t sent;
    uint64_t causes; /* messages received, operations done, requests: what may be answered */
    uint64_t event;  /* the latest in which it sent */
    uint32_t sent_in_event;
};

/* What its store has lost. */
struct oracle_loss {
    uint32_t known;              /* of enum raft_loss: what the view said last */
    raft_index quarantined_from; /* what it did not have yet when its quarantine began; 0: it is in
                                  * none */
    /* What it had called durable before entries were lost, and what of that was committed. */
    raft_index lost_last;
    uint64_t lost_chain;
    raft_index lost_committed;
    struct raft_entry_id promised; /* and before this start, until what that lacks is made up for;
                                    * else index 0 */
    bool lacks_state;              /* a start: there should be a hard state, and none can be read */
    /* The newest term that it called durable, or spoke of, and its vote in that. */
    raft_term said_term;
    raft_node_id said_vote;
};

struct oracle_node {
    bool is_up;
    bool is_attached;
    uint32_t starts;
    /* What the view said last, in this incarnation. */
    enum raft_role role;
    enum raft_condition condition;
    raft_term term;
    raft_index commit;
    raft_index applied;
    uint64_t generation;
    raft_index machine_applied;
    raft_term term_max;  /* in all incarnations */
    raft_term hurt_term; /* the newest one in which it ran with a damaged store */
    /* What it called durable when it was looked at last. */
    raft_index promised;
    /* The log in memory. */
    struct oracle_link *links; /* by index */
    size_t link_capacity;
    raft_index last;
    raft_index damaged; /* the first damaged entry of it when it was looked at last; 0: none */
    struct oracle_configuration *configurations; /* in links[1 .. last], ascending; none that is
                                                  * damaged */
    size_t configuration_capacity;
    uint32_t configuration_count;
    raft_index configuration_seen;    /* index of the newest one at the end of its last step */
    struct oracle_configuration done; /* what a change came to in this step; index 0: none */
    /* The durable bytes. */
    struct oracle_durable *durable; /* by index */
    size_t durable_capacity;
    raft_index durable_base;     /* a durable snapshot covers the log up to here */
    raft_term durable_base_term; /* of the snapshot; 0: it is lost, or there is none */
    raft_index snapshot_last;    /* the newest one that was ever there; 0: none */
    raft_index lost_snapshot;    /* the newest one that was lost by damage; 0: none */
    raft_index durable_last;     /* contiguous and linked up to here, >= durable_base */
    struct oracle_file *files;
    size_t file_capacity;
    uint32_t file_count;
    raft_term durable_term;
    raft_node_id durable_vote;
    /* What it said in this step. */
    struct oracle_claim *claims;
    size_t claim_capacity;
    uint32_t claim_count;
    /* As a leader: the last match of each peer. */
    struct {
        raft_term term;
        raft_index match;
        uint32_t starts; /* of the peer */
    } progress[SIM_NODES_MAX];
    uint32_t requests;       /* first open one: slot in requests */
    bool is_ordered;         /* to campaign, in this step */
    uint64_t leads_since_ns; /* a leader */
    bool has_handed_over;    /* a leader: it was asked to, in this term */
    bool start_is_clean;     /* nothing on the disk was unsynced before it */
    raft_index start_last;   /* what a start must find: on the disk before it */
    uint64_t start_chain;
    raft_term start_term;
    raft_node_id start_vote;
    struct oracle_loss loss;
    struct oracle_surface surface;
    struct oracle_contact contacts[SIM_NODES_MAX]; /* by sender */
    struct oracle_spell spells[SIM_NODES_MAX];     /* by sender, of a leader */
    bool catches_up;                               /* a leader that gets the log to whom it adds */
    bool has_sent_pieces[SIM_NODES_MAX]; /* by receiver: behind the first one, of a snapshot */
    struct oracle_harms harms;
    struct oracle_patience patience;
    struct oracle_sending sending;
    struct oracle_traffic traffic;
};

struct sim_oracles {
    struct sim_world *world;
    uint64_t checks[SIM_ORACLE_COUNT];
    struct oracle_node nodes[SIM_NODES_MAX];
    struct oracle_position *positions; /* by index */
    size_t position_capacity;
    struct oracle_commit *commits; /* by index */
    size_t commit_capacity;
    raft_index committed;
    struct oracle_configuration *canonical; /* configurations that are committed, ascending */
    size_t canonical_capacity;
    uint32_t canonical_count;
    bool was_recovered;       /* a configuration was set by hand */
    raft_term term_max;       /* of all nodes, in all incarnations */
    struct sim_table leaders; /* term -> leader */
    struct sim_table votes;   /* term and node -> candidate */
    uint64_t elections;
    struct sim_table request_slots; /* number + 1 -> slot */
    struct oracle_request *requests;
    size_t request_capacity;
    uint32_t request_count;         /* slots in use, slot 0 included */
    struct sim_table payload_slots; /* hash -> slot */
    struct oracle_payload *payloads;
    size_t payload_capacity;
    uint32_t payload_count;
    struct oracle_session sessions[SIM_SESSIONS_MAX]; /* behind all that was applied */
    uint32_t session_count;
    bool has_forgotten;        /* one of them, ever */
    struct sim_table refusals; /* what of them, how often */
    struct sim_table asked;    /* at which positions again, how often */
    struct sim_table restarts; /* of snapshots: of which, how often */
    bool is_history_undecided; /* the check of it gave up */
    uint64_t instant_ns;       /* of the latest event */
    uint64_t instant_events;   /* how many events had it */
    raft_term healed_term;     /* the highest when the liveness phase began */
};

/* oracle.c */
/* Reports a broken rule. What stands before the first colon of the message is the same for findings
 * that are probably one bug. */
void sim_oracle_broken(struct sim_oracles *oracles, enum sim_oracle oracle, uint32_t node,
                       const char *format, ...) __attribute__((format(printf, 4, 5)));
/* Makes room for needed items, the new ones zeroed. */
void *sim_oracle_room(struct sim_oracles *oracles, void *items, size_t *capacity, size_t needed,
                      size_t item_size);
static inline bool sim_oracle_has(const struct sim_oracles *oracles, enum sut_feature feature)
{
    return (oracles->world->features & (uint32_t)feature) != 0;
}
/* The implementation that a node's process is or was of. */
static inline const struct sut_ops *sim_oracle_sut(const struct sim_oracles *oracles, uint32_t node)
{
    return oracles->world->nodes[node]->sut;
}
/* The chain: equal links mean equal prefixes. */
uint64_t sim_oracle_leaf(const struct sut_entry *entry);
uint64_t sim_oracle_link(uint64_t previous, uint64_t leaf);

/* oracle_log.c */
void sim_oracle_log_start(struct sim_oracles *oracles, uint32_t node);
/* Before that: whether the log that the node had is not the one that the snapshot came from which
 * it starts with. */
bool sim_oracle_log_is_replaced(const struct sim_oracles *oracles, uint32_t node);
/* The chain of a node's log up to an index, at most its last one. What lies before a compacted log
 * is what is committed. */
uint64_t sim_oracle_chain(const struct sim_oracles *oracles, uint32_t node, raft_index index);
void sim_oracle_log_check(struct sim_oracles *oracles, uint32_t node);
void sim_oracle_commit_check(struct sim_oracles *oracles, uint32_t node);

/* The chain of every log up to an entry of this id; 0: no log has had one. */
uint64_t sim_oracle_chain_of(const struct sim_oracles *oracles, struct raft_entry_id id);
/* Of every log with an entry of this id, the chain up to an index before it, or to the entry. */
uint64_t sim_oracle_chain_within(const struct sim_oracles *oracles, struct raft_entry_id id,
                                 raft_index index);

/* oracle_witness.c */
/* A node has an entry, or a snapshot with a state of some bytes: where is for the message. */
void sim_oracle_witness_entry(struct sim_oracles *oracles, uint32_t node,
                              const struct sut_entry *entry, const char *where);
void sim_oracle_witness_state(struct sim_oracles *oracles, uint32_t node, uint64_t state_size,
                              const char *where);

/* oracle_configuration.c */
/* Flags of a member that votes on either side. */
#define ORACLE_VOTES ((uint32_t)(RAFT_MEMBER_VOTER | RAFT_MEMBER_OUTGOING))
/* Whether a node is a member that votes, and no witness. */
bool sim_oracle_may_lead(const struct raft_configuration *configuration, raft_node_id node);
/* Whether nodes (a bit per id) have a majority of each side. */
bool sim_oracle_has_majority(const struct raft_configuration *configuration, uint32_t nodes);
/* The newest one of a node's log up to an index. */
void sim_oracle_configuration_at(const struct sim_oracles *oracles, uint32_t node, raft_index index,
                                 struct raft_configuration *out);
/* The flags of a node in the newest committed configuration; before there is one, of a voter if it
 * was made with voters. 0: it is no member. */
uint32_t sim_oracle_flags_by_now(const struct sim_oracles *oracles, uint32_t node);
/* What it goes by. */
void sim_oracle_configuration_in_force(const struct sim_oracles *oracles, uint32_t node,
                                       struct raft_configuration *out);
/* Whether another node is a member of that; nothing is copied. */
bool sim_oracle_knows(const struct sim_oracles *oracles, uint32_t node, raft_node_id other);
/* A node's log was cut, begins at a position, has one more configuration, was committed. */
void sim_oracle_configuration_cut(struct oracle_node *state, raft_index keep_last);
void sim_oracle_configuration_rebase(struct sim_oracles *oracles, uint32_t node, raft_index base);
void sim_oracle_configuration_pulled(struct sim_oracles *oracles, uint32_t node,
                                     const struct sut_entry *entry);
void sim_oracle_configuration_committed(struct sim_oracles *oracles, uint32_t node,
                                        raft_index before);
void sim_oracle_configuration_check(struct sim_oracles *oracles, uint32_t node);

/* oracle_durable.c */
bool sim_oracle_is_durable(const struct sim_oracles *oracles, const struct oracle_node *state,
                           raft_index index, uint64_t chain);
void sim_oracle_claims_check(struct sim_oracles *oracles, uint32_t node);

/* oracle_election.c */
void sim_oracle_voted(struct sim_oracles *oracles, uint32_t node, raft_term term,
                      raft_node_id candidate);
/* Damage has taken back a vote that only the disk knew. */
void sim_oracle_vote_is_lost(struct sim_oracles *oracles, uint32_t node, raft_term term);
/* Whom a node is known to have voted for in a term, or RAFT_NODE_NONE. */
raft_node_id sim_oracle_vote_of(const struct sim_oracles *oracles, uint32_t node, raft_term term);
void sim_oracle_election_check(struct sim_oracles *oracles, uint32_t node);
/* Of a peer that is no member of this configuration a leader remembers nothing. */
void sim_oracle_progress_forget(struct sim_oracles *oracles, uint32_t node,
                                const struct raft_configuration *configuration);
void sim_oracle_progress_check(struct sim_oracles *oracles, uint32_t node, uint32_t peer);

/* oracle_loss.c */
/* Whether it is part of a majority: by what it does now, or by having had an index. */
bool sim_oracle_counts(const struct sim_oracles *oracles, uint32_t node);
bool sim_oracle_counts_for(const struct sim_oracles *oracles, uint32_t node, raft_index index);
/* Whether a node had called a log of this chain durable before its store was damaged: if it is
 * down, since its last step; if it is up, before this start. What the disk shows is not its doing.
 */
bool sim_oracle_had(const struct sim_oracles *oracles, uint32_t node, raft_index index,
                    uint64_t chain);
/* A node dies in the middle of a step: what it has called durable in it. */
void sim_oracle_loss_dies(struct sim_oracles *oracles, uint32_t node);
/* Whether it gets over what it lacks only under a leader, so that it does not become one before. */
bool sim_oracle_needs_leader(const struct sim_oracles *oracles, uint32_t node);
void sim_oracle_loss_starts(struct sim_oracles *oracles, uint32_t node);
/* Its chain is still that of the log that it had before. */
void sim_oracle_loss_started(struct sim_oracles *oracles, uint32_t node);
void sim_oracle_loss_check(struct sim_oracles *oracles, uint32_t node);
void sim_oracle_loss_sent(struct sim_oracles *oracles, uint32_t node,
                          const struct sut_message *message);

/* oracle_surface.c */
void sim_oracle_surface_started(struct sim_oracles *oracles, uint32_t node);
/* The latest event in which something was done to a process, plus 1; 0: nothing was. */
uint64_t sim_oracle_latest_harm(const struct sim_oracles *oracles, uint32_t node);
/* After the patience check. */
void sim_oracle_vanished_check(struct sim_oracles *oracles, uint32_t node);
void sim_oracle_surface_check(struct sim_oracles *oracles, uint32_t node);
void sim_oracle_recovery_check(struct sim_oracles *oracles, uint32_t node);

/* oracle_stability.c */
/* A term begins that nobody was in before. */
void sim_oracle_term_begins(struct sim_oracles *oracles, uint32_t node);
void sim_oracle_stability_check(struct sim_oracles *oracles, uint32_t node);
void sim_oracle_patience_check(struct sim_oracles *oracles, uint32_t node);
/* A command was taken by a node. */
void sim_oracle_hand_over_check(struct sim_oracles *oracles, uint32_t node);

/* oracle_bounded.c */
/* peer: see sim_oracle_stepped. */
void sim_oracle_bounded_check(struct sim_oracles *oracles, uint32_t node, uint32_t peer);
void sim_oracle_traffic_sent(struct sim_oracles *oracles, uint32_t node);
void sim_oracle_traffic_cause(struct sim_oracles *oracles, uint32_t node);

/* oracle_repeats.c */
/* After a step: whether a follower begins anew. */
void sim_oracle_spells_check(struct sim_oracles *oracles, uint32_t node);
/* A message of a peer arrives. */
void sim_oracle_refused_check(struct sim_oracles *oracles, uint32_t node,
                              const struct sut_message *message);
/* A node sends a message. */
void sim_oracle_asked(struct sim_oracles *oracles, uint32_t node,
                      const struct sut_message *message);
void sim_oracle_piece_check(struct sim_oracles *oracles, uint32_t node,
                            const struct sut_message *message);

/* oracle_history.c */
void sim_oracle_history_finish(struct sim_oracles *oracles);

/* oracle_client.c */
void sim_oracle_requests_init(struct sim_oracles *oracles);
/* "a request", "a read", "a change of the members". */
const char *sim_oracle_request_kind(uint64_t number);
/* What the requests came to, when all processes have ended. */
void sim_oracle_outcomes_check(struct sim_oracles *oracles);
/* A command is applied at an index for the first time. It is borrowed until another one is
 * submitted or applied. */
struct oracle_payload *sim_oracle_payload_applied(struct sim_oracles *oracles, uint64_t hash,
                                                  raft_index index);
/* The command that was applied at an index, borrowed likewise; NULL: none was. */
const struct oracle_payload *sim_oracle_payload_at(const struct sim_oracles *oracles,
                                                   raft_index index);
void sim_oracle_requests_ended(struct sim_oracles *oracles, uint32_t node);
uint64_t sim_oracle_payload_hash(const uint8_t *payload, size_t size);

/* oracle_session.c */
/* A node is the first to apply a command. */
void sim_oracle_session_check(struct sim_oracles *oracles, uint32_t node,
                              const struct sut_entry *entry, struct oracle_payload *payload,
                              const struct sim_effect *effect);

#endif
