/* The summary of a campaign: a table with a line per scenario, the findings with the commands that
 * repeat them, and the verdict in the last line. */
#include "recorder.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <sim/explorer/wire.h>

static int hash_compare(const void *left, const void *right)
{
    const struct cli_hash *a = left;
    const struct cli_hash *b = right;
    if (a->scenario != b->scenario) {
        return a->scenario < b->scenario ? -1 : 1;
    }
    int order = strcmp(a->parameters, b->parameters);
    if (order != 0) {
        return order;
    }
    if (a->seed != b->seed) {
        return a->seed < b->seed ? -1 : 1;
    }
    return strcmp(a->plan, b->plan);
}

/* In the order of the command line, whatever the order in which they arrived. */
static void hashes_print(const struct cli_recorder *recorder, FILE *out)
{
    if (recorder->hash_count == 0) {
        return;
    }
    qsort(recorder->hashes, recorder->hash_count, sizeof *recorder->hashes, hash_compare);
    for (uint64_t i = 0; i < recorder->hash_count; i++) {
        const struct cli_hash *hash = &recorder->hashes[i];
        const struct sim_catalogue_scenario *scenario =
            &recorder->catalogue->scenarios[hash->scenario];
        fprintf(out, "%s seed %llu%s%s%s%s hash %016llx state %016llx\n", scenario->info.name,
                (unsigned long long)hash->seed, hash->parameters[0] == '\0' ? "" : " ",
                hash->parameters, hash->plan[0] == '\0' ? "" : " ", hash->plan,
                (unsigned long long)hash->trace, (unsigned long long)hash->state);
    }
}

static void tally_print(const char *name, int width, const struct cli_tally *tally, FILE *out)
{
    char commits[16];
    char events[16];
    char rate[16];
    uint64_t wall_us = tally->wall_ns / 1000 + 1;
    uint64_t passed = tally->outcomes[SIM_OUTCOME_OK] + tally->outcomes[SIM_OUTCOME_XFAIL];
    uint64_t failed = tally->outcomes[SIM_OUTCOME_FINDING] + tally->outcomes[SIM_OUTCOME_DIVERGED];
    cli_count_print(tally->commits, commits, sizeof commits);
    cli_count_print(tally->steps, events, sizeof events);
    cli_count_print(tally->steps * 1000000 / wall_us, rate, sizeof rate);
    fprintf(out, "%-*s %8llu %8llu %8llu %8llu %8llu %8s %8s %9s\n", width, name,
            (unsigned long long)tally->executions, (unsigned long long)passed,
            (unsigned long long)failed, (unsigned long long)tally->outcomes[SIM_OUTCOME_ERROR],
            (unsigned long long)tally->outcomes[SIM_OUTCOME_SKIPPED], commits, events, rate);
}

static void table_print(const struct cli_recorder *recorder, FILE *out)
{
    const struct sim_catalogue *catalogue = recorder->catalogue;
    int width = (int)strlen("scenario");
    uint32_t shown = 0;
    for (uint32_t i = 0; i < catalogue->count; i++) {
        int length = (int)strlen(catalogue->scenarios[i].info.name);
        width = length > width ? length : width;
    }
    fprintf(out, "%-*s %8s %8s %8s %8s %8s %8s %8s %9s\n", width, "scenario", "runs", "ok",
            "findings", "errors", "skipped", "commits", "events", "events/s");
    for (uint32_t i = 0; i < catalogue->count; i++) {
        if (recorder->tallies[i].executions > 0) {
            tally_print(catalogue->scenarios[i].info.name, width, &recorder->tallies[i], out);
            shown++;
        }
    }
    if (shown > 1) {
        tally_print("total", width, &recorder->total, out);
    }
}

static void bugs_print(const struct cli_recorder *recorder, FILE *out)
{
    bool colour = cli_colour_wanted(out);
    for (uint32_t i = 0; i < recorder->bug_count; i++) {
        const struct cli_bug *bug = &recorder->bugs[i];
        fprintf(out, "\n%s%s%s in %s, %llu time%s, first bad event %llu\n  %s\n  %s\n",
                colour ? "\033[1;31m" : "", bug->finding.signature, colour ? "\033[0m" : "",
                recorder->catalogue->scenarios[bug->scenario].info.name,
                (unsigned long long)bug->count, bug->count == 1 ? "" : "s",
                (unsigned long long)bug->finding.event, bug->finding.message, bug->replay);
    }
    if (recorder->bug_count > 0) {
        fputc('\n', out);
    }
}

/* Why a sweep has left something out. */
static const char *left_out_string(const struct cli_options *options)
{
    if (options->limit > 0) {
        return "--limit; without it more occurrences";
    }
    switch (options->mode) {
    case SIM_SWEEP_CRASH:
        return options->exhaustive ? "a sample of the images of a crash with many unsynced writes"
                                   : "--exhaustive takes every crash, and more images of each";
    case SIM_SWEEP_PAIRS:
        return "a sample; --limit takes a larger one, --exhaustive two of each kind for each fault";
    case SIM_SWEEP_POINTS:
    case SIM_SWEEP_MEMORY:
    case SIM_SWEEP_DISK:
    case SIM_SWEEP_STOP:
    case SIM_SWEEP_TAIL:
    case SIM_SWEEP_NETWORK:
    case SIM_SWEEP_MODE_COUNT:
        break;
    }
    return "--exhaustive takes every occurrence";
}

