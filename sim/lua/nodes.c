/* One node: its process, its memory, its clock. Its disk is in disks.c.
 *
 * 1. Fields show what the node says of itself after its last event; of a node that is down, role is
 *    "down" and the rest is zero.
 * 2. A process that is up is not started again and one that is down is not crashed again: both are
 *    no error, since faults end processes too.
 * 3. Clocks are seen by a process as monotonic: after a jump back they stand still. */
#include "binding.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* ---- fields ---- */

static void push_id(lua_State *L, struct sim_script *script, void *self)
{
    (void)script;
    lua_pushinteger(L, ((const struct sim_node *)self)->id);
}

static void push_name(lua_State *L, void *self)
{
    lua_pushfstring(L, "n%d", (int)((const struct sim_node *)self)->id);
}

static void push_name_field(lua_State *L, struct sim_script *script, void *self)
{
    (void)script;
    push_name(L, self);
}

static void push_role(lua_State *L, struct sim_script *script, void *self)
{
    (void)script;
    lua_pushstring(L, script_node_role(self));
}

static void push_state(lua_State *L, struct sim_script *script, void *self)
{
    (void)script;
    lua_pushstring(L, sim_node_state_string(((const struct sim_node *)self)->state));
}

static void push_condition(lua_State *L, struct sim_script *script, void *self)
{
    (void)script;
    lua_pushstring(L, raft_condition_string(((const struct sim_node *)self)->view.condition));
}

static void push_term(lua_State *L, struct sim_script *script, void *self)
{
    (void)script;
    lua_pushinteger(L, (lua_Integer)((const struct sim_node *)self)->view.state.term);
}

static void push_commit(lua_State *L, struct sim_script *script, void *self)
{
    (void)script;
    lua_pushinteger(L, (lua_Integer)((const struct sim_node *)self)->view.commit);
}

static void push_applied(lua_State *L, struct sim_script *script, void *self)
{
    (void)script;
    lua_pushinteger(L, (lua_Integer)((const struct sim_node *)self)->view.applied);
}

static void push_last(lua_State *L, struct sim_script *script, void *self)
{
    (void)script;
    lua_pushinteger(L, (lua_Integer)((const struct sim_node *)self)->view.last.index);
}

static void push_durable(lua_State *L, struct sim_script *script, void *self)
{
    (void)script;
    lua_pushinteger(L, (lua_Integer)((const struct sim_node *)self)->view.durable.index);
}

static void push_member(lua_State *L, struct sim_script *script, void *self)
{
    (void)script;
    lua_pushstring(L, script_member_string(((const struct sim_node *)self)->view.member_flags));
}

static void push_change(lua_State *L, struct sim_script *script, void *self)
{
    (void)script;
    lua_pushstring(L, raft_change_string(((const struct sim_node *)self)->view.change));
}

static void push_configuration_index(lua_State *L, struct sim_script *script, void *self)
{
    (void)script;
    lua_pushinteger(L, (lua_Integer)((const struct sim_node *)self)->view.configuration_index);
}

static void push_is_joint(lua_State *L, struct sim_script *script, void *self)
{
    const struct sim_node *node = self;
    (void)script;
    lua_pushboolean(L, raft_configuration_is_joint(&node->view.configuration));
}

static void push_snapshot(lua_State *L, struct sim_script *script, void *self)
{
    const struct sim_node *node = self;
    (void)script;
    lua_pushinteger(L, (lua_Integer)node->view.snapshot.index);
}

static void push_first(lua_State *L, struct sim_script *script, void *self)
{
    const struct sim_node *node = self;
    (void)script;
    lua_pushinteger(L, (lua_Integer)node->view.base.index + 1);
}

static void push_cold(lua_State *L, struct sim_script *script, void *self)
{
    const struct sim_node *node = self;
    (void)script;
    lua_pushinteger(L, (lua_Integer)node->view.cold);
}

static void push_log_size(lua_State *L, struct sim_script *script, void *self)
{
    const struct sim_node *node = self;
    (void)script;
    lua_pushinteger(L, (lua_Integer)node->view.log_size);
}

static void push_installing(lua_State *L, struct sim_script *script, void *self)
{
    const struct sim_node *node = self;
    (void)script;
    lua_pushboolean(L, sim_node_is_up(node) && node->view.is_installing);
}

static void push_up(lua_State *L, struct sim_script *script, void *self)
{
    (void)script;
    lua_pushboolean(L, sim_node_is_up(self));
}

static const struct script_class memory_class, clock_class;

static void push_disk(lua_State *L, struct sim_script *script, void *self)
{
    (void)script;
    script_handle_push(L, &script_disk_class, self);
}

static void push_memory(lua_State *L, struct sim_script *script, void *self)
{
    (void)script;
    script_handle_push(L, &memory_class, self);
}

