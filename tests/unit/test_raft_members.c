/* Changes of the members, a claim of the dissertation's chapter 4 at a time. */
#include "raft_fixture.h"

#define VOTER(node)   ((struct raft_member){.id = (node), .flags = RAFT_MEMBER_VOTER})
#define LEARNER(node) ((struct raft_member){.id = (node), .flags = RAFT_MEMBER_LEARNER})
#define WITNESS(node)                                                                              \
    ((struct raft_member){.id = (node), .flags = RAFT_MEMBER_VOTER | RAFT_MEMBER_WITNESS})
#define OF(...)                                                                                    \
    of((const struct raft_member[]){__VA_ARGS__},                                                  \
       sizeof((const struct raft_member[]){__VA_ARGS__}) / sizeof(struct raft_member))

static struct raft_configuration of(const struct raft_member *members, size_t count)
{
    struct raft_configuration configuration = {.count = (uint32_t)count};
    memcpy(configuration.members, members, count * sizeof *members);
    return configuration;
}

static enum raft_status change(struct raft_configuration target)
{
    struct raft_effect effect;
    struct raft_event event = {.type = RAFT_EVENT_CHANGE, .now_ns = now, .configuration = &target};
    return raft_step(raft, &event, &effect);
}

static enum raft_status recover(struct raft_configuration target)
{
    struct raft_effect effect;
    struct raft_event event = {.type = RAFT_EVENT_RECOVER, .now_ns = now, .configuration = &target};
    return raft_step(raft, &event, &effect);
}

static struct raft_entry *configuration_entry(raft_term term, raft_index index,
                                              const struct raft_configuration *configuration)
{
    struct raft_entry *entry = NULL;
    size_t size = raft_configuration_size(configuration);
    ck_assert_int_eq(raft_entry_create(&memory.memory, RAFT_AT_CHANGE_ENTRY_ALLOC,
                                       RAFT_ENTRY_CONFIGURATION, (uint32_t)size,
                                       RAFT_HOLDER_MESSAGE, &entry),
                     RAFT_OK);
    entry->id = (struct raft_entry_id){term, index};
    raft_configuration_encode(configuration, entry->payload);
    return entry;
}

/* An append of a single configuration. */
static void receive_configuration(raft_node_id from, raft_term term, struct raft_entry_id before,
                                  raft_index commit, struct raft_configuration configuration)
{
    struct raft_message message = {.type = RAFT_MESSAGE_APPEND_REQ,
                                   .from = from,
                                   .term = term,
                                   .id = before,
                                   .commit = commit,
                                   .entry_count = 1};
    message.entries =
        core_memory_alloc(&memory, RAFT_AT_MESSAGE_DECODE_ARRAY, sizeof message.entries[0]);
    message.entries[0] = configuration_entry(term, before.index + 1, &configuration);
    receive(message);
}

static int count_sent(enum raft_message_type type, raft_node_id to)
{
    int count = 0;
    for (int i = 0; i < seen.sent_count; i++) {
        count += seen.sent[i].type == type && seen.sent[i].to == to;
    }
    return count;
}

/* The node's own disk takes all that is in its log. */
static void persist_log(void)
{
    while (view.durable.index < view.last.index) {
        feed((struct raft_event){.type = RAFT_EVENT_ENTRIES_PERSISTED,
                                 .id = log_.stored,
                                 .generation = view.log_generation});
        drain();
    }
}

static void acknowledge_all(raft_node_id from)
{
    acknowledge(from, view.state.term, view.last);
}

static void lead_and_commit(void)
{
    lead();
    persist_log();
    acknowledge_all(2);
    ck_assert_uint_eq(view.commit, 1);
}

static void heartbeat(void)
{
    now += 50;
    feed((struct raft_event){.type = RAFT_EVENT_TIMEOUT, .timer = RAFT_TIMER_HEARTBEAT});
    drain();
}

static void time_out(void)
{
    now += T_MAX;
    feed((struct raft_event){.type = RAFT_EVENT_TIMEOUT, .timer = RAFT_TIMER_ELECTION});
    drain();
}

static enum raft_status propose(void)
{
    struct raft_effect effect;
    struct raft_entry *entry = core_entry(&memory, 0, 0, "x");
    struct raft_event event = {.type = RAFT_EVENT_PROPOSE, .now_ns = now, .entry = entry};
    enum raft_status status = raft_step(raft, &event, &effect);
    raft_entry_drop(entry, RAFT_HOLDER_MESSAGE);
    drain();
    return status;
}

static void adopt(struct raft_configuration target)
{
    ck_assert_int_eq(change(target), RAFT_OK);
    drain();
}

/* Leads {1, 2, 3} with the joint configuration towards {1, 4, 5} in the log. */
static void lead_jointly(void)
{
    lead_and_commit();
    adopt(OF(VOTER(1), VOTER(4), VOTER(5)));
    acknowledge_all(4);
    acknowledge_all(5);
    ck_assert_int_eq(view.change, RAFT_CHANGE_JOINT);
    persist_log();
}

