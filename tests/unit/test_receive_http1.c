/* receive: a request of HTTP/1.1 ends where every careful reader says it ends, and is refused where two could disagree. */
#include "unit.h"

#include "receive/http1.h"

#include <stdio.h>
#include <stdlib.h>

/* What came out, as text: "GET /path|name=value|...|body|." and "!status" when it was refused. */
static const char *read_in_steps(const char *bytes, size_t n, size_t step)
{
    static char  said[8192];
    struct http1 p;
    size_t       k = 0;
    http1_init(&p, 1024);
    said[0] = '\0';
    for (size_t at = 0; at < n; at += step) {
        char        *copy = malloc(step);      /* so that nothing is read beyond */
        struct slice in = { memcpy(copy, bytes + at, n - at < step ? n - at : step), n - at < step ? n - at : step };
        for (enum http1_event e; (e = http1_next(&p, &in)) != HTTP1_MORE;) {
            if (e == HTTP1_REQUEST)
                k += (size_t)snprintf(said + k, sizeof said - k, "%.*s %.*s|", (int)p.method.n, p.method.s, (int)p.target.n, p.target.s);
            else if (e == HTTP1_FIELD)
                k += (size_t)snprintf(said + k, sizeof said - k, "%.*s=%.*s|", (int)p.name.n, p.name.s, (int)p.value.n, p.value.s);
            else if (e == HTTP1_HEAD)
                k += (size_t)snprintf(said + k, sizeof said - k, "%s%s:", p.keep_alive ? "" : "close", p.expect ? "expect" : "");
            else if (e == HTTP1_DATA)
                k += (size_t)snprintf(said + k, sizeof said - k, "%.*s", (int)p.value.n, p.value.s);
            else if (e == HTTP1_END)
                k += (size_t)snprintf(said + k, sizeof said - k, ".");
            else {
                (void)snprintf(said + k, sizeof said - k, "!%d", p.status);
                free(copy);
                http1_done(&p);
                return said;
            }
        }
        free(copy);
    }
    http1_done(&p);
    return said;
}

static void assert_read(const char *bytes, const char *expected)
{
    static const size_t steps[] = { 1, 2, 3, 7, 4096 };
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
        assert_string_equal(read_in_steps(bytes, strlen(bytes), steps[i]), expected);
}

static void assert_refused(const char *bytes, int status)
{
    static const size_t steps[] = { 1, 5, 4096 };
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        const char *said = read_in_steps(bytes, strlen(bytes), steps[i]), *mark = strrchr(said, '!');
        if (!mark || atoi(mark + 1) != status)
            fail_msg("%s\nsaid %s instead of !%d", bytes, said, status);
    }
}

#define POST "POST /v1/logs HTTP/1.1\r\nHost: h\r\n"

static void a_request_is_read_in_pieces_of_any_size(void **state)
{
    assert_read(POST "Content-Length: 5\r\n\r\nhello", "POST /v1/logs|Host=h|Content-Length=5|:hello.");
    assert_read("GET /health HTTP/1.1\r\nHost:h\r\nX:  a b \t\r\n\r\n", "GET /health|Host=h|X=a b|:.");
}

