/* Resuming a sweep: which of its executions are in the file already.
 *
 * An execution counts as done if this very program did it, with the same file of --sut, of a
 * scenario with the same text. Its parameters, seed and plan then make it the same run.
 *
 * 1. What failed earlier stays a finding of the sweep that goes on, if it would do it too: another
 *    mode's is not its own. */
#include "recorder.h"

#include <assert.h>
#include <sim/random.h>
#include <string.h>
#include <unistd.h>

/* A hash of the program's own file, so that results can be told apart by what made them. */
static void build_id_read(char *text, size_t text_size)
{
    uint8_t bytes[65536];
    uint64_t hash = 0;
    FILE *file = fopen("/proc/self/exe", "rb");
    if (file != NULL) {
        size_t got = fread(bytes, 1, sizeof bytes, file);
        while (got > 0) {
            hash = sim_hash(bytes, got, hash);
            got = fread(bytes, 1, sizeof bytes, file);
        }
        fclose(file);
    }
    snprintf(text, text_size, "%016llx", (unsigned long long)hash);
}

struct store_build cli_build(const struct cli_options *options, const struct sut_ops *sut,
                             struct cli_build_words *words)
{
    build_id_read(words->id, sizeof words->id);
    snprintf(words->sut_file, sizeof words->sut_file, "%s%s%s",
             options->sut == NULL ? "" : options->sut,
             options->sut_next == NULL ? "" : CLI_NEXT_MARK,
             options->sut_next == NULL ? "" : options->sut_next);
    return (struct store_build){
        .sut = sut->name,
        .sut_file = words->sut_file,
        .compiler = SQUALL_COMPILER,
        .flags = SQUALL_FLAGS,
        .build_id = words->id,
    };
}

struct reading {
    const char *scenario;
    struct sim_done *done;
};

static bool execution_take(void *ctx, const char *parameters, uint64_t seed, const char *plan,
                           enum sim_outcome outcome)
{
    struct reading *reading = ctx;
    assert(parameters != NULL && plan != NULL);
    bool is_bad = outcome == SIM_OUTCOME_FINDING || outcome == SIM_OUTCOME_DIVERGED;
    return sim_done_add(reading->done, reading->scenario, parameters, seed, plan, is_bad);
}

bool cli_resume_read(const struct cli_options *options, const struct sim_catalogue *catalogue,
                     const struct sut_ops *sut, const char *db, struct sim_done *done)
{
    char error[SIM_TEXT_MAX];
    struct cli_build_words words;
    bool read = true;
    if (access(db, F_OK) != 0) {
        fprintf(stderr, "squall: --resume: there is no %s\n", db);
        return false;
    }
    struct store *store = store_open(db, true, error, sizeof error);
    if (store == NULL) {
        fprintf(stderr, "squall: %s\n", error);
        return false;
    }
    const struct store_build build = cli_build(options, sut, &words);
    for (uint32_t i = 0; i < catalogue->count && read; i++) {
        const struct sim_catalogue_scenario *scenario = &catalogue->scenarios[i];
        struct reading reading = {.scenario = scenario->info.name, .done = done};
        read = store_visit_executions(store, &build, scenario->info.name, scenario->source->text,
                                      execution_take, &reading);
    }
    if (!read) {
        fprintf(stderr, "squall: %s\n", store_error(store));
    }
    (void)store_close(store, error, sizeof error);
    sim_done_seal(done);
    return read;
}
