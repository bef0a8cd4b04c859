/* ship: what goes over HTTP to OTLP, remote write and Loki, and what their answers mean to a batch. A server in this process says what it is told. */
#include "ship_fixture.h"
#include "ship_server.h"

#include "base/text.h"
#include "ship/http.h"
#include "ship/kinds.h"
#include "wire/protobuf.h"
#include "wire/remote.h"
#include "wire/snappy.h"

#include <jansson.h>
#include <libdeflate.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- the world ---- */

static struct world w;
static struct load  load;
static char         url[64];

static int set_up(void **state)
{
    (void)state;
    world_begin(&w, false);
    load_init(&load);
    server_begin();
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%d", server.port);
    w.conf.url = url;
    w.conf.timeout_us = 5 * US_PER_S;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    server_end();
    load_done(&load);
    world_end(&w);
    return 0;
}

static struct batch all_of_it(void)
{
    struct journal_consumer *c;
    struct record            r;
    struct load_counts       counts = { 0 };
    struct sieve             sieve = { .types = 7 };
    load_reset(&load);
    assert_ok(journal_consumer_open(w.journal, "test", JOURNAL_FROM_START, &c, &fault), &fault);
    while (journal_read(c, &r, &fault) == OK)
        assert_ok(load_add(&load, &r, &sieve, NULL, 0, &counts, &fault), &fault);
    journal_consumer_close(c);
    return (struct batch){ .event = load.event, .count = load.count, .load = 1 };
}

static struct sent_answer answered;

static enum sent send_once(const struct sink_kind *kind, const struct batch *b)
{
    void *self = NULL;
    answered = (struct sent_answer){ 0 };
    assert_ok(kind->open(&w.conf, &self, &fault), &fault);
    enum sent s = kind->send(self, b, &answered);
    kind->close(self);
    return s;
}

/* The body of a request, unpacked. The caller frees it. */
static char *unpacked(int i, size_t *n)
{
    struct libdeflate_decompressor *z = libdeflate_alloc_decompressor();
    char                           *out = calloc(1, 1 << 20);
    assert_true(head_has(i, "\r\nContent-Encoding: gzip"));
    assert_int_equal(libdeflate_gzip_decompress(z, server.body[i], server.size[i], out, (1 << 20) - 1, n), LIBDEFLATE_SUCCESS);
    libdeflate_free_decompressor(z);
    return out;
}

/* ---- answers ---- */

static void each_status_means_one_thing_to_a_batch(void **state)
{
    (void)state;
    static const struct { long status; enum sent sent; } rows[] = {
        { 200, SENT_ALL }, { 204, SENT_ALL }, { 299, SENT_ALL }, { 301, SENT_LATER }, { 307, SENT_LATER }, { 400, SENT_REFUSED }, { 401, SENT_LATER }, { 403, SENT_LATER },
        { 404, SENT_LATER }, { 405, SENT_LATER }, { 407, SENT_LATER }, { 408, SENT_LATER }, { 402, SENT_LATER }, { 409, SENT_LATER }, { 410, SENT_LATER }, { 413, SENT_TOO_LARGE }, { 415, SENT_LATER },
        { 421, SENT_LATER }, { 422, SENT_REFUSED }, { 302, SENT_LATER }, { 308, SENT_LATER },
        { 425, SENT_LATER }, { 429, SENT_LATER }, { 500, SENT_LATER }, { 501, SENT_LATER }, { 502, SENT_LATER }, { 503, SENT_LATER }, { 504, SENT_LATER }, { 0, SENT_LATER }, { 100, SENT_LATER },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sent_answer a = { 0 };
        struct http_reply  r = { .status = rows[i].status, .body = SLICE("because"), .why = "no" };
        assert_int_equal(http_verdict(&r, &a), rows[i].sent);
        assert_true(rows[i].sent == SENT_ALL || *a.why);
    }
}

