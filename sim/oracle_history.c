/* What the clients saw: their operations must be linearizable, key by key.
 *
 * The history is checked when the run ends, outside of what makes the run: nothing of it is in the
 * arena, and nothing here changes the world.
 *
 * What an operation means. OK has a result; a cas that found another value says so. FAIL never
 * happened. UNKNOWN may happen at any time, or never. A missing key and the empty text are one
 * value, since a cas does not tell them apart. In one event an operation completes before others
 * begin: what an answer makes a script do comes after the answer.
 *
 * Invariants:
 *  1. A history that was not decided within its steps makes the oracle skipped, and never passed.
 */
#include "oracle_internal.h"

#include <assert.h>
#include <inttypes.h>
#include <sim/history/history.h>
#include <stdio.h>
#include <string.h>

#define STEPS_MAX UINT64_C(10000000)
#define SHOWN_MAX 6u /* operations in a message */

static struct history_value value_of(const char *text)
{
    size_t size = strlen(text);
    return (struct history_value){
        .kind = size == 0 ? HISTORY_ABSENT : HISTORY_TEXT, .bytes = text, .size = size};
}

static void operation_add(struct history *history, const struct sim_operation *operation)
{
    const struct sim_command *command = &operation->command;
    const struct history_value read = value_of(operation->result.value);
    bool is_ok = operation->completed_event != 0 && operation->outcome == SIM_CLIENT_OK;
    bool is_read = command->type == SIM_COMMAND_GET;
    bool is_mismatch = is_ok && command->type == SIM_COMMAND_CAS && !operation->result.swapped;
    if (operation->completed_event != 0 && operation->outcome == SIM_CLIENT_FAIL) {
        return;
    }
    struct history_call call = {.function = command->type == SIM_COMMAND_PUT ? HISTORY_PUT
                                            : is_read                        ? HISTORY_GET
                                                                             : HISTORY_CAS,
                                .process = operation->client,
                                .position = operation->invoked_event,
                                .key = value_of(command->key)};
    if (!is_read) {
        call.value = value_of(command->value);
    }
    if (command->type == SIM_COMMAND_CAS) {
        call.expected = value_of(command->expected);
    }
    uint32_t number = history_invoke(history, &call);
    if (is_ok) {
        history_complete(history, number, is_mismatch ? HISTORY_FAIL : HISTORY_OK,
                         is_read ? &read : NULL, operation->completed_event);
    }
}

static void operation_print(const struct history *history, uint32_t number, char *text, size_t size)
{
    struct history_operation operation;
    char what[SIM_NAME_MAX * 2];
    history_get(history, number, &operation);
    history_describe(history, number, what, sizeof what);
    if (operation.outcome == HISTORY_UNKNOWN) {
        snprintf(text, size, "client %" PRIu64 " %s (event %" PRIu64 ", outcome unknown)",
                 operation.process, what, operation.invoked);
    } else {
        snprintf(text, size, "client %" PRIu64 " %s%s (events %" PRIu64 " to %" PRIu64 ")",
                 operation.process, what, operation.outcome == HISTORY_FAIL ? " did not swap" : "",
                 operation.invoked, operation.completed);
    }
}

static void conflict_print(const struct history *history, const struct history_report *report,
                           char *text, size_t size)
{
    struct history_operation operation;
    char key[SIM_NAME_MAX];
    history_get(history, report->key_operation, &operation);
    history_value_describe(&operation.key, key, sizeof key);
    size_t used = (size_t)snprintf(text, size, "key %s: ", key);
    uint32_t listed = report->conflict_count < HISTORY_CONFLICT_MAX ? report->conflict_count
                                                                    : HISTORY_CONFLICT_MAX;
    uint32_t first = listed > SHOWN_MAX ? listed - SHOWN_MAX : 0;
    uint32_t before = report->conflict_count - (listed - first);
    if (before > 0 && used < size) {
        used += (size_t)snprintf(text + used, size - used, "%u operations, and then ", before);
    }
    for (uint32_t i = first; i < listed && used < size; i++) {
        char shown[SIM_NAME_MAX * 4];
        operation_print(history, report->conflict[i], shown, sizeof shown);
        used += (size_t)snprintf(text + used, size - used, "%s; ", shown);
    }
    if (used < size) {
        snprintf(text + used, size - used, "%s%s", report->why,
                 report->is_whatever_before ? ", whatever the key held before" : "");
    }
}

enum sim_history_verdict sim_oracle_history(const struct sim_oracles *oracles, char *text,
                                            size_t size)
{
    const struct history_rules rules = {.steps_max = STEPS_MAX};
    struct history_report report;
    struct history *history = history_create();
    assert(size > 0);
    text[0] = '\0';
    for (const struct sim_operation *operation = oracles->world->clients.history; operation != NULL;
         operation = operation->next) {
        operation_add(history, operation);
    }
    enum history_verdict verdict = history_check(history, &rules, &report);
    if (verdict == HISTORY_VIOLATION) {
        conflict_print(history, &report, text, size);
    } else if (verdict == HISTORY_UNDECIDED) {
        snprintf(text, size, "the search gave up on %u of %u keys", report.undecided,
                 report.objects);
    }
    history_destroy(history);
    return verdict == HISTORY_LINEARIZABLE ? SIM_HISTORY_LINEARIZABLE
           : verdict == HISTORY_VIOLATION  ? SIM_HISTORY_VIOLATION
                                           : SIM_HISTORY_UNDECIDED;
}

void sim_oracle_history_finish(struct sim_oracles *oracles)
{
    char text[SIM_TEXT_MAX - 64];
    if (sim_oracle_skipped(oracles, SIM_ORACLE_LINEARIZABLE) != NULL ||
        oracles->world->clients.history == NULL) {
        return;
    }
    enum sim_history_verdict verdict = sim_oracle_history(oracles, text, sizeof text);
    oracles->checks[SIM_ORACLE_LINEARIZABLE]++;
    oracles->is_history_undecided = verdict == SIM_HISTORY_UNDECIDED;
    if (verdict == SIM_HISTORY_VIOLATION) {
        sim_oracle_broken(oracles, SIM_ORACLE_LINEARIZABLE, 0,
                          "no order explains what the clients saw: %s", text);
    }
}
