/* Keyed streams: independence, bounds, distributions, and values that must never change. */
#include "unit.h"

#include <sim/random.h>

#define DRAWS 20000u

static struct sim_stream stream_of(uint64_t seed, enum sim_stream_class class_, uint64_t a,
                                   uint64_t b)
{
    struct sim_stream stream;
    sim_stream_init(&stream, seed, class_, a, b);
    return stream;
}

START_TEST(equal_keys_give_equal_draws)
{
    struct sim_stream one = stream_of(1, SIM_STREAM_LINK, 2, 3);
    struct sim_stream other = stream_of(1, SIM_STREAM_LINK, 2, 3);
    for (int i = 0; i < 100; i++) {
        ck_assert_uint_eq(sim_draw(&one), sim_draw(&other));
    }
}
END_TEST

START_TEST(each_part_of_the_key_matters)
{
    uint64_t firsts[5];
    struct sim_stream streams[5] = {
        stream_of(1, SIM_STREAM_LINK, 2, 3), stream_of(2, SIM_STREAM_LINK, 2, 3),
        stream_of(1, SIM_STREAM_DISK, 2, 3), stream_of(1, SIM_STREAM_LINK, 3, 3),
        stream_of(1, SIM_STREAM_LINK, 3, 2)};
    for (int i = 0; i < 5; i++) {
        firsts[i] = sim_draw(&streams[i]);
        for (int j = 0; j < i; j++) {
            ck_assert_uint_ne(firsts[i], firsts[j]);
        }
    }
}
END_TEST

START_TEST(draws_of_other_streams_move_nothing)
{
    struct sim_stream alone = stream_of(1, SIM_STREAM_LINK, 1, 2);
    struct sim_stream disturbed = stream_of(1, SIM_STREAM_LINK, 1, 2);
    struct sim_stream other = stream_of(1, SIM_STREAM_LINK, 2, 1);
    for (int i = 0; i < 10; i++) {
        ck_assert_uint_ne(sim_draw(&other), sim_draw(&alone));
        ck_assert_uint_eq(disturbed.counter, (uint64_t)i);
        sim_draw(&disturbed);
    }
    ck_assert_uint_eq(sim_draw(&alone), sim_draw(&disturbed));
}
END_TEST

/* Golden values: if one of these changes, every recorded seed becomes worthless. */
START_TEST(values_never_change)
{
    struct sim_stream stream = stream_of(1, SIM_STREAM_LINK, 1, 2);
    ck_assert_uint_eq(sim_draw(&stream), UINT64_C(0x304256b9519b08c5));
    ck_assert_uint_eq(sim_draw_below(&stream, 1000), 815);
    ck_assert_uint_eq(sim_draw_exponential(&stream, 1000000), 51384);
    ck_assert_uint_eq(sim_mix(1, 2, 3), UINT64_C(0xd0734750fde362b3));
    ck_assert_uint_eq(sim_hash("squall", 6, 7), UINT64_C(0x81fb909dddcf4134));
}
END_TEST

START_TEST(below_stays_below_and_reaches_every_value)
{
    struct sim_stream stream = stream_of(1, SIM_STREAM_PICK, 0, 0);
    uint32_t seen[7] = {0};
    for (uint32_t i = 0; i < DRAWS; i++) {
        uint64_t value = sim_draw_below(&stream, 7);
        assert_quietly(value < 7);
        seen[value]++;
    }
    for (int i = 0; i < 7; i++) {
        ck_assert_uint_gt(seen[i], DRAWS / 7 * 9 / 10);
        ck_assert_uint_lt(seen[i], DRAWS / 7 * 11 / 10);
    }
    ck_assert_uint_eq(sim_draw_below(&stream, 1), 0);
    ck_assert_uint_eq(sim_draw_below(&stream, 0), 0);
}
END_TEST

START_TEST(between_includes_both_ends)
{
    struct sim_stream stream = stream_of(1, SIM_STREAM_PICK, 0, 0);
    bool low = false;
    bool high = false;
    for (int i = 0; i < 200; i++) {
        uint64_t value = sim_draw_between(&stream, 10, 12);
        ck_assert(value >= 10 && value <= 12);
        low = low || value == 10;
        high = high || value == 12;
    }
    ck_assert(low && high);
    ck_assert_uint_eq(sim_draw_between(&stream, 5, 5), 5);
    ck_assert_uint_ne(sim_draw_between(&stream, 0, UINT64_MAX),
                      sim_draw_between(&stream, 0, UINT64_MAX));
}
END_TEST

