/* The state machine of a simulated node: a key-value map with client sessions.
 *
 * Encoding of a command, little-endian: u8 magic, u8 type, u32 client, u64 sequence, u32 padding,
 * then the session's epoch as u64 if the type has EPOCH_BIT (it is 0 otherwise), then key, value
 * and expected as u8 length and bytes, then the padding, all zero.
 *
 * Invariants:
 *  1. Entries are applied in order of their index, each once.
 *  2. total is the sum, modulo 2^64, of the hashes of every pair of the map and every session, so
 *     that it can be kept incrementally and does not depend on the order of anything.
 *  3. A session holds the result of its client's latest command; a repetition is answered from it
 *     and changes nothing (Raft §8). */
#include "machine.h"

#include "arena.h"
#include "random.h"

#include <raft/session.h>

#include <assert.h>
#include <string.h>

#define COMMAND_MAGIC       0xc3u
#define HEADER_SIZE         18u
#define CLIENT_MAX          65535u
#define EPOCH_BIT           0x80u
#define EPOCH_SIZE          8u
#define BUCKETS_MIN         64u

#define FROZEN_MAGIC        0x5a46514du
#define FROZEN_HEADER_SIZE  29u
#define FROZEN_SESSION_SIZE 21u

struct pair {
    struct pair *next;
    uint64_t hash;
    char key[SIM_KEY_MAX];
    char value[SIM_VALUE_MAX];
};

/* The answer to a client's latest command, by the slot of its session. */
struct answer {
    uint64_t hash; /* of the session with its answer, as it is in total */
    struct sim_result result;
};

struct sim_machine {
    struct arena *arena;
    raft_index applied;
    uint64_t position; /* chain of what was applied without a command */
    uint64_t total;
    struct pair **buckets;
    uint32_t bucket_count; /* a power of two */
    uint32_t pair_count;
    struct raft_sessions *sessions;
    struct answer answers[SIM_SESSIONS_MAX];
};

/* ---- commands ---- */

const char *sim_command_type_string(enum sim_command_type type)
{
    switch (type) {
    case SIM_COMMAND_PUT:
        return "put";
    case SIM_COMMAND_GET:
        return "get";
    case SIM_COMMAND_CAS:
        return "cas";
    case SIM_COMMAND_REGISTER:
        return "register";
    }
    assert(!"not a type");
    return NULL;
}

static void put_uint(uint8_t **at, uint64_t value, uint32_t size)
{
    for (uint32_t i = 0; i < size; i++) {
        *(*at)++ = (uint8_t)(value >> (8 * i));
    }
}

static uint64_t get_uint(const uint8_t **at, uint32_t size)
{
    uint64_t value = 0;
    for (uint32_t i = 0; i < size; i++) {
        value |= (uint64_t) * (*at)++ << (8 * i);
    }
    return value;
}

static void put_text(uint8_t **at, const char *text, size_t capacity)
{
    size_t size = strnlen(text, capacity - 1);
    *(*at)++ = (uint8_t)size;
    memcpy(*at, text, size);
    *at += size;
}

static bool get_text(const uint8_t **at, const uint8_t *end, char *text, size_t capacity)
{
    if (*at >= end) {
        return false;
    }
    size_t size = *(*at)++;
    if (size >= capacity || size > (size_t)(end - *at)) {
        return false;
    }
    memcpy(text, *at, size);
    text[size] = 0;
    *at += size;
    return true;
}

size_t sim_command_size(const struct sim_command *command)
{
    return HEADER_SIZE + (command->epoch > 0 ? EPOCH_SIZE : 0) + 3 +
           strnlen(command->key, SIM_KEY_MAX - 1) + strnlen(command->value, SIM_VALUE_MAX - 1) +
           strnlen(command->expected, SIM_VALUE_MAX - 1) + command->padding;
}

