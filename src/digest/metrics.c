/*
 * digest/metrics.c - series, rows and windows.
 *
 * A series is what one sender calls one: it has the state that rates need.  A row is what is stored: the series of several
 * resources with one URN meet in it.  A window is a minute: a cell for each row that got a value in it.  A cell holds its first values
 * as they are, since most series have few in a minute, and only then becomes a sketch.
 */
#include "digest/metrics.h"

#include "base/utf8.h"
#include "digest/increase.h"
#include "digest/map.h"
#include "digest/metrics_inside.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { METRIC_NAME_MAX = 255, NAME_DIGEST = 18 };
static const char other_labels[] = "{\"other\":\"true\"}";

struct metrics_options metrics_options_default(void)
{
    return (struct metrics_options){ .lookback_us = 5 * METRICS_WINDOW_US, .ahead_us = 10 * METRICS_WINDOW_US, .idle_us = 15 * METRICS_WINDOW_US,
                                     .series_max = 200000, .tenant_max = 100000, .source_max = 50000, .metric_max = 10000 };
}

enum err metrics_new(const struct metrics_options *o, struct metrics **out, struct fault *fault)
{
    struct metrics *m = calloc(1, sizeof *m);
    if (m)
        m->increase = malloc(sizeof *m->increase);
    if (!m || !m->increase) {
        metrics_free(m);
        return fail(fault, ERR_LIMIT, "no memory for minutes of metrics");
    }
    m->o = *o;
    m->floor_us = INT64_MIN;
    m->rows_free = NONE;
    m->rows_max = o->series_max < 1u << 28 ? 2 * o->series_max + 1024 : 1u << 29;
    *out = m;
    return OK;
}

void metrics_window_free(struct metric_window *w)
{
    for (uint32_t i = 0; i < w->cells; i++) {
        sketch_free(w->cell[i].sketch);
        free(w->cell[i].packed);
    }
    free(w->cell);
    free(w->at);
    free(w);
}

void metrics_free(struct metrics *m)
{
    if (!m)
        return;
    for (uint32_t i = 0; i < m->windows; i++)
        metrics_window_free(m->window[i]);
    for (uint32_t i = 0; i < m->rows_used; i++)
        free(m->row[i].metric);
    for (uint32_t i = 0; i < m->series_used; i++)
        series_state_done(&m->series[i].state);
    free(m->row);
    free(m->series);
    map_done(&m->by_series);
    map_done(&m->by_row);
    map_done(&m->scopes);
    free(m->increase);
    free(m);
}

/* ---- what a series is ---- */

static uint64_t text_hash(struct slice s) { return XXH3_64bits(s.s ? s.s : "", s.n); }

/* What of a point says that it continues another than a counter of the same name does: differences between them would mean nothing. */
static uint64_t shape_of(const struct point_event *p)
{
    uint64_t family = p->kind == POINT_HISTOGRAM ? 1 : p->kind == POINT_EXPONENTIAL ? 2 : p->kind == POINT_SUMMARY ? 3 : 0;
    return family * 2 + (p->temporality == TEMPORALITY_DELTA);
}

/* Two libraries of one process may have the same instrument with the same attributes: the scope tells them apart. Attributes have no order. */
static uint64_t series_key(const struct event *e, uint32_t place, uint64_t name, uint64_t source)
{
    const struct scope *scope = e->scope;
    uint64_t            h = map_mix(map_mix(name, source), map_mix(e->resource->id, place));
    h = map_mix(h, map_mix(text_hash(scope->name), text_hash(scope->version)));
    h = map_mix(h, map_mix(attrs_id(&scope->attrs), attrs_id(&e->attrs)));
    return map_mix(h, shape_of(&e->as.point));
}

/* A scope is a tenant, a source or a metric of a tenant, with the number of series in it. */
static uint32_t scope_count(const struct metrics *m, uint64_t key)
{
    const uint32_t *n = map_at(&m->scopes, key);
    return n ? *n : 0;
}

static bool scope_add(struct metrics *m, uint64_t key) { return map_put(&m->scopes, key, scope_count(m, key) + 1); }

