/* What the oracles are, and what they leave out.
 *
 * A *waiver* is a check of an oracle's rule that was not made, or that came to nothing, though what
 * happened is of the kind that the rule speaks of: damage accounts for it, or nobody could see it
 * (waivers.def). It is a probe, counted, stored and reported like a situation.
 *
 * Invariants:
 *  1. A rule that is skipped reports nothing, and says why it is skipped.
 *  2. A check that is waived is counted, unless its whole rule is skipped.
 *  3. Nothing depends on these counts. */
#include "oracle_internal.h"

#include <assert.h>

static const struct {
    const char *name;
    const char *rule;
} descriptions[SIM_ORACLE_COUNT] = {
    [SIM_ORACLE_ELECTION_SAFETY] = {"election-safety",
                                    "at most one leader a term, and at most one "
                                    "vote a node and term, over all restarts; a "
                                    "term begins with a candidate, and who leads "
                                    "has a majority's votes"},
    [SIM_ORACLE_LOG_MATCHING] = {"log-matching",
                                 "logs with the same entry at an index are equal up to there"},
    [SIM_ORACLE_LEADER_APPEND_ONLY] = {"leader-append-only",
                                       "a leader never removes or replaces an entry of its log"},
    [SIM_ORACLE_LEADER_COMPLETENESS] = {"leader-completeness",
                                        "a new leader holds every entry committed before its term"},
    [SIM_ORACLE_STATE_MACHINE_SAFETY] = {"state-machine-safety",
                                         "every node commits and applies the same entries, each "
                                         "once, in order, with the same result"},
    [SIM_ORACLE_DURABLE_MAJORITY] = {"durable-majority",
                                     "what is committed for the first time is "
                                     "on the disks of a majority of the voters in force"},
    [SIM_ORACLE_CURRENT_TERM_COMMIT] = {"current-term-commit",
                                        "a leader moves its commit index to an entry of its term"},
    [SIM_ORACLE_SPEAKS_DURABLE] = {"speaks-durable", "the term, the vote and the index that a "
                                                     "message claims are on the sender's disk"},
    [SIM_ORACLE_MONOTONIC] = {"monotonic",
                              "term, commit, applied and match never go back; match < next; match "
                              "is on the peer's disk; what was durable is there after a restart"},
    [SIM_ORACLE_CONFIGURATION] =
        {"configuration", "a node goes by the newest configuration of its log, at most one "
                          "is uncommitted, and successive ones have their quorums in common"},
    [SIM_ORACLE_LEDGER] = {"ledger",
                           "every reference and every other thing a node owns is given back"},
    [SIM_ORACLE_REQUEST_ONCE] = {"request-once",
                                 "every request completes once; ok means applied, a definite "
                                 "failure means never applied; a command that is tried again is "
                                 "executed once, and has one result"},
    [SIM_ORACLE_READ_INDEX] =
        {"read-index", "a read without a log entry sees what was committed when it was taken"},
    [SIM_ORACLE_NO_FALSE_ALARM] = {"no-false-alarm",
                                   "no node enters an error state without a fault, and a failed "
                                   "node says nothing"},
    [SIM_ORACLE_INVARIANT] = {"invariant", "the invariants of the implementation itself hold"},
    [SIM_ORACLE_PROGRESS] = {"progress",
                             "once every fault has ended, the cluster agrees and goes on in time"},
    [SIM_ORACLE_ERROR_SURFACES] =
        {"error-surfaces", "a failed operation is never taken for one that succeeded: what it left "
                           "is mended before anything rests on it, or the process gives up"},
    [SIM_ORACLE_STABILITY] = {"stability",
                              "a leader that a majority hears and answers stays: no term begins, "
                              "and it does not step down"},
    [SIM_ORACLE_BOUNDED] = {"bounded", "messages, requests, windows and memory of a node stay "
                                       "within what its options and its work account for, and time "
                                       "goes on"},
    [SIM_ORACLE_RECOVERY] = {"recovery", "what a process starts with is what its disk holds, and "
                                         "no damage that a crash may do stops a start"},
    [SIM_ORACLE_WITNESS] = {"witness",
                            "a witness has no payload and no state, in memory or on its disk, and "
                            "nobody else has an entry without its payload"},
    [SIM_ORACLE_DETERMINISTIC] =
        {"deterministic", "the same seed gives the same rolling hash, whatever fresh memory "
                          "holds, and so does one with a fault armed that never fires"},
    [SIM_ORACLE_LINEARIZABLE] = {"linearizable",
                                 "for each key, one order explains what the clients "
                                 "saw: every operation takes effect at an instant "
                                 "between its invocation and its answer"},
};

const char *sim_oracle_string(enum sim_oracle oracle)
{
    assert((unsigned)oracle < SIM_ORACLE_COUNT);
    return descriptions[oracle].name;
}

const char *sim_oracle_rule(enum sim_oracle oracle)
{
    assert((unsigned)oracle < SIM_ORACLE_COUNT);
    return descriptions[oracle].rule;
}

