/*
 * event/series.c - remote write, and what our own sensors read, as points.
 *
 * A sample is a point of its own; the points of a series share its attributes.  Remote write 1.0 does not say what kind a series is, so it is
 * UNKNOWN; 2.0 does.  Native histograms become EXPONENTIAL ones, those with bounds of their own HISTOGRAM.
 */
#include "event/series_inside.h"

#include <math.h>

/* ---- what exposition.c needs as well ---- */

const struct resource *series_resource(struct reading *r, struct series_resource *last, const struct attrs *labels)
{
    struct slice job = attrs_text(labels, "job"), instance = attrs_text(labels, "instance");
    if (!job.n && !instance.n)
        return r->no_resource;
    if (last->resource && slice_same(job, last->job) && slice_same(instance, last->instance))
        return last->resource;
    struct attr *item = reading_alloc(r, 2 * sizeof *item);
    if (!item)
        return NULL;
    size_t n = 0;
    if (job.n)
        item[n++] = (struct attr){ SLICE("service.name"), series_text(job) };
    if (instance.n)
        item[n++] = (struct attr){ SLICE("service.instance.id"), series_text(instance) };
    *last = (struct series_resource){ job, instance, reading_resource(r, (struct attrs){ item, n }) };
    return last->resource;
}

/* What our own sensors read is of the machine that they are on, which the record's labels name. One resource for all points of a record. */
static const struct resource *own_resource(struct reading *r, struct series_resource *last)
{
    struct slice name = attrs_text(&r->labels, "instance");
    if (!name.n)
        return r->no_resource;
    if (!last->resource) {
        struct attr *item = reading_alloc(r, sizeof *item);
        if (!item)
            return NULL;
        *item          = (struct attr){ SLICE("host.name"), series_text(name) };
        last->resource = reading_resource(r, (struct attrs){ item, 1 });
    }
    return last->resource;
}

static bool ends_in(struct slice s, struct slice end) { return s.n > end.n && memcmp(s.s + s.n - end.n, end.s, end.n) == 0; }

void series_kind(struct point_event *p, enum remote_type type, struct slice name)
{
    bool counts = type == REMOTE_COUNTER;
    switch (type) {
    case REMOTE_HISTOGRAM:
    case REMOTE_SUMMARY:
        counts = ends_in(name, SLICE("_bucket")) || ends_in(name, SLICE("_sum")) || ends_in(name, SLICE("_count"));
        p->kind = POINT_GAUGE;
        break;
    case REMOTE_GAUGE:
    case REMOTE_GAUGE_HISTOGRAM: p->kind = POINT_GAUGE; break;
    case REMOTE_INFO:            p->kind = POINT_INFO; break;
    case REMOTE_STATESET:        p->kind = POINT_STATESET; break;
    case REMOTE_UNKNOWN:
    case REMOTE_COUNTER:
    default:                     p->kind = POINT_UNKNOWN; break;
    }
    if (counts) {
        p->kind = POINT_SUM;
        p->temporality = TEMPORALITY_CUMULATIVE;
        p->monotonic = true;
    }
}

/* n bytes out of 2n hexadecimal digits; empty: it is not that, or the arena is full. */
static struct slice unhex(struct reading *r, struct slice s, size_t n)
{
    unsigned char bytes[16];
    if (s.n != 2 * n)
        return (struct slice){ NULL, 0 };
    for (size_t i = 0; i < s.n; i++) {
        char c = s.s[i], low = (char)(c | 32);
        int  digit = c >= '0' && c <= '9' ? c - '0' : low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
        if (digit < 0)
            return (struct slice){ NULL, 0 };
        bytes[i / 2] = (unsigned char)(i % 2 ? bytes[i / 2] | digit : digit << 4);
    }
    char *to = reading_alloc(r, n);
    if (!to)
        return (struct slice){ NULL, 0 };
    memcpy(to, bytes, n);
    return (struct slice){ to, n };
}

bool series_exemplar(struct reading *r, struct exemplar *x, const struct remote_label *label, size_t n, double value, int64_t time_ms)
{
    struct attr *item = reading_alloc(r, n * sizeof *item);
    size_t       kept = 0;
    if (!item)
        return false;
    *x = (struct exemplar){ .time_ns = series_ns(time_ms), .value = value };
    for (size_t i = 0; i < n; i++) {
        if (!x->trace_id.n && (slice_is(label[i].name, "trace_id") || slice_is(label[i].name, "traceID")) && (x->trace_id = unhex(r, label[i].value, 16)).n)
            continue;
        if (!x->span_id.n && (slice_is(label[i].name, "span_id") || slice_is(label[i].name, "spanID")) && (x->span_id = unhex(r, label[i].value, 8)).n)
            continue;
        item[kept++] = (struct attr){ label[i].name, series_text(label[i].value) };
    }
    x->attrs = (struct attrs){ item, kept };
    return true;
}

