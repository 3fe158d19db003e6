/* A run of a profile, from the first event to the end of the phase RUN.
 *
 *     time 0: the cluster, the loads --> agenda, every 10 ms on average --> HEAL, STOP
 *
 * What is drawn is in profile_draw.c, what happens and when in profile_agenda.c. The phase RUN is
 * over when least_ms have passed and snapshots were taken, or after length_ms. After the phase
 * RUN the phases of every run follow (world_phases.c): all faults end, and the cluster must get on.
 *
 * Damage to what is durable is kept to one minority of the nodes for the whole run, so that no
 * entry loses more copies than the protocol survives, and progress after the heal is demanded of
 * every run. An unrestricted run may lose more; then it is unavailable-by-budget, which the phase
 * HEAL proves from the damaged disks. A machine that refuses its store, or is gone for good, is
 * replaced by a new one under a new id, which may be damaged in its stead. What is never drawn is
 * an old copy of a node's own store: it is a good one, of a node that has made no later promise, so
 * that nobody could tell.
 *
 * Invariants:
 *  1. One event of the agenda is queued during RUN; the one that is left over afterwards does
 *     nothing.
 *  2. The recorded text is complete: putting it over what the seed of this profile draws gives the
 *     same run. */
#include "profile_internal.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define US             UINT64_C(1000)
#define MS             UINT64_C(1000000)
#define TICK_NS        (10 * MS)
#define EVENTS_MAX     UINT64_C(5000000)
#define PROOF_EXTRA_NS (1000 * MS)
#define ENTRY_BYTES    UINT64_C(128) /* of a command without padding, about */

static const struct {
    const char *name;
    const char *scenario;
    const char *doc;
} profiles[SIM_PROFILE_COUNT] = {
    [SIM_PROFILE_CALM] = {"calm", "profile:calm",
                          "A random cluster under random loads; no faults."},
    [SIM_PROFILE_SWARM] = {"swarm", "profile:swarm",
                           "A random cluster; each class of faults is on or off by itself."},
    [SIM_PROFILE_NASTY] = {"nasty", "profile:nasty",
                           "A random cluster; of each class of faults none or many."},
    [SIM_PROFILE_UNRESTRICTED] = {"unrestricted", "profile:unrestricted",
                                  "A random cluster; any number of nodes may be hurt at once."},
};

const char *sim_profile_string(enum sim_profile_kind kind)
{
    assert(kind > SIM_PROFILE_NONE && kind < SIM_PROFILE_COUNT);
    return profiles[kind].name;
}

const char *sim_profile_doc(enum sim_profile_kind kind)
{
    assert(kind > SIM_PROFILE_NONE && kind < SIM_PROFILE_COUNT);
    return profiles[kind].doc;
}

const char *sim_profile_scenario(enum sim_profile_kind kind)
{
    assert(kind > SIM_PROFILE_NONE && kind < SIM_PROFILE_COUNT);
    return profiles[kind].scenario;
}

enum sim_profile_kind sim_profile_find(const char *name)
{
    for (int i = SIM_PROFILE_NONE + 1; i < SIM_PROFILE_COUNT; i++) {
        if (strcmp(profiles[i].name, name) == 0) {
            return (enum sim_profile_kind)i;
        }
    }
    return SIM_PROFILE_NONE;
}

enum sim_profile_kind sim_profile_of_scenario(const char *scenario)
{
    static const char prefix[] = "profile:";
    return strncmp(scenario, prefix, sizeof prefix - 1) == 0
               ? sim_profile_find(scenario + sizeof prefix - 1)
               : SIM_PROFILE_NONE;
}

