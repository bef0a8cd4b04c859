/* event: JSON rows of /write/metrics and /write/logs become points and logs; nothing that was sent is lost, and what is no row is counted. */
#include "unit.h"

#include "event/rows.h"
#include "event_bench.h"

#include <math.h>

static enum err rows(struct bench *b, const char *json) { return bench_read(b, RECORD_ROWS, FORM_JSON, slice_of(json)); }

static const struct point_event *point(const struct bench *b, size_t i)
{
    assert_true(i < b->n);
    assert_int_equal(b->event[i]->type, EVENT_POINT);
    return &b->event[i]->as.point;
}

static const struct log_event *line(const struct bench *b, size_t i)
{
    assert_true(i < b->n);
    assert_int_equal(b->event[i]->type, EVENT_LOG);
    return &b->event[i]->as.log;
}

static void a_row_of_metrics_becomes_a_point(void **state)
{
    struct bench *b = *state;
    b->record.labels = SLICE("kind\0metrics\0zone\0a\0");
    assert_ok(rows(b, "{\"table\":\"metrics_events\",\"rows\":[{\"time\":\"2026-01-02T03:04:05.123456789Z\",\"app\":\"shop\",\"host\":\"h1\",\"labels\":{\"cpu\":\"0\",\"n\":3},"
                      "\"name\":\"load\",\"value\":0.5,\"trace_id\":\"000102030405060708090a0B0c0d0e0f\",\"level\":\"info\"}]}"), &b->fault);
    assert_int_equal(b->n, 1);
    const struct event       *e = b->event[0];
    const struct point_event *p = point(b, 0);
    assert_slice(p->name, "load");
    assert_true(p->kind == POINT_GAUGE && p->value == 0.5 && !p->is_int);
    assert_int_equal(p->time_ns, INT64_C(1767323045123456789));
    assert_slice(attrs_text(&e->resource->attrs, "service.name"), "shop");
    assert_slice(attrs_text(&e->resource->attrs, "host.name"), "h1");
    assert_true(e->resource->id != 0);
    assert_slice(attrs_text(&e->attrs, "cpu"), "0");
    assert_int_equal(attrs_find(&e->attrs, "n")->as.integer, 3);
    assert_slice(attrs_text(&e->attrs, "level"), "info");
    assert_slice(attrs_text(&e->attrs, "zone"), "a");
    assert_null(attrs_find(&e->attrs, "kind"));
    assert_null(attrs_find(&e->attrs, "trace_id"));
    assert_true(p->exemplars_n == 1 && p->exemplars->trace_id.n == 16 && p->exemplars->trace_id.s[11] == 0x0b && p->exemplars->value == 0.5);
}

static void a_row_of_logs_becomes_a_log(void **state)
{
    struct bench *b = *state;
    b->record.labels = SLICE("kind\0logs\0");
    assert_ok(rows(b, "[{\"timestamp\":1767323045123,\"app\":\"sh\\u006fp\",\"host\":\"h1\",\"trace_id\":\"000102030405060708090a0b0c0d0e0f\",\"message\":\"a \\\"b\\\"\","
                      "\"level\":\"WARN\",\"labels\":{\"k\":{\"a\":[1,true,null,2.5]}},\"extra\":[1]}]"), &b->fault);
    const struct event     *e = b->event[0];
    const struct log_event *l = line(b, 0);
    assert_slice(l->body.as.text, "a \"b\"");
    assert_int_equal(l->time_ns, INT64_C(1767323045123000000));
    assert_true(l->severity == 13 && slice_is(l->severity_text, "WARN") && l->trace_id.n == 16);
    assert_slice(attrs_text(&e->resource->attrs, "service.name"), "shop");
    assert_slice(value_text(attrs_find(&e->attrs, "k"), &b->arena), "{\"a\":[1,true,null,2.5]}");
    assert_slice(value_text(attrs_find(&e->attrs, "extra"), &b->arena), "[1]");
}

