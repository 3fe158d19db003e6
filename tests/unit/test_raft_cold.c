/* Entries that have left memory: who is sent them, how they are read, and what comes of one that
 * cannot be read. */
#include "raft_fixture.h"

#define COMMANDS 6u

static void keep_nothing(struct raft_options *options)
{
    options->log_memory_max = 0;
    options->batch_entries_max = 4;
}

/* Node 1 leads term 1 and has applied seven entries, which have left memory: its own first one and
 * COMMANDS. Node 2 has them, node 3 and those after it have not answered yet. */
static void lead_cold_of(uint32_t voters)
{
    adjust = keep_nothing;
    create(voters, 0, 0);
    campaign();
    persist_state();
    for (raft_node_id voter = 2; voter <= 1 + voters / 2; voter++) {
        receive((struct raft_message){
            .type = RAFT_MESSAGE_VOTE_REP, .from = voter, .term = 1, .flags = RAFT_FLAG_SUCCESS});
    }
    ck_assert_int_eq(view.role, RAFT_LEADER);
    persist_entries();
    for (unsigned i = 0; i < COMMANDS; i++) {
        ck_assert_int_eq(propose(), RAFT_OK);
        persist_entries();
    }
    for (raft_node_id voter = 2; voter <= 1 + voters / 2; voter++) {
        acknowledge(voter, 1, id(1, 1 + COMMANDS));
    }
    ck_assert_uint_eq(view.applied, 1 + COMMANDS);
}

static void lead_cold(void)
{
    lead_cold_of(3);
}

/* A follower answers the probe: its log agrees up to an index. */
static void follows(raft_node_id from, raft_index match)
{
    acknowledge(from, 1, id(match == 0 ? 0 : 1, match));
}

/* Storage has read entries of a term. */
static void loaded_of(raft_term term, raft_index first, uint32_t count)
{
    struct raft_event event = {.type = RAFT_EVENT_LOADED, .entry_count = count};
    event.entries = core_memory_alloc(&memory, RAFT_AT_COLD_LOAD_ARRAY,
                                      (size_t)count * sizeof event.entries[0]);
    for (uint32_t i = 0; i < count; i++) {
        event.entries[i] = core_entry(&memory, term, first + i, "x");
        raft_entry_hold(event.entries[i], RAFT_HOLDER_LOADING);
        raft_entry_drop(event.entries[i], RAFT_HOLDER_MESSAGE);
    }
    feed(event);
    drain();
}

static void loaded(raft_index first, uint32_t count)
{
    loaded_of(1, first, count);
}

static void not_loaded(enum raft_status status, raft_index bad)
{
    feed((struct raft_event){.type = RAFT_EVENT_LOADED, .status = status, .id = {.index = bad}});
    drain();
}

static void assert_load(raft_index first, raft_index last)
{
    ck_assert_int_eq(seen.load, 1);
    ck_assert_uint_eq(seen.last_load.first, first);
    ck_assert_uint_eq(seen.last_load.last.index, last);
}

/* An entry cannot be read, however often. */
static void lose(raft_index index)
{
    not_loaded(RAFT_CORRUPT, index);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(seen.load, 0);
        retry();
        assert_load(index, index);
        not_loaded(RAFT_CORRUPT, index);
    }
}

/* The published snapshot is one of an index. */
static void publish(raft_index index)
{
    feed((struct raft_event){.type = RAFT_EVENT_SNAPSHOT});
    drain();
    ck_assert_int_eq(seen.save, 1);
    struct raft_snapshot snapshot = seen.last_snapshot.snapshot;
    ck_assert_uint_eq(snapshot.id.index, index);
    persist_snapshot(snapshot);
}

START_TEST(what_is_applied_leaves_memory)
{
    lead_cold();
    ck_assert_uint_eq(view.cold, 7);
    ck_assert_uint_eq(view.entries_log, 0);
    ck_assert_uint_eq(view.log_size, 0);
    ck_assert_int_eq(propose(), RAFT_OK);
    ck_assert_uint_eq(view.entries_log, 1);
    ck_assert_uint_eq(view.last.index, 8);
}
END_TEST

START_TEST(a_silent_follower_costs_no_reads)
{
    lead_cold();
    heartbeat();
    ck_assert_int_eq(seen.load, 0);
    ck_assert_ptr_nonnull(sent(RAFT_MESSAGE_APPEND_REQ, 3));
    ck_assert_uint_eq(sent(RAFT_MESSAGE_APPEND_REQ, 3)->entry_count, 0);
}
END_TEST

