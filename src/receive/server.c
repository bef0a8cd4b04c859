/* receive/server.c - from settings to listening sockets and threads, and back. See server.h. */
#include "receive/server.h"

#include "receive/loop.h"

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 1024, FILES_WANTED = 8192 };

/* Of a listener that is there; fd: its sockets, which are the threads' own and are closed by them. */
struct place { char name[CONF_NAME_MAX + 1], host[256]; int wanted, port, fd[RECEIVE_THREADS_MAX]; };

struct receive_server {
    struct loop_common common;
    size_t             loops_n;
    struct loop       *loop[RECEIVE_THREADS_MAX];
    pthread_mutex_t    lock;          /* over places, and over loops_n when it grows */
    size_t             places_n;
    struct place       place[RECEIVE_LISTENERS_MAX];
};

/* ---- sockets ---- */

static int port_of(int fd)
{
    struct sockaddr_storage a;
    socklen_t               n = sizeof a;
    if (getsockname(fd, (struct sockaddr *)&a, &n) != 0)
        return 0;
    return ntohs(a.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&a)->sin6_port : ((struct sockaddr_in *)&a)->sin_port);
}

static int listen_on(const struct addrinfo *a, int port, bool shared)
{
    struct sockaddr_storage at;
    int                     on = 1, fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    memcpy(&at, a->ai_addr, a->ai_addrlen);
    if (a->ai_family == AF_INET6)
        ((struct sockaddr_in6 *)&at)->sin6_port = htons((uint16_t)port);
    else
        ((struct sockaddr_in *)&at)->sin_port = htons((uint16_t)port);
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if ((!shared || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0) && bind(fd, (struct sockaddr *)&at, a->ai_addrlen) == 0
        && listen(fd, BACKLOG) == 0)
        return fd;
    int why = errno;
    (void)close(fd);
    errno = why;
    return -1;
}

/* Sockets that share a port do not see that somebody else is there already: one that does not share does. */
static bool is_free(const struct addrinfo *a, int port)
{
    int fd = port ? listen_on(a, port, false) : -1;
    if (fd >= 0)
        (void)close(fd);
    return !port || fd >= 0;
}

/* One socket per thread, all on the same port. moves: a listener that is about to go has it still. */
static enum err sockets_open(struct place *p, size_t count, bool moves, struct fault *fault)
{
    struct addrinfo *list = NULL, hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV };
    int              e = getaddrinfo(p->host, NULL, &hints, &list);
    if (e != 0 || !list)
        return fail(fault, ERR_IO, "listeners.%s: %s is no address: %s", p->name, p->host, gai_strerror(e));
    size_t i = 0;
    p->port = p->wanted;
    for (; (moves || count == 1 || i || is_free(list, p->port)) && i < count; i++) {
        if ((p->fd[i] = listen_on(list, p->port, moves || count > 1)) < 0)
            break;
        if (p->port == 0)
            p->port = port_of(p->fd[i]);
    }
    freeaddrinfo(list);
    if (i == count)
        return OK;
    int why = errno;
    (void)fail(fault, ERR_IO, "listeners.%s: cannot listen on %s port %d: %s", p->name, p->host, p->port, strerror(why));
    fail_hint(fault, why == EACCES ? "Ports below 1024 need the capability CAP_NET_BIND_SERVICE." : why == EADDRNOTAVAIL ? "No interface of this machine has that address."
                                   : "Is something else listening there already?");
    while (i > 0)
        (void)close(p->fd[--i]);
    return ERR_IO;
}

/* ---- from one set of listeners to the next ---- */

/* Doors and sockets of the new set, made before anything changes. */
struct plan {
    size_t       count;
    struct place place[RECEIVE_LISTENERS_MAX];
    struct door *door[RECEIVE_LISTENERS_MAX];
    bool         fresh[RECEIVE_LISTENERS_MAX];
};

static const struct place *place_named(const struct receive_server *s, const char *name)
{
    for (size_t i = 0; i < s->places_n; i++)
        if (strcmp(s->place[i].name, name) == 0)
            return &s->place[i];
    return NULL;
}

