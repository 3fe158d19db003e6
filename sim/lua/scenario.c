/* scenario{}: what a file declares, and how one of its scenarios is opened.
 *
 * A file is evaluated at its top level in both cases; scenario{} checks the whole declaration. When
 * listing, each is handed to the visitor. When opening, the wanted one leaves its run function and
 * its parameters in the registry, and its settings in the world.
 *
 * 1. Parameters travel as text, "name=value name=value", sorted by name; the type of a parameter is
 *    that of its default. A name may be repeated: the last value counts.
 * 2. A sweep is every combination of its values, in the order of the sorted names, the last name
 *    varying fastest. */
#include "binding.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define PARAMS_MAX   32
#define VARIANTS_MAX 10000u
#define SEEDS_MAX    SCRIPT_COUNT(((struct sim_scenario_info *)NULL)->seeds)

struct declaration {
    const char *name;
    const char *doc;
    const char *finish;
    /* budget */
    uint64_t sim_ns;
    int64_t events;
    int64_t wall_s;
    /* checks */
    bool raft, leaks, vacuous, linearizable;
    /* known_bug */
    const char *bug_id;
    const char *bug_fails;
    uint32_t param_count;
    const char *params[PARAMS_MAX]; /* sorted */
};

/* The position of each part on the stack of scenario(). */
enum { AT_TABLE = 1, AT_DEFAULTS, AT_RULES, AT_SWEEP, AT_LAST };

/* The string keys of the table at index, sorted; each must be a usable name. */
static uint32_t sorted_keys(lua_State *L, int index, const char *what, const char **keys)
{
    uint32_t count = 0;
    for (lua_pushnil(L); lua_next(L, index) != 0; lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING) {
            script_raise(L, "%s must have names as keys", what);
        }
        const char *key = lua_tostring(L, -2);
        if (strpbrk(key, " =") != NULL || key[0] == '\0') {
            script_raise(L, "%s: '%s' is no usable name", what, key);
        }
        if (count == PARAMS_MAX) {
            script_raise(L, "%s: at most %d names", what, PARAMS_MAX);
        }
        uint32_t at = count;
        for (; at > 0 && strcmp(keys[at - 1], key) > 0; at--) {
            keys[at] = keys[at - 1];
        }
        keys[at] = key;
        count++;
    }
    return count;
}

static bool is_scalar(lua_State *L, int index)
{
    int type = lua_type(L, index);
    return type == LUA_TNUMBER || type == LUA_TSTRING || type == LUA_TBOOLEAN;
}

/* Compares the value on the top with the bounds of a parameter, whose rules table may be nil. */
static void check_bounds(lua_State *L, const char *name, int rules)
{
    int value = lua_gettop(L);
    if (lua_getfield(L, rules, name) != LUA_TTABLE) {
        lua_pop(L, 1);
        return;
    }
    static const char *const bounds[] = {"min", "max"};
    for (int i = 0; i < 2; i++) {
        if (lua_getfield(L, -1, bounds[i]) != LUA_TNIL) {
            if (lua_type(L, -1) != LUA_TNUMBER || lua_type(L, value) != LUA_TNUMBER) {
                script_raise(L, "parameter '%s': %s needs numbers", name, bounds[i]);
            }
            bool broken = i == 0 ? lua_compare(L, value, -1, LUA_OPLT) != 0
                                 : lua_compare(L, -1, value, LUA_OPLT) != 0;
            if (broken) {
                const char *bound = script_push_string(L, -1);
                const char *given = script_push_string(L, value);
                script_raise(L, "parameter '%s' = %s is %s %s", name, given,
                             i == 0 ? "less than" : "more than", bound);
            }
        }
        lua_pop(L, 1);
    }
    if (lua_getfield(L, -1, "oneof") == LUA_TTABLE) {
        bool found = false;
        for (lua_Integer i = 1; !found && lua_rawgeti(L, -1, i) != LUA_TNIL; i++) {
            found = lua_compare(L, -1, value, LUA_OPEQ) != 0;
            lua_pop(L, 1);
        }
        if (!found) {
            script_raise(L, "parameter '%s' = %s is none of its choices", name,
                         script_push_string(L, value));
        }
    }
    lua_settop(L, value);
}

