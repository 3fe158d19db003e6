/* Candidates: the consultations of fault points in a base run that a sweep may fail. */
#ifndef SIM_EXPLORER_CANDIDATES_H
#define SIM_EXPLORER_CANDIDATES_H

#include "injectable.h"
#include <sim/world.h>

/* A consultation, and the event that makes it. */
struct sim_candidate {
    uint32_t point;
    uint64_t occurrence;
    uint64_t event;
};

struct sim_candidates {
    const struct sut_ops *sut;
    const char *pattern; /* of the points; NULL: those of the implementation */
    uint32_t kinds;      /* of the points: bits of enum raft_point_kind */
    bool exhaustive;
    struct sim_candidate *items;
    size_t count;
    size_t capacity;
    uint64_t possible; /* injections: consultations times outcomes, once and for good */
    struct {
        uint64_t hits;                /* seen so far */
        uint64_t ordinals[2];         /* consultations in scope: of RUN, of STOP */
        struct sim_candidate last[2]; /* the latest of each */
        uint64_t taken[2];            /* occurrence of the candidate taken last */
        /* Consultations so far by context, and whether one of them was in scope. */
        uint32_t reached[RAFT_ROLE_COUNT][SIM_LIFE_COUNT];
        bool has_context[RAFT_ROLE_COUNT][SIM_LIFE_COUNT];
    } points[SIM_POINTS_MAX];
};

void sim_candidates_init(struct sim_candidates *candidates, const struct sut_ops *sut,
                         const char *pattern, bool exhaustive);
void sim_candidates_release(struct sim_candidates *candidates);
/* After each step of the base run. False: out of memory. */
bool sim_candidates_observe(struct sim_candidates *candidates, const struct sim_world *world);
/* Adds the injections to a list, in no order. False: out of memory. */
bool sim_candidates_finish(struct sim_candidates *candidates, struct sim_injectables *list);
/* Whether the nth consultation is one that a sweep takes without being exhaustive. */
bool sim_ordinal_is_selected(uint64_t ordinal);

#endif
