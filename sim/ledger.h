/* The ledger: every hold and drop of every entry of every node.
 *
 * Each live entry has a record with the open holds per holder (event and site of the last one) and
 * the path of the last sites. Rules:
 *  1. After each event the totals per holder equal what the node's view says it holds; what is held
 *     only within an event (replication, message, loading) is zero.
 *  2. No count falls below zero for its holder.
 *  3. When a node has stopped in good order, everything it owned is zero.
 *  4. No entry outlives its truncation by more than SIM_LEDGER_HELD_NS, except as long as the
 *     device or the state machine works on it. */
#ifndef SIM_LEDGER_H
#define SIM_LEDGER_H

#include "record.h"
#include <raft/entry.h>

struct sim_world;

#define SIM_LEDGER_PATH      8u
#define SIM_LEDGER_HELD_NS   UINT64_C(60000000000)
#define SIM_LEDGER_LEAKS_MAX 64u /* recorded of a run */

struct sim_ledger_hold {
    const char *site; /* of the last hold */
    uint32_t event;   /* of the last hold */
    uint32_t count;
};

struct sim_ledger_step {
    const char *site;
    uint32_t event;
    int8_t change; /* +1 hold, -1 drop */
    uint8_t holder;
};

struct sim_ledger_record {
    struct sim_ledger_record *next; /* all live records of a node, newest first */
    struct sim_ledger_record *previous;
    struct sim_ledger_record *orphan_next; /* left by the log, still held: oldest first */
    struct sim_ledger_record *orphan_previous;
    const struct raft_entry *entry;
    uint64_t orphan_since_ns; /* left the log at; UINT64_MAX: no orphan */
    struct sim_ledger_hold holds[RAFT_HOLDER_COUNT];
    struct sim_ledger_step path[SIM_LEDGER_PATH]; /* ring */
    uint32_t steps;
    uint32_t count; /* the sum of the holds */
};

/* Of one node's process; starts empty with each incarnation. */
struct sim_ledger {
    struct sim_world *world;
    uint32_t node;
    struct sim_ledger_record *records;
    struct sim_ledger_record *orphans;
    struct sim_ledger_record *orphans_last;
    uint64_t overdue_since_ns; /* an orphan was overdue at a check already; UINT64_MAX: none */
    uint64_t totals[RAFT_HOLDER_COUNT];
    uint64_t entries;  /* live */
    uint64_t log_size; /* bytes of those that are held as LOG */
};

void sim_ledger_init(struct sim_ledger *ledger, struct sim_world *world, uint32_t node);
/* The process has died: its records are forgotten. */
void sim_ledger_forget(struct sim_ledger *ledger);
void sim_ledger_held(struct sim_ledger *ledger, struct raft_entry *entry, enum raft_holder holder,
                     const char *site);
void sim_ledger_dropped(struct sim_ledger *ledger, struct raft_entry *entry,
                        enum raft_holder holder, const char *site);
/* Rules 1 and 4, after an event of the node whose view has been refreshed. O(1). */
void sim_ledger_check(struct sim_ledger *ledger);
/* Rule 3, when the node has been destroyed in good order: records every leak and reports one
 * finding if there is any. */
void sim_ledger_check_empty(struct sim_ledger *ledger);

#endif
