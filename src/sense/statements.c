/* sense/statements.c */
#include "sense/statements.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* More of a pause than this between two readings makes their difference an average over too long. */
#define INTERVAL_MAX_US INT64_C(300000000)

void statements_forget(struct statements *s) { *s = (struct statements){ 0 }; }

static struct statement_sum sum_of(const struct statement_row *r)
{
    return (struct statement_sum){ .calls = r->calls, .total_ms = r->total_ms, .rows = r->rows, .square = r->square };
}

static double at_least_nothing(double v) { return v > 0 ? v : 0; }

/* a - b, never below zero: single statements can be reset or evicted, sums then shrink. */
static struct statement_sum minus(const struct statement_sum *a, const struct statement_sum *b)
{
    return (struct statement_sum){ at_least_nothing(a->calls - b->calls), at_least_nothing(a->total_ms - b->total_ms), at_least_nothing(a->rows - b->rows),
                                   at_least_nothing(a->square - b->square) };
}

static void add(struct statement_sum *to, const struct statement_sum *what)
{
    to->calls += what->calls;
    to->total_ms += what->total_ms;
    to->rows += what->rows;
    to->square += what->square;
}

static struct statement_slot *find(struct statements *s, int64_t id)
{
    for (int i = 0; i < s->followed; i++)
        if (s->slot[i].id == id)
            return &s->slot[i];
    return NULL;
}

static const struct statement_row *row_of(const struct statement_row *rows, int n, int64_t id)
{
    for (int i = 0; i < n; i++)
        if (rows[i].id == id)
            return &rows[i];
    return NULL;
}

static void advance(struct statement_slot *slot, const struct statement_row *r)
{
    struct statement_sum now = sum_of(r);
    slot->last = now.calls >= slot->raw.calls ? minus(&now, &slot->raw) : (struct statement_sum){ 0 };
    slot->raw = now;
    slot->top = r->top;
    slot->fresh = false;
    add(&slot->added, &slot->last);
}

/* The server does not have it any more: what it did since is not known, and it is followed no longer. */
static void drop_vanished(struct statements *s, const struct statement_row *rows, int n)
{
    int kept = 0;
    for (int i = 0; i < s->followed; i++)
        if (row_of(rows, n, s->slot[i].id))
            s->slot[kept++] = s->slot[i];
    s->followed = kept;
}

/* A place for a heavy newcomer: a free one, else that of the quietest which is not among the heaviest any more. */
static struct statement_slot *make_place(struct statements *s)
{
    if (s->followed < STATEMENTS_FOLLOWED)
        return &s->slot[s->followed++];
    struct statement_slot *quietest = NULL;
    for (int i = 0; i < s->followed; i++)
        if (!s->slot[i].top && !s->slot[i].fresh && (!quietest || s->slot[i].last.total_ms < quietest->last.total_ms))
            quietest = &s->slot[i];
    return quietest;
}

static void follow_newcomers(struct statements *s, const struct statement_row *rows, int n)
{
    for (int i = 0; i < n; i++) {
        if (!rows[i].top || rows[i].id == 0 || find(s, rows[i].id))
            continue;
        struct statement_slot *slot = make_place(s);
        if (slot)
            *slot = (struct statement_slot){ .id = rows[i].id, .top = true, .fresh = true, .raw = sum_of(&rows[i]) };
    }
}

void statements_take(struct statements *s, const struct statement_row *rows, int n, int64_t reset_us, int64_t dealloc, int64_t at_us)
{
    const struct statement_row *all = row_of(rows, n, 0);
    if (!all)
        return;
    bool went_back = s->known && all->calls < s->all.raw.calls * 0.5;   /* a reset without a word; evictions take little */
    bool same_story = s->known && s->reset_us == reset_us && !went_back && at_us > s->at_us && at_us - s->at_us <= INTERVAL_MAX_US;
    s->was_reset = s->known && (s->reset_us != reset_us || went_back);
    bool shrank = all->calls < s->all.raw.calls || all->total_ms < s->all.raw.total_ms * (1 - 1e-9);      /* a sum of many is not the same to the last digit */
    s->forgotten += s->known && (shrank || dealloc != s->dealloc);
    if (same_story) {
        advance(&s->all, all);
        drop_vanished(s, rows, n);
        s->rest_last = s->all.last;
        for (int i = 0; i < s->followed; i++) {
            advance(&s->slot[i], row_of(rows, n, s->slot[i].id));
            s->rest_last = minus(&s->rest_last, &s->slot[i].last);
        }
        add(&s->rest_added, &s->rest_last);
        s->interval_s = shrank ? 0 : (double)(at_us - s->at_us) / 1e6;      /* what is left of a difference then is no number of calls, and its mean no latency */
    } else {
        s->followed = 0;
        s->all.raw = sum_of(all);
        s->all.last = s->rest_last = (struct statement_sum){ 0 };
        s->interval_s = 0;
    }
    follow_newcomers(s, rows, n);
    s->known = true;
    s->reset_us = reset_us;
    s->dealloc = dealloc;
    s->at_us = at_us;
}

