/* Tasks: a campaign cut into pieces that workers can take one at a time.
 *
 * 1. Every (scenario, variant, seed) is in exactly one task of a run, and in all shards of a sweep.
 * 2. The pieces are small enough that all workers end at about the same time. */
#include "explorer.h"

#include <assert.h>
#include <stdlib.h>

#define CHUNK_MAX 32u      /* seeds of one task */
#define TASKS_MAX 1000000u /* about; of an enormous range the pieces are larger */

static bool task_add(struct sim_tasks *tasks, const struct sim_task *task)
{
    if (tasks->count == tasks->capacity) {
        uint32_t capacity = tasks->capacity == 0 ? 64 : tasks->capacity * 2;
        struct sim_task *items = realloc(tasks->items, capacity * sizeof *items);
        if (items == NULL) {
            return false;
        }
        tasks->items = items;
        tasks->capacity = capacity;
    }
    assert(task->seed < task->seed_end);
    tasks->items[tasks->count++] = *task;
    return true;
}

/* How many seeds a scenario runs with. */
static uint64_t seed_total(const struct sim_scenario_info *info, enum sim_task_kind kind,
                           const struct sim_seed_range *seeds)
{
    if (seeds->given) {
        return seeds->last - seeds->first + 1;
    }
    if (kind == SIM_TASK_SWEEP) {
        return 1;
    }
    uint64_t own = info->seed_count > 0 ? info->seed_count : info->seed_limit;
    return own == 0 ? 1 : own;
}

/* How many parameter sets of a scenario are taken. */
static uint32_t variants_taken(const struct sim_catalogue_scenario *scenario,
                               enum sim_task_kind kind, bool exhaustive)
{
    return kind == SIM_TASK_SWEEP && !exhaustive ? 1 : scenario->variant_count;
}

static uint64_t executions_total(const struct sim_catalogue *catalogue, enum sim_task_kind kind,
                                 const struct sim_seed_range *seeds, bool exhaustive)
{
    uint64_t total = 0;
    for (uint32_t i = 0; i < catalogue->count; i++) {
        const struct sim_catalogue_scenario *scenario = &catalogue->scenarios[i];
        total +=
            variants_taken(scenario, kind, exhaustive) * seed_total(&scenario->info, kind, seeds);
    }
    return total;
}

/* Adds one variant's seeds [first, first + count) in pieces. */
static bool range_add(struct sim_tasks *tasks, struct sim_task task, uint64_t first, uint64_t count,
                      uint64_t chunk)
{
    uint64_t end = first + count;
    for (uint64_t seed = first; seed < end; seed += chunk) {
        task.seed = seed;
        task.seed_end = end - seed < chunk ? end : seed + chunk;
        for (task.shard = 0; task.shard < task.shard_count; task.shard++) {
            if (!task_add(tasks, &task)) {
                return false;
            }
        }
    }
    return true;
}

static bool variant_add(struct sim_tasks *tasks, const struct sim_scenario_info *info,
                        const struct sim_task *task, const struct sim_seed_range *seeds,
                        uint64_t chunk)
{
    uint64_t total = seed_total(info, task->kind, seeds);
    if (seeds->given) {
        return range_add(tasks, *task, seeds->first, total, chunk);
    }
    if (info->seed_count == 0) {
        return range_add(tasks, *task, 1, total, chunk);
    }
    for (uint64_t i = 0; i < total; i++) {
        if (!range_add(tasks, *task, info->seeds[i], 1, 1)) {
            return false;
        }
    }
    return true;
}

bool sim_tasks_build(struct sim_tasks *tasks, const struct sim_catalogue *catalogue,
                     enum sim_task_kind kind, const struct sim_seed_range *seeds, bool exhaustive,
                     uint32_t jobs)
{
    assert(jobs > 0);
    assert(!seeds->given || seeds->first <= seeds->last);
    uint64_t total = executions_total(catalogue, kind, seeds, exhaustive);
    uint64_t chunk = total / ((uint64_t)jobs * 8);
    chunk = chunk < 1 || kind == SIM_TASK_SWEEP ? 1 : chunk;
    chunk = chunk > CHUNK_MAX ? CHUNK_MAX : chunk;
    if (total / chunk > TASKS_MAX && kind != SIM_TASK_SWEEP) {
        chunk = total / TASKS_MAX;
    }
    struct sim_task task = {.kind = kind, .shard_count = 1};
    if (kind == SIM_TASK_SWEEP && jobs > 1 && total < (uint64_t)jobs * 8) {
        task.shard_count = jobs * 2;
    }
    for (uint32_t i = 0; i < catalogue->count; i++) {
        const struct sim_catalogue_scenario *scenario = &catalogue->scenarios[i];
        task.scenario = i;
        uint32_t taken = variants_taken(scenario, kind, exhaustive);
        tasks->variants_left += scenario->variant_count - taken;
        for (uint32_t k = 0; k < taken; k++) {
            task.variant = k;
            if (!variant_add(tasks, &scenario->info, &task, seeds, chunk)) {
                sim_tasks_release(tasks);
                return false;
            }
        }
    }
    tasks->executions += total;
    return true;
}

bool sim_tasks_add(struct sim_tasks *tasks, enum sim_task_kind kind, uint64_t first, uint64_t end)
{
    assert(first <= end && kind != SIM_TASK_SWEEP);
    tasks->executions += end - first;
    return range_add(tasks, (struct sim_task){.kind = kind, .shard_count = 1}, first, end - first,
                     1);
}

void sim_tasks_endless(const struct sim_catalogue *catalogue, enum sim_task_kind kind,
                       uint64_t first_seed, uint64_t number, struct sim_task *out_task)
{
    uint64_t sets = 0;
    assert(catalogue->count > 0 && kind != SIM_TASK_SWEEP);
    for (uint32_t i = 0; i < catalogue->count; i++) {
        sets += catalogue->scenarios[i].variant_count;
    }
    uint64_t left = number % sets;
    /* One seed each: what is under way when the campaign ends is all that is not done. */
    uint64_t seed = first_seed + number / sets;
    *out_task =
        (struct sim_task){.kind = kind, .shard_count = 1, .seed = seed, .seed_end = seed + 1};
    while (left >= catalogue->scenarios[out_task->scenario].variant_count) {
        left -= catalogue->scenarios[out_task->scenario].variant_count;
        out_task->scenario++;
    }
    out_task->variant = (uint32_t)left;
    assert(out_task->scenario < catalogue->count);
}

void sim_tasks_release(struct sim_tasks *tasks)
{
    free(tasks->items);
    *tasks = (struct sim_tasks){0};
}
