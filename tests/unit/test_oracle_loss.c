/* What a node may do whose store has lost promises, entries or the state of its machine: each rule
 * fires on the history that it is there to forbid, and is silent on the one that it allows. */
#include "oracle_double.h"
#include "unit.h"

/* Nodes call them durable, too. */
static void three_durable_everywhere(void)
{
    three_entries_everywhere();
    for (uint32_t node = 1; node <= FAKE_NODES; node++) {
        view_of(node)->durable = view_of(node)->last;
        step(node);
    }
}

/* Node 2 starts again with losses and with the first entries of its log. */
static void restart_with(uint32_t losses, enum raft_condition condition, raft_index entries)
{
    end(2, SIM_NODE_DOWN);
    view_of(2)->state = (struct raft_hard_state){.term = 1, .losses = losses};
    view_of(2)->condition = condition;
    for (uint64_t i = 1; i <= entries; i++) {
        put(2, 1, 100 + i);
    }
    view_of(2)->durable = view_of(2)->last;
    persist(2);
    fake.nodes[2]->node.was_damaged = true;
    start(2);
}

static void quarantine(void)
{
    three_durable_everywhere();
    restart_with(RAFT_LOSS_PROMISES, RAFT_CONDITION_QUARANTINED, 3);
}

static void lose_two_entries(void)
{
    three_durable_everywhere();
    restart_with(RAFT_LOSS_ENTRIES, RAFT_CONDITION_RECOVERING, 1);
}

static void grant(const char *type)
{
    send(2, &(struct sut_message){.type = type, .from = 2, .to = 3, .term = 1, .grants = true});
}

/* All have committed five entries; node 2 has a snapshot of the first two, and entry 5 alone. */
static void have_an_older_snapshot(void)
{
    enter_term(2, 1);
    elect(1, 1);
    for (uint32_t node = 1; node <= FAKE_NODES; node++) {
        replicate(node, 5);
    }
    commit(1, 5);
    put_snapshot(2, "snapshot-2", 1, 2);
    const uint64_t fifth[3] = {1, 5, 105};
    show_file(2, "log", fifth, sizeof fifth);
}

/* A snapshot goes; what the node does after that counts on its log up to entry 5. */
static void lose_snapshot(const char *name)
{
    struct sim_node *node = &fake.nodes[2]->node;
    remove_file(2, name);
    node->process = fake.nodes[2];
    send(2, &(struct sut_message){.type = "append_rep", .term = 1, .claims_index = 5});
    step(2);
}

START_TEST(speaks_durable_accepts_a_log_behind_a_newer_snapshot_that_has_rotted)
{
    have_an_older_snapshot();
    put_snapshot(2, "snapshot-4", 1, 4);
    fake.nodes[2]->node.was_damaged = true;
    fake.nodes[2]->node.is_starting = true;
    lose_snapshot("snapshot-4");
    expect(NULL);
    expect_waived(SIM_WAIVER_CLAIM_LOST);
}
END_TEST

START_TEST(speaks_durable_accepts_a_log_behind_a_newer_snapshot_that_has_vanished)
{
    have_an_older_snapshot();
    put_snapshot(2, "snapshot-4", 1, 4);
    fake.nodes[2]->node.process = NULL;
    lose_snapshot("snapshot-4");
    expect(NULL);
    expect_waived(SIM_WAIVER_CLAIM_LOST);
}
END_TEST

START_TEST(speaks_durable_fires_on_a_log_behind_a_newer_snapshot_that_its_process_removed)
{
    for (int running = 0; running < 2; running++) {
        have_an_older_snapshot();
        put_snapshot(2, "snapshot-4", 1, 4);
        fake.nodes[2]->node.was_damaged = running;
        fake.nodes[2]->node.is_starting = !running;
        lose_snapshot("snapshot-4");
        expect("speaks-durable");
        if (running == 0) {
            arena_tear_down();
            fake_setup();
        }
    }
}
END_TEST

START_TEST(speaks_durable_fires_on_a_hole_that_the_lost_snapshot_filled_in_part)
{
    have_an_older_snapshot();
    put_snapshot(2, "snapshot-3", 1, 3);
    fake.nodes[2]->node.process = NULL;
    lose_snapshot("snapshot-3");
    expect("speaks-durable");
}
END_TEST

