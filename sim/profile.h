/* Profiles: runs without a script, in which everything is drawn from the seed.
 *
 * What a seed draws is one flat record, sim_draw: the shape of the cluster, the loads, and for each
 * class of faults its intensity, 0 for a class that is off. The record is printed as the run's
 * parameters ("nodes=5 loss_ppm=3000 …"), and the same words override what is drawn. */
#ifndef SIM_PROFILE_H
#define SIM_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sim_world;

enum sim_profile_kind {
    SIM_PROFILE_NONE,
    SIM_PROFILE_CALM,         /* no fault at all */
    SIM_PROFILE_SWARM,        /* each class of faults with probability 1/2; see sim_profile_mode */
    SIM_PROFILE_NASTY,        /* as swarm, but in the harsh half of each range */
    SIM_PROFILE_UNRESTRICTED, /* as swarm, and any number of nodes at once */
    SIM_PROFILE_COUNT
};
const char *sim_profile_string(enum sim_profile_kind kind); /* "swarm", … */
const char *sim_profile_doc(enum sim_profile_kind kind);    /* one sentence */
enum sim_profile_kind sim_profile_find(const char *name);   /* NONE: there is no such profile */
/* The name under which its runs are recorded, "profile:swarm", and back; NONE: of a script. */
const char *sim_profile_scenario(enum sim_profile_kind kind);
enum sim_profile_kind sim_profile_of_scenario(const char *scenario);

/* What kind of run a seed is. */
enum sim_profile_mode {
    SIM_MODE_CALM,
    SIM_MODE_SWARM,
    SIM_MODE_MAXIMUM, /* one class alone, at its maximum */
    SIM_MODE_NASTY,
    SIM_MODE_UNRESTRICTED,
    SIM_MODE_COUNT
};

/* Classes of faults, each on or off by itself. */
enum sim_fault_class {
    SIM_CLASS_LOSS,      /* messages are lost */
    SIM_CLASS_DUPLICATE, /* messages come twice */
    SIM_CLASS_DELAY,     /* a slow network */
    SIM_CLASS_REORDER,   /* single messages are overtaken */
    SIM_CLASS_CORRUPT,   /* bits of messages flip */
    SIM_CLASS_PARTITION, /* the cluster falls into parts */
    SIM_CLASS_CUT,       /* links are cut in one direction */
    SIM_CLASS_CLOG,      /* links hold messages back */
    SIM_CLASS_FILTER,    /* messages of one type are lost, or held back */
    SIM_CLASS_CAPACITY,  /* links have room for few messages */
    SIM_CLASS_TRUNCATE,  /* messages arrive in part */
    SIM_CLASS_RESET,     /* connections break */
    SIM_CLASS_LAG,       /* single file operations are very late */
    SIM_CLASS_SLOW,      /* a disk is slow */
    SIM_CLASS_STALL,     /* a disk does not answer, once a run */
    SIM_CLASS_EIO,       /* file operations other than syncs fail */
    SIM_CLASS_BROKEN,    /* every file operation of a kind fails, for a while */
    SIM_CLASS_SHORT,     /* reads and writes are short */
    SIM_CLASS_SYNC,      /* syncs fail */
    SIM_CLASS_FULL,      /* a disk is full */
    SIM_CLASS_CRASH,     /* a process dies */
    SIM_CLASS_CRASH_IO,  /* a process dies at a file operation, or when it sends */
    SIM_CLASS_POWER,     /* the power fails for all */
    SIM_CLASS_PAUSE,     /* a process stands still */
    SIM_CLASS_DRIFT,     /* clocks run at other rates */
    SIM_CLASS_STEP,      /* clocks jump */
    SIM_CLASS_FREEZE,    /* a clock stands still */
    SIM_CLASS_STROBE,    /* a clock is thrown to and fro */
    SIM_CLASS_LATE,      /* timers are late */
    SIM_CLASS_MEMORY,    /* allocations fail */
    SIM_CLASS_SQUEEZE,   /* a process has hardly any memory left */
    SIM_CLASS_REFUSE,    /* the environment's queues refuse */
    SIM_CLASS_MACHINE,   /* the state machine fails */
    SIM_CLASS_EXIT,      /* early returns are taken */
    SIM_CLASS_READ_ONLY, /* a node is read-only */
    SIM_CLASS_TRANSFER,  /* leadership is handed over */
    SIM_CLASS_CAMPAIGN,  /* a node campaigns out of turn */
    SIM_CLASS_RESTART, /* a node stops in good order and starts again, perhaps with other options */
    SIM_CLASS_MEMBERS, /* the members change */
    /* Damage to what is durable, from here on: in every fourth run any of it. */
    SIM_CLASS_WIPE,    /* a store is gone, or a file of it, or the machine */
    SIM_CLASS_RESTORE, /* a store comes back from a copy: its own of now, or another node's */
    SIM_CLASS_LIE,     /* writes are lost or land elsewhere */
    SIM_CLASS_ROT,     /* durable bits flip */
    SIM_CLASS_COUNT
};
#define SIM_CLASS_DAMAGE SIM_CLASS_WIPE

