/* The store's life: opening, transactions, errors, closing.
 *
 *  1. One transaction is open from the first row on until store_flush, or until an execution begins
 *     and some 10,000 rows have come since the last commit: an execution is in the file with all
 *     that belongs to it, or not at all.
 *  2. While open the file has a write-ahead log (a killed campaign loses what was not committed and
 *     nothing else, a power failure perhaps the last commits as well); after store_close it is one
 *     plain file again, which can be copied.
 *  3. A failed write (no space, locked, damaged) is final: what was flushed before it stays, what
 *     was not is committed if SQLite has not rolled it back already, and every later call is
 *     refused with the same message, so that no campaign goes on in the belief that it is
 *     recorded. */
#include "store_internal.h"

#include "schema.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#define BUSY_TIMEOUT_MS 5000

bool store_fail(struct store *store, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(store->error, sizeof store->error, format, arguments);
    va_end(arguments);
    return false;
}

bool store_fail_sqlite(struct store *store)
{
    switch (sqlite3_errcode(store->db)) {
    case SQLITE_FULL:
        return store_fail(store, "%s: no space left on the device", store->path);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return store_fail(store, "%s is locked by another process", store->path);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return store_fail(store, "%s is damaged: %s", store->path, sqlite3_errmsg(store->db));
    default:
        return store_fail(store, "%s: %s", store->path, sqlite3_errmsg(store->db));
    }
}

