/* sensor/ports.c - see ports.h. */
#include "sensor/ports.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

/* ---- which are allowed ---- */

static bool port_number(const char **p, uint16_t *out)
{
    char *end;
    long  n = **p >= '0' && **p <= '9' ? strtol(*p, &end, 10) : 0;
    if (n < 1 || n > 65535)
        return false;
    *p   = end;
    *out = (uint16_t)n;
    return true;
}

static bool address_parse(const char *text, size_t n, struct diag_address *out)
{
    char copy[DIAG_ADDRESS_SIZE];
    bool brackets = n > 2 && text[0] == '[' && text[n - 1] == ']';
    if (brackets)
        text++, n -= 2;
    if (n >= sizeof copy)
        return false;
    memcpy(copy, text, n);
    copy[n] = 0;
    *out    = (struct diag_address){ .family = brackets ? AF_INET6 : AF_INET };
    return inet_pton(out->family, copy, out->bytes) == 1;
}

enum err port_rule_parse(const char *text, struct port_rule *out, struct fault *fault)
{
    const char *colon = strrchr(text, ':'), *p = colon ? colon + 1 : text;
    *out    = (struct port_rule){ .from = 0 };
    bool ok = (!colon || address_parse(text, (size_t)(colon - text), &out->address)) && port_number(&p, &out->from);
    out->to = out->from;
    if (ok && *p == '-') {
        p++;
        ok = port_number(&p, &out->to) && out->to >= out->from;
    }
    return ok && !*p ? OK : fail(fault, ERR_INPUT, "%.60s is no port (443), range of ports (8000-8099) or address with a port (10.0.0.9:5432, [::1]:5432)", text);
}

bool port_rules_allow(const struct port_rules *r, const struct diag_address *a, uint16_t port)
{
    for (size_t i = 0; i < r->count; i++)
        if (port >= r->rule[i].from && port <= r->rule[i].to && (!r->rule[i].address.family || memcmp(&r->rule[i].address, a, sizeof *a) == 0))
            return true;
    return r->count == 0;
}

/* ---- a look ---- */

void ports_begin(struct ports *p)
{
    p->look++;
    p->said = 0;
    for (size_t i = 0; i <= PORTS_MAX; i++)
        memset(&p->port[i].now, 0, sizeof p->port[i].now);
    memset(&p->listening, 0, sizeof p->listening);
    memset(p->forbidden, 0, sizeof p->forbidden);
}

static void forbid(struct turn *u, struct ports *p, bool out, const struct diag_address *a, uint16_t port)
{
    char address[DIAG_ADDRESS_SIZE], text[120];
    port_add(&p->forbidden[out], port);
    if (port_in(&p->announced[out], port))
        return;
    port_add(&p->announced[out], port);
    if (p->said++ >= PORTS_SAY_MAX)
        return;
    snprintf(text, sizeof text, out ? "a connection to port %u of %s, which sensors.tcp.peers_allowed does not name" : "port %u of %s is listened on, which sensors.tcp.listen_allowed does not name",
             port, diag_address_text(a, address));
    say(u, text);
}

void ports_listener(struct turn *u, struct ports *p, const struct diag_connection *c)
{
    port_add(&p->listening, c->local_port);
    if (!port_rules_allow(u->listen_allowed, &c->local, c->local_port))
        forbid(u, p, false, &c->local, c->local_port);
}

static struct port *find(struct ports *p, uint16_t number, bool out)
{
    for (size_t i = 0; i < p->count; i++)
        if (p->port[i].number == number && p->port[i].out == out)
            return &p->port[i];
    return NULL;
}

void ports_use(struct ports *p, uint16_t number, bool out)
{
    struct port *one = find(p, number, out);
    if (one)
        one->looked = p->look;
}

