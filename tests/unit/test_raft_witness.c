/* A voter without data: what it is sent, what it takes, and what it may be. */
#include "members_fixture.h"

static struct raft_entry_id at(raft_term term, raft_index index)
{
    return (struct raft_entry_id){term, index};
}

static void witness_1(struct raft_options *options)
{
    options->witnesses = 1u << 0;
}

static void witness_3(struct raft_options *options)
{
    options->witnesses = 1u << 2;
}

static void create_witness(void)
{
    adjust = witness_1;
    create(3, 1, 0);
}

/* An append of node 2 in term 1, of entries of one kind; a payload is of one byte. */
static void receive_kind(enum raft_entry_kind kind, uint32_t flags, struct raft_entry_id before,
                         raft_index commit, uint32_t count)
{
    struct raft_message message = {.type = RAFT_MESSAGE_APPEND_REQ,
                                   .from = 2,
                                   .flags = flags,
                                   .term = 1,
                                   .id = before,
                                   .commit = commit};
    message.entries =
        core_memory_alloc(&memory, RAFT_AT_MESSAGE_DECODE_ARRAY, count * sizeof message.entries[0]);
    for (; message.entry_count < count; message.entry_count++) {
        raft_index index = before.index + 1 + message.entry_count;
        struct raft_entry *entry =
            core_entry(&memory, 1, index, kind == RAFT_ENTRY_COMMAND ? "x" : "");
        entry->kind = kind;
        message.entries[message.entry_count] = entry;
    }
    receive(message);
}

static void receive_elided(struct raft_entry_id before, raft_index commit, uint32_t count)
{
    receive_kind(RAFT_ENTRY_ELIDED, RAFT_FLAG_WITNESS, before, commit, count);
}

static void acknowledge_as_witness(raft_node_id from)
{
    receive((struct raft_message){.type = RAFT_MESSAGE_APPEND_REP,
                                  .from = from,
                                  .term = view.state.term,
                                  .flags = RAFT_FLAG_SUCCESS | RAFT_FLAG_WITNESS,
                                  .id = view.last});
}

/* ---- what it is sent ---- */

START_TEST(a_command_is_encoded_for_a_witness_as_its_id)
{
    core_memory_init(&memory);
    struct raft_configuration members = OF(VOTER(1), WITNESS(2));
    struct raft_entry *entries[] = {core_entry(&memory, 1, 4, "a command"),
                                    configuration_entry(1, 5, &members),
                                    core_entry(&memory, 2, 6, "another")};
    struct raft_message message = {.type = RAFT_MESSAGE_APPEND_REQ,
                                   .from = 1,
                                   .to = 2,
                                   .flags = RAFT_FLAG_WITNESS,
                                   .term = 2,
                                   .id = at(1, 3),
                                   .entry_count = 3,
                                   .entries = entries};
    uint8_t bytes[512];
    struct raft_message decoded;
    size_t size = raft_message_size(&message);
    ck_assert_uint_eq(size, RAFT_MESSAGE_SIZE + 3 * RAFT_MESSAGE_ENTRY_SIZE + entries[1]->size);
    raft_message_encode(&message, bytes);
    ck_assert_int_eq(raft_message_decode(&memory.memory, bytes, size, &decoded), RAFT_OK);
    ck_assert_uint_eq(decoded.entry_count, 3);
    for (uint32_t i = 0; i < 3; i++) {
        bool is_whole = i == 1;
        ck_assert_uint_eq(decoded.entries[i]->id.term, entries[i]->id.term);
        ck_assert_uint_eq(decoded.entries[i]->id.index, entries[i]->id.index);
        ck_assert_int_eq(decoded.entries[i]->kind,
                         is_whole ? RAFT_ENTRY_CONFIGURATION : RAFT_ENTRY_ELIDED);
        ck_assert_uint_eq(decoded.entries[i]->size, is_whole ? entries[i]->size : 0);
        raft_entry_drop(entries[i], RAFT_HOLDER_MESSAGE);
    }
    raft_message_release(&decoded);
    ck_assert_int_eq(memory.live, 0);
}
END_TEST