void statements_ids(const struct statements *s, char *out, size_t size)
{
    size_t used = (size_t)snprintf(out, size, "{");
    for (int i = 0; i < s->followed && used + 24 < size; i++)
        used += (size_t)snprintf(out + used, size - used, "%s%" PRId64, i ? "," : "", s->slot[i].id);
    (void)snprintf(out + used, size - used, "}");
}

/* ---- latencies ---- */

static double normal_cdf(double z) { return 0.5 * erfc(-z / M_SQRT2); }

/* The share of the mixture that is below x. A part without variance is a step at its mean. */
static double mixture_below(int n, const double *weight, const double *mean, const double *variance, double x)
{
    double below = 0, total = 0;
    for (int i = 0; i < n; i++) {
        total += weight[i];
        double s2 = log1p(variance[i] / (mean[i] * mean[i]));
        if (s2 < 1e-12)
            below += x >= mean[i] ? weight[i] : 0;
        else
            below += weight[i] * normal_cdf((log(x) - log(mean[i]) + s2 / 2) / sqrt(s2));
    }
    return total > 0 ? below / total : 0;
}

double mixture_quantile(int n, const double *weight, const double *mean, const double *variance, double q)
{
    double lo = INFINITY, hi = 0;
    for (int i = 0; i < n; i++) {
        if (!(weight[i] > 0) || !(mean[i] > 0))
            return (double)NAN;
        double spread = 8 * sqrt(log1p(variance[i] / (mean[i] * mean[i])));
        lo = fmin(lo, mean[i] * exp(-spread * spread / 128 - spread));
        hi = fmax(hi, mean[i] * exp(spread));
    }
    if (n == 0)
        return (double)NAN;
    for (int i = 0; i < 80 && hi / lo > 1 + 1e-9; i++) {   /* by halves on a logarithmic scale */
        double middle = sqrt(lo * hi);
        if (mixture_below(n, weight, mean, variance, middle) < q)
            lo = middle;
        else
            hi = middle;
    }
    return hi;
}

static int add_part(const struct statement_sum *d, int n, double *weight, double *mean, double *variance)
{
    if (!(d->calls > 0) || !(d->total_ms > 0))
        return n;
    weight[n] = d->calls;
    mean[n] = d->total_ms / d->calls;
    variance[n] = at_least_nothing(d->square / d->calls - mean[n] * mean[n]);
    return n + 1;
}

static void estimate_latency(const struct statements *s, struct sample *out)
{
    static const struct { enum metric metric; double q; } rows[] = { { METRIC_LATENCY_P50, 0.5 }, { METRIC_LATENCY_P95, 0.95 }, { METRIC_LATENCY_P99, 0.99 } };
    double weight[QUERIES_MAX], mean[QUERIES_MAX], variance[QUERIES_MAX];
    int    n = 0;
    for (int i = 0; i < s->followed; i++)
        if (!s->slot[i].fresh)
            n = add_part(&s->slot[i].last, n, weight, mean, variance);
    n = add_part(&s->rest_last, n, weight, mean, variance);
    if (n == 0)
        return;   /* nothing ran: there is no latency */
    out->v[METRIC_LATENCY_MEAN] = s->all.last.total_ms / s->all.last.calls;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        out->v[rows[i].metric] = mixture_quantile(n, weight, mean, variance, rows[i].q);
    out->v[METRIC_LATENCY_ESTIMATED] = 1;
}

static struct query_count count_of(int64_t id, const struct statement_sum *sum)
{
    return (struct query_count){ .id = id, .calls = sum->calls, .total_ms = sum->total_ms, .rows = sum->rows };
}

void statements_fill(const struct statements *s, bool estimate, struct sample *out)
{
    if (!s->known)
        return;
    out->queries = 0;
    for (int i = 0; i < s->followed; i++)
        out->query[out->queries++] = count_of(s->slot[i].id, &s->slot[i].added);
    out->query[out->queries++] = count_of(0, &s->rest_added);
    out->stats_reset_us = s->reset_us;
    out->forgotten = s->forgotten;
    if (s->interval_s <= 0)
        return;
    out->v[METRIC_CALLS] = s->all.last.calls / s->interval_s;
    if (estimate && s->all.last.calls > 0)
        estimate_latency(s, out);
}
