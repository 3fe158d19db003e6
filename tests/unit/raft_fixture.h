/* A consensus machine by itself, for its unit tests: events in, effects collected. */
#ifndef TESTS_RAFT_FIXTURE_H
#define TESTS_RAFT_FIXTURE_H

#include "core_memory.h"
#include "unit.h"

#include <raft/raft.h>

#define T_MIN     ((raft_time)150)
#define T_MAX     ((raft_time)300)
#define HEARTBEAT ((raft_time)50)
#define RETRY     ((raft_time)20)

static struct core_memory memory;
static struct raft_log log_;
static struct raft *raft;
static struct raft_view view;
static raft_time now;

static inline struct raft_entry_id id(raft_term term, raft_index index)
{
    return (struct raft_entry_id){term, index};
}

/* What READY has asked for since the last drain. */
static struct {
    struct raft_message sent[32];
    int sent_count;
    int persist_state, persist_entries, truncate, apply, probe, lost;
    int changed; /* how often a change has ended */
    struct raft_effect last_changed;
    int compact, reset, repair, save, receive, fetch, restore, load;
    struct raft_effect last_load;
    struct raft_effect last_log;      /* COMPACT or RESET */
    struct raft_effect last_snapshot; /* SAVE, RECEIVE or FETCH, without its bytes */
    uint64_t reads;                   /* round confirmed */
    raft_index completed;             /* requests are, up to here */
    raft_time deadline_ns[RAFT_TIMER_COUNT];
    struct raft_effect last_entries;
    struct raft_hard_state last_state;
} seen;

/* What a request comes to. */
static inline enum raft_status try(struct raft_event event)
{
    struct raft_effect effect;
    event.now_ns = now;
    enum raft_status status = raft_step(raft, &event, &effect);
    ck_assert_int_eq(effect.type, RAFT_EFFECT_NONE);
    return status;
}

static inline void feed(struct raft_event event)
{
    ck_assert_int_eq(try(event), RAFT_OK);
}

/* Whether batches are left unanswered. */
static bool holds_applies;

static inline void see_snapshot(struct raft_effect *effect)
{
    seen.last_snapshot = *effect;
    seen.last_snapshot.bytes = NULL;
    raft_effect_release(&memory.memory, effect);
}

/* Collects effects; entries and pieces of messages are counted and given back. */
static inline void drain(void)
{
    struct raft_effect effect;
    struct raft_event ready = {.type = RAFT_EVENT_READY, .now_ns = now};
    memset(&seen, 0, sizeof seen);
    do {
        ck_assert_int_eq(raft_step(raft, &ready, &effect), RAFT_OK);
        switch (effect.type) {
        case RAFT_EFFECT_SEND:
            seen.sent[seen.sent_count] = effect.message;
            seen.sent[seen.sent_count].bytes = NULL;
            seen.sent[seen.sent_count++].entries = NULL;
            raft_effect_release(&memory.memory, &effect);
            break;
        case RAFT_EFFECT_PERSIST_STATE:
            seen.persist_state++;
            seen.last_state = effect.state;
            break;
        case RAFT_EFFECT_PERSIST_ENTRIES:
            seen.persist_entries++;
            seen.last_entries = effect;
            break;
        case RAFT_EFFECT_TRUNCATE:
            seen.truncate++;
            break;
        case RAFT_EFFECT_PROBE:
            seen.probe++;
            break;
        case RAFT_EFFECT_APPLY:
            seen.apply++;
            raft_effect_release(&memory.memory, &effect);
            if (!holds_applies) {
                feed((struct raft_event){.type = RAFT_EVENT_APPLIED, .id = effect.last});
            }
            break;
        case RAFT_EFFECT_COMPACT:
            seen.compact++;
            seen.last_log = effect;
            break;
        case RAFT_EFFECT_RESET:
            seen.reset++;
            seen.last_log = effect;
            break;
        case RAFT_EFFECT_REPAIR:
            seen.repair++;
            seen.last_log = effect;
            break;
        case RAFT_EFFECT_LOAD:
            seen.load++;
            seen.last_load = effect;
            break;
        case RAFT_EFFECT_SAVE:
            seen.save++;
            see_snapshot(&effect);
            break;
        case RAFT_EFFECT_RECEIVE:
            seen.receive++;
            see_snapshot(&effect);
            break;
        case RAFT_EFFECT_FETCH:
            seen.fetch++;
            see_snapshot(&effect);
            break;
        case RAFT_EFFECT_RESTORE:
            seen.restore++;
            break;
        case RAFT_EFFECT_READS:
            seen.reads = effect.round;
            break;
        case RAFT_EFFECT_CHANGED:
            seen.changed++;
            seen.last_changed = effect;
            break;
        case RAFT_EFFECT_COMPLETE:
            seen.lost += effect.status == RAFT_LOST;
            seen.completed = effect.status == RAFT_OK ? effect.last.index : seen.completed;
            break;
        case RAFT_EFFECT_SET_TIMER:
            seen.deadline_ns[effect.timer] = effect.deadline_ns;
            break;
        case RAFT_EFFECT_AGAIN:
        case RAFT_EFFECT_NONE:
        case RAFT_EFFECT_TYPE_COUNT:
            break;
        }
    } while (effect.type != RAFT_EFFECT_NONE);
    ck_assert_ptr_null(raft_invariant_broken(raft));
    raft_get_view(raft, &view);
}

