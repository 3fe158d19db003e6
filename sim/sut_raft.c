/* The core of this project as a node under test.
 *
 * All but the last two functions pass calls on to raft/replica.h. describe and read_durable are for
 * observers: they look at bytes only, share no code with the core's own recovery, and take part in
 * no step. The layouts are those of core/storage/README.md, read here a second time so that a
 * mistake there does not hide itself.
 *
 * The same file, compiled with SUT_EXPORT and linked with another copy of the core, is a shared
 * object for --sut. */
#include "sut.h"

#include <raft/message.h>
#include <raft/replica.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define STATE_NAME       "hard-state"
#define STATE_MAGIC      0x54535152u
#define STATE_SIZE       36u
#define STATE_OFFSET_B   4096u
#define SEGMENT_PREFIX   "log-"
#define SEGMENT_SIZE     32u
#define RECORD_SIZE      48u
#define RECORD_ALIGN     8u
#define SNAPSHOT_PREFIX  "snapshot-"
#define SNAPSHOT_MAGIC   0x4e535152u
#define SNAPSHOT_HEADER  168u
#define SNAPSHOT_TRAILER 8u
#define TRAILER_MAGIC    0x4c545152u
#define LOG_VERSION      2u /* of the hard state */
#define FORMAT_VERSION   1u /* of snapshots */

/* ---- the node ---- */

static enum raft_status node_create(const struct raft_options *options, const struct raft_env *env,
                                    void **out_node)
{
    struct raft_replica *replica = NULL;
    enum raft_status status = raft_replica_create(options, env, &replica);
    if (status == RAFT_OK) {
        *out_node = replica;
    }
    return status;
}

static enum raft_status node_start(void *node, raft_time now_ns, bool bootstrap)
{
    return raft_replica_start(node, now_ns, bootstrap);
}

static void node_receive(void *node, raft_time now_ns, const uint8_t *bytes, size_t size)
{
    raft_replica_receive(node, now_ns, bytes, size);
}

static void node_timer(void *node, raft_time now_ns, enum raft_timer timer)
{
    raft_replica_timer(node, now_ns, timer);
}

static void node_io_done(void *node, raft_time now_ns, struct raft_io *io)
{
    raft_replica_io_done(node, now_ns, io);
}

static void node_applied(void *node, raft_time now_ns, enum raft_status status, raft_index index)
{
    raft_replica_applied(node, now_ns, status, index);
}

static enum raft_status node_submit(void *node, raft_time now_ns, uint64_t request,
                                    const uint8_t *payload, uint32_t size)
{
    return raft_replica_submit(node, now_ns, request, payload, size);
}

static void node_set_read_only(void *node, raft_time now_ns, bool read_only)
{
    raft_replica_set_read_only(node, now_ns, read_only);
}

static enum raft_status node_campaign(void *node, raft_time now_ns)
{
    return raft_replica_campaign(node, now_ns);
}

static enum raft_status node_transfer(void *node, raft_time now_ns, raft_node_id target)
{
    return raft_replica_transfer(node, now_ns, target);
}

static enum raft_status node_snapshot(void *node, raft_time now_ns)
{
    return raft_replica_snapshot(node, now_ns);
}

static enum raft_status node_read(void *node, raft_time now_ns, uint64_t request)
{
    return raft_replica_read(node, now_ns, request);
}

static enum raft_status node_change(void *node, raft_time now_ns, uint64_t request,
                                    const struct raft_configuration *target)
{
    return raft_replica_change(node, now_ns, request, target);
}

static enum raft_status node_recover(void *node, raft_time now_ns,
                                     const struct raft_configuration *target)
{
    return raft_replica_recover(node, now_ns, target);
}

static void node_stop(void *node, raft_time now_ns)
{
    raft_replica_stop(node, now_ns);
}

static void node_destroy(void *node)
{
    raft_replica_destroy(node);
}

static void node_view(const void *node, struct raft_view *out_view)
{
    raft_replica_get_view(node, out_view);
}

static bool node_progress(const void *node, raft_node_id peer, struct raft_progress_view *out_view)
{
    return raft_replica_get_progress(node, peer, out_view);
}

