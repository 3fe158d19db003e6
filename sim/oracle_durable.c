/* What the disks hold, and whether nodes claim more than that.
 *
 * The simulated disk tells which bytes of which file have become durable; the implementation's
 * reader turns them into entries and hard states. A file is read on from where the reader came;
 * when bytes before that changed, what the file had given is dropped and it is read from its
 * beginning.
 *
 * Invariants:
 *  1. durable[i] with file != 0 is an entry that durable bytes of that file hold.
 *  2. A durable snapshot, or one that was lost, stands for durable[1 .. durable_base], which are
 *     what is committed; durable[durable_base + 1 .. durable_last] are all there, and chained. If
 *     the files have another entry than the snapshot's last one, they are of another log, and
 *     nothing in them follows the snapshot.
 *  3. A claim of a message is judged in the step in which it was sent: a step is too short for the
 *     disk to catch up. */
#include "oracle_internal.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

struct reader {
    struct sim_oracles *oracles;
    uint32_t node;
    uint32_t file; /* number: position in files + 1 */
};

/* The number of a file, a new one if it has not been seen. The latest files are the likeliest. */
static uint32_t file_number(struct sim_oracles *oracles, struct oracle_node *state,
                            const char *name)
{
    for (uint32_t number = state->file_count; number > 0; number--) {
        if (strncmp(state->files[number - 1].name, name, RAFT_FILE_NAME_MAX) == 0) {
            return number;
        }
    }
    state->files = sim_oracle_room(oracles, state->files, &state->file_capacity,
                                   (size_t)state->file_count + 1, sizeof state->files[0]);
    struct oracle_file *file = &state->files[state->file_count++];
    size_t size = strnlen(name, RAFT_FILE_NAME_MAX - 1);
    *file = (struct oracle_file){.cursor = 0};
    memcpy(file->name, name, size);
    return state->file_count;
}

/* Whether the files have another entry than the snapshot's last one. */
static bool disagrees(const struct oracle_node *state)
{
    if (state->durable_base_term == 0) {
        return false;
    }
    const struct oracle_durable *last = &state->durable[state->durable_base];
    return last->file != 0 && last->term != state->durable_base_term;
}

/* Goes on with the chain as far as there are entries. For an entry without payload it is that of
 * the logs that have had one of its id. */
static void durable_walk(const struct sim_oracles *oracles, struct oracle_node *state)
{
    if (disagrees(state)) {
        state->durable_last = state->durable_base;
        return;
    }
    while (state->durable_last + 1 < state->durable_capacity &&
           state->durable[state->durable_last + 1].file != 0) {
        uint64_t previous =
            state->durable_last == 0 ? 0 : state->durable[state->durable_last].chain;
        struct oracle_durable *next = &state->durable[++state->durable_last];
        const struct raft_entry_id id = {next->term, state->durable_last};
        next->chain = next->is_elided ? sim_oracle_chain_of(oracles, id)
                                      : sim_oracle_link(previous, next->leaf);
    }
}

/* A snapshot has come or gone: begins the chain behind the newest one that is left, or with the
 * first file of the log that is there if what lies before was in a snapshot that is lost. */
static void durable_rebase(struct sim_oracles *oracles, struct oracle_node *state)
{
    struct raft_entry_id newest = {.index = 0};
    raft_index first = UINT64_MAX;
    for (uint32_t i = 0; i < state->file_count; i++) {
        const struct oracle_file *file = &state->files[i];
        newest = file->snapshot.index > newest.index ? file->snapshot : newest;
        first = file->begin != 0 && file->begin < first ? file->begin : first;
    }
    raft_index base = newest.index;
    bool is_lost = first - 1 <= (base == 0 ? state->snapshot_last : state->lost_snapshot);
    if (first != UINT64_MAX && base < first - 1 && is_lost) {
        base = first - 1;
    }
    state->durable = sim_oracle_room(oracles, state->durable, &state->durable_capacity,
                                     (size_t)base + 2, sizeof state->durable[0]);
    state->durable_base = base;
    state->durable_base_term = base == newest.index ? newest.term : 0;
    state->durable_last = base;
    if (base > 0) {
        state->durable[base].chain = base <= oracles->committed ? oracles->commits[base].chain : 0;
    }
    durable_walk(oracles, state);
}

