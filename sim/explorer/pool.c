/* The pool: the parent of the workers, and the only one who talks to the sink.
 *
 * Each worker has three pipes (tasks to it; results and standard error from it) and a shared page.
 * The parent polls them all, hands a task to whoever is idle, and watches the clock.
 *
 * 1. A worker has at most one task. A task is handed out once; if its worker dies, the rest of it,
 *    without the run that killed the worker, goes to the front of the queue.
 * 2. Every death during a run is one finding. A worker that dies without having begun a run ends
 *    the campaign: the next one would die as well.
 * 3. The first SIGINT, SIGTERM or SIGHUP lets the runs under way finish, and the twins, but no
 *    further twin begins; the second kills them; what comes after that is swallowed, so that what
 *    was received is recorded. Workers never outlive the parent. */
#include "death.h"
#include "runner.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define TICK_MS 50

struct worker {
    pid_t pid; /* 0: none */
    int tasks;
    int results;
    int errors;
    struct sim_page *page;
    bool busy;
    bool is_stuck;
    struct sim_task task;
    uint64_t executions; /* of the page, when the task was handed out */
    struct sim_buffer buffer;
    struct sim_last_words words;
};

struct pool {
    const struct sim_campaign *campaign;
    pid_t self;
    struct worker *workers;
    uint32_t count;
    uint32_t next;    /* task */
    uint64_t endless; /* tasks beyond the list that were handed out */
    uint64_t began_ns;
    bool is_over;           /* the time is, or there is the finding that was waited for */
    struct sim_task *rests; /* of tasks whose worker died; a stack */
    uint32_t rest_count;
    int signals;
    sigset_t former_mask;
    struct sigaction former_pipe;
    uint32_t interrupts;
    bool failed;
};

static void descriptor_close(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
        *fd = -1;
    }
}

static void note(const struct pool *pool, const char *line)
{
    pool->campaign->sink.note(pool->campaign->sink.ctx, line);
}

/* In the child: nothing of the parent's ends or of other workers stays open. */
static void child_run(struct pool *pool, const struct worker *self, int tasks, int results,
                      int errors)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != pool->self) {
        _exit(EXIT_FAILURE); /* the parent died before it could be watched */
    }
    /* A signal for the whole group is the parent's to handle; SIGPIPE is ignored already, so that a
     * reader of the transcript who has seen enough does not look like a crash. */
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    sigprocmask(SIG_SETMASK, &pool->former_mask, NULL);
    for (uint32_t i = 0; i < pool->count; i++) {
        descriptor_close(&pool->workers[i].tasks);
        descriptor_close(&pool->workers[i].results);
        descriptor_close(&pool->workers[i].errors);
    }
    descriptor_close(&pool->signals);
    dup2(errors, STDERR_FILENO);
    close(errors);
    exit(sim_worker_main(pool->campaign, self->page, tasks, results));
}

static bool worker_start(struct pool *pool, struct worker *worker)
{
    int tasks[2] = {-1, -1};
    int results[2] = {-1, -1};
    int errors[2] = {-1, -1};
    bool started = false;
    assert(worker->pid == 0 && !worker->busy);
    if (pipe(tasks) != 0 || pipe(results) != 0 || pipe(errors) != 0) {
        goto out;
    }
    memset(worker->page, 0, sizeof *worker->page);
    worker->words.used = 0;
    worker->words.bytes[0] = '\0';
    worker->buffer.used = 0;
    worker->is_stuck = false;
    fflush(NULL);
    pid_t pid = fork();
    if (pid < 0) {
        goto out;
    }
    if (pid == 0) {
        close(tasks[1]);
        close(results[0]);
        close(errors[0]);
        child_run(pool, worker, tasks[0], results[1], errors[1]);
    }
    worker->pid = pid;
    worker->tasks = tasks[1];
    worker->results = results[0];
    worker->errors = errors[0];
    fcntl(worker->results, F_SETFL, O_NONBLOCK);
    fcntl(worker->errors, F_SETFL, O_NONBLOCK);
    tasks[1] = -1;
    results[0] = -1;
    errors[0] = -1;
    started = true;
out:
    if (!started) {
        note(pool, "cannot start a worker: out of processes or descriptors");
        pool->failed = true;
    }
    for (uint32_t i = 0; i < 2; i++) {
        descriptor_close(&tasks[i]);
        descriptor_close(&results[i]);
        descriptor_close(&errors[i]);
    }
    return started;
}

