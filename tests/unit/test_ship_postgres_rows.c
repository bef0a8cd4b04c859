/* ship: events as rows of PostgreSQL's binary COPY, byte by byte. */
#include "unit.h"

#include "ship/kinds.h"
#include "ship/postgres_layout.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct attr     of_resource[] = { { SLICE("service.name"), { .kind = VALUE_TEXT, .as.text = SLICE("shop") } }, { SLICE("zone"), { .kind = VALUE_TEXT, .as.text = SLICE("eu") } } };
static const struct resource resource = { .attrs = { of_resource, 2 }, .id = 0x0102030405060708 };
static const struct scope    scope = { 0 };

static struct event log_event(struct slice body)
{
    return (struct event){ .type = EVENT_LOG, .record = 17, .index = 3, .received_us = 946684800000000, .resource = &resource, .scope = &scope,
        .as.log = { .time_ns = 946684800000001999, .severity = 17, .body = { .kind = VALUE_TEXT, .as.text = body } } };
}

/* ---- reading the stream again ---- */

struct reader { const unsigned char *p, *end; };

static uint64_t number(struct reader *r, int bytes)
{
    uint64_t v = 0;
    assert_true(r->end - r->p >= bytes);
    while (bytes--)
        v = v << 8 | *r->p++;
    return v;
}

static bool field(struct reader *r, char *out, size_t *n)
{
    uint32_t length = (uint32_t)number(r, 4);
    *n = 0;
    if (length == UINT32_MAX)
        return false;
    assert_true(length < 1000 && (size_t)(r->end - r->p) >= length);
    memcpy(out, r->p, length);
    out[length] = '\0';
    *n = length;
    r->p += length;
    return true;
}

static void assert_text(struct reader *r, const char *want)
{
    char   s[1001];
    size_t n;
    assert_true(field(r, s, &n));
    assert_string_equal(s, want);
    assert_int_equal(n, strlen(want));
}

static void assert_number(struct reader *r, uint64_t want, int bytes)
{
    assert_int_equal(number(r, 4), bytes);
    assert_int_equal(number(r, bytes), want);
}

static void assert_null_field(struct reader *r)
{
    char   s[1001];
    size_t n;
    assert_false(field(r, s, &n));
}

