/*
 * bench/otlp_send.c - a sender of OpenTelemetry logs over gRPC that keeps its word: what was not acknowledged is sent again.
 *
 *     otlp_send --port 4317 --rate 50000 --seconds 60 --acked FILE
 *
 * A request holds --batch log records of about --size bytes.  Each record's body carries the number of its request and its place in it, so
 * that whoever reads the output can tell what is missing, what came twice, and whether a text is as it was sent.  The number of a
 * request that was acknowledged is appended to --acked (8 bytes, little end first), after the acknowledgement.  Lost connections are opened again
 * and their requests repeated; so are requests answered with a status that gRPC clients may repeat.  Any other status ends the program with 1.
 * After a SIGTERM no new request is begun; it ends when those that were begun are acknowledged. The last line is one JSON object.
 */
#include "otlp_lines.h"
#include "put.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 64, IN_FLIGHT_MAX = 64, LATENCIES_MAX = 4 * 1000 * 1000, AGAIN_NS = 50 * 1000 * 1000, WINDOW = 8 * 1024 * 1024 };
#define NS_PER_S INT64_C(1000000000)

static struct {
    int         port, connections, in_flight, batch, size, seconds;
    double      rate;
    uint64_t    base;
    const char *acked, *token, *service;
} o = { .port = 4317, .connections = 2, .in_flight = 4, .batch = 1000, .size = 300, .seconds = 10, .service = "bench" };

struct request {
    uint64_t number;
    int64_t  due_ns, sent_ns, again_ns;
    bool     waits;                          /* to be sent (again) */
    bool     used;
    int32_t  stream;
    size_t   at;                             /* of the body */
    int      status;                         /* gRPC; -1: not heard of */
    char    *body;
    size_t   n, room;
};

struct connection {
    int              fd;
    nghttp2_session *session;
    int64_t          again_ns;
    bool             connecting;
    struct request   request[IN_FLIGHT_MAX];
    char             out[256 * 1024];        /* what the socket has not taken yet */
    size_t           out_n, out_at;
};

static struct connection  connections[CONNECTIONS_MAX];
static struct template { char *bytes; size_t n, *place; } templates[OTLP_VARIANTS];     /* place: where the number of a request stands in each record */
static uint64_t           next_number, acked, sent, resent, lost, refused;
static int64_t           *latency, latencies;
static FILE              *acked_file;
static int64_t            began_ns, stop_ns;
static bool               failed;
static volatile sig_atomic_t told_to_end;

static void on_term(int number)
{
    (void)number;
    told_to_end = 1;
}

static int64_t now_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * NS_PER_S + t.tv_nsec;
}

static void die(const char *format, ...)
{
    va_list v;
    va_start(v, format);
    (void)vfprintf(stderr, format, v);
    va_end(v);
    (void)fputc('\n', stderr);
    exit(2);
}

/* ---- the body, written once; numbers are put in per request ---- */

static size_t put_text_attribute(char *to, int field, const char *key, const char *text)
{
    char   value[512], both[600];
    size_t v = put_bytes(value, 1, text, strlen(text));
    size_t n = put_bytes(both, 1, key, strlen(key));
    n += put_bytes(both + n, 2, value, v);
    return put_bytes(to, field, both, n);
}

static size_t put_fixed64(char *to, int field, uint64_t v)
{
    size_t n = put_varint(to, (uint64_t)field << 3 | 1);
    memcpy(to + n, &v, 8);
    return n + 8;
}

