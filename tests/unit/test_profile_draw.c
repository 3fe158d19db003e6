/* What a seed draws, number by number: the ranges, the shapes and the weights of the profiles'
 * defaults stand here once more, and a few thousand draws are held against them. */
#include "unit.h"

#include <sim/world.h>

#define SEEDS    12000u
#define ENOUGH   150u /* draws of a field that say something */
#define SIGMAS   4u   /* off, for a count that is no accident */
#define OCTAVES  32u  /* at most, of a range */
#define NO_CLASS SIM_CLASS_COUNT

enum shape {
    EVENLY,   /* each value alike */
    RISES,    /* each octave alike, harsh is high */
    FALLS,    /* each octave alike, harsh is low */
    SHAPELESS /* only the bounds are known */
};

/* In which draws a field is what was drawn for it, and nothing else had a say. */
enum condition {
    ALWAYS,
    LONG_ELECTION, /* no delay has to be short for it */
    NO_DRIFT,      /* the bound is not what the clocks need */
    NO_READER,     /* nobody has to read */
    LARGE_BATCH    /* it is not what one payload needs */
};

struct row {
    const char *name;
    size_t offset;
    uint32_t class_;
    enum shape shape;
    uint64_t low, high;
    enum condition condition;
};

#define ROW(name, class_, shape, low, high)                                                        \
    {                                                                                              \
#name, offsetof(struct sim_draw, name), class_, shape, low, high, ALWAYS                   \
    }
#define BASE(name, shape, low, high) ROW(name, NO_CLASS, shape, low, high)
#define BASE_IF(name, shape, low, high, condition)                                                 \
    {                                                                                              \
#name, offsetof(struct sim_draw, name), NO_CLASS, shape, low, high, condition              \
    }
#define OF(name, class_, shape, low, high) ROW(name, SIM_CLASS_##class_, shape, low, high)

