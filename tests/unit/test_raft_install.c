/* The leader's side of snapshots: who is sent one, piece by piece, and how that ends. */
#include "raft_fixture.h"

#define TOTAL 10u /* bytes of the published snapshot */

static uint32_t voters; /* 3 by default */

/* Makes node 1 the leader of term 4. Its log begins behind (3, 10), has five entries of
 * term 3 and ends with its own first entry, at 16; all of it is durable, nothing of it committed.
 * The others have been sent that entry, behind (3, 15). */
static void lead_behind_a_snapshot(void)
{
    create_behind(voters, 3, 0, id(3, 10));
    receive_append(2, 3, id(3, 10), 10, 5);
    persist_entries();
    campaign();
    persist_state();
    for (raft_node_id voter = 2; voter <= 1 + voters / 2; voter++) {
        receive((struct raft_message){
            .type = RAFT_MESSAGE_VOTE_REP, .from = voter, .term = 4, .flags = RAFT_FLAG_SUCCESS});
    }
    ck_assert_int_eq(view.role, RAFT_LEADER);
    persist_entries();
    ck_assert_uint_eq(view.durable.index, 16);
    ck_assert_uint_eq(view.commit, 10);
}

static void refuse_at(raft_node_id from, struct raft_entry_id position, struct raft_entry_id hint)
{
    receive((struct raft_message){
        .type = RAFT_MESSAGE_APPEND_REP, .from = from, .term = 4, .id = position, .hint = hint});
}

/* A follower whose log ends before the base. */
static void refuse(raft_node_id from)
{
    refuse_at(from, id(3, 15), id(1, 4));
}

static enum raft_progress_state state_of(raft_node_id peer)
{
    return progress_of(peer).state;
}

/* Storage has read the piece that was asked for last. */
static void read_piece(uint32_t size)
{
    feed((struct raft_event){
        .type = RAFT_EVENT_SNAPSHOT_FETCHED,
        .snapshot = {.id = seen.last_snapshot.snapshot.id, .size = TOTAL},
        .offset = seen.last_snapshot.offset,
        .bytes = core_memory_alloc(&memory, RAFT_AT_MESSAGE_DECODE_PIECE, size),
        .size = size,
    });
}

static void fetched(uint32_t size)
{
    read_piece(size);
    drain();
}

static void not_fetched(enum raft_status status)
{
    feed((struct raft_event){.type = RAFT_EVENT_SNAPSHOT_FETCHED, .status = status});
    drain();
}

static void answer_about(raft_node_id from, struct raft_entry_id snapshot, uint32_t flags,
                         uint64_t offset)
{
    receive((struct raft_message){
        .type = RAFT_MESSAGE_INSTALL_REP,
        .from = from,
        .term = 4,
        .flags = flags,
        .id = snapshot,
        .offset = offset,
        .total = TOTAL,
    });
}

static void answer(raft_node_id from, uint32_t flags, uint64_t offset)
{
    answer_about(from, id(3, 10), flags, offset);
}

static const struct raft_message *piece_to(raft_node_id to)
{
    return sent(RAFT_MESSAGE_INSTALL_REQ, to);
}

/* Node 2 has been sent the first piece, of 4 bytes. */
static void send_first_piece(void)
{
    lead_behind_a_snapshot();
    refuse(2);
    ck_assert_int_eq(seen.fetch, 1);
    fetched(4);
    ck_assert_ptr_nonnull(piece_to(2));
}

/* Node 2 has acknowledged all of the log, started again, and an entry of it is damaged. */
static void refuse_damaged(struct raft_entry_id hint)
{
    lead_behind_a_snapshot();
    acknowledge(2, 4, id(4, 16));
    receive((struct raft_message){.type = RAFT_MESSAGE_APPEND_REP,
                                  .from = 2,
                                  .term = 4,
                                  .flags = RAFT_FLAG_DAMAGED,
                                  .id = id(4, 16),
                                  .hint = hint});
}

START_TEST(a_follower_with_a_damaged_entry_before_the_base_gets_the_snapshot)
{
    refuse_damaged(id(1, 4));
    ck_assert_int_eq(state_of(2), RAFT_INSTALL);
    ck_assert_uint_eq(progress_of(2).match, 16);
    ck_assert_int_eq(seen.fetch, 1);
}
END_TEST

