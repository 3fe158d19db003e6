/* Commands that clients try again, and a table of two sessions. Node 1 applies what is committed
 * with a real state machine; a mutant of it is one that is given another command than the log has,
 * or that has another table. */
#include "oracle_double.h"
#include "unit.h"

#define SESSIONS 2u

static uint8_t payloads[FAKE_LOG_MAX][SIM_COMMAND_SIZE_MAX];
static struct sim_machine *machine;

static void setup(void)
{
    fake_setup();
    fake.world->cluster.sessions = SESSIONS;
    machine = sim_machine_create(arena, SESSIONS);
    enter_term(2, 1);
    enter_term(3, 1);
    elect(1, 1);
}

static void teardown(void)
{
    sim_machine_destroy(machine);
    arena_tear_down();
}

static struct sim_command command_of(enum sim_command_type type, uint32_t client, uint64_t epoch,
                                     uint64_t sequence)
{
    return (struct sim_command){
        .type = type,
        .client = client,
        .epoch = epoch,
        .sequence = sequence,
        .key = "k",
        .value = "same",
    };
}

static struct sim_command put_of(uint32_t client, uint64_t epoch, uint64_t sequence)
{
    return command_of(SIM_COMMAND_PUT, client, epoch, sequence);
}

static struct sut_entry entry_of(const struct sim_command *command, raft_index index,
                                 uint8_t *payload)
{
    sim_command_encode(command, payload);
    return (struct sut_entry){
        .id = {1, index},
        .kind = RAFT_ENTRY_COMMAND,
        .size = (uint32_t)sim_command_size(command),
        .payload = payload,
    };
}

/* Appends an entry to a node's log. */
static void append(uint32_t node, const struct sut_entry *entry)
{
    put(node, entry->id.term, FAKE_WHOLE);
    ck_assert_uint_eq(view_of(node)->last.index, entry->id.index);
    fake.nodes[node]->log[entry->id.index] = *entry;
}

/* A command is committed; it is not applied yet. */
static raft_index commit_command(struct sim_command command)
{
    raft_index index = view_of(1)->last.index + 1;
    fake.whole[index] = entry_of(&command, index, payloads[index]);
    for (uint32_t node = 1; node <= FAKE_NODES; node++) {
        append(node, &fake.whole[index]);
        persist(node);
        step(node);
    }
    commit(1, index);
    return index;
}

static void applied(uint32_t node, raft_index index, const struct sim_effect *effect)
{
    sim_oracle_applied(fake.world->oracles, node, &fake.nodes[1]->log[index], effect,
                       sim_machine_digest(machine));
}

/* Is committed, and the state machine of node 1 is given another one. */
static raft_index run_as(struct sim_command command, struct sim_command other)
{
    uint8_t payload[SIM_COMMAND_SIZE_MAX];
    struct sim_effect effect;
    raft_index index = commit_command(command);
    const struct sut_entry given = entry_of(&other, index, payload);
    sim_machine_apply(machine, &given, &effect);
    applied(1, index, &effect);
    return index;
}

static raft_index run(struct sim_command command)
{
    return run_as(command, command);
}

static void tell(struct sim_command command, raft_index index, enum sim_answer answer,
                 const struct sim_result *result)
{
    sim_oracle_answered(fake.world->oracles, 1, &command, index, answer, result);
}

/* As node 1 would, by its state machine. */
static enum sim_answer answer(struct sim_command command, raft_index index)
{
    struct sim_result result = {.found = false};
    enum sim_answer answer = sim_machine_answer(machine, &command, index, &result);
    tell(command, index, answer, &result);
    return answer;
}

/* Client 1 is forgotten for the sake of client 3. */
static void forget_client_1(void)
{
    for (uint32_t client = 1; client <= 3; client++) {
        run(put_of(client, 0, 1));
    }
    expect(NULL);
}

/* ---- silent ---- */

