/* The end of a simulated process: it crashes, it stops in good order, or it fails.
 *
 * A crash takes everything away at once. A process that ends by itself, whether it stopped or
 * failed, must have given everything back before; what it has not is a leak, and is named.
 *
 * Invariants:
 *  1. A process that has ended, however, leaves no event, batch, block or open file behind.
 *  2. A process gives up only for something that was done to it and explains the status: a
 *     refused allocation is no reason to say that the disk failed, nor is a disk that failed
 *     before the log last grew on it, nor anything else before the disk had nothing to do for
 *     the process, which may have files to close before it can say that it failed. It refuses a
 *     store only if that was damaged, or could not be read. What a crash has left on the disk is
 *     no excuse at all: that is what recovery is for. Between giving up and its end a process
 *     may wait for its disk. */
#include "node_internal.h"

#include "world.h"

#include <assert.h>
#include <stdio.h>

void sim_node_unsteady(struct sim_node *node)
{
    sim_node_unsteady_until(node, node->world->scheduler.now_ns);
}

void sim_node_unsteady_until(struct sim_node *node, uint64_t time_ns)
{
    node->unsteady_ns = node->unsteady_ns > time_ns ? node->unsteady_ns : time_ns;
}

void sim_node_harm(struct sim_node *node, enum sim_harm harm)
{
    assert((unsigned)harm < SIM_HARM_COUNT);
    node->harmed[harm] = node->world->events + 1;
    sim_node_unsteady(node);
}

/* The harms that a status may come of, as a set. */
static uint32_t harms_of(enum raft_status why)
{
    const uint32_t disk = 1u << SIM_HARM_DISK;
    const uint32_t space = 1u << SIM_HARM_SPACE;
    switch (why) {
    case RAFT_IO:
        return disk | space; /* of a short transfer nothing more is known than that it failed */
    case RAFT_NOSPACE:
        return space;
    case RAFT_NOMEM:
        return 1u << SIM_HARM_MEMORY;
    case RAFT_BUSY:
        return 1u << SIM_HARM_QUEUE;
    case RAFT_MACHINE:
        return 1u << SIM_HARM_MACHINE;
    case RAFT_CORRUPT:
    case RAFT_LOST_STORE:
        return disk | space; /* what could not be read looks as if it were not there */
    case RAFT_OK:
    case RAFT_INVALID:
    case RAFT_NOT_LEADER:
    case RAFT_READONLY:
    case RAFT_STALE:
    case RAFT_GAP:
    case RAFT_COMPACTED:
    case RAFT_FULL:
    case RAFT_STOPPED:
    case RAFT_LOST:
    case RAFT_NOT_FOUND:
    case RAFT_COLD:
    case RAFT_STATUS_COUNT:
        break;
    }
    return 0;
}

uint32_t sim_node_harms(const struct sim_node *node)
{
    uint32_t harms = 0;
    uint64_t settled =
        node->durable_event > node->idle_event ? node->durable_event : node->idle_event;
    for (uint32_t i = 0; i < SIM_HARM_COUNT; i++) {
        bool is_disk = i == SIM_HARM_DISK || i == SIM_HARM_SPACE;
        harms |= node->harmed[i] > (is_disk ? node->durable_event : settled) ? 1u << i : 0;
    }
    return harms;
}

bool sim_node_is_excused(const struct sim_node *node, enum raft_status why)
{
    uint32_t harms = sim_node_harms(node) | node->failed_by;
    return (harms & (harms_of(why) | 1u << SIM_HARM_EXIT)) != 0;
}

static void process_forget(struct sim_node *node, enum sim_unsynced unsynced)
{
    sim_node_deferred_flush(node);
    sim_node_timers_cancel(node);
    sim_disk_crash(&node->disk, unsynced);
    sim_node_memory_release(node);
    sim_ledger_forget(&node->ledger);
    sim_node_machine_forget(node);
    node->process = NULL;
    node->reads_open = 0;
    node->dying = false;
    node->has_stopped = false;
    node->crash_after = NULL;
    node->view = (struct raft_view){.id = node->id};
    assert(node->block_count == 0 && sim_node_timers_armed(node) == 0);
}

