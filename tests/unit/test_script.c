/* The Lua binding: what a mistake is told, what a script cannot see, and that it repeats. */
#include "script_fixture.h"

#include <sim/fingerprint.h>

/* ---- mistakes ---- */

START_TEST(line_of_a_rule_is_told_however_long_the_path_is)
{
    static struct result result;
    static const char path[] = "a/very/long/path/that/does/not/fit/into/the/name/of/a/place/and/"
                               "loses/its/beginning/x.lua";
    file_name = path;
    run_body("local c = cluster{} c:wait_leader{} fault.at('disk.write'):nth(9999):errno('EIO')",
             &result);
    file_name = "x.lua";
    ck_assert_str_eq(result.rule, "vacuous");
    ck_assert_ptr_eq(strstr(result.message, "..."), result.message);
    ck_assert_ptr_nonnull(strstr(result.message, "its/beginning/x.lua:1: fault rule never fired"));
}
END_TEST

struct mistake {
    const char *body;
    const char *message; /* without "x.lua:1: " */
};

static const struct mistake mistakes[] = {
    {C "c:link{ los = 0.1 }",
     "cluster:link: unknown option 'los' (did you mean 'loss'?); options are: bandwidth_kbps, "
     "both, burst_ms, capacity, corrupt, dup, every, for_ms, from, from_nth, jitter_ms, "
     "latency_ms, "
     "loss, nth, optional, p, reorder, reset, tail, tail_ms, times, to, truncate, type"},
    {C "c:link{ latency = 20 }",
     "cluster:link: unknown option 'latency': say the unit, 'latency_ms' or 'latency_us'"},
    {C "c:wait_leader{ within_s = 5 }",
     "cluster:wait_leader: unknown option 'within_s': durations are in milliseconds or "
     "microseconds, write within_ms = 5 * 1000"},
    {C "c:link{ latency_ms = 1, latency_us = 5 }",
     "cluster:link: 'latency_ms' and 'latency_us' are both set: use one"},
    {C "c:link{ loss = 5 }",
     "cluster:link: 'loss' = 5 is not a probability between 0 and 1 (write 0.05 for 5 %)"},
    {C "c:link{ tail = 0.1 }",
     "cluster:link: 'tail' and 'tail_ms' go together: how often, and how late at least"},
    {C "c:link{ burst_ms = 5 }",
     "cluster:link: 'burst_ms' is for how long a loss goes on: give 'loss' too"},
    {C "c:ring()", "cluster:ring: 3 nodes are too few for a ring: each would reach all the others"},
    {C "c:bridge(1, {1, 2}, 'rest')", "cluster:bridge: n1 is the bridge and in group 1"},
    {C "c[1].disk:wipe()", "disk:wipe: n1 is up: crash or stop it first, no process may run on the "
                           "store"},
    {C "c[1]:crash() c[1].disk:restore(5)", "disk:restore: takes what n.disk:copy() gave, got 5"},
    {C "c.disk:copy()", "disk:copy: is for the disk of one node: n.disk, not c.disk"},
    {C "c[1]:crash() c[1].disk:remove('x')",
     "disk:remove: n1 has no durable file 'x'; n1.disk:files() lists what it has"},
    {C "c[1].disk:remove('store')",
     "disk:remove: n1 is up: crash or stop it first, no process may run on the store"},
    {C "c[1].disk:bitrot{ file = 'x' }",
     "disk:bitrot: n1 has no durable content 'x' to rot; n1.disk:files() lists what it has"},
    {C "c[1].disk:bitrot{ offset = 5 }",
     "disk:bitrot: 'offset' names one byte of 'file': give 'file' too, and at most 8 'bits'"},
    {C "fault.at('segment.append.sync'):lose()",
     "fault:lose: this cannot happen at 'segment.append.sync'; possible there: crash_after, "
     "crash_before, eio, refuse"},
    {C "c[1]:restart{ heartbeat_ms = 10 }",
     "node:restart: n1 is up: crash or stop it first, options hold from a start on"},
    {C "c[1]:crash() c[1]:restart{ heartbeat_ms = 1000 }",
     "node:restart: heartbeat_ns must be positive and less than election_ns_min"},
    {C "c[1]:crash() c[1]:restart{ sut = 'nxt' }",
     "node:restart: unknown 'sut' = 'nxt' (did you mean 'next'?); it is one of: first, next"},
    {C "c[1]:crash() c[1]:restart{ latency_ms = 1 }",
     "node:restart: unknown option 'latency_ms'; options are: append_errors, batch_bytes, "
     "batch_entries, catch_up_ms, catch_up_rounds, check_quorum, clock_drift_ppm, "
     "election_max_ms, election_min_ms, heartbeat_ms, "
     "lease_reads, log_memory_max, payload_bytes, pending_requests, prevote, quarantine, retry_ms, "
     "segment_bytes, "
     "snapshot_bytes, snapshot_every, snapshot_installs, snapshot_trailing, sut, window_messages"},
    {C "c[1].clock:strobe{ step_ms = 0, period_ms = 5 }",
     "clock:strobe: 'step_ms' and 'period_ms' must be longer than nothing"},
    {C "c[1].clock:late{ p = 0.1 }", "clock:late: option 'by_ms' is required"},
    {C "c.wait_leader()",
     "cluster.wait_leader: call it with a colon, as in cluster:wait_leader(...)"},
    {C "c:partion(1, 'rest')",
     "cluster has no field or method 'partion' (did you mean 'partition'?)"},
    {C "local n = c[0]", "cluster[0]: there is no node 0, nodes are numbered from 1 (1..3)"},
    {C "c:partition(4, 'rest')", "cluster:partition: there is no node 4: nodes are numbered 1..3"},
    {"local c = cluster{ nodes = 5 } c:partition({1, 2}, {3, 4})",
     "cluster:partition: n5 is in no group (add it, or give \"rest\" as the last group)"},
    {C "c:partition({1, 2}, {2, 3})", "cluster:partition: n2 is in group 1 and in group 2"},
    {C "c:partition('rest', 1)", "cluster:partition: \"rest\" must be the last group"},
    {"sleep(5)", "undefined global 'sleep': say the unit, sleep_ms(...) or sleep_us(...)"},
    {"clustr{}", "undefined global 'clustr' (did you mean 'cluster'?)"},
    {"c = cluster{}", "assignment to undeclared global 'c': write 'local c = ...'"},
    {"os.time()", "'os' is not available in scenarios: use now_ms() for the virtual clock, and "
                  "params = {...} for settings"},
    {C "on('leader_elected', function() sleep_ms(1) end) c:wait_leader()",
     "sleep_ms cannot wait here: this is a hook on 'leader_elected', which runs inside one "
     "simulated event; use spawn(function() ... end)"},
    {C "expect.always('x', function() c:wait_leader() end) sleep_ms(500)",
     "cluster:wait_leader cannot wait here: 'x' is a check and must return at once"},
    {C "expect.eventually('x', {within_ms = 5}, function() sleep_ms(1) end)",
     "sleep_ms cannot wait here: 'x' is a condition and must return at once"},
    {"local co = coroutine.create(function() sleep_ms(1) end) error(select(2, "
     "coroutine.resume(co)), 0)",
     "sleep_ms cannot wait here: this is a coroutine of your own; use spawn(function() ... end)"},
    {"table.sort({2, 1}, function(a, b) sleep_ms(1) return a < b end)",
     "sleep_ms cannot wait here: it is called from within a library function"},
    {C "fault.at('disk.*'):call(function() c[1]:restart() end) c:wait_leader()",
     "node:restart cannot act here: this is :call() of a fault rule, which runs inside a step of "
     "a node; use spawn(function() ... end)"},
    {C "fault.at('disk.wirte')", "fault.at: no fault point matches 'disk.wirte' (did you mean "
                                 "'disk.write'?); list them with 'squall points'"},
    {C "fault.at('disk.write')",
     "fault.at(\"disk.write\") has no action: finish it with :errno(), :outcome(), :delay_ms(), "
     ":crash(), :short(), :lose(), :misdirect(), :drop() or :call()"},
    {C "fault.at('disk.write'):errno('EI0')",
     "fault:errno: unknown error 'EI0' (did you mean 'EIO'?); known: EAGAIN, EDQUOT, EIO, ENOMEM, "
     "ENOSPC, EREADONLY"},
    {C "fault.at('disk.write'):errno('ENOMEM')",
     "fault:errno: 'ENOMEM' cannot happen at 'disk.write'; possible there: crash_after, "
     "crash_before, eio, enospc, short"},
    {C "fault.at('memory.alloc'):outcome('short')",
     "fault:outcome: this cannot happen at 'memory.alloc'; possible there: null"},
    {C "fault.at('disk.write'):errno('EIO'):nth(3)",
     "fault:nth: the rule is already armed by its action; put :nth before the action"},
    {C "fault.at('disk.write'):nth(0)", "fault:nth: the number = 0 is too small: it is at least 1"},
    {C "fault.at('disk.write'):on('leder')",
     "fault:on: unknown node selector 'leder' (did you mean 'leader'?); use a node, a list of "
     "nodes, or one of leader, follower, candidate, learner, any"},
    {C "expect.eventually(function() end)",
     "expect.eventually: the first argument must be a sentence that says what is expected, got "
     "function"},
    {C "expect.eventually('x', function() end)",
     "expect.eventually: option 'within_ms' is required"},
    {C "local l = c:leader() l:crash()", "attempt to index a nil value (local 'l')\nhint: x.lua:1: "
                                         "cluster:leader() returned nil at 0 ms; "
                                         "use c:wait_leader{}"},
    {C "local n = c:add{ within_ms = 10 } n:crash()",
     "attempt to index a nil value (local 'n')\nhint: x.lua:1: cluster:add() returned nil, "
     "\"no_leader\" at 10 ms"},
    {C "local v = c:client{ timeout_ms = 10 }:get('k') return v + 1",
     "attempt to perform arithmetic on a nil value (local 'v')\nhint: x.lua:1: client:get() "
     "returned nil, \"not_leader\" at 10 ms"},
    {"log('%d', 'x')", "bad argument #2 to 'log' (number expected, got string)"},
    {C "return p.hold",
     "p (parameters) has no field 'hold' (did you mean 'hold_ms'?); it has: hold_ms, nth"},
    {C "p.hold_ms = 3", "p (parameters) cannot be changed: use a local variable"},
    {C "for k in pairs({[{}] = 1}) do end",
     "cannot iterate: the table has a table as key, and the order of such keys is not "
     "reproducible (key by name or id instead)"},
    {"cluster{ nodes = '3' }", "cluster: 'nodes' must be an integer, got the string \"3\""},
    {"cluster{ nodes = 99 }", "cluster: 'nodes' = 99 is not within 1..15"},
    {"cluster{ heartbeat_ms = 500 }",
     "cluster: heartbeat_ns must be positive and less than election_ns_min"},
    {C "cluster{}", "cluster: there is a cluster already: a run has one"},
    {C "c[1].term = 7", "node.term cannot be assigned"},
    {"cluster{3}",
     "cluster: unexpected positional value #1 (integer): options have names, e.g. nodes = ..."},
    {C "on('leader_elect', function() end)",
     "on: unknown event 'leader_elect' (did you mean 'leader_elected'?); events are: applied, "
     "client_reply, committed, crashed, disk_error, fault_fired, healed, leader_elected, "
     "message_dropped, message_sent, partitioned, restarted, stepped_down"},
    {"local function f() while true do end end pcall(f) while true do pcall(f) end",
     "script ran too long without letting the simulation advance (after 50001000 VM instructions; "
     "is there an endless loop?)"},
    {"error{ a = 1 }", "error with a table"},
    {"coroutine.yield()", "coroutine.yield outside of a coroutine of your own: use sleep_ms(...) "
                          "to wait"},
    {C "for i = 1, 70000 do c:client{} end",
     "cluster:client: too many clients: a run has at most 65534"},
    {C "c[1]:crash{ unsynced = 'los' }", "node:crash: unknown 'unsynced' = 'los' (did you mean "
                                         "'lose'?); it is one of: keep, lose, random, torn"},
    {C "c[1].disk:fail{}", "disk:fail: option 'op' is required"},
    {C "c.disk:fail{ op = 'write' }", "disk:fail: option 'node' is required: which node's disk?"},
    {C "c[1].disk:fail{ op = 'wirte' }",
     "disk:fail: unknown 'op' = 'wirte' (did you mean 'write'?); operations are: close, create, "
     "list, open, read, rename, sync, sync_dir, truncate, unlink, write"},
    {C "c:client():put('', 1)", "client:put: the key '' must have 1 to 31 bytes"},
    {C "c:client():put('x', {})",
     "client:put: the value must be a string, a number, true or false, got a table"},
    {C "c:load{ mix = { putt = 1 } }",
     "cluster:load: unknown option 'putt' (did you mean 'put'?); options are: cas, get, put"},
    {C "c:load{}:wait()", "load:wait: this load has no for_ms: call load:stop() first"},
    {C "c:drop{ type = 'vote_rq' }",
     "cluster:drop: unknown message type 'vote_rq' (did you mean 'vote_req'?); types are: any, "
     "append_rep, append_req, install_rep, install_req, prevote_rep, prevote_req, repair_rep, "
     "repair_req, timeout_now, vote_rep, vote_req"},
    {"sleep_ms(-1)", "sleep_ms: the duration = -1 is negative"},
    {"sleep_ms('5')", "sleep_ms: the duration must be a number, got the string \"5\""},
    {"sleep_ms(5) at_ms(2, print)", "at_ms: 2 ms is in the past: it is 5 ms now"},
    {"string.format('%p', {})", "string.format: '%p' is not available in scenarios: it shows what "
                                "differs between machines"},
    {"math.sin(1)", "'math.sin' is not available in scenarios: its last bits differ between "
                    "processors"},
    {"math.randomseed(1)", "'math.randomseed' is not available in scenarios: the seed of the run "
                           "is the seed; use rng(name) for a stream of its own"},
    {"setmetatable({}, {__gc = print})", "setmetatable: '__gc' is not available in scenarios: when "
                                         "memory is collected is not part of the run"},
    {"error{ code = 7 }", NULL},
    {"error('own words')", "own words"},
    {"string.rep('x', -1, 2, 3):nothing()", NULL},
    {"scenario{ name = 'u', run = print }",
     "scenario: declare scenarios at the top level of the file"},
    {"coroutine.yield()", NULL},
};

