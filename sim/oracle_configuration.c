/* Which configuration is in force where, and whether its changes are allowed (dissertation §4).
 *
 * Terms. The configuration in force on a node is the newest one in its log, committed or not; of a
 * log without one it is that of the node's options (none at all for a node that joins later). It is
 * *joint* while it has an outgoing side. A *majority* is one of each side.
 *
 * What is read here is read from the entries, never from the node's word; the node's word is then
 * compared with it. Majorities are counted here a second time, so that a mistake of the core's own
 * counting does not hide itself.
 *
 * Invariants:
 *  1. configurations[0 .. configuration_count) of a node are those of links[1 .. last], ascending,
 *     before them the one that holds at the base of a log that was compacted.
 *  2. canonical[0 .. canonical_count) are those of the canonical log, ascending.
 *  3. After an unsafe recovery successors need no quorum in common: that is what it is for. One
 *     that was set by hand is in force before it is in the log. */
#include "oracle_internal.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

/* ---- majorities ---- */

static uint32_t side_of(const struct raft_configuration *configuration, uint32_t flag)
{
    uint32_t side = 0;
    for (uint32_t i = 0; i < configuration->count; i++) {
        if ((configuration->members[i].flags & flag) != 0) {
            assert(configuration->members[i].id < 32);
            side |= 1u << configuration->members[i].id;
        }
    }
    return side;
}

static bool is_majority(uint32_t side, uint32_t nodes)
{
    return 2 * __builtin_popcount(side & nodes) > __builtin_popcount(side);
}

bool sim_oracle_has_majority(const struct raft_configuration *configuration, uint32_t nodes)
{
    uint32_t incoming = side_of(configuration, RAFT_MEMBER_VOTER);
    uint32_t outgoing = side_of(configuration, RAFT_MEMBER_OUTGOING);
    return is_majority(incoming, nodes) && (outgoing == 0 || is_majority(outgoing, nodes));
}

bool sim_oracle_may_lead(const struct raft_configuration *configuration, raft_node_id node)
{
    const struct raft_member *member = raft_configuration_find(configuration, node);
    return member != NULL && (member->flags & RAFT_MEMBER_WITNESS) == 0 &&
           (member->flags & ORACLE_VOTES) != 0;
}

/* Whether any majority of one side has a node in common with any majority of another. Disjoint
 * majorities take first what the other side does not have. */
static bool sides_overlap(uint32_t a, uint32_t b)
{
    int need_a = __builtin_popcount(a) / 2 + 1 - __builtin_popcount(a & ~b);
    int need_b = __builtin_popcount(b) / 2 + 1 - __builtin_popcount(b & ~a);
    int shared = (need_a > 0 ? need_a : 0) + (need_b > 0 ? need_b : 0);
    return shared > __builtin_popcount(a & b);
}

/* A quorum has a majority of each side, so one pair of sides that overlap is enough. */
static bool quorums_overlap(const struct raft_configuration *a, const struct raft_configuration *b)
{
    static const uint32_t flags[] = {RAFT_MEMBER_VOTER, RAFT_MEMBER_OUTGOING};
    for (int i = 0; i < 2; i++) {
        for (int j = 0; j < 2; j++) {
            uint32_t side_a = side_of(a, flags[i]);
            uint32_t side_b = side_of(b, flags[j]);
            if (side_a != 0 && side_b != 0 && sides_overlap(side_a, side_b)) {
                return true;
            }
        }
    }
    return false;
}

void sim_oracle_print_configuration(const struct raft_configuration *configuration, char *text,
                                    size_t size)
{
    static const uint32_t flags[] = {RAFT_MEMBER_VOTER, RAFT_MEMBER_OUTGOING, RAFT_MEMBER_LEARNER};
    static const char *const names[] = {"voters ", "outgoing ", "learners "};
    size_t used = 0;
    text[0] = 0;
    for (int i = 0; i < 3; i++) {
        uint32_t side = side_of(configuration, flags[i]);
        bool is_first = true;
        for (uint32_t id = 1; id < SIM_NODES_MAX && side != 0 && used < size; id++) {
            if ((side >> id & 1u) != 0) {
                used +=
                    (size_t)snprintf(text + used, size - used, "%s%s%u",
                                     is_first && i > 0 ? "; " : "", is_first ? names[i] : ",", id);
                is_first = false;
            }
        }
    }
}

/* ---- the configurations of a log ---- */

static struct oracle_configuration *list_add(struct sim_oracles *oracles,
                                             struct oracle_configuration *list, size_t *capacity,
                                             uint32_t *count)
{
    list = sim_oracle_room(oracles, list, capacity, (size_t)*count + 1, sizeof *list);
    ++*count;
    return list;
}