void sim_command_encode(const struct sim_command *command, uint8_t *out)
{
    assert(command->type >= SIM_COMMAND_PUT && command->type <= SIM_COMMAND_REGISTER);
    uint8_t *at = out;
    put_uint(&at, COMMAND_MAGIC, 1);
    put_uint(&at, (uint64_t)command->type | (command->epoch > 0 ? EPOCH_BIT : 0), 1);
    put_uint(&at, command->client, 4);
    put_uint(&at, command->sequence, 8);
    put_uint(&at, command->padding, 4);
    if (command->epoch > 0) {
        put_uint(&at, command->epoch, EPOCH_SIZE);
    }
    put_text(&at, command->key, SIM_KEY_MAX);
    put_text(&at, command->value, SIM_VALUE_MAX);
    put_text(&at, command->expected, SIM_VALUE_MAX);
    memset(at, 0, command->padding);
    assert(at + command->padding == out + sim_command_size(command));
}

bool sim_command_decode(const uint8_t *bytes, size_t size, struct sim_command *command)
{
    *command = (struct sim_command){0};
    if (size < HEADER_SIZE + 3) {
        return false;
    }
    const uint8_t *at = bytes;
    const uint8_t *end = bytes + size;
    if (get_uint(&at, 1) != COMMAND_MAGIC) {
        return false;
    }
    uint64_t type = get_uint(&at, 1);
    bool has_epoch = (type & EPOCH_BIT) != 0;
    type &= ~(uint64_t)EPOCH_BIT;
    command->client = (uint32_t)get_uint(&at, 4);
    command->sequence = get_uint(&at, 8);
    command->padding = (uint32_t)get_uint(&at, 4);
    if (type < SIM_COMMAND_PUT || type > SIM_COMMAND_REGISTER || command->client > CLIENT_MAX ||
        (has_epoch && (size_t)(end - at) < EPOCH_SIZE)) {
        return false;
    }
    command->epoch = has_epoch ? get_uint(&at, EPOCH_SIZE) : 0;
    if (has_epoch && command->epoch == 0) {
        return false;
    }
    command->type = (enum sim_command_type)type;
    return get_text(&at, end, command->key, SIM_KEY_MAX) &&
           get_text(&at, end, command->value, SIM_VALUE_MAX) &&
           get_text(&at, end, command->expected, SIM_VALUE_MAX) &&
           (size_t)(end - at) == command->padding;
}

/* ---- the map ---- */

static uint64_t text_hash(const char *text, uint64_t seed)
{
    return sim_hash(text, strlen(text), seed);
}

static uint64_t pair_hash(const struct pair *pair)
{
    return text_hash(pair->value, pair->hash);
}

static struct pair *pair_find(const struct sim_machine *machine, const char *key, uint64_t hash)
{
    struct pair *pair = machine->buckets[hash & (machine->bucket_count - 1)];
    while (pair != NULL && (pair->hash != hash || strcmp(pair->key, key) != 0)) {
        pair = pair->next;
    }
    return pair;
}

static void buckets_grow(struct sim_machine *machine)
{
    uint32_t count = machine->bucket_count * 2;
    struct pair **buckets = arena_calloc(machine->arena, count * sizeof buckets[0]);
    for (uint32_t i = 0; i < machine->bucket_count; i++) {
        struct pair *next = NULL;
        for (struct pair *pair = machine->buckets[i]; pair != NULL; pair = next) {
            next = pair->next;
            struct pair **bucket = &buckets[pair->hash & (count - 1)];
            pair->next = *bucket;
            *bucket = pair;
        }
    }
    arena_free(machine->arena, machine->buckets);
    machine->buckets = buckets;
    machine->bucket_count = count;
}

static void pair_set(struct sim_machine *machine, struct pair *pair, const char *key, uint64_t hash,
                     const char *value)
{
    if (pair == NULL) {
        if (machine->pair_count >= machine->bucket_count) {
            buckets_grow(machine);
        }
        pair = arena_calloc(machine->arena, sizeof *pair);
        pair->hash = hash;
        strcpy(pair->key, key);
        struct pair **bucket = &machine->buckets[hash & (machine->bucket_count - 1)];
        pair->next = *bucket;
        *bucket = pair;
        machine->pair_count++;
    } else {
        machine->total -= pair_hash(pair);
    }
    strcpy(pair->value, value);
    machine->total += pair_hash(pair);
}

