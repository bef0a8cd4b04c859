/* receive: syslog on loopback: datagrams, connections with both framings, TLS, reload, and a journal without room. */
#include "receive_inputs.h"

#include "receive/syslog_map.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define UDP "udp: { address: '127.0.0.1:0', transport: udp, tenant: t1, message_max: 1KiB }"
#define TCP "tcp: { address: '127.0.0.1:0', transport: tcp, message_max: 1KiB }"

static int connect_to(const char *listener, int type)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)inputs_port(h.inputs, listener)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int                fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    assert_true(ntohs(a.sin_port) != 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

static void say(int fd, const char *text) { assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text)); }

static struct inputs_stats stats(void)
{
    struct inputs_stats s;
    inputs_stats(h.inputs, &s);
    return s;
}

static void a_message_becomes_a_log(void **state)
{
    struct syslog_log   *l = calloc(1, sizeof *l);
    struct syslog_around around = { INT64_C(1700000000000000), 0 };
    syslog_log_init(l);
    assert_true(syslog_map(slice_of("<165>1 2003-10-11T22:14:15.003Z web1 evntslog 812 ID47 [x@1 a=\"b\"] it broke"), &around, slice_of("10.0.0.1"), l));
    assert_true(slice_is(l->log.body.as.text, "it broke"));
    assert_int_equal(l->log.severity, syslog_severity_number(5));
    assert_true(slice_is(attrs_text(&l->origin, "host.name"), "web1"));
    assert_true(slice_is(attrs_text(&l->origin, "service.name"), "evntslog"));
    assert_true(slice_is(attrs_text(&l->attrs, "syslog.facility"), "local4"));
    assert_true(slice_is(attrs_text(&l->attrs, "syslog.msgid"), "ID47"));
    assert_true(slice_is(attrs_text(&l->attrs, "syslog.x@1.a"), "b"));
    assert_int_equal(attrs_find(&l->attrs, "process.pid")->as.integer, 812);
    assert_true(syslog_map(slice_of("no \xff syslog at all"), &around, slice_of("10.0.0.1"), l));
    assert_true(slice_is(l->log.body.as.text, "no \xef\xbf\xbd syslog at all"));
    assert_true(slice_is(attrs_text(&l->origin, "host.name"), "10.0.0.1"));
    assert_int_equal(l->log.time_ns, around.now_us * 1000);
    assert_false(syslog_map(slice_of("\n"), &around, slice_of(""), l));
    static const char *const broken_clocks[] = { "<13>1 9999-12-31T23:59:59Z web1 app - - - x", "<13>1 2600-01-01T00:00:00Z web1 app - - - x", "<13>1 0001-01-01T00:00:00Z web1 app - - - x" };
    for (size_t i = 0; i < 3; i++) {
        assert_true(syslog_map(slice_of(broken_clocks[i]), &around, slice_of(""), l));
        assert_int_equal(l->log.time_ns, around.now_us * 1000);
    }
    syslog_log_done(l);
    free(l);
}

static void datagrams_arrive_each_as_a_message(void **state)
{
    house_start("syslog: { " UDP " }\n");
    int fd = connect_to("udp", SOCK_DGRAM);
    say(fd, "<13>Oct 11 22:14:15 web1 app[7]: hello");
    say(fd, "<11>1 2003-10-11T22:14:15.003Z web2 other - - - two");
    char longer[1501];
    memset(longer, 'x', 1500);
    longer[1500] = '\0';
    say(fd, longer);
    house_until(3);
    assert_string_equal(h.seen[0].text, "hello");
    assert_string_equal(h.seen[0].service, "app");
    assert_string_equal(h.seen[0].host, "web1");
    assert_string_equal(h.seen[0].tenant, "t1");
    assert_string_equal(h.seen[0].source, "syslog:udp");
    assert_int_equal(h.seen[0].severity, syslog_severity_number(5));
    assert_string_equal(h.seen[1].service, "other");
    assert_int_equal(strlen(h.seen[2].text), 1024);
    assert_string_equal(h.seen[2].host, "127.0.0.1");
    assert_int_equal(stats().of[INPUT_SYSLOG].cut, 1);
    assert_int_equal(stats().of[INPUT_SYSLOG].lost, 0);
    (void)close(fd);
}

