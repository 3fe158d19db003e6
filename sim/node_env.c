/* The environment of a simulated process: raft/env.h over the simulated devices.
 *
 * Every fallible call first consults the caller's own fault point, then, for files, the world's
 * point of that operation. A fault that kills the process marks the node as dying; from then on
 * each call here refuses and has no effect, and the world crashes the node when its step is over.
 *
 * Fault model. Beside what the devices do by themselves (disk.h, network.h): any call may be
 * refused or fail as its points declare; the process may die before an operation (it never
 * happened) or after it (it happened, nobody heard). What runs at once (the reads of a recovery)
 * takes no time and cannot be delayed. The state machine may fail at any entry of a
 * batch; then the entries before that one are applied.
 *
 * Invariants:
 *  1. Nothing calls back into the process from inside one of these functions.
 *  2. timers[t] is the queued (or deferred) event of timer t, or NULL.
 *  3. At most one batch is out. */
#include "node_internal.h"

#include "world.h"

#include <assert.h>
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
    struct sim_verdict verdict = sim_fault_consult(faults, node->id, (uint32_t)point);
    if (node->dying || verdict.outcome != RAFT_OUTCOME_COUNT) {
        return verdict;
    }
    struct sim_verdict second =
        sim_fault_consult(faults, node->id, faults->sut_point_count + world_point);
    second.delay_ns += verdict.delay_ns;
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
    struct sim_disk_fault fault = {.status = RAFT_OK, .delay_ns = verdict.delay_ns};
    if (verdict.outcome == RAFT_OUTCOME_EIO) {
        fault.status = RAFT_IO;
    } else if (verdict.outcome == RAFT_OUTCOME_ENOSPC) {
        fault.status = RAFT_NOSPACE;
    } else if (verdict.outcome == RAFT_OUTCOME_SHORT) {
        fault.is_short = true;
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
        sim_node_crash(node, SIM_UNSYNCED_RANDOM);
    }
    if (node->dying || verdict.outcome == RAFT_OUTCOME_REFUSE) {
        return RAFT_BUSY;
    }
    if (verdict.outcome == RAFT_OUTCOME_CRASH_AFTER && node->crash_after == NULL) {
        node->crash_after = io;
    }
    sim_oracle_io_begins(node->world->oracles, node->id, io);
    sim_disk_submit(&node->disk, io, disk_fault_of(verdict), node->incarnation);
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
        sim_node_crash(node, SIM_UNSYNCED_RANDOM);
    }
    if (node->dying) {
        return RAFT_IO;
    }
    sim_oracle_io_begins(node->world->oracles, node->id, io);
    enum raft_status status = sim_disk_run(&node->disk, io, disk_fault_of(verdict));
    sim_oracle_io_done(node->world->oracles, node->id, io);
    if (status == RAFT_IO || status == RAFT_NOSPACE) {
        sim_node_harm(node, status == RAFT_IO ? SIM_HARM_DISK : SIM_HARM_SPACE);
        sim_world_notice(node->world, SIM_NOTICE_DISK_ERROR, node->id, 0, 0,
                         raft_status_string(status));
    }
    if (verdict.outcome == RAFT_OUTCOME_CRASH_AFTER) {
        sim_node_crash(node, SIM_UNSYNCED_RANDOM);
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
        sim_node_crash(node, SIM_UNSYNCED_RANDOM);
    }
    if (node->dying || verdict.outcome == RAFT_OUTCOME_EIO) {
        return RAFT_IO;
    }
    sim_disk_list(&node->disk, visit, visitor);
    return RAFT_OK;
}

/* ---- messages ---- */

static enum raft_status env_send(void *ctx, enum raft_point point, raft_node_id to,
                                 const uint8_t *bytes, size_t size)
{
    struct sim_node *node = ctx;
    struct sim_world *world = node->world;
    assert(node->running && size > 0);
    if (node->dying) {
        return RAFT_BUSY;
    }
    struct sim_verdict verdict = sim_fault_consult(&world->faults, node->id, (uint32_t)point);
    if (node->dying || verdict.outcome == RAFT_OUTCOME_REFUSE) {
        return RAFT_BUSY;
    }
    if (to == 0 || to > world->node_count || to == node->id) {
        sim_fail(world, "address", node->id, "n%u sends a message to n%u, which does not exist",
                 node->id, to);
        return RAFT_BUSY;
    }
    if (world->transcript != NULL && (world->sut->features & SUT_FEATURE_DESCRIBE)) {
        struct sut_message message;
        bool known = world->sut->describe(bytes, size, &message);
        sim_world_transcribe(world, "    n%u sends %s to n%u, term %llu, %u entries", node->id,
                             known ? message.type : "?", to,
                             known ? (unsigned long long)message.term : 0,
                             known ? message.entry_count : 0);
    }
    sim_oracle_sent(world->oracles, node->id, bytes, size);
    sim_network_send(&world->network, node->id, to, bytes, size);
    return RAFT_OK;
}

