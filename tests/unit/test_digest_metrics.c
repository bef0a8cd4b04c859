/* digest: a minute says what its points say, in whatever order and pieces they come, and a counter says how fast it grew. */
#include "unit.h"

#include "base/utf8.h"
#include "digest/increase.h"
#include "digest/metrics.h"
#include "digest_double.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

struct got { struct minute_of_metric row; char metric[64], labels[256]; };
static struct got rows[64];
static int        n;

static bool keep(void *ctx, const struct minute_of_metric *r)
{
    (void)ctx;
    rows[n].row = *r;
    (void)snprintf(rows[n].metric, sizeof rows[n].metric, "%s", r->metric);
    (void)snprintf(rows[n++].labels, sizeof rows[0].labels, "%s", r->labels);
    return n < 64;
}

static char whole_name[64][400];

static bool keep_name(void *ctx, const struct minute_of_metric *r)
{
    (void)ctx;
    (void)snprintf(whole_name[n++], sizeof whole_name[0], "%s", r->metric);
    return n < 64;
}

struct world { struct metrics *m; struct places *p; const struct resource *cart; };

static struct world a_world(const struct metrics_options *o)
{
    struct fault f = { 0 };
    struct world w = { .cart = a_resource("service.name", "cart") };
    struct metrics_options d = metrics_options_default();
    assert_ok(metrics_new(o ? o : &d, &w.m, &f), &f);
    assert_ok(places_new(100, &w.p, &f), &f);
    n = 0;
    return w;
}

static void end(struct world *w)
{
    metrics_free(w->m);
    places_free(w->p);
}

static void take(struct world *w, struct event e) { metrics_take(w->m, &e, places_of(w->p, &e)); }

static void emit(struct world *w, double upper_s)
{
    n = 0;
    assert_true(metrics_emit(w->m, AT(upper_s), keep, NULL));
}

static void a_gauge_is_as_it_is(void **state)
{
    (void)state;
    struct world w = a_world(NULL);
    for (int i = 0; i < 20; i++)
        take(&w, a_point(w.cart, "queue", POINT_GAUGE, 600 + i * 3, i + 1));
    emit(&w, 659);
    assert_int_equal(n, 0);                                  /* not over yet */
    emit(&w, 660);
    assert_int_equal(n, 1);
    assert_int_equal(rows[0].row.bucket_us, AT(600));
    assert_string_equal(rows[0].metric, "queue");
    assert_string_equal(rows[0].labels, "{}");
    assert_float_equal(rows[0].row.avg, 10.5, 1e-12);
    assert_float_equal(rows[0].row.max, 20, 0);
    assert_float_equal(rows[0].row.min, 1, 0);
    assert_float_equal(rows[0].row.p95, 19, 0.19);
    assert_float_equal(rows[0].row.sum, 210, 1e-9);
    assert_int_equal(rows[0].row.count, 20);
    metrics_settle(w.m, AT(660));
    emit(&w, 660);
    assert_int_equal(n, 0);                                  /* once */
    end(&w);
}

static void names_that_no_key_can_hold_are_told_apart_by_a_digest_of_the_whole(void **state)
{
    (void)state;
    struct world w = a_world(NULL);
    char         longer[3001], other[3001];
    memset(longer, 'n', 3000);
    longer[3000] = '\0';
    memcpy(other, longer, sizeof other);
    other[2999] = 'x';
    const char *const names[] = { "a\xff", "a\xfe", longer, other, "caf\xc3\xa9" };
    for (int i = 0; i < 5; i++)
        take(&w, a_point(w.cart, names[i], POINT_GAUGE, 600, i));
    n = 0;
    assert_true(metrics_emit(w.m, AT(660), keep_name, NULL));
    assert_int_equal(n, 5);
    for (int i = 0; i < 5; i++) {
        const char *s = whole_name[i];
        assert_true(strlen(s) < 300);
        for (size_t left = strlen(s), k; left; s += k, left -= k)
            assert_true((k = utf8_length(s, left)) > 0);
        for (int j = 0; j < i; j++)
            assert_string_not_equal(whole_name[i], whole_name[j]);
    }
    assert_string_equal(whole_name[4], "caf\xc3\xa9");
    end(&w);
}

static void few_values_have_an_exact_percentile(void **state)
{
    (void)state;
    struct world w = a_world(NULL);
    const double v[] = { 7, 3, 123.456, 5 };
    for (int i = 0; i < 4; i++)
        take(&w, a_point(w.cart, "queue", POINT_GAUGE, 600 + i, v[i]));
    emit(&w, 660);
    assert_float_equal(rows[0].row.p95, 123.456, 0);
    end(&w);
}

static void one_huge_value_leaves_the_percentile_of_the_others_as_it_is(void **state)
{
    (void)state;
    struct world w = a_world(NULL);
    for (int i = 0; i < 100; i++)
        take(&w, a_point(w.cart, "limit", POINT_GAUGE, 600 + i * 0.5, i == 50 ? (double)INT64_MAX : 5 + i % 3));
    emit(&w, 660);
    assert_float_equal(rows[0].row.p95, 7, 0.07);
    assert_float_equal(rows[0].row.max, (double)INT64_MAX, 0);
    assert_float_equal(rows[0].row.min, 5, 0);
    end(&w);
}

static void a_counter_becomes_a_rate_and_a_reset_begins_at_zero(void **state)
{
    (void)state;
    struct world w = a_world(NULL);
    take(&w, a_counter(w.cart, "requests", 0, 1000, 5000));  /* it began long ago: nothing can be said yet */
    take(&w, a_counter(w.cart, "requests", 0, 1010, 5100));  /* 10 per second */
    take(&w, a_counter(w.cart, "requests", 1015, 1020, 20)); /* began anew at 1015: 4 per second */
    emit(&w, 1080);
    struct metrics_stats s;
    metrics_stats(w.m, &s);
    assert_int_equal(s.resets, 1);
    assert_int_equal(n, 2);                                  /* 1010 and 1020 fall into two minutes */
    end(&w);
    w = a_world(NULL);
    take(&w, a_counter(w.cart, "requests", 0, 1021, 5000));
    take(&w, a_counter(w.cart, "requests", 0, 1031, 5100));
    take(&w, a_counter(w.cart, "requests", 1036, 1041, 20));
    take(&w, a_counter(w.cart, "requests", 1036, 1051, 10)); /* went down without saying so: 10 in 10 s */
    emit(&w, 1080);
    assert_int_equal(n, 1);
    assert_int_equal(rows[0].row.count, 3);
    assert_float_equal(rows[0].row.sum, 10 + 4 + 1, 1e-9);
    assert_float_equal(rows[0].row.max, 10, 1e-9);
    end(&w);
}

static void a_counter_that_began_just_now_counts_from_its_start(void **state)
{
    (void)state;
    struct world w = a_world(NULL);
    take(&w, a_counter(w.cart, "requests", 1020, 1030, 50));
    emit(&w, 1080);
    assert_int_equal(n, 1);
    assert_float_equal(rows[0].row.avg, 5, 1e-9);
    end(&w);
}