void sim_oracle_configuration_cut(struct oracle_node *state, raft_index keep_last)
{
    while (state->configuration_count > 0 &&
           state->configurations[state->configuration_count - 1].index > keep_last) {
        state->configuration_count--;
    }
}

void sim_oracle_configuration_rebase(struct sim_oracles *oracles, uint32_t node, raft_index base)
{
    struct oracle_node *state = &oracles->nodes[node];
    state->configuration_count = 0;
    uint32_t last = oracles->canonical_count;
    while (last > 0 && oracles->canonical[last - 1].index > base) {
        last--;
    }
    if (base == 0) {
        return;
    }
    state->configurations = list_add(oracles, state->configurations, &state->configuration_capacity,
                                     &state->configuration_count);
    if (last > 0) {
        state->configurations[0] = oracles->canonical[last - 1];
    } else {
        /* A snapshot carries that of the founders, also to a node whose options name none. */
        state->configurations[0] = (struct oracle_configuration){.index = 0};
        raft_options_configuration(&oracles->world->nodes[1]->options,
                                   &state->configurations[0].value);
    }
}

/* The newest one up to an index, or NULL: that of the options. */
static const struct oracle_configuration *newest_at(const struct oracle_node *state,
                                                    raft_index index)
{
    for (uint32_t i = state->configuration_count; i > 0; i--) {
        if (state->configurations[i - 1].index <= index) {
            return &state->configurations[i - 1];
        }
    }
    return NULL;
}

void sim_oracle_configuration_at(const struct sim_oracles *oracles, uint32_t node, raft_index index,
                                 struct raft_configuration *out)
{
    const struct oracle_configuration *found = newest_at(&oracles->nodes[node], index);
    if (found != NULL) {
        *out = found->value;
    } else {
        raft_options_configuration(&oracles->world->nodes[node]->options, out);
    }
}

/* What a node goes by, or NULL: that of the options. */
static const struct raft_configuration *in_force(const struct sim_oracles *oracles, uint32_t node)
{
    const struct raft_view *view = &oracles->world->nodes[node]->view;
    if (oracles->was_recovered && view->configuration_by_hand) {
        return &view->configuration;
    }
    const struct oracle_configuration *newest =
        newest_at(&oracles->nodes[node], oracles->nodes[node].last);
    return newest == NULL ? NULL : &newest->value;
}

void sim_oracle_configuration_in_force(const struct sim_oracles *oracles, uint32_t node,
                                       struct raft_configuration *out)
{
    const struct raft_configuration *found = in_force(oracles, node);
    if (found != NULL) {
        *out = *found;
    } else {
        raft_options_configuration(&oracles->world->nodes[node]->options, out);
    }
}

bool sim_oracle_knows(const struct sim_oracles *oracles, uint32_t node, raft_node_id other)
{
    const struct raft_options *options = &oracles->world->nodes[node]->options;
    const struct raft_configuration *found = in_force(oracles, node);
    bool is_founder = false;
    for (uint32_t i = 0; found == NULL && i < options->voter_count; i++) {
        is_founder |= options->voters[i] == other;
    }
    return found == NULL ? is_founder : raft_configuration_find(found, other) != NULL;
}

void sim_oracle_configuration_pulled(struct sim_oracles *oracles, uint32_t node,
                                     const struct sut_entry *entry)
{
    struct oracle_node *state = &oracles->nodes[node];
    struct raft_configuration previous;
    sim_oracle_configuration_at(oracles, node, entry->id.index, &previous);
    state->configurations = list_add(oracles, state->configurations, &state->configuration_capacity,
                                     &state->configuration_count);
    struct oracle_configuration *new = &state->configurations[state->configuration_count - 1];
    new->index = entry->id.index;
    oracles->checks[SIM_ORACLE_CONFIGURATION]++;
    if (!raft_configuration_decode(entry->payload, entry->size, &new->value) ||
        new->value.count == 0) {
        sim_oracle_broken(oracles, SIM_ORACLE_CONFIGURATION, node,
                          "not a configuration: node %u has one of %u bytes at index %" PRIu64,
                          node, entry->size, entry->id.index);
        state->configuration_count--;
        return;
    }
    sim_oracle_progress_forget(oracles, node, &new->value);
    /* Of a damaged log there may be one between the two that cannot be read. */
    bool is_known = oracles->world->nodes[node]->view.first_damaged == 0;
    if (previous.count == 0 || quorums_overlap(&previous, &new->value)) {
        return;
    }
    if (!is_known) {
        sim_oracle_waive(oracles, SIM_WAIVER_OVERLAP_DAMAGED);
    } else if (oracles->was_recovered) {
        sim_oracle_waive(oracles, SIM_WAIVER_OVERLAP_BY_HAND);
    } else {
        char before[SIM_TEXT_MAX / 4];
        char after[SIM_TEXT_MAX / 4];
        sim_oracle_print_configuration(&previous, before, sizeof before);
        sim_oracle_print_configuration(&new->value, after, sizeof after);
        sim_oracle_broken(oracles, SIM_ORACLE_CONFIGURATION, node,
                          "two successive configurations can decide apart: in the log of node %u, "
                          "%s and then, at index %" PRIu64 ", %s",
                          node, before, entry->id.index, after);
    }
}

