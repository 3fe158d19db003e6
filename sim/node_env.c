/* The environment of a simulated process: raft/env.h over the simulated devices.
 *
 * Every fallible call first consults the caller's own fault point, then, for files, the world's
 * point of that operation. A fault that kills the process marks the node as dying; from then on
 * each call here refuses and has no effect, and the world crashes the node when its step is over.
 *
 * Fault model. Beside what the devices do by themselves (disk.h, network.h): any call may be
 * refused or fail as its points declare; the process may die before an operation (it never
 * happened) or after it (it happened, nobody heard); a hand-over likewise. What runs at once (the
 * reads of a recovery) takes no time and cannot be delayed. node_machine.c has the state machine,
 * node_clock.c the clock.
 *
 * Invariant: nothing calls back into the process from inside one of these functions. */
#include "node_internal.h"

#include "world.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* ---- files ---- */

static uint32_t world_point_of(enum raft_io_op op)
{
    switch (op) {
    case RAFT_IO_OPEN:
        return SIM_POINT_DISK_OPEN;
    case RAFT_IO_CREATE:
        return SIM_POINT_DISK_CREATE;
    case RAFT_IO_READ:
        return SIM_POINT_DISK_READ;
    case RAFT_IO_WRITE:
        return SIM_POINT_DISK_WRITE;
    case RAFT_IO_SYNC:
        return SIM_POINT_DISK_SYNC;
    case RAFT_IO_TRUNCATE:
        return SIM_POINT_DISK_TRUNCATE;
    case RAFT_IO_CLOSE:
        return SIM_POINT_DISK_CLOSE;
    case RAFT_IO_UNLINK:
        return SIM_POINT_DISK_UNLINK;
    case RAFT_IO_RENAME:
        return SIM_POINT_DISK_RENAME;
    case RAFT_IO_SYNC_DIR:
        return SIM_POINT_DISK_SYNC_DIR;
    case RAFT_IO_OP_COUNT:
        break;
    }
    assert(!"not an operation");
    return 0;
}

/* Consults a point of the process, then one of the world; the first outcome wins, delays add up. */
static struct sim_verdict consult_both(struct sim_node *node, enum raft_point point,
                                       uint32_t world_point)
{
    struct sim_faults *faults = &node->world->faults;
    struct sim_verdict verdict = sim_fault_consult(faults, node->id, sim_node_point(node, point));
    if (node->dying || verdict.outcome != RAFT_OUTCOME_COUNT) {
        return verdict;
    }
    struct sim_verdict second =
        sim_fault_consult(faults, node->id, faults->sut_point_count + world_point);
    second.delay_ns += verdict.delay_ns;
    second.lie = second.lie != SIM_LIE_NONE ? second.lie : verdict.lie;
    second.fired = second.fired || verdict.fired;
    return second;
}

/* The same for an operation that ends before the call returns. */
static struct sim_verdict consult_at_once(struct sim_node *node, enum raft_point point,
                                          uint32_t world_point)
{
    struct sim_faults *faults = &node->world->faults;
    assert(!faults->at_once);
    faults->at_once = true;
    struct sim_verdict verdict = consult_both(node, point, world_point);
    faults->at_once = false;
    return verdict;
}

static struct sim_disk_fault disk_fault_of(struct sim_verdict verdict)
{
    struct sim_disk_fault fault = {
        .status = RAFT_OK, .delay_ns = verdict.delay_ns, .lie = verdict.lie};
    if (verdict.outcome == RAFT_OUTCOME_EIO) {
        fault.status = RAFT_IO;
    } else if (verdict.outcome == RAFT_OUTCOME_ENOSPC) {
        fault.status = RAFT_NOSPACE;
    } else if (verdict.outcome == RAFT_OUTCOME_SHORT) {
        fault.is_short = true;
        fault.short_bytes = verdict.short_bytes;
    }
    return fault;
}

static enum raft_status env_io_submit(void *ctx, enum raft_point point, struct raft_io *io)
{
    struct sim_node *node = ctx;
    assert(node->running && io != NULL);
    if (node->dying) {
        return RAFT_BUSY;
    }
    struct sim_verdict verdict = consult_both(node, point, world_point_of(io->op));
    if (verdict.outcome == RAFT_OUTCOME_CRASH_BEFORE) {
        sim_node_kill(node, SIM_UNSYNCED_RANDOM);
    }
    if (node->dying || verdict.outcome == RAFT_OUTCOME_REFUSE) {
        return RAFT_BUSY;
    }
    if (verdict.outcome == RAFT_OUTCOME_CRASH_AFTER && node->crash_after == NULL) {
        node->crash_after = io;
    }
    sim_instant_pass(&node->world->faults, node->id, SIM_SHOT_SUBMIT, false);
    if (node->dying) {
        return RAFT_BUSY;
    }
    sim_oracle_io_begins(node->world->oracles, node->id, io);
    sim_disk_submit(&node->disk, io, disk_fault_of(verdict), node->incarnation);
    sim_instant_pass(&node->world->faults, node->id, SIM_SHOT_SUBMIT, true);
    return RAFT_OK;
}