static void without_being_told_each_row_is_what_it_looks_like(void **state)
{
    struct bench *b = *state;
    assert_ok(bench_both(b, RECORD_ROWS, FORM_JSON, SLICE("[{\"name\":\"a\",\"value\":\"12\"},{\"message\":\"m\",\"name\":\"x\",\"value\":1,\"trace_id\":\"short\"}]")), &b->fault);
    assert_true(point(b, 0)->is_int && point(b, 0)->integer == 12);
    assert_slice(line(b, 1)->body.as.text, "m");
    assert_slice(attrs_text(&b->event[1]->attrs, "name"), "x");
    assert_slice(attrs_text(&b->event[1]->attrs, "value"), "1");
    assert_slice(attrs_text(&b->event[1]->attrs, "trace_id"), "short");
}

static void a_row_that_is_not_what_its_path_says_is_what_it_looks_like_and_never_vanishes(void **state)
{
    struct bench *b = *state;
    b->record.labels = SLICE("kind\0logs\0");
    assert_ok(bench_both(b, RECORD_ROWS, FORM_JSON, SLICE("[{\"name\":\"a\",\"value\":1},{\"message\":\"m\"},{\"name\":\"no value\"}]")), &b->fault);
    assert_int_equal(b->n, 2);
    assert_int_equal(b->report.rejected, 1);
    assert_slice(point(b, 0)->name, "a");
    assert_slice(line(b, 1)->body.as.text, "m");
    b->record.labels = SLICE("kind\0metrics\0");
    assert_ok(bench_both(b, RECORD_ROWS, FORM_JSON, SLICE("[{\"message\":\"m\",\"name\":\"half a point\"},{\"message\":\"m\",\"name\":\"a\",\"value\":1}]")), &b->fault);
    assert_int_equal(b->n, 2);
    assert_slice(line(b, 0)->body.as.text, "m");
    assert_slice(point(b, 1)->name, "a");
}

static void neighbours_of_one_app_and_host_share_their_resource(void **state)
{
    struct bench *b = *state;
    assert_ok(rows(b, "[{\"name\":\"a\",\"value\":1,\"app\":\"x\"},{\"name\":\"b\",\"value\":1,\"app\":\"x\"},{\"name\":\"a\",\"value\":1,\"app\":\"y\"},{\"name\":\"a\",\"value\":1}]"), &b->fault);
    assert_ptr_equal(b->event[0]->resource, b->event[1]->resource);
    assert_true(b->event[1]->resource->id != b->event[2]->resource->id);
    assert_int_equal(b->event[3]->resource->attrs.count, 0);
    assert_int_equal(b->event[3]->resource->id, 0);
}

static void a_time_is_guessed_by_its_size(void **state)
{
    struct bench *b = *state;
    assert_ok(rows(b, "[{\"message\":\"\",\"time\":1767323045},{\"message\":\"\",\"time\":1767323045123},{\"message\":\"\",\"time\":1767323045123456},"
                      "{\"message\":\"\",\"time\":1767323045123456789},{\"message\":\"\",\"time\":\"1767323045\"},{\"message\":\"\",\"time\":1767323045.5},"
                      "{\"message\":\"\"},{\"message\":\"\",\"time\":null},{\"message\":\"\",\"time\":0}]"), &b->fault);
    static const int64_t want[] = { INT64_C(1767323045000000000), INT64_C(1767323045123000000), INT64_C(1767323045123456000), INT64_C(1767323045123456789),
                                    INT64_C(1767323045000000000), INT64_C(1767323045500000000), 1000000, 1000000, 1000000 };
    assert_int_equal(b->n, 9);
    for (size_t i = 0; i < b->n; i++)
        assert_int_equal(line(b, i)->time_ns, want[i]);
}

