/* sensor: probes against servers of this test's own on loopback, each with a way to fail. */
#include "unit.h"

#include "base/clock.h"
#include "sensor/probe.h"

#include <arpa/inet.h>
#include <math.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum manner { ANSWERS, ANSWERS_503, SAYS_NOTHING, RESETS, NEVER_ENDS, TRAILS };

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
    } else if (s->manner == NEVER_ENDS) {
        static char much[1 << 20] = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n";     /* and no length */
        for (int i = 0; i < 1000 && send(fd, much, sizeof much, MSG_NOSIGNAL) > 0; i++)
            much[0] = 'x';
        memcpy(much, "HTTP", 4);
    } else if (s->manner == TRAILS) {
        static const char head[] = "HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n", line[] = "X-Trailer: which is one of many\r\n";
        ssize_t n = send(fd, head, sizeof head - 1, MSG_NOSIGNAL);
        for (int i = 0; i < 10000 && n > 0; i++)
            n = send(fd, line, sizeof line - 1, MSG_NOSIGNAL);
        n = send(fd, "\r\n", 2, MSG_NOSIGNAL);
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
    struct probe_result r = probe_once(&(struct probe_question){ kind, target, timeout_us, NULL, NULL }, &pending);
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
    assert_int_equal(ask(PROBE_HTTP, "http://", s.port, 500000).class, PROBE_CLASS_NO_ANSWER);
    end(&s);
    begin(&s, NEVER_ENDS);
    assert_int_equal(ask(PROBE_HTTP, "http://", s.port, SECONDS(60)).class, PROBE_CLASS_TOO_LARGE);
    end(&s);
    begin(&s, TRAILS);
    assert_int_equal(ask(PROBE_HTTP, "http://", s.port, SECONDS(60)).class, PROBE_CLASS_TOO_LARGE);
    end(&s);
}

/* Who listens with a full backlog drops SYNs, as a firewall does that says nothing. */
static void a_connection_that_is_never_reached_is_told_from_an_answer_that_never_comes(void **state)
{
    (void)state;
    int port, ear = listen_on(&port), fd[4];
    assert_int_equal(listen(ear, 0), 0);
    for (size_t i = 0; i < 4; i++) {
        struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        fd[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(fd[i], (void *)&at, sizeof at);
    }
    struct probe_result r = ask(PROBE_HTTP, "http://", port, 50000);
    assert_int_equal(r.class, PROBE_CLASS_TIMEOUT);
    assert_true(isnan(r.connect_s));
    for (size_t i = 0; i < 4; i++)
        close(fd[i]);
    close(ear);
}

/* ---- names ---- */

static pthread_mutex_t name_lock = PTHREAD_MUTEX_INITIALIZER;
static int             name_error;

static int answer_name(const char *name, struct addrinfo **found)
{
    (void)name;
    pthread_mutex_lock(&name_lock);         /* a name server that is gone: the test holds the lock */
    int error = name_error;
    pthread_mutex_unlock(&name_lock);
    return error ? error : getaddrinfo("127.0.0.1", NULL, &(struct addrinfo){ .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST }, found);
}

static struct probe_result ask_name(enum probe_kind kind, const char *name, int port, int64_t timeout_us, struct probe_pending **pending)
{
    char target[128];
    snprintf(target, sizeof target, kind == PROBE_HTTP ? "http://%s:%d/" : kind == PROBE_TCP ? "%s:%d" : "%s", name, port);
    return probe_once(&(struct probe_question){ kind, target, timeout_us, NULL, answer_name }, pending);
}

static void a_name_is_looked_up_once_and_for_every_kind_by_the_same_way(void **state)
{
    (void)state;
    static const char *const names[] = { "shop.invalid", "SHOP.Invalid", "shop.invalid." };
    struct probe_pending    *pending = NULL;
    struct server            s;
    begin(&s, ANSWERS);
    for (int kind = PROBE_TCP; kind <= PROBE_HTTP; kind++)
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
            struct probe_result r = ask_name((enum probe_kind)kind, names[i], s.port, SECONDS(20), &pending);
            if (r.class != PROBE_CLASS_NONE)
                fail_msg("%s: %s", names[i], probe_class_name(r.class));
            assert_true(r.dns_s >= 0 && r.total_s >= r.dns_s);
        }
    end(&s);
    static const struct { int error; enum probe_class class; } errors[] = { { EAI_NONAME, PROBE_CLASS_DNS_NO_NAME }, { EAI_AGAIN, PROBE_CLASS_DNS }, { EAI_FAIL, PROBE_CLASS_DNS } };
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
        for (int kind = PROBE_TCP; kind <= PROBE_HTTP; kind++) {
            name_error = errors[i].error;
            assert_int_equal(ask_name((enum probe_kind)kind, "shop.invalid", 1, SECONDS(20), &pending).class, errors[i].class);
        }
    name_error = 0;
    assert_null(pending);
}

