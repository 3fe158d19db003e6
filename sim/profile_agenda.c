/* The agenda of a profile's run: which fault comes when, and whom it takes.
 *
 * Terms. An *episode* of a class begins, lasts, and ends; what a class does all the time (loss, the
 * failure of one file operation in so many) are *rules*.
 *
 * Fault model. What takes a node's part in the cluster away takes victims only (profile_atlas.c),
 * but for power failures, which take everybody for a moment.
 * The other nodes have allocations, queues and early returns that fail now and then, of which no
 * node fails, and clocks and links that are wrong. Clients change their minds about whom to ask.
 *
 * Invariants:
 *  1. A class has at most one episode at a time, but for clogs (profile_links.c).
 *  2. Each class draws from a stream of its own.
 *  3. A rule that hurts matches victims only. */
#include "profile_internal.h"

#include <assert.h>
#include <string.h>

#define US                UINT64_C(1000)
#define MS                UINT64_C(1000000)
#define PPM               (UINT64_MAX / 1000000u)
#define BACK_NS_MAX       (1000 * MS) /* of one step of a clock */
#define STROBE_PERIOD_MAX (100 * MS)
#define SQUEEZE_MAX       4000u /* bytes that a process may still have */
#define FREE_BYTES_MAX    2000u /* of a disk that is as good as full */
#define DARK_MS_MAX       1000u /* mean time without power, at most */
#define IDLE_CRASH_ONE_IN 10u   /* crashes are so much likelier while a write is pending */

/* ---- rules ---- */

static struct sim_rule *rule_new(struct sim_profile *profile, const char *pattern, uint64_t ppm,
                                 bool hurts)
{
    struct sim_rule *rule = sim_fault_rule_new(&profile->world->faults, pattern);
    rule->optional = true;
    rule->trigger.p = ppm * PPM;
    if (hurts) {
        assert(profile->hurting_count < PROFILE_RULES_MAX);
        profile->hurting[profile->hurting_count++] = rule;
    }
    return rule;
}

static void rule_add(struct sim_profile *profile, const char *pattern, enum raft_outcome outcome,
                     uint64_t ppm, bool hurts)
{
    if (ppm == 0) {
        return;
    }
    struct sim_rule *rule = rule_new(profile, pattern, ppm, hurts);
    rule->action = SIM_FAULT_OUTCOME;
    rule->outcome = outcome;
    sim_fault_rule_arm(&profile->world->faults, rule);
}

/* Victims die when they send, before the message is out or behind it. */
static void sends_kill(struct sim_profile *profile)
{
    static const enum raft_outcome sides[] = {RAFT_OUTCOME_CRASH_BEFORE, RAFT_OUTCOME_CRASH_AFTER};
    uint64_t ppm = profile->draw.crash_send_ppm;
    for (uint32_t i = 0; i < 2 && ppm != 0; i++) {
        struct sim_rule *rule = rule_new(profile, "message.send.refused", ppm, true);
        rule->action = SIM_FAULT_CRASH; /* a hand-over declares none as its outcome */
        rule->outcome = sides[i];
        sim_fault_rule_arm(&profile->world->faults, rule);
    }
}

static void rules_add(struct sim_profile *profile)
{
    static const char *const unsynced[] = {"disk.open",   "disk.create",   "disk.read",
                                           "disk.write",  "disk.truncate", "disk.close",
                                           "disk.unlink", "disk.rename",   "disk.list"};
    const struct sim_draw *draw = &profile->draw;
    for (uint32_t i = 0; i < sizeof unsynced / sizeof unsynced[0]; i++) {
        rule_add(profile, unsynced[i], RAFT_OUTCOME_EIO, draw->eio_ppm, true);
    }
    rule_add(profile, "disk.sync*", RAFT_OUTCOME_EIO, draw->sync_ppm, true);
    rule_add(profile, "disk.*", RAFT_OUTCOME_SHORT, draw->short_ppm, true);
    rule_add(profile, "disk.*", RAFT_OUTCOME_ENOSPC, draw->enospc_ppm, true);
    rule_add(profile, "disk.*", RAFT_OUTCOME_CRASH_BEFORE, draw->crash_io_ppm, true);
    rule_add(profile, "disk.*", RAFT_OUTCOME_CRASH_AFTER, draw->crash_io_ppm, true);
    rule_add(profile, "**", RAFT_OUTCOME_ERROR, draw->machine_ppm, true);
    rule_add(profile, "memory.alloc", RAFT_OUTCOME_NULL, draw->memory_ppm, false);
    rule_add(profile, "**", RAFT_OUTCOME_REFUSE, draw->refuse_ppm, false);
    rule_add(profile, "**", RAFT_OUTCOME_TAKE, draw->exit_ppm, false);
}

