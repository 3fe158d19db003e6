/* Clients: one operation at a time, from its invocation to its outcome.
 *
 *           begin               arrives, is taken           completed
 *     idle -------> on the way -------------------> at_node ----------> on the way back --> idle
 *                    ^     | refused, or nobody there  | lost             | not OK
 *                    |     v                           v                  v
 *                    +-- retry pause <-----------------+------------------+
 *
 * Terms. An *attempt* is one request to one node; an operation makes attempts with the same
 * sequence number until one is answered OK or its time is over. An attempt is *unknown* if it was
 * taken and then not heard of as done or refused.
 *
 * Fault model. Requests and answers take the network's base latency and are never lost by
 * themselves: partitions are between nodes. A node that is down refuses the connection, so that the
 * attempt has certainly not been taken; a node that dies while it has an attempt breaks the
 * connection. Requests to a paused node wait. A request is delivered although its client has given
 * up meanwhile.
 *
 * Invariants:
 *  1. An operation that ends as FAIL has never been taken by any node, or was refused by it.
 *  2. A client has at most one attempt in flight, and one timer. */
#include "client_internal.h"

#include "world.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define CLIENT_BITS 16u
_Static_assert(SIM_CLIENTS_MAX == (1u << CLIENT_BITS) - 1, "a client's number is a mask as well");
#define TIMEOUT_NS UINT64_C(2000000000) /* default */
#define RETRY_NS   UINT64_C(10000000)
/* Nodes that have heard nothing for long may send a client about in a circle: it breaks out of it.
 */
#define TURNS_MAX      16u
#define LATENCY_NS_MIN UINT64_C(1000) /* so that time passes between two attempts */

/* A request on its way to a node, or its answer on the way back. */
struct letter {
    uint32_t client;
    uint32_t node;
    uint64_t request;
    struct sim_command command;
    struct sim_result result;
    const char *error; /* static; NULL: OK */
    bool is_unknown;
    uint32_t leader; /* whom the node takes for the leader */
};

void sim_clients_init(struct sim_clients *clients, struct sim_world *world)
{
    memset(clients, 0, sizeof *clients);
    clients->world = world;
    clients->end = &clients->first;
    clients->history_end = &clients->history;
}

struct sim_client *sim_client_create(struct sim_world *world, uint64_t timeout_ns)
{
    struct sim_clients *clients = &world->clients;
    assert(clients->count < SIM_CLIENTS_MAX);
    struct sim_client *client = arena_calloc(world->arena, sizeof *client);
    client->world = world;
    client->id = ++clients->count;
    client->timeout_ns = timeout_ns != 0 ? timeout_ns : TIMEOUT_NS;
    client->retry_ns = RETRY_NS;
    sim_stream_init(&client->stream, world->seed, SIM_STREAM_CLIENT, client->id, 0);
    sim_source_init(&world->scheduler, &client->source, false);
    *clients->end = client;
    clients->end = &client->next;
    clients->by_id = arena_realloc(world->arena, clients->by_id,
                                   (clients->count + 1) * sizeof clients->by_id[0]);
    clients->by_id[0] = NULL;
    clients->by_id[client->id] = client;
    return client;
}

/* ---- the timer ---- */

void sim_client_timer_cancel(struct sim_client *client)
{
    if (client->timer != NULL) {
        sim_unschedule(&client->world->scheduler, client->timer);
        sim_event_free(&client->world->scheduler, client->timer);
        client->timer = NULL;
    }
}

void sim_client_timer_set(struct sim_client *client, uint64_t at_ns)
{
    struct sim_scheduler *scheduler = &client->world->scheduler;
    assert(at_ns >= scheduler->now_ns);
    sim_client_timer_cancel(client);
    client->timer = sim_event_new(scheduler, SIM_EVENT_CLIENT, 0);
    client->timer->number = client->id;
    client->timer->data = client;
    sim_schedule(scheduler, &client->source, client->timer, at_ns);
}

/* ---- one operation ---- */

