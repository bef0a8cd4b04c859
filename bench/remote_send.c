/*
 * bench/remote_send.c - a sender of Prometheus remote write 1.0, as fast as the other side takes it.
 *
 *     remote_send --port 9090 --connections 4 --series 2000 --seconds 10
 *
 * Each connection has series of its own and sends one sample of each with every request, as a Prometheus with as many targets does;
 * timestamps grow, so that a receiver which minds the order is content.  The last line is one JSON object.
 */
#include "put.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <snappy-c.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 64, STEP_MS = 200, SERIES_BYTES = 640 };

static int     port = 9090, connections = 4, series = 2000, seconds = 10;
static int64_t start_ms;

struct sender {
    pthread_t thread;
    int       number;
    uint64_t  requests, refused;
    double    worst_s;
    char      why[200];
};

static double now_s(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static size_t put_label(char *to, const char *name, const char *value)
{
    char   both[300];
    size_t n = put_bytes(both, 1, name, strlen(name));
    n += put_bytes(both + n, 2, value, strlen(value));
    return put_bytes(to, 1, both, n);
}

/* The request, with the places of value and timestamp in each series; both have the same size in every request. */
static size_t make(char *body, size_t *at, int connection)
{
    size_t n = 0;
    for (int i = 0; i < series; i++) {
        char   one[SERIES_BYTES], sample[32], text[64];
        size_t m = 0;
        m += put_label(one + m, "__name__", i % 2 ? "http_request_duration_seconds_bucket" : "container_memory_working_set_bytes");
        (void)snprintf(text, sizeof text, "cluster-%d", connection % 4);
        m += put_label(one + m, "cluster", text);
        (void)snprintf(text, sizeof text, "10.%d.%d.%d:9100", connection, i >> 8 & 255, i & 255);
        m += put_label(one + m, "instance", text);
        m += put_label(one + m, "job", "kubernetes-pods");
        (void)snprintf(text, sizeof text, "%d.%d", i % 10, i % 7);
        m += put_label(one + m, "le", text);
        (void)snprintf(text, sizeof text, "namespace-%d", i % 31);
        m += put_label(one + m, "namespace", text);
        (void)snprintf(text, sizeof text, "service-%d-%08x", i % 97, (unsigned)i * 2654435761u);
        m += put_label(one + m, "pod", text);
        sample[0] = 0x09;
        memset(sample + 1, 0, 8);
        sample[9] = 0x10;
        size_t s = 10 + put_varint(sample + 10, (uint64_t)start_ms);
        m += put_bytes(one + m, 2, sample, s);
        n += put_bytes(body + n, 1, one, m);
        at[i] = n - s;                         /* the sample stands at the end of its series */
    }
    return n;
}

static bool send_all(int fd, const char *s, size_t n)
{
    while (n > 0) {
        ssize_t done = write(fd, s, n);
        if (done <= 0)
            return false;
        s += done;
        n -= (size_t)done;
    }
    return true;
}

/* The status of one answer; 0: the connection broke. */
static int answer(int fd, char *why, size_t size)
{
    char    in[8192];
    size_t  n = 0;
    char   *end = NULL;
    while (!end && n < sizeof in - 1) {
        ssize_t got = read(fd, in + n, sizeof in - 1 - n);
        if (got <= 0)
            return 0;
        n += (size_t)got;
        in[n] = '\0';
        end = strstr(in, "\r\n\r\n");
    }
    if (!end)
        return 0;
    int    status = atoi(in + 9);
    char  *length = strcasestr(in, "content-length:");
    size_t body = length && length < end ? strtoul(length + 15, NULL, 10) : 0, have = n - (size_t)(end + 4 - in);
    if (status >= 300)
        (void)snprintf(why, size, "%.*s", (int)have, end + 4);
    while (have < body) {
        ssize_t got = read(fd, in, sizeof in < body - have ? sizeof in : body - have);
        if (got <= 0)
            return 0;
        have += (size_t)got;
    }
    return status;
}

static void *run(void *arg)
{
    struct sender     *s = arg;
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int                fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char              *body = malloc((size_t)series * SERIES_BYTES);
    size_t            *at = calloc((size_t)series, sizeof *at), n = make(body, at, s->number);
    size_t             most = snappy_max_compressed_length(n);
    char              *packed = malloc(most), head[512];
    if (connect(fd, (struct sockaddr *)&to, sizeof to) != 0) {
        (void)snprintf(s->why, sizeof s->why, "connect: %s", strerror(errno));
        return NULL;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
    double end = now_s() + seconds;
    for (uint64_t k = 0; now_s() < end; k++) {
        int64_t when = start_ms + (int64_t)k * STEP_MS;
        for (int i = 0; i < series; i++) {
            double value = (double)((uint64_t)i * 7919 + k * 13 % 1000) / 8;
            memcpy(body + at[i] + 1, &value, 8);
            (void)put_varint(body + at[i] + 10, (uint64_t)when);
        }
        size_t size = most;
        if (snappy_compress(body, n, packed, &size) != SNAPPY_OK)
            abort();
        int    head_n = snprintf(head, sizeof head, "POST /api/v1/write HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-protobuf\r\nContent-Encoding: snappy\r\n"
                                                    "X-Prometheus-Remote-Write-Version: 0.1.0\r\nUser-Agent: remote_send\r\nContent-Length: %zu\r\n\r\n", size);
        double before = now_s();
        if (!send_all(fd, head, (size_t)head_n) || !send_all(fd, packed, size))
            break;
        int status = answer(fd, s->why, sizeof s->why);
        double took = now_s() - before;
        s->worst_s = took > s->worst_s ? took : s->worst_s;
        s->requests += status / 100 == 2;
        s->refused += status / 100 != 2;
        if (status == 0)
            break;
    }
    (void)close(fd);
    free(body);
    free(at);
    free(packed);
    return NULL;
}

int main(int argc, char **argv)
{
    struct sender   s[CONNECTIONS_MAX] = { 0 };
    uint64_t        requests = 0, refused = 0;
    double          worst = 0, began = now_s();
    const char     *why = "";
    struct timespec t;
    for (int i = 1; i + 1 < argc; i += 2) {
        int v = atoi(argv[i + 1]);
        if (strcmp(argv[i], "--port") == 0) port = v;
        else if (strcmp(argv[i], "--connections") == 0) connections = v;
        else if (strcmp(argv[i], "--series") == 0) series = v;
        else if (strcmp(argv[i], "--seconds") == 0) seconds = v;
        else if (strcmp(argv[i], "--ago") == 0) start_ms = -(int64_t)v * 1000;
    }
    if (connections < 1 || connections > CONNECTIONS_MAX || series < 1)
        return 2;
    (void)clock_gettime(CLOCK_REALTIME, &t);
    start_ms += (int64_t)t.tv_sec * 1000;
    for (int i = 0; i < connections; i++) {
        s[i].number = i;
        (void)pthread_create(&s[i].thread, NULL, run, &s[i]);
    }
    for (int i = 0; i < connections; i++) {
        (void)pthread_join(s[i].thread, NULL);
        requests += s[i].requests;
        refused += s[i].refused;
        worst = s[i].worst_s > worst ? s[i].worst_s : worst;
        why = *s[i].why ? s[i].why : why;
    }
    for (char *c = (char *)why; *c; c++)
        if (*c == '"' || *c == '\\' || (unsigned char)*c < ' ')
            *c = ' ';
    printf("{\"requests\": %llu, \"refused\": %llu, \"samples\": %llu, \"seconds\": %.2f, \"worst_ms\": %.1f, \"why\": \"%s\"}\n", (unsigned long long)requests, (unsigned long long)refused,
           (unsigned long long)(requests * (uint64_t)series), now_s() - began, worst * 1e3, why);
    return requests == 0;
}