/* The next task, or none. */
static bool task_take(struct pool *pool, struct sim_task *out_task)
{
    const struct sim_campaign *campaign = pool->campaign;
    if (pool->interrupts > 0 || pool->failed || pool->is_over) {
        return false;
    }
    if (pool->rest_count > 0) {
        *out_task = pool->rests[--pool->rest_count];
        return true;
    }
    if (pool->next < campaign->tasks->count) {
        *out_task = campaign->tasks->items[pool->next++];
        return true;
    }
    if (campaign->is_endless) {
        sim_tasks_endless(campaign->catalogue, campaign->endless_kind, campaign->endless_seed,
                          pool->endless++, out_task);
    }
    return campaign->is_endless;
}

static void dispatch(struct pool *pool)
{
    for (uint32_t i = 0; i < pool->count; i++) {
        struct worker *worker = &pool->workers[i];
        if (worker->busy || !task_take(pool, &worker->task)) {
            continue;
        }
        if (worker->pid == 0 && !worker_start(pool, worker)) {
            return;
        }
        worker->busy = true;
        worker->executions = atomic_load(&worker->page->executions);
        /* If it has just died, the end of its results will tell. */
        (void)sim_wire_write(worker->tasks, &worker->task, sizeof worker->task);
    }
}

static void row_handle(struct pool *pool, const struct sim_row *row)
{
    const struct sim_campaign *campaign = pool->campaign;
    bool is_bad = row->execution->outcome == SIM_OUTCOME_FINDING ||
                  row->execution->outcome == SIM_OUTCOME_DIVERGED;
    if (!campaign->sink.result(campaign->sink.ctx, row)) {
        pool->failed = true;
    }
    pool->is_over = pool->is_over || (is_bad && campaign->until_finding);
}

static void frame_handle(struct pool *pool, struct worker *worker, const struct sim_frame *frame)
{
    const struct sim_sink *sink = &pool->campaign->sink;
    struct sim_row row;
    switch ((enum sim_frame_kind)frame->kind) {
    case SIM_FRAME_RESULT:
        if (!sim_frame_parse(frame, pool->campaign->catalogue, &row)) {
            note(pool, "a worker sent a malformed result");
            pool->failed = true;
        } else {
            row_handle(pool, &row);
        }
        return;
    case SIM_FRAME_SELECTION:
        if (!sink->selection(sink->ctx, (const struct sim_selection *)(const void *)(frame + 1))) {
            pool->failed = true;
        }
        return;
    case SIM_FRAME_DONE:
        worker->busy = false;
        return;
    }
    note(pool, "a worker sent an unknown frame");
    pool->failed = true;
}

/* Delivers the whole frames that have arrived. */
static void frames_handle(struct pool *pool, struct worker *worker)
{
    const struct sim_frame *frame = sim_buffer_frame(&worker->buffer);
    while (frame != NULL && !pool->failed) {
        size_t size = sizeof *frame + frame->size;
        frame_handle(pool, worker, frame);
        sim_buffer_consume(&worker->buffer, size);
        frame = sim_buffer_frame(&worker->buffer);
    }
}