static void letter_send(struct sim_world *world, const struct letter *letter,
                        enum sim_event_kind kind)
{
    struct sim_scheduler *scheduler = &world->scheduler;
    struct letter *copy = arena_alloc(world->arena, sizeof *copy);
    *copy = *letter;
    struct sim_event *event = sim_event_new(scheduler, kind, 0);
    event->number = letter->client;
    event->data = copy;
    uint64_t latency = world->network.latency_ns;
    sim_schedule(scheduler, &world->clients.by_id[letter->client]->source, event,
                 scheduler->now_ns + (latency > LATENCY_NS_MIN ? latency : LATENCY_NS_MIN));
}

uint64_t sim_client_command_digest(const struct sim_command *command, uint64_t digest)
{
    const uint64_t words[] = {
        (uint64_t)command->type,
        command->client,
        command->epoch,
        command->sequence,
        command->by_index,
        command->padding,
        sim_hash(command->key, strlen(command->key), 0),
        sim_hash(command->value, strlen(command->value), 0),
        sim_hash(command->expected, strlen(command->expected), 0),
    };
    return sim_hash(words, sizeof words, digest);
}

uint64_t sim_client_letter_digest(const struct sim_event *event)
{
    const struct letter *letter = event->data;
    const struct sim_result *result = &letter->result;
    const char *error = letter->error == NULL ? "" : letter->error;
    const uint64_t words[] = {
        letter->client,
        letter->node,
        letter->request,
        letter->is_unknown,
        letter->leader,
        result->found,
        result->swapped,
        result->epoch,
        sim_hash(result->value, strlen(result->value), 0),
        sim_hash(error, strlen(error), 0),
    };
    return sim_client_command_digest(&letter->command, sim_hash(words, sizeof words, 0));
}

/* What the attempt is about. */
static struct sim_command current_command(const struct sim_client *client)
{
    const struct sim_command registration = {
        .type = SIM_COMMAND_REGISTER, .client = client->id, .sequence = client->registrations};
    return client->registers ? registration : client->open->command;
}

static void attempt(struct sim_client *client)
{
    struct sim_world *world = client->world;
    assert(client->open != NULL && !client->in_flight && world->node_count > 0);
    if (client->target == 0 || client->target > world->node_count) {
        client->target = 1 + (uint32_t)sim_draw_below(&client->stream, world->node_count);
    }
    client->attempt = ++world->clients.requests << CLIENT_BITS | client->id;
    if (client->open->command.by_index) {
        client->attempt |= SIM_REQUEST_READ;
    }
    client->in_flight = true;
    client->at_node = 0;
    client->registers = client->must_register && !client->open->command.by_index;
    const struct letter letter = {
        .client = client->id,
        .node = client->target,
        .request = client->attempt,
        .command = current_command(client),
    };
    letter_send(world, &letter, SIM_EVENT_REQUEST);
    sim_client_timer_set(client, client->deadline_ns);
}

void sim_client_begin(struct sim_client *client, const struct sim_command *command, int waiter)
{
    struct sim_world *world = client->world;
    assert(client->open == NULL && client->attempt == 0);
    struct sim_operation *operation = arena_calloc(world->arena, sizeof *operation);
    operation->client = client->id;
    operation->command = *command;
    operation->command.client = client->id;
    operation->command.epoch = client->epoch;
    operation->command.sequence = ++client->sequence;
    client->operations++;
    client->registrations += client->must_register;
    operation->invoked_ns = world->scheduler.now_ns;
    operation->invoked_event = world->events;
    *world->clients.history_end = operation;
    world->clients.history_end = &operation->next;
    client->open = operation;
    client->waiter = waiter;
    client->sent_unknown = false;
    client->turns = 0;
    client->last_error = NULL;
    client->deadline_ns = world->scheduler.now_ns + client->timeout_ns;
    attempt(client);
}

static void count_outcome(struct sim_client *client, enum sim_client_outcome outcome)
{
    struct sim_clients *clients = &client->world->clients;
    struct sim_load *load = client->load;
    switch (outcome) {
    case SIM_CLIENT_OK:
        clients->ok++;
        break;
    case SIM_CLIENT_FAIL:
        clients->failed++;
        break;
    case SIM_CLIENT_UNKNOWN:
        clients->unknown++;
        break;
    }
    if (load != NULL) {
        load->ok += outcome == SIM_CLIENT_OK;
        load->failed += outcome == SIM_CLIENT_FAIL;
        load->unknown += outcome == SIM_CLIENT_UNKNOWN;
    }
}

