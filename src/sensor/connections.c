/*
 * sensor/connections.c - looks at each connection, and tells what has become of them since the look before.
 *
 * First all are collected, then compared: an answer that breaks off changes nothing. What a connection has counted is added as differences, so sums never
 * go back; what it did between its last look and its end is not seen. A look ends at CONNECTIONS_MAX connections, and says so.
 */
#include "sensor/connections.h"

#include "sensor/diag.h"
#include "sensor/ports.h"
#include "sensor/talkers.h"

#include <errno.h>
#include <stdlib.h>

enum { IDLE_MS = 60 * 1000 };

/* What is kept of a connection from one look to the next. */
struct life {
    uint64_t cookie, bytes, sent, resent, busy_us, receiver_us, sender_us;
    uint32_t at, retransmits;           /* at: among those of this look */
    uint16_t port;
    uint8_t  state, tries;
    bool     out, idle;
};

enum ended { ENDED_ESTABLISHED, ENDED_GAVE_UP, ENDED_OTHERWISE, ENDED };
enum waits { WAITS_CONNECT, WAITS_ACCEPT, WAITS_DATA, WAITS_WINDOW, WAITS_KEEPALIVE, WAITS };

struct look {
    struct ports            ports;
    struct talkers          talkers;
    struct diag_connection *seen;                       /* of this look */
    struct life            *old, *now;                  /* by cookie */
    size_t                  olds, nows;
    bool                    begun, old_full, full;
    double                  syn_retries;
    /* sums */
    uint64_t cut, idle_lost, syns[2], ended[ENDED], busy_us, slow_start_us, receiver_us, sender_us;
    /* of this look */
    uint64_t sent, resent;
    uint32_t waiting[WAITS], half_open, unanswered, fresh, flows;
    double   min_rtt_us, delivery, rto_us, rtt_us;
    uint32_t measured;
};

/* ---- collecting ---- */

static bool collect(void *ctx, const struct diag_connection *c)
{
    struct look *l = ctx;
    if (l->nows == CONNECTIONS_MAX) {
        l->full = true;
        return false;
    }
    l->seen[l->nows++] = *c;
    return true;
}

struct listening { struct turn *u; struct ports *ports; };

static bool listener(void *ctx, const struct diag_connection *c)
{
    struct listening *l = ctx;
    ports_listener(l->u, l->ports, c);
    return true;
}

static enum sensed not_told(struct turn *u, enum diag_heard heard, int error)
{
    if (heard == DIAG_PARTIAL)
        return failed(u, "the kernel broke off its answer about connections (%s); they are counted on at the next look", strerror(error));
    /* a kernel without sock_diag; whatever else is in the way could be got out of it */
    if (error == EPROTONOSUPPORT || error == ENOENT)
        return HERE_NOT;
    if (error == EPERM || error == EACCES || error == EAFNOSUPPORT)
        return failed(u, "may not ask the kernel about connections (%s); a service needs AF_NETLINK among its RestrictAddressFamilies", strerror(error));
    return failed(u, "the kernel did not answer about connections: %s", strerror(error));
}

static enum sensed ask(struct turn *u, struct look *l)
{
    int              error  = 0;
    struct listening first  = { u, &l->ports };
    enum diag_heard  heard  = u->diag(u->diag_whom, DIAG_LISTENERS, listener, &first, &error);
    l->nows                 = 0;
    l->full                 = false;
    if (heard == DIAG_WHOLE)
        heard = u->diag(u->diag_whom, DIAG_CONNECTIONS, collect, l, &error);
    return heard == DIAG_WHOLE ? SENSED : not_told(u, heard, error);
}

/* ---- comparing ---- */

static int by_cookie(const void *a, const void *b)
{
    const struct life *x = a, *y = b;
    return (x->cookie > y->cookie) - (x->cookie < y->cookie);
}

