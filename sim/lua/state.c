/* The Lua state of a run: its memory, its limits, and how its errors are told.
 *
 * Terms: to unwind is to raise a private value that no scenario can make; it passes through pcall
 * (stdlib.c) and ends the code at the boundary where the host called it. A stop is final: once it
 * is set, nothing of the script runs any more.
 *
 * 1. All memory comes from the arena, so that a checkpoint of the world contains the script.
 * 2. The state holds no address, clock or environment that a script could observe. Layer two: the
 *    hash seed that Lua takes from addresses and the time is overwritten before its first use, so
 *    that moments of rehashing and collection repeat as well.
 *    What is left of addresses is the cache of strings that the host names: it stands where a
 *    text of the host does, finds no other string than without it, and is no part of a fingerprint.
 * 3. A script that loops without letting the simulation advance, or eats memory, is stopped by
 *    count, never by time. Hooks fire in every coroutine; the counts live in struct sim_script.
 * 4. Message prefixes are positions in the scenario's file, never in the host. */
#include "binding.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* Debian's Lua 5.4: lua_newstate asks for the state first, writes the seed at this offset, and asks
 * for a second block before the first string is hashed. Other sizes: the seed is left alone. */
#define STATE_SIZE        1624u
#define STATE_SEED_OFFSET 304u
#define STATE_SEED        0x5eed5eedu
/* There, too: 53 pairs of strings, all the same one when they are made. */
#define STATE_CACHE_OFFSET 760u
#define STATE_CACHE_WORDS  106u

/* The value that unwinds is the address of this constant. */
static const char unwinding;

static void *allocate(void *context, void *block, size_t old_size, size_t new_size)
{
    struct sim_script *script = context;
    size_t freed = block == NULL ? 0 : old_size;

    if (script->heap_requests < 2) {
        script->heap_requests++;
        if (script->heap_requests == 2 && script->heap_state != NULL) {
            const uint32_t seed = STATE_SEED;
            memcpy((uint8_t *)script->heap_state + STATE_SEED_OFFSET, &seed, sizeof(seed));
            script->is_seed_pinned = true;
        }
    }
    assert(script->heap_used >= freed);
    if (new_size == 0) {
        script->heap_used -= freed;
        arena_free(script->arena, block);
        return NULL;
    }
    if (new_size > freed && script->heap_used - freed + new_size > SCRIPT_MEMORY_MAX) {
        /* Lua answers the first refusal with a collection and asks again; the second one is final,
         * or a loop of protected allocations would go on for long. */
        script->heap_refusals++;
        if (script->heap_refusals >= 2 && script->stop == SCRIPT_GOES_ON) {
            script->stop = SCRIPT_STOP_MEMORY;
        }
        return NULL;
    }
    script->heap_refusals = 0;
    script->heap_used += new_size - freed;
    void *result = arena_realloc(script->arena, block, new_size);
    if (script->heap_requests == 1 && new_size == STATE_SIZE && old_size == LUA_TTHREAD) {
        script->heap_state = result;
    }
    return result;
}

struct sim_script *script_of(lua_State *L)
{
    struct sim_script *script;
    memcpy(&script, lua_getextraspace(L), sizeof(script));
    assert(script != NULL);
    return script;
}

bool script_is_unwinding(lua_State *L, int index)
{
    return lua_type(L, index) == LUA_TLIGHTUSERDATA && lua_touserdata(L, index) == &unwinding;
}

_Noreturn void script_unwind(lua_State *L)
{
    struct sim_script *script = script_of(L);
    if (script->stop == SCRIPT_GOES_ON) {
        script->stop = SCRIPT_STOP_QUIET;
    }
    lua_pushlightuserdata(L, (void *)&unwinding);
    lua_error(L);
    __builtin_unreachable();
}

