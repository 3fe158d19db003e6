/* The log manager: the in-memory tail of the log, a ring of refcounted entries, over what is
 * *cold*: entries that have left memory and are read from storage when somebody needs them.
 *
 * It knows for every index its term, what is in memory, what was handed to storage and what is
 * durable; the files are core/storage's. Fields are read outside core/log, and written only inside.
 */
#ifndef RAFT_LOG_H
#define RAFT_LOG_H

#include <raft/entry.h>

/* Entries of one term in a row. */
struct raft_run {
    raft_index first;
    raft_term term;
};

struct raft_log {
    const struct raft_memory *memory;
    struct raft_entry **slots; /* ring; capacity is not necessarily a power of two */
    size_t capacity;
    size_t offset; /* slot of the entry at cold.index + 1 */
    size_t count;
    struct raft_run *runs; /* the terms behind the base, ascending */
    size_t run_count;
    size_t run_capacity;
    struct raft_entry_id base;     /* the position before the first entry of the log */
    struct raft_entry_id cold;     /* the position before the first entry in the ring */
    struct raft_entry_id stored;   /* handed to storage up to here; >= durable */
    struct raft_entry_id durable;  /* durable up to here */
    uint64_t generation;           /* incremented by each suffix truncation and reset */
    raft_index truncated_to;       /* last index kept by the latest of them */
    bool reset_due;                /* storage must empty its log and begin behind base */
    raft_index truncate_due;       /* storage must cut behind this index; UINT64_MAX: nothing due */
    raft_index first_damaged;      /* the first entry whose record is bad, its payload here or not;
                                    * UINT64_MAX: none */
    bool repair_due;               /* some of them have their payload again */
    uint64_t size;                 /* bytes of the entries that are held as LOG */
    uint64_t size_max;             /* what raft_log_cool brings that down to */
    struct raft_entry *kept_first; /* the configurations of what is cold, ascending */
    struct raft_entry *kept_last;
    uint32_t kept_count;
    raft_index lost;           /* the first cold entry whose record was found bad; 0: none */
    struct raft_entry *mended; /* it, from another node; NULL: nobody has sent it yet */
    bool is_unmendable; /* its record cannot be rewritten: a snapshot has to make up for it */
};

#define RAFT_LOG_INTACT UINT64_MAX

void raft_log_init(struct raft_log *log, const struct raft_memory *memory);
/* Bounds the memory of entries that raft_log_cool may let go; at first there is no bound. */
void raft_log_bound(struct raft_log *log, uint64_t size_max);
/* Lets an empty log begin behind id, which a durable snapshot covers. For loading a store. */
void raft_log_begin(struct raft_log *log, struct raft_entry_id id);
/* Gives back every reference and the ring. Safe on an initialised or closed log. */
void raft_log_close(struct raft_log *log);

static inline raft_index raft_log_last_index(const struct raft_log *log)
{
    return log->cold.index + log->count;
}

/* Entries that are held as LOG. */
static inline uint32_t raft_log_entries(const struct raft_log *log)
{
    return (uint32_t)log->count + log->kept_count + (log->mended != NULL);
}

struct raft_entry_id raft_log_last(const struct raft_log *log);

/* Up to where entries count as durable: `durable`, but before the first damaged one. */
struct raft_entry_id raft_log_durable(const struct raft_log *log);

/* Makes room for count more entries, so that as many raft_log_append cannot fail. RAFT_NOMEM. */
RAFT_MUST_CHECK enum raft_status raft_log_reserve(struct raft_log *log, size_t count);

/* Appends an entry whose id has been set; shares it as LOG. Room must have been reserved; the index
 * must be the next one. Only the loading of a store appends damaged ones. */
void raft_log_append(struct raft_log *log, struct raft_entry *entry);

/* Removes every entry behind keep_last, and notes what storage has to cut. */
void raft_log_truncate(struct raft_log *log, raft_index keep_last);

/* Drops the entries up to id, which the log has and which are durable: it becomes the base.
 * References of others stay valid. */
