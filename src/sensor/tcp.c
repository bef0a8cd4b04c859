/* sensor/tcp.c - how TCP fares, as far as the host can see: failures by class, retransmissions, and its settings. */
#include "sensor/connections.h"
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

const struct sensor sensors_tcp[] = {
    { "tcp",             0,  sizeof(struct tcp_state), tcp_read,         tcp_done,         "failures of TCP by class, and how much is sent again" },
    { "tcp_settings",    60, 0,                        settings_read,    NULL,             "after how long the kernel gives up" },
    { "tcp_connections", 10, sizeof(struct look *),    connections_read, connections_done, "round trips and retransmissions by port, and who talks most" },
};
const size_t sensors_tcp_count = COUNT(sensors_tcp);
