/* A node whose store has lost promises, entries or its state machine's state: what it still does,
 * what others count it for, and how it gets over that. */
#include "raft_fixture.h"

#define INSTALLED 10u         /* bytes of a snapshot */
#define CATCH_UP  5000000000u /* ns, the default bound of catching up */

/* A follower of three, in term 1, with losses and with the durable entries (base, last] of term 1.
 */
static void create_with(uint32_t losses, raft_index base, raft_index last)
{
    struct raft_options options = options_of(3);
    options.snapshot_threshold = 0;
    core_memory_init(&memory);
    raft_log_init(&log_, &memory.memory);
    if (base > 0) {
        raft_log_begin(&log_, id(1, base));
    }
    ck_assert_int_eq(raft_log_reserve(&log_, last - base), RAFT_OK);
    for (raft_index index = base + 1; index <= last; index++) {
        struct raft_entry *entry = core_entry(&memory, 1, index, "x");
        raft_log_append(&log_, entry);
        raft_entry_drop(entry, RAFT_HOLDER_MESSAGE);
    }
    if (last > 0) {
        raft_log_stored(&log_, id(1, last));
        raft_log_persisted(&log_, id(1, last), 0);
    }
    now = 1000;
    ck_assert_int_eq(raft_create(&options, &memory.memory, &log_, &raft), RAFT_OK);
    raft_begin(raft,
               &(struct raft_hard_state){.term = 1, .vote = 0, .losses = losses, .sequence = 1},
               NULL, now);
    drain();
}

static uint32_t flags_of(enum raft_message_type type)
{
    const struct raft_message *message = sent(type, 0);
    ck_assert_ptr_nonnull(message);
    return message->flags;
}

/* What a campaign with the best log of all comes to here, in term 2. */
static bool gets_vote(enum raft_message_type question, enum raft_message_type answer)
{
    now += T_MAX;
    receive((struct raft_message){.type = question, .from = 2, .term = 2, .id = {1, 100}});
    if (seen.persist_state > 0) {
        persist_state();
    }
    return (flags_of(answer) & RAFT_FLAG_SUCCESS) != 0;
}

static void assert_no_vote(void)
{
    ck_assert(!gets_vote(RAFT_MESSAGE_PREVOTE_REQ, RAFT_MESSAGE_PREVOTE_REP));
    ck_assert(!gets_vote(RAFT_MESSAGE_VOTE_REQ, RAFT_MESSAGE_VOTE_REP));
}

static void assert_no_campaign(void)
{
    time_out();
    ck_assert_int_eq(view.role, RAFT_FOLLOWER);
    ck_assert_ptr_null(sent(RAFT_MESSAGE_PREVOTE_REQ, 0));
    ck_assert_int_eq(try((struct raft_event){.type = RAFT_EVENT_CAMPAIGN}), RAFT_BUSY);
    receive((struct raft_message){.type = RAFT_MESSAGE_TIMEOUT_NOW, .from = 2, .term = 1});
    ck_assert_int_eq(view.role, RAFT_FOLLOWER);
    ck_assert_uint_eq(view.state.term, 1);
}

static enum raft_status recover_by_hand(void)
{
    const struct raft_configuration alone = {.count = 1, .members = {{1, RAFT_MEMBER_VOTER, 0}}};
    return try((struct raft_event){.type = RAFT_EVENT_RECOVER, .configuration = &alone});
}

static void answer_append(raft_node_id from, uint32_t flags, raft_index index,
                          struct raft_entry_id hint)
{
    receive((struct raft_message){
        .type = RAFT_MESSAGE_APPEND_REP,
        .from = from,
        .term = 1,
        .flags = flags,
        .id = id(index > 0, index),
        .hint = hint,
        .round = 100,
    });
}

/* Two election timeouts pass, in each of which one follower of two answers. */
static void only_n2_answers(uint32_t flag, raft_index index, struct raft_entry_id hint)
{
    for (int i = 0; i < 2; i++) {
        answer_append(2, RAFT_FLAG_SUCCESS | flag, index, hint);
        fire(RAFT_TIMER_ELECTION, T_MIN);
    }
}

/* Leads in term 1 with durable entries up to an index. */
static void lead_with(raft_index last)
{
    lead();
    persist_entries();
    while (view.last.index < last) {
        ck_assert_int_eq(propose(), RAFT_OK);
        persist_entries();
    }
    ck_assert_uint_eq(view.durable.index, last);
}

/* ---- lost promises ---- */