/* What else a record says: words, so that it packs about as well as logs do. */
static void put_words(char *to, size_t n, uint32_t seed)
{
    static const char *const word[] = { "order", "timeout", "retry", "customer", "payment", "declined", "socket", "closed", "upstream", "pool", "exhausted", "worker", "queue", "depth", "shard",
                                        "replica", "lag", "commit", "rollback", "checksum", "segment", "flush", "cache", "evicted", "token", "expired", "region", "eu-west", "us-east", "latency", "budget", "burst" };
    size_t at = 0;
    for (uint32_t k = 0; at < n; k++) {
        char        one[40];
        uint32_t    h = otlp_mix(seed, k);
        int         m = h % 3 ? snprintf(one, sizeof one, "%s ", word[h >> 8 & 31]) : snprintf(one, sizeof one, "%s=%x ", word[h >> 8 & 31], h >> 12 & 0xfffff);
        for (int i = 0; i < m && at < n; i++)
            to[at++] = one[i];
    }
    to[n] = '\0';
}

static size_t put_record(char *record, int i, int variant)
{
    static const char *const level[] = { "INFO", "INFO", "DEBUG", "ERROR" };
    static const char        severity[] = { 9, 9, 5, 17 };
    char                     body[600], line[512], ids[16], thread[32];
    struct timespec          t;
    (void)clock_gettime(CLOCK_REALTIME, &t);
    size_t n = put_fixed64(record, 1, (uint64_t)(t.tv_sec * NS_PER_S + i * 1000));
    record[n++] = 0x10;
    record[n++] = severity[i % 4];
    n += put_bytes(record + n, 3, level[i % 4], strlen(level[i % 4]));
    size_t line_n = otlp_line(line, sizeof line, i, (uint64_t)variant);
    size_t body_n = put_bytes(body, 1, line, line_n);
    n += put_bytes(record + n, 5, body, body_n);
    for (int b = 0; b < 16; b++)
        ids[b] = (char)(otlp_mix((uint32_t)(i / 4 * 16 + b), (uint32_t)variant + 7) >> 9 | (b == 0));
    n += put_bytes(record + n, 9, ids, 16);
    n += put_bytes(record + n, 10, ids + 4, 8);
    (void)snprintf(thread, sizeof thread, "worker-%u", otlp_mix((uint32_t)i, 3) % 16);
    n += put_text_attribute(record + n, 6, "thread.name", thread);
    if (o.size > (int)n + 24) {
        char   words[640];
        size_t more = (size_t)o.size - n - 22;
        put_words(words, more < sizeof words ? more : sizeof words - 1, otlp_mix((uint32_t)i, (uint32_t)variant + 1000));
        n += put_text_attribute(record + n, 6, "detail", words);
    }
    return n;
}

static void make_template(struct template *t, int variant)
{
    char   resource[512], attributes[512], *record = malloc(4096 + (size_t)o.size), *scoped = malloc(64 + (size_t)o.batch * (4096 + (size_t)o.size));
    size_t n = put_text_attribute(attributes, 1, "service.name", o.service);
    n += put_text_attribute(attributes + n, 1, "host.name", "bench-host");
    size_t resource_n = put_bytes(resource, 1, attributes, n);
    n = put_bytes(attributes, 1, "bench", 5);
    size_t scoped_n = put_bytes(scoped, 1, attributes, n);
    for (int i = 0; i < o.batch; i++)
        scoped_n += put_bytes(scoped + scoped_n, 2, record, put_record(record, i, variant));
    char  *all = malloc(scoped_n + 4096);
    size_t all_n = put_bytes(all, 1, resource, resource_n);
    all_n += put_bytes(all + all_n, 2, scoped, scoped_n);
    t->bytes = malloc(all_n + 64);
    t->place = calloc((size_t)o.batch, sizeof *t->place);
    t->n = 5 + put_bytes(t->bytes + 5, 1, all, all_n);
    t->bytes[0] = 0;
    for (int i = 0; i < 4; i++)
        t->bytes[1 + i] = (char)((t->n - 5) >> (24 - 8 * i));
    int found = 0;
    for (char *s = t->bytes; found < o.batch && (s = memmem(s, t->n - (size_t)(s - t->bytes), " req=", 5)); s += 20)
        t->place[found++] = (size_t)(s + 5 - t->bytes);
    free(all);
    free(record);
    free(scoped);
    if (found != o.batch)
        die("the body has %d places of %d", found, o.batch);
}

