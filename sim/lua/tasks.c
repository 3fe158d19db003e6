/* Tasks and timers: code of the script in virtual time.
 *
 * Terms: a task is a coroutine that the scheduler resumes; it waits by yielding, having said for
 * what. A timer starts a new task each time it fires.
 *
 *                  start                 wait                      end, cancel
 *   (none) ──────────────▶ scheduled ──▶ running ──▶ waiting ──▶ … ──────────▶ ended
 *                             ▲                         │ its event, or what it waits for
 *                             └─────────────────────────┘
 *
 * 1. Code of a script runs only from sim_script_event, from the listeners after an event
 *    (listen.c), and as when or call of a fault rule. A task is never resumed from within another.
 * 2. All events of a script come from one FIFO source: at one instant, order of creation.
 * 3. A live task that waits has an event queued, or is known to what it waits for by its id. Ids
 *    are never used twice.
 * 4. When run returns, or the script is abandoned, nothing of it stays queued. */
#include "binding.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static struct script_task *find_task(struct sim_script *script, int id)
{
    for (struct script_task *task = script->tasks; task != NULL; task = task->next) {
        if (task->id == id) {
            return task;
        }
    }
    return NULL;
}

static void schedule(struct sim_script *script, struct script_task *task, uint64_t time_ns)
{
    struct sim_scheduler *scheduler = &script->world->scheduler;
    assert(time_ns >= scheduler->now_ns && !task->ended);
    if (task->event != NULL) {
        sim_unschedule(scheduler, task->event);
    } else {
        task->event = sim_event_new(scheduler, SIM_EVENT_SCRIPT, 0);
        task->event->number = (uint32_t)task->id;
    }
    sim_schedule(scheduler, &script->source, task->event, time_ns);
}

static void unschedule(struct sim_script *script, struct script_task *task)
{
    if (task->event != NULL) {
        sim_unschedule(&script->world->scheduler, task->event);
        sim_event_free(&script->world->scheduler, task->event);
        task->event = NULL;
    }
}

static struct script_task *new_task(struct sim_script *script, bool is_timer)
{
    struct script_task *task = arena_calloc(script->arena, sizeof(*task));
    script->task_ids++;
    task->id = script->task_ids;
    task->is_timer = is_timer;
    task->thread_ref = LUA_NOREF;
    task->function_ref = LUA_NOREF;
    struct script_task **end = &script->tasks;
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = task;
    return task;
}

/* Takes a task out of the script; whoever joins it goes on. */
static void end_task(struct sim_script *script, struct script_task *task)
{
    struct script_task **at = &script->tasks;
    assert(!task->ended);
    unschedule(script, task);
    luaL_unref(script->main, LUA_REGISTRYINDEX, task->thread_ref);
    luaL_unref(script->main, LUA_REGISTRYINDEX, task->function_ref);
    task->ended = true;
    task->thread = NULL;
    while (*at != task) {
        at = &(*at)->next;
    }
    *at = task->next;
    script_wake_tasks_waiting_for(script, task->id);
    if (!task->has_handle) {
        arena_free(script->arena, task);
    }
}

struct script_task *script_task_start(lua_State *L, int arguments)
{
    struct sim_script *script = script_of(L);
    lua_State *thread = lua_newthread(L);
    int ref = luaL_ref(L, LUA_REGISTRYINDEX);
    luaL_checkstack(thread, arguments + 8, NULL);
    lua_xmove(L, thread, arguments + 1);
    struct script_task *task = new_task(script, false);
    task->thread = thread;
    task->thread_ref = ref;
    schedule(script, task, script->world->scheduler.now_ns);
    return task;
}

int script_wait_for(lua_State *L, enum script_wait wait, lua_KFunction k)
{
    struct script_task *task = script_of(L)->current;
    assert(task != NULL && task->thread == L && task->wait == SCRIPT_WAITS_NOT);
    task->wait = wait;
    return lua_yieldk(L, 0, 0, k);
}

#define PATIENCE_NS UINT64_C(1000000000)

/* When a wait is given up. In a branch of a sweep, after its shot, that is sooner: a script leaves
 * much more time than anything takes, and what has not come within a fifth of it, and a second, the
 * fault has prevented. Called each time a wait goes on, so that a wait which a branch would have
 * given up is known. */
