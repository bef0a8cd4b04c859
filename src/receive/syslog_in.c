/* receive/syslog_in.c - the life of the thread and its turns. See syslog_in.h. */
#include "receive/syslog_inside.h"

#include "base/file.h"
#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS = 64, REST_MS = 2, REST_LINES = 32, STOP_US = 5 * 1000 * 1000, DROPS_US = 1000 * 1000, DEAF_US = 100 * 1000, OFFSET_US = 60 * 1000 * 1000, DRAIN_ROUNDS = 64 };

/* ---- places ---- */

static void listen_to(struct syslog_in *s, struct syslog_place *p, int op)
{
    struct epoll_event e = { .events = EPOLLIN, .data.ptr = p };
    (void)epoll_ctl(s->epoll, op, p->fd, &e);
    p->deaf = false;
}

static void place_retire(struct syslog_in *s, struct syslog_place *p, struct syslog_place *heir)
{
    for (struct syslog_conn *c = s->conns, *next; c; c = next) {
        next = c->next;
        if (c->place == p && heir) {
            c->place = heir;
            c->frames.max = heir->message_max;
        } else if (c->place == p)
            syslog_conn_close(s, c, true);
    }
    if (heir)
        heir->drops = p->drops;
    else if (p->fd >= 0) {
        if (p->transport == SYSLOG_UDP)
            syslog_datagrams(s, p);
        syslog_place_drops(s, p);
        (void)epoll_ctl(s->epoll, EPOLL_CTL_DEL, p->fd, NULL);      /* closing is not enough while a child that was forked just now has it, too */
        (void)close(p->fd);
    }
    p->fd = -1;
    p->next = s->retired;
    s->retired = p;
}

/* Under the lock. */
static void change_take(struct syslog_in *s)
{
    struct syslog_place *were = s->places;
    s->places = s->change;
    s->change = NULL;
    for (struct syslog_place *p = s->places; p; p = p->next)
        p->lane = (struct lane){ .owner = &s->batcher, .tenant = slice_of(p->tenant), .source = slice_of(p->source), .scope = SLICE("syslog") };
    for (struct syslog_place *p; (p = were);) {
        struct syslog_place *heir = s->places;
        were = p->next;
        while (heir && (heir->fresh || heir->fd != p->fd))
            heir = heir->next;
        place_retire(s, p, heir);
    }
    for (struct syslog_place *p = s->places; p; p = p->next) {
        listen_to(s, p, p->fresh ? EPOLL_CTL_ADD : EPOLL_CTL_MOD);
        p->fresh = false;
    }
}

static void told(struct syslog_in *s)
{
    (void)pthread_mutex_lock(&s->lock);
    if (s->changed) {
        change_take(s);
        s->batcher.delay_us = s->delay_us;
        s->changed = false;
        (void)pthread_cond_broadcast(&s->heard);
    }
    (void)pthread_mutex_unlock(&s->lock);
}

static void sweep(struct syslog_in *s)
{
    if (s->retired && batcher_empty(&s->batcher))
        for (struct syslog_place *p; (p = s->retired);) {
            s->retired = p->next;
            syslog_place_free(p);
        }
}

/* ---- a turn ---- */

static void now(struct syslog_in *s)
{
    s->now_us = clock_mono_us(s->clock);
    s->wall_us = clock_wall_us(s->clock);
    if (s->offset_at_us && s->now_us - s->offset_at_us < OFFSET_US)
        return;
    time_t    t = (time_t)(s->wall_us / US_PER_S);
    struct tm local;
    s->offset_at_us = s->now_us ? s->now_us : 1;
    s->utc_offset_s = localtime_r(&t, &local) ? (int32_t)local.tm_gmtoff : 0;
}

static bool is_place(const struct syslog_in *s, const void *at)
{
    for (const struct syslog_place *p = s->places; p; p = p->next)
        if (p == at)
            return true;
    return false;
}

static bool is_conn(const struct syslog_in *s, const void *at)
{
    for (const struct syslog_conn *c = s->conns; c; c = c->next)
        if (c == at)
            return true;
    return false;
}

static void read_all(struct syslog_in *s)
{
    struct epoll_event events[EVENTS];
    int                n = epoll_wait(s->epoll, events, EVENTS, 0);
    for (int i = 0; i < n; i++) {
        struct syslog_place *p = events[i].data.ptr;
        if (!is_place(s, p)) {
            if (is_conn(s, p))
                syslog_conn_read(s, events[i].data.ptr);
        } else if (p->transport == SYSLOG_UDP)
            syslog_datagrams(s, p);
        else
            syslog_accept(s, p);
    }
    for (struct syslog_conn *c = s->conns, *next; c && s->more_n; c = next) {
        next = c->next;
        if (c->more)
            syslog_conn_read(s, c);
    }
}