/* Fills AT_DEFAULTS and AT_RULES from params. */
static void read_params(lua_State *L, struct declaration *declared)
{
    if (lua_getfield(L, AT_TABLE, "params") == LUA_TNIL) {
        lua_pop(L, 1);
        return;
    }
    int params = lua_gettop(L);
    declared->param_count = sorted_keys(L, params, "'params'", declared->params);
    for (uint32_t i = 0; i < declared->param_count; i++) {
        const char *name = declared->params[i];
        if (lua_getfield(L, params, name) == LUA_TTABLE) {
            lua_pushvalue(L, -1);
            lua_setfield(L, AT_RULES, name);
            lua_rawgeti(L, -1, 1);
        }
        if (!is_scalar(L, -1)) {
            script_raise(L, "parameter '%s' needs a default: %s = {default, \"what it means\"}",
                         name, name);
        }
        check_bounds(L, name, AT_RULES);
        lua_setfield(L, AT_DEFAULTS, name);
        lua_settop(L, params);
    }
    lua_pop(L, 1);
}

static const char *push_names(lua_State *L, const char *const *names, uint32_t count)
{
    return count == 0 ? lua_pushliteral(L, "none, since the scenario has no params")
                      : script_push_list(L, names, count);
}

static void check_param_name(lua_State *L, const struct declaration *declared, const char *what,
                             const char *name)
{
    for (uint32_t i = 0; i < declared->param_count; i++) {
        if (strcmp(declared->params[i], name) == 0) {
            return;
        }
    }
    const char *guess = script_push_guess(L, name, declared->params, declared->param_count);
    script_raise_plain(L, "scenario '%s': %s '%s', which is not in params%s; these are: %s",
                       declared->name, what, name, guess,
                       push_names(L, declared->params, declared->param_count));
}

/* Checks sweep and leaves it at AT_SWEEP. */
static void read_sweep(lua_State *L, const struct declaration *declared)
{
    const char *names[PARAMS_MAX];
    if (lua_getfield(L, AT_TABLE, "sweep") == LUA_TNIL) {
        lua_pop(L, 1);
        return;
    }
    lua_replace(L, AT_SWEEP);
    uint32_t count = sorted_keys(L, AT_SWEEP, "'sweep'", names);
    for (uint32_t i = 0; i < count; i++) {
        check_param_name(L, declared, "sweep over", names[i]);
        int type = lua_getfield(L, AT_DEFAULTS, names[i]);
        if (lua_getfield(L, AT_SWEEP, names[i]) != LUA_TTABLE || lua_rawlen(L, -1) == 0) {
            script_raise(L, "sweep over '%s' needs a list of values", names[i]);
        }
        for (lua_Integer j = 1; j <= (lua_Integer)lua_rawlen(L, -1); j++) {
            if (lua_rawgeti(L, -1, j) != type) {
                script_raise(L, "sweep over '%s': value %d is not of the type of the default",
                             names[i], (int)j);
            }
            check_bounds(L, names[i], AT_RULES);
            lua_pop(L, 1);
        }
        lua_pop(L, 2);
    }
}

/* Appends "name=value" to a text of parameters; value is on the top and is popped. */
static void append_param(lua_State *L, char *text, const char *name)
{
    size_t length = strlen(text);
    const char *value = script_push_string(L, -1);
    if (strchr(value, ' ') != NULL) {
        script_raise(L, "parameter '%s': a value cannot contain spaces", name);
    }
    int added = snprintf(text + length, SIM_TEXT_MAX - length, "%s%s=%s", length == 0 ? "" : " ",
                         name, value);
    if (added < 0 || length + (size_t)added >= SIM_TEXT_MAX) {
        script_raise(L, "the parameters are too long");
    }
    lua_pop(L, 2);
}

static uint64_t variant_count(lua_State *L, const struct declaration *declared)
{
    uint64_t count = 1;
    for (uint32_t i = 0; i < declared->param_count; i++) {
        if (lua_getfield(L, AT_SWEEP, declared->params[i]) == LUA_TTABLE) {
            count *= lua_rawlen(L, -1);
        }
        lua_pop(L, 1);
        if (count > VARIANTS_MAX) {
            script_raise(L, "the sweep has more than %u combinations", VARIANTS_MAX);
        }
    }
    return count;
}