uint64_t script_deadline(struct sim_script *script, uint64_t from_ns, uint64_t within_ns)
{
    struct sim_world *world = script->world;
    const struct sim_shot *shot = &world->faults.shot;
    uint64_t deadline_ns = from_ns + within_ns;
    uint64_t patience_ns = within_ns / 5 > PATIENCE_NS ? within_ns / 5 : PATIENCE_NS;
    if (shot->fired == 0) {
        if (world->scheduler.now_ns > from_ns + patience_ns) {
            world->told_apart = world->events;
        }
        return deadline_ns;
    }
    uint64_t since_ns = shot->fired_ns > from_ns ? shot->fired_ns : from_ns;
    uint64_t early_ns = since_ns + patience_ns;
    return early_ns < deadline_ns ? early_ns : deadline_ns;
}

int script_wait_until(lua_State *L, enum script_wait wait, uint64_t time_ns, lua_KFunction k)
{
    struct sim_script *script = script_of(L);
    assert(script->current != NULL);
    schedule(script, script->current, time_ns);
    return script_wait_for(L, wait, k);
}

void script_wake_leader_waits(struct sim_script *script)
{
    for (struct script_task *task = script->tasks; task != NULL; task = task->next) {
        if (task->wait == SCRIPT_WAITS_LEADER) {
            schedule(script, task, script->world->scheduler.now_ns);
        }
    }
}

void script_wake_tasks_waiting_for(struct sim_script *script, int id)
{
    for (struct script_task *task = script->tasks; task != NULL; task = task->next) {
        if (task->wait == SCRIPT_WAITS_TASK && task->waits_for == id) {
            schedule(script, task, script->world->scheduler.now_ns);
        }
    }
}

_Noreturn void script_expectation(lua_State *L, const char *where, const char *format, ...)
{
    struct sim_script *script = script_of(L);
    char text[SIM_TEXT_MAX];
    va_list arguments;
    int length = snprintf(text, sizeof(text), "%s: ", where);
    assert(length > 0 && (size_t)length < sizeof(text));
    va_start(arguments, format);
    vsnprintf(text + length, sizeof(text) - (size_t)length, format, arguments);
    va_end(arguments);
    char here[SCRIPT_WHERE_MAX];
    script_where(L, here, sizeof(here));
    if (strcmp(here, where) == 0) { /* not a check, which was made elsewhere */
        script_callers(L, "; ", text, sizeof(text));
    }
    script->stop = SCRIPT_STOP_QUIET;
    sim_expectation_failed(script->world, text);
    script_unwind(L);
}

/* The end of the script's say: its rules must have been whole, then the world goes on. */
static void finish(struct sim_script *script)
{
    char error[SIM_TEXT_MAX];
    bool was_abandoned = script->abandoned;
    script->finished = true;
    sim_script_abandon(script);
    if (script->world->over || was_abandoned) {
        return;
    }
    if (script->stop == SCRIPT_GOES_ON && script->world->node_count == 0) {
        snprintf(error, sizeof(error),
                 "%s: scenario '%s' made no cluster: call cluster{...} in run", script->file,
                 script->name);
        sim_script_error(script->world, error);
    } else if (script->stop == SCRIPT_GOES_ON &&
               !script_faults_complete(script, error, sizeof(error))) {
        sim_script_error(script->world, error);
    } else {
        sim_world_script_ended(script->world);
    }
}

static void resume(struct sim_script *script, struct script_task *task)
{
    lua_State *thread = task->thread;
    int results = 0;
    assert(script->current == NULL && !task->is_timer);
    /* The first time, the function lies below its arguments; later nothing is handed over. */
    int arguments = lua_status(thread) == LUA_YIELD ? 0 : lua_gettop(thread) - 1;
    task->wait = SCRIPT_WAITS_NOT;
    script->current = task;
    script->place = SCRIPT_IN_TASK;
    script->instructions = 0;
    int status = lua_resume(thread, script->main, arguments, &results);
    script->current = NULL;
    if (status == LUA_YIELD && task->wait != SCRIPT_WAITS_NOT) {
        if (script->abandoned) {
            end_task(script, task);
        }
        return;
    }
    bool is_main = task->id == script->main_task;
    if (status == LUA_YIELD) {
        char where[SCRIPT_WHERE_MAX];
        script_where(thread, where, sizeof(where));
        lua_pushfstring(thread,
                        "%s: coroutine.yield outside of a coroutine of your own: use "
                        "sleep_ms(...) to wait",
                        where[0] != '\0' ? where : script->file);
        script_report(script, thread);
    } else if (status != LUA_OK) {
        script_report(script, thread);
    }
    end_task(script, task);
    if (is_main || script->stop != SCRIPT_GOES_ON) {
        finish(script);
    }
}

