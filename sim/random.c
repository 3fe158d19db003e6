/* Keyed random streams, and the hashes that they and the rolling hash are made of.
 *
 * A draw is finalise(key ^ finalise(counter)): two rounds of the 64-bit finaliser of SplitMix64
 * (Stafford's variant 13), each a bijection, so that a stream repeats no value before its counter
 * wraps. The key of a stream is such a mix of seed, class and the two numbers of its owner.
 *
 * Exponential values come from -ln(u) = k ln 2 - ln(m), where u = m 2^-k and m is in [1/2, 1): k is
 * the count of leading zeros, and -ln(m) a table of 64 steps with linear interpolation. The
 * functions of libm are not used, because they differ between processors. */
#include "random.h"

#include <assert.h>
#include <stddef.h>
#define XXH_INLINE_ALL /* the sizes that are hashed most often are constant */
#include <xxhash.h>

__extension__ typedef unsigned __int128 wide;

/* -ln(1/2 + i/128) in units of 2^-32. */
static const uint32_t minus_ln[65] = {
    2977044472u, 2910454498u, 2844881204u, 2780294013u, 2716663704u, 2653962338u, 2592163181u,
    2531240638u, 2471170186u, 2411928318u, 2353492488u, 2295841054u, 2238953239u, 2182809076u,
    2127389374u, 2072675675u, 2018650217u, 1965295899u, 1912596253u, 1860535406u, 1809098057u,
    1758269449u, 1708035340u, 1658381986u, 1609296111u, 1560764891u, 1512775930u, 1465317245u,
    1418377245u, 1371944714u, 1326008797u, 1280558983u, 1235585093u, 1191077261u, 1147025929u,
    1103421825u, 1060255961u, 1017519616u, 975204325u,  933301872u,  891804281u,  850703802u,
    809992907u,  769664279u,  729710807u,  690125574u,  650901856u,  612033109u,  573512964u,
    535335226u,  497493860u,  459982990u,  422796893u,  385929995u,  349376861u,  313132196u,
    277190838u,  241547751u,  206198026u,  171136874u,  136359621u,  101861706u,  67638678u,
    33686191u,   0u,
};
#define LN_2            UINT64_C(2977044472) /* in units of 2^-32 */
#define HEAVY_DOUBLINGS 10u
#define EXPONENTIAL_MAX UINT64_C(16) /* times the mean */

static uint64_t finalise(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

uint64_t sim_mix(uint64_t a, uint64_t b, uint64_t c)
{
    uint64_t mixed = finalise(a);
    mixed = finalise(mixed ^ b);
    return finalise(mixed ^ c);
}

uint64_t sim_hash(const void *bytes, uint64_t size, uint64_t seed)
{
    assert(bytes != NULL || size == 0);
    return XXH3_64bits_withSeed(bytes, (size_t)size, seed);
}

void sim_stream_init(struct sim_stream *stream, uint64_t seed, enum sim_stream_class class_,
                     uint64_t a, uint64_t b)
{
    assert(stream != NULL);
    assert(class_ >= SIM_STREAM_ORDER && class_ <= SIM_STREAM_PROFILE);
    stream->key = sim_mix(sim_mix(seed, (uint64_t)class_, a), b, 0);
    stream->counter = 0;
}

uint64_t sim_draw(struct sim_stream *stream)
{
    assert(stream != NULL);
    uint64_t step = finalise(stream->counter);
    stream->counter++;
    return finalise(stream->key ^ step);
}

uint64_t sim_draw_below(struct sim_stream *stream, uint64_t bound)
{
    uint64_t draw = sim_draw(stream);
    uint64_t value = (uint64_t)(((wide)draw * bound) >> 64);
    assert(value < bound || bound == 0);
    return value;
}

uint64_t sim_draw_between(struct sim_stream *stream, uint64_t low, uint64_t high)
{
    assert(low <= high);
    if (high - low == UINT64_MAX) {
        return sim_draw(stream);
    }
    uint64_t value = low + sim_draw_below(stream, high - low + 1);
    assert(value >= low && value <= high);
    return value;
}

bool sim_draw_chance(struct sim_stream *stream, uint64_t threshold)
{
    uint64_t draw = sim_draw(stream);
    return threshold == UINT64_MAX || draw < threshold;
}

uint64_t sim_draw_exponential(struct sim_stream *stream, uint64_t mean)
{
    uint64_t draw = sim_draw(stream) | 1; /* never 0, whose logarithm does not exist */
    unsigned zeros = (unsigned)__builtin_clzll(draw);
    uint64_t mantissa = draw << zeros; /* in [2^63, 2^64) stands for [1/2, 1) */
    assert(mantissa >> 63 == 1);
    unsigned cell = (unsigned)(mantissa >> 57) & 63u;
    uint64_t part = (mantissa >> 25) & UINT32_MAX; /* position in the cell, in units of 2^-32 */
    uint64_t upper = minus_ln[cell];
    uint64_t lower = minus_ln[cell + 1];
    assert(upper > lower);
    uint64_t logarithm = zeros * LN_2 + upper - (((upper - lower) * part) >> 32);
    if (logarithm > EXPONENTIAL_MAX << 32) {
        logarithm = EXPONENTIAL_MAX << 32;
    }
    wide value = ((wide)mean * logarithm) >> 32;
    return value > UINT64_MAX ? UINT64_MAX : (uint64_t)value;
}

uint64_t sim_draw_heavy(struct sim_stream *stream, uint64_t least)
{
    uint64_t draw = sim_draw(stream) | UINT64_C(1) << HEAVY_DOUBLINGS;
    unsigned doublings = (unsigned)__builtin_ctzll(draw);
    wide base = (wide)least << doublings;
    assert(doublings <= HEAVY_DOUBLINGS);
    uint64_t bound = base > UINT64_MAX / 2 ? UINT64_MAX / 2 : (uint64_t)base;
    uint64_t part = sim_draw_below(stream, bound);
    return bound + part;
}