/* Of a path that is too long the end stays, and the line always. */
static void format_where(const lua_Debug *frame, char *out, size_t size)
{
    const char *file = frame->source + 1;
    int length = snprintf(out, size, "%s:%d", file, frame->currentline);
    assert(length > 0 && size > sizeof("...:2147483647"));
    if ((size_t)length >= size) {
        const char *end = file + ((size_t)length - (size - 1) + 3);
        snprintf(out, size, "...%s:%d", end, frame->currentline);
    }
}

/* Whether a text begins with a position in the scenario's file; Lua shortens long paths. */
static bool is_positioned(const struct sim_script *script, const char *text)
{
    size_t size = strlen(script->file);
    if (strncmp(text, script->file, size) == 0) {
        return true;
    }
    size_t shown = strncmp(text, "...", 3) == 0 ? strcspn(text + 3, ":") : 0;
    return shown > 0 && shown < size && strncmp(script->file + size - shown, text + 3, shown) == 0;
}

/* The frame-th frame of a scenario file, counted from the innermost. */
static bool find_frame(lua_State *L, int frame, lua_Debug *out)
{
    int seen = 0;
    for (int level = 0; lua_getstack(L, level, out) != 0; level++) {
        lua_getinfo(L, "Sl", out);
        if (out->source[0] == '@' && out->currentline > 0) {
            if (seen == frame) {
                return true;
            }
            seen++;
        }
    }
    return false;
}

void script_where(lua_State *L, char *out, size_t size)
{
    lua_Debug frame;
    assert(size > 0);
    out[0] = '\0';
    if (find_frame(L, 0, &frame)) {
        format_where(&frame, out, size);
    }
}

/* Every thousand instructions of any coroutine; every single one when the script has to stop. */
static void count_hook(lua_State *L, lua_Debug *frame)
{
    struct sim_script *script = script_of(L);
    if (script->stop == SCRIPT_GOES_ON) {
        script->instructions += SCRIPT_HOOK_PERIOD;
        if (script->instructions <= SCRIPT_INSTRUCTIONS_MAX) {
            return;
        }
        char where[SCRIPT_WHERE_MAX] = "";
        lua_getinfo(L, "Sl", frame);
        if (frame->source[0] == '@') {
            format_where(frame, where, sizeof(where));
        } else {
            script_where(L, where, sizeof(where));
        }
        script->stop = SCRIPT_STOP_INSTRUCTIONS;
        snprintf(script->stop_text, sizeof(script->stop_text),
                 "%s: script ran too long without letting the simulation advance (after %llu VM "
                 "instructions; is there an endless loop?)",
                 where, (unsigned long long)script->instructions);
    }
    lua_sethook(L, count_hook, LUA_MASKCOUNT, 1);
    script_unwind(L);
}

static _Noreturn void raise_text(lua_State *L, const char *call, const char *format,
                                 va_list arguments)
{
    char text[SIM_TEXT_MAX];
    char where[SCRIPT_WHERE_MAX];
    vsnprintf(text, sizeof(text), format, arguments);
    script_where(L, where, sizeof(where));
    lua_pushfstring(L, "%s%s%s%s%s", where, where[0] == '\0' ? "" : ": ", call,
                    call[0] == '\0' ? "" : ": ", text);
    lua_error(L);
    __builtin_unreachable();
}

_Noreturn void script_raise(lua_State *L, const char *format, ...)
{
    struct sim_script *script = script_of(L);
    va_list arguments;
    va_start(arguments, format);
    raise_text(L, script->call == NULL ? "" : script->call, format, arguments);
}

_Noreturn void script_raise_plain(lua_State *L, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    raise_text(L, "", format, arguments);
}

static void append(char *out, size_t size, const char *text)
{
    size_t length = strlen(out);
    snprintf(out + length, size - length, "%s", text);
}

void script_callers(lua_State *L, const char *separator, char *out, size_t size)
{
    lua_Debug frame;
    for (int i = 1; i < SCRIPT_FRAMES_MAX && find_frame(L, i, &frame); i++) {
        char where[SCRIPT_WHERE_MAX];
        format_where(&frame, where, sizeof(where));
        append(out, size, separator);
        append(out, size, "called from ");
        append(out, size, where);
    }
}

