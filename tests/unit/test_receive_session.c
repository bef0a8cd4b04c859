/* receive: connections of HTTP/1.1 and HTTP/2 without sockets: what is answered, when, and that nothing is acknowledged before it is durable. */
#include "receive_double.h"
#include "unit.h"

#include "base/crc32c.h"
#include "wire/snappy.h"

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
    return 0;
}

static int close_2(void **state)
{
    client_close(&c);
    return close_1(state);
}

static void send_text(const char *text)
{
    (void)session_feed(s, text, strlen(text));
    double_said(s, said, sizeof said);
}

static void send_body(const char *head, const char *body, size_t n)
{
    send_text(head);
    (void)session_feed(s, body, n);
    double_said(s, said, sizeof said);
}

#define LOGS_1 "POST /v1/logs HTTP/1.1\r\nHost: h\r\nContent-Type: application/x-protobuf\r\n"

/* ---- HTTP/1.1 ---- */

static void otlp_over_http_is_acknowledged_only_when_it_is_durable(void **state)
{
    send_body(LOGS_1 "Content-Length: 20\r\n\r\n", one_log, 20);
    assert_int_equal(d.kept_n, 1);
    assert_string_equal(said, "");
    double_durable(&d, OK);
    double_said(s, said, sizeof said);
    assert_non_null(strstr(said, "HTTP/1.1 200 OK\r\n"));
    assert_non_null(strstr(said, "content-type: application/x-protobuf\r\n"));
    assert_non_null(strstr(said, "content-length: 0\r\n"));
    assert_int_equal(d.kept[0].kind, RECORD_OTLP_LOGS);
    assert_int_equal(d.kept[0].events, 1);
    assert_memory_equal(d.kept[0].body, one_log, 20);
    assert_false(session_over(s));
}

static void what_did_not_become_durable_is_answered_so_that_it_comes_again(void **state)
{
    send_body(LOGS_1 "Content-Length: 20\r\n\r\n", one_log, 20);
    double_durable(&d, ERR_IO);
    double_said(s, said, sizeof said);
    assert_non_null(strstr(said, "HTTP/1.1 503 Service Unavailable\r\n"));
    assert_non_null(strstr(said, "retry-after: 2\r\n"));
}

static void pipelined_requests_are_answered_in_their_order(void **state)
{
    send_text("GET /health HTTP/1.1\r\nHost: h\r\n\r\nGET /nothing HTTP/1.1\r\nHost: h\r\n\r\nGET /health HTTP/1.1\r\nHost: h\r\n\r\n");
    const char *first = strstr(said, "200 OK"), *second = first ? strstr(first, "404 Not Found") : NULL;
    assert_non_null(second);
    assert_non_null(strstr(second, "200 OK"));
}

static void a_pipelined_request_waits_until_the_one_before_is_durable(void **state)
{
    char both[512];
    int  n = snprintf(both, sizeof both, LOGS_1 "Content-Length: 20\r\n\r\n");
    memcpy(both + n, one_log, 20);
    n += 20;
    n += snprintf(both + n, sizeof both - (size_t)n, "GET /health HTTP/1.1\r\nHost: h\r\n\r\n");
    (void)session_feed(s, both, (size_t)n);
    double_said(s, said, sizeof said);
    assert_string_equal(said, "");
    assert_false(session_wants_input(s));
    double_durable(&d, OK);
    double_said(s, said, sizeof said);
    assert_non_null(strstr(said, "application/x-protobuf"));
    assert_non_null(strstr(said, "{\"status\":\"ok\"}"));
    assert_true(session_wants_input(s));
}

