/* The table of fault points, and the words for the core's enumerations. */
#include <raft/raft.h>

#include <assert.h>

#define RAFT_FAULT_POINT(id, name, kind, outcomes, meaning)                                        \
    [RAFT_AT_##id] = {name, RAFT_POINT_##kind, RAFT_OUTCOMES_##outcomes, meaning},
const struct raft_point_info raft_points[RAFT_POINT_COUNT] = {
#include <raft/fault_points.def>
};

#define RAFT_FAULT_EXCEPTION(id, outcomes, class, reason)                                          \
    {RAFT_AT_##id, RAFT_OUTCOMES_##outcomes, RAFT_CLASS_##class, reason},
const struct raft_point_exception raft_point_exceptions[RAFT_EXCEPTION_COUNT] = {
#include <raft/fault_points.def>
};

const char *raft_status_string(enum raft_status status)
{
    static const char *const words[RAFT_STATUS_COUNT] = {
        [RAFT_OK] = "ok",
        [RAFT_NOMEM] = "out of memory",
        [RAFT_IO] = "i/o error",
        [RAFT_NOSPACE] = "no space on the device",
        [RAFT_CORRUPT] = "corrupt",
        [RAFT_BUSY] = "busy",
        [RAFT_NOT_LEADER] = "not the leader",
        [RAFT_READONLY] = "read-only",
        [RAFT_STALE] = "stale",
        [RAFT_GAP] = "past the end of the log",
        [RAFT_COMPACTED] = "before the start of the log",
        [RAFT_FULL] = "batch or window full",
        [RAFT_INVALID] = "invalid argument",
        [RAFT_LOST] = "outcome unknown",
        [RAFT_STOPPED] = "stopped",
        [RAFT_MACHINE] = "state machine error",
        [RAFT_LOST_STORE] = "durable promises are lost",
        [RAFT_NOT_FOUND] = "no such file",
        [RAFT_COLD] = "not in memory",
    };
    assert((unsigned)status < RAFT_STATUS_COUNT);
    return words[status];
}

const char *raft_holder_string(enum raft_holder holder)
{
    static const char *const words[RAFT_HOLDER_COUNT] = {
        [RAFT_HOLDER_LOG] = "log",
        [RAFT_HOLDER_STORAGE] = "storage",
        [RAFT_HOLDER_REPLICATION] = "replication",
        [RAFT_HOLDER_APPLY] = "apply",
        [RAFT_HOLDER_REQUEST] = "request",
        [RAFT_HOLDER_MESSAGE] = "message",
        [RAFT_HOLDER_LOADING] = "loading",
    };
    assert((unsigned)holder < RAFT_HOLDER_COUNT);
    return words[holder];
}

const char *raft_message_type_string(enum raft_message_type type)
{
    static const char *const words[RAFT_MESSAGE_TYPE_COUNT] = {
        [RAFT_MESSAGE_PREVOTE_REQ] = "prevote_req", [RAFT_MESSAGE_PREVOTE_REP] = "prevote_rep",
        [RAFT_MESSAGE_VOTE_REQ] = "vote_req",       [RAFT_MESSAGE_VOTE_REP] = "vote_rep",
        [RAFT_MESSAGE_APPEND_REQ] = "append_req",   [RAFT_MESSAGE_APPEND_REP] = "append_rep",
        [RAFT_MESSAGE_TIMEOUT_NOW] = "timeout_now", [RAFT_MESSAGE_INSTALL_REQ] = "install_req",
        [RAFT_MESSAGE_INSTALL_REP] = "install_rep", [RAFT_MESSAGE_REPAIR_REQ] = "repair_req",
        [RAFT_MESSAGE_REPAIR_REP] = "repair_rep",
    };
    assert(type > 0 && type < RAFT_MESSAGE_TYPE_COUNT);
    return words[type];
}

const char *raft_role_string(enum raft_role role)
{
    static const char *const words[RAFT_ROLE_COUNT] = {
        [RAFT_FOLLOWER] = "follower",
        [RAFT_PRECANDIDATE] = "precandidate",
        [RAFT_CANDIDATE] = "candidate",
        [RAFT_LEADER] = "leader",
    };
    assert((unsigned)role < RAFT_ROLE_COUNT);
    return words[role];
}

const char *raft_change_string(enum raft_change change)
{
    static const char *const words[RAFT_CHANGE_COUNT] = {
        [RAFT_CHANGE_NONE] = "none",
        [RAFT_CHANGE_CATCHING_UP] = "catching up",
        [RAFT_CHANGE_JOINT] = "joint",
        [RAFT_CHANGE_LEAVING] = "leaving",
    };
    assert((unsigned)change < RAFT_CHANGE_COUNT);
    return words[change];
}

const char *raft_condition_string(enum raft_condition condition)
{
    static const char *const words[RAFT_CONDITION_COUNT] = {
        [RAFT_RUNNING] = "running",
        [RAFT_CONDITION_NOSPACE] = "nospace",
        [RAFT_CONDITION_RECOVERING] = "recovering",
        [RAFT_CONDITION_QUARANTINED] = "quarantined",
        [RAFT_CONDITION_FAILED] = "failed",
    };
    assert((unsigned)condition < RAFT_CONDITION_COUNT);
    return words[condition];
}
