/*
 * ingest/detail_batch.c - one batch of changes: staged in temporary tables, then made rows, in one transaction with how far it has come.
 *
 * Rows are read before the tenants and things they name, and those only ever grow: so whatever a row names is there. What a row points to comes along with it,
 * since its own mark may have moved behind.
 */
#include "ingest/detail_inside.h"

#include "base/log.h"
#include "ingest/detail_sql.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHANGES_MAX = 256 };

/* Which rows go with a mark, and into which stage. */
static const struct { enum digest_kind kind; enum digest_rows set; enum detail_stage stage; } feeds[] = {
    { DIGEST_LOCATORS, ROWS_LOCATORS, STAGE_LOCATOR },
    { DIGEST_METRICS,  ROWS_METRICS, STAGE_METRIC },
    { DIGEST_CALLS,    ROWS_CALLS, STAGE_CALL },
    { DIGEST_CALLS,    ROWS_LOCATORS, STAGE_LOCATOR },
    { DIGEST_LOGS,     ROWS_LOGS, STAGE_LOG },
    { DIGEST_LOGS,     ROWS_PATTERNS_OF_LOGS, STAGE_PATTERN },
    { DIGEST_LOGS,     ROWS_LOCATORS, STAGE_LOCATOR },
    { DIGEST_PATTERNS, ROWS_PATTERN, STAGE_PATTERN },
    { DIGEST_EVENTS,   ROWS_EVENT, STAGE_EVENT },
    { DIGEST_EVENTS,   ROWS_EVIDENCE, STAGE_EVIDENCE },
    { DIGEST_EVENTS,   ROWS_LOCATORS_OF_EVIDENCE, STAGE_LOCATOR },
    { DIGEST_EVENTS,   ROWS_PATTERNS_OF_EVIDENCE, STAGE_PATTERN },
    { DIGEST_RUNS,     ROWS_RUN, STAGE_RUN },
    { DIGEST_CIRCUITS, ROWS_CIRCUITS, STAGE_CIRCUIT },
};

/* What is done with what was staged, in this order. $1 is the origin, or of what comes how much is kept, or nothing. */
enum applied_with { WITH_ORIGIN, WITH_KEEP_METRICS, WITH_KEEP_CALLS, WITH_KEEP_LOGS, WITH_NOTHING };
static const struct applied { enum detail_stage stage; enum digest_kind kind /* also when there are only marks of this kind; 0: no */; enum applied_with with; const char *sql; } applied[] = {
    { STAGE_TENANT,   0, WITH_NOTHING, sql_detail_put_tenant },
    { STAGE_TENANT,   0, WITH_ORIGIN, sql_detail_map_tenant },
    { STAGE_RESOURCE, 0, WITH_ORIGIN, sql_detail_put_resource },
    { STAGE_RESOURCE, 0, WITH_ORIGIN, sql_detail_map_resource },
    { STAGE_RESOURCE, 0, WITH_ORIGIN, sql_detail_unknown_resource },
    { STAGE_LOCATOR,  0, WITH_ORIGIN, sql_detail_put_locator },
    { STAGE_PATTERN,  0, WITH_ORIGIN, sql_detail_put_pattern },
    { STAGE_METRIC,   0, WITH_KEEP_METRICS, sql_detail_ranges_metric },
    { STAGE_METRIC,   DIGEST_METRICS, WITH_ORIGIN, sql_detail_clear_metric },
    { STAGE_METRIC,   0, WITH_ORIGIN, sql_detail_put_metric },
    { STAGE_CALL,     0, WITH_KEEP_CALLS, sql_detail_ranges_call },
    { STAGE_CALL,     DIGEST_CALLS, WITH_ORIGIN, sql_detail_clear_call },
    { STAGE_CALL,     0, WITH_ORIGIN, sql_detail_put_call },
    { STAGE_LOG,      0, WITH_KEEP_LOGS, sql_detail_ranges_log },
    { STAGE_LOG,      DIGEST_LOGS, WITH_ORIGIN, sql_detail_clear_log },
    { STAGE_LOG,      0, WITH_ORIGIN, sql_detail_put_log },
    { STAGE_PATTERN,  DIGEST_PATTERNS, WITH_ORIGIN, sql_detail_clear_pattern },
    { STAGE_PATTERN,  DIGEST_PATTERNS, WITH_ORIGIN, sql_detail_retire_pattern },
    { STAGE_EVENT,    0, WITH_ORIGIN, sql_detail_put_event },
    { STAGE_EVENT,    0, WITH_ORIGIN, sql_detail_clear_evidence },
    { STAGE_EVIDENCE, 0, WITH_ORIGIN, sql_detail_put_evidence },
    { STAGE_RUN,      0, WITH_ORIGIN, sql_detail_put_run },
    { STAGE_CIRCUIT,  0, WITH_ORIGIN, sql_detail_put_circuit },
};

