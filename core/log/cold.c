/* What has left memory: its terms, its configurations, and the one entry of it that storage has
 * lost.
 *
 * An entry leaves memory when the log takes more than size_max bytes, from the front, once it is
 * applied and durable: nothing but a follower that lags needs it then. The bound is soft: what is
 * not applied, not durable or damaged stays, and so does everything behind it.
 *
 *   - Terms stay known as *runs*, entries of one term in a row, so that a position is compared
 *     without I/O; a log has few terms. The table covers the ring, too: an append that begins
 *     a term adds to it, and nothing has to be allocated when an entry leaves.
 *   - Configurations stay in memory as a list: who is a member is asked at any moment.
 *   - A record that turns out to be bad when it is read makes its entry *lost*: damaged like one
 *     that was found at start, but all that is known of it is its id. It comes back from another
 *     node (*mended*; a configuration, from memory) and leaves memory again when its record is
 *     rewritten; if the record cannot be, only a compaction ends it. Only the first is remembered:
 *     whoever reads on finds the next.
 *
 * Invariants:
 *  1. runs[i].first and runs[i].term ascend; runs[0].first is base.index + 1, if there is an entry.
 *  2. kept_first … kept_last are the configurations in (base, cold], held as LOG.
 *  3. base.index < lost <= cold.index, or lost is 0; mended is its entry, held as LOG (twice, if it
 *     is kept as well), or NULL. */
#include "log_internal.h"

#include <string.h>

/* ---- runs ---- */

enum raft_status raft_runs_reserve(struct raft_log *log, size_t count)
{
    const struct raft_memory *memory = log->memory;
    if (log->run_count + count <= log->run_capacity) {
        return RAFT_OK;
    }
    size_t capacity = log->run_capacity + log->run_capacity / 2 + count;
    struct raft_run *runs =
        memory->alloc(memory->ctx, RAFT_AT_LOG_RESERVE_RUNS, capacity * sizeof runs[0]);
    if (runs == NULL) {
        return RAFT_NOMEM;
    }
    if (log->run_count > 0) {
        memcpy(runs, log->runs, log->run_count * sizeof runs[0]);
    }
    memory->free(memory->ctx, log->runs);
    log->runs = runs;
    log->run_capacity = capacity;
    return RAFT_OK;
}

void raft_runs_append(struct raft_log *log, struct raft_entry_id id)
{
    if (log->run_count > 0 && log->runs[log->run_count - 1].term == id.term) {
        return;
    }
    assert(log->run_count < log->run_capacity);
    assert(log->run_count > 0 || id.index == log->base.index + 1);
    log->runs[log->run_count++] = (struct raft_run){.first = id.index, .term = id.term};
}

void raft_runs_truncate(struct raft_log *log, raft_index keep_last)
{
    while (log->run_count > 0 && log->runs[log->run_count - 1].first > keep_last) {
        log->run_count--;
    }
}

