/* The probes by name: situations and waivers. */
#include "probe.h"

#include <assert.h>

static const struct {
    const char *name;
    const char *sentence;
} probes[SIM_PROBE_COUNT] = {
#define SIM_PROBE(id, name, sentence) {name, sentence},
#include "probes.def"
#undef SIM_PROBE
#define SIM_WAIVER(id, oracle, name, sentence) {name, sentence},
#include "waivers.def"
#undef SIM_WAIVER
};

const char *sim_probe_string(enum sim_probe probe)
{
    assert((unsigned)probe < SIM_PROBE_COUNT);
    return probes[probe].name;
}

const char *sim_probe_sentence(enum sim_probe probe)
{
    assert((unsigned)probe < SIM_PROBE_COUNT);
    return probes[probe].sentence;
}
