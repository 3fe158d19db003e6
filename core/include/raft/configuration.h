/* The members of a cluster, and what counts as a majority of them (dissertation §4).
 *
 * A change goes through a joint configuration (dissertation §4.3): while it is in force, every
 * decision needs a majority of the outgoing voters and one of the incoming voters. A learner gets
 * the log and counts for nothing. A witness votes and keeps the ids of the log's entries, but has
 * neither their payloads nor a state machine, and never leads; it is one from its first day to its
 * last. */
#ifndef RAFT_CONFIGURATION_H
#define RAFT_CONFIGURATION_H

#include <raft/types.h>

enum raft_member_flag {
    RAFT_MEMBER_VOTER = 1u << 0,    /* of the configuration that is, or is coming */
    RAFT_MEMBER_LEARNER = 1u << 1,  /* instead */
    RAFT_MEMBER_OUTGOING = 1u << 2, /* voter of the configuration that is being left; alone: goes */
    RAFT_MEMBER_WITNESS = 1u << 3,  /* a voter without data and state machine */
};

struct raft_member {
    raft_node_id id;
    uint8_t flags;
    uint8_t priority; /* for leadership: a greater one is preferred; 0 by default */
};

struct raft_configuration {
    struct raft_member members[RAFT_MEMBERS_MAX]; /* ascending by id */
    uint32_t count;
};

/* NULL, or which rule is broken, as a static sentence: ids ascend and are not 0, each
 * member is a voter, a learner or on its way out, a witness is no learner, and there is a voter. */
const char *raft_configuration_check(const struct raft_configuration *configuration);

/* Whether it is in transition: both majorities decide. */
bool raft_configuration_is_joint(const struct raft_configuration *configuration);

/* The member, borrowed, or NULL. */
const struct raft_member *raft_configuration_find(const struct raft_configuration *configuration,
                                                  raft_node_id id);

/* The greatest value that a majority of every side has reached; values[i] belongs to members[i]. A
 * side without voters (of an empty configuration) has reached nothing: 0. */
uint64_t raft_configuration_agreed(const struct raft_configuration *configuration,
                                   const uint64_t *values);

/* The joint configuration on the way from one to another, neither of which may be joint. */
void raft_configuration_join(const struct raft_configuration *from,
                             const struct raft_configuration *to,
                             struct raft_configuration *out_joint);
/* What a joint configuration leads to. */
void raft_configuration_leave(const struct raft_configuration *joint,
                              struct raft_configuration *out_next);

bool raft_configuration_equal(const struct raft_configuration *a,
                              const struct raft_configuration *b);

/* The bytes of a configuration entry, and of the place of a configuration in files: u32 count, then
 * for each member u32 id, u8 flags, u8 priority, u16 0; little-endian. */
#define RAFT_CONFIGURATION_SIZE_MAX (4u + RAFT_MEMBERS_MAX * 8u)
size_t raft_configuration_size(const struct raft_configuration *configuration);
/* Writes raft_configuration_size bytes. */
void raft_configuration_encode(const struct raft_configuration *configuration, uint8_t *bytes);
/* False: not a configuration that passes the check (an empty one passes); size must be exact. */
bool raft_configuration_decode(const uint8_t *bytes, size_t size,
                               struct raft_configuration *out_configuration);

#endif
