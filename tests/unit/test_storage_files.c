/* The store behaves the same on the files of a POSIX system as on the simulated disk, on which
 * everything else about it is tested.
 *
 * One table of scenarios is run on each driver of files_driver.h. After each step its status, the
 * log, the hard state and every byte of every file go into a transcript; the transcripts must be
 * equal. The statuses stand in the table too, so that not all can be wrong together. */
#include "files_driver.h"
#include "machine_double.h"

#include <raft/message.h>
#include <raft/storage.h>

#define STATE_FILE  "hard-state"
#define MARKER      "store"
#define SNAPSHOT_2  "snapshot-0000000000000002"
#define SNAPSHOT_4  "snapshot-0000000000000004"
#define SEGMENT_1   "log-0000000000000001"
#define SEGMENT_3   "log-0000000000000003"
#define SEGMENT_5   "log-0000000000000005"
#define IDS_1       "ids-0000000000000001"
#define IDS_3       "ids-0000000000000003"
#define IDS_5       "ids-0000000000000005"
#define HEADER_SIZE 32 /* of both files of a segment */
#define ID_SIZE     56
#define ID_MARK     7  /* the byte of an identity that says: its record is being rewritten */
#define RECORD_SIZE 56 /* of an entry with a payload of 1 to 8 bytes */
#define COPY_B      4096
#define STEPS_MAX   24
#define CHUNK       50 /* bytes of a piece of a snapshot */

enum step_kind {
    STEP_NONE,
    STEP_BOOTSTRAP,
    STEP_LOAD,
    STEP_APPEND, /* a = term, b = count */
    STEP_CUT,    /* a = last index that is kept */
    STEP_SAVE,   /* a = term, b = vote */
    STEP_PROBE,
    STEP_SNAPSHOT, /* a = index, in term 1; b = bytes of state */
    STEP_FETCH,    /* a = index: all of it */
    STEP_RECEIVE,  /* a = index: what was fetched last, in pieces of b bytes */
    STEP_RESTORE,
    STEP_READ,    /* a = first, b = last entry */
    STEP_REPAIR,  /* a = index, in term 1 */
    STEP_COMPACT, /* a = index */
    STEP_RESET,   /* a = index */
    STEP_RESTART, /* closes in good order, then another process; nothing is loaded */
    STEP_DIE,     /* another process, without closing */
    STEP_FLIP,    /* name, a = offset of the byte whose bits are turned */
    STEP_CHOP,    /* name, a = bytes that are kept */
    STEP_EXTEND,  /* name, a = garbage bytes behind the end */
    STEP_CREATE,  /* name, a = garbage bytes in it */
    STEP_REMOVE,  /* name */
};

struct step {
    enum step_kind kind;
    unsigned a;
    unsigned b;
    const char *name;
    enum raft_status expected;
};

struct scenario {
    const char *name;
    uint32_t segment_size_max;
    struct step steps[STEPS_MAX];
};

#define LARGE   100000
#define ROLLING (HEADER_SIZE + 2 * RECORD_SIZE)
#define NEW                                                                                        \
    {.kind = STEP_BOOTSTRAP},                                                                      \
    {                                                                                              \
        .kind = STEP_LOAD                                                                          \
    }
#define RELOAD                                                                                     \
    {.kind = STEP_RESTART},                                                                        \
    {                                                                                              \
        .kind = STEP_LOAD                                                                          \
    }
#define APPEND(term, count)                                                                        \
    {                                                                                              \
        .kind = STEP_APPEND, .a = (term), .b = (count)                                             \
    }
#define STEP(step, x, ...)                                                                         \
    {                                                                                              \
        .kind = STEP_##step, .a = (x), __VA_ARGS__                                                 \
    }
#define FIVE     APPEND(1, 1), APPEND(1, 1), APPEND(1, 1), APPEND(1, 1), APPEND(1, 1)
#define AT(file) .name = (file)
#define LOAD_GIVES(status)                                                                         \
    {                                                                                              \
        .kind = STEP_LOAD, .expected = (status)                                                    \
    }

