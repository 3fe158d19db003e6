/* The oracle of configurations fires on tiny bad histories, by its name and alone, and is silent on
 * a change as it should be; and majorities are counted by what is in force. */
#include "oracle_double.h"
#include "unit.h"

static uint8_t payloads[FAKE_LOG_MAX][RAFT_CONFIGURATION_SIZE_MAX];

/* Members with flags, from pairs; ends at id 0. */
static struct raft_configuration configuration(const uint32_t (*members)[2])
{
    struct raft_configuration made = {.count = 0};
    for (; (*members)[0] != 0; members++) {
        made.members[made.count++] =
            (struct raft_member){.id = (*members)[0], .flags = (uint8_t)(*members)[1]};
    }
    ck_assert_ptr_null(raft_configuration_check(&made));
    return made;
}

#define VOTER    RAFT_MEMBER_VOTER
#define OUTGOING RAFT_MEMBER_OUTGOING
#define LEARNER  RAFT_MEMBER_LEARNER

static const uint32_t joint_without_3[][2] = {
    {1, VOTER | OUTGOING}, {2, VOTER | OUTGOING}, {3, OUTGOING}, {0, 0}};
static const uint32_t one_and_two[][2] = {{1, VOTER}, {2, VOTER}, {0, 0}};
static const uint32_t only_3[][2] = {{3, VOTER}, {0, 0}};
static const uint32_t with_learner[][2] = {
    {1, VOTER}, {2, VOTER}, {3, VOTER}, {4, LEARNER}, {0, 0}};

static void setup(void)
{
    fake_setup();
    fake.world->features |= SUT_FEATURE_MEMBERSHIP;
    for (uint32_t id = 1; id <= FAKE_NODES; id++) {
        raft_options_configuration(&fake.nodes[id]->node.options, &view_of(id)->configuration);
    }
}

static void teardown(void)
{
    arena_tear_down();
}

/* Appends a configuration; unless told otherwise the node goes by it. */
static void put_configuration(uint32_t node, raft_term term, const uint32_t (*members)[2])
{
    struct fake_node *to = fake.nodes[node];
    raft_index index = to->node.view.last.index + 1;
    const struct raft_configuration made = configuration(members);
    raft_configuration_encode(&made, payloads[index]);
    to->log[index] = (struct sut_entry){
        .id = {term, index},
        .kind = RAFT_ENTRY_CONFIGURATION,
        .size = (uint32_t)raft_configuration_size(&made),
        .payload = payloads[index],
    };
    to->values[index] = FAKE_WHOLE;
    fake.whole[index] = to->log[index];
    to->node.view.last = to->log[index].id;
    to->node.view.configuration = made;
    to->node.view.configuration_index = index;
}

static void put_everywhere(raft_term term, const uint32_t (*members)[2])
{
    for (uint32_t node = 1; node <= FAKE_NODES; node++) {
        put_configuration(node, term, members);
        step(node);
    }
}

/* Whether all agree after the heal, if node 3 misses the end of its log. */
static bool has_converged_without_3(const uint32_t (*members)[2])
{
    elect(1, 1);
    put_everywhere(1, members);
    for (uint32_t node = 1; node <= FAKE_NODES; node++) {
        struct raft_view *view = view_of(node);
        persist(node);
        view->durable = view->last;
        view->leader = 1;
        view->commit = view->last.index;
        view->applied = view->last.index;
    }
    view_of(3)->condition = RAFT_CONDITION_RECOVERING;
    view_of(3)->durable = (struct raft_entry_id){0, 0};
    fake.world->phase = SIM_PHASE_HEAL;
    return sim_oracle_converged(fake.world->oracles);
}

START_TEST(waits_for_a_member_that_recovers)
{
    static const uint32_t all[][2] = {{1, VOTER}, {2, VOTER}, {3, VOTER}, {0, 0}};
    ck_assert(!has_converged_without_3(all));
    view_of(3)->condition = RAFT_RUNNING;
    view_of(3)->durable = view_of(3)->last;
    ck_assert(sim_oracle_converged(fake.world->oracles));
}
END_TEST

START_TEST(does_not_wait_for_one_that_recovers_and_is_no_member)
{
    ck_assert(has_converged_without_3(one_and_two));
    view_of(3)->condition = RAFT_CONDITION_NOSPACE;
    ck_assert(!sim_oracle_converged(fake.world->oracles));
    expect_waived(SIM_WAIVER_AGREED_STRANGER);
}
END_TEST

