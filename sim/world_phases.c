/* The phases of a run.
 *
 *     RUN --script ended--> HEAL --agreed, a write, a read--> STOP --all stopped--> DONE
 *      |                                                       ^
 *      +---------------- finish = "as_is" ---------------------+
 *
 * RUN belongs to the script. In HEAL every fault ends and every node is up again; the cluster must
 * agree within the bounds of liveness.c, answer every client within progress_bound_ns, and each
 * operation that a node has taken in time by itself; then it must do one more write and one more
 * read. In STOP all nodes stop in good order, within STOP_BOUND_NS. Only a sweep's shot may still
 * fire in STOP (for how long a persistent one does, see SIM_SHOT_STOP_NS).
 *
 * A phase goes on in SIM_EVENT_PHASE events, which come from the harness every POLL_NS.
 *
 * Invariants:
 *  1. From HEAL on the script has no say.
 *  2. In HEAL and in STOP exactly one PHASE event is queued.
 *  3. A cluster that cannot agree because machines that had a majority are gone for good is neither
 *     a finding nor a pass.
 *  4. Nothing fires in HEAL: a node that fails although it was started in HEAL is a finding. */
#include "world.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define POLL_NS       UINT64_C(10000000)
#define STOP_BOUND_NS (UINT64_C(60) * 1000000000)

enum heal_stage { HEAL_CONVERGES, HEAL_WRITES, HEAL_READS };

const char *sim_phase_string(enum sim_phase phase)
{
    switch (phase) {
    case SIM_PHASE_RUN:
        return "run";
    case SIM_PHASE_HEAL:
        return "heal";
    case SIM_PHASE_STOP:
        return "stop";
    case SIM_PHASE_DONE:
        return "done";
    }
    assert(!"not a phase");
    return NULL;
}

static void poll_at(struct sim_world *world, uint64_t time_ns)
{
    struct sim_event *event = sim_event_new(&world->scheduler, SIM_EVENT_PHASE, 0);
    event->number = (uint32_t)world->phase;
    sim_schedule(&world->scheduler, &world->harness, event, time_ns);
}

static void poll_again(struct sim_world *world)
{
    poll_at(world, world->scheduler.now_ns + POLL_NS);
}

static void phase_set(struct sim_world *world, enum sim_phase phase)
{
    assert(phase > world->phase);
    world->phase = phase;
    world->phase_event = world->events;
    world->stage = 0;
    sim_world_transcribe(world, "    phase %s", sim_phase_string(phase));
}

void sim_world_script_ended(struct sim_world *world)
{
    if (world->phase == SIM_PHASE_RUN && !world->script_over && !world->over) {
        world->script_over = true;
        poll_at(world, world->scheduler.now_ns);
    }
}

/* ---- done ---- */

/* A rule of the script that never fired tests nothing; unless a sweep's shot has taken the run
 * another way than the script describes. */
static void check_vacuous(struct sim_world *world)
{
    if (!world->checks_vacuous || world->disturbed || world->faults.shot.fired > 0) {
        return;
    }
    const struct sim_link_rule *link = sim_network_vacuous(&world->network);
    if (link != NULL) {
        sim_fail(world, "vacuous", 0,
                 "%s: network rule had no effect: %" PRIu64 " messages matched it, none was lost, "
                 "held, delayed or changed; add :optional() if that is fine",
                 link->where, link->trigger.matches);
        return;
    }
    const struct sim_watch *watch = sim_watch_vacuous(world);
    if (watch != NULL) {
        sim_fail(world, "vacuous", 0,
                 "%s: %s had no effect on the node; add :optional() if that is fine", watch->where,
                 watch->what);
        return;
    }
    const struct sim_rule *rule = sim_fault_vacuous(&world->faults, false);
    if (rule == NULL) {
        return;
    }
    char wanted[SIM_NAME_MAX] = "";
    if (rule->trigger.nth != 0) {
        snprintf(wanted, sizeof wanted, ", wanted number %" PRIu64, rule->trigger.nth);
    } else if (rule->trigger.every != 0) {
        snprintf(wanted, sizeof wanted, ", wanted every %" PRIu64, rule->trigger.every);
    }
    sim_fail(world, "vacuous", 0,
             "%s: fault rule never fired: %s: the point was seen %" PRIu64
             " times for this rule%s; add :optional() if that is fine",
             rule->where, rule->pattern, rule->trigger.matches, wanted);
}