static const struct scenario scenarios[] = {
    {"bootstrap and reload", LARGE, {NEW, RELOAD}},
    {"bootstrap twice", LARGE, {STEP(BOOTSTRAP, 0), STEP(BOOTSTRAP, 0, .expected = RAFT_INVALID)}},
    {"append and reload", LARGE, {NEW, APPEND(1, 2), APPEND(3, 1), RELOAD, APPEND(3, 4), RELOAD}},
    {"append and die", LARGE, {NEW, APPEND(1, 2), STEP(DIE, 0), STEP(LOAD, 0), APPEND(2, 1)}},
    {"save and reload", LARGE, {NEW, STEP(SAVE, 3, .b = 2), STEP(SAVE, 4, .b = 1), RELOAD}},
    {"roll and reload", ROLLING, {NEW, FIVE, RELOAD, APPEND(2, 4), RELOAD}},
    {"roll and die", ROLLING, {NEW, FIVE, STEP(DIE, 0), STEP(LOAD, 0), APPEND(2, 3), RELOAD}},
    {"truncate within a segment", LARGE, {NEW, APPEND(1, 4), STEP(CUT, 2), APPEND(2, 1), RELOAD}},
    {"truncate across segments", ROLLING, {NEW, FIVE, STEP(CUT, 1), APPEND(2, 2), RELOAD}},
    {"truncate everything", ROLLING, {NEW, FIVE, STEP(CUT, 0), RELOAD, APPEND(2, 1), RELOAD}},
    {"probe", LARGE, {NEW, STEP(PROBE, 0), APPEND(1, 1), STEP(PROBE, 0), RELOAD}},
    {"a probe and a bootstrap were interrupted",
     LARGE,
     {NEW, APPEND(1, 1), STEP(RESTART, 0), STEP(CREATE, 100, AT("probe")),
      STEP(CREATE, 7, AT("hard-state.new")), STEP(CREATE, 5, AT("stranger")), STEP(LOAD, 0)}},
    {"torn tail, the file is shorter",
     LARGE,
     {NEW, APPEND(1, 2), APPEND(1, 3), STEP(RESTART, 0),
      STEP(CHOP, HEADER_SIZE + 3 * RECORD_SIZE + 20, AT(SEGMENT_1)),
      STEP(CHOP, HEADER_SIZE + 2 * ID_SIZE, AT(IDS_1)), STEP(LOAD, 0), APPEND(2, 1), RELOAD}},
    {"torn tail, garbage behind the end",
     LARGE,
     {NEW, APPEND(1, 2), STEP(RESTART, 0), STEP(EXTEND, 77, AT(SEGMENT_1)), STEP(LOAD, 0),
      APPEND(2, 1), RELOAD}},
    {"torn batch, its end is whole",
     LARGE,
     {NEW, APPEND(1, 1), APPEND(1, 3), STEP(RESTART, 0),
      STEP(FLIP, HEADER_SIZE + RECORD_SIZE + 48, AT(SEGMENT_1)),
      STEP(CHOP, HEADER_SIZE + ID_SIZE, AT(IDS_1)), STEP(LOAD, 0), APPEND(2, 2), RELOAD}},
    {"a batch was durable, its identities were not",
     LARGE,
     {NEW, APPEND(1, 2), APPEND(1, 3), STEP(RESTART, 0),
      STEP(CHOP, HEADER_SIZE + 3 * ID_SIZE + 5, AT(IDS_1)), STEP(LOAD, 0), APPEND(2, 1), RELOAD}},
    {"a roll was interrupted",
     ROLLING,
     {NEW, APPEND(1, 1), APPEND(1, 1), STEP(RESTART, 0), STEP(CREATE, 9, AT(SEGMENT_3)),
      STEP(LOAD, 0), APPEND(1, 1), RELOAD}},
    {"the payload of an acknowledged record is damaged",
     LARGE,
     {NEW, APPEND(1, 2), APPEND(1, 1), STEP(RESTART, 0),
      STEP(FLIP, HEADER_SIZE + 48, AT(SEGMENT_1)), STEP(LOAD, 0), APPEND(2, 1), RELOAD}},
    {"the header of an acknowledged record is damaged",
     LARGE,
     {NEW, APPEND(1, 2), APPEND(1, 1), STEP(RESTART, 0), STEP(FLIP, HEADER_SIZE + 9, AT(SEGMENT_1)),
      STEP(LOAD, 0), APPEND(2, 1), RELOAD}},
    {"the last record is damaged",
     LARGE,
     {NEW, APPEND(1, 2), APPEND(1, 1), STEP(RESTART, 0),
      STEP(CHOP, HEADER_SIZE + 2 * RECORD_SIZE + 3, AT(SEGMENT_1)), STEP(LOAD, 0), APPEND(2, 1),
      RELOAD}},
    {"identities are damaged",
     ROLLING,
     {NEW, FIVE, STEP(RESTART, 0), STEP(FLIP, HEADER_SIZE + 9, AT(IDS_1)),
      STEP(FLIP, HEADER_SIZE + ID_SIZE + 55, AT(IDS_3)), STEP(CHOP, HEADER_SIZE + 3, AT(IDS_5)),
      STEP(LOAD, 0), APPEND(2, 1), RELOAD}},
    {"damaged records are repaired",
     ROLLING,
     {NEW, FIVE, STEP(RESTART, 0), STEP(FLIP, HEADER_SIZE + 9, AT(SEGMENT_1)),
      STEP(FLIP, HEADER_SIZE + 48, AT(SEGMENT_3)), STEP(FLIP, HEADER_SIZE + 9, AT(IDS_3)),
      STEP(LOAD, 0), STEP(REPAIR, 1), STEP(REPAIR, 3), RELOAD, STEP(READ, 1, .b = 5)}},
    {"a repair was interrupted",
     ROLLING,
     {NEW, FIVE, STEP(RESTART, 0), STEP(FLIP, HEADER_SIZE + ID_MARK, AT(IDS_1)),
      STEP(FLIP, HEADER_SIZE + ID_SIZE + ID_MARK, AT(IDS_3)),
      STEP(FLIP, HEADER_SIZE + RECORD_SIZE + 48, AT(SEGMENT_3)), STEP(LOAD, 0), STEP(REPAIR, 4),
      RELOAD, STEP(READ, 1, .b = 5)}},
    {"headers are damaged",
     ROLLING,
     {NEW, FIVE, STEP(RESTART, 0), STEP(FLIP, 8, AT(SEGMENT_1)), STEP(FLIP, 17, AT(IDS_3)),
      STEP(FLIP, 8, AT(SEGMENT_5)), STEP(LOAD, 0), APPEND(2, 1), RELOAD}},
    {"the logs of segments are missing",
     ROLLING,
     {NEW, FIVE, STEP(RESTART, 0), STEP(REMOVE, 0, AT(SEGMENT_3)), STEP(REMOVE, 0, AT(SEGMENT_5)),
      STEP(LOAD, 0), APPEND(2, 2), RELOAD}},
    {"the identities of segments are missing",
     ROLLING,
     {NEW, FIVE, STEP(RESTART, 0), STEP(REMOVE, 0, AT(IDS_1)), STEP(REMOVE, 0, AT(IDS_5)),
      STEP(LOAD, 0), APPEND(2, 2), RELOAD}},
    {"a segment is missing",
     ROLLING,
     {NEW, FIVE, STEP(RESTART, 0), STEP(REMOVE, 0, AT(SEGMENT_3)), STEP(REMOVE, 0, AT(IDS_3)),
      STEP(LOAD, 0), APPEND(2, 1), RELOAD}},
    {"a segment before the last one is cut off",
     ROLLING,
     {NEW, FIVE, STEP(RESTART, 0), STEP(CHOP, ROLLING - 1, AT(SEGMENT_3)), STEP(LOAD, 0),
      APPEND(2, 1), RELOAD}},
    {"the last segment is torn",
     ROLLING,
     {NEW, FIVE, STEP(RESTART, 0), STEP(CHOP, HEADER_SIZE + RECORD_SIZE - 8, AT(SEGMENT_5)),
      STEP(CHOP, HEADER_SIZE, AT(IDS_5)), STEP(LOAD, 0), APPEND(2, 1), RELOAD}},
    {"the first copy of the hard state is damaged",
     LARGE,
     {NEW, STEP(SAVE, 3, .b = 2), STEP(RESTART, 0), STEP(FLIP, 9, AT(STATE_FILE)), STEP(LOAD, 0),
      STEP(SAVE, 4, .b = 1), RELOAD}},
    {"the second copy of the hard state is damaged",
     LARGE,
     {NEW, STEP(SAVE, 3, .b = 2), STEP(RESTART, 0), STEP(FLIP, COPY_B + 30, AT(STATE_FILE)),
      STEP(LOAD, 0), RELOAD}},
    {"the second copy of the hard state is cut off",
     LARGE,
     {NEW, STEP(SAVE, 3, .b = 2), STEP(RESTART, 0), STEP(CHOP, COPY_B + 5, AT(STATE_FILE)),
      STEP(LOAD, 0), RELOAD}},
    {"both copies of the hard state are damaged",
     LARGE,
     {NEW, APPEND(1, 1), STEP(RESTART, 0), STEP(FLIP, 9, AT(STATE_FILE)),
      STEP(FLIP, COPY_B + 9, AT(STATE_FILE)), LOAD_GIVES(RAFT_LOST_STORE)}},
    {"the hard state is gone",
     LARGE,
     {NEW, APPEND(1, 1), STEP(RESTART, 0), STEP(REMOVE, 0, AT(STATE_FILE)),
      LOAD_GIVES(RAFT_LOST_STORE), STEP(RESTART, 0), STEP(BOOTSTRAP, 0, .expected = RAFT_INVALID)}},
    {"an empty directory", LARGE, {LOAD_GIVES(RAFT_LOST_STORE)}},
    {"the marker is gone",
     LARGE,
     {NEW, STEP(RESTART, 0), STEP(REMOVE, 0, AT(MARKER)), LOAD_GIVES(RAFT_LOST_STORE)}},
    {"the marker is damaged",
     LARGE,
     {NEW, STEP(RESTART, 0), STEP(FLIP, 20, AT(MARKER)), LOAD_GIVES(RAFT_CORRUPT)}},
    {"save a snapshot and reload",
     ROLLING,
     {NEW, FIVE, STEP(SNAPSHOT, 2, .b = 120), RELOAD, STEP(SNAPSHOT, 4, .b = 7), APPEND(1, 2),
      RELOAD}},
    {"save a snapshot and die",
     ROLLING,
     {NEW, FIVE, STEP(SNAPSHOT, 2, .b = 120), STEP(SNAPSHOT, 4, .b = 300), STEP(DIE, 0),
      STEP(LOAD, 0), APPEND(2, 2), RELOAD}},
    {"compact and reload",
     ROLLING,
     {NEW, FIVE, STEP(SNAPSHOT, 4, .b = 0), STEP(COMPACT, 3), APPEND(1, 1), STEP(COMPACT, 4),
      APPEND(2, 2), STEP(CUT, 6), RELOAD, APPEND(3, 3), RELOAD}},
    {"compact and die",
     ROLLING,
     {NEW, FIVE, STEP(SNAPSHOT, 5, .b = 80), STEP(COMPACT, 5), STEP(DIE, 0), STEP(LOAD, 0)}},
    {"receive, restore, reset and go on",
     ROLLING,
     {NEW, FIVE, STEP(SNAPSHOT, 4, .b = 200), STEP(FETCH, 4), STEP(RESTART, 0),
      STEP(REMOVE, 0, AT(SNAPSHOT_4)), STEP(REMOVE, 0, AT(SEGMENT_5)),
      STEP(REMOVE, 0, AT(SEGMENT_3)), STEP(REMOVE, 0, AT(IDS_5)), STEP(REMOVE, 0, AT(IDS_3)),
      STEP(LOAD, 0), STEP(RECEIVE, 4, .b = 60), STEP(RESTORE, 0), STEP(RESET, 4), APPEND(1, 2),
      RELOAD}},
    {"receive and die",
     ROLLING,
     {NEW, FIVE, STEP(SNAPSHOT, 4, .b = 200), STEP(FETCH, 4), STEP(RESTART, 0),
      STEP(REMOVE, 0, AT(SNAPSHOT_4)), STEP(LOAD, 0), STEP(CUT, 1), STEP(RECEIVE, 4, .b = 376),
      STEP(DIE, 0), STEP(LOAD, 0), APPEND(1, 1), RELOAD}},
    {"receive another snapshot than the one announced",
     LARGE,
     {NEW, FIVE, STEP(SNAPSHOT, 2, .b = 10), STEP(FETCH, 2),
      STEP(RECEIVE, 4, .b = 100, .expected = RAFT_CORRUPT), RELOAD}},
    {"the newest snapshot is damaged, the log has everything",
     LARGE,
     {NEW, FIVE, STEP(SNAPSHOT, 4, .b = 90), STEP(RESTART, 0), STEP(FLIP, 170, AT(SNAPSHOT_4)),
      STEP(LOAD, 0), APPEND(1, 1), RELOAD}},
    {"the newest snapshot is damaged, the log has not",
     ROLLING,
     {NEW, FIVE, STEP(SNAPSHOT, 4, .b = 90), STEP(COMPACT, 4), STEP(RESTART, 0),
      STEP(CHOP, 100, AT(SNAPSHOT_4)), STEP(LOAD, 0), APPEND(2, 1), RELOAD}},
    {"a damaged snapshot under an old name, and what was being written",
     LARGE,
     {NEW, FIVE, STEP(SNAPSHOT, 4, .b = 90), STEP(RESTART, 0), STEP(CREATE, 30, AT(SNAPSHOT_2)),
      STEP(CREATE, 300, AT("snapshot.new")), STEP(CREATE, 1, AT("snapshot.part")),
      STEP(CREATE, 1, AT("store.new")), STEP(LOAD, 0)}},
    {"the log ends before the snapshot",
     ROLLING,
     {NEW, FIVE, STEP(SNAPSHOT, 4, .b = 90), STEP(CUT, 2), STEP(DIE, 0), STEP(LOAD, 0),
      APPEND(2, 2), RELOAD}},
    {"a snapshot cannot be read",
     LARGE,
     {NEW, FIVE, STEP(SNAPSHOT, 4, .b = 90), STEP(FLIP, 180, AT(SNAPSHOT_4)),
      STEP(RESTORE, 0, .expected = RAFT_CORRUPT), STEP(FETCH, 4, .expected = RAFT_CORRUPT),
      STEP(SNAPSHOT, 4, .b = 90), STEP(FETCH, 4), RELOAD}},
    {"entries are read back",
     ROLLING,
     {NEW, FIVE, STEP(READ, 1, .b = 5), STEP(READ, 2, .b = 2), STEP(READ, 3, .b = 4),
      STEP(READ, 5, .b = 5), STEP(CUT, 3), APPEND(2, 3), STEP(READ, 3, .b = 6),
      STEP(READ, 4, .b = 6), RELOAD, STEP(READ, 4, .b = 6)}},
    {"an entry cannot be read back",
     ROLLING,
     {NEW, FIVE, STEP(FLIP, HEADER_SIZE + RECORD_SIZE + 48, AT(SEGMENT_1)), STEP(READ, 1, .b = 1),
      STEP(READ, 1, .b = 2, .expected = RAFT_CORRUPT), STEP(CHOP, ROLLING - 1, AT(SEGMENT_3)),
      STEP(READ, 3, .b = 3), STEP(READ, 3, .b = 4, .expected = RAFT_CORRUPT),
      STEP(REMOVE, 0, AT(SEGMENT_3)), STEP(READ, 3, .b = 3, .expected = RAFT_CORRUPT)}},
    {"what is behind a compacted front is read back",
     ROLLING,
     {NEW, FIVE, STEP(SNAPSHOT, 2, .b = 10), STEP(COMPACT, 2), STEP(READ, 3, .b = 4)}},
};