/* Starts the task of a timer that fires. */
static int start_timer_task(lua_State *L)
{
    lua_Integer ref = lua_tointeger(L, 1);
    lua_rawgeti(L, LUA_REGISTRYINDEX, ref);
    struct script_task *task = script_task_start(L, 0);
    lua_pushinteger(L, task->id);
    return 1;
}

static void fire(struct sim_script *script, struct script_task *timer)
{
    lua_State *L = script->main;
    lua_pushcfunction(L, start_timer_task);
    lua_pushinteger(L, timer->function_ref);
    if (!script_call_protected(script, L, 1, 1)) {
        finish(script);
        return;
    }
    int id = (int)lua_tointeger(L, -1);
    lua_pop(L, 1);
    if (timer->period_ns > 0) {
        schedule(script, timer, script->world->scheduler.now_ns + timer->period_ns);
    } else {
        end_task(script, timer);
    }
    struct script_task *task = find_task(script, id);
    assert(task != NULL);
    unschedule(script, task);
    resume(script, task);
}

void sim_script_event(struct sim_script *script, struct sim_event *event)
{
    struct script_task *task = find_task(script, (int)event->number);
    assert(event->kind == SIM_EVENT_SCRIPT);
    if (task == NULL || task->event != event) {
        return;
    }
    task->event = NULL; /* the world's again */
    if (task->is_timer) {
        fire(script, task);
    } else {
        resume(script, task);
    }
}

void sim_script_operation_done(struct sim_script *script, int waiter,
                               const struct sim_operation *operation)
{
    struct script_task *task = find_task(script, waiter);
    if (task == NULL || task->wait != SCRIPT_WAITS_OPERATION) {
        return; /* cancelled meanwhile */
    }
    task->operation = operation;
    schedule(script, task, script->world->scheduler.now_ns);
}

void sim_script_change_done(struct sim_script *script, int waiter,
                            const struct sim_member_change *change)
{
    struct script_task *task = find_task(script, waiter);
    if (task != NULL && task->wait == SCRIPT_WAITS_CHANGE) {
        task->change = change;
        schedule(script, task, script->world->scheduler.now_ns);
    }
}

void sim_script_load_done(struct sim_script *script, int waiter)
{
    struct script_task *task = find_task(script, waiter);
    if (task != NULL && task->wait == SCRIPT_WAITS_LOAD) {
        schedule(script, task, script->world->scheduler.now_ns);
    }
}

void sim_script_abandon(struct sim_script *script)
{
    script->abandoned = true;
    script->pending_count = 0;
    script->checks_always = 0;
    memset(script->listening, 0, sizeof(script->listening));
    for (struct script_listener *l = script->listeners; l != NULL; l = l->next) {
        l->active = false;
    }
    struct script_task *next;
    for (struct script_task *task = script->tasks; task != NULL; task = next) {
        next = task->next;
        /* The running task unwinds by itself: Lua is still on the C stack. */
        if (task != script->current) {
            task->wait = SCRIPT_WAITS_NOT;
            unschedule(script, task);
        } else if (script->stop == SCRIPT_GOES_ON) {
            script->stop = SCRIPT_STOP_QUIET;
        }
    }
}

/* ---- the interface ---- */

static const struct script_class task_class, timer_class;

static int slept(lua_State *L, int status, lua_KContext context)
{
    (void)L, (void)status, (void)context;
    return 0;
}

static int sleep_for(lua_State *L, struct sim_script *script, uint64_t unit_ns)
{
    uint64_t ns = script_duration(L, 1, unit_ns, "the duration");
    return script_wait_until(L, SCRIPT_WAITS_TIME, script->world->scheduler.now_ns + ns, slept);
}

static int sleep_ms(lua_State *L, struct sim_script *script, void *self)
{
    (void)self;
    return sleep_for(L, script, 1000000);
}

static int sleep_us(lua_State *L, struct sim_script *script, void *self)
{
    (void)self;
    return sleep_for(L, script, 1000);
}