START_TEST(request_once_accepts_commands_that_are_tried_again)
{
    raft_index first = run(put_of(1, 0, 1));
    raft_index again = run(put_of(1, 0, 1));
    ck_assert_int_eq(answer(put_of(1, 0, 1), first), SIM_ANSWER_KNOWN);
    ck_assert_int_eq(answer(put_of(1, 0, 1), again), SIM_ANSWER_KNOWN);
    raft_index read = run(command_of(SIM_COMMAND_GET, 2, 0, 1));
    run(put_of(1, 0, 2));
    raft_index late = run(put_of(1, 0, 1));
    ck_assert_int_eq(answer(put_of(1, 0, 1), late), SIM_ANSWER_LOST);
    ck_assert_int_eq(answer(command_of(SIM_COMMAND_GET, 2, 0, 1), read), SIM_ANSWER_KNOWN);
    expect(NULL);
}
END_TEST

START_TEST(request_once_accepts_the_refusal_of_a_session_that_never_was)
{
    run(put_of(1, 9, 1));
    run(put_of(1, 0, 1));
    expect(NULL);
}
END_TEST

START_TEST(request_once_accepts_forgotten_clients_who_register_anew)
{
    const struct sim_command registration = command_of(SIM_COMMAND_REGISTER, 1, 0, 1);
    forget_client_1();
    raft_index refused = run(put_of(1, 0, 1));
    ck_assert_int_eq(answer(put_of(1, 0, 1), refused), SIM_ANSWER_EXPIRED);
    raft_index first = run(registration);
    ck_assert_int_eq(answer(registration, first), SIM_ANSWER_KNOWN);
    raft_index epoch = run(registration);
    ck_assert_int_eq(answer(registration, first), SIM_ANSWER_KNOWN); /* of the second one */
    ck_assert_int_eq(answer(put_of(1, first, 1), run(put_of(1, first, 1))), SIM_ANSWER_EXPIRED);
    ck_assert_int_eq(answer(put_of(1, epoch, 1), run(put_of(1, epoch, 1))), SIM_ANSWER_KNOWN);
    ck_assert_int_eq(answer(put_of(1, epoch, 1), run(put_of(1, epoch, 1))), SIM_ANSWER_KNOWN);
    expect(NULL);
}
END_TEST

START_TEST(request_once_accepts_a_snapshot_and_who_goes_on_from_there)
{
    size_t size = 0;
    forget_client_1();
    run(put_of(2, 0, 2)); /* now client 3 is the oldest */
    raft_index index = view_of(1)->last.index;
    uint8_t *state = sim_machine_freeze(machine, &size);
    sim_machine_destroy(machine);
    machine = sim_machine_thaw(arena, SESSIONS, state, size);
    ck_assert_ptr_nonnull(machine);
    sim_oracle_restored(fake.world->oracles, 2, index, index, sim_machine_digest(machine));

    const struct sim_command attempts[] = {put_of(2, 0, 2), put_of(1, 0, 1),
                                           command_of(SIM_COMMAND_REGISTER, 1, 0, 1),
                                           put_of(2, 0, 3)};
    for (size_t i = 0; i < sizeof attempts / sizeof attempts[0]; i++) {
        struct sim_effect effect;
        index = commit_command(attempts[i]);
        sim_machine_apply(machine, &fake.whole[index], &effect);
        applied(2, index, &effect);
    }
    expect(NULL);
}
END_TEST

START_TEST(request_once_accepts_a_restart_that_applies_everything_once_more)
{
    forget_client_1();
    run(put_of(3, 0, 1));
    raft_index last = view_of(1)->last.index;
    const struct raft_hard_state state = view_of(1)->state;
    end(1, SIM_NODE_DOWN);
    view_of(1)->state = state;
    for (raft_index index = 1; index <= last; index++) {
        append(1, &fake.whole[index]);
    }
    start(1);
    sim_machine_destroy(machine);
    machine = sim_machine_create(arena, SESSIONS);
    for (raft_index index = 1; index <= last; index++) {
        struct sim_effect effect;
        sim_machine_apply(machine, &fake.whole[index], &effect);
        applied(1, index, &effect);
    }
    expect(NULL);
}
END_TEST

