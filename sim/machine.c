/* The state machine of a simulated node: a key-value map with client sessions.
 *
 * Encoding of a command, little-endian: u8 magic, u8 type, u32 client, u64 sequence, u32 padding,
 * then key, value and expected as u8 length and bytes, then the padding, all zero.
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

#include <assert.h>
#include <string.h>

#define COMMAND_MAGIC 0xc3u
#define HEADER_SIZE   18u
#define CLIENT_MAX    65535u
#define BUCKETS_MIN   64u

struct pair {
    struct pair *next;
    uint64_t hash;
    char key[SIM_KEY_MAX];
    char value[SIM_VALUE_MAX];
};

struct session {
    uint64_t sequence;
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
    struct session *sessions; /* by client */
    uint32_t session_count;
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
    return HEADER_SIZE + 3 + strnlen(command->key, SIM_KEY_MAX - 1) +
           strnlen(command->value, SIM_VALUE_MAX - 1) +
           strnlen(command->expected, SIM_VALUE_MAX - 1) + command->padding;
}

void sim_command_encode(const struct sim_command *command, uint8_t *out)
{
    assert(command->type >= SIM_COMMAND_PUT && command->type <= SIM_COMMAND_CAS);
    uint8_t *at = out;
    put_uint(&at, COMMAND_MAGIC, 1);
    put_uint(&at, (uint64_t)command->type, 1);
    put_uint(&at, command->client, 4);
    put_uint(&at, command->sequence, 8);
    put_uint(&at, command->padding, 4);
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
    command->client = (uint32_t)get_uint(&at, 4);
    command->sequence = get_uint(&at, 8);
    command->padding = (uint32_t)get_uint(&at, 4);
    if (type < SIM_COMMAND_PUT || type > SIM_COMMAND_CAS || command->client > CLIENT_MAX) {
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
                    struct sim_result *result)
{
    uint64_t hash = text_hash(command->key, 0);
    struct pair *pair = pair_find(machine, command->key, hash);
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
    }
}

/* ---- sessions ---- */

static uint64_t session_hash(uint32_t client, const struct session *session)
{
    uint64_t flags = (uint64_t)session->result.found | (uint64_t)session->result.swapped << 1;
    return text_hash(session->result.value, sim_mix(client, session->sequence, flags));
}

static struct session *session_of(struct sim_machine *machine, uint32_t client)
{
    if (client >= machine->session_count) {
        uint32_t count = machine->session_count == 0 ? 8 : machine->session_count;
        while (count <= client) {
            count *= 2;
        }
        machine->sessions =
            arena_realloc(machine->arena, machine->sessions, count * sizeof machine->sessions[0]);
        memset(machine->sessions + machine->session_count, 0,
               (count - machine->session_count) * sizeof machine->sessions[0]);
        machine->session_count = count;
    }
    return &machine->sessions[client];
}

static void apply_command(struct sim_machine *machine, const struct sim_command *command,
                          struct sim_result *result)
{
    if (command->client == 0) {
        execute(machine, command, result);
        return;
    }
    struct session *session = session_of(machine, command->client);
    if (command->sequence <= session->sequence) {
        /* A repetition; of one older than the latest nobody waits for the answer. */
        if (command->sequence == session->sequence) {
            *result = session->result;
        }
        return;
    }
    if (session->sequence != 0) {
        machine->total -= session_hash(command->client, session);
    }
    execute(machine, command, result);
    session->sequence = command->sequence;
    session->result = *result;
    machine->total += session_hash(command->client, session);
}

struct sim_machine *sim_machine_create(struct arena *arena)
{
    struct sim_machine *machine = arena_calloc(arena, sizeof *machine);
    machine->arena = arena;
    machine->bucket_count = BUCKETS_MIN;
    machine->buckets = arena_calloc(arena, BUCKETS_MIN * sizeof machine->buckets[0]);
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
                       struct sim_result *result)
{
    /* Order and repetition are the oracles' business: a broken node must be reported by a rule and
     * not by the death of the simulator. */
    struct sim_command command;
    struct sim_result own = {0};
    if (entry->kind == RAFT_ENTRY_COMMAND) {
        if (sim_command_decode(entry->payload, entry->size, &command)) {
            apply_command(machine, &command, &own);
        } else {
            machine->position = sim_hash(entry->payload, entry->size, machine->position);
        }
    }
    machine->applied = entry->id.index;
    if (result != NULL) {
        *result = own;
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

bool sim_machine_session(const struct sim_machine *machine, uint32_t client, uint64_t sequence,
                         struct sim_result *out_result)
{
    if (client >= machine->session_count || machine->sessions[client].sequence != sequence) {
        return false;
    }
    *out_result = machine->sessions[client].result;
    return true;
}

uint64_t sim_machine_digest(const struct sim_machine *machine)
{
    return sim_mix(machine->total, machine->applied, machine->position);
}

raft_index sim_machine_applied(const struct sim_machine *machine)
{
    return machine->applied;
}
