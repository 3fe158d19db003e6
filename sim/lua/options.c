/* Arguments: tables of options, durations, probabilities, selectors.
 *
 * A call with options describes them in an array of struct script_option. The array is walked, not
 * the table, so that the first error does not depend on the order of a hash table; of several stray
 * keys the smallest is reported.
 *
 * 1. A duration says its unit: option 'latency' is written latency_ms or latency_us.
 * 2. A probability is 0..1 in the script and a threshold of 2^64 here, by one multiplication.
 * 3. A message says which call, which option, which value, and what would be right. */
#include "binding.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define NAMES_MAX 48
#define MS_NS     1000000u
#define US_NS     1000u
/* A million seconds, so that a sum of durations cannot wrap. */
#define DURATION_MAX_NS ((uint64_t)1000000 * 1000000000u)

uint64_t script_duration(lua_State *L, int index, uint64_t unit_ns, const char *what)
{
    if (lua_type(L, index) != LUA_TNUMBER) {
        script_raise(L, "%s must be a number, got %s", what, script_push_value(L, index));
    }
    lua_Number number = lua_tonumber(L, index);
    if (!(number >= 0)) {
        script_raise(L, "%s = %s is negative", what, script_push_value(L, index));
    }
    lua_Number ns = number * (lua_Number)unit_ns;
    if (!(ns <= (lua_Number)DURATION_MAX_NS)) {
        script_raise(L, "%s = %s is too long", what, script_push_value(L, index));
    }
    return (uint64_t)(ns + 0.5);
}

int64_t script_integer(lua_State *L, int index, int64_t min, int64_t max, const char *what)
{
    int is_integer = 0;
    int64_t value = lua_tointegerx(L, index, &is_integer);
    if (!is_integer || lua_type(L, index) != LUA_TNUMBER) {
        script_raise(L, "%s must be an integer, got %s", what, script_push_value(L, index));
    }
    if (value < min && max == INT64_MAX) {
        script_raise(L, "%s = %lld is too small: it is at least %lld", what, (long long)value,
                     (long long)min);
    }
    if (value < min || value > max) {
        script_raise(L, "%s = %lld is not within %lld..%lld", what, (long long)value,
                     (long long)min, (long long)max);
    }
    return value;
}

uint64_t script_probability(lua_State *L, int index, const char *what)
{
    if (lua_type(L, index) != LUA_TNUMBER) {
        script_raise(L, "%s must be a number, got %s", what, script_push_value(L, index));
    }
    lua_Number p = lua_tonumber(L, index);
    if (!(p >= 0 && p <= 1)) {
        script_raise(L, "%s = %s is not a probability between 0 and 1 (write 0.05 for 5 %%)", what,
                     script_push_value(L, index));
    }
    return p >= 1 ? UINT64_MAX : (uint64_t)(p * 18446744073709551616.0);
}

const char *script_string(lua_State *L, int index, const char *what)
{
    if (lua_type(L, index) != LUA_TSTRING) {
        script_raise(L, "%s must be a string, got %s", what, script_push_value(L, index));
    }
    return lua_tostring(L, index);
}

void script_check_function(lua_State *L, int index, const char *what)
{
    if (lua_type(L, index) != LUA_TFUNCTION) {
        script_raise(L, "%s must be a function, got %s", what, script_push_value(L, index));
    }
}

void script_check_end(lua_State *L, int count)
{
    if (lua_gettop(L) > count) {
        script_raise(L, "takes at most %d argument%s, got %d", count, count == 1 ? "" : "s",
                     lua_gettop(L));
    }
}

/* Whether key is the option, with any unit if it is a duration; then out_unit_ns is set. */
static bool is_option(const struct script_option *option, const char *key, uint64_t *out_unit_ns)
{
    size_t length = strlen(option->name);
    if (option->kind != SCRIPT_DURATION) {
        return strcmp(option->name, key) == 0;
    }
    if (strncmp(option->name, key, length) != 0) {
        return false;
    }
    *out_unit_ns = strcmp(key + length, "_ms") == 0   ? MS_NS
                   : strcmp(key + length, "_us") == 0 ? US_NS
                                                      : 0;
    return *out_unit_ns != 0;
}

/* The names as a user writes them; durations with _ms. They stay on the stack. */
static size_t list_names(lua_State *L, const struct script_option *options, size_t count,
                         const char **names)
{
    assert(count <= NAMES_MAX);
    luaL_checkstack(L, (int)count + 8, NULL);
    for (size_t i = 0; i < count; i++) {
        names[i] = options[i].kind == SCRIPT_DURATION ? lua_pushfstring(L, "%s_ms", options[i].name)
                                                      : options[i].name;
    }
    return count;
}

