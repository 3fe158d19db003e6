/* Plans: printing and parsing one injection.
 *
 *     plan := point '#' occurrence '=' outcome '!'?
 *
 * A *shot* is one point failed at one consultation, counted over the whole run and all nodes.
 *
 * 1. What is printed is parsed to the same shot.
 * 2. A parsed shot names a point of the registry and an outcome which that point declares. */
#include "plan.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void sim_plan_print(const struct sut_ops *sut, const struct sim_shot *shot, char *text,
                    size_t text_size)
{
    assert(text_size > 0);
    if (shot->occurrence == 0) {
        text[0] = '\0';
        return;
    }
    assert(shot->point < sim_point_count(sut));
    snprintf(text, text_size, "%s#%llu=%s%s", sim_point_info(sut, shot->point)->name,
             (unsigned long long)shot->occurrence, sim_fault_outcome_string(shot->outcome),
             shot->persistent ? "!" : "");
}

/* The outcome with this name among those that a point declares. */
static bool outcome_find(const struct raft_point_info *info, const char *name,
                         enum raft_outcome *out_outcome)
{
    for (uint32_t i = 0; i < RAFT_OUTCOME_COUNT; i++) {
        if ((info->outcomes & (1u << i)) != 0 &&
            strcmp(sim_fault_outcome_string((enum raft_outcome)i), name) == 0) {
            *out_outcome = (enum raft_outcome)i;
            return true;
        }
    }
    return false;
}

static void outcomes_list(const struct raft_point_info *info, char *text, size_t text_size)
{
    size_t used = 0;
    text[0] = '\0';
    for (uint32_t i = 0; i < RAFT_OUTCOME_COUNT; i++) {
        if ((info->outcomes & (1u << i)) != 0 && used < text_size) {
            int written = snprintf(text + used, text_size - used, "%s%s", used == 0 ? "" : ", ",
                                   sim_fault_outcome_string((enum raft_outcome)i));
            used += written > 0 ? (size_t)written : 0;
        }
    }
}

bool sim_plan_parse(const struct sut_ops *sut, const char *text, struct sim_shot *out_shot,
                    char *error, size_t error_size)
{
    char name[SIM_NAME_MAX];
    char outcome[SIM_NAME_MAX];
    struct sim_shot shot = {0};
    if (text[0] == '\0') {
        *out_shot = shot;
        return true;
    }
    const char *hash = strchr(text, '#');
    const char *equals = strchr(text, '=');
    if (hash == NULL || equals == NULL || equals < hash || (size_t)(hash - text) >= sizeof name ||
        strlen(equals + 1) >= sizeof outcome || hash[1] < '1' || hash[1] > '9') {
        snprintf(error, error_size,
                 "plan '%s': write it as point#occurrence=outcome, as in log.append.write#3=eio, "
                 "with ! at the end for every consultation from that one on",
                 text);
        return false;
    }
    memcpy(name, text, (size_t)(hash - text));
    name[hash - text] = '\0';
    char *end = NULL;
    shot.occurrence = strtoull(hash + 1, &end, 10);
    size_t length = strlen(equals + 1);
    memcpy(outcome, equals + 1, length + 1);
    if (length > 0 && outcome[length - 1] == '!') {
        shot.persistent = true;
        outcome[length - 1] = '\0';
    }
    int point = sim_point_find(sut, name);
    if (end != equals || shot.occurrence == UINT64_MAX) {
        snprintf(error, error_size, "plan '%s': the occurrence must be a number from 1", text);
        return false;
    }
    if (point < 0) {
        snprintf(error, error_size,
                 "plan '%s': there is no fault point '%s'; list them with 'squall points'", text,
                 name);
        return false;
    }
    shot.point = (uint32_t)point;
    const struct raft_point_info *info = sim_point_info(sut, shot.point);
    if (!outcome_find(info, outcome, &shot.outcome)) {
        char known[256];
        outcomes_list(info, known, sizeof known);
        snprintf(error, error_size, "plan '%s': %s has no outcome '%s'; it has: %s", text, name,
                 outcome, known[0] == '\0' ? "none, it is only counted" : known);
        return false;
    }
    *out_shot = shot;
    return true;
}
