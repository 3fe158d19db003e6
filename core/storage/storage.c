/* The store of one node: its lanes, and the public functions.
 *
 * A job is a chain of steps, each of them one asynchronous operation. The module of a job says
 * which step follows an answer (X_next) and what its operation is (X_prepare); this file submits,
 * stalls, retries and ends.
 *
 *            start: refused -> nothing was taken
 *              |
 *              v            answered                   X_next: none
 *   free -> in flight ------------------> X_next ----------------------> free, job is reported
 *              ^                            | refused
 *              |     raft_storage_retry     v
 *              +------------------------ stalled --- raft_storage_abandon ---> free, not reported
 *
 * Invariants:
 *  1. A lane has at most one operation with the environment, and none when it has no job.
 *  2. A lane is never both in flight and stalled.
 *  3. Entries are held as STORAGE exactly while an APPEND job exists.
 *  4. Each open handle is in one of state_file, segment_file, spare_file until its CLOSE is
 *     answered; whatever a failed job leaves there is closed by the CLOSE job.
 *  5. offset_count is the last index that is durable in the files, and the segments' sizes are what
 *     is durable of them, whenever the log lane is free and the store has not failed. */
#include "storage_internal.h"

#include <assert.h>
#include <string.h>

/* The operation and the fault point of each step. */
static const struct {
    enum raft_io_op op;
    enum raft_point point;
} steps[RAFT_STEP_COUNT] = {
    [RAFT_STEP_STATE_WRITE_A] = {RAFT_IO_WRITE, RAFT_AT_STATE_SAVE_WRITE_A},
    [RAFT_STEP_STATE_SYNC_A] = {RAFT_IO_SYNC, RAFT_AT_STATE_SAVE_SYNC_A},
    [RAFT_STEP_STATE_WRITE_B] = {RAFT_IO_WRITE, RAFT_AT_STATE_SAVE_WRITE_B},
    [RAFT_STEP_STATE_SYNC_B] = {RAFT_IO_SYNC, RAFT_AT_STATE_SAVE_SYNC_B},
    [RAFT_STEP_ROLL_CREATE] = {RAFT_IO_CREATE, RAFT_AT_SEGMENT_ROLL_CREATE},
    [RAFT_STEP_ROLL_WRITE] = {RAFT_IO_WRITE, RAFT_AT_SEGMENT_ROLL_WRITE},
    [RAFT_STEP_ROLL_SYNC] = {RAFT_IO_SYNC, RAFT_AT_SEGMENT_ROLL_SYNC},
    [RAFT_STEP_ROLL_SYNC_DIR] = {RAFT_IO_SYNC_DIR, RAFT_AT_SEGMENT_ROLL_SYNC_DIR},
    [RAFT_STEP_ROLL_CLOSE] = {RAFT_IO_CLOSE, RAFT_AT_SEGMENT_ROLL_CLOSE},
    [RAFT_STEP_UNROLL_CLOSE] = {RAFT_IO_CLOSE, RAFT_AT_SEGMENT_UNROLL_CLOSE},
    [RAFT_STEP_UNROLL_UNLINK] = {RAFT_IO_UNLINK, RAFT_AT_SEGMENT_UNROLL_UNLINK},
    [RAFT_STEP_UNROLL_SYNC_DIR] = {RAFT_IO_SYNC_DIR, RAFT_AT_SEGMENT_UNROLL_SYNC_DIR},
    [RAFT_STEP_APPEND_WRITE] = {RAFT_IO_WRITE, RAFT_AT_SEGMENT_APPEND_WRITE},
    [RAFT_STEP_APPEND_SYNC] = {RAFT_IO_SYNC, RAFT_AT_SEGMENT_APPEND_SYNC},
    [RAFT_STEP_UNDO_TRUNCATE] = {RAFT_IO_TRUNCATE, RAFT_AT_SEGMENT_UNDO_TRUNCATE},
    [RAFT_STEP_UNDO_SYNC] = {RAFT_IO_SYNC, RAFT_AT_SEGMENT_UNDO_SYNC},
    [RAFT_STEP_CUT_CLOSE] = {RAFT_IO_CLOSE, RAFT_AT_SEGMENT_TRUNCATE_CLOSE},
    [RAFT_STEP_CUT_UNLINK] = {RAFT_IO_UNLINK, RAFT_AT_SEGMENT_TRUNCATE_UNLINK},
    [RAFT_STEP_CUT_SYNC_DIR] = {RAFT_IO_SYNC_DIR, RAFT_AT_SEGMENT_TRUNCATE_SYNC_DIR},
    [RAFT_STEP_CUT_OPEN] = {RAFT_IO_OPEN, RAFT_AT_SEGMENT_TRUNCATE_OPEN},
    [RAFT_STEP_CUT_TRUNCATE] = {RAFT_IO_TRUNCATE, RAFT_AT_SEGMENT_TRUNCATE_CUT},
    [RAFT_STEP_CUT_SYNC] = {RAFT_IO_SYNC, RAFT_AT_SEGMENT_TRUNCATE_SYNC},
    [RAFT_STEP_CUT_NOTHING] = {RAFT_IO_SYNC_DIR, RAFT_AT_SEGMENT_TRUNCATE_NOTHING},
    [RAFT_STEP_PROBE_CREATE] = {RAFT_IO_CREATE, RAFT_AT_PROBE_WRITE_CREATE},
    [RAFT_STEP_PROBE_WRITE] = {RAFT_IO_WRITE, RAFT_AT_PROBE_WRITE_WRITE},
    [RAFT_STEP_PROBE_SYNC] = {RAFT_IO_SYNC, RAFT_AT_PROBE_WRITE_SYNC},
    [RAFT_STEP_PROBE_CLOSE] = {RAFT_IO_CLOSE, RAFT_AT_PROBE_REMOVE_CLOSE},
    [RAFT_STEP_PROBE_UNLINK] = {RAFT_IO_UNLINK, RAFT_AT_PROBE_REMOVE_UNLINK},
    [RAFT_STEP_PROBE_SYNC_DIR] = {RAFT_IO_SYNC_DIR, RAFT_AT_PROBE_REMOVE_SYNC_DIR},
    [RAFT_STEP_CLOSE] = {RAFT_IO_CLOSE, RAFT_AT_STORE_CLOSE_CLOSE},
};