/* Node 2 starts with a log that begins behind an entry, of which the disk has had a snapshot, or of
 * one more. */
static void start_behind(raft_index index)
{
    have_an_older_snapshot();
    end(2, SIM_NODE_DOWN);
    fake.nodes[2]->node.disk.observer.removed(fake.nodes[2]->node.disk.observer.ctx, 2,
                                              "snapshot-2");
    fake.nodes[2]->node.was_damaged = true;
    view_of(2)->state.term = 1;
    view_of(2)->base = (struct raft_entry_id){1, index};
    view_of(2)->last = view_of(2)->base;
    view_of(2)->commit = index;
    view_of(2)->is_blank = true;
    view_of(2)->condition = RAFT_CONDITION_RECOVERING;
    start(2);
}

START_TEST(recovery_accepts_a_log_that_begins_behind_a_lost_snapshot)
{
    start_behind(2);
    expect(NULL);
}
END_TEST

START_TEST(recovery_fires_on_a_log_that_begins_behind_no_snapshot)
{
    start_behind(3);
    expect("recovery");
}
END_TEST

/* The first of two files of a log vanishes and is made anew, without an entry at first; what was
 * behind it is read meanwhile, and goes. */
START_TEST(speaks_durable_accepts_a_log_whose_first_file_was_lost_and_made_anew)
{
    enter_term(2, 1);
    const uint64_t entries[4][3] = {{1, 1, 101}, {1, 2, 102}, {1, 3, 103}, {1, 4, 104}};
    const uint8_t *bytes = (const uint8_t *)entries;
    show_file(2, "log-1", bytes, sizeof entries / 2);
    show_file(2, "log-3", bytes + sizeof entries / 2, sizeof entries / 2);
    remove_file(2, "log-1");
    show_file(2, "log-3", bytes + sizeof entries / 2, sizeof entries / 2);
    show_file(2, "log-1", bytes, 0);
    remove_file(2, "log-3");
    show_file(2, "log-1", bytes, sizeof entries / 2);
    ck_assert_uint_eq(fake.world->oracles->nodes[2].durable_base, 0);
    ck_assert_uint_eq(fake.world->oracles->nodes[2].durable_last, 2);
}
END_TEST

START_TEST(recovery_accepts_a_node_in_quarantine)
{
    quarantine();
    step(2);
    expect(NULL);
}
END_TEST

START_TEST(no_false_alarm_fires_on_a_quarantine_without_damage)
{
    view_of(2)->condition = RAFT_CONDITION_QUARANTINED;
    step(2);
    expect("no-false-alarm");
}
END_TEST

START_TEST(recovery_fires_on_a_start_without_promises_and_without_quarantine)
{
    three_durable_everywhere();
    fake.nodes[2]->node.bootstrapped = true;
    remove_file(2, "hard-state");
    fake.is_dirty = true; /* the rest of what it starts with is not compared */
    sim_oracle_starts(fake.world->oracles, 2);
    restart_with(0, RAFT_RUNNING, 3);
    expect("recovery");
    ck_assert_ptr_nonnull(strstr(fake.world->finding.message, "without quarantine: node 2 starts"));
}
END_TEST

/* Node 2 has another hard state on its disk, after which it is to be asked. */
static void begin_state(raft_term term, raft_node_id vote)
{
    three_durable_everywhere();
    enter_term(2, term);
    persist_state(2, term, vote);
    view_of(2)->state.vote = vote;
}

/* Node 2 starts again from a disk on which that state has rotted. */
static void restart_without_state(void)
{
    fake.is_dirty = true; /* the rest of what it starts with is not compared */
    sim_oracle_starts(fake.world->oracles, 2);
    persist_state(2, 1, RAFT_NODE_NONE);
    restart_with(0, RAFT_RUNNING, 3);
}

START_TEST(recovery_fires_on_a_start_with_older_promises_and_without_quarantine)
{
    begin_state(_i == 0 ? 2 : 1, 1);
    if (_i < 2) {
        step(2);
    } else if (_i == 2) {
        sim_oracle_dies(fake.world->oracles, 2);
    } else {
        view_of(2)->state.sequence = 1; /* it has got further since */
        send(2, &(struct sut_message){
                    .from = 2, .to = 1, .term = 1, .claims_term = true, .claims_vote = 1});
    }
    restart_without_state();
    expect("recovery");
}
END_TEST

