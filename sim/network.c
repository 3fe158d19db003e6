/* The simulated network: links with a delay, and rules that damage what is sent over them.
 *
 * Fault model: in network.h. Every random draw comes from the stream of the link (its delay) or of
 * the rule (everything else), so that a rule more moves no draw of a link.
 *
 * Terms: the *fate* of a message is what the rules decided while it was sent. A packet is owned by
 * exactly one of: its event, the rule that holds it, the function that is just sending it. A
 * packet that was *evicted* keeps its event, and is dropped when that comes.
 *
 * Invariants:
 *  1. sent + duplicates = delivered + dropped + under way + held.
 *  2. `rules` lists exactly the active rules; only they hold packets. A link lists the packets
 *     under way that were not evicted.
 *  3. The type of a packet is looked up only when a rule or the script needs it. */
#include "network_internal.h"

#include "world.h"

#include <assert.h>
#include <string.h>

#define REORDER_LATENCIES 10u

struct fate {
    struct sim_link_rule *loser; /* the rule that dropped it */
    struct sim_link_rule *holder;
    struct sim_link_rule *narrowest; /* that leaves the link the least room; NULL: none does */
    uint64_t delay_ns;               /* on top of the link's */
    bool is_duplicated;
    uint64_t duplicate_ns; /* how much later than the original the copy sets out */
};

void sim_network_init(struct sim_network *network, struct sim_world *world)
{
    assert(world->arena != NULL);
    memset(network, 0, sizeof *network);
    network->world = world;
    network->rules_end = &network->rules;
    network->created_end = &network->created;
    for (uint32_t from = 1; from < SIM_NODES_MAX; from++) {
        for (uint32_t to = 1; to < SIM_NODES_MAX; to++) {
            sim_stream_init(&network->links[from][to].stream, world->seed, SIM_STREAM_LINK, from,
                            to);
            sim_source_init(&world->scheduler, &network->links[from][to].source, false);
            network->links[from][to].under_way_end = &network->links[from][to].under_way;
        }
    }
    sim_source_init(&world->scheduler, &network->release, true);
}

static const char *packet_type(const struct sim_network *network, struct sim_packet *packet)
{
    if (packet->type == NULL) {
        const struct sim_world *world = network->world;
        struct sut_message message;
        bool is_known =
            (world->features & SUT_FEATURE_DESCRIBE) != 0 &&
            world->nodes[packet->from]->sut->describe(packet->bytes, packet->size, &message);
        packet->type = is_known ? message.type : "unknown";
    }
    assert(packet->type != NULL);
    return packet->type;
}

static bool rule_covers_link(const struct sim_network *network, const struct sim_link_rule *rule,
                             uint32_t from, uint32_t to)
{
    const struct sim_world *world = network->world;
    if (sim_selector_matches(world, &rule->from, from) &&
        sim_selector_matches(world, &rule->to, to)) {
        return true;
    }
    return rule->both && sim_selector_matches(world, &rule->from, to) &&
           sim_selector_matches(world, &rule->to, from);
}

static bool rule_matches(const struct sim_network *network, const struct sim_link_rule *rule,
                         struct sim_packet *packet)
{
    assert(rule->active);
    if (!rule_covers_link(network, rule, packet->from, packet->to)) {
        return false;
    }
    return rule->type[0] == '\0' || strcmp(rule->type, packet_type(network, packet)) == 0;
}

/* Whether a rule severs the link of a message now. */
static bool rule_severs(const struct sim_network *network, const struct sim_link_rule *rule,
                        struct sim_packet *packet)
{
    uint32_t from = packet->from;
    uint32_t to = packet->to;
    assert(rule->active);
    if (network->world->scheduler.now_ns >= rule->trigger.until_ns) {
        return false;
    }
    if (rule->partition) {
        uint32_t here = rule->groups[from];
        uint32_t there = rule->groups[to];
        if ((here != 0 && there != 0 && here != there) || (rule->severed[from] >> to & 1u) != 0) {
            return true;
        }
    }
    return rule->cut && rule_matches(network, rule, packet);
}

