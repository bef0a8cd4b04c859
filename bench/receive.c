/*
 * bench/receive.c - what receiving costs: OTLP/gRPC logs through HTTP/2, the check and the journal, in records per CPU second.
 *
 *     receive FOLDER [requests] [records per request] [connections] [pack level]
 *
 * The client is another process, so that the numbers are those of the server alone: its threads and the journal's.
 */
#include "base/clock.h"
#include "base/rand.h"
#include "receive/server.h"

#include <arpa/inet.h>
#include <nghttp2/nghttp2.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { KINDS = 16, IN_FLIGHT = 8, CONNECTIONS_MAX = 64 };

/* ---- requests like those of an SDK ---- */

struct bytes { char *s; size_t n; };

static void put(struct bytes *b, const void *s, size_t n)
{
    memcpy(b->s + b->n, s, n);
    b->n += n;
}

static void put_number(struct bytes *b, uint64_t v)
{
    for (; v > 127; v >>= 7)
        b->s[b->n++] = (char)(v | 128);
    b->s[b->n++] = (char)v;
}

static void put_part(struct bytes *b, unsigned field, const void *s, size_t n)
{
    put_number(b, field << 3 | 2);
    put_number(b, n);
    put(b, s, n);
}

static void put_attr(struct bytes *b, unsigned field, const char *key, const char *value)
{
    char         text[256], any[256];
    struct bytes v = { any, 0 }, a = { text, 0 };
    put_part(&v, 1, value, strlen(value));
    put_part(&a, 1, key, strlen(key));
    put_part(&a, 2, v.s, v.n);
    put_part(b, field, a.s, a.n);
}

static size_t log_put(struct rand *r, char *to, int64_t i)
{
    static const char *const words[] = { "connection", "timeout", "user", "request", "GET", "/api/v1/items", "completed", "failed", "retry", "shard", "replica", "status" };
    struct bytes             b = { to, 0 };
    char                     text[256], any[300];
    uint64_t                 time = 1700000000000000000ull + (uint64_t)i * 1000000;
    put(&b, "\x09", 1);
    put(&b, &time, 8);
    put(&b, "\x10\x09\x1a\x04INFO", 8);
    int n = snprintf(text, sizeof text, "%s %s id=%lld %s in %lld ms", words[rand_int(r, 0, 11)], words[rand_int(r, 0, 11)], (long long)rand_int(r, 1, 999999999),
                     words[rand_int(r, 0, 11)], (long long)rand_int(r, 1, 9999));
    struct bytes body = { any, 0 };
    put_part(&body, 1, text, (size_t)n);
    put_part(&b, 5, body.s, body.n);
    put_attr(&b, 6, "http.request.method", "GET");
    put_attr(&b, 6, "url.path", words[rand_int(r, 0, 11)]);
    (void)snprintf(text, sizeof text, "%lld", (long long)rand_int(r, 200, 599));
    put_attr(&b, 6, "http.response.status_code", text);
    (void)snprintf(text, sizeof text, "10.%lld.%lld.%lld", (long long)rand_int(r, 0, 255), (long long)rand_int(r, 0, 255), (long long)rand_int(r, 0, 255));
    put_attr(&b, 6, "client.address", text);
    (void)snprintf(text, sizeof text, "session-%016llx", (unsigned long long)rand_u64(r));
    put_attr(&b, 6, "session.id", text);
    uint64_t id[3] = { rand_u64(r) | 1, rand_u64(r), rand_u64(r) | 1 };
    put_part(&b, 9, id, 16);
    put_part(&b, 10, &id[2], 8);
    return b.n;
}