static void scope_drop(struct metrics *m, uint64_t key)
{
    uint32_t n = scope_count(m, key);
    if (n > 1)
        (void)map_put(&m->scopes, key, n - 1);           /* it is there: no memory is needed */
    else
        map_remove(&m->scopes, key);
}

/* ---- rows ---- */

uint32_t metrics_row_add(struct metrics *m, uint64_t key, uint32_t place, struct slice metric, const char *labels)
{
    uint32_t at = m->rows_free;
    if (at != NONE) {
        m->rows_free = m->row[at].next;
    } else {
        if (m->rows_used >= m->rows_max)
            return NONE;
        if (m->rows_used == m->rows_room) {
            uint32_t           room = m->rows_room ? 2 * m->rows_room : 256;
            struct metric_row *r = room <= 2 * m->rows_max ? realloc(m->row, room * sizeof *r) : NULL;
            if (!r)
                return NONE;
            m->row = r;
            m->rows_room = room;
        }
        at = m->rows_used++;
    }
    size_t n = strlen(labels);
    char  *s = malloc(metric.n + n + 2);
    if (!s || !map_put(&m->by_row, key, at)) {
        free(s);
        m->row[at] = (struct metric_row){ .next = m->rows_free };
        m->rows_free = at;
        return NONE;
    }
    memcpy(s, metric.s, metric.n);
    s[metric.n] = 0;
    memcpy(s + metric.n + 1, labels, n + 1);
    m->row[at] = (struct metric_row){ .key = key, .metric = s, .labels = s + metric.n + 1, .labels_hash = XXH3_64bits(labels, n), .place = place };
    m->rows++;
    return at;
}

void metrics_row_drop(struct metrics *m, uint32_t at)
{
    struct metric_row *r = &m->row[at];
    if (--r->users)
        return;
    map_remove(&m->by_row, r->key);
    free(r->metric);
    *r = (struct metric_row){ .next = m->rows_free };
    m->rows_free = at;
    m->rows--;
}

/* A name as it is stored: one that is too long for a key, or no text, keeps its beginning and gets a digest of the whole. */
static struct slice stored_name(struct slice name, char out[METRIC_NAME_MAX + NAME_DIGEST])
{
    size_t n = name.n < METRIC_NAME_MAX ? name.n : METRIC_NAME_MAX;
    if (n)
        memcpy(out, name.s, n);
    out[n] = '\0';
    utf8_clean(out, '?');
    size_t kept = strlen(out);
    if (kept == name.n && (!kept || memcmp(out, name.s, kept) == 0))
        return name;
    return (struct slice){ out, kept + (size_t)snprintf(out + kept, NAME_DIGEST, "~%016" PRIx64, XXH3_64bits(name.s, name.n)) };
}

static uint32_t row_of(struct metrics *m, uint32_t place, struct slice metric, const char *labels)
{
    char      name[METRIC_NAME_MAX + NAME_DIGEST];
    uint64_t  key = map_mix(map_mix(place, XXH3_64bits(metric.s, metric.n)), XXH3_64bits(labels, strlen(labels)));
    uint32_t *there = map_at(&m->by_row, key);
    return there ? *there : metrics_row_add(m, key, place, stored_name(metric, name), labels);
}

/* ---- windows ---- */

static struct metric_window *window_of(struct metrics *m, int64_t us)
{
    int64_t bucket = us - ((us % METRICS_WINDOW_US) + METRICS_WINDOW_US) % METRICS_WINDOW_US;
    if (m->last < m->windows && m->window[m->last]->bucket_us == bucket)
        return m->window[m->last];
    uint32_t i = 0;
    while (i < m->windows && m->window[i]->bucket_us < bucket)
        i++;
    if (i < m->windows && m->window[i]->bucket_us == bucket) {
        m->last = i;
        return m->window[i];
    }
    if (bucket < m->floor_us || m->windows == METRICS_WINDOWS_MAX)
        return NULL;
    struct metric_window *w = calloc(1, sizeof *w);
    if (!w)
        return NULL;
    w->bucket_us = bucket;
    memmove(&m->window[i + 1], &m->window[i], (m->windows - i) * sizeof *m->window);
    m->window[i] = w;
    m->windows++;
    m->last = i;
    return w;
}

