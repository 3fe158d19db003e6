/* Entries and their references. entry.h has the census of holders.
 *
 * Invariants:
 *  1. count is the sum of holders[], and positive while the entry lives.
 *  2. No holder gives back what it did not take. */
#include <raft/configuration.h>
#include <raft/entry.h>

#include <assert.h>

bool raft_entry_payload_is_good(uint32_t kind, const uint8_t *payload, uint32_t size)
{
    struct raft_configuration configuration;
    if (kind == RAFT_ENTRY_ELIDED) {
        return size == 0;
    }
    return kind != RAFT_ENTRY_CONFIGURATION ||
           (raft_configuration_decode(payload, size, &configuration) && configuration.count > 0);
}

enum raft_status raft_entry_create_at(const struct raft_memory *memory, enum raft_point point,
                                      enum raft_entry_kind kind, uint32_t size,
                                      enum raft_holder holder, struct raft_entry **out_entry,
                                      const char *site)
{
    assert(kind > 0 && kind < RAFT_ENTRY_KIND_COUNT);
    struct raft_entry *entry = memory->alloc(memory->ctx, point, sizeof *entry + size);
    if (entry == NULL) {
        return RAFT_NOMEM;
    }
    *entry = (struct raft_entry){.memory = memory, .kind = kind, .size = size};
    raft_entry_hold_at(entry, holder, site);
    *out_entry = entry;
    return RAFT_OK;
}

void raft_entry_hold_at(struct raft_entry *entry, enum raft_holder holder, const char *site)
{
    assert((unsigned)holder < RAFT_HOLDER_COUNT);
    assert(entry->holders[holder] < UINT32_MAX && entry->count < UINT32_MAX);
    entry->holders[holder]++;
    entry->count++;
    const struct raft_probe *probe = entry->memory->probe;
    if (probe != NULL) {
        probe->entry_held(probe->ctx, entry, holder, site);
    }
}

void raft_entry_drop_at(struct raft_entry *entry, enum raft_holder holder, const char *site)
{
    assert((unsigned)holder < RAFT_HOLDER_COUNT);
    const struct raft_memory *memory = entry->memory;
    if (memory->probe != NULL) {
        memory->probe->entry_dropped(memory->probe->ctx, entry, holder, site);
    }
    assert(entry->holders[holder] > 0);
    assert(entry->count >= entry->holders[holder]);
    entry->holders[holder]--;
    entry->count--;
    if (entry->count == 0) {
        memory->free(memory->ctx, entry);
    }
}
