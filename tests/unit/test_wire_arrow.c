/* wire/arrow, flat, flight, and event's tables: streams that pyarrow wrote (arrow/make.py), and what is left of them when they are damaged. */
#include "unit.h"

#include "hex.h"

#include "base/text.h"
#include "event/event.h"
#include "wire/arrow.h"
#include "wire/flight.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct file { size_t n; char s[4096]; };

static struct slice load(struct file *f, const char *name)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", ARROW_FIXTURES, name);
    FILE *in = fopen(path, "rb");
    assert_non_null(in);
    f->n = fread(f->s, 1, sizeof f->s, in);
    (void)fclose(in);
    assert_true(f->n > 0 && f->n < sizeof f->s);
    return (struct slice){ f->s, f->n };
}

static void columns_of_every_type_are_read(void **state)
{
    (void)state;
    struct file               f;
    struct fault              fault;
    enum err                  e;
    const struct arrow_batch *b;
    struct arrow_reader      *r = arrow_new(NULL);
    arrow_feed(r, load(&f, "numbers.arrows"));
    if (!arrow_next(r, &b, &e, &fault))
        fail_msg("%s", fault.text);
    assert_int_equal(b->rows, 2);
    static const struct { const char *name; int64_t first; } rows[] = {
        { "i8", -1 }, { "i16", -300 }, { "i32", -70000 }, { "i64", -(INT64_C(1) << 40) }, { "u8", 255 }, { "u16", 65535 }, { "u32", UINT32_MAX }, { "u64", INT64_MAX },
        { "bool", 1 }, { "s", 1000000000 }, { "us", 1000 }, { "ns", 1 }, { "day", INT64_C(86400000000000) }, { "f64", 0 }, { "null", 0 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct arrow_column *c = arrow_find(b, rows[i].name);
        assert_non_null(c);
        if (arrow_int(c, 0) != rows[i].first)
            fail_msg("%s is %lld", rows[i].name, (long long)arrow_int(c, 0));
    }
    assert_true(arrow_real(arrow_find(b, "f32"), 0) == 0.5 && arrow_real(arrow_find(b, "f64"), 0) == 0.25 && arrow_real(arrow_find(b, "u64"), 0) == 18446744073709551616.0);
    assert_true(arrow_real(arrow_find(b, "i16"), 0) == -300 && isnan(arrow_real(arrow_find(b, "dict"), 0)));
    assert_true(arrow_is_null(arrow_find(b, "null"), 0) && arrow_is_null(arrow_find(b, "dict"), 1) && arrow_is_null(arrow_find(b, "bin"), 1));
    assert_true(slice_is(arrow_text(arrow_find(b, "dict"), 0), "yes") && arrow_text(arrow_find(b, "dict"), 1).n == 0);
    assert_memory_equal(arrow_text(arrow_find(b, "bin"), 0).s, "\0\xff", 2);
    const struct arrow_column *s = arrow_find(b, "struct");
    assert_true(s->type == ARROW_STRUCT && s->children == 2 && slice_is(arrow_text(&s->child[1], 0), "x") && arrow_int(&s->child[0], 0) == 1);
    assert_null(arrow_find(b, "nobody"));
    assert_false(arrow_next(r, &b, &e, &fault));
    assert_int_equal(e, OK);
    arrow_free(r);
}

static void what_is_not_read_is_refused_by_name(void **state)
{
    (void)state;
    struct file  f;
    struct fault fault;
    uint64_t     n;
    assert_int_equal(arrow_check(load(&f, "decimal.arrows"), NULL, &n, &fault), ERR_INPUT);
    assert_non_null(strstr(fault.text, "column price is of type decimal"));
    assert_int_equal(arrow_check(load(&f, "metrics_lz4.arrows"), NULL, &n, &fault), ERR_INPUT);
    assert_non_null(strstr(fault.text, "lz4"));
    assert_non_null(strstr(fault.hint, "zstd"));
    assert_int_equal(arrow_check(SLICE(""), NULL, &n, &fault), ERR_INPUT);
    assert_int_equal(arrow_check(SLICE("\xff\xff\xff\xff\0\0\0\0"), NULL, &n, &fault), ERR_INPUT);
    assert_int_equal(arrow_check(SLICE("\xff\xff\xff\xff\x40\0\0\0abc"), NULL, &n, &fault), ERR_INPUT);
    assert_int_equal(arrow_check(load(&f, "metrics.arrows"), &(struct arrow_limits){ .rows = 3 }, &n, &fault), ERR_LIMIT);
    assert_int_equal(arrow_check(load(&f, "metrics_zstd.arrows"), &(struct arrow_limits){ .memory = 500 }, &n, &fault), ERR_LIMIT);
    assert_ok(arrow_check(load(&f, "metrics.arrows"), NULL, &n, &fault), &fault);
    assert_int_equal(n, 4);
}

struct world { struct arena a; struct event_report report; struct fault fault; struct event seen[8]; size_t n; };

static bool take(void *ctx, const struct event *e)
{
    struct world *w = ctx;
    assert_true(w->n < 8);
    w->seen[w->n++] = *e;
    return true;
}

static enum err read_all(struct world *w, struct slice body)
{
    struct event_report checked;
    struct fault        other;
    struct record       r = { .id = 1, .received_us = 5, .kind = RECORD_ARROW, .form = FORM_ARROW, .body = body, .source = SLICE("table") };
    arena_init(&w->a, 1 << 20);
    w->n = 0;
    enum err e = event_read(&r, &w->a, take, w, &w->report, &w->fault);
    assert_int_equal(event_check(RECORD_ARROW, FORM_ARROW, body, &checked, &other), e);
    assert_int_equal(checked.rejected, w->report.rejected);
    assert_int_equal(checked.events, w->report.events);
    return e;
}

static void a_table_of_metrics_is_points(void **state)
{
    (void)state;
    static const char *const files[] = { "metrics.arrows", "metrics_zstd.arrows" };
    for (size_t i = 0; i < 2; i++) {
        struct file  f;
        struct world w;
        assert_ok(read_all(&w, load(&f, files[i])), &w.fault);
        assert_int_equal(w.n, i == 0 ? 3 : 2);
        assert_int_equal(w.report.rejected, 1);
        assert_string_equal(w.report.why, "a row of metrics without a number as its value");
        const struct event *e = &w.seen[0];
        assert_true(e->type == EVENT_POINT && slice_is(e->as.point.name, "cpu") && e->as.point.value == 1.5 && e->as.point.time_ns == INT64_C(1700000000123000000));
        assert_true(slice_is(attrs_text(&e->resource->attrs, "service.name"), "api") && slice_is(attrs_text(&e->resource->attrs, "host.name"), "h1"));
        assert_true(slice_is(attrs_text(&e->attrs, "zone"), "a") && slice_is(attrs_text(&e->attrs, "rack"), "7"));
        assert_true(attrs_find(&e->attrs, "cores")->as.integer == 8 && attrs_find(&e->attrs, "busy")->as.boolean);
        assert_int_equal(e->attrs.count, 4);
        assert_true(w.seen[1].attrs.count == 1 && w.seen[1].resource == e->resource && w.seen[1].as.point.time_ns == 5000);
        arena_done(&w.a);
    }
}

/* The column gets another name, which is put behind the schema's metadata: names are found by offsets that go forward. */
static void rename_column(struct file *f, const char *from, const char *to)
{
    uint32_t n, want = (uint32_t)strlen(from), there, length = (uint32_t)strlen(to);
    memcpy(&n, f->s + 4, 4);
    size_t end = 8 + n, at = 8, field;
    while (memcpy(&there, f->s + at, 4), there != want || memcmp(f->s + at + 4, from, want + 1) != 0)
        at++;
    for (field = 8; memcpy(&there, f->s + field, 4), field + there != at;)
        field++;
    there = (uint32_t)(end - field);
    memcpy(f->s + field, &there, 4);
    assert_true(f->n + 16 <= sizeof f->s && length < 12);
    memmove(f->s + end + 16, f->s + end, f->n - end);
    memset(f->s + end, 0, 16);
    memcpy(f->s + end, &length, 4);
    memcpy(f->s + end + 4, to, length);
    n += 16;
    memcpy(f->s + 4, &n, 4);
    f->n += 16;
}

static void whole_numbers_without_a_sign_keep_all_their_digits(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct world w = { .n = 0 };
        struct file  f;
        (void)load(&f, "numbers.arrows");
        rename_column(&f, "dict", "name");
        rename_column(&f, i ? "u64" : "f64", "value");
        assert_ok(read_all(&w, (struct slice){ f.s, f.n }), &w.fault);
        assert_int_equal(w.n, 1);
        const struct point_event *p = &w.seen[0].as.point;
        assert_true(i ? !p->is_int && p->value == 18446744073709551616.0 : p->value == 0.25);
        if (!i)
            assert_true(slice_is(attrs_text(&w.seen[0].attrs, "u64"), "18446744073709551615"));
        assert_int_equal(attrs_find(&w.seen[0].attrs, "u32")->as.integer, UINT32_MAX);
        arena_done(&w.a);
    }
}

