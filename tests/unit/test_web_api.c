/* What the HTTP API promises to those who talk to it: who may, in which order things are looked at, and what every answer carries. */
#include "web_fixture.h"

#include "base/log.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CREATE "/case/create"
#define MOVE   "/case/case-1/transition"
#define KEY    "Idempotency-Key: a1\r\n"

static void a_case_is_read_with_its_version_as_etag(void **state)
{
    struct answer a = ask(fx.viewer, "GET", "/case/case-1", NULL, NULL, 200);
    assert_header(&a, "ETag", "\"v3\"");
    assert_header(&a, "Content-Type", "application/json");
    assert_header(&a, "Cache-Control", "no-store");
    assert_member(&a, "data.id", "case-1");
    answer_done(&a);
}

static void the_same_is_there_below_v1(void **state)
{
    expect(fx.viewer, "GET", "/v1/case/case-1", NULL, NULL, 200);
    expect(fx.viewer, "GET", "/v1/case", NULL, NULL, 200);
    expect(fx.viewer, "GET", "/v2/case", NULL, NULL, 404);
}

static void who_holds_the_version_already_gets_304_and_no_body(void **state)
{
    struct answer a = ask(fx.viewer, "GET", "/case/case-1", "If-None-Match: \"v2\", W/\"v3\"\r\n", NULL, 304);
    assert_header(&a, "ETag", "\"v3\"");
    answer_done(&a);
    expect(fx.viewer, "GET", "/case/case-1", "If-None-Match: *\r\n", NULL, 304);
    expect(fx.viewer, "GET", "/case/case-1", "If-None-Match: \"v2\"\r\n", NULL, 200);
}

static void a_missing_case_is_a_problem_document(void **state)
{
    struct answer a = ask(fx.viewer, "GET", "/case/none", NULL, NULL, 404);
    assert_header(&a, "Content-Type", "application/problem+json");
    assert_member(&a, "type", "urn:homeostat:problem:not-found");
    assert_member(&a, "status", "404");
    answer_done(&a);
}

static void a_path_that_is_not_there_is_a_problem_document(void **state)
{
    struct answer a = ask(NULL, "GET", "/nothing", NULL, NULL, 404);
    assert_header(&a, "Content-Type", "application/problem+json");
    answer_done(&a);
    expect(fx.viewer, "GET", "/case/", NULL, NULL, 404);
    expect(fx.viewer, "GET", "/case/a/b", NULL, NULL, 404);
    expect(fx.viewer, "GET", "/case/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", NULL, NULL, 404);
}

static void a_wrong_method_names_the_right_ones(void **state)
{
    struct answer a = ask(fx.admin, "DELETE", "/case/case-1", NULL, NULL, 405);
    assert_header(&a, "Allow", "GET, HEAD, OPTIONS");
    assert_member(&a, "type", "urn:homeostat:problem:method-not-allowed");
    answer_done(&a);
    a = ask(fx.admin, "GET", CREATE, NULL, NULL, 405);
    assert_header(&a, "Allow", "POST, OPTIONS");
    answer_done(&a);
    a = ask(fx.admin, "PATCH", "/stop", NULL, NULL, 405);
    assert_header(&a, "Allow", "POST, DELETE, GET, HEAD, OPTIONS");
    answer_done(&a);
}

static void options_tells_the_methods_without_asking_who(void **state)
{
    struct answer a = ask(NULL, "OPTIONS", "/case/case-1", NULL, NULL, 204);
    assert_header(&a, "Allow", "GET, HEAD, OPTIONS");
    assert_header(&a, "Access-Control-Allow-Origin", NULL);
    answer_done(&a);
    expect(NULL, "OPTIONS", "/nothing", NULL, NULL, 404);
    expect(NULL, "OPTIONS", "*", NULL, NULL, 204);
}

static void head_answers_as_get_does_but_without_the_body(void **state)
{
    struct answer get = ask(fx.viewer, "GET", "/case/case-1", NULL, NULL, 200);
    struct answer head = ask(fx.viewer, "HEAD", "/case/case-1", NULL, NULL, 200);
    char          length[32];
    (void)snprintf(length, sizeof length, "%s", answer_header(&get, "Content-Length"));
    assert_header(&head, "Content-Length", length);
    assert_header(&head, "ETag", "\"v3\"");
    answer_done(&get);
    answer_done(&head);
    expect(fx.viewer, "HEAD", "/events", NULL, NULL, 200);
    expect(NULL, "HEAD", "/livez", NULL, NULL, 200);
}

/* ---- who ---- */

static void without_a_token_the_answer_says_which_scheme(void **state)
{
    struct answer a = ask(NULL, "GET", "/case/case-1", NULL, NULL, 401);
    assert_header(&a, "WWW-Authenticate", "Bearer realm=\"homeostat\"");
    assert_header(&a, "Content-Type", "application/problem+json");
    answer_done(&a);
    expect(NULL, "GET", "/case/case-1", "Authorization: Basic YTpi\r\n", NULL, 401);
}

static void a_wrong_token_is_invalid_token(void **state)
{
    struct answer a = ask("hst_0000", "GET", "/case/case-1", NULL, NULL, 401);
    assert_non_null(strstr(answer_header(&a, "WWW-Authenticate"), "error=\"invalid_token\""));
    assert_null(strstr(a.body, "hst_0000"));
    answer_done(&a);
}

static void an_expired_token_says_so(void **state)
{
    char         token[WEB_TOKEN_SIZE];
    struct fault fault = { 0 };
    fixture_stop();
    assert_ok(web_token_new(fx.tokens_file, "late", ROLE_VIEWER, INT64_C(1000000000000000), token, &fault), &fault);
    fixture_start();
    struct answer a = ask(token, "GET", "/case/case-1", NULL, NULL, 401);
    assert_member(&a, "detail", "the token has expired");
    answer_done(&a);
}

static void a_role_that_is_missing_is_insufficient_scope(void **state)
{
    struct answer a = ask(fx.viewer, "POST", CREATE, JSON_BODY, "{\"title\":\"x\"}", 403);
    assert_non_null(strstr(answer_header(&a, "WWW-Authenticate"), "error=\"insufficient_scope\", scope=\"operator\""));
    answer_done(&a);
    expect(fx.operator, "POST", "/case/case-1/approve", JSON_BODY, "{}", 403);
    expect(fx.approver, "POST", "/case/case-1/approve", JSON_BODY, "{}", 200);
    expect(fx.approver, "DELETE", "/stop", NULL, NULL, 403);
    expect(fx.admin, "DELETE", "/stop", NULL, NULL, 200);
    expect(fx.admin, "POST", "/case/case-1/approve", JSON_BODY, "{}", 200);
    expect(fx.approver, "GET", "/case/case-1", NULL, NULL, 200);   /* whoever may do something may look */
}

