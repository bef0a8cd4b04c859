/* sensor: probes against servers of this test's own on loopback, each with a way to fail. */
#include "unit.h"

#include "base/clock.h"
#include "sensor/probe.h"

#include <arpa/inet.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum manner { ANSWERS, ANSWERS_503, SAYS_NOTHING, RESETS };

struct server { int fd, port; enum manner manner; pthread_t thread; atomic_bool ending; int held[64]; int holds; };

static void serve_one(struct server *s, int fd)
{
    char request[2000];
    if (s->manner == SAYS_NOTHING) {
        s->held[s->holds++ % 64] = fd;
        return;
    }
    if (recv(fd, request, sizeof request, 0) < 0)
        perror("recv");
    if (s->manner == RESETS) {
        struct linger now = { 1, 0 };
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    } else {
        const char *text = s->manner == ANSWERS ? "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
                                                : "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        if (send(fd, text, strlen(text), MSG_NOSIGNAL) < 0)
            perror("send");
    }
    close(fd);
}

static void *serve(void *ctx)
{
    struct server *s = ctx;
    for (int fd; (fd = accept(s->fd, NULL, NULL)) >= 0 && !atomic_load(&s->ending);)
        serve_one(s, fd);
    return NULL;
}

static int listen_on(int *port)
{
    struct sockaddr_in a  = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t          n  = sizeof a;
    int                fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (void *)&a, sizeof a), 0);
    assert_int_equal(listen(fd, 16), 0);
    assert_int_equal(getsockname(fd, (void *)&a, &n), 0);
    *port = ntohs(a.sin_port);
    return fd;
}

static void begin(struct server *s, enum manner manner)
{
    *s    = (struct server){ .manner = manner };
    s->fd = listen_on(&s->port);
    assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void end(struct server *s)
{
    atomic_store(&s->ending, true);
    shutdown(s->fd, SHUT_RDWR);
    pthread_join(s->thread, NULL);
    close(s->fd);
    for (int i = 0; i < s->holds && i < 64; i++)
        close(s->held[i]);
}

static struct probe_result ask(enum probe_kind kind, const char *before, int port, int64_t timeout_us)
{
    char                  target[128];
    struct probe_pending *pending = NULL;
    struct fault          fault = { 0 };
    if (port)
        snprintf(target, sizeof target, "%s127.0.0.1:%d%s", before, port, kind == PROBE_HTTP ? "/" : "");
    else
        snprintf(target, sizeof target, "%s", before);
    assert_int_equal(probe_target_check(kind, target, &fault), OK);
    struct probe_result r = probe_once(kind, target, timeout_us, NULL, &pending);
    probe_pending_free(pending);
    return r;
}

#define SECONDS(n) ((n) * INT64_C(1000000))

static void what_answers_is_a_success_with_its_phases(void **state)
{
    (void)state;
    struct server s;
    begin(&s, ANSWERS);
    struct probe_result r = ask(PROBE_TCP, "", s.port, SECONDS(20));
    assert_int_equal(r.class, PROBE_CLASS_NONE);
    assert_true(r.connect_s >= 0 && isnan(r.first_byte_s));
    r = ask(PROBE_HTTP, "http://", s.port, SECONDS(20));
    assert_int_equal(r.class, PROBE_CLASS_NONE);
    assert_int_equal(r.status, 200);
    assert_true(r.first_byte_s >= 0 && isnan(r.tls_s) && r.total_s >= r.first_byte_s);
    end(&s);
    r = ask(PROBE_DNS, "localhost", 0, SECONDS(20));
    assert_int_equal(r.class, PROBE_CLASS_NONE);
}

static void each_way_to_fail_has_its_class(void **state)
{
    (void)state;
    struct server s;
    int           port;
    close(listen_on(&port));       /* a port that nobody listens on */
    assert_int_equal(ask(PROBE_TCP, "", port, SECONDS(20)).class, PROBE_CLASS_REFUSED);
    assert_int_equal(ask(PROBE_HTTP, "http://", port, SECONDS(20)).class, PROBE_CLASS_REFUSED);
    begin(&s, ANSWERS_503);
    struct probe_result r = ask(PROBE_HTTP, "http://", s.port, SECONDS(20));
    assert_int_equal(r.class, PROBE_CLASS_STATUS);
    assert_int_equal(r.status, 503);
    assert_int_equal(ask(PROBE_HTTP, "https://", s.port, SECONDS(20)).class, PROBE_CLASS_TLS);
    end(&s);
    begin(&s, RESETS);
    assert_int_equal(ask(PROBE_HTTP, "http://", s.port, SECONDS(20)).class, PROBE_CLASS_RESET);
    end(&s);
    begin(&s, SAYS_NOTHING);
    assert_int_equal(ask(PROBE_HTTP, "http://", s.port, 50000).class, PROBE_CLASS_TIMEOUT);
    end(&s);
}

static void a_target_that_cannot_be_asked_is_refused_early(void **state)
{
    (void)state;
    static const struct { enum probe_kind kind; const char *target; } wrong[] = { { PROBE_TCP, "host" }, { PROBE_TCP, "host:99999" }, { PROBE_TCP, "a:1/x" },
        { PROBE_DNS, "http://a" }, { PROBE_HTTP, "file:///etc/passwd" }, { PROBE_HTTP, "http://user:secret@host/" }, { PROBE_HTTP, "http://a b/" } };
    struct fault fault = { 0 };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(probe_target_check(wrong[i].kind, wrong[i].target, &fault), ERR_INPUT);
        assert_null(strstr(fault.text, "secret"));
    }
}