static struct life life_of(const struct look *l, size_t at)
{
    const struct diag_connection *c  = &l->seen[at];
    bool                          in = c->state == DIAG_SYN_RECV || port_in(&l->ports.listening, c->local_port);
    return (struct life){ .cookie = c->cookie, .bytes = c->bytes_acked + c->bytes_received, .sent = c->bytes_sent, .resent = c->bytes_retransmitted, .busy_us = c->busy_us,
        .receiver_us = c->receiver_us, .sender_us = c->sender_us, .at = (uint32_t)at, .retransmits = c->retransmits, .port = in ? c->local_port : c->remote_port, .state = c->state,
        .tries = c->timer == DIAG_TIMER_RETRANSMIT ? c->timer_retries : 0, .out = !in, .idle = c->state == DIAG_ESTABLISHED && !c->unacked && c->since_ack_ms >= IDLE_MS };
}

/* Growth since the look before. One that was not there counts from its beginning, if that look would have shown it. */
static uint64_t grown(const struct look *l, const struct life *old, uint64_t now, uint64_t before)
{
    return old ? (now > before ? now - before : 0) : l->begun && !l->old_full ? now : 0;
}
#define GROWN(field) grown(l, old, now->field, old ? old->field : 0)

static void end_of_connect(struct look *l, enum ended how) { l->ended[how]++; }

/* One that is gone: of an attempt to connect it is told how it ended. */
static void gone(struct look *l, const struct life *old)
{
    if (old->state == DIAG_SYN_SENT && !l->full)
        end_of_connect(l, old->tries >= l->syn_retries ? ENDED_GAVE_UP : ENDED_OTHERWISE);
}

static void see_timer(struct look *l, const struct diag_connection *c)
{
    if (c->timer == DIAG_TIMER_RETRANSMIT && c->state == DIAG_SYN_SENT)
        l->waiting[WAITS_CONNECT]++;
    else if (c->timer == DIAG_TIMER_RETRANSMIT && c->state == DIAG_SYN_RECV)
        l->waiting[WAITS_ACCEPT]++;
    else if (c->timer == DIAG_TIMER_RETRANSMIT && c->retries)
        l->waiting[WAITS_DATA]++;
    else if (c->timer == DIAG_TIMER_WINDOW)
        l->waiting[WAITS_WINDOW]++;
    else if (c->timer == DIAG_TIMER_KEEPALIVE && c->timer_retries)
        l->waiting[WAITS_KEEPALIVE]++;
}

static void see_transfer(struct look *l, const struct diag_connection *c, const struct life *now, const struct life *old)
{
    uint64_t busy   = GROWN(busy_us);
    l->sent        += GROWN(sent);
    l->resent      += GROWN(resent);
    l->busy_us     += busy;
    l->receiver_us += GROWN(receiver_us);
    l->sender_us   += GROWN(sender_us);
    if (c->cwnd < c->ssthresh)
        l->slow_start_us += busy;
    if (busy && c->delivery_rate) {
        l->delivery += (double)c->delivery_rate;
        l->flows++;
    }
    if (c->state == DIAG_ESTABLISHED && c->rtt_us) {
        l->rtt_us += c->rtt_us;
        l->rto_us += c->rto_us >> (c->backoff < 31 ? c->backoff : 31);
        l->measured++;
    }
    if (c->state == DIAG_ESTABLISHED && (old ? old->state == DIAG_SYN_SENT || old->state == DIAG_SYN_RECV : l->begun && !l->old_full) && c->min_rtt_us) {
        l->min_rtt_us += c->min_rtt_us;
        l->fresh++;
    }
}

static void see(struct turn *u, struct look *l, const struct life *now, const struct life *old)
{
    const struct diag_connection *c = &l->seen[now->at];
    struct port *one   = ports_find(&l->ports, now->port, now->out);
    uint64_t     bytes = GROWN(bytes), again = GROWN(retransmits);
    one->bytes        += bytes;
    one->retransmits  += again;
    ports_see(u, &l->ports, one, c, now->out);
    talkers_see(&l->talkers, &c->remote, bytes, again);
    see_timer(l, c);
    see_transfer(l, c, now, old);
    bool half_open = c->state == DIAG_SYN_RECV, was_connecting = old && old->state == DIAG_SYN_SENT;
    l->half_open  += half_open;
    l->unanswered += half_open && now->tries;
    if (half_open || c->state == DIAG_SYN_SENT)
        l->syns[now->out] += GROWN(tries);
    if (was_connecting && c->state != DIAG_SYN_SENT)
        end_of_connect(l, ENDED_ESTABLISHED);
    l->idle_lost += old && old->idle && c->state == DIAG_ESTABLISHED && c->retries > 0;
}

