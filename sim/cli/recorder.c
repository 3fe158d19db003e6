/* The recorder: the sink of a campaign.
 *
 * A *bug* is a signature in a scenario; it is described by its cheapest execution, the one with the
 * fewest events, and said to the terminal when it is new.
 *
 * 1. Everything that is shown is in the store first, if there is one.
 * 2. If the store fails, the campaign ends; what it has is kept.
 * 3. A campaign that is killed loses the results of its last second at most. */
#include "recorder.h"

#include <assert.h>
#include <sim/fault.h>
#include <sim/probe.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sim/explorer/wire.h>

#define FLUSH_NS UINT64_C(1000000000)

/* Says why the store failed; once, since it refuses everything after that with the same words. */
static bool store_failed(struct cli_recorder *recorder)
{
    if (!recorder->store_failed) {
        recorder->store_failed = true;
        cli_progress_end(recorder);
        fprintf(stderr, "squall: %s\n", store_error(recorder->store));
    }
    return false;
}

/* The registry, the oracles and the scenarios, so that what was never reached is in the file too.
 */
static bool inventory_add(struct cli_recorder *recorder, const struct sut_ops *sut)
{
    struct store *store = recorder->store;
    for (uint32_t i = 0; i < sut->point_count; i++) {
        const char *place = sut->places == NULL ? NULL : sut->places[i];
        if (!store_add_point(store, i, sim_point_info(sut, i), place == NULL ? "" : place)) {
            return false;
        }
    }
    for (uint32_t i = 0; i < sut->exception_count; i++) {
        if (!store_add_exception(store, &sut->exceptions[i])) {
            return false;
        }
    }
    for (uint32_t i = 0; i < SIM_ORACLE_COUNT; i++) {
        enum sim_oracle oracle = (enum sim_oracle)i;
        if (!store_add_oracle(store, sim_oracle_string(oracle), sim_oracle_rule(oracle), NULL)) {
            return false;
        }
    }
    for (uint32_t i = 0; i < SIM_PROBE_COUNT; i++) {
        enum sim_probe probe = (enum sim_probe)i;
        enum sim_oracle oracle = sim_oracle_of_waiver(probe);
        if (!store_add_probe(store, sim_probe_string(probe), sim_probe_sentence(probe),
                             oracle == SIM_ORACLE_COUNT ? NULL : sim_oracle_string(oracle))) {
            return false;
        }
    }
    for (uint32_t i = 0; i < recorder->catalogue->count; i++) {
        const struct sim_catalogue_scenario *scenario = &recorder->catalogue->scenarios[i];
        if (!store_add_scenario(store, scenario->source->file, scenario->info.name,
                                scenario->info.doc, scenario->info.tags, scenario->source->text)) {
            return false;
        }
    }
    return true;
}

/* The world's own points are wider names for what the implementation's points say more exactly, and
 * instants are no points of it: one is registered when it has fired, and what it could do besides
 * is no gap. */
static bool world_point_add(struct cli_recorder *recorder, uint32_t point)
{
    const struct sut_ops *sut = recorder->sut;
    if (point < sut->point_count) {
        return true;
    }
    struct raft_point_info info = *sim_point_info(sut, point);
    info.outcomes = RAFT_OUTCOMES_NONE;
    return store_add_point(recorder->store, point, &info, "");
}

static bool store_begin(struct cli_recorder *recorder, const struct sut_ops *sut, int argc,
                        char **argv)
{
    char error[SIM_TEXT_MAX];
    char command[8192] = "";
    struct cli_build_words words;
    recorder->store = store_open(recorder->db, false, error, sizeof error);
    if (recorder->store == NULL) {
        fprintf(stderr, "squall: %s\n", error);
        return false;
    }
    for (int i = 0; i < argc; i++) {
        cli_word_append(command, sizeof command, argv[i]);
    }
    const struct store_build build = cli_build(recorder->options, sut, &words);
    if (!store_begin_run(recorder->store, &build, command, &recorder->run) ||
        !inventory_add(recorder, sut) || !cli_edges_register(recorder)) {
        return store_failed(recorder);
    }
    return true;
}

