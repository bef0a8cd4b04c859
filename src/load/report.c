/* load/report.c - see the header. */
#include "load/report.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static const struct { const char *name; double q; } percentiles[] = {
    { "p50", 0.50 }, { "p90", 0.90 }, { "p95", 0.95 }, { "p99", 0.99 }, { "p999", 0.999 },
};
#define PERCENTILES (sizeof percentiles / sizeof percentiles[0])

static bool is_open(const struct load_run *run) { return run->options->rate > 0; }

static double per_second(uint64_t n, double seconds) { return seconds > 0 ? (double)n / seconds : NAN; }
static double ms(const struct load_histogram *h, double q) { return load_histogram_percentile_us(h, q) / 1e3; }

static double orders_per_minute(const struct load_interval *i)
{
    return 60 * per_second(i->what->latency[LOAD_NEW_ORDER].count, i->seconds);
}

/* Unknown is null; three decimals are enough for anything here. */
static json_t *number(double x) { return isfinite(x) ? json_real(round(x * 1e3) / 1e3) : json_null(); }
static json_t *count(uint64_t n) { return json_integer((json_int_t)n); }

static void put_object(json_t *object, FILE *out)
{
    (void)json_dumpf(object, out, JSON_COMPACT | JSON_REAL_PRECISION(12));
    fputc('\n', out);
    fflush(out);
    json_decref(object);
}

/* A number in a column: unknown is a dash. */
static const char *cell(double x, int decimals, char out[24])
{
    if (isfinite(x))
        (void)snprintf(out, 24, "%.*f", decimals, x);
    else
        (void)snprintf(out, 24, "-");
    return out;
}

void load_report_head(const struct load_run *run, FILE *out)
{
    const struct load_options *o = run->options;
    if (o->json)
        return;
    fprintf(out, "%s, %d warehouses, %d clients, %s, seed %" PRIu64 ", ", run->label, run->scale.warehouses, run->client_count, run->isolation, run->seed);
    if (is_open(run))
        fprintf(out, "open loop at %g transactions/s\n", o->rate);
    else if (o->think > 0)
        fprintf(out, "closed loop with %g x thinking time\n", o->think);
    else
        fprintf(out, "closed loop\n");
    fprintf(out, "%9s %9s %9s %9s %9s %9s %9s %7s %7s%s\n", "seconds", "tps", "no tpm", "mean ms", "p50 ms", "p95 ms", "p99 ms", "errors", "retries",
            is_open(run) ? "  queued dropped" : "");
    fflush(out);
}

static void put_second_text(const struct load_run *run, const struct load_interval *i, FILE *out)
{
    const struct load_reading *w = i->what;
    char                       a[6][24];
    fprintf(out, "%9.1f %9s %9s %9s %9s %9s %9s %7" PRIu64 " %7" PRIu64, i->elapsed_s, cell(per_second(w->all.count, i->seconds), 1, a[0]),
            cell(orders_per_minute(i), 0, a[1]), cell(load_histogram_mean_us(&w->all) / 1e3, 2, a[2]), cell(ms(&w->all, 0.5), 2, a[3]),
            cell(ms(&w->all, 0.95), 2, a[4]), cell(ms(&w->all, 0.99), 2, a[5]), w->counters[LOAD_ERRORS], w->counters[LOAD_RETRIES]);
    if (is_open(run))
        fprintf(out, " %7" PRIu64 " %7" PRIu64, w->queued, w->dropped);
    if (w->connected < w->clients)
        fprintf(out, "  (%" PRIu64 " of %" PRIu64 " connected)", w->connected, w->clients);
    fprintf(out, "%s\n", i->phase == LOAD_WARMUP ? "  warm-up" : "");
    fflush(out);
}

static json_t *counters(const struct load_reading *w, bool open)
{
    json_t *o = json_object();
    for (int c = 0; c < LOAD_COUNTERS; c++)
        json_object_set_new(o, load_counter_name((enum load_counter)c), count(w->counters[c]));
    if (open) {
        json_object_set_new(o, "arrivals", count(w->arrivals));
        json_object_set_new(o, "dropped", count(w->dropped));
        json_object_set_new(o, "queued", count(w->queued));
    }
    return o;
}

void load_report_second(const struct load_run *run, const struct load_interval *i, FILE *out)
{
    if (!run->options->json) {
        put_second_text(run, i, out);
        return;
    }
    const struct load_reading *w = i->what;
    json_t *o = json_object();
    json_object_set_new(o, "type", json_string("second"));
    json_object_set_new(o, "elapsed_s", number(i->elapsed_s));
    json_object_set_new(o, "seconds", number(i->seconds));
    json_object_set_new(o, "wall_us", json_integer(w->wall_us));
    json_object_set_new(o, "phase", json_string(load_phase_name(i->phase)));
    json_object_set_new(o, "transactions", count(w->all.count));
    json_object_set_new(o, "tps", number(per_second(w->all.count, i->seconds)));
    json_object_set_new(o, "new_order_tpm", number(orders_per_minute(i)));
    json_object_set_new(o, "mean_ms", number(load_histogram_mean_us(&w->all) / 1e3));
    for (size_t p = 0; p < PERCENTILES; p++) {
        char name[24];
        (void)snprintf(name, sizeof name, "%s_ms", percentiles[p].name);
        json_object_set_new(o, name, number(ms(&w->all, percentiles[p].q)));
    }
    json_object_set_new(o, "max_ms", number(w->all.count ? (double)w->all.max_us / 1e3 : NAN));
    json_object_set_new(o, "connected", count(w->connected));
    json_object_update_new(o, counters(w, is_open(run)));
    put_object(o, out);
}

