/* Whether failures surface, and whether a start finds what the disk holds.
 *
 * Terms. A *hole* is what a failed or short write has left in a file: bytes that are not what the
 * process wanted to write. A failure *surfaces* when the process gives up, or mends what it has
 * left before anything rests on it. What can be seen from outside, without the process's word:
 *
 *  1. A file is not synced over a hole: the write is done again, or the file is cut before it.
 *  2. A sync that failed is never tried again, of a file or of the directory, since the pages count
 *     as clean (a second success would say nothing). The process gives up, or takes a new file.
 *  3. A start that succeeds has done again whatever failed in it, but for closing and removing.
 *  4. Where the state machine failed, a process gives up, and applies nothing behind it.
 *  5. A refused allocation or hand-over is done again. What a process *owes* is what it has in
 *     memory and not on its disk, and what is committed, stored and not applied; if it owes any,
 *     then within two of the longest election timeouts of its own time it is at work at it, or has
 *     failed in it once more. Of a message that could not be made or taken nothing is owed: the
 *     network might have lost it.
 *
 * Recovery: a process never starts from a disk that was wiped, nor from the store of another node.
 * If nothing on the disk was unsynced (no cache of a process has survived) or damaged, the term,
 * the vote and the log of a process that starts are exactly what an independent reader finds there.
 */
#include "oracle_internal.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

static const char *op_string(enum raft_io_op op)
{
    static const char *const words[RAFT_IO_OP_COUNT] = {
        [RAFT_IO_OPEN] = "open",       [RAFT_IO_CREATE] = "create",
        [RAFT_IO_READ] = "read",       [RAFT_IO_WRITE] = "write",
        [RAFT_IO_SYNC] = "sync",       [RAFT_IO_TRUNCATE] = "truncation",
        [RAFT_IO_CLOSE] = "close",     [RAFT_IO_UNLINK] = "removal",
        [RAFT_IO_RENAME] = "renaming", [RAFT_IO_SYNC_DIR] = "sync of the directory",
    };
    assert((unsigned)op < RAFT_IO_OP_COUNT);
    return words[op];
}

/* What is known of an open file, or NULL. */
static struct oracle_file_state *file_find(struct oracle_surface *surface, raft_file file)
{
    for (size_t i = 0; i < surface->file_capacity; i++) {
        if (surface->files[i].file == file && file != 0) {
            return &surface->files[i];
        }
    }
    return NULL;
}

static struct oracle_file_state *file_add(struct sim_oracles *oracles,
                                          struct oracle_surface *surface, raft_file file)
{
    struct oracle_file_state *known = file_find(surface, file);
    if (known != NULL) {
        return known;
    }
    size_t place = 0;
    while (place < surface->file_capacity && surface->files[place].file != 0) {
        place++;
    }
    surface->files = sim_oracle_room(oracles, surface->files, &surface->file_capacity, place + 1,
                                     sizeof surface->files[0]);
    surface->files[place] = (struct oracle_file_state){.file = file};
    return &surface->files[place];
}

void sim_oracle_starts(struct sim_oracles *oracles, uint32_t node)
{
    assert(node > 0 && node < SIM_NODES_MAX);
    struct oracle_node *state = &oracles->nodes[node];
    struct oracle_surface *surface = &state->surface;
    if (!state->is_attached) {
        sim_oracle_attach_disk(oracles, node);
    }
    for (size_t i = 0; i < surface->file_capacity; i++) {
        surface->files[i].file = 0;
    }
    surface->directory_sync_failed = false;
    surface->starts = true;
    surface->start_has_failed = false;
    surface->machine_has_failed = false;
    const struct sim_node *sim_node = oracles->world->nodes[node];
    state->start_is_clean = sim_disk_is_clean(&sim_node->disk) && !sim_node_is_damaged(sim_node);
    state->start_last = state->durable_last;
    state->start_chain = state->durable_last > 0 ? state->durable[state->durable_last].chain : 0;
    state->start_term = state->durable_term;
    state->start_vote = state->durable_vote;
    sim_oracle_loss_starts(oracles, node);
}

