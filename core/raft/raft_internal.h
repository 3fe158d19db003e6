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

/* Who a peer is to this node; members.c explains. */
enum raft_peer_kind {
    RAFT_PEER_STRANGER,
    RAFT_PEER_MEMBER,
    RAFT_PEER_ADDED,
    RAFT_PEER_REMOVED,
};

#define RAFT_STRANGERS_MAX 4u
#define RAFT_PEERS_MAX     (RAFT_MEMBERS_MAX + RAFT_STRANGERS_MAX)
#define RAFT_MEMBER_NONE   UINT32_MAX

struct raft_peer {
    raft_node_id id;
    enum raft_peer_kind kind;
    uint32_t member; /* its place in the configuration in force, or RAFT_MEMBER_NONE */
    bool is_witness; /* as a member, or as the one that it is to be; of one removed: that it was */
    /* What this node owes it. */
    struct raft_reply prevote_reply;
    struct raft_reply vote_reply;
    struct raft_reply append_reply;
    struct raft_reply install_reply;
    struct raft_reply repair_reply; /* id: of the entry that it asked for */
    bool repair_due;                /* it is to be asked for the first damaged entry */
    bool question_due;              /* it leads, and is to be asked how far its log reaches */
    bool answer_due;                /* it has asked that, with this number */
    uint64_t answer;
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
    bool is_uncounted;  /* it is in quarantine: part of no majority */
    raft_index
        blank_base; /* its state machine needs a snapshot that reaches so far; 0: it does not */
    bool append_due;
    bool heartbeat_due;
    /* A voter that is to be added: its round of catching up. */
    bool catching_up;
    raft_index round_end;
    raft_time round_began_ns;
    uint32_t rounds; /* begun */
    /* INSTALL: the snapshot that it is sent when it has its turn. */
    bool install_live;               /* it has its turn */
    struct raft_entry_id install_id; /* of that snapshot */
    uint64_t install_offset;         /* bytes of the file that it has */
    raft_time install_heard_ns;      /* when it answered last, or got its turn */
    uint64_t install_furthest;       /* the furthest that install_offset was */
    raft_time install_moved_ns;      /* when that grew, or it got its turn */
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

/* Cold entries that were read last, a window for whoever lags; warm.c explains. */
struct raft_warm {
    struct raft_entry **entries; /* in a row, held as LOADING; owned */
    uint32_t count;
    bool busy;         /* entries are being read */
    bool blocked;      /* that was refused or failed; wait for RETRY */
    raft_index first;  /* of what is being read */
    raft_index failed; /* could not be read; 0: none */
    uint32_t failures; /* in a row, of that one, if there is one */
    uint32_t cursor;   /* which peer is looked at first, so that none starves another */
};

/* Rounds whose beginning a leader remembers; an older one gives no lease. */
#define RAFT_ROUNDS_MAX 64u

struct raft {
    struct raft_options options;
    const struct raft_memory *memory;
    struct raft_log *log;
    uint64_t random; /* state of the node's own stream */
    raft_time now_ns;
    bool is_witness; /* this node's store is one of a witness */

    enum raft_role role;
    bool disk_full; /* the disk took no entries; raft_condition() has the whole answer */
    bool read_only;
    raft_node_id leader;
    raft_time leader_heard_ns; /* when a leader of the current term was last heard; with leases, of
                                * any term */
    bool leader_heard;
    struct raft_hard_state state;
    uint64_t state_durable;
    bool state_busy;    /* a write of the hard state is under way */
    bool state_blocked; /* it was refused; wait for RETRY */

    struct raft_configuration configuration;      /* in force */
    raft_index configuration_index;               /* of its entry, or base_configuration_index */
    bool configuration_by_hand;                   /* not in the log yet: it has no index */
    struct raft_configuration base_configuration; /* of the log up to base */
    raft_index base_configuration_index;
    uint32_t own_member; /* this node's place in it, or RAFT_MEMBER_NONE */

    struct raft_peer peers[RAFT_PEERS_MAX];
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
    bool has_yielded;           /* follower: to voters of higher priority, one timeout long */

