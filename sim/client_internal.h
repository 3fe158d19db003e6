/* What client.c (one operation) and load.c (clients that work by themselves) share. */
#ifndef SIM_CLIENT_INTERNAL_H
#define SIM_CLIENT_INTERNAL_H

#include "client.h"

/* Moves the client's one timer to an instant. */
void sim_client_timer_set(struct sim_client *client, uint64_t at_ns);
void sim_client_timer_cancel(struct sim_client *client);
/* An operation of a load's client has ended, or its pause has. */
void sim_load_operation_done(struct sim_client *client, const struct sim_operation *operation);
void sim_load_think_done(struct sim_client *client);
/* For the digest of the world: of a command, and of what a SIM_EVENT_REQUEST or a SIM_EVENT_REPLY
 * has with it. */
uint64_t sim_client_command_digest(const struct sim_command *command, uint64_t digest);
uint64_t sim_client_letter_digest(const struct sim_event *event);

#endif