/* Delays and lies, which are no outcomes of a point. */
static void disks_misbehave(struct sim_profile *profile)
{
    struct sim_faults *faults = &profile->world->faults;
    const struct sim_draw *draw = &profile->draw;
    const struct sim_selector damageable = {.nodes = profile->damageable};
    uint32_t lies = 0;
    const struct {
        const char *pattern;
        enum sim_fault_action action;
        enum sim_lie lie;
        uint64_t ppm;
    } rows[] = {
        {"disk.*", SIM_FAULT_DELAY, SIM_LIE_NONE, draw->lag_us == 0 ? 0 : draw->lag_ppm},
        {"disk.write", SIM_FAULT_LIE, SIM_LIE_LOST, draw->lose_ppm},
        {"disk.write", SIM_FAULT_LIE, SIM_LIE_MISDIRECTED, draw->misdirect_ppm},
    };
    for (uint32_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].ppm == 0) {
            continue;
        }
        struct sim_rule *rule = rule_new(profile, rows[i].pattern, rows[i].ppm, false);
        rule->action = rows[i].action;
        rule->lie = rows[i].lie;
        rule->delay_ns = draw->lag_us * US;
        rule->has_heavy_tail = true;
        if (rule->action == SIM_FAULT_LIE) {
            assert(lies < PROFILE_LIES);
            rule->on = damageable;
            profile->lying[lies++] = rule;
        }
        sim_fault_rule_arm(faults, rule);
    }
}

static void timers_delay(struct sim_profile *profile)
{
    const struct sim_draw *draw = &profile->draw;
    for (uint32_t id = 1; id <= profile->world->node_count && draw->late_us != 0; id++) {
        sim_node_clock_late(profile->world->nodes[id], draw->late_ppm * PPM, draw->late_us * US);
    }
}

static void clocks_drift(struct sim_profile *profile)
{
    if (profile->draw.drift_ppm == 0) {
        return;
    }
    struct sim_stream *stream = &profile->episodes[SIM_CLASS_DRIFT].stream;
    for (uint32_t id = 1; id <= profile->world->node_count; id++) {
        /* A third each: as slow as may be, as fast, anything between. */
        uint64_t shape = sim_draw_below(stream, 3);
        uint64_t draw = sim_draw_between(stream, 0, 2 * profile->draw.drift_ppm);
        draw = shape == 0 ? 0 : shape == 1 ? 2 * profile->draw.drift_ppm : draw;
        profile->drift_ppm[id] = (int64_t)draw - (int64_t)profile->draw.drift_ppm;
        sim_node_clock_drift(profile->world->nodes[id], profile->drift_ppm[id]);
    }
}

/* ---- episodes: nodes ---- */

static void stall_begin(struct sim_profile *profile, struct profile_episode *episode,
                        uint64_t for_ns)
{
    struct sim_rule *rule = sim_fault_rule_new(&profile->world->faults, "disk.*");
    rule->on = (struct sim_selector){.nodes = 1u << episode->node, .role = SIM_SELECT_NODES};
    rule->action = SIM_FAULT_DELAY;
    rule->delay_ns = for_ns;
    rule->optional = true;
    rule->trigger.times = 1 + sim_draw_below(&episode->stream, 8);
    sim_fault_rule_arm(&profile->world->faults, rule);
    episode->rule = rule;
}

/* Every operation of a kind fails, or just every operation. */
static void broken_begin(struct sim_profile *profile, struct profile_episode *episode)
{
    static const char *const kinds[] = {"disk.*",        "disk.read",  "disk.write",  "disk.sync*",
                                        "disk.truncate", "disk.open",  "disk.create", "disk.close",
                                        "disk.unlink",   "disk.rename"};
    uint64_t kind = sim_draw_below(&episode->stream, sizeof kinds / sizeof kinds[0]);
    struct sim_rule *rule = sim_fault_rule_new(&profile->world->faults, kinds[kind]);
    rule->on = (struct sim_selector){.nodes = 1u << episode->node, .role = SIM_SELECT_NODES};
    rule->action = SIM_FAULT_OUTCOME;
    rule->outcome = RAFT_OUTCOME_EIO;
    rule->optional = true;
    sim_fault_rule_arm(&profile->world->faults, rule);
    episode->rule = rule;
}