    /* Leader: the change of the configuration that is under way. */
    enum raft_change change;
    struct raft_configuration target;
    raft_time catch_up_deadline_ns;
    bool configuration_due; /* the next configuration is to be appended */
    bool changed_due;       /* the end of a change is to be reported */
    enum raft_status changed_status;

    /* Leader: rounds of reads begun and confirmed by a majority. Follower: read_round is the
     * leader's, to be echoed. */
    uint64_t read_round;
    uint64_t read_confirmed;
    bool round_due;       /* reads wait for the next round */
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
    raft_index truncating_to;  /* of the TRUNCATE under way */
    bool probe_due;            /* disk_full: try the disk */
    raft_time repair_asked_ns; /* when a leader was last asked for a damaged entry */
    bool compact_due;          /* segments at or before the base are to go */

    /* Losses (loss.c): the number that this start asks leaders with, when it did last, and what the
     * leader of a term has answered. */
    uint64_t question;
    raft_time question_asked_ns;
    raft_term answered_term; /* 0: none */
    raft_index answered_index;
    bool is_blank; /* the state machine lacks what lies before the base of the log */

    struct raft_snapshot snapshot; /* the published one */
    bool snapshot_is_bad;          /* its file could not be read: it needs a successor */
    uint32_t snapshot_losses;      /* such in a row (install.c) */
    raft_time snapshot_lost_ns;    /* when the last one was found to be so */
    bool save_due;                 /* one was asked for */
    bool save_busy;                /* one is being written */
    bool save_blocked;             /* that was refused or failed; wait for RETRY */
    struct raft_receive receive;

    bool fetch_busy;    /* the published snapshot is read, for a follower or for this node */
    bool fetch_blocked; /* that was refused; wait for RETRY */
    struct raft_fetched fetched;
    uint32_t fetch_cursor; /* which peer is looked at first, so that none starves another */

