/* The ledger names who holds what, and fires on each of its rules. */
#include "oracle_double.h"
#include "unit.h"

#define NODE 1u

static struct raft_entry *entry_new(raft_index index)
{
    struct raft_entry *entry = arena_calloc(arena, sizeof *entry);
    entry->id = (struct raft_entry_id){1, index};
    return entry;
}

static struct sim_ledger *ledger(void)
{
    return &fake.nodes[NODE]->node.ledger;
}

static void hold(struct raft_entry *entry, enum raft_holder holder, const char *site)
{
    fake.world->events++;
    sim_ledger_held(ledger(), entry, holder, site);
}

static void drop(struct raft_entry *entry, enum raft_holder holder, const char *site)
{
    fake.world->events++;
    sim_ledger_dropped(ledger(), entry, holder, site);
}

/* An entry that was created for a message and is in the log now. */
static struct raft_entry *logged(raft_index index)
{
    struct raft_entry *entry = entry_new(index);
    hold(entry, RAFT_HOLDER_MESSAGE, "message.c:1");
    hold(entry, RAFT_HOLDER_LOG, "log.c:2");
    drop(entry, RAFT_HOLDER_MESSAGE, "message.c:3");
    view_of(NODE)->entries_log++;
    return entry;
}

static void truncate(struct raft_entry *entry)
{
    drop(entry, RAFT_HOLDER_LOG, "log.c:4");
    view_of(NODE)->entries_log--;
}

static void wait_ns(uint64_t ns)
{
    fake.world->scheduler.now_ns += ns;
    sim_ledger_check(ledger());
}

START_TEST(is_silent_while_holds_and_views_agree)
{
    struct raft_entry *entry = logged(1);
    sim_ledger_check(ledger());
    hold(entry, RAFT_HOLDER_STORAGE, "storage.c:1");
    view_of(NODE)->entries_storage = 1;
    sim_ledger_check(ledger());
    drop(entry, RAFT_HOLDER_STORAGE, "storage.c:2");
    view_of(NODE)->entries_storage = 0;
    truncate(entry);
    sim_ledger_check(ledger());
    sim_ledger_check_empty(ledger());
    ck_assert_uint_eq(ledger()->entries, 0);
    ck_assert_ptr_null(entry->observer);
    ck_assert_uint_gt(sim_oracle_checks(fake.world->oracles, SIM_ORACLE_LEDGER), 0);
    expect(NULL);
}
END_TEST

START_TEST(names_the_entry_and_the_site_of_a_reference_left_in_an_event)
{
    struct raft_entry *entry = logged(7);
    hold(entry, RAFT_HOLDER_REPLICATION, "replication.c:180");
    sim_ledger_check(ledger());
    expect("ledger");
    const struct sim_finding *finding = &fake.world->finding;
    ck_assert_ptr_nonnull(strstr(finding->message, "(term 1, index 7)"));
    ck_assert_ptr_nonnull(strstr(finding->message, "replication, held in event 4"));
    ck_assert_ptr_nonnull(strstr(finding->message, "replication.c:180@4 +replication"));
    ck_assert_str_eq(finding->signature, "ledger: replication replication.c:180");
}
END_TEST

static const enum raft_holder counted[] = {
    RAFT_HOLDER_LOG,     RAFT_HOLDER_STORAGE,     RAFT_HOLDER_APPLY,   RAFT_HOLDER_REQUEST,
    RAFT_HOLDER_LOADING, RAFT_HOLDER_REPLICATION, RAFT_HOLDER_MESSAGE,
};

START_TEST(fires_when_a_total_exceeds_the_view)
{
    struct raft_entry *entry = logged(1);
    hold(entry, counted[_i], "somewhere.c:1");
    sim_ledger_check(ledger());
    expect("ledger");
    ck_assert_ptr_nonnull(strstr(fake.world->finding.signature, "somewhere.c:1"));
}
END_TEST

START_TEST(fires_when_a_total_is_below_the_view)
{
    logged(1);
    view_of(NODE)->entries_apply = 1;
    sim_ledger_check(ledger());
    expect("ledger");
}
END_TEST

