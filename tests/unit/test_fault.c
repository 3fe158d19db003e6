/* Fault rules and shots, consulted by hand on a cluster that does not run. */
#include "world_fixture.h"

#include <string.h>

static struct sim_world *world;
static struct sim_faults *faults;
static uint32_t disk_write;
static uint32_t disk_sync;

static void set_up(void)
{
    arena_set_up();
    world = world_of(&sut_raft, 1);
    faults = &world->faults;
    disk_write = faults->sut_point_count + SIM_POINT_DISK_WRITE;
    disk_sync = faults->sut_point_count + SIM_POINT_DISK_SYNC;
}

static bool fires(uint32_t node, uint32_t point)
{
    return sim_fault_consult(faults, node, point).fired;
}

START_TEST(star_is_one_part_and_two_stars_are_any)
{
    ck_assert(sim_point_matches("log.append.write", "log.append.write"));
    ck_assert(sim_point_matches("log.*.write", "log.append.write"));
    ck_assert(!sim_point_matches("log.*", "log.append.write"));
    ck_assert(sim_point_matches("log.**", "log.append.write"));
    ck_assert(sim_point_matches("**", "disk.sync"));
    ck_assert(sim_point_matches("**.write", "log.append.write"));
    ck_assert(!sim_point_matches("log.append", "log.append.write"));
    ck_assert(!sim_point_matches("log.append.write", "log.append"));
}
END_TEST

START_TEST(registry_ends_with_the_points_of_the_world)
{
    ck_assert_uint_eq(sim_point_count(&sut_raft), RAFT_POINT_COUNT + SIM_WORLD_POINT_COUNT);
    ck_assert_int_eq(sim_point_find(&sut_raft, "disk.write"), (int)disk_write);
    ck_assert_int_eq(sim_point_find(&sut_raft, "no.such.point"), -1);
    for (uint32_t i = 0; i < sim_point_count(&sut_raft); i++) {
        ck_assert_int_eq(sim_point_find(&sut_raft, sim_point_info(&sut_raft, i)->name), (int)i);
    }
}
END_TEST

START_TEST(disarmed_point_is_counted_and_does_nothing)
{
    uint64_t before = faults->gates[disk_write].hits;
    uint32_t cell = faults->reached[disk_write][RAFT_FOLLOWER][SIM_LIFE_FOLLOWER];
    ck_assert(!fires(1, disk_write));
    ck_assert_uint_eq(faults->gates[disk_write].hits, before + 1);
    ck_assert_uint_eq(faults->reached[disk_write][RAFT_FOLLOWER][SIM_LIFE_FOLLOWER], cell + 1);
}
END_TEST

START_TEST(nth_counts_from_the_moment_of_arming_and_only_the_selected_nodes)
{
    struct sim_rule *rule = rule_of(world, "disk.write", RAFT_OUTCOME_EIO);
    rule->on = (struct sim_selector){.nodes = 1u << 2, .role = SIM_SELECT_NODES};
    rule->trigger.nth = 2;
    ck_assert_uint_eq(sim_fault_rule_arm(faults, rule), 1);
    ck_assert(!fires(2, disk_write));
    ck_assert(!fires(1, disk_write));
    struct sim_verdict verdict = sim_fault_consult(faults, 2, disk_write);
    ck_assert(verdict.fired);
    ck_assert_int_eq(verdict.outcome, RAFT_OUTCOME_EIO);
    ck_assert(!fires(2, disk_write));
    ck_assert_uint_eq(rule->trigger.matches, 3);
    ck_assert_uint_eq(rule->trigger.fired, 1);
}
END_TEST

START_TEST(first_rule_that_fires_wins)
{
    struct sim_rule *first = rule_of(world, "disk.*", RAFT_OUTCOME_EIO);
    struct sim_rule *second = rule_of(world, "disk.write", RAFT_OUTCOME_ENOSPC);
    first->trigger.times = 1;
    sim_fault_rule_arm(faults, first);
    sim_fault_rule_arm(faults, second);
    ck_assert_int_eq(sim_fault_consult(faults, 1, disk_write).outcome, RAFT_OUTCOME_EIO);
    ck_assert_int_eq(sim_fault_consult(faults, 1, disk_write).outcome, RAFT_OUTCOME_ENOSPC);
}
END_TEST

START_TEST(rule_covers_only_points_where_its_outcome_is_legal)
{
    ck_assert_uint_eq(sim_fault_rule_arm(faults, rule_of(world, "disk.sync", RAFT_OUTCOME_ENOSPC)),
                      0);
    ck_assert_uint_eq(sim_fault_rule_arm(faults, rule_of(world, "memory.alloc", RAFT_OUTCOME_EIO)),
                      0);
    ck_assert_uint_eq(sim_fault_rule_arm(faults, rule_of(world, "disk.*", RAFT_OUTCOME_SHORT)), 2);
    ck_assert(!fires(1, disk_sync));
}
END_TEST

