/* The words of the file: one table for each enumeration that reaches the database.
 *
 * The tables stand here, and not with the enumerations, because the words are part of the schema
 * and outlive a renaming in the simulator. */
#include "names.h"

#include <assert.h>
#include <raft/raft.h>
#include <string.h>

static const char *const outcome_words[SIM_OUTCOME_COUNT] = {
    [SIM_OUTCOME_OK] = "ok",
    [SIM_OUTCOME_FINDING] = "finding",
    [SIM_OUTCOME_ERROR] = "error",
    [SIM_OUTCOME_SKIPPED] = "skipped",
    [SIM_OUTCOME_XFAIL] = "xfail",
    [SIM_OUTCOME_DIVERGED] = "diverged",
    [SIM_OUTCOME_UNAVAILABLE] = "unavailable-by-budget",
};

const char *report_outcome_word(enum sim_outcome outcome)
{
    assert((unsigned)outcome < SIM_OUTCOME_COUNT);
    assert(outcome_words[outcome] != NULL);
    return outcome_words[outcome];
}

bool report_outcome_parse(const char *word, enum sim_outcome *out_outcome)
{
    assert(word != NULL);
    assert(out_outcome != NULL);
    for (unsigned i = 0; i < SIM_OUTCOME_COUNT; i++) {
        if (strcmp(word, outcome_words[i]) == 0) {
            *out_outcome = (enum sim_outcome)i;
            return true;
        }
    }
    return false;
}

const char *report_kind_word(enum raft_point_kind kind)
{
    static const char *const words[RAFT_POINT_KIND_COUNT] = {
        [RAFT_POINT_MEMORY] = "memory",   [RAFT_POINT_FILE] = "file", [RAFT_POINT_QUEUE] = "queue",
        [RAFT_POINT_MACHINE] = "machine", [RAFT_POINT_EXIT] = "exit",
    };
    assert((unsigned)kind < RAFT_POINT_KIND_COUNT);
    assert(words[kind] != NULL);
    return words[kind];
}

const char *report_injection_word(enum raft_outcome outcome)
{
    static const char *const words[RAFT_OUTCOME_COUNT] = {
        [RAFT_OUTCOME_NULL] = "null",
        [RAFT_OUTCOME_EIO] = "eio",
        [RAFT_OUTCOME_ENOSPC] = "enospc",
        [RAFT_OUTCOME_SHORT] = "short",
        [RAFT_OUTCOME_REFUSE] = "refuse",
        [RAFT_OUTCOME_ERROR] = "error",
        [RAFT_OUTCOME_TAKE] = "take",
        [RAFT_OUTCOME_CRASH_BEFORE] = "crash_before",
        [RAFT_OUTCOME_CRASH_AFTER] = "crash_after",
    };
    assert((unsigned)outcome < RAFT_OUTCOME_COUNT);
    assert(words[outcome] != NULL);
    return words[outcome];
}

const char *report_role_word(uint32_t role)
{
    static const char *const words[RAFT_ROLE_COUNT] = {
        [RAFT_FOLLOWER] = "follower",
        [RAFT_PRECANDIDATE] = "precandidate",
        [RAFT_CANDIDATE] = "candidate",
        [RAFT_LEADER] = "leader",
    };
    return role < RAFT_ROLE_COUNT ? words[role] : NULL;
}

const char *report_phase_word(uint32_t life)
{
    static const char *const words[SIM_LIFE_COUNT] = {
        [SIM_LIFE_STARTING] = "starting",     [SIM_LIFE_RECOVERING] = "recovering",
        [SIM_LIFE_FOLLOWER] = "follower",     [SIM_LIFE_CANDIDATE] = "candidate",
        [SIM_LIFE_LEADER] = "leader",         [SIM_LIFE_TRANSFERRING] = "transferring",
        [SIM_LIFE_INSTALLING] = "installing", [SIM_LIFE_STOPPING] = "stopping",
    };
    return life < SIM_LIFE_COUNT ? words[life] : NULL;
}

const char *report_counted_word(uint32_t counted)
{
    static const char *const words[SIM_COUNTED_COUNT] = {
        [SIM_COUNTED_DELAY] = "delay",       [SIM_COUNTED_CRASH] = "crash",
        [SIM_COUNTED_LOST] = "lost",         [SIM_COUNTED_MISDIRECTED] = "misdirected",
        [SIM_COUNTED_TWICE] = "twice",       [SIM_COUNTED_STOP] = "stop",
        [SIM_COUNTED_HAPPENED] = "happened", [SIM_COUNTED_TAKEN] = "taken",
        [SIM_COUNTED_REACHED] = "reached",
    };
    if (counted < RAFT_OUTCOME_COUNT) {
        return report_injection_word((enum raft_outcome)counted);
    }
    return counted < SIM_COUNTED_COUNT ? words[counted] : NULL;
}

const char *report_class_word(enum raft_point_class class)
{
    static const char *const words[RAFT_CLASS_COUNT] = {
        [RAFT_CLASS_ALWAYS] = "always",
        [RAFT_CLASS_RARE] = "rare",
        [RAFT_CLASS_NEVER] = "never",
    };
    assert((unsigned)class < RAFT_CLASS_COUNT);
    return words[class];
}
