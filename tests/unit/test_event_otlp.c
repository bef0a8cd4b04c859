/* event: OTLP requests become events with every field, in whatever order and encoding they were written. */
#include "unit.h"

#include "event/encode.h"
#include "event/inside.h"
#include "event_bench.h"
#include "otlp_fixture.h"

#include <math.h>
#include <stdio.h>

static const char trace_id[] = "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f", span_id[] = "\x01\x02\x03\x04\x05\x06\x07\x08";

static bool is_trace(struct slice s) { return s.n == 16 && memcmp(s.s, trace_id, 16) == 0; }
static bool is_span(struct slice s) { return s.n == 8 && memcmp(s.s, span_id, 8) == 0; }

static void envelope_is_right(const struct event *e, size_t index)
{
    assert_int_equal(e->record, 7);
    assert_int_equal(e->index, index);
    assert_int_equal(e->received_us, 1000);
    assert_slice(e->tenant, "acme");
    assert_slice(e->source, "otlp");
    assert_slice(attrs_text(&e->resource->attrs, "service.name"), "cart");
    assert_slice(e->resource->schema_url, "http://r/1");
    assert_int_equal(e->resource->dropped, 2);
    assert_slice(e->scope->name, "lib");
    assert_slice(e->scope->version, "1.2");
    assert_slice(e->scope->schema_url, "http://s/1");
    assert_int_equal(e->scope->dropped, 1);
    assert_int_equal(attrs_find(&e->scope->attrs, "k")->as.integer, 7);
}

static void a_log_has_all_its_fields(void **state)
{
    struct bench *b = *state;
    assert_ok(bench_hex(b, RECORD_OTLP_LOGS, logs_hex), &b->fault);
    assert_int_equal(b->n, 1);
    const struct event     *e = b->event[0];
    const struct log_event *l = &e->as.log;
    envelope_is_right(e, 0);
    assert_int_equal(e->type, EVENT_LOG);
    assert_int_equal(l->time_ns, 123456789);
    assert_int_equal(l->observed_ns, 123456790);
    assert_int_equal(l->severity, 17);
    assert_slice(l->severity_text, "Err");
    assert_slice(l->name, "oops");
    assert_true(is_trace(l->trace_id) && is_span(l->span_id));
    assert_true(l->flags == 1 && l->dropped == 3);
    assert_slice(attrs_text(&e->attrs, "http.method"), "GET");
    assert_int_equal(l->body.kind, VALUE_MAP);
    assert_slice(l->body.as.map.item[0].key, "a");
    const struct value *list = &l->body.as.map.item[0].value;
    assert_true(list->kind == VALUE_LIST && list->as.list.count == 6);
    assert_true(list->as.list.item[0].kind == VALUE_INT && list->as.list.item[0].as.integer == -2);
    assert_true(list->as.list.item[1].kind == VALUE_BOOL && list->as.list.item[1].as.boolean);
    assert_true(list->as.list.item[2].kind == VALUE_REAL && list->as.list.item[2].as.real == 1.5);
    assert_true(list->as.list.item[3].kind == VALUE_BYTES && list->as.list.item[3].as.text.n == 2);
    assert_int_equal(list->as.list.item[4].kind, VALUE_NONE);
    assert_true(list->as.list.item[5].kind == VALUE_TEXT && list->as.list.item[5].as.text.n == 0);
    assert_slice(value_text(&l->body, &b->arena), "{\"a\":[-2,true,1.5,\"AP8=\",null,\"\"]}");
}

