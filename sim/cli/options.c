/* The command line.
 *
 *     squall COMMAND [OPTION…] [ARGUMENT…]
 *
 * Options and arguments may be mixed; "--" ends the options. A value stands behind the option or
 * behind "=", or directly behind a letter, as in -j2. Each option belongs to some commands;
 * elsewhere it is an error that says where.
 *
 * 1. What is accepted is within its bounds: seeds below 2^53, jobs at most CLI_JOBS_MAX.
 * 2. A message names the word that is wrong and what to write instead. */
#include "options.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ON(command) (1u << (command))
#define CAMPAIGNS   (ON(CLI_RUN) | ON(CLI_SWEEP) | ON(CLI_VERIFY))
#define EXECUTES    (CAMPAIGNS | ON(CLI_REPLAY))
#define EVERYWHERE  (ON(CLI_COMMAND_COUNT) - 1)

enum option_id {
    OPTION_HELP,
    OPTION_VERSION,
    OPTION_SEED,
    OPTION_SEEDS,
    OPTION_SET,
    OPTION_JOBS,
    OPTION_DB,
    OPTION_NO_DB,
    OPTION_SUT,
    OPTION_SUT_NEXT,
    OPTION_TRANSCRIPT,
    OPTION_HASHES,
    OPTION_FILL,
    OPTION_MODE,
    OPTION_RESUME,
    OPTION_EXHAUSTIVE,
    OPTION_LIMIT,
    OPTION_POINT,
    OPTION_EXACT,
    OPTION_FORK,
    OPTION_PLAN,
    OPTION_HASH,
    OPTION_RESTORES,
    OPTION_AGAINST,
    OPTION_CHECKPOINTS,
    OPTION_FIELDS,
    OPTION_WALL,
    OPTION_OUTPUT,
    OPTION_TAG,
    OPTION_PROFILE,
    OPTION_FOR,
    OPTION_UNTIL_FINDING,
    OPTION_TWINS,
    OPTION_INIT,
    OPTION_NULL_READ,
    OPTION_FAILED_CAS,
    OPTION_COUNT
};

struct option {
    const char *name;
    char letter; /* 0: none */
    bool has_value;
    uint32_t commands;
    size_t place; /* in the options: of a bool, or of the value as it stands; or BY_HAND */
};

#define PLACE(field) offsetof(struct cli_options, field)
#define BY_HAND      SIZE_MAX /* option_apply knows what it means */

