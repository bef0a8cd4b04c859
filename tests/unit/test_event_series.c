/* event: remote write and expositions as points; checking and reading agree. */
#include "unit.h"

#include "hex.h"

#include "event/event.h"
#include "wire/remote.h"

#include <math.h>
#include <stdio.h>

struct world { struct arena a; struct record r; struct event_report report; struct fault fault; struct event seen[32]; size_t n; };

static bool keep(void *ctx, const struct event *e)
{
    struct world *w = ctx;
    if (w->n < 32)
        w->seen[w->n] = *e;
    w->n++;
    return true;
}

/* Reads it, and checks that the check says the same. */
static enum err read_all(struct world *w, enum record_kind kind, enum record_form form, struct slice body, struct slice labels)
{
    struct event_report checked;
    struct fault        other;
    arena_init(&w->a, 16 << 20);
    w->n = 0;
    w->r = (struct record){ .id = 7, .received_us = 1700000000000000, .kind = kind, .form = form, .body = body, .labels = labels };
    enum err e = event_read(&w->r, &w->a, keep, w, &w->report, &w->fault);
    assert_int_equal(event_check(kind, form, body, &checked, &other), e);
    if (e == OK) {
        assert_int_equal(checked.events, w->report.events);
        assert_int_equal(checked.events, w->n);
        assert_int_equal(checked.rejected, w->report.rejected);
        assert_int_equal(checked.bad_text, w->report.bad_text);
        assert_string_equal(checked.why, w->report.why);
    }
    return e;
}

#define UP "0a (0a 08 '__name__' 12 02 'up')"

static void a_sample_is_a_point_with_its_target_as_the_resource(void **state)
{
    (void)state;
    static struct world w;
    struct hex          h;
    struct slice        body = hex_of(&h,
        "0a (" UP "0a (0a 08 'instance' 12 03 'n:1') 0a (0a 03 'job' 12 01 'a') 0a (0a 01 'z' 12 00) 0a (0a 02 'zz' 12 02 'up')"
        "     12 (09 00 00 00 00 00 00 f8 3f 10 e8 07) 12 (09 02 00 00 00 00 00 f0 7f 10 e9 07)"
        "     1a (0a (0a 08 'trace_id' 12 20 '0102030405060708090a0b0c0d0e0f10') 0a (0a 01 'k' 12 01 'v') 11 00 00 00 00 00 00 00 40 18 05))");
    assert_ok(read_all(&w, RECORD_REMOTE_WRITE, FORM_PROTOBUF, body, SLICE("")), &w.fault);
    assert_int_equal(w.n, 2);
    const struct event       *e = &w.seen[0];
    const struct point_event *p = &e->as.point;
    assert_true(e->type == EVENT_POINT && e->record == 7 && e->index == 0 && slice_is(p->name, "up") && p->kind == POINT_UNKNOWN);
    assert_true(p->value == 1.5 && p->time_ns == 1000000000 && !p->stale && p->start_ns == 0);
    assert_int_equal(e->attrs.count, 3);
    assert_true(slice_is(attrs_text(&e->attrs, "job"), "a") && slice_is(attrs_text(&e->attrs, "zz"), "up") && !attrs_find(&e->attrs, "z"));
    assert_true(slice_is(attrs_text(&e->resource->attrs, "service.name"), "a") && slice_is(attrs_text(&e->resource->attrs, "service.instance.id"), "n:1"));
    assert_int_equal(p->exemplars_n, 1);
    assert_true(p->exemplars[0].trace_id.n == 16 && p->exemplars[0].trace_id.s[15] == 16 && p->exemplars[0].attrs.count == 1 && p->exemplars[0].value == 2);
    assert_true(w.seen[1].as.point.stale && w.seen[1].resource == e->resource && w.seen[1].as.point.exemplars_n == 0 && w.seen[1].index == 1);
    arena_done(&w.a);
}

#define LONE(name, value) "0a (0a (0a 08 '__name__' 12 02 '" name "') 1a (0a (0a 01 'k' 12 01 '" value "') 11 00 00 00 00 00 00 00 40 18 05))"