START_TEST(tells_each_mistake_what_is_wrong_and_what_to_do)
{
    static struct result result;
    const struct mistake *mistake = &mistakes[_i];
    char expected[SIM_TEXT_MAX];
    run_body(mistake->body, &result);
    ck_assert_msg(result.outcome == SIM_OUTCOME_ERROR, "%s: no error, but %d %s", mistake->body,
                  (int)result.outcome, result.message);
    if (mistake->message == NULL) {
        ck_assert_msg(strncmp(result.message, "x.lua:", 6) == 0, "%s: %s", mistake->body,
                      result.message);
        ck_assert_msg(strstr(result.message, "0x") == NULL, "%s: %s", mistake->body,
                      result.message);
        return;
    }
    snprintf(expected, sizeof(expected), "x.lua:1: %s", mistake->message);
    /* A call chain may follow. */
    result.message[strlen(expected) < strlen(result.message) &&
                           strncmp(result.message + strlen(expected), "\ncalled from", 12) == 0
                       ? strlen(expected)
                       : sizeof(result.message) - 1] = '\0';
    ck_assert_str_eq(result.message, expected);
}
END_TEST

struct top_level_mistake {
    const char *text;
    const char *message;
};

static const struct top_level_mistake top_level_mistakes[] = {
    {"local c = cluster{}", "x.lua:1: cluster: call it inside run = function(p) ... end"},
    {"math.random()", "x.lua:1: math.random: call it inside run = function(p) ... end"},
    {"if x the", "x.lua:1: 'then' expected near 'the'"},
    {"\xEF\xBB\xBFif x the", "x.lua:1: 'then' expected near 'the'"},
    {"if x != 1 then", "x.lua:1: 'then' expected near '!' (Lua writes ~= for \"is not equal\", and "
                       "not for \"!\")"},
    {"local x = 1", "x.lua: there is no scenario 't' in this file"},
    {"scenario{ name = 't' }", "x.lua:1: scenario: option 'run' is required"},
    {"scenario{ name = 't t', run = print }",
     "x.lua:1: scenario: 'name' = \"t t\" is not made of letters, digits, '-', '_' and '.'"},
    {"scenario{ name = 't', runn = print }",
     "x.lua:1: scenario: unknown option 'runn' (did you mean 'run'?); options are: budget, checks, "
     "doc, finish, known_bug, name, params, run, seeds, sweep, tags"},
    {"scenario{ name = 't', params = { nth = {1} }, sweep = { nht = {1} }, run = print }",
     "x.lua:1: scenario 't': sweep over 'nht', which is not in params (did you mean 'nth'?); "
     "these are: nth"},
    {"scenario{ name = 't', params = { nth = {1} }, sweep = { nth = {'a'} }, run = print }",
     "x.lua:1: scenario: sweep over 'nth': value 1 is not of the type of the default"},
    {"scenario{ name = 't', params = { nth = {0, 'x', min = 1} }, run = print }",
     "x.lua:1: scenario: parameter 'nth' = 0 is less than 1"},
    {"scenario{ name = 't', run = print } scenario{ name = 't', run = print }",
     "x.lua:1: scenario: two scenarios are named 't'"},
    {"local t = {} for i = 1, 1e9 do t[i] = ('x'):rep(1000) .. i end",
     "x.lua: script used up its memory (limit 64 MiB)"},
};

