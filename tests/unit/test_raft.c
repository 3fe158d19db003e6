/* The consensus machine by itself: one sentence of the dissertation a test. */
#include "core_memory.h"
#include "unit.h"

#include <raft/raft.h>

#define T_MIN ((raft_time)150)
#define T_MAX ((raft_time)300)

static struct core_memory memory;
static struct raft_log log_;
static struct raft *raft;
static struct raft_view view;
static raft_time now;

/* What READY has asked for since the last drain. */
static struct {
    struct raft_message sent[32];
    int sent_count;
    int persist_state, persist_entries, truncate, apply, probe, lost;
    uint64_t reads; /* round confirmed */
    struct raft_effect last_entries;
    struct raft_hard_state last_state;
} seen;

static void feed(struct raft_event event)
{
    struct raft_effect effect;
    event.now_ns = now;
    ck_assert_int_eq(raft_step(raft, &event, &effect), RAFT_OK);
    ck_assert_int_eq(effect.type, RAFT_EFFECT_NONE);
}

/* Collects effects; entries of messages are counted and given back. */
static void drain(void)
{
    struct raft_effect effect;
    struct raft_event ready = {.type = RAFT_EVENT_READY, .now_ns = now};
    memset(&seen, 0, sizeof seen);
    do {
        ck_assert_int_eq(raft_step(raft, &ready, &effect), RAFT_OK);
        switch (effect.type) {
        case RAFT_EFFECT_SEND:
            seen.sent[seen.sent_count] = effect.message;
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
            feed((struct raft_event){.type = RAFT_EVENT_APPLIED, .id = effect.last});
            break;
        case RAFT_EFFECT_READS:
            seen.reads = effect.round;
            break;
        case RAFT_EFFECT_COMPLETE:
            seen.lost += effect.status == RAFT_LOST;
            break;
        case RAFT_EFFECT_SET_TIMER:
        case RAFT_EFFECT_AGAIN:
        case RAFT_EFFECT_NONE:
        case RAFT_EFFECT_TYPE_COUNT:
            break;
        }
    } while (effect.type != RAFT_EFFECT_NONE);
    ck_assert_ptr_null(raft_invariant_broken(raft));
    raft_get_view(raft, &view);
}

static void persist_state(void)
{
    feed((struct raft_event){.type = RAFT_EVENT_STATE_PERSISTED,
                             .sequence = seen.last_state.sequence});
    drain();
}

static void persist_entries(void)
{
    feed((struct raft_event){.type = RAFT_EVENT_ENTRIES_PERSISTED,
                             .id = seen.last_entries.last,
                             .generation = seen.last_entries.generation});
    drain();
}

static void receive(struct raft_message message)
{
    message.to = 1;
    message.memory = &memory.memory;
    message.holder = RAFT_HOLDER_MESSAGE;
    struct raft_event event = {.type = RAFT_EVENT_MESSAGE, .message = &message};
    struct raft_effect effect;
    event.now_ns = now;
    enum raft_status status = raft_step(raft, &event, &effect);
    (void)status; /* what a message came to shows in the effects */
    raft_message_release(&message);
    drain();
}

/* An append of entries of one term behind a position. */
static void receive_append(raft_node_id from, raft_term term, struct raft_entry_id before,
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

static bool lease_reads;

static void create(uint32_t voters, raft_term term, raft_node_id vote)
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
    options.heartbeat_ns = 50;
    options.retry_ns = 20;
    options.lease_reads = lease_reads;
    core_memory_init(&memory);
    raft_log_init(&log_, &memory.memory);
    now = 1000;
    ck_assert_int_eq(raft_create(&options, &memory.memory, &log_, &raft), RAFT_OK);
    raft_begin(raft, &(struct raft_hard_state){term, vote, 1}, now);
    drain();
}

static void teardown(void)
{
    raft_destroy(raft);
    raft_log_close(&log_);
    ck_assert_int_eq(memory.live, 0);
}

static void campaign(void)
{
    feed((struct raft_event){.type = RAFT_EVENT_CAMPAIGN});
    drain();
}