static void a_server_that_wants_https_is_waited_for_and_a_wrong_address_is_told_as_such(void **state)
{
    (void)state;
    static const struct { long status; const char *body, *told; } rows[] = {
        { 400, "Client sent an HTTP request to an HTTPS server.\n", "HTTPS server" }, { 400, "<center>The plain HTTP request was sent to HTTPS port</center>", "HTTPS port" },
        { 400, "<html>\r\n<head><title>400 No required SSL certificate was sent</title></head>", "answered 400: 400 No required SSL certificate was sent" },
        { 404, "404 page not found", "are address and kind right?" }, { 308, "<a href=\"/there\">Moved</a>.\n", "redirects are not followed; is the address right?): Moved ." }, { 415, "", "are address and kind right?" }, { 401, "", "are token, user and password right?" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sent_answer a = { 0 };
        assert_int_equal(http_verdict(&(struct http_reply){ .status = rows[i].status, .body = slice_of(rows[i].body) }, &a), SENT_LATER);
        assert_non_null(strstr(a.why, rows[i].told));
    }
}

static void an_answer_that_took_too_long_is_told_from_nobody_there(void **state)
{
    (void)state;
    (void)append_lines(&w, 0, 9);
    struct batch b = all_of_it();
    w.conf.timeout_us = 100 * US_PER_MS;
    server.answer[0] = "silence";
    assert_int_equal(send_once(&sink_otlp, &b), SENT_LATER);
    assert_true(answered.timed_out);
    server.answer[1] = "HTTP/1.1 504 Late\r\nContent-Length: 0\r\n\r\n";
    w.conf.timeout_us = 5 * US_PER_S;
    assert_int_equal(send_once(&sink_otlp, &b), SENT_LATER);
    assert_true(answered.timed_out);
    w.conf.url = "http://127.0.0.1:1";
    assert_int_equal(send_once(&sink_otlp, &b), SENT_LATER);
    assert_false(answered.timed_out);
}

static void logs_metrics_and_their_order_arrive_by_otlp(void **state)
{
    (void)state;
    (void)append_lines(&w, 0, 99);
    (void)append_point(&w, "temperature", 7);
    struct batch b = all_of_it();
    assert_int_equal(send_once(&sink_otlp, &b), SENT_ALL);
    assert_int_equal(server.n, 2);
    assert_int_equal(server.connections, 1);                     /* kept */
    assert_non_null(strstr(server.head[0], "POST /v1/logs HTTP/1.1"));
    assert_non_null(strstr(server.head[1], "POST /v1/metrics HTTP/1.1"));
    assert_true(head_has(0, "\r\nContent-Type: application/x-protobuf"));
    assert_false(head_has(1, "Content-Encoding"));               /* too small for that */
    size_t              n;
    char               *body = unpacked(0, &n);
    struct record       r = { .id = 9, .kind = RECORD_OTLP_LOGS, .form = FORM_PROTOBUF, .body = { body, n } };
    struct load_counts  counts = { 0 };
    struct sieve        sieve = { .types = 7 };
    load_reset(&load);
    assert_ok(load_add(&load, &r, &sieve, NULL, 0, &counts, &fault), &fault);
    assert_int_equal(load.count, 100);
    for (int i = 0; i < 100; i++)
        assert_int_equal(number_of(load.event[i]), i);
    free(body);
}

/* The name may lead elsewhere by now, and whoever balances may choose another one: not so on the connection that is open. */
static void who_is_away_is_asked_anew_and_not_on_the_connection_on_which_he_said_so(void **state)
{
    static const char *const away[] = { "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n",
                                        "HTTP/1.1 504 Late\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 421 Not here\r\nContent-Length: 0\r\n\r\n" };
    enum { AWAY = sizeof away / sizeof away[0] };
    (void)state;
    void *self = NULL;
    for (int i = 0; i < AWAY; i++)
        server.answer[i] = away[i];
    (void)append_lines(&w, 0, 9);
    struct batch b = all_of_it();
    assert_ok(sink_otlp.open(&w.conf, &self, &fault), &fault);
    for (int i = 0; i < AWAY; i++) {
        assert_int_equal(sink_otlp.send(self, &b, &answered), SENT_LATER);
        assert_int_equal(server.connections, i + 1);
    }
    for (int i = 0; i < 2; i++) {
        b.load++;
        assert_int_equal(sink_otlp.send(self, &b, &answered), SENT_ALL);
        assert_int_equal(server.connections, AWAY + 1);
    }
    sink_otlp.close(self);
}

static void what_one_type_got_through_is_not_sent_again_when_another_has_to_wait(void **state)
{
    (void)state;
    void *self = NULL;
    server.answer[1] = "HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n";
    (void)append_lines(&w, 0, 9);
    (void)append_point(&w, "temperature", 7);
    struct batch b = all_of_it();
    assert_ok(sink_otlp.open(&w.conf, &self, &fault), &fault);
    answered = (struct sent_answer){ 0 };
    assert_int_equal(sink_otlp.send(self, &b, &answered), SENT_LATER);
    assert_int_equal(answered.retry_after_us, 7 * US_PER_S);
    assert_int_equal(sink_otlp.send(self, &b, &answered), SENT_ALL);
    assert_int_equal(server.n, 3);
    assert_non_null(strstr(server.head[2], "/v1/metrics"));
    b.load++;                                                    /* other events under the same numbers */
    assert_int_equal(sink_otlp.send(self, &b, &answered), SENT_ALL);
    assert_int_equal(server.n, 5);
    sink_otlp.close(self);
}

static void a_partial_success_is_a_count_with_a_reason(void **state)
{
    (void)state;
    server.answer[0] = "HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 11\r\n\r\n\x0a\x09\x08\x03\x12\x05wrong";
    (void)append_lines(&w, 0, 9);
    struct batch b = all_of_it();
    assert_int_equal(send_once(&sink_otlp, &b), SENT_ALL);
    assert_int_equal(answered.refused, 3);
    assert_non_null(strstr(answered.why, "wrong"));
}

/* What is refused by number only is lost but for that; where all is refused nothing need be. */
static void a_partial_success_that_kept_nothing_is_a_refusal_of_the_events(void **state)
{
    (void)state;
    server.answer[0] = "HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 11\r\n\r\n\x0a\x09\x08\x0a\x12\x05wrong";
    server.answer[1] = server.answer[0];
    (void)append_lines(&w, 0, 9);
    struct batch b = all_of_it();
    assert_int_equal(send_once(&sink_otlp, &b), SENT_REFUSED);
    assert_string_equal(answered.why, "partial success: wrong");
    b.count = 1;
    assert_int_equal(send_once(&sink_otlp, &b), SENT_REFUSED);
    assert_int_equal(answered.refused, 0);
}

static void a_partial_success_is_read_as_json_too(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "{\"partialSuccess\":{\"rejectedLogRecords\":\"3\",\"errorMessage\":\"wrong\"}}", "{\"partial_success\":{\"error_message\":\"wrong\",\"rejected_log_records\":3}}" };
    static char answers[2][512];
    (void)append_lines(&w, 0, 9);
    struct batch b = all_of_it();
    for (int i = 0; i < 2; i++)
        (void)snprintf(answers[i], sizeof answers[i], "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n%s", i ? "text/plain" : "application/json; charset=utf-8",
                       strlen(bodies[i]), bodies[i]);
    for (int i = 0; i < 2; i++) {
        server.answer[i] = answers[i];
        assert_int_equal(send_once(&sink_otlp, &b), SENT_ALL);
        assert_int_equal(answered.refused, 3);
        assert_string_equal(answered.why, "partial success: wrong");
    }
}