START_TEST(fires_when_a_holder_gives_back_what_it_does_not_hold)
{
    struct raft_entry *entry = logged(3);
    drop(entry, RAFT_HOLDER_APPLY, "apply.c:9");
    expect("ledger");
    ck_assert_ptr_nonnull(strstr(fake.world->finding.message, "index 3"));
    ck_assert_ptr_nonnull(strstr(fake.world->finding.message, "apply.c:9@4 -apply"));
    ck_assert_uint_eq(ledger()->totals[RAFT_HOLDER_APPLY], 0);
}
END_TEST

START_TEST(records_each_leak_and_the_fault_that_fired_last)
{
    struct sim_injection injection = {
        .point = "replication.prepare.readonly", .outcome = "take", .event = 2, .node = NODE};
    fake.world->faults.injections = &injection;
    fake.world->faults.injection_count = 1;
    struct raft_entry *first = logged(1);
    struct raft_entry *second = logged(2);
    hold(first, RAFT_HOLDER_REPLICATION, "replication.c:180");
    truncate(first);
    truncate(second);
    sim_ledger_check_empty(ledger());
    expect("ledger");
    ck_assert_uint_eq(fake.world->leak_count, 1);
    const struct sim_leak *leak = &fake.world->leaks[0];
    ck_assert_str_eq(leak->kind, "entry");
    ck_assert_str_eq(leak->holder, "replication");
    ck_assert_str_eq(leak->site, "replication.c:180");
    ck_assert_uint_eq(leak->event, 7);
    ck_assert_uint_eq(leak->index, 1);
    ck_assert_uint_eq(leak->node, NODE);
    ck_assert_int_eq(leak->count, 1);
    ck_assert_str_eq(leak->path, "message.c:1@1 +message; log.c:2@2 +log; message.c:3@3 -message; "
                                 "replication.c:180@7 +replication; log.c:4@8 -log");
    ck_assert_ptr_nonnull(
        strstr(fake.world->finding.message, "replication.prepare.readonly (take)"));
}
END_TEST

START_TEST(records_at_most_the_bound_of_leaks)
{
    for (raft_index index = 1; index <= SIM_LEDGER_LEAKS_MAX + 2; index++) {
        hold(entry_new(index), RAFT_HOLDER_LOADING, "recovery.c:1");
    }
    sim_ledger_check_empty(ledger());
    ck_assert_uint_eq(fake.world->leak_count, SIM_LEDGER_LEAKS_MAX);
    ck_assert_uint_eq(ledger()->entries, SIM_LEDGER_LEAKS_MAX + 2);
    expect("ledger");
}
END_TEST

START_TEST(keeps_the_latest_sites_of_a_long_path)
{
    struct raft_entry *entry = logged(1);
    for (uint32_t i = 0; i < SIM_LEDGER_PATH; i++) {
        hold(entry, RAFT_HOLDER_APPLY, "apply.c:1");
        drop(entry, RAFT_HOLDER_APPLY, "apply.c:2");
    }
    sim_ledger_check_empty(ledger());
    const char *path = fake.world->leaks[0].path;
    ck_assert_ptr_null(strstr(path, "message.c:1"));
    ck_assert_ptr_nonnull(strstr(path, "apply.c:2@19 -apply"));
    expect("ledger");
}
END_TEST

START_TEST(fires_when_a_reference_outlives_the_truncation_of_its_entry)
{
    struct raft_entry *entry = logged(1);
    hold(entry, _i == 0 ? RAFT_HOLDER_REQUEST : RAFT_HOLDER_LOADING, "requests.c:1");
    *(_i == 0 ? &view_of(NODE)->requests : &view_of(NODE)->entries_loading) = 1;
    truncate(entry);
    wait_ns(SIM_LEDGER_HELD_NS);
    expect(NULL);
    wait_ns(1);
    wait_ns(SIM_LEDGER_HELD_NS / 2);
    expect("ledger");
}
END_TEST

