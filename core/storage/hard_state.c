/* The hard state: one record {term, vote, sequence} in two full copies.
 *
 * The copies stand in one file, "hard-state", 4096 bytes apart, so that one torn or rotten sector
 * never reaches both. The file has its full size from the beginning: a later write needs no space.
 *
 *   job:   write A -> sync -> write B -> sync -> done
 *
 *  1. At most one copy is not durable at any time, so a torn write or the rot of one copy never
 *     loses a promise.
 *  2. Nothing that rests on the new state has left the node before both copies are durable. So
 *     either copy is a right answer when they differ; loading takes the one with the higher
 *     sequence.
 *  3. No write or sync of it is tried again: any failure ends the job with RAFT_IO.
 *  4. A lost promise stays lost: no later state takes RAFT_LOSS_PROMISES back. */
#include "storage_internal.h"

#include <assert.h>
#include <string.h>

enum raft_status raft_storage_save_state(struct raft_storage *storage,
                                         const struct raft_hard_state *state)
{
    assert(storage->state_file != 0);
    assert(state->sequence > storage->state.sequence);
    assert(state->term >= storage->state.term);
    assert((state->losses & RAFT_LOSS_PROMISES) == (storage->state.losses & RAFT_LOSS_PROMISES));
    raft_state_encode(state, storage->state_bytes);
    enum raft_status status =
        raft_lane_start(storage, &storage->state_lane, RAFT_JOB_STATE, RAFT_STEP_STATE_WRITE_A);
    if (status == RAFT_OK) {
        storage->state = *state;
    }
    return status;
}

void raft_state_prepare(struct raft_storage *storage, enum raft_step_id step, struct raft_io *io)
{
    assert(step >= RAFT_STEP_STATE_WRITE_A && step <= RAFT_STEP_STATE_SYNC_B);
    io->file = storage->state_file;
    if (io->op == RAFT_IO_WRITE) {
        io->offset = step == RAFT_STEP_STATE_WRITE_B ? RAFT_STATE_OFFSET_B : 0;
        io->size = RAFT_STATE_SIZE;
        io->bytes = storage->state_bytes;
    }
}

enum raft_step_id raft_state_next(struct raft_storage *storage, enum raft_status *out_status)
{
    const struct raft_lane *lane = &storage->state_lane;
    bool is_short = lane->io.op == RAFT_IO_WRITE && lane->io.done != lane->io.size;
    if (lane->io.status != RAFT_OK || is_short) {
        /* The operation's own failure, hence no fault point here. */
        *out_status = RAFT_IO;
        return RAFT_STEP_NONE;
    }
    if (lane->step == RAFT_STEP_STATE_SYNC_B) {
        *out_status = RAFT_OK;
        return RAFT_STEP_NONE;
    }
    assert(lane->step >= RAFT_STEP_STATE_WRITE_A && lane->step < RAFT_STEP_STATE_SYNC_B);
    return (enum raft_step_id)(lane->step + 1);
}

/* Writes the two copies of a state into a new file. One sync is enough: the file is not the store's
 * before its rename. */
static enum raft_status write_new(struct raft_storage *storage, const struct raft_hard_state *state)
{
    uint8_t bytes[RAFT_STATE_SIZE];
    raft_state_encode(state, bytes);
    struct raft_io create = {.op = RAFT_IO_CREATE};
    raft_storage_name_set(create.name, RAFT_STATE_NEW_NAME);
    enum raft_status status = raft_storage_run(storage, RAFT_AT_STATE_CREATE_CREATE, &create);
    if (status != RAFT_OK) {
        return status;
    }
    struct raft_io io = {
        .op = RAFT_IO_WRITE, .file = create.file, .size = sizeof bytes, .bytes = bytes};
    status = raft_storage_run(storage, RAFT_AT_STATE_CREATE_WRITE_A, &io);
    if (status != RAFT_OK) {
        goto out;
    }
    io.offset = RAFT_STATE_OFFSET_B;
    status = raft_storage_run(storage, RAFT_AT_STATE_CREATE_WRITE_B, &io);
    if (status != RAFT_OK) {
        goto out;
    }
    struct raft_io sync = {.op = RAFT_IO_SYNC, .file = create.file};
    status = raft_storage_run(storage, RAFT_AT_STATE_CREATE_SYNC, &sync);
out:;
    struct raft_io closing = {.op = RAFT_IO_CLOSE, .file = create.file};
    enum raft_status closed = raft_storage_run(storage, RAFT_AT_STATE_CREATE_CLOSE, &closing);
    return status != RAFT_OK ? status : closed;
}

/* Makes a file with a state in place of the one that is there, if any. */
static enum raft_status create_file(struct raft_storage *storage,
                                    const struct raft_hard_state *state)
{
    assert(storage->state_file == 0);
    enum raft_status status = write_new(storage, state);
    if (status != RAFT_OK) {
        return status;
    }
    struct raft_io publish = {.op = RAFT_IO_RENAME};
    raft_storage_name_set(publish.name, RAFT_STATE_NEW_NAME);
    raft_storage_name_set(publish.name_to, RAFT_STATE_NAME);
    status = raft_storage_run(storage, RAFT_AT_STATE_CREATE_RENAME, &publish);
    if (status != RAFT_OK) {
        return status;
    }
    struct raft_io sync = {.op = RAFT_IO_SYNC_DIR};
    return raft_storage_run(storage, RAFT_AT_STATE_CREATE_SYNC_DIR, &sync);
}

enum raft_status raft_state_bootstrap(struct raft_storage *storage)
{
    const struct raft_hard_state zero = {0};
    return create_file(storage, &zero);
}