/* Forgets what a file has given. */
static void file_drop(struct sim_oracles *oracles, struct oracle_node *state, uint32_t number)
{
    struct oracle_file *file = &state->files[number - 1];
    for (raft_index index = file->first; file->first != 0 && index <= file->last; index++) {
        if (state->durable[index].file == number) {
            state->durable[index].file = 0;
            if (index <= state->durable_last && index > state->durable_base) {
                state->durable_last = index - 1;
            }
        }
    }
    if (file->gave_state) {
        state->durable_term = 0;
        state->durable_vote = RAFT_NODE_NONE;
    }
    file->cursor = 0;
    file->begin = 0;
    file->first = 0;
    file->last = 0;
    file->gave_state = false;
    if (file->snapshot.index != 0) {
        file->snapshot.index = 0;
        durable_rebase(oracles, state);
    }
}

static void on_hard_state(void *ctx, raft_term term, raft_node_id vote)
{
    const struct reader *reader = ctx;
    struct oracle_node *state = &reader->oracles->nodes[reader->node];
    state->files[reader->file - 1].gave_state = true;
    state->durable_term = term;
    state->durable_vote = vote;
    /* What was planted, the node never said; what its process writes over that, it does. */
    const struct sim_node *node = reader->oracles->world->nodes[reader->node];
    bool is_own = node->disk.owner == node->id;
    bool is_said = is_own && (!node->is_store_planted || node->process != NULL);
    if (vote != RAFT_NODE_NONE && is_said) {
        sim_oracle_voted(reader->oracles, reader->node, term, vote);
    }
}

/* Not a copy of another node's store, which may be of another kind of member. */
static bool is_own_store(const struct reader *reader)
{
    const struct sim_disk *disk = &reader->oracles->world->nodes[reader->node]->disk;
    return disk->owner == reader->node || disk->owner == 0;
}

static void on_segment(void *ctx, raft_index first)
{
    const struct reader *reader = ctx;
    struct oracle_node *state = &reader->oracles->nodes[reader->node];
    assert(first > 0);
    state->files[reader->file - 1].begin = first;
    if (first <= state->durable_base && state->durable_base_term == 0) {
        durable_rebase(reader->oracles, state); /* it was the file that was lost, and it is back */
    }
}

static void on_entry(void *ctx, const struct sut_entry *entry)
{
    const struct reader *reader = ctx;
    struct oracle_node *state = &reader->oracles->nodes[reader->node];
    struct oracle_file *file = &state->files[reader->file - 1];
    raft_index index = entry->id.index;
    assert(index > 0);
    /* One slot more than needed, so that the walk below ends at an empty one. */
    state->durable = sim_oracle_room(reader->oracles, state->durable, &state->durable_capacity,
                                     (size_t)index + 2, sizeof state->durable[0]);
    state->durable[index].leaf = sim_oracle_leaf(entry);
    state->durable[index].term = entry->id.term;
    state->durable[index].is_elided = entry->kind == RAFT_ENTRY_ELIDED;
    if (is_own_store(reader)) {
        sim_oracle_witness_entry(reader->oracles, reader->node, entry, "on its disk");
    }
    state->durable[index].file = reader->file;
    if (file->first == 0 || index < file->first) {
        file->first = index;
    }
    if (index > file->last) {
        file->last = index;
    }
    if (index <= state->durable_last && index > state->durable_base) {
        state->durable_last = index - 1;
    }
    if (state->durable_last == 0 && index > 1) {
        durable_rebase(reader->oracles, state);
    }
    durable_walk(reader->oracles, state);
}

static void on_snapshot(void *ctx, struct raft_entry_id id, uint64_t state_size)
{
    const struct reader *reader = ctx;
    struct oracle_node *state = &reader->oracles->nodes[reader->node];
    assert(id.index > 0);
    state->files[reader->file - 1].snapshot = id;
    state->snapshot_last = id.index > state->snapshot_last ? id.index : state->snapshot_last;
    if (is_own_store(reader)) {
        sim_oracle_witness_state(reader->oracles, reader->node, state_size, "on its disk");
    }
    durable_rebase(reader->oracles, state);
}