/* Folds what the client is told into the digests of all that clients were told. Which operation was
 * refused is left out of the one that compares runs: with other delays it is the one before. */
static void note_result(struct sim_client *client, const struct sim_operation *operation)
{
    struct sim_clients *clients = &client->world->clients;
    const struct sim_result *result = &operation->result;
    uint64_t words[] = {
        client->id,
        operation->command.sequence,
        (uint64_t)operation->outcome,
        result->found,
        result->swapped,
        sim_hash(result->value, strnlen(result->value, sizeof result->value), 0),
        sim_hash(operation->error, strlen(operation->error), 0),
    };
    clients->results = sim_mix(clients->results, sim_hash(words, sizeof words, 0), 0);
    if (operation->outcome != SIM_CLIENT_OK) {
        clients->refusals += sim_hash(operation->error, strlen(operation->error),
                                      sim_mix(client->id, (uint64_t)operation->outcome, 0));
    }
}

static void finish(struct sim_client *client, enum sim_client_outcome outcome, const char *error)
{
    struct sim_world *world = client->world;
    struct sim_operation *operation = client->open;
    assert(operation != NULL && (outcome == SIM_CLIENT_OK) == (error[0] == 0));
    operation->outcome = outcome;
    snprintf(operation->error, sizeof operation->error, "%s", error);
    operation->completed_ns = world->scheduler.now_ns;
    operation->completed_event = world->events;
    client->open = NULL;
    client->attempt = 0;
    client->in_flight = false;
    client->at_node = 0;
    sim_client_timer_cancel(client);
    count_outcome(client, outcome);
    note_result(client, operation);
    sim_world_transcribe(world, "    client %u: %s %s: %s", client->id,
                         sim_command_type_string(operation->command.type), operation->command.key,
                         error[0] == 0 ? "ok" : error);
    int waiter = client->waiter;
    client->waiter = 0;
    if (client->load != NULL) {
        sim_load_operation_done(client, operation);
    } else if (waiter != 0 && world->script != NULL) {
        sim_script_operation_done(world->script, waiter, operation);
    }
    sim_world_notice(world, SIM_NOTICE_CLIENT_REPLY, client->target, 0, operation->command.sequence,
                     error[0] == 0 ? "ok" : error);
}

static bool error_is_unknown(const char *error)
{
    return strcmp(error, "crashed") == 0 || strcmp(error, "lost_leadership") == 0;
}

/* Gives up with the most telling error that fits the outcome. */
static void give_up(struct sim_client *client, const char *otherwise)
{
    const char *last = client->last_error;
    if (client->sent_unknown || (client->in_flight && !client->registers)) {
        finish(client, SIM_CLIENT_UNKNOWN,
               last != NULL && error_is_unknown(last) && !client->in_flight ? last : otherwise);
    } else if (last == NULL || error_is_unknown(last)) {
        finish(client, SIM_CLIENT_FAIL, "not_leader"); /* only nodes that are down were asked */
    } else {
        finish(client, SIM_CLIENT_FAIL, last);
    }
}

/* ---- at the node ---- */

static const char *error_of(const struct sim_node *node, enum raft_status status)
{
    switch (status) {
    case RAFT_NOT_LEADER:
        return "not_leader";
    case RAFT_READONLY:
        return node->view.condition == RAFT_CONDITION_NOSPACE ? "disk_full" : "read_only";
    case RAFT_NOSPACE:
        return "disk_full";
    case RAFT_INVALID:
        return "invalid";
    case RAFT_STOPPED:
        return "stopped";
    case RAFT_LOST:
        return "lost_leadership";
    case RAFT_OK:
    case RAFT_NOMEM:
    case RAFT_IO:
    case RAFT_CORRUPT:
    case RAFT_BUSY:
    case RAFT_STALE:
    case RAFT_GAP:
    case RAFT_COMPACTED:
    case RAFT_FULL:
    case RAFT_MACHINE:
    case RAFT_LOST_STORE:
    case RAFT_NOT_FOUND:
    case RAFT_COLD:
    case RAFT_STATUS_COUNT:
        break;
    }
    return "busy";
}

