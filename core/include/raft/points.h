/* Fault points: every place of the core that can fail has a name.
 *
 * fault_points.def lists them once. A point is passed to each fallible function of the environment,
 * so that a call without a name does not compile; early returns that the state itself provokes
 * ("exits") go through raft_exit_taken(). Every failing status is born at exactly one point. */
#ifndef RAFT_POINTS_H
#define RAFT_POINTS_H

#include <raft/types.h>

enum raft_point_kind {
    RAFT_POINT_MEMORY,  /* a call to the allocator: injection returns NULL */
    RAFT_POINT_FILE,    /* a call to the file interface */
    RAFT_POINT_QUEUE,   /* a hand-over that can be refused: the caller keeps ownership */
    RAFT_POINT_MACHINE, /* the state machine's own errors */
    RAFT_POINT_EXIT,    /* an early return that the state provokes */
    RAFT_POINT_KIND_COUNT
};

/* What an injection may do at a point; a bit each in raft_point_info.outcomes. */
enum raft_outcome {
    RAFT_OUTCOME_NULL,         /* memory: NULL */
    RAFT_OUTCOME_EIO,          /* file: the device fails, nothing was done */
    RAFT_OUTCOME_ENOSPC,       /* file: no space, nothing was done */
    RAFT_OUTCOME_SHORT,        /* file: only a first part was transferred */
    RAFT_OUTCOME_REFUSE,       /* queue: not taken */
    RAFT_OUTCOME_ERROR,        /* machine: reports an error */
    RAFT_OUTCOME_TAKE,         /* exit: taken although the state did not ask for it */
    RAFT_OUTCOME_CRASH_BEFORE, /* file: the process dies before the operation */
    RAFT_OUTCOME_CRASH_AFTER,  /* file: the process dies after it, before it hears of it */
    RAFT_OUTCOME_COUNT
};

#define RAFT_OUTCOMES_NONE   0u
#define RAFT_OUTCOMES_MEMORY (1u << RAFT_OUTCOME_NULL)
#define RAFT_OUTCOMES_CRASH  ((1u << RAFT_OUTCOME_CRASH_BEFORE) | (1u << RAFT_OUTCOME_CRASH_AFTER))
#define RAFT_OUTCOMES_READ                                                                         \
    ((1u << RAFT_OUTCOME_EIO) | (1u << RAFT_OUTCOME_SHORT) | RAFT_OUTCOMES_CRASH)
#define RAFT_OUTCOMES_SYNC  ((1u << RAFT_OUTCOME_EIO) | RAFT_OUTCOMES_CRASH)
#define RAFT_OUTCOMES_WRITE (RAFT_OUTCOMES_READ | (1u << RAFT_OUTCOME_ENOSPC))
#define RAFT_OUTCOMES_META  (RAFT_OUTCOMES_SYNC | (1u << RAFT_OUTCOME_ENOSPC))
#define RAFT_OUTCOMES_QUEUE (1u << RAFT_OUTCOME_REFUSE)
/* Operations handed over with io_submit may also be refused. */
#define RAFT_OUTCOMES_SUBMIT_READ  (RAFT_OUTCOMES_READ | RAFT_OUTCOMES_QUEUE)
#define RAFT_OUTCOMES_SUBMIT_WRITE (RAFT_OUTCOMES_WRITE | RAFT_OUTCOMES_QUEUE)
#define RAFT_OUTCOMES_SUBMIT_SYNC  (RAFT_OUTCOMES_SYNC | RAFT_OUTCOMES_QUEUE)
#define RAFT_OUTCOMES_SUBMIT_META  (RAFT_OUTCOMES_META | RAFT_OUTCOMES_QUEUE)
#define RAFT_OUTCOMES_MACHINE      (1u << RAFT_OUTCOME_ERROR)
/* The state machine may also have no time for it now. */
#define RAFT_OUTCOMES_FREEZE (RAFT_OUTCOMES_MACHINE | RAFT_OUTCOMES_QUEUE)
#define RAFT_OUTCOMES_EXIT   (1u << RAFT_OUTCOME_TAKE)

enum raft_point {
#define RAFT_FAULT_POINT(id, name, kind, outcomes, meaning) RAFT_AT_##id,
#include <raft/fault_points.def>
    RAFT_POINT_COUNT
};