void sim_packet_drop(struct sim_network *network, struct sim_packet *packet, const char *why,
                     uint32_t rule)
{
    struct sim_world *world = network->world;
    network->dropped++;
    if (world->transcript != NULL) {
        sim_world_transcribe(world, "n%u -> n%u %s: %s (rule %u)", packet->from, packet->to,
                             packet_type(network, packet), why, rule);
    }
    if (world->script != NULL) {
        sim_script_notice(world->script, SIM_NOTICE_MESSAGE_DROPPED, packet->from, 0, packet->to,
                          packet_type(network, packet));
    }
    arena_free(world->arena, packet);
}

static bool befalls(const struct sim_network *network, const struct sim_packet *packet,
                    enum sim_mishap mishap)
{
    return sim_fault_befalls(&network->world->faults, packet->from, mishap);
}

/* Drops a packet whose link is severed now; why says when that was noticed. */
static bool is_severed(struct sim_network *network, struct sim_packet *packet, const char *why)
{
    struct sim_link_rule *rule = network->rules;
    while (rule != NULL && !rule_severs(network, rule, packet)) {
        rule = rule->next;
    }
    if (rule == NULL || !befalls(network, packet, SIM_MISHAP_CUT)) {
        return false;
    }
    rule->trigger.matches++;
    rule->trigger.fired++;
    rule->effects++;
    sim_packet_drop(network, packet, why, rule->id);
    return true;
}

static void link_add(struct sim_link *link, struct sim_packet *packet)
{
    assert(packet->next == NULL && !packet->is_lost && *link->under_way_end == NULL);
    *link->under_way_end = packet;
    link->under_way_end = &packet->next;
    link->under_way_count++;
}

static void link_remove(struct sim_link *link, struct sim_packet *packet)
{
    struct sim_packet **at = &link->under_way;
    while (*at != packet) {
        assert(*at != NULL);
        at = &(*at)->next;
    }
    *at = packet->next;
    if (packet->next == NULL) {
        link->under_way_end = at;
    }
    packet->next = NULL;
    assert(link->under_way_count > 0);
    link->under_way_count--;
}

void sim_packet_schedule(struct sim_network *network, struct sim_source *source,
                         struct sim_packet *packet, uint64_t delay_ns)
{
    struct sim_scheduler *scheduler = &network->world->scheduler;
    struct sim_event *event = sim_event_new(scheduler, SIM_EVENT_MESSAGE, packet->to);
    event->data = packet;
    link_add(&network->links[packet->from][packet->to], packet);
    uint64_t room_ns = UINT64_MAX - scheduler->now_ns;
    sim_schedule(scheduler, source, event,
                 scheduler->now_ns + (delay_ns < room_ns ? delay_ns : room_ns));
}

static struct sim_packet *packet_create(struct sim_network *network, uint32_t from, uint32_t to,
                                        const uint8_t *bytes, size_t size)
{
    assert(bytes != NULL || size == 0);
    struct sim_packet *packet = arena_alloc(network->world->arena, sizeof *packet + size);
    packet->next = NULL;
    packet->is_lost = false;
    packet->from = from;
    packet->to = to;
    packet->type = NULL;
    packet->size = size;
    if (size > 0) {
        memcpy(packet->bytes, bytes, size);
    }
    return packet;
}

static void tell_damage(struct sim_network *network, struct sim_packet *packet, const char *what,
                        const struct sim_link_rule *rule)
{
    struct sim_world *world = network->world;
    if (world->transcript != NULL) {
        sim_world_transcribe(world, "n%u -> n%u %s: %s (rule %u)", packet->from, packet->to,
                             packet_type(network, packet), what, rule->id);
    }
}

/* Notes that a rule did something visible to a message that goes on. */
static void note_damage(struct sim_network *network, struct sim_packet *packet, const char *what,
                        struct sim_link_rule *rule)
{
    rule->effects++;
    tell_damage(network, packet, what, rule);
}

