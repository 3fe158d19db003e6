/* The disk of a node, or all disks of the cluster, as a scenario breaks them.
 *
 * 1. n.disk:fail and n.disk:slow are fault rules at the points "disk.<operation>", armed at once.
 * 2. fill sets a quota a little above what is used; heal takes the quota back and switches off the
 *    rules that were made through the same object.
 * 3. self is the node, or NULL for c.disk, where every call names its nodes.
 * 4. bitrot, lose and misdirect damage what is durable: for good, whatever heals, until it is
 *    written again. remove takes a file of a node that is down, wipe and restore the whole
 *    store. */
#include "binding.h"

#include <assert.h>
#include <string.h>

#define STALL_NS     ((uint64_t)1 << 60) /* longer than any run */
#define ROT_BITS_MAX 1000000

static const char *const disk_operations[] = {"open",   "create",   "read",  "write",
                                              "sync",   "truncate", "close", "unlink",
                                              "rename", "sync_dir", "list"};

struct disk_options {
    const char *op;
    const char *errno_name;
    struct sim_selector node;
    struct sim_trigger trigger;
    uint64_t for_ns, latency_ns;
    int64_t free_bytes, bits, offset;
    const char *file;
    bool optional, heavy;
};

#define OPTION(name, kind, field, min, required)                                                   \
    {                                                                                              \
        name, kind, offsetof(struct disk_options, field), min, INT64_MAX, required                 \
    }

static const struct script_option fail_options[] = {
    OPTION("op", SCRIPT_STRING, op, 0, true),
    OPTION("errno", SCRIPT_STRING, errno_name, 0, false),
    SCRIPT_TRIGGER(struct disk_options, trigger),
    OPTION("for", SCRIPT_DURATION, for_ns, 0, false),
    OPTION("optional", SCRIPT_BOOLEAN, optional, 0, false),
    OPTION("node", SCRIPT_SELECTOR, node, 0, false),
};
static const struct script_option slow_options[] = {
    OPTION("latency", SCRIPT_DURATION, latency_ns, 0, true),
    OPTION("op", SCRIPT_STRING, op, 0, false),
    OPTION("p", SCRIPT_PROBABILITY, trigger.p, 0, false),
    OPTION("for", SCRIPT_DURATION, for_ns, 0, false),
    OPTION("heavy", SCRIPT_BOOLEAN, heavy, 0, false),
    OPTION("node", SCRIPT_SELECTOR, node, 0, false),
};
static const struct script_option stall_options[] = {
    OPTION("op", SCRIPT_STRING, op, 0, false),
    SCRIPT_TRIGGER(struct disk_options, trigger),
    OPTION("optional", SCRIPT_BOOLEAN, optional, 0, false),
    OPTION("node", SCRIPT_SELECTOR, node, 0, false),
};
static const struct script_option lie_options[] = {
    SCRIPT_TRIGGER(struct disk_options, trigger),
    OPTION("for", SCRIPT_DURATION, for_ns, 0, false),
    OPTION("optional", SCRIPT_BOOLEAN, optional, 0, false),
    OPTION("node", SCRIPT_SELECTOR, node, 0, false),
};
static const struct script_option rot_options[] = {
    OPTION("file", SCRIPT_STRING, file, 0, false),
    OPTION("offset", SCRIPT_INTEGER, offset, 0, false),
    OPTION("bits", SCRIPT_INTEGER, bits, 1, false),
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
    *options = (struct disk_options){.errno_name = "EIO", .bits = 1, .offset = -1, .file = ""};
    sim_trigger_init(&options->trigger);
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
    fault->rule->trigger = options->trigger;
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
    fault->rule->has_heavy_tail = options.heavy;
    script_fault_arm(L, fault, SIM_FAULT_DELAY);
    return 1;
}

/* Operations that are taken and not answered, until the disk is healed. */
static int disk_stall(lua_State *L, struct sim_script *script, void *self)
{
    struct disk_options options;
    (void)script;
    read_disk_options(L, self, stall_options, SCRIPT_COUNT(stall_options), &options);
    struct script_fault *fault = new_disk_fault(L, self, &options);
    fault->rule->delay_ns = STALL_NS;
    script_fault_arm(L, fault, SIM_FAULT_DELAY);
    return 1;
}

/* ---- damage ---- */

static int arm_lie(lua_State *L, void *self, enum sim_lie lie)
{
    struct disk_options options;
    read_disk_options(L, self, lie_options, SCRIPT_COUNT(lie_options), &options);
    options.op = "write";
    struct script_fault *fault = new_disk_fault(L, self, &options);
    fault->rule->lie = lie;
    script_fault_arm(L, fault, SIM_FAULT_LIE);
    return 1;
}

static int disk_lose(lua_State *L, struct sim_script *script, void *self)
{
    (void)script;
    return arm_lie(L, self, SIM_LIE_LOST);
}

static int disk_misdirect(lua_State *L, struct sim_script *script, void *self)
{
    (void)script;
    return arm_lie(L, self, SIM_LIE_MISDIRECTED);
}

struct name_list {
    lua_State *L;
    lua_Integer count;
};

static bool name_add(void *visitor, const char *name)
{
    struct name_list *list = visitor;
    lua_pushstring(list->L, name);
    list->count++;
    lua_rawseti(list->L, -2, list->count);
    return true;
}

/* The one node whose disk is meant. */
static struct sim_node *the_node(lua_State *L, void *self)
{
    if (self == NULL) {
        script_raise(L, "is for the disk of one node: n.disk, not c.disk");
    }
    return self;
}

