/* digest/increase.c - rates, resets and the differences of histograms. */
#include "digest/increase.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#define SECOND_NS  1e9
enum { SCALE_LEAST = -20, SCALE_MOST = 40 };           /* beyond them a bucket holds everything, or nothing */
#define FRESH_NS   (INT64_C(300) * 1000000000)      /* a first point whose start is no older counts from there */

void series_state_done(struct series_state *s)
{
    free(s->prev);
    *s = (struct series_state){ 0 };
}

void series_state_end(struct series_state *s)
{
    int64_t counted = s->last_ns ? s->last_ns : s->start_ns;
    series_state_done(s);
    s->start_ns = counted;
}

void series_state_save(const struct series_state *s, struct pack *out)
{
    pack_i(out, s->last_ns);
    pack_i(out, s->start_ns);
    pack_r(out, s->last);
    pack_u(out, s->count);
    pack_u(out, s->zero);
    pack_u(out, s->prev_n);
    if (!s->prev_n)
        return;
    pack_u(out, s->bounds);
    pack_u(out, s->prev_negative);
    pack_i(out, s->scale);
    pack_i(out, s->offset);
    pack_i(out, s->negative_offset);
    for (uint32_t i = 0; i < s->prev_n; i++)
        pack_u(out, s->prev[i]);
}

bool series_state_load(struct series_state *s, struct unpack *u, bool with_bounds)
{
    *s = (struct series_state){ .last_ns = unpack_i(u), .start_ns = 0 };      /* in nanoseconds 2^61 is the year 2043, and a start is whatever somebody said */
    s->start_ns = unpack_i(u);
    s->last = unpack_r(u);
    s->count = unpack_u(u);
    s->zero = unpack_u(u);
    size_t n = unpack_count(u, 1);
    if (s->last_ns < 0 || !n)
        return !u->bad && s->last_ns >= 0;
    s->bounds = with_bounds ? unpack_u(u) : 0;
    uint64_t negative = unpack_u(u);
    s->scale = (int32_t)unpack_i(u);
    s->offset = (int32_t)unpack_i(u);
    s->negative_offset = (int32_t)unpack_i(u);
    if (u->bad || negative > n || n > 2 * INCREASE_BUCKETS_MAX || !(s->prev = calloc(n, sizeof *s->prev)))
        return false;
    s->prev_n = (uint32_t)n;
    s->prev_negative = (uint32_t)negative;
    for (size_t i = 0; i < n; i++)
        s->prev[i] = unpack_u(u);
    return !u->bad;
}

static bool ends(struct slice s, struct slice with) { return s.n >= with.n && memcmp(s.s + s.n - with.n, with.s, with.n) == 0; }

bool increase_is_counter_name(struct slice name)
{
    return ends(name, SLICE("_total")) || ends(name, SLICE("_count")) || ends(name, SLICE("_sum")) || ends(name, SLICE("_bucket"));
}

static bool has_start(const struct point_event *p) { return p->start_ns > 0 && p->start_ns < p->time_ns; }

/* Since when a first point counts: its start, if that is fresh, and after what was counted before it was forgotten; 0: cannot be told. */
static int64_t fresh_start(const struct series_state *s, const struct point_event *p)
{
    return has_start(p) && p->time_ns - p->start_ns <= FRESH_NS && p->start_ns >= s->start_ns ? p->start_ns : 0;
}

static bool is_delta(const struct point_event *p)
{
    return p->temporality == TEMPORALITY_DELTA && (p->kind == POINT_SUM || p->kind == POINT_HISTOGRAM || p->kind == POINT_EXPONENTIAL);
}

static void keep(struct series_state *s, const struct point_event *p)
{
    if (p->time_ns < s->last_ns)                         /* a delta that came later than its successor */
        return;
    s->last_ns = p->time_ns;
    s->start_ns = p->start_ns;
    s->last = p->value;
}

/* It says that it began after the last point. A start that is later than the point itself is from a clock that was put back: it says nothing. */
static bool began_anew(const struct series_state *s, const struct point_event *p) { return p->start_ns > s->last_ns && p->start_ns <= p->time_ns && s->start_ns; }