/* Makes node 1 the leader of term 1 among three, with its first entry appended. */
static void lead(void)
{
    create(3, 0, 0);
    campaign();
    persist_state();
    receive((struct raft_message){
        .type = RAFT_MESSAGE_VOTE_REP, .from = 2, .term = 1, .flags = RAFT_FLAG_SUCCESS});
    ck_assert_int_eq(view.role, RAFT_LEADER);
}

static void acknowledge(raft_node_id from, raft_term term, struct raft_entry_id match)
{
    receive((struct raft_message){.type = RAFT_MESSAGE_APPEND_REP,
                                  .from = from,
                                  .term = term,
                                  .flags = RAFT_FLAG_SUCCESS,
                                  .id = match});
}

START_TEST(asks_for_no_vote_before_its_own_is_durable)
{
    create(3, 0, 0);
    campaign();
    ck_assert_int_eq(view.role, RAFT_CANDIDATE);
    ck_assert_int_eq(seen.persist_state, 1);
    ck_assert_int_eq(seen.sent_count, 0);
    persist_state();
    ck_assert_int_eq(seen.sent_count, 2);
    ck_assert_int_eq(seen.sent[0].type, RAFT_MESSAGE_VOTE_REQ);
}
END_TEST

START_TEST(a_repeated_vote_counts_once)
{
    create(5, 0, 0);
    campaign();
    persist_state();
    for (int i = 0; i < 3; i++) {
        receive((struct raft_message){
            .type = RAFT_MESSAGE_VOTE_REP, .from = 2, .term = 1, .flags = RAFT_FLAG_SUCCESS});
    }
    ck_assert_int_eq(view.role, RAFT_CANDIDATE);
    receive((struct raft_message){
        .type = RAFT_MESSAGE_VOTE_REP, .from = 3, .term = 1, .flags = RAFT_FLAG_SUCCESS});
    ck_assert_int_eq(view.role, RAFT_LEADER);
}
END_TEST

START_TEST(gives_one_vote_a_term_first_come_first_served)
{
    create(3, 0, 0);
    receive((struct raft_message){.type = RAFT_MESSAGE_VOTE_REQ, .from = 2, .term = 1});
    ck_assert_int_eq(seen.sent_count, 0);
    persist_state();
    ck_assert_uint_eq(seen.sent[0].flags, RAFT_FLAG_SUCCESS);
    receive((struct raft_message){.type = RAFT_MESSAGE_VOTE_REQ, .from = 3, .term = 1});
    ck_assert_int_eq(seen.sent_count, 1);
    ck_assert_uint_eq(seen.sent[0].flags, 0);
    ck_assert_uint_eq(view.state.vote, 2);
}
END_TEST

START_TEST(refuses_a_vote_that_it_gave_to_another_before_a_restart)
{
    create(3, 4, 3);
    receive((struct raft_message){.type = RAFT_MESSAGE_VOTE_REQ, .from = 2, .term = 4});
    ck_assert_uint_eq(seen.sent[0].flags, 0);
}
END_TEST

START_TEST(refuses_vote_when_candidate_log_is_shorter)
{
    create(3, 0, 0);
    receive_append(3, 1, (struct raft_entry_id){0, 0}, 0, 2);
    persist_state();
    now += T_MAX;
    receive(
        (struct raft_message){.type = RAFT_MESSAGE_VOTE_REQ, .from = 2, .term = 2, .id = {1, 1}});
    persist_state();
    ck_assert_int_eq(seen.sent_count, 1);
    ck_assert_uint_eq(seen.sent[0].flags, 0);
}
END_TEST

START_TEST(a_pre_vote_changes_neither_term_nor_vote)
{
    create(3, 4, 0);
    receive((struct raft_message){.type = RAFT_MESSAGE_PREVOTE_REQ, .from = 2, .term = 9});
    ck_assert_uint_eq(seen.sent[0].flags, RAFT_FLAG_SUCCESS);
    ck_assert_uint_eq(seen.sent[0].term, 9);
    ck_assert_uint_eq(view.state.term, 4);
    ck_assert_uint_eq(view.state.vote, 0);
    ck_assert_int_eq(seen.persist_state, 0);
}
END_TEST

