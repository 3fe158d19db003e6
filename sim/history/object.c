/* From a history to its objects: one for each key, with the operations that matter.
 *
 * Left out is what says nothing: reads without a result, what failed, and operations with an
 * unknown outcome of which nothing was seen. Such a one could be the last of all or come directly
 * before the next write; wherever it is put, nobody observes what it wrote. (A failed cas would:
 * it observes that a value is another one. With one on the key, and on a mutex, nothing is left
 * out.)
 *
 * Ranks replace positions: the events of an object that matter are numbered from 1, and no two have
 * the same number.
 *
 * Invariants:
 *  1. Items are in the order of `from`; from < to.
 *  2. A value that nothing observes is STATE_DEAD, so that states that cannot be told apart are one
 *     state. Of a list (has_append) what counts is whether it is the beginning of what is observed.
 *  3. Texts made by object_append lie inside of texts that were observed: they cost no memory. */
#include "internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const struct intern_text *text_of(const struct check *check, uint32_t number)
{
    assert(number < check->history->texts.count);
    return &check->history->texts.texts[number];
}

/* ---- what is observed ---- */

/* What an item shows to have been there, or NONE. */
static uint32_t observed_by(const struct item *item)
{
    switch (item->effect) {
    case EFFECT_READ:
        return item->value;
    case EFFECT_CAS:
    case EFFECT_MISMATCH:
        return item->expected;
    case EFFECT_WRITE:
    case EFFECT_APPEND:
    case EFFECT_ACQUIRE:
    case EFFECT_RELEASE:
        break;
    }
    return NONE;
}

/* Texts of which some may contain a piece. */
struct texts {
    const struct intern_text **items;
    uint32_t count;
};

static int texts_by_size(const void *left, const void *right)
{
    const struct intern_text *a = *(const struct intern_text *const *)left;
    const struct intern_text *b = *(const struct intern_text *const *)right;
    return (a->size < b->size) - (a->size > b->size);
}

/* What was observed of a list, less what is a beginning of another one that was. */
static void texts_collect(const struct check *check, const struct item *items, uint32_t count,
                          struct texts *out)
{
    out->items = history_zeroed(count, sizeof(const struct intern_text *));
    out->count = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t observed = observed_by(&items[i]);
        if (observed != NONE) {
            out->items[out->count++] = text_of(check, observed);
        }
    }
    qsort(out->items, out->count, sizeof(const struct intern_text *), texts_by_size);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < out->count; i++) {
        bool is_new = true;
        for (uint32_t j = 0; j < kept && is_new; j++) {
            is_new = memcmp(out->items[j]->bytes, out->items[i]->bytes, out->items[i]->size) != 0;
        }
        if (is_new) {
            out->items[kept++] = out->items[i];
        }
    }
    out->count = kept;
}

static bool texts_contain(struct check *check, const struct texts *texts, uint32_t value)
{
    const struct intern_text *part = text_of(check, value);
    for (uint32_t i = 0; i < texts->count && value != STATE_DEAD; i++) {
        const struct intern_text *text = texts->items[i];
        check->steps += 1 + text->size / 256;
        if (memmem(text->bytes, text->size, part->bytes, part->size) != NULL) {
            return true;
        }
    }
    return false;
}

/* Adds to the number of times that each value is observed. */
static void marks_add(struct check *check, const struct item *items, uint32_t count, int32_t step)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t observed = observed_by(&items[i]);
        if (observed != NONE) {
            check->marks[observed] += (uint32_t)step;
        }
    }
}

uint32_t *check_marks(struct check *check)
{
    uint32_t known = check->mark_count;
    uint32_t needed = check->history->texts.count;
    check->marks = history_room(check->marks, &check->mark_count, needed, sizeof check->marks[0]);
    if (check->mark_count > known) {
        memset(check->marks + known, 0, (check->mark_count - known) * sizeof check->marks[0]);
    }
    return check->marks;
}

uint32_t items_prune(struct check *check, const struct object *object, struct item *items,
                     uint32_t count)
{
    if (object->has_mismatch || object->is_mutex) {
        return count;
    }
    struct texts texts = {NULL, 0};
    uint32_t *marks = check_marks(check);
    if (object->has_append) {
        texts_collect(check, items, count, &texts);
    }
    for (uint32_t before = count + 1; count < before;) {
        uint32_t kept = 0;
        before = count;
        marks_add(check, items, count, 1);
        for (uint32_t i = 0; i < count; i++) {
            const struct item *item = &items[i];
            bool is_certain = item->to != NEVER && !item->is_optional;
            if (is_certain || marks[item->value] > 0 || texts_contain(check, &texts, item->value)) {
                items[kept++] = *item;
            } else {
                marks_add(check, item, 1, -1);
            }
        }
        marks_add(check, items, kept, -1);
        count = kept;
    }
    free((void *)texts.items);
    return count;
}