static void execute(struct sim_machine *machine, const struct sim_command *command,
                    struct sim_effect *effect)
{
    uint64_t hash = text_hash(command->key, 0);
    struct pair *pair = pair_find(machine, command->key, hash);
    struct sim_result *result = &effect->result;
    effect->executions++;
    result->found = pair != NULL;
    switch (command->type) {
    case SIM_COMMAND_PUT:
        pair_set(machine, pair, command->key, hash, command->value);
        break;
    case SIM_COMMAND_GET:
        strcpy(result->value, pair != NULL ? pair->value : "");
        break;
    case SIM_COMMAND_CAS:
        /* A missing key compares as the empty text. */
        result->swapped = strcmp(pair != NULL ? pair->value : "", command->expected) == 0;
        if (result->swapped) {
            pair_set(machine, pair, command->key, hash, command->value);
        }
        break;
    case SIM_COMMAND_REGISTER:
        break; /* it is all about the session */
    }
}

/* ---- sessions ---- */

static uint64_t session_hash(const struct raft_session *session, const struct sim_result *result)
{
    uint64_t flags = (uint64_t)result->found | (uint64_t)result->swapped << 1 | session->epoch << 2;
    return text_hash(result->value, sim_mix(session->client, session->sequence, flags));
}

/* Keeps the answer in the slot, and in the sum. */
static void answer_set(struct sim_machine *machine, uint32_t slot, const struct sim_result *result)
{
    struct answer *answer = &machine->answers[slot];
    machine->total -= answer->hash;
    answer->result = *result;
    answer->hash = session_hash(raft_sessions_at(machine->sessions, slot), result);
    machine->total += answer->hash;
}

static void apply_command(struct sim_machine *machine, const struct sim_command *command,
                          raft_index index, struct sim_effect *effect)
{
    if (command->client == 0) {
        execute(machine, command, effect);
        return;
    }
    uint32_t slot = RAFT_SESSION_NONE;
    if (command->type == SIM_COMMAND_REGISTER) {
        slot = raft_sessions_register(machine->sessions, command->client, index);
        effect->result.epoch = index;
        answer_set(machine, slot, &effect->result);
        return;
    }
    switch (raft_sessions_judge(machine->sessions, command->client, command->epoch,
                                command->sequence, index, &slot)) {
    case RAFT_SESSION_NEW:
        execute(machine, command, effect);
        answer_set(machine, slot, &effect->result);
        return;
    case RAFT_SESSION_REPEATED:
        effect->result = machine->answers[slot].result;
        return;
    case RAFT_SESSION_STALE:
    case RAFT_SESSION_EXPIRED:
        return;
    }
    assert(!"not a verdict");
}

struct sim_machine *sim_machine_create(struct arena *arena, uint32_t sessions_max)
{
    assert(sessions_max > 0 && sessions_max <= SIM_SESSIONS_MAX);
    struct sim_machine *machine = arena_calloc(arena, sizeof *machine);
    machine->arena = arena;
    machine->bucket_count = BUCKETS_MIN;
    machine->buckets = arena_calloc(arena, BUCKETS_MIN * sizeof machine->buckets[0]);
    machine->sessions =
        raft_sessions_init(arena_calloc(arena, raft_sessions_size(sessions_max)), sessions_max);
    return machine;
}

void sim_machine_destroy(struct sim_machine *machine)
{
    if (machine == NULL) {
        return;
    }
    for (uint32_t i = 0; i < machine->bucket_count; i++) {
        struct pair *next = NULL;
        for (struct pair *pair = machine->buckets[i]; pair != NULL; pair = next) {
            next = pair->next;
            arena_free(machine->arena, pair);
        }
    }
    arena_free(machine->arena, machine->buckets);
    arena_free(machine->arena, machine->sessions);
    arena_free(machine->arena, machine);
}

void sim_machine_apply(struct sim_machine *machine, const struct sut_entry *entry,
                       struct sim_effect *out_effect)
{
    /* Order and repetition are the oracles' business: a broken node must be reported by a rule and
     * not by the death of the simulator. */
    struct sim_command command;
    struct sim_effect effect = {.executions = 0};
    if (entry->kind == RAFT_ENTRY_COMMAND) {
        if (sim_command_decode(entry->payload, entry->size, &command)) {
            apply_command(machine, &command, entry->id.index, &effect);
        } else {
            machine->position = sim_hash(entry->payload, entry->size, machine->position);
        }
    }
    machine->applied = entry->id.index;
    if (out_effect != NULL) {
        uint32_t oldest = raft_sessions_first(machine->sessions);
        effect.sessions = raft_sessions_count(machine->sessions);
        effect.oldest = oldest == RAFT_SESSION_NONE
                            ? 0
                            : (uint32_t)raft_sessions_at(machine->sessions, oldest)->client;
        *out_effect = effect;
    }
}