START_TEST(silent_on_a_change_in_two_steps)
{
    elect(1, 1);
    put_everywhere(1, joint_without_3);
    fake.world->features &= ~(uint32_t)SUT_FEATURE_DURABLE; /* disks are the business of others */
    commit(1, 1);
    put_everywhere(1, one_and_two);
    commit(1, 2);
    const struct raft_configuration target = configuration(one_and_two);
    sim_oracle_change_completed(fake.world->oracles, 1, &target, RAFT_OK, 2);
    step(1);
    fake.world->features |= SUT_FEATURE_DURABLE;
    expect(NULL);
    ck_assert(sim_oracle_is_member(fake.world->oracles, 2));
    ck_assert(!sim_oracle_is_member(fake.world->oracles, 3));
    expect_waived(SIM_PROBE_COUNT);
}
END_TEST

START_TEST(silent_when_a_configuration_is_overwritten_and_the_one_before_is_back)
{
    put_configuration(2, 1, joint_without_3);
    step(2);
    cut(2, 0);
    raft_options_configuration(&fake.nodes[2]->node.options, &view_of(2)->configuration);
    view_of(2)->configuration_index = 0;
    step(2);
    expect(NULL);
}
END_TEST

START_TEST(configuration_fires_when_an_overwritten_one_stays_in_force)
{
    put_configuration(2, 1, joint_without_3);
    step(2);
    cut(2, 0);
    step(2);
    expect("configuration");
}
END_TEST

START_TEST(configuration_fires_when_a_new_one_is_ignored)
{
    put_configuration(2, 1, joint_without_3);
    raft_options_configuration(&fake.nodes[2]->node.options, &view_of(2)->configuration);
    view_of(2)->configuration_index = 0;
    step(2);
    expect("configuration");
}
END_TEST

START_TEST(configuration_fires_on_another_one_or_another_place_in_force)
{
    put_configuration(2, 1, joint_without_3);
    if (_i == 0) {
        view_of(2)->configuration = configuration(one_and_two);
    } else {
        view_of(2)->configuration_index = 0;
    }
    step(2);
    expect("configuration");
    expect_signature("configuration: not the newest configuration of the log");
}
END_TEST

START_TEST(configuration_fires_on_what_is_no_configuration)
{
    put_configuration(2, 1, one_and_two);
    fake.nodes[2]->log[1].size = 1;
    raft_options_configuration(&fake.nodes[2]->node.options, &view_of(2)->configuration);
    view_of(2)->configuration_index = 0;
    step(2);
    expect("configuration");
    expect_signature("configuration: not a configuration");
}
END_TEST

/* Two voters: one of them is no majority. */
START_TEST(durable_majority_fires_on_half_of_the_voters)
{
    elect(1, 1);
    put_configuration(1, 1, one_and_two);
    persist(1);
    step(1);
    commit(1, 1);
    expect("durable-majority");
}
END_TEST

static const uint32_t to_3_joint[][2] = {
    {1, OUTGOING}, {2, OUTGOING}, {3, VOTER | OUTGOING}, {0, 0}};

/* On the disks of nodes 1 and 2; the configuration wants node 3. */
static void put_on_two(bool is_seen_before)
{
    elect(1, 1);
    for (uint32_t node = 1; node <= 2; node++) {
        put(node, 1, 101);
        persist(node);
        step(node);
    }
    put_configuration(1, 1, to_3_joint);
    if (is_seen_before) {
        step(1);
    }
}

START_TEST(durable_majority_fires_on_a_commit_below_a_configuration_in_force)
{
    put_on_two(true);
    commit(1, 1);
    expect("durable-majority");
}
END_TEST

START_TEST(durable_majority_accepts_a_commit_by_the_one_before_that_was_in_force)
{
    put_on_two(false);
    commit(1, 1);
    expect(NULL);
}
END_TEST

START_TEST(durable_majority_fires_on_a_configuration_that_is_committed_as_it_comes)
{
    put_on_two(false);
    persist(1);
    put_configuration(2, 1, to_3_joint);
    persist(2);
    step(2);
    commit(1, 2);
    expect("durable-majority");
}
END_TEST

