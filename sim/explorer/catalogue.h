/* The catalogue: the scenarios that a command line names, read once and kept for all workers.
 *
 * An argument is a file, a directory (all its *.lua files in order of name, no subfolders) or
 * FILE:NAME for one scenario of a file. */
#ifndef SIM_EXPLORER_CATALOGUE_H
#define SIM_EXPLORER_CATALOGUE_H

#include <sim/arena.h>
#include <sim/profile.h>
#include <sim/script.h>

enum sim_catalogue_status {
    SIM_CATALOGUE_OK,
    SIM_CATALOGUE_MISSING, /* no such file, directory or scenario: the command line is wrong */
    SIM_CATALOGUE_BROKEN,  /* the file is not a scenario file: the script is wrong */
};

struct sim_catalogue_file {
    struct sim_catalogue_file *next;
    char *name;
    char *text;
    struct sim_scenario_source source; /* of the two above */
};

struct sim_catalogue_scenario {
    const struct sim_scenario_source *source;
    enum sim_profile_kind profile;  /* NONE: a scenario of the source, which is a script */
    struct sim_scenario_info info;  /* its variants are NULL; they are copied here: */
    char (*variants)[SIM_TEXT_MAX]; /* parameter sets, at least one */
    uint32_t variant_count;
};

struct sim_catalogue {
    struct sim_catalogue_file *files;
    struct sim_catalogue_scenario *scenarios;
    uint32_t count;
    uint32_t capacity;
};

void sim_catalogue_init(struct sim_catalogue *catalogue);
void sim_catalogue_release(struct sim_catalogue *catalogue);
/* Adds what an argument names. Resets the arena. A message in error unless it returns OK. */
enum sim_catalogue_status sim_catalogue_add(struct sim_catalogue *catalogue, struct arena *arena,
                                            const struct sut_ops *sut, const char *argument,
                                            char *error, size_t error_size);
/* Adds one scenario of a text that is already at hand; copies it. */
enum sim_catalogue_status sim_catalogue_add_text(struct sim_catalogue *catalogue,
                                                 struct arena *arena, const struct sut_ops *sut,
                                                 const char *file, const char *text,
                                                 const char *name, char *error, size_t error_size);
/* Adds a profile; its source is a name and a sentence. A message in error unless it returns OK. */
enum sim_catalogue_status sim_catalogue_add_profile(struct sim_catalogue *catalogue,
                                                    enum sim_profile_kind profile, char *error,
                                                    size_t error_size);
/* Keeps only the scenarios with this tag. */
void sim_catalogue_keep_tag(struct sim_catalogue *catalogue, const char *tag);
/* Overrides parameters ("name=value name=value") in every variant; variants that have become equal
 * are one. False if a text is too long. */
bool sim_catalogue_override(struct sim_catalogue *catalogue, const char *parameters);

/* base with the values of overrides put over it: replaced in place, new names at the end. False if
 * it does not fit. */
bool sim_parameters_merge(const char *base, const char *overrides, char *out, size_t out_size);

#endif
