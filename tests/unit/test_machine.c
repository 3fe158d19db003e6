/* The key-value state machine of a simulated node. */
#include "arena_fixture.h"

#include <sim/machine.h>

#include <stdio.h>
#include <string.h>

static struct sim_command command_of(enum sim_command_type type, uint32_t client, uint64_t sequence,
                                     const char *key, const char *value)
{
    struct sim_command command = {.type = type, .client = client, .sequence = sequence};
    snprintf(command.key, sizeof command.key, "%s", key);
    snprintf(command.value, sizeof command.value, "%s", value);
    return command;
}

static struct sim_result apply(struct sim_machine *machine, raft_index index,
                               const struct sim_command *command)
{
    uint8_t bytes[SIM_COMMAND_SIZE_MAX];
    struct sim_effect effect;
    sim_command_encode(command, bytes);
    const struct sut_entry entry = {.id = {1, index},
                                    .kind = RAFT_ENTRY_COMMAND,
                                    .size = (uint32_t)sim_command_size(command),
                                    .payload = bytes};
    sim_machine_apply(machine, &entry, &effect);
    return effect.result;
}

static void put(struct sim_machine *machine, raft_index index, const char *key, const char *value)
{
    struct sim_command command = command_of(SIM_COMMAND_PUT, 1, index, key, value);
    apply(machine, index, &command);
}

START_TEST(command_survives_its_encoding)
{
    struct sim_command command = command_of(SIM_COMMAND_CAS, 3, 9, "key", "new");
    struct sim_command decoded;
    uint8_t bytes[SIM_COMMAND_SIZE_MAX];
    strcpy(command.expected, "old");
    command.padding = 5;
    sim_command_encode(&command, bytes);
    ck_assert(sim_command_decode(bytes, sim_command_size(&command), &decoded));
    ck_assert_int_eq(decoded.type, SIM_COMMAND_CAS);
    ck_assert_uint_eq(decoded.client, 3);
    ck_assert_uint_eq(decoded.sequence, 9);
    ck_assert_uint_eq(decoded.padding, 5);
    ck_assert_str_eq(decoded.key, "key");
    ck_assert_str_eq(decoded.value, "new");
    ck_assert_str_eq(decoded.expected, "old");
}
END_TEST

START_TEST(command_that_is_cut_anywhere_is_refused)
{
    struct sim_command command = command_of(SIM_COMMAND_PUT, 1, 1, "k", "v");
    struct sim_command decoded;
    uint8_t bytes[SIM_COMMAND_SIZE_MAX];
    command.padding = 2;
    sim_command_encode(&command, bytes);
    for (size_t size = 0; size < sim_command_size(&command); size++) {
        ck_assert(!sim_command_decode(bytes, size, &decoded));
    }
}
END_TEST

START_TEST(get_sees_the_last_put)
{
    struct sim_machine *machine = sim_machine_create(arena, SIM_SESSIONS_MAX);
    struct sim_command get = command_of(SIM_COMMAND_GET, 2, 1, "k", "");
    put(machine, 1, "k", "a");
    put(machine, 2, "k", "b");
    struct sim_result result = apply(machine, 3, &get);
    ck_assert(result.found);
    ck_assert_str_eq(result.value, "b");
    ck_assert_uint_eq(sim_machine_applied(machine), 3);
    sim_machine_destroy(machine);
}
END_TEST

START_TEST(cas_swaps_only_the_expected_value)
{
    struct sim_machine *machine = sim_machine_create(arena, SIM_SESSIONS_MAX);
    put(machine, 1, "k", "a");
    struct sim_command cas = command_of(SIM_COMMAND_CAS, 2, 1, "k", "b");
    strcpy(cas.expected, "x");
    ck_assert(!apply(machine, 2, &cas).swapped);
    cas.sequence = 2;
    strcpy(cas.expected, "a");
    ck_assert(apply(machine, 3, &cas).swapped);
    sim_machine_destroy(machine);
}
END_TEST

