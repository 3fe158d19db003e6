/* Texts by number: equal texts of one kind have the same number. */
#ifndef SIM_HISTORY_INTERN_H
#define SIM_HISTORY_INTERN_H

#include "history.h"

struct intern_text {
    const char *bytes;
    size_t size;
    uint32_t kind; /* enum history_kind, or INTERN_MARK */
};

#define INTERN_MARK 3u /* a kind of text that no history contains */

struct intern_chunk;

struct intern {
    struct intern_text *texts;
    uint32_t count;
    uint32_t capacity;
    uint32_t *table; /* number + 1, or 0 */
    uint32_t table_size;
    struct intern_chunk *chunks;
};

void intern_free(struct intern *intern);
/* The number of a text, which is copied. */
uint32_t intern_copy(struct intern *intern, uint32_t kind, const char *bytes, size_t size);
/* The number of a text that lives as long as the intern. */
uint32_t intern_borrow(struct intern *intern, uint32_t kind, const char *bytes, size_t size);

/* The number of a text, or UINT32_MAX. */
uint32_t intern_find(const struct intern *intern, uint32_t kind, const char *bytes, size_t size);

/* Memory, or the end of the process. */
void *history_zeroed(size_t count, size_t size);
/* Makes room for needed items; what is new is not initialised. */
void *history_room(void *items, uint32_t *capacity, size_t needed, size_t item_size);

#endif