/* ---- which configuration is in force ---- */

START_TEST(a_server_uses_the_latest_configuration_in_its_log_committed_or_not)
{
    create(3, 0, 0);
    ck_assert_uint_eq(view.configuration.count, 3);
    ck_assert_uint_eq(view.configuration_index, 0);
    receive_configuration(2, 1, (struct raft_entry_id){0, 0}, 0, OF(VOTER(1), VOTER(2)));
    ck_assert_uint_eq(view.configuration.count, 2);
    ck_assert_uint_eq(view.configuration_index, 1);
    ck_assert(!view.configuration_committed);
}
END_TEST

START_TEST(a_truncated_configuration_brings_the_one_before_back)
{
    create(3, 0, 0);
    receive_configuration(2, 1, (struct raft_entry_id){0, 0}, 0, OF(VOTER(1), VOTER(2)));
    receive_configuration(2, 1, (struct raft_entry_id){1, 1}, 0, OF(VOTER(2), LEARNER(3)));
    ck_assert_uint_eq(view.member_flags, 0);
    receive_append(3, 2, (struct raft_entry_id){1, 1}, 0, 1);
    ck_assert_uint_eq(view.configuration_index, 1);
    ck_assert_uint_eq(view.member_flags, RAFT_MEMBER_VOTER);
    receive_append(3, 2, (struct raft_entry_id){0, 0}, 0, 2);
    ck_assert_uint_eq(view.configuration_index, 0);
    ck_assert_uint_eq(view.configuration.count, 3);
}
END_TEST

START_TEST(a_configuration_that_a_full_disk_did_not_take_is_out_of_force)
{
    create(3, 0, 0);
    receive_configuration(2, 1, (struct raft_entry_id){0, 0}, 0, OF(VOTER(1), VOTER(2)));
    persist_state();
    feed((struct raft_event){.type = RAFT_EVENT_ENTRIES_FAILED, .status = RAFT_NOSPACE});
    drain();
    ck_assert_uint_eq(view.configuration_index, 0);
    ck_assert_uint_eq(view.configuration.count, 3);
}
END_TEST

START_TEST(a_restarted_server_finds_the_latest_configuration_in_its_log)
{
    struct raft_options options;
    create(3, 0, 0);
    receive_configuration(2, 1, (struct raft_entry_id){0, 0}, 0, OF(VOTER(1), VOTER(2)));
    receive_append(2, 1, (struct raft_entry_id){1, 1}, 0, 2);
    raft_destroy(raft);
    raft_options_init(&options);
    options.id = 1;
    ck_assert_int_eq(raft_create(&options, &memory.memory, &log_, &raft), RAFT_OK);
    raft_begin(raft, &(struct raft_hard_state){1, 0, 1}, now);
    raft_get_view(raft, &view);
    ck_assert_uint_eq(view.configuration_index, 1);
    ck_assert_uint_eq(view.configuration.count, 2);
    ck_assert_uint_eq(view.last.index, 3);
}
END_TEST

START_TEST(takes_nothing_of_a_message_with_a_configuration_that_is_none)
{
    create(3, 0, 0);
    receive_configuration(2, 1, (struct raft_entry_id){0, 0}, 0, OF(LEARNER(1)));
    ck_assert_uint_eq(view.last.index, 0);
    ck_assert_uint_eq(view.state.term, 0);
    receive_configuration(2, 1, (struct raft_entry_id){0, 0}, 0,
                          (struct raft_configuration){.count = 0});
    ck_assert_uint_eq(view.last.index, 0);
}
END_TEST

/* ---- safety of a change ---- */

START_TEST(a_joint_configuration_commits_by_both_majorities_only)
{
    lead_jointly();
    acknowledge_all(4);
    acknowledge_all(5);
    ck_assert_uint_eq(view.commit, 1); /* 1, 4, 5: all of the incoming, one of the outgoing */
    acknowledge_all(2);
    ck_assert_uint_eq(view.commit, 2);
}
END_TEST

START_TEST(the_outgoing_majority_alone_commits_nothing_either)
{
    lead_jointly();
    acknowledge_all(2);
    acknowledge_all(3);
    ck_assert_uint_eq(view.commit, 1);
    acknowledge_all(4);
    ck_assert_uint_eq(view.commit, 2);
}
END_TEST

static void grant(raft_node_id from)
{
    receive((struct raft_message){.type = RAFT_MESSAGE_VOTE_REP,
                                  .from = from,
                                  .term = view.state.term,
                                  .flags = RAFT_FLAG_SUCCESS});
}

static struct raft_configuration joint_of(struct raft_configuration from,
                                          struct raft_configuration to)
{
    struct raft_configuration joint;
    raft_configuration_join(&from, &to, &joint);
    return joint;
}

