/* The ledger: who holds which entry, since when, and where it was taken.
 *
 * A record is found through the entry itself (entry->observer), so that a hold and a drop cost a
 * few writes. An *orphan* is an entry that the log has given up while others still hold it; orphans
 * wait in the order in which they became one, so that only the oldest must be looked at.
 *
 * Invariants:
 *  1. totals[h] is the sum over all records of holds[h].count; record->count the sum over h.
 *  2. A record is in `records` exactly as long as its count is positive.
 *  3. Orphans are in ascending order of orphan_since_ns.
 *
 * The four rules are in ledger.h. A broken one names the entry, the holder, the event and the site
 * of the hold that nobody gave back. */
#include "ledger.h"

#include "world.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* A paused process finds its orphans old when it wakes: it gets this long to give them back. */
#define GRACE_NS UINT64_C(1000000000)

void sim_ledger_init(struct sim_ledger *ledger, struct sim_world *world, uint32_t node)
{
    assert(node > 0);
    *ledger = (struct sim_ledger){
        .world = world,
        .node = node,
        .overdue_since_ns = UINT64_MAX,
    };
}

static bool is_on(const struct sim_ledger *ledger)
{
    return ledger->world->checks_leaks && (ledger->world->features & SUT_FEATURE_LEDGER) != 0;
}

static struct sim_ledger_record *record_new(struct sim_ledger *ledger,
                                            const struct raft_entry *entry)
{
    struct sim_ledger_record *record = arena_calloc(ledger->world->arena, sizeof *record);
    record->entry = entry;
    record->orphan_since_ns = UINT64_MAX;
    record->next = ledger->records;
    if (record->next != NULL) {
        record->next->previous = record;
    }
    ledger->records = record;
    ledger->entries++;
    return record;
}

static void orphan_add(struct sim_ledger *ledger, struct sim_ledger_record *record)
{
    assert(record->orphan_since_ns == UINT64_MAX);
    record->orphan_since_ns = ledger->world->scheduler.now_ns;
    record->orphan_next = NULL;
    record->orphan_previous = ledger->orphans_last;
    if (record->orphan_previous != NULL) {
        record->orphan_previous->orphan_next = record;
    } else {
        ledger->orphans = record;
    }
    ledger->orphans_last = record;
}

static void orphan_remove(struct sim_ledger *ledger, struct sim_ledger_record *record)
{
    if (record->orphan_since_ns == UINT64_MAX) {
        return;
    }
    record->orphan_since_ns = UINT64_MAX;
    if (record->orphan_previous != NULL) {
        record->orphan_previous->orphan_next = record->orphan_next;
    } else {
        ledger->orphans = record->orphan_next;
    }
    if (record->orphan_next != NULL) {
        record->orphan_next->orphan_previous = record->orphan_previous;
    } else {
        ledger->orphans_last = record->orphan_previous;
    }
}

static void record_free(struct sim_ledger *ledger, struct sim_ledger_record *record)
{
    assert(record->count == 0);
    orphan_remove(ledger, record);
    if (record->previous != NULL) {
        record->previous->next = record->next;
    } else {
        assert(ledger->records == record);
        ledger->records = record->next;
    }
    if (record->next != NULL) {
        record->next->previous = record->previous;
    }
    arena_free(ledger->world->arena, record);
    assert(ledger->entries > 0);
    ledger->entries--;
}

void sim_ledger_forget(struct sim_ledger *ledger)
{
    while (ledger->records != NULL) {
        struct sim_ledger_record *record = ledger->records;
        ledger->records = record->next;
        arena_free(ledger->world->arena, record);
    }
    ledger->orphans = NULL;
    ledger->orphans_last = NULL;
    ledger->overdue_since_ns = UINT64_MAX;
    memset(ledger->totals, 0, sizeof ledger->totals);
    ledger->entries = 0;
    ledger->log_size = 0;
}

/* ---- holds and drops ---- */

