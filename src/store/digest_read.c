/* store/digest_read.c */
#include "store/digest_read.h"

#include "base/clock.h"
#include "store/db.h"
#include "store/digest_read_sql.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SERVICES_MAX = 16, INNER_MAX = 5 };

struct digest_reader { struct db *db; int64_t until_us; };

enum err digest_reader_open(const char *folder, struct digest_reader **out, struct fault *fault)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/digest.db", folder);
    if (access(path, F_OK) != 0)
        return fail(fault, ERR_MISSING, "there is no %s: nothing was digested yet", path);
    struct digest_reader *r = calloc(1, sizeof *r);
    if (!r)
        return fail(fault, ERR_LIMIT, "no memory to read digest.db");
    r->until_us = INT64_MAX;
    enum err e = db_open(path, DB_READ, &r->db, fault);
    if (e == OK)
        e = db_prepare(r->db, look_statements, look_statement_count, fault);
    if (e != OK) {
        digest_reader_close(r);
        return e;
    }
    *out = r;
    return OK;
}

void digest_reader_close(struct digest_reader *r)
{
    if (!r)
        return;
    db_close(r->db);
    free(r);
}

void digest_reader_until(struct digest_reader *r, int64_t until_us) { r->until_us = until_us; }

static json_t *time_json(int64_t us)
{
    char text[32];
    return us > 0 ? json_string(clock_format(us, text, sizeof text)) : json_null();
}

static json_t *text_json(struct db_rows *r, int column) { return db_null(r, column) ? json_null() : json_string(db_text(r, column)); }

/* Division that knows nothing when there is nothing. */
static json_t *share(int64_t part, int64_t of) { return of > 0 ? json_real((double)part / (double)of) : json_null(); }

enum err digest_read_trace(struct digest_reader *r, unsigned shard, digest_block *take, void *ctx, struct fault *fault)
{
    struct db_rows rows;
    enum err       e = db_ask(r->db, sql_look_trace, &rows, fault, "i", (int)shard);
    if (e != OK)
        return e;
    while (db_next(&rows) && take(ctx, (uint64_t)db_int(&rows, 0), db_blob(&rows, 1)))
        ;
    return db_end(r->db, &rows, fault);
}

enum err digest_read_errors(struct digest_reader *r, const char *tenant, int64_t since_us, int limit, json_t **out, struct fault *fault)
{
    struct db_rows rows;
    enum err       e = db_ask(r->db, sql_look_errors, &rows, fault, "ItiI", since_us, tenant, limit, r->until_us);
    if (e != OK)
        return e;
    json_t *list = json_array();
    while (db_next(&rows))
        json_array_append_new(list, json_pack("{s:s, s:s, s:I, s:I, s:o, s:I, s:I, s:o}", "urn", db_text(&rows, 0), "tenant", db_text(&rows, 1),
                              "logs", (json_int_t)db_int(&rows, 2), "errors", (json_int_t)db_int(&rows, 3), "error_rate", share(db_int(&rows, 3), db_int(&rows, 2)),
                              "calls", (json_int_t)db_int(&rows, 4), "calls_failed", (json_int_t)db_int(&rows, 5), "call_error_rate", share(db_int(&rows, 5), db_int(&rows, 4))));
    *out = list;
    return db_end(r->db, &rows, fault);
}

static enum err services(struct digest_reader *r, const char *tenant, const char *name, int64_t *id, char urn[][320], int *n, struct fault *fault)
{
    struct db_rows rows;
    *n = 0;
    enum err e = db_ask(r->db, sql_look_service, &rows, fault, "tt", name, tenant);
    if (e != OK)
        return e;
    while (db_next(&rows) && *n < SERVICES_MAX) {
        id[*n] = db_int(&rows, 0);
        (void)snprintf(urn[*n], 320, "%s", db_text(&rows, 1));
        ++*n;
    }
    e = db_end(r->db, &rows, fault);
    if (e == OK && *n == 0) {
        (void)fail(fault, ERR_MISSING, "nothing that came in speaks of a service '%s'", name);
        fail_hint(fault, "homeostat look errors lists what is known; a name, or a whole URN such as urn:svc:%s", name);
        return ERR_MISSING;
    }
    return e;
}

static enum err patterns(struct digest_reader *r, const char *tenant, int64_t resource, int64_t since_us, int limit, json_t **out, struct fault *fault)
{
    struct db_rows rows;
    enum err       e = db_ask(r->db, sql_look_patterns, &rows, fault, "IIitI", resource, since_us, limit, tenant, r->until_us);
    if (e != OK)
        return e;
    json_t *list = json_array();
    while (db_next(&rows))
        json_array_append_new(list, json_pack("{s:I, s:o, s:o, s:I, s:I, s:o, s:o, s:s}", "fingerprint_id", (json_int_t)db_int(&rows, 0), "pattern", text_json(&rows, 1),
                              "severity", text_json(&rows, 2), "count", (json_int_t)db_int(&rows, 3), "errors", (json_int_t)db_int(&rows, 4), "sample", text_json(&rows, 5),
                              "last", time_json(db_int(&rows, 6)), "urn", db_text(&rows, 7)));
    *out = list;
    return db_end(r->db, &rows, fault);
}

