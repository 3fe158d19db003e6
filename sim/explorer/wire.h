/* The wire between a worker and its parent: frames of plain structs through a pipe, and one page of
 * shared memory that says what the worker is doing when it can no longer say so itself. */
#ifndef SIM_EXPLORER_WIRE_H
#define SIM_EXPLORER_WIRE_H

#include "explorer.h"
#include <sim/fault.h>
#include <sim/probe.h>
#include <stdatomic.h>

enum sim_frame_kind {
    SIM_FRAME_RESULT = 1, /* sim_frame_result, then its arrays */
    SIM_FRAME_SELECTION,  /* sim_selection */
    SIM_FRAME_DONE,       /* the task is finished; no payload */
};

struct sim_frame {
    uint32_t kind;
    uint32_t size; /* of the payload, bytes */
};

/* Head of a result; injections, leaks, coverage, oracles and a bit for each edge follow in this
 * order. */
struct sim_frame_result {
    struct sim_execution execution;
    struct sim_finding finding;
    uint64_t steps;
    uint32_t scenario;
    uint32_t variant;
    uint32_t injection_count;
    uint32_t leak_count;
    uint32_t coverage_count;
    uint32_t oracle_count; /* 0 or SIM_ORACLE_COUNT */
    uint32_t has_finding;
    uint32_t edge_count;
    uint32_t probes[(SIM_PROBE_COUNT + 1) / 2 * 2]; /* by enum sim_probe */
};

/* Bytes of a bit for each edge, so many that the payload stays aligned. */
#define SIM_ENTERED_SIZE(edges) (((size_t)(edges) + 63) / 64 * 8)

/* What a worker is doing. Written by the worker, read by the parent: at any time the atomic
 * members, the others when the worker is dead. */
struct sim_page {
    _Atomic uint64_t executions; /* begun so far */
    _Atomic uint64_t started_ns; /* of the current one, monotonic clock; 0: idle */
    _Atomic uint64_t event;      /* number of the last event that was handled */
    _Atomic bool stop;           /* set by the parent: finish early */
    uint64_t sim_ns;
    uint64_t seed;
    uint64_t shots;       /* sweep: injections of the shard begun; 0: the base run */
    struct sim_shot shot; /* of the current execution; occurrence 0: none */
    char plan[SIM_TEXT_MAX];
    char twin[SIM_TEXT_MAX]; /* the fault that its twin, which is running, lacks; "": none is */
};

/* Bytes that have arrived. */
struct sim_buffer {
    uint8_t *bytes;
    size_t used;
    size_t capacity;
};

uint64_t sim_monotonic_ns(void);

/* Writes all bytes to a pipe. False if the reader is gone. */
bool sim_wire_write(int fd, const void *bytes, size_t size);
bool sim_wire_send(int fd, enum sim_frame_kind kind, const void *payload, size_t size);
/* Reads exactly size bytes. False at the end of the pipe. */
bool sim_wire_read(int fd, void *bytes, size_t size);

/* Reads what is there. Returns how many bytes; 0 at the end of the pipe; -1: nothing now. */
long sim_buffer_fill(struct sim_buffer *buffer, int fd);
/* The first whole frame, or NULL. */
const struct sim_frame *sim_buffer_frame(const struct sim_buffer *buffer);
void sim_buffer_consume(struct sim_buffer *buffer, size_t size);
void sim_buffer_release(struct sim_buffer *buffer);
/* Points out_result into a frame. False if the frame is malformed. */
bool sim_frame_parse(const struct sim_frame *frame, const struct sim_catalogue *catalogue,
                     struct sim_row *out_result);

#endif
