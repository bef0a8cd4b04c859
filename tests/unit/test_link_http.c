/* link: a GET ends in time, within its bound, and with a word about what went wrong. */
#include "unit.h"

#include "base/clock.h"
#include "link/http.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A server for one connection: reads the request, says its line, and closes, or hangs. */
struct server { int fd; const char *says; size_t repeat; bool hangs; pthread_t thread; char url[64]; char asked[512]; };

static void *serve(void *arg)
{
    struct server *s = arg;
    int c = accept(s->fd, NULL, NULL);
    if (c < 0)
        return NULL;
    ssize_t n = recv(c, s->asked, sizeof s->asked - 1, 0);
    s->asked[n > 0 ? n : 0] = '\0';
    for (size_t i = 0; i < s->repeat && send(c, s->says, strlen(s->says), MSG_NOSIGNAL) > 0; i++) { }
    if (s->hangs)
        (void)recv(c, &(char){ 0 }, 1, 0);   /* until the client gives up */
    close(c);
    return NULL;
}

static void start(struct server *s, const char *says, size_t repeat, bool hangs)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t          size = sizeof at;
    *s = (struct server){ .fd = socket(AF_INET, SOCK_STREAM, 0), .says = says, .repeat = repeat, .hangs = hangs };
    assert_int_equal(bind(s->fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(s->fd, 1), 0);
    assert_int_equal(getsockname(s->fd, (struct sockaddr *)&at, &size), 0);
    (void)snprintf(s->url, sizeof s->url, "http://127.0.0.1:%d/latency", ntohs(at.sin_port));
    assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void stop(struct server *s)
{
    pthread_join(s->thread, NULL);
    close(s->fd);
}

static void the_body_and_the_status_come_back(void **state)
{
    struct server      s;
    struct http_answer a;
    struct fault       fault = { 0 };
    start(&s, "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n{\"mono\": 1}", 1, false);
    assert_ok(http_get(s.url, 5000, 1024, &a, &fault), &fault);
    assert_int_equal(a.status, 200);
    assert_string_equal(a.body.s, "{\"mono\": 1}");
    http_answer_done(&a);
    stop(&s);
    assert_true(strncmp(s.asked, "GET /latency HTTP/1.1\r\n", 23) == 0);
}

static void another_status_is_a_fault_and_a_redirect_is_not_followed(void **state)
{
    struct server      s;
    struct http_answer a;
    struct fault       fault = { 0 };
    start(&s, "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", 1, false);
    assert_int_equal(http_get(s.url, 5000, 1024, &a, &fault), ERR_STATE);
    assert_int_equal(a.status, 503);
    stop(&s);
    start(&s, "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", 1, false);
    assert_int_equal(http_get(s.url, 5000, 1024, &a, &fault), ERR_STATE);
    assert_int_equal(a.status, 302);
    stop(&s);
}

static void an_answer_beyond_its_bound_is_refused_not_shortened(void **state)
{
    struct server      s;
    struct http_answer a;
    struct fault       fault = { 0 };
    start(&s, "HTTP/1.0 200 OK\r\n\r\nxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", 100, false);
    assert_int_equal(http_get(s.url, 5000, 1024, &a, &fault), ERR_LIMIT);
    stop(&s);
}

static void a_server_that_hangs_is_given_up_in_time_and_one_that_is_not_there_is_named(void **state)
{
    struct server      s;
    struct http_answer a;
    struct fault       fault = { 0 };
    int64_t            began_us = clock_mono_us(&clock_real);
    start(&s, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", 1, true);
    assert_int_equal(http_get(s.url, 200, 1024, &a, &fault), ERR_TIMEOUT);
    assert_true(clock_mono_us(&clock_real) - began_us < 3 * US_PER_S);
    stop(&s);
    assert_int_equal(http_get(s.url, 2000, 1024, &a, &fault), ERR_IO);
    assert_non_null(strstr(fault.text, s.url));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_body_and_the_status_come_back),
        cmocka_unit_test(another_status_is_a_fault_and_a_redirect_is_not_followed),
        cmocka_unit_test(an_answer_beyond_its_bound_is_refused_not_shortened),
        cmocka_unit_test(a_server_that_hangs_is_given_up_in_time_and_one_that_is_not_there_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
