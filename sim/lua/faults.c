/* fault.at: rules at named points, built by a chain of methods.
 *
 *   fault.at(pattern)
 *     :on() :nth() :from_nth() :every() :times() :p() :for_ms() :when()          then one action:
 *     :errno() :outcome() :delay_ms() :crash() :short() :lose() :misdirect() :drop() :call()
 *                                                                               then :optional()
 *
 * 1. The action arms the rule; from then on it counts. Before it, the rule does nothing; a rule
 *    that never gets an action is an error of the script.
 * 2. An action that is possible at none of the points of the pattern is an error, with the list
 *    of what is. At points of the pattern where it is not possible, it is not injected. */
#include "binding.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define ERRNO_OUTCOMES 2

struct errno_name {
    const char *name;
    enum raft_outcome outcomes[ERRNO_OUTCOMES]; /* the first that a point of the pattern declares */
};

static const struct errno_name errnos[] = {
    {"EAGAIN", {RAFT_OUTCOME_REFUSE, RAFT_OUTCOME_REFUSE}},
    {"EDQUOT", {RAFT_OUTCOME_ENOSPC, RAFT_OUTCOME_ENOSPC}},
    {"EIO", {RAFT_OUTCOME_EIO, RAFT_OUTCOME_ERROR}},
    {"ENOMEM", {RAFT_OUTCOME_NULL, RAFT_OUTCOME_NULL}},
    {"ENOSPC", {RAFT_OUTCOME_ENOSPC, RAFT_OUTCOME_ENOSPC}},
    {"EREADONLY", {RAFT_OUTCOME_TAKE, RAFT_OUTCOME_TAKE}},
};

static const struct script_class fault_class;

/* How many points a pattern names that declare one of some outcomes (bits; 0: any point). */
static uint32_t count_points(struct sim_script *script, const char *pattern, uint32_t outcomes)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < sim_point_count(script->sut); i++) {
        const struct raft_point_info *info = sim_point_info(script->sut, i);
        count += sim_point_matches(pattern, info->name) &&
                 (outcomes == 0 || (info->outcomes & outcomes) != 0);
    }
    return count;
}

static void check_pattern(lua_State *L, struct sim_script *script, const char *pattern)
{
    const char *names[SIM_POINTS_MAX];
    uint32_t count = sim_point_count(script->sut);
    if (count_points(script, pattern, 0) > 0) {
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        names[i] = sim_point_info(script->sut, i)->name;
    }
    script_raise(L, "no fault point matches '%s'%s; list them with 'squall points'", pattern,
                 script_push_guess(L, pattern, names, count));
}

struct script_fault *script_fault_new(lua_State *L, const char *pattern)
{
    struct sim_script *script = script_of(L);
    if (strlen(pattern) >= SIM_NAME_MAX) {
        script_raise(L, "the pattern is too long");
    }
    check_pattern(L, script, pattern);
    struct script_fault *fault = arena_calloc(script->arena, sizeof(*fault));
    fault->rule = sim_fault_rule_new(&script->world->faults, pattern);
    script_where(L, fault->rule->where, sizeof(fault->rule->where));
    *script->faults_end = fault;
    script->faults_end = &fault->next;
    script_handle_push(L, &fault_class, fault);
    return fault;
}

bool script_faults_complete(struct sim_script *script, char *error, size_t error_size)
{
    for (struct script_fault *fault = script->faults; fault != NULL; fault = fault->next) {
        if (!fault->rule->armed) {
            snprintf(error, error_size,
                     "%s: fault.at(\"%s\") has no action: finish it with :errno(), :outcome(), "
                     ":delay_ms(), :crash(), :short(), :lose(), :misdirect(), :drop() or :call()",
                     fault->rule->where, fault->rule->pattern);
            return false;
        }
    }
    return true;
}

static void check_begun(lua_State *L, const struct script_fault *fault, const char *method)
{
    if (fault->rule->armed) {
        script_raise(L, "the rule is already armed by its action; put :%s before the action",
                     method);
    }
}

/* Pushes the outcomes that the points of a pattern declare. */
static const char *push_outcomes(lua_State *L, struct sim_script *script, const char *pattern)
{
    const char *names[RAFT_OUTCOME_COUNT];
    size_t count = 0;
    for (int i = 0; i < RAFT_OUTCOME_COUNT; i++) {
        if (count_points(script, pattern, 1u << i) > 0) {
            names[count] = sim_fault_outcome_string((enum raft_outcome)i);
            count++;
        }
    }
    return count == 0 ? lua_pushliteral(L, "nothing: it is only counted")
                      : script_push_list(L, names, count);
}

