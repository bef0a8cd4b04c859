/* store/db.c - the thin layer over SQLite. */
#include "store/db.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { STATEMENTS_MAX = 128 };

struct prepared { const char *sql; sqlite3_stmt *s; };

struct db {
    sqlite3        *handle;
    struct prepared statement[STATEMENTS_MAX];
    size_t          statements;
    enum db_mode    mode;
    bool            fatal;
    bool            turn;          /* between db_turn_begins() and db_turn_ends() */
    struct fault    lost;          /* what took the turn's transaction with it */
};

sqlite3 *db_handle(struct db *db) { return db->handle; }
bool     db_is_fatal(struct db *db) { return db->fatal; }
int      db_changes(struct db *db) { return sqlite3_changes(db->handle); }

enum err db_fault(struct db *db, int code, const char *what, struct fault *fault)
{
    int         extended = db->handle ? sqlite3_extended_errcode(db->handle) : code;
    const char *text = db->handle ? sqlite3_errmsg(db->handle) : sqlite3_errstr(code);
    if (extended == SQLITE_IOERR_FSYNC || extended == SQLITE_IOERR_DIR_FSYNC)
        db->fatal = true;
    switch (code & 0xff) {
    case SQLITE_FULL:
        (void)fail(fault, ERR_LIMIT, "the store is full: %s: %s", what, text);
        fail_hint(fault, "free space on the store's file system; nothing was changed, and work goes on by itself once there is room");
        return ERR_LIMIT;
    case SQLITE_BUSY: case SQLITE_LOCKED:
        return fail(fault, ERR_BUSY, "the store is in use: %s: %s", what, text);
    case SQLITE_CONSTRAINT:
        return fail(fault, ERR_CONFLICT, "the store refuses: %s: %s", what, text);
    case SQLITE_CORRUPT: case SQLITE_NOTADB:
        if (db->mode == DB_NORMAL) {
            (void)fail(fault, ERR_DAMAGED, "the database is damaged: %s: %s", what, text);
            fail_hint(fault, "it may be thrown away: move it aside, and another one is made");
            return ERR_DAMAGED;
        }
        (void)fail(fault, ERR_IO, "the store is damaged: %s: %s", what, text);
        fail_hint(fault, "stop homeostat, keep a copy of the folder, and restore the last backup of cases.db");
        return ERR_IO;
    default:
        return fail(fault, ERR_IO, "the store cannot be used: %s: %s", what, text);
    }
}

void db_turn_begins(struct db *db)
{
    db->turn = true;
    db->lost = (struct fault){ 0 };
}

void db_turn_ends(struct db *db) { db->turn = false; }

static void note_loss(struct db *db, enum err e, const struct fault *fault)
{
    if (e != OK && db->turn && db->lost.code == OK && sqlite3_get_autocommit(db->handle) && fault)
        db->lost = *fault;
}

enum err db_turn_lost(struct db *db, struct fault *fault)
{
    if (!db->turn || !sqlite3_get_autocommit(db->handle))
        return OK;
    if (db->lost.code == OK)
        (void)fail(&db->lost, ERR_IO, "the store has taken back a turn that had begun");
    if (fault)
        *fault = db->lost;
    return db->lost.code;
}

enum err db_exec(struct db *db, const char *sql, struct fault *fault)
{
    int code = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? OK : db_fault(db, code, sql, fault);
}

enum err db_open(const char *path, enum db_mode mode, struct db **out, struct fault *fault)
{
    struct db *db = calloc(1, sizeof *db);
    if (!db)
        return fail(fault, ERR_LIMIT, "no memory to open %s", path);
    db->mode = mode;
    int flags = mode == DB_READ ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    int code = sqlite3_open_v2(path, &db->handle, flags | SQLITE_OPEN_NOMUTEX, NULL);
    enum err e = code == SQLITE_OK ? OK : db_fault(db, code, path, fault);
    if (e == OK) {
        sqlite3_extended_result_codes(db->handle, 1);
        sqlite3_busy_timeout(db->handle, 5000);
        e = db_exec(db, "PRAGMA foreign_keys = ON", fault);
    }
    if (e == OK && mode != DB_READ)
        e = db_exec(db, mode == DB_FULL ? "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 67108864"
                                        : "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = 67108864", fault);
    if (e != OK) {
        db_close(db);
        return e;
    }
    *out = db;
    return OK;
}