static void begin_done(struct sim_world *world)
{
    sim_oracles_finish(world->oracles);
    check_vacuous(world);
    if (!world->over) {
        phase_set(world, SIM_PHASE_DONE);
    }
}

/* ---- stop ---- */

static void begin_stop(struct sim_world *world)
{
    phase_set(world, SIM_PHASE_STOP);
    sim_changes_abandon(&world->changes);
    if (world->script != NULL) {
        sim_script_abandon(world->script);
    }
    sim_faults_stopping(&world->faults);
    sim_clients_finish(&world->clients);
    world->stage_deadline_ns = world->scheduler.now_ns + STOP_BOUND_NS;
    for (uint32_t id = 1; id <= world->node_count; id++) {
        sim_node_resume(world->nodes[id]);
        sim_disk_heal(&world->nodes[id]->disk);
        sim_node_clock_heal(world->nodes[id]);
        sim_node_stop(world->nodes[id]);
    }
    poll_again(world);
}

static void poll_stop(struct sim_world *world)
{
    for (uint32_t id = 1; id <= world->node_count; id++) {
        const struct sim_node *node = world->nodes[id];
        if (!sim_node_is_up(node)) {
            continue;
        }
        if (world->scheduler.now_ns >= world->stage_deadline_ns) {
            sim_fail(world, "shutdown", id,
                     "n%u has not stopped within %" PRIu64
                     " ms: %u timers are set, %s, %u entries and %u requests are held",
                     id, STOP_BOUND_NS / 1000000, sim_node_timers_armed(node),
                     node->batch != NULL ? "a batch is out" : "no batch is out",
                     (unsigned)node->ledger.entries, node->view.requests);
            return;
        }
        poll_again(world);
        return;
    }
    begin_done(world);
}

/* ---- heal ---- */

static void heal_node(struct sim_node *node)
{
    node->memory_limit = UINT64_MAX;
    node->disk.quota = UINT64_MAX;
    node->disk.slow_ns = 0;
    sim_node_clock_heal(node);
    sim_node_resume(node);
    sim_disk_heal(&node->disk);
    if (node->is_read_only_wanted) {
        sim_node_set_read_only(node, false);
    }
}

/* Without pre-vote and without check-quorum nothing keeps a node that was removed, and has not
 * heard of it, from deposing leaders for ever: its operator keeps it switched off. */
static bool is_disturbing(const struct sim_world *world, uint32_t id)
{
    const struct raft_options *raft = &world->cluster.raft;
    const struct sim_node *node = world->nodes[id];
    return !raft->pre_vote && !raft->check_quorum && node->state != SIM_NODE_UP &&
           !sim_oracle_is_member(world->oracles, id);
}

/* A node that has refused a damaged store would refuse it again. */
static void restart_nodes(struct sim_world *world, bool is_first)
{
    for (uint32_t id = 1; id <= world->node_count; id++) {
        bool refuses = !is_first && world->nodes[id]->refused_store;
        if (!refuses && !is_disturbing(world, id)) {
            sim_node_start(world->nodes[id]);
        }
    }
}

static void begin_heal(struct sim_world *world)
{
    phase_set(world, SIM_PHASE_HEAL);
    sim_probe_heals(world);
    if (world->script != NULL) {
        sim_script_abandon(world->script);
    }
    sim_faults_suspend(&world->faults);
    sim_network_heal(&world->network);
    for (struct sim_load *load = world->clients.loads; load != NULL; load = load->next) {
        sim_load_stop(load);
    }
    sim_changes_abandon(&world->changes);
    for (uint32_t id = 1; id <= world->node_count; id++) {
        heal_node(world->nodes[id]);
    }
    restart_nodes(world, true);
    world->heal_started_ns = world->scheduler.now_ns;
    sim_oracle_heals(world->oracles);
    sim_liveness_begin(world);
    world->stage_deadline_ns = world->heal_started_ns + world->progress_bound_ns;
    poll_again(world);
}

static bool all_up(const struct sim_world *world)
{
    for (uint32_t id = 1; id <= world->node_count; id++) {
        const struct sim_node *node = world->nodes[id];
        if (node->state != SIM_NODE_UP && !node->is_gone && !node->refused_store &&
            !is_disturbing(world, id)) {
            return false;
        }
    }
    return true;
}