static enum sim_unsynced unsynced_draw(struct sim_stream *stream)
{
    static const enum sim_unsynced all[] = {SIM_UNSYNCED_LOSE, SIM_UNSYNCED_KEEP, SIM_UNSYNCED_TORN,
                                            SIM_UNSYNCED_RANDOM};
    return all[sim_draw_below(stream, sizeof all / sizeof all[0])];
}

/* A crash is tried so often as if everybody were writing all the time; who is idle is spared. */
static void crash_now(struct sim_profile *profile, struct profile_episode *episode)
{
    struct sim_world *world = profile->world;
    bool is_idle = sim_disk_pending(&world->nodes[episode->node]->disk) == 0;
    if (is_idle && sim_draw_below(&episode->stream, IDLE_CRASH_ONE_IN) != 0) {
        return;
    }
    sim_node_crash(world->nodes[episode->node], unsynced_draw(&episode->stream));
}

/* All processes die at once, and start again together, before long. What is durable stays, so that
 * no copy of an entry is hurt: nobody becomes a victim by it. */
static void power_fails(struct sim_profile *profile, struct profile_episode *episode)
{
    enum sim_unsynced unsynced = unsynced_draw(&episode->stream);
    uint64_t down_ms = profile->draw.down_ms < DARK_MS_MAX ? profile->draw.down_ms : DARK_MS_MAX;
    uint64_t down_ns = sim_draw_exponential(&episode->stream, down_ms * MS);
    for (uint32_t id = 1; id <= profile->world->node_count; id++) {
        struct sim_node *node = profile->world->nodes[id];
        if (sim_node_is_up(node)) {
            sim_node_crash(node, unsynced);
            profile->revive_ns[id] = profile->world->scheduler.now_ns + down_ns + 1;
        }
    }
}

static void step_now(struct sim_profile *profile, struct profile_episode *episode)
{
    uint32_t node = sim_atlas_pick_any(profile, &episode->stream);
    bool is_back = sim_draw_below(&episode->stream, 2) == 0;
    uint64_t most_ns = profile->draw.step_ms * MS;
    most_ns = is_back && most_ns > BACK_NS_MAX ? BACK_NS_MAX : most_ns;
    int64_t step_ns = (int64_t)sim_draw_below(&episode->stream, most_ns + 1);
    sim_node_clock_jump(profile->world->nodes[node], is_back ? -step_ns : step_ns);
}

/* Now and then the old leader does not hear what comes of it: it must not answer reads as one. */
static void transfer_now(struct sim_profile *profile, struct profile_episode *episode)
{
    struct sim_node *leader = sim_world_leader(profile->world);
    uint64_t target = 1 + sim_draw_below(&episode->stream, profile->world->node_count);
    bool deafens = sim_draw_below(&episode->stream, 4) == 0;
    if (leader == NULL) {
        return;
    }
    (void)sim_node_transfer(leader, (uint32_t)target);
    if (deafens && profile->draw.cut_gap_ms != 0 && !profile->episodes[SIM_CLASS_CUT].active) {
        sim_links_deafen(profile, leader->id);
    }
}

/* In every second case a node comes back with other options, and, where there is a second
 * implementation, in every second case as that one: upgrades and downgrades in any order. */
static void restart_now(struct sim_profile *profile, struct profile_episode *episode)
{
    struct sim_node *node = profile->world->nodes[episode->node];
    struct raft_options *options = &node->options;
    bool changes = sim_draw_below(&episode->stream, 2) == 0;
    if (changes) {
        uint64_t batch = sim_draw_between(&episode->stream, 1, 64);
        uint64_t window = sim_draw_between(&episode->stream, 1, 8);
        uint64_t segment = sim_draw_between(&episode->stream, 512, 65536);
        uint64_t divisor = sim_draw_between(&episode->stream, 1, 3);
        options->batch_entries_max = (uint32_t)batch;
        options->window_messages_max = (uint32_t)window;
        options->segment_size_max = (uint32_t)segment;
        options->heartbeat_ns = profile->draw.heartbeat_ms * MS / divisor;
        assert(raft_options_check(options) == NULL);
    }
    if (profile->world->sut_next != NULL) {
        node->takes_next = sim_draw_below(&episode->stream, 2) == 0;
    }
    sim_node_stop(node);
}

