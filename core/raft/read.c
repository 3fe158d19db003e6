/* Linearizable reads without a log entry: ReadIndex (dissertation §6.4) and leases (§6.4.1).
 *
 * A read takes the commit index as it is now, and a number, its round. Every append carries the
 * round that the leader has reached, and its answer echoes it; so an answer proves that the
 * follower still took this node for the leader after the read began. When a majority has echoed a
 * round, every read up to it may be answered as soon as its index is applied. Reads that come while
 * a round is on its way wait for the next one together, so that many reads cost no more messages
 * than one after another would.
 *
 * Each heartbeat begins a round of its own, and its confirmation extends the lease, in which a read
 * waits for nobody. A lease rests on bounded clock drift, on voters that give no vote while they
 * hear a leader, and on their not forgetting it: neither with a later term that they learn of, nor
 * with a restart, after which a node behaves as if it had just heard one. It is given up for the
 * term as soon as somebody was told to campaign in spite of a live leader.
 *
 * Invariants:
 *  1. A leader takes no read before it has committed an entry of its own term: its commit index may
 *     still be behind (dissertation §6.4, step 1).
 *  2. read_confirmed <= read_round, and it never goes back during a term. */
#include "raft_internal.h"

#include <assert.h>

void raft_round_begin(struct raft *raft)
{
    assert(raft->role == RAFT_LEADER);
    raft->read_round++;
    raft->round_due = false;
    raft->round_began_ns[raft->read_round % RAFT_ROUNDS_MAX] = raft->now_ns;
}

/* How far two clocks may be apart after the shortest election timeout, rounded up. */
static raft_time drift_of_two(const struct raft_options *options)
{
    raft_time ppm = 2 * (raft_time)options->clock_drift_ppm_max;
    raft_time whole = options->election_ns_min / 1000000;
    raft_time rest = options->election_ns_min % 1000000;
    return whole * ppm + (rest * ppm + 999999) / 1000000;
}

/* A majority has heard this leader in a round that began at some instant, and gives no vote before
 * the shortest election timeout has passed on its clocks since: so long nobody else can lead. */
static void lease_extend(struct raft *raft)
{
    if (raft->read_round - raft->read_confirmed >= RAFT_ROUNDS_MAX) {
        return;
    }
    raft_time length = raft->options.election_ns_min - drift_of_two(&raft->options);
    raft_time until = raft->round_began_ns[raft->read_confirmed % RAFT_ROUNDS_MAX] + length;
    if (until > raft->lease_until_ns) {
        raft->lease_until_ns = until;
    }
}

static bool lease_is_valid(const struct raft *raft)
{
    return raft->options.lease_reads && !raft->lease_is_given_up &&
           raft->transfer_target == RAFT_NODE_NONE && raft->now_ns < raft->lease_until_ns;
}

/* Begins a round, and does not wait for a heartbeat to carry it. */
static void ask_everybody(struct raft *raft)
{
    raft_round_begin(raft);
    for (uint32_t i = 0; i < raft->peer_count; i++) {
        raft->peers[i].heartbeat_due = true;
    }
}

enum raft_status raft_read_begin(struct raft *raft)
{
    if (raft_exit_taken(raft->memory, RAFT_AT_READ_NOT_LEADER, raft->role != RAFT_LEADER)) {
        return RAFT_NOT_LEADER;
    }
    raft_term term = 0;
    enum raft_status status = raft_log_term(raft->log, raft->commit, &term);
    if (raft_exit_taken(raft->memory, RAFT_AT_READ_EARLY,
                        status != RAFT_OK || term != raft->state.term)) {
        return RAFT_BUSY;
    }
    /* Nothing below can fail. */
    if (lease_is_valid(raft)) {
        raft->read_ticket = raft->read_confirmed;
        raft->reads_due = true;
        return RAFT_OK;
    }
    if (raft->read_confirmed < raft->read_round) {
        raft->read_ticket = raft->read_round + 1;
        raft->round_due = true;
        return RAFT_OK;
    }
    ask_everybody(raft);
    raft->read_ticket = raft->read_round;
    raft_read_confirm(raft);
    return RAFT_OK;
}

static uint64_t echo_of(const struct raft_peer *peer)
{
    return peer->read_echo;
}

void raft_read_confirm(struct raft *raft)
{
    assert(raft->role == RAFT_LEADER);
    uint64_t confirmed = raft_agreed(raft, raft->read_round, echo_of);
    if (confirmed > raft->read_confirmed) {
        raft->read_confirmed = confirmed;
        lease_extend(raft);
        raft->reads_due = true;
    }
    assert(raft->read_confirmed <= raft->read_round);
    if (raft->round_due && raft->read_confirmed == raft->read_round) {
        ask_everybody(raft);
    }
}
