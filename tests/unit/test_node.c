/* What a simulated node finds out about its process, and what the end of a run demands of a
 * cluster: each rule on an implementation that does what the core does, but for one thing. */
#include "world_fixture.h"

#include <sim/fingerprint.h>
#include <sim/node_internal.h>
#include <sim/oracle_internal.h>

#include <string.h>

#define AN_ALLOC  RAFT_AT_MESSAGE_DECODE_ENTRY
#define A_REFUSAL RAFT_AT_MESSAGE_SEND_REFUSED

static struct sut_ops broken;

static void set_up(void)
{
    arena_set_up();
    broken = sut_raft;
}

/* Three nodes of the broken implementation, of which one leads. */
static struct sim_world *world_open(void)
{
    struct sim_world *world = world_of(&broken, 3);
    run_until(world, 1000 * MS);
    return world;
}

static void expect(const struct sim_world *world, const char *rule, const char *words)
{
    ck_assert_msg(world->has_finding, "%s did not fire", rule);
    ck_assert_str_eq(world->finding.rule, rule);
    ck_assert_msg(strstr(world->finding.message, words) != NULL, "%s", world->finding.message);
}

/* Runs to the end, which must be this finding. */
static void expect_at_the_end(struct sim_world *world, const char *rule, const char *words)
{
    sim_world_script_ended(world);
    sim_world_run(world);
    expect(world, rule, words);
}

/* ---- memory ---- */

static void *take(struct sim_node *node, size_t size)
{
    return node->memory.alloc(node->memory.ctx, AN_ALLOC, size);
}

START_TEST(fresh_memory_has_the_pattern_of_the_arena)
{
    struct sim_node *node = world_open()->nodes[1];
    uint64_t bytes = node->block_bytes;
    node->running = true;
    arena_set_fill(arena, 0x3c); /* which nobody else leaves there */
    const uint8_t *block = take(node, 100);
    ck_assert_ptr_nonnull(block);
    ck_assert_uint_eq(node->block_bytes, bytes + 100);
    for (uint32_t i = 0; i < 100; i++) {
        ck_assert_uint_eq(block[i], 0x3c);
    }
}
END_TEST

START_TEST(a_memory_limit_refuses_what_exceeds_it_and_changes_nothing)
{
    struct sim_node *node = world_open()->nodes[1];
    uint64_t bytes = node->block_bytes;
    uint64_t blocks = node->block_count;
    node->running = true;
    node->memory_limit = bytes + 100;
    ck_assert_ptr_null(take(node, 101));
    ck_assert_uint_eq(node->block_bytes, bytes);
    ck_assert_uint_eq(node->block_count, blocks);
    ck_assert(sim_node_is_excused(node, RAFT_NOMEM));
    ck_assert_ptr_nonnull(take(node, 100));
    ck_assert_ptr_null(take(node, 1));
    node->memory_limit = UINT64_MAX;
    ck_assert_ptr_nonnull(take(node, 1000));
}
END_TEST

START_TEST(an_allocation_fails_at_its_point_once_or_from_then_on)
{
    struct sim_world *world = world_open();
    struct sim_node *node = world->nodes[1];
    struct sim_rule *rule = rule_of(world, "memory.alloc", RAFT_OUTCOME_NULL);
    rule->trigger.nth = 2;
    sim_fault_rule_arm(&world->faults, rule);
    node->running = true;
    ck_assert_ptr_nonnull(take(node, 8));
    ck_assert_ptr_null(take(node, 8));
    ck_assert_ptr_nonnull(take(node, 8));
    rule->trigger.nth = 0;
    rule->trigger.from_nth = 5;
    ck_assert_ptr_nonnull(take(node, 8));
    ck_assert_ptr_null(take(node, 8));
    ck_assert_ptr_null(take(node, 8));
    sim_fault_rule_off(&world->faults, rule);
    struct sim_rule *own = rule_of(world, world->faults.points[AN_ALLOC]->name, RAFT_OUTCOME_NULL);
    own->trigger.times = 1;
    ck_assert_uint_eq(sim_fault_rule_arm(&world->faults, own), 1);
    ck_assert_ptr_null(take(node, 8));
    ck_assert_ptr_nonnull(take(node, 8));
}
END_TEST