/* A candidate with the joint configuration from {1, 2, 3} to {1, 4, 5} in its log. */
static void campaign_jointly(void)
{
    create(3, 0, 0);
    receive_configuration(
        2, 1, (struct raft_entry_id){0, 0}, 0,
        joint_of(OF(VOTER(1), VOTER(2), VOTER(3)), OF(VOTER(1), VOTER(4), VOTER(5))));
    persist_state();
    persist_log();
    campaign();
    persist_state();
    ck_assert_int_eq(view.role, RAFT_CANDIDATE);
}

START_TEST(a_joint_configuration_elects_by_both_majorities_only)
{
    campaign_jointly();
    for (raft_node_id id = 2; id <= 5; id++) {
        ck_assert_int_eq(count_sent(RAFT_MESSAGE_VOTE_REQ, id), 1);
    }
    grant(4);
    grant(5);
    ck_assert_int_eq(view.role, RAFT_CANDIDATE);
    grant(3);
    ck_assert_int_eq(view.role, RAFT_LEADER);
}
END_TEST

START_TEST(a_new_leader_carries_the_change_in_its_log_through)
{
    campaign_jointly();
    grant(2);
    grant(4);
    ck_assert_int_eq(view.change, RAFT_CHANGE_JOINT);
    persist_log();
    acknowledge_all(2);
    acknowledge_all(4);
    ck_assert_int_eq(view.change, RAFT_CHANGE_LEAVING);
    ck_assert_uint_eq(view.last.index, 3); /* joint, its first entry, final */
    ck_assert(!raft_configuration_is_joint(&view.configuration));
    persist_log();
    acknowledge_all(5);
    ck_assert_int_eq(view.change, RAFT_CHANGE_NONE);
    ck_assert(view.configuration_committed);
    ck_assert_uint_eq(view.configuration.count, 3);
}
END_TEST

START_TEST(both_majorities_must_be_heard_by_a_leader)
{
    lead_jointly();
    time_out(); /* whoever was heard before counts for the first check */
    ck_assert_int_eq(view.role, RAFT_LEADER);
    acknowledge(4, 1, (struct raft_entry_id){1, 1});
    acknowledge(5, 1, (struct raft_entry_id){1, 1});
    time_out();
    ck_assert_int_eq(view.role, RAFT_FOLLOWER);
    ck_assert_int_eq(seen.changed, 1);
    ck_assert_int_eq(seen.last_changed.status, RAFT_LOST);
}
END_TEST

START_TEST(both_majorities_must_confirm_a_read)
{
    struct raft_effect effect;
    lead_jointly();
    struct raft_event event = {.type = RAFT_EVENT_READ, .now_ns = now};
    ck_assert_int_eq(raft_step(raft, &event, &effect), RAFT_OK);
    drain();
    for (raft_node_id id = 5; id >= 3; id--) {
        ck_assert_uint_eq(seen.reads, 0);
        receive((struct raft_message){.type = RAFT_MESSAGE_APPEND_REP,
                                      .from = id,
                                      .term = 1,
                                      .flags = RAFT_FLAG_SUCCESS,
                                      .id = {1, 1},
                                      .round = view.read_round});
    }
    ck_assert_uint_eq(seen.reads, view.read_round);
}
END_TEST

START_TEST(the_final_configuration_follows_when_the_joint_one_is_committed)
{
    lead_jointly();
    acknowledge_all(2);
    ck_assert_int_eq(view.change, RAFT_CHANGE_JOINT);
    acknowledge_all(4);
    ck_assert_int_eq(view.change, RAFT_CHANGE_LEAVING);
    ck_assert_uint_eq(view.last.index, 3);
    ck_assert_uint_eq(view.configuration.count, 3);
    persist_log();
    acknowledge_all(5);
    ck_assert_int_eq(view.change, RAFT_CHANGE_NONE);
    ck_assert_int_eq(seen.changed, 1);
    ck_assert_int_eq(seen.last_changed.status, RAFT_OK);
    ck_assert_uint_eq(seen.last_changed.last.index, 3);
}
END_TEST

START_TEST(only_one_change_is_pending_at_a_time)
{
    lead_jointly();
    ck_assert_int_eq(change(OF(VOTER(1), VOTER(2))), RAFT_BUSY);
    acknowledge_all(2);
    acknowledge_all(4);
    ck_assert_int_eq(change(OF(VOTER(1), VOTER(2))), RAFT_BUSY);
    persist_log();
    acknowledge_all(5);
    ck_assert_int_eq(change(OF(VOTER(1), VOTER(4))), RAFT_OK);
}
END_TEST

START_TEST(no_change_begins_before_an_entry_of_the_leaders_term_is_committed)
{
    lead();
    ck_assert_int_eq(change(OF(VOTER(1), VOTER(2))), RAFT_BUSY);
    persist_log();
    acknowledge_all(2);
    ck_assert_int_eq(change(OF(VOTER(1), VOTER(2))), RAFT_OK);
}
END_TEST