static void answer(struct sim_world *world, uint32_t node, uint64_t request, const char *error,
                   bool is_unknown, const struct sim_result *result)
{
    struct letter letter = {
        .client = (uint32_t)(request & SIM_CLIENTS_MAX),
        .node = node,
        .request = request,
        .error = error,
        .is_unknown = is_unknown,
        .leader = world->nodes[node]->view.leader,
    };
    if (result != NULL) {
        letter.result = *result;
    }
    letter_send(world, &letter, SIM_EVENT_REPLY);
}

static enum raft_status hand_over(struct sim_node *node, const struct letter *letter)
{
    struct arena *arena = node->world->arena;
    if (letter->command.by_index) {
        return sim_node_read(node, letter->request);
    }
    size_t size = sim_command_size(&letter->command);
    uint8_t *payload = arena_alloc(arena, size);
    sim_command_encode(&letter->command, payload);
    enum raft_status status = sim_node_submit(node, letter->request, payload, (uint32_t)size);
    arena_free(arena, payload);
    return status;
}

static void on_request(struct sim_world *world, const struct letter *letter)
{
    struct sim_client *client = world->clients.by_id[letter->client];
    struct sim_node *node = world->nodes[letter->node];
    bool is_awaited = client->attempt == letter->request;
    if (!sim_node_is_up(node)) {
        if (is_awaited) {
            answer(world, node->id, letter->request, "crashed", false, NULL);
        }
        return;
    }
    if (is_awaited) {
        client->at_node = node->id;
        client->read_floor = sim_oracle_committed(world->oracles);
    }
    enum raft_status status = hand_over(node, letter);
    /* A node that has died in the submission has told the client so already. */
    if (is_awaited && client->attempt == letter->request && client->at_node == node->id &&
        status != RAFT_OK) {
        client->at_node = 0;
        answer(world, node->id, letter->request, error_of(node, status), false, NULL);
    }
}

/* A read sees at least what was committed anywhere when it was taken. */
static void check_read(const struct sim_client *client, uint32_t node, raft_index index)
{
    struct sim_world *world = client->world;
    raft_index applied = sim_machine_applied(world->nodes[node]->machine);
    sim_oracle_count(world->oracles, SIM_ORACLE_READ_INDEX);
    if (index < client->read_floor || applied < index) {
        sim_fail(
            world, sim_oracle_string(SIM_ORACLE_READ_INDEX), node,
            "n%u answers a read at index %llu with %llu applied, but %llu was committed when it "
            "was taken",
            node, (unsigned long long)index, (unsigned long long)applied,
            (unsigned long long)client->read_floor);
    }
}

void sim_client_completed(struct sim_world *world, uint32_t node, uint64_t request,
                          enum raft_status status, raft_index index)
{
    uint32_t id = (uint32_t)(request & SIM_CLIENTS_MAX);
    struct sim_client *client = id <= world->clients.count ? world->clients.by_id[id] : NULL;
    if (client == NULL || client->attempt != request || client->at_node != node) {
        return; /* nobody waits for it any more */
    }
    assert(client->open != NULL);
    client->at_node = 0;
    const struct sim_command command = current_command(client);
    struct sim_result result = {0};
    if (status == RAFT_OK && client->open->command.by_index) {
        check_read(client, node, index);
        sim_machine_read(world->nodes[node]->machine, client->open->command.key, &result);
        answer(world, node, request, NULL, false, &result);
    } else if (status == RAFT_OK) {
        enum sim_answer known =
            sim_machine_answer(world->nodes[node]->machine, &command, index, &result);
        sim_oracle_answered(world->oracles, node, &command, index, known, &result);
        bool is_known = known == SIM_ANSWER_KNOWN;
        answer(world, node, request, is_known ? NULL : "session_expired", known == SIM_ANSWER_LOST,
               &result);
    } else {
        answer(world, node, request, error_of(world->nodes[node], status), status == RAFT_LOST,
               NULL);
    }
}

