/* Expectations: what a scenario says must hold.
 *
 * 1. An expectation that fails ends the script and is a finding; in a branch of a sweep it only
 *    ends the script, which describes the run without the branch's fault.
 * 2. The sentence comes first, for whatever waits or watches: it is the failure message. */
#include "binding.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define MS_NS ((uint64_t)1000000)

static void check_sentence(lua_State *L)
{
    if (lua_type(L, 1) != LUA_TSTRING) {
        script_raise(L, "the first argument must be a sentence that says what is expected, got %s",
                     luaL_typename(L, 1));
    }
}

static _Noreturn void fail_here(lua_State *L, const char *what, const char *message)
{
    char where[SCRIPT_WHERE_MAX];
    script_where(L, where, sizeof(where));
    script_expectation(L, where, "%s failed: %s", what, message);
}

/* ---- eventually ---- */

struct wait_options {
    uint64_t within_ns;
    uint64_t poll_ns;
};

/* Stack: sentence, function or nil for "the cluster has converged", time, poll, beginning. */
static int eventually_goes_on(lua_State *L, int status, lua_KContext context)
{
    struct sim_script *script = script_of(L);
    struct sim_world *world = script->world;
    bool converges = lua_isnil(L, 2);
    uint64_t from_ns = (uint64_t)lua_tointeger(L, 5);
    uint64_t deadline_ns = script_deadline(script, from_ns, (uint64_t)lua_tointeger(L, 3));
    (void)status, (void)context;
    lua_settop(L, 5);
    script->call = converges ? "expect.converged" : "expect.eventually";
    if (converges) {
        lua_pushboolean(L, sim_oracle_converged(world->oracles));
    } else {
        script->place = SCRIPT_IN_CONDITION;
        script->place_name = lua_tostring(L, 1);
        lua_pushvalue(L, 2);
        lua_call(L, 0, 1);
        script->place = SCRIPT_IN_TASK;
    }
    if (lua_toboolean(L, -1)) {
        return 1;
    }
    uint64_t now_ns = world->scheduler.now_ns;
    if (now_ns >= deadline_ns) {
        char text[SIM_TEXT_MAX / 2];
        snprintf(text, sizeof(text), "%s: not true within %llu ms (from %llu to %llu ms)",
                 lua_tostring(L, 1), (unsigned long long)((deadline_ns - from_ns) / MS_NS),
                 (unsigned long long)(from_ns / MS_NS), (unsigned long long)(now_ns / MS_NS));
        fail_here(L, converges ? "expect.converged" : "expect.eventually", text);
    }
    uint64_t next_ns = now_ns + (uint64_t)lua_tointeger(L, 4);
    return script_wait_until(L, SCRIPT_WAITS_TIME, next_ns < deadline_ns ? next_ns : deadline_ns,
                             eventually_goes_on);
}

/* Replaces what lies behind the function by the times. */
static int begin_waiting(lua_State *L, struct sim_script *script,
                         const struct wait_options *options)
{
    uint64_t now_ns = script->world->scheduler.now_ns;
    lua_settop(L, 2);
    lua_pushinteger(L, (lua_Integer)options->within_ns);
    lua_pushinteger(L, (lua_Integer)options->poll_ns);
    lua_pushinteger(L, (lua_Integer)now_ns);
    return eventually_goes_on(L, LUA_OK, 0);
}

static int eventually(lua_State *L, struct sim_script *script, void *self)
{
    static const struct script_option list[] = {
        {"within", SCRIPT_DURATION, offsetof(struct wait_options, within_ns), 0, 0, true},
        {"poll", SCRIPT_DURATION, offsetof(struct wait_options, poll_ns), 0, 0, false},
    };
    struct wait_options options = {0, MS_NS};
    (void)self;
    check_sentence(L);
    script_check_end(L, 3);
    if (lua_type(L, 2) == LUA_TFUNCTION) {
        lua_settop(L, 2);
        lua_newtable(L);
        lua_insert(L, 2); /* so that the missing limit is what the message is about */
    }
    script_options_read(L, 2, list, SCRIPT_COUNT(list), &options);
    script_check_function(L, 3, "the condition");
    if (options.poll_ns == 0) {
        script_raise(L, "'poll_ms' must be positive");
    }
    lua_remove(L, 2);
    return begin_waiting(L, script, &options);
}

