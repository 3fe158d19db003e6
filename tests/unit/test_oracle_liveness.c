/* The oracles of failures that must surface, of starts, of leaders that must stay and of bounds:
 * each fires on a tiny bad history, by its name and alone, and is silent on a good one. */
#include "oracle_double.h"
#include "unit.h"

#define MS UINT64_C(1000000)

static void options_set(void)
{
    for (uint32_t id = 1; id <= FAKE_NODES; id++) {
        struct raft_options *options = &fake.nodes[id]->node.options;
        options->election_ns_min = 150 * MS;
        options->election_ns_max = 300 * MS;
        options->heartbeat_ns = 50 * MS;
        options->pre_vote = true;
        options->check_quorum = true;
        options->window_messages_max = 2;
        options->pending_requests_max = 4;
        options->payload_size_max = 64;
        options->batch_size_max = 1024;
        fake.nodes[id]->node.started = *options;
    }
}

static void setup(void)
{
    fake_setup();
    fake_ops.features |= SUT_FEATURE_PRE_VOTE | SUT_FEATURE_CHECK_QUORUM;
    options_set();
}

/* ---- error-surfaces ---- */

static void io(uint32_t node, enum raft_io_op op, uint64_t offset, size_t size, size_t done,
               enum raft_status status)
{
    const struct raft_io what = {.op = op,
                                 .file = op == RAFT_IO_SYNC_DIR ? 0 : 7,
                                 .offset = offset,
                                 .size = size,
                                 .done = done,
                                 .status = status};
    sim_oracle_io_begins(fake.world->oracles, node, &what);
    sim_oracle_io_done(fake.world->oracles, node, &what);
}

START_TEST(error_surfaces_is_silent_when_a_failed_write_is_mended)
{
    io(1, RAFT_IO_WRITE, 100, 50, 0, RAFT_IO);
    io(1, RAFT_IO_TRUNCATE, 100, 0, 0, RAFT_OK);
    io(1, RAFT_IO_SYNC, 0, 0, 0, RAFT_OK);
    io(1, RAFT_IO_WRITE, 100, 50, 20, RAFT_OK);
    io(1, RAFT_IO_WRITE, 120, 30, 30, RAFT_OK);
    io(1, RAFT_IO_SYNC, 0, 0, 0, RAFT_OK);
    expect(NULL);
}
END_TEST

START_TEST(error_surfaces_fires_on_a_sync_over_a_failed_write)
{
    io(1, RAFT_IO_WRITE, 100, 50, 0, RAFT_IO);
    expect(NULL);
    io(1, RAFT_IO_SYNC, 0, 0, 0, RAFT_OK);
    expect("error-surfaces");
}
END_TEST

START_TEST(error_surfaces_fires_on_a_sync_over_a_short_write)
{
    io(1, RAFT_IO_WRITE, 100, 50, 49, RAFT_OK);
    io(1, RAFT_IO_SYNC, 0, 0, 0, RAFT_OK);
    expect("error-surfaces");
}
END_TEST

START_TEST(error_surfaces_fires_on_a_failed_sync_that_is_tried_again)
{
    io(1, RAFT_IO_SYNC, 0, 0, 0, RAFT_IO);
    io(1, RAFT_IO_SYNC, 0, 0, 0, RAFT_OK);
    expect("error-surfaces");
}
END_TEST

START_TEST(error_surfaces_fires_on_a_directory_synced_again)
{
    io(1, RAFT_IO_SYNC_DIR, 0, 0, 0, RAFT_IO);
    io(1, RAFT_IO_SYNC_DIR, 0, 0, 0, RAFT_OK);
    expect("error-surfaces");
}
END_TEST

START_TEST(error_surfaces_accepts_a_new_file_after_a_failed_sync)
{
    io(1, RAFT_IO_SYNC, 0, 0, 0, RAFT_IO);
    io(1, RAFT_IO_CLOSE, 0, 0, 0, RAFT_OK);
    io(1, RAFT_IO_SYNC, 0, 0, 0, RAFT_OK);
    expect(NULL);
}
END_TEST

/* Node 1 starts, and in its start an operation fails, perhaps to be done again. */
static void start_over_a_failure(bool again)
{
    end(1, SIM_NODE_DOWN);
    sim_oracle_starts(fake.world->oracles, 1);
    io(1, RAFT_IO_READ, 0, 50, 0, RAFT_IO);
    if (again) {
        io(1, RAFT_IO_READ, 0, 50, 50, RAFT_OK);
    }
    start(1);
}