static void times_are_read_as_rfc_3339_says(void **state)
{
    (void)state;
    static const struct { const char *s; int64_t ns; } right[] = {
        { "1970-01-01T00:00:00Z", 0 }, { "2000-02-29T12:00:00Z", INT64_C(951825600000000000) }, { "2026-01-02T05:04:05+02:00", INT64_C(1767323045000000000) },
        { "2026-01-01 23:34:05.5-03:30", INT64_C(1767323045500000000) }, { "1969-12-31T23:59:59.999999999Z", -1 }, { "2016-12-31T23:59:60Z", INT64_C(1483228800000000000) },
        { "2026-01-02T03:04:05.1234567891z", INT64_C(1767323045123456789) },
    };
    static const char *const wrong[] = { "", "2026-01-02", "2026-13-02T03:04:05Z", "2026-02-29T03:04:05Z", "2026-01-02T24:04:05Z", "2026-01-02T03:04:05", "2026-01-02T03:04:05+2",
                                         "2026-01-02T03:04:05.Z", "2026-01-02T03:04:05Zx", "2026/01/02T03:04:05Z", "9999-01-01T00:00:00Z", "20260102T030405Z0000" };
    int64_t ns;
    for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
        assert_true(rows_time(slice_of(right[i].s), &ns));
        assert_int_equal(ns, right[i].ns);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (rows_time(slice_of(wrong[i]), &ns))
            fail_msg("taken: %s", wrong[i]);
    assert_true(rows_severity(SLICE("Error")) == 17 && rows_severity(SLICE("emerg")) == 24 && rows_severity(SLICE("")) == 0 && rows_severity(SLICE("loud")) == 0);
}

static void what_is_no_row_is_rejected_and_the_rest_is_kept(void **state)
{
    struct bench *b = *state;
    static const struct { const char *json, *why; } all[] = {
        { "[7,{\"message\":\"m\"}]", "a row that is not an object" },
        { "[{\"name\":\"a\"},{\"message\":\"m\"}]", "a row of metrics without a number as its value" },
        { "[{\"name\":\"a\",\"value\":\"x\"},{\"message\":\"m\"}]", "a row of metrics without a number as its value" },
        { "[{\"name\":\"\",\"value\":1},{\"message\":\"m\"}]", "a row of metrics without a name" },
        { "[{\"value\":1},{\"message\":\"m\"}]", "a row of logs without a message" },
        { "[{\"message\":\"x\",\"time\":\"yesterday\"},{\"message\":\"m\"}]", "a time that is neither RFC 3339 nor a number since 1970" },
        { "[{\"message\":\"x\",\"time\":66666666666666666.5},{\"message\":\"m\"}]", "a time that is neither RFC 3339 nor a number since 1970" },
        { "[{\"message\":\"x\",\"time\":true},{\"message\":\"m\"}]", "a time that is neither RFC 3339 nor a number since 1970" },
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        assert_ok(bench_both(b, RECORD_ROWS, FORM_JSON, slice_of(all[i].json)), &b->fault);
        assert_true(b->n == 1 && b->report.rejected == 1);
        assert_string_equal(b->report.why, all[i].why);
    }
}

static void a_body_that_is_not_rows_is_malformed(void **state)
{
    struct bench *b = *state;
    static const char *const wrong[] = { "", "7", "{}", "{\"rows\":7}", "{\"rows\":7,\"message\":\"m\"}", "{\"table\":\"t\"}", "{\"a\":1}", "{\"a\":", "{\"message\":\"m\"", "{\"message\":\"m\"} x",
                                         "{\"message\":\"m\"}\n{\"message\":\"m\"}", "[{]", "[{\"a\":1}", "[{\"labels\":{\"a\"}}]", "[] x", "{\"rows\":[]} x", "[{\"message\":\"m\"},]" };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (bench_both(b, RECORD_ROWS, FORM_JSON, slice_of(wrong[i])) != ERR_INPUT)
            fail_msg("taken: %s", wrong[i]);
    assert_int_equal(bench_both(b, RECORD_ROWS, FORM_PROTOBUF, SLICE("[]")), ERR_INPUT);
    assert_ok(bench_both(b, RECORD_ROWS, FORM_JSON, SLICE("[]")), &b->fault);
    assert_ok(bench_both(b, RECORD_ROWS, FORM_JSON, SLICE("{\"rows\":[],\"table\":\"t\",\"x\":{}}")), &b->fault);
}