/* How many runs begin at or before an index and have at most a term. */
static size_t count_up_to(const struct raft_log *log, raft_term term, raft_index index)
{
    size_t low = 0;
    size_t high = log->run_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (log->runs[middle].first <= index && log->runs[middle].term <= term) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

void raft_runs_compact(struct raft_log *log, raft_index base)
{
    if (base == raft_log_last_index(log)) {
        log->run_count = 0;
        return;
    }
    size_t count = count_up_to(log, UINT64_MAX, base + 1);
    assert(count > 0);
    log->run_count -= count - 1;
    memmove(log->runs, log->runs + count - 1, log->run_count * sizeof log->runs[0]);
    log->runs[0].first = base + 1;
}

raft_term raft_runs_term(const struct raft_log *log, raft_index index)
{
    assert(index >= log->base.index && index <= raft_log_last_index(log));
    size_t count = count_up_to(log, UINT64_MAX, index);
    return count == 0 ? log->base.term : log->runs[count - 1].term;
}

struct raft_entry_id raft_runs_hint(const struct raft_log *log, raft_term term, raft_index index)
{
    /* Terms ascend along the log, so that the runs that qualify are the first ones. */
    size_t count = count_up_to(log, term, index);
    if (count == 0) {
        return log->base;
    }
    raft_index end = count < log->run_count ? log->runs[count].first - 1 : index;
    return (struct raft_entry_id){log->runs[count - 1].term, end < index ? end : index};
}

/* ---- what leaves ---- */

struct raft_entry *raft_log_pop(struct raft_log *log)
{
    assert(log->count > 0);
    struct raft_entry *entry = log->slots[log->offset];
    assert(entry->id.index == log->cold.index + 1);
    log->offset = (log->offset + 1) % log->capacity;
    log->count--;
    log->cold = entry->id;
    return entry;
}

static void keep(struct raft_log *log, struct raft_entry *entry)
{
    assert(entry->kind == RAFT_ENTRY_CONFIGURATION && entry->next == NULL);
    if (log->kept_last == NULL) {
        log->kept_first = entry;
    } else {
        log->kept_last->next = entry;
    }
    log->kept_last = entry;
    log->kept_count++;
}

void raft_log_cool(struct raft_log *log, raft_index applied)
{
    if (log->size <= log->size_max) {
        return;
    }
    raft_index end = raft_log_durable(log).index;
    end = applied < end ? applied : end;
    while (log->size > log->size_max && log->cold.index < end) {
        struct raft_entry *entry = raft_log_pop(log);
        if (entry->kind == RAFT_ENTRY_CONFIGURATION) {
            keep(log, entry);
        } else {
            raft_log_drop(log, entry);
        }
    }
}

/* ---- what stays of it ---- */

static struct raft_entry *find_kept(const struct raft_log *log, raft_index index)
{
    struct raft_entry *entry = log->kept_first;
    while (entry != NULL && entry->id.index != index) {
        entry = entry->next;
    }
    return entry;
}

struct raft_entry *raft_cold_peek(const struct raft_log *log, raft_index index)
{
    struct raft_entry *kept = find_kept(log, index);
    return kept == NULL && index == log->lost ? log->mended : kept;
}

const struct raft_entry *raft_cold_configuration(const struct raft_log *log, raft_index index)
{
    const struct raft_entry *found = NULL;
    for (const struct raft_entry *entry = log->kept_first;
         entry != NULL && entry->id.index <= index; entry = entry->next) {
        found = entry;
    }
    return found;
}

static void drop_mended(struct raft_log *log)
{
    if (log->mended != NULL) {
        log->mended->repaired = false;
        raft_log_drop(log, log->mended);
        log->mended = NULL;
    }
}

void raft_cold_found(struct raft_log *log)
{
    drop_mended(log);
    log->lost = 0;
    log->is_unmendable = false;
}

void raft_cold_mend(struct raft_log *log, struct raft_entry *entry)
{
    assert(log->mended == NULL && entry->id.index == log->lost);
    raft_log_hold(log, entry);
    entry->repaired = true;
    log->mended = entry;
    log->repair_due = true;
}

void raft_log_unmendable(struct raft_log *log)
{
    assert(log->lost != 0);
    drop_mended(log);
    log->is_unmendable = true;
}

void raft_cold_forget(struct raft_log *log, raft_index index)
{
    while (log->kept_first != NULL && log->kept_first->id.index <= index) {
        struct raft_entry *entry = log->kept_first;
        log->kept_first = entry->next;
        log->kept_last = log->kept_first == NULL ? NULL : log->kept_last;
        log->kept_count--;
        entry->next = NULL;
        raft_log_drop(log, entry);
    }
    if (log->lost <= index) {
        raft_cold_found(log);
    }
}

void raft_log_lost(struct raft_log *log, raft_index index)
{
    assert(index > log->base.index && index <= log->cold.index);
    if (log->lost != 0 && log->lost <= index) {
        return;
    }
    raft_cold_found(log);
    log->lost = index;
    log->first_damaged = index;
    struct raft_entry *kept = find_kept(log, index);
    if (kept != NULL) {
        /* Only its record is lost: nobody has to be asked. */
        raft_cold_mend(log, kept);
    }
}
