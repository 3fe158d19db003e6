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
 * After raft_storage_abandon a job of snapshots or a read of entries ends with the answer it waits
 * for: it may take long, and what it leaves is removed at the next start. So does every job but
 * CLOSE when one of another lane has failed.
 *
 * Invariants:
 *  1. A lane has at most one operation with the environment, and none when it has no job.
 *  2. A lane is never both in flight and stalled.
 *  3. Entries are held as STORAGE exactly while an APPEND job exists.
 *  4. Each open handle is in a field of the store or of a draft until its CLOSE is answered;
 *     whatever a failed job leaves there is closed by the CLOSE job.
 *  5. raft_storage_last is the last index that is durable in the files, and the segments' sizes are
 *     what is durable of them, whenever the log lane is free and the store has not failed. The
 *     first segment begins behind offset_base.
 *  6. storage->snapshot names a file that is durable and was read back whole, and that a mark
 *     reaches; it changes only when another one is. */
#include "storage_internal.h"

#include <assert.h>
#include <string.h>

/* The lanes, in the order in which they are retried, and the places of open handles, in the order
 * in which the CLOSE job closes them. */
#define LANES(storage)                                                                             \
    {                                                                                              \
        &(storage)->state_lane, &(storage)->log_lane, &(storage)->snapshot_lane,                   \
            &(storage)->fetch_lane, &(storage)->load_lane                                          \
    }
#define LANE_COUNT 5u
#define FILES(storage)                                                                             \
    {                                                                                              \
        &(storage)->spare_file, &(storage)->spare_ids, &(storage)->own.file,                       \
            &(storage)->part.file, &(storage)->fetch_file, &(storage)->cold.file,                  \
            &(storage)->ids_file, &(storage)->segment_file, &(storage)->state_file                 \
    }
#define FILE_COUNT 9u

