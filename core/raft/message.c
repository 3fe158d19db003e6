/* The message codec. message.h has the layout in words; here it is in bytes, all little-endian:
 *
 *    0  u32 magic "sqrm"      4  u16 version       6  u16 type
 *    8  u32 checksum of everything else
 *   12  u32 from             16  u32 to           20  u32 flags
 *   24  u64 term             32  u64 id.term      40  u64 id.index
 *   48  u64 commit           56  u64 hint.term    64  u64 hint.index
 *   72  u32 entry count      76  u32 bytes of all payloads, or of the piece
 *   80  u64 round            88  u64 offset       96  u64 total
 *  104  the entries of an APPEND_REQ or a REPAIR_REP (at most one), each: u64 term, u32 kind,
 *       u32 size, payload; to a witness a command goes as RAFT_ENTRY_ELIDED of size 0
 *  104  the piece of the snapshot file of an INSTALL_REQ
 *
 * Version 2: version 1 ended the fixed fields before the offset, and did not check the first eight
 * bytes: one flipped bit of the type made an answer of a question.
 *
 * Fault model: bytes come from a network and may be anything. Every length is checked before use.
 */
#include <raft/message.h>

#include <assert.h>
#include <string.h>

#define MESSAGE_MAGIC   0x6d727173u
#define MESSAGE_VERSION 2u
#define AT_CHECKSUM     8u

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

/* Of all that stands around the checksum. */
static uint32_t checksum(const uint8_t *bytes, size_t size)
{
    const size_t behind = AT_CHECKSUM + 4;
    assert(size >= RAFT_MESSAGE_SIZE);
    return raft_crc32c(raft_crc32c(0, bytes, AT_CHECKSUM), bytes + behind, size - behind);
}

/* Whether an entry leaves without its payload. That the encoder does it spares an allocation, and
 * an entry of its own whose references would have to be counted. */
static bool is_elided(const struct raft_message *message, const struct raft_entry *entry)
{
    return entry->kind == RAFT_ENTRY_COMMAND && (message->flags & RAFT_FLAG_WITNESS) != 0;
}

uint32_t raft_message_payload_size(const struct raft_message *message,
                                   const struct raft_entry *entry)
{
    return is_elided(message, entry) ? 0 : entry->size;
}

/* Bytes behind the fixed fields that are no headers of entries. */
static uint32_t payload_total(const struct raft_message *message)
{
    uint32_t total = message->size;
    for (uint32_t i = 0; i < message->entry_count; i++) {
        total += raft_message_payload_size(message, message->entries[i]);
    }
    return total;
}

/* Whether a type of message may have so many entries. */
static bool may_have(uint32_t type, uint32_t entry_count)
{
    if (type == RAFT_MESSAGE_REPAIR_REP) {
        return entry_count <= 1;
    }
    return entry_count == 0 || type == RAFT_MESSAGE_APPEND_REQ;
}

size_t raft_message_size(const struct raft_message *message)
{
    return RAFT_MESSAGE_SIZE + (size_t)message->entry_count * RAFT_MESSAGE_ENTRY_SIZE +
           payload_total(message);
}

void raft_message_encode(const struct raft_message *message, uint8_t *bytes)
{
    assert(message->type > 0 && message->type < RAFT_MESSAGE_TYPE_COUNT);
    assert(may_have(message->type, message->entry_count));
    assert((message->size > 0) == (message->type == RAFT_MESSAGE_INSTALL_REQ));
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
    put64(bytes + 88, message->offset);
    put64(bytes + 96, message->total);
    uint8_t *at = bytes + RAFT_MESSAGE_SIZE;
    for (uint32_t i = 0; i < message->entry_count; i++) {
        const struct raft_entry *entry = message->entries[i];
        uint32_t entry_size = raft_message_payload_size(message, entry);
        assert(entry->id.index == message->id.index + 1 + i);
        put64(at, entry->id.term);
        put32(at + 8, is_elided(message, entry) ? RAFT_ENTRY_ELIDED : entry->kind);
        put32(at + 12, entry_size);
        memcpy(at + RAFT_MESSAGE_ENTRY_SIZE, entry->payload, entry_size);
        at += RAFT_MESSAGE_ENTRY_SIZE + entry_size;
    }
    if (message->size > 0) {
        memcpy(at, message->bytes, message->size);
        at += message->size;
    }
    put32(bytes + AT_CHECKSUM, checksum(bytes, (size_t)(at - bytes)));
}