static void push_clock(lua_State *L, struct sim_script *script, void *self)
{
    (void)script;
    script_handle_push(L, &clock_class, self);
}

/* ---- the process ---- */

static int is_leader(lua_State *L, struct sim_script *script, void *self)
{
    const struct sim_node *node = self;
    (void)script;
    lua_pushboolean(L, sim_node_is_up(node) && node->view.role == RAFT_LEADER);
    return 1;
}

static int crash(lua_State *L, struct sim_script *script, void *self)
{
    struct crash_options {
        const char *unsynced;
    } options = {"lose"};
    static const struct script_option list[] = {
        {"unsynced", SCRIPT_STRING, offsetof(struct crash_options, unsynced), 0, 0, false},
    };
    static const char *const names[] = {"lose", "keep", "torn", "random"};
    static const enum sim_unsynced values[] = {SIM_UNSYNCED_LOSE, SIM_UNSYNCED_KEEP,
                                               SIM_UNSYNCED_TORN, SIM_UNSYNCED_RANDOM};
    (void)script;
    script_check_end(L, 1);
    script_options_read(L, 1, list, SCRIPT_COUNT(list), &options);
    for (size_t i = 0; i < SCRIPT_COUNT(names); i++) {
        if (strcmp(options.unsynced, names[i]) == 0) {
            sim_node_crash(self, values[i]);
            return 0;
        }
    }
    const char *guess = script_push_guess(L, options.unsynced, names, SCRIPT_COUNT(names));
    script_raise(L, "unknown 'unsynced' = '%s'%s; it is one of: %s", options.unsynced, guess,
                 script_push_list(L, names, SCRIPT_COUNT(names)));
}

/* n:restart{...}: with other options or another implementation, which hold from then on. */
static int restart(lua_State *L, struct sim_script *script, void *self)
{
    struct sim_node *node = self;
    (void)script;
    script_check_end(L, 1);
    if (!lua_isnoneornil(L, 1)) {
        if (sim_node_is_up(node) && !node->world->faults.mute.active) {
            script_raise(L, "n%u is up: crash or stop it first, options hold from a start on",
                         node->id);
        }
        script_restart_options_read(L, 1, node);
    }
    sim_node_start(node);
    return 0;
}

static int stop(lua_State *L, struct sim_script *script, void *self)
{
    (void)L, (void)script;
    sim_node_stop(self);
    return 0;
}

static int pause_node(lua_State *L, struct sim_script *script, void *self)
{
    struct sim_node *node = self;
    (void)script;
    node->pause_watch = script_watch_push(L, "a pause");
    sim_node_pause(node);
    return 1;
}

static int resume_node(lua_State *L, struct sim_script *script, void *self)
{
    (void)L, (void)script;
    sim_node_resume(self);
    return 0;
}

static int campaign(lua_State *L, struct sim_script *script, void *self)
{
    (void)script;
    enum raft_status status = sim_node_campaign(self);
    lua_pushboolean(L, status == RAFT_OK);
    return 1;
}

static int snapshot(lua_State *L, struct sim_script *script, void *self)
{
    (void)script;
    lua_pushboolean(L, sim_node_snapshot(self) == RAFT_OK);
    return 1;
}

/* n:transfer(to): a leader hands leadership to another node. True if it has begun to. */
static int transfer(lua_State *L, struct sim_script *script, void *self)
{
    const struct sim_node *node = self;
    struct sim_selector to;
    script_check_end(L, 2);
    script_selector(L, 1, &to);
    for (uint32_t id = 1; id <= script->world->node_count; id++) {
        if (id != node->id && sim_selector_matches(script->world, &to, id)) {
            lua_pushboolean(L, sim_node_transfer(self, id) == RAFT_OK);
            return 1;
        }
    }
    script_raise(L, "no other node matches");
}

static int set_readonly(lua_State *L, struct sim_script *script, void *self)
{
    (void)script;
    if (lua_type(L, 1) != LUA_TBOOLEAN) {
        script_raise(L, "takes true or false, got %s", script_push_value(L, 1));
    }
    sim_node_set_read_only(self, lua_toboolean(L, 1) != 0);
    return 0;
}