static struct bytes request_make(struct rand *r, long records)
{
    struct bytes logs = { malloc((size_t)records * 600 + 64), 0 }, resource = { malloc((size_t)records * 600 + 512), 0 }, all = { malloc((size_t)records * 600 + 1024), 5 };
    char         one[600], attrs[256];
    for (long i = 0; i < records; i++)
        put_part(&logs, 2, one, log_put(r, one, i));
    struct bytes a = { attrs, 0 };
    put_attr(&a, 1, "service.name", "shop");
    put_attr(&a, 1, "host.name", "node-7");
    put_part(&resource, 1, a.s, a.n);
    put_part(&resource, 2, logs.s, logs.n);
    put_part(&all, 1, resource.s, resource.n);
    size_t n = all.n - 5;
    all.s[0] = 0;
    for (int i = 0; i < 4; i++)
        all.s[1 + i] = (char)(n >> (24 - 8 * i));
    free(logs.s);
    free(resource.s);
    return all;
}

/* ---- the client ---- */

struct client { int fd; nghttp2_session *http2; size_t open, sent[IN_FLIGHT]; const char *left; size_t left_n; };
struct stream { const struct bytes *body; size_t at; };
static long asked, good, bad;      /* of the client's process */

static ssize_t body_read(nghttp2_session *h, int32_t id, uint8_t *to, size_t room, uint32_t *flags, nghttp2_data_source *source, void *user)
{
    struct stream *s = source->ptr;
    size_t         n = s->body->n - s->at < room ? s->body->n - s->at : room;
    memcpy(to, s->body->s + s->at, n);
    s->at += n;
    if (s->at == s->body->n)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)n;
}

static int on_header(nghttp2_session *h, const nghttp2_frame *f, const uint8_t *name, size_t nn, const uint8_t *value, size_t vn, uint8_t flags, void *user)
{
    if (nn == 11 && memcmp(name, "grpc-status", 11) == 0)
        *(vn == 1 && *value == '0' ? &good : &bad) += 1;
    return 0;
}

static int on_close(nghttp2_session *h, int32_t id, uint32_t code, void *user)
{
    free(nghttp2_session_get_stream_user_data(h, id));
    ((struct client *)user)->open--;
    return 0;
}

#define NV(n, v) { (uint8_t *)(uintptr_t)(n), (uint8_t *)(uintptr_t)(v), sizeof(n) - 1, sizeof(v) - 1, NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE }

static void ask(struct client *c, const struct bytes *body)
{
    static const nghttp2_nv nv[] = { NV(":method", "POST"), NV(":scheme", "http"), NV(":authority", "h"),
        NV(":path", "/opentelemetry.proto.collector.logs.v1.LogsService/Export"), NV("content-type", "application/grpc"), NV("te", "trailers") };
    struct stream        *s = malloc(sizeof *s);
    *s = (struct stream){ body, 0 };
    nghttp2_data_provider from = { .source.ptr = s, .read_callback = body_read };
    if (nghttp2_submit_request(c->http2, NULL, nv, sizeof nv / sizeof nv[0], &from, s) < 0)
        exit(3);
    c->open++;
    asked++;
}

static void talk(struct client *c, short events)
{
    static char in[65536];
    if (events & POLLIN) {
        ssize_t n = recv(c->fd, in, sizeof in, MSG_DONTWAIT);
        if (n == 0 || (n > 0 && nghttp2_session_mem_recv(c->http2, (uint8_t *)in, (size_t)n) < 0))
            exit(4);
    }
    for (;;) {
        if (c->left_n == 0) {
            const uint8_t *s;
            ssize_t        n = nghttp2_session_mem_send(c->http2, &s);
            if (n <= 0)
                return;
            c->left = (const char *)s;
            c->left_n = (size_t)n;
        }
        ssize_t n = send(c->fd, c->left, c->left_n, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0)
            return;
        c->left += n;
        c->left_n -= (size_t)n;
    }
}

