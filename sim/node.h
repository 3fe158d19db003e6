/* A simulated node: a process that can die, on a disk that stays.
 *
 * This is the environment (raft/env.h) of the node under test: it puts the fault points, the ledger
 * and the devices between the core and the world. A crash frees all memory of the process at once;
 * a restarted node is built from its disk's bytes alone. A fault that kills the process in the
 * middle of a step marks it as dying: from then on nothing it does has an effect, and the world
 * crashes it when the step is over. */
#ifndef SIM_NODE_H
#define SIM_NODE_H

#include "disk.h"
#include "fault.h"
#include "ledger.h"
#include "machine.h"
#include "sut.h"

enum sim_node_state {
    SIM_NODE_DOWN, /* no process */
    SIM_NODE_UP,
    SIM_NODE_STOPPING, /* graceful stop asked for */
    SIM_NODE_STOPPED,  /* stopped in good order; no process */
    SIM_NODE_FAILED,   /* the process stopped itself, or would not start; no process */
};
const char *sim_node_state_string(enum sim_node_state state);

/* What was done to a process. Each explains some failures of it, and no others. */
enum sim_harm {
    SIM_HARM_DISK,    /* a file operation failed */
    SIM_HARM_SPACE,   /* it had no space, or transferred less than was asked for */
    SIM_HARM_MEMORY,  /* an allocation failed */
    SIM_HARM_QUEUE,   /* a hand-over was refused */
    SIM_HARM_MACHINE, /* the state machine failed */
    SIM_HARM_EXIT,    /* an early return was taken that the state had not asked for */
    SIM_HARM_COUNT
};

/* What a SIM_EVENT_NODE does. */
enum sim_node_action { SIM_NODE_RESTART = 1, SIM_NODE_STOP, SIM_NODE_READ_ONLY, SIM_NODE_STROBE };

/* local = base_local + (global - base_global) * (1e6 + drift_ppm) / 1e6; -1e6 is a clock that
 * stands still. The process sees it as a monotonic clock: after a jump backwards it stands still
 * (at the floor) until it has caught up. A *strobe* throws it to and fro. */
struct sim_clock {
    uint64_t base_global_ns;
    uint64_t base_local_ns;
    uint64_t floor_local_ns;
    int64_t drift_ppm;
    uint64_t strobe_ns;        /* how far; 0: none */
    uint64_t strobe_period_ns; /* between two throws */
    bool is_ahead;             /* by strobe_ns, at the moment */
    struct sim_event *strobe;  /* the next throw, queued, or NULL */
    uint64_t late;             /* chance that a timer is late */
    uint64_t late_ns;          /* by so much at least, with a heavy tail */
    struct sim_stream stream;  /* of that */
};
#define SIM_CLOCK_FROZEN (-1000000)

struct sim_exit {
    uint64_t point;
    uint64_t event; /* 0: none yet */
};

/* A block of the process, for the count of blocks and for freeing them all at a crash. */
struct sim_block;

/* The mark of a request that is a read: it is in no log. */
#define SIM_REQUEST_READ (UINT64_C(1) << 63)

/* The bytes of a state machine's state; NULL: none. */
struct sim_state {
    uint8_t *bytes;
    size_t size;
    size_t done; /* restoring: how much has come */
};

