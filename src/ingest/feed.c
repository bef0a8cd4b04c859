/* ingest/feed.c */
#include "ingest/feed.h"

#include <stdlib.h>
#include <string.h>

#define STATE_MAX ((size_t)512 * 1024 * 1024)

struct feed_options feed_options_default(void)
{
    return (struct feed_options){ 20000, metrics_options_default(), calls_options_default(), logs_options_default() };
}

static enum err make(const struct feed_options *o, struct arena *a, struct feed *main, struct feed **out, struct fault *fault)
{
    struct feed *f = calloc(1, sizeof *f);
    if (!f)
        return fail(fault, ERR_LIMIT, "no memory for the digest");
    f->arena = a;
    enum err e = places_new(o->places_max, &f->places, fault);
    if (e == OK)
        e = metrics_new(&o->metrics, &f->metrics, fault);
    if (e == OK)
        e = calls_new(&o->calls, &f->calls, fault);
    if (e == OK)
        e = main ? logs_new_beside(main->logs, &f->logs, fault) : logs_new(&o->logs, &f->logs, fault);
    if (e == OK)
        e = locate_new(o->logs.lookback_us, &f->locate, fault);
    if (e != OK) {
        feed_free(f);
        return e;
    }
    *out = f;
    return OK;
}

enum err feed_new(const struct feed_options *o, struct arena *a, struct feed **f, struct fault *fault) { return make(o, a, NULL, f, fault); }

enum err feed_new_beside(struct feed *main, const struct feed_options *o, struct feed **f, struct fault *fault)
{
    enum err e = make(o, main->arena, main, f, fault);
    if (e != OK)
        return e;
    /* Tenants have the same numbers in both, since patterns are told apart by them. */
    struct pack p;
    pack_init(&p, STATE_MAX);
    places_save(main->places, &p);
    e = p.full ? fail(fault, ERR_LIMIT, "no memory for the list of places") : places_load((*f)->places, pack_bytes(&p), fault);
    pack_done(&p);
    if (e != OK) {
        feed_free(*f);
        *f = NULL;
    }
    return e;
}

void feed_free(struct feed *f)
{
    if (!f)
        return;
    places_free(f->places);
    metrics_free(f->metrics);
    calls_free(f->calls);
    logs_free(f->logs);
    locate_free(f->locate);
    free(f->resource_id);
    free(f);
}

int64_t feed_time_us(const struct event *e)
{
    return (e->type == EVENT_LOG ? e->as.log.time_ns : e->type == EVENT_POINT ? e->as.point.time_ns : e->as.span.start_ns) / 1000;
}

void feed_take(struct feed *f, const struct event *e)
{
    uint32_t place = places_of(f->places, e);
    switch (e->type) {
    case EVENT_LOG:
        logs_take(f->logs, f->places, e, place, f->arena);
        locate_take(f->locate, e, place, feed_time_us(e), e->as.log.trace_id);
        break;
    case EVENT_POINT:
        metrics_take(f->metrics, e, place);
        locate_take(f->locate, e, place, feed_time_us(e), (struct slice){ 0 });
        break;
    case EVENT_SPAN:
        calls_take(f->calls, f->places, e, place);
        locate_take(f->locate, e, place, feed_time_us(e), e->as.span.trace_id);
        break;
    }
}

/* ---- rows ---- */

struct writing { struct feed *f; struct digest_store *s; struct fault *fault; enum err e; int64_t now_us; const struct feed_range *only; };

static int64_t tenant_id(struct writing *w, uint32_t tenant)
{
    int64_t *id = &w->f->tenant_id[tenant];
    if (!*id && w->e == OK)
        w->e = digest_tenant(w->s, places_tenant(w->f->places, tenant), w->now_us, id, w->fault);
    return *id;
}

static int64_t resource_id(struct writing *w, uint32_t place)
{
    struct feed *f = w->f;
    if (place >= f->resources_room) {
        uint32_t room = places_count(f->places) + 64;
        int64_t *more = realloc(f->resource_id, room * sizeof *more);
        if (!more) {
            w->e = fail(w->fault, ERR_LIMIT, "no memory for %u resources", room);
            return 0;
        }
        memset(more + f->resources_room, 0, (room - f->resources_room) * sizeof *more);
        f->resource_id = more;
        f->resources_room = room;
    }
    if (!f->resource_id[place] && w->e == OK) {
        const struct place    *p = places_get(f->places, place);
        struct digest_resource r = { tenant_id(w, p->tenant_number), p->urn, p->type, p->name, p->env, p->region, p->zone };
        if (w->e == OK)
            w->e = digest_resource(w->s, &r, w->now_us, &f->resource_id[place], w->fault);
    }
    return f->resource_id[place];
}

static uint32_t counted(struct writing *w, uint32_t place)
{
    uint32_t tenant = places_get(w->f->places, place)->tenant_number;
    w->f->rows[tenant]++;
    return tenant;
}

static bool within(int64_t bucket, int64_t from, int64_t to) { return bucket >= from && bucket < to; }