START_TEST(recovery_accepts_the_older_of_two_states_if_the_newer_one_was_being_written)
{
    begin_state(_i == 0 ? 2 : 1, 1);
    view_of(2)->state.sequence = 1;
    step(2);
    restart_without_state();
    expect(NULL);
    ck_assert_uint_eq(fake.world->probes.hits[SIM_WAIVER_PROMISE_LOST], 1);
}
END_TEST

START_TEST(recovery_fires_on_an_older_state_without_damage)
{
    begin_state(2, 1);
    view_of(2)->state.sequence = 1;
    step(2);
    fake.is_dirty = true;
    sim_oracle_starts(fake.world->oracles, 2);
    persist_state(2, 1, RAFT_NODE_NONE);
    end(2, SIM_NODE_DOWN);
    view_of(2)->state = (struct raft_hard_state){.term = 1};
    for (uint64_t i = 1; i <= 3; i++) {
        put(2, 1, 100 + i);
    }
    start(2);
    expect("recovery");
}
END_TEST

START_TEST(election_safety_accepts_another_vote_instead_of_one_that_was_being_written)
{
    begin_state(2, 1);
    view_of(2)->state.sequence = 1;
    step(2);
    restart_without_state();
    persist_state(2, 2, 3);
    expect(NULL);
    ck_assert_uint_eq(fake.world->probes.hits[SIM_WAIVER_VOTE_LOST], 1);
    persist_state(2, 2, 1);
    expect("election-safety");
}
END_TEST

START_TEST(recovery_fires_on_a_quarantine_that_a_restart_ends)
{
    quarantine();
    restart_with(0, RAFT_RUNNING, 3);
    expect("recovery");
}
END_TEST

START_TEST(recovery_accepts_a_store_from_before_the_quarantine)
{
    quarantine();
    fake.nodes[2]->node.is_store_planted = true;
    restart_with(0, RAFT_RUNNING, 3);
    expect(NULL);
}
END_TEST

START_TEST(recovery_fires_on_a_vote_in_quarantine)
{
    quarantine();
    grant("vote_rep");
    expect("recovery");
}
END_TEST

START_TEST(recovery_fires_on_a_pre_vote_with_lost_entries)
{
    lose_two_entries();
    grant("prevote_rep");
    expect("recovery");
}
END_TEST

START_TEST(recovery_accepts_a_vote_with_damaged_entries)
{
    three_durable_everywhere();
    restart_with(0, RAFT_CONDITION_RECOVERING, 3);
    grant("vote_rep");
    expect(NULL);
}
END_TEST

START_TEST(recovery_fires_on_a_campaign_with_losses)
{
    lose_two_entries();
    view_of(2)->role = RAFT_PRECANDIDATE;
    step(2);
    expect("recovery");
}
END_TEST

static const enum raft_condition incomplete[] = {RAFT_CONDITION_RECOVERING,
                                                 RAFT_CONDITION_QUARANTINED};

START_TEST(recovery_fires_on_a_campaign_of_a_node_that_is_incomplete)
{
    fake.nodes[2]->node.was_damaged = true;
    view_of(2)->condition = incomplete[_i];
    view_of(2)->role = RAFT_PRECANDIDATE;
    step(2);
    expect("recovery");
}
END_TEST

START_TEST(recovery_fires_on_a_campaign_with_a_blank_state_machine)
{
    view_of(2)->is_blank = true;
    view_of(2)->role = RAFT_PRECANDIDATE;
    step(2);
    expect("recovery");
}
END_TEST

START_TEST(recovery_fires_on_a_loss_that_comes_about_in_a_running_node)
{
    view_of(2)->state.losses = RAFT_LOSS_ENTRIES;
    step(2);
    expect("recovery");
}
END_TEST

START_TEST(recovery_fires_on_a_quarantine_that_ends_in_a_running_node)
{
    quarantine();
    view_of(2)->state.losses = 0;
    step(2);
    expect("recovery");
}
END_TEST

