/* The ledger: every hold and drop of every entry, and every block, file and request of every node.
 *
 * Each live entry has a record with the open holds per holder (event and site of the last one) and
 * the path of the last sites. Rules:
 *  1. After each event the totals per holder equal what the node's view says it holds.
 *  2. No count falls below zero for its holder.
 *  3. When a node has stopped in good order, everything it owned is zero.
 *  4. No entry outlives its truncation by more than SIM_LEDGER_HELD_NS. */
#ifndef SIM_LEDGER_H
#define SIM_LEDGER_H

#include "record.h"
#include <raft/entry.h>

struct sim_world;
struct arena;

#define SIM_LEDGER_PATH 8u

struct sim_ledger_hold {
    uint32_t count;
    uint64_t event; /* of the last hold */
    const char *site;
};

struct sim_ledger_step {
    const char *site;
    uint64_t event;
    int8_t change; /* +1 hold, -1 drop */
    uint8_t holder;
};

struct sim_ledger_record {
    struct sim_ledger_record *next; /* all live records of a node */
    struct sim_ledger_record *previous;
    const struct raft_entry *entry;
    struct raft_entry_id id; /* last known */
    struct sim_ledger_hold holds[RAFT_HOLDER_COUNT];
    struct sim_ledger_step path[SIM_LEDGER_PATH]; /* ring */
    uint32_t steps;
};

/* Of one node's process; starts empty with each incarnation. */
struct sim_ledger {
    struct sim_world *world;
    uint32_t node;
    struct sim_ledger_record *records;
    struct sim_ledger_record *free; /* pool */
    uint64_t totals[RAFT_HOLDER_COUNT];
    uint64_t entries; /* live */
};

void sim_ledger_init(struct sim_ledger *ledger, struct sim_world *world, uint32_t node);
/* The process has died: its records are forgotten. */
void sim_ledger_forget(struct sim_ledger *ledger);
void sim_ledger_held(struct sim_ledger *ledger, struct raft_entry *entry, enum raft_holder holder,
                     const char *site);
void sim_ledger_dropped(struct sim_ledger *ledger, struct raft_entry *entry,
                        enum raft_holder holder, const char *site);
/* Rule 1, after an event of the node. O(1). */
void sim_ledger_check(struct sim_ledger *ledger);
/* Rule 3, when the node has been destroyed in good order: records every leak and reports one
 * finding if there is any. */
void sim_ledger_check_empty(struct sim_ledger *ledger);

#endif
