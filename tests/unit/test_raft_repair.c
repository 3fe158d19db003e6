/* A node with damaged entries: what it still does, what it does not, and how it gets them back. */
#include "raft_fixture.h"

#define INTACT               0u

#define CONFIGURATION(index) (1u << (16 + (index)))

/* A follower of three with six durable entries of term 1; bit i of damaged: the one at index i is.
 */
static void create_damaged(uint32_t damaged)
{
    struct raft_options options = options_of(3);
    core_memory_init(&memory);
    raft_log_init(&log_, &memory.memory);
    ck_assert_int_eq(raft_log_reserve(&log_, 6), RAFT_OK);
    for (raft_index index = 1; index <= 6; index++) {
        struct raft_entry *entry = core_entry(&memory, 1, index, "x");
        entry->damaged = (damaged >> index & 1u) != 0;
        if ((damaged & CONFIGURATION(index)) != 0) {
            entry->kind = RAFT_ENTRY_CONFIGURATION;
        }
        raft_log_append(&log_, entry);
        raft_entry_drop(entry, RAFT_HOLDER_MESSAGE);
    }
    raft_log_stored(&log_, (struct raft_entry_id){1, 6});
    raft_log_persisted(&log_, (struct raft_entry_id){1, 6}, 0);
    now = 1000;
    ck_assert_int_eq(raft_create(&options, &memory.memory, &log_, &raft), RAFT_OK);
    raft_begin(raft, &(struct raft_hard_state){.term = 1, .vote = 0, .sequence = 1}, NULL, now);
    drain();
}

static struct raft_entry_id at(raft_index index)
{
    return (struct raft_entry_id){index == 0 ? 0 : 1, index};
}

static void receive_repair(raft_node_id from, struct raft_entry *entry)
{
    struct raft_message message = {
        .type = RAFT_MESSAGE_REPAIR_REP, .from = from, .term = 1, .id = {1, entry->id.index - 1}};
    message.entries =
        core_memory_alloc(&memory, RAFT_AT_MESSAGE_DECODE_ARRAY, sizeof message.entries[0]);
    message.entries[0] = entry;
    message.entry_count = 1;
    receive(message);
}

static void repaired(enum raft_status status)
{
    feed((struct raft_event){
        .type = RAFT_EVENT_REPAIRED, .id = seen.last_log.last, .status = status});
    drain();
}

START_TEST(is_recovering_while_an_entry_is_damaged)
{
    create_damaged(1u << 4);
    ck_assert_int_eq(view.condition, RAFT_CONDITION_RECOVERING);
    ck_assert_uint_eq(view.first_damaged, 4);
    ck_assert_uint_eq(view.durable.index, 3);
}
END_TEST

START_TEST(is_running_with_an_intact_log)
{
    create_damaged(INTACT);
    ck_assert_int_eq(view.condition, RAFT_RUNNING);
}
END_TEST

START_TEST(does_not_campaign_while_recovering)
{
    create_damaged(1u << 4);
    time_out();
    ck_assert_int_eq(view.role, RAFT_FOLLOWER);
    ck_assert_ptr_null(sent(RAFT_MESSAGE_PREVOTE_REQ, 0));
}
END_TEST

START_TEST(does_not_campaign_on_request_while_recovering)
{
    create_damaged(1u << 4);
    ck_assert_int_eq(try((struct raft_event){.type = RAFT_EVENT_CAMPAIGN}), RAFT_BUSY);
}
END_TEST

START_TEST(asks_everybody_for_a_damaged_entry_at_an_election_timeout)
{
    create_damaged(1u << 4 | 1u << 5);
    time_out();
    ck_assert_int_eq(count_sent(RAFT_MESSAGE_REPAIR_REQ, 0), 2);
    ck_assert_uint_eq(sent(RAFT_MESSAGE_REPAIR_REQ, 0)->id.index, 4);
    ck_assert_uint_eq(sent(RAFT_MESSAGE_REPAIR_REQ, 0)->id.term, 1);
}
END_TEST

START_TEST(asks_nobody_with_an_intact_log)
{
    create_damaged(INTACT);
    time_out();
    ck_assert_ptr_null(sent(RAFT_MESSAGE_REPAIR_REQ, 0));
}
END_TEST

START_TEST(asks_the_leader_that_it_hears)
{
    create_damaged(1u << 4);
    receive_append(2, 1, at(6), 0, 0);
    ck_assert_int_eq(count_sent(RAFT_MESSAGE_REPAIR_REQ, 0), 1);
    ck_assert_uint_eq(sent(RAFT_MESSAGE_REPAIR_REQ, 0)->to, 2);
}
END_TEST

