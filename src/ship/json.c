/* ship/json.c - see json.h. */
#include "ship/json.h"

#include "wire/otlp_reply.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- values ---- */

void ship_json_time(struct text *out, int64_t ns)
{
    int64_t   s = ns / 1000000000, rest = ns % 1000000000;
    struct tm t;
    time_t    at;
    if (rest < 0) {
        rest += 1000000000;
        s--;
    }
    at = (time_t)s;
    if (gmtime_r(&at, &t))
        text_printf(out, "%04d-%02d-%02dT%02d:%02d:%02d.%09" PRId64 "Z", t.tm_year + 1900, t.tm_mon + 1, t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec, rest);
}

void ship_json_hex(struct text *out, struct slice bytes)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < bytes.n; i++) {
        char two[2] = { digits[(unsigned char)bytes.s[i] >> 4], digits[(unsigned char)bytes.s[i] & 15] };
        text_add_n(out, two, 2);
    }
}

void ship_json_base64(struct text *out, struct slice b)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < b.n; i += 3) {
        unsigned n = (unsigned)(unsigned char)b.s[i] << 16 | (i + 1 < b.n ? (unsigned)(unsigned char)b.s[i + 1] << 8 : 0) | (i + 2 < b.n ? (unsigned)(unsigned char)b.s[i + 2] : 0);
        char     four[4] = { digits[n >> 18], digits[n >> 12 & 63], i + 1 < b.n ? digits[n >> 6 & 63] : '=', i + 2 < b.n ? digits[n & 63] : '=' };
        text_add_n(out, four, 4);
    }
}

static void real(struct text *out, double v)
{
    char s[40];
    if (!isfinite(v)) {
        text_add(out, isnan(v) ? "\"NaN\"" : v > 0 ? "\"Infinity\"" : "\"-Infinity\"");
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        (void)snprintf(s, sizeof s, "%.*g", digits, v);
        if (strtod(s, NULL) == v)
            break;
    }
    text_add(out, s);
}

/* Real numbers of an event's own: 5.0 stays one for who reads it back. */
static void real_kept(struct text *out, double v)
{
    size_t from = out->used;
    real(out, v);
    if (isfinite(v) && !out->cut && strcspn(out->s + from, ".e") == out->used - from)
        text_add(out, ".0");
}

static void put_attrs(struct text *out, const struct attrs *a, bool kept);

static void put_value(struct text *out, const struct value *v, bool kept)
{
    switch (v->kind) {
    case VALUE_NONE:  text_add(out, "null"); break;
    case VALUE_TEXT:  json_put_text(out, v->as.text); break;
    case VALUE_BOOL:  text_add(out, v->as.boolean ? "true" : "false"); break;
    case VALUE_INT:   text_printf(out, "%" PRId64, v->as.integer); break;
    case VALUE_REAL:  (kept ? real_kept : real)(out, v->as.real); break;
    case VALUE_BYTES:
        text_add(out, "\"");
        ship_json_base64(out, v->as.text);
        text_add(out, "\"");
        break;
    case VALUE_LIST:
        text_add(out, "[");
        for (size_t i = 0; i < v->as.list.count; i++) {
            if (i)
                text_add(out, ",");
            put_value(out, &v->as.list.item[i], kept);
        }
        text_add(out, "]");
        break;
    case VALUE_MAP:
        put_attrs(out, &v->as.map, kept);
        break;
    }
}

static void put_attrs(struct text *out, const struct attrs *a, bool kept)
{
    text_add(out, "{");
    for (size_t i = 0; i < a->count; i++) {
        if (i)
            text_add(out, ",");
        json_put_text(out, a->item[i].key);
        text_add(out, ":");
        put_value(out, &a->item[i].value, kept);
    }
    text_add(out, "}");
}

void ship_json_value(struct text *out, const struct value *v) { put_value(out, v, false); }
void ship_json_attrs(struct text *out, const struct attrs *a) { put_attrs(out, a, false); }

/* ---- members: each begins with the comma, since type is always in front ---- */

static void key(struct text *out, const char *name) { text_printf(out, ",\"%s\":", name); }

static void member_text(struct text *out, const char *name, struct slice s)
{
    if (!s.n)
        return;
    key(out, name);
    json_put_text(out, s);
}