const char *sim_oracle_skipped(const struct sim_oracles *oracles, enum sim_oracle oracle)
{
    const struct sim_world *world = oracles->world;
    switch (oracle) {
    case SIM_ORACLE_LEDGER:
        if (!world->checks_leaks) {
            return "switched off by the scenario (checks.leaks)";
        }
        return sim_oracle_has(oracles, SUT_FEATURE_LEDGER)
                   ? NULL
                   : "the implementation does not report its references";
    case SIM_ORACLE_LINEARIZABLE:
        if (!world->checks_linearizable) {
            return "switched off by the scenario (checks.linearizable)";
        }
        return oracles->is_history_undecided
                   ? "the history of a run was too hard to decide within its steps"
                   : NULL;
    case SIM_ORACLE_DURABLE_MAJORITY:
        if (!sim_oracle_has(oracles, SUT_FEATURE_DURABLE)) {
            return "the implementation has no reader of durable bytes";
        }
        break;
    case SIM_ORACLE_SPEAKS_DURABLE:
        if (!sim_oracle_has(oracles, SUT_FEATURE_DURABLE)) {
            return "the implementation has no reader of durable bytes";
        }
        if (!sim_oracle_has(oracles, SUT_FEATURE_DESCRIBE)) {
            return "the implementation does not describe its messages";
        }
        break;
    case SIM_ORACLE_RECOVERY:
        if (!sim_oracle_has(oracles, SUT_FEATURE_DURABLE)) {
            return "the implementation has no reader of durable bytes";
        }
        break;
    case SIM_ORACLE_WITNESS:
        if (!sim_oracle_has(oracles, SUT_FEATURE_WITNESS)) {
            return "the implementation has no witnesses without data";
        }
        break;
    case SIM_ORACLE_STABILITY:
        if (!sim_oracle_has(oracles, SUT_FEATURE_DESCRIBE)) {
            return "the implementation does not describe its messages";
        }
        if (!sim_oracle_has(oracles, SUT_FEATURE_PRE_VOTE) ||
            !sim_oracle_has(oracles, SUT_FEATURE_CHECK_QUORUM)) {
            return "the implementation has no pre-vote or no check of its quorum";
        }
        break;
    case SIM_ORACLE_DETERMINISTIC:
        return NULL;
    case SIM_ORACLE_READ_INDEX:
        if (!sim_oracle_has(oracles, SUT_FEATURE_READ)) {
            return "the implementation has no reads without a log entry";
        }
        break;
    case SIM_ORACLE_CONFIGURATION:
        if (!sim_oracle_has(oracles, SUT_FEATURE_MEMBERSHIP)) {
            return "the implementation does not change its members";
        }
        break;
    case SIM_ORACLE_INVARIANT:
        if (world->sut->invariant_broken == NULL) {
            return "the implementation has no check of its invariants";
        }
        break;
    case SIM_ORACLE_ELECTION_SAFETY:
    case SIM_ORACLE_LOG_MATCHING:
    case SIM_ORACLE_LEADER_APPEND_ONLY:
    case SIM_ORACLE_LEADER_COMPLETENESS:
    case SIM_ORACLE_STATE_MACHINE_SAFETY:
    case SIM_ORACLE_CURRENT_TERM_COMMIT:
    case SIM_ORACLE_MONOTONIC:
    case SIM_ORACLE_REQUEST_ONCE:
    case SIM_ORACLE_NO_FALSE_ALARM:
    case SIM_ORACLE_PROGRESS:
    case SIM_ORACLE_ERROR_SURFACES:
    case SIM_ORACLE_BOUNDED:
        break;
    case SIM_ORACLE_COUNT:
        assert(!"no oracle");
    }
    return world->checks_raft ? NULL : "switched off by the scenario (checks.raft)";
}

/* ---- waivers ---- */

enum sim_oracle sim_oracle_of_waiver(enum sim_probe probe)
{
    static const enum sim_oracle oracles[SIM_PROBE_COUNT] = {
#define SIM_PROBE(id, name, sentence) SIM_ORACLE_COUNT,
#include "probes.def"
#undef SIM_PROBE
#define SIM_WAIVER(id, oracle, name, sentence) SIM_ORACLE_##oracle,
#include "waivers.def"
#undef SIM_WAIVER
    };
    assert((unsigned)probe < SIM_PROBE_COUNT);
    return oracles[probe];
}

void sim_oracle_waive(const struct sim_oracles *oracles, enum sim_probe waiver)
{
    struct sim_world *world = oracles->world;
    enum sim_oracle oracle = sim_oracle_of_waiver(waiver);
    assert(oracle != SIM_ORACLE_COUNT);
    if (sim_oracle_skipped(oracles, oracle) != NULL) {
        return;
    }
    if (world->probes.hits[waiver]++ == 0) {
        sim_world_transcribe(world, "    waived: %s: %s", sim_probe_string(waiver),
                             sim_probe_sentence(waiver));
    }
}