static void on_durable(void *ctx, uint32_t node, const char *name, const uint8_t *bytes,
                       size_t size, size_t from)
{
    struct sim_oracles *oracles = ctx;
    assert(node > 0 && node < SIM_NODES_MAX);
    struct oracle_node *state = &oracles->nodes[node];
    uint32_t number = file_number(oracles, state, name);
    size_t known = state->files[number - 1].cursor;
    /* A reader that stays at 0 reads the whole file each time. */
    if (known == 0 || from < known || size < known) {
        file_drop(oracles, state, number);
    }
    struct reader reader = {oracles, node, number};
    const struct sut_durable_sink sink = {&reader, on_hard_state, on_segment, on_entry,
                                          on_snapshot};
    size_t cursor = sim_oracle_sut(oracles, node)
                        ->read_durable(name, bytes, size, state->files[number - 1].cursor, &sink);
    assert(cursor <= size);
    state->files[number - 1].cursor = cursor;
}

static void on_removed(void *ctx, uint32_t node, const char *name)
{
    struct sim_oracles *oracles = ctx;
    assert(node > 0 && node < SIM_NODES_MAX);
    struct oracle_node *state = &oracles->nodes[node];
    uint32_t number = file_number(oracles, state, name);
    const struct sim_node *sim_node = oracles->world->nodes[node];
    raft_index snapshot = state->files[number - 1].snapshot.index;
    /* It has vanished from under the node, or has rotted and was removed for that. */
    bool is_lost = sim_node->process == NULL || (sim_node->is_starting && sim_node->was_damaged);
    if (is_lost && snapshot > state->lost_snapshot) {
        state->lost_snapshot = snapshot;
    }
    file_drop(oracles, state, number);
}

void sim_oracle_attach_disk(struct sim_oracles *oracles, uint32_t node)
{
    assert(node > 0 && node < SIM_NODES_MAX);
    struct sim_node *sim_node = oracles->world->nodes[node];
    assert(sim_node != NULL);
    oracles->nodes[node].is_attached = true;
    if (!sim_oracle_has(oracles, SUT_FEATURE_DURABLE)) {
        return;
    }
    sim_node->disk.observer = (struct sim_disk_observer){oracles, on_durable, on_removed};
    sim_disk_observe_all(&sim_node->disk);
}

bool sim_oracle_is_durable(const struct sim_oracles *oracles, const struct oracle_node *state,
                           raft_index index, uint64_t chain)
{
    if (index > 0 && index < state->durable_base) {
        return index <= oracles->committed && oracles->commits[index].chain == chain;
    }
    return index == 0 || (index <= state->durable_last && state->durable[index].chain == chain);
}

/* A vote in an older term than the durable one was replaced on the disk; it was there if it is
 * known. */
static bool vote_is_durable(const struct sim_oracles *oracles, uint32_t node,
                            const struct sut_message *message)
{
    const struct oracle_node *state = &oracles->nodes[node];
    if (state->durable_term == message->term) {
        return state->durable_vote == message->claims_vote;
    }
    return state->durable_term > message->term &&
           sim_oracle_vote_of(oracles, node, message->term) == message->claims_vote;
}

/* The log is compared at the end of the step, when its chain has caught up. */
static void claim_note(struct sim_oracles *oracles, uint32_t node,
                       const struct sut_message *message)
{
    struct oracle_node *state = &oracles->nodes[node];
    state->claims = sim_oracle_room(oracles, state->claims, &state->claim_capacity,
                                    (size_t)state->claim_count + 1, sizeof state->claims[0]);
    state->claims[state->claim_count++] = (struct oracle_claim){
        .type = message->type,
        .to = message->to,
        .index = message->claims_index,
    };
}

