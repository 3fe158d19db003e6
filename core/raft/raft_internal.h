/* The consensus machine's own state, shared by the files of this folder. */
#ifndef RAFT_INTERNAL_H
#define RAFT_INTERNAL_H

#include <raft/raft.h>

enum raft_ballot { RAFT_BALLOT_NONE, RAFT_BALLOT_GRANTED, RAFT_BALLOT_REFUSED };

/* An answer that is owed. A later answer of its kind takes its place: the network could have lost
 * the earlier one. */
struct raft_reply {
    bool due;
    uint32_t flags;
    raft_term term;
    struct raft_entry_id id;
    struct raft_entry_id hint;
    uint64_t offset;
    uint64_t total;
};

struct raft_peer {
    raft_node_id id;
    /* What this node owes it. */
    struct raft_reply prevote_reply;
    struct raft_reply vote_reply;
    struct raft_reply append_reply;
    struct raft_reply install_reply;
    /* A candidate's view of it. */
    enum raft_ballot ballot;
    bool ballot_due;      /* ask for it */
    bool timeout_now_due; /* it is to take over */
    /* A leader's view of it. */
    enum raft_progress_state state;
    raft_index match;
    raft_index next;
    raft_index inflight[RAFT_WINDOW_MAX]; /* ring: last index of each unanswered append */
    uint32_t inflight_first;
    uint32_t inflight_count;
    bool probe_sent;    /* PROBE: nothing more until an answer or the next heartbeat */
    uint64_t read_echo; /* the latest round of reads that it has echoed in this term */
    bool read_only;     /* it refuses user entries */
    bool active;        /* heard of since the last check of the quorum */
    bool append_due;
    bool heartbeat_due;
    /* INSTALL: the snapshot that it is sent when it has its turn. */
    bool install_live;               /* it has its turn */
    struct raft_entry_id install_id; /* of that snapshot */
    uint64_t install_offset;         /* bytes of the file that it has */
    raft_time install_heard_ns;      /* when it answered last, or got its turn */
    bool piece_due;                  /* the piece at install_offset is to be read and sent */
    raft_time piece_sent_ns;
};

/* A snapshot that comes from the leader; snapshot.c has the diagram. */
enum raft_receive_stage {
    RAFT_RECEIVE_NONE,
    RAFT_RECEIVING,
    RAFT_PUBLISHED,
    RAFT_RESTORING,
    RAFT_RESETTING,
};

struct raft_receive {
    enum raft_receive_stage stage;
    raft_node_id from;
    struct raft_entry_id id;
    uint64_t offset; /* where the piece that is due, under way or expected begins */
    uint64_t total;
    uint8_t *bytes; /* a piece that storage is to be given; owned */
    uint32_t size;  /* of that piece, also while it is written */
    bool busy;      /* storage writes a piece */
};

/* A piece of the published snapshot that was read last for a follower. */
struct raft_fetched {
    raft_node_id node;
    struct raft_entry_id id;
    uint64_t offset;
    uint64_t total;
    uint8_t *bytes; /* NULL: it is being read, or was sent; owned */
    uint32_t size;
};

/* Rounds whose beginning a leader remembers; an older one gives no lease. */
#define RAFT_ROUNDS_MAX 64u

struct raft {
    struct raft_options options;
    const struct raft_memory *memory;
    struct raft_log *log;
    uint64_t random; /* state of the node's own stream */
    raft_time now_ns;

    enum raft_role role;
    enum raft_condition condition;
    bool read_only;
    raft_node_id leader;
    raft_time leader_heard_ns; /* when a leader of the current term was last heard */
    bool leader_heard;
    struct raft_hard_state state;
    uint64_t state_durable;
    bool state_busy;    /* a write of the hard state is under way */
    bool state_blocked; /* it was refused; wait for RETRY */

