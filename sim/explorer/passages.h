/* Passages: the instants of a base run, beside consultations of fault points, at which a sweep may
 * strike: operations and messages, and the ends of events. */
#ifndef SIM_EXPLORER_PASSAGES_H
#define SIM_EXPLORER_PASSAGES_H

#include "explorer.h"
#include "injectable.h"
#include <sim/world.h>

#define SIM_PASSAGE_SORTS 16u /* places and sides; TAIL: kinds of files, the last for the rest */

struct sim_passages {
    enum sim_sweep_mode mode; /* CRASH, STOP, TAIL or NETWORK */
    bool exhaustive;
    bool failed; /* out of memory */
    uint64_t seed;
    const struct sim_world *world;
    uint64_t possible; /* injections; images of one crash counted up to SIM_IMAGES_COUNTED */
    struct sim_injectables list;
    uint64_t changes[SIM_NODES_MAX];   /* of each disk, at its latest passage */
    uint64_t files[SIM_PASSAGE_SORTS]; /* TAIL: the kinds of files seen so far */
    uint32_t file_count;
    struct sim_passage_kind {
        uint64_t ordinal; /* passages of this node, role and sort so far */
        bool has_last;    /* the latest one has not been taken */
        struct sim_passage last;
    } kinds[SIM_NODES_MAX][RAFT_ROLE_COUNT][SIM_PASSAGE_SORTS];
};

#define SIM_IMAGES_COUNTED (UINT64_C(1) << 16)

void sim_passages_init(struct sim_passages *passages, enum sim_sweep_mode mode, bool exhaustive,
                       uint64_t seed);
void sim_passages_release(struct sim_passages *passages);
/* Makes it the watcher of a world. */
void sim_passages_attach(struct sim_passages *passages, struct sim_world *world);
/* After each step of the base run. */
void sim_passages_observe(struct sim_passages *passages, const struct sim_world *world);
/* Adds the injections to a list, in no order. False: out of memory, now or earlier. */
bool sim_passages_finish(struct sim_passages *passages, struct sim_injectables *list);

/* The images of a crash that decides about so many pieces: all of them, or a sample of at most
 * most, without repetition. Returns how many. */
uint32_t sim_images_choose(uint64_t seed, uint64_t number, uint32_t pieces, uint32_t most,
                           uint64_t *out_images);

#endif
