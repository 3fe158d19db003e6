/* Log entries: one allocation each, immutable once they have an id, shared by reference count.
 *
 * Every reference has a holder. The census of who takes and who gives:
 *
 *   LOG          raft_log_append takes, raft_log_repair, and raft_log_lost of a configuration;
 *                truncation, compaction, reset, close, leaving memory (raft_log_cool) and what
 *                takes an entry's place give.
 *   STORAGE      raft_storage_append takes for each queued entry; its completion, its failure and
 *                raft_storage_close give.
 *   REPLICATION  raft_log_get or raft_warm_get takes for the message being prepared;
 *                raft_message_release gives.
 *   APPLY        raft_log_get takes for each entry handed to the state machine; the applied event,
 *                or the refusal of the batch, gives.
 *   REQUEST      the replica takes when a submission is appended; the request's completion gives.
 *   MESSAGE      the codec, a submission, a new leader's first entry or a configuration creates
 *                with it; the end of the step gives.
 *   LOADING      recovery creates with it; handing over to the log, or failing, gives. A read of
 *                cold entries creates with it and hands it over to the window of the consensus
 *                machine (raft/warm.c), which gives when the next read has come or nobody
 *                needs them.
 */
#ifndef RAFT_ENTRY_H
#define RAFT_ENTRY_H

#include <raft/points.h>

enum raft_entry_kind {
    RAFT_ENTRY_COMMAND = 1,   /* for the state machine */
    RAFT_ENTRY_NOOP,          /* a new leader's first entry (Raft §8) */
    RAFT_ENTRY_CONFIGURATION, /* members; passes where user entries are refused */
    RAFT_ENTRY_ELIDED,        /* what a witness has of a command: its id; no payload */
    RAFT_ENTRY_KIND_COUNT
};

struct raft_entry {
    const struct raft_memory *memory;
    void *observer; /* the probe's own; the core sets it to NULL at creation and leaves it alone */
    uint32_t holders[RAFT_HOLDER_COUNT];
    uint32_t count; /* the sum of holders[] */
    enum raft_entry_kind kind;
    struct raft_entry_id id; /* (0, 0) until appended */
    struct raft_entry *next; /* the log's own: the next configuration that it keeps */
    bool damaged;  /* a store's record of it is bad: id, kind and size hold, the payload is zeros */
    bool repaired; /* took the place of a damaged one, whose record is still to be rewritten */
    uint32_t size; /* bytes of payload */
    uint8_t payload[];
};

/* "log", "storage", …; never NULL. */
const char *raft_holder_string(enum raft_holder holder);

/* Whether a payload is one that an entry of this kind may have: a configuration is read as soon as
 * it is in the log, and must be one with members; an elided one is empty; other payloads are the
 * state machine's matter. */
bool raft_entry_payload_is_good(uint32_t kind, const uint8_t *payload, uint32_t size);

/* Creates an entry with one reference of holder and an uninitialised payload of size bytes.
 * RAFT_NOMEM. */
RAFT_MUST_CHECK enum raft_status raft_entry_create_at(
    const struct raft_memory *memory, enum raft_point point, enum raft_entry_kind kind,
    uint32_t size, enum raft_holder holder, struct raft_entry **out_entry, const char *site);
void raft_entry_hold_at(struct raft_entry *entry, enum raft_holder holder, const char *site);
/* Gives one reference of holder back; frees the entry with the last one. */
void raft_entry_drop_at(struct raft_entry *entry, enum raft_holder holder, const char *site);

#define raft_entry_create(memory, point, kind, size, holder, out_entry)                            \
    raft_entry_create_at(memory, point, kind, size, holder, out_entry, RAFT_SITE)
#define raft_entry_hold(entry, holder) raft_entry_hold_at(entry, holder, RAFT_SITE)
#define raft_entry_drop(entry, holder) raft_entry_drop_at(entry, holder, RAFT_SITE)

#endif
