/* load/report.c - see the header. */
#include "load/report.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static const struct { const char *name; double q; } percentiles[] = {
    { "p50", 0.50 }, { "p90", 0.90 }, { "p95", 0.95 }, { "p99", 0.99 }, { "p999", 0.999 },
};
#define PERCENTILES (sizeof percentiles / sizeof percentiles[0])

static bool is_open(const struct load_run *run)   { return run->rate > 0; }
static bool has_tpcc(const struct load_run *run)  { return run->client_count > 0; }
static bool has_tpch(const struct load_run *run)  { return run->stream_count > 0; }

/* What arrives in a second: of a schedule, when all of TPC-C works. */
static double full_rate(const struct load_run *run) { return run->schedule->count > 0 ? run->rate : run->rate * run->schedule->constant.tpcc; }

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

bool load_report_counts(const struct load_run *run, int class) { return class < LOAD_CLASS_QUERY_1 ? has_tpcc(run) : has_tpch(run); }

/* How TPC-C's transactions come. */
static void put_mode(const struct load_run *run, FILE *out)
{
    if (is_open(run))
        fprintf(out, ", open loop at %g transactions/s", full_rate(run));
    else if (run->options->think > 0)
        fprintf(out, ", closed loop with %g x thinking time", run->options->think);
    else
        fprintf(out, ", closed loop");
}

void load_report_head(const struct load_run *run, FILE *out)
{
    const struct load_options *o = run->options;
    if (o->json)
        return;
    fprintf(out, "%s", run->label);
    if (has_tpcc(run))
        fprintf(out, ", %d warehouses, %d clients, %s", run->scale.warehouses, run->client_count, run->isolation);
    if (has_tpcc(run) && run->scale.constants.uniform)
        fprintf(out, ", all alike likely");
    if (has_tpch(run))
        fprintf(out, ", TPC-H at scale factor %g, %d stream%s", run->scale_factor, run->stream_count, run->stream_count == 1 ? "" : "s");
    fprintf(out, ", seed %" PRIu64, run->seed);
    if (has_tpcc(run))
        put_mode(run, out);
    if (*o->schedule)
        fprintf(out, ", schedule %s", o->schedule);
    if (run->test != LOAD_TEST_LOOP)
        fprintf(out, ", %s test\n%6s %5s %5s %10s %9s  %-16s  %s\n", run->test == LOAD_TEST_POWER ? "power" : "throughput", "stream", "round", "query", "seconds", "rows",
                "digest", "parameters");
    else
        fprintf(out, "\n%9s %9s %9s %9s %9s %9s %9s %7s %7s%s%s\n", "seconds", "tps", "no tpm", "mean ms", "p50 ms", "p95 ms", "p99 ms", "errors", "retries",
                is_open(run) ? "  queued dropped" : "", has_tpch(run) ? " queries query ms" : "");
    fflush(out);
}

static json_t *schedule_at(const struct load_run *run, int64_t us)
{
    struct load_moment m = load_schedule_moment(run->schedule, us);
    struct load_share  x = load_schedule_at(run->schedule, us);
    return json_pack("{s:s?, s:i, s:I, s:o, s:o}", "phase", m.place < 0 ? NULL : run->schedule->spell[m.place].name, "place", m.place, "round", (json_int_t)m.round,
                     "tpcc_share", number(x.tpcc), "tpch_share", number(x.tpch));
}

json_t *load_report_schedule(const struct load_run *run) { return run->schedule->count > 0 ? schedule_at(run, load_run_elapsed_us(run)) : NULL; }

/* The middle of an interval, in the schedule's time: a line that ends with a phase belongs to that one. */
static int64_t middle_us(const struct load_run *run, const struct load_interval *i) { return i->what->mono_us - run->started_us - (int64_t)(i->seconds * 0.5e6); }

