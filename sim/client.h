/* Simulated clients, and the history they record.
 *
 * A client sends one command at a time to the node it takes for the leader, over a link of its own
 * with the network's base latency; it follows redirects and retries with the same sequence number
 * until its timeout. Outcomes (raft/replica.h, dissertation §6.3): OK; FAIL, certain not to happen;
 * UNKNOWN.
 *
 * A client whose session was forgotten ("session_expired") registers before its next command; the
 * command that met with it goes on after that if it was never sent before, so that it cannot have
 * been applied, and is unknown otherwise.
 *
 * Errors: "read_only", "disk_full" and "invalid" end an operation at once; "not_leader", "busy" and
 * "stopped" are definite and tried again; "crashed" and "lost_leadership" leave the attempt unknown
 * and are tried again; "timeout" is what is left when nothing more telling happened. */
#ifndef SIM_CLIENT_H
#define SIM_CLIENT_H

#include "machine.h"
#include "random.h"
#include "scheduler.h"

struct sim_world;

#define SIM_CLIENTS_MAX 0xffffu /* of a run; a request's number ends with its client */

enum sim_client_outcome { SIM_CLIENT_OK, SIM_CLIENT_FAIL, SIM_CLIENT_UNKNOWN };

struct sim_operation { /* one row of the history */
    struct sim_operation *next;
    uint32_t client;
    struct sim_command command;
    struct sim_result result;
    enum sim_client_outcome outcome;
    char error[24]; /* "timeout", "not_leader", "disk_full", "read_only", … ; "" for OK */
    uint64_t invoked_ns, completed_ns;
    uint64_t invoked_event, completed_event; /* 0: still open */
};

struct sim_client {
    struct sim_client *next;
    struct sim_world *world;
    uint32_t id; /* from 1 */
    uint64_t timeout_ns;
    uint64_t retry_ns;      /* pause between attempts */
    uint64_t operations;    /* begun */
    uint64_t epoch;         /* of its session */
    uint64_t sequence;      /* in it */
    uint64_t registrations; /* begun */
    bool must_register;     /* before its next command */
    bool registers;         /* the attempt is a registration */
    uint32_t target;        /* node it believes in */
    struct sim_stream stream;
    struct sim_source source;
    struct sim_operation *open; /* at most one */
    struct sim_event *timer;    /* timeout or retry, whichever is next */
    uint64_t deadline_ns;
    uint64_t attempt;       /* request number of the current attempt, unique in the run; 0: none */
    bool in_flight;         /* its answer has not come yet */
    uint32_t at_node;       /* the node that has it; 0: still or already on the way */
    int waiter;             /* the script's task that waits for this operation; 0: none */
    struct sim_load *load;  /* or the load it works for */
    raft_index read_floor;  /* what was committed when its read was taken */
    bool sent_unknown;      /* an attempt was answered, and its outcome is unknown */
    uint32_t turns;         /* answers to the open operation that sent it elsewhere */
    const char *last_error; /* static; NULL: none yet */
    char seen[SIM_VALUE_MAX]; /* the last value it read, for its CAS */
};

/* Several clients that work by themselves. */
struct sim_load {
    struct sim_load *next;
    uint32_t id;
    struct sim_world *world;
    uint32_t client_count;
    struct sim_client *clients[32];
    uint64_t interval_ns; /* mean pause between two operations of one client */
    uint64_t busy_ns,
        quiet_ns; /* bursts: so long each, in turn from time 0; quiet 0: always busy */
    uint32_t keys;
    uint32_t mix_put, mix_get, mix_cas; /* relative weights */
    bool reads_by_index;                /* its gets go without a log entry */
    uint32_t padding;                   /* of each command */
    bool has_all_sizes;                 /* half of the commands are of other sizes, see load.c */
    uint32_t caps[3];                   /* then: what is bounded by the first is the largest */
    uint64_t until_ns;
    bool stopped;
    bool ended; /* all clients idle after stopped */
    uint64_t ok, failed, unknown;
    int waiter; /* the script's task in load:wait(); 0: none */
};

struct sim_clients {
    struct sim_world *world;
    struct sim_client *first;
    struct sim_client **end;
    uint32_t count;
    struct sim_client **by_id; /* [count + 1] */
    struct sim_load *loads;
    uint32_t load_count;
    struct sim_operation *history; /* in order of invocation */
    struct sim_operation **history_end;
    uint64_t ok, failed, unknown;
    uint64_t results;  /* chained hash of every outcome, in order of completion */
    uint64_t refusals; /* a hash of what was not OK: who was told what, how often, in any order */
    uint64_t requests; /* attempts so far; a request number is (attempt << 16 | client) */
};

void sim_clients_init(struct sim_clients *clients, struct sim_world *world);
struct sim_client *sim_client_create(struct sim_world *world, uint64_t timeout_ns);
/* Begins an operation. The client must be idle. When it ends, sim_script_operation_done(waiter). */
void sim_client_begin(struct sim_client *client, const struct sim_command *command, int waiter);
/* client, source and so on are filled from the load's fields, which the caller has set. */
struct sim_load *sim_load_start(struct sim_world *world, const struct sim_load *options);
void sim_load_stop(struct sim_load *load);
/* SIM_EVENT_REQUEST, SIM_EVENT_REPLY, SIM_EVENT_CLIENT. */
void sim_client_event(struct sim_world *world, struct sim_event *event);
/* env->complete of a node. */
void sim_client_completed(struct sim_world *world, uint32_t node, uint64_t request,
                          enum raft_status status, raft_index index);
/* The process of a node has ended: who waits for it hears so. */
void sim_clients_node_lost(struct sim_world *world, uint32_t node);
/* Whether no operation is open and every load has ended. */
bool sim_clients_idle(const struct sim_clients *clients);
/* Ends the loads and gives up open operations as unknown (end of the run). */
void sim_clients_finish(struct sim_clients *clients);

#endif
