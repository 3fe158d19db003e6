/* run, sweep and verify: a campaign over the scenarios of the command line. */
#include "commands.h"
#include "recorder.h"

#include <assert.h>
#include <sim/explorer/plan.h>
#include <string.h>
#include <unistd.h>

#define DB_DEFAULT "squall.db"
#define GAP_MAX    1000u /* seeds that are missing in a row */

const struct sut_ops *cli_sut(const struct cli_options *options)
{
    char error[SIM_TEXT_MAX];
    if (options->sut == NULL) {
        return &sut_raft;
    }
    const struct sut_ops *sut = sut_load(options->sut, error, sizeof error);
    if (sut == NULL) {
        fprintf(stderr, "squall: %s\n", error);
    }
    return sut;
}

bool cli_sut_next(const struct cli_options *options, const struct sut_ops **out_next)
{
    char error[SIM_TEXT_MAX];
    *out_next = NULL;
    if (options->sut_next == NULL) {
        return true;
    }
    *out_next = sut_load(options->sut_next, error, sizeof error);
    if (*out_next == NULL) {
        fprintf(stderr, "squall: --sut-next: %s\n", error);
    } else if (((*out_next)->features & SUT_FEATURE_OUTSIDE) != 0) {
        fprintf(stderr, "squall: --sut-next: this implementation keeps state outside the arena\n");
        *out_next = NULL;
    }
    return *out_next != NULL;
}

static enum cli_status profile_add(const struct cli_options *options,
                                   struct sim_catalogue *catalogue)
{
    char error[SIM_TEXT_MAX];
    if (options->argument_count != 0) {
        fprintf(stderr, "squall: --profile takes the place of scenarios: leave %s out\n",
                options->arguments[0]);
        return CLI_USAGE;
    }
    if (sim_catalogue_add_profile(catalogue, options->profile, error, sizeof error) !=
            SIM_CATALOGUE_OK ||
        !sim_catalogue_override(catalogue, options->parameters)) {
        fprintf(stderr, "squall: out of memory, or of room for the parameters\n");
        return CLI_USAGE;
    }
    return CLI_CLEAN;
}

enum cli_status cli_catalogue(const struct cli_options *options, const struct sut_ops *sut,
                              struct sim_catalogue *catalogue)
{
    enum cli_status result = CLI_CLEAN;
    const char *why = NULL;
    char error[SIM_TEXT_MAX] = "";
    sim_catalogue_init(catalogue);
    if (options->profile != SIM_PROFILE_NONE) {
        return profile_add(options, catalogue);
    }
    if (options->argument_count == 0) {
        fprintf(stderr, "squall: which scenario? for example: %s %s scenarios\n", options->program,
                cli_command_string(options->command));
        return CLI_USAGE;
    }
    struct arena *arena = arena_open(&why);
    if (arena == NULL) {
        fprintf(stderr, "squall: %s\n", why);
        return CLI_USAGE;
    }
    for (int i = 0; i < options->argument_count && result == CLI_CLEAN; i++) {
        switch (
            sim_catalogue_add(catalogue, arena, sut, options->arguments[i], error, sizeof error)) {
        case SIM_CATALOGUE_OK:
            break;
        case SIM_CATALOGUE_MISSING:
            result = CLI_USAGE;
            break;
        case SIM_CATALOGUE_BROKEN:
            result = CLI_SCENARIO;
            break;
        }
    }
    arena_close(arena);
    if (result != CLI_CLEAN) {
        fprintf(stderr, "squall: %s\n", error);
        return result;
    }
    if (options->tag != NULL) {
        sim_catalogue_keep_tag(catalogue, options->tag);
    }
    if (catalogue->count == 0) {
        fprintf(stderr, "squall: no scenario has the tag '%s'; 'squall list' shows the tags\n",
                options->tag);
        return CLI_USAGE;
    }
    if (!sim_catalogue_override(catalogue, options->parameters)) {
        fprintf(stderr, "squall: --set: the parameters are too long together\n");
        return CLI_USAGE;
    }
    return CLI_CLEAN;
}

