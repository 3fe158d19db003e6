/* The store: one SQLite file per campaign, the tool's public output.
 *
 * One writer. Rows are what sim/record.h says; ids that people see are content hashes below 2^53.
 * Rows are written in large transactions; store_flush ends one, so that a killed campaign loses at
 * most what came since. Every function that can fail returns false and leaves a message. */
#ifndef REPORTS_STORE_H
#define REPORTS_STORE_H

#include <raft/points.h>
#include <sim/record.h>

struct store;

struct store_build {
    const char *sut;      /* name of the implementation under test */
    const char *sut_file; /* of --sut, or "" */
    const char *compiler; /* "gcc 12.2.0", … */
    const char *flags;
    const char *build_id; /* hash of the executable's own build id, as text */
};

/* Opens or creates a campaign's file. NULL with a message in error: not a database, of another
 * application, newer than the tool, not writable. A file of an older schema is migrated. */
struct store *store_open(const char *path, bool read_only, char *error, size_t error_size);
/* Flushes, optimises, checkpoints; leaves one plain file. False with a message if that failed. */
bool store_close(struct store *store, char *error, size_t error_size);
const char *store_error(const struct store *store); /* of the last call that returned false */

/* A command line begins: what follows belongs to it. */
bool store_begin_run(struct store *store, const struct store_build *build, const char *command,
                     uint64_t *out_run);
bool store_end_run(struct store *store, uint64_t run, const char *outcome, uint64_t wall_ns);
/* The registry of points, and the text of a scenario; idempotent. */
bool store_add_point(struct store *store, uint32_t index, const struct raft_point_info *point,
                     const char *place /* in the code, or "" */);
/* Outcomes of a registered point that a sweep is not expected to fire; the others are. */
bool store_add_exception(struct store *store, const struct raft_point_exception *exception);
bool store_add_scenario(struct store *store, const char *file, const char *name, const char *doc,
                        const char *tags, const char *text);
/* An oracle of the latest run. A reason is kept once it was given, whatever comes later: skipped in
 * one execution is worth telling. */
bool store_add_oracle(struct store *store, const char *name, const char *rule,
                      const char *skipped_reason /* or NULL */);
/* Oracle checks done so far are added up. */
bool store_add_oracle_checks(struct store *store, const char *name, uint64_t checks);

/* One execution with all that belongs to it. Returns its id in *out_execution. finding may be NULL.
 */
bool store_add_execution(struct store *store, uint64_t run, const char *file,
                         const struct sim_execution *execution, const struct sim_finding *finding,
                         const char *replay /* the command that repeats it */,
                         uint64_t *out_execution);
/* Injections, leaks and coverage follow the execution that they belong to, before the next one. */
bool store_add_injection(struct store *store, uint64_t execution,
                         const struct sim_injection *injection);
bool store_add_leak(struct store *store, uint64_t execution, const struct sim_leak *leak);
/* A probe that a run may reach, and that the latest execution has reached so often. One of an
 * oracle is a waiver. */
bool store_add_probe(struct store *store, const char *name, const char *sentence,
                     const char *oracle /* or NULL */);
bool store_add_probe_hits(struct store *store, uint64_t execution, const char *name, uint64_t hits);
/* Adds to the counts of (point, outcome, role, phase). */
bool store_add_coverage(struct store *store, uint64_t execution,
                        const struct sim_coverage *coverage);
/* Where a block of the code under test begins. */
struct store_place {
    const char *file;
    uint64_t line;
    const char *function;
    uint64_t ordinal;   /* among the blocks of one line */
    const char *source; /* the line's text, or "" */
};
/* Registers a block by its number; and which blocks an execution has entered, a bit each: of all
 * that are registered. Without any registered block the bits are of no use, and ignored. */
bool store_add_edge(struct store *store, uint32_t number, const struct store_place *place);
bool store_add_entered(struct store *store, uint64_t execution, const uint8_t *bits,
                       uint32_t count);
bool store_flush(struct store *store);

/* For replay: the execution with this id, or the cheapest one of this finding signature. False if
 * there is none. */
bool store_find_execution(struct store *store, const char *id_or_signature,
                          struct sim_execution *out_execution, char *file, size_t file_size,
                          char *sut_file /* of --sut, or "" */, size_t sut_file_size,
                          char **out_text /* malloc'd scenario source */);
/* Visits the executions that are in the file of a scenario with this very text, done by this
 * program with this implementation; those that ended with a script's error are left out. visit
 * returns false when it is out of memory, which is a failure. */
typedef bool (*store_execution_visit)(void *ctx, const char *parameters, uint64_t seed,
                                      const char *plan, enum sim_outcome outcome);
bool store_visit_executions(struct store *store, const struct store_build *build,
                            const char *scenario, const char *text, store_execution_visit visit,
                            void *ctx);
/* Visits the seeds that executions of a scenario of this name had, each once, ascending; visit
 * returns false when it is out of memory, which is a failure. */
typedef bool (*store_seed_visit)(void *ctx, uint64_t seed);
bool store_visit_seeds(struct store *store, const char *scenario, store_seed_visit visit,
                       void *ctx);

#endif
