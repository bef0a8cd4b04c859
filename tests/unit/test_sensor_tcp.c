/* sensor: what becomes of connections between two looks. They are fed, as the kernel would tell them. */
#include "unit.h"

#include "base/clock.h"
#include "base/file.h"
#include "sensor/connections.h"
#include "sensor/ports.h"
#include "sensor/sensors.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* ---- a kernel ---- */

struct kernel { struct diag_connection *c; size_t count; enum diag_heard heard; size_t breaks_at; int error; };

static enum diag_heard answer(void *whom, unsigned states, diag_see *see, void *ctx, int *error)
{
    struct kernel *k = whom;
    *error           = k->error;
    if (k->heard == DIAG_NONE)
        return DIAG_NONE;
    for (size_t i = 0; i < k->count; i++) {
        bool wanted = states >> k->c[i].state & 1;
        if (k->heard == DIAG_PARTIAL && wanted && i >= k->breaks_at)
            return DIAG_PARTIAL;
        if (wanted && !see(ctx, &k->c[i]))
            return DIAG_WHOLE;
    }
    return DIAG_WHOLE;
}

struct world { struct conf *conf; struct sensors *s; struct clock_manual time; struct clock clock; struct text text; struct kernel k; char said[1024]; int sayings; char root[64]; };

static void hear(void *ctx, const char *text)
{
    struct world *w = ctx;
    if (strncmp(text, "the sensor ", 11) == 0 && !strstr(text, "tcp_connections"))
        return;                         /* this host is made up: it has little else */
    snprintf(w->said, sizeof w->said, "%s", text);
    w->sayings++;
}

