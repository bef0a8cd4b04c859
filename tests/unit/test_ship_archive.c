/* ship: what a sink has put away comes back as it was. */
#include "ship_fixture.h"
#include "ship_server.h"

#include "base/file.h"
#include "base/text.h"
#include "ship/archive.h"
#include "ship/json.h"
#include "ship/json_read.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct value text_value(const char *s) { return (struct value){ VALUE_TEXT, { .text = slice_of(s) } }; }

static char *line_of(const struct event *e)
{
    struct text t;
    text_init(&t, 1 << 20);
    ship_json_event(&t, e);
    return text_take(&t);
}

static void assert_comes_back(const struct event *e)
{
    struct arena a;
    struct event again;
    char        *line = line_of(e);
    arena_init(&a, 1 << 20);
    assert_ok(ship_json_read(slice_of(line), &a, &again, &fault), &fault);
    char *other = line_of(&again);
    assert_string_equal(line, other);
    assert_int_equal(again.type, e->type);
    assert_int_equal(again.resource->id, attrs_id(&e->resource->attrs));
    assert_int_equal(attrs_id(&again.attrs), attrs_id(&e->attrs));      /* each value of the same kind */
    for (size_t n = 0; n < strlen(line); n++)                           /* no part of a line is one */
        assert_int_equal(ship_json_read((struct slice){ line, n }, &a, &again, &fault), ERR_INPUT);
    arena_done(&a);
    free(line);
    free(other);
}

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void a_line_read_back_is_the_event_that_it_was(void **state)
{
    (void)state;
    struct value    items[] = { { VALUE_INT, { .integer = INT64_MIN } }, { VALUE_REAL, { .real = 1e300 } }, { VALUE_NONE, { .integer = 0 } } };
    struct attr     inner[] = { { SLICE(""), { VALUE_LIST, { .list = { items, 3 } } } } };
    struct attr     attrs[] = { { SLICE("text"), text_value("a \"b\"\n\xe2\x82\xac") }, { SLICE("\"\\"), { VALUE_INT, { .integer = 5 } } }, { SLICE("real"), { VALUE_REAL, { .real = 5 } } },
                                { SLICE("large"), { VALUE_REAL, { .real = 123456789012345680 } } }, { SLICE("small"), { VALUE_REAL, { .real = -0.1 } } }, { SLICE("zero"), { VALUE_REAL, { .real = -0.0 } } },
                                { SLICE("yes"), { VALUE_BOOL, { .boolean = true } } }, { SLICE("map"), { VALUE_MAP, { .map = { inner, 1 } } } }, { SLICE("none"), { VALUE_NONE, { .integer = 0 } } } };
    struct resource r = { .attrs = { attrs, 3 } }, bare = { .attrs = { NULL, 0 } };
    struct scope    scope = { .name = SLICE("lib"), .version = SLICE("1.2") }, none = { .name = SLICE("") };
    uint64_t        counts[] = { 1, UINT64_MAX, 0 };
    double          bounds[] = { 0.005, 10 };
    struct quantile q[] = { { 0.5, 1.25 }, { 0.99, NAN }, { 1, INFINITY } };
    struct span_link links[] = { { .trace_id = { "0123456789abcdef", 16 }, .span_id = { "01234567", 8 } }, { .trace_id = { "fedcba9876543210", 16 } } };
    const struct event base = { .record = 17, .index = 3, .received_us = 1700000000123456, .tenant = SLICE("shop"), .source = SLICE("otlp"), .resource = &r, .scope = &scope, .attrs = { attrs, COUNT(attrs) } };
    struct event    e = base;
    e.as.log = (struct log_event){ .time_ns = -1, .observed_ns = 1700000000123456789, .severity = 17, .severity_text = SLICE("ERROR"), .name = SLICE("n"), .body = text_value("it\tfailed"),
                                   .trace_id = { "\0\1\2\3\4\5\6\7\xf8\xf9zzzzzz", 16 }, .span_id = { "\xff\0zzzzzz", 8 }, .flags = 1, .dropped = 2 };
    assert_comes_back(&e);
    e.as.log = (struct log_event){ .time_ns = 1, .body = { VALUE_MAP, { .map = { attrs, COUNT(attrs) } } } };
    e.resource = &bare;
    e.scope = &none;
    e.tenant = (struct slice){ 0 };
    assert_comes_back(&e);
    e = base;
    e.type = EVENT_POINT;
    const struct point_event point = { .name = SLICE("m"), .unit = SLICE("s"), .start_ns = 1, .time_ns = 1700000000000000001, .sum = NAN, .min = NAN, .max = NAN };
    const struct point_event points[] = {
        { .kind = POINT_GAUGE, .value = 7 }, { .kind = POINT_GAUGE, .value = NAN }, { .kind = POINT_UNKNOWN, .value = -INFINITY }, { .kind = POINT_GAUGE, .is_int = true, .integer = INT64_MAX, .value = 9.2e18 },
        { .kind = POINT_SUM, .monotonic = true, .temporality = TEMPORALITY_DELTA, .value = 0.1 }, { .kind = POINT_SUM, .stale = true, .temporality = TEMPORALITY_CUMULATIVE },
        { .kind = POINT_HISTOGRAM, .temporality = TEMPORALITY_CUMULATIVE, .count = 3, .sum = 1.5, .min = NAN, .max = INFINITY, .bounds = bounds, .bounds_n = 2, .counts = counts, .counts_n = 3 },
        { .kind = POINT_EXPONENTIAL, .count = 3, .sum = NAN, .min = NAN, .max = NAN, .scale = -4, .zero_count = 2, .zero_threshold = 0.5, .positive = { -7, counts, 3 }, .negative = { 9, counts, 1 } },
        { .kind = POINT_SUMMARY, .count = 3, .sum = 4, .min = NAN, .max = NAN, .quantiles = q, .quantiles_n = 3 },
    };
    for (size_t i = 0; i < COUNT(points); i++) {
        e.as.point = points[i];
        e.as.point.name = point.name;
        e.as.point.unit = point.unit;
        e.as.point.start_ns = i % 2;
        e.as.point.time_ns = point.time_ns;
        assert_comes_back(&e);
    }
    e.type = EVENT_SPAN;
    e.as.span = (struct span_event){ .trace_id = { "0123456789abcdef", 16 }, .span_id = { "01234567", 8 }, .parent_id = { "76543210", 8 }, .state = SLICE("a=b"), .name = SLICE("GET /"), .status_message = SLICE("no"),
                                     .kind = SPAN_CONSUMER, .status = SPAN_ERROR, .start_ns = 1700000000000000001, .end_ns = 1700000000000000009, .links = links, .links_n = 2, .dropped = 4, .flags = 257 };
    assert_comes_back(&e);
}

