/* store/digest_read.c */
#include "store/digest_read.h"

#include "base/clock.h"
#include "base/utf8.h"
#include "store/db.h"
#include "store/digest_read_sql.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { THINGS_MAX = 16, ROWS_MAX = 1000, INNER_MAX = 5, INNER_METRICS = 12, SERIES_MAX = 5000, INNER_SERIES = 300, NAME_SIZE = 300, URN_SIZE = 320, SCHEMAS_BYTES = 8 * 1024 * 1024 };

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
static json_t *real_json(struct db_rows *r, int column) { return db_null(r, column) ? json_null() : json_real(db_real(r, column)); }

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

/* To whom asked, who owns it then; only if all of it could be read. */
static enum err handed(enum err e, json_t *all, json_t **out)
{
    if (e == OK)
        *out = all;
    else
        json_decref(all);
    return e;
}

enum err digest_read_errors(struct digest_reader *r, const char *tenant, int64_t since_us, int limit, json_t **out, struct fault *fault)
{
    struct db_rows rows;
    enum err       e = db_ask(r->db, sql_look_errors, &rows, fault, "ItiI", since_us, tenant, limit, r->until_us);
    if (e != OK)
        return e;
    json_t *list = json_array();
    while (db_next(&rows))
        json_array_append_new(list, json_pack("{s:s, s:s, s:I, s:I, s:o, s:I, s:I, s:o, s:b}", "urn", db_text(&rows, 0), "tenant", db_text(&rows, 1),
                              "logs", (json_int_t)db_int(&rows, 2), "errors", (json_int_t)db_int(&rows, 3), "error_rate", share(db_int(&rows, 3), db_int(&rows, 2)),
                              "calls", (json_int_t)db_int(&rows, 4), "calls_failed", (json_int_t)db_int(&rows, 5), "call_error_rate", share(db_int(&rows, 5), db_int(&rows, 4)),
                              "metrics", db_int(&rows, 6) != 0));
    return handed(db_end(r->db, &rows, fault), list, out);
}

/* ---- what is meant by a name ---- */

struct thing { int64_t id; char urn[URN_SIZE], tenant[128]; };
struct things { struct thing thing[THINGS_MAX]; int n; bool cut; };

/* As digest/place.h writes names down; in a URN the slash has a meaning and stays. */
static void cleaned(const char *said, bool urn, char out[NAME_SIZE])
{
    size_t n = 0;
    for (; *said && n + 1 < NAME_SIZE; said++) {
        unsigned char c = (unsigned char)*said;
        out[n++] = c <= ' ' || c == 0x7f || (c == '/' && !urn) || c == '"' || c == '\\' ? '_' : (char)c;
    }
    out[n] = '\0';
    utf8_clean(out, '_');
}

static enum err things_named(struct digest_reader *r, const char *tenant, const char *said, struct things *t, struct fault *fault)
{
    struct db_rows rows;
    char           urn[NAME_SIZE], name[NAME_SIZE];
    cleaned(said, true, urn);
    cleaned(said, false, name);
    *t = (struct things){ 0 };
    enum err e = db_ask(r->db, sql_look_service, &rows, fault, "tttti", said, urn, name, tenant, THINGS_MAX + 1);
    if (e != OK)
        return e;
    while (db_next(&rows) && !(t->cut = t->n == THINGS_MAX)) {
        struct thing *one = &t->thing[t->n++];
        one->id = db_int(&rows, 0);
        (void)snprintf(one->urn, sizeof one->urn, "%s", db_text(&rows, 1));
        (void)snprintf(one->tenant, sizeof one->tenant, "%s", db_text(&rows, 2));
    }
    e = db_end(r->db, &rows, fault);
    if (e == OK && t->n == 0) {
        (void)fail(fault, ERR_MISSING, "nothing that came in speaks of a service '%.200s'%s%.60s", said, *tenant ? " of the tenant " : "", tenant);
        fail_hint(fault, "homeostat look services lists what is known; a name, or a whole URN such as urn:svc:%.200s", name);
        return ERR_MISSING;
    }
    return e;
}

static json_t *urns_json(const struct things *t)
{
    json_t *list = json_array();
    for (int i = 0; i < t->n; i++)
        json_array_append_new(list, json_string(t->thing[i].urn));
    return list;
}

/* ---- what is told of a thing: rows that are appended to a list ---- */