static void a_message_without_a_text_is_kept_and_only_what_says_nothing_is_passed_over(void **state)
{
    house_start("syslog: { " UDP " }\n");
    int fd = connect_to("udp", SOCK_DGRAM);
    say(fd, "<11>1 2003-10-11T22:14:15.003Z web2 app - ID47 -");
    say(fd, "\n");
    say(fd, "<13>");
    say(fd, "last");
    house_until(3);
    assert_string_equal(h.seen[0].text, "");
    assert_string_equal(h.seen[0].service, "app");
    assert_string_equal(h.seen[0].host, "web2");
    assert_int_equal(h.seen[0].severity, syslog_severity_number(3));
    assert_non_null(strstr(h.seen[0].more, "syslog.msgid=ID47"));
    assert_int_equal(h.seen[1].severity, syslog_severity_number(5));
    assert_string_equal(h.seen[2].text, "last");
    assert_int_equal(stats().of[INPUT_SYSLOG].empty, 1);
    assert_int_equal(h.n, 3);
    (void)close(fd);
}

static void a_connection_says_by_its_first_bytes_how_it_is_framed(void **state)
{
    house_start("syslog: { " TCP " }\n");
    int lines = connect_to("tcp", SOCK_STREAM), octets = connect_to("tcp", SOCK_STREAM);
    say(lines, "<13>Oct 11 22:14:15 web1 app: o");
    say(octets, "34 <13>Oct 11 22:14:15 web1 app: two\n36 <13>Oct 11");
    say(lines, "ne\n<13>Oct 11 22:14:15 web1 app: three\nrest");
    say(octets, " 22:14:15 web1 app: fo\nur");
    house_until(3);
    (void)close(lines);      /* what has no end is a message when nothing more will come */
    (void)close(octets);
    house_until(5);
    assert_int_equal(house_count("one"), 1);
    assert_int_equal(house_count("two") + house_count("two\n"), 1);
    assert_int_equal(house_count("three"), 1);
    assert_int_equal(house_count("rest"), 1);
}

static void a_connection_whose_framing_is_lost_is_closed_and_counted(void **state)
{
    char byte;
    house_start("syslog: { " TCP " }\n");
    int fd = connect_to("tcp", SOCK_STREAM);
    say(fd, "6 <13>ab what is this");
    assert_true(recv(fd, &byte, 1, 0) <= 0);
    house_until(1);
    assert_int_equal(stats().of[INPUT_SYSLOG].refused, 1);
    assert_true(*stats().of[INPUT_SYSLOG].last_error);
    (void)close(fd);
}

/* The other end of a connection of ours; -1: it is not there. */
static int other_end(int fd)
{
    struct sockaddr_in mine, peer;
    socklen_t          n = sizeof mine;
    assert_int_equal(getsockname(fd, (struct sockaddr *)&mine, &n), 0);
    for (int i = 3; i < 1024; i++) {
        n = sizeof peer;
        if (getpeername(i, (struct sockaddr *)&peer, &n) == 0 && peer.sin_family == AF_INET && peer.sin_port == mine.sin_port)
            return i;
    }
    return -1;
}

/* With the system's two hours a rack that lost its power a few times would take all places there are. */
static void a_sender_that_vanished_is_noticed_within_minutes(void **state)
{
    int       idle = 0, every = 0, times = 0;
    socklen_t n = sizeof idle;
    house_start("syslog: { " TCP " }\n");
    int fd = connect_to("tcp", SOCK_STREAM);
    say(fd, "<13>one\n");
    house_until(1);
    int other = other_end(fd);
    assert_true(other >= 0);
    (void)getsockopt(other, IPPROTO_TCP, TCP_KEEPIDLE, &idle, &n);
    (void)getsockopt(other, IPPROTO_TCP, TCP_KEEPINTVL, &every, &n);
    (void)getsockopt(other, IPPROTO_TCP, TCP_KEEPCNT, &times, &n);
    assert_in_range(idle + every * times, 30, 300);
    (void)close(fd);
}

