/* Leadership transfer (dissertation §3.10).
 *
 *      IDLE --request--> WAITING: proposals are refused until the target has the whole log
 *                           |  its match is the last index
 *                           v
 *                        TOLD: TIMEOUT_NOW is on its way, and repeated with each heartbeat
 *
 * Either ends with the target's higher term, or after the shortest election timeout: then proposals
 * are taken again. The target campaigns at once; its requests for votes say why, so that voters who
 * hear a live leader answer them all the same.
 *
 * Invariant: a transfer never outlasts its deadline by more than a heartbeat interval. */
#include "raft_internal.h"

#include <assert.h>

enum raft_status raft_transfer_begin(struct raft *raft, raft_node_id target)
{
    if (raft_exit_taken(raft->memory, RAFT_AT_TRANSFER_NOT_LEADER, raft->role != RAFT_LEADER)) {
        return RAFT_NOT_LEADER;
    }
    const struct raft_member *member = raft_configuration_find(&raft->configuration, target);
    const struct raft_peer *peer = raft_peer_find(raft, target);
    if (raft_exit_taken(raft->memory, RAFT_AT_TRANSFER_UNKNOWN,
                        peer == NULL || member == NULL || !raft_member_could_lead(member) ||
                            peer->is_uncounted)) {
        return RAFT_INVALID;
    }
    if (raft_exit_taken(raft->memory, RAFT_AT_TRANSFER_BUSY,
                        raft->transfer_target != RAFT_NODE_NONE || raft->noop_due)) {
        return RAFT_BUSY;
    }
    /* Nothing below can fail. */
    raft->transfer_target = target;
    raft->transfer_deadline_ns = raft->now_ns + raft->options.election_ns_min;
    raft_transfer_advance(raft);
    return RAFT_OK;
}

void raft_transfer_advance(struct raft *raft)
{
    if (raft->transfer_target == RAFT_NODE_NONE) {
        return;
    }
    assert(raft->role == RAFT_LEADER);
    struct raft_peer *peer = raft_peer_find(raft, raft->transfer_target);
    assert(peer != NULL);
    if (raft->now_ns >= raft->transfer_deadline_ns) {
        raft_transfer_end(raft);
    } else if (peer->match == raft_log_last_index(raft->log)) {
        peer->timeout_now_due = true;
        raft->lease_is_given_up = true;
    }
}

void raft_transfer_end(struct raft *raft)
{
    for (uint32_t i = 0; i < raft->peer_count; i++) {
        raft->peers[i].timeout_now_due = false;
    }
    raft->transfer_target = RAFT_NODE_NONE;
}

enum raft_status raft_on_timeout_now(struct raft *raft, const struct raft_peer *peer,
                                     const struct raft_message *message)
{
    if (raft_exit_taken(raft->memory, RAFT_AT_TRANSFER_TIMEOUT_NOW_STALE,
                        message->term != raft->state.term || raft->leader != peer->id)) {
        return RAFT_STALE;
    }
    enum raft_status status = raft_campaign(raft, true);
    if (status == RAFT_OK) {
        raft->campaigns_by_transfer = true;
    }
    return status;
}