/* ---- a bucket ---- */

static struct world w;
static char         url[64];

static int set_up(void **state)
{
    (void)state;
    world_begin(&w, false);
    server_begin();
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%d/", server.port);
    w.conf.kind = "object";
    w.conf.url = url;
    w.conf.bucket = "lake";
    w.conf.prefix = "raw";
    w.conf.path_style = true;
    w.conf.user = "";
    w.conf.password = (struct conf_secret){ "", "", 0 };
    w.conf.timeout_us = 5 * US_PER_S;
    w.conf.path = "{dataset}/%Y";
    return 0;
}

static char *answers[REQUESTS_MAX];
static int   answered;

/* Once its thread has ended: it reads them. */
static void forget_answers(void)
{
    while (answered)
        free(answers[--answered]);
}

static int tear_down(void **state)
{
    (void)state;
    server_end();
    forget_answers();
    world_end(&w);
    return 0;
}

static void answer(const char *body)
{
    char *all = NULL;
    assert_true(asprintf(&all, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", strlen(body), body) > 0);
    answers[answered] = all;
    server.answer[answered++] = all;
}

#define LIST(inside) "<?xml version=\"1.0\"?><ListBucketResult>" inside "</ListBucketResult>"
#define KEY(k)       "<Contents><Key>raw/logs/2023/" k "</Key><Size>7</Size></Contents>"
#define LINE(id)     "{\"type\":\"log\",\"id\":\"" id "\",\"time\":\"2023-11-14T22:13:20Z\",\"received\":\"2023-11-14T22:13:20Z\",\"body\":\"x\"}\n"

struct taken { char ids[200]; int most; };

static bool take(void *ctx, const struct event *e)
{
    struct taken *t = ctx;
    size_t        n = strlen(t->ids);
    (void)snprintf(t->ids + n, sizeof t->ids - n, "%d-%d ", (int)e->record, (int)e->index);
    return --t->most != 0;
}

#define AT (INT64_C(1700000000) * US_PER_S)

static enum err read_it(struct taken *t)
{
    struct archive *a;
    assert_ok(archive_open(&w.conf, &a, &fault), &fault);
    enum err e = archive_read(a, AT, AT + 3600 * US_PER_S, take, t, &fault);
    archive_close(a);
    return e;
}

static void objects_are_listed_to_the_last_page_and_read_in_the_order_in_which_they_were_written(void **state)
{
    (void)state;
    struct taken t = { .most = 0 };
    answer(LIST(KEY("s.000000000003-0.000000000003-1.1700000002000000.jsonl") KEY("other.000000000001-0.000000000001-1.1700000002000000.jsonl") KEY("s.notes") "<IsTruncated>true</IsTruncated><NextContinuationToken>a/b&amp;c=</NextContinuationToken>"));
    answer(LIST(KEY("s.000000000001-0.000000000002-0.1700000001000000.jsonl") KEY("s.000000000009-0.000000000009-0.1700009999000000.jsonl") "<IsTruncated>false</IsTruncated>"));
    answer(LINE("1-0") LINE("2-0"));
    answer(LINE("3-0") LINE("3-1"));
    answer(LIST("<IsTruncated>false</IsTruncated>"));
    answer(LIST(""));
    assert_ok(read_it(&t), &fault);
    assert_string_equal(t.ids, "1-0 2-0 3-0 3-1 ");
    assert_int_equal(server.n, 6);                      /* none of another sink's, none that is no batch, none that was received later */
    assert_non_null(strstr(server.head[0], "GET /lake/?list-type=2&max-keys=500&prefix=raw%2Flogs%2F2023%2F HTTP"));
    assert_non_null(strstr(server.head[1], "GET /lake/?continuation-token=a%2Fb%26c%3D&list-type=2&max-keys=500&prefix=raw%2Flogs%2F2023%2F HTTP"));
    assert_non_null(strstr(server.head[2], "GET /lake/raw/logs/2023/s.000000000001-0.000000000002-0.1700000001000000.jsonl HTTP"));
    assert_non_null(strstr(server.head[4], "prefix=raw%2Fmetrics%2F2023%2F HTTP"));
}

static void who_has_enough_is_given_no_more(void **state)
{
    (void)state;
    struct taken t = { .most = 1 };
    answer(LIST(KEY("s.000000000001-0.000000000002-0.1700000001000000.jsonl") KEY("s.000000000003-0.000000000003-0.1700000001000000.jsonl")));
    answer(LINE("1-0") LINE("2-0"));
    assert_ok(read_it(&t), &fault);
    assert_string_equal(t.ids, "1-0 ");
    assert_int_equal(server.n, 2);
}

static void a_store_that_cannot_be_read_is_told_of_and_nothing_is_made_up(void **state)
{
    (void)state;
    static const struct { const char *first, *second; enum err e; const char *says; } rows[] = {
        { "HTTP/1.1 503 SlowDown\r\nContent-Length: 0\r\n\r\n", NULL, ERR_IO, "answered 503" },
        { "HTTP/1.1 403 X\r\nContent-Length: 6\r\n\r\nDenied", NULL, ERR_IO, "are token, user and password right?" },
        { "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", NULL, ERR_IO, "does not answer with a list" },
        { "HTTP/1.1 200 OK\r\nContent-Length: 62\r\n\r\n<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketRe", NULL, ERR_IO, "not how to ask for it" },
        { "HTTP/1.1 200 OK\r\nContent-Length: 48\r\n\r\n<ListBucketResult><Contents></Contents></ListBuc", NULL, ERR_IO, "no name that can be read" },
        { NULL, "HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n", ERR_IO, "answered 404" },
        { NULL, "HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{}", ERR_IO, "the object store of s" },
        { NULL, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{}\n", ERR_INPUT, "line 1: " },
        { NULL, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", ERR_INPUT, "ends within line 1" },
        { NULL, "HTTP/1.1 206 OK\r\nContent-Length: 0\r\n\r\n", ERR_IO, "answered 206" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct taken t = { .most = 0 };
        server_end();
        forget_answers();
        server_begin();
        (void)snprintf(url, sizeof url, "http://127.0.0.1:%d/", server.port);
        answer(LIST(KEY("s.000000000001-0.000000000002-0.1700000001000000.jsonl")));
        if (rows[i].first)
            server.answer[0] = rows[i].first;
        server.answer[1] = rows[i].second ? rows[i].second : "hang up";
        enum err e = read_it(&t);
        if (e != rows[i].e || !strstr(fault.text, rows[i].says))
            fail_msg("row %zu: %s: %s", i, err_name(e), e == OK ? "" : fault.text);
        assert_string_equal(t.ids, "");
    }
}

static void only_a_sink_that_takes_everything_as_json_can_be_an_archive(void **state)
{
    (void)state;
    const char *item[] = { "logs", "metrics", "traces" };
    assert_ok(archive_fits(&w.conf, &fault), &fault);
    w.conf.types = (struct conf_list){ item, 3 };
    assert_ok(archive_fits(&w.conf, &fault), &fault);
    w.conf.types.count = 2;
    assert_int_equal(archive_fits(&w.conf, &fault), ERR_INPUT);
    w.conf.types.count = 0;
    w.conf.match = (struct conf_list){ item, 1 };
    assert_int_equal(archive_fits(&w.conf, &fault), ERR_INPUT);
    w.conf.match.count = 0;
    w.conf.relabel = (struct conf_list){ item, 1 };
    assert_int_equal(archive_fits(&w.conf, &fault), ERR_INPUT);
    w.conf.relabel.count = 0;
    w.conf.format = FORMAT_OTLP;
    assert_int_equal(archive_fits(&w.conf, &fault), ERR_INPUT);
    w.conf.format = FORMAT_AUTO;
    w.conf.kind = "loki";
    assert_int_equal(archive_fits(&w.conf, &fault), ERR_INPUT);
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_read_back_is_the_event_that_it_was),
        T(objects_are_listed_to_the_last_page_and_read_in_the_order_in_which_they_were_written),
        T(who_has_enough_is_given_no_more),
        T(a_store_that_cannot_be_read_is_told_of_and_nothing_is_made_up),
        T(only_a_sink_that_takes_everything_as_json_can_be_an_archive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
