/* What a client hears, on a real cluster. */
#include "world_fixture.h"

#include <string.h>

static struct sim_world *world;

static void set_up(void)
{
    arena_set_up();
    world = world_of(&sut_raft, 1);
}

static const struct sim_operation *begin(struct sim_client *client, enum sim_command_type type,
                                         const char *key, const char *value)
{
    struct sim_command command = {.type = type};
    strcpy(command.key, key);
    strcpy(command.value, value);
    sim_client_begin(client, &command, 0);
    return client->open;
}

static struct sim_node *leader(void)
{
    run_for(world, 2000 * MS);
    struct sim_node *node = sim_world_leader(world);
    ck_assert_ptr_nonnull(node);
    return node;
}

START_TEST(put_finds_the_leader_and_get_sees_it)
{
    struct sim_client *client = sim_client_create(world, 2000 * MS);
    leader();
    const struct sim_operation *put = begin(client, SIM_COMMAND_PUT, "k", "v");
    run_for(world, 1000 * MS);
    ck_assert_uint_ne(put->completed_event, 0);
    ck_assert_int_eq(put->outcome, SIM_CLIENT_OK);
    ck_assert_str_eq(put->error, "");
    const struct sim_operation *get = begin(client, SIM_COMMAND_GET, "k", "");
    run_for(world, 1000 * MS);
    ck_assert(get->result.found);
    ck_assert_str_eq(get->result.value, "v");
    ck_assert_uint_gt(get->command.sequence, put->command.sequence);
    ck_assert_ptr_eq(world->clients.history, put);
    ck_assert_ptr_eq(put->next, get);
}
END_TEST

START_TEST(client_of_a_cluster_that_is_down_fails_for_certain)
{
    struct sim_client *client = sim_client_create(world, 200 * MS);
    for (uint32_t id = 1; id <= 3; id++) {
        sim_node_crash(world->nodes[id], SIM_UNSYNCED_LOSE);
    }
    const struct sim_operation *put = begin(client, SIM_COMMAND_PUT, "k", "v");
    run_for(world, 1000 * MS);
    ck_assert_int_eq(put->outcome, SIM_CLIENT_FAIL);
    ck_assert_str_eq(put->error, "not_leader");
    ck_assert_uint_eq(put->completed_ns - put->invoked_ns, 200 * MS);
}
END_TEST

START_TEST(request_to_a_cluster_that_is_paused_is_unknown)
{
    struct sim_client *client = sim_client_create(world, 200 * MS);
    leader();
    for (uint32_t id = 1; id <= 3; id++) {
        sim_node_pause(world->nodes[id]);
    }
    const struct sim_operation *put = begin(client, SIM_COMMAND_PUT, "k", "v");
    run_for(world, 1000 * MS);
    ck_assert_int_eq(put->outcome, SIM_CLIENT_UNKNOWN);
    ck_assert_str_eq(put->error, "timeout");
}
END_TEST

START_TEST(leader_that_is_read_only_refuses_for_certain)
{
    struct sim_client *client = sim_client_create(world, 2000 * MS);
    sim_node_set_read_only(leader(), true);
    const struct sim_operation *put = begin(client, SIM_COMMAND_PUT, "k", "v");
    run_for(world, 1000 * MS);
    ck_assert_int_eq(put->outcome, SIM_CLIENT_FAIL);
    ck_assert_str_eq(put->error, "read_only");
}
END_TEST

START_TEST(client_survives_the_crash_of_the_leader_that_has_its_request)
{
    struct sim_client *client = sim_client_create(world, 5000 * MS);
    struct sim_node *first = leader();
    const struct sim_operation *put = begin(client, SIM_COMMAND_PUT, "k", "v");
    while (client->at_node != first->id) {
        sim_world_step(world);
    }
    sim_node_crash(first, SIM_UNSYNCED_LOSE);
    run_for(world, 3000 * MS);
    ck_assert_int_eq(put->outcome, SIM_CLIENT_OK);
    ck_assert(client->sent_unknown);
    ck_assert_uint_eq(world->clients.ok, 1);
}
END_TEST

