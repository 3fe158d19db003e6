/* Loads: clients that work by themselves, with pauses between their operations.
 *
 * What a client does next is drawn from its own stream: pause, type, key, size, in this order. Of a
 * load that has commands of all sizes every second one is as short as it can be, longer by a power
 * of 8, or of the size of one of its caps, or larger by one: but for what is larger than the first
 * cap by more than one, which would only be refused, again and again. Values are
 * unique ("c<client>.<sequence>"), so that a history tells which write a read saw; a CAS expects
 * the value that the client has seen last, whatever the key, so that some succeed and some do not.
 * A load may come in bursts: all its clients are busy for a while, and then begin nothing for a
 * while.
 *
 * Invariants:
 *  1. A client of a running load has an open operation or its timer set.
 *  2. ended is set once, when the load was stopped and none of its clients has an open operation.
 */
#include "client_internal.h"

#include "world.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static void check_ended(struct sim_load *load)
{
    if (load->ended || !load->stopped) {
        return;
    }
    for (uint32_t i = 0; i < load->client_count; i++) {
        if (load->clients[i]->open != NULL) {
            return;
        }
    }
    load->ended = true;
    if (load->waiter != 0 && load->world->script != NULL) {
        int waiter = load->waiter;
        load->waiter = 0;
        sim_script_load_done(load->world->script, waiter);
    }
}

/* The first instant from a time on at which a load is busy. */
static uint64_t busy_from(const struct sim_load *load, uint64_t time_ns)
{
    uint64_t period_ns = load->busy_ns + load->quiet_ns;
    uint64_t passed_ns = load->quiet_ns == 0 ? 0 : time_ns % period_ns;
    bool is_busy = load->quiet_ns == 0 || passed_ns < load->busy_ns;
    return is_busy ? time_ns : time_ns - passed_ns + period_ns;
}

static void think(struct sim_client *client)
{
    uint64_t pause_ns = sim_draw_exponential(&client->stream, client->load->interval_ns);
    uint64_t next_ns = client->world->scheduler.now_ns + pause_ns + 1;
    sim_client_timer_set(client, busy_from(client->load, next_ns));
}

struct sim_load *sim_load_start(struct sim_world *world, const struct sim_load *options)
{
    struct sim_clients *clients = &world->clients;
    assert(options->client_count > 0 &&
           options->client_count <= sizeof options->clients / sizeof options->clients[0]);
    struct sim_load *load = arena_calloc(world->arena, sizeof *load);
    *load = *options;
    load->world = world;
    load->id = ++clients->load_count;
    load->stopped = false;
    load->ended = false;
    load->next = NULL;
    if (load->mix_put + load->mix_get + load->mix_cas == 0) {
        load->mix_put = 1;
        load->mix_get = 1;
    }
    load->keys = load->keys == 0 ? 1 : load->keys;
    load->until_ns = load->until_ns == 0 ? UINT64_MAX : load->until_ns;
    struct sim_load **end = &clients->loads;
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = load;
    for (uint32_t i = 0; i < load->client_count; i++) {
        load->clients[i] = sim_client_create(world, 0);
        load->clients[i]->load = load;
        think(load->clients[i]);
    }
    return load;
}

void sim_load_stop(struct sim_load *load)
{
    if (load->stopped) {
        return;
    }
    load->stopped = true;
    for (uint32_t i = 0; i < load->client_count; i++) {
        if (load->clients[i]->open == NULL) {
            sim_client_timer_cancel(load->clients[i]);
        }
    }
    check_ended(load);
}

void sim_load_operation_done(struct sim_client *client, const struct sim_operation *operation)
{
    struct sim_load *load = client->load;
    assert(load != NULL && client->open == NULL);
    if (operation->command.type == SIM_COMMAND_GET && operation->outcome == SIM_CLIENT_OK) {
        memcpy(client->seen, operation->result.value, sizeof client->seen);
    }
    if (load->stopped) {
        check_ended(load);
    } else {
        think(client);
    }
}

static enum sim_command_type draw_type(struct sim_client *client)
{
    const struct sim_load *load = client->load;
    uint64_t weights = (uint64_t)load->mix_put + load->mix_get + load->mix_cas;
    uint64_t draw = sim_draw_below(&client->stream, weights);
    if (draw < load->mix_put) {
        return SIM_COMMAND_PUT;
    }
    return draw - load->mix_put < load->mix_get ? SIM_COMMAND_GET : SIM_COMMAND_CAS;
}

#define POWERS 5u /* of 8: from 1 to 4096 */

/* How much to add to a command to give it one of all sizes. */
static uint32_t draw_padding(struct sim_client *client, const struct sim_command *command)
{
    const struct sim_load *load = client->load;
    const uint32_t caps = sizeof load->caps / sizeof load->caps[0];
    uint64_t own = sim_command_size(command) - command->padding;
    uint64_t shape = sim_draw_below(&client->stream, 2 * (1 + POWERS + 2 * caps));
    uint64_t size = own;
    if (shape >= 1 + POWERS + 2 * caps) {
        return load->padding;
    }
    if (shape > POWERS) {
        uint64_t cap = shape - POWERS - 1;
        size = load->caps[cap / 2] + cap % 2;
    } else if (shape > 0) {
        size = own + (UINT64_C(1) << 3 * (shape - 1));
    }
    uint64_t most = (uint64_t)load->caps[0] + 1;
    size = size > most ? most : size;
    return size > own ? (uint32_t)(size - own) : 0;
}

void sim_load_think_done(struct sim_client *client)
{
    struct sim_load *load = client->load;
    assert(load != NULL && !load->stopped);
    if (client->world->scheduler.now_ns >= load->until_ns) {
        sim_load_stop(load);
        return;
    }
    struct sim_command command = {.padding = load->padding, .epoch = client->epoch};
    command.type = draw_type(client);
    command.by_index = command.type == SIM_COMMAND_GET && load->reads_by_index;
    uint64_t key = sim_draw_below(&client->stream, load->keys);
    snprintf(command.key, sizeof command.key, "k%llu", (unsigned long long)key);
    if (command.type != SIM_COMMAND_GET) {
        snprintf(command.value, sizeof command.value, "c%u.%llu", client->id,
                 (unsigned long long)client->operations + 1);
    }
    if (command.type == SIM_COMMAND_CAS) {
        memcpy(command.expected, client->seen, sizeof command.expected);
    }
    if (load->has_all_sizes) {
        command.padding = draw_padding(client, &command);
    }
    sim_client_begin(client, &command, 0);
}