static void exemplars_that_prometheus_sends_by_themselves_come_with_the_first_point_of_their_series(void **state)
{
    (void)state;
    static struct world  w;
    struct hex           h;
    struct remote_counts c;
    struct arena         a;
    struct slice         body = hex_of(&h, LONE("up", "1") "0a (0a (0a 08 '__name__' 12 02 'no') 12 (10 01)) 0a (" UP "12 (10 01) 12 (10 02) 1a (0a (0a 01 'k' 12 01 '2') 18 05))"
                                           "0a (" UP "12 (10 03))" LONE("up", "3") LONE("xx", "4"));
    assert_ok(read_all(&w, RECORD_REMOTE_WRITE, FORM_PROTOBUF, body, SLICE("")), &w.fault);
    assert_int_equal(w.n, 4);
    const struct point_event *p = &w.seen[1].as.point;
    assert_int_equal(p->exemplars_n, 3);
    assert_true(slice_is(attrs_text(&p->exemplars[0].attrs, "k"), "2") && slice_is(attrs_text(&p->exemplars[1].attrs, "k"), "1") && slice_is(attrs_text(&p->exemplars[2].attrs, "k"), "3"));
    assert_true(p->exemplars[1].value == 2 && p->exemplars[1].time_ns == 5000000);
    assert_true(w.seen[0].as.point.exemplars_n == 0 && w.seen[2].as.point.exemplars_n == 0 && w.seen[3].as.point.exemplars_n == 0);
    arena_done(&w.a);
    arena_init(&a, 1 << 20);
    assert_ok(remote_check(REMOTE_V1, body, &a, &c, &w.fault), &w.fault);
    assert_true(c.samples == 4 && c.exemplars == 3 && c.left_out == 1 && c.rejected == 0);      /* the series xx is not there */
    arena_done(&a);
}

static void of_version_2_such_exemplars_find_their_series_too(void **state)
{
    (void)state;
    static struct world       w;
    struct remote_writer      rw;
    const struct remote_label name[] = { { SLICE("__name__"), SLICE("x") }, { SLICE("le"), SLICE("1") } }, trace[] = { { SLICE("k"), SLICE("v") } };
    remote_write_init(&rw, REMOTE_V2, 1 << 16);
    remote_write_series(&rw, name, 2, REMOTE_COUNTER, SLICE(""), SLICE(""));
    remote_write_sample(&rw, 1, 1000, 0);
    for (int i = 0; i < 2; i++) {
        remote_write_series(&rw, name, i ? 2 : 1, REMOTE_COUNTER, SLICE(""), SLICE(""));
        remote_write_exemplar(&rw, trace, 1, 4 + i, 8);
    }
    assert_ok(read_all(&w, RECORD_REMOTE_WRITE, FORM_PROTOBUF_2, remote_write_take(&rw), SLICE("")), &w.fault);
    assert_int_equal(w.n, 1);
    assert_true(w.seen[0].as.point.exemplars_n == 1 && w.seen[0].as.point.exemplars[0].value == 5);
    arena_done(&w.a);
    remote_write_done(&rw);
}

static void series_with_a_flaw_are_left_out_and_counted(void **state)
{
    (void)state;
    static struct world w;
    struct hex          h;
    struct slice        body = hex_of(&h, "0a (0a (0a 01 'a' 12 01 'b') 12 (10 01) 12 (10 02)) 0a (" UP "12 (10 01)) 0a (" UP "0a (0a 01 'x' 12 01 ff) 12 (10 01))");
    assert_ok(read_all(&w, RECORD_SAMPLES, FORM_PROTOBUF, body, SLICE("")), &w.fault);
    assert_true(w.n == 2 && w.report.rejected == 2 && w.report.bad_text == 1);
    assert_string_equal(w.report.why, "series : there is no label __name__");
    arena_done(&w.a);
    assert_int_equal(read_all(&w, RECORD_SAMPLES, FORM_PROTOBUF, hex_of(&h, "0a (" UP "12 (10 01)) 0a (12 05)"), SLICE("")), ERR_INPUT);
    assert_int_equal(w.n, 1);
    arena_done(&w.a);
}

static void what_our_own_sensors_read_is_of_the_host_that_the_record_names(void **state)
{
    (void)state;
    static struct world w;
    struct hex          h;
    struct slice        body = hex_of(&h, "0a (" UP "12 (10 01)) 0a (" UP "0a (0a 03 'cpu' 12 01 '0') 12 (10 01))");
    assert_ok(read_all(&w, RECORD_SAMPLES, FORM_PROTOBUF, body, SLICE("instance\0web-1\0")), &w.fault);
    assert_int_equal(w.n, 2);
    assert_true(w.seen[0].resource->attrs.count == 1 && slice_is(attrs_text(&w.seen[0].resource->attrs, "host.name"), "web-1") && w.seen[1].resource == w.seen[0].resource);
    assert_true(slice_is(attrs_text(&w.seen[1].attrs, "instance"), "web-1") && slice_is(attrs_text(&w.seen[1].attrs, "cpu"), "0"));
    arena_done(&w.a);
    assert_ok(read_all(&w, RECORD_SAMPLES, FORM_PROTOBUF, body, SLICE("")), &w.fault);       /* of a version that did not say */
    assert_int_equal(w.seen[0].resource->attrs.count, 0);
    arena_done(&w.a);
}