static void a_reload_keeps_sockets_and_connections_that_stay(void **state)
{
    house_start("syslog: { " UDP ", " TCP " }\n");
    int udp = connect_to("udp", SOCK_DGRAM), tcp = connect_to("tcp", SOCK_STREAM), port = inputs_port(h.inputs, "tcp");
    say(tcp, "one\nha");
    say(udp, "two");
    house_until(2);
    assert_ok(house_reload("syslog: { tcp: { address: '127.0.0.1:0', transport: tcp, tenant: t2 }, more: { address: '127.0.0.1:0', transport: udp } }\n"), &h.fault);
    assert_int_equal(inputs_port(h.inputs, "tcp"), port);
    assert_int_equal(inputs_port(h.inputs, "udp"), 0);
    say(tcp, "lf\n");
    int more = connect_to("more", SOCK_DGRAM);
    say(more, "three");
    house_until(4);
    assert_int_equal(house_count("half"), 1);
    for (size_t i = 0; i < h.n; i++)
        if (strcmp(h.seen[i].text, "half") == 0)
            assert_string_equal(h.seen[i].tenant, "t2");
    char text[200];
    (void)snprintf(text, sizeof text, "syslog: { tcp: { address: '127.0.0.1:0', transport: tcp }, twice: { address: '127.0.0.1:%d', transport: tcp } }\n", port);
    assert_int_equal(house_reload(text), ERR_IO);      /* the port is taken: everything is as before */
    say(tcp, "still here\n");
    house_until(5);
    assert_ok(house_reload("files: { }\n"), &h.fault);
    assert_int_equal(inputs_port(h.inputs, "tcp"), 0);
    (void)close(udp);
    (void)close(tcp);
    (void)close(more);
}

static void what_came_before_a_stop_is_kept(void **state)
{
    house_start("syslog: { " UDP ", " TCP " }\n");
    int udp = connect_to("udp", SOCK_DGRAM), tcp = connect_to("tcp", SOCK_STREAM);
    for (int i = 0; i < 100; i++) {
        say(udp, "<13>Oct 11 22:14:15 web1 app: datagram");
        say(tcp, "<13>Oct 11 22:14:15 web1 app: line\n");
    }
    house_stop();
    (void)close(udp);
    (void)close(tcp);
    assert_int_equal(house_count("datagram"), 100);
    assert_int_equal(house_count("line"), 100);
}

static void without_room_connections_wait_and_lost_datagrams_are_counted(void **state)
{
    char text[1001];
    house_full();
    house_start("syslog: { " UDP ", " TCP " }\n");
    int udp = connect_to("udp", SOCK_DGRAM), tcp = connect_to("tcp", SOCK_STREAM);
    while (!stats().of[INPUT_SYSLOG].held)
        (void)usleep(1000);
    memset(text, 'y', 1000);
    text[1000] = '\0';
    text[999] = '\n';
    size_t sent = 0;
    for (int quiet = 0; quiet < 20;)
        if (send(tcp, text, 1000, MSG_DONTWAIT | MSG_NOSIGNAL) == 1000) {
            sent++;
            quiet = 0;
        } else {
            quiet++;
            (void)usleep(1000);
        }
    assert_true(stats().of[INPUT_SYSLOG].lines <= 1);
    for (int i = 0; i < 40000; i++)
        (void)send(udp, text, 900, MSG_DONTWAIT);
    house_drain();
    while (stats().of[INPUT_SYSLOG].lost == 0)
        (void)usleep(1000);
    (void)shutdown(tcp, SHUT_WR);
    struct input_stats s;
    do {
        s = stats().of[INPUT_SYSLOG];
        (void)usleep(1000);
    } while (s.open || s.waiting_bytes || s.lines + s.lost < 40000 + sent);
    (void)close(udp);
    (void)close(tcp);
    house_stop();
    assert_true(s.lines + s.lost >= 40000 + sent && s.lines + s.lost <= 40000 + sent + 2);      /* the last line of tcp may have been sent in part */
}