START_TEST(refuses_pre_vote_and_vote_while_it_hears_a_leader)
{
    create(3, 0, 0);
    receive_append(3, 1, (struct raft_entry_id){0, 0}, 0, 0);
    persist_state();
    receive((struct raft_message){.type = RAFT_MESSAGE_PREVOTE_REQ, .from = 2, .term = 2});
    ck_assert_uint_eq(seen.sent[0].flags, 0);
    receive((struct raft_message){.type = RAFT_MESSAGE_VOTE_REQ, .from = 2, .term = 2});
    ck_assert_int_eq(seen.sent_count, 0);
    ck_assert_uint_eq(view.state.term, 1);
}
END_TEST

START_TEST(times_out_into_a_pre_vote_within_its_bounds)
{
    create(3, 0, 0);
    now += T_MIN - 1;
    feed((struct raft_event){.type = RAFT_EVENT_TIMEOUT, .timer = RAFT_TIMER_ELECTION});
    drain();
    ck_assert_int_eq(view.role, RAFT_FOLLOWER);
    now += T_MAX - T_MIN + 1;
    feed((struct raft_event){.type = RAFT_EVENT_TIMEOUT, .timer = RAFT_TIMER_ELECTION});
    drain();
    ck_assert_int_eq(view.role, RAFT_PRECANDIDATE);
    ck_assert_uint_eq(view.state.term, 0);
    ck_assert_uint_eq(seen.sent[0].term, 1);
}
END_TEST

START_TEST(acknowledges_entries_when_they_are_durable_and_not_before)
{
    create(3, 0, 0);
    receive_append(2, 1, (struct raft_entry_id){0, 0}, 0, 2);
    persist_state();
    ck_assert_int_eq(seen.sent_count, 0);
    seen.last_entries = (struct raft_effect){.last = {1, 2}};
    persist_entries();
    ck_assert_int_eq(seen.sent_count, 1);
    ck_assert_uint_eq(seen.sent[0].flags, RAFT_FLAG_SUCCESS);
    ck_assert_uint_eq(seen.sent[0].id.index, 2);
}
END_TEST

START_TEST(acknowledges_no_more_than_the_leader_has_checked)
{
    create(3, 0, 0);
    receive_append(2, 1, (struct raft_entry_id){0, 0}, 0, 3);
    persist_state();
    seen.last_entries = (struct raft_effect){.last = {1, 3}};
    persist_entries();
    now += T_MAX;
    /* The next leader has checked only the first entry; the two behind it may be nobody else's. */
    receive_append(3, 2, (struct raft_entry_id){1, 1}, 3, 0);
    persist_state();
    ck_assert_uint_eq(seen.sent[0].id.index, 1);
    ck_assert_uint_eq(view.commit, 1);
}
END_TEST

START_TEST(a_late_or_repeated_append_erases_nothing)
{
    create(3, 0, 0);
    receive_append(2, 1, (struct raft_entry_id){0, 0}, 0, 3);
    receive_append(2, 1, (struct raft_entry_id){0, 0}, 0, 1);
    ck_assert_uint_eq(view.last.index, 3);
    ck_assert_uint_eq(view.log_generation, 0);
}
END_TEST

START_TEST(replaces_a_conflicting_suffix_and_cuts_the_disk_first)
{
    create(3, 0, 0);
    receive_append(2, 1, (struct raft_entry_id){0, 0}, 1, 3);
    persist_state();
    seen.last_entries = (struct raft_effect){.last = {1, 3}};
    persist_entries();
    now += T_MAX;
    receive_append(3, 2, (struct raft_entry_id){1, 1}, 1, 1);
    ck_assert_uint_eq(view.last.index, 2);
    ck_assert_uint_eq(view.last.term, 2);
    ck_assert_int_eq(seen.truncate, 1);
    ck_assert_int_eq(seen.persist_entries, 0);
    persist_state();
    feed((struct raft_event){.type = RAFT_EVENT_TRUNCATED});
    drain();
    ck_assert_int_eq(seen.persist_entries, 1);
}
END_TEST

