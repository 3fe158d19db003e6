/* What the text summary, the page and the table of points share: reading rows, words for numbers,
 * the verdict. */
#ifndef REPORTS_REPORT_INTERNAL_H
#define REPORTS_REPORT_INTERNAL_H

#include "report.h"

#include <sim/record.h>
#include <sqlite3.h>

enum report_verdict {
    REPORT_BUGS,     /* at least one finding that was not announced */
    REPORT_DIVERGED, /* a repetition gave another hash */
    REPORT_ERRORS,   /* scripts that are wrong */
    REPORT_NOTHING,  /* no execution was judged */
    REPORT_CLEAN,
};

struct report_summary {
    enum report_verdict verdict;
    char sentence[160]; /* the verdict in words */
    uint64_t executions;
    uint64_t outcomes[SIM_OUTCOME_COUNT];
    uint64_t branches, masked, disturbed;
    uint64_t events, sim_ns, wall_ns, commits, leader_changes, faults;
    uint64_t bugs;             /* distinct signatures */
    uint64_t divergent;        /* rows of the view nondeterminism */
    uint64_t points;           /* in the registry */
    uint64_t points_reached;   /* consulted at least once */
    uint64_t points_can_fire;  /* with at least one outcome */
    uint64_t points_fired;     /* failed at least once */
    uint64_t cells;            /* declared (point, outcome) */
    uint64_t cells_fired;      /* of them, fired at least once */
    uint64_t lines;            /* that begin a block of the code; 0: nobody has looked */
    uint64_t lines_covered;    /* of them, entered at least once */
    uint64_t probes;           /* situations worth having been in */
    uint64_t probes_reached;   /* of them, come into at least once */
    uint64_t leaks;            /* rows */
    uint64_t oracles, skipped; /* skipped: never checked, for a reason */
    uint64_t checks;
    uint64_t runs, interrupted;
};

/* One report being written. The first failure is noted and ends every later query. */
struct report {
    struct store *store;
    FILE *out;
    bool colour;
    bool failed;
    struct report_summary summary;
};

/* Begins a report: a consistent view of the file, and the summary. False with store_error set. */
bool report_begin(struct report *report, struct store *store, FILE *out, bool colour);
/* Ends it, and says whether all of it was read and written. */
bool report_end(struct report *report);

/* A query; NULL after a failure. */
sqlite3_stmt *report_query(struct report *report, const char *sql);
/* The next row. At the end, or on a failure, finalises the query and returns false. NULL is an
 * empty query. */
bool report_next(struct report *report, sqlite3_stmt *query);
/* How much of what can fail in a phase of a node's life (enum sim_life) has failed there, by role:
 * role, points, outcomes, fired, gaps, survived, executions. */
sqlite3_stmt *report_phase_query(struct report *report, uint32_t life);
uint64_t report_u64(sqlite3_stmt *row, int column);    /* NULL and negative are 0 */
const char *report_str(sqlite3_stmt *row, int column); /* NULL is "" */

/* Buffers large enough for each of the following. */
#define REPORT_WORD_MAX 48

/* "1,234,567" */
const char *report_count(char *buffer, uint64_t count);
/* "1 bug", "2,000 bugs" */
const char *report_plural(char *buffer, uint64_t count, const char *one, const char *many);
/* Three digits at most: "999", "1.2k", "34M". */
const char *report_short(char *buffer, uint64_t count);
/* "12.3 ms", "1.500 s", "3 min 20 s", "2 h 5 min" */
const char *report_duration(char *buffer, uint64_t ns);
/* "2026-01-31 08:15 UTC" */
const char *report_date(char *buffer, uint64_t seconds);
/* Of whole, rounded down: 99.9 % stays "99", so that 100 means all. */
uint64_t report_percent(uint64_t part, uint64_t whole);

#endif
