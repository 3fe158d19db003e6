/* What a seed draws: the table of the parameters, and how each is drawn, printed and overridden.
 *
 * Terms. A *field* is one parameter. A field of a class of faults is 0 unless the class is on; then
 * it is drawn between its bounds, in equal shares for each eighth of an octave (log-uniform, by an
 * integer table). Its *harsh* end is the upper bound, except for an interval (`…_gap_ms`) and the
 * room of a link, whose harsh end is the lower one. The fields of the cluster and of the loads
 * belong to no class and are always drawn.
 *
 * Invariants:
 *  1. A field is drawn from a stream that is keyed by its name: a new field moves no other.
 *  2. Overriding what the seed draws with the print of a draw makes that draw of it.
 *  3. The base cluster, which stays when every fault has ended, is one that can elect: four disk
 *     operations and two messages fit into half of the shortest election timeout.
 *  4. Lease reads are drawn only if no clock jumps or stands still and none is off by more than
 *     the bound that the nodes are told. */
#include "profile.h"

#include "machine.h"

#include "random.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH_MS    60000u
#define LEAST_MS     10000u
#define SNAPSHOTS    3u
#define WHOLE_PPM    1000000u
#define BURST_MS_MAX 1000u
#define COMMAND_MAX  256u /* bytes of a command without padding, at most about */

#define COIN         6u /* of streams: what they are for; a class may be named as a field is */

enum { NO_CLASS = SIM_CLASS_COUNT };

enum how {
    HOW_NOT,      /* by code of its own */
    HOW_EVENLY,   /* each value alike */
    HOW_LOG,      /* each octave alike; harsh is high */
    HOW_INTERVAL, /* the same, but harsh is low */
};

struct field {
    const char *name;
    size_t offset;
    uint32_t class_;
    enum how how;
    uint64_t low, high;
    uint64_t limit; /* of an override; 0: high */
    uint64_t usual; /* not worth printing; 0: none */
};

#define FIELD(name, class_, how, low, high, limit)                                                 \
    {                                                                                              \
#name, offsetof(struct sim_draw, name), class_, how, low, high, limit, 0                   \
    }
#define PPM(name, class_, low, high)      FIELD(name, class_, HOW_LOG, low, high, WHOLE_PPM)
#define EVERY(name, class_, low, high)    FIELD(name, class_, HOW_INTERVAL, low, high, 1000000)
#define FAULT(name, class_, low, high)    FIELD(name, class_, HOW_LOG, low, high, 1000000)
#define BASE(name, how, low, high, limit) FIELD(name, NO_CLASS, how, low, high, limit)

