/* Order: pairs, next and table.sort without hash order, addresses or the clock.
 *
 * 1. pairs visits a snapshot of the keys: numbers ascending, strings by bytes, false, true, then
 *    objects of the interface by serial. A table with a table, a function or a coroutine as a key
 *    has no reproducible order and cannot be iterated.
 * 2. table.sort is a stable merge sort: the result is a function of the input and the comparison.
 */
#include "binding.h"

#include <assert.h>
#include <string.h>

enum key_class { KEY_NUMBER, KEY_STRING, KEY_BOOLEAN, KEY_HANDLE };

struct key {
    enum key_class class_;
    bool is_integer;
    lua_Integer integer; /* also of booleans and handles */
    lua_Number number;
    const char *string; /* lives as long as the table has the key */
    size_t length;
};

/* Reads the key at index. False: it has no order. */
static bool read_key(lua_State *L, int index, struct key *key)
{
    memset(key, 0, sizeof(*key));
    struct script_handle *handle = script_handle_at(L, index);
    if (handle != NULL) {
        key->class_ = KEY_HANDLE;
        key->integer = handle->serial;
        return true;
    }
    switch (lua_type(L, index)) {
    case LUA_TNUMBER:
        key->class_ = KEY_NUMBER;
        key->is_integer = lua_isinteger(L, index);
        key->integer = key->is_integer ? lua_tointeger(L, index) : 0;
        key->number = lua_tonumber(L, index);
        return true;
    case LUA_TSTRING:
        key->class_ = KEY_STRING;
        key->string = lua_tolstring(L, index, &key->length);
        return true;
    case LUA_TBOOLEAN:
        key->class_ = KEY_BOOLEAN;
        key->integer = lua_toboolean(L, index);
        return true;
    }
    return false;
}

static int compare_integers(lua_Integer a, lua_Integer b)
{
    return (a > b) - (a < b);
}

static int compare_keys(const struct key *a, const struct key *b)
{
    if (a->class_ != b->class_) {
        return a->class_ < b->class_ ? -1 : 1;
    }
    switch (a->class_) {
    case KEY_NUMBER:
        if (a->is_integer && b->is_integer) {
            return compare_integers(a->integer, b->integer);
        }
        /* A float key never equals an integer key: Lua would have made it one. */
        if (a->number != b->number) {
            return a->number < b->number ? -1 : 1;
        }
        return a->is_integer ? -1 : 1;
    case KEY_STRING: {
        size_t common = a->length < b->length ? a->length : b->length;
        int order = memcmp(a->string, b->string, common);
        return order != 0 ? order : (a->length > b->length) - (a->length < b->length);
    }
    case KEY_BOOLEAN:
    case KEY_HANDLE:
        return compare_integers(a->integer, b->integer);
    }
    assert(false);
    return 0;
}

static void sort_keys(struct key *keys, struct key *scratch, size_t count)
{
    for (size_t width = 1; width < count; width *= 2) {
        for (size_t first = 0; first < count; first += 2 * width) {
            size_t middle = first + width < count ? first + width : count;
            size_t end = first + 2 * width < count ? first + 2 * width : count;
            size_t left = first, right = middle;
            for (size_t to = first; to < end; to++) {
                bool take_left =
                    left < middle && (right >= end || compare_keys(&keys[left], &keys[right]) <= 0);
                scratch[to] = take_left ? keys[left] : keys[right];
                left += take_left ? 1u : 0u;
                right += take_left ? 0u : 1u;
            }
        }
        memcpy(keys, scratch, count * sizeof(*keys));
    }
}

static _Noreturn void refuse_key(lua_State *L, int index)
{
    script_raise_plain(L,
                       "cannot iterate: the table has %s as key, and the order of such keys is not "
                       "reproducible (key by name or id instead)",
                       script_push_value(L, index));
}

static void push_key(lua_State *L, const struct key *key, int table)
{
    switch (key->class_) {
    case KEY_NUMBER:
        if (key->is_integer) {
            lua_pushinteger(L, key->integer);
        } else {
            lua_pushnumber(L, key->number);
        }
        return;
    case KEY_STRING:
        lua_pushlstring(L, key->string, key->length);
        return;
    case KEY_BOOLEAN:
        lua_pushboolean(L, (int)key->integer);
        return;
    case KEY_HANDLE:
        /* Rare: find the object again by its serial. */
        for (lua_pushnil(L); lua_next(L, table) != 0;) {
            lua_pop(L, 1);
            struct script_handle *handle = script_handle_at(L, -1);
            if (handle != NULL && handle->serial == key->integer) {
                return;
            }
        }
        lua_pushnil(L);
        return;
    }
}

/* Upvalues: the table, its keys in order, the position. */
static int next_of_snapshot(lua_State *L)
{
    lua_Integer position = lua_tointeger(L, lua_upvalueindex(3));
    for (;;) {
        position++;
        if (lua_rawgeti(L, lua_upvalueindex(2), position) == LUA_TNIL) {
            return 1;
        }
        lua_pushvalue(L, -1);
        if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL) {
            break; /* else the loop has removed it since */
        }
        lua_pop(L, 2);
    }
    lua_pushinteger(L, position);
    lua_replace(L, lua_upvalueindex(3));
    return 2;
}

