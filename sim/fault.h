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

#include "disk.h"
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
    SIM_FAULT_CRASH,   /* the node crashes; at a hand-over with outcome CRASH_AFTER behind it */
    SIM_FAULT_LIE,     /* rule.lie: a write that is lost or misdirected reports success */
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
    bool has_heavy_tail;  /* the delay is that at least; see sim_draw_heavy */
    uint64_t short_bytes; /* RAFT_OUTCOME_SHORT: what is transferred at most */
    enum sim_lie lie;
    bool optional;            /* may never fire */
    bool planned;             /* of a plan, not of the script */
    bool idle;                /* armed so as never to fire; no part of the state */
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
    uint64_t short_bytes;
    enum sim_lie lie; /* alone */
};

/* Where a shot strikes; what its occurrences are of. */
enum sim_shot_place {
    SIM_SHOT_POINT,   /* consultations of a fault point */
    SIM_SHOT_SUBMIT,  /* operations handed to a disk */
    SIM_SHOT_DONE,    /* operations that complete */
    SIM_SHOT_MESSAGE, /* messages that leave a node */
    SIM_SHOT_EVENT,   /* events of the run: between that one and the next */
    SIM_SHOT_PLACE_COUNT
};

/* What befalls a node though it is no outcome of a fault point. */
enum sim_mishap {
    SIM_MISHAP_CRASH,
    SIM_MISHAP_RETIRE, /* its machine is lost for good */
    SIM_MISHAP_PAUSE,
    SIM_MISHAP_WIPE,
    SIM_MISHAP_RESTORE,
    SIM_MISHAP_REMOVE, /* a file is gone */
    SIM_MISHAP_ROT,
    SIM_MISHAP_FULL,   /* its disk has no space for a write */
    SIM_MISHAP_MEMORY, /* its budget has no room for an allocation */
    SIM_MISHAP_JUMP,   /* of its clock, as the following */
    SIM_MISHAP_DRIFT,
    SIM_MISHAP_LATE,
    SIM_MISHAP_CUT, /* of its messages, as the following */
    SIM_MISHAP_LOSS,
    SIM_MISHAP_HOLD,
    SIM_MISHAP_DELAY,
    SIM_MISHAP_DAMAGE,
    SIM_MISHAP_TWICE,
    SIM_MISHAP_COUNT
};

/* The places of shots that are no fault points, and behind them mishaps, have a point in the
 * registry each, behind all others, so that what is injected there has a name and is counted.
 * Nobody can arm a rule there. */
#define SIM_INSTANT_COUNT ((uint32_t)SIM_SHOT_PLACE_COUNT - 1)
#define SIM_UNARMED_COUNT (SIM_INSTANT_COUNT + (uint32_t)SIM_MISHAP_COUNT)

/* What a shot does elsewhere than at a fault point. */
enum sim_shot_deed {
    SIM_SHOT_CRASH_BEFORE, /* SUBMIT, DONE, MESSAGE: the node dies before it, or behind it */
    SIM_SHOT_CRASH_AFTER,
    SIM_SHOT_DROP, /* MESSAGE */
    SIM_SHOT_DUPLICATE,
    SIM_SHOT_DELAY,
    SIM_SHOT_STOP, /* EVENT: a node is asked to stop in good order */
    SIM_SHOT_DEED_COUNT
};

/* One armed (place, occurrence, deed): how a sweep injects. Occurrences are counted over the whole
 * run and all nodes, so a base run and its branches count alike. */