static void points_have_all_their_fields(void **state)
{
    struct bench *b = *state;
    assert_ok(bench_hex(b, RECORD_OTLP_METRICS, metrics_hex), &b->fault);
    assert_int_equal(b->n, 7);
    for (size_t i = 0; i < b->n; i++) {
        envelope_is_right(b->event[i], i);
        assert_ptr_equal(b->event[i]->resource, b->event[0]->resource);
    }
    const struct point_event *p = &b->event[0]->as.point;
    assert_slice(p->name, "load");
    assert_slice(p->description, "how busy");
    assert_slice(p->unit, "1");
    assert_true(p->kind == POINT_GAUGE && p->value == 0.5 && !p->is_int && p->start_ns == 1 && p->time_ns == 2);
    assert_int_equal(attrs_find(&b->event[0]->attrs, "cpu")->kind, VALUE_INT);

    p = &b->event[1]->as.point;
    assert_true(p->kind == POINT_SUM && p->temporality == TEMPORALITY_CUMULATIVE && p->monotonic && p->is_int && p->integer == INT64_MAX && p->value == 9223372036854775808.0);
    assert_int_equal(p->exemplars_n, 1);
    assert_true(p->exemplars->time_ns == 5 && p->exemplars->value == 1 && is_trace(p->exemplars->trace_id) && is_span(p->exemplars->span_id));
    assert_slice(attrs_text(&p->exemplars->attrs, "u"), "me");
    p = &b->event[2]->as.point;
    assert_true(p->stale && isnan(p->value) && p->flags == 1);

    p = &b->event[3]->as.point;
    assert_true(p->kind == POINT_HISTOGRAM && p->temporality == TEMPORALITY_DELTA && p->count == 6 && p->sum == 10 && p->min == 0.5 && p->max == 5);
    assert_true(p->counts_n == 3 && p->counts[0] == 1 && p->counts[2] == 3 && p->bounds_n == 2 && p->bounds[0] == 1 && p->bounds[1] == 2);

    p = &b->event[4]->as.point;
    assert_true(p->kind == POINT_EXPONENTIAL && p->scale == -2 && p->zero_count == 1 && p->zero_threshold == 0.5 && isnan(p->sum) && isnan(p->min));
    assert_true(p->positive.offset == -1 && p->positive.n == 2 && p->positive.counts[1] == 300 && p->negative.n == 1 && p->negative.counts[0] == 4);

    p = &b->event[5]->as.point;
    assert_true(p->kind == POINT_SUMMARY && p->count == 6 && p->sum == 10 && p->quantiles_n == 1 && p->quantiles->q == 0.5 && p->quantiles->value == 2);
    assert_int_equal(b->event[6]->as.point.kind, POINT_INFO);
}

static void a_span_has_all_its_fields(void **state)
{
    struct bench *b = *state;
    assert_ok(bench_hex(b, RECORD_OTLP_TRACES, traces_hex), &b->fault);
    assert_int_equal(b->n, 1);
    const struct event      *e = b->event[0];
    const struct span_event *s = &e->as.span;
    envelope_is_right(e, 0);
    assert_true(is_trace(s->trace_id) && is_span(s->span_id) && s->parent_id.n == 8 && s->parent_id.s[0] == 0x11);
    assert_slice(s->state, "a=b");
    assert_slice(s->name, "GET /");
    assert_slice(s->status_message, "boom");
    assert_true(s->kind == SPAN_SERVER && s->status == SPAN_ERROR && s->start_ns == 1 && s->end_ns == 2);
    assert_true(s->dropped == 1 && s->dropped_notes == 5 && s->dropped_links == 7 && s->flags == 0x301);
    assert_true(isnan(attrs_find(&e->attrs, "k")->as.real));
    assert_true(s->notes_n == 1 && s->notes->time_ns == 3 && s->notes->dropped == 4 && slice_is(s->notes->name, "retry"));
    assert_int_equal(attrs_find(&s->notes->attrs, "n")->as.integer, 1);
    assert_true(s->links_n == 1 && is_trace(s->links->trace_id) && is_span(s->links->span_id) && s->links->dropped == 6 && s->links->flags == 1);
    assert_slice(s->links->state, "c=d");
    assert_true(attrs_find(&s->links->attrs, "l")->as.boolean);
}

