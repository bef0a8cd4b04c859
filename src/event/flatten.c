/*
 * event/flatten.c - one point after the other, into as many samples as its kind needs. Labels are sorted once per point; what differs between
 * its samples, the name and one label more, has its place in them.
 */
#include "event/flatten_inside.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const struct slice name_label = { "__name__", 8 };

/* Where a label comes from: when two have one name, the lower rank stays. */
enum rank { RANK_POINT, RANK_TARGET, RANK_RESOURCE };
struct ranked { struct remote_label label; enum rank rank; size_t order; };

struct flattening {
    const struct event           *event;
    const struct flatten_options *options;
    struct arena                 *arena;
    flatten_take                 *take;
    void                         *ctx;
    struct slice                  name;
    struct remote_label          *plain, *with;      /* sorted; with the extra label in `with` */
    size_t                        labels_n, name_at, with_name_at, extra_at;
    bool                          first, stopped, full;
    struct flatten_sample         sample;
};

static int by_name(const void *x, const void *y)
{
    const struct ranked *a = x, *b = y;
    int                  o = slice_order(a->label.name, b->label.name);
    if (o)
        return o;
    return a->rank != b->rank ? (a->rank > b->rank) - (a->rank < b->rank) : (a->order > b->order) - (a->order < b->order);
}

/* ---- labels ---- */

struct gathering { struct ranked *item; size_t n, room; bool full, many; };

static void gather(struct gathering *g, struct slice name, struct slice value, enum rank rank)
{
    if (!value.n)
        return;
    if (g->n == g->room) {
        g->many = true;
        return;
    }
    g->item[g->n] = (struct ranked){ { name, value }, rank, g->n };
    g->n++;
}

static void gather_attrs(struct gathering *g, const struct attrs *attrs, struct arena *a, enum rank rank)
{
    for (size_t i = 0; i < attrs->count; i++) {
        struct slice key = attrs->item[i].key, name = flatten_label(key, a);
        if (rank == RANK_RESOURCE && (slice_is(key, "service.name") || slice_is(key, "service.namespace") || slice_is(key, "service.instance.id")))
            continue;
        if (key.n && !name.n)
            g->full = true;
        else if (key.n && !slice_same(name, name_label))
            gather(g, name, value_text(&attrs->item[i].value, a), rank);
    }
}

static void gather_target(struct gathering *g, const struct attrs *resource, struct arena *a)
{
    struct slice name = attrs_text(resource, "service.name"), space = attrs_text(resource, "service.namespace");
    if (name.n && space.n) {
        char *both = arena_alloc(a, name.n + space.n + 1);
        if (!both) {
            g->full = true;
            return;
        }
        memcpy(both, space.s, space.n);
        both[space.n] = '/';
        memcpy(both + space.n + 1, name.s, name.n);
        name = (struct slice){ both, name.n + space.n + 1 };
    }
    gather(g, SLICE("job"), name, RANK_TARGET);
    gather(g, SLICE("instance"), attrs_text(resource, "service.instance.id"), RANK_TARGET);
}

static bool join(struct arena *a, struct slice *to, struct slice more)
{
    char *both = arena_alloc(a, to->n + more.n + 1);
    if (!both)
        return false;
    memcpy(both, to->s, to->n);
    both[to->n] = ';';
    memcpy(both + to->n + 1, more.s, more.n);
    *to = (struct slice){ both, to->n + more.n + 1 };
    return true;
}

/* Equal names become one: of the point's own their values joined, else the first. */
static void unite(struct gathering *g, struct arena *a)
{
    size_t kept = 0;
    for (size_t i = 0; i < g->n; i++) {
        struct ranked *last = kept ? &g->item[kept - 1] : NULL;
        if (!last || !slice_same(last->label.name, g->item[i].label.name))
            g->item[kept++] = g->item[i];
        else if (g->item[i].rank == RANK_POINT && !join(a, &last->label.value, g->item[i].label.value))
            g->full = true;
    }
    g->n = kept;
}

