/* load/endpoint.c - libmicrohttpd on a thread of its own. */
#include "load/endpoint.h"

#include "base/text.h"
#include "load/report.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define CONNECTIONS_MAX 16
#define TIMEOUT_S       10
#define CLASS_NEIGHBOURS 8              /* buckets that a query class shows as one */
#define ANSWER_MAX      (1024 * 1024)   /* all buckets of all kinds would be about 300 kB */

struct load_endpoint {
    struct MHD_Daemon *daemon;
    struct load_run   *run;
    char               address[64];
};

/* Upper bounds of the Prometheus histogram, in microseconds. */
static const int64_t bounds_us[] = { 250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000, 30000000, 60000000 };

/* What arrives in a second at this moment. */
static double rate_now(const struct load_run *run)
{
    return run->rate * load_schedule_at(run->schedule, load_run_elapsed_us(run)).tpcc;
}

/* Each query shows its own buckets, wide ones, so that an answer stays below what those who poll will read (256 kB). */
static json_t *render_class(const struct load_reading *r, int k)
{
    json_t *o = json_pack("{s:I, s:I, s:I, s:I}", "transactions", (json_int_t)r->latency[k].count, "sum_us", (json_int_t)r->latency[k].sum_us, "errors", (json_int_t)r->errors[k],
                          "retries", (json_int_t)r->retries[k]);
    if (k >= LOAD_CLASS_QUERY_1)
        json_object_set_new(o, "buckets", load_report_buckets(&r->latency[k], CLASS_NEIGHBOURS));
    return o;
}

static char *render_latency(struct load_run *run, const struct load_reading *r)
{
    json_t *o = json_object(), *kinds = json_object();
    bool    open = run->rate > 0;
    json_object_set_new(o, "mono_us", json_integer(r->mono_us));
    json_object_set_new(o, "wall_us", json_integer(r->wall_us));
    json_object_set_new(o, "phase", json_string(load_phase_name((enum load_phase)__atomic_load_n(&run->phase, __ATOMIC_RELAXED))));
    json_object_set_new(o, "mode", json_string(open ? "open" : "closed"));
    json_object_set_new(o, "rate", open ? json_real(rate_now(run)) : json_null());
    json_object_set_new(o, "think_time", json_real(run->options->think));
    json_object_set_new(o, "clients", json_integer(load_run_workers(run)));
    json_object_set_new(o, "connected", json_integer((json_int_t)r->connected));
    json_object_set_new(o, "transactions", json_integer((json_int_t)r->all.count));
    for (int c = 0; c < LOAD_COUNTERS; c++)
        json_object_set_new(o, load_counter_name((enum load_counter)c), json_integer((json_int_t)r->counters[c]));
    if (open) {
        json_object_set_new(o, "arrivals", json_integer((json_int_t)r->arrivals));
        json_object_set_new(o, "dropped", json_integer((json_int_t)r->dropped));
        json_object_set_new(o, "queued", json_integer((json_int_t)r->queued));
    }
    for (int k = 0; k < LOAD_CLASSES; k++)
        if (load_report_counts(run, k))
            json_object_set_new(kinds, load_class_name(k), render_class(r, k));
    if (run->stream_count > 0) {
        json_object_set_new(o, "streams", json_integer(run->stream_count));
        json_object_set_new(o, "tpcc_transactions", json_integer((json_int_t)r->tpcc.count));
        json_object_set_new(o, "queries", json_integer((json_int_t)r->tpch.count));
    }
    if (run->schedule->count > 0)
        json_object_set_new(o, "schedule", load_report_schedule(run));
    json_object_set_new(o, "per_transaction", kinds);
    json_object_set_new(o, "max_us", json_integer((json_int_t)r->all.max_us));
    json_object_set_new(o, "sum_us", json_integer((json_int_t)r->all.sum_us));
    json_object_set_new(o, "buckets", load_report_buckets(&r->all, 1));
    char *text = json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(12));
    json_decref(o);
    return text;
}

static void put_per_kind(struct text *t, const struct load_run *run, const char *name, const char *help, const struct load_reading *r,
                         uint64_t (*value)(const struct load_reading *, int))
{
    text_printf(t, "# HELP homeostat_load_%s %s\n# TYPE homeostat_load_%s counter\n", name, help, name);
    for (int k = 0; k < LOAD_CLASSES; k++)
        if (load_report_counts(run, k))
            text_printf(t, "homeostat_load_%s{type=\"%s\"} %" PRIu64 "\n", name, load_class_name(k), value(r, k));
}

