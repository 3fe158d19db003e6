/* Executions that an earlier campaign has finished, so that a sweep can go on where it was killed.
 */
#ifndef SIM_EXPLORER_DONE_H
#define SIM_EXPLORER_DONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sim_done {
    uint64_t *keys; /* sorted and without repetitions once they are sealed */
    size_t count;
    size_t capacity;
};

/* parameters and plan as they are recorded. False: out of memory. */
bool sim_done_add(struct sim_done *done, const char *scenario, const char *parameters,
                  uint64_t seed, const char *plan, bool has_failed);
/* No more will be added. */
void sim_done_seal(struct sim_done *done);
enum sim_done_state { SIM_DONE_NOT, SIM_DONE_PASSED, SIM_DONE_FAILED };
enum sim_done_state sim_done_find(const struct sim_done *done, const char *scenario,
                                  const char *parameters, uint64_t seed, const char *plan);
void sim_done_release(struct sim_done *done);

#endif