static bool metric_row(void *ctx, const struct minute_of_metric *m)
{
    struct writing *w = ctx;
    if (w->only && !within(m->bucket_us, w->only->from_us, w->only->to_us))
        return true;
    struct digest_metric row = { .bucket_us = m->bucket_us, .tenant_id = tenant_id(w, counted(w, m->place)), .resource_id = resource_id(w, m->place),
                                 .labels_hash = (int64_t)m->labels_hash, .samples = (int64_t)m->count, .metric = m->metric, .labels = m->labels,
                                 .avg = m->avg, .max = m->max, .p95 = m->p95, .min = m->min, .sum = m->sum };
    if (w->e == OK)
        w->e = digest_metric_put(w->s, &row, w->fault);
    return w->e == OK;
}

static bool call_window(void *ctx, int64_t bucket)
{
    struct writing *w = ctx;
    if (!w->only)
        w->e = digest_calls_clear(w->s, bucket, w->fault);
    return w->e == OK;
}

static bool call_row(void *ctx, const struct calls_row *c)
{
    struct writing *w = ctx;
    if (w->only && !within(c->bucket_us, w->only->from_5m, w->only->to_5m))
        return true;
    struct digest_call row = { .bucket_us = c->bucket_us, .tenant_id = tenant_id(w, counted(w, c->dst)), .src = resource_id(w, c->src), .dst = resource_id(w, c->dst),
                               .calls = (int64_t)c->count, .errors = (int64_t)c->errors, .record = (int64_t)c->record,
                               .rps = c->rps, .err_rate = c->err_rate, .p50_ms = c->p50_ms, .p95_ms = c->p95_ms };
    if (w->e == OK)
        w->e = digest_call_put(w->s, &row, w->fault);
    return w->e == OK;
}

static bool log_merged(void *ctx, const struct logs_merge *m)
{
    struct writing *w = ctx;
    int64_t         tenant = tenant_id(w, m->tenant);
    if (w->e == OK)
        w->e = digest_pattern_merge(w->s, tenant, m->gone, m->into, w->fault);
    return w->e == OK;
}

static const char *severity_name(int s)
{
    static const char *const names[] = { "TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL" };
    return s < 1 ? NULL : names[s > 24 ? 5 : (s - 1) / 4];
}

static bool log_pattern(void *ctx, const struct logs_pattern *p)
{
    struct writing       *w = ctx;
    struct digest_pattern row = { tenant_id(w, p->tenant), p->pattern->id, p->pattern->text, p->pattern->sample, severity_name(p->severity), p->pattern->first_us,
                                  p->pattern->last_us, p->schema };
    if (w->e == OK)
        w->e = digest_pattern_put(w->s, &row, w->fault);
    return w->e == OK;
}

static bool log_row(void *ctx, const struct logs_row *l)
{
    struct writing *w = ctx;
    if (w->only && !within(l->bucket_us, w->only->from_5m, w->only->logs_to_5m))
        return true;
    struct digest_log row = { l->bucket_us, tenant_id(w, counted(w, l->place)), resource_id(w, l->place), l->pattern, (int64_t)l->count, (int64_t)l->errors };
    if (w->e == OK)
        w->e = digest_log_put(w->s, &row, w->fault);
    return w->e == OK;
}

static bool locator_row(void *ctx, const struct located *l)
{
    static const char *const datasets[] = { [EVENT_LOG] = "logs", [EVENT_POINT] = "metrics", [EVENT_SPAN] = "traces" };
    struct writing          *w = ctx;
    struct digest_locator    row = { tenant_id(w, counted(w, l->place)), resource_id(w, l->place), l->bucket_us, l->bucket_us + LOCATE_WINDOW_US, (int64_t)l->first, (int64_t)l->last,
                                     (int64_t)l->events, datasets[l->type] };
    if (w->e == OK)
        w->e = digest_locator_put(w->s, &row, w->fault);
    return w->e == OK;
}

static bool trace_block(void *ctx, unsigned shard, uint64_t base, uint64_t last, struct slice entries)
{
    struct writing *w = ctx;
    w->e = digest_trace_put(w->s, shard, base, last, entries, w->fault);
    return w->e == OK;
}

enum err feed_emit(struct feed *f, struct digest_store *s, int64_t upper_us, int64_t now_us, bool traces, const struct feed_range *only, struct fault *fault)
{
    struct writing   w = { f, s, fault, OK, now_us, only };
    struct logs_emit to = { log_merged, log_pattern, log_row, &w };
    memset(f->rows, 0, sizeof f->rows);
    bool fine = only || locate_emit(f->locate, locator_row, traces ? trace_block : NULL, &w);
    fine = fine && metrics_emit(f->metrics, upper_us, metric_row, &w);
    fine = fine && calls_emit(f->calls, f->places, upper_us, call_window, call_row, &w);
    fine = fine && logs_emit(f->logs, upper_us, &to);
    if (!fine && w.e == OK)
        w.e = fail(fault, ERR_LIMIT, "no memory to write what the digest made");
    for (uint32_t i = 0; i < places_tenants(f->places); i++)
        (void)tenant_id(&w, i);
    return w.e;
}