static int converged(lua_State *L, struct sim_script *script, void *self)
{
    static const struct script_option list[] = {
        {"within", SCRIPT_DURATION, offsetof(struct wait_options, within_ns), 0, 0, false},
    };
    struct wait_options options = {5000 * MS_NS, MS_NS};
    (void)self;
    script_world(L);
    script_check_end(L, 1);
    script_options_read(L, 1, list, SCRIPT_COUNT(list), &options);
    lua_settop(L, 0);
    lua_pushliteral(L, "the nodes that are up agree");
    lua_pushnil(L);
    return begin_waiting(L, script, &options);
}

/* ---- always, never ---- */

struct check_options {
    const char *on;
};

static int watch(lua_State *L, bool is_never)
{
    static const struct script_option list[] = {
        {"on", SCRIPT_STRING, offsetof(struct check_options, on), 0, 0, false},
    };
    struct check_options options = {NULL};
    struct script_listener check = {
        .is_check = true, .is_never = is_never, .kind = -1, .node = {0, SIM_SELECT_ANY}};
    check_sentence(L);
    script_check_end(L, 3);
    int function = lua_gettop(L) >= 3 ? 3 : 2;
    if (function == 3) {
        script_options_read(L, 2, list, SCRIPT_COUNT(list), &options);
    }
    script_check_function(L, function, "the condition");
    if (options.on != NULL) {
        lua_pushstring(L, options.on);
        check.kind = script_notice_kind(L, -1);
        lua_pop(L, 1);
    }
    script_where(L, check.where, sizeof(check.where));
    lua_pushvalue(L, function);
    check.function_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_pushvalue(L, 1);
    check.label_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    script_listener_add(L, &check, &script_check_class);
    return 1;
}

static int always(lua_State *L, struct sim_script *script, void *self)
{
    (void)script, (void)self;
    return watch(L, false);
}

static int never(lua_State *L, struct sim_script *script, void *self)
{
    (void)script, (void)self;
    return watch(L, true);
}

/* ---- at once ---- */

static int ok(lua_State *L, struct sim_script *script, void *self)
{
    (void)script, (void)self;
    if (lua_gettop(L) == 0) {
        script_raise(L, "needs a value");
    }
    if (lua_toboolean(L, 1)) {
        lua_settop(L, 1);
        return 1;
    }
    /* The second result of a failed put explains as well as a message does. */
    const char *message = lua_isnoneornil(L, 2)
                              ? lua_pushfstring(L, "got %s", script_push_string(L, 1))
                              : script_push_string(L, 2);
    fail_here(L, "expect.ok", message);
}

static int eq(lua_State *L, struct sim_script *script, void *self)
{
    (void)script, (void)self;
    script_check_end(L, 3);
    if (lua_gettop(L) < 2) {
        script_raise(L, "needs two values");
    }
    lua_settop(L, 3);
    if (lua_compare(L, 1, 2, LUA_OPEQ)) {
        return 0;
    }
    const char *got = script_push_string(L, 1);
    const char *expected = script_push_string(L, 2);
    const char *message = lua_isnil(L, 3) ? "" : script_push_string(L, 3);
    fail_here(L, "expect.eq",
              lua_pushfstring(L, "%s%sgot %s, expected %s", message, message[0] == '\0' ? "" : ": ",
                              got, expected));
}