static void one_object_is_a_row(void **state)
{
    struct bench *b = *state;
    b->record.labels = SLICE("kind\0logs\0");
    assert_ok(bench_both(b, RECORD_ROWS, FORM_JSON, SLICE(" {\"app\":\"auth\",\"trace_id\":\"t-1\",\"message\":\"log\",\"ts\":1767323045123} ")), &b->fault);
    assert_int_equal(b->n, 1);
    assert_slice(line(b, 0)->body.as.text, "log");
    assert_int_equal(line(b, 0)->time_ns, INT64_C(1767323045123000000));
    assert_slice(attrs_text(&b->event[0]->resource->attrs, "service.name"), "auth");
    assert_slice(attrs_text(&b->event[0]->attrs, "trace_id"), "t-1");
    assert_int_equal(b->event[0]->attrs.count, 1);
    assert_ok(bench_both(b, RECORD_ROWS, FORM_JSON, SLICE("{\"app\":\"auth\"}")), &b->fault);
    assert_true(b->n == 0 && b->report.rejected == 1);
    assert_string_equal(b->report.why, "a row of logs without a message");
}

static void rows_may_come_a_line_each(void **state)
{
    struct bench *b = *state;
    b->record.labels = SLICE("kind\0metrics\0");
    assert_ok(bench_both(b, RECORD_ROWS, FORM_JSON_LINES, SLICE("{\"name\":\"a\",\"value\":1}\r\n\n \t\n7\n{\"message\":\"m\",\"rows\":[]}\n{\"value\":2}")), &b->fault);
    assert_int_equal(b->n, 3);
    assert_slice(point(b, 0)->name, "a");
    assert_slice(line(b, 1)->body.as.text, "m");
    assert_slice(point(b, 2)->name, "value");
    assert_int_equal(b->report.rejected, 1);
    assert_string_equal(b->report.why, "a row that is not an object");
    assert_ok(bench_both(b, RECORD_ROWS, FORM_JSON_LINES, SLICE("")), &b->fault);
    assert_ok(bench_both(b, RECORD_ROWS, FORM_JSON_LINES, SLICE("\n\n")), &b->fault);
    static const char *const wrong[] = { "{\"value\":1}\n{\"value\":\n2}", "{\"value\":1}\n{\"value\":2} {\"value\":3}", "{\"value\":1}\n\"", "{\"value\":1}\n{\"a\":[}" };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(bench_both(b, RECORD_ROWS, FORM_JSON_LINES, slice_of(wrong[i])), ERR_INPUT);
        assert_non_null(strstr(b->fault.text, "line 2"));
    }
}

static void a_point_without_a_name_is_called_as_its_table(void **state)
{
    struct bench *b = *state;
    b->record.labels = SLICE("kind\0metrics\0table\0\0");
    b->record.source = SLICE("orders");
    assert_ok(bench_both(b, RECORD_ROWS, FORM_JSON, SLICE("{\"rows\":[{\"value\":1},{\"name\":\"n\",\"value\":2},{\"name\":null,\"value\":3}],\"table\":\"items\"}")), &b->fault);
    assert_int_equal(b->n, 3);
    assert_slice(point(b, 0)->name, "orders");
    assert_slice(point(b, 1)->name, "n");
    assert_slice(point(b, 2)->name, "orders");
    assert_int_equal(b->event[0]->attrs.count, 0);
    b->record.labels = SLICE("kind\0metrics\0");
    b->record.source = SLICE("metrics");
    assert_ok(bench_both(b, RECORD_ROWS, FORM_JSON, SLICE("{\"rows\":[{\"value\":1},{\"value\":2,\"table\":\"own\"}],\"table\":\"it\\u0065ms\"}")), &b->fault);
    assert_slice(point(b, 0)->name, "items");
    assert_slice(point(b, 1)->name, "own");
    assert_slice(attrs_text(&b->event[1]->attrs, "table"), "own");
    assert_ok(bench_both(b, RECORD_ROWS, FORM_JSON, SLICE("{\"value\":1,\"table\":\"items\"}")), &b->fault);
    assert_slice(point(b, 0)->name, "items");
    assert_ok(bench_both(b, RECORD_ROWS, FORM_JSON, SLICE("[{\"value\":1}]")), &b->fault);
    assert_slice(point(b, 0)->name, "value");
}

