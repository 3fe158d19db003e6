/* The network, as a scenario shapes it: partitions, cuts, losses, held messages.
 *
 * 1. partition, bridge and isolate mean the nodes that the selectors name now; the other rules look
 *    a role up for every message.
 * 2. Rules add up; each lasts until it is healed, its for_ms is over, or the run heals.
 * 3. A rule that had no effect on any message is a finding, unless it is optional. */
#include "binding.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static const char *const message_types[] = {
    "append_req",  "append_rep",  "vote_req",   "vote_rep",   "prevote_req", "prevote_rep",
    "install_req", "install_rep", "repair_req", "repair_rep", "timeout_now", "any"};

struct match {
    struct sim_selector from, to;
    const char *type;
    struct sim_trigger trigger;
    uint64_t for_ns;
    bool both, optional, shuffle;
    uint64_t latency_ns, jitter_ns, tail, tail_ns, loss, burst_ns;
    uint64_t duplicate, reorder, corrupt, truncate, reset;
    int64_t bandwidth_kbps, capacity;
};

#define SELECTOR(name, field, required)                                                            \
    {                                                                                              \
        name, SCRIPT_SELECTOR, offsetof(struct match, field), 0, 0, required                       \
    }
#define COUNT(name, field)                                                                         \
    {                                                                                              \
        name, SCRIPT_INTEGER, offsetof(struct match, field), 1, INT64_MAX, false                   \
    }
#define CHANCE(name, field)                                                                        \
    {                                                                                              \
        name, SCRIPT_PROBABILITY, offsetof(struct match, field), 0, 0, false                       \
    }
#define DURATION(name, field)                                                                      \
    {                                                                                              \
        name, SCRIPT_DURATION, offsetof(struct match, field), 0, 0, false                          \
    }
#define FLAG(name, field)                                                                          \
    {                                                                                              \
        name, SCRIPT_BOOLEAN, offsetof(struct match, field), 0, 0, false                           \
    }
#define TYPE                                                                                       \
    {                                                                                              \
        "type", SCRIPT_STRING, offsetof(struct match, type), 0, 0, false                           \
    }
/* Which messages, and when: of every rule for messages. */
#define MATCH                                                                                      \
    SELECTOR("from", from, false), SELECTOR("to", to, false), TYPE,                                \
        SCRIPT_TRIGGER(struct match, trigger), DURATION("for", for_ns), FLAG("optional", optional)

static const struct script_option cut_options[] = {
    SELECTOR("from", from, true), SELECTOR("to", to, true),   FLAG("both", both),
    DURATION("for", for_ns),      FLAG("optional", optional),
};

static const struct script_option match_options[] = {MATCH};

static const struct script_option hold_options[] = {MATCH, FLAG("shuffle", shuffle)};

static const struct script_option link_options[] = {
    MATCH,
    FLAG("both", both),
    DURATION("latency", latency_ns),
    DURATION("jitter", jitter_ns),
    CHANCE("tail", tail),
    DURATION("tail", tail_ns),
    CHANCE("loss", loss),
    DURATION("burst", burst_ns),
    CHANCE("dup", duplicate),
    CHANCE("reorder", reorder),
    CHANCE("corrupt", corrupt),
    CHANCE("truncate", truncate),
    CHANCE("reset", reset),
    COUNT("bandwidth_kbps", bandwidth_kbps),
    COUNT("capacity", capacity),
};

/* ---- rule handles ---- */

static void notice(struct sim_script *script, enum sim_notice_kind kind)
{
    sim_script_notice(script, kind, 0, 0, 0, NULL);
}

static void push_hits(lua_State *L, struct sim_script *script, void *self)
{
    const struct sim_link_rule *rule = self;
    (void)script;
    lua_pushinteger(L, (lua_Integer)rule->trigger.fired);
}

static int heal_rule(lua_State *L, struct sim_script *script, void *self)
{
    struct sim_link_rule *rule = self;
    (void)L;
    if (rule->active) {
        sim_network_rule_heal(&script->world->network, rule);
        notice(script, SIM_NOTICE_HEALED);
    }
    return 0;
}

static int release_rule(lua_State *L, struct sim_script *script, void *self)
{
    struct sim_link_rule *rule = self;
    if (!rule->hold) {
        script_raise(L, "only a rule of cluster:hold keeps messages back");
    }
    if (rule->active) {
        sim_network_rule_release(&script->world->network, rule);
    }
    return 0;
}

static const struct script_class rule_class;

