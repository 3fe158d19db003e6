/* Snapshots of a node: taking them, compacting behind them, and putting in place one that comes
 * from the leader. */
#include "raft_fixture.h"

#define TOTAL 10u /* bytes of the snapshot that comes */

static const struct raft_entry_id coming = {2, 20};

static void assert_id(struct raft_entry_id is, raft_term term, raft_index index)
{
    ck_assert_uint_eq(is.term, term);
    ck_assert_uint_eq(is.index, index);
}

/* A follower of node 2 in term 1 with so many entries, all durable and applied. */
static void follow(uint32_t count)
{
    create(3, 1, 0);
    receive_append(2, 1, id(0, 0), count, count);
    persist_entries();
    ck_assert_uint_eq(view.durable.index, count);
    ck_assert_uint_eq(view.applied, count);
}

static void ask_for_snapshot(void)
{
    feed((struct raft_event){.type = RAFT_EVENT_SNAPSHOT});
    drain();
}

static void saved(enum raft_status status)
{
    feed((struct raft_event){.type = RAFT_EVENT_SNAPSHOT_SAVED,
                             .status = status,
                             .snapshot = seen.last_snapshot.snapshot});
    drain();
}

START_TEST(saves_when_a_threshold_of_entries_is_applied)
{
    snapshots.threshold = 4;
    follow(3);
    ck_assert_int_eq(seen.save, 0);
    receive_append(2, 1, id(1, 3), 4, 1);
    ck_assert_int_eq(seen.save, 1);
    assert_id(seen.last_snapshot.snapshot.id, 1, 4);
    ck_assert_uint_eq(seen.last_snapshot.snapshot.configuration.count, 3);
    saved(RAFT_OK);
    ck_assert_int_eq(seen.save, 0);
    assert_id(view.snapshot, 1, 4);
}
END_TEST

START_TEST(saves_on_request_and_one_at_a_time)
{
    follow(3);
    ask_for_snapshot();
    ck_assert_int_eq(seen.save, 1);
    ck_assert_int_eq(try((struct raft_event){.type = RAFT_EVENT_SNAPSHOT}), RAFT_BUSY);
    saved(RAFT_OK);
    ask_for_snapshot();
    ck_assert_int_eq(seen.save, 0); /* it has it */
}
END_TEST

START_TEST(saves_what_is_applied_and_not_what_is_being_applied)
{
    follow(3);
    holds_applies = true;
    receive_append(2, 1, id(1, 3), 5, 2);
    ck_assert_int_eq(seen.apply, 1);
    ask_for_snapshot();
    assert_id(seen.last_snapshot.snapshot.id, 1, 3);
    holds_applies = false;
    feed((struct raft_event){.type = RAFT_EVENT_APPLIED, .id = id(1, 5)});
    drain();
}
END_TEST

START_TEST(saves_nothing_of_a_term_that_is_not_durable)
{
    create(3, 1, 0);
    receive_append(2, 2, id(0, 0), 2, 2);
    ck_assert_uint_eq(view.applied, 2);
    ask_for_snapshot();
    ck_assert_int_eq(seen.save, 0);
    feed((struct raft_event){.type = RAFT_EVENT_STATE_PERSISTED, .sequence = view.state.sequence});
    drain();
    ck_assert_int_eq(seen.save, 1);
}
END_TEST

START_TEST(compacts_behind_a_snapshot_but_for_the_trailing_entries)
{
    snapshots.trailing = 2;
    follow(6);
    ask_for_snapshot();
    ck_assert_uint_eq(view.base.index, 0);
    saved(RAFT_OK);
    assert_id(view.base, 1, 4);
    ck_assert_int_eq(seen.compact, 1);
    assert_id(seen.last_log.last, 1, 4);
    ck_assert_uint_eq(view.entries_log, 2);
}
END_TEST

START_TEST(compacts_nothing_when_the_trailing_entries_reach_the_beginning)
{
    snapshots.trailing = 6;
    follow(6);
    ask_for_snapshot();
    saved(RAFT_OK);
    ck_assert_uint_eq(view.base.index, 0);
    ck_assert_int_eq(seen.compact, 0);
}
END_TEST

