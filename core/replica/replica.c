/* The replica: its life, and the way of every event through it.
 *
 *   CREATED --start--> RUNNING --stop or failure--> STOPPING --> CLOSING --> STOPPED
 *
 * STOPPING completes every request and waits for operations in flight and for the state machine;
 * CLOSING closes the files. Nothing is sent from STOPPING on.
 *
 * Invariants:
 *  1. The consensus machine hears of an operation's end only while RUNNING.
 *  2. In STOPPED the replica owns nothing but itself, and env->stopped has been called once. */
#include "replica_internal.h"

#include <assert.h>
#include <string.h>

/* Time never goes back inside the replica, whatever the environment's clock does. */
static void advance(struct raft_replica *replica, raft_time now_ns)
{
    if (now_ns > replica->now_ns) {
        replica->now_ns = now_ns;
    }
}

static size_t send_buffer_size(const struct raft_options *options)
{
    return RAFT_MESSAGE_SIZE + (size_t)options->batch_entries_max * RAFT_MESSAGE_ENTRY_SIZE +
           options->batch_size_max;
}

static void release_all(struct raft_replica *replica)
{
    const struct raft_memory *memory = replica->memory;
    raft_destroy(replica->raft);
    replica->raft = NULL;
    raft_log_close(&replica->log);
    if (replica->storage != NULL) {
        raft_storage_destroy(replica->storage);
        replica->storage = NULL;
    }
    memory->free(memory->ctx, replica->send_buffer);
    replica->send_buffer = NULL;
    memory->free(memory->ctx, replica->requests);
    replica->requests = NULL;
    memory->free(memory->ctx, replica->reads);
    replica->reads = NULL;
}

enum raft_status raft_replica_create(const struct raft_options *options, const struct raft_env *env,
                                     struct raft_replica **out_replica)
{
    const struct raft_memory *memory = env->memory;
    struct raft_replica *replica =
        memory->alloc(memory->ctx, RAFT_AT_REPLICA_CREATE_ALLOC, sizeof *replica);
    if (replica == NULL) {
        return RAFT_NOMEM;
    }
    *replica = (struct raft_replica){.options = *options, .env = env, .memory = memory};
    raft_log_init(&replica->log, memory);
    enum raft_status status = raft_create(options, memory, &replica->log, &replica->raft);
    if (status != RAFT_OK) {
        goto out;
    }
    status = RAFT_NOMEM;
    replica->send_buffer_size = send_buffer_size(options);
    replica->send_buffer =
        memory->alloc(memory->ctx, RAFT_AT_REPLICA_CREATE_BUFFER, replica->send_buffer_size);
    if (replica->send_buffer == NULL) {
        goto out;
    }
    replica->requests = memory->alloc(memory->ctx, RAFT_AT_REPLICA_CREATE_REQUESTS,
                                      options->pending_requests_max * sizeof replica->requests[0]);
    if (replica->requests == NULL) {
        goto out;
    }
    replica->reads = memory->alloc(memory->ctx, RAFT_AT_REPLICA_CREATE_READS,
                                   options->pending_requests_max * sizeof replica->reads[0]);
    if (replica->reads == NULL) {
        goto out;
    }
    status = raft_storage_create(options, env, &replica->storage);
out:
    if (status != RAFT_OK) {
        release_all(replica);
        memory->free(memory->ctx, replica);
        return status;
    }
    *out_replica = replica;
    return RAFT_OK;
}

enum raft_status raft_replica_start(struct raft_replica *replica, raft_time now_ns, bool bootstrap)
{
    assert(replica->phase == RAFT_REPLICA_CREATED);
    advance(replica, now_ns);
    bool exists = false;
    struct raft_stored stored;
    enum raft_status status = raft_storage_exists(replica->storage, &exists);
    if (status != RAFT_OK) {
        return status;
    }
    if (raft_exit_taken(replica->memory, RAFT_AT_REPLICA_START_LOST, !exists && !bootstrap)) {
        return RAFT_LOST_STORE;
    }
    if (!exists) {
        struct raft_configuration configuration;
        raft_options_configuration(&replica->options, &configuration);
        status = raft_storage_bootstrap(replica->storage, &configuration);
        if (status != RAFT_OK) {
            return status;
        }
    }
    status = raft_storage_load(replica->storage, &replica->log, &stored);
    if (status != RAFT_OK) {
        return status;
    }
    /* Nothing below can fail. */
    raft_begin(replica->raft, &stored.state, &stored.snapshot, replica->now_ns);
    replica->phase = RAFT_REPLICA_RUNNING;
    raft_replica_pump(replica);
    return RAFT_OK;
}

