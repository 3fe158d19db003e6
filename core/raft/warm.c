/* Cold entries that are read again: for a follower far behind, and for a node that asks for a
 * damaged one (Alagappan et al. 2018).
 *
 * One read at a time brings a batch into the *window*, which all peers share; it takes the place of
 * what the read before it brought. A follower whose next entry is in the window is sent from there.
 * One whose next entry is neither there nor in memory waits for its turn, and so many reads are
 * made only for followers that have answered: a silent one stays in PROBE, which needs no entries.
 *
 *      follower waits, entry asked for --LOAD--> busy --entries--> window --nobody needs it--> none
 *                                                  |
 *                                                  +-- refused, no memory: again after RETRY
 *                                                  +-- cannot be read: that one alone, again after
 *                                                      RETRY; LOAD_TRIES_MAX times, then it is lost
 *
 * What comes may have been compacted meanwhile, or replaced by a snapshot: then it is dropped. It
 * cannot have been cut, since what is cold is committed.
 *
 * Invariants:
 *  1. The window has entries of the log, with its terms, in a row.
 *  2. A read that failed gives nothing: whatever is sent from the window was read and checked
 *     whole.
 *  3. The window has at most a batch. */
#include "raft_internal.h"

#include <assert.h>

#define LOAD_TRIES_MAX 3u

static void entries_release(const struct raft *raft, struct raft_entry **entries, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        raft_entry_drop(entries[i], RAFT_HOLDER_LOADING);
    }
    raft->memory->free(raft->memory->ctx, entries);
}

void raft_warm_release(struct raft *raft)
{
    entries_release(raft, raft->warm.entries, raft->warm.count);
    raft->warm.entries = NULL;
    raft->warm.count = 0;
}

static bool is_in_window(const struct raft *raft, raft_index index)
{
    const struct raft_warm *warm = &raft->warm;
    return warm->count > 0 && index >= warm->entries[0]->id.index &&
           index - warm->entries[0]->id.index < warm->count;
}

bool raft_warm_lacks(const struct raft *raft, raft_index index)
{
    return index > raft->log->base.index && index <= raft->log->cold.index &&
           raft_log_peek(raft->log, index) == NULL && !is_in_window(raft, index);
}

struct raft_entry *raft_warm_get_at(const struct raft *raft, raft_index index,
                                    enum raft_holder holder, const char *site)
{
    if (index > raft->log->cold.index) {
        return NULL;
    }
    struct raft_entry *entry = raft_log_peek(raft->log, index);
    if (entry == NULL && is_in_window(raft, index)) {
        entry = raft->warm.entries[index - raft->warm.entries[0]->id.index];
    }
    if (entry != NULL) {
        assert(entry->id.index == index && raft_log_matches(raft->log, entry->id));
        raft_entry_hold_at(entry, holder, site);
    }
    return entry;
}

/* Whether somebody is to be sent something of the window. */
static bool is_needed(const struct raft *raft)
{
    for (uint32_t i = 0; i < raft->peer_count; i++) {
        const struct raft_peer *peer = &raft->peers[i];
        bool follows = raft->role == RAFT_LEADER && peer->kind != RAFT_PEER_STRANGER &&
                       peer->state != RAFT_INSTALL;
        if ((follows && is_in_window(raft, peer->next)) ||
            (peer->repair_reply.due && is_in_window(raft, peer->repair_reply.id.index))) {
            return true;
        }
    }
    return false;
}

/* What a peer waits for; false: for nothing. */
static bool waits(const struct raft *raft, const struct raft_peer *peer, raft_index *out_first,
                  raft_index *out_last)
{
    raft_index asked = peer->repair_reply.id.index;
    if (peer->repair_reply.due && asked != raft->log->lost && raft_warm_lacks(raft, asked)) {
        *out_first = asked;
        *out_last = asked;
        return true;
    }
    if (!raft_replication_waits(raft, peer)) {
        return false;
    }
    raft_index most = raft->options.batch_entries_max;
    *out_first = peer->next;
    *out_last = raft->log->cold.index;
    if (*out_last - *out_first >= most) {
        *out_last = *out_first + most - 1;
    }
    return true;
}

/* What is to be read next. */
static bool choose(struct raft *raft, raft_index *out_first, raft_index *out_last)
{
    struct raft_warm *warm = &raft->warm;
    if (warm->failed > raft->log->base.index) {
        /* Whatever is wanted behind it, it is not known which entry the failure was of. */
        *out_first = warm->failed;
        *out_last = warm->failed;
        return true;
    }
    for (uint32_t i = 0; i < raft->peer_count; i++) {
        uint32_t at = (warm->cursor + i) % raft->peer_count;
        if (waits(raft, &raft->peers[at], out_first, out_last)) {
            warm->cursor = (at + 1) % raft->peer_count;
            return true;
        }
    }
    return false;
}

bool raft_warm_load(struct raft *raft, struct raft_effect *effect)
{
    struct raft_warm *warm = &raft->warm;
    raft_index first = 0;
    raft_index last = 0;
    if (warm->count > 0 && !is_needed(raft)) {
        raft_warm_release(raft);
    }
    bool is_any_cold = raft->log->cold.index > raft->log->base.index;
    if (!is_any_cold || warm->busy || warm->blocked || !choose(raft, &first, &last)) {
        return false;
    }
    assert(first > raft->log->base.index && first <= last && last <= raft->log->cold.index);
    warm->busy = true;
    warm->first = first;
    effect->type = RAFT_EFFECT_LOAD;
    effect->first = first;
    effect->last.index = last;
    return true;
}

/* An entry could not be read: the device may do better the next time. */
static void on_failure(struct raft *raft, raft_index index)
{
    struct raft_warm *warm = &raft->warm;
    warm->failures = warm->failed == index ? warm->failures + 1 : 1;
    warm->failed = index;
    if (warm->failures < LOAD_TRIES_MAX) {
        warm->blocked = true;
        return;
    }
    warm->failed = 0;
    raft_repair_lost(raft, index);
}

/* The first entry that is not the log's, or 0: another one is in its place. */
static raft_index find_other(const struct raft *raft, const struct raft_event *event)
{
    for (uint32_t i = 0; i < event->entry_count; i++) {
        struct raft_entry_id id = event->entries[i]->id;
        assert(id.index == raft->warm.first + i);
        if (!raft_log_matches(raft->log, id)) {
            return id.index;
        }
    }
    return 0;
}

void raft_on_loaded(struct raft *raft, const struct raft_event *event)
{
    struct raft_warm *warm = &raft->warm;
    assert(warm->busy);
    warm->busy = false;
    struct raft_entry **entries = event->entries;
    uint32_t count = event->entry_count;
    if (raft_exit_taken(raft->memory, RAFT_AT_WARM_LOAD_STALE,
                        warm->first <= raft->log->base.index)) {
        goto out;
    }
    if (event->status != RAFT_OK && event->status != RAFT_CORRUPT) {
        warm->blocked = true;
        goto out;
    }
    raft_index bad = event->status == RAFT_OK ? find_other(raft, event) : event->id.index;
    if (bad != 0) {
        on_failure(raft, bad);
        goto out;
    }
    assert(count > 0);
    if (warm->failed == warm->first) {
        warm->failed = 0;
    }
    raft_warm_release(raft);
    warm->entries = entries;
    warm->count = count;
    entries = NULL;
    count = 0;
out:
    entries_release(raft, entries, count);
}
