/* Bounds on what a node does and owns.
 *
 * Terms. A *cause* is what a node may answer: a message, a completed operation, a request, or a
 * read, for which a leader asks its followers. Its *traffic* in an interval of one heartbeat is
 * what it sends by itself, a few messages to each peer and a window of appends, and a few answers
 * to each cause; more is a storm.
 *
 *  1. In one event a node sends each peer at most its window and a few messages more.
 *  2. In one interval it sends what its peers and the causes account for.
 *  3. It holds no more requests, reads and unanswered appends than its options say.
 *  4. Its memory is that of its log, its windows, its requests and a fixed base.
 *  5. What it has applied of its log, and behind the latest fault, is a few times what makes a
 *     snapshot due, and what may trail one. A node that installs a snapshot is no measure. A
 *     leader keeps the snapshot that it is sending, and takes no other: for SENDING_TIMEOUTS in
 *     all, and only as long as a follower has got further with it in the last STILL_TIMEOUTS;
 *     then it has to let one wait that cannot take it.
 *  6. Its log has in memory what its option says, beside what is not applied or not durable, and
 *     the configurations. What it has is counted by the ledger.
 *  7. INSTANT_EVENTS_MAX events at one instant mean that time stands still. */
#include "oracle_internal.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#define MESSAGES_MORE      8u /* to one peer: heartbeats, probes, votes, answers, a transfer */
#define ANSWERS_MAX        4u /* of one cause to one peer: an append, a commit index, an answer */
#define INSTANT_EVENTS_MAX 100000u
#define THRESHOLDS_MAX     4u  /* applied entries, in terms of what makes a snapshot due */
#define SENDING_TIMEOUTS   10u /* so many times the longest election timeout */
#define STILL_TIMEOUTS     5u  /* likewise; the core gives way after four */
#define BASE_BYTES         ((uint64_t)1 << 20)
#define ENTRY_BYTES        512u /* of an entry beside its payload, with its slots everywhere */

/* Whoever is or may become a member. */
static uint64_t peers_of(const struct sim_node *node)
{
    return node->world->node_count > 1 ? node->world->node_count - 1 : 1;
}

/* Begins another interval if it is time. */
static struct oracle_traffic *traffic_now(struct sim_oracles *oracles, uint32_t node)
{
    struct oracle_traffic *traffic = &oracles->nodes[node].traffic;
    const struct sim_world *world = oracles->world;
    uint64_t length_ns = world->nodes[node]->started.heartbeat_ns;
    uint64_t interval = length_ns == 0 ? 0 : world->scheduler.now_ns / length_ns;
    if (interval != traffic->interval) {
        traffic->interval = interval;
        traffic->sent = 0;
        traffic->causes = 0;
    }
    return traffic;
}

void sim_oracle_traffic_cause(struct sim_oracles *oracles, uint32_t node)
{
    assert(node > 0 && node < SIM_NODES_MAX);
    traffic_now(oracles, node)->causes++;
}

void sim_oracle_traffic_sent(struct sim_oracles *oracles, uint32_t node)
{
    assert(node > 0 && node < SIM_NODES_MAX);
    struct oracle_traffic *traffic = traffic_now(oracles, node);
    const struct sim_node *sim_node = oracles->world->nodes[node];
    uint64_t window = sim_node->started.window_messages_max + MESSAGES_MORE;
    traffic->sent_in_event = traffic->event == oracles->world->events ? traffic->sent_in_event : 0;
    traffic->event = oracles->world->events;
    traffic->sent_in_event++;
    traffic->sent++;
    oracles->checks[SIM_ORACLE_BOUNDED]++;
    if (traffic->sent_in_event > peers_of(sim_node) * window) {
        sim_oracle_broken(oracles, SIM_ORACLE_BOUNDED, node,
                          "too many messages in one event: node %u has sent %u, to %" PRIu64
                          " peers with windows of %u",
                          node, traffic->sent_in_event, peers_of(sim_node),
                          sim_node->started.window_messages_max);
    }
    if (traffic->sent > peers_of(sim_node) * (window + ANSWERS_MAX * traffic->causes)) {
        sim_oracle_broken(oracles, SIM_ORACLE_BOUNDED, node,
                          "a storm of messages: node %u has sent %" PRIu64 " in one heartbeat "
                          "interval, to %" PRIu64 " peers, with %" PRIu64 " causes",
                          node, traffic->sent, peers_of(sim_node), traffic->causes);
    }
}

