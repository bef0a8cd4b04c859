/* receive/loop.c - one thread: waits, reads, gives to the journal, answers. See loop.h. */
#include "receive/loop_inside.h"

#include "base/log.h"
#include "base/text.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

bool loop_pressed(struct loop *l)
{
    l->host.full = l->parked != NULL;
    l->host.pressed = l->host.full || session_over_budget(&l->host, 0);
    return l->host.pressed;
}

static void now(struct loop *l)
{
    l->host.now_us = clock_mono_us(l->common->clock);
    l->host.wall_us = clock_wall_us(l->common->clock);
}

static void watch(struct loop *l, int fd, void *source, uint32_t events, int op)
{
    struct epoll_event e = { .events = events, .data.ptr = source };
    (void)epoll_ctl(l->epoll, op, fd, &e);
}

/* ---- listeners ---- */

static void conf_take(struct loop *l, const struct receive_conf *c)
{
    l->conf = *c;
    l->host.limits = (struct session_limits){ .body_max = (size_t)c->body_max, .head_max = (size_t)c->head_max, .streams_max = (uint32_t)c->streams_max, .budget = c->budget,
        .retry_us = c->retry_us, .patience_us = c->patience_us, .head_us = c->head_us, .stall_us = c->stall_us, .idle_us = c->idle_us };
}

/* Its connections finish what they have begun. */
static void listener_remove(struct loop *l, struct listener *gone)
{
    (void)epoll_ctl(l->epoll, EPOLL_CTL_DEL, gone->fd, NULL);      /* see conn_close() */
    (void)close(gone->fd);
    gone->fd = -1;
    for (struct conn *c = l->conns, *next; c; c = next) {
        next = c->next;
        if (c->listener != gone)
            continue;
        if (c->shaking)
            conn_close(c);
        else {
            session_shutdown(c->session);
            conn_mark(c);
        }
    }
}

static void listener_add(struct loop *l, const char *name, int fd, struct door *door)
{
    struct listener *n = calloc(1, sizeof *n);
    if (!n) {
        (void)close(fd);
        door_release(door);
        return;
    }
    *n = (struct listener){ .source = SOURCE_LISTENER, .next = l->listeners, .fd = fd, .door = door };
    (void)text_copy(n->name, sizeof n->name, name);
    l->listeners = n;
    watch(l, fd, n, EPOLLIN, EPOLL_CTL_ADD);
}

static struct listener *listener_named(struct loop *l, const char *name)
{
    struct listener *n = l->listeners;
    while (n && (n->fd < 0 || strcmp(n->name, name) != 0))
        n = n->next;
    return n;
}

static void door_change(struct loop *l, struct listener *n, struct door *door)
{
    for (struct conn *c = l->conns; c; c = c->next)
        if (c->listener == n && c->session)
            session_door(c->session, &door->in);
    door_release(n->door);
    n->door = door;
}

static void change_take(struct loop *l, const struct loop_change *ch)
{
    conf_take(l, &ch->conf);
    for (struct listener *n = l->listeners; n; n = n->next) {
        bool stays = false;
        for (size_t i = 0; i < ch->count; i++)
            stays |= ch->of[i].fd < 0 && strcmp(ch->of[i].name, n->name) == 0;
        if (n->fd >= 0 && !stays)
            listener_remove(l, n);
    }
    for (size_t i = 0; i < ch->count; i++) {
        struct listener *n = ch->of[i].fd < 0 ? listener_named(l, ch->of[i].name) : NULL;
        if (n)
            door_change(l, n, ch->of[i].door);
        else if (ch->of[i].fd >= 0)
            listener_add(l, ch->of[i].name, ch->of[i].fd, ch->of[i].door);
        else
            door_release(ch->of[i].door);
    }
}

static void listeners_sweep(struct loop *l)
{
    for (struct listener **at = &l->listeners, *n; (n = *at);) {
        if (n->fd >= 0 || n->conns) {
            at = &n->next;
            continue;
        }
        *at = n->next;
        door_release(n->door);
        free(n);
    }
}

/* ---- the turn ---- */