static void a_table_with_messages_is_logs(void **state)
{
    (void)state;
    struct file  f;
    struct world w;
    assert_ok(read_all(&w, load(&f, "logs.arrows")), &w.fault);
    assert_true(w.n == 2 && w.report.rejected == 1);
    const struct event *e = &w.seen[0];
    assert_true(e->type == EVENT_LOG && slice_is(e->as.log.body.as.text, "it broke") && e->as.log.severity == 17 && slice_is(e->as.log.severity_text, "ERROR"));
    assert_true(e->as.log.trace_id.n == 16 && e->as.log.trace_id.s[0] == 1 && !attrs_find(&e->attrs, "trace_id"));
    assert_int_equal(e->as.log.time_ns, INT64_C(1767323045000000000));
    assert_true(attrs_find(&e->attrs, "tags")->kind == VALUE_LIST && attrs_find(&e->attrs, "tags")->as.list.count == 2);
    assert_true(slice_is(attrs_text(&w.seen[1].attrs, "trace_id"), "short") && w.seen[1].as.log.trace_id.n == 0);
    arena_done(&w.a);
}

/* One table says what keys and columns mean: "ts" is a time here as it is in JSON. The schema's name of the column is written over. */
static void columns_have_the_aliases_of_keys(void **state)
{
    (void)state;
    static const char time[8] = { 4, 0, 0, 0, 't', 'i', 'm', 'e' }, ts[8] = { 2, 0, 0, 0, 't', 's', 0, 0 };
    struct file       f;
    struct world      w;
    struct slice      all = load(&f, "metrics.arrows");
    char             *at = memmem(f.s, f.n, time, sizeof time);
    assert_non_null(at);
    memcpy(at, ts, sizeof ts);
    assert_ok(read_all(&w, all), &w.fault);
    assert_int_equal(w.seen[0].as.point.time_ns, INT64_C(1700000000123000000));
    assert_null(attrs_find(&w.seen[0].attrs, "ts"));
    assert_int_equal(w.seen[0].attrs.count, 4);
    arena_done(&w.a);
}