/* What is left of a task when the run on the page has killed its worker; false: nothing. */
static bool task_rest(const struct sim_page *page, const struct sim_task *task,
                      struct sim_task *out_rest)
{
    *out_rest = *task;
    switch (task->kind) {
    case SIM_TASK_RUN:
    case SIM_TASK_VERIFY:
        out_rest->seed = page->seed + 1;
        return out_rest->seed < out_rest->seed_end;
    case SIM_TASK_SWEEP:
        out_rest->done = page->shots;
        return page->shots > task->done; /* a base run that dies is not repeated */
    }
    assert(!"not a kind of task");
    return false;
}

/* Tells the sink of a run that died with its worker. */
static void death_report(struct pool *pool, const struct worker *worker, int status)
{
    const struct sim_campaign *campaign = pool->campaign;
    const struct sim_task *task = &worker->task;
    const struct sim_page *page = worker->page;
    const struct sim_catalogue_scenario *scenario = &campaign->catalogue->scenarios[task->scenario];
    struct sim_death death = {.status = status, .is_stuck = worker->is_stuck};
    struct sim_execution execution;
    struct sim_finding finding;
    struct sim_injection injection;
    if (task->kind == SIM_TASK_SWEEP && page->shots <= task->done && task->shard != 0) {
        return; /* the base run of every shard dies; the first one tells */
    }
    death.wall_s = campaign->wall_s != 0 ? campaign->wall_s : scenario->info.budget_wall_s;
    sim_death_describe(&death, &worker->words, page, &execution, &finding);
    snprintf(execution.scenario, sizeof execution.scenario, "%s", scenario->info.name);
    snprintf(execution.parameters, sizeof execution.parameters, "%s",
             scenario->variants[task->variant]);
    memset(&injection, 0, sizeof injection);
    bool is_point = page->shot.occurrence != 0 && page->shot.place == SIM_SHOT_POINT;
    if (is_point) {
        snprintf(injection.point, sizeof injection.point, "%s",
                 sim_point_info(campaign->sut, page->shot.point)->name);
        snprintf(injection.outcome, sizeof injection.outcome, "%s",
                 sim_fault_outcome_string(page->shot.outcome));
        injection.occurrence = page->shot.occurrence;
        injection.event = execution.events;
        injection.time_ns = execution.sim_ns;
        injection.persistent = page->shot.persistent;
        injection.repeats = 1;
    }
    struct sim_row row = {
        .scenario = scenario,
        .scenario_index = task->scenario,
        .parameters = scenario->variants[task->variant],
        .execution = &execution,
        .finding = &finding,
        .injections = &injection,
        .injection_count = is_point ? 1 : 0,
        .steps = execution.events,
    };
    row_handle(pool, &row);
}

/* Reads the rest of what a worker wrote to standard error. */
static void words_read(struct worker *worker)
{
    char bytes[4096];
    ssize_t got = read(worker->errors, bytes, sizeof bytes);
    while (got > 0) {
        sim_last_words_add(&worker->words, bytes, (size_t)got);
        got = read(worker->errors, bytes, sizeof bytes);
    }
}

/* The results of a worker have ended: it is dead, or about to be. */
static void worker_bury(struct pool *pool, struct worker *worker)
{
    int status = 0;
    while (waitpid(worker->pid, &status, 0) < 0 && errno == EINTR) {
    }
    words_read(worker);
    worker->pid = 0;
    descriptor_close(&worker->tasks);
    descriptor_close(&worker->results);
    descriptor_close(&worker->errors);
    bool was_busy = worker->busy;
    worker->busy = false;
    if (!was_busy || pool->failed || pool->interrupts > 1) {
        return;
    }
    if (atomic_load(&worker->page->executions) == worker->executions) {
        char line[512];
        sim_last_words_line(&worker->words, line, sizeof line);
        note(pool, line[0] == '\0' ? "a worker died before it began a run" : line);
        pool->failed = true;
        return;
    }
    struct sim_task rest;
    if (task_rest(worker->page, &worker->task, &rest)) {
        assert(pool->rest_count < pool->count);
        pool->rests[pool->rest_count++] = rest;
    }
    death_report(pool, worker, status);
}

