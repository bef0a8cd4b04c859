/* store/digest_store.c */
#include "store/digest_store.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/id.h"
#include "store/digest_changes.h"
#include "store/digest_evidence_sql.h"
#include "store/digest_migrations.h"
#include "store/digest_sql.h"
#include "store/inside.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DAY_US           (INT64_C(86400) * 1000000)
#define MARKS_OUTLIVE_US (30 * DAY_US)

/* Of time and a counter: larger than all before, also than those that a power cut took away again. */
static enum err change_begin(struct digest_store *s, struct fault *fault)
{
    s->knowns = 0;
    return db_run(s->db, sql_digest_change_begin, fault, "I", clock_wall_us(&clock_real));
}

/* Whoever copies rows elsewhere looks for this (store/digest_changes.h). Thousands of rows of one window need one mark. */
static enum err mark(struct digest_store *s, enum digest_kind kind, int64_t key, struct fault *fault)
{
    for (unsigned i = 0; s->in && i < s->knowns && i < DIGEST_MARKS_KNOWN; i++)
        if (s->known[i].key == key && s->known[i].kind == (int)kind)
            return OK;
    enum err e = s->in ? OK : change_begin(s, fault);
    if (e == OK)
        e = db_run(s->db, sql_digest_changed, fault, "iI", (int)kind, key);
    s->known[s->knowns % DIGEST_MARKS_KNOWN].kind = (int)kind;
    s->known[s->knowns++ % DIGEST_MARKS_KNOWN].key = key;
    return e;
}

static enum err open_as(const char *folder, enum db_mode mode, struct digest_store **out, struct fault *fault)
{
    enum err e = file_make_dirs(folder, 0700, fault);
    if (e != OK)
        return e;
    struct digest_store *s = calloc(1, sizeof *s);
    if (!s)
        return fail(fault, ERR_LIMIT, "no memory to open digest.db");
    char path[512];
    s->beside = -1;
    (void)snprintf(path, sizeof path, "%s/digest.db", folder);
    e = db_open(path, mode, &s->db, fault);
    if (e == OK)
        e = db_migrate(s->db, digest_migration_statements, digest_migration_statement_count, path, fault);
    if (e == OK)
        e = db_prepare(s->db, digest_statements, digest_statement_count, fault);
    if (e == OK)
        e = db_prepare(s->db, evidence_statements, evidence_statement_count, fault);
    if (e != OK) {
        digest_store_close(s);
        return e;
    }
    *out = s;
    return OK;
}

enum err digest_store_open(const char *folder, struct digest_store **s, struct fault *fault) { return open_as(folder, DB_NORMAL, s, fault); }

enum err digest_store_open_beside(const char *folder, int patience_ms, struct digest_store **s, struct fault *fault)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/digest.db", folder);
    int      held;
    enum err e = digest_hold(folder, false, &held, fault);
    if (e != OK)
        return e;
    if (access(path, F_OK) != 0) {           /* the digest makes it, nobody else */
        (void)close(held);
        return fail(fault, ERR_BUSY, "there is no %s yet", path);
    }
    if ((e = open_as(folder, DB_FULL, s, fault)) != OK) {
        (void)close(held);
        return e;
    }
    (*s)->beside = held;
    sqlite3_busy_timeout(db_handle((*s)->db), patience_ms);
    return OK;
}

void digest_store_close(struct digest_store *s)
{
    if (!s)
        return;
    digest_store_rollback(s);
    db_close(s->db);
    if (s->beside >= 0)
        (void)close(s->beside);
    free(s);
}

enum err digest_store_begin(struct digest_store *s, struct fault *fault)
{
    enum err e = db_exec(s->db, "BEGIN IMMEDIATE", fault);
    s->in = e == OK;
    if (e == OK && (e = change_begin(s, fault)) != OK)
        digest_store_rollback(s);
    return e;
}

enum err digest_store_commit(struct digest_store *s, struct fault *fault)
{
    enum err e = db_exec(s->db, "COMMIT", fault);
    if (e == OK)
        s->in = false;
    else
        digest_store_rollback(s);
    return e;
}