/* The bytes of a command, as if the codec did not know better. */
START_TEST(an_id_with_a_payload_and_a_command_for_a_witness_are_no_messages)
{
    core_memory_init(&memory);
    struct raft_entry *entry = core_entry(&memory, 1, 1, "x");
    struct raft_message message = {.type = RAFT_MESSAGE_APPEND_REQ,
                                   .from = 1,
                                   .to = 2,
                                   .term = 1,
                                   .entry_count = 1,
                                   .entries = &entry};
    uint8_t bytes[256];
    struct raft_message decoded;
    size_t size = raft_message_size(&message);
    static const struct {
        size_t at; /* of the flags, or of the kind */
        uint8_t value;
    } changes[] = {{20, RAFT_FLAG_WITNESS}, {RAFT_MESSAGE_SIZE + 8, RAFT_ENTRY_ELIDED}};
    for (int i = 0; i < 2; i++) {
        raft_message_encode(&message, bytes);
        bytes[changes[i].at] = changes[i].value;
        uint32_t crc = raft_crc32c(raft_crc32c(0, bytes, 8), bytes + 12, size - 12);
        for (int byte = 0; byte < 4; byte++) {
            bytes[8 + byte] = (uint8_t)(crc >> (8 * byte));
        }
        ck_assert_int_eq(raft_message_decode(&memory.memory, bytes, size, &decoded), RAFT_CORRUPT);
    }
    raft_entry_drop(entry, RAFT_HOLDER_MESSAGE);
}
END_TEST

START_TEST(a_leader_tells_a_witness_what_it_takes_it_for)
{
    adjust = witness_3;
    lead_and_commit();
    heartbeat();
    ck_assert_uint_eq(sent(RAFT_MESSAGE_APPEND_REQ, 2)->flags, 0);
    ck_assert_uint_eq(sent(RAFT_MESSAGE_APPEND_REQ, 3)->flags, RAFT_FLAG_WITNESS);
    /* Also one that has yet to become a member, and one that is none any more. */
    adopt(OF(VOTER(1), VOTER(2), WITNESS(4)));
    ck_assert_uint_eq(sent(RAFT_MESSAGE_APPEND_REQ, 4)->flags, RAFT_FLAG_WITNESS);
    persist_log();
    acknowledge_all(2);
    acknowledge_as_witness(4);
    ck_assert_int_eq(view.change, RAFT_CHANGE_JOINT);
    persist_log();
    acknowledge_all(2);
    acknowledge_as_witness(3);
    acknowledge_as_witness(4);
    ck_assert_int_eq(view.change, RAFT_CHANGE_LEAVING);
    heartbeat();
    ck_assert_uint_eq(sent(RAFT_MESSAGE_APPEND_REQ, 3)->flags, RAFT_FLAG_WITNESS);
    ck_assert_uint_eq(sent(RAFT_MESSAGE_APPEND_REQ, 4)->flags, RAFT_FLAG_WITNESS);
    ck_assert_uint_eq(sent(RAFT_MESSAGE_APPEND_REQ, 2)->flags, 0);
}
END_TEST

static void witness_3_and_small_batches(struct raft_options *options)
{
    options->witnesses = 1u << 2;
    options->payload_size_max = 1;
    options->batch_size_max = 1;
}

START_TEST(a_batch_for_a_witness_is_not_bounded_by_payloads)
{
    adjust = witness_3_and_small_batches;
    lead_and_commit();
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(propose(), RAFT_OK);
    }
    receive((struct raft_message){.type = RAFT_MESSAGE_APPEND_REP,
                                  .from = 3,
                                  .term = 1,
                                  .flags = RAFT_FLAG_SUCCESS | RAFT_FLAG_WITNESS,
                                  .id = at(1, 1)});
    ck_assert_uint_eq(sent(RAFT_MESSAGE_APPEND_REQ, 3)->entry_count, 3);
}
END_TEST

