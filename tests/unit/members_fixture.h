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
    return try((struct raft_event){.type = RAFT_EVENT_CHANGE, .configuration = &target});
}

static inline enum raft_status recover(struct raft_configuration target)
{
    return try((struct raft_event){.type = RAFT_EVENT_RECOVER, .configuration = &target});
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
