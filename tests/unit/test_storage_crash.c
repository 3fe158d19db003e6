/* The store when the power fails: on the simulated disk, which loses, keeps or tears what was not
 * synced, at every operation of one programme that uses all jobs, and again while start repairs it.
 *
 * What was acknowledged must be there: the hard state, the entries (or a snapshot that stands for
 * them) and the snapshot; and what is there must be what was written. When the newest snapshot is
 * lost besides, the log must be what it was, or begin behind what is committed. */
#include "storage_process.h"

#define PIECE 150u
#define AHEAD 12u /* where the leader's snapshot stands */

static struct raft_hard_state state; /* of the process */
static unsigned left;                /* operations until the power fails */
static bool is_dead;

/* What has been reported as durable since the beginning. */
static struct {
    bool store;
    raft_term term;
    raft_index last;
    raft_index snapshot;
} acked;

static uint8_t leader[DRIVER_FILE_MAX];
static uint64_t leader_size;

/* Whether this operation is the last one that the disk hears of. */
static void count_down(void)
{
    left -= left > 0;
    is_dead = left == 0;
}

static enum raft_status power_submit(void *ctx, enum raft_point point, struct raft_io *io)
{
    if (is_dead) {
        return RAFT_BUSY;
    }
    count_down();
    return sim_submit(ctx, point, io);
}

static enum raft_status power_run(void *ctx, enum raft_point point, struct raft_io *io)
{
    if (!is_dead) {
        count_down();
        enum raft_status status = sim_run(ctx, point, io);
        return is_dead ? RAFT_IO : status;
    }
    return RAFT_IO;
}

static void begin_process(unsigned operations)
{
    left = operations;
    is_dead = false;
    process_init();
    p.env.io_submit = power_submit;
    p.env.io_run = power_run;
    p.options.batch_entries_max = 4;
    p.options.batch_size_max = 64;
    p.options.payload_size_max = 64;
    p.options.segment_size_max = 32 + 2 * 56;
    p.options.snapshot_chunk_size = 100;
    process_create();
}

static bool start(void)
{
    bool exists = false;
    if (raft_storage_exists(p.storage, &exists) != RAFT_OK) {
        ck_assert(is_dead);
        return false;
    }
    ck_assert(exists || !acked.store);
    if (!exists && raft_storage_bootstrap(p.storage, &founder) != RAFT_OK) {
        ck_assert(is_dead);
        return false;
    }
    acked.store = true;
    enum raft_status status = raft_storage_load(p.storage, &p.log, &p.stored);
    ck_assert_msg(status == RAFT_OK || is_dead, "load: %s", raft_status_string(status));
    state = p.stored.state;
    return status == RAFT_OK;
}

/* Answers until all lanes are free, or the power has failed. */
static bool pump(void)
{
    while (!is_dead && raft_storage_in_flight(p.storage)) {
        struct raft_storage_done done;
        if (!raft_storage_io_done(p.storage, sim_next(), &done)) {
            continue;
        }
        ck_assert_int_eq(done.status, RAFT_OK);
        if (done.job == RAFT_JOB_APPEND) {
            raft_log_persisted(&p.log, done.id, done.generation);
            acked.last = done.id.index;
        } else if (done.job == RAFT_JOB_STATE) {
            acked.term = state.term;
        } else if (done.snapshot.id.index > 0) {
            acked.snapshot = done.snapshot.id.index;
        } else if (done.job == RAFT_JOB_RESET) {
            acked.last = done.id.index;
        }
    }
    return !is_dead;
}

static size_t size_at(raft_index index)
{
    return (size_t)index * 37;
}

static bool take_state(raft_term term)
{
    state = (struct raft_hard_state){.term = term, .vote = 1, .sequence = state.sequence + 1};
    return raft_storage_save_state(p.storage, &state) == RAFT_OK;
}

