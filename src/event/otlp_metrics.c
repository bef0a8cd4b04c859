/*
 * event/otlp_metrics.c - ExportMetricsServiceRequest. Points that say nothing are left out; otlp_check() has counted them.
 */
#include "event/otlp.h"

#include <math.h>

/* What a point takes over from its metric. */
struct metric {
    const struct resource *resource;
    const struct scope    *scope;
    struct slice           name, unit, description;
    enum point_kind        kind;
    enum temporality       temporality;
    bool                   monotonic;
};

typedef bool point_read(struct reading *r, const struct metric *metric, struct slice message, struct fault *fault);

static struct event *point_of(struct reading *r, const struct metric *metric)
{
    struct event *e = reading_event(r, EVENT_POINT, metric->resource, metric->scope);
    if (e) {
        struct point_event *p = &e->as.point;
        p->name = metric->name;
        p->unit = metric->unit;
        p->description = metric->description;
        p->kind = metric->kind;
        p->temporality = metric->temporality;
        p->monotonic = metric->monotonic;
        p->value = p->sum = p->min = p->max = (double)NAN;
    }
    return e;
}

static void flags_of(struct point_event *p, uint64_t flags)
{
    p->flags = (uint32_t)flags;
    p->stale = flags & OTLP_NO_VALUE;
}

/* ---- exemplars ---- */

static bool exemplar_read(struct reading *r, struct slice message, struct exemplar *x, struct fault *fault)
{
    struct pb       m = pb_of(message);
    struct pb_field f;
    size_t          count = 0;
    int             more;
    while ((more = pb_next(&m, &f)) > 0)
        switch (pb_field(&f)) {
        case PB_FIELD(OTLP_EXEMPLAR_TIME, PB_I64): x->time_ns = otlp_time(f.n); break;
        case PB_FIELD(OTLP_EXEMPLAR_REAL, PB_I64): x->value = pb_double(f.n); break;
        case PB_FIELD(OTLP_EXEMPLAR_INT, PB_I64): x->value = (double)(int64_t)f.n; break;
        case PB_FIELD(OTLP_EXEMPLAR_SPAN_ID, PB_LEN): x->span_id = otlp_id(f.bytes, OTLP_SPAN_ID); break;
        case PB_FIELD(OTLP_EXEMPLAR_TRACE_ID, PB_LEN): x->trace_id = otlp_id(f.bytes, OTLP_TRACE_ID); break;
        case PB_FIELD(OTLP_EXEMPLAR_ATTRS, PB_LEN): count++; break;
        default: break;
        }
    return more < 0 ? otlp_broken(r) : otlp_read_attrs(r, message, OTLP_EXEMPLAR_ATTRS, count, &x->attrs, fault);
}

static bool exemplars(struct reading *r, struct slice message, uint32_t number, size_t count, struct point_event *p, struct fault *fault)
{
    if (count == 0)
        return true;
    struct exemplar *x = reading_alloc(r, count * sizeof *x);
    if (!x)
        return otlp_full(r, fault);
    p->exemplars = x;
    p->exemplars_n = count;
    struct pb       m = pb_of(message);
    struct pb_field f;
    while (pb_next(&m, &f) > 0)
        if (pb_field(&f) == PB_FIELD(number, PB_LEN) && !exemplar_read(r, f.bytes, x++, fault))
            return false;
    return true;
}

/* ---- gauges and sums ---- */

