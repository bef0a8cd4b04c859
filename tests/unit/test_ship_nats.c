/* ship: a NATS server that stops in the middle holds up nobody: not the sink, and not whoever stops it. */
#include "ship_fixture.h"

#include "ship/conf.h"
#include "ship/kinds.h"

#include <arpa/inet.h>
#include <nats/nats.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS = 80000 /* far more than sockets hold */, RELEASE_S = 60 /* then the server hangs up, so that a test that fails ends, too */, SOON_S = 30 /* on the slowest machine */ };

static struct world  w;
static struct load   load;
static struct sieve  sieve = { .types = 7 };
static char          url[64];

/* ---- a server that says hello, perhaps answers the first ping, and then nothing, nor does it read ---- */

static struct { int fd; pthread_t thread; bool tls; atomic_bool stop; atomic_int met; } server;

/* Whoever called may have gone again; and no other thread than the test's may fail it. */
static void say(int c, const char *text) { (void)send(c, text, strlen(text), MSG_NOSIGNAL); }

static void *serve(void *ctx)
{
    (void)ctx;
    char said[4096];
    for (int c; (c = accept(server.fd, NULL, NULL)) >= 0; (void)close(c)) {
        size_t n = 0;
        say(c, server.tls ? "INFO {\"server_id\":\"x\",\"version\":\"2.9.0\",\"proto\":1,\"headers\":true,\"max_payload\":1048576,\"tls_required\":true}\r\n"
                          : "INFO {\"server_id\":\"x\",\"version\":\"2.9.0\",\"proto\":1,\"headers\":true,\"max_payload\":1048576}\r\n");
        for (ssize_t r = 1; !server.tls && r > 0 && !memmem(said, n, "PING\r\n", 6); n += r > 0 ? (size_t)r : 0)
            r = recv(c, said + n, sizeof said - n, 0);
        if (!server.tls)
            say(c, "PONG\r\n");
        atomic_fetch_add(&server.met, 1);
        for (int i = 0; i < RELEASE_S * 100 && !atomic_load(&server.stop); i++)
            (void)usleep(10000);
    }
    return NULL;
}