static void an_answer_that_is_packed_is_unpacked_though_nobody_asked_for_it(void **state)
{
    (void)state;
    static char answer[4096];
    size_t      n;
    char        words[400], *packed;
    memset(words, 'w', sizeof words);
    packed = http_gzip((struct slice){ words, sizeof words }, &n);
    int head = snprintf(answer, sizeof answer, "HTTP/1.1 429 Later\r\nContent-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n", n);
    memcpy(answer + head, packed, n);
    free(packed);
    server.answer[0] = answer;
    server.answer_size[0] = (size_t)head + n;
    struct http_client *c;
    struct http_reply   r;
    assert_ok(http_client_open(&w.conf, &c, &fault), &fault);
    bool answered_it = http_client_ask(c, &(struct http_ask){ .path = "/x" }, &r);
    bool same = answered_it && r.body.n == sizeof words && memcmp(r.body.s, words, sizeof words) == 0 && r.body.s[r.body.n] == '\0';
    http_client_close(c);                                        /* first, or the server waits for it for ever when the test fails */
    assert_true(same);
}

/* Loki's and Mimir's doors say 500 when what is behind them finds a request too large; it would be so for ever. */
static void a_limit_of_grpc_behind_the_door_is_a_batch_that_is_too_large(void **state)
{
    (void)state;
    struct sent_answer a = { 0 };
    assert_int_equal(http_verdict(&(struct http_reply){ .status = 500, .body = SLICE("rpc error: code = ResourceExhausted desc = grpc: received message larger than max (6152654 vs. 4194304)\n") }, &a),
                     SENT_TOO_LARGE);
    assert_non_null(strstr(a.why, "larger than max"));
    assert_int_equal(http_verdict(&(struct http_reply){ .status = 500, .body = SLICE("rpc error: code = ResourceExhausted desc = too many outstanding requests\n") }, &a), SENT_LATER);
}