START_TEST(error_surfaces_fires_on_a_start_over_a_failed_read)
{
    start_over_a_failure(false);
    expect("error-surfaces");
}
END_TEST

START_TEST(error_surfaces_accepts_a_start_that_reads_again)
{
    start_over_a_failure(true);
    expect(NULL);
}
END_TEST

START_TEST(error_surfaces_fires_when_a_failed_state_machine_goes_on)
{
    sim_oracle_machine_failed(fake.world->oracles, 1, 2);
    fake.nodes[1]->node.harmed[SIM_HARM_MACHINE] = fake.world->events + 2;
    step(1);
    expect("error-surfaces");
}
END_TEST

START_TEST(error_surfaces_accepts_a_failed_state_machine_that_ends_its_node)
{
    sim_oracle_machine_failed(fake.world->oracles, 1, 2);
    fake.nodes[1]->node.harmed[SIM_HARM_MACHINE] = fake.world->events + 2;
    view_of(1)->condition = RAFT_CONDITION_FAILED;
    step(1);
    expect(NULL);
}
END_TEST

/* ---- no-false-alarm: what excuses what ---- */

START_TEST(no_false_alarm_fires_on_a_failure_that_an_old_fault_does_not_explain)
{
    fake.world->events = 10;
    fake.nodes[1]->node.harmed[SIM_HARM_MEMORY] = 5;
    view_of(1)->condition = RAFT_CONDITION_FAILED;
    step(1);
    expect("no-false-alarm");
}
END_TEST

START_TEST(no_false_alarm_fires_on_a_full_disk_that_has_taken_entries_since_the_fault)
{
    fake.world->events = 10;
    fake.nodes[1]->node.harmed[SIM_HARM_SPACE] = 5;
    fake.nodes[1]->node.durable_event = 8;
    view_of(1)->condition = RAFT_CONDITION_NOSPACE;
    step(1);
    expect("no-false-alarm");
}
END_TEST

START_TEST(no_false_alarm_accepts_a_full_disk_that_has_taken_nothing_since)
{
    fake.world->events = 10;
    fake.nodes[1]->node.harmed[SIM_HARM_SPACE] = 9;
    fake.nodes[1]->node.durable_event = 8;
    view_of(1)->condition = RAFT_CONDITION_NOSPACE;
    step(1);
    expect(NULL);
}
END_TEST

/* ---- recovery ---- */

/* Node 2 restarts in term 3 with two entries on its disk, and so many in its log. */
static void restart_with(uint64_t count, raft_term term)
{
    enter_term(2, 3);
    replicate(2, 2);
    end(2, SIM_NODE_DOWN);
    sim_oracle_starts(fake.world->oracles, 2);
    view_of(2)->state.term = term;
    for (uint64_t i = 1; i <= count; i++) {
        put(2, 1, 100 + i);
    }
    start(2);
}

START_TEST(recovery_is_silent_on_what_the_disk_holds)
{
    restart_with(2, 3);
    expect(NULL);
}
END_TEST

START_TEST(recovery_fires_on_a_log_that_is_shorter_than_the_disks)
{
    restart_with(1, 3);
    expect("recovery");
}
END_TEST

START_TEST(recovery_fires_on_a_log_that_is_longer_than_the_disks)
{
    restart_with(3, 3);
    expect("recovery");
}
END_TEST

START_TEST(recovery_fires_on_a_term_that_is_not_on_the_disk)
{
    fake.world->oracles->term_max = 4;
    restart_with(2, 4);
    expect("recovery");
}
END_TEST

START_TEST(recovery_says_nothing_of_a_disk_with_a_cache)
{
    fake.is_dirty = true;
    restart_with(3, 4);
    expect(NULL);
}
END_TEST

/* ---- stability ---- */

static void arrive(uint32_t from, uint32_t to, raft_term term)
{
    const struct sut_message message = {.type = "append_req", .from = from, .to = to, .term = term};
    sim_oracle_arrives(fake.world->oracles, to, (const uint8_t *)&message, sizeof message);
    sim_oracle_stepped(fake.world->oracles, to, from);
}

/* Node 1 leads term 1, and for a while hears node 2 and is heard by it. */
static void lead_calmly(uint64_t gap_ms)
{
    enter_term(2, 1);
    enter_term(3, 1);
    step(2);
    step(3);
    elect(1, 1);
    fake.nodes[1]->progress[2] = (struct raft_progress_view){.id = 2, .next = 1};
    for (uint64_t ms = 0; ms < 2000; ms += gap_ms) {
        fake.world->scheduler.now_ns = (1000 + ms) * MS;
        arrive(1, 2, 1);
        arrive(2, 1, 1);
    }
}

