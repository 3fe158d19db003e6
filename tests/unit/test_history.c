/* The checker of histories: tiny ones with a known verdict, and thousands of random ones that a
 * brute-force search over all orders judges too. */
#include "unit.h"

#include <sim/history/history.h>
#include <sim/random.h>
#include <stdio.h>
#include <string.h>

/* ---- histories by hand ---- */

/* A history in short: events "process function value", one after the other.
 *
 *     "0i write 1; 0o; 1i read; 1o 1"
 *
 * i, o, f, ? are invoke, ok, fail, info. The key is "k" unless the function says otherwise, as in
 * "read@x". A value is JSON; for a cas [from,to]. */
static void event_write(FILE *out, const char *event)
{
    static const char *const types[128] = {
        ['i'] = "invoke", ['o'] = "ok", ['f'] = "fail", ['?'] = "info"};
    static char functions[10][16];
    static char keys[10][16];
    char first[16] = "";
    char second[64] = "";
    int process = 0;
    char type = 0;
    int fields = sscanf(event, " %d%c %15s %63[^\n]", &process, &type, first, second);
    ck_assert_msg(fields >= 2 && types[(int)type] != NULL, "'%s'", event);
    const char *value = second;
    if (type == 'i') {
        size_t length = strcspn(first, "@");
        snprintf(functions[process], sizeof functions[0], "%.*s", (int)length, first);
        snprintf(keys[process], sizeof keys[0], "%s",
                 first[length] == '@' ? first + length + 1 : "k");
    } else {
        value = first;
    }
    fprintf(out, "{\"process\":%d,\"type\":\"%s\",\"f\":\"%s\",\"key\":\"%s\"%s%s}\n", process,
            types[(int)type], functions[process], keys[process],
            value[0] == '\0' ? "" : ",\"value\":", value);
}

static struct history *history_of(const char *text)
{
    char *bytes = NULL;
    size_t size = 0;
    char error[256] = "";
    FILE *file = open_memstream(&bytes, &size);
    char copy[1024];
    snprintf(copy, sizeof copy, "%s", text);
    for (char *event = strtok(copy, ";"); event != NULL; event = strtok(NULL, ";")) {
        event_write(file, event);
    }
    fclose(file);
    file = fmemopen(bytes, size, "r");
    struct history *history = history_create();
    bool is_read = history_import(history, file, "test", error, sizeof error);
    ck_assert_msg(is_read, "%s", error);
    fclose(file);
    free(bytes);
    return history;
}

static struct history_report report;

static enum history_verdict verdict_of(const char *text, const struct history_rules *rules)
{
    static const struct history_rules defaults = {.steps_max = 0};
    struct history *history = history_of(text);
    enum history_verdict verdict =
        history_check(history, rules != NULL ? rules : &defaults, &report);
    history_destroy(history);
    return verdict;
}

static void good(const char *text)
{
    ck_assert_msg(verdict_of(text, NULL) == HISTORY_LINEARIZABLE, "%s: %s", text, report.why);
}

/* So many operations contradict each other. */
static void bad(const char *text, uint32_t count)
{
    ck_assert_msg(verdict_of(text, NULL) == HISTORY_VIOLATION, "%s", text);
    ck_assert_msg(report.conflict_count == count, "%s: %u operations contradict each other", text,
                  report.conflict_count);
}

START_TEST(accepts_registers_that_one_order_explains)
{
    good("");
    good("0i read; 0o null");
    good("0i write 1; 0o; 1i read; 1o 1");
    good("0i write 1; 1i read; 1o null; 2i read; 2o 1; 0o"); /* two reads beside a write */
    good("0i write 1; 1i write 2; 0o; 1o; 2i read; 2o 1; 2i read; 2o 1");
    good("0i write 1; 1i read; 0o; 0i write 2; 0o; 1o 1");
    good("0i write 1; 0o; 1i write 1; 1o; 2i read; 2o 1"); /* a value twice */
    good("0i write 1; 0o; 0i read@x; 0o null");            /* two keys */
}
END_TEST