static const struct row rows[] = {
    BASE_IF(latency_us, RISES, 50, 8000, LONG_ELECTION),
    BASE_IF(jitter_us, SHAPELESS, 0, 8000, LONG_ELECTION), /* 0: links keep their order */
    BASE(read_us, RISES, 10, 500),
    BASE_IF(write_us, RISES, 10, 2000, LONG_ELECTION),
    BASE_IF(sync_us, RISES, 10, 15000, LONG_ELECTION),
    BASE(offset_ms, RISES, 1, 1000000000),
    BASE(apply_us, RISES, 10, 2000),
    BASE(retry_ms, RISES, 2, 50),
    BASE(batch, RISES, 1, 64),
    BASE(window, RISES, 1, 8),
    BASE(payload, RISES, 200, 16384),
    BASE_IF(batch_bytes, SHAPELESS, 200, 65536, LARGE_BATCH),
    BASE(segment, RISES, 512, 65536),
    BASE(snapshot, RISES, 8, 1000),
    BASE(log_memory, RISES, 100, 1000000),
    BASE(trailing, RISES, 1, 64),
    BASE(piece, RISES, 64, 65536),
    BASE(installs, EVENLY, 1, 3),
    BASE(pending, RISES, 2, 256),
    BASE(errors, EVENLY, 1, 5),
    BASE_IF(bound_ppm, RISES, 100, 100000, NO_DRIFT),
    BASE(reverts, EVENLY, 0, 1),
    BASE(quarantine, EVENLY, 0, 1),
    BASE(clients, RISES, 1, 8),
    BASE(think_ms, RISES, 1, 1000),
    BASE(keys, RISES, 1, 16),
    BASE(puts, EVENLY, 1, 4),
    BASE_IF(gets, EVENLY, 0, 4, NO_READER),
    BASE(cas, EVENLY, 0, 2),
    BASE(sizes, EVENLY, 0, 1),
    BASE(readers, EVENLY, 0, 1),
    BASE(learners, EVENLY, 0, 2),
    BASE(rounds, RISES, 1, 16),
    BASE(catch_up_ms, RISES, 50, 5000),
    BASE(down_ms, RISES, 10, 30000),
    OF(loss_ppm, LOSS, RISES, 8333, 300000), /* the median is 5 % */
    OF(burst_ms, LOSS, RISES, 1, 200),
    OF(dup_ppm, DUPLICATE, RISES, 1000, 500000),
    OF(delay_us, DELAY, RISES, 100, 30000),
    OF(spread_us, DELAY, RISES, 30000, 100000),
    OF(tail_ppm, DELAY, RISES, 100, 20000),
    OF(tail_us, DELAY, RISES, 10000, 300000),
    OF(reorder_ppm, REORDER, RISES, 1000, 300000),
    OF(corrupt_ppm, CORRUPT, RISES, 100, 20000),
    OF(capacity, CAPACITY, FALLS, 2, 20),
    OF(truncate_ppm, TRUNCATE, RISES, 100, 20000),
    OF(reset_ppm, RESET, RISES, 100, 20000),
    OF(lag_ppm, LAG, RISES, 100, 20000),
    OF(lag_us, LAG, RISES, 1000, 100000),
    OF(split_gap_ms, PARTITION, FALLS, 333, 10000), /* 0.1 to 3 % in 10 ms */
    OF(split_rest_ms, PARTITION, EVENLY, 0, 200),
    OF(split_ms, PARTITION, RISES, 100, 1000), /* 1 to 10 % in 10 ms */
    OF(split_least_ms, PARTITION, EVENLY, 1000, 2000),
    OF(cut_gap_ms, CUT, FALLS, 300, 10000),
    OF(cut_ms, CUT, RISES, 50, 3000),
    OF(clog_gap_ms, CLOG, FALLS, 500, 50000), /* up to 2 % in 10 ms, of each link */
    OF(clog_ms, CLOG, RISES, 10, 5000),
    OF(filter_gap_ms, FILTER, FALLS, 300, 10000),
    OF(filter_ms, FILTER, RISES, 50, 3000),
    OF(slow_gap_ms, SLOW, FALLS, 300, 10000),
    OF(slow_ms, SLOW, RISES, 50, 3000),
    OF(slow_us, SLOW, RISES, 1000, 1000000),
    OF(stall_ms, STALL, RISES, 100, 30000),
    OF(eio_ppm, EIO, RISES, 100, 10000),
    OF(broken_gap_ms, BROKEN, FALLS, 300, 10000),
    OF(broken_ms, BROKEN, RISES, 50, 3000),
    OF(short_ppm, SHORT, RISES, 1000, 100000),
    OF(sync_ppm, SYNC, RISES, 100, 10000),
    OF(full_gap_ms, FULL, FALLS, 300, 10000),
    OF(full_ms, FULL, RISES, 50, 3000),
    OF(enospc_ppm, FULL, RISES, 100, 10000),
    OF(crash_gap_ms, CRASH, FALLS, 1000, 60000),
    OF(crash_io_ppm, CRASH_IO, RISES, 100, 5000),
    OF(crash_send_ppm, CRASH_IO, RISES, 100, 5000),
    OF(power_gap_ms, POWER, FALLS, 2000, 60000),
    OF(pause_gap_ms, PAUSE, FALLS, 2000, 120000),
    OF(pause_ms, PAUSE, RISES, 1, 20), /* in election timeouts */
    OF(drift_ppm, DRIFT, RISES, 50, 50000),
    OF(step_gap_ms, STEP, FALLS, 300, 10000),
    OF(step_ms, STEP, RISES, 10, 300000),
    OF(freeze_gap_ms, FREEZE, FALLS, 300, 10000),
    OF(freeze_ms, FREEZE, RISES, 50, 3000),
    OF(strobe_gap_ms, STROBE, FALLS, 300, 10000),
    OF(strobe_ms, STROBE, RISES, 50, 3000),
    OF(strobe_us, STROBE, RISES, 1000, 500000),
    OF(late_ppm, LATE, RISES, 1000, 300000),
    OF(late_us, LATE, RISES, 1000, 50000),
    OF(squeeze_gap_ms, SQUEEZE, FALLS, 300, 10000),
    OF(squeeze_ms, SQUEEZE, RISES, 50, 3000),
    OF(memory_ppm, MEMORY, RISES, 10, 1000), /* the median is 1e-4 */
    OF(refuse_ppm, REFUSE, RISES, 100, 20000),
    OF(machine_ppm, MACHINE, RISES, 100, 5000),
    OF(exit_ppm, EXIT, RISES, 10, 2000),
    OF(ro_gap_ms, READ_ONLY, FALLS, 300, 10000),
    OF(ro_ms, READ_ONLY, RISES, 50, 3000),
    OF(transfer_gap_ms, TRANSFER, FALLS, 100, 10000),
    OF(campaign_gap_ms, CAMPAIGN, FALLS, 100, 10000),
    OF(restart_gap_ms, RESTART, FALLS, 300, 10000),
    OF(members_gap_ms, MEMBERS, FALLS, 100, 10000),
    OF(rot_gap_ms, ROT, FALLS, 1000, 10000),
    OF(lose_ppm, LIE, RISES, 100, 5000),
    OF(misdirect_ppm, LIE, RISES, 100, 5000),
    OF(wipe_gap_ms, WIPE, FALLS, 1000, 10000),
    OF(restore_gap_ms, RESTORE, FALLS, 2000, 10000),
};
#define ROW_COUNT (sizeof rows / sizeof rows[0])

