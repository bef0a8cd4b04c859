/* receive: every limit is kept, and over it a sender is told for good only what will be so the next time as well. */
#include "receive_double.h"
#include "unit.h"

#include <libdeflate.h>
#include <stdlib.h>
#include <zstd.h>

static struct receive_double d;
static struct double_client  c;
static struct session       *s;
static char                  said[DOUBLE_TEXT_MAX];

static int open_1(void **state)
{
    double_open(&d);
    s = session_new(&d.host, &d.door, SESSION_EITHER);
    said[0] = '\0';
    return 0;
}

static int close_1(void **state)
{
    session_free(s);
    double_close(&d);
    return 0;
}

static int open_2(void **state)
{
    (void)open_1(state);
    client_open(&c, s);
    client_talk(&c);
    return 0;
}

static int close_2(void **state)
{
    client_close(&c);
    return close_1(state);
}

static void send_body(const char *head, const char *body, size_t n)
{
    (void)session_feed(s, head, strlen(head));
    double_said(s, said, sizeof said);
    for (size_t at = 0; at < n; at += 65536)
        (void)session_feed(s, body + at, n - at < 65536 ? n - at : 65536);
    double_said(s, said, sizeof said);
}

#define LOGS_1 "POST /v1/logs HTTP/1.1\r\nHost: h\r\nContent-Type: application/x-protobuf\r\n"

static void what_unpacks_to_more_than_the_limit_is_413(void **state)
{
    size_t                        size = 8 << 20, n;
    char                         *zeros = calloc(1, size), *packed = malloc(size), head[320];
    struct libdeflate_compressor *z = libdeflate_alloc_compressor(6);
    n = libdeflate_gzip_compress(z, zeros, size, packed, size);
    (void)snprintf(head, sizeof head, LOGS_1 "Content-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n", n);
    send_body(head, packed, n);
    assert_non_null(strstr(said, "413 Content Too Large"));
    said[0] = '\0';
    memset(packed + n - 4, 0, 4);      /* says that it is small */
    send_body(head, packed, n);
    assert_non_null(strstr(said, "413"));
    said[0] = '\0';
    n = ZSTD_compress(packed, size, zeros, size, 1);
    (void)snprintf(head, sizeof head, LOGS_1 "Content-Encoding: zstd\r\nContent-Length: %zu\r\n\r\n", n);
    send_body(head, packed, n);
    assert_non_null(strstr(said, "413"));
    said[0] = '\0';
    ZSTD_CCtx *cc = ZSTD_createCCtx();      /* a stream does not say how large it becomes */
    (void)ZSTD_CCtx_setParameter(cc, ZSTD_c_contentSizeFlag, 0);
    for (size_t i = 0; i < 2; i++) {      /* by much, and by one */
        n = ZSTD_compress2(cc, packed, size, zeros, i ? d.host.limits.body_max + 1 : size);
        (void)snprintf(head, sizeof head, LOGS_1 "Content-Encoding: zstd\r\nContent-Length: %zu\r\n\r\n", n);
        send_body(head, packed, n);
        assert_non_null(strstr(said, "413"));
        said[0] = '\0';
    }
    ZSTD_freeCCtx(cc);
    n = libdeflate_gzip_compress(z, zeros, d.host.limits.body_max + 1, packed, size);
    (void)snprintf(head, sizeof head, LOGS_1 "Content-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n", n);
    send_body(head, packed, n);
    assert_non_null(strstr(said, "413"));
    said[0] = '\0';
    send_body("POST /api/v1/write HTTP/1.1\r\nHost: h\r\nContent-Type: application/x-protobuf\r\nContent-Encoding: snappy\r\nContent-Length: 6\r\n\r\n", "\xff\xff\xff\xff\x07x", 6);
    assert_non_null(strstr(said, "413"));
    assert_int_equal(d.kept_n, 0);
    libdeflate_free_compressor(z);
    free(zeros);
    free(packed);
}