START_TEST(rule_that_is_off_does_not_fire)
{
    struct sim_rule *rule = rule_of(world, "disk.write", RAFT_OUTCOME_EIO);
    sim_fault_rule_arm(faults, rule);
    ck_assert(fires(1, disk_write));
    sim_fault_rule_off(faults, rule);
    ck_assert(!fires(1, disk_write));
    ck_assert_uint_eq(faults->gates[disk_write].stop_at, UINT64_MAX);
}
END_TEST

START_TEST(delay_has_no_outcome)
{
    struct sim_rule *rule = sim_fault_rule_new(faults, "disk.sync");
    rule->action = SIM_FAULT_DELAY;
    rule->delay_ns = 5;
    sim_fault_rule_arm(faults, rule);
    struct sim_verdict verdict = sim_fault_consult(faults, 1, disk_sync);
    ck_assert(verdict.fired);
    ck_assert_int_eq(verdict.outcome, RAFT_OUTCOME_COUNT);
    ck_assert_uint_eq(verdict.delay_ns, 5);
}
END_TEST

START_TEST(fault_excuses_what_it_can_cause_and_nothing_else)
{
    struct sim_rule *delay = sim_fault_rule_new(faults, "disk.sync");
    delay->action = SIM_FAULT_DELAY;
    delay->delay_ns = 5;
    sim_fault_rule_arm(faults, delay);
    sim_fault_rule_arm(faults, rule_of(world, "disk.write", RAFT_OUTCOME_EIO));
    ck_assert(fires(1, disk_sync));
    ck_assert(!sim_node_is_excused(world->nodes[1], RAFT_IO));
    ck_assert(fires(1, disk_write));
    ck_assert(sim_node_is_excused(world->nodes[1], RAFT_IO));
    ck_assert(!sim_node_is_excused(world->nodes[1], RAFT_NOMEM));
    ck_assert(!sim_node_is_excused(world->nodes[2], RAFT_IO));
    world->events++;
    world->nodes[1]->durable_event = world->events;
    ck_assert(!sim_node_is_excused(world->nodes[1], RAFT_IO));
}
END_TEST

START_TEST(operation_without_a_latency_cannot_be_delayed)
{
    struct sim_rule *rule = sim_fault_rule_new(faults, "disk.sync");
    rule->action = SIM_FAULT_DELAY;
    rule->delay_ns = 5;
    sim_fault_rule_arm(faults, rule);
    faults->at_once = true;
    ck_assert(!fires(1, disk_sync));
    ck_assert_uint_eq(rule->trigger.matches, 0);
    faults->at_once = false;
    ck_assert(fires(1, disk_sync));
}
END_TEST

START_TEST(rule_may_crash_the_node)
{
    struct sim_rule *rule = sim_fault_rule_new(faults, "disk.sync");
    rule->action = SIM_FAULT_CRASH;
    sim_fault_rule_arm(faults, rule);
    sim_fault_consult(faults, 1, disk_sync);
    ck_assert(!sim_node_is_up(world->nodes[1]));
    ck_assert(sim_node_is_up(world->nodes[2]));
}
END_TEST

START_TEST(shot_fires_at_its_occurrence_over_all_nodes_once)
{
    uint64_t now = faults->gates[disk_write].hits;
    faults->shot =
        (struct sim_shot){.point = disk_write, .occurrence = now + 2, .outcome = RAFT_OUTCOME_EIO};
    ck_assert(!fires(1, disk_write));
    ck_assert(fires(2, disk_write));
    ck_assert(!fires(2, disk_write));
    ck_assert_uint_eq(faults->shot.node, 2);
    ck_assert_uint_eq(faults->injection_count, 1);
    ck_assert_str_eq(faults->injections[0].point, "disk.write");
    ck_assert_str_eq(faults->injections[0].outcome, "eio");
    ck_assert_uint_eq(faults->injections[0].occurrence, now + 2);
}
END_TEST

START_TEST(persistent_shot_stays_on_its_node_until_the_heal)
{
    faults->shot = (struct sim_shot){.point = disk_write,
                                     .occurrence = faults->gates[disk_write].hits + 1,
                                     .outcome = RAFT_OUTCOME_EIO,
                                     .persistent = true};
    ck_assert(fires(3, disk_write));
    ck_assert(!fires(1, disk_write));
    ck_assert(fires(3, disk_write));
    ck_assert_uint_eq(faults->injection_count, 1);
    ck_assert_uint_eq(faults->injections[0].repeats, 2);
    sim_faults_suspend(faults);
    ck_assert(!fires(3, disk_write));
    sim_faults_stopping(faults);
    ck_assert(!fires(3, disk_write));
}
END_TEST