/* ---- remote write ---- */

struct one_series { struct attrs attrs; const struct resource *resource; const struct exemplar *exemplars; size_t exemplars_n; };

/* Its own, and those that stand alone and belong to it. */
static bool exemplars_read(struct reading *r, struct remote_series *s, struct remote_alone *alone, struct one_series *one)
{
    size_t                          items, extra;
    const struct remote_alone_item *item = remote_alone_take(alone, s, &items, &extra);
    if (!s->exemplars_n && !item)
        return true;
    struct exemplar       *to = reading_alloc(r, (s->exemplars_n + extra) * sizeof *to);
    struct remote_series   of = *s;
    struct remote_exemplar x;
    if (!to)
        return false;
    for (size_t i = 0;; of.exemplars = item[i++].exemplars) {
        while (one->exemplars_n < s->exemplars_n + extra && remote_exemplar_next(&of, &x))
            if (!series_exemplar(r, &to[one->exemplars_n++], x.labels.item, x.labels.count, x.value, x.time_ms))
                return false;
        if (i == items)
            break;
    }
    one->exemplars = to;
    return true;
}

/* What all points of a series share; false: the arena is full. A label without a value is no label. */
static bool series_begin(struct reading *r, struct remote_series *s, struct remote_alone *alone, struct series_resource *last, struct one_series *one)
{
    struct attr *item = reading_alloc(r, s->labels.count * sizeof *item);
    size_t       n = 0;
    *one = (struct one_series){ .exemplars_n = 0 };
    if (!item)
        return false;
    for (size_t i = 0; i < s->labels.count; i++) {
        const struct remote_label *label = &s->labels.item[i];
        if (label->value.n && !slice_is(label->name, "__name__"))
            item[n++] = (struct attr){ label->name, series_text(label->value) };
    }
    one->attrs = (struct attrs){ item, n };
    one->resource = r->record->kind == RECORD_SAMPLES ? own_resource(r, last) : series_resource(r, last, &one->attrs);
    return one->resource && exemplars_read(r, s, alone, one);
}

static struct event *point_begin(struct reading *r, const struct remote_series *s, struct one_series *one, int64_t time_ms, int64_t start_ms)
{
    struct event *e = reading_event(r, EVENT_POINT, one->resource, NULL);
    if (!e)
        return NULL;
    struct point_event *p = &e->as.point;
    e->attrs = one->attrs;
    p->name = s->name;
    p->unit = s->metadata.unit;
    p->description = s->metadata.help;
    p->time_ns = series_ns(time_ms);
    p->start_ns = series_ns(start_ms);
    p->sum = p->min = p->max = (double)NAN;
    p->exemplars = one->exemplars;
    p->exemplars_n = one->exemplars_n;
    one->exemplars_n = 0;        /* with the first point only */
    return e;
}

static uint64_t whole(double count) { return count >= 18446744073709549568.0 ? UINT64_MAX : (uint64_t)(count + 0.5); }

/* NULL: the arena is full. */
static const uint64_t *whole_counts(struct reading *r, const double *counts, size_t n)
{
    uint64_t *to = reading_alloc(r, n * sizeof *to);
    for (size_t i = 0; to && i < n; i++)
        to[i] = whole(counts[i]);
    return to;
}

static bool side_set(struct reading *r, struct side *to, const struct remote_side *from)
{
    /* Prometheus names a bucket by its upper bound, OpenTelemetry by its lower. */
    to->offset = from->n ? from->first - 1 : 0;
    to->n = from->n;
    to->counts = whole_counts(r, from->counts, from->n);
    return to->counts;
}

