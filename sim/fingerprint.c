/* The fingerprint: the digest of everything in the arena that can be reached from the world, but
 * for what is listed here and does not decide what comes.
 *
 * What is left out:
 *  1. what only counts, and what only a report reads: injections, fired faults, reached contexts,
 *     probes, checks of oracles, the last early return. How often points were passed (which also
 *     says where a gate stops, but that follows from the rules) and what has happened how often a
 *     script can ask: sim_world.told_apart says when;
 *  2. shots: whoever compares worlds sees to it that they can strike no more. That one has struck
 *     makes a script wait less: sim_world.told_apart says when that would have mattered;
 *  3. what only excuses: the harm that was done to a process, which of it an oracle has seen, and
 *     since when a node is steady. With less of an excuse the same steps have passed;
 *  4. what a script's state keeps by addresses of this process, which are others in the next one;
 *  5. who looks on: of a base run the instants are watched, of a branch they are not;
 *  6. the quarantine of a node's memory, as long as nobody has written into it: that would come out
 *     when it is emptied.
 *
 * Invariants:
 *  1. A field that nobody has listed is part of the fingerprint. */
#include "fingerprint.h"

#include "node_internal.h"

#include <assert.h>

#define SPANS_OF_A_NODE 5u
#define SPANS_MAX       (9u + SIM_NODES_MAX * SPANS_OF_A_NODE)

struct spans {
    struct arena_span items[SPANS_MAX];
    size_t count;
};

/* Keeps the order of addresses. Of size 0: there is nothing to leave out. */
static void leave_out(struct spans *spans, const void *at, size_t size)
{
    if (size == 0) {
        return;
    }
    assert(spans->count < SPANS_MAX);
    size_t place = spans->count++;
    while (place > 0 && spans->items[place - 1].at > at) {
        spans->items[place] = spans->items[place - 1];
        place--;
    }
    spans->items[place] = (struct arena_span){at, size};
}

static void faults_leave_out(struct spans *spans, const struct sim_faults *faults)
{
    const uint8_t *passed = (const uint8_t *)&faults->gates;
    const uint8_t *shots = (const uint8_t *)&faults->shot;
    const uint8_t *counts = (const uint8_t *)&faults->injections;
    leave_out(spans, passed, (size_t)((const uint8_t *)&faults->rules_of - passed));
    leave_out(spans, shots, (size_t)((const uint8_t *)&faults->mute - shots));
    leave_out(spans, counts, (size_t)((const uint8_t *)(faults + 1) - counts));
}

static void node_leave_out(struct spans *spans, const struct sim_node *node)
{
    leave_out(spans, node->harmed, sizeof node->harmed);
    leave_out(spans, &node->unsteady_ns, sizeof node->unsteady_ns);
    leave_out(spans, &node->quarantine,
              sizeof node->quarantine + sizeof node->quarantine_end +
                  sizeof node->quarantine_bytes);
    leave_out(spans, &node->exit, sizeof node->exit);
}

uint64_t sim_fingerprint(struct sim_world *world, struct arena_walk *walk)
{
    struct spans spans = {.count = 0};
    sim_scheduler_settle(&world->scheduler);
    faults_leave_out(&spans, &world->faults);
    leave_out(&spans, world->probes.hits, sizeof world->probes.hits);
    const uint8_t *onlookers = (const uint8_t *)&world->transcript;
    leave_out(&spans, onlookers, (size_t)((const uint8_t *)(world + 1) - onlookers));
    struct arena_span checks = sim_oracle_counters(world->oracles);
    leave_out(&spans, checks.at, checks.size);
    if (world->script != NULL) {
        struct arena_span heard = sim_script_counters(world->script);
        leave_out(&spans, heard.at, heard.size);
        struct arena_span cache = sim_script_cache(world->script);
        leave_out(&spans, cache.at, cache.size);
    }
    for (uint32_t id = 1; id <= world->node_count; id++) {
        node_leave_out(&spans, world->nodes[id]);
        struct arena_span harms = sim_oracle_harms(world->oracles, id);
        leave_out(&spans, harms.at, harms.size);
    }
    uint64_t digest = arena_digest(world->arena, world, spans.items, spans.count, walk);
    for (uint32_t id = 1; id <= world->node_count; id++) {
        if (!sim_node_memory_is_intact(world->nodes[id])) {
            digest = sim_mix(digest, id, 1);
        }
    }
    return digest;
}