static void list_variants(lua_State *L, struct sim_script *script,
                          const struct declaration *declared, struct sim_scenario_info *info)
{
    info->variant_count = (uint32_t)variant_count(L, declared);
    info->variants = arena_calloc(script->arena, info->variant_count * sizeof(*info->variants));
    for (uint32_t variant = 0; variant < info->variant_count; variant++) {
        uint64_t choices[PARAMS_MAX] = {0};
        uint64_t rest = variant;
        for (uint32_t i = declared->param_count; i-- > 0;) {
            if (lua_getfield(L, AT_SWEEP, declared->params[i]) == LUA_TTABLE) {
                choices[i] = rest % lua_rawlen(L, -1) + 1;
                rest /= lua_rawlen(L, -1);
            }
            lua_pop(L, 1);
        }
        for (uint32_t i = 0; i < declared->param_count; i++) {
            if (choices[i] == 0) {
                lua_getfield(L, AT_DEFAULTS, declared->params[i]);
            } else {
                lua_getfield(L, AT_SWEEP, declared->params[i]);
                lua_rawgeti(L, -1, (lua_Integer)choices[i]);
                lua_remove(L, -2);
            }
            append_param(L, info->variants[variant], declared->params[i]);
        }
    }
}

static void list_seeds(lua_State *L, struct sim_scenario_info *info)
{
    int type = lua_getfield(L, AT_TABLE, "seeds");
    info->seed_limit = 1;
    if (type == LUA_TTABLE) {
        size_t count = lua_rawlen(L, -1);
        if (count == 0 || count > SEEDS_MAX) {
            script_raise(L, "'seeds' needs 1 to %zu seeds in a list", SEEDS_MAX);
        }
        for (size_t i = 0; i < count; i++) {
            lua_rawgeti(L, -1, (lua_Integer)i + 1);
            info->seeds[i] = (uint64_t)script_integer(L, -1, 0, INT64_MAX, "a seed");
            lua_pop(L, 1);
        }
        info->seed_count = (uint32_t)count;
    } else if (type != LUA_TNIL) {
        info->seed_limit = (uint64_t)script_integer(L, -1, 1, INT64_MAX, "'seeds'");
    }
    lua_pop(L, 1);
}

static void list_tags(lua_State *L, char *out, size_t size)
{
    if (lua_getfield(L, AT_TABLE, "tags") == LUA_TTABLE) {
        for (lua_Integer i = 1; lua_rawgeti(L, -1, i) != LUA_TNIL; i++) {
            size_t length = strlen(out);
            snprintf(out + length, size - length, "%s%s", length == 0 ? "" : " ",
                     script_string(L, -1, "a tag"));
            lua_pop(L, 1);
        }
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

static void list(lua_State *L, struct sim_script *script, const struct declaration *declared)
{
    struct sim_scenario_info info;
    memset(&info, 0, sizeof(info));
    snprintf(info.name, sizeof(info.name), "%s", declared->name);
    snprintf(info.doc, sizeof(info.doc), "%s", declared->doc);
    list_tags(L, info.tags, sizeof(info.tags));
    list_seeds(L, &info);
    info.budget_sim_ns = declared->sim_ns;
    info.budget_events = (uint64_t)declared->events;
    info.budget_wall_s = (uint32_t)declared->wall_s;
    list_variants(L, script, declared, &info);
    if (script->visit != NULL && !script->visit_ended) {
        script->visit_ended = !script->visit(script->visitor, &info);
    }
}

/* Pushes text as a value of the type of the default on the top. */
static void push_given(lua_State *L, const char *name, const char *text)
{
    switch (lua_type(L, -1)) {
    case LUA_TSTRING:
        lua_pushstring(L, text);
        return;
    case LUA_TBOOLEAN:
        if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0) {
            script_raise(L, "parameter '%s' is true or false, got '%s'", name, text);
        }
        lua_pushboolean(L, strcmp(text, "true") == 0);
        return;
    }
    bool wants_integer = lua_isinteger(L, -1);
    if (lua_stringtonumber(L, text) == 0 || (wants_integer && !lua_isinteger(L, -1))) {
        script_raise(L, "parameter '%s' is %s, got '%s'", name,
                     wants_integer ? "an integer" : "a number", text);
    }
}

/* Overwrites defaults by the parameters that were given. */
static void apply_given(lua_State *L, struct sim_script *script, const struct declaration *declared)
{
    const char *at = script->parameters == NULL ? "" : script->parameters;
    while (*(at += strspn(at, " ")) != '\0') {
        size_t length = strcspn(at, " ");
        size_t name_length = strcspn(at, "= ");
        if (name_length >= length) {
            script_raise_plain(L, "%s: parameters are written name=value, got '%s'", script->file,
                               at);
        }
        const char *name = lua_pushlstring(L, at, name_length);
        const char *value = lua_pushlstring(L, at + name_length + 1, length - name_length - 1);
        check_param_name(L, declared, "--set gives", name);
        lua_getfield(L, AT_DEFAULTS, name);
        push_given(L, name, value);
        check_bounds(L, name, AT_RULES);
        lua_setfield(L, AT_DEFAULTS, name);
        lua_pop(L, 3);
        at += length;
    }
}

/* p is empty; upvalue 1 of its metamethods has the values. */
static int param(lua_State *L)
{
    const char *names[PARAMS_MAX];
    lua_pushvalue(L, 2);
    if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL) {
        return 1;
    }
    lua_pushvalue(L, lua_upvalueindex(1));
    uint32_t count = sorted_keys(L, lua_gettop(L), "params", names);
    const char *name = script_push_string(L, 2);
    const char *guess = script_push_guess(L, name, names, count);
    script_raise_plain(L, "p (parameters) has no field '%s'%s; it has: %s", name, guess,
                       push_names(L, names, count));
}