/* false: the arena is full. */
static bool histogram_set(struct reading *r, struct point_event *p, const struct remote_histogram *h)
{
    bool custom = h->schema == -53;
    p->kind = custom ? POINT_HISTOGRAM : POINT_EXPONENTIAL;
    p->temporality = h->reset_hint == 3 ? TEMPORALITY_UNKNOWN : TEMPORALITY_CUMULATIVE;
    p->stale = h->stale;
    if (h->stale)
        return true;
    p->count = whole(h->count);
    p->sum = h->sum;
    if (!custom) {
        p->scale = h->schema;
        p->zero_threshold = h->zero_threshold;
        p->zero_count = whole(h->zero_count);
        return side_set(r, &p->positive, &h->positive) && side_set(r, &p->negative, &h->negative);
    }
    double   *bounds = reading_alloc(r, h->custom_n * sizeof *bounds);
    uint64_t *counts = reading_alloc(r, (h->custom_n + 1) * sizeof *counts);
    if (!bounds || !counts)
        return false;
    if (h->custom_n)
        memcpy(bounds, h->custom, h->custom_n * sizeof *bounds);
    for (size_t i = 0; i < h->positive.n; i++)
        counts[(size_t)h->positive.first + i] = whole(h->positive.counts[i]);
    p->bounds = bounds;
    p->bounds_n = h->custom_n;
    p->counts = counts;
    p->counts_n = h->custom_n + 1;
    return true;
}

/* All points of a series. OK with *more false: the taker has had enough. */
static enum err series_give(struct reading *r, struct remote_series *s, struct one_series *one, bool *more, struct fault *fault)
{
    struct remote_sample    sample;
    struct remote_histogram h;
    uint32_t                rejected = 0;
    struct event           *e;
    *more = true;
    while (remote_sample_next(s, &sample)) {
        if (!(e = point_begin(r, s, one, sample.time_ms, sample.start_ms)))
            return reading_full(r, fault);
        uint64_t bits;
        memcpy(&bits, &sample.value, sizeof bits);
        e->as.point.stale = bits == REMOTE_STALE_BITS;
        e->as.point.value = sample.value;
        series_kind(&e->as.point, s->metadata.type, s->name);
        if (!(*more = reading_give(r, e, fault)))
            return r->end;
    }
    while (s->histograms_n && remote_histogram_next(s, &h, &rejected)) {
        if (!(e = point_begin(r, s, one, h.time_ms, h.start_ms)) || !histogram_set(r, &e->as.point, &h))
            return reading_full(r, fault);
        if (!(*more = reading_give(r, e, fault)))
            return r->end;
    }
    while (rejected--)
        report_reject(r->report, "series %.*s: a histogram contradicts itself", (int)(s->name.n < 80 ? s->name.n : 80), s->name.s);
    return OK;
}

enum err series_read(struct reading *r, struct fault *fault)
{
    struct remote          remote;
    struct remote_series   s;
    struct remote_alone    alone = { .n = 0 };
    struct series_resource last = { .resource = NULL };
    struct one_series      one;
    bool                   more = true;
    enum remote_version    version = r->record->form == FORM_PROTOBUF_2 ? REMOTE_V2 : REMOTE_V1;
    enum err               e = remote_open(&remote, version, r->record->body, r->arena, fault);
    if (e == OK && remote_may_stand_alone(version, r->record->body))
        e = remote_alone_find(&remote, &alone, fault);
    if (e != OK)
        return e;
    while (more && remote_next(&remote, &s, &e, fault)) {
        r->report->bad_text += s.bad_text;
        if (s.flaw != REMOTE_FINE) {
            for (uint64_t i = (uint64_t)s.samples_n + s.histograms_n; i; i--)
                report_reject(r->report, "series %.*s: %s", (int)(s.name.n < 80 ? s.name.n : 80), s.name.n ? s.name.s : "", remote_flaw_text(s.flaw));
            continue;
        }
        if (remote_stands_alone(&s))
            continue;
        if (!series_begin(r, &s, &alone, &last, &one))
            return reading_full(r, fault);
        if ((e = series_give(r, &s, &one, &more, fault)) != OK)
            return e;
    }
    return e;
}

/* Bound of what a check keeps beside the body: 2.0's symbols, and one histogram. */
enum { CHECK_MEMORY = 96 * 1024 * 1024 };

enum err series_check(const struct record *r, struct event_report *report, struct fault *fault)
{
    struct remote_counts c;
    struct arena         a;
    arena_init(&a, CHECK_MEMORY);
    enum err e = remote_check(r->form == FORM_PROTOBUF_2 ? REMOTE_V2 : REMOTE_V1, r->body, &a, &c, fault);
    arena_done(&a);
    report->events = (uint32_t)(c.samples + c.histograms);
    report->rejected = (uint32_t)c.rejected;
    report->bad_text = (uint32_t)c.bad_text;
    memcpy(report->why, c.why, sizeof report->why);
    return e;
}
