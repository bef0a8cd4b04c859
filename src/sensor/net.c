/* sensor/net.c - traffic of the interfaces with bursts, and what the protocols have counted. */
#include "sensor/inside.h"

#include <stdio.h>
#include <unistd.h>

static void one_file_done(void *state) { kept_done(state); }

/* ---- interfaces ---- */

#define RX(name, what) { "node_network_receive_" name "_total", "device", SERIES_COUNTER, "Network device statistic receive_" what "." }
#define TX(name, what) { "node_network_transmit_" name "_total", "device", SERIES_COUNTER, "Network device statistic transmit_" what "." }
static const struct series_kind dev_kinds[16] = {
    RX("bytes", "bytes"), RX("packets", "packets"), RX("errs", "errs"), RX("drop", "drop"), RX("fifo", "fifo"), RX("frame", "frame"),
    RX("compressed", "compressed"), RX("multicast", "multicast"),
    TX("bytes", "bytes"), TX("packets", "packets"), TX("errs", "errs"), TX("drop", "drop"), TX("fifo", "fifo"), TX("colls", "colls"),
    TX("carrier", "carrier"), TX("compressed", "compressed"),
};

static const struct series_kind burst_kind = { "homeostat_net_burst", "device direction", SERIES_GAUGE,
    "1 while the traffic of an interface is more than four deviations, and twice, above its moving mean." };
static const struct series_kind mean_kind = { "homeostat_net_baseline_bytes_per_second", "device direction", SERIES_GAUGE,
    "Moving mean of the traffic of an interface, over about ten minutes; bursts are left out of it." };

static const struct series_kind use_kind = { "homeostat_net_utilization_ratio", "device direction", SERIES_GAUGE,
    "Traffic of an interface since the last reading, as a share of its speed. Absent: it does not tell its speed, as those without a wire do." };
static const struct series_kind no_room_kind = { "homeostat_net_baselines_refused_total", "", SERIES_COUNTER, "Readings of interfaces without a baseline, because there are too many interfaces." };

/*
 * Bursts. Mean and deviation move with a time constant of ten minutes. What is a burst moves them thirty times more slowly, so that it does not
 * become the rule by itself, but a new level is one after a while. Nothing is said before a minute and ten readings have been seen.
 */
enum { DEVICES_MAX = 128, BURST_TAU_S = 600, BURST_LEARN_S = 60, BURST_LEARN = 10, BURST_FLOOR = 125000 /* bytes a second: below a Mbit/s nothing is a burst */ };

#define DEVICE_UNUSED_US (600 * US_PER_S)     /* one that was not seen for so long gives its place to another when there is no room */

enum { SPEED_EVERY_S = 60 };                  /* to ask for it takes a lock of the kernel's that all settings of the network share */

struct baseline { double last, rate, mean, square, seconds; unsigned readings; bool burst; };
struct device { uint64_t hash; char name[16]; int64_t at_us, speed_at_us; double speed /* bytes a second; 0: not known */; struct baseline way[2]; };
struct dev_state { struct kept file; struct filter out; struct device device[DEVICES_MAX]; size_t count; uint64_t refused; };

static void baseline_see(struct baseline *b, double bytes, double dt)
{
    double rate = bytes >= b->last ? (bytes - b->last) / dt : 0, off = rate - b->mean;
    b->last     = bytes;
    b->rate     = rate;
    b->burst    = b->readings >= BURST_LEARN && b->seconds >= BURST_LEARN_S && rate > BURST_FLOOR && rate > 2 * b->mean && off > 4 * sqrt(b->square);
    double tau  = b->seconds < BURST_TAU_S ? b->seconds + dt : BURST_TAU_S, part = dt / (b->burst ? 30 * tau : tau);
    part        = part > 1 ? 1 : part;
    b->mean    += part * off;
    b->square   = (1 - part) * (b->square + part * off * off);
    b->seconds += dt;
    b->readings++;
}