/* What every node is, for the message of a cluster that does not get on. */
static void describe_nodes(const struct sim_world *world, char *text, size_t size)
{
    size_t used = 0;
    text[0] = 0;
    for (uint32_t id = 1; id <= world->node_count && used < size; id++) {
        const struct sim_node *node = world->nodes[id];
        const struct raft_view *view = &node->view;
        int written = snprintf(text + used, size - used,
                               "%sn%u %s %s %s term %" PRIu64 " last %" PRIu64 " commit %" PRIu64
                               " applied %" PRIu64,
                               id > 1 ? "; " : "", id, sim_node_state_string(node->state),
                               sim_node_is_up(node) ? raft_role_string(view->role) : node->why,
                               raft_condition_string(view->condition), view->state.term,
                               view->last.index, view->commit, view->applied);
        used += written > 0 ? (size_t)written : 0;
    }
}

/* Whether a node is out for good: its machine is gone, or its disk was damaged, and it has refused
 * its store, is in quarantine, or waits for what nobody can give it (sim_oracle_is_repairable).
 * For what somebody can it may wait until progress is due. */
static bool is_lost(const struct sim_world *world, const struct sim_node *node)
{
    bool is_stuck = node->state == SIM_NODE_UP && node->view.condition != RAFT_RUNNING &&
                    (node->was_damaged || sim_node_is_damaged(node));
    bool is_due = world->scheduler.now_ns >= world->stage_deadline_ns;
    return node->is_gone || node->refused_store ||
           (is_stuck && !(is_due && sim_oracle_is_repairable(world->oracles, node->id)));
}

/* The proof is the list of those who are lost. */
bool sim_world_is_beyond_budget(struct sim_world *world)
{
    uint32_t lost = 0;
    uint32_t count = 0;
    size_t used = 0;
    char nodes[SIM_NODES_MAX * sizeof ", n15 (gone)"] = "";
    for (uint32_t id = 1; id <= world->node_count; id++) {
        const struct sim_node *node = world->nodes[id];
        if (is_lost(world, node)) {
            int written = snprintf(nodes + used, sizeof nodes - used, "%sn%u%s",
                                   count > 0 ? ", " : "", id, node->is_gone ? " (gone)" : "");
            assert(written > 0 && (size_t)written < sizeof nodes - used);
            used += (size_t)written;
            lost |= 1u << id;
            count++;
        }
    }
    if (sim_oracle_is_available(world->oracles, lost)) {
        return false;
    }
    snprintf(world->unavailable_text, sizeof world->unavailable_text,
             "%u of %u copies are lost for good, %s: the rest is no majority", count,
             world->node_count, nodes);
    return true;
}

/* Whether a bound that is over says nothing, since nobody can demand progress of what is left. */
static bool is_waived(struct sim_world *world)
{
    bool is_beyond = sim_world_is_beyond_budget(world);
    if (is_beyond) {
        sim_oracle_waive(world->oracles, SIM_WAIVER_UNAVAILABLE);
    }
    return is_beyond;
}

static void fail_progress(struct sim_world *world, const char *what)
{
    char nodes[SIM_TEXT_MAX - 256];
    describe_nodes(world, nodes, sizeof nodes);
    const char *rule = sim_oracle_string(SIM_ORACLE_PROGRESS);
    bool is_first = !world->has_finding;
    sim_fail(world, rule, 0, "%s %" PRIu64 " ms after every fault has ended: %s", what,
             (world->scheduler.now_ns - world->heal_started_ns) / 1000000, nodes);
    if (is_first && world->has_finding) {
        sim_finding_sign(&world->finding, rule, what);
    }
}

static void proof_try(struct sim_world *world)
{
    const bool reads = world->stage == HEAL_READS;
    const struct sim_command command = {.type = reads ? SIM_COMMAND_GET : SIM_COMMAND_PUT,
                                        .by_index = reads,
                                        .key = "squall",
                                        .value = "goes on"};
    sim_client_begin(world->proof, &command, 0);
    world->last = world->proof->open;
}

static void proof_begin(struct sim_world *world, uint32_t stage)
{
    world->stage = stage;
    world->proof_ns = world->scheduler.now_ns;
    proof_try(world);
}

