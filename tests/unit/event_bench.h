/* tests/unit/event_bench.h - a record read into a list of events. */
#ifndef EVENT_BENCH_H
#define EVENT_BENCH_H

#include "event/event.h"
#include "wire_hex.h"

enum { EVENTS_MAX = 64, ARENA_MAX = 1 << 20 };

struct bench {
    struct text         hex, out;
    struct arena        arena;
    struct record       record;
    struct event_report report, checked;
    struct fault        fault;
    const struct event *event[EVENTS_MAX];
    size_t              n, stop_after;
};

static inline int bench_set_up(void **state)
{
    static struct bench b;
    b = (struct bench){ .stop_after = EVENTS_MAX, .record = { .id = 7, .received_us = 1000, .tenant = SLICE("acme"), .source = SLICE("otlp") } };
    text_init(&b.hex, 1u << 20);
    text_init(&b.out, 1u << 20);
    arena_init(&b.arena, ARENA_MAX);
    *state = &b;
    return 0;
}

static inline int bench_tear_down(void **state)
{
    struct bench *b = *state;
    text_done(&b->hex);
    text_done(&b->out);
    arena_done(&b->arena);
    return 0;
}

static inline bool bench_take(void *ctx, const struct event *e)
{
    struct bench *b = ctx;
    b->event[b->n++] = e;
    return b->n < b->stop_after;
}

static inline enum err bench_read(struct bench *b, enum record_kind kind, enum record_form form, struct slice body)
{
    b->record.kind = kind;
    b->record.form = form;
    b->record.body = body;
    b->n = 0;
    arena_reset(&b->arena);
    return event_read(&b->record, &b->arena, bench_take, b, &b->report, &b->fault);
}

/* Both, and they agree. */
static inline enum err bench_both(struct bench *b, enum record_kind kind, enum record_form form, struct slice body)
{
    enum err read = bench_read(b, kind, form, body), checked = event_check_record(&b->record, &b->checked, &b->fault);
    assert_int_equal(read, checked);
    if (read == OK) {
        assert_int_equal(b->report.events, b->checked.events);
        assert_int_equal(b->report.rejected, b->checked.rejected);
        assert_int_equal(b->report.too_deep, b->checked.too_deep);
        assert_int_equal(b->report.bad_text, b->checked.bad_text);
        assert_string_equal(b->report.why, b->checked.why);
        assert_int_equal(b->n, b->report.events);
    }
    return read;
}

static inline enum err bench_hex(struct bench *b, enum record_kind kind, const char *hex) { return bench_both(b, kind, FORM_PROTOBUF, wire_hex(&b->hex, hex)); }

#define assert_slice(s, literal) assert_true(slice_is(s, literal))
#define BENCH(f) cmocka_unit_test_setup_teardown(f, bench_set_up, bench_tear_down)

#endif