void sim_oracle_configuration_committed(struct sim_oracles *oracles, uint32_t node,
                                        raft_index before)
{
    const struct oracle_node *state = &oracles->nodes[node];
    for (uint32_t i = 0; i < state->configuration_count; i++) {
        raft_index index = state->configurations[i].index;
        if (index > before && index <= oracles->committed) {
            oracles->canonical = list_add(oracles, oracles->canonical, &oracles->canonical_capacity,
                                          &oracles->canonical_count);
            oracles->canonical[oracles->canonical_count - 1] = state->configurations[i];
        }
    }
}

/* ---- the rule ---- */

/* What a node takes for the configuration in force is the newest one in its log. */
static void active_check(struct sim_oracles *oracles, uint32_t node)
{
    const struct raft_view *view = &oracles->world->nodes[node]->view;
    const struct oracle_node *state = &oracles->nodes[node];
    const struct oracle_configuration *newest = newest_at(state, state->last);
    struct raft_configuration expected;
    sim_oracle_configuration_in_force(oracles, node, &expected);
    raft_index index = newest == NULL ? 0 : newest->index;
    if (view->configuration_by_hand) {
        sim_oracle_waive(oracles, SIM_WAIVER_NEWEST_BY_HAND);
    }
    bool is_placed = view->configuration_by_hand || view->configuration_index == index;
    if (is_placed && raft_configuration_equal(&view->configuration, &expected)) {
        return;
    }
    char its[SIM_TEXT_MAX / 4];
    char ours[SIM_TEXT_MAX / 4];
    sim_oracle_print_configuration(&view->configuration, its, sizeof its);
    sim_oracle_print_configuration(&expected, ours, sizeof ours);
    sim_oracle_broken(oracles, SIM_ORACLE_CONFIGURATION, node,
                      "not the newest configuration of the log: node %u goes by that of index "
                      "%" PRIu64 " (%s), the newest in its log is that of %" PRIu64 " (%s)",
                      node, view->configuration_index, its, index, ours);
}

/* A change that is done has its target in the canonical log. */
static void done_check(struct sim_oracles *oracles, uint32_t node)
{
    const struct oracle_configuration done = oracles->nodes[node].done;
    oracles->nodes[node].done.index = 0;
    for (uint32_t i = oracles->canonical_count; i > 0 && done.index != 0; i--) {
        const struct oracle_configuration *found = &oracles->canonical[i - 1];
        if (found->index == done.index && raft_configuration_equal(&found->value, &done.value)) {
            return;
        }
    }
    if (done.index != 0) {
        char members[SIM_TEXT_MAX / 4];
        sim_oracle_print_configuration(&done.value, members, sizeof members);
        sim_oracle_broken(oracles, SIM_ORACLE_CONFIGURATION, node,
                          "a change that is done and was not committed: node %u says so of index "
                          "%" PRIu64 " (%s), committed is %" PRIu64,
                          node, done.index, members, oracles->committed);
    }
}

void sim_oracle_configuration_check(struct sim_oracles *oracles, uint32_t node)
{
    struct oracle_node *state = &oracles->nodes[node];
    /* The newest one of a damaged log may be what is damaged, and that before the log of a blank
     * state machine is unknown to it. */
    const struct raft_view *view = &oracles->world->nodes[node]->view;
    bool is_known = view->first_damaged == 0 && !view->is_blank;
    if (!is_known) {
        sim_oracle_waive(oracles, SIM_WAIVER_NEWEST_LOST);
    } else if (sim_oracle_has(oracles, SUT_FEATURE_MEMBERSHIP)) {
        oracles->checks[SIM_ORACLE_CONFIGURATION]++;
        active_check(oracles, node);
    }
    done_check(oracles, node);
    uint32_t count = state->configuration_count;
    /* The leader that appends one is judged. Others may find both in their logs although nobody has
     * said yet that the first is committed: who knew it can have died in that very step. */
    bool is_leader = oracles->world->nodes[node]->view.role == RAFT_LEADER;
    bool are_two = count >= 2 && state->configurations[count - 2].index > oracles->committed &&
                   state->configurations[count - 1].index != state->configuration_seen;
    if (are_two && !is_leader) {
        sim_oracle_waive(oracles, SIM_WAIVER_PENDING_UNSEEN);
    } else if (are_two) {
        sim_oracle_broken(oracles, SIM_ORACLE_CONFIGURATION, node,
                          "two changes at once: the log of node %u has configurations at %" PRIu64
                          " and %" PRIu64 ", committed is %" PRIu64,
                          node, state->configurations[count - 2].index,
                          state->configurations[count - 1].index, oracles->committed);
    }
    state->configuration_seen = count == 0 ? 0 : state->configurations[count - 1].index;
}