START_TEST(memory_that_is_written_after_its_release_is_found)
{
    struct sim_world *world = world_open();
    struct sim_node *node = world->nodes[1];
    node->running = true;
    uint8_t *block = take(node, 100);
    node->memory.free(node->memory.ctx, block);
    block[50] = 1;
    node->running = false;
    sim_node_crash(node, SIM_UNSYNCED_KEEP);
    expect(world, "ledger", "memory was written after its release");
}
END_TEST

START_TEST(memory_that_is_released_twice_is_found)
{
    struct sim_world *world = world_open();
    struct sim_node *node = world->nodes[1];
    node->running = true;
    void *block = take(node, 100);
    node->memory.free(node->memory.ctx, block);
    node->memory.free(node->memory.ctx, block);
    expect(world, "ledger", "memory was released twice");
}
END_TEST

START_TEST(freed_memory_has_a_pattern_until_it_leaves_the_quarantine)
{
    struct sim_world *world = world_open();
    struct sim_node *node = world->nodes[1];
    node->running = true;
    uint8_t *block = take(node, 100);
    node->memory.free(node->memory.ctx, block);
    for (uint32_t i = 0; i < 100; i++) {
        ck_assert_uint_eq(block[i], 0xdd);
    }
    block[99] = 0;
    for (int i = 0; i < 5000 && !world->has_finding; i++) {
        node->memory.free(node->memory.ctx, take(node, 1000));
    }
    expect(world, "ledger", "memory was written after its release: 100 bytes");
}
END_TEST

START_TEST(memory_is_fit_for_anything_and_counted_until_it_is_released)
{
    struct sim_node *node = world_open()->nodes[1];
    uint64_t bytes = node->block_bytes;
    uint64_t blocks = node->block_count;
    void *taken[40];
    node->running = true;
    for (size_t i = 0; i < 40; i++) {
        taken[i] = take(node, i * i * 10);
        ck_assert_uint_eq((uintptr_t)taken[i] % 16, 0);
    }
    ck_assert_uint_eq(node->block_count, blocks + 40);
    for (size_t i = 0; i < 40; i++) {
        node->memory.free(node->memory.ctx, taken[i * 7 % 40]);
    }
    ck_assert_uint_eq(node->block_count, blocks);
    ck_assert_uint_eq(node->block_bytes, bytes);
}
END_TEST

START_TEST(a_dying_process_gets_no_memory_and_gives_none_back)
{
    struct sim_world *world = world_open();
    struct sim_node *node = world->nodes[1];
    struct sim_rule *rule = rule_of(world, "**", RAFT_OUTCOME_NULL);
    rule->trigger.nth = 1000000;
    node->running = true;
    void *block = take(node, 100);
    uint64_t bytes = node->block_bytes;
    sim_fault_rule_arm(&world->faults, rule);
    node->dying = true;
    ck_assert_ptr_null(take(node, 1));
    ck_assert_uint_eq(rule->trigger.matches, 0); /* no fault is spent on it */
    node->memory.free(node->memory.ctx, block);
    ck_assert_uint_eq(node->block_bytes, bytes);
    ck_assert(!sim_node_is_excused(node, RAFT_NOMEM));
}
END_TEST

/* ---- the process ---- */

static uint64_t messages_of(const struct sim_world *world, uint32_t node)
{
    uint64_t sent = 0;
    for (uint32_t to = 1; to <= world->node_count; to++) {
        sent += world->network.links[node][to].source.counter;
    }
    return sent;
}

START_TEST(a_paused_process_does_nothing_while_time_goes_on)
{
    for (uint32_t id = 1; id <= 3; id++) {
        struct sim_world *world = world_open();
        struct sim_node *node = world->nodes[id];
        begin_put(world, 3000 * MS);
        while (sim_disk_pending(&node->disk) == 0 && sim_world_step(world)) {
        }
        uint32_t pending = sim_disk_pending(&node->disk);
        sim_node_pause(node);
        const struct raft_view view = node->view;
        uint64_t bytes = node->block_bytes;
        uint64_t sent = messages_of(world, id);
        raft_time before = sim_node_now(node);
        run_for(world, 1000 * MS);
        ck_assert_int_eq(memcmp(&node->view, &view, sizeof view), 0);
        ck_assert_uint_eq(node->block_bytes, bytes);
        ck_assert_uint_eq(messages_of(world, id), sent);
        ck_assert_uint_eq(sim_disk_pending(&node->disk), pending);
        ck_assert_uint_gt(sim_node_now(node), before + 900 * MS);
        ck_assert_int_eq(sim_node_campaign(node), RAFT_BUSY);
        ck_assert_ptr_nonnull(sim_world_leader(world));
        ck_assert_uint_gt(node->deferred_count, 1);
        const struct sim_event *first = node->deferred[0];
        const struct sim_event *second = node->deferred[1];
        sim_node_resume(node);
        ck_assert_uint_eq(first->time_ns, world->scheduler.now_ns);
        ck_assert_uint_eq(first->order, second->order); /* they come in their order */
        ck_assert_uint_lt(first->counter, second->counter);
        run_for(world, 500 * MS);
        ck_assert_uint_gt(node->view.state.sequence + node->view.commit, 0);
        ck_assert_uint_gt(messages_of(world, id), sent);
        finish(world);
    }
}
END_TEST