static void put_file(struct world *w, const char *path, const char *text)
{
    struct fault fault = { 0 };
    char         full[256], folder[256];
    snprintf(full, sizeof full, "%s%s", w->root, path);
    snprintf(folder, sizeof folder, "%s", full);
    *strrchr(folder, '/') = 0;
    assert_int_equal(file_make_dirs(folder, 0755, &fault), OK);
    FILE *f = fopen(full, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void begin(struct world *w, const char *yaml)
{
    static const struct conf_section *const sections[] = { &sensors_section };
    struct fault fault = { 0 };
    *w       = (struct world){ .time = { INT64_C(1770000000000000), 1000000 }, .root = "/tmp/sensor.XXXXXX" };
    w->clock = clock_manual_of(&w->time);
    w->k.c   = calloc(CONNECTIONS_MAX + 10, sizeof *w->k.c);
    assert_non_null(mkdtemp(w->root));
    text_init(&w->text, 1 << 20);
    if (conf_load_text("test", yaml, strlen(yaml), sections, 1, &w->conf, NULL, &fault) != OK)
        fail_msg("%s", fault.text);
    struct sensors_options o = { .clock = &w->clock, .root = w->root, .ctx = w, .diag = answer, .diag_whom = &w->k, .say = hear, .undivided = true };
    if (sensors_new(conf_of(w->conf, &sensors_section), NULL, 0, &o, &w->s, &fault) != OK)
        fail_msg("%s", fault.text);
}

static void end(struct world *w)
{
    char command[128];
    sensors_free(w->s);
    conf_free(w->conf);
    text_done(&w->text);
    free(w->k.c);
    snprintf(command, sizeof command, "rm -rf %s", w->root);
    assert_int_equal(system(command), 0);
}

static void look(struct world *w)
{
    struct fault fault = { 0 };
    w->time.mono_us += 10 * US_PER_S;
    assert_ok(sensors_tick(w->s, &fault), &fault);
    text_clear(&w->text);
    sensors_text(w->s, &w->text);
}

static bool says(const struct world *w, const char *line)
{
    size_t n = strlen(line);
    for (const char *p = w->text.s; p && *p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL)
        if (strncmp(p, line, n) == 0 && p[n] == '\n')
            return true;
    return false;
}
#define assert_says(w, line) (says(w, line) ? (void)0 : fail_msg("not said: %s\n%s", line, (w)->text.s))
#define assert_silent(w, word) assert_null(strstr((w)->text.s, word))
#define DEFAULTS "sensors:\n  enabled: yes\n"

static struct diag_connection *add(struct world *w, uint8_t state, uint16_t local, const char *remote, uint16_t port)
{
    struct diag_connection *c = &w->k.c[w->k.count++];
    *c = (struct diag_connection){ .local.family = AF_INET, .remote.family = AF_INET, .local_port = local, .remote_port = port, .state = state, .cookie = w->k.count };
    inet_pton(AF_INET, remote, c->remote.bytes);
    return c;
}

/* ---- direction, and room for ports ---- */

static void who_listens_serves_whatever_the_numbers_say(void **state)
{
    (void)state;
    struct world w;
    begin(&w, DEFAULTS);
    add(&w, DIAG_LISTEN, 50051, "0.0.0.0", 0);
    add(&w, DIAG_ESTABLISHED, 50051, "10.0.0.9", 1024);
    add(&w, DIAG_ESTABLISHED, 1024, "10.0.0.9", 50052);
    look(&w);
    assert_says(&w, "homeostat_tcp_connections{direction=\"in\",port=\"50051\"} 1");
    assert_says(&w, "homeostat_tcp_connections{direction=\"out\",port=\"50052\"} 1");
    assert_says(&w, "homeostat_net_listening{port=\"50051\"} 1");
    w.k.c[0] = w.k.c[--w.k.count];      /* nobody listens any more: its connections are still incoming */
    look(&w);
    assert_says(&w, "homeostat_tcp_connections{direction=\"in\",port=\"50051\"} 1");
    assert_silent(&w, "port=\"1024\"");
    end(&w);
}

static void who_was_taken_for_outgoing_is_incoming_once_its_port_is_listened_on(void **state)
{
    (void)state;
    struct world w;
    begin(&w, DEFAULTS);
    add(&w, DIAG_ESTABLISHED, 8080, "10.0.0.9", 40000);     /* accepted after the listeners were asked for */
    look(&w);
    assert_says(&w, "homeostat_tcp_connections{direction=\"out\",port=\"40000\"} 1");
    add(&w, DIAG_LISTEN, 8080, "0.0.0.0", 0);
    look(&w);
    assert_says(&w, "homeostat_tcp_connections{direction=\"in\",port=\"8080\"} 1");
    assert_says(&w, "homeostat_tcp_connections{direction=\"out\",port=\"40000\"} 0");
    end(&w);
}

static void incoming_connections_without_a_place_are_no_forbidden_peers(void **state)
{
    (void)state;
    struct world w;
    begin(&w, "sensors:\n  tcp:\n    peers_allowed: ['1-2000']\n");
    add(&w, DIAG_LISTEN, 8080, "0.0.0.0", 0);
    for (int i = 0; i < PORTS_MAX; i++)
        add(&w, DIAG_ESTABLISHED, 40000, "10.0.0.9", (uint16_t)(1000 + i));
    add(&w, DIAG_ESTABLISHED, 8080, "10.0.0.9", 50000);
    look(&w);
    w.k.c[0] = w.k.c[--w.k.count];      /* the listener is gone; the connection is still incoming */
    look(&w);
    assert_says(&w, "homeostat_tcp_connections{direction=\"any\",port=\"other\"} 1");
    assert_silent(&w, "homeostat_net_forbidden");
    assert_int_equal(w.sayings, 0);
    end(&w);
}

static void a_port_without_connections_gives_its_place_to_another(void **state)
{
    (void)state;
    struct world w;
    begin(&w, DEFAULTS);
    for (int i = 0; i < PORTS_MAX; i++)
        add(&w, DIAG_ESTABLISHED, 40000, "10.0.0.9", (uint16_t)(1000 + i));
    look(&w);
    w.k.c[0].state = DIAG_SYN_SENT;
    w.k.count      = 1;
    look(&w);                           /* all but port 1000 are idle now; 1063 a little longer */
    w.k.c[0].state = DIAG_ESTABLISHED;
    add(&w, DIAG_ESTABLISHED, 40000, "10.0.0.9", 5432)->cookie = 99;
    look(&w);
    assert_says(&w, "homeostat_tcp_connections{direction=\"out\",port=\"5432\"} 1");
    assert_says(&w, "homeostat_tcp_connections{direction=\"out\",port=\"1000\"} 1");
    assert_silent(&w, "port=\"other\"");
    for (int i = 0; i < PORTS_MAX; i++)
        add(&w, DIAG_ESTABLISHED, 40000, "10.0.0.9", (uint16_t)(2000 + i))->cookie = (uint64_t)(200 + i);
    look(&w);                           /* two have no place; who has connections keeps his */
    assert_says(&w, "homeostat_tcp_connections{direction=\"any\",port=\"other\"} 2");
    assert_says(&w, "homeostat_tcp_connections{direction=\"out\",port=\"5432\"} 1");
    end(&w);
}

/* ---- no ACK for 300 ms ---- */

static void silence_is_data_without_an_ack_and_not_an_idle_connection(void **state)
{
    (void)state;
    struct world w;
    begin(&w, DEFAULTS);
    struct diag_connection *c = add(&w, DIAG_ESTABLISHED, 40000, "10.0.0.9", 443);
    c->unacked                = 1;
    c->since_ack_ms           = 60000;      /* idle for a minute, and has just sent something */
    c->since_sent_ms          = 5;
    look(&w);
    assert_says(&w, "homeostat_tcp_no_ack_300ms{direction=\"out\",phase=\"transfer\",port=\"443\"} 0");
    c->since_sent_ms = 301;
    look(&w);
    assert_says(&w, "homeostat_tcp_no_ack_300ms{direction=\"out\",phase=\"transfer\",port=\"443\"} 1");
    c->since_sent_ms = 5;
    c->retries       = 1;
    look(&w);
    assert_says(&w, "homeostat_tcp_no_ack_300ms{direction=\"out\",phase=\"transfer\",port=\"443\"} 1");
    assert_says(&w, "homeostat_tcp_no_ack_300ms{direction=\"out\",phase=\"connect\",port=\"443\"} 0");
    end(&w);
}

static void a_connect_is_slow_after_300_ms_and_has_a_direction(void **state)
{
    (void)state;
    struct world w;
    begin(&w, DEFAULTS);
    struct diag_connection *out = add(&w, DIAG_SYN_SENT, 40000, "10.0.0.9", 443), *in = add(&w, DIAG_SYN_RECV, 8080, "10.0.0.9", 443);
    out->timer = in->timer = DIAG_TIMER_RETRANSMIT;
    out->rto_us            = 1000000;
    out->expires_ms = in->expires_ms = 701;
    look(&w);
    assert_says(&w, "homeostat_tcp_no_ack_300ms{direction=\"out\",phase=\"connect\",port=\"443\"} 0");
    assert_says(&w, "homeostat_tcp_no_ack_300ms{direction=\"in\",phase=\"connect\",port=\"8080\"} 0");
    assert_says(&w, "homeostat_tcp_half_open 1");
    assert_says(&w, "homeostat_tcp_synack_unanswered 0");
    out->expires_ms = in->expires_ms = 699;
    look(&w);
    assert_says(&w, "homeostat_tcp_no_ack_300ms{direction=\"out\",phase=\"connect\",port=\"443\"} 1");
    assert_says(&w, "homeostat_tcp_no_ack_300ms{direction=\"in\",phase=\"connect\",port=\"8080\"} 1");
    assert_says(&w, "homeostat_tcp_silent_ports 1");
    out->timer_retries = 2;
    in->timer_retries  = 1;
    out->expires_ms = in->expires_ms = 2000;
    look(&w);
    assert_says(&w, "homeostat_tcp_no_ack_300ms{direction=\"out\",phase=\"connect\",port=\"443\"} 1");
    assert_says(&w, "homeostat_tcp_synack_unanswered 1");
    assert_says(&w, "homeostat_tcp_syn_retransmits_total{direction=\"out\"} 2");
    assert_says(&w, "homeostat_tcp_syn_retransmits_total{direction=\"in\"} 1");
    assert_says(&w, "homeostat_tcp_waiting{class=\"connect\"} 1");
    assert_says(&w, "homeostat_tcp_waiting{class=\"accept\"} 1");
    end(&w);
}

/* ---- whole, partial, none ---- */

static void what_a_broken_answer_told_is_not_added_twice(void **state)
{
    (void)state;
    struct world w;
    begin(&w, DEFAULTS);
    struct diag_connection *c = add(&w, DIAG_ESTABLISHED, 40000, "10.0.0.9", 443), *d = add(&w, DIAG_ESTABLISHED, 40001, "10.0.0.9", 443);
    c->bytes_acked = d->bytes_acked = 1000;
    look(&w);
    assert_says(&w, "homeostat_tcp_bytes_total{direction=\"out\",port=\"443\"} 0");     /* what was before us is not of ours */
    c->bytes_acked = d->bytes_acked = 1100;
    w.k.heard      = DIAG_PARTIAL;
    w.k.breaks_at  = 1;
    w.k.error      = ENOBUFS;
    look(&w);
    assert_says(&w, "homeostat_sensor_up{sensor=\"tcp_connections\"} 0");
    assert_non_null(strstr(w.said, "broke off"));
    assert_silent(&w, "homeostat_tcp_bytes_total");
    w.k.heard = DIAG_WHOLE;
    c->bytes_acked = 1200;
    look(&w);
    assert_says(&w, "homeostat_tcp_bytes_total{direction=\"out\",port=\"443\"} 300");
    add(&w, DIAG_ESTABLISHED, 40002, "10.0.0.9", 443)->bytes_received = 7;
    look(&w);                           /* one that is new counts from its beginning */
    assert_says(&w, "homeostat_tcp_bytes_total{direction=\"out\",port=\"443\"} 307");
    end(&w);
}

static void who_may_not_ask_fails_with_a_reason_and_where_there_is_nothing_to_ask_does_not(void **state)
{
    (void)state;
    static const int refused[] = { EPERM, EACCES, EAFNOSUPPORT };
    struct world     w;
    begin(&w, DEFAULTS);
    w.k.heard = DIAG_NONE;
    w.k.error = EPROTONOSUPPORT;
    look(&w);
    assert_silent(&w, "homeostat_sensor_up{sensor=\"tcp_connections\"}");
    for (size_t i = 0; i < 3; i++) {
        w.k.error = refused[i];
        look(&w);
        look(&w);
        assert_says(&w, "homeostat_sensor_up{sensor=\"tcp_connections\"} 0");
        assert_non_null(strstr(w.said, "AF_NETLINK"));
        assert_int_equal(w.sayings, i + 1);     /* once for each reason */
    }
    assert_says(&w, "homeostat_sensor_failures_total{sensor=\"tcp_connections\"} 6");
    w.k.error = ETIMEDOUT;
    look(&w);
    assert_null(strstr(w.said, "AF_NETLINK"));
    end(&w);
}

static void above_the_bound_no_whole_lives_are_added(void **state)
{
    (void)state;
    struct world w;
    begin(&w, DEFAULTS);
    for (size_t i = 0; i < CONNECTIONS_MAX + 2; i++)
        add(&w, DIAG_ESTABLISHED, 40000, "10.0.0.9", 443)->bytes_acked = 1000;
    look(&w);
    assert_says(&w, "homeostat_tcp_looks_cut_total 1");
    for (size_t i = 0; i < 10; i++)         /* those that had no place are seen now, as others have ended */
        w.k.c[i] = w.k.c[--w.k.count];
    w.k.c[CONNECTIONS_MAX / 2].bytes_acked = 1007;
    look(&w);
    assert_says(&w, "homeostat_tcp_connections{direction=\"out\",port=\"443\"} 32760");
    assert_says(&w, "homeostat_tcp_bytes_total{direction=\"out\",port=\"443\"} 7");
    assert_says(&w, "homeostat_tcp_looks_cut_total 1");
    add(&w, DIAG_ESTABLISHED, 40000, "10.0.0.9", 443)->bytes_acked = 50;
    w.k.c[w.k.count - 1].cookie = UINT64_C(1) << 40;
    look(&w);                               /* the look before was whole: this one is new */
    assert_says(&w, "homeostat_tcp_bytes_total{direction=\"out\",port=\"443\"} 57");
    end(&w);
}

/* ---- who talks most ---- */

static void this_machine_with_itself_is_no_talker(void **state)
{
    (void)state;
    struct world w;
    begin(&w, "sensors:\n  tcp:\n    talkers: 1\n");
    struct diag_connection *self = add(&w, DIAG_ESTABLISHED, 40000, "127.0.0.1", 443), *much = add(&w, DIAG_ESTABLISHED, 40000, "10.0.0.9", 443), *little = add(&w, DIAG_ESTABLISHED, 40000, "10.0.0.8", 443);
    look(&w);
    self->bytes_acked   = 1000000;
    much->bytes_acked   = 5000;
    much->retransmits   = 3;
    little->bytes_acked = 10;
    look(&w);
    assert_says(&w, "homeostat_tcp_talker_bytes_total{remote=\"10.0.0.9\"} 5000");
    assert_says(&w, "homeostat_tcp_talker_retransmits_total{remote=\"10.0.0.9\"} 3");
    assert_silent(&w, "remote=\"127.0.0.1\"");
    assert_silent(&w, "remote=\"10.0.0.8\"");
    end(&w);
}

/* ---- what has become of them ---- */

static void attempts_to_connect_end_in_three_ways(void **state)
{
    (void)state;
    struct world w;
    begin(&w, DEFAULTS);
    put_file(&w, "/proc/sys/net/ipv4/tcp_syn_retries", "4\n");
    struct diag_connection *c[3];
    for (size_t i = 0; i < 3; i++) {
        c[i]        = add(&w, DIAG_SYN_SENT, 40000, "10.0.0.9", 443);
        c[i]->timer = DIAG_TIMER_RETRANSMIT;
    }
    c[2]->timer_retries = 4;
    look(&w);
    c[0]->state      = DIAG_ESTABLISHED;
    c[0]->timer      = DIAG_TIMER_NONE;
    c[0]->min_rtt_us = 20000;
    w.k.count        = 1;
    look(&w);
    assert_says(&w, "homeostat_tcp_connect_ended_total{how=\"established\"} 1");
    assert_says(&w, "homeostat_tcp_connect_ended_total{how=\"gave_up\"} 1");
    assert_says(&w, "homeostat_tcp_connect_ended_total{how=\"ended\"} 1");
    assert_says(&w, "homeostat_tcp_connect_seconds 0.02");
    look(&w);
    assert_says(&w, "homeostat_tcp_connect_ended_total{how=\"established\"} 1");
    assert_silent(&w, "homeostat_tcp_connect_seconds");
    end(&w);
}

static void a_connection_that_was_idle_and_gets_no_answer_is_told_once(void **state)
{
    (void)state;
    struct world w;
    begin(&w, DEFAULTS);
    struct diag_connection *c = add(&w, DIAG_ESTABLISHED, 40000, "10.0.0.9", 443);
    c->since_ack_ms           = 90000;
    look(&w);
    c->unacked = 1;
    c->retries = 3;
    c->timer   = DIAG_TIMER_RETRANSMIT;
    look(&w);
    assert_says(&w, "homeostat_tcp_idle_lost_total 1");
    assert_says(&w, "homeostat_tcp_waiting{class=\"data\"} 1");
    look(&w);
    assert_says(&w, "homeostat_tcp_idle_lost_total 1");
    end(&w);
}

static void transfer_loss_and_jitter_are_of_what_has_changed(void **state)
{
    (void)state;
    struct world w;
    begin(&w, DEFAULTS);
    struct diag_connection *c = add(&w, DIAG_ESTABLISHED, 40000, "10.0.0.9", 443);
    c->bytes_sent = c->bytes_retransmitted = 1000;
    c->rtt_us                              = 30000;
    c->rttvar_us                           = 4000;
    look(&w);
    assert_silent(&w, "homeostat_tcp_loss_ratio");
    assert_says(&w, "homeostat_tcp_jitter_seconds{direction=\"out\",port=\"443\"} 0.0040000000000000001");
    c->bytes_sent          += 400;
    c->bytes_retransmitted += 100;
    c->busy_us             += 3000000;
    c->receiver_us         += 1000000;
    c->sender_us           += 500000;
    c->cwnd                 = 10;
    c->ssthresh             = 20;
    c->delivery_rate        = 12345;
    look(&w);
    assert_says(&w, "homeostat_tcp_loss_ratio 0.25");
    assert_says(&w, "homeostat_tcp_transfer_seconds_total 3");
    assert_says(&w, "homeostat_tcp_limited_seconds_total{by=\"receiver\"} 1");
    assert_says(&w, "homeostat_tcp_limited_seconds_total{by=\"sender\"} 0.5");
    assert_says(&w, "homeostat_tcp_slow_start_seconds_total 3");
    assert_says(&w, "homeostat_tcp_delivery_bytes_per_second 12345");
    end(&w);
}

/* ---- what the kernel counts, and its settings ---- */

#define SNMP "Icmp: InMsgs InDestUnreachs OutDestUnreachs\nIcmp: 9 %d 3\nTcp: ActiveOpens PassiveOpens AttemptFails EstabResets OutSegs RetransSegs OutRsts\nTcp: %d %d %d %d %d %d 7\n"
#define NETSTAT "TcpExt: SyncookiesSent SyncookiesFailed EmbryonicRsts TCPAbortOnData TCPAbortOnClose TCPAbortOnMemory TCPAbortOnTimeout TCPSynRetrans TCPTimeouts IPReversePathFilter\n" \
    "TcpExt: 1 2 %d %d 4 5 6 %d %d 8\nIpExt: InOctets\nIpExt: 9\n"

static void count(struct world *w, int unreachable, int active, int passive, int fails, int resets, int sent, int resent, int embryonic, int aborts, int syns, int timeouts)
{
    char text[1000];
    snprintf(text, sizeof text, SNMP, unreachable, active, passive, fails, resets, sent, resent);
    put_file(w, "/proc/net/snmp", text);
    snprintf(text, sizeof text, NETSTAT, embryonic, aborts, syns, timeouts);
    put_file(w, "/proc/net/netstat", text);
}

static void resets_from_the_other_side_are_those_that_are_not_ours_and_never_go_back(void **state)
{
    (void)state;
    struct world w;
    begin(&w, DEFAULTS);
    count(&w, 1, 0, 0, 0, 100, 0, 0, 3, 10, 0, 0);
    put_file(&w, "/proc/net/snmp6", "Icmp6InDestUnreachs             \t20\nIcmp6OutDestUnreachs \t1\n");
    look(&w);
    assert_says(&w, "homeostat_tcp_failures_total{class=\"established_reset\"} 100");
    assert_says(&w, "homeostat_tcp_failures_total{class=\"reset_received\"} 75");
    assert_says(&w, "homeostat_tcp_failures_total{class=\"abort_data\"} 10");
    assert_says(&w, "homeostat_tcp_failures_total{class=\"abort_close\"} 4");
    assert_says(&w, "homeostat_tcp_failures_total{class=\"embryonic_reset\"} 3");
    assert_says(&w, "homeostat_tcp_failures_total{class=\"syncookie_sent\"} 1");
    assert_says(&w, "homeostat_tcp_failures_total{class=\"syncookie_failed\"} 2");
    assert_says(&w, "homeostat_tcp_failures_total{class=\"rp_filter\"} 8");
    assert_says(&w, "homeostat_icmp_unreachable_total{direction=\"in\"} 21");
    assert_says(&w, "homeostat_icmp_unreachable_total{direction=\"out\"} 4");
    count(&w, 1, 0, 0, 0, 100, 0, 0, 3, 20, 0, 0);
    look(&w);
    assert_says(&w, "homeostat_tcp_failures_total{class=\"reset_received\"} 75");
    count(&w, 1, 0, 0, 0, 5, 0, 0, 3, 20, 0, 0);
    sensors_free(w.s);                  /* from the beginning: more was aborted than reset */
    struct fault           fault = { 0 };
    struct sensors_options o     = { .clock = &w.clock, .root = w.root, .ctx = &w, .diag = answer, .diag_whom = &w.k, .undivided = true };
    assert_ok(sensors_new(conf_of(w.conf, &sensors_section), NULL, 0, &o, &w.s, &fault), &fault);
    look(&w);
    assert_says(&w, "homeostat_tcp_failures_total{class=\"reset_received\"} 0");
    end(&w);
}

static void ratios_are_of_one_reading_and_absent_without_attempts(void **state)
{
    (void)state;
    struct world w;
    begin(&w, DEFAULTS);
    struct diag_connection *c = add(&w, DIAG_ESTABLISHED, 40000, "10.0.0.9", 443);
    c->rtt_us                 = 50000;
    c->rto_us                 = 800000;
    c->backoff                = 2;      /* so it began with 200 ms */
    count(&w, 1, 10, 5, 2, 0, 1000, 10, 0, 0, 4, 1);
    look(&w);
    assert_silent(&w, "homeostat_tcp_retransmission_ratio");
    assert_silent(&w, "homeostat_tcp_syn_loss_ratio");
    look(&w);
    assert_silent(&w, "homeostat_tcp_syn_loss_ratio");
    assert_silent(&w, "homeostat_tcp_connect_failure_ratio");
    assert_says(&w, "homeostat_tcp_retransmission_delay_seconds_total 0");
    count(&w, 1, 18, 9, 7, 0, 1400, 110, 3, 0, 8, 11);
    look(&w);
    assert_says(&w, "homeostat_tcp_connect_failure_ratio 0.25");       /* five failed, three of them were of others */
    assert_says(&w, "homeostat_tcp_syn_loss_ratio 0.25");
    assert_says(&w, "homeostat_tcp_retransmission_ratio 0.25");
    assert_says(&w, "homeostat_tcp_retransmission_delay_seconds_total 6.5");    /* ten time-outs of 200 ms, ninety round trips of 50 ms */
    end(&w);
}

static void time_outs_and_who_forgets_first_are_told(void **state)
{
    (void)state;
    static const char *const settings[] = { "ipv4/tcp_synack_retries", "5", "ipv4/tcp_orphan_retries", "0", "ipv4/tcp_keepalive_time", "7200", "netfilter/nf_conntrack_tcp_timeout_established", "3600",
        "ipv4/tcp_rto_min_us", "100000", "ipv4/tcp_rto_max_ms", "60000" };
    struct world w;
    begin(&w, DEFAULTS);
    for (size_t i = 0; i < COUNT(settings); i += 2) {
        char path[96];
        snprintf(path, sizeof path, "/proc/sys/net/%s", settings[i]);
        put_file(&w, path, settings[i + 1]);
    }
    look(&w);
    assert_says(&w, "homeostat_tcp_give_up_seconds{what=\"synack\"} 63");
    assert_says(&w, "homeostat_tcp_give_up_seconds{what=\"orphan\"} 51.100000000000001");
    assert_says(&w, "homeostat_tcp_give_up_seconds{what=\"rto_min\"} 0.10000000000000001");
    assert_says(&w, "homeostat_tcp_give_up_seconds{what=\"rto_max\"} 60");
    assert_says(&w, "homeostat_tcp_give_up_seconds{what=\"initial_rto\"} 1");
    assert_says(&w, "homeostat_tcp_setting{name=\"nf_conntrack_tcp_timeout_established\"} 3600");
    assert_says(&w, "homeostat_conntrack_shorter_than_keepalive 1");
    put_file(&w, "/proc/sys/net/netfilter/nf_conntrack_tcp_timeout_established", "432000");
    w.time.mono_us += 60 * US_PER_S;
    look(&w);
    assert_says(&w, "homeostat_conntrack_shorter_than_keepalive 0");
    end(&w);
}

static void how_full_an_interface_is_comes_of_its_speed(void **state)
{
    (void)state;
    struct world w;
    begin(&w, DEFAULTS);
    put_file(&w, "/proc/net/dev", "a\nb\n  eth0:1000 0 0 0 0 0 0 0 2000 0 0 0 0 0 0 0\n veth1:1000 0 0 0 0 0 0 0 2000 0 0 0 0 0 0 0\n");
    put_file(&w, "/sys/class/net/eth0/speed", "1000\n");
    put_file(&w, "/sys/class/net/veth1/speed", "-1\n");
    look(&w);
    assert_silent(&w, "homeostat_net_utilization_ratio");
    put_file(&w, "/proc/net/dev", "a\nb\n  eth0:625001000 0 0 0 0 0 0 0 312502000 0 0 0 0 0 0 0\n veth1:2000 0 0 0 0 0 0 0 2000 0 0 0 0 0 0 0\n");
    look(&w);
    assert_says(&w, "homeostat_net_utilization_ratio{device=\"eth0\",direction=\"receive\"} 0.5");
    assert_says(&w, "homeostat_net_utilization_ratio{device=\"eth0\",direction=\"transmit\"} 0.25");
    assert_silent(&w, "homeostat_net_utilization_ratio{device=\"veth1\"");
    end(&w);
}

/* ---- ports that nobody should use ---- */

static void a_forbidden_port_is_told_and_announced_once(void **state)
{
    (void)state;
    struct world w;
    begin(&w, "sensors:\n  tcp:\n    talkers: 0\n    listen_allowed: ['22', '8000-8099', '127.0.0.1:5432']\n    peers_allowed: ['443']\n");
    add(&w, DIAG_LISTEN, 22, "0.0.0.0", 0);
    add(&w, DIAG_LISTEN, 8099, "0.0.0.0", 0);
    inet_pton(AF_INET, "127.0.0.1", add(&w, DIAG_LISTEN, 5432, "0.0.0.0", 0)->local.bytes);
    add(&w, DIAG_ESTABLISHED, 40000, "10.0.0.9", 443);
    add(&w, DIAG_ESTABLISHED, 40000, "127.0.0.1", 4444);     /* of this machine to itself */
    add(&w, DIAG_ESTABLISHED, 22, "10.0.0.9", 4444);         /* an incoming one may have any port over there */
    look(&w);
    assert_silent(&w, "homeostat_net_forbidden");
    assert_int_equal(w.sayings, 0);
    inet_pton(AF_INET, "10.0.0.1", w.k.c[2].local.bytes);
    look(&w);
    assert_says(&w, "homeostat_net_forbidden{direction=\"listen\",port=\"5432\"} 1");
    assert_string_equal(w.said, "port 5432 of 10.0.0.1 is listened on, which sensors.tcp.listen_allowed does not name");
    add(&w, DIAG_SYN_SENT, 40000, "10.0.0.9", 4444);
    look(&w);
    assert_says(&w, "homeostat_net_forbidden{direction=\"out\",port=\"4444\"} 1");
    look(&w);
    assert_int_equal(w.sayings, 2);
    w.k.c[2].state = DIAG_ESTABLISHED;
    look(&w);
    assert_silent(&w, "port=\"5432\"} 1\n# HELP homeostat_net_l");
    end(&w);
}

static void more_forbidden_ports_than_there_is_room_for_are_counted_together(void **state)
{
    (void)state;
    struct world w;
    begin(&w, "sensors:\n  tcp:\n    listen_allowed: ['1']\n");
    for (int i = 0; i < 100; i++)
        add(&w, DIAG_LISTEN, (uint16_t)(1000 + i), "0.0.0.0", 0);
    look(&w);
    assert_says(&w, "homeostat_net_forbidden{direction=\"listen\",port=\"1063\"} 1");
    assert_says(&w, "homeostat_net_forbidden{direction=\"listen\",port=\"other\"} 36");
    assert_says(&w, "homeostat_net_listening{port=\"other\"} 36");
    assert_silent(&w, "port=\"1064\"");
    assert_int_equal(w.sayings, PORTS_SAY_MAX + 1);
    assert_non_null(strstr(w.said, "92 more"));
    end(&w);
}

static void a_rule_for_ports_is_read_or_refused(void **state)
{
    (void)state;
    static const char *const right[] = { "443", "8000-8099", "10.0.0.9:5432", "[::1]:5432", "10.0.0.9:1-65535" };
    static const char *const wrong[] = { "", "0", "65536", "80-", "90-80", "80x", "host:80", "::1:80", "[::1]", "10.0.0.9:", "-80", " 80" };
    struct port_rule         rule;
    struct fault             fault = { 0 };
    for (size_t i = 0; i < COUNT(right); i++)
        assert_ok(port_rule_parse(right[i], &rule, &fault), &fault);
    for (size_t i = 0; i < COUNT(wrong); i++)
        if (port_rule_parse(wrong[i], &rule, &fault) != ERR_INPUT)
            fail_msg("taken: %s", wrong[i]);
    static const struct conf_section *const sections[] = { &sensors_section };
    static const char *const settings[] = { "sensors:\n  tcp:\n    peers_allowed: ['www']\n", "sensors:\n  off: [tcp_connections]\n  tcp:\n    listen_allowed: ['22']\n" };
    struct conf             *conf;
    for (size_t i = 0; i < COUNT(settings); i++)
        assert_int_equal(conf_load_text("test", settings[i], strlen(settings[i]), sections, 1, &conf, NULL, &fault), ERR_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_listens_serves_whatever_the_numbers_say),
        cmocka_unit_test(who_was_taken_for_outgoing_is_incoming_once_its_port_is_listened_on),
        cmocka_unit_test(incoming_connections_without_a_place_are_no_forbidden_peers),
        cmocka_unit_test(a_port_without_connections_gives_its_place_to_another),
        cmocka_unit_test(silence_is_data_without_an_ack_and_not_an_idle_connection),
        cmocka_unit_test(a_connect_is_slow_after_300_ms_and_has_a_direction),
        cmocka_unit_test(what_a_broken_answer_told_is_not_added_twice),
        cmocka_unit_test(who_may_not_ask_fails_with_a_reason_and_where_there_is_nothing_to_ask_does_not),
        cmocka_unit_test(above_the_bound_no_whole_lives_are_added),
        cmocka_unit_test(this_machine_with_itself_is_no_talker),
        cmocka_unit_test(attempts_to_connect_end_in_three_ways),
        cmocka_unit_test(a_connection_that_was_idle_and_gets_no_answer_is_told_once),
        cmocka_unit_test(transfer_loss_and_jitter_are_of_what_has_changed),
        cmocka_unit_test(resets_from_the_other_side_are_those_that_are_not_ours_and_never_go_back),
        cmocka_unit_test(ratios_are_of_one_reading_and_absent_without_attempts),
        cmocka_unit_test(time_outs_and_who_forgets_first_are_told),
        cmocka_unit_test(how_full_an_interface_is_comes_of_its_speed),
        cmocka_unit_test(a_forbidden_port_is_told_and_announced_once),
        cmocka_unit_test(more_forbidden_ports_than_there_is_room_for_are_counted_together),
        cmocka_unit_test(a_rule_for_ports_is_read_or_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
