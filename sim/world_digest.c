/* The digest of a world's state: of all that decides what comes, device by device.
 *
 * What is left out:
 *  1. what follows from what is in: counts of references, lists of what another list has, events
 *     that stand in the queue as well;
 *  2. what whoever made the run has set, and what happens does not change: latencies, timeouts,
 *     seeds, what rules do;
 *  3. what lasts no longer than an event: what is on the stack, a message that is passing;
 *  4. what only counts, is only reported, or only excuses: injections, harms, the history of the
 *     clients, the oracles with what they have seen. The rolling hash tells of what has been;
 *  5. what stands outside: shots and mutes, who watches, who listens;
 *  6. the memory of the processes but for their views, and the script with what it has asked of
 *     later starts. */
#include "client_internal.h"
#include "node_internal.h"

#include "world.h"

#include <string.h>

static uint64_t text_digest(const char *text, uint64_t digest)
{
    return text == NULL ? digest : sim_hash(text, strlen(text), digest);
}

/* ---- what is under way ---- */

static uint64_t packet_digest(const struct sim_packet *packet, uint64_t digest)
{
    digest = sim_mix(digest, (uint64_t)packet->from << 32 | packet->to, packet->is_lost);
    return sim_hash(packet->bytes, packet->size, digest);
}

/* What an event has with it that stands nowhere else. */
static uint64_t event_content(const struct sim_event *event)
{
    switch (event->kind) {
    case SIM_EVENT_MESSAGE:
        return packet_digest(event->data, 0);
    case SIM_EVENT_REQUEST:
    case SIM_EVENT_REPLY:
        return sim_client_letter_digest(event);
    case SIM_EVENT_TIMER:
    case SIM_EVENT_IO:
    case SIM_EVENT_APPLIED:
    case SIM_EVENT_CLIENT:
    case SIM_EVENT_SCRIPT:
    case SIM_EVENT_NODE:
    case SIM_EVENT_PHASE:
    case SIM_EVENT_PROFILE:
    case SIM_EVENT_CHANGE:
    case SIM_EVENT_KIND_COUNT:
        break;
    }
    return 0;
}

static uint64_t event_digest(const struct sim_event *event)
{
    const uint64_t words[] = {
        event->time_ns,     (uint64_t)event->kind, event->node,    event->number,
        event->incarnation, event->order,          event->counter, event->source,
    };
    return sim_hash(words, sizeof words, event_content(event));
}

/* ---- nodes ---- */

static uint64_t clock_digest(const struct sim_clock *clock, uint64_t digest)
{
    const uint64_t words[] = {
        clock->base_global_ns, clock->base_local_ns,
        clock->floor_local_ns, (uint64_t)clock->drift_ppm,
        clock->strobe_ns,      clock->strobe_period_ns,
        clock->is_ahead,       clock->late,
        clock->late_ns,        clock->stream.counter,
    };
    return sim_hash(words, sizeof words, digest);
}

/* The bytes of a snapshot on their way. */
static uint64_t state_digest(const struct sim_state *state, uint64_t digest)
{
    digest = sim_mix(digest, state->size, state->done);
    return state->bytes == NULL ? digest : sim_hash(state->bytes, state->size, digest);
}

/* A node: its view, its clock and devices, and what it will draw. */
static uint64_t node_digest(const struct sim_node *node, uint64_t digest)
{
    const uint64_t words[] = {
        sim_node_hash(node, digest),
        sim_disk_state_digest(&node->disk),
        node->paused,
        node->is_read_only_wanted,
        node->takes_next,
        node->is_store_planted,
        node->refused_store,
        node->bootstrapped,
        node->was_damaged,
        node->is_whole,
        node->is_gone,
        node->memory_limit,
        node->reads_open,
        node->crash_after != NULL,
        node->batch != NULL ? node->batch->first : 0,
        node->batch != NULL ? node->batch->count : 0,
        node->batch != NULL ? node->batch->good : 0,
        node->machine_stream.counter,
        node->machine_source.counter,
        node->timer_source.counter,
        node->resume_source.counter,
    };
    digest = clock_digest(&node->clock, sim_hash(words, sizeof words, 0));
    digest = sim_hash(node->deadlines, sizeof node->deadlines, digest);
    digest = state_digest(&node->restoring, state_digest(&node->frozen, digest));
    for (uint32_t i = 0; i < node->deferred_count; i++) {
        digest = sim_mix(digest, event_digest(node->deferred[i]), 0);
    }
    return digest;
}

/* ---- clients, and the operator ---- */