static void queues_check(struct sim_oracles *oracles, uint32_t node, uint32_t peer)
{
    const struct sim_node *sim_node = oracles->world->nodes[node];
    const struct raft_view *view = &sim_node->view;
    const struct raft_options *options = &sim_node->started;
    if (view->requests > options->pending_requests_max ||
        view->reads > options->pending_requests_max) {
        sim_oracle_broken(oracles, SIM_ORACLE_BOUNDED, node,
                          "too many requests: node %u holds %u and %u reads, its bound is %u", node,
                          view->requests, view->reads, options->pending_requests_max);
    }
    struct raft_progress_view progress;
    if (peer == 0 || view->role != RAFT_LEADER) {
        return;
    }
    if (!sim_oracle_has(oracles, SUT_FEATURE_PROGRESS)) {
        sim_oracle_waive(oracles, SIM_WAIVER_WINDOW_UNSEEN);
        return;
    }
    if (sim_oracle_sut(oracles, node)->progress(sim_node->process, peer, &progress) &&
        progress.inflight > options->window_messages_max) {
        sim_oracle_broken(oracles, SIM_ORACLE_BOUNDED, node,
                          "a window is exceeded: leader %u has %u unanswered appends to node %u, "
                          "its bound is %u",
                          node, progress.inflight, peer, options->window_messages_max);
    }
}

static void memory_check(struct sim_oracles *oracles, uint32_t node)
{
    const struct sim_node *sim_node = oracles->world->nodes[node];
    const struct raft_options *options = &sim_node->started;
    uint64_t entries = sim_node->view.entries_log + sim_node->ledger.entries;
    uint64_t batches = peers_of(sim_node) * options->window_messages_max + 2;
    uint64_t most = BASE_BYTES + entries * (ENTRY_BYTES + (uint64_t)options->payload_size_max) +
                    batches * options->batch_size_max +
                    (uint64_t)options->pending_requests_max * ENTRY_BYTES;
    if (sim_node->block_bytes > most) {
        sim_oracle_broken(oracles, SIM_ORACLE_BOUNDED, node,
                          "too much memory: node %u owns %" PRIu64 " bytes in %" PRIu64
                          " blocks; its %" PRIu64 " entries and its windows account for %" PRIu64,
                          node, sim_node->block_bytes, sim_node->block_count, entries, most);
    }
}

/* Bytes of the entries that may not leave memory, or need not. */
static uint64_t unsettled_size(const struct oracle_node *state, const struct raft_view *view)
{
    raft_index settled = view->applied < view->durable.index ? view->applied : view->durable.index;
    settled = settled > view->base.index ? settled : view->base.index;
    settled = settled < state->last ? settled : state->last;
    return state->links[state->last].size - state->links[settled].size +
           state->configuration_count * (sizeof(struct raft_entry) + RAFT_CONFIGURATION_SIZE_MAX);
}

static void log_memory_check(struct sim_oracles *oracles, uint32_t node)
{
    const struct sim_node *sim_node = oracles->world->nodes[node];
    uint64_t bound = sim_node->started.log_memory_max;
    if (!sim_oracle_has(oracles, SUT_FEATURE_LEDGER)) {
        sim_oracle_waive(oracles, SIM_WAIVER_MEMORY_UNSEEN);
        return;
    }
    if (sim_node->ledger.log_size <= bound) {
        return;
    }
    uint64_t unsettled = unsettled_size(&oracles->nodes[node], &sim_node->view);
    if (sim_node->ledger.log_size > bound + unsettled) {
        sim_oracle_broken(oracles, SIM_ORACLE_BOUNDED, node,
                          "a log keeps too much in memory: node %u has %" PRIu64
                          " bytes of entries; its bound is %" PRIu64 ", and %" PRIu64
                          " more are not applied or not durable",
                          node, sim_node->ledger.log_size, bound, unsettled);
    }
}

/* What it had applied when a fault hit this process last: it may have cost the snapshot that was
 * due then, and no later one. It is tried again after a time, of a clock that may stand still. */
static raft_index excused_up_to(struct sim_oracles *oracles, uint32_t node)
{
    struct oracle_harms *harms = &oracles->nodes[node].harms;
    const struct sim_node *sim_node = oracles->world->nodes[node];
    uint64_t harm = sim_oracle_latest_harm(oracles, node);
    bool is_new = harm != harms->of_length;
    harms->of_length = harm;
    harms->length_ns = is_new ? 0 : harms->length_ns + oracles->nodes[node].patience.passed_ns;
    if (harm != 0 && harms->length_ns <= sim_node->started.retry_ns) {
        harms->length_from = sim_node->view.applied;
    }
    return harms->length_from;
}

/* A node that has nothing to wait for: its disk is idle. */
static bool should_have_compacted(const struct sim_node *node)
{
    const struct raft_view *view = &node->view;
    return node->started.snapshot_threshold > 0 && node->state == SIM_NODE_UP &&
           view->condition == RAFT_RUNNING && !view->is_installing && view->member_flags != 0 &&
           sim_disk_pending(&node->disk) == 0;
}

/* A follower that this leader is sending a snapshot to, the one that moved last if any has; 0:
 * there is none. */
