/* The catalogue of scenarios, and the parameter sets they run with.
 *
 * A *variant* is one parameter set of a scenario, as text. Files are read once, whole, and live
 * until the catalogue is released; workers inherit them with the fork.
 *
 * 1. Scenarios stand in the order of the arguments; those of a directory in order of file name.
 * 2. Every scenario has at least one variant, and no two equal ones after an override. */
#include "catalogue.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_SIZE_MAX  ((long)1 << 20)
#define PROFILE_SEEDS  100u
#define PROFILE_WALL_S 60u

void sim_catalogue_init(struct sim_catalogue *catalogue)
{
    *catalogue = (struct sim_catalogue){0};
}

void sim_catalogue_release(struct sim_catalogue *catalogue)
{
    for (uint32_t i = 0; i < catalogue->count; i++) {
        free(catalogue->scenarios[i].variants);
    }
    free(catalogue->scenarios);
    for (struct sim_catalogue_file *file = catalogue->files; file != NULL;) {
        struct sim_catalogue_file *next = file->next;
        free(file->name);
        free(file->text);
        free(file);
        file = next;
    }
    sim_catalogue_init(catalogue);
}

/* The whole of a file, malloc'd and terminated. */
static char *text_read(const char *path, char *error, size_t error_size)
{
    char *text = NULL;
    char *result = NULL;
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        snprintf(error, error_size, "%s: %s", path, strerror(errno));
        goto out;
    }
    if (fseek(file, 0, SEEK_END) != 0) {
        snprintf(error, error_size, "%s: %s", path, strerror(errno));
        goto out;
    }
    long size = ftell(file);
    if (size < 0 || size > FILE_SIZE_MAX) {
        snprintf(error, error_size, "%s: not a scenario file: larger than %ld bytes", path,
                 FILE_SIZE_MAX);
        goto out;
    }
    rewind(file);
    text = malloc((size_t)size + 1);
    if (text == NULL || fread(text, 1, (size_t)size, file) != (size_t)size) {
        snprintf(error, error_size, "%s: cannot be read", path);
        goto out;
    }
    text[size] = '\0';
    result = text;
    text = NULL;
out:
    free(text);
    if (file != NULL) {
        fclose(file);
    }
    return result;
}

/* Takes text. */
static struct sim_catalogue_file *file_new(struct sim_catalogue *catalogue, const char *name,
                                           char *text)
{
    struct sim_catalogue_file *file = calloc(1, sizeof *file);
    char *copy = strdup(name);
    if (file == NULL || copy == NULL) {
        free(file);
        free(copy);
        free(text);
        return NULL;
    }
    file->name = copy;
    file->text = text;
    file->source.file = copy;
    file->source.text = text;
    file->source.size = strlen(text);
    file->next = catalogue->files;
    catalogue->files = file;
    return file;
}

struct visit {
    struct sim_catalogue *catalogue;
    const struct sim_scenario_source *source;
    const char *wanted; /* only this scenario; NULL: all */
    uint32_t added;
    bool failed;
    char names[SIM_TEXT_MAX]; /* of all, for a message */
};

static bool scenario_visit(void *visitor, const struct sim_scenario_info *info)
{
    struct visit *visit = visitor;
    struct sim_catalogue *catalogue = visit->catalogue;
    assert(info->variant_count > 0);
    assert(info->variants != NULL);
    size_t used = strlen(visit->names);
    snprintf(visit->names + used, sizeof visit->names - used, "%s%s", used == 0 ? "" : ", ",
             info->name);
    if (visit->wanted != NULL && strcmp(visit->wanted, info->name) != 0) {
        return true;
    }
    if (catalogue->count == catalogue->capacity) {
        uint32_t capacity = catalogue->capacity == 0 ? 16 : catalogue->capacity * 2;
        struct sim_catalogue_scenario *scenarios =
            realloc(catalogue->scenarios, capacity * sizeof *scenarios);
        if (scenarios == NULL) {
            visit->failed = true;
            return false;
        }
        catalogue->scenarios = scenarios;
        catalogue->capacity = capacity;
    }
    char(*variants)[SIM_TEXT_MAX] = malloc(info->variant_count * sizeof *variants);
    if (variants == NULL) {
        visit->failed = true;
        return false;
    }
    memcpy(variants, info->variants, info->variant_count * sizeof *variants);
    struct sim_catalogue_scenario *scenario = &catalogue->scenarios[catalogue->count++];
    *scenario = (struct sim_catalogue_scenario){
        .source = visit->source,
        .info = *info,
        .variants = variants,
        .variant_count = info->variant_count,
    };
    scenario->info.variants = NULL;
    visit->added++;
    return true;
}

