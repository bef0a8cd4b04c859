/* event: what is written as a request is read back as the same events, in the same order. */
#include "unit.h"

#include "event/encode.h"
#include "event_bench.h"
#include "otlp_fixture.h"

#include <math.h>

static void a_request_is_written_as_it_was_read(void **state)
{
    struct bench *b = *state;
    static const struct { enum record_kind kind; const char *hex; } rows[] = {
        { RECORD_OTLP_LOGS, logs_hex }, { RECORD_OTLP_METRICS, metrics_hex }, { RECORD_OTLP_TRACES, traces_hex },
    };
    for (size_t i = 0; i < 3; i++) {
        text_clear(&b->out);
        assert_ok(bench_hex(b, rows[i].kind, rows[i].hex), &b->fault);
        assert_ok(event_encode(b->event, b->n, &b->out, &b->fault), &b->fault);
        assert_int_equal(b->out.used, b->hex.used);
        assert_memory_equal(b->out.s, b->hex.s, b->hex.used);
    }
}

static void neighbours_are_put_together_and_the_order_is_kept(void **state)
{
    struct bench *b = *state;
    assert_ok(bench_hex(b, RECORD_OTLP_METRICS,
        "0a{ 0a{ 0a{ 0a{'r'} 12{ 18 01 } } } 12{ 0a{ 0a{'s'} } 12{ 0a{'m'} 2a{ 0a{ 19 0100000000000000 31 0100000000000000 } } } } }"
        "0a{ 0a{ 0a{ 0a{'r'} 12{ 18 01 } } } 12{ 0a{ 0a{'s'} } 12{ 0a{'m'} 2a{ 0a{ 19 0100000000000000 31 0200000000000000 } } } } }"      /* the same once more */
        "0a{ 0a{ 0a{ 0a{'r'} 12{ 18 01 } } } 12{ 0a{ 0a{'t'} } 12{ 0a{'m'} 2a{ 0a{ 19 0100000000000000 31 0300000000000000 } } } } }"      /* another scope */
        "0a{ 0a{ 0a{ 0a{'r'} 12{ 18 02 } } } 12{ 0a{ 0a{'t'} } 12{ 0a{'n'} 2a{ 0a{ 19 0100000000000000 31 0400000000000000 } } } } }"), &b->fault);
    assert_ok(event_encode(b->event, b->n, &b->out, &b->fault), &b->fault);
    struct slice want = wire_hex(&b->hex,
        "0a{ 0a{ 0a{ 0a{'r'} 12{ 18 01 } } }"
        "    12{ 0a{ 0a{'s'} } 12{ 0a{'m'} 2a{ 0a{ 19 0100000000000000 31 0100000000000000 } 0a{ 19 0100000000000000 31 0200000000000000 } } } }"
        "    12{ 0a{ 0a{'t'} } 12{ 0a{'m'} 2a{ 0a{ 19 0100000000000000 31 0300000000000000 } } } } }"
        "0a{ 0a{ 0a{ 0a{'r'} 12{ 18 02 } } } 12{ 0a{ 0a{'t'} } 12{ 0a{'n'} 2a{ 0a{ 19 0100000000000000 31 0400000000000000 } } } } }");
    assert_int_equal(b->out.used, want.n);
    assert_memory_equal(b->out.s, want.s, want.n);
}

static void points_opentelemetry_has_no_kind_for_come_back(void **state)
{
    struct bench *b = *state;
    static const struct resource nobody;
    static const struct scope    none;
    struct event                 e[4] = { { 0 } };
    const struct event          *list[4];
    static const enum point_kind kinds[] = { POINT_UNKNOWN, POINT_INFO, POINT_STATESET, POINT_GAUGE };
    for (int i = 0; i < 4; i++) {
        e[i] = (struct event){ .type = EVENT_POINT, .resource = &nobody, .scope = &none };
        e[i].as.point = (struct point_event){ .name = SLICE("x"), .kind = kinds[i], .time_ns = 5, .value = 0, .temporality = TEMPORALITY_CUMULATIVE };
        list[i] = &e[i];
    }
    e[3].as.point.stale = true;
    e[3].as.point.value = (double)NAN;
    assert_ok(event_encode(list, 4, &b->out, &b->fault), &b->fault);
    assert_ok(bench_both(b, RECORD_OTLP_METRICS, FORM_PROTOBUF, (struct slice){ b->out.s, b->out.used }), &b->fault);
    assert_int_equal(b->n, 4);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(b->event[i]->as.point.kind, kinds[i]);
    assert_true(b->event[0]->as.point.value == 0 && !b->event[0]->as.point.stale && b->event[3]->as.point.stale);
}

static void lines_become_a_request_of_logs(void **state)
{
    struct bench      *b = *state;
    struct attr        host = { SLICE("host.name"), { VALUE_TEXT, .as.text = SLICE("h1") } }, file = { SLICE("log.file.path"), { VALUE_TEXT, .as.text = SLICE("/var/log/x") } };
    struct attrs       in_resource = { &host, 1 }, of_line = { &file, 1 }, none = { NULL, 0 };
    struct event_lines l;
    struct log_event   first = { .time_ns = 1, .body = { VALUE_TEXT, .as.text = SLICE("one") } }, second = { .observed_ns = 2, .severity = 9, .body = { VALUE_TEXT, .as.text = SLICE("") } };
    event_lines_begin(&l, &b->out, &in_resource, SLICE("files"));
    event_lines_add(&l, &first, &of_line);
    event_lines_add(&l, &second, &none);
    assert_ok(event_lines_end(&l, &b->fault), &b->fault);
    assert_int_equal(l.count, 2);
    struct slice want = wire_hex(&b->hex,
        "0a{ 0a{ 0a{ 0a{'host.name'} 12{ 0a{'h1'} } } } 12{ 0a{ 0a{'files'} }"
        "  12{ 09 0100000000000000 2a{ 0a{'one'} } 32{ 0a{'log.file.path'} 12{ 0a{'/var/log/x'} } } }"
        "  12{ 10 09 2a{ 0a{ } } 59 0200000000000000 } } }");
    assert_int_equal(b->out.used, want.n);
    assert_memory_equal(b->out.s, want.s, want.n);
    assert_ok(bench_both(b, RECORD_LINES, FORM_PROTOBUF, (struct slice){ b->out.s, b->out.used }), &b->fault);
    assert_int_equal(b->n, 2);
    assert_int_equal(b->event[1]->as.log.time_ns, 2);
}

static void what_does_not_fit_or_belong_together_is_refused(void **state)
{
    struct bench *b = *state;
    struct text   small;
    assert_ok(bench_hex(b, RECORD_OTLP_LOGS, logs_hex), &b->fault);
    for (size_t max = 0; max < b->hex.used; max++) {
        text_init(&small, max);
        assert_int_equal(event_encode(b->event, b->n, &small, &b->fault), ERR_LIMIT);
        text_done(&small);
    }
    struct event        other = *b->event[0];
    const struct event *both[] = { b->event[0], &other };
    other.type = EVENT_SPAN;
    assert_int_equal(event_encode(both, 2, &b->out, &b->fault), ERR_INPUT);
    assert_int_equal(b->out.used, 0);
    assert_ok(event_encode(NULL, 0, &b->out, &b->fault), &b->fault);
    assert_int_equal(b->out.used, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BENCH(a_request_is_written_as_it_was_read),
        BENCH(neighbours_are_put_together_and_the_order_is_kept),
        BENCH(points_opentelemetry_has_no_kind_for_come_back),
        BENCH(lines_become_a_request_of_logs),
        BENCH(what_does_not_fit_or_belong_together_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