START_TEST(does_not_ask_the_leader_with_every_message)
{
    create_damaged(1u << 4);
    receive_append(2, 1, at(6), 0, 0);
    receive_append(2, 1, at(6), 0, 0);
    ck_assert_ptr_null(sent(RAFT_MESSAGE_REPAIR_REQ, 0));
}
END_TEST

START_TEST(votes_by_the_log_that_it_had)
{
    create_damaged(1u << 6);
    receive(
        (struct raft_message){.type = RAFT_MESSAGE_VOTE_REQ, .from = 2, .term = 2, .id = at(5)});
    persist_state();
    ck_assert_uint_eq(sent(RAFT_MESSAGE_VOTE_REP, 0)->flags & RAFT_FLAG_SUCCESS, 0);
}
END_TEST

START_TEST(votes_for_a_log_as_long_as_its_own_was)
{
    create_damaged(1u << 6);
    receive(
        (struct raft_message){.type = RAFT_MESSAGE_VOTE_REQ, .from = 2, .term = 2, .id = at(6)});
    persist_state();
    ck_assert_uint_ne(sent(RAFT_MESSAGE_VOTE_REP, 0)->flags & RAFT_FLAG_SUCCESS, 0);
}
END_TEST

START_TEST(refuses_a_position_behind_a_damaged_entry_with_the_one_before_it)
{
    create_damaged(1u << 4);
    receive_append(2, 1, at(6), 6, 0);
    const struct raft_message *reply = sent(RAFT_MESSAGE_APPEND_REP, 0);
    ck_assert_uint_eq(reply->flags, RAFT_FLAG_DAMAGED);
    ck_assert_uint_eq(reply->hint.index, 3);
    ck_assert_uint_eq(reply->id.index, 6);
}
END_TEST

START_TEST(acknowledges_and_applies_up_to_the_first_damaged_entry)
{
    create_damaged(1u << 4);
    receive_append(2, 1, at(3), 6, 0);
    ck_assert_uint_eq(sent(RAFT_MESSAGE_APPEND_REP, 0)->id.index, 3);
    ck_assert_uint_eq(view.applied, 3);
    ck_assert_uint_eq(view.commit, 3);
}
END_TEST

START_TEST(takes_a_damaged_entry_from_the_leaders_append)
{
    create_damaged(1u << 4);
    receive_append(2, 1, at(3), 6, 3);
    ck_assert_int_eq(seen.repair, 1);
    ck_assert_uint_eq(seen.last_log.last.index, 4);
    ck_assert_uint_eq(sent(RAFT_MESSAGE_APPEND_REP, 0)->id.index, 3);
}
END_TEST

START_TEST(acknowledges_a_repaired_entry_when_its_record_is_rewritten)
{
    create_damaged(1u << 4);
    receive_append(2, 1, at(3), 6, 3);
    repaired(RAFT_OK);
    ck_assert_uint_eq(sent(RAFT_MESSAGE_APPEND_REP, 0)->id.index, 6);
    ck_assert_int_eq(view.condition, RAFT_RUNNING);
}
END_TEST

START_TEST(a_record_that_could_not_be_rewritten_is_tried_again)
{
    create_damaged(1u << 4);
    receive_append(2, 1, at(3), 6, 3);
    repaired(RAFT_BUSY);
    ck_assert_int_eq(seen.repair, 0);
    retry();
    ck_assert_int_eq(seen.repair, 1);
    ck_assert_int_eq(view.condition, RAFT_CONDITION_RECOVERING);
}
END_TEST

/* Its record cannot be rewritten, as storage finds out when the leader has another entry there. */
START_TEST(can_do_without_an_entry_that_was_cut_while_it_was_rewritten)
{
    create_damaged(1u << 4);
    receive_repair(3, core_entry(&memory, 1, 4, "x"));
    struct raft_entry_id lost = seen.last_log.last;
    ck_assert(raft_repair_is_vital(raft, lost));
    receive_append(2, 2, at(3), 3, 1);
    ck_assert(!raft_repair_is_vital(raft, lost));
    feed((struct raft_event){.type = RAFT_EVENT_REPAIRED, .id = lost, .status = RAFT_CORRUPT});
    drain();
    ck_assert_int_eq(seen.truncate, 1);
    ck_assert_int_eq(view.condition, RAFT_RUNNING);
}
END_TEST

START_TEST(takes_a_damaged_entry_from_any_member_without_a_leader)
{
    create_damaged(1u << 4);
    receive_repair(3, core_entry(&memory, 1, 4, "x"));
    ck_assert_int_eq(seen.repair, 1);
    repaired(RAFT_OK);
    ck_assert_int_eq(view.condition, RAFT_RUNNING);
    ck_assert_uint_eq(view.durable.index, 6);
}
END_TEST