static void what_fits_when_unpacked_is_taken(void **state)
{
    size_t                        size = 1024 * 1024 - 16, n;
    char                         *logs = malloc(size), *packed = malloc(size), head[320];
    struct libdeflate_compressor *z = libdeflate_alloc_compressor(6);
    for (size_t i = 0; i < size; i += 20)
        memcpy(logs + i, one_log, 20);
    d.at_once = true;
    n = libdeflate_gzip_compress(z, logs, size / 20 * 20, packed, size);
    (void)snprintf(head, sizeof head, LOGS_1 "Content-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n", n);
    send_body(head, packed, n);
    ZSTD_CCtx *cc = ZSTD_createCCtx();
    (void)ZSTD_CCtx_setParameter(cc, ZSTD_c_contentSizeFlag, 0);
    n = ZSTD_compress2(cc, packed, size, logs, size / 20 * 20);
    ZSTD_freeCCtx(cc);
    (void)snprintf(head, sizeof head, LOGS_1 "Content-Encoding: zstd\r\nContent-Length: %zu\r\n\r\n", n);
    send_body(head, packed, n);
    size_t half = size / 40 * 20, a = libdeflate_gzip_compress(z, logs, half, packed, size);      /* two members, one after the other */
    a += libdeflate_gzip_compress(z, logs, half, packed + a, size - a);
    (void)snprintf(head, sizeof head, LOGS_1 "Content-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n", a);
    send_body(head, packed, a);
    a = ZSTD_compress(packed, size, logs, half, 1);
    a += ZSTD_compress(packed + a, size - a, logs, half, 1);
    (void)snprintf(head, sizeof head, LOGS_1 "Content-Encoding: zstd\r\nContent-Length: %zu\r\n\r\n", a);
    send_body(head, packed, a);
    assert_int_equal(d.kept_n, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(d.kept[i].body_n, i < 2 ? size / 20 * 20 : half * 2);
        assert_memory_equal(d.kept[i].body, logs, d.kept[i].body_n);
    }
    a -= 3;      /* cut off */
    (void)snprintf(head, sizeof head, LOGS_1 "Content-Encoding: zstd\r\nContent-Length: %zu\r\n\r\n", a);
    said[0] = '\0';
    send_body(head, packed, a);
    assert_non_null(strstr(said, "400"));
    libdeflate_free_compressor(z);
    free(logs);
    free(packed);
}

static void a_body_that_is_too_large_is_refused_before_it_is_read(void **state)
{
    send_body(LOGS_1 "Content-Length: 2000000\r\nExpect: 100-continue\r\n\r\n", "", 0);
    assert_non_null(strstr(said, "413"));
    assert_null(strstr(said, "100 Continue"));
    assert_true(session_lingers(s));
}

static void a_chunked_body_that_becomes_too_large_is_413(void **state)
{
    char *junk = calloc(1, 0x180000);
    send_body(LOGS_1 "Transfer-Encoding: chunked\r\n\r\n180000\r\n", junk, 0x180000);
    assert_non_null(strstr(said, "413"));
    assert_non_null(strstr(said, "connection: close"));
    free(junk);
}

static void a_grpc_message_that_is_too_large_is_8_without_retry_info_and_the_sender_is_stopped(void **state)
{
    size_t n, size = 3 << 20;
    char  *junk = calloc(1, size), *body = grpc_frame(junk, size, false, &n);
    size_t i = client_post(&c, GRPC_LOGS, "application/grpc", NULL, body, n, false);
    client_talk(&c);
    assert_string_equal(c.of[i].grpc_status, "8");
    assert_string_equal(c.of[i].details, "");
    assert_true(c.of[i].closed);
    assert_int_equal(c.of[i].code, NGHTTP2_NO_ERROR);
    assert_true(c.of[i].sent < n);
    free(junk);
    free(body);
}

static void heads_have_a_bound_in_http_2_as_well(void **state)
{
    static char big[9000];
    memset(big, 'a', sizeof big - 1);
    const char *const fields[] = { "x-big", big, NULL };
    size_t i = client_post(&c, "/v1/logs", "application/x-protobuf", fields, one_log, 20, false);
    size_t k = client_post(&c, GRPC_LOGS, "application/grpc", fields, one_log, 20, false);
    client_talk(&c);
    assert_string_equal(c.of[i].status, "431");
    assert_string_equal(c.of[k].grpc_status, "8");
    assert_int_equal(d.kept_n, 0);
}

static void under_pressure_no_window_is_given_and_afterwards_it_is(void **state)
{
    size_t n, size = 900 * 1024;
    char  *logs = calloc(1, size);
    for (size_t i = 0; i + 20 <= size; i += 20)
        memcpy(logs + i, one_log, 20);
    char  *body = grpc_frame(logs, size / 20 * 20, false, &n);
    d.at_once = true;
    d.host.pressed = true;
    size_t first[12];
    for (int i = 0; i < 12; i++)      /* together more than the window of the connection */
        first[i] = client_post(&c, GRPC_LOGS, "application/grpc", NULL, body, n, false);
    size_t updates = c.window_updates;
    client_talk(&c);
    assert_int_equal(c.window_updates, updates);
    assert_false(c.of[first[11]].closed);
    d.host.pressed = false;
    session_resume(s);
    client_talk(&c);
    for (int i = 0; i < 12; i++)
        assert_string_equal(c.of[first[i]].grpc_status, "0");
    assert_true(c.window_updates > updates);
    free(logs);
    free(body);
}

