/* The loop of a run, and what is known of the run as a whole.
 *
 * A step takes the next event, hands it to whom it is for, and folds it into the rolling hash. What
 * follows within the step (settling of nodes, oracles, notices to the script) is done before it
 * ends, so that between two steps the world is at rest and may be copied.
 *
 * Invariants:
 *  1. The hash chains, for each event: its time, kind, node and number, the message that arrived,
 *     and for each node that was entered a digest of its state and ledger, and what clients were
 *     told. No address, no capacity of a container, nothing of the explorer enters it, nor how many
 *     faults have fired: a fault that changes nothing leaves the hash as it is.
 *  2. The first finding or script error ends the run; later ones are not recorded.
 *  3. An event is freed by whom it is handed to, except SCRIPT and PHASE events, which are freed
 *     here. */
#include "world.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define BUDGET_SIM_NS (UINT64_C(60) * 1000000000)
#define BUDGET_EVENTS UINT64_C(2000000)

struct sim_world *sim_world_create(struct arena *arena, const struct sim_spec *spec, char *error,
                                   size_t error_size)
{
    assert(spec->sut != NULL);
    arena_set_fill(arena, spec->fill);
    arena_reset(arena);
    struct sim_world *world = arena_calloc(arena, sizeof *world);
    world->arena = arena;
    world->sut = spec->sut;
    world->sut_next = spec->sut_next;
    world->features = spec->sut->features;
    world->spec = spec;
    world->seed = spec->seed;
    world->phase = SIM_PHASE_RUN;
    world->budget_sim_ns = BUDGET_SIM_NS;
    world->budget_events = BUDGET_EVENTS;
    world->checks_raft = true;
    world->checks_leaks = true;
    world->checks_vacuous = true;
    world->checks_linearizable = true;
    world->hash = sim_mix(spec->seed, 0, 0);
    sim_scheduler_init(&world->scheduler, arena, spec->seed);
    sim_source_init(&world->scheduler, &world->harness, true);
    sim_stream_init(&world->pick, spec->seed, SIM_STREAM_PICK, 0, 0);
    sim_network_init(&world->network, world);
    sim_faults_init(&world->faults, world, spec->sut);
    if (spec->sut_next != NULL) {
        world->features &= spec->sut_next->features;
        sim_faults_next(&world->faults, spec->sut_next);
    }
    sim_clients_init(&world->clients, world);
    sim_changes_init(&world->changes);
    world->oracles = sim_oracles_create(world);
    if (spec->source != NULL && !sim_script_open(world, spec->source, spec->scenario,
                                                 spec->parameters, error, error_size)) {
        return NULL;
    }
    if (spec->profile != SIM_PROFILE_NONE) {
        world->profile =
            sim_profile_open(world, spec->profile, spec->parameters, error, error_size);
        if (world->profile == NULL) {
            return NULL;
        }
    }
    if (spec->budget_sim_ns != 0) {
        world->budget_sim_ns = spec->budget_sim_ns;
    }
    if (spec->budget_events != 0) {
        world->budget_events = spec->budget_events;
    }
    return world;
}

/* ---- the cluster ---- */

void sim_cluster_options_init(struct sim_cluster_options *options)
{
    *options = (struct sim_cluster_options){
        .nodes = 3,
        .latency_ns = 1000000,
        .jitter_ns = 1000000,
        .disk_read_ns = 100000,
        .disk_write_ns = 200000,
        .disk_sync_ns = 1000000,
        .apply_ns = 100000,
        .sessions = SIM_SESSIONS_MAX,
    };
    raft_options_init(&options->raft);
}

/* The raft options of the nodes that a cluster begins with. */
static void bootstrap_options(const struct sim_cluster_options *options, struct raft_options *out)
{
    *out = options->raft;
    out->voter_count = options->nodes;
    for (uint32_t i = 0; i < options->nodes; i++) {
        out->voters[i] = i + 1;
    }
}

const char *sim_cluster_options_check(const struct sim_cluster_options *options)
{
    struct raft_options raft;
    _Static_assert(RAFT_MEMBERS_MAX == 15 && RAFT_VOTERS_MAX == 15, "what the sentence says");
    if (options->nodes + options->learners > RAFT_MEMBERS_MAX) {
        return "'nodes' and 'learners' together are at most 15";
    }
    bootstrap_options(options, &raft);
    raft.id = 1;
    return raft_options_check(&raft);
}

