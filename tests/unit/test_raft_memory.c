/* Every allocation of every operation of the consensus machine fails once: the step has changed
 * nothing and owns nothing more than before, and later it comes to what it would have come to. And
 * what must not fail, completions and stepping down among it, allocates nothing. */
#include "members_fixture.h"

/* What is compared: what the node says of itself and of its followers, and what it has sent. */
struct outcome {
    struct raft_view view;
    raft_index next[2];
    uint32_t entries_sent[2];
};

/* The state before the step that was taken last. */
static struct outcome before;
static long live_before;
static uint32_t entries_sent[2]; /* to nodes 2 and 3 */

static void look(struct outcome *out_outcome)
{
    memset(out_outcome, 0, sizeof *out_outcome);
    raft_get_view(raft, &out_outcome->view);
    for (raft_node_id id = 2; id <= 3; id++) {
        struct raft_progress_view progress;
        bool is_known = raft_get_progress(raft, id, &progress);
        out_outcome->next[id - 2] = is_known ? progress.next : 0;
        out_outcome->entries_sent[id - 2] = entries_sent[id - 2];
    }
}

static void expect_same(const struct outcome *a, const struct outcome *b)
{
    expect_same_view(&a->view, &b->view);
    for (int i = 0; i < 2; i++) {
        ck_assert_uint_eq(a->next[i], b->next[i]);
        ck_assert_uint_eq(a->entries_sent[i], b->entries_sent[i]);
    }
}

static enum raft_status step(struct raft_event event, struct raft_effect *effect)
{
    event.now_ns = now;
    look(&before);
    live_before = memory.live;
    return raft_step(raft, &event, effect);
}

/* Whatever is due, until something fails. */
static enum raft_status ready(void)
{
    struct raft_effect effect;
    enum raft_status status = RAFT_OK;
    do {
        status = step((struct raft_event){.type = RAFT_EVENT_READY}, &effect);
        if (status == RAFT_OK) {
            if (effect.type == RAFT_EFFECT_SEND) {
                entries_sent[effect.message.to - 2] += effect.message.entry_count;
            }
            raft_effect_release(&memory.memory, &effect);
        }
    } while (status == RAFT_OK && effect.type != RAFT_EFFECT_NONE);
    return status;
}

static enum raft_status act_propose(void)
{
    struct raft_effect effect;
    static struct raft_entry *entry;
    long fail_at = memory.fail_at;
    memory.fail_at = 0;
    entry = core_entry(&memory, 0, 0, "x");
    memory.fail_at = fail_at == 0 ? 0 : fail_at + 1; /* the entry is the client's */
    enum raft_status status =
        step((struct raft_event){.type = RAFT_EVENT_PROPOSE, .entry = entry}, &effect);
    raft_entry_drop(entry, RAFT_HOLDER_MESSAGE);
    live_before--;
    return status;
}

/* An entry for which the ring has no room, from the leader of the next term. */
static enum raft_status act_append(void)
{
    struct raft_effect effect;
    struct raft_entry *entries[1];
    long fail_at = memory.fail_at;
    memory.fail_at = 0;
    entries[0] = core_entry(&memory, 2, view.last.index + 1, "x");
    memory.fail_at = fail_at == 0 ? 0 : fail_at + 1;
    struct raft_message message = {.memory = &memory.memory,
                                   .type = RAFT_MESSAGE_APPEND_REQ,
                                   .from = 3,
                                   .to = 1,
                                   .term = 2,
                                   .id = view.last,
                                   .entry_count = 1,
                                   .entries = entries};
    enum raft_status status =
        step((struct raft_event){.type = RAFT_EVENT_MESSAGE, .message = &message}, &effect);
    raft_entry_drop(entries[0], RAFT_HOLDER_MESSAGE);
    live_before--;
    return status;
}

static void arrange_full_ring_of_a_leader(void)
{
    lead_and_commit();
    while (log_.count < log_.capacity) {
        ck_assert_int_eq(propose(), RAFT_OK);
    }
}

static void arrange_full_ring_of_a_follower(void)
{
    create(3, 0, 0);
    receive_append(2, 1, (struct raft_entry_id){0, 0}, 0, 1);
    persist_state();
    while (log_.count < log_.capacity) {
        receive_append(2, 1, view.last, 0, 1);
    }
}

/* The last vote has come, and nothing has followed from it yet. */
static void arrange_new_leader(void)
{
    create(3, 0, 0);
    campaign();
    persist_state();
    struct raft_message vote = {
        .type = RAFT_MESSAGE_VOTE_REP, .from = 2, .to = 1, .term = 1, .flags = RAFT_FLAG_SUCCESS};
    feed((struct raft_event){.type = RAFT_EVENT_MESSAGE, .message = &vote});
}

static void arrange_entries_to_send(void)
{
    lead_and_commit();
    acknowledge_all(3);
    ck_assert_int_eq(submit(), RAFT_OK);
}