void script_fault_arm(lua_State *L, struct script_fault *fault, enum sim_fault_action action)
{
    struct sim_script *script = script_of(L);
    struct sim_world *world = script->world;
    check_begun(L, fault, "…");
    fault->rule->action = action;
    if (fault->for_ns != 0) {
        fault->rule->trigger.until_ns = world->scheduler.now_ns + fault->for_ns;
    }
    if (sim_fault_rule_arm(&world->faults, fault->rule) == 0) {
        script_raise(L, "this cannot happen at '%s'; possible there: %s", fault->rule->pattern,
                     push_outcomes(L, script, fault->rule->pattern));
    }
}

void script_fault_arm_errno(lua_State *L, struct script_fault *fault, const char *name)
{
    struct sim_script *script = script_of(L);
    const char *names[SCRIPT_COUNT(errnos)];
    for (size_t i = 0; i < SCRIPT_COUNT(errnos); i++) {
        names[i] = errnos[i].name;
        if (strcmp(errnos[i].name, name) != 0) {
            continue;
        }
        for (int j = 0; j < ERRNO_OUTCOMES; j++) {
            fault->rule->outcome = errnos[i].outcomes[j];
            if (count_points(script, fault->rule->pattern, 1u << fault->rule->outcome) > 0) {
                script_fault_arm(L, fault, SIM_FAULT_OUTCOME);
                return;
            }
        }
        script_raise(L, "'%s' cannot happen at '%s'; possible there: %s", name,
                     fault->rule->pattern, push_outcomes(L, script, fault->rule->pattern));
    }
    const char *guess = script_push_guess(L, name, names, SCRIPT_COUNT(names));
    script_raise(L, "unknown error '%s'%s; known: %s", name, guess,
                 script_push_list(L, names, SCRIPT_COUNT(names)));
}

/* Returns a handle of the rule, so that the chain goes on. */
static int chain(lua_State *L, struct script_fault *fault)
{
    script_handle_push(L, &fault_class, fault);
    return 1;
}

static int at(lua_State *L, struct sim_script *script, void *self)
{
    (void)self, (void)script;
    script_check_end(L, 1);
    script_world(L);
    script_fault_new(L, script_string(L, 1, "the pattern"));
    return 1;
}

static int on(lua_State *L, struct sim_script *script, void *self)
{
    struct script_fault *fault = self;
    (void)script;
    check_begun(L, fault, "on");
    script_check_end(L, 1);
    script_selector(L, 1, &fault->rule->on);
    return chain(L, fault);
}

static int nth(lua_State *L, struct sim_script *script, void *self)
{
    struct script_fault *fault = self;
    (void)script;
    check_begun(L, fault, "nth");
    script_check_end(L, 1);
    fault->rule->trigger.nth = (uint64_t)script_integer(L, 1, 1, INT64_MAX, "the number");
    return chain(L, fault);
}

static int from_nth(lua_State *L, struct sim_script *script, void *self)
{
    struct script_fault *fault = self;
    (void)script;
    check_begun(L, fault, "from_nth");
    script_check_end(L, 1);
    fault->rule->trigger.from_nth = (uint64_t)script_integer(L, 1, 1, INT64_MAX, "the number");
    return chain(L, fault);
}

static int every(lua_State *L, struct sim_script *script, void *self)
{
    struct script_fault *fault = self;
    (void)script;
    check_begun(L, fault, "every");
    script_check_end(L, 1);
    fault->rule->trigger.every = (uint64_t)script_integer(L, 1, 1, INT64_MAX, "the number");
    return chain(L, fault);
}

static int times(lua_State *L, struct sim_script *script, void *self)
{
    struct script_fault *fault = self;
    (void)script;
    check_begun(L, fault, "times");
    script_check_end(L, 1);
    fault->rule->trigger.times = (uint64_t)script_integer(L, 1, 1, INT64_MAX, "the number");
    return chain(L, fault);
}

static int probability(lua_State *L, struct sim_script *script, void *self)
{
    struct script_fault *fault = self;
    (void)script;
    check_begun(L, fault, "p");
    script_check_end(L, 1);
    fault->rule->trigger.p = script_probability(L, 1, "the probability");
    return chain(L, fault);
}

static int for_ms(lua_State *L, struct sim_script *script, void *self)
{
    struct script_fault *fault = self;
    (void)script;
    check_begun(L, fault, "for_ms");
    script_check_end(L, 1);
    fault->for_ns = script_duration(L, 1, 1000000, "the duration");
    return chain(L, fault);
}