START_TEST(refuses_a_gap_with_a_hint_by_term)
{
    create(3, 0, 0);
    receive_append(2, 1, (struct raft_entry_id){0, 0}, 0, 2);
    persist_state();
    receive_append(2, 1, (struct raft_entry_id){1, 7}, 0, 1);
    ck_assert_int_eq(seen.sent_count, 1);
    ck_assert_uint_eq(seen.sent[0].flags, 0);
    ck_assert_uint_eq(seen.sent[0].id.index, 7);
    ck_assert_uint_eq(seen.sent[0].hint.index, 2);
    ck_assert_uint_eq(seen.sent[0].hint.term, 1);
}
END_TEST

START_TEST(a_leader_counts_its_own_disk_only_when_durable)
{
    lead();
    acknowledge(2, 1, (struct raft_entry_id){1, 1});
    ck_assert_uint_eq(view.commit, 0);
    seen.last_entries = (struct raft_effect){.last = {1, 1}};
    persist_entries();
    ck_assert_uint_eq(view.commit, 1);
}
END_TEST

START_TEST(an_older_acknowledgement_moves_nothing_back)
{
    struct raft_progress_view progress;
    lead();
    acknowledge(2, 1, (struct raft_entry_id){1, 1});
    acknowledge(2, 1, (struct raft_entry_id){0, 0});
    ck_assert(raft_get_progress(raft, 2, &progress));
    ck_assert_uint_eq(progress.match, 1);
    ck_assert_uint_eq(progress.next, 2);
}
END_TEST

START_TEST(commits_no_entry_of_an_older_term_by_counting)
{
    create(3, 0, 0);
    receive_append(2, 1, (struct raft_entry_id){0, 0}, 0, 1);
    persist_state();
    seen.last_entries = (struct raft_effect){.last = {1, 1}};
    persist_entries();
    campaign();
    persist_state();
    receive((struct raft_message){
        .type = RAFT_MESSAGE_VOTE_REP, .from = 3, .term = 2, .flags = RAFT_FLAG_SUCCESS});
    ck_assert_int_eq(view.role, RAFT_LEADER);
    acknowledge(3, 2, (struct raft_entry_id){1, 1});
    ck_assert_uint_eq(view.commit, 0);
}
END_TEST

START_TEST(a_leader_without_a_quorum_steps_down_and_gives_its_requests_up)
{
    lead();
    for (int i = 0; i < 2; i++) {
        now += T_MIN;
        feed((struct raft_event){.type = RAFT_EVENT_TIMEOUT, .timer = RAFT_TIMER_ELECTION});
        drain();
    }
    ck_assert_int_eq(view.role, RAFT_FOLLOWER);
    ck_assert_int_eq(seen.lost, 1);
}
END_TEST

START_TEST(a_read_only_follower_is_sent_no_command)
{
    lead();
    receive((struct raft_message){.type = RAFT_MESSAGE_APPEND_REP,
                                  .from = 2,
                                  .term = 1,
                                  .flags = RAFT_FLAG_SUCCESS | RAFT_FLAG_READ_ONLY,
                                  .id = {1, 1}});
    acknowledge(3, 1, (struct raft_entry_id){1, 1});
    struct raft_entry *entry = core_entry(&memory, 0, 0, "x");
    feed((struct raft_event){.type = RAFT_EVENT_PROPOSE, .entry = entry});
    raft_entry_drop(entry, RAFT_HOLDER_MESSAGE);
    drain();
    int commands_to[4] = {0};
    for (int i = 0; i < seen.sent_count; i++) {
        commands_to[seen.sent[i].to] += (int)seen.sent[i].entry_count;
    }
    ck_assert_int_eq(commands_to[2], 0);
    ck_assert_int_eq(commands_to[3], 1);
}
END_TEST

START_TEST(a_read_only_node_takes_entries_up_to_the_first_command)
{
    create(3, 0, 0);
    feed((struct raft_event){.type = RAFT_EVENT_READ_ONLY, .read_only = true});
    receive_append(2, 1, (struct raft_entry_id){0, 0}, 0, 2);
    persist_state();
    ck_assert_uint_eq(view.last.index, 0);
    ck_assert_uint_eq(seen.sent[0].flags, RAFT_FLAG_SUCCESS | RAFT_FLAG_READ_ONLY);
}
END_TEST

