/* sensor/tcp.c - how TCP fares, as far as the host can see: failures by class, retransmissions, its settings, its connections. */
#include "sensor/diag.h"
#include "sensor/inside.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- failures by class, out of what the kernel counts ---- */

static const struct series_kind failure_kind = { "homeostat_tcp_failures_total", "class", SERIES_COUNTER,
    "What went wrong with TCP, by class: connect (an attempt failed: refused, unreachable or no answer), syn_retransmit, retransmit, rto (a retransmission timer expired), "
    "abort_timeout (given up after all retransmissions or keepalives), reset_received, reset_sent, listen_overflow, listen_drop, syn_rejected, memory, retransmit_failed." };
static const struct series_kind keep_kind  = { "homeostat_tcp_keepalive_probes_total", "", SERIES_COUNTER, "Keepalive probes that were sent." };
static const struct series_kind ratio_kind = { "homeostat_tcp_retransmission_ratio", "", SERIES_GAUGE, "Share of the segments sent since the last reading that were sent again." };
static const struct series_kind syn_kind   = { "homeostat_tcp_syn_retransmission_ratio", "", SERIES_GAUGE, "SYNs sent again since the last reading, per attempt to connect or be connected to." };

static const struct tcp_class { const char *protocol, *field, *class; } classes[] = {
    { "Tcp", "AttemptFails", "connect" },          { "TcpExt", "TCPSynRetrans", "syn_retransmit" },   { "Tcp", "RetransSegs", "retransmit" },
    { "TcpExt", "TCPTimeouts", "rto" },            { "TcpExt", "TCPAbortOnTimeout", "abort_timeout" }, { "Tcp", "EstabResets", "reset_received" },
    { "Tcp", "OutRsts", "reset_sent" },            { "TcpExt", "ListenOverflows", "listen_overflow" }, { "TcpExt", "ListenDrops", "listen_drop" },
    { "TcpExt", "TCPReqQFullDrop", "syn_rejected" }, { "TcpExt", "TCPAbortOnMemory", "memory" },       { "TcpExt", "TCPRetransFail", "retransmit_failed" },
};

struct tcp_state { struct kept snmp, netstat; bool again; double sent, resent, opens, syns; };

/* The number of a field in pairs of lines; NAN. */
static double field(struct slice text, const char *protocol, const char *name)
{
    struct slice names, values;
    for (struct scan all = scan_of(text); scan_line(&all, &names) && scan_line(&all, &values);) {
        struct scan  n = scan_of(names), v = scan_of(values);
        struct slice p = scan_word(&n), word;
        (void)scan_word(&v);
        if (p.n != strlen(protocol) + 1 || memcmp(p.s, protocol, p.n - 1) != 0)
            continue;
        while ((word = scan_word(&n)).n) {
            struct slice value = scan_word(&v);
            if (slice_is(word, name))
                return slice_number(value);
        }
    }
    return NAN;
}

static double part(double now, double before, double of, double of_before)
{
    double all = of - of_before, some = now - before;
    return all > 0 && some >= 0 ? some / all : 0;
}

static enum sensed tcp_read(struct turn *u, void *state)
{
    struct tcp_state *st = state;
    struct slice      text;
    enum sensed       is = kept_read(u, &st->snmp, "/proc/net/snmp", &text);
    if (is != SENSED)
        return is;
    double sent = field(text, "Tcp", "OutSegs"), resent = field(text, "Tcp", "RetransSegs"), opens = field(text, "Tcp", "ActiveOpens") + field(text, "Tcp", "PassiveOpens"), syns = NAN;
    double v[COUNT(classes)];
    for (size_t i = 0; i < COUNT(classes); i++)
        v[i] = strcmp(classes[i].protocol, "Tcp") == 0 ? field(text, "Tcp", classes[i].field) : NAN;
    if (kept_read(u, &st->netstat, "/proc/net/netstat", &text) == SENSED) {
        for (size_t i = 0; i < COUNT(classes); i++)
            if (strcmp(classes[i].protocol, "TcpExt") == 0)
                v[i] = field(text, "TcpExt", classes[i].field);
        syns              = field(text, "TcpExt", "TCPSynRetrans");
        double keepalives = field(text, "TcpExt", "TCPKeepAlive");
        if (!isnan(keepalives))
            put(u, &keep_kind, keepalives);
    }
    for (size_t i = 0; i < COUNT(classes); i++)
        if (!isnan(v[i]))
            put_1(u, &failure_kind, slice_of(classes[i].class), v[i]);
    if (st->again && !isnan(sent) && !isnan(resent))
        put(u, &ratio_kind, part(resent, st->resent, sent, st->sent));
    if (st->again && !isnan(syns) && !isnan(opens))
        put(u, &syn_kind, part(syns, st->syns, opens, st->opens));
    st->again  = true;
    st->sent   = sent;
    st->resent = resent;
    st->opens  = opens;
    st->syns   = syns;
    return SENSED;
}