START_TEST(monotonic_accepts_a_restart_that_has_lost_durable_entries_and_says_so)
{
    lose_two_entries();
    expect(NULL);
    expect_waived(SIM_WAIVER_DURABLE_LOST);
}
END_TEST

/* Of three entries that node 2 called durable so many were committed when it lost all but some. */
static const struct {
    raft_index committed;
    raft_index left;
    raft_index committed_later;
} over_too_early[] = {{3, 2, 3}, {2, 1, 2}, {2, 2, 3}};

START_TEST(recovery_fires_on_a_loss_that_is_over_too_early)
{
    three_durable_everywhere();
    commit(1, over_too_early[_i].committed);
    restart_with(RAFT_LOSS_ENTRIES, RAFT_CONDITION_RECOVERING, over_too_early[_i].left);
    commit(1, over_too_early[_i].committed_later);
    view_of(2)->state.losses = 0;
    view_of(2)->condition = RAFT_RUNNING;
    step(2);
    expect("recovery");
}
END_TEST

START_TEST(recovery_accepts_the_end_of_a_loss_when_what_is_committed_is_there_again)
{
    three_durable_everywhere();
    commit(1, 2);
    restart_with(RAFT_LOSS_ENTRIES, RAFT_CONDITION_RECOVERING, 1);
    put(2, 1, 102);
    persist(2);
    step(2);
    view_of(2)->state.losses = 0;
    view_of(2)->condition = RAFT_RUNNING;
    step(2);
    expect(NULL);
}
END_TEST

/* Node 2 in quarantine and node 1 have a fourth entry, which node 3 lacks. */
static void replicate_to_quarantine(void)
{
    quarantine();
    for (uint32_t node = 1; node <= 2; node++) {
        put(node, 1, 104);
        persist(node);
        step(node);
    }
}

START_TEST(durable_majority_fires_on_a_commit_that_counts_a_node_in_quarantine)
{
    replicate_to_quarantine();
    commit(1, 4);
    expect("durable-majority");
}
END_TEST

START_TEST(durable_majority_counts_what_was_there_before_the_quarantine)
{
    three_durable_everywhere();
    put(1, 1, 104);
    put(2, 1, 104);
    persist(1);
    persist(2);
    step(1);
    step(2);
    restart_with(RAFT_LOSS_PROMISES, RAFT_CONDITION_QUARANTINED, 3);
    put(2, 1, 104);
    persist(2);
    step(2);
    commit(1, 3);
    expect(NULL);
}
END_TEST

/* Nodes 1 and 2 have a fourth entry and have said so, which node 3 lacks. */
static void replicate_the_fourth(void)
{
    three_durable_everywhere();
    for (uint32_t node = 1; node <= 2; node++) {
        put(node, 1, 104);
        persist(node);
        view_of(node)->durable = view_of(node)->last;
        step(node);
    }
}

/* Node 2 goes, and with it the file of its log. */
static void lose_log(bool is_damage)
{
    end(2, SIM_NODE_DOWN);
    fake.nodes[2]->node.is_store_planted = is_damage;
    remove_file(2, "log");
}

static void match(raft_index index)
{
    fake.nodes[1]->progress[2] =
        (struct raft_progress_view){.id = 2, .match = index, .next = index + 1};
    sim_oracle_stepped(fake.world->oracles, 1, 2);
}

START_TEST(durable_majority_counts_what_a_node_had_before_its_store_was_damaged)
{
    replicate_the_fourth();
    lose_log(true);
    commit(1, 4);
    expect(NULL);
    expect_waived(SIM_WAIVER_MAJORITY_DAMAGED);
}
END_TEST

START_TEST(durable_majority_counts_it_when_a_start_has_failed_that_made_a_lost_file_anew)
{
    replicate_the_fourth();
    lose_log(false);
    fake.nodes[2]->node.was_damaged = true;
    commit(1, 4);
    expect(NULL);
}
END_TEST

START_TEST(durable_majority_fires_on_what_a_node_has_lost_that_was_whole_again)
{
    replicate_the_fourth();
    lose_log(false);
    fake.nodes[2]->node.was_damaged = true;
    fake.nodes[2]->node.is_whole = true;
    commit(1, 4);
    expect("durable-majority");
}
END_TEST