static uint32_t snapshot_receiver(struct sim_oracles *oracles, uint32_t node)
{
    const struct sim_world *world = oracles->world;
    struct oracle_sending *sending = &oracles->nodes[node].sending;
    bool leads = world->nodes[node]->view.role == RAFT_LEADER;
    uint32_t receiver = 0;
    bool moves = false;
    if (!leads || !sim_oracle_has(oracles, SUT_FEATURE_PROGRESS)) {
        return 0;
    }
    for (uint32_t peer = 1; peer <= world->node_count; peer++) {
        struct raft_progress_view progress;
        bool installs =
            peer != node &&
            sim_oracle_sut(oracles, node)->progress(world->nodes[node]->process, peer, &progress) &&
            progress.state == RAFT_INSTALL;
        uint64_t has = installs ? progress.offset + 1 : 0;
        bool is_further = has > sending->has[peer];
        sending->has[peer] = installs && !is_further ? sending->has[peer] : has;
        receiver = installs && (!moves || is_further) ? peer : receiver;
        moves = moves || is_further;
    }
    uint64_t passed_ns = oracles->nodes[node].patience.passed_ns;
    sending->still_ns = moves || receiver == 0 ? 0 : sending->still_ns + passed_ns;
    return receiver;
}

/* The follower for whose sake a leader may keep its snapshot and its log, or 0. */
static uint32_t kept_for(struct sim_oracles *oracles, uint32_t node, uint64_t timeout_ns)
{
    struct oracle_sending *sending = &oracles->nodes[node].sending;
    uint32_t receiver = snapshot_receiver(oracles, node);
    uint64_t passed_ns = oracles->nodes[node].patience.passed_ns;
    sending->kept_ns = receiver == 0 ? 0 : sending->kept_ns + passed_ns;
    sending->receiver = receiver;
    bool is_over = sending->still_ns > STILL_TIMEOUTS * timeout_ns ||
                   sending->kept_ns > SENDING_TIMEOUTS * timeout_ns;
    return is_over ? 0 : receiver;
}

static void length_check(struct sim_oracles *oracles, uint32_t node)
{
    const struct sim_node *sim_node = oracles->world->nodes[node];
    const struct raft_options *options = &sim_node->started;
    const struct raft_view *view = &sim_node->view;
    struct oracle_sending *sending = &oracles->nodes[node].sending;
    uint64_t most = (uint64_t)options->snapshot_threshold * THRESHOLDS_MAX +
                    options->snapshot_trailing + options->pending_requests_max;
    /* A snapshot has to name the members, so there is none before they are known. */
    raft_index from =
        view->base.index > view->configuration_index ? view->base.index : view->configuration_index;
    bool is_long = options->snapshot_threshold > 0 && view->applied > from + most;
    raft_index excused = excused_up_to(oracles, node);
    from = excused > from ? excused : from;
    if (view->applied <= from + most) {
        *sending = (struct oracle_sending){.receiver = 0};
        if (is_long) {
            sim_oracle_waive(oracles, SIM_WAIVER_LENGTH_HARM);
        }
        return;
    }
    if (kept_for(oracles, node, options->election_ns_max) != 0) {
        if (is_long) {
            sim_oracle_waive(oracles, SIM_WAIVER_LENGTH_SENDING);
        }
        return;
    }
    if (!should_have_compacted(sim_node)) {
        if (is_long && sim_node->state == SIM_NODE_UP && view->condition != RAFT_CONDITION_FAILED) {
            sim_oracle_waive(oracles, SIM_WAIVER_LENGTH_BUSY);
        }
        return;
    }
    char why[2 * SIM_NAME_MAX] = "";
    if (sending->receiver != 0) {
        snprintf(why, sizeof why,
                 "; a snapshot for node %u has been under way for %" PRIu64 " ms, and still for "
                 "%" PRIu64,
                 sending->receiver, sending->kept_ns / 1000000, sending->still_ns / 1000000);
    }
    sim_oracle_broken(oracles, SIM_ORACLE_BOUNDED, node,
                      "a log is never compacted: node %u has applied up to %" PRIu64
                      " and its log begins behind %" PRIu64 "; its snapshots and what may "
                      "trail them account for %" PRIu64 "%s",
                      node, view->applied, view->base.index, most, why);
}

void sim_oracle_bounded_check(struct sim_oracles *oracles, uint32_t node, uint32_t peer)
{
    oracles->checks[SIM_ORACLE_BOUNDED]++;
    queues_check(oracles, node, peer);
    memory_check(oracles, node);
    log_memory_check(oracles, node);
    length_check(oracles, node);
}

void sim_oracle_event_over(struct sim_oracles *oracles)
{
    uint64_t now_ns = oracles->world->scheduler.now_ns;
    oracles->instant_events = now_ns == oracles->instant_ns ? oracles->instant_events + 1 : 1;
    oracles->instant_ns = now_ns;
    if (oracles->instant_events > INSTANT_EVENTS_MAX) {
        sim_oracle_broken(oracles, SIM_ORACLE_BOUNDED, 0,
                          "time stands still: %" PRIu64 " events at %" PRIu64 " ns",
                          oracles->instant_events, now_ns);
    }
}