/* ---- one process ---- */

static struct {
    const struct files_driver *driver;
    struct core_memory memory;
    struct raft_env env;
    struct raft_options options;
    struct raft_storage *storage;
    struct raft_log log;
    struct raft_stored stored;
    struct raft_hard_state state;
    uint8_t fetched[DRIVER_FILE_MAX];
    uint64_t fetched_size;
    /* Of processes that died, one a driver: nothing gives it back. */
    struct raft_storage *dead_storages[FILES_DRIVERS];
    struct raft_log dead_logs[FILES_DRIVERS];
    unsigned dead_count;
    FILE *transcript;
} p;

static void start_process(void)
{
    core_memory_init(&p.memory);
    p.env.memory = &p.memory.memory;
    p.env.io_submit = p.driver->submit;
    p.env.io_run = p.driver->run;
    p.env.list = p.driver->list;
    machine_reset();
    machine_install(&p.env);
    p.state = (struct raft_hard_state){0};
    p.stored = (struct raft_stored){.snapshot = {.id = {0, 0}}};
    raft_log_init(&p.log, &p.memory.memory);
    ck_assert_int_eq(raft_storage_create(&p.options, &p.env, &p.storage), RAFT_OK);
}

static struct raft_storage_done answer(enum raft_job job)
{
    struct raft_storage_done done = {.job = RAFT_JOB_NONE};
    while (!raft_storage_io_done(p.storage, p.driver->next(), &done)) {
        ck_assert(raft_storage_in_flight(p.storage));
    }
    ck_assert_int_eq(done.job, job);
    return done;
}

