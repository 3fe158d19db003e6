/* The LOAD job: entries that have left memory, read back from the segment that has them.
 *
 *   open -> read the records -> close -> each one checked and made an entry -> done
 *     |          | error, short
 *     '----------+-> (close) -> RAFT_CORRUPT, first
 *
 *  1. It has a handle of its own, and knows from its beginning where the records stand: the jobs of
 *     the log lane may append to the segment, cut it behind them or unlink it meanwhile. A segment
 *     that is unlinked before it was opened is not found; whoever asked knows that it was
 *     compacted.
 *  2. All of the records are whole and are those of [first, first + count), or none is given
 *     over: a record tells its segment, its offset and its index, so that one from another place
 *     does not pass.
 *  3. Reading harms nothing: no failure of it makes the store one that cannot be trusted.
 *  4. The entries are made when the job ends, so that nobody holds them in between. */
#include "storage_internal.h"

#include <assert.h>

void raft_load_release(struct raft_storage *storage)
{
    const struct raft_memory *memory = storage->memory;
    struct raft_cold *cold = &storage->cold;
    assert(cold->taken == 0 || cold->entries != NULL);
    while (cold->taken > 0) {
        cold->taken--;
        raft_entry_drop(cold->entries[cold->taken], RAFT_HOLDER_LOADING);
    }
    memory->free(memory->ctx, cold->entries);
    memory->free(memory->ctx, cold->bytes);
    cold->entries = NULL;
    cold->bytes = NULL;
}

/* Says what is read: as many of [first, last] as are in one segment and within a batch. */
static void plan(struct raft_storage *storage, raft_index first, raft_index last)
{
    struct raft_cold *cold = &storage->cold;
    size_t position = raft_storage_position(storage, first);
    const struct raft_segment *segment = &storage->segments[position];
    bool is_in_last = position == storage->segment_count - 1;
    raft_index end = is_in_last ? raft_storage_last(storage) + 1 : segment[1].first;
    *cold = (struct raft_cold){.segment_first = segment->first,
                               .first = first,
                               .offset = raft_storage_offset(storage, first)};
    size_t payload = 0;
    for (raft_index index = first; index <= last && index < end; index++) {
        uint64_t next = index + 1 < end ? raft_storage_offset(storage, index + 1) : segment->size;
        size_t span = (size_t)(next - cold->offset) - cold->size;
        payload += span - RAFT_RECORD_HEADER_SIZE;
        if (cold->count == storage->batch_entries_max ||
            (cold->count > 0 && payload > storage->batch_size_max)) {
            break;
        }
        cold->size += span;
        cold->count++;
    }
    assert(cold->count > 0);
}

enum raft_status raft_storage_read(struct raft_storage *storage, raft_index first, raft_index last)
{
    const struct raft_memory *memory = storage->memory;
    struct raft_cold *cold = &storage->cold;
    assert(storage->load_lane.job == RAFT_JOB_NONE && cold->bytes == NULL);
    assert(first > storage->offset_base && first <= last && last <= raft_storage_last(storage));
    plan(storage, first, last);
    enum raft_status status = RAFT_NOMEM;
    cold->bytes = memory->alloc(memory->ctx, RAFT_AT_COLD_LOAD_BUFFER, cold->size);
    if (cold->bytes == NULL) {
        goto out;
    }
    cold->entries =
        memory->alloc(memory->ctx, RAFT_AT_COLD_LOAD_ARRAY, cold->count * sizeof cold->entries[0]);
    if (cold->entries == NULL) {
        goto out;
    }
    status = raft_lane_start(storage, &storage->load_lane, RAFT_JOB_LOAD, RAFT_STEP_LOAD_OPEN);
out:
    if (status != RAFT_OK) {
        raft_load_release(storage);
    }
    return status;
}

void raft_load_prepare(struct raft_storage *storage, enum raft_step_id step, struct raft_io *io)
{
    const struct raft_cold *cold = &storage->cold;
    assert(step >= RAFT_STEP_LOAD_OPEN && step <= RAFT_STEP_LOAD_CLOSE);
    if (step == RAFT_STEP_LOAD_OPEN) {
        raft_segment_name(RAFT_PART_LOG, cold->segment_first, io->name);
        return;
    }
    assert(cold->file != 0);
    io->file = cold->file;
    if (step == RAFT_STEP_LOAD_READ) {
        io->offset = cold->offset;
        io->size = cold->size;
        io->bytes = cold->bytes;
    }
}

static void fail(struct raft_cold *cold, enum raft_status status, raft_index index)
{
    /* The operation's, the allocation's or the check's own failure, hence no fault point here. */
    cold->result = status;
    cold->bad = index;
}

static bool is_entry(const struct raft_record *record, raft_index index)
{
    return record->is_whole && record->id.index == index && record->kind > 0 &&
           record->kind < RAFT_ENTRY_KIND_COUNT &&
           raft_entry_payload_is_good(record->kind, record->payload, record->size);
}

/* Makes entries of the records, up to the first that is not one. */
static void take_entries(struct raft_storage *storage)
{
    struct raft_cold *cold = &storage->cold;
    size_t at = 0;
    while (cold->taken < cold->count && cold->result == RAFT_OK) {
        raft_index index = cold->first + cold->taken;
        struct raft_record record;
        bool is_good = raft_record_check(cold->bytes + at, cold->size - at, cold->segment_first,
                                         cold->offset + at, &record) &&
                       is_entry(&record, index);
        if (raft_exit_taken(storage->memory, RAFT_AT_COLD_LOAD_CORRUPT, !is_good)) {
            fail(cold, RAFT_CORRUPT, index);
            break;
        }
        struct raft_entry *entry = NULL;
        enum raft_status status =
            raft_record_entry(storage->memory, RAFT_AT_COLD_LOAD_ENTRY, &record, &entry);
        if (status != RAFT_OK) {
            fail(cold, status, 0);
            break;
        }
        cold->entries[cold->taken++] = entry;
        at += record.span;
    }
}

enum raft_step_id raft_load_next(struct raft_storage *storage, enum raft_status *out_status)
{
    struct raft_cold *cold = &storage->cold;
    const struct raft_lane *lane = &storage->load_lane;
    enum raft_step_id step = RAFT_STEP_NONE;
    if (lane->step == RAFT_STEP_LOAD_OPEN) {
        if (lane->io.status == RAFT_OK) {
            cold->file = lane->io.file;
            step = RAFT_STEP_LOAD_READ;
        } else {
            fail(cold, RAFT_CORRUPT, cold->first);
        }
    } else if (lane->step == RAFT_STEP_LOAD_READ) {
        if (lane->io.status != RAFT_OK || lane->io.done != lane->io.size) {
            fail(cold, RAFT_CORRUPT, cold->first);
        }
        step = RAFT_STEP_LOAD_CLOSE;
    } else {
        /* An error is no concern: the file has only been read. */
        assert(lane->step == RAFT_STEP_LOAD_CLOSE);
        cold->file = 0;
        take_entries(storage);
    }
    *out_status = cold->result;
    return step;
}

void raft_load_report(struct raft_storage *storage, struct raft_storage_done *done)
{
    struct raft_cold *cold = &storage->cold;
    done->id.index = cold->bad;
    if (done->status == RAFT_OK) {
        assert(cold->taken == cold->count);
        done->entries = cold->entries;
        done->entry_count = cold->taken;
        cold->entries = NULL;
        cold->taken = 0;
    }
}