static uint64_t size_of(const struct raft_entry *entry)
{
    return sizeof *entry + (uint64_t)entry->size;
}

static uint32_t current_event(const struct sim_ledger *ledger)
{
    assert(ledger->world->events <= UINT32_MAX);
    return (uint32_t)ledger->world->events;
}

static void step_note(struct sim_ledger *ledger, struct sim_ledger_record *record,
                      enum raft_holder holder, int8_t change, const char *site)
{
    record->path[record->steps % SIM_LEDGER_PATH] = (struct sim_ledger_step){
        .site = site,
        .event = current_event(ledger),
        .change = change,
        .holder = (uint8_t)holder,
    };
    record->steps++;
}

void sim_ledger_held(struct sim_ledger *ledger, struct raft_entry *entry, enum raft_holder holder,
                     const char *site)
{
    assert((unsigned)holder < RAFT_HOLDER_COUNT);
    struct sim_ledger_record *record = entry->observer;
    if (record == NULL) {
        record = record_new(ledger, entry);
        entry->observer = record;
    }
    assert(record->entry == entry);
    struct sim_ledger_hold *hold = &record->holds[holder];
    hold->count++;
    hold->site = site;
    hold->event = current_event(ledger);
    record->count++;
    ledger->totals[holder]++;
    step_note(ledger, record, holder, 1, site);
    if (holder == RAFT_HOLDER_LOG) {
        ledger->log_size += size_of(entry);
        orphan_remove(ledger, record);
    }
}

/* ---- findings ---- */

/* The sites since, oldest first. */
static void path_print(const struct sim_ledger_record *record, char *text, size_t size)
{
    uint32_t first = record->steps > SIM_LEDGER_PATH ? record->steps - SIM_LEDGER_PATH : 0;
    size_t used = 0;
    text[0] = 0;
    for (uint32_t i = first; i < record->steps && used < size; i++) {
        const struct sim_ledger_step *step = &record->path[i % SIM_LEDGER_PATH];
        used += (size_t)snprintf(text + used, size - used, "%s%s@%" PRIu32 " %c%s",
                                 i == first ? "" : "; ", step->site, step->event,
                                 step->change > 0 ? '+' : '-',
                                 raft_holder_string((enum raft_holder)step->holder));
    }
}

/* The likely culprits: the early return that the process took last, and the fault that fired last.
 */
static void culprits_print(const struct sim_ledger *ledger, char *text, size_t size)
{
    const struct sim_faults *faults = &ledger->world->faults;
    const struct sim_node *node = ledger->world->nodes[ledger->node];
    size_t used = 0;
    text[0] = 0;
    if (node->exit.event > 0) {
        used = (size_t)snprintf(text, size, "; last exit: %s in event %" PRIu64,
                                faults->points[node->exit.point]->name, node->exit.event);
    }
    if (faults->injection_count > 0 && used < size) {
        const struct sim_injection *last = &faults->injections[faults->injection_count - 1];
        snprintf(text + used, size - used,
                 "; last fault: %s (%s) on node %" PRIu32 " in event %" PRIu64, last->point,
                 last->outcome, last->node, last->event);
    }
}

/* The position of a record's entry. It got it after its first hold, and lives as long as its
 * record.
 */
static struct raft_entry_id id_of(const struct sim_ledger_record *record)
{
    assert(record->count > 0);
    return record->entry->id;
}

/* Reports a broken rule of one record's hold. what: "…" in "node 1: …". */
static void report(const struct sim_ledger *ledger, const struct sim_ledger_record *record,
                   enum raft_holder holder, const char *what)
{
    struct sim_world *world = ledger->world;
    const struct sim_ledger_hold *hold = &record->holds[holder];
    const char *site = hold->site != NULL ? hold->site : "nowhere";
    char path[SIM_TEXT_MAX / 2];
    char culprits[5 * SIM_NAME_MAX];
    bool is_first = !world->has_finding;
    path_print(record, path, sizeof path);
    culprits_print(ledger, culprits, sizeof culprits);
    sim_fail(world, sim_oracle_string(SIM_ORACLE_LEDGER), ledger->node,
             "node %" PRIu32 ": %s: entry (term %" PRIu64 ", index %" PRIu64
             ") as %s, held in event %" PRIu32 " at %s%s; path: %s",
             ledger->node, what, id_of(record).term, id_of(record).index,
             raft_holder_string(holder), hold->event, site, culprits, path);
    if (is_first && world->has_finding) {
        snprintf(world->finding.signature, sizeof world->finding.signature, "ledger: %s %s",
                 raft_holder_string(holder), site);
    }
}