static struct sim_node *node_new(struct sim_world *world, const struct raft_options *raft)
{
    const struct sim_cluster_options *options = &world->cluster;
    uint32_t id = ++world->node_count;
    assert(id < SIM_NODES_MAX);
    struct sim_node *node = sim_node_create(world, id, raft);
    world->nodes[id] = node;
    node->apply_ns = options->apply_ns;
    node->disk.read_ns = options->disk_read_ns;
    node->disk.write_ns = options->disk_write_ns;
    node->disk.sync_ns = options->disk_sync_ns;
    node->disk.revert_failed_sync = options->revert_failed_sync;
    node->disk.spares_copies = options->spares_copies;
    return node;
}

struct sim_node *sim_world_node_add(struct sim_world *world, bool is_witness)
{
    assert(world->node_count > 0);
    if (world->node_count + 1 >= SIM_NODES_MAX) {
        return NULL;
    }
    struct raft_options raft = world->cluster.raft;
    raft.voter_count = 0;
    raft.witnesses = 0;
    raft.joins_as_witness = is_witness;
    memset(raft.priorities, 0, sizeof raft.priorities);
    struct sim_node *node = node_new(world, &raft);
    sim_node_start(node);
    return node;
}

/* What is not there from the beginning joins as soon as somebody leads. */
static void learners_add(struct sim_world *world, uint32_t count)
{
    struct sim_change_plan plan = {.voters = 0};
    for (uint32_t i = 0; i < count; i++) {
        const struct sim_node *node = sim_world_node_add(world, false);
        assert(node != NULL);
        plan.learners |= 1u << node->id;
    }
    if (count > 0) {
        sim_change_begin(world, &plan, world->progress_bound_ns, 0);
    }
}

void sim_cluster_create(struct sim_world *world, const struct sim_cluster_options *options)
{
    assert(world->node_count == 0);
    assert(options->nodes > 0 && options->nodes + options->learners < SIM_NODES_MAX &&
           options->nodes + options->learners <= RAFT_MEMBERS_MAX);
    world->cluster = *options;
    world->network.latency_ns = options->latency_ns;
    world->network.jitter_ns = options->jitter_ns;
    struct raft_options raft;
    bootstrap_options(options, &raft);
    for (uint32_t i = 0; i < options->nodes; i++) {
        node_new(world, &raft);
    }
    /* Twenty elections, what a slow disk needs to catch up, and a change that is given up. */
    uint64_t operation_ns = options->disk_read_ns + options->disk_write_ns + options->disk_sync_ns;
    world->progress_bound_ns = 20 * options->raft.election_ns_max + 10 * UINT64_C(1000000000) +
                               1000 * operation_ns + options->raft.catch_up_ns_max;
    for (uint32_t id = 1; id <= options->nodes; id++) {
        sim_node_start(world->nodes[id]);
    }
    learners_add(world, options->learners);
}

struct sim_node *sim_world_leader(const struct sim_world *world)
{
    struct sim_node *leader = NULL;
    for (uint32_t id = 1; id <= world->node_count; id++) {
        struct sim_node *node = world->nodes[id];
        if (sim_node_is_up(node) && node->view.role == RAFT_LEADER &&
            (leader == NULL || node->view.state.term > leader->view.state.term)) {
            leader = node;
        }
    }
    return leader;
}

const struct raft_configuration *sim_world_configuration(const struct sim_world *world)
{
    const struct sim_node *leader = sim_world_leader(world);
    return leader == NULL ? NULL : &leader->view.configuration;
}

bool sim_selector_matches(const struct sim_world *world, const struct sim_selector *selector,
                          uint32_t node)
{
    assert(node > 0 && node < SIM_NODES_MAX);
    const struct sim_node *who = world->nodes[node];
    switch (selector->role) {
    case SIM_SELECT_NODES:
        return (selector->nodes >> node & 1u) != 0;
    case SIM_SELECT_ANY:
        return true;
    case SIM_SELECT_LEADER:
        return who != NULL && who == sim_world_leader(world);
    case SIM_SELECT_FOLLOWER:
        return who != NULL && sim_node_is_up(who) && who->view.role == RAFT_FOLLOWER &&
               !sim_node_learns(who);
    case SIM_SELECT_CANDIDATE:
        return who != NULL && sim_node_is_up(who) &&
               (who->view.role == RAFT_CANDIDATE || who->view.role == RAFT_PRECANDIDATE);
    case SIM_SELECT_LEARNER:
        return who != NULL && sim_node_is_up(who) && sim_node_learns(who);
    }
    assert(!"not a role");
    return false;
}

