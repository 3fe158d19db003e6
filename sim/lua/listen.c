/* Hooks and checks: code of the script that looks at events.
 *
 * Terms: a notice is something that scripts can be told of; a listener is a hook (on) or a check
 * (expect.always, expect.never).
 *
 * 1. Notices are counted when they happen, and told after the event in which they happened, in that
 *    order: a listener never runs inside a step of a node and sees settled views. It still runs
 *    within the event: virtual time has not moved, and no checkpoint lies between.
 * 2. What nobody listens to costs one increment.
 * 3. when and call of a fault rule are the exception: they run inside the step, and may only look.
 * 4. A notice that a listener causes is told in the same round, up to NOTICES_MAX of them; more
 *    are an error of the script. */
#include "binding.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define NOTICES_MAX 100000u

static const char *const notice_names[SIM_NOTICE_COUNT] = {
    [SIM_NOTICE_LEADER_ELECTED] = "leader_elected",
    [SIM_NOTICE_STEPPED_DOWN] = "stepped_down",
    [SIM_NOTICE_COMMITTED] = "committed",
    [SIM_NOTICE_APPLIED] = "applied",
    [SIM_NOTICE_CRASHED] = "crashed",
    [SIM_NOTICE_RESTARTED] = "restarted",
    [SIM_NOTICE_MESSAGE_SENT] = "message_sent",
    [SIM_NOTICE_MESSAGE_DROPPED] = "message_dropped",
    [SIM_NOTICE_FAULT_FIRED] = "fault_fired",
    [SIM_NOTICE_DISK_ERROR] = "disk_error",
    [SIM_NOTICE_PARTITIONED] = "partitioned",
    [SIM_NOTICE_HEALED] = "healed",
    [SIM_NOTICE_CLIENT_REPLY] = "client_reply",
};

const char *sim_notice_string(enum sim_notice_kind kind)
{
    assert(kind < SIM_NOTICE_COUNT && notice_names[kind] != NULL);
    return notice_names[kind];
}

int script_notice_kind(lua_State *L, int index)
{
    const char *name = script_string(L, index, "the event");
    for (int i = 0; i < SIM_NOTICE_COUNT; i++) {
        if (strcmp(notice_names[i], name) == 0) {
            return i;
        }
    }
    const char *guess = script_push_guess(L, name, notice_names, SIM_NOTICE_COUNT);
    script_raise(L, "unknown event '%s'%s; events are: %s", name, guess,
                 script_push_list(L, notice_names, SIM_NOTICE_COUNT));
}

struct arena_span sim_script_counters(const struct sim_script *script)
{
    return (struct arena_span){script->notices, sizeof script->notices};
}

void sim_script_notice(struct sim_script *script, enum sim_notice_kind kind, uint32_t node,
                       uint64_t term, uint64_t index, const char *site)
{
    assert(kind < SIM_NOTICE_COUNT);
    script->notices[kind]++;
    if (script->abandoned) {
        return;
    }
    if (kind == SIM_NOTICE_LEADER_ELECTED) {
        script_wake_leader_waits(script);
    }
    if (script->listening[kind] == 0) {
        return;
    }
    if (script->pending_count == script->pending_capacity) {
        script->pending_capacity =
            script->pending_capacity == 0 ? 16 : script->pending_capacity * 2;
        script->pending = arena_realloc(script->arena, script->pending,
                                        script->pending_capacity * sizeof(*script->pending));
    }
    script->pending[script->pending_count] = (struct script_notice){kind, node, term, index, site};
    script->pending_count++;
}

/* Pushes the event table of a notice. */
static void push_event(lua_State *L, struct sim_script *script, const struct script_notice *notice)
{
    lua_createtable(L, 0, 6);
    lua_pushstring(L, notice_names[notice->kind]);
    lua_setfield(L, -2, "kind");
    lua_pushinteger(L, (lua_Integer)(script->world->scheduler.now_ns / 1000));
    lua_setfield(L, -2, "time_us");
    if (notice->node != 0) {
        script_node_push(L, script, notice->node);
        lua_setfield(L, -2, "node");
    }
    lua_pushinteger(L, (lua_Integer)notice->term);
    lua_setfield(L, -2, "term");
    lua_pushinteger(L, (lua_Integer)notice->index);
    lua_setfield(L, -2, "index");
    if (notice->site != NULL) {
        lua_pushstring(L, notice->site);
        lua_setfield(L, -2, "site");
    }
}