START_TEST(configuration_fires_on_two_changes_at_once)
{
    elect(1, 1);
    put_configuration(1, 1, joint_without_3);
    step(1);
    expect(NULL);
    put_configuration(1, 1, one_and_two);
    step(1);
    expect("configuration");
    expect_signature("configuration: two changes at once");
}
END_TEST

START_TEST(accepts_two_changes_that_another_node_has_appended)
{
    put_configuration(2, 1, joint_without_3);
    step(2);
    put_configuration(2, 1, one_and_two);
    step(2);
    expect(NULL);
    expect_waived(SIM_WAIVER_PENDING_UNSEEN);
}
END_TEST

START_TEST(configuration_fires_on_successors_that_can_decide_apart)
{
    put_configuration(1, 1, only_3);
    step(1);
    expect("configuration");
    expect_signature("configuration: two successive configurations can decide apart");
}
END_TEST

START_TEST(accepts_successors_that_decide_apart_after_a_recovery_by_hand)
{
    sim_oracle_recovered(fake.world->oracles);
    put_configuration(1, 1, only_3);
    step(1);
    expect(NULL);
    expect_waived(SIM_WAIVER_OVERLAP_BY_HAND);
}
END_TEST

START_TEST(configuration_fires_on_a_change_that_is_done_and_not_committed)
{
    const struct raft_configuration target = configuration(with_learner);
    put_configuration(1, 1, with_learner);
    sim_oracle_change_completed(fake.world->oracles, 1, &target, RAFT_OK, 1);
    step(1);
    expect("configuration");
}
END_TEST

START_TEST(configuration_fires_on_a_change_that_is_done_as_another)
{
    const struct raft_configuration target = configuration(_i == 0 ? one_and_two : with_learner);
    elect(1, 1);
    put_everywhere(1, with_learner);
    persist(1);
    persist(2);
    commit(1, 1);
    expect(NULL);
    sim_oracle_change_completed(fake.world->oracles, 1, &target, RAFT_OK, _i == 0 ? 1 : 2);
    step(1);
    expect("configuration");
}
END_TEST

START_TEST(durable_majority_counts_both_sides_of_a_joint_configuration)
{
    static const uint32_t to_3_alone[][2] = {
        {1, OUTGOING}, {2, OUTGOING}, {3, VOTER | OUTGOING}, {0, 0}};
    elect(1, 1);
    put_everywhere(1, to_3_alone);
    struct raft_configuration joint;
    sim_oracle_configuration_at(fake.world->oracles, 1, 1, &joint);
    ck_assert(!sim_oracle_has_majority(&joint, 1u << 1 | 1u << 2));
    ck_assert(!sim_oracle_has_majority(&joint, 1u << 3));
    ck_assert(sim_oracle_has_majority(&joint, 1u << 2 | 1u << 3));
    commit(1, 1);
    expect("durable-majority");
}
END_TEST

static void expect_3_must_not_lead(void)
{
    expect(NULL);
    sim_oracle_voted(fake.world->oracles, 1, 2, 3);
    elect(3, 2);
    expect("election-safety");
    expect_signature("election-safety: a node that must not lead");
}

START_TEST(election_safety_fires_on_a_leader_that_is_no_voter)
{
    put_configuration(1, 1, joint_without_3);
    step(1);
    fake.world->features &= ~(uint32_t)SUT_FEATURE_DURABLE;
    commit(1, 1);
    put_configuration(1, 1, one_and_two);
    step(1);
    commit(1, 2);
    put_configuration(3, 1, joint_without_3);
    put_configuration(3, 1, one_and_two);
    step(3);
    commit(3, 2);
    fake.world->features |= SUT_FEATURE_DURABLE;
    expect_3_must_not_lead();
}
END_TEST

START_TEST(election_safety_fires_on_a_learner_that_leads)
{
    static const uint32_t with_3_learning[][2] = {{1, VOTER}, {2, VOTER}, {3, LEARNER}, {0, 0}};
    elect(1, 1);
    put_everywhere(1, with_3_learning);
    persist(1);
    persist(2);
    commit(1, 1);
    commit(3, 1);
    expect_3_must_not_lead();
}
END_TEST