static void a_client_of_http_1_0_is_told_that_the_connection_stays(void **state)
{
    send_text("GET /health HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert_non_null(strstr(said, "connection: keep-alive\r\n"));
    assert_false(session_over(s));
    send_text("GET /health HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_null(strstr(strstr(said, "keep-alive") + 1, "connection:"));
    send_text("GET /health HTTP/1.0\r\n\r\n");
    assert_non_null(strstr(said, "connection: close\r\n"));
    assert_true(session_over(s));
}

static void who_waits_for_100_continue_gets_it_and_only_when_the_body_is_wanted(void **state)
{
    send_text(LOGS_1 "Content-Length: 20\r\nExpect: 100-continue\r\n\r\n");
    assert_string_equal(said, "HTTP/1.1 100 Continue\r\n\r\n");
    said[0] = '\0';
    (void)close_1(state);
    (void)open_1(state);
    send_text("POST /nothing HTTP/1.1\r\nHost: h\r\nContent-Length: 20\r\nExpect: 100-continue\r\n\r\n");
    assert_non_null(strstr(said, "404"));
    assert_null(strstr(said, "100 Continue"));
}

static void json_is_answered_in_json(void **state)
{
    const char *body = "{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[{\"timeUnixNano\":\"1\",\"body\":{\"stringValue\":\"x\"}}]}]}]}";
    char        head[256];
    (void)snprintf(head, sizeof head, "POST /v1/logs HTTP/1.1\r\nHost: h\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: %zu\r\n\r\n", strlen(body));
    d.at_once = true;
    send_body(head, body, strlen(body));
    assert_non_null(strstr(said, "content-type: application/json\r\n"));
    assert_non_null(strstr(said, "\r\n\r\n{}"));
    assert_int_equal(d.kept[0].form, FORM_JSON);
}

static void a_request_for_another_path_is_answered_with_a_warning(void **state)
{
    const char *body = "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"name\":\"x\"}]}]}]}";
    char        head[256];
    (void)snprintf(head, sizeof head, "POST /v1/logs HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n", strlen(body));
    send_body(head, body, strlen(body));
    assert_non_null(strstr(said, "200 OK"));
    assert_non_null(strstr(said, "{\"partialSuccess\":{\"errorMessage\":\"nothing in this request is known here"));
    assert_int_equal(d.kept_n, 0);
}

/* The mark, and one_log in a frame that is not packed. */
static size_t snappy_framed(char *to)
{
    uint32_t sum = crc32c(0, one_log, 20);
    sum = (sum >> 15 | sum << 17) + 0xa282ead8;
    memcpy(to, "\xff\x06\0\0sNaPpY\x01\x18\0\0", 14);
    for (int i = 0; i < 4; i++)
        to[14 + i] = (char)(sum >> 8 * i);
    memcpy(to + 18, one_log, 20);
    return 38;
}

static void packed_bodies_are_kept_unpacked(void **state)
{
    struct libdeflate_compressor *z = libdeflate_alloc_compressor(6);
    char                          packed[256], head[256];
    size_t                        n = libdeflate_gzip_compress(z, one_log, 20, packed, sizeof packed);
    d.at_once = true;
    (void)snprintf(head, sizeof head, LOGS_1 "Content-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n", n);
    send_body(head, packed, n);
    n = ZSTD_compress(packed, sizeof packed, one_log, 20, 1);
    (void)snprintf(head, sizeof head, LOGS_1 "Content-Encoding: zstd\r\nContent-Length: %zu\r\n\r\n", n);
    send_body(head, packed, n);
    n = libdeflate_zlib_compress(z, one_log, 20, packed, sizeof packed);
    (void)snprintf(head, sizeof head, LOGS_1 "Content-Encoding: deflate\r\nContent-Length: %zu\r\n\r\n", n);
    send_body(head, packed, n);
    libdeflate_free_compressor(z);
    for (int framed = 0; framed < 2; framed++) {      /* as the Collector sends it: a block by now, frames before 0.122 and as x-snappy-framed */
        struct fault fault;
        assert_ok(framed ? OK : snappy_block_write((struct slice){ one_log, 20 }, packed, sizeof packed, &n, &fault), &fault);
        n = framed ? snappy_framed(packed) : n;
        (void)snprintf(head, sizeof head, LOGS_1 "Content-Encoding: %s\r\nContent-Length: %zu\r\n\r\n", framed ? "x-snappy-framed" : "snappy", n);
        send_body(head, packed, n);
    }
    assert_int_equal(d.kept_n, 5);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(d.kept[i].body_n, 20);
        assert_memory_equal(d.kept[i].body, one_log, 20);
    }
}

static void what_cannot_be_decoded_is_400_and_nothing_else_is(void **state)
{
    send_body(LOGS_1 "Content-Length: 3\r\n\r\n", "\x0a\x7f\x01", 3);
    assert_non_null(strstr(said, "400 Bad Request"));
    said[0] = '\0';
    send_body(LOGS_1 "Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\n", "nope", 4);
    assert_non_null(strstr(said, "400 Bad Request"));
    said[0] = '\0';
    send_body("POST /v1/logs HTTP/1.1\r\nHost: h\r\nContent-Type: text/plain\r\nContent-Length: 0\r\n\r\n", "", 0);
    assert_non_null(strstr(said, "415 Unsupported Media Type"));
    said[0] = '\0';
    send_body(LOGS_1 "Content-Encoding: br\r\nContent-Length: 0\r\n\r\n", "", 0);
    assert_non_null(strstr(said, "415"));
    said[0] = '\0';
    send_text("GET /v1/logs HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_non_null(strstr(said, "405"));
    assert_non_null(strstr(said, "allow: POST"));
    assert_int_equal(d.kept_n, 0);
}

static void an_empty_request_is_a_success_without_a_record(void **state)
{
    send_text(LOGS_1 "Content-Length: 0\r\n\r\n");
    assert_non_null(strstr(said, "200 OK"));
    assert_int_equal(d.kept_n, 0);
}

static void tokens_are_wanted_where_there_are_some_and_may_say_whose_it_is(void **state)
{
    static const char     file[] = "# senders\nalice 0123456789abcdef0123 shop\nbob fedcba98765432100000\n";
    struct receive_tokens *t;
    struct fault           fault;
    assert_ok(receive_tokens_new(file, sizeof file - 1, &t, &fault), &fault);
    d.door.tokens = t;
    d.door.tenant = "house";
    d.at_once = true;
    send_body(LOGS_1 "Authorization: Bearer 0123456789abcdef0123\r\nContent-Length: 20\r\n\r\n", one_log, 20);
    send_body(LOGS_1 "Authorization: bearer fedcba98765432100000\r\nContent-Length: 20\r\n\r\n", one_log, 20);
    assert_int_equal(d.kept_n, 2);
    assert_string_equal(d.kept[0].tenant, "shop");
    assert_string_equal(d.kept[1].tenant, "house");
    said[0] = '\0';
    send_text("GET /health HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_non_null(strstr(said, "200 OK"));
    said[0] = '\0';
    send_body(LOGS_1 "Authorization: Bearer 0123456789abcdef0124\r\nContent-Length: 20\r\n\r\n", one_log, 20);
    assert_non_null(strstr(said, "401 Unauthorized"));
    assert_non_null(strstr(said, "www-authenticate: Bearer"));
    assert_int_equal(d.kept_n, 2);
    receive_tokens_free(t);
}

static void a_protocol_that_is_not_let_in_here_is_not_there(void **state)
{
    d.door.protocols = 1u << RECEIVE_OTLP_GRPC;
    send_body(LOGS_1 "Content-Length: 20\r\n\r\n", one_log, 20);
    assert_non_null(strstr(said, "404"));
}

static void rows_are_kept_with_their_table_and_kind(void **state)
{
    const char *body = "[{\"ts\":\"2026-01-01T00:00:00Z\",\"message\":\"hello\"}]";
    char        head[256];
    d.at_once = true;
    (void)snprintf(head, sizeof head, "POST /write/logs?table=app%%5Ferrors HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n", strlen(body));
    send_body(head, body, strlen(body));
    assert_non_null(strstr(said, "200 OK"));
    assert_non_null(strstr(said, "{\"accepted\":1,\"rejected\":0}"));
    assert_string_equal(d.kept[0].source, "app_errors");
    assert_int_equal(d.kept[0].labels.n, 10);
    assert_memory_equal(d.kept[0].labels.s, "kind\0logs", 10);
}

static void rows_may_be_one_object_or_a_line_each_and_a_table_names_points_without_a_name(void **state)
{
    static const struct { const char *path, *type, *body, *answer; enum record_form form; size_t labels; } all[] = {
        { "/write/metrics?table=orders", "application/json", "{\"value\":1,\"ts\":1767323045}", "{\"accepted\":1,\"rejected\":0}", FORM_JSON, 20 },
        { "/write/metrics", "application/x-ndjson", "{\"value\":1}\n{\"value\":2}\n", "{\"accepted\":2,\"rejected\":0}", FORM_JSON_LINES, 13 },
        { "/write/logs", "application/jsonl", "{\"message\":\"a\"}\n{\"app\":\"a\"}\n", "{\"accepted\":1,\"rejected\":1,\"message\":\"a row of logs without a message\"}", FORM_JSON_LINES, 10 },
        { "/write/metrics", "application/ndjson; charset=utf-8", "{\"name\":\"a\"}", "{\"accepted\":0,\"rejected\":1,\"message\":\"a row of metrics without a number as its value\"}", FORM_JSON_LINES, 13 },
    };
    char head[256];
    d.at_once = true;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        said[0] = '\0';
        (void)snprintf(head, sizeof head, "POST %s HTTP/1.1\r\nHost: h\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n", all[i].path, all[i].type, strlen(all[i].body));
        send_body(head, all[i].body, strlen(all[i].body));
        assert_non_null(strstr(said, "200 OK"));
        assert_non_null(strstr(said, all[i].answer));
        assert_int_equal(d.kept[i].form, all[i].form);
        assert_int_equal(d.kept[i].labels.n, all[i].labels);
    }
    assert_string_equal(d.kept[0].source, "orders");
    assert_string_equal(d.kept[1].source, "metrics");
    static const struct { const char *path, *type, *body, *says; } wrong[] = {
        { "/schema/register", "application/x-ndjson", "", "415" }, { "/write/logs", "text/plain", "", "415" },
        { "/write/logs", "application/x-ndjson", "[{x", "line 1" }, { "/write/logs?table=%ff", "application/json", "[]", "table=" },
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        said[0] = '\0';
        (void)snprintf(head, sizeof head, "POST %s HTTP/1.1\r\nHost: h\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n", wrong[i].path, wrong[i].type, strlen(wrong[i].body));
        send_body(head, wrong[i].body, strlen(wrong[i].body));
        assert_non_null(strstr(said, wrong[i].says));
    }
}

static void a_table_is_registered_once_it_says_what_is_in_it(void **state)
{
    const char *body = "{\"table\":\"app_errors\",\"kind\":\"logs\",\"columns\":[{\"name\":\"code\",\"type\":\"int\"}]}", *bad = "{\"table\":\"app_errors\",\"kind\":\"logs\"}";
    char        head[256];
    d.at_once = true;
    (void)snprintf(head, sizeof head, "POST /schema/register HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n", strlen(body));
    send_body(head, body, strlen(body));
    assert_non_null(strstr(said, "200 OK"));
    assert_int_equal(d.kept[0].kind, RECORD_SCHEMA);
    assert_string_equal(d.kept[0].source, "app_errors");
    said[0] = '\0';
    (void)snprintf(head, sizeof head, "POST /schema/register HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n", strlen(bad));
    send_body(head, bad, strlen(bad));
    assert_non_null(strstr(said, "400"));
    assert_non_null(strstr(said, "columns"));
}

/* ---- remote write ---- */

/* One series {__name__="up"} with one sample, as a block of snappy that holds it literally. */
static const char series[] = { 0x0a, 0x1d, 0x0a, 0x0e, 0x0a, 0x08, '_', '_', 'n', 'a', 'm', 'e', '_', '_', 0x12, 0x02, 'u', 'p',
                               0x12, 0x0b, 0x09, 0, 0, 0, 0, 0, 0, (char)0xf0, 0x3f, 0x10, 0x01 };

static size_t snappy(const char *from, size_t n, char *to)
{
    to[0] = (char)n;
    to[1] = (char)((n - 1) << 2);
    memcpy(to + 2, from, n);
    return n + 2;
}

static void remote_write_is_answered_204_once_durable(void **state)
{
    char packed[64], head[256];
    size_t n = snappy(series, sizeof series, packed);
    (void)snprintf(head, sizeof head, "POST /api/v1/write HTTP/1.1\r\nHost: h\r\nContent-Type: application/x-protobuf\r\nContent-Encoding: snappy\r\nContent-Length: %zu\r\n\r\n", n);
    send_body(head, packed, n);
    assert_string_equal(said, "");
    double_durable(&d, OK);
    double_said(s, said, sizeof said);
    assert_non_null(strstr(said, "204 No Content"));
    assert_null(strstr(said, "content-length"));
    assert_int_equal(d.kept[0].form, FORM_PROTOBUF);
    assert_int_equal(d.kept[0].events, 1);
    assert_int_equal(d.kept[0].body_n, sizeof series);
}

static void remote_write_2_says_how_much_was_written_and_when_it_fails_too(void **state)
{
    static const char two[] = { 0x22, 0x00, 0x22, 0x08, '_', '_', 'n', 'a', 'm', 'e', '_', '_', 0x22, 0x02, 'u', 'p',
                                0x2a, 0x11, 0x0a, 0x02, 0x01, 0x02, 0x12, 0x0b, 0x09, 0, 0, 0, 0, 0, 0, (char)0xf0, 0x3f, 0x10, 0x01 };
    char   packed[64], head[320];
    size_t n = snappy(two, sizeof two, packed);
    (void)snprintf(head, sizeof head, "POST /api/v1/write HTTP/1.1\r\nHost: h\r\nContent-Type: application/x-protobuf;proto=io.prometheus.write.v2.Request\r\n"
                   "Content-Encoding: snappy\r\nContent-Length: %zu\r\n\r\n", n);
    send_body(head, packed, n);
    double_durable(&d, OK);
    double_said(s, said, sizeof said);
    assert_non_null(strstr(said, "204 No Content"));
    assert_non_null(strstr(said, "x-prometheus-remote-write-samples-written: 1\r\n"));
    assert_non_null(strstr(said, "x-prometheus-remote-write-histograms-written: 0\r\n"));
    assert_non_null(strstr(said, "x-prometheus-remote-write-exemplars-written: 0\r\n"));
    assert_int_equal(d.kept[0].form, FORM_PROTOBUF_2);
    said[0] = '\0';
    send_body(head, packed, n);
    double_durable(&d, ERR_IO);
    double_said(s, said, sizeof said);
    assert_non_null(strstr(said, "503"));
    assert_non_null(strstr(said, "samples-written: 0\r\n"));
}

static void only_exemplars_that_have_a_series_are_said_to_be_written(void **state)
{
    static const char two[] = { 0x22, 0x00, 0x22, 0x08, '_', '_', 'n', 'a', 'm', 'e', '_', '_', 0x22, 0x02, 'u', 'p',
                                0x2a, 0x11, 0x0a, 0x02, 0x01, 0x02, 0x12, 0x0b, 0x09, 0, 0, 0, 0, 0, 0, (char)0xf0, 0x3f, 0x10, 0x01,
                                0x2a, 0x08, 0x0a, 0x02, 0x01, 0x02, 0x22, 0x02, 0x18, 0x05,        /* of the series above */
                                0x2a, 0x08, 0x0a, 0x02, 0x01, 0x01, 0x22, 0x02, 0x18, 0x05 };      /* of none */
    char   packed[64], head[320];
    size_t n = snappy(two, sizeof two, packed);
    (void)snprintf(head, sizeof head, "POST /api/v1/write HTTP/1.1\r\nHost: h\r\nContent-Type: application/x-protobuf;proto=io.prometheus.write.v2.Request\r\n"
                   "Content-Encoding: snappy\r\nContent-Length: %zu\r\n\r\n", n);
    send_body(head, packed, n);
    double_durable(&d, OK);
    double_said(s, said, sizeof said);
    assert_non_null(strstr(said, "204 No Content"));
    assert_non_null(strstr(said, "x-prometheus-remote-write-samples-written: 1\r\n"));
    assert_non_null(strstr(said, "x-prometheus-remote-write-exemplars-written: 1\r\n"));
    assert_int_equal(d.stats.of[RECEIVE_REMOTE_WRITE].rejected_events, 1);
}

static void remote_write_of_another_schema_is_415(void **state)
{
    send_text("POST /api/v1/write HTTP/1.1\r\nHost: h\r\nContent-Type: application/x-protobuf;proto=some.Other\r\nContent-Encoding: snappy\r\nContent-Length: 0\r\n\r\n");
    assert_non_null(strstr(said, "415"));
    said[0] = '\0';
    send_text("POST /api/v1/write HTTP/1.1\r\nHost: h\r\nContent-Type: application/x-protobuf\r\nContent-Encoding: gzip\r\nContent-Length: 0\r\n\r\n");
    assert_non_null(strstr(said, "415"));
}

/* ---- HTTP/2 ---- */

static void a_grpc_call_is_answered_with_trailers_once_durable(void **state)
{
    size_t n;
    char  *body = grpc_frame(one_log, 20, false, &n);
    size_t i = client_post(&c, GRPC_LOGS, "application/grpc", NULL, body, n, false);
    client_talk(&c);
    assert_int_equal(d.kept_n, 1);
    assert_string_equal(c.of[i].status, "");
    double_durable(&d, OK);
    client_talk(&c);
    assert_string_equal(c.of[i].status, "200");
    assert_string_equal(c.of[i].type, "application/grpc");
    assert_int_equal(c.of[i].data_n, 5);
    assert_memory_equal(c.of[i].data, "\0\0\0\0\0", 5);
    assert_string_equal(c.of[i].grpc_status, "0");
    assert_true(c.of[i].trailers && c.of[i].closed);
    assert_memory_equal(d.kept[0].body, one_log, 20);
    free(body);
}

static void a_grpc_call_that_cannot_be_made_durable_is_14_with_retry_info(void **state)
{
    size_t n;
    char  *body = grpc_frame(one_log, 20, false, &n);
    size_t i = client_post(&c, GRPC_LOGS, "application/grpc+proto", NULL, body, n, false);
    client_talk(&c);
    double_durable(&d, ERR_IO);
    client_talk(&c);
    assert_string_equal(c.of[i].status, "200");
    assert_string_equal(c.of[i].grpc_status, "14");
    assert_int_equal(c.of[i].headers, 1);      /* trailers only */
    assert_int_equal(c.of[i].data_n, 0);
    assert_non_null(strstr(c.of[i].details, "dHlwZS5nb29nbGVhcGlz"));      /* type.googleapis */
    free(body);
}

static void messages_of_grpc_may_be_packed_and_come_in_many_pieces(void **state)
{
    static const char *const gzip[] = { "grpc-encoding", "gzip", NULL }, *const zstd[] = { "grpc-encoding", "zstd", NULL }, *const deflate[] = { "grpc-encoding", "deflate", NULL };
    struct libdeflate_compressor *z = libdeflate_alloc_compressor(6);
    char   packed[256];
    size_t n, m = libdeflate_gzip_compress(z, one_log, 20, packed, sizeof packed);
    char  *first = grpc_frame(packed, m, true, &n);
    size_t a = client_post(&c, GRPC_LOGS, "application/grpc", gzip, first, n, false), k;
    m = ZSTD_compress(packed, sizeof packed, one_log, 20, 1);
    char  *second = grpc_frame(packed, m, true, &k);
    size_t b = client_post(&c, GRPC_LOGS, "application/grpc", zstd, second, k, false);
    m = libdeflate_zlib_compress(z, one_log, 20, packed, sizeof packed);
    size_t l;
    char  *third = grpc_frame(packed, m, true, &l);
    size_t e = client_post(&c, GRPC_LOGS, "application/grpc", deflate, third, l, false);
    libdeflate_free_compressor(z);
    d.at_once = true;
    const uint8_t *bytes;
    for (ssize_t got; (got = nghttp2_session_mem_send(c.http2, &bytes)) > 0;)
        for (ssize_t j = 0; j < got; j++)
            assert_true(session_feed(s, (const char *)bytes + j, 1));
    client_talk(&c);
    assert_string_equal(c.of[a].grpc_status, "0");
    assert_string_equal(c.of[b].grpc_status, "0");
    assert_string_equal(c.of[e].grpc_status, "0");
    assert_int_equal(d.kept_n, 3);
    for (size_t i = 0; i < 3; i++)
        assert_memory_equal(d.kept[i].body, one_log, 20);
    free(first);
    free(second);
    free(third);
}

static const char *grpc_of(const char *path, const char *const *fields, const char *body, size_t n)
{
    size_t i = client_post(&c, path, "application/grpc", fields, body, n, false);
    client_talk(&c);
    assert_true(c.of[i].closed);
    return c.of[i].grpc_status;
}

static void what_is_wrong_with_a_grpc_call_has_its_code(void **state)
{
    static const char *const br_field[] = { "grpc-encoding", "br", NULL };
    assert_string_equal(grpc_of("/no.Such/Method", NULL, "\0\0\0\0\0", 5), "12");
    assert_string_equal(grpc_of(GRPC_LOGS, br_field, "\0\0\0\0\0", 5), "12");
    assert_string_equal(grpc_of(GRPC_LOGS, NULL, "\1\0\0\0\0", 5), "13");
    assert_string_equal(grpc_of(GRPC_LOGS, NULL, "\0\0\0\0", 4), "3");
    assert_string_equal(grpc_of(GRPC_LOGS, NULL, "\0\0\0\0\0\0\0\0\0\0", 10), "3");      /* two messages */
    assert_string_equal(grpc_of(GRPC_LOGS, NULL, "\0\0\0\0\1\x0f", 6), "3");
    assert_string_equal(grpc_of(GRPC_LOGS, NULL, "\0\0\0\0\0", 5), "0");                 /* empty */
    assert_string_equal(grpc_of(GRPC_LOGS, NULL, "\0\x7f\0\0\0", 5), "8");
    size_t i = client_post(&c, GRPC_LOGS, "application/json", NULL, "{}", 2, false);
    client_talk(&c);
    assert_string_equal(c.of[i].status, "415");
    assert_int_equal(d.kept_n, 0);
}

static void messages_of_grpc_may_be_packed_with_snappy(void **state)
{
    static const char *const field[] = { "grpc-encoding", "snappy", NULL };
    char                     packed[64];
    size_t                   n = snappy_framed(packed), all;
    char                    *body = grpc_frame(packed, n, true, &all);
    d.at_once = true;
    assert_string_equal(grpc_of(GRPC_LOGS, field, body, all), "0");
    free(body);
    assert_int_equal(d.kept_n, 1);
    assert_memory_equal(d.kept[0].body, one_log, 20);
}

static void otlp_over_http_works_on_http_2_as_well(void **state)
{
    d.at_once = true;
    size_t i = client_post(&c, "/v1/logs", "application/x-protobuf", NULL, one_log, 20, false);
    client_talk(&c);
    assert_string_equal(c.of[i].status, "200");
    assert_string_equal(c.of[i].type, "application/x-protobuf");
    assert_true(c.of[i].closed);
}

static void a_peer_that_leaves_does_not_take_its_request_along(void **state)
{
    size_t n;
    char  *body = grpc_frame(one_log, 20, false, &n);
    size_t i = client_post(&c, GRPC_LOGS, "application/grpc", NULL, body, n, false);
    client_talk(&c);
    (void)nghttp2_submit_rst_stream(c.http2, 0, c.of[i].id, NGHTTP2_CANCEL);
    client_talk(&c);
    (void)client_post(&c, GRPC_LOGS, "application/grpc", NULL, body, n, false);
    client_talk(&c);
    assert_int_equal(d.kept_n, 2);
    session_free(s);      /* with one waiting and one orphaned */
    s = NULL;
    double_durable(&d, OK);
    free(body);
}

static void stopping_lets_what_is_under_way_finish(void **state)
{
    size_t n;
    char  *body = grpc_frame(one_log, 20, false, &n);
    size_t i = client_post(&c, GRPC_LOGS, "application/grpc", NULL, body, n, false);
    client_talk(&c);
    session_shutdown(s);
    client_talk(&c);
    assert_true(c.goaway);
    assert_int_equal(c.goaway_code, NGHTTP2_NO_ERROR);
    assert_false(session_over(s));
    double_durable(&d, OK);
    client_talk(&c);
    assert_string_equal(c.of[i].grpc_status, "0");
    assert_true(session_over(s));
    free(body);
}

int main(void)
{
#define HTTP1(test) cmocka_unit_test_setup_teardown(test, open_1, close_1)
#define HTTP2(test) cmocka_unit_test_setup_teardown(test, open_2, close_2)
    const struct CMUnitTest tests[] = {
        HTTP1(otlp_over_http_is_acknowledged_only_when_it_is_durable),
        HTTP1(what_did_not_become_durable_is_answered_so_that_it_comes_again),
        HTTP1(pipelined_requests_are_answered_in_their_order),
        HTTP1(a_pipelined_request_waits_until_the_one_before_is_durable),
        HTTP1(a_client_of_http_1_0_is_told_that_the_connection_stays),
        HTTP1(who_waits_for_100_continue_gets_it_and_only_when_the_body_is_wanted),
        HTTP1(json_is_answered_in_json),
        HTTP1(a_request_for_another_path_is_answered_with_a_warning),
        HTTP1(packed_bodies_are_kept_unpacked),
        HTTP1(what_cannot_be_decoded_is_400_and_nothing_else_is),
        HTTP1(an_empty_request_is_a_success_without_a_record),
        HTTP1(tokens_are_wanted_where_there_are_some_and_may_say_whose_it_is),
        HTTP1(a_protocol_that_is_not_let_in_here_is_not_there),
        HTTP1(rows_are_kept_with_their_table_and_kind),
        HTTP1(rows_may_be_one_object_or_a_line_each_and_a_table_names_points_without_a_name),
        HTTP1(a_table_is_registered_once_it_says_what_is_in_it),
        HTTP1(remote_write_is_answered_204_once_durable),
        HTTP1(remote_write_2_says_how_much_was_written_and_when_it_fails_too),
        HTTP1(only_exemplars_that_have_a_series_are_said_to_be_written),
        HTTP1(remote_write_of_another_schema_is_415),
        HTTP2(a_grpc_call_is_answered_with_trailers_once_durable),
        HTTP2(a_grpc_call_that_cannot_be_made_durable_is_14_with_retry_info),
        HTTP2(messages_of_grpc_may_be_packed_and_come_in_many_pieces),
        HTTP2(what_is_wrong_with_a_grpc_call_has_its_code),
        HTTP2(messages_of_grpc_may_be_packed_with_snappy),
        HTTP2(otlp_over_http_works_on_http_2_as_well),
        HTTP2(a_peer_that_leaves_does_not_take_its_request_along),
        HTTP2(stopping_lets_what_is_under_way_finish),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