static enum raft_status env_io_run(void *ctx, enum raft_point point, struct raft_io *io)
{
    struct sim_node *node = ctx;
    assert(node->running && io != NULL);
    io->status = RAFT_IO;
    io->done = 0;
    if (node->dying) {
        return RAFT_IO;
    }
    struct sim_verdict verdict = consult_at_once(node, point, world_point_of(io->op));
    if (verdict.outcome == RAFT_OUTCOME_CRASH_BEFORE) {
        sim_node_kill(node, SIM_UNSYNCED_RANDOM);
    }
    if (!node->dying) {
        sim_instant_pass(&node->world->faults, node->id, SIM_SHOT_SUBMIT, false);
    }
    if (node->dying) {
        return RAFT_IO;
    }
    sim_oracle_io_begins(node->world->oracles, node->id, io);
    enum raft_status status = sim_disk_run(&node->disk, io, disk_fault_of(verdict));
    sim_oracle_io_done(node->world->oracles, node->id, io);
    sim_instant_pass(&node->world->faults, node->id, SIM_SHOT_SUBMIT, true);
    if (status == RAFT_IO || status == RAFT_NOSPACE) {
        sim_node_harm(node, status == RAFT_IO ? SIM_HARM_DISK : SIM_HARM_SPACE);
        sim_world_notice(node->world, SIM_NOTICE_DISK_ERROR, node->id, 0, 0,
                         raft_status_string(status));
    }
    if (io->op == RAFT_IO_WRITE && status == RAFT_OK && io->done < io->size) {
        sim_node_harm(node, SIM_HARM_SPACE);
    }
    if (verdict.outcome == RAFT_OUTCOME_CRASH_AFTER) {
        sim_node_kill(node, SIM_UNSYNCED_RANDOM);
    }
    return status;
}

static enum raft_status env_list(void *ctx, enum raft_point point, raft_list_visit visit,
                                 void *visitor)
{
    struct sim_node *node = ctx;
    assert(node->running);
    if (node->dying) {
        return RAFT_IO;
    }
    struct sim_verdict verdict = consult_at_once(node, point, SIM_POINT_DISK_LIST);
    if (verdict.outcome == RAFT_OUTCOME_CRASH_BEFORE ||
        verdict.outcome == RAFT_OUTCOME_CRASH_AFTER) {
        sim_node_kill(node, SIM_UNSYNCED_RANDOM);
    }
    if (node->dying || verdict.outcome == RAFT_OUTCOME_EIO) {
        return RAFT_IO;
    }
    sim_disk_list(&node->disk, visit, visitor);
    return RAFT_OK;
}

/* ---- messages ---- */

/* What is sent, and what it says: the transcript is read to see who believed what. */
static void transcribe_message(struct sim_node *node, raft_node_id to, const uint8_t *bytes,
                               size_t size)
{
    struct sut_message message;
    char claim[128] = "";
    if (!node->sut->describe(bytes, size, &message)) {
        sim_world_transcribe(node->world, "    n%u sends ? to n%u", node->id, to);
        return;
    }
    if (message.piece_of != 0) {
        snprintf(claim, sizeof claim, ", the snapshot of %llu from byte %llu on",
                 (unsigned long long)message.piece_of, (unsigned long long)message.piece_offset);
    } else if (message.asks) {
        snprintf(claim, sizeof claim, ", %u entries after %llu", message.entry_count,
                 (unsigned long long)message.position);
    } else if (message.refuses) {
        snprintf(claim, sizeof claim,
                 ", refuses what comes after %llu, hint (term %llu, index %llu)",
                 (unsigned long long)message.position, (unsigned long long)message.hint.term,
                 (unsigned long long)message.hint.index);
    } else if (message.claims_index != 0) {
        snprintf(claim, sizeof claim, ", holds up to %llu",
                 (unsigned long long)message.claims_index);
    } else if (message.grants) {
        snprintf(claim, sizeof claim, ", granted");
    }
    sim_world_transcribe(node->world, "    n%u sends %s to n%u, term %llu%s", node->id,
                         message.type, to, (unsigned long long)message.term, claim);
}