static void member_hex(struct text *out, const char *name, struct slice s)
{
    if (!s.n)
        return;
    key(out, name);
    text_add(out, "\"");
    ship_json_hex(out, s);
    text_add(out, "\"");
}

static void member_time(struct text *out, const char *name, int64_t ns)
{
    if (!ns)
        return;
    key(out, name);
    text_add(out, "\"");
    ship_json_time(out, ns);
    text_add(out, "\"");
}

static void member_attrs(struct text *out, const char *name, const struct attrs *a)
{
    if (!a->count)
        return;
    key(out, name);
    put_attrs(out, a, true);
}

static void member_real(struct text *out, const char *name, double v)
{
    if (isnan(v))
        return;
    key(out, name);
    real(out, v);
}

static void member_int(struct text *out, const char *name, int64_t v)
{
    if (v)
        text_printf(out, ",\"%s\":%" PRId64, name, v);
}

static void member_numbers(struct text *out, const char *name, const uint64_t *v, size_t n)
{
    key(out, name);
    for (size_t i = 0; i < n; i++)
        text_printf(out, "%c%" PRIu64, i ? ',' : '[', v[i]);
    text_add(out, n ? "]" : "[]");
}

static void member_reals(struct text *out, const char *name, const double *v, size_t n)
{
    key(out, name);
    text_add(out, "[");
    for (size_t i = 0; i < n; i++) {
        if (i)
            text_add(out, ",");
        real(out, v[i]);
    }
    text_add(out, "]");
}

/* ---- the types ---- */

static void log_members(struct text *out, const struct log_event *l)
{
    member_time(out, "observed", l->observed_ns);
    member_int(out, "severity", l->severity);
    member_text(out, "severity_text", l->severity_text);
    member_text(out, "name", l->name);
    if (l->body.kind != VALUE_NONE) {
        key(out, "body");
        put_value(out, &l->body, true);
    }
    member_hex(out, "trace_id", l->trace_id);
    member_hex(out, "span_id", l->span_id);
    member_int(out, "flags", l->flags);
    member_int(out, "dropped_attributes", l->dropped);
}

static void side(struct text *out, const char *name, const struct side *s)
{
    if (!s->n)
        return;
    text_printf(out, ",\"%s\":{\"offset\":%d", name, s->offset);
    member_numbers(out, "counts", s->counts, s->n);
    text_add(out, "}");
}

static void exemplars(struct text *out, const struct point_event *p)
{
    for (size_t i = 0; i < p->exemplars_n; i++) {
        const struct exemplar *x = &p->exemplars[i];
        text_printf(out, "%s{\"value\":", i ? "," : ",\"exemplars\":[");
        real(out, x->value);
        member_time(out, "time", x->time_ns);
        member_hex(out, "trace_id", x->trace_id);
        member_hex(out, "span_id", x->span_id);
        member_attrs(out, "attributes", &x->attrs);
        text_add(out, "}");
    }
    if (p->exemplars_n)
        text_add(out, "]");
}

static void point_members(struct text *out, const struct point_event *p)
{
    static const char *const kinds[] = { "unknown", "gauge", "sum", "histogram", "exponential_histogram", "summary", "info", "stateset" };
    member_text(out, "name", p->name);
    text_printf(out, ",\"kind\":\"%s\"", (size_t)p->kind < sizeof kinds / sizeof kinds[0] ? kinds[p->kind] : "unknown");
    member_text(out, "unit", p->unit);
    member_time(out, "start", p->start_ns);
    if (p->temporality != TEMPORALITY_UNKNOWN)
        text_printf(out, ",\"temporality\":\"%s\"", p->temporality == TEMPORALITY_DELTA ? "delta" : "cumulative");
    text_add(out, p->monotonic ? ",\"monotonic\":true" : "");
    if (p->stale) {
        text_add(out, ",\"stale\":true");
    } else if (p->kind == POINT_HISTOGRAM || p->kind == POINT_EXPONENTIAL || p->kind == POINT_SUMMARY) {
        text_printf(out, ",\"count\":%" PRIu64, p->count);
        member_real(out, "sum", p->sum);
        member_real(out, "min", p->min);
        member_real(out, "max", p->max);
    } else if (p->is_int) {
        text_printf(out, ",\"value\":%" PRId64, p->integer);
    } else {
        key(out, "value");
        real(out, p->value);
    }
    if (p->kind == POINT_HISTOGRAM && p->counts_n) {
        member_reals(out, "bounds", p->bounds, p->bounds_n);
        member_numbers(out, "counts", p->counts, p->counts_n);
    }
    if (p->kind == POINT_EXPONENTIAL) {
        text_printf(out, ",\"scale\":%d,\"zero_count\":%" PRIu64, p->scale, p->zero_count);
        if (p->zero_threshold > 0)
            member_real(out, "zero_threshold", p->zero_threshold);
        side(out, "positive", &p->positive);
        side(out, "negative", &p->negative);
    }
    for (size_t i = 0; i < p->quantiles_n; i++) {
        text_printf(out, "%s{\"q\":", i ? "," : ",\"quantiles\":[");
        real(out, p->quantiles[i].q);
        key(out, "value");
        real(out, p->quantiles[i].value);
        text_add(out, i + 1 < p->quantiles_n ? "}" : "}]");
    }
    exemplars(out, p);
}