/* The first message of a type that was sent to a node, or to any (0); NULL: there is none. */
static inline const struct raft_message *sent(enum raft_message_type type, raft_node_id to)
{
    for (int i = 0; i < seen.sent_count; i++) {
        if (seen.sent[i].type == type && (to == 0 || seen.sent[i].to == to)) {
            return &seen.sent[i];
        }
    }
    return NULL;
}

/* How many messages of a type were sent to a node, or to any (0). */
static inline int count_sent(enum raft_message_type type, raft_node_id to)
{
    int count = 0;
    for (int i = 0; i < seen.sent_count; i++) {
        count += seen.sent[i].type == type && (to == 0 || seen.sent[i].to == to);
    }
    return count;
}

static inline void persist_state(void)
{
    feed((struct raft_event){.type = RAFT_EVENT_STATE_PERSISTED,
                             .sequence = seen.last_state.sequence});
    drain();
}

static inline void persist_entries(void)
{
    feed((struct raft_event){.type = RAFT_EVENT_ENTRIES_PERSISTED,
                             .id = seen.last_entries.last,
                             .generation = seen.last_entries.generation});
    drain();
}

/* The node's own disk takes all that is in its log. */
static inline void persist_log(void)
{
    while (view.durable.index < view.last.index) {
        feed((struct raft_event){.type = RAFT_EVENT_ENTRIES_PERSISTED,
                                 .id = log_.stored,
                                 .generation = view.log_generation});
        drain();
    }
}

static inline void persist_snapshot(struct raft_snapshot snapshot)
{
    feed((struct raft_event){.type = RAFT_EVENT_SNAPSHOT_SAVED, .snapshot = snapshot});
    drain();
}

static inline void receive(struct raft_message message)
{
    message.to = 1;
    message.memory = &memory.memory;
    message.holder = RAFT_HOLDER_MESSAGE;
    enum raft_status status =
        try((struct raft_event){.type = RAFT_EVENT_MESSAGE, .message = &message});
    (void)status; /* what a message came to shows in the effects */
    raft_message_release(&message);
    drain();
}

/* An append of entries of one term behind a position. */
static inline void receive_append(raft_node_id from, raft_term term, struct raft_entry_id before,
                                  raft_index commit, uint32_t count)
{
    struct raft_message message = {.type = RAFT_MESSAGE_APPEND_REQ,
                                   .from = from,
                                   .term = term,
                                   .id = before,
                                   .commit = commit};
    if (count > 0) {
        message.entries = core_memory_alloc(&memory, RAFT_AT_MESSAGE_DECODE_ARRAY,
                                            count * sizeof message.entries[0]);
    }
    for (; message.entry_count < count; message.entry_count++) {
        message.entries[message.entry_count] =
            core_entry(&memory, term, before.index + 1 + message.entry_count, "x");
    }
    receive(message);
}

/* Node 1 among nodes 1 to voters. */
static inline struct raft_options options_of(uint32_t voters)
{
    struct raft_options options;
    raft_options_init(&options);
    options.id = 1;
    options.voter_count = voters;
    for (uint32_t i = 0; i < voters; i++) {
        options.voters[i] = i + 1;
    }
    options.seed = 42;
    options.election_ns_min = T_MIN;
    options.election_ns_max = T_MAX;
    options.heartbeat_ns = HEARTBEAT;
    options.retry_ns = RETRY;
    return options;
}

/* What a test wants otherwise than by default; set before create. */
static bool lease_reads;
static struct {
    uint32_t threshold, trailing, installs_max;
} snapshots;
/* What else is to differ from the defaults. */
static void (*adjust)(struct raft_options *options);

/* A node whose log begins behind a snapshot. */
static inline void create_behind(uint32_t voters, raft_term term, raft_node_id vote,
                                 struct raft_entry_id base)
{
    struct raft_options options = options_of(voters);
    options.lease_reads = lease_reads;
    options.snapshot_threshold = snapshots.threshold;
    options.snapshot_trailing = snapshots.trailing;
    options.snapshot_installs_max = snapshots.installs_max > 0 ? snapshots.installs_max : 1;
    if (adjust != NULL) {
        adjust(&options);
    }
    core_memory_init(&memory);
    raft_log_init(&log_, &memory.memory);
    struct raft_snapshot snapshot = {.id = base, .size = 10};
    raft_options_configuration(&options, &snapshot.configuration);
    if (base.index > 0) {
        raft_log_begin(&log_, base);
    }
    now = 1000;
    ck_assert_int_eq(raft_create(&options, &memory.memory, &log_, &raft), RAFT_OK);
    raft_begin(raft, &(struct raft_hard_state){.term = term, .vote = vote, .sequence = 1},
               base.index > 0 ? &snapshot : NULL, now);
    drain();
}

