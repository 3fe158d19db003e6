/* Damage to what is durable, as a profile does it: to the nodes that its atlas allows, for a whole
 * run. Each thing in a store is there twice, and a store survives that one of the two goes: a disk
 * that is damaged is let alone until it is whole again. */
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

/* A file of a store that is whole otherwise. */
static void lose_file(struct sim_disk *disk, struct sim_stream *stream)
{
    uint64_t count = 0;
    struct name_choice choice = {0};
    sim_disk_list_durable(disk, count_name, &count);
    choice.left = sim_draw_below(stream, count);
    if (count > 0 && !sim_disk_is_damaged(disk)) {
        sim_disk_list_durable(disk, choose_name, &choice);
        (void)sim_disk_lose(disk, choice.name);
    }
}

void sim_damage_take(struct sim_profile *profile, struct profile_episode *episode)
{
    uint32_t id = sim_atlas_pick_damaged(profile, &episode->stream);
    if (id != 0) {
        struct sim_node *node = profile->world->nodes[id];
        sim_node_crash(node, SIM_UNSYNCED_LOSE);
        if (sim_draw_below(&episode->stream, 4) == 0) {
            sim_node_wipe(node);
        } else {
            lose_file(&node->disk, &episode->stream);
        }
    }
}

void sim_damage_rot(struct sim_profile *profile, struct profile_episode *episode)
{
    uint32_t id = sim_atlas_pick_damaged(profile, &episode->stream);
    uint64_t bits = sim_draw_between(&episode->stream, 1, ROT_BITS_MAX);
    if (id != 0 && !sim_disk_is_damaged(&profile->world->nodes[id]->disk)) {
        (void)sim_disk_rot(&profile->world->nodes[id]->disk, "", SIM_ROT_ANYWHERE, (uint32_t)bits);
    }
}
