/* Whether nodes answer: each command, each read and each change, by itself.
 *
 * Terms. A request is *due* some units of time after it was taken, or when all nodes must agree
 * after the heal, if that is later (liveness.c).
 *
 *  1. In the liveness phase no request is open for longer, unless what is left is no majority. That
 *     the cluster agrees in the end, and takes one write more, says nothing of the others. */
#include "oracle_internal.h"

#include <inttypes.h>

/* Returns false if the request is late. */
static bool is_in_time(struct sim_oracles *oracles, const struct oracle_request *request)
{
    struct sim_world *world = oracles->world;
    oracles->checks[SIM_ORACLE_PROGRESS]++;
    if (world->scheduler.now_ns <= sim_liveness_due_ns(world, request->since_ns)) {
        return true;
    }
    if (sim_world_is_beyond_budget(world)) {
        sim_oracle_waive(oracles, SIM_WAIVER_UNAVAILABLE);
        return true;
    }
    sim_oracle_broken(oracles, SIM_ORACLE_PROGRESS, request->node,
                      "%s is not answered: node %u took it %" PRIu64 " ms ago",
                      sim_oracle_request_kind(request->number), request->node,
                      (world->scheduler.now_ns - request->since_ns) / 1000000);
    return false;
}

void sim_oracle_prompt_check(struct sim_oracles *oracles)
{
    for (uint32_t id = 1; id <= oracles->world->node_count; id++) {
        uint32_t slot = oracles->nodes[id].requests;
        while (slot != 0 && is_in_time(oracles, &oracles->requests[slot])) {
            slot = oracles->requests[slot].next;
        }
    }
}
