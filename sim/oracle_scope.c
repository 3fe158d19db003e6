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

/* ---- what is skipped ---- */

/* What an implementation may lack, and the rules that need it. */
static const struct {
    uint32_t feature;
    uint32_t oracles;
    const char *lack;
} needs[] = {
    {SUT_FEATURE_LEDGER, 1u << SIM_ORACLE_LEDGER,
     "the implementation does not report its references"},
    {SUT_FEATURE_DURABLE,
     1u << SIM_ORACLE_DURABLE_MAJORITY | 1u << SIM_ORACLE_SPEAKS_DURABLE |
         1u << SIM_ORACLE_RECOVERY,
     "the implementation has no reader of durable bytes"},
    {SUT_FEATURE_DESCRIBE, 1u << SIM_ORACLE_SPEAKS_DURABLE | 1u << SIM_ORACLE_STABILITY,
     "the implementation does not describe its messages"},
    {SUT_FEATURE_WITNESS, 1u << SIM_ORACLE_WITNESS,
     "the implementation has no witnesses without data"},
    {SUT_FEATURE_PRE_VOTE, 1u << SIM_ORACLE_STABILITY, "the implementation has no pre-vote"},
    {SUT_FEATURE_CHECK_QUORUM, 1u << SIM_ORACLE_STABILITY,
     "the implementation has no check of its quorum"},
    {SUT_FEATURE_READ, 1u << SIM_ORACLE_READ_INDEX,
     "the implementation has no reads without a log entry"},
    {SUT_FEATURE_MEMBERSHIP, 1u << SIM_ORACLE_CONFIGURATION,
     "the implementation does not change its members"},
};

_Static_assert(SIM_ORACLE_COUNT <= 32, "a bit for each rule");

/* What the scenario has switched off; NULL: not this rule. */
static const char *switched_off(const struct sim_world *world, enum sim_oracle oracle)
{
    if (oracle == SIM_ORACLE_DETERMINISTIC) {
        return NULL;
    }
    if (oracle == SIM_ORACLE_LEDGER) {
        return world->checks_leaks ? NULL : "switched off by the scenario (checks.leaks)";
    }
    if (oracle == SIM_ORACLE_LINEARIZABLE) {
        return world->checks_linearizable ? NULL
                                          : "switched off by the scenario (checks.linearizable)";
    }
    return world->checks_raft ? NULL : "switched off by the scenario (checks.raft)";
}

const char *sim_oracle_skipped(const struct sim_oracles *oracles, enum sim_oracle oracle)
{
    assert((unsigned)oracle < SIM_ORACLE_COUNT);
    for (size_t i = 0; i < sizeof needs / sizeof needs[0]; i++) {
        if ((needs[i].oracles >> oracle & 1u) != 0 && !sim_oracle_has(oracles, needs[i].feature)) {
            return needs[i].lack;
        }
    }
    if (oracle == SIM_ORACLE_INVARIANT && oracles->world->sut->invariant_broken == NULL) {
        return "the implementation has no check of its invariants";
    }
    if (oracle == SIM_ORACLE_LINEARIZABLE && oracles->is_history_undecided) {
        return "the history of a run was too hard to decide within its steps";
    }
    return switched_off(oracles->world, oracle);
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
