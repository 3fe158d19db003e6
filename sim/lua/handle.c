/* Objects and functions of the interface.
 *
 * Terms: a handle is the userdata that stands for an object of the world (a node, a rule, a
 * client …); its class names its fields and methods. Every function and method of the interface is
 * entered through one of two doors below, which check what holds for all of them.
 *
 * 1. An unknown field or method is an error that names its neighbours.
 * 2. Handles cannot be assigned to, and read "n2" or "client#3": never as an address.
 * 3. No function of the interface acts at the top level of a file, acts inside a step of a node, or
 *    waits where it cannot. */
#include "binding.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define WORD_MAX 40u

struct script_handle *script_handle_at(lua_State *L, int index)
{
    if (lua_type(L, index) != LUA_TUSERDATA) {
        return NULL;
    }
    struct script_handle *handle = lua_touserdata(L, index);
    assert(handle->class_ != NULL);
    return handle;
}

/* The distance of Damerau and Levenshtein between two words, in which neighbours may be swapped. */
static unsigned distance(const char *a, const char *b)
{
    unsigned rows[3][WORD_MAX + 1];
    size_t a_length = strlen(a), b_length = strlen(b);
    if (a_length > WORD_MAX || b_length > WORD_MAX) {
        return WORD_MAX;
    }
    for (size_t j = 0; j <= b_length; j++) {
        rows[0][j] = (unsigned)j;
    }
    for (size_t i = 1; i <= a_length; i++) {
        unsigned *row = rows[i % 3], *above = rows[(i + 2) % 3], *over = rows[(i + 1) % 3];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b_length; j++) {
            unsigned best = above[j - 1] + (a[i - 1] == b[j - 1] ? 0u : 1u);
            best = above[j] + 1 < best ? above[j] + 1 : best;
            best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                over[j - 2] + 1 < best) {
                best = over[j - 2] + 1;
            }
            row[j] = best;
        }
    }
    return rows[a_length % 3][b_length];
}

const char *script_nearest(const char *word, const char *const *names, size_t count)
{
    const char *nearest = NULL;
    size_t length = strlen(word);
    unsigned allowed = length <= 1 ? 0u : length <= 3 ? 1u : length <= 8 ? 2u : 3u;
    unsigned least = allowed + 1;
    for (size_t i = 0; i < count; i++) {
        bool is_prefix = length >= 4 && strncmp(word, names[i], length) == 0;
        unsigned d = is_prefix ? 1u : distance(word, names[i]);
        /* Ties go to the smaller name: the order of the names must not matter. */
        if (d < least || (d == least && nearest != NULL && strcmp(names[i], nearest) < 0)) {
            least = d;
            nearest = names[i];
        }
    }
    return nearest;
}

const char *script_push_guess(lua_State *L, const char *word, const char *const *names,
                              size_t count)
{
    const char *nearest = script_nearest(word, names, count);
    return nearest == NULL ? lua_pushliteral(L, "")
                           : lua_pushfstring(L, " (did you mean '%s'?)", nearest);
}

const char *script_push_list(lua_State *L, const char *const *names, size_t count)
{
    const char *last = NULL;
    luaL_Buffer list;
    luaL_buffinit(L, &list);
    for (size_t n = 0; n < count; n++) {
        const char *least = NULL;
        for (size_t i = 0; i < count; i++) {
            assert(names[i] != NULL);
            bool is_after = last == NULL || strcmp(names[i], last) > 0;
            if (is_after && (least == NULL || strcmp(names[i], least) < 0)) {
                least = names[i];
            }
        }
        if (least == NULL) {
            break;
        }
        luaL_addstring(&list, n == 0 ? "" : ", ");
        luaL_addstring(&list, least);
        last = least;
    }
    luaL_pushresult(&list);
    return lua_tostring(L, -1);
}