/* Of TPC-C and the transactions' latencies; TPC-H has two columns of its own. */
static void put_second_text(const struct load_run *run, const struct load_interval *i, FILE *out)
{
    const struct load_reading   *w = i->what;
    const struct load_histogram *h = has_tpcc(run) ? &w->tpcc : &w->tpch;
    char                         a[7][24];
    fprintf(out, "%9.1f %9s %9s %9s %9s %9s %9s %7" PRIu64 " %7" PRIu64, i->elapsed_s, cell(per_second(h->count, i->seconds), 1, a[0]),
            cell(orders_per_minute(i), 0, a[1]), cell(load_histogram_mean_us(h) / 1e3, 2, a[2]), cell(ms(h, 0.5), 2, a[3]),
            cell(ms(h, 0.95), 2, a[4]), cell(ms(h, 0.99), 2, a[5]), w->counters[LOAD_ERRORS], w->counters[LOAD_RETRIES]);
    if (is_open(run))
        fprintf(out, " %7" PRIu64 " %7" PRIu64, w->queued, w->dropped);
    if (has_tpch(run))
        fprintf(out, " %7" PRIu64 " %8s", w->tpch.count, cell(load_histogram_mean_us(&w->tpch) / 1e3, 1, a[6]));
    if (w->connected < w->clients)
        fprintf(out, "  (%" PRIu64 " of %" PRIu64 " connected)", w->connected, w->clients);
    if (run->schedule->count > 0) {
        struct load_moment m = load_schedule_moment(run->schedule, middle_us(run, i));
        fprintf(out, "  %s", m.place < 0 ? "over" : run->schedule->spell[m.place].name);
    }
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
    if (has_tpch(run)) {
        json_object_set_new(o, "tpcc_transactions", count(w->tpcc.count));
        json_object_set_new(o, "queries", count(w->tpch.count));
        json_object_set_new(o, "query_mean_ms", number(load_histogram_mean_us(&w->tpch) / 1e3));
    }
    if (run->schedule->count > 0)
        json_object_set_new(o, "schedule", schedule_at(run, middle_us(run, i)));
    put_object(o, out);
}