static void many_wrong_tokens_are_throttled_but_a_right_one_still_works(void **state)
{
    int throttled = 0;
    for (int i = 0; i < 30; i++) {
        struct answer a;
        client_ask(fx.port, "hst_wrong", "GET", "/case/case-1", NULL, NULL, &a);
        assert_true(a.status == 401 || a.status == 429);
        if (a.status == 429) {
            assert_non_null(answer_header(&a, "Retry-After"));
            throttled++;
        }
        answer_done(&a);
    }
    assert_true(throttled >= 15);
    expect(fx.viewer, "GET", "/case/case-1", NULL, NULL, 200);
}

static void tokens_are_read_again_when_their_file_changes(void **state)
{
    char         token[WEB_TOKEN_SIZE];
    struct fault fault = { 0 };
    assert_ok(web_token_new(fx.tokens_file, "nora", ROLE_VIEWER, 0, token, &fault), &fault);
    int status = 0;
    for (int i = 0; i < 50 && status != 200; i++) {
        struct answer a;
        client_ask(fx.port, token, "GET", "/whoami", NULL, NULL, &a);
        status = a.status;
        answer_done(&a);
        usleep(100000);
    }
    assert_int_equal(status, 200);

    FILE *f = fopen(fx.tokens_file, "a");   /* a broken file changes nothing */
    assert_non_null(f);
    fputs("king  nora  sha256:00\n", f);
    fclose(f);
    sleep(2);
    expect(token, "GET", "/whoami", NULL, NULL, 200);
}

static void without_a_tokens_file_there_is_one_for_this_machine(void **state)
{
    fixture_stop();
    fx.options.tokens_file = "";
    fixture_start();
    char path[128], token[128] = "";
    (void)snprintf(path, sizeof path, "%s/token", fx.folder);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    assert_non_null(fgets(token, sizeof token, f));
    fclose(f);
    token[strcspn(token, "\n")] = '\0';
    assert_int_equal(strncmp(token, "hst_", 4), 0);
    struct answer a = ask(token, "GET", "/whoami", NULL, NULL, 200);
    assert_member(&a, "data.name", "token:local");
    assert_member(&a, "data.roles", "[\"admin\"]");
    answer_done(&a);
    expect(fx.admin, "GET", "/whoami", NULL, NULL, 401);

    fixture_stop();   /* and it stays the same one */
    fixture_start();
    expect(token, "GET", "/whoami", NULL, NULL, 200);
}

/* ---- the order ---- */

static char looked[1200];      /* the last question to ingest, in words */

static enum err remember_question(void *ctx, const struct web_question *q, json_t **out, struct fault *fault)
{
    (void)snprintf(looked, sizeof looked, "%s|%s|%s|%s|%s|%d", q->what, q->id ? q->id : "", q->service ? q->service : "", q->metric ? q->metric : "", q->tenant ? q->tenant : "", q->limit);
    *out = json_array();
    return OK;
}

static void questions_about_what_came_in_hold_any_name_a_metric_and_a_tenant(void **state)
{
    static const struct { const char *path, *question; } rows[] = {
        { "/downstreams?service=urn%3Ak8s%3Asvc%3Ashop%2Fcart&tenant=installation", "downstreams||urn:k8s:svc:shop/cart||installation|100" },
        { "/downstreams?service=my%20own%20service&limit=7", "downstreams||my own service|||7" },
        { "/service/cart/downstreams?tenant=shop", "downstreams|cart|cart||shop|100" },
        { "/service/metrics?service=urn%3Ahost%3Aweb-1", "metrics||urn:host:web-1|||100" },
        { "/v1/service/metrics?service=a%2Fb&name=node_load1&tenant=shop", "metrics||a/b|node_load1|shop|100" },
        { "/pattern?service=a%2Fb&tenant=shop", "patterns||a/b||shop|100" },
        { "/service?tenant=installation", "services||||installation|100" },
        { "/job?tenant=shop", "jobs||||shop|100" },
        { "/table?tenant=shop&limit=7", "tables||||shop|7" },
        { "/event/e1?tenant=shop", "event|e1|||shop|100" },
        { "/trace/4bf92f3577b34da6a3ce929d0e0e4736?tenant=shop", "trace|4bf92f3577b34da6a3ce929d0e0e4736|||shop|100" },
    };
    char long_name[200], path[300], want[300];
    fixture_stop();
    fx.sources.look = remember_question;
    fixture_start();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        expect(fx.viewer, "GET", rows[i].path, NULL, NULL, 200);
        assert_string_equal(looked, rows[i].question);
    }
    memset(long_name, 'x', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = 0;
    (void)snprintf(path, sizeof path, "/downstreams?service=%s", long_name);
    (void)snprintf(want, sizeof want, "downstreams||%s|||100", long_name);
    expect(fx.viewer, "GET", path, NULL, NULL, 200);
    assert_string_equal(looked, want);
    expect(fx.viewer, "GET", "/downstreams", NULL, NULL, 400);
    expect(fx.viewer, "GET", "/service/metrics?service=&name=x", NULL, NULL, 400);
    expect(fx.viewer, "GET", "/service?limit=7x", NULL, NULL, 400);
    expect(fx.viewer, "GET", "/service?limit=", NULL, NULL, 400);
    expect(fx.viewer, "GET", "/service?limit=4294967297", NULL, NULL, 400);
    struct answer a = ask(fx.viewer, "GET", "/service?until=yesterday", NULL, NULL, 400);
    assert_member(&a, "parameter", "until");
    answer_done(&a);
    expect(NULL, "GET", "/downstreams?service=cart", NULL, NULL, 401);
    expect(NULL, "GET", "/service/metrics?service=cart", NULL, NULL, 401);
}

