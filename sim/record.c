/* The names of what a run leaves behind; record.h has the rows themselves. */
#include "record.h"

#include <assert.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

const char *sim_efficacy_string(enum sim_efficacy efficacy)
{
    switch (efficacy) {
    case SIM_EFFICACY_UNKNOWN:
        return "unknown";
    case SIM_EFFICACY_MASKED:
        return "masked";
    case SIM_EFFICACY_SCHEDULE:
        return "schedule";
    case SIM_EFFICACY_STATE:
        return "state";
    case SIM_EFFICACY_CLIENT:
        return "client";
    case SIM_EFFICACY_VIOLATION:
        return "violation";
    case SIM_EFFICACY_COUNT:
        break;
    }
    assert(!"not an efficacy");
    return NULL;
}

const char *sim_life_string(enum sim_life life)
{
    static const char *const words[SIM_LIFE_COUNT] = {
        [SIM_LIFE_STARTING] = "starting",     [SIM_LIFE_RECOVERING] = "recovering",
        [SIM_LIFE_FOLLOWER] = "follower",     [SIM_LIFE_CANDIDATE] = "candidate",
        [SIM_LIFE_LEADER] = "leader",         [SIM_LIFE_TRANSFERRING] = "transferring",
        [SIM_LIFE_INSTALLING] = "installing", [SIM_LIFE_STOPPING] = "stopping",
    };
    assert((unsigned)life < SIM_LIFE_COUNT);
    return words[life];
}

void sim_finding_sign(struct sim_finding *finding, const char *rule, const char *what)
{
    static const char cut[] = "...";
    char *text = finding->signature;
    const size_t room = sizeof finding->signature;
    int length = snprintf(text, room, "%s: %s", rule, what);
    assert(length > 0);
    if ((size_t)length >= room) {
        text[room - sizeof cut + 1] = '\0';
        char *space = strrchr(text, ' ');
        assert(space != NULL);
        memcpy(space, cut, sizeof cut);
    }
}