static int optional_rule(lua_State *L, struct sim_script *script, void *self)
{
    struct sim_link_rule *rule = self;
    (void)script;
    script_check_end(L, 0);
    rule->optional = true;
    script_handle_push(L, &rule_class, rule);
    return 1;
}

static const struct script_field rule_fields[] = {{"hits", push_hits}};
static const struct script_function rule_methods[] = {
    {"heal", heal_rule, SCRIPT_CHANGES},
    {"clear", heal_rule, SCRIPT_CHANGES},
    {"release", release_rule, SCRIPT_CHANGES},
    {"optional", optional_rule, SCRIPT_CHANGES},
};
static const struct script_class rule_class = {
    .name = "rule",
    .methods = rule_methods,
    .method_count = SCRIPT_COUNT(rule_methods),
    .fields = rule_fields,
    .field_count = SCRIPT_COUNT(rule_fields),
};

static int activate(lua_State *L, struct sim_script *script, struct sim_link_rule *rule)
{
    script_where(L, rule->where, sizeof(rule->where));
    sim_network_rule_activate(&script->world->network, rule);
    script_handle_push(L, &rule_class, rule);
    return 1;
}

/* ---- partitions ---- */

/* The nodes of the group at an argument; "rest" is everyone who is left. */
static uint32_t read_group(lua_State *L, struct sim_script *script, int index, bool is_last,
                           uint32_t taken)
{
    struct sim_selector selector;
    if (lua_type(L, index) == LUA_TSTRING && strcmp(lua_tostring(L, index), "rest") == 0) {
        if (!is_last) {
            script_raise(L, "\"rest\" must be the last group");
        }
        struct sim_selector any = {0, SIM_SELECT_ANY};
        return script_selected(script, &any) & ~taken;
    }
    script_selector(L, index, &selector);
    return script_selected(script, &selector);
}

/* Puts the nodes of the groups at the arguments from first on into groups; bridge nodes, which are
 * in none, reach everybody. */
static int divide(lua_State *L, struct sim_script *script, int first, uint32_t bridge)
{
    struct sim_world *world = script->world;
    uint32_t groups[SIM_NODES_MAX] = {0};
    uint32_t taken = bridge;
    int count = lua_gettop(L);
    if (count < first + 1) {
        script_raise(L, "needs at least two groups, the last may be \"rest\"");
    }
    for (int i = first; i <= count; i++) {
        uint32_t group = read_group(L, script, i, i == count, taken);
        for (uint32_t node = 1; node <= world->node_count; node++) {
            if ((group & (1u << node)) == 0) {
                continue;
            }
            if (groups[node] != 0) {
                script_raise(L, "n%u is in group %u and in group %d", node, groups[node],
                             i - first + 1);
            }
            if ((bridge >> node & 1u) != 0) {
                script_raise(L, "n%u is the bridge and in group %d", node, i - first + 1);
            }
            groups[node] = (uint32_t)(i - first + 1);
        }
        taken |= group;
    }
    for (uint32_t node = 1; node <= world->node_count; node++) {
        if (groups[node] == 0 && (bridge >> node & 1u) == 0) {
            script_raise(L, "n%u is in no group (add it, or give \"rest\" as the last group)",
                         node);
        }
    }
    struct sim_link_rule *rule = sim_network_rule_new(&world->network);
    rule->partition = true;
    memcpy(rule->groups, groups, sizeof(groups));
    notice(script, SIM_NOTICE_PARTITIONED);
    return activate(L, script, rule);
}

int script_cluster_partition(lua_State *L, struct sim_script *script, void *self)
{
    (void)self;
    return divide(L, script, 1, 0);
}

int script_cluster_bridge(lua_State *L, struct sim_script *script, void *self)
{
    struct sim_selector selector;
    (void)self;
    script_selector(L, 1, &selector);
    return divide(L, script, 2, script_selected(script, &selector));
}

int script_cluster_ring(lua_State *L, struct sim_script *script, void *self)
{
    struct sim_world *world = self;
    uint32_t order[SIM_NODES_MAX];
    script_check_end(L, 0);
    if (world->node_count < 4) {
        script_raise(L, "%u nodes are too few for a ring: each would reach all the others",
                     world->node_count);
    }
    for (uint32_t i = 0; i < world->node_count; i++) {
        order[i] = i + 1;
    }
    struct sim_link_rule *rule = sim_network_rule_new(&world->network);
    sim_network_rule_ring(rule, order, world->node_count);
    notice(script, SIM_NOTICE_PARTITIONED);
    return activate(L, script, rule);
}