/* A place for one that is new; NULL: all are in use. */
static struct device *device_place(struct dev_state *st, int64_t now_us)
{
    struct device *oldest = NULL;
    if (st->count < DEVICES_MAX)
        return &st->device[st->count++];
    for (size_t i = 0; i < st->count; i++)
        if (now_us - st->device[i].at_us >= DEVICE_UNUSED_US && (!oldest || st->device[i].at_us < oldest->at_us))
            oldest = &st->device[i];
    return oldest;
}

/* Reads into the turn's buffer, so it comes when /proc/net/dev is done with; the next reading has the speed. */
static void learn_speeds(struct turn *u, struct dev_state *st)
{
    for (size_t i = 0; i < st->count; i++) {
        struct device *d = &st->device[i];
        char           path[64];
        struct slice   text;
        if (d->at_us != u->mono_us || (d->speed_at_us && u->mono_us - d->speed_at_us < SPEED_EVERY_S * US_PER_S))
            continue;
        snprintf(path, sizeof path, "/sys/class/net/%s/speed", d->name);
        double mbit    = file_once(u, path, &text) == SENSED ? slice_number(text) : NAN;
        d->speed_at_us = u->mono_us;
        d->speed       = mbit > 0 && mbit < 4e6 ? mbit * 125000 : 0;     /* -1, or 4294967295 of some kernels, is nothing */
    }
}

static void burst(struct turn *u, struct dev_state *st, struct slice name, double rx, double tx)
{
    static const struct slice words[] = { { "receive", 7 }, { "transmit", 8 } };
    uint64_t       h = slice_hash(name);
    struct device *d = NULL;
    for (size_t i = 0; i < st->count && !d; i++)
        if (st->device[i].hash == h)
            d = &st->device[i];
    double v[] = { rx, tx };
    if (!d) {
        if (!(d = device_place(st, u->mono_us))) {
            st->refused++;
            return;
        }
        *d = (struct device){ .hash = h, .at_us = u->mono_us, .way = { { .last = rx }, { .last = tx } } };
        memcpy(d->name, name.s, name.n < sizeof d->name ? name.n : sizeof d->name - 1);
    }
    double dt = (double)(u->mono_us - d->at_us) / 1e6;
    for (size_t i = 0; i < 2; i++) {
        if (dt > 0)
            baseline_see(&d->way[i], v[i], dt);
        put_2(u, &burst_kind, name, words[i], d->way[i].burst);
        put_2(u, &mean_kind, name, words[i], d->way[i].mean);
        if (dt > 0 && d->speed > 0)
            put_2(u, &use_kind, name, words[i], d->way[i].rate / d->speed);
    }
    d->at_us = u->mono_us;
}

static enum sensed dev_read(struct turn *u, void *state)
{
    struct dev_state *st = state;
    struct slice      text, line;
    enum sensed       is = kept_read(u, &st->file, "/proc/net/dev", &text);
    if (is != SENSED)
        return is;
    for (struct scan all = scan_of(text); scan_line(&all, &line);) {
        const char *colon = memrchr(line.s, ':', line.n);       /* an alias has one in its name */
        if (!colon)
            continue;
        struct slice name = slice_trim((struct slice){ line.s, (size_t)(colon - line.s) });
        if (!filter_keeps(&st->out, u->conf->interfaces_exclude, name))
            continue;
        struct scan s = { colon + 1, line.s + line.n };
        uint64_t    v[COUNT(dev_kinds)] = { 0 };
        size_t      n = 0;
        while (n < COUNT(v) && scan_u64(&s, &v[n]))
            n++;
        for (size_t i = 0; i < n; i++)
            put_1(u, &dev_kinds[i], name, (double)v[i]);
        if (n == COUNT(v))
            burst(u, st, name, (double)v[0], (double)v[8]);
    }
    put(u, &no_room_kind, (double)st->refused);
    learn_speeds(u, st);
    return SENSED;
}

static void dev_done(void *state)
{
    struct dev_state *st = state;
    kept_done(&st->file);
    filter_done(&st->out);
}

/* ---- what the protocols have counted ---- */