static void a_name_server_that_is_gone_holds_nothing_up_and_the_wait_is_told(void **state)
{
    (void)state;
    for (int kind = PROBE_TCP; kind <= PROBE_HTTP; kind++) {
        struct probe_pending *pending = NULL;
        pthread_mutex_lock(&name_lock);
        struct probe_result first = ask_name((enum probe_kind)kind, "shop.invalid", 1, 20000, &pending);
        assert_int_equal(first.class, PROBE_CLASS_DNS);
        assert_true(first.total_s >= 0.02);
        assert_non_null(pending);
        struct probe_result second = ask_name((enum probe_kind)kind, "shop.invalid", 1, 20000, &pending);     /* no second look-up beside it */
        assert_int_equal(second.class, PROBE_CLASS_DNS);
        assert_true(second.total_s > first.total_s);
        assert_true(isnan(second.dns_s));
        probe_pending_free(pending);
        pthread_mutex_unlock(&name_lock);
    }
}

/* ---- the last questions ---- */

static void availability_loss_and_jitter_are_of_the_last_sixty_questions(void **state)
{
    (void)state;
    struct probe_history h  = { 0 };
    struct probe_result  ok = { .class = PROBE_CLASS_NONE, .connect_s = 0.1, .dns_s = 0.5 }, lost = { .class = PROBE_CLASS_TIMEOUT, .connect_s = NAN }, refused = { .class = PROBE_CLASS_REFUSED, .connect_s = NAN };
    for (int i = 0; i < 7; i++)
        probe_history_see(&h, PROBE_TCP, &ok);
    probe_history_see(&h, PROBE_TCP, &lost);
    probe_history_see(&h, PROBE_TCP, &refused);
    assert_true(isnan(probe_history_available(&h)) && isnan(probe_history_lost(&h)));
    probe_history_see(&h, PROBE_TCP, &lost);
    assert_true(fabs(probe_history_available(&h) - 0.7) < 1e-9);
    assert_true(fabs(probe_history_lost(&h) - 0.2) < 1e-9);     /* who is refused has got an answer */
    assert_true(probe_history_jitter(&h) == 0);
    ok.connect_s = 0.26;
    probe_history_see(&h, PROBE_TCP, &ok);
    assert_true(fabs(probe_history_jitter(&h) - 0.01) < 1e-9);
    for (int i = 0; i < 60; i++)
        probe_history_see(&h, PROBE_TCP, &lost);
    assert_true(probe_history_available(&h) == 0 && probe_history_lost(&h) == 1);
}

static void who_prohibits_is_told_from_who_cannot_reach(void **state)
{
    (void)state;
    static const int yes[][3] = { { 2, 3, 9 }, { 2, 3, 10 }, { 2, 3, 13 }, { 3, 1, 1 } }, no[][3] = { { 2, 3, 1 }, { 2, 3, 0 }, { 2, 11, 13 }, { 3, 1, 0 }, { 3, 3, 1 }, { 1, 3, 13 } };
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
        assert_true(probe_icmp_prohibits(yes[i][0], yes[i][1], yes[i][2]));
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        assert_false(probe_icmp_prohibits(no[i][0], no[i][1], no[i][2]));
}

static void a_target_that_cannot_be_asked_is_refused_early(void **state)
{
    (void)state;
    static const struct { enum probe_kind kind; const char *target; } wrong[] = { { PROBE_TCP, "host" }, { PROBE_TCP, "host:99999" }, { PROBE_TCP, "a:1/x" },
        { PROBE_DNS, "http://a" }, { PROBE_HTTP, "file:///etc/passwd" }, { PROBE_HTTP, "http://user:secret@host/" }, { PROBE_HTTP, "http://a b/" },
        { PROBE_TCP, "::1:80" }, { PROBE_TCP, "[::1]" }, { PROBE_TCP, "[::1:80" }, { PROBE_TCP, "[]:80" }, { PROBE_TCP, "a: 80" }, { PROBE_HTTP, "http://::1:80/" }, { PROBE_HTTP, "http://" } };
    struct fault fault = { 0 };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        if (probe_target_check(wrong[i].kind, wrong[i].target, &fault) != ERR_INPUT)
            fail_msg("taken: %s", wrong[i].target);
        assert_null(strstr(fault.text, "secret"));
    }
    assert_ok(probe_target_check(PROBE_TCP, "[::1]:80", &fault), &fault);
    assert_ok(probe_target_check(PROBE_HTTP, "https://[::1]/x", &fault), &fault);
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
        cmocka_unit_test(a_connection_that_is_never_reached_is_told_from_an_answer_that_never_comes),
        cmocka_unit_test(a_name_is_looked_up_once_and_for_every_kind_by_the_same_way),
        cmocka_unit_test(a_name_server_that_is_gone_holds_nothing_up_and_the_wait_is_told),
        cmocka_unit_test(availability_loss_and_jitter_are_of_the_last_sixty_questions),
        cmocka_unit_test(who_prohibits_is_told_from_who_cannot_reach),
        cmocka_unit_test(a_target_that_cannot_be_asked_is_refused_early),
        cmocka_unit_test(what_was_answered_is_handed_on_and_an_end_does_not_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