/* `to` gets the labels with __name__, and with extra unless that is empty, each in its place. */
static size_t place(const struct gathering *g, struct slice extra, struct remote_label *to, size_t *name_at, size_t *extra_at)
{
    size_t n = 0;
    bool   name_in = false, extra_in = extra.n == 0;
    for (size_t i = 0; i <= g->n; i++) {
        const struct slice *next = i < g->n ? &g->item[i].label.name : NULL;
        while (true) {
            bool name_now = !name_in && (!next || slice_order(name_label, *next) < 0);
            bool extra_now = !extra_in && (!next || slice_order(extra, *next) <= 0);
            if (!name_now && !extra_now)
                break;
            if (name_now && (!extra_now || slice_order(name_label, extra) < 0)) {
                *name_at = n;
                to[n++] = (struct remote_label){ .name = name_label };
                name_in = true;
            } else {
                *extra_at = n;
                to[n++] = (struct remote_label){ .name = extra };
                extra_in = true;
            }
        }
        if (next && !(extra.n && slice_same(extra, *next)))
            to[n++] = g->item[i].label;
    }
    return n;
}

static enum err labels_make(struct flattening *f, struct slice extra, struct fault *fault)
{
    const struct event *e = f->event;
    const struct attrs *resource = &e->resource->attrs;
    struct ranked       few[32];
    struct gathering    g = { .item = few, .room = e->attrs.count + resource->count + 2 };
    if (g.room > FLATTEN_LABELS_MAX)
        g.room = FLATTEN_LABELS_MAX;
    if (g.room > sizeof few / sizeof *few && !(g.item = arena_alloc(f->arena, g.room * sizeof *g.item)))
        goto full;
    gather_attrs(&g, &e->attrs, f->arena, RANK_POINT);
    gather_target(&g, resource, f->arena);
    if (f->options->resource_labels)
        gather_attrs(&g, resource, f->arena, RANK_RESOURCE);
    bool sorted = true;
    for (size_t i = 1; i < g.n && sorted; i++)
        sorted = slice_order(g.item[i - 1].label.name, g.item[i].label.name) < 0;
    if (!sorted) {
        qsort(g.item, g.n, sizeof *g.item, by_name);
        unite(&g, f->arena);
    }
    if (g.many)
        return fail(fault, ERR_LIMIT, "a point of %.*s has more than %d labels", (int)(f->name.n < 100 ? f->name.n : 100), f->name.s, FLATTEN_LABELS_MAX);
    size_t unused;
    f->plain = arena_alloc(f->arena, (g.n + 1) * sizeof *f->plain);
    f->with = extra.n ? arena_alloc(f->arena, (g.n + 2) * sizeof *f->with) : NULL;
    if (g.full || !f->plain || (extra.n && !f->with))
        goto full;
    f->labels_n = place(&g, (struct slice){ NULL, 0 }, f->plain, &f->name_at, &unused);
    if (extra.n) {
        /* An attribute of the extra label's name gives way to it, in the other samples too: they belong together. */
        (void)place(&g, extra, f->with, &f->with_name_at, &f->extra_at);
        size_t n = 0;
        for (size_t i = 0; i < f->labels_n; i++)
            if (!slice_same(f->plain[i].name, extra)) {
                if (i == f->name_at)
                    f->name_at = n;
                f->plain[n++] = f->plain[i];
            }
        f->labels_n = n;
    }
    return OK;
full:
    return fail(fault, ERR_LIMIT, "the labels of a point do not fit into the memory there is for it");
}

/* ---- samples ---- */

