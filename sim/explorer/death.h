/* Deaths: what a worker's end says about the run it was in. */
#ifndef SIM_EXPLORER_DEATH_H
#define SIM_EXPLORER_DEATH_H

#include "wire.h"

#define SIM_LAST_WORDS_MAX 16384u

/* The end of what a worker wrote to standard error. */
struct sim_last_words {
    char bytes[SIM_LAST_WORDS_MAX];
    size_t used;
};

struct sim_death {
    int status;    /* as waitpid gives it */
    bool is_stuck; /* the parent killed it because it took too long */
    uint32_t wall_s;
};

void sim_last_words_add(struct sim_last_words *words, const char *bytes, size_t size);
/* The line that tells most: an assertion, a sanitizer's summary, or the last one. */
void sim_last_words_line(const struct sim_last_words *words, char *line, size_t line_size);
/* The execution and the finding that stand for a run whose worker died; all but the scenario's name
 * and parameters, which the caller fills in. */
void sim_death_describe(const struct sim_death *death, const struct sim_last_words *words,
                        const struct sim_page *page, struct sim_execution *out_execution,
                        struct sim_finding *out_finding);
/* The place in the code that a line names, "core/log/log.c:123"; false if there is none. */
bool sim_place_find(const char *line, char *place, size_t place_size);

#endif
