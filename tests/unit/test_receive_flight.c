/* receive: Arrow Flight's DoPut: every batch becomes a record that can be read by itself, and is answered when that is durable. */
#include "receive_double.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

#define DO_PUT "/arrow.flight.protocol.FlightService/DoPut"

static struct receive_double d;
static struct double_client  c;
static struct session       *s;

static int open_all(void **state)
{
    double_open(&d);
    d.host.limits.budget = 64 * 1024 * 1024;
    s = session_new(&d.host, &d.door, SESSION_EITHER);
    client_open(&c, s);
    return 0;
}

static int close_all(void **state)
{
    client_close(&c);
    session_free(s);
    double_close(&d);
    return 0;
}

/* ---- a client's side of DoPut ---- */

struct call { char s[32768]; size_t n; };

static void number_put(struct call *to, uint64_t v)
{
    for (; v > 127; v >>= 7)
        to->s[to->n++] = (char)(v | 128);
    to->s[to->n++] = (char)v;
}

static void part_put(struct call *to, unsigned field, const char *bytes, size_t n)
{
    number_put(to, field << 3 | 2);
    number_put(to, n);
    memcpy(to->s + to->n, bytes, n);
    to->n += n;
}

/* The messages of an Arrow stream as FlightData, each in a frame of gRPC; the first names the table [shop, orders]. */
static void call_make(struct call *to, const char *file, bool named)
{
    static char stream[8192];
    char        path[512];
    (void)snprintf(path, sizeof path, "%s/%s", ARROW_FIXTURES, file);
    FILE *in = fopen(path, "rb");
    assert_non_null(in);
    size_t n = fread(stream, 1, sizeof stream, in);
    (void)fclose(in);
    to->n = 0;
    for (size_t at = 0; at + 8 <= n;) {
        uint32_t head, body;
        memcpy(&head, stream + at + 4, 4);
        if (head == 0)
            break;
        /* The body's length is the fourth field of the message; the next message begins where the marker is again. */
        size_t next = at + 8 + head;
        for (body = 0; next + body + 4 <= n && memcmp(stream + next + body, "\xff\xff\xff\xff", 4) != 0; body += 8)
            ;
        static struct call message;
        message.n = 0;
        if (named && at == 0)
            part_put(&message, 1, "\x08\x01\x1a\x04shop\x1a\x06orders", 16);
        part_put(&message, 2, stream + at + 8, head);
        part_put(&message, 3, "tag", 3);
        part_put(&message, 1000, stream + next, body);
        size_t size;
        char  *frame = grpc_frame(message.s, message.n, false, &size);
        memcpy(to->s + to->n, frame, size);
        to->n += size;
        free(frame);
        at = next + body;
    }
}

static void each_batch_is_kept_with_its_schema_and_answered_once_durable(void **state)
{
    static struct call call;
    call_make(&call, "metrics.arrows", true);
    size_t i = client_post(&c, DO_PUT, "application/grpc", NULL, call.s, call.n, false);
    client_talk(&c);
    assert_int_equal(d.kept_n, 2);
    assert_int_equal(c.of[i].data_n, 0);
    for (size_t k = 0; k < 2; k++) {      /* the second can be read without the first */
        struct event_report report = { 0 };
        struct fault        fault;
        assert_ok(event_check(RECORD_ARROW, FORM_ARROW, (struct slice){ d.kept[k].body, d.kept[k].body_n }, &report, &fault), &fault);
        assert_int_equal(report.events, d.kept[k].events);
        assert_string_equal(d.kept[k].source, "shop.orders");
    }
    double_durable(&d, OK);
    client_talk(&c);
    assert_int_equal(c.of[i].data_n, 20);      /* two PutResults with what the client said of each */
    assert_memory_equal(c.of[i].data, "\0\0\0\0\5\x0a\3tag\0\0\0\0\5\x0a\3tag", 20);
    assert_string_equal(c.of[i].grpc_status, "0");
    assert_true(c.of[i].closed);
}

static void a_batch_is_answered_while_the_stream_is_still_open(void **state)
{
    static struct call call;
    call_make(&call, "logs.arrows", true);
    size_t i = client_post(&c, DO_PUT, "application/grpc", NULL, call.s, call.n, true);
    client_talk(&c);
    assert_int_equal(d.kept_n, 1);
    double_durable(&d, OK);
    client_talk(&c);
    assert_int_equal(c.of[i].data_n, 10);
    assert_false(c.of[i].closed);
    assert_int_equal(atomic_load(&d.in_flight), 0);
}

static void what_cannot_be_made_durable_ends_the_stream_so_that_it_comes_again(void **state)
{
    static struct call call;
    call_make(&call, "metrics.arrows", true);
    size_t i = client_post(&c, DO_PUT, "application/grpc", NULL, call.s, call.n, true);
    client_talk(&c);
    double_durable(&d, ERR_IO);
    client_talk(&c);
    assert_string_equal(c.of[i].grpc_status, "14");
    assert_int_equal(c.of[i].data_n, 0);
}