static int new_param(lua_State *L)
{
    script_raise_plain(L, "p (parameters) cannot be changed: use a local variable");
}

static int param_pairs(lua_State *L)
{
    lua_pushcfunction(L, script_lua_pairs);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_call(L, 1, 3);
    return 3;
}

/* Pushes p for the values at AT_DEFAULTS. */
static void push_params(lua_State *L)
{
    lua_newtable(L);
    lua_newtable(L);
    lua_pushvalue(L, AT_DEFAULTS);
    lua_pushcclosure(L, param, 1);
    lua_setfield(L, -2, "__index");
    lua_pushvalue(L, AT_DEFAULTS);
    lua_pushcclosure(L, param_pairs, 1);
    lua_setfield(L, -2, "__pairs");
    lua_pushcfunction(L, new_param);
    lua_setfield(L, -2, "__newindex");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_setmetatable(L, -2);
}

/* Leaves what the run needs in the registry and in the world. */
static void open_wanted(lua_State *L, struct sim_script *script, const struct declaration *declared)
{
    struct sim_world *world = script->world;
    script->found = true;
    apply_given(L, script, declared);
    snprintf(script->name, sizeof(script->name), "%s", declared->name);
    snprintf(script->known_bug, sizeof(script->known_bug), "%s", declared->bug_id);
    snprintf(script->known_bug_fails, sizeof(script->known_bug_fails), "%s", declared->bug_fails);
    world->finish_as_is = strcmp(declared->finish, "as_is") == 0;
    world->checks_raft = declared->raft;
    world->checks_leaks = declared->leaks;
    world->checks_vacuous = declared->vacuous;
    world->checks_linearizable = declared->linearizable;
    world->budget_sim_ns =
        world->spec->budget_sim_ns != 0 ? world->spec->budget_sim_ns : declared->sim_ns;
    world->budget_events =
        world->spec->budget_events != 0 ? world->spec->budget_events : (uint64_t)declared->events;
    push_params(L);
    script->params_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_getfield(L, AT_TABLE, "run");
    script->run_ref = luaL_ref(L, LUA_REGISTRYINDEX);
}

