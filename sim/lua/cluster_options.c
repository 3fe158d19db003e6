/* The options of cluster{}, and of a node that is started again with others.
 *
 * 1. What is not given keeps the default of the core, or for a restart what the node had.
 * 2. Options that no node could live with are an error of the script, in the core's own words. */
#include "binding.h"

#include <string.h>

struct cluster_options {
    int64_t nodes, learners, rounds, log_memory;
    int64_t batch_entries, batch_bytes, window, payload_bytes, pending, segment_bytes, errors;
    int64_t snapshot_every, snapshot_trailing, snapshot_bytes, snapshot_installs;
    uint64_t latency_ns, jitter_ns, offset_ns, read_ns, write_ns, sync_ns, apply_ns;
    uint64_t election_min_ns, election_max_ns, heartbeat_ns, retry_ns, catch_up_ns;
    int64_t drift_ppm, sessions;
    struct sim_selector none; /* witnesses and priorities are read by hand */
    bool prevote, check_quorum, lease_reads, quarantine, reverts;
    const char *sut;
};

#define INTEGER(name, field, min, max)                                                             \
    {                                                                                              \
        name, SCRIPT_INTEGER, offsetof(struct cluster_options, field), min, max, false             \
    }
#define DURATION(name, field)                                                                      \
    {                                                                                              \
        name, SCRIPT_DURATION, offsetof(struct cluster_options, field), 0, 0, false                \
    }
#define BOOLEAN(name, field)                                                                       \
    {                                                                                              \
        name, SCRIPT_BOOLEAN, offsetof(struct cluster_options, field), 0, 0, false                 \
    }

static const struct script_option cluster_option_list[] = {
    INTEGER("nodes", nodes, 1, RAFT_VOTERS_MAX),
    INTEGER("learners", learners, 0, RAFT_MEMBERS_MAX),
    {"witnesses", SCRIPT_TABLE, offsetof(struct cluster_options, none), 0, 0, false},
    {"priorities", SCRIPT_TABLE, offsetof(struct cluster_options, none), 0, 0, false},
    INTEGER("catch_up_rounds", rounds, 1, INT32_MAX),
    DURATION("catch_up", catch_up_ns),
    DURATION("election_min", election_min_ns),
    DURATION("election_max", election_max_ns),
    DURATION("heartbeat", heartbeat_ns),
    DURATION("retry", retry_ns),
    DURATION("latency", latency_ns),
    DURATION("jitter", jitter_ns),
    DURATION("clock_offset", offset_ns),
    DURATION("disk_read", read_ns),
    DURATION("disk_write", write_ns),
    DURATION("disk_sync", sync_ns),
    DURATION("apply", apply_ns),
    INTEGER("sessions", sessions, 1, SIM_SESSIONS_MAX),
    INTEGER("batch_entries", batch_entries, 1, UINT16_MAX),
    INTEGER("batch_bytes", batch_bytes, 1, INT32_MAX),
    INTEGER("window_messages", window, 1, RAFT_WINDOW_MAX),
    INTEGER("payload_bytes", payload_bytes, 1, INT32_MAX),
    INTEGER("pending_requests", pending, 1, INT32_MAX),
    INTEGER("segment_bytes", segment_bytes, 1, INT32_MAX),
    INTEGER("log_memory_max", log_memory, 0, INT64_MAX),
    INTEGER("snapshot_every", snapshot_every, 0, INT32_MAX),
    INTEGER("snapshot_trailing", snapshot_trailing, 0, INT32_MAX),
    INTEGER("snapshot_bytes", snapshot_bytes, 1, INT32_MAX),
    INTEGER("snapshot_installs", snapshot_installs, 1, RAFT_MEMBERS_MAX),
    INTEGER("append_errors", errors, 1, INT32_MAX),
    BOOLEAN("prevote", prevote),
    BOOLEAN("check_quorum", check_quorum),
    BOOLEAN("lease_reads", lease_reads),
    INTEGER("clock_drift_ppm", drift_ppm, 0, 499999),
    BOOLEAN("quarantine", quarantine),
    BOOLEAN("revert_failed_sync", reverts),
};