START_TEST(reads_for_a_follower_that_answers)
{
    lead_cold();
    follows(3, 0);
    assert_load(1, 4);
    ck_assert_ptr_null(sent(RAFT_MESSAGE_APPEND_REQ, 3));
    loaded(1, 4);
    ck_assert_uint_eq(sent(RAFT_MESSAGE_APPEND_REQ, 3)->entry_count, 4);
    ck_assert_uint_eq(sent(RAFT_MESSAGE_APPEND_REQ, 3)->id.index, 0);
    ck_assert_uint_eq(view.entries_loading, 0);
    assert_load(5, 7);
    loaded(5, 3);
    ck_assert_uint_eq(sent(RAFT_MESSAGE_APPEND_REQ, 3)->entry_count, 3);
    ck_assert_uint_eq(sent(RAFT_MESSAGE_APPEND_REQ, 3)->id.index, 4);
    ck_assert_int_eq(seen.load, 0);
}
END_TEST

START_TEST(an_append_goes_on_from_the_window_into_memory)
{
    lead_cold();
    ck_assert_int_eq(propose(), RAFT_OK);
    follows(3, 5);
    assert_load(6, 7);
    loaded(6, 2);
    ck_assert_uint_eq(sent(RAFT_MESSAGE_APPEND_REQ, 3)->entry_count, 3);
}
END_TEST

START_TEST(sends_heartbeats_while_it_reads)
{
    lead_cold();
    follows(3, 0);
    assert_load(1, 4);
    heartbeat();
    ck_assert_int_eq(seen.load, 0);
    ck_assert_uint_eq(sent(RAFT_MESSAGE_APPEND_REQ, 3)->entry_count, 0);
    loaded(1, 4);
    ck_assert_uint_eq(sent(RAFT_MESSAGE_APPEND_REQ, 3)->entry_count, 4);
}
END_TEST

START_TEST(followers_share_what_was_read)
{
    lead_cold_of(5);
    follows(4, 0);
    assert_load(1, 4);
    follows(5, 2);
    ck_assert_int_eq(seen.load, 0); /* one read at a time */
    loaded(1, 4);
    ck_assert_uint_eq(sent(RAFT_MESSAGE_APPEND_REQ, 4)->entry_count, 4);
    ck_assert_uint_eq(sent(RAFT_MESSAGE_APPEND_REQ, 5)->entry_count, 2);
    assert_load(5, 7);
}
END_TEST

START_TEST(followers_take_turns)
{
    lead_cold_of(5);
    follows(4, 0);
    assert_load(1, 4);
    follows(5, 5);
    loaded(1, 4);
    assert_load(6, 7);
    loaded(6, 2);
    assert_load(5, 7);
}
END_TEST

START_TEST(what_was_compacted_meanwhile_is_dropped)
{
    snapshots.trailing = 2;
    lead_cold();
    follows(3, 0);
    assert_load(1, 4);
    publish(7);
    ck_assert_uint_eq(view.base.index, 5);
    loaded(1, 4);
    ck_assert_uint_eq(view.entries_loading, 0);
    ck_assert_int_eq(view.role, RAFT_LEADER);
}
END_TEST

START_TEST(a_failure_to_read_what_was_compacted_meanwhile_says_nothing)
{
    snapshots.trailing = 2;
    lead_cold();
    follows(3, 0);
    publish(7);
    not_loaded(RAFT_CORRUPT, 1);
    ck_assert(!raft_wants_retry(raft));
    ck_assert_uint_eq(view.first_damaged, 0);
}
END_TEST

START_TEST(a_read_that_was_refused_is_tried_again_without_end)
{
    lead_cold();
    follows(3, 0);
    for (int i = 0; i < 10; i++) {
        assert_load(1, 4);
        not_loaded(i % 2 == 0 ? RAFT_BUSY : RAFT_NOMEM, 0);
        ck_assert_int_eq(seen.load, 0);
        retry();
    }
    loaded(1, 4);
    ck_assert_uint_eq(sent(RAFT_MESSAGE_APPEND_REQ, 3)->entry_count, 4);
}
END_TEST

START_TEST(a_read_that_fails_once_is_repeated_for_its_first_entry_alone)
{
    lead_cold();
    follows(3, 0);
    not_loaded(RAFT_CORRUPT, 1);
    ck_assert_ptr_null(sent(RAFT_MESSAGE_APPEND_REQ, 3));
    retry();
    assert_load(1, 1);
    loaded(1, 1);
    ck_assert_uint_eq(sent(RAFT_MESSAGE_APPEND_REQ, 3)->entry_count, 1);
    assert_load(2, 5);
    ck_assert_int_eq(view.condition, RAFT_RUNNING);
}
END_TEST