static void span_members(struct text *out, const struct span_event *s)
{
    static const char *const kinds[] = { "unknown", "internal", "server", "client", "producer", "consumer" }, *const states[] = { "unset", "ok", "error" };
    member_text(out, "name", s->name);
    text_printf(out, ",\"kind\":\"%s\",\"status\":\"%s\"", (size_t)s->kind < 6 ? kinds[s->kind] : "unknown", (size_t)s->status < 3 ? states[s->status] : "unset");
    member_text(out, "status_message", s->status_message);
    member_hex(out, "trace_id", s->trace_id);
    member_hex(out, "span_id", s->span_id);
    member_hex(out, "parent_id", s->parent_id);
    member_text(out, "state", s->state);
    member_time(out, "end", s->end_ns);
    text_printf(out, ",\"duration_ns\":%" PRId64, s->end_ns - s->start_ns);
    member_int(out, "flags", s->flags);
    for (size_t i = 0; i < s->notes_n; i++) {
        text_printf(out, "%s\"time\":\"", i ? ",{" : ",\"events\":[{");
        ship_json_time(out, s->notes[i].time_ns);
        text_add(out, "\"");
        member_text(out, "name", s->notes[i].name);
        member_attrs(out, "attributes", &s->notes[i].attrs);
        text_add(out, i + 1 < s->notes_n ? "}" : "}]");
    }
    for (size_t i = 0; i < s->links_n; i++) {
        text_printf(out, "%s\"trace_id\":\"", i ? ",{" : ",\"links\":[{");
        ship_json_hex(out, s->links[i].trace_id);
        text_add(out, "\"");
        member_hex(out, "span_id", s->links[i].span_id);
        member_attrs(out, "attributes", &s->links[i].attrs);
        text_add(out, i + 1 < s->links_n ? "}" : "}]");
    }
    member_int(out, "dropped_attributes", s->dropped);
}

static void scope_members(struct text *out, const struct scope *s)
{
    if (!s->name.n && !s->version.n && !s->attrs.count)
        return;
    text_add(out, ",\"scope\":{\"name\":");
    json_put_text(out, s->name);
    member_text(out, "version", s->version);
    member_attrs(out, "attributes", &s->attrs);
    text_add(out, "}");
}

void ship_json_event(struct text *out, const struct event *e)
{
    static const char *const types[] = { [EVENT_LOG] = "log", [EVENT_POINT] = "metric", [EVENT_SPAN] = "span" };
    int64_t time = e->type == EVENT_LOG ? e->as.log.time_ns : e->type == EVENT_POINT ? e->as.point.time_ns : e->as.span.start_ns;
    text_printf(out, "{\"type\":\"%s\",\"id\":\"%" PRIu64 "-%" PRIu32 "\",\"time\":\"", types[e->type], e->record, e->index);
    ship_json_time(out, time);
    text_add(out, "\"");
    member_time(out, "received", e->received_us * 1000);
    member_text(out, "tenant", e->tenant);
    member_text(out, "source", e->source);
    member_attrs(out, "resource", &e->resource->attrs);
    scope_members(out, e->scope);
    member_attrs(out, "attributes", &e->attrs);
    switch (e->type) {
    case EVENT_LOG:   log_members(out, &e->as.log); break;
    case EVENT_POINT: point_members(out, &e->as.point); break;
    case EVENT_SPAN:  span_members(out, &e->as.span); break;
    }
    text_add(out, "}");
}