START_TEST(load_ends_when_it_is_stopped)
{
    const struct sim_load options = {.client_count = 2, .interval_ns = 5 * MS};
    struct sim_load *load = sim_load_start(world, &options);
    leader();
    sim_load_stop(load);
    run_for(world, 100 * MS);
    ck_assert(load->ended);
    ck_assert_uint_gt(load->ok, 0);
    uint64_t done = load->ok + load->failed + load->unknown;
    run_for(world, 1000 * MS);
    ck_assert_uint_eq(load->ok + load->failed + load->unknown, done);
    ck_assert(sim_clients_idle(&world->clients));
}
END_TEST

START_TEST(load_ends_by_itself_at_its_time)
{
    const struct sim_load options = {
        .client_count = 2, .interval_ns = 5 * MS, .until_ns = 500 * MS};
    struct sim_load *load = sim_load_start(world, &options);
    run_for(world, 3000 * MS);
    ck_assert(load->ended);
}
END_TEST

START_TEST(load_in_bursts_begins_nothing_while_it_is_quiet)
{
    const struct sim_load options = {
        .client_count = 4, .interval_ns = 5 * MS, .busy_ns = 100 * MS, .quiet_ns = 300 * MS};
    sim_load_start(world, &options);
    run_for(world, 4000 * MS);
    uint32_t count = 0;
    for (const struct sim_operation *operation = world->clients.history; operation != NULL;
         operation = operation->next) {
        ck_assert_uint_lt(operation->invoked_ns % (400 * MS), 100 * MS);
        count++;
    }
    ck_assert_uint_gt(count, 100);
}
END_TEST

/* Whether an operation of the history had a command of a size. */
static bool has_size(size_t size)
{
    const struct sim_operation *operation = world->clients.history;
    while (operation != NULL && sim_command_size(&operation->command) != size) {
        operation = operation->next;
    }
    return operation != NULL;
}

START_TEST(a_load_of_all_sizes_goes_up_to_one_over_each_cap)
{
    const struct sim_load load = {.client_count = 4,
                                  .interval_ns = MS,
                                  .keys = 1,
                                  .has_all_sizes = true,
                                  .caps = {3000, 2000, 100000},
                                  .padding = 7};
    uint32_t constant = 0;
    uint32_t bare = 0;
    leader();
    sim_load_start(world, &load);
    run_for(world, 2000 * MS);
    ck_assert(has_size(2000) && has_size(2001) && has_size(3000) && has_size(3001));
    const struct sim_operation *operation = world->clients.history;
    for (; operation != NULL; operation = operation->next) {
        ck_assert_uint_le(sim_command_size(&operation->command), 3001);
        constant += operation->command.padding == 7;
        bare += operation->command.padding == 0;
    }
    ck_assert_uint_gt(constant, 100);
    ck_assert_uint_gt(bare, 10);
}
END_TEST

static Suite *client_suite(void)
{
    Suite *suite = suite_create("client");
    TCase *tcase = tcase_create("client");
    tcase_add_checked_fixture(tcase, set_up, arena_tear_down);
    tcase_add_test(tcase, put_finds_the_leader_and_get_sees_it);
    tcase_add_test(tcase, client_of_a_cluster_that_is_down_fails_for_certain);
    tcase_add_test(tcase, request_to_a_cluster_that_is_paused_is_unknown);
    tcase_add_test(tcase, leader_that_is_read_only_refuses_for_certain);
    tcase_add_test(tcase, client_survives_the_crash_of_the_leader_that_has_its_request);
    tcase_add_test(tcase, load_ends_when_it_is_stopped);
    tcase_add_test(tcase, load_ends_by_itself_at_its_time);
    tcase_add_test(tcase, load_in_bursts_begins_nothing_while_it_is_quiet);
    tcase_add_test(tcase, a_load_of_all_sizes_goes_up_to_one_over_each_cap);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return unit_main(client_suite());
}
