/* Plans: an injection as text, "log.append.write#3=eio", with "!" at the end if it persists. */
#ifndef SIM_EXPLORER_PLAN_H
#define SIM_EXPLORER_PLAN_H

#include <sim/fault.h>

/* Reads a plan; "" gives a shot that is not armed. False with a message in error: no such point or
 * outcome, or one that the point does not declare. */
bool sim_plan_parse(const struct sut_ops *sut, const char *text, struct sim_shot *out_shot,
                    char *error, size_t error_size);
void sim_plan_print(const struct sut_ops *sut, const struct sim_shot *shot, char *text,
                    size_t text_size);

#endif