static void things_are_looked_at_in_a_fixed_order(void **state)
{
    /* everything is wrong at once; what is put right uncovers the next */
    expect(NULL, "PATCH", MOVE, "Content-Type: text/xml\r\nAccept: text/html\r\n", "{", 401);
    expect(fx.viewer, "PATCH", MOVE, "Content-Type: text/xml\r\nAccept: text/html\r\n", "{", 403);
    expect(fx.operator, "PATCH", MOVE, "Content-Type: text/xml\r\nAccept: text/html\r\n", "{", 406);
    expect(fx.operator, "PATCH", MOVE, "Content-Type: text/xml\r\n", "{", 415);
    struct answer a = ask(fx.operator, "PATCH", MOVE, JSON_BODY, "{", 400);
    assert_member(&a, "type", "urn:homeostat:problem:malformed");
    answer_done(&a);
    a = ask(fx.operator, "PATCH", MOVE, JSON_BODY, "{}", 400);
    assert_member(&a, "type", "urn:homeostat:problem:idempotency-key-required");
    answer_done(&a);
    assert_int_equal(double_requests(), 0);
    expect(fx.operator, "PATCH", MOVE, JSON_BODY KEY, "{}", 200);
    assert_int_equal(double_requests(), 1);
}

/* ---- bodies ---- */

static void a_body_of_curl_is_json_whatever_curl_calls_it(void **state)
{
    expect(fx.operator, "POST", CREATE, "Content-Type: application/x-www-form-urlencoded\r\n", "{\"title\":\"p95 spike\",\"tenant\":\"t-001\"}", 200);
    assert_string_equal(json_string_value(json_object_get(double_last().body, "title")), "p95 spike");
    expect(fx.operator, "POST", CREATE, NULL, "{\"title\":\"x\"}", 200);
    expect(fx.operator, "POST", CREATE, "Content-Type: application/merge-patch+json\r\n", "{\"title\":\"x\"}", 200);
    expect(fx.operator, "POST", CREATE, "Content-Type: application/json; charset=UTF-8\r\n", "{\"title\":\"x\"}", 200);
    expect(fx.operator, "POST", CREATE, "Content-Type: application/x-www-form-urlencoded\r\n", "title=x", 415);
    expect(fx.operator, "POST", CREATE, "Content-Type: text/plain\r\n", "{\"title\":\"x\"}", 415);
    expect(fx.operator, "POST", CREATE, "Content-Type: application/json; charset=latin1\r\n", "{\"title\":\"x\"}", 415);
}

static void malformed_json_is_told_where(void **state)
{
    struct answer a = ask(fx.operator, "POST", CREATE, JSON_BODY, "{\"title\":\n  oops}", 400);
    assert_member(&a, "type", "urn:homeostat:problem:malformed");
    assert_member(&a, "line", "2");
    answer_done(&a);
    expect(fx.operator, "POST", CREATE, JSON_BODY, "{\"a\":1", 400);
    expect(fx.operator, "POST", CREATE, JSON_BODY, "{\"a\":1,\"a\":2}", 400);
    expect(fx.operator, "POST", CREATE, JSON_BODY, "{\"a\":1}{", 400);
    expect(fx.operator, "POST", CREATE, JSON_BODY, "[1]", 422);
    assert_int_equal(double_requests(), 0);
}

static void the_published_walk_through_is_read_as_it_was_meant(void **state)
{
    struct answer a = ask(fx.operator, "PATCH", MOVE, "Content-Type: application/x-www-form-urlencoded\r\nIdempotency-Key:a1\r\n",
                          "{\"event\":\"start_analysis\",\"actor\":\"analyst@svc}\"", 200);
    assert_non_null(answer_header(&a, "X-Homeostat-Notice"));
    assert_string_equal(json_string_value(json_object_get(double_last().body, "actor")), "analyst@svc");
    answer_done(&a);
}

static void a_body_that_is_too_large_is_refused(void **state)
{
    size_t size = WEB_BODY_MAX + 100;
    char  *body = malloc(size + 1);
    memset(body, ' ', size);
    body[size] = '\0';
    struct answer a = ask(fx.operator, "POST", CREATE, JSON_BODY, body, 413);
    assert_header(&a, "Content-Type", "application/problem+json");
    answer_done(&a);

    /* in chunks nobody says beforehand how long it is */
    char head[256], chunk[64];
    int  fd = client_open(fx.port);
    (void)snprintf(head, sizeof head, "POST " CREATE " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nTransfer-Encoding: chunked\r\n\r\n", fx.operator);
    client_send(fd, head, strlen(head));
    (void)snprintf(chunk, sizeof chunk, "%zx\r\n", size);
    client_send(fd, chunk, strlen(chunk));
    client_send(fd, body, size);
    client_send(fd, "\r\n0\r\n\r\n", 7);
    client_answer(fd, false, &a);
    assert_int_equal(a.status, 413);
    answer_done(&a);
    close(fd);

    /* who asks first is told before sending */
    fd = client_open(fx.port);
    (void)snprintf(head, sizeof head, "POST " CREATE " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: %zu\r\nExpect: 100-continue\r\n\r\n", fx.operator, size);
    client_send(fd, head, strlen(head));
    client_answer(fd, false, &a);
    assert_int_equal(a.status, 413);
    answer_done(&a);
    close(fd);
    free(body);
    assert_int_equal(double_requests(), 0);
}

static void a_body_just_small_enough_is_taken(void **state)
{
    char *body = malloc(WEB_BODY_MAX + 1);
    memset(body, ' ', WEB_BODY_MAX);
    memcpy(body, "{\"title\":\"x\"}", 13);
    body[WEB_BODY_MAX] = '\0';
    expect(fx.operator, "POST", CREATE, JSON_BODY, body, 200);
    free(body);
}

/* ---- what the engine is asked ---- */

static void the_engine_is_told_who_what_and_why(void **state)
{
    expect(fx.operator, "PATCH", "/v1" MOVE, JSON_BODY "Idempotency-Key: \"a \\\"1\\\"\"\r\nIf-Match: \"v3\"\r\ntraceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n",
           "{\"event\":\"cancel\",\"unknown\":1}", 200);
    struct engine_request r = double_last();
    assert_int_equal(r.command, COMMAND_CASE_TRANSITION);
    assert_string_equal(r.id, "case-1");
    assert_string_equal(r.who.name, "token:olga");
    assert_string_equal(r.key, "a \"1\"");
    assert_int_equal(r.if_match, 3);
    assert_string_equal(r.trace_id, "0af7651916cd43dd8448eb211c80319c");
    assert_string_equal(json_string_value(json_object_get(r.body, "event")), "cancel");
    assert_int_equal(r.wait_us, 0);
}

