/* receive/syslog_conn.c - bytes from sockets to messages to batches. See syslog_inside.h. */
#define ERR_STATE openssl_err_state
#include <openssl/err.h>
#include <openssl/ssl.h>
#undef ERR_STATE

#include "receive/syslog_inside.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* The address without the port; of IPv4 in IPv6 as IPv4. */
static void peer_text(const struct sockaddr_storage *a, socklen_t n, char *out, size_t size)
{
    if (getnameinfo((const struct sockaddr *)a, n, out, (socklen_t)size, NULL, 0, NI_NUMERICHOST) != 0)
        *out = '\0';
    size_t length = strlen(out);
    if (strncmp(out, "::ffff:", 7) == 0)
        memmove(out, out + 7, length - 6);
}

static void take(struct syslog_in *s, struct syslog_place *p, struct slice message, const char *peer)
{
    struct syslog_around around = { s->wall_us, s->utc_offset_s };
    if (!syslog_map(message, &around, slice_of(peer), &s->log)) {
        atomic_fetch_add(&s->empty, 1);
        return;
    }
    struct batch_origin origin = { .id = attrs_id(&s->log.origin), .attrs = s->log.origin };
    if (!lane_add(&p->lane, &origin, &s->log.log, &s->log.attrs, NULL, NULL, s->now_us))
        atomic_fetch_add(&s->lost, 1);
    s->turn_lines++;
}

/* ---- datagrams ---- */

struct datagrams {
    struct mmsghdr          head[SYSLOG_DATAGRAMS];
    struct iovec            part[SYSLOG_DATAGRAMS];
    struct sockaddr_storage from[SYSLOG_DATAGRAMS];
    char                    bytes[SYSLOG_DATAGRAMS][SYSLOG_DATAGRAM];
};

void syslog_datagrams_free(struct datagrams *d) { free(d); }

static int receive(struct datagrams *d, int fd)
{
    for (int i = 0; i < SYSLOG_DATAGRAMS; i++) {
        d->part[i] = (struct iovec){ d->bytes[i], SYSLOG_DATAGRAM };
        d->head[i].msg_hdr = (struct msghdr){ .msg_name = &d->from[i], .msg_namelen = sizeof d->from[i], .msg_iov = &d->part[i], .msg_iovlen = 1 };
    }
    return recvmmsg(fd, d->head, SYSLOG_DATAGRAMS, MSG_DONTWAIT, NULL);
}

void syslog_datagrams(struct syslog_in *s, struct syslog_place *p)
{
    char peer[SYSLOG_PEER_SIZE];
    if (!s->datagrams && !(s->datagrams = calloc(1, sizeof *s->datagrams)))
        return;
    struct datagrams *d = s->datagrams;
    for (int call = 0, n = SYSLOG_DATAGRAMS; call < SYSLOG_TURN_CALLS && n == SYSLOG_DATAGRAMS; call++) {
        n = receive(d, p->fd);
        for (int i = 0; i < n; i++) {
            struct slice m = { d->bytes[i], d->head[i].msg_len };
            if (m.n > p->message_max || d->head[i].msg_hdr.msg_flags & MSG_TRUNC) {
                m.n = m.n > p->message_max ? p->message_max : m.n;
                atomic_fetch_add(&s->cut, 1);
            }
            peer_text(&d->from[i], d->head[i].msg_hdr.msg_namelen, peer, sizeof peer);
            take(s, p, m, peer);
        }
    }
}

/* ---- connections ---- */

static void arm(struct syslog_in *s, struct syslog_conn *c, int op)
{
    struct epoll_event e = { .events = EPOLLIN | (c->writes ? (uint32_t)EPOLLOUT : 0), .data.ptr = c };
    (void)epoll_ctl(s->epoll, op, c->fd, &e);
}

/* A sender that lost its power says nothing any more: after two minutes its place is free. Who is there and silent stays. */
static void keepalive(int fd)
{
    static const struct { int level, option, value; } wanted[] = {
        { SOL_SOCKET, SO_KEEPALIVE, 1 }, { IPPROTO_TCP, TCP_KEEPIDLE, 60 }, { IPPROTO_TCP, TCP_KEEPINTVL, 15 }, { IPPROTO_TCP, TCP_KEEPCNT, 4 },
    };
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        (void)setsockopt(fd, wanted[i].level, wanted[i].option, &wanted[i].value, sizeof wanted[i].value);
}

static void conn_add(struct syslog_in *s, struct syslog_place *p, int fd, const char *peer)
{
    struct syslog_conn *c = calloc(1, sizeof *c);
    if (c && p->tls && (!(c->tls = SSL_new(p->tls)) || SSL_set_fd(c->tls, fd) != 1)) {
        SSL_free(c->tls);
        free(c);
        c = NULL;
    }
    if (!c) {
        (void)close(fd);
        atomic_fetch_add(&s->refused, 1);
        return;
    }
    keepalive(fd);
    if (c->tls)
        SSL_set_accept_state(c->tls);
    c->place = p;
    c->fd = fd;
    c->shaking = c->tls != NULL;
    c->since_us = s->now_us;
    c->frames.max = p->message_max;
    (void)text_copy(c->peer, sizeof c->peer, peer);
    if ((c->next = s->conns))
        s->conns->prev = c;
    s->conns = c;
    s->conns_n++;
    s->shaking_n += c->shaking;
    atomic_store(&s->open, (long long)s->conns_n);
    arm(s, c, EPOLL_CTL_ADD);
}