/* The leader of term 4 of create_behind's log; node `from` needs what was compacted. */
static void lead_and_install(raft_node_id from)
{
    adjust = witness_3;
    create_behind(3, 3, 0, at(3, 10));
    campaign();
    persist_state();
    receive((struct raft_message){
        .type = RAFT_MESSAGE_VOTE_REP, .from = 2, .term = 4, .flags = RAFT_FLAG_SUCCESS});
    receive((struct raft_message){.type = RAFT_MESSAGE_APPEND_REP,
                                  .from = from,
                                  .flags = from == 3 ? RAFT_FLAG_WITNESS : 0,
                                  .term = 4,
                                  .id = at(3, 10),
                                  .hint = at(1, 4)});
    ck_assert_int_eq(seen.fetch, 1);
}

START_TEST(a_witness_is_sent_the_frame_of_a_snapshot)
{
    lead_and_install(3);
    ck_assert(seen.last_snapshot.frame_only);
    feed((struct raft_event){
        .type = RAFT_EVENT_SNAPSHOT_FETCHED,
        .snapshot = {.id = at(3, 10), .size = 7},
        .bytes = core_memory_alloc(&memory, RAFT_AT_MESSAGE_DECODE_PIECE, 7),
        .size = 7,
    });
    drain();
    const struct raft_message *piece = sent(RAFT_MESSAGE_INSTALL_REQ, 3);
    ck_assert_ptr_nonnull(piece);
    ck_assert_uint_eq(piece->flags, RAFT_FLAG_WITNESS);
    ck_assert_uint_eq(piece->total, 7);
}
END_TEST

START_TEST(a_full_member_is_sent_all_of_a_snapshot)
{
    lead_and_install(2);
    ck_assert(!seen.last_snapshot.frame_only);
}
END_TEST

/* Of the time before it was removed; it is to come back as what it is not. */
START_TEST(an_answer_of_a_witness_says_nothing_of_a_full_member)
{
    lead_and_commit();
    adopt(OF(VOTER(1), VOTER(2), VOTER(3), VOTER(4)));
    acknowledge_as_witness(4);
    ck_assert_int_eq(view.change, RAFT_CHANGE_CATCHING_UP);
    acknowledge_all(4);
    ck_assert_int_eq(view.change, RAFT_CHANGE_JOINT);
}
END_TEST

START_TEST(an_installed_frame_is_no_snapshot_of_a_full_member)
{
    lead_and_install(2);
    struct raft_message answer = {.type = RAFT_MESSAGE_INSTALL_REP,
                                  .from = 2,
                                  .flags = RAFT_FLAG_SUCCESS | RAFT_FLAG_WITNESS,
                                  .term = 4,
                                  .id = at(3, 10),
                                  .offset = 7,
                                  .total = 7};
    struct raft_progress_view progress;
    receive(answer);
    ck_assert(raft_get_progress(raft, 2, &progress));
    ck_assert_int_eq(progress.state, RAFT_INSTALL);
    answer.flags = RAFT_FLAG_SUCCESS;
    receive(answer);
    ck_assert(raft_get_progress(raft, 2, &progress));
    ck_assert_uint_eq(progress.match, 10);
}
END_TEST

/* ---- what it takes ---- */

START_TEST(it_keeps_the_log_and_votes_and_does_nothing_else)
{
    create_witness();
    receive_elided(at(0, 0), 2, 2);
    persist_log();
    ck_assert_uint_eq(sent(RAFT_MESSAGE_APPEND_REP, 2)->flags,
                      RAFT_FLAG_SUCCESS | RAFT_FLAG_WITNESS);
    ck_assert_uint_eq(view.commit, 2);
    ck_assert_uint_eq(view.durable.index, 2);
    ck_assert_uint_eq(view.applied, 2); /* nothing more is needed */
    ck_assert_int_eq(seen.apply, 0);
    time_out();
    ck_assert_int_eq(view.role, RAFT_FOLLOWER);
    receive(
        (struct raft_message){.type = RAFT_MESSAGE_VOTE_REQ, .from = 3, .term = 2, .id = {1, 1}});
    persist_state();
    ck_assert_uint_eq(view.state.vote, RAFT_NODE_NONE); /* its positions count */
    receive(
        (struct raft_message){.type = RAFT_MESSAGE_VOTE_REQ, .from = 3, .term = 2, .id = {1, 2}});
    ck_assert_uint_eq(view.state.vote, 3);
}
END_TEST

