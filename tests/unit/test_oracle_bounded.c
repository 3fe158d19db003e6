/* The oracle of bounds: what a node may send, be asked, be refused and keep. It fires on a tiny bad
 * history, by its name and alone, and is silent on a good one. */
#include "oracle_double.h"
#include "unit.h"

static void send_many(uint32_t count, bool in_one_event)
{
    const struct sut_message message = {.type = "append_req", .from = 1, .to = 2};
    for (uint32_t i = 0; i < count; i++) {
        fake.world->events += !in_one_event;
        send(1, &message);
    }
}

START_TEST(bounded_fires_on_too_many_messages_in_one_event)
{
    arrive(2, 1, 0); /* many in one interval it may answer */
    arrive(2, 1, 0);
    send_many(20, true);
    expect(NULL);
    send_many(1, true);
    expect("bounded");
    expect_signature("bounded: too many messages in one event");
}
END_TEST

START_TEST(bounded_fires_on_a_storm_without_a_cause)
{
    send_many(20, false);
    expect(NULL);
    send_many(1, false);
    expect("bounded");
}
END_TEST

START_TEST(bounded_accepts_answers)
{
    arrive(2, 1, 0);
    send_many(28, false);
    fake.world->scheduler.now_ns += 50 * MS;
    send_many(20, false);
    expect(NULL);
    expect_waived(SIM_PROBE_COUNT);
}
END_TEST

START_TEST(bounded_counts_a_read_for_a_cause)
{
    for (uint64_t i = 1; i <= 8; i++) {
        sim_oracle_taken(fake.world->oracles, 1, SIM_REQUEST_READ | i);
    }
    send_many(20 + 8 * 8, false);
    expect(NULL);
    send_many(1, false);
    expect("bounded");
}
END_TEST

START_TEST(bounded_fires_on_too_many_requests)
{
    *(_i == 0 ? &view_of(1)->requests : &view_of(1)->reads) = 5;
    step(1);
    expect("bounded");
}
END_TEST

START_TEST(bounded_fires_on_too_many_unanswered_appends)
{
    elect(1, 1);
    fake.nodes[1]->progress[2] = (struct raft_progress_view){.id = 2, .next = 1, .inflight = 3};
    sim_oracle_stepped(fake.world->oracles, 1, 2);
    expect("bounded");
}
END_TEST

START_TEST(bounded_fires_on_memory_that_nothing_accounts_for)
{
    fake.nodes[1]->node.block_bytes = 2 << 20;
    step(1);
    expect("bounded");
}
END_TEST

static void apply_more(raft_index first, raft_index last)
{
    replicate(1, (uint32_t)(last + 1 - first));
    replicate(2, (uint32_t)(last + 1 - first));
    commit(1, last);
    for (raft_index index = first; index <= last; index++) {
        apply(1, index, index);
    }
    view_of(1)->durable = view_of(1)->last;
    view_of(1)->applied = last;
}

/* Snapshots are due with every entry: of ten that are applied some must have left the log. */
static void apply_without_a_snapshot(raft_index last)
{
    struct raft_options *options = &fake.nodes[1]->node.started;
    options->snapshot_threshold = 1;
    options->pending_requests_max = 4;
    elect(1, 1);
    apply_more(1, last);
    view_of(1)->member_flags = RAFT_MEMBER_VOTER;
}

START_TEST(bounded_fires_on_a_log_that_is_never_compacted)
{
    apply_without_a_snapshot(10);
    step(1);
    expect("bounded");
}
END_TEST

START_TEST(bounded_lets_a_fault_cost_one_snapshot_and_no_later_one)
{
    apply_without_a_snapshot(5);
    fake.nodes[1]->node.harmed[SIM_HARM_DISK] = 1;
    step(1);
    steps(30); /* it is tried again after 20 ms */
    apply_more(6, 13);
    step(1);
    expect(NULL);
    apply_more(14, 14);
    step(1);
    expect("bounded");
    expect_waived(SIM_WAIVER_LENGTH_HARM);
}
END_TEST

START_TEST(bounded_waits_for_a_clock_that_stands_still_behind_a_fault)
{
    apply_without_a_snapshot(2);
    fake.nodes[1]->node.harmed[SIM_HARM_DISK] = 1;
    step(1);
    apply_more(3, 6);
    step(1);
    steps(30);
    apply_more(7, 14);
    step(1);
    expect(NULL);
    apply_more(15, 15);
    step(1);
    expect("bounded");
}
END_TEST

/* Node 1 leads; a snapshot that it sends to node 2 for so long holds up its own. For the first part
 * of that time node 2 gets on with it. */
static void send_a_snapshot(uint64_t moving_ms, uint64_t still_ms)
{
    apply_without_a_snapshot(10);
    struct raft_progress_view *progress = &fake.nodes[1]->progress[2];
    *progress = (struct raft_progress_view){.id = 2, .next = 1, .state = RAFT_INSTALL};
    for (uint64_t ms = 0; ms < moving_ms; ms += 10) {
        progress->offset++;
        steps(10);
    }
    steps(still_ms);
}

