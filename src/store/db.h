/*
 * store/db.h - SQLite with our manners: prepared once, typed binding, faults that say what to do.
 *
 *     enum err e = db_run(db, sql_outbox_add, fault, "tttI", topic, key, payload, now_us);
 *
 *     struct db_rows r;
 *     for (e = db_ask(db, sql_case_open, &r, fault, ""); e == OK && db_next(&r); )
 *         use(db_text(&r, 0));
 *     e = db_end(&r, e, fault);
 *
 * Types: t text (NULL binds NULL), I int64_t, i int, b bool, r double (NAN binds NULL), j json_t * (dumped; NULL binds NULL),
 * x const struct slice * (bytes, which must stay until the call is over).
 * A connection belongs to one thread.
 */
#ifndef STORE_DB_H
#define STORE_DB_H

#include "base/embed.h"
#include "base/err.h"
#include "base/slice.h"

#include <jansson.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

struct db;

enum db_mode { DB_FULL, DB_NORMAL, DB_READ };   /* synchronous=FULL; synchronous=NORMAL, of what may be thrown away; read-only */

/* statements: all that will be used, prepared at once, so that a wrong one is found at start. */
MUST_CHECK enum err db_open(const char *path, enum db_mode mode, struct db **db, struct fault *fault);
MUST_CHECK enum err db_prepare(struct db *db, const struct sql_statement *statements, size_t n, struct fault *fault);
void                db_close(struct db *db);
sqlite3            *db_handle(struct db *db);

/* user_version: how many migrations it has had. */
MUST_CHECK enum err db_version(struct db *db, int *version, struct fault *fault);
/* Run the migrations newer than user_version, all in one transaction. A newer database is refused. */
MUST_CHECK enum err db_migrate(struct db *db, const struct sql_statement *migrations, size_t n, const char *path, struct fault *fault);

MUST_CHECK enum err db_exec(struct db *db, const char *sql, struct fault *fault);   /* BEGIN, COMMIT and the like */
MUST_CHECK enum err db_run(struct db *db, const char *sql, struct fault *fault, const char *types, ...);
int                 db_changes(struct db *db);

/*
 * A disk that is full or fails may take the whole transaction with it, and SQLite would write what comes next by itself, at once.  Between
 * these two that is not forgotten: every later write, and db_turn_lost(), says what went wrong.
 */
void                db_turn_begins(struct db *db);
void                db_turn_ends(struct db *db);
MUST_CHECK enum err db_turn_lost(struct db *db, struct fault *fault);   /* OK: it is whole, or there is none */

struct db_rows { sqlite3_stmt *s; int code; };
MUST_CHECK enum err db_ask(struct db *db, const char *sql, struct db_rows *r, struct fault *fault, const char *types, ...);
bool                db_next(struct db_rows *r);
MUST_CHECK enum err db_end(struct db *db, struct db_rows *r, struct fault *fault);   /* call once after db_ask said OK */
const char *db_text(struct db_rows *r, int column);    /* "" for NULL; valid until db_next */
bool        db_null(struct db_rows *r, int column);
int64_t     db_int(struct db_rows *r, int column);
double      db_real(struct db_rows *r, int column);    /* NAN for NULL */
struct slice db_blob(struct db_rows *r, int column);   /* valid until db_next */
json_t     *db_json(struct db_rows *r, int column);    /* owned by the caller; JSON null when NULL or not JSON */

/*
 * What SQLite's code means to us: ERR_IO, ERR_LIMIT (disk full), ERR_BUSY, ERR_CONFLICT (constraint).  ERR_DAMAGED: the file itself is
 * wrong, and it is one that may be thrown away (DB_NORMAL); of the others a damage is ERR_IO like everything that stops the store.
 */
enum err db_fault(struct db *db, int code, const char *what, struct fault *fault);
/* fsync failed: what is on disk cannot be known any more, the process must end. */
bool     db_is_fatal(struct db *db);

#endif
