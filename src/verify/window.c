/* verify/window.c - means of rates, differences of counters, and whether they can be trusted. */
#include "verify/window.h"

#include "verify/keep.h"

#include <math.h>
#include <string.h>

/* pg_conf_load_time() belongs to a backend and differs by a moment between two of them; a reload moves it by more. */
static const int64_t reload_tolerance_us = 2000000;

bool sample_was_read(const struct sample *s)
{
    static const enum metric main_figures[] = { METRIC_UP, METRIC_TPS, METRIC_CALLS, METRIC_LATENCY_MEAN };
    if (s->v[METRIC_UP] <= 0)
        return false;
    for (size_t i = 0; i < sizeof main_figures / sizeof main_figures[0]; i++)
        if (!isnan(s->v[main_figures[i]]))
            return true;
    return false;
}

bool window_reloaded(int64_t then_us, int64_t now_us)
{
    return then_us != 0 && now_us != 0 && (now_us - then_us > reload_tolerance_us || then_us - now_us > reload_tolerance_us);
}

static void marks_from(struct window_marks *m, const struct sample *s, bool fill_only)
{
    if (s->latency.known && !(fill_only && m->latency.known))
        m->latency = s->latency;
    if (s->queries >= 0 && !(fill_only && m->queries >= 0)) {
        m->queries = s->queries;
        m->forgotten = s->forgotten;
        memcpy(m->query, s->query, (size_t)s->queries * sizeof s->query[0]);
    }
    if (s->checkpoints_done >= 0 && !(fill_only && m->checkpoints_done >= 0))
        m->checkpoints_done = s->checkpoints_done;
}

/* Remembers the first known value; true when a later one differs by more than the tolerance. */
static bool changed(int64_t *first, int64_t now, int64_t tolerance)
{
    if (now == 0)
        return false;
    if (*first == 0)
        *first = now;
    return now - *first > tolerance || *first - now > tolerance;
}

static void watch_identity(struct window_run *r, const struct sample *s)
{
    r->restarted |= changed(&r->postmaster_start_us, s->postmaster_start_us, 0);
    r->reset     |= changed(&r->stats_reset_us, s->stats_reset_us, 0);
    r->reloaded  |= changed(&r->conf_load_us, s->conf_load_us, reload_tolerance_us);
}

void window_open(struct window_run *r, const struct sample *border, int64_t period_us)
{
    memset(r, 0, sizeof *r);
    r->from_us = r->to_us = border->mono_us;
    r->wall_us = border->wall_us;
    r->period_us = period_us > 0 ? period_us : 1000000;
    r->first.queries = r->last.queries = -1;
    r->first.checkpoints_done = r->last.checkpoints_done = -1;
    lull_clear(&r->tps);
    lull_clear(&r->latency);
    watch_identity(r, border);
    marks_from(&r->first, border, true);
}

void window_add(struct window_run *r, const struct sample *s)
{
    if (s->mono_us <= r->to_us)
        return;
    r->to_us = s->mono_us;
    r->wall_us = s->wall_us;
    watch_identity(r, s);
    marks_from(&r->first, s, true);
    marks_from(&r->last, s, false);
    if (!sample_was_read(s))
        return;
    r->samples++;
    for (int i = 0; i < METRIC_COUNT; i++) {
        double v = s->v[i];
        if (isnan(v))
            continue;
        r->max[i] = r->n[i] > 0 && r->max[i] > v ? r->max[i] : v;
        r->sum[i] += v;
        r->n[i] += 1;
    }
    double latency = s->v[METRIC_LATENCY_MEAN], load = s->v[METRIC_TPS];
    if (!isnan(latency) && !isnan(load)) {
        r->weight += load;
        r->weighted_latency += load * latency;
    }
    if (!isnan(load))
        lull_add(&r->tps, load, 1);
    if (!isnan(latency) && load > 0)
        lull_add(&r->latency, latency, load);
}

static const struct query_count *find(const struct window_marks *m, int64_t id)
{
    for (int i = 0; i < m->queries; i++)
        if (m->query[i].id == id)
            return &m->query[i];
    return NULL;
}

static bool same_names(const struct window_marks *a, const struct window_marks *b)
{
    for (int i = 0; i < a->queries; i++)
        if (!find(b, a->query[i].id))
            return false;
    return a->queries == b->queries;
}

static void close_queries(const struct window_run *r, struct window *w)
{
    if (r->first.queries < 0 || r->last.queries < 0 || r->reset)
        return;
    /* "The rest" (id 0) means the same statements at both ends only when the named ones are the same, and none of the others was forgotten. */
    bool rest_comparable = same_names(&r->first, &r->last) && r->first.forgotten == r->last.forgotten;
    w->queries = 0;
    for (int i = 0; i < r->last.queries; i++) {
        const struct query_count *now = &r->last.query[i], *then = find(&r->first, now->id);
        if (!then || (now->id == 0 && !rest_comparable))
            continue;   /* its start was not seen */
        struct query_count d = { now->id, now->calls - then->calls, now->total_ms - then->total_ms, now->rows - then->rows };
        if (d.calls < 0 || d.total_ms < 0)
            continue;   /* evicted and born again in between */
        w->query[w->queries++] = d;
    }
}