START_TEST(a_leader_that_cannot_read_an_entry_makes_way)
{
    lead_cold();
    follows(3, 0);
    lose(1);
    ck_assert_int_eq(view.role, RAFT_FOLLOWER);
    ck_assert_int_eq(view.condition, RAFT_CONDITION_RECOVERING);
    ck_assert_uint_eq(view.first_damaged, 1);
    ck_assert_uint_eq(view.durable.index, 0);
    ck_assert_uint_eq(sent(RAFT_MESSAGE_REPAIR_REQ, 2)->id.index, 1);
    ck_assert_uint_eq(sent(RAFT_MESSAGE_REPAIR_REQ, 3)->id.index, 1);
    ck_assert_ptr_null(sent(RAFT_MESSAGE_APPEND_REQ, 3));
}
END_TEST

/* Another node sends an entry for the lost one at index 1. */
static void receive_repair(enum raft_entry_kind kind, const char *payload)
{
    struct raft_message message = {.type = RAFT_MESSAGE_REPAIR_REP, .from = 2, .term = 1};
    message.entries =
        core_memory_alloc(&memory, RAFT_AT_MESSAGE_DECODE_ARRAY, sizeof message.entries[0]);
    message.entries[0] = core_entry(&memory, 1, 1, payload);
    message.entries[0]->kind = kind;
    message.entry_count = 1;
    receive(message);
}

static void mend(void)
{
    receive_repair(RAFT_ENTRY_COMMAND, "x");
    ck_assert_int_eq(seen.repair, 1);
    ck_assert_uint_eq(view.entries_log, 1);
}

START_TEST(a_lost_entry_is_not_read_for_who_has_asked_for_it)
{
    lead_cold();
    receive((struct raft_message){
        .type = RAFT_MESSAGE_REPAIR_REQ, .from = 2, .term = 1, .id = id(1, 1)});
    assert_load(1, 1);
    lose(1);
    ck_assert_uint_eq(view.first_damaged, 1);
    ck_assert_int_eq(seen.load, 0);
    ck_assert_ptr_null(sent(RAFT_MESSAGE_REPAIR_REP, 2));
}
END_TEST

START_TEST(a_lost_entry_comes_back_from_another_node)
{
    lead_cold();
    follows(3, 0);
    lose(1);
    mend();
    ck_assert_int_eq(view.condition, RAFT_CONDITION_RECOVERING);
    feed((struct raft_event){.type = RAFT_EVENT_REPAIRED, .id = id(1, 1)});
    drain();
    ck_assert_int_eq(view.condition, RAFT_RUNNING);
    ck_assert_uint_eq(view.entries_log, 0);
    ck_assert_uint_eq(view.durable.index, 7);
}
END_TEST

START_TEST(a_lost_entry_is_not_mended_by_what_a_witness_has_of_it)
{
    lead_cold();
    follows(3, 0);
    lose(1);
    receive_repair(RAFT_ENTRY_ELIDED, "");
    ck_assert_int_eq(seen.repair, 0);
    ck_assert_uint_eq(view.entries_log, 0);
    mend();
}
END_TEST

/* Node 1 leads as in lead_cold, and a configuration, at index 8, has left memory behind it. */
static void lead_behind_a_configuration(void)
{
    struct raft_configuration preferring = {.count = 3};
    for (uint32_t i = 0; i < 3; i++) {
        preferring.members[i] = (struct raft_member){i + 1, RAFT_MEMBER_VOTER, i == 0};
    }
    lead_cold();
    feed((struct raft_event){.type = RAFT_EVENT_CHANGE, .configuration = &preferring});
    drain();
    persist_entries();
    acknowledge(2, 1, id(1, 8));
    ck_assert_uint_eq(view.cold, 8);
    ck_assert_uint_eq(view.configuration_index, 8);
    ck_assert_uint_eq(view.entries_log, 1);
}

START_TEST(a_lost_configuration_is_rewritten_from_memory)
{
    lead_behind_a_configuration();
    follows(3, 6);
    assert_load(7, 8);
    lose(8);
    ck_assert_int_eq(view.condition, RAFT_CONDITION_RECOVERING);
    ck_assert_ptr_null(sent(RAFT_MESSAGE_REPAIR_REQ, 2)); /* nobody has to be asked */
    ck_assert_int_eq(seen.repair, 1);
    feed((struct raft_event){.type = RAFT_EVENT_REPAIRED, .id = id(1, 8)});
    drain();
    ck_assert_int_eq(view.condition, RAFT_RUNNING);
    ck_assert_uint_eq(view.entries_log, 1);
}
END_TEST

