/* Lists whose pieces are all different: the longest read fixes the order, one sweep checks it.
 *
 * Terms. The longest read, less what was there at first, is a sequence of pieces. The *place* of
 * the append of its i-th piece (from 1) is 2i - 1, that of a read of the first i pieces is 2i, and
 * that of an append that the longest read does not contain is behind all of them.
 *
 * The object is linearizable if and only if
 *  1. every read is a beginning of the longest one, and ends where a piece ends;
 *  2. nothing begins after something with a greater place has completed.
 *
 * If the pieces leave a choice how the longest read is composed, this algorithm does not decide. */
#include "internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct list {
    struct check *check;
    const struct object *object;
    uint32_t longest; /* item; NONE: no read */
    size_t base;      /* bytes that were there at first */
    size_t *ends;     /* [pieces + 1]: where the first i pieces end in the longest read */
    uint32_t pieces;
    uint32_t *places; /* [items] */
    size_t *sizes;    /* that pieces have, each once, ascending */
    uint32_t size_count;
};

static const struct intern_text *text_of(const struct list *list, uint32_t number)
{
    return &list->check->history->texts.texts[number];
}

static const struct item *item_at(const struct list *list, uint32_t item)
{
    return &list->object->items[item];
}

static int sizes_compare(const void *left, const void *right)
{
    size_t a = *(const size_t *)left;
    size_t b = *(const size_t *)right;
    return (a > b) - (a < b);
}

/* False: pieces are not what the algorithm needs. marks[piece] is the number of its append, + 1. */
static bool pieces_collect(struct list *list, uint32_t *marks)
{
    const struct object *object = list->object;
    uint32_t count = 0;
    list->longest = NONE;
    for (uint32_t i = 0; i < object->count; i++) {
        const struct item *item = item_at(list, i);
        size_t size = text_of(list, item->value)->size;
        if (item->effect == EFFECT_READ) {
            bool is_longer = list->longest == NONE ||
                             size > text_of(list, item_at(list, list->longest)->value)->size;
            list->longest = is_longer ? i : list->longest;
        } else if (item->effect != EFFECT_APPEND || size == 0 || marks[item->value] != 0) {
            return false;
        } else {
            marks[item->value] = i + 1;
            list->sizes[count++] = size;
        }
    }
    qsort(list->sizes, count, sizeof list->sizes[0], sizes_compare);
    for (uint32_t i = 0; i < count; i++) {
        if (i == 0 || list->sizes[i] != list->sizes[list->size_count - 1]) {
            list->sizes[list->size_count++] = list->sizes[i];
        }
    }
    return list->size_count <= 64; /* each is tried at each place */
}

static void unwritten(struct list *list, uint32_t item)
{
    conflict_report(list->check, list->object, item_at(list, item), 1, list->object->initial,
                    "it read a list that is not made of pieces that were appended, each once");
}

enum parse { PARSE_DONE, PARSE_AMBIGUOUS, PARSE_BROKEN };

/* Decomposes the longest read. */
static enum parse parse(struct list *list, uint32_t *marks)
{
    const struct intern_text *whole = text_of(list, item_at(list, list->longest)->value);
    const struct intern_text *first = text_of(list, list->object->initial);
    if (whole->size < first->size || memcmp(whole->bytes, first->bytes, first->size) != 0) {
        return PARSE_BROKEN;
    }
    size_t at = list->base = first->size;
    list->ends[0] = at;
    while (at < whole->size) {
        uint32_t found = NONE;
        for (uint32_t i = 0; i < list->size_count && list->sizes[i] <= whole->size - at; i++) {
            uint32_t piece = intern_find(&list->check->history->texts, (uint32_t)HISTORY_TEXT,
                                         whole->bytes + at, list->sizes[i]);
            uint32_t append = piece == NONE ? 0 : marks[piece];
            if (append != 0 && list->places[append - 1] == 0 && found != NONE) {
                return PARSE_AMBIGUOUS;
            }
            found = append != 0 && list->places[append - 1] == 0 ? append - 1 : found;
        }
        if (found == NONE) {
            return PARSE_BROKEN;
        }
        at += text_of(list, item_at(list, found)->value)->size;
        list->ends[++list->pieces] = at;
        list->places[found] = 2 * list->pieces - 1;
    }
    return PARSE_DONE;
}