static void campaign_now(struct sim_profile *profile, struct profile_episode *episode)
{
    uint64_t node = 1 + sim_draw_below(&episode->stream, profile->world->node_count);
    (void)sim_node_campaign(profile->world->nodes[node]);
}

/* ---- the classes in time ---- */

/* When a class has its episodes: the least time between two and the mean of what is added to it,
 * and the same of how long they last (0: a moment). */
struct times {
    uint64_t gap_ms, last_ms; /* means; gap 0: the class has no episodes, or is off */
    uint64_t rest_ms, least_ms;
};

/* The gap of episodes that come so many times as often: 0, which is never, only for what is 0. */
static uint64_t gap_share(uint64_t gap_ms, uint64_t times)
{
    return gap_ms == 0 ? 0 : gap_ms < times ? 1 : gap_ms / times;
}

static struct times episode_times(const struct sim_profile *profile, enum sim_fault_class class_)
{
    const struct sim_draw *draw = &profile->draw;
    /* Each node is paused so often, but there is one crash for them all. */
    uint64_t pause_gap_ms = gap_share(draw->pause_gap_ms, profile->world->node_count);
    uint64_t crash_gap_ms = gap_share(draw->crash_gap_ms, IDLE_CRASH_ONE_IN);
    const struct {
        enum sim_fault_class class_;
        uint64_t gap_ms, last_ms;
    } rows[] = {
        {SIM_CLASS_PARTITION, draw->split_gap_ms, draw->split_ms},
        {SIM_CLASS_CUT, draw->cut_gap_ms, draw->cut_ms},
        {SIM_CLASS_FILTER, draw->filter_gap_ms, draw->filter_ms},
        {SIM_CLASS_SLOW, draw->slow_gap_ms, draw->slow_ms},
        {SIM_CLASS_STALL, draw->stall_ms == 0 ? 0 : draw->least_ms / 4 + 1, draw->stall_ms},
        {SIM_CLASS_BROKEN, draw->broken_gap_ms, draw->broken_ms},
        {SIM_CLASS_FULL, draw->full_gap_ms, draw->full_ms},
        {SIM_CLASS_CRASH, crash_gap_ms, 0},
        {SIM_CLASS_POWER, draw->power_gap_ms, 0},
        {SIM_CLASS_PAUSE, pause_gap_ms, draw->pause_ms},
        {SIM_CLASS_STEP, draw->step_gap_ms, 0},
        {SIM_CLASS_FREEZE, draw->freeze_gap_ms, draw->freeze_ms},
        {SIM_CLASS_STROBE, draw->strobe_us == 0 ? 0 : draw->strobe_gap_ms, draw->strobe_ms},
        {SIM_CLASS_SQUEEZE, draw->squeeze_gap_ms, draw->squeeze_ms},
        {SIM_CLASS_ROT, draw->rot_gap_ms, 0},
        {SIM_CLASS_WIPE, draw->wipe_gap_ms, 0},
        {SIM_CLASS_RESTORE, draw->restore_gap_ms, 0},
        {SIM_CLASS_READ_ONLY, draw->ro_gap_ms, draw->ro_ms},
        {SIM_CLASS_TRANSFER, draw->transfer_gap_ms, 0},
        {SIM_CLASS_CAMPAIGN, draw->campaign_gap_ms, 0},
        {SIM_CLASS_RESTART, draw->restart_gap_ms, 0},
        {SIM_CLASS_MEMBERS, draw->members_gap_ms, 0},
    };
    struct times times = {0};
    for (uint32_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].class_ == class_) {
            times.gap_ms = rows[i].gap_ms;
            times.last_ms = rows[i].last_ms;
        }
    }
    if (class_ == SIM_CLASS_PARTITION) {
        times.rest_ms = draw->split_rest_ms;
        times.least_ms = draw->split_least_ms;
    }
    return times;
}

/* Whether a class hurts the node it takes. */
static bool hurts(enum sim_fault_class class_)
{
    return class_ == SIM_CLASS_STALL || class_ == SIM_CLASS_FULL || class_ == SIM_CLASS_CRASH ||
           class_ == SIM_CLASS_PAUSE || class_ == SIM_CLASS_READ_ONLY ||
           class_ == SIM_CLASS_RESTART || class_ == SIM_CLASS_FREEZE ||
           class_ == SIM_CLASS_SQUEEZE || class_ == SIM_CLASS_BROKEN;
}