struct port *ports_find(struct ports *p, uint16_t number, bool out)
{
    struct port *one = find(p, number, out), *idle = NULL;
    if (one)
        return one;
    for (size_t i = 0; p->count == PORTS_MAX && i < PORTS_MAX; i++)
        if (p->port[i].looked != p->look && (!idle || p->port[i].looked < idle->looked))
            idle = &p->port[i];
    if (p->count == PORTS_MAX && !idle) {
        p->others = true;
        return &p->port[PORTS_MAX];
    }
    one  = idle ? idle : &p->port[p->count++];
    *one = (struct port){ .number = number, .out = out, .looked = p->look };
    return one;
}

bool port_connect_is_slow(const struct diag_connection *c)
{
    uint32_t rto_ms = c->state == DIAG_SYN_SENT ? c->rto_us / 1000 : 1000;      /* an answer to a SYN is sent again after a second */
    if (c->state != DIAG_SYN_SENT && c->state != DIAG_SYN_RECV)
        return false;
    return c->timer_retries > 0 || c->retransmits > 0 || (c->timer == DIAG_TIMER_RETRANSMIT && rto_ms > c->expires_ms && rto_ms - c->expires_ms > PORT_NO_ACK_MS);
}

/* The last ACK of an idle connection is old as well: only when data has waited for as long, too, is there silence. */
static bool is_silent(const struct diag_connection *c)
{
    return c->state == DIAG_ESTABLISHED && c->unacked > 0 && c->since_ack_ms > PORT_NO_ACK_MS && (c->since_sent_ms > PORT_NO_ACK_MS || c->retries > 0);
}

void ports_see(struct turn *u, struct ports *p, struct port *one, const struct diag_connection *c, bool out)
{
    one->now.connecting   += c->state == DIAG_SYN_SENT;
    one->now.half_open    += c->state == DIAG_SYN_RECV;
    one->now.connect_slow += port_connect_is_slow(c);
    one->now.silent       += is_silent(c);
    if (c->state == DIAG_ESTABLISHED) {
        one->now.open++;
        if (c->rtt_us) {
            one->now.measured++;
            one->now.rtt_us     += c->rtt_us;
            one->now.rttvar_us  += c->rttvar_us;
            one->now.rtt_most_us = c->rtt_us > one->now.rtt_most_us ? c->rtt_us : one->now.rtt_most_us;
        }
    }
    if (out && !diag_address_is_loopback(&c->remote) && !port_rules_allow(u->peers_allowed, &c->remote, c->remote_port))
        forbid(u, p, true, &c->remote, c->remote_port);
}

/* ---- telling ---- */

#define BY_PORT "direction port"
static const struct series_kind open_kind    = { "homeostat_tcp_connections", BY_PORT, SERIES_GAUGE, "Established connections, by the port of the side that serves; in: this host listens there." };
static const struct series_kind rtt_kind     = { "homeostat_tcp_rtt_seconds", BY_PORT, SERIES_GAUGE, "Mean of the smoothed round trips of the connections." };
static const struct series_kind most_kind    = { "homeostat_tcp_rtt_max_seconds", BY_PORT, SERIES_GAUGE, "The largest of the smoothed round trips." };
static const struct series_kind jitter_kind  = { "homeostat_tcp_jitter_seconds", BY_PORT, SERIES_GAUGE, "Mean of the deviations of the round trips, as the kernel keeps them for its time-outs." };
static const struct series_kind again_kind   = { "homeostat_tcp_retransmits_total", BY_PORT, SERIES_COUNTER, "Segments sent again." };
static const struct series_kind bytes_kind   = { "homeostat_tcp_bytes_total", BY_PORT, SERIES_COUNTER, "Bytes acknowledged and received." };
static const struct series_kind connect_kind = { "homeostat_tcp_connecting", BY_PORT, SERIES_GAUGE, "Connections that wait for the answer to their SYN." };
static const struct series_kind slow_kind    = { "homeostat_tcp_no_ack_300ms", "direction phase port", SERIES_GAUGE,
    "Connections that have waited for an ACK for more than 300 ms: phase connect, for the answer to a SYN (out) or to our answer to one (in); phase transfer, with data under way." };