static enum err count(void *ctx, const struct record *r, struct fault *fault)
{
    (void)fault;
    assert_int_equal(r->kind, RECORD_SAMPLES);
    assert_true(r->events > 0);
    ++*(int *)ctx;
    return OK;
}

static void what_was_answered_is_handed_on_and_an_end_does_not_wait(void **state)
{
    (void)state;
    struct server  s, silent;
    struct probes *p;
    struct fault   fault = { 0 };
    struct text    text CLEANUP(text_done);
    char           target[2][64];
    int            records = 0;
    begin(&s, ANSWERS);
    begin(&silent, SAYS_NOTHING);
    snprintf(target[0], sizeof target[0], "127.0.0.1:%d", s.port);
    snprintf(target[1], sizeof target[1], "http://127.0.0.1:%d/", silent.port);
    const struct probe_conf conf[] = { { "up", PROBE_TCP, target[0], SECONDS(3600), SECONDS(20) }, { "silent", PROBE_HTTP, target[1], SECONDS(2), SECONDS(60) } };
    text_init(&text, 1 << 20);
    assert_int_equal(probes_new(conf, 2, &(struct sensors_options){ .clock = &clock_real, .emit = count, .ctx = &records }, &p, &fault), OK);
    for (int i = 0; i < 3000 && !records; i++) {
        usleep(5000);
        assert_int_equal(probes_tick(p, &fault), OK);
    }
    assert_int_equal(records, 1);
    assert_int_equal(probes_tick(p, &fault), OK);
    assert_int_equal(records, 1);       /* nothing new, nothing handed on */
    probes_text(p, &text);
    assert_non_null(strstr(text.s, "probe_success{kind=\"tcp\",probe=\"up\""));
    assert_non_null(strstr(text.s, "probe_failures_total{class=\"timeout\",kind=\"tcp\",probe=\"up\""));
    probes_free(p);                     /* the silent one is still being asked */
    end(&silent);
    end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_answers_is_a_success_with_its_phases),
        cmocka_unit_test(each_way_to_fail_has_its_class),
        cmocka_unit_test(a_target_that_cannot_be_asked_is_refused_early),
        cmocka_unit_test(what_was_answered_is_handed_on_and_an_end_does_not_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