static void results_read(struct pool *pool, struct worker *worker)
{
    long got = sim_buffer_fill(&worker->buffer, worker->results);
    frames_handle(pool, worker);
    if (got == 0) {
        worker_bury(pool, worker);
    }
}

/* Ends a campaign whose time is over, and kills a worker whose run takes too long. */
static void clock_watch(struct pool *pool)
{
    const struct sim_campaign *campaign = pool->campaign;
    uint64_t now = sim_monotonic_ns();
    /* Tasks under way are finished, so that no seed below the last one is left out. */
    bool is_late = campaign->for_ns != 0 && now - pool->began_ns >= campaign->for_ns;
    pool->is_over = pool->is_over || is_late;
    for (uint32_t i = 0; i < pool->count; i++) {
        struct worker *worker = &pool->workers[i];
        if (!worker->busy || worker->is_stuck || worker->pid == 0) {
            continue;
        }
        const struct sim_scenario_info *info =
            &campaign->catalogue->scenarios[worker->task.scenario].info;
        uint64_t wall_s = campaign->wall_s != 0 ? campaign->wall_s : info->budget_wall_s;
        uint64_t started = atomic_load(&worker->page->started_ns);
        if (wall_s != 0 && started != 0 && now > started && now - started > wall_s * 1000000000u) {
            worker->is_stuck = true;
            kill(worker->pid, SIGKILL);
        }
    }
}

static void interrupt(struct pool *pool)
{
    struct signalfd_siginfo info;
    while (read(pool->signals, &info, sizeof info) == (ssize_t)sizeof info) {
        pool->interrupts++;
    }
    for (uint32_t i = 0; i < pool->count; i++) {
        atomic_store(&pool->workers[i].page->stop, true);
        if (pool->interrupts > 1 && pool->workers[i].pid != 0) {
            kill(pool->workers[i].pid, SIGKILL);
        }
    }
    if (pool->interrupts == 1) {
        note(pool, "interrupted: finishing the runs under way (again to stop at once)");
    }
}

/* Waits for something to happen, and handles it. False: poll cannot wait. */
static bool wait_once(struct pool *pool, struct pollfd *fds)
{
    uint32_t count = 0;
    fds[count++] = (struct pollfd){.fd = pool->signals, .events = POLLIN};
    for (uint32_t i = 0; i < pool->count; i++) {
        fds[count++] = (struct pollfd){.fd = pool->workers[i].results, .events = POLLIN};
        fds[count++] = (struct pollfd){.fd = pool->workers[i].errors, .events = POLLIN};
    }
    if (poll(fds, count, TICK_MS) < 0 && errno != EINTR) {
        note(pool, "cannot wait for the workers");
        return false;
    }
    if ((fds[0].revents & POLLIN) != 0) {
        interrupt(pool);
    }
    for (uint32_t i = 0; i < pool->count; i++) {
        struct worker *worker = &pool->workers[i];
        if (worker->pid != 0 && (fds[2 + 2 * i].revents & POLLIN) != 0) {
            words_read(worker);
        }
        if (worker->pid != 0 && (fds[1 + 2 * i].revents & (POLLIN | POLLHUP)) != 0) {
            results_read(pool, worker);
        }
    }
    clock_watch(pool);
    pool->campaign->sink.tick(pool->campaign->sink.ctx);
    return true;
}

static bool any_busy(const struct pool *pool)
{
    for (uint32_t i = 0; i < pool->count; i++) {
        if (pool->workers[i].busy) {
            return true;
        }
    }
    return false;
}