START_TEST(durable_majority_fires_on_what_a_node_has_lost_without_damage)
{
    replicate_the_fourth();
    lose_log(false);
    commit(1, 4);
    expect("durable-majority");
}
END_TEST

START_TEST(durable_majority_fires_on_what_a_damaged_node_never_had)
{
    three_durable_everywhere();
    put(1, 1, 104);
    persist(1);
    step(1);
    lose_log(true);
    commit(1, 4);
    expect("durable-majority");
}
END_TEST

START_TEST(durable_majority_fires_on_another_entry_than_a_damaged_node_had)
{
    three_durable_everywhere();
    put(1, 1, 104);
    put(2, 2, 204);
    for (uint32_t node = 1; node <= 2; node++) {
        persist(node);
        view_of(node)->durable = view_of(node)->last;
        step(node);
    }
    lose_log(true);
    commit(1, 4);
    expect("durable-majority");
}
END_TEST

/* Node 2 has a fourth and a fifth entry of its own, and starts again without them. */
static void lose_entries_of_its_own(void)
{
    three_durable_everywhere();
    put(1, 1, 104);
    put(2, 2, 204);
    put(2, 2, 205);
    for (uint32_t node = 1; node <= 2; node++) {
        persist(node);
        view_of(node)->durable = view_of(node)->last;
        step(node);
    }
    lose_log(true);
    restart_with(RAFT_LOSS_ENTRIES, RAFT_CONDITION_RECOVERING, 1);
}

START_TEST(durable_majority_fires_on_another_entry_below_what_a_damaged_node_had)
{
    lose_entries_of_its_own();
    commit(1, 4);
    expect("durable-majority");
}
END_TEST

START_TEST(monotonic_fires_on_a_match_of_another_entry_below_what_a_damaged_peer_had)
{
    lose_entries_of_its_own();
    match(4);
    expect("monotonic");
}
END_TEST

START_TEST(monotonic_accepts_a_match_below_what_a_damaged_peer_had)
{
    lose_entries_of_its_own();
    match(3);
    expect(NULL);
}
END_TEST

START_TEST(monotonic_accepts_a_match_of_before_the_damage)
{
    replicate_the_fourth();
    lose_log(true);
    match(4);
    expect(NULL);
    expect_waived(SIM_WAIVER_MATCH_DAMAGED);
}
END_TEST

/* Node 2 has lost entries and has got them back, all in term 1; the leader hears of it late. */
static void forget_in_term(raft_term term)
{
    lose_two_entries();
    step(2);
    put(2, 1, 102);
    put(2, 1, 103);
    persist(2);
    view_of(2)->durable = view_of(2)->last;
    view_of(2)->state.losses = 0;
    view_of(2)->condition = RAFT_RUNNING;
    fake.nodes[2]->node.was_damaged = false;
    step(2);
    if (term > 1) {
        enter_term(2, term);
        elect(1, term);
    }
    match(3);
    match(1);
}

START_TEST(monotonic_accepts_a_match_that_goes_back_when_a_loss_is_heard_of_late)
{
    forget_in_term(1);
    expect(NULL);
}
END_TEST

START_TEST(monotonic_fires_on_a_match_that_goes_back_in_a_term_after_a_loss)
{
    forget_in_term(2);
    expect("monotonic");
}
END_TEST

/* The last that node 2 did was to say that it has the fourth entry, if it did that. */
static void die_speaking(raft_index index)
{
    three_durable_everywhere();
    for (uint32_t node = 1; node <= 2; node++) {
        put(node, 1, 104);
        step(node);
        persist(node);
    }
    send(2, &(struct sut_message){
                .type = "append_rep", .from = 2, .to = 1, .term = 1, .claims_index = index});
    lose_log(true);
    match(4);
}

START_TEST(monotonic_accepts_a_match_of_what_a_process_said_when_it_died)
{
    die_speaking(4);
    expect(NULL);
}
END_TEST

START_TEST(monotonic_fires_on_a_match_beyond_what_a_process_said_when_it_died)
{
    die_speaking(3);
    expect("monotonic");
}
END_TEST