static const struct series_kind netstat_kind = { "node_netstat_*", "", SERIES_UNTYPED, "Statistic *." };
static const char netstat_wants[] = "^(.*_(InErrors|InErrs)|Ip_Forwarding|Ip(6|Ext)_(InOctets|OutOctets)|Icmp6?_(InMsgs|OutMsgs)|"
    "TcpExt_(Listen.*|Syncookies.*|TCPSynRetrans|TCPTimeouts)|Tcp_(ActiveOpens|InSegs|OutSegs|OutRsts|PassiveOpens|RetransSegs|CurrEstab)|"
    "Udp6?_(InDatagrams|OutDatagrams|NoPorts|RcvbufErrors|SndbufErrors))$";

struct netstat_state { struct kept file[3]; struct filter in; };

static void netstat_put(struct turn *u, struct netstat_state *st, struct slice protocol, struct slice field, struct slice value)
{
    char name[100];
    int  n = snprintf(name, sizeof name, "%.*s_%.*s", (int)protocol.n, protocol.s, (int)field.n, field.s);
    if (n > 0 && (size_t)n < sizeof name && filter_matches(&st->in, netstat_wants, (struct slice){ name, (size_t)n }))
        put_word(u, &netstat_kind, (struct slice){ name, (size_t)n }, slice_number(value));
}

/* Pairs of lines: "Tcp: names", "Tcp: values". */
static void netstat_pairs(struct turn *u, struct netstat_state *st, struct slice text)
{
    struct slice names, values;
    for (struct scan all = scan_of(text); scan_line(&all, &names) && scan_line(&all, &values);) {
        struct scan  n = scan_of(names), v = scan_of(values);
        struct slice protocol = scan_word(&n), field;
        if (!protocol.n || !slice_same(protocol, scan_word(&v)))
            return;
        protocol.n--;
        while ((field = scan_word(&n)).n)
            netstat_put(u, st, protocol, field, scan_word(&v));
    }
}

/* Lines "Ip6InReceives  12": the protocol ends with the 6. */
static void netstat_lines(struct turn *u, struct netstat_state *st, struct slice text)
{
    struct slice line;
    for (struct scan all = scan_of(text); scan_line(&all, &line);) {
        struct scan  s    = scan_of(line);
        struct slice word = scan_word(&s);
        const char  *six  = memchr(word.s, '6', word.n);
        if (!six)
            continue;
        size_t n = (size_t)(six + 1 - word.s);
        netstat_put(u, st, (struct slice){ word.s, n }, (struct slice){ word.s + n, word.n - n }, scan_word(&s));
    }
}

static enum sensed netstat_read(struct turn *u, void *state)
{
    static const char *const paths[] = { "/proc/net/netstat", "/proc/net/snmp", "/proc/net/snmp6" };
    struct netstat_state    *st  = state;
    bool                     any = false;
    for (size_t i = 0; i < COUNT(paths); i++) {
        struct slice text;
        enum sensed  is = kept_read(u, &st->file[i], paths[i], &text);
        if (is == FAILED)
            return is;
        if (is == HERE_NOT)
            continue;
        any = true;
        i == 2 ? netstat_lines(u, st, text) : netstat_pairs(u, st, text);
    }
    return any ? SENSED : HERE_NOT;
}

static void netstat_done(void *state)
{
    struct netstat_state *st = state;
    for (size_t i = 0; i < COUNT(st->file); i++)
        kept_done(&st->file[i]);
    filter_done(&st->in);
}

/* ---- sockets ---- */

static const struct series_kind sock_kind = { "node_sockstat_*", "", SERIES_GAUGE, "Number of sockets in state *." };

struct sock_state { struct kept file[2]; };

static void sock_put(struct turn *u, struct slice protocol, struct slice field, const char *end, double v)
{
    char name[64];
    int  n = snprintf(name, sizeof name, "%.*s_%.*s%s", (int)protocol.n, protocol.s, (int)field.n, field.s, end);
    if (n > 0 && (size_t)n < sizeof name)
        put_word(u, &sock_kind, (struct slice){ name, (size_t)n }, v);
}