void script_note_nil(lua_State *L, const char *call, const char *error)
{
    struct sim_script *script = script_of(L);
    snprintf(script->last_nil.call, sizeof(script->last_nil.call), "%s", call);
    snprintf(script->last_nil.error, sizeof(script->last_nil.error), "%s",
             error == NULL ? "" : error);
    script_where(L, script->last_nil.where, sizeof(script->last_nil.where));
    script->last_nil.time_ns = script->world == NULL ? 0 : script->world->scheduler.now_ns;
}

/* The call that the nil of an error may have come from. */
static void append_hint(const struct sim_script *script, char *out, size_t size)
{
    char hint[SIM_TEXT_MAX];
    const char *error = script->last_nil.error;
    const char *remedy =
        strcmp(script->last_nil.call, "cluster:leader") == 0 ? "; use c:wait_leader{}" : "";
    snprintf(hint, sizeof(hint), "\nhint: %s: %s() returned nil%s%s%s at %llu ms%s",
             script->last_nil.where, script->last_nil.call, error[0] == '\0' ? "" : ", \"", error,
             error[0] == '\0' ? "" : "\"", (unsigned long long)(script->last_nil.time_ns / 1000000),
             remedy);
    append(out, size, hint);
}

void script_error_text(struct sim_script *script, lua_State *L, char *out, size_t size)
{
    char place[SCRIPT_WHERE_MAX]; /* the file alone, if the stack is gone */
    assert(size > 0);
    script_where(L, place, sizeof(place));
    if (place[0] == '\0') {
        snprintf(place, sizeof(place), "%s", script->file);
    }
    if (script->stop == SCRIPT_STOP_MEMORY) {
        snprintf(out, size, "%s: script used up its memory (limit %u MiB)", place,
                 (unsigned)(SCRIPT_MEMORY_MAX >> 20));
        return;
    }
    if (script->stop == SCRIPT_STOP_INSTRUCTIONS) {
        snprintf(out, size, "%s", script->stop_text);
        return;
    }
    if (lua_type(L, -1) == LUA_TSTRING) {
        char where[SCRIPT_WHERE_MAX] = "";
        const char *text = lua_tostring(L, -1);
        if (!is_positioned(script, text)) {
            script_where(L, where, sizeof(where)); /* raised by a function of Lua's own library */
        }
        snprintf(out, size, "%s%s%s", where, where[0] == '\0' ? "" : ": ", text);
    } else if (lua_checkstack(L, 20)) {
        snprintf(out, size, "%s: error with %s", place, script_push_value(L, -1));
        lua_pop(L, 1);
    }
    if (strstr(out, "a nil value") != NULL && script->last_nil.call[0] != '\0') {
        append_hint(script, out, size);
    }
    script_callers(L, "\n", out, size);
}

static void report_text(struct sim_script *script, const char *text)
{
    assert(script->world != NULL);
    if (script->stop == SCRIPT_STOP_QUIET) {
        return;
    }
    script->stop = SCRIPT_STOP_QUIET;
    /* The script describes the run without the fault that a sweep shot into it: what breaks it
     * after that, such as the nil of a failed put, is no mistake of its author. */
    if (script->world->faults.shot.fired > 0) {
        sim_expectation_failed(script->world, text);
    } else {
        sim_script_error(script->world, text);
    }
}

void script_report(struct sim_script *script, lua_State *L)
{
    char text[SIM_TEXT_MAX] = "";
    script_error_text(script, L, text, sizeof(text));
    report_text(script, text);
}

/* The message handler: the stack of the error is still there, so the call chain can be told. */
static int tell(lua_State *L)
{
    struct sim_script *script = script_of(L);
    char text[SIM_TEXT_MAX] = "";
    if (script_is_unwinding(L, 1) || script->stop != SCRIPT_GOES_ON) {
        return 1;
    }
    script_error_text(script, L, text, sizeof(text));
    lua_pushstring(L, text);
    return 1;
}