START_TEST(a_node_without_its_promises_is_in_quarantine)
{
    create_with(RAFT_LOSS_PROMISES, 0, 3);
    ck_assert_int_eq(view.condition, RAFT_CONDITION_QUARANTINED);
}
END_TEST

START_TEST(quarantine_gives_no_vote)
{
    create_with(RAFT_LOSS_PROMISES, 0, 3);
    assert_no_vote();
}
END_TEST

START_TEST(quarantine_does_not_campaign)
{
    create_with(RAFT_LOSS_PROMISES, 0, 3);
    receive_append(2, 1, id(1, 3), 0, 0); /* a leader whom it would obey */
    assert_no_campaign();
}
END_TEST

START_TEST(quarantine_is_not_ended_by_hand)
{
    create_with(RAFT_LOSS_PROMISES, 0, 3);
    ck_assert_int_eq(recover_by_hand(), RAFT_INVALID);
}
END_TEST

START_TEST(quarantine_takes_entries_and_applies_them_and_says_that_it_does_not_count)
{
    create_with(RAFT_LOSS_PROMISES, 0, 3);
    receive_append(2, 1, id(1, 3), 4, 1);
    persist_entries();
    ck_assert_uint_eq(flags_of(RAFT_MESSAGE_APPEND_REP), RAFT_FLAG_SUCCESS | RAFT_FLAG_UNCOUNTED);
    ck_assert_uint_eq(view.applied, 4);
}
END_TEST

START_TEST(quarantine_says_so_when_it_refuses_an_append_too)
{
    create_with(RAFT_LOSS_PROMISES, 0, 3);
    receive_append(2, 1, id(1, 7), 0, 0);
    ck_assert_uint_eq(flags_of(RAFT_MESSAGE_APPEND_REP), RAFT_FLAG_UNCOUNTED);
}
END_TEST

START_TEST(quarantine_says_so_about_a_snapshot_too)
{
    create_with(RAFT_LOSS_PROMISES, 0, 3);
    receive((struct raft_message){
        .type = RAFT_MESSAGE_INSTALL_REQ,
        .from = 2,
        .term = 1,
        .id = id(1, 9),
        .total = INSTALLED,
        .offset = 5,
        .bytes = core_memory_alloc(&memory, RAFT_AT_MESSAGE_DECODE_PIECE, 5),
        .size = 5,
    });
    ck_assert_uint_eq(flags_of(RAFT_MESSAGE_INSTALL_REP), RAFT_FLAG_SUCCESS | RAFT_FLAG_UNCOUNTED);
}
END_TEST

START_TEST(quarantine_lasts_through_a_later_term)
{
    create_with(RAFT_LOSS_PROMISES, 0, 3);
    receive_append(2, 3, id(1, 3), 0, 0);
    ck_assert_uint_eq(seen.last_state.losses, RAFT_LOSS_PROMISES);
    persist_state();
    ck_assert_int_eq(view.condition, RAFT_CONDITION_QUARANTINED);
}
END_TEST

START_TEST(a_leader_commits_nothing_by_a_node_in_quarantine_but_sends_it_the_log)
{
    lead_with(2);
    answer_append(2, RAFT_FLAG_SUCCESS | RAFT_FLAG_UNCOUNTED, 2, id(0, 0));
    ck_assert_uint_eq(progress_of(2).match, 2);
    ck_assert_int_eq(progress_of(2).state, RAFT_REPLICATE);
    ck_assert_uint_eq(view.commit, 0);
    answer_append(3, RAFT_FLAG_SUCCESS, 1, id(0, 0));
    ck_assert_uint_eq(view.commit, 1);
}
END_TEST

START_TEST(a_late_answer_from_before_the_loss_makes_nobody_count)
{
    lead_with(2);
    answer_append(2, RAFT_FLAG_SUCCESS | RAFT_FLAG_UNCOUNTED, 2, id(0, 0));
    answer_append(2, RAFT_FLAG_SUCCESS, 1, id(0, 0));
    ck_assert_uint_eq(view.commit, 0);
}
END_TEST