/* ---- the rolling hash ---- */

static void tell_fields(const struct sim_world *world, uint32_t node, const char *const *names,
                        const uint64_t *words, size_t count)
{
    for (size_t i = 0; world->fields != NULL && i < count; i++) {
        world->fields(world->fields_ctx, node, names[i], words[i]);
    }
}

/* What a node folds into the hash, in order. */
static const char *const node_fields[] = {
    "node",
    "state",
    "incarnation",
    "is_next",
    "role",
    "condition",
    "read_only",
    "leader",
    "term",
    "vote",
    "sequence",
    "state_durable",
    "commit",
    "applied",
    "losses",
    "is_blank",
    "base.term",
    "base.index",
    "last.term",
    "last.index",
    "durable.term",
    "durable.index",
    "log_generation",
    "truncated_to",
    "configuration_index",
    "change",
    "cold",
    "log_size",
    "entries_log",
    "entries_loading",
    "entries_storage",
    "entries_apply",
    "requests",
    "blocks",
    "block_bytes",
    "disk_operations",
    "disk_used",
    "files_open",
    "machine",
    "entries_held",
};

void sim_world_fold_node(struct sim_world *world, const struct sim_node *node)
{
    const struct raft_view *view = &node->view;
    const struct sim_ledger *ledger = &node->ledger;
    uint64_t words[] = {
        node->id,
        (uint64_t)node->state,
        node->incarnation,
        node->sut != world->sut,
        (uint64_t)view->role,
        (uint64_t)view->condition,
        view->read_only,
        view->leader,
        view->state.term,
        view->state.vote,
        view->state.sequence,
        view->state_durable,
        view->commit,
        view->applied,
        view->state.losses,
        view->is_blank,
        view->base.term,
        view->base.index,
        view->last.term,
        view->last.index,
        view->durable.term,
        view->durable.index,
        view->log_generation,
        view->truncated_to,
        view->configuration_index,
        (uint64_t)view->change,
        view->cold,
        view->log_size,
        view->entries_log,
        view->entries_loading,
        view->entries_storage,
        view->entries_apply,
        view->requests,
        node->block_count,
        node->block_bytes,
        node->disk.operations,
        node->disk.used,
        node->disk.open_count,
        node->machine == NULL ? 0 : sim_machine_digest(node->machine),
        ledger->entries,
    };
    _Static_assert(sizeof node_fields / sizeof node_fields[0] == sizeof words / sizeof words[0],
                   "every word has a name");
    tell_fields(world, node->id, node_fields, words, sizeof words / sizeof words[0]);
    world->hash = sim_hash(words, sizeof words, world->hash);
    world->hash = sim_hash(ledger->totals, sizeof ledger->totals, world->hash);
}

static void fold_event(struct sim_world *world, const struct sim_event *event)
{
    uint64_t words[] = {
        event->time_ns, (uint64_t)event->kind,   event->node,         event->number,
        world->arrival, world->clients.requests, world->network.sent, world->clients.results,
    };
    static const char *const names[] = {"time_ns", "kind",     "for",  "number",
                                        "arrival", "requests", "sent", "results"};
    _Static_assert(sizeof names / sizeof names[0] == sizeof words / sizeof words[0],
                   "every word has a name");
    tell_fields(world, 0, names, words, sizeof words / sizeof words[0]);
    world->hash = sim_hash(words, sizeof words, world->hash);
}

/* ---- the loop ---- */

uint64_t sim_world_next_ns(const struct sim_world *world)
{
    const struct sim_event *event = sim_scheduler_peek(&world->scheduler);
    return event == NULL ? UINT64_MAX : event->time_ns;
}

static const char *timer_string(uint32_t timer)
{
    switch ((enum raft_timer)timer) {
    case RAFT_TIMER_ELECTION:
        return "election";
    case RAFT_TIMER_HEARTBEAT:
        return "heartbeat";
    case RAFT_TIMER_RETRY:
        return "retry";
    case RAFT_TIMER_COUNT:
        break;
    }
    return "?";
}