static bool node_entry(const void *node, raft_index index, struct sut_entry *out_entry)
{
    const struct raft_entry *entry = raft_replica_peek(node, index);
    if (entry == NULL) {
        return false;
    }
    *out_entry = (struct sut_entry){.id = entry->id,
                                    .kind = entry->kind,
                                    .size = entry->size,
                                    .payload = entry->payload,
                                    .damaged = entry->damaged};
    return true;
}

static const char *node_invariant_broken(const void *node)
{
    return raft_replica_invariant_broken(node);
}

/* ---- what a message claims ---- */

static bool describe(const uint8_t *bytes, size_t size, struct sut_message *out)
{
    struct raft_message message;
    if (raft_message_peek(bytes, size, &message) != RAFT_OK) {
        return false;
    }
    bool success = (message.flags & RAFT_FLAG_SUCCESS) != 0;
    *out = (struct sut_message){
        .type = raft_message_type_string(message.type),
        .from = message.from,
        .to = message.to,
        .term = message.term,
        .claims_term = true,
        .entry_count = message.entry_count,
    };
    switch (message.type) {
    case RAFT_MESSAGE_PREVOTE_REQ:
        out->claims_term = false; /* the term it would campaign in */
        break;
    case RAFT_MESSAGE_PREVOTE_REP:
        out->claims_term = !success; /* a grant repeats the term that was asked for */
        out->grants = success;
        break;
    case RAFT_MESSAGE_VOTE_REQ:
        out->claims_vote = message.from;
        break;
    case RAFT_MESSAGE_VOTE_REP:
        out->claims_vote = success ? message.to : RAFT_NODE_NONE;
        out->grants = success;
        break;
    case RAFT_MESSAGE_INSTALL_REQ:
        out->piece_of = message.id.index;
        out->piece_offset = message.offset;
        break;
    case RAFT_MESSAGE_APPEND_REQ:
        out->asks = true;
        out->position = message.id.index;
        break;
    case RAFT_MESSAGE_TIMEOUT_NOW:
    case RAFT_MESSAGE_REPAIR_REQ:
    case RAFT_MESSAGE_REPAIR_REP: /* an entry is what its id says, durable or not */
        break;
    case RAFT_MESSAGE_INSTALL_REP:
        /* The whole of it is installed; of pieces nothing is claimed. */
        out->claims_index =
            message.total > 0 && message.offset == message.total ? message.id.index : 0;
        break;
    case RAFT_MESSAGE_APPEND_REP:
        out->claims_index = success ? message.id.index : 0;
        out->refuses = !success && (message.flags & RAFT_FLAG_DAMAGED) == 0;
        out->matches = success;
        out->position = message.id.index;
        out->hint = message.hint;
        break;
    case RAFT_MESSAGE_TYPE_COUNT:
        assert(!"not a type");
    }
    return true;
}

/* ---- what durable bytes say ---- */

static uint32_t get32(const uint8_t *at)
{
    uint32_t value = 0;
    for (int i = 3; i >= 0; i--) {
        value = value << 8 | at[i];
    }
    return value;
}

static uint64_t get64(const uint8_t *at)
{
    return (uint64_t)get32(at + 4) << 32 | get32(at);
}

static bool is_state_copy(const uint8_t *at)
{
    return get32(at) == STATE_MAGIC && get32(at + 4) == LOG_VERSION &&
           get32(at + 32) == raft_crc32c(0, at, 32);
}

/* The good copy with the higher sequence. */
static void read_state(const uint8_t *bytes, size_t size, const struct sut_durable_sink *sink)
{
    const uint8_t *best = NULL;
    static const size_t offsets[2] = {0, STATE_OFFSET_B};
    for (int i = 0; i < 2; i++) {
        if (size < offsets[i] + STATE_SIZE || !is_state_copy(bytes + offsets[i])) {
            continue;
        }
        const uint8_t *copy = bytes + offsets[i];
        if (best == NULL || get64(copy + 16) > get64(best + 16)) {
            best = copy;
        }
    }
    if (best != NULL) {
        sink->hard_state(sink->ctx, get64(best + 8), get32(best + 24));
    }
}