static void version_2_says_what_kind_a_series_is(void **state)
{
    (void)state;
    static struct world        w;
    struct remote_writer       rw;
    const double               counts[] = { 1, 0, 3 };
    const struct remote_label  name[] = { { SLICE("__name__"), SLICE("x_bucket") }, { SLICE("le"), SLICE("1") } };
    const struct remote_histogram native = { .schema = 2, .count = 5, .sum = 9, .zero_count = 1, .positive = { 4, 3, counts }, .time_ms = 3 };
    const double               bounds[] = { 1, 2 };
    const struct remote_histogram custom = { .schema = -53, .count = 4, .sum = 9, .positive = { 0, 3, counts }, .custom = bounds, .custom_n = 2, .time_ms = 4 };
    remote_write_init(&rw, REMOTE_V2, 1 << 16);
    static const enum remote_type types[] = { REMOTE_COUNTER, REMOTE_GAUGE, REMOTE_HISTOGRAM, REMOTE_INFO, REMOTE_STATESET };
    for (size_t i = 0; i < 5; i++) {
        remote_write_series(&rw, name, 2, types[i], SLICE("help"), SLICE("unit"));
        remote_write_sample(&rw, 1, 1000, 500);
    }
    remote_write_series(&rw, name, 1, REMOTE_HISTOGRAM, SLICE(""), SLICE(""));
    remote_write_histogram(&rw, &native);
    remote_write_histogram(&rw, &custom);
    assert_ok(read_all(&w, RECORD_REMOTE_WRITE, FORM_PROTOBUF_2, remote_write_take(&rw), SLICE("")), &w.fault);
    assert_int_equal(w.n, 7);
    static const enum point_kind kinds[] = { POINT_SUM, POINT_GAUGE, POINT_SUM, POINT_INFO, POINT_STATESET, POINT_EXPONENTIAL, POINT_HISTOGRAM };
    for (size_t i = 0; i < 7; i++) {
        assert_int_equal(w.seen[i].as.point.kind, kinds[i]);
        assert_int_equal(w.seen[i].as.point.monotonic, kinds[i] == POINT_SUM);
    }
    const struct point_event *p = &w.seen[0].as.point;
    assert_true(p->temporality == TEMPORALITY_CUMULATIVE && p->start_ns == 500000000 && slice_is(p->unit, "unit") && slice_is(p->description, "help"));
    p = &w.seen[5].as.point;
    assert_true(p->scale == 2 && p->count == 5 && p->sum == 9 && p->zero_count == 1 && p->positive.offset == 3 && p->positive.n == 3 && p->positive.counts[2] == 3);
    p = &w.seen[6].as.point;
    assert_true(p->bounds_n == 2 && p->bounds[1] == 2 && p->counts_n == 3 && p->counts[0] == 1 && p->counts[2] == 3 && p->time_ns == 4000000);
    arena_done(&w.a);
    remote_write_done(&rw);
}

#define PAGE \
    "# TYPE req counter\n# HELP req Requests.\nreq{job=\"inner\",exported_job=\"x\",code=\"200\",empty=\"\"} 5 1234\n" \
    "# TYPE h histogram\nh_bucket{le=\"+Inf\"} 1\nh_sum 2\nother 3\n"

static void a_targets_labels_win_and_the_samples_own_are_exported(void **state)
{
    (void)state;
    static struct world w;
    assert_ok(read_all(&w, RECORD_EXPOSITION, FORM_TEXT, SLICE(PAGE), SLICE("job\0node\0instance\0n:1\0__scheme__\0http")), &w.fault);
    assert_int_equal(w.n, 4);
    const struct event *e = &w.seen[0];
    assert_true(slice_is(attrs_text(&e->attrs, "job"), "node") && slice_is(attrs_text(&e->attrs, "instance"), "n:1"));
    assert_true(slice_is(attrs_text(&e->attrs, "exported_exported_job"), "inner") && slice_is(attrs_text(&e->attrs, "exported_job"), "x"));
    assert_true(slice_is(attrs_text(&e->attrs, "code"), "200") && e->attrs.count == 5);
    assert_true(slice_is(attrs_text(&e->resource->attrs, "service.name"), "node"));
    assert_true(e->as.point.kind == POINT_SUM && e->as.point.monotonic && e->as.point.temporality == TEMPORALITY_CUMULATIVE && e->as.point.time_ns == 1234000000);
    assert_true(slice_is(e->as.point.description, "Requests."));
    assert_true(w.seen[1].as.point.kind == POINT_SUM && w.seen[1].resource == e->resource && w.seen[1].as.point.time_ns == INT64_C(1700000000000000000));
    assert_true(w.seen[3].as.point.kind == POINT_UNKNOWN && w.seen[3].as.point.value == 3);
    arena_done(&w.a);
}