bool script_call_protected(struct sim_script *script, lua_State *L, int arguments, int results)
{
    int base = lua_gettop(L) - arguments;
    lua_pushcfunction(L, tell);
    lua_insert(L, base);
    int status = lua_pcall(L, arguments, results, base);
    lua_remove(L, base);
    if (status == LUA_OK) {
        return true;
    }
    if (script->stop == SCRIPT_GOES_ON && lua_type(L, -1) == LUA_TSTRING) {
        report_text(script, lua_tostring(L, -1)); /* tell() has made it complete */
    } else {
        script_report(script, L);
    }
    lua_pop(L, 1);
    return false;
}

struct arena_span sim_script_cache(const struct sim_script *script)
{
    return (struct arena_span){script->heap_cache,
                               script->heap_cache == NULL ? 0 : STATE_CACHE_WORDS * 8};
}

/* Where a new state has its cache; NULL: nobody knows. What stands before and behind it is not set
 * yet. */
static const void *find_cache(const struct sim_script *script)
{
    uintptr_t words[STATE_CACHE_WORDS + 2];
    if (script->heap_state == NULL) {
        return NULL;
    }
    const uint8_t *cache = (const uint8_t *)script->heap_state + STATE_CACHE_OFFSET;
    memcpy(words, cache - sizeof words[0], sizeof words);
    for (uint32_t i = 0; i < STATE_CACHE_WORDS + 2; i++) {
        bool is_within = i > 0 && i <= STATE_CACHE_WORDS;
        if (is_within != arena_owns(script->arena, (const void *)words[i])) {
            return NULL;
        }
    }
    return cache;
}

/* Everything that may run out of memory while a state is built. */
static int build(lua_State *L)
{
    struct sim_script *script = script_of(L);
    script->callbacks = lua_newthread(L);
    luaL_ref(L, LUA_REGISTRYINDEX);
    script_sandbox_open(L);
    return 0;
}

lua_State *script_state_open(struct sim_script *script)
{
    script->place = SCRIPT_AT_TOP;
    script->cluster_ref = LUA_NOREF;
    script->run_ref = LUA_NOREF;
    script->params_ref = LUA_NOREF;
    script->listeners_end = &script->listeners;
    script->faults_end = &script->faults;
    for (int i = 0; i < SIM_NODES_MAX; i++) {
        script->node_refs[i] = LUA_NOREF;
    }
    lua_State *L = lua_newstate(allocate, script);
    if (L == NULL) {
        return NULL;
    }
    script->main = L;
    script->heap_cache = find_cache(script);
    memcpy(lua_getextraspace(L), &script, sizeof(script));
    lua_sethook(L, count_hook, LUA_MASKCOUNT, SCRIPT_HOOK_PERIOD);
    lua_pushcfunction(L, build);
    if (lua_pcall(L, 0, 0, 0) != LUA_OK) {
        return NULL;
    }
    return L;
}

bool script_load(struct sim_script *script, const char *text, size_t size, char *error,
                 size_t error_size)
{
    lua_State *L = script->main;
    assert(L != NULL && error_size > 0);
    if (!lua_checkstack(L, 10)) {
        return false;
    }
    if (size >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) { /* some editors mark UTF-8 so */
        text += 3;
        size -= 3;
    }
    lua_pushcfunction(L, tell);
    const char *name = lua_pushfstring(L, "@%s", script->file);
    int status = luaL_loadbufferx(L, text, size, name, "t");
    if (status == LUA_OK) {
        status = lua_pcall(L, 0, 0, 1);
    }
    if (status != LUA_OK) {
        if (script->stop == SCRIPT_GOES_ON && lua_type(L, -1) == LUA_TSTRING) {
            snprintf(error, error_size, "%s", lua_tostring(L, -1));
        } else {
            script_error_text(script, L, error, error_size);
        }
        if (status == LUA_ERRSYNTAX && strstr(error, "near '!'") != NULL) {
            append(error, error_size, " (Lua writes ~= for \"is not equal\", and not for \"!\")");
        }
    }
    lua_settop(L, 0);
    return status == LUA_OK;
}