START_TEST(monotonic_accepts_it_until_a_restarted_peer_is_whole_again)
{
    replicate_the_fourth();
    lose_log(true);
    restart_with(RAFT_LOSS_ENTRIES, RAFT_CONDITION_RECOVERING, 1);
    match(4);
    expect(NULL);
    match(0);
    fake.nodes[2]->node.is_whole = true;
    step(2);
    match(4);
    expect("monotonic");
}
END_TEST

START_TEST(monotonic_fires_on_a_match_that_a_damaged_peer_never_had)
{
    three_durable_everywhere();
    put(1, 1, 104);
    persist(1);
    step(1);
    lose_log(true);
    match(4);
    expect("monotonic");
}
END_TEST

START_TEST(monotonic_fires_on_a_match_of_a_peer_without_damage)
{
    replicate_the_fourth();
    lose_log(false);
    match(4);
    expect("monotonic");
}
END_TEST

START_TEST(monotonic_accepts_a_leader_that_forgets_what_a_peer_with_losses_had)
{
    three_durable_everywhere();
    fake.nodes[1]->progress[2] = (struct raft_progress_view){.id = 2, .match = 3, .next = 4};
    sim_oracle_stepped(fake.world->oracles, 1, 2);
    fake.nodes[2]->node.was_damaged = true;
    fake.nodes[1]->progress[2].match = 0;
    sim_oracle_stepped(fake.world->oracles, 1, 2);
    expect(NULL);
    expect_waived(SIM_WAIVER_BACK_DAMAGED);
}
END_TEST

/* Entry 2 of node 2 is damaged, and entry 3 of node 3. */
static void damage_one_each(void)
{
    three_durable_everywhere();
    view_of(2)->first_damaged = 2;
    fake.nodes[2]->log[2].damaged = true;
    view_of(3)->first_damaged = 3;
    fake.nodes[3]->log[3].damaged = true;
    end(1, SIM_NODE_DOWN);
}

START_TEST(what_another_node_has_is_repairable)
{
    const struct sim_oracles *oracles = fake.world->oracles;
    damage_one_each();
    ck_assert(sim_oracle_is_repairable(oracles, 2));
    ck_assert(sim_oracle_is_repairable(oracles, 3)); /* behind the first damaged one of node 2 */
    fake.nodes[2]->log[3].damaged = true;
    ck_assert(!sim_oracle_is_repairable(oracles, 3));
}
END_TEST

START_TEST(what_nobody_has_or_may_give_is_not_repairable)
{
    const struct sim_oracles *oracles = fake.world->oracles;
    damage_one_each();
    view_of(3)->condition = RAFT_CONDITION_QUARANTINED;
    ck_assert(!sim_oracle_is_repairable(oracles, 2));
    view_of(3)->condition = RAFT_CONDITION_RECOVERING;
    view_of(3)->base.index = 2;
    ck_assert(!sim_oracle_is_repairable(oracles, 2));
    view_of(3)->base.index = 0;
    fake.nodes[3]->node.options.joins_as_witness = true;
    ck_assert(!sim_oracle_is_repairable(oracles, 2));
    fake.nodes[3]->node.options.joins_as_witness = false;
    view_of(2)->state.losses = RAFT_LOSS_ENTRIES;
    ck_assert(!sim_oracle_is_repairable(oracles, 2));
    view_of(2)->state.losses = 0;
    ck_assert(sim_oracle_is_repairable(oracles, 2));
    end(3, SIM_NODE_DOWN);
    ck_assert(!sim_oracle_is_repairable(oracles, 2));
}
END_TEST

START_TEST(a_copy_is_no_remedy_of_another_entry_or_of_a_stranger)
{
    const struct sim_oracles *oracles = fake.world->oracles;
    damage_one_each();
    for (uint32_t stranger = 2; stranger <= 3; stranger++) {
        struct raft_options *options = &fake.nodes[stranger]->node.options;
        options->voters[5 - stranger - 1] = 1; /* the other of the two */
        ck_assert(!sim_oracle_is_repairable(oracles, 2));
        options->voters[5 - stranger - 1] = 5 - stranger;
        ck_assert(sim_oracle_is_repairable(oracles, 2));
    }
    view_of(3)->first_damaged = 0;
    cut(3, 1);
    put(3, 2, 999);
    step(3);
    ck_assert(!sim_oracle_is_repairable(oracles, 2));
}
END_TEST

