/* Triggers: "when" of a rule, for network rules and fault rules alike.
 *
 * Invariants: fired <= matches; a match after until_ns is not counted; a stream is drawn from only
 * when everything else lets the rule fire and p is set, so that adding a bound moves no draw before
 * it. */
#include "network.h"

#include <assert.h>

void sim_trigger_init(struct sim_trigger *trigger)
{
    *trigger = (struct sim_trigger){.p = UINT64_MAX, .until_ns = UINT64_MAX};
}

bool sim_trigger_fires(struct sim_trigger *trigger, uint64_t now_ns, struct sim_stream *stream)
{
    assert(trigger->fired <= trigger->matches);
    if (now_ns >= trigger->until_ns) {
        return false;
    }
    trigger->matches++;
    if (trigger->nth != 0 && trigger->matches != trigger->nth) {
        return false;
    }
    if (trigger->matches < trigger->from_nth) {
        return false;
    }
    if (trigger->every != 0 && trigger->matches % trigger->every != 0) {
        return false;
    }
    if (trigger->times != 0 && trigger->fired >= trigger->times) {
        return false;
    }
    if (trigger->p != UINT64_MAX) {
        assert(stream != NULL);
        if (!sim_draw_chance(stream, trigger->p)) {
            return false;
        }
    }
    trigger->fired++;
    return true;
}
