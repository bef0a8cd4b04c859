/*
 * tests/live/digest_tool.c - digest.db as a test wants it, without waiting for windows to close. Nothing else may write it meanwhile.
 *
 *     digest_tool FOLDER minutes SEED BEGIN_US N     N minutes of mock telemetry from there on
 *     digest_tool FOLDER add BEGIN_US VALUE           one series of a window is put in, or written over
 *     digest_tool FOLDER metric BEGIN_US VALUE        the same, and all others of the window go
 *     digest_tool FOLDER merge                        two patterns turn out to be one
 *     digest_tool FOLDER event ID AT_US               an event with three pieces of evidence
 *     digest_tool FOLDER forget NOW_US                what is old goes
 */
#include "base/clock.h"
#include "ingest/digester.h"
#include "ingest/mock.h"
#include "store/db.h"
#include "store/digest_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int said(enum err e, const struct fault *f)
{
    if (e != OK)
        fprintf(stderr, "digest_tool: %s\n", f->text);
    return e == OK ? 0 : 1;
}

static bool feed(void *ctx, const struct event *e)
{
    digester_feed(ctx, e);
    return true;
}

static enum err minutes(const char *folder, uint64_t seed, int64_t begin_us, int n, struct fault *f)
{
    struct digester_options o = digester_options_default(folder, NULL);
    struct digester        *d = NULL;
    enum err                e = digester_open(&o, &d, f);
    for (int m = 0; e == OK && m < n; m++)
        mock_minute(seed + (uint64_t)m, (struct mock_size){ 500, 50, 100 }, begin_us + m * 60 * US_PER_S, (uint64_t)(m + 1), feed, d);
    if (e == OK)
        e = digester_close_windows(d, begin_us + (n + 20) * 60 * US_PER_S, f);
    if (e == OK)
        e = digester_save(d, f);
    digester_close(d);
    return e;
}

/* One row of a query on digest.db, numbers only. */
static bool look(const char *folder, const char *sql, int64_t *n, int columns)
{
    char          path[1024];
    sqlite3      *db = NULL;
    sqlite3_stmt *s = NULL;
    (void)snprintf(path, sizeof path, "%s/digest.db", folder);
    bool there = sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK && sqlite3_prepare_v2(db, sql, -1, &s, NULL) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW;
    for (int i = 0; there && i < columns; i++)
        n[i] = sqlite3_column_int64(s, i);
    sqlite3_finalize(s);
    sqlite3_close(db);
    return there;
}

static enum err metric(struct digest_store *s, const char *folder, bool alone, int64_t begin_us, double value, struct fault *f)
{
    int64_t n[2];
    if (!look(folder, "SELECT tenant_id, resource_id FROM metric_1m", n, 2))
        return fail(f, ERR_MISSING, "there are no metrics");
    enum err e = alone ? digest_window_clear(s, n[0], begin_us, begin_us + 60 * US_PER_S, 0, 0, f) : OK;
    return e == OK ? digest_metric_put(s, &(struct digest_metric){ begin_us, n[0], n[1], 77, 3, "written.over", "{\"a\":\"\\u0000 b\\\\u0000\"}", value, 2, 2, 1, 3 }, f) : e;
}

static enum err merge(struct digest_store *s, const char *folder, struct fault *f)
{
    int64_t n[3];
    if (!look(folder, "SELECT min(fingerprint_id), max(fingerprint_id), min(tenant_id) FROM log_pattern", n, 3) || n[0] == n[1])
        return fail(f, ERR_MISSING, "there are no two patterns");
    return digest_pattern_merge(s, n[2], (uint64_t)n[1], (uint64_t)n[0], f);
}

/* As whoever does it: the tables mark what happens to events by themselves. */
static enum err event(const char *folder, const char *id, int64_t at_us, struct fault *f)
{
    char     path[1024];
    sqlite3 *db = NULL;
    (void)snprintf(path, sizeof path, "%s/digest.db", folder);
    char *sql = sqlite3_mprintf(
        "INSERT INTO event_envelope (event_id, detected_at, tenant_id, resource_id, severity, kind, title, labels)"
        " SELECT %Q, %lld, tenant_id, resource_id, 'ERROR', 'anomaly', 'title' || char(9) || 'and' || char(10) || 'lines \\ ', '{\"by\":\"test\"}' FROM log_pattern_5m"
        " WHERE sample_ref IS NOT NULL ORDER BY bucket DESC LIMIT 1;"
        "INSERT INTO evidence_link (event_id, dim, ref_pg, ref_oo, note, score)"
        " SELECT %Q, d.dim, CASE WHEN d.dim <> 'trace' THEN json_object('table', 'log_pattern_5m', 'keys', json_object('resource_id', p.resource_id, 'fingerprint_id', p.fingerprint_id, 'from', 'any')) END,"
        " CASE WHEN d.dim <> 'metric' THEN p.sample_ref END, d.note, 0.5 FROM (SELECT * FROM log_pattern_5m WHERE sample_ref IS NOT NULL ORDER BY bucket DESC LIMIT 1) p,"
        " (SELECT 'log' AS dim, 'lines' AS note UNION ALL SELECT 'metric', 'points' UNION ALL SELECT 'trace', NULL) d;", id, (long long)at_us, id);
    int code = sql ? sqlite3_open(path, &db) : SQLITE_NOMEM;
    if (code == SQLITE_OK)
        code = sqlite3_exec(db, sql, NULL, NULL, NULL);
    enum err e = code == SQLITE_OK ? OK : fail(f, ERR_IO, "an event: %s", sqlite3_errmsg(db));
    sqlite3_free(sql);
    sqlite3_close(db);
    return e;
}

static enum err change(struct digest_store *s, int argc, char **argv, struct fault *f)
{
    if (argc == 5 && (strcmp(argv[2], "metric") == 0 || strcmp(argv[2], "add") == 0))
        return metric(s, argv[1], *argv[2] == 'm', atoll(argv[3]), atof(argv[4]), f);
    if (argc == 3 && strcmp(argv[2], "merge") == 0)
        return merge(s, argv[1], f);
    return fail(f, ERR_INPUT, "usage: see the top of digest_tool.c");
}

int main(int argc, char **argv)
{
    struct fault         f = { 0 };
    struct digest_store *s = NULL;
    struct digest_keep   keep = digest_keep_default();
    if (argc == 6 && strcmp(argv[2], "minutes") == 0)
        return said(minutes(argv[1], (uint64_t)atoll(argv[3]), atoll(argv[4]), atoi(argv[5]), &f), &f);
    if (argc == 5 && strcmp(argv[2], "event") == 0)
        return said(event(argv[1], argv[3], atoll(argv[4]), &f), &f);
    enum err e = argc > 2 ? digest_store_open(argv[1], &s, &f) : fail(&f, ERR_INPUT, "usage: see the top of digest_tool.c");
    if (e == OK && argc == 4 && strcmp(argv[2], "forget") == 0) {
        e = digest_store_forget(s, &keep, atoll(argv[3]), 0, &f);
    } else if (e == OK && (e = digest_store_begin(s, &f)) == OK) {
        e = change(s, argc, argv, &f);
        if (e == OK)
            e = digest_store_commit(s, &f);
    }
    digest_store_close(s);
    return said(e, &f);
}
