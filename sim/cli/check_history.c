/* check-history: whether a file of what clients saw is linearizable.
 *
 * 1. The exit status is the verdict: CLI_CLEAN, CLI_FINDINGS or CLI_UNDECIDED; a file that is no
 *    history is CLI_USAGE.
 * 2. What is shown of a contradiction is all that is needed to see it; lines are those of the file.
 */
#include "commands.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <sim/history/history.h>
#include <stdlib.h>
#include <string.h>

#define SHOWN_MAX 256u

/* The lines of an operation, as in "lines 3..4" or "line 3, open". */
static void lines_print(const struct history_operation *operation, char *text, size_t size)
{
    if (operation->completed == HISTORY_NEVER) {
        snprintf(text, size, "line %" PRIu64, operation->invoked);
    } else {
        snprintf(text, size, "lines %" PRIu64 "..%" PRIu64, operation->invoked,
                 operation->completed);
    }
}

static const char *outcome_string(enum history_outcome outcome)
{
    switch (outcome) {
    case HISTORY_UNKNOWN:
        return "unknown";
    case HISTORY_OK:
        return "ok";
    case HISTORY_FAIL:
        return "failed";
    }
    assert(!"not an outcome");
    return NULL;
}

static bool values_equal(const struct history_value *a, const struct history_value *b)
{
    return a->kind == b->kind && a->size == b->size && memcmp(a->bytes, b->bytes, a->size) == 0;
}

static bool is_shown(const struct history_report *report, uint32_t operation)
{
    for (uint32_t i = 0; i < report->conflict_count && i < HISTORY_CONFLICT_MAX; i++) {
        if (report->conflict[i] == operation) {
            return true;
        }
    }
    return false;
}

/* Where a value that was read comes from, if what wrote it is not shown. */
static void origin_print(const struct history *history, const struct history_report *report,
                         const struct history_operation *reader)
{
    bool reads = reader->function == HISTORY_READ || reader->function == HISTORY_GET;
    for (uint32_t i = 0; reads && i < history_count(history); i++) {
        struct history_operation other;
        char lines[64];
        history_get(history, i, &other);
        bool writes = other.function == HISTORY_WRITE || other.function == HISTORY_PUT ||
                      other.function == HISTORY_CAS;
        if (writes && other.outcome != HISTORY_FAIL && values_equal(&other.key, &reader->key) &&
            values_equal(&other.value, &reader->value)) {
            lines_print(&other, lines, sizeof lines);
            if (!is_shown(report, i)) {
                printf("   (%s was in %s)", history_function_string(other.function), lines);
            }
            return;
        }
    }
}

static void operations_print(const struct history *history, const struct history_report *report)
{
    bool has_null = false;
    bool has_failed = false;
    if (report->conflict_count > HISTORY_CONFLICT_MAX) {
        printf("  %u operations, and then\n", report->conflict_count - HISTORY_CONFLICT_MAX);
    }
    for (uint32_t i = 0; i < report->conflict_count && i < HISTORY_CONFLICT_MAX; i++) {
        struct history_operation operation;
        char lines[64];
        char text[SHOWN_MAX];
        history_get(history, report->conflict[i], &operation);
        history_describe(history, report->conflict[i], text, sizeof text);
        lines_print(&operation, lines, sizeof lines);
        printf("  %-18s process %-4" PRId64 " %-24s %s", lines, (int64_t)operation.process, text,
               outcome_string(operation.outcome));
        origin_print(history, report, &operation);
        putchar('\n');
        bool reads = operation.function == HISTORY_READ || operation.function == HISTORY_GET;
        has_null = has_null || (reads && operation.value.kind == HISTORY_ABSENT &&
                                operation.outcome == HISTORY_OK);
        has_failed = has_failed || operation.outcome == HISTORY_FAIL;
    }
    printf("%s%s\n", report->why,
           report->is_whatever_before ? ", whatever the key held before" : "");
    if (has_null) {
        puts("(null was taken for \"absent\"; if it was not recorded: --null-read unknown)");
    }
    if (has_failed) {
        puts("(the failed cas was taken to have found another value; if that is not known: "
             "--failed-cas noop)");
    }
}

