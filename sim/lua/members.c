/* Changes of the members: c:add, c:remove, c:promote, c:demote; who is a member; unsafe recovery.
 *
 * 1. A change waits until it is done, is refused for as long as it may be, or nobody knows; then it
 *    gives nil and an error. "unknown": who had taken it has died or leads no longer, and the
 *    change may yet be carried through. spawn lets other things happen meanwhile.
 * 2. What is to become of a node is said of the node; what the others are stays.
 * 3. Members are those of the configuration that the leader goes by. */
#include "binding.h"

#include <assert.h>

struct change_options {
    uint64_t within_ns;
    bool learner, witness;
    int64_t priority;
    struct sim_selector node, instead_of;
};

#define OPTION(name, kind, field, max)                                                             \
    {                                                                                              \
        name, kind, offsetof(struct change_options, field), 0, max, false                          \
    }

enum { WITHIN, WITNESS, PRIORITY, LEARNER, NODE, INSTEAD_OF };
static const struct script_option change_options[] = {
    [WITHIN] = OPTION("within", SCRIPT_DURATION, within_ns, 0),
    [WITNESS] = OPTION("witness", SCRIPT_BOOLEAN, witness, 0),
    [PRIORITY] = OPTION("priority", SCRIPT_INTEGER, priority, UINT8_MAX),
    [LEARNER] = OPTION("learner", SCRIPT_BOOLEAN, learner, 0),
    [NODE] = OPTION("node", SCRIPT_SELECTOR, node, 0),
    [INSTEAD_OF] = OPTION("instead_of", SCRIPT_SELECTOR, instead_of, 0),
};

static void read_options(lua_State *L, int index, size_t count, struct change_options *options,
                         struct sim_change_plan *plan)
{
    *options = (struct change_options){.within_ns = (uint64_t)5000 * 1000000};
    script_check_end(L, index);
    uint64_t given = script_options_read(L, index, change_options, count, options);
    *plan = (struct sim_change_plan){
        .is_witness = options->witness,
        .sets_priority = (given >> PRIORITY & 1u) != 0,
        .priority = (uint8_t)options->priority,
    };
}

/* ---- waiting for a change ---- */

static int change_ended(lua_State *L, int status, lua_KContext node)
{
    struct sim_script *script = script_of(L);
    const struct sim_member_change *change = script->current->change;
    (void)status;
    assert(change != NULL && change->outcome != SIM_CHANGE_OPEN);
    if (change->outcome != SIM_CHANGE_DONE) {
        script_note_nil(L, node != 0 ? "cluster:add" : "the change", change->error);
        lua_pushnil(L);
        lua_pushstring(L, change->error);
        return 2;
    }
    if (node != 0) {
        script_node_push(L, script, (uint32_t)node);
    } else {
        lua_pushboolean(L, 1);
    }
    return 1;
}

static int change_begin(lua_State *L, struct sim_script *script, const struct sim_change_plan *plan,
                        uint64_t within_ns, uint32_t node)
{
    struct script_task *task = script->current;
    if ((script->world->features & SUT_FEATURE_MEMBERSHIP) == 0) {
        script_raise(L, "this implementation does not change its members");
    }
    assert(task != NULL && task->wait == SCRIPT_WAITS_NOT);
    task->change = NULL;
    sim_change_begin(script->world, plan, within_ns, task->id);
    task->wait = SCRIPT_WAITS_CHANGE;
    return lua_yieldk(L, 0, (lua_KContext)node, change_ended);
}

int script_cluster_add(lua_State *L, struct sim_script *script, void *self)
{
    struct sim_world *world = self;
    struct change_options options;
    struct sim_change_plan plan;
    read_options(L, 1, SCRIPT_COUNT(change_options), &options, &plan);
    if (options.learner && options.witness) {
        script_raise(L, "a witness votes and a learner does not: choose one");
    }
    uint32_t nodes = script_selected(script, &options.node);
    if (nodes == 0) {
        struct sim_node *node = sim_world_node_add(world, options.witness);
        if (node == NULL) {
            script_raise(L, "there are too many nodes: a run has at most %d", SIM_NODES_MAX - 1);
        }
        nodes = 1u << node->id;
    }
    plan.removed = script_selected(script, &options.instead_of);
    *(options.learner ? &plan.learners : &plan.voters) = nodes;
    if ((nodes & plan.removed) != 0) {
        script_raise(L, "a node cannot take its own place");
    }
    return change_begin(L, script, &plan, options.within_ns, (uint32_t)__builtin_ctz(nodes));
}