static bool take_entries(raft_term term, unsigned count)
{
    ck_assert_int_eq(raft_log_reserve(&p.log, count), RAFT_OK);
    for (unsigned i = 0; i < count; i++) {
        struct raft_entry *entry = process_entry(term, raft_log_last_index(&p.log) + 1);
        raft_log_append(&p.log, entry);
        raft_entry_drop(entry, RAFT_HOLDER_MESSAGE);
    }
    raft_index first = p.log.stored.index + 1;
    struct raft_entry_id last = raft_log_last(&p.log);
    if (raft_storage_append(p.storage, &p.log, first, last, p.log.generation) != RAFT_OK) {
        return false;
    }
    raft_log_stored(&p.log, last);
    return true;
}

static bool take_snapshot(raft_term term, raft_index index)
{
    struct raft_snapshot snapshot = {.id = {term, index}, .configuration = founder};
    machine_set(size_at(index), (unsigned)index);
    return raft_storage_save(p.storage, &snapshot) == RAFT_OK;
}

static bool take_pieces(void)
{
    struct raft_entry_id id = {2, AHEAD};
    for (uint64_t offset = 0; offset < leader_size; offset += PIECE) {
        uint64_t rest = leader_size - offset;
        uint32_t size = rest < PIECE ? (uint32_t)rest : PIECE;
        uint8_t *bytes = pool_alloc(NULL, RAFT_AT_MESSAGE_DECODE_ARRAY, size);
        memcpy(bytes, leader + offset, size);
        if (raft_storage_receive(p.storage, id, offset, leader_size, bytes, size) != RAFT_OK ||
            !pump()) {
            return false;
        }
    }
    return true;
}

static bool take_reset(void)
{
    struct raft_entry_id id = {2, AHEAD};
    raft_log_reset(&p.log, id);
    raft_log_reset_taken(&p.log);
    return raft_storage_reset(p.storage, id, p.log.generation) == RAFT_OK;
}

static bool take_compaction(raft_index index)
{
    struct raft_entry_id id = {1, index};
    raft_log_compact(&p.log, id);
    return raft_storage_compact(p.storage, id) == RAFT_OK;
}

/* All jobs, some side by side. False: the power has failed. */
static bool programme(void)
{
    return start() && take_state(1) && pump() && take_entries(1, 2) && pump() &&
           take_entries(1, 1) && take_snapshot(1, 2) && pump() && take_entries(1, 2) &&
           take_snapshot(1, 3) && pump() && take_compaction(3) && pump() && take_entries(1, 1) &&
           take_snapshot(1, 5) && pump() && take_compaction(5) && pump() && take_state(2) &&
           pump() && take_pieces() && take_reset() && pump() && take_entries(2, 2) && pump() &&
           take_entries(2, 1) && take_snapshot(2, AHEAD + 1) && take_state(3) && pump();
}

static void assert_all_there(void)
{
    raft_index base = p.log.base.index;
    raft_index last = raft_log_last_index(&p.log);
    ck_assert_uint_ge(state.term, acked.term);
    ck_assert_uint_ge(p.stored.snapshot.id.index, acked.snapshot);
    ck_assert_uint_eq(p.stored.snapshot.id.index, base);
    ck_assert_uint_ge(last, acked.last);
    ck_assert(raft_configuration_equal(&p.stored.snapshot.configuration, &founder));
    for (raft_index index = base + 1; index <= last; index++) {
        const struct raft_entry *entry = raft_log_peek(&p.log, index);
        ck_assert_uint_eq(entry->id.term, index > AHEAD ? 2 : 1);
        ck_assert_uint_eq(entry->size, 4);
        ck_assert_uint_eq(entry->payload[3], index);
    }
    if (base > 0) {
        assert_machine(size_at(base), (unsigned)base);
    }
}