START_TEST(a_leader_confirms_no_read_by_a_node_in_quarantine)
{
    lead_with(1);
    answer_append(3, RAFT_FLAG_SUCCESS, 1, id(0, 0));
    feed((struct raft_event){.type = RAFT_EVENT_READ});
    drain();
    uint64_t round = view.read_round;
    const struct raft_message answer = {.type = RAFT_MESSAGE_APPEND_REP,
                                        .term = 1,
                                        .flags = RAFT_FLAG_SUCCESS,
                                        .id = id(1, 1),
                                        .round = round};
    struct raft_message uncounted = answer;
    uncounted.from = 2;
    uncounted.flags |= RAFT_FLAG_UNCOUNTED;
    receive(uncounted);
    ck_assert_uint_lt(seen.reads, round);
    struct raft_message counted = answer;
    counted.from = 3;
    receive(counted);
    ck_assert_uint_eq(seen.reads, round);
}
END_TEST

START_TEST(a_leader_that_hears_only_nodes_in_quarantine_steps_down)
{
    lead_with(1);
    only_n2_answers(RAFT_FLAG_UNCOUNTED, 1, id(0, 0));
    ck_assert_int_eq(view.role, RAFT_FOLLOWER);
}
END_TEST

START_TEST(no_leadership_is_transferred_to_a_node_in_quarantine)
{
    lead_with(2);
    answer_append(2, RAFT_FLAG_SUCCESS | RAFT_FLAG_UNCOUNTED, 2, id(0, 0));
    ck_assert_int_eq(transfer(2), RAFT_INVALID);
    ck_assert_uint_eq(view.transfer_target, RAFT_NODE_NONE);
}
END_TEST

START_TEST(a_node_in_quarantine_does_not_become_a_voter)
{
    struct raft_configuration with_another = {.count = 4};
    for (uint32_t i = 0; i < 4; i++) {
        with_another.members[i] = (struct raft_member){i + 1, RAFT_MEMBER_VOTER, 0};
    }
    lead_with(1);
    answer_append(3, RAFT_FLAG_SUCCESS, 1, id(0, 0));
    feed((struct raft_event){.type = RAFT_EVENT_CHANGE, .configuration = &with_another});
    drain();
    answer_append(4, RAFT_FLAG_SUCCESS | RAFT_FLAG_UNCOUNTED, 1, id(0, 0));
    ck_assert_uint_eq(progress_of(4).match, 1);
    ck_assert_int_eq(view.change, RAFT_CHANGE_CATCHING_UP);
    now += CATCH_UP;
    heartbeat();
    ck_assert_int_eq(view.change, RAFT_CHANGE_NONE);
    ck_assert_int_eq(seen.last_changed.status, RAFT_BUSY);
    ck_assert_uint_eq(view.configuration.count, 3);
}
END_TEST

static enum raft_status change_to(raft_node_id one, raft_node_id other)
{
    const struct raft_configuration two = {
        .count = 2, .members = {{one, RAFT_MEMBER_VOTER, 0}, {other, RAFT_MEMBER_VOTER, 0}}};
    return try((struct raft_event){.type = RAFT_EVENT_CHANGE, .configuration = &two});
}

START_TEST(no_majority_of_voters_is_left_in_quarantine)
{
    lead_with(1);
    answer_append(3, RAFT_FLAG_SUCCESS, 1, id(0, 0));
    answer_append(2, RAFT_FLAG_SUCCESS | RAFT_FLAG_UNCOUNTED, 1, id(0, 0));
    ck_assert_int_eq(change_to(1, 2), RAFT_INVALID);
    ck_assert_int_eq(change_to(1, 3), RAFT_OK);
}
END_TEST

/* ---- lost entries ---- */

/* The question that the node asks a leader of a term when it hears it. */
static uint64_t question_to(raft_node_id leader, raft_term term)
{
    now += 50;
    receive_append(leader, term, id(0, 0), 0, 0);
    if (seen.persist_state > 0) {
        persist_state();
    }
    const struct raft_message *question = sent(RAFT_MESSAGE_REPAIR_REQ, 0);
    ck_assert_ptr_nonnull(question);
    ck_assert_uint_eq(question->to, leader);
    ck_assert_uint_eq(question->id.index, 0);
    return question->round;
}

static void receive_answer(raft_node_id from, raft_term term, raft_index last, uint64_t number)
{
    receive((struct raft_message){.type = RAFT_MESSAGE_REPAIR_REP,
                                  .from = from,
                                  .term = term,
                                  .id = id(1, last),
                                  .round = number});
}

START_TEST(a_node_that_lost_entries_neither_votes_nor_campaigns)
{
    create_with(RAFT_LOSS_ENTRIES, 0, 3);
    ck_assert_int_eq(view.condition, RAFT_CONDITION_RECOVERING);
    receive_append(2, 1, id(1, 3), 0, 0);
    assert_no_campaign();
    assert_no_vote();
    ck_assert_int_eq(recover_by_hand(), RAFT_INVALID);
}
END_TEST