START_TEST(no_change_begins_during_a_transfer)
{
    struct raft_effect effect;
    lead_and_commit();
    struct raft_event event = {.type = RAFT_EVENT_TRANSFER, .now_ns = now, .node = 3};
    ck_assert_int_eq(raft_step(raft, &event, &effect), RAFT_OK);
    ck_assert_int_eq(change(OF(VOTER(1), VOTER(2))), RAFT_BUSY);
}
END_TEST

START_TEST(only_a_leader_begins_a_change)
{
    create(3, 0, 0);
    ck_assert_int_eq(change(OF(VOTER(1), VOTER(2))), RAFT_NOT_LEADER);
}
END_TEST

START_TEST(a_change_leads_to_what_somebody_could_lead)
{
    lead_and_commit();
    ck_assert_int_eq(change((struct raft_configuration){.count = 0}), RAFT_INVALID);
    ck_assert_int_eq(change(OF(LEARNER(1))), RAFT_INVALID);
    ck_assert_int_eq(change(OF(WITNESS(1), WITNESS(2))), RAFT_INVALID);
    ck_assert_int_eq(change(OF(VOTER(2), VOTER(1))), RAFT_INVALID);
    ck_assert_int_eq(change(joint_of(OF(VOTER(1)), OF(VOTER(2)))), RAFT_INVALID);
    struct raft_configuration large = {.count = RAFT_MEMBERS_MAX};
    for (uint32_t i = 0; i < large.count; i++) {
        large.members[i] = VOTER(i + 2); /* 1 would be one more on the way */
    }
    ck_assert_int_eq(change(large), RAFT_INVALID);
    ck_assert_int_eq(view.change, RAFT_CHANGE_NONE);
}
END_TEST

/* ---- catching up ---- */

START_TEST(a_new_server_catches_up_before_it_counts)
{
    lead_and_commit();
    adopt(OF(VOTER(1), VOTER(2), VOTER(3), VOTER(4)));
    ck_assert_int_eq(view.change, RAFT_CHANGE_CATCHING_UP);
    ck_assert_uint_eq(view.last.index, 1);
    ck_assert_int_gt(count_sent(RAFT_MESSAGE_APPEND_REQ, 4), 0);
    ck_assert_int_eq(propose(), RAFT_OK);
    persist_log();
    acknowledge(4, 1, (struct raft_entry_id){1, 2});
    ck_assert_uint_eq(view.commit, 1); /* of three, 1 alone: 4 is nobody yet */
    ck_assert_int_eq(view.change, RAFT_CHANGE_JOINT);
    ck_assert_uint_eq(view.last.index, 3);
}
END_TEST

START_TEST(a_slow_round_is_followed_by_another)
{
    lead_and_commit();
    adopt(OF(VOTER(1), VOTER(2), VOTER(3), VOTER(4)));
    ck_assert_int_eq(propose(), RAFT_OK);
    now += T_MIN;
    acknowledge(4, 1, (struct raft_entry_id){1, 1}); /* all of the first round, slowly */
    ck_assert_int_eq(view.change, RAFT_CHANGE_CATCHING_UP);
    now += T_MIN - 1;
    acknowledge(4, 1, (struct raft_entry_id){1, 2});
    ck_assert_int_eq(view.change, RAFT_CHANGE_JOINT);
}
END_TEST

static void one_round(struct raft_options *options)
{
    options->catch_up_rounds_max = 1;
}

START_TEST(a_change_is_given_up_after_too_many_rounds)
{
    adjust = one_round;
    lead_and_commit();
    adopt(OF(VOTER(1), VOTER(2), VOTER(3), VOTER(4)));
    now += T_MIN;
    acknowledge(4, 1, (struct raft_entry_id){1, 1});
    heartbeat();
    ck_assert_int_eq(view.change, RAFT_CHANGE_NONE);
    ck_assert_int_eq(seen.changed, 1);
    ck_assert_int_eq(seen.last_changed.status, RAFT_BUSY);
    ck_assert_uint_eq(view.last.index, 1);
    ck_assert_uint_eq(view.configuration.count, 3);
}
END_TEST

static void short_catch_up(struct raft_options *options)
{
    options->catch_up_ns_max = 100;
}

START_TEST(a_change_is_given_up_when_a_new_server_does_not_answer)
{
    struct raft_progress_view progress;
    adjust = short_catch_up;
    lead_and_commit();
    adopt(OF(VOTER(1), VOTER(2), VOTER(3), VOTER(4)));
    ck_assert(raft_get_progress(raft, 4, &progress));
    heartbeat();
    ck_assert_int_eq(view.change, RAFT_CHANGE_CATCHING_UP);
    heartbeat();
    ck_assert_int_eq(view.change, RAFT_CHANGE_NONE);
    ck_assert_int_eq(seen.last_changed.status, RAFT_BUSY);
    ck_assert(!raft_get_progress(raft, 4, &progress));
    ck_assert_int_eq(change(OF(VOTER(1), VOTER(2))), RAFT_OK);
}
END_TEST

