/* The state machine of a simulated process: the part of raft/env.h that belongs to it.
 *
 * Batches take a random time. A snapshot is frozen as bytes and copied out of them while further
 * batches are applied; a restored state is collected and takes the place of the old one at once.
 *
 * Fault model. A batch or a snapshot may be refused; the state machine may fail at any entry of a
 * batch (then the entries before that one are applied), and in any step of a snapshot or of its
 * restoration (then its state is as it was).
 *
 * Invariants:
 *  1. At most one batch is out, at most one state frozen, at most one being restored.
 *  2. What is frozen or half restored dies with the process. */
#include "node_internal.h"

#include "world.h"

#include <assert.h>
#include <string.h>

/* ---- batches ---- */

static enum raft_status env_apply(void *ctx, enum raft_point refused, enum raft_point error,
                                  struct raft_entry *const *entries, size_t count)
{
    struct sim_node *node = ctx;
    struct sim_world *world = node->world;
    assert(node->running && count > 0);
    if (node->dying) {
        return RAFT_BUSY;
    }
    struct sim_verdict verdict =
        sim_fault_consult(&world->faults, node->id, sim_node_point(node, refused));
    if (node->dying || verdict.outcome == RAFT_OUTCOME_REFUSE) {
        return RAFT_BUSY;
    }
    bool dies = verdict.outcome == RAFT_OUTCOME_CRASH_AFTER;
    verdict = sim_fault_consult(&world->faults, node->id, sim_node_point(node, error));
    if (node->dying) {
        return RAFT_BUSY;
    }
    assert(node->batch == NULL);
    struct sim_batch *batch =
        arena_calloc(world->arena, sizeof *batch + count * sizeof batch->entries[0]);
    batch->count = count;
    batch->good = count;
    batch->first = entries[0]->id.index;
    memcpy(batch->entries, entries, count * sizeof entries[0]);
    if (verdict.outcome == RAFT_OUTCOME_ERROR) {
        batch->good = (size_t)sim_draw_below(&node->machine_stream, count);
    }
    uint64_t duration = sim_draw_exponential(&node->machine_stream, node->apply_ns);
    batch->event = sim_event_new(&world->scheduler, SIM_EVENT_APPLIED, node->id);
    batch->event->incarnation = node->incarnation;
    node->batch = batch;
    sim_schedule(&world->scheduler, &node->machine_source, batch->event,
                 world->scheduler.now_ns + duration);
    if (dies) {
        sim_node_kill(node, SIM_UNSYNCED_RANDOM);
    }
    return RAFT_OK;
}

void sim_node_batch_done(struct sim_node *node)
{
    struct sim_world *world = node->world;
    struct sim_batch *batch = node->batch;
    assert(batch != NULL);
    node->batch = NULL;
    for (size_t i = 0; i < batch->good; i++) {
        const struct raft_entry *entry = batch->entries[i];
        const struct sut_entry applied = {entry->id, entry->kind, entry->size, entry->payload,
                                          entry->damaged};
        struct sim_effect effect;
        sim_machine_apply(node->machine, &applied, &effect);
        sim_oracle_applied(world->oracles, node->id, &applied, &effect,
                           sim_machine_digest(node->machine));
    }
    enum raft_status status = batch->good == batch->count ? RAFT_OK : RAFT_MACHINE;
    raft_index last = batch->first + batch->good - 1;
    if (status != RAFT_OK) {
        sim_node_harm(node, SIM_HARM_MACHINE);
        sim_oracle_machine_failed(world->oracles, node->id, last);
    }
    arena_free(world->arena, batch);
    node->running = true;
    node->sut->applied(node->process, sim_node_now(node), status, last);
    node->running = false;
}

/* Takes back what is out. */
static void batch_cancel(struct sim_node *node)
{
    struct sim_batch *batch = node->batch;
    if (batch != NULL) {
        sim_unschedule(&node->world->scheduler, batch->event);
        sim_event_free(&node->world->scheduler, batch->event);
        arena_free(node->world->arena, batch);
        node->batch = NULL;
    }
}

/* ---- snapshots ---- */

/* Consults a point of the state machine: RAFT_OK, RAFT_BUSY or RAFT_MACHINE. */
static enum raft_status consult(struct sim_node *node, enum raft_point point)
{
    assert(node->running);
    if (node->dying) {
        return RAFT_MACHINE;
    }
    struct sim_verdict verdict =
        sim_fault_consult(&node->world->faults, node->id, sim_node_point(node, point));
    if (verdict.outcome == RAFT_OUTCOME_REFUSE) {
        return RAFT_BUSY;
    }
    return node->dying || verdict.outcome == RAFT_OUTCOME_ERROR ? RAFT_MACHINE : RAFT_OK;
}