static bool look(void *ctx, const struct event *e)
{
    struct arena *a = ctx;
    for (size_t i = 0; i < e->attrs.count; i++)
        (void)value_text(&e->attrs.item[i].value, a);
    return true;
}

/* Whatever is cut or turned over, it is read or refused; the address sanitizer looks on. */
static void damage_is_refused_or_harmless(void **state)
{
    (void)state;
    static const char *const files[] = { "metrics.arrows", "metrics_zstd.arrows", "logs.arrows", "numbers.arrows" };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct file  f;
        struct slice all = load(&f, files[i]);
        uint64_t     n;
        struct fault fault = { 0 };
        for (size_t cut = 1; cut < all.n; cut += 3) {
            char *piece = malloc(cut);
            assert_non_null(piece);
            memcpy(piece, all.s, cut);
            enum err e = arrow_check((struct slice){ piece, cut }, NULL, &n, &fault);
            assert_true(e == OK || *fault.text);
            free(piece);
        }
        for (size_t at = 0; at < all.n; at++) {
            struct arena  a;
            struct record r = { .id = 1, .kind = RECORD_ARROW, .form = FORM_ARROW, .body = all };
            char          was = f.s[at];
            f.s[at] = (char)(was ^ (at % 2 ? 0x81 : 0x7f));
            arena_init(&a, 1 << 20);
            enum err e = event_read(&r, &a, look, &a, NULL, &fault);
            assert_true(e == OK || *fault.text);
            arena_done(&a);
            f.s[at] = was;
        }
    }
}