/* Said in the middle of a step, and judged at its end. */
void sim_oracle_change_completed(struct sim_oracles *oracles, uint32_t node,
                                 const struct raft_configuration *target, enum raft_status status,
                                 raft_index index)
{
    assert(node > 0 && node < SIM_NODES_MAX);
    if (status == RAFT_OK) {
        oracles->nodes[node].done = (struct oracle_configuration){index, *target};
    }
}

void sim_oracle_recovered(struct sim_oracles *oracles)
{
    oracles->was_recovered = true;
}

uint32_t sim_oracle_flags_by_now(const struct sim_oracles *oracles, uint32_t node)
{
    assert(node > 0 && node < SIM_NODES_MAX);
    if (oracles->canonical_count == 0) {
        bool is_first = oracles->world->nodes[node]->options.voter_count > 0;
        return is_first ? RAFT_MEMBER_VOTER : 0;
    }
    const struct oracle_configuration *newest = &oracles->canonical[oracles->canonical_count - 1];
    const struct raft_member *member = raft_configuration_find(&newest->value, node);
    return member == NULL ? 0 : member->flags;
}

bool sim_oracle_is_member(const struct sim_oracles *oracles, uint32_t node)
{
    return sim_oracle_flags_by_now(oracles, node) != 0;
}

bool sim_oracle_is_majority(const struct sim_oracles *oracles, uint32_t node, uint32_t nodes)
{
    struct raft_configuration configuration;
    assert(node > 0 && node < SIM_NODES_MAX);
    sim_oracle_configuration_in_force(oracles, node, &configuration);
    return sim_oracle_has_majority(&configuration, nodes);
}

/* Of these nodes, those that may vote for one of them: its log is at least as good as theirs. */
static uint32_t followers_of(const struct sim_world *world, uint32_t nodes, uint32_t candidate)
{
    const struct raft_entry_id last = world->nodes[candidate]->view.last;
    uint32_t followers = 0;
    for (uint32_t id = 1; id <= world->node_count; id++) {
        const struct raft_entry_id other = world->nodes[id]->view.last;
        bool is_behind =
            other.term < last.term || (other.term == last.term && other.index <= last.index);
        followers |= (nodes >> id & 1u) != 0 && is_behind ? 1u << id : 0;
    }
    return followers;
}

/* Whether somebody who is here has all that is committed, payloads included: of a majority with
 * witnesses in it that does not follow. */
static bool has_payloads(const struct sim_oracles *oracles, uint32_t here)
{
    const struct sim_world *world = oracles->world;
    bool are_there = oracles->committed == 0 || !sim_oracle_has(oracles, SUT_FEATURE_WITNESS);
    for (uint32_t id = 1; id <= world->node_count; id++) {
        bool is_full = !raft_options_is_witness(&world->nodes[id]->options);
        are_there =
            are_there || ((here >> id & 1u) != 0 && is_full &&
                          sim_oracle_is_durable(oracles, &oracles->nodes[id], oracles->committed,
                                                sim_oracle_committed_chain(oracles)));
    }
    return are_there;
}

bool sim_oracle_is_available(const struct sim_oracles *oracles, uint32_t lost)
{
    const struct sim_world *world = oracles->world;
    uint32_t here = ~lost;
    if (!has_payloads(oracles, here)) {
        return false;
    }
    for (uint32_t id = 1; id <= world->node_count; id++) {
        struct raft_configuration configuration;
        sim_oracle_configuration_in_force(oracles, id, &configuration);
        if ((here >> id & 1u) != 0 && sim_oracle_may_lead(&configuration, id) &&
            !sim_oracle_needs_leader(oracles, id) &&
            sim_oracle_has_majority(&configuration, followers_of(world, here, id))) {
            return true;
        }
    }
    return false;
}