START_TEST(its_acknowledgements_count)
{
    create_with(RAFT_LOSS_ENTRIES, 0, 3);
    receive_append(2, 1, id(1, 3), 0, 0);
    ck_assert_uint_eq(flags_of(RAFT_MESSAGE_APPEND_REP), RAFT_FLAG_SUCCESS | RAFT_FLAG_LOST);
}
END_TEST

START_TEST(is_over_a_loss_when_its_durable_log_reaches_as_far_as_the_leader_said)
{
    create_with(RAFT_LOSS_ENTRIES, 0, 3);
    receive_answer(2, 1, 5, question_to(2, 1));
    ck_assert_uint_eq(view.state.losses, RAFT_LOSS_ENTRIES);
    receive_append(2, 1, id(1, 3), 0, 2);
    ck_assert_uint_eq(view.state.losses, RAFT_LOSS_ENTRIES); /* in memory is not enough */
    persist_entries();
    ck_assert_int_eq(seen.persist_state, 1);
    ck_assert_uint_eq(seen.last_state.losses, 0);
    ck_assert_uint_eq(seen.last_state.term, 1);
    persist_state();
    ck_assert_int_eq(view.condition, RAFT_RUNNING);
    ck_assert(gets_vote(RAFT_MESSAGE_VOTE_REQ, RAFT_MESSAGE_VOTE_REP));
}
END_TEST

START_TEST(says_nothing_before_the_end_of_its_loss_is_durable)
{
    create_with(RAFT_LOSS_ENTRIES, 0, 3);
    uint64_t number = question_to(2, 1);
    receive_append(2, 1, id(1, 3), 0, 0);
    receive_answer(2, 1, 3, number);
    ck_assert_int_eq(seen.persist_state, 1);
    receive((struct raft_message){
        .type = RAFT_MESSAGE_PREVOTE_REQ, .from = 2, .term = 2, .id = {1, 100}});
    ck_assert_int_eq(seen.sent_count, 0);
}
END_TEST

START_TEST(does_not_take_its_own_longer_log_for_the_leaders)
{
    create_with(RAFT_LOSS_ENTRIES, 0, 6);
    receive_answer(2, 1, 5, question_to(2, 1));
    ck_assert_uint_eq(view.state.losses, RAFT_LOSS_ENTRIES);
    receive_append(2, 1, id(1, 5), 0, 0);
    ck_assert_uint_eq(view.state.losses, 0);
}
END_TEST

START_TEST(takes_no_answer_to_an_earlier_start)
{
    create_with(RAFT_LOSS_ENTRIES, 0, 3);
    uint64_t number = question_to(2, 1);
    receive_append(2, 1, id(1, 3), 0, 0);
    receive_answer(2, 1, 3, number + 1);
    ck_assert_uint_eq(view.state.losses, RAFT_LOSS_ENTRIES);
}
END_TEST

START_TEST(takes_no_answer_of_who_does_not_lead_it)
{
    create_with(RAFT_LOSS_ENTRIES, 0, 3);
    uint64_t number = question_to(2, 1);
    receive_append(2, 1, id(1, 3), 0, 0);
    receive_answer(3, 1, 3, number);
    ck_assert_uint_eq(view.state.losses, RAFT_LOSS_ENTRIES);
}
END_TEST

START_TEST(asks_the_leader_of_a_later_term_again)
{
    create_with(RAFT_LOSS_ENTRIES, 0, 3);
    uint64_t number = question_to(2, 1);
    receive_answer(2, 1, 5, number);
    now += 50;
    receive_append(2, 1, id(0, 0), 0, 0);
    ck_assert_ptr_null(sent(RAFT_MESSAGE_REPAIR_REQ, 0)); /* it has its answer */
    ck_assert_uint_eq(question_to(3, 2), number);
    receive_append(3, 2, id(1, 3), 0, 2);
    persist_entries();
    ck_assert_uint_eq(view.state.losses, RAFT_LOSS_ENTRIES); /* 5 was the other leader's word */
    receive_answer(2, 1, 5, number);
    ck_assert_uint_eq(view.state.losses, RAFT_LOSS_ENTRIES);
    receive_answer(3, 2, 5, number);
    ck_assert_uint_eq(view.state.losses, 0);
}
END_TEST