static enum raft_status env_send(void *ctx, enum raft_point point, raft_node_id to,
                                 const uint8_t *bytes, size_t size)
{
    struct sim_node *node = ctx;
    struct sim_world *world = node->world;
    assert(node->running && size > 0);
    if (node->dying) {
        return RAFT_BUSY;
    }
    struct sim_verdict verdict =
        sim_fault_consult(&world->faults, node->id, sim_node_point(node, point));
    if (node->dying || verdict.outcome == RAFT_OUTCOME_REFUSE) {
        return RAFT_BUSY;
    }
    if (to == 0 || to > world->node_count || to == node->id) {
        sim_fail(world, "address", node->id, "n%u sends a message to n%u, which does not exist",
                 node->id, to);
        return RAFT_BUSY;
    }
    sim_instant_pass(&world->faults, node->id, SIM_SHOT_MESSAGE, false);
    if (node->dying) {
        return RAFT_BUSY;
    }
    if (world->transcript != NULL && (world->features & SUT_FEATURE_DESCRIBE)) {
        transcribe_message(node, to, bytes, size);
    }
    sim_oracle_sent(world->oracles, node->id, bytes, size);
    world->network.strike = sim_instant_message(&world->faults, node->id);
    sim_network_send(&world->network, node->id, to, bytes, size);
    sim_instant_pass(&world->faults, node->id, SIM_SHOT_MESSAGE, true);
    if (verdict.outcome == RAFT_OUTCOME_CRASH_AFTER) {
        sim_node_kill(node, SIM_UNSYNCED_RANDOM);
    }
    return RAFT_OK;
}

/* ---- requests, the end, the probe ---- */

/* A change is completed once, by the process that took it. */
static void change_ended(struct sim_node *node, uint64_t request)
{
    if (node->changes_open == 0) {
        sim_fail(
            node->world, sim_oracle_string(SIM_ORACLE_REQUEST_ONCE), node->id,
            "n%u completes a change of the members that it has not taken, or completed before: "
            "request %llu",
            node->id, (unsigned long long)(request & ~SIM_REQUEST_CHANGE));
        return;
    }
    node->changes_open--;
}

void sim_node_deliver_completion(struct sim_node *node, uint64_t request, enum raft_status status,
                                 raft_index index)
{
    if (request & SIM_REQUEST_READ) {
        assert(node->reads_open > 0);
        node->reads_open--;
        sim_oracle_read_ended(node->world->oracles, node->id, request);
    } else if (request & SIM_REQUEST_CHANGE) {
        change_ended(node, request);
        sim_change_completed(node->world, node->id, request, status, index);
        return;
    } else {
        sim_oracle_completed(node->world->oracles, node->id, request, status, index);
    }
    sim_client_completed(node->world, node->id, request, status, index);
}

static void env_complete(void *ctx, uint64_t request, enum raft_status status, raft_index index)
{
    struct sim_node *node = ctx;
    if (node->dying) {
        return;
    }
    if (request == node->submitting && !node->completed_early) {
        /* Nobody knows of the request before its submission has returned. */
        node->completed_early = true;
        node->early_status = status;
        node->early_index = index;
        return;
    }
    sim_node_deliver_completion(node, request, status, index);
}

static void env_stopped(void *ctx, enum raft_status why)
{
    struct sim_node *node = ctx;
    if (node->dying) {
        return;
    }
    if (node->has_stopped) {
        sim_fail(node->world, "shutdown", node->id, "n%u says twice that it has stopped", node->id);
        return;
    }
    node->has_stopped = true;
    node->stopped_why = why;
}

static bool probe_exit(void *ctx, enum raft_point point, bool condition)
{
    struct sim_node *node = ctx;
    struct sim_faults *faults = &node->world->faults;
    uint32_t own = sim_node_point(node, point);
    if (own == SIM_POINT_UNLISTED) {
        return condition;
    }
    /* The core has counted at the gate that it was given. */
    faults->gates[own].hits += node->sut != node->world->sut;
    return node->dying ? condition : sim_fault_exit(faults, node->id, own, condition);
}

static void probe_exit_taken(void *ctx, enum raft_point point)
{
    struct sim_node *node = ctx;
    uint32_t own = sim_node_point(node, point);
    if (!node->dying && own != SIM_POINT_UNLISTED) {
        node->world->faults.taken[own]++;
        node->exit.point = own;
        node->exit.event = node->world->events;
    }
}

static void probe_entry_held(void *ctx, struct raft_entry *entry, enum raft_holder holder,
                             const char *site)
{
    struct sim_node *node = ctx;
    if (!node->dying) {
        sim_ledger_held(&node->ledger, entry, holder, site);
    }
}

static void probe_entry_dropped(void *ctx, struct raft_entry *entry, enum raft_holder holder,
                                const char *site)
{
    struct sim_node *node = ctx;
    if (!node->dying) {
        sim_ledger_dropped(&node->ledger, entry, holder, site);
    }
}

void sim_node_env_init(struct sim_node *node)
{
    node->probe = (struct raft_probe){
        .ctx = node,
        .gates = node->world->faults.gates,
        .exit = probe_exit,
        .exit_taken = probe_exit_taken,
        .entry_held = probe_entry_held,
        .entry_dropped = probe_entry_dropped,
    };
    node->memory.probe = &node->probe;
    node->env = (struct raft_env){
        .ctx = node,
        .memory = &node->memory,
        .io_submit = env_io_submit,
        .io_run = env_io_run,
        .list = env_list,
        .send = env_send,
        .set_timer = sim_node_set_timer,
        .complete = env_complete,
        .stopped = env_stopped,
    };
    sim_node_machine_init(node);
}