static void counter(struct series_state *s, const struct point_event *p, struct increase *out)
{
    double  up = p->value;
    int64_t since = 0;
    if (!s->last_ns) {
        since = fresh_start(s, p);
    } else if (p->value < s->last || began_anew(s, p)) {
        out->reset = true;                               /* it began at zero, at its start when that is after the last point */
        since = p->start_ns > s->last_ns && p->start_ns < p->time_ns ? p->start_ns : s->last_ns;
    } else {
        up -= s->last;
        since = s->last_ns;
    }
    keep(s, p);
    if (since) {
        out->kind = INCREASE_VALUE;
        out->value = up / ((double)(p->time_ns - since) / SECOND_NS);
    }
}

static void delta(struct series_state *s, const struct point_event *p, struct increase *out)
{
    int64_t since = has_start(p) ? p->start_ns : s->last_ns;
    keep(s, p);
    if (since) {
        out->kind = INCREASE_VALUE;
        out->value = p->value / ((double)(p->time_ns - since) / SECOND_NS);
    }
}

static void bucket(struct increase *out, double value, double upper, uint64_t times)
{
    if (!times)
        return;
    out->bucket[out->buckets].value = value;
    out->bucket[out->buckets++].times = times;
    if (!(upper <= out->max))                            /* also while it is NAN */
        out->max = upper;
}

/*
 * What is between two bounds is taken to lie in their middle; beyond the last, at it; without any, at the average, if that is known.  The
 * point's own ends are bounds, too, where they are those of what is new.
 */
static void explicit_buckets(const struct point_event *p, const uint64_t *before, struct increase *out)
{
    bool   own = !before && !(p->min > p->max);
    double least = own && isfinite(p->min) ? p->min : (double)NAN, most = own && isfinite(p->max) ? p->max : (double)NAN;
    for (size_t i = 0; i < p->counts_n; i++) {
        uint64_t times = p->counts[i] - (before ? before[i] : 0);
        double   low = i ? fmax(p->bounds[i - 1], least) : least, high = i < p->bounds_n ? fmin(p->bounds[i], most) : most, value = (low + high) / 2;
        if (!p->bounds_n) {
            value = high = out->sum / (double)out->n;
        } else if (!isfinite(high) || low > high) {
            value = high = low;
        } else if (!isfinite(low)) {
            value = high > 0 ? high / 2 : high;
        }
        bucket(out, value, high, isfinite(value) ? times : 0);
    }
}

static void side(struct increase *out, const struct side *s, int32_t scale, const uint64_t *counts, double sign)
{
    for (size_t i = 0; i < s->n; i++) {
        double step = ldexp(1, -scale), low = exp2((double)(s->offset + (int64_t)i) * step), high = exp2((double)(s->offset + (int64_t)i + 1) * step);
        double value = sqrt(low) * sqrt(high);
        if (isfinite(value))
            bucket(out, sign * value, sign > 0 ? high : -low, counts[i]);
    }
}

/* What is new on a side: a coarser scale puts 2^shift of the buckets that came before into one. prev may be NULL. */
static void new_on_side(const struct side *s, const uint64_t *prev, uint32_t n, int32_t offset, int32_t shift, uint64_t out[INCREASE_BUCKETS_MAX])
{
    uint64_t before[INCREASE_BUCKETS_MAX] = { 0 };
    for (uint32_t i = 0; prev && i < n; i++) {
        int64_t at = (((int64_t)offset + i) >> shift) - s->offset;
        if (at >= 0 && at < (int64_t)s->n)
            before[at] += prev[i];
    }
    for (size_t i = 0; i < s->n; i++)
        out[i] = s->counts[i] > before[i] ? s->counts[i] - before[i] : 0;
}

