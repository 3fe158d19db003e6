/* The simulated network.
 *
 * Fault model. May: delay a message (base, jitter, heavy tail), lose it or a burst of them,
 * duplicate it, reorder it against others of its link, hold it back and deliver it later, in order
 * or not, flip a bit of it, deliver a first part of it, refuse it at once, evict a random message
 * from a link that is full, reset a link (of what is under way a first part arrives, the message
 * after that in part, the rest not), cut a directed link for any time. Never: invents a message,
 * delivers to a node that is not up, delivers bytes that a receiver without checksums would take
 * for another message of the same link without the corrupt option, touches a message that has
 * arrived. Loss and shaping are decided when a message is sent, cuts when it is sent and when it is
 * delivered. */
#ifndef SIM_NETWORK_H
#define SIM_NETWORK_H

#include "random.h"
#include "record.h"
#include "scheduler.h"
#include "sut.h"

#define SIM_NODES_MAX 16 /* ids 1 .. SIM_NODES_MAX - 1 */

struct sim_world;
struct sim_shot;

/* A set of nodes, or a role that is looked up whenever the rule is consulted. */
struct sim_selector {
    uint32_t nodes; /* bit per node id; ignored when role is not SIM_SELECT_NODES */
    enum {
        SIM_SELECT_NODES,
        SIM_SELECT_LEADER,
        SIM_SELECT_FOLLOWER,
        SIM_SELECT_CANDIDATE,
        SIM_SELECT_LEARNER,
        SIM_SELECT_ANY
    } role;
};

/* "When": counted over the consultations that match, from the moment the rule is armed
 * (trigger.c). */
struct sim_trigger {
    uint64_t nth;      /* only the nth match; 0: all */
    uint64_t from_nth; /* the nth match and all that follow; 0: all */
    uint64_t every;    /* every nth match; 0: all */
    uint64_t times;    /* at most so many; 0: no limit */
    uint64_t p;        /* probability as a threshold of 2^64; UINT64_MAX: always */
    uint64_t until_ns; /* no longer than this instant; UINT64_MAX: no limit */
    uint64_t matches;  /* so far */
    uint64_t fired;    /* so far */
};
void sim_trigger_init(struct sim_trigger *trigger);
/* Counts a match and says whether the rule fires. Draws from stream only if p is set. */
bool sim_trigger_fires(struct sim_trigger *trigger, uint64_t now_ns, struct sim_stream *stream);

/* What a rule knows of one directed link. */
struct sim_rule_link {
    uint64_t burst_until_ns; /* it loses everything until then */
    uint64_t busy_until_ns;  /* what was sent before is on its way out until then */
};

/* What a network rule does to a message that matches. Several rules add up; the first that drops or
 * holds wins; a message is duplicated once at most. Probabilities are thresholds of 2^64. A cut or
 * a partition is a state of the links: of the trigger only until_ns counts for it, and it fires for
 * each message it cuts. What a rule holds stays held past until_ns, until the rule is released or
 * healed. */
