/* Passages: which instants of a base run a sweep takes, and what it injects there.
 *
 * crash: the node dies at a passage, with each *image* of what its disk holds and is not durable;
 * stop: a node is asked to stop between two events; tail: the node dies behind the completion of a
 * write, which is left damaged from each of its bytes on; network: a message is lost, comes twice,
 * late, or so late that an election may have passed.
 *
 * The *ordinal* of a passage is its number among those of one kind: of one node, in one role, at
 * one place and side, or, where the last write is damaged, of one kind of file. By default the
 * ordinals 1, 2, 3, 4, 6, 8, 12, … and the last of each kind are taken, all if the sweep is
 * exhaustive.
 *
 * 1. Observing does not change the world.
 * 2. What is injected depends on the base run and the seed alone. */
#include "passages.h"

#include "candidates.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define IMAGES_MAX        16u /* of one crash */
#define IMAGES_EXHAUSTIVE 64u
#define LATENCIES         10u /* so much later comes a message that others overtake */
#define LATE_NS           UINT64_C(1000000000)

_Static_assert(SIM_PASSAGE_SORTS >= 2 * (uint32_t)SIM_SHOT_PLACE_COUNT, "a sort for each side");

void sim_passages_init(struct sim_passages *passages, enum sim_sweep_mode mode, bool exhaustive,
                       uint64_t seed)
{
    memset(passages, 0, sizeof *passages);
    passages->mode = mode;
    passages->exhaustive = exhaustive;
    passages->seed = seed;
}

void sim_passages_release(struct sim_passages *passages)
{
    sim_injectables_release(&passages->list);
}

/* ---- images ---- */

static void image_add(uint64_t image, uint64_t *images, uint32_t *count, uint32_t most)
{
    for (uint32_t i = 0; i < *count; i++) {
        if (images[i] == image) {
            return;
        }
    }
    if (*count < most) {
        images[(*count)++] = image;
    }
}

uint32_t sim_images_choose(uint64_t seed, uint64_t number, uint32_t pieces, uint32_t most,
                           uint64_t *out_images)
{
    uint32_t bits = pieces < SIM_DISK_PIECE_BITS ? pieces : SIM_DISK_PIECE_BITS;
    uint64_t all = bits == SIM_DISK_PIECE_BITS ? UINT64_MAX : (UINT64_C(1) << bits) - 1;
    uint32_t count = 0;
    assert(most >= 4);
    if (all < most) {
        for (uint64_t image = 0; image <= all; image++) {
            out_images[count++] = image;
        }
        return count;
    }
    image_add(0, out_images, &count, most);
    image_add(all, out_images, &count, most);
    /* What tears a sequence of writes apart: the last piece lost, the first lost, half of it. */
    image_add(all >> 1, out_images, &count, most);
    image_add(all & ~UINT64_C(1), out_images, &count, most);
    for (uint32_t i = 0; i < bits && count < most / 2; i++) {
        image_add(all & ~(UINT64_C(1) << i), out_images, &count, most);
    }
    struct sim_stream stream;
    sim_stream_init(&stream, seed, SIM_STREAM_CRASH, UINT64_MAX, number);
    for (uint32_t tries = 0; count < most && tries < most * 4; tries++) {
        uint64_t drawn = sim_draw(&stream);
        image_add(drawn & all, out_images, &count, most);
    }
    return count;
}

static uint64_t images_possible(uint32_t pieces)
{
    return pieces < 16 ? UINT64_C(1) << pieces : SIM_IMAGES_COUNTED;
}

/* ---- what is injected at a passage ---- */

/* What passages of one node in one role are told apart by. */
static uint32_t sort_of(struct sim_passages *passages, const struct sim_passage *passage)
{
    if (passages->mode != SIM_SWEEP_TAIL) {
        return (uint32_t)passage->place * 2 + passage->is_after;
    }
    uint32_t sort = 0;
    while (sort < passages->file_count && passages->files[sort] != passage->file) {
        sort++;
    }
    if (sort == passages->file_count && sort < SIM_PASSAGE_SORTS - 1) {
        passages->files[passages->file_count++] = passage->file;
    }
    return sort;
}

static bool injection_add(struct sim_passages *passages, const struct sim_passage *passage,
                          struct sim_shot shot)
{
    shot.place = passage->place;
    shot.occurrence = passage->number;
    uint64_t kind =
        (uint64_t)sort_of(passages, passage) * RAFT_ROLE_COUNT + (uint64_t)passage->role;
    uint64_t how = ((uint64_t)shot.deed * 4 + (uint64_t)shot.image.damage) * SIM_NODES_MAX;
    struct sim_injectable item = {.plan.first = shot,
                                  .event = passage->event,
                                  .stratum = sim_mix(kind, how + passage->node, 0)};
    return sim_injectables_add(&passages->list, &item);
}

static bool crash_add(struct sim_passages *passages, const struct sim_passage *passage)
{
    uint64_t images[IMAGES_EXHAUSTIVE];
    uint32_t most = passages->exhaustive ? IMAGES_EXHAUSTIVE : IMAGES_MAX;
    uint64_t number = sim_mix(passage->number, (uint64_t)passage->place, passage->is_after);
    uint32_t count = sim_images_choose(passages->seed, number, passage->pieces, most, images);
    struct sim_shot shot = {.deed =
                                passage->is_after ? SIM_SHOT_CRASH_AFTER : SIM_SHOT_CRASH_BEFORE};
    bool added = true;
    for (uint32_t i = 0; i < count && added; i++) {
        shot.image.kept = images[i];
        added = injection_add(passages, passage, shot);
    }
    return added;
}