static void a_bad_request_is_refused_with_what_was_said(void **state)
{
    (void)state;
    server.answer[0] = "HTTP/1.1 400 Bad\r\nContent-Length: 22\r\n\r\nentry too far behind\n\x01";
    (void)append_lines(&w, 0, 9);
    struct batch b = all_of_it();
    assert_int_equal(send_once(&sink_loki, &b), SENT_REFUSED);
    assert_string_equal(answered.why, "answered 400: entry too far behind");
}

static void nobody_there_and_no_answer_and_half_an_answer_are_tried_again(void **state)
{
    (void)state;
    (void)append_lines(&w, 0, 9);
    struct batch b = all_of_it();
    server.answer[0] = "hang up";
    assert_int_equal(send_once(&sink_otlp, &b), SENT_LATER);
    server.answer[atomic_load(&server.n)] = "silence";
    w.conf.timeout_us = 100 * US_PER_MS;
    assert_int_equal(send_once(&sink_otlp, &b), SENT_LATER);
    assert_non_null(strstr(answered.why, "within 100 ms"));
    w.conf.url = "http://127.0.0.1:1";
    assert_int_equal(send_once(&sink_otlp, &b), SENT_LATER);
    assert_true(*answered.why);
}

static void a_send_that_hangs_can_be_cut_short(void **state)
{
    (void)state;
    void *self = NULL;
    (void)append_lines(&w, 0, 9);
    struct batch b = all_of_it();
    server.answer[0] = "silence";
    w.conf.timeout_us = 600 * US_PER_S;
    assert_ok(sink_otlp.open(&w.conf, &self, &fault), &fault);
    sink_otlp.cancel(self);
    assert_int_equal(sink_otlp.send(self, &b, &answered), SENT_LATER);
    assert_non_null(strstr(answered.why, "stopping"));
    sink_otlp.close(self);
}

static void a_redirect_is_not_followed(void **state)
{
    (void)state;
    server.answer[0] = "HTTP/1.1 307 There\r\nLocation: http://127.0.0.1:1/steal\r\nContent-Length: 0\r\n\r\n";
    w.conf.token = (struct conf_secret){ "/x", "s3cret", 6 };
    (void)append_lines(&w, 0, 9);
    struct batch b = all_of_it();
    assert_int_equal(send_once(&sink_otlp, &b), SENT_LATER);
    assert_string_equal(answered.why, "answered 307 (redirects are not followed; is the address right?)");
    assert_true(head_has(0, "\r\nAuthorization: Bearer s3cret"));
}

static void user_and_password_and_further_headers_go_along(void **state)
{
    (void)state;
    static const char *const headers[] = { "X-Scope-OrgID: shop" };
    w.conf.user = "me";
    w.conf.password = (struct conf_secret){ "/x", "pass", 4 };
    w.conf.headers = (struct conf_list){ headers, 1 };
    (void)append_lines(&w, 0, 9);
    struct batch b = all_of_it();
    assert_int_equal(send_once(&sink_loki, &b), SENT_ALL);
    assert_true(head_has(0, "\r\nAuthorization: Basic bWU6cGFzcw=="));
    assert_true(head_has(0, "\r\nX-Scope-OrgID: shop"));
    assert_null(strstr(answered.why, "pass"));
}

static void a_side_that_repeats_what_it_was_asked_puts_no_secret_into_the_reason(void **state)
{
    (void)state;
    server.answer[0] = "HTTP/1.1 400 Bad\r\nContent-Length: 51\r\n\r\nyou said s3cret and Authorization: Bearer s3cret, no";
    server.answer[1] = "HTTP/1.1 403 Bad\r\nContent-Length: 45\r\n\r\nyou said pass and Basic bWU6cGFzcw==, so no!!";
    (void)append_lines(&w, 0, 9);
    struct batch b = all_of_it();
    w.conf.token = (struct conf_secret){ "/x", "s3cret", 6 };
    assert_int_equal(send_once(&sink_otlp, &b), SENT_REFUSED);
    assert_string_equal(answered.why, "answered 400: you said ****** and Authorization: Bearer ******, n");
    w.conf.token = (struct conf_secret){ "", "", 0 };
    w.conf.user = "me";
    w.conf.password = (struct conf_secret){ "/x", "pass", 4 };
    assert_int_equal(send_once(&sink_otlp, &b), SENT_LATER);
    assert_non_null(strstr(answered.why, "you said **** and Basic ************, so no"));
}

