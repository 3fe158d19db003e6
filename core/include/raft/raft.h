/* The consensus state machine: step(event) -> effect.
 *
 * raft_step is the only mutator. The event carries the time; there is no I/O, clock, global or
 * callback but the allocator and its probe. The same state and the same event give the same state
 * and the same effect. A step that fails has changed nothing.
 *
 * Events only move state and set "due" marks. READY turns the next due mark into one effect, and is
 * called until it yields none; a READY that failed is retried later. Completions cannot fail.
 *
 * Effects say what they wait for: an effect with `after` may happen only when that write is
 * durable. The machine emits a SEND only when it has heard so; the replica checks it once more. */
#ifndef RAFT_RAFT_H
#define RAFT_RAFT_H

#include <raft/configuration.h>
#include <raft/env.h>
#include <raft/log.h>
#include <raft/message.h>

/* Everything that can be set, checked by raft_options_check. */
struct raft_options {
    raft_node_id id;
    /* The configuration before the first one in the log, the same at each start, with id in it. A
     * node that is to join a cluster has none: voter_count is 0, and it waits to be told. */
    raft_node_id voters[RAFT_VOTERS_MAX];
    uint32_t voter_count;
    uint8_t priorities[RAFT_VOTERS_MAX]; /* of each voter, for leadership */
    uint32_t witnesses;                  /* bit i: voters[i] is a witness; not all of them */
    bool joins_as_witness;               /* without voters: what this node is to be, for good */
    uint64_t seed;                /* of the node's own random stream; another one at each start */
    raft_time election_ns_min;    /* timeouts are drawn from [min, max); min is the lease T */
    raft_time election_ns_max;    /* > min */
    raft_time heartbeat_ns;       /* < min */
    raft_time retry_ns;           /* pause before refused work is tried again */
    uint32_t batch_entries_max;   /* entries in one message and in one write; >= 1 */
    uint32_t batch_size_max;      /* bytes of payload in one message and in one write; >= payload */
    uint32_t window_messages_max; /* unanswered appends a follower may have; 1..RAFT_WINDOW_MAX */
    uint32_t payload_size_max;    /* bytes of one command */
    uint32_t pending_requests_max;  /* submissions not yet completed; >= 1 */
    uint32_t segment_size_max;      /* bytes of a log segment before the next one is started */
    uint32_t snapshot_threshold;    /* applied entries since the last one; 0: on request only */
    uint32_t snapshot_trailing;     /* entries kept in the log before a snapshot, for followers that
                                     * are a little behind */
    uint32_t snapshot_chunk_size;   /* bytes of a piece in a message, a read and a write; >= 1 */
    uint32_t snapshot_installs_max; /* followers that are sent one at a time; >= 1 */
    uint32_t append_errors_max;     /* failed appends in a row, without "no space", before FAILED */
    uint32_t
        clock_drift_ppm_max; /* how far a clock's rate may be off; bounds the lease; < 500000 */
    uint32_t catch_up_rounds_max; /* rounds in which an added voter must catch up; >= 1 */
    raft_time catch_up_ns_max;    /* and the time that it has, before the change is given up */
    uint64_t log_memory_max;      /* bytes of applied entries that stay in memory; older ones are
                                   * read from storage when a follower needs them */
    bool quarantine; /* start, in quarantine, although the store has lost its term and vote */
    bool pre_vote;
    bool check_quorum; /* also: no vote while a leader is heard, which a lease rests on */
    bool lease_reads;  /* reads within the lease wait for nobody; needs check_quorum, and both,
                        * with no shorter election_ns_min, on every voter */
};

#define RAFT_WINDOW_MAX 64u

/* Sets the defaults: 150-300 ms, heartbeat 50 ms, 64 entries or 64 KiB a batch, window 8, … The
 * id, the voters and the seed stay to be set. */
void raft_options_init(struct raft_options *options);
/* NULL, or which bound is broken, as a static sentence. */
const char *raft_options_check(const struct raft_options *options);
/* Whether the node of checked options is a witness. Its store is one of a witness or of a full
 * member from the beginning to the end: what it lacks nobody could give it. */
bool raft_options_is_witness(const struct raft_options *options);
/* The configuration of a new store: the voters of checked options, ascending. */
void raft_options_configuration(const struct raft_options *options,
                                struct raft_configuration *out_configuration);

enum raft_role { RAFT_FOLLOWER, RAFT_PRECANDIDATE, RAFT_CANDIDATE, RAFT_LEADER, RAFT_ROLE_COUNT };
const char *raft_role_string(enum raft_role role);