enum raft_status raft_storage_create(const struct raft_options *options, const struct raft_env *env,
                                     struct raft_storage **out_storage)
{
    assert(options->batch_entries_max > 0);
    const struct raft_memory *memory = env->memory;
    enum raft_status status = RAFT_NOMEM; /* the only way to fail */
    size_t buffer_size =
        (size_t)options->batch_size_max + (size_t)options->batch_entries_max * raft_record_span(1);
    struct raft_storage *storage =
        memory->alloc(memory->ctx, RAFT_AT_STORE_CREATE_ALLOC, sizeof *storage);
    if (storage == NULL) {
        goto out;
    }
    *storage = (struct raft_storage){
        .env = env,
        .memory = memory,
        .batch_entries_max = options->batch_entries_max,
        .batch_size_max = options->batch_size_max,
        .segment_size_max = options->segment_size_max,
        .append_errors_max = options->append_errors_max,
        .buffer_size = buffer_size,
    };
    storage->buffer = memory->alloc(memory->ctx, RAFT_AT_STORE_CREATE_BUFFER, buffer_size);
    if (storage->buffer == NULL) {
        goto out;
    }
    storage->held = memory->alloc(memory->ctx, RAFT_AT_STORE_CREATE_HELD,
                                  options->batch_entries_max * sizeof storage->held[0]);
    if (storage->held == NULL) {
        goto out;
    }
    *out_storage = storage;
    storage = NULL;
    status = RAFT_OK;
out:
    if (storage != NULL) {
        raft_storage_destroy(storage);
    }
    return status;
}

void raft_storage_destroy(struct raft_storage *storage)
{
    const struct raft_memory *memory = storage->memory;
    assert(!raft_storage_in_flight(storage));
    assert(storage->held_count == 0);
    assert(raft_storage_files_open(storage) == 0);
    memory->free(memory->ctx, storage->buffer);
    memory->free(memory->ctx, storage->held);
    memory->free(memory->ctx, storage->segments);
    memory->free(memory->ctx, storage->offsets);
    memory->free(memory->ctx, storage);
}

enum raft_status raft_storage_run(struct raft_storage *storage, enum raft_point point,
                                  struct raft_io *io)
{
    assert(io->op < RAFT_IO_OP_COUNT);
    enum raft_status status = storage->env->io_run(storage->env->ctx, point, io);
    bool moves_bytes = io->op == RAFT_IO_READ || io->op == RAFT_IO_WRITE;
    if (status == RAFT_OK && moves_bytes && io->done != io->size) {
        status = RAFT_IO;
    }
    return status;
}

void raft_storage_name_set(char name[RAFT_FILE_NAME_MAX], const char *from)
{
    size_t size = strlen(from);
    assert(size < RAFT_FILE_NAME_MAX);
    memset(name, 0, RAFT_FILE_NAME_MAX);
    memcpy(name, from, size + 1);
}

