/* Fault rules and the registry of points.
 *
 * Terms. A node *consults* a point when it reaches it; a rule *matches* a consultation when its
 * nodes and its `when` do; it *fires* when its trigger says so. The *shot* of a sweep names one
 * consultation of one point and is looked at before the rules.
 *
 * Fault model. At a point only outcomes that the point declares are injected, beside a delay (files
 * only) and the death of the node (anywhere). Nothing is injected into a dying node, nor in the
 * liveness phase.
 *
 * Invariants:
 *  1. rules_of[p] holds exactly the active rules that cover p, in the order of arming.
 *  2. A gate is armed (stop_at 0) if a rule covers its point, and always for exits, so that every
 *     consultation is seen with its role and phase. The shot needs no gate.
 *  3. Looking (SIM_FAULT_CALL) changes nothing and is no injection. */
#include "fault_internal.h"

#include "world.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

void sim_faults_init(struct sim_faults *faults, struct sim_world *world, const struct sut_ops *sut)
{
    memset(faults, 0, sizeof *faults);
    faults->world = world;
    faults->rules_end = &faults->rules;
    faults->sut_point_count = sut->point_count;
    faults->point_count = sim_point_count(sut);
    assert(faults->point_count + SIM_UNARMED_COUNT <= SIM_POINTS_MAX);
    for (uint32_t i = 0; i < faults->point_count + SIM_UNARMED_COUNT; i++) {
        faults->points[i] = sim_point_info(sut, i);
        faults->gates[i].stop_at = faults->points[i]->kind == RAFT_POINT_EXIT ? 0 : UINT64_MAX;
    }
}

void sim_faults_next(struct sim_faults *faults, const struct sut_ops *next)
{
    struct arena *arena = faults->world->arena;
    assert(faults->next_points == NULL && next->point_count <= SUT_POINTS_MAX);
    faults->next_points = arena_calloc(arena, next->point_count * sizeof faults->next_points[0]);
    faults->next_gates = arena_calloc(arena, next->point_count * sizeof faults->next_gates[0]);
    for (uint32_t i = 0; i < next->point_count; i++) {
        int known = sim_point_find(faults->world->sut, next->points[i].name);
        bool is_same = known >= 0 && (uint32_t)known < faults->sut_point_count &&
                       faults->points[known]->kind == next->points[i].kind;
        faults->next_points[i] = is_same ? (uint32_t)known : SIM_POINT_UNLISTED;
    }
}

/* ---- rules ---- */

struct sim_rule *sim_fault_rule_new(struct sim_faults *faults, const char *pattern)
{
    struct sim_rule *rule = arena_calloc(faults->world->arena, sizeof *rule);
    rule->id = ++faults->rule_count;
    rule->on.role = SIM_SELECT_ANY;
    rule->short_bytes = SIM_SHORT_ANY;
    snprintf(rule->pattern, sizeof rule->pattern, "%s", pattern);
    sim_trigger_init(&rule->trigger);
    sim_stream_init(&rule->stream, faults->world->seed, SIM_STREAM_FAULT, rule->id, 0);
    *faults->rules_end = rule;
    faults->rules_end = &rule->next;
    return rule;
}

static bool rule_covers(const struct sim_rule *rule, const struct raft_point_info *info)
{
    if (!sim_point_matches(rule->pattern, info->name)) {
        return false;
    }
    switch (rule->action) {
    case SIM_FAULT_OUTCOME:
        return (info->outcomes & 1u << rule->outcome) != 0;
    case SIM_FAULT_DELAY:
        return info->kind == RAFT_POINT_FILE;
    case SIM_FAULT_LIE:
        return (info->outcomes & RAFT_OUTCOMES_WRITE) == RAFT_OUTCOMES_WRITE;
    case SIM_FAULT_CRASH:
    case SIM_FAULT_CALL:
        return true;
    }
    assert(!"not an action");
    return false;
}