static void flip_bit(struct sim_network *network, struct sim_packet *packet,
                     struct sim_link_rule *rule)
{
    if (packet->size == 0) {
        return;
    }
    packet_type(network, packet); /* while it still can be told */
    uint64_t bit = sim_draw_below(&rule->stream, (uint64_t)packet->size * 8);
    assert(bit / 8 < packet->size);
    if (befalls(network, packet, SIM_MISHAP_DAMAGE)) {
        packet->bytes[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        note_damage(network, packet, "corrupted", rule);
    }
}

/* Leaves a first part of a message, perhaps nothing. */
static void cut_short(struct sim_network *network, struct sim_packet *packet,
                      struct sim_link_rule *rule)
{
    if (packet->size == 0) {
        return;
    }
    packet_type(network, packet); /* while it still can be told */
    size_t size = (size_t)sim_draw_below(&rule->stream, packet->size);
    if (befalls(network, packet, SIM_MISHAP_DAMAGE)) {
        packet->size = size;
        note_damage(network, packet, "truncated", rule);
    }
}

/* A packet that is under way will not arrive. */
static void evict(struct sim_network *network, struct sim_packet *packet, const char *why,
                  struct sim_link_rule *rule)
{
    if (befalls(network, packet, SIM_MISHAP_LOSS)) {
        link_remove(&network->links[packet->from][packet->to], packet);
        packet->is_lost = true;
        note_damage(network, packet, why, rule);
    }
}

/* Of what is under way on a link a first part arrives, and the message after that in part. */
static void link_reset(struct sim_network *network, struct sim_link *link,
                       struct sim_link_rule *rule)
{
    uint64_t whole = sim_draw_below(&rule->stream, (uint64_t)link->under_way_count + 1);
    struct sim_packet *packet = link->under_way;
    for (uint64_t i = 0; packet != NULL; i++) {
        struct sim_packet *next = packet->next;
        if (i == whole) {
            cut_short(network, packet, rule);
        } else if (i > whole) {
            evict(network, packet, "lost with the connection", rule);
        }
        packet = next;
    }
}

/* A full link loses one of its messages, or the new one; then true. */
static bool overflows(struct sim_network *network, struct sim_link_rule *rule,
                      const struct sim_packet *packet)
{
    struct sim_link *link = &network->links[packet->from][packet->to];
    if (rule->capacity == 0 || link->under_way_count < rule->capacity) {
        return false;
    }
    uint64_t at = sim_draw_below(&rule->stream, (uint64_t)link->under_way_count + 1);
    struct sim_packet *victim = link->under_way;
    for (uint64_t i = 0; i < at && victim != NULL; i++) {
        victim = victim->next;
    }
    if (victim == NULL) {
        return true;
    }
    evict(network, victim, "evicted", rule);
    return false;
}

/* What a rule knows of the link of a message. */
static struct sim_rule_link *rule_link(struct sim_network *network, struct sim_link_rule *rule,
                                       const struct sim_packet *packet)
{
    if (rule->links == NULL) {
        rule->links = arena_calloc(network->world->arena,
                                   SIM_NODES_MAX * SIM_NODES_MAX * sizeof rule->links[0]);
    }
    return &rule->links[packet->from * SIM_NODES_MAX + packet->to];
}

/* Whether a rule loses a message, by itself, in a burst, or since the link is full or reset. */
static bool loses(struct sim_network *network, struct sim_link_rule *rule,
                  const struct sim_packet *packet)
{
    uint64_t now_ns = network->world->scheduler.now_ns;
    struct sim_rule_link *link = rule->burst_ns != 0 ? rule_link(network, rule, packet) : NULL;
    if (rule->drop || (link != NULL && now_ns < link->burst_until_ns)) {
        return true;
    }
    if (rule->loss != 0 && sim_draw_chance(&rule->stream, rule->loss)) {
        if (link != NULL) {
            link->burst_until_ns = now_ns + sim_draw_exponential(&rule->stream, rule->burst_ns);
        }
        return true;
    }
    if (rule->reset != 0 && sim_draw_chance(&rule->stream, rule->reset)) {
        link_reset(network, &network->links[packet->from][packet->to], rule);
        if (rule->both) {
            link_reset(network, &network->links[packet->to][packet->from], rule);
        }
        return true;
    }
    return overflows(network, rule, packet);
}

/* Time until a message has gone through a link of limited bandwidth, behind those before it. */
static uint64_t transmit_ns(struct sim_network *network, struct sim_link_rule *rule,
                            const struct sim_packet *packet)
{
    assert(rule->bandwidth_bytes_per_s > 0);
    struct sim_rule_link *link = rule_link(network, rule, packet);
    uint64_t now_ns = network->world->scheduler.now_ns;
    uint64_t own_ns = (uint64_t)packet->size * UINT64_C(1000000000) / rule->bandwidth_bytes_per_s;
    uint64_t start_ns = link->busy_until_ns > now_ns ? link->busy_until_ns : now_ns;
    link->busy_until_ns = start_ns + own_ns;
    assert(link->busy_until_ns >= now_ns);
    return link->busy_until_ns - now_ns;
}

static void rule_apply(struct sim_network *network, struct sim_link_rule *rule,
                       struct sim_packet *packet, struct fate *fate)
{
    uint64_t delay_ns = fate->delay_ns;
    assert(fate->loser == NULL && fate->holder == NULL);
    if (rule->hold && befalls(network, packet, SIM_MISHAP_HOLD)) {
        fate->holder = rule;
        return;
    }
    if (loses(network, rule, packet) && befalls(network, packet, SIM_MISHAP_LOSS)) {
        fate->loser = rule;
        rule->effects++;
        return;
    }
    if (rule->capacity != 0 &&
        (fate->narrowest == NULL || rule->capacity < fate->narrowest->capacity)) {
        fate->narrowest = rule;
    }
    uint64_t least_ns = rule->latency_ns;
    uint64_t drawn_ns =
        rule->spread_ns == 0 ? 0 : sim_draw_exponential(&rule->stream, rule->spread_ns);
    fate->delay_ns += drawn_ns > least_ns ? drawn_ns : least_ns;
    if (rule->jitter_ns != 0) {
        fate->delay_ns += sim_draw_between(&rule->stream, 0, rule->jitter_ns);
    }
    if (rule->tail != 0 && sim_draw_chance(&rule->stream, rule->tail)) {
        fate->delay_ns += sim_draw_heavy(&rule->stream, rule->tail_ns);
        tell_damage(network, packet, "late", rule);
    }
    if (rule->reorder != 0 && sim_draw_chance(&rule->stream, rule->reorder)) {
        uint64_t most_ns = (network->latency_ns + rule->latency_ns) * REORDER_LATENCIES;
        fate->delay_ns += sim_draw_between(&rule->stream, 0, most_ns);
        tell_damage(network, packet, "reordered", rule);
    }
    if (rule->bandwidth_bytes_per_s != 0) {
        fate->delay_ns += transmit_ns(network, rule, packet);
    }
    if (fate->delay_ns != delay_ns) {
        bool is_late = befalls(network, packet, SIM_MISHAP_DELAY);
        rule->effects += is_late;
        fate->delay_ns = is_late ? fate->delay_ns : delay_ns;
    }
    if (rule->corrupt != 0 && sim_draw_chance(&rule->stream, rule->corrupt)) {
        flip_bit(network, packet, rule);
    }
    if (rule->truncate != 0 && sim_draw_chance(&rule->stream, rule->truncate)) {
        cut_short(network, packet, rule);
    }
    if (rule->duplicate != 0 && sim_draw_chance(&rule->stream, rule->duplicate)) {
        uint64_t most_ns = network->latency_ns + network->jitter_ns;
        uint64_t late_ns = sim_draw_between(&rule->stream, 0, most_ns);
        if (befalls(network, packet, SIM_MISHAP_TWICE)) {
            fate->duplicate_ns = late_ns;
            fate->is_duplicated = true;
            note_damage(network, packet, "duplicated", rule);
        }
    }
}

/* Lets every rule have its say; returns false when the packet is gone (dropped or held). */
static bool rules_spare(struct sim_network *network, struct sim_packet *packet, struct fate *fate)
{
    if (is_severed(network, packet, "cut when sent")) {
        return false;
    }
    uint64_t now_ns = network->world->scheduler.now_ns;
    for (struct sim_link_rule *rule = network->rules; rule != NULL; rule = rule->next) {
        if (rule->cut || rule->partition || !rule_matches(network, rule, packet)) {
            continue;
        }
        if (!sim_trigger_fires(&rule->trigger, now_ns, &rule->stream)) {
            continue;
        }
        rule_apply(network, rule, packet, fate);
        if (fate->loser != NULL) {
            sim_packet_drop(network, packet, "lost", fate->loser->id);
            return false;
        }
        if (fate->holder != NULL) {
            note_damage(network, packet, "held", rule);
            *rule->held_end = packet;
            rule->held_end = &packet->next;
            return false;
        }
    }
    return true;
}

/* Lets the shot of a sweep have its say; returns false when the packet is gone. */
static bool shot_spares(struct sim_network *network, struct sim_packet *packet, struct fate *fate)
{
    const struct sim_shot *shot = network->strike;
    network->strike = NULL;
    if (shot == NULL) {
        return true;
    }
    if (shot->deed == SIM_SHOT_DROP) {
        sim_packet_drop(network, packet, "lost", 0);
        return false;
    }
    if (shot->deed == SIM_SHOT_DUPLICATE) {
        fate->is_duplicated = true;
        fate->duplicate_ns = shot->delay_ns;
    } else {
        assert(shot->deed == SIM_SHOT_DELAY);
        fate->delay_ns = shot->delay_ns;
    }
    return true;
}

void sim_network_send(struct sim_network *network, uint32_t from, uint32_t to, const uint8_t *bytes,
                      size_t size)
{
    struct sim_world *world = network->world;
    assert(from > 0 && from < SIM_NODES_MAX);
    assert(to > 0 && to < SIM_NODES_MAX);
    network->sent++;
    struct sim_packet *packet = packet_create(network, from, to, bytes, size);
    if (world->script != NULL) {
        sim_script_notice(world->script, SIM_NOTICE_MESSAGE_SENT, from, 0, to, NULL);
    }
    struct sim_source *source = &network->links[from][to].source;
    source->fifo = network->jitter_ns == 0;
    /* Drawn even for a message that will be lost, lest a rule moves the delays of the others. */
    uint64_t jitter_ns = sim_draw_between(&network->links[from][to].stream, 0, network->jitter_ns);
    struct fate fate = {0};
    if (!shot_spares(network, packet, &fate) ||
        (network->rules != NULL && !rules_spare(network, packet, &fate))) {
        return;
    }
    uint64_t delay_ns = network->latency_ns + jitter_ns + fate.delay_ns;
    if (fate.is_duplicated) {
        struct sim_packet *copy = packet_create(network, from, to, packet->bytes, packet->size);
        copy->type = packet->type;
        sim_packet_schedule(network, source, packet, delay_ns);
        if (fate.narrowest != NULL && overflows(network, fate.narrowest, copy) &&
            befalls(network, copy, SIM_MISHAP_LOSS)) {
            fate.narrowest->effects++;
            sim_packet_drop(network, copy, "lost", fate.narrowest->id);
        } else {
            sim_packet_schedule(network, source, copy, delay_ns + fate.duplicate_ns);
        }
    } else {
        sim_packet_schedule(network, source, packet, delay_ns);
    }
}

struct sim_packet *sim_network_arrive(struct sim_network *network, struct sim_event *event)
{
    assert(event->kind == SIM_EVENT_MESSAGE);
    struct sim_packet *packet = event->data;
    assert(packet != NULL && packet->to == event->node);
    event->data = NULL;
    if (packet->is_lost) {
        sim_packet_drop(network, packet, "lost under way", 0);
        return NULL;
    }
    link_remove(&network->links[packet->from][packet->to], packet);
    if (is_severed(network, packet, "cut under way")) {
        return NULL;
    }
    const struct sim_node *node = network->world->nodes[packet->to];
    if (node == NULL || !sim_node_is_up(node)) {
        sim_packet_drop(network, packet, "nobody is there", 0);
        return NULL;
    }
    network->delivered++;
    return packet;
}