/* Whether runs are printed as they go: then one after the other, and each once. */
static bool is_printed(const struct cli_options *options)
{
    return options->transcript || options->checkpoints != 0 || options->fields_to != 0;
}

static uint32_t jobs_choose(const struct cli_options *options)
{
    if (is_printed(options)) {
        return 1;
    }
    if (options->jobs != 0) {
        return options->jobs;
    }
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online < 1 ? 1 : online > (long)CLI_JOBS_MAX ? CLI_JOBS_MAX : (uint32_t)online;
}

static enum sim_task_kind kind_of(enum cli_command command)
{
    assert(command == CLI_RUN || command == CLI_SWEEP || command == CLI_VERIFY);
    return command == CLI_RUN     ? SIM_TASK_RUN
           : command == CLI_SWEEP ? SIM_TASK_SWEEP
                                  : SIM_TASK_VERIFY;
}

/* What a campaign of a profile goes on with: the seeds behind those in its file, and what is
 * missing among those, since they were under way when an earlier campaign was ended. */
struct gaps {
    struct sim_tasks *tasks;
    uint64_t highest;
};

static bool gap_add(void *ctx, uint64_t seed)
{
    struct gaps *gaps = ctx;
    uint64_t first = gaps->highest + 1;
    gaps->highest = seed;
    /* What is far from the others was asked for by itself. */
    return seed - first > GAP_MAX || sim_tasks_add(gaps->tasks, SIM_TASK_RUN, first, seed);
}

/* The seeds of the command line; of a profile without any, those after the ones in the file, and
 * tasks for what is missing in it. False with a message if the file cannot be read. */
static bool seeds_choose(const struct cli_options *options, const char *db,
                         const struct sim_catalogue *catalogue, struct sim_seed_range *out_seeds,
                         struct sim_tasks *tasks)
{
    char error[SIM_TEXT_MAX];
    struct gaps gaps = {.tasks = tasks};
    *out_seeds = (struct sim_seed_range){
        .given = options->has_seeds, .first = options->seed_first, .last = options->seed_last};
    if (options->has_seeds || options->profile == SIM_PROFILE_NONE || options->command != CLI_RUN ||
        db == NULL || access(db, F_OK) != 0) {
        return true;
    }
    struct store *store = store_open(db, true, error, sizeof error);
    if (store == NULL) {
        fprintf(stderr, "squall: %s\n", error);
        return false;
    }
    const struct sim_scenario_info *info = &catalogue->scenarios[0].info;
    bool found = store_visit_seeds(store, info->name, gap_add, &gaps);
    if (!found) {
        fprintf(stderr, "squall: %s\n", store_error(store));
    }
    (void)store_close(store, error, sizeof error);
    if (found && gaps.highest > 0 && gaps.highest <= CLI_SEED_MAX - info->seed_limit) {
        *out_seeds = (struct sim_seed_range){
            .given = true, .first = gaps.highest + 1, .last = gaps.highest + info->seed_limit};
    }
    return found;
}