static void flight_data_becomes_the_stream_it_was(void **state)
{
    (void)state;
    struct file        f;
    struct hex         h;
    struct flight_data d;
    struct fault       fault;
    struct slice       message = hex_of(&h, "0a (08 01 1a ('metrics') 1a ('x')) 1a ('meta') 12 ('head') c2 3e ('body')");
    assert_ok(flight_data_read(message, &d, &fault), &fault);
    assert_true(d.has_descriptor && d.descriptor.kind == FLIGHT_PATH && d.descriptor.path_n == 2 && slice_is(d.descriptor.path[0], "metrics"));
    assert_true(slice_is(d.header, "head") && slice_is(d.app_metadata, "meta") && slice_is(d.body, "body"));
    assert_ok(flight_data_read(hex_of(&h, "0a (08 02 12 ('cmd'))"), &d, &fault), &fault);
    assert_true(d.descriptor.kind == FLIGHT_CMD && slice_is(d.descriptor.cmd, "cmd") && d.header.n == 0);
    assert_int_equal(flight_data_read(hex_of(&h, "12 05 00"), &d, &fault), ERR_INPUT);
    assert_int_equal(flight_data_read(hex_of(&h, "0a (1a 05)"), &d, &fault), ERR_INPUT);
    assert_int_equal(flight_data_read(hex_of(&h, "0a (1a 00 1a 00 1a 00 1a 00 1a 00 1a 00 1a 00 1a 00 1a 00)"), &d, &fault), ERR_LIMIT);

    /* The messages of a stream, as DoPut would send them, and framed again. */
    struct slice in = load(&f, "metrics_zstd.arrows");
    struct text  out;
    text_init(&out, 8192);
    for (size_t at = 0; at + 8 < in.n;) {
        uint32_t n;
        memcpy(&n, in.s + at + 4, 4);
        struct flight_data one = { .header = { in.s + at + 8, n } };
        size_t             body = 0;
        /* The body ends where the next message begins: ff ff ff ff on a multiple of 8. */
        for (body = at + 8 + n; body + 4 <= in.n && memcmp(in.s + body, "\xff\xff\xff\xff", 4) != 0;)
            body += 8;
        one.body = (struct slice){ in.s + at + 8 + n, body - at - 8 - n };
        assert_ok(flight_stream_add(&out, &one, &fault), &fault);
        at = body;
    }
    assert_int_equal(out.used, in.n - 8);      /* without the mark of the end */
    assert_memory_equal(out.s, in.s, out.used);
    struct flight_data lies = { .header = { in.s + 8, 64 }, .body = SLICE("12345678") };
    assert_int_equal(flight_stream_add(&out, &lies, &fault), ERR_INPUT);
    text_done(&out);

    char   answer[200], metadata[150] = { 'm' };
    size_t used;
    assert_ok(flight_put_result(SLICE("ok"), answer, sizeof answer, &used, &fault), &fault);
    assert_memory_equal(answer, "\x0a\x02ok", used);
    assert_ok(flight_put_result((struct slice){ metadata, sizeof metadata }, answer, sizeof answer, &used, &fault), &fault);
    assert_int_equal(used, 153);
    assert_int_equal(flight_put_result(SLICE("ok"), answer, 3, &used, &fault), ERR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_of_every_type_are_read),
        cmocka_unit_test(what_is_not_read_is_refused_by_name),
        cmocka_unit_test(a_table_of_metrics_is_points),
        cmocka_unit_test(columns_have_the_aliases_of_keys),
        cmocka_unit_test(whole_numbers_without_a_sign_keep_all_their_digits),
        cmocka_unit_test(a_table_with_messages_is_logs),
        cmocka_unit_test(damage_is_refused_or_harmless),
        cmocka_unit_test(flight_data_becomes_the_stream_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