static int now_ms(lua_State *L, struct sim_script *script, void *self)
{
    (void)self;
    uint64_t us = script->world->scheduler.now_ns / 1000;
    lua_pushnumber(L, (lua_Number)us / 1000.0);
    return 1;
}

static int now_us(lua_State *L, struct sim_script *script, void *self)
{
    (void)self;
    lua_pushinteger(L, (lua_Integer)(script->world->scheduler.now_ns / 1000));
    return 1;
}

/* Makes a timer of the function at index 2. */
static int start_timer(lua_State *L, struct sim_script *script, uint64_t time_ns,
                       uint64_t period_ns)
{
    script_check_function(L, 2, "the second argument");
    script_check_end(L, 2);
    int ref = luaL_ref(L, LUA_REGISTRYINDEX);
    struct script_task *timer = new_task(script, true);
    timer->function_ref = ref;
    timer->period_ns = period_ns;
    timer->has_handle = true;
    schedule(script, timer, time_ns);
    script_handle_push(L, &timer_class, timer);
    return 1;
}

static int after_ms(lua_State *L, struct sim_script *script, void *self)
{
    (void)self;
    uint64_t ns = script_duration(L, 1, 1000000, "the delay");
    return start_timer(L, script, script->world->scheduler.now_ns + ns, 0);
}

static int at_ms(lua_State *L, struct sim_script *script, void *self)
{
    (void)self;
    uint64_t ns = script_duration(L, 1, 1000000, "the time");
    uint64_t now_ns = script->world->scheduler.now_ns;
    if (ns < now_ns) {
        script_raise(L, "%s ms is in the past: it is %llu ms now", lua_tostring(L, 1),
                     (unsigned long long)(now_ns / 1000000));
    }
    return start_timer(L, script, ns, 0);
}

static int every_ms(lua_State *L, struct sim_script *script, void *self)
{
    (void)self;
    uint64_t ns = script_duration(L, 1, 1000000, "the period");
    if (ns == 0) {
        script_raise(L, "the period must be positive");
    }
    return start_timer(L, script, script->world->scheduler.now_ns + ns, ns);
}

static int spawn(lua_State *L, struct sim_script *script, void *self)
{
    (void)self, (void)script;
    script_check_function(L, 1, "the first argument");
    struct script_task *task = script_task_start(L, lua_gettop(L) - 1);
    task->has_handle = true;
    script_handle_push(L, &task_class, task);
    return 1;
}

static int cancel(lua_State *L, struct sim_script *script, void *self)
{
    struct script_task *task = self;
    if (task == script->current) {
        script_raise(L, "a task cannot cancel itself: return from its function");
    }
    if (!task->ended) {
        end_task(script, task);
    }
    return 0;
}

static int joined(lua_State *L, int status, lua_KContext context)
{
    (void)L, (void)status, (void)context;
    return 0;
}

static int join(lua_State *L, struct sim_script *script, void *self)
{
    struct script_task *task = self;
    if (task == script->current) {
        script_raise(L, "a task cannot wait for itself");
    }
    if (task->ended) {
        return 0;
    }
    script->current->waits_for = task->id;
    return script_wait_for(L, SCRIPT_WAITS_TASK, joined);
}

static const struct script_function task_methods[] = {
    {"join", join, SCRIPT_WAITS},
    {"cancel", cancel, 0},
};
static const struct script_class task_class = {
    .name = "task", .methods = task_methods, .method_count = SCRIPT_COUNT(task_methods)};

static const struct script_function timer_methods[] = {{"cancel", cancel, 0}};
static const struct script_class timer_class = {
    .name = "timer", .methods = timer_methods, .method_count = SCRIPT_COUNT(timer_methods)};

static const struct script_function functions[] = {
    {"sleep_ms", sleep_ms, SCRIPT_WAITS},
    {"sleep_us", sleep_us, SCRIPT_WAITS},
    {"now_ms", now_ms, 0},
    {"now_us", now_us, 0},
    {"after_ms", after_ms, 0},
    {"at_ms", at_ms, 0},
    {"every_ms", every_ms, 0},
    {"spawn", spawn, 0},
};

void script_tasks_open(lua_State *L, int globals)
{
    lua_pushvalue(L, globals);
    script_functions_add(L, "", functions, SCRIPT_COUNT(functions));
    lua_pop(L, 1);
}