struct batch {
    struct detail_pg      *p;
    struct digest_changes *c;
    enum detail_stage      stage;            /* that rows go to just now */
    uint64_t               rows, staged[STAGES];
    unsigned               kinds;            /* bits: of which there are marks */
    struct digest_change   from, at;
    uint64_t               changes, expired;
};

/* ---- where we are ---- */

static int64_t number(const PGresult *r, int column)
{
    const char *cell = pg_cell(r, 0, column);
    return cell ? strtoll(cell, NULL, 10) : 0;
}

static enum err begin_anew(struct batch *b, const struct digest_head *h, struct fault *fault)
{
    log_warn("digest.db is another one than was copied before, so all of it is copied again", F("sink", b->p->conf->name), F("origin", b->p->origin));
    b->from = (struct digest_change){ 0 };
    return detail_run(b->p, sql_detail_origin_anew, 2, (const char *const[]){ b->p->origin_id, h->epoch }, fault);
}

/* A number that PostgreSQL has and digest.db has not given out yet: it lost its newest transactions, or is an older copy of itself. */
static enum err find_place(struct batch *b, const struct digest_head *h, struct fault *fault)
{
    PGresult         *r CLEANUP(pg_result_clear) = NULL;
    const char *const values[] = { b->p->origin, h->epoch };
    enum err          e = detail_run(b->p, sql_detail_origin_put, 2, values, fault);
    if (e == OK)
        e = detail_ask(b->p, sql_detail_origin, 1, values, &r, fault);
    if (e != OK)
        return e;
    const char *id = pg_cell(r, 0, 0), *epoch = pg_cell(r, 0, 1);
    if (!id || !epoch)
        return fail(fault, ERR_UNKNOWN, "PostgreSQL does not give back the origin that was just put in");
    (void)text_copy(b->p->origin_id, sizeof b->p->origin_id, id);
    b->from = (struct digest_change){ .seq = number(r, 2), .kind = (int)number(r, 3), .key = number(r, 4) };
    return strcmp(epoch, h->epoch) != 0 || b->from.seq > h->seq ? begin_anew(b, h, fault) : OK;
}

/* ---- staging ---- */

static enum err take(void *ctx, struct db_rows *row, struct fault *fault)
{
    struct batch       *b = ctx;
    struct detail_rows *s = &b->p->stage[b->stage];
    detail_rows_add(s, row);
    b->rows++;
    b->staged[b->stage]++;
    return s->out.cut || s->out.used >= (size_t)b->p->conf->batch_bytes ? detail_copy(b->p, b->stage, fault) : OK;
}

static enum err stage_rows(struct batch *b, enum digest_rows set, int64_t key, enum detail_stage stage, struct fault *fault)
{
    b->stage = stage;
    return digest_changes_rows(b->c, set, key, take, b, fault);
}

/* Nothing is there any more of what the mark speaks of: was it age? Of events nothing else takes any away. A run says how a window was made, it is nothing that was
 * counted: that it went, nobody has to be told. */
static enum err is_expired(struct batch *b, const struct digest_change *x, bool *expired, struct fault *fault)
{
    int64_t  before = INT64_MIN;
    enum err e = x->kind <= DIGEST_LOGS ? digest_changes_forgot(b->c, (enum digest_kind)x->kind, &before, fault) : OK;
    *expired = x->kind <= DIGEST_LOGS ? x->key < before : x->kind == DIGEST_EVENTS;
    return e;
}

static enum err stage_change(struct batch *b, const struct digest_change *x, struct fault *fault)
{
    uint64_t own = 0;                        /* rows of the mark itself: those of the first of its feeds */
    bool     first = true, expired = false;
    enum err e = OK;
    for (size_t i = 0; e == OK && i < sizeof feeds / sizeof *feeds; i++) {
        if (feeds[i].kind != (enum digest_kind)x->kind)
            continue;
        uint64_t rows = b->rows;
        e = stage_rows(b, feeds[i].set, x->key, feeds[i].stage, fault);
        own += first ? b->rows - rows : 0;
        first = false;
    }
    if (e == OK && own == 0)
        e = is_expired(b, x, &expired, fault);
    if (e != OK)
        return e;
    if (!expired) {
        text_printf(&b->p->stage[STAGE_KEYS].out, "%d\t%" PRId64 "\n", x->kind, x->key);
        b->staged[STAGE_KEYS]++;
        b->kinds |= 1u << x->kind;
    }
    b->expired += expired;
    b->at = *x;
    b->changes++;
    return OK;
}

static enum err stage_changes(struct batch *b, bool *more, struct fault *fault)
{
    struct digest_change list[CHANGES_MAX];
    size_t               n = 0;
    enum err             e = digest_changes_next(b->c, &b->from, list, CHANGES_MAX, &n, fault);
    for (size_t i = 0; i < n && e == OK && b->rows < (uint64_t)b->p->conf->batch_events; i++)
        e = stage_change(b, &list[i], fault);
    *more = b->changes < n || n == CHANGES_MAX;
    return e;
}

