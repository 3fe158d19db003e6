/* The runner: one run in a worker, and its row.
 *
 * An *execution* is a run or a branch of a sweep: what gets a row. Coverage and oracle checks are
 * added up over executions and sent with every COUNTS_EVERY-th row, because they are many and the
 * database keeps sums.
 *
 * 1. The world sees only its spec: nothing that is noted or counted here influences it.
 * 2. The page names an execution before its first event, so that a death has a seed and a plan.
 * 3. Every byte that goes through the pipe is defined: rows are copies of zeroed structs. */
#include "runner.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNTS_EVERY 64u
#define CONTEXTS     ((uint32_t)RAFT_ROLE_COUNT * SIM_LIFE_COUNT)

void sim_runner_announce(struct sim_runner *runner, uint64_t seed, const struct sim_plan *plan,
                         uint64_t shots)
{
    struct sim_page *page = runner->page;
    runner->began_ns = sim_monotonic_ns();
    runner->rows.steps = 0;
    page->seed = seed;
    page->shots = shots;
    page->shot = plan->first;
    page->sim_ns = 0;
    sim_plan_print(runner->campaign->sut, plan, page->plan, sizeof page->plan);
    atomic_store(&page->event, 0);
    atomic_fetch_add(&page->executions, 1);
    atomic_store(&page->started_ns, runner->began_ns);
}

static void transcribe(void *ctx, const char *line)
{
    FILE *out = ctx;
    fputs(line, out);
    fputc('\n', out);
}

/* Notes a bit for each block that the run has entered: whatever is run after it begins anew. */
static void entered_note(struct sim_runner *runner)
{
    const struct sut_edges *edges = &runner->edges;
    for (uint32_t i = 0; i < edges->count; i += 8) {
        uint8_t bits = 0;
        for (uint32_t bit = 0; bit < 8 && i + bit < edges->count; bit++) {
            bits = (uint8_t)(bits | (edges->entered[i + bit] & 1u) << bit);
        }
        runner->entered[i / 8] = bits;
    }
}

struct sim_world *sim_runner_create(struct sim_runner *runner, const struct sim_task *task,
                                    uint64_t seed, uint8_t fill)
{
    const struct sim_campaign *campaign = runner->campaign;
    const struct sim_catalogue_scenario *scenario = &campaign->catalogue->scenarios[task->scenario];
    assert(task->variant < scenario->variant_count);
    char error[SIM_TEXT_MAX] = "";
    memset(&runner->before, 0, sizeof runner->before);
    runner->spec = (struct sim_spec){
        .sut = campaign->sut,
        .sut_next = campaign->sut_next,
        .source = scenario->profile == SIM_PROFILE_NONE ? scenario->source : NULL,
        .profile = scenario->profile,
        .scenario = scenario->info.name,
        .parameters = scenario->variants[task->variant],
        .seed = seed,
        .fill = fill,
    };
    struct sim_world *world = sim_world_create(runner->arena, &runner->spec, error, sizeof error);
    if (world == NULL) {
        struct sim_rows *rows = &runner->rows;
        memset(rows, 0, sizeof *rows);
        entered_note(runner);
        rows->execution.outcome = SIM_OUTCOME_ERROR;
        rows->execution.seed = seed;
        snprintf(rows->execution.scenario, sizeof rows->execution.scenario, "%s",
                 scenario->info.name);
        snprintf(rows->execution.parameters, sizeof rows->execution.parameters, "%s",
                 runner->spec.parameters);
        snprintf(rows->execution.note, sizeof rows->execution.note, "%s", error);
        return NULL;
    }
    if (campaign->transcript) {
        world->transcript = transcribe;
        world->transcript_ctx = stdout;
    }
    return world;
}

bool sim_runner_step(struct sim_runner *runner, struct sim_world *world)
{
    bool more = sim_world_step(world);
    runner->rows.steps++;
    atomic_store_explicit(&runner->page->event, world->events, memory_order_relaxed);
    runner->page->sim_ns = world->scheduler.now_ns;
    if (runner->traced != NULL) {
        sim_trace_step(runner, world, more);
    }
    return more;
}

void sim_runner_finish(struct sim_runner *runner, struct sim_world *world)
{
    bool more = true;
    while (more) {
        more = sim_runner_step(runner, world);
    }
}

void sim_runner_count_from(struct sim_runner *runner, const struct sim_world *world)
{
    struct sim_counts *counts = &runner->before;
    const struct sim_faults *faults = &world->faults;
    memcpy(counts->reached, faults->reached, sizeof counts->reached);
    assert(faults->count_count <= SIM_COUNTS_MAX);
    counts->count_count = faults->count_count;
    for (uint32_t i = 0; i < faults->count_count; i++) {
        counts->times[i] = faults->counts[i].times;
    }
    for (uint32_t i = 0; i < SIM_ORACLE_COUNT && world->oracles != NULL; i++) {
        counts->checks[i] = sim_oracle_checks(world->oracles, (enum sim_oracle)i);
    }
    memcpy(counts->probes, world->probes.hits, sizeof counts->probes);
}

