/* Sessions: a command that a client tries again is executed once, and has one result (dissertation
 * §6.3).
 *
 * State machines that have applied the same entries have the same state (state-machine-safety), so
 * that it is enough to follow whoever is the first to apply an entry. Nobody leaves one out or
 * begins with a state that nobody has had, so that this is the committed log, once and in order.
 * What the clients are told is judged at every node.
 *
 * Terms. An attempt is *due* if the table of sessions says so: its session is there, and no command
 * of that with this sequence or a later one was applied. The table is that of raft/session.h, kept
 * here in the plainest way: it is an array that is searched from one end to the other, at most
 * SIM_SESSIONS_MAX steps.
 *
 * Rules:
 *  1. No command is executed twice, whatever the sessions say.
 *  2. A command is executed if and only if it is due.
 *  3. A client is forgotten only if the table is full and another one needs its place, and it is
 *     the one whose latest command is the oldest.
 *  4. A client is told the result of the one execution, or that this attempt was none. That the
 *     result is not known any more may always be said. */
#include "oracle_internal.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

static struct oracle_session *session_find(struct sim_oracles *oracles, uint32_t client)
{
    for (uint32_t i = 0; i < oracles->session_count; i++) {
        if (oracles->sessions[i].client == client) {
            return &oracles->sessions[i];
        }
    }
    return NULL;
}

static struct oracle_session *session_oldest(struct sim_oracles *oracles)
{
    struct oracle_session *oldest = &oracles->sessions[0];
    assert(oracles->session_count > 0);
    for (uint32_t i = 1; i < oracles->session_count; i++) {
        if (oracles->sessions[i].index < oldest->index) {
            oldest = &oracles->sessions[i];
        }
    }
    return oldest;
}

/* A place for one more, in which another one may be. */
static struct oracle_session *session_new(struct sim_oracles *oracles)
{
    uint32_t capacity = oracles->world->cluster.sessions;
    assert(capacity > 0 && capacity <= SIM_SESSIONS_MAX);
    if (oracles->session_count < capacity) {
        return &oracles->sessions[oracles->session_count++];
    }
    oracles->has_forgotten = true;
    return session_oldest(oracles);
}

/* Whether an attempt is due; the table is then that behind it. */
static bool follow(struct sim_oracles *oracles, const struct sim_command *command, raft_index index)
{
    struct oracle_session *session = session_find(oracles, command->client);
    if (command->type == SIM_COMMAND_REGISTER) {
        session = session != NULL ? session : session_new(oracles);
        *session =
            (struct oracle_session){.client = command->client, .epoch = index, .index = index};
        return false;
    }
    if (session == NULL) {
        if (command->epoch > 0 || oracles->has_forgotten) {
            return false;
        }
        session = session_new(oracles);
        *session = (struct oracle_session){.client = command->client};
    }
    if (session->epoch != command->epoch || session->sequence >= command->sequence) {
        return false;
    }
    session->sequence = command->sequence;
    session->index = index;
    return true;
}

static uint64_t result_hash(const struct sim_result *result)
{
    uint64_t flags = (uint64_t)result->found | (uint64_t)result->swapped << 1;
    return sim_hash(result->value, strlen(result->value), flags);
}

static void execution_check(struct sim_oracles *oracles, uint32_t node,
                            const struct sim_command *command, raft_index index,
                            struct oracle_payload *payload, const struct sim_effect *effect)
{
    bool is_due = follow(oracles, command, index);
    raft_index before = payload->executed;
    if (before == 0 && effect->executions > 0) {
        payload->executed = index;
        payload->result = result_hash(&effect->result);
    }
    if (effect->executions > 1 || (effect->executions > 0 && before != 0)) {
        sim_oracle_broken(
            oracles, SIM_ORACLE_REQUEST_ONCE, node,
            "a command was executed twice: that of client %u, epoch %" PRIu64 ", sequence %" PRIu64
            ", at index %" PRIu64 ", and again at %" PRIu64 " by node %u",
            command->client, command->epoch, command->sequence, payload->executed, index, node);
    } else if ((effect->executions > 0) != is_due) {
        const struct oracle_session *session = session_find(oracles, command->client);
        sim_oracle_broken(
            oracles, SIM_ORACLE_REQUEST_ONCE, node,
            "%s: node %u applies that of client %u, epoch %" PRIu64 ", sequence %" PRIu64
            " at index %" PRIu64 "; its session has epoch %" PRIu64 ", sequence %" PRIu64
            ", index %" PRIu64 "%s",
            is_due ? "a new command was not executed"
                   : "a command was executed against its session",
            node, command->client, command->epoch, command->sequence, index,
            session != NULL ? session->epoch : 0, session != NULL ? session->sequence : 0,
            session != NULL ? session->index : 0, session != NULL ? "" : ": it is forgotten");
    }
}