/* ---- once ---- */

/* The value is the same, so that no client can see it. */
START_TEST(request_once_fires_on_a_repetition_that_is_executed)
{
    run(put_of(1, 0, 1));
    expect(NULL);
    run_as(put_of(1, 0, 1), put_of(1, 0, 2));
    expect_signature("request-once: a command was executed twice");
    ck_assert_str_eq(
        fake.world->finding.message,
        "a command was executed twice: that of client 1, epoch 0, sequence 1, at index "
        "1, and again at 2 by node 1");
}
END_TEST

START_TEST(request_once_fires_on_an_entry_that_is_executed_twice)
{
    raft_index index = commit_command(put_of(1, 0, 1));
    const struct sim_effect twice = {.executions = 2, .sessions = 1, .oldest = 1};
    applied(1, index, &twice);
    expect_signature("request-once: a command was executed twice");
}
END_TEST

START_TEST(request_once_fires_on_a_repetition_that_is_executed_when_its_client_is_forgotten)
{
    forget_client_1();
    run_as(put_of(1, 0, 1), put_of(3, 0, 2));
    expect_signature("request-once: a command was executed twice");
}
END_TEST

START_TEST(request_once_fires_on_a_command_that_is_executed_after_a_later_one)
{
    run(put_of(1, 0, 2));
    run_as(put_of(1, 0, 1), put_of(1, 0, 3));
    expect_signature("request-once: a command was executed against its session");
}
END_TEST

START_TEST(request_once_fires_on_a_command_of_a_forgotten_client_that_is_executed)
{
    forget_client_1();
    run_as(put_of(1, 0, 2), put_of(3, 0, 2));
    expect_signature("request-once: a command was executed against its session");
}
END_TEST

START_TEST(request_once_fires_on_a_command_of_an_older_session_that_is_executed)
{
    run(put_of(1, 0, 1));
    run(command_of(SIM_COMMAND_REGISTER, 1, 0, 1));
    run_as(put_of(1, 0, 2), put_of(1, 2, 1));
    expect_signature("request-once: a command was executed against its session");
}
END_TEST

START_TEST(request_once_fires_on_a_new_command_that_is_taken_for_a_repetition)
{
    run(put_of(1, 0, 1));
    run_as(put_of(1, 0, 2), put_of(1, 0, 1));
    expect_signature("request-once: a new command was not executed");
}
END_TEST

/* ---- who is forgotten ---- */

static const uint32_t capacities[] = {SESSIONS - 1, SESSIONS + 1};

START_TEST(request_once_fires_on_a_client_that_is_forgotten_too_early_or_too_late)
{
    sim_machine_destroy(machine);
    machine = sim_machine_create(arena, capacities[_i]);
    for (uint32_t client = 1; client <= capacities[_i] && client <= SESSIONS; client++) {
        run(put_of(client, 0, 1));
    }
    expect(NULL);
    run(put_of(3, 0, 1));
    expect_signature("request-once: the wrong clients are remembered");
}
END_TEST

/* One that goes by the first command of each and not by the latest, and one that forgets whom it
 * has just served. */
static const struct sim_effect bad_tables[] = {
    {.executions = 1, .sessions = SESSIONS, .oldest = 1},
    {.executions = 1, .sessions = SESSIONS - 1, .oldest = 2},
};

START_TEST(request_once_fires_when_the_wrong_client_is_forgotten_or_will_be)
{
    run(put_of(1, 0, 1));
    run(put_of(2, 0, 1));
    expect(NULL);
    applied(1, commit_command(put_of(1, 0, 2)), &bad_tables[_i]);
    expect_signature("request-once: the wrong clients are remembered");
}
END_TEST

/* ---- what clients are told ---- */

/* The key is missing at the first attempt: each differs from that in one thing. */
static const struct sim_result other_results[] = {
    {.found = true},
    {.swapped = true},
    {.value = "same"},
};