static struct reader begin(struct pg_rows *rows, const struct event *e)
{
    pg_rows_init(rows, 1 << 20);
    pg_rows_begin(rows);
    pg_rows_add(rows, e);
    pg_rows_end(rows);
    struct reader r = { (const unsigned char *)rows->out.s, (const unsigned char *)rows->out.s + rows->out.used };
    assert_memory_equal(r.p, "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19);
    r.p += 19;
    return r;
}

static void end(struct pg_rows *rows, struct reader *r)
{
    assert_int_equal(number(r, 2), 0xffff);
    assert_ptr_equal(r->p, r->end);
    pg_rows_done(rows);
}

/* ---- the rows ---- */

static void a_log_is_thirteen_columns_with_its_identity_in_front(void **state)
{
    (void)state;
    struct pg_rows rows;
    struct event   e = log_event(SLICE("hello"));
    e.as.log.trace_id = SLICE("\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\xff");
    struct reader  r = begin(&rows, &e);
    assert_int_equal(number(&r, 2), 13);
    assert_number(&r, 1, 8);                     /* microseconds since 2000, cut */
    assert_number(&r, 17, 8);
    assert_number(&r, 3, 4);
    assert_number(&r, 0x0102030405060708, 8);
    assert_text(&r, "");                         /* the tenant */
    assert_text(&r, "shop");
    assert_text(&r, "");
    assert_text(&r, "0102030405060708090a0b0c0d0e0fff");
    assert_null_field(&r);
    assert_text(&r, "ERROR");                    /* said by the number alone */
    assert_number(&r, 17, 2);
    assert_text(&r, "hello");
    assert_text(&r, "\001{\"zone\":\"eu\"}");
    end(&rows, &r);
}

static void times_before_1970_round_down_and_have_their_own_day(void **state)
{
    (void)state;
    struct pg_rows rows;
    struct event   e = log_event(SLICE(""));
    e.as.log.time_ns = -1;
    struct reader r = begin(&rows, &e);
    assert_int_equal(number(&r, 2), 13);
    assert_number(&r, (uint64_t)(-946684800000000 - 1), 8);
    pg_rows_done(&rows);
    assert_int_equal(pg_row_day(&e), -1);
    e.as.log.time_ns = 86400000000000;
    assert_int_equal(pg_row_day(&e), 1);
}

static void what_postgres_does_not_hold_is_replaced_and_counted_in_the_row(void **state)
{
    (void)state;
    struct pg_rows    rows;
    const struct attr bad = { SLICE("k\0y"), { .kind = VALUE_TEXT, .as.text = SLICE("\\u0000 \0") } };
    struct event      e = log_event(SLICE("a\0b\xff" "c\xc3\xa4\xe2\x82"));
    e.attrs = (struct attrs){ &bad, 1 };
    struct reader     r = begin(&rows, &e);
    char              s[1001];
    size_t            n;
    assert_int_equal(number(&r, 2), 13);
    for (int i = 0; i < 11; i++)
        (void)field(&r, s, &n);
    assert_text(&r, "a\xef\xbf\xbd" "b\xef\xbf\xbd" "c\xc3\xa4\xef\xbf\xbd\xef\xbf\xbd");
    assert_text(&r, "\001{\"zone\":\"eu\",\"k\\ufffdy\":\"\\\\u0000 \\ufffd\",\"homeostat.replaced\":6}");
    assert_int_equal(rows.replaced, 6);
    end(&rows, &r);
}

static void a_point_has_its_value_and_what_has_none_has_all_of_it_as_json(void **state)
{
    (void)state;
    struct pg_rows rows;
    struct event   e = log_event(SLICE(""));
    char           s[1001];
    size_t         n;
    e.type = EVENT_POINT;
    e.as.point = (struct point_event){ .name = SLICE("up"), .kind = POINT_GAUGE, .time_ns = 946684800000000000, .value = 1.5 };
    struct reader r = begin(&rows, &e);
    assert_int_equal(number(&r, 2), 15);
    for (int i = 0; i < 7; i++)
        (void)field(&r, s, &n);
    assert_text(&r, "up");
    assert_number(&r, 0x3ff8000000000000, 8);
    assert_text(&r, "gauge");
    assert_text(&r, "");
    for (int i = 0; i < 3; i++)
        assert_null_field(&r);
    assert_text(&r, "\001{\"zone\":\"eu\"}");
    end(&rows, &r);
    static const uint64_t counts[] = { 1, 2 };
    static const double   bounds[] = { 0.5 };
    e.as.point = (struct point_event){ .name = SLICE("h"), .kind = POINT_HISTOGRAM, .time_ns = 946684800000000000, .count = 3, .sum = 2, .min = NAN, .max = NAN, .bounds = bounds, .bounds_n = 1,
                                       .counts = counts, .counts_n = 2 };
    r = begin(&rows, &e);
    assert_int_equal(number(&r, 2), 15);
    for (int i = 0; i < 8; i++)
        (void)field(&r, s, &n);
    assert_null_field(&r);
    assert_text(&r, "histogram");
    (void)field(&r, s, &n);
    (void)field(&r, s, &n);
    (void)field(&r, s, &n);
    assert_true(field(&r, s, &n));
    assert_non_null(strstr(s, "\"bounds\":[0.5],\"counts\":[1,2]"));
    pg_rows_done(&rows);
}

static void a_span_has_its_duration_and_ids(void **state)
{
    (void)state;
    struct pg_rows rows;
    struct event   e = log_event(SLICE(""));
    e.type = EVENT_SPAN;
    e.as.span = (struct span_event){ .trace_id = SLICE("0123456789abcdef"), .span_id = SLICE("01234567"), .name = SLICE("get"), .kind = SPAN_SERVER, .status = SPAN_ERROR,
                                     .start_ns = 946684800000000000, .end_ns = 946684800000000007 };
    struct reader r = begin(&rows, &e);
    char          s[1001];
    size_t        n;
    assert_int_equal(number(&r, 2), 17);
    for (int i = 0; i < 7; i++)
        (void)field(&r, s, &n);
    assert_text(&r, "30313233343536373839616263646566");
    assert_text(&r, "3031323334353637");
    assert_null_field(&r);
    assert_text(&r, "get");
    assert_text(&r, "server");
    assert_text(&r, "error");
    assert_null_field(&r);
    assert_number(&r, 7, 8);
    assert_null_field(&r);
    assert_text(&r, "\001{\"zone\":\"eu\"}");
    end(&rows, &r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_log_is_thirteen_columns_with_its_identity_in_front),
        cmocka_unit_test(times_before_1970_round_down_and_have_their_own_day),
        cmocka_unit_test(what_postgres_does_not_hold_is_replaced_and_counted_in_the_row),
        cmocka_unit_test(a_point_has_its_value_and_what_has_none_has_all_of_it_as_json),
        cmocka_unit_test(a_span_has_its_duration_and_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
