/* The names of what a run leaves behind; record.h has the rows themselves. */
#include "record.h"

#include <assert.h>
#include <stddef.h>

const char *sim_outcome_string(enum sim_outcome outcome)
{
    switch (outcome) {
    case SIM_OUTCOME_OK:
        return "ok";
    case SIM_OUTCOME_FINDING:
        return "finding";
    case SIM_OUTCOME_ERROR:
        return "error";
    case SIM_OUTCOME_UNAVAILABLE:
        return "unavailable-by-budget";
    case SIM_OUTCOME_SKIPPED:
        return "skipped";
    case SIM_OUTCOME_XFAIL:
        return "xfail";
    case SIM_OUTCOME_DIVERGED:
        return "diverged";
    case SIM_OUTCOME_COUNT:
        break;
    }
    assert(!"not an outcome");
    return NULL;
}