/* ---- timers ---- */

static uint64_t clock_local(const struct sim_clock *clock, uint64_t global_ns)
{
    assert(global_ns >= clock->base_global_ns && clock->drift_ppm > -1000000);
    unsigned __int128 scaled = global_ns - clock->base_global_ns;
    scaled *= (uint64_t)(1000000 + clock->drift_ppm);
    return clock->base_local_ns + (uint64_t)(scaled / 1000000);
}

/* The first global instant at which the local clock shows at least this. */
static uint64_t clock_global(const struct sim_clock *clock, uint64_t local_ns)
{
    if (local_ns <= clock->base_local_ns) {
        return clock->base_global_ns;
    }
    uint64_t rate = (uint64_t)(1000000 + clock->drift_ppm);
    unsigned __int128 scaled = local_ns - clock->base_local_ns;
    scaled = (scaled * 1000000 + rate - 1) / rate + clock->base_global_ns;
    return scaled > UINT64_MAX ? UINT64_MAX : (uint64_t)scaled;
}

raft_time sim_node_now(const struct sim_node *node)
{
    uint64_t local = clock_local(&node->clock, node->world->scheduler.now_ns);
    return local > node->clock.floor_local_ns ? local : node->clock.floor_local_ns;
}

uint64_t sim_node_clock_lag(const struct sim_node *node)
{
    return sim_node_now(node) - clock_local(&node->clock, node->world->scheduler.now_ns);
}

static void timer_schedule(struct sim_node *node, struct sim_event *event)
{
    struct sim_scheduler *scheduler = &node->world->scheduler;
    uint64_t at = clock_global(&node->clock, node->deadlines[event->number]);
    sim_schedule(scheduler, &node->timer_source, event,
                 at < scheduler->now_ns ? scheduler->now_ns : at);
}

/* The clock is about to change: from now on it runs from here. */
static void clock_rebase(struct sim_node *node)
{
    node->clock.floor_local_ns = sim_node_now(node);
    node->clock.base_local_ns = clock_local(&node->clock, node->world->scheduler.now_ns);
    node->clock.base_global_ns = node->world->scheduler.now_ns;
}

static void clock_changed(struct sim_node *node)
{
    for (int i = 0; i < RAFT_TIMER_COUNT; i++) {
        struct sim_event *event = node->timers[i];
        if (event != NULL && event->position != 0) {
            sim_unschedule(&node->world->scheduler, event);
            timer_schedule(node, event);
        }
    }
}

void sim_node_clock_jump(struct sim_node *node, int64_t ns)
{
    clock_rebase(node);
    uint64_t back = ns < 0 ? (uint64_t)-ns : 0;
    if (back > node->clock.base_local_ns) {
        back = node->clock.base_local_ns;
    }
    node->clock.base_local_ns += (ns > 0 ? (uint64_t)ns : 0) - back;
    clock_changed(node);
    sim_probe_clock(node->world, node);
    sim_node_unsteady(node);
    sim_world_count_fault(node->world);
}

void sim_node_clock_drift(struct sim_node *node, int64_t ppm)
{
    assert(ppm > -1000000);
    if (ppm != node->clock.drift_ppm) {
        clock_rebase(node);
        node->clock.drift_ppm = ppm;
        sim_node_unsteady(node);
        clock_changed(node);
    }
}

static void timer_cancel(struct sim_node *node, enum raft_timer timer)
{
    struct sim_event *event = node->timers[timer];
    if (event != NULL) {
        assert(event->position != 0);
        sim_unschedule(&node->world->scheduler, event);
        sim_event_free(&node->world->scheduler, event);
        node->timers[timer] = NULL;
    }
}

static void env_set_timer(void *ctx, enum raft_timer timer, raft_time deadline_ns)
{
    struct sim_node *node = ctx;
    assert(node->running && (unsigned)timer < RAFT_TIMER_COUNT);
    if (node->dying) {
        return;
    }
    timer_cancel(node, timer);
    if (deadline_ns == RAFT_TIME_NEVER) {
        return;
    }
    struct sim_event *event = sim_event_new(&node->world->scheduler, SIM_EVENT_TIMER, node->id);
    event->number = (uint32_t)timer;
    event->incarnation = node->incarnation;
    node->deadlines[timer] = deadline_ns;
    node->timers[timer] = event;
    timer_schedule(node, event);
}