/* Moves an array of used bytes into a larger block; NULL: the old one stays as it was. */
static void *grow(struct raft_storage *storage, enum raft_point point, void *block, size_t used,
                  size_t size)
{
    assert(size > used);
    const struct raft_memory *memory = storage->memory;
    void *larger = memory->alloc(memory->ctx, point, size);
    if (larger == NULL) {
        return NULL;
    }
    if (used > 0) {
        memcpy(larger, block, used);
    }
    memory->free(memory->ctx, block);
    return larger;
}

enum raft_status raft_storage_reserve_segments(struct raft_storage *storage, enum raft_point point)
{
    if (storage->segment_count < storage->segment_capacity) {
        return RAFT_OK;
    }
    size_t capacity = storage->segment_capacity * 2 + 4;
    size_t item = sizeof storage->segments[0];
    struct raft_segment *segments =
        grow(storage, point, storage->segments, storage->segment_count * item, capacity * item);
    if (segments == NULL) {
        return RAFT_NOMEM;
    }
    storage->segments = segments;
    storage->segment_capacity = capacity;
    return RAFT_OK;
}

enum raft_status raft_storage_reserve_offsets(struct raft_storage *storage, enum raft_point point,
                                              size_t count)
{
    if (storage->offset_count + count <= storage->offset_capacity) {
        return RAFT_OK;
    }
    size_t capacity = storage->offset_capacity + storage->offset_capacity / 2 + count + 32;
    size_t item = sizeof storage->offsets[0];
    uint64_t *offsets =
        grow(storage, point, storage->offsets, storage->offset_count * item, capacity * item);
    if (offsets == NULL) {
        return RAFT_NOMEM;
    }
    storage->offsets = offsets;
    storage->offset_capacity = capacity;
    return RAFT_OK;
}

/* The handle that the CLOSE job closes next, or NULL. */
static raft_file *file_to_close(struct raft_storage *storage)
{
    raft_file *const files[] = {&storage->spare_file, &storage->segment_file, &storage->state_file};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        if (*files[i] != 0) {
            return files[i];
        }
    }
    return NULL;
}

/* A handle is gone whatever its CLOSE reports, and nothing is at stake: what had to be durable has
 * been synced. So an error here is not one of the store. */
static enum raft_step_id close_next(struct raft_storage *storage, enum raft_status *out_status)
{
    raft_file *file = file_to_close(storage);
    assert(file != NULL && *file == storage->log_lane.io.file);
    *file = 0;
    *out_status = RAFT_OK;
    return file_to_close(storage) != NULL ? RAFT_STEP_CLOSE : RAFT_STEP_NONE;
}

static void prepare(struct raft_storage *storage, struct raft_lane *lane)
{
    lane->io = (struct raft_io){.op = steps[lane->step].op, .owner = lane};
    switch (lane->job) {
    case RAFT_JOB_STATE:
        raft_state_prepare(storage, lane->step, &lane->io);
        break;
    case RAFT_JOB_APPEND:
        raft_append_prepare(storage, lane->step, &lane->io);
        break;
    case RAFT_JOB_TRUNCATE:
        raft_truncate_prepare(storage, lane->step, &lane->io);
        break;
    case RAFT_JOB_PROBE:
        raft_probe_prepare(storage, lane->step, &lane->io);
        break;
    case RAFT_JOB_CLOSE:
        lane->io.file = *file_to_close(storage);
        break;
    case RAFT_JOB_NONE:
        assert(!"a lane without a job has no step");
    }
}

static enum raft_step_id next(struct raft_storage *storage, enum raft_job job,
                              enum raft_status *out_status)
{
    switch (job) {
    case RAFT_JOB_STATE:
        return raft_state_next(storage, out_status);
    case RAFT_JOB_APPEND:
        return raft_append_next(storage, out_status);
    case RAFT_JOB_TRUNCATE:
        return raft_truncate_next(storage, out_status);
    case RAFT_JOB_PROBE:
        return raft_probe_next(storage, out_status);
    case RAFT_JOB_CLOSE:
        return close_next(storage, out_status);
    case RAFT_JOB_NONE:
        break;
    }
    assert(!"an answer belongs to a job");
    return RAFT_STEP_NONE;
}