/* Protected; arguments: the listener and the notice, as light userdata, the second may be NULL. */
static int run_listener(lua_State *L)
{
    struct sim_script *script = script_of(L);
    struct script_listener *listener = lua_touserdata(L, 1);
    const struct script_notice *notice = lua_touserdata(L, 2);
    lua_rawgeti(L, LUA_REGISTRYINDEX, listener->function_ref);
    if (!listener->is_check) {
        push_event(L, script, notice);
        lua_call(L, 1, 0);
        return 0;
    }
    lua_call(L, 0, 1);
    bool holds = lua_toboolean(L, -1) != 0;
    if (holds == listener->is_never) {
        uint64_t now_us = script->world->scheduler.now_ns / 1000;
        script_expectation(L, listener->where, "expect.%s failed: %s: violated at %llu.%03llu ms",
                           listener->is_never ? "never" : "always", script->place_name,
                           (unsigned long long)(now_us / 1000),
                           (unsigned long long)(now_us % 1000));
    }
    return 0;
}

/* Runs one listener; false if the script has come to its end. */
static bool tell(struct sim_script *script, struct script_listener *listener,
                 const struct script_notice *notice)
{
    lua_State *L = script->callbacks;
    struct script_notice copy;
    if (notice != NULL) {
        copy = *notice; /* the queue may move */
    }
    script->place = listener->is_check ? SCRIPT_IN_CHECK : SCRIPT_IN_HOOK;
    script->place_name = notice_names[notice == NULL ? 0 : notice->kind];
    if (listener->is_check) {
        lua_rawgeti(L, LUA_REGISTRYINDEX, listener->label_ref);
        script->place_name = lua_tostring(L, -1); /* the registry keeps it alive */
        lua_pop(L, 1);
    }
    lua_pushcfunction(L, run_listener);
    lua_pushlightuserdata(L, listener);
    lua_pushlightuserdata(L, notice == NULL ? NULL : &copy);
    bool went_well = script_call_protected(script, L, 2, 0);
    script->place = SCRIPT_IN_TASK;
    return went_well && !script->abandoned && !script->world->over;
}

static bool hears(struct sim_script *script, const struct script_listener *listener,
                  const struct script_notice *notice)
{
    return listener->active && listener->kind == (int)notice->kind &&
           (notice->node == 0 ||
            sim_selector_matches(script->world, &listener->node, notice->node));
}

void sim_script_check(struct sim_script *script)
{
    if (script->abandoned || (script->pending_count == 0 && script->checks_always == 0)) {
        return;
    }
    script->instructions = 0;
    for (uint32_t i = 0; i < script->pending_count; i++) {
        if (i == NOTICES_MAX) {
            char text[SIM_TEXT_MAX];
            snprintf(text, sizeof(text), "%s: hooks on '%s' cause each other without an end",
                     script->file, notice_names[script->pending[i].kind]);
            script->stop = SCRIPT_STOP_QUIET;
            sim_script_error(script->world, text);
            goto out;
        }
        for (struct script_listener *l = script->listeners; l != NULL; l = l->next) {
            if (i < script->pending_count && hears(script, l, &script->pending[i]) &&
                !tell(script, l, &script->pending[i])) {
                goto out;
            }
        }
    }
    for (struct script_listener *l = script->listeners; l != NULL; l = l->next) {
        if (l->active && l->kind < 0 && !tell(script, l, NULL)) {
            goto out;
        }
    }
out:
    script->pending_count = 0;
    if (script->stop != SCRIPT_GOES_ON && !script->finished) {
        script->finished = true;
        bool was_abandoned = script->abandoned;
        sim_script_abandon(script);
        if (!script->world->over && !was_abandoned) {
            sim_world_script_ended(script->world);
        }
    }
}

/* ---- fault rules that look ---- */