START_TEST(a_full_disk_ends_leadership_until_a_probe_succeeds)
{
    lead();
    feed((struct raft_event){.type = RAFT_EVENT_ENTRIES_FAILED, .status = RAFT_NOSPACE});
    drain();
    ck_assert_int_eq(view.role, RAFT_FOLLOWER);
    ck_assert_int_eq(view.condition, RAFT_CONDITION_NOSPACE);
    ck_assert_uint_eq(view.last.index, 0);
    struct raft_event event = {.type = RAFT_EVENT_CAMPAIGN, .now_ns = now};
    struct raft_effect effect;
    ck_assert_int_eq(raft_step(raft, &event, &effect), RAFT_BUSY);
    ck_assert(raft_wants_retry(raft));
    feed((struct raft_event){.type = RAFT_EVENT_RETRY});
    drain();
    ck_assert_int_eq(seen.probe, 1);
    feed((struct raft_event){.type = RAFT_EVENT_PROBED, .status = RAFT_OK});
    drain();
    ck_assert_int_eq(view.condition, RAFT_RUNNING);
}
END_TEST

START_TEST(a_failed_ready_changes_nothing_and_is_retried)
{
    lead();
    struct raft_view before;
    struct raft_event ready = {.type = RAFT_EVENT_READY, .now_ns = now};
    struct raft_effect effect;
    acknowledge(2, 1, (struct raft_entry_id){0, 0});
    struct raft_entry *entry = core_entry(&memory, 0, 0, "x");
    feed((struct raft_event){.type = RAFT_EVENT_PROPOSE, .entry = entry});
    raft_entry_drop(entry, RAFT_HOLDER_MESSAGE);
    memory.fail_at = memory.allocations + 1;
    enum raft_status status = RAFT_OK;
    while (status == RAFT_OK) {
        raft_get_view(raft, &before);
        status = raft_step(raft, &ready, &effect);
        ck_assert(status != RAFT_OK || effect.type != RAFT_EFFECT_NONE);
    }
    ck_assert_int_eq(status, RAFT_NOMEM);
    raft_get_view(raft, &view);
    ck_assert_mem_eq(&before, &view, sizeof view);
    drain();
    ck_assert_int_gt(seen.sent_count, 0);
}
END_TEST

START_TEST(a_heartbeat_leaves_without_memory_for_entries)
{
    lead();
    now += 50;
    feed((struct raft_event){.type = RAFT_EVENT_TIMEOUT, .timer = RAFT_TIMER_HEARTBEAT});
    memory.fail_at = memory.allocations + 1;
    drain();
    ck_assert_int_eq(seen.sent[0].type, RAFT_MESSAGE_APPEND_REQ);
    ck_assert_uint_eq(seen.sent[0].entry_count, 0);
    /* The entries follow as soon as there is memory. */
    ck_assert_int_eq(seen.sent_count, 3);
    ck_assert_uint_eq(seen.sent[1].entry_count + seen.sent[2].entry_count, 2);
}
END_TEST

START_TEST(a_later_term_alone_does_not_put_a_campaign_off)
{
    create(3, 0, 0);
    receive_append(3, 1, (struct raft_entry_id){0, 0}, 0, 1);
    persist_state();
    persist_entries();
    for (raft_term term = 2; term < 6; term++) {
        now += T_MIN - 1;
        receive((struct raft_message){.type = RAFT_MESSAGE_VOTE_REQ, .from = 2, .term = term});
        feed((struct raft_event){.type = RAFT_EVENT_TIMEOUT, .timer = RAFT_TIMER_ELECTION});
        drain();
        if (view.role == RAFT_PRECANDIDATE) {
            return;
        }
    }
    ck_abort_msg("the election was put off by candidates that cannot win");
}
END_TEST

static enum raft_status transfer(raft_node_id target)
{
    struct raft_effect effect;
    struct raft_event event = {.type = RAFT_EVENT_TRANSFER, .now_ns = now, .node = target};
    return raft_step(raft, &event, &effect);
}

static enum raft_status propose(void)
{
    struct raft_effect effect;
    struct raft_entry *entry = core_entry(&memory, 0, 0, "x");
    struct raft_event event = {.type = RAFT_EVENT_PROPOSE, .now_ns = now, .entry = entry};
    enum raft_status status = raft_step(raft, &event, &effect);
    raft_entry_drop(entry, RAFT_HOLDER_MESSAGE);
    return status;
}