static int when(lua_State *L, struct sim_script *script, void *self)
{
    struct script_fault *fault = self;
    (void)script;
    check_begun(L, fault, "when");
    script_check_end(L, 1);
    script_check_function(L, 1, "the predicate");
    fault->rule->when = luaL_ref(L, LUA_REGISTRYINDEX);
    return chain(L, fault);
}

/* ---- actions ---- */

static int errno_action(lua_State *L, struct sim_script *script, void *self)
{
    (void)script;
    script_check_end(L, 1);
    check_begun(L, self, "errno");
    script_fault_arm_errno(L, self, script_string(L, 1, "the error"));
    return chain(L, self);
}

static int outcome_action(lua_State *L, struct sim_script *script, void *self)
{
    struct script_fault *fault = self;
    const char *names[RAFT_OUTCOME_COUNT];
    (void)script;
    script_check_end(L, 1);
    const char *name = script_string(L, 1, "the outcome");
    for (int i = 0; i < RAFT_OUTCOME_COUNT; i++) {
        names[i] = sim_fault_outcome_string((enum raft_outcome)i);
        if (strcmp(names[i], name) == 0) {
            fault->rule->outcome = (enum raft_outcome)i;
            script_fault_arm(L, fault, SIM_FAULT_OUTCOME);
            return chain(L, fault);
        }
    }
    const char *guess = script_push_guess(L, name, names, RAFT_OUTCOME_COUNT);
    script_raise(L, "unknown outcome '%s'%s; outcomes are: %s", name, guess,
                 script_push_list(L, names, RAFT_OUTCOME_COUNT));
}

static int delay_ms(lua_State *L, struct sim_script *script, void *self)
{
    struct script_fault *fault = self;
    (void)script;
    script_check_end(L, 1);
    fault->rule->delay_ns = script_duration(L, 1, 1000000, "the delay");
    script_fault_arm(L, fault, SIM_FAULT_DELAY);
    return chain(L, fault);
}

/* "before" (unless said) or "after" the operation or hand-over; elsewhere there is no difference:
 * from there on nothing that the node does has an effect. */
static int crash(lua_State *L, struct sim_script *script, void *self)
{
    struct script_fault *fault = self;
    script_check_end(L, 1);
    const char *side = lua_isnoneornil(L, 1) ? "before" : script_string(L, 1, "the side");
    if (strcmp(side, "before") != 0 && strcmp(side, "after") != 0) {
        script_raise(L, "takes \"before\" or \"after\", got \"%s\"", side);
    }
    fault->rule->outcome =
        strcmp(side, "before") == 0 ? RAFT_OUTCOME_CRASH_BEFORE : RAFT_OUTCOME_CRASH_AFTER;
    bool at_file = count_points(script, fault->rule->pattern, 1u << fault->rule->outcome) > 0;
    script_fault_arm(L, fault, at_file ? SIM_FAULT_OUTCOME : SIM_FAULT_CRASH);
    return chain(L, fault);
}

static int short_action(lua_State *L, struct sim_script *script, void *self)
{
    struct script_fault *fault = self;
    (void)script;
    script_check_end(L, 1);
    if (!lua_isnoneornil(L, 1)) {
        fault->rule->short_bytes = (uint64_t)script_integer(L, 1, 0, INT32_MAX, "the length");
    }
    fault->rule->outcome = RAFT_OUTCOME_SHORT;
    script_fault_arm(L, fault, SIM_FAULT_OUTCOME);
    return chain(L, fault);
}

static int lie(lua_State *L, struct script_fault *fault, enum sim_lie how)
{
    script_check_end(L, 0);
    fault->rule->lie = how;
    script_fault_arm(L, fault, SIM_FAULT_LIE);
    return chain(L, fault);
}

static int lose(lua_State *L, struct sim_script *script, void *self)
{
    (void)script;
    return lie(L, self, SIM_LIE_LOST);
}

static int misdirect(lua_State *L, struct sim_script *script, void *self)
{
    (void)script;
    return lie(L, self, SIM_LIE_MISDIRECTED);
}

static int drop(lua_State *L, struct sim_script *script, void *self)
{
    struct script_fault *fault = self;
    (void)script;
    script_check_end(L, 0);
    fault->rule->outcome = RAFT_OUTCOME_REFUSE;
    script_fault_arm(L, fault, SIM_FAULT_OUTCOME);
    return chain(L, fault);
}

static int call(lua_State *L, struct sim_script *script, void *self)
{
    struct script_fault *fault = self;
    (void)script;
    script_check_end(L, 1);
    script_check_function(L, 1, "the action");
    fault->rule->call = luaL_ref(L, LUA_REGISTRYINDEX);
    script_fault_arm(L, fault, SIM_FAULT_CALL);
    return chain(L, fault);
}