static void an_answer_is_kept_up_to_its_bound(void **state)
{
    (void)state;
    char *long_answer = malloc(200200);
    int   n = snprintf(long_answer, 200, "HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n");
    memset(long_answer + n, 'a', 200000);
    long_answer[n + 200000] = '\0';
    server.answer[0] = long_answer;
    struct http_client *c;
    struct http_reply   r;
    assert_ok(http_client_open(&w.conf, &c, &fault), &fault);
    assert_true(http_client_ask(c, &(struct http_ask){ .method = "GET", .path = "/x", .reply_max = 1000 }, &r));
    assert_int_equal(r.status, 200);
    assert_int_equal(r.body.n, 1000);
    assert_true(r.cut);
    assert_true(http_client_ask(c, &(struct http_ask){ .method = "PUT", .path = "/y", .body = SLICE("hello") }, &r));
    assert_non_null(strstr(server.head[1], "PUT /y HTTP/1.1"));
    assert_string_equal(server.body[1], "hello");
    assert_true(http_client_ask(c, &(struct http_ask){ .method = "DELETE", .path = "/z" }, &r));
    assert_non_null(strstr(server.head[2], "DELETE /z HTTP/1.1"));
    http_client_close(c);
    free(long_answer);
}

/* ---- Loki ---- */

static void lines_go_to_loki_in_few_streams_with_metadata(void **state)
{
    (void)state;
    (void)append_lines(&w, 0, 9);                                /* severities 1..10: trace, debug, info */
    struct batch b = all_of_it();
    assert_int_equal(send_once(&sink_loki, &b), SENT_ALL);
    assert_non_null(strstr(server.head[0], "POST /loki/api/v1/push"));
    size_t  n;
    char   *body = unpacked(0, &n);
    json_t *j = json_loads(body, 0, NULL), *streams = json_object_get(j, "streams");
    assert_int_equal(json_array_size(streams), 3);
    json_t *debug = json_array_get(streams, 0);
    assert_string_equal(json_string_value(json_object_get(json_object_get(debug, "stream"), "level")), "debug");
    assert_string_equal(json_string_value(json_object_get(json_object_get(debug, "stream"), "host_name")), "h1");
    json_t *line = json_array_get(json_object_get(debug, "values"), 0);
    assert_string_equal(json_string_value(json_array_get(line, 0)), "5");
    assert_string_equal(json_string_value(json_array_get(line, 1)), "4");
    assert_string_equal(json_string_value(json_object_get(json_array_get(line, 2), "parity")), "even");
    json_decref(j);
    free(body);
}

static void lines_go_without_metadata_to_a_loki_that_does_not_allow_it(void **state)
{
    (void)state;
    void       *self = NULL;
    static char none[512], much[512];
    static const char said[] = "stream '{level=\"debug\"}' includes structured metadata, but this feature is disallowed. Please see `limits_config.allow_structured_metadata`";
    static const char too_much[] = "stream '{service_name=\"allowlist\"}' has structured metadata too large: '70000' bytes, limit: '65536' bytes";
    (void)snprintf(none, sizeof none, "HTTP/1.1 400 Bad\r\nContent-Length: %zu\r\n\r\n%s", sizeof said - 1, said);
    (void)snprintf(much, sizeof much, "HTTP/1.1 400 Bad\r\nContent-Length: %zu\r\n\r\n%s", sizeof too_much - 1, too_much);
    server.answer[0] = much;
    server.answer[1] = none;
    w.conf.compress = COMPRESS_NONE;
    (void)append_lines(&w, 0, 9);
    struct batch b = all_of_it();
    assert_ok(sink_loki.open(&w.conf, &self, &fault), &fault);
    assert_int_equal(sink_loki.send(self, &b, &answered), SENT_REFUSED);
    assert_int_equal(sink_loki.send(self, &b, &answered), SENT_LATER);
    assert_int_equal(sink_loki.send(self, &b, &answered), SENT_ALL);
    sink_loki.close(self);
    assert_non_null(strstr(server.body[1], "parity"));
    assert_null(strstr(server.body[2], "parity"));
    assert_non_null(strstr(server.body[2], "[\"5\",\"4\"]"));
}

