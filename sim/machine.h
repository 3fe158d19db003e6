/* The state machine of each simulated node: a key-value map with client sessions.
 *
 * Commands are encoded here for clients and decoded here for nodes. A command that repeats a
 * client's sequence number is answered from the session and not applied again (Raft §8,
 * dissertation §6.3). The digest covers the whole state and is kept incrementally. */
#ifndef SIM_MACHINE_H
#define SIM_MACHINE_H

#include "sut.h"

struct arena;

enum sim_command_type {
    SIM_COMMAND_PUT = 1,
    SIM_COMMAND_GET,
    SIM_COMMAND_CAS,
    SIM_COMMAND_REGISTER
};
const char *sim_command_type_string(enum sim_command_type type); /* "put", "get", "cas", … */

#define SIM_KEY_MAX   32u /* bytes with the terminating 0 */
#define SIM_VALUE_MAX 64u /* bytes with the terminating 0; values are text */

struct sim_command {
    enum sim_command_type type;
    uint32_t client;
    uint64_t epoch;    /* of the client's session; raft/session.h */
    uint64_t sequence; /* per session, from 1; of registrations: per client */
    char key[SIM_KEY_MAX];
    char value[SIM_VALUE_MAX];    /* PUT: new; CAS: new */
    char expected[SIM_VALUE_MAX]; /* CAS */
    bool by_index;                /* GET: read without a log entry; not encoded */
    uint32_t padding;             /* bytes added to the encoding, to make large entries */
};

struct sim_result {
    bool found;   /* GET: the key exists */
    bool swapped; /* CAS */
    char value[SIM_VALUE_MAX];
    uint64_t epoch; /* REGISTER: of the session */
};

/* What the state machine has made of an entry. */
struct sim_effect {
    uint32_t executions;      /* how often its command was executed */
    struct sim_result result; /* that of the command, also of one that was repeated */
    uint32_t sessions;        /* how many clients are remembered now */
    uint32_t oldest;          /* the one that will be forgotten first; 0: there is none */
};

#define SIM_COMMAND_SIZE_MAX 512u
/* Bytes written to out; at most SIM_COMMAND_SIZE_MAX + padding. */
size_t sim_command_size(const struct sim_command *command);
void sim_command_encode(const struct sim_command *command, uint8_t *out);
/* False: not a command. */
bool sim_command_decode(const uint8_t *bytes, size_t size, struct sim_command *command);

#define SIM_SESSIONS_MAX 64u

struct sim_machine;
/* sessions_max: how many clients it remembers, at most SIM_SESSIONS_MAX. */
struct sim_machine *sim_machine_create(struct arena *arena, uint32_t sessions_max);
void sim_machine_destroy(struct sim_machine *machine); /* NULL is nothing */
/* Applies an entry in order; out_effect may be NULL. NOOP and CONFIGURATION change the digest only
 * by their position. */
void sim_machine_apply(struct sim_machine *machine, const struct sut_entry *entry,
                       struct sim_effect *out_effect);
/* What a key has now, without a command. */
void sim_machine_read(const struct sim_machine *machine, const char *key,
                      struct sim_result *out_result);
enum sim_answer {
    SIM_ANSWER_KNOWN,
    SIM_ANSWER_EXPIRED, /* the client's session was not there: the command had no effect */
    SIM_ANSWER_LOST,    /* that, or the session was forgotten after the command */
};
/* The result of a client's command that stands at index and was applied. */
enum sim_answer sim_machine_answer(const struct sim_machine *machine,
                                   const struct sim_command *command, raft_index index,
                                   struct sim_result *out_result);
/* The whole state as bytes, *out_size of them, allocated from the arena. */
uint8_t *sim_machine_freeze(const struct sim_machine *machine, size_t *out_size);
/* A machine with a state that was frozen, or NULL: the bytes are no such state. */
struct sim_machine *sim_machine_thaw(struct arena *arena, uint32_t sessions_max,
                                     const uint8_t *bytes, size_t size);
uint64_t sim_machine_digest(const struct sim_machine *machine);
raft_index sim_machine_applied(const struct sim_machine *machine);

#endif
