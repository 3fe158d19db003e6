/* The simulated network: links with a delay, and rules that damage what is sent over them.
 *
 * Fault model: in network.h. Every random draw comes from the stream of the link (its delay) or of
 * the rule (everything else), so that a rule more moves no draw of a link.
 *
 * Terms: the *fate* of a message is what the rules decided while it was sent. A packet is owned by
 * exactly one of: its event, the rule that holds it, the function that is just sending it.
 *
 * Invariants:
 *  1. sent + duplicates = delivered + dropped + under way + held.
 *  2. `rules` lists exactly the active rules; only they hold packets.
 *  3. The type of a packet is looked up only when a rule or the script needs it. */
#include "network.h"

#include "world.h"

#include <assert.h>
#include <string.h>

/* Keeps the streams of network rules apart from those of fault rules with the same number. */
#define RULE_STREAM       UINT64_C(0x6e6574)

#define REORDER_LATENCIES 10u

struct fate {
    const struct sim_link_rule *loser; /* the rule that dropped it */
    struct sim_link_rule *holder;
    uint64_t delay_ns; /* on top of the link's */
    bool is_duplicated;
    uint64_t duplicate_ns; /* how much later than the original the copy sets out */
};

void sim_network_init(struct sim_network *network, struct sim_world *world)
{
    assert(world->arena != NULL);
    memset(network, 0, sizeof *network);
    network->world = world;
    network->rules_end = &network->rules;
    for (uint32_t from = 1; from < SIM_NODES_MAX; from++) {
        for (uint32_t to = 1; to < SIM_NODES_MAX; to++) {
            sim_stream_init(&network->links[from][to].stream, world->seed, SIM_STREAM_LINK, from,
                            to);
            sim_source_init(&world->scheduler, &network->links[from][to].source, false);
        }
    }
    sim_source_init(&world->scheduler, &network->release, true);
}