START_TEST(outcome_that_a_point_does_not_declare_is_never_shot)
{
    faults->shot = (struct sim_shot){.point = disk_sync,
                                     .occurrence = faults->gates[disk_sync].hits + 1,
                                     .outcome = RAFT_OUTCOME_ENOSPC};
    ck_assert(!fires(1, disk_sync));
}
END_TEST

START_TEST(exit_that_the_state_asks_for_spends_no_shot)
{
    uint32_t exit = RAFT_AT_REPLICATION_PREPARE_READONLY;
    faults->shot = (struct sim_shot){
        .point = exit, .occurrence = faults->gates[exit].hits + 1, .outcome = RAFT_OUTCOME_TAKE};
    faults->gates[exit].hits++;
    ck_assert(sim_fault_exit(faults, 1, exit, true));
    ck_assert_uint_eq(faults->shot.fired, 0);
    faults->shot.occurrence = faults->gates[exit].hits + 1;
    faults->gates[exit].hits++;
    ck_assert(sim_fault_exit(faults, 1, exit, false));
    ck_assert_uint_eq(faults->shot.fired, 1);
    faults->gates[exit].hits++;
    ck_assert(!sim_fault_exit(faults, 1, exit, false));
}
END_TEST

START_TEST(rule_that_never_fired_is_known)
{
    struct sim_rule *fired = rule_of(world, "disk.write", RAFT_OUTCOME_EIO);
    struct sim_rule *optional = rule_of(world, "disk.sync", RAFT_OUTCOME_EIO);
    struct sim_rule *vacuous = rule_of(world, "disk.read", RAFT_OUTCOME_EIO);
    optional->optional = true;
    sim_fault_rule_arm(faults, fired);
    sim_fault_rule_arm(faults, optional);
    ck_assert(fires(1, disk_write));
    ck_assert_ptr_null(sim_fault_vacuous(faults, false));
    sim_fault_rule_arm(faults, vacuous);
    sim_fault_rule_off(faults, vacuous);
    ck_assert_ptr_eq(sim_fault_vacuous(faults, false), vacuous);
    ck_assert_ptr_null(sim_fault_vacuous(faults, true));
}
END_TEST

/* How often an outcome came at a point of a node in a phase of its life. */
static uint32_t times(uint32_t point, uint32_t counted, enum sim_life life)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < faults->count_count; i++) {
        const struct sim_fault_count *count = &faults->counts[i];
        if (count->point == point && count->counted == counted && count->life == life) {
            sum += count->times;
        }
    }
    return sum;
}

START_TEST(outcomes_are_counted_in_the_phase_of_the_nodes_life)
{
    struct sim_rule *error = rule_of(world, "disk.write", RAFT_OUTCOME_EIO);
    struct sim_rule *delay = rule_of(world, "disk.write", RAFT_OUTCOME_EIO);
    error->trigger.times = 1;
    delay->action = SIM_FAULT_DELAY;
    delay->delay_ns = 5;
    sim_fault_rule_arm(faults, error);
    sim_fault_rule_arm(faults, delay);
    ck_assert(fires(1, disk_write));
    world->nodes[1]->view.role = RAFT_LEADER;
    ck_assert(fires(1, disk_write));
    world->nodes[1]->view.transfer_target = 2;
    ck_assert(fires(1, disk_write));
    world->nodes[1]->state = SIM_NODE_STOPPING;
    ck_assert(fires(1, disk_write));
    ck_assert_uint_eq(times(disk_write, RAFT_OUTCOME_EIO, SIM_LIFE_FOLLOWER), 1);
    ck_assert_uint_eq(times(disk_write, SIM_COUNTED_DELAY, SIM_LIFE_LEADER), 1);
    ck_assert_uint_eq(times(disk_write, SIM_COUNTED_DELAY, SIM_LIFE_TRANSFERRING), 1);
    ck_assert_uint_eq(times(disk_write, SIM_COUNTED_DELAY, SIM_LIFE_STOPPING), 1);
    ck_assert_uint_eq(sim_fault_fired(faults, disk_write), 4);
}
END_TEST