static void a_stream_without_a_table_or_with_junk_is_refused(void **state)
{
    static struct call call;
    call_make(&call, "logs.arrows", false);
    size_t i = client_post(&c, DO_PUT, "application/grpc", NULL, call.s, call.n, false);
    size_t k = client_post(&c, DO_PUT, "application/grpc", NULL, "\0\0\0\0\3\x12\x7f\x01", 8, false);
    size_t cut = client_post(&c, DO_PUT, "application/grpc", NULL, "\0\0\0\0\3\x12", 6, false);
    client_talk(&c);
    assert_string_equal(c.of[i].grpc_status, "3");
    assert_string_equal(c.of[k].grpc_status, "3");
    assert_string_equal(c.of[cut].grpc_status, "3");
    assert_int_equal(d.kept_n, 0);
}

static void a_peer_that_leaves_in_the_middle_leaves_nothing_behind(void **state)
{
    static struct call call;
    call_make(&call, "metrics.arrows", true);
    size_t i = client_post(&c, DO_PUT, "application/grpc", NULL, call.s, call.n - 30, true);
    (void)client_post(&c, DO_PUT, "application/grpc", NULL, call.s, call.n, false);
    client_talk(&c);
    (void)nghttp2_submit_rst_stream(c.http2, 0, c.of[i].id, NGHTTP2_CANCEL);
    client_talk(&c);
    session_free(s);      /* one stream was ended, one not; close_all looks at the budget */
    s = NULL;
    double_durable(&d, OK);
}

static void a_stream_that_ends_after_its_peer_left_is_not_looked_at_any_more(void **state)
{
    static struct call call;
    call_make(&call, "metrics.arrows", true);
    (void)client_post(&c, DO_PUT, "application/grpc", NULL, call.s, call.n, false);
    client_talk(&c);
    session_free(s);
    s = NULL;
    d.host.spares = SESSION_SPARES_MAX;      /* so that it is freed at once */
    double_durable(&d, OK);
}

static void a_batch_that_no_record_holds_ends_the_stream_once(void **state)
{
    static struct call call;
    call_make(&call, "metrics.arrows", true);
    d.too_large = true;
    size_t i = client_post(&c, DO_PUT, "application/grpc", NULL, call.s, call.n, false);
    client_talk(&c);
    assert_string_equal(c.of[i].grpc_status, "8");
    assert_int_equal(d.stats.of[RECEIVE_FLIGHT].refused[REFUSED_TOO_LARGE], 1);
    assert_true(session_idle(s));
}

static void what_streams_hold_between_their_batches_is_bounded(void **state)
{
    static struct call call;
    size_t             i[3];
    call_make(&call, "logs.arrows", true);
    d.host.limits.budget = 4 * 1024;
    for (size_t k = 0; k < 3; k++) {
        i[k] = client_post(&c, DO_PUT, "application/grpc", NULL, call.s, call.n, true);
        client_talk(&c);
        double_durable(&d, OK);
        client_talk(&c);
    }
    assert_false(c.of[i[0]].closed);
    assert_string_equal(c.of[i[2]].grpc_status, "14");
    (void)nghttp2_submit_rst_stream(c.http2, 0, c.of[i[0]].id, NGHTTP2_CANCEL);
    (void)nghttp2_submit_rst_stream(c.http2, 0, c.of[i[1]].id, NGHTTP2_CANCEL);
    client_talk(&c);
    assert_true(d.host.kept <= 1024);
}

static void nothing_is_unpacked_while_the_budget_is_used_up(void **state)
{
    static const char *const gzip[] = { "grpc-encoding", "gzip", NULL };
    size_t                   n;
    char                    *frame = grpc_frame("x", 1, true, &n);
    atomic_fetch_add(&d.in_flight, d.host.limits.budget);
    size_t i = client_post(&c, DO_PUT, "application/grpc", gzip, frame, n, false);
    client_talk(&c);
    assert_string_equal(c.of[i].grpc_status, "14");
    atomic_fetch_sub(&d.in_flight, d.host.limits.budget);
    free(frame);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, open_all, close_all)
    const struct CMUnitTest tests[] = {
        T(each_batch_is_kept_with_its_schema_and_answered_once_durable),
        T(a_batch_is_answered_while_the_stream_is_still_open),
        T(what_cannot_be_made_durable_ends_the_stream_so_that_it_comes_again),
        T(a_stream_without_a_table_or_with_junk_is_refused),
        T(a_stream_that_ends_after_its_peer_left_is_not_looked_at_any_more),
        T(a_batch_that_no_record_holds_ends_the_stream_once),
        T(what_streams_hold_between_their_batches_is_bounded),
        T(nothing_is_unpacked_while_the_budget_is_used_up),
        T(a_peer_that_leaves_in_the_middle_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
