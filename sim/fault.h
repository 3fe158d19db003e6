/* Fault rules: what happens at a named point, and when.
 *
 * The registry holds the points of the node under test followed by the world's own ("disk.write",
 * "disk.sync", …: every operation of that kind, whatever its point in the core). Rules are
 * consulted in the order in which they were armed; the first that fires wins, and those behind it
 * do not see that consultation. `nth` and `every` count the consultations that match the rule's
 * nodes, from the moment it is armed. A rule covers those of the points it names that declare its
 * outcome: an outcome that is not legal somewhere is never injected there. A crash by a fault
 * leaves of unsynced writes what the node's own stream says (SIM_UNSYNCED_RANDOM). */
#ifndef SIM_FAULT_H
#define SIM_FAULT_H

#include "network.h"

enum sim_world_point {
    SIM_POINT_DISK_OPEN,
    SIM_POINT_DISK_CREATE,
    SIM_POINT_DISK_READ,
    SIM_POINT_DISK_WRITE,
    SIM_POINT_DISK_SYNC,
    SIM_POINT_DISK_TRUNCATE,
    SIM_POINT_DISK_CLOSE,
    SIM_POINT_DISK_UNLINK,
    SIM_POINT_DISK_RENAME,
    SIM_POINT_DISK_SYNC_DIR,
    SIM_POINT_DISK_LIST,
    SIM_POINT_MEMORY_ALLOC, /* any allocation of a node */
    SIM_WORLD_POINT_COUNT
};

/* Beside the outcomes of raft/points.h, a rule may do these at any point. */
enum sim_fault_action {
    SIM_FAULT_OUTCOME, /* rule.outcome */
    SIM_FAULT_DELAY,   /* rule.delay_ns more; files only, and not those that take no time */
    SIM_FAULT_CRASH,   /* the node crashes after the step */
    SIM_FAULT_CALL,    /* the script's function rule.call decides nothing, it only looks */
};

struct sim_rule {
    struct sim_rule *next;
    uint32_t id;
    bool active;
    bool armed; /* it has been active at some time */
    char pattern[SIM_NAME_MAX];
    struct sim_selector on;
    struct sim_trigger trigger;
    enum sim_fault_action action;
    enum raft_outcome outcome;
    uint64_t delay_ns;
    bool optional;            /* may never fire */
    bool planned;             /* of a plan, not of the script */
    int call;                 /* the script's reference; 0: none */
    int when;                 /* the script's predicate; 0: none */
    uint32_t at;              /* the point that is being consulted, for these two */
    char where[SIM_NAME_MAX]; /* "file.lua:12" of the rule, or "plan" */
    struct sim_stream stream;
};

/* What a consultation yields. */
struct sim_verdict {
    bool fired;
    enum raft_outcome outcome;
    uint64_t delay_ns; /* with any outcome; alone: outcome is RAFT_OUTCOME_COUNT */
};

/* One armed (point, occurrence, outcome): how a sweep injects. Occurrences are counted over the
 * whole run and all nodes, so a base run and its branches count alike. */
struct sim_shot {
    uint32_t point;
    uint64_t occurrence; /* from 1; 0: nothing armed */
    enum raft_outcome outcome;
    bool persistent; /* from that occurrence on, on that node, until the liveness phase begins */
    uint32_t node;   /* where it fired first; set by the world */
    uint64_t fired;
    uint64_t fired_ns; /* when first */
};

/* One row of injections that is to have no effect: its rule fires, and nothing happens. */
struct sim_mute {
    bool active;
    bool persistent;
    uint32_t point;
    uint32_t node;
    char outcome[SIM_NAME_MAX];
};

/* So long a persistent shot lasts in the STOP phase: no node could ever close a file on a device
 * that refuses for good. */
#define SIM_SHOT_STOP_NS 5000000000u

#define SIM_POINTS_MAX   (SUT_POINTS_MAX + 32u)

struct sim_faults {
    struct sim_world *world;
    const struct raft_point_info *points[SIM_POINTS_MAX]; /* the registry */
    uint32_t point_count;
    uint32_t sut_point_count; /* the first ones; a world point p has index sut_point_count + p */
    struct raft_gate gates[SIM_POINTS_MAX];
    uint64_t taken[SIM_POINTS_MAX]; /* exits: how often the state itself took them */
    struct sim_rule_list {
        struct sim_rule **rules; /* active rules that match, in order of arming */
        uint32_t count;
        uint32_t capacity;
    } rules_of[SIM_POINTS_MAX];
    struct sim_rule *rules; /* all, linked in order of creation */
    struct sim_rule **rules_end;
    uint32_t rule_count;
    struct sim_shot shot;
    struct sim_mute mute;
    bool suspended;                   /* the liveness phase: nothing fires any more */
    bool shot_is_over;                /* it fired before the liveness phase, and has healed */
    bool at_once;                     /* this consultation is of an operation without a latency */
    struct sim_injection *injections; /* the first SIM_INJECTIONS_MAX of a run */
    uint32_t injection_count;
    uint32_t injection_capacity;
    uint64_t fired; /* all */
    /* Consultations by context: [point][role][phase]. */
    struct sim_coverage_cell {
        uint32_t hits;
        uint32_t fired;
    } coverage[SIM_POINTS_MAX][RAFT_ROLE_COUNT][4];
};

#define SIM_INJECTIONS_MAX 64u

void sim_faults_init(struct sim_faults *faults, struct sim_world *world, const struct sut_ops *sut);
/* Index of a point by name, or -1. Does not need a world: the registry of an implementation. */
int sim_point_find(const struct sut_ops *sut, const char *name);
uint32_t sim_point_count(const struct sut_ops *sut);
const struct raft_point_info *sim_point_info(const struct sut_ops *sut, uint32_t point);
/* Whether a name matches a pattern: '*' is one part, '**' any number. */
bool sim_point_matches(const char *pattern, const char *name);
const char *sim_fault_outcome_string(enum raft_outcome outcome); /* "eio", "null", … */
const char *sim_fault_kind_string(enum raft_point_kind kind);

/* A new inactive rule with no action. */
struct sim_rule *sim_fault_rule_new(struct sim_faults *faults, const char *pattern);
/* Arms a rule. Returns how many points it matches; 0: not armed. */
uint32_t sim_fault_rule_arm(struct sim_faults *faults, struct sim_rule *rule);
void sim_fault_rule_off(struct sim_faults *faults, struct sim_rule *rule);
/* Arms a rule that covers every point and never fires. It must not matter. */
void sim_fault_arm_idle(struct sim_faults *faults);
/* The liveness phase: every rule is off for good, a persistent shot heals. */
void sim_faults_suspend(struct sim_faults *faults);
/* The nodes stop: every rule is off for good, but a shot that has not fired yet may. */
void sim_faults_stopping(struct sim_faults *faults);

/* A node consults a point: counts it, and says what happens. A crash of the node is ordered here,
 * so that the caller finds it dying afterwards. */
struct sim_verdict sim_fault_consult(struct sim_faults *faults, uint32_t node, uint32_t point);
/* The same for an exit, whose gate has counted already. Returns whether it is taken; what the state
 * itself asks for (condition) is always taken, and then no outcome is spent on it. */
bool sim_fault_exit(struct sim_faults *faults, uint32_t node, uint32_t point, bool condition);
/* The first rule of the script that is not optional and has never fired, or NULL. */
const struct sim_rule *sim_fault_vacuous(const struct sim_faults *faults, bool planned);

#endif