START_TEST(a_follower_with_a_damaged_entry_behind_the_base_gets_no_snapshot)
{
    refuse_damaged(id(3, 12));
    ck_assert_int_ne(state_of(2), RAFT_INSTALL);
}
END_TEST

START_TEST(an_install_of_a_follower_with_a_damaged_entry_outlasts_its_heartbeats)
{
    refuse_damaged(id(1, 4));
    acknowledge(2, 4, id(1, 4));
    ck_assert_int_eq(state_of(2), RAFT_INSTALL);
}
END_TEST

START_TEST(a_refusal_leads_to_a_probe_or_to_the_snapshot)
{
    const struct {
        struct raft_entry_id hint;
        enum raft_progress_state state;
        raft_index next;
    } table[] = {
        {{3, 12}, RAFT_PROBE, 13},  {{3, 10}, RAFT_PROBE, 11}, /* the base may agree: ask */
        {{1, 12}, RAFT_PROBE, 11},  /* the same: only an older term's positions could be before */
        {{3, 9}, RAFT_INSTALL, 11}, /* nothing of this log can */
        {{0, 0}, RAFT_INSTALL, 11},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        lead_behind_a_snapshot();
        refuse_at(2, id(3, 15), table[i].hint);
        ck_assert_int_eq(state_of(2), table[i].state);
        ck_assert_uint_eq(progress_of(2).next, table[i].next);
        ck_assert_int_eq(seen.fetch, table[i].state == RAFT_INSTALL);
        if (i + 1 < sizeof table / sizeof table[0]) {
            teardown();
        }
    }
}
END_TEST

START_TEST(a_refusal_of_the_base_leads_to_the_snapshot)
{
    lead_behind_a_snapshot();
    refuse_at(2, id(3, 15), id(1, 12));
    refuse_at(2, id(3, 10), id(1, 10));
    ck_assert_int_eq(state_of(2), RAFT_INSTALL);
}
END_TEST

START_TEST(sends_a_piece_when_it_has_been_read)
{
    lead_behind_a_snapshot();
    refuse(2);
    ck_assert_int_eq(seen.fetch, 1);
    ck_assert_uint_eq(seen.last_snapshot.node, 2);
    ck_assert_uint_eq(seen.last_snapshot.snapshot.id.index, 10);
    ck_assert_uint_eq(seen.last_snapshot.offset, 0);
    ck_assert_ptr_null(piece_to(2));
    fetched(4);
    const struct raft_message *piece = piece_to(2);
    ck_assert_ptr_nonnull(piece);
    ck_assert_uint_eq(piece->term, 4);
    ck_assert_uint_eq(piece->id.term, 3);
    ck_assert_uint_eq(piece->id.index, 10);
    ck_assert_uint_eq(piece->offset, 0);
    ck_assert_uint_eq(piece->total, TOTAL);
    ck_assert_uint_eq(piece->size, 4);
    ck_assert_int_eq(seen.fetch, 0); /* until it has answered */
}
END_TEST

START_TEST(the_next_piece_begins_where_the_answer_says)
{
    const struct {
        uint32_t flags;
        uint64_t offset;
        int fetches; /* at once */
        uint64_t from;
    } table[] = {
        {RAFT_FLAG_SUCCESS, 8, 1, 8},                            /* it went on */
        {RAFT_FLAG_SUCCESS, 0, 1, 0},                            /* it begins again */
        {RAFT_FLAG_SUCCESS, 4, 0, 4},                            /* repeated: it says nothing new */
        {RAFT_FLAG_SUCCESS, 3, 0, 4},                            /* late */
        {RAFT_FLAG_BUSY, 4, 0, 4},    {RAFT_FLAG_BUSY, 0, 0, 0}, /* it begins again, later */
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        send_first_piece();
        answer(2, RAFT_FLAG_SUCCESS, 4);
        ck_assert_uint_eq(seen.last_snapshot.offset, 4);
        fetched(4);
        answer(2, table[i].flags, table[i].offset);
        ck_assert_int_eq(seen.fetch, table[i].fetches);
        ck_assert_uint_eq(progress_of(2).offset, table[i].from);
        if (table[i].fetches > 0) {
            ck_assert_uint_eq(seen.last_snapshot.offset, table[i].from);
        }
        if (i + 1 < sizeof table / sizeof table[0]) {
            teardown();
        }
    }
}
END_TEST

