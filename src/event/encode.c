/*
 * event/encode.c - events as requests. What is at its default is left out, but for the members of a oneof, whose presence says something.
 */
#include "event/encode.h"

#include "event/inside.h"
#include "wire/otlp.h"
#include "wire/protobuf.h"

#include <math.h>

/* ---- values ---- */

static void put_attrs(struct text *t, uint32_t number, const struct attrs *a);

static void put_value(struct text *t, uint32_t number, const struct value *v)
{
    size_t any = pb_begin(t, number), inner;
    switch (v->kind) {
    case VALUE_NONE: break;
    case VALUE_TEXT: pb_put_bytes(t, OTLP_ANY_TEXT, v->as.text); break;
    case VALUE_BYTES: pb_put_bytes(t, OTLP_ANY_BYTES, v->as.text); break;
    case VALUE_BOOL: pb_put_varint(t, OTLP_ANY_BOOL, v->as.boolean); break;
    case VALUE_INT: pb_put_varint(t, OTLP_ANY_INT, (uint64_t)v->as.integer); break;
    case VALUE_REAL: pb_put_double(t, OTLP_ANY_REAL, v->as.real); break;
    case VALUE_LIST:
        inner = pb_begin(t, OTLP_ANY_LIST);
        for (size_t i = 0; i < v->as.list.count; i++)
            put_value(t, 1, &v->as.list.item[i]);
        pb_end(t, inner);
        break;
    case VALUE_MAP:
        inner = pb_begin(t, OTLP_ANY_MAP);
        put_attrs(t, 1, &v->as.map);
        pb_end(t, inner);
        break;
    }
    pb_end(t, any);
}

static void put_attrs(struct text *t, uint32_t number, const struct attrs *a)
{
    for (size_t i = 0; i < a->count; i++) {
        size_t pair = pb_begin(t, number);
        pb_put_bytes(t, OTLP_KEYVALUE_KEY, a->item[i].key);
        if (a->item[i].value.kind != VALUE_NONE)
            put_value(t, OTLP_KEYVALUE_VALUE, &a->item[i].value);
        pb_end(t, pair);
    }
}

static void bytes_unless_empty(struct text *t, uint32_t number, struct slice s)
{
    if (s.n)
        pb_put_bytes(t, number, s);
}

static void varint_unless_zero(struct text *t, uint32_t number, uint64_t n)
{
    if (n)
        pb_put_varint(t, number, n);
}

static void fixed64_unless_zero(struct text *t, uint32_t number, uint64_t n)
{
    if (n)
        pb_put_fixed64(t, number, n);
}

static void fixed32_unless_zero(struct text *t, uint32_t number, uint32_t n)
{
    if (n)
        pb_put_fixed32(t, number, n);
}

static void double_unless_absent(struct text *t, uint32_t number, double d)
{
    if (!isnan(d))
        pb_put_double(t, number, d);
}

/* ---- envelopes ---- */

static void put_resource(struct text *t, const struct resource *r)
{
    size_t m = pb_begin(t, OTLP_RESOURCES_RESOURCE);
    put_attrs(t, OTLP_RESOURCE_ATTRS, &r->attrs);
    varint_unless_zero(t, OTLP_RESOURCE_DROPPED, r->dropped);
    pb_end(t, m);
    bytes_unless_empty(t, OTLP_RESOURCES_SCHEMA, r->schema_url);
}

static void put_scope(struct text *t, const struct scope *s)
{
    if (s->name.n || s->version.n || s->attrs.count || s->dropped) {
        size_t m = pb_begin(t, OTLP_SCOPES_SCOPE);
        bytes_unless_empty(t, OTLP_SCOPE_NAME, s->name);
        bytes_unless_empty(t, OTLP_SCOPE_VERSION, s->version);
        put_attrs(t, OTLP_SCOPE_ATTRS, &s->attrs);
        varint_unless_zero(t, OTLP_SCOPE_DROPPED, s->dropped);
        pb_end(t, m);
    }
    bytes_unless_empty(t, OTLP_SCOPES_SCHEMA, s->schema_url);
}

static bool same_resource(const struct resource *a, const struct resource *b)
{
    return a == b || (a->id == b->id && a->attrs.count == b->attrs.count && a->dropped == b->dropped && slice_same(a->schema_url, b->schema_url));
}