START_TEST(chance_is_never_at_zero_and_always_at_the_maximum)
{
    struct sim_stream stream = stream_of(1, SIM_STREAM_PICK, 0, 0);
    uint32_t quarter = 0;
    for (uint32_t i = 0; i < DRAWS; i++) {
        assert_quietly(!sim_draw_chance(&stream, 0));
        assert_quietly(sim_draw_chance(&stream, UINT64_MAX));
        quarter += sim_draw_chance(&stream, UINT64_MAX / 4) ? 1 : 0;
    }
    ck_assert_uint_gt(quarter, DRAWS / 4 * 9 / 10);
    ck_assert_uint_lt(quarter, DRAWS / 4 * 11 / 10);
}
END_TEST

START_TEST(exponential_has_its_mean_median_and_bound)
{
    struct sim_stream stream = stream_of(1, SIM_STREAM_PICK, 0, 0);
    const uint64_t mean = 1000000;
    uint64_t sum = 0;
    uint32_t under_median = 0;
    uint32_t over_five = 0;
    for (uint32_t i = 0; i < DRAWS * 5; i++) {
        uint64_t value = sim_draw_exponential(&stream, mean);
        assert_quietly(value <= 16 * mean);
        sum += value;
        under_median += value < 693147 ? 1 : 0; /* ln 2 of the mean */
        over_five += value > 5 * mean ? 1 : 0;
    }
    uint64_t average = sum / (DRAWS * 5);
    ck_assert(average > mean * 98 / 100 && average < mean * 102 / 100);
    ck_assert(under_median > DRAWS * 5 * 49 / 100 && under_median < DRAWS * 5 * 51 / 100);
    /* exp(-5) = 0.674 %. */
    ck_assert(over_five > DRAWS * 5 * 57 / 10000 && over_five < DRAWS * 5 * 77 / 10000);
    ck_assert_uint_eq(sim_draw_exponential(&stream, 0), 0);
}
END_TEST

START_TEST(heavy_tail_halves_with_every_doubling)
{
    struct sim_stream stream = stream_of(1, SIM_STREAM_PICK, 0, 0);
    const uint64_t least = 1000;
    uint32_t over[4] = {0};
    for (uint32_t i = 0; i < DRAWS; i++) {
        uint64_t value = sim_draw_heavy(&stream, least);
        assert_quietly(value >= least && value < 2048 * least);
        for (uint32_t k = 0; k < 4; k++) {
            over[k] += value >= least << (k + 1);
        }
    }
    for (uint32_t k = 0; k < 4; k++) {
        uint32_t wanted = DRAWS >> (k + 1);
        ck_assert(over[k] > wanted * 85 / 100 && over[k] < wanted * 115 / 100);
    }
    ck_assert_uint_eq(sim_draw_heavy(&stream, 0), 0);
    ck_assert_uint_ge(sim_draw_heavy(&stream, UINT64_MAX), UINT64_MAX / 2);
}
END_TEST

START_TEST(hash_depends_on_bytes_size_and_chain)
{
    ck_assert_uint_ne(sim_hash("ab", 2, 0), sim_hash("ac", 2, 0));
    ck_assert_uint_ne(sim_hash("ab", 2, 0), sim_hash("ab", 3, 0));
    ck_assert_uint_ne(sim_hash("ab", 2, 0), sim_hash("ab", 2, 1));
    ck_assert_uint_eq(sim_hash(NULL, 0, 3), sim_hash("x", 0, 3));
}
END_TEST

START_TEST(mix_depends_on_each_word_and_its_place)
{
    ck_assert_uint_ne(sim_mix(0, 0, 0), sim_mix(1, 0, 0));
    ck_assert_uint_ne(sim_mix(1, 0, 0), sim_mix(0, 1, 0));
    ck_assert_uint_ne(sim_mix(0, 1, 0), sim_mix(0, 0, 1));
    ck_assert_uint_ne(sim_mix(0, 0, 0), 0);
}
END_TEST

static Suite *random_suite(void)
{
    Suite *suite = suite_create("random");
    TCase *streams = tcase_create("streams");
    tcase_add_test(streams, equal_keys_give_equal_draws);
    tcase_add_test(streams, each_part_of_the_key_matters);
    tcase_add_test(streams, draws_of_other_streams_move_nothing);
    tcase_add_test(streams, values_never_change);
    tcase_add_test(streams, below_stays_below_and_reaches_every_value);
    tcase_add_test(streams, between_includes_both_ends);
    tcase_add_test(streams, chance_is_never_at_zero_and_always_at_the_maximum);
    tcase_add_test(streams, exponential_has_its_mean_median_and_bound);
    tcase_add_test(streams, heavy_tail_halves_with_every_doubling);
    tcase_add_test(streams, hash_depends_on_bytes_size_and_chain);
    tcase_add_test(streams, mix_depends_on_each_word_and_its_place);
    suite_add_tcase(suite, streams);
    return suite;
}

int main(void)
{
    return unit_main(random_suite());
}
