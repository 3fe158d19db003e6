/* What replaces parts of Lua's own library, so that nothing observable depends on addresses.
 *
 * Terms: a serial is a number that an object gets when it is first shown; tables read "table#1".
 *
 * 1. The text of a value is the same in every run of a seed.
 * 2. pcall, xpcall and coroutine.resume do not stop an unwinding script.
 * 3. No metatable of a script can observe the collector (__gc, __mode). */
#include "binding.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* The registry's table of serials, keyed weakly by the objects themselves. */
static const char serials_key[] = "serials";

static uint32_t serial_of(lua_State *L, int index)
{
    struct sim_script *script = script_of(L);
    index = lua_absindex(L, index);
    lua_getfield(L, LUA_REGISTRYINDEX, serials_key);
    lua_pushvalue(L, index);
    if (lua_rawget(L, -2) == LUA_TNIL) {
        script->serials++;
        lua_pushvalue(L, index);
        lua_pushinteger(L, script->serials);
        lua_rawset(L, -4);
        lua_pop(L, 2);
        return script->serials;
    }
    uint32_t serial = (uint32_t)lua_tointeger(L, -1);
    lua_pop(L, 2);
    return serial;
}

const char *script_push_string(lua_State *L, int index)
{
    index = lua_absindex(L, index);
    luaL_checkstack(L, 8, NULL);
    if (luaL_callmeta(L, index, "__tostring")) {
        if (lua_type(L, -1) != LUA_TSTRING) {
            luaL_error(L, "'__tostring' must return a string");
        }
        return lua_tostring(L, -1);
    }
    switch (lua_type(L, index)) {
    case LUA_TTABLE:
    case LUA_TFUNCTION:
    case LUA_TTHREAD:
        return lua_pushfstring(L, "%s#%d", luaL_typename(L, index), (int)serial_of(L, index));
    case LUA_TNUMBER: {
        lua_Number number = lua_tonumber(L, index);
        if (number != number) { /* the sign of the default NaN is the processor's */
            return lua_pushliteral(L, "nan");
        }
        break;
    }
    }
    return luaL_tolstring(L, index, NULL);
}

const char *script_push_value(lua_State *L, int index)
{
    index = lua_absindex(L, index);
    switch (lua_type(L, index)) {
    case LUA_TSTRING:
        return lua_pushfstring(L, "the string \"%s\"", lua_tostring(L, index));
    case LUA_TTABLE:
        return lua_pushliteral(L, "a table");
    case LUA_TFUNCTION:
        return lua_pushliteral(L, "a function");
    case LUA_TNONE:
    case LUA_TNIL:
        return lua_pushliteral(L, "nothing");
    }
    return script_push_string(L, index);
}

static int lua_tostring_function(lua_State *L)
{
    luaL_checkany(L, 1);
    script_push_string(L, 1);
    return 1;
}

/* The 2nd, 3rd … conversion of a format must not be one that shows addresses or differs between
 * C libraries. Upvalue 1: Lua's own format. */
static int format(lua_State *L)
{
    int count = lua_gettop(L);
    const char *text = luaL_checkstring(L, 1);
    for (const char *at = strchr(text, '%'); at != NULL; at = strchr(at, '%')) {
        at++;
        at += strspn(at, "-+ #0123456789.");
        if (*at == 'p' || *at == 'a' || *at == 'A') {
            script_raise_plain(L,
                               "string.format: '%%%c' is not available in scenarios: it shows "
                               "what differs between machines",
                               *at);
        }
        if (*at == '%') {
            at++;
        }
    }
    for (int i = 2; i <= count; i++) {
        int type = lua_type(L, i);
        if (type == LUA_TTABLE || type == LUA_TFUNCTION || type == LUA_TTHREAD ||
            type == LUA_TUSERDATA) {
            script_push_string(L, i);
            lua_replace(L, i);
        }
    }
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, count, 1);
    return 1;
}

/* An error has come to a protected call, which was made in a certain place. */
static void check_caught(lua_State *L, lua_KContext place)
{
    struct sim_script *script = script_of(L);
    if (script->stop != SCRIPT_GOES_ON) {
        script_unwind(L);
    }
    script->place = (enum script_place)place;
}

/* The end of a protected call; true lies below the results. */
static int finish_pcall(lua_State *L, int status, lua_KContext place)
{
    if (status != LUA_OK && status != LUA_YIELD) {
        check_caught(L, place);
        lua_pushboolean(L, 0);
        lua_insert(L, -2);
        return 2;
    }
    return lua_gettop(L);
}

static int protected_call(lua_State *L)
{
    lua_KContext place = (lua_KContext)script_of(L)->place;
    luaL_checkany(L, 1);
    lua_pushboolean(L, 1);
    lua_insert(L, 1);
    int status = lua_pcallk(L, lua_gettop(L) - 2, LUA_MULTRET, 0, place, finish_pcall);
    return finish_pcall(L, status, place);
}

