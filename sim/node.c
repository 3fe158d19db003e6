/* The life of a simulated node.
 *
 *              start                    stop asked for              env->stopped(OK)
 *     DOWN -------------> UP ------------------------> STOPPING ----------------------> STOPPED
 *      ^ ^                | \                            |
 *      | +-- crash -------+  +--- stops by itself, or ---+--> FAILED
 *      +---- crash ---------------would not start
 *
 * From DOWN, STOPPED and FAILED a start leads back to UP, as a new incarnation that is built from
 * the disk's bytes alone.
 *
 * Terms. A node is *running* while code of its process is on the stack; it is *dying* from the
 * fault that killed it in the middle of that code until the step is over. It is *settled* after
 * each entry into the process: what is due is done, its view is fetched, the rules are checked.
 *
 * Invariants:
 *  1. process is not NULL between events exactly if the node is UP or STOPPING.
 *  2. The process is entered through enter and leave only, never while it is running.
 *
 * node_requests.c has what is asked of a process, node_end.c the ways in which it ends. */
#include "node_internal.h"

#include "world.h"

#include <assert.h>
#include <string.h>

const char *sim_node_state_string(enum sim_node_state state)
{
    switch (state) {
    case SIM_NODE_DOWN:
        return "down";
    case SIM_NODE_UP:
        return "up";
    case SIM_NODE_STOPPING:
        return "stopping";
    case SIM_NODE_STOPPED:
        return "stopped";
    case SIM_NODE_FAILED:
        return "failed";
    }
    assert(!"not a state");
    return NULL;
}

bool sim_node_is_up(const struct sim_node *node)
{
    return node->state == SIM_NODE_UP || node->state == SIM_NODE_STOPPING;
}

enum sim_life sim_node_life(const struct sim_node *node)
{
    if (node->is_starting) {
        return node->bootstrapped ? SIM_LIFE_RECOVERING : SIM_LIFE_STARTING;
    }
    if (node->state == SIM_NODE_STOPPING) {
        return SIM_LIFE_STOPPING;
    }
    switch (node->view.role) {
    case RAFT_FOLLOWER:
        if (node->view.condition == RAFT_CONDITION_RECOVERING) {
            return SIM_LIFE_RECOVERING;
        }
        return node->view.is_installing ? SIM_LIFE_INSTALLING : SIM_LIFE_FOLLOWER;
    case RAFT_PRECANDIDATE:
    case RAFT_CANDIDATE:
        return SIM_LIFE_CANDIDATE;
    case RAFT_LEADER:
        return node->view.transfer_target != RAFT_NODE_NONE ? SIM_LIFE_TRANSFERRING
                                                            : SIM_LIFE_LEADER;
    case RAFT_ROLE_COUNT:
        break;
    }
    assert(!"not a role");
    return SIM_LIFE_FOLLOWER;
}

struct sim_node *sim_node_create(struct sim_world *world, uint32_t id,
                                 const struct raft_options *options)
{
    assert(id > 0 && id < SIM_NODES_MAX);
    struct sim_node *node = arena_calloc(world->arena, sizeof *node);
    node->world = world;
    node->id = id;
    node->sut = world->sut;
    node->state = SIM_NODE_DOWN;
    node->options = *options;
    node->options.id = id;
    sim_node_clock_init(node);
    sim_node_memory_init(node);
    sim_node_env_init(node);
    sim_disk_init(&node->disk, world, id);
    sim_ledger_init(&node->ledger, world, id);
    sim_source_init(&world->scheduler, &node->timer_source, false);
    sim_source_init(&world->scheduler, &node->machine_source, false);
    sim_source_init(&world->scheduler, &node->resume_source, true);
    sim_stream_init(&node->machine_stream, world->seed, SIM_STREAM_MACHINE, id, 0);
    return node;
}

void sim_node_order(struct sim_node *node, enum sim_node_action action, uint64_t time_ns)
{
    struct sim_world *world = node->world;
    struct sim_event *event = sim_event_new(&world->scheduler, SIM_EVENT_NODE, node->id);
    event->number = (uint32_t)action;
    event->incarnation = node->incarnation;
    sim_schedule(&world->scheduler, &world->harness, event, time_ns);
}

void sim_node_enter(struct sim_node *node)
{
    assert(!node->running && !node->dying);
    node->running = true;
}

void sim_node_leave(struct sim_node *node)
{
    assert(node->running);
    node->running = false;
    sim_node_settle(node);
}

void sim_node_deferred_flush(struct sim_node *node)
{
    struct sim_scheduler *scheduler = &node->world->scheduler;
    for (uint32_t i = 0; i < node->deferred_count; i++) {
        sim_schedule(scheduler, &node->resume_source, node->deferred[i], scheduler->now_ns);
    }
    node->deferred_count = 0;
    node->paused = false;
}