static void arrange_entries_to_apply(void)
{
    create(3, 0, 0);
    receive_append(2, 1, (struct raft_entry_id){0, 0}, 0, 3);
    persist_state();
    struct raft_message message = {
        .type = RAFT_MESSAGE_APPEND_REQ, .from = 2, .to = 1, .term = 1, .id = {1, 3}, .commit = 3};
    feed((struct raft_event){.type = RAFT_EVENT_MESSAGE, .message = &message});
}

static void arrange_change(void)
{
    arrange_full_ring_of_a_leader();
    ck_assert_int_eq(change(OF(VOTER(1), VOTER(2))), RAFT_OK);
}

static void arrange_question(void)
{
    create(3, 0, 0);
    receive_append(2, 1, (struct raft_entry_id){0, 0}, 0, 1);
    persist_state();
    persist_log();
    struct raft_message question = {
        .type = RAFT_MESSAGE_REPAIR_REQ, .from = 3, .to = 1, .term = 1, .id = {1, 1}};
    feed((struct raft_event){.type = RAFT_EVENT_MESSAGE, .message = &question});
}

static const struct {
    const char *name;
    void (*arrange)(void);
    enum raft_status (*act)(void);
    unsigned allocations;
    bool probes; /* one without entries may go first; what follows waits for its answer */
} operations[] = {
    {"a request", arrange_full_ring_of_a_leader, act_propose, 1, false},
    {"an append", arrange_full_ring_of_a_follower, act_append, 1, false},
    /* its entry, the ring, the runs of terms, and an array for each of two followers */
    {"a new leader's entry", arrange_new_leader, ready, 5, true},
    {"replication", arrange_entries_to_send, ready, 2, false},
    {"a batch to apply", arrange_entries_to_apply, ready, 1, false},
    {"a configuration", arrange_change, ready, 3, false},
    {"an entry that another node asked for", arrange_question, ready, 1, false},
};

/* Acts with the nth allocation failing, 0: none, then again without trouble. Returns whether there
 * was such an allocation; out_after is what it came to. READY may go on with something else that is
 * due, and make up for it by itself. */
static bool act(int operation, unsigned nth, struct outcome *out_after)
{
    memset(entries_sent, 0, sizeof entries_sent);
    operations[operation].arrange();
    raft_get_view(raft, &view);
    memory.fail_at = nth == 0 ? 0 : memory.allocations + (long)nth;
    enum raft_status status = operations[operation].act();
    bool has_failed = nth > 0 && memory.allocations >= memory.fail_at;
    if (status != RAFT_OK) {
        ck_assert(has_failed);
        ck_assert_msg(status == RAFT_NOMEM, "%s: status %d", operations[operation].name, status);
        ck_assert_int_eq(memory.live, live_before);
        struct outcome after;
        look(&after);
        expect_same(&before, &after);
        ck_assert_ptr_null(raft_invariant_broken(raft));
        ck_assert_int_eq(operations[operation].act(), RAFT_OK);
    }
    ck_assert_ptr_null(raft_invariant_broken(raft));
    look(out_after);
    if (operations[operation].probes) {
        memset(out_after->entries_sent, 0, sizeof out_after->entries_sent);
    }
    raft_destroy(raft);
    raft_log_close(&log_);
    ck_assert_int_eq(memory.live, 0);
    return has_failed;
}

START_TEST(a_step_without_memory_changes_nothing_and_is_made_up_for)
{
    struct outcome expected;
    struct outcome after;
    ck_assert(!act(_i, 0, &expected));
    unsigned failures = 0;
    while (act(_i, failures + 1, &after)) {
        expect_same(&expected, &after);
        failures++;
    }
    expect_same(&expected, &after);
    ck_assert_msg(failures == operations[_i].allocations, "%s: %u allocations", operations[_i].name,
                  failures);
}
END_TEST

START_TEST(a_machine_that_was_not_created_owns_nothing)
{
    struct raft_options options;
    raft_options_init(&options);
    options.id = 1;
    core_memory_init(&memory);
    raft_log_init(&log_, &memory.memory);
    memory.fail_at = 1;
    raft = NULL;
    ck_assert_int_eq(raft_create(&options, &memory.memory, &log_, &raft), RAFT_NOMEM);
    ck_assert_ptr_null(raft);
    ck_assert_int_eq(memory.live, 0);
    ck_assert_int_eq(raft_create(&options, &memory.memory, &log_, &raft), RAFT_OK);
    ck_assert_int_eq(memory.live, 1);
    raft_destroy(raft);
    ck_assert_int_eq(memory.live, 0);
}
END_TEST

