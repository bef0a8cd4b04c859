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

struct call { char s[4 << 20]; size_t n; };

static const char *said_of_each = "tag";

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
        part_put(&message, 3, said_of_each, strlen(said_of_each));
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
    assert_int_equal(atomic_load(&d.in_flight), SESSION_EXCHANGE);
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

/* Frame number `which` of a call, added to another. */
static void frame_add(struct call *to, const struct call *from, size_t which)
{
    size_t at = 0, n;
    for (;; at += n) {
        const unsigned char *p = (const unsigned char *)from->s + at;
        n = 5 + ((size_t)p[1] << 24 | (size_t)p[2] << 16 | (size_t)p[3] << 8 | p[4]);
        if (which-- == 0)
            break;
    }
    memcpy(to->s + to->n, from->s + at, n);
    to->n += n;
}

static void a_dictionary_that_is_sent_again_does_not_make_records_longer(void **state)
{
    static struct call call, again;
    call_make(&call, "metrics.arrows", true);      /* schema, dictionary, batch, batch */
    again.n = 0;
    frame_add(&again, &call, 0);
    for (int i = 0; i < 10; i++) {
        frame_add(&again, &call, 1);
        frame_add(&again, &call, 2);
    }
    size_t i = client_post(&c, DO_PUT, "application/grpc", NULL, again.s, again.n, false);
    d.at_once = true;
    client_talk(&c);
    assert_string_equal(c.of[i].grpc_status, "0");
    assert_int_equal(d.kept_n, 10);
    for (size_t k = 1; k < 10; k++) {
        assert_int_equal(d.kept[k].body_n, d.kept[0].body_n);
        assert_memory_equal(d.kept[k].body, d.kept[0].body, d.kept[0].body_n);
    }
}

static void a_table_of_which_nothing_can_be_taken_is_refused_and_why_is_said(void **state)
{
    static struct call call;
    call_make(&call, "logs.arrows", true);
    for (char *at = call.s; (at = memmem(at, call.n - (size_t)(at - call.s), "message", 7)); at += 7)
        at[1] = 'a';
    size_t i = client_post(&c, DO_PUT, "application/grpc", NULL, call.s, call.n, false);
    client_talk(&c);
    assert_int_equal(d.kept_n, 0);
    assert_string_equal(c.of[i].grpc_status, "3");
    assert_non_null(strstr(c.of[i].message, "neither a column message nor a column name"));
}

static void what_a_client_says_of_a_batch_comes_back_whole_however_long(void **state)
{
    static struct call call;
    static char        long_text[300001];
    memset(long_text, 'x', sizeof long_text - 1);
    said_of_each = long_text;
    call_make(&call, "metrics.arrows", true);
    size_t i = client_post(&c, DO_PUT, "application/grpc", NULL, call.s, call.n, false);
    client_talk(&c);
    double_durable(&d, OK);
    client_talk(&c);
    assert_string_equal(c.of[i].grpc_status, "0");
    assert_int_equal(c.of[i].came, 2 * (5 + 4 + 300000));
    d.host.limits.body_max = 500000;      /* of two that he does not read in between only one has room */
    i = client_post(&c, DO_PUT, "application/grpc", NULL, call.s, call.n, false);
    client_talk(&c);
    double_durable(&d, OK);
    client_talk(&c);
    said_of_each = "tag";
    assert_true(c.of[i].closed);
    assert_int_equal(c.of[i].code, NGHTTP2_CANCEL);
    assert_string_equal(c.of[i].grpc_status, "");
}

static void a_batch_that_unpacks_to_more_than_a_record_may_hold_is_too_large(void **state)
{
    static const uint64_t large = 100 * 1024 * 1024;
    char                  stream[8192];
    struct event_report   report;
    struct fault          fault;
    FILE                 *in = fopen(ARROW_FIXTURES "/metrics_zstd.arrows", "rb");
    assert_non_null(in);
    size_t n = fread(stream, 1, sizeof stream, in);
    (void)fclose(in);
    assert_ok(event_check(RECORD_ARROW, FORM_ARROW, (struct slice){ stream, n }, &report, &fault), &fault);
    char *packed = memmem(stream, n, "\x28\xb5\x2f\xfd", 4);
    assert_non_null(packed);
    memcpy(packed - 8, &large, sizeof large);      /* what the column says that it will be */
    assert_int_equal(event_check(RECORD_ARROW, FORM_ARROW, (struct slice){ stream, n }, &report, &fault), ERR_LIMIT);
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
        T(a_dictionary_that_is_sent_again_does_not_make_records_longer),
        T(a_table_of_which_nothing_can_be_taken_is_refused_and_why_is_said),
        T(what_a_client_says_of_a_batch_comes_back_whole_however_long),
        T(a_batch_that_unpacks_to_more_than_a_record_may_hold_is_too_large),
        T(a_peer_that_leaves_in_the_middle_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