static void list_add(struct sim_faults *faults, uint32_t point, struct sim_rule *rule)
{
    struct sim_rule_list *list = &faults->rules_of[point];
    if (list->count == list->capacity) {
        list->capacity = list->capacity == 0 ? 4 : list->capacity * 2;
        list->rules = arena_realloc(faults->world->arena, list->rules,
                                    list->capacity * sizeof list->rules[0]);
    }
    list->rules[list->count++] = rule;
    faults->gates[point].stop_at = 0;
}

uint32_t sim_fault_rule_arm(struct sim_faults *faults, struct sim_rule *rule)
{
    assert(!rule->active);
    uint32_t covered = 0;
    for (uint32_t i = 0; i < faults->point_count; i++) {
        if (rule_covers(rule, faults->points[i])) {
            covered++;
            list_add(faults, i, rule);
        }
    }
    rule->active = covered > 0;
    rule->armed = rule->armed || rule->active;
    return covered;
}

void sim_fault_rule_off(struct sim_faults *faults, struct sim_rule *rule)
{
    if (!rule->active) {
        return;
    }
    rule->active = false;
    for (uint32_t i = 0; i < faults->point_count; i++) {
        struct sim_rule_list *list = &faults->rules_of[i];
        uint32_t kept = 0;
        for (uint32_t j = 0; j < list->count; j++) {
            if (list->rules[j] != rule) {
                list->rules[kept++] = list->rules[j];
            }
        }
        list->count = kept;
        if (kept == 0 && faults->points[i]->kind != RAFT_POINT_EXIT) {
            faults->gates[i].stop_at = UINT64_MAX;
        }
    }
}

void sim_fault_arm_idle(struct sim_faults *faults)
{
    struct sim_rule *rule = sim_fault_rule_new(faults, "**");
    /* The rules that follow keep their numbers, and with them their streams. */
    faults->rule_count--;
    rule->action = SIM_FAULT_CRASH;
    rule->trigger.nth = UINT64_MAX;
    rule->optional = true;
    rule->idle = true;
    uint32_t covered = sim_fault_rule_arm(faults, rule);
    assert(covered == faults->point_count);
    (void)covered;
}

static void rules_off(struct sim_faults *faults)
{
    for (struct sim_rule *rule = faults->rules; rule != NULL; rule = rule->next) {
        sim_fault_rule_off(faults, rule);
    }
}

void sim_faults_suspend(struct sim_faults *faults)
{
    rules_off(faults);
    faults->suspended = true;
    faults->shot.is_over = faults->shot.fired > 0;
    faults->second.is_over = faults->second.fired > 0;
}

void sim_faults_stopping(struct sim_faults *faults)
{
    rules_off(faults);
    faults->suspended = false;
}

const struct sim_rule *sim_fault_vacuous(const struct sim_faults *faults, bool planned)
{
    for (const struct sim_rule *rule = faults->rules; rule != NULL; rule = rule->next) {
        if (rule->armed && !rule->optional && rule->planned == planned &&
            rule->trigger.fired == 0) {
            return rule;
        }
    }
    return NULL;
}

/* ---- consultations ---- */

static bool is_aimed_at(const struct sim_shot *shot, uint32_t point)
{
    return shot->occurrence != 0 && shot->place == SIM_SHOT_POINT && shot->point == point;
}

static bool shot_fires(struct sim_faults *faults, struct sim_shot *shot, uint32_t node,
                       uint32_t point)
{
    if (!is_aimed_at(shot, point) || shot->is_over ||
        (faults->points[point]->outcomes & 1u << shot->outcome) == 0) {
        return false;
    }
    uint64_t hits = faults->gates[point].hits;
    uint64_t now_ns = faults->world->scheduler.now_ns;
    bool fires = shot->fired == 0
                     ? hits == shot->occurrence
                     : shot->persistent && node == shot->node && hits > shot->occurrence;
    if (faults->world->phase == SIM_PHASE_STOP && shot->fired > 0 &&
        now_ns - shot->fired_ns > SIM_SHOT_STOP_NS) {
        fires = false;
    }
    if (fires) {
        if (shot->fired == 0) {
            shot->fired_ns = now_ns;
        }
        shot->node = node;
        shot->fired++;
    }
    return fires;
}

