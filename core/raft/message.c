/* The message codec. message.h has the layout in words; here it is in bytes, all little-endian:
 *
 *    0  u32 magic "sqrm"      4  u16 version       6  u16 type
 *    8  u32 checksum of everything else
 *   12  u32 from             16  u32 to           20  u32 flags
 *   24  u64 term             32  u64 id.term      40  u64 id.index
 *   48  u64 commit           56  u64 hint.term    64  u64 hint.index
 *   72  u32 entry count      76  u32 total payload bytes
 *   80  u64 round
 *   88  the entries, each: u64 term, u32 kind, u32 size, payload
 *
 * Fault model: bytes come from a network and may be anything. Every length is checked before use.
 */
#include <raft/message.h>

#include <assert.h>
#include <string.h>

#define MESSAGE_MAGIC   0x6d727173u
#define MESSAGE_VERSION 1u

/* The type is under it as well: one flipped bit must not make an append of a pre-vote. */
static uint32_t checksum(const uint8_t *bytes, size_t size)
{
    assert(size >= RAFT_MESSAGE_SIZE);
    return raft_crc32c(raft_crc32c(0, bytes, 8), bytes + 12, size - 12);
}

static void put16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)value;
    at[1] = (uint8_t)(value >> 8);
}

static void put32(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++) {
        at[i] = (uint8_t)(value >> (8 * i));
    }
}

static void put64(uint8_t *at, uint64_t value)
{
    for (int i = 0; i < 8; i++) {
        at[i] = (uint8_t)(value >> (8 * i));
    }
}

static uint32_t get16(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8;
}

static uint32_t get32(const uint8_t *at)
{
    return get16(at) | get16(at + 2) << 16;
}

static uint64_t get64(const uint8_t *at)
{
    return (uint64_t)get32(at) | (uint64_t)get32(at + 4) << 32;
}

static uint32_t payload_total(const struct raft_message *message)
{
    uint32_t total = 0;
    for (uint32_t i = 0; i < message->entry_count; i++) {
        total += message->entries[i]->size;
    }
    return total;
}

size_t raft_message_size(const struct raft_message *message)
{
    return RAFT_MESSAGE_SIZE + (size_t)message->entry_count * RAFT_MESSAGE_ENTRY_SIZE +
           payload_total(message);
}

void raft_message_encode(const struct raft_message *message, uint8_t *bytes)
{
    assert(message->type > 0 && message->type < RAFT_MESSAGE_TYPE_COUNT);
    assert(message->entry_count == 0 || message->type == RAFT_MESSAGE_APPEND_REQ);
    put32(bytes, MESSAGE_MAGIC);
    put16(bytes + 4, MESSAGE_VERSION);
    put16(bytes + 6, message->type);
    put32(bytes + 12, message->from);
    put32(bytes + 16, message->to);
    put32(bytes + 20, message->flags);
    put64(bytes + 24, message->term);
    put64(bytes + 32, message->id.term);
    put64(bytes + 40, message->id.index);
    put64(bytes + 48, message->commit);
    put64(bytes + 56, message->hint.term);
    put64(bytes + 64, message->hint.index);
    put32(bytes + 72, message->entry_count);
    put32(bytes + 76, payload_total(message));
    put64(bytes + 80, message->round);
    uint8_t *at = bytes + RAFT_MESSAGE_SIZE;
    for (uint32_t i = 0; i < message->entry_count; i++) {
        const struct raft_entry *entry = message->entries[i];
        assert(entry->id.index == message->id.index + 1 + i);
        put64(at, entry->id.term);
        put32(at + 8, entry->kind);
        put32(at + 12, entry->size);
        memcpy(at + RAFT_MESSAGE_ENTRY_SIZE, entry->payload, entry->size);
        at += RAFT_MESSAGE_ENTRY_SIZE + entry->size;
    }
    put32(bytes + 8, checksum(bytes, (size_t)(at - bytes)));
}

