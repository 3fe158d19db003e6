/* Whether nodes answer: each request and each read, by itself.
 *
 * Terms. An operation *waits* from when a node has taken it until the node completes it, whatever
 * the answer is; the end of the process ends its waiting. It is *due* some units of time after it
 * was taken, or when all nodes must agree after the heal, if that is later (liveness.c).
 *
 *  1. In the liveness phase no operation waits for longer, unless what is left is no majority. That
 *     the cluster agrees in the end, and takes one write more, says nothing of the others. */
#include "oracle_internal.h"

#include <assert.h>
#include <inttypes.h>

void sim_oracle_waits(struct sim_oracles *oracles, uint32_t node, uint64_t request)
{
    struct oracle_node *state = &oracles->nodes[node];
    assert(node > 0 && node < SIM_NODES_MAX && request != 0);
    state->waiting = sim_oracle_room(oracles, state->waiting, &state->waiting_capacity,
                                     (size_t)state->waiting_count + 1, sizeof state->waiting[0]);
    state->waiting[state->waiting_count++] =
        (struct oracle_waiting){request, oracles->world->scheduler.now_ns};
}

void sim_oracle_answered(struct sim_oracles *oracles, uint32_t node, uint64_t request)
{
    struct oracle_node *state = &oracles->nodes[node];
    assert(node > 0 && node < SIM_NODES_MAX);
    for (uint32_t i = state->waiting_count; i > 0; i--) {
        if (state->waiting[i - 1].request == request) {
            state->waiting[i - 1] = state->waiting[--state->waiting_count];
            return;
        }
    }
}

void sim_oracle_prompt_check(struct sim_oracles *oracles)
{
    struct sim_world *world = oracles->world;
    for (uint32_t id = 1; id <= world->node_count; id++) {
        const struct oracle_node *state = &oracles->nodes[id];
        for (uint32_t i = 0; i < state->waiting_count; i++) {
            const struct oracle_waiting *waiting = &state->waiting[i];
            oracles->checks[SIM_ORACLE_PROGRESS]++;
            if (world->scheduler.now_ns > sim_liveness_due_ns(world, waiting->since_ns) &&
                !sim_world_is_beyond_budget(world)) {
                bool is_read = (waiting->request & SIM_REQUEST_READ) != 0;
                sim_oracle_broken(oracles, SIM_ORACLE_PROGRESS, id,
                                  "%s is not answered: node %u took it %" PRIu64 " ms ago",
                                  is_read ? "a read" : "a request", id,
                                  (world->scheduler.now_ns - waiting->since_ns) / 1000000);
                return;
            }
        }
    }
}