START_TEST(asks_with_another_number_at_another_start)
{
    create_with(RAFT_LOSS_ENTRIES, 0, 3);
    uint64_t number = question_to(2, 1);
    struct raft *first = raft;
    struct raft_options options;
    raft_options_init(&options);
    options.id = 1;
    options.voter_count = 1;
    options.voters[0] = 1;
    options.seed = 43;
    options.heartbeat_ns = 50;
    ck_assert_int_eq(raft_create(&options, &memory.memory, &log_, &raft), RAFT_OK);
    raft_begin(raft,
               &(struct raft_hard_state){.term = 1, .losses = RAFT_LOSS_ENTRIES, .sequence = 1},
               NULL, now);
    drain();
    ck_assert_uint_ne(question_to(2, 1), number);
    raft_destroy(first);
}
END_TEST

START_TEST(a_loss_of_both_ends_for_the_entries_alone)
{
    create_with(RAFT_LOSS_ENTRIES | RAFT_LOSS_PROMISES, 0, 3);
    uint64_t number = question_to(2, 1);
    receive_append(2, 1, id(1, 3), 0, 0);
    receive_answer(2, 1, 3, number);
    ck_assert_uint_eq(seen.last_state.losses, RAFT_LOSS_PROMISES);
    persist_state();
    ck_assert_int_eq(view.condition, RAFT_CONDITION_QUARANTINED);
}
END_TEST

static void ask_how_far(raft_node_id from, uint64_t number)
{
    receive((struct raft_message){
        .type = RAFT_MESSAGE_REPAIR_REQ, .from = from, .term = 1, .round = number});
}

START_TEST(a_leader_answers_with_its_last_index_and_forgets_what_was_acknowledged)
{
    lead_with(3);
    answer_append(2, RAFT_FLAG_SUCCESS, 3, id(0, 0));
    ask_how_far(2, 77);
    const struct raft_message *answer = sent(RAFT_MESSAGE_REPAIR_REP, 0);
    ck_assert_ptr_nonnull(answer);
    ck_assert_uint_eq(answer->to, 2);
    ck_assert_uint_eq(answer->id.index, 3);
    ck_assert_uint_eq(answer->round, 77);
    ck_assert_uint_eq(answer->entry_count, 0);
    ck_assert_uint_eq(progress_of(2).match, 0);
}
END_TEST

START_TEST(only_a_leader_answers_how_far_its_log_reaches)
{
    create_with(0, 0, 3);
    ask_how_far(2, 77);
    ck_assert_ptr_null(sent(RAFT_MESSAGE_REPAIR_REP, 0));
}
END_TEST

START_TEST(a_leader_goes_back_for_what_was_acknowledged_and_is_lost)
{
    lead_with(5);
    answer_append(2, RAFT_FLAG_SUCCESS, 5, id(0, 0));
    ask_how_far(2, 77);
    answer_append(2, RAFT_FLAG_SUCCESS, 5, id(0, 0)); /* from before the loss, and late */
    ck_assert_uint_eq(progress_of(2).match, 5);
    answer_append(2, RAFT_FLAG_LOST, 5, id(1, 2));
    ck_assert_uint_eq(progress_of(2).match, 0);
    ck_assert_uint_eq(progress_of(2).next, 3);
    const struct raft_message *append = sent(RAFT_MESSAGE_APPEND_REQ, 0);
    ck_assert_ptr_nonnull(append);
    ck_assert_uint_eq(append->id.index, 2);
    ck_assert_uint_eq(append->entry_count, 3);
}
END_TEST

/* ---- a blank state machine ---- */

START_TEST(a_log_behind_a_snapshot_that_is_gone_leaves_the_state_machine_blank)
{
    create_with(0, 5, 8);
    ck_assert_int_eq(view.condition, RAFT_CONDITION_RECOVERING);
    ck_assert(view.is_blank);
    ck_assert_uint_eq(view.applied, 0);
    ck_assert_uint_eq(view.commit, 5);
}
END_TEST

START_TEST(a_blank_one_votes_by_its_log)
{
    create_with(0, 5, 8);
    now += T_MAX;
    receive(
        (struct raft_message){.type = RAFT_MESSAGE_VOTE_REQ, .from = 3, .term = 2, .id = {1, 7}});
    persist_state();
    ck_assert_uint_eq(flags_of(RAFT_MESSAGE_VOTE_REP), 0);
    receive(
        (struct raft_message){.type = RAFT_MESSAGE_VOTE_REQ, .from = 2, .term = 2, .id = {1, 8}});
    persist_state();
    ck_assert_uint_eq(flags_of(RAFT_MESSAGE_VOTE_REP), RAFT_FLAG_SUCCESS);
}
END_TEST