START_TEST(compacts_what_is_not_durable_when_it_is)
{
    create(3, 1, 0);
    receive_append(2, 1, id(0, 0), 5, 5);
    struct raft_effect write = seen.last_entries;
    ask_for_snapshot();
    saved(RAFT_OK);
    ck_assert_uint_eq(view.base.index, 0);
    seen.last_entries = write;
    persist_entries();
    ck_assert_uint_eq(view.base.index, 5);
    ck_assert_int_eq(seen.compact, 1);
}
END_TEST

START_TEST(a_failed_save_changes_nothing_and_is_tried_again)
{
    follow(5);
    ask_for_snapshot();
    saved(RAFT_NOSPACE);
    ck_assert_int_eq(seen.save, 0);
    ck_assert_uint_eq(view.base.index, 0);
    ck_assert_uint_eq(view.snapshot.index, 0);
    retry();
    ck_assert_int_eq(seen.save, 1);
}
END_TEST

START_TEST(a_refused_compaction_is_tried_again)
{
    follow(5);
    ask_for_snapshot();
    saved(RAFT_OK);
    ck_assert_int_eq(seen.compact, 1);
    feed((struct raft_event){.type = RAFT_EVENT_COMPACT_REFUSED});
    drain();
    ck_assert_int_eq(seen.compact, 0);
    retry();
    ck_assert_int_eq(seen.compact, 1);
    feed((struct raft_event){.type = RAFT_EVENT_COMPACTED});
    drain();
    ck_assert_int_eq(seen.compact, 0);
    ck_assert(!raft_wants_retry(raft));
}
END_TEST

/* A node that starts behind a snapshot. */

START_TEST(begins_with_what_is_in_the_snapshot)
{
    create_behind(3, 3, 0, id(3, 10));
    ck_assert_uint_eq(view.commit, 10);
    ck_assert_uint_eq(view.applied, 10);
    assert_id(view.last, 3, 10);
    assert_id(view.durable, 3, 10);
    assert_id(view.snapshot, 3, 10);
}
END_TEST

START_TEST(gives_no_vote_to_a_log_that_ends_before_its_base)
{
    create_behind(3, 3, 0, id(3, 10));
    receive(
        (struct raft_message){.type = RAFT_MESSAGE_VOTE_REQ, .from = 2, .term = 4, .id = {3, 9}});
    persist_state();
    ck_assert_uint_eq(seen.sent[0].flags, 0);
}
END_TEST

START_TEST(acknowledges_its_base_whatever_position_it_is_asked)
{
    const struct raft_entry_id asked[] = {{0, 0}, {1, 4}, {3, 10}};
    for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
        create_behind(3, 3, 0, id(3, 10));
        receive_append(2, 3, asked[i], 0, 0);
        ck_assert_int_eq(seen.sent[0].type, RAFT_MESSAGE_APPEND_REP);
        ck_assert_uint_eq(seen.sent[0].flags, RAFT_FLAG_SUCCESS);
        assert_id(seen.sent[0].id, 3, 10);
        if (i + 1 < sizeof asked / sizeof asked[0]) {
            teardown();
        }
    }
}
END_TEST

START_TEST(takes_of_an_append_that_begins_before_its_base_what_lies_behind)
{
    create_behind(3, 3, 0, id(3, 10));
    receive_append(2, 3, id(3, 8), 11, 4);
    ck_assert_uint_eq(view.last.index, 12);
    ck_assert_uint_eq(view.commit, 11);
    ck_assert_uint_eq(view.entries_log, 2);
}
END_TEST

START_TEST(hints_at_its_base_when_it_refuses)
{
    create_behind(3, 3, 0, id(3, 10));
    receive_append(2, 3, id(3, 15), 0, 1);
    ck_assert_uint_eq(seen.sent[0].flags, 0);
    assert_id(seen.sent[0].hint, 3, 10);
}
END_TEST

/* Snapshots that come. */

static void receive_piece_of(raft_node_id from, raft_term term, struct raft_entry_id of,
                             uint64_t offset, uint32_t size)
{
    receive((struct raft_message){
        .type = RAFT_MESSAGE_INSTALL_REQ,
        .from = from,
        .term = term,
        .id = of,
        .offset = offset,
        .total = TOTAL,
        .bytes = core_memory_alloc(&memory, RAFT_AT_MESSAGE_DECODE_PIECE, size),
        .size = size,
    });
}

static void receive_piece(uint64_t offset, uint32_t size)
{
    receive_piece_of(2, 2, coming, offset, size);
}

