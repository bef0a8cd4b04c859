/*
 * bench/decode.c - what it costs to check and to read OTLP, and to write it: items per second of CPU time.     usage: decode [SECONDS]
 *
 * Requests of 1000 items like those of a service: logs of about 300 B with five attributes, spans with six, points with three.
 */
#include "base/text.h"
#include "event/encode.h"
#include "event/event.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ITEMS = 1000, KEEP_MAX = ITEMS };

static double cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void must(enum err e, const struct fault *fault)
{
    if (e != OK) {
        fprintf(stderr, "decode: %s\n", fault->text);
        exit(2);
    }
}

static struct attr text_attr(const char *key, const char *value)
{
    return (struct attr){ slice_of(key), { .kind = VALUE_TEXT, .as.text = slice_of(value) } };
}

static void make(enum event_type type, struct text *out)
{
    static char     ids[ITEMS][24], lines[ITEMS][160];
    struct attr     in_resource[] = { text_attr("service.name", "checkout"), text_attr("host.name", "node-17.example.org"), text_attr("service.version", "1.42.0") };
    struct resource resource = { .attrs = { in_resource, 3 }, .id = 1 };
    struct scope    scope = { .name = SLICE("io.example.checkout"), .version = SLICE("1.0") };
    struct attr     item[] = {
        text_attr("http.request.method", "POST"), text_attr("http.route", "/api/v1/carts/{id}"), { SLICE("http.response.status_code"), { .kind = VALUE_INT, .as.integer = 200 } },
        text_attr("thread.name", "worker-12"), text_attr("code.namespace", "com.example.checkout.Cart"), text_attr("server.address", "db-3"),
    };
    static struct event        events[ITEMS];
    static const struct event *list[ITEMS];
    struct fault               fault;
    for (int i = 0; i < ITEMS; i++) {
        struct event *e = &events[i];
        *e = (struct event){ .type = type, .resource = &resource, .scope = &scope };
        (void)snprintf(ids[i], sizeof ids[i], "%023d", i + 1);
        int n = snprintf(lines[i], sizeof lines[i], "cart %d of customer %d was priced in %d ms with 3 items and a coupon that had not expired yet", i, i * 7 % 1000, i % 90);
        struct slice trace = { ids[i], 16 }, span = { ids[i] + 15, 8 };
        int64_t      t = INT64_C(1790000000000000000) + i * INT64_C(1000003);
        if (type == EVENT_LOG) {
            e->attrs = (struct attrs){ item, 5 };
            e->as.log = (struct log_event){ .time_ns = t, .observed_ns = t + 5000, .severity = 9, .severity_text = SLICE("INFO"), .trace_id = trace, .span_id = span,
                                            .body = { .kind = VALUE_TEXT, .as.text = { lines[i], (size_t)n } } };
        } else if (type == EVENT_SPAN) {
            e->attrs = (struct attrs){ item, 6 };
            e->as.span = (struct span_event){ .trace_id = trace, .span_id = span, .parent_id = span, .name = SLICE("POST /api/v1/carts"), .kind = SPAN_SERVER,
                                              .start_ns = t, .end_ns = t + 4000000, .status = SPAN_OK };
        } else {
            e->attrs = (struct attrs){ item, 3 };
            e->as.point = (struct point_event){ .name = i % 2 ? SLICE("http.server.requests") : SLICE("http.server.active"), .kind = i % 2 ? POINT_SUM : POINT_GAUGE,
                                                .temporality = i % 2 ? TEMPORALITY_CUMULATIVE : TEMPORALITY_UNKNOWN, .monotonic = i % 2, .start_ns = t - 60, .time_ns = t,
                                                .value = i * 0.5 };
        }
        list[i] = e;
    }
    must(event_encode(list, ITEMS, out, &fault), &fault);
}

static bool nothing(void *ctx, const struct event *e)
{
    *(uint64_t *)ctx += e->index;
    return true;
}

struct kept { const struct event *list[KEEP_MAX]; size_t n; };
static bool keep(void *ctx, const struct event *e)
{
    struct kept *k = ctx;
    k->list[k->n++] = e;
    return k->n < KEEP_MAX;
}

static void measure(const char *name, enum event_type type, enum record_kind kind, double seconds)
{
    struct text         t CLEANUP(text_done), again CLEANUP(text_done);
    struct fault        fault;
    struct event_report report;
    struct arena        a;
    uint64_t            sum = 0, rounds;
    double              from, took;
    text_init(&t, 64u << 20);
    text_init(&again, 64u << 20);
    make(type, &t);
    struct record r = { .id = 1, .kind = kind, .form = FORM_PROTOBUF, .received_us = 1, .body = { t.s, t.used } };
    printf("%-8s %6.0f B", name, (double)t.used / ITEMS);

    from = cpu_s();
    for (rounds = 0; (took = cpu_s() - from) < seconds; rounds++)
        must(event_check(kind, FORM_PROTOBUF, r.body, &report, &fault), &fault);
    printf("   check %6.2f M/s", (double)(rounds * report.events) / took / 1e6);

    arena_init(&a, 256u << 20);
    from = cpu_s();
    for (rounds = 0; (took = cpu_s() - from) < seconds; rounds++) {
        arena_reset(&a);
        must(event_read(&r, &a, nothing, &sum, &report, &fault), &fault);
    }
    printf("   read %6.2f M/s (%zu B each)", (double)(rounds * report.events) / took / 1e6, a.used / report.events);

    struct kept kept = { .n = 0 };
    must(event_read(&r, &a, keep, &kept, &report, &fault), &fault);
    from = cpu_s();
    for (rounds = 0; (took = cpu_s() - from) < seconds; rounds++) {
        text_clear(&again);
        must(event_encode(kept.list, kept.n, &again, &fault), &fault);
    }
    printf("   write %6.2f M/s\n", (double)(rounds * kept.n) / took / 1e6);
    arena_done(&a);
}

int main(int argc, char **argv)
{
    double seconds = argc > 1 ? atof(argv[1]) : 1.0;
    measure("logs", EVENT_LOG, RECORD_OTLP_LOGS, seconds);
    measure("points", EVENT_POINT, RECORD_OTLP_METRICS, seconds);
    measure("spans", EVENT_SPAN, RECORD_OTLP_TRACES, seconds);
    return 0;
}
