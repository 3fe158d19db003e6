/* The digest of a world's state: one word that is another makes it another, whatever the word
 * says. */
#include "world_fixture.h"

#include <sim/node_internal.h>

#include <string.h>

#define WORDS_MAX     128u
#define STEPS_AT_MOST 100000u

static struct sim_world *world;

/* Words of the world that decide what comes. */
static struct {
    const char *what;
    uint8_t *at;
} words[WORDS_MAX];
static uint32_t word_count;

static void set_up(void)
{
    arena_set_up();
    world = world_of(&sut_raft, 1);
    word_count = 0;
}

/* Its lowest bit is in the first byte, whatever its size. */
#define WORD(field) word_add(#field, &(field))

static void word_add(const char *what, void *at)
{
    ck_assert_uint_lt(word_count, WORDS_MAX);
    ck_assert(arena_owns(arena, at));
    words[word_count].what = what;
    words[word_count].at = at;
    word_count++;
}

static void expect_all_told_apart(void)
{
    uint64_t digest = sim_world_digest(world);
    for (uint32_t i = 0; i < word_count; i++) {
        *words[i].at ^= 1;
        ck_assert_msg(sim_world_digest(world) != digest, "%s is not in the digest", words[i].what);
        *words[i].at ^= 1;
        ck_assert_uint_eq(sim_world_digest(world), digest);
    }
}

static void step(void)
{
    ck_assert(sim_world_step(world));
}

/* A client with an operation under way. */
static struct sim_client *client_at_work(void)
{
    const struct sim_command command = {.type = SIM_COMMAND_PUT, .key = "k", .value = "v"};
    struct sim_client *client = sim_client_create(world, 0);
    sim_client_begin(client, &command, 0);
    return client;
}

static void run_until_led(void)
{
    for (uint32_t i = 0; i < STEPS_AT_MOST && sim_world_leader(world) == NULL; i++) {
        step();
    }
    ck_assert_ptr_nonnull(sim_world_leader(world));
}

START_TEST(every_word_of_the_world_counts)
{
    WORD(world->stage_deadline_ns);
    WORD(world->heal_started_ns);
    WORD(world->proof_ns);
    WORD(world->progress_bound_ns);
    WORD(world->script_over);
    WORD(world->is_unavailable);
    WORD(world->harness.counter);
    WORD(world->pick.counter);
    WORD(world->faults.suspended);
    WORD(world->scheduler.heap[0]->time_ns);
    WORD(world->scheduler.heap[0]->incarnation);
    WORD(world->scheduler.heap[0]->order);
    expect_all_told_apart();
}
END_TEST

START_TEST(every_word_of_a_node_counts)
{
    struct sim_node *node = world->nodes[2];
    WORD(node->paused);
    WORD(node->is_read_only_wanted);
    WORD(node->is_store_planted);
    WORD(node->refused_store);
    WORD(node->bootstrapped);
    WORD(node->was_damaged);
    WORD(node->is_whole);
    WORD(node->is_gone);
    WORD(node->memory_limit);
    WORD(node->reads_open);
    WORD(node->deadlines[RAFT_TIMER_ELECTION]);
    WORD(node->machine_stream.counter);
    WORD(node->machine_source.counter);
    WORD(node->timer_source.counter);
    WORD(node->resume_source.counter);
    expect_all_told_apart();
}
END_TEST

START_TEST(every_word_of_a_clock_counts)
{
    struct sim_clock *clock = &world->nodes[2]->clock;
    WORD(clock->base_global_ns);
    WORD(clock->base_local_ns);
    WORD(clock->floor_local_ns);
    WORD(clock->drift_ppm);
    WORD(clock->strobe_ns);
    WORD(clock->strobe_period_ns);
    WORD(clock->is_ahead);
    WORD(clock->late);
    WORD(clock->late_ns);
    WORD(clock->stream.counter);
    expect_all_told_apart();
}
END_TEST

START_TEST(every_word_of_a_disk_counts)
{
    struct sim_disk *disk = &world->nodes[2]->disk;
    WORD(disk->owner);
    WORD(disk->stream.counter);
    WORD(disk->crash.counter);
    WORD(disk->lengths.counter);
    WORD(disk->decay.counter);
    WORD(disk->source.counter);
    WORD(disk->slow_ns);
    WORD(disk->quota);
    WORD(disk->lost_file[0]);
    WORD(disk->dir_sequence);
    WORD(disk->change_last);
    WORD(disk->handle_last);
    expect_all_told_apart();
}
END_TEST

