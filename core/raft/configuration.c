/* Configurations: members, majorities and bytes. Everything here is arithmetic on values; who is to
 * be a member is decided in change.c.
 *
 * A *side* is the set of voters whose majority decides: the incoming one (RAFT_MEMBER_VOTER)
 * always, the outgoing one (RAFT_MEMBER_OUTGOING) while the configuration is joint.
 *
 * Invariants:
 *  1. Members ascend by id, so that equal configurations have equal bytes.
 *  2. Any two majorities of configurations that follow one another have a member in common, since
 *     one of the two is joint and contains a side of the other (dissertation §4.3). */
#include <raft/configuration.h>

#include <assert.h>

#define MEMBER_SIZE 8u
#define FLAGS_ALL                                                                                  \
    ((unsigned)RAFT_MEMBER_VOTER | RAFT_MEMBER_OUTGOING | RAFT_MEMBER_LEARNER | RAFT_MEMBER_WITNESS)

static uint32_t count_side(const struct raft_configuration *configuration, uint32_t side)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < configuration->count; i++) {
        count += (configuration->members[i].flags & side) != 0;
    }
    return count;
}

const char *raft_configuration_check(const struct raft_configuration *configuration)
{
    if (configuration->count > RAFT_MEMBERS_MAX) {
        return "a configuration has at most RAFT_MEMBERS_MAX members";
    }
    raft_node_id previous = RAFT_NODE_NONE;
    for (uint32_t i = 0; i < configuration->count; i++) {
        const struct raft_member *member = &configuration->members[i];
        if (member->id <= previous) {
            return "the members' ids must ascend and must not be 0";
        }
        previous = member->id;
        if ((member->flags & ~FLAGS_ALL) != 0) {
            return "a member has an unknown flag";
        }
        bool votes = (member->flags & RAFT_MEMBER_VOTER) != 0;
        bool learns = (member->flags & RAFT_MEMBER_LEARNER) != 0;
        bool leaves = !votes && !learns && (member->flags & RAFT_MEMBER_OUTGOING) != 0;
        if (votes + learns + leaves != 1) {
            return "a member must be a voter, a learner or on its way out";
        }
        if (learns && (member->flags & RAFT_MEMBER_WITNESS) != 0) {
            return "a witness must be a voter";
        }
    }
    if (configuration->count > 0 && count_side(configuration, RAFT_MEMBER_VOTER) == 0) {
        return "a configuration must have a voter";
    }
    return NULL;
}

bool raft_configuration_is_joint(const struct raft_configuration *configuration)
{
    return count_side(configuration, RAFT_MEMBER_OUTGOING) > 0;
}

const struct raft_member *raft_configuration_find(const struct raft_configuration *configuration,
                                                  raft_node_id id)
{
    for (uint32_t i = 0; i < configuration->count; i++) {
        if (configuration->members[i].id == id) {
            return &configuration->members[i];
        }
    }
    return NULL;
}

/* The greatest value that a majority of one side has reached. */
static uint64_t side_agreed(const struct raft_configuration *configuration, uint32_t side,
                            const uint64_t *values)
{
    uint64_t sorted[RAFT_MEMBERS_MAX]; /* descending */
    uint32_t count = 0;
    for (uint32_t i = 0; i < configuration->count; i++) {
        if ((configuration->members[i].flags & side) == 0) {
            continue;
        }
        uint32_t at = count++;
        for (; at > 0 && sorted[at - 1] < values[i]; at--) {
            sorted[at] = sorted[at - 1];
        }
        sorted[at] = values[i];
    }
    return count == 0 ? 0 : sorted[count / 2];
}

uint64_t raft_configuration_agreed(const struct raft_configuration *configuration,
                                   const uint64_t *values)
{
    assert(configuration->count <= RAFT_MEMBERS_MAX);
    uint64_t agreed = side_agreed(configuration, RAFT_MEMBER_VOTER, values);
    if (raft_configuration_is_joint(configuration)) {
        uint64_t outgoing = side_agreed(configuration, RAFT_MEMBER_OUTGOING, values);
        agreed = outgoing < agreed ? outgoing : agreed;
    }
    return agreed;
}