/* Protected; arguments: the rule as light userdata, the function's reference, the node. */
static int run_rule_function(lua_State *L)
{
    struct sim_script *script = script_of(L);
    const struct sim_rule *rule = lua_touserdata(L, 1);
    lua_rawgeti(L, LUA_REGISTRYINDEX, lua_tointeger(L, 2));
    lua_createtable(L, 0, 4);
    script_node_push(L, script, (uint32_t)lua_tointeger(L, 3));
    lua_setfield(L, -2, "node");
    lua_pushstring(L, script->world->faults.points[rule->at]->name);
    lua_setfield(L, -2, "site");
    lua_pushinteger(L, (lua_Integer)(script->world->scheduler.now_ns / 1000));
    lua_setfield(L, -2, "time_us");
    lua_call(L, 1, 1);
    lua_pushboolean(L, lua_toboolean(L, -1));
    return 1;
}

static bool call_rule_function(struct sim_script *script, const struct sim_rule *rule, int ref,
                               const char *name, uint32_t node)
{
    lua_State *L = script->callbacks;
    if (script->abandoned || script->stop != SCRIPT_GOES_ON) {
        return false;
    }
    const enum script_place place = script->place;
    const char *place_name = script->place_name, *call = script->call;
    bool result = false;
    script->place = SCRIPT_IN_STEP;
    script->place_name = name;
    if (lua_checkstack(L, 10)) {
        lua_pushcfunction(L, run_rule_function);
        lua_pushlightuserdata(L, (void *)rule);
        lua_pushinteger(L, ref);
        lua_pushinteger(L, node);
        if (script_call_protected(script, L, 3, 1)) {
            result = lua_toboolean(L, -1) != 0;
            lua_pop(L, 1);
        }
    }
    script->place = place;
    script->place_name = place_name;
    script->call = call;
    return result;
}

bool sim_script_rule_when(struct sim_script *script, struct sim_rule *rule, uint32_t node)
{
    assert(rule->when != 0);
    return call_rule_function(script, rule, rule->when, ":when()", node);
}

void sim_script_rule_call(struct sim_script *script, struct sim_rule *rule, uint32_t node)
{
    assert(rule->call != 0);
    call_rule_function(script, rule, rule->call, ":call()", node);
}

/* ---- the interface ---- */

void script_listener_add(lua_State *L, const struct script_listener *model,
                         const struct script_class *class_)
{
    struct sim_script *script = script_of(L);
    struct script_listener *listener = arena_alloc(script->arena, sizeof(*listener));
    *listener = *model;
    listener->next = NULL;
    listener->active = true;
    *script->listeners_end = listener;
    script->listeners_end = &listener->next;
    if (listener->kind < 0) {
        script->checks_always++;
    } else {
        script->listening[listener->kind]++;
    }
    script_handle_push(L, class_, listener);
}

static int stop_listening(lua_State *L, struct sim_script *script, void *self)
{
    struct script_listener *listener = self;
    (void)L;
    if (!listener->active) {
        return 0;
    }
    listener->active = false;
    if (listener->kind < 0) {
        assert(script->checks_always > 0);
        script->checks_always--;
    } else {
        assert(script->listening[listener->kind] > 0);
        script->listening[listener->kind]--;
    }
    return 0;
}

static const struct script_function hook_methods[] = {{"off", stop_listening, 0}};
static const struct script_class hook_class = {
    .name = "hook", .methods = hook_methods, .method_count = SCRIPT_COUNT(hook_methods)};

static const struct script_function check_methods[] = {{"stop", stop_listening, 0}};
const struct script_class script_check_class = {
    .name = "check", .methods = check_methods, .method_count = SCRIPT_COUNT(check_methods)};

static int on(lua_State *L, struct sim_script *script, void *self)
{
    static const struct script_option options[] = {
        {"node", SCRIPT_SELECTOR, offsetof(struct script_listener, node), 0, 0, false},
    };
    struct script_listener listener = {.node = {0, SIM_SELECT_ANY}, .label_ref = LUA_NOREF};
    (void)self, (void)script;
    int function = lua_gettop(L) >= 3 ? 3 : 2;
    listener.kind = script_notice_kind(L, 1);
    if (function == 3) {
        script_options_read(L, 2, options, SCRIPT_COUNT(options), &listener);
    }
    script_check_function(L, function, "the last argument");
    lua_pushvalue(L, function);
    listener.function_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    script_listener_add(L, &listener, &hook_class);
    return 1;
}

static const struct script_function functions[] = {{"on", on, 0}};

void script_listen_open(lua_State *L, int globals)
{
    lua_pushvalue(L, globals);
    script_functions_add(L, "", functions, SCRIPT_COUNT(functions));
    lua_pop(L, 1);
}