void sim_clients_node_lost(struct sim_world *world, uint32_t node)
{
    assert(node > 0 && node <= world->node_count);
    for (struct sim_client *client = world->clients.first; client != NULL; client = client->next) {
        if (client->at_node == node) {
            assert(client->in_flight && client->attempt != 0);
            client->at_node = 0;
            answer(world, node, client->attempt, "crashed", true, NULL);
        }
    }
}

/* ---- back at the client ---- */

/* It has a session: its command is the first in it. */
static void on_registered(struct sim_client *client, uint64_t epoch)
{
    client->must_register = false;
    client->registers = false;
    client->epoch = epoch;
    client->sequence = 1;
    client->open->command.epoch = epoch;
    client->open->command.sequence = 1;
    attempt(client);
}

/* Its session is not there. Another attempt in a new one would be another command, so that it must
 * be certain that none before had an effect. */
static void on_expired(struct sim_client *client)
{
    client->registrations++;
    client->must_register = true;
    if (client->sent_unknown) {
        finish(client, SIM_CLIENT_UNKNOWN, "session_expired");
    } else {
        attempt(client);
    }
}

static void on_reply(struct sim_world *world, const struct letter *letter)
{
    struct sim_client *client = world->clients.by_id[letter->client];
    if (client->attempt != letter->request) {
        return;
    }
    assert(client->open != NULL && client->in_flight);
    client->in_flight = false;
    if (letter->error == NULL && client->registers) {
        on_registered(client, letter->result.epoch);
        return;
    }
    if (letter->error == NULL) {
        client->open->result = letter->result;
        finish(client, SIM_CLIENT_OK, "");
        return;
    }
    client->last_error = letter->error;
    client->sent_unknown = client->sent_unknown || (letter->is_unknown && !client->registers);
    if (strcmp(letter->error, "session_expired") == 0) {
        on_expired(client);
        return;
    }
    if (strcmp(letter->error, "read_only") == 0 || strcmp(letter->error, "disk_full") == 0 ||
        strcmp(letter->error, "invalid") == 0) {
        give_up(client, "timeout");
        return;
    }
    bool has_hint = letter->leader != 0 && letter->leader <= world->node_count &&
                    letter->leader != letter->node;
    client->turns++;
    if (client->turns % TURNS_MAX == 0) {
        client->target = 1 + (uint32_t)sim_draw_below(&client->stream, world->node_count);
    } else {
        client->target = has_hint ? letter->leader : letter->node % world->node_count + 1;
    }
    uint64_t at_ns = world->scheduler.now_ns + client->retry_ns;
    sim_client_timer_set(client, at_ns < client->deadline_ns ? at_ns : client->deadline_ns);
}

static void on_timer(struct sim_client *client)
{
    client->timer = NULL;
    if (client->open == NULL) {
        sim_load_think_done(client);
    } else if (client->world->scheduler.now_ns >= client->deadline_ns) {
        give_up(client, "timeout");
    } else {
        attempt(client);
    }
}

void sim_client_event(struct sim_world *world, struct sim_event *event)
{
    struct letter *letter = NULL;
    if (event->kind == SIM_EVENT_CLIENT) {
        on_timer(event->data);
    } else if (event->kind == SIM_EVENT_REQUEST) {
        letter = event->data;
        struct sim_node *node = world->nodes[letter->node];
        if (node->paused) {
            sim_node_defer(node, event);
            return;
        }
        on_request(world, letter);
    } else {
        assert(event->kind == SIM_EVENT_REPLY);
        letter = event->data;
        on_reply(world, letter);
    }
    arena_free(world->arena, letter);
    sim_event_free(&world->scheduler, event);
}

bool sim_clients_idle(const struct sim_clients *clients)
{
    for (const struct sim_client *client = clients->first; client != NULL; client = client->next) {
        if (client->open != NULL) {
            return false;
        }
    }
    for (const struct sim_load *load = clients->loads; load != NULL; load = load->next) {
        if (!load->ended) {
            return false;
        }
    }
    return true;
}

void sim_clients_finish(struct sim_clients *clients)
{
    for (struct sim_load *load = clients->loads; load != NULL; load = load->next) {
        sim_load_stop(load);
    }
    for (struct sim_client *client = clients->first; client != NULL; client = client->next) {
        if (client->open != NULL) {
            give_up(client, "stopped");
        }
    }
}