/* Adds what the execution has counted to the sums that are sent later. */
static void counts_add(struct sim_runner *runner, const struct sim_world *world)
{
    const struct sim_counts *before = &runner->before;
    const struct sim_faults *faults = &world->faults;
    bool passed = runner->rows.execution.outcome == SIM_OUTCOME_OK;
    for (uint32_t i = 0; i < faults->point_count; i++) {
        if (memcmp(faults->reached[i], before->reached[i], sizeof before->reached[i]) == 0) {
            continue; /* as most in a branch */
        }
        for (uint32_t role = 0; role < RAFT_ROLE_COUNT; role++) {
            for (uint32_t life = 0; life < SIM_LIFE_COUNT; life++) {
                runner->sums[i][SIM_COUNTED_REACHED][role][life].times +=
                    faults->reached[i][role][life] - before->reached[i][role][life];
            }
        }
    }
    for (uint32_t i = 0; i < faults->count_count; i++) {
        const struct sim_fault_count *count = &faults->counts[i];
        uint32_t times = count->times - (i < before->count_count ? before->times[i] : 0);
        struct sim_sum *sum = &runner->sums[count->point][count->counted][count->role][count->life];
        sum->times += times;
        sum->executions += times > 0 ? 1 : 0;
        sum->survived += times > 0 && passed ? 1 : 0;
    }
    for (uint32_t i = 0; i < SIM_ORACLE_COUNT && world->oracles != NULL; i++) {
        enum sim_oracle oracle = (enum sim_oracle)i;
        const char *skipped = sim_oracle_skipped(world->oracles, oracle);
        runner->oracles[i].checks += sim_oracle_checks(world->oracles, oracle) - before->checks[i];
        snprintf(runner->oracles[i].skipped, sizeof runner->oracles[i].skipped, "%s",
                 skipped == NULL ? "" : skipped);
    }
    runner->pending++;
}

void sim_rows_fail(struct sim_rows *rows, enum sim_outcome outcome, const char *rule,
                   const char *format, ...)
{
    va_list arguments;
    memset(&rows->finding, 0, sizeof rows->finding);
    rows->has_finding = true;
    rows->execution.outcome = outcome;
    snprintf(rows->finding.rule, sizeof rows->finding.rule, "%s", rule);
    snprintf(rows->finding.signature, sizeof rows->finding.signature, "%s", rule);
    rows->finding.event = rows->execution.events;
    rows->finding.time_ns = rows->execution.sim_ns;
    va_start(arguments, format);
    vsnprintf(rows->finding.message, sizeof rows->finding.message, format, arguments);
    va_end(arguments);
}

/* A scenario that announces a known bug must fail with that check, and only with it. */
static void known_bug_apply(struct sim_rows *rows, const struct sim_world *world)
{
    const char *fails = NULL;
    const char *id = world->script == NULL ? NULL : sim_script_known_bug(world->script, &fails);
    if (id == NULL || rows->execution.outcome == SIM_OUTCOME_ERROR ||
        rows->execution.outcome == SIM_OUTCOME_SKIPPED) {
        return;
    }
    if (!rows->has_finding) {
        sim_rows_fail(rows, SIM_OUTCOME_FINDING, "known-bug",
                      "the known bug %s did not show: the scenario passed; is it fixed?", id);
        return;
    }
    char check[SIM_NAME_MAX + 16];
    snprintf(check, sizeof check, "expect.%s ", fails == NULL ? "" : fails);
    if (fails == NULL || strcmp(rows->finding.rule, fails) == 0 ||
        strstr(rows->finding.message, check) != NULL) {
        rows->execution.outcome = SIM_OUTCOME_XFAIL;
        snprintf(rows->execution.note, sizeof rows->execution.note, "known bug %s", id);
    }
}

/* All of the rows but the result itself. */
static void rows_fill(struct sim_runner *runner, const struct sim_world *world,
                      const struct sim_plan *plan)
{
    struct sim_rows *rows = &runner->rows;
    rows->execution.wall_ns = sim_monotonic_ns() - runner->began_ns;
    sim_plan_print(runner->campaign->sut, plan, rows->execution.plan, sizeof rows->execution.plan);
    rows->has_finding = world->has_finding;
    rows->finding = world->finding;
    const struct sim_faults *faults = &world->faults;
    rows->injection_count = faults->injection_count;
    assert(rows->injection_count <= SIM_INJECTIONS_MAX);
    for (uint32_t i = 0; i < rows->injection_count; i++) {
        rows->injections[i] = faults->injections[i];
    }
    rows->leak_count = world->leak_count < SIM_LEAKS_MAX ? world->leak_count : SIM_LEAKS_MAX;
    for (uint32_t i = 0; i < rows->leak_count; i++) {
        rows->leaks[i] = world->leaks[i];
    }
    for (uint32_t i = 0; i < SIM_PROBE_COUNT; i++) {
        rows->probes[i] = world->probes.hits[i] - runner->before.probes[i];
    }
    counts_add(runner, world);
    entered_note(runner);
}