static void windows_withheld_by_what_is_complete_are_given_back_too(void **state)
{
    size_t n, size = 900 * 1024;
    char  *logs = calloc(1, size);
    for (size_t i = 0; i + 20 <= size; i += 20)
        memcpy(logs + i, one_log, 20);
    char  *body = grpc_frame(logs, size / 20 * 20, false, &n);
    d.at_once = true;
    for (int i = 0; i < 20; i++) {      /* more than twice the window of the connection, each complete before the pressure is over */
        d.host.pressed = true;
        size_t k = client_post(&c, GRPC_LOGS, "application/grpc", NULL, body, n, false);
        client_talk(&c);
        d.host.pressed = false;
        assert_true(session_tick(s));
        client_talk(&c);
        assert_string_equal(c.of[k].grpc_status, "0");
    }
    free(logs);
    free(body);
}

static void who_waited_longer_than_patience_is_told_to_come_again(void **state)
{
    size_t i = client_post(&c, GRPC_LOGS, "application/grpc", NULL, "\0\0\0\0\x14half", 9, true);
    client_talk(&c);
    d.host.pressed = d.host.full = true;
    session_pause(s);
    d.host.now_us += d.host.limits.patience_us - 1000;
    assert_true(session_tick(s));
    client_talk(&c);
    assert_false(c.of[i].closed);
    d.host.now_us += 2000;
    assert_true(session_tick(s));
    client_talk(&c);
    assert_string_equal(c.of[i].grpc_status, "14");
    assert_string_not_equal(c.of[i].details, "");
    assert_int_equal(atomic_load(&d.in_flight), SESSION_EXCHANGE);      /* he has not ended his side */
}

enum { TINY = SESSION_EXCHANGE + BUFFER_LEAST };      /* what the smallest request takes while its body comes */

static void only_as_many_are_sent_away_as_it_takes_the_newest_first(void **state)
{
    size_t old = client_post(&c, GRPC_LOGS, "application/grpc", NULL, "\0\0\0\0\x14half", 9, true), new = client_post(&c, GRPC_LOGS, "application/grpc", NULL, "\0\0\0\0\x14half", 9, true);
    client_talk(&c);
    assert_int_equal(atomic_load(&d.in_flight), 2 * TINY);
    d.host.limits.budget = 2 * TINY - SESSION_BUDGET_SLACK;
    d.host.pressed = true;
    session_pause(s);
    d.host.now_us += d.host.limits.patience_us + 1;
    assert_true(session_tick(s));
    client_talk(&c);
    assert_string_equal(c.of[new].grpc_status, "14");
    assert_string_equal(c.of[old].grpc_status, "");
    d.host.full = true;      /* a full journal has room for nobody */
    assert_true(session_tick(s));
    client_talk(&c);
    assert_string_equal(c.of[old].grpc_status, "14");
}

static void over_http_1_it_is_503_with_retry_after(void **state)
{
    send_body(LOGS_1 "Content-Length: 20\r\n\r\n", one_log, 10);
    assert_int_equal(atomic_load(&d.in_flight), TINY);
    d.host.pressed = d.host.full = true;
    session_pause(s);
    d.host.now_us += d.host.limits.patience_us + 1;
    assert_true(session_tick(s));
    double_said(s, said, sizeof said);
    assert_non_null(strstr(said, "503 Service Unavailable"));
    assert_non_null(strstr(said, "retry-after: 2\r\n"));
    assert_int_equal(atomic_load(&d.in_flight), 0);
    assert_int_equal(d.stats.of[RECEIVE_OTLP_HTTP].refused[REFUSED_FULL], 1);
}

static void the_budget_counts_what_is_not_durable_yet(void **state)
{
    send_body(LOGS_1 "Content-Length: 20\r\n\r\n", one_log, 20);
    assert_int_equal(atomic_load(&d.in_flight), TINY);
    exchange_drop_body(&d.host, d.waiting[0]);      /* the journal has a copy */
    assert_int_equal(atomic_load(&d.in_flight), SESSION_EXCHANGE + 20);
    double_durable(&d, OK);
    assert_int_equal(atomic_load(&d.in_flight), 0);
}

