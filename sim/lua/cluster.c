/* cluster{} and what concerns the cluster as a whole: who leads, who follows, whether it agrees.
 *
 * 1. A run has one cluster, made once.
 * 2. Who leads is what the nodes say of themselves: the leader is the one of the highest term that
 *    is up. A script that keeps the answer across a wait keeps an old answer.
 * 3. Choices (pick, random_minority, random_majority) come from a stream of their own. */
#include "binding.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static const struct script_class cluster_class;

struct sim_world *script_world(lua_State *L)
{
    struct sim_world *world = script_of(L)->world;
    if (world->node_count == 0) {
        script_raise(L, "there is no cluster yet: call cluster{...} first");
    }
    return world;
}

static int cluster(lua_State *L, struct sim_script *script, void *self)
{
    struct sim_cluster_options options;
    (void)self;
    script_check_end(L, 1);
    if (script->world->node_count != 0) {
        script_raise(L, "there is a cluster already: a run has one");
    }
    script_cluster_options_read(L, 1, &options);
    sim_cluster_create(script->world, &options);
    script_handle_push(L, &cluster_class, script->world);
    lua_pushvalue(L, -1);
    script->cluster_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    return 1;
}

/* ---- nodes ---- */

void script_node_push(lua_State *L, struct sim_script *script, uint32_t node)
{
    assert(node >= 1 && node < SIM_NODES_MAX);
    luaL_checkstack(L, 8, NULL);
    if (script->node_refs[node] == LUA_NOREF) {
        script_handle_push(L, &script_node_class, script->world->nodes[node]);
        lua_pushvalue(L, -1);
        script->node_refs[node] = luaL_ref(L, LUA_REGISTRYINDEX);
        return;
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, script->node_refs[node]);
}

void script_nodes_push(lua_State *L, struct sim_script *script, uint32_t nodes)
{
    lua_Integer count = 0;
    lua_newtable(L);
    for (uint32_t node = 1; node < SIM_NODES_MAX; node++) {
        if ((nodes & (1u << node)) != 0) {
            script_node_push(L, script, node);
            count++;
            lua_rawseti(L, -2, count);
        }
    }
}

static void push_at(lua_State *L, struct sim_script *script, void *self, int64_t index)
{
    struct sim_world *world = self;
    if (index < 1 || index > world->node_count) {
        script_raise_plain(
            L, "cluster[%lld]: there is no node %lld, nodes are numbered from 1 (1..%u)",
            (long long)index, (long long)index, world->node_count);
    }
    script_node_push(L, script, (uint32_t)index);
}

static uint32_t all_nodes(const struct sim_world *world)
{
    uint32_t nodes = 0;
    for (uint32_t node = 1; node <= world->node_count; node++) {
        nodes |= 1u << node;
    }
    return nodes;
}

static uint32_t leaders_of(const struct sim_world *world)
{
    uint32_t nodes = 0;
    for (uint32_t node = 1; node <= world->node_count; node++) {
        const struct sim_node *n = world->nodes[node];
        if (sim_node_is_up(n) && n->view.role == RAFT_LEADER) {
            nodes |= 1u << node;
        }
    }
    return nodes;
}

static void push_size(lua_State *L, struct sim_script *script, void *self)
{
    struct sim_world *world = self;
    (void)script;
    lua_pushinteger(L, world->node_count);
}

static void push_disk(lua_State *L, struct sim_script *script, void *self)
{
    (void)script, (void)self;
    script_handle_push(L, &script_disk_class, NULL);
}

static int nodes(lua_State *L, struct sim_script *script, void *self)
{
    script_nodes_push(L, script, all_nodes(self));
    return 1;
}

static int leader(lua_State *L, struct sim_script *script, void *self)
{
    struct sim_node *node = sim_world_leader(self);
    if (node == NULL) {
        lua_pushnil(L);
    } else {
        script_node_push(L, script, node->id);
    }
    return 1;
}

static int leaders(lua_State *L, struct sim_script *script, void *self)
{
    script_nodes_push(L, script, leaders_of(self));
    return 1;
}

static int followers(lua_State *L, struct sim_script *script, void *self)
{
    struct sim_world *world = self;
    uint32_t result = 0;
    for (uint32_t node = 1; node <= world->node_count; node++) {
        const struct sim_node *n = world->nodes[node];
        if (sim_node_is_up(n) && n->view.role == RAFT_FOLLOWER && !sim_node_learns(n)) {
            result |= 1u << node;
        }
    }
    script_nodes_push(L, script, result);
    return 1;
}