/* The body of the request with this number. */
static void fill(struct request *r)
{
    static const char      digit[] = "0123456789abcdef";
    const struct template *t = &templates[r->number % OTLP_VARIANTS];
    char                   hex[16];
    if (r->room < t->n) {
        free(r->body);
        r->body = malloc(t->n);
        r->room = t->n;
    }
    r->n = t->n;
    memcpy(r->body, t->bytes, t->n);
    for (int i = 0; i < 16; i++)
        hex[i] = digit[r->number >> (60 - 4 * i) & 15];
    for (int i = 0; i < o.batch; i++)
        memcpy(r->body + t->place[i], hex, 16);
}

/* ---- HTTP/2 ---- */

static ssize_t on_read(nghttp2_session *session, int32_t stream, uint8_t *buf, size_t length, uint32_t *flags, nghttp2_data_source *source, void *ctx)
{
    struct request *r = source->ptr;
    size_t          n = r->n - r->at < length ? r->n - r->at : length;
    memcpy(buf, r->body + r->at, n);
    r->at += n;
    if (r->at == r->n)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)n;
}

static void submit(struct connection *c, struct request *r)
{
    char authorization[600];
#define H(n, v) { (uint8_t *)(n), (uint8_t *)(v), strlen(n), strlen(v), NGHTTP2_NV_FLAG_NONE }
    (void)snprintf(authorization, sizeof authorization, "Bearer %s", o.token ? o.token : "");
    nghttp2_nv head[] = { H(":method", "POST"), H(":scheme", "http"), H(":path", "/opentelemetry.proto.collector.logs.v1.LogsService/Export"), H(":authority", "localhost"),
                          H("content-type", "application/grpc"), H("te", "trailers"), H("authorization", authorization) };
#undef H
    nghttp2_data_provider body = { .source.ptr = r, .read_callback = on_read };
    r->at = 0;
    r->status = -1;
    r->sent_ns = now_ns();
    r->stream = nghttp2_submit_request(c->session, NULL, head, o.token ? 7 : 6, &body, r);
    if (r->stream < 0)
        die("a request: %s", nghttp2_strerror(r->stream));
    r->waits = false;
    sent++;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_n, const uint8_t *value, size_t value_n, uint8_t flags, void *ctx)
{
    struct request *r = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (r && name_n == 11 && memcmp(name, "grpc-status", 11) == 0)
        r->status = atoi((const char *)value);
    if (r && name_n == 12 && memcmp(name, "grpc-message", 12) == 0 && r->status != 0 && r->status != 14)
        (void)fprintf(stderr, "grpc-message: %.*s\n", (int)value_n, (const char *)value);
    return 0;
}

static int on_close(nghttp2_session *session, int32_t stream, uint32_t error, void *ctx)
{
    struct request *r = nghttp2_session_get_stream_user_data(session, stream);
    if (!r)
        return 0;
    if (error == 0 && r->status == 0) {
        int64_t took = now_ns() - r->due_ns;
        if (acked_file && fwrite(&r->number, 8, 1, acked_file) != 1)
            die("cannot write %s", o.acked);
        if (acked_file)
            (void)fflush(acked_file);
        if (latencies < LATENCIES_MAX)
            latency[latencies++] = took;
        acked++;
        r->used = false;
        return 0;
    }
    bool again = error != 0 || r->status < 0 || r->status == 1 || r->status == 4 || r->status == 8 || r->status == 10 || r->status == 11 || r->status == 14 || r->status == 15;
    if (!again) {
        (void)fprintf(stderr, "the answer was gRPC status %d\n", r->status);
        failed = true;
    }
    refused += error == 0;
    resent++;
    r->waits = true;
    r->again_ns = now_ns() + AGAIN_NS;
    return 0;
}