static void with_honor_labels_the_samples_own_win(void **state)
{
    (void)state;
    static struct world w;
    assert_ok(read_all(&w, RECORD_EXPOSITION, FORM_TEXT, SLICE(PAGE), SLICE("job\0node\0instance\0n:1\0__honor_labels__\0true")), &w.fault);
    assert_true(slice_is(attrs_text(&w.seen[0].attrs, "job"), "inner") && slice_is(attrs_text(&w.seen[0].attrs, "instance"), "n:1"));
    assert_true(slice_is(attrs_text(&w.seen[0].resource->attrs, "service.name"), "inner"));
    assert_true(slice_is(attrs_text(&w.seen[3].attrs, "job"), "node"));
    arena_done(&w.a);
}

static void openmetrics_has_exemplars_and_no_created_series(void **state)
{
    (void)state;
    static struct world w;
    assert_ok(read_all(&w, RECORD_EXPOSITION, FORM_OPENMETRICS,
        SLICE("# TYPE a counter\na_total 1 2.5 # {span_id=\"0102030405060708\",k=\"v\"} 3\na_created 9\n# EOF\n"), SLICE("")), &w.fault);
    assert_int_equal(w.n, 1);
    const struct point_event *p = &w.seen[0].as.point;
    assert_true(p->exemplars_n == 1 && p->exemplars[0].span_id.n == 8 && p->exemplars[0].attrs.count == 1 && p->exemplars[0].time_ns == 2500000000);
    arena_done(&w.a);
    assert_int_equal(read_all(&w, RECORD_EXPOSITION, FORM_OPENMETRICS, SLICE("a 1\n"), SLICE("")), ERR_INPUT);
    assert_int_equal(w.n, 0);
    arena_done(&w.a);
}

static void created_is_when_the_series_began(void **state)
{
    (void)state;
    static struct world w;
    assert_ok(read_all(&w, RECORD_EXPOSITION, FORM_OPENMETRICS,
        SLICE("# TYPE h histogram\nh_bucket{a=\"1\",le=\"1\"} 1\nh_bucket{a=\"1\",le=\"+Inf\"} 1\nh_count{a=\"1\"} 1\nh_created{a=\"1\"} 5.25\n"
              "h_count{a=\"2\"} 1\nh_created{a=\"2\"} 7\nh_count{a=\"3\"} 1\n# EOF\n"), SLICE("")), &w.fault);
    static const int64_t starts[] = { 5250000000, 5250000000, 5250000000, 7000000000, 0 };
    assert_int_equal(w.n, 5);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(w.seen[i].as.point.start_ns, starts[i]);
    arena_done(&w.a);
}

static bool enough(void *ctx, const struct event *e)
{
    (void)e;
    return ++*(size_t *)ctx < 2;
}

static void who_has_had_enough_gets_no_more_and_a_small_arena_is_a_limit(void **state)
{
    (void)state;
    struct arena  a;
    struct fault  fault;
    size_t        n = 0;
    struct record r = { .id = 1, .received_us = 1, .kind = RECORD_EXPOSITION, .form = FORM_TEXT, .body = SLICE(PAGE) };
    arena_init(&a, 1 << 20);
    assert_ok(event_read(&r, &a, enough, &n, NULL, &fault), &fault);
    assert_int_equal(n, 2);
    arena_done(&a);
    arena_init(&a, 100);
    assert_int_equal(event_read(&r, &a, enough, &n, NULL, &fault), ERR_LIMIT);
    arena_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sample_is_a_point_with_its_target_as_the_resource),
        cmocka_unit_test(exemplars_that_prometheus_sends_by_themselves_come_with_the_first_point_of_their_series),
        cmocka_unit_test(of_version_2_such_exemplars_find_their_series_too),
        cmocka_unit_test(series_with_a_flaw_are_left_out_and_counted),
        cmocka_unit_test(what_our_own_sensors_read_is_of_the_host_that_the_record_names),
        cmocka_unit_test(version_2_says_what_kind_a_series_is),
        cmocka_unit_test(a_targets_labels_win_and_the_samples_own_are_exported),
        cmocka_unit_test(with_honor_labels_the_samples_own_win),
        cmocka_unit_test(openmetrics_has_exemplars_and_no_created_series),
        cmocka_unit_test(created_is_when_the_series_began),
        cmocka_unit_test(who_has_had_enough_gets_no_more_and_a_small_arena_is_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
