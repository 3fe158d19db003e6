/* A profile's run, shared by profile.c and profile_agenda.c. */
#ifndef SIM_PROFILE_INTERNAL_H
#define SIM_PROFILE_INTERNAL_H

#include "profile.h"
#include "world.h"

#define PROFILE_RULES_MAX 32u

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

struct sim_profile {
    struct sim_world *world;
    struct sim_draw draw;
    char text[SIM_TEXT_MAX];
    struct sim_source source;
    struct sim_stream pace;  /* of the agenda */
    struct sim_stream atlas; /* who may be hurt */
    struct sim_stream down;  /* for how long */
    struct sim_stream roam;  /* of the clients */
    bool begun;
    uint64_t end_ns;
    uint32_t victims;                            /* bit per node id */
    uint64_t revive_ns[SIM_NODES_MAX];           /* 0: the node is up, or has just gone */
    struct sim_rule *hurting[PROFILE_RULES_MAX]; /* rules that hurt victims only */
    uint32_t hurting_count;
    struct profile_episode episodes[SIM_CLASS_COUNT];
};

/* Rules that hold for the whole run; and when each class has its first episode. */
void sim_agenda_begin(struct sim_profile *profile);
/* Does what is due: restarts, another choice of victims, episodes that end or begin. */
void sim_agenda_tick(struct sim_profile *profile);

#endif
