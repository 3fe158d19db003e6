/* A store on the files of storage_double.h, and what tests do with it. One test, one store: each
 * test program has its own. */
#ifndef TESTS_STORAGE_FIXTURE_H
#define TESTS_STORAGE_FIXTURE_H

#include "storage_double.h"

#include <raft/storage.h>

#include <stdio.h>

#define MARKER      "store"
#define SEGMENT_1   "log-0000000000000001"
#define IDS_1       "ids-0000000000000001"
#define ID_SIZE     56u
#define ID_MARK     7u  /* the byte of an identity that says: its record is being rewritten */
#define HEADER_SIZE 32u /* of both files of a segment */
#define RECORD_SIZE 56u /* of an entry with a payload of 1 to 8 bytes */
#define COPY_B      4096u
#define CHUNK       50u /* bytes of a piece of a snapshot */

struct fixture {
    struct storage_double disk;
    struct raft_options options;
    struct raft_storage *storage;
    struct raft_log log;
    struct raft_stored stored; /* as it was loaded */
    struct raft_hard_state state;
};

static struct fixture f;

static inline void setup(void)
{
    double_init(&f.disk);
    machine_reset();
    raft_options_init(&f.options);
    f.options.batch_entries_max = 4;
    f.options.batch_size_max = 64;
    f.options.payload_size_max = 64;
    f.options.segment_size_max = 100000;
    f.options.snapshot_chunk_size = CHUNK;
    raft_log_init(&f.log, &f.disk.memory.memory);
}

/* What new stores are bootstrapped with. */
static const struct raft_configuration founders = {
    .members = {{1, RAFT_MEMBER_VOTER, 0}, {2, RAFT_MEMBER_VOTER, 0}, {3, RAFT_MEMBER_VOTER, 7}},
    .count = 3,
};

static inline void create(void)
{
    ck_assert_int_eq(raft_storage_create(&f.options, &f.disk.env, &f.storage), RAFT_OK);
}

static inline enum raft_status load_store(void)
{
    f.stored.state = (struct raft_hard_state){0};
    enum raft_status status = raft_storage_load(f.storage, &f.log, &f.stored);
    f.state = f.stored.state;
    return status;
}

static inline enum raft_status load(void)
{
    create();
    return load_store();
}

/* The process dies where it stands; what it owned is given back so that leaks show. */
static inline void die(void)
{
    raft_storage_abandon(f.storage);
    bool closed = false;
    struct raft_storage_done done;
    f.disk.armed = false;
    f.disk.refuse_at = 0;
    while (f.disk.pending_count > 0) {
        struct raft_io *io = f.disk.pending[--f.disk.pending_count];
        f.disk.refuse_at = f.disk.submissions + 1;
        if (raft_storage_io_done(f.storage, io, &done)) {
            raft_storage_done_release(&f.disk.memory.memory, &done);
        }
        raft_storage_abandon(f.storage);
    }
    f.disk.refuse_at = 0;
    while (!closed) {
        ck_assert_int_eq(raft_storage_close(f.storage, &closed), RAFT_OK);
        while (f.disk.pending_count > 0) {
            raft_storage_io_done(f.storage, f.disk.pending[--f.disk.pending_count], &done);
        }
    }
    ck_assert_uint_eq(raft_storage_files_open(f.storage), 0);
    ck_assert_uint_eq(raft_storage_entries_held(f.storage), 0);
    ck_assert(!machine.is_frozen && !machine.is_coming);
    raft_storage_destroy(f.storage);
    f.storage = NULL;
    raft_log_close(&f.log);
    ck_assert_uint_eq(double_handles_open(&f.disk), 0);
    ck_assert_int_eq(f.disk.memory.live, 0);
}

static inline void start_new(void)
{
    setup();
    create();
    ck_assert_int_eq(raft_storage_bootstrap(f.storage, &founders), RAFT_OK);
    ck_assert_int_eq(load_store(), RAFT_OK);
}