/* What holds for every call, before it does anything. */
static void check_call(lua_State *L, struct sim_script *script,
                       const struct script_function *function)
{
    if (script->stop != SCRIPT_GOES_ON || (script->world != NULL && script->world->over)) {
        script_unwind(L);
    }
    if (script->place == SCRIPT_AT_TOP && (function->flags & SCRIPT_ANYWHERE) == 0) {
        script_raise(L, "call it inside run = function(p) ... end");
    }
    if (script->place == SCRIPT_IN_STEP && (function->flags & (SCRIPT_CHANGES | SCRIPT_WAITS))) {
        script_raise_plain(L,
                           "%s cannot act here: this is %s of a fault rule, which runs inside a "
                           "step of a node; use spawn(function() ... end)",
                           script->call, script->place_name);
    }
    if ((function->flags & SCRIPT_WAITS) == 0) {
        return;
    }
    if (script->place == SCRIPT_IN_HOOK) {
        script_raise_plain(L,
                           "%s cannot wait here: this is a hook on '%s', which runs inside one "
                           "simulated event; use spawn(function() ... end)",
                           script->call, script->place_name);
    }
    if (script->place == SCRIPT_IN_CHECK || script->place == SCRIPT_IN_CONDITION) {
        script_raise_plain(L, "%s cannot wait here: '%s' is a %s and must return at once",
                           script->call, script->place_name,
                           script->place == SCRIPT_IN_CHECK ? "check" : "condition");
    }
    if (script->current == NULL || script->current->thread != L) {
        script_raise_plain(L,
                           "%s cannot wait here: this is a coroutine of your own; use "
                           "spawn(function() ... end)",
                           script->call);
    }
    if (!lua_isyieldable(L)) {
        script_raise_plain(L, "%s cannot wait here: it is called from within a library function",
                           script->call);
    }
}

static int enter(lua_State *L, const struct script_function *function, void *self)
{
    struct sim_script *script = script_of(L);
    const char *call = lua_tostring(L, lua_upvalueindex(2));
    script->call = call;
    check_call(L, script, function);
    int results = function->call(L, script, self);
    if (results > 0 && lua_isnil(L, -results)) {
        script_note_nil(L, call, results > 1 ? lua_tostring(L, -1) : "");
    }
    return results;
}

/* Upvalues: the function, its full name. */
static int function_door(lua_State *L)
{
    return enter(L, lua_touserdata(L, lua_upvalueindex(1)), NULL);
}

/* Upvalues: the method, its full name, the class. */
static int method_door(lua_State *L)
{
    const struct script_function *method = lua_touserdata(L, lua_upvalueindex(1));
    const struct script_class *class_ = lua_touserdata(L, lua_upvalueindex(3));
    struct script_handle *handle = script_handle_at(L, 1);
    if (handle == NULL || handle->class_ != class_) {
        script_raise_plain(L, "%s.%s: call it with a colon, as in %s:%s(...)", class_->name,
                           method->name, class_->name, method->name);
    }
    lua_remove(L, 1);
    return enter(L, method, handle->object);
}

/* Raises. */
static int refuse_name(lua_State *L, const struct script_class *class_, const char *name)
{
    const char *names[64];
    size_t count = 0;
    assert(class_->field_count + class_->method_count <= SCRIPT_COUNT(names));
    for (size_t i = 0; i < class_->field_count; i++) {
        names[count] = class_->fields[i].name;
        count++;
    }
    for (size_t i = 0; i < class_->method_count; i++) {
        names[count] = class_->methods[i].name;
        count++;
    }
    script_raise_plain(L, "%s has no field or method '%s'%s", class_->name, name,
                       script_push_guess(L, name, names, count));
}

/* Upvalues: the class, the table of its members. */
static int handle_index(lua_State *L)
{
    const struct script_class *class_ = lua_touserdata(L, lua_upvalueindex(1));
    struct sim_script *script = script_of(L);
    struct script_handle *handle = script_handle_at(L, 1);
    assert(handle != NULL && handle->class_ == class_);
    if (class_->push_at != NULL && lua_isinteger(L, 2)) {
        class_->push_at(L, script, handle->object, lua_tointeger(L, 2));
        return 1;
    }
    if (lua_type(L, 2) != LUA_TSTRING) {
        script_raise_plain(L, "%s cannot be indexed with %s", class_->name,
                           script_push_value(L, 2));
    }
    lua_pushvalue(L, 2);
    int type = lua_rawget(L, lua_upvalueindex(2));
    if (type == LUA_TLIGHTUSERDATA) {
        const struct script_field *field = lua_touserdata(L, -1);
        lua_pop(L, 1);
        field->push(L, script, handle->object);
    } else if (type == LUA_TNIL) {
        refuse_name(L, class_, lua_tostring(L, 2));
    }
    return 1;
}