/* What a sweep has left out. */
static void selection_print(const struct cli_recorder *recorder, FILE *out)
{
    if (recorder->unswept > 0) {
        fprintf(out, "not swept: %llu base run%s, which did not pass without any injection\n",
                (unsigned long long)recorder->unswept, recorder->unswept == 1 ? "" : "s");
    }
    if (recorder->possible == 0) {
        return;
    }
    char possible[16];
    char rest[16];
    assert(recorder->selected <= recorder->possible);
    cli_count_print(recorder->possible, possible, sizeof possible);
    cli_count_print(recorder->possible - recorder->selected, rest, sizeof rest);
    fprintf(out, "injections: %llu selected of %s possible", (unsigned long long)recorder->selected,
            possible);
    if (recorder->selected < recorder->possible) {
        fprintf(out, "; %s not tried (%s)", rest, left_out_string(recorder->options));
    }
    fputc('\n', out);
    if (recorder->total.masked > 0) {
        fprintf(out,
                "masked: %llu branch%s had no effect any more and ended there, as the base run "
                "ends (--exact goes on)\n",
                (unsigned long long)recorder->total.masked,
                recorder->total.masked == 1 ? "" : "es");
    }
    if (recorder->earlier > 0) {
        fprintf(out, "resumed: %llu of them had been done before, %llu with a finding\n",
                (unsigned long long)recorder->earlier,
                (unsigned long long)recorder->earlier_findings);
    }
    if (recorder->variants_left > 0) {
        fprintf(out,
                "parameter sets: %llu not swept (--set chooses another, --exhaustive takes all)\n",
                (unsigned long long)recorder->variants_left);
    }
}

static void verdict_print(const struct cli_recorder *recorder, enum sim_campaign_end end, FILE *out)
{
    const struct cli_tally *total = &recorder->total;
    uint64_t elapsed_ms = (sim_monotonic_ns() - recorder->began_ns) / 1000000;
    const char *prefix = end == SIM_CAMPAIGN_COMPLETE      ? ""
                         : end == SIM_CAMPAIGN_INTERRUPTED ? "interrupted: "
                                                           : "failed: ";
    fprintf(out, "%s", prefix);
    if (total->outcomes[SIM_OUTCOME_DIVERGED] > 0) {
        fprintf(out, "NOT DETERMINISTIC: %llu of ",
                (unsigned long long)total->outcomes[SIM_OUTCOME_DIVERGED]);
    } else if (total->outcomes[SIM_OUTCOME_ERROR] > 0) {
        fprintf(out, "SCENARIO ERROR in %llu of ",
                (unsigned long long)total->outcomes[SIM_OUTCOME_ERROR]);
    } else if (recorder->bug_count > 0) {
        fprintf(out, "%u distinct finding%s, in %llu of ", recorder->bug_count,
                recorder->bug_count == 1 ? "" : "s",
                (unsigned long long)total->outcomes[SIM_OUTCOME_FINDING]);
    } else {
        fprintf(out, "no finding in ");
    }
    fprintf(out, "%llu execution%s, %llu.%llu s", (unsigned long long)total->executions,
            total->executions == 1 ? "" : "s", (unsigned long long)(elapsed_ms / 1000),
            (unsigned long long)(elapsed_ms % 1000 / 100));
    if (total->executions == 1 && recorder->last.trace_hash != 0) {
        fprintf(out, ", hash %016llx", (unsigned long long)recorder->last.trace_hash);
    }
    fputc('\n', out);
    if (recorder->store_failed) {
        fprintf(out, "not all of it is in %s\n", recorder->db);
    } else if (recorder->db != NULL) {
        fprintf(out, "results in %s; see them with: %s report %s -o report.html\n", recorder->db,
                recorder->options->program, recorder->db);
    }
}

void cli_summary_print(const struct cli_recorder *recorder, enum sim_campaign_end end, FILE *out)
{
    hashes_print(recorder, out);
    table_print(recorder, out);
    bugs_print(recorder, out);
    if (recorder->first_error[0] != '\0') {
        fprintf(out, "\n%s\n\n", recorder->first_error);
    }
    if (recorder->last.outcome == SIM_OUTCOME_SKIPPED && recorder->total.executions == 1) {
        fprintf(out, "skipped: %s\n", recorder->last.note);
    }
    if (recorder->total.outcomes[SIM_OUTCOME_UNAVAILABLE] > 0) {
        fprintf(out,
                "%llu runs lost more copies than Raft survives (unavailable-by-budget); they "
                "are no passes\n",
                (unsigned long long)recorder->total.outcomes[SIM_OUTCOME_UNAVAILABLE]);
    }
    if (recorder->last.outcome == SIM_OUTCOME_UNAVAILABLE && recorder->total.executions == 1) {
        fprintf(out, "unavailable: %s\n", recorder->last.note);
    }
    selection_print(recorder, out);
    verdict_print(recorder, end, out);
    fflush(out);
}