/* Every draw of the swarm, and of the nasty profile. */
static struct sim_draw swarm[SEEDS];
static struct sim_draw nasty[SEEDS];
static uint64_t on[SEEDS]; /* classes, of the swarm */

static void draw_all(void)
{
    for (uint32_t i = 0; i < SEEDS; i++) {
        sim_profile_draw(SIM_PROFILE_SWARM, i + 1, &swarm[i]);
        sim_profile_draw(SIM_PROFILE_NASTY, i + 1, &nasty[i]);
        for (uint32_t j = 0; j < SIM_CLASS_COUNT; j++) {
            on[i] |= (uint64_t)sim_profile_has(&swarm[i], (enum sim_fault_class)j) << j;
        }
    }
}

static uint64_t value_of(const struct row *row, const struct sim_draw *draw)
{
    uint64_t value = *(const uint64_t *)(const void *)((const char *)draw + row->offset);
    return row->offset == offsetof(struct sim_draw, pause_ms) ? value / draw->election_ms : value;
}

static bool counts(const struct row *row, const struct sim_draw *draw)
{
    switch (row->condition) {
    case ALWAYS:
        break;
    case LONG_ELECTION:
        return draw->election_ms == 2000;
    case NO_DRIFT:
        return draw->drift_ppm == 0;
    case NO_READER:
        return draw->by_index == 0;
    case LARGE_BATCH:
        return draw->batch_bytes > draw->payload;
    }
    return row->class_ == NO_CLASS || sim_profile_has(draw, (enum sim_fault_class)row->class_);
}

/* Whether a count of so many is what a share of them, in ppm, comes to. */
static bool is_share(uint64_t count, uint64_t of, uint64_t ppm)
{
    double expected = (double)of * (double)ppm / 1e6;
    double off = (double)count > expected ? (double)count - expected : expected - (double)count;
    double variance = expected * (1e6 - (double)ppm) / 1e6;
    return off * off <= SIGMAS * SIGMAS * variance;
}

/* What was seen of a field. */
struct seen {
    uint64_t count, least, most;
    uint64_t lower; /* in the lower half of its octave, by 1.4 for the root of 2 */
    uint64_t octaves[OCTAVES];
};

static struct seen see(const struct row *row, const struct sim_draw draws[], uint64_t mode)
{
    struct seen seen = {.least = UINT64_MAX};
    for (uint32_t i = 0; i < SEEDS; i++) {
        if (draws[i].mode != mode || !counts(row, &draws[i])) {
            continue;
        }
        uint64_t value = value_of(row, &draws[i]);
        uint32_t octave = 0;
        while (row->low > 0 && value >= row->low << (octave + 1)) {
            octave++;
        }
        bool is_whole = row->low << (octave + 1) <= row->high;
        seen.lower += is_whole && value * 10 < (row->low << octave) * 14;
        seen.octaves[octave]++;
        seen.count++;
        seen.least = value < seen.least ? value : seen.least;
        seen.most = value > seen.most ? value : seen.most;
    }
    return seen;
}

