/* What a script does to the world happens there, and as it was told: each option of a rule, each
 * shape of the network, each change of a clock, a memory or a process. */
#include "script_fixture.h"

/* ---- the network ---- */

/* A shape of the network, and whom the requests of n1, of n2, … reach. */
static const struct {
    const char *rule;
    const char *heard_by;
} shapes[] = {
    {"c:partition({ 1, 2 }, 'rest')", "2 1 45 35 34"},
    {"c:partition({ 1 }, { 2, 3 }, { 4, 5 })", "- 3 2 5 4"},
    {"c:isolate(2)", "345 - 145 135 134"},
    {"c:isolate{ 2, 3 }", "45 - - 15 14"},
    {"c:bridge(3, { 1, 2 }, 'rest')", "23 13 1245 35 34"},
    {"c:ring()", "25 13 24 35 14"},
    {"c:cut{ from = 1, to = 'any' }", "- 1345 1245 1235 1234"},
    {"c:cut{ from = 'any', to = 1 }", "2345 345 245 235 234"},
    {"c:cut{ from = 1, to = 2 }", "345 1345 1245 1235 1234"},
    {"c:cut{ from = 1, to = { 2, 3 }, both = true }", "45 345 245 1235 1234"},
    {"c:drop{ from = 1, type = 'vote_req' }", "- 1345 1245 1235 1234"},
    {"c:drop{ from = 1, type = 'append_rep' }", "2345 1345 1245 1235 1234"},
    {"c:hold{ to = 5 }", "234 134 124 123 1234"},
    {"c:link{ from = 1, loss = 1 }", "- 1345 1245 1235 1234"},
    {"c:link{ from = 1, loss = 1, nth = 2 }", "245 1345 1245 1235 1234"},
    {"c:link{ from = 1, loss = 1, for_ms = 0.001 }", "2345 1345 1245 1235 1234"},
};

START_TEST(a_shape_of_the_network_is_what_it_says)
{
    static struct result result;
    char body[2048];
    snprintf(
        body, sizeof(body),
        "local c = cluster{ nodes = 5, election_min_ms = 60000, election_max_ms = 90000 } "
        "local rule, lost = (%s):optional(), {} on('message_dropped', function(ev) "
        "if ev.site == 'vote_req' then lost[ev.node.id * 10 + ev.index] = true end end) "
        "sleep_ms(1) for _, n in ipairs(c:nodes()) do n:campaign() end sleep_ms(5) rule:heal() "
        "sleep_ms(1) local rows = {} for from = 1, 5 do rows[from] = '' for to = 1, 5 do "
        "if to ~= from and not lost[from * 10 + to] then rows[from] = rows[from] .. to end end "
        "if rows[from] == '' then rows[from] = '-' end end print(table.concat(rows, ' '))",
        shapes[_i].rule);
    run_body(body, &result);
    result.log[strcspn(result.log, "\n")] = '\0';
    ck_assert_str_eq(result.message, "");
    ck_assert_msg(strcmp(result.log, shapes[_i].heard_by) == 0, "%s: %s", shapes[_i].rule,
                  result.log);
}
END_TEST