/* ---- who is removed ---- */

/* Leads with the final configuration {2, 3} in its log, and the joint one committed. */
static void lead_out(void)
{
    lead_and_commit();
    adopt(OF(VOTER(2), VOTER(3)));
    ck_assert_int_eq(view.change, RAFT_CHANGE_JOINT);
    persist_log();
    acknowledge_all(2);
    ck_assert_uint_eq(view.commit, 1); /* of 2 and 3, both are needed */
    acknowledge_all(3);
    ck_assert_int_eq(view.change, RAFT_CHANGE_LEAVING);
    ck_assert_uint_eq(view.member_flags, 0);
}

START_TEST(a_leader_that_is_removed_does_not_count_itself)
{
    lead_out();
    persist_log();
    acknowledge_all(2);
    ck_assert_int_eq(view.role, RAFT_LEADER);
    ck_assert_uint_eq(view.commit, 2);
}
END_TEST

START_TEST(a_leader_that_is_removed_steps_down_when_that_is_committed)
{
    lead_out();
    persist_log();
    acknowledge_all(2);
    acknowledge_all(3);
    ck_assert_uint_eq(view.commit, 3);
    ck_assert_int_eq(view.role, RAFT_FOLLOWER);
    ck_assert_int_eq(seen.changed, 1);
    ck_assert_int_eq(seen.last_changed.status, RAFT_OK);
    ck_assert_uint_eq(seen.last_changed.last.index, 3);
    ck_assert_int_eq(
        count_sent(RAFT_MESSAGE_TIMEOUT_NOW, 2) + count_sent(RAFT_MESSAGE_TIMEOUT_NOW, 3), 1);
    time_out();
    ck_assert_int_eq(view.role, RAFT_FOLLOWER);
}
END_TEST

START_TEST(a_server_campaigns_until_its_removal_is_committed)
{
    create(2, 0, 0);
    receive_append(2, 1, (struct raft_entry_id){0, 0}, 1, 1);
    persist_state();
    persist_log();
    receive_configuration(2, 1, (struct raft_entry_id){1, 1}, 1, OF(VOTER(2)));
    persist_log();
    ck_assert_uint_eq(view.member_flags, 0);
    ck_assert(!view.configuration_committed);
    time_out();
    ck_assert_int_eq(view.role, RAFT_PRECANDIDATE);
    ck_assert_int_eq(count_sent(RAFT_MESSAGE_PREVOTE_REQ, 2), 1);
}
END_TEST

START_TEST(a_removed_server_stays_passive)
{
    create(3, 0, 0);
    receive_configuration(2, 1, (struct raft_entry_id){0, 0}, 1, OF(VOTER(2), VOTER(3)));
    persist_state();
    persist_log();
    ck_assert(view.configuration_committed);
    time_out();
    ck_assert_int_eq(view.role, RAFT_FOLLOWER);
    ck_assert_int_eq(seen.sent_count, 0);
}
END_TEST

START_TEST(a_removed_server_deposes_no_leader)
{
    lead_and_commit();
    adopt(OF(VOTER(1), VOTER(2)));
    persist_log();
    acknowledge_all(2);
    persist_log();
    acknowledge_all(2);
    ck_assert_int_eq(view.change, RAFT_CHANGE_NONE);
    static const enum raft_message_type types[] = {RAFT_MESSAGE_VOTE_REQ, RAFT_MESSAGE_PREVOTE_REQ,
                                                   RAFT_MESSAGE_VOTE_REP, RAFT_MESSAGE_PREVOTE_REP,
                                                   RAFT_MESSAGE_APPEND_REP};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        receive((struct raft_message){.type = types[i], .from = 3, .term = 9, .id = {9, 99}});
        ck_assert_int_eq(view.role, RAFT_LEADER);
        ck_assert_uint_eq(view.state.term, 1);
    }
}
END_TEST

START_TEST(a_removed_follower_is_told_and_then_forgotten)
{
    struct raft_progress_view progress;
    lead_and_commit();
    adopt(OF(VOTER(1), VOTER(2)));
    persist_log();
    acknowledge_all(2);
    acknowledge(3, 1, (struct raft_entry_id){1, 2});
    ck_assert_int_gt(count_sent(RAFT_MESSAGE_APPEND_REQ, 3), 0); /* the final one */
    persist_log();
    acknowledge_all(2);
    ck_assert_int_eq(view.change, RAFT_CHANGE_NONE);
    ck_assert_int_gt(count_sent(RAFT_MESSAGE_APPEND_REQ, 3), 0); /* and that it is committed */
    ck_assert(raft_get_progress(raft, 3, &progress));
    heartbeat();
    ck_assert(!raft_get_progress(raft, 3, &progress));
    ck_assert_int_eq(count_sent(RAFT_MESSAGE_APPEND_REQ, 3), 0);
}
END_TEST

