/* verify/before_after.c - placebo margins from untouched history, and whether a warm-up is over. */
#include "verify/before_after.h"

#include "math/stats/describe.h"
#include "math/stats/forecast.h"
#include "math/stats/series.h"

#include <math.h>

enum { PLACEBOS_MAX = 1024 };

/* Windows between the centres of before and after. */
static int distance(struct before_after_shape s) { return (s.before + s.after + 1) / 2 + s.gap; }

int before_after_needed(struct before_after_shape s)
{
    int whole = s.before + s.gap + s.after, pairs = distance(s) + PLACEBOS_WANTED;
    return whole > pairs ? whole : pairs;
}

/* Differences of the whole shape, after - before, without a sign, at every position; returns how many. */
static int slide(const double *past, int n, struct before_after_shape s, double *delta)
{
    int positions = n - (s.before + s.gap + s.after) + 1, k = 0;
    for (int i = 0; i < positions && k < PLACEBOS_MAX; i++)
        delta[k++] = fabs(math_mean(past + i + s.before + s.gap, s.after) - math_mean(past + i, s.before));
    return k;
}

/* Pairs of untouched windows as far apart as the shape has it, or at least two thirds of that. */
static int pairs_in(int n, struct before_after_shape shape)
{
    int wanted = distance(shape), apart = wanted < n - PLACEBOS_LEAST ? wanted : n - PLACEBOS_LEAST;
    return 3 * apart < 2 * wanted ? 0 : n - apart;
}

bool before_after_possible(int windows, struct before_after_shape shape)
{
    return shape.before >= 1 && shape.after >= 1 && shape.after <= MATH_FORECAST_AHEAD_MAX && pairs_in(windows, shape) >= PLACEBOS_LEAST;
}

struct placebo before_after_placebo(const double *past, int n, struct before_after_shape shape, double level)
{
    struct placebo p = { .known = false, .expected = (double)NAN, .margin = (double)INFINITY };
    if (!before_after_possible(n, shape))
        return p;
    struct math_forecast f = math_forecast_mean(past, n, shape.gap, shape.after, level);
    double delta[PLACEBOS_MAX] = { 0 };
    if (!f.known)
        return p;
    p.expected = f.mean;
    p.margin = f.upper - f.mean > f.mean - f.lower ? f.upper - f.mean : f.mean - f.lower;
    p.count = slide(past, n, shape, delta);
    if (p.count > 0) {
        math_sort(delta, p.count);
        double seen = math_quantile_sorted(delta, p.count, 1 - level);
        p.margin = seen > p.margin ? seen : p.margin;
    }
    p.known = isfinite(p.margin);
    return p;
}

struct estimate before_after_estimate(const double *past, int n, const double *after, struct before_after_shape shape, double level)
{
    struct estimate e = { .lo = -(double)INFINITY, .hi = (double)INFINITY, .effect = (double)NAN, .lag1 = (double)NAN };
    if (n < shape.before || shape.after < 1)
        return e;
    e.effect = math_mean(after, shape.after) - math_mean(past + n - shape.before, shape.before);
    e.lag1 = math_autocorrelation(past, n, 1);
    e.n = shape.after;
    struct placebo p = before_after_placebo(past, n, shape, level);
    if (!p.known)
        return e;
    e.known = true;
    e.effect = math_mean(after, shape.after) - p.expected;
    e.lo = e.effect - p.margin;
    e.hi = e.effect + p.margin;
    return e;
}

bool before_after_settled(const double *y, int n, double rise_max)
{
    enum { POINTS_MAX = 256 };
    double x[POINTS_MAX];
    if (n < 4)
        return false;
    if (n > POINTS_MAX) {
        y += n - POINTS_MAX;
        n = POINTS_MAX;
    }
    for (int i = 0; i < n; i++)
        x[i] = i;
    struct math_line line = math_line_fit(x, y, n);
    return line.slope * (n - 1) < rise_max || line.slope < 2 * line.slope_se;
}