/* Rules that differ in one option, without which the run would be another one. */
static const struct {
    const char *without;
    const char *with;
} options[] = {
    {"c:link{ from = 1 }", "c:link{ from = 1, latency_ms = 3 }"},
    {"c:link{ from = 1 }", "c:link{ from = 1, jitter_ms = 3 }"},
    {"c:link{ from = 1 }", "c:link{ from = 1, tail = 0.1, tail_ms = 3 }"},
    {"c:link{ tail = 0.1, tail_ms = 3 }", "c:link{ tail = 0.1, tail_ms = 9 }"},
    {"c:link{ from = 1 }", "c:link{ from = 1, loss = 0.1 }"},
    {"c:link{ loss = 0.1 }", "c:link{ loss = 0.1, burst_ms = 20 }"},
    {"c:link{ from = 1 }", "c:link{ from = 1, dup = 0.5 }"},
    {"c:link{ from = 1 }", "c:link{ from = 1, reorder = 0.5 }"},
    {"c:link{ from = 1 }", "c:link{ from = 1, corrupt = 0.1 }"},
    {"c:link{ from = 1 }", "c:link{ from = 1, truncate = 0.1 }"},
    {"c:link{ from = 1 }", "c:link{ from = 1, reset = 0.1 }"},
    {"c:link{ latency_ms = 20 }", "c:link{ latency_ms = 20, capacity = 1 }"},
    {"c:link{ from = 1 }", "c:link{ from = 1, bandwidth_kbps = 100 }"},
    {"c:link{ from = 1, loss = 0.1 }", "c:link{ to = 1, loss = 0.1 }"},
    {"c:link{ from = 1, loss = 0.1 }", "c:link{ from = 1, loss = 0.1, both = true }"},
    {"c:link{ loss = 0.1 }", "c:link{ loss = 0.1, type = 'append_rep' }"},
    {"c:link{ loss = 1, p = 0.1 }", "c:link{ loss = 1, p = 0.2 }"},
    {"c:link{ loss = 1, nth = 20 }", "c:link{ loss = 1, nth = 30 }"},
    {"c:link{ loss = 1, from_nth = 20 }", "c:link{ loss = 1, from_nth = 30 }"},
    {"c:link{ loss = 1, every = 5 }", "c:link{ loss = 1, every = 6 }"},
    {"c:link{ loss = 1, times = 5 }", "c:link{ loss = 1, times = 6 }"},
    {"c:drop{ from = 1, for_ms = 10 }", "c:drop{ from = 1, for_ms = 300 }"},
    {"held(c:hold{ from = 'leader' })", "held(c:hold{ from = 'leader', shuffle = true })"},
    {"held(c:hold{ type = 'append_rep' })", "held(c:hold{ type = 'append_req' })"},
    {"c:cut{ from = 1, to = 'any', for_ms = 10 }", "c:cut{ from = 1, to = 'any', for_ms = 300 }"},
};

START_TEST(each_option_of_a_rule_makes_a_difference)
{
    static struct result without, with;
    for (int i = 0; i < 2; i++) {
        char body[1024];
        snprintf(body, sizeof(body),
                 C "local function held(rule) after_ms(30, function() rule:release() end) return "
                   "rule end c:wait_leader() local rule = (%s):optional() local load = c:load{ "
                   "clients = 4, "
                   "rate_per_s = 400, for_ms = 300 } load:wait()",
                 i == 0 ? options[_i].without : options[_i].with);
        run_body(body, i == 0 ? &without : &with);
    }
    ck_assert_str_eq(without.message, "");
    ck_assert_str_eq(with.message, "");
    ck_assert_msg(without.hash != with.hash, "%s", options[_i].with);
}
END_TEST

START_TEST(minorities_and_majorities_have_every_size_that_they_may)
{
    static struct result result;
    run_body("local c = cluster{ nodes = 5 } local sizes, members = {}, {} for i = 1, 100 do "
             "local few, most = c:random_minority(), c:random_majority() "
             "sizes[#few], sizes[#most] = 'few', 'most' "
             "for _, n in ipairs(few) do members[n.id] = true end end "
             "for k, v in pairs(sizes) do print(k, v) end expect.eq(#members, 5)",
             &result);
    ck_assert_str_eq(result.message, "");
    ck_assert_str_eq(result.log, "1\tfew\n2\tfew\n3\tmost\n4\tmost\n5\tmost\n");
}
END_TEST

/* ---- clocks ---- */

/* A node that is alone leads after 150 to 300 ms of its clock: when that is by the world's. */
static const struct {
    const char *change;
    int from_ms, to_ms;
} clocks[] = {
    {"n.clock:drift_ppm(0)", 150, 310},
    {"n.clock:drift_ppm(1000000)", 75, 160},
    {"n.clock:drift_ppm(-900000)", 1500, 3010},
    {"n.clock:jump_ms(1000)", 0, 10},
    {"n.clock:jump_ms(-1000)", 1150, 1310},
    {"n.clock:strobe{ step_ms = 1000, period_ms = 10000 }", 0, 10},
    {"n.clock:strobe{ step_ms = 1, period_ms = 20 }", 140, 310},
    {"n.clock:freeze() sleep_ms(2000) n.clock:heal()", 2150, 2310},
    {"n.clock:freeze() sleep_ms(2000) n.clock:drift_ppm(0)", 2150, 2310},
    {"n:crash() n.clock:late{ by_ms = 1000 } n:restart()", 1150, 1000000},
    {"n:crash() n.clock:late{ by_ms = 1000 } n.clock:heal() n:restart()", 150, 310},
    {"n:crash() n.clock:late{ by_ms = 1000, p = 0 } n:restart()", 150, 310},
    {"n:pause() sleep_ms(1000) n:resume()", 1000, 1010}, /* its clock has gone on */
};

