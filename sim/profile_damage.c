/* Damage to what is durable, as a profile does it: to the nodes that its atlas allows, for a whole
 * run. Each thing in a store is there twice, and a store survives that one of the two goes, and
 * that both go if it can tell so: a disk that is damaged is let alone until it is whole again, and
 * its node has got back what was lost. */
#include "profile_internal.h"

#include <stdio.h>
#include <string.h>

#define ROT_BITS_MAX 64u
#define IDS          "ids-" /* of a segment "log-…" of the same number */

/* Files of a store whose names begin alike, and one of them. */
struct files {
    const char *prefix;
    uint64_t count;  /* of them */
    uint64_t chosen; /* the number of the one that is looked for */
    char name[RAFT_FILE_NAME_MAX];
};

static bool visit_name(void *visitor, const char *name)
{
    struct files *files = visitor;
    if (strncmp(name, files->prefix, strlen(files->prefix)) == 0 &&
        files->count++ == files->chosen) {
        snprintf(files->name, sizeof files->name, "%s", name);
    }
    return true;
}

/* Whether there is nothing that the disk has lost, and nothing that the node has yet to get back.
 */
static bool is_sound(const struct sim_node *node)
{
    return !sim_disk_is_damaged(&node->disk) && (!node->was_damaged || node->is_whole);
}

/* Chooses one of the files that begin like this, but for the last `spared`; false: there is none.
 */
static bool choose_file(const struct sim_disk *disk, struct sim_stream *stream, const char *prefix,
                        uint64_t spared, struct files *files)
{
    *files = (struct files){.prefix = prefix, .chosen = UINT64_MAX};
    sim_disk_list_durable(disk, visit_name, files);
    if (files->count <= spared) {
        return false;
    }
    *files =
        (struct files){.prefix = prefix, .chosen = sim_draw_below(stream, files->count - spared)};
    sim_disk_list_durable(disk, visit_name, files);
    return true;
}

/* A kind of file is as likely as another, however many there are of it: a segment or its
 * identities, a segment with its identities, a snapshot, any. The last segment never goes with its
 * identities: nobody could tell that there was more behind the log. */
static void lose_file(struct sim_node *node, struct sim_stream *stream)
{
    enum { PART, SEGMENT, SNAPSHOT, ANY, KINDS };
    static const char *const prefixes[KINDS] = {"log-", "log-", "snapshot-", ""};
    struct sim_disk *disk = &node->disk;
    uint64_t kind = sim_draw_below(stream, KINDS);
    bool is_of_identities = sim_draw_below(stream, 2) == 0;
    struct files files;
    const char *prefix = kind == PART && is_of_identities ? IDS : prefixes[kind];
    if (!is_sound(node) || !sim_node_store_is_free(node) ||
        !choose_file(disk, stream, prefix, kind == SEGMENT, &files)) {
        return;
    }
    sim_world_transcribe(node->world, "    n%u loses %s%s", node->id, files.name,
                         kind == SEGMENT ? " and its identities" : "");
    if (kind == SEGMENT) {
        char twin[sizeof files.name + sizeof IDS];
        snprintf(twin, sizeof twin, IDS "%s", files.name + strlen(prefix));
        (void)sim_disk_lose(disk, twin);
    }
    (void)sim_disk_lose(disk, files.name);
}

void sim_damage_take(struct sim_profile *profile, struct profile_episode *episode)
{
    uint32_t id = sim_atlas_pick_damaged(profile, &episode->stream);
    if (id != 0) {
        struct sim_node *node = profile->world->nodes[id];
        sim_node_crash(node, SIM_UNSYNCED_LOSE);
        uint64_t how = sim_draw_below(&episode->stream, 8);
        if (how == 0) {
            sim_node_wipe(node);
        } else if (how == 1) {
            sim_node_retire(node);
        } else {
            lose_file(node, &episode->stream);
        }
    }
}

/* The machine gets another disk, with a copy of its store; now and then of somebody else's. */
void sim_damage_restore(struct sim_profile *profile, struct profile_episode *episode)
{
    const struct sim_world *world = profile->world;
    uint32_t id = sim_atlas_pick_damaged(profile, &episode->stream);
    uint64_t other = 1 + sim_draw_below(&episode->stream, world->node_count);
    bool is_own = sim_draw_below(&episode->stream, 2) == 0;
    if (id != 0) {
        struct sim_node *node = world->nodes[id];
        sim_node_crash(node, SIM_UNSYNCED_LOSE);
        const struct sim_disk *disk = &world->nodes[other]->disk;
        /* What others have of its store is older than its promises. */
        if (is_own || disk->owner == id) {
            disk = &node->disk;
        }
        struct sim_disk_copy *copy = sim_disk_copy(disk);
        sim_node_restore(node, copy);
        sim_disk_copy_free(world->arena, copy);
    }
}

void sim_damage_rot(struct sim_profile *profile, struct profile_episode *episode)
{
    uint32_t id = sim_atlas_pick_damaged(profile, &episode->stream);
    uint64_t bits = sim_draw_between(&episode->stream, 1, ROT_BITS_MAX);
    if (id != 0 && is_sound(profile->world->nodes[id])) {
        (void)sim_disk_rot(&profile->world->nodes[id]->disk, "", SIM_ROT_ANYWHERE, (uint32_t)bits);
    }
}
