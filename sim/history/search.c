/* The general search (Wing & Gong 1993, with Lowe's memo 2017): looks for an order of the
 * operations of one object, depth first, and never looks at the same situation twice.
 *
 * Terms. The search walks along the events of the object. Its *front* is the first completion of
 * an operation that has no place in the order yet; before it can be passed, the operation must get
 * one. *Open* are the operations invoked before the front and not completed before it. Operations
 * get a *slot* so that two that are open together have different ones. A *situation* is the front,
 * the set of open operations (by slot) that have a place already, and the state: what follows
 * depends on nothing else.
 *
 *     settle: pass completions of what has a place; place what changes nothing and fits ---> known?
 *        ^                                                                                    |
 *        +---- place one open operation that fits the state <---- choose the next <--- no ----+
 *                                                             back to the situation <--- yes, or
 *                                                             before it                   none left
 *
 * What keeps it small: operations that change nothing get their place as soon as they fit; of open
 * operations that do the same only the one comes next that has to have its place first; a pending
 * one comes next only if an open one sees what it wrote, or needs what was there before to be gone.
 *
 * Invariants:
 *  1. Slots of operations that complete are below those of the pending ones, which keep theirs.
 *  2. occupants says who is open at the front; it is restored by walking back over the events.
 *  3. The frame on the top is the current situation; it is in the memo, as are all others that were
 *     ever current. */
#include "internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

struct event {
    uint32_t item;
    bool is_completion;
};

struct frame {
    uint32_t at;
    uint32_t state;
    uint32_t slot; /* to be tried next; slot_count: passing the front without its operation */
};

struct search {
    struct check *check;
    const struct object *object;
    struct item *items;
    uint32_t count;
    struct event *events;
    uint32_t event_count;
    uint32_t *slots; /* [items] */
    uint32_t *twins; /* [items]: pending, does the same, invoked before; or NONE */
    uint32_t slot_count;
    uint32_t slots_completing;
    uint32_t last_read; /* event of the last invocation of a read */
    uint32_t words;     /* of a set of slots */
    uint32_t *occupants;
    /* The current situation. */
    uint32_t at;
    uint32_t state;
    uint64_t *placed;
    uint32_t deepest;
    struct frame *frames;
    uint32_t frame_count;
    uint32_t frame_capacity;
    uint64_t *frame_sets; /* [frames][words] */
    uint32_t set_capacity;
    /* The memo: keys of 1 + words words. */
    uint64_t *keys;
    uint32_t key_capacity; /* words */
    uint32_t key_count;
    uint32_t *table; /* number + 1, or 0 */
    uint32_t table_size;
    enum history_verdict verdict;
};

/* ---- preparation ---- */

static void events_build(struct search *search)
{
    uint32_t rank_end = search->object->rank_end;
    struct event *by_rank = history_zeroed(rank_end, sizeof by_rank[0]);
    for (uint32_t i = 0; i < rank_end; i++) {
        by_rank[i].item = NONE;
    }
    for (uint32_t i = 0; i < search->count; i++) {
        const struct item *item = &search->items[i];
        by_rank[item->from] = (struct event){i, false};
        if (item->to != NEVER) {
            by_rank[item->to] = (struct event){i, true};
        }
    }
    search->events = history_zeroed((size_t)search->count * 2, sizeof search->events[0]);
    for (uint32_t i = 0; i < rank_end; i++) {
        if (by_rank[i].item != NONE) {
            search->events[search->event_count++] = by_rank[i];
        }
    }
    free(by_rank);
}

static void slots_assign(struct search *search)
{
    uint32_t *released = history_zeroed(search->count, sizeof released[0]);
    uint32_t released_count = 0;
    for (uint32_t i = 0; i < search->event_count; i++) {
        const struct event *event = &search->events[i];
        if (!event->is_completion && search->items[event->item].effect == EFFECT_READ) {
            search->last_read = i;
        }
        if (event->is_completion) {
            released[released_count++] = search->slots[event->item];
        } else if (search->items[event->item].to != NEVER) {
            search->slots[event->item] =
                released_count > 0 ? released[--released_count] : search->slot_count++;
        }
    }
    search->slots_completing = search->slot_count;
    for (uint32_t i = 0; i < search->count; i++) {
        if (search->items[i].to == NEVER) {
            search->slots[i] = search->slot_count++;
        }
    }
    free(released);
}

