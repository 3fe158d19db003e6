/* The schema: which files are ours, and how an older one becomes a current one.
 *
 * A campaign's file carries SCHEMA_APPLICATION_ID and, as user_version, the number of its schema.
 *
 *  1. A file is migrated by steps, all in one transaction: it has the old number or the new one,
 *     and never half a step.
 *  2. Nothing is written into a file that is not ours. A file without a single table, and without
 *     another program's id, is a new one.
 *  3. Views are no data: a migration drops them and makes the current ones.
 *  4. A file newer than this program is refused, since nobody knows what its rows mean. */
#include "schema.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* Number 4 has the tables of number 3, and another view. */
const char *const schema_steps[SCHEMA_NUMBER] = {schema_sql, schema_2_sql, schema_3_sql, "",
                                                 schema_5_sql};

/* The integer that a pragma or a query yields in its first row. */
static bool query_int(sqlite3 *db, const char *sql, int *out_value)
{
    sqlite3_stmt *statement = NULL;
    bool ok = false;

    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK) {
        goto out;
    }
    if (sqlite3_step(statement) != SQLITE_ROW) {
        goto out;
    }
    *out_value = sqlite3_column_int(statement, 0);
    ok = true;
out:
    sqlite3_finalize(statement);
    return ok;
}

static void explain(sqlite3 *db, const char *path, char *error, size_t error_size)
{
    switch (sqlite3_errcode(db)) {
    case SQLITE_NOTADB:
        snprintf(error, error_size, "%s is not a squall database", path);
        break;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        snprintf(error, error_size, "%s is locked by another process", path);
        break;
    case SQLITE_CORRUPT:
        snprintf(error, error_size, "%s is damaged: %s", path, sqlite3_errmsg(db));
        break;
    default:
        snprintf(error, error_size, "%s: %s", path, sqlite3_errmsg(db));
        break;
    }
}

static bool drop_views(sqlite3 *db)
{
    static const char find[] = "SELECT name FROM sqlite_master WHERE type = 'view' LIMIT 1";
    sqlite3_stmt *view = NULL;
    bool ok = sqlite3_prepare_v2(db, find, -1, &view, NULL) == SQLITE_OK;
    int status = SQLITE_ROW;

    while (ok && (status = sqlite3_step(view)) == SQLITE_ROW) {
        char *sql = sqlite3_mprintf("DROP VIEW \"%w\"", sqlite3_column_text(view, 0));
        sqlite3_reset(view);
        ok = sql != NULL && sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK;
        sqlite3_free(sql);
    }
    sqlite3_finalize(view);
    return ok && status == SQLITE_DONE;
}

/* The steps from an older version on. */
static bool bring_up(sqlite3 *db, int version, const char *const *steps, int count)
{
    const char *views = strstr(steps[0], "CREATE VIEW");

    if (!drop_views(db)) {
        return false;
    }
    for (int step = version; step < count; step++) {
        assert(steps[step] != NULL);
        if (sqlite3_exec(db, steps[step], NULL, NULL, NULL) != SQLITE_OK) {
            return false;
        }
    }
    return views == NULL || sqlite3_exec(db, views, NULL, NULL, NULL) == SQLITE_OK;
}

/* Makes number count of version; the transaction is the caller's. */
static bool take_steps(sqlite3 *db, int version, const char *const *steps, int count)
{
    char pragma[96];

    assert(version >= 0 && version < count);
    bool ok = version == 0 ? sqlite3_exec(db, steps[0], NULL, NULL, NULL) == SQLITE_OK
                           : bring_up(db, version, steps, count);
    if (!ok) {
        return false;
    }
    snprintf(pragma, sizeof pragma, "PRAGMA application_id = %d; PRAGMA user_version = %d",
             SCHEMA_APPLICATION_ID, count);
    return sqlite3_exec(db, pragma, NULL, NULL, NULL) == SQLITE_OK;
}

static bool migrate(sqlite3 *db, const char *path, const char *const *steps, int count, char *error,
                    size_t error_size)
{
    int version = 0;
    bool ok = false;

    if (sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK) {
        explain(db, path, error, error_size);
        return false;
    }
    /* Read again: another process may have migrated it before the lock was ours. */
    if (!query_int(db, "PRAGMA user_version", &version)) {
        goto out;
    }
    if (version < count && !take_steps(db, version, steps, count)) {
        goto out;
    }
    ok = sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK;
out:
    if (!ok) {
        explain(db, path, error, error_size);
        if (!sqlite3_get_autocommit(db)) {
            sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
        }
    }
    return ok;
}

bool schema_prepare(sqlite3 *db, const char *path, bool read_only, const char *const *steps,
                    int count, char *error, size_t error_size)
{
    int application = 0;
    int version = 0;
    int objects = 0;

    assert(db != NULL && path != NULL && steps != NULL);
    assert(count >= 0 && error != NULL && error_size > 0);
    if (!query_int(db, "PRAGMA application_id", &application) ||
        !query_int(db, "PRAGMA user_version", &version) ||
        !query_int(db, "SELECT count(*) FROM sqlite_master", &objects)) {
        explain(db, path, error, error_size);
        return false;
    }
    bool is_empty = application == 0 && version == 0 && objects == 0;
    if (application != SCHEMA_APPLICATION_ID && !is_empty) {
        snprintf(error, error_size, "%s is not a squall database", path);
        return false;
    }
    if (version > count) {
        snprintf(error, error_size,
                 "%s was written by a newer squall: its schema has number %d, this program knows "
                 "%d",
                 path, version, count);
        return false;
    }
    if (version == count) {
        return true;
    }
    if (read_only) {
        snprintf(error, error_size,
                 is_empty ? "%s is empty: no campaign was recorded in it"
                          : "%s has an older schema; any `squall run --db` on it brings it up to "
                            "date",
                 path);
        return false;
    }
    return migrate(db, path, steps, count, error, error_size);
}
