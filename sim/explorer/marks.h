/* Marks: fingerprints of a base run, to which its branches are compared. */
#ifndef SIM_EXPLORER_MARKS_H
#define SIM_EXPLORER_MARKS_H

#include <sim/fingerprint.h>

#define SIM_MARKS_MAX 128u

struct sim_marks {
    struct arena_walk *walk;
    uint64_t stride; /* a mark each so many events */
    uint32_t count;
    struct sim_mark {
        uint64_t hash;
        uint64_t fingerprint;
    } items[SIM_MARKS_MAX];
    /* Of the branch that is compared. */
    uint64_t next;  /* no look before this event */
    uint64_t pause; /* events until the look after that, if it sees a difference */
};

void sim_marks_init(struct sim_marks *marks);
void sim_marks_release(struct sim_marks *marks);
/* After each event of the base run. */
void sim_marks_note(struct sim_marks *marks, struct sim_world *world);
/* A branch begins. */
void sim_marks_begin(struct sim_marks *marks);
/* After each event of a branch: whether it is the base run again. Then it would come to the same
 * end, if its shots can strike no more. */
bool sim_marks_agree(struct sim_marks *marks, struct sim_world *world);

#endif