START_TEST(an_answer_about_another_snapshot_says_nothing)
{
    send_first_piece();
    answer_about(2, id(2, 10), RAFT_FLAG_SUCCESS, TOTAL);
    answer_about(2, id(3, 9), RAFT_FLAG_SUCCESS, TOTAL);
    ck_assert_int_eq(state_of(2), RAFT_INSTALL);
    ck_assert_uint_eq(progress_of(2).match, 0);
    answer(3, RAFT_FLAG_SUCCESS, TOTAL); /* from one that was sent nothing */
    ck_assert_uint_eq(progress_of(3).match, 0);
}
END_TEST

START_TEST(goes_on_behind_an_installed_snapshot)
{
    send_first_piece();
    answer(2, RAFT_FLAG_SUCCESS, TOTAL);
    ck_assert_int_eq(state_of(2), RAFT_PROBE);
    ck_assert_uint_eq(progress_of(2).match, 10);
    const struct raft_message *append = sent(RAFT_MESSAGE_APPEND_REQ, 2);
    ck_assert_ptr_nonnull(append);
    ck_assert_uint_eq(append->id.term, 3);
    ck_assert_uint_eq(append->id.index, 10);
    ck_assert_uint_eq(append->entry_count, 6);
    acknowledge(2, 4, id(4, 16));
    ck_assert_int_eq(state_of(2), RAFT_REPLICATE);
    ck_assert_uint_eq(view.commit, 16);
}
END_TEST

START_TEST(heartbeats_at_the_beginning_while_it_installs)
{
    send_first_piece();
    heartbeat();
    const struct raft_message *message = sent(RAFT_MESSAGE_APPEND_REQ, 2);
    ck_assert_ptr_nonnull(message);
    ck_assert_uint_eq(message->id.index, 0);
    ck_assert_uint_eq(message->id.term, 0);
    ck_assert_uint_eq(message->commit, 0);
    ck_assert_uint_eq(message->entry_count, 0);
    ck_assert_uint_eq(sent(RAFT_MESSAGE_APPEND_REQ, 3)->id.index, 15);
}
END_TEST

START_TEST(takes_an_acknowledgement_from_before_its_base)
{
    send_first_piece();
    for (int i = 0; i < 3; i++) { /* node 2 alone keeps it in office */
        now += T_MIN;
        acknowledge(2, 4, id(1, 4));
        fire(RAFT_TIMER_ELECTION, 0);
    }
    ck_assert_int_eq(view.role, RAFT_LEADER);
    ck_assert_uint_eq(progress_of(2).match, 4);
    ck_assert_int_eq(state_of(2), RAFT_INSTALL);
}
END_TEST

START_TEST(ends_an_install_whose_last_answer_was_lost)
{
    send_first_piece();
    acknowledge(2, 4, id(3, 10));
    ck_assert_int_eq(state_of(2), RAFT_REPLICATE);
    ck_assert_uint_eq(sent(RAFT_MESSAGE_APPEND_REQ, 2)->entry_count, 6);
    ck_assert_int_eq(seen.fetch, 0);
}
END_TEST

START_TEST(a_lost_piece_is_sent_again_with_a_heartbeat)
{
    send_first_piece();
    heartbeat();
    ck_assert_int_eq(seen.fetch, 1);
    ck_assert_uint_eq(seen.last_snapshot.offset, 0);
    struct raft_effect fetch = seen.last_snapshot;
    heartbeat(); /* not twice while it is being read */
    ck_assert_int_eq(seen.fetch, 0);
    seen.last_snapshot = fetch;
    fetched(4);
    ck_assert_ptr_nonnull(piece_to(2));
    ck_assert_int_eq(seen.fetch, 0);
}
END_TEST

START_TEST(a_piece_has_a_heartbeat_interval_to_be_answered)
{
    lead_behind_a_snapshot();
    now += 10;
    refuse(2);
    fetched(4);
    fire(RAFT_TIMER_HEARTBEAT, 40);
    ck_assert_int_eq(seen.fetch, 0);
    heartbeat();
    ck_assert_int_eq(seen.fetch, 1);
}
END_TEST

