/* Clients, loads and the history of what they did.
 *
 * 1. An operation gives true or a value, or nil and an error; the error says whether the operation
 *    has certainly not happened or may have.
 * 2. The state machine keeps text. Strings are kept as they are; other scalars, and strings that
 *    begin with '#', are marked with a '#', so that a get gives back what a put was given. */
#include "binding.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* ---- values ---- */

static void encode_value(lua_State *L, int index, const char *what, char out[SIM_VALUE_MAX])
{
    const char *mark = "#";
    int type = lua_type(L, index);
    if (type == LUA_TSTRING) {
        const char *text = lua_tostring(L, index);
        mark = text[0] == '#' ? "##" : "";
        if (strlen(text) != lua_rawlen(L, index)) {
            script_raise(L, "%s contains a zero byte", what);
        }
        if (text[0] == '#') {
            text++;
        }
        lua_pushstring(L, text);
    } else if (type == LUA_TNUMBER || type == LUA_TBOOLEAN) {
        script_push_string(L, index);
    } else {
        script_raise(L, "%s must be a string, a number, true or false, got %s", what,
                     script_push_value(L, index));
    }
    int length = snprintf(out, SIM_VALUE_MAX, "%s%s", mark, lua_tostring(L, -1));
    lua_pop(L, 1);
    if (length < 0 || length >= (int)SIM_VALUE_MAX) {
        script_raise(L, "%s is too long: at most %u bytes", what, SIM_VALUE_MAX - 1);
    }
}

static void push_value(lua_State *L, const char *text)
{
    if (text[0] != '#') {
        lua_pushstring(L, text);
    } else if (text[1] == '#') {
        lua_pushstring(L, text + 1);
    } else if (strcmp(text, "#true") == 0 || strcmp(text, "#false") == 0) {
        lua_pushboolean(L, strcmp(text, "#true") == 0);
    } else if (lua_stringtonumber(L, text + 1) == 0) {
        lua_pushstring(L, text);
    }
}

static void read_key(lua_State *L, int index, struct sim_command *command)
{
    const char *key = script_string(L, index, "the key");
    if (key[0] == '\0' || strlen(key) >= SIM_KEY_MAX || strlen(key) != lua_rawlen(L, index)) {
        script_raise(L, "the key '%s' must have 1 to %u bytes", key, SIM_KEY_MAX - 1);
    }
    snprintf(command->key, sizeof(command->key), "%s", key);
}

/* ---- operations ---- */

static const char *operation_name(const struct sim_operation *operation)
{
    switch (operation->command.type) {
    case SIM_COMMAND_PUT:
        return "client:put";
    case SIM_COMMAND_GET:
        return "client:get";
    case SIM_COMMAND_CAS:
        return "client:cas";
    case SIM_COMMAND_REGISTER:
        break; /* a client's own, and part of no history */
    }
    assert(false);
    return "";
}

static int operation_ended(lua_State *L, int status, lua_KContext context)
{
    const struct sim_operation *operation = script_of(L)->current->operation;
    (void)status, (void)context;
    assert(operation != NULL && operation->completed_event != 0);
    if (operation->outcome != SIM_CLIENT_OK) {
        script_note_nil(L, operation_name(operation), operation->error);
        lua_pushnil(L);
        lua_pushstring(L, operation->error);
        return 2;
    }
    switch (operation->command.type) {
    case SIM_COMMAND_PUT:
        lua_pushboolean(L, 1);
        return 1;
    case SIM_COMMAND_GET:
        if (!operation->result.found) {
            script_note_nil(L, operation_name(operation), "");
            lua_pushnil(L);
            return 1;
        }
        push_value(L, operation->result.value);
        return 1;
    case SIM_COMMAND_CAS:
        if (operation->result.swapped) {
            lua_pushboolean(L, 1);
            return 1;
        }
        lua_pushnil(L);
        lua_pushliteral(L, "mismatch");
        return 2;
    case SIM_COMMAND_REGISTER:
        break; /* a client's own, and part of no history */
    }
    assert(false);
    return 0;
}

/* Begins an operation whose options, if any, are at index. */
static int begin(lua_State *L, struct sim_script *script, struct sim_client *client,
                 struct sim_command *command, int index)
{
    struct operation_options {
        uint64_t timeout_ns;
        int64_t padding;
        bool by_index;
    } options = {client->timeout_ns, 0, false};
    static const struct script_option list[] = {
        {"timeout", SCRIPT_DURATION, offsetof(struct operation_options, timeout_ns), 0, 0, false},
        {"padding_bytes", SCRIPT_INTEGER, offsetof(struct operation_options, padding), 0, 1 << 20,
         false},
        {"by_index", SCRIPT_BOOLEAN, offsetof(struct operation_options, by_index), 0, 0, false},
    };
    script_check_end(L, index);
    script_options_read(L, index, list, SCRIPT_COUNT(list), &options);
    if (client->open != NULL) {
        script_raise(L, "this client is busy: a client does one operation at a time; make another "
                        "one with c:client()");
    }
    command->padding = (uint32_t)options.padding;
    command->by_index = command->type == SIM_COMMAND_GET && options.by_index;
    uint64_t timeout_ns = client->timeout_ns;
    client->timeout_ns = options.timeout_ns;
    sim_client_begin(client, command, script->current->id);
    client->timeout_ns = timeout_ns;
    return script_wait_for(L, SCRIPT_WAITS_OPERATION, operation_ended);
}

