/* Requests: each one that a node took, be it a command, a read or a change of the members, ends
 * exactly once, and a command means what its status says.
 *
 * A client tries a command again under a new request number until it knows the outcome, so that
 * outcomes are judged per command (by the hash of its payload): an attempt makes at most one entry,
 * and none if it failed for certain; so a command is applied at most as often as it was attempted
 * without a definite failure.
 *
 * Invariants:
 *  1. The open requests of a node are the list that begins at its slot `requests`.
 *  2. attempts >= maybe + failed; the difference is open.
 *  3. Slot 0 of requests is none, and that of payloads stands for all that is no command. */
#include "oracle_internal.h"

#include <assert.h>
#include <inttypes.h>

void sim_oracle_requests_init(struct sim_oracles *oracles)
{
    sim_table_init(&oracles->request_slots, oracles->world->arena);
    sim_table_init(&oracles->payload_slots, oracles->world->arena);
    oracles->request_count = 1;
    oracles->payload_count = 1;
    oracles->payloads = sim_oracle_room(oracles, oracles->payloads, &oracles->payload_capacity, 1,
                                        sizeof oracles->payloads[0]);
}

const char *sim_oracle_request_kind(uint64_t number)
{
    return (number & SIM_REQUEST_READ) != 0     ? "a read"
           : (number & SIM_REQUEST_CHANGE) != 0 ? "a change of the members"
                                                : "a request";
}

/* The number without the marks of its kind. */
static uint64_t shown(uint64_t number)
{
    return number & ~(SIM_REQUEST_READ | SIM_REQUEST_CHANGE);
}

uint64_t sim_oracle_payload_hash(const uint8_t *payload, size_t size)
{
    uint64_t hash = sim_hash(payload, size, 0);
    return hash != 0 ? hash : 1;
}

static uint32_t payload_slot(struct sim_oracles *oracles, uint64_t hash)
{
    const uint64_t *found = sim_table_find(&oracles->payload_slots, hash);
    if (found != NULL) {
        return (uint32_t)*found;
    }
    uint32_t slot = oracles->payload_count++;
    oracles->payloads = sim_oracle_room(oracles, oracles->payloads, &oracles->payload_capacity,
                                        (size_t)slot + 1, sizeof oracles->payloads[0]);
    oracles->payloads[slot] = (struct oracle_payload){.attempts = 0};
    sim_table_put(&oracles->payload_slots, hash, slot);
    return slot;
}

struct oracle_payload *sim_oracle_payload_applied(struct sim_oracles *oracles, uint64_t hash,
                                                  raft_index index)
{
    /* In two statements: finding the slot may move the array. */
    uint32_t slot = payload_slot(oracles, hash);
    struct oracle_payload *payload = &oracles->payloads[slot];
    payload->applied++;
    payload->index = index;
    return payload;
}

const struct oracle_payload *sim_oracle_payload_at(const struct sim_oracles *oracles,
                                                   raft_index index)
{
    const uint64_t *slot = NULL;
    if (index > 0 && index <= oracles->committed && oracles->commits[index].payload != 0) {
        slot = sim_table_find(&oracles->payload_slots, oracles->commits[index].payload);
    }
    return slot == NULL ? NULL : &oracles->payloads[*slot];
}

static struct oracle_request *request_find(const struct sim_oracles *oracles, uint64_t number)
{
    const uint64_t *slot = sim_table_find(&oracles->request_slots, number + 1);
    return slot == NULL ? NULL : &oracles->requests[*slot];
}

static uint32_t request_new(struct sim_oracles *oracles, uint32_t node, uint64_t number)
{
    assert(number < UINT64_MAX);
    uint32_t slot = oracles->request_count++;
    oracles->requests = sim_oracle_room(oracles, oracles->requests, &oracles->request_capacity,
                                        (size_t)slot + 1, sizeof oracles->requests[0]);
    oracles->requests[slot] = (struct oracle_request){.number = number, .node = node};
    sim_table_put(&oracles->request_slots, number + 1, slot);
    return slot;
}

static void open_add(struct sim_oracles *oracles, uint32_t slot)
{
    struct oracle_request *request = &oracles->requests[slot];
    struct oracle_node *state = &oracles->nodes[request->node];
    request->state = ORACLE_REQUEST_OPEN;
    request->previous = 0;
    request->next = state->requests;
    if (request->next != 0) {
        oracles->requests[request->next].previous = slot;
    }
    state->requests = slot;
}

static void open_remove(struct sim_oracles *oracles, const struct oracle_request *request)
{
    struct oracle_node *state = &oracles->nodes[request->node];
    assert(request->state == ORACLE_REQUEST_OPEN);
    if (request->previous != 0) {
        oracles->requests[request->previous].next = request->next;
    } else {
        state->requests = request->next;
    }
    if (request->next != 0) {
        oracles->requests[request->next].previous = request->previous;
    }
}

/* Counts an outcome for the command of a request. */
static void outcome_note(struct sim_oracles *oracles, const struct oracle_request *request)
{
    struct oracle_payload *payload = &oracles->payloads[request->payload];
    bool is_definite = request->state == ORACLE_REQUEST_DONE && request->status != RAFT_OK &&
                       request->status != RAFT_LOST;
    if (is_definite) {
        payload->failed++;
        payload->node = request->node;
    } else {
        payload->maybe++;
    }
    assert(payload->maybe + payload->failed <= payload->attempts);
}