static bool number_read(struct reading *r, const struct metric *metric, struct slice message, struct fault *fault)
{
    struct pb       m = pb_of(message);
    struct pb_field f;
    size_t          attrs = 0, samples = 0;
    bool            valued = false;
    int             more;
    struct event   *e = point_of(r, metric);
    if (!e)
        return otlp_full(r, fault);
    struct point_event *p = &e->as.point;
    while ((more = pb_next(&m, &f)) > 0)
        switch (pb_field(&f)) {
        case PB_FIELD(OTLP_NUMBER_START, PB_I64): p->start_ns = otlp_time(f.n); break;
        case PB_FIELD(OTLP_NUMBER_TIME, PB_I64): p->time_ns = otlp_time(f.n); break;
        case PB_FIELD(OTLP_NUMBER_REAL, PB_I64):
            valued = true;
            p->is_int = false;
            p->integer = 0;
            p->value = pb_double(f.n);
            break;
        case PB_FIELD(OTLP_NUMBER_INT, PB_I64):
            valued = p->is_int = true;
            p->integer = (int64_t)f.n;
            p->value = (double)p->integer;
            break;
        case PB_FIELD(OTLP_NUMBER_EXEMPLARS, PB_LEN): samples++; break;
        case PB_FIELD(OTLP_NUMBER_ATTRS, PB_LEN): attrs++; break;
        case PB_FIELD(OTLP_NUMBER_FLAGS, PB_VARINT): flags_of(p, f.n); break;
        default: break;
        }
    if (more < 0)
        return otlp_broken(r);
    if (!valued && !p->stale)
        return true;
    if (p->stale) {
        p->is_int = false;
        p->integer = 0;
        p->value = (double)NAN;
    }
    p->time_ns = otlp_when(r, p->time_ns);
    return exemplars(r, message, OTLP_NUMBER_EXEMPLARS, samples, p, fault) &&
           otlp_read_attrs(r, message, OTLP_NUMBER_ATTRS, attrs, &e->attrs, fault) && reading_give(r, e, fault);
}

/* ---- histograms ---- */

/* Numbers of eight bytes that are field `number`, packed or not, one after the other; NULL: the arena is full. */
static void *fixed64s(struct reading *r, struct slice message, uint32_t number, size_t count)
{
    char           *to = reading_alloc(r, count * 8);
    size_t          used = 0;
    struct pb       m = pb_of(message);
    struct pb_field f;
    while (to && pb_next(&m, &f) > 0)
        if (pb_field(&f) == PB_FIELD(number, PB_LEN)) {
            if (f.bytes.n)
                memcpy(to + used, f.bytes.s, f.bytes.n);
            used += f.bytes.n;
        } else if (pb_field(&f) == PB_FIELD(number, PB_I64)) {
            memcpy(to + used, &f.n, 8);
            used += 8;
        }
    return to;
}

static bool histogram_read(struct reading *r, const struct metric *metric, struct slice message, struct fault *fault)
{
    struct pb       m = pb_of(message);
    struct pb_field f;
    size_t          attrs = 0, samples = 0, n;
    bool            known;
    int             more;
    struct event   *e = point_of(r, metric);
    if (!e)
        return otlp_full(r, fault);
    struct point_event *p = &e->as.point;
    while ((more = pb_next(&m, &f)) > 0)
        switch (pb_field(&f)) {
        case PB_FIELD(OTLP_HISTOGRAM_START, PB_I64): p->start_ns = otlp_time(f.n); break;
        case PB_FIELD(OTLP_HISTOGRAM_TIME, PB_I64): p->time_ns = otlp_time(f.n); break;
        case PB_FIELD(OTLP_HISTOGRAM_COUNT, PB_I64): p->count = f.n; break;
        case PB_FIELD(OTLP_HISTOGRAM_SUM, PB_I64): p->sum = pb_double(f.n); break;
        case PB_FIELD(OTLP_HISTOGRAM_MIN, PB_I64): p->min = pb_double(f.n); break;
        case PB_FIELD(OTLP_HISTOGRAM_MAX, PB_I64): p->max = pb_double(f.n); break;
        case PB_FIELD(OTLP_HISTOGRAM_EXEMPLARS, PB_LEN): samples++; break;
        case PB_FIELD(OTLP_HISTOGRAM_ATTRS, PB_LEN): attrs++; break;
        case PB_FIELD(OTLP_HISTOGRAM_FLAGS, PB_VARINT): flags_of(p, f.n); break;
        case PB_FIELD(OTLP_HISTOGRAM_COUNTS, PB_LEN):
        case PB_FIELD(OTLP_HISTOGRAM_COUNTS, PB_I64):
        case PB_FIELD(OTLP_HISTOGRAM_BOUNDS, PB_LEN):
        case PB_FIELD(OTLP_HISTOGRAM_BOUNDS, PB_I64):
            if (!pb_repeated(&f, PB_I64, &n, &known))
                return otlp_broken(r);
            *(f.number == OTLP_HISTOGRAM_COUNTS ? &p->counts_n : &p->bounds_n) += n;
            break;
        default: break;
        }
    if (more < 0)
        return otlp_broken(r);
    if (p->counts_n != p->bounds_n + 1 && !(p->counts_n == 0 && p->bounds_n == 0))
        return true;
    if (p->counts_n) {
        p->counts = fixed64s(r, message, OTLP_HISTOGRAM_COUNTS, p->counts_n);
        p->bounds = fixed64s(r, message, OTLP_HISTOGRAM_BOUNDS, p->bounds_n);
        if (!p->counts || !p->bounds)
            return otlp_full(r, fault);
    }
    p->time_ns = otlp_when(r, p->time_ns);
    return exemplars(r, message, OTLP_HISTOGRAM_EXEMPLARS, samples, p, fault) &&
           otlp_read_attrs(r, message, OTLP_HISTOGRAM_ATTRS, attrs, &e->attrs, fault) && reading_give(r, e, fault);
}