static bool items_do_same(const struct item *a, const struct item *b)
{
    return a->effect == b->effect && a->value == b->value && a->expected == b->expected;
}

/* Who does the same as a pending operation: by sorting, since there may be many. */
static int twins_compare(const void *left, const void *right)
{
    const struct item *a = *(const struct item *const *)left;
    const struct item *b = *(const struct item *const *)right;
    const uint32_t keys[4][2] = {{(uint32_t)a->effect, (uint32_t)b->effect},
                                 {a->value, b->value},
                                 {a->expected, b->expected},
                                 {a->from, b->from}};
    for (uint32_t i = 0; i < 4; i++) {
        if (keys[i][0] != keys[i][1]) {
            return keys[i][0] < keys[i][1] ? -1 : 1;
        }
    }
    return 0;
}

static void twins_find(struct search *search)
{
    const struct item **pending = history_zeroed(search->count, sizeof(const struct item *));
    uint32_t count = 0;
    for (uint32_t i = 0; i < search->count; i++) {
        search->twins[i] = NONE;
        if (search->items[i].to == NEVER) {
            pending[count++] = &search->items[i];
        }
    }
    qsort(pending, count, sizeof(const struct item *), twins_compare);
    for (uint32_t i = 1; i < count; i++) {
        const struct item *a = pending[i - 1];
        const struct item *b = pending[i];
        if (items_do_same(a, b)) {
            search->twins[b - search->items] = (uint32_t)(a - search->items);
        }
    }
    free((void *)pending);
}

static void frame_push(struct search *search)
{
    uint32_t number = search->frame_count++;
    search->frames = history_room(search->frames, &search->frame_capacity, search->frame_count,
                                  sizeof search->frames[0]);
    search->frame_sets =
        history_room(search->frame_sets, &search->set_capacity,
                     (size_t)search->frame_count * search->words, sizeof search->frame_sets[0]);
    search->frames[number] = (struct frame){.at = search->at, .state = search->state};
    memcpy(search->frame_sets + (size_t)number * search->words, search->placed,
           search->words * sizeof search->placed[0]);
}

static void settle(struct search *search);
static bool memo_add(struct search *search);

struct search *search_create(struct check *check, const struct object *object,
                             const struct item *items, uint32_t count, uint32_t initial)
{
    struct search *search = history_zeroed(1, sizeof *search);
    search->check = check;
    search->object = object;
    search->items = history_zeroed(count, sizeof search->items[0]);
    memcpy(search->items, items, count * sizeof items[0]);
    search->count = count;
    search->verdict = HISTORY_UNDECIDED;
    search->slots = history_zeroed(count, sizeof search->slots[0]);
    search->twins = history_zeroed(count, sizeof search->twins[0]);
    events_build(search);
    slots_assign(search);
    twins_find(search);
    search->occupants = history_zeroed(search->slot_count, sizeof search->occupants[0]);
    memset(search->occupants, 0xff, search->slot_count * sizeof search->occupants[0]);
    search->words = search->slot_count / 64 + 1;
    search->placed = history_zeroed(search->words, sizeof search->placed[0]);
    search->state = initial;
    settle(search);
    memo_add(search);
    frame_push(search);
    return search;
}

void search_destroy(struct search *search)
{
    if (search == NULL) {
        return;
    }
    search->check->memory -= (size_t)search->key_capacity * sizeof search->keys[0];
    free(search->items);
    free(search->events);
    free(search->slots);
    free(search->twins);
    free(search->occupants);
    free(search->placed);
    free(search->frames);
    free(search->frame_sets);
    free(search->keys);
    free(search->table);
    free(search);
}

/* ---- the memo ---- */

static uint64_t *key_at(const struct search *search, uint32_t number)
{
    return search->keys + (size_t)number * (search->words + 1);
}

static uint64_t key_hash(const struct search *search, const uint64_t *key)
{
    return XXH3_64bits(key, (search->words + 1) * sizeof key[0]);
}

static void table_grow(struct search *search)
{
    uint32_t size = search->table_size == 0 ? 64 : search->table_size * 2;
    uint32_t *table = history_zeroed(size, sizeof table[0]);
    for (uint32_t i = 0; i < search->key_count; i++) {
        uint64_t at = key_hash(search, key_at(search, i)) & (size - 1);
        while (table[at] != 0) {
            at = (at + 1) & (size - 1);
        }
        table[at] = i + 1;
    }
    free(search->table);
    search->table = table;
    search->table_size = size;
}