const char *sim_class_string(enum sim_fault_class class_)
{
    static const char *const names[SIM_CLASS_COUNT] = {
        [SIM_CLASS_LOSS] = "loss",         [SIM_CLASS_DUPLICATE] = "duplicate",
        [SIM_CLASS_DELAY] = "delay",       [SIM_CLASS_REORDER] = "reorder",
        [SIM_CLASS_CORRUPT] = "corrupt",   [SIM_CLASS_PARTITION] = "partition",
        [SIM_CLASS_CUT] = "cut",           [SIM_CLASS_CLOG] = "clog",
        [SIM_CLASS_SLOW] = "slow",         [SIM_CLASS_STALL] = "stall",
        [SIM_CLASS_EIO] = "eio",           [SIM_CLASS_SHORT] = "short",
        [SIM_CLASS_SYNC] = "sync",         [SIM_CLASS_FULL] = "full",
        [SIM_CLASS_CRASH] = "crash",       [SIM_CLASS_CRASH_IO] = "crash_io",
        [SIM_CLASS_PAUSE] = "pause",       [SIM_CLASS_DRIFT] = "drift",
        [SIM_CLASS_STEP] = "step",         [SIM_CLASS_MEMORY] = "memory",
        [SIM_CLASS_REFUSE] = "refuse",     [SIM_CLASS_MACHINE] = "machine",
        [SIM_CLASS_EXIT] = "exit",         [SIM_CLASS_READ_ONLY] = "read_only",
        [SIM_CLASS_TRANSFER] = "transfer", [SIM_CLASS_CAMPAIGN] = "campaign",
        [SIM_CLASS_RESTART] = "restart",   [SIM_CLASS_CAPACITY] = "capacity",
        [SIM_CLASS_TRUNCATE] = "truncate", [SIM_CLASS_RESET] = "reset",
        [SIM_CLASS_LAG] = "lag",           [SIM_CLASS_FREEZE] = "freeze",
        [SIM_CLASS_STROBE] = "strobe",     [SIM_CLASS_LATE] = "late",
        [SIM_CLASS_SQUEEZE] = "squeeze",   [SIM_CLASS_ROT] = "rot",
        [SIM_CLASS_LIE] = "lie",           [SIM_CLASS_WIPE] = "wipe",
        [SIM_CLASS_RESTORE] = "restore",   [SIM_CLASS_MEMBERS] = "members",
        [SIM_CLASS_BROKEN] = "broken",     [SIM_CLASS_FILTER] = "filter",
        [SIM_CLASS_POWER] = "power",
    };
    assert((unsigned)class_ < SIM_CLASS_COUNT && names[class_] != NULL);
    return names[class_];
}

/* ---- what was drawn, as options ---- */

static void cluster_options(const struct sim_draw *draw, uint64_t seed,
                            struct sim_cluster_options *options)
{
    sim_cluster_options_init(options);
    struct raft_options *raft = &options->raft;
    options->nodes = (uint32_t)draw->nodes;
    options->latency_ns = draw->latency_us * US;
    options->jitter_ns = draw->jitter_us * US;
    options->clock_offset_ns = draw->offset_ms * MS;
    options->disk_read_ns = draw->read_us * US;
    options->disk_write_ns = draw->write_us * US;
    options->disk_sync_ns = draw->sync_us * US;
    options->apply_ns = draw->apply_us * US;
    options->sessions = (uint32_t)draw->sessions;
    options->revert_failed_sync = draw->reverts != 0;
    options->spares_copies = true;
    raft->heartbeat_ns = draw->heartbeat_ms * MS;
    raft->election_ns_min = draw->election_ms * MS;
    raft->election_ns_max = 2 * raft->election_ns_min;
    raft->retry_ns = draw->retry_ms * MS;
    raft->batch_entries_max = (uint32_t)draw->batch;
    raft->batch_size_max = (uint32_t)draw->batch_bytes;
    raft->window_messages_max = (uint32_t)draw->window;
    raft->payload_size_max = (uint32_t)draw->payload;
    raft->pending_requests_max = (uint32_t)draw->pending;
    raft->segment_size_max = (uint32_t)draw->segment;
    raft->log_memory_max = draw->log_memory;
    raft->snapshot_threshold = (uint32_t)draw->snapshot;
    raft->snapshot_trailing = (uint32_t)draw->trailing;
    raft->snapshot_chunk_size = (uint32_t)draw->piece;
    raft->snapshot_installs_max = (uint32_t)draw->installs;
    raft->append_errors_max = (uint32_t)draw->errors;
    raft->clock_drift_ppm_max = (uint32_t)draw->bound_ppm;
    raft->pre_vote = draw->prevote != 0;
    raft->check_quorum = draw->quorum != 0;
    raft->lease_reads = draw->lease != 0;
    raft->quarantine = draw->quarantine != 0;
    sim_members_options(draw, seed, options);
}

static bool options_check(const struct sim_draw *draw, uint64_t seed, char *error,
                          size_t error_size)
{
    struct sim_cluster_options options;
    cluster_options(draw, seed, &options);
    const char *broken = sim_cluster_options_check(&options);
    if (broken != NULL) {
        snprintf(error, error_size, "the parameters do not fit together: %s", broken);
    }
    return broken == NULL;
}

