/* What the files of the Lua binding share.
 *
 * script_* functions that take a lua_State may raise a Lua error, and thus not return, unless they
 * say otherwise. Nothing of the binding lives outside the arena: the world is copied and copied
 * back between events. */
#ifndef SIM_LUA_BINDING_H
#define SIM_LUA_BINDING_H

#include <lua5.4/lauxlib.h>
#include <lua5.4/lua.h>
#include <lua5.4/lualib.h>
#include <sim/world.h>

#define SCRIPT_MEMORY_MAX       ((size_t)64 << 20)   /* bytes of Lua heap */
#define SCRIPT_INSTRUCTIONS_MAX ((uint64_t)50000000) /* between two advances of the simulation */
#define SCRIPT_HOOK_PERIOD      1000
#define SCRIPT_FRAMES_MAX       12
#define SCRIPT_ID_MAX           64
#define SCRIPT_WHERE_MAX        512 /* of "file.lua:12"; a longer path is shortened */

/* Where the running Lua code was called from, and thus what it may do. */
enum script_place {
    SCRIPT_AT_TOP,       /* the file itself: may declare, not act */
    SCRIPT_IN_TASK,      /* may do anything */
    SCRIPT_IN_HOOK,      /* on(): may act, not wait */
    SCRIPT_IN_CHECK,     /* expect.always and never: likewise */
    SCRIPT_IN_CONDITION, /* of expect.eventually: likewise */
    SCRIPT_IN_STEP,      /* when and call of a fault rule, inside a step of a node: may only look */
};

/* Why no further instruction of the script may run. */
enum script_stop {
    SCRIPT_GOES_ON,
    SCRIPT_STOP_QUIET,        /* an expectation failed, or the run is over */
    SCRIPT_STOP_INSTRUCTIONS, /* too many */
    SCRIPT_STOP_MEMORY,       /* used up */
};

enum script_wait {
    SCRIPT_WAITS_NOT,
    SCRIPT_WAITS_TIME,
    SCRIPT_WAITS_OPERATION,
    SCRIPT_WAITS_LOAD,
    SCRIPT_WAITS_CHANGE,
    SCRIPT_WAITS_LEADER, /* until its event, or a leader is elected */
    SCRIPT_WAITS_TASK,
};

/* A task is a coroutine; a timer starts a task each time it fires. */
struct script_task {
    struct script_task *next; /* live ones, in order of creation */
    int id;
    bool is_timer;
    bool ended;
    bool has_handle; /* a script may still ask for it */
    lua_State *thread;
    int thread_ref;
    int function_ref;        /* of a timer */
    uint64_t period_ns;      /* of a timer; 0: once */
    struct sim_event *event; /* queued, or NULL */
    enum script_wait wait;
    int waits_for; /* the task that SCRIPT_WAITS_TASK means */
    const struct sim_operation *operation;
    const struct sim_member_change *change;
};

/* A hook, or a check: always or never. */
struct script_listener {
    struct script_listener *next;
    bool active;
    bool is_check;
    bool is_never;
    int kind; /* enum sim_notice_kind, or -1: after every event */
    struct sim_selector node;
    int function_ref;
    int label_ref;            /* a check's sentence */
    char where[SIM_NAME_MAX]; /* of a check: "file.lua:12" */
};

/* What happened in the current event and somebody listens to. */
struct script_notice {
    enum sim_notice_kind kind;
    uint32_t node;
    uint64_t term;
    uint64_t index;
    const char *site;
};

struct script_fault {
    struct script_fault *next;
    struct sim_rule *rule;
    uint64_t for_ns;    /* 0: for ever */
    uint32_t disk_node; /* made through the disk of this node */
    bool by_disk;
};

struct sim_script {
    struct sim_world *world; /* NULL while a file is only listed */
    struct arena *arena;
    const struct sut_ops *sut;
    const char *file;
    lua_State *main;
    lua_State *callbacks; /* runs hooks, checks, when, call */
    char name[SIM_NAME_MAX];
    char known_bug[SCRIPT_ID_MAX];
    char known_bug_fails[SCRIPT_ID_MAX];
    bool finished;  /* run has returned */
    bool abandoned; /* the script has no further say */