static const struct option option_table[OPTION_COUNT] = {
    [OPTION_HELP] = {"--help", 'h', false, EVERYWHERE, PLACE(help)},
    [OPTION_VERSION] = {"--version", 0, false, EVERYWHERE, PLACE(version)},
    [OPTION_SEED] = {"--seed", 0, true, EXECUTES, BY_HAND},
    [OPTION_SEEDS] = {"--seeds", 0, true, CAMPAIGNS, BY_HAND},
    [OPTION_SET] = {"--set", 0, true, EXECUTES, BY_HAND},
    [OPTION_JOBS] = {"--jobs", 'j', true, CAMPAIGNS, BY_HAND},
    [OPTION_DB] = {"--db", 0, true, EXECUTES | ON(CLI_POINTS) | ON(CLI_REPORT), PLACE(db)},
    [OPTION_NO_DB] = {"--no-db", 0, false, CAMPAIGNS, PLACE(no_db)},
    [OPTION_SUT] = {"--sut", 0, true, EXECUTES | ON(CLI_POINTS) | ON(CLI_LIST), PLACE(sut)},
    [OPTION_SUT_NEXT] = {"--sut-next", 0, true, EXECUTES, PLACE(sut_next)},
    [OPTION_TRANSCRIPT] = {"--transcript", 0, false, ON(CLI_RUN) | ON(CLI_REPLAY),
                           PLACE(transcript)},
    [OPTION_HASHES] = {"--hashes", 0, false, EXECUTES, PLACE(hashes)},
    [OPTION_FILL] = {"--fill", 0, true, EXECUTES, BY_HAND},
    [OPTION_MODE] = {"--mode", 0, true, ON(CLI_SWEEP), BY_HAND},
    [OPTION_RESUME] = {"--resume", 0, false, ON(CLI_SWEEP), PLACE(resume)},
    [OPTION_EXHAUSTIVE] = {"--exhaustive", 0, false, ON(CLI_SWEEP), PLACE(exhaustive)},
    [OPTION_LIMIT] = {"--limit", 0, true, ON(CLI_SWEEP), BY_HAND},
    [OPTION_POINT] = {"--point", 0, true, ON(CLI_SWEEP), PLACE(point)},
    [OPTION_EXACT] = {"--exact", 0, false, ON(CLI_SWEEP), PLACE(exact)},
    [OPTION_FORK] = {"--fork", 0, false, ON(CLI_SWEEP), PLACE(fork)},
    [OPTION_PLAN] = {"--plan", 0, true, ON(CLI_RUN) | ON(CLI_REPLAY), PLACE(plan)},
    [OPTION_HASH] = {"--hash", 0, true, ON(CLI_REPLAY), PLACE(hash)},
    [OPTION_RESTORES] = {"--restores", 0, true, ON(CLI_VERIFY), BY_HAND},
    [OPTION_AGAINST] = {"--against", 0, true, ON(CLI_VERIFY), PLACE(against)},
    [OPTION_CHECKPOINTS] = {"--checkpoints", 0, true, ON(CLI_RUN), BY_HAND},
    [OPTION_FIELDS] = {"--fields", 0, true, ON(CLI_RUN), BY_HAND},
    [OPTION_WALL] = {"--wall", 0, true, EXECUTES, BY_HAND},
    [OPTION_OUTPUT] = {"--output", 'o', true, ON(CLI_REPORT), PLACE(output)},
    [OPTION_TAG] = {"--tag", 0, true, CAMPAIGNS | ON(CLI_LIST), PLACE(tag)},
    [OPTION_PROFILE] = {"--profile", 0, true, EXECUTES, BY_HAND},
    [OPTION_FOR] = {"--for", 0, true, ON(CLI_RUN) | ON(CLI_VERIFY), BY_HAND},
    [OPTION_UNTIL_FINDING] = {"--until-finding", 0, false, ON(CLI_RUN) | ON(CLI_VERIFY),
                              PLACE(until_finding)},
    [OPTION_TWINS] = {"--twins", 0, true, ON(CLI_RUN), BY_HAND},
    [OPTION_INIT] = {"--init", 0, true, ON(CLI_CHECK_HISTORY), BY_HAND},
    [OPTION_NULL_READ] = {"--null-read", 0, true, ON(CLI_CHECK_HISTORY), BY_HAND},
    [OPTION_FAILED_CAS] = {"--failed-cas", 0, true, ON(CLI_CHECK_HISTORY), BY_HAND},
};

const char *cli_command_string(enum cli_command command)
{
    switch (command) {
    case CLI_RUN:
        return "run";
    case CLI_SWEEP:
        return "sweep";
    case CLI_VERIFY:
        return "verify";
    case CLI_REPLAY:
        return "replay";
    case CLI_REPORT:
        return "report";
    case CLI_POINTS:
        return "points";
    case CLI_LIST:
        return "list";
    case CLI_CHECK_HISTORY:
        return "check-history";
    case CLI_HELP:
        return "help";
    case CLI_COMMAND_COUNT:
        break;
    }
    assert(!"not a command");
    return NULL;
}

/* What a parse is about, for its messages. */
struct parse {
    struct cli_options *options;
    char *error;
    size_t error_size;
};

static bool number_read(const struct parse *parse, const char *option, const char *text,
                        uint64_t low, uint64_t high, uint64_t *out_number)
{
    char *end = NULL;
    bool is_digit = text[0] >= '0' && text[0] <= '9';
    /* Not base 0: 010 would be 8. */
    int base = text[0] == '0' && (text[1] == 'x' || text[1] == 'X') ? 16 : 10;
    uint64_t number = is_digit ? strtoull(text, &end, base) : 0;
    if (!is_digit || *end != '\0' || number < low || number > high) {
        snprintf(parse->error, parse->error_size, "%s: '%s' is not a number between %llu and %llu",
                 option, text, (unsigned long long)low, (unsigned long long)high);
        return false;
    }
    *out_number = number;
    return true;
}

/* "A..B", or one number. */
static bool range_read(const struct parse *parse, const char *name, const char *text,
                       uint64_t *out_first, uint64_t *out_last)
{
    char first[32];
    const char *dots = strstr(text, "..");
    size_t length = dots == NULL ? strlen(text) : (size_t)(dots - text);
    if (length >= sizeof first) {
        snprintf(parse->error, parse->error_size, "%s: '%s' is not a range: write 1..5000", name,
                 text);
        return false;
    }
    memcpy(first, text, length);
    first[length] = '\0';
    if (!number_read(parse, name, first, 0, CLI_SEED_MAX, out_first) ||
        !number_read(parse, name, dots == NULL ? first : dots + 2, 0, CLI_SEED_MAX, out_last)) {
        return false;
    }
    if (*out_first > *out_last) {
        snprintf(parse->error, parse->error_size,
                 "%s: '%s' is empty: the first number is greater than the last", name, text);
        return false;
    }
    return true;
}