START_TEST(it_takes_no_payload)
{
    create_witness();
    receive_kind(RAFT_ENTRY_COMMAND, RAFT_FLAG_WITNESS, at(0, 0), 0, 1);
    ck_assert_uint_eq(view.last.index, 0);
    ck_assert_uint_eq(view.leader, RAFT_NODE_NONE);
}
END_TEST

START_TEST(it_takes_nothing_from_whom_it_is_a_full_member_to)
{
    create_witness();
    receive_kind(RAFT_ENTRY_NOOP, 0, at(0, 0), 0, 1);
    ck_assert_uint_eq(view.last.index, 0);
    ck_assert_uint_eq(view.leader, RAFT_NODE_NONE);
    receive_kind(RAFT_ENTRY_NOOP, RAFT_FLAG_WITNESS, at(0, 0), 0, 1);
    ck_assert_uint_eq(view.last.index, 1);
}
END_TEST

START_TEST(a_full_member_takes_nothing_from_whom_it_is_a_witness_to)
{
    create(3, 1, 0);
    receive_kind(RAFT_ENTRY_NOOP, RAFT_FLAG_WITNESS, at(0, 0), 0, 1);
    receive_kind(RAFT_ENTRY_ELIDED, 0, at(0, 0), 0, 1);
    ck_assert_uint_eq(view.last.index, 0);
    ck_assert_uint_eq(view.leader, RAFT_NODE_NONE);
}
END_TEST

static void receive_piece(uint32_t flags)
{
    receive((struct raft_message){
        .type = RAFT_MESSAGE_INSTALL_REQ,
        .from = 2,
        .flags = flags,
        .term = 1,
        .id = at(1, 9),
        .total = 7,
        .bytes = core_memory_alloc(&memory, RAFT_AT_MESSAGE_DECODE_PIECE, 7),
        .size = 7,
    });
}

START_TEST(it_takes_a_frame_and_no_snapshot_with_a_state)
{
    create_witness();
    receive_piece(0);
    ck_assert_int_eq(seen.receive, 0);
    receive_piece(RAFT_FLAG_WITNESS);
    ck_assert_int_eq(seen.receive, 1);
}
END_TEST

START_TEST(a_full_member_takes_no_frame)
{
    create(3, 1, 0);
    receive_piece(RAFT_FLAG_WITNESS);
    ck_assert_int_eq(seen.receive, 0);
    receive_piece(0);
    ck_assert_int_eq(seen.receive, 1);
}
END_TEST

START_TEST(a_read_only_one_takes_no_ids_of_commands)
{
    create_witness();
    feed((struct raft_event){.type = RAFT_EVENT_READ_ONLY, .read_only = true});
    receive_elided(at(0, 0), 0, 1);
    ck_assert_uint_eq(view.last.index, 0);
    ck_assert_uint_ne(sent(RAFT_MESSAGE_APPEND_REP, 2)->flags & RAFT_FLAG_READ_ONLY, 0);
}
END_TEST

/* ---- its snapshots ---- */

START_TEST(it_compacts_behind_what_is_committed)
{
    snapshots.threshold = 4;
    create_witness();
    receive_elided(at(0, 0), 3, 5);
    persist_log();
    ck_assert_int_eq(seen.save, 0);
    receive_elided(at(1, 5), 4, 1);
    ck_assert_int_eq(seen.save, 1);
    ck_assert_uint_eq(seen.last_snapshot.snapshot.id.index, 4);
    ck_assert_uint_eq(seen.last_snapshot.snapshot.configuration.count, 3);
    persist_snapshot(seen.last_snapshot.snapshot);
    ck_assert_uint_eq(view.base.index, 4);
    ck_assert_uint_eq(view.last.index, 6);
}
END_TEST