START_TEST(an_entry_that_was_not_created_is_none)
{
    struct raft_entry *entry = NULL;
    core_memory_init(&memory);
    memory.fail_at = 1;
    ck_assert_int_eq(raft_entry_create(&memory.memory, RAFT_AT_SUBMIT_ENTRY_ALLOC,
                                       RAFT_ENTRY_COMMAND, 3, RAFT_HOLDER_REQUEST, &entry),
                     RAFT_NOMEM);
    ck_assert_ptr_null(entry);
    ck_assert_int_eq(memory.live, 0);
}
END_TEST

/* ---- what allocates nothing ---- */

static void message_to_leader(enum raft_message_type type, raft_term term, uint32_t flags)
{
    struct raft_effect effect;
    struct raft_message message = {
        .type = type, .from = 2, .to = 1, .term = term, .flags = flags, .id = {1, 1}};
    ck_assert_int_eq(
        step((struct raft_event){.type = RAFT_EVENT_MESSAGE, .message = &message}, &effect),
        RAFT_OK);
}

START_TEST(a_leader_steps_down_without_memory)
{
    arrange_entries_to_send();
    memory.fail_at = memory.allocations + 1;
    message_to_leader(RAFT_MESSAGE_APPEND_REP, 2, 0);
    ck_assert_int_eq(ready(), RAFT_OK);
    raft_get_view(raft, &view);
    ck_assert_int_eq(view.role, RAFT_FOLLOWER);
    ck_assert_int_eq(memory.allocations, memory.fail_at - 1);
    teardown();
}
END_TEST

START_TEST(a_vote_is_given_without_memory)
{
    create(3, 0, 0);
    memory.fail_at = memory.allocations + 1;
    receive((struct raft_message){.type = RAFT_MESSAGE_VOTE_REQ, .from = 2, .term = 1});
    persist_state();
    ck_assert_int_eq(count_sent(RAFT_MESSAGE_VOTE_REP, 2), 1);
    ck_assert_int_eq(memory.allocations, memory.fail_at - 1);
    teardown();
}
END_TEST

START_TEST(an_election_is_won_without_memory)
{
    create(3, 0, 0);
    memory.fail_at = memory.allocations + 1;
    time_out();
    receive((struct raft_message){
        .type = RAFT_MESSAGE_PREVOTE_REP, .from = 2, .term = 1, .flags = RAFT_FLAG_SUCCESS});
    persist_state();
    message_to_leader(RAFT_MESSAGE_VOTE_REP, 1, RAFT_FLAG_SUCCESS);
    raft_get_view(raft, &view);
    ck_assert_int_eq(view.role, RAFT_LEADER);
    ck_assert_int_eq(memory.allocations, memory.fail_at - 1);
    teardown();
}
END_TEST

START_TEST(completions_need_no_memory)
{
    holds_applies = true;
    arrange_entries_to_apply();
    ck_assert_int_eq(ready(), RAFT_OK);
    memory.fail_at = memory.allocations + 1;
    feed((struct raft_event){.type = RAFT_EVENT_APPLIED, .id = {1, 3}});
    feed((struct raft_event){
        .type = RAFT_EVENT_ENTRIES_PERSISTED, .id = {1, 3}, .generation = log_.generation});
    raft_get_view(raft, &view);
    ck_assert_uint_eq(view.applied, 3);
    ck_assert_uint_eq(view.durable.index, 3);
    ck_assert_int_eq(memory.allocations, memory.fail_at - 1);
    teardown();
}
END_TEST

START_TEST(a_read_is_begun_and_confirmed_without_memory)
{
    lead_and_commit();
    memory.fail_at = memory.allocations + 1;
    feed((struct raft_event){.type = RAFT_EVENT_READ});
    drain();
    receive((struct raft_message){.type = RAFT_MESSAGE_APPEND_REP,
                                  .from = 2,
                                  .term = 1,
                                  .flags = RAFT_FLAG_SUCCESS,
                                  .id = {1, 1},
                                  .round = 1});
    ck_assert_uint_eq(seen.reads, 1);
    ck_assert_int_eq(memory.allocations, memory.fail_at - 1);
    teardown();
}
END_TEST

static Suite *memory_suite(void)
{
    Suite *suite = suite_create("raft_memory");
    TCase *tests = tcase_create("memory");
    tcase_add_loop_test(tests, a_step_without_memory_changes_nothing_and_is_made_up_for, 0,
                        sizeof operations / sizeof operations[0]);
    tcase_add_test(tests, a_machine_that_was_not_created_owns_nothing);
    tcase_add_test(tests, an_entry_that_was_not_created_is_none);
    tcase_add_test(tests, a_leader_steps_down_without_memory);
    tcase_add_test(tests, a_vote_is_given_without_memory);
    tcase_add_test(tests, an_election_is_won_without_memory);
    tcase_add_test(tests, completions_need_no_memory);
    tcase_add_test(tests, a_read_is_begun_and_confirmed_without_memory);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return unit_main(memory_suite());
}