static bool same_scope(const struct scope *a, const struct scope *b)
{
    return a == b || (slice_same(a->name, b->name) && slice_same(a->version, b->version) && slice_same(a->schema_url, b->schema_url) &&
                      a->dropped == b->dropped && a->attrs.count == b->attrs.count && attrs_id(&a->attrs) == attrs_id(&b->attrs));
}

/* ---- logs ---- */

static void put_log(struct text *t, const struct log_event *l, const struct attrs *attrs)
{
    size_t m = pb_begin(t, OTLP_SCOPES_ITEMS);
    fixed64_unless_zero(t, OTLP_LOG_TIME, (uint64_t)l->time_ns);
    varint_unless_zero(t, OTLP_LOG_SEVERITY, (uint64_t)l->severity);
    bytes_unless_empty(t, OTLP_LOG_SEVERITY_TEXT, l->severity_text);
    if (l->body.kind != VALUE_NONE)
        put_value(t, OTLP_LOG_BODY, &l->body);
    put_attrs(t, OTLP_LOG_ATTRS, attrs);
    varint_unless_zero(t, OTLP_LOG_DROPPED, l->dropped);
    fixed32_unless_zero(t, OTLP_LOG_FLAGS, l->flags);
    bytes_unless_empty(t, OTLP_LOG_TRACE_ID, l->trace_id);
    bytes_unless_empty(t, OTLP_LOG_SPAN_ID, l->span_id);
    fixed64_unless_zero(t, OTLP_LOG_OBSERVED, (uint64_t)l->observed_ns);
    bytes_unless_empty(t, OTLP_LOG_EVENT_NAME, l->name);
    pb_end(t, m);
}

/* ---- spans ---- */

static void put_note(struct text *t, const struct span_note *n)
{
    size_t m = pb_begin(t, OTLP_SPAN_EVENTS);
    fixed64_unless_zero(t, OTLP_SPAN_EVENT_TIME, (uint64_t)n->time_ns);
    bytes_unless_empty(t, OTLP_SPAN_EVENT_NAME, n->name);
    put_attrs(t, OTLP_SPAN_EVENT_ATTRS, &n->attrs);
    varint_unless_zero(t, OTLP_SPAN_EVENT_DROPPED, n->dropped);
    pb_end(t, m);
}

static void put_link(struct text *t, const struct span_link *l)
{
    size_t m = pb_begin(t, OTLP_SPAN_LINKS);
    bytes_unless_empty(t, OTLP_LINK_TRACE_ID, l->trace_id);
    bytes_unless_empty(t, OTLP_LINK_SPAN_ID, l->span_id);
    bytes_unless_empty(t, OTLP_LINK_STATE, l->state);
    put_attrs(t, OTLP_LINK_ATTRS, &l->attrs);
    varint_unless_zero(t, OTLP_LINK_DROPPED, l->dropped);
    fixed32_unless_zero(t, OTLP_LINK_FLAGS, l->flags);
    pb_end(t, m);
}

static void put_span(struct text *t, const struct event *e)
{
    const struct span_event *s = &e->as.span;
    size_t                   m = pb_begin(t, OTLP_SCOPES_ITEMS);
    bytes_unless_empty(t, OTLP_SPAN_TRACE_ID, s->trace_id);
    bytes_unless_empty(t, OTLP_SPAN_SPAN_ID, s->span_id);
    bytes_unless_empty(t, OTLP_SPAN_STATE, s->state);
    bytes_unless_empty(t, OTLP_SPAN_PARENT, s->parent_id);
    bytes_unless_empty(t, OTLP_SPAN_NAME, s->name);
    varint_unless_zero(t, OTLP_SPAN_KIND, s->kind);
    fixed64_unless_zero(t, OTLP_SPAN_START, (uint64_t)s->start_ns);
    fixed64_unless_zero(t, OTLP_SPAN_END, (uint64_t)s->end_ns);
    put_attrs(t, OTLP_SPAN_ATTRS, &e->attrs);
    varint_unless_zero(t, OTLP_SPAN_DROPPED, s->dropped);
    for (size_t i = 0; i < s->notes_n; i++)
        put_note(t, &s->notes[i]);
    varint_unless_zero(t, OTLP_SPAN_DROPPED_EVENTS, s->dropped_notes);
    for (size_t i = 0; i < s->links_n; i++)
        put_link(t, &s->links[i]);
    varint_unless_zero(t, OTLP_SPAN_DROPPED_LINKS, s->dropped_links);
    if (s->status || s->status_message.n) {
        size_t status = pb_begin(t, OTLP_SPAN_STATUS);
        bytes_unless_empty(t, OTLP_STATUS_MESSAGE, s->status_message);
        varint_unless_zero(t, OTLP_STATUS_CODE, s->status);
        pb_end(t, status);
    }
    fixed32_unless_zero(t, OTLP_SPAN_FLAGS, s->flags);
    pb_end(t, m);
}

