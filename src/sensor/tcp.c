/* sensor/tcp.c - how TCP fares, as far as the host can see: failures by class, retransmissions, and its settings. */
#include "sensor/connections.h"
#include "sensor/inside.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- failures by class, out of what the kernel counts ---- */

static const struct series_kind failure_kind = { "homeostat_tcp_failures_total", "class", SERIES_COUNTER,
    "What went wrong with TCP, by class: connect (an attempt failed, of ours or of others to us: refused, unreachable or no answer), syn_retransmit, retransmit, rto (a retransmission "
    "timer expired), abort_timeout (given up after all retransmissions or keepalives), abort_data, abort_close (the program closed with data unread), established_reset (an established "
    "connection ended by a reset, from either side), reset_received (about: those of them that we did not abort), embryonic_reset (a half-open one), reset_sent, listen_overflow, "
    "listen_drop, syn_rejected, syncookie_sent, syncookie_failed, rp_filter (packets dropped by the filter of source addresses), memory, retransmit_failed." };
static const struct series_kind keep_kind  = { "homeostat_tcp_keepalive_probes_total", "", SERIES_COUNTER, "Keepalive probes that were sent." };
static const struct series_kind ratio_kind = { "homeostat_tcp_retransmission_ratio", "", SERIES_GAUGE, "Share of the segments sent since the last reading that were sent again." };
static const struct series_kind syn_kind   = { "homeostat_tcp_syn_retransmission_ratio", "", SERIES_GAUGE, "SYNs sent again since the last reading, per attempt to connect or be connected to." };
static const struct series_kind lost_kind  = { "homeostat_tcp_syn_loss_ratio", "", SERIES_GAUGE,
    "Share of the SYNs and answers to SYNs sent since the last reading that were sent again: about what was lost. Absent: none were sent." };
static const struct series_kind fail_kind  = { "homeostat_tcp_connect_failure_ratio", "", SERIES_GAUGE,
    "Failed attempts to connect since the last reading, per attempt that began; about, as one may begin in one reading and fail in another. Absent: none began." };
static const struct series_kind delay_kind = { "homeostat_tcp_retransmission_delay_seconds_total", "", SERIES_COUNTER,
    "Estimate of the time lost by waiting for what was sent again: a time-out for each that ran out, a round trip for each other." };
static const struct series_kind icmp_kind  = { "homeostat_icmp_unreachable_total", "direction", SERIES_COUNTER, "ICMP and ICMPv6 messages that something cannot be reached: received (in) and sent (out)." };

static const struct tcp_class { const char *protocol, *field, *class; } classes[] = {
    { "Tcp", "AttemptFails", "connect" },            { "TcpExt", "TCPSynRetrans", "syn_retransmit" },      { "Tcp", "RetransSegs", "retransmit" },
    { "TcpExt", "TCPTimeouts", "rto" },              { "TcpExt", "TCPAbortOnTimeout", "abort_timeout" },   { "TcpExt", "TCPAbortOnData", "abort_data" },
    { "TcpExt", "TCPAbortOnClose", "abort_close" },  { "Tcp", "EstabResets", "established_reset" },        { "TcpExt", "EmbryonicRsts", "embryonic_reset" },
    { "Tcp", "OutRsts", "reset_sent" },              { "TcpExt", "ListenOverflows", "listen_overflow" },   { "TcpExt", "ListenDrops", "listen_drop" },
    { "TcpExt", "TCPReqQFullDrop", "syn_rejected" }, { "TcpExt", "SyncookiesSent", "syncookie_sent" },     { "TcpExt", "SyncookiesFailed", "syncookie_failed" },
    { "TcpExt", "IPReversePathFilter", "rp_filter" }, { "TcpExt", "TCPAbortOnMemory", "memory" },          { "TcpExt", "TCPRetransFail", "retransmit_failed" },
};

