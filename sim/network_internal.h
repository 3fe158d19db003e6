/* What network.c (messages) and network_rules.c (the life of rules) share. */
#ifndef SIM_NETWORK_INTERNAL_H
#define SIM_NETWORK_INTERNAL_H

#include "network.h"

/* Ends a packet that will not arrive. rule 0: no rule is to blame, or it was counted already. */
void sim_packet_drop(struct sim_network *network, struct sim_packet *packet, const char *why,
                     uint32_t rule);
/* Puts a packet under way. */
void sim_packet_schedule(struct sim_network *network, struct sim_source *source,
                         struct sim_packet *packet, uint64_t delay_ns);

#endif
