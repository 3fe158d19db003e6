/* The operator's changes of the members.
 *
 *             ask            taken by the leader          completed
 *     (begun) ----> waiting ---------------------> taken -----------> done, failed
 *                   |  ^ |                           |
 *                   +--+ +--> failed (deadline)      +--> unknown (its node is gone, or has lost)
 *                  again
 *
 * The target is made from the configuration that the leader goes by when it is asked, so that it
 * differs from it by the plan alone.
 *
 * Invariants:
 *  1. A change has a timer queued exactly while it is open and not taken.
 *  2. A request number is used once; a change has at most one that was taken. */
#include "change.h"

#include "world.h"

#include <assert.h>
#include <string.h>

#define AGAIN_NS UINT64_C(10000000)

void sim_changes_init(struct sim_changes *changes)
{
    *changes = (struct sim_changes){.first = NULL};
    changes->end = &changes->first;
}

/* ---- the target ---- */

static void member_plan(const struct sim_change_plan *plan, struct raft_member *member)
{
    uint32_t bit = 1u << member->id;
    if ((plan->voters & bit) != 0) {
        member->flags = RAFT_MEMBER_VOTER | (plan->is_witness ? RAFT_MEMBER_WITNESS : 0u);
        member->priority = plan->sets_priority ? plan->priority : member->priority;
    } else if ((plan->learners & bit) != 0) {
        member->flags = RAFT_MEMBER_LEARNER;
    }
}

bool sim_change_apply(const struct sim_change_plan *plan,
                      const struct raft_configuration *configuration,
                      struct raft_configuration *out_target)
{
    uint32_t full = 0;
    uint32_t voters = 0;
    assert(!raft_configuration_is_joint(configuration));
    *out_target = (struct raft_configuration){.count = 0};
    for (uint32_t id = 1; id < SIM_NODES_MAX; id++) {
        const struct raft_member *known = raft_configuration_find(configuration, id);
        bool is_new = known == NULL && ((plan->voters | plan->learners) >> id & 1u) != 0;
        if ((known == NULL && !is_new) || (plan->removed >> id & 1u) != 0) {
            continue;
        }
        struct raft_member member = is_new ? (struct raft_member){.id = id} : *known;
        member_plan(plan, &member);
        voters += (member.flags & RAFT_MEMBER_VOTER) != 0;
        full += (member.flags & (RAFT_MEMBER_VOTER | RAFT_MEMBER_WITNESS)) == RAFT_MEMBER_VOTER;
        assert(out_target->count < RAFT_MEMBERS_MAX);
        out_target->members[out_target->count++] = member;
    }
    /* Full voters alone must be a majority: what only witnesses have nobody can apply. */
    return 2 * full > voters;
}

/* ---- the life of a change ---- */

static void end(struct sim_member_change *change, enum sim_change_outcome outcome,
                const char *error)
{
    struct sim_world *world = change->world;
    struct sim_changes *changes = &world->changes;
    assert(change->outcome == SIM_CHANGE_OPEN && outcome != SIM_CHANGE_OPEN);
    assert(changes->open > 0);
    change->outcome = outcome;
    change->error = error;
    changes->open--;
    changes->done += outcome == SIM_CHANGE_DONE;
    changes->failed += outcome == SIM_CHANGE_FAILED;
    changes->unknown += outcome == SIM_CHANGE_UNKNOWN;
    if (change->timer != NULL) {
        sim_unschedule(&world->scheduler, change->timer);
        sim_event_free(&world->scheduler, change->timer);
        change->timer = NULL;
    }
    sim_world_transcribe(world, "    change: %s", error == NULL ? "done" : error);
    if (change->waiter != 0 && world->script != NULL) {
        sim_script_change_done(world->script, change->waiter, change);
    }
}

static void ask_at(struct sim_member_change *change, uint64_t time_ns)
{
    struct sim_scheduler *scheduler = &change->world->scheduler;
    assert(change->timer == NULL);
    change->timer = sim_event_new(scheduler, SIM_EVENT_CHANGE, 0);
    change->timer->data = change;
    sim_schedule(scheduler, &change->world->changes.source, change->timer, time_ns);
}

static const char *error_of(enum raft_status status)
{
    return status == RAFT_BUSY         ? "busy"
           : status == RAFT_NOT_LEADER ? "not_leader"
           : status == RAFT_INVALID    ? "invalid"
           : status == RAFT_NOMEM      ? "out_of_memory"
           : status == RAFT_STOPPED    ? "stopped"
                                       : raft_status_string(status);
}

