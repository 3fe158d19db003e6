/* The log manager: a ring of entries, and how far storage has come with them.
 *
 *      base         cold        durable        stored        last
 *   ----|-------------|-------------|-------------|-------------|
 *         in storage     durable      in storage    in memory only
 *           only                                                 (cold.c has what lies before cold)
 *
 * "Stored" means handed to storage: storage takes entries in order, one job at a time, and a
 * truncation that cuts what storage has must reach it before any later write (truncate_due). So
 * must a reset, after which the log begins behind a snapshot (reset_due): it includes every cut.
 *
 * The base moves forward only: by compaction over entries that are durable, by a reset over
 * anything. What lies at or before it is committed, so that it agrees with every leader's log.
 *
 * A *damaged* entry is one whose record in the store is bad, while its id, kind and size are known
 * (struct raft_entry: damaged). It keeps its place, so that the log has every position that it had;
 * but nothing from the first of them on counts as durable (raft_log_durable). An entry of the same
 * id from another node takes its place (the same id is the same entry, Raft §5.3: Log Matching),
 * and when storage has rewritten the record it is as good as any other. One without a payload is
 * repaired from its id alone.
 *
 * Invariants:
 *  1. base.index <= cold.index <= durable.index <= stored.index <= last index, each with the log's
 *     term there.
 *  2. slots[(offset + i) % capacity] is the entry at cold.index + 1 + i, held as LOG, for
 *     i < count.
 *  3. Terms never decrease along the log.
 *  4. truncate_due is UINT64_MAX or at least stored.index at the time it was set: nothing behind it
 *     is handed over before the cut.
 *  5. While a reset is due, no truncation is, and nothing behind the base is handed over: stored is
 *     the base.
 *  6. first_damaged is that of the first entry which is damaged or repaired; it is at or before
 *     stored.
 *  7. size is the sum of the sizes of all entries that are held as LOG. */
#include "log_internal.h"

#include <assert.h>
#include <string.h>

#define NOTHING_DUE UINT64_MAX

void raft_log_init(struct raft_log *log, const struct raft_memory *memory)
{
    *log = (struct raft_log){
        .memory = memory,
        .truncate_due = NOTHING_DUE,
        .first_damaged = RAFT_LOG_INTACT,
        .size_max = UINT64_MAX,
    };
}

void raft_log_bound(struct raft_log *log, uint64_t size_max)
{
    log->size_max = size_max;
}

void raft_log_begin(struct raft_log *log, struct raft_entry_id id)
{
    assert(log->count == 0 && log->base.index == 0);
    assert(!log->reset_due && log->truncate_due == NOTHING_DUE);
    log->base = id;
    log->cold = id;
    log->stored = id;
    log->durable = id;
}

/* Gives back what the ring has behind an index. */
static void drop_behind(struct raft_log *log, raft_index keep_last)
{
    for (raft_index index = raft_log_last_index(log); index > keep_last; index--) {
        raft_log_drop(log, *raft_log_slot(log, index));
        log->count--;
    }
}

void raft_log_close(struct raft_log *log)
{
    drop_behind(log, log->cold.index);
    raft_cold_forget(log, UINT64_MAX);
    log->memory->free(log->memory->ctx, log->slots);
    log->memory->free(log->memory->ctx, log->runs);
    uint64_t size_max = log->size_max;
    raft_log_init(log, log->memory);
    log->size_max = size_max;
}

/* The term at an index that is known to be within the log. */
static raft_term term_within(const struct raft_log *log, raft_index index)
{
    return index > log->cold.index ? (*raft_log_slot(log, index))->id.term
                                   : raft_runs_term(log, index);
}

struct raft_entry_id raft_log_last(const struct raft_log *log)
{
    raft_index last = raft_log_last_index(log);
    return (struct raft_entry_id){term_within(log, last), last};
}

struct raft_entry_id raft_log_durable(const struct raft_log *log)
{
    if (log->durable.index < log->first_damaged) {
        return log->durable;
    }
    raft_index index = log->first_damaged - 1;
    assert(index >= log->base.index);
    return (struct raft_entry_id){term_within(log, index), index};
}