static void end(struct raft_replica *replica)
{
    assert(replica->request_count == 0 && replica->read_count == 0 && !replica->change_pending);
    assert(replica->applying == NULL);
    if (replica->retry_armed) {
        replica->retry_armed = false;
        replica->env->set_timer(replica->env->ctx, RAFT_TIMER_RETRY, RAFT_TIME_NEVER);
    }
    release_all(replica);
    replica->phase = RAFT_REPLICA_STOPPED;
    replica->env->stopped(replica->env->ctx, replica->why);
}

static void close_files(struct raft_replica *replica)
{
    bool is_closed = false;
    if (raft_storage_stalled(replica->storage)) {
        if (raft_storage_retry(replica->storage)) {
            raft_replica_arm_retry(replica);
        }
        return;
    }
    enum raft_status status = raft_storage_close(replica->storage, &is_closed);
    if (status != RAFT_OK) {
        raft_replica_arm_retry(replica);
    } else if (is_closed) {
        end(replica);
    }
}

/* Goes on with the stop as far as what is in flight allows. */
static void proceed_to_stop(struct raft_replica *replica)
{
    assert(replica->phase == RAFT_REPLICA_STOPPING);
    raft_storage_abandon(replica->storage);
    if (raft_storage_in_flight(replica->storage) || replica->applying != NULL) {
        return;
    }
    replica->phase = RAFT_REPLICA_CLOSING;
    close_files(replica);
}

static void begin_to_stop(struct raft_replica *replica, enum raft_status why)
{
    if (replica->phase != RAFT_REPLICA_RUNNING) {
        return;
    }
    replica->phase = RAFT_REPLICA_STOPPING;
    replica->why = why;
    replica->retry_armed = false;
    for (int timer = 0; timer < RAFT_TIMER_COUNT; timer++) {
        replica->env->set_timer(replica->env->ctx, (enum raft_timer)timer, RAFT_TIME_NEVER);
    }
    raft_requests_complete(replica, RAFT_LOST, UINT64_MAX);
    raft_reads_refuse(replica);
    raft_change_complete(replica, RAFT_LOST, 0);
    proceed_to_stop(replica);
}

void raft_replica_stop(struct raft_replica *replica, raft_time now_ns)
{
    advance(replica, now_ns);
    begin_to_stop(replica, RAFT_OK);
}

void raft_replica_destroy(struct raft_replica *replica)
{
    assert(replica->phase == RAFT_REPLICA_CREATED || replica->phase == RAFT_REPLICA_STOPPED);
    if (replica->phase == RAFT_REPLICA_CREATED) {
        release_all(replica);
    }
    replica->memory->free(replica->memory->ctx, replica);
}

void raft_replica_receive(struct raft_replica *replica, raft_time now_ns, const uint8_t *bytes,
                          size_t size)
{
    advance(replica, now_ns);
    if (replica->phase != RAFT_REPLICA_RUNNING) {
        return;
    }
    struct raft_message message;
    struct raft_effect effect;
    if (raft_message_decode(replica->memory, bytes, size, &message) != RAFT_OK) {
        return;
    }
    const struct raft_event event = {
        .type = RAFT_EVENT_MESSAGE, .now_ns = replica->now_ns, .message = &message};
    enum raft_status status = raft_step(replica->raft, &event, &effect);
    raft_message_release(&message);
    if (status == RAFT_OK) {
        raft_replica_pump(replica);
    }
}

static void on_retry(struct raft_replica *replica)
{
    /* An environment may fire a timer that was cancelled a moment before. */
    if (!replica->retry_armed) {
        return;
    }
    replica->retry_armed = false;
    if (replica->phase == RAFT_REPLICA_CLOSING) {
        close_files(replica);
        return;
    }
    if (raft_storage_stalled(replica->storage)) {
        raft_storage_retry(replica->storage);
    }
    raft_replica_feed(replica, &(struct raft_event){.type = RAFT_EVENT_RETRY});
    raft_replica_pump(replica);
}

void raft_replica_timer(struct raft_replica *replica, raft_time now_ns, enum raft_timer timer)
{
    advance(replica, now_ns);
    if (timer == RAFT_TIMER_RETRY) {
        on_retry(replica);
        return;
    }
    if (replica->phase != RAFT_REPLICA_RUNNING) {
        return;
    }
    raft_replica_feed(replica, &(struct raft_event){.type = RAFT_EVENT_TIMEOUT, .timer = timer});
    raft_replica_pump(replica);
}