/* All bytes that a client with 128 requests of one byte sends: its preface, and then the requests. */
static size_t many_begun(char *to, size_t *preface)
{
    const uint8_t *bytes;
    ssize_t        n;
    size_t         all = 0;
    for (int round = 0; round < 2; round++) {
        while ((n = nghttp2_session_mem_send(c.http2, &bytes)) > 0) {
            memcpy(to + all, bytes, (size_t)n);
            all += (size_t)n;
        }
        if (round)
            break;
        *preface = all;
        (void)session_feed(s, to, all);
        for (struct slice out; (out = session_output(s)).n; session_sent(s, out.n))
            assert_true(nghttp2_session_mem_recv(c.http2, (const uint8_t *)out.s, out.n) > 0);
        for (int i = 0; i < 128; i++)
            (void)client_post(&c, GRPC_LOGS, "application/grpc", NULL, "\0", 1, true);
    }
    return all;
}

static void very_many_requests_of_one_byte_stay_within_the_budget_and_may_come_again(void **state)
{
    enum { CONNECTIONS = 1024, STREAMS = 128 };
    static char            bytes[64 * 1024];
    static struct session *other[CONNECTIONS];
    size_t                 preface;
    session_free(s);
    client_close(&c);
    d.host.limits.streams_max = STREAMS;
    s = session_new(&d.host, &d.door, SESSION_EITHER);
    client_open(&c, s);
    size_t  n = many_begun(bytes, &preface);
    int64_t bound = d.host.limits.budget + d.host.limits.budget / 8 + SESSION_BUDGET_SLACK + (int64_t)CONNECTIONS * TINY;      /* one each may wait */
    for (int i = 1; i < CONNECTIONS; i++) {
        other[i] = session_new(&d.host, &d.door, SESSION_EITHER);
        assert_true(session_feed(other[i], bytes, n));
        assert_true(atomic_load(&d.in_flight) <= bound);
    }
    assert_true(session_feed(s, bytes + preface, n - preface));
    client_talk(&c);
    for (size_t i = 0; i < STREAMS; i++)      /* the first waits; the others are answered, or not even that */
        assert_true(i == 0 ? !c.of[i].closed && !*c.of[i].grpc_status
                           : (slice_is(slice_of(c.of[i].grpc_status), "14") && *c.of[i].details) || (c.of[i].closed && c.of[i].code == NGHTTP2_REFUSED_STREAM));
    uint64_t full = d.stats.of[RECEIVE_OTLP_GRPC].refused[REFUSED_FULL];
    uint64_t all = d.stats.of[RECEIVE_OTLP_GRPC].requests;
    assert_int_equal(all, CONNECTIONS * STREAMS);
    assert_true(full > 0 && (int64_t)(all - full) * TINY <= bound);      /* each that does not wait was counted as sent away */
    assert_int_equal(d.stats.of[RECEIVE_OTLP_GRPC].accepted, 0);
    for (int i = 1; i < CONNECTIONS; i++)
        session_free(other[i]);
}

static void beyond_the_budget_a_second_request_of_a_connection_is_told_to_come_again_at_once(void **state)
{
    const int64_t others = d.host.limits.budget + SESSION_BUDGET_SLACK - TINY;
    atomic_fetch_add(&d.in_flight, others);
    size_t first = client_post(&c, GRPC_LOGS, "application/grpc", NULL, "\0", 1, true);
    client_talk(&c);
    size_t second = client_post(&c, GRPC_LOGS, "application/grpc", NULL, "\0", 1, true);
    client_talk(&c);
    assert_string_equal(c.of[first].grpc_status, "");
    assert_string_equal(c.of[second].grpc_status, "14");
    assert_string_not_equal(c.of[second].details, "");
    atomic_fetch_sub(&d.in_flight, others);
}

static void time_that_a_connection_was_not_read_from_counts_into_the_patience_of_its_request(void **state)
{
    send_body(LOGS_1 "Content-Length: 20\r\n\r\n", one_log, 10);
    session_pause(s);
    d.host.now_us += 700;
    session_resume(s);
    d.host.now_us += 50;
    session_pause(s);
    d.host.now_us += 7;
    session_resume(s);
    (void)session_feed(s, one_log + 10, 10);
    assert_int_equal(d.waiting_n, 1);
    assert_int_equal(d.waiting[0]->waited_us, 707);
}