/*
 * Those that PostgreSQL does not know yet; in a new session all of them. A digest.db that lost its newest transactions in a power cut gives their ids
 * out again, perhaps to others, and that cannot happen while we are looking.
 */
static enum err stage_dimension(struct batch *b, const char *sql, enum digest_rows set, enum detail_stage stage, struct fault *fault)
{
    PGresult *r CLEANUP(pg_result_clear) = NULL;
    if (!b->p->mapped)
        return stage_rows(b, set, 0, stage, fault);
    enum err  e = detail_ask(b->p, sql, 1, (const char *const[]){ b->p->origin_id }, &r, fault);
    return e == OK ? stage_rows(b, set, number(r, 0), stage, fault) : e;
}

/* Resources first: their tenants are there when they are. */
static enum err stage_dimensions(struct batch *b, struct fault *fault)
{
    enum err e = stage_dimension(b, sql_detail_known_resource, ROWS_RESOURCES, STAGE_RESOURCE, fault);
    return e == OK ? stage_dimension(b, sql_detail_known_tenant, ROWS_TENANTS, STAGE_TENANT, fault) : e;
}

/* ---- making rows of it ---- */

static enum err apply_one(struct batch *b, const struct applied *a, struct fault *fault)
{
    const struct detail_pg *p = b->p;
    const char *const       values[] = { a->with == WITH_KEEP_METRICS ? p->keep_metrics : a->with == WITH_KEEP_CALLS ? p->keep_calls : a->with == WITH_KEEP_LOGS ? p->keep_logs : p->origin_id };
    return detail_run(b->p, a->sql, a->with == WITH_NOTHING ? 0 : 1, values, fault);
}

static enum err apply(struct batch *b, struct fault *fault)
{
    enum err e = OK;
    for (int s = 0; e == OK && s < STAGES; s++)
        e = detail_copy(b->p, (enum detail_stage)s, fault);
    for (size_t i = 0; e == OK && i < sizeof applied / sizeof *applied; i++)
        if (b->staged[applied[i].stage] || (applied[i].kind && b->kinds & 1u << applied[i].kind))
            e = apply_one(b, &applied[i], fault);
    return e;
}

/* Only from where we began: should somebody else have moved it meanwhile, nothing of this holds. */
static enum err note_progress(struct batch *b, struct fault *fault)
{
    char      n[7][24];
    PGresult *r CLEANUP(pg_result_clear) = NULL;
    const int64_t numbers[] = { b->at.seq, b->at.kind, b->at.key, (int64_t)b->expired, b->from.seq, b->from.kind, b->from.key };
    const char   *values[8] = { b->p->origin_id };
    for (int i = 0; i < 7; i++) {
        (void)snprintf(n[i], sizeof n[i], "%" PRId64, numbers[i]);
        values[i + 1] = n[i];
    }
    enum err e = detail_ask(b->p, sql_detail_progress, 8, values, &r, fault);
    return e == OK && PQntuples(r) != 1 ? fail(fault, ERR_CONFLICT, "somebody else moved on what is copied as origin %.80s", b->p->origin) : e;
}

static enum err transact(struct batch *b, const struct digest_head *h, bool *more, struct fault *fault)
{
    enum err e = detail_run(b->p, sql_detail_begin, 0, NULL, fault);
    if (e == OK)
        e = find_place(b, h, fault);
    b->at = b->from;
    if (e == OK)
        e = stage_changes(b, more, fault);
    if (e == OK)
        e = stage_dimensions(b, fault);
    if (e == OK)
        e = apply(b, fault);
    if (e == OK)
        e = note_progress(b, fault);
    return e == OK ? detail_run(b->p, sql_detail_commit, 0, NULL, fault) : e;
}

enum err detail_pg_batch(struct detail_pg *p, struct digest_changes *c, struct detail_batch *done, struct fault *fault)
{
    struct batch       b = { .p = p, .c = c };
    struct digest_head h;
    uint64_t           replaced = 0;
    *done = (struct detail_batch){ 0 };
    p->bytes = 0;
    for (int i = 0; i < STAGES; i++) {
        text_clear(&p->stage[i].out);
        p->stage[i].replaced = 0;
    }
    enum err e = detail_connect(p, fault);
    if (e == OK)
        e = digest_changes_head(c, &h, fault);       /* before the marks: all up to it are seen then */
    if (e == OK)
        e = transact(&b, &h, &done->more, fault);
    if (e != OK) {
        detail_hang_up(p);
        return e;
    }
    p->mapped = true;
    for (int i = 0; i < STAGES; i++)
        replaced += p->stage[i].replaced;
    done->changes = b.changes;
    done->rows = b.rows;
    done->bytes = p->bytes;
    done->replaced = replaced;
    done->expired = b.expired;
    done->seq = h.seq;
    done->at = b.at;
    return OK;
}