static void tcp_done(void *state)
{
    struct tcp_state *st = state;
    kept_done(&st->snmp);
    kept_done(&st->netstat);
}

/* ---- the host's settings: what a time-out means here ---- */

static const struct series_kind setting_kind = { "homeostat_tcp_setting", "name", SERIES_GAUGE, "A setting of the kernel by which connections are given up, in its own unit." };
static const struct series_kind total_kind   = { "homeostat_tcp_give_up_seconds", "what", SERIES_GAUGE,
    "After how long the kernel gives up: connect (no answer to SYNs), data (no ACK, at the initial time-out of 200 ms), keepalive (an idle peer that is gone)." };

static enum sensed settings_read(struct turn *u, void *state)
{
    static const char *const names[] = { "tcp_syn_retries", "tcp_synack_retries", "tcp_retries1", "tcp_retries2", "tcp_orphan_retries", "tcp_keepalive_time", "tcp_keepalive_intvl",
        "tcp_keepalive_probes", "tcp_fin_timeout", "tcp_max_syn_backlog", "tcp_syncookies", "tcp_syn_linear_timeouts", "tcp_rto_min_us", "tcp_rto_max_ms" };
    double v[COUNT(names)];
    bool   any = false;
    (void)state;
    for (size_t i = 0; i < COUNT(names); i++) {
        char         path[96];
        struct slice text;
        snprintf(path, sizeof path, "/proc/sys/net/ipv4/%s", names[i]);
        v[i] = file_once(u, path, &text) == SENSED ? slice_number(text) : NAN;
        if (!isnan(v[i])) {
            put_1(u, &setting_kind, slice_of(names[i]), v[i]);
            any = true;
        }
    }
    double most = isnan(v[13]) ? 120 : v[13] / 1000, linear = isnan(v[11]) ? 0 : v[11];
    if (!isnan(v[0])) {     /* newer kernels repeat a SYN some times at the first pace of a second, and only then begin to count and to double */
        double total = linear, wait = 1;
        for (double i = 0; i <= v[0] && i < 128; i++, wait = fmin(2 * wait, most))
            total += wait;
        put_1(u, &total_kind, SLICE("connect"), total);
    }
    if (!isnan(v[3])) {
        double total = 0, wait = isnan(v[12]) ? 0.2 : v[12] / 1e6;
        for (double i = 0; i <= v[3] && i < 128; i++, wait = fmin(2 * wait, most))
            total += wait;
        put_1(u, &total_kind, SLICE("data"), total);
    }
    if (!isnan(v[5]) && !isnan(v[6]) && !isnan(v[7]))
        put_1(u, &total_kind, SLICE("keepalive"), v[5] + v[6] * v[7]);
    return any ? SENSED : HERE_NOT;
}

/* ---- connections, one by one ---- */

/*
 * Grouped by the side that serves: its port is the smaller one, as a rule. What a connection has counted is added to its service as differences,
 * so it never goes back; what it did between two looks and its end is not seen.
 */
enum { SERVICES_MAX = 64, TALKERS_MAX = 512, CONNECTIONS_MAX = 32768, NO_ACK_MS = 300, SYN_SENT = 2, ESTABLISHED = 1 };

struct service {
    uint16_t port;
    bool     out;
    uint64_t retransmits, bytes;
    uint32_t connections, measured, connecting, connect_slow, silent, rtt_most;
    double   rtt_sum;
};

struct talker { char remote[48]; uint64_t bytes; double recent; uint32_t retransmits, connections; };
struct connection { uint64_t key; uint32_t retransmits; uint64_t bytes; };