START_TEST(bounded_accepts_a_long_log_while_a_snapshot_moves_on)
{
    send_a_snapshot(3000, 0);
    expect(NULL);
    expect_waived(SIM_WAIVER_LENGTH_SENDING);
}
END_TEST

START_TEST(bounded_fires_on_a_snapshot_that_is_sent_without_end)
{
    send_a_snapshot(3020, 0);
    expect("bounded");
}
END_TEST

START_TEST(bounded_fires_on_a_snapshot_that_moves_no_further)
{
    send_a_snapshot(100, 1500);
    expect(NULL);
    steps(20);
    expect("bounded");
    ck_assert_ptr_nonnull(strstr(fake.world->finding.message, "a snapshot for node 2"));
}
END_TEST

START_TEST(bounded_fires_on_a_long_log_of_a_witness)
{
    apply_without_a_snapshot(10);
    view_of(1)->member_flags = RAFT_MEMBER_VOTER | RAFT_MEMBER_WITNESS;
    step(1);
    expect("bounded");
}
END_TEST

/* Node 1 leads term 1 in a liveness phase that has gone on for a while. */
static void lead_in_calm(void)
{
    enter_term(2, 1);
    step(2);
    elect(1, 1);
    fake.world->phase = SIM_PHASE_HEAL;
    fake.world->heal_started_ns = 1000 * MS;
    fake.world->scheduler.now_ns = 3000 * MS;
}

/* Node 1 asks node 2 at a position. */
static void ask(raft_index position)
{
    fake.world->events++;
    send(1, &(struct sut_message){.type = "append_req",
                                  .from = 1,
                                  .to = 2,
                                  .term = 1,
                                  .asks = true,
                                  .position = position});
}

static void answer(const struct sut_message *message)
{
    sim_oracle_arrives(fake.world->oracles, 1, (const uint8_t *)message, sizeof *message);
}

static void match(raft_index index)
{
    answer(&(struct sut_message){.type = "append_rep",
                                 .from = 2,
                                 .to = 1,
                                 .term = 1,
                                 .matches = true,
                                 .claims_index = index});
}

static void refuse(raft_index position, raft_index hint)
{
    answer(&(struct sut_message){.type = "append_rep",
                                 .from = 2,
                                 .to = 1,
                                 .term = 1,
                                 .refuses = true,
                                 .position = position,
                                 .hint = {1, hint}});
}

static void ask_and_refuse(raft_index position, raft_index hint, uint32_t times)
{
    for (uint32_t i = 0; i < times; i++) {
        ask(position);
        refuse(position, hint);
    }
}

START_TEST(bounded_fires_on_a_hint_that_is_not_taken)
{
    lead_in_calm();
    ask_and_refuse(5, 3, 3);
    ask_and_refuse(5, 2, 3);
    ask_and_refuse(4, 3, 3);
    expect(NULL);
    ask_and_refuse(5, 3, 1);
    expect("bounded");
}
END_TEST

START_TEST(bounded_accepts_refusals_of_what_was_asked_before_the_first_came)
{
    lead_in_calm();
    for (uint32_t i = 0; i < 9; i++) {
        refuse(5, 3);
    }
    expect(NULL);
}
END_TEST

START_TEST(bounded_accepts_refusals_after_something_has_matched)
{
    lead_in_calm();
    for (uint32_t i = 0; i < 9; i++) {
        ask_and_refuse(5, 3, 2);
        match(0);
    }
    expect(NULL);
}
END_TEST

START_TEST(bounded_accepts_refusals_that_come_after_what_they_refused_has_matched)
{
    lead_in_calm();
    fake.nodes[1]->node.harmed[SIM_HARM_DISK] = _i == 0 ? 0 : 1; /* before it has matched */
    match(5);
    ask_and_refuse(5, 3, 9);
    expect(NULL);
    ask_and_refuse(6, 3, 4);
    expect("bounded");
}
END_TEST

START_TEST(bounded_accepts_refusals_of_who_is_added_once_more)
{
    lead_in_calm();
    for (uint32_t i = 0; i < 9; i++) {
        ask_and_refuse(5, 3, 2);
        view_of(1)->change = RAFT_CHANGE_NONE;
        step(1);
        view_of(1)->change = RAFT_CHANGE_CATCHING_UP;
        step(1);
    }
    expect(NULL);
    ask_and_refuse(5, 3, 4);
    expect("bounded");
    expect_waived(SIM_WAIVER_HINT_ADDED);
    ck_assert_uint_eq(fake.world->probes.hits[SIM_WAIVER_HINT_ADDED], 9);
}
END_TEST

static void send_piece(uint64_t offset, raft_index snapshot)
{
    send(1, &(struct sut_message){.type = "install_req",
                                  .from = 1,
                                  .to = 2,
                                  .term = 1,
                                  .piece_of = snapshot,
                                  .piece_offset = offset});
}