static void make_leader(void)
{
    sim_begin();
    begin_process(UINT32_MAX);
    ck_assert(start() && take_state(2) && pump() && take_snapshot(2, AHEAD) && pump());
    leader_size = sim_read("snapshot-000000000000000c", leader);
    sim_end();
    memset(&acked, 0, sizeof acked);
}

/* The power fails at one operation, then at one of the start; the third process goes on. Returns
 * whether the programme came to its end before that. */
static bool fail_at(unsigned operation, unsigned operation_of_start, enum sim_unsynced unsynced)
{
    memset(&acked, 0, sizeof acked);
    sim_begin();
    begin_process(operation);
    bool finished = programme();
    sim_disk_crash(sim_files(), unsynced);
    begin_process(operation_of_start);
    if (start()) {
        assert_all_there();
    }
    sim_disk_crash(sim_files(), unsynced);
    begin_process(UINT32_MAX);
    ck_assert(start());
    assert_all_there();
    raft_index last = raft_log_last_index(&p.log);
    raft_term term = state.term + 1;
    ck_assert(take_state(term) && pump() && take_entries(term, 2) && pump());
    ck_assert(take_snapshot(term, last + 1) && pump());
    sim_disk_crash(sim_files(), SIM_UNSYNCED_LOSE);
    begin_process(UINT32_MAX);
    ck_assert(start());
    ck_assert_uint_eq(p.log.base.index, last + 1);
    ck_assert_uint_eq(raft_log_last_index(&p.log), last + 2);
    sim_end();
    return finished;
}

START_TEST(what_was_acknowledged_survives_a_power_failure_at_any_operation)
{
    static const enum sim_unsynced modes[] = {SIM_UNSYNCED_LOSE, SIM_UNSYNCED_KEEP,
                                              SIM_UNSYNCED_TORN, SIM_UNSYNCED_RANDOM};
    bool finished = false;
    unsigned operation = 1;
    make_leader();
    for (; !finished; operation++) {
        finished = fail_at(operation, 1 + operation * 7 % LOADS_BELOW, modes[_i]);
    }
    ck_assert_uint_gt(operation, 100);
}
END_TEST

/* ---- and then the snapshot goes ---- */

#define AGREED 4u /* other nodes have the log as far */

/* Two entries in each segment. */
static bool take_segments(raft_term term, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (!take_entries(term, 2) || !pump()) {
            return false;
        }
    }
    return true;
}

/* A snapshot in the last segment but one, and the others go. */
static bool programme_of_a_snapshot(void)
{
    return start() && take_state(1) && pump() && take_segments(1, 6) && take_snapshot(1, 9) &&
           pump() && take_compaction(9) && pump();
}

/* The log begins behind the first snapshot. What follows there, and goes on past the leader's
 * snapshot, was never committed. */
static bool programme_of_another_log(void)
{
    return start() && take_state(1) && pump() && take_segments(1, 3) && take_snapshot(1, AGREED) &&
           pump() && take_compaction(AGREED) && pump() && take_segments(1, 5) && take_state(2) &&
           pump() && take_pieces() && take_reset() && pump() && take_entries(2, 2) && pump();
}

static bool visit_newest(void *visitor, const char *name)
{
    if (strncmp(name, "snapshot-", 9) == 0) {
        snprintf(visitor, RAFT_FILE_NAME_MAX, "%s", name);
    }
    return true;
}

/* The power fails at one operation, then at one of the start, and the newest snapshot is lost.
 * Returns whether the start came to its end before that. */
static bool lose_after(bool (*run)(void), unsigned operation, unsigned operation_of_start,
                       enum sim_unsynced unsynced, bool *out_finished)
{
    memset(&acked, 0, sizeof acked);
    sim_begin();
    begin_process(operation);
    *out_finished = run();
    sim_disk_crash(sim_files(), unsynced);
    begin_process(operation_of_start);
    bool started = start();
    sim_disk_crash(sim_files(), unsynced);
    char newest[RAFT_FILE_NAME_MAX] = "";
    sim_disk_list(sim_files(), visit_newest, newest);
    ck_assert(newest[0] == 0 || sim_disk_lose(sim_files(), newest));
    begin_process(UINT32_MAX);
    ck_assert(start());
    sim_end();
    return started;
}