START_TEST(tells_mistakes_at_the_top_level)
{
    static struct result result;
    const struct top_level_mistake *mistake = &top_level_mistakes[_i];
    run_file(mistake->text, "", 1, &result);
    ck_assert_int_eq(result.outcome, SIM_OUTCOME_ERROR);
    ck_assert_str_eq(result.message, mistake->message);
}
END_TEST

START_TEST(stops_hooks_that_cause_each_other)
{
    static struct result result;
    run_body(C "on('healed', function() c:heal() end) c:heal() sleep_ms(1)", &result);
    ck_assert_int_eq(result.outcome, SIM_OUTCOME_ERROR);
    ck_assert_str_eq(result.message, "x.lua: hooks on 'healed' cause each other without an end");
}
END_TEST

START_TEST(names_the_callers_of_a_failing_function)
{
    static struct result result;
    run_file("local function inner()\n  error('deep')\nend\n"
             "scenario{ name = 't', run = function()\n  inner()\n  log('x')\nend }",
             "", 1, &result);
    ck_assert_str_eq(result.message, "x.lua:2: deep\ncalled from x.lua:5");
}
END_TEST

/* ---- expectations ---- */

static const struct mistake failures[] = {
    {C "expect.eventually('someone reaches term 99', {within_ms = 500}, function() return "
       "c[1].term > 98 end)",
     "expect.eventually failed: someone reaches term 99: not true within 500 ms (from 0 to 500 "
     "ms)"},
    {C "for i = 1, 3 do c[i]:crash() end sleep_ms(10) c:wait_leader{within_ms = 1000}",
     "cluster:wait_leader: no leader within 1000 ms (n1 down term 0, n2 down term 0, n3 down term "
     "0)"},
    {C "expect.ok(nil, 'timeout')", "expect.ok failed: timeout"},
    {C "expect.ok(false)", "expect.ok failed: got false"},
    {C "expect.eq(c[1], 1)", "expect.eq failed: got n1, expected 1"},
    {C "expect.eq(1, 2, 'one is two')", "expect.eq failed: one is two: got 1, expected 2"},
    {C "pcall(expect.eq, 1, 2)", "expect.eq failed: got 1, expected 2"},
    {C "local function f() expect.eq(1, 2) end f()",
     "expect.eq failed: got 1, expected 2; called from x.lua:1"},
    {C "expect.error('x', function() end)", "expect.error failed: no error, expected 'x'"},
    {C "expect.reached('crashed')",
     "expect.reached failed: 'crashed' was reached 0 times, expected at least 1"},
};