/* The octaves that lie within the range are equally likely. */
static void assert_octaves_are_alike(const struct row *row, const struct seen *seen)
{
    uint32_t whole = 0;
    uint64_t count = 0;
    while (row->low << (whole + 1) <= row->high) {
        count += seen->octaves[whole++];
    }
    bool is_coarse = row->low < 100;
    ck_assert_msg(is_coarse || is_share(seen->lower, count, 500000), "%s: %u of %u are low",
                  row->name, (unsigned)seen->lower, (unsigned)count);
    for (uint32_t i = 0; i < whole; i++) {
        ck_assert_msg(is_share(seen->octaves[i], count, 1000000 / whole),
                      "%s: octave %u has %u of %u", row->name, i, (unsigned)seen->octaves[i],
                      (unsigned)count);
    }
}

static void assert_values_are_alike(const struct row *row, const struct sim_draw draws[])
{
    uint64_t values = row->high - row->low + 1;
    for (uint64_t fourth = 0; fourth < 4; fourth++) {
        /* A fourth of the values each, or one of them if there are fewer. */
        uint64_t first = row->low + values * fourth / 4;
        uint64_t end = row->low + values * (fourth + 1) / 4;
        uint64_t count = 0;
        uint64_t of = 0;
        for (uint32_t i = 0; i < SEEDS; i++) {
            if (draws[i].mode == SIM_MODE_SWARM && counts(row, &draws[i])) {
                uint64_t value = value_of(row, &draws[i]);
                of++;
                count += value >= first && value < end;
            }
        }
        ck_assert_msg(is_share(count, of, (end - first) * 1000000 / values), "%s: %u of %u",
                      row->name, (unsigned)count, (unsigned)of);
    }
}

static void assert_range_is_filled(const struct row *row)
{
    const struct seen seen = see(row, swarm, SIM_MODE_SWARM);
    ck_assert_msg(seen.count >= ENOUGH, "%s: %u draws", row->name, (unsigned)seen.count);
    bool is_least = seen.least == row->low || (row->shape == SHAPELESS && seen.least > row->low);
    ck_assert_msg(is_least && seen.most == row->high, "%s: %u to %u", row->name,
                  (unsigned)seen.least, (unsigned)seen.most);
    if (row->shape == EVENLY) {
        assert_values_are_alike(row, swarm);
    } else if (row->shape != SHAPELESS) {
        assert_octaves_are_alike(row, &seen);
    }
}

START_TEST(each_field_fills_its_range_evenly_or_by_octaves)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        assert_range_is_filled(&rows[i]);
    }
}
END_TEST

/* All of the range for what belongs to no class. */
static void assert_half_is_filled(const struct row *row)
{
    const struct seen seen = see(row, nasty, SIM_MODE_NASTY);
    bool is_harsh = row->class_ != NO_CLASS && row->shape != EVENLY;
    bool falls = row->shape == FALLS;
    uint64_t end = is_harsh && !falls ? seen.least : seen.most; /* the mild one */
    ck_assert_msg(falls || seen.most == row->high, "%s", row->name);
    ck_assert_msg((is_harsh && !falls) || row->shape == SHAPELESS || seen.least == row->low, "%s",
                  row->name);
    if (is_harsh) {
        double middle = (double)row->low * (double)row->high;
        double square = (double)end * (double)end;
        ck_assert_msg(square > middle / 1.6 && square < middle * 1.6, "%s: ends at %u", row->name,
                      (unsigned)end);
    }
}

START_TEST(nasty_runs_have_the_harsh_half_of_each_range)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        assert_half_is_filled(&rows[i]);
    }
}
END_TEST

START_TEST(maximum_is_the_harsh_end_of_one_class)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        const struct row *row = &rows[i];
        if (row->class_ == NO_CLASS || row->shape == EVENLY) {
            continue;
        }
        const struct seen seen = see(row, swarm, SIM_MODE_MAXIMUM);
        uint64_t harsh = row->shape == FALLS ? row->low : row->high;
        ck_assert_msg(seen.count > 0 && seen.least == harsh && seen.most == harsh, "%s: %u to %u",
                      row->name, (unsigned)seen.least, (unsigned)seen.most);
    }
}
END_TEST