static void tick(struct syslog_in *s)
{
    s->deaf = false;
    if (s->now_us - s->drops_us >= DROPS_US) {
        s->drops_us = s->now_us;
        s->drops_due = false;
        for (struct syslog_place *p = s->places; p; p = p->next)
            syslog_place_drops(s, p);
    }
    for (struct syslog_conn *c = s->conns, *next; c && s->shaking_n; c = next) {
        next = c->next;
        if (c->shaking && s->now_us - c->since_us > SYSLOG_HANDSHAKE_S * US_PER_S) {
            atomic_fetch_add(&s->refused, 1);
            syslog_conn_close(s, c, false);
        }
    }
    bool again = s->now_us - s->heard_us >= DEAF_US;      /* not in every turn: it may be files that are missing */
    s->heard_us = again ? s->now_us : s->heard_us;
    for (struct syslog_place *p = s->places; p; p = p->next) {
        if (p->deaf && again && s->conns_n < s->conns_max)
            listen_to(s, p, EPOLL_CTL_MOD);
        s->deaf |= p->deaf;
    }
}

static void wait_for(struct syslog_in *s, int ms, bool only_wake)
{
    struct pollfd fds[] = { { .fd = s->wake, .events = POLLIN }, { .fd = only_wake ? -1 : s->epoll, .events = POLLIN } };
    uint64_t      times;
    if (poll(fds, 2, ms) > 0 && fds[0].revents && read(s->wake, &times, sizeof times) < 0 && errno != EAGAIN)
        log_error("the wake of who listens for syslog cannot be read", F("errno", errno));
}

/* What the kernel still holds is taken while there is room; then it is waited until all of it is durable. */
static void finish(struct syslog_in *s)
{
    now(s);
    int64_t begin_us = s->now_us;
    for (int i = 0; i < DRAIN_ROUNDS && batcher_room(&s->batcher); i++) {
        size_t before = s->turn_lines;
        read_all(s);
        if (s->turn_lines == before)
            break;
    }
    while (s->conns)
        syslog_conn_close(s, s->conns, true);
    batcher_flush(&s->batcher, s->now_us);
    while (!batcher_empty(&s->batcher) && s->now_us - begin_us < STOP_US) {
        int64_t wait = batcher_turn(&s->batcher, s->now_us);
        wait_for(s, wait < 0 || wait > 20000 ? 20 : (int)(wait / 1000) + 1, true);
        now(s);
    }
}

static void *run(void *ctx)
{
    struct syslog_in *s = ctx;
    while (!atomic_load(&s->stopping)) {
        now(s);
        told(s);
        s->turn_lines = 0;
        bool room = batcher_room(&s->batcher);
        if (room)
            read_all(s);
        tick(s);
        int64_t wait = batcher_turn(&s->batcher, s->now_us);
        sweep(s);
        if (s->more_n && room)
            continue;
        if (!room && (wait < 0 || wait > BATCH_RETRY_US))
            wait = BATCH_RETRY_US;
        if (s->turn_lines && s->turn_lines < REST_LINES)
            wait_for(s, REST_MS, true);      /* company for those that follow */
        s->drops_due |= s->turn_lines || !room;
        if ((s->shaking_n || s->drops_due) && (wait < 0 || wait > DROPS_US))
            wait = DROPS_US;
        if (s->deaf && (wait < 0 || wait > DEAF_US))
            wait = DEAF_US;
        wait_for(s, wait < 0 ? -1 : (int)((wait + 999) / 1000), !room);
    }
    finish(s);
    return NULL;
}

/* ---- life ---- */

static void nudge(struct syslog_in *s)
{
    uint64_t one = 1;
    ssize_t  n = write(s->wake, &one, sizeof one);
    (void)n;
}

static void conns_bound(struct syslog_in *s)
{
    size_t most = file_limit((size_t)SYSLOG_CONNS_MAX * 8) / 8;
    atomic_store(&s->conns_max, most < SYSLOG_CONNS_MAX ? most : SYSLOG_CONNS_MAX);
}