START_TEST(gives_a_process_that_was_paused_time_to_let_go)
{
    struct raft_entry *entry = logged(1);
    hold(entry, RAFT_HOLDER_REQUEST, "requests.c:1");
    view_of(NODE)->requests = 1;
    truncate(entry);
    wait_ns(10 * SIM_LEDGER_HELD_NS);
    drop(entry, RAFT_HOLDER_REQUEST, "requests.c:2");
    view_of(NODE)->requests = 0;
    wait_ns(SIM_LEDGER_HELD_NS);
    expect(NULL);
}
END_TEST

START_TEST(lets_the_device_take_its_time_without_hiding_others)
{
    struct raft_entry *stalled = logged(1);
    struct raft_entry *forgotten = logged(2);
    hold(stalled, RAFT_HOLDER_STORAGE, "storage.c:1");
    hold(forgotten, RAFT_HOLDER_REQUEST, "requests.c:1");
    view_of(NODE)->entries_storage = 1;
    view_of(NODE)->requests = 1;
    truncate(stalled);
    truncate(forgotten);
    wait_ns(SIM_LEDGER_HELD_NS + 1);
    wait_ns(SIM_LEDGER_HELD_NS / 2);
    wait_ns(SIM_LEDGER_HELD_NS / 2);
    expect("ledger");
    ck_assert_ptr_nonnull(strstr(fake.world->finding.message, "index 2"));
}
END_TEST

START_TEST(forgets_everything_when_the_process_dies)
{
    struct raft_entry *entry = logged(1);
    hold(entry, RAFT_HOLDER_APPLY, "apply.c:1");
    truncate(entry);
    sim_ledger_forget(ledger());
    sim_ledger_check(ledger());
    sim_ledger_check_empty(ledger());
    ck_assert_ptr_null(ledger()->records);
    expect(NULL);
}
END_TEST

START_TEST(says_nothing_when_it_is_switched_off)
{
    fake.world->checks_leaks = false;
    struct raft_entry *entry = logged(1);
    hold(entry, RAFT_HOLDER_REPLICATION, "replication.c:1");
    sim_ledger_check(ledger());
    sim_ledger_check_empty(ledger());
    ck_assert_uint_eq(fake.world->leak_count, 0);
    expect(NULL);
}
END_TEST

START_TEST(finds_a_key_after_growing)
{
    struct sim_table table;
    sim_table_init(&table, arena);
    ck_assert_ptr_null(sim_table_find(&table, 1));
    for (uint64_t key = 1; key <= 200; key++) {
        sim_table_put(&table, key << 40, key);
    }
    for (uint64_t key = 1; key <= 200; key++) {
        ck_assert_uint_eq(*sim_table_find(&table, key << 40), key);
    }
    ck_assert_ptr_null(sim_table_find(&table, 3));
    ck_assert_uint_eq(table.count, 200);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("ledger");
    tcase_add_checked_fixture(tests, fake_setup, arena_tear_down);
    tcase_add_test(tests, is_silent_while_holds_and_views_agree);
    tcase_add_test(tests, names_the_entry_and_the_site_of_a_reference_left_in_an_event);
    tcase_add_loop_test(tests, fires_when_a_total_exceeds_the_view, 0,
                        sizeof counted / sizeof counted[0]);
    tcase_add_test(tests, fires_when_a_total_is_below_the_view);
    tcase_add_test(tests, fires_when_a_holder_gives_back_what_it_does_not_hold);
    tcase_add_test(tests, records_each_leak_and_the_fault_that_fired_last);
    tcase_add_test(tests, records_at_most_the_bound_of_leaks);
    tcase_add_test(tests, keeps_the_latest_sites_of_a_long_path);
    tcase_add_loop_test(tests, fires_when_a_reference_outlives_the_truncation_of_its_entry, 0, 2);
    tcase_add_test(tests, gives_a_process_that_was_paused_time_to_let_go);
    tcase_add_test(tests, lets_the_device_take_its_time_without_hiding_others);
    tcase_add_test(tests, forgets_everything_when_the_process_dies);
    tcase_add_test(tests, says_nothing_when_it_is_switched_off);
    tcase_add_test(tests, finds_a_key_after_growing);
    Suite *suite = suite_create("ledger");
    suite_add_tcase(suite, tests);
    return unit_main(suite);
}