bool cli_recorder_open(struct cli_recorder *recorder, const struct cli_options *options,
                       const struct sim_catalogue *catalogue, const struct sim_tasks *tasks,
                       const struct sut_ops *sut, const char *db, int argc, char **argv)
{
    *recorder = (struct cli_recorder){.options = options, .catalogue = catalogue, .db = db};
    recorder->sut = sut;
    recorder->planned = cli_is_endless(options) ? 0 : tasks->executions;
    recorder->variants_left = tasks->variants_left;
    for (uint32_t i = 0; i < tasks->count; i++) {
        recorder->unknown += tasks->items[i].kind == SIM_TASK_SWEEP ? 1 : 0;
    }
    recorder->tallies = calloc(catalogue->count + 1, sizeof *recorder->tallies);
    if (recorder->tallies == NULL) {
        fprintf(stderr, "squall: out of memory\n");
        return false;
    }
    recorder->began_ns = sim_monotonic_ns();
    recorder->shown_ns = recorder->began_ns;
    recorder->flushed_ns = recorder->began_ns;
    recorder->is_tty = isatty(STDERR_FILENO) == 1;
    recorder->colour = cli_colour_wanted(stderr);
    return db == NULL || store_begin(recorder, sut, argc, argv);
}

static bool row_store(struct cli_recorder *recorder, const struct sim_row *row, const char *replay)
{
    struct store *store = recorder->store;
    uint64_t execution = 0;
    if (!store_add_execution(store, recorder->run, row->scenario->source->file, row->execution,
                             row->finding, replay, &execution)) {
        return false;
    }
    for (uint32_t i = 0; i < row->injection_count; i++) {
        int point = sim_point_find(recorder->sut, row->injections[i].point);
        if (point >= 0 && !world_point_add(recorder, (uint32_t)point)) {
            return false;
        }
        if (!store_add_injection(store, execution, &row->injections[i])) {
            return false;
        }
    }
    for (uint32_t i = 0; i < row->leak_count; i++) {
        if (!store_add_leak(store, execution, &row->leaks[i])) {
            return false;
        }
    }
    for (uint32_t i = 0; i < row->coverage_count; i++) {
        const struct sim_coverage *coverage = &row->coverage[i];
        if (coverage->point >= recorder->sut->point_count &&
            coverage->counted == SIM_COUNTED_REACHED) {
            continue;
        }
        if (!world_point_add(recorder, coverage->point) ||
            !store_add_coverage(store, execution, coverage)) {
            return false;
        }
    }
    if (!store_add_entered(store, execution, row->entered, row->edge_count)) {
        return false;
    }
    for (uint32_t i = 0; row->probes != NULL && i < SIM_PROBE_COUNT; i++) {
        if (row->probes[i] > 0 &&
            !store_add_probe_hits(store, execution, sim_probe_string((enum sim_probe)i),
                                  row->probes[i])) {
            return false;
        }
    }
    for (uint32_t i = 0; row->oracles != NULL && i < SIM_ORACLE_COUNT; i++) {
        const char *name = sim_oracle_string((enum sim_oracle)i);
        const char *skipped = row->oracles[i].skipped;
        if (!store_add_oracle(store, name, sim_oracle_rule((enum sim_oracle)i),
                              skipped[0] == '\0' ? NULL : skipped) ||
            !store_add_oracle_checks(store, name, row->oracles[i].checks)) {
            return false;
        }
    }
    return true;
}

static void tally_add(struct cli_tally *tally, const struct sim_row *row)
{
    tally->executions++;
    tally->outcomes[row->execution->outcome]++;
    tally->commits += row->execution->commits;
    tally->steps += row->steps;
    tally->masked += row->execution->masked > 0 ? 1 : 0;
    tally->wall_ns += row->execution->wall_ns;
}

static struct cli_bug *bug_find(struct cli_recorder *recorder, const struct sim_row *row)
{
    for (uint32_t i = 0; i < recorder->bug_count; i++) {
        struct cli_bug *bug = &recorder->bugs[i];
        if (bug->scenario == row->scenario_index &&
            strcmp(bug->finding.signature, row->finding->signature) == 0) {
            return bug;
        }
    }
    return NULL;
}

