/* Histories of operations on objects, and whether they are linearizable.
 *
 * An object is what a key names: a value (read, write, cas, get, put, append) or a mutex (acquire,
 * release). get is another word for read, and put for write. A history is linearizable if every
 * operation can be given one instant between its invocation and its completion so that, done in
 * that order, each returns what it returned. An operation whose outcome is unknown may take effect
 * at any time after its invocation, or never; one that failed never did.
 *
 * Positions are the order of the events of a history, and no times. What completes at the position
 * at which something else is invoked comes before it.
 *
 * This folder knows neither the world nor the arena: memory comes from malloc, and if there is none
 * the process ends. */
#ifndef SIM_HISTORY_HISTORY_H
#define SIM_HISTORY_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum history_function {
    HISTORY_READ,
    HISTORY_WRITE,
    HISTORY_CAS,
    HISTORY_GET,
    HISTORY_PUT,
    HISTORY_APPEND,
    HISTORY_ACQUIRE,
    HISTORY_RELEASE,
    HISTORY_FUNCTION_COUNT
};
const char *history_function_string(enum history_function function); /* "read", … */

enum history_outcome {
    HISTORY_UNKNOWN,
    HISTORY_OK,
    HISTORY_FAIL /* of a cas: it found another value, unless the rules say otherwise */
};

enum history_kind {
    HISTORY_ABSENT,
    HISTORY_TEXT,
    HISTORY_JSON /* any JSON that is no string, without spaces: equal if its text is */
};

struct history_value {
    enum history_kind kind;
    const char *bytes; /* TEXT: may contain any byte */
    size_t size;
};

/* ---- what happened ---- */

struct history;
struct history *history_create(void);
void history_destroy(struct history *history); /* NULL is nothing */

#define HISTORY_NEVER UINT64_MAX

/* An operation begins; its outcome is unknown until it completes. Texts are copied. */
struct history_call {
    enum history_function function;
    uint64_t process;
    uint64_t position;
    struct history_value key;
    struct history_value value;    /* write, put, append; cas: the new one */
    struct history_value expected; /* cas */
};
/* Positions ascend. Returns the number of the operation, from 0. */
uint32_t history_invoke(struct history *history, const struct history_call *call);
/* value: what was read; NULL for what reads nothing. The position is greater than that of the
 * invocation. Once for each operation. */
void history_complete(struct history *history, uint32_t operation, enum history_outcome outcome,
                      const struct history_value *value, uint64_t position);

/* An operation as it was given. completed is HISTORY_NEVER until it has. */
struct history_operation {
    enum history_function function;
    enum history_outcome outcome;
    uint64_t process;
    uint64_t invoked, completed;
    struct history_value key;
    struct history_value value; /* what was written, or read */
    struct history_value expected;
};
uint32_t history_count(const struct history *history);
uint32_t history_key_count(const struct history *history);
void history_get(const struct history *history, uint32_t operation, struct history_operation *out);
/* As in 'write "a"', 'read -> 3', 'cas 1 to 2', cut to the size. */
void history_describe(const struct history *history, uint32_t operation, char *text, size_t size);
void history_value_describe(const struct history_value *value, char *text, size_t size);

/* ---- the check ---- */

enum history_verdict { HISTORY_LINEARIZABLE, HISTORY_VIOLATION, HISTORY_UNDECIDED };

struct history_rules {
    struct history_value initial; /* of each value; a mutex is free at first */
    bool null_is_unknown;         /* what read "absent" was not recorded, and says nothing */
    bool failed_cas_is_noop;      /* a failed cas never happened: it says nothing of the value */
    uint64_t steps_max;           /* of the search; 0: the default */
};

#define HISTORY_CONFLICT_MAX 32u

struct history_report {
    uint32_t objects;   /* keys on which something happened */
    uint32_t undecided; /* of these */
    uint64_t steps;
    uint32_t key_operation; /* one on the key in conflict, or on the first undecided key */
    /* VIOLATION: operations that contradict each other, in order of invocation. */
    uint32_t conflict[HISTORY_CONFLICT_MAX];
    uint32_t conflict_count; /* may be more than are listed, the last ones */
    uint64_t first, last;    /* positions that hold the conflict */
    bool is_whatever_before; /* they do so whatever the key held before */
    const char *why;         /* a sentence, without a full stop */
};

/* Undecided means that the search gave up, and never that the history is good. */
enum history_verdict history_check(struct history *history, const struct history_rules *rules,
                                   struct history_report *report);

/* ---- JSON lines ---- */

/* Reads a history: one object a line, as README.md says; positions are numbers of lines. False with
 * "name:line: what is wrong" in error. */
bool history_import(struct history *history, FILE *file, const char *name, char *error,
                    size_t error_size);
/* Reads one JSON value, to be borrowed from text, which is overwritten. False: it is none. */
bool history_value_parse(char *text, struct history_value *out_value);
/* Whether an object of the history is a mutex. */
bool history_has_mutex(const struct history *history);

#endif
