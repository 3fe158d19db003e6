/* The doors of the binding: listing a file, opening one of its scenarios.
 *
 * 1. Opening and listing evaluate the same top level with the same sandbox; only scenario{} tells
 *    them apart.
 * 2. Whatever fails here is an error of the script, told with its position, and leaves no event
 *    queued. */
#include "binding.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

const char *sim_script_known_bug(const struct sim_script *script, const char **out_fails)
{
    *out_fails = script->known_bug_fails;
    return script->known_bug[0] == '\0' ? NULL : script->known_bug;
}

bool sim_script_list(struct arena *arena, const struct sut_ops *sut,
                     const struct sim_scenario_source *source,
                     bool (*visit)(void *visitor, const struct sim_scenario_info *info),
                     void *visitor, char *error, size_t error_size)
{
    assert(error_size > 0);
    arena_reset(arena);
    struct sim_script *script = arena_calloc(arena, sizeof(*script));
    script->arena = arena;
    script->sut = sut;
    script->file = source->file;
    script->visit = visit;
    script->visitor = visitor;
    if (script_state_open(script) == NULL) {
        snprintf(error, error_size, "%s: no memory for a Lua state", source->file);
        return false;
    }
    if (!script_load(script, source->text, source->size, error, error_size)) {
        return false;
    }
    if (script->declared == 0) {
        snprintf(error, error_size, "%s: the file declares no scenario: call scenario{...}",
                 source->file);
        return false;
    }
    return true;
}

/* Protected: makes the first task. */
static int start_main(lua_State *L)
{
    struct sim_script *script = script_of(L);
    lua_rawgeti(L, LUA_REGISTRYINDEX, script->run_ref);
    lua_rawgeti(L, LUA_REGISTRYINDEX, script->params_ref);
    script->main_task = script_task_start(L, 1)->id;
    return 0;
}

bool sim_script_open(struct sim_world *world, const struct sim_scenario_source *source,
                     const char *name, const char *parameters, char *error, size_t error_size)
{
    static const char random_name[] = "math.random";
    assert(name != NULL && error_size > 0);
    struct sim_script *script = arena_calloc(world->arena, sizeof(*script));
    script->world = world;
    script->arena = world->arena;
    script->sut = world->sut;
    script->file = source->file;
    script->wanted = name;
    script->parameters = parameters;
    sim_source_init(&world->scheduler, &script->source, true);
    sim_stream_init(&script->random, world->seed, SIM_STREAM_SCRIPT,
                    sim_hash(random_name, sizeof(random_name) - 1, 0), 0);
    if (script_state_open(script) == NULL) {
        snprintf(error, error_size, "%s: no memory for a Lua state", source->file);
        return false;
    }
    if (!script_load(script, source->text, source->size, error, error_size)) {
        return false;
    }
    if (!script->found) {
        snprintf(error, error_size, "%s: there is no scenario '%s' in this file", source->file,
                 name);
        return false;
    }
    script->wanted = NULL;
    script->parameters = NULL;
    script->place = SCRIPT_IN_TASK;
    world->script = script;
    lua_pushcfunction(script->main, start_main);
    return script_call_protected(script, script->main, 0, 0);
}