struct sim_node {
    struct sim_world *world;
    uint32_t id;
    enum sim_node_state state;
    bool dying;
    bool died_in_event; /* the last process did, and none has started since */
    enum sim_unsynced dying_unsynced;
    bool running;                /* code of the process is on the stack */
    bool paused;                 /* events that reach it wait until it is resumed */
    struct sim_event **deferred; /* while paused, in order of arrival */
    uint32_t deferred_count;
    uint32_t deferred_capacity;
    struct sim_source resume_source; /* keeps their order */
    bool is_starting;                /* create and start are on the stack */
    bool is_store_planted;           /* it was wiped, or put back as it once was */
    bool refused_store; /* the last start was refused for what was planted on the disk */
    bool bootstrapped;  /* it has started once: from now on an empty store is a lost one */
    uint64_t harmed[SIM_HARM_COUNT]; /* number of the latest event with such a harm to this process,
                                        plus 1; 0: none */
    uint64_t durable_event;          /* the latest in which the durable log grew, or the start */
    uint64_t idle_event;             /* the latest that left the disk nothing to do, or the start */
    uint32_t failed_by;   /* harms of the event in which it gave up, as a set; it may end later */
    uint64_t unsteady_ns; /* when something was last done to the node: start, fault, pause, clock */
    bool was_damaged;     /* what it started from was damaged, or what an earlier start found so has
                           * not been made up for: it may miss entries or promises */
    bool is_whole;        /* it runs, and nothing is missing that its disk should have */
    bool has_stopped;     /* env->stopped has been called */
    enum raft_status stopped_why;
    uint32_t peer;        /* whose message the current event is, or 0 */
    uint64_t submitting;  /* the request whose submission is on the stack; 0: none */
    bool completed_early; /* it was completed before its submission returned */
    enum raft_status early_status;
    raft_index early_index;
    struct raft_io *crash_after; /* the operation after which the process dies, or NULL */
    uint32_t incarnation;
    void *process;             /* of sut */
    const struct sut_ops *sut; /* of the process, or of the last one */
    bool takes_next;           /* the next process is of the world's second implementation */
    struct raft_options options;
    struct raft_options
        started; /* what the process was made with; options may change before it ends */
    struct raft_env env;
    struct raft_memory memory;
    struct raft_probe probe;
    struct raft_view view; /* refreshed after each event of the node */
    struct sim_disk disk;
    struct sim_clock clock;
    struct sim_ledger ledger;
    struct sim_machine *machine;
    struct sim_event *timers[RAFT_TIMER_COUNT]; /* queued, or NULL */
    raft_time deadlines[RAFT_TIMER_COUNT];      /* local */
    struct sim_source timer_source;
    struct sim_source machine_source;
    struct sim_stream machine_stream;
    struct sim_batch *batch;    /* being applied */
    struct sim_state frozen;    /* a snapshot that is being saved */
    struct sim_state restoring; /* one that is being put in place */
    bool is_read_only_wanted;
    uint64_t apply_ns; /* mean time of the state machine for a batch */
    struct sim_block *blocks;
    uint64_t block_count;
    uint64_t block_bytes;
    uint64_t memory_limit;          /* on block_bytes; UINT64_MAX: none */
    struct sim_watch *memory_watch; /* or NULL, as the other two */
    struct sim_watch *pause_watch;
    struct sim_watch *clock_watch;
    struct sim_block *quarantine; /* freed blocks, poisoned; oldest first */
    struct sim_block **quarantine_end;
    uint64_t quarantine_bytes;
    uint32_t reads_open;  /* taken and not completed */
    bool is_gone;         /* the machine is switched off for good */
    struct sim_exit exit; /* the last early return that the process took */
    uint64_t crashes;
    char why[SIM_NAME_MAX]; /* FAILED: the status */
};

struct sim_node *sim_node_create(struct sim_world *world, uint32_t id,
                                 const struct raft_options *options);
/* Builds a process from the disk. Nothing if it is up. A start that fails makes the node FAILED. */
void sim_node_start(struct sim_node *node);
/* Starts it later, unless it is up then or the run is stopping. */
void sim_node_start_at(struct sim_node *node, uint64_t time_ns);
/* The process dies now (between events) or, from inside a step, at the end of it. */
void sim_node_crash(struct sim_node *node, enum sim_unsynced unsynced);
/* The same by a fault that is noted already. */
void sim_node_kill(struct sim_node *node, enum sim_unsynced unsynced);
/* Asks for a graceful stop. */
void sim_node_stop(struct sim_node *node);
void sim_node_pause(struct sim_node *node);
void sim_node_resume(struct sim_node *node);
bool sim_node_is_up(const struct sim_node *node); /* UP or STOPPING */
/* The phase of the process's life, from its state and its latest view. */
enum sim_life sim_node_life(const struct sim_node *node);