static void a_name_without_a_kind_that_ends_in_total_is_a_counter(void **state)
{
    (void)state;
    struct world w = a_world(NULL);
    take(&w, a_point(w.cart, "http_requests_total", POINT_UNKNOWN, 1021, 100));
    take(&w, a_point(w.cart, "http_requests_total", POINT_UNKNOWN, 1041, 140));
    take(&w, a_point(w.cart, "temperature", POINT_UNKNOWN, 1041, 21));
    emit(&w, 1080);
    assert_int_equal(n, 2);
    double expected = strcmp(rows[0].metric, "temperature") == 0 ? 21 : 2;
    assert_float_equal(rows[0].row.avg, expected, 1e-9);
    end(&w);
}

static void a_delta_is_a_rate_over_its_own_interval(void **state)
{
    (void)state;
    struct world w = a_world(NULL);
    struct event e = a_counter(w.cart, "bytes", 1020, 1030, 300);
    e.as.point.temporality = TEMPORALITY_DELTA;
    take(&w, e);
    emit(&w, 1080);
    assert_float_equal(rows[0].row.avg, 30, 1e-9);
    end(&w);
}

static void a_stale_marker_ends_a_series(void **state)
{
    (void)state;
    struct world w = a_world(NULL);
    take(&w, a_counter(w.cart, "requests", 0, 1021, 5000));
    struct event stale = a_counter(w.cart, "requests", 0, 1031, 0);
    stale.as.point.stale = true;
    take(&w, stale);
    take(&w, a_counter(w.cart, "requests", 0, 1041, 90000)); /* a first one again */
    emit(&w, 1080);
    assert_int_equal(n, 0);
    end(&w);
}

static void a_cumulative_histogram_says_what_is_new(void **state)
{
    (void)state;
    static const double   bounds[] = { 10, 20, 40 };
    static const uint64_t first[] = { 100, 100, 100, 0 }, second[] = { 110, 100, 100, 10 };
    struct world          w = a_world(NULL);
    struct event          e = a_point(w.cart, "duration", POINT_HISTOGRAM, 1021, 0);
    e.as.point.temporality = TEMPORALITY_CUMULATIVE;
    e.as.point.bounds = bounds, e.as.point.bounds_n = 3;
    e.as.point.counts = first, e.as.point.counts_n = 4;
    e.as.point.count = 300, e.as.point.sum = 6000;
    take(&w, e);
    emit(&w, 1080);
    assert_int_equal(n, 0);
    e.as.point.time_ns = NS(1050);
    e.as.point.counts = second, e.as.point.count = 320, e.as.point.sum = 6000 + 10 * 5 + 10 * 50;
    take(&w, e);
    emit(&w, 1080);
    assert_int_equal(n, 1);
    assert_int_equal(rows[0].row.count, 20);
    assert_float_equal(rows[0].row.avg, 27.5, 1e-9);
    assert_float_equal(rows[0].row.max, 40, 1e-9);           /* beyond the last bound nothing more is known */
    assert_float_equal(rows[0].row.p95, 40, 0.4);
    end(&w);
}

static void an_exponential_histogram_bears_a_coarser_scale(void **state)
{
    (void)state;
    static const uint64_t fine[] = { 4, 4, 4, 4 }, coarse[] = { 8, 18 };
    struct world          w = a_world(NULL);
    struct event          e = a_point(w.cart, "duration", POINT_EXPONENTIAL, 1021, 0);
    e.as.point.temporality = TEMPORALITY_CUMULATIVE;
    e.as.point.scale = 1, e.as.point.positive = (struct side){ 0, fine, 4 };
    e.as.point.count = 16, e.as.point.sum = 32;
    take(&w, e);
    e.as.point.time_ns = NS(1050);
    e.as.point.scale = 0, e.as.point.positive = (struct side){ 0, coarse, 2 };
    e.as.point.count = 26, e.as.point.sum = 32 + 30;
    take(&w, e);
    emit(&w, 1080);
    assert_int_equal(n, 1);
    assert_int_equal(rows[0].row.count, 10);                 /* all ten of them in (2, 4] */
    assert_float_equal(rows[0].row.avg, 3, 1e-9);
    assert_float_equal(rows[0].row.max, 4, 1e-9);
    assert_float_equal(rows[0].row.p95, sqrt(8), 0.03);
    end(&w);
}

static void a_late_point_changes_its_minute_until_the_look_back(void **state)
{
    (void)state;
    struct world w = a_world(NULL);
    struct metrics_stats s;
    take(&w, a_point(w.cart, "queue", POINT_GAUGE, 600, 1));
    emit(&w, 720);
    metrics_settle(w.m, AT(720));
    struct event late = a_point(w.cart, "queue", POINT_GAUGE, 630, 3);
    late.received_us = AT(725);
    take(&w, late);
    emit(&w, 720);
    assert_int_equal(n, 1);                                  /* the whole minute once more */
    assert_float_equal(rows[0].row.avg, 2, 0);
    metrics_settle(w.m, AT(660 + 301));
    take(&w, late);
    metrics_stats(w.m, &s);
    assert_int_equal(s.late, 1);
    emit(&w, 2000);
    assert_int_equal(n, 0);
    end(&w);
}

static void who_is_late_to_a_minute_of_many_values_counts_as_if_he_had_been_in_time(void **state)
{
    (void)state;
    struct world late = a_world(NULL), prompt = a_world(NULL);
    for (int i = 0; i < 55; i++) {
        take(&late, a_point(late.cart, "queue", POINT_GAUGE, 600 + i, i * i + 1));
        take(&prompt, a_point(prompt.cart, "queue", POINT_GAUGE, 600 + i, i * i + 1));
    }
    emit(&late, 660);
    metrics_settle(late.m, AT(660));
    for (int i = 55; i < 60; i++) {
        take(&late, a_point(late.cart, "queue", POINT_GAUGE, 600 + i, 10000 + i));
        take(&prompt, a_point(prompt.cart, "queue", POINT_GAUGE, 600 + i, 10000 + i));
    }
    emit(&prompt, 660);
    struct minute_of_metric expected = rows[0].row;
    emit(&late, 660);
    assert_int_equal(n, 1);
    assert_int_equal(rows[0].row.count, 60);
    assert_float_equal(rows[0].row.p95, expected.p95, 0);
    assert_float_equal(rows[0].row.avg, expected.avg, 1e-9);
    assert_float_equal(rows[0].row.max, expected.max, 0);
    metrics_settle(late.m, AT(660));
    end(&late);
    end(&prompt);
}

static void labels_that_are_no_utf_8_are_an_object_all_the_same(void **state)
{
    (void)state;
    struct world w = a_world(NULL);
    struct attr  labels[] = { { SLICE("caf\xe9"), { VALUE_TEXT, { .text = SLICE("\xff\xe2\x82 \xe2\x82\xac\xe2") } } } };
    struct event e = a_point(w.cart, "requests", POINT_GAUGE, 600, 1);
    e.attrs = (struct attrs){ labels, 1 };
    take(&w, e);
    emit(&w, 660);
    assert_string_equal(rows[0].labels, "{\"caf?\":\"??? \xe2\x82\xac?\"}");
    end(&w);
}