static void preconditions_are_read_strictly(void **state)
{
    const struct { const char *header; int status; int64_t version; } rows[] = {
        { "", 200, -1 },
        { "If-Match: *\r\n", 200, 0 },
        { "If-Match: \"v17\"\r\n", 200, 17 },
        { "If-Match: W/\"v17\"\r\n", 200, INT64_MAX },          /* a weak tag matches nothing */
        { "If-Match: \"abc\"\r\n", 200, INT64_MAX },            /* nor does a foreign one */
        { "If-Match: \"abc\", \"v4\"\r\n", 200, 4 },
        { "If-Match: v17\r\n", 400, 0 },
        { "If-Match: \"v1\", \"v2\"\r\n", 400, 0 },
        { "If-Match: \"v1\r\n", 400, 0 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char headers[256];
        (void)snprintf(headers, sizeof headers, JSON_BODY KEY "%s", rows[i].header);
        expect(fx.operator, "PATCH", MOVE, headers, "{\"event\":\"cancel\"}", rows[i].status);
        if (rows[i].status == 200)
            assert_int_equal(double_last().if_match, rows[i].version);
    }
}

static void the_expected_version_may_stand_in_the_body(void **state)
{
    expect(fx.operator, "PATCH", MOVE, JSON_BODY KEY, "{\"event\":\"cancel\",\"expected_version\":5}", 200);
    assert_int_equal(double_last().if_match, 5);
    expect(fx.operator, "PATCH", MOVE, JSON_BODY KEY "If-Match: \"v5\"\r\n", "{\"expected_version\":5}", 200);
    struct answer a = ask(fx.operator, "PATCH", MOVE, JSON_BODY KEY "If-Match: \"v4\"\r\n", "{\"expected_version\":5}", 422);
    assert_member(&a, "errors.0.pointer", "/expected_version");
    answer_done(&a);
    expect(fx.operator, "PATCH", MOVE, JSON_BODY KEY, "{\"expected_version\":\"5\"}", 422);
    expect(fx.operator, "PATCH", MOVE, JSON_BODY KEY, "{\"expected_version\":0}", 422);
}

static void the_fingerprint_tells_requests_apart_and_only_those(void **state)
{
    char same[DIGEST_SIZE];
    expect(fx.operator, "PATCH", MOVE, JSON_BODY KEY, "{\"event\":\"cancel\",\"reason\":\"x\"}", 200);
    memcpy(same, double_last().fingerprint, sizeof same);
    expect(fx.operator, "PATCH", "/v1" MOVE, KEY, " { \"reason\" : \"x\", \"event\":\"cancel\" } ", 200);
    assert_string_equal(double_last().fingerprint, same);
    expect(fx.admin, "PATCH", MOVE, JSON_BODY KEY, "{\"event\":\"cancel\",\"reason\":\"x\"}", 200);
    assert_string_not_equal(double_last().fingerprint, same);
    expect(fx.operator, "PATCH", "/case/case-2/transition", JSON_BODY KEY, "{\"event\":\"cancel\",\"reason\":\"x\"}", 200);
    assert_string_not_equal(double_last().fingerprint, same);
    expect(fx.operator, "PATCH", MOVE, JSON_BODY KEY, "{\"event\":\"cancel\",\"reason\":\"y\"}", 200);
    assert_string_not_equal(double_last().fingerprint, same);
}

static void a_malformed_key_is_refused(void **state)
{
    expect(fx.operator, "POST", CREATE, JSON_BODY "Idempotency-Key: \"\"\r\n", "{}", 400);
    expect(fx.operator, "POST", CREATE, JSON_BODY "Idempotency-Key: \"open\r\n", "{}", 400);
    char headers[512] = JSON_BODY "Idempotency-Key: ";
    memset(headers + strlen(headers), 'k', 256);
    strcat(headers, "\r\n");
    expect(fx.operator, "POST", CREATE, headers, "{}", 400);
}

static void a_stop_is_cleared_with_what_stands_in_the_query(void **state)
{
    expect(fx.admin, "DELETE", "/stop?target=main", NULL, NULL, 200);
    assert_int_equal(double_last().command, COMMAND_STOP_CLEAR);
    assert_string_equal(json_string_value(json_object_get(double_last().body, "target")), "main");
    expect(fx.admin, "DELETE", "/stop?target=main", JSON_BODY, "{}", 200);
    assert_string_equal(json_string_value(json_object_get(double_last().body, "target")), "main");
    expect(fx.operator, "POST", "/stop", JSON_BODY, "{\"why\":\"x\"}", 200);
    assert_int_equal(double_last().command, COMMAND_STOP_SET);
}

/* Without a target it is the stop of everything that is meant, so what cannot be understood must not be taken for none. */
static void a_stop_is_not_cleared_for_everything_because_its_target_cannot_be_read(void **state)
{
    static const char *const odd[] = { "/stop?target=", "/stop?target", "/stop?target=%ff", "/stop?target=%00main",
                                       "/stop?target=main%00", "/stop?scope=main", "/stop?target=main&target=other" };
    int before = double_requests();
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        struct answer a = ask(fx.admin, "DELETE", odd[i], NULL, NULL, 400);
        assert_member(&a, "type", "urn:homeostat:problem:malformed");
        assert_member(&a, "parameter", i == 5 ? "scope" : "target");
        answer_done(&a);
    }
    expect(fx.admin, "DELETE", "/stop?target=main", JSON_BODY, "{\"target\":\"other\"}", 400);
    expect(fx.admin, "DELETE", "/stop", JSON_BODY, "{\"target\":\"\"}", 400);
    expect(fx.admin, "DELETE", "/stop", JSON_BODY, "{\"target\":[\"main\"]}", 400);
    assert_int_equal(double_requests(), before);
}

static void what_is_no_text_is_missing_like_anything_else(void **state)
{
    static const char *const odd[] = { "/case/%ff", "/case/a%C3", "/target/%e2%82/outcomes" };
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        struct answer a = ask(fx.viewer, "GET", odd[i], NULL, NULL, 404);
        assert_member(&a, "type", "urn:homeostat:problem:not-found");
        answer_done(&a);
    }
}

static void a_stop_that_has_ended_is_none(void **state)
{
    struct answer a = ask(fx.viewer, "GET", "/stop", NULL, NULL, 200);
    json_t *rows = json_loads(a.body, 0, NULL);
    assert_int_equal(json_array_size(json_object_get(rows, "data")), 2);
    assert_null(strstr(a.body, "long over"));
    json_decref(rows);
    answer_done(&a);
}