static bool set_read(const struct parse *parse, const char *text)
{
    struct cli_options *options = parse->options;
    const char *equals = strchr(text, '=');
    size_t used = strlen(options->parameters);
    if (equals == NULL || equals == text || equals[1] == '\0' || strchr(text, ' ') != NULL) {
        snprintf(parse->error, parse->error_size,
                 "--set: '%s' is not name=value (without spaces), as in --set hold_ms=500", text);
        return false;
    }
    if (used + strlen(text) + 2 > sizeof options->parameters) {
        snprintf(parse->error, parse->error_size, "--set: the parameters are too long together");
        return false;
    }
    snprintf(options->parameters + used, sizeof options->parameters - used, "%s%s",
             used == 0 ? "" : " ", text);
    return true;
}

static bool profile_read(const struct parse *parse, const char *text)
{
    const char *names[SIM_PROFILE_COUNT];
    size_t count = 0;
    for (int i = SIM_PROFILE_NONE + 1; i < SIM_PROFILE_COUNT; i++) {
        names[count++] = sim_profile_string((enum sim_profile_kind)i);
    }
    parse->options->profile = sim_profile_find(text);
    if (parse->options->profile != SIM_PROFILE_NONE) {
        return true;
    }
    const char *guess = cli_suggest(text, names, count);
    snprintf(parse->error, parse->error_size,
             "--profile: '%s' is none of calm, swarm, nasty, unrestricted%s%s%s", text,
             guess == NULL ? "" : " (did you mean '", guess == NULL ? "" : guess,
             guess == NULL ? "" : "'?)");
    return false;
}

static bool mode_read(const struct parse *parse, const char *text)
{
    const char *names[SIM_SWEEP_MODE_COUNT];
    for (uint32_t i = 0; i < SIM_SWEEP_MODE_COUNT; i++) {
        names[i] = sim_sweep_mode_string((enum sim_sweep_mode)i);
        if (strcmp(names[i], text) == 0) {
            parse->options->mode = (enum sim_sweep_mode)i;
            return true;
        }
    }
    const char *guess = cli_suggest(text, names, SIM_SWEEP_MODE_COUNT);
    snprintf(
        parse->error, parse->error_size,
        "--mode: '%s' is none of points, memory, disk, crash, stop, tail, network, pairs%s%s%s",
        text, guess == NULL ? "" : " (did you mean '", guess == NULL ? "" : guess,
        guess == NULL ? "" : "'?)");
    return false;
}

/* "90s", "30m" or "8h". */
static bool duration_read(const struct parse *parse, const char *text)
{
    char digits[16];
    size_t length = strspn(text, "0123456789");
    char unit = text[length];
    uint64_t seconds = unit == 's' ? 1 : unit == 'm' ? 60 : 3600;
    bool is_unit = unit == 's' || unit == 'm' || unit == 'h';
    if (length == 0 || length >= sizeof digits || !is_unit || text[length + 1] != '\0') {
        snprintf(parse->error, parse->error_size, "--for: '%s' is not a time: write 90s, 30m or 8h",
                 text);
        return false;
    }
    memcpy(digits, text, length);
    digits[length] = '\0';
    uint64_t number = 0;
    if (!number_read(parse, "--for", digits, 1, 1000000, &number)) {
        return false;
    }
    parse->options->for_s = number * seconds;
    return true;
}

/* One of two words. */
static bool choice_read(const struct parse *parse, enum option_id id, const char *text,
                        const char *const words[2], bool *out_is_second)
{
    *out_is_second = strcmp(text, words[1]) == 0;
    if (*out_is_second || strcmp(text, words[0]) == 0) {
        return true;
    }
    snprintf(parse->error, parse->error_size, "%s: '%s' is neither %s nor %s",
             option_table[id].name, text, words[0], words[1]);
    return false;
}

static bool twins_read(const struct parse *parse, const char *text)
{
    static const char *const words[2] = {"all", "none"};
    bool is_none = false;
    bool is_known = choice_read(parse, OPTION_TWINS, text, words, &is_none);
    parse->options->twins = is_none ? SIM_TWINS_NONE : SIM_TWINS_ALL;
    return is_known;
}