/* False if the situation is known. */
static bool memo_add(struct search *search)
{
    if (search->key_count * 2 >= search->table_size) {
        table_grow(search);
    }
    uint32_t known = search->key_capacity;
    search->keys =
        history_room(search->keys, &search->key_capacity,
                     ((size_t)search->key_count + 1) * (search->words + 1), sizeof search->keys[0]);
    search->check->memory += (size_t)(search->key_capacity - known) * sizeof search->keys[0];
    uint64_t *key = key_at(search, search->key_count);
    key[0] = (uint64_t)search->at << 32 | search->state;
    memcpy(key + 1, search->placed, search->words * sizeof key[0]);
    uint64_t at = key_hash(search, key) & (search->table_size - 1);
    for (; search->table[at] != 0; at = (at + 1) & (search->table_size - 1)) {
        if (memcmp(key_at(search, search->table[at] - 1), key,
                   (search->words + 1) * sizeof key[0]) == 0) {
            return false;
        }
    }
    search->table[at] = ++search->key_count;
    return true;
}

/* ---- walking ---- */

static bool is_placed(const struct search *search, uint32_t slot)
{
    return (search->placed[slot / 64] >> slot % 64 & 1) != 0;
}

/* Whether an item fits a state, and which state follows. */
static bool fits(struct search *search, uint32_t state, const struct item *item,
                 uint32_t *out_state)
{
    bool is_any = state == STATE_ANY;
    switch (item->effect) {
    case EFFECT_READ:
        *out_state = item->value;
        return is_any || state == item->value;
    case EFFECT_WRITE:
        *out_state = item->value;
        return true;
    case EFFECT_CAS:
        *out_state = item->value;
        return is_any || state == item->expected;
    case EFFECT_MISMATCH:
        *out_state = state;
        return state != item->expected;
    case EFFECT_APPEND:
        *out_state = object_append(search->check, search->object, state, item->value);
        return true;
    case EFFECT_ACQUIRE:
        *out_state = STATE_HELD;
        return is_any || state == STATE_FREE;
    case EFFECT_RELEASE:
        *out_state = STATE_FREE;
        return is_any || state == STATE_HELD;
    }
    assert(!"not an effect");
    return false;
}

/* Passes events up to the front. */
static void pass(struct search *search)
{
    for (; search->at < search->event_count; search->at++) {
        const struct event *event = &search->events[search->at];
        uint32_t slot = search->slots[event->item];
        if (!event->is_completion) {
            assert(search->occupants[slot] == NONE && !is_placed(search, slot));
            search->occupants[slot] = event->item;
        } else if (is_placed(search, slot)) {
            search->placed[slot / 64] &= ~((uint64_t)1 << slot % 64);
            search->occupants[slot] = NONE;
        } else {
            return;
        }
    }
}

static void settle(struct search *search)
{
    for (bool goes_on = true; goes_on;) {
        goes_on = false;
        pass(search);
        for (uint32_t slot = 0; slot < search->slots_completing; slot++) {
            uint32_t occupant = search->occupants[slot];
            uint32_t state = 0;
            if (occupant != NONE && item_is_pure(&search->items[occupant]) &&
                !is_placed(search, slot) &&
                fits(search, search->state, &search->items[occupant], &state) &&
                state == search->state) {
                search->placed[slot / 64] |= (uint64_t)1 << slot % 64;
                goes_on = true;
            }
        }
    }
    search->deepest = search->at > search->deepest ? search->at : search->deepest;
}

/* Back to a situation that was left. */
static void rewind_to(struct search *search, uint32_t number)
{
    const struct frame *frame = &search->frames[number];
    assert(frame->at <= search->at);
    while (search->at > frame->at) {
        const struct event *event = &search->events[--search->at];
        search->occupants[search->slots[event->item]] = event->is_completion ? event->item : NONE;
    }
    search->state = frame->state;
    memcpy(search->placed, search->frame_sets + (size_t)number * search->words,
           search->words * sizeof search->placed[0]);
}

/* Whether an open operation without a place is there that sees a value, or needs it to be gone. */
static bool is_awaited(const struct search *search, uint32_t value, uint32_t gone)
{
    for (uint32_t slot = 0; slot < search->slot_count; slot++) {
        uint32_t occupant = search->occupants[slot];
        if (occupant == NONE || is_placed(search, slot)) {
            continue;
        }
        const struct item *item = &search->items[occupant];
        if ((item->effect == EFFECT_READ && item->value == value) ||
            (item->effect == EFFECT_CAS && item->expected == value) ||
            (item->effect == EFFECT_MISMATCH && item->expected == gone)) {
            return true;
        }
    }
    return false;
}