static _Noreturn void refuse_key(lua_State *L, const char *key, const struct script_option *options,
                                 size_t count)
{
    const char *names[NAMES_MAX];
    for (size_t i = 0; i < count; i++) {
        if (options[i].kind != SCRIPT_DURATION) {
            continue;
        }
        size_t length = strlen(options[i].name);
        if (strcmp(options[i].name, key) == 0) {
            script_raise(L, "unknown option '%s': say the unit, '%s_ms' or '%s_us'", key, key, key);
        }
        if (strncmp(options[i].name, key, length) == 0 && strcmp(key + length, "_s") == 0) {
            lua_getfield(L, -1, key);
            const char *value = lua_type(L, -1) == LUA_TNUMBER ? lua_tostring(L, -1) : "...";
            script_raise(L,
                         "unknown option '%s': durations are in milliseconds or microseconds, "
                         "write %s_ms = %s * 1000",
                         key, options[i].name, value);
        }
    }
    list_names(L, options, count, names);
    if (count == 0) {
        script_raise(L, "unknown option '%s': it has no options", key);
    }
    const char *guess = script_push_guess(L, key, names, count);
    script_raise(L, "unknown option '%s'%s; options are: %s", key, guess,
                 script_push_list(L, names, count));
}

/* Raises for the smallest key of the table on the top that is no option. */
static void check_keys(lua_State *L, const struct script_option *options, size_t count)
{
    const char *stray = NULL;
    int table = lua_gettop(L);
    lua_Integer position = 0;
    for (lua_pushnil(L); lua_next(L, table) != 0; lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING) {
            position = lua_isinteger(L, -2) ? lua_tointeger(L, -2) : -1;
            continue;
        }
        const char *key = lua_tostring(L, -2);
        bool known = false;
        for (size_t i = 0; i < count && !known; i++) {
            uint64_t unit_ns = 0;
            known = is_option(&options[i], key, &unit_ns);
        }
        if (!known && (stray == NULL || strcmp(key, stray) < 0)) {
            stray = key;
        }
    }
    if (stray != NULL) {
        refuse_key(L, stray, options, count);
    }
    if (position != 0) {
        const char *names[NAMES_MAX];
        list_names(L, options, count, names);
        const char *type = "value";
        if (lua_rawgeti(L, table, 1) != LUA_TNIL) {
            type = lua_isinteger(L, -1) ? "integer" : luaL_typename(L, -1);
        }
        script_raise(L, "unexpected positional value #1 (%s): options have names, e.g. %s = ...",
                     type, count == 0 ? "?" : names[0]);
    }
}

/* Pushes the value of an option, nil if it is not set. */
static void push_option(lua_State *L, int table, const struct script_option *option,
                        uint64_t *out_unit_ns)
{
    *out_unit_ns = MS_NS;
    if (option->kind != SCRIPT_DURATION) {
        lua_getfield(L, table, option->name);
        return;
    }
    const char *ms = lua_pushfstring(L, "%s_ms", option->name);
    const char *us = lua_pushfstring(L, "%s_us", option->name);
    bool has_ms = lua_getfield(L, table, ms) != LUA_TNIL;
    bool has_us = lua_getfield(L, table, us) != LUA_TNIL;
    if (has_ms && has_us) {
        script_raise(L, "'%s' and '%s' are both set: use one", ms, us);
    }
    *out_unit_ns = has_us ? US_NS : MS_NS;
    lua_pushvalue(L, has_us ? -1 : -2);
}

static void read_option(lua_State *L, const struct script_option *option, uint64_t unit_ns,
                        void *out)
{
    uint8_t *at = (uint8_t *)out + option->offset;
    const char *what =
        option->kind == SCRIPT_DURATION
            ? lua_pushfstring(L, "'%s_%s'", option->name, unit_ns == US_NS ? "us" : "ms")
            : lua_pushfstring(L, "'%s'", option->name);
    int value = lua_gettop(L) - 1;
    switch (option->kind) {
    case SCRIPT_INTEGER: {
        int64_t integer = script_integer(L, value, option->min, option->max, what);
        memcpy(at, &integer, sizeof(integer));
        return;
    }
    case SCRIPT_DURATION: {
        uint64_t ns = script_duration(L, value, unit_ns, what);
        memcpy(at, &ns, sizeof(ns));
        return;
    }
    case SCRIPT_PROBABILITY: {
        uint64_t threshold = script_probability(L, value, what);
        memcpy(at, &threshold, sizeof(threshold));
        return;
    }
    case SCRIPT_BOOLEAN: {
        if (lua_type(L, value) != LUA_TBOOLEAN) {
            script_raise(L, "%s must be true or false, got %s", what, script_push_value(L, value));
        }
        bool boolean = lua_toboolean(L, value) != 0;
        memcpy(at, &boolean, sizeof(boolean));
        return;
    }
    case SCRIPT_STRING: {
        const char *string = script_string(L, value, what);
        memcpy(at, &string, sizeof(string));
        return;
    }
    case SCRIPT_SELECTOR: {
        struct sim_selector selector;
        script_selector(L, value, &selector);
        memcpy(at, &selector, sizeof(selector));
        return;
    }
    case SCRIPT_TABLE:
        if (lua_type(L, value) != LUA_TTABLE) {
            script_raise(L, "%s must be a table, got %s", what, script_push_value(L, value));
        }
        return;
    case SCRIPT_ANY:
        return;
    }
}

