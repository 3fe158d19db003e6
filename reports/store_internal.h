/* What the files of the store share, and how the reports read it. */
#ifndef REPORTS_STORE_INTERNAL_H
#define REPORTS_STORE_INTERNAL_H

#include "store.h"

#include <sqlite3.h>

enum store_statement {
    STORE_RUN_NUMBER,
    STORE_ADD_BUILD,
    STORE_ADD_RUN,
    STORE_END_RUN,
    STORE_ADD_POINT,
    STORE_ADD_POINT_OUTCOME,
    STORE_ADD_SCENARIO,
    STORE_ADD_PARAMETER_SET,
    STORE_ADD_PARAMETER,
    STORE_ADD_ORACLE,
    STORE_ADD_ORACLE_RUN,
    STORE_ADD_ORACLE_CHECKS,
    STORE_ADD_EXECUTION,
    STORE_ADD_FINDING,
    STORE_ADD_INJECTION,
    STORE_ADD_LEAK,
    STORE_ADD_COVERAGE,
    STORE_ADD_EDGE,
    STORE_SET_EDGES,
    STORE_ADD_ENTERED,
    STORE_ADD_LIVENESS,
    STORE_ADD_PROBE,
    STORE_ADD_PROBE_HITS,
    STORE_ADD_EFFICACY,
    STORE_STATEMENT_COUNT
};

struct store_scenario { /* the scenarios of this session: (file, name) -> the latest text's row */
    struct store_scenario *next;
    uint64_t id;
    char *file;
    char *name;
};

struct store_edge {
    uint64_t id;
    uint64_t pending; /* executions since the last flush that entered it */
    uint64_t first;   /* of these */
    bool seen;        /* by an execution of the latest run */
};

struct store {
    sqlite3 *db;
    sqlite3_stmt *statements[STORE_STATEMENT_COUNT]; /* prepared when first used */
    char *path;
    bool read_only;
    bool broken;   /* a write has failed: nothing more is written, and why stays in error */
    uint64_t rows; /* since the last commit */
    uint64_t run;  /* the latest run; 0: none yet */
    uint64_t build;
    uint64_t run_executions;
    uint64_t *points; /* registry index -> id; 0: not registered */
    uint32_t point_capacity;
    struct store_edge *edges;
    uint32_t edge_count;
    struct store_scenario *scenarios;
    uint64_t execution; /* the latest, with its scenario and the numbers of its rows so far */
    uint64_t execution_scenario;
    uint64_t injections;
    uint64_t leaks;
    char error[512];
};

/* Notes a message, and returns false. */
bool store_fail(struct store *store, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Notes what SQLite says about its last call, with the path, and returns false. */
bool store_fail_sqlite(struct store *store);
/* The same for a failed write: commits what came before it, and refuses every later one. */
bool store_fail_write(struct store *store);

/* Begins a transaction if none is open. */
bool store_begin(struct store *store);
/* A prepared statement of the table, without bindings; NULL with the error noted. */
sqlite3_stmt *store_statement(struct store *store, enum store_statement statement);
/* Performs a statement that yields no rows, and forgets its bindings. */
bool store_perform(struct store *store, sqlite3_stmt *statement);
/* Counts above INT64_MAX are kept as INT64_MAX. */
void store_bind_count(sqlite3_stmt *statement, int parameter, uint64_t count);
/* Borrows text until the statement has been performed; NULL is NULL. */
void store_bind_text(sqlite3_stmt *statement, int parameter, const char *text);

/* Content hashes below 2^53, never 0; parent chains them. */
uint64_t store_id(uint64_t parent, const char *text);
uint64_t store_id_count(uint64_t parent, uint64_t count);

/* Writes what has been counted of the edges. */
bool store_write_entered(struct store *store);
/* The statement for a row of an execution; NULL with the error noted. Such rows must follow their
 * execution: no other one may have come between. */
sqlite3_stmt *store_row_of(struct store *store, uint64_t execution, enum store_statement statement);
/* store_measures.c */
bool store_liveness_row(struct store *store, uint64_t execution,
                        const struct sim_liveness *liveness);
bool store_efficacy_row(struct store *store, uint64_t execution, uint64_t number,
                        enum sim_efficacy efficacy);

/* Writes a point's row. */
bool store_point_row(struct store *store, const char *name, const char *kind, const char *meaning,
                     const char *place, uint64_t *out_id);
/* The row of a scenario's latest text; a scenario that was not added gets one without a text. */
bool store_scenario_row(struct store *store, const char *file, const char *name, uint64_t *out_id);

#endif
