/* What is asked of a simulated process from outside its events: to stop, to lead, to hand over, to
 * take a command, to stand still.
 *
 * A request that cannot be made now, since code of the process is on the stack, is either ordered
 * for the next event (stop, read-only) or refused (the others).
 *
 * Invariants:
 *  1. Only a node that is UP is asked for anything.
 *  2. A completion that comes before its request was taken is delivered when it has been. */
#include "node_internal.h"

#include "probe.h"
#include "world.h"

#include <assert.h>

void sim_node_stop(struct sim_node *node)
{
    if (node->state != SIM_NODE_UP || node->dying) {
        return;
    }
    if (node->running || node->paused) {
        sim_node_order(node, SIM_NODE_STOP, node->world->scheduler.now_ns);
        return;
    }
    node->state = SIM_NODE_STOPPING;
    sim_probe_stops(node->world, node);
    sim_node_enter(node);
    node->sut->stop(node->process, sim_node_now(node));
    sim_node_leave(node);
}

void sim_node_set_read_only(struct sim_node *node, bool read_only)
{
    node->is_read_only_wanted = read_only;
    if (!sim_node_is_up(node) || node->dying) {
        return;
    }
    if (node->running || node->paused) {
        sim_node_order(node, SIM_NODE_READ_ONLY, node->world->scheduler.now_ns);
        return;
    }
    sim_node_enter(node);
    node->sut->set_read_only(node->process, sim_node_now(node), read_only);
    sim_node_leave(node);
}

/* Whether a request can be made now: RAFT_OK, or why it is refused. */
static enum raft_status availability(const struct sim_node *node)
{
    if (node->state != SIM_NODE_UP) {
        return RAFT_STOPPED;
    }
    return node->running || node->dying || node->paused ? RAFT_BUSY : RAFT_OK;
}

enum raft_status sim_node_campaign(struct sim_node *node)
{
    enum raft_status status = availability(node);
    if (status != RAFT_OK) {
        return status;
    }
    sim_node_enter(node);
    sim_oracle_campaign_ordered(node->world->oracles, node->id);
    status = node->sut->campaign(node->process, sim_node_now(node));
    sim_node_leave(node);
    return status;
}

enum raft_status sim_node_snapshot(struct sim_node *node)
{
    enum raft_status status = availability(node);
    if (status != RAFT_OK) {
        return status;
    }
    sim_node_enter(node);
    status = node->sut->snapshot(node->process, sim_node_now(node));
    sim_node_leave(node);
    return status;
}

enum raft_status sim_node_transfer(struct sim_node *node, uint32_t target)
{
    enum raft_status status = availability(node);
    if (status != RAFT_OK) {
        return status;
    }
    sim_node_enter(node);
    status = node->sut->transfer(node->process, sim_node_now(node), target);
    sim_node_leave(node);
    return status;
}

void sim_node_retire(struct sim_node *node)
{
    if (sim_fault_befalls(&node->world->faults, node->id, SIM_MISHAP_RETIRE)) {
        node->is_gone = true;
        sim_node_kill(node, SIM_UNSYNCED_LOSE);
    }
}

bool sim_node_learns(const struct sim_node *node)
{
    return (node->view.member_flags & (RAFT_MEMBER_LEARNER | RAFT_MEMBER_OUTGOING)) ==
           RAFT_MEMBER_LEARNER;
}

enum raft_status sim_node_recover(struct sim_node *node, const struct raft_configuration *target)
{
    enum raft_status status = availability(node);
    if (status != RAFT_OK) {
        return status;
    }
    sim_oracle_recovered(node->world->oracles);
    sim_node_enter(node);
    status = node->sut->recover(node->process, sim_node_now(node), target);
    sim_node_leave(node);
    return status;
}

/* A completion that comes before the request has been taken waits until it has. */
static void request_begin(struct sim_node *node, uint64_t request)
{
    node->submitting = request;
    node->completed_early = false;
    sim_node_enter(node);
}

static void request_end(struct sim_node *node, uint64_t request)
{
    node->submitting = 0;
    if (!node->dying && node->completed_early) {
        sim_node_deliver_completion(node, request, node->early_status, node->early_index);
    }
    sim_node_settle(node);
}

enum raft_status sim_node_submit(struct sim_node *node, uint64_t request, const uint8_t *payload,
                                 uint32_t size)
{
    struct sim_world *world = node->world;
    assert(sim_node_is_up(node) && request != 0 && node->submitting == 0);
    request_begin(node, request);
    enum raft_status status =
        node->sut->submit(node->process, sim_node_now(node), request, payload, size);
    node->running = false;
    /* Also of a process that dies of it: the entry may have left already. */
    if (status == RAFT_OK) {
        sim_oracle_submitted(world->oracles, node->id, request, payload, size);
    }
    request_end(node, request);
    return status;
}

enum raft_status sim_node_read(struct sim_node *node, uint64_t request)
{
    assert(sim_node_is_up(node) && (request & SIM_REQUEST_READ) != 0 && node->submitting == 0);
    request_begin(node, request);
    enum raft_status status = node->sut->read(node->process, sim_node_now(node), request);
    node->running = false;
    if (status == RAFT_OK) {
        node->reads_open++;
        sim_oracle_read_taken(node->world->oracles, node->id, request);
    }
    request_end(node, request);
    return status;
}

enum raft_status sim_node_change(struct sim_node *node, uint64_t request,
                                 const struct raft_configuration *target)
{
    assert((request & SIM_REQUEST_CHANGE) != 0 && node->submitting == 0);
    enum raft_status status = availability(node);
    if (status != RAFT_OK) {
        return status;
    }
    request_begin(node, request);
    status = node->sut->change(node->process, sim_node_now(node), request, target);
    node->running = false;
    node->changes_open += status == RAFT_OK;
    request_end(node, request);
    return status;
}

void sim_node_pause(struct sim_node *node)
{
    if (sim_node_is_up(node) && !node->paused &&
        sim_fault_befalls(&node->world->faults, node->id, SIM_MISHAP_PAUSE)) {
        node->paused = true;
        sim_node_unsteady(node);
        sim_probe_paused(node->world, node);
        node->world->pauses++;
        sim_world_transcribe(node->world, "    n%u is paused", node->id);
    }
}

void sim_node_resume(struct sim_node *node)
{
    if (node->paused) {
        sim_node_deferred_flush(node);
        sim_probe_resumed(node->world, node);
        sim_node_unsteady(node);
        sim_world_transcribe(node->world, "    n%u is resumed", node->id);
    }
}

void sim_node_defer(struct sim_node *node, struct sim_event *event)
{
    assert(node->paused && event->position == 0);
    sim_watch_hit(node->pause_watch);
    if (node->deferred_count == node->deferred_capacity) {
        node->deferred_capacity = node->deferred_capacity == 0 ? 16 : node->deferred_capacity * 2;
        node->deferred = arena_realloc(node->world->arena, node->deferred,
                                       node->deferred_capacity * sizeof node->deferred[0]);
    }
    node->deferred[node->deferred_count++] = event;
}