    struct raft_warm warm;
};

/* members.c. What rebuilds the peers moves them: no pointer to one outlives it. */
struct raft_peer *raft_peer_find(struct raft *raft, raft_node_id id);
/* The peer, as a stranger if need be, or NULL: too many strangers wait for an answer. */
struct raft_peer *raft_peer_take(struct raft *raft, raft_node_id id);
/* Makes the peers those of the configuration in force and of the change under way. */
void raft_peers_rebuild(struct raft *raft);
/* Sets the base configuration, which holds at the base of the log. */
void raft_members_base(struct raft *raft, const struct raft_configuration *configuration,
                       raft_index index);
/* The configuration that holds at an index at or behind the base: of the last entry with one up to
 * there, or the base one. */
void raft_members_at(const struct raft *raft, raft_index index,
                     struct raft_configuration *out_configuration, raft_index *out_index);
/* Puts the configuration of an entry of the log in force; rebuilds the peers. */
void raft_members_adopt(struct raft *raft, const struct raft_entry *entry);
/* Puts the last one in the log in force; rebuilds the peers. */
void raft_members_restore(struct raft *raft);
/* The log may have lost the one in force; if so, rebuilds the peers. */
void raft_members_truncated(struct raft *raft);
/* Puts one in force that is not in the log; rebuilds the peers. */
void raft_members_by_hand(struct raft *raft, const struct raft_configuration *configuration);
/* Of enum raft_member_flag; 0: not a member of the configuration in force. */
uint32_t raft_own_flags(const struct raft *raft);
uint32_t raft_peer_flags(const struct raft *raft, const struct raft_peer *peer);
/* The greatest value that a majority of every side has reached; own is this node's. Nodes in
 * quarantine have reached none. */
uint64_t raft_agreed(const struct raft *raft, uint64_t own,
                     uint64_t (*value)(const struct raft_peer *peer));

#define RAFT_MEMBER_VOTES ((uint32_t)RAFT_MEMBER_VOTER | RAFT_MEMBER_OUTGOING)

static inline bool raft_member_is_witness(const struct raft_member *member)
{
    return (member->flags & RAFT_MEMBER_WITNESS) != 0;
}

/* What an append or a piece of a snapshot for the peer says of it. */
static inline uint32_t raft_peer_message_flags(const struct raft_peer *peer)
{
    return peer->is_witness ? RAFT_FLAG_WITNESS : 0;
}

/* Whether an answer comes from what the peer is to this node. One from before it was removed may
 * arrive when somebody wants to have it back as something else. */
static inline bool raft_is_of_this_kind(const struct raft_peer *peer,
                                        const struct raft_message *message)
{
    return ((message->flags & RAFT_FLAG_WITNESS) != 0) == peer->is_witness;
}

/* Whether the sender of an append or of a piece takes this node for what it is. */
static inline bool raft_is_for_this_kind(const struct raft *raft,
                                         const struct raft_message *message)
{
    return ((message->flags & RAFT_FLAG_WITNESS) != 0) == raft->is_witness;
}

static inline bool raft_member_could_lead(const struct raft_member *member)
{
    return (member->flags & RAFT_MEMBER_VOTER) != 0 && !raft_member_is_witness(member);
}

/* Whether the configuration in force lets this node campaign; or the one before it, as long as the
 * one in force is not known to be committed: nobody else may have it (dissertation §4.2.2). */
bool raft_may_campaign(const struct raft *raft);

/* change.c: the leader's side of a change of the configuration */
enum raft_status raft_change_begin(struct raft *raft, const struct raft_configuration *target);
enum raft_status raft_change_recover(struct raft *raft, const struct raft_configuration *target);
/* A new leader goes on with what is in the log; one that steps down leaves it there. */
void raft_change_resume(struct raft *raft);
void raft_change_stop(struct raft *raft);
/* Gives up what takes too long, and forgets whom a change has removed; rebuilds the peers. */
void raft_change_on_heartbeat(struct raft *raft);
/* For READY: moves on as far as the log allows, and returns whether it has; may step down. */
bool raft_change_advance(struct raft *raft);
/* For READY: the end of a change. */
bool raft_change_report(struct raft *raft, struct raft_effect *effect);
/* For READY: appends the configuration that is due. RAFT_NOMEM. */
enum raft_status raft_change_append(struct raft *raft, struct raft_effect *effect);

/* election.c */
/* The next number of the node's own random stream. */
uint64_t raft_draw(struct raft *raft);
void raft_election_timer_reset(struct raft *raft);
/* Adopts a term (not before the current one) as a follower of leader, or of nobody yet. */
void raft_become_follower(struct raft *raft, raft_term term, raft_node_id leader);
void raft_become_leader(struct raft *raft);
enum raft_status raft_campaign(struct raft *raft, bool forced);
enum raft_status raft_campaign_on_request(struct raft *raft);
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
struct raft_peer *raft_hear_leader(struct raft *raft, struct raft_peer *peer,
                                   const struct raft_message *message);
enum raft_status raft_on_append_req(struct raft *raft, struct raft_peer *peer,
                                    const struct raft_message *message);
/* Whether the entries of a message are such as this node may have: configurations can be read, and
 * commands are without a payload just if this is a witness. */
bool raft_can_hold(const struct raft *raft, const struct raft_message *message);
/* What is durable has grown: owes the leader an answer. */
void raft_acknowledge(struct raft *raft);

/* replication.c: the leader's side */
enum raft_status raft_on_append_rep(struct raft *raft, struct raft_peer *peer,
                                    const struct raft_message *message);
enum raft_status raft_on_heartbeat_timeout(struct raft *raft);
/* A leader knows nothing of the peer yet. */
void raft_progress_reset(struct raft *raft, struct raft_peer *peer);
enum raft_status raft_propose(struct raft *raft, struct raft_entry *entry);
void raft_advance_commit(struct raft *raft);
/* The next append probes the position before next, or before what matched and what is compacted. */
void raft_become_probe(struct raft *raft, struct raft_peer *peer, raft_index next);
/* Whether there is an append or heartbeat to send to a peer now. */
bool raft_replication_is_due(const struct raft *raft, const struct raft_peer *peer);
enum raft_status raft_replication_send(struct raft *raft, struct raft_peer *peer,
                                       struct raft_effect *effect);
/* Whether a peer could be sent entries, but for their having left memory. */
bool raft_replication_waits(const struct raft *raft, const struct raft_peer *peer);

/* warm.c */
/* Whether an entry has left memory and is not in the window. */
bool raft_warm_lacks(const struct raft *raft, raft_index index);
/* The entry at an index that has left the log's ring, with a reference of holder, or NULL. */
struct raft_entry *raft_warm_get_at(const struct raft *raft, raft_index index,
                                    enum raft_holder holder, const char *site);
#define raft_warm_get(raft, index, holder) raft_warm_get_at(raft, index, holder, RAFT_SITE)
/* For READY: gives a window back that nobody needs, and asks for what somebody does. */
bool raft_warm_load(struct raft *raft, struct raft_effect *effect);
void raft_on_loaded(struct raft *raft, const struct raft_event *event);
void raft_warm_release(struct raft *raft);

/* repair.c */
/* What this node may do; never FAILED, which the replica alone knows. */
enum raft_condition raft_condition(const struct raft *raft);
/* The first damaged entry that nobody has sent yet; UINT64_MAX: none. */
raft_index raft_repair_missing(const struct raft *raft);
/* Asks everybody for the first damaged entry; or the leader that was just heard, now and then. */
void raft_repair_ask_all(struct raft *raft);
void raft_repair_ask_leader(struct raft *raft, struct raft_peer *leader);
/* An entry that has left memory cannot be read any more. */
void raft_repair_lost(struct raft *raft, raft_index index);
/* Puts an entry in the place of a damaged one, if there is one of its id; rebuilds the peers if it
 * is a configuration. Returns whether it did. */
bool raft_repair_take(struct raft *raft, struct raft_entry *entry);
enum raft_status raft_on_repair_req(struct raft *raft, struct raft_peer *peer,
                                    const struct raft_message *message);
enum raft_status raft_on_repair_rep(struct raft *raft, const struct raft_message *message);
void raft_on_repaired(struct raft *raft, const struct raft_event *event);
/* For READY: the questions. */
bool raft_repair_speak(struct raft *raft, struct raft_effect *effect);
/* For READY: sends an entry that somebody asked for. RAFT_NOMEM. */
enum raft_status raft_repair_send(struct raft *raft, struct raft_effect *effect);

/* loss.c */
/* Entries are lost: the number is that of this start's questions. */
void raft_loss_begin(struct raft *raft, uint64_t number);
bool raft_loss_is_quarantine(const struct raft *raft);
bool raft_loss_may_vote(const struct raft *raft);
/* What an answer to a leader's append or piece says of this node's losses. */
uint32_t raft_loss_flags(const struct raft *raft, enum raft_message_type type);
/* Asks the leader that was just heard how far its log reaches, now and then. */
void raft_loss_ask_leader(struct raft *raft, struct raft_peer *leader);
enum raft_status raft_loss_on_question(struct raft *raft, struct raft_peer *peer,
                                       const struct raft_message *message);
enum raft_status raft_loss_on_answer(struct raft *raft, const struct raft_peer *peer,
                                     const struct raft_message *message);
/* A leader takes note of the losses that an answer speaks of. */
void raft_loss_hear(struct raft *raft, struct raft_peer *peer, const struct raft_message *message);
/* Whether a follower's blank state machine waits for a snapshot that is still to be taken. */
bool raft_loss_needs_snapshot(const struct raft *raft);
/* For READY: the loss of entries may be over; questions and answers. */
bool raft_loss_advance(struct raft *raft);
bool raft_loss_speak(struct raft *raft, struct raft_effect *effect);

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
/* Whether a published snapshot that is lost, the last of several, has to wait for its successor. */
bool raft_install_pauses(const struct raft *raft);
void raft_install_heartbeat(struct raft *raft);
bool raft_install_fetch(struct raft *raft, struct raft_effect *effect);
bool raft_install_send(struct raft *raft, struct raft_effect *effect);
void raft_on_fetched(struct raft *raft, const struct raft_event *event);
enum raft_status raft_on_install_rep(struct raft *raft, struct raft_peer *peer,
                                     const struct raft_message *message);

/* ready.c */
enum raft_status raft_ready(struct raft *raft, struct raft_effect *effect);

#endif