START_TEST(every_word_of_a_client_counts)
{
    struct sim_client *client = client_at_work();
    WORD(client->epoch);
    WORD(client->sequence);
    WORD(client->operations);
    WORD(client->registrations);
    WORD(client->must_register);
    WORD(client->registers);
    WORD(client->target);
    WORD(client->stream.counter);
    WORD(client->source.counter);
    WORD(client->deadline_ns);
    WORD(client->attempt);
    WORD(client->in_flight);
    WORD(client->at_node);
    WORD(client->read_floor);
    WORD(client->sent_unknown);
    WORD(client->turns);
    WORD(client->seen[0]);
    WORD(client->open->command.type);
    WORD(client->open->command.key[0]);
    WORD(client->open->command.value[0]);
    WORD(world->clients.requests);
    expect_all_told_apart();
}
END_TEST

START_TEST(a_change_of_the_members_counts)
{
    const struct sim_change_plan plan = {.removed = 1u << 3};
    struct sim_member_change *change = sim_change_begin(world, &plan, 100 * MS, 0);
    WORD(change->plan.removed);
    WORD(change->plan.voters);
    WORD(change->outcome);
    WORD(change->deadline_ns);
    WORD(change->request);
    WORD(change->at_node);
    WORD(world->changes.requests);
    WORD(world->changes.source.counter);
    expect_all_told_apart();
}
END_TEST

START_TEST(messages_count_wherever_they_are)
{
    struct sim_link_rule *rule = sim_network_rule_new(&world->network);
    rule->hold = true;
    rule->to = (struct sim_selector){.nodes = 1u << 2, .role = SIM_SELECT_NODES};
    sim_network_rule_activate(&world->network, rule);
    run_until_led();
    const struct sim_node *leader = sim_world_leader(world);
    uint32_t other = leader->id == 1 ? 3 : 1;
    struct sim_link *link = &world->network.links[leader->id][other];
    for (uint32_t i = 0; i < STEPS_AT_MOST && (link->under_way == NULL || rule->held == NULL);
         i++) {
        step();
    }
    ck_assert(link->under_way != NULL && rule->held != NULL);
    WORD(link->under_way->is_lost);
    WORD(link->under_way->bytes[0]);
    WORD(link->stream.counter);
    WORD(link->source.counter);
    WORD(rule->held->from);
    WORD(rule->held->bytes[0]);
    WORD(rule->trigger.fired);
    WORD(rule->stream.counter);
    WORD(world->network.release.counter);
    expect_all_told_apart();
}
END_TEST

START_TEST(what_waits_for_a_paused_node_counts)
{
    struct sim_node *node = world->nodes[2];
    run_until_led();
    sim_node_pause(node);
    for (uint32_t i = 0; i < STEPS_AT_MOST && node->deferred_count == 0; i++) {
        step();
    }
    ck_assert_uint_gt(node->deferred_count, 0);
    WORD(node->deferred[0]->time_ns);
    WORD(node->deferred[0]->counter);
    expect_all_told_apart();
}
END_TEST

START_TEST(a_batch_that_is_applied_counts)
{
    run_until_led();
    const struct sim_node *leader = sim_world_leader(world);
    for (uint32_t i = 0; i < STEPS_AT_MOST && leader->batch == NULL; i++) {
        step();
    }
    ck_assert_ptr_nonnull(leader->batch);
    WORD(leader->batch->first);
    WORD(leader->batch->good);
    expect_all_told_apart();
}
END_TEST

START_TEST(whom_a_rule_strikes_counts)
{
    struct sim_rule *rule = rule_of(world, "disk.sync", RAFT_OUTCOME_EIO);
    rule->on = (struct sim_selector){.nodes = 1u << 2, .role = SIM_SELECT_NODES};
    ck_assert_uint_gt(sim_fault_rule_arm(&world->faults, rule), 0);
    WORD(rule->on.nodes);
    WORD(rule->on.role);
    WORD(rule->trigger.matches);
    WORD(rule->stream.counter);
    expect_all_told_apart();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("digest");
    TCase *tcase = tcase_create("words");
    tcase_add_checked_fixture(tcase, set_up, arena_tear_down);
    tcase_add_test(tcase, every_word_of_the_world_counts);
    tcase_add_test(tcase, every_word_of_a_node_counts);
    tcase_add_test(tcase, every_word_of_a_clock_counts);
    tcase_add_test(tcase, every_word_of_a_disk_counts);
    tcase_add_test(tcase, every_word_of_a_client_counts);
    tcase_add_test(tcase, a_change_of_the_members_counts);
    tcase_add_test(tcase, messages_count_wherever_they_are);
    tcase_add_test(tcase, what_waits_for_a_paused_node_counts);
    tcase_add_test(tcase, a_batch_that_is_applied_counts);
    tcase_add_test(tcase, whom_a_rule_strikes_counts);
    suite_add_tcase(suite, tcase);
    return unit_main(suite);
}