START_TEST(refuses_registers_that_no_order_explains)
{
    bad("0i read; 0o 1", 1);
    bad("0i read; 0o 1; 1i write 1; 1o", 2);
    bad("0i write 1; 0o; 1i read; 1o null", 2);
    bad("0i write 1; 0o; 0i write 2; 0o; 1i read; 1o 1", 2);   /* stale */
    bad("0i write 1; 1i read; 1o 1; 2i read; 2o null; 0o", 3); /* new, then old */
    bad("0i write 1; 0o; 1i write 2; 2i read; 2o 2; 3i read; 3o 1; 1o", 3);
    bad("0i write 1; 1i write 2; 0o; 1o; 2i read; 2o 1; 3i read; 3o 2; 2i read; 2o 1", 2);
    bad("0i write 1; 0f; 1i read; 1o 1", 1); /* what failed was never written */
    /* What else happens does not make the explanation longer. */
    bad("0i write 7; 0o; 1i read; 1o 7; 0i write 1; 0o; 2i read; 2o 1; 0i write 2; 0o; 1i read; 1o "
        "1;"
        "2i read; 2o 2; 0i write 3; 0o",
        2);
}
END_TEST

START_TEST(unknown_outcomes_may_take_effect_late_or_never)
{
    good("0i write 1; 0?; 1i read; 1o null");
    good("0i write 1; 0?; 1i read; 1o null; 1i read; 1o 1");
    good("0i write 1; 0?; 1i write 2; 1o; 1i read; 1o 2; 1i read; 1o 1");
    good("0i write 1; 1i read; 1o 1"); /* the end of the file is an unknown outcome, too */
    bad("0i write 1; 0?; 1i read; 1o 1; 1i read; 1o null", 3);
    bad("0i write 1; 0?; 1i write 2; 1o; 1i read; 1o 1; 1i read; 1o 2", 3);
    good("0i cas [1,2]; 0?; 1i write 1; 1o; 1i read; 1o 1; 1i read; 1o 2");
    bad("0i cas [1,2]; 0?; 1i write 3; 1o; 1i read; 1o 2", 2);
}
END_TEST

START_TEST(compare_and_set_needs_what_it_expects)
{
    good("0i write 1; 0o; 1i cas [1,2]; 1o; 2i read; 2o 2");
    good("0i cas [null,2]; 0o; 2i read; 2o 2");
    bad("0i write 1; 0o; 1i cas [1,2]; 1o; 2i cas [1,3]; 2o", 2);
    bad("0i cas [5,2]; 0o", 1);
    bad("0i write 1; 0o; 1i cas [1,2]; 1f", 2); /* it was there: the cas cannot have failed */
    good("0i write 1; 0o; 1i cas [2,3]; 1f; 1i read; 1o 1");
    good("0i write 1; 0o; 2i write 2; 1i cas [1,3]; 1f; 2o");
}
END_TEST

START_TEST(rules_fix_what_tools_mean_differently)
{
    const struct history_rules unknown = {.null_is_unknown = true};
    const struct history_rules noop = {.failed_cas_is_noop = true};
    const struct history_rules initial = {.initial = {HISTORY_JSON, "0", 1}};
    ck_assert_int_eq(verdict_of("0i write 1; 0o; 1i read; 1o null", &unknown),
                     HISTORY_LINEARIZABLE);
    ck_assert_int_eq(verdict_of("0i write 1; 0o; 1i cas [1,2]; 1f", &noop), HISTORY_LINEARIZABLE);
    ck_assert_int_eq(verdict_of("0i read; 0o 0", &initial), HISTORY_LINEARIZABLE);
    ck_assert_int_eq(verdict_of("0i read; 0o null", &initial), HISTORY_VIOLATION);
    ck_assert_int_eq(verdict_of("0i read; 0o \"0\"", &initial), HISTORY_VIOLATION);
}
END_TEST

START_TEST(appends_grow_one_list)
{
    good("0i append \"a\"; 1i append \"b\"; 0o; 1o; 2i get; 2o \"ba\"");
    good("0i append \"a\"; 0o; 1i get; 1o \"a\"; 0i append \"b\"; 1i get; 1o \"ab\"; 0o");
    good("0i append \"a\"; 0?; 1i get; 1o null; 1i get; 1o \"a\"");
    good("0i append \"a\"; 0o; 0i append \"a\"; 0o; 1i get; 1o \"aa\""); /* a piece twice */
    bad("0i append \"a\"; 0o; 1i get; 1o null", 2);
    bad("0i append \"a\"; 0o; 1i append \"b\"; 1o; 2i get; 2o \"ba\"", 3);
    bad("0i append \"a\"; 1i append \"b\"; 0o; 1o; 2i get; 2o \"ba\"; 3i get; 3o \"ab\"", 2);
    bad("0i append \"a\"; 0o; 1i get; 1o \"ab\"", 1);
    bad("0i append \"a\"; 0o; 1i get; 1o \"ab\"; 0i append \"b\"; 0o", 2);
    bad("0i append \"a\"; 0o; 1i append \"b\"; 1o; 2i get; 2o \"b\"", 2);
}
END_TEST