static const struct series_kind quiet_kind   = { "homeostat_tcp_silent_ports", "", SERIES_GAUGE,
    "Remote ports where attempts to connect get no answer and no connection stands: perhaps a firewall drops them, perhaps the host is gone; from here these look the same." };
static const struct series_kind listen_kind  = { "homeostat_net_listening", "port", SERIES_GAUGE, "1: this host listens on the TCP port; `other`: on so many more." };
static const struct series_kind forbid_kind  = { "homeostat_net_forbidden", BY_PORT, SERIES_GAUGE,
    "1: the port is listened on, or connected to (out), and the settings sensors.tcp.listen_allowed and peers_allowed do not name it; `other`: so many more." };

static void tell_port(struct turn *u, const struct port *one, bool other)
{
    char         number[16];
    int          n = snprintf(number, sizeof number, "%u", one->number);
    struct slice p = other ? SLICE("other") : (struct slice){ number, (size_t)n }, direction = other ? SLICE("any") : one->out ? SLICE("out") : SLICE("in");
    put_2(u, &open_kind, direction, p, one->now.open);
    put_2(u, &again_kind, direction, p, (double)one->retransmits);
    put_2(u, &bytes_kind, direction, p, (double)one->bytes);
    put_2(u, &connect_kind, direction, p, one->now.connecting);
    series_put(u->t, &slow_kind, SLICE(""), (struct slice[]){ direction, SLICE("connect"), p }, one->now.connect_slow);
    series_put(u->t, &slow_kind, SLICE(""), (struct slice[]){ direction, SLICE("transfer"), p }, one->now.silent);
    if (one->now.measured) {
        put_2(u, &rtt_kind, direction, p, one->now.rtt_us / one->now.measured / 1e6);
        put_2(u, &most_kind, direction, p, one->now.rtt_most_us / 1e6);
        put_2(u, &jitter_kind, direction, p, one->now.rttvar_us / one->now.measured / 1e6);
    }
}

/* The lowest by their numbers, of the others how many they are. direction may be empty: no such label. */
static void tell_set(struct turn *u, const struct series_kind *kind, struct slice direction, const struct port_set *s)
{
    unsigned told = 0, others = 0;
    for (unsigned port = 0; port < 65536; port++) {
        if (port % 64 == 0 && !s->bits[port / 64]) {
            port += 63;
            continue;
        }
        if (!port_in(s, (uint16_t)port) || (told == PORTS_MAX && ++others))
            continue;
        char number[16];
        int  n = snprintf(number, sizeof number, "%u", port);
        told++;
        direction.n ? put_2(u, kind, direction, (struct slice){ number, (size_t)n }, 1) : put_1(u, kind, (struct slice){ number, (size_t)n }, 1);
    }
    if (others)
        direction.n ? put_2(u, kind, direction, SLICE("other"), others) : put_1(u, kind, SLICE("other"), others);
}

void ports_tell(struct turn *u, struct ports *p)
{
    unsigned quiet = 0;
    char     more[100];
    if (p->said > PORTS_SAY_MAX) {
        snprintf(more, sizeof more, "%u more ports that are not allowed; homeostat_net_forbidden counts them", p->said - PORTS_SAY_MAX);
        say(u, more);
    }
    for (size_t i = 0; i < p->count; i++) {
        tell_port(u, &p->port[i], false);
        quiet += p->port[i].out && p->port[i].now.connect_slow && !p->port[i].now.open;
    }
    if (p->others)
        tell_port(u, &p->port[PORTS_MAX], true);
    put(u, &quiet_kind, quiet);
    tell_set(u, &listen_kind, SLICE(""), &p->listening);
    for (unsigned out = 0; out < 2; out++) {
        tell_set(u, &forbid_kind, out ? SLICE("out") : SLICE("listen"), &p->forbidden[out]);
        p->announced[out] = p->forbidden[out];      /* one that has gone is announced when it comes again */
    }
}