static void stop_begin(struct loop *l)
{
    l->stopping = true;
    l->stop_us = l->host.now_us;
    for (struct listener *n = l->listeners; n; n = n->next)
        if (n->fd >= 0)
            listener_remove(l, n);
}

static void told(struct loop *l)
{
    pthread_mutex_lock(&l->lock);
    const struct loop_change *change = l->change;
    bool                      stop = l->stop_wanted;
    if (change) {
        change_take(l, change);
        l->change = NULL;
        pthread_cond_broadcast(&l->heard);
    }
    pthread_mutex_unlock(&l->lock);
    if (stop && !l->stopping)
        stop_begin(l);
}

static void tick(struct loop *l)
{
    for (struct conn *c = l->conns, *next; c; c = next) {
        next = c->next;
        conn_tick(c);
    }
    if (l->stopping && l->host.now_us - l->stop_us > l->conf.stop_us)
        while (l->conns)
            conn_close(l->conns);
}

/* Room again, for connections that came or were waiting. */
static void relieve(struct loop *l)
{
    bool pressed = loop_pressed(l);
    if (!pressed && l->paused_n)
        for (struct conn *c = l->conns, *next; c && !loop_pressed(l); c = next) {
            next = c->next;
            conn_resume(c);
        }
    if (l->accept_paused && l->host.now_us - l->accept_us >= LOOP_TICK_FAST_US && atomic_load(&l->common->connections) < l->conf.connections_max) {
        l->accept_paused = false;
        for (struct listener *n = l->listeners; n; n = n->next)
            if (n->fd >= 0)
                watch(l, n->fd, n, EPOLLIN, EPOLL_CTL_MOD);
    }
}

static void flush_all(struct loop *l)
{
    struct conn *c;
    while ((c = l->dirty)) {
        l->dirty = c->dirty_next;
        c->dirty = false;
        conn_flush(c);
    }
    while ((c = l->closed)) {
        l->closed = c->closed_next;
        free(c);
    }
}

static void timer_set(struct loop *l)
{
    int64_t every = l->paused_n || l->parked || l->accept_paused || l->stopping ? LOOP_TICK_FAST_US : l->conns_n ? LOOP_TICK_US : 0;
    if (every == l->tick_us)
        return;
    struct itimerspec t = { .it_interval.tv_nsec = every * 1000, .it_value.tv_nsec = every * 1000 };
    if (timerfd_settime(l->timer, 0, &t, NULL) == 0)
        l->tick_us = every;
}

static void tell(struct loop *l)
{
    size_t under_way = l->outstanding;
    for (struct exchange *x = l->parked; x; x = x->later)
        under_way++;
    __atomic_store_n(&l->stats.connections, (int64_t)l->conns_n, __ATOMIC_RELAXED);
    __atomic_store_n(&l->stats.paused, (int64_t)l->paused_n, __ATOMIC_RELAXED);
    __atomic_store_n(&l->stats.in_flight_requests, (int64_t)under_way, __ATOMIC_RELAXED);
}

static void event(struct loop *l, const struct epoll_event *e)
{
    uint64_t         times;
    enum loop_source source = *(const enum loop_source *)e->data.ptr;
    switch (source) {
    case SOURCE_WAKE:
        if (read(l->wake, &times, sizeof times) == (ssize_t)sizeof times)
            told(l);
        break;
    case SOURCE_TIMER:
        if (read(l->timer, &times, sizeof times) == (ssize_t)sizeof times)
            tick(l);
        break;
    case SOURCE_LISTENER: {
        struct listener *n = e->data.ptr;
        if (n->fd < 0)
            break;
        conn_accept(l, n);
        if (l->accept_paused) {
            l->accept_us = l->host.now_us;
            watch(l, n->fd, n, 0, EPOLL_CTL_MOD);
        }
        break;
    }
    case SOURCE_CONN: conn_event(e->data.ptr, e->events); break;
    }
}