/* A node has taken a request; command: slot of its payload, or 0. */
static void take(struct sim_oracles *oracles, uint32_t node, uint64_t number, uint32_t command)
{
    assert(node > 0 && node < SIM_NODES_MAX);
    oracles->checks[SIM_ORACLE_REQUEST_ONCE]++;
    struct oracle_request *known = request_find(oracles, number);
    if (known != NULL && known->state != ORACLE_REQUEST_EARLY) {
        sim_oracle_broken(oracles, SIM_ORACLE_REQUEST_ONCE, node,
                          "%s was taken twice: number %" PRIu64 " by node %u and node %u",
                          sim_oracle_request_kind(number), shown(number), known->node, node);
        return;
    }
    sim_oracle_traffic_cause(oracles, node);
    oracles->payloads[command].attempts++;
    if (known != NULL) {
        known->payload = command;
        known->state = ORACLE_REQUEST_DONE;
        outcome_note(oracles, known);
        return;
    }
    uint32_t slot = request_new(oracles, node, number);
    oracles->requests[slot].payload = command;
    oracles->requests[slot].since_ns = oracles->world->scheduler.now_ns;
    open_add(oracles, slot);
}

void sim_oracle_submitted(struct sim_oracles *oracles, uint32_t node, uint64_t request,
                          const uint8_t *payload, size_t size)
{
    sim_oracle_hand_over_check(oracles, node);
    take(oracles, node, request, payload_slot(oracles, sim_oracle_payload_hash(payload, size)));
}

void sim_oracle_taken(struct sim_oracles *oracles, uint32_t node, uint64_t request)
{
    take(oracles, node, request, 0);
}

/* OK means that a state machine has applied this very command at this index. */
static void applied_check(struct sim_oracles *oracles, const struct oracle_request *request,
                          raft_index index)
{
    const struct oracle_payload *payload = sim_oracle_payload_at(oracles, index);
    if (payload != &oracles->payloads[request->payload]) {
        sim_oracle_broken(oracles, SIM_ORACLE_REQUEST_ONCE, request->node,
                          "ok, but not applied: request %" PRIu64
                          " of node %u completed with index %" PRIu64 ", where %s",
                          request->number, request->node, index,
                          payload == NULL ? "no command was applied"
                                          : "another command was applied");
    }
}

void sim_oracle_completed(struct sim_oracles *oracles, uint32_t node, uint64_t request,
                          enum raft_status status, raft_index index)
{
    assert(node > 0 && node < SIM_NODES_MAX);
    oracles->checks[SIM_ORACLE_REQUEST_ONCE]++;
    struct oracle_request *known = request_find(oracles, request);
    if (known == NULL) {
        /* A request may end before the call that took it returns. */
        uint32_t slot = request_new(oracles, node, request);
        oracles->requests[slot].state = ORACLE_REQUEST_EARLY;
        oracles->requests[slot].status = status;
        return;
    }
    if (known->state != ORACLE_REQUEST_OPEN || known->node != node) {
        sim_oracle_broken(oracles, SIM_ORACLE_REQUEST_ONCE, node,
                          "%s completed twice: number %" PRIu64
                          " of node %u, now by node %u with \"%s\"",
                          sim_oracle_request_kind(request), shown(request), known->node, node,
                          raft_status_string(status));
        return;
    }
    open_remove(oracles, known);
    known->state = ORACLE_REQUEST_DONE;
    known->status = status;
    outcome_note(oracles, known);
    if (status == RAFT_OK && known->payload != 0) {
        applied_check(oracles, known, index);
    }
}

void sim_oracle_requests_lost(struct sim_oracles *oracles, uint32_t node)
{
    assert(node > 0 && node < SIM_NODES_MAX);
    const struct oracle_node *state = &oracles->nodes[node];
    while (state->requests != 0) {
        struct oracle_request *request = &oracles->requests[state->requests];
        open_remove(oracles, request);
        request->state = ORACLE_REQUEST_LOST;
        outcome_note(oracles, request);
    }
}

void sim_oracle_requests_ended(struct sim_oracles *oracles, uint32_t node)
{
    const struct oracle_node *state = &oracles->nodes[node];
    if (state->requests != 0) {
        uint64_t number = oracles->requests[state->requests].number;
        sim_oracle_broken(oracles, SIM_ORACLE_REQUEST_ONCE, node,
                          "%s was never completed: number %" PRIu64
                          " of node %u, whose process has ended in order",
                          sim_oracle_request_kind(number), shown(number), node);
    }
    sim_oracle_requests_lost(oracles, node);
}

void sim_oracle_outcomes_check(struct sim_oracles *oracles)
{
    for (uint32_t slot = 1; slot < oracles->request_count; slot++) {
        const struct oracle_request *request = &oracles->requests[slot];
        if (request->state == ORACLE_REQUEST_EARLY) {
            sim_oracle_broken(oracles, SIM_ORACLE_REQUEST_ONCE, request->node,
                              "a completion for nobody: %s, number %" PRIu64
                              ", was completed by node %u, which had not taken it",
                              sim_oracle_request_kind(request->number), shown(request->number),
                              request->node);
        }
    }
    for (uint32_t slot = 1; slot < oracles->payload_count; slot++) {
        const struct oracle_payload *payload = &oracles->payloads[slot];
        oracles->checks[SIM_ORACLE_REQUEST_ONCE]++;
        if (payload->applied <= payload->maybe) {
            continue;
        }
        if (payload->failed == 0) {
            sim_oracle_broken(oracles, SIM_ORACLE_REQUEST_ONCE, 0,
                              "a command was applied that no node took: it was taken %u times and "
                              "applied %u times, the last time at index %" PRIu64,
                              payload->attempts, payload->applied, payload->index);
        } else {
            sim_oracle_broken(oracles, SIM_ORACLE_REQUEST_ONCE, payload->node,
                              "applied after a definite failure: node %u said that a command can "
                              "never be applied; of %u attempts %u may have succeeded, and it was "
                              "applied %u times, the last time at index %" PRIu64,
                              payload->node, payload->attempts, payload->maybe, payload->applied,
                              payload->index);
        }
    }
}