void sim_machine_read(const struct sim_machine *machine, const char *key,
                      struct sim_result *out_result)
{
    const struct pair *pair = pair_find(machine, key, text_hash(key, 0));
    *out_result = (struct sim_result){.found = pair != NULL};
    if (pair != NULL) {
        memcpy(out_result->value, pair->value, sizeof out_result->value);
    }
}

enum sim_answer sim_machine_answer(const struct sim_machine *machine,
                                   const struct sim_command *command, raft_index index,
                                   struct sim_result *out_result)
{
    uint32_t slot = raft_sessions_find(machine->sessions, command->client);
    if (slot == RAFT_SESSION_NONE) {
        /* Sessions are forgotten in the order of their latest commands: while an older one than
         * this is there, none that this command has used was. */
        uint32_t oldest = raft_sessions_first(machine->sessions);
        bool is_older = oldest != RAFT_SESSION_NONE &&
                        raft_sessions_at(machine->sessions, oldest)->index < index;
        return is_older ? SIM_ANSWER_EXPIRED : SIM_ANSWER_LOST;
    }
    const struct raft_session *session = raft_sessions_at(machine->sessions, slot);
    bool is_registered = command->type == SIM_COMMAND_REGISTER && session->sequence == 0;
    bool is_latest = session->epoch == command->epoch && session->sequence == command->sequence;
    if (is_registered || is_latest) {
        *out_result = machine->answers[slot].result;
        out_result->epoch = session->epoch;
        return SIM_ANSWER_KNOWN;
    }
    return session->epoch != command->epoch && session->epoch < index ? SIM_ANSWER_EXPIRED
                                                                      : SIM_ANSWER_LOST;
}

/* ---- the state as bytes ----
 *
 * u32 magic, u64 applied, u64 position, u32 pairs, u32 sessions, u8 whether sessions were
 * forgotten; each pair: key and value as u8 length and bytes; each session, the oldest first: u32
 * client, u64 sequence, u64 index, u8 flags, the epoch as u64 if a flag says so, value. */

static size_t text_size(const char *text)
{
    return 1 + strlen(text);
}

static size_t frozen_size(const struct sim_machine *machine)
{
    size_t size = FROZEN_HEADER_SIZE;
    for (uint32_t i = 0; i < machine->bucket_count; i++) {
        for (const struct pair *pair = machine->buckets[i]; pair != NULL; pair = pair->next) {
            size += text_size(pair->key) + text_size(pair->value);
        }
    }
    for (uint32_t slot = 0; slot < raft_sessions_count(machine->sessions); slot++) {
        bool has_epoch = raft_sessions_at(machine->sessions, slot)->epoch > 0;
        size += FROZEN_SESSION_SIZE + (has_epoch ? EPOCH_SIZE : 0) +
                text_size(machine->answers[slot].result.value);
    }
    return size;
}

static void freeze_sessions(const struct sim_machine *machine, uint8_t **at)
{
    uint32_t slot = raft_sessions_first(machine->sessions);
    while (slot != RAFT_SESSION_NONE) {
        const struct raft_session *session = raft_sessions_at(machine->sessions, slot);
        const struct sim_result *result = &machine->answers[slot].result;
        put_uint(at, session->client, 4);
        put_uint(at, session->sequence, 8);
        put_uint(at, session->index, 8);
        uint64_t flags = (uint64_t)result->found | (uint64_t)result->swapped << 1 |
                         (uint64_t)(session->epoch > 0) << 2;
        put_uint(at, flags, 1);
        if (session->epoch > 0) {
            put_uint(at, session->epoch, EPOCH_SIZE);
        }
        put_text(at, result->value, SIM_VALUE_MAX);
        slot = raft_sessions_next(machine->sessions, slot);
    }
}

