/* replay: one execution again.
 *
 * From a campaign's file it takes everything, the scenario's text included, so that the replay does
 * not depend on files that may have changed since. It runs in a worker like any other execution.
 *
 * 1. If a trace hash is known, it is compared; a difference is nondeterminism, whatever else the
 *    run came to. A run that was ended from outside, or that killed its worker, has no hash: then
 *    it must end like that again. */
#include "commands.h"
#include "recorder.h"

#include <assert.h>
#include <sim/explorer/plan.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DB_DEFAULT "squall.db"

/* What a replay should come to. */
struct expected {
    bool known;
    uint64_t hash; /* 0: the worker died */
};

/* An execution of a campaign, and what it takes to run it again. */
struct recorded {
    char sut_file[8192];
    char plan[SIM_TEXT_MAX];
    struct expected expected;
};

/* What a recorded execution was asked for. A profile records all that its seed drew: that is
 * nothing if the seed draws the same. */
static void parameters_recover(const struct sim_execution *execution, char *text, size_t text_size)
{
    enum sim_profile_kind profile = sim_profile_of_scenario(execution->scenario);
    snprintf(text, text_size, "%s", execution->parameters);
    if (profile != SIM_PROFILE_NONE) {
        struct sim_draw draw;
        char drawn[SIM_TEXT_MAX];
        sim_profile_draw(profile, execution->seed, &draw);
        sim_profile_print(&draw, &draw, drawn, sizeof drawn);
        if (strcmp(drawn, execution->parameters) == 0) {
            text[0] = '\0';
        }
    }
}

/* What the command line does not name is what was recorded: "FILE => NEXT". */
static void implementations_take(struct cli_options *options, char *sut_file)
{
    char *mark = strstr(sut_file, CLI_NEXT_MARK);
    if (mark != NULL) {
        *mark = '\0';
        const char *next = mark + strlen(CLI_NEXT_MARK);
        options->sut_next = options->sut_next == NULL ? next : options->sut_next;
    }
    if (options->sut == NULL && sut_file[0] != '\0') {
        options->sut = sut_file;
    }
}

/* Reads an execution of a campaign into the options and the catalogue, and loads the implementation
 * that it was recorded with, unless the command line names one. */
static enum cli_status recorded_find(struct cli_options *options, const struct sut_ops **out_sut,
                                     struct sim_catalogue *catalogue, struct recorded *recorded)
{
    const char *db = options->db == NULL ? DB_DEFAULT : options->db;
    enum cli_status status = CLI_USAGE;
    struct sim_execution execution;
    struct arena *arena = NULL;
    const char *why = NULL;
    char *text = NULL;
    char error[SIM_TEXT_MAX];
    char file[4096];
    struct store *store = store_open(db, true, error, sizeof error);
    if (store == NULL) {
        fprintf(stderr, "squall: %s\n", error);
        goto out;
    }
    if (!store_find_execution(store, options->arguments[0], &execution, file, sizeof file,
                              recorded->sut_file, sizeof recorded->sut_file, &text)) {
        fprintf(stderr, "squall: %s\n", store_error(store));
        goto out;
    }
    implementations_take(options, recorded->sut_file);
    const struct sut_ops *sut = cli_sut(options);
    if (sut == NULL) {
        goto out;
    }
    *out_sut = sut;
    arena = arena_open(&why);
    if (arena == NULL) {
        fprintf(stderr, "squall: %s\n", why);
        goto out;
    }
    enum sim_profile_kind profile = sim_profile_of_scenario(execution.scenario);
    if ((profile != SIM_PROFILE_NONE
             ? sim_catalogue_add_profile(catalogue, profile, error, sizeof error)
             : sim_catalogue_add_text(catalogue, arena, sut, file, text, execution.scenario, error,
                                      sizeof error)) != SIM_CATALOGUE_OK) {
        fprintf(stderr, "squall: %s\n", error);
        status = CLI_SCENARIO;
        goto out;
    }
    options->has_seeds = true;
    options->seed_first = options->seed_last = execution.seed;
    parameters_recover(&execution, options->parameters, sizeof options->parameters);
    snprintf(recorded->plan, sizeof recorded->plan, "%s", execution.plan);
    recorded->expected.known = true;
    recorded->expected.hash = execution.trace_hash;
    status = CLI_CLEAN;
out:
    free(text);
    if (arena != NULL) {
        arena_close(arena);
    }
    if (store != NULL) {
        (void)store_close(store, error, sizeof error);
    }
    return status;
}