START_TEST(a_late_refusal_does_not_begin_the_install_again)
{
    send_first_piece();
    answer(2, RAFT_FLAG_SUCCESS, 4);
    fetched(4);
    refuse(2);
    ck_assert_int_eq(seen.fetch, 0);
    ck_assert_uint_eq(progress_of(2).offset, 4);
}
END_TEST

START_TEST(an_answer_about_the_snapshot_keeps_the_leader_in_office)
{
    send_first_piece();
    for (int i = 0; i < 3; i++) {
        now += T_MIN;
        answer(2, RAFT_FLAG_BUSY, 0);
        fire(RAFT_TIMER_ELECTION, 0);
    }
    ck_assert_int_eq(view.role, RAFT_LEADER);
}
END_TEST

START_TEST(probes_a_full_follower_no_deeper_than_the_base)
{
    lead_behind_a_snapshot();
    receive((struct raft_message){.type = RAFT_MESSAGE_APPEND_REP,
                                  .from = 2,
                                  .term = 4,
                                  .flags = RAFT_FLAG_SUCCESS | RAFT_FLAG_BUSY,
                                  .id = {1, 4}});
    ck_assert_int_eq(state_of(2), RAFT_PROBE);
    ck_assert_uint_eq(progress_of(2).match, 4);
    ck_assert_uint_eq(progress_of(2).next, 11);
}
END_TEST

START_TEST(a_silent_follower_loses_its_turn_to_the_next)
{
    send_first_piece();
    refuse(3);
    ck_assert_int_eq(state_of(3), RAFT_INSTALL);
    ck_assert_int_eq(seen.fetch, 0); /* installs_max is 1 */
    acknowledge(3, 4, id(0, 0));     /* alive, and waiting */
    now += T_MAX - 50;
    heartbeat();
    ck_assert_int_eq(state_of(2), RAFT_PROBE);
    ck_assert_int_eq(seen.fetch, 1);
    ck_assert_uint_eq(seen.last_snapshot.node, 3);
}
END_TEST

START_TEST(a_busy_follower_keeps_its_turn)
{
    send_first_piece();
    for (int i = 0; i < 10; i++) {
        heartbeat();
        if (seen.fetch > 0) {
            fetched(4);
        }
        answer(2, RAFT_FLAG_BUSY, 0);
    }
    ck_assert_int_eq(state_of(2), RAFT_INSTALL);
}
END_TEST

/* Node 2 has taken 4 bytes and cannot take more; it begins again and again, and answers. */
static void stall(raft_time length)
{
    for (raft_time passed = 0; passed < length; passed += 50) {
        heartbeat();
        if (seen.fetch > 0) {
            fetched(4);
        }
        answer(2, RAFT_FLAG_SUCCESS, 4);
        if (seen.fetch > 0) {
            fetched(4);
        }
        answer(2, RAFT_FLAG_BUSY, 0);
        acknowledge(3, 4, id(4, 16));
    }
}

START_TEST(an_install_that_goes_no_further_gives_way_to_an_own_snapshot)
{
    snapshots.threshold = 1;
    send_first_piece();
    acknowledge(3, 4, id(4, 16));
    answer(2, RAFT_FLAG_SUCCESS, 4);
    fetched(4);
    stall(4 * T_MAX - 50);
    ck_assert_int_eq(state_of(2), RAFT_INSTALL);
    ck_assert_int_eq(seen.save, 0);
    heartbeat();
    ck_assert_int_eq(state_of(2), RAFT_PROBE);
    ck_assert_int_eq(seen.save, 1);
}
END_TEST

START_TEST(an_install_that_goes_on_slowly_keeps_its_turn)
{
    send_first_piece();
    for (uint64_t offset = 1; offset < TOTAL; offset++) {
        for (int i = 0; i < 20; i++) {
            heartbeat();
            if (seen.fetch > 0) {
                fetched(1);
            }
            answer(2, RAFT_FLAG_BUSY, offset);
        }
    }
    ck_assert_int_eq(state_of(2), RAFT_INSTALL);
}
END_TEST