/* Bytes of a record with its padding, as its header has it. */
static size_t padded_size(const uint8_t *at)
{
    size_t size = RECORD_SIZE + (size_t)get32(at + 8);
    return (size + RECORD_ALIGN - 1) / RECORD_ALIGN * RECORD_ALIGN;
}

/* The same of the record at an offset, or 0: its identity is bad. */
static size_t record_span(const uint8_t *bytes, size_t size, raft_index first, size_t offset,
                          bool *out_whole)
{
    const uint8_t *at = bytes + offset;
    if (size - offset < RECORD_SIZE) {
        return 0;
    }
    uint8_t place[16];
    for (int i = 0; i < 8; i++) {
        place[i] = (uint8_t)(first >> (8 * i));
        place[8 + i] = (uint8_t)((uint64_t)offset >> (8 * i));
    }
    uint32_t crc = raft_crc32c(0, place, sizeof place);
    if (raft_crc32c(crc, at + 4, RECORD_SIZE - 4) != get32(at)) {
        return 0;
    }
    size_t span = padded_size(at);
    if (span > size - offset) {
        return 0;
    }
    *out_whole = raft_crc32c(0, at + RECORD_SIZE, span - RECORD_SIZE) == get32(at + 4);
    return span;
}

/* The record that ends at an offset, or NULL: there is none, it is the beginning. */
static const uint8_t *record_before(const uint8_t *bytes, size_t size, raft_index first, size_t end)
{
    for (size_t span = RECORD_SIZE; span <= end - SEGMENT_SIZE; span += RECORD_ALIGN) {
        const uint8_t *at = bytes + end - span;
        bool is_whole = false;
        if (padded_size(at) == span && record_span(bytes, size, first, end - span, &is_whole) > 0) {
            return at;
        }
    }
    return NULL;
}

/* Whether a record may stand behind another one of a log: number of the append, index and term. */
static bool may_follow(const uint8_t *record, const uint8_t *previous)
{
    return previous == NULL || (get64(record + 16) >= get64(previous + 16) &&
                                get64(record + 32) > get64(previous + 32) &&
                                get64(record + 40) >= get64(previous + 40));
}

/* The whole records from an offset on; what is not whole is passed over, if a whole one follows.
 * What may not follow was cut off, and is still there because that never became durable. The name
 * tells the first index as well as the header, which a store can do without. */
static size_t read_segment(const char *name, const uint8_t *bytes, size_t size, size_t from,
                           const struct sut_durable_sink *sink)
{
    raft_index first = strtoull(name + strlen(SEGMENT_PREFIX), NULL, 16);
    if (size < SEGMENT_SIZE) {
        return 0;
    }
    sink->segment(sink->ctx, first);
    size_t at = from < SEGMENT_SIZE ? SEGMENT_SIZE : from;
    size_t end = at; /* of the last whole record */
    const uint8_t *previous = record_before(bytes, size, first, at);
    while (at < size) {
        bool is_whole = false;
        size_t span = record_span(bytes, size, first, at, &is_whole);
        if (!is_whole) {
            at += span > 0 ? span : RECORD_ALIGN;
            continue;
        }
        if (!may_follow(bytes + at, previous)) {
            break;
        }
        previous = bytes + at;
        const struct sut_entry entry = {
            .id = {.index = get64(bytes + at + 32), .term = get64(bytes + at + 40)},
            .kind = (enum raft_entry_kind)get32(bytes + at + 12),
            .size = get32(bytes + at + 8),
            .payload = bytes + at + RECORD_SIZE,
        };
        sink->entry(sink->ctx, &entry);
        at += span;
        end = at;
    }
    return end;
}

