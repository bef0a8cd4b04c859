/* tests/unit/digest_double.c */
#include "digest_double.h"

#include <math.h>
#include <string.h>

enum { KEPT = 64 };

struct attrs an_attr(const char *key, const char *value)
{
    static struct attr kept[KEPT];
    static int         next;
    struct attr       *a = &kept[next++ % KEPT];
    *a = (struct attr){ slice_of(key), { VALUE_TEXT, { .text = slice_of(value) } } };
    return (struct attrs){ a, 1 };
}

const struct resource *a_resource(const char *key, const char *value)
{
    static struct resource kept[KEPT];
    static struct attr     attrs[KEPT];
    static int             used;
    for (int i = 0; i < used; i++)
        if (slice_is(attrs[i].key, key) && slice_is(attrs[i].value.as.text, value))
            return &kept[i];
    int at = used++ % KEPT;
    attrs[at] = (struct attr){ slice_of(key), { VALUE_TEXT, { .text = slice_of(value) } } };
    kept[at] = (struct resource){ .attrs = { &attrs[at], 1 }, .id = (uint64_t)at + 100 };
    return &kept[at];
}

static struct event an_event(enum event_type type, const struct resource *r, double at_s)
{
    static const struct scope none;
    static uint64_t           record;
    return (struct event){ .type = type, .record = ++record, .received_us = AT(at_s), .tenant = SLICE("shop"), .source = SLICE("otlp"), .resource = r, .scope = &none };
}

struct event a_point(const struct resource *r, const char *name, enum point_kind kind, double at_s, double value)
{
    struct event e = an_event(EVENT_POINT, r, at_s);
    e.as.point = (struct point_event){ .name = slice_of(name), .kind = kind, .time_ns = NS(at_s), .value = value, .sum = (double)NAN, .min = (double)NAN, .max = (double)NAN };
    return e;
}

struct event a_counter(const struct resource *r, const char *name, double start_s, double at_s, double value)
{
    struct event e = a_point(r, name, POINT_SUM, at_s, value);
    e.as.point.monotonic = true;
    e.as.point.temporality = TEMPORALITY_CUMULATIVE;
    e.as.point.start_ns = NS(start_s);
    return e;
}

struct event a_log(const struct resource *r, double at_s, int severity, const char *line)
{
    struct event e = an_event(EVENT_LOG, r, at_s);
    e.as.log = (struct log_event){ .time_ns = NS(at_s), .severity = severity, .body = { VALUE_TEXT, { .text = slice_of(line) } } };
    return e;
}

static struct slice id(int n, size_t size)
{
    static char all[256][16];
    memset(all[n], n, sizeof all[n]);
    return n ? (struct slice){ all[n], size } : (struct slice){ 0 };
}

struct event a_span(const struct resource *r, enum span_kind kind, int trace, int span, int parent, double at_s, double ms)
{
    struct event e = an_event(EVENT_SPAN, r, at_s);
    e.as.span = (struct span_event){ .kind = kind, .trace_id = id(trace, 16), .span_id = id(span, 8), .parent_id = id(parent, 8), .start_ns = NS(at_s), .end_ns = NS(at_s) + (int64_t)(ms * 1e6) };
    return e;
}