static int set_up(void **state)
{
    (void)state;
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t          n = sizeof a;
    int                small = 4096;
    world_begin(&w, false);
    load_init(&load);
    atomic_store(&server.stop, false);
    atomic_store(&server.met, 0);
    server.fd = socket(AF_INET, SOCK_STREAM, 0);
    (void)setsockopt(server.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    assert_int_equal(bind(server.fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(server.fd, 8), 0);
    assert_int_equal(getsockname(server.fd, (struct sockaddr *)&a, &n), 0);
    (void)snprintf(url, sizeof url, "nats://127.0.0.1:%d", ntohs(a.sin_port));
    w.conf.url = url;
    w.conf.subject = "obs";
    w.conf.stream = w.conf.user = w.conf.tls_ca = w.conf.tls_certificate = "";
    w.conf.token = w.conf.password = w.conf.tls_key = (struct conf_secret){ "", "", 0 };
    w.conf.format = FORMAT_JSON;
    w.conf.timeout_us = 700 * US_PER_MS;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    atomic_store(&server.stop, true);
    (void)shutdown(server.fd, SHUT_RDWR);
    (void)pthread_join(server.thread, NULL);
    (void)close(server.fd);
    load_done(&load);
    world_end(&w);
    return 0;
}

static void speak_tls(void)
{
    char nats[sizeof url];
    (void)snprintf(nats, sizeof nats, "%s", url);
    (void)snprintf(url, sizeof url, "tls%.50s", strstr(nats, "://"));
}

static void *begin(bool tls)
{
    void *self = NULL;
    server.tls = tls;
    assert_int_equal(pthread_create(&server.thread, NULL, serve, NULL), 0);
    assert_ok(sink_nats.open(&w.conf, &self, &fault), &fault);
    return self;
}

/* So many that they do not go into any buffer: one event, again and again. */
static struct batch many(void)
{
    static const struct event *same[EVENTS];
    struct journal_consumer   *c;
    struct record              r;
    struct load_counts         counts = { 0 };
    (void)append_lines(&w, 0, 0);
    assert_ok(journal_consumer_open(w.journal, "test", JOURNAL_FROM_START, &c, &fault), &fault);
    while (journal_read(c, &r, &fault) == OK)
        assert_ok(load_add(&load, &r, &sieve, NULL, 0, &counts, &fault), &fault);
    journal_consumer_close(c);
    for (int i = 0; i < EVENTS; i++)
        same[i] = load.event[0];
    return (struct batch){ .event = same, .count = EVENTS, .load = 1 };
}

static double seconds_since(int64_t begun_us) { return (double)(clock_mono_us(&clock_real) - begun_us) / 1e6; }

static void a_server_that_stops_reading_is_waited_for_no_longer_than_the_settings_say(void **state)
{
    (void)state;
    struct sent_answer a = { 0 };
    void              *self = begin(false);
    struct batch       b = many();
    int64_t            begun_us = clock_mono_us(&clock_real);
    assert_int_equal(sink_nats.send(self, &b, &a), SENT_LATER);
    sink_nats.close(self);
    if (seconds_since(begun_us) > SOON_S)
        fail_msg("it took %.1f s: %s", seconds_since(begun_us), a.why);
    assert_non_null(strstr(a.why, "NATS: "));
}

static void a_server_that_falls_silent_in_the_handshake_of_tls_is_waited_for_no_longer_than_the_settings_say(void **state)
{
    (void)state;
    struct sent_answer a = { 0 };
    speak_tls();
    void        *self = begin(true);
    struct batch b = many();
    int64_t      begun_us = clock_mono_us(&clock_real);
    for (int i = 0; i < 3; i++)                 /* nor are there more and more that wait */
        assert_int_equal(sink_nats.send(self, &b, &a), SENT_LATER);
    sink_nats.close(self);
    if (seconds_since(begun_us) > SOON_S)
        fail_msg("it took %.1f s: %s", seconds_since(begun_us), a.why);
    while (!atomic_load(&server.met))
        (void)usleep(1000);
    assert_int_equal(poll(&(struct pollfd){ .fd = server.fd, .events = POLLIN }, 1, 0), 0);
    assert_int_equal(atomic_load(&server.met), 1);
    assert_non_null(strstr(a.why, "NATS: "));
}

static void *cancel_soon(void *self)
{
    while (!atomic_load(&server.met))
        (void)usleep(1000);
    (void)usleep(100000);
    sink_nats.cancel(self);
    return NULL;
}

static void connecting_is_cut_short_when_the_sink_is_to_stop(void **state)
{
    (void)state;
    struct sent_answer a = { 0 };
    pthread_t          other;
    w.conf.timeout_us = 60 * US_PER_S;
    speak_tls();
    void        *self = begin(true);
    struct batch b = many();
    int64_t      begun_us = clock_mono_us(&clock_real);
    assert_int_equal(pthread_create(&other, NULL, cancel_soon, self), 0);
    assert_int_equal(sink_nats.send(self, &b, &a), SENT_LATER);
    assert_int_equal(pthread_join(other, NULL), 0);
    sink_nats.close(self);
    if (seconds_since(begun_us) > SOON_S)
        fail_msg("it took %.1f s: %s", seconds_since(begun_us), a.why);
    assert_string_equal(a.why, "cut short: the sink is stopping");
}

/* ---- a refusal that is told late, by a thread of the library ---- */

static struct { jsPubAckErrHandler tell; void *closure; int connections; bool late; } ear;

natsStatus __real_natsConnection_JetStream(jsCtx **js, natsConnection *nc, jsOptions *o);
natsStatus __wrap_natsConnection_JetStream(jsCtx **js, natsConnection *nc, jsOptions *o);
natsStatus __wrap_natsConnection_JetStream(jsCtx **js, natsConnection *nc, jsOptions *o)
{
    if (ear.connections++ == 0) {
        ear.tell = o->PublishAsync.ErrHandler;
        ear.closure = o->PublishAsync.ErrHandlerClosure;
    }
    return __real_natsConnection_JetStream(js, nc, o);
}

static void tell_late(void)
{
    jsPubAckErr e = { .Err = NATS_ERR, .ErrCode = 10054, .ErrText = "of the connection before" };
    ear.tell(NULL, &e, ear.closure);
}

natsStatus __real_js_PublishMsgAsync(jsCtx *js, natsMsg **m, jsPubOptions *o);
natsStatus __wrap_js_PublishMsgAsync(jsCtx *js, natsMsg **m, jsPubOptions *o);
natsStatus __wrap_js_PublishMsgAsync(jsCtx *js, natsMsg **m, jsPubOptions *o)
{
    if (ear.late)
        tell_late();
    return __real_js_PublishMsgAsync(js, m, o);
}

/* Destroying a connection does not wait for what is being told of it. */
static void a_refusal_that_comes_after_its_connection_was_given_up_is_nobodys(void **state)
{
    (void)state;
    struct sent_answer a = { 0 };
    w.conf.stream = "obs";
    w.conf.timeout_us = 3 * US_PER_S;           /* the connection has to be made within it */
    void        *self = begin(false);
    struct batch b = many();
    b.count = 3;
    memset(&ear, 0, sizeof ear);
    assert_int_equal(sink_nats.send(self, &b, &a), SENT_LATER);
    assert_int_equal(ear.connections, 1);
    atomic_store(&server.stop, true);           /* it hangs up, and takes the next one */
    while (atomic_load(&server.met) < 1)
        (void)usleep(1000);
    ear.late = true;
    a = (struct sent_answer){ 0 };
    assert_int_equal(sink_nats.send(self, &b, &a), SENT_LATER);
    assert_int_equal(ear.connections, 2);
    if (strstr(a.why, "of the connection before"))
        fail_msg("%s", a.why);
    sink_nats.close(self);
    tell_late();                                /* nor is what was freed written to */
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_server_that_stops_reading_is_waited_for_no_longer_than_the_settings_say),
        T(a_server_that_falls_silent_in_the_handshake_of_tls_is_waited_for_no_longer_than_the_settings_say),
        T(connecting_is_cut_short_when_the_sink_is_to_stop),
        T(a_refusal_that_comes_after_its_connection_was_given_up_is_nobodys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