void digest_store_rollback(struct digest_store *s)
{
    if (s->in && s->db)
        (void)sqlite3_exec(db_handle(s->db), "ROLLBACK", NULL, NULL, NULL);
    s->in = false;
}

enum err digest_store_sync(struct digest_store *s, struct fault *fault)
{
    int frames = 0, copied = 0, code = sqlite3_wal_checkpoint_v2(db_handle(s->db), NULL, SQLITE_CHECKPOINT_PASSIVE, &frames, &copied);
    if (code != SQLITE_OK && (code & 0xff) != SQLITE_BUSY)
        return db_fault(s->db, code, "checkpoint of digest.db", fault);
    /* Behind a reader nothing is copied, and then nothing was synced either. */
    return code == SQLITE_OK && copied == frames ? OK : fail(fault, ERR_BUSY, "somebody reads digest.db, so the newest of it is not on disk yet");
}

bool digest_store_is_fatal(struct digest_store *s) { return db_is_fatal(s->db); }

/* ---- dimensions ---- */

static enum err number(struct digest_store *s, struct db_rows *r, int64_t *id, struct fault *fault)
{
    bool there = db_next(r);
    *id = there ? db_int(r, 0) : 0;
    enum err e = db_end(s->db, r, fault);
    return e == OK && !there ? fail(fault, ERR_UNKNOWN, "digest.db does not give back what was just put in") : e;
}

enum err digest_tenant(struct digest_store *s, const char *code, int64_t now_us, int64_t *id, struct fault *fault)
{
    struct db_rows r;
    enum err       e = db_run(s->db, sql_digest_tenant_put, fault, "tI", code, now_us);
    if (e == OK)
        e = db_ask(s->db, sql_digest_tenant_id, &r, fault, "t", code);
    return e == OK ? number(s, &r, id, fault) : e;
}

enum err digest_tenant_find(struct digest_store *s, const char *code, int64_t *id, struct fault *fault)
{
    struct db_rows r;
    enum err       e = db_ask(s->db, sql_digest_tenant_id, &r, fault, "t", code);
    if (e != OK)
        return e;
    bool there = db_next(&r);
    *id = there ? db_int(&r, 0) : 0;
    e = db_end(s->db, &r, fault);
    return e == OK && !there ? ERR_MISSING : e;
}

enum err digest_resource(struct digest_store *s, const struct digest_resource *d, int64_t now_us, int64_t *id, struct fault *fault)
{
    struct db_rows r;
    enum err       e = db_run(s->db, sql_digest_resource_put, fault, "IttttttI", d->tenant_id, d->urn, d->type, d->name, d->env, d->region, d->zone, now_us);
    if (e == OK)
        e = db_ask(s->db, sql_digest_resource_id, &r, fault, "It", d->tenant_id, d->urn);
    return e == OK ? number(s, &r, id, fault) : e;
}

/* ---- rows ---- */

int64_t digest_fingerprint(int64_t tenant_id, uint64_t pattern) { return (int64_t)((uint64_t)tenant_id << 40 | (pattern & ((UINT64_C(1) << 40) - 1))); }

enum err digest_metric_put(struct digest_store *s, const struct digest_metric *m, struct fault *fault)
{
    enum err e = mark(s, DIGEST_METRICS, m->bucket_us, fault);
    return e != OK ? e : db_run(s->db, sql_digest_metric_put, fault, "IIIttIrrrrrI", m->bucket_us, m->tenant_id, m->resource_id, m->metric, m->labels, m->labels_hash, m->avg, m->max,
                  m->p95, m->min, m->sum, m->samples);
}

enum err digest_calls_clear(struct digest_store *s, int64_t bucket_us, struct fault *fault)
{
    enum err e = mark(s, DIGEST_CALLS, bucket_us, fault);
    return e != OK ? e : db_run(s->db, sql_digest_call_clear, fault, "I", bucket_us);
}