struct sim_profile *sim_profile_open(struct sim_world *world, enum sim_profile_kind kind,
                                     const char *parameters, char *error, size_t error_size)
{
    struct sim_profile *profile = arena_calloc(world->arena, sizeof *profile);
    struct sim_draw *draw = &profile->draw;
    struct sim_draw drawn;
    profile->world = world;
    sim_profile_draw(kind, world->seed, &drawn);
    *draw = drawn;
    if (!sim_profile_override(draw, parameters, error, error_size) ||
        !options_check(draw, world->seed, error, error_size)) {
        return NULL;
    }
    if (sim_profile_print(draw, &drawn, profile->text, sizeof profile->text) >=
        sizeof profile->text) {
        snprintf(error, error_size, "the parameters are too long together");
        return NULL;
    }
    profile->end_ns = draw->length_ms * MS;
    world->budget_sim_ns = profile->end_ns + PROOF_EXTRA_NS;
    world->budget_events = EVENTS_MAX;
    sim_source_init(&world->scheduler, &profile->source, true);
    sim_stream_init(&profile->pace, world->seed, SIM_STREAM_PROFILE, 0, 1);
    sim_stream_init(&profile->atlas, world->seed, SIM_STREAM_PROFILE, 0, 2);
    sim_stream_init(&profile->down, world->seed, SIM_STREAM_PROFILE, 0, 3);
    sim_stream_init(&profile->roam, world->seed, SIM_STREAM_PROFILE, 0, 5);
    sim_stream_init(&profile->replace, world->seed, SIM_STREAM_PROFILE, 0, 7);
    struct sim_event *event = sim_event_new(&world->scheduler, SIM_EVENT_PROFILE, 0);
    sim_schedule(&world->scheduler, &profile->source, event, 0);
    return profile;
}

const char *sim_profile_text(const struct sim_profile *profile)
{
    return profile->text;
}

/* ---- the run ---- */

static void load_start(struct sim_profile *profile, uint32_t clients, bool by_index)
{
    const struct sim_draw *draw = &profile->draw;
    bool only_reads = by_index && draw->readers != 0;
    if (clients == 0) {
        return;
    }
    const struct sim_load load = {
        .client_count = clients,
        .interval_ns = draw->think_ms * MS,
        .busy_ns = draw->busy_ms * MS,
        .quiet_ns = draw->quiet_ms * MS,
        .keys = (uint32_t)draw->keys,
        .mix_put = only_reads ? 0 : (uint32_t)draw->puts,
        .mix_get = only_reads ? 1 : (uint32_t)draw->gets,
        .mix_cas = only_reads ? 0 : (uint32_t)draw->cas,
        .padding = (uint32_t)draw->padding,
        .caps = {(uint32_t)draw->payload, (uint32_t)draw->batch_bytes, (uint32_t)draw->segment},
        .has_all_sizes = draw->sizes != 0,
        .reads_by_index = by_index,
    };
    sim_load_start(profile->world, &load);
}

static void begin(struct sim_profile *profile)
{
    const struct sim_draw *draw = &profile->draw;
    struct sim_cluster_options options;
    uint64_t by_index = draw->by_index < draw->clients ? draw->by_index : draw->clients;
    if ((profile->world->features & SUT_FEATURE_READ) == 0) {
        by_index = 0;
    }
    profile->begun = true;
    sim_world_transcribe(profile->world, "    profile: %s", profile->text);
    cluster_options(draw, profile->world->seed, &options);
    if ((profile->world->features & SUT_FEATURE_MEMBERSHIP) == 0) {
        options.learners = 0;
    }
    sim_cluster_create(profile->world, &options);
    load_start(profile, (uint32_t)(draw->clients - by_index), false);
    load_start(profile, (uint32_t)by_index, true);
    sim_agenda_begin(profile);
}

/* How long the slowest link takes to send a node everything, one message after the other. */
static uint64_t catch_up_ns(const struct sim_profile *profile)
{
    const struct sim_draw *draw = &profile->draw;
    raft_index last = 0;
    for (uint32_t id = 1; id <= profile->world->node_count; id++) {
        const struct raft_view *view = &profile->world->nodes[id]->view;
        last = view->last.index > last ? view->last.index : last;
    }
    raft_index committed = sim_oracle_committed(profile->world->oracles);
    uint64_t entries = last > committed ? last : committed;
    uint64_t longest = draw->sizes != 0 ? draw->payload : draw->padding;
    uint64_t batch = draw->batch_bytes / (ENTRY_BYTES + longest);
    batch = batch < draw->batch ? batch : draw->batch;
    batch = batch == 0 ? 1 : batch;
    /* A message there and back, and a write, a sync and an application, each at its slowest. */
    uint64_t round_us = 2 * (draw->latency_us + draw->jitter_us) +
                        2 * (draw->write_us + draw->sync_us) + 4 * draw->apply_us;
    return (entries / batch + 1) * round_us * US;
}

