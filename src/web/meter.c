/* web/meter.c */
#include "web/meter.h"

#include "web/route.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const int64_t bound_us[METER_BUCKETS] = { 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 1000000, 2500000, 10000000 };

void meter_request(struct meter *m, int route, bool writes, int status, int64_t us)
{
    int class = status / 100, bucket = 0;
    atomic_fetch_add_explicit(&m->requests[route >= 0 && route < METER_ROUTES ? route : METER_ROUTES][class < METER_CLASSES ? class : 0], 1, memory_order_relaxed);
    if (us < 0)
        return;
    while (bucket < METER_BUCKETS && us > bound_us[bucket])
        bucket++;
    atomic_fetch_add_explicit(&m->took[writes][bucket], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&m->took_us[writes], (uint64_t)us, memory_order_relaxed);
}

static void family(struct text *out, const char *name, const char *type, const char *help)
{
    text_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

void meter_write(struct meter *m, struct text *out)
{
    family(out, "homeostat_http_requests_total", "counter", "Requests answered, by route and class of status.");
    for (size_t r = 0; r <= METER_ROUTES; r++)
        for (int c = 0; c < METER_CLASSES; c++) {
            uint64_t n = atomic_load_explicit(&m->requests[r][c], memory_order_relaxed);
            if (n > 0 && r < web_route_count)
                text_printf(out, "homeostat_http_requests_total{method=\"%s\",route=\"%s\",status=\"%dxx\"} %" PRIu64 "\n", web_routes[r].method,
                            web_routes[r].path, c, n);
            else if (n > 0)
                text_printf(out, "homeostat_http_requests_total{method=\"\",route=\"\",status=\"%dxx\"} %" PRIu64 "\n", c, n);
        }
    family(out, "homeostat_http_request_seconds", "histogram", "From the first header to the answer; the event stream is left out.");
    for (int w = 0; w < 2; w++) {
        const char *kind = w ? "write" : "read";
        uint64_t    sum = 0;
        for (int b = 0; b <= METER_BUCKETS; b++) {
            sum += atomic_load_explicit(&m->took[w][b], memory_order_relaxed);
            if (b < METER_BUCKETS)
                text_printf(out, "homeostat_http_request_seconds_bucket{kind=\"%s\",le=\"%g\"} %" PRIu64 "\n", kind, (double)bound_us[b] / 1e6, sum);
        }
        text_printf(out, "homeostat_http_request_seconds_bucket{kind=\"%s\",le=\"+Inf\"} %" PRIu64 "\n", kind, sum);
        text_printf(out, "homeostat_http_request_seconds_sum{kind=\"%s\"} %.6f\n", kind, (double)atomic_load_explicit(&m->took_us[w], memory_order_relaxed) / 1e6);
        text_printf(out, "homeostat_http_request_seconds_count{kind=\"%s\"} %" PRIu64 "\n", kind, sum);
    }
    const struct { const char *name, *type, *help; int64_t value; } plain[] = {
        { "homeostat_http_connections", "gauge", "Connections that are open.", atomic_load(&m->open_connections) },
        { "homeostat_http_waiting", "gauge", "Requests that wait for the engine.", atomic_load(&m->waiting) },
        { "homeostat_http_refused_tokens_total", "counter", "Requests with a token that is unknown or expired.", (int64_t)atomic_load(&m->refused_tokens) },
        { "homeostat_http_throttled_total", "counter", "Wrong tokens answered with 429.", (int64_t)atomic_load(&m->throttled) },
        { "homeostat_stream_subscribers", "gauge", "Clients of the event stream.", atomic_load(&m->subscribers) },
        { "homeostat_stream_sent_total", "counter", "Messages given to clients of the event stream.", (int64_t)atomic_load(&m->stream_sent) },
        { "homeostat_stream_cut_total", "counter", "Clients of the event stream cut off because they were too slow.", (int64_t)atomic_load(&m->stream_cut) },
    };
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
        family(out, plain[i].name, plain[i].type, plain[i].help);
        text_printf(out, "%s %" PRId64 "\n", plain[i].name, plain[i].value);
    }
}

/* The words of "# TYPE name kind"; false when the line is none. */
static bool meta_line(const char *line, size_t n, const char **name, size_t *name_n, const char **rest, size_t *rest_n)
{
    if (n < 8 || (strncmp(line, "# HELP ", 7) != 0 && strncmp(line, "# TYPE ", 7) != 0))
        return false;
    *name = line + 7;
    *name_n = strcspn(*name, " \n");
    *rest = *name + *name_n;
    *rest_n = n - 7 - *name_n;
    return true;
}

/* Is the family of this name said to be a counter further down? HELP stands before TYPE. */
static bool is_counter(const char *text, const char *name, size_t n)
{
    for (const char *s = text; (s = strstr(s, "# TYPE ")) != NULL; s += 7)
        if ((s == text || s[-1] == '\n') && strncmp(s + 7, name, n) == 0 && s[7 + n] == ' ')
            return strncmp(s + 8 + n, "counter", 7) == 0;
    return false;
}

void meter_openmetrics(const char *prometheus, struct text *out)
{
    static const char total[] = "_total";
    for (const char *s = prometheus; *s;) {
        size_t      n = strcspn(s, "\n"), name_n, rest_n;
        const char *name, *rest;
        if (meta_line(s, n, &name, &name_n, &rest, &rest_n)) {
            size_t cut = name_n > strlen(total) && strncmp(name + name_n - strlen(total), total, strlen(total)) == 0 && is_counter(s, name, name_n)
                             ? strlen(total) : 0;
            text_add_n(out, s, 7);
            text_add_n(out, name, name_n - cut);
            if (s[2] == 'T' && rest_n == 8 && strncmp(rest, " untyped", 8) == 0)
                text_add(out, " unknown");
            else
                text_add_n(out, rest, rest_n);
            text_add(out, "\n");
        } else if (n > 0 && s[0] != '#') {   /* other comments and empty lines have no place in OpenMetrics */
            text_add_n(out, s, n);
            text_add(out, "\n");
        }
        s += n + (s[n] == '\n');
    }
    text_add(out, "# EOF\n");
}