/* False: a read that does not fit the longest one, which is reported. */
static bool reads_place(struct list *list)
{
    const struct item *longest = item_at(list, list->longest);
    const char *whole = text_of(list, longest->value)->bytes;
    for (uint32_t i = 0; i < list->object->count; i++) {
        const struct item *item = item_at(list, i);
        const struct intern_text *text = text_of(list, item->value);
        if (item->effect == EFFECT_APPEND) {
            bool is_seen = list->places[i] != 0;
            list->places[i] = is_seen ? list->places[i] : 2 * list->pieces + 1;
            continue;
        }
        uint32_t low = 0;
        for (uint32_t high = list->pieces; low < high;) {
            uint32_t middle = low + (high - low) / 2;
            if (list->ends[middle] < text->size) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        list->places[i] = 2 * low;
        bool is_first = item->value == list->object->initial;
        bool is_beginning =
            list->ends[low] == text->size && memcmp(whole, text->bytes, text->size) == 0;
        if (low == 0 ? !is_first : !is_beginning) {
            struct item pair[2] = {*longest, *item};
            if (item->operation < longest->operation) {
                pair[0] = *item;
                pair[1] = *longest;
            }
            conflict_report(list->check, list->object, pair, i == list->longest ? 1 : 2,
                            list->object->initial,
                            "no list can grow so that both of these are read");
            return false;
        }
    }
    return true;
}

static bool are_appends(const struct list *list, uint32_t a, uint32_t b)
{
    return item_at(list, a)->effect == EFFECT_APPEND && item_at(list, b)->effect == EFFECT_APPEND;
}

/* The later one began after the earlier one had completed, and has the lesser place. */
static void inversion_report(struct list *list, uint32_t earlier, uint32_t later)
{
    struct item items[3] = {*item_at(list, earlier), *item_at(list, later)};
    uint32_t count = 2;
    bool needs_read = are_appends(list, earlier, later);
    uint32_t place = list->places[earlier];
    if (needs_read) {
        /* A read has to show the order: one that contains both, or the later one alone. */
        place = place > 2 * list->pieces ? list->places[later] : place;
        uint32_t read = 0;
        while (item_at(list, read)->effect != EFFECT_READ || list->places[read] < place) {
            read++;
        }
        uint32_t at = count++;
        for (; at > 0 && items[at - 1].operation > item_at(list, read)->operation; at--) {
            items[at] = items[at - 1];
        }
        items[at] = *item_at(list, read);
    }
    const char *why = needs_read ? "the list has the two pieces in the wrong order, or lacks the "
                                   "first one"
                      : items[0].effect == EFFECT_APPEND ? "the piece is missing in a later read"
                      : items[1].effect == EFFECT_APPEND
                          ? "the piece was read before its append began"
                          : "the list was shorter when it was read again";
    conflict_report(list->check, list->object, items, count, STATE_ANY, why);
}

static bool sweep(struct list *list)
{
    const struct object *object = list->object;
    uint32_t *completed = history_zeroed(object->rank_end, sizeof completed[0]); /* item + 1 */
    uint32_t greatest = NONE;
    uint32_t earlier = NONE; /* of the inversion that is explained best */
    uint32_t later = NONE;
    for (uint32_t i = 0; i < object->count; i++) {
        if (item_at(list, i)->to != NEVER) {
            completed[item_at(list, i)->to] = i + 1;
        }
    }
    uint32_t rank = 0;
    for (uint32_t i = 0; i < object->count; i++) {
        for (; rank < item_at(list, i)->from; rank++) {
            uint32_t item = completed[rank] - 1;
            if (completed[rank] != 0 &&
                (greatest == NONE || list->places[item] > list->places[greatest])) {
                greatest = item;
            }
        }
        bool is_inverted = greatest != NONE && list->places[greatest] > list->places[i];
        if (is_inverted && (earlier == NONE || (are_appends(list, earlier, later) &&
                                                !are_appends(list, greatest, i)))) {
            earlier = greatest;
            later = i;
        }
    }
    free(completed);
    if (earlier != NONE) {
        inversion_report(list, earlier, later);
    }
    return earlier == NONE;
}

/* False: not decided. */
static bool decide(struct list *list, uint32_t *marks, enum history_verdict *out_verdict)
{
    *out_verdict = HISTORY_LINEARIZABLE;
    bool is_fit = pieces_collect(list, marks);
    if (!is_fit || list->longest == NONE) {
        return is_fit;
    }
    enum parse parsed = parse(list, marks);
    if (parsed == PARSE_AMBIGUOUS) {
        return false;
    }
    if (parsed == PARSE_BROKEN) {
        unwritten(list, list->longest);
        *out_verdict = HISTORY_VIOLATION;
    } else if (!reads_place(list) || !sweep(list)) {
        *out_verdict = HISTORY_VIOLATION;
    }
    return true;
}

bool append_decide(struct check *check, struct object *object, enum history_verdict *out_verdict)
{
    if (!object->has_append || object->has_cas || object->is_mutex) {
        return false;
    }
    struct list list = {.check = check, .object = object};
    list.places = history_zeroed(object->count, sizeof list.places[0]);
    list.sizes = history_zeroed(object->count, sizeof list.sizes[0]);
    list.ends = history_zeroed((size_t)object->count + 1, sizeof list.ends[0]);
    uint32_t *marks = check_marks(check);
    bool is_decided = decide(&list, marks, out_verdict);
    for (uint32_t i = 0; i < object->count; i++) {
        marks[object->items[i].value] = 0;
    }
    check->steps += object->count;
    free(list.places);
    free(list.sizes);
    free(list.ends);
    return is_decided;
}