    size_t heap_used;
    uint32_t heap_refusals; /* in a row */
    uint32_t heap_requests; /* the first two, to pin the hash seed */
    void *heap_state;
    bool is_seed_pinned;
    const void *heap_cache; /* within the state */
    uint64_t instructions;
    enum script_stop stop;
    char stop_text[SIM_TEXT_MAX];

    enum script_place place;
    const char *place_name; /* of the hook, the check or the action */
    const char *call;       /* the API function that is running, for messages */
    struct {
        char call[SIM_NAME_MAX];
        char where[SIM_NAME_MAX];
        char error[SIM_NAME_MAX]; /* that it returned as well, or "" */
        uint64_t time_ns;
    } last_nil; /* the last API call that returned nil */
    uint32_t serials;

    struct sim_source source;
    struct script_task *tasks;
    struct script_task *current; /* the task that is running */
    int task_ids;
    int main_task;

    struct script_listener *listeners;
    struct script_listener **listeners_end;
    uint32_t listening[SIM_NOTICE_COUNT];
    uint64_t notices[SIM_NOTICE_COUNT]; /* so far, heard or not */
    uint32_t checks_always;             /* active checks without a kind */
    struct script_notice *pending;
    uint32_t pending_count, pending_capacity;

    struct script_fault *faults;
    struct script_fault **faults_end;
    int node_refs[SIM_NODES_MAX];
    struct sim_stream random; /* math.random */
    int cluster_ref;
    int run_ref;    /* the scenario's run function */
    int params_ref; /* and its argument */

    /* While the file is loaded. */
    const char *wanted;     /* the scenario to open; NULL: list */
    const char *parameters; /* as given */
    bool found;
    uint32_t declared;
    bool (*visit)(void *visitor, const struct sim_scenario_info *info);
    void *visitor;
    bool visit_ended;
};

/* state.c */
lua_State *script_state_open(struct sim_script *script); /* does not raise; NULL: out of memory */
struct sim_script *script_of(lua_State *L);
/* Loads the file and runs its top level. False with a message. Does not raise. */
bool script_load(struct sim_script *script, const char *text, size_t size, char *error,
                 size_t error_size);
/* Calls the function below its arguments on a state that is not a task. What went wrong is reported
 * to the world; then false. Does not raise. */
bool script_call_protected(struct sim_script *script, lua_State *L, int arguments, int results);
/* An error has ended the code on L; its value is on the top. Reports it. Does not raise. */
void script_report(struct sim_script *script, lua_State *L);
/* The text of an error value on the top of L, with hint and call chain. Does not raise. */
void script_error_text(struct sim_script *script, lua_State *L, char *out, size_t size);
/* "file.lua:12" of the innermost frame of a scenario file, or "" if there is none; a path that does
 * not fit loses its beginning. */
void script_where(lua_State *L, char *out, size_t size);
/* Appends each frame of a scenario file behind the innermost, as "called from file:line". */
void script_callers(lua_State *L, const char *separator, char *out, size_t size);
/* Remembers that a call returned nil, and an error or "": a hint if somebody goes on with the nil.
 */