static void labels_are_sorted_and_instances_with_the_same_urn_meet_in_one_row(void **state)
{
    (void)state;
    struct world    w = a_world(NULL);
    struct resource a = *w.cart, b = *w.cart;
    struct attr     one[2] = { { SLICE("path"), { VALUE_TEXT, { .text = SLICE("/a\"b") } } }, { SLICE("code"), { VALUE_INT, { .integer = 200 } } } };
    struct attr     other[2] = { one[1], one[0] };
    struct event    e = a_counter(&a, "requests", 0, 1021, 100);
    b.id++;                                                  /* another pod of the same service */
    e.attrs = (struct attrs){ one, 2 };
    take(&w, e);
    e.as.point.time_ns = NS(1031), e.as.point.value = 110;
    take(&w, e);
    e.resource = &b, e.record++, e.attrs = (struct attrs){ other, 2 };
    e.as.point.time_ns = NS(1021), e.as.point.value = 9000;
    take(&w, e);
    e.as.point.time_ns = NS(1031), e.as.point.value = 9030;
    take(&w, e);
    emit(&w, 1080);
    assert_int_equal(n, 1);
    assert_string_equal(rows[0].labels, "{\"code\":\"200\",\"path\":\"/a\\\"b\"}");
    assert_int_equal(rows[0].row.count, 2);
    assert_float_equal(rows[0].row.avg, 2, 1e-9);
    assert_float_equal(rows[0].row.max, 3, 1e-9);
    end(&w);
}

static void too_many_series_go_into_one_and_are_counted(void **state)
{
    (void)state;
    struct metrics_options o = metrics_options_default();
    struct metrics_stats   s;
    char                   name[20][16];
    o.metric_max = 3;
    struct world w = a_world(&o);
    for (int i = 0; i < 20; i++) {
        struct event e = a_point(w.cart, "queue", POINT_GAUGE, 600, i);
        (void)snprintf(name[i], sizeof name[i], "u%d", i);
        e.attrs = an_attr("user", name[i]);
        take(&w, e);
    }
    metrics_stats(w.m, &s);
    assert_int_equal(s.series, 3);
    assert_int_equal(s.capped, 17);
    emit(&w, 660);
    assert_int_equal(n, 4);
    assert_string_equal(rows[3].labels, "{\"other\":\"true\"}");
    assert_int_equal(rows[3].row.count, 17);
    end(&w);
}

static void each_bound_on_series_is_counted_by_its_name(void **state)
{
    (void)state;
    for (int which = 0; which < 4; which++) {
        struct metrics_options o = metrics_options_default();
        struct metrics_stats   s;
        char                   name[5][8];
        *(uint32_t *[]){ &o.series_max, &o.tenant_max, &o.source_max, &o.metric_max }[which] = 2;
        struct world w = a_world(&o);
        for (int i = 0; i < 5; i++) {
            struct event e = a_point(w.cart, "queue", POINT_GAUGE, 600, i);
            (void)snprintf(name[i], sizeof name[i], "u%d", i);
            e.attrs = an_attr("user", name[i]);
            take(&w, e);
        }
        metrics_stats(w.m, &s);
        assert_int_equal(s.capped, 3);
        assert_int_equal(s.capped_all, which == 0 ? 3 : 0);
        assert_int_equal(s.capped_tenant, which == 1 ? 3 : 0);
        assert_int_equal(s.capped_source, which == 2 ? 3 : 0);
        assert_int_equal(s.capped_metric, which == 3 ? 3 : 0);
        end(&w);
    }
}

static void idle_series_go_and_make_room(void **state)
{
    (void)state;
    struct metrics_options o = metrics_options_default();
    struct metrics_stats   s;
    o.metric_max = 1;
    struct world w = a_world(&o);
    struct event e = a_point(w.cart, "queue", POINT_GAUGE, 600, 1);
    e.attrs = an_attr("user", "one");
    take(&w, e);
    metrics_settle(w.m, AT(660) + o.idle_us + AT(60));
    metrics_stats(w.m, &s);
    assert_int_equal(s.series, 0);
    assert_int_equal(s.rows, 0);
    e = a_point(w.cart, "queue", POINT_GAUGE, 3000, 1);
    e.attrs = an_attr("user", "two");
    take(&w, e);
    metrics_stats(w.m, &s);
    assert_int_equal(s.capped, 0);
    end(&w);
}

static void what_is_open_survives_as_bytes(void **state)
{
    (void)state;
    struct fault f = { 0 };
    struct world w = a_world(NULL), v = a_world(NULL);
    struct pack  bytes;
    pack_init(&bytes, 1 << 20);
    for (int i = 0; i < 20; i++) {
        take(&w, a_point(w.cart, "queue", POINT_GAUGE, 1020 + i, i * 1.5));
        take(&w, a_counter(w.cart, "requests", 0, 1020 + i, i * i));
    }
    take(&w, a_point(w.cart, "few", POINT_GAUGE, 1020, 7));
    metrics_save(w.m, &bytes);
    assert_false(bytes.full);
    assert_ok(metrics_load(v.m, pack_bytes(&bytes), &f), &f);
    for (int i = 20; i < 40; i++) {
        take(&w, a_counter(w.cart, "requests", 0, 1020 + i, i * i));
        take(&v, a_counter(v.cart, "requests", 0, 1020 + i, i * i));
    }
    struct got before[64];
    emit(&w, 1080);
    int were = n;
    memcpy(before, rows, sizeof before);
    emit(&v, 1080);
    assert_int_equal(n, were);
    for (int i = 0; i < n; i++) {
        assert_string_equal(before[i].metric, rows[i].metric);
        assert_int_equal(before[i].row.count, rows[i].row.count);
        assert_memory_equal(&before[i].row.avg, &rows[i].row.avg, 5 * sizeof(double));
    }
    /* Cut anywhere it is refused and nothing breaks. */
    for (size_t cut = 0; cut < bytes.n; cut++) {
        struct world x = a_world(NULL);
        assert_int_equal(metrics_load(x.m, (struct slice){ bytes.s, cut }, &f), ERR_INPUT);
        end(&x);
    }
    pack_done(&bytes);
    end(&w);
    end(&v);
}

/* A start is whatever somebody said; and from 2043 on all that is now is more than 2^61 nanoseconds. */
static void times_of_any_size_survive_as_bytes(void **state)
{
    (void)state;
    static const double at_s[] = { 1020, 3e9 };
    static const int64_t start_ns[] = { INT64_MAX, INT64_C(1) << 61, -(INT64_C(1) << 62), INT64_MIN, 0 };
    for (size_t i = 0; i < 10; i++) {
        struct fault f = { 0 };
        struct world w = a_world(NULL), v = a_world(NULL);
        struct pack  bytes;
        double       at = at_s[i / 5];
        struct event e = a_counter(w.cart, "requests", 0, at, 100);
        pack_init(&bytes, 1 << 20);
        e.as.point.start_ns = start_ns[i % 5];
        take(&w, e);
        metrics_save(w.m, &bytes);
        assert_ok(metrics_load(v.m, pack_bytes(&bytes), &f), &f);
        take(&v, a_counter(v.cart, "requests", 0, at + 10, 120));
        emit(&v, at + 60);
        assert_int_equal(n, 1);
        assert_float_equal(rows[0].row.avg, 2, 1e-9);
        pack_done(&bytes);
        end(&w);
        end(&v);
    }
}

