/* store/digest_evidence.c - events and their evidence. */
#include "store/digest_evidence.h"

#include "base/id.h"
#include "store/digest_evidence_sql.h"
#include "store/digest_sql.h"
#include "store/inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- events ---- */

static enum err said_before(struct digest_store *s, struct digest_event *v, struct fault *fault)
{
    struct db_rows r;
    enum err       e = db_ask(s->db, sql_evidence_event_said, &r, fault, "t", v->id);
    if (e != OK)
        return e;
    bool same = db_next(&r) && strcmp(db_text(&r, 0), v->said ? v->said : "") == 0;
    v->at_us = same ? db_int(&r, 1) : v->at_us;
    e = db_end(s->db, &r, fault);
    if (e != OK || same)
        return e;
    (void)fail(fault, ERR_CONFLICT, "event %s is there already, and says something else", v->id);
    fail_hint(fault, "what happened stays as it was told; a new event needs an id of its own");
    return ERR_CONFLICT;
}

enum err digest_event_put(struct digest_store *s, struct digest_event *v, bool *created, struct fault *fault)
{
    json_t  *prints = v->said && *v->said ? json_pack("{s:s}", "said", v->said) : NULL;
    if (prints && v->fingerprints)
        (void)json_object_update_missing(prints, (json_t *)v->fingerprints);
    enum err e = db_run(s->db, sql_digest_event_put, fault, "tIIIttttjj", v->id, v->at_us, v->tenant_id, v->resource_id, v->severity, v->kind, v->title, v->summary, v->labels,
                        prints ? prints : v->fingerprints);
    json_decref(prints);
    *created = e == OK && db_changes(s->db) > 0;
    return e == OK && !*created ? said_before(s, v, fault) : e;
}

static enum err one_number(struct digest_store *s, struct db_rows *r, int64_t *n, struct fault *fault)
{
    bool there = db_next(r);
    *n = there ? db_int(r, 0) : 0;
    enum err e = db_end(s->db, r, fault);
    return e == OK && !there ? ERR_MISSING : e;
}

enum err digest_service_find(struct digest_store *s, int64_t tenant_id, const char *name, int64_t *id, struct fault *fault)
{
    struct db_rows r;
    enum err       e = db_ask(s->db, sql_evidence_named, &r, fault, "It", tenant_id, name);
    return e == OK ? one_number(s, &r, id, fault) : e;
}

/* ---- evidence ---- */