int script_cluster_isolate(lua_State *L, struct sim_script *script, void *self)
{
    struct sim_world *world = self;
    struct sim_selector selector;
    script_check_end(L, 1);
    script_selector(L, 1, &selector);
    uint32_t isolated = script_selected(script, &selector);
    struct sim_link_rule *rule = sim_network_rule_new(&world->network);
    rule->partition = true;
    uint32_t group = 2;
    for (uint32_t node = 1; node <= world->node_count; node++) {
        bool alone = (isolated & (1u << node)) != 0;
        rule->groups[node] = alone ? group : 1;
        group += alone ? 1 : 0;
    }
    notice(script, SIM_NOTICE_PARTITIONED);
    return activate(L, script, rule);
}

/* ---- rules for messages ---- */

static void check_type(lua_State *L, const char *type)
{
    for (size_t i = 0; i < SCRIPT_COUNT(message_types); i++) {
        if (strcmp(type, message_types[i]) == 0) {
            return;
        }
    }
    const char *guess = script_push_guess(L, type, message_types, SCRIPT_COUNT(message_types));
    script_raise(L, "unknown message type '%s'%s; types are: %s", type, guess,
                 script_push_list(L, message_types, SCRIPT_COUNT(message_types)));
}

/* Reads the options of a rule and makes it. */
static struct sim_link_rule *new_rule(lua_State *L, struct sim_script *script,
                                      const struct script_option *options, size_t count)
{
    struct match match;
    memset(&match, 0, sizeof(match));
    match.from.role = SIM_SELECT_ANY;
    match.to.role = SIM_SELECT_ANY;
    match.type = "any";
    sim_trigger_init(&match.trigger);
    script_check_end(L, 1);
    script_options_read(L, 1, options, count, &match);
    check_type(L, match.type);
    struct sim_link_rule *rule = sim_network_rule_new(&script->world->network);
    rule->from = match.from;
    rule->to = match.to;
    rule->both = match.both;
    snprintf(rule->type, sizeof(rule->type), "%s",
             strcmp(match.type, "any") == 0 ? "" : match.type);
    rule->optional = match.optional;
    rule->shuffles = match.shuffle;
    rule->trigger = match.trigger;
    rule->trigger.until_ns =
        match.for_ns == 0 ? UINT64_MAX : script->world->scheduler.now_ns + match.for_ns;
    rule->latency_ns = match.latency_ns;
    rule->jitter_ns = match.jitter_ns;
    rule->tail = match.tail;
    rule->tail_ns = match.tail_ns;
    rule->loss = match.loss;
    rule->burst_ns = match.burst_ns;
    rule->duplicate = match.duplicate;
    rule->reorder = match.reorder;
    rule->corrupt = match.corrupt;
    rule->truncate = match.truncate;
    rule->reset = match.reset;
    rule->capacity = (uint32_t)(match.capacity < UINT32_MAX ? match.capacity : UINT32_MAX);
    rule->bandwidth_bytes_per_s = (uint64_t)match.bandwidth_kbps * 125;
    return rule;
}

int script_cluster_cut(lua_State *L, struct sim_script *script, void *self)
{
    (void)self;
    struct sim_link_rule *rule = new_rule(L, script, cut_options, SCRIPT_COUNT(cut_options));
    rule->cut = true;
    notice(script, SIM_NOTICE_PARTITIONED);
    return activate(L, script, rule);
}

int script_cluster_link(lua_State *L, struct sim_script *script, void *self)
{
    (void)self;
    struct sim_link_rule *rule = new_rule(L, script, link_options, SCRIPT_COUNT(link_options));
    if ((rule->tail == 0) != (rule->tail_ns == 0)) {
        script_raise(L, "'tail' and 'tail_ms' go together: how often, and how late at least");
    }
    if (rule->burst_ns != 0 && rule->loss == 0) {
        script_raise(L, "'burst_ms' is for how long a loss goes on: give 'loss' too");
    }
    return activate(L, script, rule);
}

int script_cluster_drop(lua_State *L, struct sim_script *script, void *self)
{
    (void)self;
    struct sim_link_rule *rule = new_rule(L, script, match_options, SCRIPT_COUNT(match_options));
    rule->drop = true;
    return activate(L, script, rule);
}

int script_cluster_hold(lua_State *L, struct sim_script *script, void *self)
{
    (void)self;
    struct sim_link_rule *rule = new_rule(L, script, hold_options, SCRIPT_COUNT(hold_options));
    rule->hold = true;
    return activate(L, script, rule);
}

int script_cluster_heal(lua_State *L, struct sim_script *script, void *self)
{
    (void)self;
    script_check_end(L, 0);
    sim_network_heal(&script->world->network);
    notice(script, SIM_NOTICE_HEALED);
    return 0;
}