enum err syslog_in_start(const struct conf *conf, struct journal *j, const struct clock *clock, struct syslog_in **out, struct fault *fault)
{
    size_t n;
    *out = NULL;
    (void)conf_instances(conf, &syslog_section, &n);
    if (n == 0)
        return OK;
    struct syslog_in *s = calloc(1, sizeof *s);
    if (!s)
        return fail(fault, ERR_LIMIT, "no memory to listen for syslog");
    s->clock = clock;
    conns_bound(s);
    s->epoll = epoll_create1(EPOLL_CLOEXEC);
    s->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    (void)pthread_mutex_init(&s->lock, NULL);
    (void)pthread_cond_init(&s->heard, NULL);
    batcher_init(&s->batcher, j, ((const struct inputs_conf *)conf_of(conf, &inputs_section))->delay_us, s->wake, NULL, NULL);
    syslog_log_init(&s->log);
    enum err e = s->epoll < 0 || s->wake < 0 ? fail(fault, ERR_IO, "no epoll to listen for syslog: %s", strerror(errno)) : OK;
    if (e == OK)
        e = syslog_places_new(conf, NULL, &s->change, fault);
    if (e == OK) {
        change_take(s);
        for (const struct syslog_place *p = s->places; p; p = p->next)
            log_info("listening for syslog", F("listener", (const char *)p->name), F("host", (const char *)p->host), F("port", p->port));
        if (!(s->runs = pthread_create(&s->thread, NULL, run, s) == 0))
            e = fail(fault, ERR_LIMIT, "no thread to listen for syslog");
    }
    if (e != OK) {
        syslog_in_stop(s);
        return e;
    }
    *out = s;
    return OK;
}

enum err syslog_in_reload(struct syslog_in *s, const struct conf *conf, struct fault *fault)
{
    struct syslog_place *change = NULL;
    enum err             e = syslog_places_new(conf, s->places, &change, fault);      /* only we change the list, through the thread */
    if (e != OK)
        return e;
    conns_bound(s);
    (void)pthread_mutex_lock(&s->lock);
    s->change = change;
    s->delay_us = ((const struct inputs_conf *)conf_of(conf, &inputs_section))->delay_us;
    s->changed = true;
    nudge(s);
    while (s->changed)
        (void)pthread_cond_wait(&s->heard, &s->lock);
    (void)pthread_mutex_unlock(&s->lock);
    return OK;
}

void syslog_in_stop(struct syslog_in *s)
{
    if (!s)
        return;
    atomic_store(&s->stopping, true);
    if (s->runs) {
        nudge(s);
        (void)pthread_join(s->thread, NULL);
    }
    uint64_t lost = batcher_give_up(&s->batcher);
    if (lost)
        log_error("messages of syslog could not be kept: the journal had no room until the end", F("lost", (int64_t)lost));
    batcher_done(&s->batcher);
    while (s->conns)
        syslog_conn_close(s, s->conns, false);
    for (struct syslog_place *p, *lists[] = { s->places, s->retired }, **at = lists; at < lists + 2; at++)
        while ((p = *at)) {
            *at = p->next;
            syslog_place_free(p);
        }
    syslog_datagrams_free(s->datagrams);
    syslog_log_done(&s->log);
    if (s->epoll >= 0)
        (void)close(s->epoll);
    if (s->wake >= 0)
        (void)close(s->wake);
    (void)pthread_cond_destroy(&s->heard);
    (void)pthread_mutex_destroy(&s->lock);
    free(s);
}

/* ---- how it stands ---- */

int syslog_in_port(struct syslog_in *s, const char *name)
{
    int port = 0;
    (void)pthread_mutex_lock(&s->lock);
    for (const struct syslog_place *p = s->places; p; p = p->next)
        if (strcmp(p->name, name) == 0)
            port = p->port;
    (void)pthread_mutex_unlock(&s->lock);
    return port;
}

void syslog_in_stats(struct syslog_in *s, struct input_stats *out)
{
    struct batch_counts c;
    batcher_count(&s->batcher, &c);
    *out = (struct input_stats){ .on = true, .lines = c.lines, .bytes = c.bytes, .records = c.records, .lost = c.lost + atomic_load(&s->lost), .cut = atomic_load(&s->cut),
                                 .refused = atomic_load(&s->refused), .empty = atomic_load(&s->empty), .waiting_bytes = c.waiting_bytes, .open = atomic_load(&s->open), .held = c.held };
    (void)text_copy(out->last_error, sizeof out->last_error, c.last_error);
}

json_t *syslog_in_status(struct syslog_in *s)
{
    static const char *const words[] = { [SYSLOG_UDP] = "udp", [SYSLOG_TCP] = "tcp", [SYSLOG_TLS] = "tls" };
    json_t                  *out = json_object();
    (void)pthread_mutex_lock(&s->lock);
    for (const struct syslog_place *p = s->places; p; p = p->next)
        json_object_set_new(out, p->name, json_pack("{s:s, s:i, s:s}", "host", p->host, "port", p->port, "transport", words[p->transport]));
    (void)pthread_mutex_unlock(&s->lock);
    return out;
}
