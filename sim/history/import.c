/* Histories as JSON lines.
 *
 *     {"index":4,"process":0,"type":"ok","f":"read","key":"r","value":3,"time":17}
 *
 * A line is an event: `invoke` begins an operation of a process; ok, fail or info ends it. index
 * and time may be missing; the order is that of the lines. A key that is missing is one key of its
 * own. Positions are numbers of lines, so that whoever reads a verdict finds the operations.
 *
 * Invariants:
 *  1. A process has at most one open operation; after info it stays open for ever.
 *  2. What is not understood is refused, with the line: a verdict about something else than the
 *     file says would be worse than none. */
#include "internal.h"
#include "json.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum member {
    MEMBER_INDEX,
    MEMBER_PROCESS,
    MEMBER_TYPE,
    MEMBER_F,
    MEMBER_KEY,
    MEMBER_VALUE,
    MEMBER_TIME,
    MEMBER_ERROR, /* what a client was told; not looked at */
    MEMBER_COUNT
};

static const char *const member_names[MEMBER_COUNT] = {"index", "process", "type", "f",
                                                       "key",   "value",   "time", "error"};

struct process {
    int64_t id;
    uint32_t operation; /* + 1; 0: none is open */
    uint64_t line;
    bool is_lost; /* info */
};

struct key_use {
    uint64_t append_line, json_line, mutex_line, value_line; /* first ones; 0: none */
};

struct import {
    struct history *history;
    const char *name;
    uint64_t line;
    char *error;
    size_t error_size;
    struct intern processes;
    struct process *states; /* [processes] */
    uint32_t state_capacity;
    struct key_use *uses; /* [texts], as far as it goes */
    uint32_t use_capacity;
    bool has_index;
    int64_t index;
    struct json members[MEMBER_COUNT]; /* of the line; begin NULL: missing */
};

__attribute__((format(printf, 2, 3))) static bool refuse(struct import *import, const char *format,
                                                         ...)
{
    va_list arguments;
    int used =
        snprintf(import->error, import->error_size, "%s:%" PRIu64 ": ", import->name, import->line);
    if (used > 0 && (size_t)used < import->error_size) {
        va_start(arguments, format);
        vsnprintf(import->error + used, import->error_size - (size_t)used, format, arguments);
        va_end(arguments);
    }
    return false;
}

static const struct json *member(const struct import *import, enum member which)
{
    return import->members[which].begin != NULL ? &import->members[which] : NULL;
}

/* Whether a string of the line is a word. */
static bool is_word(const struct json *string, const char *word)
{
    size_t size = strlen(word);
    return string != NULL && string->type == JSON_STRING &&
           (size_t)(string->end - string->begin) == size + 2 &&
           memcmp(string->begin + 1, word, size) == 0;
}

static bool members_read(struct import *import, char *text)
{
    struct json line;
    struct json name;
    struct json value;
    const char *error = NULL;
    char *at = NULL;
    if (!json_read(text, true, &line, &error, &at)) {
        return refuse(import, "column %zu: %s", (size_t)(at - text) + 1, error);
    }
    if (line.type != JSON_OBJECT) {
        return refuse(import, "a line is an object, as in {\"process\":0,\"type\":\"invoke\",…}");
    }
    memset(import->members, 0, sizeof import->members);
    for (char *next = NULL; json_next(&line, &next, &name, &value);) {
        uint32_t which = 0;
        while (which < MEMBER_COUNT && !is_word(&name, member_names[which])) {
            which++;
        }
        int shown = (int)(name.end - name.begin);
        if (which == MEMBER_COUNT) {
            return refuse(import,
                          "unknown member %.*s; there are index, process, type, f, key, value, "
                          "time and error",
                          shown, name.begin);
        }
        if (member(import, (enum member)which) != NULL) {
            return refuse(import, "%.*s stands there twice", shown, name.begin);
        }
        import->members[which] = value;
    }
    return true;
}

static bool index_check(struct import *import)
{
    const struct json *index = member(import, MEMBER_INDEX);
    const struct json *time = member(import, MEMBER_TIME);
    if (time != NULL && time->type != JSON_NUMBER && time->type != JSON_NULL) {
        return refuse(import, "\"time\" must be a number");
    }
    if (index == NULL) {
        return true;
    }
    char *end = NULL;
    int64_t number = strtoll(index->begin, &end, 10);
    if (index->type != JSON_NUMBER || end != index->end) {
        return refuse(import, "\"index\" must be an integer");
    }
    if (import->has_index && number <= import->index) {
        return refuse(import, "index %" PRId64 " after %" PRId64 ": lines are in order of events",
                      number, import->index);
    }
    import->has_index = true;
    import->index = number;
    return true;
}