static bool side_read(struct reading *r, struct slice message, struct side *side, struct fault *fault)
{
    struct pb       m = pb_of(message);
    struct pb_field f;
    size_t          count = 0, n, used = 0;
    bool            known;
    int             more;
    *side = (struct side){ 0 };
    while ((more = pb_next(&m, &f)) > 0)
        if (pb_field(&f) == PB_FIELD(OTLP_BUCKETS_OFFSET, PB_VARINT)) {
            side->offset = (int32_t)pb_zigzag(f.n);
        } else if (f.number == OTLP_BUCKETS_COUNTS) {
            if (!pb_repeated(&f, PB_VARINT, &n, &known))
                return otlp_broken(r);
            count += n;
        }
    if (more < 0)
        return otlp_broken(r);
    if (count == 0)
        return true;
    uint64_t *to = reading_alloc(r, count * sizeof *to);
    if (!to)
        return otlp_full(r, fault);
    for (m = pb_of(message); pb_next(&m, &f) > 0;)
        if (f.number == OTLP_BUCKETS_COUNTS && (f.type == PB_LEN || f.type == PB_VARINT))
            used += pb_repeated_read(&f, PB_VARINT, to + used);
    side->counts = to;
    side->n = count;
    return true;
}

static bool exponential_read(struct reading *r, const struct metric *metric, struct slice message, struct fault *fault)
{
    struct pb       m = pb_of(message);
    struct pb_field f;
    size_t          attrs = 0, samples = 0;
    struct slice    positive = { NULL, 0 }, negative = { NULL, 0 };
    int             more;
    struct event   *e = point_of(r, metric);
    if (!e)
        return otlp_full(r, fault);
    struct point_event *p = &e->as.point;
    while ((more = pb_next(&m, &f)) > 0)
        switch (pb_field(&f)) {
        case PB_FIELD(OTLP_EXPONENTIAL_ATTRS, PB_LEN): attrs++; break;
        case PB_FIELD(OTLP_EXPONENTIAL_START, PB_I64): p->start_ns = otlp_time(f.n); break;
        case PB_FIELD(OTLP_EXPONENTIAL_TIME, PB_I64): p->time_ns = otlp_time(f.n); break;
        case PB_FIELD(OTLP_EXPONENTIAL_COUNT, PB_I64): p->count = f.n; break;
        case PB_FIELD(OTLP_EXPONENTIAL_SUM, PB_I64): p->sum = pb_double(f.n); break;
        case PB_FIELD(OTLP_EXPONENTIAL_SCALE, PB_VARINT): p->scale = (int32_t)pb_zigzag(f.n); break;
        case PB_FIELD(OTLP_EXPONENTIAL_ZERO_COUNT, PB_I64): p->zero_count = f.n; break;
        case PB_FIELD(OTLP_EXPONENTIAL_POSITIVE, PB_LEN): positive = f.bytes; break;
        case PB_FIELD(OTLP_EXPONENTIAL_NEGATIVE, PB_LEN): negative = f.bytes; break;
        case PB_FIELD(OTLP_EXPONENTIAL_FLAGS, PB_VARINT): flags_of(p, f.n); break;
        case PB_FIELD(OTLP_EXPONENTIAL_EXEMPLARS, PB_LEN): samples++; break;
        case PB_FIELD(OTLP_EXPONENTIAL_MIN, PB_I64): p->min = pb_double(f.n); break;
        case PB_FIELD(OTLP_EXPONENTIAL_MAX, PB_I64): p->max = pb_double(f.n); break;
        case PB_FIELD(OTLP_EXPONENTIAL_ZERO_THRESHOLD, PB_I64): p->zero_threshold = pb_double(f.n); break;
        default: break;
        }
    if (more < 0)
        return otlp_broken(r);
    p->time_ns = otlp_when(r, p->time_ns);
    return side_read(r, positive, &p->positive, fault) && side_read(r, negative, &p->negative, fault) &&
           exemplars(r, message, OTLP_EXPONENTIAL_EXEMPLARS, samples, p, fault) &&
           otlp_read_attrs(r, message, OTLP_EXPONENTIAL_ATTRS, attrs, &e->attrs, fault) && reading_give(r, e, fault);
}