static void written(enum raft_status status, uint64_t offset)
{
    feed((struct raft_event){
        .type = RAFT_EVENT_SNAPSHOT_RECEIVED,
        .status = status,
        .offset = offset,
        .snapshot = {.id = offset == TOTAL ? coming : id(0, 0), .size = TOTAL},
    });
    drain();
}

static void restored(enum raft_status status)
{
    feed((struct raft_event){.type = RAFT_EVENT_RESTORED, .status = status});
    drain();
}

static void emptied(void)
{
    feed((struct raft_event){.type = RAFT_EVENT_RESET});
    drain();
}

/* A follower of node 2 in term 2 with so many entries of term 1, durable, and one applied. */
static void follow_to_install(uint32_t count)
{
    create(3, 2, 0);
    struct raft_message message = {.type = RAFT_MESSAGE_APPEND_REQ, .from = 2, .term = 2};
    message.commit = 1;
    message.entries =
        core_memory_alloc(&memory, RAFT_AT_MESSAGE_DECODE_ARRAY, count * sizeof message.entries[0]);
    for (; message.entry_count < count; message.entry_count++) {
        message.entries[message.entry_count] = core_entry(&memory, 1, 1 + message.entry_count, "x");
    }
    receive(message);
    persist_entries();
    ck_assert_uint_eq(view.durable.index, count);
}

/* … that has the whole file. */
static void publish(uint32_t count)
{
    follow_to_install(count);
    receive_piece(0, TOTAL);
    written(RAFT_OK, TOTAL);
}

static void assert_answer(uint32_t flags, uint64_t offset)
{
    ck_assert_int_eq(seen.sent_count, 1);
    ck_assert_int_eq(seen.sent[0].type, RAFT_MESSAGE_INSTALL_REP);
    ck_assert_uint_eq(seen.sent[0].flags, flags);
    ck_assert_uint_eq(seen.sent[0].offset, offset);
    ck_assert_uint_eq(seen.sent[0].total, TOTAL);
}

START_TEST(answers_a_piece_when_it_is_written_and_not_before)
{
    follow_to_install(3);
    ck_assert(!view.is_installing);
    receive_piece(0, 4);
    ck_assert_int_eq(seen.receive, 1);
    ck_assert_uint_eq(seen.last_snapshot.offset, 0);
    ck_assert_uint_eq(seen.last_snapshot.size, 4);
    ck_assert_uint_eq(seen.last_snapshot.snapshot.size, TOTAL);
    ck_assert_int_eq(seen.sent_count, 0);
    ck_assert(view.is_installing);
    written(RAFT_OK, 4);
    assert_answer(RAFT_FLAG_SUCCESS, 4);
    receive_piece(4, 3);
    ck_assert_uint_eq(seen.last_snapshot.offset, 4);
    written(RAFT_OK, 7);
    assert_answer(RAFT_FLAG_SUCCESS, 7);
}
END_TEST

START_TEST(acknowledges_a_snapshot_when_the_log_behind_it_is_durably_empty)
{
    publish(3);
    ck_assert_int_eq(seen.restore, 1);
    ck_assert_int_eq(seen.sent_count, 0);
    ck_assert_uint_eq(view.commit, 1);
    restored(RAFT_OK);
    ck_assert_int_eq(seen.reset, 1);
    assert_id(seen.last_log.last, 2, 20);
    ck_assert_int_eq(seen.sent_count, 0);
    ck_assert(view.is_installing);
    assert_id(view.base, 2, 20);
    ck_assert_uint_eq(view.commit, 20);
    ck_assert_uint_eq(view.applied, 20);
    emptied();
    assert_answer(RAFT_FLAG_SUCCESS, TOTAL);
    ck_assert(!view.is_installing);
}
END_TEST

START_TEST(writes_no_entry_before_the_log_is_empty)
{
    publish(3);
    restored(RAFT_OK);
    receive_append(2, 2, coming, 20, 2);
    ck_assert_uint_eq(view.last.index, 22);
    ck_assert_int_eq(seen.persist_entries, 0);
    emptied();
    ck_assert_int_eq(seen.persist_entries, 1);
    ck_assert_uint_eq(seen.last_entries.first, 21);
}
END_TEST

