/* A witness is a voter without data.
 *
 * What a node is it is for good, from the options that it was created with: whoever looks at its
 * log, its disk and its state machine must find no payload at a witness, and nothing but whole
 * entries at everybody else.
 *
 * Invariants:
 *  1. An elided entry is one that stands for a command and has no payload; configurations and empty
 *     entries are whole everywhere. */
#include "oracle_internal.h"

#include <assert.h>
#include <inttypes.h>

static bool is_witness(const struct sim_oracles *oracles, uint32_t node)
{
    assert(node > 0 && node < SIM_NODES_MAX);
    return raft_options_is_witness(&oracles->world->nodes[node]->options);
}

void sim_oracle_witness_entry(struct sim_oracles *oracles, uint32_t node,
                              const struct sut_entry *entry, const char *where)
{
    bool must_be_empty = is_witness(oracles, node);
    bool is_empty = entry->kind == RAFT_ENTRY_ELIDED;
    oracles->checks[SIM_ORACLE_WITNESS]++;
    if (must_be_empty ? entry->kind == RAFT_ENTRY_COMMAND || (is_empty && entry->size > 0)
                      : is_empty) {
        sim_oracle_broken(oracles, SIM_ORACLE_WITNESS, node,
                          "%s: node %u, %s: (term %" PRIu64 ", index %" PRIu64 "), %" PRIu32
                          " bytes",
                          must_be_empty ? "a witness has a payload"
                                        : "a full member has an entry without its payload",
                          node, where, entry->id.term, entry->id.index, entry->size);
    }
}

void sim_oracle_witness_state(struct sim_oracles *oracles, uint32_t node, uint64_t state_size,
                              const char *where)
{
    if (!is_witness(oracles, node)) {
        return;
    }
    oracles->checks[SIM_ORACLE_WITNESS]++;
    if (state_size > 0) {
        sim_oracle_broken(oracles, SIM_ORACLE_WITNESS, node,
                          "a witness has a state: node %u, %s: %" PRIu64 " bytes or more", node,
                          where, state_size);
    }
}