static const struct field fields[] = {
    BASE(mode, HOW_NOT, 0, SIM_MODE_COUNT - 1, 0),
    {"length_ms", offsetof(struct sim_draw, length_ms), NO_CLASS, HOW_NOT, 1, 10000000, 0,
     LENGTH_MS},
    {"least_ms", offsetof(struct sim_draw, least_ms), NO_CLASS, HOW_NOT, 1, 10000000, 0, LEAST_MS},
    {"snapshots", offsetof(struct sim_draw, snapshots), NO_CLASS, HOW_NOT, 1, 1000, 0, SNAPSHOTS},
    BASE(nodes, HOW_NOT, 1, 15, 0),
    BASE(heartbeat_ms, HOW_NOT, 1, 100000, 0),
    BASE(election_ms, HOW_NOT, 2, 100000, 0),
    BASE(latency_us, HOW_LOG, 50, 8000, 10000000),
    BASE(jitter_us, HOW_LOG, 10, 8000, 10000000),
    BASE(read_us, HOW_LOG, 10, 500, 10000000),
    BASE(write_us, HOW_LOG, 10, 2000, 10000000),
    BASE(sync_us, HOW_LOG, 10, 15000, 10000000),
    BASE(apply_us, HOW_LOG, 10, 2000, 10000000),
    BASE(retry_ms, HOW_LOG, 2, 50, 100000),
    BASE(offset_ms, HOW_LOG, 1, 1000000000, 1000000000),
    BASE(batch, HOW_LOG, 1, 64, 65535),
    BASE(window, HOW_LOG, 1, 8, 64),
    BASE(payload, HOW_LOG, 200, 16384, 1000000),
    BASE(batch_bytes, HOW_LOG, 200, 65536, 10000000),
    BASE(segment, HOW_LOG, 512, 65536, 100000000),
    BASE(snapshot, HOW_LOG, 8, 1000, 1000000),
    BASE(log_memory, HOW_LOG, 100, 1000000, (uint64_t)1 << 40),
    BASE(trailing, HOW_LOG, 1, 64, 1000000),
    BASE(piece, HOW_LOG, 64, 65536, 10000000),
    BASE(installs, HOW_EVENLY, 1, 3, 15),
    BASE(pending, HOW_LOG, 2, 256, 65535),
    BASE(errors, HOW_EVENLY, 1, 5, 1000),
    BASE(prevote, HOW_NOT, 0, 1, 0),
    BASE(quorum, HOW_NOT, 0, 1, 0),
    BASE(lease, HOW_NOT, 0, 1, 0),
    BASE(bound_ppm, HOW_LOG, 100, 100000, 499999),
    BASE(reverts, HOW_EVENLY, 0, 1, 0),
    BASE(quarantine, HOW_EVENLY, 0, 1, 0),
    BASE(clients, HOW_LOG, 1, 8, 32),
    BASE(by_index, HOW_NOT, 0, 32, 0),
    BASE(think_ms, HOW_LOG, 1, 1000, 1000000),
    BASE(keys, HOW_LOG, 1, 16, 1000),
    BASE(puts, HOW_EVENLY, 1, 4, 100),
    BASE(gets, HOW_EVENLY, 0, 4, 100),
    BASE(cas, HOW_EVENLY, 0, 2, 100),
    BASE(padding, HOW_NOT, 0, 1000000, 0),
    BASE(sizes, HOW_EVENLY, 0, 1, 0),
    {"sessions", offsetof(struct sim_draw, sessions), NO_CLASS, HOW_NOT, 1, SIM_SESSIONS_MAX, 0,
     SIM_SESSIONS_MAX},
    BASE(busy_ms, HOW_NOT, 0, 10000, 1000000),
    BASE(quiet_ms, HOW_NOT, 0, 10000, 1000000),
    BASE(readers, HOW_EVENLY, 0, 1, 0),
    BASE(learners, HOW_NOT, 0, 8, 0),
    BASE(witness, HOW_NOT, 0, 1, 0),
    BASE(prefers, HOW_NOT, 0, 1, 0),
    BASE(rounds, HOW_LOG, 1, 16, 1000000),
    BASE(catch_up_ms, HOW_LOG, 50, 5000, 1000000),
    BASE(down_ms, HOW_LOG, 10, 30000, 1000000),
    PPM(loss_ppm, SIM_CLASS_LOSS, 8333, 300000),
    PPM(dup_ppm, SIM_CLASS_DUPLICATE, 1000, 500000),
    FAULT(burst_ms, SIM_CLASS_LOSS, 1, 200),
    FAULT(delay_us, SIM_CLASS_DELAY, 100, 30000),
    FAULT(spread_us, SIM_CLASS_DELAY, 30000, 100000),
    PPM(tail_ppm, SIM_CLASS_DELAY, 100, 20000),
    FAULT(tail_us, SIM_CLASS_DELAY, 10000, 300000),
    PPM(reorder_ppm, SIM_CLASS_REORDER, 1000, 300000),
    PPM(corrupt_ppm, SIM_CLASS_CORRUPT, 100, 20000),
    FIELD(capacity, SIM_CLASS_CAPACITY, HOW_INTERVAL, 2, 20, 1000000),
    PPM(truncate_ppm, SIM_CLASS_TRUNCATE, 100, 20000),
    PPM(reset_ppm, SIM_CLASS_RESET, 100, 20000),
    PPM(lag_ppm, SIM_CLASS_LAG, 100, 20000),
    FAULT(lag_us, SIM_CLASS_LAG, 1000, 100000),
    EVERY(split_gap_ms, SIM_CLASS_PARTITION, 333, 10000),
    FIELD(split_rest_ms, SIM_CLASS_PARTITION, HOW_EVENLY, 0, 200, 1000000),
    FAULT(split_ms, SIM_CLASS_PARTITION, 100, 1000),
    FIELD(split_least_ms, SIM_CLASS_PARTITION, HOW_EVENLY, 1000, 2000, 1000000),
    EVERY(cut_gap_ms, SIM_CLASS_CUT, 300, 10000),
    FAULT(cut_ms, SIM_CLASS_CUT, 50, 3000),
    EVERY(clog_gap_ms, SIM_CLASS_CLOG, 500, 50000),
    FAULT(clog_ms, SIM_CLASS_CLOG, 10, 5000),
    EVERY(filter_gap_ms, SIM_CLASS_FILTER, 300, 10000),
    FAULT(filter_ms, SIM_CLASS_FILTER, 50, 3000),
    EVERY(slow_gap_ms, SIM_CLASS_SLOW, 300, 10000),
    FAULT(slow_ms, SIM_CLASS_SLOW, 50, 3000),
    FIELD(slow_us, SIM_CLASS_SLOW, HOW_LOG, 1000, 1000000, 10000000),
    FAULT(stall_ms, SIM_CLASS_STALL, 100, 30000),
    PPM(eio_ppm, SIM_CLASS_EIO, 100, 10000),
    EVERY(broken_gap_ms, SIM_CLASS_BROKEN, 300, 10000),
    FAULT(broken_ms, SIM_CLASS_BROKEN, 50, 3000),
    PPM(short_ppm, SIM_CLASS_SHORT, 1000, 100000),
    PPM(sync_ppm, SIM_CLASS_SYNC, 100, 10000),
    EVERY(full_gap_ms, SIM_CLASS_FULL, 300, 10000),
    FAULT(full_ms, SIM_CLASS_FULL, 50, 3000),
    PPM(enospc_ppm, SIM_CLASS_FULL, 100, 10000),
    EVERY(crash_gap_ms, SIM_CLASS_CRASH, 1000, 60000),
    PPM(crash_io_ppm, SIM_CLASS_CRASH_IO, 100, 5000),
    PPM(crash_send_ppm, SIM_CLASS_CRASH_IO, 100, 5000),
    EVERY(power_gap_ms, SIM_CLASS_POWER, 2000, 60000),
    EVERY(pause_gap_ms, SIM_CLASS_PAUSE, 2000, 120000),
    FAULT(pause_ms, SIM_CLASS_PAUSE, 1, 20), /* in election timeouts, as drawn */
    FIELD(drift_ppm, SIM_CLASS_DRIFT, HOW_LOG, 50, 50000, 499999),
    EVERY(step_gap_ms, SIM_CLASS_STEP, 300, 10000),
    FAULT(step_ms, SIM_CLASS_STEP, 10, 300000),
    EVERY(freeze_gap_ms, SIM_CLASS_FREEZE, 300, 10000),
    FAULT(freeze_ms, SIM_CLASS_FREEZE, 50, 3000),
    EVERY(strobe_gap_ms, SIM_CLASS_STROBE, 300, 10000),
    FAULT(strobe_ms, SIM_CLASS_STROBE, 50, 3000),
    FAULT(strobe_us, SIM_CLASS_STROBE, 1000, 500000),
    PPM(late_ppm, SIM_CLASS_LATE, 1000, 300000),
    FAULT(late_us, SIM_CLASS_LATE, 1000, 50000),
    EVERY(squeeze_gap_ms, SIM_CLASS_SQUEEZE, 300, 10000),
    FAULT(squeeze_ms, SIM_CLASS_SQUEEZE, 50, 3000),
    PPM(memory_ppm, SIM_CLASS_MEMORY, 10, 1000),
    PPM(refuse_ppm, SIM_CLASS_REFUSE, 100, 20000),
    PPM(machine_ppm, SIM_CLASS_MACHINE, 100, 5000),
    PPM(exit_ppm, SIM_CLASS_EXIT, 10, 2000),
    EVERY(ro_gap_ms, SIM_CLASS_READ_ONLY, 300, 10000),
    FAULT(ro_ms, SIM_CLASS_READ_ONLY, 50, 3000),
    EVERY(transfer_gap_ms, SIM_CLASS_TRANSFER, 100, 10000),
    EVERY(campaign_gap_ms, SIM_CLASS_CAMPAIGN, 100, 10000),
    EVERY(restart_gap_ms, SIM_CLASS_RESTART, 300, 10000),
    EVERY(rot_gap_ms, SIM_CLASS_ROT, 1000, 10000),
    PPM(lose_ppm, SIM_CLASS_LIE, 100, 5000),
    PPM(misdirect_ppm, SIM_CLASS_LIE, 100, 5000),
    EVERY(wipe_gap_ms, SIM_CLASS_WIPE, 1000, 10000),
    EVERY(restore_gap_ms, SIM_CLASS_RESTORE, 2000, 10000),
    EVERY(members_gap_ms, SIM_CLASS_MEMBERS, 100, 10000),
};
#define FIELD_COUNT (sizeof fields / sizeof fields[0])