/* Counts a finding; false only if the memory is out. */
static bool bug_add(struct cli_recorder *recorder, const struct sim_row *row, const char *replay)
{
    struct cli_bug *bug = bug_find(recorder, row);
    bool is_new = bug == NULL;
    if (is_new && recorder->bug_count == recorder->bug_capacity) {
        uint32_t capacity = recorder->bug_capacity == 0 ? 16 : recorder->bug_capacity * 2;
        struct cli_bug *bugs = realloc(recorder->bugs, capacity * sizeof *bugs);
        if (bugs == NULL) {
            fprintf(stderr, "squall: out of memory\n");
            return false;
        }
        recorder->bugs = bugs;
        recorder->bug_capacity = capacity;
    }
    if (is_new) {
        bug = &recorder->bugs[recorder->bug_count++];
        *bug = (struct cli_bug){.scenario = row->scenario_index, .events = UINT64_MAX};
    }
    bug->count++;
    if (row->execution->events < bug->events) {
        bug->events = row->execution->events;
        bug->finding = *row->finding;
        bug->outcome = row->execution->outcome;
        snprintf(bug->replay, sizeof bug->replay, "%s", replay);
    }
    if (is_new) {
        cli_progress_finding(recorder, bug);
    }
    return true;
}

static bool hash_add(struct cli_recorder *recorder, const struct sim_row *row)
{
    if (recorder->hash_count == recorder->hash_capacity) {
        uint64_t capacity = recorder->hash_capacity == 0 ? 64 : recorder->hash_capacity * 2;
        struct cli_hash *hashes = realloc(recorder->hashes, capacity * sizeof *hashes);
        if (hashes == NULL) {
            fprintf(stderr, "squall: out of memory\n");
            return false;
        }
        recorder->hashes = hashes;
        recorder->hash_capacity = capacity;
    }
    struct cli_hash *hash = &recorder->hashes[recorder->hash_count++];
    *hash = (struct cli_hash){.scenario = row->scenario_index,
                              .seed = row->execution->seed,
                              .trace = row->execution->trace_hash,
                              .state = row->execution->state_hash};
    snprintf(hash->parameters, sizeof hash->parameters, "%s", row->parameters);
    snprintf(hash->plan, sizeof hash->plan, "%.*s", (int)sizeof hash->plan - 1,
             row->execution->plan);
    return true;
}

static bool result_take(void *ctx, const struct sim_row *row)
{
    struct cli_recorder *recorder = ctx;
    char replay[4096];
    cli_replay_command(recorder->options, row->scenario->source->file, row->parameters,
                       row->execution, replay, sizeof replay);
    if (recorder->store != NULL && !row_store(recorder, row, replay)) {
        return store_failed(recorder);
    }
    tally_add(&recorder->tallies[row->scenario_index], row);
    tally_add(&recorder->total, row);
    recorder->last = *row->execution;
    recorder->unswept += recorder->options->command == CLI_SWEEP && !row->execution->branch &&
                         row->execution->outcome != SIM_OUTCOME_OK;
    if (row->execution->outcome == SIM_OUTCOME_ERROR && recorder->first_error[0] == '\0') {
        snprintf(recorder->first_error, sizeof recorder->first_error, "%s", row->execution->note);
        cli_progress_line(recorder, row->execution->note);
    }
    if (recorder->options->hashes && !hash_add(recorder, row)) {
        return false;
    }
    bool is_bug = row->finding != NULL && row->execution->outcome != SIM_OUTCOME_XFAIL &&
                  row->execution->outcome != SIM_OUTCOME_OK;
    return !is_bug || bug_add(recorder, row, replay);
}