static double stale_value(void)
{
    const uint64_t bits = REMOTE_STALE_BITS;
    double         v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

static void emit(struct flattening *f, struct slice name, const struct slice *extra, double value)
{
    struct flatten_sample *s = &f->sample;
    if (f->stopped || f->full)
        return;
    struct remote_label *labels = extra ? f->with : f->plain;
    labels[extra ? f->with_name_at : f->name_at].value = name;
    if (extra)
        labels[f->extra_at].value = *extra;
    s->labels = labels;
    s->labels_n = f->labels_n + (extra != NULL);
    s->name = name;
    s->value = s->stale ? stale_value() : value;
    s->exemplars = f->first ? f->event->as.point.exemplars : NULL;
    s->exemplars_n = f->first ? f->event->as.point.exemplars_n : 0;
    f->first = false;
    f->stopped = !f->take(f->ctx, s);
}

static struct slice suffixed(struct flattening *f, struct slice suffix)
{
    char *to = arena_alloc(f->arena, f->name.n + suffix.n);
    if (!to) {
        f->full = true;
        return f->name;
    }
    memcpy(to, f->name.s, f->name.n);
    memcpy(to + f->name.n, suffix.s, suffix.n);
    return (struct slice){ to, f->name.n + suffix.n };
}

/* The shortest text that reads back as the number. */
static struct slice number_text(char text[40], double v)
{
    if (isinf(v))
        return v < 0 ? SLICE("-Inf") : SLICE("+Inf");
    int n = 0;
    for (int digits = 15; digits <= 17; digits++) {
        n = snprintf(text, 40, "%.*g", digits, v);
        if (strtod(text, NULL) == v)
            break;
    }
    return (struct slice){ text, (size_t)n };
}

static void emit_number(struct flattening *f, struct slice name, double number, double value)
{
    char         text[40];
    struct slice extra = number_text(text, number);
    emit(f, name, &extra, value);
}

static void emit_total(struct flattening *f)
{
    const struct point_event *p = &f->event->as.point;
    if (f->sample.stale || !isnan(p->sum))
        emit(f, suffixed(f, SLICE("_sum")), NULL, p->sum);
    emit(f, suffixed(f, SLICE("_count")), NULL, (double)p->count);
}

static void histogram(struct flattening *f)
{
    const struct point_event *p = &f->event->as.point;
    struct slice              name = suffixed(f, SLICE("_bucket"));
    uint64_t                  total = 0;
    for (size_t i = 0; i < p->bounds_n && i < p->counts_n; i++) {
        total += p->counts[i];
        if (!isinf(p->bounds[i]))
            emit_number(f, name, p->bounds[i], (double)total);
    }
    emit_number(f, name, (double)INFINITY, (double)p->count);
    emit_total(f);
}

static void summary(struct flattening *f)
{
    const struct point_event *p = &f->event->as.point;
    for (size_t i = 0; i < p->quantiles_n; i++)
        emit_number(f, f->name, p->quantiles[i].q, p->quantiles[i].value);
    emit_total(f);
}

/* ---- exponential histograms ---- */

enum { NATIVE_FINEST = 8, NATIVE_COARSEST = -4, SCALE_MOST = 1000 /* beyond it all bounds are 1, or 0 and infinity */ };

/* Index i at a coarser scale; >> of a negative number rounds down, as it must. */
static int64_t coarser(int64_t i, int shift) { return shift > 62 ? (i < 0 ? -1 : 0) : i >> shift; }

static size_t width(const struct side *s, int shift)
{
    return s->n ? (size_t)(coarser((int64_t)s->offset + (int64_t)s->n - 1, shift) - coarser(s->offset, shift)) + 1 : 0;
}

/* How many halvings of the resolution it takes to fit. */
static int shift_for(const struct point_event *p, int scale, int finest)
{
    int shift = scale > finest ? scale - finest : 0;
    while (shift < 64 && width(&p->positive, shift) + width(&p->negative, shift) > FLATTEN_NATIVE_BUCKETS_MAX)
        shift++;
    return shift;
}

/* One side at the coarser scale; first is OpenTelemetry's index. false: the arena is full. */
static bool side_coarser(struct arena *a, const struct side *from, int shift, struct remote_side *to)
{
    size_t  n = width(from, shift);
    double *counts = arena_alloc(a, (n ? n : 1) * sizeof *counts);
    if (!counts)
        return false;
    int64_t first = from->n ? coarser(from->offset, shift) : 0;
    for (size_t i = 0; i < from->n; i++)
        counts[coarser((int64_t)from->offset + (int64_t)i, shift) - first] += (double)from->counts[i];
    *to = (struct remote_side){ (int32_t)first, n, counts };
    return true;
}

static void exponential(struct flattening *f)
{
    const struct point_event *p = &f->event->as.point;
    struct remote_side        positive, negative;
    int                       from = p->scale > SCALE_MOST ? SCALE_MOST : p->scale < -SCALE_MOST ? -SCALE_MOST : p->scale;
    int                       shift = shift_for(p, from, f->options->native ? NATIVE_FINEST : SCALE_MOST), scale = from - shift;
    if (!side_coarser(f->arena, &p->positive, shift, &positive) || !side_coarser(f->arena, &p->negative, shift, &negative)) {
        f->full = true;
        return;
    }
    if (f->options->native && scale >= NATIVE_COARSEST) {
        struct remote_histogram h = {
            .schema = scale, .count = (double)p->count, .sum = p->sum, .zero_threshold = p->zero_threshold, .zero_count = (double)p->zero_count,
            .positive = positive, .negative = negative, .time_ms = f->sample.time_ms, .start_ms = f->sample.start_ms, .stale = p->stale,
        };
        /* Prometheus names a bucket by its upper bound. */
        h.positive.first += h.positive.first < INT32_MAX;
        h.negative.first += h.negative.first < INT32_MAX;
        f->sample.native = &h;
        emit(f, f->name, NULL, 0);
        f->sample.native = NULL;
        return;
    }
    struct slice name = suffixed(f, SLICE("_bucket"));
    double       total = 0;
    for (size_t i = negative.n; i-- > 0;) {
        total += negative.counts[i];
        if (negative.counts[i] > 0)
            emit_number(f, name, -exp2(ldexp((double)negative.first + (double)i, -scale)), total);
    }
    total += (double)p->zero_count;
    if (total > 0)
        emit_number(f, name, p->zero_threshold, total);
    for (size_t i = 0; i < positive.n; i++) {
        double bound = exp2(ldexp((double)positive.first + (double)i + 1, -scale));
        total += positive.counts[i];
        if (positive.counts[i] > 0 && !isinf(bound))
            emit_number(f, name, bound, total);
    }
    emit_number(f, name, (double)INFINITY, (double)p->count);
    emit_total(f);
}

/* ---- the whole ---- */

static int64_t ms_of(int64_t ns) { return ns >= 0 ? ns / 1000000 : -((-(ns + 1)) / 1000000) - 1; }

static enum remote_type type_of(const struct point_event *p)
{
    switch (p->kind) {
    case POINT_SUM:         return p->monotonic ? REMOTE_COUNTER : REMOTE_GAUGE;
    case POINT_GAUGE:       return REMOTE_GAUGE;
    case POINT_HISTOGRAM:
    case POINT_EXPONENTIAL: return REMOTE_HISTOGRAM;
    case POINT_SUMMARY:     return REMOTE_SUMMARY;
    case POINT_INFO:        return REMOTE_INFO;
    case POINT_STATESET:    return REMOTE_STATESET;
    case POINT_UNKNOWN:
    default:                return REMOTE_UNKNOWN;
    }
}

enum err flatten_point(const struct event *e, const struct flatten_options *options, struct arena *a, flatten_take *take, void *ctx, struct fault *fault)
{
    static const struct flatten_options usual = { .native = false };
    if (e->type != EVENT_POINT)
        return fail(fault, ERR_INPUT, "only points become series");
    const struct point_event *p = &e->as.point;
    struct flattening f = { .event = e, .options = options ? options : &usual, .arena = a, .take = take, .ctx = ctx, .first = true };
    f.name = flatten_name(e, f.options, a);
    if (!f.name.n)
        goto full;
    f.sample = (struct flatten_sample){
        .type = type_of(p), .help = p->description, .unit = p->unit, .stale = p->stale, .time_ms = ms_of(p->time_ns), .start_ms = ms_of(p->start_ns),
        .delta = p->temporality == TEMPORALITY_DELTA && (p->kind == POINT_SUM || p->kind == POINT_HISTOGRAM || p->kind == POINT_EXPONENTIAL),
    };
    bool         buckets = p->kind == POINT_HISTOGRAM || p->kind == POINT_EXPONENTIAL;
    struct slice extra = buckets ? SLICE("le") : p->kind == POINT_SUMMARY ? SLICE("quantile") : (struct slice){ NULL, 0 };
    enum err     code = labels_make(&f, extra, fault);
    if (code != OK)
        return code;
    if (p->kind == POINT_HISTOGRAM)
        histogram(&f);
    else if (p->kind == POINT_EXPONENTIAL)
        exponential(&f);
    else if (p->kind == POINT_SUMMARY)
        summary(&f);
    else
        emit(&f, f.name, NULL, p->value);
    if (!f.full)
        return OK;
full:
    return fail(fault, ERR_LIMIT, "a point of %.*s does not fit into the memory there is for it", (int)(p->name.n < 100 ? p->name.n : 100), p->name.s ? p->name.s : "");
}