START_TEST(a_clock_is_changed_as_it_is_told)
{
    static struct result result;
    char body[1024];
    snprintf(body, sizeof(body),
             "local c = cluster{ nodes = 1, clock_offset_ms = 5000, disk_sync_ms = 0.1 } "
             "local n = c[1] local led_ms on('leader_elected', function() led_ms = led_ms or "
             "now_ms() end) %s "
             "expect.eventually('it leads', { within_ms = 20000 }, function() return led_ms end) "
             "expect.ok(led_ms >= %d and led_ms <= %d, 'led at ' .. led_ms)",
             clocks[_i].change, clocks[_i].from_ms, clocks[_i].to_ms);
    run_body(body, &result);
    ck_assert_msg(result.message[0] == 0 || strcmp(result.rule, "vacuous") == 0, "%s: %s",
                  clocks[_i].change, result.message);
}
END_TEST

/* Whether anything came of it is what makes the rule vacuous, or not. */
START_TEST(a_network_rule_hits_what_it_takes_whatever_chance_makes_of_it)
{
    static struct result result;
    run_body(C "c:wait_leader() local r = c:link{ loss = 0, times = 7 } sleep_ms(1000) "
               "expect.eq(r.hits, 7)",
             &result);
    ck_assert_str_eq(result.rule, "vacuous");
    run_body(C "c:wait_leader() local r = c:link{ loss = 0, times = 7 }:optional() sleep_ms(1000) "
               "expect.eq(r.hits, 7)",
             &result);
    ck_assert_str_eq(result.message, "");
}
END_TEST

/* ---- memory and processes ---- */

START_TEST(allocations_of_one_node_fail_when_they_are_told_to)
{
    static struct result result;
    run_body(C "c:wait_leader() local all = fault.at('memory.alloc'):on(1):nth(1 << 40)"
               ":errno('ENOMEM'):optional() local one = c[1].mem:fail{ times = 3 } "
               "local late = c[2].mem:fail{ from_nth = 100, times = 5 } "
               "c:load{ clients = 2, rate_per_s = 200, for_ms = 500 }:wait() "
               "expect.eq(one.hits, 3) expect.eq(one.seen, all.seen) expect.eq(late.hits, 5) "
               "expect.ok(late.seen >= 104)",
             &result);
    ck_assert_str_eq(result.message, "");
}
END_TEST

START_TEST(a_crash_leaves_what_it_is_told_of_what_was_not_synced)
{
    static struct result result;
    run_body(
        "local c = cluster{ nodes = 1 } local n = c:wait_leader() local cl = c:client() "
        "for i, how in ipairs{ 'lose', 'keep' } do cl:put('a', i) local before = n.last_index "
        "local slow = n.disk:slow{ op = 'sync', latency_ms = 1000 } "
        "spawn(function() cl:put('b', i) end) sleep_ms(50) expect.eq(n.last_index, before + 1) "
        "n:crash{ unsynced = how } n.disk:heal() slow:off() n:restart() "
        "print(how, n.last_index - before) c:wait_leader() sleep_ms(3000) end",
        &result);
    ck_assert_str_eq(result.message, "");
    ck_assert_str_eq(result.log, "lose\t0\nkeep\t1\n");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("script_faults");
    TCase *tests = tcase_create("script_faults");
    tcase_add_checked_fixture(tests, arena_set_up, arena_tear_down);
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, a_shape_of_the_network_is_what_it_says, 0,
                        sizeof(shapes) / sizeof(shapes[0]));
    tcase_add_loop_test(tests, each_option_of_a_rule_makes_a_difference, 0,
                        sizeof(options) / sizeof(options[0]));
    tcase_add_test(tests, minorities_and_majorities_have_every_size_that_they_may);
    tcase_add_loop_test(tests, a_clock_is_changed_as_it_is_told, 0,
                        sizeof(clocks) / sizeof(clocks[0]));
    tcase_add_test(tests, a_network_rule_hits_what_it_takes_whatever_chance_makes_of_it);
    tcase_add_test(tests, allocations_of_one_node_fail_when_they_are_told_to);
    tcase_add_test(tests, a_crash_leaves_what_it_is_told_of_what_was_not_synced);
    suite_add_tcase(suite, tests);
    return unit_main(suite);
}