START_TEST(put_begins_a_new_list)
{
    good("0i append \"a\"; 0o; 0i put \"x\"; 0o; 0i append \"b\"; 0o; 1i get; 1o \"xb\"");
    bad("0i append \"a\"; 0o; 0i put \"x\"; 0o; 1i append \"b\"; 1o; 1i get; 1o \"axb\"", 3);
    bad("0i put \"x\"; 0o; 0i append \"b\"; 0o; 1i get; 1o \"x\"", 3);
}
END_TEST

START_TEST(mutex_has_one_holder)
{
    good("0i acquire; 0o; 0i release; 0o; 1i acquire; 1o");
    good("0i acquire; 0o; 1i acquire; 0i release; 1o; 0o");
    good("0i acquire; 0?; 1i acquire; 1o; 2i release; 2o");
    good("0i acquire; 0f; 1i acquire; 1o");
    good("0i acquire; 0o; 1i release; 1?; 2i acquire; 2o");
    bad("0i acquire; 0o; 1i acquire; 1o", 2);
    bad("0i release; 0o", 1);
    bad("0i acquire; 0o; 0i release; 0o; 1i acquire; 1o; 0i acquire; 0o", 2);
}
END_TEST

START_TEST(gives_up_instead_of_guessing)
{
    const struct history_rules hasty = {.steps_max = 3};
    const char *text = "0i cas [1,2]; 1i cas [2,1]; 2i write 1; 0o; 1o; 2o; 3i read; 3o 1";
    ck_assert_int_eq(verdict_of(text, &hasty), HISTORY_UNDECIDED);
    ck_assert_uint_eq(report.undecided, 1);
    good(text);
}
END_TEST

START_TEST(describes_operations)
{
    char text[64];
    struct history *history =
        history_of("0i write \"a\"; 0o; 1i cas [1,{\"x\": 2}]; 2i read; 2o null; 3i get; 3?");
    history_describe(history, 0, text, sizeof text);
    ck_assert_str_eq(text, "write \"a\"");
    history_describe(history, 1, text, sizeof text);
    ck_assert_str_eq(text, "cas 1 to {\"x\":2}");
    history_describe(history, 2, text, sizeof text);
    ck_assert_str_eq(text, "read -> absent");
    history_describe(history, 3, text, sizeof text);
    ck_assert_str_eq(text, "get -> ?");
    history_destroy(history);
}
END_TEST

/* ---- lines that are no history ---- */