/* Node 2 has lost entries, and is blank up to 2. */
static void lose_all_but_the_id(void)
{
    three_durable_everywhere();
    view_of(2)->base.index = 2;
    view_of(2)->is_blank = true;
    view_of(2)->state.losses = RAFT_LOSS_ENTRIES;
    view_of(3)->applied = 2;
    elect(3, 2);
    view_of(3)->applied = 2;
    ck_assert(sim_oracle_is_repairable(fake.world->oracles, 2));
}

START_TEST(under_a_leader_that_has_applied_enough_all_but_promises_are_repairable)
{
    const struct sim_oracles *oracles = fake.world->oracles;
    lose_all_but_the_id();
    view_of(2)->state.losses = RAFT_LOSS_ENTRIES | RAFT_LOSS_PROMISES;
    ck_assert(!sim_oracle_is_repairable(oracles, 2));
    view_of(2)->state.losses = RAFT_LOSS_PROMISES;
    ck_assert(!sim_oracle_is_repairable(oracles, 2));
}
END_TEST

START_TEST(losses_are_not_repairable_without_a_leader_of_their_term)
{
    const struct sim_oracles *oracles = fake.world->oracles;
    lose_all_but_the_id();
    view_of(2)->state.term = 3;
    ck_assert(!sim_oracle_is_repairable(oracles, 2));
    view_of(2)->state.term = 2;
    ck_assert(sim_oracle_is_repairable(oracles, 2));
    view_of(3)->role = RAFT_FOLLOWER;
    ck_assert(!sim_oracle_is_repairable(oracles, 2));
    view_of(2)->state.losses = 0;
    ck_assert(sim_oracle_is_repairable(oracles, 2)); /* the state alone needs none yet */
}
END_TEST