enum err digest_evidence_put(struct digest_store *s, const char *event, const char *dim, const json_t *ref, int64_t locator, double score, const char *note, int64_t *id, struct fault *fault)
{
    struct db_rows r;
    char          *text = ref ? json_dumps(ref, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    enum err e = db_run(s->db, sql_digest_evidence_put, fault, "tttItr", event, dim, text, locator, note, score);
    if (e == OK && id && (e = db_ask(s->db, sql_evidence_id, &r, fault, "tttI", event, dim, text, locator)) == OK)
        e = one_number(s, &r, id, fault);
    free(text);
    return e;
}

enum err digest_evidence_only(struct digest_store *s, const char *event, const json_t *ids, struct fault *fault)
{
    return db_run(s->db, sql_evidence_only, fault, "tj", event, ids);
}

/* ---- events that are still looked at ---- */

enum err digest_open_put(struct digest_store *s, const char *event, int64_t told_us, int64_t due_us, struct fault *fault)
{
    return db_run(s->db, sql_evidence_open_put, fault, "tII", event, told_us, due_us);
}

enum err digest_open_gone(struct digest_store *s, const char *event, struct fault *fault) { return db_run(s->db, sql_evidence_open_gone, fault, "t", event); }

enum err digest_open_count(struct digest_store *s, int64_t *n, struct fault *fault)
{
    struct db_rows r;
    enum err       e = db_ask(s->db, sql_evidence_open_count, &r, fault, "");
    return e == OK ? one_number(s, &r, n, fault) : e;
}

enum err digest_open_due(struct digest_store *s, int64_t upper_us, struct digest_due *d, struct fault *fault)
{
    struct db_rows r;
    enum err       e = db_ask(s->db, sql_evidence_due, &r, fault, "I", upper_us);
    if (e != OK)
        return e;
    bool there = db_next(&r);
    if (there) {
        *d = (struct digest_due){ .tenant_id = db_int(&r, 1), .resource_id = db_int(&r, 2), .at_us = db_int(&r, 3), .told_us = db_int(&r, 6) };
        (void)snprintf(d->id, sizeof d->id, "%s", db_text(&r, 0));
        (void)snprintf(d->urn, sizeof d->urn, "%s", db_text(&r, 4));
        (void)snprintf(d->host, sizeof d->host, "%s", db_text(&r, 5));
    }
    e = db_end(s->db, &r, fault);
    return e == OK && !there ? ERR_MISSING : e;
}

/* ---- what is looked through ---- */

/* The second that stands behind a number, see sql/digest/evidence.sql. */
static int64_t moment_in(struct db_rows *r, int column) { return db_int(r, column) % INT64_C(100000000000) * 1000000; }

enum err digest_calls_around(struct digest_store *s, int64_t resource, const struct digest_around *a, int limit, digest_call_take *take, void *ctx, struct fault *fault)
{
    struct db_rows r;
    enum err       e = db_ask(s->db, sql_evidence_calls, &r, fault, "IIIIi", resource, a->before_us, a->from_us, a->to_us, limit);
    if (e != OK)
        return e;
    while (db_next(&r)) {
        struct digest_call_around c = { .src = db_int(&r, 0), .src_urn = db_text(&r, 1), .dst = db_int(&r, 2), .dst_urn = db_text(&r, 3), .calls = db_int(&r, 4), .errors = db_int(&r, 5),
            .p95_ms = db_real(&r, 6), .calls_before = db_int(&r, 7), .errors_before = db_int(&r, 8), .p95_before_ms = db_real(&r, 9), .worst = db_real(&r, 10), .worst_us = moment_in(&r, 11) };
        if (!take(ctx, &c))
            break;
    }
    return db_end(s->db, &r, fault);
}

enum err digest_patterns_around(struct digest_store *s, int64_t resource, const struct digest_around *a, int limit, digest_pattern_take *take, void *ctx, struct fault *fault)
{
    struct db_rows r;
    enum err       e = db_ask(s->db, sql_evidence_patterns, &r, fault, "IIIIi", resource, a->before_us, a->from_us, a->to_us, limit);
    if (e != OK)
        return e;
    while (db_next(&r)) {
        struct digest_pattern_around p = { .fingerprint = db_int(&r, 0), .pattern = db_text(&r, 1), .severity = db_text(&r, 2), .peak = db_int(&r, 3), .total = db_int(&r, 4),
            .errors = db_int(&r, 5), .before = db_int(&r, 6), .peak_us = moment_in(&r, 7) };
        if (!take(ctx, &p))
            break;
    }
    return db_end(s->db, &r, fault);
}

enum err digest_logs_before(struct digest_store *s, int64_t resource, const struct digest_around *a, bool *any, struct fault *fault)
{
    struct db_rows r;
    int64_t        n = 0;
    enum err       e = db_ask(s->db, sql_evidence_logs_before, &r, fault, "III", resource, a->before_us, a->from_us);
    if (e == OK)
        e = one_number(s, &r, &n, fault);
    *any = n != 0;
    return e;
}

enum err digest_series_next(struct digest_store *s, int64_t resource, struct digest_series *at, struct fault *fault)
{
    struct db_rows r;
    enum err       e = db_ask(s->db, sql_evidence_series_next, &r, fault, "ItI", resource, at->metric, at->labels_hash);
    if (e != OK)
        return e;
    bool there = db_next(&r), fits = !there || strlen(db_text(&r, 0)) < sizeof at->metric;
    if (there) {
        (void)snprintf(at->metric, sizeof at->metric, "%s", db_text(&r, 0));
        at->labels_hash = db_int(&r, 1);
    }
    e = db_end(s->db, &r, fault);
    return e != OK ? e : !there ? ERR_MISSING : fits ? OK : fail(fault, ERR_LIMIT, "the name of a metric is longer than %zu bytes", sizeof at->metric - 1);
}

enum err digest_series_minutes(struct digest_store *s, int64_t resource, const struct digest_series *of, const struct digest_around *a, digest_minute_take *take, void *ctx, struct fault *fault)
{
    struct db_rows r;
    enum err       e = db_ask(s->db, sql_evidence_series_rows, &r, fault, "ItIII", resource, of->metric, of->labels_hash, a->before_us, a->to_us);
    if (e != OK)
        return e;
    while (db_next(&r) && take(ctx, db_int(&r, 0), db_real(&r, 1), db_text(&r, 2)))
        ;
    return db_end(s->db, &r, fault);
}

enum err digest_locators(struct digest_store *s, int64_t resource, const char *dataset, int64_t from_us, int64_t to_us, digest_locator_take *take, void *ctx, struct fault *fault)
{
    struct db_rows r;
    enum err       e = db_ask(s->db, sql_evidence_locators, &r, fault, "ItII", resource, dataset, from_us, to_us);
    if (e != OK)
        return e;
    while (db_next(&r) && take(ctx, db_int(&r, 0), db_int(&r, 1), db_int(&r, 2)))
        ;
    return db_end(s->db, &r, fault);
}

enum err digest_resources(struct digest_store *s, int64_t tenant_id, const char *begin, int limit, digest_resource_take *take, void *ctx, struct fault *fault)
{
    struct db_rows r;
    char           end[328];
    (void)snprintf(end, sizeof end, "%s\xf4\x8f\xbf\xbf", begin);     /* the last character there is: behind everything that begins so */
    enum err e = db_ask(s->db, sql_evidence_beside, &r, fault, "Itti", tenant_id, begin, end, limit);
    if (e != OK)
        return e;
    while (db_next(&r) && take(ctx, db_int(&r, 0), db_text(&r, 1)))
        ;
    return db_end(s->db, &r, fault);
}

enum err digest_resource_find(struct digest_store *s, int64_t tenant_id, const char *urn, int64_t *id, struct fault *fault)
{
    struct db_rows r;
    enum err       e = db_ask(s->db, sql_evidence_resource, &r, fault, "It", tenant_id, urn);
    return e == OK ? one_number(s, &r, id, fault) : e;
}