void sim_node_crash(struct sim_node *node, enum sim_unsynced unsynced)
{
    if (sim_node_is_up(node) && !node->dying &&
        sim_fault_befalls(&node->world->faults, node->id, SIM_MISHAP_CRASH)) {
        sim_node_kill(node, unsynced);
    }
}

void sim_node_kill(struct sim_node *node, enum sim_unsynced unsynced)
{
    if (!sim_node_is_up(node) || node->dying) {
        return;
    }
    if (node->running) {
        node->dying = true;
        node->dying_unsynced = unsynced;
    } else {
        sim_node_crash_now(node, unsynced);
    }
}

/* ---- the beginning ---- */

/* The process that is to come is of the implementation that is wanted. */
static void implementation_take(struct sim_node *node)
{
    struct sim_world *world = node->world;
    assert(node->process == NULL && (!node->takes_next || world->sut_next != NULL));
    node->sut = node->takes_next ? world->sut_next : world->sut;
    node->probe.gates = node->sut == world->sut ? world->faults.gates : world->faults.next_gates;
}

void sim_node_start(struct sim_node *node)
{
    struct sim_world *world = node->world;
    if (node->running || node->dying) {
        sim_node_order(node, SIM_NODE_RESTART, world->scheduler.now_ns);
        return;
    }
    if (sim_node_is_up(node) || node->is_gone) {
        return;
    }
    assert(node->process == NULL && node->blocks == NULL);
    bool is_restart = node->incarnation > 0;
    node->incarnation++;
    node->state = SIM_NODE_UP;
    memset(node->harmed, 0, sizeof node->harmed);
    node->failed_by = 0;
    node->durable_event = world->events;
    node->idle_event = world->events;
    node->was_damaged = sim_node_is_damaged(node) || (node->was_damaged && !node->is_whole);
    node->is_whole = false;
    node->refused_store = false;
    sim_node_unsteady(node);
    implementation_take(node);
    sim_oracle_starts(world->oracles, node->id);
    node->why[0] = 0;
    node->view = (struct raft_view){.id = node->id};
    node->machine = sim_machine_create(world->arena, world->cluster.sessions);
    struct sim_stream stream;
    sim_stream_init(&stream, world->seed, SIM_STREAM_CORE, node->id, node->incarnation);
    node->options.seed = sim_draw(&stream);
    node->started = node->options;
    sim_world_transcribe(world, "    n%u starts%s", node->id,
                         node->sut != world->sut ? " from the next implementation" : "");
    node->is_starting = true;
    sim_node_enter(node);
    enum raft_status status = node->sut->create(&node->options, &node->env, &node->process);
    if (status == RAFT_OK) {
        status = node->sut->start(node->process, sim_node_now(node), !node->bootstrapped);
    }
    if (status == RAFT_OK && node->is_read_only_wanted) {
        node->sut->set_read_only(node->process, sim_node_now(node), true);
    }
    node->running = false;
    if (node->dying) {
        sim_node_crash_now(node, node->dying_unsynced);
        return;
    }
    if (status != RAFT_OK) {
        sim_node_process_end(node, status);
        return;
    }
    node->is_starting = false;
    node->bootstrapped = true;
    world->restarts += is_restart;
    node->sut->view(node->process, &node->view);
    sim_oracle_started(world->oracles, node->id);
    node->died_in_event = false; /* what the process before did in it has been looked at */
    sim_probe_started(world, node);
    sim_node_settle(node);
    if (is_restart) {
        sim_world_notice(world, SIM_NOTICE_RESTARTED, node->id, node->view.state.term,
                         node->view.last.index, NULL);
    }
}

/* ---- what is done to its store ---- */

bool sim_node_is_damaged(const struct sim_node *node)
{
    return node->is_store_planted || sim_disk_is_damaged(&node->disk);
}

bool sim_node_store_is_free(const struct sim_node *node)
{
    assert(!sim_node_is_up(node) || node->world->faults.mute.active);
    return !sim_node_is_up(node);
}

void sim_node_wipe(struct sim_node *node)
{
    if (!sim_node_store_is_free(node) ||
        !sim_fault_befalls(&node->world->faults, node->id, SIM_MISHAP_WIPE)) {
        return;
    }
    sim_disk_wipe(&node->disk);
    if (node->bootstrapped) {
        node->is_store_planted = true;
    } else {
        node->disk.owner = node->id; /* nothing was there that could be missed */
    }
    sim_world_transcribe(node->world, "    n%u loses its store", node->id);
}