    struct raft_peer peers[RAFT_VOTERS_MAX]; /* the other voters */
    uint32_t peer_count;
    uint32_t peer_cursor; /* where READY looks next, so that no peer starves another */
    enum raft_ballot own_ballot;

    raft_time election_deadline_ns;
    raft_time heartbeat_deadline_ns;
    raft_time timers_set[RAFT_TIMER_COUNT]; /* what the environment has been told */
    raft_time timers_due[RAFT_TIMER_COUNT]; /* what it is to be told */

    raft_index commit;
    raft_index applied;
    raft_index applying; /* handed to the state machine up to here; == applied: none out */
    bool apply_blocked;
    raft_index completed; /* COMPLETE has been emitted up to here */
    bool lost_due;        /* pending requests have lost their leader */
    bool noop_due;        /* a new leader's first entry is still to be appended */

    /* Leader: leadership is to go to this follower until the deadline. */
    raft_node_id transfer_target;
    raft_time transfer_deadline_ns;
    bool campaigns_by_transfer; /* candidate: the leader has asked for it */

    /* Leader: rounds of reads begun and confirmed by a majority. Follower: read_round is the
     * leader's, to be echoed. */
    uint64_t read_round;
    uint64_t read_confirmed;
    bool reads_due;       /* read_confirmed has grown */
    uint64_t read_ticket; /* the round that the read which was begun last waits for */
    raft_time
        round_began_ns[RAFT_ROUNDS_MAX]; /* of the latest rounds, by round % RAFT_ROUNDS_MAX */
    raft_time lease_until_ns;
    bool lease_is_given_up; /* somebody was told to campaign in this term */

    /* Follower: the log agrees with the current leader's up to here. */
    raft_index verified;

    bool storage_busy; /* a job of the log lane is under way */
    raft_time storage_busy_since_ns;
    bool storage_blocked;
    raft_index truncating_to; /* of the TRUNCATE under way */
    bool probe_due;           /* NOSPACE: try the disk */
    bool compact_due;         /* segments at or before the base are to go */

    /* In force at the published snapshot and since. */
    struct raft_configuration configuration;
    raft_index configuration_index;

    struct raft_snapshot snapshot; /* the published one */
    bool snapshot_is_bad;          /* its file could not be read: it needs a successor */
    bool save_due;                 /* one was asked for */
    bool save_busy;                /* one is being written */
    bool save_blocked;             /* that was refused or failed; wait for RETRY */
    struct raft_receive receive;

    bool fetch_busy;    /* the published snapshot is read, for a follower or for this node */
    bool fetch_blocked; /* that was refused; wait for RETRY */
    struct raft_fetched fetched;
    uint32_t fetch_cursor; /* which peer is looked at first, so that none starves another */
};

static inline uint32_t raft_quorum(const struct raft *raft)
{
    return raft->options.voter_count / 2 + 1;
}

struct raft_peer *raft_peer_find(struct raft *raft, raft_node_id id);
/* The quorum-th greatest of count values, which are reordered. */
uint64_t raft_quorum_value(uint64_t *values, uint32_t count, uint32_t quorum);

/* election.c */
void raft_election_timer_reset(struct raft *raft);
/* Adopts a term (not before the current one) as a follower of leader, or of nobody yet. */
void raft_become_follower(struct raft *raft, raft_term term, raft_node_id leader);
void raft_become_leader(struct raft *raft);
enum raft_status raft_campaign(struct raft *raft, bool forced);
enum raft_status raft_on_election_timeout(struct raft *raft);
enum raft_status raft_on_prevote_req(struct raft *raft, struct raft_peer *peer,
                                     const struct raft_message *message);
enum raft_status raft_on_prevote_rep(struct raft *raft, struct raft_peer *peer,
                                     const struct raft_message *message);
enum raft_status raft_on_vote_req(struct raft *raft, struct raft_peer *peer,
                                  const struct raft_message *message);
enum raft_status raft_on_vote_rep(struct raft *raft, struct raft_peer *peer,
                                  const struct raft_message *message);