void sim_oracle_surface_started(struct sim_oracles *oracles, uint32_t node)
{
    struct oracle_surface *surface = &oracles->nodes[node].surface;
    const struct raft_view *view = &oracles->world->nodes[node]->view;
    surface->starts = false;
    oracles->checks[SIM_ORACLE_ERROR_SURFACES]++;
    if (!surface->start_has_failed || view->condition == RAFT_CONDITION_FAILED) {
        return;
    }
    if (view->condition != RAFT_RUNNING) {
        sim_oracle_waive(oracles, SIM_WAIVER_START_INCOMPLETE);
    } else {
        sim_oracle_broken(
            oracles, SIM_ORACLE_ERROR_SURFACES, node,
            "a start succeeds over an operation that failed: node %u has started, but "
            "the %s of %s failed in it and was not done again",
            node, op_string(surface->start_op),
            surface->start_name[0] != 0 ? surface->start_name : "an open file");
    }
}

/* Whoever has lost its store must not start from what is there instead. */
static void owner_check(struct sim_oracles *oracles, uint32_t node)
{
    uint32_t owner = oracles->world->nodes[node]->disk.owner;
    oracles->checks[SIM_ORACLE_RECOVERY]++;
    if (owner == 0) {
        sim_oracle_broken(oracles, SIM_ORACLE_RECOVERY, node,
                          "a wiped disk is taken for a new one: node %u starts from it", node);
    } else if (owner != node) {
        sim_oracle_broken(oracles, SIM_ORACLE_RECOVERY, node,
                          "a store of another node is taken for its own: node %u starts from that "
                          "of node %u",
                          node, owner);
    }
}

void sim_oracle_recovery_check(struct sim_oracles *oracles, uint32_t node)
{
    const struct oracle_node *state = &oracles->nodes[node];
    const struct raft_view *view = &oracles->world->nodes[node]->view;
    owner_check(oracles, node);
    if (!state->start_is_clean) {
        sim_oracle_waive(oracles, SIM_WAIVER_START_UNCLEAN);
        return;
    }
    if (view->condition != RAFT_RUNNING) {
        sim_oracle_waive(oracles, SIM_WAIVER_START_CONDITION);
        return;
    }
    if (!sim_oracle_has(oracles, SUT_FEATURE_DURABLE)) {
        return;
    }
    oracles->checks[SIM_ORACLE_RECOVERY]++;
    if (view->state.term != state->start_term || view->state.vote != state->start_vote) {
        sim_oracle_broken(oracles, SIM_ORACLE_RECOVERY, node,
                          "a start with a term or vote that is not on the disk: node %u starts in "
                          "term %" PRIu64 " with a vote for %u, on its disk are %" PRIu64 " and %u",
                          node, view->state.term, view->state.vote, state->start_term,
                          state->start_vote);
    }
    if (state->start_last <= view->base.index && state->last <= view->base.index) {
        return;
    }
    if (state->last != state->start_last || state->links[state->last].chain != state->start_chain) {
        sim_oracle_broken(
            oracles, SIM_ORACLE_RECOVERY, node,
            "a start with a log that is not on the disk: node %u starts with one up to "
            "%" PRIu64 ", on its disk is one up to %" PRIu64 "%s",
            node, state->last, state->start_last,
            state->last == state->start_last ? ", which differs" : "");
    }
}

/* ---- operations ---- */

void sim_oracle_io_begins(struct sim_oracles *oracles, uint32_t node, const struct raft_io *io)
{
    assert(node > 0 && node < SIM_NODES_MAX);
    struct oracle_surface *surface = &oracles->nodes[node].surface;
    oracles->checks[SIM_ORACLE_ERROR_SURFACES]++;
    if (io->op == RAFT_IO_SYNC_DIR && surface->directory_sync_failed) {
        sim_oracle_broken(oracles, SIM_ORACLE_ERROR_SURFACES, node,
                          "a failed sync is tried again: node %u syncs its directory once more",
                          node);
    }
    const struct oracle_file_state *file = file_find(surface, io->file);
    if (io->op != RAFT_IO_SYNC || file == NULL) {
        return;
    }
    if (file->sync_failed) {
        sim_oracle_broken(oracles, SIM_ORACLE_ERROR_SURFACES, node,
                          "a failed sync is tried again: node %u syncs file %u once more", node,
                          io->file);
    }
    if (file->hole_from < file->hole_to) {
        sim_oracle_broken(oracles, SIM_ORACLE_ERROR_SURFACES, node,
                          "a failed write is forgotten: node %u syncs file %u, of which the bytes "
                          "from %" PRIu64 " to %" PRIu64 " could not be written",
                          node, io->file, file->hole_from, file->hole_to);
    }
}