static enum raft_status pump(enum raft_job job)
{
    struct raft_storage_done done = answer(job);
    if (job == RAFT_JOB_APPEND && done.status == RAFT_OK) {
        raft_log_persisted(&p.log, done.id, done.generation);
    }
    return done.status;
}

/* The handles are the process's own and go with it; the store's memory is given back so that leaks
 * show. */
static void end_process(void)
{
    bool is_closed = false;
    while (!is_closed) {
        ck_assert_int_eq(raft_storage_close(p.storage, &is_closed), RAFT_OK);
        if (!is_closed) {
            ck_assert_int_eq(pump(RAFT_JOB_CLOSE), RAFT_OK);
        }
    }
    raft_storage_destroy(p.storage);
    raft_log_close(&p.log);
    ck_assert_int_eq(p.memory.live, 0);
}

static enum raft_status save(raft_term term, raft_node_id vote)
{
    p.state = (struct raft_hard_state){
        .term = term, .vote = vote, .losses = p.state.losses, .sequence = p.state.sequence + 1};
    ck_assert_int_eq(raft_storage_save_state(p.storage, &p.state), RAFT_OK);
    return pump(RAFT_JOB_STATE);
}

static enum raft_status append(raft_term term, unsigned count)
{
    if (term > p.state.term) {
        ck_assert_int_eq(save(term, 0), RAFT_OK);
    }
    ck_assert_int_eq(raft_log_reserve(&p.log, count), RAFT_OK);
    for (unsigned i = 0; i < count; i++) {
        raft_index index = raft_log_last_index(&p.log) + 1;
        char payload[] = {(char)('a' + index), (char)('0' + term), 0};
        struct raft_entry *entry = core_entry(&p.memory, term, index, payload);
        raft_log_append(&p.log, entry);
        raft_entry_drop(entry, RAFT_HOLDER_MESSAGE);
    }
    raft_index first = p.log.stored.index + 1;
    struct raft_entry_id last = raft_log_last(&p.log);
    ck_assert_int_eq(raft_storage_append(p.storage, &p.log, first, last, p.log.generation),
                     RAFT_OK);
    raft_log_stored(&p.log, last);
    return pump(RAFT_JOB_APPEND);
}