static void both_encodings_give_the_same_events(void **state)
{
    struct bench *b = *state;
    static const struct { enum record_kind kind; const char *hex, *json; } rows[] = {
        { RECORD_OTLP_LOGS, logs_hex, logs_json }, { RECORD_OTLP_METRICS, metrics_hex, metrics_json }, { RECORD_OTLP_TRACES, traces_hex, traces_json },
    };
    for (size_t i = 0; i < 3; i++) {
        text_clear(&b->out);
        assert_ok(bench_both(b, rows[i].kind, FORM_JSON, slice_of(rows[i].json)), &b->fault);
        assert_ok(event_encode(b->event, b->n, &b->out, &b->fault), &b->fault);
        struct slice want = wire_hex(&b->hex, rows[i].hex);
        assert_int_equal(b->out.used, want.n);
        assert_memory_equal(b->out.s, want.s, want.n);
    }
}

static void the_order_of_fields_does_not_matter(void **state)
{
    struct bench *b = *state;
    assert_ok(bench_hex(b, RECORD_OTLP_METRICS,
        "0a{ 12{ 12{ 3a{ 10 02 18 01 0a{ 31 0500000000000000 19 0200000000000000 } }"      /* data before name, points after temporality */
        "            0a{'hits'} }"
        "        0a{ 0a{'lib'} } }"                                                         /* scope behind its metrics */
        "    1a{'http://r/1'}"
        "    0a{ 0a{ 12{ 0a{'cart'} } 0a{'service.name'} } } }"), &b->fault);               /* resource last; value before key */
    assert_int_equal(b->n, 1);
    const struct point_event *p = &b->event[0]->as.point;
    assert_slice(attrs_text(&b->event[0]->resource->attrs, "service.name"), "cart");
    assert_slice(b->event[0]->resource->schema_url, "http://r/1");
    assert_slice(b->event[0]->scope->name, "lib");
    assert_slice(p->name, "hits");
    assert_true(p->temporality == TEMPORALITY_CUMULATIVE && p->monotonic && p->integer == 5);
}

static void what_is_absent_is_at_its_default(void **state)
{
    struct bench *b = *state;
    assert_ok(bench_hex(b, RECORD_OTLP_LOGS, "0a{ 12{ 12{ } } }"), &b->fault);
    const struct event *e = b->event[0];
    assert_true(e->resource->attrs.count == 0 && e->resource->id == 0 && e->scope->name.n == 0 && e->attrs.count == 0);
    assert_true(e->as.log.severity == 0 && e->as.log.body.kind == VALUE_NONE && e->as.log.trace_id.n == 0);
    assert_int_equal(e->as.log.time_ns, 1000 * 1000);                         /* when it was received */
    assert_ok(bench_hex(b, RECORD_OTLP_LOGS, "0a{ 12{ 12{ 59 0500000000000000 } } }"), &b->fault);
    assert_int_equal(b->event[0]->as.log.time_ns, 5);                         /* when it was observed */
    assert_ok(bench_hex(b, RECORD_OTLP_LOGS, "0a{ 12{ 12{ 59 0500000000000000 09 0400000000000000 } } }"), &b->fault);
    assert_int_equal(b->event[0]->as.log.time_ns, 4);
    assert_ok(bench_hex(b, RECORD_OTLP_LOGS, "0a{ 12{ 12{ 09 ffffffffffffffff 4a{ 00 } 52{ 0000000000000000 } 10 ffffffffffffffffff01 } } }"), &b->fault);
    assert_int_equal(b->event[0]->as.log.time_ns, 1000 * 1000);               /* beyond what a time can be */
    assert_true(b->event[0]->as.log.trace_id.n == 0 && b->event[0]->as.log.span_id.n == 0 && b->event[0]->as.log.severity == 0);
    assert_ok(bench_hex(b, RECORD_OTLP_METRICS, "0a{ 12{ 12{ 0a{'m'} 4a{ 0a{ } } } } }"), &b->fault);
    assert_true(isnan(b->event[0]->as.point.sum) && isnan(b->event[0]->as.point.max) && b->event[0]->as.point.counts_n == 0);
    assert_ok(bench_hex(b, RECORD_OTLP_METRICS, "0a{ 12{ 12{ 0a{'no data'} } } }"), &b->fault);
    assert_int_equal(b->n, 0);
}