static struct event in_scope(struct event e, const struct scope *scope)
{
    e.scope = scope;
    return e;
}

static void two_libraries_with_the_same_instrument_have_increases_of_their_own_and_meet_in_one_row(void **state)
{
    (void)state;
    const struct scope scopes[] = { { .name = SLICE("okhttp"), .version = SLICE("1") }, { .name = SLICE("apache"), .version = SLICE("1") }, { .name = SLICE("okhttp"), .version = SLICE("2") },
                                    { .name = SLICE("okhttp"), .version = SLICE("1"), .attrs = an_attr("pool", "a") } };
    struct world         w = a_world(NULL);
    struct metrics_stats s;
    for (int i = 0; i < 5; i++)
        for (int k = 0; k < 4; k++)
            take(&w, in_scope(a_counter(w.cart, "requests", 0, 1020 + 10 * i, 1000 * k + 10 * (k + 1) * i), &scopes[k]));
    metrics_stats(w.m, &s);
    assert_int_equal(s.series, 4);
    assert_int_equal(s.resets + s.out_of_order, 0);
    emit(&w, 1080);
    assert_int_equal(n, 1);
    assert_int_equal(rows[0].row.count, 16);
    assert_float_equal(rows[0].row.sum, 4 * (1 + 2 + 3 + 4), 1e-9);
    assert_float_equal(rows[0].row.max, 4, 1e-9);
    end(&w);
}

static struct attr text_attr(const char *key, const char *value) { return (struct attr){ slice_of(key), { VALUE_TEXT, { .text = slice_of(value) } } }; }

static void attributes_in_another_order_are_the_same_series(void **state)
{
    (void)state;
    const struct attr    there[] = { text_attr("x", "1"), text_attr("y", "2"), text_attr("z", "3") }, back[] = { there[2], there[0], there[1] };
    const struct attrs   a = { there, 3 }, b = { back, 3 };
    const struct scope   scopes[] = { { .attrs = a }, { .attrs = b } };
    const struct resource of[] = { { .attrs = a, .id = attrs_id(&a) }, { .attrs = b, .id = attrs_id(&b) } };
    struct world         w = a_world(NULL);
    struct metrics_stats s;
    for (int i = 0; i < 6; i++) {
        struct event e = a_counter(&of[i % 2], "requests", 0, 1020 + 9 * i, 1000 + 90 * i);
        e.attrs = i % 3 ? a : b;
        take(&w, in_scope(e, &scopes[i / 2 % 2]));
    }
    metrics_stats(w.m, &s);
    assert_int_equal(s.series, 1);
    emit(&w, 1080);
    assert_int_equal(n, 1);
    assert_int_equal(rows[0].row.count, 5);
    assert_float_equal(rows[0].row.sum, 50, 1e-9);
    end(&w);
}

static void instances_are_told_apart_by_what_their_resource_says_beyond_the_thing(void **state)
{
    (void)state;
    const struct attr     one[] = { text_attr("service.name", "cart"), text_attr("service.instance.id", "i1") }, two[] = { text_attr("service.instance.id", "i2"), one[0] };
    const struct attrs    a = { one, 2 }, b = { two, 2 };
    const struct resource of[] = { { .attrs = a, .id = attrs_id(&a) }, { .attrs = b, .id = attrs_id(&b) } };
    struct world          w = a_world(NULL);
    for (int i = 0; i < 6; i++)
        for (int k = 0; k < 2; k++)
            take(&w, a_counter(&of[k], "requests", 0, 1020 + 9 * i, 5000 * k + 9 * (k + 1) * i));
    emit(&w, 1080);
    assert_int_equal(n, 1);
    assert_int_equal(rows[0].row.count, 10);
    assert_float_equal(rows[0].row.sum, 5 * (1 + 2), 1e-9);
    end(&w);
}

static void names_and_values_that_change_places_are_other_series_and_other_rows(void **state)
{
    (void)state;
    static const char *const label[][2] = { { "get", "get" }, { "put", "put" }, { "a", "b" }, { "b", "a" } };
    struct world             w = a_world(NULL);
    for (int k = 0; k < 4; k++) {
        struct event e = a_point(w.cart, "queue", POINT_GAUGE, 600, k);
        e.attrs = an_attr(label[k][0], label[k][1]);
        take(&w, e);
    }
    emit(&w, 660);
    assert_int_equal(n, 4);
    for (int k = 0; k < 4; k++) {
        char expected[32];
        (void)snprintf(expected, sizeof expected, "{\"%s\":\"%s\"}", label[k][0], label[k][1]);
        assert_string_equal(rows[k].labels, expected);
        assert_float_equal(rows[k].row.avg, k, 0);
    }
    end(&w);
}

static void one_name_as_delta_and_as_total_is_two_series(void **state)
{
    (void)state;
    struct world w = a_world(NULL);
    for (int i = 0; i < 5; i++) {
        take(&w, a_counter(w.cart, "bytes", 0, 1020 + 10 * i, 5000 + 10 * i));
        struct event e = a_counter(w.cart, "bytes", 0, 1021 + 10 * i, 30);
        e.as.point.temporality = TEMPORALITY_DELTA;
        take(&w, e);
    }
    emit(&w, 1080);
    assert_int_equal(rows[0].row.count, 8);
    assert_float_equal(rows[0].row.sum, 4 * 1 + 4 * 3, 1e-9);
    end(&w);
}

static void a_series_that_ended_and_comes_back_does_not_count_again_what_it_counted(void **state)
{
    (void)state;
    struct world w = a_world(NULL);
    take(&w, a_counter(w.cart, "requests", 1020, 1030, 50));
    struct event stale = a_counter(w.cart, "requests", 1020, 1040, 0);
    stale.as.point.stale = true;
    take(&w, stale);
    take(&w, a_counter(w.cart, "requests", 1020, 1050, 90)); /* the same start: the 50 are in there */
    take(&w, a_counter(w.cart, "requests", 1020, 1060, 100));
    take(&w, stale);
    take(&w, a_counter(w.cart, "requests", 1065, 1075, 20)); /* began anew after it ended */
    emit(&w, 1080);
    assert_int_equal(n, 1);
    assert_int_equal(rows[0].row.count, 3);
    assert_float_equal(rows[0].row.sum, 5 + 1 + 2, 1e-9);
    end(&w);
}

static void a_counter_without_room_is_not_counted_from_its_start_each_time(void **state)
{
    (void)state;
    struct metrics_options o = metrics_options_default();
    struct metrics_stats   s;
    o.metric_max = 1;
    struct world w = a_world(&o);
    take(&w, a_counter(w.cart, "requests", 0, 1021, 1));
    for (int i = 1; i < 4; i++) {
        struct event e = a_counter(w.cart, "requests", 1020, 1020 + 10 * i, 100 * i);
        e.attrs = an_attr("user", "one");
        take(&w, e);
    }
    metrics_stats(w.m, &s);
    assert_int_equal(s.capped_counters, 3);
    emit(&w, 1080);
    assert_int_equal(n, 0);
    end(&w);
}