START_TEST(a_crash_takes_everything_of_the_process_and_nothing_of_the_others)
{
    struct sim_world *world = world_open();
    struct sim_node *node = sim_world_leader(world);
    uint32_t other = node->id % 3 + 1;
    uint64_t bytes = world->nodes[other]->block_bytes;
    ck_assert_uint_gt(node->block_count, 0);
    sim_node_crash(node, SIM_UNSYNCED_LOSE);
    ck_assert_int_eq(node->state, SIM_NODE_DOWN);
    ck_assert_uint_eq(node->block_count, 0);
    ck_assert_uint_eq(node->block_bytes, 0);
    ck_assert_uint_eq(sim_node_timers_armed(node), 0);
    ck_assert_uint_eq(node->disk.open_count, 0);
    ck_assert_uint_eq(sim_disk_pending(&node->disk), 0);
    ck_assert_uint_eq(world->nodes[other]->block_bytes, bytes);
    for (uint32_t i = 0; i < world->scheduler.count; i++) {
        const struct sim_event *event = world->scheduler.heap[i];
        ck_assert(event->node != node->id || event->kind == SIM_EVENT_MESSAGE);
    }
    run_for(world, 1000 * MS);
    ck_assert_int_eq(node->state, SIM_NODE_DOWN); /* nobody starts it by itself */
    sim_node_crash(node, SIM_UNSYNCED_LOSE);
    ck_assert_uint_eq(node->crashes, 1);
    finish(world);
}
END_TEST

START_TEST(a_node_starts_again_at_its_time_and_one_that_is_gone_never)
{
    struct sim_world *world = world_open();
    struct sim_node *later = world->nodes[1];
    struct sim_node *gone = world->nodes[2];
    sim_node_crash(later, SIM_UNSYNCED_LOSE);
    uint64_t start_ns = world->scheduler.now_ns + 300 * MS;
    sim_node_start_at(later, start_ns);
    run_until(world, start_ns - 1);
    ck_assert_int_eq(later->state, SIM_NODE_DOWN);
    run_until(world, start_ns);
    ck_assert_int_eq(later->state, SIM_NODE_UP);
    ck_assert_uint_eq(later->incarnation, 2);
    sim_node_retire(gone);
    sim_node_start_at(gone, world->scheduler.now_ns);
    sim_node_start(gone);
    run_for(world, 1000 * MS);
    ck_assert_int_eq(gone->state, SIM_NODE_DOWN);
    finish(world);
    ck_assert_uint_eq(gone->incarnation, 1);
}
END_TEST

START_TEST(a_process_has_the_options_of_its_start)
{
    struct sim_world *world = world_open();
    struct sim_node *node = world->nodes[1];
    node->options.heartbeat_ns = 7 * MS;
    ck_assert_uint_ne(node->started.heartbeat_ns, 7 * MS);
    sim_node_start(node); /* it is up */
    ck_assert_uint_ne(node->started.heartbeat_ns, 7 * MS);
    sim_node_stop(node);
    run_for(world, 1000 * MS);
    ck_assert_int_eq(node->state, SIM_NODE_STOPPED);
    sim_node_start(node);
    ck_assert_uint_eq(node->started.heartbeat_ns, 7 * MS);
    ck_assert_uint_ne(world->nodes[2]->started.heartbeat_ns, 7 * MS);
    finish(world);
}
END_TEST

static const enum raft_outcome sides[] = {RAFT_OUTCOME_CRASH_BEFORE, RAFT_OUTCOME_CRASH_AFTER};