START_TEST(an_expectation_that_fails_is_a_finding_with_its_place)
{
    static struct result result;
    char expected[SIM_TEXT_MAX];
    run_body(failures[_i].body, &result);
    ck_assert_int_eq(result.outcome, SIM_OUTCOME_FINDING);
    ck_assert_str_eq(result.rule, "expect");
    snprintf(expected, sizeof(expected), "x.lua:1: %s", failures[_i].message);
    ck_assert_str_eq(result.message, expected);
}
END_TEST

START_TEST(a_check_fails_at_the_event_that_breaks_it)
{
    static struct result result;
    run_body(C "expect.never('a leader exists', function() return c:leader() ~= nil end) "
               "sleep_ms(2000)",
             &result);
    ck_assert_int_eq(result.outcome, SIM_OUTCOME_FINDING);
    ck_assert_msg(strncmp(result.message,
                          "x.lua:1: expect.never failed: a leader exists: violated at ", 59) == 0,
                  "%s", result.message);
    run_body(C "local check = expect.never('a leader exists', function() return c:leader() ~= nil "
               "end) check:stop() sleep_ms(2000)",
             &result);
    ck_assert_str_eq(result.message, "");
}
END_TEST

START_TEST(a_rule_that_never_fires_is_a_finding_unless_it_is_optional)
{
    static struct result result;
    run_body(C "fault.at('disk.write'):nth(3000):errno('EIO') c:wait_leader()", &result);
    ck_assert_int_eq(result.outcome, SIM_OUTCOME_FINDING);
    ck_assert_str_eq(result.rule, "vacuous");
    run_body(C "fault.at('disk.write'):nth(3000):errno('EIO'):optional() c:wait_leader()", &result);
    ck_assert_str_eq(result.message, "");
}
END_TEST