/* The options of check-history. */
static bool history_apply(const struct parse *parse, enum option_id id, const char *value)
{
    static const char *const null_reads[2] = {"absent", "unknown"};
    static const char *const failed_cas[2] = {"mismatch", "noop"};
    struct cli_options *options = parse->options;
    if (id == OPTION_NULL_READ) {
        return choice_read(parse, id, value, null_reads, &options->null_read_unknown);
    }
    if (id == OPTION_FAILED_CAS) {
        return choice_read(parse, id, value, failed_cas, &options->failed_cas_noop);
    }
    assert(id == OPTION_INIT);
    options->init = value;
    return true;
}

static bool numbers_apply(const struct parse *parse, enum option_id id, const char *value)
{
    struct cli_options *options = parse->options;
    uint64_t number = 0;
    uint64_t low = id == OPTION_SEED || id == OPTION_FILL ? 0 : 1;
    uint64_t high = id == OPTION_JOBS   ? CLI_JOBS_MAX
                    : id == OPTION_FILL ? UINT8_MAX
                    : id == OPTION_WALL ? 1000000
                                        : CLI_SEED_MAX;
    if (!number_read(parse, option_table[id].name, value, low, high, &number)) {
        return false;
    }
    if (id == OPTION_SEED) {
        options->has_seeds = true;
        options->seed_first = options->seed_last = number;
    } else if (id == OPTION_JOBS) {
        options->jobs = (uint32_t)number;
    } else if (id == OPTION_FILL) {
        options->fill = (uint8_t)number;
    } else if (id == OPTION_LIMIT) {
        options->limit = number;
    } else if (id == OPTION_RESTORES) {
        options->restores = number;
    } else if (id == OPTION_CHECKPOINTS) {
        options->checkpoints = number;
    } else {
        assert(id == OPTION_WALL);
        options->wall_s = (uint32_t)number;
    }
    return true;
}

/* Stores an option; value is NULL for those without. */
static bool option_apply(const struct parse *parse, enum option_id id, const char *value)
{
    struct cli_options *options = parse->options;
    assert((value != NULL) == option_table[id].has_value);
    if (option_table[id].place != BY_HAND) {
        void *place = (uint8_t *)options + option_table[id].place;
        if (value == NULL) {
            *(bool *)place = true;
        } else {
            *(const char **)place = value;
        }
        return true;
    }
    switch (id) {
    case OPTION_SEED:
    case OPTION_JOBS:
    case OPTION_FILL:
    case OPTION_LIMIT:
    case OPTION_RESTORES:
    case OPTION_CHECKPOINTS:
    case OPTION_WALL:
        return numbers_apply(parse, id, value);
    case OPTION_SEEDS:
        options->has_seeds = true;
        return range_read(parse, "--seeds", value, &options->seed_first, &options->seed_last);
    case OPTION_FIELDS:
        return range_read(parse, "--fields", value, &options->fields_from, &options->fields_to);
    case OPTION_SET:
        return set_read(parse, value);
    case OPTION_MODE:
        return mode_read(parse, value);
    case OPTION_PROFILE:
        return profile_read(parse, value);
    case OPTION_FOR:
        return duration_read(parse, value);
    case OPTION_TWINS:
        return twins_read(parse, value);
    case OPTION_INIT:
    case OPTION_NULL_READ:
    case OPTION_FAILED_CAS:
        return history_apply(parse, id, value);
    default:
        break;
    }
    assert(!"not an option");
    return false;
}

static int option_find(const char *word, size_t length)
{
    for (int i = 0; i < OPTION_COUNT; i++) {
        const struct option *option = &option_table[i];
        if (strlen(option->name) == length && memcmp(option->name, word, length) == 0) {
            return i;
        }
        if (length == 2 && word[0] == '-' && option->letter != 0 && word[1] == option->letter) {
            return i;
        }
    }
    return -1;
}

static void unknown_option(const struct parse *parse, const char *word)
{
    const char *names[OPTION_COUNT];
    size_t count = 0;
    char bare[64];
    snprintf(bare, sizeof bare, "%.*s", (int)strcspn(word, "="), word);
    for (uint32_t i = 0; i < OPTION_COUNT; i++) {
        if ((option_table[i].commands & ON(parse->options->command)) != 0) {
            names[count++] = option_table[i].name;
        }
    }
    const char *guess = cli_suggest(bare, names, count);
    snprintf(parse->error, parse->error_size,
             "unknown option '%s'%s%s%s; 'squall %s --help' lists "
             "them",
             bare, guess == NULL ? "" : " (did you mean '", guess == NULL ? "" : guess,
             guess == NULL ? "" : "'?)", cli_command_string(parse->options->command));
}