struct metric_cell *metrics_cell(struct metrics *m, struct metric_window *w, uint32_t row)
{
    if (row >= w->at_room) {
        uint32_t  room = row < 256 ? 256 : row * 2;
        uint32_t *at = realloc(w->at, room * sizeof *at);
        if (!at)
            return NULL;
        memset(at + w->at_room, 0, (room - w->at_room) * sizeof *at);
        w->at = at;
        w->at_room = room;
    }
    if (w->at[row])
        return &w->cell[w->at[row] - 1];
    if (w->cells == w->cells_room) {
        uint32_t            room = w->cells_room ? 2 * w->cells_room : 128;
        struct metric_cell *c = realloc(w->cell, room * sizeof *c);
        if (!c)
            return NULL;
        w->cell = c;
        w->cells_room = room;
    }
    w->cell[w->cells] = (struct metric_cell){ .row = row, .min = (double)INFINITY, .max = -(double)INFINITY };
    w->at[row] = ++w->cells;
    m->row[row].users++;
    return &w->cell[w->cells - 1];
}

static bool to_sketch(struct metric_cell *c)
{
    if (c->sketch)
        return true;
    if (c->packed) {                          /* somebody is late */
        if (sketch_unpack((struct slice){ c->packed, c->packed_n }, &c->sketch, NULL) != OK)
            return false;
        free(c->packed);
        c->packed = NULL;
        return true;
    }
    if (!(c->sketch = sketch_new()))
        return false;
    for (uint32_t i = 0; i < c->exact; i++)
        if (!sketch_add(c->sketch, c->value[i], 1)) {
            sketch_free(c->sketch);
            c->sketch = NULL;
            return false;
        }
    c->exact = 0;
    return true;
}

static bool cell_value(struct metric_cell *c, double v)
{
    if (!c->sketch && !c->packed && c->exact < CELL_EXACT)
        c->value[c->exact++] = v;
    else if (!to_sketch(c) || !sketch_add(c->sketch, v, 1))
        return false;
    c->n++;
    c->sum += v;
    c->min = v < c->min ? v : c->min;
    c->max = v > c->max ? v : c->max;
    return true;
}

/* Of all that is new; when nobody said it, of what lies in the buckets. */
static double sum_of(const struct increase *in)
{
    double sum = in->kind == INCREASE_VALUE ? in->value : in->sum;
    for (size_t i = 0; i < in->buckets && isnan(in->sum); i++)
        sum = (i ? sum : 0) + in->bucket[i].value * (double)in->bucket[i].times;
    return sum;
}

static bool cell_buckets(struct metric_cell *c, const struct increase *in)
{
    if (!in->n)
        return true;
    if (!to_sketch(c))
        return false;
    for (size_t i = 0; i < in->buckets; i++) {
        if (!sketch_add(c->sketch, in->bucket[i].value, in->bucket[i].times))
            return false;
        c->min = in->bucket[i].value < c->min ? in->bucket[i].value : c->min;
    }
    c->n += in->n;
    c->sum += sum_of(in);
    c->min = in->min < c->min ? in->min : c->min;
    c->max = in->max > c->max ? in->max : c->max;
    return true;
}

/* ---- taking ---- */

/* Is there room for one more series? If not, what is full is counted; *all: more than this one metric. */
static bool room_for_series(struct metrics *m, const uint64_t scope[3], bool *all)
{
    uint64_t *full = m->series_used >= m->o.series_max ? &m->stats.capped_all : scope_count(m, scope[0]) >= m->o.tenant_max ? &m->stats.capped_tenant
                     : scope_count(m, scope[1]) >= m->o.source_max ? &m->stats.capped_source : scope_count(m, scope[2]) >= m->o.metric_max ? &m->stats.capped_metric : NULL;
    if (!full)
        return true;
    ++*full;
    m->stats.capped++;
    *all = full != &m->stats.capped_metric;
    return false;
}