/* Lists a file's scenarios into the catalogue. */
static enum sim_catalogue_status file_list(struct sim_catalogue *catalogue, struct arena *arena,
                                           const struct sut_ops *sut,
                                           const struct sim_catalogue_file *file,
                                           const char *wanted, char *error, size_t error_size)
{
    struct visit visit = {.catalogue = catalogue, .source = &file->source, .wanted = wanted};
    if (!sim_script_list(arena, sut, &file->source, scenario_visit, &visit, error, error_size)) {
        return SIM_CATALOGUE_BROKEN;
    }
    if (visit.failed) {
        snprintf(error, error_size, "%s: out of memory", file->name);
        return SIM_CATALOGUE_MISSING;
    }
    if (visit.added == 0 && wanted != NULL) {
        snprintf(error, error_size, "%s: there is no scenario '%s'; it has: %s", file->name, wanted,
                 visit.names[0] == '\0' ? "none" : visit.names);
        return SIM_CATALOGUE_MISSING;
    }
    if (visit.added == 0) {
        snprintf(error, error_size, "%s: declares no scenario", file->name);
        return SIM_CATALOGUE_BROKEN;
    }
    return SIM_CATALOGUE_OK;
}

static enum sim_catalogue_status path_add(struct sim_catalogue *catalogue, struct arena *arena,
                                          const struct sut_ops *sut, const char *path,
                                          const char *wanted, char *error, size_t error_size)
{
    char *text = text_read(path, error, error_size);
    if (text == NULL) {
        return SIM_CATALOGUE_MISSING;
    }
    const struct sim_catalogue_file *file = file_new(catalogue, path, text);
    if (file == NULL) {
        snprintf(error, error_size, "%s: out of memory", path);
        return SIM_CATALOGUE_MISSING;
    }
    return file_list(catalogue, arena, sut, file, wanted, error, error_size);
}

enum sim_catalogue_status sim_catalogue_add_text(struct sim_catalogue *catalogue,
                                                 struct arena *arena, const struct sut_ops *sut,
                                                 const char *file, const char *text,
                                                 const char *name, char *error, size_t error_size)
{
    char *copy = strdup(text);
    const struct sim_catalogue_file *added = copy == NULL ? NULL : file_new(catalogue, file, copy);
    if (added == NULL) {
        snprintf(error, error_size, "%s: out of memory", file);
        return SIM_CATALOGUE_MISSING;
    }
    return file_list(catalogue, arena, sut, added, name, error, error_size);
}

enum sim_catalogue_status sim_catalogue_add_profile(struct sim_catalogue *catalogue,
                                                    enum sim_profile_kind profile, char *error,
                                                    size_t error_size)
{
    char no_parameters[1][SIM_TEXT_MAX] = {""};
    struct sim_scenario_info info = {.seed_limit = PROFILE_SEEDS,
                                     .budget_wall_s = PROFILE_WALL_S,
                                     .variant_count = 1,
                                     .variants = no_parameters};
    const char *name = sim_profile_scenario(profile);
    char *text = strdup(sim_profile_doc(profile));
    const struct sim_catalogue_file *file = text == NULL ? NULL : file_new(catalogue, name, text);
    snprintf(info.name, sizeof info.name, "%s", name);
    snprintf(info.doc, sizeof info.doc, "%s", sim_profile_doc(profile));
    snprintf(info.tags, sizeof info.tags, "profile");
    struct visit visit = {.catalogue = catalogue};
    if (file != NULL) {
        visit.source = &file->source;
        scenario_visit(&visit, &info);
    }
    if (visit.added == 0) {
        snprintf(error, error_size, "out of memory");
        return SIM_CATALOGUE_MISSING;
    }
    catalogue->scenarios[catalogue->count - 1].profile = profile;
    return SIM_CATALOGUE_OK;
}

static int is_script(const struct dirent *entry)
{
    size_t length = strlen(entry->d_name);
    return entry->d_name[0] != '.' && length > 4 && strcmp(entry->d_name + length - 4, ".lua") == 0;
}

/* The order of bytes, whatever the locale. */
static int name_compare(const struct dirent **left, const struct dirent **right)
{
    return strcmp((*left)->d_name, (*right)->d_name);
}

static enum sim_catalogue_status directory_add(struct sim_catalogue *catalogue, struct arena *arena,
                                               const struct sut_ops *sut, const char *directory,
                                               char *error, size_t error_size)
{
    enum sim_catalogue_status status = SIM_CATALOGUE_OK;
    struct dirent **entries = NULL;
    int count = scandir(directory, &entries, is_script, name_compare);
    if (count <= 0) {
        snprintf(error, error_size, "%s: %s", directory,
                 count < 0 ? strerror(errno) : "no *.lua file in this directory");
        status = SIM_CATALOGUE_MISSING;
    }
    size_t length = strlen(directory);
    const char *slash = length > 0 && directory[length - 1] == '/' ? "" : "/";
    for (int i = 0; i < count; i++) {
        char path[4096];
        int written = snprintf(path, sizeof path, "%s%s%s", directory, slash, entries[i]->d_name);
        if (status == SIM_CATALOGUE_OK) {
            assert(written > 0 && (size_t)written < sizeof path);
            status = path_add(catalogue, arena, sut, path, NULL, error, error_size);
        }
        free(entries[i]);
    }
    free(entries);
    return status;
}

