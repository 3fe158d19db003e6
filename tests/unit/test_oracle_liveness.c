/* The oracles of failures that must surface, of starts, and of leaders that must stay:
 * each fires on a tiny bad history, by its name and alone, and is silent on a good one. */
#include "oracle_double.h"
#include "unit.h"

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

/* What was done after bytes 100 to 150 could not be written, and leaves some of them so. */
static const struct {
    enum raft_io_op op;
    uint64_t offset;
    uint32_t size;
    uint32_t done;
    enum raft_status status;
} half_mended[] = {
    {RAFT_IO_WRITE, 100, 49, 49, RAFT_OK},  /* not the last byte */
    {RAFT_IO_WRITE, 101, 49, 49, RAFT_OK},  /* not the first one */
    {RAFT_IO_WRITE, 100, 10, 0, RAFT_IO},   /* it fails again, and further */
    {RAFT_IO_TRUNCATE, 101, 0, 0, RAFT_OK}, /* behind the first byte */
    {RAFT_IO_TRUNCATE, 100, 0, 0, RAFT_IO},
};

START_TEST(error_surfaces_fires_on_a_sync_over_what_was_mended_in_part)
{
    io(1, RAFT_IO_WRITE, 100, 50, 0, RAFT_IO);
    io(1, half_mended[_i].op, half_mended[_i].offset, half_mended[_i].size, half_mended[_i].done,
       half_mended[_i].status);
    if (half_mended[_i].op == RAFT_IO_WRITE && half_mended[_i].status != RAFT_OK) {
        io(1, RAFT_IO_WRITE, 100, 10, 10, RAFT_OK);
    }
    expect(NULL);
    io(1, RAFT_IO_SYNC, 0, 0, 0, RAFT_OK);
    expect("error-surfaces");
}
END_TEST