/* Looks for the first damaged entry from an index on. */
static void find_damaged(struct raft_log *log, raft_index index)
{
    raft_index last = raft_log_last_index(log);
    if (log->lost != 0) {
        log->first_damaged = log->lost;
        return;
    }
    if (index <= log->cold.index) {
        index = log->cold.index + 1;
    }
    while (index <= last && !(*raft_log_slot(log, index))->damaged &&
           !(*raft_log_slot(log, index))->repaired) {
        index++;
    }
    log->first_damaged = index <= last ? index : RAFT_LOG_INTACT;
    log->repair_due = log->repair_due && index <= last;
}

enum raft_status raft_log_reserve(struct raft_log *log, size_t count)
{
    enum raft_status status = raft_runs_reserve(log, count);
    if (status != RAFT_OK || log->count + count <= log->capacity) {
        return status;
    }
    size_t capacity = log->capacity + log->capacity / 2 + 8;
    if (capacity < log->count + count) {
        capacity = log->count + count;
    }
    struct raft_entry **slots =
        log->memory->alloc(log->memory->ctx, RAFT_AT_LOG_RESERVE_ALLOC, capacity * sizeof slots[0]);
    if (slots == NULL) {
        return RAFT_NOMEM;
    }
    for (size_t i = 0; i < log->count; i++) {
        slots[i] = *raft_log_slot(log, log->cold.index + 1 + i);
    }
    log->memory->free(log->memory->ctx, log->slots);
    log->slots = slots;
    log->capacity = capacity;
    log->offset = 0;
    return RAFT_OK;
}

void raft_log_append(struct raft_log *log, struct raft_entry *entry)
{
    assert(log->count < log->capacity);
    assert(entry->id.index == raft_log_last_index(log) + 1);
    assert(entry->id.term >= raft_log_last(log).term);
    raft_log_hold(log, entry);
    log->count++;
    *raft_log_slot(log, entry->id.index) = entry;
    raft_runs_append(log, entry->id);
    if (entry->damaged && entry->size == 0) {
        /* Nothing of it is lost but its record: nobody has to be asked. */
        entry->damaged = false;
        entry->repaired = true;
        log->repair_due = true;
    }
    if ((entry->damaged || entry->repaired) && log->first_damaged == RAFT_LOG_INTACT) {
        log->first_damaged = entry->id.index;
    }
}

static void cut_mark(const struct raft_log *log, struct raft_entry_id *mark, raft_index keep_last)
{
    if (mark->index > keep_last) {
        *mark = (struct raft_entry_id){term_within(log, keep_last), keep_last};
    }
}

void raft_log_truncate(struct raft_log *log, raft_index keep_last)
{
    assert(keep_last >= log->cold.index); /* what is cold is applied */
    assert(keep_last < raft_log_last_index(log));
    drop_behind(log, keep_last);
    raft_runs_truncate(log, keep_last);
    if (log->stored.index > keep_last && keep_last < log->truncate_due) {
        log->truncate_due = keep_last;
    }
    cut_mark(log, &log->stored, keep_last);
    cut_mark(log, &log->durable, keep_last);
    if (log->first_damaged > keep_last) {
        log->first_damaged = RAFT_LOG_INTACT;
        log->repair_due = false;
    }
    log->generation++;
    log->truncated_to = keep_last;
    assert(raft_log_last_index(log) == keep_last);
}

void raft_log_compact(struct raft_log *log, struct raft_entry_id id)
{
    assert(id.index > log->base.index && id.index <= log->durable.index);
    assert(raft_log_matches(log, id));
    assert(!log->reset_due && log->truncate_due >= id.index);
    while (log->count > 0 && log->cold.index < id.index) {
        raft_log_drop(log, raft_log_pop(log));
    }
    raft_cold_forget(log, id.index);
    raft_runs_compact(log, id.index);
    log->base = id;
    if (log->first_damaged <= id.index) {
        find_damaged(log, id.index + 1);
    }
    assert(log->base.index <= log->cold.index);
}