uint64_t script_options_read(lua_State *L, int index, const struct script_option *options,
                             size_t count, void *out)
{
    uint64_t given = 0;
    assert(count <= 64);
    int top = lua_gettop(L);
    if (lua_isnoneornil(L, index)) {
        lua_newtable(L);
    } else if (lua_type(L, index) == LUA_TTABLE) {
        lua_pushvalue(L, index);
    } else {
        script_raise(L, "options are a table, as in { %s%s = ... }; got %s",
                     count == 0 ? "" : options[0].name,
                     count > 0 && options[0].kind == SCRIPT_DURATION ? "_ms" : "",
                     script_push_value(L, index));
    }
    int table = lua_gettop(L);
    luaL_checkstack(L, 16, NULL);
    check_keys(L, options, count);
    for (size_t i = 0; i < count; i++) {
        uint64_t unit_ns = 0;
        push_option(L, table, &options[i], &unit_ns);
        if (!lua_isnil(L, -1)) {
            read_option(L, &options[i], unit_ns, out);
            given |= (uint64_t)1 << i;
        } else if (options[i].required) {
            script_raise(L, "option '%s%s' is required", options[i].name,
                         options[i].kind == SCRIPT_DURATION ? "_ms" : "");
        }
        lua_settop(L, table);
    }
    lua_settop(L, top);
    return given;
}

static const char *const roles[] = {"leader", "follower", "candidate", "learner", "any"};

/* A role or a node by name. */
static void select_name(lua_State *L, int index, struct sim_selector *out)
{
    const char *name = lua_tostring(L, index);
    struct sim_world *world = script_of(L)->world;
    for (size_t i = 0; i < SCRIPT_COUNT(roles); i++) {
        if (strcmp(name, roles[i]) == 0) {
            out->role = i == 0   ? SIM_SELECT_LEADER
                        : i == 1 ? SIM_SELECT_FOLLOWER
                        : i == 2 ? SIM_SELECT_CANDIDATE
                        : i == 3 ? SIM_SELECT_LEARNER
                                 : SIM_SELECT_ANY;
            return;
        }
    }
    for (uint32_t node = 1; node <= world->node_count; node++) {
        char known[16];
        snprintf(known, sizeof(known), "n%u", node);
        if (strcmp(name, known) == 0) {
            out->nodes |= 1u << node;
            return;
        }
    }
    const char *guess = script_push_guess(L, name, roles, SCRIPT_COUNT(roles));
    script_raise(L,
                 "unknown node selector '%s'%s; use a node, a list of nodes, or one of leader, "
                 "follower, candidate, learner, any",
                 name, guess);
}

/* One node, or a role; lists are the caller's. */
static void select_one(lua_State *L, int index, struct sim_selector *out)
{
    struct sim_world *world = script_of(L)->world;
    struct script_handle *handle = script_handle_at(L, index);
    if (handle != NULL && handle->class_ == &script_node_class) {
        out->nodes |= 1u << ((struct sim_node *)handle->object)->id;
        return;
    }
    if (lua_isinteger(L, index)) {
        int64_t node = lua_tointeger(L, index);
        if (node < 1 || node > world->node_count) {
            script_raise(L, "there is no node %lld: nodes are numbered 1..%u", (long long)node,
                         world->node_count);
        }
        out->nodes |= 1u << (uint32_t)node;
        return;
    }
    if (lua_type(L, index) == LUA_TSTRING) {
        select_name(L, index, out);
        return;
    }
    script_raise(L,
                 "a node selector is a node, its number, \"n1\", a list of these, or a role; "
                 "got %s",
                 script_push_value(L, index));
}

void script_selector(lua_State *L, int index, struct sim_selector *out)
{
    struct sim_script *script = script_of(L);
    *out = (struct sim_selector){0, SIM_SELECT_NODES};
    if (script->world == NULL || script->world->node_count == 0) {
        script_raise(L, "there are no nodes yet: call cluster{...} first");
    }
    if (lua_type(L, index) != LUA_TTABLE) {
        select_one(L, index, out);
        return;
    }
    index = lua_absindex(L, index);
    lua_Integer count = (lua_Integer)lua_rawlen(L, index);
    for (lua_Integer i = 1; i <= count; i++) {
        struct sim_selector one = {0, SIM_SELECT_NODES};
        lua_rawgeti(L, index, i);
        select_one(L, -1, &one);
        /* A role inside a list means who has it now: a list is a set of nodes. */
        out->nodes |= script_selected(script, &one);
        lua_pop(L, 1);
    }
}

uint32_t script_selected(struct sim_script *script, const struct sim_selector *selector)
{
    uint32_t nodes = 0;
    for (uint32_t node = 1; node <= script->world->node_count; node++) {
        if (sim_selector_matches(script->world, selector, node)) {
            nodes |= 1u << node;
        }
    }
    return nodes;
}
