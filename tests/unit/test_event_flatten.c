/* event/flatten: names and labels by OpenTelemetry's rules for Prometheus, and each kind of point as series. */
#include "unit.h"

#include "base/text.h"
#include "event/flatten.h"

#include <math.h>
#include <stdio.h>

static struct attr text_attr(const char *key, const char *value) { return (struct attr){ slice_of(key), { .kind = VALUE_TEXT, .as.text = slice_of(value) } }; }

struct world { struct arena a; struct text out; struct resource resource; struct scope scope; struct event e; struct attr attr[8], in_resource[8]; };

/* A service of OpenTelemetry's. */
static void begin(struct world *w)
{
    memset(w, 0, sizeof *w);
    arena_init(&w->a, 1 << 20);
    text_init(&w->out, 1 << 16);
    w->in_resource[0] = text_attr("service.name", "api");
    w->in_resource[1] = text_attr("service.namespace", "shop");
    w->in_resource[2] = text_attr("service.instance.id", "i-1");
    w->in_resource[3] = text_attr("host.name", "h");
    w->resource.attrs = (struct attrs){ w->in_resource, 4 };
    w->e = (struct event){ .type = EVENT_POINT, .resource = &w->resource, .scope = &w->scope };
    w->e.as.point = (struct point_event){ .name = SLICE("http.server.duration"), .kind = POINT_GAUGE, .time_ns = 1500000000, .sum = (double)NAN };
}

static void end(struct world *w)
{
    arena_done(&w->a);
    text_done(&w->out);
}

static bool print(void *ctx, const struct flatten_sample *s)
{
    struct world *w = ctx;
    assert_true(slice_same(s->labels[0].name, s->labels[0].name) && s->labels_n > 0);
    for (size_t i = 0; i < s->labels_n; i++) {
        if (i)
            assert_true(slice_order(s->labels[i - 1].name, s->labels[i].name) < 0);
        if (!slice_is(s->labels[i].name, "__name__"))
            text_printf(&w->out, "%.*s=%.*s ", (int)s->labels[i].name.n, s->labels[i].name.s, (int)s->labels[i].value.n, s->labels[i].value.s);
        else
            assert_true(slice_same(s->labels[i].value, s->name));
    }
    text_printf(&w->out, "%.*s ", (int)s->name.n, s->name.s);
    if (s->native)
        text_printf(&w->out, "native schema %d count %g positive %d+%zu\n", s->native->schema, s->native->count, s->native->positive.first, s->native->positive.n);
    else
        text_printf(&w->out, "%g%s\n", s->value, s->delta ? " delta" : "");
    return true;
}

static const char *flat(struct world *w, const struct flatten_options *options)
{
    struct fault fault;
    text_clear(&w->out);
    assert_ok(flatten_point(&w->e, options, &w->a, print, w, &fault), &fault);
    return w->out.s;
}