START_TEST(a_lost_configuration_stays_in_force_when_its_record_cannot_be_rewritten)
{
    lead_behind_a_configuration();
    follows(3, 6);
    lose(8);
    struct raft_snapshot snapshot = seen.last_snapshot.snapshot;
    feed((struct raft_event){.type = RAFT_EVENT_REPAIRED, .id = id(1, 8), .status = RAFT_CORRUPT});
    drain();
    ck_assert_int_eq(view.condition, RAFT_CONDITION_RECOVERING);
    ck_assert_uint_eq(view.configuration_index, 8);
    persist_snapshot(snapshot);
    ck_assert_int_eq(view.condition, RAFT_RUNNING);
    ck_assert_uint_eq(view.entries_log, 0);
}
END_TEST

START_TEST(a_lost_entry_whose_record_cannot_be_rewritten_waits_for_a_snapshot)
{
    lead_cold();
    follows(3, 0);
    lose(1);
    struct raft_snapshot snapshot = seen.last_snapshot.snapshot;
    mend();
    feed((struct raft_event){.type = RAFT_EVENT_REPAIRED, .id = id(1, 1), .status = RAFT_CORRUPT});
    drain();
    ck_assert_int_eq(seen.repair, 0);
    ck_assert_uint_eq(view.entries_log, 0);
    ck_assert_int_eq(view.condition, RAFT_CONDITION_RECOVERING);
    time_out();
    ck_assert_ptr_null(sent(RAFT_MESSAGE_REPAIR_REQ, 2));
    persist_snapshot(snapshot);
    ck_assert_int_eq(view.condition, RAFT_RUNNING);
}
END_TEST

START_TEST(a_new_snapshot_makes_up_for_a_lost_entry)
{
    lead_cold();
    follows(3, 0);
    lose(1);
    ck_assert_int_eq(seen.save, 1);
    struct raft_snapshot snapshot = seen.last_snapshot.snapshot;
    ck_assert_uint_eq(snapshot.id.index, 7);
    persist_snapshot(snapshot);
    ck_assert_int_eq(view.condition, RAFT_RUNNING);
    ck_assert_uint_eq(view.base.index, 7);
}
END_TEST

START_TEST(a_snapshot_that_is_older_than_the_lost_entry_is_followed_by_another)
{
    snapshots.trailing = 100;
    lead_cold();
    feed((struct raft_event){.type = RAFT_EVENT_SNAPSHOT});
    drain();
    struct raft_snapshot snapshot = seen.last_snapshot.snapshot;
    ck_assert_int_eq(propose(), RAFT_OK);
    persist_entries();
    acknowledge(2, 1, id(1, 8));
    ck_assert_uint_eq(view.cold, 8);
    follows(3, 7);
    lose(8);
    ck_assert_int_eq(seen.save, 0); /* one is being taken */
    persist_snapshot(snapshot);
    ck_assert_int_eq(seen.save, 1);
    ck_assert_uint_eq(seen.last_snapshot.snapshot.id.index, 8);
}
END_TEST

START_TEST(a_leader_whose_snapshot_has_the_lost_entry_goes_on)
{
    snapshots.trailing = 100;
    lead_cold();
    publish(7);
    ck_assert_uint_eq(view.base.index, 0);
    follows(3, 0);
    lose(1);
    ck_assert_int_eq(view.role, RAFT_LEADER);
    ck_assert_int_eq(view.condition, RAFT_RUNNING);
    ck_assert_uint_eq(view.base.index, 7);
}
END_TEST

START_TEST(an_entry_of_another_term_in_its_place_is_not_sent)
{
    lead_cold();
    follows(3, 0);
    assert_load(1, 4);
    loaded_of(9, 1, 4);
    ck_assert_ptr_null(sent(RAFT_MESSAGE_APPEND_REQ, 3));
    ck_assert_uint_eq(view.entries_loading, 0);
    retry();
    assert_load(1, 1);
}
END_TEST

START_TEST(the_window_is_given_back_when_leadership_ends)
{
    lead_cold();
    follows(3, 0);
    receive((struct raft_message){.type = RAFT_MESSAGE_APPEND_REP,
                                  .from = 3,
                                  .term = 1,
                                  .flags = RAFT_FLAG_SUCCESS | RAFT_FLAG_READ_ONLY});
    loaded(1, 4);
    ck_assert_uint_eq(view.entries_loading, 4); /* it would have to take commands */
    receive_append(2, 2, id(1, 7), 7, 0);
    ck_assert_int_eq(view.role, RAFT_FOLLOWER);
    ck_assert_uint_eq(view.entries_loading, 0);
}
END_TEST