struct tcp_counts { double sent, resent, active, passive, syns, fails, embryonic, timeouts; };
struct tcp_state { struct kept snmp, netstat, snmp6; bool again; struct tcp_counts before; double resets, delay_s; };

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

static double value_of(const double *v, const char *class)
{
    for (size_t i = 0; i < COUNT(classes); i++)
        if (strcmp(classes[i].class, class) == 0)
            return v[i];
    return NAN;
}

static double part(double some, double all) { return all > 0 && some >= 0 ? some / all : 0; }

/* Since the reading before; 0 where the kernel does not count it, or began anew. */
static double since(double now, double before) { return now > before ? now - before : 0; }

/*
 * EstabResets counts every end of an established connection by a reset, also those that we sent. What the kernel aborted by itself is counted
 * apart, so the rest is about what came from the other side. The counters are not read at one moment, so it is held up where it would go back.
 */
static void tell_resets(struct turn *u, struct tcp_state *st, const double *v)
{
    static const char *const ours[] = { "abort_data", "abort_close", "abort_timeout", "memory" };
    double                   received = value_of(v, "established_reset");
    for (size_t i = 0; i < COUNT(ours); i++)
        received -= value_of(v, ours[i]);
    if (isnan(received))
        return;
    st->resets = fmax(st->resets, received);
    put_1(u, &failure_kind, SLICE("reset_received"), st->resets);
}

static void tell_ratios(struct turn *u, struct tcp_state *st, const struct tcp_counts *now)
{
    const struct tcp_counts *b = &st->before;
    double opens = since(now->active, b->active) + since(now->passive, b->passive), syns = since(now->syns, b->syns), timeouts = since(now->timeouts, b->timeouts), resent = since(now->resent, b->resent);
    if (!isnan(now->sent) && !isnan(now->resent))
        put(u, &ratio_kind, part(resent, since(now->sent, b->sent)));
    if (!isnan(now->syns) && !isnan(now->active))
        put(u, &syn_kind, part(syns, opens));
    if (!isnan(now->syns) && opens + syns > 0)
        put(u, &lost_kind, syns / (opens + syns));
    if (!isnan(now->fails) && now->active > b->active)       /* of what failed, what others began and reset is none of ours */
        put(u, &fail_kind, fmax(0, since(now->fails, b->fails) - since(now->embryonic, b->embryonic)) / (now->active - b->active));
    st->delay_s += timeouts * u->tcp_rto_s + fmax(0, resent - timeouts) * u->tcp_rtt_s;
}

static void tell_icmp(struct turn *u, struct tcp_state *st, double in, double out)
{
    struct slice text, line;
    enum sensed  six = kept_read(u, &st->snmp6, "/proc/net/snmp6", &text);
    if (six == FAILED)                       /* half a sum would be a counter that goes back */
        return;
    if (six == SENSED)
        for (struct scan all = scan_of(text); scan_line(&all, &line);) {
            struct scan  s    = scan_of(line);
            struct slice name = scan_word(&s);
            if (slice_is(name, "Icmp6InDestUnreachs"))
                in += (double)scan_or_0(&s);
            else if (slice_is(name, "Icmp6OutDestUnreachs"))
                out += (double)scan_or_0(&s);
        }
    if (!isnan(in))
        put_1(u, &icmp_kind, SLICE("in"), in);
    if (!isnan(out))
        put_1(u, &icmp_kind, SLICE("out"), out);
}