/* Every class is the one of some run, as likely as another. */
START_TEST(maximum_has_each_class_alone)
{
    uint64_t runs = 0;
    uint64_t alone[SIM_CLASS_COUNT] = {0};
    for (uint32_t i = 0; i < SEEDS; i++) {
        if (swarm[i].mode != SIM_MODE_MAXIMUM) {
            continue;
        }
        ck_assert_int_eq(__builtin_popcountll(on[i]), 1);
        alone[__builtin_ctzll(on[i])]++;
        runs++;
    }
    for (uint32_t j = 0; j < SIM_CLASS_COUNT; j++) {
        ck_assert_msg(is_share(alone[j], runs, 1000000 / SIM_CLASS_COUNT), "%s: %u of %u",
                      sim_class_string((enum sim_fault_class)j), (unsigned)alone[j],
                      (unsigned)runs);
    }
}
END_TEST

/* Damage is on in a fourth of the runs only. */
START_TEST(each_class_is_on_by_its_coin)
{
    const uint64_t modes[] = {SIM_MODE_SWARM, SIM_MODE_UNRESTRICTED};
    for (uint32_t j = 0; j < SIM_CLASS_COUNT; j++) {
        for (uint32_t k = 0; k < sizeof modes / sizeof modes[0]; k++) {
            uint64_t runs = 0;
            uint64_t count = 0;
            for (uint32_t i = 0; i < SEEDS; i++) {
                runs += swarm[i].mode == modes[k];
                count += swarm[i].mode == modes[k] && (on[i] >> j & 1u) != 0;
            }
            ck_assert_msg(is_share(count, runs, j < SIM_CLASS_DAMAGE ? 500000 : 125000),
                          "%s: %u of %u", sim_class_string((enum sim_fault_class)j),
                          (unsigned)count, (unsigned)runs);
        }
    }
}
END_TEST

static bool coins_differ(enum sim_fault_class a, enum sim_fault_class b)
{
    uint64_t runs = 0;
    uint64_t differ = 0;
    for (uint32_t i = 0; i < SEEDS; i++) {
        runs += swarm[i].mode == SIM_MODE_SWARM;
        differ += swarm[i].mode == SIM_MODE_SWARM && ((on[i] >> a ^ on[i] >> b) & 1u) != 0;
    }
    return is_share(differ, runs, 500000);
}

/* What forbids leases is on together, so that half of the runs may have some. */
START_TEST(classes_are_independent_but_for_those_of_the_clocks)
{
    for (uint32_t a = 0; a < SIM_CLASS_DAMAGE; a++) {
        for (uint32_t b = a + 1; b < SIM_CLASS_DAMAGE; b++) {
            bool of_clocks = (a == SIM_CLASS_STEP || a == SIM_CLASS_FREEZE) &&
                             (b == SIM_CLASS_FREEZE || b == SIM_CLASS_STROBE);
            bool differ = coins_differ((enum sim_fault_class)a, (enum sim_fault_class)b);
            ck_assert_msg(differ != of_clocks, "%s and %s",
                          sim_class_string((enum sim_fault_class)a),
                          sim_class_string((enum sim_fault_class)b));
        }
    }
}
END_TEST

/* How many of those of some draws have some value. */
#define SHARE(condition, within, ppm)                                                              \
    do {                                                                                           \
        uint64_t of = 0;                                                                           \
        uint64_t count = 0;                                                                        \
        for (uint32_t i = 0; i < SEEDS; i++) {                                                     \
            const struct sim_draw *d = &swarm[i];                                                  \
            of += (within);                                                                        \
            count += (within) && (condition);                                                      \
        }                                                                                          \
        ck_assert_msg(is_share(count, of, ppm), #condition ": %u of %u", (unsigned)count,          \
                      (unsigned)of);                                                               \
    } while (0)

/* 5 % of the runs of each kind are made twice, by the runner (test_measures). */
START_TEST(kinds_of_runs_have_their_shares)
{
    SHARE(d->mode == SIM_MODE_CALM, true, 150000);
    SHARE(d->mode == SIM_MODE_SWARM, true, 650000);
    SHARE(d->mode == SIM_MODE_MAXIMUM, true, 100000);
    SHARE(d->mode == SIM_MODE_UNRESTRICTED, true, 100000);
}
END_TEST