static const char *const modes[SIM_MODE_COUNT] = {
    [SIM_MODE_CALM] = "calm",
    [SIM_MODE_SWARM] = "swarm",
    [SIM_MODE_MAXIMUM] = "maximum",
    [SIM_MODE_NASTY] = "nasty",
    [SIM_MODE_UNRESTRICTED] = "unrestricted",
};

static uint64_t *value_of(struct sim_draw *draw, const struct field *field)
{
    return (uint64_t *)(void *)((char *)draw + field->offset);
}

static uint64_t value_get(const struct sim_draw *draw, const struct field *field)
{
    return *(const uint64_t *)(const void *)((const char *)draw + field->offset);
}

/* ---- drawing ---- */

/* low * 2^(step / 8), at most high. */
static uint64_t log_step(uint64_t low, uint64_t high, uint64_t step)
{
    static const uint64_t eighths[8] = {256, 279, 304, 332, 362, 395, 431, 470}; /* 256 * 2^(i/8) */
    assert(low > 0 && step / 8 < 32);
    uint64_t value = ((low << (step / 8)) * eighths[step % 8]) >> 8;
    return value < high ? value : high;
}

/* Steps until high is reached. */
static uint64_t log_steps(uint64_t low, uint64_t high)
{
    uint64_t steps = 0;
    while (log_step(low, high, steps) < high) {
        steps++;
    }
    return steps;
}