void sim_node_crash_now(struct sim_node *node, enum sim_unsynced unsynced)
{
    struct sim_world *world = node->world;
    assert(!node->running && sim_node_is_up(node));
    node->died_in_event = node->dying;
    sim_probe_crashes(world, node);
    if (node->dying && !node->is_starting && node->process != NULL) {
        node->sut->view(node->process, &node->view);
        sim_oracle_dies(world->oracles, node->id);
    }
    node->is_starting = false;
    process_forget(node, unsynced);
    node->state = SIM_NODE_DOWN;
    node->crashes++;
    world->crashes++;
    sim_world_transcribe(world, "    n%u crashes", node->id);
    sim_oracle_crashed(world->oracles, node->id);
    sim_clients_node_lost(world, node->id);
    sim_changes_node_lost(world, node->id);
    sim_world_fold_node(world, node);
    sim_world_notice(world, SIM_NOTICE_CRASHED, node->id, 0, 0, NULL);
}

static void note_leak(struct sim_node *node, const char *kind, uint64_t count, const char *site)
{
    if (count == 0) {
        return;
    }
    struct sim_leak *leak = sim_world_leak_new(node->world);
    snprintf(leak->kind, sizeof leak->kind, "%s", kind);
    snprintf(leak->site, sizeof leak->site, "%s", site);
    leak->event = node->world->events;
    leak->node = node->id;
    leak->count = (int64_t)count;
}

/* A process that has ended by itself must have released everything, whether it stopped or failed.
 */
static void check_released(struct sim_node *node)
{
    struct sim_world *world = node->world;
    if (!world->checks_leaks) {
        return;
    }
    if (world->features & SUT_FEATURE_LEDGER) {
        sim_ledger_check_empty(&node->ledger);
    }
    uint32_t before = world->leak_count;
    const char *site = sim_node_memory_leak(node);
    note_leak(node, "memory", node->block_count, site != NULL ? site : "");
    note_leak(node, "file", node->disk.open_count, sim_disk_open_file(&node->disk));
    note_leak(node, "operation", sim_disk_pending(&node->disk), "");
    note_leak(node, "timer", sim_node_timers_armed(node), "");
    note_leak(node, "batch", node->batch != NULL, "");
    note_leak(node, "frozen state", node->frozen.bytes != NULL, "");
    note_leak(node, "half restored state", node->restoring.bytes != NULL, "");
    if (world->leak_count > before) {
        const struct sim_leak *leak = &world->leaks[before];
        sim_fail(world, sim_oracle_string(SIM_ORACLE_LEDGER), node->id,
                 "n%u has stopped and still owns %lld of %s%s%s", node->id, (long long)leak->count,
                 leak->kind, leak->site[0] != 0 ? ", first from " : "", leak->site);
    }
}

static void check_failure(struct sim_node *node, enum raft_status why)
{
    struct sim_world *world = node->world;
    /* RAFT_INVALID: the store is another node's. */
    bool is_store = why == RAFT_CORRUPT || why == RAFT_LOST_STORE || why == RAFT_INVALID;
    enum sim_oracle oracle = is_store ? SIM_ORACLE_RECOVERY : SIM_ORACLE_NO_FALSE_ALARM;
    sim_oracle_count(world->oracles, oracle);
    /* A start may mend what was damaged before it says that something is missing. */
    node->refused_store = is_store && (sim_node_is_damaged(node) || node->was_damaged);
    if (!node->refused_store && !sim_node_is_excused(node, why) &&
        sim_oracle_skipped(world->oracles, oracle) == NULL) {
        sim_fail(world, sim_oracle_string(oracle), node->id,
                 "a process ended without a fault that explains it: n%u says \"%s\", and nothing "
                 "that was done to it accounts for that",
                 node->id, raft_status_string(why));
    }
}

void sim_node_process_end(struct sim_node *node, enum raft_status why)
{
    struct sim_world *world = node->world;
    bool in_order = node->state == SIM_NODE_STOPPING && why == RAFT_OK;
    if (node->process != NULL) {
        node->running = true;
        node->sut->destroy(node->process);
        node->running = false;
    }
    sim_probe_ends(world, node, why, in_order);
    node->is_starting = false;
    check_released(node);
    if (!in_order) {
        snprintf(node->why, sizeof node->why, "%s", raft_status_string(why));
        check_failure(node, why);
    }
    process_forget(node, SIM_UNSYNCED_KEEP);
    node->state = in_order ? SIM_NODE_STOPPED : SIM_NODE_FAILED;
    sim_world_transcribe(world, "    n%u %s%s%s", node->id, in_order ? "has stopped" : "has failed",
                         in_order ? "" : ": ", in_order ? "" : node->why);
    sim_oracle_crashed(world->oracles, node->id);
    sim_clients_node_lost(world, node->id);
    sim_changes_node_lost(world, node->id);
    sim_world_fold_node(world, node);
}