START_TEST(a_refused_reset_is_tried_again_before_any_write)
{
    publish(3);
    restored(RAFT_OK);
    feed((struct raft_event){.type = RAFT_EVENT_RESET_REFUSED});
    receive_append(2, 2, coming, 20, 2);
    ck_assert_int_eq(seen.reset, 0);
    retry();
    ck_assert_int_eq(seen.reset, 1);
    ck_assert_int_eq(seen.persist_entries, 0);
    ck_assert(view.is_installing);
}
END_TEST

START_TEST(a_write_under_way_makes_nothing_durable_in_a_log_that_was_reset)
{
    publish(3);
    receive_append(2, 2, id(1, 3), 1, 3);
    struct raft_effect write = seen.last_entries;
    ck_assert_uint_eq(write.last.index, 6);
    restored(RAFT_OK);
    ck_assert_int_eq(seen.reset, 0); /* storage is busy with the write */
    seen.last_entries = write;
    persist_entries();
    ck_assert_int_eq(seen.reset, 1);
    assert_id(view.durable, 2, 20);
}
END_TEST

START_TEST(a_full_disk_resets_the_log_all_the_same)
{
    publish(3);
    receive_append(2, 2, id(1, 3), 1, 3);
    restored(RAFT_OK);
    feed((struct raft_event){.type = RAFT_EVENT_ENTRIES_FAILED, .status = RAFT_NOSPACE});
    drain();
    ck_assert_int_eq(view.condition, RAFT_CONDITION_NOSPACE);
    ck_assert_int_eq(seen.reset, 1);
    assert_id(view.last, 2, 20);
}
END_TEST

START_TEST(keeps_a_log_that_has_the_position_of_the_snapshot)
{
    follow_to_install(3);
    receive_piece(0, TOTAL);
    written(RAFT_OK, TOTAL);
    /* Entries up to and behind the snapshot come the usual way meanwhile. */
    receive_append(2, 2, id(1, 3), 1, 19);
    restored(RAFT_OK);
    ck_assert_int_eq(seen.reset, 0);
    assert_answer(RAFT_FLAG_SUCCESS, TOTAL);
    ck_assert_uint_eq(view.last.index, 22);
    ck_assert_uint_eq(view.applied, 20);
    ck_assert_uint_eq(view.base.index, 3); /* as far as it is durable */
    ck_assert(!view.is_installing);
}
END_TEST

START_TEST(waits_for_the_batch_that_is_out)
{
    follow_to_install(3);
    holds_applies = true;
    receive_append(2, 2, id(1, 3), 2, 0);
    ck_assert_int_eq(seen.apply, 1);
    receive_piece(0, TOTAL);
    written(RAFT_OK, TOTAL);
    ck_assert_int_eq(seen.restore, 0);
    holds_applies = false;
    feed((struct raft_event){.type = RAFT_EVENT_APPLIED, .id = id(1, 2)});
    drain();
    ck_assert_int_eq(seen.restore, 1);
}
END_TEST

START_TEST(applies_nothing_while_the_state_machine_is_replaced)
{
    publish(3);
    receive_append(2, 2, id(1, 3), 3, 0);
    ck_assert_uint_eq(view.commit, 3);
    ck_assert_int_eq(seen.apply, 0);
    restored(RAFT_OK);
    ck_assert_uint_eq(view.applied, 20);
}
END_TEST

START_TEST(needs_no_restoring_when_commit_has_overtaken_the_snapshot)
{
    follow_to_install(3);
    receive_piece(0, TOTAL);
    receive_append(2, 2, id(1, 3), 21, 18);
    ck_assert_uint_eq(view.commit, 21);
    written(RAFT_OK, TOTAL);
    ck_assert_int_eq(seen.restore, 0);
    assert_answer(RAFT_FLAG_SUCCESS, TOTAL);
    ck_assert(!view.is_installing);
    assert_id(view.snapshot, 2, 20);
}
END_TEST

START_TEST(a_refused_restoring_is_tried_again)
{
    publish(3);
    restored(RAFT_BUSY);
    ck_assert_int_eq(seen.restore, 0);
    ck_assert_uint_eq(view.commit, 1);
    retry();
    ck_assert_int_eq(seen.restore, 1);
}
END_TEST

START_TEST(says_at_once_that_it_has_what_is_durable_here)
{
    create_behind(3, 2, 0, id(2, 30));
    receive_piece(0, 4);
    assert_answer(RAFT_FLAG_SUCCESS, TOTAL);
    ck_assert_int_eq(seen.receive, 0);
}
END_TEST