uint32_t items_without(struct check *check, const struct object *object, const struct item *items,
                       uint32_t count, uint32_t first, uint32_t end, struct item *out)
{
    struct texts texts = {NULL, 0};
    uint32_t *marks = check_marks(check);
    bool is_fixed = object->is_mutex; /* nothing that changes the state may go */
    uint32_t kept = 0;
    marks_add(check, items, count, 1);
    for (uint32_t i = 0; i < count; i++) {
        bool goes = i >= first && i < end && item_is_pure(&items[i]);
        if (goes) {
            marks_add(check, &items[i], 1, -1);
        } else {
            out[kept++] = items[i];
        }
        is_fixed = is_fixed || (!goes && items[i].effect == EFFECT_MISMATCH);
    }
    if (object->has_append) {
        texts_collect(check, out, kept, &texts);
    }
    kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        bool is_chosen = i >= first && i < end;
        bool is_pure = item_is_pure(&items[i]);
        bool stays = !is_chosen || (!is_pure && (is_fixed || marks[items[i].value] > 0 ||
                                                 texts_contain(check, &texts, items[i].value)));
        if (stays) {
            out[kept++] = items[i];
        } else if (!is_pure) {
            marks_add(check, &items[i], 1, -1);
        }
    }
    marks_add(check, out, kept, -1);
    free((void *)texts.items);
    return kept;
}

/* Values that nothing observes become one. */
static void values_merge(struct check *check, struct object *object)
{
    uint32_t *marks = check_marks(check);
    marks_add(check, object->items, object->count, 1);
    for (uint32_t i = 0; i < object->count; i++) {
        struct item *item = &object->items[i];
        bool writes = item->effect == EFFECT_WRITE || item->effect == EFFECT_CAS;
        if (writes && object->has_append) {
            item->value = object_append(check, object, STATE_ABSENT, item->value);
        } else if (writes && marks[item->value] == 0) {
            item->value = STATE_DEAD;
        }
    }
    marks_add(check, object->items, object->count, -1);
}

/* ---- lists ---- */

static int texts_compare(const void *left, const void *right)
{
    const struct intern_text *a = left;
    const struct intern_text *b = right;
    int order = memcmp(a->bytes, b->bytes, a->size < b->size ? a->size : b->size);
    return order != 0 ? order : (a->size > b->size) - (a->size < b->size);
}

static void observed_build(struct check *check, struct object *object)
{
    object->observed = history_zeroed(object->count, sizeof object->observed[0]);
    for (uint32_t i = 0; i < object->count; i++) {
        uint32_t observed = observed_by(&object->items[i]);
        if (observed != NONE && text_of(check, observed)->kind == (uint32_t)HISTORY_TEXT) {
            object->observed[object->observed_count++] = *text_of(check, observed);
        }
    }
    qsort(object->observed, object->observed_count, sizeof object->observed[0], texts_compare);
}