static void plan_drop(struct plan *p, size_t threads)
{
    for (size_t i = 0; i < p->count; i++) {
        door_release(p->door[i]);
        for (size_t t = 0; p->fresh[i] && t < threads; t++)
            (void)close(p->place[i].fd[t]);
    }
}

static bool same_place(const struct place *a, const struct place *b) { return a->wanted == b->wanted && strcmp(a->host, b->host) == 0; }

/* Whether the port is held by listeners that will be gone, renamed or elsewhere: those share it until then. */
static bool port_moves(struct receive_server *s, int port, const struct receive_listener *l, size_t count)
{
    bool moves = false;
    for (size_t i = 0; port && i < s->places_n; i++) {
        const struct place *old = &s->place[i];
        bool                stays = false;
        for (size_t k = 0; k < count; k++)
            stays |= strcmp(l[k].name, old->name) == 0 && l[k].address.port == old->wanted && strcmp(l[k].address.host, old->host) == 0;
        for (size_t t = 0; old->port == port && !stays && t < s->loops_n; t++)
            moves |= setsockopt(old->fd[t], SOL_SOCKET, SO_REUSEPORT, &(int){ 1 }, sizeof(int)) == 0;
    }
    return moves;
}

static enum err plan_add(struct receive_server *s, struct plan *p, const struct receive_listener *all, size_t count, const struct receive_listener *l, struct fault *fault)
{
    struct place       *at = &p->place[p->count];
    const struct place *was = place_named(s, l->name);
    *at = (struct place){ .wanted = l->address.port };
    if (!text_copy(at->name, sizeof at->name, l->name) || !text_copy(at->host, sizeof at->host, l->address.host))
        return fail(fault, ERR_INPUT, "listeners.%s: the address is too long", l->name);
    for (size_t i = 0; at->wanted && i < p->count; i++)
        if (same_place(at, &p->place[i]))
            return fail(fault, ERR_INPUT, "listeners.%s: listeners.%s is at %s port %d as well", l->name, p->place[i].name, at->host, at->wanted);
    enum err e = door_new(l, &p->door[p->count], fault);
    if (e != OK)
        return e;
    p->fresh[p->count] = !was || !same_place(was, at);
    if (p->fresh[p->count])
        e = sockets_open(at, s->loops_n, port_moves(s, at->wanted, all, count), fault);
    else {
        at->port = was->port;
        memcpy(at->fd, was->fd, sizeof at->fd);
    }
    if (e != OK)
        door_release(p->door[p->count]);
    else
        p->count++;
    return e;
}

static void plan_apply(struct receive_server *s, const struct plan *p, const struct receive_conf *conf)
{
    struct loop_change change = { .conf = *conf, .count = p->count };
    for (size_t t = 0; t < s->loops_n; t++) {
        for (size_t i = 0; i < p->count; i++) {
            (void)text_copy(change.of[i].name, sizeof change.of[i].name, p->place[i].name);
            change.of[i].fd = p->fresh[i] ? p->place[i].fd[t] : -1;
            change.of[i].door = door_hold(p->door[i]);
        }
        loop_set(s->loop[t], &change);
    }
    for (size_t i = 0; i < p->count; i++)
        door_release(p->door[i]);
    pthread_mutex_lock(&s->lock);
    s->places_n = p->count;
    memcpy(s->place, p->place, p->count * sizeof p->place[0]);
    pthread_mutex_unlock(&s->lock);
}

static enum err listeners_apply(struct receive_server *s, const struct conf *conf, struct fault *fault)
{
    size_t                         count;
    const struct receive_listener *l = conf_instances(conf, &receive_listeners_section, &count);
    struct plan                   *p = calloc(1, sizeof *p);
    enum err                       e = p ? OK : fail(fault, ERR_LIMIT, "out of memory for listeners");
    for (size_t i = 0; e == OK && i < count; i++)
        e = plan_add(s, p, l, count, &l[i], fault);
    if (e == OK)
        plan_apply(s, p, &s->common.conf);
    else if (p)
        plan_drop(p, s->loops_n);
    free(p);
    return e;
}