START_TEST(repetition_is_answered_from_the_session_and_not_applied)
{
    struct sim_machine *machine = sim_machine_create(arena, SIM_SESSIONS_MAX);
    struct sim_result known;
    struct sim_command cas = command_of(SIM_COMMAND_CAS, 2, 7, "k", "b");
    ck_assert(apply(machine, 1, &cas).swapped); /* a missing key is the empty text */
    put(machine, 2, "k", "");
    ck_assert(apply(machine, 3, &cas).swapped); /* the answer of the first time */
    struct sim_command get = command_of(SIM_COMMAND_GET, 3, 1, "k", "");
    ck_assert_str_eq(apply(machine, 4, &get).value, "");
    ck_assert_int_eq(sim_machine_answer(machine, &cas, 1, &known), SIM_ANSWER_KNOWN);
    ck_assert(known.swapped);
    cas.sequence = 6;
    ck_assert_int_eq(sim_machine_answer(machine, &cas, 1, &known), SIM_ANSWER_LOST);
    sim_machine_destroy(machine);
}
END_TEST

/* Three clients and a table of two sessions: the first one is forgotten. */
START_TEST(forgotten_client_is_told_whether_its_command_had_an_effect)
{
    struct sim_machine *machine = sim_machine_create(arena, 2);
    struct sim_result result;
    struct sim_command commands[5] = {{0}};
    for (uint32_t client = 1; client <= 3; client++) {
        commands[client] = command_of(SIM_COMMAND_PUT, client, 1, "k", "a");
        apply(machine, client, &commands[client]);
    }
    /* Refused, since it has no session; but of command 1, if only its index were known, nobody
     * could say that it had no effect: both that are there are later. */
    struct sim_command again = command_of(SIM_COMMAND_PUT, 1, 1, "k", "again");
    apply(machine, 4, &again);
    ck_assert_int_eq(sim_machine_answer(machine, &again, 4, &result), SIM_ANSWER_EXPIRED);
    ck_assert_int_eq(sim_machine_answer(machine, &commands[1], 1, &result), SIM_ANSWER_LOST);
    struct sim_command get = command_of(SIM_COMMAND_GET, 0, 0, "k", "");
    ck_assert_str_eq(apply(machine, 5, &get).value, "a");

    struct sim_command registration = command_of(SIM_COMMAND_REGISTER, 1, 1, "", "");
    ck_assert_uint_eq(apply(machine, 6, &registration).epoch, 6);
    ck_assert_int_eq(sim_machine_answer(machine, &registration, 6, &result), SIM_ANSWER_KNOWN);
    ck_assert_uint_eq(result.epoch, 6);
    apply(machine, 7, &again);
    ck_assert_int_eq(sim_machine_answer(machine, &again, 7, &result), SIM_ANSWER_EXPIRED);
    again.epoch = 6;
    apply(machine, 8, &again);
    ck_assert_int_eq(sim_machine_answer(machine, &again, 8, &result), SIM_ANSWER_KNOWN);
    ck_assert_str_eq(apply(machine, 9, &get).value, "again");

    size_t size = 0;
    uint8_t *bytes = sim_machine_freeze(machine, &size);
    struct sim_machine *copy = sim_machine_thaw(arena, 2, bytes, size);
    ck_assert_ptr_nonnull(copy);
    ck_assert_uint_eq(sim_machine_digest(copy), sim_machine_digest(machine));
    ck_assert_int_eq(sim_machine_answer(copy, &again, 8, &result), SIM_ANSWER_KNOWN);
    for (size_t cut = 0; cut < size; cut++) {
        ck_assert_ptr_null(sim_machine_thaw(arena, 2, bytes, cut));
    }
    sim_machine_destroy(copy);
    sim_machine_destroy(machine);
    arena_free(arena, bytes);
}
END_TEST

START_TEST(same_state_by_another_order_has_the_same_digest)
{
    struct sim_machine *one = sim_machine_create(arena, SIM_SESSIONS_MAX);
    struct sim_machine *two = sim_machine_create(arena, SIM_SESSIONS_MAX);
    struct sim_command a = command_of(SIM_COMMAND_PUT, 0, 0, "a", "1");
    struct sim_command b = command_of(SIM_COMMAND_PUT, 0, 0, "b", "2");
    apply(one, 1, &a);
    apply(one, 2, &b);
    apply(two, 1, &b);
    ck_assert_uint_ne(sim_machine_digest(one), sim_machine_digest(two));
    apply(two, 2, &a);
    ck_assert_uint_eq(sim_machine_digest(one), sim_machine_digest(two));
    sim_machine_destroy(one);
    sim_machine_destroy(two);
}
END_TEST

