/* Injections: a row for each kind of fault that fired in a run, what is counted of them, and the
 * one that is muted.
 *
 * Terms. A *mishap* is a fault that is no outcome of a fault point: what befalls a node, its clock,
 * its disk or its messages, because a script, a profile or a rule of the network wants it.
 *
 * Invariants:
 *  1. Rows differ in point, outcome, node or persistence; what fires again is a repetition.
 *  2. A fault that is muted leaves no row and no count. */
#include "fault_internal.h"

#include "world.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

void sim_fault_count(struct sim_faults *faults, uint32_t node, uint32_t point, uint32_t counted)
{
    const struct sim_node *who = faults->world->nodes[node];
    uint32_t role = who->view.role;
    uint32_t life = sim_node_life(who);
    assert(counted < SIM_COUNTED_REACHED);
    for (uint32_t i = faults->counts_of[point]; i != 0; i = faults->counts[i - 1].next) {
        struct sim_fault_count *count = &faults->counts[i - 1];
        if (count->counted == counted && count->role == role && count->life == life) {
            count->times++;
            return;
        }
    }
    if (faults->count_count == faults->count_capacity) {
        faults->count_capacity = faults->count_capacity == 0 ? 16 : faults->count_capacity * 2;
        faults->counts = arena_realloc(faults->world->arena, faults->counts,
                                       faults->count_capacity * sizeof faults->counts[0]);
    }
    faults->counts[faults->count_count] = (struct sim_fault_count){
        .next = faults->counts_of[point],
        .point = point,
        .counted = counted,
        .role = role,
        .life = life,
        .times = 1,
    };
    faults->counts_of[point] = ++faults->count_count;
}

uint64_t sim_fault_fired(const struct sim_faults *faults, uint32_t point)
{
    uint64_t times = 0;
    assert(point < faults->point_count);
    for (uint32_t i = faults->counts_of[point]; i != 0; i = faults->counts[i - 1].next) {
        if (faults->counts[i - 1].counted != SIM_COUNTED_TAKEN) {
            times += faults->counts[i - 1].times;
        }
    }
    return times;
}

/* ---- rows ---- */

/* The row of an injection, or NULL: there is room for no more. */
static struct sim_injection *row_find(struct sim_faults *faults, uint32_t node, uint32_t point,
                                      const char *outcome, bool persistent)
{
    struct sim_world *world = faults->world;
    const char *name = faults->points[point]->name;
    for (uint32_t i = 0; i < faults->injection_count; i++) {
        struct sim_injection *old = &faults->injections[i];
        if (old->node == node && old->persistent == persistent && strcmp(old->point, name) == 0 &&
            strcmp(old->outcome, outcome) == 0) {
            return old;
        }
    }
    if (faults->injection_count == SIM_INJECTIONS_MAX) {
        return NULL;
    }
    if (faults->injection_count == faults->injection_capacity) {
        faults->injection_capacity += 8;
        faults->injections =
            arena_realloc(world->arena, faults->injections,
                          faults->injection_capacity * sizeof faults->injections[0]);
    }
    struct sim_injection *injection = &faults->injections[faults->injection_count++];
    memset(injection, 0, sizeof *injection);
    snprintf(injection->point, sizeof injection->point, "%s", name);
    snprintf(injection->outcome, sizeof injection->outcome, "%s", outcome);
    snprintf(injection->role, sizeof injection->role, "%s",
             raft_role_string(world->nodes[node]->view.role));
    snprintf(injection->life, sizeof injection->life, "%s",
             sim_life_string(sim_node_life(world->nodes[node])));
    injection->occurrence = faults->gates[point].hits;
    injection->event = world->events;
    injection->time_ns = world->scheduler.now_ns;
    injection->node = node;
    injection->persistent = persistent;
    return injection;
}

static struct sim_injection *note_injection(struct sim_faults *faults, uint32_t node,
                                            uint32_t point, uint32_t counted, bool persistent)
{
    faults->fired++;
    struct sim_injection *injection =
        row_find(faults, node, point, sim_counted_string(counted), persistent);
    if (injection != NULL) {
        injection->repeats++;
    }
    return injection;
}

void sim_fault_note(struct sim_faults *faults, uint32_t node, uint32_t point, uint32_t counted,
                    bool persistent)
{
    struct sim_world *world = faults->world;
    const char *name = faults->points[point]->name;
    sim_fault_count(faults, node, point, counted);
    note_injection(faults, node, point, counted, persistent);
    sim_world_transcribe(world, "    n%u fault at %s: %s", node, name, sim_counted_string(counted));
    sim_world_notice(world, SIM_NOTICE_FAULT_FIRED, node, 0, 0, name);
}

void sim_fault_note_shot(struct sim_faults *faults, uint32_t node, const struct sim_shot *shot)
{
    uint32_t point = sim_shot_point(faults->world->sut, shot);
    uint32_t counted = sim_shot_counted(shot);
    assert(shot->place != SIM_SHOT_POINT);
    faults->gates[point].hits = shot->occurrence;
    sim_fault_count(faults, node, point, counted);
    note_injection(faults, node, point, counted, false);
}

bool sim_fault_is_muted(const struct sim_faults *faults, uint32_t node, uint32_t point,
                        uint32_t counted, bool persistent)
{
    const struct sim_mute *mute = &faults->mute;
    return mute->active && mute->point == point && mute->node == node &&
           mute->persistent == persistent &&
           strcmp(mute->outcome, sim_counted_string(counted)) == 0;
}

/* ---- mishaps ---- */

bool sim_fault_befalls(struct sim_faults *faults, uint32_t node, enum sim_mishap mishap)
{
    uint32_t point = faults->point_count + SIM_INSTANT_COUNT + (uint32_t)mishap;
    assert((unsigned)mishap < SIM_MISHAP_COUNT && faults->world->nodes[node] != NULL);
    if (sim_fault_is_muted(faults, node, point, SIM_COUNTED_HAPPENED, false)) {
        return false;
    }
    faults->gates[point].hits++;
    sim_fault_count(faults, node, point, SIM_COUNTED_HAPPENED);
    uint32_t *row = &faults->mishap_rows[mishap][node]; /* a lossy link asks often */
    if (*row == 0) {
        const struct sim_injection *noted =
            note_injection(faults, node, point, SIM_COUNTED_HAPPENED, false);
        *row = noted == NULL ? 0 : (uint32_t)(noted - faults->injections) + 1;
    } else {
        faults->fired++;
        faults->injections[*row - 1].repeats++;
    }
    return true;
}