int script_lua_pairs(lua_State *L)
{
    luaL_checkany(L, 1);
    if (luaL_getmetafield(L, 1, "__pairs") != LUA_TNIL) {
        lua_pushvalue(L, 1);
        lua_call(L, 1, 3);
        return 3;
    }
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    size_t count = 0;
    for (lua_pushnil(L); lua_next(L, 1) != 0; lua_pop(L, 1)) {
        count++;
    }
    struct key *keys = lua_newuserdatauv(L, (count + 1) * 2 * sizeof(*keys), 0);
    size_t at = 0;
    bool is_sorted = true;
    for (lua_pushnil(L); lua_next(L, 1) != 0; lua_pop(L, 1)) {
        if (!read_key(L, -2, &keys[at])) {
            refuse_key(L, -2);
        }
        is_sorted = is_sorted && (at == 0 || compare_keys(&keys[at - 1], &keys[at]) < 0);
        at++;
    }
    if (!is_sorted) {
        sort_keys(keys, keys + count + 1, count);
    }
    lua_pushvalue(L, 1);
    lua_createtable(L, (int)count, 0);
    for (size_t i = 0; i < count; i++) {
        push_key(L, &keys[i], 1);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_pushinteger(L, 0);
    lua_pushcclosure(L, next_of_snapshot, 3);
    return 1;
}

/* The key after the given one, by a scan: next is for "is it empty", not for loops. */
int script_lua_next(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 2);
    struct key after, best, key;
    bool has_after = !lua_isnil(L, 2), has_best = false;
    if (has_after && !read_key(L, 2, &after)) {
        refuse_key(L, 2);
    }
    for (lua_pushnil(L); lua_next(L, 1) != 0; lua_pop(L, 1)) {
        if (!read_key(L, -2, &key)) {
            refuse_key(L, -2);
        }
        if ((!has_after || compare_keys(&key, &after) > 0) &&
            (!has_best || compare_keys(&key, &best) < 0)) {
            best = key;
            has_best = true;
        }
    }
    if (!has_best) {
        lua_pushnil(L);
        return 1;
    }
    push_key(L, &best, 1);
    lua_pushvalue(L, -1);
    lua_rawget(L, 1);
    return 2;
}

/* Whether the value at b comes before the value at a; the comparison is at index 2, or nil. */
static bool comes_before(lua_State *L, int b, int a)
{
    if (lua_isnil(L, 2)) {
        return lua_compare(L, b, a, LUA_OPLT) != 0;
    }
    lua_pushvalue(L, 2);
    lua_pushvalue(L, b < 0 ? b - 1 : b);
    lua_pushvalue(L, a < 0 ? a - 2 : a);
    lua_call(L, 2, 1);
    bool before = lua_toboolean(L, -1) != 0;
    lua_pop(L, 1);
    return before;
}

/* Merges [first, middle) and [middle, end) of the table at `from` into the one at `to`. */
static void merge(lua_State *L, int from, int to, lua_Integer first, lua_Integer middle,
                  lua_Integer end)
{
    lua_Integer left = first, right = middle;
    for (lua_Integer at = first; at < end; at++) {
        bool take_left = left < middle;
        if (left < middle && right < end) {
            lua_rawgeti(L, from, left);
            lua_rawgeti(L, from, right);
            take_left = !comes_before(L, -1, -2);
            lua_pop(L, 2);
        }
        lua_rawgeti(L, from, take_left ? left : right);
        lua_rawseti(L, to, at);
        left += take_left ? 1 : 0;
        right += take_left ? 0 : 1;
    }
}

int script_lua_sort(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    if (!lua_isnoneornil(L, 2)) {
        luaL_checktype(L, 2, LUA_TFUNCTION);
    }
    lua_settop(L, 2);
    lua_Integer count = (lua_Integer)lua_rawlen(L, 1);
    luaL_argcheck(L, count < 1 << 24, 1, "array too big");
    lua_createtable(L, (int)count, 0); /* 3 */
    lua_createtable(L, (int)count, 0); /* 4 */
    for (lua_Integer i = 1; i <= count; i++) {
        lua_rawgeti(L, 1, i);
        lua_rawseti(L, 3, i);
    }
    int from = 3, to = 4;
    for (lua_Integer width = 1; width < count; width *= 2) {
        for (lua_Integer first = 1; first <= count; first += 2 * width) {
            lua_Integer middle = first + width <= count ? first + width : count + 1;
            lua_Integer end = first + 2 * width <= count ? first + 2 * width : count + 1;
            merge(L, from, to, first, middle, end);
        }
        int swap = from;
        from = to;
        to = swap;
    }
    for (lua_Integer i = 1; i <= count; i++) {
        lua_rawgeti(L, from, i);
        lua_rawseti(L, 1, i);
    }
    return 0;
}