/* Whether its disk is not what it made of it. */
bool sim_node_is_damaged(const struct sim_node *node);
/* Whether no process runs on its store. One does in the twin without the crash that was to precede
 * what is done to the store, and there nothing is done to it. */
bool sim_node_store_is_free(const struct sim_node *node);
/* Of a node that is not up: everything is gone. */
void sim_node_wipe(struct sim_node *node);
/* Of a node that is not up: its store is as it once was. */
void sim_node_restore(struct sim_node *node, const struct sim_disk_copy *copy);

/* node_clock.c */
void sim_node_clock_init(struct sim_node *node);
raft_time sim_node_now(const struct sim_node *node); /* its local clock */
/* How long the process sees its clock stand still yet. */
uint64_t sim_node_clock_lag(const struct sim_node *node);
void sim_node_clock_jump(struct sim_node *node, int64_t ns);
void sim_node_clock_drift(struct sim_node *node, int64_t ppm); /* SIM_CLOCK_FROZEN: stands still */
/* Forward by ns, back by ns, and so on, once a period; ns 0 ends it, where the clock is right. */
void sim_node_clock_strobe(struct sim_node *node, uint64_t ns, uint64_t period_ns);
/* From now on timers are late, with this chance, by at least so much; chance 0: never. */
void sim_node_clock_late(struct sim_node *node, uint64_t chance, uint64_t late_ns);
/* No strobe, no drift, no late timers. What has been thrown back stays as it is. */
void sim_node_clock_heal(struct sim_node *node);

uint32_t sim_node_timers_armed(const struct sim_node *node);
/* Keeps an event for a paused node until it is resumed. */
void sim_node_defer(struct sim_node *node, struct sim_event *event);
/* An event of this node, which takes it: dispatches it into the process. Returns the sender of a
 * message, else 0.
 */
uint32_t sim_node_event(struct sim_node *node, struct sim_event *event);
/* Hands a client's command to the process. */
enum raft_status sim_node_submit(struct sim_node *node, uint64_t request, const uint8_t *payload,
                                 uint32_t size);
void sim_node_set_read_only(struct sim_node *node, bool read_only);
enum raft_status sim_node_campaign(struct sim_node *node);
/* Asks for a snapshot of its state machine. */
enum raft_status sim_node_snapshot(struct sim_node *node);
/* Asks a leader to hand leadership over. */
enum raft_status sim_node_transfer(struct sim_node *node, uint32_t target);
/* Asks a leader to change the members to those of target; request has SIM_REQUEST_CHANGE. */
enum raft_status sim_node_change(struct sim_node *node, uint64_t request,
                                 const struct raft_configuration *target);
/* Puts a configuration in force by hand. */
enum raft_status sim_node_recover(struct sim_node *node, const struct raft_configuration *target);
/* The machine is switched off, and never comes back. */
void sim_node_retire(struct sim_node *node);
bool sim_node_learns(const struct sim_node *node); /* it is a learner, by its own word */
/* Asks for a read without a log entry; request has SIM_REQUEST_READ. */
enum raft_status sim_node_read(struct sim_node *node, uint64_t request);
/* Does what is due after a step: the crash of a dying process, the end of a stopped one, the view.
 */
void sim_node_settle(struct sim_node *node);

/* Something is done to the running process. */
void sim_node_harm(struct sim_node *node, enum sim_harm harm);
/* What may explain that this process gives up in this very event, as a set: what was done to it in
 * it, and what failed since its log last grew on the disk, since a failed append is rolled back
 * before anything comes of it, and only one is under way. */
uint32_t sim_node_harms(const struct sim_node *node);
/* Whether what was done to this process when it gave up explains the status. */
bool sim_node_is_excused(const struct sim_node *node, enum raft_status why);
/* From now on the node is not steady: something has happened to it or to its clock. */
void sim_node_unsteady(struct sim_node *node);
/* Something will be done to it as late as then. */
void sim_node_unsteady_until(struct sim_node *node, uint64_t time_ns);

#endif