/* ---- remote write ---- */

static void points_arrive_by_remote_write(void **state)
{
    (void)state;
    (void)append_point(&w, "temperature", 7);
    (void)append_point(&w, "pressure", 8);
    struct batch b = all_of_it();
    assert_int_equal(send_once(&sink_remote_write, &b), SENT_ALL);
    assert_true(head_has(0, "\r\nContent-Encoding: snappy"));
    assert_true(head_has(0, "\r\nX-Prometheus-Remote-Write-Version: 0.1.0"));
    struct slice         packed = { server.body[0], server.size[0] };
    struct remote        r;
    struct remote_series s;
    struct remote_sample sample;
    struct arena         a;
    enum err             e = OK;
    size_t               n;
    char                 plain[4096];
    arena_init(&a, 1 << 20);
    assert_ok(snappy_block_size(packed, sizeof plain, &n, &fault), &fault);
    assert_ok(snappy_block_read(packed, plain, n, &fault), &fault);
    assert_ok(remote_open(&r, REMOTE_V1, (struct slice){ plain, n }, &a, &fault), &fault);
    assert_true(remote_next(&r, &s, &e, &fault));
    assert_true(slice_is(s.name, "temperature"));
    assert_true(remote_sample_next(&s, &sample));
    assert_true(sample.value == 7 && sample.time_ms == 1);
    assert_true(remote_next(&r, &s, &e, &fault));
    assert_false(remote_next(&r, &s, &e, &fault));
    arena_done(&a);
}

static void samples_that_are_out_of_order_are_refused_and_trouble_is_waited_out(void **state)
{
    (void)state;
    server.answer[0] = "HTTP/1.1 400 Bad Request\r\nContent-Length: 19\r\n\r\nout of order sample";
    server.answer[1] = "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n";
    server.answer[2] = "HTTP/1.1 429 Slow\r\nRetry-After: 3\r\nContent-Length: 0\r\n\r\n";
    (void)append_point(&w, "temperature", 7);
    struct batch b = all_of_it();
    assert_int_equal(send_once(&sink_remote_write, &b), SENT_REFUSED);
    assert_int_equal(send_once(&sink_remote_write, &b), SENT_LATER);
    assert_int_equal(send_once(&sink_remote_write, &b), SENT_LATER);
    assert_int_equal(answered.retry_after_us, 3 * US_PER_S);
}

static void what_prometheus_2_4_calls_a_server_error_is_refused_when_it_is_about_the_sample(void **state)
{
    (void)state;
    server.answer[0] = "HTTP/1.1 500 Oops\r\nContent-Length: 14\r\n\r\ntoo old sample";
    server.answer[1] = "HTTP/1.1 500 Oops\r\nContent-Length: 13\r\n\r\nout of bounds";
    server.answer[2] = "HTTP/1.1 409 Conflict\r\nContent-Length: 19\r\n\r\nout of order sample";
    server.answer[3] = "HTTP/1.1 500 Oops\r\nContent-Length: 11\r\n\r\nout of disk";
    (void)append_point(&w, "temperature", 7);
    struct batch b = all_of_it();
    for (int i = 0; i < 3; i++)
        assert_int_equal(send_once(&sink_remote_write, &b), SENT_REFUSED);
    assert_int_equal(send_once(&sink_remote_write, &b), SENT_LATER);
}

static void what_was_taken_when_its_answer_got_lost_is_no_dead_letter(void **state)
{
    (void)state;
    static const char old[] = "HTTP/1.1 400 Bad Request\r\nContent-Length: 19\r\n\r\nout of order sample";
    void *self = NULL;
    server.answer[0] = "hang up";
    server.answer[1] = server.answer[2] = server.answer[4] = server.answer[5] = old;
    server.answer[3] = "HTTP/1.1 400 Bad Request\r\nContent-Length: 9\r\n\r\nbad label";
    for (int i = 0; i < 3; i++)
        (void)append_point(&w, "temperature", i);
    struct batch all = all_of_it(), one = all, third = all;
    all.count = 2;
    one.count = 1;
    third.event += 2;
    third.at = 2;
    third.count = 1;
    static const enum sent want[] = {
        SENT_LATER, SENT_REFUSED /* to be halved */, SENT_ALL, SENT_REFUSED /* for another reason */, SENT_REFUSED /* not in that attempt */, SENT_REFUSED /* another event of the same number */ };
    struct batch other = one;
    other.load++;
    const struct batch *const batches[] = { &all, &all, &one, &one, &third, &other };
    enum sent                 got[6];
    assert_ok(sink_remote_write.open(&w.conf, &self, &fault), &fault);
    for (size_t i = 0; i < 6; i++)
        got[i] = sink_remote_write.send(self, batches[i], &answered);
    sink_remote_write.close(self);
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(got[i], want[i]);
}