/* A value as the checker knows it; the text of the line is overwritten. */
static struct history_value value_of(const struct json *json)
{
    if (json == NULL || json->type == JSON_NULL) {
        return (struct history_value){.kind = HISTORY_ABSENT};
    }
    bool is_text = json->type == JSON_STRING;
    return (struct history_value){.kind = is_text ? HISTORY_TEXT : HISTORY_JSON,
                                  .bytes = json->begin,
                                  .size = is_text ? json_string(json) : json_compact(json)};
}

bool history_value_parse(char *text, struct history_value *out_value)
{
    struct json json;
    const char *error = NULL;
    char *at = NULL;
    if (!json_read(text, true, &json, &error, &at)) {
        return false;
    }
    *out_value = value_of(&json);
    return true;
}

static bool function_read(struct import *import, enum history_function *out_function)
{
    const struct json *f = member(import, MEMBER_F);
    for (uint32_t i = 0; f != NULL && i < HISTORY_FUNCTION_COUNT; i++) {
        *out_function = (enum history_function)i;
        if (is_word(f, history_function_string(*out_function))) {
            return true;
        }
    }
    return refuse(import, "\"f\" must be read, write, cas, get, put, append, acquire or release");
}

/* The uses of the key of an operation. */
static struct key_use *use_of(struct import *import, uint32_t operation)
{
    uint32_t key = import->history->records[operation].key;
    uint32_t known = import->use_capacity;
    import->uses =
        history_room(import->uses, &import->use_capacity, (size_t)key + 1, sizeof import->uses[0]);
    if (import->use_capacity > known) {
        memset(import->uses + known, 0, (import->use_capacity - known) * sizeof import->uses[0]);
    }
    return &import->uses[key];
}

static void use_note(uint64_t *first, bool is_used, uint64_t line)
{
    *first = *first == 0 && is_used ? line : *first;
}

/* A key is a mutex or a value; what is appended to holds strings. */
static bool use_check(struct import *import, uint32_t operation)
{
    const struct record *record = &import->history->records[operation];
    const struct intern_text *texts = import->history->texts.texts;
    struct key_use *use = use_of(import, operation);
    bool is_mutex = record->function == HISTORY_ACQUIRE || record->function == HISTORY_RELEASE;
    bool is_json = texts[record->value].kind == (uint32_t)HISTORY_JSON ||
                   texts[record->expected].kind == (uint32_t)HISTORY_JSON;
    use_note(&use->mutex_line, is_mutex, import->line);
    use_note(&use->value_line, !is_mutex, import->line);
    use_note(&use->append_line, record->function == HISTORY_APPEND, import->line);
    use_note(&use->json_line, is_json, import->line);
    if (use->mutex_line != 0 && use->value_line != 0) {
        return refuse(import,
                      "the key is a mutex in line %" PRIu64 ", and a value in line %" PRIu64,
                      use->mutex_line, use->value_line);
    }
    if (use->append_line != 0 && use->json_line != 0) {
        return refuse(import,
                      "the key is appended to in line %" PRIu64
                      ", so its values must be strings, and line %" PRIu64 " has another one",
                      use->append_line, use->json_line);
    }
    return true;
}

/* Reads what an invocation gives. */
static bool arguments_read(struct import *import, struct history_call *call)
{
    const struct json *value = member(import, MEMBER_VALUE);
    bool is_null = value == NULL || value->type == JSON_NULL;
    bool wants_string = call->function == HISTORY_PUT || call->function == HISTORY_APPEND;
    if (call->function == HISTORY_CAS) {
        struct json part[3];
        uint32_t count = 0;
        char *at = NULL;
        while (value != NULL && value->type == JSON_ARRAY && count < 3 &&
               json_next(value, &at, NULL, &part[count])) {
            count++;
        }
        if (count != 2) {
            return refuse(import, "the value of a cas is [from,to]");
        }
        call->expected = value_of(&part[0]);
        call->value = value_of(&part[1]);
        return true;
    }
    if (wants_string && (is_null || value->type != JSON_STRING)) {
        return refuse(import, "the value of %s must be a string",
                      history_function_string(call->function));
    }
    if (call->function == HISTORY_WRITE && value == NULL) {
        return refuse(import, "a write needs a value");
    }
    if (wants_string || call->function == HISTORY_WRITE) {
        call->value = value_of(value);
    }
    return true;
}

static bool invoke(struct import *import, struct process *process)
{
    struct history_call call = {.position = import->line};
    if (process->operation != 0) {
        return refuse(import,
                      process->is_lost
                          ? "process %" PRId64
                            " goes on although its operation ended with info in line "
                            "%" PRIu64 ": it stays open for ever, what follows is another process"
                          : "process %" PRId64 " has an open operation already, of line %" PRIu64,
                      process->id, process->line);
    }
    if (!function_read(import, &call.function) || !arguments_read(import, &call)) {
        return false;
    }
    call.process = (uint64_t)process->id;
    call.key = value_of(member(import, MEMBER_KEY));
    process->operation = history_invoke(import->history, &call) + 1;
    process->line = import->line;
    return use_check(import, process->operation - 1);
}