START_TEST(request_once_fires_on_a_repetition_with_another_result)
{
    const struct sim_command get = command_of(SIM_COMMAND_GET, 2, 0, 1);
    raft_index first = run(get);
    run(put_of(1, 0, 1));
    raft_index again = run(get);
    ck_assert_int_eq(answer(get, first), SIM_ANSWER_KNOWN);
    ck_assert_int_eq(answer(get, again), SIM_ANSWER_KNOWN);
    expect(NULL);
    tell(get, again, SIM_ANSWER_KNOWN, &other_results[_i]);
    expect_signature("request-once: a command has two results");
}
END_TEST

START_TEST(request_once_fires_on_a_result_of_what_was_never_executed)
{
    const struct sim_result any = {.found = true};
    forget_client_1();
    tell(put_of(1, 0, 2), run(put_of(1, 0, 2)), SIM_ANSWER_KNOWN, &any);
    expect_signature("request-once: a result of nothing");
}
END_TEST

START_TEST(request_once_fires_on_a_denial_of_what_was_executed)
{
    const struct sim_result none = {.found = false};
    raft_index first = run(put_of(1, 0, 1));
    raft_index again = run(put_of(1, 0, 1));
    tell(put_of(1, 0, 1), again, SIM_ANSWER_EXPIRED, &none); /* of this attempt it is true */
    tell(put_of(1, 0, 1), first, SIM_ANSWER_LOST, &none);
    expect(NULL);
    tell(put_of(1, 0, 1), first, SIM_ANSWER_EXPIRED, &none);
    expect_signature("request-once: a command is denied");
}
END_TEST

START_TEST(request_once_fires_on_an_epoch_that_is_none)
{
    const struct sim_command registration = command_of(SIM_COMMAND_REGISTER, 1, 0, 1);
    raft_index other = run(put_of(2, 0, 1));
    raft_index index = run(registration);
    const struct sim_result wrong = {.epoch = other};
    ck_assert_int_eq(answer(registration, index), SIM_ANSWER_KNOWN);
    expect(NULL);
    tell(registration, index, SIM_ANSWER_KNOWN, &wrong);
    expect_signature("request-once: an epoch without a registration");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("oracle_session");
    TCase *tests = tcase_create("sessions");
    suite_add_tcase(suite, tests);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, request_once_accepts_commands_that_are_tried_again);
    tcase_add_test(tests, request_once_accepts_the_refusal_of_a_session_that_never_was);
    tcase_add_test(tests, request_once_accepts_forgotten_clients_who_register_anew);
    tcase_add_test(tests, request_once_accepts_a_snapshot_and_who_goes_on_from_there);
    tcase_add_test(tests, request_once_accepts_a_restart_that_applies_everything_once_more);
    tcase_add_test(tests, request_once_fires_on_a_repetition_that_is_executed);
    tcase_add_test(tests, request_once_fires_on_an_entry_that_is_executed_twice);
    tcase_add_test(
        tests, request_once_fires_on_a_repetition_that_is_executed_when_its_client_is_forgotten);
    tcase_add_test(tests, request_once_fires_on_a_command_that_is_executed_after_a_later_one);
    tcase_add_test(tests, request_once_fires_on_a_command_of_a_forgotten_client_that_is_executed);
    tcase_add_test(tests, request_once_fires_on_a_command_of_an_older_session_that_is_executed);
    tcase_add_test(tests, request_once_fires_on_a_new_command_that_is_taken_for_a_repetition);
    tcase_add_loop_test(
        tests, request_once_fires_on_a_client_that_is_forgotten_too_early_or_too_late, 0, 2);
    tcase_add_loop_test(tests, request_once_fires_when_the_wrong_client_is_forgotten_or_will_be, 0,
                        2);
    tcase_add_loop_test(tests, request_once_fires_on_a_repetition_with_another_result, 0, 3);
    tcase_add_test(tests, request_once_fires_on_a_result_of_what_was_never_executed);
    tcase_add_test(tests, request_once_fires_on_a_denial_of_what_was_executed);
    tcase_add_test(tests, request_once_fires_on_an_epoch_that_is_none);
    return unit_main(suite);
}