static int client_run(int port, long requests, long records, int connections)
{
    struct rand                r;
    struct bytes               body[KINDS];
    struct client              c[CONNECTIONS_MAX] = { 0 };
    struct pollfd              p[CONNECTIONS_MAX];
    nghttp2_session_callbacks *cb;
    rand_seed(&r, 7);
    for (int i = 0; i < KINDS; i++)
        body[i] = request_make(&r, records);
    if (nghttp2_session_callbacks_new(&cb) != 0)
        return 2;
    nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
    nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_close);
    printf("   a request has %zu bytes\n", body[0].n);
    for (int i = 0; i < connections; i++) {
        struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        c[i].fd = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(c[i].fd, (struct sockaddr *)&at, sizeof at) != 0 || nghttp2_session_client_new(&c[i].http2, cb, &c[i]) != 0
            || nghttp2_submit_settings(c[i].http2, 0, NULL, 0) != 0)
            return 2;
    }
    while (good + bad < requests) {
        for (int i = 0; i < connections; i++) {
            while (c[i].open < IN_FLIGHT && asked < requests)
                ask(&c[i], &body[asked % KINDS]);
            talk(&c[i], 0);
            p[i] = (struct pollfd){ .fd = c[i].fd, .events = (short)(POLLIN | (c[i].left_n ? POLLOUT : 0)) };
        }
        (void)poll(p, (nfds_t)connections, -1);
        for (int i = 0; i < connections; i++)
            talk(&c[i], p[i].revents);
    }
    printf("   %ld acknowledged, %ld refused\n", good, bad);
    return bad != 0;
}

/* ---- the server ---- */

static double cpu_s(void)
{
    struct rusage u;
    (void)getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + 1e-6 * (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

int main(int argc, char **argv)
{
    static const struct conf_section *const sections[] = { &receive_section, &receive_listeners_section };
    static const char                       text[] = "listeners: { otlp: { address: \"127.0.0.1:0\" } }\n";
    long                   requests = argc > 2 ? atol(argv[2]) : 2000, records = argc > 3 ? atol(argv[3]) : 1000;
    int                    connections = argc > 4 ? atoi(argv[4]) : 2, way[2], status = 0, port = 0;
    struct journal_options o = journal_options_default(argc > 1 ? argv[1] : "/tmp/bench-receive");
    struct receive_hooks   hooks = { 0 };
    struct fault           fault = { 0 };
    struct journal        *j = NULL;
    struct conf           *conf = NULL;
    struct receive_server *server = NULL;
    if (argc > 5)
        o.pack = atoi(argv[5]);
    o.segment_bytes = 64 << 20;
    o.size_max = 1 << 30;
    o.keep_us = 0;
    if (connections < 1 || connections > CONNECTIONS_MAX || pipe(way) != 0)
        return 2;
    pid_t child = fork();
    if (child == 0)
        return read(way[0], &port, sizeof port) == sizeof port ? client_run(port, requests, records, connections) : 2;
    if (journal_open(&o, &j, &fault) != OK || conf_load_text("bench", text, sizeof text - 1, sections, 2, &conf, NULL, &fault) != OK
        || receive_server_start(conf, j, &hooks, &server, &fault) != OK) {
        printf("%s\n", fault.text);
        return 2;
    }
    port = receive_server_port(server, "otlp");
    double  cpu = cpu_s();
    int64_t began = clock_mono_us(&clock_real);
    if (write(way[1], &port, sizeof port) != sizeof port || waitpid(child, &status, 0) != child)
        return 2;
    double took = (double)(clock_mono_us(&clock_real) - began) / 1e6;
    cpu = cpu_s() - cpu;
    struct receive_stats st;
    struct journal_stats js;
    receive_server_stats(server, &st);
    journal_stats(j, &js);
    uint64_t events = st.of[RECEIVE_OTLP_GRPC].events, n = 0;
    printf("   %.0f records per CPU second (%.2f CPU s, %.2f s, %.1f MB/s)\n", (double)events / cpu, cpu, took, (double)st.of[RECEIVE_OTLP_GRPC].bytes / 1e6 / took);
    for (int i = 0; i < RECEIVE_LATENCY_BUCKETS; i++)
        if (st.ack_latency[i])
            printf("   <= %8lld us: %5.1f %%\n", (long long)receive_latency_bounds_us[i], 100.0 * (double)(n += st.ack_latency[i]) / (double)st.of[RECEIVE_OTLP_GRPC].accepted);
    printf("   %llu groups, refused by the journal %llu\n", (unsigned long long)js.groups, (unsigned long long)js.refused);
    receive_server_stop(server);
    journal_close(j);
    conf_free(conf);
    return status != 0;
}