/* A new process, after the end of the one before. */
static inline enum raft_status start_again(void)
{
    double_reboot(&f.disk);
    machine_reset();
    return load();
}

/* One that dies after some operations. Returns whether it has started before that. */
static inline bool start_until(uint64_t operations)
{
    double_reboot(&f.disk);
    machine_reset();
    f.disk.stop_after = operations;
    enum raft_status status = load();
    ck_assert(status == RAFT_OK || status == RAFT_IO);
    return status == RAFT_OK;
}

static inline void restart(void)
{
    die();
    ck_assert_int_eq(start_again(), RAFT_OK);
}

/* Answers the operation at a position of the queue, in which they are in the order of submission.
 * Returns whether a job has ended. */
static inline bool answer(size_t position, struct raft_storage_done *done)
{
    struct raft_io *io = f.disk.pending[position];
    f.disk.pending_count--;
    for (size_t i = position; i < f.disk.pending_count; i++) {
        f.disk.pending[i] = f.disk.pending[i + 1];
    }
    return raft_storage_io_done(f.storage, io, done);
}

/* Answers operations until a job has ended; retries what was refused. */
static inline struct raft_storage_done pump(void)
{
    struct raft_storage_done done = {.job = RAFT_JOB_NONE};
    bool ended = false;
    while (!ended) {
        if (f.disk.pending_count == 0) {
            ck_assert(raft_storage_stalled(f.storage));
            ck_assert(!raft_storage_retry(f.storage));
        }
        ck_assert(raft_storage_in_flight(f.storage));
        ended = raft_storage_io_done(f.storage, f.disk.pending[--f.disk.pending_count], &done);
    }
    ck_assert_uint_eq(raft_storage_entries_held(f.storage), 0);
    return done;
}

static inline enum raft_status save(raft_term term, raft_node_id vote)
{
    struct raft_hard_state state = {
        .term = term, .vote = vote, .losses = f.state.losses, .sequence = f.state.sequence + 1};
    enum raft_status status = raft_storage_save_state(f.storage, &state);
    if (status != RAFT_OK) {
        return status;
    }
    f.state = state;
    struct raft_storage_done done = pump();
    ck_assert_int_eq(done.job, RAFT_JOB_STATE);
    ck_assert_uint_eq(done.sequence, state.sequence);
    return done.status;
}

/* Entries in the log alone, each with a payload that names its index and term. */
static inline void propose(raft_term term, unsigned count)
{
    if (term > f.state.term) {
        ck_assert_int_eq(save(term, 0), RAFT_OK);
    }
    ck_assert_int_eq(raft_log_reserve(&f.log, count), RAFT_OK);
    for (unsigned i = 0; i < count; i++) {
        raft_index index = raft_log_last_index(&f.log) + 1;
        char payload[] = {(char)('a' + index), (char)('0' + term), 0};
        struct raft_entry *entry = core_entry(&f.disk.memory, term, index, payload);
        raft_log_append(&f.log, entry);
        raft_entry_drop(entry, RAFT_HOLDER_MESSAGE);
    }
}

static inline enum raft_status begin_append(void)
{
    raft_index first = f.log.stored.index + 1;
    struct raft_entry_id last = raft_log_last(&f.log);
    enum raft_status status = raft_storage_append(f.storage, &f.log, first, last, f.log.generation);
    if (status == RAFT_OK) {
        raft_log_stored(&f.log, last);
    }
    return status;
}

static inline struct raft_storage_done append_done(void)
{
    struct raft_storage_done done = pump();
    ck_assert_int_eq(done.job, RAFT_JOB_APPEND);
    if (done.status == RAFT_OK) {
        raft_log_persisted(&f.log, done.id, done.generation);
    } else {
        raft_log_unstored(&f.log);
    }
    return done;
}

static inline enum raft_status append(raft_term term, unsigned count)
{
    propose(term, count);
    enum raft_status status = begin_append();
    return status == RAFT_OK ? append_done().status : status;
}