static void append(struct raft_configuration *configuration, const struct raft_member *member)
{
    assert(configuration->count < RAFT_MEMBERS_MAX);
    configuration->members[configuration->count++] = *member;
}

void raft_configuration_join(const struct raft_configuration *from,
                             const struct raft_configuration *to,
                             struct raft_configuration *out_joint)
{
    assert(!raft_configuration_is_joint(from) && !raft_configuration_is_joint(to));
    *out_joint = (struct raft_configuration){.count = 0};
    uint32_t i = 0;
    uint32_t j = 0;
    while (i < from->count || j < to->count) {
        bool takes_from =
            i < from->count && (j == to->count || from->members[i].id <= to->members[j].id);
        bool takes_to =
            j < to->count && (i == from->count || to->members[j].id <= from->members[i].id);
        struct raft_member member = takes_to ? to->members[j] : from->members[i];
        bool voted = takes_from && (from->members[i].flags & RAFT_MEMBER_VOTER) != 0;
        if (!takes_to) {
            member.flags &= (uint8_t) ~(RAFT_MEMBER_VOTER | RAFT_MEMBER_LEARNER);
        }
        if (voted) {
            member.flags |= RAFT_MEMBER_OUTGOING;
        }
        if (takes_to || voted) {
            append(out_joint, &member);
        }
        i += takes_from;
        j += takes_to;
    }
}

void raft_configuration_leave(const struct raft_configuration *joint,
                              struct raft_configuration *out_next)
{
    assert(raft_configuration_is_joint(joint));
    *out_next = (struct raft_configuration){.count = 0};
    for (uint32_t i = 0; i < joint->count; i++) {
        struct raft_member member = joint->members[i];
        member.flags &= (uint8_t)~RAFT_MEMBER_OUTGOING;
        bool stays = (member.flags & (RAFT_MEMBER_VOTER | RAFT_MEMBER_LEARNER)) != 0;
        if (stays) {
            append(out_next, &member);
        }
    }
}

bool raft_configuration_equal(const struct raft_configuration *a,
                              const struct raft_configuration *b)
{
    bool equal = a->count == b->count;
    for (uint32_t i = 0; equal && i < a->count; i++) {
        equal = a->members[i].id == b->members[i].id &&
                a->members[i].flags == b->members[i].flags &&
                a->members[i].priority == b->members[i].priority;
    }
    return equal;
}

static void put32(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++) {
        at[i] = (uint8_t)(value >> (8 * i));
    }
}

static uint32_t get32(const uint8_t *at)
{
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) {
        value |= (uint32_t)at[i] << (8 * i);
    }
    return value;
}

size_t raft_configuration_size(const struct raft_configuration *configuration)
{
    assert(configuration->count <= RAFT_MEMBERS_MAX);
    return 4 + (size_t)configuration->count * MEMBER_SIZE;
}

void raft_configuration_encode(const struct raft_configuration *configuration, uint8_t *bytes)
{
    put32(bytes, configuration->count);
    for (uint32_t i = 0; i < configuration->count; i++) {
        const struct raft_member *member = &configuration->members[i];
        uint8_t *at = bytes + 4 + (size_t)i * MEMBER_SIZE;
        put32(at, member->id);
        at[4] = member->flags;
        at[5] = member->priority;
        at[6] = 0;
        at[7] = 0;
    }
}

bool raft_configuration_decode(const uint8_t *bytes, size_t size,
                               struct raft_configuration *out_configuration)
{
    *out_configuration = (struct raft_configuration){.count = 0};
    if (size < 4 || get32(bytes) > RAFT_MEMBERS_MAX || size != 4 + get32(bytes) * MEMBER_SIZE) {
        return false;
    }
    uint32_t count = get32(bytes);
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *at = bytes + 4 + (size_t)i * MEMBER_SIZE;
        if (at[6] != 0 || at[7] != 0) {
            return false;
        }
        out_configuration->members[i] = (struct raft_member){get32(at), at[4], at[5]};
    }
    out_configuration->count = count;
    return raft_configuration_check(out_configuration) == NULL;
}