void sim_node_restore(struct sim_node *node, const struct sim_disk_copy *copy)
{
    if (!sim_node_store_is_free(node) ||
        !sim_fault_befalls(&node->world->faults, node->id, SIM_MISHAP_RESTORE)) {
        return;
    }
    node->is_store_planted = true;
    sim_disk_restore(&node->disk, copy);
    sim_world_transcribe(node->world, "    n%u has a copy of a store of n%u", node->id,
                         node->disk.owner);
}

void sim_node_start_at(struct sim_node *node, uint64_t time_ns)
{
    sim_node_order(node, SIM_NODE_RESTART, time_ns);
}

/* ---- events ---- */

static void on_message(struct sim_node *node, struct sim_event *event)
{
    struct sim_world *world = node->world;
    struct sim_packet *packet = sim_network_arrive(&world->network, event);
    if (packet == NULL) {
        return;
    }
    if (sim_node_is_up(node)) {
        world->arrival = sim_hash(packet->bytes, packet->size, packet->from);
        node->peer = packet->from;
        sim_oracle_arrives(world->oracles, node->id, packet->bytes, packet->size);
        sim_node_enter(node);
        node->sut->receive(node->process, sim_node_now(node), packet->bytes, packet->size);
        sim_node_leave(node);
    }
    arena_free(world->arena, packet);
}

static void on_io(struct sim_node *node, struct sim_event *event)
{
    struct sim_world *world = node->world;
    sim_instant_pass(&world->faults, node->id, SIM_SHOT_DONE, false);
    if (node->process == NULL) {
        return;
    }
    struct raft_io *io = sim_disk_perform(&node->disk, event);
    assert(io != NULL);
    sim_instant_pass(&world->faults, node->id, SIM_SHOT_DONE, true);
    if (node->process == NULL) {
        return;
    }
    if (io->status == RAFT_IO || io->status == RAFT_NOSPACE) {
        sim_node_harm(node, io->status == RAFT_IO ? SIM_HARM_DISK : SIM_HARM_SPACE);
        sim_probe_disk_failed(world, node);
        sim_world_transcribe(world, "    n%u disk: %s", node->id, raft_status_string(io->status));
        sim_world_notice(world, SIM_NOTICE_DISK_ERROR, node->id, 0, 0,
                         raft_status_string(io->status));
        if (node->process == NULL || node->incarnation != event->incarnation) {
            return; /* a listener has crashed the node, and perhaps started it again */
        }
    }
    if (io->op == RAFT_IO_WRITE && io->status == RAFT_OK && io->done < io->size) {
        sim_node_harm(node, SIM_HARM_SPACE);
    }
    sim_oracle_io_done(world->oracles, node->id, io);
    if (io == node->crash_after) {
        sim_node_crash_now(node, SIM_UNSYNCED_RANDOM);
        return;
    }
    sim_node_enter(node);
    node->sut->io_done(node->process, sim_node_now(node), io);
    sim_node_leave(node);
}

static void on_timer(struct sim_node *node, struct sim_event *event)
{
    assert(node->timers[event->number] == event && node->process != NULL);
    node->timers[event->number] = NULL;
    sim_node_enter(node);
    node->sut->timer(node->process, sim_node_now(node), (enum raft_timer)event->number);
    sim_node_leave(node);
}

static void on_action(struct sim_node *node, struct sim_event *event)
{
    switch ((enum sim_node_action)event->number) {
    case SIM_NODE_RESTART:
        if (node->world->phase != SIM_PHASE_STOP) {
            sim_node_start(node);
        }
        return;
    case SIM_NODE_STOP:
        if (event->incarnation == node->incarnation) {
            sim_node_stop(node);
        }
        return;
    case SIM_NODE_READ_ONLY:
        sim_node_set_read_only(node, node->is_read_only_wanted);
        return;
    case SIM_NODE_STROBE:
        sim_node_clock_throw(node);
        return;
    }
    assert(!"not an action");
}

/* A process that stands still hears of nothing; its clock goes on, and it can be replaced. */
static bool waits(const struct sim_node *node, const struct sim_event *event)
{
    bool goes_on = event->kind == SIM_EVENT_NODE &&
                   (event->number == SIM_NODE_RESTART || event->number == SIM_NODE_STROBE);
    return node->paused && !goes_on;
}