struct sim_shot {
    enum sim_shot_place place;
    uint32_t point;      /* POINT */
    uint64_t occurrence; /* from 1; 0: nothing armed */
    enum raft_outcome outcome;
    bool persistent; /* POINT: from that occurrence on, on that node, until the liveness phase */
    enum sim_shot_deed deed;     /* not POINT, as the following */
    struct sim_disk_image image; /* of a crash */
    uint64_t delay_ns;           /* DELAY: on top of the link's; DUPLICATE: of the copy */
    uint32_t node;               /* STOP: which; else where it fired first, set by the world */
    uint64_t fired;
    uint64_t fired_ns; /* when first */
    bool is_over;      /* it fired before the liveness phase, and has healed */
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
#define SIM_SHOT_STOP_NS   5000000000u

#define SIM_POINTS_MAX     (SUT_POINTS_MAX + 48u)
#define SIM_POINT_UNLISTED UINT32_MAX /* a point that only the second implementation has */

struct sim_faults {
    struct sim_world *world;
    const struct raft_point_info *points[SIM_POINTS_MAX]; /* the registry */
    uint32_t point_count;
    uint32_t *next_points;        /* of the second implementation, as points here, or
                                   * SIM_POINT_UNLISTED; NULL: there is none */
    struct raft_gate *next_gates; /* which its processes look at: every exit stops there */
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
    struct sim_shot second;                /* of a pair: a point, behind the first */
    uint64_t passed[SIM_SHOT_PLACE_COUNT]; /* occurrences so far, but for points and events */
    struct sim_mute mute;
    bool suspended;                   /* the liveness phase: nothing fires any more */
    bool at_once;                     /* this consultation is of an operation without a latency */
    struct sim_injection *injections; /* the first SIM_INJECTIONS_MAX of a run */
    uint32_t injection_count;
    uint32_t injection_capacity;
    uint32_t mishap_rows[SIM_MISHAP_COUNT][SIM_NODES_MAX]; /* in injections, from 1; 0: none */
    uint64_t fired;                                        /* all */
    /* What was consulted in which context, and, few among many, what came of it. */
    uint32_t reached[SIM_POINTS_MAX][RAFT_ROLE_COUNT][SIM_LIFE_COUNT];
    struct sim_fault_count *counts;
    uint32_t count_count;
    uint32_t count_capacity;
    uint32_t counts_of[SIM_POINTS_MAX]; /* the latest of a point, from 1; 0: none */
};

/* How often an outcome came at a point in one context. It keeps its number for the whole run, so
 * that what has come since a checkpoint is a difference. */
struct sim_fault_count {
    uint32_t next; /* of the same point: as counts_of */
    uint32_t point;
    uint32_t counted; /* enum raft_outcome or enum sim_counted */
    uint32_t role;
    uint32_t life;
    uint32_t times;
};

#define SIM_INJECTIONS_MAX 128u

void sim_faults_init(struct sim_faults *faults, struct sim_world *world, const struct sut_ops *sut);
/* The run has a second implementation. Its points are found by name and kind; those that the first
 * does not have are passed without a word. */
void sim_faults_next(struct sim_faults *faults, const struct sut_ops *next);
/* Index of a point by name, or -1. Does not need a world: the registry of an implementation. */
int sim_point_find(const struct sut_ops *sut, const char *name);
/* Those that rules can name, without instants and mishaps. */
uint32_t sim_point_count(const struct sut_ops *sut);
const struct raft_point_info *sim_point_info(const struct sut_ops *sut, uint32_t point);
/* The point at which a shot strikes, and what it does there, as it is counted. */
uint32_t sim_shot_point(const struct sut_ops *sut, const struct sim_shot *shot);
uint32_t sim_shot_counted(const struct sim_shot *shot);
const char *sim_counted_string(uint32_t counted);
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
/* Counts what a shot does at an instant, and notes it. */
void sim_fault_note_shot(struct sim_faults *faults, uint32_t node, const struct sim_shot *shot);
/* A mishap is about to befall a node. False: this run is the twin without it, and nothing must
 * happen. */
bool sim_fault_befalls(struct sim_faults *faults, uint32_t node, enum sim_mishap mishap);
/* How often a point has failed by an injection, of whatever kind. */
uint64_t sim_fault_fired(const struct sim_faults *faults, uint32_t point);
/* instant.c: the places of shots that are no fault points. A node is about to pass one, or has just
 * passed it: is_after. It may be dying, or dead, when this returns. */
void sim_instant_pass(struct sim_faults *faults, uint32_t node, enum sim_shot_place place,
                      bool is_after);
/* The shot that strikes the message which is passing now, or NULL. */
const struct sim_shot *sim_instant_message(struct sim_faults *faults, uint32_t node);
/* The end of an event. */
void sim_instant_event(struct sim_faults *faults);

/* The first rule of the script that is not optional and has never fired, or NULL. */
const struct sim_rule *sim_fault_vacuous(const struct sim_faults *faults, bool planned);

#endif