/* Whether what follows the fixed fields is a piece of the snapshot that they name. */
static bool is_piece(const uint8_t *bytes, size_t size)
{
    raft_term term = get64(bytes + 32);
    size_t piece = size - RAFT_MESSAGE_SIZE;
    return term > 0 && term <= get64(bytes + 24) && get64(bytes + 40) > 0 && piece > 0 &&
           piece == get32(bytes + 76) && piece <= get64(bytes + 96) - get64(bytes + 88);
}

/* Whether an entry's header is one that the encoder writes: what goes to a witness as an id comes
 * as one, and an id has no payload. */
static bool is_entry(uint32_t kind, uint32_t size, uint32_t flags)
{
    if (kind == RAFT_ENTRY_ELIDED && size > 0) {
        return false;
    }
    if (kind == RAFT_ENTRY_COMMAND && (flags & RAFT_FLAG_WITNESS) != 0) {
        return false;
    }
    return kind > 0 && kind < RAFT_ENTRY_KIND_COUNT;
}

/* Whether the bytes are a message: lengths, checksum, and every entry within its bounds. */
static bool is_message(const uint8_t *bytes, size_t size)
{
    if (size < RAFT_MESSAGE_SIZE || get32(bytes) != MESSAGE_MAGIC ||
        get16(bytes + 4) != MESSAGE_VERSION) {
        return false;
    }
    uint32_t type = get16(bytes + 6);
    if (type == 0 || type >= RAFT_MESSAGE_TYPE_COUNT ||
        get32(bytes + AT_CHECKSUM) != checksum(bytes, size)) {
        return false;
    }
    uint32_t count = get32(bytes + 72);
    if (get32(bytes + 12) == RAFT_NODE_NONE || get32(bytes + 16) == RAFT_NODE_NONE ||
        !may_have(type, count) || get64(bytes + 88) > get64(bytes + 96)) {
        return false;
    }
    if (type == RAFT_MESSAGE_INSTALL_REQ) {
        return is_piece(bytes, size);
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
        if (entry_term < term || entry_term > get64(bytes + 24) || size - at < entry_size ||
            !is_entry(kind, entry_size, get32(bytes + 20))) {
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
        .offset = get64(bytes + 88),
        .total = get64(bytes + 96),
        .holder = RAFT_HOLDER_MESSAGE,
    };
}

/* Copies the piece behind the fixed fields. RAFT_NOMEM. */
static enum raft_status read_piece(const uint8_t *bytes, size_t size, struct raft_message *message)
{
    const struct raft_memory *memory = message->memory;
    message->bytes = memory->alloc(memory->ctx, RAFT_AT_MESSAGE_DECODE_PIECE, size);
    if (message->bytes == NULL) {
        return RAFT_NOMEM;
    }
    memcpy(message->bytes, bytes, size);
    message->size = (uint32_t)size;
    return RAFT_OK;
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
    if (message->type == RAFT_MESSAGE_INSTALL_REQ) {
        return read_piece(bytes + RAFT_MESSAGE_SIZE, size - RAFT_MESSAGE_SIZE, message);
    }
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
    message->size = message->type == RAFT_MESSAGE_INSTALL_REQ ? get32(bytes + 76) : 0;
    return RAFT_OK;
}

void raft_message_release(struct raft_message *message)
{
    if (message->entries != NULL) {
        for (uint32_t i = 0; i < message->entry_count; i++) {
            raft_entry_drop(message->entries[i], message->holder);
        }
        message->memory->free(message->memory->ctx, message->entries);
        message->entries = NULL;
        message->entry_count = 0;
    }
    if (message->bytes != NULL) {
        message->memory->free(message->memory->ctx, message->bytes);
        message->bytes = NULL;
        message->size = 0;
    }
}