/* What is committed meanwhile is not counted as applied before the frame is in place. */
START_TEST(it_counts_nothing_as_applied_while_a_frame_is_put_in_place)
{
    create_witness();
    receive_elided(at(0, 0), 1, 9);
    persist_log();
    receive_piece(RAFT_FLAG_WITNESS);
    feed((struct raft_event){.type = RAFT_EVENT_SNAPSHOT_RECEIVED,
                             .offset = 7,
                             .snapshot = {.id = at(1, 9),
                                          .configuration = OF(WITNESS(1), VOTER(2), VOTER(3)),
                                          .size = 7}});
    drain();
    ck_assert_int_eq(seen.restore, 1);
    receive_elided(at(1, 9), 10, 1);
    ck_assert_uint_eq(view.commit, 10);
    ck_assert_uint_eq(view.applied, 1);
    feed((struct raft_event){.type = RAFT_EVENT_RESTORED});
    drain();
    ck_assert_uint_eq(view.applied, 10);
}
END_TEST

/* ---- what it is asked for ---- */

static void ask(raft_index index)
{
    receive((struct raft_message){
        .type = RAFT_MESSAGE_REPAIR_REQ, .from = 3, .term = 1, .id = at(1, index)});
}

START_TEST(it_has_no_copy_of_a_command)
{
    create_witness();
    receive_elided(at(0, 0), 0, 2);
    receive_kind(RAFT_ENTRY_NOOP, RAFT_FLAG_WITNESS, at(1, 2), 0, 1);
    ask(2);
    ck_assert_int_eq(count_sent(RAFT_MESSAGE_REPAIR_REP, 3), 0);
    ask(3); /* what is whole everywhere, it has */
    ck_assert_int_eq(count_sent(RAFT_MESSAGE_REPAIR_REP, 3), 1);
}
END_TEST

START_TEST(a_damaged_id_is_rewritten_without_a_question)
{
    struct raft_options options;
    raft_options_init(&options);
    options.id = 1;
    options.voter_count = 3;
    options.witnesses = 1u << 0;
    for (uint32_t i = 0; i < 3; i++) {
        options.voters[i] = i + 1;
    }
    core_memory_init(&memory);
    raft_log_init(&log_, &memory.memory);
    ck_assert_int_eq(raft_log_reserve(&log_, 3), RAFT_OK);
    for (raft_index index = 1; index <= 3; index++) {
        struct raft_entry *entry = core_entry(&memory, 1, index, "");
        entry->kind = RAFT_ENTRY_ELIDED;
        entry->damaged = index == 2;
        raft_log_append(&log_, entry);
        raft_entry_drop(entry, RAFT_HOLDER_MESSAGE);
    }
    raft_log_stored(&log_, at(1, 3));
    raft_log_persisted(&log_, at(1, 3), 0);
    now = 1000;
    ck_assert_int_eq(raft_create(&options, &memory.memory, &log_, &raft), RAFT_OK);
    raft_begin(raft, &(struct raft_hard_state){.term = 1, .sequence = 1}, NULL, now);
    drain();
    ck_assert_int_eq(seen.repair, 1);
    ck_assert_uint_eq(seen.last_log.last.index, 2);
    ck_assert_uint_eq(view.durable.index, 1);
    time_out();
    ck_assert_int_eq(count_sent(RAFT_MESSAGE_REPAIR_REQ, 2), 0);
    feed((struct raft_event){.type = RAFT_EVENT_REPAIRED, .id = at(1, 2)});
    drain();
    ck_assert_int_eq(view.condition, RAFT_RUNNING);
    ck_assert_uint_eq(view.durable.index, 3);
}
END_TEST

/* ---- what it may be ---- */

START_TEST(no_change_makes_a_witness_of_a_full_member_or_the_other_way_round)
{
    adjust = witness_3;
    lead_and_commit();
    ck_assert_int_eq(change(OF(VOTER(1), VOTER(2), VOTER(3))), RAFT_INVALID);
    ck_assert_int_eq(change(OF(VOTER(1), VOTER(2), LEARNER(3))), RAFT_INVALID);
    ck_assert_int_eq(change(OF(VOTER(1), WITNESS(2), WITNESS(3))), RAFT_INVALID);
    ck_assert_int_eq(view.change, RAFT_CHANGE_NONE);
    ck_assert_int_eq(change(OF(VOTER(1), VOTER(2))), RAFT_OK);
}
END_TEST