json_t *load_report_buckets(const struct load_histogram *h)
{
    json_t *list = json_array();
    for (size_t i = 0; i < LOAD_HISTOGRAM_BUCKETS; i++)
        if (h->counts[i])
            json_array_append_new(list, json_pack("[I, I]", (json_int_t)load_histogram_upper(i), (json_int_t)h->counts[i]));
    return list;
}

static json_t *latency(const struct load_histogram *h)
{
    json_t *o = json_object();
    json_object_set_new(o, "mean_ms", number(load_histogram_mean_us(h) / 1e3));
    for (size_t p = 0; p < PERCENTILES; p++) {
        char name[24];
        (void)snprintf(name, sizeof name, "%s_ms", percentiles[p].name);
        json_object_set_new(o, name, number(ms(h, percentiles[p].q)));
    }
    json_object_set_new(o, "max_ms", number(h->count ? (double)h->max_us / 1e3 : NAN));
    return o;
}

static void put_summary_json(const struct load_run *run, const struct load_interval *i, FILE *out)
{
    const struct load_reading *w = i->what;
    const struct load_options *opt = run->options;
    json_t *o = json_object(), *kinds = json_object();
    json_object_set_new(o, "type", json_string("summary"));
    json_object_set_new(o, "mode", json_string(is_open(run) ? "open" : "closed"));
    json_object_set_new(o, "rate", is_open(run) ? number(opt->rate) : json_null());
    json_object_set_new(o, "target", json_string(run->label));
    json_object_set_new(o, "warehouses", json_integer(run->scale.warehouses));
    json_object_set_new(o, "clients", json_integer(run->client_count));
    json_object_set_new(o, "isolation", json_string(run->isolation));
    json_object_set_new(o, "think_time", number(opt->think));
    json_object_set_new(o, "seed", count(run->seed));
    json_object_set_new(o, "interrupted", json_boolean(i->interrupted));
    json_object_set_new(o, "seconds", number(i->seconds));
    json_object_set_new(o, "warmup_s", number((double)opt->warmup_us / 1e6));
    json_object_set_new(o, "transactions", count(w->all.count));
    json_object_set_new(o, "tps", number(per_second(w->all.count, i->seconds)));
    json_object_set_new(o, "new_order_tpm", number(orders_per_minute(i)));
    json_object_update_new(o, latency(&w->all));
    json_object_update_new(o, counters(w, is_open(run)));
    for (int k = 0; k < LOAD_KINDS; k++) {
        json_t *kind = latency(&w->latency[k]);
        json_object_set_new(kind, "transactions", count(w->latency[k].count));
        json_object_set_new(kind, "errors", count(w->errors[k]));
        json_object_set_new(kind, "retries", count(w->retries[k]));
        json_object_set_new(kinds, load_kind_name((enum load_kind)k), kind);
    }
    json_object_set_new(o, "per_transaction", kinds);
    json_object_set_new(o, "sum_us", count(w->all.sum_us));
    json_object_set_new(o, "buckets", load_report_buckets(&w->all));
    put_object(o, out);
}

static void put_summary_row(const char *name, const struct load_histogram *h, uint64_t errors, uint64_t retries, double seconds, FILE *out)
{
    char a[8][24];
    fprintf(out, "%-13s %9" PRIu64 " %8s %8s %8s %8s %8s %8s %8s %9s %7" PRIu64 " %7" PRIu64 "\n", name, h->count, cell(per_second(h->count, seconds), 1, a[0]),
            cell(load_histogram_mean_us(h) / 1e3, 2, a[1]), cell(ms(h, 0.5), 2, a[2]), cell(ms(h, 0.9), 2, a[3]), cell(ms(h, 0.95), 2, a[4]),
            cell(ms(h, 0.99), 2, a[5]), cell(ms(h, 0.999), 2, a[6]), cell(h->count ? (double)h->max_us / 1e3 : NAN, 2, a[7]), errors, retries);
}

void load_report_summary(const struct load_run *run, const struct load_interval *i, FILE *out)
{
    if (run->options->json) {
        put_summary_json(run, i, out);
        return;
    }
    const struct load_reading *w = i->what;
    char                       tpm[24];
    fprintf(out, "\n%-13s %9s %8s %8s %8s %8s %8s %8s %8s %9s %7s %7s\n", "transaction", "count", "tps", "mean ms", "p50", "p90", "p95", "p99", "p99.9", "max", "errors", "retries");
    for (int k = 0; k < LOAD_KINDS; k++)
        put_summary_row(load_kind_name((enum load_kind)k), &w->latency[k], w->errors[k], w->retries[k], i->seconds, out);
    put_summary_row("all", &w->all, w->counters[LOAD_ERRORS], w->counters[LOAD_RETRIES], i->seconds, out);
    fprintf(out, "\n%.1f seconds%s, %s New-Orders a minute", i->seconds, i->interrupted ? " (ended by a signal)" : "", cell(orders_per_minute(i), 0, tpm));
    if (is_open(run))
        fprintf(out, "; %" PRIu64 " arrivals, %" PRIu64 " dropped, %" PRIu64 " left in the queue", w->arrivals, w->dropped, w->queued);
    fputc('\n', out);
    for (int c = LOAD_RETRIES + 1; c < LOAD_COUNTERS; c++)
        if (w->counters[c])
            fprintf(out, "%9" PRIu64 " %s\n", w->counters[c], load_counter_text((enum load_counter)c));
    fflush(out);
}