static const struct {
    const char *lines;
    const char *error;
} refused[] = {
    {"{\"process\":0,\"type\":\"invoke\",\"f\":\"read\"",
     "test:1: column 40: a ',' or '}' is missing"},
    {"\n[1]\n", "test:2: a line is an object"},
    {"{\"proces\":0}", "unknown member \"proces\""},
    {"{\"process\":0,\"process\":1}", "\"process\" stands there twice"},
    {"{\"process\":0.5,\"type\":\"invoke\",\"f\":\"read\"}", "\"process\" must be an integer"},
    {"{\"type\":\"invoke\",\"f\":\"read\"}", "\"process\" must be an integer"},
    {"{\"process\":0,\"type\":\"begin\",\"f\":\"read\"}", "\"type\" must be"},
    {"{\"process\":0,\"type\":\"invoke\",\"f\":\"peek\"}", "\"f\" must be"},
    {"{\"process\":0,\"type\":\"ok\",\"f\":\"read\"}", "process 0 has no open operation"},
    {"{\"process\":0,\"type\":\"invoke\",\"f\":\"write\"}", "a write needs a value"},
    {"{\"process\":0,\"type\":\"invoke\",\"f\":\"cas\",\"value\":[1]}", "[from,to]"},
    {"{\"process\":0,\"type\":\"invoke\",\"f\":\"append\",\"value\":1}", "must be a string"},
    {"{\"process\":0,\"type\":\"invoke\",\"f\":\"read\",\"key\":\"\\ud800\"}", "surrogate"},
    {"{\"process\":0,\"type\":\"invoke\",\"f\":\"read\",\"value\":01}", "cannot begin with 0"},
    {"{\"index\":3,\"process\":0,\"type\":\"invoke\",\"f\":\"read\"}\n"
     "{\"index\":3,\"process\":0,\"type\":\"ok\",\"f\":\"read\",\"value\":1}",
     "test:2: index 3 after 3"},
    {"{\"process\":0,\"type\":\"invoke\",\"f\":\"read\"}\n"
     "{\"process\":0,\"type\":\"invoke\",\"f\":\"read\"}",
     "test:2: process 0 has an open operation already, of line 1"},
    {"{\"process\":0,\"type\":\"invoke\",\"f\":\"read\"}\n{\"process\":0,\"type\":\"info\"}\n"
     "{\"process\":0,\"type\":\"invoke\",\"f\":\"read\"}",
     "test:3: process 0 goes on although"},
    {"{\"process\":0,\"type\":\"invoke\",\"f\":\"write\",\"value\":1}\n"
     "{\"process\":0,\"type\":\"ok\",\"f\":\"write\",\"value\":2}",
     "test:2: \"value\" is not that of the invocation"},
    {"{\"process\":0,\"type\":\"invoke\",\"f\":\"acquire\"}\n"
     "{\"process\":1,\"type\":\"invoke\",\"f\":\"read\"}",
     "test:2: the key is a mutex in line 1, and a value in line 2"},
    {"{\"process\":0,\"type\":\"invoke\",\"f\":\"write\",\"value\":1}\n"
     "{\"process\":1,\"type\":\"invoke\",\"f\":\"append\",\"value\":\"a\"}",
     "test:2: the key is appended to in line 2"},
};

START_TEST(refuses_lines_that_it_does_not_understand)
{
    char error[256] = "";
    char text[512];
    snprintf(text, sizeof text, "%s", refused[_i].lines);
    struct history *history = history_create();
    FILE *file = fmemopen(text, strlen(text), "r");
    ck_assert(!history_import(history, file, "test", error, sizeof error));
    ck_assert_msg(strstr(error, refused[_i].error) != NULL, "%s: %s", refused[_i].lines, error);
    fclose(file);
    history_destroy(history);
}
END_TEST

START_TEST(reads_what_other_tools_write)
{
    static char text[] =
        "{\"index\": 0, \"time\": 12, \"process\": \"nemesis\", \"type\": \"info\", "
        "\"f\": \"kill\", \"value\": [\"n1\"]}\n\n"
        "{\"process\":3,\"type\":\"invoke\",\"f\":\"write\",\"key\":7,"
        "\"value\":\"\\u00e4\\ud83d\\ude00\\n\",\"error\":null}\r\n"
        "{\"process\":3,\"type\":\"ok\",\"f\":\"write\"}";
    char error[256] = "";
    struct history *history = history_create();
    FILE *file = fmemopen(text, sizeof text - 1, "r");
    bool is_read = history_import(history, file, "test", error, sizeof error);
    ck_assert_msg(is_read, "%s", error);
    fclose(file);
    struct history_operation operation;
    ck_assert_uint_eq(history_count(history), 1);
    history_get(history, 0, &operation);
    ck_assert_uint_eq(operation.process, 3);
    ck_assert_uint_eq(operation.invoked, 3);
    ck_assert_uint_eq(operation.completed, 4);
    ck_assert_int_eq(operation.outcome, HISTORY_OK);
    ck_assert_str_eq(operation.value.bytes, "\xc3\xa4\xf0\x9f\x98\x80\n");
    ck_assert_str_eq(operation.key.bytes, "7");
    history_destroy(history);
}
END_TEST

/* ---- random histories, judged by brute force ---- */

#define OPERATIONS_MAX 8u
#define PROCESSES      4u

enum family { UNIQUE, REGISTER, LIST, STRING, MUTEX, FAMILY_COUNT };

struct small { /* an operation; values are texts */
    enum history_function function;
    enum history_outcome outcome;
    uint64_t process;
    uint64_t invoked, completed;
    char value[64];    /* "-": absent */
    char expected[64]; /* of a cas */
    bool has_result;
};

struct tiny {
    struct small operations[OPERATIONS_MAX];
    uint32_t count;
};