static uint64_t draw_log(struct sim_stream *stream, const struct field *field,
                         enum sim_profile_mode mode)
{
    bool falls = field->how == HOW_INTERVAL;
    uint64_t steps = log_steps(field->low, field->high);
    uint64_t least = 0;
    uint64_t most = steps;
    if (field->class_ != NO_CLASS && mode == SIM_MODE_NASTY) {
        least = falls ? 0 : steps / 2;
        most = falls ? steps / 2 : steps;
    } else if (field->class_ != NO_CLASS && mode == SIM_MODE_MAXIMUM) {
        least = most = falls ? 0 : steps;
    }
    uint64_t step = sim_draw_between(stream, least, most);
    return log_step(field->low, field->high, step);
}

static void stream_open(struct sim_stream *stream, uint64_t seed, const char *name)
{
    sim_stream_init(stream, seed, SIM_STREAM_PROFILE, sim_hash(name, strlen(name), 0), 0);
}

static uint64_t draw_alone(uint64_t seed, const char *name, uint64_t bound)
{
    struct sim_stream stream;
    stream_open(&stream, seed, name);
    return sim_draw_below(&stream, bound);
}

static enum sim_profile_mode draw_mode(enum sim_profile_kind kind, uint64_t seed)
{
    switch (kind) {
    case SIM_PROFILE_CALM:
        return SIM_MODE_CALM;
    case SIM_PROFILE_NASTY:
        return SIM_MODE_NASTY;
    case SIM_PROFILE_UNRESTRICTED:
        return SIM_MODE_UNRESTRICTED;
    case SIM_PROFILE_SWARM: {
        uint64_t percent = draw_alone(seed, "mode", 100);
        return percent < 15   ? SIM_MODE_CALM
               : percent < 80 ? SIM_MODE_SWARM
               : percent < 90 ? SIM_MODE_MAXIMUM
                              : SIM_MODE_UNRESTRICTED;
    }
    case SIM_PROFILE_NONE:
    case SIM_PROFILE_COUNT:
        break;
    }
    assert(!"not a profile");
    return SIM_MODE_CALM;
}

/* Whose coin decides whether a class is on: all that forbids leases is on together, so that half of
 * the runs may have them. */
static const char *coin_of(enum sim_fault_class class_)
{
    bool is_of_clocks = class_ == SIM_CLASS_FREEZE || class_ == SIM_CLASS_STROBE;
    return sim_class_string(is_of_clocks ? SIM_CLASS_STEP : class_);
}