/* How far a leader's change of the configuration is (dissertation §4.2.1, §4.3). */
enum raft_change {
    RAFT_CHANGE_NONE,
    RAFT_CHANGE_CATCHING_UP, /* added voters get the log; nothing has been decided */
    RAFT_CHANGE_JOINT,       /* the joint configuration is to be committed */
    RAFT_CHANGE_LEAVING,     /* the final one is */
    RAFT_CHANGE_COUNT
};
const char *raft_change_string(enum raft_change change);

/* What a node may do after storage faults. */
enum raft_condition {
    RAFT_RUNNING,
    RAFT_CONDITION_NOSPACE, /* votes and hears heartbeats; neither appends nor campaigns nor leads
                             */
    RAFT_CONDITION_RECOVERING,  /* entries of its log are damaged or lost, or its state machine's
                                 * state is: takes entries, does not campaign; loss.c and repair.c
                                 * have the rest */
    RAFT_CONDITION_QUARANTINED, /* its promises are lost: takes entries, and counts for nothing */
    RAFT_CONDITION_FAILED, /* fail-stop: sends nothing, has released or is releasing everything */
    RAFT_CONDITION_COUNT
};
const char *raft_condition_string(enum raft_condition condition);

/* What a store has lost for good, as far as it is known; a bit each. */
enum raft_loss {
    RAFT_LOSS_PROMISES = 1u << 0, /* term and vote: it may have voted in any term */
    RAFT_LOSS_ENTRIES = 1u << 1,  /* entries that were acknowledged, and it is not known which */
};

/* Term and vote, with the number of the write that makes them durable (from 1, ascending). */
struct raft_hard_state {
    raft_term term;
    raft_node_id vote;
    uint32_t losses; /* of enum raft_loss */
    uint64_t sequence;
};

/* A snapshot: what it stands for and how large its file is. */
struct raft_snapshot {
    struct raft_entry_id id; /* of the last entry in it; (0, 0): none */
    struct raft_configuration configuration;
    raft_index configuration_index; /* of the entry it came with; 0: it was bootstrapped */
    uint64_t size;                  /* bytes */
};

enum raft_event_type {
    RAFT_EVENT_MESSAGE,   /* message: borrowed. RAFT_NOMEM, RAFT_STALE, RAFT_BUSY … */
    RAFT_EVENT_TIMEOUT,   /* timer: ELECTION or HEARTBEAT has passed its deadline */
    RAFT_EVENT_PROPOSE,   /* entry: borrowed; gets its id. RAFT_NOT_LEADER, RAFT_READONLY … */
    RAFT_EVENT_CAMPAIGN,  /* campaign now, without pre-vote. RAFT_BUSY */
    RAFT_EVENT_TRANSFER,  /* node: leads instead, if it can. RAFT_NOT_LEADER, RAFT_BUSY … */
    RAFT_EVENT_CHANGE,    /* configuration: the target. RAFT_NOT_LEADER, RAFT_INVALID, RAFT_BUSY */
    RAFT_EVENT_RECOVER,   /* configuration: in force by hand, unsafe. RAFT_INVALID, RAFT_BUSY */
    RAFT_EVENT_READ,      /* begins a read of the view's commit and read_round */
    RAFT_EVENT_READ_ONLY, /* read_only; cannot fail */
    RAFT_EVENT_SNAPSHOT,  /* take one now. RAFT_BUSY */
    RAFT_EVENT_RETRY,     /* what was refused may be tried again; cannot fail */
    RAFT_EVENT_STATE_PERSISTED,   /* sequence; cannot fail, like all that follow */
    RAFT_EVENT_STATE_REFUSED,     /* the write was not started */
    RAFT_EVENT_ENTRIES_PERSISTED, /* id, generation */
    RAFT_EVENT_ENTRIES_REFUSED,   /* the write was not started */
    RAFT_EVENT_ENTRIES_FAILED,    /* status; the file is as before the write */
    RAFT_EVENT_TRUNCATED,         /* the cut is durable */
    RAFT_EVENT_TRUNCATE_REFUSED,  /* the cut was not started */
    RAFT_EVENT_PROBED,            /* status: whether the disk takes writes again */
    RAFT_EVENT_COMPACTED,         /* segments before the base are gone */
    RAFT_EVENT_COMPACT_REFUSED,
    RAFT_EVENT_RESET, /* the log begins behind the snapshot, durably */
    RAFT_EVENT_RESET_REFUSED,
    RAFT_EVENT_REPAIRED,       /* id; status: the record is rewritten, or as it was; RAFT_CORRUPT:
                                * it cannot be rewritten with that entry */
    RAFT_EVENT_LOADED,         /* entries, entry_count (taken, held as LOADING); status:
                                * RAFT_CORRUPT (id.index: cannot be read), or not done */
    RAFT_EVENT_SNAPSHOT_SAVED, /* status; snapshot */
    RAFT_EVENT_SNAPSHOT_RECEIVED, /* status (REFUSED: RAFT_BUSY); offset; last piece: snapshot */
    RAFT_EVENT_SNAPSHOT_FETCHED,  /* status; snapshot, offset, bytes (taken), size */
    RAFT_EVENT_RESTORED,      /* status: the state machine has the published snapshot's state, or
                               * could not begin to take it */
    RAFT_EVENT_APPLIED,       /* id.index: applied up to here */
    RAFT_EVENT_APPLY_REFUSED, /* the batch was not taken */
    RAFT_EVENT_READY,         /* emit the next effect. RAFT_NOMEM; RAFT_COLD: by a fault only */
    RAFT_EVENT_TYPE_COUNT
};