static const struct script_field node_fields[] = {
    {"id", push_id},
    {"name", push_name_field},
    {"role", push_role},
    {"state", push_state},
    {"condition", push_condition},
    {"term", push_term},
    {"commit_index", push_commit},
    {"applied_index", push_applied},
    {"last_index", push_last},
    {"durable_index", push_durable},
    {"member", push_member},
    {"change", push_change},
    {"configuration_index", push_configuration_index},
    {"is_joint", push_is_joint},
    {"snapshot_index", push_snapshot},
    {"first_index", push_first},
    {"cold_index", push_cold},
    {"log_bytes", push_log_size},
    {"installing", push_installing},
    {"up", push_up},
    {"disk", push_disk},
    {"mem", push_memory},
    {"clock", push_clock},
};
static const struct script_function node_methods[] = {
    {"is_leader", is_leader, 0},
    {"crash", crash, 0}, /* allowed inside a step: the node dies at its end */
    {"restart", restart, SCRIPT_CHANGES},
    {"stop", stop, SCRIPT_CHANGES},
    {"pause", pause_node, SCRIPT_CHANGES},
    {"resume", resume_node, SCRIPT_CHANGES},
    {"campaign", campaign, SCRIPT_CHANGES},
    {"snapshot", snapshot, SCRIPT_CHANGES},
    {"transfer", transfer, SCRIPT_CHANGES},
    {"recover", script_node_recover, SCRIPT_CHANGES},
    {"retire", script_node_retire, SCRIPT_CHANGES},
    {"set_readonly", set_readonly, SCRIPT_CHANGES},
};
const struct script_class script_node_class = {
    .name = "node",
    .methods = node_methods,
    .method_count = SCRIPT_COUNT(node_methods),
    .fields = node_fields,
    .field_count = SCRIPT_COUNT(node_fields),
    .push_name = push_name,
};

/* ---- the memory ---- */

struct memory_options {
    struct sim_trigger trigger;
    uint64_t for_ns;
    bool optional;
};

#define OPTION(name, kind, field, min)                                                             \
    {                                                                                              \
        name, kind, offsetof(struct memory_options, field), min, INT64_MAX, false                  \
    }

static const struct script_option memory_option_list[] = {
    SCRIPT_TRIGGER(struct memory_options, trigger),
    OPTION("for", SCRIPT_DURATION, for_ns, 0),
    OPTION("optional", SCRIPT_BOOLEAN, optional, 0),
};

static int memory_fail(lua_State *L, struct sim_script *script, void *self)
{
    struct memory_options options = {.for_ns = 0};
    const struct sim_node *node = self;
    (void)script;
    script_check_end(L, 1);
    sim_trigger_init(&options.trigger);
    script_options_read(L, 1, memory_option_list, SCRIPT_COUNT(memory_option_list), &options);
    struct script_fault *fault = script_fault_new(L, "memory.alloc");
    fault->for_ns = options.for_ns;
    fault->rule->on = (struct sim_selector){1u << node->id, SIM_SELECT_NODES};
    fault->rule->trigger = options.trigger;
    fault->rule->optional = options.optional;
    script_fault_arm_errno(L, fault, "ENOMEM");
    return 1;
}

static int memory_limit(lua_State *L, struct sim_script *script, void *self)
{
    struct sim_node *node = self;
    (void)script;
    script_check_end(L, 1);
    if (lua_isnoneornil(L, 1)) {
        node->memory_limit = UINT64_MAX;
        return 0;
    }
    node->memory_limit = (uint64_t)script_integer(L, 1, 0, INT64_MAX, "the limit");
    node->memory_watch = script_watch_push(L, "a limit of memory");
    return 1;
}

/* References to log entries that the process holds; with a holder, its own. */
static int memory_live(lua_State *L, struct sim_script *script, void *self)
{
    static const char *const kinds[] = {"log_entry", "block", "byte"};
    const struct sim_node *node = self;
    (void)script;
    script_check_end(L, 2);
    const char *kind = script_string(L, 1, "the kind");
    const char *holder = lua_isnoneornil(L, 2) ? NULL : script_string(L, 2, "the holder");
    uint64_t live = 0;
    bool known_holder = holder == NULL;
    for (int i = 0; i < RAFT_HOLDER_COUNT; i++) {
        bool is_meant =
            holder == NULL || strcmp(raft_holder_string((enum raft_holder)i), holder) == 0;
        known_holder = known_holder || is_meant;
        live += is_meant ? node->ledger.totals[i] : 0;
    }
    if (!known_holder) {
        script_raise(L, "unknown holder '%s'", holder);
    }
    if (strcmp(kind, "log_entry") == 0) {
        lua_pushinteger(L, (lua_Integer)live);
    } else if (strcmp(kind, "block") == 0) {
        lua_pushinteger(L, (lua_Integer)node->block_count);
    } else if (strcmp(kind, "byte") == 0) {
        lua_pushinteger(L, (lua_Integer)node->block_bytes);
    } else {
        const char *guess = script_push_guess(L, kind, kinds, SCRIPT_COUNT(kinds));
        script_raise(L, "unknown kind '%s'%s; kinds are: %s", kind, guess,
                     script_push_list(L, kinds, SCRIPT_COUNT(kinds)));
    }
    return 1;
}