static bool tail_add(struct sim_passages *passages, const struct sim_passage *passage)
{
    static const enum sim_disk_damage damages[] = {SIM_DISK_CUT, SIM_DISK_ZERO, SIM_DISK_FLIP};
    struct sim_shot shot = {.deed = SIM_SHOT_CRASH_AFTER};
    bool added = true;
    for (uint32_t byte = 0; byte < passage->tail && added; byte++) {
        shot.image.byte = byte;
        for (uint32_t i = 0; i < 3 && added; i++) {
            shot.image.damage = damages[i];
            added = injection_add(passages, passage, shot);
        }
    }
    return added;
}

static bool message_add(struct sim_passages *passages, const struct sim_passage *passage)
{
    uint64_t latency_ns = passages->world->network.latency_ns;
    const struct sim_shot shots[] = {
        {.deed = SIM_SHOT_DROP},
        {.deed = SIM_SHOT_DUPLICATE, .delay_ns = latency_ns},
        {.deed = SIM_SHOT_DELAY, .delay_ns = LATENCIES * latency_ns},
        {.deed = SIM_SHOT_DELAY, .delay_ns = LATE_NS},
    };
    bool added = true;
    for (uint32_t i = 0; i < 4 && added; i++) {
        added = injection_add(passages, passage, shots[i]);
    }
    return added;
}

static bool passage_add(struct sim_passages *passages, const struct sim_passage *passage)
{
    switch (passages->mode) {
    case SIM_SWEEP_CRASH:
        return crash_add(passages, passage);
    case SIM_SWEEP_TAIL:
        return tail_add(passages, passage);
    case SIM_SWEEP_NETWORK:
        return message_add(passages, passage);
    case SIM_SWEEP_STOP:
        return injection_add(passages, passage,
                             (struct sim_shot){.deed = SIM_SHOT_STOP, .node = passage->node});
    case SIM_SWEEP_POINTS:
    case SIM_SWEEP_MEMORY:
    case SIM_SWEEP_DISK:
    case SIM_SWEEP_PAIRS:
    case SIM_SWEEP_MODE_COUNT:
        break;
    }
    assert(!"a mode without passages");
    return false;
}

/* How many injections a passage offers; 0: the mode has no use for it. */
static uint64_t offered(const struct sim_passages *passages, const struct sim_passage *passage,
                        bool has_written)
{
    if (passages->mode == SIM_SWEEP_CRASH) {
        return passage->place == SIM_SHOT_EVENT ? 0 : images_possible(passage->pieces);
    }
    if (passages->mode == SIM_SWEEP_TAIL) {
        bool is_write = passage->place == SIM_SHOT_DONE && passage->is_after && has_written;
        return is_write ? 3 * (uint64_t)passage->tail : 0;
    }
    if (passages->mode == SIM_SWEEP_NETWORK) {
        return passage->place == SIM_SHOT_MESSAGE && !passage->is_after ? 4 : 0;
    }
    return passage->place == SIM_SHOT_EVENT ? 1 : 0;
}

/* ---- the base run ---- */

static void passage_take(void *ctx, const struct sim_passage *passage)
{
    struct sim_passages *passages = ctx;
    assert(passage->node < SIM_NODES_MAX && passage->role < RAFT_ROLE_COUNT);
    bool has_written = passages->changes[passage->node] != passage->changes;
    passages->changes[passage->node] = passage->changes;
    uint64_t count = offered(passages, passage, has_written);
    if (count == 0 || passages->failed) {
        return;
    }
    struct sim_passage_kind *kind =
        &passages->kinds[passage->node][passage->role][sort_of(passages, passage)];
    passages->possible += count;
    kind->ordinal++;
    kind->last = *passage;
    kind->has_last = !passages->exhaustive && !sim_ordinal_is_selected(kind->ordinal);
    if (!kind->has_last) {
        passages->failed = !passage_add(passages, passage);
    }
}

void sim_passages_attach(struct sim_passages *passages, struct sim_world *world)
{
    assert(world->watch == NULL);
    passages->world = world;
    world->watch = passage_take;
    world->watch_ctx = passages;
}

void sim_passages_observe(struct sim_passages *passages, const struct sim_world *world)
{
    if (passages->mode != SIM_SWEEP_STOP || world->phase != SIM_PHASE_RUN || world->over) {
        return;
    }
    for (uint32_t id = 1; id <= world->node_count; id++) {
        const struct sim_node *node = world->nodes[id];
        if (node->state != SIM_NODE_UP) {
            continue;
        }
        const struct sim_passage passage = {
            .place = SIM_SHOT_EVENT,
            .is_after = true,
            .node = id,
            .role = node->view.role,
            .number = world->events,
            .event = world->events,
        };
        passage_take(passages, &passage);
    }
}

bool sim_passages_finish(struct sim_passages *passages, struct sim_injectables *list)
{
    const size_t count = sizeof passages->kinds / sizeof(struct sim_passage_kind);
    const struct sim_passage_kind *kinds = &passages->kinds[0][0][0];
    bool added = !passages->failed;
    for (size_t i = 0; i < count && added; i++) {
        added = !kinds[i].has_last || passage_add(passages, &kinds[i].last);
    }
    for (size_t i = 0; i < passages->list.count && added; i++) {
        added = sim_injectables_add(list, &passages->list.items[i]);
    }
    return added;
}