static void options_from(struct cluster_options *to, const struct sim_cluster_options *from)
{
    *to = (struct cluster_options){
        .nodes = from->nodes,
        .learners = from->learners,
        .rounds = from->raft.catch_up_rounds_max,
        .catch_up_ns = from->raft.catch_up_ns_max,
        .batch_entries = from->raft.batch_entries_max,
        .batch_bytes = from->raft.batch_size_max,
        .window = from->raft.window_messages_max,
        .payload_bytes = from->raft.payload_size_max,
        .pending = from->raft.pending_requests_max,
        .segment_bytes = from->raft.segment_size_max,
        .log_memory = (int64_t)from->raft.log_memory_max,
        .snapshot_every = from->raft.snapshot_threshold,
        .snapshot_trailing = from->raft.snapshot_trailing,
        .snapshot_bytes = from->raft.snapshot_chunk_size,
        .snapshot_installs = from->raft.snapshot_installs_max,
        .errors = from->raft.append_errors_max,
        .latency_ns = from->latency_ns,
        .jitter_ns = from->jitter_ns,
        .offset_ns = from->clock_offset_ns,
        .read_ns = from->disk_read_ns,
        .write_ns = from->disk_write_ns,
        .sync_ns = from->disk_sync_ns,
        .apply_ns = from->apply_ns,
        .sessions = from->sessions,
        .election_min_ns = from->raft.election_ns_min,
        .election_max_ns = from->raft.election_ns_max,
        .heartbeat_ns = from->raft.heartbeat_ns,
        .retry_ns = from->raft.retry_ns,
        .prevote = from->raft.pre_vote,
        .check_quorum = from->raft.check_quorum,
        .lease_reads = from->raft.lease_reads,
        .drift_ppm = from->raft.clock_drift_ppm_max,
        .quarantine = from->raft.quarantine,
        .reverts = from->revert_failed_sync,
    };
}

static void options_to(const struct cluster_options *from, struct sim_cluster_options *to)
{
    to->nodes = (uint32_t)from->nodes;
    to->learners = (uint32_t)from->learners;
    to->raft.catch_up_rounds_max = (uint32_t)from->rounds;
    to->raft.catch_up_ns_max = from->catch_up_ns;
    to->latency_ns = from->latency_ns;
    to->jitter_ns = from->jitter_ns;
    to->clock_offset_ns = from->offset_ns;
    to->disk_read_ns = from->read_ns;
    to->disk_write_ns = from->write_ns;
    to->disk_sync_ns = from->sync_ns;
    to->apply_ns = from->apply_ns;
    to->sessions = (uint32_t)from->sessions;
    to->revert_failed_sync = from->reverts;
    to->raft.election_ns_min = from->election_min_ns;
    to->raft.election_ns_max = from->election_max_ns;
    to->raft.heartbeat_ns = from->heartbeat_ns;
    to->raft.retry_ns = from->retry_ns;
    to->raft.batch_entries_max = (uint32_t)from->batch_entries;
    to->raft.batch_size_max = (uint32_t)from->batch_bytes;
    to->raft.window_messages_max = (uint32_t)from->window;
    to->raft.payload_size_max = (uint32_t)from->payload_bytes;
    to->raft.pending_requests_max = (uint32_t)from->pending;
    to->raft.segment_size_max = (uint32_t)from->segment_bytes;
    to->raft.log_memory_max = (uint64_t)from->log_memory;
    to->raft.snapshot_threshold = (uint32_t)from->snapshot_every;
    to->raft.snapshot_trailing = (uint32_t)from->snapshot_trailing;
    to->raft.snapshot_chunk_size = (uint32_t)from->snapshot_bytes;
    to->raft.snapshot_installs_max = (uint32_t)from->snapshot_installs;
    to->raft.append_errors_max = (uint32_t)from->errors;
    to->raft.pre_vote = from->prevote;
    to->raft.check_quorum = from->check_quorum;
    to->raft.lease_reads = from->lease_reads;
    to->raft.clock_drift_ppm_max = (uint32_t)from->drift_ppm;
    to->raft.quarantine = from->quarantine;
}