static void hole_add(struct oracle_file_state *file, uint64_t from, uint64_t to)
{
    bool has_hole = file->hole_from < file->hole_to;
    file->hole_from = has_hole && file->hole_from < from ? file->hole_from : from;
    file->hole_to = has_hole && file->hole_to > to ? file->hole_to : to;
}

static void on_write(struct oracle_file_state *file, const struct raft_io *io)
{
    uint64_t done = io->status == RAFT_OK ? io->done : 0;
    uint64_t end = io->offset + done;
    if (io->offset <= file->hole_from && end > file->hole_from) {
        file->hole_from = end < file->hole_to ? end : file->hole_to;
    }
    if (done < io->size) {
        hole_add(file, end, io->offset + io->size);
    }
}

/* Remembers the first operation of a start that failed; the same one, done again, mends it. */
static void note_start(struct oracle_surface *surface, const struct raft_io *io)
{
    bool is_failed = io->status != RAFT_OK && io->status != RAFT_NOT_FOUND;
    bool is_harmless = io->op == RAFT_IO_CLOSE || io->op == RAFT_IO_UNLINK;
    if (is_failed && !is_harmless && !surface->start_has_failed) {
        surface->start_has_failed = true;
        surface->start_op = io->op;
        surface->start_file = io->file;
        memcpy(surface->start_name, io->name, sizeof surface->start_name);
    } else if (!is_failed && surface->start_has_failed && io->op == surface->start_op &&
               (io->op == RAFT_IO_OPEN || io->op == RAFT_IO_CREATE || io->op == RAFT_IO_RENAME
                    ? strncmp(io->name, surface->start_name, sizeof io->name) == 0
                    : io->file == surface->start_file)) {
        surface->start_has_failed = false;
    }
}

void sim_oracle_io_done(struct sim_oracles *oracles, uint32_t node, const struct raft_io *io)
{
    assert(node > 0 && node < SIM_NODES_MAX);
    struct oracle_surface *surface = &oracles->nodes[node].surface;
    struct oracle_file_state *file = file_find(surface, io->file);
    bool is_short = io->op == RAFT_IO_WRITE && io->done < io->size;
    sim_oracle_traffic_cause(oracles, node);
    if (surface->starts) {
        note_start(surface, io);
    }
    if (io->op == RAFT_IO_SYNC_DIR && io->status != RAFT_OK) {
        surface->directory_sync_failed = true;
    }
    if (file == NULL && io->file != 0 &&
        ((io->op == RAFT_IO_WRITE && (io->status != RAFT_OK || is_short)) ||
         (io->op == RAFT_IO_SYNC && io->status != RAFT_OK))) {
        file = file_add(oracles, surface, io->file);
    }
    if (file == NULL) {
        return;
    }
    if (io->op == RAFT_IO_WRITE) {
        on_write(file, io);
    } else if (io->op == RAFT_IO_SYNC && io->status != RAFT_OK) {
        file->sync_failed = true;
    } else if (io->op == RAFT_IO_TRUNCATE && io->status == RAFT_OK &&
               io->offset <= file->hole_from) {
        file->hole_to = file->hole_from;
    } else if (io->op == RAFT_IO_CLOSE) {
        file->file = 0;
    }
}

/* ---- the state machine ---- */

void sim_oracle_machine_failed(struct sim_oracles *oracles, uint32_t node, raft_index last)
{
    assert(node > 0 && node < SIM_NODES_MAX);
    oracles->nodes[node].surface.machine_has_failed = true;
    oracles->nodes[node].surface.machine_last = last;
}