void sim_oracle_sent(struct sim_oracles *oracles, uint32_t node, const uint8_t *bytes, size_t size)
{
    assert(node > 0 && node < SIM_NODES_MAX);
    const struct oracle_node *state = &oracles->nodes[node];
    if (state->is_up && state->condition == RAFT_CONDITION_FAILED) {
        sim_oracle_broken(oracles, SIM_ORACLE_NO_FALSE_ALARM, node,
                          "a failed node speaks: node %u sends %zu bytes", node, size);
    }
    sim_oracle_traffic_sent(oracles, node);
    if (!sim_oracle_has(oracles, SUT_FEATURE_DESCRIBE)) {
        return;
    }
    struct sut_message message;
    if (!sim_oracle_sut(oracles, node)->describe(bytes, size, &message)) {
        sim_oracle_broken(oracles, SIM_ORACLE_SPEAKS_DURABLE, node,
                          "not a message: node %u sends %zu bytes", node, size);
        return;
    }
    sim_oracle_asked(oracles, node, &message);
    sim_oracle_piece_check(oracles, node, &message);
    if (sim_oracle_has(oracles, SUT_FEATURE_DURABLE)) {
        oracles->checks[SIM_ORACLE_SPEAKS_DURABLE]++;
        if (message.claims_term && message.term > state->durable_term) {
            sim_oracle_broken(oracles, SIM_ORACLE_SPEAKS_DURABLE, node,
                              "a term that is not durable: node %u sends %s to node %u in term "
                              "%" PRIu64 ", on its disk is %" PRIu64,
                              node, message.type, message.to, message.term, state->durable_term);
        }
        if (message.claims_vote != RAFT_NODE_NONE && !vote_is_durable(oracles, node, &message)) {
            sim_oracle_broken(oracles, SIM_ORACLE_SPEAKS_DURABLE, node,
                              "a vote that is not durable: node %u sends %s to node %u with a vote "
                              "for %u in term %" PRIu64 ", on its disk is one for %u in %" PRIu64,
                              node, message.type, message.to, message.claims_vote, message.term,
                              state->durable_vote, state->durable_term);
        }
        if (message.claims_index > 0) {
            claim_note(oracles, node, &message);
        }
    }
    sim_oracle_loss_sent(oracles, node, &message);
    if (message.claims_vote != RAFT_NODE_NONE) {
        sim_oracle_voted(oracles, node, message.term, message.claims_vote);
    }
}

/* Of a process that died in the same step only the disk can be asked: how far it goes. */
static bool claim_holds(const struct sim_oracles *oracles, uint32_t node,
                        const struct oracle_claim *claim)
{
    const struct oracle_node *state = &oracles->nodes[node];
    if (!state->is_up) {
        sim_oracle_waive(oracles, SIM_WAIVER_CLAIM_DIED);
        return claim->index <= state->durable_last;
    }
    const struct raft_view *view = &oracles->world->nodes[node]->view;
    bool is_blank = view->is_blank && claim->index == view->base.index;
    if (is_blank || (state->durable_base > 0 && state->durable_base_term == 0)) {
        sim_oracle_waive(oracles, SIM_WAIVER_CLAIM_LOST);
    }
    if (is_blank) {
        /* An empty log, which is named after what lay before it. */
        return true;
    }
    return claim->index <= state->last &&
           sim_oracle_is_durable(oracles, state, claim->index,
                                 sim_oracle_chain(oracles, node, claim->index));
}

/* A process that died in the step in which it spoke has promised that, though nobody looked at what
 * it calls durable any more. */
static void promise_note(const struct sim_oracles *oracles, struct oracle_node *state,
                         raft_index index)
{
    if (!state->is_up && index > state->promised && index <= state->last &&
        sim_oracle_is_durable(oracles, state, index, state->links[index].chain)) {
        state->promised = index;
    }
}

void sim_oracle_claims_check(struct sim_oracles *oracles, uint32_t node)
{
    struct oracle_node *state = &oracles->nodes[node];
    for (uint32_t i = 0; i < state->claim_count; i++) {
        const struct oracle_claim *claim = &state->claims[i];
        if (claim_holds(oracles, node, claim)) {
            promise_note(oracles, state, claim->index);
            continue;
        }
        sim_oracle_broken(
            oracles, SIM_ORACLE_SPEAKS_DURABLE, node,
            "an entry that is not durable: node %u sends %s to node %u for its log up "
            "to %" PRIu64 "; in memory it ends at %" PRIu64 ", on the disk at "
            "%" PRIu64 "%s",
            node, claim->type, claim->to, claim->index, state->last, state->durable_last,
            claim->index <= state->last && claim->index <= state->durable_last ? ", and differs"
                                                                               : "");
    }
    state->claim_count = 0;
}
