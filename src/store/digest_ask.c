/*
 * store/digest_ask.c - a window that somebody asks for is on disk before he is answered.
 *
 * Over a connection of its own, which lives as long as the question: the digest's belongs to its thread, and that may be waiting, failing or
 * writing.  Two may write one database; the second waits for the first, and only so long.
 */
#include "store/digest_store.h"

#include "store/db.h"
#include "store/digest_sql.h"
#include "store/inside.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

enum { WAIT_MS = 2000 };

static enum err find_tenant(struct db *db, const struct digest_request *q, int64_t *id, struct fault *fault)
{
    struct db_rows r;
    enum err       e = q->tenant ? db_ask(db, sql_digest_tenant_id, &r, fault, "t", q->tenant) : db_ask(db, sql_digest_tenant_there, &r, fault, "I", q->tenant_id);
    if (e != OK)
        return e;
    bool there = db_next(&r);
    *id = there ? db_int(&r, 0) : 0;
    e = db_end(db, &r, fault);
    if (e != OK || there)
        return e;
    (void)(q->tenant ? fail(fault, ERR_MISSING, "there is no tenant '%.80s': nothing of it was ever digested", q->tenant)
                     : fail(fault, ERR_MISSING, "there is no tenant with the number %" PRId64, q->tenant_id));
    fail_hint(fault, "tenant_id is the code of a tenant, or its number in dim_tenant; without it the installation's own is meant");
    return ERR_MISSING;
}

/* Within a transaction. */
static enum err queue(struct db *db, const struct digest_request *q, int64_t now_us, struct fault *fault)
{
    struct db_rows r;
    int64_t        tenant = 0, waiting = 0;
    enum err       e = find_tenant(db, q, &tenant, fault);
    if (e == OK)
        e = db_ask(db, sql_digest_run_waiting, &r, fault, "tIIII", q->job, tenant, q->from_us, q->to_us, now_us);
    if (e != OK)
        return e;
    waiting = db_next(&r) ? db_int(&r, 0) : 0;
    e = db_end(db, &r, fault);
    if (e == OK && q->to_us > now_us && waiting >= DIGEST_AHEAD_MAX) {
        (void)fail(fault, ERR_INPUT, "%d windows that are not over yet wait already", DIGEST_AHEAD_MAX);
        fail_hint(fault, "what comes in is digested by itself; ask again when some of them are over: homeostat look jobs");
        return ERR_INPUT;
    }
    if (e == OK && waiting >= DIGEST_ASKED_MAX) {
        (void)fail(fault, ERR_BUSY, "%d windows wait to be done again", DIGEST_ASKED_MAX);
        fail_hint(fault, "ask again when some of them are done: homeostat look jobs");
        return ERR_BUSY;
    }
    return e == OK ? db_run(db, sql_digest_run_ask, fault, "tIIII", q->job, tenant, q->from_us, q->to_us, now_us) : e;
}

enum err digest_run_ask(const char *folder, const struct digest_request *q, int64_t now_us, struct fault *fault)
{
    char       path[512];
    struct db *db = NULL;
    int        held;
    (void)snprintf(path, sizeof path, "%s/digest.db", folder);
    enum err e = digest_hold(folder, false, &held, fault);
    if (e != OK)
        return e;
    if (access(path, F_OK) != 0) {           /* the digest makes it, nobody else */
        (void)close(held);
        return fail(fault, ERR_BUSY, "there is no %s yet", path);
    }
    if ((e = db_open(path, DB_NORMAL, &db, fault)) != OK) {
        (void)close(held);
        return e;
    }
    (void)sqlite3_busy_timeout(db_handle(db), WAIT_MS);
    if ((e = db_prepare(db, digest_statements, digest_statement_count, fault)) == OK)
        e = db_exec(db, "PRAGMA synchronous = FULL", fault);         /* who is answered may count on it, also after a power cut */
    if (e == OK && (e = db_exec(db, "BEGIN IMMEDIATE", fault)) == OK) {
        e = queue(db, q, now_us, fault);
        if (e == OK)
            e = db_exec(db, "COMMIT", fault);
        if (e != OK)
            (void)sqlite3_exec(db_handle(db), "ROLLBACK", NULL, NULL, NULL);
    }
    db_close(db);
    (void)close(held);
    if (e == ERR_BUSY && fault && !*fault->hint)
        fail_hint(fault, "the digest is writing: ask again in a moment");
    return e;
}