static enum sensed sock_read(struct turn *u, void *state)
{
    static const char *const paths[] = { "/proc/net/sockstat", "/proc/net/sockstat6" };
    struct sock_state       *st  = state;
    bool                     any = false;
    for (size_t i = 0; i < COUNT(paths); i++) {
        struct slice text, line;
        enum sensed  is = kept_read(u, &st->file[i], paths[i], &text);
        if (is == FAILED)
            return is;
        for (struct scan all = scan_of(text); is == SENSED && scan_line(&all, &line);) {
            struct scan  s        = scan_of(line);
            struct slice protocol = scan_word(&s), field;
            uint64_t     v;
            if (!protocol.n)
                continue;
            any = true;
            protocol.n--;
            while ((field = scan_word(&s)).n && scan_u64(&s, &v)) {
                sock_put(u, protocol, field, "", (double)v);
                if (slice_is(field, "mem"))
                    sock_put(u, protocol, field, "_bytes", (double)v * (double)sysconf(_SC_PAGESIZE));
            }
        }
    }
    return any ? SENSED : HERE_NOT;
}

static void sock_done(void *state)
{
    struct sock_state *st = state;
    kept_done(&st->file[0]);
    kept_done(&st->file[1]);
}

/* ---- neighbours ---- */

static const struct series_kind arp_kind = { "node_arp_entries", "device", SERIES_GAUGE, "ARP entries by device" };

enum { ARP_DEVICES_MAX = 512 };

static enum sensed arp_read(struct turn *u, void *state)
{
    struct slice text, line, device[ARP_DEVICES_MAX];
    double       entries[ARP_DEVICES_MAX];
    size_t       count = 0;
    enum sensed  is    = kept_read(u, state, "/proc/net/arp", &text);
    if (is != SENSED)
        return is;
    struct scan all = scan_of(text);
    (void)scan_line(&all, &line);
    while (scan_line(&all, &line)) {
        struct scan s = scan_of(line);
        for (int i = 0; i < 5; i++)
            (void)scan_word(&s);
        struct slice name = scan_word(&s);
        size_t       at   = 0;
        while (at < count && !slice_same(device[at], name))
            at++;
        u->left_out += name.n && at == ARP_DEVICES_MAX;
        if (!name.n || at == ARP_DEVICES_MAX)
            continue;
        if (at == count) {
            device[count]    = name;
            entries[count++] = 0;
        }
        entries[at]++;
    }
    for (size_t i = 0; i < count; i++)
        put_1(u, &arp_kind, device[i], entries[i]);
    return SENSED;
}

/* ---- what waits in UDP sockets ---- */

static const struct series_kind udp_kind = { "node_udp_queues", "ip queue", SERIES_GAUGE, "Number of allocated memory in the kernel for UDP datagrams in bytes." };

static double hexadecimal(const char **p, const char *end)
{
    double v = 0;
    for (; *p < end; ++*p) {
        char c = **p;
        int  d = c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
        if (d < 0)
            break;
        v = 16 * v + d;
    }
    return v;
}

static enum sensed udp_read(struct turn *u, void *state)
{
    static const char *const  paths[] = { "/proc/net/udp", "/proc/net/udp6" };
    static const struct slice words[] = { { "v4", 2 }, { "v6", 2 } };
    struct sock_state        *st      = state;
    bool                      any     = false;
    for (size_t i = 0; i < COUNT(paths); i++) {
        struct slice text, line;
        double       tx = 0, rx = 0;
        enum sensed  is = kept_read(u, &st->file[i], paths[i], &text);
        if (is == FAILED)
            return is;
        if (is == HERE_NOT)
            continue;
        any             = true;
        struct scan all = scan_of(text);
        (void)scan_line(&all, &line);
        while (scan_line(&all, &line)) {
            struct scan s = scan_of(line);
            for (int j = 0; j < 4; j++)
                (void)scan_word(&s);
            struct slice queues = scan_word(&s);
            const char  *p = queues.s, *end = queues.s + queues.n;
            tx += hexadecimal(&p, end);
            if (p < end && *p == ':') {
                p++;
                rx += hexadecimal(&p, end);
            }
        }
        put_2(u, &udp_kind, words[i], SLICE("tx"), tx);
        put_2(u, &udp_kind, words[i], SLICE("rx"), rx);
    }
    return any ? SENSED : HERE_NOT;
}

