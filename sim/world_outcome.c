/* What a run comes to: its findings, its result, and a digest of that.
 *
 * The first finding counts; what an expectation of the script says after a fault was injected is a
 * disturbance and no finding.
 *
 * Invariants:
 *  1. A finding, once there, is never replaced.
 *  2. A digest reads the world and changes nothing. */
#include "world.h"
#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- findings ---- */

/* Equal for messages that differ in numbers only. */
static uint64_t message_hash(const char *message)
{
    char text[SIM_TEXT_MAX];
    size_t size = 0;
    for (const char *at = message; *at != 0 && size < sizeof text; at++) {
        if (*at < '0' || *at > '9') {
            text[size++] = *at;
        }
    }
    return sim_hash(text, size, 0);
}

void sim_fail(struct sim_world *world, const char *rule, uint32_t node, const char *format, ...)
{
    if (world->over || world->has_finding) {
        return;
    }
    struct sim_finding *finding = &world->finding;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(finding->message, sizeof finding->message, format, arguments);
    va_end(arguments);
    snprintf(finding->rule, sizeof finding->rule, "%s", rule);
    if (world->leak_count > 0 && world->leaks[0].site[0] != 0) {
        snprintf(finding->signature, sizeof finding->signature, "%.15s: %.46s", rule,
                 world->leaks[0].site);
    } else {
        snprintf(finding->signature, sizeof finding->signature, "%.40s: %08" PRIx32, rule,
                 (uint32_t)message_hash(finding->message));
    }
    finding->event = world->events;
    finding->time_ns = world->scheduler.now_ns;
    finding->node = node;
    world->has_finding = true;
    world->over = true;
    sim_world_transcribe(world, "    finding: %s: %s", rule, finding->message);
}

/* What a script says after a sweep's shot has fired, or in the twin without a fault, is said of
 * another run. */
static bool disturb(struct sim_world *world, const char *message)
{
    if (world->faults.shot.fired == 0 && !world->faults.mute.active) {
        return false;
    }
    if (!world->disturbed) {
        world->disturbed = true;
        snprintf(world->disturbed_text, sizeof world->disturbed_text, "%s", message);
    }
    sim_world_script_ended(world);
    return true;
}

void sim_script_error(struct sim_world *world, const char *message)
{
    if (world->over) {
        return;
    }
    world->has_error = true;
    world->over = true;
    snprintf(world->error_text, sizeof world->error_text, "%s", message);
    sim_world_transcribe(world, "    error: %s", message);
}

void sim_expectation_failed(struct sim_world *world, const char *message)
{
    if (!disturb(world, message)) {
        sim_fail(world, "expect", 0, "%s", message);
    }
}

void sim_world_stuck(struct sim_world *world, const char *message)
{
    if (world->phase != SIM_PHASE_RUN || !disturb(world, message)) {
        sim_fail(world, "stuck", 0, "%s", message);
    }
}

struct sim_leak *sim_world_leak_new(struct sim_world *world)
{
    world->leaks =
        arena_realloc(world->arena, world->leaks, (world->leak_count + 1) * sizeof world->leaks[0]);
    struct sim_leak *leak = &world->leaks[world->leak_count++];
    memset(leak, 0, sizeof *leak);
    return leak;
}

void sim_world_notice(struct sim_world *world, enum sim_notice_kind kind, uint32_t node,
                      uint64_t term, uint64_t index, const char *site)
{
    if (world->script != NULL) {
        sim_script_notice(world->script, kind, node, term, index, site);
    }
}

void sim_world_transcribe(struct sim_world *world, const char *format, ...)
{
    if (world->transcript == NULL) {
        return;
    }
    char line[SIM_TEXT_MAX + SIM_NAME_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    world->transcript(world->transcript_ctx, line);
}

/* ---- results ---- */

void sim_world_result(const struct sim_world *world, struct sim_execution *out)
{
    assert(world->over || world->phase == SIM_PHASE_DONE);
    memset(out, 0, sizeof *out);
    const struct sim_spec *spec = world->spec;
    const struct sim_rule *unfired = sim_fault_vacuous(&world->faults, true);
    out->outcome = SIM_OUTCOME_OK;
    if (world->has_error) {
        out->outcome = SIM_OUTCOME_ERROR;
        snprintf(out->note, sizeof out->note, "%s", world->error_text);
    } else if (world->has_finding) {
        out->outcome = SIM_OUTCOME_FINDING;
    } else if (unfired != NULL) {
        out->outcome = SIM_OUTCOME_SKIPPED;
        snprintf(out->note, sizeof out->note, "the planned rule at %s never fired",
                 unfired->pattern);
    }
    if (world->is_unavailable && out->outcome == SIM_OUTCOME_OK) {
        out->outcome = SIM_OUTCOME_UNAVAILABLE;
        snprintf(out->note, sizeof out->note, "%s", world->unavailable_text);
    }
    if (world->disturbed && out->note[0] == 0) {
        snprintf(out->note, sizeof out->note, "%s", world->disturbed_text);
    }
    snprintf(out->scenario, sizeof out->scenario, "%s", spec->scenario ? spec->scenario : "");
    const char *parameters = world->profile != NULL ? sim_profile_text(world->profile)
                             : spec->parameters     ? spec->parameters
                                                    : "";
    snprintf(out->parameters, sizeof out->parameters, "%s", parameters);
    out->seed = world->seed;
    out->events = world->events;
    out->sim_ns = world->scheduler.now_ns;
    out->trace_hash = world->hash;
    out->state_hash = sim_world_digest(world);
    out->commits = sim_oracle_commits(world->oracles);
    out->leader_changes = sim_oracle_leader_changes(world->oracles);
    out->faults_fired = world->faults.fired;
    out->requests_ok = world->clients.ok;
    out->requests_failed = world->clients.failed;
    out->requests_unknown = world->clients.unknown;
    out->liveness = world->liveness;
    out->disturbed = world->disturbed;
}

uint64_t sim_world_content(const struct sim_world *world)
{
    uint64_t content = sim_oracle_committed_chain(world->oracles);
    for (uint32_t id = 1; id <= world->node_count; id++) {
        content = sim_mix(content, sim_disk_digest(&world->nodes[id]->disk), id);
    }
    return content;
}