static void compare(struct turn *u, struct look *l)
{
    for (size_t i = 0; i < l->nows; i++)
        l->now[i] = life_of(l, i);
    qsort(l->now, l->nows, sizeof *l->now, by_cookie);
    size_t o = 0;
    for (size_t i = 0; i < l->nows; i++) {      /* first those that have a place, so that nobody is put out of it who still has connections */
        struct life *one = &l->now[i];
        while (o < l->olds && l->old[o].cookie < one->cookie)
            o++;
        if (o < l->olds && l->old[o].cookie == one->cookie && !l->old[o].out) {      /* it stays incoming, though its listener may be gone */
            one->port = l->seen[one->at].local_port;
            one->out  = false;
        }
        ports_use(&l->ports, one->port, one->out);
    }
    o = 0;
    for (size_t i = 0; i < l->nows; i++) {
        while (o < l->olds && l->old[o].cookie < l->now[i].cookie)
            gone(l, &l->old[o++]);
        see(u, l, &l->now[i], o < l->olds && l->old[o].cookie == l->now[i].cookie ? &l->old[o] : NULL);
        o += o < l->olds && l->old[o].cookie == l->now[i].cookie;
    }
    while (o < l->olds)
        gone(l, &l->old[o++]);
    struct life *swap = l->old;
    l->old      = l->now;
    l->olds     = l->nows;
    l->now      = swap;
    l->begun    = true;
    l->old_full = l->full;
    l->cut     += l->full;
}

/* ---- telling ---- */

static const struct series_kind cut_kind    = { "homeostat_tcp_looks_cut_total", "", SERIES_COUNTER, "Looks at the connections that ended at 32768 of them; the others were not seen." };
static const struct series_kind loss_kind   = { "homeostat_tcp_loss_ratio", "", SERIES_GAUGE, "Share of the bytes sent since the last look that were sent again: about what was lost. Absent: nothing was sent." };
static const struct series_kind syns_kind   = { "homeostat_tcp_syn_retransmits_total", "direction", SERIES_COUNTER,
    "SYNs (out) and answers to SYNs (in) that were sent again, as seen at the looks: at least so many." };
static const struct series_kind half_kind   = { "homeostat_tcp_half_open", "", SERIES_GAUGE, "Connections of others whose SYN we have answered and who have not answered that yet." };
static const struct series_kind answer_kind = { "homeostat_tcp_synack_unanswered", "", SERIES_GAUGE, "Those of them to whom our answer had to be sent again: it gets lost, or the SYN was not meant." };
static const struct series_kind ended_kind  = { "homeostat_tcp_connect_ended_total", "how", SERIES_COUNTER,
    "Attempts to connect that were under way at a look: established, gave_up (by the kernel, after all its SYNs), ended (refused, unreachable, or the program gave up)." };
static const struct series_kind idle_kind   = { "homeostat_tcp_idle_lost_total", "", SERIES_COUNTER,
    "Connections that were idle for a minute or more and then got no answer to what they sent: perhaps a NAT or a firewall between has forgotten them." };
static const struct series_kind busy_kind   = { "homeostat_tcp_transfer_seconds_total", "", SERIES_COUNTER, "Time in which connections had data under way or to send, all of them summed." };
static const struct series_kind held_kind   = { "homeostat_tcp_limited_seconds_total", "by", SERIES_COUNTER, "Part of that time in which they were held up by the receiver's window, or by the sender's buffer." };
static const struct series_kind start_kind  = { "homeostat_tcp_slow_start_seconds_total", "", SERIES_COUNTER, "Part of that time of connections that were in slow start at the look." };
static const struct series_kind first_kind  = { "homeostat_tcp_connect_seconds", "", SERIES_GAUGE, "Mean of the shortest round trips of connections that are new since the last look: to connect took at least so long." };
static const struct series_kind flow_kind   = { "homeostat_tcp_delivery_bytes_per_second", "", SERIES_GAUGE, "Mean of the rates at which connections that were sending got their data delivered." };
static const struct series_kind wait_kind   = { "homeostat_tcp_waiting", "class", SERIES_GAUGE,
    "Connections that wait, by what for: connect (the answer to a SYN), accept (the answer to our answer), data (an ACK of what was sent again), window (the receiver takes nothing), keepalive (the answer to a probe)." };

