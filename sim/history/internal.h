/* What the parts of the checker share. */
#ifndef SIM_HISTORY_INTERNAL_H
#define SIM_HISTORY_INTERNAL_H

#include "intern.h"

#define NONE  UINT32_MAX
#define NEVER UINT32_MAX /* a rank */

/* Numbers of texts that are in every history, as states of an object. */
enum {
    STATE_ABSENT,
    STATE_ANY,  /* not known: whatever is read first */
    STATE_DEAD, /* a value that nothing observes, and nothing that it is a beginning of */
    STATE_FREE, /* of a mutex */
    STATE_HELD,
    STATE_COUNT
};

struct record { /* an operation as it was given; texts by number */
    enum history_function function;
    enum history_outcome outcome;
    uint32_t key;
    uint32_t value;
    uint32_t expected;
    uint64_t process;
    uint64_t invoked, completed;
};

struct history {
    struct intern texts;
    struct record *records;
    uint32_t count;
    uint32_t capacity;
    uint32_t key_count;
    uint8_t *is_key; /* [texts], as far as it goes */
    uint32_t is_key_capacity;
    bool has_mutex;
};

enum effect {
    EFFECT_READ,
    EFFECT_WRITE,
    EFFECT_CAS,
    EFFECT_MISMATCH, /* a cas that found another value than it expected */
    EFFECT_APPEND,
    EFFECT_ACQUIRE,
    EFFECT_RELEASE
};

struct item { /* an operation that matters, in order of `from` */
    enum effect effect;
    uint32_t value;
    uint32_t expected;
    uint32_t from, to; /* ranks among the events of the object, from 1; to NEVER: unknown outcome */
    bool is_optional;  /* takes effect before `to`, or not at all */
    uint32_t operation;
};

static inline bool item_is_pure(const struct item *item)
{
    return item->effect == EFFECT_READ || item->effect == EFFECT_MISMATCH;
}

struct object {
    uint32_t key;
    bool is_mutex;
    bool is_open; /* not decided yet */
    bool has_append;
    bool has_write;
    bool has_cas; /* or a mismatch */
    bool has_mismatch;
    uint32_t initial;
    struct item *items;
    uint32_t count;
    uint32_t rank_end;            /* ranks are below it */
    struct intern_text *observed; /* has_append: what is observed, in the order of its bytes */
    uint32_t observed_count;
    struct search *search;
};

struct check {
    struct history *history;
    const struct history_rules *rules;
    struct history_report *report;
    struct object *objects;
    uint32_t object_count;
    uint64_t steps;            /* done */
    uint64_t steps_explaining; /* that may still be spent on a shorter explanation */
    size_t memory;             /* that the searches keep */
    size_t memory_max;
    char *scratch; /* of a concatenation */
    uint32_t scratch_capacity;
    uint32_t *marks; /* [texts]: private to a function, 0 between */
    uint32_t mark_count;
};

/* object.c */
void objects_build(struct check *check);
void objects_free(struct check *check);
/* A number for each text, 0; whoever sets some puts them back. */
uint32_t *check_marks(struct check *check);
/* Leaves out pending operations of which nothing was seen. Returns the new count. */
uint32_t items_prune(struct check *check, const struct object *object, struct item *items,
                     uint32_t count);
/* Copies items to out, but for those of [first, end) that can go without making an order harder to
 * find: what changes nothing, and what wrote a value that nobody else observes. */
uint32_t items_without(struct check *check, const struct object *object, const struct item *items,
                       uint32_t count, uint32_t first, uint32_t end, struct item *out);
/* A text that is another one with a piece behind it, or STATE_DEAD. */
uint32_t object_append(struct check *check, const struct object *object, uint32_t state,
                       uint32_t piece);

/* zone.c, append.c: whether the algorithm decided the object. VIOLATION: report is filled in. */
bool zone_decide(struct check *check, struct object *object, enum history_verdict *out_verdict);
bool append_decide(struct check *check, struct object *object, enum history_verdict *out_verdict);

/* search.c */
struct search;
struct search *search_create(struct check *check, const struct object *object,
                             const struct item *items, uint32_t count, uint32_t initial);
void search_destroy(struct search *search); /* NULL is nothing */
/* Goes on for so many steps. UNDECIDED: not yet. */
enum history_verdict search_run(struct search *search, uint64_t steps);
/* After VIOLATION: the rank of the first completion up to which no order exists. */
uint32_t search_deepest(const struct search *search);
/* All of it at once, within so many steps. */
enum history_verdict search_decide(struct check *check, const struct object *object,
                                   const struct item *items, uint32_t count, uint32_t initial,
                                   uint64_t steps);

/* explain.c */
/* Reports items as a conflict. */
void conflict_report(struct check *check, const struct object *object, const struct item *items,
                     uint32_t count, uint32_t initial, const char *why);
/* Reports a violation of which a few items are known that contradict each other. */
void conflict_shrink(struct check *check, const struct object *object, struct item *items,
                     uint32_t count);
/* Reports a violation found by a search over the items of an object. */
void conflict_find(struct check *check, const struct object *object, uint32_t rank_end);

#endif