static int others(lua_State *L, struct sim_script *script, void *self)
{
    struct sim_selector selector;
    script_selector(L, 1, &selector);
    script_nodes_push(L, script, all_nodes(self) & ~script_selected(script, &selector));
    return 1;
}

/* ---- waiting for a leader ---- */

struct leader_wait {
    uint64_t within_ns; /* at first; later the deadline lies on the stack */
    struct sim_selector other_than;
};

/* The leader of the highest term that is not excluded, or 0. */
static uint32_t find_leader(const struct sim_world *world, uint32_t excluded)
{
    uint32_t candidates = leaders_of(world) & ~excluded;
    uint32_t best = 0;
    for (uint32_t node = 1; node <= world->node_count; node++) {
        if ((candidates & (1u << node)) != 0 &&
            (best == 0 ||
             world->nodes[node]->view.state.term > world->nodes[best]->view.state.term)) {
            best = node;
        }
    }
    return best;
}

const char *script_node_role(const struct sim_node *node)
{
    if (!sim_node_is_up(node)) {
        return "down";
    }
    switch (node->view.role) {
    case RAFT_FOLLOWER:
        return sim_node_learns(node) ? "learner" : "follower";
    case RAFT_PRECANDIDATE:
    case RAFT_CANDIDATE:
        return "candidate";
    case RAFT_LEADER:
        return "leader";
    case RAFT_ROLE_COUNT:
        break;
    }
    assert(!"a node has a role");
    return NULL;
}

static void describe_nodes(const struct sim_world *world, char *out, size_t size)
{
    out[0] = '\0';
    for (uint32_t node = 1; node <= world->node_count; node++) {
        size_t length = strlen(out);
        snprintf(out + length, size - length, "%sn%u %s term %llu", node == 1 ? "" : ", ", node,
                 script_node_role(world->nodes[node]),
                 (unsigned long long)world->nodes[node]->view.state.term);
    }
}

/* Stack: beginning in ns, the limit in ns, the excluded nodes. */
static int wait_leader_goes_on(lua_State *L, int status, lua_KContext context)
{
    struct sim_script *script = script_of(L);
    struct sim_world *world = script->world;
    uint64_t deadline_ns =
        script_deadline(script, (uint64_t)lua_tointeger(L, 1), (uint64_t)lua_tointeger(L, 2));
    (void)status, (void)context;
    script->call = "cluster:wait_leader";
    uint32_t node = find_leader(world, (uint32_t)lua_tointeger(L, 3));
    if (node != 0) {
        script_node_push(L, script, node);
        return 1;
    }
    if (world->scheduler.now_ns >= deadline_ns) {
        char text[SIM_TEXT_MAX / 2];
        char where[SCRIPT_WHERE_MAX];
        describe_nodes(world, text, sizeof(text));
        script_where(L, where, sizeof(where));
        script_expectation(L, where, "cluster:wait_leader: no leader within %llu ms (%s)",
                           (unsigned long long)lua_tointeger(L, 2) / 1000000, text);
    }
    return script_wait_until(L, SCRIPT_WAITS_LEADER, deadline_ns, wait_leader_goes_on);
}

static int wait_leader(lua_State *L, struct sim_script *script, void *self)
{
    static const struct script_option options[] = {
        {"within", SCRIPT_DURATION, offsetof(struct leader_wait, within_ns), 0, 0, false},
        {"other_than", SCRIPT_SELECTOR, offsetof(struct leader_wait, other_than), 0, 0, false},
    };
    struct leader_wait wait = {.within_ns = (uint64_t)5000 * 1000000,
                               .other_than = {0, SIM_SELECT_NODES}};
    (void)self;
    script_check_end(L, 1);
    script_options_read(L, 1, options, SCRIPT_COUNT(options), &wait);
    lua_settop(L, 0);
    lua_pushinteger(L, (lua_Integer)script->world->scheduler.now_ns);
    lua_pushinteger(L, (lua_Integer)wait.within_ns);
    lua_pushinteger(L, script_selected(script, &wait.other_than));
    return wait_leader_goes_on(L, LUA_OK, 0);
}

/* ---- choices ---- */

static int pick(lua_State *L, struct sim_script *script, void *self)
{
    (void)self;
    if (lua_type(L, 1) != LUA_TTABLE || lua_rawlen(L, 1) == 0) {
        script_raise(L, "needs a list with at least one element, got %s", script_push_value(L, 1));
    }
    uint64_t at = sim_draw_below(&script->world->pick, lua_rawlen(L, 1));
    lua_rawgeti(L, 1, (lua_Integer)at + 1);
    return 1;
}