static void campaign(uint32_t node)
{
    view_of(node)->role = RAFT_CANDIDATE;
    view_of(node)->state = (struct raft_hard_state){.term = 2, .vote = node};
    persist_state(node, 2, node);
    step(node);
}

START_TEST(stability_fires_on_a_term_that_begins_while_a_leader_is_heard)
{
    lead_calmly(50);
    campaign(3);
    expect("stability");
}
END_TEST

START_TEST(stability_accepts_a_term_when_the_leader_was_not_heard)
{
    lead_calmly(100);
    campaign(3);
    expect(NULL);
}
END_TEST

START_TEST(stability_accepts_a_campaign_that_was_ordered)
{
    lead_calmly(50);
    sim_oracle_campaign_ordered(fake.world->oracles, 3);
    campaign(3);
    expect(NULL);
}
END_TEST

START_TEST(stability_accepts_a_term_after_a_clock_has_jumped)
{
    lead_calmly(50);
    fake.nodes[2]->node.unsteady_ns = fake.world->scheduler.now_ns;
    campaign(3);
    expect(NULL);
}
END_TEST

START_TEST(stability_fires_when_a_leader_that_is_heard_steps_down)
{
    lead_calmly(50);
    view_of(1)->role = RAFT_FOLLOWER;
    step(1);
    expect("stability");
}
END_TEST

/* Node 1 appends a configuration in which it has these flags, and goes by it. */
static void change_own_flags(uint32_t flags)
{
    static uint8_t payload[RAFT_CONFIGURATION_SIZE_MAX];
    struct fake_node *to = fake.nodes[1];
    raft_index index = to->node.view.last.index + 1;
    const struct raft_configuration made = {
        .count = 3,
        .members = {{.id = 1, .flags = flags},
                    {.id = 2, .flags = RAFT_MEMBER_VOTER},
                    {.id = 3, .flags = RAFT_MEMBER_VOTER}},
    };
    raft_configuration_encode(&made, payload);
    to->log[index] = (struct sut_entry){
        .id = {1, index},
        .kind = RAFT_ENTRY_CONFIGURATION,
        .size = (uint32_t)raft_configuration_size(&made),
        .payload = payload,
    };
    to->node.view.last = to->log[index].id;
    to->node.view.configuration = made;
    to->node.view.configuration_index = index;
    step(1);
    to->node.view.durable = to->node.view.last;
}

/* With these flags node 1 leads, is heard, and steps down. */
static void step_down_as(uint32_t flags)
{
    lead_calmly(50);
    change_own_flags(flags);
    view_of(1)->role = RAFT_FOLLOWER;
    step(1);
}

START_TEST(stability_accepts_a_leader_that_steps_down_to_be_a_witness)
{
    step_down_as(RAFT_MEMBER_VOTER | RAFT_MEMBER_WITNESS);
    expect(NULL);
}
END_TEST

START_TEST(stability_fires_when_a_leader_that_stays_a_voter_steps_down)
{
    step_down_as(RAFT_MEMBER_VOTER);
    expect("stability");
}
END_TEST

static void campaign_eleven_times_after_the_heal(void)
{
    sim_oracle_heals(fake.world->oracles);
    fake.world->phase = SIM_PHASE_HEAL;
    for (raft_term term = 1; term <= 11; term++) {
        expect(NULL);
        view_of(1)->role = RAFT_CANDIDATE;
        view_of(1)->state = (struct raft_hard_state){.term = term, .vote = 1};
        persist_state(1, term, 1);
        step(1);
    }
}

START_TEST(stability_fires_on_terms_that_grow_without_end_after_the_heal)
{
    campaign_eleven_times_after_the_heal();
    expect("stability");
}
END_TEST

START_TEST(stability_accepts_terms_that_grow_where_nobody_can_be_elected)
{
    fake.world->is_unavailable = true;
    campaign_eleven_times_after_the_heal();
    expect(NULL);
}
END_TEST

/* ---- progress ---- */

/* So long node 1 steps every 10 ms. */
static void steps(uint64_t ms)
{
    for (uint64_t i = 0; i < ms; i += 10) {
        fake.world->scheduler.now_ns += 10 * MS;
        step(1);
    }
}

START_TEST(progress_fires_on_a_transfer_that_does_not_end)
{
    elect(1, 1);
    steps(50);
    view_of(1)->transfer_target = 2;
    steps(340);
    expect(NULL);
    steps(50);
    expect("progress");
}
END_TEST