START_TEST(clusters_have_their_shares)
{
    static const uint64_t voters[8] = {0, 30000, 50000, 450000, 70000, 300000, 0, 100000};
    static const uint64_t timeouts[][2] = {
        {50, 150}, {29, 271}, {101, 521}, {100, 1000}, {100, 2000}};
    for (uint64_t size = 0; size < 8; size++) {
        SHARE(d->nodes == size, true, voters[size]);
    }
    for (uint32_t j = 0; j < 5; j++) {
        SHARE(d->heartbeat_ms == timeouts[j][0] && d->election_ms == timeouts[j][1], true, 200000);
    }
    SHARE(d->jitter_us == 0, true, 250000);
    SHARE(d->witness == 1, true, 125000);
    SHARE(d->prefers == 1, true, 250000);
    SHARE(d->prevote == 1, d->members_gap_ms == 0, 875000);
    SHARE(d->prevote == 1, d->members_gap_ms != 0, 1000000);
    SHARE(d->quorum == 1, true, 875000);
    SHARE(d->lease == 1,
          d->quorum && d->step_gap_ms + d->freeze_gap_ms + d->strobe_gap_ms == 0 &&
              d->drift_ppm <= d->bound_ppm,
          500000);
    SHARE(d->lease == 1,
          !d->quorum || d->step_gap_ms || d->freeze_gap_ms || d->strobe_gap_ms ||
              d->drift_ppm > d->bound_ppm,
          0);
}
END_TEST

START_TEST(loads_have_their_shares)
{
    SHARE(d->sessions == SIM_SESSIONS_MAX, true, 875000);
    SHARE(d->quiet_ms != 0 && d->busy_ms != 0, true, 500000);
    SHARE(d->quiet_ms > 500, d->quiet_ms != 0, 500000);
    SHARE(d->busy_ms > 500, d->busy_ms != 0, 500000);
    SHARE(d->quiet_ms > 1000 || d->busy_ms > 1000, true, 0);
    SHARE(d->padding == d->payload, true, 62500);
    SHARE(d->padding != 0, d->payload > 300 && d->padding != d->payload, 466667);
    SHARE(d->by_index == d->clients / 2, true, 1000000);
}
END_TEST

/* Beyond what the nodes are told, and beyond what they are meant for. */
START_TEST(clocks_of_unrestricted_runs_are_off_by_twice_as_much)
{
    uint64_t most = 0;
    for (uint32_t i = 0; i < SEEDS; i++) {
        bool is_wild = swarm[i].mode == SIM_MODE_UNRESTRICTED;
        most = is_wild && swarm[i].drift_ppm > most ? swarm[i].drift_ppm : most;
        ck_assert(!is_wild || swarm[i].drift_ppm == 0 || swarm[i].drift_ppm >= 100);
    }
    ck_assert_uint_eq(most, 100000);
    SHARE(d->bound_ppm == d->drift_ppm, d->drift_ppm != 0, 500000);
}
END_TEST

START_TEST(runs_are_as_long_as_three_snapshots_take_or_a_minute)
{
    SHARE(d->length_ms == 60000 && d->least_ms == 10000 && d->snapshots == 3, true, 1000000);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("profile_draw");
    TCase *tests = tcase_create("draws");
    tcase_set_timeout(tests, 120);
    draw_all();
    tcase_add_test(tests, each_field_fills_its_range_evenly_or_by_octaves);
    tcase_add_test(tests, nasty_runs_have_the_harsh_half_of_each_range);
    tcase_add_test(tests, maximum_is_the_harsh_end_of_one_class);
    tcase_add_test(tests, maximum_has_each_class_alone);
    tcase_add_test(tests, each_class_is_on_by_its_coin);
    tcase_add_test(tests, classes_are_independent_but_for_those_of_the_clocks);
    tcase_add_test(tests, kinds_of_runs_have_their_shares);
    tcase_add_test(tests, clusters_have_their_shares);
    tcase_add_test(tests, loads_have_their_shares);
    tcase_add_test(tests, clocks_of_unrestricted_runs_are_off_by_twice_as_much);
    tcase_add_test(tests, runs_are_as_long_as_three_snapshots_take_or_a_minute);
    suite_add_tcase(suite, tests);
    return unit_main(suite);
}