/* The list of numbers at an option, up to one a node; NULL: not given. */
static uint32_t read_list(lua_State *L, const char *name, int64_t max, int64_t *out)
{
    if (lua_isnoneornil(L, 1)) {
        return 0;
    }
    lua_getfield(L, 1, name);
    uint32_t count = lua_isnil(L, -1) ? 0 : (uint32_t)lua_rawlen(L, -1);
    if (count > RAFT_VOTERS_MAX) {
        script_raise(L, "'%s' has more than %d numbers", name, RAFT_VOTERS_MAX);
    }
    for (uint32_t i = 0; i < count; i++) {
        lua_rawgeti(L, -1, (lua_Integer)i + 1);
        out[i] = script_integer(L, lua_gettop(L), 0, max, name);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    return count;
}

/* witnesses = {3} are nodes, priorities = {2, 1} belong to n1, n2, …. */
static void read_members(lua_State *L, struct sim_cluster_options *options)
{
    int64_t values[RAFT_VOTERS_MAX];
    uint32_t count = read_list(L, "witnesses", RAFT_VOTERS_MAX, values);
    for (uint32_t i = 0; i < count; i++) {
        if (values[i] < 1 || values[i] > options->nodes) {
            script_raise(L, "'witnesses': there is no node %lld: nodes are numbered 1..%u",
                         (long long)values[i], options->nodes);
        }
        options->raft.witnesses |= 1u << (values[i] - 1);
    }
    count = read_list(L, "priorities", UINT8_MAX, values);
    if (count > options->nodes) {
        script_raise(L, "'priorities' has %u numbers for %u nodes", count, options->nodes);
    }
    for (uint32_t i = 0; i < count; i++) {
        options->raft.priorities[i] = (uint8_t)values[i];
    }
}

/* Whether an option is of the world around the nodes, the same for all of them and for good. */
static bool is_of_world(const char *name)
{
    static const char *const names[] = {
        "nodes",        "learners",  "witnesses",         "priorities", "latency",
        "jitter",       "disk_read", "disk_write",        "disk_sync",  "apply",
        "clock_offset", "sessions",  "revert_failed_sync"};
    for (size_t i = 0; i < SCRIPT_COUNT(names); i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

/* Which implementation a node is to be started from. Without a second one "next" is the first. */
static bool takes_next(lua_State *L, const char *sut, const struct sim_node *node)
{
    static const char *const names[] = {"first", "next"};
    if (sut == NULL) {
        return node->takes_next;
    }
    bool is_next = strcmp(sut, names[1]) == 0;
    if (!is_next && strcmp(sut, names[0]) != 0) {
        const char *guess = script_push_guess(L, sut, names, SCRIPT_COUNT(names));
        script_raise(L, "unknown 'sut' = '%s'%s; it is one of: %s", sut, guess,
                     script_push_list(L, names, SCRIPT_COUNT(names)));
    }
    return is_next && node->world->sut_next != NULL;
}

void script_restart_options_read(lua_State *L, int index, struct sim_node *node)
{
    static const struct script_option sut = {
        "sut", SCRIPT_STRING, offsetof(struct cluster_options, sut), 0, 0, false};
    struct script_option list[SCRIPT_COUNT(cluster_option_list) + 1];
    struct sim_cluster_options options;
    struct cluster_options given;
    size_t count = 0;
    for (size_t i = 0; i < SCRIPT_COUNT(cluster_option_list); i++) {
        if (!is_of_world(cluster_option_list[i].name)) {
            list[count++] = cluster_option_list[i];
        }
    }
    list[count++] = sut;
    sim_cluster_options_init(&options);
    options.raft = node->options;
    options_from(&given, &options);
    script_options_read(L, index, list, count, &given);
    options_to(&given, &options);
    const char *broken = raft_options_check(&options.raft);
    if (broken != NULL) {
        script_raise(L, "%s", broken);
    }
    node->takes_next = takes_next(L, given.sut, node);
    node->options = options.raft;
}

void script_cluster_options_read(lua_State *L, int index, struct sim_cluster_options *options)
{
    struct cluster_options given;
    sim_cluster_options_init(options);
    options_from(&given, options);
    script_options_read(L, index, cluster_option_list, SCRIPT_COUNT(cluster_option_list), &given);
    options_to(&given, options);
    read_members(L, options);
    const char *broken = sim_cluster_options_check(options);
    if (broken != NULL) {
        script_raise(L, "%s", broken);
    }
}
