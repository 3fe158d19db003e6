/* A witness has no data: the rule fires on a payload and on a state wherever they are, and on an
 * entry that lacks its payload elsewhere. */
#include "oracle_double.h"
#include "unit.h"

/* Node 3 of three is a witness; the implementation knows of such. */
static void setup(void)
{
    fake_ops.features |= SUT_FEATURE_WITNESS;
    fake_setup();
    fake.nodes[3]->node.options.witnesses = 1u << 2;
    for (uint32_t node = 1; node <= FAKE_NODES; node++) {
        fake.nodes[node]->node.options.id = node;
    }
}

static void put_elided(uint32_t node, raft_term term)
{
    put(node, term, 0);
    struct sut_entry *entry = &fake.nodes[node]->log[view_of(node)->last.index];
    entry->kind = RAFT_ENTRY_ELIDED;
    entry->size = 0;
    step(node);
}

START_TEST(witness_accepts_ids_of_what_others_have)
{
    elect(1, 1);
    replicate(1, 2);
    put_elided(3, 1);
    put_elided(3, 1);
    expect(NULL);
    ck_assert_uint_eq(sim_oracle_checks(fake.world->oracles, SIM_ORACLE_WITNESS), 6);
}
END_TEST

START_TEST(witness_fires_on_a_payload_in_memory)
{
    elect(1, 1);
    replicate(1, 1);
    put(3, 1, 101);
    step(3);
    expect("witness");
    expect_signature("witness: a witness has a payload");
}
END_TEST

START_TEST(witness_fires_on_a_payload_behind_an_id)
{
    elect(1, 1);
    replicate(1, 1);
    put(3, 1, 0);
    fake.nodes[3]->log[1].kind = RAFT_ENTRY_ELIDED;
    fake.nodes[3]->log[1].size = 1;
    step(3);
    expect("witness");
}
END_TEST

START_TEST(witness_fires_on_a_payload_on_the_disk)
{
    const uint64_t words[3] = {1, 1, 101}; /* an entry as the double writes it */
    show_file(3, "log", words, sizeof words);
    expect("witness");
}
END_TEST

START_TEST(witness_fires_on_a_state_in_a_snapshot_on_the_disk)
{
    sim_oracle_witness_state(fake.world->oracles, 3, 0, "on its disk");
    sim_oracle_witness_state(fake.world->oracles, 1, 9, "on its disk");
    expect(NULL);
    sim_oracle_witness_state(fake.world->oracles, 3, 9, "on its disk");
    expect("witness");
}
END_TEST

START_TEST(witness_fires_on_a_state_machine)
{
    elect(1, 1);
    replicate(1, 1);
    replicate(2, 1);
    commit(1, 1);
    expect(NULL);
    const struct sim_effect none = {.executions = 0};
    sim_oracle_applied(fake.world->oracles, 3, &fake.nodes[1]->log[1], &none, 7);
    expect("witness");
}
END_TEST

START_TEST(witness_fires_on_a_full_member_that_lacks_a_payload)
{
    elect(1, 1);
    replicate(1, 1);
    put_elided(2, 1);
    expect("witness");
    expect_signature("witness: a full member has an entry without its payload");
}
END_TEST

START_TEST(witness_is_skipped_when_the_implementation_has_none)
{
    fake.world->features &= ~(uint32_t)SUT_FEATURE_WITNESS;
    ck_assert_ptr_nonnull(sim_oracle_skipped(fake.world->oracles, SIM_ORACLE_WITNESS));
    elect(1, 1);
    replicate(1, 1);
    put(3, 1, 101);
    step(3);
    expect(NULL);
}
END_TEST

/* ---- what other rules make of ids ---- */

START_TEST(log_matching_fires_on_an_id_that_no_log_has_had)
{
    put_elided(3, 1);
    expect("log-matching");
}
END_TEST

/* Node 1 appends in the step in which it dies, or cuts its log as well. */
static void append_and_die(bool cuts)
{
    elect(1, 1);
    replicate(1, 1);
    if (cuts) {
        cut(1, 0);
        put(1, 1, 101);
    }
    put(1, 1, 102);
    sim_oracle_dies(fake.world->oracles, 1);
    end(1, SIM_NODE_DOWN);
    put_elided(3, 1);
    put_elided(3, 1);
}

START_TEST(log_matching_knows_what_a_leader_has_appended_in_the_step_in_which_it_died)
{
    append_and_die(false);
    expect(NULL);
}
END_TEST

START_TEST(log_matching_takes_no_cut_of_a_dying_leader_for_its_log)
{
    append_and_die(true);
    expect("log-matching");
}
END_TEST

START_TEST(log_matching_fires_on_a_payload_behind_an_id_that_differs)
{
    elect(1, 1);
    replicate(1, 2);
    put_elided(3, 1);
    put(2, 1, 999); /* where node 1 has another one */
    step(2);
    expect("log-matching");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("oracle_witness");
    TCase *tests = tcase_create("witness");
    tcase_add_checked_fixture(tests, setup, arena_tear_down);
    tcase_add_test(tests, witness_accepts_ids_of_what_others_have);
    tcase_add_test(tests, witness_fires_on_a_payload_in_memory);
    tcase_add_test(tests, witness_fires_on_a_payload_behind_an_id);
    tcase_add_test(tests, witness_fires_on_a_payload_on_the_disk);
    tcase_add_test(tests, witness_fires_on_a_state_in_a_snapshot_on_the_disk);
    tcase_add_test(tests, witness_fires_on_a_state_machine);
    tcase_add_test(tests, witness_fires_on_a_full_member_that_lacks_a_payload);
    tcase_add_test(tests, witness_is_skipped_when_the_implementation_has_none);
    tcase_add_test(tests, log_matching_fires_on_an_id_that_no_log_has_had);
    tcase_add_test(tests, log_matching_fires_on_a_payload_behind_an_id_that_differs);
    tcase_add_test(tests,
                   log_matching_knows_what_a_leader_has_appended_in_the_step_in_which_it_died);
    tcase_add_test(tests, log_matching_takes_no_cut_of_a_dying_leader_for_its_log);
    suite_add_tcase(suite, tests);
    return unit_main(suite);
}