void script_note_nil(lua_State *L, const char *call, const char *error);
/* Raises "file:line: call: message", the second without the call. */
_Noreturn void script_raise(lua_State *L, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
_Noreturn void script_raise_plain(lua_State *L, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Unwinds without an error: nothing of the script runs any more. */
_Noreturn void script_unwind(lua_State *L);
bool script_is_unwinding(lua_State *L, int index); /* whether the value is that of script_unwind */

/* stdlib.c, sort.c: what replaces parts of Lua's own library */
void script_sandbox_open(lua_State *L); /* sandbox.c */
int script_lua_pairs(lua_State *L);
int script_lua_next(lua_State *L);
int script_lua_sort(lua_State *L);
void script_stdlib_open(lua_State *L, int globals);
/* Pushes how a value reads, with serials instead of addresses. */
const char *script_push_string(lua_State *L, int index);
/* "the string "3"", "a table", "n2", "3.5": a value in a message. Pushes it. */
const char *script_push_value(lua_State *L, int index);

/* handle.c: objects and functions of the interface */
enum { SCRIPT_WAITS = 1, SCRIPT_CHANGES = 2, SCRIPT_ANYWHERE = 4 };

struct script_function {
    const char *name;
    /* self is NULL for a function; arguments start at 1. */
    int (*call)(lua_State *L, struct sim_script *script, void *self);
    unsigned flags;
};

struct script_field {
    const char *name;
    void (*push)(lua_State *L, struct sim_script *script, void *self);
};

struct script_class {
    const char *name;
    const struct script_function *methods;
    size_t method_count;
    const struct script_field *fields;
    size_t field_count;
    /* c[i]; NULL: not indexed by numbers */
    void (*push_at)(lua_State *L, struct sim_script *script, void *self, int64_t index);
    /* tostring; NULL: the class's name and the serial */
    void (*push_name)(lua_State *L, void *self);
};

struct script_handle {
    const struct script_class *class_;
    void *object;
    uint32_t serial;
};

void script_handle_push(lua_State *L, const struct script_class *class_, void *object);
/* The handle at index, or NULL. Does not raise. */
struct script_handle *script_handle_at(lua_State *L, int index);
/* Adds functions to the table on the top; module is "" for globals. */
void script_functions_add(lua_State *L, const char *module, const struct script_function *functions,
                          size_t count);
/* The name nearest to word, or NULL if none is near. Does not raise. */
const char *script_nearest(const char *word, const char *const *names, size_t count);
/* Pushes "(did you mean 'x'?)" with a space before it, or "". */
const char *script_push_guess(lua_State *L, const char *word, const char *const *names,
                              size_t count);
/* Pushes the names, sorted and separated by commas. */
const char *script_push_list(lua_State *L, const char *const *names, size_t count);

#define SCRIPT_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* options.c: tables of options */
enum script_option_kind {
    SCRIPT_INTEGER,     /* int64_t within min .. max */
    SCRIPT_DURATION,    /* uint64_t ns; the key has _ms or _us */
    SCRIPT_PROBABILITY, /* uint64_t threshold of 2^64 */
    SCRIPT_BOOLEAN,     /* bool */
    SCRIPT_STRING,      /* const char *, valid while the table is */
    SCRIPT_SELECTOR,    /* struct sim_selector */
    SCRIPT_TABLE,       /* a table; the caller fetches it by name */
    SCRIPT_ANY,         /* the caller fetches and checks it */
};

struct script_option {
    const char *name; /* of a duration: without the unit */
    enum script_option_kind kind;
    size_t offset; /* in out */
    int64_t min, max;
    bool required;
};

/* When a rule strikes: the options of a struct sim_trigger, a field of what is read into. */
#define SCRIPT_TRIGGER(type, trigger)                                                              \
    {"nth", SCRIPT_INTEGER, offsetof(type, trigger.nth), 1, INT64_MAX, false},                     \
        {"from_nth", SCRIPT_INTEGER, offsetof(type, trigger.from_nth), 1, INT64_MAX, false},       \
        {"every", SCRIPT_INTEGER, offsetof(type, trigger.every), 1, INT64_MAX, false},             \
        {"times", SCRIPT_INTEGER, offsetof(type, trigger.times), 1, INT64_MAX, false},             \
    {                                                                                              \
        "p", SCRIPT_PROBABILITY, offsetof(type, trigger.p), 0, 0, false                            \
    }

/* Reads the table at index (nil: no options) into out, whose defaults are set. Returns a bit for
 * each option that was given. */
uint64_t script_options_read(lua_State *L, int index, const struct script_option *options,
                             size_t count, void *out);
uint64_t script_duration(lua_State *L, int index, uint64_t unit_ns, const char *what);
int64_t script_integer(lua_State *L, int index, int64_t min, int64_t max, const char *what);
uint64_t script_probability(lua_State *L, int index, const char *what);
const char *script_string(lua_State *L, int index, const char *what);
void script_check_function(lua_State *L, int index, const char *what);
void script_check_end(lua_State *L, int count); /* no more arguments than count */
void script_selector(lua_State *L, int index, struct sim_selector *out);
/* The nodes that a selector means now, as bits. */
uint32_t script_selected(struct sim_script *script, const struct sim_selector *selector);

/* tasks.c */
void script_tasks_open(lua_State *L, int globals);
struct script_task *script_task_start(lua_State *L, int arguments); /* function below arguments */
/* When a wait that began then is given up; to be asked each time it goes on. */
uint64_t script_deadline(struct sim_script *script, uint64_t from_ns, uint64_t within_ns);
/* Puts the running task to sleep; continues with k. */
int script_wait_until(lua_State *L, enum script_wait wait, uint64_t time_ns, lua_KFunction k);
int script_wait_for(lua_State *L, enum script_wait wait, lua_KFunction k);
void script_wake_leader_waits(struct sim_script *script);
void script_wake_tasks_waiting_for(struct sim_script *script, int id);
/* Ends the script because an expectation failed. */
_Noreturn void script_expectation(lua_State *L, const char *where, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* listen.c */
void script_listen_open(lua_State *L, int globals);
void script_listener_add(lua_State *L, const struct script_listener *model,
                         const struct script_class *class_);
int script_notice_kind(lua_State *L, int index); /* of the name at index */
extern const struct script_class script_check_class;

/* watches.c: a watch for what the caller sets on a device; pushes its handle. */
struct sim_watch *script_watch_push(lua_State *L, const char *what);

/* scenario.c */
void script_scenario_open(lua_State *L, int globals);
/* cluster.c, links.c, members.c, nodes.c, faults.c, clients.c, expect.c, misc.c */
void script_cluster_open(lua_State *L, int globals);
struct sim_world *script_world(lua_State *L); /* with a cluster, else raises */
/* cluster_options.c: reads the options of cluster{} at an index. */
void script_cluster_options_read(lua_State *L, int index, struct sim_cluster_options *options);
/* Puts the options that the table at index gives over those that a node has for its next start. */
void script_restart_options_read(lua_State *L, int index, struct sim_node *node);
void script_node_push(lua_State *L, struct sim_script *script, uint32_t node);
void script_nodes_push(lua_State *L, struct sim_script *script, uint32_t nodes);
/* Methods of the cluster that live in links.c, clients.c and members.c. */
int script_cluster_partition(lua_State *L, struct sim_script *script, void *self);
int script_cluster_bridge(lua_State *L, struct sim_script *script, void *self);
int script_cluster_ring(lua_State *L, struct sim_script *script, void *self);
int script_cluster_isolate(lua_State *L, struct sim_script *script, void *self);
int script_cluster_cut(lua_State *L, struct sim_script *script, void *self);
int script_cluster_link(lua_State *L, struct sim_script *script, void *self);
int script_cluster_drop(lua_State *L, struct sim_script *script, void *self);
int script_cluster_hold(lua_State *L, struct sim_script *script, void *self);
int script_cluster_heal(lua_State *L, struct sim_script *script, void *self);
int script_cluster_client(lua_State *L, struct sim_script *script, void *self);
int script_cluster_load(lua_State *L, struct sim_script *script, void *self);
int script_cluster_history(lua_State *L, struct sim_script *script, void *self);
int script_cluster_add(lua_State *L, struct sim_script *script, void *self);
int script_cluster_remove(lua_State *L, struct sim_script *script, void *self);
int script_cluster_promote(lua_State *L, struct sim_script *script, void *self);
int script_cluster_demote(lua_State *L, struct sim_script *script, void *self);
int script_cluster_members(lua_State *L, struct sim_script *script, void *self);
int script_node_recover(lua_State *L, struct sim_script *script, void *self);
int script_node_retire(lua_State *L, struct sim_script *script, void *self);
const char *script_member_string(uint32_t flags);          /* "voter", "learner", …, "none" */
const char *script_node_role(const struct sim_node *node); /* "down" included */
extern const struct script_class script_node_class;
extern const struct script_class script_disk_class;
void script_faults_open(lua_State *L, int globals);
/* A rule for a pattern, at the caller's position; pushes its handle. */
struct script_fault *script_fault_new(lua_State *L, const char *pattern);
/* Arms it with an action; "errno" and so on names the action for messages. */
void script_fault_arm(lua_State *L, struct script_fault *fault, enum sim_fault_action action);
void script_fault_arm_errno(lua_State *L, struct script_fault *fault, const char *name);
/* False with a message if a rule was begun and never armed. Does not raise. */
bool script_faults_complete(struct sim_script *script, char *error, size_t error_size);
void script_expect_open(lua_State *L, int globals);
void script_misc_open(lua_State *L, int globals);

#endif