struct look {
    struct service    service[SERVICES_MAX + 1];      /* the last is `other` */
    size_t            services;
    struct talker     talker[TALKERS_MAX];
    size_t            talkers;
    struct connection *old, *now;                      /* by key */
    size_t            olds, nows;
    uint64_t          unseen, begun;
};

static int by_key(const void *a, const void *b)
{
    const struct connection *x = a, *y = b;
    return (x->key > y->key) - (x->key < y->key);
}

static struct service *service_of(struct look *l, uint16_t port, bool out)
{
    for (size_t i = 0; i < l->services; i++)
        if (l->service[i].port == port && l->service[i].out == out)
            return &l->service[i];
    if (l->services == SERVICES_MAX)
        return &l->service[SERVICES_MAX];
    l->service[l->services] = (struct service){ .port = port, .out = out };
    return &l->service[l->services++];
}

static struct talker *talker_of(struct look *l, const char *remote)
{
    struct talker *least = NULL;
    for (size_t i = 0; i < l->talkers; i++) {
        if (strcmp(l->talker[i].remote, remote) == 0)
            return &l->talker[i];
        if (!l->talker[i].connections && (!least || l->talker[i].recent < least->recent))
            least = &l->talker[i];
    }
    if (l->talkers < TALKERS_MAX)
        least = &l->talker[l->talkers++];
    if (least) {
        *least = (struct talker){ 0 };
        snprintf(least->remote, sizeof least->remote, "%s", remote);
    }
    return least;
}

static bool see_connection(void *ctx, const struct diag_connection *c)
{
    struct look *l = ctx;
    if (l->nows == CONNECTIONS_MAX) {
        l->unseen++;
        return true;
    }
    bool              out   = c->remote_port < c->local_port;
    struct service   *s     = service_of(l, out ? c->remote_port : c->local_port, out);
    struct connection one   = { (uint64_t)c->cookie[0] << 32 | c->cookie[1], c->retransmits, c->bytes_acked + c->bytes_received };
    struct connection *old  = l->olds ? bsearch(&one, l->old, l->olds, sizeof one, by_key) : NULL;
    uint64_t          bytes = old ? (one.bytes > old->bytes ? one.bytes - old->bytes : 0) : l->begun ? one.bytes : 0;
    uint32_t          again = old ? (one.retransmits > old->retransmits ? one.retransmits - old->retransmits : 0) : l->begun ? one.retransmits : 0;
    struct talker    *t     = talker_of(l, c->remote);
    l->now[l->nows++] = one;
    s->bytes         += bytes;
    s->retransmits   += again;
    if (t) {
        t->bytes       += bytes;
        t->recent      += (double)bytes;
        t->retransmits += again;
        t->connections++;
    }
    s->connecting += c->state == SYN_SENT;
    /* a first SYN is sent again after a second; so one that was sent again has waited longer than 300 ms */
    s->connect_slow += c->state == SYN_SENT && c->backoff + c->retransmits > 0;
    s->silent       += c->state == ESTABLISHED && c->unacked > 0 && c->since_ack_ms > NO_ACK_MS;
    if (c->state == ESTABLISHED) {
        s->connections++;
        if (c->rtt_us) {
            s->rtt_sum += c->rtt_us;
            s->measured++;
            s->rtt_most = c->rtt_us > s->rtt_most ? c->rtt_us : s->rtt_most;
        }
    }
    return true;
}

#define BY_PORT "direction port"
static const struct series_kind open_kind    = { "homeostat_tcp_connections", BY_PORT, SERIES_GAUGE, "Established connections, by the port of the side that serves; in: this host serves." };
static const struct series_kind rtt_kind     = { "homeostat_tcp_rtt_seconds", BY_PORT, SERIES_GAUGE, "Mean of the smoothed round trips of the connections." };
static const struct series_kind most_kind    = { "homeostat_tcp_rtt_max_seconds", BY_PORT, SERIES_GAUGE, "The largest of the smoothed round trips." };
static const struct series_kind again_kind   = { "homeostat_tcp_retransmits_total", BY_PORT, SERIES_COUNTER, "Segments sent again." };
static const struct series_kind bytes_kind   = { "homeostat_tcp_bytes_total", BY_PORT, SERIES_COUNTER, "Bytes acknowledged and received." };
static const struct series_kind connect_kind = { "homeostat_tcp_connecting", BY_PORT, SERIES_GAUGE, "Connections that wait for the answer to their SYN." };
static const struct series_kind slow_kind    = { "homeostat_tcp_no_ack_300ms", "direction phase port", SERIES_GAUGE, "Connections that have waited for an ACK for more than 300 ms: while connecting, or with data under way." };
static const struct series_kind talk_kind    = { "homeostat_tcp_talker_bytes_total", "remote", SERIES_COUNTER, "Bytes exchanged with the remote addresses that had most of late." };
static const struct series_kind unseen_kind  = { "homeostat_tcp_connections_unseen_total", "", SERIES_COUNTER, "Connections not looked at because there are too many." };