void sim_runner_collect(struct sim_runner *runner, const struct sim_world *world,
                        const struct sim_plan *plan)
{
    sim_world_result(world, &runner->rows.execution);
    rows_fill(runner, world, plan);
    known_bug_apply(&runner->rows, world);
}

void sim_runner_collect_masked(struct sim_runner *runner, const struct sim_world *world,
                               const struct sim_plan *plan, const struct sim_execution *base)
{
    assert(!world->over && base->outcome == SIM_OUTCOME_OK);
    runner->rows.execution = *base;
    runner->rows.execution.masked = world->events;
    runner->rows.execution.faults_fired = world->faults.fired;
    rows_fill(runner, world, plan);
}

/* Copies the sums that are not zero behind each other, unless out is NULL; returns how many. */
static uint32_t coverage_copy(const struct sim_runner *runner, struct sim_coverage *out)
{
    uint32_t point_count = sim_point_count(runner->campaign->sut) + SIM_UNARMED_COUNT;
    const struct sim_sum *sum = &runner->sums[0][0][0][0];
    uint32_t count = 0;
    for (uint32_t i = 0; i < point_count * CONTEXTS * SIM_COUNTED_COUNT; i++, sum++) {
        if (sum->times == 0) {
            continue;
        }
        if (out != NULL) {
            out[count] = (struct sim_coverage){
                .point = i / (CONTEXTS * SIM_COUNTED_COUNT),
                .counted = i / CONTEXTS % SIM_COUNTED_COUNT,
                .role = i % CONTEXTS / SIM_LIFE_COUNT,
                .life = i % SIM_LIFE_COUNT,
                .times = sum->times,
                .executions = sum->executions,
                .survived = sum->survived,
            };
        }
        count++;
    }
    return count;
}

bool sim_runner_send(struct sim_runner *runner, const struct sim_task *task, bool is_last)
{
    const struct sim_rows *rows = &runner->rows;
    runner->is_stopped = atomic_load(&runner->page->stop);
    bool with_counts =
        runner->pending > 0 && (is_last || runner->is_stopped || runner->sent % COUNTS_EVERY == 0);
    size_t cells = with_counts ? coverage_copy(runner, NULL) : 0;
    size_t size_max =
        sizeof(struct sim_frame_result) + rows->injection_count * sizeof(struct sim_injection) +
        rows->leak_count * sizeof(struct sim_leak) + cells * sizeof(struct sim_coverage) +
        SIM_ORACLE_COUNT * sizeof(struct sim_oracle_delta) + SIM_ENTERED_SIZE(runner->edges.count);
    uint8_t *bytes = calloc(1, size_max);
    if (bytes == NULL) {
        return false;
    }
    struct sim_frame_result *head = (struct sim_frame_result *)(void *)bytes;
    head->execution = rows->execution;
    head->finding = rows->finding;
    head->has_finding = rows->has_finding ? 1 : 0;
    head->steps = rows->steps;
    head->scenario = task->scenario;
    head->variant = task->variant;
    head->injection_count = rows->injection_count;
    head->leak_count = rows->leak_count;
    memcpy(head->probes, rows->probes, sizeof rows->probes);
    struct sim_injection *injections = (struct sim_injection *)(void *)(head + 1);
    memcpy(injections, rows->injections, rows->injection_count * sizeof *injections);
    struct sim_leak *leaks = (struct sim_leak *)(void *)(injections + rows->injection_count);
    memcpy(leaks, rows->leaks, rows->leak_count * sizeof *leaks);
    struct sim_coverage *coverage = (struct sim_coverage *)(void *)(leaks + rows->leak_count);
    size_t size = (size_t)((uint8_t *)coverage - bytes);
    if (with_counts) {
        head->coverage_count = coverage_copy(runner, coverage);
        memset(runner->sums, 0, sizeof runner->sums);
        head->oracle_count = SIM_ORACLE_COUNT;
        struct sim_oracle_delta *oracles =
            (struct sim_oracle_delta *)(void *)(coverage + head->coverage_count);
        memcpy(oracles, runner->oracles, sizeof runner->oracles);
        memset(runner->oracles, 0, sizeof runner->oracles);
        runner->pending = 0;
        size = (size_t)((uint8_t *)(oracles + SIM_ORACLE_COUNT) - bytes);
    }
    head->edge_count = runner->edges.count;
    if (head->edge_count > 0) {
        memcpy(bytes + size, runner->entered, SIM_ENTERED_SIZE(head->edge_count));
    }
    size += SIM_ENTERED_SIZE(head->edge_count);
    runner->sent++;
    fflush(stdout); /* its transcript comes before what is said of it */
    bool sent = sim_wire_send(runner->out, SIM_FRAME_RESULT, bytes, size);
    free(bytes);
    return sent;
}

bool sim_runner_is_stopped(const struct sim_runner *runner)
{
    return runner->is_stopped || (runner->pending == 0 && atomic_load(&runner->page->stop));
}
