/* Instants: where a sweep may strike beside the fault points.
 *
 * A node *passes* an instant when it hands an operation to its disk, when one completes, or when it
 * sends a message; the run passes one between two events. Instants are counted over the run and all
 * nodes. A *passage* is one side of one: before it or behind it.
 *
 * Fault model. A crash before a passage prevents it, a crash behind it finds it done; what it
 * leaves of unsynced writes is the shot's to say. The node starts again RESTART_NS later, or with
 * the liveness phase. A message is lost, comes twice or comes late. A node is asked to stop.
 *
 * Invariants:
 *  1. Nothing strikes in the liveness phase or in a dying node.
 *  2. Watching changes nothing. */
#include "world.h"

#include <assert.h>

#define RESTART_NS UINT64_C(20000000) /* soon enough to meet its peers as they were */

static void watch(const struct sim_faults *faults, uint32_t node, enum sim_shot_place place,
                  bool is_after)
{
    const struct sim_world *world = faults->world;
    if (world->watch == NULL || faults->suspended) {
        return;
    }
    const struct sim_disk *disk = &world->nodes[node]->disk;
    uint64_t file = 0;
    uint32_t tail = sim_disk_tail(disk, &file);
    const struct sim_passage passage = {
        .place = place,
        .is_after = is_after,
        .node = node,
        .role = world->nodes[node]->view.role,
        .number = faults->passed[place],
        .event = world->events,
        .pieces = sim_disk_pieces(disk),
        .tail = tail,
        .file = file,
        .changes = disk->change_last,
    };
    world->watch(world->watch_ctx, &passage);
}

static bool strikes(const struct sim_faults *faults, enum sim_shot_place place)
{
    const struct sim_shot *shot = &faults->shot;
    return shot->occurrence != 0 && shot->place == place && shot->fired == 0 &&
           !faults->suspended && shot->occurrence == faults->passed[place];
}

static void note(struct sim_faults *faults, uint32_t node, const char *what)
{
    struct sim_shot *shot = &faults->shot;
    assert(shot->fired == 0);
    shot->node = node;
    shot->fired = 1;
    shot->fired_ns = faults->world->scheduler.now_ns;
    sim_fault_note_shot(faults, node, shot);
    sim_world_transcribe(faults->world, "    n%u fault: %s", node, what);
}

void sim_instant_pass(struct sim_faults *faults, uint32_t node, enum sim_shot_place place,
                      bool is_after)
{
    struct sim_world *world = faults->world;
    struct sim_node *who = world->nodes[node];
    assert(place == SIM_SHOT_SUBMIT || place == SIM_SHOT_DONE || place == SIM_SHOT_MESSAGE);
    if (who->dying) {
        return;
    }
    faults->passed[place] += is_after ? 0 : 1;
    watch(faults, node, place, is_after);
    enum sim_shot_deed deed = is_after ? SIM_SHOT_CRASH_AFTER : SIM_SHOT_CRASH_BEFORE;
    if (!strikes(faults, place) || faults->shot.deed != deed) {
        return;
    }
    note(faults, node, is_after ? "crash behind this instant" : "crash before this instant");
    if (world->phase == SIM_PHASE_RUN) {
        sim_node_start_at(who, world->scheduler.now_ns + RESTART_NS);
    }
    who->disk.image = faults->shot.image;
    sim_node_kill(who, SIM_UNSYNCED_CHOSEN);
}

const struct sim_shot *sim_instant_message(struct sim_faults *faults, uint32_t node)
{
    struct sim_shot *shot = &faults->shot;
    if (!strikes(faults, SIM_SHOT_MESSAGE) || shot->deed == SIM_SHOT_CRASH_BEFORE ||
        shot->deed == SIM_SHOT_CRASH_AFTER) {
        return NULL;
    }
    assert(shot->deed != SIM_SHOT_STOP);
    note(faults, node,
         shot->deed == SIM_SHOT_DROP        ? "message lost"
         : shot->deed == SIM_SHOT_DUPLICATE ? "message twice"
                                            : "message late");
    return shot;
}

void sim_instant_event(struct sim_faults *faults)
{
    struct sim_world *world = faults->world;
    struct sim_shot *shot = &faults->shot;
    if (shot->place != SIM_SHOT_EVENT || shot->occurrence != world->events || shot->fired != 0 ||
        world->phase != SIM_PHASE_RUN || world->over) {
        return;
    }
    assert(shot->deed == SIM_SHOT_STOP && shot->node > 0 && shot->node < SIM_NODES_MAX);
    struct sim_node *who = world->nodes[shot->node];
    if (who == NULL || who->state != SIM_NODE_UP) {
        return;
    }
    note(faults, shot->node, "asked to stop");
    sim_node_stop(who);
}