static void tls_is_spoken_where_it_is_asked_for(void **state)
{
    char certificate[128], key[128], command[1000];
    (void)snprintf(certificate, sizeof certificate, "%s/c.pem", h.folder);
    (void)snprintf(key, sizeof key, "%s/k.pem", h.folder);
    (void)snprintf(command, sizeof command,
                   "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=127.0.0.1 -keyout %s -out %s 2>/dev/null && chmod 0600 %s", key, certificate, key);
    assert_int_equal(system(command), 0);
    (void)snprintf(command, sizeof command, "syslog: { tls: { address: '127.0.0.1:0', transport: tls, tls_certificate: '%s', tls_key: '%s' }, own: { address: '127.0.0.1:0', transport: tls, "
                   "tls_certificate: '%s', tls_key: '%s', tls_client_ca: '%s' } }\n", certificate, key, certificate, key, certificate);
    house_start(command);
    int plain = connect_to("tls", SOCK_STREAM);
    char byte;
    say(plain, "<13>this is no handshake\n");
    while (recv(plain, &byte, 1, 0) > 0)
        ;
    (void)close(plain);
    (void)snprintf(command, sizeof command, "printf '<13>Oct 11 22:14:15 web1 app: secret\\n' | openssl s_client -quiet -no_ign_eof -connect 127.0.0.1:%d >/dev/null 2>&1", inputs_port(h.inputs, "tls"));
    assert_int_equal(system(command), 0);
    (void)snprintf(command, sizeof command, "printf '<13>Oct 11 22:14:15 web1 app: nobody\\n' | openssl s_client -quiet -no_ign_eof -connect 127.0.0.1:%d >/dev/null 2>&1", inputs_port(h.inputs, "own"));
    (void)(system(command) + 1);
    (void)snprintf(command, sizeof command, "printf '<13>Oct 11 22:14:15 web1 app: known\\n' | openssl s_client -quiet -no_ign_eof -cert %s -key %s -connect 127.0.0.1:%d >/dev/null 2>&1", certificate, key,
                   inputs_port(h.inputs, "own"));
    assert_int_equal(system(command), 0);
    house_until(2);
    house_stop();
    assert_int_equal(h.n, 2);
    assert_int_equal(house_count("secret"), 1);
    assert_int_equal(house_count("known"), 1);
}

/* Appliances and TLS libraries with a cache of sessions come back with the one they had. */
static void who_shows_a_certificate_may_resume_his_session(void **state)
{
    char certificate[128], key[128], command[1000];
    (void)snprintf(certificate, sizeof certificate, "%s/c.pem", h.folder);
    (void)snprintf(key, sizeof key, "%s/k.pem", h.folder);
    (void)snprintf(command, sizeof command,
                   "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=127.0.0.1 -keyout %s -out %s 2>/dev/null && chmod 0600 %s", key, certificate, key);
    assert_int_equal(system(command), 0);
    (void)snprintf(command, sizeof command, "syslog: { own: { address: '127.0.0.1:0', transport: tls, tls_certificate: '%s', tls_key: '%s', tls_client_ca: '%s' } }\n", certificate, key, certificate);
    house_start(command);
    for (int again = 0; again < 2; again++) {      /* of 1.2, whose ticket comes before the first byte of data */
        (void)snprintf(command, sizeof command, "printf '<13>Oct 11 22:14:15 web1 app: time %d\n' | openssl s_client -tls1_2 -quiet -no_ign_eof -cert %s -key %s -sess_%s %s/session -connect 127.0.0.1:%d >/dev/null 2>&1",
                       again, certificate, key, again ? "in" : "out", h.folder, inputs_port(h.inputs, "own"));
        assert_int_equal(system(command), 0);
    }
    house_until(2);
    house_stop();
    assert_int_equal(house_count("time 0"), 1);
    assert_int_equal(house_count("time 1"), 1);
}

int main(void)
{
#define HOUSE(t) cmocka_unit_test_setup_teardown(t, house_open, house_close)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_becomes_a_log),
        HOUSE(datagrams_arrive_each_as_a_message),
        HOUSE(a_message_without_a_text_is_kept_and_only_what_says_nothing_is_passed_over),
        HOUSE(a_connection_says_by_its_first_bytes_how_it_is_framed),
        HOUSE(a_connection_whose_framing_is_lost_is_closed_and_counted),
        HOUSE(a_sender_that_vanished_is_noticed_within_minutes),
        HOUSE(a_reload_keeps_sockets_and_connections_that_stay),
        HOUSE(what_came_before_a_stop_is_kept),
        HOUSE(without_room_connections_wait_and_lost_datagrams_are_counted),
        HOUSE(tls_is_spoken_where_it_is_asked_for),
        HOUSE(who_shows_a_certificate_may_resume_his_session),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