static void *run(void *ctx)
{
    static const enum loop_source wake = SOURCE_WAKE, timer = SOURCE_TIMER;
    struct loop       *l = ctx;
    struct epoll_event events[LOOP_EVENTS];
    watch(l, l->wake, (void *)(uintptr_t)&wake, EPOLLIN, EPOLL_CTL_ADD);
    watch(l, l->timer, (void *)(uintptr_t)&timer, EPOLLIN, EPOLL_CTL_ADD);
    while (!l->stopping || l->conns || l->outstanding || l->parked) {
        int n = epoll_wait(l->epoll, events, LOOP_EVENTS, l->held ? 0 : -1);
        if (n < 0 && errno != EINTR) {
            log_error("the network side cannot wait for events", F("errno", errno));
            break;
        }
        now(l);
        for (int i = 0; i < n; i++)
            event(l, &events[i]);
        conn_held_take(l);
        append_done_take(l);
        append_parked_retry(l);
        relieve(l);
        flush_all(l);
        listeners_sweep(l);
        timer_set(l);
        tell(l);
    }
    return NULL;
}

/* ---- from outside ---- */

static void loop_free(struct loop *l)
{
    listeners_sweep(l);
    intake_done(&l->intake);
    session_host_done(&l->host);
    if (l->epoll >= 0)
        (void)close(l->epoll);
    if (l->wake >= 0)
        (void)close(l->wake);
    if (l->timer >= 0)
        (void)close(l->timer);
    (void)pthread_mutex_destroy(&l->lock);
    (void)pthread_cond_destroy(&l->heard);
    free(l->bytes);
    free(l);
}

enum err loop_start(struct loop_common *common, struct loop **out, struct fault *fault)
{
    struct loop *l = calloc(1, sizeof *l);
    sigset_t     all, old;
    *out = NULL;
    if (!l)
        return fail(fault, ERR_LIMIT, "out of memory for a thread of the network side");
    l->common = common;
    l->host.in_flight = &common->in_flight;
    l->host.stats = &l->stats;
    l->host.complete = append_complete;
    l->host.message = append_message;
    l->host.forget = append_forget;
    conf_take(l, &common->conf);
    now(l);
    intake_init(&l->intake, common->hooks.check);
    (void)pthread_mutex_init(&l->lock, NULL);
    (void)pthread_cond_init(&l->heard, NULL);
    l->bytes = malloc(SESSION_READ_MAX);
    l->epoll = epoll_create1(EPOLL_CLOEXEC);
    l->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    l->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    (void)sigfillset(&all);      /* signals are the main thread's; SIGPIPE nobody's */
    (void)pthread_sigmask(SIG_SETMASK, &all, &old);
    bool fine = l->bytes && l->epoll >= 0 && l->wake >= 0 && l->timer >= 0 && pthread_create(&l->thread, NULL, run, l) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (!fine) {
        loop_free(l);
        return fail(fault, ERR_IO, "a thread of the network side cannot be started: %s", strerror(errno));
    }
    *out = l;
    return OK;
}

static void wake(struct loop *l)
{
    uint64_t one = 1;
    ssize_t  n = write(l->wake, &one, sizeof one);
    (void)n;
}

void loop_set(struct loop *l, const struct loop_change *change)
{
    pthread_mutex_lock(&l->lock);
    l->change = change;
    wake(l);
    while (l->change)
        pthread_cond_wait(&l->heard, &l->lock);
    pthread_mutex_unlock(&l->lock);
}

void loop_stop(struct loop *l)
{
    pthread_mutex_lock(&l->lock);
    l->stop_wanted = true;
    wake(l);
    pthread_mutex_unlock(&l->lock);
}

void loop_join(struct loop *l)
{
    (void)pthread_join(l->thread, NULL);
    while (atomic_load(&l->ringing))
        (void)sched_yield();
    loop_free(l);
}

void loop_stats_add(struct loop *l, struct receive_stats *to)
{
    /* All of it is 64-bit numbers, the last of each struct included. */
    uint64_t       *sum = (uint64_t *)(void *)to;
    const uint64_t *mine = (const uint64_t *)(const void *)&l->stats;
    for (size_t i = 0; i < sizeof *to / sizeof *sum; i++)
        sum[i] += __atomic_load_n(&mine[i], __ATOMIC_RELAXED);
}