/* resource 0: of all. */
static enum err add_patterns(struct digest_reader *r, const char *tenant, int64_t resource, int64_t since_us, int limit, json_t *list, struct fault *fault)
{
    struct db_rows rows;
    enum err       e = resource ? db_ask(r->db, sql_look_patterns_of, &rows, fault, "IIitI", resource, since_us, limit, tenant, r->until_us)
                                : db_ask(r->db, sql_look_patterns, &rows, fault, "IitI", since_us, limit, tenant, r->until_us);
    if (e != OK)
        return e;
    while (db_next(&rows))
        json_array_append_new(list, json_pack("{s:I, s:o, s:o, s:I, s:I, s:o, s:o, s:s, s:s}", "fingerprint_id", (json_int_t)db_int(&rows, 0), "pattern", text_json(&rows, 1),
                              "severity", text_json(&rows, 2), "count", (json_int_t)db_int(&rows, 3), "errors", (json_int_t)db_int(&rows, 4), "sample", text_json(&rows, 5),
                              "last", time_json(db_int(&rows, 6)), "urn", db_text(&rows, 7), "tenant", db_text(&rows, 8)));
    return db_end(r->db, &rows, fault);
}

static enum err add_locators(struct digest_reader *r, const struct thing *t, int64_t since_us, json_t *list, struct fault *fault)
{
    struct db_rows rows;
    enum err       e = db_ask(r->db, sql_look_locators, &rows, fault, "IIiI", t->id, since_us, INNER_MAX, r->until_us);
    if (e != OK)
        return e;
    while (db_next(&rows))
        json_array_append_new(list, json_pack("{s:I, s:s, s:s, s:o, s:o, s:o, s:I, s:s, s:s}", "id", (json_int_t)db_int(&rows, 0), "dataset", db_text(&rows, 1), "object_key",
                              db_text(&rows, 2), "from", time_json(db_int(&rows, 3)), "to", time_json(db_int(&rows, 4)), "query_hint", text_json(&rows, 5), "events",
                              (json_int_t)db_int(&rows, 6), "urn", t->urn, "tenant", t->tenant));
    return db_end(r->db, &rows, fault);
}

static enum err add_metrics(struct digest_reader *r, const struct thing *t, int64_t since_us, int limit, int series_max, json_t *list, bool *cut, struct fault *fault)
{
    struct db_rows rows;
    int            n = 0;
    enum err       e = db_ask(r->db, sql_look_metrics, &rows, fault, "IIIii", t->id, since_us, r->until_us, limit + 1, series_max);
    if (e != OK)
        return e;
    while (db_next(&rows)) {
        *cut |= db_int(&rows, 8) || n == limit;
        if (n++ == limit)
            break;
        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:o, s:I, s:o, s:o, s:o, s:o, s:I}", "urn", t->urn, "tenant", t->tenant, "metric", db_text(&rows, 0), "time",
                              time_json(db_int(&rows, 1)), "series", (json_int_t)db_int(&rows, 2), "avg", real_json(&rows, 3), "max", real_json(&rows, 4), "p95", real_json(&rows, 5), "min",
                              real_json(&rows, 6), "samples", (json_int_t)db_int(&rows, 7)));
    }
    return db_end(r->db, &rows, fault);
}

static enum err add_minutes(struct digest_reader *r, const struct thing *t, const char *metric, int64_t since_us, int limit, json_t *list, bool *cut, struct fault *fault)
{
    struct db_rows rows;
    int            n = 0;
    enum err       e = db_ask(r->db, sql_look_minutes, &rows, fault, "ItIIii", t->id, metric, since_us, r->until_us, limit + 1, SERIES_MAX);
    if (e != OK)
        return e;
    while (db_next(&rows)) {
        *cut |= db_int(&rows, 7) || n == limit;
        if (n++ == limit)
            break;
        json_array_append_new(list, json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:I}", "urn", t->urn, "tenant", t->tenant, "time", time_json(db_int(&rows, 0)), "labels", db_json(&rows, 1),
                              "avg", real_json(&rows, 2), "max", real_json(&rows, 3), "p95", real_json(&rows, 4), "min", real_json(&rows, 5), "samples", (json_int_t)db_int(&rows, 6)));
    }
    return db_end(r->db, &rows, fault);
}

/* The list under this name, made when it is not there. Borrowed. */
static json_t *member_list(json_t *of, const char *name)
{
    json_t *list = json_object_get(of, name);
    if (!list)
        json_object_set_new(of, name, list = json_array());
    return list;
}

/* What its logs say, its metrics, and where the raw data is, into an object. */
static enum err dress(struct digest_reader *r, json_t *of, const struct thing *t, int64_t since_us, struct fault *fault)
{
    bool     cut = json_is_true(json_object_get(of, "metrics_cut"));
    enum err e = add_patterns(r, "", t->id, since_us, INNER_MAX, member_list(of, "patterns"), fault);
    if (e == OK)
        e = add_locators(r, t, since_us, member_list(of, "locators"), fault);
    if (e == OK)
        e = add_metrics(r, t, since_us, INNER_METRICS, INNER_SERIES, member_list(of, "metrics"), &cut, fault);
    json_object_set_new(of, "metrics_cut", json_boolean(cut));
    return e;
}

/* ---- the questions ---- */