static void tell(struct turn *u, struct look *l)
{
    static const char *const how[] = { "established", "gave_up", "ended" }, *const classes[] = { "connect", "accept", "data", "window", "keepalive" };
    ports_tell(u, &l->ports);
    talkers_tell(u, &l->talkers, (size_t)u->conf->tcp_talkers);
    put(u, &cut_kind, (double)l->cut);
    if (l->sent)
        put(u, &loss_kind, fmin(1, (double)l->resent / (double)l->sent));
    put_1(u, &syns_kind, SLICE("in"), (double)l->syns[0]);
    put_1(u, &syns_kind, SLICE("out"), (double)l->syns[1]);
    put(u, &half_kind, l->half_open);
    put(u, &answer_kind, l->unanswered);
    for (size_t i = 0; i < ENDED; i++)
        put_1(u, &ended_kind, slice_of(how[i]), (double)l->ended[i]);
    for (size_t i = 0; i < WAITS; i++)
        put_1(u, &wait_kind, slice_of(classes[i]), l->waiting[i]);
    put(u, &idle_kind, (double)l->idle_lost);
    put(u, &busy_kind, (double)l->busy_us / 1e6);
    put_1(u, &held_kind, SLICE("receiver"), (double)l->receiver_us / 1e6);
    put_1(u, &held_kind, SLICE("sender"), (double)l->sender_us / 1e6);
    put(u, &start_kind, (double)l->slow_start_us / 1e6);
    if (l->fresh)
        put(u, &first_kind, l->min_rtt_us / l->fresh / 1e6);
    if (l->flows)
        put(u, &flow_kind, l->delivery / l->flows);
    u->tcp_rto_s = l->measured ? l->rto_us / l->measured / 1e6 : 0;
    u->tcp_rtt_s = l->measured ? l->rtt_us / l->measured / 1e6 : 0;
}

static void begin(struct turn *u, struct look *l)
{
    struct slice text;
    u->tcp_rto_s = u->tcp_rtt_s = 0;
    ports_begin(&l->ports);
    talkers_begin(&l->talkers);
    l->syn_retries = file_once(u, "/proc/sys/net/ipv4/tcp_syn_retries", &text) == SENSED ? slice_number(text) : NAN;
    if (isnan(l->syn_retries))
        l->syn_retries = 6;     /* the kernel's own */
    memset(l->waiting, 0, sizeof l->waiting);
    l->sent = l->resent = 0;
    l->half_open = l->unanswered = l->fresh = l->flows = l->measured = 0;
    l->min_rtt_us = l->delivery = l->rto_us = l->rtt_us = 0;
}

enum sensed connections_read(struct turn *u, void *state)
{
    struct look **mine = state;
    bool wanted = u->conf->tcp_talkers || u->listen_allowed->count || u->peers_allowed->count;
    if (!wanted || !u->diag)
        return HERE_NOT;
    if (!*mine)
        *mine = calloc(1, sizeof **mine);
    struct look *l = *mine;
    /* pages that no connection needs are never touched */
    if (!l || (!l->seen && !(l->seen = malloc(CONNECTIONS_MAX * sizeof *l->seen))) || (!l->now && !(l->now = malloc(CONNECTIONS_MAX * sizeof *l->now))) ||
        (!l->old && !(l->old = malloc(CONNECTIONS_MAX * sizeof *l->old))))
        return failed(u, "out of memory for the connections");
    begin(u, l);
    enum sensed is = ask(u, l);
    if (is != SENSED)
        return is;
    compare(u, l);
    tell(u, l);
    return SENSED;
}

void connections_done(void *state)
{
    struct look *l = *(struct look **)state;
    if (!l)
        return;
    free(l->seen);
    free(l->old);
    free(l->now);
    free(l);
}
