/* A history: what was invoked, how it ended, and the words for it.
 *
 * Invariants:
 *  1. Records are in order of invocation, and their positions ascend.
 *  2. A record is completed at most once, behind its invocation; until then its outcome is unknown.
 *  3. The first STATE_COUNT texts are the states that no history contains. */
#include "internal.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

const char *history_function_string(enum history_function function)
{
    static const char *const names[HISTORY_FUNCTION_COUNT] = {
        [HISTORY_READ] = "read",       [HISTORY_WRITE] = "write",    [HISTORY_CAS] = "cas",
        [HISTORY_GET] = "get",         [HISTORY_PUT] = "put",        [HISTORY_APPEND] = "append",
        [HISTORY_ACQUIRE] = "acquire", [HISTORY_RELEASE] = "release"};
    assert((unsigned)function < HISTORY_FUNCTION_COUNT);
    return names[function];
}

struct history *history_create(void)
{
    static const char *const marks[STATE_COUNT] = {"", "any", "dead", "free", "held"};
    struct history *history = history_zeroed(1, sizeof *history);
    for (uint32_t i = 0; i < STATE_COUNT; i++) {
        uint32_t kind = i == STATE_ABSENT ? (uint32_t)HISTORY_ABSENT : INTERN_MARK;
        uint32_t number = intern_copy(&history->texts, kind, marks[i], strlen(marks[i]));
        assert(number == i);
        (void)number;
    }
    return history;
}

void history_destroy(struct history *history)
{
    if (history != NULL) {
        intern_free(&history->texts);
        free(history->records);
        free(history->is_key);
        free(history);
    }
}

static uint32_t value_number(struct history *history, const struct history_value *value)
{
    if (value->kind == HISTORY_ABSENT) {
        return STATE_ABSENT;
    }
    return intern_copy(&history->texts, (uint32_t)value->kind, value->bytes, value->size);
}

/* Counts a key when it is seen for the first time. */
static void key_note(struct history *history, uint32_t key)
{
    uint32_t known = history->is_key_capacity;
    if (key >= known) {
        history->is_key = history_room(history->is_key, &history->is_key_capacity, (size_t)key + 1,
                                       sizeof history->is_key[0]);
        memset(history->is_key + known, 0, history->is_key_capacity - known);
    }
    if (history->is_key[key] == 0) {
        history->is_key[key] = 1;
        history->key_count++;
    }
}

uint32_t history_invoke(struct history *history, const struct history_call *call)
{
    assert(history->count == 0 || history->records[history->count - 1].invoked <= call->position);
    assert(call->position < HISTORY_NEVER);
    history->records = history_room(history->records, &history->capacity,
                                    (size_t)history->count + 1, sizeof history->records[0]);
    struct record record = {.function = call->function,
                            .outcome = HISTORY_UNKNOWN,
                            .process = call->process,
                            .invoked = call->position,
                            .completed = HISTORY_NEVER};
    record.key = value_number(history, &call->key);
    record.value = value_number(history, &call->value);
    record.expected = value_number(history, &call->expected);
    key_note(history, record.key);
    history->has_mutex = history->has_mutex || call->function == HISTORY_ACQUIRE ||
                         call->function == HISTORY_RELEASE;
    history->records[history->count] = record;
    return history->count++;
}

void history_complete(struct history *history, uint32_t operation, enum history_outcome outcome,
                      const struct history_value *value, uint64_t position)
{
    assert(operation < history->count);
    struct record *record = &history->records[operation];
    assert(record->completed == HISTORY_NEVER && record->outcome == HISTORY_UNKNOWN);
    assert(position > record->invoked && position < HISTORY_NEVER);
    record->outcome = outcome;
    record->completed = position;
    if (value != NULL) {
        assert(record->function == HISTORY_READ || record->function == HISTORY_GET);
        record->value = value_number(history, value);
    }
}

uint32_t history_count(const struct history *history)
{
    return history->count;
}

uint32_t history_key_count(const struct history *history)
{
    return history->key_count;
}

bool history_has_mutex(const struct history *history)
{
    return history->has_mutex;
}

static struct history_value value_of(const struct history *history, uint32_t number)
{
    const struct intern_text *text = &history->texts.texts[number];
    assert(text->kind != INTERN_MARK);
    return (struct history_value){
        .kind = (enum history_kind)text->kind, .bytes = text->bytes, .size = text->size};
}

void history_get(const struct history *history, uint32_t operation, struct history_operation *out)
{
    assert(operation < history->count);
    const struct record *record = &history->records[operation];
    *out = (struct history_operation){.function = record->function,
                                      .outcome = record->outcome,
                                      .process = record->process,
                                      .invoked = record->invoked,
                                      .completed = record->completed,
                                      .key = value_of(history, record->key),
                                      .value = value_of(history, record->value),
                                      .expected = value_of(history, record->expected)};
}

/* ---- words ---- */

#define SHOWN_MAX 48u /* bytes of a value */

void history_value_describe(const struct history_value *value, char *text, size_t size)
{
    assert(size > 0);
    if (value->kind == HISTORY_ABSENT) {
        snprintf(text, size, "absent");
        return;
    }
    bool is_text = value->kind == HISTORY_TEXT;
    /* The end of a long list is what tells two of them apart. */
    size_t skipped = value->size > SHOWN_MAX ? value->size - SHOWN_MAX : 0;
    while (skipped > 0 && skipped < value->size && (value->bytes[skipped] & 0xc0) == 0x80) {
        skipped++; /* not in the middle of a letter */
    }
    size_t used = (size_t)snprintf(text, size, "%s%s", skipped > 0 ? "…" : "", is_text ? "\"" : "");
    for (size_t i = skipped; i < value->size && used + 6 < size; i++) {
        unsigned char byte = (unsigned char)value->bytes[i];
        bool is_escaped = is_text && (byte == '"' || byte == '\\');
        if (byte < ' ' || byte == 0x7f) {
            used += (size_t)snprintf(text + used, size - used, "\\x%02x", byte);
        } else {
            used +=
                (size_t)snprintf(text + used, size - used, "%s%c", is_escaped ? "\\" : "", byte);
        }
    }
    if (is_text && used + 1 < size) {
        snprintf(text + used, size - used, "\"");
    }
}

void history_describe(const struct history *history, uint32_t operation, char *text, size_t size)
{
    struct history_operation shown;
    char value[4 * SHOWN_MAX + 16];
    char expected[4 * SHOWN_MAX + 16];
    history_get(history, operation, &shown);
    const char *name = history_function_string(shown.function);
    history_value_describe(&shown.value, value, sizeof value);
    history_value_describe(&shown.expected, expected, sizeof expected);
    switch (shown.function) {
    case HISTORY_READ:
    case HISTORY_GET:
        snprintf(text, size, "%s -> %s", name, shown.outcome == HISTORY_OK ? value : "?");
        return;
    case HISTORY_CAS:
        snprintf(text, size, "%s %s to %s", name, expected, value);
        return;
    case HISTORY_WRITE:
    case HISTORY_PUT:
    case HISTORY_APPEND:
        snprintf(text, size, "%s %s", name, value);
        return;
    case HISTORY_ACQUIRE:
    case HISTORY_RELEASE:
        snprintf(text, size, "%s", name);
        return;
    case HISTORY_FUNCTION_COUNT:
        break;
    }
    assert(!"not a function");
}