static void read_parts(lua_State *L, struct declaration *declared)
{
    static const struct script_option budget[] = {
        {"sim", SCRIPT_DURATION, offsetof(struct declaration, sim_ns), 0, 0, false},
        {"events", SCRIPT_INTEGER, offsetof(struct declaration, events), 1, INT64_MAX, false},
        {"wall_s", SCRIPT_INTEGER, offsetof(struct declaration, wall_s), 1, 86400, false},
    };
    static const struct script_option checks[] = {
        {"raft", SCRIPT_BOOLEAN, offsetof(struct declaration, raft), 0, 0, false},
        {"leaks", SCRIPT_BOOLEAN, offsetof(struct declaration, leaks), 0, 0, false},
        {"vacuous", SCRIPT_BOOLEAN, offsetof(struct declaration, vacuous), 0, 0, false},
        {"linearizable", SCRIPT_BOOLEAN, offsetof(struct declaration, linearizable), 0, 0, false},
    };
    static const struct script_option known_bug[] = {
        {"id", SCRIPT_STRING, offsetof(struct declaration, bug_id), 0, 0, true},
        {"fails", SCRIPT_STRING, offsetof(struct declaration, bug_fails), 0, 0, true},
    };
    lua_getfield(L, AT_TABLE, "budget");
    script_options_read(L, -1, budget, SCRIPT_COUNT(budget), declared);
    lua_getfield(L, AT_TABLE, "checks");
    script_options_read(L, -1, checks, SCRIPT_COUNT(checks), declared);
    if (lua_getfield(L, AT_TABLE, "known_bug") != LUA_TNIL) {
        script_options_read(L, -1, known_bug, SCRIPT_COUNT(known_bug), declared);
    }
    lua_pop(L, 3);
    if (strcmp(declared->finish, "heal") != 0 && strcmp(declared->finish, "as_is") != 0) {
        script_raise(L, "'finish' is \"heal\" or \"as_is\", got \"%s\"", declared->finish);
    }
    if (lua_getfield(L, AT_TABLE, "run") != LUA_TFUNCTION) {
        script_raise(L, "'run' must be a function: run = function(p) ... end");
    }
    lua_pop(L, 1);
}

static void check_name(lua_State *L, const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  "-_.";
    if (name[0] == '\0' || name[strspn(name, letters)] != '\0' || strlen(name) >= SIM_NAME_MAX) {
        script_raise(L, "'name' = \"%s\" is not made of letters, digits, '-', '_' and '.'", name);
    }
}

static int scenario(lua_State *L, struct sim_script *script, void *self)
{
    static const struct script_option options[] = {
        {"name", SCRIPT_STRING, offsetof(struct declaration, name), 0, 0, true},
        {"doc", SCRIPT_STRING, offsetof(struct declaration, doc), 0, 0, false},
        {"tags", SCRIPT_TABLE, 0, 0, 0, false},
        {"params", SCRIPT_TABLE, 0, 0, 0, false},
        {"seeds", SCRIPT_ANY, 0, 0, 0, false},
        {"sweep", SCRIPT_TABLE, 0, 0, 0, false},
        {"budget", SCRIPT_TABLE, 0, 0, 0, false},
        {"checks", SCRIPT_TABLE, 0, 0, 0, false},
        {"finish", SCRIPT_STRING, offsetof(struct declaration, finish), 0, 0, false},
        {"known_bug", SCRIPT_TABLE, 0, 0, 0, false},
        {"run", SCRIPT_ANY, 0, 0, 0, true},
    };
    struct declaration declared = {.doc = "",
                                   .finish = "heal",
                                   .sim_ns = (uint64_t)60 * 1000000000u,
                                   .events = 2000000,
                                   .wall_s = 30,
                                   .raft = true,
                                   .leaks = true,
                                   .vacuous = true,
                                   .linearizable = true,
                                   .bug_id = "",
                                   .bug_fails = ""};
    (void)self;
    if (script->place != SCRIPT_AT_TOP) {
        script_raise(L, "declare scenarios at the top level of the file");
    }
    script_check_end(L, 1);
    script_options_read(L, 1, options, SCRIPT_COUNT(options), &declared);
    check_name(L, declared.name);
    read_parts(L, &declared);
    lua_settop(L, AT_TABLE);
    for (int at = AT_TABLE + 1; at < AT_LAST; at++) {
        lua_newtable(L);
    }
    luaL_checkstack(L, 20, NULL);
    read_params(L, &declared);
    read_sweep(L, &declared);
    script->declared++;
    if (script->wanted == NULL) {
        list(L, script, &declared);
    } else if (strcmp(script->wanted, declared.name) == 0) {
        if (script->found) {
            script_raise(L, "two scenarios are named '%s'", declared.name);
        }
        open_wanted(L, script, &declared);
    }
    return 0;
}

static const struct script_function functions[] = {{"scenario", scenario, SCRIPT_ANYWHERE}};

void script_scenario_open(lua_State *L, int globals)
{
    lua_pushvalue(L, globals);
    script_functions_add(L, "", functions, SCRIPT_COUNT(functions));
    lua_pop(L, 1);
}