/* Whom a thing calls, without what its own logs say. found: their numbers, in the order of the list. */
static enum err add_downstreams(struct digest_reader *r, const struct thing *t, int64_t since_us, int limit, json_t *list, int64_t *found, bool *cut, struct fault *fault)
{
    struct db_rows rows;
    enum err       e = db_ask(r->db, sql_look_downstreams, &rows, fault, "IIiI", t->id, since_us, limit - (int)json_array_size(list) + 1, r->until_us);
    if (e != OK)
        return e;
    while (db_next(&rows)) {
        if ((*cut |= json_array_size(list) == (size_t)limit))
            break;
        found[json_array_size(list)] = db_int(&rows, 0);
        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:I}", "tenant", t->tenant, "from", t->urn, "urn", db_text(&rows, 1), "calls",
                              (json_int_t)db_int(&rows, 2), "errors", (json_int_t)db_int(&rows, 3), "err_rate", share(db_int(&rows, 3), db_int(&rows, 2)), "p50_ms", real_json(&rows, 4), "p95_ms",
                              real_json(&rows, 5), "rps", real_json(&rows, 8), "last", time_json(db_int(&rows, 6)), "sample_record", (json_int_t)db_int(&rows, 7)));
    }
    return db_end(r->db, &rows, fault);
}

static enum err dress_downstream(struct digest_reader *r, json_t *row, int64_t id, int64_t since_us, struct fault *fault)
{
    struct thing t = { .id = id };
    (void)snprintf(t.urn, sizeof t.urn, "%s", json_string_value(json_object_get(row, "urn")));
    (void)snprintf(t.tenant, sizeof t.tenant, "%s", json_string_value(json_object_get(row, "tenant")));
    return dress(r, row, &t, since_us, fault);
}

enum err digest_read_downstreams(struct digest_reader *r, const char *tenant, const char *service, int64_t since_us, int limit, json_t **out, struct fault *fault)
{
    struct things t;
    int64_t       found[ROWS_MAX];
    enum err      e = things_named(r, tenant, service, &t, fault);
    if (e != OK)
        return e;
    json_t *list = json_array(), *all = json_pack("{s:o, s:o, s:o}", "service", urns_json(&t), "since", time_json(since_us), "downstreams", list);
    for (int i = 0; i < t.n && e == OK; i++)
        e = add_downstreams(r, &t.thing[i], since_us, limit < ROWS_MAX ? limit : ROWS_MAX, list, found, &t.cut, fault);
    for (size_t i = 0; i < json_array_size(list) && e == OK; i++)
        e = dress_downstream(r, json_array_get(list, i), found[i], since_us, fault);
    for (int i = 0; i < t.n && e == OK; i++)
        e = dress(r, all, &t.thing[i], since_us, fault);
    json_object_set_new(all, "cut", json_boolean(t.cut));
    return handed(e, all, out);
}

enum err digest_read_metrics(struct digest_reader *r, const char *tenant, const char *service, const char *metric, int64_t since_us, int limit, json_t **out, struct fault *fault)
{
    struct things t;
    enum err      e = things_named(r, tenant, service, &t, fault);
    if (e != OK)
        return e;
    json_t *list = json_array(), *all = json_pack("{s:o, s:o, s:o}", "service", urns_json(&t), "since", time_json(since_us), *metric ? "minutes" : "metrics", list);
    if (*metric)
        json_object_set_new(all, "metric", json_string(metric));
    for (int i = 0; i < t.n && e == OK; i++)
        e = *metric ? add_minutes(r, &t.thing[i], metric, since_us, limit, list, &t.cut, fault) : add_metrics(r, &t.thing[i], since_us, limit, SERIES_MAX, list, &t.cut, fault);
    json_object_set_new(all, "cut", json_boolean(t.cut));
    return handed(e, all, out);
}

enum err digest_read_patterns(struct digest_reader *r, const char *tenant, const char *service, int64_t since_us, int limit, json_t **out, struct fault *fault)
{
    struct things t = { .n = 1 };                        /* number 0: of all */
    enum err      e = *service ? things_named(r, tenant, service, &t, fault) : OK;
    if (e != OK)
        return e;
    json_t *all = json_array();
    for (int i = 0; i < t.n && e == OK; i++)
        e = add_patterns(r, tenant, t.thing[i].id, since_us, limit, all, fault);
    return handed(e, all, out);
}