/* Asks the leader. True: it has taken the change, or it can never be taken. */
static bool ask(struct sim_member_change *change)
{
    struct sim_world *world = change->world;
    struct sim_node *leader = sim_world_leader(world);
    change->error = "no_leader";
    if (leader == NULL || leader->paused || leader->view.configuration.count == 0) {
        return false;
    }
    change->error = "busy";
    if (raft_configuration_is_joint(&leader->view.configuration)) {
        return false;
    }
    struct raft_configuration target;
    if (!sim_change_apply(&change->plan, &leader->view.configuration, &target)) {
        end(change, SIM_CHANGE_FAILED, "invalid");
        return true;
    }
    uint64_t request = ++world->changes.requests | SIM_REQUEST_CHANGE;
    change->request = request;
    change->at_node = leader->id;
    change->target = target;
    enum raft_status status = sim_node_change(leader, request, &target);
    if (change->outcome != SIM_CHANGE_OPEN) {
        return true; /* completed within the call, or its node has died in it */
    }
    if (status != RAFT_OK) {
        change->request = 0;
        change->at_node = 0;
        change->error = error_of(status);
        if (status == RAFT_INVALID) {
            end(change, SIM_CHANGE_FAILED, change->error);
        }
        return status == RAFT_INVALID;
    }
    return true;
}

static void go_on(struct sim_member_change *change)
{
    uint64_t now_ns = change->world->scheduler.now_ns;
    if (ask(change)) {
        return;
    }
    if (now_ns >= change->deadline_ns) {
        end(change, SIM_CHANGE_FAILED, change->error);
        return;
    }
    uint64_t again_ns = now_ns + AGAIN_NS;
    ask_at(change, again_ns < change->deadline_ns ? again_ns : change->deadline_ns);
}

struct sim_member_change *sim_change_begin(struct sim_world *world,
                                           const struct sim_change_plan *plan, uint64_t within_ns,
                                           int waiter)
{
    struct sim_changes *changes = &world->changes;
    struct sim_member_change *change = arena_calloc(world->arena, sizeof *change);
    assert((plan->voters & plan->learners) == 0);
    assert(((plan->voters | plan->learners) & plan->removed) == 0);
    if (changes->source.id == 0) {
        /* Not before it is needed: a source more would reorder the events of every other run. */
        sim_source_init(&world->scheduler, &changes->source, false);
    }
    change->world = world;
    change->plan = *plan;
    change->waiter = waiter;
    change->deadline_ns = world->scheduler.now_ns + within_ns;
    *changes->end = change;
    changes->end = &change->next;
    changes->open++;
    ask_at(change, world->scheduler.now_ns);
    return change;
}

void sim_change_event(struct sim_event *event)
{
    struct sim_member_change *change = event->data;
    assert(change->timer == event && change->outcome == SIM_CHANGE_OPEN);
    change->timer = NULL;
    go_on(change);
}

/* ---- what became of it ---- */

static struct sim_member_change *find(const struct sim_world *world, uint64_t request)
{
    struct sim_member_change *change = world->changes.first;
    while (change != NULL && change->request != request) {
        change = change->next;
    }
    return change;
}

void sim_change_completed(struct sim_world *world, uint32_t node, uint64_t request,
                          enum raft_status status, raft_index index)
{
    struct sim_member_change *change = find(world, request);
    if (change == NULL || change->at_node != node || change->outcome != SIM_CHANGE_OPEN) {
        return; /* its node has died before it could tell */
    }
    sim_oracle_change_completed(world->oracles, node, &change->target, status, index);
    if (status == RAFT_OK) {
        end(change, SIM_CHANGE_DONE, NULL);
    } else if (status == RAFT_LOST) {
        end(change, SIM_CHANGE_UNKNOWN, "unknown");
    } else {
        end(change, SIM_CHANGE_FAILED, status == RAFT_BUSY ? "aborted" : error_of(status));
    }
}

void sim_changes_node_lost(struct sim_world *world, uint32_t node)
{
    for (struct sim_member_change *change = world->changes.first; change != NULL;
         change = change->next) {
        if (change->outcome == SIM_CHANGE_OPEN && change->at_node == node) {
            end(change, SIM_CHANGE_UNKNOWN, "unknown");
        }
    }
}

void sim_changes_abandon(struct sim_changes *changes)
{
    for (struct sim_member_change *change = changes->first; change != NULL; change = change->next) {
        if (change->outcome == SIM_CHANGE_OPEN && change->request == 0) {
            end(change, SIM_CHANGE_FAILED, "stopped");
        }
    }
}