void raft_replica_io_done(struct raft_replica *replica, raft_time now_ns, struct raft_io *io)
{
    struct raft_storage_done done;
    advance(replica, now_ns);
    bool has_ended = raft_storage_io_done(replica->storage, io, &done);
    if (replica->phase == RAFT_REPLICA_CLOSING) {
        if (has_ended) {
            end(replica);
        } else if (raft_storage_stalled(replica->storage)) {
            raft_replica_arm_retry(replica);
        }
        return;
    }
    if (replica->phase == RAFT_REPLICA_STOPPING) {
        if (has_ended) {
            raft_storage_done_release(replica->memory, &done);
        }
        proceed_to_stop(replica);
        return;
    }
    enum raft_status status = has_ended ? raft_replica_job_done(replica, &done) : RAFT_OK;
    if (status != RAFT_OK) {
        begin_to_stop(replica, status);
        return;
    }
    raft_replica_pump(replica);
}

void raft_replica_applied(struct raft_replica *replica, raft_time now_ns, enum raft_status status,
                          raft_index index)
{
    advance(replica, now_ns);
    assert(replica->applying != NULL);
    raft_replica_release_applying(replica);
    if (replica->phase == RAFT_REPLICA_STOPPING) {
        proceed_to_stop(replica);
        return;
    }
    if (status != RAFT_OK) {
        begin_to_stop(replica, RAFT_MACHINE);
        return;
    }
    raft_replica_feed(replica,
                      &(struct raft_event){.type = RAFT_EVENT_APPLIED, .id = {.index = index}});
    raft_replica_pump(replica);
}

enum raft_status raft_replica_submit(struct raft_replica *replica, raft_time now_ns,
                                     uint64_t request, const uint8_t *payload, uint32_t size)
{
    const struct raft_memory *memory = replica->memory;
    advance(replica, now_ns);
    if (raft_exit_taken(memory, RAFT_AT_SUBMIT_STOPPED, replica->phase != RAFT_REPLICA_RUNNING)) {
        return RAFT_STOPPED;
    }
    if (raft_exit_taken(memory, RAFT_AT_SUBMIT_LARGE, size > replica->options.payload_size_max)) {
        return RAFT_INVALID;
    }
    if (raft_exit_taken(memory, RAFT_AT_SUBMIT_FULL,
                        replica->request_count == replica->options.pending_requests_max)) {
        return RAFT_BUSY;
    }
    struct raft_entry *entry = NULL;
    struct raft_effect effect;
    enum raft_status status = raft_entry_create(
        memory, RAFT_AT_SUBMIT_ENTRY_ALLOC, RAFT_ENTRY_COMMAND, size, RAFT_HOLDER_MESSAGE, &entry);
    if (status != RAFT_OK) {
        return status;
    }
    if (size > 0) {
        memcpy(entry->payload, payload, size);
    }
    const struct raft_event event = {
        .type = RAFT_EVENT_PROPOSE, .now_ns = replica->now_ns, .entry = entry};
    status = raft_step(replica->raft, &event, &effect);
    if (status != RAFT_OK) {
        goto out;
    }
    /* Nothing below can fail. */
    raft_request_add(replica, request, entry);
    raft_replica_pump(replica);
out:
    raft_entry_drop(entry, RAFT_HOLDER_MESSAGE);
    return status;
}

void raft_replica_set_read_only(struct raft_replica *replica, raft_time now_ns, bool read_only)
{
    advance(replica, now_ns);
    if (replica->phase == RAFT_REPLICA_RUNNING) {
        raft_replica_feed(
            replica, &(struct raft_event){.type = RAFT_EVENT_READ_ONLY, .read_only = read_only});
        raft_replica_pump(replica);
    }
}

/* Asks the consensus machine for something that it may refuse. */
static enum raft_status ask(struct raft_replica *replica, struct raft_event event)
{
    struct raft_effect effect;
    event.now_ns = replica->now_ns;
    enum raft_status status = raft_step(replica->raft, &event, &effect);
    if (status == RAFT_OK) {
        raft_replica_pump(replica);
    }
    return status;
}

enum raft_status raft_replica_campaign(struct raft_replica *replica, raft_time now_ns)
{
    advance(replica, now_ns);
    if (raft_exit_taken(replica->memory, RAFT_AT_CAMPAIGN_STOPPED,
                        replica->phase != RAFT_REPLICA_RUNNING)) {
        return RAFT_STOPPED;
    }
    return ask(replica, (struct raft_event){.type = RAFT_EVENT_CAMPAIGN});
}