static int put(lua_State *L, struct sim_script *script, void *self)
{
    struct sim_command command = {.type = SIM_COMMAND_PUT};
    read_key(L, 1, &command);
    encode_value(L, 2, "the value", command.value);
    return begin(L, script, self, &command, 3);
}

static int get(lua_State *L, struct sim_script *script, void *self)
{
    struct sim_command command = {.type = SIM_COMMAND_GET};
    read_key(L, 1, &command);
    return begin(L, script, self, &command, 2);
}

static int cas(lua_State *L, struct sim_script *script, void *self)
{
    struct sim_command command = {.type = SIM_COMMAND_CAS};
    read_key(L, 1, &command);
    encode_value(L, 2, "the expected value", command.expected);
    encode_value(L, 3, "the new value", command.value);
    return begin(L, script, self, &command, 4);
}

static const struct script_function client_methods[] = {
    {"put", put, SCRIPT_WAITS},
    {"get", get, SCRIPT_WAITS},
    {"cas", cas, SCRIPT_WAITS},
};
static const struct script_class client_class = {
    .name = "client", .methods = client_methods, .method_count = SCRIPT_COUNT(client_methods)};

/* One client of the harness's own must still fit. */
static void check_room(lua_State *L, const struct sim_script *script, uint32_t more)
{
    uint32_t count = script->world->clients.count;
    if (count + more >= SIM_CLIENTS_MAX) {
        script_raise(L, "too many clients: a run has at most %u", SIM_CLIENTS_MAX - 1);
    }
}

int script_cluster_client(lua_State *L, struct sim_script *script, void *self)
{
    struct client_options {
        uint64_t timeout_ns;
    } options = {(uint64_t)2000 * 1000000};
    static const struct script_option list[] = {
        {"timeout", SCRIPT_DURATION, offsetof(struct client_options, timeout_ns), 0, 0, false},
    };
    (void)self;
    script_check_end(L, 1);
    script_options_read(L, 1, list, SCRIPT_COUNT(list), &options);
    if (options.timeout_ns == 0) {
        script_raise(L, "'timeout_ms' must be positive");
    }
    check_room(L, script, 1);
    script_handle_push(L, &client_class, sim_client_create(script->world, options.timeout_ns));
    return 1;
}

/* ---- loads ---- */

static int load_stop(lua_State *L, struct sim_script *script, void *self)
{
    (void)L, (void)script;
    sim_load_stop(self);
    return 0;
}

static int load_ended(lua_State *L, int status, lua_KContext context)
{
    (void)L, (void)status, (void)context;
    return 0;
}

static int load_wait(lua_State *L, struct sim_script *script, void *self)
{
    struct sim_load *load = self;
    if (load->ended) {
        return 0;
    }
    if (!load->stopped && load->until_ns == UINT64_MAX) {
        script_raise(L, "this load has no for_ms: call load:stop() first");
    }
    if (load->waiter != 0) {
        script_raise(L, "another task waits for this load already");
    }
    load->waiter = script->current->id;
    return script_wait_for(L, SCRIPT_WAITS_LOAD, load_ended);
}

static void push_ok(lua_State *L, struct sim_script *script, void *self)
{
    (void)script;
    lua_pushinteger(L, (lua_Integer)((const struct sim_load *)self)->ok);
}

static void push_failed(lua_State *L, struct sim_script *script, void *self)
{
    (void)script;
    lua_pushinteger(L, (lua_Integer)((const struct sim_load *)self)->failed);
}

static void push_unknown(lua_State *L, struct sim_script *script, void *self)
{
    (void)script;
    lua_pushinteger(L, (lua_Integer)((const struct sim_load *)self)->unknown);
}

static const struct script_field load_fields[] = {
    {"ok_count", push_ok}, {"err_count", push_failed}, {"unknown_count", push_unknown}};
static const struct script_function load_methods[] = {
    {"stop", load_stop, SCRIPT_CHANGES},
    {"wait", load_wait, SCRIPT_WAITS},
};
static const struct script_class load_class = {
    .name = "load",
    .methods = load_methods,
    .method_count = SCRIPT_COUNT(load_methods),
    .fields = load_fields,
    .field_count = SCRIPT_COUNT(load_fields),
};

struct load_options {
    int64_t clients, rate_per_s, keys, padding;
    uint64_t for_ns;
    int64_t put, get, cas;
    bool by_index;
};