const char *sim_class_string(enum sim_fault_class class_);

/* Units are in the names; ppm are probabilities in millionths. All of one type, for the table. */
struct sim_draw {
    uint64_t mode;
    uint64_t length_ms, least_ms, snapshots;   /* ends after least_ms, once so many were taken */
    uint64_t nodes, heartbeat_ms, election_ms; /* timeouts are in [election, 2 * election) */
    uint64_t latency_us, jitter_us, read_us, write_us, sync_us, apply_us, retry_ms;
    uint64_t offset_ms; /* between the clocks at the beginning, at most */
    uint64_t batch, batch_bytes, window, payload, segment, pending, errors;
    uint64_t snapshot, trailing, piece, installs; /* entries, entries, bytes, followers */
    uint64_t log_memory;                          /* bytes of applied entries in memory */
    uint64_t prevote, quorum, lease, bound_ppm, reverts, quarantine;
    uint64_t clients, by_index, think_ms, keys, puts, gets, cas, padding, sizes; /* see below */
    /* by_index: clients; padding: bytes; sizes: 1: of every size, up to each cap and one over it */
    uint64_t sessions;                   /* clients that a state machine remembers */
    uint64_t busy_ms, quiet_ms;          /* bursts of the loads; quiet 0: none */
    uint64_t readers;                    /* 1: the clients that read by index do nothing else */
    uint64_t learners, witness, prefers; /* how many; whether one voter is one; priorities */
    uint64_t rounds, catch_up_ms;        /* that an added voter has */
    uint64_t down_ms;                    /* mean time until a node is started again */
    uint64_t loss_ppm, burst_ms, dup_ppm, delay_us, spread_us, tail_ppm, tail_us;
    uint64_t reorder_ppm, corrupt_ppm, capacity, truncate_ppm, reset_ppm, lag_ppm, lag_us;
    uint64_t split_gap_ms, split_rest_ms, split_ms, split_least_ms; /* rest, least: at least */
    uint64_t cut_gap_ms, cut_ms, clog_gap_ms, clog_ms;              /* clog_gap_ms: of each link */
    uint64_t slow_gap_ms, slow_ms, slow_us, stall_ms;
    uint64_t eio_ppm, broken_gap_ms, broken_ms, short_ppm, sync_ppm, full_gap_ms, full_ms,
        enospc_ppm;
    uint64_t crash_gap_ms, crash_io_ppm,
        crash_send_ppm; /* crash_gap_ms: of nodes that write nothing */
    uint64_t power_gap_ms;
    uint64_t pause_gap_ms, pause_ms; /* pause_gap_ms: of each node */
    uint64_t filter_gap_ms, filter_ms;
    uint64_t drift_ppm, step_gap_ms, step_ms, freeze_gap_ms, freeze_ms;
    uint64_t strobe_gap_ms, strobe_ms, strobe_us, late_ppm, late_us;
    uint64_t squeeze_gap_ms, squeeze_ms, memory_ppm, refuse_ppm, machine_ppm, exit_ppm;
    uint64_t ro_gap_ms, ro_ms, transfer_gap_ms, campaign_gap_ms;
    uint64_t restart_gap_ms, members_gap_ms;
    uint64_t rot_gap_ms, lose_ppm, misdirect_ppm, wipe_gap_ms, restore_gap_ms;
};

/* What a seed of a profile draws. A function of its arguments; every parameter has a stream of its
 * own, so that a new one moves no other. */
void sim_profile_draw(enum sim_profile_kind kind, uint64_t seed, struct sim_draw *out_draw);
/* Puts "name=value name=value" over what was drawn. False with a message in error. */
bool sim_profile_override(struct sim_draw *draw, const char *parameters, char *error,
                          size_t error_size);
/* What is neither 0 nor usual, and what is something else than was drawn, as words that override
 * that. Returns their length, like snprintf. */
size_t sim_profile_print(const struct sim_draw *draw, const struct sim_draw *drawn, char *text,
                         size_t text_size);
/* Whether a class is on: something of it is not 0. */
bool sim_profile_has(const struct sim_draw *draw, enum sim_fault_class class_);

struct sim_profile; /* of a run, in the arena */
/* Draws, and schedules the beginning. NULL with a message in error if the parameters are wrong. */
struct sim_profile *sim_profile_open(struct sim_world *world, enum sim_profile_kind kind,
                                     const char *parameters, char *error, size_t error_size);
/* What was drawn. */
const char *sim_profile_text(const struct sim_profile *profile);
/* A digest of what it will draw and do. */
uint64_t sim_profile_digest(const struct sim_profile *profile, uint64_t digest);
/* SIM_EVENT_PROFILE: goes on with the agenda. Nothing happens after the phase RUN. */
void sim_profile_event(struct sim_profile *profile);

#endif