void raft_log_reset(struct raft_log *log, struct raft_entry_id id)
{
    assert(id.index >= log->base.index);
    assert(!raft_log_matches(log, id));
    drop_behind(log, log->cold.index);
    raft_cold_forget(log, UINT64_MAX);
    log->run_count = 0;
    log->offset = 0;
    log->base = id;
    log->cold = id;
    log->stored = id;
    log->durable = id;
    log->generation++;
    log->truncated_to = id.index;
    log->truncate_due = NOTHING_DUE;
    log->first_damaged = RAFT_LOG_INTACT;
    log->repair_due = false;
    log->reset_due = true;
    assert(raft_log_last_index(log) == id.index);
}

enum raft_status raft_log_term(const struct raft_log *log, raft_index index, raft_term *out_term)
{
    if (raft_exit_taken(log->memory, RAFT_AT_LOG_TERM_COMPACTED, index < log->base.index)) {
        return RAFT_COMPACTED;
    }
    if (raft_exit_taken(log->memory, RAFT_AT_LOG_TERM_GAP, index > raft_log_last_index(log))) {
        return RAFT_GAP;
    }
    *out_term = term_within(log, index);
    return RAFT_OK;
}

bool raft_log_matches(const struct raft_log *log, struct raft_entry_id id)
{
    return id.index >= log->base.index && id.index <= raft_log_last_index(log) &&
           term_within(log, id.index) == id.term;
}

struct raft_entry_id raft_log_hint(const struct raft_log *log, struct raft_entry_id id)
{
    raft_index last = raft_log_last_index(log);
    return raft_runs_hint(log, id.term, id.index < last ? id.index : last);
}

enum raft_status raft_log_get_at(const struct raft_log *log, raft_index index,
                                 enum raft_holder holder, struct raft_entry **out_entry,
                                 const char *site)
{
    if (raft_exit_taken(log->memory, RAFT_AT_LOG_GET_COMPACTED, index <= log->base.index)) {
        return RAFT_COMPACTED;
    }
    if (raft_exit_taken(log->memory, RAFT_AT_LOG_GET_GAP, index > raft_log_last_index(log))) {
        return RAFT_GAP;
    }
    if (raft_exit_taken(log->memory, RAFT_AT_LOG_GET_COLD, index <= log->cold.index)) {
        return RAFT_COLD;
    }
    struct raft_entry *entry = *raft_log_slot(log, index);
    assert(entry->id.index == index);
    raft_entry_hold_at(entry, holder, site);
    *out_entry = entry;
    return RAFT_OK;
}

struct raft_entry *raft_log_peek(const struct raft_log *log, raft_index index)
{
    if (index <= log->base.index || index > raft_log_last_index(log)) {
        return NULL;
    }
    return index > log->cold.index ? *raft_log_slot(log, index) : raft_cold_peek(log, index);
}

const struct raft_entry *raft_log_configuration(const struct raft_log *log, raft_index index)
{
    assert(index <= raft_log_last_index(log));
    for (; index > log->cold.index; index--) {
        const struct raft_entry *entry = *raft_log_slot(log, index);
        if (entry->kind == RAFT_ENTRY_CONFIGURATION && !entry->damaged) {
            return entry;
        }
    }
    return raft_cold_configuration(log, index);
}

void raft_log_stored(struct raft_log *log, struct raft_entry_id id)
{
    assert(log->truncate_due == NOTHING_DUE);
    assert(!log->reset_due);
    assert(id.index >= log->stored.index);
    assert(raft_log_matches(log, id));
    log->stored = id;
}

void raft_log_unstored(struct raft_log *log)
{
    assert(log->stored.index >= log->durable.index);
    log->stored = log->durable;
}

void raft_log_truncation_taken(struct raft_log *log)
{
    assert(log->truncate_due != NOTHING_DUE);
    log->truncate_due = NOTHING_DUE;
}

void raft_log_truncation_refused(struct raft_log *log, raft_index keep_last)
{
    if (!log->reset_due && keep_last < log->truncate_due) {
        log->truncate_due = keep_last;
    }
}