static void a_delta_is_refused_before_it_is_sent(void **state)
{
    (void)state;
    (void)append_point(&w, "requests", 7);
    struct batch b = all_of_it();
    struct event e = *b.event[0];
    const struct event *one = &e;
    e.as.point.kind = POINT_SUM;
    e.as.point.temporality = TEMPORALITY_DELTA;
    e.as.point.monotonic = true;
    b.event = &one;
    assert_int_equal(send_once(&sink_remote_write, &b), SENT_REFUSED);
    assert_int_equal(server.n, 0);
    assert_false(sink_remote_write.holds(&e));                   /* so it does not come so far */
    e.as.point.temporality = TEMPORALITY_CUMULATIVE;
    assert_true(sink_remote_write.holds(&e));
}

/* Prometheus would take it, and nothing that is older than an hour before it any more. */
static void a_point_of_the_future_is_refused_before_it_is_sent(void **state)
{
    (void)state;
    (void)append_point(&w, "requests", 7);
    struct batch b = all_of_it();
    struct event e = *b.event[0];
    const struct event *one = &e;
    b.event = &one;
    e.received_us = clock_wall_us(&clock_real);
    e.as.point.time_ns = (e.received_us + 599 * US_PER_S) * 1000;
    assert_int_equal(send_once(&sink_remote_write, &b), SENT_ALL);
    e.as.point.time_ns = (e.received_us + 660 * US_PER_S) * 1000;
    assert_int_equal(send_once(&sink_remote_write, &b), SENT_REFUSED);
    assert_non_null(strstr(answered.why, "ten minutes ahead"));
    e.as.point.time_ns = INT64_MAX;
    assert_int_equal(send_once(&sink_remote_write, &b), SENT_REFUSED);
    assert_int_equal(server.n, 1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(each_status_means_one_thing_to_a_batch),
        T(a_server_that_wants_https_is_waited_for_and_a_wrong_address_is_told_as_such),
        T(an_answer_that_took_too_long_is_told_from_nobody_there),
        T(lines_go_without_metadata_to_a_loki_that_does_not_allow_it),
        T(what_prometheus_2_4_calls_a_server_error_is_refused_when_it_is_about_the_sample),
        T(what_was_taken_when_its_answer_got_lost_is_no_dead_letter),
        T(logs_metrics_and_their_order_arrive_by_otlp),
        T(who_is_away_is_asked_anew_and_not_on_the_connection_on_which_he_said_so),
        T(what_one_type_got_through_is_not_sent_again_when_another_has_to_wait),
        T(a_partial_success_is_a_count_with_a_reason),
        T(a_partial_success_that_kept_nothing_is_a_refusal_of_the_events),
        T(a_partial_success_is_read_as_json_too),
        T(an_answer_that_is_packed_is_unpacked_though_nobody_asked_for_it),
        T(a_limit_of_grpc_behind_the_door_is_a_batch_that_is_too_large),
        T(a_bad_request_is_refused_with_what_was_said),
        T(nobody_there_and_no_answer_and_half_an_answer_are_tried_again),
        T(a_send_that_hangs_can_be_cut_short),
        T(a_redirect_is_not_followed),
        T(user_and_password_and_further_headers_go_along),
        T(a_side_that_repeats_what_it_was_asked_puts_no_secret_into_the_reason),
        T(an_answer_is_kept_up_to_its_bound),
        T(lines_go_to_loki_in_few_streams_with_metadata),
        T(points_arrive_by_remote_write),
        T(samples_that_are_out_of_order_are_refused_and_trouble_is_waited_out),
        T(a_delta_is_refused_before_it_is_sent),
        T(a_point_of_the_future_is_refused_before_it_is_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