/* Others have driven out its session, and it cannot tell what has come of its command. */
static bool proof_is_forgotten(const struct sim_world *world)
{
    return world->proof->open == NULL && world->last->outcome == SIM_CLIENT_UNKNOWN &&
           strcmp(world->last->error, "session_expired") == 0;
}

/* The cluster has agreed: it must also go on. */
static void begin_proof(struct sim_world *world)
{
    sim_liveness_converged(world);
    world->proof = sim_client_create(world, world->progress_bound_ns);
    proof_begin(world, HEAL_WRITES);
}

/* Nobody can demand progress of what is left. */
static void give_up(struct sim_world *world)
{
    world->is_unavailable = true;
    sim_world_transcribe(world, "    unavailable: %s", world->unavailable_text);
    begin_stop(world);
}

/* A write, and a read without a log entry, each in time by itself. */
static void poll_proof(struct sim_world *world, bool is_skipped)
{
    bool is_open = world->proof->open != NULL;
    bool is_late = world->scheduler.now_ns > sim_liveness_due_ns(world, world->proof_ns);
    if (is_open && (!is_late || is_skipped)) {
        poll_again(world);
        return;
    }
    if (proof_is_forgotten(world) && !is_late) {
        proof_try(world);
        poll_again(world);
        return;
    }
    sim_oracle_count(world->oracles, SIM_ORACLE_PROGRESS);
    bool is_done = !is_open && world->last->outcome == SIM_CLIENT_OK;
    if (is_done && world->stage == HEAL_WRITES && (world->features & SUT_FEATURE_READ) != 0) {
        proof_begin(world, HEAL_READS);
        poll_again(world);
    } else if (is_done || is_skipped) {
        begin_stop(world);
    } else if (!is_waived(world)) {
        fail_progress(world,
                      world->stage == HEAL_READS ? "a read was not done" : "a write was not done");
    } else if (world->scheduler.now_ns >= world->stage_deadline_ns) {
        give_up(world);
    } else {
        poll_again(world); /* what is proved before progress is due may yet come back */
    }
}

static void poll_heal(struct sim_world *world)
{
    restart_nodes(world, false);
    if (world->over) {
        return;
    }
    sim_oracle_prompt_check(world->oracles);
    if (world->over) {
        return;
    }
    bool is_skipped = sim_oracle_skipped(world->oracles, SIM_ORACLE_PROGRESS) != NULL;
    bool is_late = world->scheduler.now_ns >= world->stage_deadline_ns;
    if (world->stage == HEAL_CONVERGES) {
        if (all_up(world) && sim_oracle_converged(world->oracles) &&
            sim_clients_idle(&world->clients) && world->changes.open == 0) {
            begin_proof(world);
        } else if (!is_skipped && sim_liveness_is_late(world) &&
                   !sim_oracle_converged(world->oracles) && !is_waived(world)) {
            fail_progress(world, "the cluster has not agreed");
            return;
        } else if (is_late && is_skipped) {
            begin_stop(world);
            return;
        } else if (is_late && sim_world_is_beyond_budget(world)) {
            give_up(world);
            return;
        } else if (is_late) {
            fail_progress(world, sim_oracle_converged(world->oracles)
                                     ? "a client, or a change of the members, has no answer"
                                     : "the cluster has not agreed");
            return;
        }
    } else {
        poll_proof(world, is_skipped);
        return;
    }
    poll_again(world);
}

/* ---- what comes next ---- */

void sim_world_phase_event(struct sim_world *world)
{
    switch (world->phase) {
    case SIM_PHASE_RUN:
        assert(world->script_over);
        if (world->node_count == 0) {
            begin_done(world);
        } else if (world->finish_as_is) {
            begin_stop(world);
        } else {
            begin_heal(world);
        }
        return;
    case SIM_PHASE_HEAL:
        poll_heal(world);
        return;
    case SIM_PHASE_STOP:
        poll_stop(world);
        return;
    case SIM_PHASE_DONE:
        break;
    }
    assert(!"a phase event after the end");
}

void sim_world_out_of_events(struct sim_world *world)
{
    assert(world->phase == SIM_PHASE_RUN && !world->script_over);
    if (world->script == NULL) {
        sim_world_script_ended(world);
    } else {
        sim_world_stuck(world, "the scenario waits for something that will never happen: nothing "
                               "is under way any more");
    }
}