static int count_sent(enum raft_message_type type, raft_node_id to)
{
    int count = 0;
    for (int i = 0; i < seen.sent_count; i++) {
        count += seen.sent[i].type == type && seen.sent[i].to == to;
    }
    return count;
}

START_TEST(a_transfer_waits_until_the_target_has_the_whole_log)
{
    lead();
    ck_assert_int_eq(transfer(2), RAFT_OK);
    drain();
    ck_assert_int_eq(count_sent(RAFT_MESSAGE_TIMEOUT_NOW, 2), 0);
    ck_assert_int_eq(propose(), RAFT_BUSY);
    acknowledge(2, 1, (struct raft_entry_id){1, 1});
    ck_assert_int_eq(count_sent(RAFT_MESSAGE_TIMEOUT_NOW, 2), 1);
    ck_assert_int_eq(transfer(3), RAFT_BUSY);
}
END_TEST

START_TEST(a_transfer_that_does_not_end_is_given_up)
{
    lead();
    acknowledge(2, 1, (struct raft_entry_id){1, 1});
    ck_assert_int_eq(transfer(2), RAFT_OK);
    drain();
    now += T_MIN;
    seen.last_entries = (struct raft_effect){.last = {1, 1}};
    persist_entries();
    feed((struct raft_event){.type = RAFT_EVENT_TIMEOUT, .timer = RAFT_TIMER_HEARTBEAT});
    drain();
    ck_assert_int_eq(view.role, RAFT_LEADER);
    ck_assert_uint_eq(view.transfer_target, RAFT_NODE_NONE);
    ck_assert_int_eq(propose(), RAFT_OK);
}
END_TEST

START_TEST(a_transfer_goes_to_another_voter_only)
{
    lead();
    ck_assert_int_eq(transfer(1), RAFT_INVALID);
    ck_assert_int_eq(transfer(9), RAFT_INVALID);
}
END_TEST

START_TEST(the_target_campaigns_at_once_and_says_why)
{
    create(3, 0, 0);
    receive_append(2, 1, (struct raft_entry_id){0, 0}, 0, 0);
    persist_state();
    receive((struct raft_message){.type = RAFT_MESSAGE_TIMEOUT_NOW, .from = 2, .term = 1});
    ck_assert_int_eq(view.role, RAFT_CANDIDATE);
    persist_state();
    ck_assert_int_eq(seen.sent[0].type, RAFT_MESSAGE_VOTE_REQ);
    ck_assert_uint_eq(seen.sent[0].flags, RAFT_FLAG_TRANSFER);
}
END_TEST

START_TEST(a_voter_hears_the_target_of_a_transfer_in_spite_of_a_live_leader)
{
    create(3, 0, 0);
    receive_append(2, 1, (struct raft_entry_id){0, 0}, 0, 0);
    persist_state();
    receive((struct raft_message){
        .type = RAFT_MESSAGE_VOTE_REQ, .from = 3, .term = 2, .flags = RAFT_FLAG_TRANSFER});
    ck_assert_uint_eq(view.state.term, 2);
    ck_assert_uint_eq(view.state.vote, 3);
}
END_TEST

static enum raft_status read_begin(void)
{
    struct raft_effect effect;
    struct raft_event event = {.type = RAFT_EVENT_READ, .now_ns = now};
    return raft_step(raft, &event, &effect);
}

static void echo(raft_node_id from, raft_term term, uint64_t round)
{
    receive((struct raft_message){.type = RAFT_MESSAGE_APPEND_REP,
                                  .from = from,
                                  .term = term,
                                  .flags = RAFT_FLAG_SUCCESS,
                                  .id = {term, 1},
                                  .round = round});
}

/* Makes node 1 the leader of term 1 with its first entry committed. */
static void lead_and_commit(void)
{
    lead();
    seen.last_entries = (struct raft_effect){.last = {1, 1}};
    persist_entries();
    acknowledge(2, 1, (struct raft_entry_id){1, 1});
    ck_assert_uint_eq(view.commit, 1);
}

