/* The sandbox: what of Lua a scenario can reach.
 *
 * 1. Nothing that a script can call tells time, addresses, the environment, the locale, the moment
 *    of a collection, or the order of a hash table.
 * 2. Nothing can switch the limits off or load code that was not text.
 * 3. A name that is not there is an error that says what to use instead: globals, and the fields of
 *    the libraries, are strict. */
#include "binding.h"

#include <assert.h>
#include <string.h>

struct absence {
    const char *name;
    const char *text; /* after "'name' " */
};

static const struct absence absent_globals[] = {
    {"os", "is not available in scenarios: use now_ms() for the virtual clock, and params = {...} "
           "for settings"},
    {"io", "is not available in scenarios: use log(...) to write to the transcript"},
    {"debug", "is not available in scenarios: use log(...) and the transcript"},
    {"package", "is not available in scenarios: a scenario is one file"},
    {"require", "is not available in scenarios: a scenario is one file"},
    {"dofile", "is not available in scenarios: a scenario is one file"},
    {"loadfile", "is not available in scenarios: a scenario is one file"},
    {"load", "is not available in scenarios: write a function"},
    {"collectgarbage", "is not available in scenarios: when memory is collected is not part of "
                       "the run"},
    {"rawset", "is not available in scenarios: assign to the field"},
    {"warn", "is not available in scenarios: use log(...)"},
    {"_G", "is not available in scenarios: use a local table"},
    {"_VERSION", "is not available in scenarios: it is Lua 5.4"},
};

/* Names for which the unit was forgotten. */
static const char *const unitless[] = {"sleep", "now", "after", "at", "every"};

static const char *const kept_base[] = {"assert", "error",  "getmetatable", "ipairs",   "rawequal",
                                        "rawget", "rawlen", "select",       "tonumber", "type"};
static const char *const kept_table[] = {"concat", "insert", "move", "pack", "remove", "unpack"};
static const char *const kept_string[] = {
    "byte",  "char", "find", "format",  "gmatch",   "gsub", "len",    "lower",
    "match", "pack", "rep",  "reverse", "packsize", "sub",  "unpack", "upper"};
static const char *const kept_math[] = {"abs", "ceil",       "floor",     "fmod",       "huge",
                                        "max", "maxinteger", "min",       "mininteger", "modf",
                                        "pi",  "sqrt",       "tointeger", "type",       "ult"};
static const char *const kept_utf8[] = {"char",  "charpattern", "codepoint",
                                        "codes", "len",         "offset"};
static const char *const kept_coroutine[] = {"close",  "create", "isyieldable", "resume",
                                             "status", "wrap",   "yield"};

#define NAMES_MAX 128

/* The string keys of the table at index; they live as long as the table. */
static size_t collect_names(lua_State *L, int index, const char **names)
{
    size_t count = 0;
    index = lua_absindex(L, index);
    for (lua_pushnil(L); lua_next(L, index) != 0; lua_pop(L, 1)) {
        if (lua_type(L, -2) == LUA_TSTRING && count < NAMES_MAX) {
            names[count] = lua_tostring(L, -2);
            count++;
        }
    }
    return count;
}

static int absent_global(lua_State *L)
{
    const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "?";
    for (size_t i = 0; i < SCRIPT_COUNT(absent_globals); i++) {
        if (strcmp(name, absent_globals[i].name) == 0) {
            script_raise_plain(L, "'%s' %s", name, absent_globals[i].text);
        }
    }
    for (size_t i = 0; i < SCRIPT_COUNT(unitless); i++) {
        if (strcmp(name, unitless[i]) == 0) {
            script_raise_plain(L, "undefined global '%s': say the unit, %s_ms(...)%s", name, name,
                               i < 2 ? lua_pushfstring(L, " or %s_us(...)", name) : "");
        }
    }
    const char *names[NAMES_MAX];
    size_t count = collect_names(L, 1, names);
    script_raise_plain(L, "undefined global '%s'%s", name,
                       script_push_guess(L, name, names, count));
}

static int new_global(lua_State *L)
{
    const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "?";
    script_raise_plain(L, "assignment to undeclared global '%s': write 'local %s = ...'", name,
                       name);
}