/* The shot that fires, or NULL. */
static const struct sim_shot *shots_consult(struct sim_faults *faults, uint32_t node,
                                            uint32_t point)
{
    if (shot_fires(faults, &faults->shot, node, point)) {
        return &faults->shot;
    }
    return shot_fires(faults, &faults->second, node, point) ? &faults->second : NULL;
}

/* Whether a rule fires at this consultation; takes says whether an outcome would have an effect. */
static bool rule_fires(struct sim_faults *faults, struct sim_rule *rule, uint32_t node,
                       uint32_t point, bool takes)
{
    struct sim_world *world = faults->world;
    rule->at = point;
    if ((rule->action == SIM_FAULT_OUTCOME && !takes) ||
        (rule->action == SIM_FAULT_DELAY && faults->at_once) ||
        !sim_selector_matches(world, &rule->on, node)) {
        return false;
    }
    if (rule->when != 0 &&
        (world->script == NULL || !sim_script_rule_when(world->script, rule, node) ||
         world->nodes[node]->dying)) {
        return false;
    }
    return sim_trigger_fires(&rule->trigger, world->scheduler.now_ns, &rule->stream);
}

/* The first rule that fires and does something, or NULL. */
static struct sim_rule *rules_consult(struct sim_faults *faults, uint32_t node, uint32_t point,
                                      bool takes)
{
    struct sim_world *world = faults->world;
    struct sim_rule_list *list = &faults->rules_of[point];
    uint32_t i = 0;
    while (i < list->count) {
        struct sim_rule *rule = list->rules[i];
        if (rule_fires(faults, rule, node, point, takes)) {
            if (rule->action != SIM_FAULT_CALL) {
                return rule;
            }
            if (world->script != NULL && rule->call != 0) {
                sim_script_rule_call(world->script, rule, node);
            }
            if (world->nodes[node]->dying) {
                return NULL; /* the script has killed it */
            }
        }
        /* The script may have switched rules off meanwhile, this one among them. */
        if (i < list->count && list->rules[i] == rule) {
            i++;
        }
    }
    return NULL;
}

static bool rule_is_persistent(const struct sim_trigger *trigger)
{
    return trigger->nth == 0 && trigger->from_nth <= 1 && trigger->every == 0 &&
           trigger->times == 0 && trigger->p == UINT64_MAX;
}

/* What an outcome does to the process at once. A file operation fails when it completes. */
static void harm(struct sim_node *node, enum raft_outcome outcome)
{
    switch (outcome) {
    case RAFT_OUTCOME_NULL:
        sim_node_harm(node, SIM_HARM_MEMORY);
        return;
    case RAFT_OUTCOME_EIO:
        sim_node_harm(node, SIM_HARM_DISK);
        return;
    case RAFT_OUTCOME_ENOSPC:
    case RAFT_OUTCOME_SHORT:
        sim_node_harm(node, SIM_HARM_SPACE);
        return;
    case RAFT_OUTCOME_REFUSE:
        sim_node_harm(node, SIM_HARM_QUEUE);
        return;
    case RAFT_OUTCOME_ERROR:
        sim_node_harm(node, SIM_HARM_MACHINE);
        return;
    case RAFT_OUTCOME_TAKE:
        sim_node_harm(node, SIM_HARM_EXIT);
        return;
    case RAFT_OUTCOME_CRASH_BEFORE:
    case RAFT_OUTCOME_CRASH_AFTER:
    case RAFT_OUTCOME_COUNT:
        break;
    }
}

/* What a rule does, as it is counted. */
static uint32_t rule_counted(const struct sim_rule *rule)
{
    switch (rule->action) {
    case SIM_FAULT_OUTCOME:
        return (uint32_t)rule->outcome;
    case SIM_FAULT_DELAY:
        return SIM_COUNTED_DELAY;
    case SIM_FAULT_CRASH:
        return SIM_COUNTED_CRASH;
    case SIM_FAULT_LIE:
        return rule->lie == SIM_LIE_LOST ? SIM_COUNTED_LOST : SIM_COUNTED_MISDIRECTED;
    case SIM_FAULT_CALL:
        break;
    }
    assert(!"a rule that looks has no outcome");
    return SIM_COUNTED_COUNT;
}