/* A number or a signature, not the name of a scenario file. */
static bool is_recorded(const char *argument)
{
    return access(argument, F_OK) != 0 && strstr(argument, ".lua") == NULL;
}

static enum cli_status hash_judge(const struct cli_recorder *recorder,
                                  const struct expected *expected, enum cli_status status)
{
    const struct sim_execution *execution = &recorder->last;
    if (!expected->known || recorder->total.executions == 0) {
        return status;
    }
    if (execution->trace_hash == expected->hash) {
        printf(expected->hash != 0 ? "replayed: the trace hash is the recorded one\n"
                                   : "replayed: it did not come to its end, as recorded\n");
        return status;
    }
    if (expected->hash == 0 || execution->trace_hash == 0) {
        printf("NOT DETERMINISTIC: %s came to its end, %s did not\n"
               "(another build or a slower machine may do that)\n",
               expected->hash == 0 ? "this run" : "the recorded run",
               expected->hash == 0 ? "the recorded one" : "this one");
        return CLI_NONDETERMINISM;
    }
    printf("NOT DETERMINISTIC: the recorded trace hash is %016llx, this run has %016llx\n"
           "(another build of the implementation, or of squall, has other hashes)\n",
           (unsigned long long)expected->hash, (unsigned long long)execution->trace_hash);
    return CLI_NONDETERMINISM;
}

/* The one run over a catalogue with one scenario. */
static enum cli_status replay_run(const struct cli_options *options,
                                  const struct sim_catalogue *catalogue, const struct sut_ops *sut,
                                  const char *plan, const struct expected *expected)
{
    struct cli_recorder recorder = {0};
    struct sim_tasks tasks = {0};
    enum cli_status status = CLI_USAGE;
    const struct sut_ops *sut_next = NULL;
    if (!cli_sut_next(options, &sut_next)) {
        return CLI_USAGE;
    }
    const struct sim_scenario_info *info = &catalogue->scenarios[0].info;
    uint64_t seed = options->has_seeds ? options->seed_first
                    : info->seed_count ? info->seeds[0]
                                       : 1;
    const struct sim_seed_range seeds = {.given = true, .first = seed, .last = seed};
    struct sim_campaign campaign = {
        .sut = sut,
        .sut_next = sut_next,
        .catalogue = catalogue,
        .tasks = &tasks,
        .jobs = 1,
        .fill = options->fill,
        .transcript = options->transcript,
        .plan = plan,
        .wall_s = options->wall_s,
        .no_recheck = true,
        .twins = SIM_TWINS_NONE,
    };
    if (!sim_tasks_build(&tasks, catalogue, SIM_TASK_RUN, &seeds, false, 1) ||
        !cli_recorder_open(&recorder, options, catalogue, &tasks, sut, NULL, 0, NULL)) {
        goto out;
    }
    tasks.count = 1; /* of several parameter sets, the first */
    campaign.sink = cli_recorder_sink(&recorder);
    enum sim_campaign_end end = sim_campaign_run(&campaign);
    cli_progress_end(&recorder);
    cli_summary_print(&recorder, end, stdout);
    status = hash_judge(&recorder, expected, cli_recorder_status(&recorder, end));
out:
    cli_recorder_release(&recorder);
    sim_tasks_release(&tasks);
    return status;
}