static uint64_t done_of(const struct load_reading *r, int k)    { return r->latency[k].count; }
static uint64_t errors_of(const struct load_reading *r, int k)  { return r->errors[k]; }
static uint64_t retries_of(const struct load_reading *r, int k) { return r->retries[k]; }

static void put_histogram(struct text *t, const char *kind, const struct load_histogram *h)
{
    uint64_t below = 0;
    size_t   i = 0;
    for (size_t b = 0; b < sizeof bounds_us / sizeof bounds_us[0]; b++) {
        for (; i < LOAD_HISTOGRAM_BUCKETS && load_histogram_upper(i) <= bounds_us[b]; i++)
            below += h->counts[i];
        text_printf(t, "homeostat_load_latency_seconds_bucket{type=\"%s\",le=\"%g\"} %" PRIu64 "\n", kind, (double)bounds_us[b] / 1e6, below);
    }
    text_printf(t, "homeostat_load_latency_seconds_bucket{type=\"%s\",le=\"+Inf\"} %" PRIu64 "\n", kind, h->count);
    text_printf(t, "homeostat_load_latency_seconds_sum{type=\"%s\"} %.6f\n", kind, (double)h->sum_us / 1e6);
    text_printf(t, "homeostat_load_latency_seconds_count{type=\"%s\"} %" PRIu64 "\n", kind, h->count);
}

static void put_gauge(struct text *t, const char *name, const char *help, double value)
{
    text_printf(t, "# HELP homeostat_load_%s %s\n# TYPE homeostat_load_%s gauge\nhomeostat_load_%s %.12g\n", name, help, name, name, value);
}

static char *render_metrics(struct load_run *run, const struct load_reading *r)
{
    struct text t;
    text_init(&t, ANSWER_MAX);
    put_per_kind(&t, run, "transactions_total", "Completed transactions.", r, done_of);
    put_per_kind(&t, run, "errors_total", "Transactions that failed.", r, errors_of);
    put_per_kind(&t, run, "retries_total", "Attempts repeated after a serialisation failure or a deadlock.", r, retries_of);
    for (int c = LOAD_RETRIES + 1; c < LOAD_COUNTERS; c++)
        text_printf(&t, "# HELP homeostat_load_%s_total %s\n# TYPE homeostat_load_%s_total counter\nhomeostat_load_%s_total %" PRIu64 "\n", load_counter_name((enum load_counter)c),
                    load_counter_text((enum load_counter)c), load_counter_name((enum load_counter)c), load_counter_name((enum load_counter)c), r->counters[c]);
    put_gauge(&t, "clients", "Connections that the run wants.", load_run_workers(run));
    put_gauge(&t, "connected", "Connections that it has.", (double)r->connected);
    if (run->rate > 0) {
        put_gauge(&t, "rate", "Arrivals a second in the open loop.", rate_now(run));
        put_gauge(&t, "queued", "Arrivals that wait for a client.", (double)r->queued);
        text_printf(&t, "# HELP homeostat_load_dropped_total Arrivals dropped because the queue was full.\n# TYPE homeostat_load_dropped_total counter\nhomeostat_load_dropped_total %" PRIu64 "\n", r->dropped);
    }
    text_add(&t, "# HELP homeostat_load_latency_seconds Latency of completed transactions, from the arrival in the open loop.\n# TYPE homeostat_load_latency_seconds histogram\n");
    for (int k = 0; k < LOAD_CLASSES; k++)
        if (load_report_counts(run, k))
            put_histogram(&t, load_class_name(k), &r->latency[k]);
    if (run->schedule->count > 0) {
        struct load_share share = load_schedule_at(run->schedule, load_run_elapsed_us(run));
        put_gauge(&t, "tpcc_share", "How much of TPC-C the schedule lets work, 0 to 1.", share.tpcc);
        put_gauge(&t, "tpch_share", "How much of TPC-H the schedule lets work, 0 to 1.", share.tpch);
    }
    return text_take(&t);
}