/* The columns of metrics_events. */
static void a_row_with_all_columns_of_metrics_comes_through_whole(void **state)
{
    struct bench *b = *state;
    b->record.labels = SLICE("kind\0metrics\0");
    assert_ok(bench_both(b, RECORD_ROWS, FORM_JSON, SLICE("[{\"time\":\"2026-01-02T03:04:05Z\",\"app\":\"shop\",\"host\":\"h1\",\"labels\":{\"zone\":\"eu\"},\"value\":0.5,"
                                                          "\"trace_id\":\"t-1\",\"level\":\"info\"}]")), &b->fault);
    const struct event *e = b->event[0];
    assert_int_equal(b->n, 1);
    assert_slice(point(b, 0)->name, "value");
    assert_true(point(b, 0)->value == 0.5 && point(b, 0)->time_ns == INT64_C(1767323045000000000));
    assert_slice(attrs_text(&e->resource->attrs, "service.name"), "shop");
    assert_slice(attrs_text(&e->resource->attrs, "host.name"), "h1");
    assert_slice(attrs_text(&e->attrs, "zone"), "eu");
    assert_slice(attrs_text(&e->attrs, "trace_id"), "t-1");
    assert_slice(attrs_text(&e->attrs, "level"), "info");
    assert_int_equal(e->attrs.count, 3);
}

static void of_two_keys_with_one_meaning_the_other_is_an_attribute(void **state)
{
    struct bench *b = *state;
    b->record.labels = SLICE("kind\0metrics\0");
    assert_ok(bench_both(b, RECORD_ROWS, FORM_JSON, SLICE("[{\"metric\":\"m\",\"value\":1,\"ts\":\"2026-01-02T03:04:05Z\"},{\"metric\":\"m\",\"name\":\"n\",\"value\":1,\"ts\":2,\"ts\":3,\"timestamp\":4,\"time\":5},"
                                                          "{\"name\":null,\"metric\":\"m\",\"value\":1,\"time\":1767323045,\"ts\":null}]")), &b->fault);
    assert_int_equal(b->n, 3);
    assert_slice(point(b, 0)->name, "m");
    assert_int_equal(point(b, 0)->time_ns, INT64_C(1767323045000000000));
    assert_int_equal(b->event[0]->attrs.count, 0);
    assert_slice(point(b, 1)->name, "n");
    assert_int_equal(point(b, 1)->time_ns, INT64_C(5000000000));
    assert_slice(attrs_text(&b->event[1]->attrs, "metric"), "m");
    assert_int_equal(attrs_find(&b->event[1]->attrs, "timestamp")->as.integer, 4);
    assert_int_equal(b->event[1]->attrs.count, 4);           /* ts twice, as it was sent */
    assert_slice(point(b, 2)->name, "m");
    assert_int_equal(b->event[2]->attrs.count, 0);
    assert_ok(bench_both(b, RECORD_ROWS, FORM_JSON, SLICE("{\"name\":\"n\",\"metric\":\"m\",\"value\":1,\"time\":5,\"ts\":2}")), &b->fault);
    assert_slice(point(b, 0)->name, "n");
    assert_int_equal(point(b, 0)->time_ns, INT64_C(5000000000));
    assert_slice(attrs_text(&b->event[0]->attrs, "metric"), "m");
    assert_int_equal(b->event[0]->attrs.count, 2);
    b->record.labels = SLICE("kind\0logs\0");
    assert_ok(bench_both(b, RECORD_ROWS, FORM_JSON, SLICE("[{\"message\":\"x\",\"metric\":\"m\"}]")), &b->fault);
    assert_slice(attrs_text(&b->event[0]->attrs, "metric"), "m");
}

static void a_row_that_is_nothing_is_rejected_as_what_its_path_says(void **state)
{
    static const struct { const char *path, *json, *why; } all[] = {
        { "metrics", "{\"name\":\"a\"}", "a row of metrics without a number as its value" },
        { "metrics", "{\"app\":\"a\"}", "a row of metrics without a number as its value" },
        { "metrics", "{\"value\":\"x\"}", "a row of metrics without a number as its value" },
        { "metrics", "{\"value\":null,\"name\":\"a\"}", "a row of metrics without a number as its value" },
        { "metrics", "{\"name\":\"\",\"value\":1}", "a row of metrics without a name" },
        { "metrics", "{\"name\":true,\"value\":1}", "a row of metrics without a name" },
        { "metrics", "{\"ts\":\"soon\",\"value\":1}", "a time that is neither RFC 3339 nor a number since 1970" },
        { "logs", "{\"name\":\"a\"}", "a row of logs without a message" },
        { "logs", "{\"value\":1}", "a row of logs without a message" },
        { "logs", "{\"message\":null,\"level\":\"info\"}", "a row of logs without a message" },
    };
    struct bench *b = *state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        b->record.labels = all[i].path[0] == 'm' ? SLICE("kind\0metrics\0") : SLICE("kind\0logs\0");
        assert_ok(bench_both(b, RECORD_ROWS, FORM_JSON, slice_of(all[i].json)), &b->fault);
        assert_true(b->n == 0 && b->report.rejected == 1);
        assert_string_equal(b->report.why, all[i].why);
    }
}

