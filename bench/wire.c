/* bench/wire.c - see wire.h. */
#include "wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

int64_t wire_now_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

void wire_close(struct wire *w)
{
    if (w->fd >= 0)
        (void)close(w->fd);
    w->fd = -1;
    w->used = 0;
}

bool wire_open(struct wire *w)
{
    if (w->fd >= 0)
        return true;
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)w->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct timeval     limit = { .tv_sec = 60 };
    int                yes = 1;
    w->used = 0;
    w->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (w->fd < 0)
        return false;
    (void)setsockopt(w->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    (void)setsockopt(w->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (connect(w->fd, (struct sockaddr *)&to, sizeof to) == 0)
        return true;
    wire_close(w);
    return false;
}

size_t wire_format(const struct wire *w, char *out, size_t room, const char *method, const char *path, const char *extra, const char *body)
{
    int n = snprintf(out, room, "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer %s\r\n%s", method, path, w->token, extra ? extra : "");
    if (body)
        n += snprintf(out + n, room - (size_t)n, "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s", strlen(body), body);
    else
        n += snprintf(out + n, room - (size_t)n, "\r\n");
    if ((size_t)n >= room)
        abort();   /* our own requests are small */
    return (size_t)n;
}

bool wire_write(struct wire *w, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t n = send(w->fd, data, size, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            wire_close(w);
            return false;
        }
        data += n;
        size -= (size_t)n;
    }
    return true;
}

bool wire_send(struct wire *w, const char *method, const char *path, const char *extra, const char *body)
{
    char request[4096];
    return wire_open(w) && wire_write(w, request, wire_format(w, request, sizeof request, method, path, extra, body));
}

static bool more(struct wire *w)
{
    for (;;) {
        ssize_t n = recv(w->fd, w->in + w->used, sizeof w->in - 1 - w->used, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        w->used += (size_t)n;
        w->in[w->used] = '\0';
        return true;
    }
}

/* The value of a header in the head that ends at `end`, or NULL. */
static const char *header(const struct wire *w, const char *end, const char *name)
{
    size_t n = strlen(name);
    for (const char *line = strstr(w->in, "\r\n"); line && line < end; line = strstr(line + 2, "\r\n"))
        if (strncasecmp(line + 2, name, n) == 0 && line[2 + n] == ':')
            return line + 3 + n + strspn(line + 3 + n, " ");
    return NULL;
}

bool wire_receive(struct wire *w, struct wire_answer *a)
{
    char *end;
    w->used = 0;
    w->in[0] = '\0';
    while (!(end = strstr(w->in, "\r\n\r\n")))
        if (w->used >= WIRE_HEAD_MAX || !more(w)) {
            wire_close(w);
            return false;
        }
    const char *length = header(w, end, "Content-Length"), *tag = header(w, end, "ETag"), *replayed = header(w, end, "Idempotent-Replayed");
    *a = (struct wire_answer){ .status = atoi(w->in + 9), .body = end + 4, .size = length ? strtoul(length, NULL, 10) : 0 };
    a->version = tag ? strtoll(tag + 2, NULL, 10) : 0;
    a->replayed = replayed && strncmp(replayed, "true", 4) == 0;
    while ((size_t)(w->in + w->used - a->body) < a->size)
        if (w->used + 1 >= sizeof w->in || !more(w)) {
            wire_close(w);
            return false;
        }
    return true;
}