/* As grpc-go does: to each answer a ping that measures, and windows given back for stream and connection. */
static void a_client_that_pings_for_each_answer_is_no_flood(void **state)
{
    size_t n;
    char  *body = grpc_frame(one_log, 20, false, &n);
    d.at_once = true;
    for (int i = 0; i < 10000; i++) {
        static const char update[13] = { 0, 0, 4, 8, 0, 0, 0, 0, 0, 0, 0, 0, 5 };
        c.n = 0;
        size_t k = client_post(&c, GRPC_LOGS, "application/grpc", NULL, body, n, false);
        (void)nghttp2_submit_ping(c.http2, 0, NULL);
        client_talk(&c);
        (void)session_feed(s, update, sizeof update);
        client_talk(&c);
        assert_false(c.goaway);
        assert_string_equal(c.of[k].grpc_status, "0");
        while (d.kept_n)
            free(d.kept[--d.kept_n].body);
    }
    assert_int_equal(d.stats.floods, 0);
    free(body);
}

static void a_flood_of_pings_ends_the_connection(void **state)
{
    for (int i = 0; i < 3000 && !c.goaway; i++) {
        (void)nghttp2_submit_ping(c.http2, 0, NULL);
        client_talk(&c);
    }
    assert_true(c.goaway);
    assert_int_equal(c.goaway_code, NGHTTP2_ENHANCE_YOUR_CALM);
    assert_true(session_over(s));
    assert_int_equal(d.stats.floods, 1);
}

static void pings_now_and_then_are_no_flood(void **state)
{
    for (int i = 0; i < 3000; i++) {
        d.host.now_us += 10000;
        (void)nghttp2_submit_ping(c.http2, 0, NULL);
        client_talk(&c);
    }
    assert_false(c.goaway);
}

static void a_client_that_opens_and_resets_without_end_is_sent_away(void **state)
{
    static const nghttp2_nv nv[] = { { (uint8_t *)(uintptr_t)":method", (uint8_t *)(uintptr_t)"POST", 7, 4, 0 }, { (uint8_t *)(uintptr_t)":scheme", (uint8_t *)(uintptr_t)"http", 7, 4, 0 },
                                     { (uint8_t *)(uintptr_t)":path", (uint8_t *)(uintptr_t)GRPC_LOGS, 5, sizeof GRPC_LOGS - 1, 0 },
                                     { (uint8_t *)(uintptr_t)"content-type", (uint8_t *)(uintptr_t)"application/grpc", 12, 16, 0 } };
    int i = 0;
    for (; i < 3000 && !c.goaway; i++) {
        int32_t id = nghttp2_submit_headers(c.http2, 0, -1, NULL, nv, 4, NULL);
        if (id < 0)
            break;
        client_talk(&c);
        (void)nghttp2_submit_rst_stream(c.http2, 0, id, NGHTTP2_CANCEL);
        client_talk(&c);
    }
    assert_true(c.goaway);
    assert_true(i < 2500);
}

static void a_client_that_makes_us_reset_without_end_is_sent_away(void **state)
{
    size_t n;
    char  *body = grpc_frame(one_log, 20, false, &n);
    for (int i = 0; i < 3000 && !c.goaway; i++) {
        unsigned char window[13] = { 0, 0, 4, 8, 0, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff };      /* more than a window may be */
        c.n = 0;
        size_t  k = client_post(&c, GRPC_LOGS, "application/grpc", NULL, body, n, false);
        int32_t id = c.of[k].id;
        client_talk(&c);
        assert_true(c.goaway || d.waiting_n == 1);
        for (int b = 0; b < 4; b++)
            window[5 + b] = (unsigned char)(id >> (24 - 8 * b));
        (void)session_feed(s, (const char *)window, sizeof window);
        client_talk(&c);
        double_durable(&d, OK);
        if (d.kept_n)
            free(d.kept[--d.kept_n].body);
    }
    assert_true(c.goaway);
    assert_int_equal(d.stats.floods, 1);
    free(body);
}

static void no_more_streams_than_said_are_under_way(void **state)
{
    size_t n;
    char  *body = grpc_frame(one_log, 20, false, &n);
    for (int i = 0; i < 20; i++)
        (void)client_post(&c, GRPC_LOGS, "application/grpc", NULL, body, n, false);
    client_talk(&c);
    assert_int_equal(d.waiting_n, 16);
    double_durable(&d, OK);
    client_talk(&c);
    double_durable(&d, OK);
    client_talk(&c);
    assert_int_equal(d.kept_n, 20);
    free(body);
}

