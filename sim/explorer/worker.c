/* The worker: a process that takes tasks until there are no more.
 *
 * It owns the arena of its process and everything that runs in it. It writes results to a pipe and
 * what it is doing to the shared page; what it writes to standard error is its last word if it
 * dies. It holds no file of the parent.
 *
 * 1. One task at a time; its end is announced with a frame. */
#include "runner.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

static bool task_do(struct sim_runner *runner, const struct sim_task *task)
{
    switch (task->kind) {
    case SIM_TASK_RUN:
        return sim_task_run(runner, task);
    case SIM_TASK_SWEEP:
        return sim_task_sweep(runner, task);
    case SIM_TASK_VERIFY:
        return sim_task_verify(runner, task);
    }
    assert(!"not a kind of task");
    return false;
}

int sim_worker_main(const struct sim_campaign *campaign, struct sim_page *page, int tasks, int out)
{
    int status = EXIT_FAILURE;
    const char *error = NULL;
    struct sim_runner *runner = calloc(1, sizeof *runner);
    struct arena *arena = arena_open(&error);
    struct arena_checkpoint *checkpoint = arena_checkpoint_create();
    struct sim_task task;
    if (runner == NULL || arena == NULL || checkpoint == NULL) {
        fprintf(stderr, "a worker cannot start: %s\n", error == NULL ? "out of memory" : error);
        goto out;
    }
    runner->campaign = campaign;
    runner->arena = arena;
    runner->checkpoint = checkpoint;
    runner->page = page;
    runner->out = out;
    if (campaign->sut->edges != NULL) {
        runner->edges = campaign->sut->edges();
        /* One byte more, so that it is never none. */
        runner->entered = calloc(1, SIM_ENTERED_SIZE(runner->edges.count) + 1);
        if (runner->entered == NULL) {
            fprintf(stderr, "a worker cannot start: out of memory\n");
            goto out;
        }
        arena_attach(arena, runner->edges.entered, runner->edges.count);
    }
    while (sim_wire_read(tasks, &task, sizeof task)) {
        assert(task.scenario < campaign->catalogue->count);
        if (!task_do(runner, &task)) {
            goto out;
        }
        fflush(stdout);
        atomic_store(&page->started_ns, 0);
        if (!sim_wire_send(out, SIM_FRAME_DONE, NULL, 0)) {
            goto out;
        }
    }
    status = EXIT_SUCCESS;
out:
    if (checkpoint != NULL) {
        arena_checkpoint_destroy(checkpoint);
    }
    if (arena != NULL) {
        arena_close(arena);
    }
    if (runner != NULL) {
        free(runner->entered);
    }
    free(runner);
    return status;
}