/* Version 1 has no time until which all was counted; else it is written alike. */
static void as_version_1(struct pack *bytes)
{
    assert_int_equal(bytes->s[0], 2);
    assert_int_equal(bytes->s[1], 0);
    bytes->s[1] = 1;
    bytes->s++;
    bytes->n--;
}

static void after_an_upgrade_minutes_go_on_and_no_counter_counts_its_whole_value_again(void **state)
{
    (void)state;
    struct fault         f = { 0 };
    struct world         w = a_world(NULL), v = a_world(NULL), x = a_world(NULL);
    struct pack          bytes, again;
    struct metrics_stats s;
    pack_init(&bytes, 1 << 20);
    pack_init(&again, 1 << 20);
    take(&w, a_point(w.cart, "queue", POINT_GAUGE, 1021, 7));
    take(&w, a_counter(w.cart, "requests", 1010, 1030, 1000));  /* young: it counted from its start */
    metrics_save(w.m, &bytes);
    as_version_1(&bytes);
    assert_ok(metrics_load(v.m, pack_bytes(&bytes), &f), &f);
    metrics_stats(v.m, &s);
    assert_int_equal(s.series, 0);
    /* Also when it stops again before the next point comes. */
    metrics_save(v.m, &again);
    assert_ok(metrics_load(x.m, pack_bytes(&again), &f), &f);
    struct world *both[] = { &v, &x };
    for (int i = 0; i < 2; i++) {
        struct world *u = both[i];
        take(u, a_point(u->cart, "queue", POINT_GAUGE, 1031, 9));
        take(u, a_counter(u->cart, "requests", 1010, 1040, 1100));   /* what it was before is not known any more */
        take(u, a_counter(u->cart, "requests", 1010, 1050, 1120));
        take(u, a_counter(u->cart, "restarted", 1035, 1050, 30));    /* all of it is new */
        emit(u, 1080);
        assert_int_equal(n, 3);
        for (int k = 0; k < n; k++) {
            bool queue = !strcmp(rows[k].metric, "queue"), requests = !strcmp(rows[k].metric, "requests");
            assert_int_equal(rows[k].row.count, queue || requests ? 2 : 1);
            double sum = queue ? 16 : requests ? 50 + 2 : 2;
            assert_float_equal(rows[k].row.sum, sum, 1e-9);
        }
    }
    /* Nothing of what was taken over stays for ever. */
    metrics_settle(v.m, AT(1080) + metrics_options_default().idle_us + AT(60));
    metrics_stats(v.m, &s);
    assert_int_equal(s.rows + s.series + s.windows, 0);
    bytes.s--;
    pack_done(&bytes);
    pack_done(&again);
    end(&w);
    end(&v);
    end(&x);
}

static struct event a_delta(struct event e)
{
    e.as.point.temporality = TEMPORALITY_DELTA;
    return e;
}

static void deltas_with_a_start_may_come_in_any_order(void **state)
{
    (void)state;
    struct world         w = a_world(NULL);
    struct metrics_stats s;
    for (int i = 4; i >= 0; i--)
        take(&w, a_delta(a_counter(w.cart, "bytes", 1020 + 10 * i, 1030 + 10 * i - 1, 9 * (3 + i))));
    take(&w, a_delta(a_counter(w.cart, "bytes", 0, 1079, 20)));     /* without one: since the newest there was, at 1069 */
    take(&w, a_delta(a_counter(w.cart, "bytes", 0, 1070, 32)));     /* it cannot be said since when */
    metrics_stats(w.m, &s);
    assert_int_equal(s.out_of_order, 1);
    emit(&w, 1080);
    assert_int_equal(rows[0].row.count, 6);
    assert_float_equal(rows[0].row.sum, 3 + 4 + 5 + 6 + 7 + 2, 1e-9);
    end(&w);
}

static struct event a_histogram(struct event e, const double *bounds, size_t bounds_n, const uint64_t *counts, size_t counts_n, double sum)
{
    struct point_event *p = &e.as.point;
    p->kind = POINT_HISTOGRAM;
    p->bounds = bounds, p->bounds_n = bounds_n, p->counts = counts, p->counts_n = counts_n, p->sum = sum;
    for (size_t i = 0; i < counts_n; i++)
        p->count += counts[i];
    return e;
}

static const double   to_40[] = { 10, 20, 40 };
static const uint64_t ten_in_20[] = { 0, 10, 0, 0 };

static void histograms_of_deltas_may_come_in_any_order(void **state)
{
    (void)state;
    struct world w = a_world(NULL);
    for (int i = 4; i >= 0; i--)
        take(&w, a_delta(a_histogram(a_counter(w.cart, "duration", 1020 + 10 * i, 1029 + 10 * i, 0), to_40, 3, ten_in_20, 4, 150)));
    emit(&w, 1080);
    assert_int_equal(rows[0].row.count, 50);
    assert_float_equal(rows[0].row.sum, 750, 1e-9);
    end(&w);
}

/* The program began while its clock was ahead. */
static void a_start_later_than_the_point_itself_is_no_reset(void **state)
{
    (void)state;
    struct world         w = a_world(NULL);
    struct metrics_stats s;
    for (int i = 0; i < 4; i++) {
        uint64_t counts[] = { 0, 1000 + 10 * (uint64_t)i, 0, 0 };
        take(&w, a_counter(w.cart, "requests", 4620, 1021 + 10 * i, 5000 + 20 * i));
        take(&w, a_histogram(a_counter(w.cart, "duration", 4620, 1021 + 10 * i, 0), to_40, 3, counts, 4, 15000 + 150 * i));
    }
    emit(&w, 1080);
    assert_int_equal(n, 2);
    for (int i = 0; i < n; i++)
        if (!strcmp(rows[i].metric, "requests"))
            assert_float_equal(rows[i].row.avg, 2, 1e-9);
        else
            assert_int_equal(rows[i].row.count, 30);
    metrics_stats(w.m, &s);
    assert_int_equal(s.resets, 0);
    end(&w);
}

static void a_histogram_of_one_bucket_lies_at_the_average_of_what_is_new(void **state)
{
    (void)state;
    struct world w = a_world(NULL);
    uint64_t     counts[5];
    for (int i = 0; i < 5; i++) {
        counts[i] = 1000 + 10 * (uint64_t)i;
        take(&w, a_histogram(a_counter(w.cart, "duration", 0, 1020 + 10 * i, 0), NULL, 0, &counts[i], 1, 5000 + 1000 * i));
    }
    emit(&w, 1080);
    assert_int_equal(rows[0].row.count, 40);
    assert_float_equal(rows[0].row.avg, 100, 1e-9);
    assert_float_equal(rows[0].row.max, 100, 1e-9);
    assert_float_equal(rows[0].row.min, 100, 1e-9);
    assert_float_equal(rows[0].row.p95, 100, 1);
    end(&w);
}