static void the_last_value_wins_and_of_a_oneof_the_last_member(void **state)
{
    struct bench *b = *state;
    assert_ok(bench_hex(b, RECORD_OTLP_LOGS, "0a{ 12{ 12{ 10 05 1a{'a'} 10 09 1a{'b'} 2a{ 0a{'text'} 18 2a } } } }"), &b->fault);
    assert_int_equal(b->event[0]->as.log.severity, 9);
    assert_slice(b->event[0]->as.log.severity_text, "b");
    assert_true(b->event[0]->as.log.body.kind == VALUE_INT && b->event[0]->as.log.body.as.integer == 42);
    assert_ok(bench_hex(b, RECORD_OTLP_METRICS, "0a{ 12{ 12{ 0a{'m'} 2a{ 0a{ 31 0100000000000000 } } 3a{ 0a{ 31 0200000000000000 21 0000000000000840 } } } } }"), &b->fault);
    assert_int_equal(b->n, 1);
    assert_true(b->event[0]->as.point.kind == POINT_SUM && !b->event[0]->as.point.is_int && b->event[0]->as.point.value == 3);
}

static void what_is_rejected_is_left_out_and_counted_by_both(void **state)
{
    struct bench *b = *state;
    assert_ok(bench_hex(b, RECORD_OTLP_TRACES, "0a{ 12{ 12{ 0a{ 00 } 12{" SPAN_ID "} } 12{ 0a{" TRACE_ID "} 12{" SPAN_ID "} } } }"), &b->fault);
    assert_true(b->n == 1 && b->report.rejected == 1 && b->event[0]->index == 0);
    assert_string_equal(b->report.why, "a span without a valid trace id");
    assert_ok(bench_hex(b, RECORD_OTLP_METRICS, "0a{ 12{ 12{ 0a{'m'} 2a{ 0a{ 19 0200000000000000 } 0a{ 31 0000000000000000 } } } 12{ 0a{'m'} 4a{ 0a{ 39 000000000000f03f } } } } }"), &b->fault);
    assert_true(b->n == 1 && b->report.rejected == 2);
    assert_ok(bench_hex(b, RECORD_OTLP_METRICS, "0a{ 12{ 12{ 2a{ 0a{ 31 0000000000000000 } } } 12{ 0a{'m'} 2a{ 0a{ 31 0000000000000000 } } } } }"), &b->fault);
    assert_true(b->n == 1 && b->report.rejected == 1 && b->event[0]->index == 0);
    assert_slice(b->event[0]->as.point.name, "m");
    assert_string_equal(b->report.why, "a metric without a name");
}

static void bad_text_comes_as_it_is_and_is_counted(void **state)
{
    struct bench *b = *state;
    assert_ok(bench_hex(b, RECORD_OTLP_LOGS, "0a{ 12{ 12{ 2a{ 0a{ 'a' ff } } } } }"), &b->fault);
    assert_int_equal(b->report.bad_text, 1);
    assert_int_equal(b->event[0]->as.log.body.as.text.n, 2);
}