/* ---- who is no member, or has no vote ---- */

static void no_voters(struct raft_options *options)
{
    options->voter_count = 0;
}

START_TEST(a_server_without_a_configuration_never_campaigns)
{
    adjust = no_voters;
    create(3, 0, 0);
    ck_assert_uint_eq(view.configuration.count, 0);
    time_out();
    ck_assert_int_eq(view.role, RAFT_FOLLOWER);
    ck_assert_int_eq(seen.sent_count, 0);
}
END_TEST

START_TEST(a_server_takes_entries_from_a_leader_that_is_no_member)
{
    adjust = no_voters;
    create(3, 0, 0);
    receive_append(7, 1, (struct raft_entry_id){0, 0}, 0, 2);
    persist_state();
    persist_log();
    ck_assert_uint_eq(view.leader, 7);
    ck_assert_int_eq(count_sent(RAFT_MESSAGE_APPEND_REP, 7), 1);
    ck_assert_uint_eq(seen.sent[0].id.index, 2);
}
END_TEST

/* Dissertation §4.1: its vote may be needed before it has the configuration that it is in. */
START_TEST(a_server_votes_for_a_candidate_that_is_no_member)
{
    adjust = no_voters;
    create(3, 0, 0);
    receive((struct raft_message){.type = RAFT_MESSAGE_VOTE_REQ, .from = 7, .term = 3});
    persist_state();
    ck_assert_uint_eq(view.state.vote, 7);
    ck_assert_int_eq(count_sent(RAFT_MESSAGE_VOTE_REP, 7), 1);
}
END_TEST

START_TEST(not_more_than_a_few_strangers_wait_for_an_answer)
{
    create(3, 0, 0);
    receive((struct raft_message){.type = RAFT_MESSAGE_VOTE_REQ, .from = 2, .term = 3});
    for (raft_node_id id = 10; id < 20; id++) {
        receive((struct raft_message){.type = RAFT_MESSAGE_VOTE_REQ, .from = id, .term = 3});
        ck_assert_int_eq(seen.sent_count, 0); /* the term is not durable yet */
    }
    feed((struct raft_event){.type = RAFT_EVENT_STATE_PERSISTED, .sequence = view.state.sequence});
    drain();
    ck_assert_int_eq(seen.sent_count, 1 + 4);
    receive((struct raft_message){.type = RAFT_MESSAGE_VOTE_REQ, .from = 19, .term = 3});
    ck_assert_int_eq(count_sent(RAFT_MESSAGE_VOTE_REP, 19), 1);
}
END_TEST

START_TEST(a_learner_gets_the_log_and_counts_for_nothing)
{
    lead_and_commit();
    adopt(OF(VOTER(1), VOTER(2), VOTER(3), LEARNER(4), LEARNER(5)));
    ck_assert_int_eq(view.change, RAFT_CHANGE_LEAVING); /* voters stay: no joint configuration */
    ck_assert(!raft_configuration_is_joint(&view.configuration));
    persist_log();
    acknowledge_all(4);
    acknowledge_all(5);
    ck_assert_uint_eq(view.commit, 1);
    acknowledge_all(3);
    ck_assert_uint_eq(view.commit, 2);
    ck_assert_int_eq(view.change, RAFT_CHANGE_NONE);
}
END_TEST

START_TEST(a_learner_never_campaigns)
{
    create(3, 0, 0);
    receive_configuration(2, 1, (struct raft_entry_id){0, 0}, 1, OF(LEARNER(1), VOTER(2)));
    persist_state();
    persist_log();
    ck_assert_uint_eq(view.member_flags, RAFT_MEMBER_LEARNER);
    time_out();
    ck_assert_int_eq(view.role, RAFT_FOLLOWER);
    receive((struct raft_message){.type = RAFT_MESSAGE_TIMEOUT_NOW, .from = 2, .term = 1});
    ck_assert_int_eq(view.role, RAFT_FOLLOWER);
}
END_TEST

static void witness_3(struct raft_options *options)
{
    options->witnesses = 1u << 2;
}

START_TEST(leadership_is_transferred_to_no_witness_and_to_no_learner)
{
    struct raft_effect effect;
    adjust = witness_3;
    lead_and_commit();
    adopt(OF(VOTER(1), VOTER(2), WITNESS(3), LEARNER(4)));
    persist_log();
    acknowledge_all(2);
    for (raft_node_id id = 3; id <= 4; id++) {
        struct raft_event event = {.type = RAFT_EVENT_TRANSFER, .now_ns = now, .node = id};
        ck_assert_int_eq(raft_step(raft, &event, &effect), RAFT_INVALID);
    }
}
END_TEST

static void witness_1(struct raft_options *options)
{
    options->witnesses = 1u << 0;
}

