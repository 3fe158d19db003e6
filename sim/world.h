/* The world: one run of one scenario, from the first event to an empty ledger.
 *
 * The only loop of the program is sim_world_step. A run has phases: RUN, the script's; HEAL, in
 * which every fault ends, every node restarts and the cluster must make progress; STOP, in which
 * all nodes stop in good order; DONE. The world lives in the arena, at its first block; a
 * checkpoint may be taken between two steps. */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "arena.h"
#include "change.h"
#include "client.h"
#include "fault.h"
#include "liveness.h"
#include "network.h"
#include "node.h"
#include "oracle.h"
#include "probe.h"
#include "profile.h"
#include "record.h"
#include "scheduler.h"
#include "script.h"
#include "watch.h"

enum sim_phase { SIM_PHASE_RUN, SIM_PHASE_HEAL, SIM_PHASE_STOP, SIM_PHASE_DONE };
const char *sim_phase_string(enum sim_phase phase);

/* What makes a run; borrowed until its end. */
struct sim_spec {
    const struct sut_ops *sut;
    const struct sut_ops *sut_next; /* what nodes may be started from later; NULL: nothing else */
    const struct sim_scenario_source *source; /* NULL: no script (profiles, unit tests) */
    enum sim_profile_kind profile;            /* instead of a script; NONE: none */
    const char *scenario;                     /* name within the source */
    const char *parameters;                   /* "name=value …", "" for the defaults */
    uint64_t seed;
    uint8_t fill;           /* of fresh memory; must not matter */
    uint64_t budget_sim_ns; /* 0: the scenario's */
    uint64_t budget_events; /* 0: the scenario's */
};

/* How a cluster is made; nanoseconds. */
struct sim_cluster_options {
    uint32_t nodes;    /* the voters of the bootstrap configuration */
    uint32_t learners; /* nodes beyond them, which the operator adds as learners */
    uint64_t latency_ns, jitter_ns;
    uint64_t clock_offset_ns; /* clocks begin apart from each other, by so much at most */
    uint64_t disk_read_ns, disk_write_ns, disk_sync_ns;
    uint64_t apply_ns;
    uint32_t sessions; /* clients that a state machine remembers; at most SIM_SESSIONS_MAX */
    bool revert_failed_sync;
    bool spares_copies;       /* of disks that lie, see disk.h */
    struct raft_options raft; /* id, voters and seed are filled in for each node; priorities and
                                 witnesses are given */
};
void sim_cluster_options_init(struct sim_cluster_options *options);
/* NULL, or why no such cluster can be made, as a static sentence. */
const char *sim_cluster_options_check(const struct sim_cluster_options *options);

/* One side of an instant that a node passes while faults may strike; see sim_world.watch. */
struct sim_passage {
    enum sim_shot_place place;
    bool is_after;
    uint32_t node;
    enum raft_role role;
    uint64_t number; /* of the instant */
    uint64_t event;
    uint32_t pieces;  /* of what its disk holds and is not durable */
    uint32_t tail;    /* size of the last write, if it is not durable */
    uint64_t file;    /* of that write: of which kind, see sim_disk_tail */
    uint64_t changes; /* number of the latest change of its disk */
};
typedef void (*sim_passage_sink)(void *ctx, const struct sim_passage *passage);

/* A line of the transcript; see sim_world.transcript. */
typedef void (*sim_transcript_sink)(void *ctx, const char *line);

/* A word that goes into the rolling hash, with its name; node 0: of the event itself. */
typedef void (*sim_field_sink)(void *ctx, uint32_t node, const char *name, uint64_t value);

struct sim_world {
    struct arena *arena;
    const struct sut_ops *sut; /* what nodes are started from at first; its points are the run's */
    const struct sut_ops *sut_next;
    uint32_t features;           /* enum sut_feature: what every implementation of the run has */
    const struct sim_spec *spec; /* outside the arena; constant during a run */
    uint64_t seed;
    enum sim_phase phase;
    bool over;       /* a finding or an error has ended the run */
    uint64_t events; /* number of the current event, from 1 */
    uint64_t hash;   /* rolling: each event, the node's digest, the ledger's totals */
    uint64_t budget_sim_ns, budget_events;
    bool finish_as_is; /* the scenario's finish = "as_is" */
    bool checks_raft, checks_leaks, checks_vacuous, checks_linearizable; /* the scenario's */
    struct sim_scheduler scheduler;
    struct sim_source harness; /* phases, restarts */
    struct sim_network network;
    struct sim_faults faults;
    struct sim_clients clients;
    struct sim_changes changes;
    struct sim_oracles *oracles;
    struct sim_script *script;
    struct sim_profile *profile; /* NULL: none */
    struct sim_probes probes;
    struct sim_stream pick;
    struct sim_watch *watches;
    struct sim_cluster_options cluster; /* as it was made */
    uint32_t node_count;                /* 0: no cluster yet */
    struct sim_node *nodes[SIM_NODES_MAX];
    uint64_t heal_started_ns;
    struct sim_liveness liveness;
    uint64_t healed_sent,
        healed_elections; /* at the heal; private to liveness.c, as what follows */
    raft_index healed_committed;
    raft_term healed_term;
    uint64_t leader_bound_ns, agreed_bound_ns;
    uint64_t progress_bound_ns; /* after the heal; convergence must come within it */
    bool has_finding;
    struct sim_finding finding;
    struct sim_leak *leaks;
    uint32_t leak_count;
    bool has_error; /* of the script: error_text says where */
    char error_text[SIM_TEXT_MAX];
    bool script_over; /* the end of RUN has been ordered */
    uint32_t stage;   /* within a phase; private to world_phases.c from here on */
    uint64_t stage_deadline_ns;
    uint64_t phase_event;             /* number of the event that began the phase */
    struct sim_client *proof;         /* of progress: writes once more after the convergence */
    const struct sim_operation *last; /* what it wrote */
    uint64_t proof_ns;                /* since when it has tried to */
    uint64_t arrival;                 /* hash of the message of the current event; 0: none */
    bool is_unavailable;              /* too many copies are lost: no progress can be demanded */
    char unavailable_text[SIM_TEXT_MAX];
    bool disturbed;
    char disturbed_text[SIM_TEXT_MAX]; /* which expectation an injected fault broke */
    uint64_t crashes, pauses, restarts;
    /* The latest event in which the script could tell a branch from its base run: it asked how
     * often something had happened, or had waited longer than it does behind a shot. */
    uint64_t told_apart;
    /* Outside the run: must not influence it (fingerprint.c leaves it out, to the end). */
    sim_transcript_sink transcript;
    void *transcript_ctx;
    sim_passage_sink watch;
    void *watch_ctx;
    sim_field_sink fields;
    void *fields_ctx;
};

