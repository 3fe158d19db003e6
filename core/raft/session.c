/* Client sessions: a hash table by client, and a list in the order of their latest commands.
 *
 *      oldest <-> ... <-> newest        forgotten from the left, a command moves its client right
 *
 * Invariants:
 *  1. Each session in use is in the list once, and in the chain of its client's bucket once.
 *  2. The table is a function of the commands that were judged, in their order. */
#include <raft/session.h>

#include <assert.h>

struct slot {
    struct raft_session session;
    uint32_t older;
    uint32_t newer;
    uint32_t chain; /* the next one in the bucket */
};

struct raft_sessions {
    uint32_t capacity;
    uint32_t count;
    uint32_t oldest;
    uint32_t newest;
    bool has_forgotten;
    uint32_t *buckets; /* [capacity] */
    struct slot slots[];
};

size_t raft_sessions_size(uint32_t capacity)
{
    assert(capacity > 0);
    return sizeof(struct raft_sessions) +
           (size_t)capacity * (sizeof(struct slot) + sizeof(uint32_t));
}

struct raft_sessions *raft_sessions_init(void *block, uint32_t capacity)
{
    assert(capacity > 0 && capacity < RAFT_SESSION_NONE);
    struct raft_sessions *sessions = block;
    *sessions = (struct raft_sessions){
        .capacity = capacity,
        .oldest = RAFT_SESSION_NONE,
        .newest = RAFT_SESSION_NONE,
        .buckets = (uint32_t *)(void *)&sessions->slots[capacity],
    };
    for (uint32_t i = 0; i < capacity; i++) {
        sessions->buckets[i] = RAFT_SESSION_NONE;
    }
    return sessions;
}

static uint32_t *bucket_of(const struct raft_sessions *sessions, uint64_t client)
{
    return &sessions->buckets[client * 0x9e3779b97f4a7c15u % sessions->capacity];
}

uint32_t raft_sessions_find(const struct raft_sessions *sessions, uint64_t client)
{
    uint32_t slot = *bucket_of(sessions, client);
    while (slot != RAFT_SESSION_NONE && sessions->slots[slot].session.client != client) {
        slot = sessions->slots[slot].chain;
    }
    return slot;
}

static void list_remove(struct raft_sessions *sessions, uint32_t slot)
{
    const struct slot *gone = &sessions->slots[slot];
    if (gone->older == RAFT_SESSION_NONE) {
        sessions->oldest = gone->newer;
    } else {
        sessions->slots[gone->older].newer = gone->newer;
    }
    if (gone->newer == RAFT_SESSION_NONE) {
        sessions->newest = gone->older;
    } else {
        sessions->slots[gone->newer].older = gone->older;
    }
}

static void list_append(struct raft_sessions *sessions, uint32_t slot)
{
    sessions->slots[slot].older = sessions->newest;
    sessions->slots[slot].newer = RAFT_SESSION_NONE;
    if (sessions->newest == RAFT_SESSION_NONE) {
        sessions->oldest = slot;
    } else {
        sessions->slots[sessions->newest].newer = slot;
    }
    sessions->newest = slot;
}

/* Takes the oldest session's slot away from its client. */
static uint32_t forget_oldest(struct raft_sessions *sessions)
{
    uint32_t slot = sessions->oldest;
    assert(slot != RAFT_SESSION_NONE);
    list_remove(sessions, slot);
    uint32_t *link = bucket_of(sessions, sessions->slots[slot].session.client);
    while (*link != slot) {
        assert(*link != RAFT_SESSION_NONE);
        link = &sessions->slots[*link].chain;
    }
    *link = sessions->slots[slot].chain;
    sessions->has_forgotten = true;
    return slot;
}

static uint32_t add(struct raft_sessions *sessions, const struct raft_session *session)
{
    bool is_full = sessions->count == sessions->capacity;
    uint32_t slot = is_full ? forget_oldest(sessions) : sessions->count++;
    uint32_t *bucket = bucket_of(sessions, session->client);
    sessions->slots[slot].session = *session;
    sessions->slots[slot].chain = *bucket;
    *bucket = slot;
    list_append(sessions, slot);
    return slot;
}

/* The session has just been used. */
static void touch(struct raft_sessions *sessions, uint32_t slot)
{
    list_remove(sessions, slot);
    list_append(sessions, slot);
}

uint32_t raft_sessions_register(struct raft_sessions *sessions, uint64_t client, raft_index index)
{
    assert(index > 0);
    const struct raft_session opened = {.client = client, .epoch = index, .index = index};
    uint32_t slot = raft_sessions_find(sessions, client);
    if (slot == RAFT_SESSION_NONE) {
        return add(sessions, &opened);
    }
    assert(sessions->slots[slot].session.index < index);
    sessions->slots[slot].session = opened;
    touch(sessions, slot);
    return slot;
}

enum raft_session_verdict raft_sessions_judge(struct raft_sessions *sessions, uint64_t client,
                                              raft_index epoch, uint64_t sequence, raft_index index,
                                              uint32_t *out_slot)
{
    assert(sequence > 0);
    uint32_t slot = raft_sessions_find(sessions, client);
    *out_slot = RAFT_SESSION_NONE;
    if (slot == RAFT_SESSION_NONE) {
        if (epoch > 0 || sessions->has_forgotten) {
            return RAFT_SESSION_EXPIRED;
        }
        const struct raft_session opened = {client, epoch, sequence, index};
        *out_slot = add(sessions, &opened);
        return RAFT_SESSION_NEW;
    }
    struct raft_session *session = &sessions->slots[slot].session;
    if (session->epoch != epoch) {
        return RAFT_SESSION_EXPIRED;
    }
    if (sequence < session->sequence) {
        return RAFT_SESSION_STALE;
    }
    *out_slot = slot;
    if (sequence == session->sequence) {
        return RAFT_SESSION_REPEATED;
    }
    session->sequence = sequence;
    session->index = index;
    touch(sessions, slot);
    return RAFT_SESSION_NEW;
}

uint32_t raft_sessions_first(const struct raft_sessions *sessions)
{
    return sessions->oldest;
}

uint32_t raft_sessions_next(const struct raft_sessions *sessions, uint32_t slot)
{
    assert(slot < sessions->count);
    return sessions->slots[slot].newer;
}

const struct raft_session *raft_sessions_at(const struct raft_sessions *sessions, uint32_t slot)
{
    assert(slot < sessions->count);
    return &sessions->slots[slot].session;
}

uint32_t raft_sessions_count(const struct raft_sessions *sessions)
{
    return sessions->count;
}

bool raft_sessions_has_forgotten(const struct raft_sessions *sessions)
{
    return sessions->has_forgotten;
}

bool raft_sessions_put(struct raft_sessions *sessions, const struct raft_session *session,
                       uint32_t *out_slot)
{
    if (sessions->count == sessions->capacity ||
        raft_sessions_find(sessions, session->client) != RAFT_SESSION_NONE) {
        return false;
    }
    *out_slot = add(sessions, session);
    return true;
}

void raft_sessions_set_forgotten(struct raft_sessions *sessions)
{
    sessions->has_forgotten = true;
}