static void values_of_every_kind_of_number_are_read(void **state)
{
    struct bench *b = *state;
    assert_ok(rows(b, "[{\"name\":\"a\",\"value\":9007199254740993},{\"name\":\"a\",\"value\":\"NaN\"},{\"name\":\"a\",\"value\":-1.5e3},{\"name\":\"a\",\"value\":\"-Infinity\"}]"), &b->fault);
    assert_true(point(b, 0)->is_int && point(b, 0)->integer == INT64_C(9007199254740993));
    assert_true(isnan(point(b, 1)->value) && !point(b, 1)->is_int);
    assert_true(point(b, 2)->value == -1500);
    assert_true(isinf(point(b, 3)->value));
}

static void values_that_are_too_deep_become_nothing(void **state)
{
    struct bench *b = *state;
    char          json[256] = "[{\"message\":\"m\",\"labels\":{\"k\":";
    for (int i = 0; i < EVENT_DEPTH_MAX + 3; i++)
        strcat(json, "[");
    for (int i = 0; i < EVENT_DEPTH_MAX + 3; i++)
        strcat(json, "]");
    strcat(json, "}}]");
    assert_ok(bench_both(b, RECORD_ROWS, FORM_JSON, slice_of(json)), &b->fault);
    assert_int_equal(b->report.too_deep, 1);
    const struct value *v = attrs_find(&b->event[0]->attrs, "k");
    for (int i = 0; i < EVENT_DEPTH_MAX; i++) {
        assert_true(v->kind == VALUE_LIST && v->as.list.count == 1);
        v = v->as.list.item;
    }
    assert_int_equal(v->kind, VALUE_NONE);
}

static void an_arena_that_is_too_small_is_a_limit(void **state)
{
    struct bench *b = *state;
    for (size_t bound = 0; bound < 8192; bound += 16) {
        arena_done(&b->arena);
        arena_init(&b->arena, bound);
        enum err e = rows(b, "[{\"message\":\"m\\n\",\"app\":\"a\\n\",\"labels\":{\"k\":{\"a\":[1,\"\\n\"]}},\"trace_id\":\"000102030405060708090a0b0c0d0e0f\"},"
                             "{\"name\":\"m\\n\",\"value\":1,\"trace_id\":\"000102030405060708090a0b0c0d0e0f\"}]");
        assert_true(e == (b->n == 2 ? OK : ERR_LIMIT));
    }
    assert_int_equal(b->n, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BENCH(a_row_of_metrics_becomes_a_point),
        BENCH(a_row_of_logs_becomes_a_log),
        BENCH(without_being_told_each_row_is_what_it_looks_like),
        BENCH(a_row_that_is_not_what_its_path_says_is_what_it_looks_like_and_never_vanishes),
        BENCH(neighbours_of_one_app_and_host_share_their_resource),
        BENCH(a_time_is_guessed_by_its_size),
        BENCH(times_are_read_as_rfc_3339_says),
        BENCH(what_is_no_row_is_rejected_and_the_rest_is_kept),
        BENCH(a_body_that_is_not_rows_is_malformed),
        BENCH(one_object_is_a_row),
        BENCH(rows_may_come_a_line_each),
        BENCH(a_point_without_a_name_is_called_as_its_table),
        BENCH(a_row_with_all_columns_of_metrics_comes_through_whole),
        BENCH(of_two_keys_with_one_meaning_the_other_is_an_attribute),
        BENCH(a_row_that_is_nothing_is_rejected_as_what_its_path_says),
        BENCH(values_of_every_kind_of_number_are_read),
        BENCH(values_that_are_too_deep_become_nothing),
        BENCH(an_arena_that_is_too_small_is_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
