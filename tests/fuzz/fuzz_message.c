/* Any bytes as a message: what is decoded encodes to the same bytes, an observer sees the same
 * fields, and nothing stays owned, also when memory ends at any allocation.
 *
 * The checksum would stop nearly every mutation, so the mutator mostly seals what it has changed:
 * with a right checksum alone, or with entries that also fit the size. */
#include "fuzz.h"

#include "core_memory.h"

#include <assert.h>
#include <raft/message.h>

/* The layout of core/raft/message.c. */
#define MAGIC      "sqrm"
#define VERSION    2u
#define AT_VERSION 4u
#define AT_TYPE    6u
#define AT_SUM     8u
#define AT_FIELDS  12u
#define AT_TERM    24u
#define AT_ID_TERM 32u
#define AT_COUNT   72u
#define AT_TOTAL   76u
#define AT_OFFSET  88u
#define AT_FILE    96u

/* ---- the mutator ---- */

static void put(uint8_t *at, unsigned size, uint64_t value)
{
    for (unsigned i = 0; i < size; i++) {
        at[i] = (uint8_t)(value >> (8 * i));
    }
}

static uint64_t get(const uint8_t *at, unsigned size)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < size; i++) {
        value |= (uint64_t)at[i] << (8 * i);
    }
    return value;
}

static void seal(uint8_t *bytes, size_t size)
{
    memcpy(bytes, MAGIC, 4);
    put(bytes + AT_VERSION, 2, VERSION);
    uint32_t sum = raft_crc32c(0, bytes, AT_SUM);
    put(bytes + AT_SUM, 4, raft_crc32c(sum, bytes + AT_FIELDS, size - AT_FIELDS));
}

/* Makes a batch of what stands behind the fixed fields: each entry within the bytes that are left,
 * the terms in order, the count what there are. Returns the size without what is left over. */
static size_t fit(uint8_t *bytes, size_t size)
{
    size_t at = RAFT_MESSAGE_SIZE;
    uint64_t term = get(bytes + AT_ID_TERM, 8);
    uint32_t count = 0;
    uint32_t total = 0;
    while (size - at >= RAFT_MESSAGE_ENTRY_SIZE) {
        size_t left = size - at - RAFT_MESSAGE_ENTRY_SIZE;
        uint32_t entry_size = (uint32_t)(get(bytes + at + 12, 4) % (left + 1));
        if (get(bytes + at, 8) < term) {
            put(bytes + at, 8, term);
        }
        term = get(bytes + at, 8);
        put(bytes + at + 8, 4, 1 + get(bytes + at + 8, 4) % (RAFT_ENTRY_KIND_COUNT - 1));
        put(bytes + at + 12, 4, entry_size);
        at += RAFT_MESSAGE_ENTRY_SIZE + entry_size;
        total += entry_size;
        count++;
    }
    if (get(bytes + AT_TERM, 8) < term) {
        put(bytes + AT_TERM, 8, term);
    }
    put(bytes + AT_TYPE, 2, RAFT_MESSAGE_APPEND_REQ);
    put(bytes + AT_COUNT, 4, count);
    put(bytes + AT_TOTAL, 4, total);
    return at;
}

/* Makes a piece of a snapshot of what stands behind the fixed fields: within its file, of a term
 * that the sender knows. */
static void fit_piece(uint8_t *bytes, size_t size)
{
    uint64_t piece = size - RAFT_MESSAGE_SIZE;
    uint64_t offset = get(bytes + AT_OFFSET, 8) >> 16;
    uint64_t rest = get(bytes + AT_FILE, 8) >> 16;
    put(bytes + AT_TYPE, 2, RAFT_MESSAGE_INSTALL_REQ);
    put(bytes + AT_COUNT, 4, 0);
    put(bytes + AT_TOTAL, 4, piece);
    put(bytes + AT_OFFSET, 8, offset);
    put(bytes + AT_FILE, 8, offset + piece + rest);
    if (get(bytes + AT_ID_TERM, 8) > get(bytes + AT_TERM, 8)) {
        put(bytes + AT_TERM, 8, get(bytes + AT_ID_TERM, 8));
    }
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t size_max, unsigned seed)
{
    size = LLVMFuzzerMutate(data, size, size_max);
    unsigned choice = seed % 8;
    if (choice == 0 || size_max < RAFT_MESSAGE_SIZE) {
        return size;
    }
    if (size < RAFT_MESSAGE_SIZE) {
        memset(data + size, 1, RAFT_MESSAGE_SIZE - size);
        size = RAFT_MESSAGE_SIZE;
    }
    if (choice > 5) {
        size = fit(data, size);
    } else if (choice == 5) {
        fit_piece(data, size);
    } else if (choice == 4) {
        put(data + AT_TYPE, 2, 1 + seed / 8 % (RAFT_MESSAGE_TYPE_COUNT - 1));
        put(data + AT_COUNT, 4, 0);
    }
    seal(data, size);
    return size;
}