static void preferences_decide_how_long_work_is_waited_for(void **state)
{
    expect(fx.operator, "POST", "/adapter/exec", JSON_BODY, "{}", 200);
    assert_int_equal(double_last().wait_us, 10000000);
    expect(fx.operator, "POST", "/verify/run", JSON_BODY, "{}", 200);
    assert_int_equal(double_last().wait_us, 10000000);
    struct answer a = ask(fx.operator, "POST", "/verify/run", JSON_BODY "Prefer: wait=3\r\n", "{}", 200);
    assert_int_equal(double_last().wait_us, 3000000);
    assert_header(&a, "Preference-Applied", "wait=3");
    answer_done(&a);
    expect(fx.operator, "POST", "/verify/run", JSON_BODY "Prefer: respond-async\r\n", "{}", 200);
    assert_int_equal(double_last().wait_us, 0);
    expect(fx.operator, "POST", "/verify/run", JSON_BODY "Prefer: wait=99999\r\n", "{}", 200);
    assert_int_equal(double_last().wait_us, 60000000);
}

/* ---- what the engine answers ---- */

static void the_engines_answer_is_passed_on_whole(void **state)
{
    struct engine_reply r = { .status = 202, .body = "{\"data\":{\"id\":\"case-1\"}}", .version = 9, .replayed = true, .retry_after_s = 5, .location = "/v1/case/case-1" };
    double_set(DOUBLE_ANSWER, &r);
    struct answer a = ask(fx.operator, "POST", "/adapter/exec", JSON_BODY, "{}", 202);
    assert_header(&a, "ETag", "\"v9\"");
    assert_header(&a, "Idempotent-Replayed", "true");
    assert_header(&a, "Retry-After", "5");
    assert_header(&a, "Location", "/v1/case/case-1");
    assert_header(&a, "Content-Type", "application/json");
    assert_string_equal(a.body, "{\"data\":{\"id\":\"case-1\"}}");
    answer_done(&a);

    r = (struct engine_reply){ .status = 409, .body = "{\"type\":\"urn:homeostat:problem:illegal-transition\",\"status\":409}" };
    double_set(DOUBLE_AT_ONCE, &r);
    a = ask(fx.operator, "POST", "/adapter/exec", JSON_BODY, "{}", 409);
    assert_header(&a, "Content-Type", "application/problem+json");
    assert_header(&a, "Retry-After", NULL);
    answer_done(&a);
}

static void a_full_queue_is_busy_and_not_an_error(void **state)
{
    double_set(DOUBLE_BUSY, NULL);
    struct answer a = ask(fx.operator, "POST", CREATE, JSON_BODY, "{}", 503);
    assert_header(&a, "Retry-After", "1");
    assert_member(&a, "type", "urn:homeostat:problem:busy");
    answer_done(&a);
}

static void requests_that_wait_block_nobody(void **state)
{
    enum { WAITING = 40 };   /* many more than threads */
    int  fd[WAITING];
    char request[512];
    double_set(DOUBLE_HOLD, NULL);
    (void)snprintf(request, sizeof request, "POST " CREATE " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}", fx.operator);
    for (int i = 0; i < WAITING; i++) {
        fd[i] = client_open(fx.port);
        client_send(fd[i], request, strlen(request));
    }
    for (int i = 0; i < 500 && double_requests() < WAITING; i++)
        usleep(10000);
    assert_int_equal(double_requests(), WAITING);
    expect(fx.viewer, "GET", "/case/case-1", NULL, NULL, 200);
    double_release();
    for (int i = 0; i < WAITING; i++) {
        struct answer a;
        client_answer(fd[i], false, &a);
        assert_int_equal(a.status, 200);
        answer_done(&a);
        close(fd[i]);
    }
}

static void a_client_that_leaves_while_waiting_harms_nobody(void **state)
{
    char request[512];
    double_set(DOUBLE_HOLD, NULL);
    (void)snprintf(request, sizeof request, "POST " CREATE " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: 2\r\n\r\n{}", fx.operator);
    int fd = client_open(fx.port);
    client_send(fd, request, strlen(request));
    for (int i = 0; i < 500 && double_requests() < 1; i++)
        usleep(10000);
    close(fd);
    double_release();
    expect(fx.viewer, "GET", "/case/case-1", NULL, NULL, 200);
}

static void who_waits_when_we_stop_hears_that_we_are_going(void **state)
{
    char request[512];
    double_set(DOUBLE_HOLD, NULL);
    (void)snprintf(request, sizeof request, "POST " CREATE " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: 2\r\n\r\n{}", fx.operator);
    int fd = client_open(fx.port);
    client_send(fd, request, strlen(request));
    for (int i = 0; i < 500 && double_requests() < 1; i++)
        usleep(10000);
    fixture_stop();
    double_release();   /* the late answer finds nobody */
    struct answer a;
    client_answer(fd, false, &a);
    assert_true(a.status == 503 || a.status == 0);
    answer_done(&a);
    close(fd);
    fixture_start();
}

static void *ask_often(void *arg)
{
    const int *who = arg;
    for (int i = 0; i < 100; i++) {
        struct answer a;
        client_ask(fx.port, *who % 2 ? fx.operator : fx.viewer, *who % 2 ? "POST" : "GET", *who % 2 ? CREATE : "/case/case-1", NULL, *who % 2 ? "{}" : NULL, &a);
        assert_int_equal(a.status, 200);
        answer_done(&a);
    }
    return NULL;
}

static void many_ask_at_the_same_time(void **state)
{
    enum { CLIENTS = 8 };
    pthread_t thread[CLIENTS];
    int       who[CLIENTS];
    for (int i = 0; i < CLIENTS; i++) {
        who[i] = i;
        assert_int_equal(pthread_create(&thread[i], NULL, ask_often, &who[i]), 0);
    }
    for (int i = 0; i < CLIENTS; i++)
        (void)pthread_join(thread[i], NULL);
    assert_int_equal(double_requests(), CLIENTS / 2 * 100);
}

/* ---- every answer ---- */

static void requests_and_traces_can_be_followed(void **state)
{
    struct answer a = ask(fx.viewer, "GET", "/case/case-1", "X-Request-Id: my-1\r\ntraceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n", NULL, 200);
    assert_header(&a, "X-Request-Id", "my-1");
    assert_header(&a, "X-Trace-Id", "0af7651916cd43dd8448eb211c80319c");
    assert_int_equal(strncmp(answer_header(&a, "traceresponse"), "00-0af7651916cd43dd8448eb211c80319c-", 36), 0);
    answer_done(&a);
    a = ask(NULL, "GET", "/nothing", "traceparent: 00-00000000000000000000000000000000-b7ad6b7169203331-01\r\n", NULL, 404);
    assert_int_equal(strlen(answer_header(&a, "X-Trace-Id")), 32);
    assert_string_not_equal(answer_header(&a, "X-Trace-Id"), "00000000000000000000000000000000");
    assert_int_equal(strlen(answer_header(&a, "X-Request-Id")), 32);
    answer_done(&a);
}