bool store_fail_write(struct store *store)
{
    store_fail_sqlite(store);
    store->broken = true;
    for (int i = 0; i < STORE_STATEMENT_COUNT; i++) {
        sqlite3_reset(store->statements[i]);
    }
    if (!sqlite3_get_autocommit(store->db) &&
        sqlite3_exec(store->db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK) {
        sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    }
    return false;
}

const char *store_error(const struct store *store)
{
    assert(store != NULL);
    return store->error;
}

uint64_t store_id(uint64_t parent, const char *text)
{
    assert(text != NULL);
    uint64_t id = XXH3_64bits_withSeed(text, strlen(text), parent) & ((UINT64_C(1) << 53) - 1);
    return id != 0 ? id : 1;
}

bool store_begin(struct store *store)
{
    if (store->broken) {
        return false;
    }
    if (store->read_only) {
        return store_fail(store, "%s is open for reading only", store->path);
    }
    if (sqlite3_get_autocommit(store->db) &&
        sqlite3_exec(store->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK) {
        return store_fail_write(store);
    }
    return true;
}

bool store_flush(struct store *store)
{
    assert(store != NULL);
    if (store->broken) {
        return false;
    }
    if (!store_write_entered(store)) {
        return false;
    }
    if (!sqlite3_get_autocommit(store->db) &&
        sqlite3_exec(store->db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK) {
        return store_fail_write(store);
    }
    store->rows = 0;
    return true;
}

bool store_perform(struct store *store, sqlite3_stmt *statement)
{
    assert(statement != NULL);
    int status = sqlite3_step(statement);
    assert(status != SQLITE_ROW);
    if (status != SQLITE_DONE) {
        return store_fail_write(store);
    }
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    store->rows++;
    return true;
}

void store_bind_count(sqlite3_stmt *statement, int parameter, uint64_t count)
{
    sqlite3_int64 value = count <= INT64_MAX ? (sqlite3_int64)count : INT64_MAX;
    int status = sqlite3_bind_int64(statement, parameter, value);
    assert(status == SQLITE_OK);
    (void)status;
}

void store_bind_text(sqlite3_stmt *statement, int parameter, const char *text)
{
    int status = text != NULL ? sqlite3_bind_text(statement, parameter, text, -1, SQLITE_STATIC)
                              : sqlite3_bind_null(statement, parameter);
    assert(status == SQLITE_OK);
    (void)status;
}

static void configure(struct store *store)
{
    sqlite3_busy_timeout(store->db, BUSY_TIMEOUT_MS);
    /* The file may come from anywhere: its schema gets no more rights than its rows need. */
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
}

/* Only after the file is known to be ours, since it writes into it. */
static bool use_write_ahead_log(struct store *store)
{
    if (sqlite3_exec(store->db,
                     "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
                     "INSERT OR IGNORE INTO meta (name, value) VALUES ('tool', 'squall')",
                     NULL, NULL, NULL) != SQLITE_OK) {
        return store_fail_sqlite(store);
    }
    return true;
}

static void destroy(struct store *store)
{
    if (store == NULL) {
        return;
    }
    for (int i = 0; i < STORE_STATEMENT_COUNT; i++) {
        sqlite3_finalize(store->statements[i]);
    }
    while (store->scenarios != NULL) {
        struct store_scenario *scenario = store->scenarios;
        store->scenarios = scenario->next;
        free(scenario->file);
        free(scenario->name);
        free(scenario);
    }
    free(store->points);
    free(store->edges);
    sqlite3_close(store->db);
    free(store->path);
    free(store);
}

/* Why a file could not be made. SQLite tries once more for reading only, and that it then is not
 * there is no reason. */
static int creation_errno(sqlite3 *db, const char *path)
{
    int number = sqlite3_system_errno(db);
    const char *slash = strrchr(path, '/');
    char *folder = slash == NULL   ? strdup(".")
                   : slash == path ? strdup("/")
                                   : strndup(path, (size_t)(slash - path));
    if (number == ENOENT && folder != NULL && access(folder, W_OK) != 0) {
        number = errno;
    }
    free(folder);
    return number;
}

struct store *store_open(const char *path, bool read_only, char *error, size_t error_size)
{
    struct store *store = NULL;
    bool ok = false;
    int flags = read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;

    assert(path != NULL);
    assert(error != NULL && error_size > 0);
    store = calloc(1, sizeof *store);
    if (store == NULL) {
        snprintf(error, error_size, "out of memory");
        goto out;
    }
    store->read_only = read_only;
    store->path = strdup(path);
    if (store->path == NULL) {
        snprintf(error, error_size, "out of memory");
        goto out;
    }
    if (sqlite3_open_v2(path, &store->db, flags, NULL) != SQLITE_OK) {
        int number = read_only ? sqlite3_system_errno(store->db) : creation_errno(store->db, path);
        snprintf(error, error_size, "%s cannot be opened: %s", path,
                 number != 0 ? strerror(number) : sqlite3_errmsg(store->db));
        goto out;
    }
    configure(store);
    if (!schema_prepare(store->db, path, read_only, schema_steps, SCHEMA_NUMBER, error,
                        error_size)) {
        goto out;
    }
    if (!read_only && !use_write_ahead_log(store)) {
        snprintf(error, error_size, "%s", store->error);
        goto out;
    }
    ok = true;
out:
    if (!ok) {
        destroy(store);
        store = NULL;
    }
    return store;
}

bool store_close(struct store *store, char *error, size_t error_size)
{
    bool ok = true;

    assert(store != NULL);
    assert(error != NULL && error_size > 0);
    for (int i = 0; i < STORE_STATEMENT_COUNT; i++) {
        sqlite3_finalize(store->statements[i]);
        store->statements[i] = NULL;
    }
    if (!store->read_only) {
        ok = store_flush(store);
        /* Even after a failed write the write-ahead log is folded back, if the device lets it. It
         * stays if somebody else has the file open: whoever is the last folds it back. */
        int status = sqlite3_exec(store->db,
                                  "PRAGMA optimize; PRAGMA wal_checkpoint(TRUNCATE);"
                                  "PRAGMA journal_mode = DELETE",
                                  NULL, NULL, NULL);
        if (status != SQLITE_OK && status != SQLITE_BUSY && ok) {
            ok = store_fail_sqlite(store);
        }
    }
    if (!ok) {
        snprintf(error, error_size, "%s", store->error);
    }
    destroy(store);
    return ok;
}