enum err db_prepare(struct db *db, const struct sql_statement *statements, size_t n, struct fault *fault)
{
    for (size_t i = 0; i < n; i++) {
        assert(db->statements < STATEMENTS_MAX);
        struct prepared *p = &db->statement[db->statements];
        p->sql = statements[i].text;
        int code = sqlite3_prepare_v3(db->handle, p->sql, -1, SQLITE_PREPARE_PERSISTENT, &p->s, NULL);
        if (code != SQLITE_OK)
            return db_fault(db, code, statements[i].name, fault);
        db->statements++;
    }
    return OK;
}

void db_close(struct db *db)
{
    if (!db)
        return;
    for (size_t i = 0; i < db->statements; i++)
        sqlite3_finalize(db->statement[i].s);
    sqlite3_close(db->handle);
    free(db);
}

enum err db_version(struct db *db, int *version, struct fault *fault)
{
    sqlite3_stmt *s = NULL;
    int           code = sqlite3_prepare_v2(db->handle, "PRAGMA user_version", -1, &s, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_step(s);
    if (code == SQLITE_ROW)
        *version = sqlite3_column_int(s, 0);
    sqlite3_finalize(s);
    return code == SQLITE_ROW ? OK : db_fault(db, code, "PRAGMA user_version", fault);
}

enum err db_migrate(struct db *db, const struct sql_statement *migrations, size_t n, const char *path, struct fault *fault)
{
    int      version = 0;
    enum err e = db_version(db, &version, fault);
    if (e != OK)
        return e;
    if (version > (int)n) {
        (void)fail(fault, ERR_STATE, "%s was written by a newer homeostat (schema %d, this one knows %zu)", path, version, n);
        fail_hint(fault, "install the newer version again, or point store.folder to another folder; the file was not touched");
        return ERR_STATE;
    }
    if (version == (int)n)
        return OK;
    char *bump = sqlite3_mprintf("PRAGMA user_version = %d", (int)n);
    e = db_exec(db, "BEGIN IMMEDIATE", fault);       /* one for all: nobody who reads meets what is half the one and half the other */
    if (e == OK)
        e = db_version(db, &version, fault);       /* somebody else may have been quicker */
    for (size_t i = (size_t)version; i < n && e == OK; i++)
        if ((e = db_exec(db, migrations[i].text, fault)) != OK)
            (void)fail_in(fault, "migration %s of %s", migrations[i].name, path);
    if (e == OK)
        e = db_exec(db, bump, fault);
    if (e == OK)
        e = db_exec(db, "COMMIT", fault);
    if (e != OK)
        (void)sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
    sqlite3_free(bump);
    return e;
}

static sqlite3_stmt *find(struct db *db, const char *sql)
{
    sqlite3_stmt *found = NULL;
    for (size_t i = 0; i < db->statements && !found; i++)
        if (db->statement[i].sql == sql)
            found = db->statement[i].s;
    assert(found != NULL);   /* every statement is prepared at start */
    return found;
}

static int bind_json(sqlite3_stmt *s, int at, const json_t *j)
{
    if (!j)
        return sqlite3_bind_null(s, at);
    char *text = json_dumps(j, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(17));
    return text ? sqlite3_bind_text(s, at, text, -1, free) : SQLITE_NOMEM;
}

static int bind_all(sqlite3_stmt *s, const char *types, va_list args)
{
    assert(sqlite3_bind_parameter_count(s) == (int)strlen(types) && strspn(types, "tIibrjx") == strlen(types));
    int code = SQLITE_OK;
    for (int at = 1; types[at - 1] && code == SQLITE_OK; at++) {
        switch (types[at - 1]) {
        case 't': {
            const char *t = va_arg(args, const char *);
            code = t ? sqlite3_bind_text(s, at, t, -1, SQLITE_TRANSIENT) : sqlite3_bind_null(s, at);
            break;
        }
        case 'I': code = sqlite3_bind_int64(s, at, va_arg(args, int64_t)); break;
        case 'i': case 'b': code = sqlite3_bind_int(s, at, va_arg(args, int)); break;
        case 'r': {
            double r = va_arg(args, double);
            code = isnan(r) ? sqlite3_bind_null(s, at) : sqlite3_bind_double(s, at, r);
            break;
        }
        case 'x': {
            const struct slice *b = va_arg(args, const struct slice *);
            code = sqlite3_bind_blob64(s, at, b->n ? b->s : "", b->n, SQLITE_STATIC);
            break;
        }
        case 'j': code = bind_json(s, at, va_arg(args, const json_t *)); break;
        }
    }
    return code;
}

enum err db_ask(struct db *db, const char *sql, struct db_rows *r, struct fault *fault, const char *types, ...)
{
    va_list args;
    va_start(args, types);
    sqlite3_stmt *s = find(db, sql);
    int           code = bind_all(s, types, args);
    va_end(args);
    *r = (struct db_rows){ .s = s, .code = SQLITE_ROW };
    if (code == SQLITE_OK)
        return OK;
    sqlite3_reset(s);
    return db_fault(db, code, sql, fault);
}

bool db_next(struct db_rows *r)
{
    r->code = sqlite3_step(r->s);
    return r->code == SQLITE_ROW;
}

enum err db_end(struct db *db, struct db_rows *r, struct fault *fault)
{
    enum err e = r->code == SQLITE_ROW || r->code == SQLITE_DONE ? OK : db_fault(db, r->code, "reading", fault);
    note_loss(db, e, fault);
    sqlite3_reset(r->s);
    sqlite3_clear_bindings(r->s);
    return e;
}

enum err db_run(struct db *db, const char *sql, struct fault *fault, const char *types, ...)
{
    enum err lost = db_turn_lost(db, fault);
    if (lost != OK)
        return lost;
    va_list args;
    va_start(args, types);
    sqlite3_stmt *s = find(db, sql);
    int           code = bind_all(s, types, args);
    va_end(args);
    if (code == SQLITE_OK)
        code = sqlite3_step(s);
    enum err e = code == SQLITE_DONE || code == SQLITE_ROW ? OK : db_fault(db, code, "writing", fault);
    note_loss(db, e, fault);
    sqlite3_reset(s);
    sqlite3_clear_bindings(s);
    return e;
}

const char *db_text(struct db_rows *r, int column)
{
    const unsigned char *t = sqlite3_column_text(r->s, column);
    return t ? (const char *)t : "";
}

bool    db_null(struct db_rows *r, int column) { return sqlite3_column_type(r->s, column) == SQLITE_NULL; }
int64_t db_int(struct db_rows *r, int column)  { return sqlite3_column_int64(r->s, column); }
double  db_real(struct db_rows *r, int column) { return db_null(r, column) ? (double)NAN : sqlite3_column_double(r->s, column); }

struct slice db_blob(struct db_rows *r, int column)
{
    const void *bytes = sqlite3_column_blob(r->s, column);
    return (struct slice){ bytes, (size_t)sqlite3_column_bytes(r->s, column) };
}

json_t *db_json(struct db_rows *r, int column)
{
    json_t *j = db_null(r, column) ? NULL : json_loads(db_text(r, column), JSON_DECODE_ANY, NULL);
    return j ? j : json_null();
}
