/* Elections: timers, pre-votes, votes, and the changes of role (Raft §5.2, §5.4.1; dissertation
 * §4.2.3, §6.4, §9.6).
 *
 * Invariants:
 *  1. A vote is given once a term, and changes with the term only.
 *  2. Ballots are kept per voter, so that a repeated answer counts once.
 *  3. Stepping down allocates nothing and cannot fail. */
#include "raft_internal.h"

#include <assert.h>

/* splitmix64 (Steele, Lea, Flood 2014). */
uint64_t raft_draw(struct raft *raft)
{
    raft->random += 0x9e3779b97f4a7c15u;
    uint64_t z = raft->random;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static void election_timer_set(struct raft *raft, raft_time deadline_ns)
{
    raft->election_deadline_ns = deadline_ns;
    /* An earlier timer fires in vain and is set again then; only a later one must be moved. */
    if (raft->timers_set[RAFT_TIMER_ELECTION] > deadline_ns) {
        raft->timers_due[RAFT_TIMER_ELECTION] = deadline_ns;
    }
}

void raft_election_timer_reset(struct raft *raft)
{
    raft_time spread = raft->options.election_ns_max - raft->options.election_ns_min;
    raft_time timeout = raft->options.election_ns_min + raft_draw(raft) % spread;
    raft->has_yielded = false;
    election_timer_set(raft, raft->now_ns + timeout);
}

/* Whether another voter should lead rather than this node. */
static bool has_preferred(const struct raft *raft)
{
    const struct raft_configuration *configuration = &raft->configuration;
    uint32_t own = raft->own_member;
    for (uint32_t i = 0; own != RAFT_MEMBER_NONE && i < configuration->count; i++) {
        const struct raft_member *member = &configuration->members[i];
        if (raft_member_could_lead(member) &&
            member->priority > configuration->members[own].priority) {
            return true;
        }
    }
    return false;
}

static void state_change(struct raft *raft, raft_term term, raft_node_id vote)
{
    assert(term > raft->state.term || (term == raft->state.term && raft->state.vote == 0));
    if (term > raft->state.term) {
        /* Rounds of reads are counted by the leader of a term. */
        raft->read_round = 0;
    }
    raft->state.term = term;
    raft->state.vote = vote;
    raft->state.sequence++;
    /* Answers of the past are not given any more: they would speak for a term that is over. */
    for (uint32_t i = 0; i < raft->peer_count; i++) {
        raft->peers[i].prevote_reply.due = false;
        raft->peers[i].vote_reply.due = false;
        raft->peers[i].append_reply.due = false;
        raft->peers[i].timeout_now_due = false;
        raft->peers[i].install_reply.due = false;
    }
}

static void leave_role(struct raft *raft)
{
    if (raft->role == RAFT_LEADER) {
        raft->lost_due = true;
        raft->noop_due = false;
        raft->heartbeat_deadline_ns = RAFT_TIME_NEVER;
        raft->timers_due[RAFT_TIMER_HEARTBEAT] = RAFT_TIME_NEVER;
        raft_change_stop(raft);
    }
    for (uint32_t i = 0; i < raft->peer_count; i++) {
        struct raft_peer *peer = &raft->peers[i];
        peer->append_due = false;
        peer->heartbeat_due = false;
        peer->ballot = RAFT_BALLOT_NONE;
        peer->ballot_due = false;
        peer->is_uncounted = false;
        peer->blank_base = 0;
    }
    raft->own_ballot = RAFT_BALLOT_NONE;
    raft->campaigns_by_transfer = false;
    raft_transfer_end(raft);
    raft_install_end_all(raft);
}

void raft_become_follower(struct raft *raft, raft_term term, raft_node_id leader)
{
    assert(term >= raft->state.term);
    bool is_news = term > raft->state.term || raft->role != RAFT_FOLLOWER;
    if (raft->role != RAFT_FOLLOWER) {
        /* A later term alone does not put a follower's own campaign off: only a leader that is
         * heard and a vote that is given do. */
        leave_role(raft);
        raft->role = RAFT_FOLLOWER;
        raft_election_timer_reset(raft);
    }
    if (term > raft->state.term) {
        state_change(raft, term, RAFT_NODE_NONE);
        /* A later term, learned from somebody's answer, takes no time off the lease of the leader
         * that was heard before (read.c). */
        raft->leader_heard = raft->leader_heard && raft->options.lease_reads;
    }
    if (is_news || leader != raft->leader) {
        raft->verified = 0;
    }
    raft->leader = leader;
    assert(raft->role == RAFT_FOLLOWER);
}

void raft_become_leader(struct raft *raft)
{
    assert(raft->role == RAFT_CANDIDATE);
    assert(raft->state.vote == raft->options.id);
    leave_role(raft);
    raft->role = RAFT_LEADER;
    raft->leader = raft->options.id;
    raft->noop_due = true;
    raft->read_round = 0;
    raft->read_confirmed = 0;
    raft->round_due = false;
    raft->reads_due = false;
    raft->read_ticket = 0;
    raft->lease_until_ns = 0;
    raft->lease_is_given_up = false;
    for (uint32_t i = 0; i < raft->peer_count; i++) {
        raft_progress_reset(raft, &raft->peers[i]);
    }
    raft_change_resume(raft);
    raft->heartbeat_deadline_ns = raft->now_ns + raft->options.heartbeat_ns;
    raft->timers_due[RAFT_TIMER_HEARTBEAT] = raft->heartbeat_deadline_ns;
    election_timer_set(raft, raft->now_ns + raft->options.election_ns_min);
}

/* Asks everybody, for real or not; grants itself a pre-vote at once, and a vote when the hard state
 * is durable. */
static void ask_for_ballots(struct raft *raft, enum raft_role role)
{
    leave_role(raft);
    raft->role = role;
    raft->leader = RAFT_NODE_NONE;
    for (uint32_t i = 0; i < raft->peer_count; i++) {
        struct raft_peer *peer = &raft->peers[i];
        peer->ballot_due = (raft_peer_flags(raft, peer) & RAFT_MEMBER_VOTES) != 0;
    }
    raft_election_timer_reset(raft);
}

static void become_candidate(struct raft *raft)
{
    state_change(raft, raft->state.term + 1, raft->options.id);
    ask_for_ballots(raft, RAFT_CANDIDATE);
    raft->verified = 0;
}

static bool disk_is_stalled(const struct raft *raft)
{
    return raft->storage_busy &&
           raft->now_ns - raft->storage_busy_since_ns >= raft->options.election_ns_min;
}

enum raft_status raft_campaign(struct raft *raft, bool forced)
{
    if (raft_exit_taken(raft->memory, RAFT_AT_ELECTION_CAMPAIGN_REFUSED,
                        raft->role == RAFT_LEADER || raft_condition(raft) != RAFT_RUNNING ||
                            !raft_may_campaign(raft) || disk_is_stalled(raft))) {
        return RAFT_BUSY;
    }
    /* Nothing below can fail. */
    if (forced || !raft->options.pre_vote) {
        become_candidate(raft);
    } else {
        ask_for_ballots(raft, RAFT_PRECANDIDATE);
        raft->own_ballot = RAFT_BALLOT_GRANTED;
        raft_count_ballots(raft);
    }
    return RAFT_OK;
}

static uint64_t active_of(const struct raft_peer *peer)
{
    return peer->active;
}

/* A leader that has not heard of a majority for the shortest election timeout steps down
 * (dissertation §6.2). */
static bool quorum_is_lost(struct raft *raft)
{
    bool is_lost = raft_agreed(raft, 1, active_of) == 0;
    for (uint32_t i = 0; i < raft->peer_count; i++) {
        raft->peers[i].active = false;
    }
    return raft->options.check_quorum && is_lost;
}

enum raft_status raft_on_election_timeout(struct raft *raft)
{
    if (raft->role != RAFT_LEADER) {
        raft_repair_ask_all(raft);
        /* A preferred voter gets one more timeout to come first, and no more: preference must not
         * stand in the way of having a leader. */
        if (raft_exit_taken(raft->memory, RAFT_AT_ELECTION_TIMEOUT_YIELD,
                            raft->role == RAFT_FOLLOWER && !raft->has_yielded &&
                                has_preferred(raft))) {
            raft_election_timer_reset(raft);
            raft->has_yielded = true;
            return RAFT_OK;
        }
        if (raft_campaign(raft, false) != RAFT_OK) {
            /* It may not campaign now; another timeout later it may. */
            raft_election_timer_reset(raft);
        }
        return RAFT_OK;
    }
    if (raft_exit_taken(raft->memory, RAFT_AT_LEADER_QUORUM_LOST, quorum_is_lost(raft))) {
        raft_become_follower(raft, raft->state.term, RAFT_NODE_NONE);
        return RAFT_OK;
    }
    raft->election_deadline_ns = raft->now_ns + raft->options.election_ns_min;
    raft->timers_due[RAFT_TIMER_ELECTION] = raft->election_deadline_ns;
    return RAFT_OK;
}

static bool leader_is_alive(const struct raft *raft)
{
    return raft->role == RAFT_LEADER ||
           (raft->leader_heard &&
            raft->now_ns - raft->leader_heard_ns < raft->options.election_ns_min);
}

enum raft_status raft_campaign_on_request(struct raft *raft)
{
    /* A candidate votes for itself, and a leader's lease may rest on its not doing so. Only the
     * leader may ask for that: it has given its lease up (TIMEOUT_NOW). */
    if (raft_exit_taken(raft->memory, RAFT_AT_ELECTION_CAMPAIGN_LEASED,
                        raft->options.lease_reads && leader_is_alive(raft))) {
        return RAFT_BUSY;
    }
    return raft_campaign(raft, true);
}

/* Raft §5.4.1: the later term wins, then the longer log. */
static bool is_up_to_date(const struct raft *raft, struct raft_entry_id theirs)
{
    struct raft_entry_id ours = raft_log_last(raft->log);
    return theirs.term > ours.term || (theirs.term == ours.term && theirs.index >= ours.index);
}

enum raft_status raft_on_prevote_req(struct raft *raft, struct raft_peer *peer,
                                     const struct raft_message *message)
{
    bool granted = message->term > raft->state.term && is_up_to_date(raft, message->id) &&
                   !leader_is_alive(raft) && raft_loss_may_vote(raft);
    if (raft_exit_taken(raft->memory, RAFT_AT_PREVOTE_REQUEST_REFUSED, !granted)) {
        granted = false;
    }
    peer->prevote_reply = (struct raft_reply){
        .due = true,
        .flags = granted ? RAFT_FLAG_SUCCESS : 0,
        .term = granted ? message->term : raft->state.term,
    };
    return RAFT_OK;
}

enum raft_status raft_on_prevote_rep(struct raft *raft, struct raft_peer *peer,
                                     const struct raft_message *message)
{
    bool granted = (message->flags & RAFT_FLAG_SUCCESS) != 0;
    if (!granted && message->term > raft->state.term) {
        /* The voter knows a later term. Asking again at once, in that term, keeps a node that is
         * behind from chasing a campaign that cannot win and goes on raising the term. */
        bool asks_again = raft->role == RAFT_PRECANDIDATE;
        raft_become_follower(raft, message->term, RAFT_NODE_NONE);
        if (asks_again && raft_campaign(raft, false) != RAFT_OK) {
            raft_election_timer_reset(raft);
        }
        return RAFT_OK;
    }
    if (raft_exit_taken(raft->memory, RAFT_AT_PREVOTE_REPLY_STALE,
                        raft->role != RAFT_PRECANDIDATE ||
                            (granted && message->term != raft->state.term + 1))) {
        return RAFT_STALE;
    }
    peer->ballot = granted ? RAFT_BALLOT_GRANTED : RAFT_BALLOT_REFUSED;
    raft_count_ballots(raft);
    return RAFT_OK;
}

/* Whether the vote of the current term is still to be had. A node may have learned the term within
 * the lease of an earlier one's leader; then only a candidate for which that leader gave its lease
 * up has it. */
static bool may_vote_for(const struct raft *raft, raft_node_id candidate, bool by_transfer)
{
    if (raft->state.vote != RAFT_NODE_NONE) {
        return raft->state.vote == candidate;
    }
    return by_transfer || !raft->options.lease_reads || !leader_is_alive(raft);
}

enum raft_status raft_on_vote_req(struct raft *raft, struct raft_peer *peer,
                                  const struct raft_message *message)
{
    bool by_transfer = (message->flags & RAFT_FLAG_TRANSFER) != 0;
    if (raft_exit_taken(raft->memory, RAFT_AT_VOTE_REQUEST_LEADER_ALIVE,
                        raft->options.check_quorum && message->term > raft->state.term &&
                            !by_transfer && leader_is_alive(raft))) {
        return RAFT_BUSY;
    }
    if (message->term > raft->state.term) {
        raft_become_follower(raft, message->term, RAFT_NODE_NONE);
    }
    bool granted = message->term == raft->state.term && may_vote_for(raft, peer->id, by_transfer) &&
                   is_up_to_date(raft, message->id) && raft_loss_may_vote(raft);
    if (raft_exit_taken(raft->memory, RAFT_AT_VOTE_REQUEST_REFUSED, !granted)) {
        granted = false;
    }
    if (granted) {
        /* Somebody else's campaign is further than this node's own pre-vote. */
        raft_become_follower(raft, raft->state.term, RAFT_NODE_NONE);
        if (raft->state.vote == RAFT_NODE_NONE) {
            state_change(raft, raft->state.term, peer->id);
        }
        raft_election_timer_reset(raft);
    }
    peer->vote_reply = (struct raft_reply){
        .due = true,
        .flags = granted ? RAFT_FLAG_SUCCESS : 0,
        .term = raft->state.term,
    };
    return RAFT_OK;
}

enum raft_status raft_on_vote_rep(struct raft *raft, struct raft_peer *peer,
                                  const struct raft_message *message)
{
    assert(message->term == raft->state.term);
    if (raft_exit_taken(raft->memory, RAFT_AT_VOTE_REPLY_STALE, raft->role != RAFT_CANDIDATE)) {
        return RAFT_STALE;
    }
    if (peer->ballot != RAFT_BALLOT_GRANTED) {
        peer->ballot =
            (message->flags & RAFT_FLAG_SUCCESS) ? RAFT_BALLOT_GRANTED : RAFT_BALLOT_REFUSED;
    }
    raft_count_ballots(raft);
    return RAFT_OK;
}

static uint64_t grant_of(const struct raft_peer *peer)
{
    return peer->ballot == RAFT_BALLOT_GRANTED;
}

void raft_count_ballots(struct raft *raft)
{
    assert(raft->role == RAFT_PRECANDIDATE || raft->role == RAFT_CANDIDATE);
    if (raft_agreed(raft, raft->own_ballot == RAFT_BALLOT_GRANTED, grant_of) == 0) {
        return;
    }
    if (raft->role == RAFT_PRECANDIDATE) {
        become_candidate(raft);
    } else {
        raft_become_leader(raft);
    }
}