int script_cluster_load(lua_State *L, struct sim_script *script, void *self)
{
    static const struct script_option list[] = {
        {"clients", SCRIPT_INTEGER, offsetof(struct load_options, clients), 1, 32, false},
        {"rate_per_s", SCRIPT_INTEGER, offsetof(struct load_options, rate_per_s), 1, 1000000,
         false},
        {"keys", SCRIPT_INTEGER, offsetof(struct load_options, keys), 1, 1000000, false},
        {"mix", SCRIPT_TABLE, 0, 0, 0, false},
        {"for", SCRIPT_DURATION, offsetof(struct load_options, for_ns), 0, 0, false},
        {"padding_bytes", SCRIPT_INTEGER, offsetof(struct load_options, padding), 0, 1 << 20,
         false},
        {"by_index", SCRIPT_BOOLEAN, offsetof(struct load_options, by_index), 0, 0, false},
    };
    static const struct script_option mix[] = {
        {"put", SCRIPT_INTEGER, offsetof(struct load_options, put), 0, 1000000, false},
        {"get", SCRIPT_INTEGER, offsetof(struct load_options, get), 0, 1000000, false},
        {"cas", SCRIPT_INTEGER, offsetof(struct load_options, cas), 0, 1000000, false},
    };
    struct load_options options = {.clients = 3, .rate_per_s = 100, .keys = 5, .put = 1, .get = 1};
    (void)self;
    script_check_end(L, 1);
    if (script_options_read(L, 1, list, SCRIPT_COUNT(list), &options) & (1u << 3)) {
        lua_getfield(L, 1, "mix");
        options.put = options.get = 0;
        script_options_read(L, -1, mix, SCRIPT_COUNT(mix), &options);
        if (options.put + options.get + options.cas == 0) {
            script_raise(L, "'mix' has no positive weight");
        }
    }
    check_room(L, script, (uint32_t)options.clients);
    struct sim_load load;
    memset(&load, 0, sizeof(load));
    load.client_count = (uint32_t)options.clients;
    load.interval_ns = (uint64_t)(options.clients * 1000000000 / options.rate_per_s);
    load.keys = (uint32_t)options.keys;
    load.mix_put = (uint32_t)options.put;
    load.mix_get = (uint32_t)options.get;
    load.mix_cas = (uint32_t)options.cas;
    load.padding = (uint32_t)options.padding;
    load.reads_by_index = options.by_index;
    load.until_ns =
        options.for_ns == 0 ? UINT64_MAX : script->world->scheduler.now_ns + options.for_ns;
    script_handle_push(L, &load_class, sim_load_start(script->world, &load));
    return 1;
}

/* ---- history ---- */

static const char *outcome_name(const struct sim_operation *operation)
{
    if (operation->completed_event == 0) {
        return "open";
    }
    switch (operation->outcome) {
    case SIM_CLIENT_OK:
        return "ok";
    case SIM_CLIENT_FAIL:
        return "fail";
    case SIM_CLIENT_UNKNOWN:
        return "unknown";
    }
    assert(false);
    return NULL;
}

static void push_operation(lua_State *L, const struct sim_operation *operation)
{
    lua_createtable(L, 0, 10);
    lua_pushinteger(L, operation->client);
    lua_setfield(L, -2, "client");
    lua_pushstring(L, sim_command_type_string(operation->command.type));
    lua_setfield(L, -2, "op");
    lua_pushstring(L, operation->command.key);
    lua_setfield(L, -2, "key");
    if (operation->command.type != SIM_COMMAND_GET) {
        push_value(L, operation->command.value);
        lua_setfield(L, -2, "value");
    } else if (operation->result.found) {
        push_value(L, operation->result.value);
        lua_setfield(L, -2, "value");
    }
    if (operation->command.type == SIM_COMMAND_CAS) {
        push_value(L, operation->command.expected);
        lua_setfield(L, -2, "expected");
        lua_pushboolean(L, operation->result.swapped);
        lua_setfield(L, -2, "swapped");
    }
    lua_pushstring(L, outcome_name(operation));
    lua_setfield(L, -2, "outcome");
    lua_pushstring(L, operation->error);
    lua_setfield(L, -2, "error");
    lua_pushinteger(L, (lua_Integer)(operation->invoked_ns / 1000));
    lua_setfield(L, -2, "invoked_us");
    if (operation->completed_event != 0) {
        lua_pushinteger(L, (lua_Integer)(operation->completed_ns / 1000));
        lua_setfield(L, -2, "completed_us");
    }
}

int script_cluster_history(lua_State *L, struct sim_script *script, void *self)
{
    struct history_options {
        const char *key;
    } options = {NULL};
    static const struct script_option list[] = {
        {"key", SCRIPT_STRING, offsetof(struct history_options, key), 0, 0, false},
    };
    lua_Integer count = 0;
    (void)self;
    script_check_end(L, 1);
    script_options_read(L, 1, list, SCRIPT_COUNT(list), &options);
    lua_newtable(L);
    for (const struct sim_operation *operation = script->world->clients.history; operation != NULL;
         operation = operation->next) {
        if (options.key == NULL || strcmp(options.key, operation->command.key) == 0) {
            push_operation(L, operation);
            count++;
            lua_rawseti(L, -2, count);
        }
    }
    return 1;
}