START_TEST(a_witness_keeps_the_log_and_votes_and_does_nothing_else)
{
    adjust = witness_1;
    create(3, 0, 0);
    receive_append(2, 1, (struct raft_entry_id){0, 0}, 2, 2);
    persist_state();
    persist_log();
    ck_assert_uint_eq(view.commit, 2);
    ck_assert_uint_eq(view.durable.index, 2);
    ck_assert_uint_eq(view.applied, 0);
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

START_TEST(a_witness_that_becomes_a_voter_applies_all_it_has)
{
    adjust = witness_1;
    create(3, 0, 0);
    receive_append(2, 1, (struct raft_entry_id){0, 0}, 2, 2);
    persist_state();
    persist_log();
    receive_configuration(2, 1, (struct raft_entry_id){1, 2}, 2, OF(VOTER(1), VOTER(2), VOTER(3)));
    ck_assert_uint_eq(view.applied, 2);
}
END_TEST

static void prefer_2(struct raft_options *options)
{
    options->priorities[1] = 1;
}

START_TEST(a_server_lets_a_preferred_one_come_first_once)
{
    adjust = prefer_2;
    create(3, 0, 0);
    time_out();
    ck_assert_int_eq(view.role, RAFT_FOLLOWER);
    time_out();
    ck_assert_int_eq(view.role, RAFT_PRECANDIDATE);
}
END_TEST

static void prefer_1(struct raft_options *options)
{
    options->priorities[0] = 1;
}

START_TEST(a_preferred_server_does_not_wait)
{
    adjust = prefer_1;
    create(3, 0, 0);
    time_out();
    ck_assert_int_eq(view.role, RAFT_PRECANDIDATE);
}
END_TEST

/* ---- by hand ---- */

START_TEST(unsafe_recovery_puts_a_configuration_in_force_and_then_in_the_log)
{
    create(3, 4, 0);
    ck_assert_int_eq(recover(OF(VOTER(1))), RAFT_OK);
    drain();
    ck_assert(view.configuration_by_hand);
    ck_assert(!view.configuration_committed);
    time_out();
    persist_state();
    ck_assert_int_eq(view.role, RAFT_LEADER);
    ck_assert_uint_eq(view.last.index, 2); /* its first entry, and the configuration */
    ck_assert(!view.configuration_by_hand);
    ck_assert_uint_eq(view.configuration_index, 2);
    persist_log();
    ck_assert(view.configuration_committed);
    ck_assert_uint_eq(view.configuration.count, 1);
}
END_TEST

START_TEST(what_was_set_by_hand_is_dropped_when_a_leader_is_heard)
{
    create(3, 0, 0);
    ck_assert_int_eq(recover(OF(VOTER(1))), RAFT_OK);
    receive_append(2, 1, (struct raft_entry_id){0, 0}, 0, 0);
    ck_assert(!view.configuration_by_hand);
    ck_assert_uint_eq(view.configuration.count, 3);
}
END_TEST

START_TEST(unsafe_recovery_of_a_leader_makes_it_step_down)
{
    lead_and_commit();
    ck_assert_int_eq(recover(OF(VOTER(1), VOTER(2))), RAFT_OK);
    drain();
    ck_assert_int_eq(view.role, RAFT_FOLLOWER);
    ck_assert(view.configuration_by_hand);
}
END_TEST

START_TEST(unsafe_recovery_needs_a_configuration_in_which_the_node_could_lead)
{
    create(3, 0, 0);
    ck_assert_int_eq(recover((struct raft_configuration){.count = 0}), RAFT_INVALID);
    ck_assert_int_eq(recover(OF(VOTER(2))), RAFT_INVALID);
    ck_assert_int_eq(recover(OF(WITNESS(1), VOTER(2))), RAFT_INVALID);
    ck_assert_int_eq(recover(OF(LEARNER(1), VOTER(2))), RAFT_INVALID);
    ck_assert_int_eq(recover(joint_of(OF(VOTER(1)), OF(VOTER(2)))), RAFT_INVALID);
    drain();
    ck_assert(!view.configuration_by_hand);
}
END_TEST

/* ---- memory ---- */

START_TEST(a_change_waits_for_memory_and_loses_nothing)
{
    struct raft_effect effect;
    unsigned failures = 0;
    for (long nth = 1;; nth++) {
        lead_and_commit();
        /* The ring of the log is full, so that room for the entry needs memory too. */
        while (log_.count < log_.capacity) {
            ck_assert_int_eq(propose(), RAFT_OK);
        }
        ck_assert_int_eq(change(OF(VOTER(1), VOTER(2))), RAFT_OK);
        memory.fail_at = memory.allocations + nth;
        struct raft_event ready = {.type = RAFT_EVENT_READY, .now_ns = now};
        enum raft_status status = RAFT_OK;
        do {
            status = raft_step(raft, &ready, &effect);
            raft_effect_release(&memory.memory, &effect);
        } while (status == RAFT_OK && effect.type != RAFT_EFFECT_NONE);
        bool has_failed = status != RAFT_OK;
        ck_assert(!has_failed || status == RAFT_NOMEM);
        failures += has_failed;
        ck_assert_ptr_null(raft_invariant_broken(raft));
        drain();
        ck_assert_int_eq(view.change, RAFT_CHANGE_JOINT);
        ck_assert(raft_configuration_is_joint(&view.configuration));
        ck_assert_uint_eq(view.configuration_index, view.last.index);
        teardown();
        if (!has_failed) {
            break;
        }
    }
    ck_assert_uint_ge(failures, 2); /* the entry, the ring, messages */
    lead();
}
END_TEST

static void add_changes(TCase *tests)
{
    tcase_add_test(tests, a_joint_configuration_commits_by_both_majorities_only);
    tcase_add_test(tests, the_outgoing_majority_alone_commits_nothing_either);
    tcase_add_test(tests, a_joint_configuration_elects_by_both_majorities_only);
    tcase_add_test(tests, a_new_leader_carries_the_change_in_its_log_through);
    tcase_add_test(tests, both_majorities_must_be_heard_by_a_leader);
    tcase_add_test(tests, both_majorities_must_confirm_a_read);
    tcase_add_test(tests, the_final_configuration_follows_when_the_joint_one_is_committed);
    tcase_add_test(tests, only_one_change_is_pending_at_a_time);
    tcase_add_test(tests, no_change_begins_before_an_entry_of_the_leaders_term_is_committed);
    tcase_add_test(tests, no_change_begins_during_a_transfer);
    tcase_add_test(tests, only_a_leader_begins_a_change);
    tcase_add_test(tests, a_change_leads_to_what_somebody_could_lead);
    tcase_add_test(tests, a_new_server_catches_up_before_it_counts);
    tcase_add_test(tests, a_slow_round_is_followed_by_another);
    tcase_add_test(tests, a_change_is_given_up_after_too_many_rounds);
    tcase_add_test(tests, a_change_is_given_up_when_a_new_server_does_not_answer);
    tcase_add_test(tests, a_leader_that_is_removed_does_not_count_itself);
    tcase_add_test(tests, a_leader_that_is_removed_steps_down_when_that_is_committed);
    tcase_add_test(tests, a_server_campaigns_until_its_removal_is_committed);
    tcase_add_test(tests, a_removed_server_stays_passive);
    tcase_add_test(tests, a_removed_server_deposes_no_leader);
    tcase_add_test(tests, a_removed_follower_is_told_and_then_forgotten);
    tcase_add_test(tests, a_change_waits_for_memory_and_loses_nothing);
}

static void add_members(TCase *tests)
{
    tcase_add_test(tests, a_server_uses_the_latest_configuration_in_its_log_committed_or_not);
    tcase_add_test(tests, a_truncated_configuration_brings_the_one_before_back);
    tcase_add_test(tests, a_configuration_that_a_full_disk_did_not_take_is_out_of_force);
    tcase_add_test(tests, a_restarted_server_finds_the_latest_configuration_in_its_log);
    tcase_add_test(tests, takes_nothing_of_a_message_with_a_configuration_that_is_none);
    tcase_add_test(tests, a_server_without_a_configuration_never_campaigns);
    tcase_add_test(tests, a_server_takes_entries_from_a_leader_that_is_no_member);
    tcase_add_test(tests, a_server_votes_for_a_candidate_that_is_no_member);
    tcase_add_test(tests, not_more_than_a_few_strangers_wait_for_an_answer);
    tcase_add_test(tests, a_learner_gets_the_log_and_counts_for_nothing);
    tcase_add_test(tests, a_learner_never_campaigns);
    tcase_add_test(tests, leadership_is_transferred_to_no_witness_and_to_no_learner);
    tcase_add_test(tests, a_witness_keeps_the_log_and_votes_and_does_nothing_else);
    tcase_add_test(tests, a_witness_that_becomes_a_voter_applies_all_it_has);
    tcase_add_test(tests, a_server_lets_a_preferred_one_come_first_once);
    tcase_add_test(tests, a_preferred_server_does_not_wait);
    tcase_add_test(tests, unsafe_recovery_puts_a_configuration_in_force_and_then_in_the_log);
    tcase_add_test(tests, what_was_set_by_hand_is_dropped_when_a_leader_is_heard);
    tcase_add_test(tests, unsafe_recovery_of_a_leader_makes_it_step_down);
    tcase_add_test(tests, unsafe_recovery_needs_a_configuration_in_which_the_node_could_lead);
}

static Suite *members_suite(void)
{
    Suite *suite = suite_create("raft_members");
    TCase *changes = tcase_create("changes");
    TCase *members = tcase_create("members");
    tcase_add_checked_fixture(changes, NULL, teardown);
    tcase_add_checked_fixture(members, NULL, teardown);
    add_changes(changes);
    add_members(members);
    suite_add_tcase(suite, changes);
    suite_add_tcase(suite, members);
    return suite;
}

int main(void)
{
    return unit_main(members_suite());
}