/* ---- points ---- */

static uint64_t flags_of(const struct point_event *p) { return p->flags | (p->stale ? (uint64_t)OTLP_NO_VALUE : 0); }

static void put_exemplars(struct text *t, uint32_t number, const struct point_event *p)
{
    for (size_t i = 0; i < p->exemplars_n; i++) {
        const struct exemplar *x = &p->exemplars[i];
        size_t                 m = pb_begin(t, number);
        fixed64_unless_zero(t, OTLP_EXEMPLAR_TIME, (uint64_t)x->time_ns);
        pb_put_double(t, OTLP_EXEMPLAR_REAL, x->value);
        bytes_unless_empty(t, OTLP_EXEMPLAR_SPAN_ID, x->span_id);
        bytes_unless_empty(t, OTLP_EXEMPLAR_TRACE_ID, x->trace_id);
        put_attrs(t, OTLP_EXEMPLAR_ATTRS, &x->attrs);
        pb_end(t, m);
    }
}

static void put_number(struct text *t, const struct event *e)
{
    const struct point_event *p = &e->as.point;
    fixed64_unless_zero(t, OTLP_NUMBER_START, (uint64_t)p->start_ns);
    fixed64_unless_zero(t, OTLP_NUMBER_TIME, (uint64_t)p->time_ns);
    if (p->is_int && !p->stale)
        pb_put_fixed64(t, OTLP_NUMBER_INT, (uint64_t)p->integer);
    else if (!p->stale)
        pb_put_double(t, OTLP_NUMBER_REAL, p->value);
    put_exemplars(t, OTLP_NUMBER_EXEMPLARS, p);
    put_attrs(t, OTLP_NUMBER_ATTRS, &e->attrs);
    varint_unless_zero(t, OTLP_NUMBER_FLAGS, flags_of(p));
}

static void put_histogram(struct text *t, const struct event *e)
{
    const struct point_event *p = &e->as.point;
    fixed64_unless_zero(t, OTLP_HISTOGRAM_START, (uint64_t)p->start_ns);
    fixed64_unless_zero(t, OTLP_HISTOGRAM_TIME, (uint64_t)p->time_ns);
    fixed64_unless_zero(t, OTLP_HISTOGRAM_COUNT, p->count);
    double_unless_absent(t, OTLP_HISTOGRAM_SUM, p->sum);
    if (p->counts_n)
        pb_put_bytes(t, OTLP_HISTOGRAM_COUNTS, (struct slice){ (const char *)p->counts, p->counts_n * sizeof *p->counts });
    if (p->bounds_n)
        pb_put_bytes(t, OTLP_HISTOGRAM_BOUNDS, (struct slice){ (const char *)p->bounds, p->bounds_n * sizeof *p->bounds });
    put_exemplars(t, OTLP_HISTOGRAM_EXEMPLARS, p);
    put_attrs(t, OTLP_HISTOGRAM_ATTRS, &e->attrs);
    varint_unless_zero(t, OTLP_HISTOGRAM_FLAGS, flags_of(p));
    double_unless_absent(t, OTLP_HISTOGRAM_MIN, p->min);
    double_unless_absent(t, OTLP_HISTOGRAM_MAX, p->max);
}

static void put_side(struct text *t, uint32_t number, const struct side *s)
{
    if (s->offset == 0 && s->n == 0)
        return;
    size_t m = pb_begin(t, number);
    if (s->offset)
        pb_put_sint(t, OTLP_BUCKETS_OFFSET, s->offset);
    size_t counts = pb_begin(t, OTLP_BUCKETS_COUNTS);
    for (size_t i = 0; i < s->n; i++)
        pb_put_raw_varint(t, s->counts[i]);
    pb_end(t, counts);
    pb_end(t, m);
}