enum err feed_emit_lines(struct feed *f, struct digest_store *s, int64_t from_5m, int64_t to_5m, int64_t now_us, struct fault *fault)
{
    struct writing w = { f, s, fault, OK, now_us, NULL };
    memset(f->rows, 0, sizeof f->rows);
    if (!logs_emit_open(f->logs, from_5m, to_5m, &(struct logs_emit){ log_merged, log_pattern, log_row, &w }) && w.e == OK)
        w.e = fail(fault, ERR_LIMIT, "no memory to write what the digest made");
    return w.e;
}

/* What nothing here speaks of any more gives its number to others, lest those who came once keep out who comes now. Without memory: at the next window. */
static void make_places(struct feed *f)
{
    uint32_t           n = places_count(f->places);
    struct places_held held = { calloc(n + 1, sizeof *held.is), n };
    if (!held.is)
        return;
    metrics_places(f->metrics, &held);
    calls_places(f->calls, &held);
    logs_places(f->logs, &held);
    locate_places(f->locate, &held);
    places_forget(f->places, &held);
    for (uint32_t i = 0; i < n && i < f->resources_room; i++)
        if (!held.is[i])
            f->resource_id[i] = 0;
    free(held.is);
}

void feed_settle(struct feed *f, int64_t upper_us, int64_t now_us, bool traces)
{
    metrics_settle(f->metrics, upper_us);
    calls_settle(f->calls, f->places, upper_us, now_us);
    logs_settle(f->logs, upper_us);
    locate_settle(f->locate, upper_us, traces);
    if (places_crowded(f->places))
        make_places(f);
}

enum err feed_put_back(struct feed *f, const struct feed_options *o, int64_t floor_us, struct fault *fault)
{
    struct metrics *metrics = NULL;
    struct calls   *calls = NULL;
    struct locate  *locate = NULL;
    enum err        e = metrics_new(&o->metrics, &metrics, fault);
    if (e == OK)
        e = calls_new(&o->calls, &calls, fault);
    if (e == OK)
        e = locate_new(o->logs.lookback_us, &locate, fault);
    if (e != OK) {
        metrics_free(metrics);
        calls_free(calls);
        return e;
    }
    metrics_free(f->metrics);
    calls_free(f->calls);
    locate_free(f->locate);
    f->metrics = metrics;
    f->calls = calls;
    f->locate = locate;
    logs_put_back(f->logs);
    /* Each takes what is younger than its look-back before `upper`. */
    metrics_settle(metrics, floor_us + o->metrics.lookback_us);
    calls_settle(calls, f->places, floor_us + o->calls.lookback_us, floor_us);
    logs_settle(f->logs, floor_us + o->logs.lookback_us);
    locate_settle(locate, floor_us + o->logs.lookback_us + LOCATE_WINDOW_US, false);
    return OK;
}

/* ---- as bytes ---- */

static enum err keep(struct digest_store *s, const char *part, struct pack *p, struct fault *fault)
{
    enum err e = p->full ? fail(fault, ERR_LIMIT, "what the digest has open (%s) does not fit into memory", part) : digest_state_put(s, part, pack_bytes(p), fault);
    pack_clear(p);
    return e;
}

enum err feed_save(const struct feed *f, struct digest_store *s, struct fault *fault)
{
    struct pack p;
    pack_init(&p, STATE_MAX);
    enum err e = logs_save(f->logs, &p, fault);
    if (e == OK)
        e = keep(s, "logs", &p, fault);
    if (e == OK) {
        metrics_save(f->metrics, &p);
        e = keep(s, "metrics", &p, fault);
    }
    if (e == OK) {
        calls_save(f->calls, &p);
        e = keep(s, "calls", &p, fault);
    }
    if (e == OK) {
        locate_save(f->locate, &p);
        e = keep(s, "locate", &p, fault);
    }
    if (e == OK) {
        places_save(f->places, &p);
        e = keep(s, "places", &p, fault);
    }
    pack_done(&p);
    return e;
}

enum err feed_load(struct feed *f, struct digest_store *s, struct fault *fault)
{
    static const char *const parts[] = { "places", "metrics", "calls", "logs", "locate" };
    enum err                 e = OK;
    for (int i = 0; i < 5 && e == OK; i++) {
        char  *bytes;
        size_t size;
        e = digest_state_get(s, parts[i], &bytes, &size, fault);
        struct slice b = { bytes, size };
        if (e == OK && bytes)
            e = i == 0 ? places_load(f->places, b, fault) : i == 1 ? metrics_load(f->metrics, b, fault) : i == 2 ? calls_load(f->calls, b, fault)
                : i == 3 ? logs_load(f->logs, b, fault) : locate_load(f->locate, b, fault);
        free(bytes);
    }
    if (e == ERR_INPUT && fault)
        fault->code = ERR_DAMAGED;
    return e == ERR_INPUT ? ERR_DAMAGED : e;
}
