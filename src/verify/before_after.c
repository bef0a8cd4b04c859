/* verify/before_after.c - placebo margins from untouched history, and whether a warm-up is over. */
#include "verify/before_after.h"

#include "math/describe.h"
#include "math/series.h"
#include "math/special.h"

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

static double between(double x, double least, double most) { return x < least ? least : x > most ? most : x; }

struct placebo before_after_placebo(const double *past, int n, struct before_after_shape shape, double level)
{
    struct placebo p = { false, (double)INFINITY, 0, 0 };
    int    windows = shape.before < shape.after ? shape.before : shape.after, wanted = distance(shape);
    int    apart = wanted < n - PLACEBOS_LEAST ? wanted : n - PLACEBOS_LEAST;
    if (windows < 1 || apart < windows || 3 * apart < 2 * wanted)
        return p;
    double delta[PLACEBOS_MAX] = { 0 }, neighbours = 0;
    for (int i = 0; i + apart < n && p.count < PLACEBOS_MAX; i++)
        delta[p.count++] = past[i + apart] - past[i];
    /* Not centred: nothing was changed, so what they have in common is drift, and drift must count as likeness. */
    double square = math_sum_squares(delta, p.count, 0) / p.count;
    for (int i = 0; i + 1 < p.count; i++)
        neighbours += delta[i] * delta[i + 1];
    double like = square > 0 ? neighbours / (p.count - 1) / square : 0, error = 1 / sqrt(p.count);
    double at_most = between(like + error, 0, 1), usual = between(like + error / 2, 0, 1);

    double stretch = (double)wanted / apart, share = (1 + (windows - 1) * at_most) / windows;
    p.independent = (p.count <= apart ? p.count : p.count / 1.5) * (1 - usual * usual) / (1 + usual * usual);
    p.independent = p.independent > 1 ? p.independent : 1;
    p.margin = stretch * (math_t_quantile(1 - level, p.independent) * sqrt(square * share) + fabs(math_mean(delta, p.count)));

    int full = slide(past, n, shape, delta);
    if (full > 0) {
        math_sort(delta, full);
        double seen = math_quantile_sorted(delta, full, 1 - level);
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
    struct placebo p = before_after_placebo(past, n, shape, level);
    e.n = (int)p.independent;
    if (!p.known)
        return e;
    e.known = true;
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
