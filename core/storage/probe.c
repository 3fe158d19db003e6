/* The PROBE job: does the disk take writes again?
 *
 *   create -> write -> sync -> close -> unlink -> sync directory -> done
 *     | fail   | fail    '--fail-^ ^
 *     v        '-------------------'
 *    end
 *
 *  1. Nothing is at stake in the scratch file: a failure of it, even of its sync, only says "not
 *     yet". The directory is the store's, and a failed sync of it is RAFT_IO.
 *  2. A file that could not be removed is emptied by the next probe and removed at the next start.
 */
#include "storage_internal.h"

#include <assert.h>
#include <string.h>

#define PROBE_SIZE_MAX 4096u

enum raft_status raft_storage_probe(struct raft_storage *storage)
{
    assert(storage->log_lane.job == RAFT_JOB_NONE && storage->spare_file == 0);
    storage->batch_size = storage->batch_size_max;
    if (storage->batch_size > PROBE_SIZE_MAX) {
        storage->batch_size = PROBE_SIZE_MAX;
    }
    assert(storage->batch_size <= storage->buffer_size);
    memset(storage->buffer, 0, storage->batch_size);
    storage->result = RAFT_OK;
    return raft_lane_start(storage, &storage->log_lane, RAFT_JOB_PROBE, RAFT_STEP_PROBE_CREATE);
}

void raft_probe_prepare(struct raft_storage *storage, enum raft_step_id step, struct raft_io *io)
{
    assert(step >= RAFT_STEP_PROBE_CREATE && step <= RAFT_STEP_PROBE_SYNC_DIR);
    if (step == RAFT_STEP_PROBE_CREATE || step == RAFT_STEP_PROBE_UNLINK) {
        raft_storage_name_set(io->name, RAFT_PROBE_NAME);
    } else if (step != RAFT_STEP_PROBE_SYNC_DIR) {
        assert(storage->spare_file != 0);
        io->file = storage->spare_file;
    }
    if (step == RAFT_STEP_PROBE_WRITE) {
        io->size = storage->batch_size;
        io->bytes = storage->buffer;
    }
}

enum raft_step_id raft_probe_next(struct raft_storage *storage, enum raft_status *out_status)
{
    const struct raft_lane *lane = &storage->log_lane;
    bool is_short = lane->step == RAFT_STEP_PROBE_WRITE && lane->io.done != lane->io.size;
    bool ok = lane->io.status == RAFT_OK && !is_short;
    if (!ok && storage->result == RAFT_OK) {
        storage->result = raft_storage_refusal(lane->io.status);
    }
    *out_status = storage->result;
    if (lane->step == RAFT_STEP_PROBE_CREATE) {
        storage->spare_file = ok ? lane->io.file : 0;
        return ok ? RAFT_STEP_PROBE_WRITE : RAFT_STEP_NONE;
    }
    if (lane->step == RAFT_STEP_PROBE_WRITE) {
        return ok ? RAFT_STEP_PROBE_SYNC : RAFT_STEP_PROBE_CLOSE;
    }
    if (lane->step == RAFT_STEP_PROBE_SYNC) {
        return RAFT_STEP_PROBE_CLOSE;
    }
    if (lane->step == RAFT_STEP_PROBE_CLOSE) {
        storage->spare_file = 0;
        return RAFT_STEP_PROBE_UNLINK;
    }
    if (lane->step == RAFT_STEP_PROBE_UNLINK) {
        return ok ? RAFT_STEP_PROBE_SYNC_DIR : RAFT_STEP_NONE;
    }
    assert(lane->step == RAFT_STEP_PROBE_SYNC_DIR);
    if (!ok) {
        /* The sync's own failure, hence no fault point here. */
        *out_status = RAFT_IO;
    }
    return RAFT_STEP_NONE;
}