void sim_oracle_surface_check(struct sim_oracles *oracles, uint32_t node)
{
    const struct oracle_surface *surface = &oracles->nodes[node].surface;
    const struct raft_view *view = &oracles->world->nodes[node]->view;
    /* A process that stops in good order ends all the same, and asks nothing of the machine. */
    bool is_stopping = oracles->world->nodes[node]->state == SIM_NODE_STOPPING;
    if (!surface->machine_has_failed) {
        return;
    }
    oracles->checks[SIM_ORACLE_ERROR_SURFACES]++;
    bool goes_on =
        view->condition != RAFT_CONDITION_FAILED || view->applied > surface->machine_last;
    if (goes_on && is_stopping) {
        sim_oracle_waive(oracles, SIM_WAIVER_MACHINE_STOPPING);
    } else if (goes_on) {
        sim_oracle_broken(oracles, SIM_ORACLE_ERROR_SURFACES, node,
                          "a failed state machine goes on: that of node %u failed behind %" PRIu64
                          ", and the node is %s with %" PRIu64 " applied",
                          node, surface->machine_last, raft_condition_string(view->condition),
                          view->applied);
    }
}

/* ---- what was refused ---- */

/* What a process owes, or NULL. */
static const char *owed(const struct raft_view *view)
{
    bool applies = (view->member_flags & RAFT_MEMBER_WITNESS) == 0;
    if (view->state_durable < view->state.sequence) {
        return "its term or its vote is not on the disk";
    }
    if (view->durable.index < view->last.index) {
        return "entries of its log are not on the disk";
    }
    return applies && view->applied < view->commit ? "what is committed is not applied" : NULL;
}

static bool is_at_work(const struct sim_node *node)
{
    return sim_disk_pending(&node->disk) > 0 || node->batch != NULL || node->frozen.bytes != NULL ||
           node->restoring.bytes != NULL || node->view.is_installing;
}

uint64_t sim_oracle_latest_harm(const struct sim_oracles *oracles, uint32_t node)
{
    const struct sim_node *who = oracles->world->nodes[node];
    uint64_t latest = 0;
    for (uint32_t i = 0; i < SIM_HARM_COUNT; i++) {
        latest = who->harmed[i] > latest ? who->harmed[i] : latest;
    }
    return latest;
}

/* Whether a process that owes something and does not work at it is let be all the same. */
static bool may_wait(const struct sim_oracles *oracles, uint32_t node)
{
    const struct sim_node *sim_node = oracles->world->nodes[node];
    if (sim_node->view.condition != RAFT_RUNNING) {
        sim_oracle_waive(oracles, SIM_WAIVER_OWED_INCOMPLETE);
        return true;
    }
    bool is_late = sim_node->unsteady_ns > oracles->world->scheduler.now_ns; /* its timers are */
    if (is_late && oracles->nodes[node].patience.idle_ns > 0) {
        sim_oracle_waive(oracles, SIM_WAIVER_OWED_LATE);
    }
    return is_late;
}

void sim_oracle_vanished_check(struct sim_oracles *oracles, uint32_t node)
{
    struct oracle_node *state = &oracles->nodes[node];
    struct oracle_patience *patience = &state->patience;
    const struct sim_node *sim_node = oracles->world->nodes[node];
    const char *what = owed(&sim_node->view);
    uint64_t harm = sim_oracle_latest_harm(oracles, node);
    bool is_harmed = harm != state->harms.of[node];
    bool is_over =
        sim_node->state != SIM_NODE_UP || sim_node->view.condition == RAFT_CONDITION_FAILED;
    state->harms.of[node] = harm;
    if (what == NULL || is_harmed || is_over || is_at_work(sim_node) || may_wait(oracles, node)) {
        patience->idle_ns = 0;
        return;
    }
    oracles->checks[SIM_ORACLE_ERROR_SURFACES]++;
    patience->idle_ns += patience->passed_ns;
    if (patience->idle_ns > 2 * sim_node->started.election_ns_max) {
        sim_oracle_broken(oracles, SIM_ORACLE_ERROR_SURFACES, node,
                          "work is given up in silence: of node %u %s, and for %" PRIu64
                          " ms of its own time it has done nothing about it; what was done to it "
                          "last was in event %" PRIu64,
                          node, what, patience->idle_ns / 1000000, harm == 0 ? 0 : harm - 1);
    }
}