/* The size of a sample comes before the sample. */
static void selection_say(struct cli_recorder *recorder, const struct sim_selection *selection)
{
    char line[SIM_TEXT_MAX];
    char possible[16];
    if (selection->strata == 0) {
        return;
    }
    cli_count_print(selection->possible, possible, sizeof possible);
    snprintf(line, sizeof line,
             "%s seed %llu: %llu of %s possible injections, shared out over %llu kinds of them",
             recorder->catalogue->scenarios[selection->scenario].info.name,
             (unsigned long long)selection->seed, (unsigned long long)selection->selected, possible,
             (unsigned long long)selection->strata);
    cli_progress_line(recorder, line);
}

static bool selection_take(void *ctx, const struct sim_selection *selection)
{
    struct cli_recorder *recorder = ctx;
    recorder->planned += selection->planned;
    if (selection->shard == 0) {
        recorder->possible += selection->possible;
        recorder->selected += selection->selected;
        selection_say(recorder, selection);
    }
    recorder->earlier += selection->earlier;
    recorder->earlier_findings += selection->earlier_findings;
    if (selection->shard != UINT32_MAX) {
        assert(recorder->unknown > 0);
        recorder->unknown--;
    }
    return true;
}

/* What is recorded is safe, and seen by a report, after FLUSH_NS at the latest. */
static void tick_take(void *ctx)
{
    struct cli_recorder *recorder = ctx;
    uint64_t now_ns = sim_monotonic_ns();
    if (recorder->store != NULL && !recorder->store_failed &&
        now_ns - recorder->flushed_ns >= FLUSH_NS) {
        recorder->flushed_ns = now_ns;
        if (!store_flush(recorder->store)) {
            store_failed(recorder); /* the next row ends the campaign */
        }
    }
    cli_progress_tick(recorder);
}

static void note_take(void *ctx, const char *line)
{
    cli_progress_line(ctx, line);
}

struct sim_sink cli_recorder_sink(struct cli_recorder *recorder)
{
    return (struct sim_sink){
        .ctx = recorder,
        .result = result_take,
        .selection = selection_take,
        .tick = tick_take,
        .note = note_take,
    };
}

enum cli_status cli_recorder_status(const struct cli_recorder *recorder, enum sim_campaign_end end)
{
    const uint64_t *outcomes = recorder->total.outcomes;
    if (end == SIM_CAMPAIGN_INTERRUPTED) {
        return CLI_INTERRUPTED;
    }
    if (end == SIM_CAMPAIGN_FAILED) {
        return CLI_USAGE;
    }
    if (outcomes[SIM_OUTCOME_DIVERGED] > 0) {
        return CLI_NONDETERMINISM;
    }
    if (outcomes[SIM_OUTCOME_ERROR] > 0) {
        return CLI_SCENARIO;
    }
    return outcomes[SIM_OUTCOME_FINDING] + recorder->earlier_findings > 0 ? CLI_FINDINGS
                                                                          : CLI_CLEAN;
}

static const char *status_string(enum cli_status status)
{
    switch (status) {
    case CLI_CLEAN:
        return "clean";
    case CLI_FINDINGS:
        return "findings";
    case CLI_USAGE:
        return "failed";
    case CLI_SCENARIO:
        return "scenario error";
    case CLI_NONDETERMINISM:
        return "nondeterminism";
    case CLI_UNDECIDED:
        return "undecided";
    case CLI_INTERRUPTED:
        return "interrupted";
    }
    assert(!"not a status");
    return NULL;
}

bool cli_recorder_close(struct cli_recorder *recorder, enum cli_status status)
{
    char error[SIM_TEXT_MAX];
    bool ended = true;
    if (recorder->store == NULL) {
        return true;
    }
    if (!store_end_run(recorder->store, recorder->run, status_string(status),
                       sim_monotonic_ns() - recorder->began_ns)) {
        ended = store_failed(recorder);
    }
    if (!store_close(recorder->store, error, sizeof error)) {
        if (!recorder->store_failed) {
            fprintf(stderr, "squall: %s\n", error);
        }
        ended = false;
    }
    recorder->store = NULL;
    return ended;
}

void cli_recorder_release(struct cli_recorder *recorder)
{
    free(recorder->tallies);
    free(recorder->bugs);
    free(recorder->hashes);
    *recorder = (struct cli_recorder){0};
}