/* RAFT_NOT_FOUND. */
static enum raft_status open_file(struct raft_storage *storage, uint64_t *out_size)
{
    struct raft_io open = {.op = RAFT_IO_OPEN};
    raft_storage_name_set(open.name, RAFT_STATE_NAME);
    enum raft_status status = raft_storage_run(storage, RAFT_AT_STATE_LOAD_OPEN, &open);
    if (status == RAFT_OK) {
        storage->state_file = open.file;
        *out_size = open.file_size;
    }
    return status;
}

/* Opens the file and reads what is good of its copies. RAFT_NOT_FOUND. */
static enum raft_status read_copies(struct raft_storage *storage, struct raft_hard_state copies[2],
                                    bool good[2])
{
    static const enum raft_point points[2] = {RAFT_AT_STATE_LOAD_READ_A, RAFT_AT_STATE_LOAD_READ_B};
    uint64_t size = 0;
    enum raft_status status = open_file(storage, &size);
    if (status != RAFT_OK) {
        return status;
    }
    for (unsigned i = 0; i < 2; i++) {
        uint8_t bytes[RAFT_STATE_SIZE];
        struct raft_io read = {.op = RAFT_IO_READ, .file = storage->state_file, .bytes = bytes};
        read.offset = i * RAFT_STATE_OFFSET_B;
        read.size = sizeof bytes;
        /* A file that is too short has lost the copy: damage, not a failing device. */
        if (size < read.offset + read.size) {
            continue;
        }
        status = raft_storage_run(storage, points[i], &read);
        if (status != RAFT_OK) {
            return status;
        }
        good[i] = raft_state_decode(bytes, &copies[i]);
    }
    return RAFT_OK;
}

/* Writes both copies again, the worse one first: the cache may hold what the last process failed to
 * sync, and the better copy must not be in flight before the other one is good. */
static enum raft_status rewrite_copies(struct raft_storage *storage, unsigned better)
{
    static const enum raft_point write_points[2] = {RAFT_AT_STATE_LOAD_WRITE_WORSE,
                                                    RAFT_AT_STATE_LOAD_WRITE_BETTER};
    static const enum raft_point sync_points[2] = {RAFT_AT_STATE_LOAD_SYNC_WORSE,
                                                   RAFT_AT_STATE_LOAD_SYNC_BETTER};
    assert(better < 2 && storage->state_file != 0);
    raft_state_encode(&storage->state, storage->state_bytes);
    enum raft_status status = RAFT_OK;
    for (unsigned i = 0; i < 2 && status == RAFT_OK; i++) {
        unsigned copy = i == 0 ? 1 - better : better;
        struct raft_io write = {.op = RAFT_IO_WRITE, .file = storage->state_file};
        write.offset = copy * RAFT_STATE_OFFSET_B;
        write.size = RAFT_STATE_SIZE;
        write.bytes = storage->state_bytes;
        status = raft_storage_run(storage, write_points[i], &write);
        if (status == RAFT_OK) {
            struct raft_io sync = {.op = RAFT_IO_SYNC, .file = storage->state_file};
            status = raft_storage_run(storage, sync_points[i], &sync);
        }
    }
    return status;
}

enum raft_status raft_state_is_new(struct raft_storage *storage, bool *out_new)
{
    assert(storage->state_file == 0);
    struct raft_hard_state copies[2] = {{0}, {0}};
    bool good[2] = {false, false};
    enum raft_status status = read_copies(storage, copies, good);
    raft_storage_close_now(storage, &storage->state_file);
    *out_new = good[0] && good[1] && copies[0].sequence == 0 && copies[1].sequence == 0;
    /* A file that was listed and is not there, which is no fault point's doing. */
    return status == RAFT_NOT_FOUND ? RAFT_IO : status;
}

enum raft_status raft_state_load(struct raft_storage *storage)
{
    assert(storage->state_file == 0);
    struct raft_hard_state copies[2] = {{0}, {0}};
    bool good[2] = {false, false};
    enum raft_status status = read_copies(storage, copies, good);
    if (status != RAFT_OK && status != RAFT_NOT_FOUND) {
        return status;
    }
    bool is_lost = !good[0] && !good[1];
    if (raft_exit_taken(storage->memory, RAFT_AT_STATE_LOAD_LOST,
                        is_lost && !storage->quarantine)) {
        return RAFT_LOST_STORE;
    }
    if (is_lost) {
        raft_storage_close_now(storage, &storage->state_file);
        storage->state = (struct raft_hard_state){0};
        return RAFT_OK;
    }
    unsigned better = 0;
    if (!good[0] || (good[1] && copies[1].sequence > copies[0].sequence)) {
        better = 1;
    }
    storage->state = copies[better];
    return rewrite_copies(storage, better);
}

enum raft_status raft_state_lose(struct raft_storage *storage, uint32_t losses, raft_term newest)
{
    struct raft_hard_state state = storage->state;
    state.losses |= losses;
    if ((losses & RAFT_LOSS_PROMISES) != 0) {
        state.vote = RAFT_NODE_NONE;
        state.term = state.term < newest ? newest : state.term;
    }
    bool is_known = state.losses == storage->state.losses && state.term == storage->state.term;
    if (is_known && storage->state_file != 0) {
        return RAFT_OK;
    }
    state.sequence++;
    storage->state = state;
    if (storage->state_file != 0) {
        return rewrite_copies(storage, 0);
    }
    uint64_t size = 0;
    enum raft_status status = create_file(storage, &state);
    return status == RAFT_OK ? open_file(storage, &size) : status;
}