START_TEST(whoever_is_left_is_available_if_one_of_them_can_be_elected)
{
    static const uint32_t with_witness[][2] = {
        {1, VOTER}, {2, VOTER}, {3, VOTER | RAFT_MEMBER_WITNESS}, {0, 0}};
    const struct sim_oracles *oracles = fake.world->oracles;
    ck_assert(sim_oracle_is_available(oracles, 1u << 1));
    ck_assert(!sim_oracle_is_available(oracles, 1u << 1 | 1u << 2));
    put_configuration(2, 1, with_witness);
    put_configuration(3, 1, with_witness);
    step(2);
    step(3);
    ck_assert(sim_oracle_is_available(oracles, 1u << 1));
    put(3, 1, 9); /* the witness has more, and never leads */
    step(3);
    ck_assert(!sim_oracle_is_available(oracles, 1u << 1));
    put(2, 1, 9);
    step(2);
    ck_assert(sim_oracle_is_available(oracles, 1u << 1));
}
END_TEST

START_TEST(who_needs_a_leader_first_makes_nobody_available)
{
    put(3, 1, 9);
    step(3);
    ck_assert(sim_oracle_is_available(fake.world->oracles, 1u << 1));
    view_of(3)->is_blank = true; /* it votes for nobody who has less, and does not campaign */
    ck_assert(!sim_oracle_is_available(fake.world->oracles, 1u << 1));
    put(2, 1, 9);
    step(2);
    ck_assert(sim_oracle_is_available(fake.world->oracles, 1u << 1));
}
END_TEST

START_TEST(a_witness_that_leaves_makes_nobody_available)
{
    static const uint32_t witness_leaves[][2] = {
        {2, VOTER}, {3, RAFT_MEMBER_OUTGOING | RAFT_MEMBER_WITNESS}, {0, 0}};
    put_configuration(2, 1, witness_leaves);
    put_configuration(3, 1, witness_leaves);
    step(2);
    step(3);
    ck_assert(sim_oracle_is_available(fake.world->oracles, 1u << 1));
    put(3, 1, 9);
    step(3);
    ck_assert(!sim_oracle_is_available(fake.world->oracles, 1u << 1));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("oracle_configuration");
    TCase *tests = tcase_create("configuration");
    suite_add_tcase(suite, tests);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, waits_for_a_member_that_recovers);
    tcase_add_test(tests, does_not_wait_for_one_that_recovers_and_is_no_member);
    tcase_add_test(tests, silent_on_a_change_in_two_steps);
    tcase_add_test(tests, silent_when_a_configuration_is_overwritten_and_the_one_before_is_back);
    tcase_add_test(tests, configuration_fires_when_an_overwritten_one_stays_in_force);
    tcase_add_test(tests, configuration_fires_when_a_new_one_is_ignored);
    tcase_add_loop_test(tests, configuration_fires_on_another_one_or_another_place_in_force, 0, 2);
    tcase_add_test(tests, configuration_fires_on_what_is_no_configuration);
    tcase_add_test(tests, durable_majority_fires_on_half_of_the_voters);
    tcase_add_test(tests, durable_majority_fires_on_a_commit_below_a_configuration_in_force);
    tcase_add_test(tests, durable_majority_accepts_a_commit_by_the_one_before_that_was_in_force);
    tcase_add_test(tests, durable_majority_fires_on_a_configuration_that_is_committed_as_it_comes);
    tcase_add_loop_test(tests, configuration_fires_on_a_change_that_is_done_as_another, 0, 2);
    tcase_add_test(tests, configuration_fires_on_two_changes_at_once);
    tcase_add_test(tests, accepts_two_changes_that_another_node_has_appended);
    tcase_add_test(tests, configuration_fires_on_successors_that_can_decide_apart);
    tcase_add_test(tests, accepts_successors_that_decide_apart_after_a_recovery_by_hand);
    tcase_add_test(tests, configuration_fires_on_a_change_that_is_done_and_not_committed);
    tcase_add_test(tests, durable_majority_counts_both_sides_of_a_joint_configuration);
    tcase_add_test(tests, election_safety_fires_on_a_leader_that_is_no_voter);
    tcase_add_test(tests, election_safety_fires_on_a_learner_that_leads);
    tcase_add_test(tests, whoever_is_left_is_available_if_one_of_them_can_be_elected);
    tcase_add_test(tests, who_needs_a_leader_first_makes_nobody_available);
    tcase_add_test(tests, a_witness_that_leaves_makes_nobody_available);
    return unit_main(suite);
}