/* The nodes that argument 1 means, at least one; the options, their first count ones, follow. */
static uint32_t read_nodes(lua_State *L, struct sim_script *script, size_t count,
                           struct change_options *options, struct sim_change_plan *plan)
{
    struct sim_selector selector;
    script_selector(L, 1, &selector);
    uint32_t nodes = script_selected(script, &selector);
    if (nodes == 0) {
        script_raise(L, "no node matches");
    }
    read_options(L, 2, count, options, plan);
    return nodes;
}

int script_cluster_remove(lua_State *L, struct sim_script *script, void *self)
{
    struct change_options options;
    struct sim_change_plan plan;
    (void)self;
    uint32_t nodes = read_nodes(L, script, WITHIN + 1, &options, &plan);
    plan.removed = nodes;
    return change_begin(L, script, &plan, options.within_ns, 0);
}

int script_cluster_promote(lua_State *L, struct sim_script *script, void *self)
{
    struct change_options options;
    struct sim_change_plan plan;
    (void)self;
    uint32_t nodes = read_nodes(L, script, PRIORITY + 1, &options, &plan);
    plan.voters = nodes;
    return change_begin(L, script, &plan, options.within_ns, 0);
}

int script_cluster_demote(lua_State *L, struct sim_script *script, void *self)
{
    struct change_options options;
    struct sim_change_plan plan;
    (void)self;
    uint32_t nodes = read_nodes(L, script, WITHIN + 1, &options, &plan);
    plan.learners = nodes;
    return change_begin(L, script, &plan, options.within_ns, 0);
}

/* ---- who is a member ---- */

const char *script_member_string(uint32_t flags)
{
    return (flags & RAFT_MEMBER_LEARNER) != 0   ? "learner"
           : (flags & RAFT_MEMBER_WITNESS) != 0 ? "witness"
           : (flags & RAFT_MEMBER_VOTER) != 0   ? "voter"
           : flags != 0                         ? "leaving"
                                                : "none";
}

int script_cluster_members(lua_State *L, struct sim_script *script, void *self)
{
    const struct raft_configuration *configuration = sim_world_configuration(self);
    script_check_end(L, 0);
    if (configuration == NULL) {
        lua_pushnil(L);
        return 1;
    }
    lua_newtable(L);
    for (uint32_t i = 0; i < configuration->count; i++) {
        const struct raft_member *member = &configuration->members[i];
        lua_createtable(L, 0, 4);
        script_node_push(L, script, member->id);
        lua_setfield(L, -2, "node");
        lua_pushstring(L, script_member_string(member->flags));
        lua_setfield(L, -2, "kind");
        lua_pushinteger(L, member->priority);
        lua_setfield(L, -2, "priority");
        lua_pushboolean(L, (member->flags & RAFT_MEMBER_OUTGOING) != 0);
        lua_setfield(L, -2, "outgoing");
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

/* ---- by hand ---- */

/* n:recover(sel): this node goes by a configuration of these voters, whatever the log says. */
int script_node_recover(lua_State *L, struct sim_script *script, void *self)
{
    struct sim_selector selector;
    struct raft_configuration target = {.count = 0};
    script_check_end(L, 1);
    script_selector(L, 1, &selector);
    uint32_t nodes = script_selected(script, &selector);
    if ((script->world->features & SUT_FEATURE_MEMBERSHIP) == 0) {
        script_raise(L, "this implementation does not change its members");
    }
    for (uint32_t id = 1; id < SIM_NODES_MAX; id++) {
        if ((nodes >> id & 1u) != 0) {
            bool is_witness = raft_options_is_witness(&script->world->nodes[id]->options);
            target.members[target.count++] = (struct raft_member){
                .id = id,
                .flags = RAFT_MEMBER_VOTER | (is_witness ? RAFT_MEMBER_WITNESS : 0u),
            };
        }
    }
    lua_pushboolean(L, sim_node_recover(self, &target) == RAFT_OK);
    return 1;
}

int script_node_retire(lua_State *L, struct sim_script *script, void *self)
{
    (void)script;
    script_check_end(L, 0);
    sim_node_retire(self);
    return 0;
}