/* A published snapshot: header, state, trailer, each with its checksum. */
static void read_snapshot(const uint8_t *bytes, size_t size, const struct sut_durable_sink *sink)
{
    if (size < SNAPSHOT_HEADER + SNAPSHOT_TRAILER) {
        return;
    }
    const uint8_t *trailer = bytes + size - SNAPSHOT_TRAILER;
    bool is_whole =
        get32(bytes) == SNAPSHOT_MAGIC && get32(bytes + 4) == FORMAT_VERSION &&
        get64(bytes + 32) == size - SNAPSHOT_HEADER - SNAPSHOT_TRAILER &&
        get32(bytes + SNAPSHOT_HEADER - 4) == raft_crc32c(0, bytes, SNAPSHOT_HEADER - 4) &&
        get32(trailer) == TRAILER_MAGIC &&
        get32(trailer + 4) == raft_crc32c(0, bytes, size - SNAPSHOT_TRAILER);
    if (is_whole) {
        sink->snapshot(sink->ctx,
                       (struct raft_entry_id){.index = get64(bytes + 8), .term = get64(bytes + 16)},
                       get64(bytes + 32));
    }
}

static size_t read_durable(const char *name, const uint8_t *bytes, size_t size, size_t from,
                           const struct sut_durable_sink *sink)
{
    assert(from <= size);
    if (strcmp(name, STATE_NAME) == 0) {
        read_state(bytes, size, sink);
        return 0; /* written in place: the whole of it is read again each time */
    }
    if (strncmp(name, SEGMENT_PREFIX, strlen(SEGMENT_PREFIX)) == 0) {
        return read_segment(name, bytes, size, from, sink);
    }
    if (strncmp(name, SNAPSHOT_PREFIX, strlen(SNAPSHOT_PREFIX)) == 0) {
        read_snapshot(bytes, size, sink);
    }
    return 0;
}

/* Where each point is used, found in the code by the build. */
static const char *const places[RAFT_POINT_COUNT] = {
#include "raft_places.inc"
};

/* The sections of the marks, by the names that the linker gives to their bounds; absent, so NULL,
 * unless the build has SQUALL_EDGES. */
#define SECTION_BOUND __attribute__((weak, visibility("hidden")))
extern uint8_t __start___sancov_bools[] SECTION_BOUND;
extern uint8_t __stop___sancov_bools[] SECTION_BOUND;
extern const uintptr_t __start___sancov_pcs[] SECTION_BOUND;

static struct sut_edges edges(void)
{
    return (struct sut_edges){
        .entered = __start___sancov_bools,
        .blocks = __start___sancov_pcs,
        .count = (uint32_t)(__stop___sancov_bools - __start___sancov_bools),
    };
}

const struct sut_ops sut_raft = {
    .abi = SUT_ABI,
    .name = "raft",
    .features = SUT_FEATURE_READ_ONLY | SUT_FEATURE_PRE_VOTE | SUT_FEATURE_CHECK_QUORUM |
                SUT_FEATURE_LEDGER | SUT_FEATURE_DESCRIBE | SUT_FEATURE_DURABLE |
                SUT_FEATURE_PROGRESS | SUT_FEATURE_CAMPAIGN | SUT_FEATURE_TRANSFER |
                SUT_FEATURE_READ | SUT_FEATURE_MEMBERSHIP | SUT_FEATURE_SNAPSHOT |
                SUT_FEATURE_WITNESS,
    .points = raft_points,
    .point_count = RAFT_POINT_COUNT,
    .exceptions = raft_point_exceptions,
    .exception_count = RAFT_EXCEPTION_COUNT,
    .places = places,
    .edges = edges,
    .create = node_create,
    .start = node_start,
    .receive = node_receive,
    .timer = node_timer,
    .io_done = node_io_done,
    .applied = node_applied,
    .submit = node_submit,
    .set_read_only = node_set_read_only,
    .campaign = node_campaign,
    .transfer = node_transfer,
    .snapshot = node_snapshot,
    .read = node_read,
    .change = node_change,
    .recover = node_recover,
    .stop = node_stop,
    .destroy = node_destroy,
    .view = node_view,
    .progress = node_progress,
    .entry = node_entry,
    .invariant_broken = node_invariant_broken,
    .describe = describe,
    .read_durable = read_durable,
};

#ifdef SUT_EXPORT
__attribute__((visibility("default"))) const struct sut_ops *squall_sut(void);

const struct sut_ops *squall_sut(void)
{
    return &sut_raft;
}
#endif