static const char *packet_type(const struct sim_network *network, struct sim_packet *packet)
{
    if (packet->type == NULL) {
        const struct sut_ops *sut = network->world->sut;
        struct sut_message message;
        bool is_known = (sut->features & SUT_FEATURE_DESCRIBE) != 0 &&
                        sut->describe(packet->bytes, packet->size, &message);
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

/* Whether a rule severs a link now. packet NULL: for messages of any type. */
static bool rule_severs(const struct sim_network *network, const struct sim_link_rule *rule,
                        uint32_t from, uint32_t to, struct sim_packet *packet)
{
    assert(rule->active);
    if (network->world->scheduler.now_ns >= rule->trigger.until_ns) {
        return false;
    }
    if (rule->partition) {
        uint32_t here = rule->groups[from];
        uint32_t there = rule->groups[to];
        if (here != 0 && there != 0 && here != there) {
            return true;
        }
    }
    if (!rule->cut || !rule_covers_link(network, rule, from, to)) {
        return false;
    }
    if (rule->type[0] == '\0') {
        return true;
    }
    return packet != NULL && strcmp(rule->type, packet_type(network, packet)) == 0;
}

static struct sim_link_rule *severing_rule(const struct sim_network *network, uint32_t from,
                                           uint32_t to, struct sim_packet *packet)
{
    assert(from > 0 && from < SIM_NODES_MAX);
    assert(to > 0 && to < SIM_NODES_MAX);
    for (struct sim_link_rule *rule = network->rules; rule != NULL; rule = rule->next) {
        if (rule_severs(network, rule, from, to, packet)) {
            return rule;
        }
    }
    return NULL;
}

bool sim_network_is_cut(const struct sim_network *network, uint32_t from, uint32_t to)
{
    return severing_rule(network, from, to, NULL) != NULL;
}

/* Ends a packet that will not arrive. rule 0: no rule is to blame, or it was counted already. */
static void packet_drop(struct sim_network *network, struct sim_packet *packet, const char *why,
                        uint32_t rule)
{
    struct sim_world *world = network->world;
    network->dropped++;
    if (rule != 0) {
        sim_world_count_fault(world);
    }
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

/* Drops a packet whose link is severed now; why says when that was noticed. */
static bool is_severed(struct sim_network *network, struct sim_packet *packet, const char *why)
{
    struct sim_link_rule *rule = severing_rule(network, packet->from, packet->to, packet);
    if (rule == NULL) {
        return false;
    }
    rule->trigger.matches++;
    rule->trigger.fired++;
    packet_drop(network, packet, why, rule->id);
    return true;
}

static void packet_schedule(struct sim_network *network, struct sim_source *source,
                            struct sim_packet *packet, uint64_t delay_ns)
{
    struct sim_scheduler *scheduler = &network->world->scheduler;
    struct sim_event *event = sim_event_new(scheduler, SIM_EVENT_MESSAGE, packet->to);
    event->data = packet;
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
    packet->from = from;
    packet->to = to;
    packet->type = NULL;
    packet->size = size;
    if (size > 0) {
        memcpy(packet->bytes, bytes, size);
    }
    return packet;
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

/* Notes that a rule did something visible to a message that goes on. */
static void note_damage(struct sim_network *network, struct sim_packet *packet, const char *what,
                        const struct sim_link_rule *rule)
{
    struct sim_world *world = network->world;
    sim_world_count_fault(world);
    if (world->transcript != NULL) {
        sim_world_transcribe(world, "n%u -> n%u %s: %s (rule %u)", packet->from, packet->to,
                             packet_type(network, packet), what, rule->id);
    }
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
    packet->bytes[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    note_damage(network, packet, "corrupted", rule);
}

/* Time until a message has gone through a link of limited bandwidth, behind those before it. */
static uint64_t transmit_ns(struct sim_link_rule *rule, uint64_t now_ns, size_t size)
{
    assert(rule->bandwidth_bytes_per_s > 0);
    uint64_t own_ns = (uint64_t)size * UINT64_C(1000000000) / rule->bandwidth_bytes_per_s;
    uint64_t start_ns = rule->busy_until_ns > now_ns ? rule->busy_until_ns : now_ns;
    rule->busy_until_ns = start_ns + own_ns;
    assert(rule->busy_until_ns >= now_ns);
    return rule->busy_until_ns - now_ns;
}

static void rule_apply(struct sim_network *network, struct sim_link_rule *rule,
                       struct sim_packet *packet, struct fate *fate)
{
    uint64_t now_ns = network->world->scheduler.now_ns;
    assert(fate->loser == NULL && fate->holder == NULL);
    if (rule->drop) {
        fate->loser = rule;
        return;
    }
    if (rule->hold) {
        fate->holder = rule;
        return;
    }
    if (rule->loss != 0 && sim_draw_chance(&rule->stream, rule->loss)) {
        fate->loser = rule;
        return;
    }
    fate->delay_ns += rule->latency_ns;
    if (rule->jitter_ns != 0) {
        fate->delay_ns += sim_draw_between(&rule->stream, 0, rule->jitter_ns);
    }
    if (rule->reorder != 0 && sim_draw_chance(&rule->stream, rule->reorder)) {
        uint64_t most_ns = (network->latency_ns + rule->latency_ns) * REORDER_LATENCIES;
        fate->delay_ns += sim_draw_between(&rule->stream, 0, most_ns);
        note_damage(network, packet, "reordered", rule);
    }
    if (rule->bandwidth_bytes_per_s != 0) {
        fate->delay_ns += transmit_ns(rule, now_ns, packet->size);
    }
    if (rule->corrupt != 0 && sim_draw_chance(&rule->stream, rule->corrupt)) {
        flip_bit(network, packet, rule);
    }
    if (rule->duplicate != 0 && sim_draw_chance(&rule->stream, rule->duplicate)) {
        uint64_t most_ns = network->latency_ns + network->jitter_ns;
        fate->duplicate_ns = sim_draw_between(&rule->stream, 0, most_ns);
        fate->is_duplicated = true;
        note_damage(network, packet, "duplicated", rule);
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
            packet_drop(network, packet, "lost", fate->loser->id);
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
        packet_drop(network, packet, "lost", 0);
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
        struct sim_packet *copy = packet_create(network, from, to, packet->bytes, size);
        copy->type = packet->type;
        packet_schedule(network, source, packet, delay_ns);
        packet_schedule(network, source, copy, delay_ns + fate.duplicate_ns);
    } else {
        packet_schedule(network, source, packet, delay_ns);
    }
}

struct sim_packet *sim_network_arrive(struct sim_network *network, struct sim_event *event)
{
    assert(event->kind == SIM_EVENT_MESSAGE);
    struct sim_packet *packet = event->data;
    assert(packet != NULL && packet->to == event->node);
    event->data = NULL;
    if (is_severed(network, packet, "cut under way")) {
        return NULL;
    }
    const struct sim_node *node = network->world->nodes[packet->to];
    if (node == NULL || !sim_node_is_up(node)) {
        packet_drop(network, packet, "nobody is there", 0);
        return NULL;
    }
    network->delivered++;
    return packet;
}

struct sim_link_rule *sim_network_rule_new(struct sim_network *network)
{
    struct sim_world *world = network->world;
    struct sim_link_rule *rule = arena_calloc(world->arena, sizeof *rule);
    network->rule_count++;
    rule->id = network->rule_count;
    rule->from.role = SIM_SELECT_ANY;
    rule->to.role = SIM_SELECT_ANY;
    rule->held_end = &rule->held;
    sim_trigger_init(&rule->trigger);
    sim_stream_init(&rule->stream, world->seed, SIM_STREAM_FAULT, rule->id, RULE_STREAM);
    return rule;
}

void sim_network_rule_activate(struct sim_network *network, struct sim_link_rule *rule)
{
    assert(!rule->active);
    assert(rule->held == NULL && rule->next == NULL);
    rule->active = true;
    *network->rules_end = rule;
    network->rules_end = &rule->next;
}

static void rule_deactivate(struct sim_network *network, struct sim_link_rule *rule)
{
    assert(rule->active);
    struct sim_link_rule **link = &network->rules;
    while (*link != rule) {
        assert(*link != NULL);
        link = &(*link)->next;
    }
    *link = rule->next;
    if (network->rules_end == &rule->next) {
        network->rules_end = link;
    }
    rule->next = NULL;
    rule->active = false;
}

static struct sim_packet *take_held(struct sim_link_rule *rule)
{
    struct sim_packet *packet = rule->held;
    if (packet != NULL) {
        rule->held = packet->next;
        packet->next = NULL;
        if (rule->held == NULL) {
            rule->held_end = &rule->held;
        }
    }
    return packet;
}

void sim_network_rule_heal(struct sim_network *network, struct sim_link_rule *rule)
{
    if (!rule->active) {
        return;
    }
    /* First of all, since a listener that hears of a drop may heal rules itself. */
    rule_deactivate(network, rule);
    struct sim_packet *packet = take_held(rule);
    while (packet != NULL) {
        packet_drop(network, packet, "held for ever", 0);
        packet = take_held(rule);
    }
}

void sim_network_rule_release(struct sim_network *network, struct sim_link_rule *rule)
{
    if (!rule->active) {
        return;
    }
    rule_deactivate(network, rule);
    struct sim_packet *packet = take_held(rule);
    while (packet != NULL) {
        packet_schedule(network, &network->release, packet, 0);
        packet = take_held(rule);
    }
}

void sim_network_heal(struct sim_network *network)
{
    while (network->rules != NULL) {
        sim_network_rule_heal(network, network->rules);
    }
    assert(network->rules_end == &network->rules);
}