static enum err locators(struct digest_reader *r, int64_t resource, int64_t since_us, json_t **out, struct fault *fault)
{
    struct db_rows rows;
    enum err       e = db_ask(r->db, sql_look_locators, &rows, fault, "IIiI", resource, since_us, INNER_MAX, r->until_us);
    if (e != OK)
        return e;
    json_t *list = json_array();
    while (db_next(&rows))
        json_array_append_new(list, json_pack("{s:I, s:s, s:s, s:o, s:o, s:o, s:I}", "id", (json_int_t)db_int(&rows, 0), "dataset", db_text(&rows, 1), "object_key",
                              db_text(&rows, 2), "from", time_json(db_int(&rows, 3)), "to", time_json(db_int(&rows, 4)), "query_hint", text_json(&rows, 5), "events",
                              (json_int_t)db_int(&rows, 6)));
    *out = list;
    return db_end(r->db, &rows, fault);
}

/* What its logs say and where the raw data is, into the object of a thing. */
static enum err dress(struct digest_reader *r, json_t *of, int64_t resource, int64_t since_us, struct fault *fault)
{
    json_t  *list = NULL;
    enum err e = patterns(r, "", resource, since_us, INNER_MAX, &list, fault);
    json_object_set_new(of, "patterns", list ? list : json_array());
    list = NULL;
    if (e == OK)
        e = locators(r, resource, since_us, &list, fault);
    json_object_set_new(of, "locators", list ? list : json_array());
    return e;
}

enum err digest_read_downstreams(struct digest_reader *r, const char *tenant, const char *service, int64_t since_us, int limit, json_t **out, struct fault *fault)
{
    int64_t  id[SERVICES_MAX], found[512];
    char     urn[SERVICES_MAX][320];
    int      n, m = 0;
    enum err e = services(r, tenant, service, id, urn, &n, fault);
    if (e != OK)
        return e;
    json_t *all = json_object(), *list = json_array(), *names = json_array();
    for (int i = 0; i < n && e == OK; i++) {
        struct db_rows rows;
        json_array_append_new(names, json_string(urn[i]));
        e = db_ask(r->db, sql_look_downstreams, &rows, fault, "IIiI", id[i], since_us, limit < 500 ? limit : 500, r->until_us);
        if (e != OK)
            break;
        while (db_next(&rows) && m < 512) {
            found[m++] = db_int(&rows, 0);
            json_array_append_new(list, json_pack("{s:s, s:s, s:I, s:I, s:o, s:f, s:f, s:f, s:o, s:I}", "from", urn[i], "urn", db_text(&rows, 1), "calls", (json_int_t)db_int(&rows, 2),
                                  "errors", (json_int_t)db_int(&rows, 3), "err_rate", share(db_int(&rows, 3), db_int(&rows, 2)), "p50_ms", sqlite3_column_double(rows.s, 4), "p95_ms",
                                  sqlite3_column_double(rows.s, 5), "rps", sqlite3_column_double(rows.s, 8), "last", time_json(db_int(&rows, 6)), "sample_record", (json_int_t)db_int(&rows, 7)));
        }
        e = db_end(r->db, &rows, fault);
    }
    for (int i = 0; i < m && e == OK; i++)
        e = dress(r, json_array_get(list, (size_t)i), found[i], since_us, fault);
    json_object_set_new(all, "service", names);
    json_object_set_new(all, "since", time_json(since_us));
    json_object_set_new(all, "downstreams", list);
    if (e == OK)
        e = dress(r, all, id[0], since_us, fault);
    if (e != OK)
        json_decref(all);
    else
        *out = all;
    return e;
}

enum err digest_read_patterns(struct digest_reader *r, const char *tenant, const char *service, int64_t since_us, int limit, json_t **out, struct fault *fault)
{
    int64_t id[SERVICES_MAX] = { 0 };
    char    urn[SERVICES_MAX][320];
    int     n = 1;
    enum err e = *service ? services(r, tenant, service, id, urn, &n, fault) : OK;
    json_t  *all = json_array();
    for (int i = 0; i < n && e == OK; i++) {
        json_t *list = NULL;
        e = patterns(r, tenant, id[i], since_us, limit, &list, fault);
        if (list)
            json_array_extend(all, list);
        json_decref(list);
    }
    if (e != OK)
        json_decref(all);
    else
        *out = all;
    return e;
}