START_TEST(what_comes_after_leadership_has_ended_is_given_back)
{
    lead_cold();
    follows(3, 0);
    assert_load(1, 4);
    receive_append(2, 2, id(1, 7), 7, 0);
    loaded(1, 4);
    ck_assert_uint_eq(view.entries_loading, 0);
    ck_assert_int_eq(seen.load, 0);
}
END_TEST

static void ask_for(raft_node_id from, struct raft_entry_id wanted)
{
    receive((struct raft_message){
        .type = RAFT_MESSAGE_REPAIR_REQ, .from = from, .term = 1, .id = wanted});
}

START_TEST(a_node_that_asks_for_a_cold_entry_gets_it)
{
    lead_cold();
    ask_for(3, id(1, 4));
    ck_assert_ptr_null(sent(RAFT_MESSAGE_REPAIR_REP, 3));
    assert_load(4, 4);
    loaded(4, 1);
    ck_assert_uint_eq(sent(RAFT_MESSAGE_REPAIR_REP, 3)->entry_count, 1);
    ck_assert_uint_eq(sent(RAFT_MESSAGE_REPAIR_REP, 3)->id.index, 3);
    ck_assert_uint_eq(view.entries_loading, 0);
}
END_TEST

START_TEST(a_cold_entry_of_another_term_is_not_read_for_anybody)
{
    lead_cold();
    ask_for(3, id(2, 4));
    ck_assert_int_eq(seen.load, 0);
}
END_TEST

START_TEST(a_node_that_cannot_read_an_entry_says_nothing)
{
    lead_cold();
    ask_for(3, id(1, 4));
    lose(4);
    ck_assert_ptr_null(sent(RAFT_MESSAGE_REPAIR_REP, 3));
    ck_assert_uint_eq(view.first_damaged, 4);
    ask_for(2, id(1, 4));
    ck_assert_int_eq(seen.load, 0);
    ck_assert_ptr_null(sent(RAFT_MESSAGE_REPAIR_REP, 2));
}
END_TEST

static void setup(void)
{
    snapshots.trailing = 0;
    snapshots.threshold = 0;
}

static Suite *raft_cold_suite(void)
{
    Suite *suite = suite_create("raft_cold");
    TCase *tests = tcase_create("core");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, what_is_applied_leaves_memory);
    tcase_add_test(tests, a_silent_follower_costs_no_reads);
    tcase_add_test(tests, reads_for_a_follower_that_answers);
    tcase_add_test(tests, an_append_goes_on_from_the_window_into_memory);
    tcase_add_test(tests, sends_heartbeats_while_it_reads);
    tcase_add_test(tests, followers_share_what_was_read);
    tcase_add_test(tests, followers_take_turns);
    tcase_add_test(tests, what_was_compacted_meanwhile_is_dropped);
    tcase_add_test(tests, a_failure_to_read_what_was_compacted_meanwhile_says_nothing);
    tcase_add_test(tests, a_read_that_was_refused_is_tried_again_without_end);
    tcase_add_test(tests, a_read_that_fails_once_is_repeated_for_its_first_entry_alone);
    tcase_add_test(tests, a_leader_that_cannot_read_an_entry_makes_way);
    tcase_add_test(tests, a_lost_entry_is_not_read_for_who_has_asked_for_it);
    tcase_add_test(tests, a_lost_entry_comes_back_from_another_node);
    tcase_add_test(tests, a_lost_entry_is_not_mended_by_what_a_witness_has_of_it);
    tcase_add_test(tests, a_lost_configuration_is_rewritten_from_memory);
    tcase_add_test(tests, a_lost_configuration_stays_in_force_when_its_record_cannot_be_rewritten);
    tcase_add_test(tests, a_lost_entry_whose_record_cannot_be_rewritten_waits_for_a_snapshot);
    tcase_add_test(tests, a_new_snapshot_makes_up_for_a_lost_entry);
    tcase_add_test(tests, a_snapshot_that_is_older_than_the_lost_entry_is_followed_by_another);
    tcase_add_test(tests, a_leader_whose_snapshot_has_the_lost_entry_goes_on);
    tcase_add_test(tests, an_entry_of_another_term_in_its_place_is_not_sent);
    tcase_add_test(tests, the_window_is_given_back_when_leadership_ends);
    tcase_add_test(tests, what_comes_after_leadership_has_ended_is_given_back);
    tcase_add_test(tests, a_node_that_asks_for_a_cold_entry_gets_it);
    tcase_add_test(tests, a_cold_entry_of_another_term_is_not_read_for_anybody);
    tcase_add_test(tests, a_node_that_cannot_read_an_entry_says_nothing);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return unit_main(raft_cold_suite());
}