static enum raft_status cut(raft_index keep_last)
{
    raft_log_truncate(&p.log, keep_last);
    raft_log_truncation_taken(&p.log);
    ck_assert_int_eq(raft_storage_truncate(p.storage, keep_last, p.log.generation), RAFT_OK);
    return pump(RAFT_JOB_TRUNCATE);
}

static enum raft_status probe(void)
{
    ck_assert_int_eq(raft_storage_probe(p.storage), RAFT_OK);
    return pump(RAFT_JOB_PROBE);
}

/* ---- snapshots ---- */

static enum raft_status snapshot(raft_index index, size_t size)
{
    struct raft_snapshot snapshot = {.id = {1, index}, .configuration_index = 1};
    snapshot.configuration.count = 1;
    snapshot.configuration.members[0] = (struct raft_member){9, RAFT_MEMBER_VOTER, 2};
    machine_set(size, (unsigned)index);
    ck_assert_int_eq(raft_storage_save(p.storage, &snapshot), RAFT_OK);
    return pump(RAFT_JOB_SAVE);
}

static enum raft_status fetch(raft_index index)
{
    struct raft_entry_id id = {1, index};
    p.fetched_size = 0;
    uint64_t total = UINT64_MAX;
    while (p.fetched_size < total) {
        ck_assert_int_eq(raft_storage_fetch(p.storage, id, p.fetched_size, false), RAFT_OK);
        struct raft_storage_done done = answer(RAFT_JOB_FETCH);
        if (done.status != RAFT_OK) {
            return done.status;
        }
        total = done.snapshot.size;
        memcpy(p.fetched + p.fetched_size, done.bytes, done.size);
        p.fetched_size += done.size;
        core_memory_free(&p.memory, done.bytes);
    }
    return RAFT_OK;
}