/* The series of a point; NULL: it has none, and *row is where its value goes all the same (NONE: nowhere). */
static struct metric_series *series_of(struct metrics *m, const struct event *e, uint32_t place, uint32_t *row)
{
    const struct point_event *p = &e->as.point;
    uint64_t  name = text_hash(p->name), source = text_hash(e->source);
    uint64_t  key = series_key(e, place, name, source);
    uint32_t *there = map_at(&m->by_series, key);
    *row = NONE;
    if (there)
        return &m->series[*there];
    uint64_t tenant = text_hash(e->tenant);
    uint64_t scope[3] = { map_mix(tenant, 1), map_mix(map_mix(tenant, source), 2), map_mix(map_mix(tenant, name), 3) };
    bool     all;
    if (!room_for_series(m, scope, &all)) {
        *row = row_of(m, place, all ? SLICE("other") : p->name, other_labels);
        return NULL;
    }
    if (m->series_used == m->series_room) {
        uint32_t              room = m->series_room ? 2 * m->series_room : 256;
        struct metric_series *s = realloc(m->series, room * sizeof *s);
        if (!s)
            return NULL;
        m->series = s;
        m->series_room = room;
    }
    char     labels[METRICS_LABELS_BYTES + 64];
    bool     whole = metrics_labels(&e->attrs, labels, sizeof labels);
    uint32_t at = row_of(m, place, p->name, labels);
    if (at == NONE || !map_put(&m->by_series, key, m->series_used))
        return NULL;
    struct metric_series *s = &m->series[m->series_used++];
    *s = (struct metric_series){ .key = key, .row = at, .state = { .start_ns = m->counted_ns } };
    memcpy(s->scope, scope, sizeof scope);
    for (int i = 0; i < 3; i++)
        (void)scope_add(m, scope[i]);                    /* without memory the bound is a little loose */
    m->row[at].users++;
    if (!whole)
        m->stats.labels_cut++;
    return s;
}

void metrics_take(struct metrics *m, const struct event *e, uint32_t place)
{
    const struct point_event *p = &e->as.point;
    int64_t                   us = p->time_ns / 1000;
    m->stats.points++;
    if (us > e->received_us + m->o.ahead_us) {
        m->stats.early++;
        return;
    }
    if (us <= 0) {                                       /* no clock says so, and it could not be reckoned with */
        m->stats.late++;
        return;
    }
    uint32_t              row;
    struct metric_series *s = series_of(m, e, place, &row);
    struct increase      *in = m->increase;
    if (p->stale) {
        if (s)
            series_state_end(&s->state);
        return;
    }
    if (s) {
        row = s->row;
        if (us > s->seen_us)
            s->seen_us = us;
        increase_of(&s->state, p, in);
    } else {
        struct series_state none = { .start_ns = INT64_MAX };      /* from its start it would count again with each point */
        if (row == NONE) {
            m->stats.no_memory++;
            return;
        }
        increase_of(&none, p, in);
        series_state_done(&none);
        if (in->kind == INCREASE_NOTHING)
            m->stats.capped_counters++;
    }
    m->stats.resets += in->reset;
    m->stats.out_of_order += in->kind == INCREASE_OUT_OF_ORDER;
    m->stats.unusable += in->kind == INCREASE_UNUSABLE;
    struct metric_window *w = NULL;
    if (in->kind == INCREASE_VALUE || in->kind == INCREASE_BUCKETS) {
        w = window_of(m, us);
        if (!w) {
            m->stats.late++;
        } else {
            struct metric_cell *c = metrics_cell(m, w, row);
            if (c && (in->kind == INCREASE_VALUE || in->n) && !isfinite(c->sum + sum_of(in)))
                m->stats.unusable++;                     /* no double holds the minute's sum with it, and there would be no average */
            else if (!c || !(in->kind == INCREASE_VALUE ? cell_value(c, in->value) : cell_buckets(c, in)))
                m->stats.no_memory++;
            w->dirty = true;
        }
    }
    if (!s && !m->row[row].users) {                      /* made for a value that did not come to be */
        m->row[row].users = 1;
        metrics_row_drop(m, row);
    }
}

/* ---- giving out ---- */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double p95_of(const struct metric_cell *c)
{
    if (c->sketch)
        return sketch_quantile(c->sketch, 0.95);
    if (c->packed) {
        struct sketch *s = NULL;
        double         p95 = sketch_unpack((struct slice){ c->packed, c->packed_n }, &s, NULL) == OK ? sketch_quantile(s, 0.95) : (double)NAN;
        sketch_free(s);
        return p95;
    }
    double v[CELL_EXACT];
    memcpy(v, c->value, c->exact * sizeof *v);
    qsort(v, c->exact, sizeof *v, by_value);
    return c->exact ? v[(c->exact * 95 + 99) / 100 - 1] : (double)NAN;
}

