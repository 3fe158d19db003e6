/* What came of faults, by comparison with the run without them. */
#ifndef SIM_EXPLORER_EFFICACY_H
#define SIM_EXPLORER_EFFICACY_H

#include "runner.h"

/* What a run came to, as far as runs are compared. */
struct sim_ending {
    uint64_t trace;
    uint64_t state;
    uint64_t refusals;
    bool has_finding;
};
/* Of a world that is over. */
void sim_ending_read(const struct sim_world *world, struct sim_ending *out_ending);
enum sim_efficacy sim_ending_compare(const struct sim_ending *with,
                                     const struct sim_ending *without);

/* Says in the rows what came of their plan; of a pair, of both together. Only what strikes a fault
 * point has a row. */
void sim_efficacy_of_plan(struct sim_rows *rows, const struct sut_ops *sut,
                          const struct sim_plan *plan, enum sim_efficacy efficacy);
/* Makes the twins of the run in the rows, which had this ending. The world of the run is gone
 * afterwards. */
void sim_efficacy_of_run(struct sim_runner *runner, const struct sim_task *task, uint64_t seed,
                         const struct sim_plan *plan, const struct sim_ending *ending);

#endif