static void misplaced_option(const struct parse *parse, int id)
{
    char where[128] = "";
    for (uint32_t i = 0; i < CLI_COMMAND_COUNT; i++) {
        if ((option_table[id].commands & ON(i)) != 0) {
            size_t used = strlen(where);
            snprintf(where + used, sizeof where - used, "%ssquall %s", used == 0 ? "" : ", ",
                     cli_command_string((enum cli_command)i));
        }
    }
    snprintf(parse->error, parse->error_size, "'squall %s' has no option %s; it belongs to: %s",
             cli_command_string(parse->options->command), option_table[id].name, where);
}

/* Takes the option at argv[*at], and its value if that stands behind it. */
static bool option_take(const struct parse *parse, int argc, char **argv, int *at)
{
    const char *word = argv[*at];
    bool is_glued = word[1] != '-' && word[2] != '\0' && word[2] != '='; /* "-j2" */
    size_t length = is_glued ? 2 : strcspn(word, "=");
    int id = option_find(word, length);
    if (id < 0) {
        unknown_option(parse, word);
        return false;
    }
    if ((option_table[id].commands & ON(parse->options->command)) == 0) {
        misplaced_option(parse, id);
        return false;
    }
    const char *value = word[length] == '=' ? word + length + 1 : is_glued ? word + length : NULL;
    if (!option_table[id].has_value && value != NULL) {
        snprintf(parse->error, parse->error_size, "%s takes no value", option_table[id].name);
        return false;
    }
    if (option_table[id].has_value && value == NULL) {
        if (*at + 1 >= argc) {
            snprintf(parse->error, parse->error_size, "%s needs a value", option_table[id].name);
            return false;
        }
        value = argv[++*at];
    }
    return option_apply(parse, (enum option_id)id, value);
}

static bool command_read(const struct parse *parse, const char *word)
{
    const char *names[CLI_COMMAND_COUNT];
    for (uint32_t i = 0; i < CLI_COMMAND_COUNT; i++) {
        names[i] = cli_command_string((enum cli_command)i);
        if (strcmp(names[i], word) == 0) {
            parse->options->command = (enum cli_command)i;
            return true;
        }
    }
    const char *guess = cli_suggest(word, names, CLI_COMMAND_COUNT);
    snprintf(parse->error, parse->error_size,
             "unknown command '%s'%s%s%s; 'squall help' lists them", word,
             guess == NULL ? "" : " (did you mean '", guess == NULL ? "" : guess,
             guess == NULL ? "" : "'?)");
    return false;
}

/* Options of a sweep that have no meaning together. */
static bool sweep_check(const struct parse *parse)
{
    const struct cli_options *options = parse->options;
    bool has_points = options->mode == SIM_SWEEP_POINTS || options->mode == SIM_SWEEP_MEMORY ||
                      options->mode == SIM_SWEEP_DISK || options->mode == SIM_SWEEP_PAIRS;
    if (options->point != NULL && !has_points) {
        snprintf(parse->error, parse->error_size,
                 "--point: --mode %s injects nothing at fault points",
                 sim_sweep_mode_string(options->mode));
        return false;
    }
    if (options->resume && options->no_db) {
        snprintf(parse->error, parse->error_size,
                 "--resume goes on with a file of results: leave --no-db out");
        return false;
    }
    return true;
}

bool cli_options_parse(struct cli_options *options, int argc, char **argv, char *error,
                       size_t error_size)
{
    const struct parse parse = {.options = options, .error = error, .error_size = error_size};
    bool only_arguments = false;
    int first = 1;
    assert(argc > 0);
    *options = (struct cli_options){
        .command = CLI_HELP, .program = argv[0], .fill = 0xA5, .restores = 1000};
    if (argc > 1 && argv[1][0] != '-') {
        if (!command_read(&parse, argv[1])) {
            return false;
        }
        first = 2;
    }
    options->arguments = argv + first;
    for (int at = first; at < argc; at++) {
        char *word = argv[at];
        if (only_arguments || word[0] != '-' || word[1] == '\0') {
            options->arguments[options->argument_count++] = word;
        } else if (strcmp(word, "--") == 0) {
            only_arguments = true;
        } else if (!option_take(&parse, argc, argv, &at)) {
            return false;
        }
    }
    if (options->twins == SIM_TWINS_ALL && options->no_db) {
        snprintf(error, error_size,
                 "--twins all: what it finds stands in the file of results; leave out --no-db");
        return false;
    }
    if (options->db != NULL && options->no_db) {
        snprintf(error, error_size, "--db and --no-db contradict each other");
        return false;
    }
    return sweep_check(&parse);
}

bool cli_is_endless(const struct cli_options *options)
{
    return !options->has_seeds && (options->for_s != 0 || options->until_finding);
}