/* Upvalue 1: the library's name. */
static int absent_field(lua_State *L)
{
    const char *library = lua_tostring(L, lua_upvalueindex(1));
    const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "?";
    static const char *const inexact[] = {"sin",  "cos",  "tan", "asin",
                                          "acos", "atan", "exp", "log"};
    for (size_t i = 0; strcmp(library, "math") == 0 && i < SCRIPT_COUNT(inexact); i++) {
        if (strcmp(name, inexact[i]) == 0) {
            script_raise_plain(L,
                               "'math.%s' is not available in scenarios: its last bits differ "
                               "between processors",
                               name);
        }
    }
    if (strcmp(name, "randomseed") == 0) {
        script_raise_plain(L, "'math.randomseed' is not available in scenarios: the seed of the "
                              "run is the seed; use rng(name) for a stream of its own");
    }
    const char *names[NAMES_MAX];
    size_t count = collect_names(L, 1, names);
    script_raise_plain(L, "%s has no field '%s'%s", library, name,
                       script_push_guess(L, name, names, count));
}

static int new_field(lua_State *L)
{
    script_raise_plain(L, "'%s' cannot be extended: use a local function",
                       lua_tostring(L, lua_upvalueindex(1)));
}

/* Makes the table on the top strict under a name. */
static void make_strict(lua_State *L, const char *name)
{
    lua_newtable(L);
    lua_pushstring(L, name);
    lua_pushcclosure(L, absent_field, 1);
    lua_setfield(L, -2, "__index");
    lua_pushstring(L, name);
    lua_pushcclosure(L, new_field, 1);
    lua_setfield(L, -2, "__newindex");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_setmetatable(L, -2);
}

/* Copies names from the table on the top into the one below it, and pops the source. */
static void keep(lua_State *L, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int type = lua_getfield(L, -1, names[i]);
        assert(type != LUA_TNIL);
        (void)type;
        lua_setfield(L, -3, names[i]);
    }
    lua_pop(L, 1);
}

/* A new library table of the kept functions, on the top. */
static void open_library(lua_State *L, const char *name, lua_CFunction open,
                         const char *const *names, size_t count)
{
    lua_newtable(L);
    luaL_requiref(L, name, open, 0);
    keep(L, names, count);
}

static void lock_strings(lua_State *L, int globals)
{
    lua_pushliteral(L, "");
    int has = lua_getmetatable(L, -1);
    assert(has != 0);
    (void)has;
    lua_getfield(L, globals, "string");
    lua_setfield(L, -2, "__index"); /* ("x"):dump() is gone as well */
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 2);
}

void script_sandbox_open(lua_State *L)
{
    lua_newtable(L);
    int globals = lua_gettop(L);
    luaL_requiref(L, LUA_GNAME, luaopen_base, 0);
    keep(L, kept_base, SCRIPT_COUNT(kept_base));
    open_library(L, LUA_TABLIBNAME, luaopen_table, kept_table, SCRIPT_COUNT(kept_table));
    lua_setfield(L, globals, "table");
    open_library(L, LUA_STRLIBNAME, luaopen_string, kept_string, SCRIPT_COUNT(kept_string));
    lua_setfield(L, globals, "string");
    open_library(L, LUA_MATHLIBNAME, luaopen_math, kept_math, SCRIPT_COUNT(kept_math));
    lua_setfield(L, globals, "math");
    open_library(L, LUA_UTF8LIBNAME, luaopen_utf8, kept_utf8, SCRIPT_COUNT(kept_utf8));
    lua_setfield(L, globals, "utf8");
    open_library(L, LUA_COLIBNAME, luaopen_coroutine, kept_coroutine, SCRIPT_COUNT(kept_coroutine));
    lua_setfield(L, globals, "coroutine");
    lock_strings(L, globals);

    script_stdlib_open(L, globals);
    script_scenario_open(L, globals);
    script_tasks_open(L, globals);
    script_listen_open(L, globals);
    script_cluster_open(L, globals);
    script_faults_open(L, globals);
    script_expect_open(L, globals);
    script_misc_open(L, globals);

    static const char *const strict[] = {"table",     "string", "math",  "utf8",
                                         "coroutine", "fault",  "expect"};
    for (size_t i = 0; i < SCRIPT_COUNT(strict); i++) {
        lua_getfield(L, globals, strict[i]);
        make_strict(L, strict[i]);
        lua_pop(L, 1);
    }
    lua_newtable(L);
    lua_pushcfunction(L, absent_global);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, new_global);
    lua_setfield(L, -2, "__newindex");
    lua_setmetatable(L, globals);

    /* What Lua's own tables still name would be reachable for error messages in hash order. */
    lua_newtable(L);
    lua_setfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    lua_rawseti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
}
