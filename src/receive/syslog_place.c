/* receive/syslog_place.c - from settings to sockets. See syslog_inside.h. */
#define ERR_STATE openssl_err_state
#include <openssl/err.h>
#include <openssl/ssl.h>
#undef ERR_STATE

#include "receive/syslog_inside.h"

#include "receive/door.h"

#include <errno.h>
#include <linux/sock_diag.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 512, DATAGRAM_BUFFER = 8 * 1024 * 1024 };

static void port_set(struct sockaddr *a, int port)
{
    if (a->sa_family == AF_INET6)
        ((struct sockaddr_in6 *)(void *)a)->sin6_port = htons((uint16_t)port);
    else
        ((struct sockaddr_in *)(void *)a)->sin_port = htons((uint16_t)port);
}

static int port_of(int fd)
{
    struct sockaddr_storage a;
    socklen_t               n = sizeof a;
    if (getsockname(fd, (struct sockaddr *)&a, &n) != 0)
        return 0;
    return ntohs(a.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&a)->sin6_port : ((struct sockaddr_in *)&a)->sin_port);
}

static int listen_on(const struct syslog_place *p, const struct addrinfo *a)
{
    struct sockaddr_storage at;
    bool                    udp = p->transport == SYSLOG_UDP;
    int                     on = 1, room = DATAGRAM_BUFFER, fd = socket(a->ai_family, (udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    memcpy(&at, a->ai_addr, a->ai_addrlen);
    port_set((struct sockaddr *)&at, p->wanted);
    /* Beyond net.core.rmem_max only with CAP_NET_ADMIN; else what is allowed. */
    if (udp && setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room) != 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    if (!udp)
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&at, a->ai_addrlen) == 0 && (udp || listen(fd, BACKLOG) == 0))
        return fd;
    int why = errno;
    (void)close(fd);
    errno = why;
    return -1;
}

static enum err socket_open(struct syslog_place *p, struct fault *fault)
{
    struct addrinfo *list = NULL, hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV };
    int              e = getaddrinfo(p->host, NULL, &hints, &list);
    if (e != 0 || !list)
        return fail(fault, ERR_IO, "syslog.%s: %s is no address: %s", p->name, p->host, gai_strerror(e));
    p->fd = listen_on(p, list);
    int why = errno;
    freeaddrinfo(list);
    if (p->fd < 0) {
        (void)fail(fault, ERR_IO, "syslog.%s: cannot listen on %s port %d: %s", p->name, p->host, p->wanted, strerror(why));
        fail_hint(fault, why == EACCES ? "Ports below 1024 need the capability CAP_NET_BIND_SERVICE." : why == EADDRNOTAVAIL ? "No interface of this machine has that address."
                                       : "Is something else listening there already?");
        return ERR_IO;
    }
    p->port = port_of(p->fd);
    p->fresh = true;
    return OK;
}

static enum err tls_of(struct syslog_place *p, const struct syslog_conf *c, struct fault *fault)
{
    enum err e = door_tls_new(c->tls_certificate, &c->tls_key, &p->tls, fault);
    if (e != OK || !*c->tls_client_ca)
        return e != OK ? fail_in(fault, "syslog.%s", p->name) : OK;
    if (SSL_CTX_load_verify_locations(p->tls, c->tls_client_ca, NULL) != 1) {
        ERR_clear_error();
        return fail(fault, ERR_INPUT, "syslog.%s: the authorities in %s cannot be used", p->name, c->tls_client_ca);
    }
    SSL_CTX_set_verify(p->tls, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    return OK;
}

static const struct syslog_place *place_same(const struct syslog_place *were, const struct syslog_place *p)
{
    while (were && ((p->wanted == 0 && strcmp(were->name, p->name) != 0) || strcmp(were->host, p->host) != 0 || were->wanted != p->wanted || were->transport != p->transport))
        were = were->next;
    return were;
}

static enum err place_new(const struct syslog_conf *c, const struct syslog_place *were, struct syslog_place **out, struct fault *fault)
{
    struct syslog_place *p = calloc(1, sizeof *p);
    *out = p;
    if (!p)
        return fail(fault, ERR_LIMIT, "no memory for syslog.%s", c->name);
    p->fd = -1;
    p->wanted = c->address.port;
    p->transport = c->transport;
    p->message_max = (size_t)c->message_max;
    if (!text_copy(p->name, sizeof p->name, c->name) || !text_copy(p->host, sizeof p->host, c->address.host) || !text_copy(p->tenant, sizeof p->tenant, c->tenant))
        return fail(fault, ERR_INPUT, "syslog.%s: its address is too long", c->name);
    (void)snprintf(p->source, sizeof p->source, "syslog:%s", p->name);
    if (p->transport == SYSLOG_TLS) {
        enum err e = tls_of(p, c, fault);
        if (e != OK)
            return e;
    }
    const struct syslog_place *was = place_same(were, p);
    if (!was)
        return socket_open(p, fault);
    p->fd = was->fd;
    p->port = was->port;
    return OK;
}

enum err syslog_places_new(const struct conf *conf, const struct syslog_place *were, struct syslog_place **out, struct fault *fault)
{
    size_t                    n;
    const struct syslog_conf *c = conf_instances(conf, &syslog_section, &n);
    enum err                  e = OK;
    *out = NULL;
    for (size_t i = 0; i < n && e == OK; i++) {
        struct syslog_place *p;
        e = place_new(&c[i], were, &p, fault);
        if (p) {
            p->next = *out;
            *out = p;
        }
    }
    if (e != OK) {
        syslog_places_drop(*out);
        *out = NULL;
    }
    return e;
}

void syslog_place_free(struct syslog_place *p)
{
    if (!p)
        return;
    if (p->fd >= 0)
        (void)close(p->fd);
    SSL_CTX_free(p->tls);
    free(p);
}

void syslog_places_drop(struct syslog_place *list)
{
    for (struct syslog_place *p; (p = list);) {
        list = p->next;
        if (!p->fresh)
            p->fd = -1;
        syslog_place_free(p);
    }
}

void syslog_place_drops(struct syslog_in *s, struct syslog_place *p)
{
    uint32_t  info[SK_MEMINFO_VARS] = { 0 };
    socklen_t n = sizeof info;
    if (p->fd < 0 || p->transport != SYSLOG_UDP || getsockopt(p->fd, SOL_SOCKET, SO_MEMINFO, info, &n) != 0 || n <= SK_MEMINFO_DROPS * sizeof info[0])
        return;
    atomic_fetch_add(&s->lost, (uint32_t)(info[SK_MEMINFO_DROPS] - p->drops));
    p->drops = info[SK_MEMINFO_DROPS];
}