/* ---- the target ---- */

static void assert_same_fields(const struct raft_message *a, const struct raft_message *b)
{
    assert(a->type == b->type && a->flags == b->flags);
    assert(a->from == b->from && a->to == b->to);
    assert(a->term == b->term && a->commit == b->commit);
    assert(a->id.term == b->id.term && a->id.index == b->id.index);
    assert(a->hint.term == b->hint.term && a->hint.index == b->hint.index);
    assert(a->entry_count == b->entry_count && a->round == b->round);
    assert(a->offset == b->offset && a->total == b->total && a->size == b->size);
}

/* What the core relies on without looking again. */
static void assert_in_bounds(const struct raft_message *message)
{
    assert(message->type > 0 && message->type < RAFT_MESSAGE_TYPE_COUNT);
    assert(message->from != RAFT_NODE_NONE && message->to != RAFT_NODE_NONE);
    assert(message->entry_count == 0 || message->type == RAFT_MESSAGE_APPEND_REQ ||
           (message->entry_count == 1 && message->type == RAFT_MESSAGE_REPAIR_REP));
    assert((message->size > 0) == (message->type == RAFT_MESSAGE_INSTALL_REQ));
    assert((message->size > 0) == (message->bytes != NULL));
    assert(message->offset <= message->total && message->size <= message->total - message->offset);
    assert(message->size == 0 || (message->id.index > 0 && message->id.term > 0));
    assert(message->size == 0 || message->id.term <= message->term);
    raft_term term = message->id.term;
    for (uint32_t i = 0; i < message->entry_count; i++) {
        const struct raft_entry *entry = message->entries[i];
        assert(entry->kind > 0 && entry->kind < RAFT_ENTRY_KIND_COUNT);
        assert(entry->kind != RAFT_ENTRY_ELIDED || entry->size == 0);
        assert(entry->kind != RAFT_ENTRY_COMMAND || (message->flags & RAFT_FLAG_WITNESS) == 0);
        assert(entry->id.term >= term && entry->id.term <= message->term);
        assert(entry->id.index == message->id.index + 1 + i);
        assert(entry->count == 1 && entry->holders[RAFT_HOLDER_MESSAGE] == 1);
        term = entry->id.term;
    }
}

static void assert_encodes_to(const struct raft_message *message, const uint8_t *data, size_t size)
{
    assert(raft_message_size(message) == size);
    uint8_t *bytes = malloc(size);
    assert(bytes != NULL);
    raft_message_encode(message, bytes);
    assert(memcmp(bytes, data, size) == 0);
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct core_memory memory;
    struct raft_message peeked;
    struct raft_message message;
    core_memory_init(&memory);
    enum raft_status seen = raft_message_peek(data, size, &peeked);
    enum raft_status status = raft_message_decode(&memory.memory, data, size, &message);
    assert(status == seen && (status == RAFT_OK || status == RAFT_CORRUPT));
    assert(status == RAFT_OK || memory.live == 0);
    if (status == RAFT_OK) {
        assert_same_fields(&message, &peeked);
        assert_in_bounds(&message);
        assert_encodes_to(&message, data, size);
    }
    raft_message_release(&message);
    assert(memory.live == 0);
    raft_message_release(&message);

    long allocations = memory.allocations;
    for (long n = 1; n <= allocations; n++) {
        memory.allocations = 0;
        memory.fail_at = n;
        status = raft_message_decode(&memory.memory, data, size, &message);
        assert(status == RAFT_NOMEM && memory.live == 0);
        raft_message_release(&message);
        assert(memory.live == 0);
    }
    return 0;
}