START_TEST(a_node_dies_before_or_after_it_sends)
{
    static const char *const sides[] = {"before", "after"};
    static struct result result;
    for (int i = 0; i < 2; i++) {
        char body[512];
        snprintf(body, sizeof(body),
                 "local c = cluster{ nodes = 2, election_min_ms = 5000, election_max_ms = 6000 } "
                 "sleep_ms(50) local sent = 0 on('message_sent', { node = c[1] }, function() sent "
                 "= sent "
                 "+ 1 end) fault.at('message.send.refused'):on(1):times(1):crash('%s') "
                 "c[1]:campaign() sleep_ms(100) expect.eq(c[1].up, false) expect.eq(sent, %d)",
                 sides[i], i);
        run_body(body, &result);
        ck_assert_str_eq(result.message, "");
    }
}
END_TEST

/* What a script sets on a device, without an effect; in parentheses, so that it can be made
 * optional. */
static const char *const idle_effects[] = {
    "(c:link{ from = 1, to = 2, loss = 0.0000001 })",
    "(c:cut{ from = 1, to = 2, for_ms = 0.001 })",
    "(c:hold{ type = 'append_req', nth = 100000 })",
    "(c[1].disk:fill{ free_bytes = 1000000 })",
    "(c[1].mem:limit_bytes(1000000000))",
    "(c[1]:pause()) c[1]:resume()",
    "(down():pause())",
    "(down().clock:jump_ms(10))",
};

START_TEST(what_never_mattered_is_a_finding_unless_it_is_optional)
{
    static struct result result;
    char body[1024];
    const char *effect = idle_effects[_i];
    size_t length = (size_t)(strrchr(effect, ')') - effect) + 1;
    if (strstr(effect, "resume") != NULL) {
        length = (size_t)(strchr(effect, ' ') - effect);
    }
    const char *down = "local function down() c[1]:crash() return c[1] end c:wait_leader() ";
    snprintf(body, sizeof(body), C "%s local e = %s sleep_ms(200)", down, effect);
    run_body(body, &result);
    ck_assert_msg(strcmp(result.rule, "vacuous") == 0, "%s: %s", effect, result.message);
    snprintf(body, sizeof(body), C "%s local e = %.*s:optional() %s sleep_ms(200)", down,
             (int)length, effect, effect + length);
    run_body(body, &result);
    ck_assert_msg(result.outcome == SIM_OUTCOME_OK, "%s: %s", effect, result.message);
}
END_TEST

START_TEST(what_mattered_counts_how_often)
{
    static struct result result;
    run_body("local c = cluster{ nodes = 5 } local leader = c:wait_leader() "
             "local full = leader.disk:fill() local pause = c[leader.id % 5 + 1]:pause() "
             "local drift = leader.clock:drift_ppm(100) local ring = c:ring() sleep_ms(300) "
             "local w = c:client{ timeout_ms = 100 } w:put('a', 1) "
             "leader.disk:heal() "
             "expect.ok(full.hits > 0, 'full') expect.ok(pause.hits > 0, 'pause') "
             "expect.ok(drift.hits > 0, 'drift') expect.ok(ring.hits > 0, 'ring')",
             &result);
    ck_assert_str_eq(result.message, "");
}
END_TEST

/* ---- what a script sees ---- */

struct view {
    const char *body;
    const char *log;
};

