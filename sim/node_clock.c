/* The clock of a simulated node, and its timers, which follow it.
 *
 * Fault model. May: begin anywhere, run at another rate, stand still, jump forward or back, be
 * thrown to and fro; let a timer come late, with a heavy tail. Never: show the process a time that
 * goes back, fire a timer before its deadline, lose one.
 *
 * Invariants:
 *  1. timers[t] is the queued (or deferred) event of timer t, or NULL.
 *  2. At most one throw of a strobe is queued.
 *  3. A stream is drawn from only while timers may be late. */
#include "node_internal.h"

#include "world.h"

#include <assert.h>

/* No run lasts so long: when a clock that stands still shows a later time. */
#define NEVER_NS (UINT64_MAX / 4)

void sim_node_clock_init(struct sim_node *node)
{
    /* Clocks of different nodes have nothing to do with each other, and none is the world's. */
    uint64_t offset_ns = node->world->cluster.clock_offset_ns;
    struct sim_stream stream;
    sim_stream_init(&stream, node->world->seed, SIM_STREAM_CLOCK, node->id, 1);
    node->clock.base_local_ns =
        (uint64_t)node->id * 1000000007 + sim_draw_between(&stream, 0, offset_ns);
    sim_stream_init(&node->clock.stream, node->world->seed, SIM_STREAM_CLOCK, node->id, 0);
}

static uint64_t clock_local(const struct sim_clock *clock, uint64_t global_ns)
{
    assert(global_ns >= clock->base_global_ns && clock->drift_ppm >= SIM_CLOCK_FROZEN);
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
    if (rate == 0) {
        return NEVER_NS;
    }
    unsigned __int128 scaled = local_ns - clock->base_local_ns;
    scaled = (scaled * 1000000 + rate - 1) / rate + clock->base_global_ns;
    return scaled > NEVER_NS ? NEVER_NS : (uint64_t)scaled;
}

static raft_time shown(const struct sim_node *node)
{
    uint64_t local = clock_local(&node->clock, node->world->scheduler.now_ns);
    return local > node->clock.floor_local_ns ? local : node->clock.floor_local_ns;
}

raft_time sim_node_now(const struct sim_node *node)
{
    sim_watch_hit(node->clock_watch);
    return shown(node);
}

uint64_t sim_node_clock_lag(const struct sim_node *node)
{
    return shown(node) - clock_local(&node->clock, node->world->scheduler.now_ns);
}

static void timer_schedule(struct sim_node *node, struct sim_event *event)
{
    struct sim_scheduler *scheduler = &node->world->scheduler;
    struct sim_clock *clock = &node->clock;
    uint64_t at = clock_global(clock, node->deadlines[event->number]);
    at = at < scheduler->now_ns ? scheduler->now_ns : at;
    if (clock->late != 0 && sim_draw_chance(&clock->stream, clock->late)) {
        uint64_t late_ns = sim_draw_heavy(&clock->stream, clock->late_ns);
        if (sim_fault_befalls(&node->world->faults, node->id, SIM_MISHAP_LATE)) {
            at += late_ns;
            sim_node_unsteady_until(node, at);
        }
    }
    sim_schedule(scheduler, &node->timer_source, event, at);
}

/* The clock is about to change: from now on it runs from here. */
static void clock_rebase(struct sim_node *node)
{
    node->clock.floor_local_ns = shown(node);
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
    if (!sim_fault_befalls(&node->world->faults, node->id, SIM_MISHAP_JUMP)) {
        return;
    }
    clock_rebase(node);
    uint64_t back = ns < 0 ? (uint64_t)-ns : 0;
    if (back > node->clock.base_local_ns) {
        back = node->clock.base_local_ns;
    }
    node->clock.base_local_ns += (ns > 0 ? (uint64_t)ns : 0) - back;
    clock_changed(node);
    sim_probe_clock(node->world, node);
    sim_node_unsteady(node);
}

void sim_node_clock_drift(struct sim_node *node, int64_t ppm)
{
    assert(ppm >= SIM_CLOCK_FROZEN);
    if (ppm != node->clock.drift_ppm &&
        (ppm == 0 || sim_fault_befalls(&node->world->faults, node->id, SIM_MISHAP_DRIFT))) {
        clock_rebase(node);
        node->clock.drift_ppm = ppm;
        sim_node_unsteady(node);
        clock_changed(node);
    }
}

/* ---- strobe, late timers ---- */

static void strobe_schedule(struct sim_node *node)
{
    struct sim_world *world = node->world;
    struct sim_event *event = sim_event_new(&world->scheduler, SIM_EVENT_NODE, node->id);
    event->number = SIM_NODE_STROBE;
    node->clock.strobe = event;
    sim_schedule(&world->scheduler, &world->harness, event,
                 world->scheduler.now_ns + node->clock.strobe_period_ns);
}

static void throw_clock(struct sim_node *node)
{
    struct sim_clock *clock = &node->clock;
    sim_node_clock_jump(node,
                        clock->is_ahead ? -(int64_t)clock->strobe_ns : (int64_t)clock->strobe_ns);
    clock->is_ahead = !clock->is_ahead;
}

void sim_node_clock_throw(struct sim_node *node)
{
    assert(node->clock.strobe != NULL && node->clock.strobe_ns != 0);
    node->clock.strobe = NULL; /* it is this event */
    throw_clock(node);
    strobe_schedule(node);
}

void sim_node_clock_strobe(struct sim_node *node, uint64_t ns, uint64_t period_ns)
{
    struct sim_clock *clock = &node->clock;
    assert(ns <= INT64_MAX && (ns == 0 || period_ns > 0));
    if (clock->is_ahead) {
        throw_clock(node);
    }
    if (clock->strobe != NULL) {
        assert(clock->strobe->position != 0);
        sim_unschedule(&node->world->scheduler, clock->strobe);
        sim_event_free(&node->world->scheduler, clock->strobe);
    }
    clock->strobe = NULL;
    clock->strobe_ns = ns;
    clock->strobe_period_ns = period_ns;
    if (ns != 0) {
        throw_clock(node);
        strobe_schedule(node);
    }
}

void sim_node_clock_late(struct sim_node *node, uint64_t chance, uint64_t late_ns)
{
    assert(chance == 0 || late_ns > 0);
    bool is_over = node->clock.late != 0 && chance == 0;
    node->clock.late = chance;
    node->clock.late_ns = late_ns;
    if (is_over) {
        clock_changed(node); /* what would have been late yet is due */
    }
}

void sim_node_clock_heal(struct sim_node *node)
{
    sim_node_clock_strobe(node, 0, 0);
    sim_node_clock_late(node, 0, 0);
    sim_node_clock_drift(node, 0);
    node->clock_watch = NULL; /* what comes is no effect of what was */
}

/* ---- timers ---- */

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

void sim_node_set_timer(void *ctx, enum raft_timer timer, raft_time deadline_ns)
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
