/* math/search/warp.c - Yeo-Johnson on the cost t = (centre - y) / spread, whose positive side is the bad one. */
#include "math/search/warp.h"

#include "math/stats/describe.h"

#include <math.h>

static double pull(double t, double lambda)
{
    if (t >= 0)
        return fabs(lambda) < 1e-9 ? log1p(t) : expm1(lambda * log1p(t)) / lambda;
    return -expm1((2 - lambda) * log1p(-t)) / (2 - lambda);             /* lambda <= 1: never near 2 */
}

static double pull_slope(double t, double lambda) { return exp(t >= 0 ? (lambda - 1) * log1p(t) : (1 - lambda) * log1p(-t)); }

static double unpull(double v, double lambda)
{
    if (v < 0)
        return -expm1(log1p(-(2 - lambda) * v) / (2 - lambda));
    if (fabs(lambda) < 1e-9)
        return expm1(v);
    return lambda * v > -1 ? expm1(log1p(lambda * v) / lambda) : INFINITY;
}

/* Log-likelihood of the exponent: the pulled values are Gaussian with their own mean and variance. */
static double likelihood(const double *t, int n, double lambda, double *pulled)
{
    double bend = 0;
    for (int i = 0; i < n; i++) {
        pulled[i] = pull(t[i], lambda);
        bend += copysign(log1p(fabs(t[i])), t[i]);
    }
    double variance = math_sum_squares(pulled, n, math_mean(pulled, n)) / n;
    return -0.5 * n * log(variance) + (lambda - 1) * bend;
}

struct math_warp math_warp_fit(const double *y, int n, int plain, double *scratch)
{
    struct math_warp w = { .centre = math_median(y, n, scratch), .spread = math_mad(y, n, scratch), .lambda = 1, .sd = 1 };
    double           sd = n > 1 ? math_sd(y, n) : 0, *t = scratch, *pulled = scratch + n;
    if (!(sd > 1e-12 * fabs(w.centre))) {
        w.spread = 1;
        return w;
    }
    if (plain || !(w.spread > 1e-6 * sd))
        w.spread = sd;
    for (int i = 0; i < n; i++)
        t[i] = (w.centre - y[i]) / w.spread;
    if (!plain && n >= 4) {
        const double golden = 0.6180339887498949;
        double       lo = MATH_WARP_MIN, hi = 1, a = hi - golden * (hi - lo), b = lo + golden * (hi - lo);
        double       at_a = likelihood(t, n, a, pulled), at_b = likelihood(t, n, b, pulled);
        while (hi - lo > 1e-3)
            if (at_a > at_b) {
                hi = b;
                b = a;
                at_b = at_a;
                a = hi - golden * (hi - lo);
                at_a = likelihood(t, n, a, pulled);
            } else {
                lo = a;
                a = b;
                at_a = at_b;
                b = lo + golden * (hi - lo);
                at_b = likelihood(t, n, b, pulled);
            }
        double found = 0.5 * (lo + hi);
        if (likelihood(t, n, found, pulled) > likelihood(t, n, 1, pulled))
            w.lambda = found;
    }
    for (int i = 0; i < n; i++)
        pulled[i] = -pull(t[i], w.lambda);
    w.mean = math_mean(pulled, n);
    w.sd = math_sd(pulled, n);
    if (!(w.sd > 0))
        w.sd = 1;
    return w;
}

double math_warp_apply(const struct math_warp *w, double y)
{
    return (-pull((w->centre - y) / w->spread, w->lambda) - w->mean) / w->sd;
}

double math_warp_undo(const struct math_warp *w, double z)
{
    return w->centre - w->spread * unpull(-(z * w->sd + w->mean), w->lambda);
}

double math_warp_slope(const struct math_warp *w, double y)
{
    return pull_slope((w->centre - y) / w->spread, w->lambda) / (w->spread * w->sd);
}