static inline void create(uint32_t voters, raft_term term, raft_node_id vote)
{
    create_behind(voters, term, vote, (struct raft_entry_id){0, 0});
}

static inline void teardown(void)
{
    raft_destroy(raft);
    raft_log_close(&log_);
    adjust = NULL;
    ck_assert_int_eq(memory.live, 0);
}

static inline void campaign(void)
{
    now += lease_reads ? T_MIN : 0; /* a lease from before the start has ended */
    feed((struct raft_event){.type = RAFT_EVENT_CAMPAIGN});
    drain();
}

/* A timer fires, so much later. */
static inline void fire(enum raft_timer timer, raft_time after_ns)
{
    now += after_ns;
    feed((struct raft_event){.type = RAFT_EVENT_TIMEOUT, .timer = timer});
    drain();
}

static inline void time_out(void)
{
    fire(RAFT_TIMER_ELECTION, T_MAX);
}

static inline void heartbeat(void)
{
    fire(RAFT_TIMER_HEARTBEAT, HEARTBEAT);
}

/* What was refused is tried again, in its time. */
static inline void retry(void)
{
    ck_assert(raft_wants_retry(raft));
    now += RETRY;
    feed((struct raft_event){.type = RAFT_EVENT_RETRY});
    drain();
}

static inline struct raft_progress_view progress_of(raft_node_id peer)
{
    struct raft_progress_view progress;
    ck_assert(raft_get_progress(raft, peer, &progress));
    return progress;
}

/* Makes node 1 the leader of term 1 among three, with its first entry appended. */
static inline void lead(void)
{
    create(3, 0, 0);
    campaign();
    persist_state();
    receive((struct raft_message){
        .type = RAFT_MESSAGE_VOTE_REP, .from = 2, .term = 1, .flags = RAFT_FLAG_SUCCESS});
    ck_assert_int_eq(view.role, RAFT_LEADER);
}

static inline void acknowledge(raft_node_id from, raft_term term, struct raft_entry_id match)
{
    receive((struct raft_message){.type = RAFT_MESSAGE_APPEND_REP,
                                  .from = from,
                                  .term = term,
                                  .flags = RAFT_FLAG_SUCCESS,
                                  .id = match});
}

static inline void acknowledge_all(raft_node_id from)
{
    acknowledge(from, view.state.term, view.last);
}

/* The same, with that entry committed. */
static inline void lead_and_commit(void)
{
    lead();
    persist_log();
    acknowledge_all(2);
    ck_assert_uint_eq(view.commit, 1);
}

/* A command. */
static inline enum raft_status submit(void)
{
    struct raft_entry *entry = core_entry(&memory, 0, 0, "x");
    enum raft_status status = try((struct raft_event){.type = RAFT_EVENT_PROPOSE, .entry = entry});
    raft_entry_drop(entry, RAFT_HOLDER_MESSAGE);
    return status;
}

/* The same, and what follows. */
static inline enum raft_status propose(void)
{
    enum raft_status status = submit();
    drain();
    return status;
}

static inline enum raft_status transfer(raft_node_id target)
{
    enum raft_status status = try((struct raft_event){.type = RAFT_EVENT_TRANSFER, .node = target});
    drain();
    return status;
}

static inline void expect_same_id(struct raft_entry_id a, struct raft_entry_id b)
{
    ck_assert_uint_eq(a.term, b.term);
    ck_assert_uint_eq(a.index, b.index);
}

/* Field by field: what lies between them is anybody's. */
static inline void expect_same_view(const struct raft_view *a, const struct raft_view *b)
{
    ck_assert_int_eq(a->role, b->role);
    ck_assert_int_eq(a->condition, b->condition);
    ck_assert_int_eq(a->change, b->change);
    ck_assert_int_eq(a->read_only, b->read_only);
    ck_assert_uint_eq(a->leader, b->leader);
    ck_assert_uint_eq(a->transfer_target, b->transfer_target);
    ck_assert_uint_eq(a->state.term, b->state.term);
    ck_assert_uint_eq(a->state.vote, b->state.vote);
    ck_assert_uint_eq(a->state.sequence, b->state.sequence);
    ck_assert_uint_eq(a->state_durable, b->state_durable);
    ck_assert_uint_eq(a->commit, b->commit);
    ck_assert_uint_eq(a->applied, b->applied);
    ck_assert_uint_eq(a->read_round, b->read_round);
    expect_same_id(a->base, b->base);
    expect_same_id(a->snapshot, b->snapshot);
    expect_same_id(a->last, b->last);
    expect_same_id(a->durable, b->durable);
    ck_assert_uint_eq(a->log_generation, b->log_generation);
    ck_assert_uint_eq(a->truncated_to, b->truncated_to);
    ck_assert_uint_eq(a->configuration_index, b->configuration_index);
    ck_assert(raft_configuration_equal(&a->configuration, &b->configuration));
    ck_assert_uint_eq(a->entries_log, b->entries_log);
    ck_assert_uint_eq(a->entries_apply, b->entries_apply);
}

#endif
