/* The oracle of what clients saw: silent on runs, fires on one planted stale read. */
#include "world_fixture.h"

#include <stdio.h>
#include <string.h>

#define STEPS_AT_MOST 400000u

static struct sim_world *world;

static void set_up(void)
{
    arena_set_up();
    world = world_of(&sut_raft, 5);
}

/* One operation of a client to its end. */
static struct sim_operation *operate(struct sim_client *client, enum sim_command_type type,
                                     const char *value)
{
    struct sim_command command = {.type = type};
    snprintf(command.key, sizeof command.key, "k");
    snprintf(command.value, sizeof command.value, "%s", value);
    sim_client_begin(client, &command, 0);
    struct sim_operation *operation = client->open;
    for (uint32_t i = 0; i < STEPS_AT_MOST && client->open != NULL; i++) {
        sim_world_step(world);
    }
    ck_assert_ptr_null(client->open);
    ck_assert_int_eq(operation->outcome, SIM_CLIENT_OK);
    return operation;
}

static void end_run(void)
{
    sim_world_script_ended(world);
    sim_world_run(world);
}

static enum sim_history_verdict verdict_now(char *text, size_t size)
{
    return sim_oracle_history(world->oracles, text, size);
}

START_TEST(silent_when_reads_are_fresh)
{
    struct sim_client *one = sim_client_create(world, 0);
    struct sim_client *other = sim_client_create(world, 0);
    operate(one, SIM_COMMAND_GET, "");
    operate(one, SIM_COMMAND_PUT, "a");
    operate(other, SIM_COMMAND_GET, "");
    operate(other, SIM_COMMAND_CAS, "b"); /* expects the empty text: does not swap */
    operate(one, SIM_COMMAND_PUT, "b");
    ck_assert_str_eq(operate(other, SIM_COMMAND_GET, "")->result.value, "b");
    end_run();
    ck_assert_msg(!world->has_finding, "%s", world->finding.message);
    ck_assert_uint_eq(sim_oracle_checks(world->oracles, SIM_ORACLE_LINEARIZABLE), 1);
}
END_TEST

START_TEST(silent_over_a_load)
{
    const struct sim_load options = {.client_count = 4,
                                     .interval_ns = 5 * MS,
                                     .keys = 2,
                                     .mix_put = 1,
                                     .mix_get = 1,
                                     .mix_cas = 1,
                                     .until_ns = 3000 * MS};
    sim_load_start(world, &options);
    while (world->scheduler.now_ns < 2000 * MS) {
        sim_world_step(world);
    }
    end_run();
    ck_assert_msg(!world->has_finding, "%s", world->finding.message);
    ck_assert_ptr_null(sim_oracle_skipped(world->oracles, SIM_ORACLE_LINEARIZABLE));
    ck_assert_uint_eq(sim_oracle_checks(world->oracles, SIM_ORACLE_LINEARIZABLE), 1);
}
END_TEST

/* A run in which the last read is given the value before the last one. */
static void run_with_stale_read(void)
{
    struct sim_client *writer = sim_client_create(world, 0);
    struct sim_client *reader = sim_client_create(world, 0);
    operate(writer, SIM_COMMAND_PUT, "old");
    operate(writer, SIM_COMMAND_PUT, "new");
    struct sim_operation *read = operate(reader, SIM_COMMAND_GET, "");
    ck_assert_str_eq(read->result.value, "new");
    snprintf(read->result.value, sizeof read->result.value, "old");
    end_run();
}

START_TEST(fires_on_a_stale_read)
{
    run_with_stale_read();
    ck_assert(world->has_finding);
    ck_assert_str_eq(world->finding.rule, "linearizable");
    ck_assert_str_eq(world->finding.signature,
                     "linearizable: no order explains what the clients saw");
    ck_assert_ptr_nonnull(
        strstr(world->finding.message, "key \"k\": client 1 put \"new\" (events "));
    ck_assert_ptr_nonnull(strstr(world->finding.message, "client 2 get -> \"old\" (events "));
}
END_TEST

START_TEST(skipped_when_the_scenario_says_so)
{
    world->checks_linearizable = false;
    run_with_stale_read();
    ck_assert(!world->has_finding);
    ck_assert_ptr_nonnull(sim_oracle_skipped(world->oracles, SIM_ORACLE_LINEARIZABLE));
    ck_assert_uint_eq(sim_oracle_checks(world->oracles, SIM_ORACLE_LINEARIZABLE), 0);
}
END_TEST