/* What a completion repeats must be what was invoked. */
static bool repeats(struct import *import, const struct record *record)
{
    struct intern *texts = &import->history->texts;
    enum history_function function = record->function;
    const struct json *key = member(import, MEMBER_KEY);
    const struct json *value = member(import, MEMBER_VALUE);
    if (member(import, MEMBER_F) != NULL &&
        (!function_read(import, &function) || function != record->function)) {
        return refuse(import, "\"f\" is not that of the invocation");
    }
    if (key != NULL) {
        const struct history_value given = value_of(key);
        if (intern_find(texts, (uint32_t)given.kind, given.size == 0 ? "" : given.bytes,
                        given.size) != record->key) {
            return refuse(import, "\"key\" is not that of the invocation");
        }
    }
    bool has_arguments =
        function == HISTORY_WRITE || function == HISTORY_PUT || function == HISTORY_APPEND;
    if (has_arguments && value != NULL && value->type != JSON_NULL) {
        const struct history_value given = value_of(value);
        if (intern_find(texts, (uint32_t)given.kind, given.size == 0 ? "" : given.bytes,
                        given.size) != record->value) {
            return refuse(import, "\"value\" is not that of the invocation");
        }
    }
    return true;
}

static bool complete(struct import *import, struct process *process, enum history_outcome outcome)
{
    uint32_t operation = process->operation - 1;
    const struct json *json = member(import, MEMBER_VALUE);
    if (!repeats(import, &import->history->records[operation])) {
        return false;
    }
    if (outcome == HISTORY_UNKNOWN) {
        process->is_lost = true;
        return true;
    }
    enum history_function function = import->history->records[operation].function;
    bool reads = function == HISTORY_READ || function == HISTORY_GET;
    if (function == HISTORY_GET && outcome == HISTORY_OK && json != NULL &&
        json->type != JSON_STRING && json->type != JSON_NULL) {
        return refuse(import, "the value of get must be a string, or null for none");
    }
    if (reads && outcome == HISTORY_OK) {
        const struct history_value value = value_of(json);
        history_complete(import->history, operation, outcome, &value, import->line);
    } else {
        history_complete(import->history, operation, outcome, NULL, import->line);
    }
    process->operation = 0;
    return use_check(import, operation);
}

static bool event_read(struct import *import)
{
    static const char *const outcomes[] = {
        [HISTORY_UNKNOWN] = "info", [HISTORY_OK] = "ok", [HISTORY_FAIL] = "fail"};
    const struct json *who = member(import, MEMBER_PROCESS);
    const struct json *type = member(import, MEMBER_TYPE);
    if (is_word(who, "nemesis")) {
        return true; /* who brings the faults has no operations */
    }
    char *end = NULL;
    int64_t id = who != NULL && who->type == JSON_NUMBER ? strtoll(who->begin, &end, 10) : 0;
    if (end == NULL || end != who->end) {
        return refuse(import, "\"process\" must be an integer");
    }
    int shown = (int)(who->end - who->begin);
    uint32_t number =
        intern_copy(&import->processes, (uint32_t)HISTORY_JSON, who->begin, (size_t)shown);
    uint32_t known = import->state_capacity;
    import->states = history_room(import->states, &import->state_capacity, (size_t)number + 1,
                                  sizeof import->states[0]);
    if (import->state_capacity > known) {
        memset(import->states + known, 0,
               (import->state_capacity - known) * sizeof import->states[0]);
    }
    struct process *process = &import->states[number];
    process->id = id;
    if (is_word(type, "invoke")) {
        return invoke(import, process);
    }
    for (uint32_t i = 0; i < sizeof outcomes / sizeof outcomes[0]; i++) {
        if (!is_word(type, outcomes[i])) {
            continue;
        }
        if (process->operation == 0 || process->is_lost) {
            return refuse(import, "process %" PRId64 " has no open operation to end", id);
        }
        return complete(import, process, (enum history_outcome)i);
    }
    return refuse(import, "\"type\" must be invoke, ok, fail or info");
}

bool history_import(struct history *history, FILE *file, const char *name, char *error,
                    size_t error_size)
{
    struct import import = {
        .history = history, .name = name, .error = error, .error_size = error_size};
    char *text = NULL;
    size_t capacity = 0;
    bool is_read = true;
    ssize_t size = 0;
    while (is_read && (size = getline(&text, &capacity, file)) >= 0) {
        import.line++;
        if (strlen(text) != (size_t)size) {
            is_read = refuse(&import, "a byte 0 in the line");
        } else if (text[strspn(text, " \t\r\n")] != '\0') {
            is_read = members_read(&import, text) && index_check(&import) && event_read(&import);
        }
    }
    if (is_read && ferror(file) != 0) {
        import.line++;
        is_read = refuse(&import, "cannot be read");
    }
    free(text);
    free(import.states);
    free(import.uses);
    intern_free(&import.processes);
    return is_read;
}
