/* Where the marked blocks of the code under test are: registers them with the store.
 *
 * The compiler gives addresses; binutils' addr2line makes places of them, once a campaign. A block
 * may begin with instructions of no line (line 0): then those behind it are asked, a few bytes at a
 * time. Places of this source tree are told relative to it, with the text of the line.
 *
 * Without addr2line, or without its answer, the campaign goes on and does not count blocks. */
#include "child.h"
#include "recorder.h"

#include <assert.h>
#include <dlfcn.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STEP_BYTES 3u /* from an instruction without a line to one with */
#define STEPS_MAX  16u
#define LINE_MAX   1024

struct block {
    uintptr_t address; /* in the file of the object */
    char *function;
    char *file;
    uint64_t line; /* 0: not known yet */
};

/* The line of text that a stream has next, without its end; false if there is none. */
static bool line_read(FILE *in, char *line)
{
    if (fgets(line, LINE_MAX, in) == NULL) {
        return false;
    }
    line[strcspn(line, "\n")] = '\0';
    return true;
}

/* Takes the place of a block from two lines: "function", "/file:12 (discriminator 3)". */
static bool place_read(FILE *in, struct block *block)
{
    char function[LINE_MAX];
    char place[LINE_MAX];
    if (!line_read(in, function) || !line_read(in, place)) {
        return false;
    }
    char *colon = strrchr(place, ':');
    if (colon == NULL) {
        return false;
    }
    *colon = '\0';
    uint64_t line = strtoull(colon + 1, NULL, 10);
    if (line == 0 && block->file != NULL) {
        return true; /* no better than before */
    }
    free(block->function);
    free(block->file);
    block->function = strdup(function);
    block->file = strdup(place);
    block->line = line;
    return block->function != NULL && block->file != NULL;
}

/* Asks for the blocks without a line, step bytes behind their beginning. */
static bool places_ask(const char *object, struct block *blocks, uint32_t count, uint32_t step)
{
    bool answered = false;
    uint32_t open = 0;
    char(*words)[24] = calloc(count, sizeof *words);
    char **arguments = calloc((size_t)count + 5, sizeof *arguments);
    FILE *in = NULL;
    pid_t child = -1;
    if (words == NULL || arguments == NULL) {
        goto out;
    }
    arguments[0] = "addr2line";
    arguments[1] = "-f";
    arguments[2] = "-e";
    arguments[3] = (char *)(uintptr_t)object;
    for (uint32_t i = 0; i < count; i++) {
        if (blocks[i].line == 0) {
            snprintf(words[open], sizeof words[open], "0x%llx",
                     (unsigned long long)blocks[i].address + step);
            arguments[4 + open] = words[open];
            open++;
        }
    }
    if (open == 0) {
        answered = true; /* without a question it would wait for one from the terminal */
        goto out;
    }
    in = cli_child_start(arguments, &child);
    answered = in != NULL;
    for (uint32_t i = 0; i < count && answered; i++) {
        answered = blocks[i].line != 0 || place_read(in, &blocks[i]);
    }
    if (in != NULL) {
        answered = cli_child_end(in, child) && answered;
    }
out:
    free(words);
    free(arguments);
    return answered;
}

/* The text of a line of a file, without what surrounds it; empty if it cannot be read. */
static void source_read(const char *path, uint64_t number, char *text)
{
    FILE *file = fopen(path, "r");
    char line[LINE_MAX] = "";
    bool more = file != NULL;
    for (uint64_t i = 0; i < number && more; i++) {
        more = line_read(file, line);
    }
    if (file != NULL) {
        fclose(file);
    }
    snprintf(text, LINE_MAX, "%s", more ? line + strspn(line, " \t") : "");
}

static int place_compare(const void *left, const void *right)
{
    const struct block *a = *(const struct block *const *)left;
    const struct block *b = *(const struct block *const *)right;
    int order = strcmp(a->file, b->file);
    if (order == 0) {
        order = a->line < b->line ? -1 : a->line > b->line;
    }
    if (order == 0) {
        order = strcmp(a->function, b->function);
    }
    return order != 0 ? order : a < b ? -1 : a > b;
}

static bool same_place(const struct block *a, const struct block *b)
{
    return a->line == b->line && strcmp(a->file, b->file) == 0 &&
           strcmp(a->function, b->function) == 0;
}

/* Hands the places to the store, with numbers among those of a line. */
static bool places_store(struct store *store, struct block *blocks, uint32_t count)
{
    size_t root = strlen(SQUALL_SOURCE);
    uint64_t ordinal = 0;
    bool stored = true;
    const struct block **sorted = calloc(count, sizeof *sorted);
    for (uint32_t i = 0; i < count && sorted != NULL; i++) {
        sorted[i] = &blocks[i];
    }
    if (sorted == NULL) {
        return false;
    }
    qsort(sorted, count, sizeof *sorted, place_compare);
    for (uint32_t i = 0; i < count && stored; i++) {
        const struct block *block = sorted[i];
        char source[LINE_MAX];
        bool is_own = strncmp(block->file, SQUALL_SOURCE, root) == 0;
        ordinal = i > 0 && same_place(sorted[i - 1], block) ? ordinal + 1 : 0;
        source_read(block->file, block->line, source);
        const struct store_place place = {
            .file = is_own ? block->file + root : block->file,
            .line = block->line,
            .function = block->function,
            .ordinal = ordinal,
            .source = source,
        };
        stored = store_add_edge(store, (uint32_t)(block - blocks), &place);
    }
    free(sorted);
    return stored;
}

bool cli_edges_register(struct cli_recorder *recorder)
{
    const struct sut_ops *sut = recorder->sut;
    struct sut_edges edges = {0};
    Dl_info object = {0};
    struct link_map *map = NULL;
    char path[4096] = "";
    bool known = true;
    bool stored = true;
    if (sut->edges != NULL) {
        edges = sut->edges();
    }
    if (edges.count == 0) {
        return true;
    }
    struct block *blocks = calloc(edges.count, sizeof *blocks);
    if (blocks == NULL ||
        dladdr1((const void *)edges.blocks[0], &object, (void **)&map, RTLD_DL_LINKMAP) == 0) {
        known = false;
        goto out;
    }
    /* The program's own name in the map is empty. */
    ssize_t length = map->l_name[0] != '\0' ? snprintf(path, sizeof path, "%s", map->l_name)
                                            : readlink("/proc/self/exe", path, sizeof path - 1);
    for (uint32_t i = 0; i < edges.count; i++) {
        blocks[i].address = edges.blocks[2 * (size_t)i] - (uintptr_t)map->l_addr;
    }
    known = length > 0;
    for (uint32_t step = 0; step < STEPS_MAX && known; step++) {
        known = places_ask(path, blocks, edges.count, step * STEP_BYTES);
    }
out:
    if (known) {
        stored = places_store(recorder->store, blocks, edges.count);
    } else {
        fprintf(stderr, "squall: blocks of code are not counted: addr2line does not say where they "
                        "are\n");
    }
    for (uint32_t i = 0; blocks != NULL && i < edges.count; i++) {
        free(blocks[i].function);
        free(blocks[i].file);
    }
    free(blocks);
    return stored;
}