static int by_recent(const void *a, const void *b)
{
    double x = ((const struct talker *)a)->recent, y = ((const struct talker *)b)->recent;
    return (y > x) - (y < x);
}

static void tell_service(struct turn *u, const struct service *s, bool other)
{
    char         port[16];
    int          n         = snprintf(port, sizeof port, "%u", s->port);
    struct slice p         = other ? SLICE("other") : (struct slice){ port, (size_t)n }, direction = other ? SLICE("any") : s->out ? SLICE("out") : SLICE("in");
    put_2(u, &open_kind, direction, p, s->connections);
    put_2(u, &again_kind, direction, p, (double)s->retransmits);
    put_2(u, &bytes_kind, direction, p, (double)s->bytes);
    put_2(u, &connect_kind, direction, p, s->connecting);
    series_put(u->t, &slow_kind, SLICE(""), (struct slice[]){ direction, SLICE("connect"), p }, s->connect_slow);
    series_put(u->t, &slow_kind, SLICE(""), (struct slice[]){ direction, SLICE("transfer"), p }, s->silent);
    if (s->measured) {
        put_2(u, &rtt_kind, direction, p, s->rtt_sum / s->measured / 1e6);
        put_2(u, &most_kind, direction, p, s->rtt_most / 1e6);
    }
}

static enum sensed connections_read(struct turn *u, void *state)
{
    struct look *l = state;
    if (!u->conf->tcp_talkers || *u->root)
        return HERE_NOT;
    if (!l->now && (!(l->now = malloc(CONNECTIONS_MAX * sizeof *l->now)) || !(l->old = malloc(CONNECTIONS_MAX * sizeof *l->old))))
        return failed(u, "out of memory for the connections");
    for (size_t i = 0; i <= SERVICES_MAX; i++) {
        struct service *s = &l->service[i];
        s->connections = s->measured = s->connecting = s->connect_slow = s->silent = s->rtt_most = 0;
        s->rtt_sum     = 0;
    }
    for (size_t i = 0; i < l->talkers; i++) {
        l->talker[i].connections = 0;
        l->talker[i].recent     *= 0.7;         /* forgotten within a few looks */
    }
    l->nows = 0;
    if (!diag_ask(see_connection, l))
        return HERE_NOT;
    qsort(l->now, l->nows, sizeof *l->now, by_key);
    struct connection *swap = l->old;
    l->old   = l->now;
    l->olds  = l->nows;
    l->now   = swap;
    l->begun = 1;
    for (size_t i = 0; i < l->services; i++)
        tell_service(u, &l->service[i], false);
    if (l->services == SERVICES_MAX)
        tell_service(u, &l->service[SERVICES_MAX], true);
    qsort(l->talker, l->talkers, sizeof *l->talker, by_recent);
    for (size_t i = 0; i < l->talkers && i < (size_t)u->conf->tcp_talkers; i++)
        if (l->talker[i].bytes)
            put_1(u, &talk_kind, slice_of(l->talker[i].remote), (double)l->talker[i].bytes);
    put(u, &unseen_kind, (double)l->unseen);
    return SENSED;
}

static void connections_done(void *state)
{
    struct look *l = state;
    free(l->old);
    free(l->now);
}

const struct sensor sensors_tcp[] = {
    { "tcp",             0,  sizeof(struct tcp_state), tcp_read,         tcp_done,         "failures of TCP by class, and how much is sent again" },
    { "tcp_settings",    60, 0,                        settings_read,    NULL,             "after how long the kernel gives up" },
    { "tcp_connections", 10, sizeof(struct look),      connections_read, connections_done, "round trips and retransmissions by port, and who talks most" },
};
const size_t sensors_tcp_count = COUNT(sensors_tcp);
