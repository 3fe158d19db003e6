/* What a run leaves behind: the rows that the explorer hands to the reports. Plain values without
 * pointers, so that they travel through a pipe as they are. */
#ifndef SIM_RECORD_H
#define SIM_RECORD_H

#include <raft/points.h>
#include <stdbool.h>
#include <stdint.h>

#define SIM_NAME_MAX 64
#define SIM_TEXT_MAX 2048

enum sim_outcome {
    SIM_OUTCOME_OK,
    SIM_OUTCOME_FINDING,     /* a rule is broken, or the process under test died */
    SIM_OUTCOME_ERROR,       /* the script is wrong */
    SIM_OUTCOME_SKIPPED,     /* not applicable, or a planned rule never fired */
    SIM_OUTCOME_XFAIL,       /* a known bug failed as announced; counts as ok */
    SIM_OUTCOME_DIVERGED,    /* a repetition gave another hash */
    SIM_OUTCOME_UNAVAILABLE, /* more copies were lost than the protocol survives: no progress,
                                rightly */
    SIM_OUTCOME_COUNT
};

/* A broken rule. One a run: the first. */
struct sim_finding {
    char rule[SIM_NAME_MAX];      /* the oracle's name, "expect", "crash", "stuck", … */
    char signature[SIM_NAME_MAX]; /* equal for findings that are probably one bug: rule and place */
    char message[SIM_TEXT_MAX];   /* both sides of the rule, in a sentence */
    uint64_t event;               /* number of the event after which it was seen */
    uint64_t time_ns;
    uint32_t node; /* 0: none in particular */
};

/* Where a reference or another owned thing was left. */
struct sim_leak {
    char kind[SIM_NAME_MAX];   /* "entry", "file", "memory", "request", … */
    char holder[SIM_NAME_MAX]; /* "replication", … */
    char site[SIM_NAME_MAX];   /* of the unmatched hold: "core/log/log.c:123" */
    char path[SIM_TEXT_MAX];   /* sites since, oldest first, with their events */
    uint64_t event;            /* of the unmatched hold */
    uint64_t term;
    uint64_t index;
    uint32_t node;
    int64_t count; /* references too many; negative: too few */
};

/* The phase of a node's life in which something happened. */
enum sim_life {
    SIM_LIFE_STARTING,   /* its first start, on an empty disk */
    SIM_LIFE_RECOVERING, /* a later start, from what the disk holds; until its log is whole */
    SIM_LIFE_FOLLOWER,
    SIM_LIFE_CANDIDATE, /* or asking for pre-votes */
    SIM_LIFE_LEADER,
    SIM_LIFE_TRANSFERRING, /* a leader that hands leadership over */
    SIM_LIFE_INSTALLING,   /* a follower that takes a snapshot */
    SIM_LIFE_STOPPING,     /* asked to stop in good order */
    SIM_LIFE_COUNT
};
const char *sim_life_string(enum sim_life life);

/* What came of a fault, by comparison with the same run without it; each includes those above. */
enum sim_efficacy {
    SIM_EFFICACY_UNKNOWN,  /* no such run was made */
    SIM_EFFICACY_MASKED,   /* nothing differs, event by event */
    SIM_EFFICACY_SCHEDULE, /* events differ, but not what came of them */
    SIM_EFFICACY_STATE,    /* logs, terms or disks are others at the end */
    SIM_EFFICACY_CLIENT, /* clients were refused something, or left without an answer, or no more */
    SIM_EFFICACY_VIOLATION, /* a rule is broken */
    SIM_EFFICACY_COUNT
};
const char *sim_efficacy_string(enum sim_efficacy efficacy); /* "masked", … */

/* A fault that fired. */
struct sim_injection {
    char point[SIM_NAME_MAX];
    char outcome[SIM_NAME_MAX]; /* "eio", "null", "crash_before", "delay", … */
    char role[SIM_NAME_MAX];
    char life[SIM_NAME_MAX];
    uint64_t occurrence; /* the nth consultation of the point in this run, from 1 */
    uint64_t event;
    uint64_t time_ns;
    uint32_t node;
    bool persistent;  /* every consultation from this one on */
    uint64_t repeats; /* how often it fired in all */
    enum sim_efficacy efficacy;
};

/* What may be counted of a point: an outcome of raft/points.h, or one of these. */
enum sim_counted {
    SIM_COUNTED_DELAY = RAFT_OUTCOME_COUNT, /* a rule delayed it */
    SIM_COUNTED_CRASH,                      /* a rule killed the node there */
    SIM_COUNTED_LOST,        /* a write that the disk said it did, and did not; a message */
    SIM_COUNTED_MISDIRECTED, /* one that went elsewhere */
    SIM_COUNTED_TWICE,       /* a message came twice */
    SIM_COUNTED_STOP,        /* the node was asked to stop */
    SIM_COUNTED_HAPPENED,    /* what befalls a node without being asked at a point */
    SIM_COUNTED_TAKEN,       /* the state itself took this exit */
    SIM_COUNTED_REACHED,     /* consulted, whatever came of it */
    SIM_COUNTED_COUNT
};

/* How often something happened at a point in one context. */
struct sim_coverage {
    uint32_t point;      /* index into the registry */
    uint32_t counted;    /* enum raft_outcome or enum sim_counted */
    uint32_t role;       /* enum raft_role */
    uint32_t life;       /* enum sim_life */
    uint64_t times;      /* in all */
    uint64_t executions; /* in so many of them it happened; of REACHED not counted */
    uint64_t survived;   /* and so many of those passed */
};

/* What a cluster needed after every fault had ended; times since then, UINT64_MAX: never came. */
struct sim_liveness {
    bool healed;           /* the run came to its liveness phase */
    uint64_t leader_ns;    /* to a leader that a majority follows */
    uint64_t commit_ns;    /* to the first entry committed */
    uint64_t converged_ns; /* until all agreed and every client had its answer */
    uint64_t elections;    /* won */
    uint64_t terms;        /* begun */
    uint64_t messages;     /* sent */
};

/* One run or one branch of a sweep. */
struct sim_execution {
    enum sim_outcome outcome;
    char scenario[SIM_NAME_MAX];
    char parameters[SIM_TEXT_MAX]; /* "name=value name=value", sorted */
    char plan[SIM_TEXT_MAX];       /* explicit faults beside the script's; empty: none */
    char note[SIM_TEXT_MAX];       /* script error, reason of a skip, what was not judged */
    uint64_t seed;
    uint64_t events;
    uint64_t sim_ns;
    uint64_t wall_ns;
    uint64_t trace_hash;
    uint64_t state_hash;
    uint64_t commits;        /* entries committed */
    uint64_t leader_changes; /* elections won after the first */
    uint64_t faults_fired;   /* injections, lost and cut messages, crashes, pauses */
    uint64_t requests_ok;
    uint64_t requests_failed;
    uint64_t requests_unknown;
    struct sim_liveness liveness;
    bool disturbed;  /* an injected fault ended the script early; oracles judged the rest */
    bool branch;     /* of a sweep, continued from a checkpoint */
    uint64_t masked; /* a branch: the event after which it was its base run again and was simulated
                        no further; what it comes to is the base run's. 0: it was to its end */
};

/* Writes the signature: the rule, and as many whole words of a sentence as there is room for. */
void sim_finding_sign(struct sim_finding *finding, const char *rule, const char *what);

#endif