static inline enum raft_status cut(raft_index keep_last)
{
    raft_log_truncate(&f.log, keep_last);
    raft_log_truncation_taken(&f.log);
    enum raft_status status = raft_storage_truncate(f.storage, keep_last, f.log.generation);
    return status == RAFT_OK ? pump().status : status;
}

/* ---- snapshots ---- */

#define SNAPSHOT_FRAME 176u /* bytes of a snapshot beside the state: 168 ahead of it, 8 behind */

static inline struct raft_snapshot snapshot_at(raft_term term, raft_index index)
{
    struct raft_snapshot snapshot = {.id = {term, index}, .configuration_index = index};
    snapshot.configuration.count = 2;
    snapshot.configuration.members[0] = (struct raft_member){4, RAFT_MEMBER_VOTER, 1};
    snapshot.configuration.members[1] = (struct raft_member){5, RAFT_MEMBER_LEARNER, 0};
    return snapshot;
}

static inline struct raft_storage_done snapshot_done(enum raft_job job)
{
    struct raft_storage_done done = pump();
    ck_assert_int_eq(done.job, job);
    return done;
}

static inline enum raft_status save_snapshot(raft_term term, raft_index index)
{
    struct raft_snapshot snapshot = snapshot_at(term, index);
    enum raft_status status = raft_storage_save(f.storage, &snapshot);
    return status == RAFT_OK ? snapshot_done(RAFT_JOB_SAVE).status : status;
}

static inline enum raft_status begin_receive(struct raft_entry_id id, const uint8_t *bytes,
                                             uint64_t total, uint64_t offset, uint32_t size)
{
    uint8_t *piece = core_memory_alloc(&f.disk.memory, RAFT_AT_MESSAGE_DECODE_ARRAY, size);
    ck_assert_ptr_nonnull(piece);
    memcpy(piece, bytes + offset, size);
    enum raft_status status = raft_storage_receive(f.storage, id, offset, total, piece, size);
    if (status != RAFT_OK) {
        core_memory_free(&f.disk.memory, piece);
    }
    return status;
}

/* Receives bytes in pieces, until the last one or one that fails. */
static inline enum raft_status receive(struct raft_entry_id id, const uint8_t *bytes,
                                       uint64_t total, uint32_t piece)
{
    for (uint64_t offset = 0; offset < total;) {
        uint32_t size = total - offset < piece ? (uint32_t)(total - offset) : piece;
        enum raft_status status = begin_receive(id, bytes, total, offset, size);
        if (status != RAFT_OK) {
            return status;
        }
        struct raft_storage_done done = snapshot_done(RAFT_JOB_RECEIVE);
        if (done.status != RAFT_OK) {
            ck_assert_uint_eq(done.offset, 0);
            return done.status;
        }
        offset += size;
        ck_assert_uint_eq(done.offset, offset);
        ck_assert_uint_eq(done.snapshot.id.index, offset == total ? id.index : 0);
    }
    return RAFT_OK;
}

/* Both may be asked again, when they were refused. */

static inline enum raft_status compact(raft_term term, raft_index index)
{
    struct raft_entry_id id = {term, index};
    if (f.log.base.index < index) {
        raft_log_compact(&f.log, id);
    }
    enum raft_status status = raft_storage_compact(f.storage, id);
    return status == RAFT_OK ? snapshot_done(RAFT_JOB_COMPACT).status : status;
}

static inline enum raft_status reset(raft_term term, raft_index index)
{
    struct raft_entry_id id = {term, index};
    if (f.log.base.index < index) {
        raft_log_reset(&f.log, id);
        raft_log_reset_taken(&f.log);
    }
    enum raft_status status = raft_storage_reset(f.storage, id, f.log.generation);
    return status == RAFT_OK ? snapshot_done(RAFT_JOB_RESET).status : status;
}

static inline struct raft_storage_done fetch(raft_index index, uint64_t offset)
{
    struct raft_storage_done done = {.job = RAFT_JOB_NONE};
    done.status = raft_storage_fetch(f.storage, (struct raft_entry_id){1, index}, offset, false);
    return done.status == RAFT_OK ? snapshot_done(RAFT_JOB_FETCH) : done;
}