START_TEST(asks_for_patience_while_what_is_committed_is_not_durable)
{
    create(3, 2, 0);
    receive_append(2, 2, id(0, 0), 20, 20);
    struct raft_effect write = seen.last_entries;
    receive_piece(0, 4);
    assert_answer(RAFT_FLAG_BUSY, 0);
    seen.last_entries = write;
    persist_entries();
    receive_piece(0, 4);
    assert_answer(RAFT_FLAG_SUCCESS, TOTAL);
}
END_TEST

START_TEST(asks_for_the_piece_that_it_needs)
{
    const struct {
        uint64_t offset;
        uint64_t asked;
        bool begun;
    } table[] = {{4, 0, false}, {0, 4, true}, {8, 4, true}, {2, 4, true}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        follow_to_install(3);
        if (table[i].begun) {
            receive_piece(0, 4);
            written(RAFT_OK, 4);
        }
        receive_piece(table[i].offset, 1);
        assert_answer(RAFT_FLAG_SUCCESS, table[i].asked);
        ck_assert_int_eq(seen.receive, 0);
        if (i + 1 < sizeof table / sizeof table[0]) {
            teardown();
        }
    }
}
END_TEST

START_TEST(drops_a_piece_while_another_one_is_written)
{
    follow_to_install(3);
    receive_piece(0, 4);
    receive_piece(0, 4);
    assert_answer(RAFT_FLAG_BUSY, 0);
    ck_assert_int_eq(seen.receive, 0);
    written(RAFT_OK, 4);
    assert_answer(RAFT_FLAG_SUCCESS, 4);
}
END_TEST

START_TEST(drops_a_piece_while_a_snapshot_is_put_in_place)
{
    publish(3);
    receive_piece_of(2, 2, id(2, 40), 0, 4);
    assert_answer(RAFT_FLAG_BUSY, 0);
    restored(RAFT_OK);
    receive_piece(0, 4); /* of the one in place, which is not durable in all its parts */
    ck_assert_int_eq(seen.receive, 0);
}
END_TEST

START_TEST(drops_a_piece_while_its_own_snapshot_is_saved)
{
    follow_to_install(3);
    ask_for_snapshot();
    ck_assert_int_eq(seen.save, 1);
    struct raft_effect save = seen.last_snapshot;
    receive_piece(0, 4);
    assert_answer(RAFT_FLAG_BUSY, 0);
    ck_assert_int_eq(seen.receive, 0);
    seen.last_snapshot = save;
    saved(RAFT_OK);
    receive_piece(0, 4);
    ck_assert_int_eq(seen.receive, 1);
}
END_TEST

START_TEST(saves_no_own_snapshot_while_one_comes)
{
    follow_to_install(3);
    receive_piece(0, 4);
    ck_assert_int_eq(try((struct raft_event){.type = RAFT_EVENT_SNAPSHOT}), RAFT_BUSY);
    written(RAFT_OK, 4);
    ck_assert_int_eq(try((struct raft_event){.type = RAFT_EVENT_SNAPSHOT}), RAFT_BUSY);
}
END_TEST

START_TEST(saves_no_own_snapshot_at_its_threshold_while_one_comes)
{
    snapshots.threshold = 3;
    follow_to_install(3);
    receive_piece(0, 4);
    written(RAFT_OK, 4);
    receive_append(2, 2, id(1, 3), 3, 0);
    ck_assert_uint_eq(view.applied, 3);
    ck_assert_int_eq(seen.save, 0);
    receive_append(2, 2, id(1, 3), 20, 17);
    ck_assert_int_eq(seen.save, 1); /* the one that came is not needed any more */
}
END_TEST

START_TEST(drops_a_piece_of_another_leader_while_one_is_written)
{
    follow_to_install(3);
    receive_piece(0, 4);
    written(RAFT_OK, 4);
    receive_piece(4, 4);
    receive_piece_of(3, 3, coming, 0, 4);
    persist_state();
    assert_answer(RAFT_FLAG_BUSY, 0);
}
END_TEST

START_TEST(drops_a_repeated_piece_while_the_first_one_waits)
{
    create(3, 1, 0);
    receive_piece(0, 4);
    struct raft_hard_state state = seen.last_state;
    receive_piece(0, 4);
    seen.last_state = state;
    persist_state();
    ck_assert_int_eq(seen.receive, 1);
    assert_answer(RAFT_FLAG_BUSY, 0);
}
END_TEST

