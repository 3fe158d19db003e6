/* Configurations and their changes, for the unit tests of one consensus machine. */
#ifndef TESTS_MEMBERS_FIXTURE_H
#define TESTS_MEMBERS_FIXTURE_H

#include "raft_fixture.h"

#define VOTER(node)   ((struct raft_member){.id = (node), .flags = RAFT_MEMBER_VOTER})
#define LEARNER(node) ((struct raft_member){.id = (node), .flags = RAFT_MEMBER_LEARNER})
#define WITNESS(node)                                                                              \
    ((struct raft_member){.id = (node), .flags = RAFT_MEMBER_VOTER | RAFT_MEMBER_WITNESS})
#define OF(...)                                                                                    \
    of((const struct raft_member[]){__VA_ARGS__},                                                  \
       sizeof((const struct raft_member[]){__VA_ARGS__}) / sizeof(struct raft_member))

static inline struct raft_configuration of(const struct raft_member *members, size_t count)
{
    struct raft_configuration configuration = {.count = (uint32_t)count};
    memcpy(configuration.members, members, count * sizeof *members);
    return configuration;
}

static inline enum raft_status change(struct raft_configuration target)
{
    struct raft_effect effect;
    struct raft_event event = {.type = RAFT_EVENT_CHANGE, .now_ns = now, .configuration = &target};
    return raft_step(raft, &event, &effect);
}

static inline enum raft_status recover(struct raft_configuration target)
{
    struct raft_effect effect;
    struct raft_event event = {.type = RAFT_EVENT_RECOVER, .now_ns = now, .configuration = &target};
    return raft_step(raft, &event, &effect);
}

static inline struct raft_entry *configuration_entry(raft_term term, raft_index index,
                                                     const struct raft_configuration *configuration)
{
    struct raft_entry *entry = NULL;
    size_t size = raft_configuration_size(configuration);
    ck_assert_int_eq(raft_entry_create(&memory.memory, RAFT_AT_CHANGE_ENTRY_ALLOC,
                                       RAFT_ENTRY_CONFIGURATION, (uint32_t)size,
                                       RAFT_HOLDER_MESSAGE, &entry),
                     RAFT_OK);
    entry->id = (struct raft_entry_id){term, index};
    raft_configuration_encode(configuration, entry->payload);
    return entry;
}

/* An append of a single configuration. */
static inline void receive_configuration(raft_node_id from, raft_term term,
                                         struct raft_entry_id before, raft_index commit,
                                         struct raft_configuration configuration)
{
    struct raft_message message = {.type = RAFT_MESSAGE_APPEND_REQ,
                                   .from = from,
                                   .term = term,
                                   .id = before,
                                   .commit = commit,
                                   .entry_count = 1};
    message.entries =
        core_memory_alloc(&memory, RAFT_AT_MESSAGE_DECODE_ARRAY, sizeof message.entries[0]);
    message.entries[0] = configuration_entry(term, before.index + 1, &configuration);
    receive(message);
}

static inline int count_sent(enum raft_message_type type, raft_node_id to)
{
    int count = 0;
    for (int i = 0; i < seen.sent_count; i++) {
        count += seen.sent[i].type == type && seen.sent[i].to == to;
    }
    return count;
}

/* The node's own disk takes all that is in its log. */
static inline void persist_log(void)
{
    while (view.durable.index < view.last.index) {
        feed((struct raft_event){.type = RAFT_EVENT_ENTRIES_PERSISTED,
                                 .id = log_.stored,
                                 .generation = view.log_generation});
        drain();
    }
}

static inline void acknowledge_all(raft_node_id from)
{
    acknowledge(from, view.state.term, view.last);
}

static inline void lead_and_commit(void)
{
    lead();
    persist_log();
    acknowledge_all(2);
    ck_assert_uint_eq(view.commit, 1);
}

static inline void heartbeat(void)
{
    now += 50;
    feed((struct raft_event){.type = RAFT_EVENT_TIMEOUT, .timer = RAFT_TIMER_HEARTBEAT});
    drain();
}

static inline void time_out(void)
{
    now += T_MAX;
    feed((struct raft_event){.type = RAFT_EVENT_TIMEOUT, .timer = RAFT_TIMER_ELECTION});
    drain();
}

static inline enum raft_status propose(void)
{
    struct raft_effect effect;
    struct raft_entry *entry = core_entry(&memory, 0, 0, "x");
    struct raft_event event = {.type = RAFT_EVENT_PROPOSE, .now_ns = now, .entry = entry};
    enum raft_status status = raft_step(raft, &event, &effect);
    raft_entry_drop(entry, RAFT_HOLDER_MESSAGE);
    drain();
    return status;
}

static inline void adopt(struct raft_configuration target)
{
    ck_assert_int_eq(change(target), RAFT_OK);
    drain();
}

static inline struct raft_configuration joint_of(struct raft_configuration from,
                                                 struct raft_configuration to)
{
    struct raft_configuration joint;
    raft_configuration_join(&from, &to, &joint);
    return joint;
}

#endif