START_TEST(takes_no_read_before_an_entry_of_its_own_term_is_committed)
{
    lead();
    ck_assert_int_eq(read_begin(), RAFT_BUSY);
    ck_assert_uint_eq(view.read_round, 0);
}
END_TEST

START_TEST(a_read_waits_for_a_majority_that_heard_of_it)
{
    lead_and_commit();
    ck_assert_int_eq(read_begin(), RAFT_OK);
    drain();
    ck_assert_uint_eq(seen.reads, 0);
    ck_assert_uint_eq(seen.sent[0].round, 1);
    echo(2, 1, 0); /* an answer to an append from before the read */
    ck_assert_uint_eq(seen.reads, 0);
    echo(2, 1, 1);
    ck_assert_uint_eq(seen.reads, 1);
}
END_TEST

START_TEST(one_round_confirms_every_read_before_it)
{
    lead_and_commit();
    ck_assert_int_eq(read_begin(), RAFT_OK);
    ck_assert_int_eq(read_begin(), RAFT_OK);
    drain();
    echo(3, 1, 2);
    ck_assert_uint_eq(seen.reads, 2);
}
END_TEST

START_TEST(counts_a_majority_of_an_even_number_of_voters)
{
    create(4, 0, 0);
    campaign();
    persist_state();
    for (raft_node_id id = 2; id <= 3; id++) {
        receive((struct raft_message){
            .type = RAFT_MESSAGE_VOTE_REP, .from = id, .term = 1, .flags = RAFT_FLAG_SUCCESS});
    }
    seen.last_entries = (struct raft_effect){.last = {1, 1}};
    persist_entries();
    acknowledge(2, 1, (struct raft_entry_id){1, 1});
    ck_assert_uint_eq(view.commit, 0);
    acknowledge(3, 1, (struct raft_entry_id){1, 1});
    ck_assert_uint_eq(view.commit, 1);
    ck_assert_int_eq(read_begin(), RAFT_OK);
    echo(2, 1, 1);
    ck_assert_uint_eq(seen.reads, 0);
    echo(3, 1, 1);
    ck_assert_uint_eq(seen.reads, 1);
}
END_TEST

START_TEST(echoes_no_round_of_an_earlier_term)
{
    create(3, 0, 0);
    receive(
        (struct raft_message){.type = RAFT_MESSAGE_APPEND_REQ, .from = 2, .term = 1, .round = 57});
    persist_state();
    ck_assert_uint_eq(seen.sent[0].round, 57);
    campaign(); /* term 2, which another node wins */
    persist_state();
    receive(
        (struct raft_message){.type = RAFT_MESSAGE_APPEND_REQ, .from = 3, .term = 2, .round = 3});
    ck_assert_uint_eq(seen.sent[0].round, 3);
}
END_TEST

/* A leader that has just been confirmed in a heartbeat's round. */
static void lead_with_a_lease(void)
{
    lease_reads = true;
    lead_and_commit();
    lease_reads = false;
    now += 50;
    feed((struct raft_event){.type = RAFT_EVENT_TIMEOUT, .timer = RAFT_TIMER_HEARTBEAT});
    drain();
    echo(2, 1, 1);
}

START_TEST(a_read_within_the_lease_waits_for_nobody)
{
    lead_with_a_lease();
    now += T_MIN - 1;
    ck_assert_int_eq(read_begin(), RAFT_OK);
    drain();
    ck_assert_uint_eq(seen.reads, view.read_round);
    ck_assert_int_eq(seen.sent_count, 0);
}
END_TEST

START_TEST(a_lease_counts_from_the_beginning_of_its_round_and_ends)
{
    lead_with_a_lease();
    now += T_MIN;
    ck_assert_int_eq(read_begin(), RAFT_OK);
    drain();
    ck_assert_uint_eq(seen.reads, 0);
    ck_assert_int_gt(seen.sent_count, 0);
}
END_TEST

START_TEST(a_lease_is_given_up_when_somebody_is_told_to_campaign)
{
    lead_with_a_lease();
    ck_assert_int_eq(transfer(2), RAFT_OK);
    drain();
    ck_assert_int_eq(read_begin(), RAFT_OK);
    drain();
    ck_assert_uint_eq(seen.reads, 0);
}
END_TEST

