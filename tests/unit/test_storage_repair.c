/* A repair that does not come to its end, on the simulated disk: an operation of it, or of the
 * start before it, fails, or the power does; then something happens to the next start, too.
 *
 * The promise: an entry that a start or a repair has reported as whole stays whole, whatever the
 * cache loses later; and no entry is ever forgotten. The second half holds also on a disk that
 * damages what it writes for the second time, although it is the same. */
#include "storage_process.h"

#define LOG_3       "log-0000000000000003"
#define IDS_3       "ids-0000000000000003"
#define LAST        5u /* two entries in each segment, one in the last */
#define HEADER_SIZE 32u
#define RECORD_SIZE 56u

/* What is damaged of the segment in the middle. */
enum wound { WOUND_PAYLOAD, WOUND_HEADER, WOUND_FILE, WOUND_BOTH_COPIES, WOUNDS };

/* What happens to a process at one of its operations. */
enum blow { BLOW_POWER, BLOW_ERROR, BLOWS };

/* What the disk has of what was not synced when the power fails. The last two damage what stood
 * there before, too. */
static const struct {
    enum sim_unsynced unsynced;
    enum sim_disk_damage damage; /* of the last write, from its first byte on */
} rests[] = {
    {SIM_UNSYNCED_LOSE, SIM_DISK_PIECES},   {SIM_UNSYNCED_TORN, SIM_DISK_PIECES},
    {SIM_UNSYNCED_RANDOM, SIM_DISK_PIECES}, {SIM_UNSYNCED_CHOSEN, SIM_DISK_ZERO},
    {SIM_UNSYNCED_CHOSEN, SIM_DISK_FLIP},
};
#define RESTS (sizeof rests / sizeof rests[0])

static enum blow coming; /* to the process */
static unsigned left;    /* operations until it falls */
static bool is_hit;
static bool is_claimed[LAST + 1]; /* by index: reported as whole */
static bool is_harsh;             /* what is written again may be damaged by that */

static bool is_dead(void)
{
    return is_hit && coming == BLOW_POWER;
}

/* What happens to the next operation. */
static struct sim_disk_fault count_down(void)
{
    bool is_now = left == 1;
    left -= left > 0;
    is_hit = is_hit || is_now;
    return (struct sim_disk_fault){.status = is_now && coming == BLOW_ERROR ? RAFT_IO : RAFT_OK};
}

static enum raft_status hit_submit(void *ctx, enum raft_point point, struct raft_io *io)
{
    (void)ctx;
    (void)point;
    if (is_dead()) {
        return RAFT_BUSY;
    }
    sim_disk_submit(sim_files(), io, count_down(), 1);
    return RAFT_OK;
}

static enum raft_status hit_run(void *ctx, enum raft_point point, struct raft_io *io)
{
    (void)ctx;
    (void)point;
    if (is_dead()) {
        return RAFT_IO;
    }
    enum raft_status status = sim_disk_run(sim_files(), io, count_down());
    return is_dead() ? RAFT_IO : status;
}

static void begin_process(enum blow blow, unsigned operations)
{
    coming = blow;
    left = operations;
    is_hit = false;
    process_init();
    p.env.io_submit = hit_submit;
    p.env.io_run = hit_run;
    p.options.segment_size_max = HEADER_SIZE + 2 * RECORD_SIZE;
    process_create();
}

static void fail_power(unsigned rest)
{
    sim_files()->image = (struct sim_disk_image){.damage = rests[rest].damage};
    sim_disk_crash(sim_files(), rests[rest].unsynced);
}

/* Answers until the job has ended. False: the power has failed, or the job has. */
static bool pump(void)
{
    struct raft_storage_done done = {.job = RAFT_JOB_NONE};
    while (!is_dead() && raft_storage_in_flight(p.storage)) {
        if (raft_storage_io_done(p.storage, sim_next(), &done)) {
            ck_assert(done.status == RAFT_OK || (is_hit && done.status == RAFT_IO));
        }
    }
    return !is_dead() && done.status == RAFT_OK;
}

static void append_all(void)
{
    struct raft_hard_state state = {.term = 1, .vote = 1, .sequence = p.stored.state.sequence + 1};
    ck_assert_int_eq(raft_storage_save_state(p.storage, &state), RAFT_OK);
    ck_assert(pump());
    for (raft_index index = 1; index <= LAST; index++) {
        ck_assert_int_eq(raft_log_reserve(&p.log, 1), RAFT_OK);
        raft_log_append(&p.log, process_entry(1, index));
        struct raft_entry_id last = raft_log_last(&p.log);
        ck_assert_int_eq(raft_storage_append(p.storage, &p.log, index, last, p.log.generation),
                         RAFT_OK);
        raft_log_stored(&p.log, last);
        ck_assert(pump());
        raft_log_persisted(&p.log, last, p.log.generation);
        is_claimed[index] = true;
    }
}