static void requests_follow_each_other_on_one_connection(void **state)
{
    assert_read("GET /a HTTP/1.1\r\nHost: h\r\n\r\n\r\nGET /b HTTP/1.1\r\nHost: h\r\nConnection: foo, Close\r\n\r\n", "GET /a|Host=h|:.GET /b|Host=h|Connection=foo, Close|close:.");
    assert_read("GET /a HTTP/1.0\r\n\r\nGET /b HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "GET /a|close:.GET /b|Connection=keep-alive|:.");
}

static void a_chunked_body_is_put_together_and_its_trailers_are_passed_over(void **state)
{
    assert_read(POST "Transfer-Encoding: chunked\r\n\r\n5;name=\"v\"\r\nhello\r\n1\r\n!\r\n000\r\nX-T: 1\r\n\r\n", "POST /v1/logs|Host=h|Transfer-Encoding=chunked|:hello!.");
    assert_read(POST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /b HTTP/1.1\r\nHost: h\r\n\r\n", "POST /v1/logs|Host=h|Transfer-Encoding=chunked|:.GET /b|Host=h|:.");
}

static void who_expects_100_continue_is_known(void **state)
{
    assert_read(POST "Content-Length: 1\r\nExpect: 100-Continue\r\n\r\nx", "POST /v1/logs|Host=h|Content-Length=1|Expect=100-Continue|expect:x.");
    assert_refused(POST "Content-Length: 1\r\nExpect: a pony\r\n\r\nx", 417);
}

static void a_request_whose_end_is_doubtful_is_refused(void **state)
{
    assert_refused(POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400);
    assert_refused(POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", 400);
    assert_refused(POST "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", 400);
    assert_refused(POST "Content-Length: 5, 5\r\n\r\n", 400);
    assert_refused(POST "Content-Length: +5\r\n\r\n", 400);
    assert_refused(POST "Content-Length: \r\n\r\n", 400);
    assert_refused(POST "Content-Length: 9999999999999999999\r\n\r\n", 413);
    assert_refused(POST "Transfer-Encoding: gzip, chunked\r\n\r\n", 501);
    assert_refused(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400);
    assert_refused("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400);
    assert_refused(POST "Content-Length : 5\r\n\r\n", 400);
    assert_refused(POST "Content-Length: 5\n\r\n", 400);
    assert_refused(POST "X: ab\nContent-Length: 0\r\n\r\n", 400);
    assert_refused(POST "X: a\r\n b\r\n\r\n", 400);
    assert_refused(POST "X: a\rb\r\n\r\n", 400);
    assert_refused(POST "Transfer-Encoding: chunked\r\n\r\n5\r\nhelloX\r\n0\r\n\r\n", 400);
    assert_refused(POST "Transfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n", 400);
    assert_refused(POST "Transfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n", 400);
    assert_refused(POST "Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n", 400);
    assert_refused(POST "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", 413);
}

static void what_is_no_request_is_refused(void **state)
{
    assert_refused("GET\r\n\r\n", 400);
    assert_refused("GET /\r\n\r\n", 400);
    assert_refused("GET / HTTP/2.0\r\n\r\n", 505);
    assert_refused("GET / http/1.1\r\n\r\n", 400);
    assert_refused("G(T / HTTP/1.1\r\n\r\n", 400);
    assert_refused("GET /a b HTTP/1.1\r\n\r\n", 400);
    assert_refused("GET * HTTP/1.1\r\n\r\n", 400);
    assert_refused("GET / HTTP/1.1\r\n\r\n", 400);                                     /* no Host */
    assert_refused("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400);
    assert_refused("\r\n\r\n\r\n\r\n", 400);
    assert_refused("\x16\x03\x01\x02\n", 400);                                         /* TLS where there is none */
}

static void a_head_has_a_bound(void **state)
{
    char big[4000] = "GET / HTTP/1.1\r\nHost: h\r\nX: ";
    memset(big + strlen(big), 'a', 1100);
    assert_refused(big, 431);
    char many[8000] = "GET / HTTP/1.1\r\nHost: h\r\n";
    for (int i = 0; i < 110; i++)
        strcat(many, "a:b\r\n");
    assert_refused(many, 431);
    char line[400] = POST "Transfer-Encoding: chunked\r\n\r\n5;";
    memset(line + strlen(line), 'x', 300);
    assert_refused(line, 431);
}

static void an_absolute_target_is_its_path(void **state) { assert_read("GET http://other/x?y HTTP/1.1\r\nHost: h\r\n\r\n", "GET /x?y|Host=h|:."); }

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_read_in_pieces_of_any_size),
        cmocka_unit_test(requests_follow_each_other_on_one_connection),
        cmocka_unit_test(a_chunked_body_is_put_together_and_its_trailers_are_passed_over),
        cmocka_unit_test(who_expects_100_continue_is_known),
        cmocka_unit_test(a_request_whose_end_is_doubtful_is_refused),
        cmocka_unit_test(what_is_no_request_is_refused),
        cmocka_unit_test(a_head_has_a_bound),
        cmocka_unit_test(an_absolute_target_is_its_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