/* The campaign over a catalogue that has been read. */
static enum cli_status campaign_run(const struct cli_options *options,
                                    const struct sim_catalogue *catalogue,
                                    const struct sut_ops *sut, int argc, char **argv)
{
    struct cli_recorder recorder = {0};
    struct sim_done done = {0};
    struct sim_tasks tasks = {0};
    enum cli_status status = CLI_USAGE;
    const char *db = options->no_db ? NULL : options->db != NULL ? options->db : DB_DEFAULT;
    struct sim_seed_range seeds;
    const struct sut_ops *sut_next = NULL;
    if (!cli_sut_next(options, &sut_next) ||
        !seeds_choose(options, db, catalogue, &seeds, &tasks)) {
        goto out;
    }
    struct sim_campaign campaign = {
        .sut = sut,
        .sut_next = sut_next,
        .catalogue = catalogue,
        .tasks = &tasks,
        .jobs = jobs_choose(options),
        .fill = options->fill,
        .transcript = options->transcript,
        .plan = options->plan == NULL ? "" : options->plan,
        .mode = options->mode,
        .exhaustive = options->exhaustive,
        .done = options->resume ? &done : NULL,
        .limit = options->limit,
        .point = options->point,
        .exact = options->exact,
        .fork_branches = options->fork,
        .restores = options->restores,
        .wall_s = options->wall_s,
        .trace = {options->checkpoints, options->fields_from, options->fields_to},
        .no_recheck = is_printed(options),
        .twins = is_printed(options) || options->no_db ? SIM_TWINS_NONE : options->twins,
        .is_endless = cli_is_endless(options),
        .endless_kind = kind_of(options->command),
        .endless_seed = seeds.given ? seeds.first : 1,
        .for_ns = options->for_s * UINT64_C(1000000000),
        .until_finding = options->until_finding,
    };
    if (!campaign.is_endless && !sim_tasks_build(&tasks, catalogue, kind_of(options->command),
                                                 &seeds, options->exhaustive, campaign.jobs)) {
        fprintf(stderr, "squall: out of memory\n");
        goto out;
    }
    if (campaign.jobs > tasks.count && !campaign.is_endless) {
        campaign.jobs = tasks.count;
    }
    if (options->resume && !cli_resume_read(options, catalogue, sut, db, &done)) {
        goto out;
    }
    if (!cli_recorder_open(&recorder, options, catalogue, &tasks, sut, db, argc, argv)) {
        goto out;
    }
    campaign.sink = cli_recorder_sink(&recorder);
    enum sim_campaign_end end = sim_campaign_run(&campaign);
    cli_progress_end(&recorder);
    status = cli_recorder_status(&recorder, end);
    if (!cli_recorder_close(&recorder, status)) {
        status = CLI_USAGE;
    }
    cli_summary_print(&recorder, end, stdout);
out:
    cli_recorder_release(&recorder);
    sim_done_release(&done);
    sim_tasks_release(&tasks);
    return status;
}

/* Whether any point matches a pattern. */
static bool pattern_matches(const struct sut_ops *sut, const char *pattern)
{
    for (uint32_t i = 0; i < sim_point_count(sut); i++) {
        if (sim_point_matches(pattern, sim_point_info(sut, i)->name)) {
            return true;
        }
    }
    return false;
}

enum cli_status cli_campaign(const struct cli_options *options, int argc, char **argv)
{
    struct sim_catalogue catalogue;
    struct sim_plan plan;
    char error[SIM_TEXT_MAX];
    const struct sut_ops *sut = cli_sut(options);
    if (sut == NULL) {
        return CLI_USAGE;
    }
    if (options->plan != NULL && !sim_plan_parse(sut, options->plan, &plan, error, sizeof error)) {
        fprintf(stderr, "squall: %s\n", error);
        return CLI_USAGE;
    }
    if (options->point != NULL && !pattern_matches(sut, options->point)) {
        fprintf(stderr, "squall: --point: no fault point matches '%s'; list them with: %s points\n",
                options->point, options->program);
        return CLI_USAGE;
    }
    if (options->restores > 0 && options->command == CLI_VERIFY &&
        (sut->features & SUT_FEATURE_OUTSIDE) != 0) {
        fprintf(stderr, "squall: verify needs checkpoints, but this implementation keeps state "
                        "outside the arena\n");
        return CLI_USAGE;
    }
    enum cli_status status = cli_catalogue(options, sut, &catalogue);
    if (status == CLI_CLEAN) {
        status = campaign_run(options, &catalogue, sut, argc, argv);
    }
    sim_catalogue_release(&catalogue);
    return status;
}
