/* Runs of scripts that are given as text. */
#ifndef TESTS_SCRIPT_FIXTURE_H
#define TESTS_SCRIPT_FIXTURE_H

#include "world_fixture.h"

#include <stdio.h>
#include <string.h>

struct result {
    char message[SIM_TEXT_MAX]; /* of the first thing that went wrong; "" if nothing did */
    char rule[SIM_NAME_MAX];
    enum sim_outcome outcome;
    uint64_t hash;
    char log[65536]; /* the transcript's lines of log(...) */
};

static inline void collect_log(void *ctx, const char *line)
{
    struct result *result = ctx;
    const char *text = strstr(line, "log: ");
    if (text != NULL) {
        size_t length = strlen(result->log);
        snprintf(result->log + length, sizeof(result->log) - length, "%s\n", text + 5);
    }
}

static const char *file_name = "x.lua";

/* Runs a whole file to its end. */
static inline void run_file(const char *text, const char *parameters, uint64_t seed,
                            struct result *result)
{
    const struct sim_scenario_source source = {file_name, text, strlen(text)};
    const struct sim_spec spec = {.sut = &sut_raft,
                                  .source = &source,
                                  .scenario = "t",
                                  .parameters = parameters,
                                  .seed = seed,
                                  .fill = 0xA5};
    struct sim_execution execution;
    memset(result, 0, sizeof(*result));
    struct sim_world *world =
        sim_world_create(arena, &spec, result->message, sizeof(result->message));
    if (world == NULL) {
        result->outcome = SIM_OUTCOME_ERROR;
        return;
    }
    world->transcript = collect_log;
    world->transcript_ctx = result;
    sim_world_run(world);
    sim_world_result(world, &execution);
    result->outcome = execution.outcome;
    result->hash = execution.trace_hash;
    if (world->has_error) {
        snprintf(result->message, sizeof(result->message), "%s", world->error_text);
    } else if (world->has_finding) {
        snprintf(result->message, sizeof(result->message), "%s", world->finding.message);
        snprintf(result->rule, sizeof(result->rule), "%s", world->finding.rule);
    }
}

/* The world of a whole file that nothing is wrong with, before its first event. */
static inline struct sim_world *script_open(const char *text, uint64_t seed)
{
    static struct sim_scenario_source source;
    static struct sim_spec spec;
    source = (struct sim_scenario_source){file_name, text, strlen(text)};
    spec = (struct sim_spec){.sut = &sut_raft,
                             .source = &source,
                             .scenario = "t",
                             .parameters = "",
                             .seed = seed,
                             .fill = 0xA5};
    return world_create(&spec);
}

/* Runs the body of a run function; it stands on line 1. */
static inline void run_body(const char *body, struct result *result)
{
    static char text[65536];
    snprintf(text, sizeof(text),
             "scenario{ name = 't', params = { hold_ms = {20, 'x'}, nth = {1, 'y', min = 1} }, run "
             "= function(p) %s end }",
             body);
    run_file(text, "", 1, result);
}

#define C "local c = cluster{} "

#endif