struct raft_event {
    enum raft_event_type type;
    raft_time now_ns;
    struct raft_message *message;
    struct raft_entry *entry;
    enum raft_timer timer;
    enum raft_status status;
    struct raft_entry_id id;
    uint64_t generation;
    uint64_t sequence;
    raft_node_id node;
    const struct raft_configuration *configuration; /* borrowed */
    bool read_only;
    struct raft_snapshot snapshot;
    uint64_t offset;
    uint8_t *bytes;
    uint32_t size;
    struct raft_entry **entries;
    uint32_t entry_count;
};

enum raft_effect_type {
    RAFT_EFFECT_NONE,            /* nothing is due */
    RAFT_EFFECT_AGAIN,           /* the machine has moved on by itself: ask again */
    RAFT_EFFECT_SET_TIMER,       /* timer, deadline_ns */
    RAFT_EFFECT_PERSIST_STATE,   /* state; answered by STATE_* */
    RAFT_EFFECT_PERSIST_ENTRIES, /* [first, last], generation; answered by ENTRIES_* */
    RAFT_EFFECT_TRUNCATE,        /* behind last, generation; answered by TRUNCAT* */
    RAFT_EFFECT_PROBE,           /* try whether the disk has space; answered by PROBED */
    RAFT_EFFECT_COMPACT,         /* last: the log's new base; answered by COMPACT* */
    RAFT_EFFECT_RESET,           /* last, generation; answered by RESET* */
    RAFT_EFFECT_REPAIR,          /* last: rewrite its record; answered by REPAIRED */
    RAFT_EFFECT_LOAD,            /* [first, last], or its beginning: read it; answered by LOADED */
    RAFT_EFFECT_SAVE,            /* snapshot; answered by SNAPSHOT_SAVED */
    RAFT_EFFECT_RECEIVE,         /* snapshot.id, offset, snapshot.size, bytes (owned), size;
                                    answered by SNAPSHOT_RECEIVED */
    RAFT_EFFECT_FETCH,           /* node, snapshot.id, offset, frame_only (without the state, for a
                                    witness); answered by SNAPSHOT_FETCHED */
    RAFT_EFFECT_RESTORE,         /* put the published snapshot into the machine; RESTORED */
    RAFT_EFFECT_SEND,            /* message: the receiver of the effect owns it; after */
    RAFT_EFFECT_APPLY,           /* entries, entry_count, held as APPLY; answered by APPL* */
    RAFT_EFFECT_READS,           /* round: a majority has confirmed the reads up to it */
    RAFT_EFFECT_CHANGED,         /* a change is over; status: OK, committed at last; BUSY: given up
                                    while catching up; LOST: leadership is */
    RAFT_EFFECT_COMPLETE,        /* status: OK up to last, or LOST for all that are pending */
    RAFT_EFFECT_TYPE_COUNT
};

struct raft_effect {
    enum raft_effect_type type;
    enum raft_timer timer;
    raft_time deadline_ns;
    struct raft_hard_state state;
    raft_index first;
    struct raft_entry_id last;
    uint64_t generation;
    enum raft_status status;
    uint64_t round;
    struct raft_message message;
    struct raft_entry **entries; /* freed with raft_effect_release */
    uint32_t entry_count;
    raft_node_id node;
    struct raft_snapshot snapshot;
    bool frame_only;
    uint64_t offset;
    uint8_t *bytes; /* freed with raft_effect_release */
    uint32_t size;
    /* What must be durable before this may happen: the hard state's sequence (0: none) and the log
     * up to an index (0: none). */
    uint64_t after_sequence;
    raft_index after_index;
};

