/* Traces: what two builds print of the same run, so that the first difference can be found.
 *
 *     run SCENARIO PARAMETERS SEED
 *     checkpoint EVENT HASH          every so many events, and at the end
 *     event EVENT TIME WHAT          of the events that were asked for, as in a transcript
 *     field EVENT WHO.NAME VALUE     each word that goes into the hash: n1.term, event.kind
 *     hash EVENT HASH                after that event
 *
 * 1. A line depends on the run alone. Equal runs give equal lines.
 * 2. Nothing here is seen by the run. */
#include "runner.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

static bool is_asked_for(const struct sim_runner *runner, uint64_t event)
{
    const struct sim_trace *trace = &runner->campaign->trace;
    return trace->to != 0 && event >= trace->from && event <= trace->to;
}

static void on_line(void *ctx, const char *line)
{
    struct sim_runner *runner = ctx;
    /* The line of an event begins with its time, what is said within it with a space. */
    if (line[0] >= '0' && line[0] <= '9' && is_asked_for(runner, runner->traced->events)) {
        printf("event %" PRIu64 " %s\n", runner->traced->events, line);
    }
}

static void on_field(void *ctx, uint32_t node, const char *name, uint64_t value)
{
    struct sim_runner *runner = ctx;
    uint64_t event = runner->traced->events;
    char who[16] = "event";
    if (!is_asked_for(runner, event)) {
        return;
    }
    if (node != 0) {
        snprintf(who, sizeof who, "n%" PRIu32, node);
    }
    printf("field %" PRIu64 " %s.%s %" PRIu64 "\n", event, who, name, value);
}

void sim_trace_begin(struct sim_runner *runner, struct sim_world *world)
{
    const struct sim_trace *trace = &runner->campaign->trace;
    if (trace->every == 0 && trace->to == 0) {
        return;
    }
    assert(runner->traced == NULL);
    runner->traced = world;
    printf("run %s %s %" PRIu64 "\n", runner->spec.scenario, runner->spec.parameters,
           runner->spec.seed);
    if (trace->to != 0) {
        world->transcript = on_line;
        world->transcript_ctx = runner;
        world->fields = on_field;
        world->fields_ctx = runner;
    }
}

void sim_trace_step(const struct sim_runner *runner, const struct sim_world *world, bool more)
{
    const struct sim_trace *trace = &runner->campaign->trace;
    if (runner->traced != world) {
        return;
    }
    if (trace->every != 0 && (!more || world->events % trace->every == 0)) {
        printf("checkpoint %" PRIu64 " %016" PRIx64 "\n", world->events, world->hash);
    }
    if (is_asked_for(runner, world->events)) {
        printf("hash %" PRIu64 " %016" PRIx64 "\n", world->events, world->hash);
    }
}

void sim_trace_end(struct sim_runner *runner)
{
    runner->traced = NULL;
}