/* All that the point counts is new, so its own ends are the ends of that. */
static void own_ends(const struct point_event *p, struct increase *out)
{
    if (p->min > p->max)                                 /* it cannot be believed */
        return;
    out->min = isfinite(p->min) ? p->min : out->min;
    out->max = isfinite(p->max) ? p->max : out->max;
    for (size_t i = 0; i < out->buckets; i++) {
        double *v = &out->bucket[i].value;
        *v = isfinite(p->max) && *v > p->max ? p->max : isfinite(p->min) && *v < p->min ? p->min : *v;
    }
}

static uint64_t bounds_of(const struct point_event *p) { return p->bounds_n ? XXH3_64bits(p->bounds, p->bounds_n * sizeof *p->bounds) : 0; }

static bool remember(struct series_state *s, const struct point_event *p)
{
    bool     exponential = p->kind == POINT_EXPONENTIAL;
    size_t   negative = exponential ? p->negative.n : 0, n = exponential ? negative + p->positive.n : p->counts_n;
    if (n != s->prev_n) {
        uint64_t *prev = n ? realloc(s->prev, n * sizeof *prev) : NULL;
        if (n && !prev)
            return false;
        if (!n)
            free(s->prev);
        s->prev = prev;
        s->prev_n = (uint32_t)n;
    }
    if (exponential) {
        if (negative)
            memcpy(s->prev, p->negative.counts, negative * sizeof *s->prev);
        if (p->positive.n)
            memcpy(s->prev + negative, p->positive.counts, p->positive.n * sizeof *s->prev);
    } else if (n) {
        memcpy(s->prev, p->counts, n * sizeof *s->prev);
    }
    s->prev_negative = (uint32_t)negative;
    s->bounds = bounds_of(p);
    s->scale = p->scale;
    s->offset = p->positive.offset;
    s->negative_offset = p->negative.offset;
    s->zero = p->zero_count;
    s->count = p->count;
    keep(s, p);
    s->last = p->sum;
    return true;
}

static void exponential(const struct series_state *s, const struct point_event *p, bool from_zero, struct increase *out)
{
    uint64_t pos[INCREASE_BUCKETS_MAX], neg[INCREASE_BUCKETS_MAX];
    int32_t  shift = s->scale - p->scale;
    bool     minus = !from_zero;
    new_on_side(&p->negative, minus ? s->prev : NULL, s->prev_negative, s->negative_offset, shift, neg);
    new_on_side(&p->positive, minus && s->prev ? s->prev + s->prev_negative : NULL, s->prev_n - s->prev_negative, s->offset, shift, pos);
    side(out, &p->negative, p->scale, neg, -1);
    uint64_t zero = minus ? s->zero : 0;
    bucket(out, 0, p->zero_threshold, p->zero_count > zero ? p->zero_count - zero : 0);
    side(out, &p->positive, p->scale, pos, 1);
}

/* Can its counts be compared with those before? An exponential one may become coarser, and no finer; one without any bucket so far has no scale yet. */
static bool same_buckets(const struct series_state *s, const struct point_event *p)
{
    if (p->kind == POINT_EXPONENTIAL)
        return !s->prev_n || (s->scale >= p->scale && s->scale - p->scale < 31);
    return p->counts_n == s->prev_n && bounds_of(p) == s->bounds;
}

static bool went_down(const struct series_state *s, const struct point_event *p)
{
    bool less = p->count < s->count || began_anew(s, p), each = p->kind == POINT_HISTOGRAM && same_buckets(s, p);
    for (size_t i = 0; each && !less && i < p->counts_n; i++)
        less = p->counts[i] < s->prev[i];
    return less;
}

static bool too_many_buckets(const struct point_event *p)
{
    return p->counts_n > INCREASE_BUCKETS_MAX || p->positive.n > INCREASE_BUCKETS_MAX || p->negative.n > INCREASE_BUCKETS_MAX ||
           (p->kind == POINT_EXPONENTIAL && (p->scale < SCALE_LEAST || p->scale > SCALE_MOST));
}