/* The line of an event: its time in milliseconds, its number, what it is. */
static void transcribe_event(struct sim_world *world, const struct sim_event *event)
{
    char what[128] = "";
    if (event->kind == SIM_EVENT_MESSAGE) {
        const struct sim_packet *packet = event->data;
        struct sut_message message;
        bool known =
            (world->features & SUT_FEATURE_DESCRIBE) &&
            world->nodes[packet->from]->sut->describe(packet->bytes, packet->size, &message);
        snprintf(what, sizeof what, " %s from n%u", known ? message.type : "?", packet->from);
    } else if (event->kind == SIM_EVENT_TIMER) {
        snprintf(what, sizeof what, " %s", timer_string(event->number));
    } else if (event->kind == SIM_EVENT_IO) {
        const struct sim_node *node = world->nodes[event->node];
        if (event->incarnation == node->incarnation && node->process != NULL) {
            what[0] = ' ';
            sim_disk_describe(&node->disk, event, what + 1, sizeof what - 1);
        }
    } else if (event->kind == SIM_EVENT_CLIENT || event->kind == SIM_EVENT_REQUEST ||
               event->kind == SIM_EVENT_REPLY) {
        snprintf(what, sizeof what, " of client %u", event->number);
    }
    char who[16] = "";
    if (event->node != 0) {
        snprintf(who, sizeof who, "n%u ", event->node);
    }
    sim_world_transcribe(world, "%" PRIu64 ".%06" PRIu64 " #%" PRIu64 " %s%s%s",
                         event->time_ns / 1000000, event->time_ns % 1000000, world->events, who,
                         sim_event_kind_string(event->kind), what);
}

static void dispatch(struct sim_world *world, struct sim_event *event)
{
    switch (event->kind) {
    case SIM_EVENT_MESSAGE:
    case SIM_EVENT_TIMER:
    case SIM_EVENT_IO:
    case SIM_EVENT_APPLIED:
    case SIM_EVENT_NODE:
        assert(event->node > 0 && event->node <= world->node_count);
        sim_node_event(world->nodes[event->node], event);
        return;
    case SIM_EVENT_REQUEST:
    case SIM_EVENT_REPLY:
    case SIM_EVENT_CLIENT:
        sim_client_event(world, event);
        return;
    case SIM_EVENT_SCRIPT:
        sim_script_event(world->script, event);
        break;
    case SIM_EVENT_PHASE:
        sim_world_phase_event(world);
        break;
    case SIM_EVENT_PROFILE:
        sim_profile_event(world->profile);
        break;
    case SIM_EVENT_CHANGE:
        sim_change_event(event);
        break;
    case SIM_EVENT_KIND_COUNT:
        assert(!"not an event");
    }
    sim_event_free(&world->scheduler, event);
}

/* The scenario's budget binds its own phase; the harness's phases have bounds in time, and may take
 * as many events again. */
static void check_budget(struct sim_world *world)
{
    char message[SIM_TEXT_MAX];
    uint64_t events = world->events - world->phase_event;
    if (world->phase == SIM_PHASE_RUN && world->scheduler.now_ns > world->budget_sim_ns) {
        snprintf(message, sizeof message,
                 "the scenario has not ended within %" PRIu64 " ms of simulated time",
                 world->budget_sim_ns / 1000000);
        sim_world_stuck(world, message);
    } else if (events > world->budget_events) {
        snprintf(message, sizeof message, "phase %s has not ended within %" PRIu64 " events",
                 sim_phase_string(world->phase), world->budget_events);
        sim_world_stuck(world, message);
    }
}

bool sim_world_step(struct sim_world *world)
{
    if (world->over || world->phase == SIM_PHASE_DONE) {
        return false;
    }
    struct sim_event *event = sim_scheduler_pop(&world->scheduler);
    if (event == NULL) {
        sim_world_out_of_events(world);
        return !world->over;
    }
    world->events++;
    world->arrival = 0;
    const struct sim_event copy = *event;
    if (world->transcript != NULL) {
        transcribe_event(world, event);
    }
    dispatch(world, event);
    sim_oracle_event_over(world->oracles);
    sim_liveness_observe(world);
    fold_event(world, &copy);
    if (world->script != NULL && world->phase == SIM_PHASE_RUN && !world->over) {
        sim_script_check(world->script);
    }
    check_budget(world);
    sim_instant_event(&world->faults);
    return !world->over && world->phase != SIM_PHASE_DONE;
}

void sim_world_run(struct sim_world *world)
{
    while (sim_world_step(world)) {
    }
}