enum err digest_call_put(struct digest_store *s, const struct digest_call *c, struct fault *fault)
{
    enum err e = mark(s, DIGEST_CALLS, c->bucket_us, fault);
    return e != OK ? e : db_run(s->db, sql_digest_call_put, fault, "IIIIrrrrIII", c->bucket_us, c->tenant_id, c->src, c->dst, c->rps, c->err_rate, c->p50_ms, c->p95_ms, c->calls, c->errors,
                  c->record);
}

enum err digest_pattern_put(struct digest_store *s, const struct digest_pattern *p, struct fault *fault)
{
    int64_t  id = digest_fingerprint(p->tenant_id, p->pattern);
    enum err e = mark(s, DIGEST_PATTERNS, id, fault);
    return e != OK ? e : db_run(s->db, sql_digest_pattern_put, fault, "IItttIIt", id, p->tenant_id, p->text, p->sample, p->severity, p->first_us, p->last_us,
                                           p->schema ? p->schema : "");
}

enum err digest_pattern_merge(struct digest_store *s, int64_t tenant_id, uint64_t gone, uint64_t into, struct fault *fault)
{
    int64_t  from = digest_fingerprint(tenant_id, gone);
    enum err e = mark(s, DIGEST_PATTERNS, from, fault);
    if (e == OK)
        e = db_run(s->db, sql_digest_changed_pattern_rows, fault, "I", from);
    if (e == OK)
        e = db_run(s->db, sql_digest_pattern_join, fault, "II", from, digest_fingerprint(tenant_id, into));
    if (e == OK)
        e = db_run(s->db, sql_digest_pattern_join_words, fault, "II", from, digest_fingerprint(tenant_id, into));
    if (e == OK)
        e = db_run(s->db, sql_digest_pattern_rows_gone, fault, "I", from);
    return e == OK ? db_run(s->db, sql_digest_pattern_gone, fault, "I", from) : e;
}

enum err digest_log_put(struct digest_store *s, const struct digest_log *l, struct fault *fault)
{
    enum err e = mark(s, DIGEST_LOGS, l->bucket_us, fault);
    return e != OK ? e : db_run(s->db, sql_digest_log_put, fault, "IIIIII", l->bucket_us, l->tenant_id, l->resource_id, digest_fingerprint(l->tenant_id, l->pattern), l->total, l->errors);
}

enum err digest_locator_put(struct digest_store *s, const struct digest_locator *l, struct fault *fault)
{
    char key[64], hint[96];
    (void)snprintf(key, sizeof key, "records/%" PRId64 "-%" PRId64, l->first, l->last);
    (void)snprintf(hint, sizeof hint, "homeostat journal cat --from %" PRId64 " --limit %" PRId64, l->first, l->last - l->first + 1);
    enum err e = mark(s, DIGEST_LOCATORS, l->from_us, fault);
    return e != OK ? e : db_run(s->db, sql_digest_locator_put, fault, "IIttIItIII", l->tenant_id, l->resource_id, l->dataset, key, l->from_us, l->to_us, hint, l->first, l->last, l->events);
}

enum err digest_trace_put(struct digest_store *s, unsigned shard, uint64_t block, uint64_t last, struct slice entries, struct fault *fault)
{
    return db_run(s->db, sql_digest_trace_put, fault, "iIIx", (int)shard, (int64_t)block, (int64_t)last, &entries);
}

enum err digest_window_clear(struct digest_store *s, int64_t tenant_id, int64_t from_us, int64_t to_us, int64_t from_5m, int64_t to_5m, struct fault *fault)
{
    enum err e = db_run(s->db, sql_digest_changed_window, fault, "IIIII", tenant_id, from_us, to_us, from_5m, to_5m);
    if (e == OK)
        e = db_run(s->db, sql_digest_metric_clear, fault, "III", tenant_id, from_us, to_us);
    if (e == OK)
        e = db_run(s->db, sql_digest_call_clear_tenant, fault, "III", tenant_id, from_5m, to_5m);
    return e == OK ? db_run(s->db, sql_digest_log_clear, fault, "III", tenant_id, from_5m, to_5m) : e;
}