static void drop(struct connection *c)
{
    if (c->session) {
        nghttp2_session_del(c->session);
        c->session = NULL;
        lost++;
    }
    if (c->fd >= 0)
        (void)close(c->fd);
    c->fd = -1;
    c->out_n = c->out_at = 0;
    c->again_ns = now_ns() + AGAIN_NS;
    for (int i = 0; i < o.in_flight; i++)
        if (c->request[i].used && !c->request[i].waits) {
            c->request[i].waits = true;
            resent++;
        }
}

static void start(struct connection *c)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)o.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    (void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
    if (c->fd < 0 || (connect(c->fd, (struct sockaddr *)&to, sizeof to) != 0 && errno != EINPROGRESS)) {
        drop(c);
        return;
    }
    c->connecting = true;
}

static void begin_session(struct connection *c)
{
    nghttp2_session_callbacks *callbacks;
    nghttp2_settings_entry     set[] = { { NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WINDOW } };
    (void)nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
    (void)nghttp2_session_client_new(&c->session, callbacks, c);
    nghttp2_session_callbacks_del(callbacks);
    (void)nghttp2_submit_settings(c->session, NGHTTP2_FLAG_NONE, set, 1);
}

/* What the library has to say, to the socket. False: the connection is gone. */
static bool flush(struct connection *c)
{
    for (;;) {
        while (c->out_at < c->out_n) {
            ssize_t n = write(c->fd, c->out + c->out_at, c->out_n - c->out_at);
            if (n < 0)
                return errno == EAGAIN;
            c->out_at += (size_t)n;
        }
        c->out_n = c->out_at = 0;
        for (;;) {
            const uint8_t *data;
            ssize_t        n = nghttp2_session_mem_send(c->session, &data);
            if (n < 0)
                return false;
            if (n == 0)
                break;
            memcpy(c->out + c->out_n, data, (size_t)n);
            c->out_n += (size_t)n;
            if (c->out_n + 17 * 1024 > sizeof c->out)
                break;
        }
        if (c->out_n == 0)
            return true;
    }
}

static bool take(struct connection *c)
{
    static uint8_t in[64 * 1024];
    for (;;) {
        ssize_t n = read(c->fd, in, sizeof in);
        if (n == 0 || (n < 0 && errno != EAGAIN))
            return false;
        if (n < 0)
            return true;
        if (nghttp2_session_mem_recv(c->session, in, (size_t)n) < 0)
            return false;
    }
}

/* A new request when it is its time. due is when it should have left, so that standing still counts as latency. */
static void feed(struct connection *c, int64_t now)
{
    for (int i = 0; i < o.in_flight && c->session; i++) {
        struct request *r = &c->request[i];
        if (!r->used && now < stop_ns && !told_to_end) {
            int64_t due = o.rate > 0 ? began_ns + (int64_t)((double)next_number * o.batch / o.rate * 1e9) : now;
            if (due > now)
                return;
            r->used = true;
            r->waits = true;
            r->due_ns = due;
            r->again_ns = 0;
            r->number = o.base + next_number++;
            fill(r);
        }
        if (r->used && r->waits && now >= r->again_ns && nghttp2_session_check_request_allowed(c->session))
            submit(c, r);
    }
}

static int by_size(const void *a, const void *b) { return (*(const int64_t *)a > *(const int64_t *)b) - (*(const int64_t *)a < *(const int64_t *)b); }

static double quantile(double q) { return latencies ? (double)latency[(int64_t)(q * (double)(latencies - 1))] / 1e6 : 0; }

static bool something_waits(void)
{
    for (int k = 0; k < o.connections; k++)
        for (int i = 0; i < o.in_flight; i++)
            if (connections[k].request[i].used)
                return true;
    return false;
}

