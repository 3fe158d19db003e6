/* Measures, as the reports read them. */
#ifndef REPORTS_REPORT_MEASURES_H
#define REPORTS_REPORT_MEASURES_H

#include "report_internal.h"

struct report_measure { /* a column of the table liveness */
    const char *column;
    const char *title;
    bool is_time; /* in nanoseconds; else a count */
};
#define REPORT_MEASURES 6
extern const struct report_measure report_measures[REPORT_MEASURES];

#define REPORT_BUCKETS 128

struct report_distribution {
    uint64_t count;   /* values */
    uint64_t missing; /* executions that have none */
    uint64_t least, p50, p90, p99, most;
    uint64_t highest; /* of the buckets */
    uint64_t buckets[REPORT_BUCKETS];
};

uint32_t report_bucket(uint64_t value);
uint64_t report_bucket_low(uint32_t bucket); /* its smallest value */
void report_distribution_read(struct report *report, const struct report_measure *measure,
                              struct report_distribution *out);
/* A value of a measure, in words. */
const char *report_measure_word(const struct report_measure *measure, char *buffer, uint64_t value);

/* Efficacy and how often, from the least to the most. */
#define REPORT_EFFICACY_SQL                                                                        \
    "SELECT f.efficacy, count(*) FROM efficacies f GROUP BY f.efficacy ORDER BY CASE f.efficacy "  \
    "WHEN 'masked' THEN 0 WHEN 'schedule' THEN 1 WHEN 'state' THEN 2 WHEN 'client' THEN 3 "        \
    "ELSE 4 END"

/* The part of the text summary. */
void report_measures_print(struct report *report);
/* report_text.c: a heading of the text summary. */
void report_heading(const struct report *report, const char *text);

#endif