static void of_what_says_how_many_and_nothing_of_what_there_is_no_row(void **state)
{
    (void)state;
    static const uint64_t ten = 10;
    struct world          w = a_world(NULL);
    struct metrics_stats  s;
    take(&w, a_delta(a_histogram(a_counter(w.cart, "one", 1020, 1030, 0), NULL, 0, &ten, 1, (double)NAN)));
    struct event none = a_delta(a_histogram(a_counter(w.cart, "none", 1020, 1030, 0), NULL, 0, NULL, 0, (double)INFINITY));
    none.as.point.count = 10;
    take(&w, none);
    take(&w, a_delta(a_histogram(a_counter(w.cart, "buckets", 1020, 1030, 0), to_40, 3, ten_in_20, 4, (double)NAN)));
    metrics_stats(w.m, &s);
    assert_int_equal(s.unusable, 2);
    emit(&w, 1080);
    assert_int_equal(n, 1);
    assert_string_equal(rows[0].metric, "buckets");
    assert_float_equal(rows[0].row.avg, 15, 1e-9);
    end(&w);
}

static struct event with_ends(struct event e, double min, double max)
{
    e.as.point.min = min;
    e.as.point.max = max;
    return e;
}

static void what_no_sum_can_hold_is_unusable_and_the_minute_stays_a_number(void **state)
{
    (void)state;
    static const double   far[] = { 1e300, 1e308 };
    static const uint64_t many[] = { 0, 100, 0 };
    struct world          w = a_world(NULL);
    struct metrics_stats  s;
    for (int i = 0; i < 3; i++)
        take(&w, a_point(w.cart, "queue", POINT_GAUGE, 1020 + i, DBL_MAX));
    take(&w, a_point(w.cart, "queue", POINT_GAUGE, 1025, 7));
    take(&w, a_delta(a_histogram(a_counter(w.cart, "duration", 1020, 1030, 0), far, 2, many, 3, (double)NAN)));
    metrics_stats(w.m, &s);
    assert_int_equal(s.unusable, 3);
    assert_int_equal(s.no_memory, 0);
    emit(&w, 1080);
    assert_int_equal(n, 1);
    assert_int_equal(rows[0].row.count, 2);
    assert_true(rows[0].row.sum == DBL_MAX && rows[0].row.avg == DBL_MAX / 2 && rows[0].row.min == 7);
    end(&w);
}

static void the_ends_that_a_delta_says_are_its_own(void **state)
{
    (void)state;
    struct world w = a_world(NULL);
    take(&w, with_ends(a_delta(a_histogram(a_counter(w.cart, "duration", 1020, 1030, 0), to_40, 3, ten_in_20, 4, 180)), 17, 19));
    emit(&w, 1080);
    assert_float_equal(rows[0].row.min, 17, 0);
    assert_float_equal(rows[0].row.max, 19, 0);
    assert_true(fabs(rows[0].row.p95 - 18) < 0.18);                   /* not 15, the middle of its bucket */
    end(&w);
    w = a_world(NULL);
    struct event none = with_ends(a_delta(a_histogram(a_counter(w.cart, "duration", 1020, 1030, 0), NULL, 0, NULL, 0, 50)), 1, 9);
    none.as.point.count = 10;
    take(&w, none);
    emit(&w, 1080);
    assert_float_equal(rows[0].row.min, 1, 0);
    assert_float_equal(rows[0].row.max, 9, 0);
    assert_float_equal(rows[0].row.avg, 5, 0);
    end(&w);
}

static void beyond_the_last_bound_is_as_far_as_the_largest_value(void **state)
{
    (void)state;
    static const uint64_t both[] = { 10, 0, 0, 10 };
    struct world          w = a_world(NULL);
    take(&w, with_ends(a_delta(a_histogram(a_counter(w.cart, "duration", 1020, 1030, 0), to_40, 3, both, 4, 1000)), -4, 120));
    take(&w, with_ends(a_delta(a_histogram(a_counter(w.cart, "lies", 1020, 1030, 0), to_40, 3, both, 4, 1000)), 30, 30));    /* they cannot be: it stays within them */
    take(&w, with_ends(a_delta(a_histogram(a_counter(w.cart, "nonsense", 1020, 1030, 0), to_40, 3, both, 4, 1000)), 9, 3));
    emit(&w, 1080);
    assert_int_equal(n, 3);
    const double expected[3][3] = { { -4, 120, 80 }, { 30, 30, 30 }, { 5, 40, 40 } };
    for (int i = 0; i < 3; i++) {
        assert_true(rows[i].row.min == expected[i][0] && rows[i].row.max == expected[i][1]);
        assert_true(fabs(rows[i].row.p95 - expected[i][2]) <= 0.01 * expected[i][2]);
    }
    end(&w);
}

static void the_ends_that_a_total_says_are_of_all_time_and_not_of_what_is_new(void **state)
{
    (void)state;
    static const uint64_t first[] = { 100, 0, 0, 5 }, second[] = { 100, 10, 0, 6 }, anew[] = { 0, 10, 0, 0 };
    struct world          w = a_world(NULL);
    take(&w, with_ends(a_histogram(a_counter(w.cart, "duration", 0, 1030, 0), to_40, 3, first, 4, 5000), 0.001, 900));
    take(&w, with_ends(a_histogram(a_counter(w.cart, "duration", 0, 1040, 0), to_40, 3, second, 4, 5000 + 10 * 15 + 50), 0.001, 900));
    emit(&w, 1080);
    assert_int_equal(rows[0].row.count, 11);
    assert_float_equal(rows[0].row.min, 15, 0);
    assert_float_equal(rows[0].row.max, 40, 0);
    take(&w, with_ends(a_histogram(a_counter(w.cart, "duration", 0, 1050, 0), to_40, 3, anew, 4, 150), 12, 18));   /* all of it is new */
    emit(&w, 1080);
    assert_int_equal(rows[0].row.count, 21);
    assert_float_equal(rows[0].row.min, 12, 0);
    end(&w);
}

static void when_bounds_change_nothing_is_counted_twice(void **state)
{
    (void)state;
    static const double   one[] = { 1 }, half[] = { 0.5, 1 }, other[] = { 0.25, 1 };
    static const uint64_t first[] = { 1000, 0 }, second[] = { 1000, 10, 0 }, third[] = { 1000, 20, 0 }, fourth[] = { 1000, 20, 5 }, fifth[] = { 3, 0, 0 };
    struct world          w = a_world(NULL);
    take(&w, a_histogram(a_counter(w.cart, "duration", 0, 1025, 0), one, 1, first, 2, 100));
    take(&w, a_histogram(a_counter(w.cart, "duration", 0, 1035, 0), half, 2, second, 3, 101));
    emit(&w, 1080);
    assert_int_equal(rows[0].row.count, 10);
    assert_float_equal(rows[0].row.sum, 1, 1e-9);
    assert_true(isnan(rows[0].row.p95));                              /* where they lie is not known */
    take(&w, a_histogram(a_counter(w.cart, "duration", 0, 1045, 0), other, 2, third, 3, 103));      /* as many bounds, but others */
    take(&w, a_histogram(a_counter(w.cart, "duration", 0, 1055, 0), other, 2, fourth, 3, 113));     /* and these stay */
    emit(&w, 1080);
    assert_int_equal(rows[0].row.count, 25);
    assert_float_equal(rows[0].row.sum, 13, 1e-9);
    assert_float_equal(rows[0].row.p95, 1, 0.01);
    take(&w, a_histogram(a_counter(w.cart, "duration", 0, 1065, 0), half, 2, fifth, 3, 1));         /* fewer: it began anew */
    emit(&w, 1080);
    assert_int_equal(rows[0].row.count, 28);
    /* More of them with a smaller sum do not go on: nothing can be said of this one. */
    struct metrics_stats s;
    take(&w, a_histogram(a_counter(w.cart, "duration", 0, 1075, 0), other, 2, second, 3, 0.5));
    metrics_stats(w.m, &s);
    assert_int_equal(s.unusable, 1);
    take(&w, a_histogram(a_counter(w.cart, "duration", 0, 1077, 0), other, 2, third, 3, 2.5));
    emit(&w, 1080);
    assert_int_equal(rows[0].row.count, 38);
    assert_float_equal(rows[0].row.sum, 16, 1e-9);
    end(&w);
}