static const struct view views[] = {
    {"for k, v in pairs{ b = 1, a = 2, [3] = 3, [-1] = 4, [2.5] = 5, [true] = 6, 'x' } do "
     "print(k, v) end",
     "-1\t4\n1\tx\n2.5\t5\n3\t3\na\t2\nb\t1\ntrue\t6\n"},
    {"local t = { a = 1, b = 2, c = 3 } for k in pairs(t) do t[k] = nil t[k .. k] = 1 print(k) end",
     "a\nb\nc\n"},
    {"local t = { b = 1, a = 2 } print(next(t)) print(next(t, 'a')) print(next(t, 'b')) "
     "print(next{})",
     "a\t2\nb\t1\nnil\nnil\n"},
    {C "local set = { [c[2]] = 'two', [c[1]] = 'one' } for n, v in pairs(set) do print(n, v) end",
     "n2\ttwo\nn1\tone\n"},
    {"local t = {} for i = 1, 9 do t[i] = { key = i % 3, at = i } end table.sort(t, function(a, b) "
     "return a.key < b.key end) for _, e in ipairs(t) do print(e.key, e.at) end",
     "0\t3\n0\t6\n0\t9\n1\t1\n1\t4\n1\t7\n2\t2\n2\t5\n2\t8\n"},
    {"local t = { 5, 3, 4, 1, 2 } table.sort(t) print(table.concat(t, ' '))", "1 2 3 4 5\n"},
    {"local a, b = {}, {} print(a, b, a) print(string.format('%s', a)) print(print == print)",
     "table#1\ttable#2\ttable#1\ntable#1\ntrue\n"},
    {"print(0 / 0, 1 / 0, 2^53)", "nan\tinf\t9.007199254741e+15\n"},
    {"log('%d %s %5.2f', 7, true, 1.5)", "7 true  1.50\n"},
    {"print(pcall(error, 'x', 0)) print(xpcall(error, function(m) return m .. '!' end, 'x', 0)) "
     "print(select('#', pcall(function() return 1, 2 end)))",
     "false\tx\nfalse\tx!\n3\n"},
    {"print(getmetatable('') , #range(1, 10, 3), range(3, 1, -1)[3])", "false\t4\t1\n"},
    {C "print(c, c[1], c[1].name .. '!', c.size, #c:nodes(), c[1] == c:nodes()[1], c[1].role)",
     "cluster#1\tn1\tn1!\t3\t3\ttrue\tfollower\n"},
    {C
     "local cl = c:client() c:wait_leader() for _, v in ipairs{ 'x', '#x', '2', 2, 2.5, true } do "
     "expect.ok(cl:put('k', v)) print(cl:get('k') == v, math.type(cl:get('k'))) end "
     "print(cl:get('none')) print(cl:cas('k', false, 1)) print(cl:cas('k', true, 1)) "
     "print(cl:get('k'))",
     "true\tnil\ntrue\tnil\ntrue\tnil\ntrue\tinteger\ntrue\tfloat\ntrue\tnil\nnil\nnil\tmismatch\n"
     "true\n1\n"},
    {C "local cl = c:client() c:wait_leader() cl:put('k', 1) cl:cas('k', 1, 2) cl:get('k') "
       "expect.linearizable() print(pcall(expect.linearizable, 1))",
     "false\tx.lua:1: expect.linearizable: takes at most 0 arguments, got 1\n"},
    {"after_ms(2, function() print('b', now_ms()) end) after_ms(1, function() sleep_ms(1) "
     "print('c', now_us()) end) local t = every_ms(1.5, function() print('e') end) sleep_ms(3) "
     "t:cancel() sleep_ms(5) print('end')",
     "e\nb\t2.0\nc\t2000\nend\n"},
    {"local task = spawn(function(a) sleep_ms(3) print(a, now_ms()) end, 'arg') print('first') "
     "task:join() print('joined', now_ms()) local other = spawn(function() print('never') end) "
     "other:cancel() other:join()",
     "first\narg\t3.0\njoined\t3.0\n"},
    {"print(pcall(function() sleep_ms(2) error('late', 0) end)) print(now_ms())",
     "false\tlate\n2.0\n"},
    {C
     "local seen = 0 local h = on('crashed', { node = 2 }, function(ev) seen = seen + ev.node.id "
     "end) c[1]:crash() c[2]:crash() sleep_ms(1) h:off() c[2]:restart() sleep_ms(300) c[2]:crash() "
     "sleep_ms(1) print(seen) c[2]:restart() c[1]:restart()",
     "2\n"},
    {"local r = rng('a') local x = r:int(1, 1000000) print(x == rng('b'):int(1, 1000000), "
     "r:int(3, 3), r:chance(0), r:chance(1), r:pick{ 'only' })",
     "false\t3\tfalse\ttrue\tonly\n"},
    {"local x = math.random() print(x >= 0 and x < 1, math.random(5, 5)) local y = math.random(3) "
     "print(y >= 1 and y <= 3)",
     "true\t5\ntrue\n"},
    {C "local old = c:wait_leader() local cut = c:partition(old, 'rest') local new = "
       "c:wait_leader{ other_than = old } print(new.term > old.term or old.term == new.term, new "
       "~= old) cut:heal() expect.converged{} print(#c:leaders())",
     "true\ttrue\n1\n"},
    {C
     "print(#fault.points('disk.*'), #fault.points('disk.*', 'enospc') < #fault.points('disk.*')) "
     "local r = fault.at('disk.sync'):on(1):times(1):delay_ms(5) c:wait_leader() "
     "c:client():put('x', 1) sleep_ms(100) print(r.hits, r.seen >= 1)",
     "11\ttrue\n1\ttrue\n"},
    {C "local calls = 0 local rule = fault.at('disk.write'):when(function(x) return x.node.id == 2 "
       "end):call(function(x) calls = calls + 1 end) c:wait_leader() c:client():put('x', 1) "
       "print(calls > 0, rule.hits == calls)",
     "true\ttrue\n"},
};

START_TEST(a_script_sees_the_same_in_every_run)
{
    static struct result result, again;
    char body[8192];
    snprintf(body, sizeof(body), "%s%s", views[_i].body,
             strstr(views[_i].body, "cluster{") == NULL ? " cluster{}" : "");
    run_body(body, &result);
    ck_assert_str_eq(result.message, "");
    ck_assert_str_eq(result.log, views[_i].log);
    run_body(body, &again);
    ck_assert_uint_eq(result.hash, again.hash);
}
END_TEST

