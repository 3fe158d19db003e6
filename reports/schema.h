/* The schema's number, its steps, and who may open a file. */
#ifndef REPORTS_SCHEMA_H
#define REPORTS_SCHEMA_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>

#define SCHEMA_APPLICATION_ID 0x73717561 /* "squa" */
#define SCHEMA_NUMBER         2

/* schema.sql and schema_2.sql, made into C arrays by the build. */
extern const char schema_sql[];
extern const char schema_2_sql[];

/* The steps from an empty file to SCHEMA_NUMBER: steps[n] makes n + 1 of n. */
extern const char *const schema_steps[SCHEMA_NUMBER];

/* Brings a file to schema number count, in one transaction. Refuses a file that is no SQLite
 * database, that belongs to another program or that is newer, and with read_only one that is older.
 * False with a message that begins with the path; then the file is as it was. */
bool schema_prepare(sqlite3 *db, const char *path, bool read_only, const char *const *steps,
                    int count, char *error, size_t error_size);

#endif