enum err digest_located(struct digest_store *s, int64_t tenant_id, int64_t from_us, int64_t to_us, int64_t *events, struct fault *fault)
{
    struct db_rows r;
    *events = 0;
    enum err e = db_ask(s->db, sql_digest_located, &r, fault, "III", tenant_id, from_us, to_us);
    if (e != OK)
        return e;
    *events = db_next(&r) ? db_int(&r, 0) : 0;
    return db_end(s->db, &r, fault);
}

/* ---- how far it has come ---- */

enum err digest_state_put(struct digest_store *s, const char *part, struct slice bytes, struct fault *fault)
{
    return db_run(s->db, sql_digest_state_put, fault, "tx", part, &bytes);
}

enum err digest_state_get(struct digest_store *s, const char *part, char **bytes, size_t *size, struct fault *fault)
{
    struct db_rows r;
    *bytes = NULL;
    *size = 0;
    enum err e = db_ask(s->db, sql_digest_state_get, &r, fault, "t", part);
    if (e != OK)
        return e;
    bool memory = true;
    if (db_next(&r)) {
        struct slice b = db_blob(&r, 0);
        *bytes = malloc(b.n + 1);
        memory = *bytes != NULL;
        if (memory) {
            if (b.n)
                memcpy(*bytes, b.s, b.n);
            *size = b.n;
        }
    }
    e = db_end(s->db, &r, fault);
    return e == OK && !memory ? fail(fault, ERR_LIMIT, "no memory to read what the digest has open") : e;
}

/* ---- jobs ---- */

enum err digest_run_put(struct digest_store *s, const struct digest_run *r, int64_t now_us, struct fault *fault)
{
    return db_run(s->db, sql_digest_run_put, fault, "tIIItItI", r->job, r->tenant_id, r->from_us, r->to_us, r->status, r->rows, r->error ? r->error : "", now_us);
}

enum err digest_run_last(struct digest_store *s, const char *job, int64_t tenant_id, int64_t *to_us, struct fault *fault)
{
    struct db_rows r;
    *to_us = INT64_MIN;
    enum err e = db_ask(s->db, sql_digest_run_last, &r, fault, "tI", job, tenant_id);
    if (e != OK)
        return e;
    if (db_next(&r) && !db_null(&r, 0))
        *to_us = db_int(&r, 0);
    return db_end(s->db, &r, fault);
}

enum err digest_run_ask_all(struct digest_store *s, const char *job, int64_t from_us, int64_t to_us, int64_t now_us, int *asked, struct fault *fault)
{
    enum err e = db_run(s->db, sql_digest_run_ask_all, fault, "tIII", job, from_us, to_us, now_us);
    *asked = e == OK ? db_changes(s->db) : 0;
    return e;
}

enum err digest_run_asked(struct digest_store *s, int64_t upper_us, struct digest_asked *a, struct fault *fault)
{
    struct db_rows r;
    enum err       e = db_ask(s->db, sql_digest_run_asked, &r, fault, "I", upper_us);
    if (e != OK)
        return e;
    bool there = db_next(&r);
    if (there) {
        *a = (struct digest_asked){ .id = db_int(&r, 0), .tenant_id = db_int(&r, 2), .from_us = db_int(&r, 4), .to_us = db_int(&r, 5) };
        (void)snprintf(a->job, sizeof a->job, "%s", db_text(&r, 1));
        (void)snprintf(a->tenant, sizeof a->tenant, "%s", db_text(&r, 3));
    }
    e = db_end(s->db, &r, fault);
    return e == OK && !there ? ERR_MISSING : e;
}

enum err digest_circuit_put(struct digest_store *s, const char *job, int64_t tenant_id, const struct digest_circuit *c, int64_t now_us, struct fault *fault)
{
    return db_run(s->db, sql_digest_circuit_put, fault, "tItIII", job, tenant_id, c->state, c->failures, c->until_us, now_us);
}

