/* report, points and list: looking without running anything. */
#include "commands.h"
#include "recorder.h"

#include <assert.h>
#include <errno.h>
#include <reports/report.h>
#include <sim/fault.h>
#include <string.h>

/* Opens a campaign's file for reading. NULL with a message on standard error. */
static struct store *campaign_open(const char *path)
{
    char error[SIM_TEXT_MAX];
    struct store *store = store_open(path, true, error, sizeof error);
    if (store == NULL) {
        fprintf(stderr, "squall: %s\n", error);
    }
    return store;
}

static enum cli_status page_write(struct store *store, const char *path)
{
    enum cli_status status = CLI_USAGE;
    FILE *file = fopen(path, "wb");
    if (file == NULL) {
        fprintf(stderr, "squall: %s: %s\n", path, strerror(errno));
        return status;
    }
    bool written = report_html(store, file);
    bool failed = ferror(file) != 0;
    failed = fclose(file) != 0 || failed;
    if (!written) {
        fprintf(stderr, "squall: %s\n", store_error(store));
    } else if (failed) {
        fprintf(stderr, "squall: %s: cannot be written: %s\n", path, strerror(errno));
    } else {
        printf("page written to %s\n", path);
        status = CLI_CLEAN;
    }
    return status;
}

enum cli_status cli_report(const struct cli_options *options)
{
    enum cli_status status = CLI_USAGE;
    char error[SIM_TEXT_MAX];
    const char *path = options->db;
    if (path == NULL && options->argument_count == 1) {
        path = options->arguments[0];
    } else if (path == NULL || options->argument_count > 0) {
        fprintf(stderr,
                "squall: report one file, for example: %s report squall.db -o report.html\n",
                options->program);
        return CLI_USAGE;
    }
    struct store *store = campaign_open(path);
    if (store == NULL) {
        return CLI_USAGE;
    }
    if (!report_text(store, stdout, cli_colour_wanted(stdout))) {
        fprintf(stderr, "squall: %s\n", store_error(store));
        goto out;
    }
    status = options->output == NULL ? CLI_CLEAN : page_write(store, options->output);
out:
    if (!store_close(store, error, sizeof error)) {
        fprintf(stderr, "squall: %s: %s\n", path, error);
        status = CLI_USAGE;
    }
    return status;
}

static void outcomes_print(uint32_t outcomes, char *text, size_t text_size)
{
    size_t used = 0;
    snprintf(text, text_size, "-");
    for (uint32_t i = 0; i < RAFT_OUTCOME_COUNT; i++) {
        if ((outcomes & (1u << i)) != 0 && used < text_size) {
            int written = snprintf(text + used, text_size - used, "%s%s", used == 0 ? "" : ",",
                                   sim_fault_outcome_string((enum raft_outcome)i));
            used += written > 0 ? (size_t)written : 0;
        }
    }
}

/* The registry of an implementation, without a campaign. */
static enum cli_status registry_print(const struct cli_options *options, const char *pattern)
{
    const struct sut_ops *sut = cli_sut(options);
    uint32_t shown = 0;
    int width = 0;
    if (sut == NULL) {
        return CLI_USAGE;
    }
    uint32_t count = sim_point_count(sut) + SIM_UNARMED_COUNT;
    for (uint32_t i = 0; i < count; i++) {
        int length = (int)strlen(sim_point_info(sut, i)->name);
        width = length > width ? length : width;
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct raft_point_info *info = sim_point_info(sut, i);
        char outcomes[RAFT_OUTCOME_COUNT * 16];
        if (pattern != NULL && !sim_point_matches(pattern, info->name)) {
            continue;
        }
        outcomes_print(info->outcomes, outcomes, sizeof outcomes);
        if (shown == 0) {
            printf("%-*s  %-7s  %-44s  %s\n", width, "POINT", "KIND", "OUTCOMES", "MEANING");
        }
        printf("%-*s  %-7s  %-44s  %s\n", width, info->name, sim_fault_kind_string(info->kind),
               outcomes, info->meaning);
        shown++;
    }
    if (shown == 0) {
        fprintf(stderr, "squall: no fault point matches '%s'\n", pattern);
        return CLI_USAGE;
    }
    return CLI_CLEAN;
}

enum cli_status cli_points(const struct cli_options *options)
{
    const char *pattern = options->argument_count > 0 ? options->arguments[0] : NULL;
    enum cli_status status = CLI_CLEAN;
    char error[SIM_TEXT_MAX];
    if (options->argument_count > 1) {
        fprintf(stderr, "squall: points takes one pattern; quote it: '%s'\n", pattern);
        return CLI_USAGE;
    }
    if (options->db == NULL) {
        return registry_print(options, pattern);
    }
    struct store *store = campaign_open(options->db);
    if (store == NULL) {
        return CLI_USAGE;
    }
    if (!report_points(store, stdout, pattern, cli_colour_wanted(stdout))) {
        fprintf(stderr, "squall: %s\n", store_error(store));
        status = CLI_USAGE;
    }
    if (!store_close(store, error, sizeof error)) {
        fprintf(stderr, "squall: %s: %s\n", options->db, error);
        status = CLI_USAGE;
    }
    return status;
}

enum cli_status cli_list(const struct cli_options *options)
{
    struct sim_catalogue catalogue;
    const struct sut_ops *sut = cli_sut(options);
    if (sut == NULL) {
        return CLI_USAGE;
    }
    enum cli_status status = cli_catalogue(options, sut, &catalogue);
    for (uint32_t i = 0; status == CLI_CLEAN && i < catalogue.count; i++) {
        const struct sim_catalogue_scenario *scenario = &catalogue.scenarios[i];
        const struct sim_scenario_info *info = &scenario->info;
        uint64_t seeds = info->seed_count > 0 ? info->seed_count : info->seed_limit;
        printf("%s:%s\n", scenario->source->file, info->name);
        if (info->doc[0] != '\0') {
            printf("    %s\n", info->doc);
        }
        printf("    seeds %llu", (unsigned long long)(seeds == 0 ? 1 : seeds));
        if (scenario->variant_count > 1) {
            printf(", parameter sets %u", scenario->variant_count);
        }
        if (info->tags[0] != '\0') {
            printf(", tags %s", info->tags);
        }
        if (scenario->variants[0][0] != '\0') {
            printf("\n    params %s", scenario->variants[0]);
        }
        printf("\n");
    }
    sim_catalogue_release(&catalogue);
    return status;
}