/* Resets the arena and builds the world of a run. NULL: the script cannot be loaded, message in
 * error (a scenario error). */
struct sim_world *sim_world_create(struct arena *arena, const struct sim_spec *spec, char *error,
                                   size_t error_size);
/* Creates the nodes and starts them. Once a run. */
void sim_cluster_create(struct sim_world *world, const struct sim_cluster_options *options);
/* One more node: a new id, a disk of its own, and no configuration yet; for good it is a witness or
 * none. NULL: there is no id left. */
struct sim_node *sim_world_node_add(struct sim_world *world, bool is_witness);
/* The time of the next event; UINT64_MAX if none. */
uint64_t sim_world_next_ns(const struct sim_world *world);
/* Handles the next event. False when the run is over. */
bool sim_world_step(struct sim_world *world);
/* Steps to the end. */
void sim_world_run(struct sim_world *world);
/* What the run came to; valid when it is over. out_execution's wall_ns is the caller's. */
void sim_world_result(const struct sim_world *world, struct sim_execution *out_execution);
/* A digest of the state that decides the future: nodes, disks, clients, links, rules, what is under
 * way and how far each stream has been drawn. Two runs whose digests differ differ; equal ones may
 * still differ in the memory of a process and in the script. O(state). */
uint64_t sim_world_digest(const struct sim_world *world);

/* In the liveness phase: whether so many copies are lost for good that the rest is no majority.
 * Then nobody can demand progress. */
bool sim_world_is_beyond_budget(struct sim_world *world);

/* A digest of what the run came to, whenever it did: the committed log, and each disk. O(size). */
uint64_t sim_world_content(const struct sim_world *world);

/* Ends the run with a finding, unless there is one. node may be 0. */
void sim_fail(struct sim_world *world, const char *rule, uint32_t node, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Ends the run with an error of the script. */
void sim_script_error(struct sim_world *world, const char *message);
/* An expectation of the script does not hold: a finding "expect", or, when a sweep's shot has
 * fired, the end of the script's say (disturbed), since the script describes the run without that
 * fault. */
void sim_expectation_failed(struct sim_world *world, const char *message);
/* The script's run function has returned (or is abandoned): begins HEAL or STOP. */
void sim_world_script_ended(struct sim_world *world);
/* A new row, zeroed, for something that a node has left behind. */
struct sim_leak *sim_world_leak_new(struct sim_world *world);
/* Tells the script, if there is one. */
void sim_world_notice(struct sim_world *world, enum sim_notice_kind kind, uint32_t node,
                      uint64_t term, uint64_t index, const char *site);
/* A hash with a node's state folded into it. O(1). */
uint64_t sim_node_hash(const struct sim_node *node, uint64_t hash);
/* Folds a node's state into the rolling hash. O(1). */
void sim_world_fold_node(struct sim_world *world, const struct sim_node *node);
/* SIM_EVENT_PHASE: goes on with the phases. */
void sim_world_phase_event(struct sim_world *world);
/* Nothing is queued any more. */
void sim_world_out_of_events(struct sim_world *world);
/* The run takes too long: a finding "stuck", or, when a sweep's shot has fired, the end of the
 * script's say. */
void sim_world_stuck(struct sim_world *world, const char *message);
void sim_world_transcribe(struct sim_world *world, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

struct sim_node *sim_world_leader(const struct sim_world *world); /* highest term, up; or NULL */
/* The configuration that the leader goes by, or NULL. */
const struct raft_configuration *sim_world_configuration(const struct sim_world *world);
bool sim_selector_matches(const struct sim_world *world, const struct sim_selector *selector,
                          uint32_t node);

#endif