static void values_that_are_too_deep_become_nothing(void **state)
{
    struct bench *b = *state;
    char          hex[2048];
    size_t        used = (size_t)snprintf(hex, sizeof hex, "0a{ 12{ 12{ 2a{");
    for (int i = 0; i < EVENT_DEPTH_MAX; i++)
        used += (size_t)snprintf(hex + used, sizeof hex - used, "2a{ 0a{");
    used += (size_t)snprintf(hex + used, sizeof hex - used, "18 01");
    for (int i = 0; i < EVENT_DEPTH_MAX; i++)
        used += (size_t)snprintf(hex + used, sizeof hex - used, "} }");
    (void)snprintf(hex + used, sizeof hex - used, "} } } }");
    assert_ok(bench_hex(b, RECORD_OTLP_LOGS, hex), &b->fault);
    assert_int_equal(b->report.too_deep, 1);
    const struct value *v = &b->event[0]->as.log.body;
    for (int i = 0; i < EVENT_DEPTH_MAX; i++) {
        assert_true(v->kind == VALUE_LIST && v->as.list.count == 1);
        v = v->as.list.item;
    }
    assert_int_equal(v->kind, VALUE_NONE);
}

static void labels_of_the_record_are_added_and_override_nothing(void **state)
{
    struct bench *b = *state;
    b->record.labels = SLICE("zone\0a\0http.method\0PUT\0");
    assert_ok(bench_hex(b, RECORD_OTLP_LOGS, logs_hex), &b->fault);
    assert_int_equal(b->event[0]->attrs.count, 2);
    assert_slice(attrs_text(&b->event[0]->attrs, "zone"), "a");
    assert_slice(attrs_text(&b->event[0]->attrs, "http.method"), "GET");
}

static void the_taker_can_stop_early(void **state)
{
    struct bench *b = *state;
    b->stop_after = 3;
    assert_ok(bench_read(b, RECORD_OTLP_METRICS, FORM_PROTOBUF, wire_hex(&b->hex, metrics_hex)), &b->fault);
    assert_int_equal(b->n, 3);
}

static void events_before_a_malformed_place_are_given_out(void **state)
{
    struct bench *b = *state;
    assert_int_equal(bench_hex(b, RECORD_OTLP_LOGS, "0a{ 12{ 12{ 10 01 } 12{ 10 02 } } } 0a{ 12{ 12{ 10 } } } 0a{ 12{ 12{ } } }"), ERR_INPUT);
    assert_non_null(strstr(b->fault.text, "LogRecord"));
    assert_int_equal(b->n, 2);
    assert_int_equal(b->event[1]->as.log.severity, 2);
}

static void an_arena_that_is_too_small_is_a_limit(void **state)
{
    struct bench *b = *state;
    struct slice  body = wire_hex(&b->hex, metrics_hex);
    for (size_t bound = 0; bound < 4096; bound += 16) {
        arena_done(&b->arena);
        arena_init(&b->arena, bound);
        enum err e = bench_read(b, RECORD_OTLP_METRICS, FORM_PROTOBUF, body);
        assert_true(e == OK || e == ERR_LIMIT);
        assert_true(e == OK || strstr(b->fault.text, "record 7"));
    }
    assert_int_equal(bench_read(b, RECORD_OTLP_METRICS, FORM_PROTOBUF, (struct slice){ 0 }), OK);
}

static void other_kinds_and_forms_are_refused(void **state)
{
    struct bench *b = *state;
    assert_int_equal(bench_both(b, RECORD_SCHEMA, FORM_JSON, SLICE("{}")), ERR_MISSING);
    assert_int_equal(bench_both(b, RECORD_OTLP_LOGS, FORM_TEXT, SLICE("x 1")), ERR_INPUT);
    assert_int_equal(bench_both(b, RECORD_OTLP_LOGS, FORM_JSON, SLICE("{\"resourceLogs\":[{]}")), ERR_INPUT);
    assert_ok(bench_hex(b, RECORD_LINES, logs_hex), &b->fault);
    assert_int_equal(b->n, 1);
    assert_ok(bench_both(b, RECORD_OTLP_LOGS, FORM_PROTOBUF, (struct slice){ NULL, 0 }), &b->fault);
}