START_TEST(a_process_dies_before_an_operation_of_its_disk_or_after_it)
{
    static const char *const operations[] = {"disk.write", "disk.sync"};
    for (int i = 0; i < 2; i++) {
        struct sim_world *world = world_open();
        struct sim_node *node = world->nodes[2];
        struct sim_rule *rule = rule_of(world, operations[i], sides[_i]);
        rule->on = (struct sim_selector){.nodes = 1u << 2, .role = SIM_SELECT_NODES};
        sim_fault_rule_arm(&world->faults, rule);
        sim_node_stop(world->nodes[3]); /* lest others' operations are counted */
        run_for(world, 100 * MS);
        begin_put(world, 3000 * MS);
        uint64_t operations_before = node->disk.change_last;
        while (node->crashes == 0 && sim_world_step(world)) {
        }
        ck_assert_uint_eq(rule->trigger.fired, 1);
        ck_assert_uint_eq(node->died_in_event, sides[_i] == RAFT_OUTCOME_CRASH_BEFORE);
        ck_assert(i == 1 || (node->disk.change_last > operations_before) ==
                                (sides[_i] == RAFT_OUTCOME_CRASH_AFTER));
        sim_fault_rule_off(&world->faults, rule);
        sim_node_start(node);
        ck_assert(sim_node_is_up(node) && !node->died_in_event);
        finish(world);
    }
}
END_TEST

/* ---- the state machine ---- */

/* At this point node 2 is struck once; then a client writes, and the run goes to its end. */
static struct sim_world *strike_and_write(const char *point, enum raft_outcome outcome)
{
    struct sim_world *world = world_open();
    struct sim_rule *rule = rule_of(world, point, outcome);
    rule->on = (struct sim_selector){.nodes = 1u << 2, .role = SIM_SELECT_NODES};
    rule->trigger.times = 1;
    sim_fault_rule_arm(&world->faults, rule);
    begin_put(world, 3000 * MS);
    while (sim_world_next_ns(world) <= 4000 * MS && sim_world_step(world)) {
    }
    ck_assert_uint_eq(rule->trigger.fired, 1);
    ck_assert_uint_eq(world->clients.ok, 1);
    return world;
}

START_TEST(a_batch_that_is_refused_comes_again)
{
    struct sim_world *world = strike_and_write("apply.submit.refused", RAFT_OUTCOME_REFUSE);
    ck_assert_int_eq(world->nodes[2]->state, SIM_NODE_UP);
    ck_assert_uint_eq(sim_machine_applied(world->nodes[2]->machine),
                      sim_machine_applied(world->nodes[1]->machine));
    finish(world);
}
END_TEST

START_TEST(a_machine_that_fails_ends_its_process_and_no_other)
{
    struct sim_world *world = strike_and_write("apply.machine.error", RAFT_OUTCOME_ERROR);
    ck_assert_int_eq(world->nodes[2]->state, SIM_NODE_FAILED);
    ck_assert_str_eq(world->nodes[2]->why, raft_status_string(RAFT_MACHINE));
    ck_assert_int_eq(world->nodes[1]->state, SIM_NODE_UP);
    ck_assert_int_eq(world->nodes[3]->state, SIM_NODE_UP);
    finish(world);
}
END_TEST

/* ---- messages and the end ---- */

START_TEST(a_message_may_be_refused_at_once_and_is_then_nobodys)
{
    struct sim_world *world = world_open();
    struct sim_node *node = world->nodes[1];
    struct sim_rule *rule = rule_of(world, "message.send.refused", RAFT_OUTCOME_REFUSE);
    sim_fault_rule_arm(&world->faults, rule);
    uint64_t sent = world->network.sent;
    node->running = true;
    ck_assert_int_eq(node->env.send(node->env.ctx, A_REFUSAL, 2, (const uint8_t *)"x", 1),
                     RAFT_BUSY);
    ck_assert_uint_eq(world->network.sent, sent);
}
END_TEST