enum raft_status raft_replica_snapshot(struct raft_replica *replica, raft_time now_ns)
{
    advance(replica, now_ns);
    if (raft_exit_taken(replica->memory, RAFT_AT_SNAPSHOT_STOPPED,
                        replica->phase != RAFT_REPLICA_RUNNING)) {
        return RAFT_STOPPED;
    }
    return ask(replica, (struct raft_event){.type = RAFT_EVENT_SNAPSHOT});
}

enum raft_status raft_replica_transfer(struct raft_replica *replica, raft_time now_ns,
                                       raft_node_id target)
{
    advance(replica, now_ns);
    if (raft_exit_taken(replica->memory, RAFT_AT_TRANSFER_STOPPED,
                        replica->phase != RAFT_REPLICA_RUNNING)) {
        return RAFT_STOPPED;
    }
    return ask(replica, (struct raft_event){.type = RAFT_EVENT_TRANSFER, .node = target});
}

enum raft_status raft_replica_change(struct raft_replica *replica, raft_time now_ns,
                                     uint64_t request, const struct raft_configuration *target)
{
    advance(replica, now_ns);
    if (raft_exit_taken(replica->memory, RAFT_AT_CHANGE_STOPPED,
                        replica->phase != RAFT_REPLICA_RUNNING)) {
        return RAFT_STOPPED;
    }
    struct raft_effect effect;
    const struct raft_event event = {
        .type = RAFT_EVENT_CHANGE, .now_ns = replica->now_ns, .configuration = target};
    enum raft_status status = raft_step(replica->raft, &event, &effect);
    if (status != RAFT_OK) {
        return status;
    }
    /* Nothing below can fail. */
    assert(!replica->change_pending);
    replica->change_pending = true;
    replica->change_request = request;
    raft_replica_pump(replica);
    return RAFT_OK;
}

enum raft_status raft_replica_recover(struct raft_replica *replica, raft_time now_ns,
                                      const struct raft_configuration *target)
{
    advance(replica, now_ns);
    if (raft_exit_taken(replica->memory, RAFT_AT_RECOVER_STOPPED,
                        replica->phase != RAFT_REPLICA_RUNNING)) {
        return RAFT_STOPPED;
    }
    return ask(replica, (struct raft_event){.type = RAFT_EVENT_RECOVER, .configuration = target});
}

enum raft_status raft_replica_read(struct raft_replica *replica, raft_time now_ns, uint64_t request)
{
    const struct raft_memory *memory = replica->memory;
    advance(replica, now_ns);
    if (raft_exit_taken(memory, RAFT_AT_READ_STOPPED, replica->phase != RAFT_REPLICA_RUNNING)) {
        return RAFT_STOPPED;
    }
    if (raft_exit_taken(memory, RAFT_AT_READ_FULL,
                        replica->read_count == replica->options.pending_requests_max)) {
        return RAFT_BUSY;
    }
    struct raft_effect effect;
    const struct raft_event event = {.type = RAFT_EVENT_READ, .now_ns = replica->now_ns};
    enum raft_status status = raft_step(replica->raft, &event, &effect);
    if (status != RAFT_OK) {
        return status;
    }
    struct raft_view view;
    raft_get_view(replica->raft, &view);
    raft_read_add(replica, (struct raft_read){request, view.read_round, view.commit});
    raft_replica_pump(replica);
    return RAFT_OK;
}

void raft_replica_get_view(const struct raft_replica *replica, struct raft_view *out_view)
{
    if (replica->phase == RAFT_REPLICA_STOPPED) {
        *out_view = (struct raft_view){
            .id = replica->options.id,
            .condition = replica->why == RAFT_OK ? RAFT_RUNNING : RAFT_CONDITION_FAILED,
        };
        return;
    }
    raft_get_view(replica->raft, out_view);
    if (replica->phase != RAFT_REPLICA_RUNNING && replica->why != RAFT_OK) {
        out_view->condition = RAFT_CONDITION_FAILED;
    }
    out_view->entries_apply = replica->applying_count;
    out_view->entries_storage = raft_storage_entries_held(replica->storage);
    out_view->requests = replica->request_count;
    out_view->reads = replica->read_count;
}

bool raft_replica_get_progress(const struct raft_replica *replica, raft_node_id peer,
                               struct raft_progress_view *out_view)
{
    return replica->phase == RAFT_REPLICA_RUNNING &&
           raft_get_progress(replica->raft, peer, out_view);
}

const struct raft_entry *raft_replica_peek(const struct raft_replica *replica, raft_index index)
{
    return replica->raft == NULL ? NULL : raft_log_peek(&replica->log, index);
}

const char *raft_replica_invariant_broken(const struct raft_replica *replica)
{
    return replica->phase == RAFT_REPLICA_RUNNING ? raft_invariant_broken(replica->raft) : NULL;
}