/* Submits the lane's step. RAFT_BUSY: refused. */
static enum raft_status submit(struct raft_storage *storage, struct raft_lane *lane)
{
    assert(!lane->in_flight);
    assert(lane->step > RAFT_STEP_NONE && lane->step < RAFT_STEP_COUNT);
    prepare(storage, lane);
    enum raft_point point = steps[lane->step].point;
    enum raft_status status = storage->env->io_submit(storage->env->ctx, point, &lane->io);
    lane->in_flight = status == RAFT_OK;
    return status;
}

static void free_lane(struct raft_lane *lane)
{
    assert(!lane->in_flight);
    *lane = (struct raft_lane){.job = RAFT_JOB_NONE};
}

enum raft_status raft_lane_start(struct raft_storage *storage, struct raft_lane *lane,
                                 enum raft_job job, enum raft_step_id step)
{
    assert(lane->job == RAFT_JOB_NONE);
    assert(!storage->failed || job == RAFT_JOB_CLOSE);
    lane->job = job;
    lane->step = step;
    enum raft_status status = submit(storage, lane);
    if (status != RAFT_OK) {
        free_lane(lane);
    }
    return status;
}

enum raft_status raft_storage_close(struct raft_storage *storage, bool *out_closed)
{
    assert(storage->state_lane.job == RAFT_JOB_NONE);
    assert(storage->log_lane.job == RAFT_JOB_NONE);
    *out_closed = file_to_close(storage) == NULL;
    if (*out_closed) {
        return RAFT_OK;
    }
    return raft_lane_start(storage, &storage->log_lane, RAFT_JOB_CLOSE, RAFT_STEP_CLOSE);
}

static void finish(struct raft_storage *storage, struct raft_lane *lane, enum raft_status status,
                   struct raft_storage_done *out_done)
{
    *out_done = (struct raft_storage_done){.job = lane->job, .status = status};
    if (lane->job == RAFT_JOB_STATE) {
        out_done->sequence = storage->state.sequence;
    }
    if (lane->job == RAFT_JOB_APPEND || lane->job == RAFT_JOB_TRUNCATE) {
        out_done->generation = storage->generation;
    }
    if (lane->job == RAFT_JOB_APPEND) {
        out_done->id = storage->last;
        raft_append_release(storage);
    }
    if (status == RAFT_IO) {
        storage->failed = true;
    }
    free_lane(lane);
}

bool raft_storage_io_done(struct raft_storage *storage, struct raft_io *io,
                          struct raft_storage_done *out_done)
{
    struct raft_lane *lane = io->owner;
    assert(lane == &storage->state_lane || lane == &storage->log_lane);
    assert(lane->in_flight && !lane->stalled && io == &lane->io);
    lane->in_flight = false;
    enum raft_status status = RAFT_OK;
    enum raft_step_id step = next(storage, lane->job, &status);
    if (step == RAFT_STEP_NONE) {
        finish(storage, lane, status, out_done);
        return true;
    }
    lane->step = step;
    lane->stalled = submit(storage, lane) != RAFT_OK;
    return false;
}

bool raft_storage_retry(struct raft_storage *storage)
{
    struct raft_lane *const lanes[] = {&storage->state_lane, &storage->log_lane};
    for (size_t i = 0; i < 2; i++) {
        if (lanes[i]->stalled) {
            assert(!lanes[i]->in_flight);
            lanes[i]->stalled = submit(storage, lanes[i]) != RAFT_OK;
        }
    }
    return raft_storage_stalled(storage);
}

void raft_storage_abandon(struct raft_storage *storage)
{
    struct raft_lane *const lanes[] = {&storage->state_lane, &storage->log_lane};
    for (size_t i = 0; i < 2; i++) {
        if (!lanes[i]->stalled) {
            continue;
        }
        if (lanes[i]->job == RAFT_JOB_APPEND) {
            raft_append_release(storage);
        }
        if (lanes[i]->job != RAFT_JOB_CLOSE) {
            storage->failed = true;
        }
        free_lane(lanes[i]);
    }
    assert(!raft_storage_stalled(storage));
}

bool raft_storage_stalled(const struct raft_storage *storage)
{
    return storage->state_lane.stalled || storage->log_lane.stalled;
}

bool raft_storage_in_flight(const struct raft_storage *storage)
{
    return storage->state_lane.in_flight || storage->log_lane.in_flight;
}

uint32_t raft_storage_entries_held(const struct raft_storage *storage)
{
    assert(storage->held_count <= storage->batch_entries_max);
    return storage->held_count;
}

uint32_t raft_storage_files_open(const struct raft_storage *storage)
{
    return (storage->state_file != 0 ? 1u : 0u) + (storage->segment_file != 0 ? 1u : 0u) +
           (storage->spare_file != 0 ? 1u : 0u);
}