uint32_t object_append(struct check *check, const struct object *object, uint32_t state,
                       uint32_t piece)
{
    if (state == STATE_ANY || state == STATE_DEAD || piece == STATE_DEAD) {
        return state == STATE_ANY ? STATE_ANY : STATE_DEAD;
    }
    const struct intern_text *head = text_of(check, state);
    const struct intern_text *tail = text_of(check, piece);
    size_t size = head->size + tail->size;
    check->scratch = history_room(check->scratch, &check->scratch_capacity, size + 1, 1);
    memcpy(check->scratch, head->bytes, head->size);
    memcpy(check->scratch + head->size, tail->bytes, tail->size);
    check->steps += size / 64;
    const struct intern_text whole = {.bytes = check->scratch, .size = size};
    uint32_t low = 0;
    for (uint32_t high = object->observed_count; low < high;) {
        uint32_t middle = low + (high - low) / 2;
        if (texts_compare(&object->observed[middle], &whole) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    /* Whatever begins with the text is not before it, and comes directly behind it. */
    if (low == object->observed_count || object->observed[low].size < size ||
        memcmp(object->observed[low].bytes, whole.bytes, size) != 0) {
        return STATE_DEAD;
    }
    return intern_borrow(&check->history->texts, (uint32_t)HISTORY_TEXT,
                         object->observed[low].bytes, size);
}

/* ---- items ---- */

static enum effect effect_of(enum history_function function)
{
    switch (function) {
    case HISTORY_READ:
    case HISTORY_GET:
        return EFFECT_READ;
    case HISTORY_WRITE:
    case HISTORY_PUT:
        return EFFECT_WRITE;
    case HISTORY_CAS:
        return EFFECT_CAS;
    case HISTORY_APPEND:
        return EFFECT_APPEND;
    case HISTORY_ACQUIRE:
        return EFFECT_ACQUIRE;
    case HISTORY_RELEASE:
        return EFFECT_RELEASE;
    case HISTORY_FUNCTION_COUNT:
        break;
    }
    assert(!"not a function");
    return EFFECT_READ;
}

/* Adds what a record means to an object, if anything. */
static void item_add(const struct check *check, struct object *object, uint32_t operation)
{
    const struct record *record = &check->history->records[operation];
    struct item item = {.effect = effect_of(record->function),
                        .value = record->value,
                        .expected = record->expected,
                        .operation = operation};
    if (record->outcome == HISTORY_FAIL) {
        if (item.effect != EFFECT_CAS || check->rules->failed_cas_is_noop) {
            return;
        }
        item.effect = EFFECT_MISMATCH;
    } else if (item.effect == EFFECT_READ &&
               (record->outcome == HISTORY_UNKNOWN ||
                (record->value == STATE_ABSENT && check->rules->null_is_unknown))) {
        return;
    }
    /* A rank to come: only whether there is one counts here. */
    item.to = record->outcome == HISTORY_UNKNOWN ? NEVER : 0;
    object->has_append = object->has_append || item.effect == EFFECT_APPEND;
    object->has_write = object->has_write || item.effect == EFFECT_WRITE;
    object->has_mismatch = object->has_mismatch || item.effect == EFFECT_MISMATCH;
    object->has_cas = object->has_cas || item.effect == EFFECT_CAS || object->has_mismatch;
    object->is_mutex =
        object->is_mutex || item.effect == EFFECT_ACQUIRE || item.effect == EFFECT_RELEASE;
    object->items[object->count++] = item;
}

struct moment {
    uint64_t position;
    uint32_t item;
    bool is_invocation;
};

static int moments_compare(const void *left, const void *right)
{
    const struct moment *a = left;
    const struct moment *b = right;
    if (a->position != b->position) {
        return a->position < b->position ? -1 : 1;
    }
    if (a->is_invocation != b->is_invocation) {
        return a->is_invocation ? 1 : -1;
    }
    return (a->item > b->item) - (a->item < b->item);
}

static void ranks_set(const struct check *check, struct object *object)
{
    struct moment *moments = history_zeroed((size_t)object->count * 2, sizeof moments[0]);
    uint32_t count = 0;
    for (uint32_t i = 0; i < object->count; i++) {
        const struct record *record = &check->history->records[object->items[i].operation];
        moments[count++] = (struct moment){record->invoked, i, true};
        if (object->items[i].to != NEVER) {
            moments[count++] = (struct moment){record->completed, i, false};
        }
    }
    qsort(moments, count, sizeof moments[0], moments_compare);
    for (uint32_t i = 0; i < count; i++) {
        struct item *item = &object->items[moments[i].item];
        *(moments[i].is_invocation ? &item->from : &item->to) = i + 1;
    }
    object->rank_end = count + 1;
    free(moments);
}

static void object_finish(struct check *check, struct object *object)
{
    object->initial =
        object->is_mutex ? (uint32_t)STATE_FREE
        : check->rules->initial.kind == HISTORY_ABSENT
            ? (uint32_t)STATE_ABSENT
            : intern_copy(&check->history->texts, (uint32_t)check->rules->initial.kind,
                          check->rules->initial.bytes, check->rules->initial.size);
    object->count = items_prune(check, object, object->items, object->count);
    ranks_set(check, object);
    if (object->has_append) {
        observed_build(check, object);
    }
    if (!object->is_mutex) {
        values_merge(check, object);
    }
}

void objects_build(struct check *check)
{
    const struct history *history = check->history;
    uint32_t *numbers = history_zeroed(history->texts.count, sizeof numbers[0]); /* + 1 */
    uint32_t *sizes = history_zeroed(history->key_count, sizeof sizes[0]);
    check->objects = history_zeroed(history->key_count, sizeof check->objects[0]);
    for (uint32_t i = 0; i < history->count; i++) {
        uint32_t *number = &numbers[history->records[i].key];
        if (*number == 0) {
            *number = ++check->object_count;
            check->objects[*number - 1].key = history->records[i].key;
        }
        sizes[*number - 1]++;
    }
    assert(check->object_count == history->key_count);
    for (uint32_t i = 0; i < check->object_count; i++) {
        check->objects[i].items = history_zeroed(sizes[i], sizeof check->objects[i].items[0]);
    }
    for (uint32_t i = 0; i < history->count; i++) {
        item_add(check, &check->objects[numbers[history->records[i].key] - 1], i);
    }
    free(numbers);
    free(sizes);
    for (uint32_t i = 0; i < check->object_count; i++) {
        object_finish(check, &check->objects[i]);
    }
}

void objects_free(struct check *check)
{
    for (uint32_t i = 0; i < check->object_count; i++) {
        search_destroy(check->objects[i].search);
        free(check->objects[i].items);
        free(check->objects[i].observed);
    }
    free(check->objects);
    free(check->scratch);
    free(check->marks);
}
