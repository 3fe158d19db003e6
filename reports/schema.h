/* The schema's number, its steps, and who may open a file. */
#ifndef REPORTS_SCHEMA_H
#define REPORTS_SCHEMA_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>

#define SCHEMA_APPLICATION_ID 0x73717561 /* "squa" */
#define SCHEMA_NUMBER         5

extern const char schema_sql[];   /* schema.sql, made into a C array by the build */
extern const char schema_2_sql[]; /* schema_2.sql */
extern const char schema_3_sql[];
extern const char schema_5_sql[];

/* steps[0] makes the whole schema in an empty file, its views behind its tables; steps[n] makes the
 * tables of number n + 1 from those of number n. */
extern const char *const schema_steps[SCHEMA_NUMBER];

/* Brings a file to schema number count, in one transaction. Refuses a file that is no SQLite
 * database, that belongs to another program or that is newer, and with read_only one that is older.
 * False with a message that begins with the path; then the file is as it was. */
bool schema_prepare(sqlite3 *db, const char *path, bool read_only, const char *const *steps,
                    int count, char *error, size_t error_size);

#endif