START_TEST(exit_that_the_state_takes_is_counted_and_is_no_failure)
{
    int refused = sim_point_find(&sut_raft, "vote.request.refused");
    ck_assert_int_ge(refused, 0);
    faults->gates[refused].hits++;
    ck_assert(sim_fault_exit(faults, 1, (uint32_t)refused, true));
    ck_assert_uint_eq(times((uint32_t)refused, SIM_COUNTED_TAKEN, SIM_LIFE_FOLLOWER), 1);
    ck_assert_uint_eq(sim_fault_fired(faults, (uint32_t)refused), 0);
}
END_TEST

START_TEST(a_later_start_recovers_what_the_first_has_made)
{
    int exists = sim_point_find(&sut_raft, "store.exists.list");
    ck_assert_int_ge(exists, 0);
    uint32_t first = faults->reached[exists][RAFT_FOLLOWER][SIM_LIFE_STARTING];
    ck_assert_uint_gt(first, 0);
    ck_assert_uint_eq(faults->reached[exists][RAFT_FOLLOWER][SIM_LIFE_RECOVERING], 0);
    sim_node_crash(world->nodes[1], SIM_UNSYNCED_LOSE);
    sim_node_start(world->nodes[1]);
    ck_assert_uint_eq(faults->reached[exists][RAFT_FOLLOWER][SIM_LIFE_STARTING], first);
    ck_assert_uint_eq(faults->reached[exists][RAFT_FOLLOWER][SIM_LIFE_RECOVERING], 1);
    ck_assert_int_eq(sim_node_life(world->nodes[1]), SIM_LIFE_FOLLOWER);
}
END_TEST

START_TEST(points_of_a_second_implementation_are_found_by_name_and_kind)
{
    const struct raft_point_info *refused = sim_point_info(&sut_raft, 3);
    const struct raft_point_info points[] = {
        {"of.the.next.alone", RAFT_POINT_FILE, RAFT_OUTCOMES_WRITE, "new"},
        *refused,
        {sim_point_info(&sut_raft, 4)->name, RAFT_POINT_KIND_COUNT, 0, "of another kind"},
        {"disk.write", RAFT_POINT_FILE, RAFT_OUTCOMES_WRITE, "the world's own"},
    };
    const struct sut_ops next = {.points = points, .point_count = 4};
    sim_faults_next(faults, &next);
    ck_assert_uint_eq(faults->next_points[0], SIM_POINT_UNLISTED);
    ck_assert_uint_eq(faults->next_points[1], 3);
    ck_assert_uint_eq(faults->next_points[2], SIM_POINT_UNLISTED);
    ck_assert_uint_eq(faults->next_points[3], SIM_POINT_UNLISTED);
    sim_fault_arm_idle(faults);
    ck_assert(!sim_fault_consult(faults, 1, SIM_POINT_UNLISTED).fired);
}
END_TEST

static Suite *fault_suite(void)
{
    Suite *suite = suite_create("fault");
    TCase *tcase = tcase_create("fault");
    tcase_add_checked_fixture(tcase, set_up, arena_tear_down);
    tcase_add_test(tcase, star_is_one_part_and_two_stars_are_any);
    tcase_add_test(tcase, registry_ends_with_the_points_of_the_world);
    tcase_add_test(tcase, disarmed_point_is_counted_and_does_nothing);
    tcase_add_test(tcase, nth_counts_from_the_moment_of_arming_and_only_the_selected_nodes);
    tcase_add_test(tcase, first_rule_that_fires_wins);
    tcase_add_test(tcase, rule_covers_only_points_where_its_outcome_is_legal);
    tcase_add_test(tcase, rule_that_is_off_does_not_fire);
    tcase_add_test(tcase, delay_has_no_outcome);
    tcase_add_test(tcase, fault_excuses_what_it_can_cause_and_nothing_else);
    tcase_add_test(tcase, operation_without_a_latency_cannot_be_delayed);
    tcase_add_test(tcase, rule_may_crash_the_node);
    tcase_add_test(tcase, shot_fires_at_its_occurrence_over_all_nodes_once);
    tcase_add_test(tcase, persistent_shot_stays_on_its_node_until_the_heal);
    tcase_add_test(tcase, outcome_that_a_point_does_not_declare_is_never_shot);
    tcase_add_test(tcase, exit_that_the_state_asks_for_spends_no_shot);
    tcase_add_test(tcase, rule_that_never_fired_is_known);
    tcase_add_test(tcase, outcomes_are_counted_in_the_phase_of_the_nodes_life);
    tcase_add_test(tcase, exit_that_the_state_takes_is_counted_and_is_no_failure);
    tcase_add_test(tcase, points_of_a_second_implementation_are_found_by_name_and_kind);
    tcase_add_test(tcase, a_later_start_recovers_what_the_first_has_made);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return unit_main(fault_suite());
}