static void table_check(struct sim_oracles *oracles, uint32_t node, raft_index index,
                        const struct sim_effect *effect)
{
    uint64_t oldest = oracles->session_count > 0 ? session_oldest(oracles)->client : 0;
    if (effect->sessions != oracles->session_count || effect->oldest != oldest) {
        sim_oracle_broken(oracles, SIM_ORACLE_REQUEST_ONCE, node,
                          "the wrong clients are remembered: node %u knows %u behind index %" PRIu64
                          ", the oldest is client %u; of %u that fit there must be %u, and the "
                          "oldest is client %" PRIu64,
                          node, effect->sessions, index, effect->oldest,
                          oracles->world->cluster.sessions, oracles->session_count, oldest);
    }
}

void sim_oracle_session_check(struct sim_oracles *oracles, uint32_t node,
                              const struct sut_entry *entry, struct oracle_payload *payload,
                              const struct sim_effect *effect)
{
    struct sim_command command;
    if (!sim_command_decode(entry->payload, entry->size, &command) || command.client == 0) {
        return;
    }
    oracles->checks[SIM_ORACLE_REQUEST_ONCE]++;
    execution_check(oracles, node, &command, entry->id.index, payload, effect);
    table_check(oracles, node, entry->id.index, effect);
}

/* A registration that is repeated opens a session each time: it may be any of them. */
static bool is_epoch(const struct sim_oracles *oracles, const struct oracle_payload *registration,
                     raft_index epoch)
{
    return sim_oracle_payload_at(oracles, epoch) == registration;
}

void sim_oracle_answered(struct sim_oracles *oracles, uint32_t node,
                         const struct sim_command *command, raft_index index,
                         enum sim_answer answer, const struct sim_result *result)
{
    const struct oracle_payload *payload = sim_oracle_payload_at(oracles, index);
    if (payload == NULL) {
        return; /* ok, but not applied */
    }
    oracles->checks[SIM_ORACLE_REQUEST_ONCE]++;
    bool registers = command->type == SIM_COMMAND_REGISTER;
    if (answer == SIM_ANSWER_KNOWN && registers && !is_epoch(oracles, payload, result->epoch)) {
        sim_oracle_broken(oracles, SIM_ORACLE_REQUEST_ONCE, node,
                          "an epoch without a registration: node %u tells client %u, which "
                          "registers at index %" PRIu64 ", epoch %" PRIu64,
                          node, command->client, index, result->epoch);
    } else if (answer == SIM_ANSWER_KNOWN && !registers && payload->executed == 0) {
        sim_oracle_broken(oracles, SIM_ORACLE_REQUEST_ONCE, node,
                          "a result of nothing: node %u answers client %u for index %" PRIu64
                          " (epoch %" PRIu64 ", sequence %" PRIu64 "), and no attempt was executed",
                          node, command->client, index, command->epoch, command->sequence);
    } else if (answer == SIM_ANSWER_KNOWN && !registers && payload->result != result_hash(result)) {
        sim_oracle_broken(oracles, SIM_ORACLE_REQUEST_ONCE, node,
                          "a command has two results: that of client %u, epoch %" PRIu64
                          ", sequence %" PRIu64 ", came to %016" PRIx64 " at index %" PRIu64
                          ", and for index %" PRIu64 " node %u answers %016" PRIx64 " (\"%s\")",
                          command->client, command->epoch, command->sequence, payload->result,
                          payload->executed, index, node, result_hash(result), result->value);
    } else if (answer == SIM_ANSWER_EXPIRED && payload->executed == index) {
        sim_oracle_broken(oracles, SIM_ORACLE_REQUEST_ONCE, node,
                          "a command is denied: node %u tells client %u that its attempt at index "
                          "%" PRIu64 " (epoch %" PRIu64 ", sequence %" PRIu64
                          ") had no effect, but there it was executed",
                          node, command->client, index, command->epoch, command->sequence);
    }
}