static void a_finer_scale_counts_nothing_twice(void **state)
{
    (void)state;
    static const uint64_t coarse[] = { 8, 18 }, fine[] = { 4, 4, 9, 19 };
    struct world          w = a_world(NULL);
    struct event          e = a_point(w.cart, "duration", POINT_EXPONENTIAL, 1021, 0);
    e.as.point.temporality = TEMPORALITY_CUMULATIVE;
    e.as.point.positive = (struct side){ 0, coarse, 2 };
    e.as.point.count = 30, e.as.point.sum = 62, e.as.point.zero_count = 4;
    take(&w, e);
    e.as.point.time_ns = NS(1050);
    e.as.point.scale = 1, e.as.point.positive = (struct side){ 0, fine, 4 };
    e.as.point.count = 40, e.as.point.sum = 62 + 30;
    take(&w, e);
    emit(&w, 1080);
    assert_int_equal(rows[0].row.count, 10);
    assert_float_equal(rows[0].row.avg, 3, 1e-9);
    assert_true(isnan(rows[0].row.p95));
    end(&w);
}

static void zeros_that_became_fewer_are_not_counted_again(void **state)
{
    (void)state;
    static const uint64_t before[] = { 8, 18 }, after[] = { 8, 30 };
    struct world          w = a_world(NULL);
    struct event          e = a_point(w.cart, "duration", POINT_EXPONENTIAL, 1021, 0);
    e.as.point.temporality = TEMPORALITY_CUMULATIVE;
    e.as.point.positive = (struct side){ 0, before, 2 };
    e.as.point.count = 30, e.as.point.sum = 62, e.as.point.zero_count = 4;
    take(&w, e);
    e.as.point.time_ns = NS(1050);
    e.as.point.positive.counts = after;
    e.as.point.count = 40, e.as.point.sum = 62 + 30, e.as.point.zero_count = 2;
    take(&w, e);
    emit(&w, 1080);
    assert_int_equal(rows[0].row.count, 10);
    assert_true(rows[0].row.min > 2);
    end(&w);
}

static void bounds_are_remembered_across_a_restart(void **state)
{
    (void)state;
    static const uint64_t more[] = { 0, 20, 0, 0 };
    struct fault f = { 0 };
    struct world w = a_world(NULL), v = a_world(NULL);
    struct pack  bytes;
    pack_init(&bytes, 1 << 20);
    take(&w, a_histogram(a_counter(w.cart, "duration", 0, 1025, 0), to_40, 3, ten_in_20, 4, 150));
    metrics_save(w.m, &bytes);
    assert_ok(metrics_load(v.m, pack_bytes(&bytes), &f), &f);
    take(&v, a_histogram(a_counter(v.cart, "duration", 0, 1035, 0), to_40, 3, more, 4, 300));
    emit(&v, 1080);
    assert_int_equal(rows[0].row.count, 10);
    assert_true(fabs(rows[0].row.p95 - 15) < 0.15);
    pack_done(&bytes);
    end(&w);
    end(&v);
}

/* How long many of them take, each so much coarser than the one before. */
static double histograms_s(int coarser)
{
    struct world    w = a_world(NULL);
    static uint64_t counts[INCREASE_BUCKETS_MAX];
    struct timespec from, to;
    for (size_t i = 0; i < INCREASE_BUCKETS_MAX; i++)
        counts[i] = 1;
    assert_int_equal(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from), 0);
    for (int i = 0; i < 6000; i++) {
        struct event e = a_counter(w.cart, "duration", 0, 1021 + i * 0.005, 0);
        e.as.point.kind = POINT_EXPONENTIAL;
        e.as.point.scale = 20 - coarser * (i % 40);
        e.as.point.count = 2 * INCREASE_BUCKETS_MAX * (uint64_t)(1 + i % 40);
        e.as.point.positive = e.as.point.negative = (struct side){ 0, counts, INCREASE_BUCKETS_MAX };
        take(&w, e);
    }
    assert_int_equal(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to), 0);
    end(&w);
    return (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
}

/* Each of them coarser than the one before, as nobody sends them but to keep us busy. */
static void an_exponential_histogram_costs_as_much_as_it_has_buckets(void **state)
{
    (void)state;
    double usual = histograms_s(0), took = histograms_s(1);
    if (took > 12 * usual)      /* twice as much, and not thirty times */
        fail_msg("%.3f s, where %.3f s are usual", took, usual);
}

/* One that only counts zeros, or nothing, has no buckets and hence no scale; restarted or not. */
static void an_exponential_histogram_without_buckets_is_followed_by_one_of_any_scale(void **state)
{
    (void)state;
    static const uint64_t ten[] = { 0, 10 };
    for (int restarted = 0; restarted < 2; restarted++) {
        struct fault f = { 0 };
        struct world w = a_world(NULL), v = a_world(NULL);
        struct pack  bytes;
        struct event e = a_point(w.cart, "duration", POINT_EXPONENTIAL, 1021, 0);
        e.as.point.temporality = TEMPORALITY_CUMULATIVE;
        e.as.point.scale = restarted ? 1 : 0;
        e.as.point.count = e.as.point.zero_count = 3, e.as.point.sum = 0;
        pack_init(&bytes, 1 << 20);
        take(&w, e);
        metrics_save(w.m, &bytes);
        assert_ok(metrics_load(v.m, pack_bytes(&bytes), &f), &f);
        e.as.point.time_ns = NS(1050);
        e.as.point.scale = 1, e.as.point.positive = (struct side){ 1, ten, 2 };
        e.as.point.count = 13, e.as.point.sum = 24;
        take(restarted ? &v : &w, e);
        emit(restarted ? &v : &w, 1080);
        assert_int_equal(rows[0].row.count, 10);
        assert_float_equal(rows[0].row.max, pow(2, 1.5), 1e-9);
        assert_float_equal(rows[0].row.p95, pow(2, 1.25), 0.03);
        pack_done(&bytes);
        end(&w);
        end(&v);
    }
}

static struct event a_summary(struct event e, uint64_t count, double sum)
{
    e.as.point.kind = POINT_SUMMARY;
    e.as.point.count = count, e.as.point.sum = sum;
    return e;
}

