/* receive/conn.c - one connection: its socket, TLS, and when it is read from. */
#define ERR_STATE openssl_err_state
#include <openssl/err.h>
#include <openssl/ssl.h>
#undef ERR_STATE

#include "receive/loop_inside.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- what is waited for ---- */

static void arm(struct conn *c, bool out)
{
    bool     in = !c->eof && !c->paused && (c->shaking || c->lingering || session_wants_input(c->session));
    uint32_t want = (in ? (uint32_t)EPOLLIN : 0) | (out ? (uint32_t)EPOLLOUT : 0);
    if (want == c->armed)
        return;
    struct epoll_event e = { .events = want, .data.ptr = c };
    if (epoll_ctl(c->loop->epoll, EPOLL_CTL_MOD, c->fd, &e) == 0)
        c->armed = want;
}

void conn_mark(struct conn *c)
{
    if (c->dirty || c->closed)
        return;
    c->dirty = true;
    c->dirty_next = c->loop->dirty;
    c->loop->dirty = c;
}

/* Memory goes at the end of the turn, since epoll may name it once more. */
void conn_close(struct conn *c)
{
    struct loop *l = c->loop;
    if (c->closed)
        return;
    c->closed = true;
    if (c->tls) {
        if (!c->shaking && !c->eof)
            (void)SSL_shutdown(c->tls);
        SSL_free(c->tls);
        ERR_clear_error();
    }
    (void)epoll_ctl(l->epoll, EPOLL_CTL_DEL, c->fd, NULL);      /* closing is not enough while a child that was forked just now has it, too */
    (void)close(c->fd);
    session_free(c->session);
    if (c->prev)
        c->prev->next = c->next;
    else
        l->conns = c->next;
    if (c->next)
        c->next->prev = c->prev;
    l->conns_n--;
    l->paused_n -= c->paused;
    c->listener->conns--;
    atomic_fetch_sub(&l->common->connections, 1);
    c->closed_next = l->closed;
    l->closed = c;
}

/* ---- reading and writing; >= 0: so many bytes, GONE: the other end is, LATER: not now ---- */

enum { GONE = -1, LATER = -2 };

static ssize_t tls_result(struct conn *c, int r)
{
    int why = SSL_get_error(c->tls, r);
    ERR_clear_error();
    return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? LATER : why == SSL_ERROR_ZERO_RETURN ? 0 : GONE;
}

static ssize_t conn_read(struct conn *c, char *to, size_t room)
{
    size_t got = 0;
    if (!c->tls) {
        ssize_t n;
        do
            n = recv(c->fd, to, room, 0);
        while (n < 0 && errno == EINTR);
        return n >= 0 ? n : errno == EAGAIN || errno == EWOULDBLOCK ? LATER : GONE;
    }
    while (got < room) {      /* a record at a time */
        int n = SSL_read(c->tls, to + got, (int)(room - got));
        if (n <= 0) {
            ssize_t r = tls_result(c, n);
            return got ? (ssize_t)got : r;
        }
        got += (size_t)n;
    }
    return (ssize_t)got;
}

static ssize_t conn_write(struct conn *c, const char *s, size_t n)
{
    if (c->tls) {
        int r = SSL_write(c->tls, s, (int)n);
        return r > 0 ? r : tls_result(c, r) == LATER ? LATER : GONE;
    }
    ssize_t r;
    do
        r = send(c->fd, s, n, MSG_NOSIGNAL);
    while (r < 0 && errno == EINTR);
    return r >= 0 ? r : errno == EAGAIN || errno == EWOULDBLOCK ? LATER : GONE;
}

/* TLS reads ahead, and may hold more than was asked for: the loop comes back for it before it sleeps. */
static void hold(struct conn *c)
{
    if (!c->tls || c->held || c->paused || c->eof || !c->more || !(c->lingering || session_wants_input(c->session)))
        return;
    c->held = true;
    c->held_next = c->loop->held;
    c->loop->held = c;
}

void conn_flush(struct conn *c)
{
    if (c->closed || c->shaking)
        return;
    struct slice out;
    bool         stuck = false;
    while ((out = session_output(c->session)).n) {
        ssize_t n = conn_write(c, out.s, out.n);
        if (n == LATER) {
            stuck = true;
            break;
        }
        if (n <= 0) {
            conn_close(c);
            return;
        }
        session_sent(c->session, (size_t)n);
        c->stuck = false;
    }
    if (stuck && !c->stuck)
        c->since_us = c->loop->host.now_us;
    c->stuck = stuck;
    if (!stuck && (session_over(c->session) || (c->eof && !session_under_way(c->session)))) {
        if (!session_lingers(c->session) || c->eof) {
            conn_close(c);
            return;
        }
        if (!c->lingering) {
            c->lingering = true;
            c->since_us = c->loop->host.now_us;
            (void)shutdown(c->fd, SHUT_WR);
        }
    }
    arm(c, stuck);
    hold(c);
}

static void conn_input(struct conn *c)
{
    struct loop *l = c->loop;
    for (int i = 0; i < LOOP_READS && !c->closed && !c->eof; i++) {
        bool pressed = loop_pressed(l);
        if (!c->lingering && !session_wants_input(c->session))
            break;
        if (pressed && !c->lingering && session_under_way(c->session)) {
            if (!c->paused) {
                c->paused = true;
                l->paused_n++;
                session_pause(c->session);
            }
            break;
        }
        size_t  room = pressed ? LOOP_PRESSED_READ : SESSION_READ_MAX;
        ssize_t n = conn_read(c, l->bytes, room);
        c->more = n == (ssize_t)room;
        if (n == LATER)
            break;
        if (n == GONE) {
            conn_close(c);
            return;
        }
        if (n == 0) {
            c->eof = true;
            if (c->lingering || session_receiving(c->session)) {
                conn_close(c);
                return;
            }
        } else if (!c->lingering && !session_feed(c->session, l->bytes, (size_t)n)) {
            session_count(&l->stats.connections_refused, 1);
            break;
        }
        if ((size_t)n < room && !c->tls)
            break;
    }
    conn_mark(c);
}