/* Does an operation on a state ("-": absent). False: it does not return what it returned. */
static bool apply(const struct small *operation, char *state, size_t size)
{
    bool is_done = operation->outcome != HISTORY_FAIL;
    char before[64];
    snprintf(before, sizeof before, "%s", strcmp(state, "-") == 0 ? "" : state);
    switch (operation->function) {
    case HISTORY_READ:
    case HISTORY_GET:
        return strcmp(state, operation->value) == 0;
    case HISTORY_WRITE:
    case HISTORY_PUT:
        snprintf(state, size, "%s", operation->value);
        return true;
    case HISTORY_CAS:
        if ((strcmp(state, operation->expected) == 0) != is_done) {
            return false;
        }
        if (is_done) {
            snprintf(state, size, "%s", operation->value);
        }
        return true;
    case HISTORY_APPEND:
        snprintf(state, size, "%.31s%.31s", before, operation->value);
        return true;
    case HISTORY_ACQUIRE:
    case HISTORY_RELEASE:
        if ((strcmp(state, "-") == 0) != (operation->function == HISTORY_ACQUIRE)) {
            return false;
        }
        snprintf(state, size, "%s", operation->function == HISTORY_ACQUIRE ? "held" : "-");
        return true;
    case HISTORY_FUNCTION_COUNT:
        break;
    }
    ck_abort_msg("no function");
    return false;
}

/* Whether an order exists: tries all. done is a set of operations. */
static bool has_order(const struct tiny *tiny, uint32_t done, const char *state)
{
    bool is_complete = true;
    for (uint32_t i = 0; i < tiny->count; i++) {
        is_complete =
            is_complete && ((done >> i & 1) != 0 || tiny->operations[i].outcome == HISTORY_UNKNOWN);
    }
    if (is_complete) {
        return true;
    }
    for (uint32_t i = 0; i < tiny->count; i++) {
        bool is_next = (done >> i & 1) == 0;
        for (uint32_t j = 0; j < tiny->count && is_next; j++) {
            const struct small *before = &tiny->operations[j];
            is_next = (done >> j & 1) != 0 || before->outcome == HISTORY_UNKNOWN ||
                      before->completed > tiny->operations[i].invoked;
        }
        char after[64];
        snprintf(after, sizeof after, "%s", state);
        if (is_next && apply(&tiny->operations[i], after, sizeof after) &&
            has_order(tiny, done | 1u << i, after)) {
            return true;
        }
    }
    return false;
}

static void operation_draw(struct sim_stream *stream, enum family family, struct small *operation,
                           uint32_t number)
{
    static const enum history_function functions[FAMILY_COUNT][4] = {
        [UNIQUE] = {HISTORY_WRITE, HISTORY_READ, HISTORY_READ, HISTORY_WRITE},
        [REGISTER] = {HISTORY_WRITE, HISTORY_READ, HISTORY_CAS, HISTORY_CAS},
        [LIST] = {HISTORY_APPEND, HISTORY_GET, HISTORY_APPEND, HISTORY_GET},
        [STRING] = {HISTORY_APPEND, HISTORY_GET, HISTORY_PUT, HISTORY_GET},
        [MUTEX] = {HISTORY_ACQUIRE, HISTORY_RELEASE, HISTORY_ACQUIRE, HISTORY_RELEASE}};
    operation->function = functions[family][sim_draw_below(stream, 4)];
    bool is_unique = family == UNIQUE || (family == LIST && sim_draw_below(stream, 4) > 0);
    uint64_t value = is_unique ? number : sim_draw_below(stream, 3);
    uint64_t expected = sim_draw_below(stream, 3);
    snprintf(operation->value, sizeof operation->value, "%c", (char)('a' + value));
    snprintf(operation->expected, sizeof operation->expected, "%c", (char)('a' + expected));
}

/* An operation takes effect, and has its result. */
static void operation_do(struct small *operation, char *state, size_t size)
{
    if (operation->function == HISTORY_READ || operation->function == HISTORY_GET) {
        snprintf(operation->value, sizeof operation->value, "%s", state);
    } else if (operation->function == HISTORY_CAS && strcmp(state, operation->expected) != 0) {
        operation->outcome = HISTORY_FAIL;
    } else {
        apply(operation, state, size);
    }
    operation->has_result = true;
}

