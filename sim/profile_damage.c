/* Damage to what is durable, as a profile does it: to the nodes that its atlas allows, for a whole
 * run. Each thing in a store is there twice, and a store survives that one of the two goes: a disk
 * that is damaged is let alone until it is whole again, and its node has got back what was lost. */
#include "profile_internal.h"

#include <stdio.h>

#define ROT_BITS_MAX 64u

static bool count_name(void *visitor, const char *name)
{
    (void)name;
    (*(uint64_t *)visitor)++;
    return true;
}

struct name_choice {
    uint64_t left;
    char name[RAFT_FILE_NAME_MAX];
};

static bool choose_name(void *visitor, const char *name)
{
    struct name_choice *choice = visitor;
    snprintf(choice->name, sizeof choice->name, "%s", name);
    return choice->left-- > 0;
}

/* Whether there is nothing that the disk has lost, and nothing that the node has yet to get back.
 */
static bool is_sound(const struct sim_node *node)
{
    return !sim_disk_is_damaged(&node->disk) && (!node->was_damaged || node->is_whole);
}

/* A file of a store that is whole otherwise. */
static void lose_file(struct sim_node *node, struct sim_stream *stream)
{
    uint64_t count = 0;
    struct name_choice choice = {0};
    sim_disk_list_durable(&node->disk, count_name, &count);
    choice.left = sim_draw_below(stream, count);
    if (count > 0 && is_sound(node) && sim_node_store_is_free(node)) {
        sim_disk_list_durable(&node->disk, choose_name, &choice);
        (void)sim_disk_lose(&node->disk, choice.name);
    }
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
        sim_node_restore(node, sim_disk_copy(disk));
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