static enum sensed tcp_read(struct turn *u, void *state)
{
    struct tcp_state *st = state;
    struct slice      text;
    enum sensed       is = kept_read(u, &st->snmp, "/proc/net/snmp", &text);
    if (is != SENSED)
        return is;
    struct tcp_counts now = { field(text, "Tcp", "OutSegs"), field(text, "Tcp", "RetransSegs"), field(text, "Tcp", "ActiveOpens"), field(text, "Tcp", "PassiveOpens"), NAN,
        field(text, "Tcp", "AttemptFails"), NAN, NAN };
    double in = field(text, "Icmp", "InDestUnreachs"), out = field(text, "Icmp", "OutDestUnreachs"), v[COUNT(classes)];
    for (size_t i = 0; i < COUNT(classes); i++)
        v[i] = strcmp(classes[i].protocol, "Tcp") == 0 ? field(text, "Tcp", classes[i].field) : NAN;
    if (kept_read(u, &st->netstat, "/proc/net/netstat", &text) == SENSED) {
        for (size_t i = 0; i < COUNT(classes); i++)
            if (strcmp(classes[i].protocol, "TcpExt") == 0)
                v[i] = field(text, "TcpExt", classes[i].field);
        double keepalives = field(text, "TcpExt", "TCPKeepAlive");
        if (!isnan(keepalives))
            put(u, &keep_kind, keepalives);
    }
    now.syns      = value_of(v, "syn_retransmit");
    now.embryonic = value_of(v, "embryonic_reset");
    now.timeouts  = value_of(v, "rto");
    for (size_t i = 0; i < COUNT(classes); i++)
        if (!isnan(v[i]))
            put_1(u, &failure_kind, slice_of(classes[i].class), v[i]);
    tell_resets(u, st, v);
    if (st->again)
        tell_ratios(u, st, &now);
    put(u, &delay_kind, st->delay_s);
    tell_icmp(u, st, in, out);
    st->again  = true;
    st->before = now;
    return SENSED;
}

static void tcp_done(void *state)
{
    struct tcp_state *st = state;
    kept_done(&st->snmp);
    kept_done(&st->netstat);
    kept_done(&st->snmp6);
}

/* ---- the host's settings: what a time-out means here ---- */

static const struct series_kind setting_kind = { "homeostat_tcp_setting", "name", SERIES_GAUGE, "A setting of the kernel by which connections are given up or forgotten, in its own unit." };
static const struct series_kind total_kind   = { "homeostat_tcp_give_up_seconds", "what", SERIES_GAUGE,
    "What a time-out means here. Until the kernel gives up: connect (no answer to SYNs), synack (none to our answers), data (no ACK, at the shortest time-out), orphan (the same, of what "
    "no program has open any more), keepalive (an idle peer that is gone). And the times it begins with: initial_rto, rto_min, rto_max." };
static const struct series_kind nat_kind     = { "homeostat_conntrack_shorter_than_keepalive", "", SERIES_GAUGE,
    "1: connection tracking on this host forgets an idle connection before its first keepalive." };

enum setting { SYN_RETRIES, SYNACK_RETRIES, RETRIES1, RETRIES2, ORPHAN_RETRIES, KEEPALIVE_TIME, KEEPALIVE_INTVL, KEEPALIVE_PROBES, FIN_TIMEOUT, SYN_BACKLOG, SYNCOOKIES, LINEAR, RTO_MIN_US, RTO_MAX_MS,
    TRACK_ESTABLISHED, TRACK_SYN_SENT, TRACK_SYN_RECV, TRACK_FIN_WAIT, TRACK_CLOSE_WAIT, TRACK_LAST_ACK, TRACK_TIME_WAIT, TRACK_UNACKNOWLEDGED, SETTINGS };
#define TRACK "nf_conntrack_tcp_timeout_"
static const char *const setting_names[SETTINGS] = { "tcp_syn_retries", "tcp_synack_retries", "tcp_retries1", "tcp_retries2", "tcp_orphan_retries", "tcp_keepalive_time", "tcp_keepalive_intvl",
    "tcp_keepalive_probes", "tcp_fin_timeout", "tcp_max_syn_backlog", "tcp_syncookies", "tcp_syn_linear_timeouts", "tcp_rto_min_us", "tcp_rto_max_ms",
    TRACK "established", TRACK "syn_sent", TRACK "syn_recv", TRACK "fin_wait", TRACK "close_wait", TRACK "last_ack", TRACK "time_wait", TRACK "unacknowledged" };