/* Does what a class does to a node. */
static void node_begin(struct sim_profile *profile, enum sim_fault_class class_, uint64_t for_ns)
{
    struct profile_episode *episode = &profile->episodes[class_];
    struct sim_node *node = profile->world->nodes[episode->node];
    if (class_ == SIM_CLASS_STALL) {
        stall_begin(profile, episode, for_ns);
    } else if (class_ == SIM_CLASS_BROKEN) {
        broken_begin(profile, episode);
    } else if (class_ == SIM_CLASS_FULL) {
        node->disk.quota = node->disk.used + sim_draw_below(&episode->stream, FREE_BYTES_MAX);
    } else if (class_ == SIM_CLASS_SLOW) {
        node->disk.slow_ns = profile->draw.slow_us * US;
    } else if (class_ == SIM_CLASS_CRASH) {
        crash_now(profile, episode);
    } else if (class_ == SIM_CLASS_PAUSE) {
        sim_node_pause(node);
    } else if (class_ == SIM_CLASS_READ_ONLY) {
        sim_node_set_read_only(node, true);
    } else if (class_ == SIM_CLASS_FREEZE) {
        sim_node_clock_drift(node, SIM_CLOCK_FROZEN);
    } else if (class_ == SIM_CLASS_STROBE) {
        uint64_t period_ns = 1 + sim_draw_below(&episode->stream, STROBE_PERIOD_MAX);
        sim_node_clock_strobe(node, profile->draw.strobe_us * US, period_ns);
    } else if (class_ == SIM_CLASS_SQUEEZE) {
        uint64_t left = sim_draw_below(&episode->stream, SQUEEZE_MAX);
        node->memory_limit = node->block_bytes + left;
    } else {
        assert(class_ == SIM_CLASS_RESTART);
        restart_now(profile, episode);
    }
}

static void episode_begin(struct sim_profile *profile, enum sim_fault_class class_, uint64_t for_ns)
{
    struct profile_episode *episode = &profile->episodes[class_];
    if (class_ == SIM_CLASS_PARTITION) {
        sim_links_partition(profile, episode);
    } else if (class_ == SIM_CLASS_CUT) {
        sim_links_cut(profile, episode);
    } else if (class_ == SIM_CLASS_FILTER) {
        sim_links_filter(profile, episode);
    } else if (class_ == SIM_CLASS_POWER) {
        power_fails(profile, episode);
    } else if (class_ == SIM_CLASS_STEP) {
        step_now(profile, episode);
    } else if (class_ == SIM_CLASS_TRANSFER) {
        transfer_now(profile, episode);
    } else if (class_ == SIM_CLASS_CAMPAIGN) {
        campaign_now(profile, episode);
    } else if (class_ == SIM_CLASS_ROT) {
        sim_damage_rot(profile, episode);
    } else if (class_ == SIM_CLASS_WIPE) {
        sim_damage_take(profile, episode);
    } else if (class_ == SIM_CLASS_RESTORE) {
        sim_damage_restore(profile, episode);
    } else if (class_ == SIM_CLASS_MEMBERS && sim_atlas_fixes_members(profile)) {
        /* Of another configuration the damaged nodes might be more than a minority. */
    } else if (class_ == SIM_CLASS_MEMBERS) {
        sim_members_change(profile, &episode->stream);
    } else {
        episode->node = hurts(class_) ? sim_atlas_pick(profile, &episode->stream)
                                      : sim_atlas_pick_any(profile, &episode->stream);
        if (episode->node == 0) {
            return;
        }
        node_begin(profile, class_, for_ns);
    }
    episode->active = for_ns != 0;
}