START_TEST(a_damaged_message_changes_nothing)
{
    static const char *const damages[] = {"corrupt", "truncate"};
    for (int i = 0; i < 2; i++) {
        struct sim_world *world = world_open();
        uint32_t follower = sim_world_leader(world)->id % 3 + 1;
        const struct sim_node *node = world->nodes[follower];
        struct sim_link_rule *rule = sim_network_rule_new(&world->network);
        rule->to = (struct sim_selector){.nodes = 1u << follower, .role = SIM_SELECT_NODES};
        *(damages[i][0] == 'c' ? &rule->corrupt : &rule->truncate) = UINT64_MAX;
        run_for(world, 20 * MS); /* what is under way arrives */
        const struct raft_view view = node->view;
        uint64_t blocks = node->block_count;
        uint64_t sent = messages_of(world, follower);
        sim_network_rule_activate(&world->network, rule);
        begin_put(world, 3000 * MS);
        run_for(world, 100 * MS); /* no election is due yet */
        ck_assert_uint_gt(rule->effects, 0);
        ck_assert_int_eq(memcmp(&node->view, &view, sizeof view), 0);
        ck_assert_uint_eq(node->block_count, blocks);
        ck_assert_uint_eq(messages_of(world, follower), sent);
        finish(world);
    }
}
END_TEST

START_TEST(a_message_to_nobody_is_found)
{
    struct sim_world *world = world_open();
    struct sim_node *node = world->nodes[1];
    node->running = true;
    ck_assert_int_eq(node->env.send(node->env.ctx, A_REFUSAL, 9, (const uint8_t *)"x", 1),
                     RAFT_BUSY);
    expect(world, "address", "n9, which does not exist");
}
END_TEST

static void no_stop(void *node, raft_time now_ns)
{
    (void)node, (void)now_ns;
}

START_TEST(a_process_that_never_stops_is_found)
{
    broken.stop = no_stop;
    expect_at_the_end(world_open(), "shutdown", "has not stopped within 60000 ms");
}
END_TEST

START_TEST(a_process_that_says_twice_that_it_has_stopped_is_found)
{
    struct sim_world *world = world_open();
    struct sim_node *node = world->nodes[1];
    node->env.stopped(node->env.ctx, RAFT_OK);
    node->env.stopped(node->env.ctx, RAFT_OK);
    expect(world, "shutdown", "says twice that it has stopped");
}
END_TEST

static void no_destroy(void *node)
{
    (void)node;
}

START_TEST(a_process_that_keeps_memory_is_found)
{
    broken.destroy = no_destroy;
    expect_at_the_end(world_open(), "ledger", "still owns");
}
END_TEST

/* What a process keeps when it is destroyed, and how it is called. */
static const struct {
    enum { KEEPS_TIMER, KEEPS_FILE, KEEPS_OPERATION, KEEPS_FROZEN, KEEPS_RESTORING } what;
    const char *words;
} keepsakes[] = {
    {KEEPS_TIMER, "1 of timer"},
    {KEEPS_FILE, "1 of file"},
    {KEEPS_OPERATION, "1 of operation"},
    {KEEPS_FROZEN, "1 of frozen state"},
    {KEEPS_RESTORING, "1 of half restored state"},
};

static struct sim_world *world_of_keepers;
static int kept;

/* The core's, and then it takes something once more. */
static void keeping_destroy(void *process)
{
    static struct raft_io io;
    struct raft_view view;
    uint64_t size;
    sut_raft.view(process, &view);
    struct raft_env *env = &world_of_keepers->nodes[view.id]->env;
    sut_raft.destroy(process);
    io = (struct raft_io){.op = RAFT_IO_CREATE, .name = "kept"};
    switch (keepsakes[kept].what) {
    case KEEPS_TIMER:
        env->set_timer(env->ctx, RAFT_TIMER_ELECTION, UINT64_MAX - 1);
        break;
    case KEEPS_FILE:
        ck_assert_int_eq(env->io_run(env->ctx, RAFT_AT_STATE_CREATE_CREATE, &io), RAFT_OK);
        break;
    case KEEPS_OPERATION:
        io.op = RAFT_IO_SYNC_DIR;
        ck_assert_int_eq(env->io_submit(env->ctx, RAFT_AT_STATE_CREATE_CREATE, &io), RAFT_OK);
        break;
    case KEEPS_FROZEN:
        ck_assert_int_eq(env->snapshot_begin(env->ctx, AN_ALLOC, &size), RAFT_OK);
        break;
    case KEEPS_RESTORING:
        ck_assert_int_eq(env->restore_begin(env->ctx, AN_ALLOC, 1), RAFT_OK);
        break;
    }
}

START_TEST(a_process_that_keeps_anything_else_is_found)
{
    broken.destroy = keeping_destroy;
    kept = _i;
    world_of_keepers = world_open();
    expect_at_the_end(world_of_keepers, "ledger", keepsakes[_i].words);
}
END_TEST

/* ---- answers ---- */

static struct sim_world *world_of_reads;