START_TEST(progress_does_not_blame_a_leader_that_stood_still_in_a_transfer)
{
    elect(1, 1);
    steps(50);
    view_of(1)->transfer_target = 2;
    fake.world->scheduler.now_ns += 5000 * MS;
    step(1);
    expect(NULL);
}
END_TEST

START_TEST(progress_fires_on_a_command_that_is_taken_in_a_transfer)
{
    const uint64_t value = 5;
    elect(1, 1);
    view_of(1)->transfer_target = 2;
    sim_oracle_submitted(fake.world->oracles, 1, 1, (const uint8_t *)&value, sizeof value);
    expect("progress");
}
END_TEST

START_TEST(progress_fires_on_a_follower_that_hears_nobody_and_does_not_campaign)
{
    fake.world->scheduler.now_ns = 1000 * MS;
    steps(600);
    expect(NULL);
    steps(50);
    expect("progress");
}
END_TEST

/* Node 1 leads term 1, steps down after a heartbeat interval, and then waits. */
static void wait_after_leading(uint64_t ms)
{
    fake.world->scheduler.now_ns = 1000 * MS;
    elect(1, 1);
    fake.world->scheduler.now_ns += 50 * MS;
    view_of(1)->role = RAFT_FOLLOWER;
    step(1);
    steps(ms);
}

START_TEST(progress_does_not_count_the_time_in_which_a_follower_led)
{
    wait_after_leading(600);
    expect(NULL);
}
END_TEST

START_TEST(progress_fires_on_a_leader_that_stepped_down_and_does_not_campaign)
{
    wait_after_leading(610);
    expect("progress");
}
END_TEST

START_TEST(progress_accepts_a_follower_that_hears_its_leader)
{
    enter_term(1, 1);
    step(1);
    elect(2, 1);
    fake.world->scheduler.now_ns = 1000 * MS;
    for (int i = 0; i < 10; i++) {
        steps(200);
        arrive(2, 1, 1);
    }
    expect(NULL);
}
END_TEST

/* ---- bounded ---- */

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
    send_many(20, true);
    expect(NULL);
    send_many(1, true);
    expect("bounded");
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
}
END_TEST

START_TEST(bounded_counts_a_read_for_a_cause)
{
    for (int i = 0; i < 8; i++) {
        sim_oracle_read_taken(fake.world->oracles, 1);
    }
    send_many(20 + 8 * 8, false);
    expect(NULL);
    send_many(1, false);
    expect("bounded");
}
END_TEST