bool metrics_emit(struct metrics *m, int64_t upper_us, metrics_row *row, void *ctx)
{
    for (uint32_t i = 0; i < m->windows; i++) {
        const struct metric_window *w = m->window[i];
        if (!w->dirty || w->bucket_us + METRICS_WINDOW_US > upper_us)
            continue;
        for (uint32_t k = 0; k < w->cells; k++) {
            const struct metric_cell *c = &w->cell[k];
            const struct metric_row  *r = &m->row[c->row];
            struct minute_of_metric   out = { .bucket_us = w->bucket_us, .place = r->place, .metric = r->metric, .labels = r->labels, .labels_hash = r->labels_hash };
            if (!c->n)
                continue;
            out.avg = c->sum / (double)c->n;
            out.min = isfinite(c->min) ? c->min : out.avg;
            out.max = isfinite(c->max) ? c->max : out.avg;
            out.p95 = p95_of(c);
            out.p95 = out.p95 > out.max ? out.max : out.p95 < out.min ? out.min : out.p95;
            out.sum = c->sum;
            out.count = c->n;
            if (!row(ctx, &out))
                return false;
        }
    }
    return true;
}

static void drop_idle(struct metrics *m, int64_t before_us)
{
    for (uint32_t i = 0; i < m->series_used;) {
        struct metric_series *s = &m->series[i];
        if (s->seen_us >= before_us) {
            i++;
            continue;
        }
        series_state_done(&s->state);
        for (int k = 0; k < 3; k++)
            scope_drop(m, s->scope[k]);
        metrics_row_drop(m, s->row);
        map_remove(&m->by_series, s->key);
        if (i != --m->series_used) {
            *s = m->series[m->series_used];
            (void)map_put(&m->by_series, s->key, i);     /* it is there */
        }
    }
}

/* What is kept only in case that somebody is late takes a tenth of the room. Without memory it stays as it is. */
static void pack_window(struct metric_window *w, char *room)
{
    for (uint32_t i = 0; i < w->cells && room; i++) {
        struct metric_cell *c = &w->cell[i];
        size_t              n = c->sketch ? sketch_pack(c->sketch, room, SKETCH_PACKED_MAX) : 0;
        if (n == 0 || !(c->packed = malloc(n)))
            continue;
        memcpy(c->packed, room, n);
        c->packed_n = (uint32_t)n;
        sketch_free(c->sketch);
        c->sketch = NULL;
    }
}

void metrics_settle(struct metrics *m, int64_t upper_us)
{
    char    *room = malloc(SKETCH_PACKED_MAX);
    uint32_t kept = 0;
    if (upper_us - m->o.lookback_us > m->floor_us)
        m->floor_us = upper_us - m->o.lookback_us;
    for (uint32_t i = 0; i < m->windows; i++) {
        struct metric_window *w = m->window[i];
        if (w->bucket_us + METRICS_WINDOW_US <= upper_us)
            w->dirty = false;
        if (w->bucket_us >= m->floor_us) {
            if (!w->dirty && w->bucket_us + METRICS_WINDOW_US <= upper_us)
                pack_window(w, room);
            m->window[kept++] = w;
            continue;
        }
        for (uint32_t k = 0; k < w->cells; k++)
            metrics_row_drop(m, w->cell[k].row);
        metrics_window_free(w);
    }
    free(room);
    m->windows = kept;
    m->last = NONE;
    drop_idle(m, upper_us - m->o.idle_us);
}

void metrics_places(const struct metrics *m, struct places_held *held)
{
    for (uint32_t i = 0; i < m->rows_used; i++)
        if (m->row[i].metric)
            places_hold(held, m->row[i].place);
}

void metrics_stats(const struct metrics *m, struct metrics_stats *s)
{
    *s = m->stats;
    s->series = m->series_used;
    s->rows = m->rows;
    s->windows = m->windows;
}