static void a_resource_has_the_same_id_in_whatever_order_its_attributes_are(void **state)
{
    struct bench *b = *state;
    assert_ok(bench_hex(b, RECORD_OTLP_LOGS,
        "0a{ 0a{ 0a{ 0a{'a'} 12{ 0a{'1'} } } 0a{ 0a{'b'} 12{ 18 02 } } } 12{ 12{ } } }"
        "0a{ 0a{ 0a{ 0a{'b'} 12{ 18 02 } } 0a{ 0a{'a'} 12{ 0a{'1'} } } } 12{ 12{ } } }"
        "0a{ 0a{ 0a{ 0a{'a'} 12{ 0a{'1'} } } 0a{ 0a{'b'} 12{ 0a{'2'} } } } 12{ 12{ } } }"      /* a text, not a number */
        "0a{ 0a{ 0a{ 0a{'a'} 12{ 18 02 } } 0a{ 0a{'b'} 12{ 0a{'1'} } } } 12{ 12{ } } }"        /* swapped */
        "0a{ 0a{ 0a{ 0a{'a'} 12{ 0a{'1'} } } } 12{ 12{ } } }"), &b->fault);
    assert_int_equal(b->n, 5);
    assert_int_equal(b->event[0]->resource->id, b->event[1]->resource->id);
    for (size_t i = 2; i < 5; i++)
        for (size_t k = 0; k < i; k++)
            assert_true(i == k || (k == 1 && i == 0) || b->event[i]->resource->id != b->event[k]->resource->id);
}

static void an_attribute_is_found_in_event_scope_and_resource_in_that_order(void **state)
{
    struct bench *b = *state;
    assert_ok(bench_hex(b, RECORD_OTLP_LOGS, logs_hex), &b->fault);
    const struct event *e = b->event[0];
    assert_slice(event_find(e, "http.method")->as.text, "GET");
    assert_int_equal(event_find(e, "k")->as.integer, 7);
    assert_slice(event_find(e, "service.name")->as.text, "cart");
    assert_null(event_find(e, "nothing"));
    assert_slice(attrs_text(&e->scope->attrs, "k"), "");
}