START_TEST(asks_for_the_next_damaged_entry_as_soon_as_one_has_come)
{
    create_damaged(1u << 2 | 1u << 5);
    receive_repair(3, core_entry(&memory, 1, 2, "x"));
    ck_assert_int_eq(count_sent(RAFT_MESSAGE_REPAIR_REQ, 0), 2);
    ck_assert_uint_eq(sent(RAFT_MESSAGE_REPAIR_REQ, 0)->id.index, 5);
}
END_TEST

START_TEST(ignores_an_entry_that_is_not_damaged_here)
{
    create_damaged(1u << 4);
    receive_repair(3, core_entry(&memory, 1, 5, "y"));
    ck_assert_int_eq(seen.repair, 0);
    ck_assert_int_eq(raft_log_peek(&log_, 5)->payload[0], 'x');
}
END_TEST

START_TEST(ignores_an_entry_of_another_term)
{
    create_damaged(1u << 4);
    receive_repair(3, core_entry(&memory, 2, 4, "x"));
    ck_assert_int_eq(seen.repair, 0);
    ck_assert_uint_eq(view.first_damaged, 4);
}
END_TEST

START_TEST(answers_with_an_entry_that_it_has)
{
    create_damaged(INTACT);
    receive(
        (struct raft_message){.type = RAFT_MESSAGE_REPAIR_REQ, .from = 2, .term = 1, .id = at(4)});
    const struct raft_message *reply = sent(RAFT_MESSAGE_REPAIR_REP, 0);
    ck_assert_ptr_nonnull(reply);
    ck_assert_uint_eq(reply->to, 2);
    ck_assert_uint_eq(reply->id.index, 3);
    ck_assert_uint_eq(reply->entry_count, 1);
}
END_TEST

START_TEST(does_not_answer_with_a_damaged_entry)
{
    create_damaged(1u << 4);
    receive(
        (struct raft_message){.type = RAFT_MESSAGE_REPAIR_REQ, .from = 2, .term = 1, .id = at(4)});
    ck_assert_int_eq(seen.sent_count, 0);
}
END_TEST

START_TEST(does_not_answer_for_an_entry_of_another_term)
{
    create_damaged(INTACT);
    receive(
        (struct raft_message){.type = RAFT_MESSAGE_REPAIR_REQ, .from = 2, .term = 2, .id = {2, 4}});
    ck_assert_int_eq(seen.sent_count, 0);
}
END_TEST

START_TEST(a_question_of_a_later_term_ends_no_term)
{
    create_damaged(INTACT);
    receive(
        (struct raft_message){.type = RAFT_MESSAGE_REPAIR_REQ, .from = 2, .term = 9, .id = at(4)});
    ck_assert_uint_eq(view.state.term, 1);
    ck_assert_ptr_nonnull(sent(RAFT_MESSAGE_REPAIR_REP, 0));
}
END_TEST

START_TEST(an_answer_without_memory_stays_due)
{
    create_damaged(INTACT);
    struct raft_message message = {
        .type = RAFT_MESSAGE_REPAIR_REQ, .from = 2, .to = 1, .term = 1, .id = at(4)};
    feed((struct raft_event){.type = RAFT_EVENT_MESSAGE, .message = &message});
    memory.fail_at = memory.allocations + 1;
    struct raft_effect effect;
    struct raft_event ready = {.type = RAFT_EVENT_READY, .now_ns = now};
    ck_assert_int_eq(raft_step(raft, &ready, &effect), RAFT_NOMEM);
    drain();
    ck_assert_ptr_nonnull(sent(RAFT_MESSAGE_REPAIR_REP, 0));
}
END_TEST

START_TEST(a_leaders_other_entry_takes_the_place_of_a_damaged_one)
{
    create_damaged(1u << 6);
    receive_append(2, 2, at(5), 0, 1);
    persist_state();
    ck_assert_int_eq(view.condition, RAFT_RUNNING);
    ck_assert_uint_eq(view.last.term, 2);
}
END_TEST

START_TEST(campaigns_again_when_its_log_is_whole)
{
    create_damaged(1u << 4);
    receive_repair(3, core_entry(&memory, 1, 4, "x"));
    repaired(RAFT_OK);
    time_out();
    ck_assert_int_eq(view.role, RAFT_PRECANDIDATE);
}
END_TEST

