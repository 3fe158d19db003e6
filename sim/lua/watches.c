/* What a script sets on a device, as an object: how often it mattered, and whether it must.
 *
 * The handle outlives what it stands for: a limit that was taken back still counts at the end. */
#include "binding.h"

static const struct script_class watch_class;

struct sim_watch *script_watch_push(lua_State *L, const char *what)
{
    char where[SIM_NAME_MAX];
    script_where(L, where, sizeof(where));
    struct sim_watch *watch = sim_watch_new(script_of(L)->world, what, where);
    script_handle_push(L, &watch_class, watch);
    return watch;
}

static int optional(lua_State *L, struct sim_script *script, void *self)
{
    struct sim_watch *watch = self;
    (void)script;
    script_check_end(L, 0);
    watch->optional = true;
    script_handle_push(L, &watch_class, watch);
    return 1;
}

static void push_hits(lua_State *L, struct sim_script *script, void *self)
{
    (void)script;
    lua_pushinteger(L, (lua_Integer)((const struct sim_watch *)self)->hits);
}

static const struct script_field watch_fields[] = {{"hits", push_hits}};
static const struct script_function watch_methods[] = {{"optional", optional, SCRIPT_CHANGES}};
static const struct script_class watch_class = {
    .name = "effect",
    .methods = watch_methods,
    .method_count = SCRIPT_COUNT(watch_methods),
    .fields = watch_fields,
    .field_count = SCRIPT_COUNT(watch_fields),
};