START_TEST(one_waits_until_another_has_its_snapshot)
{
    send_first_piece();
    refuse(3);
    ck_assert_int_eq(seen.fetch, 0);
    answer(2, RAFT_FLAG_SUCCESS, TOTAL);
    ck_assert_int_eq(seen.fetch, 1);
    ck_assert_uint_eq(seen.last_snapshot.node, 3);
}
END_TEST

START_TEST(reads_one_piece_at_a_time_for_all)
{
    snapshots.installs_max = 2;
    lead_behind_a_snapshot();
    refuse(2);
    ck_assert_int_eq(seen.fetch, 1);
    struct raft_effect first = seen.last_snapshot;
    refuse(3);
    ck_assert_int_eq(seen.fetch, 0);
    seen.last_snapshot = first;
    fetched(4);
    ck_assert_ptr_nonnull(piece_to(2));
    ck_assert_int_eq(seen.fetch, 1);
    ck_assert_uint_eq(seen.last_snapshot.node, 3);
}
END_TEST

START_TEST(every_follower_gets_its_piece_in_turn)
{
    voters = 5;
    snapshots.installs_max = 3;
    lead_behind_a_snapshot();
    refuse(2);
    struct raft_effect first = seen.last_snapshot;
    refuse(3);
    refuse(4);
    seen.last_snapshot = first;
    fetched(4);
    ck_assert_uint_eq(seen.last_snapshot.node, 3);
    struct raft_effect second = seen.last_snapshot;
    answer(2, RAFT_FLAG_SUCCESS, 4);
    seen.last_snapshot = second;
    fetched(4);
    ck_assert_uint_eq(seen.last_snapshot.node, 4); /* before node 2's next one */
}
END_TEST

START_TEST(takes_no_own_snapshot_while_one_is_sent)
{
    snapshots.threshold = 1;
    send_first_piece();
    acknowledge(3, 4, id(4, 16));
    ck_assert_uint_eq(view.applied, 16);
    ck_assert_int_eq(seen.save, 0);
    ck_assert_int_eq(try((struct raft_event){.type = RAFT_EVENT_SNAPSHOT}), RAFT_BUSY);
    answer(2, RAFT_FLAG_SUCCESS, TOTAL);
    ck_assert_int_eq(seen.save, 1);
}
END_TEST

START_TEST(sends_none_while_its_own_is_saved)
{
    snapshots.threshold = 1;
    lead_behind_a_snapshot();
    acknowledge(3, 4, id(4, 16));
    ck_assert_int_eq(seen.save, 1);
    struct raft_effect save = seen.last_snapshot;
    refuse(2);
    ck_assert_int_eq(state_of(2), RAFT_INSTALL);
    ck_assert_int_eq(seen.fetch, 0);
    persist_snapshot(save.snapshot);
    ck_assert_int_eq(seen.fetch, 1);
    ck_assert_uint_eq(seen.last_snapshot.snapshot.id.index, 16);
}
END_TEST

START_TEST(an_unreadable_snapshot_gets_a_successor_before_it_is_sent)
{
    lead_behind_a_snapshot();
    refuse(2);
    not_fetched(RAFT_CORRUPT);
    ck_assert_int_eq(state_of(2), RAFT_PROBE);
    ck_assert_int_eq(seen.save, 1);
    ck_assert_uint_eq(seen.last_snapshot.snapshot.id.index, 10);
    struct raft_effect save = seen.last_snapshot;
    refuse_at(2, id(3, 10), id(1, 4));
    ck_assert_int_eq(seen.fetch, 0);
    feed((struct raft_event){.type = RAFT_EVENT_SNAPSHOT_SAVED, .status = RAFT_NOSPACE});
    drain();
    ck_assert_int_eq(seen.fetch, 0);
    retry();
    ck_assert_int_eq(seen.save, 1);
    persist_snapshot(save.snapshot);
    ck_assert_int_eq(seen.fetch, 1);
}
END_TEST

START_TEST(a_snapshot_that_another_one_replaced_needs_no_successor)
{
    lead_behind_a_snapshot();
    refuse(2);
    not_fetched(RAFT_STALE);
    ck_assert_int_eq(state_of(2), RAFT_PROBE);
    ck_assert_int_eq(seen.save, 0);
    refuse_at(2, id(3, 10), id(1, 4));
    ck_assert_int_eq(seen.fetch, 0);
    retry();
    ck_assert_int_eq(seen.fetch, 1);
}
END_TEST