/* ---- connection tracking ---- */

static const struct series_kind entries_kind = { "node_nf_conntrack_entries", "", SERIES_GAUGE, "Number of currently allocated flow entries for connection tracking." };
static const struct series_kind limit_kind   = { "node_nf_conntrack_entries_limit", "", SERIES_GAUGE, "Maximum size of connection tracking table." };
static const struct series_kind track_kind   = { "node_nf_conntrack_stat_*", "", SERIES_GAUGE, "Connection tracking: number of entries, *." };

struct track_state { struct kept count, limit, stat; };

static enum sensed track_read(struct turn *u, void *state)
{
    enum { TRACK_COLUMNS = 24 };
    static const char *const wanted[] = { "found", "invalid", "ignore", "insert", "insert_failed", "drop", "early_drop", "search_restart" };
    struct track_state      *st = state;
    struct slice             text, names, line;
    enum sensed              is = kept_read(u, &st->count, "/proc/sys/net/netfilter/nf_conntrack_count", &text);
    if (is != SENSED)
        return is;
    put(u, &entries_kind, slice_number(text));
    if (kept_read(u, &st->limit, "/proc/sys/net/netfilter/nf_conntrack_max", &text) == SENSED)
        put(u, &limit_kind, slice_number(text));
    if (kept_read(u, &st->stat, "/proc/net/stat/nf_conntrack", &text) != SENSED)
        return SENSED;
    double      sum[TRACK_COLUMNS] = { 0 };
    struct scan all = scan_of(text);
    if (!scan_line(&all, &names))
        return SENSED;
    while (scan_line(&all, &line)) {
        struct scan s = scan_of(line);
        for (size_t i = 0; i < TRACK_COLUMNS; i++) {
            struct slice w = scan_word(&s);
            for (size_t j = 0; j < w.n; j++)
                if (w.s[j] > 'F' && (w.s[j] < 'a' || w.s[j] > 'f'))
                    w.n = 0;
            double v = 0;
            for (size_t j = 0; j < w.n; j++)
                v = 16 * v + (w.s[j] <= '9' ? w.s[j] - '0' : (w.s[j] | 32) - 'a' + 10);
            sum[i] += v;
        }
    }
    struct scan s = scan_of(names);
    for (size_t i = 0; i < TRACK_COLUMNS; i++) {
        struct slice name = scan_word(&s);
        for (size_t j = 0; j < COUNT(wanted); j++)
            if (slice_is(name, wanted[j]) || (j == 2 && slice_is(name, "clashres")))      /* newer kernels count something else in that column; node_exporter's name stays */
                put_word(u, &track_kind, slice_of(wanted[j]), sum[i]);
    }
    return SENSED;
}

static void track_done(void *state)
{
    struct track_state *st = state;
    kept_done(&st->count);
    kept_done(&st->limit);
    kept_done(&st->stat);
}

const struct sensor sensors_net[] = {
    { "netdev",     0, sizeof(struct dev_state),     dev_read,     dev_done,      "bytes, packets, errors and drops of each interface; its usual traffic, and bursts" },
    { "netstat",    0, sizeof(struct netstat_state), netstat_read, netstat_done,  "what IP, TCP, UDP and ICMP have counted" },
    { "sockstat",   0, sizeof(struct sock_state),    sock_read,    sock_done,     "sockets in use and their memory" },
    { "arp",        0, sizeof(struct kept),          arp_read,     one_file_done, "neighbours by interface" },
    { "udp_queues", 0, sizeof(struct sock_state),    udp_read,     sock_done,     "bytes that wait in UDP sockets" },
    { "conntrack",  0, sizeof(struct track_state),   track_read,   track_done,    "connections that the firewall keeps track of" },
};
const size_t sensors_net_count = COUNT(sensors_net);