/* Whether the bytes are a message: lengths, checksum, and every entry within its bounds. */
static bool is_message(const uint8_t *bytes, size_t size)
{
    if (size < RAFT_MESSAGE_SIZE || get32(bytes) != MESSAGE_MAGIC ||
        get16(bytes + 4) != MESSAGE_VERSION) {
        return false;
    }
    uint32_t type = get16(bytes + 6);
    if (type == 0 || type >= RAFT_MESSAGE_TYPE_COUNT || get32(bytes + 8) != checksum(bytes, size)) {
        return false;
    }
    uint32_t count = get32(bytes + 72);
    if (get32(bytes + 12) == RAFT_NODE_NONE || get32(bytes + 16) == RAFT_NODE_NONE ||
        (count > 0 && type != RAFT_MESSAGE_APPEND_REQ)) {
        return false;
    }
    size_t at = RAFT_MESSAGE_SIZE;
    uint32_t total = 0;
    raft_term term = get64(bytes + 32);
    for (uint32_t i = 0; i < count; i++) {
        if (size - at < RAFT_MESSAGE_ENTRY_SIZE) {
            return false;
        }
        raft_term entry_term = get64(bytes + at);
        uint32_t kind = get32(bytes + at + 8);
        uint32_t entry_size = get32(bytes + at + 12);
        at += RAFT_MESSAGE_ENTRY_SIZE;
        if (entry_term < term || entry_term > get64(bytes + 24) || kind == 0 ||
            kind >= RAFT_ENTRY_KIND_COUNT || size - at < entry_size) {
            return false;
        }
        term = entry_term;
        at += entry_size;
        total += entry_size;
    }
    return at == size && total == get32(bytes + 76);
}

static void read_fields(const uint8_t *bytes, struct raft_message *message)
{
    *message = (struct raft_message){
        .type = (enum raft_message_type)get16(bytes + 6),
        .from = get32(bytes + 12),
        .to = get32(bytes + 16),
        .flags = get32(bytes + 20),
        .term = get64(bytes + 24),
        .id = {.term = get64(bytes + 32), .index = get64(bytes + 40)},
        .commit = get64(bytes + 48),
        .hint = {.term = get64(bytes + 56), .index = get64(bytes + 64)},
        .round = get64(bytes + 80),
        .holder = RAFT_HOLDER_MESSAGE,
    };
}

enum raft_status raft_message_decode(const struct raft_memory *memory, const uint8_t *bytes,
                                     size_t size, struct raft_message *message)
{
    enum raft_status status = RAFT_OK;
    *message = (struct raft_message){0};
    if (raft_exit_taken(memory, RAFT_AT_MESSAGE_DECODE_CORRUPT, !is_message(bytes, size))) {
        return RAFT_CORRUPT;
    }
    read_fields(bytes, message);
    message->memory = memory;
    uint32_t count = get32(bytes + 72);
    if (count == 0) {
        return RAFT_OK;
    }
    message->entries = memory->alloc(memory->ctx, RAFT_AT_MESSAGE_DECODE_ARRAY,
                                     count * sizeof message->entries[0]);
    if (message->entries == NULL) {
        return RAFT_NOMEM;
    }
    message->entry_capacity = count;
    const uint8_t *at = bytes + RAFT_MESSAGE_SIZE;
    for (uint32_t i = 0; i < count; i++) {
        struct raft_entry *entry = NULL;
        uint32_t entry_size = get32(at + 12);
        status = raft_entry_create(memory, RAFT_AT_MESSAGE_DECODE_ENTRY,
                                   (enum raft_entry_kind)get32(at + 8), entry_size,
                                   RAFT_HOLDER_MESSAGE, &entry);
        if (status != RAFT_OK) {
            goto out;
        }
        entry->id = (struct raft_entry_id){get64(at), message->id.index + 1 + i};
        memcpy(entry->payload, at + RAFT_MESSAGE_ENTRY_SIZE, entry_size);
        message->entries[message->entry_count++] = entry;
        at += RAFT_MESSAGE_ENTRY_SIZE + entry_size;
    }
    assert(at == bytes + size);
out:
    if (status != RAFT_OK) {
        raft_message_release(message);
    }
    return status;
}

enum raft_status raft_message_peek(const uint8_t *bytes, size_t size, struct raft_message *message)
{
    /* An observer's look is no step of the node: it passes no fault point. */
    if (!is_message(bytes, size)) {
        return RAFT_CORRUPT;
    }
    read_fields(bytes, message);
    message->entry_count = get32(bytes + 72);
    return RAFT_OK;
}

void raft_message_release(struct raft_message *message)
{
    if (message->entries == NULL) {
        return;
    }
    for (uint32_t i = 0; i < message->entry_count; i++) {
        raft_entry_drop(message->entries[i], message->holder);
    }
    message->memory->free(message->memory->ctx, message->entries);
    message->entries = NULL;
    message->entry_count = 0;
}