enum { INITIAL_RTO_S = 1 };     /* RFC 6298, and the kernel's TCP_TIMEOUT_INIT */

/* How long it takes until `retries` repetitions have had no answer, each twice as long as the one before. */
static double doubling(double retries, double first, double most)
{
    double total = 0, wait = first;
    for (double i = 0; i <= retries && i < 256; i++, wait = fmin(2 * wait, most))
        total += wait;
    return total;
}

static void tell_give_up(struct turn *u, const double *v)
{
    double most = isnan(v[RTO_MAX_MS]) ? 120 : v[RTO_MAX_MS] / 1000, least = isnan(v[RTO_MIN_US]) ? 0.2 : v[RTO_MIN_US] / 1e6, linear = isnan(v[LINEAR]) ? 0 : v[LINEAR];
    /* newer kernels repeat a SYN some times at the first pace of a second, and only then begin to count and to double */
    if (!isnan(v[SYN_RETRIES]))
        put_1(u, &total_kind, SLICE("connect"), linear + doubling(v[SYN_RETRIES], INITIAL_RTO_S, most));
    if (!isnan(v[SYNACK_RETRIES]))
        put_1(u, &total_kind, SLICE("synack"), doubling(v[SYNACK_RETRIES], INITIAL_RTO_S, most));
    if (!isnan(v[RETRIES2]))
        put_1(u, &total_kind, SLICE("data"), doubling(v[RETRIES2], least, most));
    if (!isnan(v[ORPHAN_RETRIES]))      /* 0 stands for 8 */
        put_1(u, &total_kind, SLICE("orphan"), doubling(v[ORPHAN_RETRIES] > 0 ? v[ORPHAN_RETRIES] : 8, least, most));
    if (!isnan(v[KEEPALIVE_TIME]) && !isnan(v[KEEPALIVE_INTVL]) && !isnan(v[KEEPALIVE_PROBES]))
        put_1(u, &total_kind, SLICE("keepalive"), v[KEEPALIVE_TIME] + v[KEEPALIVE_INTVL] * v[KEEPALIVE_PROBES]);
    put_1(u, &total_kind, SLICE("initial_rto"), INITIAL_RTO_S);
    put_1(u, &total_kind, SLICE("rto_min"), least);
    put_1(u, &total_kind, SLICE("rto_max"), most);
}

static enum sensed settings_read(struct turn *u, void *state)
{
    double v[SETTINGS];
    bool   any = false;
    (void)state;
    for (size_t i = 0; i < SETTINGS; i++) {
        char         path[96];
        struct slice text;
        snprintf(path, sizeof path, "/proc/sys/net/%s/%s", i < TRACK_ESTABLISHED ? "ipv4" : "netfilter", setting_names[i]);
        v[i] = file_once(u, path, &text) == SENSED ? slice_number(text) : NAN;
        if (!isnan(v[i])) {
            put_1(u, &setting_kind, slice_of(setting_names[i]), v[i]);
            any = true;
        }
    }
    if (!any)
        return HERE_NOT;
    tell_give_up(u, v);
    if (!isnan(v[TRACK_ESTABLISHED]) && !isnan(v[KEEPALIVE_TIME]))
        put(u, &nat_kind, v[TRACK_ESTABLISHED] < v[KEEPALIVE_TIME]);
    return SENSED;
}

const struct sensor sensors_tcp[] = {
    { "tcp",             0,  sizeof(struct tcp_state), tcp_read,         tcp_done,         "failures of TCP by class, and how much is sent again" },
    { "tcp_settings",    60, 0,                        settings_read,    NULL,             "after how long the kernel gives up" },
    { "tcp_connections", 10, sizeof(struct look *),    connections_read, connections_done, "round trips and retransmissions by port, and who talks most" },
};
const size_t sensors_tcp_count = COUNT(sensors_tcp);