void syslog_accept(struct syslog_in *s, struct syslog_place *p)
{
    bool no_file = false;
    while (s->conns_n < s->conns_max) {
        struct sockaddr_storage a;
        socklen_t               n = sizeof a;
        char                    peer[SYSLOG_PEER_SIZE];
        int                     fd = accept4(p->fd, (struct sockaddr *)&a, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
            continue;
        no_file = fd < 0 && errno != EAGAIN && errno != EWOULDBLOCK;
        if (fd < 0)
            break;
        peer_text(&a, n, peer, sizeof peer);
        conn_add(s, p, fd, peer);
    }
    p->deaf = no_file || s->conns_n >= s->conns_max;
    if (p->deaf) {
        struct epoll_event e = { .events = 0, .data.ptr = p };
        (void)epoll_ctl(s->epoll, EPOLL_CTL_MOD, p->fd, &e);
        if (no_file)
            batcher_trouble(&s->batcher, "there is no file for one more connection: others wait");
        else
            batcher_trouble(&s->batcher, "there are %zu connections: others wait", s->conns_n);
    }
}

/* Messages that are complete. False: the framing is lost. */
static bool cut(struct syslog_in *s, struct syslog_conn *c, bool end)
{
    struct slice in = { c->s, c->n }, message;
    size_t       used;
    enum err     e = OK;
    struct fault why = { 0 };
    uint64_t     cut_before = c->frames.cut;
    for (bool got = true; got && in.n;) {
        got = syslog_frame_next(&c->frames, in, end, &message, &used, &e, &why);
        if (got)
            take(s, c->place, message, c->peer);
        in = (struct slice){ in.s + used, in.n - used };
    }
    atomic_fetch_add(&s->cut, c->frames.cut - cut_before);
    if (e != OK) {
        atomic_fetch_add(&s->refused, 1);
        batcher_trouble(&s->batcher, "%s: %s", c->peer, why.text);
        return false;
    }
    if (in.n && in.s != c->s)
        memmove(c->s, in.s, in.n);
    c->n = in.n;
    return true;
}

static void more_set(struct syslog_in *s, struct syslog_conn *c, bool more)
{
    s->more_n += (size_t)(more - c->more);
    c->more = more;
}

void syslog_conn_close(struct syslog_in *s, struct syslog_conn *c, bool last)
{
    if (last && c->n)
        (void)cut(s, c, true);
    more_set(s, c, false);
    if (c->prev)
        c->prev->next = c->next;
    else
        s->conns = c->next;
    if (c->next)
        c->next->prev = c->prev;
    s->conns_n--;
    s->shaking_n -= c->shaking;
    atomic_store(&s->open, (long long)s->conns_n);
    if (c->tls) {
        if (!c->shaking)
            (void)SSL_shutdown(c->tls);
        SSL_free(c->tls);
        ERR_clear_error();
    }
    (void)epoll_ctl(s->epoll, EPOLL_CTL_DEL, c->fd, NULL);
    (void)close(c->fd);
    free(c->s);
    free(c);
}

enum { GONE = -1, LATER = -2 };

static void writes_set(struct syslog_in *s, struct syslog_conn *c, bool writes)
{
    if (c->writes != writes) {
        c->writes = writes;
        arm(s, c, EPOLL_CTL_MOD);
    }
}

static ssize_t conn_get(struct syslog_in *s, struct syslog_conn *c, char *to, size_t room)
{
    if (!c->tls) {
        ssize_t n;
        do
            n = recv(c->fd, to, room, 0);
        while (n < 0 && errno == EINTR);
        return n >= 0 ? n : errno == EAGAIN || errno == EWOULDBLOCK ? LATER : GONE;
    }
    int n = SSL_read(c->tls, to, (int)room);
    if (c->shaking && SSL_is_init_finished(c->tls)) {
        c->shaking = false;
        s->shaking_n--;
    }
    if (n > 0)
        return n;
    int why = SSL_get_error(c->tls, n);
    writes_set(s, c, why == SSL_ERROR_WANT_WRITE);
    if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE && why != SSL_ERROR_ZERO_RETURN && c->shaking) {
        char text[160];
        ERR_error_string_n(ERR_peek_last_error(), text, sizeof text);
        atomic_fetch_add(&s->refused, 1);
        batcher_trouble(&s->batcher, "%s: TLS: %s", c->peer, text);
    }
    ERR_clear_error();
    return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? LATER : why == SSL_ERROR_ZERO_RETURN ? 0 : GONE;
}

void syslog_conn_read(struct syslog_in *s, struct syslog_conn *c)
{
    more_set(s, c, false);
    for (int call = 0; call < SYSLOG_TURN_CALLS; call++) {
        size_t room = c->place->message_max + 16 + SYSLOG_READ;
        if (c->room < room) {
            char *bytes = realloc(c->s, room);
            if (!bytes)
                return;
            c->s = bytes;
            c->room = room;
        }
        ssize_t n = conn_get(s, c, c->s + c->n, c->room - c->n);
        if (n == LATER)
            break;
        c->n += n > 0 ? (size_t)n : 0;
        if (n <= 0 || !cut(s, c, false)) {
            syslog_conn_close(s, c, n <= 0);
            return;
        }
        if (call + 1 == SYSLOG_TURN_CALLS)
            more_set(s, c, true);
    }
    if (c->n == 0) {
        free(c->s);
        c->s = NULL;
        c->room = 0;
    }
}