static void every_answer_carries_the_security_headers(void **state)
{
    const char *const paths[] = { "/", "/livez", "/nothing", "/openapi.json" };
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        struct answer a;
        client_ask(fx.port, NULL, "GET", paths[i], NULL, NULL, &a);
        assert_header(&a, "X-Content-Type-Options", "nosniff");
        assert_header(&a, "Referrer-Policy", "no-referrer");
        const char *policy = answer_header(&a, "Content-Security-Policy");
        assert_non_null(policy);
        assert_null(strstr(policy, "unsafe"));
        assert_header(&a, "Access-Control-Allow-Origin", NULL);
        assert_non_null(answer_header(&a, "Date"));   /* the dashboard goes by our clock */
        answer_done(&a);
    }
}

static void what_is_not_json_is_only_for_who_accepts_it(void **state)
{
    expect(fx.viewer, "GET", "/case/case-1", "Accept: text/html\r\n", NULL, 406);
    expect(fx.viewer, "GET", "/case/case-1", "Accept: text/html, application/*;q=0.1\r\n", NULL, 200);
    expect(fx.viewer, "GET", "/case/case-1", "Accept: application/json;q=0, */*;q=0\r\n", NULL, 406);
    expect(fx.viewer, "GET", "/case/case-1", "Accept: */*\r\n", NULL, 200);
    struct answer a = ask(NULL, "GET", "/openapi.yaml", NULL, NULL, 200);
    assert_header(&a, "Content-Type", "application/yaml");
    answer_done(&a);
}

/* ---- reading ---- */

static void a_list_leads_to_its_next_page(void **state)
{
    struct answer a = ask(fx.viewer, "GET", "/case?state=PARKED&limit=7&cursor=x", NULL, NULL, 200);
    assert_header(&a, "Link", "</v1/case?limit=7&state=PARKED&cursor=after%20case-1>; rel=\"next\"");
    assert_member(&a, "asked.state", "PARKED");
    assert_member(&a, "asked.cursor", "x");
    assert_member(&a, "data.0.id", "case-1");
    answer_done(&a);
    expect(fx.viewer, "GET", "/case?state=NOWHERE", NULL, NULL, 400);
    expect(fx.viewer, "GET", "/case?limit=0", NULL, NULL, 400);
    expect(fx.viewer, "GET", "/case?limit=501", NULL, NULL, 400);
    expect(fx.viewer, "GET", "/case?since=yesterday", NULL, NULL, 400);
    a = ask(fx.viewer, "GET", "/case?since=2026-01-31T00:00:00Z", NULL, NULL, 200);
    assert_member(&a, "asked.since", "1769817600000000");
    answer_done(&a);
    expect(fx.viewer, "GET", "/case?since=15min", NULL, NULL, 200);
}

static void what_trials_taught_is_read_page_by_page_and_taken_in_by_an_admin(void **state)
{
    struct answer a = ask(fx.viewer, "GET", "/knowledge?shared=true&limit=7", NULL, NULL, 200);
    assert_header(&a, "Link", "</v1/knowledge?limit=7&shared=true&cursor=2>; rel=\"next\"");
    assert_member(&a, "data.0.limit", "7");
    answer_done(&a);
    expect(fx.viewer, "GET", "/knowledge?cursor=2", NULL, NULL, 200);
    expect(fx.viewer, "GET", "/knowledge?cursor=x", NULL, NULL, 400);
    expect(fx.viewer, "GET", "/knowledge?shared=perhaps", NULL, NULL, 400);
    expect(fx.operator, "POST", "/knowledge", JSON_BODY, "{\"records\":[]}", 403);
}

static void everything_that_can_be_read_is_read(void **state)
{
    const char *const paths[] = {
        "/case/case-1/timeline", "/case/case-1/file", "/case/case-1/explanation", "/target", "/target/main", "/target/main/series?metrics=tps&since=5min",
        "/target/main/metric?name=tps", "/target/main/outcomes?limit=3", "/stop", "/budget", "/rules", "/whoami",
    };
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        struct answer a = ask(fx.viewer, "GET", paths[i], NULL, NULL, 200);
        assert_non_null(strstr(a.body, "{\"data\":"));
        answer_done(&a);
    }
    expect(fx.viewer, "GET", "/policy", NULL, NULL, 404);   /* the fixture has none */
    expect(fx.viewer, "GET", "/target/nowhere", NULL, NULL, 404);
    expect(fx.viewer, "GET", "/target/nowhere/series", NULL, NULL, 404);
    expect(fx.viewer, "GET", "/target/main/metric", NULL, NULL, 400);
    expect(fx.viewer, "GET", "/target/main/metric?name=tps&from=2026-01-01T00:00:00Z&to=2026-02-01T00:00:00Z", NULL, NULL, 200);
    expect(fx.viewer, "GET", "/target/main/metric?name=tps&from=2026-01-01T00:00:00Z&to=2026-02-01T00:00:01Z", NULL, NULL, 400);
    expect(fx.viewer, "GET", "/case/none/timeline", NULL, NULL, 404);
}