static enum raft_status receive(raft_index index, uint32_t piece)
{
    struct raft_entry_id id = {1, index};
    enum raft_status status = RAFT_OK;
    for (uint64_t offset = 0; offset < p.fetched_size && status == RAFT_OK; offset += piece) {
        uint64_t left = p.fetched_size - offset;
        uint32_t size = left < piece ? (uint32_t)left : piece;
        uint8_t *bytes = core_memory_alloc(&p.memory, RAFT_AT_MESSAGE_DECODE_ARRAY, size);
        memcpy(bytes, p.fetched + offset, size);
        ck_assert_int_eq(raft_storage_receive(p.storage, id, offset, p.fetched_size, bytes, size),
                         RAFT_OK);
        status = pump(RAFT_JOB_RECEIVE);
    }
    return status;
}

static enum raft_status restore(void)
{
    ck_assert_int_eq(raft_storage_restore(p.storage), RAFT_OK);
    return pump(RAFT_JOB_RESTORE);
}

static enum raft_status read_back(raft_index first, raft_index last)
{
    ck_assert_int_eq(raft_storage_read(p.storage, first, last), RAFT_OK);
    struct raft_storage_done done = answer(RAFT_JOB_LOAD);
    enum raft_status status = done.status;
    fprintf(p.transcript, "read from %llu, bad %llu:", (unsigned long long)first,
            (unsigned long long)done.id.index);
    for (uint32_t i = 0; i < done.entry_count; i++) {
        const struct raft_entry *entry = done.entries[i];
        fprintf(p.transcript, " %llu.%llu:%.*s", (unsigned long long)entry->id.term,
                (unsigned long long)entry->id.index, (int)entry->size, (char *)entry->payload);
    }
    fprintf(p.transcript, "\n");
    raft_storage_done_release(&p.memory.memory, &done);
    return status;
}