/* ---- the server ---- */

/*
 * Connections have five eighths of the files that may be open, those of syslog an eighth.  Without the rest the journal could not begin a segment and
 * the web could not answer: a thousand idle senders would stop everything.
 */
static void limits_take(struct receive_server *s, const struct receive_conf *c)
{
    size_t  wanted = (size_t)c->connections_max / 5 * 8 + 8, files = file_limit(wanted > FILES_WANTED ? wanted : FILES_WANTED);
    int64_t most = (int64_t)(files / 8 * 5);
    s->common.conf = *c;
    if (c->connections_max <= most)
        return;
    s->common.conf.connections_max = most;
    log_warn("fewer connections are taken than receive.connections_max says, since more files may not be open; raise LimitNOFILE of the unit, or ulimit -n",
             F("connections", most), F("open_files", (int64_t)files));
}

enum err receive_server_start(const struct conf *conf, struct journal *journal, const struct receive_hooks *hooks, struct receive_server **server, struct fault *fault)
{
    const struct receive_conf *c = conf_of(conf, &receive_section);
    struct receive_server     *s = calloc(1, sizeof *s);
    size_t                     listeners;
    *server = NULL;
    if (!s)
        return fail(fault, ERR_LIMIT, "out of memory for the network side");
    (void)pthread_mutex_init(&s->lock, NULL);
    s->common = (struct loop_common){ .journal = journal, .hooks = *hooks, .clock = hooks->clock ? hooks->clock : &clock_real };
    if (!s->common.hooks.check)
        s->common.hooks.check = event_check_record;
    (void)conf_instances(conf, &receive_listeners_section, &listeners);
    if (listeners)
        limits_take(s, c);
    enum err e = OK;
    for (int64_t t = 0; e == OK && listeners && t < c->threads; t++)
        if ((e = loop_start(&s->common, &s->loop[t], fault)) == OK)
            s->loops_n++;
    if (e == OK && listeners)
        e = listeners_apply(s, conf, fault);
    if (e != OK) {
        receive_server_stop(s);
        return e;
    }
    for (size_t i = 0; i < s->places_n; i++)
        log_info("listening", F("listener", s->place[i].name), F("host", s->place[i].host), F("port", s->place[i].port));
    *server = s;
    return OK;
}

int receive_server_port(struct receive_server *s, const char *name)
{
    pthread_mutex_lock(&s->lock);
    const struct place *p = place_named(s, name);
    int                 port = p ? p->port : 0;
    pthread_mutex_unlock(&s->lock);
    return port;
}

enum err receive_server_reload(struct receive_server *s, const struct conf *conf, struct fault *fault)
{
    size_t                     listeners;
    const struct receive_conf *c = conf_of(conf, &receive_section);
    (void)conf_instances(conf, &receive_listeners_section, &listeners);
    if (s->loops_n == 0 && listeners == 0)
        return OK;
    limits_take(s, c);
    while (s->loops_n < (size_t)c->threads && s->places_n == 0) {      /* the first listeners come now */
        enum err e = loop_start(&s->common, &s->loop[s->loops_n], fault);
        if (e != OK)
            return e;
        pthread_mutex_lock(&s->lock);
        s->loops_n++;
        pthread_mutex_unlock(&s->lock);
    }
    return listeners_apply(s, conf, fault);
}

void receive_server_stop(struct receive_server *s)
{
    if (!s)
        return;
    for (size_t t = 0; t < s->loops_n; t++)
        loop_stop(s->loop[t]);
    for (size_t t = 0; t < s->loops_n; t++)
        loop_join(s->loop[t]);
    (void)pthread_mutex_destroy(&s->lock);
    free(s);
}

void receive_server_stats(struct receive_server *s, struct receive_stats *out)
{
    *out = (struct receive_stats){ 0 };
    pthread_mutex_lock(&s->lock);
    for (size_t t = 0; t < s->loops_n; t++)
        loop_stats_add(s->loop[t], out);
    pthread_mutex_unlock(&s->lock);
    out->in_flight_bytes = atomic_load(&s->common.in_flight);
}
