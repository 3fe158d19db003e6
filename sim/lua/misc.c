/* Random streams, the transcript, small helpers.
 *
 * 1. rng(name) is one stream a name for the whole run: a draw more in one place moves no other, and
 *    asking twice for a name goes on where it was. */
#include "binding.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* The registry's table of streams by name. */
static const char streams_key[] = "streams";

static int rng_int(lua_State *L, struct sim_script *script, void *self)
{
    (void)script;
    script_check_end(L, 2);
    int64_t low = script_integer(L, 1, INT64_MIN, INT64_MAX, "the lower bound");
    int64_t high = script_integer(L, 2, INT64_MIN, INT64_MAX, "the upper bound");
    if (low > high) {
        script_raise(L, "%lld..%lld is empty", (long long)low, (long long)high);
    }
    uint64_t draw = sim_draw_between(self, 0, (uint64_t)high - (uint64_t)low);
    lua_pushinteger(L, (lua_Integer)((uint64_t)low + draw));
    return 1;
}

static int rng_chance(lua_State *L, struct sim_script *script, void *self)
{
    (void)script;
    script_check_end(L, 1);
    uint64_t threshold = script_probability(L, 1, "the probability");
    lua_pushboolean(L, sim_draw_chance(self, threshold));
    return 1;
}

static int rng_pick(lua_State *L, struct sim_script *script, void *self)
{
    (void)script;
    script_check_end(L, 1);
    if (lua_type(L, 1) != LUA_TTABLE || lua_rawlen(L, 1) == 0) {
        script_raise(L, "needs a list with at least one element, got %s", script_push_value(L, 1));
    }
    uint64_t at = sim_draw_below(self, lua_rawlen(L, 1));
    lua_rawgeti(L, 1, (lua_Integer)at + 1);
    return 1;
}

static const struct script_function rng_methods[] = {
    {"int", rng_int, 0}, {"chance", rng_chance, 0}, {"pick", rng_pick, 0}};
static const struct script_class rng_class = {
    .name = "rng", .methods = rng_methods, .method_count = SCRIPT_COUNT(rng_methods)};

static int rng(lua_State *L, struct sim_script *script, void *self)
{
    (void)self;
    script_check_end(L, 1);
    const char *name = script_string(L, 1, "the name of the stream");
    lua_getfield(L, LUA_REGISTRYINDEX, streams_key);
    lua_pushvalue(L, 1);
    if (lua_rawget(L, -2) != LUA_TNIL) {
        return 1;
    }
    lua_pop(L, 1);
    struct sim_stream *stream = arena_alloc(script->arena, sizeof(*stream));
    sim_stream_init(stream, script->world->seed, SIM_STREAM_SCRIPT,
                    sim_hash(name, lua_rawlen(L, 1), 0), 1);
    script_handle_push(L, &rng_class, stream);
    lua_pushvalue(L, 1);
    lua_pushvalue(L, -2);
    lua_rawset(L, -4);
    return 1;
}

static int log_line(lua_State *L, struct sim_script *script, void *self)
{
    (void)self;
    if (lua_type(L, 1) != LUA_TSTRING) {
        script_raise(L, "the first argument is a format, got %s", script_push_value(L, 1));
    }
    lua_getglobal(L, "string");
    lua_getfield(L, -1, "format");
    lua_remove(L, -2);
    lua_insert(L, 1);
    if (lua_pcall(L, lua_gettop(L) - 1, 1, 0) != LUA_OK) {
        /* Called from here, string.format does not know what it is called. */
        if (lua_type(L, -1) == LUA_TSTRING) {
            luaL_gsub(L, lua_tostring(L, -1), "to '?'", "to 'log'");
        }
        return lua_error(L);
    }
    sim_world_transcribe(script->world, "    log: %s", lua_tostring(L, -1));
    return 0;
}

static int print(lua_State *L, struct sim_script *script, void *self)
{
    int count = lua_gettop(L);
    luaL_Buffer line;
    (void)self;
    luaL_buffinit(L, &line);
    for (int i = 1; i <= count; i++) {
        if (i > 1) {
            luaL_addchar(&line, '\t');
        }
        script_push_string(L, i);
        luaL_addvalue(&line);
    }
    luaL_pushresult(&line);
    sim_world_transcribe(script->world, "    log: %s", lua_tostring(L, -1));
    return 0;
}

static int range(lua_State *L, struct sim_script *script, void *self)
{
    (void)self, (void)script;
    script_check_end(L, 3);
    int64_t first = script_integer(L, 1, -1000000000, 1000000000, "the first number");
    int64_t last = script_integer(L, 2, -1000000000, 1000000000, "the last number");
    int64_t step =
        lua_isnoneornil(L, 3) ? 1 : script_integer(L, 3, -1000000000, 1000000000, "the step");
    if (step == 0) {
        script_raise(L, "the step must not be 0");
    }
    if ((last - first) / step >= 1000000) {
        script_raise(L, "more than a million numbers");
    }
    lua_Integer count = 0;
    lua_newtable(L);
    for (int64_t value = first; step > 0 ? value <= last : value >= last; value += step) {
        lua_pushinteger(L, value);
        count++;
        lua_rawseti(L, -2, count);
    }
    return 1;
}

static int breakpoint(lua_State *L, struct sim_script *script, void *self)
{
    (void)self;
    script_check_end(L, 1);
    sim_world_transcribe(script->world, "    breakpoint: %s",
                         lua_isnoneornil(L, 1) ? "" : script_push_string(L, 1));
    return 0;
}

static const struct script_function functions[] = {
    {"rng", rng, 0},
    {"log", log_line, 0},
    {"print", print, 0},
    {"range", range, SCRIPT_ANYWHERE},
    {"breakpoint", breakpoint, 0},
};

void script_misc_open(lua_State *L, int globals)
{
    lua_newtable(L);
    lua_setfield(L, LUA_REGISTRYINDEX, streams_key);
    lua_pushvalue(L, globals);
    script_functions_add(L, "", functions, SCRIPT_COUNT(functions));
    lua_pop(L, 1);
}