/* What a correct object might do, with a lie in one history of two. */
static void tiny_draw(struct sim_stream *stream, enum family family, struct tiny *tiny)
{
    struct small *open[PROCESSES] = {NULL};
    char state[64] = "-";
    uint32_t wanted = 2 + (uint32_t)sim_draw_below(stream, OPERATIONS_MAX - 1);
    memset(tiny, 0, sizeof *tiny);
    for (uint64_t position = 1; position < 40; position++) {
        uint64_t process = sim_draw_below(stream, PROCESSES);
        struct small *operation = open[process];
        uint64_t chance = sim_draw_below(stream, 8);
        if (operation == NULL) {
            if (tiny->count < wanted) {
                operation = open[process] = &tiny->operations[tiny->count];
                operation_draw(stream, family, operation, tiny->count++);
                operation->process = process + 10 * position;
                operation->invoked = position;
                operation->completed = UINT64_MAX;
            }
        } else if (!operation->has_result && chance < 4) {
            operation->outcome = HISTORY_OK;
            operation_do(operation, state, sizeof state);
        } else if (operation->has_result && chance < 6) {
            operation->completed = position;
            open[process] = NULL;
        } else if (chance == 7) {
            open[process] = NULL; /* info; it may have taken effect */
        }
    }
    for (uint32_t i = 0; i < tiny->count; i++) {
        struct small *operation = &tiny->operations[i];
        if (operation->completed == UINT64_MAX) {
            operation->outcome = HISTORY_UNKNOWN;
        }
    }
    struct small *liar = &tiny->operations[sim_draw_below(stream, tiny->count)];
    uint64_t lie = sim_draw_below(stream, 6);
    if (lie == 0) {
        snprintf(liar->value, sizeof liar->value, "%c", (char)('a' + sim_draw_below(stream, 4)));
    } else if (lie == 1) {
        const struct small other = tiny->operations[sim_draw_below(stream, tiny->count)];
        bool can_be_absent = liar->function == HISTORY_READ || liar->function == HISTORY_GET;
        if (can_be_absent || strcmp(other.value, "-") != 0) {
            snprintf(liar->value, sizeof liar->value, "%s", other.value);
        }
    } else if (lie == 2 && liar->outcome == HISTORY_UNKNOWN) {
        liar->outcome = HISTORY_OK;
        liar->completed = 50;
    }
}

static struct history_value text_value(const char *text)
{
    bool is_absent = strcmp(text, "-") == 0;
    return (struct history_value){.kind = is_absent ? HISTORY_ABSENT : HISTORY_TEXT,
                                  .bytes = text,
                                  .size = is_absent ? 0 : strlen(text)};
}

static struct history *history_of_tiny(const struct tiny *tiny)
{
    struct history *history = history_create();
    for (uint32_t i = 0; i < tiny->count; i++) {
        const struct small *operation = &tiny->operations[i];
        bool reads = operation->function == HISTORY_READ || operation->function == HISTORY_GET;
        const struct history_value value = text_value(operation->value);
        struct history_call call = {.function = operation->function,
                                    .process = operation->process,
                                    .position = operation->invoked};
        if (!reads) {
            call.value = value;
        }
        if (operation->function == HISTORY_CAS) {
            call.expected = text_value(operation->expected);
        }
        uint32_t number = history_invoke(history, &call);
        if (operation->outcome != HISTORY_UNKNOWN) {
            history_complete(history, number, operation->outcome, reads ? &value : NULL,
                             operation->completed);
        }
    }
    return history;
}

/* What is reported as a conflict has no order by itself. */
static void conflict_check(const struct tiny *tiny, enum family family)
{
    struct tiny part = {.count = 0};
    ck_assert_uint_le(report.conflict_count, tiny->count);
    for (uint32_t i = 0; i < report.conflict_count; i++) {
        part.operations[part.count] = tiny->operations[report.conflict[i]];
        if (part.operations[part.count].completed > report.last) {
            part.operations[part.count].outcome = HISTORY_UNKNOWN;
        }
        part.count++;
    }
    /* Pieces that are not shown are missing in the lists that are read. */
    bool is_alone = family != LIST && family != STRING && !report.is_whatever_before;
    ck_assert_msg(!is_alone || !has_order(&part, 0, "-"), "the conflict has an order");
}