START_TEST(failures_never_happened_and_unknown_outcomes_may_have)
{
    char text[SIM_TEXT_MAX];
    struct sim_client *writer = sim_client_create(world, 0);
    struct sim_client *reader = sim_client_create(world, 0);
    struct sim_operation *put = operate(writer, SIM_COMMAND_PUT, "a");
    struct sim_operation *read = operate(reader, SIM_COMMAND_GET, "");
    put->outcome = SIM_CLIENT_UNKNOWN;
    ck_assert_int_eq(verdict_now(text, sizeof text), SIM_HISTORY_LINEARIZABLE);
    read->result.value[0] = '\0';
    ck_assert_int_eq(verdict_now(text, sizeof text), SIM_HISTORY_LINEARIZABLE);
    put->outcome = SIM_CLIENT_FAIL;
    ck_assert_int_eq(verdict_now(text, sizeof text), SIM_HISTORY_LINEARIZABLE);
    snprintf(read->result.value, sizeof read->result.value, "a");
    ck_assert_int_eq(verdict_now(text, sizeof text), SIM_HISTORY_VIOLATION);
}
END_TEST

START_TEST(failed_swap_means_that_another_value_was_there)
{
    char text[SIM_TEXT_MAX];
    struct sim_client *client = sim_client_create(world, 0);
    operate(client, SIM_COMMAND_PUT, "a");
    struct sim_operation *cas = operate(client, SIM_COMMAND_CAS, "b");
    ck_assert(!cas->result.swapped);
    ck_assert_int_eq(verdict_now(text, sizeof text), SIM_HISTORY_LINEARIZABLE);
    snprintf(cas->command.expected, sizeof cas->command.expected, "a");
    ck_assert_int_eq(verdict_now(text, sizeof text), SIM_HISTORY_VIOLATION);
    ck_assert_ptr_nonnull(strstr(text, "cas \"a\" to \"b\" did not swap"));
}
END_TEST

/* Many operations side by side, each of which fits nearly everywhere, and a read that fits nowhere.
 */
START_TEST(skipped_when_the_history_is_too_hard)
{
    struct sim_operation *history = arena_calloc(arena, 61 * sizeof history[0]);
    for (uint32_t i = 0; i < 61; i++) {
        struct sim_operation *operation = &history[i];
        bool is_read = i == 60;
        operation->client = i + 1;
        operation->command.type = is_read     ? SIM_COMMAND_GET
                                  : i % 3 > 0 ? SIM_COMMAND_CAS
                                              : SIM_COMMAND_PUT;
        operation->command.key[0] = 'k';
        snprintf(operation->command.value, sizeof operation->command.value, "v%u", i % 7);
        snprintf(operation->command.expected, sizeof operation->command.expected, "v%u",
                 (i * 3 + 1) % 7);
        snprintf(operation->result.value, sizeof operation->result.value, "w");
        operation->result.swapped = true;
        operation->outcome = SIM_CLIENT_OK;
        operation->invoked_event = is_read ? 1000 : 1 + i;
        operation->completed_event = is_read ? 1001 : 500 + i;
        operation->next = is_read ? NULL : operation + 1;
    }
    /* Somebody might have written it, after all. */
    history[0].outcome = SIM_CLIENT_UNKNOWN;
    history[0].command.type = SIM_COMMAND_CAS;
    snprintf(history[0].command.value, sizeof history[0].command.value, "w");
    snprintf(history[0].command.expected, sizeof history[0].command.expected, "never");
    world->clients.history = history;
    sim_oracles_finish(world->oracles);
    ck_assert_msg(!world->has_finding, "%s", world->finding.message);
    ck_assert_ptr_nonnull(sim_oracle_skipped(world->oracles, SIM_ORACLE_LINEARIZABLE));
    ck_assert_uint_eq(sim_oracle_checks(world->oracles, SIM_ORACLE_LINEARIZABLE), 0);
}
END_TEST

static Suite *suite(void)
{
    Suite *suite = suite_create("oracle_history");
    TCase *tests = tcase_create("oracle_history");
    tcase_add_checked_fixture(tests, set_up, arena_tear_down);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, silent_when_reads_are_fresh);
    tcase_add_test(tests, silent_over_a_load);
    tcase_add_test(tests, fires_on_a_stale_read);
    tcase_add_test(tests, skipped_when_the_scenario_says_so);
    tcase_add_test(tests, failures_never_happened_and_unknown_outcomes_may_have);
    tcase_add_test(tests, failed_swap_means_that_another_value_was_there);
    tcase_add_test(tests, skipped_when_the_history_is_too_hard);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return unit_main(suite());
}