static uint64_t client_digest(const struct sim_client *client, uint64_t digest)
{
    const struct sim_load *load = client->load;
    const uint64_t words[] = {
        client->sequence,
        client->target,
        client->attempt,
        client->at_node,
        client->in_flight,
        client->deadline_ns,
        client->read_floor,
        client->sent_unknown,
        client->stream.counter,
        client->source.counter,
        client->epoch,
        client->must_register,
        client->registers,
        client->operations,
        client->registrations,
        client->turns,
        load != NULL && load->stopped,
        load != NULL && load->ended,
    };
    digest = text_digest(client->seen, sim_hash(words, sizeof words, digest));
    digest = text_digest(client->last_error, digest);
    return client->open == NULL ? digest
                                : sim_client_command_digest(&client->open->command, digest);
}

static uint64_t clients_digest(const struct sim_clients *clients, uint64_t digest)
{
    for (const struct sim_client *client = clients->first; client != NULL; client = client->next) {
        digest = client_digest(client, digest);
    }
    return sim_mix(digest, clients->requests, 0);
}

static uint64_t changes_digest(const struct sim_changes *changes, uint64_t digest)
{
    const struct sim_member_change *change = changes->first;
    for (; change != NULL; change = change->next) {
        const struct sim_change_plan *plan = &change->plan;
        const uint64_t words[] = {
            plan->voters,
            plan->learners,
            plan->removed,
            plan->is_witness,
            plan->sets_priority,
            plan->priority,
            (uint64_t)change->outcome,
            change->deadline_ns,
            change->request,
            change->at_node,
            change->timer == NULL ? 0 : change->timer->counter,
        };
        digest = sim_hash(words, sizeof words, digest);
    }
    return sim_mix(digest, changes->requests, changes->source.counter);
}

/* ---- the network, and rules ---- */

static uint64_t network_digest(const struct sim_network *network, uint32_t nodes, uint64_t digest)
{
    for (uint32_t from = 1; from <= nodes; from++) {
        for (uint32_t to = 1; to <= nodes; to++) {
            const struct sim_link *link = &network->links[from][to];
            const struct sim_packet *packet = link->under_way;
            digest = sim_mix(digest, link->stream.counter, link->source.counter);
            for (; packet != NULL; packet = packet->next) {
                digest = packet_digest(packet, digest);
            }
        }
    }
    for (const struct sim_link_rule *rule = network->rules; rule != NULL; rule = rule->next) {
        const uint64_t words[] = {rule->id, rule->trigger.matches, rule->trigger.fired,
                                  rule->stream.counter};
        digest = sim_hash(words, sizeof words, digest);
        if (rule->links != NULL) {
            digest = sim_hash(rule->links, SIM_NODES_MAX * SIM_NODES_MAX * sizeof rule->links[0],
                              digest);
        }
        for (const struct sim_packet *packet = rule->held; packet != NULL; packet = packet->next) {
            digest = packet_digest(packet, digest);
        }
    }
    return sim_mix(digest, network->release.counter, network->rule_count);
}

static uint64_t rules_digest(const struct sim_faults *faults, uint64_t digest)
{
    for (const struct sim_rule *rule = faults->rules; rule != NULL; rule = rule->next) {
        const uint64_t words[] = {rule->id,
                                  rule->active,
                                  (uint64_t)rule->on.role,
                                  rule->on.nodes,
                                  rule->trigger.matches,
                                  rule->trigger.fired,
                                  rule->stream.counter};
        digest = rule->idle ? digest : sim_hash(words, sizeof words, digest);
    }
    return sim_mix(digest, faults->suspended, 0);
}

/* ---- the whole ---- */

uint64_t sim_world_digest(const struct sim_world *world)
{
    const uint64_t words[] = {
        world->scheduler.now_ns,  (uint64_t)world->phase, world->stage,
        world->stage_deadline_ns, world->heal_started_ns, world->proof_ns,
        world->progress_bound_ns, world->script_over,     world->over,
        world->is_unavailable,    world->harness.counter, world->pick.counter,
    };
    uint64_t digest = sim_hash(words, sizeof words, 0);
    for (uint32_t id = 1; id <= world->node_count; id++) {
        digest = node_digest(world->nodes[id], digest);
    }
    digest = clients_digest(&world->clients, digest);
    digest = changes_digest(&world->changes, digest);
    digest = network_digest(&world->network, world->node_count, digest);
    digest = rules_digest(&world->faults, digest);
    if (world->profile != NULL) {
        digest = sim_profile_digest(world->profile, digest);
    }
    /* What is under way, whatever its place in the heap. */
    uint64_t queued = 0;
    for (uint32_t i = 0; i < world->scheduler.count; i++) {
        queued += event_digest(world->scheduler.heap[i]);
    }
    return sim_mix(digest, queued, 0);
}