static void tiny_print(const struct tiny *tiny)
{
    for (uint32_t i = 0; i < tiny->count; i++) {
        const struct small *operation = &tiny->operations[i];
        fprintf(stderr, "%s %s (%s) %llu..%lld %s\n", history_function_string(operation->function),
                operation->value, operation->expected, (unsigned long long)operation->invoked,
                (long long)operation->completed,
                operation->outcome == HISTORY_OK     ? "ok"
                : operation->outcome == HISTORY_FAIL ? "fail"
                                                     : "info");
    }
}

START_TEST(agrees_with_brute_force)
{
    enum family family = (enum family)_i;
    struct sim_stream stream;
    uint32_t verdicts[3] = {0};
    const struct history_rules rules = {.steps_max = 0};
    sim_stream_init(&stream, 20240517, SIM_STREAM_SCRIPT, (uint64_t)family, 0);
    for (uint32_t i = 0; i < 6000; i++) {
        struct tiny tiny;
        tiny_draw(&stream, family, &tiny);
        struct history *history = history_of_tiny(&tiny);
        enum history_verdict verdict = history_check(history, &rules, &report);
        enum history_verdict wanted =
            has_order(&tiny, 0, "-") ? HISTORY_LINEARIZABLE : HISTORY_VIOLATION;
        if (verdict != wanted) {
            tiny_print(&tiny);
            ck_abort_msg("history %u: verdict %d, brute force says %d (%s)", i, (int)verdict,
                         (int)wanted, verdict == HISTORY_VIOLATION ? report.why : "");
        }
        if (verdict == HISTORY_VIOLATION) {
            conflict_check(&tiny, family);
        }
        verdicts[verdict]++;
        history_destroy(history);
    }
    /* Both verdicts are frequent, or the comparison would say little. */
    ck_assert_uint_gt(verdicts[HISTORY_LINEARIZABLE], 1000);
    ck_assert_uint_gt(verdicts[HISTORY_VIOLATION], 300);
}
END_TEST

/* Short, and with a beginning that does not matter: what is shown is near the end. */
START_TEST(explains_a_late_contradiction_by_its_window)
{
    struct history *history = history_create();
    const struct history_value key = text_value("k");
    struct history_call call = {.key = key};
    const struct history_value a = text_value("a");
    uint64_t position = 0;
    for (uint32_t i = 0; i < 500; i++) {
        const struct history_value values[2] = {text_value("a"), text_value("b")};
        call.function = i % 3 == 0 ? HISTORY_WRITE : HISTORY_CAS;
        call.expected = values[(i + 1) % 2];
        call.value = values[i % 2];
        call.position = ++position;
        uint32_t number = history_invoke(history, &call);
        history_complete(history, number, HISTORY_OK, NULL, ++position);
    }
    call.function = HISTORY_READ;
    call.position = ++position;
    history_complete(history, history_invoke(history, &call), HISTORY_OK, &a, position + 1);
    const struct history_rules rules = {.steps_max = 0};
    ck_assert_int_eq(history_check(history, &rules, &report), HISTORY_VIOLATION);
    ck_assert_uint_eq(report.conflict_count, 2);
    ck_assert(report.is_whatever_before);
    ck_assert_uint_ge(report.first, 999);
    history_destroy(history);
}
END_TEST

static Suite *suite(void)
{
    Suite *suite = suite_create("history");
    TCase *tests = tcase_create("tables");
    tcase_add_test(tests, accepts_registers_that_one_order_explains);
    tcase_add_test(tests, refuses_registers_that_no_order_explains);
    tcase_add_test(tests, unknown_outcomes_may_take_effect_late_or_never);
    tcase_add_test(tests, compare_and_set_needs_what_it_expects);
    tcase_add_test(tests, rules_fix_what_tools_mean_differently);
    tcase_add_test(tests, appends_grow_one_list);
    tcase_add_test(tests, put_begins_a_new_list);
    tcase_add_test(tests, mutex_has_one_holder);
    tcase_add_test(tests, gives_up_instead_of_guessing);
    tcase_add_test(tests, explains_a_late_contradiction_by_its_window);
    tcase_add_test(tests, describes_operations);
    suite_add_tcase(suite, tests);
    tests = tcase_create("lines");
    tcase_add_loop_test(tests, refuses_lines_that_it_does_not_understand, 0,
                        (int)(sizeof refused / sizeof refused[0]));
    tcase_add_test(tests, reads_what_other_tools_write);
    suite_add_tcase(suite, tests);
    tests = tcase_create("random");
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, agrees_with_brute_force, 0, FAMILY_COUNT);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return unit_main(suite());
}