static struct sim_verdict consult(struct sim_faults *faults, uint32_t node, uint32_t point,
                                  bool takes)
{
    struct sim_world *world = faults->world;
    struct sim_verdict verdict = {.outcome = RAFT_OUTCOME_COUNT, .short_bytes = SIM_SHORT_ANY};
    struct sim_node *who = world->nodes[node];
    faults->reached[point][who->view.role][sim_node_life(who)]++;
    if (faults->suspended) {
        return verdict;
    }
    const struct sim_shot *shot = takes ? shots_consult(faults, node, point) : NULL;
    if (shot != NULL) {
        if (sim_fault_is_muted(faults, node, point, shot->outcome, shot->persistent)) {
            return verdict;
        }
        verdict.fired = true;
        verdict.outcome = shot->outcome;
        harm(who, verdict.outcome);
        sim_fault_note(faults, node, point, verdict.outcome, shot->persistent);
        return verdict;
    }
    struct sim_rule *rule = rules_consult(faults, node, point, takes);
    if (rule == NULL) {
        return verdict;
    }
    bool persistent = rule_is_persistent(&rule->trigger);
    uint32_t counted = rule_counted(rule);
    if (sim_fault_is_muted(faults, node, point, counted, persistent)) {
        return verdict;
    }
    verdict.fired = true;
    switch (rule->action) {
    case SIM_FAULT_OUTCOME:
        verdict.outcome = rule->outcome;
        verdict.delay_ns = rule->delay_ns;
        verdict.short_bytes = rule->short_bytes;
        harm(who, rule->outcome);
        sim_fault_note(faults, node, point, counted, persistent);
        break;
    case SIM_FAULT_DELAY:
        verdict.delay_ns = rule->delay_ns; /* which excuses no failure: the node is undisturbed */
        if (rule->has_heavy_tail) {
            verdict.delay_ns = sim_draw_heavy(&rule->stream, rule->delay_ns);
        }
        sim_fault_note(faults, node, point, counted, persistent);
        break;
    case SIM_FAULT_CRASH:
        sim_fault_note(faults, node, point, counted, persistent);
        if (rule->outcome == RAFT_OUTCOME_CRASH_AFTER &&
            faults->points[point]->kind == RAFT_POINT_QUEUE) {
            verdict.outcome = RAFT_OUTCOME_CRASH_AFTER; /* whoever asked sees to it */
            break;
        }
        sim_node_kill(who, SIM_UNSYNCED_RANDOM);
        break;
    case SIM_FAULT_LIE:
        verdict.lie = rule->lie; /* likewise: it is the disk that is damaged, and that is known */
        sim_fault_note(faults, node, point, counted, persistent);
        break;
    case SIM_FAULT_CALL:
        assert(!"a rule that looks does not fire");
    }
    return verdict;
}

struct sim_verdict sim_fault_consult(struct sim_faults *faults, uint32_t node, uint32_t point)
{
    if (point == SIM_POINT_UNLISTED) {
        return (struct sim_verdict){.outcome = RAFT_OUTCOME_COUNT};
    }
    assert(point < faults->point_count && faults->points[point]->kind != RAFT_POINT_EXIT);
    assert(faults->world->nodes[node] != NULL);
    faults->gates[point].hits++;
    if (faults->gates[point].stop_at == UINT64_MAX && !is_aimed_at(&faults->shot, point) &&
        !is_aimed_at(&faults->second, point)) {
        const struct sim_node *who = faults->world->nodes[node];
        faults->reached[point][who->view.role][sim_node_life(who)]++;
        return (struct sim_verdict){.outcome = RAFT_OUTCOME_COUNT};
    }
    return consult(faults, node, point, true);
}

bool sim_fault_exit(struct sim_faults *faults, uint32_t node, uint32_t point, bool condition)
{
    assert(point < faults->sut_point_count && faults->points[point]->kind == RAFT_POINT_EXIT);
    struct sim_verdict verdict = consult(faults, node, point, !condition);
    if (condition) {
        sim_fault_count(faults, node, point, SIM_COUNTED_TAKEN);
    }
    return condition || (verdict.fired && verdict.outcome == RAFT_OUTCOME_TAKE);
}