START_TEST(error_surfaces_forgets_with_the_process)
{
    io(1, RAFT_IO_WRITE, 100, 50, 0, RAFT_IO);
    io(1, RAFT_IO_SYNC_DIR, 0, 0, 0, RAFT_IO);
    begin_anew(1);
    start(1);
    io(1, RAFT_IO_SYNC, 0, 0, 0, RAFT_OK);
    io(1, RAFT_IO_SYNC_DIR, 0, 0, 0, RAFT_OK);
    expect(NULL);
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
    begin_anew(1);
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

/* Node 1 starts; a file is not opened in it, or not removed, and then another is opened. */
static void start_over_a_name(enum raft_io_op op)
{
    struct raft_io what = {.op = op, .name = "a", .status = RAFT_IO};
    begin_anew(1);
    sim_oracle_io_done(fake.world->oracles, 1, &what);
    what = (struct raft_io){.op = RAFT_IO_OPEN, .name = "b", .file = 5, .status = RAFT_OK};
    sim_oracle_io_done(fake.world->oracles, 1, &what);
    start(1);
}

START_TEST(error_surfaces_fires_on_a_start_that_opens_another_file_instead)
{
    start_over_a_name(RAFT_IO_OPEN);
    expect("error-surfaces");
}
END_TEST

START_TEST(error_surfaces_accepts_a_start_that_could_not_remove_a_file)
{
    start_over_a_name(RAFT_IO_UNLINK);
    expect(NULL);
}
END_TEST

START_TEST(error_surfaces_fires_on_a_failed_state_machine_that_applies_more)
{
    fake.nodes[1]->node.harmed[SIM_HARM_MACHINE] = fake.world->events + 2;
    sim_oracle_machine_failed(fake.world->oracles, 1, 2);
    view_of(1)->condition = RAFT_CONDITION_FAILED;
    view_of(1)->applied = 3;
    step(1);
    expect("error-surfaces");
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

START_TEST(error_surfaces_accepts_a_failed_state_machine_of_a_process_that_stops)
{
    sim_oracle_machine_failed(fake.world->oracles, 1, 2);
    fake.nodes[1]->node.harmed[SIM_HARM_MACHINE] = fake.world->events + 2;
    fake.nodes[1]->node.state = SIM_NODE_STOPPING;
    step(1);
    expect(NULL);
    expect_waived(SIM_WAIVER_MACHINE_STOPPING);
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
    begin_anew(2);
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
    expect_waived(SIM_PROBE_COUNT);
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

/* Three entries are committed, the last two of term 2. */
static void commit_three(void)
{
    enter_term(2, 2);
    enter_term(3, 2);
    elect(1, 2);
    for (uint32_t node = 1; node <= 3; node += 2) {
        put(node, 1, 101);
        put(node, 2, 102);
        put(node, 2, 103);
        persist(node);
        step(node);
    }
    commit(1, 3);
}

/* Node 2 has a log of its own behind the first entry, of term 1 or of the committed one's. */
static void have_own_log(raft_term term)
{
    put(2, 1, 101);
    for (uint64_t i = 2; i <= 4; i++) {
        put(2, term, term == 2 ? 100 + i : 900 + i);
    }
    step(2);
}

/* It starts from the snapshot of the first two entries, and with so many behind them. */
static void restart_behind_second(uint64_t count)
{
    begin_anew(2);
    view_of(2)->state.term = 2;
    view_of(2)->base = (struct raft_entry_id){2, 2};
    view_of(2)->last = view_of(2)->base;
    for (uint64_t i = 1; i <= count; i++) {
        put(2, 2, 102 + i);
    }
    start(2);
}

/* Whichever the disk shows first, the log or the snapshot. */
START_TEST(recovery_takes_a_log_that_disagrees_with_the_snapshot_for_none)
{
    commit_three();
    have_own_log(1);
    if (_i == 0) {
        persist(2);
        put_snapshot(2, "snapshot-2", 2, 2);
    } else {
        put_snapshot(2, "snapshot-2", 2, 2);
        persist(2);
    }
    view_of(2)->durable = view_of(2)->last;
    step(2);
    restart_behind_second(0);
    expect(NULL);
    expect_waived(SIM_WAIVER_DURABLE_REPLACED);
}
END_TEST

START_TEST(recovery_fires_on_a_log_that_is_gone_behind_a_snapshot_that_it_agrees_with)
{
    commit_three();
    have_own_log(2);
    persist(2);
    put_snapshot(2, "snapshot-2", 2, 2);
    restart_behind_second(0);
    expect("recovery");
}
END_TEST

START_TEST(monotonic_fires_on_a_log_that_is_gone_behind_a_snapshot_that_it_agrees_with)
{
    commit_three();
    have_own_log(2);
    persist(2);
    put_snapshot(2, "snapshot-2", 2, 2);
    view_of(2)->durable = view_of(2)->last;
    step(2);
    fake.is_dirty = true;
    restart_behind_second(0);
    expect("monotonic");
}
END_TEST

/* The crash has kept the second record of a batch, and not the first one. */
START_TEST(recovery_takes_a_torn_beginning_for_no_log)
{
    const uint64_t second[3] = {1, 2, 102};
    enter_term(2, 3);
    end(2, SIM_NODE_DOWN);
    show_file(2, "log-1", second, sizeof second);
    sim_oracle_starts(fake.world->oracles, 2);
    view_of(2)->state.term = 3;
    start(2);
    expect(NULL);
}
END_TEST

START_TEST(recovery_fires_on_a_term_that_is_not_on_the_disk)
{
    fake.world->oracles->term_max = 4;
    restart_with(2, 4);
    expect("recovery");
}
END_TEST

START_TEST(recovery_fires_on_a_vote_that_is_not_on_the_disk)
{
    enter_term(2, 3);
    begin_anew(2);
    view_of(2)->state = (struct raft_hard_state){.term = 3, .vote = 1};
    start(2);
    expect("recovery");
}
END_TEST

START_TEST(recovery_fires_on_a_log_with_another_entry_than_the_disks)
{
    enter_term(2, 3);
    replicate(2, 2);
    begin_anew(2);
    view_of(2)->state.term = 3;
    put(2, 1, 101);
    put(2, 2, 999);
    start(2);
    expect("recovery");
}
END_TEST

START_TEST(recovery_fires_on_a_log_that_goes_on_behind_a_snapshot_and_is_not_on_the_disk)
{
    commit_three();
    put(2, 1, 101);
    put(2, 2, 102);
    persist(2);
    step(2);
    put_snapshot(2, "snapshot-2", 2, 2);
    restart_behind_second(1);
    expect("recovery");
}
END_TEST

START_TEST(recovery_fires_on_a_start_from_another_nodes_store)
{
    fake.is_dirty = true; /* whatever else there is to say of the disk */
    fake.nodes[2]->node.disk.owner = 3;
    restart_with(2, 3);
    expect("recovery");
}
END_TEST

START_TEST(recovery_fires_on_a_start_from_a_wiped_disk)
{
    fake.nodes[2]->node.disk.owner = 0;
    fake.is_dirty = true;
    restart_with(2, 3);
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

/* Node 2 hears the leader, or is heard by it, and not both. */
START_TEST(stability_accepts_a_term_when_contact_was_one_way)
{
    enter_term(2, 1);
    enter_term(3, 1);
    elect(1, 1);
    fake.nodes[1]->progress[2] = (struct raft_progress_view){.id = 2, .next = 1};
    for (uint64_t ms = 0; ms < 2000; ms += 50) {
        fake.world->scheduler.now_ns = (1000 + ms) * MS;
        arrive(_i == 0 ? 1 : 2, _i == 0 ? 2 : 1, 1);
    }
    campaign(3);
    expect(NULL);
}
END_TEST

START_TEST(stability_accepts_a_term_when_contact_has_ended)
{
    lead_calmly(50);
    fake.world->scheduler.now_ns += 76 * MS; /* half the shortest election timeout, and more */
    campaign(3);
    expect(NULL);
}
END_TEST

START_TEST(stability_accepts_a_term_when_contact_is_new)
{
    enter_term(2, 1);
    enter_term(3, 1);
    fake.world->scheduler.now_ns = 1000 * MS;
    elect(1, 1);
    fake.nodes[1]->progress[2] = (struct raft_progress_view){.id = 2, .next = 1};
    for (uint64_t ms = 0; ms < 600; ms += 50) {
        fake.world->scheduler.now_ns = (1000 + ms) * MS;
        arrive(1, 2, 1);
        arrive(2, 1, 1);
    }
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
    expect_waived(SIM_WAIVER_DEPOSED_ORDERED);
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

START_TEST(stability_accepts_a_leader_that_steps_down_when_its_disk_does_not_answer)
{
    lead_calmly(50);
    fake.pending = 1;
    view_of(1)->role = RAFT_FOLLOWER;
    step(1);
    expect(NULL);
    expect_waived(SIM_WAIVER_STEPS_DOWN_DISK);
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
    expect_waived(SIM_WAIVER_TERMS_UNAVAILABLE);
}
END_TEST

/* ---- progress ---- */

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

START_TEST(progress_accepts_a_follower_that_hears_a_leader_which_nobody_saw)
{
    fake.world->scheduler.now_ns = 1000 * MS;
    for (int i = 0; i < 10; i++) {
        const struct sut_message append = {
            .type = "append_req", .from = 2, .to = 1, .term = 1, .asks = true};
        const struct sut_message piece = {
            .type = "install_req", .from = 2, .to = 1, .term = 1, .piece_of = 4};
        steps(400);
        sim_oracle_arrives(fake.world->oracles, 1, (const uint8_t *)(i % 2 == 0 ? &append : &piece),
                           sizeof append);
    }
    expect(NULL);
}
END_TEST

/* ---- answers ---- */

/* Node 2 takes a read; so many milliseconds later the liveness phase looks. */
static void read_and_wait(uint64_t ms)
{
    sim_oracle_taken(fake.world->oracles, 2, SIM_REQUEST_READ | 7);
    fake.world->scheduler.now_ns += ms * MS;
    sim_oracle_prompt_check(fake.world->oracles);
}

START_TEST(progress_fires_on_a_read_that_is_not_answered)
{
    read_and_wait(100);
    expect(NULL);
    fake.world->scheduler.now_ns += 1;
    sim_oracle_prompt_check(fake.world->oracles);
    expect("progress");
}
END_TEST

START_TEST(progress_fires_on_the_oldest_of_those_that_wait)
{
    read_and_wait(60);
    sim_oracle_taken(fake.world->oracles, 2, SIM_REQUEST_READ | 8);
    fake.world->scheduler.now_ns += 41 * MS;
    sim_oracle_prompt_check(fake.world->oracles);
    expect("progress");
}
END_TEST

START_TEST(progress_fires_on_a_request_that_is_not_answered_though_another_is)
{
    const uint8_t payload = 1;
    const uint8_t other = 2;
    sim_oracle_submitted(fake.world->oracles, 2, 7, &payload, sizeof payload);
    sim_oracle_submitted(fake.world->oracles, 2, 8, &other, sizeof other);
    sim_oracle_completed(fake.world->oracles, 2, 8, RAFT_BUSY, 0);
    fake.world->scheduler.now_ns += 101 * MS;
    sim_oracle_prompt_check(fake.world->oracles);
    expect("progress");
}
END_TEST

START_TEST(progress_is_silent_on_answers_and_on_dead_processes)
{
    read_and_wait(50);
    sim_oracle_completed(fake.world->oracles, 2, SIM_REQUEST_READ | 7, RAFT_OK, 0);
    sim_oracle_taken(fake.world->oracles, 3, SIM_REQUEST_READ | 8);
    end(3, SIM_NODE_DOWN);
    fake.world->scheduler.now_ns += 1000 * MS;
    sim_oracle_prompt_check(fake.world->oracles);
    expect(NULL);
}
END_TEST

START_TEST(progress_demands_no_answer_of_what_is_no_majority)
{
    fake.world->is_unavailable = true;
    read_and_wait(1000);
    expect(NULL);
    expect_waived(SIM_WAIVER_UNAVAILABLE);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("oracle_liveness");
    TCase *tests = tcase_create("liveness");
    suite_add_tcase(suite, tests);
    tcase_add_checked_fixture(tests, fake_setup_leading, arena_tear_down);
    tcase_add_test(tests, error_surfaces_is_silent_when_a_failed_write_is_mended);
    tcase_add_test(tests, error_surfaces_fires_on_a_sync_over_a_failed_write);
    tcase_add_test(tests, error_surfaces_fires_on_a_sync_over_a_short_write);
    tcase_add_loop_test(tests, error_surfaces_fires_on_a_sync_over_what_was_mended_in_part, 0, 5);
    tcase_add_test(tests, error_surfaces_forgets_with_the_process);
    tcase_add_test(tests, error_surfaces_fires_on_a_failed_sync_that_is_tried_again);
    tcase_add_test(tests, error_surfaces_fires_on_a_directory_synced_again);
    tcase_add_test(tests, error_surfaces_accepts_a_new_file_after_a_failed_sync);
    tcase_add_test(tests, error_surfaces_fires_on_a_start_over_a_failed_read);
    tcase_add_test(tests, error_surfaces_accepts_a_start_that_reads_again);
    tcase_add_test(tests, error_surfaces_fires_on_a_start_that_opens_another_file_instead);
    tcase_add_test(tests, error_surfaces_accepts_a_start_that_could_not_remove_a_file);
    tcase_add_test(tests, error_surfaces_fires_on_a_failed_state_machine_that_applies_more);
    tcase_add_test(tests, error_surfaces_fires_when_a_failed_state_machine_goes_on);
    tcase_add_test(tests, error_surfaces_accepts_a_failed_state_machine_that_ends_its_node);
    tcase_add_test(tests, error_surfaces_accepts_a_failed_state_machine_of_a_process_that_stops);
    tcase_add_test(tests, no_false_alarm_fires_on_a_failure_that_an_old_fault_does_not_explain);
    tcase_add_test(tests,
                   no_false_alarm_fires_on_a_full_disk_that_has_taken_entries_since_the_fault);
    tcase_add_test(tests, no_false_alarm_accepts_a_full_disk_that_has_taken_nothing_since);
    tcase_add_test(tests, recovery_is_silent_on_what_the_disk_holds);
    tcase_add_test(tests, recovery_fires_on_a_log_that_is_shorter_than_the_disks);
    tcase_add_test(tests, recovery_fires_on_a_log_that_is_longer_than_the_disks);
    tcase_add_loop_test(tests, recovery_takes_a_log_that_disagrees_with_the_snapshot_for_none, 0,
                        2);
    tcase_add_test(tests,
                   recovery_fires_on_a_log_that_is_gone_behind_a_snapshot_that_it_agrees_with);
    tcase_add_test(tests,
                   monotonic_fires_on_a_log_that_is_gone_behind_a_snapshot_that_it_agrees_with);
    tcase_add_test(tests, recovery_takes_a_torn_beginning_for_no_log);
    tcase_add_test(tests, recovery_fires_on_a_term_that_is_not_on_the_disk);
    tcase_add_test(tests, recovery_fires_on_a_vote_that_is_not_on_the_disk);
    tcase_add_test(tests, recovery_fires_on_a_log_with_another_entry_than_the_disks);
    tcase_add_test(tests,
                   recovery_fires_on_a_log_that_goes_on_behind_a_snapshot_and_is_not_on_the_disk);
    tcase_add_test(tests, recovery_fires_on_a_start_from_another_nodes_store);
    tcase_add_test(tests, recovery_fires_on_a_start_from_a_wiped_disk);
    tcase_add_test(tests, recovery_says_nothing_of_a_disk_with_a_cache);
    tcase_add_test(tests, stability_fires_on_a_term_that_begins_while_a_leader_is_heard);
    tcase_add_test(tests, stability_accepts_a_term_when_the_leader_was_not_heard);
    tcase_add_loop_test(tests, stability_accepts_a_term_when_contact_was_one_way, 0, 2);
    tcase_add_test(tests, stability_accepts_a_term_when_contact_has_ended);
    tcase_add_test(tests, stability_accepts_a_term_when_contact_is_new);
    tcase_add_test(tests, stability_accepts_a_campaign_that_was_ordered);
    tcase_add_test(tests, stability_accepts_a_term_after_a_clock_has_jumped);
    tcase_add_test(tests, stability_fires_when_a_leader_that_is_heard_steps_down);
    tcase_add_test(tests, stability_accepts_a_leader_that_steps_down_when_its_disk_does_not_answer);
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
    tcase_add_test(tests, progress_accepts_a_follower_that_hears_a_leader_which_nobody_saw);
    tcase_add_test(tests, progress_accepts_a_follower_that_hears_its_leader);
    tcase_add_test(tests, progress_fires_on_a_read_that_is_not_answered);
    tcase_add_test(tests, progress_fires_on_the_oldest_of_those_that_wait);
    tcase_add_test(tests, progress_fires_on_a_request_that_is_not_answered_though_another_is);
    tcase_add_test(tests, progress_is_silent_on_answers_and_on_dead_processes);
    tcase_add_test(tests, progress_demands_no_answer_of_what_is_no_majority);
    return unit_main(suite);
}