/* Answers at once, from the beginning of the log. */
static enum raft_status hasty_read(void *node, raft_time now_ns, uint64_t request)
{
    (void)now_ns;
    struct raft_view view;
    sut_raft.view(node, &view);
    struct sim_node *reader = world_of_reads->nodes[view.id];
    reader->env.complete(reader->env.ctx, request, RAFT_OK, 0);
    return RAFT_OK;
}

START_TEST(a_read_that_is_answered_without_asking_anybody_is_found)
{
    broken.read = hasty_read;
    world_of_reads = world_open();
    expect_at_the_end(world_of_reads, "read-index", "answers a read at index 0");
}
END_TEST

/* ---- what the liveness phase demands ---- */

static enum raft_status no_submit(void *node, raft_time now_ns, uint64_t request,
                                  const uint8_t *payload, uint32_t size)
{
    (void)node, (void)now_ns, (void)request, (void)payload, (void)size;
    return RAFT_BUSY;
}

START_TEST(a_cluster_that_takes_no_write_is_found)
{
    broken.submit = no_submit;
    expect_at_the_end(world_open(), "progress", "a write was not done");
}
END_TEST

static enum raft_status no_read(void *node, raft_time now_ns, uint64_t request)
{
    (void)node, (void)now_ns, (void)request;
    return RAFT_BUSY;
}

START_TEST(a_cluster_that_takes_no_read_is_found)
{
    broken.read = no_read;
    expect_at_the_end(world_open(), "progress", "a read was not done");
}
END_TEST

/* Messages that bring entries are lost on node 3, in memory alone. */
static void deaf(void *node, raft_time now_ns, const uint8_t *bytes, size_t size)
{
    struct raft_view view;
    struct sut_message message;
    sut_raft.view(node, &view);
    bool has_entries = sut_raft.describe(bytes, size, &message) && message.entry_count > 0;
    if (view.id != 3 || !has_entries) {
        sut_raft.receive(node, now_ns, bytes, size);
    }
}

START_TEST(a_cluster_that_does_not_agree_is_found)
{
    broken.receive = deaf;
    struct sim_world *world = world_open();
    ck_assert_uint_ne(sim_world_leader(world)->id, 3);
    expect_at_the_end(world, "progress", "the cluster has not agreed");
}
END_TEST

START_TEST(a_cluster_that_does_all_this_is_not)
{
    finish(world_open());
}
END_TEST

/* ---- fingerprints ---- */

static uint64_t fingerprint_of(struct sim_world *world)
{
    struct arena_walk *walk = arena_walk_create();
    uint64_t fingerprint = sim_fingerprint(world, walk);
    arena_walk_destroy(walk);
    return fingerprint;
}

START_TEST(a_fingerprint_does_not_see_harm_that_is_over)
{
    struct sim_world *world = world_open();
    sim_oracle_vanished_check(world->oracles, 1);
    uint64_t fingerprint = fingerprint_of(world);
    sim_node_harm(world->nodes[1], SIM_HARM_DISK);
    ck_assert_uint_eq(fingerprint_of(world), fingerprint);
    sim_oracle_vanished_check(world->oracles, 1);
    ck_assert_uint_eq(fingerprint_of(world), fingerprint);
    world->nodes[1]->durable_event++;
    ck_assert_uint_ne(fingerprint_of(world), fingerprint);
}
END_TEST

START_TEST(a_fingerprint_does_not_see_what_is_only_counted)
{
    struct sim_world *world = world_open();
    struct sim_faults *faults = &world->faults;
    uint64_t fingerprint = fingerprint_of(world);
    faults->gates[1].hits++;
    faults->taken[1]++;
    faults->shot.occurrence++;
    faults->passed[SIM_SHOT_MESSAGE]++;
    faults->fired++;
    faults->reached[1][0][0]++;
    faults->mishap_rows[0][1]++;
    world->probes.hits[0]++;
    sim_oracle_count(world->oracles, SIM_ORACLE_PROGRESS);
    world->nodes[1]->exit.event++;
    world->nodes[1]->unsteady_ns++;
    ck_assert_uint_eq(fingerprint_of(world), fingerprint);
}
END_TEST