static enum raft_status repair(raft_index index)
{
    char payload[] = {(char)('a' + index), '1', 0};
    struct raft_entry *entry = core_entry(&p.memory, 1, index, payload);
    ck_assert_int_eq(raft_storage_repair(p.storage, entry), RAFT_OK);
    raft_entry_drop(entry, RAFT_HOLDER_MESSAGE);
    return pump(RAFT_JOB_REPAIR);
}

static enum raft_status compact(raft_index index)
{
    struct raft_entry_id id = {1, index};
    raft_log_compact(&p.log, id);
    ck_assert_int_eq(raft_storage_compact(p.storage, id), RAFT_OK);
    return pump(RAFT_JOB_COMPACT);
}

static enum raft_status reset(raft_index index)
{
    struct raft_entry_id id = {1, index};
    raft_log_reset(&p.log, id);
    raft_log_reset_taken(&p.log);
    ck_assert_int_eq(raft_storage_reset(p.storage, id, p.log.generation), RAFT_OK);
    return pump(RAFT_JOB_RESET);
}

/* ---- steps ---- */

static enum raft_status bootstrap(void)
{
    static const struct raft_configuration founder = {{{1, RAFT_MEMBER_VOTER, 0}}, 1};
    return raft_storage_bootstrap(p.storage, &founder);
}

static enum raft_status load(void)
{
    enum raft_status status = raft_storage_load(p.storage, &p.log, &p.stored);
    if (status == RAFT_OK) {
        p.state = p.stored.state;
    }
    return status;
}

static void edit(const struct step *step)
{
    static uint8_t bytes[DRIVER_FILE_MAX];
    size_t size = 0;
    if (step->kind != STEP_CREATE) {
        size = p.driver->read(step->name, bytes);
    }
    if (step->kind == STEP_FLIP) {
        ck_assert_uint_lt(step->a, size);
        bytes[step->a] ^= 0x40;
    } else if (step->kind == STEP_CHOP) {
        ck_assert_uint_lt(step->a, size);
        size = step->a;
    } else {
        memset(bytes + size, 'R', step->a);
        size += step->a;
    }
    p.driver->write(step->name, bytes, size);
}

static enum raft_status run_step(const struct step *step)
{
    switch (step->kind) {
    case STEP_BOOTSTRAP:
        return bootstrap();
    case STEP_LOAD:
        return load();
    case STEP_APPEND:
        return append(step->a, step->b);
    case STEP_CUT:
        return cut(step->a);
    case STEP_SAVE:
        return save(step->a, step->b);
    case STEP_PROBE:
        return probe();
    case STEP_SNAPSHOT:
        return snapshot(step->a, step->b);
    case STEP_FETCH:
        return fetch(step->a);
    case STEP_RECEIVE:
        return receive(step->a, step->b);
    case STEP_RESTORE:
        return restore();
    case STEP_READ:
        return read_back(step->a, step->b);
    case STEP_REPAIR:
        return repair(step->a);
    case STEP_COMPACT:
        return compact(step->a);
    case STEP_RESET:
        return reset(step->a);
    case STEP_RESTART:
        end_process();
        p.driver->reboot();
        start_process();
        return RAFT_OK;
    case STEP_DIE:
        ck_assert_uint_lt(p.dead_count, FILES_DRIVERS);
        p.dead_storages[p.dead_count] = p.storage;
        p.dead_logs[p.dead_count++] = p.log;
        p.driver->reboot();
        start_process();
        return RAFT_OK;
    case STEP_FLIP:
    case STEP_CHOP:
    case STEP_EXTEND:
    case STEP_CREATE:
        edit(step);
        return RAFT_OK;
    case STEP_REMOVE:
        p.driver->remove(step->name);
        return RAFT_OK;
    case STEP_NONE:
        break;
    }
    ck_abort_msg("step %d", (int)step->kind);
    return RAFT_INVALID;
}

/* ---- the transcript ---- */

