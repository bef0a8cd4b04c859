/* tests/unit/web_client.c */
#include "web_client.h"

#include "base/text.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

int client_open(int port)
{
    int                fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) != 0) {
        perror("connect");
        abort();
    }
    return fd;
}

void client_send(int fd, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t n = send(fd, data, size, MSG_NOSIGNAL);
        if (n <= 0)
            return;
        data += n;
        size -= (size_t)n;
    }
}

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

size_t client_read(int fd, char *out, size_t size, const char *until, int timeout_ms)
{
    size_t  used = 0;
    int64_t end = now_ms() + timeout_ms;
    out[0] = '\0';
    while (used + 1 < size && !(until && strstr(out, until))) {
        int64_t left = end - now_ms();
        struct pollfd p = { .fd = fd, .events = POLLIN };
        if (left <= 0 || poll(&p, 1, (int)left) <= 0)
            break;
        ssize_t n = recv(fd, out + used, size - used - 1, 0);
        if (n <= 0)
            break;
        used += (size_t)n;
        out[used] = '\0';
    }
    return used;
}

const char *answer_header(const struct answer *a, const char *name)
{
    static _Thread_local char value[1024];
    size_t      n = strlen(name);
    for (const char *line = strstr(a->head, "\r\n"); line && line[2]; line = strstr(line + 2, "\r\n"))
        if (strncasecmp(line + 2, name, n) == 0 && line[2 + n] == ':') {
            const char *v = line + 2 + n + 1 + strspn(line + 2 + n + 1, " ");
            (void)snprintf(value, sizeof value, "%.*s", (int)strcspn(v, "\r"), v);
            return value;
        }
    return NULL;
}

void client_answer(int fd, bool head, struct answer *a)
{
    memset(a, 0, sizeof *a);
    char  *all = calloc(1, 4 * 1024 * 1024);
    size_t used = client_read(fd, all, 4 * 1024 * 1024, "\r\n\r\n", 10000);
    char  *end = strstr(all, "\r\n\r\n");
    a->body = calloc(1, 1);
    while (end && strncmp(all, "HTTP/1.1 100", 12) == 0) {   /* not the answer yet */
        memmove(all, end + 4, used - (size_t)(end + 4 - all) + 1);
        used = strlen(all);
        if (!strstr(all, "\r\n\r\n"))
            used += client_read(fd, all + used, 4 * 1024 * 1024 - used, "\r\n\r\n", 10000);
        end = strstr(all, "\r\n\r\n");
    }
    if (!end) {
        free(all);
        return;
    }
    (void)snprintf(a->head, sizeof a->head, "%.*s\r\n", (int)(end - all), all);
    a->status = atoi(all + 9);
    const char *length = answer_header(a, "Content-Length");
    if (!head && length && a->status != 304 && a->status != 204) {
        size_t want = (size_t)atol(length), have = used - (size_t)(end + 4 - all);
        while (have < want) {
            size_t n = client_read(fd, end + 4 + have, want - have + 1, NULL, 10000);
            if (n == 0)
                break;
            have += n;
        }
        free(a->body);
        a->body = calloc(1, have + 1);
        memcpy(a->body, end + 4, have);
        a->size = have;
    }
    free(all);
}

void client_ask(int port, const char *token, const char *method, const char *path, const char *headers, const char *body, struct answer *a)
{
    struct text t CLEANUP(text_done);
    text_init(&t, 16 * 1024 * 1024);
    text_printf(&t, "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n", method, path);
    if (token && *token)
        text_printf(&t, "Authorization: Bearer %s\r\n", token);
    text_add(&t, headers ? headers : "");
    if (body)
        text_printf(&t, "Content-Length: %zu\r\n", strlen(body));
    text_add(&t, "\r\n");
    text_add(&t, body ? body : "");
    int fd = client_open(port);
    client_send(fd, t.s, t.used);
    client_answer(fd, strcmp(method, "HEAD") == 0, a);
    close(fd);
}

void answer_done(struct answer *a)
{
    free(a->body);
    a->body = NULL;
}