json_t *load_report_buckets(const struct load_histogram *h, size_t neighbours)
{
    json_t *list = json_array();
    for (size_t i = 0; i < LOAD_HISTOGRAM_BUCKETS; i += neighbours) {
        size_t   end = i + neighbours < LOAD_HISTOGRAM_BUCKETS ? i + neighbours : LOAD_HISTOGRAM_BUCKETS;
        uint64_t n = 0;
        for (size_t k = i; k < end; k++)
            n += h->counts[k];
        if (n > 0)
            json_array_append_new(list, json_pack("[I, I]", (json_int_t)load_histogram_upper(end - 1), (json_int_t)n));
    }
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

static json_t *tpcc_part(const struct load_interval *i)
{
    json_t *o = latency(&i->what->tpcc);
    json_object_set_new(o, "transactions", count(i->what->tpcc.count));
    json_object_set_new(o, "tps", number(per_second(i->what->tpcc.count, i->seconds)));
    json_object_set_new(o, "new_order_tpm", number(orders_per_minute(i)));
    return o;
}

/* The geometric mean of the queries' own means; unknown while one of the 22 has none. */
static double geometric_mean_us(const struct load_reading *w)
{
    double sum = 0;
    for (int k = LOAD_CLASS_QUERY_1; k < LOAD_CLASSES; k++)
        sum += log(load_histogram_mean_us(&w->latency[k]));
    return exp(sum / LOAD_QUERIES);
}

static json_t *tpch_part(const struct load_interval *i)
{
    json_t *o = latency(&i->what->tpch);
    json_object_set_new(o, "queries", count(i->what->tpch.count));
    json_object_set_new(o, "queries_per_hour", number(3600 * per_second(i->what->tpch.count, i->seconds)));
    json_object_set_new(o, "geometric_mean_s", number(geometric_mean_us(i->what) / 1e6));
    return o;
}

/* What ran, by benchmark; only where TPC-H is part of it, so that a run of TPC-C alone prints what it always did. */
static void put_parts(const struct load_run *run, const struct load_interval *i, json_t *o)
{
    if (has_tpcc(run))
        json_object_set_new(o, "tpcc", tpcc_part(i));
    if (has_tpch(run))
        json_object_set_new(o, "tpch", tpch_part(i));
}

static json_t *classes(const struct load_run *run, const struct load_reading *w)
{
    json_t *all = json_object();
    for (int k = 0; k < LOAD_CLASSES; k++) {
        if (!load_report_counts(run, k))
            continue;
        json_t *one = latency(&w->latency[k]);
        json_object_set_new(one, "transactions", count(w->latency[k].count));
        json_object_set_new(one, "errors", count(w->errors[k]));
        json_object_set_new(one, "retries", count(w->retries[k]));
        json_object_set_new(all, load_class_name(k), one);
    }
    return all;
}

/* What was run, on what. */
static json_t *setting(const struct load_run *run)
{
    const struct load_options *opt = run->options;
    json_t *o = json_object();
    json_object_set_new(o, "type", json_string("summary"));
    json_object_set_new(o, "target", json_string(run->label));
    json_object_set_new(o, "seed", count(run->seed));
    if (has_tpcc(run)) {
        json_object_set_new(o, "mode", json_string(is_open(run) ? "open" : "closed"));
        json_object_set_new(o, "rate", is_open(run) ? number(full_rate(run)) : json_null());
        json_object_set_new(o, "warehouses", json_integer(run->scale.warehouses));
        json_object_set_new(o, "clients", json_integer(run->client_count));
        json_object_set_new(o, "isolation", json_string(run->isolation));
        json_object_set_new(o, "draw", json_string(opt->draw));
        json_object_set_new(o, "think_time", number(opt->think));
    }
    if (has_tpch(run)) {
        json_object_set_new(o, "scale_factor", json_real(run->scale_factor));
        json_object_set_new(o, "streams", json_integer(run->stream_count));
        json_object_set_new(o, "query_timeout_s", opt->query_timeout_us ? number((double)opt->query_timeout_us / 1e6) : json_null());
    }
    if (*opt->schedule)
        json_object_set_new(o, "schedule", json_string(opt->schedule));
    return o;
}

static void put_summary_json(const struct load_run *run, const struct load_interval *i, FILE *out)
{
    const struct load_reading *w = i->what;
    json_t *o = setting(run);
    json_object_set_new(o, "interrupted", json_boolean(i->interrupted));
    json_object_set_new(o, "seconds", number(i->seconds));
    json_object_set_new(o, "warmup_s", number((double)run->options->warmup_us / 1e6));
    json_object_set_new(o, "transactions", count(w->all.count));
    json_object_set_new(o, "tps", number(per_second(w->all.count, i->seconds)));
    json_object_set_new(o, "new_order_tpm", number(orders_per_minute(i)));
    json_object_update_new(o, latency(&w->all));
    json_object_update_new(o, counters(w, is_open(run)));
    if (has_tpch(run))
        put_parts(run, i, o);
    json_object_set_new(o, "per_transaction", classes(run, w));
    json_object_set_new(o, "sum_us", count(w->all.sum_us));
    json_object_set_new(o, "buckets", load_report_buckets(&w->all, 1));
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
    char                       tpm[24], qph[24];
    fprintf(out, "\n%-13s %9s %8s %8s %8s %8s %8s %8s %8s %9s %7s %7s\n", "transaction", "count", "tps", "mean ms", "p50", "p90", "p95", "p99", "p99.9", "max", "errors", "retries");
    for (int k = 0; k < LOAD_CLASSES; k++)
        if (load_report_counts(run, k))
            put_summary_row(load_class_name(k), &w->latency[k], w->errors[k], w->retries[k], i->seconds, out);
    put_summary_row("all", &w->all, w->counters[LOAD_ERRORS], w->counters[LOAD_RETRIES], i->seconds, out);
    fprintf(out, "\n%.1f seconds%s", i->seconds, i->interrupted ? " (ended by a signal)" : "");
    if (has_tpcc(run))
        fprintf(out, ", %s New-Orders a minute", cell(orders_per_minute(i), 0, tpm));
    if (has_tpch(run))
        fprintf(out, ", %s queries an hour", cell(3600 * per_second(w->tpch.count, i->seconds), 0, qph));
    if (is_open(run))
        fprintf(out, "; %" PRIu64 " arrivals, %" PRIu64 " dropped, %" PRIu64 " left in the queue", w->arrivals, w->dropped, w->queued);
    fputc('\n', out);
    for (int c = LOAD_RETRIES + 1; c < LOAD_COUNTERS; c++)
        if (w->counters[c])
            fprintf(out, "%9" PRIu64 " %s\n", w->counters[c], load_counter_text((enum load_counter)c));
    fflush(out);
}

/* -- phases of a schedule ---------------------------------------------------------------------------------------------- */

void load_report_phase(const struct load_run *run, struct load_moment m, const struct load_interval *i, FILE *out)
{
    const struct load_spell   *p = &run->schedule->spell[m.place];
    const struct load_reading *w = i->what;
    char                       a[4][24];
    if (!run->options->json) {
        fprintf(out, "-- %s: %.1f s%s", p->name, i->seconds, i->interrupted ? " (cut short)" : "");
        if (has_tpcc(run))
            fprintf(out, ", %s tps, p95 %s ms", cell(per_second(w->tpcc.count, i->seconds), 1, a[0]), cell(ms(&w->tpcc, 0.95), 2, a[1]));
        if (has_tpch(run))
            fprintf(out, ", %" PRIu64 " queries, %s ms each", w->tpch.count, cell(load_histogram_mean_us(&w->tpch) / 1e3, 1, a[2]));
        fprintf(out, ", %" PRIu64 " errors\n", w->counters[LOAD_ERRORS]);
        fflush(out);
        return;
    }
    json_t *o = json_pack("{s:s, s:s, s:i, s:I, s:b}", "type", "phase", "name", p->name, "place", m.place, "round", (json_int_t)m.round, "interrupted", i->interrupted);
    json_object_set_new(o, "from_s", number(i->elapsed_s - i->seconds));
    json_object_set_new(o, "seconds", number(i->seconds));
    json_object_set_new(o, "errors", count(w->counters[LOAD_ERRORS]));
    put_parts(run, i, o);
    put_object(o, out);
}

/* -- tests of TPC-H ---------------------------------------------------------------------------------------------------- */

static double seconds_of(const struct load_result *r) { return (double)(r->ended_us - r->begun_us) / 1e6; }

static json_t *digest_text(uint64_t digest)
{
    char hex[17];
    (void)snprintf(hex, sizeof hex, "%016" PRIx64, digest);
    return json_string(hex);
}

static json_t *parameters(const struct load_question *q)
{
    json_t *list = json_array();
    for (int i = 0; i < load_query(q->query)->parameters; i++)
        json_array_append_new(list, json_string(q->value[i]));
    return list;
}

static void put_query_text(const struct load_result *r, FILE *out)
{
    char text[200];
    load_question_text(&r->question, text, sizeof text);
    fprintf(out, "%6d %5d %5d %10.3f ", r->stream, r->round + 1, r->question.query, seconds_of(r));
    if (r->verdict == LOAD_ANSWERED)
        fprintf(out, "%9d  %016" PRIx64 "  %s\n", r->rows, r->digest, text);
    else
        fprintf(out, "%9s  %-16s  %s\n", "-", load_verdict_name(r->verdict), text);
    fflush(out);
}

void load_report_query(struct load_run *run, const struct load_result *r)
{
    bool answered = r->verdict == LOAD_ANSWERED;
    pthread_mutex_lock(&run->print_lock);
    if (!run->options->json) {
        put_query_text(r, stdout);
    } else {
        json_t *o = json_pack("{s:s, s:i, s:i, s:i, s:i, s:s}", "type", "query", "stream", r->stream, "round", r->round + 1, "place", r->place + 1, "query", r->question.query,
                              "outcome", load_verdict_name(r->verdict));
        json_object_set_new(o, "seconds", json_real((double)(r->ended_us - r->begun_us) / 1e6));
        json_object_set_new(o, "rows", answered ? json_integer(r->rows) : json_null());
        json_object_set_new(o, "digest", answered ? digest_text(r->digest) : json_null());
        json_object_set_new(o, "parameters", parameters(&r->question));
        put_object(o, stdout);
    }
    pthread_mutex_unlock(&run->print_lock);
}

static json_t *exact(double x) { return isfinite(x) ? json_real(x) : json_null(); }

static void put_test_json(const struct load_run *run, const struct load_score *s, bool interrupted, FILE *out)
{
    json_t *o = setting(run);
    json_object_set_new(o, "test", json_string(run->test == LOAD_TEST_POWER ? "power" : "throughput"));
    json_object_set_new(o, "rounds", json_integer(run->options->rounds));
    json_object_set_new(o, "interrupted", json_boolean(interrupted));
    json_object_set_new(o, "complete", json_boolean(s->complete));
    json_object_set_new(o, "asked", json_integer(s->asked));
    json_object_set_new(o, "answered", json_integer(s->answered));
    json_object_set_new(o, "timed_out", json_integer(s->timed_out));
    json_object_set_new(o, "failed", json_integer(s->failed));
    json_object_set_new(o, "elapsed_s", exact(s->elapsed_s));
    json_object_set_new(o, "total_s", exact(s->total_s));
    json_object_set_new(o, "geometric_mean_s", exact(s->geometric_mean_s));
    json_object_set_new(o, "geometric_mean_at_least_s", exact(s->geometric_mean_at_least_s));
    json_object_set_new(o, "queries_per_hour", exact(s->queries_per_hour));
    json_object_set_new(o, "digest", s->complete ? digest_text(s->digest) : json_null());
    put_object(o, out);
}

void load_report_test(const struct load_run *run, const struct load_score *s, bool interrupted, FILE *out)
{
    char a[4][24];
    if (run->options->json) {
        put_test_json(run, s, interrupted, out);
        return;
    }
    fprintf(out, "\n%d of %d queries answered", s->answered, run->stream_count * (int)run->options->rounds * LOAD_QUERIES);
    if (s->timed_out)
        fprintf(out, ", %d timed out", s->timed_out);
    if (s->failed)
        fprintf(out, ", %d failed", s->failed);
    fprintf(out, " in %s s%s\n", cell(s->elapsed_s, 3, a[0]), interrupted ? " (ended by a signal)" : "");
    if (run->test == LOAD_TEST_POWER)
        fprintf(out, "geometric mean %s s, total %.3f s\n", cell(s->geometric_mean_s, 4, a[1]), s->total_s);
    else
        fprintf(out, "%s queries an hour, geometric mean %s s\n", cell(s->queries_per_hour, 0, a[2]), cell(s->geometric_mean_s, 4, a[1]));
    if (!s->complete && isfinite(s->geometric_mean_at_least_s))
        fprintf(out, "the geometric mean is at least %s s\n", cell(s->geometric_mean_at_least_s, 4, a[3]));
    if (s->complete)
        fprintf(out, "answers %016" PRIx64 "\n", s->digest);
    fflush(out);
}
