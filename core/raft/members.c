/* Who counts: the configuration in force on a node, its peers, and what a majority has reached.
 *
 * The configuration *in force* is the last one in the log, committed or not (dissertation §4.1); of
 * a log without one it is the *base*, that of the options or of a snapshot. A truncation may bring
 * the one before back, and while the entry is damaged the one before stands in: the node does not
 * campaign then. One set by hand (unsafe recovery) stands until the log has it, or a leader
 * is heard.
 *
 * Peers are the other members, and whom else the node has to do with:
 *
 *  - STRANGER: asks, and is answered, without regard to the configuration (dissertation §4.1), for
 *    it may know of one that this node has yet to learn
 *  - ADDED: gets the log of a leader before the change is begun that makes it a voter
 *  - REMOVED: still gets from a leader the configuration that it is not in
 *
 * Invariants:
 *  1. peers[i].member is its place in the configuration in force, or RAFT_MEMBER_NONE.
 *  2. Each other member is a peer; at most RAFT_MEMBERS_MAX peers are no strangers.
 *  3. Whom this node takes for the leader is a peer, member or not.
 *  4. A peer that stays keeps its progress. */
#include "raft_internal.h"

#include <assert.h>

struct raft_peer *raft_peer_find(struct raft *raft, raft_node_id id)
{
    for (uint32_t i = 0; i < raft->peer_count; i++) {
        if (raft->peers[i].id == id) {
            return &raft->peers[i];
        }
    }
    return NULL;
}

static bool is_owed(const struct raft_peer *peer)
{
    return peer->prevote_reply.due || peer->vote_reply.due || peer->append_reply.due ||
           peer->install_reply.due || peer->repair_reply.due || peer->timeout_now_due ||
           peer->answer_due;
}

struct raft_peer *raft_peer_take(struct raft *raft, raft_node_id id)
{
    struct raft_peer *peer = raft_peer_find(raft, id);
    uint32_t strangers = 0;
    for (uint32_t i = 0; i < raft->peer_count && peer == NULL; i++) {
        struct raft_peer *other = &raft->peers[i];
        strangers += other->kind == RAFT_PEER_STRANGER;
        if (other->kind == RAFT_PEER_STRANGER && other->id != raft->leader && !is_owed(other)) {
            *other = (struct raft_peer){.id = id, .member = RAFT_MEMBER_NONE};
            peer = other;
        }
    }
    if (peer == NULL && strangers < RAFT_STRANGERS_MAX) {
        assert(raft->peer_count < RAFT_PEERS_MAX);
        peer = &raft->peers[raft->peer_count++];
        *peer = (struct raft_peer){.id = id, .member = RAFT_MEMBER_NONE};
    }
    assert(peer == NULL || peer->id == id);
    return peer;
}

static uint32_t place_of(const struct raft *raft, raft_node_id id)
{
    const struct raft_member *member = raft_configuration_find(&raft->configuration, id);
    return member == NULL ? RAFT_MEMBER_NONE : (uint32_t)(member - raft->configuration.members);
}

static enum raft_peer_kind kind_of(const struct raft *raft, const struct raft_peer *peer)
{
    if (raft_configuration_find(&raft->configuration, peer->id) != NULL) {
        return RAFT_PEER_MEMBER;
    }
    if (raft->change == RAFT_CHANGE_CATCHING_UP &&
        raft_configuration_find(&raft->target, peer->id) != NULL) {
        return RAFT_PEER_ADDED;
    }
    bool was_member = peer->kind == RAFT_PEER_MEMBER || peer->kind == RAFT_PEER_REMOVED;
    return raft->change != RAFT_CHANGE_NONE && was_member ? RAFT_PEER_REMOVED : RAFT_PEER_STRANGER;
}

/* Says who a peer is. */
static void peer_classify(const struct raft *raft, struct raft_peer *peer, enum raft_peer_kind kind)
{
    const struct raft_member *member = raft_configuration_find(
        kind == RAFT_PEER_ADDED ? &raft->target : &raft->configuration, peer->id);
    peer->kind = kind;
    peer->member = place_of(raft, peer->id);
    if (member != NULL) {
        peer->is_witness = raft_member_is_witness(member);
    }
}

/* Drops the peers that nothing binds to this node any more, and says what the others are. */
static void keep_peers(struct raft *raft)
{
    uint32_t kept = 0;
    uint32_t strangers = 0;
    for (uint32_t i = 0; i < raft->peer_count; i++) {
        struct raft_peer *peer = &raft->peers[i];
        enum raft_peer_kind kind = kind_of(raft, peer);
        if (kind == RAFT_PEER_STRANGER && peer->id != raft->leader) {
            /* One place is kept for the leader. */
            raft_install_end(raft, peer);
            peer->state = RAFT_PROBE;
            if (!is_owed(peer) || strangers == RAFT_STRANGERS_MAX - 1) {
                continue;
            }
            strangers++;
        }
        if (peer->kind == RAFT_PEER_STRANGER && kind != RAFT_PEER_STRANGER) {
            raft_progress_reset(raft, peer);
        }
        peer_classify(raft, peer, kind);
        if (kept != i) {
            raft->peers[kept] = *peer;
        }
        kept++;
    }
    raft->peer_count = kept;
}