START_TEST(answers_for_no_term_that_is_over)
{
    create(3, 1, 0);
    receive_append(2, 2, id(0, 0), 0, 0);
    struct raft_hard_state state = seen.last_state;
    receive_piece_of(3, 1, coming, 0, 4); /* refused, but not before the term is durable */
    receive_append(3, 3, id(0, 0), 0, 0);
    seen.last_state = state;
    persist_state();
    ck_assert_int_eq(seen.persist_state, 1);
    persist_state();
    ck_assert_int_eq(seen.sent_count, 1);
    ck_assert_int_eq(seen.sent[0].type, RAFT_MESSAGE_APPEND_REP);
}
END_TEST

START_TEST(acknowledges_a_log_that_it_kept_as_far_as_the_snapshot)
{
    snapshots.trailing = 15;
    follow_to_install(3);
    receive_append(2, 2, id(1, 3), 1, 19);
    persist_entries();
    receive_piece_of(3, 3, coming, 0, TOTAL);
    persist_state();
    ck_assert_int_eq(seen.receive, 1);
    written(RAFT_OK, TOTAL);
    restored(RAFT_OK);
    ck_assert_uint_eq(view.base.index, 5);
    receive_append(3, 3, id(0, 0), 0, 0);
    assert_id(seen.sent[0].id, 2, 20); /* of what lies behind it the leader has not spoken */
}
END_TEST

START_TEST(adopts_the_configuration_of_the_snapshot)
{
    struct raft_event event = {.type = RAFT_EVENT_SNAPSHOT_RECEIVED, .offset = TOTAL};
    event.snapshot = (struct raft_snapshot){.id = coming, .size = TOTAL, .configuration_index = 15};
    event.snapshot.configuration.count = 2;
    event.snapshot.configuration.members[0] = (struct raft_member){1, RAFT_MEMBER_VOTER, 0};
    event.snapshot.configuration.members[1] = (struct raft_member){2, RAFT_MEMBER_VOTER, 0};
    follow_to_install(3);
    receive_piece(0, TOTAL);
    feed(event);
    drain();
    restored(RAFT_OK);
    emptied();
    receive_append(2, 2, coming, 21, 1);
    ask_for_snapshot();
    ck_assert_uint_eq(seen.last_snapshot.snapshot.configuration.count, 2);
    ck_assert_uint_eq(seen.last_snapshot.snapshot.configuration_index, 15);
}
END_TEST

START_TEST(compacts_nothing_of_a_log_that_is_emptied)
{
    follow_to_install(3);
    receive_append(2, 2, id(1, 3), 1, 1);
    struct raft_effect write = seen.last_entries;
    ask_for_snapshot();
    saved(RAFT_OK); /* its compaction waits for the write */
    ck_assert_int_eq(seen.compact, 0);
    receive_piece(0, TOTAL);
    written(RAFT_OK, TOTAL);
    restored(RAFT_OK);
    seen.last_entries = write;
    persist_entries();
    ck_assert_int_eq(seen.reset, 1);
    emptied();
    ck_assert_int_eq(seen.compact, 0);
}
END_TEST

START_TEST(compacts_nothing_that_is_not_applied)
{
    follow_to_install(3);
    holds_applies = true;
    receive_piece(0, TOTAL);
    receive_append(2, 2, id(1, 3), 21, 18);
    struct raft_effect write = seen.last_entries;
    written(RAFT_OK, TOTAL);
    seen.last_entries = write;
    persist_entries();
    ck_assert_uint_eq(view.durable.index, 21);
    ck_assert_uint_eq(view.base.index, 1);
    holds_applies = false;
    feed((struct raft_event){.type = RAFT_EVENT_APPLIED, .id = id(2, 21)});
    drain();
    ck_assert_uint_eq(view.base.index, 20);
}
END_TEST

START_TEST(a_piece_that_cannot_be_written_begins_the_snapshot_again)
{
    const enum raft_status failures[] = {RAFT_BUSY, RAFT_NOSPACE, RAFT_CORRUPT, RAFT_NOMEM};
    for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++) {
        follow_to_install(3);
        receive_piece(0, 4);
        written(RAFT_OK, 4);
        receive_piece(4, 6);
        written(failures[i], 0);
        assert_answer(RAFT_FLAG_BUSY, 0);
        ck_assert_uint_eq(view.snapshot.index, 0);
        ck_assert(!view.is_installing);
        receive_piece(0, 4);
        ck_assert_int_eq(seen.receive, 1);
        if (i + 1 < sizeof failures / sizeof failures[0]) {
            teardown();
        }
    }
}
END_TEST