static void state_drop(struct sim_node *node, struct sim_state *state)
{
    arena_free(node->world->arena, state->bytes);
    *state = (struct sim_state){.bytes = NULL};
}

static enum raft_status env_snapshot_begin(void *ctx, enum raft_point point, uint64_t *out_size)
{
    struct sim_node *node = ctx;
    enum raft_status status = consult(node, point);
    if (status != RAFT_OK) {
        return status;
    }
    assert(node->frozen.bytes == NULL);
    node->frozen.bytes = sim_machine_freeze(node->machine, &node->frozen.size);
    *out_size = node->frozen.size;
    return RAFT_OK;
}

static enum raft_status env_snapshot_read(void *ctx, enum raft_point point, uint64_t offset,
                                          uint8_t *bytes, size_t size)
{
    struct sim_node *node = ctx;
    enum raft_status status = consult(node, point);
    if (status != RAFT_OK) {
        return status;
    }
    assert(node->frozen.bytes != NULL && offset <= node->frozen.size);
    assert(size <= node->frozen.size - offset);
    memcpy(bytes, node->frozen.bytes + offset, size);
    return RAFT_OK;
}

static void env_snapshot_end(void *ctx)
{
    struct sim_node *node = ctx;
    assert(node->running);
    if (!node->dying) {
        assert(node->frozen.bytes != NULL);
        state_drop(node, &node->frozen);
    }
}

static enum raft_status env_restore_begin(void *ctx, enum raft_point point, uint64_t size)
{
    struct sim_node *node = ctx;
    enum raft_status status = consult(node, point);
    if (status != RAFT_OK) {
        return status;
    }
    assert(node->batch == NULL && node->restoring.bytes == NULL);
    /* One byte more, so that an empty state is a block as well. */
    node->restoring.bytes = arena_alloc(node->world->arena, (size_t)size + 1);
    node->restoring.size = (size_t)size;
    return RAFT_OK;
}

static enum raft_status env_restore_write(void *ctx, enum raft_point point, const uint8_t *bytes,
                                          size_t size)
{
    struct sim_node *node = ctx;
    struct sim_state *state = &node->restoring;
    enum raft_status status = consult(node, point);
    if (status != RAFT_OK) {
        return status;
    }
    assert(state->bytes != NULL && size <= state->size - state->done);
    memcpy(state->bytes + state->done, bytes, size);
    state->done += size;
    return RAFT_OK;
}

static enum raft_status env_restore_commit(void *ctx, enum raft_point point, raft_index index)
{
    struct sim_node *node = ctx;
    struct sim_world *world = node->world;
    struct sim_state *state = &node->restoring;
    enum raft_status status = consult(node, point);
    if (status != RAFT_OK) {
        return status;
    }
    assert(state->bytes != NULL);
    struct sim_machine *machine = NULL;
    if (state->done == state->size) {
        machine =
            sim_machine_thaw(world->arena, world->cluster.sessions, state->bytes, state->size);
    }
    if (machine == NULL) {
        return RAFT_MACHINE;
    }
    state_drop(node, state);
    sim_machine_destroy(node->machine);
    node->machine = machine;
    sim_world_transcribe(world, "    n%u restores a snapshot at %llu", node->id,
                         (unsigned long long)index);
    sim_oracle_restored(world->oracles, node->id, index, sim_machine_applied(machine),
                        sim_machine_digest(machine));
    return RAFT_OK;
}

static void env_restore_abort(void *ctx)
{
    struct sim_node *node = ctx;
    assert(node->running);
    if (!node->dying) {
        assert(node->restoring.bytes != NULL);
        state_drop(node, &node->restoring);
    }
}

void sim_node_machine_init(struct sim_node *node)
{
    node->env.apply = env_apply;
    node->env.snapshot_begin = env_snapshot_begin;
    node->env.snapshot_read = env_snapshot_read;
    node->env.snapshot_end = env_snapshot_end;
    node->env.restore_begin = env_restore_begin;
    node->env.restore_write = env_restore_write;
    node->env.restore_commit = env_restore_commit;
    node->env.restore_abort = env_restore_abort;
}

void sim_node_machine_forget(struct sim_node *node)
{
    batch_cancel(node);
    state_drop(node, &node->frozen);
    state_drop(node, &node->restoring);
    sim_machine_destroy(node->machine);
    node->machine = NULL;
}