/* Whether a list that nothing will see again comes too early: nothing makes a new one. */
static bool is_dead_end(const struct search *search, uint32_t state)
{
    const struct object *object = search->object;
    if (state != STATE_DEAD || !object->has_append || object->has_write || object->has_cas) {
        return false;
    }
    bool is_early = search->at <= search->last_read;
    for (uint32_t slot = 0; slot < search->slots_completing && !is_early; slot++) {
        uint32_t occupant = search->occupants[slot];
        is_early = occupant != NONE && !is_placed(search, slot) &&
                   search->items[occupant].effect == EFFECT_READ;
    }
    return is_early;
}

/* Whether another open operation does the same and has to have its place sooner. */
static bool has_sooner_twin(const struct search *search, uint32_t number)
{
    const struct item *item = &search->items[number];
    uint32_t twin = search->twins[number];
    if (item->is_optional) {
        return false;
    }
    for (uint32_t slot = 0; slot < search->slots_completing; slot++) {
        uint32_t occupant = search->occupants[slot];
        if (occupant == NONE || is_placed(search, slot)) {
            continue;
        }
        const struct item *other = &search->items[occupant];
        if (other->to < item->to && !other->is_optional && items_do_same(item, other)) {
            return true;
        }
    }
    return twin != NONE && !is_placed(search, search->slots[twin]);
}

/* Whether nothing is lost if an operation that fits does not come next. */
static bool can_wait(const struct search *search, uint32_t number, uint32_t state)
{
    const struct object *object = search->object;
    const struct item *item = &search->items[number];
    if (has_sooner_twin(search, number) || is_dead_end(search, state)) {
        return true;
    }
    if (item->to != NEVER || object->is_mutex) {
        return false;
    }
    if (object->has_append) {
        return state == STATE_DEAD && !object->has_mismatch;
    }
    /* Followed by anything else it could as well come later, or never. */
    return !is_awaited(search, state, search->state);
}

/* Places what is in a slot, if it may come next. */
static bool place(struct search *search, uint32_t slot)
{
    if (slot == search->slot_count) {
        const struct event *front = &search->events[search->at];
        bool is_optional = search->items[front->item].is_optional;
        uint32_t skipped = search->slots[front->item];
        search->placed[skipped / 64] |= is_optional ? (uint64_t)1 << skipped % 64 : 0;
        return is_optional;
    }
    uint32_t occupant = search->occupants[slot];
    uint32_t state = 0;
    if (occupant == NONE || is_placed(search, slot) ||
        !fits(search, search->state, &search->items[occupant], &state) ||
        can_wait(search, occupant, state)) {
        return false;
    }
    search->state = state;
    search->placed[slot / 64] |= (uint64_t)1 << slot % 64;
    return true;
}

enum history_verdict search_run(struct search *search, uint64_t steps)
{
    uint64_t end = search->check->steps + steps;
    while (search->verdict == HISTORY_UNDECIDED && search->check->steps < end) {
        assert(search->frame_count > 0);
        uint32_t top = search->frame_count - 1;
        search->check->steps++;
        if (search->at == search->event_count) {
            search->verdict = HISTORY_LINEARIZABLE;
        } else if (search->frames[top].slot > search->slot_count) {
            search->frame_count--;
            if (top == 0) {
                search->verdict = HISTORY_VIOLATION;
            } else {
                rewind_to(search, top - 1);
            }
        } else if (place(search, search->frames[top].slot++)) {
            settle(search);
            if (memo_add(search)) {
                frame_push(search);
            } else {
                rewind_to(search, top);
            }
        }
    }
    return search->verdict;
}

uint32_t search_deepest(const struct search *search)
{
    assert(search->verdict == HISTORY_VIOLATION && search->deepest < search->event_count);
    const struct event *event = &search->events[search->deepest];
    assert(event->is_completion);
    return search->items[event->item].to;
}

enum history_verdict search_decide(struct check *check, const struct object *object,
                                   const struct item *items, uint32_t count, uint32_t initial,
                                   uint64_t steps)
{
    struct search *search = search_create(check, object, items, count, initial);
    check->steps += count;
    enum history_verdict verdict = search_run(search, steps);
    search_destroy(search);
    return verdict;
}