static void new_in_histogram(const struct series_state *s, const struct point_event *p, bool from_zero, struct increase *out)
{
    bool known = from_zero || same_buckets(s, p);
    out->kind = known || p->sum >= s->last ? INCREASE_BUCKETS : INCREASE_UNUSABLE;
    if (out->kind == INCREASE_UNUSABLE)
        return;
    out->n = p->count - (from_zero ? 0 : s->count);
    out->sum = p->sum - (from_zero ? 0 : s->last);
    if (known && p->kind == POINT_EXPONENTIAL)
        exponential(s, p, from_zero, out);
    else if (known)
        explicit_buckets(p, from_zero ? NULL : s->prev, out);
    if (from_zero)
        own_ends(p, out);
}

static void histogram(struct series_state *s, const struct point_event *p, struct increase *out)
{
    bool delta = is_delta(p), first = !s->last_ns;
    if (too_many_buckets(p)) {
        out->kind = INCREASE_UNUSABLE;
        return;
    }
    out->reset = !delta && !first && went_down(s, p);
    if (delta || !first || fresh_start(s, p))
        new_in_histogram(s, p, delta || first || out->reset, out);
    if (delta)
        keep(s, p);
    else if (!remember(s, p))
        out->kind = INCREASE_UNUSABLE;
}

static void summary(struct series_state *s, const struct point_event *p, struct increase *out)
{
    bool first = !s->last_ns, reset = !first && (p->count < s->count || p->sum < s->last || began_anew(s, p));
    if (!first || fresh_start(s, p)) {
        double below = 0;
        out->kind = INCREASE_BUCKETS;
        out->reset = reset;
        out->n = p->count - (first || reset ? 0 : s->count);
        out->sum = p->sum - (first || reset ? 0 : s->last);
        size_t most = p->quantiles_n < INCREASE_BUCKETS_MAX ? p->quantiles_n : INCREASE_BUCKETS_MAX;
        for (size_t i = 0; i < most && out->n; i++) {
            if (!isfinite(p->quantiles[i].value) || !(p->quantiles[i].q >= below))
                continue;
            double share = (p->quantiles[i].q - below) * (double)out->n;
            bucket(out, p->quantiles[i].value, p->quantiles[i].value, share < 1 ? 1 : (uint64_t)share);
            below = p->quantiles[i].q;
        }
    }
    s->count = p->count;
    keep(s, p);
    s->last = p->sum;
}

void increase_of(struct series_state *s, const struct point_event *p, struct increase *out)
{
    out->kind = INCREASE_NOTHING;
    out->reset = false;
    out->value = out->sum = out->min = out->max = (double)NAN;
    out->n = 0;
    out->buckets = 0;
    bool scalar = p->kind != POINT_HISTOGRAM && p->kind != POINT_EXPONENTIAL && p->kind != POINT_SUMMARY;
    bool counts = (p->kind == POINT_SUM && p->monotonic && p->temporality != TEMPORALITY_DELTA) || (p->kind == POINT_UNKNOWN && increase_is_counter_name(p->name));
    if (scalar && !isfinite(p->value)) {
        out->kind = INCREASE_UNUSABLE;
    } else if (scalar && !counts && !is_delta(p)) {
        out->kind = INCREASE_VALUE;                      /* a gauge may come in any order */
        out->value = p->value;
    } else if (s->last_ns && p->time_ns <= s->last_ns && !(is_delta(p) && has_start(p))) {
        out->kind = INCREASE_OUT_OF_ORDER;
    } else if (!scalar) {
        if (p->kind == POINT_SUMMARY)
            summary(s, p, out);
        else
            histogram(s, p, out);
    } else if (counts) {
        counter(s, p, out);
    } else {
        delta(s, p, out);
    }
    if (!isfinite(out->sum))
        out->sum = (double)NAN;
    bool nothing_known = out->kind == INCREASE_VALUE ? !isfinite(out->value) : out->kind == INCREASE_BUCKETS && out->n && !out->buckets && isnan(out->sum);
    if (nothing_known)                                   /* beyond what a double holds; or how many, and nothing of what */
        out->kind = INCREASE_UNUSABLE;
}