static bool latency_grew(const struct latency_count *a, const struct latency_count *b)
{
    bool more = false;
    for (int i = 0; i < LATENCY_BUCKETS; i++) {
        if (b->count[i] < a->count[i])
            return false;   /* the driver was started anew */
        more |= b->count[i] > a->count[i];
    }
    return more;
}

static void close_percentiles(const struct window_run *r, struct window *w)
{
    if (!r->first.latency.known || !r->last.latency.known || !latency_grew(&r->first.latency, &r->last.latency))
        return;
    w->v[METRIC_LATENCY_P50] = latency_quantile_ms(&r->first.latency, &r->last.latency, 0.50);
    w->v[METRIC_LATENCY_P95] = latency_quantile_ms(&r->first.latency, &r->last.latency, 0.95);
    w->v[METRIC_LATENCY_P99] = latency_quantile_ms(&r->first.latency, &r->last.latency, 0.99);
    w->v[METRIC_LATENCY_ESTIMATED] = 0;
}

void window_close(const struct window_run *r, struct window *w)
{
    window_clear(w);
    w->from_us = r->from_us;
    w->to_us = r->to_us;
    w->wall_us = r->wall_us;
    w->samples = r->samples;
    double expected = (double)(r->to_us - r->from_us) / (double)r->period_us;
    w->whole = !r->restarted && !r->reset && !r->reloaded && r->samples >= 1 && r->samples >= 0.9 * expected - 1e-9;
    for (int i = 0; i < METRIC_COUNT; i++)
        if (r->n[i] > 0) {
            w->v[i] = r->sum[i] / r->n[i];
            w->max[i] = r->max[i];
        }
    if (r->weight > 0)
        w->v[METRIC_LATENCY_MEAN] = r->weighted_latency / r->weight;
    w->lull_tps = r->tps.least;
    w->lull_ms = r->latency.most;
    close_percentiles(r, w);
    if (r->first.checkpoints_done >= 0 && r->last.checkpoints_done >= r->first.checkpoints_done)
        w->checkpoints = (int)(r->last.checkpoints_done - r->first.checkpoints_done);
    close_queries(r, w);
}

/* ---- JSON ---- */

static const struct keep window_fields[] = {
    KEEP(struct window, from_us, INT64), KEEP(struct window, to_us, INT64), KEEP(struct window, wall_us, INT64),
    KEEP(struct window, samples, INT), KEEP(struct window, whole, BOOL), KEEP(struct window, checkpoints, INT),
    KEEP(struct window, queries, INT), KEEP_END
};

static const struct keep query_fields[] = {
    KEEP(struct query_count, id, INT64), KEEP(struct query_count, calls, REAL), KEEP(struct query_count, total_ms, REAL),
    KEEP(struct query_count, rows, REAL), KEEP_END
};

json_t *window_save(const struct window *w)
{
    json_t *o = keep_save(window_fields, w), *v = json_object(), *q = json_array();
    for (int i = 0; i < METRIC_COUNT; i++)
        if (!isnan(w->v[i]))
            json_object_set_new(v, metric_info[i].name, json_pack("[o,o]", keep_real(w->v[i]), keep_real(w->max[i])));
    for (int i = 0; i < w->queries; i++)
        json_array_append_new(q, keep_save(query_fields, &w->query[i]));
    json_object_set_new(o, "v", v);
    json_object_set_new(o, "query", q);
    json_object_set_new(o, "lull", json_pack("[o,o]", keep_real(w->lull_tps), keep_real(w->lull_ms)));
    return o;
}

enum err window_load(const json_t *saved, struct window *w, struct fault *fault)
{
    window_clear(w);
    enum err e = keep_load(window_fields, w, saved, fault);
    if (e)
        return e;
    w->lull_tps = keep_real_of(json_array_get(json_object_get(saved, "lull"), 0));      /* earlier versions did not keep it: unknown */
    w->lull_ms = keep_real_of(json_array_get(json_object_get(saved, "lull"), 1));
    const char *name;
    json_t *pair, *v = json_object_get(saved, "v"), *q = json_object_get(saved, "query");
    json_object_foreach(v, name, pair) {
        enum metric m;
        if (!metric_parse(name, &m))
            continue;   /* written by a version that knows more */
        w->v[m] = keep_real_of(json_array_get(pair, 0));
        w->max[m] = keep_real_of(json_array_get(pair, 1));
    }
    if (w->queries > QUERIES_MAX || (w->queries > 0 && json_array_size(q) != (size_t)w->queries))
        return fail(fault, ERR_INPUT, "saved window has %d queries but lists %zu", w->queries, json_array_size(q));
    for (int i = 0; i < w->queries; i++)
        if ((e = keep_load(query_fields, &w->query[i], json_array_get(q, (size_t)i), fault)))
            return e;
    return OK;
}