static const struct script_function memory_methods[] = {
    {"fail", memory_fail, SCRIPT_CHANGES},
    {"limit_bytes", memory_limit, SCRIPT_CHANGES},
    {"live", memory_live, 0},
};
static const struct script_class memory_class = {
    .name = "mem", .methods = memory_methods, .method_count = SCRIPT_COUNT(memory_methods)};

/* ---- the clock ---- */

/* The handle of a change of a clock, with its watch. */
static int changed(lua_State *L, struct sim_node *node, const char *what)
{
    struct sim_watch *old = node->clock_watch;
    node->clock_watch = script_watch_push(L, what);
    node->clock_watch->under = old != NULL && old->hits == 0 ? old : NULL;
    return 1;
}

static int clock_drift(lua_State *L, struct sim_script *script, void *self)
{
    (void)script;
    script_check_end(L, 1);
    int64_t ppm = script_integer(L, 1, -900000, 1000000, "the drift in ppm");
    sim_node_clock_drift(self, ppm);
    return ppm == 0 ? 0 : changed(L, self, "a drift of a clock");
}

/* n.clock:freeze(), until drift_ppm(n). */
static int clock_freeze(lua_State *L, struct sim_script *script, void *self)
{
    (void)script;
    script_check_end(L, 0);
    sim_node_clock_drift(self, SIM_CLOCK_FROZEN);
    return changed(L, self, "a clock that stands still");
}

/* Milliseconds with a sign. */
static int64_t signed_ms(lua_State *L, const char *what)
{
    if (lua_type(L, 1) != LUA_TNUMBER) {
        script_raise(L, "%s must be a number of milliseconds, got %s", what,
                     script_push_value(L, 1));
    }
    bool is_negative = lua_tonumber(L, 1) < 0;
    if (is_negative) {
        lua_pushnumber(L, -lua_tonumber(L, 1));
        lua_replace(L, 1);
    }
    int64_t ns = (int64_t)script_duration(L, 1, 1000000, what);
    return is_negative ? -ns : ns;
}

static int clock_jump(lua_State *L, struct sim_script *script, void *self)
{
    script_check_end(L, 1);
    (void)script;
    sim_node_clock_jump(self, signed_ms(L, "the jump"));
    return changed(L, self, "a jump of a clock");
}

static int clock_strobe(lua_State *L, struct sim_script *script, void *self)
{
    struct strobe_options {
        uint64_t step_ns, period_ns;
    } options = {0, 0};
    static const struct script_option list[] = {
        {"step", SCRIPT_DURATION, offsetof(struct strobe_options, step_ns), 0, 0, true},
        {"period", SCRIPT_DURATION, offsetof(struct strobe_options, period_ns), 0, 0, true},
    };
    (void)script;
    script_check_end(L, 1);
    script_options_read(L, 1, list, SCRIPT_COUNT(list), &options);
    if (options.step_ns == 0 || options.period_ns == 0) {
        script_raise(L, "'step_ms' and 'period_ms' must be longer than nothing");
    }
    sim_node_clock_strobe(self, options.step_ns, options.period_ns);
    return changed(L, self, "a strobe of a clock");
}

static int clock_late(lua_State *L, struct sim_script *script, void *self)
{
    struct late_options {
        uint64_t p, late_ns;
    } options = {UINT64_MAX, 0};
    static const struct script_option list[] = {
        {"p", SCRIPT_PROBABILITY, offsetof(struct late_options, p), 0, 0, false},
        {"by", SCRIPT_DURATION, offsetof(struct late_options, late_ns), 0, 0, true},
    };
    (void)script;
    script_check_end(L, 1);
    script_options_read(L, 1, list, SCRIPT_COUNT(list), &options);
    if (options.late_ns == 0) {
        script_raise(L, "'by_ms' must be longer than nothing");
    }
    sim_node_clock_late(self, options.p, options.late_ns);
    return changed(L, self, "late timers");
}

/* Drift, strobe and late timers end; a clock that was thrown back stays behind. */
static int clock_heal(lua_State *L, struct sim_script *script, void *self)
{
    (void)script;
    script_check_end(L, 0);
    sim_node_clock_heal(self);
    return 0;
}

static const struct script_function clock_methods[] = {
    {"drift_ppm", clock_drift, SCRIPT_CHANGES}, {"jump_ms", clock_jump, SCRIPT_CHANGES},
    {"freeze", clock_freeze, SCRIPT_CHANGES},   {"strobe", clock_strobe, SCRIPT_CHANGES},
    {"late", clock_late, SCRIPT_CHANGES},       {"heal", clock_heal, SCRIPT_CHANGES},
};
static const struct script_class clock_class = {
    .name = "clock", .methods = clock_methods, .method_count = SCRIPT_COUNT(clock_methods)};
