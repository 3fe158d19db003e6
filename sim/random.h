/* Keyed random streams: every draw is a hash of (seed, stream, counter).
 *
 * A stream for each link, device, client, fault class and script, so that one draw more in one
 * place moves no other. One draw per statement: the order of draws inside an argument list is the
 * compiler's. No floating point: distributions are integer tables. */
#ifndef SIM_RANDOM_H
#define SIM_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

enum sim_stream_class {
    SIM_STREAM_ORDER = 1, /* ties between events */
    SIM_STREAM_LINK,      /* a = from, b = to */
    SIM_STREAM_DISK,      /* a = node */
    SIM_STREAM_CRASH,     /* a = node */
    SIM_STREAM_MACHINE,   /* a = node */
    SIM_STREAM_CORE,      /* a = node, b = incarnation */
    SIM_STREAM_CLIENT,    /* a = client */
    SIM_STREAM_FAULT,     /* a = rule or point */
    SIM_STREAM_SCRIPT,    /* a = hash of the stream's name */
    SIM_STREAM_PICK,      /* choices of the cluster library: c:pick, c:random_minority */
    SIM_STREAM_CLOCK,     /* a = node */
    SIM_STREAM_PROFILE,   /* a = hash of a name, b = what for */
};

struct sim_stream {
    uint64_t key;
    uint64_t counter;
};

void sim_stream_init(struct sim_stream *stream, uint64_t seed, enum sim_stream_class class_,
                     uint64_t a, uint64_t b);
uint64_t sim_draw(struct sim_stream *stream);
/* Uniform in [0, bound); bound 0 gives 0. */
uint64_t sim_draw_below(struct sim_stream *stream, uint64_t bound);
/* Uniform in [low, high]; low <= high. */
uint64_t sim_draw_between(struct sim_stream *stream, uint64_t low, uint64_t high);
/* True with probability threshold / 2^64; UINT64_MAX is always. */
bool sim_draw_chance(struct sim_stream *stream, uint64_t threshold);
/* Exponential with the given mean, by an integer table, at most 16 times the mean. */
uint64_t sim_draw_exponential(struct sim_stream *stream, uint64_t mean);
/* With a heavy tail: at least `least`, and every doubling half as likely, at most 2048 times. */
uint64_t sim_draw_heavy(struct sim_stream *stream, uint64_t least);

/* XXH3 of bytes, chained through seed. */
uint64_t sim_hash(const void *bytes, uint64_t size, uint64_t seed);
/* Mixes two or three words; the basis of the streams. */
uint64_t sim_mix(uint64_t a, uint64_t b, uint64_t c);

#endif
