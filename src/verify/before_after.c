/* verify/before_after.c - placebo margins from untouched history, and whether a warm-up is over. */
#include "verify/before_after.h"

#include "math/describe.h"
#include "math/series.h"
#include "math/special.h"

#include <math.h>

enum { PLACEBOS_MAX = 1024 };

int before_after_needed(struct before_after_shape s) { return s.before + s.gap + s.after + PLACEBOS_SPARE; }

/* Differences after - before at every position; returns how many. */
static int slide(const double *past, int n, struct before_after_shape s, double *delta)
{
    int positions = n - (s.before + s.gap + s.after) + 1, k = 0;
    for (int i = 0; i < positions && k < PLACEBOS_MAX; i++)
        delta[k++] = math_mean(past + i + s.before + s.gap, s.after) - math_mean(past + i, s.before);
    return k;
}

struct placebo before_after_placebo(const double *past, int n, struct before_after_shape shape, double level)
{
    struct placebo best = { false, (double)INFINITY, 0, 0 };
    if (n < before_after_needed(shape))
        return best;
    double delta[PLACEBOS_MAX], least = (double)INFINITY;
    int    middle = (shape.before + shape.after + 1) / 2 + shape.gap;   /* between the centres */
    int    most = shape.before < shape.after ? shape.before : shape.after;
    struct before_after_shape chosen = shape;
    for (int k = 1; k <= most; k++) {
        struct before_after_shape s = { k, middle - k, k };
        int count = n - (s.before + s.gap + s.after) + 1;
        double independent = count / (1.5 * k);
        if (count < 1 + PLACEBOS_SPARE || independent < 2)
            continue;
        double width = math_t_quantile(1 - level, independent) / sqrt(k);   /* as if windows were independent */
        if (width < least) {
            least = width;
            chosen = s;
            best.independent = independent;
        }
    }
    if (isinf(least))
        return best;
    best.count = slide(past, n, chosen, delta);
    double rms = sqrt(math_sum_squares(delta, best.count, 0) / best.count);
    best.margin = math_t_quantile(1 - level, best.independent) * rms;
    int full = slide(past, n, shape, delta);
    for (int i = 0; i < full; i++)
        delta[i] = fabs(delta[i]);
    math_sort(delta, full);
    double seen = math_quantile_sorted(delta, full, 1 - level);
    best.margin = seen > best.margin ? seen : best.margin;
    best.known = isfinite(best.margin);
    return best;
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
