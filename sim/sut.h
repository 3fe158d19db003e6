/* The node under test behind one interface.
 *
 * The core of this project is the first implementation (sut_raft.c); another library, or a broken
 * copy of the core, is a shared object that exports `squall_sut`. Scenarios, oracles, sweeps and
 * reports know this interface only. An implementation gets everything it has from the environment
 * it is created with (raft/env.h), and keeps no state elsewhere unless it says so. The point that
 * it passes to the environment is an index into its own list; points are matched by name. */
#ifndef SIM_SUT_H
#define SIM_SUT_H

#include <raft/env.h>
#include <raft/raft.h>

#define SUT_ABI        7u
#define SUT_POINTS_MAX 480u /* of an implementation; the world has some of its own */
/* What a shared object exports: `const struct sut_ops *squall_sut(void)`, with default visibility;
 * everything else in it should be hidden. sut_raft.c compiled with SUT_EXPORT has it. */
#define SUT_SYMBOL "squall_sut"

/* The contract: what an implementation has, and what may be done to it. A scenario or an oracle
 * that needs what is not there is reported as skipped with the reason, never as passed. */
enum sut_feature {
    SUT_FEATURE_READ_ONLY = 1u << 0,
    SUT_FEATURE_PRE_VOTE = 1u << 1,
    SUT_FEATURE_CHECK_QUORUM = 1u << 2,
    SUT_FEATURE_LEDGER = 1u << 3,   /* reports holds and drops through the probe */
    SUT_FEATURE_DESCRIBE = 1u << 4, /* describe() works */
    SUT_FEATURE_DURABLE = 1u << 5,  /* read_durable() works */
    SUT_FEATURE_PROGRESS = 1u << 6, /* progress() works */
    SUT_FEATURE_CAMPAIGN = 1u << 7,
    SUT_FEATURE_TRANSFER = 1u << 9,
    SUT_FEATURE_READ = 1u << 10,       /* reads without a log entry */
    SUT_FEATURE_MEMBERSHIP = 1u << 11, /* change() and recover() work; configurations are entries
                                          that raft_configuration_decode reads */
    SUT_FEATURE_SNAPSHOT = 1u << 12,   /* snapshot() works */
    SUT_FEATURE_WITNESS = 1u << 13,    /* a witness has no data: its commands are elided entries */
    SUT_FEATURE_OUTSIDE = 1u << 8,     /* keeps state outside the arena: no checkpoints */
};

/* What a message is and claims. */
struct sut_message {
    const char *type; /* static: "append_req", "append_rep", "vote_req", "prevote_req", … */
    raft_node_id from;
    raft_node_id to;
    raft_term term; /* the sender's current term; claims_term says whether it must be durable */
    bool claims_term;
    raft_node_id claims_vote; /* a vote that must be durable in term; RAFT_NODE_NONE: none */
    raft_index claims_index;  /* log that must be durable up to here; 0: none */
    bool grants;              /* a vote or a pre-vote to somebody else */
    uint32_t entry_count;
    bool asks;           /* an append */
    bool matches;        /* the answer to one: the log agrees so far, whatever came of the rest */
    bool refuses;        /* the answer to one: the log has not what is before it */
    raft_index position; /* asks: before the entries; refuses: what is not there */
    struct raft_entry_id hint; /* refuses: up to where the sender may agree */
    raft_index piece_of;       /* a piece of the snapshot of this index; 0: none */
    uint64_t piece_offset;
};

struct sut_entry {
    struct raft_entry_id id;
    enum raft_entry_kind kind;
    uint32_t size;
    const uint8_t *payload; /* borrowed until the next call */
    bool damaged;           /* the store has lost its payload; the rest holds */
};

/* Receives what durable bytes say. */
struct sut_durable_sink {
    void *ctx;
    void (*hard_state)(void *ctx, raft_term term, raft_node_id vote);
    /* The file holds the log from this index on, whether its first entries can be read or not. */
    void (*segment)(void *ctx, raft_index first);
    void (*entry)(void *ctx, const struct sut_entry *entry);
    /* A whole snapshot, which stands for the log up to id, and bytes of its state. */
    void (*snapshot)(void *ctx, struct raft_entry_id id, uint64_t state_size);
};

/* The blocks of the implementation's code that the compiler knows, if it was told to mark those
 * that are entered (clang's -fsanitize-coverage=inline-bool-flag,pc-table). */
struct sut_edges {
    uint8_t *entered;        /* [count]: 1 once the block was entered */
    const uintptr_t *blocks; /* [2 * count]: address, flags of the compiler */
    uint32_t count;          /* 0: no block is marked */
};

struct sut_ops {
    uint32_t abi; /* SUT_ABI */
    const char *name;
    uint32_t features; /* enum sut_feature */
    const struct raft_point_info *points;
    uint32_t point_count;
    const struct raft_point_exception *exceptions; /* of points, by index into the list */
    uint32_t exception_count;
    const char *const *places;       /* of the points in the code, "file:line"; NULL if unknown */
    struct sut_edges (*edges)(void); /* may be NULL */

    /* As raft_replica_*. A node is created for each start; the environment outlives it. */
    enum raft_status (*create)(const struct raft_options *options, const struct raft_env *env,
                               void **out_node);
    enum raft_status (*start)(void *node, raft_time now_ns, bool bootstrap);
    void (*receive)(void *node, raft_time now_ns, const uint8_t *bytes, size_t size);
    void (*timer)(void *node, raft_time now_ns, enum raft_timer timer);
    void (*io_done)(void *node, raft_time now_ns, struct raft_io *io);
    void (*applied)(void *node, raft_time now_ns, enum raft_status status, raft_index index);
    enum raft_status (*submit)(void *node, raft_time now_ns, uint64_t request,
                               const uint8_t *payload, uint32_t size);
    void (*set_read_only)(void *node, raft_time now_ns, bool read_only);
    enum raft_status (*campaign)(void *node, raft_time now_ns);
    enum raft_status (*transfer)(void *node, raft_time now_ns, raft_node_id target);
    enum raft_status (*snapshot)(void *node, raft_time now_ns);
    enum raft_status (*read)(void *node, raft_time now_ns, uint64_t request);
    enum raft_status (*change)(void *node, raft_time now_ns, uint64_t request,
                               const struct raft_configuration *target);
    enum raft_status (*recover)(void *node, raft_time now_ns,
                                const struct raft_configuration *target);
    void (*stop)(void *node, raft_time now_ns);
    void (*destroy)(void *node);

    void (*view)(const void *node, struct raft_view *out_view);
    bool (*progress)(const void *node, raft_node_id peer, struct raft_progress_view *out_view);
    bool (*entry)(const void *node, raft_index index, struct sut_entry *out_entry);
    const char *(*invariant_broken)(const void *node);

    /* What an encoded message claims. False: not a message. */
    bool (*describe)(const uint8_t *bytes, size_t size, struct sut_message *out_message);
    /* Reads the durable bytes of one file from an offset that an earlier call returned (0 at
     * first), independently of the implementation's own recovery, and returns how far it came. */
    size_t (*read_durable)(const char *name, const uint8_t *bytes, size_t size, size_t from,
                           const struct sut_durable_sink *sink);
};

/* The core of this project. */
extern const struct sut_ops sut_raft;

/* Loads a shared object in its own symbol scope. NULL with a message in error. */
const struct sut_ops *sut_load(const char *path, char *error, size_t error_size);

#endif