/* Which of the entries a holder has is most likely held wrongly: one that is held more than once,
 * else the one whose last hold is the oldest. Walks all records; for findings only. */
static const struct sim_ledger_record *suspect(const struct sim_ledger *ledger,
                                               enum raft_holder holder)
{
    const struct sim_ledger_record *oldest = NULL;
    for (const struct sim_ledger_record *record = ledger->records; record != NULL;
         record = record->next) {
        const struct sim_ledger_hold *hold = &record->holds[holder];
        if (hold->count > 1) {
            return record;
        }
        if (hold->count == 1 && (oldest == NULL || hold->event <= oldest->holds[holder].event)) {
            oldest = record;
        }
    }
    return oldest;
}

static void leak_note(const struct sim_ledger *ledger, const struct sim_ledger_record *record,
                      enum raft_holder holder)
{
    const struct sim_ledger_hold *hold = &record->holds[holder];
    if (ledger->world->leak_count >= SIM_LEDGER_LEAKS_MAX) {
        return;
    }
    struct sim_leak *leak = sim_world_leak_new(ledger->world);
    snprintf(leak->kind, sizeof leak->kind, "entry");
    snprintf(leak->holder, sizeof leak->holder, "%s", raft_holder_string(holder));
    snprintf(leak->site, sizeof leak->site, "%s", hold->site);
    path_print(record, leak->path, sizeof leak->path);
    leak->event = hold->event;
    leak->term = id_of(record).term;
    leak->index = id_of(record).index;
    leak->node = ledger->node;
    leak->count = hold->count;
}

static void report_total(const struct sim_ledger *ledger, enum raft_holder holder,
                         uint64_t expected)
{
    char what[SIM_NAME_MAX * 2];
    const struct sim_ledger_record *record = suspect(ledger, holder);
    if (record != NULL && ledger->totals[holder] > expected) {
        snprintf(what, sizeof what,
                 "references held as %s: %" PRIu64 ", accounted for: %" PRIu64 "; probably",
                 raft_holder_string(holder), ledger->totals[holder], expected);
        if (!ledger->world->has_finding) {
            leak_note(ledger, record, holder);
        }
        report(ledger, record, holder, what);
        return;
    }
    char culprits[5 * SIM_NAME_MAX];
    culprits_print(ledger, culprits, sizeof culprits);
    sim_fail(ledger->world, sim_oracle_string(SIM_ORACLE_LEDGER), ledger->node,
             "node %" PRIu32 ": references held as %s: %" PRIu64 ", by the node's word: %" PRIu64
             "%s",
             ledger->node, raft_holder_string(holder), ledger->totals[holder], expected, culprits);
}

void sim_ledger_dropped(struct sim_ledger *ledger, struct raft_entry *entry,
                        enum raft_holder holder, const char *site)
{
    assert((unsigned)holder < RAFT_HOLDER_COUNT);
    struct sim_ledger_record *record = entry->observer;
    /* The ledger has seen the creation of every entry, since that is a hold. */
    assert(record != NULL && record->entry == entry);
    step_note(ledger, record, holder, -1, site);
    if (record->holds[holder].count == 0) {
        if (is_on(ledger)) {
            report(ledger, record, holder, "given back without being held");
        }
        return;
    }
    record->holds[holder].count--;
    record->count--;
    assert(ledger->totals[holder] > 0);
    ledger->totals[holder]--;
    ledger->log_size -= holder == RAFT_HOLDER_LOG ? size_of(entry) : 0;
    if (record->count == 0) {
        entry->observer = NULL;
        record_free(ledger, record);
    } else if (holder == RAFT_HOLDER_LOG && record->holds[holder].count == 0) {
        orphan_add(ledger, record);
    }
}