void raft_log_reset_taken(struct raft_log *log)
{
    assert(log->reset_due);
    assert(log->stored.index == log->base.index);
    log->reset_due = false;
}

void raft_log_reset_refused(struct raft_log *log)
{
    assert(log->stored.index == log->base.index);
    assert(log->truncate_due == NOTHING_DUE);
    log->reset_due = true;
}

void raft_log_persisted(struct raft_log *log, struct raft_entry_id id, uint64_t generation)
{
    assert(generation <= log->generation);
    /* A write that was under way when the log was cut is durable only up to the cut: storage will
     * remove the rest, even if entries with the same ids have been appended again since. */
    raft_index index = id.index;
    if (index > log->truncate_due) {
        index = log->truncate_due;
    }
    /* Of a log that is to be emptied nothing stays. */
    if (log->reset_due || index <= log->durable.index) {
        return;
    }
    if (index == id.index && !raft_log_matches(log, id)) {
        return;
    }
    log->durable = (struct raft_entry_id){term_within(log, index), index};
    assert(log->stored.index >= log->durable.index);
}

bool raft_log_missing(const struct raft_log *log, struct raft_entry_id *out_id)
{
    raft_index last = raft_log_last_index(log);
    raft_index index = log->first_damaged;
    if (log->lost != 0) {
        index = raft_cold_is_missing(log) ? log->lost : log->cold.index + 1;
    }
    for (; index <= last; index++) {
        if (index == log->lost || (*raft_log_slot(log, index))->damaged) {
            *out_id = (struct raft_entry_id){term_within(log, index), index};
            return true;
        }
    }
    return false;
}

/* The place of a damaged entry that another one fits into, or NULL. */
static struct raft_entry **repair_place(struct raft_log *log, const struct raft_entry *entry)
{
    if (entry->id.index < log->first_damaged || !raft_log_matches(log, entry->id)) {
        return NULL;
    }
    if (entry->id.index <= log->cold.index) {
        /* Its kind and size are in its record, which REPAIR compares. */
        bool fits = entry->id.index == log->lost && raft_cold_is_missing(log);
        return fits ? &log->mended : NULL;
    }
    struct raft_entry **slot = raft_log_slot(log, entry->id.index);
    bool fits = (*slot)->damaged && (*slot)->kind == entry->kind && (*slot)->size == entry->size;
    return fits ? slot : NULL;
}

bool raft_log_wants(struct raft_log *log, const struct raft_entry *entry)
{
    return repair_place(log, entry) != NULL;
}

bool raft_log_repair(struct raft_log *log, struct raft_entry *entry)
{
    assert(!entry->damaged);
    struct raft_entry **place = repair_place(log, entry);
    if (place == NULL) {
        return false;
    }
    if (place == &log->mended) {
        raft_cold_mend(log, entry);
        return true;
    }
    raft_log_hold(log, entry);
    raft_log_drop(log, *place);
    entry->repaired = true;
    *place = entry;
    log->repair_due = true;
    return true;
}

const struct raft_entry *raft_log_repair_next(struct raft_log *log)
{
    raft_index last = raft_log_last_index(log);
    raft_index index = log->first_damaged;
    if (log->lost != 0) {
        if (log->repair_due && log->mended != NULL) {
            return log->mended;
        }
        index = log->cold.index + 1;
    }
    for (; log->repair_due && index <= last; index++) {
        if ((*raft_log_slot(log, index))->repaired) {
            return *raft_log_slot(log, index);
        }
    }
    log->repair_due = false;
    return NULL;
}

void raft_log_repaired(struct raft_log *log, struct raft_entry_id id)
{
    assert(id.index > 0);
    if (id.index < log->first_damaged || !raft_log_matches(log, id)) {
        return;
    }
    if (id.index > log->cold.index) {
        (*raft_log_slot(log, id.index))->repaired = false;
    } else if (id.index == log->lost) {
        raft_cold_found(log);
    }
    find_damaged(log, log->first_damaged);
}