void raft_count_ballots(struct raft *raft);

/* append.c: the follower's side */
/* A message of the leader of this term or of a later one: follows it. */
void raft_hear_leader(struct raft *raft, struct raft_peer *peer,
                      const struct raft_message *message);
enum raft_status raft_on_append_req(struct raft *raft, struct raft_peer *peer,
                                    const struct raft_message *message);
/* What is durable has grown: owes the leader an answer. */
void raft_acknowledge(struct raft *raft);

/* replication.c: the leader's side */
enum raft_status raft_on_append_rep(struct raft *raft, struct raft_peer *peer,
                                    const struct raft_message *message);
enum raft_status raft_on_heartbeat_timeout(struct raft *raft);
enum raft_status raft_propose(struct raft *raft, struct raft_entry *entry);
void raft_advance_commit(struct raft *raft);
/* The next append probes the position before next, or before what matched and what is compacted. */
void raft_become_probe(struct raft *raft, struct raft_peer *peer, raft_index next);
/* Whether there is an append or heartbeat to send to a peer now. */
bool raft_replication_is_due(const struct raft *raft, const struct raft_peer *peer);
enum raft_status raft_replication_send(struct raft *raft, struct raft_peer *peer,
                                       struct raft_effect *effect);

/* read.c */
enum raft_status raft_read_begin(struct raft *raft);
/* Begins a round; every later append carries it. */
void raft_round_begin(struct raft *raft);
/* Counts the echoes. */
void raft_read_confirm(struct raft *raft);

/* transfer.c */
enum raft_status raft_transfer_begin(struct raft *raft, raft_node_id target);
/* Tells the target when it has the whole log, and gives up at the deadline. */
void raft_transfer_advance(struct raft *raft);
void raft_transfer_end(struct raft *raft);
enum raft_status raft_on_timeout_now(struct raft *raft, const struct raft_peer *peer,
                                     const struct raft_message *message);

/* snapshot.c: own snapshots, and those that come */
enum raft_status raft_snapshot_request(struct raft *raft);
/* Moves the base of the log on as far as the published snapshot allows. */
void raft_compact(struct raft *raft);
void raft_on_saved(struct raft *raft, const struct raft_event *event);
/* Takes the piece out of the message if it is the next one. */
enum raft_status raft_on_install_req(struct raft *raft, struct raft_peer *peer,
                                     struct raft_message *message);
void raft_on_received(struct raft *raft, const struct raft_event *event);
void raft_on_restored(struct raft *raft, const struct raft_event *event);
/* Storage has emptied the log. */
void raft_on_reset(struct raft *raft);
/* Whether a snapshot of the current leader comes, or is put in place. */
bool raft_is_installing(const struct raft *raft);
/* Whether the state machine is about to be replaced: it is given nothing to apply. */
bool raft_is_restoring(const struct raft *raft);
bool raft_snapshot_ready(struct raft *raft, struct raft_effect *effect);

/* install.c: the leader's side */
/* A follower's log ends or differs before the base. */
void raft_install_begin(struct raft *raft, struct raft_peer *peer);
/* The peer is not sent a snapshot any more; also before it is removed. */
void raft_install_end(struct raft *raft, struct raft_peer *peer);
void raft_install_end_all(struct raft *raft);
/* The base has moved. */
void raft_install_compacted(struct raft *raft);
bool raft_install_is_live(const struct raft *raft);
void raft_install_heartbeat(struct raft *raft);
bool raft_install_fetch(struct raft *raft, struct raft_effect *effect);
bool raft_install_send(struct raft *raft, struct raft_effect *effect);
void raft_on_fetched(struct raft *raft, const struct raft_event *event);
enum raft_status raft_on_install_rep(struct raft *raft, struct raft_peer *peer,
                                     const struct raft_message *message);

/* ready.c */
enum raft_status raft_ready(struct raft *raft, struct raft_effect *effect);

#endif