START_TEST(frozen_state_is_thawed_whole)
{
    struct sim_machine *machine = sim_machine_create(arena, SIM_SESSIONS_MAX);
    char key[16];
    char value[16];
    for (raft_index i = 1; i <= 200; i++) {
        snprintf(key, sizeof key, "k%llu", (unsigned long long)(i % 90));
        snprintf(value, sizeof value, "v%llu", (unsigned long long)i);
        struct sim_command command =
            command_of(SIM_COMMAND_PUT, (uint32_t)(1 + i % 4), i, key, value);
        apply(machine, i, &command);
    }
    size_t size = 0;
    uint8_t *bytes = sim_machine_freeze(machine, &size);
    struct sim_machine *copy = sim_machine_thaw(arena, SIM_SESSIONS_MAX, bytes, size);
    ck_assert_ptr_nonnull(copy);
    ck_assert_uint_eq(sim_machine_digest(copy), sim_machine_digest(machine));
    ck_assert_uint_eq(sim_machine_applied(copy), 200);
    struct sim_result result;
    struct sim_command last = command_of(SIM_COMMAND_PUT, 1, 200, key, value);
    ck_assert_int_eq(sim_machine_answer(copy, &last, 200, &result), SIM_ANSWER_KNOWN);
    put(machine, 201, "one", "more");
    put(copy, 201, "one", "more");
    ck_assert_uint_eq(sim_machine_digest(copy), sim_machine_digest(machine));
    for (size_t cut = 0; cut < size; cut++) {
        ck_assert_ptr_null(sim_machine_thaw(arena, SIM_SESSIONS_MAX, bytes, cut));
    }
    sim_machine_destroy(copy);
    sim_machine_destroy(machine);
    arena_free(arena, bytes);
}
END_TEST

START_TEST(digest_covers_value_session_and_position)
{
    struct sim_machine *machine = sim_machine_create(arena, SIM_SESSIONS_MAX);
    uint64_t empty = sim_machine_digest(machine);
    const struct sut_entry noop = {.id = {1, 1}, .kind = RAFT_ENTRY_NOOP};
    sim_machine_apply(machine, &noop, NULL);
    uint64_t after_noop = sim_machine_digest(machine);
    ck_assert_uint_ne(empty, after_noop);
    struct sim_machine *other = sim_machine_create(arena, SIM_SESSIONS_MAX);
    sim_machine_apply(other, &noop, NULL);
    struct sim_command one = command_of(SIM_COMMAND_GET, 1, 1, "k", "");
    struct sim_command two = command_of(SIM_COMMAND_GET, 2, 1, "k", "");
    apply(machine, 2, &one);
    apply(other, 2, &two);
    ck_assert_uint_ne(sim_machine_digest(machine), sim_machine_digest(other));
    sim_machine_destroy(machine);
    sim_machine_destroy(other);
}
END_TEST

START_TEST(map_grows_and_keeps_every_key)
{
    struct sim_machine *machine = sim_machine_create(arena, SIM_SESSIONS_MAX);
    char key[SIM_KEY_MAX];
    for (uint32_t i = 1; i <= 200; i++) {
        snprintf(key, sizeof key, "k%u", i);
        put(machine, i, key, key);
    }
    for (uint32_t i = 1; i <= 200; i++) {
        snprintf(key, sizeof key, "k%u", i);
        struct sim_command get = command_of(SIM_COMMAND_GET, 0, 0, key, "");
        ck_assert_str_eq(apply(machine, 200 + i, &get).value, key);
    }
    sim_machine_destroy(machine);
    ck_assert_uint_eq(arena_blocks(arena), 0);
}
END_TEST

static Suite *machine_suite(void)
{
    Suite *suite = suite_create("machine");
    TCase *tcase = tcase_create("machine");
    tcase_add_checked_fixture(tcase, arena_set_up, arena_tear_down);
    tcase_add_test(tcase, command_survives_its_encoding);
    tcase_add_test(tcase, command_that_is_cut_anywhere_is_refused);
    tcase_add_test(tcase, get_sees_the_last_put);
    tcase_add_test(tcase, cas_swaps_only_the_expected_value);
    tcase_add_test(tcase, repetition_is_answered_from_the_session_and_not_applied);
    tcase_add_test(tcase, forgotten_client_is_told_whether_its_command_had_an_effect);
    tcase_add_test(tcase, same_state_by_another_order_has_the_same_digest);
    tcase_add_test(tcase, frozen_state_is_thawed_whole);
    tcase_add_test(tcase, digest_covers_value_session_and_position);
    tcase_add_test(tcase, map_grows_and_keeps_every_key);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return unit_main(machine_suite());
}