static inline enum raft_status restore(void)
{
    enum raft_status status = raft_storage_restore(f.storage);
    return status == RAFT_OK ? snapshot_done(RAFT_JOB_RESTORE).status : status;
}

/* The bytes of a snapshot as a leader has them, whose state is that of machine_set(size, which). */
static inline size_t leader_bytes(struct raft_entry_id id, size_t size, unsigned which,
                                  uint8_t *bytes)
{
    struct fixture *own = malloc(sizeof *own);
    struct machine_double *own_machine = malloc(sizeof *own_machine);
    ck_assert(own != NULL && own_machine != NULL);
    *own = f;
    *own_machine = machine;
    setup();
    create();
    ck_assert_int_eq(raft_storage_bootstrap(f.storage, &founders), RAFT_OK);
    ck_assert_int_eq(load_store(), RAFT_OK);
    machine_set(size, which);
    ck_assert_int_eq(save_snapshot(id.term, id.index), RAFT_OK);
    char name[RAFT_FILE_NAME_MAX];
    snprintf(name, sizeof name, "snapshot-%016x", (unsigned)id.index);
    const struct double_file *file = double_find(&f.disk, name);
    ck_assert_ptr_nonnull(file);
    size_t total = file->size;
    memcpy(bytes, file->bytes, total);
    die();
    f = *own;
    machine = *own_machine;
    free(own);
    free(own_machine);
    return total;
}

/* ---- segments ---- */

/* A crash came before the identities were written, but for the first count of a file. */
static inline void forget_ids(const char *name, size_t count)
{
    struct double_file *file = double_find(&f.disk, name);
    size_t size = HEADER_SIZE + count * ID_SIZE;
    ck_assert(file != NULL && file->size >= size);
    memset(file->bytes + size, 0, file->size - size);
    file->size = size;
}

static inline void remove_segment(unsigned first)
{
    char name[RAFT_FILE_NAME_MAX];
    snprintf(name, sizeof name, "log-%016x", first);
    double_find(&f.disk, name)->exists = false;
    snprintf(name, sizeof name, "ids-%016x", first);
    double_find(&f.disk, name)->exists = false;
}

static inline void assert_log(raft_index last)
{
    ck_assert_uint_eq(raft_log_last_index(&f.log), last);
    ck_assert_uint_eq(f.log.durable.index, last);
    for (raft_index index = f.log.base.index + 1; index <= last; index++) {
        const struct raft_entry *entry = raft_log_peek(&f.log, index);
        ck_assert_uint_eq(entry->size, 2);
        ck_assert_int_eq(entry->payload[0], (int)('a' + index));
        ck_assert_int_eq(entry->payload[1], (int)('0' + entry->id.term));
    }
}

/* Three segments: entries 1-2, 3-4, 5. The term may grow to 3 without another write. */
static inline void start_rolled(void)
{
    setup();
    f.options.segment_size_max = HEADER_SIZE + 2 * RECORD_SIZE;
    create();
    ck_assert_int_eq(raft_storage_bootstrap(f.storage, &founders), RAFT_OK);
    ck_assert_int_eq(load_store(), RAFT_OK);
    ck_assert_int_eq(save(3, 0), RAFT_OK);
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(append(1, 1), RAFT_OK);
    }
    ck_assert_ptr_nonnull(double_find(&f.disk, "log-0000000000000003"));
    ck_assert_ptr_nonnull(double_find(&f.disk, "log-0000000000000005"));
    ck_assert_uint_eq(raft_storage_files_open(f.storage), 3);
}

/* The same, and a snapshot at 2 with a state of 120 bytes. */
static inline void start_with_snapshot(void)
{
    start_rolled();
    machine_set(120, 2);
    ck_assert_int_eq(save_snapshot(1, 2), RAFT_OK);
}

#endif