/* ---- checks ---- */

/* Rule 4: who still holds an entry that left the log. The device and the state machine may take any
 * time, and what is held only within an event is found at its end; the others give back by
 * themselves. */
static bool is_held_by_node(const struct sim_ledger_record *record, enum raft_holder *out_holder)
{
    static const enum raft_holder own[] = {RAFT_HOLDER_REQUEST, RAFT_HOLDER_LOADING};
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        if (record->holds[own[i]].count > 0) {
            *out_holder = own[i];
            return true;
        }
    }
    return false;
}

static void orphans_check(struct sim_ledger *ledger)
{
    uint64_t now_ns = ledger->world->scheduler.now_ns;
    struct sim_ledger_record *oldest = ledger->orphans;
    if (oldest == NULL || now_ns - oldest->orphan_since_ns <= SIM_LEDGER_HELD_NS) {
        ledger->overdue_since_ns = UINT64_MAX;
        return;
    }
    enum raft_holder holder;
    if (!is_held_by_node(oldest, &holder)) {
        /* It goes to the end of the queue, so that it hides no other. */
        orphan_remove(ledger, oldest);
        orphan_add(ledger, oldest);
        return;
    }
    if (ledger->overdue_since_ns == UINT64_MAX) {
        ledger->overdue_since_ns = now_ns;
    }
    if (now_ns - ledger->overdue_since_ns > GRACE_NS) {
        report(ledger, oldest, holder, "held long after it left the log");
    }
}

void sim_ledger_check(struct sim_ledger *ledger)
{
    if (!is_on(ledger)) {
        return;
    }
    assert(ledger->world->nodes[ledger->node] != NULL);
    const struct raft_view *view = &ledger->world->nodes[ledger->node]->view;
    const uint64_t expected[RAFT_HOLDER_COUNT] = {
        [RAFT_HOLDER_LOG] = view->entries_log,
        [RAFT_HOLDER_STORAGE] = view->entries_storage,
        [RAFT_HOLDER_APPLY] = view->entries_apply,
        [RAFT_HOLDER_REQUEST] = view->requests,
        [RAFT_HOLDER_LOADING] = view->entries_loading,
    };
    sim_oracle_count(ledger->world->oracles, SIM_ORACLE_LEDGER);
    for (uint32_t holder = 0; holder < RAFT_HOLDER_COUNT; holder++) {
        if (ledger->totals[holder] != expected[holder]) {
            report_total(ledger, (enum raft_holder)holder, expected[holder]);
        }
    }
    orphans_check(ledger);
}

void sim_ledger_check_empty(struct sim_ledger *ledger)
{
    if (!is_on(ledger)) {
        return;
    }
    sim_oracle_count(ledger->world->oracles, SIM_ORACLE_LEDGER);
    const struct sim_ledger_record *first = NULL;
    enum raft_holder first_holder = RAFT_HOLDER_LOG;
    for (const struct sim_ledger_record *record = ledger->records; record != NULL;
         record = record->next) {
        for (uint32_t holder = 0; holder < RAFT_HOLDER_COUNT; holder++) {
            if (record->holds[holder].count > 0) {
                leak_note(ledger, record, (enum raft_holder)holder);
                /* Records are newest first: what is reported is the oldest. */
                first = record;
                first_holder = (enum raft_holder)holder;
            }
        }
    }
    if (first != NULL) {
        char what[SIM_NAME_MAX];
        snprintf(what, sizeof what, "%" PRIu64 " entries not released at the end, the oldest",
                 ledger->entries);
        report(ledger, first, first_holder, what);
    }
}
