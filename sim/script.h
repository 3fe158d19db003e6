/* The scenario script, as the world sees it. Implemented by the Lua binding (sim/lua/); a unit test
 * may run a world without one (world->script == NULL). */
#ifndef SIM_SCRIPT_H
#define SIM_SCRIPT_H

#include "record.h"
#include "scheduler.h"

struct sim_world;
struct sim_script;
struct sut_ops;
struct sim_rule;
struct sim_operation;
struct sim_load;
struct sim_member_change;

/* What scripts can be told of. */
enum sim_notice_kind {
    SIM_NOTICE_LEADER_ELECTED,
    SIM_NOTICE_STEPPED_DOWN,
    SIM_NOTICE_COMMITTED,
    SIM_NOTICE_APPLIED,
    SIM_NOTICE_CRASHED,
    SIM_NOTICE_RESTARTED,
    SIM_NOTICE_MESSAGE_SENT,
    SIM_NOTICE_MESSAGE_DROPPED,
    SIM_NOTICE_FAULT_FIRED,
    SIM_NOTICE_DISK_ERROR,
    SIM_NOTICE_PARTITIONED,
    SIM_NOTICE_HEALED,
    SIM_NOTICE_CLIENT_REPLY,
    SIM_NOTICE_COUNT
};
const char *sim_notice_string(enum sim_notice_kind kind); /* "leader_elected", … */

/* A scenario file and which of its scenarios to run how. Borrowed for the run. */
struct sim_scenario_source {
    const char *file; /* as the user named it: the prefix of error messages */
    const char *text;
    size_t size;
};

/* What a file declares, for listing and planning runs. */
struct sim_scenario_info {
    char name[SIM_NAME_MAX];
    char doc[SIM_TEXT_MAX];
    char tags[SIM_TEXT_MAX]; /* separated by spaces */
    uint64_t seeds[64];      /* which seeds a plain run takes */
    uint32_t seed_count;     /* 0: seeds 1 .. seed_limit */
    uint64_t seed_limit;
    uint64_t budget_sim_ns;
    uint64_t budget_events;
    uint32_t budget_wall_s;
    /* Parameter sets of a plain run: "name=value name=value" each; at least one. In the arena of
     * the listing, copied by the caller. */
    uint32_t variant_count;
    char (*variants)[SIM_TEXT_MAX];
};

/* Reads what a file declares; used outside runs, resets the arena. Calls visit for each scenario in
 * order. False with "file:line: message" in error. */
bool sim_script_list(struct arena *arena, const struct sut_ops *sut,
                     const struct sim_scenario_source *source,
                     bool (*visit)(void *visitor, const struct sim_scenario_info *info),
                     void *visitor, char *error, size_t error_size);

/* Loads one scenario of a file into the world, with its parameters, and schedules its run function
 * as the first task. False with a message in error. */
bool sim_script_open(struct sim_world *world, const struct sim_scenario_source *source,
                     const char *name, const char *parameters, char *error, size_t error_size);
/* SIM_EVENT_SCRIPT: goes on with a task. */
void sim_script_event(struct sim_script *script, struct sim_event *event);
/* A client's operation, or a load, that a task waits for has ended. The task goes on in a
 * SIM_EVENT_SCRIPT at the same instant. */
void sim_script_operation_done(struct sim_script *script, int waiter,
                               const struct sim_operation *operation);
void sim_script_change_done(struct sim_script *script, int waiter,
                            const struct sim_member_change *change);
void sim_script_load_done(struct sim_script *script, int waiter);
/* Something scripts can listen to has happened; cheap when nobody listens. */
void sim_script_notice(struct sim_script *script, enum sim_notice_kind kind, uint32_t node,
                       uint64_t term, uint64_t index, const char *site);
/* Where it counts what has happened: sim_world.told_apart says when the script asked. */
struct arena_span sim_script_counters(const struct sim_script *script);
/* What its state keeps by addresses of the host's texts, as a shortcut. Size 0: unknown. */
struct arena_span sim_script_cache(const struct sim_script *script);
/* After each event: the script's always/never checks. */
void sim_script_check(struct sim_script *script);
/* A rule's when (returns whether it applies) and call. */
bool sim_script_rule_when(struct sim_script *script, struct sim_rule *rule, uint32_t node);
void sim_script_rule_call(struct sim_script *script, struct sim_rule *rule, uint32_t node);
/* The known bug that the scenario reproduces, and the check that must fail for it; NULL: none. */
const char *sim_script_known_bug(const struct sim_script *script, const char **out_fails);
/* Ends all tasks, hooks and checks: the script has no further say (the liveness phase). */
void sim_script_abandon(struct sim_script *script);

#endif