static void a_connection_without_a_request_is_closed_when_its_time_is_up(void **state)
{
    (void)session_feed(s, "POST /v1/lo", 11);
    d.host.now_us += d.host.limits.head_us;
    assert_true(session_tick(s));
    d.host.now_us += 1;
    assert_false(session_tick(s));
}

static void a_second_head_that_does_not_end_is_closed_too(void **state)
{
    send_body("GET /health HTTP/1.1\r\nHost: h\r\n\r\n", "", 0);
    d.host.now_us += d.host.limits.head_us * 3;
    assert_true(session_tick(s));      /* between two requests it may rest */
    send_body("GET /hea", "", 0);
    d.host.now_us += d.host.limits.head_us + 1;
    assert_false(session_tick(s));
}

static void a_body_that_stops_coming_is_given_up(void **state)
{
    send_body(LOGS_1 "Content-Length: 20\r\n\r\n", one_log, 10);
    d.host.now_us += d.host.limits.stall_us;
    assert_true(session_tick(s));
    d.host.now_us += 1;
    assert_false(session_tick(s));
    assert_int_equal(d.stats.of[RECEIVE_OTLP_HTTP].refused[REFUSED_LATE], 1);
}

static void a_stream_that_stops_coming_is_reset_and_the_others_go_on(void **state)
{
    size_t n, i = client_post(&c, GRPC_LOGS, "application/grpc", NULL, "\0\0\0\0\x14half", 9, true);
    char  *body = grpc_frame(one_log, 20, false, &n);
    client_talk(&c);
    d.host.now_us += d.host.limits.stall_us + 1;
    assert_true(session_tick(s));
    client_talk(&c);
    assert_true(c.of[i].closed);
    assert_int_equal(c.of[i].code, NGHTTP2_CANCEL);
    d.at_once = true;
    size_t k = client_post(&c, GRPC_LOGS, "application/grpc", NULL, body, n, false);
    client_talk(&c);
    assert_string_equal(c.of[k].grpc_status, "0");
    free(body);
}

static void an_idle_connection_is_told_to_go(void **state)
{
    d.host.now_us += d.host.limits.idle_us + 1;
    assert_true(session_tick(s));
    client_talk(&c);
    assert_true(c.goaway);
    assert_true(session_over(s));
}

int main(void)
{
#define HTTP1(test) cmocka_unit_test_setup_teardown(test, open_1, close_1)
#define HTTP2(test) cmocka_unit_test_setup_teardown(test, open_2, close_2)
    const struct CMUnitTest tests[] = {
        HTTP1(what_unpacks_to_more_than_the_limit_is_413),
        HTTP1(what_fits_when_unpacked_is_taken),
        HTTP1(a_body_that_is_too_large_is_refused_before_it_is_read),
        HTTP1(a_chunked_body_that_becomes_too_large_is_413),
        HTTP2(a_grpc_message_that_is_too_large_is_8_without_retry_info_and_the_sender_is_stopped),
        HTTP2(heads_have_a_bound_in_http_2_as_well),
        HTTP2(under_pressure_no_window_is_given_and_afterwards_it_is),
        HTTP2(windows_withheld_by_what_is_complete_are_given_back_too),
        HTTP2(who_waited_longer_than_patience_is_told_to_come_again),
        HTTP2(only_as_many_are_sent_away_as_it_takes_the_newest_first),
        HTTP1(over_http_1_it_is_503_with_retry_after),
        HTTP1(the_budget_counts_what_is_not_durable_yet),
        HTTP2(very_many_requests_of_one_byte_stay_within_the_budget_and_may_come_again),
        HTTP2(beyond_the_budget_a_second_request_of_a_connection_is_told_to_come_again_at_once),
        HTTP1(time_that_a_connection_was_not_read_from_counts_into_the_patience_of_its_request),
        HTTP2(a_client_that_pings_for_each_answer_is_no_flood),
        HTTP2(a_flood_of_pings_ends_the_connection),
        HTTP2(pings_now_and_then_are_no_flood),
        HTTP2(a_client_that_opens_and_resets_without_end_is_sent_away),
        HTTP2(a_client_that_makes_us_reset_without_end_is_sent_away),
        HTTP2(no_more_streams_than_said_are_under_way),
        HTTP1(a_connection_without_a_request_is_closed_when_its_time_is_up),
        HTTP1(a_second_head_that_does_not_end_is_closed_too),
        HTTP1(a_body_that_stops_coming_is_given_up),
        HTTP2(a_stream_that_stops_coming_is_reset_and_the_others_go_on),
        HTTP2(an_idle_connection_is_told_to_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