static void any_value_can_be_a_text(void **state)
{
    struct bench *b = *state;
    static const struct { struct value v; const char *s; } rows[] = {
        { { VALUE_NONE }, "" }, { { VALUE_BOOL, .as.boolean = false }, "false" }, { { VALUE_INT, .as.integer = INT64_MIN }, "-9223372036854775808" },
        { { VALUE_REAL, .as.real = 0.1 }, "0.1" }, { { VALUE_TEXT, .as.text = { "as \"it\" lies", 12 } }, "as \"it\" lies" },
        { { VALUE_BYTES, .as.text = { "a", 1 } }, "YQ==" }, { { VALUE_LIST }, "[]" }, { { VALUE_MAP }, "{}" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_true(slice_is(value_text(&rows[i].v, &b->arena), rows[i].s));
    struct value nan = { VALUE_REAL, .as.real = (double)NAN }, list = { VALUE_LIST, .as.list = { &nan, 1 } };
    assert_slice(value_text(&nan, &b->arena), "NaN");
    assert_slice(value_text(&list, &b->arena), "[\"NaN\"]");
}

static bool count_only(void *ctx, const struct event *e) { return true; }

/* A request of n such records. */
static struct slice request_of(struct bench *b, size_t n, const char *one, size_t one_n)
{
    text_clear(&b->out);
    text_clear(&b->hex);
    for (size_t i = 0; i < n; i++)
        text_add_n(&b->out, one, one_n);
    for (int level = 0; level < 2; level++) {
        char   head[8] = { level ? 0x0a : 0x12 };
        size_t k = 1;
        for (size_t rest = b->out.used; k == 1 || rest; rest >>= 7)
            head[k++] = (char)((rest & 127) | (rest >> 7 ? 128 : 0));
        text_add_n(&b->hex, head, k);
        text_add_n(&b->hex, b->out.s, b->out.used);
        struct text swap = b->out;
        b->out = b->hex;
        b->hex = swap;
        text_clear(&b->hex);
    }
    assert_false(b->out.cut || b->hex.cut);
    return (struct slice){ b->out.s, b->out.used };
}

static enum err fits(struct bench *b, struct slice body)
{
    struct record r = { .kind = RECORD_OTLP_LOGS, .form = FORM_PROTOBUF, .body = body };
    assert_ok(event_check(r.kind, r.form, body, &b->checked, &b->fault), &b->fault);
    r.events = b->checked.events;
    return event_fits(&r, &b->fault);
}

static void few_bytes_that_become_too_many_events_are_refused_and_what_people_send_is_not(void **state)
{
    struct bench *b = *state;
    char          line[300] = "\x12\xa9\x02\x2a\xa6\x02\x0a\xa3\x02";             /* body: a text of 291 bytes */
    memset(line + 9, 'x', sizeof line - 9);
    text_done(&b->out);
    text_done(&b->hex);
    text_init(&b->out, 64u << 20);
    text_init(&b->hex, 64u << 20);
    assert_int_equal(fits(b, request_of(b, 1000000, "\x12\x00", 2)), ERR_LIMIT);
    assert_non_null(strstr(b->fault.text, "1000000 events in 2000"));
    assert_int_equal(fits(b, request_of(b, 1000, "\x12\x00", 2)), OK);
    assert_int_equal(fits(b, request_of(b, 100000, line, sizeof line)), OK);
    assert_int_equal(b->checked.events, 100000);
    char attrs[2 + 100] = { 0x12, 100 };                                              /* fifty empty attributes */
    for (size_t i = 2; i < sizeof attrs; i += 2)
        attrs[i] = 0x32;
    assert_int_equal(fits(b, request_of(b, 50000, attrs, sizeof attrs)), ERR_LIMIT);
}

static void what_fits_is_read_by_whoever_has_an_arena_of_that_size(void **state)
{
    struct bench *b = *state;
    struct arena  a;
    text_done(&b->out);
    text_done(&b->hex);
    text_init(&b->out, 8u << 20);
    text_init(&b->hex, 8u << 20);
    arena_init(&a, EVENT_DECODED_MAX);
    for (size_t n = 50000; n <= 400000; n += 50000) {
        struct record r = { .kind = RECORD_OTLP_LOGS, .form = FORM_PROTOBUF, .body = request_of(b, n, "\x12\x00", 2), .events = (uint32_t)n };
        enum err fit = event_fits(&r, &b->fault), read = event_read(&r, &a, count_only, NULL, &b->report, &b->fault);
        assert_int_equal(fit, read);
        arena_reset(&a);
    }
    arena_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BENCH(a_log_has_all_its_fields),
        BENCH(points_have_all_their_fields),
        BENCH(a_span_has_all_its_fields),
        BENCH(both_encodings_give_the_same_events),
        BENCH(the_order_of_fields_does_not_matter),
        BENCH(what_is_absent_is_at_its_default),
        BENCH(the_last_value_wins_and_of_a_oneof_the_last_member),
        BENCH(what_is_rejected_is_left_out_and_counted_by_both),
        BENCH(bad_text_comes_as_it_is_and_is_counted),
        BENCH(values_that_are_too_deep_become_nothing),
        BENCH(labels_of_the_record_are_added_and_override_nothing),
        BENCH(the_taker_can_stop_early),
        BENCH(events_before_a_malformed_place_are_given_out),
        BENCH(an_arena_that_is_too_small_is_a_limit),
        BENCH(other_kinds_and_forms_are_refused),
        BENCH(a_resource_has_the_same_id_in_whatever_order_its_attributes_are),
        BENCH(an_attribute_is_found_in_event_scope_and_resource_in_that_order),
        BENCH(any_value_can_be_a_text),
        BENCH(few_bytes_that_become_too_many_events_are_refused_and_what_people_send_is_not),
        BENCH(what_fits_is_read_by_whoever_has_an_arena_of_that_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
