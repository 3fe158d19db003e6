/* Configurations: what a majority is, what follows what, and the bytes. */
#include "unit.h"

#include <raft/configuration.h>
#include <string.h>

#define V RAFT_MEMBER_VOTER
#define L RAFT_MEMBER_LEARNER
#define O RAFT_MEMBER_OUTGOING
#define W RAFT_MEMBER_WITNESS

/* Members 1, 2, … with these flags; 0 leaves an id out. */
static struct raft_configuration make(const uint8_t *flags, uint32_t count)
{
    struct raft_configuration configuration = {.count = 0};
    for (uint32_t i = 0; i < count; i++) {
        if (flags[i] != 0) {
            configuration.members[configuration.count++] =
                (struct raft_member){.id = i + 1, .flags = flags[i]};
        }
    }
    return configuration;
}

static const struct {
    uint8_t flags[6];
    uint64_t values[6];
    uint64_t agreed;
} majorities[] = {
    {{0}, {0}, 0}, /* nobody has reached nothing */
    {{V}, {7}, 7},
    {{V, V}, {7, 5}, 5}, /* of two, both */
    {{V, V, V}, {7, 5, 1}, 5},
    {{V, V, V, V}, {7, 6, 5, 1}, 5}, /* of four, three */
    {{V, V, V, V, V}, {9, 1, 8, 2, 7}, 7},
    {{V, V, V, V, V, V}, {6, 5, 4, 3, 2, 1}, 3},
    {{V, L, L}, {3, 9, 9}, 3}, /* learners count for nothing */
    {{V, V | W, V}, {1, 9, 9}, 9},
    {{V | O, V | O, V | O}, {3, 2, 1}, 2},
    {{O, V, V}, {9, 4, 4}, 4}, /* each side by itself */
    {{O, V, V}, {1, 4, 4}, 1},
    {{O, V, V}, {9, 4, 0}, 0},
    {{V | O, O, O, V, V}, {5, 5, 0, 0, 0}, 0},
    {{V | O, O, O, V, V}, {5, 5, 0, 4, 0}, 4},
    {{L | O, V}, {2, 9}, 2}, /* one that becomes a learner still decides */
    /* Sides of even size: half of one is no majority. */
    {{V | O, V | O, V, V}, {9, 9, 1, 1}, 1},
    {{V | O, V | O, V, V}, {9, 9, 5, 1}, 5},
    {{V | O, V | O, V | O, V | O, V, V}, {9, 9, 5, 1, 1, 1}, 1},
    {{V | O, V | O, V | O, V | O, V, V}, {9, 9, 5, 5, 1, 1}, 5},
    {{O, O, O, O, V, V}, {9, 9, 0, 0, 9, 9}, 0},
    {{O, O, O, O, V, V}, {9, 9, 4, 0, 9, 9}, 4},
    {{V | O, V, O, L}, {7, 7, 0, 9}, 0}, /* from two to two, one of them the same */
    {{V | O, V, O, L}, {7, 7, 7, 0}, 7},
    {{V | W, V | W, V, L, L, L}, {9, 1, 1, 9, 9, 9}, 1}, /* witnesses are voters, learners none */
    {{W | O, V, V | W}, {1, 9, 9}, 1},
};

START_TEST(agrees_on_what_a_majority_of_each_side_has_reached)
{
    struct raft_configuration configuration = make(majorities[_i].flags, 6);
    ck_assert_ptr_null(raft_configuration_check(&configuration));
    ck_assert_uint_eq(raft_configuration_agreed(&configuration, majorities[_i].values),
                      majorities[_i].agreed);
}
END_TEST

/* A majority by its definition: more than half of the voters of a side have come so far. */
static bool has_majority(const struct raft_configuration *configuration, uint8_t side,
                         const uint64_t *values, uint64_t value)
{
    unsigned voters = 0;
    unsigned reached = 0;
    for (uint32_t i = 0; i < configuration->count; i++) {
        if ((configuration->members[i].flags & side) != 0) {
            voters++;
            reached += values[i] >= value;
        }
    }
    return voters == 0 || 2 * reached > voters;
}

