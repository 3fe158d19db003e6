/* The wire: framing, and buffers that reassemble frames.
 *
 * A frame is a head and its payload; payloads are whole structs, so every part of a frame stands at
 * a multiple of eight bytes. Both ends are the same program: no conversion.
 *
 * 1. A frame is delivered whole or not at all: what a dying worker left unfinished is dropped.
 * 2. A buffer begins at a frame. */
#include "wire.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

_Static_assert(sizeof(struct sim_frame) % 8 == 0, "payloads are aligned");
_Static_assert(sizeof(struct sim_frame_result) % 8 == 0, "injections are aligned");
_Static_assert(sizeof(struct sim_injection) % 8 == 0, "leaks are aligned");
_Static_assert(sizeof(struct sim_leak) % 8 == 0, "coverage is aligned");
_Static_assert(sizeof(struct sim_coverage) % 8 == 0, "oracles are aligned");

uint64_t sim_monotonic_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

bool sim_wire_write(int fd, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    while (size > 0) {
        ssize_t written = write(fd, at, size);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            return false;
        }
        at += written;
        size -= (size_t)written;
    }
    return true;
}

bool sim_wire_send(int fd, enum sim_frame_kind kind, const void *payload, size_t size)
{
    assert(size <= UINT32_MAX);
    assert(size % 8 == 0);
    struct sim_frame frame = {.kind = (uint32_t)kind, .size = (uint32_t)size};
    return sim_wire_write(fd, &frame, sizeof frame) && sim_wire_write(fd, payload, size);
}

bool sim_wire_read(int fd, void *bytes, size_t size)
{
    uint8_t *at = bytes;
    while (size > 0) {
        ssize_t got = read(fd, at, size);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return false;
        }
        at += got;
        size -= (size_t)got;
    }
    return true;
}

long sim_buffer_fill(struct sim_buffer *buffer, int fd)
{
    if (buffer->capacity - buffer->used < 65536) {
        size_t capacity = buffer->capacity == 0 ? 262144 : buffer->capacity * 2;
        uint8_t *bytes = realloc(buffer->bytes, capacity);
        if (bytes == NULL) {
            return 0;
        }
        buffer->bytes = bytes;
        buffer->capacity = capacity;
    }
    ssize_t got = read(fd, buffer->bytes + buffer->used, buffer->capacity - buffer->used);
    if (got < 0) {
        return errno == EAGAIN || errno == EINTR ? -1 : 0;
    }
    buffer->used += (size_t)got;
    return (long)got;
}

const struct sim_frame *sim_buffer_frame(const struct sim_buffer *buffer)
{
    if (buffer->used < sizeof(struct sim_frame)) {
        return NULL;
    }
    const struct sim_frame *frame = (const struct sim_frame *)(const void *)buffer->bytes;
    return buffer->used - sizeof *frame >= frame->size ? frame : NULL;
}

void sim_buffer_consume(struct sim_buffer *buffer, size_t size)
{
    assert(size <= buffer->used);
    buffer->used -= size;
    memmove(buffer->bytes, buffer->bytes + size, buffer->used);
}

void sim_buffer_release(struct sim_buffer *buffer)
{
    free(buffer->bytes);
    *buffer = (struct sim_buffer){0};
}

bool sim_frame_parse(const struct sim_frame *frame, const struct sim_catalogue *catalogue,
                     struct sim_row *out_result)
{
    assert(frame->kind == SIM_FRAME_RESULT);
    const struct sim_frame_result *head =
        (const struct sim_frame_result *)(const void *)(frame + 1);
    if (frame->size < sizeof *head || head->scenario >= catalogue->count) {
        return false;
    }
    const struct sim_catalogue_scenario *scenario = &catalogue->scenarios[head->scenario];
    if (head->variant >= scenario->variant_count) {
        return false;
    }
    const struct sim_injection *injections = (const struct sim_injection *)(const void *)(head + 1);
    const struct sim_leak *leaks =
        (const struct sim_leak *)(const void *)(injections + head->injection_count);
    const struct sim_coverage *coverage =
        (const struct sim_coverage *)(const void *)(leaks + head->leak_count);
    const struct sim_oracle_delta *oracles =
        (const struct sim_oracle_delta *)(const void *)(coverage + head->coverage_count);
    const uint8_t *entered = (const uint8_t *)(oracles + head->oracle_count);
    const uint8_t *end = entered + SIM_ENTERED_SIZE(head->edge_count);
    if (end != (const uint8_t *)(frame + 1) + frame->size) {
        return false;
    }
    *out_result = (struct sim_row){
        .scenario = scenario,
        .scenario_index = head->scenario,
        .parameters = scenario->variants[head->variant],
        .execution = &head->execution,
        .finding = head->has_finding != 0 ? &head->finding : NULL,
        .injections = injections,
        .injection_count = head->injection_count,
        .leaks = leaks,
        .leak_count = head->leak_count,
        .steps = head->steps,
        .probes = head->probes,
        .coverage = coverage,
        .coverage_count = head->coverage_count,
        .oracles = head->oracle_count == SIM_ORACLE_COUNT ? oracles : NULL,
        .entered = entered,
        .edge_count = head->edge_count,
    };
    return true;
}