static void a_summary_that_says_a_later_start_begins_at_zero(void **state)
{
    (void)state;
    struct world w = a_world(NULL);
    take(&w, a_summary(a_counter(w.cart, "rpc", 10, 1021, 0), 100, 500));
    take(&w, a_summary(a_counter(w.cart, "rpc", 1030, 1050, 0), 120, 720));      /* more than before, since it began */
    emit(&w, 1080);
    assert_int_equal(n, 1);
    assert_int_equal(rows[0].row.count, 120);
    assert_float_equal(rows[0].row.avg, 6, 1e-9);
    struct metrics_stats s;
    metrics_stats(w.m, &s);
    assert_int_equal(s.resets, 1);
    end(&w);
}

static void lists_and_maps_as_labels_are_their_json(void **state)
{
    (void)state;
    static char          many[100000];
    struct world         w = a_world(NULL);
    struct metrics_stats s;
    struct value         a = { VALUE_TEXT, { .text = SLICE("a") } }, b = { VALUE_TEXT, { .text = SLICE("b") } }, nothing = { .kind = VALUE_NONE };
    struct attr          xy[] = { { SLICE("y"), a }, { SLICE("x"), { VALUE_INT, { .integer = 1 } } } }, yx[] = { xy[1], xy[0] };
    memset(many, 'm', sizeof many);
    struct value         large = { VALUE_TEXT, { .text = { many, 3000 } } }, huge = { VALUE_TEXT, { .text = { many, sizeof many } } };
    const struct value   v[] = { { VALUE_LIST, { .list = { &a, 1 } } }, { VALUE_LIST, { .list = { &b, 1 } } }, { VALUE_MAP, { .map = { xy, 2 } } }, { VALUE_MAP, { .map = { yx, 2 } } },
                                 { VALUE_BYTES, { .text = { "\0\xff", 2 } } }, { VALUE_LIST, { .list = { NULL, 0 } } }, nothing, { VALUE_LIST, { .list = { &large, 1 } } }, { VALUE_LIST, { .list = { &huge, 1 } } } };
    static const char *const expected[] = { "{\"tags\":\"[\\\"a\\\"]\"}", "{\"tags\":\"[\\\"b\\\"]\"}", "{\"tags\":\"{\\\"x\\\":1,\\\"y\\\":\\\"a\\\"}\"}",
                                            "{\"tags\":\"AP8=\"}", "{\"tags\":\"[]\"}", "{\"tags\":\"\"}", "{}" };
    for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
        struct attr  tags = { SLICE("tags"), v[i] };
        struct event e = a_point(w.cart, "queue", POINT_GAUGE, 600, (double)i);
        e.attrs = (struct attrs){ &tags, 1 };
        take(&w, e);
    }
    metrics_stats(w.m, &s);
    assert_int_equal(s.labels_cut, 2);                                /* longer than labels may be: left out, as other values are */
    emit(&w, 660);
    assert_int_equal(n, 7);
    for (int i = 0; i < 7; i++) {
        assert_string_equal(rows[i].labels, expected[i]);
        assert_int_equal(rows[i].row.count, i == 2 || i == 6 ? 2 : 1);          /* a map has no order */
    }
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_gauge_is_as_it_is),
        cmocka_unit_test(names_that_no_key_can_hold_are_told_apart_by_a_digest_of_the_whole),
        cmocka_unit_test(few_values_have_an_exact_percentile),
        cmocka_unit_test(one_huge_value_leaves_the_percentile_of_the_others_as_it_is),
        cmocka_unit_test(a_counter_becomes_a_rate_and_a_reset_begins_at_zero),
        cmocka_unit_test(a_counter_that_began_just_now_counts_from_its_start),
        cmocka_unit_test(a_name_without_a_kind_that_ends_in_total_is_a_counter),
        cmocka_unit_test(a_delta_is_a_rate_over_its_own_interval),
        cmocka_unit_test(a_stale_marker_ends_a_series),
        cmocka_unit_test(a_cumulative_histogram_says_what_is_new),
        cmocka_unit_test(an_exponential_histogram_bears_a_coarser_scale),
        cmocka_unit_test(a_late_point_changes_its_minute_until_the_look_back),
        cmocka_unit_test(who_is_late_to_a_minute_of_many_values_counts_as_if_he_had_been_in_time),
        cmocka_unit_test(labels_that_are_no_utf_8_are_an_object_all_the_same),
        cmocka_unit_test(labels_are_sorted_and_instances_with_the_same_urn_meet_in_one_row),
        cmocka_unit_test(too_many_series_go_into_one_and_are_counted),
        cmocka_unit_test(each_bound_on_series_is_counted_by_its_name),
        cmocka_unit_test(idle_series_go_and_make_room),
        cmocka_unit_test(what_is_open_survives_as_bytes),
        cmocka_unit_test(times_of_any_size_survive_as_bytes),
        cmocka_unit_test(two_libraries_with_the_same_instrument_have_increases_of_their_own_and_meet_in_one_row),
        cmocka_unit_test(attributes_in_another_order_are_the_same_series),
        cmocka_unit_test(instances_are_told_apart_by_what_their_resource_says_beyond_the_thing),
        cmocka_unit_test(names_and_values_that_change_places_are_other_series_and_other_rows),
        cmocka_unit_test(one_name_as_delta_and_as_total_is_two_series),
        cmocka_unit_test(a_series_that_ended_and_comes_back_does_not_count_again_what_it_counted),
        cmocka_unit_test(a_counter_without_room_is_not_counted_from_its_start_each_time),
        cmocka_unit_test(after_an_upgrade_minutes_go_on_and_no_counter_counts_its_whole_value_again),
        cmocka_unit_test(deltas_with_a_start_may_come_in_any_order),
        cmocka_unit_test(a_start_later_than_the_point_itself_is_no_reset),
        cmocka_unit_test(histograms_of_deltas_may_come_in_any_order),
        cmocka_unit_test(a_histogram_of_one_bucket_lies_at_the_average_of_what_is_new),
        cmocka_unit_test(of_what_says_how_many_and_nothing_of_what_there_is_no_row),
        cmocka_unit_test(what_no_sum_can_hold_is_unusable_and_the_minute_stays_a_number),
        cmocka_unit_test(the_ends_that_a_delta_says_are_its_own),
        cmocka_unit_test(beyond_the_last_bound_is_as_far_as_the_largest_value),
        cmocka_unit_test(the_ends_that_a_total_says_are_of_all_time_and_not_of_what_is_new),
        cmocka_unit_test(when_bounds_change_nothing_is_counted_twice),
        cmocka_unit_test(a_finer_scale_counts_nothing_twice),
        cmocka_unit_test(zeros_that_became_fewer_are_not_counted_again),
        cmocka_unit_test(bounds_are_remembered_across_a_restart),
        cmocka_unit_test(an_exponential_histogram_costs_as_much_as_it_has_buckets),
        cmocka_unit_test(an_exponential_histogram_without_buckets_is_followed_by_one_of_any_scale),
        cmocka_unit_test(a_summary_that_says_a_later_start_begins_at_zero),
        cmocka_unit_test(lists_and_maps_as_labels_are_their_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