static bool transcribe_file(void *visitor, const char *name)
{
    static uint8_t bytes[DRIVER_FILE_MAX];
    unsigned *count = visitor;
    size_t size = p.driver->read(name, bytes);
    fprintf(p.transcript, "  %s, %zu bytes\n   ", name, size);
    for (size_t i = 0; i < size; i++) {
        fprintf(p.transcript, " %02x%s", bytes[i], i % 32 == 31 ? "\n   " : "");
    }
    fprintf(p.transcript, "\n");
    (*count)++;
    return true;
}

static void transcribe(size_t position, enum raft_status status)
{
    unsigned files = 0;
    fprintf(p.transcript, "step %zu: %s; term %llu, vote %u, losses %u, write %llu; log:", position,
            raft_status_string(status), (unsigned long long)p.state.term, p.state.vote,
            p.state.losses, (unsigned long long)p.state.sequence);
    for (raft_index index = p.log.base.index + 1; index <= raft_log_last_index(&p.log); index++) {
        const struct raft_entry *entry = raft_log_peek(&p.log, index);
        fprintf(p.transcript, " %llu.%llu:%.*s", (unsigned long long)entry->id.term,
                (unsigned long long)entry->id.index, (int)entry->size, (char *)entry->payload);
    }
    fprintf(p.transcript, "; durable %llu; %u open\n", (unsigned long long)p.log.durable.index,
            raft_storage_files_open(p.storage));
    fprintf(p.transcript,
            "  begun at snapshot %llu of %llu bytes with %u members; machine %zu bytes,"
            " crc %08x, restored %u times at %llu\n",
            (unsigned long long)p.stored.snapshot.id.index,
            (unsigned long long)p.stored.snapshot.size, p.stored.snapshot.configuration.count,
            machine.size, raft_crc32c(0, machine.state, machine.size), machine.commits,
            (unsigned long long)machine.index);
    ck_assert_int_eq(p.env.list(NULL, RAFT_AT_STORE_LOAD_LIST, transcribe_file, &files), RAFT_OK);
    fprintf(p.transcript, "  %u files\n", files);
}

static char *transcript_of(const struct scenario *scenario, const struct files_driver *driver)
{
    char *text = NULL;
    size_t size = 0;
    p.driver = driver;
    p.transcript = open_memstream(&text, &size);
    ck_assert_ptr_nonnull(p.transcript);
    raft_options_init(&p.options);
    p.options.batch_entries_max = 4;
    p.options.batch_size_max = 64;
    p.options.payload_size_max = 64;
    p.options.segment_size_max = scenario->segment_size_max;
    p.options.snapshot_chunk_size = CHUNK;
    driver->begin();
    start_process();
    for (size_t i = 0; i < STEPS_MAX && scenario->steps[i].kind != STEP_NONE; i++) {
        enum raft_status status = run_step(&scenario->steps[i]);
        ck_assert_msg(status == scenario->steps[i].expected, "%s, step %zu: %s on %s",
                      scenario->name, i, raft_status_string(status), driver->name);
        transcribe(i, status);
    }
    end_process();
    driver->end();
    fclose(p.transcript);
    return text;
}

/* Fails with the first line that differs. The library writes a note for each assertion that it
 * passes, so there is none for each byte. */
static void compare(const struct scenario *scenario, const char *driver, const char *first,
                    const char *second)
{
    size_t line = 0;
    for (size_t i = 0; first[i] != 0 || second[i] != 0; i++) {
        if (first[i] != second[i]) {
            ck_abort_msg("%s differs on %s:\n%.200s\nagainst\n%.200s", scenario->name, driver,
                         first + line, second + line);
        }
        line = first[i] == '\n' ? i + 1 : line;
    }
}

START_TEST(the_store_is_the_same_on_all_files)
{
    const struct scenario *scenario = &scenarios[_i];
    char *expected = transcript_of(scenario, &files_drivers[0]);
    ck_assert_ptr_nonnull(strstr(expected, "step 0: "));
    for (int i = 1; i < FILES_DRIVERS; i++) {
        char *text = transcript_of(scenario, &files_drivers[i]);
        compare(scenario, files_drivers[i].name, expected, text);
        free(text);
    }
    free(expected);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("storage_files");
    TCase *cases = tcase_create("storage_files");
    tcase_add_unchecked_fixture(cases, scratch_open, scratch_close);
    tcase_add_loop_test(cases, the_store_is_the_same_on_all_files, 0,
                        (int)(sizeof scenarios / sizeof scenarios[0]));
    suite_add_tcase(suite, cases);
    return unit_main(suite);
}