/* What was published cannot be read; the last time it is not saved again. */
static void lose_snapshots(int times)
{
    for (int i = 0; i < times; i++) {
        refuse_at(2, i == 0 ? id(3, 15) : id(3, 10), id(1, 4));
        ck_assert_int_eq(seen.fetch, 1);
        not_fetched(RAFT_CORRUPT);
        if (i + 1 < times) {
            ck_assert_int_eq(view.role, RAFT_LEADER);
            ck_assert_int_eq(seen.save, 1);
            persist_snapshot(seen.last_snapshot.snapshot);
        }
    }
}

START_TEST(makes_way_when_it_cannot_read_one_snapshot_after_the_other)
{
    lead_behind_a_snapshot();
    lose_snapshots(3);
    ck_assert_int_eq(view.role, RAFT_FOLLOWER);
    ck_assert_uint_eq(view.state.term, 4);
}
END_TEST

/* The third one is saved, and node 2 needs it. */
static void lose_two_and_ask(void)
{
    lead_behind_a_snapshot();
    lose_snapshots(2);
    persist_snapshot(seen.last_snapshot.snapshot);
    refuse_at(2, id(3, 10), id(1, 4));
}

/* Node 2 loses its turn while the third one is read. */
START_TEST(makes_way_also_when_nobody_waits_for_the_last_one_any_more)
{
    lose_two_and_ask();
    ck_assert_int_eq(seen.fetch, 1);
    fire(RAFT_TIMER_HEARTBEAT, T_MAX);
    ck_assert_int_eq(state_of(2), RAFT_PROBE);
    not_fetched(RAFT_CORRUPT);
    ck_assert_int_eq(view.role, RAFT_FOLLOWER);
}
END_TEST

START_TEST(a_snapshot_that_can_be_read_lets_it_begin_to_count_again)
{
    lose_two_and_ask();
    fetched(4);
    ck_assert_ptr_nonnull(piece_to(2));
    answer(2, RAFT_FLAG_SUCCESS, 4);
    ck_assert_int_eq(seen.fetch, 1);
    not_fetched(RAFT_CORRUPT);
    ck_assert_int_eq(view.role, RAFT_LEADER);
    ck_assert_int_eq(seen.save, 1);
}
END_TEST

START_TEST(a_disk_that_reads_no_snapshot_gets_a_new_one_only_after_a_pause)
{
    lead_behind_a_snapshot();
    lose_snapshots(3);
    ck_assert_int_eq(seen.save, 0);
    now += 4 * T_MAX - 1;
    drain();
    ck_assert_int_eq(seen.save, 0);
    now += 1;
    drain();
    ck_assert_int_eq(seen.save, 1);
}
END_TEST

START_TEST(a_refused_read_is_tried_again)
{
    const enum raft_status refusals[] = {RAFT_BUSY, RAFT_NOMEM};
    for (size_t i = 0; i < 2; i++) {
        lead_behind_a_snapshot();
        refuse(2);
        not_fetched(refusals[i]);
        ck_assert_int_eq(seen.fetch, 0);
        ck_assert_int_eq(state_of(2), RAFT_INSTALL);
        retry();
        ck_assert_int_eq(seen.fetch, 1);
        if (i == 0) {
            teardown();
        }
    }
}
END_TEST

START_TEST(drops_a_piece_that_nobody_waits_for)
{
    lead_behind_a_snapshot();
    refuse(2);
    struct raft_effect fetch = seen.last_snapshot;
    receive((struct raft_message){.type = RAFT_MESSAGE_VOTE_REP, .from = 3, .term = 9});
    ck_assert_int_eq(view.role, RAFT_FOLLOWER);
    persist_state();
    seen.last_snapshot = fetch;
    fetched(4);
    ck_assert_int_eq(seen.sent_count, 0); /* teardown looks for the piece */
}
END_TEST

START_TEST(a_piece_that_waits_is_released_when_it_steps_down)
{
    lead_behind_a_snapshot();
    refuse(2);
    read_piece(4);
    receive((struct raft_message){.type = RAFT_MESSAGE_VOTE_REP, .from = 3, .term = 9});
    persist_state();
    ck_assert_ptr_null(piece_to(2));
}
END_TEST