START_TEST(bounded_fires_on_a_snapshot_that_restarts_without_end)
{
    lead_in_calm();
    for (uint32_t i = 0; i < 9; i++) {
        fake.world->events++;
        send_piece(0, 7); /* the first piece, until it is answered */
    }
    for (uint32_t i = 0; i < 4; i++) {
        fake.world->events++;
        send_piece(100, 7);
        send_piece(0, i < 3 ? 7 : 8); /* the last time it is another snapshot */
    }
    expect(NULL);
    send_piece(100, 7);
    send_piece(0, 7);
    expect("bounded");
}
END_TEST

/* Ten entries are durable on nodes 1 and 2, so many of them are applied, and three may stay in
 * memory. */
static void keep_in_memory(raft_index applied, uint64_t entries, uint64_t bytes)
{
    elect(1, 1);
    replicate(2, 10);
    replicate(1, 10);
    uint64_t size = sizeof(struct raft_entry) + fake.nodes[1]->log[1].size;
    view_of(1)->durable = view_of(1)->last;
    fake.nodes[1]->node.started.log_memory_max = 3 * size;
    fake.nodes[1]->node.ledger.log_size = entries * size + bytes;
    view_of(1)->commit = applied;
    view_of(1)->applied = applied;
    step(1);
}

START_TEST(bounded_accepts_what_may_stay_in_memory)
{
    keep_in_memory(10, 3, 0);
    expect(NULL);
}
END_TEST

START_TEST(bounded_fires_on_applied_entries_that_stay_in_memory)
{
    keep_in_memory(10, 3, 1);
    expect("bounded");
}
END_TEST

START_TEST(bounded_accepts_what_is_not_applied_in_memory)
{
    keep_in_memory(4, 9, 0);
    expect(NULL);
    expect_waived(SIM_PROBE_COUNT);
}
END_TEST

START_TEST(bounded_fires_on_more_than_what_is_not_applied)
{
    keep_in_memory(4, 9, 1);
    expect("bounded");
}
END_TEST

START_TEST(bounded_fires_when_time_stands_still)
{
    fake.world->scheduler.now_ns = 7;
    for (int i = 0; i < 100000; i++) {
        sim_oracle_event_over(fake.world->oracles);
    }
    expect(NULL);
    sim_oracle_event_over(fake.world->oracles);
    expect("bounded");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("oracle_bounded");
    TCase *tests = tcase_create("bounded");
    suite_add_tcase(suite, tests);
    tcase_add_checked_fixture(tests, fake_setup_leading, arena_tear_down);
    tcase_add_test(tests, bounded_fires_on_too_many_messages_in_one_event);
    tcase_add_test(tests, bounded_fires_on_a_storm_without_a_cause);
    tcase_add_test(tests, bounded_accepts_answers);
    tcase_add_test(tests, bounded_counts_a_read_for_a_cause);
    tcase_add_loop_test(tests, bounded_fires_on_too_many_requests, 0, 2);
    tcase_add_test(tests, bounded_fires_on_too_many_unanswered_appends);
    tcase_add_test(tests, bounded_fires_on_memory_that_nothing_accounts_for);
    tcase_add_test(tests, bounded_fires_on_a_log_that_is_never_compacted);
    tcase_add_test(tests, bounded_lets_a_fault_cost_one_snapshot_and_no_later_one);
    tcase_add_test(tests, bounded_waits_for_a_clock_that_stands_still_behind_a_fault);
    tcase_add_test(tests, bounded_accepts_a_long_log_while_a_snapshot_moves_on);
    tcase_add_test(tests, bounded_fires_on_a_snapshot_that_is_sent_without_end);
    tcase_add_test(tests, bounded_fires_on_a_snapshot_that_moves_no_further);
    tcase_add_test(tests, bounded_fires_on_a_long_log_of_a_witness);
    tcase_add_test(tests, bounded_fires_on_a_hint_that_is_not_taken);
    tcase_add_test(tests, bounded_accepts_refusals_of_who_is_added_once_more);
    tcase_add_loop_test(
        tests, bounded_accepts_refusals_that_come_after_what_they_refused_has_matched, 0, 2);
    tcase_add_test(tests, bounded_accepts_refusals_of_what_was_asked_before_the_first_came);
    tcase_add_test(tests, bounded_accepts_refusals_after_something_has_matched);
    tcase_add_test(tests, bounded_fires_on_a_snapshot_that_restarts_without_end);
    tcase_add_test(tests, bounded_accepts_what_may_stay_in_memory);
    tcase_add_test(tests, bounded_fires_on_applied_entries_that_stay_in_memory);
    tcase_add_test(tests, bounded_accepts_what_is_not_applied_in_memory);
    tcase_add_test(tests, bounded_fires_on_more_than_what_is_not_applied);
    tcase_add_test(tests, bounded_fires_when_time_stands_still);
    return unit_main(suite);
}