static int handle_assign(lua_State *L)
{
    struct script_handle *handle = script_handle_at(L, 1);
    assert(handle != NULL);
    script_raise_plain(L, "%s.%s cannot be assigned", handle->class_->name,
                       script_push_string(L, 2));
}

static int handle_tostring(lua_State *L)
{
    struct script_handle *handle = script_handle_at(L, 1);
    luaL_argcheck(L, handle != NULL, 1, "object expected");
    if (handle->class_->push_name != NULL) {
        handle->class_->push_name(L, handle->object);
    } else {
        lua_pushfstring(L, "%s#%d", handle->class_->name, (int)handle->serial);
    }
    return 1;
}

static int handle_concat(lua_State *L)
{
    script_push_string(L, 1);
    script_push_string(L, 2);
    lua_concat(L, 2);
    return 1;
}

/* A table by name: of a method its function, of a field where it is described. */
static void push_members(lua_State *L, const struct script_class *class_)
{
    lua_newtable(L);
    for (size_t i = 0; i < class_->field_count; i++) {
        lua_pushlightuserdata(L, (void *)&class_->fields[i]);
        lua_setfield(L, -2, class_->fields[i].name);
    }
    for (size_t i = 0; i < class_->method_count; i++) {
        lua_pushlightuserdata(L, (void *)&class_->methods[i]);
        lua_pushfstring(L, "%s:%s", class_->name, class_->methods[i].name);
        lua_pushlightuserdata(L, (void *)class_);
        lua_pushcclosure(L, method_door, 3);
        lua_setfield(L, -2, class_->methods[i].name);
    }
}

/* The metatable of a class is made when its first handle is. Its name is the key, as everywhere in
 * the registry: an address of the host would give the registry another order in each process. */
static void push_metatable(lua_State *L, const struct script_class *class_)
{
    if (lua_getfield(L, LUA_REGISTRYINDEX, class_->name) != LUA_TNIL) {
        return;
    }
    lua_pop(L, 1);
    lua_newtable(L);
    lua_pushlightuserdata(L, (void *)class_);
    push_members(L, class_);
    lua_pushcclosure(L, handle_index, 2);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, handle_assign);
    lua_setfield(L, -2, "__newindex");
    lua_pushcfunction(L, handle_tostring);
    lua_setfield(L, -2, "__tostring");
    lua_pushcfunction(L, handle_concat);
    lua_setfield(L, -2, "__concat");
    lua_pushstring(L, class_->name);
    lua_setfield(L, -2, "__metatable");
    lua_pushvalue(L, -1);
    lua_setfield(L, LUA_REGISTRYINDEX, class_->name);
}

void script_handle_push(lua_State *L, const struct script_class *class_, void *object)
{
    struct sim_script *script = script_of(L);
    luaL_checkstack(L, 8, NULL);
    struct script_handle *handle = lua_newuserdatauv(L, sizeof(*handle), 0);
    script->serials++;
    *handle = (struct script_handle){class_, object, script->serials};
    push_metatable(L, class_);
    lua_setmetatable(L, -2);
}

void script_functions_add(lua_State *L, const char *module, const struct script_function *functions,
                          size_t count)
{
    for (size_t i = 0; i < count; i++) {
        lua_pushlightuserdata(L, (void *)&functions[i]);
        lua_pushfstring(L, "%s%s%s", module, module[0] == '\0' ? "" : ".", functions[i].name);
        lua_pushcclosure(L, function_door, 2);
        lua_setfield(L, -2, functions[i].name);
    }
}