START_TEST(a_later_snapshot_takes_the_place_of_the_one_that_was_coming)
{
    follow_to_install(3);
    receive_piece(0, 4);
    written(RAFT_OK, 4);
    receive_piece_of(2, 2, id(2, 40), 0, 4);
    ck_assert_int_eq(seen.receive, 1);
    ck_assert_uint_eq(seen.last_snapshot.offset, 0);
    assert_id(seen.last_snapshot.snapshot.id, 2, 40);
}
END_TEST

START_TEST(another_leaders_file_begins_again)
{
    follow_to_install(3);
    receive_piece(0, 4);
    written(RAFT_OK, 4);
    receive_piece_of(3, 3, coming, 4, 4);
    persist_state();
    assert_answer(RAFT_FLAG_SUCCESS, 0);
    receive_piece_of(3, 3, coming, 0, 4);
    ck_assert_int_eq(seen.receive, 1);
}
END_TEST

START_TEST(a_snapshot_that_stopped_coming_holds_nothing_up)
{
    follow_to_install(3);
    receive_piece(0, 4);
    written(RAFT_OK, 4);
    ck_assert(view.is_installing);
    receive_append(3, 3, id(1, 3), 3, 0);
    persist_state();
    ck_assert(!view.is_installing);
    ask_for_snapshot();
    ck_assert_int_eq(seen.save, 1);
}
END_TEST

START_TEST(tells_nobody_about_a_piece_whose_leader_is_gone)
{
    follow_to_install(3);
    receive_piece(0, 4);
    receive_append(3, 3, id(1, 3), 1, 0);
    persist_state();
    written(RAFT_OK, 4);
    ck_assert_int_eq(seen.sent_count, 0);
}
END_TEST

START_TEST(refuses_a_piece_of_an_older_term_with_its_own)
{
    create(3, 5, 0);
    receive_piece(0, 4);
    ck_assert_int_eq(seen.receive, 0);
    assert_answer(0, 0);
    ck_assert_uint_eq(seen.sent[0].term, 5);
}
END_TEST

START_TEST(a_piece_is_a_sign_of_life_of_the_leader)
{
    create(3, 1, 0);
    now += T_MIN - 1;
    receive_piece(0, 4);
    ck_assert_uint_eq(view.leader, 2);
    ck_assert_uint_eq(view.state.term, 2);
    ck_assert_int_eq(seen.receive, 0); /* before the term is durable */
    persist_state();
    ck_assert_int_eq(seen.receive, 1);
    now += T_MIN - 1;
    receive((struct raft_message){.type = RAFT_MESSAGE_PREVOTE_REQ, .from = 3, .term = 3});
    ck_assert_uint_eq(seen.sent[0].flags, 0);
}
END_TEST

START_TEST(votes_while_a_snapshot_comes)
{
    follow_to_install(3);
    receive_piece(0, 4);
    now += T_MIN;
    receive(
        (struct raft_message){.type = RAFT_MESSAGE_VOTE_REQ, .from = 3, .term = 3, .id = {2, 25}});
    persist_state();
    ck_assert_int_eq(seen.sent[0].type, RAFT_MESSAGE_VOTE_REP);
    ck_assert_uint_eq(seen.sent[0].flags, RAFT_FLAG_SUCCESS);
}
END_TEST

START_TEST(a_piece_that_waits_is_released_with_the_node)
{
    create(3, 1, 0);
    receive_piece(0, 4); /* not handed over before the term is durable; teardown looks for it */
    ck_assert_int_eq(seen.receive, 0);
    ck_assert(view.is_installing);
}
END_TEST

static void setup(void)
{
    memset(&snapshots, 0, sizeof snapshots);
    holds_applies = false;
}