uint32_t sim_node_event(struct sim_node *node, struct sim_event *event)
{
    if (waits(node, event)) {
        sim_node_defer(node, event);
        return 0;
    }
    uint32_t peer = 0;
    if (event->kind == SIM_EVENT_MESSAGE) {
        peer = ((const struct sim_packet *)event->data)->from;
        on_message(node, event);
    } else if (event->kind == SIM_EVENT_NODE) {
        on_action(node, event);
    } else if (event->incarnation == node->incarnation && node->process != NULL) {
        /* The end of a process cancels its events; this guards against one that was missed. */
        if (event->kind == SIM_EVENT_IO) {
            on_io(node, event);
        } else if (event->kind == SIM_EVENT_TIMER) {
            on_timer(node, event);
        } else {
            assert(event->kind == SIM_EVENT_APPLIED);
            sim_node_batch_done(node);
            sim_node_settle(node);
        }
    }
    sim_event_free(&node->world->scheduler, event);
    return peer;
}

/* ---- settling ---- */

/* Tells the transcript and the script what has changed. The last thing in a step, since a listener
 * may crash the node. */
static void tell_changes(struct sim_node *node, const struct raft_view *old)
{
    struct sim_world *world = node->world;
    const struct raft_view new = node->view;
    if (new.role != old->role || new.state.term != old->state.term) {
        sim_world_transcribe(world, "    n%u is %s of term %llu", node->id,
                             raft_role_string(new.role), (unsigned long long)new.state.term);
    }
    if (new.condition != old->condition) {
        sim_world_transcribe(world, "    n%u is %s", node->id,
                             raft_condition_string(new.condition));
    }
    if (new.configuration_index != old->configuration_index) {
        char members[SIM_NAME_MAX * 2];
        sim_oracle_print_configuration(&new.configuration, members, sizeof members);
        sim_world_transcribe(world, "    n%u goes by the configuration of %llu: %s", node->id,
                             (unsigned long long)new.configuration_index, members);
    }
    if (new.commit > old->commit) {
        sim_world_transcribe(world, "    n%u has committed up to %llu", node->id,
                             (unsigned long long)new.commit);
    }
    bool led = old->role == RAFT_LEADER;
    bool leads = new.role == RAFT_LEADER;
    if (led && (!leads || new.state.term != old->state.term)) {
        sim_world_notice(world, SIM_NOTICE_STEPPED_DOWN, node->id, old->state.term, old->last.index,
                         NULL);
    }
    if (leads && (!led || new.state.term != old->state.term)) {
        sim_world_notice(world, SIM_NOTICE_LEADER_ELECTED, node->id, new.state.term, new.last.index,
                         NULL);
    }
    if (new.commit > old->commit) {
        sim_world_notice(world, SIM_NOTICE_COMMITTED, node->id, new.state.term, new.commit, NULL);
    }
    if (new.applied > old->applied) {
        sim_world_notice(world, SIM_NOTICE_APPLIED, node->id, new.state.term, new.applied, NULL);
    }
}

void sim_node_settle(struct sim_node *node)
{
    struct sim_world *world = node->world;
    if (node->running || node->process == NULL) {
        return;
    }
    if (node->dying) {
        sim_node_crash_now(node, node->dying_unsynced);
        return;
    }
    uint32_t peer = node->peer;
    node->peer = 0;
    if (node->has_stopped) {
        sim_node_process_end(node, node->stopped_why);
        return;
    }
    const struct raft_view old = node->view;
    node->sut->view(node->process, &node->view);
    if (world->features & SUT_FEATURE_LEDGER) {
        sim_ledger_check(&node->ledger);
    }
    if (node->view.reads != node->reads_open) {
        sim_fail(world, sim_oracle_string(SIM_ORACLE_REQUEST_ONCE), node->id,
                 "n%u has %u reads pending where %u are open", node->id, node->view.reads,
                 node->reads_open);
    }
    /* A snapshot that takes the place of the log says nothing about the disk of the log. */
    if (node->view.durable.index > old.durable.index && node->view.base.index == old.base.index) {
        node->durable_event = world->events;
    }
    if (node->view.condition == RAFT_CONDITION_FAILED && old.condition != RAFT_CONDITION_FAILED) {
        node->failed_by =
            sim_node_harms(node) | (sim_node_is_damaged(node) ? 1u << SIM_HARM_DISK : 0);
    }
    node->is_whole |= node->view.condition == RAFT_RUNNING &&
                      node->view.state_durable >= node->view.state.sequence;
    if (node->is_whole) {
        node->disk.lost_file[0] = 0; /* what was in it is there again, or covered */
    }
    sim_oracle_stepped(world->oracles, node->id, peer);
    if (sim_disk_pending(&node->disk) == 0) {
        node->idle_event = world->events;
    }
    sim_probe_stepped(world, node, &old, peer);
    sim_world_fold_node(world, node);
    tell_changes(node, &old);
}