START_TEST(a_piece_that_waits_is_released_when_its_follower_needs_it_no_more)
{
    lead_behind_a_snapshot();
    refuse(2);
    read_piece(4);
    acknowledge(2, 4, id(3, 10));
    ck_assert_ptr_null(piece_to(2));
    ck_assert_ptr_nonnull(sent(RAFT_MESSAGE_APPEND_REQ, 2));
}
END_TEST

START_TEST(a_piece_that_waits_is_released_with_the_node)
{
    lead_behind_a_snapshot();
    refuse(2);
    read_piece(4);
    ck_assert_int_eq(view.role, RAFT_LEADER); /* teardown looks for the piece */
}
END_TEST

START_TEST(a_piece_leaves_without_memory)
{
    struct raft_effect effect;
    lead_behind_a_snapshot();
    refuse(2);
    acknowledge(3, 4, id(4, 16));
    ck_assert_int_eq(submit(), RAFT_OK);
    seen.last_snapshot = (struct raft_effect){.node = 2, .snapshot = {.id = {3, 10}}};
    read_piece(4);
    memory.fail_at = memory.allocations + 1;
    bool has_left = false;
    enum raft_status status = RAFT_OK;
    while (status == RAFT_OK) {
        struct raft_event ready = {.type = RAFT_EVENT_READY, .now_ns = now};
        status = raft_step(raft, &ready, &effect);
        ck_assert(status != RAFT_OK || effect.type != RAFT_EFFECT_NONE);
        has_left = has_left || (effect.type == RAFT_EFFECT_SEND &&
                                effect.message.type == RAFT_MESSAGE_INSTALL_REQ);
        raft_effect_release(&memory.memory, &effect);
    }
    ck_assert_int_eq(status, RAFT_NOMEM); /* of the append to node 3 */
    ck_assert(has_left);
}
END_TEST

START_TEST(compaction_sends_those_that_it_overtook_back_to_probe)
{
    lead_behind_a_snapshot();
    refuse_at(2, id(3, 15), id(3, 12)); /* probed at 12, and silent from then on */
    ck_assert_uint_eq(progress_of(2).next, 13);
    acknowledge(3, 4, id(4, 16));
    ck_assert_uint_eq(view.applied, 16);
    feed((struct raft_event){.type = RAFT_EVENT_SNAPSHOT});
    drain();
    persist_snapshot(seen.last_snapshot.snapshot);
    ck_assert_uint_eq(view.base.index, 16);
    ck_assert_int_eq(state_of(2), RAFT_PROBE);
    ck_assert_uint_eq(progress_of(2).next, 17);
    ck_assert_int_eq(state_of(3), RAFT_REPLICATE);
    ck_assert_uint_eq(progress_of(3).next, 17);
    refuse_at(2, id(4, 16), id(3, 12));
    ck_assert_int_eq(state_of(2), RAFT_INSTALL);
}
END_TEST

START_TEST(a_new_leader_remembers_no_install)
{
    send_first_piece();
    receive((struct raft_message){.type = RAFT_MESSAGE_VOTE_REP, .from = 3, .term = 5});
    persist_state();
    campaign();
    persist_state();
    receive((struct raft_message){
        .type = RAFT_MESSAGE_VOTE_REP, .from = 3, .term = 6, .flags = RAFT_FLAG_SUCCESS});
    ck_assert_int_eq(view.role, RAFT_LEADER);
    ck_assert_int_eq(state_of(2), RAFT_PROBE);
    ck_assert_int_eq(seen.fetch, 0);
    ck_assert_uint_eq(sent(RAFT_MESSAGE_APPEND_REQ, 2)->id.index, 16);
}
END_TEST

START_TEST(reads_nothing_before_an_entry_of_its_own_when_all_before_it_is_compacted)
{
    create_behind(3, 3, 0, id(3, 10));
    campaign();
    persist_state();
    receive((struct raft_message){
        .type = RAFT_MESSAGE_VOTE_REP, .from = 2, .term = 4, .flags = RAFT_FLAG_SUCCESS});
    persist_entries();
    ck_assert_uint_eq(view.commit, view.base.index);
    ck_assert_int_eq(try((struct raft_event){.type = RAFT_EVENT_READ}), RAFT_BUSY);
    acknowledge(2, 4, id(4, 11));
    ck_assert_uint_eq(view.commit, 11);
    ck_assert_int_eq(try((struct raft_event){.type = RAFT_EVENT_READ}), RAFT_OK);
}
END_TEST