/* Gives back what an effect still owns. Safe to repeat. */
void raft_effect_release(const struct raft_memory *memory, struct raft_effect *effect);

enum raft_progress_state { RAFT_PROBE, RAFT_REPLICATE, RAFT_INSTALL };

/* A leader's view of one follower. */
struct raft_progress_view {
    raft_node_id id;
    enum raft_progress_state state;
    raft_index match;
    raft_index next;
    uint32_t inflight; /* messages */
    uint64_t offset;   /* INSTALL: bytes of the snapshot that the follower has */
    bool read_only;
};

struct raft;

/* Creates the machine. Borrows log and memory for its life. RAFT_NOMEM, RAFT_INVALID. */
RAFT_MUST_CHECK enum raft_status raft_create(const struct raft_options *options,
                                             const struct raft_memory *memory, struct raft_log *log,
                                             struct raft **out_raft);
/* Begins as a follower, with the log, the hard state and the snapshot that were loaded; the state
 * machine has the snapshot's state. snapshot may be NULL: none. A log that begins behind the
 * snapshot leaves the state machine blank. Cannot fail. */
void raft_begin(struct raft *raft, const struct raft_hard_state *state,
                const struct raft_snapshot *snapshot, raft_time now_ns);
void raft_destroy(struct raft *raft); /* NULL is nothing */

/* The statuses are listed with the events. effect is set by READY alone, otherwise NONE. */
RAFT_MUST_CHECK enum raft_status raft_step(struct raft *raft, const struct raft_event *event,
                                           struct raft_effect *effect);

/* Whether something waits for a RETRY event. */
bool raft_wants_retry(const struct raft *raft);
/* Whether the node must fail when the record of an entry cannot be rewritten (REPAIR,
 * RAFT_CORRUPT): the log still has it and it is not applied, so that no snapshot of this node makes
 * up for it. */
bool raft_repair_is_vital(const struct raft *raft, struct raft_entry_id id);

/* A read-only view; costs nothing when unused. */
struct raft_view {
    raft_node_id id;
    enum raft_role role;
    enum raft_condition condition;
    bool read_only;
    raft_node_id leader;          /* whom this node takes for the leader, or RAFT_NODE_NONE */
    raft_node_id transfer_target; /* who is to lead instead, or RAFT_NODE_NONE */
    struct raft_configuration configuration; /* in force: the last one in the log, committed or not
                                              */
    raft_index configuration_index; /* of its entry, or where the one before the log belongs */
    bool configuration_committed;
    bool configuration_by_hand; /* set by RECOVER, and not in the log yet */
    uint8_t member_flags;       /* this node's in it (enum raft_member_flag), 0: not a member */
    enum raft_change change;    /* of a leader */
    struct raft_hard_state state;
    uint64_t state_durable; /* sequence that is durable */
    raft_index commit;
    raft_index applied;
    uint64_t read_round; /* that the read which was begun last waits for */
    struct raft_entry_id base;
    struct raft_entry_id snapshot; /* the published one */
    bool is_blank;                 /* the state machine lacks what lies before the base */
    bool is_installing;            /* a follower that receives one, or puts one in place */
    struct raft_entry_id last;
    struct raft_entry_id durable; /* before the first damaged entry */
    raft_index first_damaged;     /* 0: none */
    uint64_t log_generation;
    raft_index truncated_to;
    raft_index cold;   /* entries up to here have left memory */
    uint64_t log_size; /* bytes of those that the log has in memory */
    /* What the node holds, for the ledger; entries by holder and other things it owns. */
    uint32_t entries_log;
    uint32_t entries_loading;
    uint32_t entries_storage;
    uint32_t entries_apply;
    uint32_t requests;
    uint32_t reads;
};

/* Fills all but entries_storage, requests and reads, which are the replica's. */
void raft_get_view(const struct raft *raft, struct raft_view *out_view);
/* False when the node does not lead or peer is unknown. */
bool raft_get_progress(const struct raft *raft, raft_node_id peer,
                       struct raft_progress_view *out_view);

/* NULL, or the number and the sentence of the invariant that does not hold (see raft.c). */
const char *raft_invariant_broken(const struct raft *raft);

#endif