static const struct { const char *path, *type; char *(*render)(struct load_run *, const struct load_reading *); } routes[] = {
    { "/latency", "application/json", render_latency },
    { "/metrics", "text/plain; version=0.0.4; charset=utf-8", render_metrics },
};

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status, char *body, const char *type)
{
    struct MHD_Response *r = MHD_create_response_from_buffer(strlen(body), body, MHD_RESPMEM_MUST_FREE);
    if (!r) {
        free(body);
        return MHD_NO;
    }
    (void)MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    (void)MHD_add_response_header(r, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
        (void)MHD_add_response_header(r, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    enum MHD_Result queued = MHD_queue_response(connection, status, r);
    MHD_destroy_response(r);
    return queued;
}

static enum MHD_Result handle(void *ctx, struct MHD_Connection *connection, const char *url, const char *method, const char *version, const char *data,
                              size_t *size, void **state)
{
    (void)version, (void)data;
    struct load_endpoint *e = ctx;
    static int            seen;
    if (!*state) {   /* the headers only; the answer comes with the second call */
        *state = &seen;
        return MHD_YES;
    }
    if (*size > 0) {
        *size = 0;
        return MHD_YES;
    }
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
        return answer(connection, MHD_HTTP_METHOD_NOT_ALLOWED, strdup("read only\n"), "text/plain");
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
        if (strcmp(url, routes[i].path) != 0)
            continue;
        struct load_reading *r = malloc(sizeof *r);
        if (!r)
            return MHD_NO;
        load_run_read(e->run, r);
        char *body = routes[i].render(e->run, r);
        free(r);
        return body ? answer(connection, MHD_HTTP_OK, body, routes[i].type) : MHD_NO;
    }
    return answer(connection, MHD_HTTP_NOT_FOUND, strdup("there are /latency and /metrics\n"), "text/plain");
}

static enum err parse_address(const char *listen, struct sockaddr_storage *address, struct fault *fault)
{
    const char *colon = strrchr(listen, ':');
    char       *end = NULL, host[40];
    long        port = colon ? strtol(colon + 1, &end, 10) : -1;
    size_t      n = colon ? (size_t)(colon - listen) : 0;
    if (!colon || end == colon + 1 || *end || port < 0 || port > 65535 || n >= sizeof host)
        return fail(fault, ERR_INPUT, "--listen wants ADDRESS:PORT, like 127.0.0.1:9190, not \"%s\"", listen);
    memcpy(host, listen, n);
    host[n] = '\0';
    struct sockaddr_in  *v4 = (struct sockaddr_in *)address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)address;
    memset(address, 0, sizeof *address);
    if (strcmp(host, "[::1]") == 0) {
        v6->sin6_family = AF_INET6;
        v6->sin6_addr = in6addr_loopback;
        v6->sin6_port = htons((uint16_t)port);
        return OK;
    }
    v4->sin_family = AF_INET;
    v4->sin_port = htons((uint16_t)port);
    if (inet_pton(AF_INET, strcmp(host, "localhost") == 0 ? "127.0.0.1" : host, &v4->sin_addr) != 1)
        return fail(fault, ERR_INPUT, "--listen: \"%s\" is no address", host);
    if (ntohl(v4->sin_addr.s_addr) >> 24 != 127)
        return fail(fault, ERR_DENIED, "--listen %s: the endpoint has no protection and listens on loopback only", listen);
    return OK;
}

enum err load_endpoint_open(const char *listen, struct load_run *run, struct load_endpoint **endpoint, struct fault *fault)
{
    struct sockaddr_storage address;
    *endpoint = NULL;
    if (!listen || !*listen)
        return OK;
    enum err code = parse_address(listen, &address, fault);
    if (code != OK)
        return code;
    struct load_endpoint *e = calloc(1, sizeof *e);
    if (!e)
        return fail(fault, ERR_LIMIT, "no memory for the endpoint");
    e->run = run;
    errno = 0;
    bool is_v6 = address.ss_family == AF_INET6;
    e->daemon = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_EPOLL | (is_v6 ? MHD_USE_IPv6 : 0), 0, NULL, NULL, handle, e,
                                 MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&address, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
                                 MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)TIMEOUT_S, MHD_OPTION_END);
    if (!e->daemon) {
        free(e);
        return fail(fault, ERR_IO, "cannot listen on %s: %s", listen, errno ? strerror(errno) : "refused");
    }
    const union MHD_DaemonInfo *bound = MHD_get_daemon_info(e->daemon, MHD_DAEMON_INFO_BIND_PORT);
    (void)snprintf(e->address, sizeof e->address, "%.*s:%u", (int)(strrchr(listen, ':') - listen), listen, bound ? (unsigned)bound->port : 0u);
    *endpoint = e;
    return OK;
}

void load_endpoint_close(struct load_endpoint *e)
{
    if (!e)
        return;
    MHD_stop_daemon(e->daemon);
    free(e);
}

const char *load_endpoint_address(const struct load_endpoint *e) { return e->address; }