static int optional(lua_State *L, struct sim_script *script, void *self)
{
    struct script_fault *fault = self;
    (void)script;
    script_check_end(L, 0);
    fault->rule->optional = true;
    return chain(L, fault);
}

static int off(lua_State *L, struct sim_script *script, void *self)
{
    struct script_fault *fault = self;
    (void)L;
    sim_fault_rule_off(&script->world->faults, fault->rule);
    return 0;
}

static void push_hits(lua_State *L, struct sim_script *script, void *self)
{
    (void)script;
    lua_pushinteger(L, (lua_Integer)((const struct script_fault *)self)->rule->trigger.fired);
}

static void push_seen(lua_State *L, struct sim_script *script, void *self)
{
    (void)script;
    lua_pushinteger(L, (lua_Integer)((const struct script_fault *)self)->rule->trigger.matches);
}

static const struct script_field fault_fields[] = {{"hits", push_hits}, {"seen", push_seen}};
static const struct script_function fault_methods[] = {
    {"on", on, SCRIPT_CHANGES},
    {"nth", nth, SCRIPT_CHANGES},
    {"from_nth", from_nth, SCRIPT_CHANGES},
    {"every", every, SCRIPT_CHANGES},
    {"times", times, SCRIPT_CHANGES},
    {"p", probability, SCRIPT_CHANGES},
    {"for_ms", for_ms, SCRIPT_CHANGES},
    {"when", when, SCRIPT_CHANGES},
    {"errno", errno_action, SCRIPT_CHANGES},
    {"outcome", outcome_action, SCRIPT_CHANGES},
    {"delay_ms", delay_ms, SCRIPT_CHANGES},
    {"crash", crash, SCRIPT_CHANGES},
    {"short", short_action, SCRIPT_CHANGES},
    {"lose", lose, SCRIPT_CHANGES},
    {"misdirect", misdirect, SCRIPT_CHANGES},
    {"drop", drop, SCRIPT_CHANGES},
    {"call", call, SCRIPT_CHANGES},
    {"optional", optional, SCRIPT_CHANGES},
    {"off", off, 0}, /* the registry expects it inside a step */
};
static const struct script_class fault_class = {
    .name = "fault",
    .methods = fault_methods,
    .method_count = SCRIPT_COUNT(fault_methods),
    .fields = fault_fields,
    .field_count = SCRIPT_COUNT(fault_fields),
};

/* The names a pattern matches, in the order of the registry; with an outcome, those that have it.
 */
static int points(lua_State *L, struct sim_script *script, void *self)
{
    (void)self;
    script_check_end(L, 2);
    const char *pattern = lua_isnoneornil(L, 1) ? "**" : script_string(L, 1, "the pattern");
    const char *outcome = lua_isnoneornil(L, 2) ? NULL : script_string(L, 2, "the outcome");
    uint32_t outcomes = UINT32_MAX;
    for (int i = 0; outcome != NULL && i < RAFT_OUTCOME_COUNT; i++) {
        if (strcmp(sim_fault_outcome_string((enum raft_outcome)i), outcome) == 0) {
            outcomes = 1u << i;
        }
    }
    if (outcome != NULL && outcomes == UINT32_MAX) {
        script_raise(L, "unknown outcome '%s'", outcome);
    }
    check_pattern(L, script, pattern);
    lua_Integer count = 0;
    lua_newtable(L);
    for (uint32_t i = 0; i < sim_point_count(script->sut); i++) {
        const struct raft_point_info *info = sim_point_info(script->sut, i);
        if (sim_point_matches(pattern, info->name) &&
            (outcome == NULL || (info->outcomes & outcomes) != 0)) {
            lua_pushstring(L, info->name);
            count++;
            lua_rawseti(L, -2, count);
        }
    }
    return 1;
}

static int clear(lua_State *L, struct sim_script *script, void *self)
{
    (void)self, (void)L;
    for (struct script_fault *fault = script->faults; fault != NULL; fault = fault->next) {
        sim_fault_rule_off(&script->world->faults, fault->rule);
    }
    return 0;
}

static const struct script_function functions[] = {
    {"at", at, SCRIPT_CHANGES},
    {"points", points, SCRIPT_ANYWHERE},
    {"clear", clear, SCRIPT_CHANGES},
};

void script_faults_open(lua_State *L, int globals)
{
    lua_newtable(L);
    script_functions_add(L, "fault", functions, SCRIPT_COUNT(functions));
    lua_setfield(L, globals, "fault");
}