/* The classes that are on, as bits. */
static uint64_t draw_classes(enum sim_profile_mode mode, uint64_t seed)
{
    uint64_t on = 0;
    if (mode == SIM_MODE_CALM) {
        return 0;
    }
    if (mode == SIM_MODE_MAXIMUM) {
        return UINT64_C(1) << draw_alone(seed, "class", SIM_CLASS_COUNT);
    }
    for (uint32_t i = 0; i < SIM_CLASS_COUNT; i++) {
        const char *name = coin_of((enum sim_fault_class)i);
        struct sim_stream stream;
        sim_stream_init(&stream, seed, SIM_STREAM_PROFILE, sim_hash(name, strlen(name), 0), COIN);
        on |= (uint64_t)(sim_draw_below(&stream, 2) == 0) << i;
    }
    /* Damage fixes who may be hurt at all: most runs are without. */
    if (draw_alone(seed, "damage", 4) != 0) {
        on &= (UINT64_C(1) << SIM_CLASS_DAMAGE) - 1;
    }
    return on;
}

static uint64_t least_of(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Size and timeouts, and delays that such timeouts can live with. */
static void draw_cluster(struct sim_draw *draw, uint64_t seed)
{
    static const struct {
        uint64_t below; /* per cent */
        uint64_t nodes;
    } sizes[] = {{3, 1}, {8, 2}, {53, 3}, {60, 4}, {90, 5}, {100, 7}};
    static const uint64_t timeouts[][2] = {
        {50, 150}, {29, 271}, {101, 521}, {100, 1000}, {100, 2000}};
    uint64_t percent = draw_alone(seed, "nodes", 100);
    uint32_t size = 0;
    while (percent >= sizes[size].below) {
        size++;
    }
    draw->nodes = sizes[size].nodes;
    uint64_t timeout = draw_alone(seed, "timeouts", sizeof timeouts / sizeof timeouts[0]);
    draw->heartbeat_ms = timeouts[timeout][0];
    draw->election_ms = timeouts[timeout][1];
    uint64_t election_us = draw->election_ms * 1000;
    draw->latency_us = least_of(draw->latency_us, election_us / 32);
    draw->jitter_us = least_of(draw->jitter_us, election_us / 32);
    draw->write_us = least_of(draw->write_us, election_us / 128);
    draw->sync_us = least_of(draw->sync_us, election_us / 64);
    if (draw_alone(seed, "fifo", 4) == 0) {
        draw->jitter_us = 0; /* links keep their order */
    }
    draw->pause_ms *= draw->election_ms;
    draw->learners = draw_alone(seed, "learners", 3);
    draw->witness = draw_alone(seed, "witness", 8) == 0;
    draw->prefers = draw_alone(seed, "prefers", 4) == 0;
    /* Who was removed and has not heard of it is kept from disturbing by pre-vote alone. */
    draw->prevote = draw_alone(seed, "prevote", 8) != 0 || draw->members_gap_ms != 0;
    draw->quorum = draw_alone(seed, "quorum", 8) != 0;
    draw->drift_ppm *= draw->mode == SIM_MODE_UNRESTRICTED ? 2 : 1;
    if (draw->drift_ppm != 0 && draw_alone(seed, "tight", 2) == 0) {
        draw->bound_ppm = draw->drift_ppm; /* the nodes know it, and have nothing to spare */
    }
    bool clocks_are_fit = draw->step_gap_ms == 0 && draw->freeze_gap_ms == 0 &&
                          draw->strobe_gap_ms == 0 && draw->drift_ppm <= draw->bound_ppm;
    draw->lease = draw_alone(seed, "lease", 2) == 0 && draw->quorum != 0 && clocks_are_fit;
}

static void draw_loads(struct sim_draw *draw, uint64_t seed)
{
    if (draw->batch_bytes < draw->payload) {
        draw->batch_bytes = draw->payload;
    }
    draw->by_index = draw->clients / 2;
    if (draw->by_index > 0 && draw->gets == 0) {
        draw->gets = 1;
    }
    draw->sessions = SIM_SESSIONS_MAX;
    if (draw_alone(seed, "sessions", 8) == 0) {
        draw->sessions = 1 + draw_alone(seed, "sessions_max", 2 * draw->clients);
    }
    if (draw_alone(seed, "bursts", 2) == 0) {
        draw->busy_ms = 1 + draw_alone(seed, "busy_ms", BURST_MS_MAX);
        draw->quiet_ms = 1 + draw_alone(seed, "quiet_ms", BURST_MS_MAX);
    }
    uint64_t padded = draw_alone(seed, "padding", 16);
    if (padded == 0) {
        draw->padding = draw->payload; /* every command is too large */
    } else if (padded < 8 && draw->payload > COMMAND_MAX) {
        draw->padding = draw_alone(seed, "padding_bytes", draw->payload - COMMAND_MAX);
    }
}

void sim_profile_draw(enum sim_profile_kind kind, uint64_t seed, struct sim_draw *out_draw)
{
    assert(kind > SIM_PROFILE_NONE && kind < SIM_PROFILE_COUNT);
    memset(out_draw, 0, sizeof *out_draw);
    enum sim_profile_mode mode = draw_mode(kind, seed);
    uint64_t on = draw_classes(mode, seed);
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        const struct field *field = &fields[i];
        struct sim_stream stream;
        bool is_off = field->class_ != NO_CLASS && (on >> field->class_ & 1u) == 0;
        if (field->how == HOW_NOT || is_off) {
            continue;
        }
        stream_open(&stream, seed, field->name);
        *value_of(out_draw, field) = field->how == HOW_EVENLY
                                         ? sim_draw_between(&stream, field->low, field->high)
                                         : draw_log(&stream, field, mode);
    }
    out_draw->mode = (uint64_t)mode;
    out_draw->length_ms = LENGTH_MS;
    out_draw->least_ms = LEAST_MS;
    out_draw->snapshots = SNAPSHOTS;
    draw_cluster(out_draw, seed);
    draw_loads(out_draw, seed);
}