START_TEST(a_blank_one_does_not_campaign)
{
    create_with(0, 5, 8);
    receive_append(2, 1, id(1, 8), 0, 0);
    assert_no_campaign();
    ck_assert_int_eq(recover_by_hand(), RAFT_INVALID);
}
END_TEST

START_TEST(a_blank_one_acknowledges_entries_with_its_base_and_applies_nothing)
{
    create_with(0, 5, 8);
    receive_append(2, 1, id(1, 8), 9, 1);
    persist_entries();
    const struct raft_message *answer = sent(RAFT_MESSAGE_APPEND_REP, 0);
    ck_assert_ptr_nonnull(answer);
    ck_assert_uint_eq(answer->flags, RAFT_FLAG_SUCCESS | RAFT_FLAG_BLANK);
    ck_assert_uint_eq(answer->id.index, 9);
    ck_assert_uint_eq(answer->hint.index, 5);
    ck_assert_uint_eq(view.commit, 9);
    ck_assert_int_eq(seen.apply, 0);
    ck_assert_uint_eq(view.applied, 0);
}
END_TEST

START_TEST(a_blank_one_takes_no_snapshot)
{
    create_with(0, 5, 8);
    receive_append(2, 1, id(1, 8), 8, 0);
    feed((struct raft_event){.type = RAFT_EVENT_SNAPSHOT});
    drain();
    ck_assert_int_eq(seen.save, 0);
}
END_TEST

/* The whole of a snapshot comes in one piece. */
static void receive_snapshot(struct raft_entry_id of)
{
    receive((struct raft_message){
        .type = RAFT_MESSAGE_INSTALL_REQ,
        .from = 2,
        .term = 1,
        .id = of,
        .total = INSTALLED,
        .bytes = core_memory_alloc(&memory, RAFT_AT_MESSAGE_DECODE_PIECE, INSTALLED),
        .size = INSTALLED,
    });
}

static void published(struct raft_entry_id of, raft_index configuration_index, uint32_t members)
{
    struct raft_snapshot snapshot = {
        .id = of, .size = INSTALLED, .configuration_index = configuration_index};
    snapshot.configuration.count = members;
    for (uint32_t i = 0; i < members; i++) {
        snapshot.configuration.members[i] = (struct raft_member){i + 1, RAFT_MEMBER_VOTER, 0};
    }
    feed((struct raft_event){
        .type = RAFT_EVENT_SNAPSHOT_RECEIVED, .offset = INSTALLED, .snapshot = snapshot});
    drain();
}

START_TEST(a_blank_one_takes_a_snapshot_within_its_log_and_keeps_the_log)
{
    create_with(0, 5, 8);
    receive_append(2, 1, id(1, 8), 8, 0);
    receive_snapshot(id(1, 6));
    ck_assert_int_eq(seen.receive, 1);
    published(id(1, 6), 3, 4);
    ck_assert_int_eq(seen.restore, 1);
    feed((struct raft_event){.type = RAFT_EVENT_RESTORED});
    drain();
    ck_assert_int_eq(seen.reset, 0);
    ck_assert(!view.is_blank);
    ck_assert_int_eq(view.condition, RAFT_RUNNING);
    ck_assert_int_eq(seen.apply, 1);
    ck_assert_uint_eq(view.applied, 8);
    ck_assert_uint_eq(view.last.index, 8);
    ck_assert_uint_eq(view.configuration.count, 4);
    ck_assert_uint_eq(view.configuration_index, 3);
    ck_assert_uint_eq(flags_of(RAFT_MESSAGE_INSTALL_REP), RAFT_FLAG_SUCCESS);
}
END_TEST

START_TEST(a_blank_one_takes_a_snapshot_behind_its_log)
{
    create_with(0, 5, 8);
    receive_append(2, 1, id(1, 8), 8, 0);
    receive_snapshot(id(1, 12));
    published(id(1, 12), 3, 4);
    feed((struct raft_event){.type = RAFT_EVENT_RESTORED});
    drain();
    ck_assert_int_eq(seen.reset, 1);
    ck_assert(!view.is_blank);
    ck_assert_uint_eq(view.applied, 12);
    ck_assert_uint_eq(view.configuration.count, 4);
}
END_TEST