static void an_explanation_comes_in_three_forms(void **state)
{
    struct answer a = ask(fx.viewer, "GET", "/case/case-1/explanation", NULL, NULL, 200);
    assert_header(&a, "Content-Type", "application/json");
    assert_member(&a, "data.case_id", "case-1");
    assert_member(&a, "data.missing", "change, effect, interval, path");
    answer_done(&a);
    a = ask(fx.viewer, "GET", "/case/case-1/explanation?format=markdown", NULL, NULL, 200);
    assert_header(&a, "Content-Type", "text/markdown; charset=utf-8");
    answer_done(&a);
    a = ask(fx.viewer, "GET", "/case/case-1/explanation?format=html", NULL, NULL, 200);
    assert_header(&a, "Content-Type", "text/html; charset=utf-8");
    /* Its own style, and nothing that runs or comes from elsewhere. */
    assert_header(&a, "Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
    assert_int_equal(strncmp(a.body, "<!doctype html>", 15), 0);
    answer_done(&a);
    expect(fx.viewer, "GET", "/case/case-1/explanation?format=pdf", NULL, NULL, 400);
    expect(fx.viewer, "GET", "/case/none/explanation", NULL, NULL, 404);
    expect(NULL, "GET", "/case/case-1/explanation", NULL, NULL, 401);
}

static void a_store_that_fails_is_unavailable_and_recovers(void **state)
{
    double_store_fails(ERR_IO);
    struct answer a = ask(fx.viewer, "GET", "/case/case-1", NULL, NULL, 503);
    assert_header(&a, "Retry-After", "1");
    answer_done(&a);
    double_store_fails(OK);
    expect(fx.viewer, "GET", "/case/case-1", NULL, NULL, 200);
}

static void health_is_for_everybody(void **state)
{
    struct answer a = ask(NULL, "GET", "/livez", NULL, NULL, 200);
    assert_string_equal(a.body, "{\"data\":{\"ok\":true}}");
    answer_done(&a);
    a = ask(NULL, "GET", "/readyz?verbose", NULL, NULL, 200);
    assert_member(&a, "data.checks.store", "true");
    answer_done(&a);
    double_set_ready(false);
    a = ask(NULL, "GET", "/readyz", NULL, NULL, 503);
    assert_member(&a, "checks.store", "false");
    assert_member(&a, "detail", "the store cannot be written: no room");
    answer_done(&a);
    expect(NULL, "GET", "/livez", NULL, NULL, 200);
}

static void metrics_come_in_two_dialects(void **state)
{
    expect(NULL, "GET", "/metrics", NULL, NULL, 401);
    struct answer a = ask(fx.viewer, "GET", "/metrics", NULL, NULL, 200);
    assert_header(&a, "Content-Type", "text/plain; version=0.0.4; charset=utf-8");
    assert_non_null(strstr(a.body, "\ncase_transition_total{from=\"NEW\"} 3\n"));
    assert_non_null(strstr(a.body, "# TYPE homeostat_http_requests_total counter\n"));
    assert_non_null(strstr(a.body, "homeostat_http_requests_total{method=\"GET\",route=\"/metrics\",status=\"4xx\"} 1\n"));
    answer_done(&a);
    a = ask(fx.viewer, "GET", "/metrics", "Accept: application/openmetrics-text; version=1.0.0,text/plain;q=0.5\r\n", NULL, 200);
    assert_header(&a, "Content-Type", "application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert_non_null(strstr(a.body, "# TYPE case_transition counter\ncase_transition_total{from=\"NEW\"} 3\n"));
    assert_string_equal(a.body + a.size - 6, "# EOF\n");
    answer_done(&a);
    expect(fx.viewer, "GET", "/metrics", "Accept: application/json\r\n", NULL, 406);
}

static void metrics_may_be_opened(void **state)
{
    fixture_stop();
    fx.options.metrics_open = true;
    fixture_start();
    expect(NULL, "GET", "/metrics", NULL, NULL, 200);
    expect(NULL, "GET", "/case", NULL, NULL, 401);
}

static void the_dashboard_needs_no_token_to_be_loaded(void **state)
{
    struct answer a = ask(NULL, "GET", "/", NULL, NULL, 200);
    assert_int_equal(strncmp(answer_header(&a, "Content-Type"), "text/html", 9), 0);
    assert_non_null(strstr(a.body, "Homeostat"));
    answer_done(&a);
    expect(NULL, "GET", "/assets/none.js", NULL, NULL, 404);
    expect(NULL, "GET", "/assets/..%2f..%2fetc%2fpasswd", NULL, NULL, 404);
}

static void what_changes_something_leaves_a_line_in_the_audit_log(void **state)
{
    char path[128], line[2048];
    (void)snprintf(path, sizeof path, "%s/log", fx.folder);
    FILE *log = fopen(path, "w+");
    log_setup(LOG_LOGFMT, LOG_INFO, log);
    expect(fx.operator, "POST", "/case/case-1/comment", JSON_BODY, "{\"text\":\"a secret remark\"}", 200);
    expect(NULL, "POST", CREATE, JSON_BODY, "{}", 401);
    expect(fx.viewer, "GET", "/case/case-1", NULL, NULL, 200);
    log_setup(LOG_LOGFMT, LOG_ERROR, NULL);
    rewind(log);
    int lines = 0;
    while (fgets(line, sizeof line, log)) {
        if (!strstr(line, "audit"))
            continue;
        lines++;
        assert_null(strstr(line, "secret"));
        assert_null(strstr(line, "hst_"));
        assert_non_null(strstr(line, lines == 1 ? "olga" : "principal="));
        assert_non_null(strstr(line, lines == 1 ? "status=200" : "status=401"));
        assert_non_null(strstr(line, "trace="));
        if (lines == 1)
            assert_non_null(strstr(line, "id=case-1"));
    }
    fclose(log);
    assert_int_equal(lines, 2);
}

static void a_connection_can_be_used_again(void **state)
{
    char          request[512];
    struct answer a;
    int           fd = client_open(fx.port);
    (void)snprintf(request, sizeof request, "GET /case/case-1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n", fx.viewer);
    for (int i = 0; i < 5; i++) {
        client_send(fd, request, strlen(request));
        client_answer(fd, false, &a);
        assert_int_equal(a.status, 200);
        answer_done(&a);
    }
    close(fd);
}

static void who_dribbles_a_request_is_cut_off(void **state)
{
    fixture_stop();
    fx.options.header_timeout_us = US_PER_S;
    fx.options.idle_timeout_us = US_PER_S;
    fixture_start();
    int  fd = client_open(fx.port);
    char got[256];
    client_send(fd, "GET /case/case-1 HTTP/1.1\r\n", 27);
    bool cut = false;
    for (int i = 0; i < 60 && !cut; i++) {   /* a header line each 100 ms, for ever */
        client_send(fd, "X-A: b\r\n", 8);
        struct timespec t = { .tv_nsec = 100000000 };
        nanosleep(&t, NULL);
        cut = client_read(fd, got, sizeof got, NULL, 1) == 0 && recv(fd, got, 1, MSG_DONTWAIT) == 0;
    }
    close(fd);
    assert_true(cut);
}

/* ---- events of the telemetry, of which somebody else tells ---- */

static enum err some_event(void *ctx, const json_t *request, json_t **out, struct fault *fault)
{
    const char *title = json_string_value(json_object_get(request, "title"));
    if (!title)
        return fail(fault, ERR_INPUT, "/title is missing");
    if (strcmp(title, "other") == 0)
        return fail(fault, ERR_CONFLICT, "event e1 is there already, and says something else");
    if (strcmp(title, "busy") == 0)
        return fail(fault, ERR_BUSY, "the digest is writing");
    *out = json_pack("{s:s, s:b}", "event_id", "e1", "created", strcmp(title, "new") == 0);
    return OK;
}

static enum err what_happened(void *ctx, const struct web_question *q, json_t **out, struct fault *fault)
{
    *out = json_pack("[{s:s, s:s, s:s, s:i}]", "what", q->what, "kind", q->kind ? q->kind : "", "service", q->service ? q->service : "", "limit", q->limit);
    return OK;
}

static void an_event_is_created_once_and_its_case_leads_to_it(void **state)
{
    fixture_stop();
    fx.sources.event = some_event;
    fx.sources.look = what_happened;
    fixture_start();
    struct answer a = ask(fx.operator, "POST", "/event", NULL, "{\"title\": \"new\"}", 201);
    assert_header(&a, "Location", "/event/e1");
    assert_member(&a, "data.event_id", "e1");
    answer_done(&a);
    expect(fx.operator, "POST", "/event", NULL, "{\"title\": \"old\"}", 200);
    expect(fx.operator, "POST", "/event", NULL, "{\"title\": \"other\"}", 409);
    expect(fx.operator, "POST", "/event", NULL, "{}", 422);
    a = ask(fx.operator, "POST", "/event", JSON_BODY, "{\"title\":\n  oops}", 400);
    assert_member(&a, "line", "2");
    answer_done(&a);
    expect(fx.operator, "POST", "/event", NULL, NULL, 400);
    expect(fx.viewer, "POST", "/event", NULL, "{\"title\": \"new\"}", 403);
    a = ask(fx.operator, "POST", "/event", NULL, "{\"title\": \"busy\"}", 503);
    assert_header(&a, "Retry-After", "1");
    answer_done(&a);
    a = ask(fx.viewer, "GET", "/event?kind=deploy&service=cart&limit=7", NULL, NULL, 200);
    assert_non_null(strstr(a.body, "\"what\":\"events\",\"kind\":\"deploy\",\"service\":\"cart\",\"limit\":7"));
    answer_done(&a);
    a = ask(fx.viewer, "GET", "/case/case-1", NULL, NULL, 200);
    assert_member(&a, "data.event_id", "case-1");
    answer_done(&a);
    a = ask(fx.viewer, "GET", "/case/case-1/file", NULL, NULL, 200);
    assert_member(&a, "data.event_id", "case-1");
    answer_done(&a);
}

static void without_ingest_there_are_no_events_and_no_case_names_one(void **state)
{
    expect(fx.operator, "POST", "/event", NULL, "{\"title\": \"new\"}", 404);
    expect(fx.viewer, "GET", "/event", NULL, NULL, 404);
    struct answer a = ask(fx.viewer, "GET", "/case/case-1", NULL, NULL, 200);
    assert_null(strstr(a.body, "event_id"));
    answer_done(&a);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_case_is_read_with_its_version_as_etag),
        TEST(the_same_is_there_below_v1),
        TEST(who_holds_the_version_already_gets_304_and_no_body),
        TEST(a_missing_case_is_a_problem_document),
        TEST(a_path_that_is_not_there_is_a_problem_document),
        TEST(a_wrong_method_names_the_right_ones),
        TEST(options_tells_the_methods_without_asking_who),
        TEST(head_answers_as_get_does_but_without_the_body),
        TEST(without_a_token_the_answer_says_which_scheme),
        TEST(a_wrong_token_is_invalid_token),
        TEST(an_expired_token_says_so),
        TEST(a_role_that_is_missing_is_insufficient_scope),
        TEST(many_wrong_tokens_are_throttled_but_a_right_one_still_works),
        TEST(tokens_are_read_again_when_their_file_changes),
        TEST(without_a_tokens_file_there_is_one_for_this_machine),
        TEST(things_are_looked_at_in_a_fixed_order),
        TEST(questions_about_what_came_in_hold_any_name_a_metric_and_a_tenant),
        TEST(a_body_of_curl_is_json_whatever_curl_calls_it),
        TEST(malformed_json_is_told_where),
        TEST(the_published_walk_through_is_read_as_it_was_meant),
        TEST(a_body_that_is_too_large_is_refused),
        TEST(a_body_just_small_enough_is_taken),
        TEST(the_engine_is_told_who_what_and_why),
        TEST(preconditions_are_read_strictly),
        TEST(the_expected_version_may_stand_in_the_body),
        TEST(the_fingerprint_tells_requests_apart_and_only_those),
        TEST(a_malformed_key_is_refused),
        TEST(a_stop_is_cleared_with_what_stands_in_the_query),
        TEST(a_stop_is_not_cleared_for_everything_because_its_target_cannot_be_read),
        TEST(a_stop_that_has_ended_is_none),
        TEST(what_is_no_text_is_missing_like_anything_else),
        TEST(preferences_decide_how_long_work_is_waited_for),
        TEST(the_engines_answer_is_passed_on_whole),
        TEST(an_event_is_created_once_and_its_case_leads_to_it),
        TEST(without_ingest_there_are_no_events_and_no_case_names_one),
        TEST(a_full_queue_is_busy_and_not_an_error),
        TEST(requests_that_wait_block_nobody),
        TEST(a_client_that_leaves_while_waiting_harms_nobody),
        TEST(who_waits_when_we_stop_hears_that_we_are_going),
        TEST(many_ask_at_the_same_time),
        TEST(requests_and_traces_can_be_followed),
        TEST(every_answer_carries_the_security_headers),
        TEST(what_is_not_json_is_only_for_who_accepts_it),
        TEST(a_list_leads_to_its_next_page),
        TEST(what_trials_taught_is_read_page_by_page_and_taken_in_by_an_admin),
        TEST(everything_that_can_be_read_is_read),
        TEST(an_explanation_comes_in_three_forms),
        TEST(a_store_that_fails_is_unavailable_and_recovers),
        TEST(health_is_for_everybody),
        TEST(metrics_come_in_two_dialects),
        TEST(metrics_may_be_opened),
        TEST(the_dashboard_needs_no_token_to_be_loaded),
        TEST(what_changes_something_leaves_a_line_in_the_audit_log),
        TEST(a_connection_can_be_used_again),
        TEST(who_dribbles_a_request_is_cut_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