static Suite *snapshot_suite(void)
{
    Suite *suite = suite_create("raft_snapshot");
    TCase *own = tcase_create("own");
    tcase_add_checked_fixture(own, setup, teardown);
    tcase_add_test(own, saves_when_a_threshold_of_entries_is_applied);
    tcase_add_test(own, saves_on_request_and_one_at_a_time);
    tcase_add_test(own, saves_what_is_applied_and_not_what_is_being_applied);
    tcase_add_test(own, saves_nothing_of_a_term_that_is_not_durable);
    tcase_add_test(own, compacts_behind_a_snapshot_but_for_the_trailing_entries);
    tcase_add_test(own, compacts_nothing_when_the_trailing_entries_reach_the_beginning);
    tcase_add_test(own, compacts_what_is_not_durable_when_it_is);
    tcase_add_test(own, a_failed_save_changes_nothing_and_is_tried_again);
    tcase_add_test(own, a_refused_compaction_is_tried_again);
    tcase_add_test(own, begins_with_what_is_in_the_snapshot);
    tcase_add_test(own, gives_no_vote_to_a_log_that_ends_before_its_base);
    tcase_add_test(own, acknowledges_its_base_whatever_position_it_is_asked);
    tcase_add_test(own, takes_of_an_append_that_begins_before_its_base_what_lies_behind);
    tcase_add_test(own, hints_at_its_base_when_it_refuses);
    suite_add_tcase(suite, own);
    TCase *come = tcase_create("come");
    tcase_add_checked_fixture(come, setup, teardown);
    tcase_add_test(come, answers_a_piece_when_it_is_written_and_not_before);
    tcase_add_test(come, acknowledges_a_snapshot_when_the_log_behind_it_is_durably_empty);
    tcase_add_test(come, writes_no_entry_before_the_log_is_empty);
    tcase_add_test(come, a_refused_reset_is_tried_again_before_any_write);
    tcase_add_test(come, a_write_under_way_makes_nothing_durable_in_a_log_that_was_reset);
    tcase_add_test(come, a_full_disk_resets_the_log_all_the_same);
    tcase_add_test(come, keeps_a_log_that_has_the_position_of_the_snapshot);
    tcase_add_test(come, waits_for_the_batch_that_is_out);
    tcase_add_test(come, applies_nothing_while_the_state_machine_is_replaced);
    tcase_add_test(come, needs_no_restoring_when_commit_has_overtaken_the_snapshot);
    tcase_add_test(come, a_refused_restoring_is_tried_again);
    tcase_add_test(come, says_at_once_that_it_has_what_is_durable_here);
    tcase_add_test(come, asks_for_patience_while_what_is_committed_is_not_durable);
    tcase_add_test(come, asks_for_the_piece_that_it_needs);
    tcase_add_test(come, drops_a_piece_while_another_one_is_written);
    tcase_add_test(come, drops_a_piece_while_a_snapshot_is_put_in_place);
    tcase_add_test(come, drops_a_piece_while_its_own_snapshot_is_saved);
    tcase_add_test(come, saves_no_own_snapshot_while_one_comes);
    tcase_add_test(come, saves_no_own_snapshot_at_its_threshold_while_one_comes);
    tcase_add_test(come, drops_a_piece_of_another_leader_while_one_is_written);
    tcase_add_test(come, drops_a_repeated_piece_while_the_first_one_waits);
    tcase_add_test(come, answers_for_no_term_that_is_over);
    tcase_add_test(come, acknowledges_a_log_that_it_kept_as_far_as_the_snapshot);
    tcase_add_test(come, adopts_the_configuration_of_the_snapshot);
    tcase_add_test(come, compacts_nothing_of_a_log_that_is_emptied);
    tcase_add_test(come, compacts_nothing_that_is_not_applied);
    tcase_add_test(come, a_piece_that_cannot_be_written_begins_the_snapshot_again);
    tcase_add_test(come, a_later_snapshot_takes_the_place_of_the_one_that_was_coming);
    tcase_add_test(come, another_leaders_file_begins_again);
    tcase_add_test(come, a_snapshot_that_stopped_coming_holds_nothing_up);
    tcase_add_test(come, tells_nobody_about_a_piece_whose_leader_is_gone);
    tcase_add_test(come, refuses_a_piece_of_an_older_term_with_its_own);
    tcase_add_test(come, a_piece_is_a_sign_of_life_of_the_leader);
    tcase_add_test(come, votes_while_a_snapshot_comes);
    tcase_add_test(come, a_piece_that_waits_is_released_with_the_node);
    suite_add_tcase(suite, come);
    return suite;
}

int main(void)
{
    return unit_main(snapshot_suite());
}