uint8_t *sim_machine_freeze(const struct sim_machine *machine, size_t *out_size)
{
    *out_size = frozen_size(machine);
    uint8_t *bytes = arena_alloc(machine->arena, *out_size);
    uint8_t *at = bytes;
    put_uint(&at, FROZEN_MAGIC, 4);
    put_uint(&at, machine->applied, 8);
    put_uint(&at, machine->position, 8);
    put_uint(&at, machine->pair_count, 4);
    put_uint(&at, raft_sessions_count(machine->sessions), 4);
    put_uint(&at, raft_sessions_has_forgotten(machine->sessions), 1);
    for (uint32_t i = 0; i < machine->bucket_count; i++) {
        for (const struct pair *pair = machine->buckets[i]; pair != NULL; pair = pair->next) {
            put_text(&at, pair->key, SIM_KEY_MAX);
            put_text(&at, pair->value, SIM_VALUE_MAX);
        }
    }
    freeze_sessions(machine, &at);
    assert(at == bytes + *out_size);
    return bytes;
}

static bool thaw_pair(struct sim_machine *machine, const uint8_t **at, const uint8_t *end)
{
    char key[SIM_KEY_MAX];
    char value[SIM_VALUE_MAX];
    if (!get_text(at, end, key, sizeof key) || !get_text(at, end, value, sizeof value)) {
        return false;
    }
    uint64_t hash = text_hash(key, 0);
    if (pair_find(machine, key, hash) != NULL) {
        return false;
    }
    pair_set(machine, NULL, key, hash, value);
    return true;
}

static bool thaw_session(struct sim_machine *machine, const uint8_t **at, const uint8_t *end)
{
    struct raft_session session = {.epoch = 0};
    struct sim_result result = {0};
    uint32_t slot = RAFT_SESSION_NONE;
    if ((size_t)(end - *at) < FROZEN_SESSION_SIZE) {
        return false;
    }
    session.client = get_uint(at, 4);
    session.sequence = get_uint(at, 8);
    session.index = get_uint(at, 8);
    uint64_t flags = get_uint(at, 1);
    result.found = (flags & 1) != 0;
    result.swapped = (flags & 2) != 0;
    bool has_epoch = (flags & 4) != 0;
    if (flags > 7 || (has_epoch && (size_t)(end - *at) < EPOCH_SIZE)) {
        return false;
    }
    session.epoch = has_epoch ? get_uint(at, EPOCH_SIZE) : 0;
    bool is_registered = session.epoch > 0;
    if (is_registered != has_epoch || (session.sequence == 0 && !is_registered) ||
        !get_text(at, end, result.value, sizeof result.value) ||
        !raft_sessions_put(machine->sessions, &session, &slot)) {
        return false;
    }
    answer_set(machine, slot, &result);
    return true;
}

struct sim_machine *sim_machine_thaw(struct arena *arena, uint32_t sessions_max,
                                     const uint8_t *bytes, size_t size)
{
    const uint8_t *at = bytes;
    const uint8_t *end = bytes + size;
    if (size < FROZEN_HEADER_SIZE || get_uint(&at, 4) != FROZEN_MAGIC) {
        return NULL;
    }
    struct sim_machine *machine = sim_machine_create(arena, sessions_max);
    machine->applied = get_uint(&at, 8);
    machine->position = get_uint(&at, 8);
    uint64_t pairs = get_uint(&at, 4);
    uint64_t sessions = get_uint(&at, 4);
    bool has_forgotten = get_uint(&at, 1) != 0;
    bool good = true;
    for (uint64_t i = 0; good && i < pairs; i++) {
        good = thaw_pair(machine, &at, end);
    }
    for (uint64_t i = 0; good && i < sessions; i++) {
        good = thaw_session(machine, &at, end);
    }
    if (!good || at != end) {
        sim_machine_destroy(machine);
        return NULL;
    }
    if (has_forgotten) {
        raft_sessions_set_forgotten(machine->sessions);
    }
    return machine;
}

uint64_t sim_machine_digest(const struct sim_machine *machine)
{
    return sim_mix(machine->total, machine->applied, machine->position);
}

raft_index sim_machine_applied(const struct sim_machine *machine)
{
    return machine->applied;
}