enum raft_status raft_storage_create(const struct raft_options *options, const struct raft_env *env,
                                     struct raft_storage **out_storage)
{
    assert(options->batch_entries_max > 0 && options->snapshot_chunk_size > 0);
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
        .chunk_size = options->snapshot_chunk_size,
        .is_witness = raft_options_is_witness(options),
        .node = options->id,
        .quarantine = options->quarantine,
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
    storage->ids = memory->alloc(memory->ctx, RAFT_AT_STORE_CREATE_IDS,
                                 (size_t)options->batch_entries_max * RAFT_ID_SIZE);
    if (storage->ids == NULL) {
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
    assert(storage->piece == NULL && storage->fetch_bytes == NULL && !storage->is_frozen);
    assert(storage->cold.bytes == NULL && storage->cold.entries == NULL);
    memory->free(memory->ctx, storage->buffer);
    memory->free(memory->ctx, storage->held);
    memory->free(memory->ctx, storage->ids);
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
    raft_file *const files[FILE_COUNT] = FILES(storage);
    for (size_t i = 0; i < FILE_COUNT; i++) {
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
    lane->io = (struct raft_io){.op = raft_steps[lane->step].op, .owner = lane};
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
    case RAFT_JOB_COMPACT:
    case RAFT_JOB_RESET:
        raft_compact_prepare(storage, lane->step, &lane->io);
        break;
    case RAFT_JOB_REPAIR:
        raft_repair_prepare(storage, lane->step, &lane->io);
        break;
    case RAFT_JOB_SAVE:
        raft_save_prepare(storage, lane->step, &lane->io);
        break;
    case RAFT_JOB_RECEIVE:
        raft_receive_prepare(storage, lane->step, &lane->io);
        break;
    case RAFT_JOB_FETCH:
    case RAFT_JOB_RESTORE:
        raft_fetch_prepare(storage, lane->step, &lane->io);
        break;
    case RAFT_JOB_LOAD:
        raft_load_prepare(storage, lane->step, &lane->io);
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
    case RAFT_JOB_COMPACT:
    case RAFT_JOB_RESET:
        return raft_compact_next(storage, out_status);
    case RAFT_JOB_REPAIR:
        return raft_repair_next(storage, out_status);
    case RAFT_JOB_SAVE:
        return raft_save_next(storage, out_status);
    case RAFT_JOB_RECEIVE:
        return raft_receive_next(storage, out_status);
    case RAFT_JOB_FETCH:
    case RAFT_JOB_RESTORE:
        return raft_fetch_next(storage, out_status);
    case RAFT_JOB_LOAD:
        return raft_load_next(storage, out_status);
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
    enum raft_point point = raft_steps[lane->step].point;
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
    const struct raft_lane *const lanes[LANE_COUNT] = LANES(storage);
    for (size_t i = 0; i < LANE_COUNT; i++) {
        assert(lanes[i]->job == RAFT_JOB_NONE);
    }
    *out_closed = file_to_close(storage) == NULL;
    if (*out_closed) {
        return RAFT_OK;
    }
    return raft_lane_start(storage, &storage->log_lane, RAFT_JOB_CLOSE, RAFT_STEP_CLOSE);
}

/* Gives back what a job that ends holds. */
static void release(struct raft_storage *storage, enum raft_job job)
{
    switch (job) {
    case RAFT_JOB_APPEND:
        raft_append_release(storage);
        break;
    case RAFT_JOB_SAVE:
        raft_save_release(storage);
        break;
    case RAFT_JOB_RECEIVE:
        raft_receive_release(storage);
        break;
    case RAFT_JOB_FETCH:
    case RAFT_JOB_RESTORE:
        raft_fetch_release(storage);
        break;
    case RAFT_JOB_LOAD:
        raft_load_release(storage);
        break;
    case RAFT_JOB_NONE:
    case RAFT_JOB_STATE:
    case RAFT_JOB_TRUNCATE:
    case RAFT_JOB_PROBE:
    case RAFT_JOB_COMPACT:
    case RAFT_JOB_RESET:
    case RAFT_JOB_REPAIR:
    case RAFT_JOB_CLOSE:
        break;
    }
}

/* What the jobs of snapshots report. */
static void report_snapshot(struct raft_storage *storage, enum raft_job job,
                            struct raft_storage_done *done)
{
    const struct raft_draft *part = &storage->part;
    bool ok = done->status == RAFT_OK;
    bool is_published =
        job == RAFT_JOB_SAVE || (job == RAFT_JOB_RECEIVE && part->offset == part->size);
    if (ok && is_published) {
        done->snapshot = storage->snapshot;
    }
    if (job == RAFT_JOB_RECEIVE) {
        done->offset = ok ? part->offset : 0;
    }
    if (job == RAFT_JOB_FETCH || job == RAFT_JOB_RESTORE) {
        done->snapshot = storage->fetching;
    }
    if (job == RAFT_JOB_FETCH && ok) {
        done->offset = storage->fetch_offset;
        done->size = storage->fetch_size;
        done->bytes = storage->fetch_bytes;
        storage->fetch_bytes = NULL;
    }
}

static void finish(struct raft_storage *storage, struct raft_lane *lane, enum raft_status status,
                   struct raft_storage_done *out_done)
{
    *out_done = (struct raft_storage_done){.job = lane->job, .status = status};
    if (lane->job == RAFT_JOB_STATE) {
        out_done->sequence = storage->state.sequence;
    }
    if (lane->job == RAFT_JOB_APPEND || lane->job == RAFT_JOB_TRUNCATE ||
        lane->job == RAFT_JOB_RESET) {
        out_done->generation = storage->generation;
    }
    if (lane->job == RAFT_JOB_APPEND || lane->job == RAFT_JOB_REPAIR) {
        out_done->id = storage->last;
    }
    if (lane->job == RAFT_JOB_COMPACT || lane->job == RAFT_JOB_RESET) {
        out_done->id = storage->to;
    }
    report_snapshot(storage, lane->job, out_done);
    if (lane->job == RAFT_JOB_LOAD) {
        raft_load_report(storage, out_done);
    }
    release(storage, lane->job);
    if (status == RAFT_IO) {
        storage->failed = true;
    }
    free_lane(lane);
}

void raft_storage_done_release(const struct raft_memory *memory, struct raft_storage_done *done)
{
    memory->free(memory->ctx, done->bytes);
    done->bytes = NULL;
    for (uint32_t i = 0; i < done->entry_count; i++) {
        raft_entry_drop(done->entries[i], RAFT_HOLDER_LOADING);
    }
    memory->free(memory->ctx, done->entries);
    done->entries = NULL;
    done->entry_count = 0;
}

/* Whether a job may end half done, when nobody waits for it any more. */
static bool may_end_early(enum raft_job job)
{
    return job == RAFT_JOB_SAVE || job == RAFT_JOB_RECEIVE || job == RAFT_JOB_FETCH ||
           job == RAFT_JOB_RESTORE || job == RAFT_JOB_LOAD;
}

bool raft_storage_io_done(struct raft_storage *storage, struct raft_io *io,
                          struct raft_storage_done *out_done)
{
    struct raft_lane *lane = io->owner;
    assert(lane->in_flight && !lane->stalled && io == &lane->io);
    lane->in_flight = false;
    enum raft_status status = RAFT_OK;
    enum raft_step_id step = next(storage, lane->job, &status);
    if (step == RAFT_STEP_NONE) {
        finish(storage, lane, status, out_done);
        return true;
    }
    /* A store that cannot be trusted is written no further: the sync that failed in one lane must
     * not be made up for by that of another. */
    bool is_over = storage->failed && lane->job != RAFT_JOB_CLOSE;
    if (is_over || (storage->abandoned && may_end_early(lane->job))) {
        release(storage, lane->job);
        free_lane(lane);
        return false;
    }
    lane->step = step;
    lane->stalled = submit(storage, lane) != RAFT_OK;
    return false;
}

bool raft_storage_retry(struct raft_storage *storage)
{
    struct raft_lane *const lanes[LANE_COUNT] = LANES(storage);
    for (size_t i = 0; i < LANE_COUNT; i++) {
        struct raft_lane *lane = lanes[i];
        if (lane->stalled) {
            assert(!lane->in_flight);
            lane->stalled = submit(storage, lane) != RAFT_OK;
        }
    }
    return raft_storage_stalled(storage);
}

void raft_storage_abandon(struct raft_storage *storage)
{
    struct raft_lane *const lanes[LANE_COUNT] = LANES(storage);
    storage->abandoned = true;
    for (size_t i = 0; i < LANE_COUNT; i++) {
        struct raft_lane *lane = lanes[i];
        if (!lane->stalled) {
            continue;
        }
        release(storage, lane->job);
        if (lane->job != RAFT_JOB_CLOSE) {
            storage->failed = true;
        }
        free_lane(lane);
    }
    assert(!raft_storage_stalled(storage));
}

bool raft_storage_stalled(const struct raft_storage *storage)
{
    const struct raft_lane *const lanes[LANE_COUNT] = LANES(storage);
    bool is_stalled = false;
    for (size_t i = 0; i < LANE_COUNT; i++) {
        is_stalled = is_stalled || lanes[i]->stalled;
    }
    return is_stalled;
}

bool raft_storage_in_flight(const struct raft_storage *storage)
{
    const struct raft_lane *const lanes[LANE_COUNT] = LANES(storage);
    bool is_in_flight = false;
    for (size_t i = 0; i < LANE_COUNT; i++) {
        is_in_flight = is_in_flight || lanes[i]->in_flight;
    }
    return is_in_flight;
}

uint32_t raft_storage_entries_held(const struct raft_storage *storage)
{
    assert(storage->held_count <= storage->batch_entries_max);
    return storage->held_count;
}

uint32_t raft_storage_files_open(const struct raft_storage *storage)
{
    const raft_file *const files[FILE_COUNT] = FILES(storage);
    uint32_t count = 0;
    for (size_t i = 0; i < FILE_COUNT; i++) {
        count += *files[i] != 0;
    }
    return count;
}