/* Clocks that were set back stand still until the old time has come: they are set right. */
static void clocks_repair(struct sim_profile *profile)
{
    for (uint32_t id = 1; id <= profile->world->node_count; id++) {
        struct sim_node *node = profile->world->nodes[id];
        const struct sim_clock *clock = &node->clock;
        if (clock->floor_local_ns > clock->base_local_ns) {
            sim_node_clock_jump(node, (int64_t)(clock->floor_local_ns - clock->base_local_ns));
        }
    }
}

/* Whether enough has happened: as much time as may be, or as must be and enough snapshots. */
static bool is_over(struct sim_profile *profile)
{
    const struct sim_world *world = profile->world;
    uint64_t now_ns = world->scheduler.now_ns;
    raft_index newest = profile->snapshot;
    for (uint32_t id = 1; id <= world->node_count; id++) {
        const struct raft_view *view = &world->nodes[id]->view;
        newest = view->snapshot.index > newest ? view->snapshot.index : newest;
    }
    profile->snapshots += newest > profile->snapshot;
    profile->snapshot = newest;
    return now_ns >= profile->end_ns ||
           (now_ns >= profile->draw.least_ms * MS && profile->snapshots >= profile->draw.snapshots);
}

static void finish(struct sim_profile *profile)
{
    struct sim_world *world = profile->world;
    clocks_repair(profile);
    world->progress_bound_ns += catch_up_ns(profile);
    sim_world_script_ended(world);
}

void sim_profile_event(struct sim_profile *profile)
{
    struct sim_world *world = profile->world;
    struct sim_scheduler *scheduler = &world->scheduler;
    if (world->phase != SIM_PHASE_RUN || world->script_over || world->over) {
        return;
    }
    if (!profile->begun) {
        begin(profile);
    } else if (is_over(profile)) {
        finish(profile);
        return;
    } else {
        sim_agenda_tick(profile);
    }
    uint64_t pause_ns = 1 + sim_draw_below(&profile->pace, 2 * TICK_NS);
    uint64_t next_ns = scheduler->now_ns + pause_ns;
    struct sim_event *event = sim_event_new(scheduler, SIM_EVENT_PROFILE, 0);
    sim_schedule(scheduler, &profile->source, event,
                 next_ns < profile->end_ns ? next_ns : profile->end_ns);
}

/* Its rules are in the digest of all rules; clocks drift from the beginning as the seed says. */
uint64_t sim_profile_digest(const struct sim_profile *profile, uint64_t digest)
{
    const uint64_t words[] = {
        profile->source.counter,
        profile->pace.counter,
        profile->atlas.counter,
        profile->down.counter,
        profile->roam.counter,
        profile->replace.counter,
        profile->replace_ns,
        profile->replacement != NULL ? profile->replacement->plan.removed : 0,
        profile->begun,
        profile->end_ns,
        profile->snapshot,
        profile->snapshots,
        profile->victims,
        profile->damageable,
        profile->clog_ns,
    };
    digest = sim_hash(words, sizeof words, digest);
    digest = sim_hash(profile->revive_ns, sizeof profile->revive_ns, digest);
    for (uint32_t i = 0; i < SIM_CLASS_COUNT; i++) {
        const struct profile_episode *episode = &profile->episodes[i];
        const uint64_t times[] = {episode->active, episode->next_ns, episode->until_ns,
                                  episode->node, episode->stream.counter};
        digest = sim_hash(times, sizeof times, digest);
    }
    for (uint32_t i = 0; i < SIM_NODES_MAX * SIM_NODES_MAX; i++) {
        const struct profile_clog *clog = &profile->clogs[i / SIM_NODES_MAX][i % SIM_NODES_MAX];
        if (clog->rule != NULL) {
            digest = sim_mix(digest, (uint64_t)i << 32 | clog->rule->id, clog->until_ns);
        }
    }
    return digest;
}