/* ---- summaries ---- */

static bool quantiles(struct reading *r, struct slice message, struct point_event *p, struct fault *fault)
{
    if (p->quantiles_n == 0)
        return true;
    struct quantile *q = reading_alloc(r, p->quantiles_n * sizeof *q);
    if (!q)
        return otlp_full(r, fault);
    p->quantiles = q;
    struct pb       m = pb_of(message);
    struct pb_field f, g;
    while (pb_next(&m, &f) > 0) {
        if (pb_field(&f) != PB_FIELD(OTLP_SUMMARY_QUANTILES, PB_LEN))
            continue;
        struct pb one = pb_of(f.bytes);
        int       more;
        while ((more = pb_next(&one, &g)) > 0)
            if (pb_field(&g) == PB_FIELD(OTLP_QUANTILE_Q, PB_I64))
                q->q = pb_double(g.n);
            else if (pb_field(&g) == PB_FIELD(OTLP_QUANTILE_VALUE, PB_I64))
                q->value = pb_double(g.n);
        if (more < 0)
            return otlp_broken(r);
        q++;
    }
    return true;
}

static bool summary_read(struct reading *r, const struct metric *metric, struct slice message, struct fault *fault)
{
    struct pb       m = pb_of(message);
    struct pb_field f;
    size_t          attrs = 0;
    int             more;
    struct event   *e = point_of(r, metric);
    if (!e)
        return otlp_full(r, fault);
    struct point_event *p = &e->as.point;
    p->sum = 0;                     /* here it has no presence: absent is zero */
    while ((more = pb_next(&m, &f)) > 0)
        switch (pb_field(&f)) {
        case PB_FIELD(OTLP_SUMMARY_START, PB_I64): p->start_ns = otlp_time(f.n); break;
        case PB_FIELD(OTLP_SUMMARY_TIME, PB_I64): p->time_ns = otlp_time(f.n); break;
        case PB_FIELD(OTLP_SUMMARY_COUNT, PB_I64): p->count = f.n; break;
        case PB_FIELD(OTLP_SUMMARY_SUM, PB_I64): p->sum = pb_double(f.n); break;
        case PB_FIELD(OTLP_SUMMARY_QUANTILES, PB_LEN): p->quantiles_n++; break;
        case PB_FIELD(OTLP_SUMMARY_ATTRS, PB_LEN): attrs++; break;
        case PB_FIELD(OTLP_SUMMARY_FLAGS, PB_VARINT): flags_of(p, f.n); break;
        default: break;
        }
    if (more < 0)
        return otlp_broken(r);
    p->time_ns = otlp_when(r, p->time_ns);
    return quantiles(r, message, p, fault) && otlp_read_attrs(r, message, OTLP_SUMMARY_ATTRS, attrs, &e->attrs, fault) && reading_give(r, e, fault);
}

/* ---- metrics ---- */

static point_read *reader_of(uint32_t data, enum point_kind *kind)
{
    switch (data) {
    case OTLP_METRIC_GAUGE: *kind = POINT_GAUGE; return number_read;
    case OTLP_METRIC_SUM: *kind = POINT_SUM; return number_read;
    case OTLP_METRIC_HISTOGRAM: *kind = POINT_HISTOGRAM; return histogram_read;
    case OTLP_METRIC_EXPONENTIAL: *kind = POINT_EXPONENTIAL; return exponential_read;
    default: *kind = POINT_SUMMARY; return summary_read;
    }
}

