/* Probes: what is counted when a run comes to it: situations (probes.def), and waivers, which are
 * checks that an oracle has left out (waivers.def). They change nothing, and nothing depends on
 * them. */
#ifndef SIM_PROBE_H
#define SIM_PROBE_H

#include "sut.h"

struct sim_world;
struct sim_node;

enum sim_probe {
#define SIM_PROBE(id, name, sentence) SIM_PROBE_##id,
#include "probes.def"
#undef SIM_PROBE
#define SIM_WAIVER(id, oracle, name, sentence) SIM_WAIVER_##id,
#include "waivers.def"
#undef SIM_WAIVER
    SIM_PROBE_COUNT
};
const char *sim_probe_string(enum sim_probe probe);   /* "crash.leader" */
const char *sim_probe_sentence(enum sim_probe probe); /* "a leader died" */

struct sim_probes {
    uint32_t hits[(SIM_PROBE_COUNT + 1) / 2 * 2];
    struct {
        bool has_led;
        raft_term led_term;
        raft_index last;        /* of the previous process */
        uint64_t full_inflight; /* bit per peer whose window is full */
    } nodes[16];
    raft_node_id transfer_target; /* of the latest transfer; NONE: a leader was elected since */
};

/* After an event of a node that is up; old is its view before. peer: whose message it was, or 0. */
void sim_probe_stepped(struct sim_world *world, const struct sim_node *node,
                       const struct raft_view *old, uint32_t peer);
/* The process of a node is about to be forgotten: it died. */
void sim_probe_crashes(struct sim_world *world, const struct sim_node *node);
/* The process of a node has ended by itself; in_order: it was asked to. */
void sim_probe_ends(struct sim_world *world, const struct sim_node *node, enum raft_status why,
                    bool in_order);
void sim_probe_started(struct sim_world *world, const struct sim_node *node);
void sim_probe_stops(struct sim_world *world, const struct sim_node *node);
void sim_probe_paused(struct sim_world *world, const struct sim_node *node);
void sim_probe_resumed(struct sim_world *world, const struct sim_node *node);
void sim_probe_clock(struct sim_world *world, const struct sim_node *node);
void sim_probe_disk_failed(struct sim_world *world, const struct sim_node *node);
void sim_probe_heals(struct sim_world *world);

#endif