START_TEST(no_recovery_makes_a_witness_of_a_full_member_or_the_other_way_round)
{
    adjust = witness_3;
    create(3, 0, 0);
    ck_assert_int_eq(recover(OF(VOTER(1), VOTER(3))), RAFT_INVALID);
    ck_assert_int_eq(recover(OF(VOTER(1), WITNESS(2))), RAFT_INVALID);
    ck_assert_int_eq(recover(OF(VOTER(1), WITNESS(3))), RAFT_OK);
}
END_TEST

START_TEST(a_witness_is_not_recovered_into_a_leader)
{
    create_witness();
    ck_assert_int_eq(recover(OF(VOTER(1), VOTER(2))), RAFT_INVALID);
    ck_assert_int_eq(recover(OF(WITNESS(1), VOTER(2))), RAFT_INVALID);
}
END_TEST

START_TEST(a_node_is_a_witness_by_its_options_alone)
{
    struct raft_options options;
    raft_options_init(&options);
    options.id = 2;
    ck_assert(!raft_options_is_witness(&options));
    options.joins_as_witness = true;
    ck_assert(raft_options_is_witness(&options));
    ck_assert_ptr_null(raft_options_check(&options));
    options.voter_count = 2;
    options.voters[0] = 3;
    options.voters[1] = 2;
    ck_assert_ptr_nonnull(raft_options_check(&options));
    options.joins_as_witness = false;
    options.witnesses = 1u << 0;
    ck_assert(!raft_options_is_witness(&options));
    options.witnesses = 1u << 1;
    ck_assert(raft_options_is_witness(&options));
    ck_assert_ptr_null(raft_options_check(&options));
}
END_TEST

static void setup(void)
{
    snapshots.threshold = 0;
    adjust = NULL;
}

static TCase *machine_case(void)
{
    TCase *tests = tcase_create("machine");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_leader_tells_a_witness_what_it_takes_it_for);
    tcase_add_test(tests, a_batch_for_a_witness_is_not_bounded_by_payloads);
    tcase_add_test(tests, a_witness_is_sent_the_frame_of_a_snapshot);
    tcase_add_test(tests, a_full_member_is_sent_all_of_a_snapshot);
    tcase_add_test(tests, an_answer_of_a_witness_says_nothing_of_a_full_member);
    tcase_add_test(tests, an_installed_frame_is_no_snapshot_of_a_full_member);
    tcase_add_test(tests, it_keeps_the_log_and_votes_and_does_nothing_else);
    tcase_add_test(tests, it_takes_no_payload);
    tcase_add_test(tests, it_takes_nothing_from_whom_it_is_a_full_member_to);
    tcase_add_test(tests, a_full_member_takes_nothing_from_whom_it_is_a_witness_to);
    tcase_add_test(tests, it_takes_a_frame_and_no_snapshot_with_a_state);
    tcase_add_test(tests, a_full_member_takes_no_frame);
    tcase_add_test(tests, a_read_only_one_takes_no_ids_of_commands);
    tcase_add_test(tests, it_compacts_behind_what_is_committed);
    tcase_add_test(tests, it_counts_nothing_as_applied_while_a_frame_is_put_in_place);
    tcase_add_test(tests, it_has_no_copy_of_a_command);
    tcase_add_test(tests, a_damaged_id_is_rewritten_without_a_question);
    tcase_add_test(tests, no_change_makes_a_witness_of_a_full_member_or_the_other_way_round);
    tcase_add_test(tests, no_recovery_makes_a_witness_of_a_full_member_or_the_other_way_round);
    tcase_add_test(tests, a_witness_is_not_recovered_into_a_leader);
    return tests;
}

int main(void)
{
    Suite *suite = suite_create("raft_witness");
    TCase *values = tcase_create("values");
    tcase_add_test(values, a_command_is_encoded_for_a_witness_as_its_id);
    tcase_add_test(values, an_id_with_a_payload_and_a_command_for_a_witness_are_no_messages);
    tcase_add_test(values, a_node_is_a_witness_by_its_options_alone);
    suite_add_tcase(suite, machine_case());
    suite_add_tcase(suite, values);
    return unit_main(suite);
}