struct raft_point_info {
    const char *name; /* area.operation.step */
    enum raft_point_kind kind;
    uint32_t outcomes; /* bits of enum raft_outcome; none: the exit is only counted */
    const char *meaning;
};

extern const struct raft_point_info raft_points[RAFT_POINT_COUNT];

/* Whether a sweep of the library of scenarios fires an outcome of a point. */
enum raft_point_class {
    RAFT_CLASS_ALWAYS, /* it must */
    RAFT_CLASS_RARE,   /* it may happen, but no scenario brings it about */
    RAFT_CLASS_NEVER,  /* it cannot happen in a node */
    RAFT_CLASS_COUNT
};

struct raft_point_exception {
    enum raft_point point;
    uint32_t outcomes; /* as in raft_point_info; none: the state takes the exit */
    enum raft_point_class class;
    const char *reason; /* why no scenario does, or the proof */
};

enum {
#define RAFT_FAULT_EXCEPTION(id, outcomes, class, reason) RAFT_EXCEPTION_##id##_##outcomes,
#include <raft/fault_points.def>
    RAFT_EXCEPTION_COUNT
};

/* All that is not ALWAYS. */
extern const struct raft_point_exception raft_point_exceptions[RAFT_EXCEPTION_COUNT];

struct raft_entry;

/* Who may have a reference to an entry; entry.h has the census. */
enum raft_holder {
    RAFT_HOLDER_LOG,
    RAFT_HOLDER_STORAGE,
    RAFT_HOLDER_REPLICATION,
    RAFT_HOLDER_APPLY,
    RAFT_HOLDER_REQUEST,
    RAFT_HOLDER_MESSAGE,
    RAFT_HOLDER_LOADING,
    RAFT_HOLDER_COUNT
};

/* The gate of a point. Each consultation increments hits; from the stop_at-th on, the probe is
 * asked what to do, so that a disarmed point costs one increment and one predictable branch. */
struct raft_gate {
    uint64_t hits;
    uint64_t stop_at; /* UINT64_MAX: disarmed */
};

/* What an observer wants to know; NULL in a server. The probe must outlive the node. */
struct raft_probe {
    void *ctx;
    struct raft_gate *gates; /* [RAFT_POINT_COUNT], owned by the observer */
    /* Called from the gate's stop_at-th consultation on. Returns whether to take the exit; a state
     * that asks for the exit (condition) always takes it. */
    bool (*exit)(void *ctx, enum raft_point point, bool condition);
    /* Called whenever the state itself takes an exit. */
    void (*exit_taken)(void *ctx, enum raft_point point);
    /* The entry's counts have been (hold) or are about to be (drop) changed. */
    void (*entry_held)(void *ctx, struct raft_entry *entry, enum raft_holder holder,
                       const char *site);
    void (*entry_dropped)(void *ctx, struct raft_entry *entry, enum raft_holder holder,
                          const char *site);
};

/* The allocator a node was created with. alloc returns zeroed or unzeroed memory aligned for any
 * object, or NULL; free accepts NULL. */
struct raft_memory {
    void *ctx;
    void *(*alloc)(void *ctx, enum raft_point point, size_t size);
    void (*free)(void *ctx, void *block);
    const struct raft_probe *probe; /* may be NULL */
};

/* Whether an early return is taken: because the state asks for it, or because a fault does. */
static inline bool raft_exit_taken(const struct raft_memory *memory, enum raft_point point,
                                   bool condition)
{
    const struct raft_probe *probe = memory->probe;
    bool taken = condition;
    if (probe == NULL) {
        return taken;
    }
    struct raft_gate *gate = &probe->gates[point];
    gate->hits++;
    if (gate->hits >= gate->stop_at) {
        taken = probe->exit(probe->ctx, point, condition);
    }
    if (condition) {
        probe->exit_taken(probe->ctx, point);
    }
    return taken;
}

#define RAFT_STRINGIFY_(x) #x
#define RAFT_STRINGIFY(x)  RAFT_STRINGIFY_(x)
/* The place in the code, for the ledger: "core/log/log.c:123". */
#define RAFT_SITE __FILE__ ":" RAFT_STRINGIFY(__LINE__)

#endif
