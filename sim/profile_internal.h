/* A profile's run, shared by profile*.c. */
#ifndef SIM_PROFILE_INTERNAL_H
#define SIM_PROFILE_INTERNAL_H

#include "profile.h"
#include "world.h"

#define PROFILE_RULES_MAX 32u
#define PROFILE_LIES      2u

/* What a class does now and then. */
struct profile_episode {
    bool active;
    uint64_t next_ns;  /* when it begins, unless it is active */
    uint64_t until_ns; /* when it ends, if it is */
    uint32_t node;
    struct sim_link_rule *link;
    struct sim_rule *rule;
    struct sim_stream stream;
};

/* Of a link; rule NULL: none. */
struct profile_clog {
    struct sim_link_rule *rule;
    uint64_t until_ns;
};

struct sim_profile {
    struct sim_world *world;
    struct sim_draw draw;
    char text[SIM_TEXT_MAX];
    struct sim_source source;
    struct sim_stream pace;                      /* of the agenda */
    struct sim_stream atlas;                     /* who may be hurt */
    struct sim_stream down;                      /* for how long */
    struct sim_stream roam;                      /* of the clients */
    struct sim_stream replace;                   /* when a lost machine is replaced */
    uint64_t replace_ns;                         /* 0: nobody has to be */
    const struct sim_member_change *replacement; /* under way, or NULL */
    bool begun;
    uint64_t end_ns;                             /* at the latest */
    raft_index snapshot;                         /* the newest of any node */
    uint64_t snapshots;                          /* so many newer ones were seen */
    uint32_t victims;                            /* bit per node id */
    uint32_t damageable;                         /* likewise; 0: what is durable stays whole */
    int64_t drift_ppm[SIM_NODES_MAX];            /* of each clock, when nothing else is wrong */
    uint64_t revive_ns[SIM_NODES_MAX];           /* 0: the node is up, or has just gone */
    struct sim_rule *hurting[PROFILE_RULES_MAX]; /* rules that hurt victims only */
    uint32_t hurting_count;
    struct sim_rule *lying[PROFILE_LIES]; /* rules of damageable disks, or NULL */
    struct profile_episode episodes[SIM_CLASS_COUNT];
    struct profile_clog clogs[SIM_NODES_MAX][SIM_NODES_MAX]; /* from, to */
    uint64_t clog_ns;                                        /* the next one; 0: the run begins */
};

/* Rules that hold for the whole run; and when each class has its first episode. */
void sim_agenda_begin(struct sim_profile *profile);
/* Does what is due: restarts, another choice of victims, episodes that end or begin. */
void sim_agenda_tick(struct sim_profile *profile);

/* profile_links.c */
/* One rule for all that happens to single messages. */
void sim_links_shape(struct sim_profile *profile);
/* Each makes the rule of an episode: the cluster falls into parts; a node hears nobody, or nobody
 * hears it, or only one other; messages of one type do not come, of one node to another, of one, to
 * one, or of everybody to everybody. */
void sim_links_partition(struct sim_profile *profile, struct profile_episode *episode);
void sim_links_cut(struct sim_profile *profile, struct profile_episode *episode);
void sim_links_filter(struct sim_profile *profile, struct profile_episode *episode);
/* From now on a node hears nobody; an episode of cuts, of which none may be active. */
void sim_links_deafen(struct sim_profile *profile, uint32_t node);
/* Ends a rule that holds: what it has arrives now, or is lost. */
void sim_links_let_go(struct sim_profile *profile, struct sim_link_rule *rule,
                      struct sim_stream *stream);
/* Ends and begins the clogs that are due. */
void sim_links_clog(struct sim_profile *profile);

/* profile_members.c */
/* Begins a change of the members, if one is possible now. */
void sim_members_change(struct sim_profile *profile, struct sim_stream *stream);
/* Who has lost its store can never be itself again: in time a new machine takes its place. */
void sim_members_replace(struct sim_profile *profile);
/* Who else is in the cluster from the beginning, as what. */
void sim_members_options(const struct sim_draw *draw, uint64_t seed,
                         struct sim_cluster_options *options);

/* profile_damage.c: durable bits of one node flip; its store, or a file of it, is gone. */
void sim_damage_rot(struct sim_profile *profile, struct profile_episode *episode);
void sim_damage_take(struct sim_profile *profile, struct profile_episode *episode);
void sim_damage_restore(struct sim_profile *profile, struct profile_episode *episode);

/* profile_atlas.c: who may be hurt. */
/* Makes these nodes the victims, of the rules that hurt as well. */
void sim_atlas_set(struct sim_profile *profile, uint32_t victims);
/* Chooses whose disks may be damaged, for good, if any class does that: a minority, or everybody in
 * an unrestricted run. Nobody in a cluster without a minority. */
void sim_atlas_damage(struct sim_profile *profile);
/* Whether the members must stay as they are, since the atlas has counted them. */
bool sim_atlas_fixes_members(const struct sim_profile *profile);
/* A new machine has taken the place of an old one, a bit each. */
void sim_atlas_replaced(struct sim_profile *profile, uint32_t old, uint32_t fresh);
/* One of them, in any state; 0: there is none. */
uint32_t sim_atlas_pick_damaged(struct sim_profile *profile, struct sim_stream *stream);
/* Makes a random minority the victims, in every second case with the leader. */
void sim_atlas_choose(struct sim_profile *profile);
/* Now and then makes others the victims, if nobody is hurt. */
void sim_atlas_rotate(struct sim_profile *profile);
/* Starts again who has been down for long enough. */
void sim_atlas_revive(struct sim_profile *profile);
/* A victim that is up, in every second case the leader if it is one; 0: there is none. */
uint32_t sim_atlas_pick(struct sim_profile *profile, struct sim_stream *stream);
/* Any node, up or not, in every second case the leader. */
uint32_t sim_atlas_pick_any(struct sim_profile *profile, struct sim_stream *stream);

#endif