static void names_get_their_unit_and_counters_total(void **state)
{
    (void)state;
    static const struct { const char *name, *unit; enum point_kind kind; const char *want; } rows[] = {
        { "http.server.duration", "ms", POINT_HISTOGRAM, "http_server_duration_milliseconds" },
        { "requests", "{request}", POINT_SUM, "requests_total" },
        { "requests_total", "1", POINT_SUM, "requests_total" },
        { "system.io", "By", POINT_SUM, "system_io_bytes_total" },
        { "system.io.bytes", "By", POINT_SUM, "system_io_bytes_total" },
        { "io.rate", "By/s", POINT_GAUGE, "io_rate_bytes_per_second" },
        { "packets", "{packet}/s", POINT_GAUGE, "packets_per_second" },
        { "cpu.utilization", "1", POINT_GAUGE, "cpu_utilization_ratio" },
        { "disk", "%", POINT_GAUGE, "disk_percent" },
        { "a..b--c", "", POINT_GAUGE, "a_b_c" },
        { "1st", "", POINT_GAUGE, "_1st" },
        { "things", "furlongs", POINT_GAUGE, "things_furlongs" },
        { "ns:rule", "", POINT_GAUGE, "ns:rule" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct world w;
        begin(&w);
        w.e.as.point.name = slice_of(rows[i].name);
        w.e.as.point.unit = slice_of(rows[i].unit);
        w.e.as.point.kind = rows[i].kind;
        w.e.as.point.monotonic = rows[i].kind == POINT_SUM;
        struct slice name = flatten_name(&w.e, NULL, &w.a);
        if (!slice_is(name, rows[i].want))
            fail_msg("%s in %s is %.*s", rows[i].name, rows[i].unit, (int)name.n, name.s);
        end(&w);
    }
}

static void a_service_is_job_and_instance(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    w.attr[0] = text_attr("zone", "z");
    w.attr[1] = (struct attr){ SLICE("http.status_code"), { .kind = VALUE_INT, .as.integer = 200 } };
    w.attr[2] = text_attr("9lives", "c");
    w.attr[3] = text_attr("empty", "");
    w.e.attrs = (struct attrs){ w.attr, 4 };
    w.e.as.point.value = 2.5;
    assert_string_equal(flat(&w, NULL), "http_status_code=200 instance=i-1 job=shop/api key_9lives=c zone=z http_server_duration 2.5\n");
    assert_string_equal(flat(&w, &(struct flatten_options){ .resource_labels = true }),
        "host_name=h http_status_code=200 instance=i-1 job=shop/api key_9lives=c zone=z http_server_duration 2.5\n");
    end(&w);
}

static void labels_that_become_the_same_are_joined(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    w.attr[0] = text_attr("a.b", "1");
    w.attr[1] = text_attr("a_b", "2");
    w.attr[2] = text_attr("host.name", "mine");
    w.e.attrs = (struct attrs){ w.attr, 3 };
    assert_string_equal(flat(&w, &(struct flatten_options){ .resource_labels = true }), "a_b=1;2 host_name=mine instance=i-1 job=shop/api http_server_duration 0\n");
    end(&w);
}

static void what_came_from_prometheus_stays_as_it_is(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    w.attr[0] = text_attr("cpu", "0");
    w.attr[1] = text_attr("instance", "n:1");
    w.attr[2] = text_attr("job", "node");
    w.e.attrs = (struct attrs){ w.attr, 3 };
    w.e.as.point = (struct point_event){ .name = SLICE("node_cpu"), .unit = SLICE("s"), .kind = POINT_SUM, .monotonic = true, .value = 1 };
    assert_string_equal(flat(&w, NULL), "cpu=0 instance=n:1 job=node node_cpu 1\n");
    end(&w);
}

static void a_histogram_is_buckets_that_add_up(void **state)
{
    (void)state;
    static const double   bounds[] = { 0.1, 2.5, 1e6 };
    static const uint64_t counts[] = { 1, 2, 3, 4 };
    struct world          w;
    begin(&w);
    w.attr[0] = text_attr("le", "mine");
    w.attr[1] = text_attr("x", "y");
    w.e.attrs = (struct attrs){ w.attr, 2 };
    w.resource.attrs.count = 1;
    w.e.as.point = (struct point_event){ .name = SLICE("h"), .kind = POINT_HISTOGRAM, .temporality = TEMPORALITY_DELTA, .count = 10, .sum = 7.5,
                                         .bounds = bounds, .bounds_n = 3, .counts = counts, .counts_n = 4 };
    assert_string_equal(flat(&w, NULL),
        "job=api le=0.1 x=y h_bucket 1 delta\njob=api le=2.5 x=y h_bucket 3 delta\njob=api le=1000000 x=y h_bucket 6 delta\njob=api le=+Inf x=y h_bucket 10 delta\n"
        "job=api x=y h_sum 7.5 delta\njob=api x=y h_count 10 delta\n");
    w.e.as.point.sum = (double)NAN;
    w.e.as.point.bounds_n = w.e.as.point.counts_n = 0;
    assert_string_equal(flat(&w, NULL), "job=api le=+Inf x=y h_bucket 10 delta\njob=api x=y h_count 10 delta\n");
    end(&w);
}

static void a_summary_is_quantiles(void **state)
{
    (void)state;
    static const struct quantile q[] = { { 0.5, 1 }, { 0.99, 9 } };
    struct world                 w;
    begin(&w);
    w.resource.attrs.count = 1;
    w.e.as.point = (struct point_event){ .name = SLICE("s"), .kind = POINT_SUMMARY, .count = 3, .sum = 4, .quantiles = q, .quantiles_n = 2 };
    assert_string_equal(flat(&w, NULL), "job=api quantile=0.5 s 1\njob=api quantile=0.99 s 9\njob=api s_sum 4\njob=api s_count 3\n");
    end(&w);
}

static void an_exponential_histogram_is_native_or_buckets(void **state)
{
    (void)state;
    static const uint64_t counts[] = { 1, 0, 2 }, low[] = { 5 };
    struct world          w;
    begin(&w);
    w.resource.attrs.count = 1;
    w.e.as.point = (struct point_event){ .name = SLICE("e"), .kind = POINT_EXPONENTIAL, .count = 9, .sum = 4, .scale = 0, .zero_count = 1,
                                         .positive = { 0, counts, 3 }, .negative = { 1, low, 1 } };
    /* scale 0: base 2; positive buckets (1,2] and (4,8], the negative one [-4,-2) */
    assert_string_equal(flat(&w, NULL), "job=api le=-2 e_bucket 5\njob=api le=0 e_bucket 6\njob=api le=2 e_bucket 7\njob=api le=8 e_bucket 9\njob=api le=+Inf e_bucket 9\n"
                                        "job=api e_sum 4\njob=api e_count 9\n");
    const struct flatten_options native = { .native = true };
    assert_string_equal(flat(&w, &native), "job=api e native schema 0 count 9 positive 1+3\n");
    w.e.as.point.scale = 10;       /* two steps coarser: buckets 0..2 are all in bucket 0 */
    assert_string_equal(flat(&w, &native), "job=api e native schema 8 count 9 positive 1+1\n");
    w.e.as.point.positive.offset = INT32_MAX;
    w.e.as.point.negative.offset = INT32_MIN;
    w.e.as.point.scale = INT32_MIN;
    (void)flat(&w, &native);
    w.e.as.point.scale = INT32_MAX;
    (void)flat(&w, &native);
    end(&w);
}

static void too_many_buckets_become_fewer_and_none_is_lost(void **state)
{
    (void)state;
    static uint64_t counts[1000];
    struct world    w;
    begin(&w);
    for (size_t i = 0; i < 1000; i++)
        counts[i] = 1;
    w.resource.attrs.count = 1;
    w.e.as.point = (struct point_event){ .name = SLICE("e"), .kind = POINT_EXPONENTIAL, .count = 1000, .scale = 5, .sum = 1, .positive = { -500, counts, 1000 } };
    assert_string_equal(flat(&w, &(struct flatten_options){ .native = true }), "job=api e native schema 2 count 1000 positive -62+126\n");
    end(&w);
}

static bool stop(void *ctx, const struct flatten_sample *s)
{
    uint64_t bits;
    memcpy(&bits, &s->value, 8);
    assert_true(s->stale && bits == REMOTE_STALE_BITS && s->time_ms == 1500 && s->exemplars_n == (*(int *)ctx == 0));
    ++*(int *)ctx;
    return false;
}

static void stale_points_are_stale_markers_and_a_taker_can_stop(void **state)
{
    (void)state;
    static const struct exemplar x = { .value = 1 };
    struct world                 w;
    struct fault                 fault;
    int                          n = 0;
    begin(&w);
    w.e.as.point.kind = POINT_SUMMARY;
    w.e.as.point.stale = true;
    w.e.as.point.exemplars = &x;
    w.e.as.point.exemplars_n = 1;
    assert_ok(flatten_point(&w.e, NULL, &w.a, stop, &n, &fault), &fault);
    assert_int_equal(n, 1);
    w.e.type = EVENT_LOG;
    assert_int_equal(flatten_point(&w.e, NULL, &w.a, stop, &n, &fault), ERR_INPUT);
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_get_their_unit_and_counters_total),
        cmocka_unit_test(a_service_is_job_and_instance),
        cmocka_unit_test(labels_that_become_the_same_are_joined),
        cmocka_unit_test(what_came_from_prometheus_stays_as_it_is),
        cmocka_unit_test(a_histogram_is_buckets_that_add_up),
        cmocka_unit_test(a_summary_is_quantiles),
        cmocka_unit_test(an_exponential_histogram_is_native_or_buckets),
        cmocka_unit_test(too_many_buckets_become_fewer_and_none_is_lost),
        cmocka_unit_test(stale_points_are_stale_markers_and_a_taker_can_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