START_TEST(parameters_are_read_from_text_with_the_type_of_their_default)
{
    static struct result result;
    const char *text =
        "scenario{ name = 't', params = { a = {1}, b = {0.5}, c = {'x'}, d = {true}, "
        "e = {2, max = 3} }, run = function(p) for k, v in pairs(p) do print(k, v, "
        "math.type(v)) end cluster{} end }";
    run_file(text, "a=7 c=y d=false", 1, &result);
    ck_assert_str_eq(result.message, "");
    ck_assert_str_eq(result.log,
                     "a\t7\tinteger\nb\t0.5\tfloat\nc\ty\tnil\nd\tfalse\tnil\ne\t2\tinteger\n");
    run_file(text, "a=x", 1, &result);
    ck_assert_str_eq(result.message, "x.lua:1: scenario: parameter 'a' is an integer, got 'x'");
    run_file(text, "e=4", 1, &result);
    ck_assert_str_eq(result.message, "x.lua:1: scenario: parameter 'e' = 4 is more than 3");
    run_file(text, "f=4", 1, &result);
    ck_assert_str_eq(result.message,
                     "x.lua:1: scenario 't': --set gives 'f', which is not in params; these are: "
                     "a, b, c, d, e");
}
END_TEST

/* ---- listing ---- */

struct listing {
    uint32_t count;
    char variants[8][SIM_TEXT_MAX];
    uint32_t variant_count;
    uint64_t seed_limit;
    char tags[SIM_TEXT_MAX];
    uint64_t budget_sim_ns;
};

static bool visit(void *visitor, const struct sim_scenario_info *info)
{
    struct listing *listing = visitor;
    listing->count++;
    listing->variant_count = info->variant_count;
    for (uint32_t i = 0; i < info->variant_count && i < 8; i++) {
        memcpy(listing->variants[i], info->variants[i], SIM_TEXT_MAX);
    }
    listing->seed_limit = info->seed_limit;
    listing->budget_sim_ns = info->budget_sim_ns;
    memcpy(listing->tags, info->tags, SIM_TEXT_MAX);
    return true;
}

START_TEST(a_listing_has_every_combination_of_a_sweep)
{
    static struct listing listing;
    const char *text =
        "scenario{ name = 't', seeds = 7, tags = {'disk', 'leak'}, budget = { sim_ms "
        "= 9 }, params = { site = {'s'}, nth = {1}, other = {true} }, sweep = { site = "
        "fault.points('disk.s*'), nth = range(1, 2) }, run = print }";
    const struct sim_scenario_source source = {"x.lua", text, strlen(text)};
    char error[SIM_TEXT_MAX] = "";
    memset(&listing, 0, sizeof(listing));
    bool listed = sim_script_list(arena, &sut_raft, &source, visit, &listing, error, sizeof(error));
    ck_assert_msg(listed, "%s", error);
    ck_assert_uint_eq(listing.count, 1);
    ck_assert_uint_eq(listing.seed_limit, 7);
    ck_assert_uint_eq(listing.budget_sim_ns, 9000000);
    ck_assert_str_eq(listing.tags, "disk leak");
    ck_assert_uint_eq(listing.variant_count, 4);
    ck_assert_str_eq(listing.variants[0], "nth=1 other=true site=disk.sync");
    ck_assert_str_eq(listing.variants[1], "nth=1 other=true site=disk.sync_dir");
    ck_assert_str_eq(listing.variants[3], "nth=2 other=true site=disk.sync_dir");
}
END_TEST

/* ---- sweeps ---- */

/* The world of a script in which the first sync fails; at its end. */
static struct sim_world *run_with_shot(const char *text)
{
    struct sim_world *world = script_open(text, 1);
    int point = sim_point_find(&sut_raft, "disk.sync");
    ck_assert_int_ge(point, 0);
    world->faults.shot.point = (uint32_t)point;
    world->faults.shot.occurrence = 1;
    world->faults.shot.outcome = RAFT_OUTCOME_EIO;
    sim_world_run(world);
    ck_assert_uint_ge(world->faults.shot.fired, 1);
    ck_assert(!world->has_error);
    return world;
}

START_TEST(a_shot_that_breaks_an_expectation_only_disturbs)
{
    struct sim_world *world =
        run_with_shot("scenario{ name = 't', run = function() local c = cluster{} c:wait_leader() "
                      "expect.ok(c:client{ timeout_ms = 50 }:put('x', 1)) local n = c:leader() "
                      "n:crash() n.nothing() end }");
    ck_assert(world->disturbed);
    ck_assert_msg(strstr(world->disturbed_text, "node has no field or method 'nothing'") != NULL,
                  "%s", world->disturbed_text);
}
END_TEST

START_TEST(after_a_shot_a_script_waits_no_longer_than_makes_sense)
{
    static const struct wait {
        const char *within_ms;
        uint64_t least_ns, most_ns; /* of the script's say */
    } waits[] = {{"400", 400000000, 500000000},
                 {"5000", 1000000000, 1100000000},
                 {"20000", 4000000000, 4100000000}};
    for (size_t i = 0; i < sizeof waits / sizeof waits[0]; i++) {
        char text[512];
        snprintf(text, sizeof text,
                 "scenario{ name = 't', run = function() local c = cluster{} "
                 "expect.eventually('it never comes', { within_ms = %s }, "
                 "function() return false end) end }",
                 waits[i].within_ms);
        struct sim_world *world = run_with_shot(text);
        ck_assert(world->disturbed);
        ck_assert_uint_ge(world->heal_started_ns, waits[i].least_ns);
        ck_assert_uint_le(world->heal_started_ns, waits[i].most_ns);
    }
}
END_TEST