enum err digest_read_events(struct digest_reader *r, const char *tenant, const char *kind, const char *service, int64_t since_us, int limit, json_t **out, struct fault *fault)
{
    struct db_rows rows;
    enum err       e = db_ask(r->db, sql_look_events, &rows, fault, "IitItt", since_us, limit, tenant, r->until_us, kind, service);
    if (e != OK)
        return e;
    json_t *list = json_array();
    while (db_next(&rows))
        json_array_append_new(list, json_pack("{s:s, s:o, s:s, s:s, s:s, s:s, s:o, s:I, s:b}", "event_id", db_text(&rows, 0), "detected_at", time_json(db_int(&rows, 1)), "tenant",
                              db_text(&rows, 2), "urn", db_text(&rows, 3), "severity", db_text(&rows, 4), "kind", db_text(&rows, 5), "title", text_json(&rows, 6),
                              "evidence", (json_int_t)db_int(&rows, 7), "complete", db_int(&rows, 8) == 0));
    *out = list;
    return db_end(r->db, &rows, fault);
}

static json_t *number_json(struct db_rows *r, int column) { return db_null(r, column) ? json_null() : json_integer((json_int_t)db_int(r, column)); }

static json_t *evidence_json(struct db_rows *r)
{
    return json_pack("{s:I, s:s, s:o, s:o, s:f, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "evidence_id", (json_int_t)db_int(r, 0), "dim", db_text(r, 1), "ref", db_json(r, 2), "note",
                     text_json(r, 3), "score", db_real(r, 7), "bucket", text_json(r, 4), "object_key", text_json(r, 5), "query_hint", text_json(r, 6), "first_record", number_json(r, 8),
                     "last_record", number_json(r, 9), "dataset", text_json(r, 12), "from", time_json(db_int(r, 10)), "to", time_json(db_int(r, 11)));
}

enum err digest_read_event(struct digest_reader *r, const char *id, json_t **out, struct fault *fault)
{
    struct db_rows rows;
    json_t        *event = NULL;
    enum err       e = db_ask(r->db, sql_look_event, &rows, fault, "t", id);
    if (e != OK)
        return e;
    if (db_next(&rows))
        event = json_pack("{s:s, s:o, s:o, s:o, s:s, s:s, s:o, s:o, s:o, s:s, s:b}", "event_id", db_text(&rows, 0), "title", text_json(&rows, 1), "detected_at", time_json(db_int(&rows, 2)),
                          "urn", text_json(&rows, 3), "severity", db_text(&rows, 4), "kind", db_text(&rows, 5), "summary", text_json(&rows, 6), "labels", db_json(&rows, 7),
                          "fingerprints", db_json(&rows, 8), "tenant", db_text(&rows, 9), "complete", db_int(&rows, 10) == 0);
    e = db_end(r->db, &rows, fault);
    if (e == OK && !event)
        return fail(fault, ERR_MISSING, "there is no event %s", id);
    json_t *list = json_array();
    if (e == OK && (e = db_ask(r->db, sql_look_evidence, &rows, fault, "t", id)) == OK) {
        while (db_next(&rows))
            json_array_append_new(list, evidence_json(&rows));
        e = db_end(r->db, &rows, fault);
    }
    if (event)
        json_object_set_new(event, "evidence", list);
    if (e != OK)
        json_decref(event);
    else
        *out = event;
    return e;
}

enum err digest_read_jobs(struct digest_reader *r, int limit, json_t **out, struct fault *fault)
{
    struct db_rows rows;
    enum err       e = db_ask(r->db, sql_look_jobs, &rows, fault, "i", limit);
    if (e != OK)
        return e;
    json_t *runs = json_array(), *circuits = json_array();
    while (db_next(&rows))
        json_array_append_new(runs, json_pack("{s:s, s:s, s:o, s:o, s:s, s:I, s:I, s:o, s:o, s:o}", "job", db_text(&rows, 0), "tenant", db_text(&rows, 1), "from", time_json(db_int(&rows, 2)),
                              "to", time_json(db_int(&rows, 3)), "status", db_text(&rows, 4), "attempts", (json_int_t)db_int(&rows, 5), "rows", (json_int_t)db_int(&rows, 6), "error",
                              text_json(&rows, 7), "asked_at", time_json(db_int(&rows, 8)), "finished_at", time_json(db_int(&rows, 9))));
    e = db_end(r->db, &rows, fault);
    if (e == OK && (e = db_ask(r->db, sql_look_circuits, &rows, fault, "")) == OK) {
        while (db_next(&rows))
            json_array_append_new(circuits, json_pack("{s:s, s:s, s:s, s:I, s:o}", "job", db_text(&rows, 0), "tenant", db_text(&rows, 1), "state", db_text(&rows, 2), "failures",
                                  (json_int_t)db_int(&rows, 3), "open_until", time_json(db_int(&rows, 4))));
        e = db_end(r->db, &rows, fault);
    }
    *out = json_pack("{s:o, s:o}", "runs", runs, "circuits", circuits);
    return e;
}