/* The function must raise an error that contains a text. */
static int error(lua_State *L, struct sim_script *script, void *self)
{
    (void)self;
    const enum script_place place = script->place;
    const char *text = script_string(L, 1, "the text");
    script_check_function(L, 2, "the second argument");
    lua_settop(L, 2);
    lua_pushvalue(L, 2);
    int status = lua_pcall(L, 0, 0, 0);
    script->place = place;
    if (script->stop != SCRIPT_GOES_ON) {
        script_unwind(L);
    }
    if (status == LUA_OK) {
        fail_here(L, "expect.error", lua_pushfstring(L, "no error, expected '%s'", text));
    }
    const char *got = script_push_string(L, -1);
    if (strstr(got, text) == NULL) {
        fail_here(L, "expect.error", lua_pushfstring(L, "got '%s', expected '%s'", got, text));
    }
    return 0;
}

/* How often a point was passed; an exit counts when it was taken. */
static uint64_t point_count(const struct sim_faults *faults, uint32_t point)
{
    if (faults->points[point]->kind != RAFT_POINT_EXIT) {
        return faults->gates[point].hits;
    }
    return faults->taken[point] + sim_fault_fired(faults, point);
}

static int reached(lua_State *L, struct sim_script *script, void *self)
{
    struct reached_options {
        int64_t min;
    } options = {1};
    static const struct script_option list[] = {
        {"min", SCRIPT_INTEGER, offsetof(struct reached_options, min), 1, INT64_MAX, false},
    };
    const char *names[SIM_NOTICE_COUNT + SIM_POINTS_MAX];
    const struct sim_faults *faults = &script->world->faults;
    uint64_t count = 0;
    bool known = false;
    (void)self;
    script_check_end(L, 2);
    const char *name = script_string(L, 1, "the event or fault point");
    script_options_read(L, 2, list, SCRIPT_COUNT(list), &options);
    for (int i = 0; i < SIM_NOTICE_COUNT; i++) {
        names[i] = sim_notice_string((enum sim_notice_kind)i);
        if (strcmp(names[i], name) == 0) {
            known = true;
            count += script->notices[i];
        }
    }
    for (uint32_t i = 0; i < faults->point_count; i++) {
        names[SIM_NOTICE_COUNT + i] = faults->points[i]->name;
        if (sim_point_matches(name, faults->points[i]->name)) {
            known = true;
            count += point_count(faults, i);
        }
    }
    if (!known) {
        script_raise(L, "'%s' is neither an event nor a fault point%s", name,
                     script_push_guess(L, name, names, SIM_NOTICE_COUNT + faults->point_count));
    }
    script->world->told_apart = script->world->events;
    if (count < (uint64_t)options.min) {
        char text[SIM_TEXT_MAX / 2];
        snprintf(text, sizeof(text), "'%s' was reached %llu times, expected at least %lld", name,
                 (unsigned long long)count, (long long)options.min);
        fail_here(L, "expect.reached", text);
    }
    return 0;
}

/* What the clients have seen so far. */
static int linearizable(lua_State *L, struct sim_script *script, void *self)
{
    char text[SIM_TEXT_MAX / 2];
    (void)self;
    script_world(L);
    script_check_end(L, 0);
    if (sim_oracle_history(script->world->oracles, text, sizeof(text)) !=
        SIM_HISTORY_LINEARIZABLE) {
        fail_here(L, "expect.linearizable", text);
    }
    return 0;
}

static const struct script_function functions[] = {
    {"eventually", eventually, SCRIPT_WAITS},
    {"converged", converged, SCRIPT_WAITS},
    {"always", always, 0},
    {"never", never, 0},
    {"ok", ok, 0},
    {"eq", eq, 0},
    {"error", error, 0},
    {"reached", reached, 0},
    {"linearizable", linearizable, 0},
};

void script_expect_open(lua_State *L, int globals)
{
    lua_newtable(L);
    script_functions_add(L, "expect", functions, SCRIPT_COUNT(functions));
    lua_setfield(L, globals, "expect");
}