/* ---- TLS ---- */

static void shake_hands(struct conn *c)
{
    int r = SSL_accept(c->tls);
    if (r != 1) {
        int why = SSL_get_error(c->tls, r);
        ERR_clear_error();
        if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) {
            session_count(&c->loop->stats.connections_refused, 1);
            conn_close(c);
        } else
            arm(c, why == SSL_ERROR_WANT_WRITE);
        return;
    }
    const unsigned char *name;
    unsigned             n;
    SSL_get0_alpn_selected(c->tls, &name, &n);
    struct slice alpn = { (const char *)name, n };
    c->session = session_new(&c->loop->host, &c->listener->door->in, slice_is(alpn, "h2") ? SESSION_HTTP2 : n ? SESSION_HTTP1 : SESSION_EITHER);
    if (!c->session) {
        conn_close(c);
        return;
    }
    session_set_user(c->session, c);
    c->shaking = false;
    conn_input(c);
}

void conn_event(struct conn *c, uint32_t events)
{
    if (c->closed)
        return;
    if (events & (EPOLLERR | EPOLLHUP) && !(events & EPOLLIN)) {
        conn_close(c);
        return;
    }
    if (c->shaking)
        shake_hands(c);
    else if (events & EPOLLIN)
        conn_input(c);
    if (events & EPOLLOUT)
        conn_mark(c);
}

void conn_resume(struct conn *c)
{
    if (!c->paused)
        return;
    c->paused = false;
    c->loop->paused_n--;
    session_resume(c->session);
    conn_input(c);
}

void conn_tick(struct conn *c)
{
    int64_t now = c->loop->host.now_us;
    bool    late = c->shaking     ? now - c->since_us > c->loop->conf.head_us
                   : c->lingering ? now - c->since_us > LOOP_LINGER_US
                   : c->stuck     ? now - c->since_us > c->loop->conf.stall_us
                                  : !session_tick(c->session);
    if (late) {
        session_count(&c->loop->stats.timeouts, 1);
        conn_close(c);
        return;
    }
    if (c->paused && !session_under_way(c->session))
        conn_resume(c);      /* what waited was answered: who comes next is read, and told to come again */
    if (!c->shaking)
        conn_mark(c);
}

void conn_held_take(struct loop *l)
{
    struct conn *c = l->held, *next;
    l->held = NULL;
    for (; c; c = next) {
        next = c->held_next;
        c->held = false;
        if (!c->closed)
            conn_input(c);
    }
}

/* The newest stands first and is not meant. */
static bool evict(struct loop *l)
{
    struct conn *oldest = NULL;
    for (struct conn *c = l->conns ? l->conns->next : NULL; c; c = c->next)
        if (!c->shaking && !c->lingering && session_idle(c->session)
            && (!oldest || session_moved_us(c->session) < session_moved_us(oldest->session)))
            oldest = c;
    if (!oldest)
        return false;
    session_count(&l->stats.connections_evicted, 1);
    session_shutdown(oldest->session);
    conn_flush(oldest);
    conn_close(oldest);
    return true;
}

/* ---- coming in ---- */

static bool take_in(struct loop *l, struct listener *from, int fd)
{
    struct conn *c = calloc(1, sizeof *c);
    int          on = 1;
    if (!c)
        return false;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    *c = (struct conn){ .source = SOURCE_CONN, .loop = l, .listener = from, .fd = fd, .armed = EPOLLIN, .since_us = l->host.now_us };
    if (from->door->tls) {
        c->shaking = true;
        c->tls = SSL_new(from->door->tls);
        if (c->tls && SSL_set_fd(c->tls, fd) != 1) {
            SSL_free(c->tls);
            c->tls = NULL;
        }
    } else if ((c->session = session_new(&l->host, &from->door->in, SESSION_EITHER)))
        session_set_user(c->session, c);
    struct epoll_event e = { .events = EPOLLIN, .data.ptr = c };
    if ((!c->tls && !c->session) || epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &e) != 0) {
        SSL_free(c->tls);
        session_free(c->session);
        free(c);
        return false;
    }
    c->next = l->conns;
    if (l->conns)
        l->conns->prev = c;
    l->conns = c;
    l->conns_n++;
    from->conns++;
    atomic_fetch_add(&l->common->connections, 1);
    session_count(&l->stats.connections_opened, 1);
    return true;
}

void conn_accept(struct loop *l, struct listener *from)
{
    for (int i = 0; i < LOOP_ACCEPTS; i++) {
        int fd = accept4(from->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            bool no_file = errno == EMFILE || errno == ENFILE;
            if (no_file && evict(l))
                continue;
            l->accept_paused |= no_file || errno == ENOBUFS || errno == ENOMEM;
            return;
        }
        if (!take_in(l, from, fd))
            (void)close(fd);
        else if (atomic_load(&l->common->connections) > l->conf.connections_max && !evict(l)) {
            l->accept_paused = true;      /* the next ones wait in the kernel */
            return;
        }
    }
}