static void put_exponential(struct text *t, const struct event *e)
{
    const struct point_event *p = &e->as.point;
    put_attrs(t, OTLP_EXPONENTIAL_ATTRS, &e->attrs);
    fixed64_unless_zero(t, OTLP_EXPONENTIAL_START, (uint64_t)p->start_ns);
    fixed64_unless_zero(t, OTLP_EXPONENTIAL_TIME, (uint64_t)p->time_ns);
    fixed64_unless_zero(t, OTLP_EXPONENTIAL_COUNT, p->count);
    double_unless_absent(t, OTLP_EXPONENTIAL_SUM, p->sum);
    if (p->scale)
        pb_put_sint(t, OTLP_EXPONENTIAL_SCALE, p->scale);
    fixed64_unless_zero(t, OTLP_EXPONENTIAL_ZERO_COUNT, p->zero_count);
    put_side(t, OTLP_EXPONENTIAL_POSITIVE, &p->positive);
    put_side(t, OTLP_EXPONENTIAL_NEGATIVE, &p->negative);
    varint_unless_zero(t, OTLP_EXPONENTIAL_FLAGS, flags_of(p));
    put_exemplars(t, OTLP_EXPONENTIAL_EXEMPLARS, p);
    double_unless_absent(t, OTLP_EXPONENTIAL_MIN, p->min);
    double_unless_absent(t, OTLP_EXPONENTIAL_MAX, p->max);
    if (p->zero_threshold != 0)
        pb_put_double(t, OTLP_EXPONENTIAL_ZERO_THRESHOLD, p->zero_threshold);
}

static void put_summary(struct text *t, const struct event *e)
{
    const struct point_event *p = &e->as.point;
    fixed64_unless_zero(t, OTLP_SUMMARY_START, (uint64_t)p->start_ns);
    fixed64_unless_zero(t, OTLP_SUMMARY_TIME, (uint64_t)p->time_ns);
    fixed64_unless_zero(t, OTLP_SUMMARY_COUNT, p->count);
    pb_put_double(t, OTLP_SUMMARY_SUM, p->sum);
    for (size_t i = 0; i < p->quantiles_n; i++) {
        size_t m = pb_begin(t, OTLP_SUMMARY_QUANTILES);
        pb_put_double(t, OTLP_QUANTILE_Q, p->quantiles[i].q);
        pb_put_double(t, OTLP_QUANTILE_VALUE, p->quantiles[i].value);
        pb_end(t, m);
    }
    put_attrs(t, OTLP_SUMMARY_ATTRS, &e->attrs);
    varint_unless_zero(t, OTLP_SUMMARY_FLAGS, flags_of(p));
}

/* How each kind goes: which member of Metric, what writes a point, and the word for what has no member of its own. */
static const struct { uint32_t data; void (*put)(struct text *t, const struct event *e); const char *word; } kinds[] = {
    [POINT_UNKNOWN]     = { OTLP_METRIC_GAUGE, put_number, "unknown" },
    [POINT_GAUGE]       = { OTLP_METRIC_GAUGE, put_number, NULL },
    [POINT_SUM]         = { OTLP_METRIC_SUM, put_number, NULL },
    [POINT_HISTOGRAM]   = { OTLP_METRIC_HISTOGRAM, put_histogram, NULL },
    [POINT_EXPONENTIAL] = { OTLP_METRIC_EXPONENTIAL, put_exponential, NULL },
    [POINT_SUMMARY]     = { OTLP_METRIC_SUMMARY, put_summary, NULL },
    [POINT_INFO]        = { OTLP_METRIC_GAUGE, put_number, "info" },
    [POINT_STATESET]    = { OTLP_METRIC_GAUGE, put_number, "stateset" },
};

static bool same_metric(const struct point_event *a, const struct point_event *b)
{
    return a->kind == b->kind && a->temporality == b->temporality && a->monotonic == b->monotonic && slice_same(a->name, b->name) &&
           slice_same(a->unit, b->unit) && slice_same(a->description, b->description);
}