static bool hash_read(const struct cli_options *options, struct expected *expected)
{
    if (options->hash == NULL) {
        return true;
    }
    char *end = NULL;
    expected->known = true;
    expected->hash = strtoull(options->hash, &end, 16);
    if (strlen(options->hash) != 16 || *end != '\0') {
        fprintf(stderr, "squall: --hash: '%s' is not a hash of 16 hexadecimal digits\n",
                options->hash);
        return false;
    }
    return true;
}

/* An option that this form of the command would ignore, or NULL. */
static const char *ignored_option(const struct cli_options *options, bool recorded)
{
    if (!recorded) {
        return options->db != NULL ? "--db" : NULL;
    }
    return options->has_seeds               ? "--seed"
           : options->plan != NULL          ? "--plan"
           : options->parameters[0] != '\0' ? "--set"
                                            : NULL;
}

/* False with a message if the words do not fit together. */
static bool words_check(const struct cli_options *options)
{
    if (options->profile != SIM_PROFILE_NONE) {
        if (options->db != NULL || options->argument_count != 0) {
            fprintf(stderr,
                    "squall: a profile is replayed by its seed alone: %s replay --profile "
                    "%s --seed N\n",
                    options->program, sim_profile_string(options->profile));
        }
        return options->db == NULL && options->argument_count == 0;
    }
    if (options->argument_count != 1) {
        fprintf(stderr,
                "squall: replay one execution, for example: %s replay "
                "scenarios/hello.lua --seed 7\n",
                options->program);
        return false;
    }
    bool recorded = is_recorded(options->arguments[0]);
    const char *ignored = ignored_option(options, recorded);
    if (ignored != NULL) {
        fprintf(stderr, "squall: %s cannot be used with %s, %s\n", ignored, options->arguments[0],
                recorded ? "which a campaign's file describes completely"
                         : "which is no execution of a campaign's file");
    }
    return ignored == NULL;
}

enum cli_status cli_replay(const struct cli_options *options)
{
    struct cli_options filled = *options; /* with what the file says */
    struct sim_catalogue catalogue;
    struct recorded recorded = {.plan = ""};
    struct sim_plan plan;
    enum cli_status status = CLI_USAGE;
    char error[SIM_TEXT_MAX];
    const struct sut_ops *sut = NULL;
    if (!words_check(&filled)) {
        return CLI_USAGE;
    }
    sim_catalogue_init(&catalogue);
    snprintf(recorded.plan, sizeof recorded.plan, "%s", filled.plan == NULL ? "" : filled.plan);
    if (filled.profile == SIM_PROFILE_NONE && is_recorded(filled.arguments[0])) {
        status = recorded_find(&filled, &sut, &catalogue, &recorded);
        if (status == CLI_CLEAN && !sim_catalogue_override(&catalogue, filled.parameters)) {
            status = CLI_USAGE;
        }
    } else {
        sut = cli_sut(&filled);
        status = sut == NULL ? CLI_USAGE : cli_catalogue(&filled, sut, &catalogue);
    }
    if (status == CLI_CLEAN && catalogue.count != 1) {
        fprintf(stderr, "squall: %s has %u scenarios: name one, as in %s:%s\n", filled.arguments[0],
                catalogue.count, catalogue.scenarios[0].source->file,
                catalogue.scenarios[0].info.name);
        status = CLI_USAGE;
    }
    if (status == CLI_CLEAN && !sim_plan_parse(sut, recorded.plan, &plan, error, sizeof error)) {
        fprintf(stderr, "squall: %s\n", error);
        status = CLI_USAGE;
    }
    if (status == CLI_CLEAN && hash_read(&filled, &recorded.expected)) {
        status = replay_run(&filled, &catalogue, sut, recorded.plan, &recorded.expected);
    } else if (status == CLI_CLEAN) {
        status = CLI_USAGE;
    }
    sim_catalogue_release(&catalogue);
    return status;
}