bool sim_profile_has(const struct sim_draw *draw, enum sim_fault_class class_)
{
    assert((unsigned)class_ < SIM_CLASS_COUNT);
    bool has = false;
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        has |= fields[i].class_ == (uint32_t)class_ && value_get(draw, &fields[i]) != 0;
    }
    return has;
}

/* ---- words ---- */

size_t sim_profile_print(const struct sim_draw *draw, const struct sim_draw *drawn, char *text,
                         size_t text_size)
{
    size_t used = 0;
    assert(text_size > 0 && draw->mode < SIM_MODE_COUNT);
    text[0] = '\0';
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        uint64_t value = value_get(draw, &fields[i]);
        bool is_telling = value != 0 && value != fields[i].usual;
        char word[64];
        if (i == 0) {
            snprintf(word, sizeof word, "mode=%s", modes[value]);
        } else if (is_telling || value != value_get(drawn, &fields[i])) {
            snprintf(word, sizeof word, " %s=%" PRIu64, fields[i].name, value);
        } else {
            continue;
        }
        if (used < text_size) {
            snprintf(text + used, text_size - used, "%s", word);
        }
        used += strlen(word);
    }
    return used;
}

static const struct field *field_find(const char *word, size_t length)
{
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        if (strlen(fields[i].name) == length && memcmp(fields[i].name, word, length) == 0) {
            return &fields[i];
        }
    }
    return NULL;
}

/* Reads a value; false: it is none. */
static bool value_read(const struct field *field, const char *text, size_t length,
                       uint64_t *out_value)
{
    char word[32];
    char *end = NULL;
    if (length == 0 || length >= sizeof word) {
        return false;
    }
    memcpy(word, text, length);
    word[length] = '\0';
    if (field == &fields[0]) {
        for (uint32_t i = 0; i < SIM_MODE_COUNT; i++) {
            if (strcmp(word, modes[i]) == 0) {
                *out_value = i;
                return true;
            }
        }
        return false;
    }
    *out_value = strtoull(word, &end, 10);
    return word[0] >= '0' && word[0] <= '9' && *end == '\0';
}

bool sim_profile_override(struct sim_draw *draw, const char *parameters, char *error,
                          size_t error_size)
{
    for (const char *at = parameters; *at != '\0';) {
        size_t pair = strcspn(at, " ");
        size_t length = strcspn(at, "= ");
        const struct field *field = field_find(at, length);
        uint64_t value = 0;
        if (field == NULL) {
            snprintf(error, error_size, "a profile has no parameter '%.*s'", (int)length, at);
            return false;
        }
        uint64_t limit = field->limit != 0 ? field->limit : field->high;
        bool is_read =
            length < pair && value_read(field, at + length + 1, pair - length - 1, &value);
        /* A delay may be 0 even where none is drawn. */
        bool is_delay = strstr(field->name, "_us") != NULL;
        bool is_low = field->class_ == NO_CLASS && value == 0 && field->low > 0 && !is_delay;
        if (!is_read || value > limit || is_low) {
            snprintf(error, error_size, "'%.*s': not a value of %s, at most %" PRIu64, (int)pair,
                     at, field->name, limit);
            return false;
        }
        *value_of(draw, field) = value;
        at += pair;
        at += strspn(at, " ");
    }
    return true;
}