/* What Prometheus knows and OpenTelemetry has no kind for comes as a gauge with this metadata. */
static enum point_kind kind_meant(const struct attrs *metadata, enum point_kind kind)
{
    struct slice type = attrs_text(metadata, "prometheus.type");
    if (kind != POINT_GAUGE)
        return kind;
    return slice_is(type, "unknown") ? POINT_UNKNOWN : slice_is(type, "info") ? POINT_INFO : slice_is(type, "stateset") ? POINT_STATESET : kind;
}

static bool points(struct reading *r, struct metric *metric, struct slice data, point_read *read, struct fault *fault)
{
    struct pb       m = pb_of(data);
    struct pb_field f;
    int             more;
    bool            sum = metric->kind == POINT_SUM;
    metric->temporality = TEMPORALITY_UNKNOWN;
    metric->monotonic = false;
    while ((more = pb_next(&m, &f)) > 0)
        if (pb_field(&f) == PB_FIELD(OTLP_DATA_TEMPORALITY, PB_VARINT) && (sum || metric->kind == POINT_HISTOGRAM || metric->kind == POINT_EXPONENTIAL))
            metric->temporality = f.n <= TEMPORALITY_CUMULATIVE ? (enum temporality)f.n : TEMPORALITY_UNKNOWN;
        else if (pb_field(&f) == PB_FIELD(OTLP_DATA_MONOTONIC, PB_VARINT) && sum)
            metric->monotonic = f.n != 0;
    if (more < 0)
        return otlp_broken(r);
    for (m = pb_of(data); pb_next(&m, &f) > 0;)
        if (pb_field(&f) == PB_FIELD(OTLP_DATA_POINTS, PB_LEN) && !read(r, metric, f.bytes, fault))
            return false;
    return true;
}

static bool metric_read(struct reading *r, const struct resource *resource, const struct scope *scope, struct slice message, struct fault *fault)
{
    struct metric   metric = { .resource = resource, .scope = scope };
    struct pb       m = pb_of(message);
    struct pb_field f;
    uint32_t        data = 0;
    size_t          count = 0;
    struct attrs    metadata;
    int             more;
    while ((more = pb_next(&m, &f)) > 0)
        switch (pb_field(&f)) {
        case PB_FIELD(OTLP_METRIC_NAME, PB_LEN): metric.name = f.bytes; break;
        case PB_FIELD(OTLP_METRIC_DESCRIPTION, PB_LEN): metric.description = f.bytes; break;
        case PB_FIELD(OTLP_METRIC_UNIT, PB_LEN): metric.unit = f.bytes; break;
        case PB_FIELD(OTLP_METRIC_METADATA, PB_LEN): count++; break;
        case PB_FIELD(OTLP_METRIC_GAUGE, PB_LEN):
        case PB_FIELD(OTLP_METRIC_SUM, PB_LEN):
        case PB_FIELD(OTLP_METRIC_HISTOGRAM, PB_LEN):
        case PB_FIELD(OTLP_METRIC_EXPONENTIAL, PB_LEN):
        case PB_FIELD(OTLP_METRIC_SUMMARY, PB_LEN): data = f.number; break;
        default: break;
        }
    if (more < 0)
        return otlp_broken(r);
    if (data == 0 || !metric.name.n)         /* nameless: otlp_check() has counted its points */
        return true;
    if (!otlp_read_attrs(r, message, OTLP_METRIC_METADATA, count, &metadata, fault))
        return false;
    point_read *read = reader_of(data, &metric.kind);
    metric.kind = kind_meant(&metadata, metric.kind);
    for (m = pb_of(message); pb_next(&m, &f) > 0;)
        if (pb_field(&f) == PB_FIELD(data, PB_LEN) && !points(r, &metric, f.bytes, read, fault))
            return false;
    return true;
}

enum err otlp_metrics_read(struct reading *r, struct fault *fault) { return otlp_read(r, OTLP_METRICS, metric_read, fault); }

enum err otlp_metrics_check(const struct record *r, struct event_report *report, struct fault *fault)
{
    return otlp_check_body(OTLP_METRICS, r->form, r->body, report, fault);
}