void raft_log_compact(struct raft_log *log, struct raft_entry_id id);
/* Drops everything; the log begins behind id, which a durable snapshot covers. Storage has to do
 * the same (reset_due) before any later write. */
void raft_log_reset(struct raft_log *log, struct raft_entry_id id);

/* The term at an index, base included. RAFT_COMPACTED before base, RAFT_GAP past the end. */
RAFT_MUST_CHECK enum raft_status raft_log_term(const struct raft_log *log, raft_index index,
                                               raft_term *out_term);

/* Whether the log has exactly this position. A position before base matches nothing. */
bool raft_log_matches(const struct raft_log *log, struct raft_entry_id id);

/* The greatest position at or before id whose term is at most id.term: where a log that does not
 * have id may still agree with ours (Raft §5.3, the conflict hint by term). */
struct raft_entry_id raft_log_hint(const struct raft_log *log, struct raft_entry_id id);

/* Lets entries leave memory, from the front, until the rest fits into size_max; but none behind
 * applied, none that is not durable, and none from the first damaged one on. */
void raft_log_cool(struct raft_log *log, raft_index applied);

/* The entry at index with a reference of holder. RAFT_COMPACTED, RAFT_GAP, RAFT_COLD: it is in the
 * log, but not in memory. */
RAFT_MUST_CHECK enum raft_status raft_log_get_at(const struct raft_log *log, raft_index index,
                                                 enum raft_holder holder,
                                                 struct raft_entry **out_entry, const char *site);
#define raft_log_get(log, index, holder, out_entry)                                                \
    raft_log_get_at(log, index, holder, out_entry, RAFT_SITE)

/* The entry at index, borrowed until the log changes, or NULL: it is not in memory. */
struct raft_entry *raft_log_peek(const struct raft_log *log, raft_index index);
/* The last intact configuration of the log at or before index, borrowed, or NULL; cold or not. */
const struct raft_entry *raft_log_configuration(const struct raft_log *log, raft_index index);

/* Storage has taken every entry up to id. */
void raft_log_stored(struct raft_log *log, struct raft_entry_id id);
/* Storage did not write what it took; entries behind durable have to be handed over again. */
void raft_log_unstored(struct raft_log *log);
/* Storage has taken the truncation that was due. */
void raft_log_truncation_taken(struct raft_log *log);
/* Storage did not take it after all. */
void raft_log_truncation_refused(struct raft_log *log, raft_index keep_last);
/* Storage has taken the reset that was due, or did not take it after all. */
void raft_log_reset_taken(struct raft_log *log);
void raft_log_reset_refused(struct raft_log *log);
/* A write that ended at id, started in generation, is durable. Raises durable for entries that are
 * still in the log with that term, and ignores what was truncated or reset meanwhile. */
void raft_log_persisted(struct raft_log *log, struct raft_entry_id id, uint64_t generation);

/* The record of a cold entry was found bad: it is damaged from now on; a configuration, which has
 * stayed in memory, is here again at once. Of several only the first is remembered; whoever reads
 * on finds the next. */
void raft_log_lost(struct raft_log *log, raft_index index);
/* The record of the entry that was lost cannot be rewritten. */
void raft_log_unmendable(struct raft_log *log);
/* The first damaged entry that is still to be sent by another node; false: there is none. */
bool raft_log_missing(const struct raft_log *log, struct raft_entry_id *out_id);
/* Whether an entry would take the place of a damaged one. */
bool raft_log_wants(struct raft_log *log, const struct raft_entry *entry);
/* Puts an entry in the place of a damaged one of the same id; shares it as LOG. Returns whether
 * there was one. Storage has to rewrite its record before it counts as durable. */
bool raft_log_repair(struct raft_log *log, struct raft_entry *entry);
/* The first entry whose record storage has to rewrite, borrowed, or NULL. */
const struct raft_entry *raft_log_repair_next(struct raft_log *log);
/* Storage has rewritten the record of an entry; ignores one that was cut meanwhile. */
void raft_log_repaired(struct raft_log *log, struct raft_entry_id id);

#endif