enum err digest_read_events(struct digest_reader *r, const char *tenant, const char *kind, const char *service, int64_t since_us, int limit, json_t **out, struct fault *fault)
{
    char           urn[NAME_SIZE], name[NAME_SIZE];
    struct db_rows rows;
    cleaned(service, true, urn);
    cleaned(service, false, name);
    enum err e = db_ask(r->db, sql_look_events, &rows, fault, "IitItttt", since_us, limit, tenant, r->until_us, kind, service, urn, name);
    if (e != OK)
        return e;
    json_t *list = json_array();
    while (db_next(&rows))
        json_array_append_new(list, json_pack("{s:s, s:o, s:s, s:s, s:s, s:s, s:o, s:I, s:b}", "event_id", db_text(&rows, 0), "detected_at", time_json(db_int(&rows, 1)), "tenant",
                              db_text(&rows, 2), "urn", db_text(&rows, 3), "severity", db_text(&rows, 4), "kind", db_text(&rows, 5), "title", text_json(&rows, 6),
                              "evidence", (json_int_t)db_int(&rows, 7), "complete", db_int(&rows, 8) == 0));
    return handed(db_end(r->db, &rows, fault), list, out);
}

static json_t *number_json(struct db_rows *r, int column) { return db_null(r, column) ? json_null() : json_integer((json_int_t)db_int(r, column)); }

static json_t *evidence_json(struct db_rows *r)
{
    return json_pack("{s:I, s:s, s:o, s:o, s:f, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "evidence_id", (json_int_t)db_int(r, 0), "dim", db_text(r, 1), "ref", db_json(r, 2), "note",
                     text_json(r, 3), "score", db_real(r, 7), "bucket", text_json(r, 4), "object_key", text_json(r, 5), "query_hint", text_json(r, 6), "first_record", number_json(r, 8),
                     "last_record", number_json(r, 9), "dataset", text_json(r, 12), "from", time_json(db_int(r, 10)), "to", time_json(db_int(r, 11)));
}

enum err digest_read_event(struct digest_reader *r, const char *tenant, const char *id, json_t **out, struct fault *fault)
{
    struct db_rows rows;
    json_t        *event = NULL;
    enum err       e = db_ask(r->db, sql_look_event, &rows, fault, "tt", id, tenant);
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
    else
        json_decref(list);
    return handed(e, event, out);
}

enum err digest_read_jobs(struct digest_reader *r, const char *tenant, int limit, json_t **out, struct fault *fault)
{
    struct db_rows rows;
    enum err       e = db_ask(r->db, sql_look_jobs, &rows, fault, "it", limit, tenant);
    if (e != OK)
        return e;
    json_t *runs = json_array(), *circuits = json_array();
    while (db_next(&rows))
        json_array_append_new(runs, json_pack("{s:s, s:s, s:o, s:o, s:s, s:I, s:I, s:o, s:o, s:o}", "job", db_text(&rows, 0), "tenant", db_text(&rows, 1), "from", time_json(db_int(&rows, 2)),
                              "to", time_json(db_int(&rows, 3)), "status", db_text(&rows, 4), "attempts", (json_int_t)db_int(&rows, 5), "rows", (json_int_t)db_int(&rows, 6), "error",
                              text_json(&rows, 7), "asked_at", time_json(db_int(&rows, 8)), "finished_at", time_json(db_int(&rows, 9))));
    e = db_end(r->db, &rows, fault);
    if (e == OK && (e = db_ask(r->db, sql_look_circuits, &rows, fault, "t", tenant)) == OK) {
        while (db_next(&rows))
            json_array_append_new(circuits, json_pack("{s:s, s:s, s:s, s:I, s:o}", "job", db_text(&rows, 0), "tenant", db_text(&rows, 1), "state", db_text(&rows, 2), "failures",
                                  (json_int_t)db_int(&rows, 3), "open_until", time_json(db_int(&rows, 4))));
        e = db_end(r->db, &rows, fault);
    }
    return handed(e, json_pack("{s:o, s:o}", "runs", runs, "circuits", circuits), out);
}

enum err digest_read_tables(struct digest_reader *r, const char *tenant, int limit, json_t **out, struct fault *fault)
{
    struct db_rows rows;
    size_t         bytes = 0;
    bool           cut = false;
    enum err       e = db_ask(r->db, sql_look_tables, &rows, fault, "it", limit, tenant);
    if (e != OK)
        return e;
    json_t *tables = json_array();
    while (!cut && db_next(&rows)) {
        const char *text = db_text(&rows, 2);
        bytes += strlen(text);
        cut = json_array_size(tables) == (size_t)limit || bytes > SCHEMAS_BYTES;
        json_t *schema = cut ? NULL : json_loads(text, JSON_ALLOW_NUL, NULL);
        if (!cut)
            json_array_append_new(tables, json_pack("{s:s, s:s, s:O?, s:o, s:o}", "table", db_text(&rows, 0), "tenant", db_text(&rows, 1), "kind", json_object_get(schema, "kind"), "created_at",
                                  time_json(db_int(&rows, 3)), "schema", schema ? schema : json_null()));
    }
    e = db_end(r->db, &rows, fault);
    return handed(e, json_pack("{s:o, s:b}", "tables", tables, "cut", (int)cut), out);
}