START_TEST(a_blank_one_takes_what_follows_its_base_from_a_message_that_begins_before_it)
{
    create_with(0, 5, 8);
    receive_append(2, 1, id(1, 3), 0, 6);
    persist_entries();
    expect_same_id(sent(RAFT_MESSAGE_APPEND_REP, 2)->id, id(1, 9));
}
END_TEST

START_TEST(a_blank_one_takes_no_snapshot_that_ends_before_its_base)
{
    create_with(0, 5, 8);
    receive_append(2, 1, id(1, 8), 8, 0);
    receive_snapshot(id(1, 4));
    ck_assert_int_eq(seen.receive, 0);
    ck_assert_uint_eq(flags_of(RAFT_MESSAGE_INSTALL_REP), RAFT_FLAG_BUSY);
}
END_TEST

/* Leads in term 1 with entries up to an index, all of them committed and applied. */
static void lead_committed(raft_index last)
{
    lead_with(last);
    answer_append(3, RAFT_FLAG_SUCCESS, last, id(0, 0));
    ck_assert_uint_eq(view.applied, last);
}

static void saved(raft_index index)
{
    struct raft_snapshot snapshot = seen.last_snapshot.snapshot;
    ck_assert_uint_eq(snapshot.id.index, index);
    snapshot.size = INSTALLED;
    persist_snapshot(snapshot);
}

START_TEST(a_leader_takes_a_snapshot_for_a_blank_follower_and_sends_it)
{
    lead_committed(4);
    answer_append(2, RAFT_FLAG_SUCCESS | RAFT_FLAG_BLANK, 4, id(1, 3));
    ck_assert_int_eq(seen.save, 1);
    saved(4);
    ck_assert_int_eq(progress_of(2).state, RAFT_REPLICATE); /* until it says so again */
    answer_append(2, RAFT_FLAG_SUCCESS | RAFT_FLAG_BLANK, 4, id(1, 3));
    ck_assert_int_eq(progress_of(2).state, RAFT_INSTALL);
    ck_assert_int_eq(seen.fetch, 1);
    answer_append(2, RAFT_FLAG_SUCCESS | RAFT_FLAG_BLANK, 4, id(1, 3));
    ck_assert_int_eq(progress_of(2).state, RAFT_INSTALL); /* a heartbeat's answer ends nothing */
    receive((struct raft_message){.type = RAFT_MESSAGE_INSTALL_REP,
                                  .from = 2,
                                  .term = 1,
                                  .flags = RAFT_FLAG_SUCCESS,
                                  .id = id(1, 4),
                                  .offset = INSTALLED,
                                  .total = INSTALLED});
    ck_assert_int_eq(progress_of(2).state, RAFT_PROBE);
    ck_assert_int_eq(seen.save, 0);
}
END_TEST

START_TEST(a_leader_sends_any_snapshot_that_reaches_a_blank_followers_base)
{
    lead_committed(4);
    feed((struct raft_event){.type = RAFT_EVENT_SNAPSHOT});
    drain();
    saved(4);
    answer_append(2, RAFT_FLAG_SUCCESS | RAFT_FLAG_BLANK, 4, id(1, 2));
    ck_assert_int_eq(seen.save, 0);
    ck_assert_int_eq(progress_of(2).state, RAFT_INSTALL);
}
END_TEST

START_TEST(a_leader_sends_entries_until_it_can_take_the_snapshot)
{
    lead_with(4);
    answer_append(2, RAFT_FLAG_SUCCESS | RAFT_FLAG_BLANK, 3, id(1, 3));
    ck_assert_uint_eq(view.commit, 3); /* a blank one's acknowledgement counts */
    ck_assert_int_eq(seen.save, 1);    /* and makes the snapshot possible */
    ck_assert_int_eq(progress_of(2).state, RAFT_REPLICATE);
}
END_TEST

START_TEST(a_leader_waits_with_the_snapshot_until_it_has_applied_enough)
{
    lead_with(4);
    answer_append(2, RAFT_FLAG_SUCCESS | RAFT_FLAG_BLANK, 2, id(1, 3));
    ck_assert_uint_eq(view.applied, 2);
    ck_assert_int_eq(seen.save, 0);
    heartbeat();
    answer_append(2, RAFT_FLAG_SUCCESS | RAFT_FLAG_BLANK, 4, id(1, 3));
    ck_assert_int_eq(seen.save, 1);
}
END_TEST