static int disk_files(lua_State *L, struct sim_script *script, void *self)
{
    const struct sim_node *node = the_node(L, self);
    struct name_list list = {L, 0};
    (void)script;
    script_check_end(L, 0);
    lua_newtable(L);
    sim_disk_list_durable(&node->disk, name_add, &list);
    return 1;
}

static int disk_bitrot(lua_State *L, struct sim_script *script, void *self)
{
    struct disk_options options;
    read_disk_options(L, self, rot_options, SCRIPT_COUNT(rot_options), &options);
    if (options.offset >= 0 && (*options.file == 0 || options.bits > 8)) {
        script_raise(L, "'offset' names one byte of 'file': give 'file' too, and at most 8 'bits'");
    }
    uint32_t nodes = script_selected(script, &options.node);
    uint64_t offset = options.offset < 0 ? SIM_ROT_ANYWHERE : (uint64_t)options.offset;
    uint32_t bits = (uint32_t)(options.bits < ROT_BITS_MAX ? options.bits : ROT_BITS_MAX);
    for (uint32_t id = 1; id <= script->world->node_count; id++) {
        struct sim_node *node = script->world->nodes[id];
        if ((nodes >> id & 1u) != 0 && !sim_disk_rot(&node->disk, options.file, offset, bits)) {
            script_raise(L,
                         "n%u has no durable content '%s'%s to rot; n%u.disk:files() lists what "
                         "it has",
                         id, options.file, options.offset < 0 ? "" : " there", id);
        }
    }
    return 0;
}

static void check_down(lua_State *L, const struct sim_node *node)
{
    if (sim_node_is_up(node) && !node->world->faults.mute.active) {
        script_raise(L, "n%u is up: crash or stop it first, no process may run on the store",
                     node->id);
    }
}

/* A file of a node that is down is gone. */
static int disk_remove(lua_State *L, struct sim_script *script, void *self)
{
    struct sim_node *node = the_node(L, self);
    (void)script;
    script_check_end(L, 1);
    const char *name = luaL_checkstring(L, 1);
    check_down(L, node);
    if (sim_node_store_is_free(node) && !sim_disk_lose(&node->disk, name)) {
        script_raise(L, "n%u has no durable file '%s'; n%u.disk:files() lists what it has",
                     node->id, name, node->id);
    }
    return 0;
}

static int disk_wipe(lua_State *L, struct sim_script *script, void *self)
{
    struct sim_node *node = the_node(L, self);
    (void)script;
    script_check_end(L, 0);
    check_down(L, node);
    sim_node_wipe(node);
    return 0;
}

static const struct script_class copy_class = {.name = "copy"};

static int disk_copy(lua_State *L, struct sim_script *script, void *self)
{
    const struct sim_node *node = the_node(L, self);
    (void)script;
    script_check_end(L, 0);
    script_handle_push(L, &copy_class, sim_disk_copy(&node->disk));
    return 1;
}

static int disk_restore(lua_State *L, struct sim_script *script, void *self)
{
    struct sim_node *node = the_node(L, self);
    (void)script;
    script_check_end(L, 1);
    const struct script_handle *handle = script_handle_at(L, 1);
    if (handle == NULL || handle->class_ != &copy_class) {
        script_raise(L, "takes what n.disk:copy() gave, got %s", script_push_value(L, 1));
    }
    check_down(L, node);
    sim_node_restore(node, handle->object);
    return 0;
}

/* ---- space ---- */

static int disk_fill(lua_State *L, struct sim_script *script, void *self)
{
    struct disk_options options;
    read_disk_options(L, self, fill_options, SCRIPT_COUNT(fill_options), &options);
    uint32_t nodes = script_selected(script, &options.node);
    struct sim_watch *watch = script_watch_push(L, "a full disk");
    for (uint32_t node = 1; node <= script->world->node_count; node++) {
        if ((nodes & (1u << node)) != 0) {
            struct sim_disk *disk = &script->world->nodes[node]->disk;
            disk->quota = disk->used + (uint64_t)options.free_bytes;
            disk->quota_watch = watch;
        }
    }
    return 1;
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
    for (uint32_t node = 1; node <= script->world->node_count; node++) {
        if (one == NULL || one->id == node) {
            sim_disk_heal(&script->world->nodes[node]->disk);
        }
    }
    return 0;
}

static const struct script_function disk_methods[] = {
    {"fail", disk_fail, SCRIPT_CHANGES},
    {"slow", disk_slow, SCRIPT_CHANGES},
    {"stall", disk_stall, SCRIPT_CHANGES},
    {"lose", disk_lose, SCRIPT_CHANGES},
    {"misdirect", disk_misdirect, SCRIPT_CHANGES},
    {"bitrot", disk_bitrot, SCRIPT_CHANGES},
    {"files", disk_files, 0},
    {"remove", disk_remove, SCRIPT_CHANGES},
    {"wipe", disk_wipe, SCRIPT_CHANGES},
    {"copy", disk_copy, SCRIPT_CHANGES},
    {"restore", disk_restore, SCRIPT_CHANGES},
    {"fill", disk_fill, SCRIPT_CHANGES},
    {"heal", disk_heal, SCRIPT_CHANGES},
};
const struct script_class script_disk_class = {
    .name = "disk", .methods = disk_methods, .method_count = SCRIPT_COUNT(disk_methods)};
