/* store/digest_changes.c - reading what changed in digest.db. */
#include "store/digest_changes.h"

#include "store/db.h"
#include "store/digest_changes_sql.h"
#include "store/digest_migrations.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

struct digest_changes { struct db *db; char path[1024]; struct stat file; };

static const char *const row_sets[ROWS_SETS] = {
    [ROWS_TENANTS] = sql_changes_tenants, [ROWS_RESOURCES] = sql_changes_resources, [ROWS_LOCATORS] = sql_changes_locators, [ROWS_METRICS] = sql_changes_metrics,
    [ROWS_CALLS] = sql_changes_calls, [ROWS_LOGS] = sql_changes_logs, [ROWS_PATTERNS_OF_LOGS] = sql_changes_patterns_of_logs, [ROWS_PATTERN] = sql_changes_pattern,
    [ROWS_EVENT] = sql_changes_event, [ROWS_EVIDENCE] = sql_changes_evidence, [ROWS_LOCATORS_OF_EVIDENCE] = sql_changes_locators_of_evidence,
    [ROWS_PATTERNS_OF_EVIDENCE] = sql_changes_patterns_of_evidence, [ROWS_RUN] = sql_changes_run, [ROWS_CIRCUITS] = sql_changes_circuits,
};

enum err digest_changes_open(const char *folder, struct digest_changes **out, struct fault *fault)
{
    int                    version;
    struct digest_changes *c = calloc(1, sizeof *c);
    if (!c)
        return fail(fault, ERR_LIMIT, "no memory to read digest.db");
    (void)snprintf(c->path, sizeof c->path, "%s/digest.db", folder);
    enum err e = stat(c->path, &c->file) == 0 ? OK : fail(fault, ERR_MISSING, "there is no %s: nothing was digested yet", c->path);
    if (e == OK)
        e = db_open(c->path, DB_READ, &c->db, fault);
    if (e == OK)
        e = db_version(c->db, &version, fault);
    if (e == OK && version < (int)digest_migration_statement_count)         /* which is not wrong: it is brought up to date when the digest opens it */
        e = fail(fault, ERR_MISSING, "%s does not say yet what changed in it: the digest has not opened it since it is of an older version", c->path);
    if (e == OK)
        e = db_prepare(c->db, changes_statements, changes_statement_count, fault);
    if (e != OK) {
        digest_changes_close(c);
        return e;
    }
    *out = c;
    return OK;
}

void digest_changes_close(struct digest_changes *c)
{
    if (!c)
        return;
    db_close(c->db);
    free(c);
}

bool digest_changes_is_replaced(const struct digest_changes *c)
{
    struct stat now;
    return stat(c->path, &now) != 0 || now.st_ino != c->file.st_ino || now.st_dev != c->file.st_dev;
}

enum err digest_changes_head(struct digest_changes *c, struct digest_head *h, struct fault *fault)
{
    struct db_rows r;
    enum err       e = db_ask(c->db, sql_changes_head, &r, fault, "");
    if (e != OK)
        return e;
    *h = (struct digest_head){ 0 };
    if (db_next(&r)) {
        (void)snprintf(h->epoch, sizeof h->epoch, "%s", db_text(&r, 0));
        h->seq = db_int(&r, 1);
    }
    return db_end(c->db, &r, fault);
}

enum err digest_changes_next(struct digest_changes *c, const struct digest_change *after, struct digest_change *list, size_t max, size_t *n, struct fault *fault)
{
    struct db_rows r;
    *n = 0;
    enum err e = db_ask(c->db, sql_changes_next, &r, fault, "IiII", after->seq, after->kind, after->key, (int64_t)max);
    if (e != OK)
        return e;
    for (; *n < max && db_next(&r); ++*n)
        list[*n] = (struct digest_change){ .seq = db_int(&r, 0), .kind = (int)db_int(&r, 1), .key = db_int(&r, 2) };
    return db_end(c->db, &r, fault);
}

/* One number of one row; what stands in *n stays when there is none. */
static enum err one_number(struct digest_changes *c, struct db_rows *r, int64_t *n, struct fault *fault)
{
    if (db_next(r))
        *n = db_int(r, 0);
    return db_end(c->db, r, fault);
}

enum err digest_changes_behind(struct digest_changes *c, const struct digest_change *after, int64_t max, int64_t *n, struct fault *fault)
{
    struct db_rows r;
    *n = 0;
    enum err e = db_ask(c->db, sql_changes_behind, &r, fault, "IiII", after->seq, after->kind, after->key, max);
    return e == OK ? one_number(c, &r, n, fault) : e;
}

enum err digest_changes_forgot(struct digest_changes *c, enum digest_kind kind, int64_t *before_us, struct fault *fault)
{
    struct db_rows r;
    *before_us = INT64_MIN;
    enum err e = db_ask(c->db, sql_changes_forgot, &r, fault, "i", (int)kind);
    return e == OK ? one_number(c, &r, before_us, fault) : e;
}

enum err digest_changes_rows(struct digest_changes *c, enum digest_rows set, int64_t key, digest_row *take, void *ctx, struct fault *fault)
{
    struct db_rows r;
    enum err       taken = OK, e = db_ask(c->db, row_sets[set], &r, fault, "I", key);
    if (e != OK)
        return e;
    while (taken == OK && db_next(&r))
        taken = take(ctx, &r, fault);
    if (taken == OK)
        return db_end(c->db, &r, fault);
    struct fault unheard;
    (void)!db_end(c->db, &r, &unheard);         /* what stopped us is what is told */
    return taken;
}