/* All configurations of four members, and all values up to 2. */
START_TEST(agrees_with_the_definition_of_a_majority)
{
    static const uint8_t kinds[] = {V, V | W, L, O, V | O, L | O, V | O | W};
    const size_t kind_count = sizeof kinds;
    int counted = 0;
    for (size_t choice = 0; choice < kind_count * kind_count * kind_count * kind_count; choice++) {
        uint8_t flags[4];
        size_t rest = choice;
        for (int i = 0; i < 4; i++, rest /= kind_count) {
            flags[i] = kinds[rest % kind_count];
        }
        const struct raft_configuration configuration = make(flags, 4);
        if (raft_configuration_check(&configuration) != NULL) {
            continue;
        }
        for (unsigned code = 0; code < 81; code++) {
            const uint64_t values[RAFT_MEMBERS_MAX] = {code % 3, code / 3 % 3, code / 9 % 3,
                                                       code / 27};
            uint64_t agreed = 2;
            while (agreed > 0 && !(has_majority(&configuration, V, values, agreed) &&
                                   has_majority(&configuration, O, values, agreed))) {
                agreed--;
            }
            assert_quietly(raft_configuration_agreed(&configuration, values) == agreed);
            counted++;
        }
    }
    ck_assert_int_gt(counted, 100000);
}
END_TEST

/* The nodes of a bit set, as voters. */
static struct raft_configuration voters_of(uint32_t nodes)
{
    uint8_t flags[4];
    for (uint32_t i = 0; i < 4; i++) {
        flags[i] = (nodes >> i & 1u) != 0 ? V : 0;
    }
    return make(flags, 4);
}

static bool decides(const struct raft_configuration *configuration, uint32_t nodes)
{
    uint64_t values[RAFT_MEMBERS_MAX] = {0};
    for (uint32_t i = 0; i < configuration->count; i++) {
        values[i] = nodes >> (configuration->members[i].id - 1) & 1u;
    }
    return raft_configuration_agreed(configuration, values) == 1;
}

/* Dissertation §4.3: no two disjoint sets of nodes can both decide, one of them by the joint
 * configuration and the other by that or by one that it stands between. */
START_TEST(nobody_decides_apart_from_a_joint_configuration)
{
    for (uint32_t from = 1; from < 16; from++) {
        for (uint32_t to = 1; to < 16; to++) {
            const struct raft_configuration before = voters_of(from);
            const struct raft_configuration after = voters_of(to);
            struct raft_configuration joint;
            raft_configuration_join(&before, &after, &joint);
            ck_assert(raft_configuration_is_joint(&joint));
            for (uint32_t nodes = 0; nodes < 16; nodes++) {
                if (decides(&joint, nodes)) {
                    ck_assert(!decides(&before, ~nodes));
                    ck_assert(!decides(&after, ~nodes));
                    ck_assert(!decides(&joint, ~nodes));
                }
            }
        }
    }
}
END_TEST

START_TEST(leaving_a_joint_configuration_leads_to_its_target)
{
    struct raft_configuration from = make((const uint8_t[]){V, V, V | W, L, 0, 0}, 6);
    struct raft_configuration to = make((const uint8_t[]){L, V, 0, V, V | W, L}, 6);
    to.members[1].priority = 9;
    struct raft_configuration joint;
    raft_configuration_join(&from, &to, &joint);
    ck_assert_ptr_null(raft_configuration_check(&joint));
    const struct raft_configuration expected =
        make((const uint8_t[]){L | O, V | O, W | O, V, V | W, L}, 6);
    ck_assert_uint_eq(joint.count, expected.count);
    for (uint32_t i = 0; i < joint.count; i++) {
        ck_assert_uint_eq(joint.members[i].flags, expected.members[i].flags);
    }
    struct raft_configuration next;
    raft_configuration_leave(&joint, &next);
    ck_assert(raft_configuration_equal(&next, &to));
    ck_assert(!raft_configuration_is_joint(&next));
}
END_TEST

START_TEST(a_learner_that_goes_is_gone_at_once)
{
    struct raft_configuration from = make((const uint8_t[]){V, L}, 2);
    struct raft_configuration to = make((const uint8_t[]){V}, 1);
    struct raft_configuration joint;
    raft_configuration_join(&from, &to, &joint);
    ck_assert_ptr_null(raft_configuration_find(&joint, 2));
}
END_TEST