/* The handler is called after the error has unwound, so that it can be stopped like other code. */
static int finish_xpcall(lua_State *L, int status, lua_KContext place)
{
    if (status != LUA_OK && status != LUA_YIELD) {
        check_caught(L, place);
        lua_pushvalue(L, 1);
        lua_insert(L, -2);
        lua_call(L, 1, 1);
        lua_pushboolean(L, 0);
        lua_insert(L, -2);
        return 2;
    }
    return lua_gettop(L) - 1;
}

static int protected_call_with(lua_State *L)
{
    lua_KContext place = (lua_KContext)script_of(L)->place;
    luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_pushvalue(L, 1);
    lua_copy(L, 2, 1); /* the handler */
    lua_pushboolean(L, 1);
    lua_replace(L, 2);
    lua_insert(L, 3);
    int status = lua_pcallk(L, lua_gettop(L) - 3, LUA_MULTRET, 0, place, finish_xpcall);
    return finish_xpcall(L, status, place);
}

/* Upvalue 1: Lua's own resume. */
static int resume(lua_State *L)
{
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
    if (script_of(L)->stop != SCRIPT_GOES_ON) {
        script_unwind(L);
    }
    return lua_gettop(L);
}

static int set_metatable(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    int type = lua_type(L, 2);
    luaL_argcheck(L, type == LUA_TNIL || type == LUA_TTABLE, 2, "nil or table expected");
    static const char *const refused[] = {"__gc", "__mode"};
    for (size_t i = 0; type == LUA_TTABLE && i < SCRIPT_COUNT(refused); i++) {
        lua_pushstring(L, refused[i]);
        if (lua_rawget(L, 2) != LUA_TNIL) {
            script_raise_plain(L,
                               "setmetatable: '%s' is not available in scenarios: when memory "
                               "is collected is not part of the run",
                               refused[i]);
        }
        lua_pop(L, 1);
    }
    if (luaL_getmetafield(L, 1, "__metatable") != LUA_TNIL) {
        script_raise_plain(L, "setmetatable: the metatable of this table is protected");
    }
    lua_settop(L, 2);
    lua_setmetatable(L, 1);
    return 1;
}

/* math.random on the run's own stream. */
static int random_number(lua_State *L)
{
    struct sim_script *script = script_of(L);
    if (script->place == SCRIPT_AT_TOP) {
        script_raise_plain(L, "math.random: call it inside run = function(p) ... end");
    }
    if (lua_gettop(L) == 0) {
        uint64_t draw = sim_draw(&script->random);
        lua_pushnumber(L, (lua_Number)(draw >> 11) * (1.0 / 9007199254740992.0));
        return 1;
    }
    lua_Integer low = lua_gettop(L) == 1 ? 1 : luaL_checkinteger(L, 1);
    lua_Integer high = luaL_checkinteger(L, lua_gettop(L) == 1 ? 1 : 2);
    luaL_argcheck(L, low <= high, lua_gettop(L) == 1 ? 1 : 2, "interval is empty");
    uint64_t width = (uint64_t)high - (uint64_t)low;
    uint64_t draw = sim_draw_between(&script->random, 0, width);
    lua_pushinteger(L, (lua_Integer)((uint64_t)low + draw));
    return 1;
}

/* Replaces a field of a library by a closure over the original. */
static void wrap(lua_State *L, int globals, const char *library, const char *name,
                 lua_CFunction function)
{
    lua_getfield(L, globals, library);
    lua_getfield(L, -1, name);
    assert(!lua_isnil(L, -1));
    lua_pushcclosure(L, function, 1);
    lua_setfield(L, -2, name);
    lua_pop(L, 1);
}

void script_stdlib_open(lua_State *L, int globals)
{
    static const luaL_Reg replaced[] = {
        {"pairs", script_lua_pairs},
        {"next", script_lua_next},
        {"tostring", lua_tostring_function},
        {"pcall", protected_call},
        {"xpcall", protected_call_with},
        {"setmetatable", set_metatable},
        {NULL, NULL},
    };
    lua_newtable(L);
    lua_newtable(L);
    lua_pushliteral(L, "k");
    lua_setfield(L, -2, "__mode");
    lua_setmetatable(L, -2);
    lua_setfield(L, LUA_REGISTRYINDEX, serials_key);

    lua_pushvalue(L, globals);
    luaL_setfuncs(L, replaced, 0);
    lua_pop(L, 1);
    wrap(L, globals, "string", "format", format);
    wrap(L, globals, "coroutine", "resume", resume);
    lua_getfield(L, globals, "table");
    lua_pushcfunction(L, script_lua_sort);
    lua_setfield(L, -2, "sort");
    lua_pop(L, 1);
    lua_getfield(L, globals, "math");
    lua_pushcfunction(L, random_number);
    lua_setfield(L, -2, "random");
    lua_pop(L, 1);
}