START_TEST(bounded_fires_on_too_many_requests)
{
    view_of(1)->requests = 5;
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

/* Snapshots are due with every entry: of ten that are applied some must have left the log. */
static void apply_without_a_snapshot(void)
{
    struct raft_options *options = &fake.nodes[1]->node.started;
    options->snapshot_threshold = 1;
    options->pending_requests_max = 4;
    elect(1, 1);
    replicate(1, 10);
    replicate(2, 10);
    commit(1, 10);
    for (raft_index index = 1; index <= 10; index++) {
        apply(1, index, index);
    }
    view_of(1)->applied = 10;
    view_of(1)->member_flags = RAFT_MEMBER_VOTER;
}

START_TEST(bounded_fires_on_a_log_that_is_never_compacted)
{
    apply_without_a_snapshot();
    step(1);
    expect("bounded");
}
END_TEST

/* Node 1 leads; a snapshot that it sends to node 2 for this long holds up its own. */
static void send_a_snapshot(uint64_t ms)
{
    apply_without_a_snapshot();
    fake.nodes[1]->progress[2] =
        (struct raft_progress_view){.id = 2, .next = 1, .state = RAFT_INSTALL};
    steps(ms);
}

START_TEST(bounded_accepts_a_long_log_while_a_snapshot_is_sent)
{
    send_a_snapshot(3000);
    expect(NULL);
}
END_TEST

START_TEST(bounded_fires_on_a_snapshot_that_is_sent_without_end)
{
    send_a_snapshot(3020);
    expect("bounded");
}
END_TEST

START_TEST(bounded_accepts_a_long_log_of_a_witness)
{
    apply_without_a_snapshot();
    view_of(1)->member_flags = RAFT_MEMBER_VOTER | RAFT_MEMBER_WITNESS;
    step(1);
    expect(NULL);
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
    Suite *suite = suite_create("oracle_liveness");
    TCase *tests = tcase_create("liveness");
    suite_add_tcase(suite, tests);
    tcase_add_checked_fixture(tests, setup, fake_teardown);
    tcase_add_test(tests, error_surfaces_is_silent_when_a_failed_write_is_mended);
    tcase_add_test(tests, error_surfaces_fires_on_a_sync_over_a_failed_write);
    tcase_add_test(tests, error_surfaces_fires_on_a_sync_over_a_short_write);
    tcase_add_test(tests, error_surfaces_fires_on_a_failed_sync_that_is_tried_again);
    tcase_add_test(tests, error_surfaces_fires_on_a_directory_synced_again);
    tcase_add_test(tests, error_surfaces_accepts_a_new_file_after_a_failed_sync);
    tcase_add_test(tests, error_surfaces_fires_on_a_start_over_a_failed_read);
    tcase_add_test(tests, error_surfaces_accepts_a_start_that_reads_again);
    tcase_add_test(tests, error_surfaces_fires_when_a_failed_state_machine_goes_on);
    tcase_add_test(tests, error_surfaces_accepts_a_failed_state_machine_that_ends_its_node);
    tcase_add_test(tests, no_false_alarm_fires_on_a_failure_that_an_old_fault_does_not_explain);
    tcase_add_test(tests,
                   no_false_alarm_fires_on_a_full_disk_that_has_taken_entries_since_the_fault);
    tcase_add_test(tests, no_false_alarm_accepts_a_full_disk_that_has_taken_nothing_since);
    tcase_add_test(tests, recovery_is_silent_on_what_the_disk_holds);
    tcase_add_test(tests, recovery_fires_on_a_log_that_is_shorter_than_the_disks);
    tcase_add_test(tests, recovery_fires_on_a_log_that_is_longer_than_the_disks);
    tcase_add_test(tests, recovery_fires_on_a_term_that_is_not_on_the_disk);
    tcase_add_test(tests, recovery_says_nothing_of_a_disk_with_a_cache);
    tcase_add_test(tests, stability_fires_on_a_term_that_begins_while_a_leader_is_heard);
    tcase_add_test(tests, stability_accepts_a_term_when_the_leader_was_not_heard);
    tcase_add_test(tests, stability_accepts_a_campaign_that_was_ordered);
    tcase_add_test(tests, stability_accepts_a_term_after_a_clock_has_jumped);
    tcase_add_test(tests, stability_fires_when_a_leader_that_is_heard_steps_down);
    tcase_add_test(tests, stability_accepts_a_leader_that_steps_down_to_be_a_witness);
    tcase_add_test(tests, stability_fires_when_a_leader_that_stays_a_voter_steps_down);
    tcase_add_test(tests, stability_fires_on_terms_that_grow_without_end_after_the_heal);
    tcase_add_test(tests, stability_accepts_terms_that_grow_where_nobody_can_be_elected);
    tcase_add_test(tests, progress_fires_on_a_transfer_that_does_not_end);
    tcase_add_test(tests, progress_does_not_blame_a_leader_that_stood_still_in_a_transfer);
    tcase_add_test(tests, progress_fires_on_a_command_that_is_taken_in_a_transfer);
    tcase_add_test(tests, progress_fires_on_a_follower_that_hears_nobody_and_does_not_campaign);
    tcase_add_test(tests, progress_does_not_count_the_time_in_which_a_follower_led);
    tcase_add_test(tests, progress_fires_on_a_leader_that_stepped_down_and_does_not_campaign);
    tcase_add_test(tests, progress_accepts_a_follower_that_hears_its_leader);
    tcase_add_test(tests, bounded_fires_on_too_many_messages_in_one_event);
    tcase_add_test(tests, bounded_fires_on_a_storm_without_a_cause);
    tcase_add_test(tests, bounded_accepts_answers);
    tcase_add_test(tests, bounded_counts_a_read_for_a_cause);
    tcase_add_test(tests, bounded_fires_on_too_many_requests);
    tcase_add_test(tests, bounded_fires_on_too_many_unanswered_appends);
    tcase_add_test(tests, bounded_fires_on_memory_that_nothing_accounts_for);
    tcase_add_test(tests, bounded_fires_on_a_log_that_is_never_compacted);
    tcase_add_test(tests, bounded_accepts_a_long_log_while_a_snapshot_is_sent);
    tcase_add_test(tests, bounded_fires_on_a_snapshot_that_is_sent_without_end);
    tcase_add_test(tests, bounded_accepts_a_long_log_of_a_witness);
    tcase_add_test(tests, bounded_fires_when_time_stands_still);
    return unit_main(suite);
}