/* One Metric of as many of the n events as belong to it; answers how many. */
static size_t put_metric(struct text *t, const struct event *const *event, size_t n)
{
    const struct point_event *p = &event[0]->as.point;
    size_t                    i, m = pb_begin(t, OTLP_SCOPES_ITEMS);
    bytes_unless_empty(t, OTLP_METRIC_NAME, p->name);
    bytes_unless_empty(t, OTLP_METRIC_DESCRIPTION, p->description);
    bytes_unless_empty(t, OTLP_METRIC_UNIT, p->unit);
    size_t data = pb_begin(t, kinds[p->kind].data);
    for (i = 0; i < n && same_metric(p, &event[i]->as.point); i++) {
        size_t point = pb_begin(t, OTLP_DATA_POINTS);
        kinds[p->kind].put(t, event[i]);
        pb_end(t, point);
    }
    if (p->kind == POINT_SUM || p->kind == POINT_HISTOGRAM || p->kind == POINT_EXPONENTIAL)
        varint_unless_zero(t, OTLP_DATA_TEMPORALITY, p->temporality);
    if (p->kind == POINT_SUM)
        varint_unless_zero(t, OTLP_DATA_MONOTONIC, p->monotonic);
    pb_end(t, data);
    if (kinds[p->kind].word) {
        struct attr type = { SLICE("prometheus.type"), { .kind = VALUE_TEXT, .as.text = slice_of(kinds[p->kind].word) } };
        put_attrs(t, OTLP_METRIC_METADATA, &(struct attrs){ &type, 1 });
    }
    pb_end(t, m);
    return i;
}

/* ---- requests ---- */

/* The n events of one resource and scope. */
static void put_items(struct text *t, const struct event *const *event, size_t n)
{
    for (size_t i = 0; i < n;)
        switch (event[i]->type) {
        case EVENT_LOG:
            put_log(t, &event[i]->as.log, &event[i]->attrs);
            i++;
            break;
        case EVENT_SPAN:
            put_span(t, event[i]);
            i++;
            break;
        case EVENT_POINT: i += put_metric(t, event + i, n - i); break;
        }
}

enum err event_encode(const struct event *const *event, size_t count, struct text *out, struct fault *fault)
{
    for (size_t i = 1; i < count; i++)
        if (event[i]->type != event[0]->type)
            return fail(fault, ERR_INPUT, "a request holds logs, points or spans; event %zu is of another kind than the first", i);
    for (size_t i = 0; i < count && !out->cut;) {
        const struct resource *resource = event[i]->resource;
        size_t                 resources = pb_begin(out, OTLP_REQUEST_RESOURCES);
        put_resource(out, resource);
        while (i < count && same_resource(resource, event[i]->resource)) {
            const struct scope *scope = event[i]->scope;
            size_t              n = 1, scopes = pb_begin(out, OTLP_RESOURCES_SCOPES);
            while (i + n < count && same_resource(resource, event[i + n]->resource) && same_scope(scope, event[i + n]->scope))
                n++;
            put_scope(out, scope);
            put_items(out, event + i, n);
            pb_end(out, scopes);
            i += n;
        }
        pb_end(out, resources);
    }
    return out->cut ? fail(fault, ERR_LIMIT, "a request of %zu events is larger than %zu bytes", count, out->max) : OK;
}

/* ---- lines ---- */

void event_lines_begin(struct event_lines *l, struct text *out, const struct attrs *resource, struct slice scope_name)
{
    struct resource r = { .attrs = *resource };
    struct scope    s = { .name = scope_name };
    l->out = out;
    l->count = 0;
    l->resources = pb_begin(out, OTLP_REQUEST_RESOURCES);
    put_resource(out, &r);
    l->scopes = pb_begin(out, OTLP_RESOURCES_SCOPES);
    put_scope(out, &s);
}

void event_lines_add(struct event_lines *l, const struct log_event *log, const struct attrs *attrs)
{
    put_log(l->out, log, attrs);
    l->count++;
}

enum err event_lines_end(struct event_lines *l, struct fault *fault)
{
    pb_end(l->out, l->scopes);
    pb_end(l->out, l->resources);
    return l->out->cut ? fail(fault, ERR_LIMIT, "%u lines are larger than %zu bytes", l->count, l->out->max) : OK;
}