static void setup(void)
{
    memset(&snapshots, 0, sizeof snapshots);
    voters = 3;
}

static Suite *install_suite(void)
{
    Suite *suite = suite_create("raft_install");
    TCase *tests = tcase_create("install");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_refusal_leads_to_a_probe_or_to_the_snapshot);
    tcase_add_test(tests, a_follower_with_a_damaged_entry_before_the_base_gets_the_snapshot);
    tcase_add_test(tests, a_follower_with_a_damaged_entry_behind_the_base_gets_no_snapshot);
    tcase_add_test(tests, an_install_of_a_follower_with_a_damaged_entry_outlasts_its_heartbeats);
    tcase_add_test(tests, a_refusal_of_the_base_leads_to_the_snapshot);
    tcase_add_test(tests, sends_a_piece_when_it_has_been_read);
    tcase_add_test(tests, the_next_piece_begins_where_the_answer_says);
    tcase_add_test(tests, an_answer_about_another_snapshot_says_nothing);
    tcase_add_test(tests, goes_on_behind_an_installed_snapshot);
    tcase_add_test(tests, heartbeats_at_the_beginning_while_it_installs);
    tcase_add_test(tests, takes_an_acknowledgement_from_before_its_base);
    tcase_add_test(tests, ends_an_install_whose_last_answer_was_lost);
    tcase_add_test(tests, a_lost_piece_is_sent_again_with_a_heartbeat);
    tcase_add_test(tests, a_piece_has_a_heartbeat_interval_to_be_answered);
    tcase_add_test(tests, a_late_refusal_does_not_begin_the_install_again);
    tcase_add_test(tests, an_answer_about_the_snapshot_keeps_the_leader_in_office);
    tcase_add_test(tests, probes_a_full_follower_no_deeper_than_the_base);
    tcase_add_test(tests, every_follower_gets_its_piece_in_turn);
    tcase_add_test(tests, a_snapshot_that_another_one_replaced_needs_no_successor);
    tcase_add_test(tests, a_piece_that_waits_is_released_when_its_follower_needs_it_no_more);
    tcase_add_test(tests, a_silent_follower_loses_its_turn_to_the_next);
    tcase_add_test(tests, a_busy_follower_keeps_its_turn);
    tcase_add_test(tests, an_install_that_goes_no_further_gives_way_to_an_own_snapshot);
    tcase_add_test(tests, an_install_that_goes_on_slowly_keeps_its_turn);
    tcase_add_test(tests, one_waits_until_another_has_its_snapshot);
    tcase_add_test(tests, reads_one_piece_at_a_time_for_all);
    tcase_add_test(tests, takes_no_own_snapshot_while_one_is_sent);
    tcase_add_test(tests, sends_none_while_its_own_is_saved);
    tcase_add_test(tests, an_unreadable_snapshot_gets_a_successor_before_it_is_sent);
    tcase_add_test(tests, makes_way_when_it_cannot_read_one_snapshot_after_the_other);
    tcase_add_test(tests, makes_way_also_when_nobody_waits_for_the_last_one_any_more);
    tcase_add_test(tests, a_snapshot_that_can_be_read_lets_it_begin_to_count_again);
    tcase_add_test(tests, a_disk_that_reads_no_snapshot_gets_a_new_one_only_after_a_pause);
    tcase_add_test(tests, a_refused_read_is_tried_again);
    tcase_add_test(tests, drops_a_piece_that_nobody_waits_for);
    tcase_add_test(tests, a_piece_that_waits_is_released_when_it_steps_down);
    tcase_add_test(tests, a_piece_that_waits_is_released_with_the_node);
    tcase_add_test(tests, a_piece_leaves_without_memory);
    tcase_add_test(tests, compaction_sends_those_that_it_overtook_back_to_probe);
    tcase_add_test(tests, a_new_leader_remembers_no_install);
    tcase_add_test(tests, reads_nothing_before_an_entry_of_its_own_when_all_before_it_is_compacted);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    return unit_main(install_suite());
}