START_TEST(a_wait_that_a_branch_would_give_up_tells_it_from_its_base_run)
{
    static const struct wait {
        const char *waits_ms;
        bool is_given_up;
    } waits[] = {{"900", false}, {"1100", true}};
    for (size_t i = 0; i < sizeof waits / sizeof waits[0]; i++) {
        char text[512];
        snprintf(text, sizeof text,
                 "scenario{ name = 't', run = function() local c = cluster{} c:wait_leader() "
                 "local from = now_ms() expect.eventually('it comes', { within_ms = 4000 }, "
                 "function() return now_ms() >= from + %s end) end }",
                 waits[i].waits_ms);
        struct sim_world *world = script_open(text, 1);
        sim_world_run(world);
        ck_assert(!world->has_error && !world->has_finding);
        ck_assert_int_eq(world->told_apart > 0, waits[i].is_given_up);
    }
}
END_TEST

/* The places in the cache follow from addresses, and they change from process to process. */
START_TEST(a_fingerprint_does_not_see_where_the_host_has_its_texts)
{
    const char *text = "scenario{ name = 't', run = function() local c = cluster{} "
                       "c:wait_leader() c:client():put('x', 1) end }";
    struct arena_walk *walk = arena_walk_create();
    struct sim_world *world = script_open(text, 1);
    for (int i = 0; i < 100; i++) {
        ck_assert(sim_world_step(world));
    }
    const struct arena_span cache = sim_script_cache(world->script);
    ck_assert_uint_gt(cache.size, 0);
    uint64_t fingerprint = sim_fingerprint(world, walk);
    uint8_t *bytes = (uint8_t *)arena + ((uintptr_t)cache.at - (uintptr_t)arena);
    for (size_t i = 0; i + 16 <= cache.size; i += 16) {
        memcpy(bytes + i, bytes + i + 8, 8);
    }
    ck_assert_uint_eq(sim_fingerprint(world, walk), fingerprint);
    arena_walk_destroy(walk);
}
END_TEST

/* ---- checkpoints ---- */

START_TEST(a_script_goes_on_alike_from_a_checkpoint)
{
    const char *text =
        "scenario{ name = 't', run = function() local c = cluster{} local seen = {} "
        "on('committed', function(ev) seen[#seen + 1] = ev.index end) spawn(function() for i = 1, "
        "50 do sleep_ms(7) seen[#seen + 1] = 'tick' .. i end end) c:wait_leader() local cl = "
        "c:client() for i = 1, 20 do cl:put('k', i) c:pick(c:nodes()).clock:jump_ms(i):optional() "
        "end "
        "print(table.concat(seen, ',')) end }";
    static struct result first, second;
    struct arena_checkpoint *checkpoint = arena_checkpoint_create();
    struct sim_world *world = script_open(text, 3);
    world->transcript = collect_log;
    for (int i = 0; i < 400; i++) {
        ck_assert(sim_world_step(world));
    }
    arena_save(arena, checkpoint);
    world->transcript_ctx = &first;
    sim_world_run(world);
    first.hash = world->hash;
    arena_restore(arena, checkpoint);
    world->transcript_ctx = &second;
    sim_world_run(world);
    second.hash = world->hash;
    ck_assert(!world->has_error && !world->has_finding);
    ck_assert_uint_eq(first.hash, second.hash);
    ck_assert_str_ne(first.log, "");
    ck_assert_str_eq(first.log, second.log);
    arena_checkpoint_destroy(checkpoint);
}
END_TEST

static Suite *script_suite(void)
{
    Suite *suite = suite_create("script");
    TCase *tests = tcase_create("script");
    tcase_add_checked_fixture(tests, arena_set_up, arena_tear_down);
    tcase_add_test(tests, line_of_a_rule_is_told_however_long_the_path_is);
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, tells_each_mistake_what_is_wrong_and_what_to_do, 0,
                        sizeof(mistakes) / sizeof(mistakes[0]));
    tcase_add_loop_test(tests, tells_mistakes_at_the_top_level, 0,
                        sizeof(top_level_mistakes) / sizeof(top_level_mistakes[0]));
    tcase_add_test(tests, stops_hooks_that_cause_each_other);
    tcase_add_test(tests, names_the_callers_of_a_failing_function);
    tcase_add_loop_test(tests, an_expectation_that_fails_is_a_finding_with_its_place, 0,
                        sizeof(failures) / sizeof(failures[0]));
    tcase_add_test(tests, a_check_fails_at_the_event_that_breaks_it);
    tcase_add_test(tests, a_rule_that_never_fires_is_a_finding_unless_it_is_optional);
    tcase_add_loop_test(tests, what_never_mattered_is_a_finding_unless_it_is_optional, 0,
                        sizeof(idle_effects) / sizeof(idle_effects[0]));
    tcase_add_test(tests, a_node_dies_before_or_after_it_sends);
    tcase_add_test(tests, what_mattered_counts_how_often);
    tcase_add_loop_test(tests, a_script_sees_the_same_in_every_run, 0,
                        sizeof(views) / sizeof(views[0]));
    tcase_add_test(tests, parameters_are_read_from_text_with_the_type_of_their_default);
    tcase_add_test(tests, a_listing_has_every_combination_of_a_sweep);
    tcase_add_test(tests, a_shot_that_breaks_an_expectation_only_disturbs);
    tcase_add_test(tests, after_a_shot_a_script_waits_no_longer_than_makes_sense);
    tcase_add_test(tests, a_wait_that_a_branch_would_give_up_tells_it_from_its_base_run);
    tcase_add_test(tests, a_fingerprint_does_not_see_where_the_host_has_its_texts);
    tcase_add_test(tests, a_script_goes_on_alike_from_a_checkpoint);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return unit_main(script_suite());
}
