/* store/telemetry.c */
#include "store/telemetry.h"

#include "base/clock.h"
#include "base/file.h"
#include "store/db.h"
#include "store/telemetry_migrations.h"
#include "store/telemetry_sql.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FORGET_EVERY_US (3600 * US_PER_S)
#define STEADY_US       (60 * US_PER_S)      /* so far the two clocks may come apart in that time */

struct telemetry {
    struct db *db;
    int64_t    hour_mono_us, hour_ahead_us;   /* since when an hour is counted, and how far the wall clock was ahead of the steady one then; 0: not yet */
};

enum err telemetry_open(const char *folder, struct telemetry **out, struct fault *fault)
{
    enum err e = file_make_dirs(folder, 0700, fault);
    if (e != OK)
        return e;
    struct telemetry *t = calloc(1, sizeof *t);
    if (!t)
        return fail(fault, ERR_LIMIT, "no memory to open telemetry.db");
    char path[512];
    (void)snprintf(path, sizeof path, "%s/telemetry.db", folder);
    e = db_open(path, DB_NORMAL, &t->db, fault);
    if (e == OK)
        e = db_migrate(t->db, telemetry_migration_statements, telemetry_migration_statement_count, path, fault);
    if (e == OK)
        e = db_prepare(t->db, telemetry_statements, telemetry_statement_count, fault);
    if (e != OK) {
        telemetry_close(t);
        return e;
    }
    *out = t;
    return OK;
}

enum err telemetry_put_aside(const char *folder, struct fault *fault)
{
    static const char *const ends[] = { "", "-wal", "-shm" };
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        char from[512], to[512];
        (void)snprintf(from, sizeof from, "%s/telemetry.db%s", folder, ends[i]);
        (void)snprintf(to, sizeof to, "%s/telemetry.db.damaged%s", folder, ends[i]);
        if (rename(from, to) == 0)
            continue;
        if (errno != ENOENT)
            return fail(fault, ERR_IO, "cannot put %s aside: %s", from, strerror(errno));
        (void)unlink(to);      /* it belonged to an earlier one */
    }
    return OK;
}

void telemetry_close(struct telemetry *t)
{
    if (!t)
        return;
    db_close(t->db);
    free(t);
}

enum err telemetry_resource(struct telemetry *t, const char *urn, const char *type, const char *name, int64_t now_us, struct fault *fault)
{
    return db_run(t->db, sql_resource_put, fault, "tttI", urn, type, name, now_us);
}

enum err telemetry_write(struct telemetry *t, const struct metric_row *rows, int n, struct fault *fault)
{
    enum err e = db_exec(t->db, "BEGIN IMMEDIATE", fault);
    for (int i = 0; i < n && e == OK; i++)
        e = db_run(t->db, sql_metric_put, fault, "Ittrrri", rows[i].bucket_us, rows[i].urn, rows[i].metric, rows[i].avg, rows[i].max, rows[i].p95, rows[i].samples);
    if (e == OK)
        e = db_exec(t->db, "COMMIT", fault);
    if (e != OK)
        (void)sqlite3_exec(db_handle(t->db), "ROLLBACK", NULL, NULL, NULL);
    return e;
}

enum err telemetry_keep(struct telemetry *t, int64_t keep_us, int64_t wall_us, int64_t mono_us, struct fault *fault)
{
    int64_t ahead = wall_us - mono_us, moved = llabs(ahead - t->hour_ahead_us);
    bool    begins = t->hour_mono_us == 0 || moved > STEADY_US;
    if (!begins && mono_us - t->hour_mono_us < FORGET_EVERY_US)
        return OK;
    t->hour_mono_us = mono_us;
    t->hour_ahead_us = ahead;
    return begins ? OK : db_run(t->db, sql_metric_forget, fault, "I", wall_us - keep_us);
}
