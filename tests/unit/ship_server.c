/* tests/unit/ship_server.c - see ship_server.h. */
#include "ship_server.h"

#include "unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct ship_server server;

static const char nothing[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

static size_t length_of(const char *head)
{
    const char *p = strcasestr(head, "\r\ncontent-length:");
    return p ? strtoul(p + 17, NULL, 10) : 0;
}

/* False: the connection is over. */
static bool serve_one(int c)
{
    char  *all = calloc(1, REQUEST_ROOM);
    size_t have = 0, want = 0;
    char  *end = NULL;
    while (!end || have < want) {
        ssize_t n = have < REQUEST_ROOM - 1 ? read(c, all + have, REQUEST_ROOM - 1 - have) : 0;
        if (n <= 0) {
            free(all);
            return false;
        }
        have += (size_t)n;
        if (!end && (end = memmem(all, have, "\r\n\r\n", 4)))
            want = (size_t)(end + 4 - all) + length_of(all);
    }
    int i = atomic_load(&server.n);
    assert_non_null(end);
    server.head[i] = strndup(all, (size_t)(end - all));
    server.size[i] = want - (size_t)(end + 4 - all);
    server.body[i] = malloc(server.size[i] + 1);
    memcpy(server.body[i], end + 4, server.size[i]);
    server.body[i][server.size[i]] = '\0';
    free(all);
    const char *say = server.answer[i] ? server.answer[i] : nothing;
    atomic_store(&server.n, i + 1);
    if (strcmp(say, "silence") == 0) {
        char byte;
        while (read(c, &byte, 1) > 0)
            continue;
        return false;
    }
    size_t n = server.answer_size[i] ? server.answer_size[i] : strlen(say);
    return strcmp(say, "hang up") != 0 && write(c, say, n) == (ssize_t)n && i + 1 < REQUESTS_MAX;
}

static void *serve(void *ctx)
{
    (void)ctx;
    while (!atomic_load(&server.stop)) {
        int c = accept(server.fd, NULL, NULL);
        if (c < 0)
            break;
        atomic_fetch_add(&server.connections, 1);
        while (serve_one(c))
            continue;
        (void)close(c);
    }
    return NULL;
}

void server_begin(void)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t          n = sizeof a;
    memset(&server, 0, sizeof server);
    server.fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(server.fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(server.fd, 8), 0);
    assert_int_equal(getsockname(server.fd, (struct sockaddr *)&a, &n), 0);
    server.port = ntohs(a.sin_port);
    assert_int_equal(pthread_create(&server.thread, NULL, serve, NULL), 0);
}

void server_end(void)
{
    atomic_store(&server.stop, true);
    (void)shutdown(server.fd, SHUT_RDWR);
    (void)close(server.fd);
    (void)pthread_join(server.thread, NULL);
    for (int i = 0; i < REQUESTS_MAX; i++) {
        free(server.head[i]);
        free(server.body[i]);
    }
}

bool head_has(int i, const char *line) { return strcasestr(server.head[i], line) != NULL; }