void sim_node_timers_cancel(struct sim_node *node)
{
    for (int i = 0; i < RAFT_TIMER_COUNT; i++) {
        timer_cancel(node, (enum raft_timer)i);
    }
}

uint32_t sim_node_timers_armed(const struct sim_node *node)
{
    uint32_t armed = 0;
    for (int i = 0; i < RAFT_TIMER_COUNT; i++) {
        armed += node->timers[i] != NULL;
    }
    return armed;
}

/* ---- the state machine ---- */

static enum raft_status env_apply(void *ctx, enum raft_point refused, enum raft_point error,
                                  struct raft_entry *const *entries, size_t count)
{
    struct sim_node *node = ctx;
    struct sim_world *world = node->world;
    assert(node->running && count > 0);
    if (node->dying) {
        return RAFT_BUSY;
    }
    struct sim_verdict verdict = sim_fault_consult(&world->faults, node->id, (uint32_t)refused);
    if (node->dying || verdict.outcome == RAFT_OUTCOME_REFUSE) {
        return RAFT_BUSY;
    }
    verdict = sim_fault_consult(&world->faults, node->id, (uint32_t)error);
    if (node->dying) {
        return RAFT_BUSY;
    }
    assert(node->batch == NULL);
    struct sim_batch *batch =
        arena_calloc(world->arena, sizeof *batch + count * sizeof batch->entries[0]);
    batch->count = count;
    batch->good = count;
    batch->first = entries[0]->id.index;
    memcpy(batch->entries, entries, count * sizeof entries[0]);
    if (verdict.outcome == RAFT_OUTCOME_ERROR) {
        batch->good = (size_t)sim_draw_below(&node->machine_stream, count);
    }
    uint64_t duration = sim_draw_exponential(&node->machine_stream, node->apply_ns);
    batch->event = sim_event_new(&world->scheduler, SIM_EVENT_APPLIED, node->id);
    batch->event->incarnation = node->incarnation;
    node->batch = batch;
    sim_schedule(&world->scheduler, &node->machine_source, batch->event,
                 world->scheduler.now_ns + duration);
    return RAFT_OK;
}

void sim_node_batch_done(struct sim_node *node)
{
    struct sim_world *world = node->world;
    struct sim_batch *batch = node->batch;
    assert(batch != NULL);
    node->batch = NULL;
    for (size_t i = 0; i < batch->good; i++) {
        const struct raft_entry *entry = batch->entries[i];
        const struct sut_entry applied = {entry->id, entry->kind, entry->size, entry->payload};
        sim_machine_apply(node->machine, &applied, NULL);
        sim_oracle_applied(world->oracles, node->id, &applied, sim_machine_digest(node->machine));
    }
    enum raft_status status = batch->good == batch->count ? RAFT_OK : RAFT_MACHINE;
    raft_index last = batch->first + batch->good - 1;
    if (status != RAFT_OK) {
        sim_node_harm(node, SIM_HARM_MACHINE);
        sim_oracle_machine_failed(world->oracles, node->id, last);
    }
    arena_free(world->arena, batch);
    node->running = true;
    world->sut->applied(node->process, sim_node_now(node), status, last);
    node->running = false;
}

void sim_node_batch_cancel(struct sim_node *node)
{
    struct sim_batch *batch = node->batch;
    if (batch != NULL) {
        sim_unschedule(&node->world->scheduler, batch->event);
        sim_event_free(&node->world->scheduler, batch->event);
        arena_free(node->world->arena, batch);
        node->batch = NULL;
    }
}

/* ---- requests, the end, the probe ---- */

void sim_node_deliver_completion(struct sim_node *node, uint64_t request, enum raft_status status,
                                 raft_index index)
{
    if (request & SIM_REQUEST_READ) {
        assert(node->reads_open > 0);
        node->reads_open--;
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
    return node->dying ? condition
                       : sim_fault_exit(&node->world->faults, node->id, (uint32_t)point, condition);
}

static void probe_exit_taken(void *ctx, enum raft_point point)
{
    struct sim_node *node = ctx;
    if (!node->dying) {
        node->world->faults.taken[point]++;
        node->exit_point = (uint32_t)point;
        node->exit_event = node->world->events;
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
        .set_timer = env_set_timer,
        .apply = env_apply,
        .complete = env_complete,
        .stopped = env_stopped,
    };
}