START_TEST(what_is_encoded_is_decoded)
{
    struct raft_configuration configuration = make((const uint8_t[]){V | O, 0, L, V | W, O}, 5);
    configuration.members[0].priority = 255;
    uint8_t bytes[RAFT_CONFIGURATION_SIZE_MAX];
    struct raft_configuration decoded;
    raft_configuration_encode(&configuration, bytes);
    size_t size = raft_configuration_size(&configuration);
    ck_assert_uint_eq(size, 4 + 4 * 8);
    ck_assert(raft_configuration_decode(bytes, size, &decoded));
    ck_assert(raft_configuration_equal(&configuration, &decoded));
    decoded.members[0].priority = 1;
    ck_assert(!raft_configuration_equal(&configuration, &decoded));
}
END_TEST

START_TEST(decodes_nothing_that_is_not_whole)
{
    struct raft_configuration configuration = make((const uint8_t[]){V, V}, 2);
    uint8_t bytes[RAFT_CONFIGURATION_SIZE_MAX + 1];
    struct raft_configuration decoded;
    memset(bytes, 0, sizeof bytes);
    raft_configuration_encode(&configuration, bytes);
    size_t size = raft_configuration_size(&configuration);
    for (size_t other = 0; other < sizeof bytes; other++) {
        ck_assert_int_eq(raft_configuration_decode(bytes, other, &decoded), other == size);
    }
}
END_TEST

static const struct {
    size_t at; /* in the bytes of voters 1 and 2 */
    uint8_t byte;
} damages[] = {
    {0, 3}, {0, 1},    {3, 1}, /* another count */
    {4, 0}, {4, 2},    {4, 3}, /* ids that do not ascend */
    {8, 0}, {8, 0x10}, {8, V | L}, {8, L | W}, {8, O | 0x80}, {10, 1}, {11, 1},
};

START_TEST(decodes_no_configuration_that_breaks_a_rule)
{
    struct raft_configuration configuration = make((const uint8_t[]){V, V}, 2);
    uint8_t bytes[RAFT_CONFIGURATION_SIZE_MAX];
    raft_configuration_encode(&configuration, bytes);
    bytes[damages[_i].at] = damages[_i].byte;
    ck_assert(
        !raft_configuration_decode(bytes, raft_configuration_size(&configuration), &configuration));
}
END_TEST

START_TEST(needs_a_voter_unless_it_is_empty)
{
    struct raft_configuration configuration = make((const uint8_t[]){L, L}, 2);
    ck_assert_ptr_nonnull(raft_configuration_check(&configuration));
    configuration = make((const uint8_t[]){O}, 1);
    ck_assert_ptr_nonnull(raft_configuration_check(&configuration));
    configuration.count = 0;
    ck_assert_ptr_null(raft_configuration_check(&configuration));
    configuration.count = RAFT_MEMBERS_MAX + 1;
    ck_assert_ptr_nonnull(raft_configuration_check(&configuration));
}
END_TEST

static Suite *configuration_suite(void)
{
    Suite *suite = suite_create("configuration");
    TCase *tests = tcase_create("configuration");
    tcase_add_loop_test(tests, agrees_on_what_a_majority_of_each_side_has_reached, 0,
                        sizeof majorities / sizeof majorities[0]);
    tcase_add_test(tests, agrees_with_the_definition_of_a_majority);
    tcase_add_test(tests, nobody_decides_apart_from_a_joint_configuration);
    tcase_add_test(tests, leaving_a_joint_configuration_leads_to_its_target);
    tcase_add_test(tests, a_learner_that_goes_is_gone_at_once);
    tcase_add_test(tests, what_is_encoded_is_decoded);
    tcase_add_test(tests, decodes_nothing_that_is_not_whole);
    tcase_add_loop_test(tests, decodes_no_configuration_that_breaks_a_rule, 0,
                        sizeof damages / sizeof damages[0]);
    tcase_add_test(tests, needs_a_voter_unless_it_is_empty);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return unit_main(configuration_suite());
}