START_TEST(a_restarted_voter_gives_no_vote_within_a_lease_that_it_may_have_granted)
{
    lease_reads = true;
    create(3, 4, 0);
    lease_reads = false;
    now += T_MIN - 1;
    receive((struct raft_message){.type = RAFT_MESSAGE_VOTE_REQ, .from = 2, .term = 5});
    ck_assert_uint_eq(view.state.term, 4);
    now += 1;
    receive((struct raft_message){.type = RAFT_MESSAGE_VOTE_REQ, .from = 2, .term = 5});
    ck_assert_uint_eq(view.state.vote, 2);
}
END_TEST

static Suite *raft_suite(void)
{
    Suite *suite = suite_create("raft");
    TCase *tests = tcase_create("raft");
    tcase_add_checked_fixture(tests, NULL, teardown);
    tcase_add_test(tests, asks_for_no_vote_before_its_own_is_durable);
    tcase_add_test(tests, a_repeated_vote_counts_once);
    tcase_add_test(tests, gives_one_vote_a_term_first_come_first_served);
    tcase_add_test(tests, refuses_a_vote_that_it_gave_to_another_before_a_restart);
    tcase_add_test(tests, refuses_vote_when_candidate_log_is_shorter);
    tcase_add_test(tests, a_pre_vote_changes_neither_term_nor_vote);
    tcase_add_test(tests, refuses_pre_vote_and_vote_while_it_hears_a_leader);
    tcase_add_test(tests, times_out_into_a_pre_vote_within_its_bounds);
    tcase_add_test(tests, acknowledges_entries_when_they_are_durable_and_not_before);
    tcase_add_test(tests, acknowledges_no_more_than_the_leader_has_checked);
    tcase_add_test(tests, a_late_or_repeated_append_erases_nothing);
    tcase_add_test(tests, replaces_a_conflicting_suffix_and_cuts_the_disk_first);
    tcase_add_test(tests, refuses_a_gap_with_a_hint_by_term);
    tcase_add_test(tests, a_leader_counts_its_own_disk_only_when_durable);
    tcase_add_test(tests, an_older_acknowledgement_moves_nothing_back);
    tcase_add_test(tests, commits_no_entry_of_an_older_term_by_counting);
    tcase_add_test(tests, a_leader_without_a_quorum_steps_down_and_gives_its_requests_up);
    tcase_add_test(tests, a_read_only_follower_is_sent_no_command);
    tcase_add_test(tests, a_read_only_node_takes_entries_up_to_the_first_command);
    tcase_add_test(tests, a_full_disk_ends_leadership_until_a_probe_succeeds);
    tcase_add_test(tests, a_failed_ready_changes_nothing_and_is_retried);
    tcase_add_test(tests, a_heartbeat_leaves_without_memory_for_entries);
    tcase_add_test(tests, a_transfer_waits_until_the_target_has_the_whole_log);
    tcase_add_test(tests, a_transfer_that_does_not_end_is_given_up);
    tcase_add_test(tests, a_transfer_goes_to_another_voter_only);
    tcase_add_test(tests, the_target_campaigns_at_once_and_says_why);
    tcase_add_test(tests, a_voter_hears_the_target_of_a_transfer_in_spite_of_a_live_leader);
    tcase_add_test(tests, takes_no_read_before_an_entry_of_its_own_term_is_committed);
    tcase_add_test(tests, a_read_waits_for_a_majority_that_heard_of_it);
    tcase_add_test(tests, one_round_confirms_every_read_before_it);
    tcase_add_test(tests, counts_a_majority_of_an_even_number_of_voters);
    tcase_add_test(tests, echoes_no_round_of_an_earlier_term);
    tcase_add_test(tests, a_read_within_the_lease_waits_for_nobody);
    tcase_add_test(tests, a_lease_counts_from_the_beginning_of_its_round_and_ends);
    tcase_add_test(tests, a_lease_is_given_up_when_somebody_is_told_to_campaign);
    tcase_add_test(tests, a_restarted_voter_gives_no_vote_within_a_lease_that_it_may_have_granted);
    tcase_add_test(tests, a_later_term_alone_does_not_put_a_campaign_off);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return unit_main(raft_suite());
}