START_TEST(a_state_is_not_repairable_that_nobody_has_or_may_give)
{
    const struct sim_oracles *oracles = fake.world->oracles;
    lose_all_but_the_id();
    view_of(3)->applied = 1;
    ck_assert(!sim_oracle_is_repairable(oracles, 2));
    view_of(3)->applied = 2;
    view_of(3)->is_blank = true;
    ck_assert(!sim_oracle_is_repairable(oracles, 2));
    view_of(3)->is_blank = false;
    fake.nodes[3]->node.options.joins_as_witness = true;
    ck_assert(!sim_oracle_is_repairable(oracles, 2));
    fake.nodes[3]->node.options.joins_as_witness = false;
    ck_assert(sim_oracle_is_repairable(oracles, 2));
    end(3, SIM_NODE_DOWN);
    ck_assert(!sim_oracle_is_repairable(oracles, 2));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("oracle_loss");
    TCase *tests = tcase_create("loss");
    suite_add_tcase(suite, tests);
    tcase_add_checked_fixture(tests, fake_setup, arena_tear_down);
    tcase_add_test(tests, speaks_durable_accepts_a_log_behind_a_newer_snapshot_that_has_rotted);
    tcase_add_test(tests, speaks_durable_accepts_a_log_behind_a_newer_snapshot_that_has_vanished);
    tcase_add_test(tests,
                   speaks_durable_fires_on_a_log_behind_a_newer_snapshot_that_its_process_removed);
    tcase_add_test(tests, speaks_durable_fires_on_a_hole_that_the_lost_snapshot_filled_in_part);
    tcase_add_test(tests, recovery_accepts_a_log_that_begins_behind_a_lost_snapshot);
    tcase_add_test(tests, recovery_fires_on_a_log_that_begins_behind_no_snapshot);
    tcase_add_test(tests, speaks_durable_accepts_a_log_whose_first_file_was_lost_and_made_anew);
    tcase_add_test(tests, recovery_accepts_a_node_in_quarantine);
    tcase_add_test(tests, no_false_alarm_fires_on_a_quarantine_without_damage);
    tcase_add_test(tests, recovery_fires_on_a_start_without_promises_and_without_quarantine);
    tcase_add_loop_test(tests, recovery_fires_on_a_start_with_older_promises_and_without_quarantine,
                        0, 4);
    tcase_add_loop_test(
        tests, recovery_accepts_the_older_of_two_states_if_the_newer_one_was_being_written, 0, 2);
    tcase_add_test(tests, recovery_fires_on_an_older_state_without_damage);
    tcase_add_test(tests,
                   election_safety_accepts_another_vote_instead_of_one_that_was_being_written);
    tcase_add_test(tests, recovery_fires_on_a_quarantine_that_a_restart_ends);
    tcase_add_test(tests, recovery_accepts_a_store_from_before_the_quarantine);
    tcase_add_test(tests, recovery_fires_on_a_vote_in_quarantine);
    tcase_add_test(tests, recovery_fires_on_a_pre_vote_with_lost_entries);
    tcase_add_test(tests, recovery_accepts_a_vote_with_damaged_entries);
    tcase_add_test(tests, recovery_fires_on_a_campaign_with_losses);
    tcase_add_loop_test(tests, recovery_fires_on_a_campaign_of_a_node_that_is_incomplete, 0, 2);
    tcase_add_test(tests, recovery_fires_on_a_campaign_with_a_blank_state_machine);
    tcase_add_test(tests, recovery_fires_on_a_loss_that_comes_about_in_a_running_node);
    tcase_add_test(tests, recovery_fires_on_a_quarantine_that_ends_in_a_running_node);
    tcase_add_test(tests, monotonic_accepts_a_restart_that_has_lost_durable_entries_and_says_so);
    tcase_add_loop_test(tests, recovery_fires_on_a_loss_that_is_over_too_early, 0, 3);
    tcase_add_test(tests, recovery_accepts_the_end_of_a_loss_when_what_is_committed_is_there_again);
    tcase_add_test(tests, durable_majority_fires_on_a_commit_that_counts_a_node_in_quarantine);
    tcase_add_test(tests, durable_majority_counts_what_was_there_before_the_quarantine);
    tcase_add_test(tests, durable_majority_counts_what_a_node_had_before_its_store_was_damaged);
    tcase_add_test(tests,
                   durable_majority_counts_it_when_a_start_has_failed_that_made_a_lost_file_anew);
    tcase_add_test(tests, durable_majority_fires_on_what_a_node_has_lost_that_was_whole_again);
    tcase_add_test(tests, durable_majority_fires_on_what_a_node_has_lost_without_damage);
    tcase_add_test(tests, durable_majority_fires_on_what_a_damaged_node_never_had);
    tcase_add_test(tests, durable_majority_fires_on_another_entry_than_a_damaged_node_had);
    tcase_add_test(tests, durable_majority_fires_on_another_entry_below_what_a_damaged_node_had);
    tcase_add_test(tests,
                   monotonic_fires_on_a_match_of_another_entry_below_what_a_damaged_peer_had);
    tcase_add_test(tests, monotonic_accepts_a_match_below_what_a_damaged_peer_had);
    tcase_add_test(tests, monotonic_accepts_a_match_of_before_the_damage);
    tcase_add_test(tests, monotonic_accepts_a_match_that_goes_back_when_a_loss_is_heard_of_late);
    tcase_add_test(tests, monotonic_fires_on_a_match_that_goes_back_in_a_term_after_a_loss);
    tcase_add_test(tests, monotonic_accepts_a_match_of_what_a_process_said_when_it_died);
    tcase_add_test(tests, monotonic_fires_on_a_match_beyond_what_a_process_said_when_it_died);
    tcase_add_test(tests, monotonic_accepts_it_until_a_restarted_peer_is_whole_again);
    tcase_add_test(tests, monotonic_fires_on_a_match_that_a_damaged_peer_never_had);
    tcase_add_test(tests, monotonic_fires_on_a_match_of_a_peer_without_damage);
    tcase_add_test(tests, monotonic_accepts_a_leader_that_forgets_what_a_peer_with_losses_had);
    tcase_add_test(tests, what_another_node_has_is_repairable);
    tcase_add_test(tests, what_nobody_has_or_may_give_is_not_repairable);
    tcase_add_test(tests, a_copy_is_no_remedy_of_another_entry_or_of_a_stranger);
    tcase_add_test(tests, under_a_leader_that_has_applied_enough_all_but_promises_are_repairable);
    tcase_add_test(tests, losses_are_not_repairable_without_a_leader_of_their_term);
    tcase_add_test(tests, a_state_is_not_repairable_that_nobody_has_or_may_give);
    return unit_main(suite);
}
