/* What the files of the log manager share: log.c (ring and marks) and cold.c (what is behind it).
 */
#ifndef RAFT_LOG_INTERNAL_H
#define RAFT_LOG_INTERNAL_H

#include <raft/log.h>

#include <assert.h>

/* Bytes of memory that an entry takes. */
static inline uint64_t raft_log_size_of(const struct raft_entry *entry)
{
    return sizeof *entry + (uint64_t)entry->size;
}

/* A reference of the log's, and the entry's bytes with it; both ways. */
static inline void raft_log_hold_at(struct raft_log *log, struct raft_entry *entry,
                                    const char *site)
{
    raft_entry_hold_at(entry, RAFT_HOLDER_LOG, site);
    log->size += raft_log_size_of(entry);
}

static inline void raft_log_drop_at(struct raft_log *log, struct raft_entry *entry,
                                    const char *site)
{
    log->size -= raft_log_size_of(entry);
    raft_entry_drop_at(entry, RAFT_HOLDER_LOG, site);
}

#define raft_log_hold(log, entry) raft_log_hold_at(log, entry, RAFT_SITE)
#define raft_log_drop(log, entry) raft_log_drop_at(log, entry, RAFT_SITE)

/* The place in the ring of an entry that is in it. */
static inline struct raft_entry **raft_log_slot(const struct raft_log *log, raft_index index)
{
    assert(index > log->cold.index && index <= raft_log_last_index(log));
    size_t position = log->offset + (size_t)(index - log->cold.index - 1);
    if (position >= log->capacity) {
        position -= log->capacity;
    }
    assert(position < log->capacity);
    return &log->slots[position];
}

/* Takes the first entry out of the ring: it is cold now, and its reference the caller's. */
struct raft_entry *raft_log_pop(struct raft_log *log);

/* The table of runs. reserve: RAFT_NOMEM. */
RAFT_MUST_CHECK enum raft_status raft_runs_reserve(struct raft_log *log, size_t count);
void raft_runs_append(struct raft_log *log, struct raft_entry_id id);
void raft_runs_truncate(struct raft_log *log, raft_index keep_last);
void raft_runs_compact(struct raft_log *log, raft_index base);
/* The term at an index of the log, base included. */
raft_term raft_runs_term(const struct raft_log *log, raft_index index);
/* The greatest position at or before index whose term is at most term. */
struct raft_entry_id raft_runs_hint(const struct raft_log *log, raft_term term, raft_index index);

/* Whether the one that was lost is still to be sent by another node. */
static inline bool raft_cold_is_missing(const struct raft_log *log)
{
    return log->lost != 0 && log->mended == NULL && !log->is_unmendable;
}

/* What is in memory of the cold entries. */
struct raft_entry *raft_cold_peek(const struct raft_log *log, raft_index index);
const struct raft_entry *raft_cold_configuration(const struct raft_log *log, raft_index index);
/* Gives back what is in memory of those up to an index. */
void raft_cold_forget(struct raft_log *log, raft_index index);
/* The one that was lost is here again; shares it as LOG. Its record is to be rewritten. */
void raft_cold_mend(struct raft_log *log, struct raft_entry *entry);
/* The one that was lost is in storage again. */
void raft_cold_found(struct raft_log *log);

#endif