/* At every third operation of a start, another one each time. */
static void lose_everywhere(bool (*run)(void), enum sim_unsynced unsynced, void (*check)(void))
{
    bool finished = false;
    for (unsigned operation = 1; !finished; operation++) {
        bool started = false;
        for (unsigned of_start = 1 + operation % 3; !started; of_start += 3) {
            started = lose_after(run, operation, of_start, unsynced, &finished);
            check();
        }
    }
}

static const enum sim_unsynced losing[] = {SIM_UNSYNCED_LOSE, SIM_UNSYNCED_RANDOM};

static void assert_nothing_is_lost(void)
{
    ck_assert_uint_eq(state.losses, 0);
    ck_assert_uint_ge(raft_log_last_index(&p.log), acked.last);
}

START_TEST(a_snapshot_that_is_lost_after_a_power_failure_is_no_loss_of_entries)
{
    lose_everywhere(programme_of_a_snapshot, losing[_i], assert_nothing_is_lost);
}
END_TEST

static void assert_base_is_committed(void)
{
    const struct raft_entry_id base = p.log.base;
    ck_assert_uint_eq(base.term, base.index > AGREED ? 2 : base.index > 0);
}

START_TEST(a_snapshot_that_is_lost_after_a_power_failure_leaves_a_committed_base)
{
    make_leader();
    lose_everywhere(programme_of_another_log, losing[_i], assert_base_is_committed);
}
END_TEST

/* ---- and the process dies before ---- */

/* The process dies at one operation, and the machine lives; then the power fails at one of the next
 * start, and one piece of what was not synced is kept. Returns whether the start came to its end
 * before that. */
static bool die_and_fail_at(unsigned operation, unsigned operation_of_start, unsigned piece,
                            bool *out_finished)
{
    memset(&acked, 0, sizeof acked);
    sim_begin();
    begin_process(operation);
    *out_finished = programme();
    bool has_store = acked.last > 0; /* for good, not in the cache alone */
    sim_reboot();
    begin_process(operation_of_start);
    bool started = start() || !has_store;
    sim_files()->image = (struct sim_disk_image){.kept = UINT64_C(1) << piece};
    sim_disk_crash(sim_files(), SIM_UNSYNCED_CHOSEN);
    acked.store = has_store;
    begin_process(UINT32_MAX);
    ck_assert(start());
    sim_end();
    return started;
}

/* The name of a snapshot, for one, that the process had given it, and a mark that the start made.
 */
START_TEST(one_piece_of_what_a_process_and_the_next_start_did_is_no_loss_of_entries)
{
    bool finished = false;
    make_leader();
    for (unsigned operation = 1; !finished; operation++) {
        bool started = false;
        for (unsigned of_start = 1; !started; of_start++) {
            started = die_and_fail_at(operation, of_start, (unsigned)_i, &finished);
            assert_nothing_is_lost();
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("storage_crash");
    TCase *cases = tcase_create("storage_crash");
    tcase_add_unchecked_fixture(cases, scratch_open, scratch_close);
    tcase_add_loop_test(cases, what_was_acknowledged_survives_a_power_failure_at_any_operation, 0,
                        4);
    tcase_add_loop_test(cases, a_snapshot_that_is_lost_after_a_power_failure_is_no_loss_of_entries,
                        0, 2);
    tcase_add_loop_test(
        cases, a_snapshot_that_is_lost_after_a_power_failure_leaves_a_committed_base, 0, 2);
    tcase_add_loop_test(
        cases, one_piece_of_what_a_process_and_the_next_start_did_is_no_loss_of_entries, 0, 4);
    suite_add_tcase(suite, cases);
    return unit_main(suite);
}