static void episode_end(struct sim_profile *profile, enum sim_fault_class class_)
{
    struct profile_episode *episode = &profile->episodes[class_];
    struct sim_network *network = &profile->world->network;
    struct sim_node *node = profile->world->nodes[episode->node];
    episode->active = false;
    if (class_ == SIM_CLASS_PARTITION || class_ == SIM_CLASS_CUT) {
        sim_network_rule_heal(network, episode->link);
    } else if (class_ == SIM_CLASS_FILTER) {
        sim_links_let_go(profile, episode->link, &episode->stream);
    } else if (class_ == SIM_CLASS_STALL) {
        sim_fault_rule_off(&profile->world->faults, episode->rule);
        sim_disk_heal(&node->disk);
    } else if (class_ == SIM_CLASS_BROKEN) {
        sim_fault_rule_off(&profile->world->faults, episode->rule);
    } else if (class_ == SIM_CLASS_FULL) {
        node->disk.quota = UINT64_MAX;
    } else if (class_ == SIM_CLASS_SLOW) {
        node->disk.slow_ns = 0;
    } else if (class_ == SIM_CLASS_PAUSE) {
        sim_node_resume(node);
    } else if (class_ == SIM_CLASS_FREEZE) {
        sim_node_clock_drift(node, profile->drift_ppm[episode->node]);
    } else if (class_ == SIM_CLASS_STROBE) {
        sim_node_clock_strobe(node, 0, 0);
    } else if (class_ == SIM_CLASS_SQUEEZE) {
        node->memory_limit = UINT64_MAX;
    } else {
        assert(class_ == SIM_CLASS_READ_ONLY);
        sim_node_set_read_only(node, false);
    }
}

static void episode_tick(struct sim_profile *profile, enum sim_fault_class class_)
{
    struct profile_episode *episode = &profile->episodes[class_];
    uint64_t now_ns = profile->world->scheduler.now_ns;
    if (now_ns < (episode->active ? episode->until_ns : episode->next_ns)) {
        return;
    }
    const struct times times = episode_times(profile, class_);
    assert(times.gap_ms != 0);
    if (episode->active) {
        episode_end(profile, class_);
    } else {
        uint64_t for_ns = sim_draw_exponential(&episode->stream, times.last_ms * MS);
        for_ns = class_ == SIM_CLASS_STALL ? times.last_ms * MS : times.least_ms * MS + for_ns;
        episode->until_ns = now_ns + for_ns;
        episode_begin(profile, class_, for_ns);
    }
    uint64_t pause_ns = sim_draw_exponential(&episode->stream, times.gap_ms * MS);
    bool is_over = class_ == SIM_CLASS_STALL;
    episode->next_ns = is_over ? UINT64_MAX : now_ns + times.rest_ms * MS + pause_ns;
}

void sim_agenda_begin(struct sim_profile *profile)
{
    struct sim_world *world = profile->world;
    assert(world->node_count > 0 && world->scheduler.now_ns == 0);
    for (uint32_t i = 0; i < SIM_CLASS_COUNT; i++) {
        struct profile_episode *episode = &profile->episodes[i];
        const char *name = sim_class_string((enum sim_fault_class)i);
        sim_stream_init(&episode->stream, world->seed, SIM_STREAM_PROFILE,
                        sim_hash(name, strlen(name), 0), 4);
        const struct times times = episode_times(profile, (enum sim_fault_class)i);
        episode->next_ns = times.gap_ms == 0
                               ? UINT64_MAX
                               : sim_draw_exponential(&episode->stream, times.gap_ms * MS);
    }
    rules_add(profile);
    sends_kill(profile);
    sim_links_shape(profile);
    clocks_drift(profile);
    timers_delay(profile);
    sim_atlas_damage(profile);
    disks_misbehave(profile);
    if (profile->draw.mode == SIM_MODE_UNRESTRICTED) {
        sim_atlas_set(profile, (2u << world->node_count) - 2);
    } else {
        sim_atlas_choose(profile);
    }
}

/* A client that has always been answered by one leader would never find the next one in time to
 * see the old one wrong: now and then an idle one asks somebody else. */
static void clients_roam(struct sim_profile *profile)
{
    struct sim_clients *clients = &profile->world->clients;
    uint64_t node = 1 + sim_draw_below(&profile->roam, profile->world->node_count);
    uint64_t draw = sim_draw_below(&profile->roam, 4 * (uint64_t)clients->count);
    if (draw < clients->count && clients->by_id[draw + 1]->open == NULL) {
        clients->by_id[draw + 1]->target = (uint32_t)node;
    }
}

void sim_agenda_tick(struct sim_profile *profile)
{
    clients_roam(profile);
    sim_atlas_revive(profile);
    sim_members_replace(profile);
    sim_atlas_rotate(profile);
    sim_links_clog(profile);
    for (uint32_t i = 0; i < SIM_CLASS_COUNT && !profile->world->over; i++) {
        episode_tick(profile, (enum sim_fault_class)i);
    }
}
