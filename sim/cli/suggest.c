/* "Did you mean": the closest name by edit distance, where swapping two neighbours is one edit.
 *
 * 1. A name is suggested only if at most a third of the word is wrong, and never for a word of one
 *    letter. */
#include "options.h"

#include <assert.h>
#include <string.h>

#define WORD_MAX 32u

static size_t min_of(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Restricted Damerau-Levenshtein distance of two words shorter than WORD_MAX. */
static size_t distance(const char *a, const char *b)
{
    size_t rows = strlen(a);
    size_t columns = strlen(b);
    size_t table[WORD_MAX + 1][WORD_MAX + 1];
    assert(rows < WORD_MAX);
    assert(columns < WORD_MAX);
    for (size_t i = 0; i <= rows; i++) {
        for (size_t j = 0; j <= columns; j++) {
            if (i == 0 || j == 0) {
                table[i][j] = i + j;
                continue;
            }
            size_t replaced = table[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            size_t best = min_of(replaced, min_of(table[i - 1][j], table[i][j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                best = min_of(best, table[i - 2][j - 2] + 1);
            }
            table[i][j] = best;
        }
    }
    return table[rows][columns];
}

const char *cli_suggest(const char *word, const char *const *names, size_t count)
{
    size_t length = strlen(word);
    const char *best = NULL;
    size_t best_distance = length / 3 + 1;
    if (length < 2 || length >= WORD_MAX) {
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        if (strlen(names[i]) >= WORD_MAX) {
            continue;
        }
        size_t edits = distance(word, names[i]);
        if (edits < best_distance || (best == NULL && edits <= best_distance)) {
            best = names[i];
            best_distance = edits;
        }
    }
    return best;
}