/* Ends the workers: in good order when they are idle, at once otherwise. */
static void workers_stop(struct pool *pool)
{
    for (uint32_t i = 0; i < pool->count; i++) {
        struct worker *worker = &pool->workers[i];
        descriptor_close(&worker->tasks);
        if (worker->pid != 0 && worker->busy) {
            kill(worker->pid, SIGKILL);
        }
    }
    for (uint32_t i = 0; i < pool->count; i++) {
        struct worker *worker = &pool->workers[i];
        if (worker->pid != 0) {
            fcntl(worker->errors, F_SETFL, 0);
            words_read(worker);
            worker->busy = false;
            worker_bury(pool, worker);
            if (worker->words.used > 0) {
                char line[512];
                sim_last_words_line(&worker->words, line, sizeof line);
                note(pool, line);
            }
        }
    }
}

static bool pool_open(struct pool *pool, const struct sim_campaign *campaign)
{
    sigset_t mask;
    *pool = (struct pool){
        .campaign = campaign, .self = getpid(), .count = campaign->jobs, .signals = -1};
    pool->began_ns = sim_monotonic_ns();
    sigemptyset(&mask);
    sigaddset(&mask, SIGINT);
    sigaddset(&mask, SIGTERM);
    struct sigaction hangup;
    if (sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler != SIG_IGN) {
        sigaddset(&mask, SIGHUP); /* a closed terminal; not under nohup */
    }
    sigprocmask(SIG_BLOCK, &mask, &pool->former_mask);
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGPIPE, &ignore, &pool->former_pipe);
    pool->signals = signalfd(-1, &mask, SFD_NONBLOCK | SFD_CLOEXEC);
    pool->workers = calloc(pool->count, sizeof *pool->workers);
    pool->rests = calloc(pool->count, sizeof *pool->rests);
    if (pool->signals < 0 || pool->workers == NULL || pool->rests == NULL) {
        note(pool, "cannot start the workers: out of memory or descriptors");
        return false;
    }
    for (uint32_t i = 0; i < pool->count; i++) {
        struct worker *worker = &pool->workers[i];
        worker->tasks = worker->results = worker->errors = -1;
    }
    for (uint32_t i = 0; i < pool->count; i++) {
        void *page = mmap(NULL, sizeof(struct sim_page), PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (page == MAP_FAILED) {
            note(pool, "cannot start the workers: out of memory");
            return false;
        }
        pool->workers[i].page = page;
    }
    return true;
}

static void pool_close(struct pool *pool)
{
    for (uint32_t i = 0; pool->workers != NULL && i < pool->count; i++) {
        if (pool->workers[i].page != NULL) {
            munmap(pool->workers[i].page, sizeof(struct sim_page));
        }
        sim_buffer_release(&pool->workers[i].buffer);
    }
    free(pool->workers);
    free(pool->rests);
    /* A signal that came too late would end the process before the results are committed. */
    struct signalfd_siginfo info;
    while (pool->signals >= 0 && read(pool->signals, &info, sizeof info) == (ssize_t)sizeof info) {
    }
    descriptor_close(&pool->signals);
    sigaction(SIGPIPE, &pool->former_pipe, NULL);
    sigprocmask(SIG_SETMASK, &pool->former_mask, NULL);
}

enum sim_campaign_end sim_campaign_run(const struct sim_campaign *campaign)
{
    struct pool pool;
    struct pollfd *fds = calloc(1 + 2 * (size_t)campaign->jobs, sizeof *fds);
    assert(campaign->jobs > 0);
    assert(!campaign->transcript || campaign->jobs == 1);
    bool opened = pool_open(&pool, campaign) && fds != NULL;
    if (opened) {
        dispatch(&pool);
        while (any_busy(&pool) && !pool.failed && pool.interrupts < 2) {
            pool.failed = !wait_once(&pool, fds) || pool.failed;
            dispatch(&pool);
        }
        workers_stop(&pool);
    }
    bool interrupted = pool.interrupts > 0;
    bool failed = pool.failed || !opened;
    pool_close(&pool);
    free(fds);
    if (failed) {
        return SIM_CAMPAIGN_FAILED;
    }
    return interrupted ? SIM_CAMPAIGN_INTERRUPTED : SIM_CAMPAIGN_COMPLETE;
}
