/* Plans: the faults of an execution beside those of its script, as text.
 *
 *     log.append.write#3=eio          the third consultation of that point fails
 *     log.append.write#3=eio!         and every later one on that node
 *     io.submit#12=crash_before:0x5   the node dies before it hands over the 12th operation, and
 *     io.done#12=crash_after:0x0      of what is not durable the pieces of these bits are left
 *     io.done#12=crash_after:cut@37   all is left, but the last write ends before its byte 37; also
 *                                     zero@37 (zeros from there on) and flip@37 (a bit of it)
 *     message#8=drop                  a message is lost; also duplicate:NS, delay:NS, and a crash
 *     event#400=stop:2                node 2 is asked to stop behind that event
 *     PLAN;PLAN                       a pair: the second is of a fault point */
#ifndef SIM_EXPLORER_PLAN_H
#define SIM_EXPLORER_PLAN_H

#include <sim/fault.h>

struct sim_plan {
    struct sim_shot first;  /* occurrence 0: no fault */
    struct sim_shot second; /* of a pair */
};

/* Reads a plan; "" gives one without a fault. False with a message in error: no such place or
 * outcome, or one that the point does not declare. */
bool sim_plan_parse(const struct sut_ops *sut, const char *text, struct sim_plan *out_plan,
                    char *error, size_t error_size);
void sim_plan_print(const struct sut_ops *sut, const struct sim_plan *plan, char *text,
                    size_t text_size);
/* Arms a world that has not come to the first fault yet. */
void sim_plan_arm(const struct sim_plan *plan, struct sim_faults *faults);

#endif