/* So many different nodes, one draw each. */
static uint32_t draw_nodes(struct sim_world *world, uint32_t count)
{
    uint32_t left[SIM_NODES_MAX], drawn = 0;
    uint32_t left_count = world->node_count;
    assert(count <= left_count);
    for (uint32_t i = 0; i < left_count; i++) {
        left[i] = i + 1;
    }
    while (count > 0) {
        uint64_t at = sim_draw_below(&world->pick, left_count);
        drawn |= 1u << left[at];
        left_count--;
        left[at] = left[left_count];
        count--;
    }
    return drawn;
}

static int random_minority(lua_State *L, struct sim_script *script, void *self)
{
    struct sim_world *world = self;
    uint32_t most = (world->node_count - 1) / 2;
    if (most == 0) {
        script_raise(L, "%u nodes have no minority", world->node_count);
    }
    uint64_t count = sim_draw_between(&world->pick, 1, most);
    script_nodes_push(L, script, draw_nodes(world, (uint32_t)count));
    return 1;
}

static int random_majority(lua_State *L, struct sim_script *script, void *self)
{
    struct sim_world *world = self;
    uint64_t count = sim_draw_between(&world->pick, world->node_count / 2 + 1, world->node_count);
    script_nodes_push(L, script, draw_nodes(world, (uint32_t)count));
    return 1;
}

/* ---- agreement ---- */

static int converged(lua_State *L, struct sim_script *script, void *self)
{
    struct sim_world *world = self;
    (void)script;
    lua_pushboolean(L, sim_oracle_converged(world->oracles));
    return 1;
}

static int committed(lua_State *L, struct sim_script *script, void *self)
{
    struct sim_world *world = self;
    (void)script;
    lua_pushinteger(L, (lua_Integer)sim_oracle_committed(world->oracles));
    return 1;
}

static const struct script_field cluster_fields[] = {{"size", push_size}, {"disk", push_disk}};

/* Those of links.c, clients.c and members.c included. */
static const struct script_function cluster_methods[] = {
    {"nodes", nodes, 0},
    {"leader", leader, 0},
    {"leaders", leaders, 0},
    {"followers", followers, 0},
    {"others", others, 0},
    {"wait_leader", wait_leader, SCRIPT_WAITS},
    {"pick", pick, 0},
    {"random_minority", random_minority, 0},
    {"random_majority", random_majority, 0},
    {"converged", converged, 0},
    {"committed", committed, 0},
    {"members", script_cluster_members, 0},
    {"add", script_cluster_add, SCRIPT_WAITS | SCRIPT_CHANGES},
    {"remove", script_cluster_remove, SCRIPT_WAITS | SCRIPT_CHANGES},
    {"promote", script_cluster_promote, SCRIPT_WAITS | SCRIPT_CHANGES},
    {"demote", script_cluster_demote, SCRIPT_WAITS | SCRIPT_CHANGES},
    {"partition", script_cluster_partition, SCRIPT_CHANGES},
    {"bridge", script_cluster_bridge, SCRIPT_CHANGES},
    {"ring", script_cluster_ring, SCRIPT_CHANGES},
    {"isolate", script_cluster_isolate, SCRIPT_CHANGES},
    {"cut", script_cluster_cut, SCRIPT_CHANGES},
    {"link", script_cluster_link, SCRIPT_CHANGES},
    {"drop", script_cluster_drop, SCRIPT_CHANGES},
    {"hold", script_cluster_hold, SCRIPT_CHANGES},
    {"heal", script_cluster_heal, SCRIPT_CHANGES},
    {"client", script_cluster_client, SCRIPT_CHANGES},
    {"load", script_cluster_load, SCRIPT_CHANGES},
    {"history", script_cluster_history, 0},
};

static const struct script_class cluster_class = {
    .name = "cluster",
    .methods = cluster_methods,
    .method_count = SCRIPT_COUNT(cluster_methods),
    .fields = cluster_fields,
    .field_count = SCRIPT_COUNT(cluster_fields),
    .push_at = push_at,
};

static const struct script_function functions[] = {{"cluster", cluster, SCRIPT_CHANGES}};

void script_cluster_open(lua_State *L, int globals)
{
    lua_pushvalue(L, globals);
    script_functions_add(L, "", functions, SCRIPT_COUNT(functions));
    lua_pop(L, 1);
}