enum err digest_circuit_get(struct digest_store *s, const char *job, int64_t tenant_id, struct digest_circuit *c, struct fault *fault)
{
    struct db_rows r;
    enum err       e = db_ask(s->db, sql_digest_circuit_get, &r, fault, "tI", job, tenant_id);
    if (e != OK)
        return e;
    bool there = db_next(&r);
    if (there) {
        (void)snprintf(c->state, sizeof c->state, "%s", db_text(&r, 0));
        c->failures = db_int(&r, 1);
        c->until_us = db_int(&r, 2);
    }
    e = db_end(s->db, &r, fault);
    return e == OK && !there ? ERR_MISSING : e;
}

/* ---- pointers, schemas ---- */

enum err digest_locator_find(struct digest_store *s, int64_t tenant_id, const char *urn, const char *dataset, int64_t at_us, int64_t *id, struct fault *fault)
{
    struct db_rows r;
    enum err       e = db_ask(s->db, sql_digest_locator_find, &r, fault, "IttI", tenant_id, urn, dataset, at_us);
    if (e != OK)
        return e;
    bool there = db_next(&r);
    if (there)
        *id = db_int(&r, 0);
    e = db_end(s->db, &r, fault);
    return e == OK && !there ? fail(fault, ERR_MISSING, "nothing in the journal is known to hold %s of %s", dataset, urn) : e;
}

enum err digest_table_put(struct digest_store *s, const char *name, const char *schema, int64_t now_us, struct fault *fault)
{
    return db_run(s->db, sql_digest_table_put, fault, "ttI", name, schema, now_us);
}

/* ---- keeping ---- */

struct digest_keep digest_keep_default(void)
{
    return (struct digest_keep){ 180 * DAY_US, 365 * DAY_US, 180 * DAY_US, 180 * DAY_US, 30 * DAY_US, 365 * DAY_US };
}

/* What is gone by age is no change, but who has not copied it yet shall know that nobody can any more. */
static enum err forget_marks(struct digest_store *s, const struct digest_keep *k, int64_t now_us, struct fault *fault)
{
    const struct { enum digest_kind kind; int64_t before; } kinds[] = {
        { DIGEST_LOCATORS, now_us - k->locators_us - 300 * US_PER_S },       /* they go by their end, and are marked by their beginning */
        { DIGEST_METRICS, now_us - k->metrics_us }, { DIGEST_CALLS, now_us - k->calls_us }, { DIGEST_LOGS, now_us - k->logs_us },
    };
    enum err e = OK;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds && e == OK; i++) {
        e = db_run(s->db, sql_digest_change_forgot, fault, "iI", (int)kinds[i].kind, kinds[i].before);
        if (e == OK)
            e = db_run(s->db, sql_digest_changed_prune, fault, "iI", (int)kinds[i].kind, kinds[i].before - MARKS_OUTLIVE_US);
    }
    return e == OK ? db_run(s->db, sql_digest_changed_prune_rows, fault, "I", now_us - MARKS_OUTLIVE_US) : e;
}

enum err digest_store_forget(struct digest_store *s, const struct digest_keep *k, int64_t now_us, uint64_t first_record, struct fault *fault)
{
    const struct { const char *sql; int64_t before; } rows[] = {
        { sql_digest_forget_metrics, now_us - k->metrics_us }, { sql_digest_forget_calls, now_us - k->calls_us },
        { sql_digest_forget_logs, now_us - k->logs_us },       { sql_digest_forget_patterns, now_us - k->logs_us },
        { sql_digest_forget_locators, now_us - k->locators_us }, { sql_digest_forget_runs, now_us - k->runs_us },
        { sql_digest_forget_events, now_us - k->events_us },
    };
    enum err e = digest_store_begin(s, fault);
    for (size_t i = 0; i < sizeof rows / sizeof *rows && e == OK; i++)
        e = db_run(s->db, rows[i].sql, fault, "I", rows[i].before);
    if (e == OK)
        e = forget_marks(s, k, now_us, fault);
    if (e == OK)
        e = db_run(s->db, sql_digest_trace_forget, fault, "I", (int64_t)first_record);
    if (e == OK)
        e = digest_store_commit(s, fault);
    else
        digest_store_rollback(s);
    return e;
}