START_TEST(refuses_nothing_for_an_entry_whose_record_is_being_rewritten)
{
    create_damaged(1u << 4);
    receive_append(2, 1, at(3), 6, 3);
    receive_append(2, 1, at(6), 6, 0);
    const struct raft_message *reply = sent(RAFT_MESSAGE_APPEND_REP, 0);
    ck_assert_uint_eq(reply->flags, RAFT_FLAG_SUCCESS);
    ck_assert_uint_eq(reply->id.index, 3);
}
END_TEST

START_TEST(a_snapshot_brings_the_configuration_of_a_damaged_entry_into_force)
{
    create_damaged(1u << 4 | CONFIGURATION(4));
    ck_assert_uint_eq(view.configuration.count, 3);
    receive((struct raft_message){
        .type = RAFT_MESSAGE_INSTALL_REQ,
        .from = 2,
        .term = 1,
        .id = at(5),
        .total = 10,
        .size = 10,
        .bytes = core_memory_alloc(&memory, RAFT_AT_MESSAGE_DECODE_PIECE, 10),
    });
    struct raft_event received = {.type = RAFT_EVENT_SNAPSHOT_RECEIVED, .offset = 10};
    received.snapshot = (struct raft_snapshot){.id = at(5), .size = 10, .configuration_index = 4};
    received.snapshot.configuration.count = 4;
    for (uint32_t i = 0; i < 4; i++) {
        received.snapshot.configuration.members[i] =
            (struct raft_member){i + 1, RAFT_MEMBER_VOTER, 0};
    }
    feed(received);
    drain();
    feed((struct raft_event){.type = RAFT_EVENT_RESTORED});
    drain();
    ck_assert_uint_eq(view.base.index, 5);
    ck_assert_uint_eq(view.last.index, 6);
    ck_assert_uint_eq(view.configuration_index, 4);
    ck_assert_uint_eq(view.configuration.count, 4);
}
END_TEST

static Suite *repair_suite(void)
{
    Suite *suite = suite_create("raft_repair");
    TCase *tests = tcase_create("repair");
    tcase_add_checked_fixture(tests, NULL, teardown);
    tcase_add_test(tests, is_recovering_while_an_entry_is_damaged);
    tcase_add_test(tests, is_running_with_an_intact_log);
    tcase_add_test(tests, does_not_campaign_while_recovering);
    tcase_add_test(tests, does_not_campaign_on_request_while_recovering);
    tcase_add_test(tests, asks_everybody_for_a_damaged_entry_at_an_election_timeout);
    tcase_add_test(tests, asks_nobody_with_an_intact_log);
    tcase_add_test(tests, asks_the_leader_that_it_hears);
    tcase_add_test(tests, does_not_ask_the_leader_with_every_message);
    tcase_add_test(tests, votes_by_the_log_that_it_had);
    tcase_add_test(tests, votes_for_a_log_as_long_as_its_own_was);
    tcase_add_test(tests, refuses_a_position_behind_a_damaged_entry_with_the_one_before_it);
    tcase_add_test(tests, acknowledges_and_applies_up_to_the_first_damaged_entry);
    tcase_add_test(tests, takes_a_damaged_entry_from_the_leaders_append);
    tcase_add_test(tests, acknowledges_a_repaired_entry_when_its_record_is_rewritten);
    tcase_add_test(tests, a_record_that_could_not_be_rewritten_is_tried_again);
    tcase_add_test(tests, can_do_without_an_entry_that_was_cut_while_it_was_rewritten);
    tcase_add_test(tests, takes_a_damaged_entry_from_any_member_without_a_leader);
    tcase_add_test(tests, asks_for_the_next_damaged_entry_as_soon_as_one_has_come);
    tcase_add_test(tests, ignores_an_entry_that_is_not_damaged_here);
    tcase_add_test(tests, ignores_an_entry_of_another_term);
    tcase_add_test(tests, answers_with_an_entry_that_it_has);
    tcase_add_test(tests, does_not_answer_with_a_damaged_entry);
    tcase_add_test(tests, does_not_answer_for_an_entry_of_another_term);
    tcase_add_test(tests, a_question_of_a_later_term_ends_no_term);
    tcase_add_test(tests, an_answer_without_memory_stays_due);
    tcase_add_test(tests, a_leaders_other_entry_takes_the_place_of_a_damaged_one);
    tcase_add_test(tests, campaigns_again_when_its_log_is_whole);
    tcase_add_test(tests, refuses_nothing_for_an_entry_whose_record_is_being_rewritten);
    tcase_add_test(tests, a_snapshot_brings_the_configuration_of_a_damaged_entry_into_force);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return unit_main(repair_suite());
}