static enum cli_status verdict_print(const struct history *history, enum history_verdict verdict,
                                     const struct history_report *report)
{
    struct history_operation operation;
    char key[SHOWN_MAX] = "";
    if (verdict != HISTORY_LINEARIZABLE) {
        history_get(history, report->key_operation, &operation);
        history_value_describe(&operation.key, key, sizeof key);
    }
    switch (verdict) {
    case HISTORY_LINEARIZABLE:
        printf("linearizable: operations: %u, keys: %u\n", history_count(history),
               history_key_count(history));
        return CLI_CLEAN;
    case HISTORY_VIOLATION:
        printf("not linearizable: key %s, lines %" PRIu64 "..%" PRIu64 "\n", key, report->first,
               report->last);
        operations_print(history, report);
        return CLI_FINDINGS;
    case HISTORY_UNDECIDED:
        printf("undecided: the search gave up on %u of %u keys after %" PRIu64
               " steps, key %s among them; the others are linearizable\n",
               report->undecided, report->objects, report->steps, key);
        return CLI_UNDECIDED;
    }
    assert(!"not a verdict");
    return CLI_USAGE;
}

/* --init: a JSON value, or free. */
static bool init_read(const struct cli_options *options, const struct history *history, char *text,
                      struct history_value *out_value)
{
    *out_value = (struct history_value){.kind = HISTORY_ABSENT};
    if (options->init == NULL) {
        return true;
    }
    if (strcmp(options->init, "free") == 0) {
        if (history_count(history) == 0 || history_has_mutex(history)) {
            return true;
        }
        fputs("squall: --init free is for a mutex, and the history has none\n", stderr);
        return false;
    }
    strcpy(text, options->init);
    if (!history_value_parse(text, out_value)) {
        fprintf(stderr,
                "squall: --init: '%s' is neither a JSON value nor free; a string is written "
                "'\"%s\"'\n",
                options->init, options->init);
        return false;
    }
    return true;
}

static enum cli_status check(const struct cli_options *options, struct history *history, char *init)
{
    struct history_report report;
    struct history_rules rules = {.null_is_unknown = options->null_read_unknown,
                                  .failed_cas_is_noop = options->failed_cas_noop};
    if (!init_read(options, history, init, &rules.initial)) {
        return CLI_USAGE;
    }
    enum history_verdict verdict = history_check(history, &rules, &report);
    return verdict_print(history, verdict, &report);
}

enum cli_status cli_check_history(const struct cli_options *options)
{
    enum cli_status status = CLI_USAGE;
    char error[SIM_TEXT_MAX];
    FILE *file = NULL;
    struct history *history = NULL;
    char *init = NULL;
    if (options->argument_count != 1) {
        fprintf(stderr,
                "squall: check-history reads one file, for example: %s check-history "
                "history.jsonl\n",
                options->program);
        return CLI_USAGE;
    }
    const char *path = options->arguments[0];
    bool is_stdin = strcmp(path, "-") == 0;
    file = is_stdin ? stdin : fopen(path, "rb");
    if (file == NULL) {
        fprintf(stderr, "squall: %s: %s\n", path, strerror(errno));
        goto out;
    }
    init = malloc(options->init == NULL ? 1 : strlen(options->init) + 1);
    if (init == NULL) {
        fputs("squall: out of memory\n", stderr);
        goto out;
    }
    history = history_create();
    if (history_import(history, file, is_stdin ? "standard input" : path, error, sizeof error)) {
        status = check(options, history, init);
    } else {
        fprintf(stderr, "squall: %s\n", error);
    }
out:
    history_destroy(history);
    free(init);
    if (file != NULL && !is_stdin) {
        fclose(file);
    }
    return status;
}