int main(int argc, char **argv)
{
    for (int i = 1; i + 1 < argc; i += 2) {
        const char *k = argv[i], *v = argv[i + 1];
        if (strcmp(k, "--port") == 0) o.port = atoi(v);
        else if (strcmp(k, "--connections") == 0) o.connections = atoi(v);
        else if (strcmp(k, "--in-flight") == 0) o.in_flight = atoi(v);
        else if (strcmp(k, "--batch") == 0) o.batch = atoi(v);
        else if (strcmp(k, "--size") == 0) o.size = atoi(v);
        else if (strcmp(k, "--seconds") == 0) o.seconds = atoi(v);
        else if (strcmp(k, "--rate") == 0) o.rate = atof(v);
        else if (strcmp(k, "--base") == 0) o.base = strtoull(v, NULL, 10);
        else if (strcmp(k, "--acked") == 0) o.acked = v;
        else if (strcmp(k, "--token") == 0) o.token = v;
        else if (strcmp(k, "--service") == 0) o.service = v;
        else die("unknown option %s", k);
    }
    if (o.connections < 1 || o.connections > CONNECTIONS_MAX || o.in_flight < 1 || o.in_flight > IN_FLIGHT_MAX || o.batch < 1 || o.size > 600)
        die("an option is out of range");
    (void)signal(SIGPIPE, SIG_IGN);          /* whoever is killed leaves connections that are written to once more */
    (void)signal(SIGTERM, on_term);
    latency = malloc(LATENCIES_MAX * sizeof *latency);
    if (o.acked && !(acked_file = fopen(o.acked, "ab")))
        die("cannot open %s", o.acked);
    for (int v = 0; v < OTLP_VARIANTS; v++)
        make_template(&templates[v], v);
    began_ns = now_ns();
    stop_ns = began_ns + o.seconds * NS_PER_S;
    int64_t give_up_ns = stop_ns + 120 * NS_PER_S;
    for (int k = 0; k < o.connections; k++)
        connections[k].fd = -1;
    while (!failed && now_ns() < give_up_ns && ((now_ns() < stop_ns && !told_to_end) || something_waits())) {
        struct pollfd p[CONNECTIONS_MAX];
        int64_t       now = now_ns();
        for (int k = 0; k < o.connections; k++) {
            struct connection *c = &connections[k];
            if (c->fd < 0 && now >= c->again_ns)
                start(c);
            feed(c, now);
            if (c->session && !flush(c))
                drop(c);
            p[k] = (struct pollfd){ .fd = c->fd, .events = (short)(c->connecting ? POLLOUT : POLLIN | (c->out_n > 0 ? POLLOUT : 0)) };
        }
        (void)poll(p, (nfds_t)o.connections, o.rate > 0 ? 1 : 20);
        for (int k = 0; k < o.connections; k++) {
            struct connection *c = &connections[k];
            if (c->fd < 0 || p[k].revents == 0)
                continue;
            int       error = 0;
            socklen_t n = sizeof error;
            if (c->connecting) {
                c->connecting = false;
                if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &n) != 0 || error != 0) {
                    drop(c);
                    continue;
                }
                begin_session(c);
            }
            if ((p[k].revents & (POLLIN | POLLHUP | POLLERR) && !take(c)) || !flush(c))
                drop(c);
        }
    }
    double seconds = (double)(now_ns() - began_ns) / 1e9;
    bool   waits = something_waits();
    qsort(latency, (size_t)latencies, sizeof *latency, by_size);
    printf("{\"requests\": %llu, \"acked\": %llu, \"events\": %llu, \"resent\": %llu, \"told_to_come_again\": %llu, \"connections_lost\": %llu, \"unanswered\": %s, \"bytes_per_request\": %zu, "
           "\"seconds\": %.3f, \"ack_p50_ms\": %.2f, \"ack_p99_ms\": %.2f, \"ack_max_ms\": %.2f, \"next\": %llu}\n", (unsigned long long)sent, (unsigned long long)acked,
           (unsigned long long)(acked * (uint64_t)o.batch), (unsigned long long)resent, (unsigned long long)refused, (unsigned long long)lost, waits ? "true" : "false", templates[0].n, seconds,
           quantile(0.5), quantile(0.99), quantile(1), (unsigned long long)(o.base + next_number));
    if (acked_file)
        (void)fclose(acked_file);
    return failed || waits;
}