struct sim_link_rule {
    struct sim_link_rule *next; /* active rules, in the order of activation */
    struct sim_link_rule *next_created;
    uint32_t id;
    bool active;
    struct sim_selector from;
    struct sim_selector to;
    bool both;     /* also from `to` to `from` */
    char type[24]; /* of sut_message.type; "": any */
    struct sim_trigger trigger;
    bool drop;
    bool hold;
    bool cut; /* drops at delivery too, whatever is under way */
    uint32_t
        groups[SIM_NODES_MAX]; /* partition: messages between different non-zero groups are cut */
    bool partition;
    uint32_t severed[SIM_NODES_MAX]; /* partition: the nodes that one does not reach, as bits */
    bool shuffles;                   /* what it held is released in a random order */
    uint32_t capacity;               /* messages under way on a link; 0: any number */
    uint64_t latency_ns;
    uint64_t jitter_ns;
    uint64_t spread_ns; /* mean of an exponential delay, which is latency_ns at least; 0: none */
    uint64_t tail;      /* chance of a delay of at least tail_ns, with a heavy tail */
    uint64_t tail_ns;
    uint64_t loss;
    uint64_t burst_ns; /* mean time for which a loss of a link goes on; 0: a single message */
    uint64_t duplicate;
    uint64_t reorder; /* chance of an extra delay of up to 10 base latencies */
    uint64_t corrupt;
    uint64_t truncate;
    uint64_t reset;
    uint64_t bandwidth_bytes_per_s; /* of each link; 0: unlimited */
    struct sim_rule_link *links;    /* [SIM_NODES_MAX][SIM_NODES_MAX], or NULL: not needed yet */
    struct sim_packet *held;        /* FIFO */
    struct sim_packet **held_end;
    uint64_t effects; /* what it did to messages: each loss, delay, … once. Its trigger fires for
                       * more, where chance decides, and in a twin for what does not happen */
    bool optional;    /* may have no effect */
    char where[SIM_NAME_MAX]; /* "file.lua:12" of a rule of the script, else "" */
    struct sim_stream stream;
};

/* A message under way; owned by its event or by the rule that holds it. */
struct sim_packet {
    struct sim_packet *next; /* of the rule that holds it, or of its link */
    bool is_lost;            /* it is still under way, but will not arrive */
    uint32_t from;
    uint32_t to;
    const char *type; /* static; NULL until somebody wants to know */
    size_t size;
    uint8_t bytes[];
};

struct sim_network {
    struct sim_world *world;
    uint64_t latency_ns;         /* base one-way delay of every link */
    uint64_t jitter_ns;          /* plus uniform [0, jitter] */
    struct sim_link_rule *rules; /* the active ones only */
    struct sim_link_rule **rules_end;
    struct sim_link_rule *created; /* every rule, in the order of creation */
    struct sim_link_rule **created_end;
    uint32_t rule_count; /* ever created */
    struct sim_link {
        struct sim_stream stream;
        struct sim_source source;
        struct sim_packet *under_way; /* that will arrive if nothing happens, in order of sending */
        struct sim_packet **under_way_end;
        uint32_t under_way_count;
    } links[SIM_NODES_MAX][SIM_NODES_MAX];
    uint64_t sent;
    uint64_t delivered;
    uint64_t dropped;              /* lost, cut, held for ever, addressed to a node that is down */
    const struct sim_shot *strike; /* what befalls the message that is sent next; NULL: nothing */
    struct sim_source release;     /* of held messages: keeps their order */
};

void sim_network_init(struct sim_network *network, struct sim_world *world);
/* Takes a message; borrows bytes. */
void sim_network_send(struct sim_network *network, uint32_t from, uint32_t to, const uint8_t *bytes,
                      size_t size);
/* Called for SIM_EVENT_MESSAGE: the packet if it still arrives, else NULL (counted as dropped). The
 * caller frees the packet with arena_free. */
struct sim_packet *sim_network_arrive(struct sim_network *network, struct sim_event *event);
/* A new inactive rule with everything off; set its fields, then activate it. */
struct sim_link_rule *sim_network_rule_new(struct sim_network *network);
void sim_network_rule_activate(struct sim_network *network, struct sim_link_rule *rule);
/* Ends a rule; what it held is dropped. */
void sim_network_rule_heal(struct sim_network *network, struct sim_link_rule *rule);
/* Delivers what the rule held, in order unless it shuffles, and ends it. */
void sim_network_rule_release(struct sim_network *network, struct sim_link_rule *rule);
void sim_network_heal(struct sim_network *network); /* all rules */
/* Makes a partition a ring: each node reaches its neighbours, so that it sees a majority and no two
 * see the same. order has count nodes, at least 4. */
void sim_network_rule_ring(struct sim_link_rule *rule, const uint32_t *order, uint32_t count);
/* The first rule of the script that is not optional and had no effect on any message, or NULL. */
const struct sim_link_rule *sim_network_vacuous(const struct sim_network *network);

#endif