START_TEST(a_fingerprint_sees_what_lies_between_that)
{
    struct sim_world *world = world_open();
    struct sim_faults *faults = &world->faults;
    uint64_t fingerprint = fingerprint_of(world);
    faults->sut_point_count++;
    ck_assert_uint_ne(fingerprint_of(world), fingerprint);
    faults->sut_point_count--;
    faults->rule_count++;
    ck_assert_uint_ne(fingerprint_of(world), fingerprint);
    faults->rule_count--;
    faults->suspended = !faults->suspended;
    ck_assert_uint_ne(fingerprint_of(world), fingerprint);
    faults->suspended = !faults->suspended;
    world->nodes[1]->reads_open++; /* behind the quarantine */
    ck_assert_uint_ne(fingerprint_of(world), fingerprint);
    world->nodes[1]->reads_open--;
    world->nodes[1]->memory_limit--; /* before it */
    ck_assert_uint_ne(fingerprint_of(world), fingerprint);
    world->nodes[1]->memory_limit++;
    ck_assert_uint_eq(fingerprint_of(world), fingerprint);
}
END_TEST

START_TEST(a_fingerprint_sees_that_memory_was_written_after_its_release)
{
    struct sim_world *world = world_open();
    struct sim_node *node = world->nodes[1];
    node->running = true;
    uint8_t *block = take(node, 100);
    node->memory.free(node->memory.ctx, block);
    uint64_t fingerprint = fingerprint_of(world);
    const uint8_t freed = block[50];
    block[50] = 1;
    ck_assert_uint_ne(fingerprint_of(world), fingerprint);
    block[50] = freed;
    ck_assert_uint_eq(fingerprint_of(world), fingerprint);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("node");
    TCase *tests = tcase_create("node");
    suite_add_tcase(suite, tests);
    tcase_add_checked_fixture(tests, set_up, arena_tear_down);
    tcase_add_test(tests, fresh_memory_has_the_pattern_of_the_arena);
    tcase_add_test(tests, a_memory_limit_refuses_what_exceeds_it_and_changes_nothing);
    tcase_add_test(tests, an_allocation_fails_at_its_point_once_or_from_then_on);
    tcase_add_test(tests, memory_that_is_written_after_its_release_is_found);
    tcase_add_test(tests, memory_that_is_released_twice_is_found);
    tcase_add_test(tests, freed_memory_has_a_pattern_until_it_leaves_the_quarantine);
    tcase_add_test(tests, memory_is_fit_for_anything_and_counted_until_it_is_released);
    tcase_add_test(tests, a_dying_process_gets_no_memory_and_gives_none_back);
    tcase_add_test(tests, a_paused_process_does_nothing_while_time_goes_on);
    tcase_add_test(tests, a_crash_takes_everything_of_the_process_and_nothing_of_the_others);
    tcase_add_test(tests, a_node_starts_again_at_its_time_and_one_that_is_gone_never);
    tcase_add_test(tests, a_process_has_the_options_of_its_start);
    tcase_add_loop_test(tests, a_process_dies_before_an_operation_of_its_disk_or_after_it, 0, 2);
    tcase_add_test(tests, a_batch_that_is_refused_comes_again);
    tcase_add_test(tests, a_machine_that_fails_ends_its_process_and_no_other);
    tcase_add_test(tests, a_message_may_be_refused_at_once_and_is_then_nobodys);
    tcase_add_test(tests, a_damaged_message_changes_nothing);
    tcase_add_test(tests, a_message_to_nobody_is_found);
    tcase_add_test(tests, a_process_that_never_stops_is_found);
    tcase_add_test(tests, a_process_that_says_twice_that_it_has_stopped_is_found);
    tcase_add_test(tests, a_process_that_keeps_memory_is_found);
    tcase_add_loop_test(tests, a_process_that_keeps_anything_else_is_found, 0,
                        sizeof keepsakes / sizeof keepsakes[0]);
    tcase_add_test(tests, a_read_that_is_answered_without_asking_anybody_is_found);
    tcase_add_test(tests, a_cluster_that_takes_no_write_is_found);
    tcase_add_test(tests, a_cluster_that_takes_no_read_is_found);
    tcase_add_test(tests, a_cluster_that_does_not_agree_is_found);
    tcase_add_test(tests, a_cluster_that_does_all_this_is_not);
    tcase_add_test(tests, a_fingerprint_does_not_see_harm_that_is_over);
    tcase_add_test(tests, a_fingerprint_does_not_see_what_is_only_counted);
    tcase_add_test(tests, a_fingerprint_sees_what_lies_between_that);
    tcase_add_test(tests, a_fingerprint_sees_that_memory_was_written_after_its_release);
    return unit_main(suite);
}