static void add_peers(struct raft *raft, const struct raft_configuration *configuration)
{
    for (uint32_t i = 0; i < configuration->count; i++) {
        raft_node_id id = configuration->members[i].id;
        if (id == raft->options.id || raft_peer_find(raft, id) != NULL) {
            continue;
        }
        assert(raft->peer_count < RAFT_PEERS_MAX);
        struct raft_peer *peer = &raft->peers[raft->peer_count++];
        *peer = (struct raft_peer){.id = id};
        peer_classify(raft, peer, kind_of(raft, peer));
        raft_progress_reset(raft, peer);
    }
}

void raft_peers_rebuild(struct raft *raft)
{
    assert(raft->role == RAFT_LEADER || raft->change == RAFT_CHANGE_NONE);
    keep_peers(raft);
    add_peers(raft, &raft->configuration);
    if (raft->change == RAFT_CHANGE_CATCHING_UP) {
        add_peers(raft, &raft->target);
    }
    raft->own_member = place_of(raft, raft->options.id);
    assert(raft->own_member == RAFT_MEMBER_NONE ||
           raft->configuration.members[raft->own_member].id == raft->options.id);
}

static void put_in_force(struct raft *raft, const struct raft_configuration *configuration,
                         raft_index index, bool by_hand)
{
    raft->configuration = *configuration;
    raft->configuration_index = index;
    raft->configuration_by_hand = by_hand;
    raft_peers_rebuild(raft);
}

void raft_members_base(struct raft *raft, const struct raft_configuration *configuration,
                       raft_index index)
{
    assert(raft_configuration_check(configuration) == NULL);
    assert(index <= raft->log->base.index);
    raft->base_configuration = *configuration;
    raft->base_configuration_index = index;
}

void raft_members_at(const struct raft *raft, raft_index index,
                     struct raft_configuration *out_configuration, raft_index *out_index)
{
    assert(index >= raft->log->base.index && index <= raft_log_last_index(raft->log));
    const struct raft_entry *entry = raft_log_configuration(raft->log, index);
    if (entry != NULL) {
        bool is_good = raft_configuration_decode(entry->payload, entry->size, out_configuration);
        assert(is_good);
        *out_index = entry->id.index;
        return;
    }
    *out_configuration = raft->base_configuration;
    *out_index = raft->base_configuration_index;
}

void raft_members_adopt(struct raft *raft, const struct raft_entry *entry)
{
    struct raft_configuration configuration;
    assert(entry->kind == RAFT_ENTRY_CONFIGURATION);
    /* It was looked at before it was appended, and its record has a checksum. */
    bool is_good = raft_configuration_decode(entry->payload, entry->size, &configuration);
    assert(is_good && configuration.count > 0);
    put_in_force(raft, &configuration, entry->id.index, false);
}

void raft_members_restore(struct raft *raft)
{
    struct raft_configuration configuration;
    raft_index index = 0;
    raft_members_at(raft, raft_log_last_index(raft->log), &configuration, &index);
    put_in_force(raft, &configuration, index, false);
}

void raft_members_truncated(struct raft *raft)
{
    if (raft->configuration_index > raft_log_last_index(raft->log)) {
        raft_members_restore(raft);
    }
}

void raft_members_by_hand(struct raft *raft, const struct raft_configuration *configuration)
{
    put_in_force(raft, configuration, raft->base_configuration_index, true);
}

static bool leads_by(uint32_t flags)
{
    return (flags & RAFT_MEMBER_VOTES) != 0 && (flags & RAFT_MEMBER_WITNESS) == 0;
}

bool raft_may_campaign(const struct raft *raft)
{
    if (raft->is_witness) {
        return false;
    }
    if (leads_by(raft_own_flags(raft))) {
        return true;
    }
    if (raft->configuration_by_hand || raft->configuration_index <= raft->commit) {
        return false;
    }
    struct raft_configuration before;
    raft_index index = 0;
    raft_members_at(raft, raft->configuration_index - 1, &before, &index);
    const struct raft_member *own = raft_configuration_find(&before, raft->options.id);
    return own != NULL && leads_by(own->flags);
}

uint32_t raft_own_flags(const struct raft *raft)
{
    return raft->own_member == RAFT_MEMBER_NONE
               ? 0
               : raft->configuration.members[raft->own_member].flags;
}

uint32_t raft_peer_flags(const struct raft *raft, const struct raft_peer *peer)
{
    return peer->member == RAFT_MEMBER_NONE ? 0 : raft->configuration.members[peer->member].flags;
}

uint64_t raft_agreed(const struct raft *raft, uint64_t own,
                     uint64_t (*value)(const struct raft_peer *peer))
{
    uint64_t values[RAFT_MEMBERS_MAX] = {0};
    if (raft->own_member != RAFT_MEMBER_NONE) {
        values[raft->own_member] = own;
    }
    for (uint32_t i = 0; i < raft->peer_count; i++) {
        const struct raft_peer *peer = &raft->peers[i];
        if (peer->member != RAFT_MEMBER_NONE) {
            assert(raft->configuration.members[peer->member].id == peer->id);
            values[peer->member] = peer->is_uncounted ? 0 : value(peer);
        }
    }
    return raft_configuration_agreed(&raft->configuration, values);
}