static Suite *loss_suite(void)
{
    Suite *suite = suite_create("raft_loss");
    TCase *promises = tcase_create("promises");
    tcase_add_checked_fixture(promises, NULL, teardown);
    tcase_add_test(promises, a_node_without_its_promises_is_in_quarantine);
    tcase_add_test(promises, quarantine_gives_no_vote);
    tcase_add_test(promises, quarantine_does_not_campaign);
    tcase_add_test(promises, quarantine_is_not_ended_by_hand);
    tcase_add_test(promises,
                   quarantine_takes_entries_and_applies_them_and_says_that_it_does_not_count);
    tcase_add_test(promises, quarantine_says_so_when_it_refuses_an_append_too);
    tcase_add_test(promises, quarantine_says_so_about_a_snapshot_too);
    tcase_add_test(promises, quarantine_lasts_through_a_later_term);
    tcase_add_test(promises, a_leader_commits_nothing_by_a_node_in_quarantine_but_sends_it_the_log);
    tcase_add_test(promises, a_late_answer_from_before_the_loss_makes_nobody_count);
    tcase_add_test(promises, a_leader_confirms_no_read_by_a_node_in_quarantine);
    tcase_add_test(promises, a_leader_that_hears_only_nodes_in_quarantine_steps_down);
    tcase_add_test(promises, no_leadership_is_transferred_to_a_node_in_quarantine);
    tcase_add_test(promises, a_node_in_quarantine_does_not_become_a_voter);
    tcase_add_test(promises, no_majority_of_voters_is_left_in_quarantine);
    suite_add_tcase(suite, promises);
    TCase *entries = tcase_create("entries");
    tcase_add_checked_fixture(entries, NULL, teardown);
    tcase_add_test(entries, a_node_that_lost_entries_neither_votes_nor_campaigns);
    tcase_add_test(entries, its_acknowledgements_count);
    tcase_add_test(entries, is_over_a_loss_when_its_durable_log_reaches_as_far_as_the_leader_said);
    tcase_add_test(entries, says_nothing_before_the_end_of_its_loss_is_durable);
    tcase_add_test(entries, does_not_take_its_own_longer_log_for_the_leaders);
    tcase_add_test(entries, takes_no_answer_to_an_earlier_start);
    tcase_add_test(entries, takes_no_answer_of_who_does_not_lead_it);
    tcase_add_test(entries, asks_the_leader_of_a_later_term_again);
    tcase_add_test(entries, asks_with_another_number_at_another_start);
    tcase_add_test(entries, a_loss_of_both_ends_for_the_entries_alone);
    tcase_add_test(entries, a_leader_answers_with_its_last_index_and_forgets_what_was_acknowledged);
    tcase_add_test(entries, only_a_leader_answers_how_far_its_log_reaches);
    tcase_add_test(entries, a_leader_goes_back_for_what_was_acknowledged_and_is_lost);
    suite_add_tcase(suite, entries);
    TCase *blank = tcase_create("blank");
    tcase_add_checked_fixture(blank, NULL, teardown);
    tcase_add_test(blank, a_log_behind_a_snapshot_that_is_gone_leaves_the_state_machine_blank);
    tcase_add_test(blank, a_blank_one_votes_by_its_log);
    tcase_add_test(blank, a_blank_one_does_not_campaign);
    tcase_add_test(blank, a_blank_one_acknowledges_entries_with_its_base_and_applies_nothing);
    tcase_add_test(blank, a_blank_one_takes_no_snapshot);
    tcase_add_test(blank, a_blank_one_takes_a_snapshot_within_its_log_and_keeps_the_log);
    tcase_add_test(blank, a_blank_one_takes_a_snapshot_behind_its_log);
    tcase_add_test(blank,
                   a_blank_one_takes_what_follows_its_base_from_a_message_that_begins_before_it);
    tcase_add_test(blank, a_blank_one_takes_no_snapshot_that_ends_before_its_base);
    tcase_add_test(blank, a_leader_takes_a_snapshot_for_a_blank_follower_and_sends_it);
    tcase_add_test(blank, a_leader_sends_any_snapshot_that_reaches_a_blank_followers_base);
    tcase_add_test(blank, a_leader_sends_entries_until_it_can_take_the_snapshot);
    tcase_add_test(blank, a_leader_waits_with_the_snapshot_until_it_has_applied_enough);
    suite_add_tcase(suite, blank);
    return suite;
}

int main(void)
{
    return unit_main(loss_suite());
}
