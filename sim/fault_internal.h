/* What fault.c and injection.c share. */
#ifndef SIM_FAULT_INTERNAL_H
#define SIM_FAULT_INTERNAL_H

#include "fault.h"

/* Counts what came of a consultation, in the context of the node that made it. */
void sim_fault_count(struct sim_faults *faults, uint32_t node, uint32_t point, uint32_t counted);
/* A fault fires at a point: it is counted, has its row, and whoever listens hears of it. */
void sim_fault_note(struct sim_faults *faults, uint32_t node, uint32_t point, uint32_t counted,
                    bool persistent);
/* Whether this run is the twin without this fault. */
bool sim_fault_is_muted(const struct sim_faults *faults, uint32_t node, uint32_t point,
                        uint32_t counted, bool persistent);

#endif
