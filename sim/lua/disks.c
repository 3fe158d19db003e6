/* The disk of a node, or all disks of the cluster, as a scenario breaks them.
 *
 * 1. n.disk:fail and n.disk:slow are fault rules at the points "disk.<operation>", armed at once.
 * 2. fill sets a quota a little above what is used; heal takes the quota back and switches off the
 *    rules that were made through the same object.
 * 3. self is the node, or NULL for c.disk, where every call names its nodes. */
#include "binding.h"

#include <assert.h>
#include <string.h>

static const char *const disk_operations[] = {"open",   "create",   "read",  "write",
                                              "sync",   "truncate", "close", "unlink",
                                              "rename", "sync_dir", "list"};

struct disk_options {
    const char *op;
    const char *errno_name;
    struct sim_selector node;
    int64_t nth, from_nth, every, times;
    uint64_t p, for_ns, latency_ns;
    int64_t free_bytes;
    bool optional;
};

#define OPTION(name, kind, field, min, required)                                                   \
    {                                                                                              \
        name, kind, offsetof(struct disk_options, field), min, INT64_MAX, required                 \
    }

static const struct script_option fail_options[] = {
    OPTION("op", SCRIPT_STRING, op, 0, true),
    OPTION("errno", SCRIPT_STRING, errno_name, 0, false),
    OPTION("nth", SCRIPT_INTEGER, nth, 1, false),
    OPTION("from_nth", SCRIPT_INTEGER, from_nth, 1, false),
    OPTION("every", SCRIPT_INTEGER, every, 1, false),
    OPTION("times", SCRIPT_INTEGER, times, 1, false),
    OPTION("p", SCRIPT_PROBABILITY, p, 0, false),
    OPTION("for", SCRIPT_DURATION, for_ns, 0, false),
    OPTION("optional", SCRIPT_BOOLEAN, optional, 0, false),
    OPTION("node", SCRIPT_SELECTOR, node, 0, false),
};
static const struct script_option slow_options[] = {
    OPTION("latency", SCRIPT_DURATION, latency_ns, 0, true),
    OPTION("op", SCRIPT_STRING, op, 0, false),
    OPTION("p", SCRIPT_PROBABILITY, p, 0, false),
    OPTION("for", SCRIPT_DURATION, for_ns, 0, false),
    OPTION("node", SCRIPT_SELECTOR, node, 0, false),
};
static const struct script_option fill_options[] = {
    OPTION("free_bytes", SCRIPT_INTEGER, free_bytes, 0, false),
    OPTION("node", SCRIPT_SELECTOR, node, 0, false),
};

/* Reads options; the last one, node, is for the disk of the cluster only. */
static void read_disk_options(lua_State *L, void *self, const struct script_option *list,
                              size_t count, struct disk_options *options)
{
    const struct sim_node *node = self;
    *options = (struct disk_options){.errno_name = "EIO", .p = UINT64_MAX};
    script_check_end(L, 1);
    uint64_t given = script_options_read(L, 1, list, self == NULL ? count : count - 1, options);
    if (self != NULL) {
        options->node = (struct sim_selector){1u << node->id, SIM_SELECT_NODES};
    } else if ((given & ((uint64_t)1 << (count - 1))) == 0) {
        script_raise(L, "option 'node' is required: which node's disk?");
    }
}

/* The pattern of an operation; "fsync" is another word for sync. */
static const char *push_disk_pattern(lua_State *L, const char *op)
{
    if (op == NULL) {
        return lua_pushliteral(L, "disk.*");
    }
    const char *name = strcmp(op, "fsync") == 0 ? "sync" : op;
    for (size_t i = 0; i < SCRIPT_COUNT(disk_operations); i++) {
        if (strcmp(disk_operations[i], name) == 0) {
            return lua_pushfstring(L, "disk.%s", name);
        }
    }
    const char *guess = script_push_guess(L, op, disk_operations, SCRIPT_COUNT(disk_operations));
    script_raise(L, "unknown 'op' = '%s'%s; operations are: %s", op, guess,
                 script_push_list(L, disk_operations, SCRIPT_COUNT(disk_operations)));
}

static struct script_fault *new_disk_fault(lua_State *L, void *self,
                                           const struct disk_options *options)
{
    struct script_fault *fault = script_fault_new(L, push_disk_pattern(L, options->op));
    fault->by_disk = true;
    fault->disk_node = self == NULL ? 0 : ((const struct sim_node *)self)->id;
    fault->for_ns = options->for_ns;
    fault->rule->on = options->node;
    fault->rule->trigger.nth = (uint64_t)options->nth;
    fault->rule->trigger.from_nth = (uint64_t)options->from_nth;
    fault->rule->trigger.every = (uint64_t)options->every;
    fault->rule->trigger.times = (uint64_t)options->times;
    fault->rule->trigger.p = options->p;
    fault->rule->optional = options->optional;
    return fault;
}

static int disk_fail(lua_State *L, struct sim_script *script, void *self)
{
    struct disk_options options;
    (void)script;
    read_disk_options(L, self, fail_options, SCRIPT_COUNT(fail_options), &options);
    struct script_fault *fault = new_disk_fault(L, self, &options);
    script_fault_arm_errno(L, fault, options.errno_name);
    return 1;
}

static int disk_slow(lua_State *L, struct sim_script *script, void *self)
{
    struct disk_options options;
    (void)script;
    read_disk_options(L, self, slow_options, SCRIPT_COUNT(slow_options), &options);
    options.optional = true; /* an idle disk is slow too */
    struct script_fault *fault = new_disk_fault(L, self, &options);
    fault->rule->delay_ns = options.latency_ns;
    script_fault_arm(L, fault, SIM_FAULT_DELAY);
    return 1;
}

static int disk_fill(lua_State *L, struct sim_script *script, void *self)
{
    struct disk_options options;
    read_disk_options(L, self, fill_options, SCRIPT_COUNT(fill_options), &options);
    uint32_t nodes = script_selected(script, &options.node);
    for (uint32_t node = 1; node <= script->world->node_count; node++) {
        if ((nodes & (1u << node)) != 0) {
            struct sim_disk *disk = &script->world->nodes[node]->disk;
            disk->quota = disk->used + (uint64_t)options.free_bytes;
            sim_world_count_fault(script->world);
        }
    }
    return 0;
}

static int disk_heal(lua_State *L, struct sim_script *script, void *self)
{
    const struct sim_node *one = self;
    script_check_end(L, 0);
    for (uint32_t node = 1; node <= script->world->node_count; node++) {
        if (one == NULL || one->id == node) {
            script->world->nodes[node]->disk.quota = UINT64_MAX;
        }
    }
    for (struct script_fault *fault = script->faults; fault != NULL; fault = fault->next) {
        if (fault->by_disk && fault->disk_node == (one == NULL ? 0 : one->id)) {
            sim_fault_rule_off(&script->world->faults, fault->rule);
        }
    }
    return 0;
}

static const struct script_function disk_methods[] = {
    {"fail", disk_fail, SCRIPT_CHANGES},
    {"slow", disk_slow, SCRIPT_CHANGES},
    {"fill", disk_fill, SCRIPT_CHANGES},
    {"heal", disk_heal, SCRIPT_CHANGES},
};
const struct script_class script_disk_class = {
    .name = "disk", .methods = disk_methods, .method_count = SCRIPT_COUNT(disk_methods)};