enum sim_catalogue_status sim_catalogue_add(struct sim_catalogue *catalogue, struct arena *arena,
                                            const struct sut_ops *sut, const char *argument,
                                            char *error, size_t error_size)
{
    struct stat status;
    if (stat(argument, &status) == 0) {
        if (S_ISDIR(status.st_mode)) {
            return directory_add(catalogue, arena, sut, argument, error, error_size);
        }
        return path_add(catalogue, arena, sut, argument, NULL, error, error_size);
    }
    const char *colon = strrchr(argument, ':');
    if (colon != NULL && colon != argument && colon[1] != '\0') {
        char path[4096];
        snprintf(path, sizeof path, "%.*s", (int)(colon - argument), argument);
        return path_add(catalogue, arena, sut, path, colon + 1, error, error_size);
    }
    char guess[4096];
    snprintf(guess, sizeof guess, "scenarios/%s.lua", argument);
    bool found = stat(guess, &status) == 0;
    snprintf(error, error_size,
             "%s: no such file or directory%s%s%s; give a .lua file, a directory of them, or "
             "FILE:NAME",
             argument, found ? " (did you mean " : "", found ? guess : "", found ? "?)" : "");
    return SIM_CATALOGUE_MISSING;
}

void sim_catalogue_keep_tag(struct sim_catalogue *catalogue, const char *tag)
{
    uint32_t kept = 0;
    size_t length = strlen(tag);
    for (uint32_t i = 0; i < catalogue->count; i++) {
        const char *at = catalogue->scenarios[i].info.tags;
        bool has = false;
        while (!has && *at != '\0') {
            size_t word = strcspn(at, " ");
            has = word == length && memcmp(at, tag, word) == 0;
            at += word;
            at += strspn(at, " ");
        }
        if (has) {
            catalogue->scenarios[kept++] = catalogue->scenarios[i];
        } else {
            free(catalogue->scenarios[i].variants);
        }
    }
    catalogue->count = kept;
}

/* Length of a parameter's name in "name=value name=value". */
static size_t name_length(const char *parameter)
{
    return strcspn(parameter, "= ");
}

/* The value that is set last for a name, or NULL; *out_length is that of the whole pair. */
static const char *pair_find(const char *parameters, const char *name, size_t length,
                             size_t *out_length)
{
    const char *found = NULL;
    for (const char *at = parameters; *at != '\0';) {
        size_t pair = strcspn(at, " ");
        if (name_length(at) == length && memcmp(at, name, length) == 0) {
            found = at;
            *out_length = pair;
        }
        at += pair;
        at += strspn(at, " ");
    }
    return found;
}

static bool pair_append(char *out, size_t out_size, const char *pair, size_t length)
{
    size_t used = strlen(out);
    int written =
        snprintf(out + used, out_size - used, "%s%.*s", used == 0 ? "" : " ", (int)length, pair);
    return written >= 0 && (size_t)written < out_size - used;
}

bool sim_parameters_merge(const char *base, const char *overrides, char *out, size_t out_size)
{
    assert(out_size > 0);
    assert(out != base && out != overrides);
    out[0] = '\0';
    const char *lists[2] = {base, overrides};
    for (uint32_t i = 0; i < 2; i++) {
        for (const char *at = lists[i]; *at != '\0';) {
            size_t pair = strcspn(at, " ");
            size_t ignored = 0;
            size_t length = pair;
            const char *value = pair_find(overrides, at, name_length(at), &length);
            if (pair_find(out, at, name_length(at), &ignored) == NULL &&
                !pair_append(out, out_size, value == NULL ? at : value, length)) {
                return false;
            }
            at += pair;
            at += strspn(at, " ");
        }
    }
    return true;
}

bool sim_catalogue_override(struct sim_catalogue *catalogue, const char *parameters)
{
    if (parameters[0] == '\0') {
        return true;
    }
    for (uint32_t i = 0; i < catalogue->count; i++) {
        struct sim_catalogue_scenario *scenario = &catalogue->scenarios[i];
        uint32_t kept = 0;
        for (uint32_t k = 0; k < scenario->variant_count; k++) {
            char merged[SIM_TEXT_MAX] = "";
            if (!sim_parameters_merge(scenario->variants[k], parameters, merged, sizeof merged)) {
                return false;
            }
            bool is_new = true;
            for (uint32_t j = 0; j < kept && is_new; j++) {
                is_new = strcmp(scenario->variants[j], merged) != 0;
            }
            if (is_new) {
                memcpy(scenario->variants[kept++], merged, sizeof merged);
            }
        }
        assert(kept > 0);
        scenario->variant_count = kept;
    }
    return true;
}