/* Every entry is there, and what was reported as whole is; and so is from now on what is now. */
static void look(void)
{
    ck_assert_uint_eq(raft_log_last_index(&p.log), LAST);
    ck_assert_uint_eq(p.stored.state.losses, 0);
    for (raft_index index = 1; index <= LAST; index++) {
        const struct raft_entry *entry = raft_log_peek(&p.log, index);
        assert_quietly(entry->id.term == 1 && entry->size == 4);
        if (entry->damaged && is_claimed[index] && !is_harsh) {
            ck_abort_msg("entry %u", (unsigned)index);
        }
        assert_quietly(entry->damaged || entry->payload[3] == index);
        is_claimed[index] = !entry->damaged;
    }
}

static bool start(void)
{
    enum raft_status status = raft_storage_load(p.storage, &p.log, &p.stored);
    ck_assert(status == RAFT_OK || (is_hit && status == RAFT_IO));
    if (status == RAFT_OK) {
        look();
    }
    return status == RAFT_OK;
}

static bool start_and_repair(void)
{
    bool goes_on = start();
    for (raft_index index = 1; goes_on && index <= LAST; index++) {
        if (raft_log_peek(&p.log, index)->damaged) {
            enum raft_status status = raft_storage_repair(p.storage, process_entry(1, index));
            goes_on = status == RAFT_OK && pump();
            is_claimed[index] = goes_on;
        }
    }
    return goes_on && !is_hit;
}

/* Turns a byte of a file. */
static void turn(const char *name, size_t offset)
{
    static uint8_t bytes[DRIVER_FILE_MAX];
    size_t size = sim_read(name, bytes);
    bytes[offset] ^= 0x40;
    sim_write(name, bytes, size);
}

static void hurt(enum wound wound)
{
    is_claimed[3] = false;
    if (wound == WOUND_FILE) {
        sim_remove(LOG_3);
        is_claimed[4] = false;
        return;
    }
    turn(LOG_3, HEADER_SIZE + (wound == WOUND_HEADER ? 9 : 48));
    if (wound == WOUND_BOTH_COPIES) {
        turn(IDS_3, HEADER_SIZE + 9);
    }
}

/* Two processes are hit, each at one operation; the third mends all. Returns whether the first one
 * came to its end before that. */
static bool hit_at(unsigned operation, enum wound wound, enum blow blow, unsigned rest)
{
    static uint8_t files[4][DRIVER_FILE_MAX];
    is_harsh = rests[rest].unsynced == SIM_UNSYNCED_CHOSEN;
    sim_begin();
    begin_process(BLOW_POWER, 0);
    ck_assert_int_eq(raft_storage_bootstrap(p.storage, &founder), RAFT_OK);
    ck_assert_int_eq(raft_storage_load(p.storage, &p.log, &p.stored), RAFT_OK);
    append_all();
    sim_reboot();
    size_t log_size = sim_read(LOG_3, files[0]);
    size_t ids_size = sim_read(IDS_3, files[1]);
    hurt(wound);

    begin_process(blow, operation);
    bool finished = start_and_repair();
    blow == BLOW_POWER ? fail_power(rest) : sim_reboot();
    begin_process(operation % 2 == 0 ? BLOW_POWER : BLOW_ERROR, 1 + operation * 7 % LOADS_BELOW);
    start();
    operation % 4 < 2 ? fail_power(rest) : sim_reboot();
    begin_process(BLOW_POWER, 0);
    ck_assert(start());
    fail_power(rest);
    begin_process(BLOW_POWER, 0);
    ck_assert(start_and_repair());
    fail_power(0);
    begin_process(BLOW_POWER, 0);
    ck_assert(start());
    for (raft_index index = 1; index <= LAST; index++) {
        ck_assert(is_claimed[index]);
    }
    ck_assert_uint_eq(sim_read(LOG_3, files[2]), log_size);
    ck_assert_uint_eq(sim_read(IDS_3, files[3]), ids_size);
    ck_assert_mem_eq(files[2], files[0], log_size);
    ck_assert_mem_eq(files[3], files[1], ids_size);
    sim_end();
    return finished;
}

START_TEST(what_was_reported_as_whole_stays_whole)
{
    enum wound wound = (enum wound)(_i % WOUNDS);
    enum blow blow = (enum blow)(_i / WOUNDS % BLOWS);
    unsigned rest = (unsigned)(_i / (WOUNDS * BLOWS));
    bool finished = false;
    unsigned operation = 1;
    for (; !finished; operation++) {
        finished = hit_at(operation, wound, blow, rest);
    }
    ck_assert_uint_gt(operation, 40);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("storage_repair");
    TCase *cases = tcase_create("storage_repair");
    tcase_add_unchecked_fixture(cases, scratch_open, scratch_close);
    tcase_add_loop_test(cases, what_was_reported_as_whole_stays_whole, 0,
                        (int)(WOUNDS * BLOWS * RESTS));
    suite_add_tcase(suite, cases);
    return unit_main(suite);
}
