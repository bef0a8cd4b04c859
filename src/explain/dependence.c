/*
 * explain/dependence.c - neighbouring windows resemble each other, so a dozen of them tell less than a dozen would that do not.
 *
 * Pairs of windows in a drawn order forget their neighbours by design. Before and after is one step in a series: load that comes and
 * goes over many windows looks like an effect. Batches long enough to forget each other would leave one or two of them after the change,
 * so intervals are widened instead, by what a series with this autocorrelation does to a mean: (1 + r) / (1 - r). r is corrected for
 * its bias in short series, and enters with half of its standard error on top; where lag 2 fades more slowly than lag 1 says (a slow load under
 * quick noise), lag 2 decides. In simulated series of 14 to 60 windows 93 of 100 or more hold the truth that way; as if independent it were 60 to 88.
 */
#include "explain/way.h"

#include "math/stats/series.h"

#include <math.h>
#include <stdio.h>

static const double doubt = 0.5;              /* in standard errors of r */
static const double most = 0.95;              /* beyond it there is nothing to be told from any number of windows that fits in here */
static const double worth_min = 5;            /* independent windows that must be left, */
static const double arm_worth_min = 1.5;      /* and on each side of the change */
static const double alpha = 0.05;

static bool residuals_of(struct way *w, int from, int to, struct math_ols *o)
{
    const double *x[3] = { w->column[WAY_CHANGE] };
    struct fault  ignored;
    int           k = 1;
    if (from != WAY_CHANGE)
        x[k++] = w->column[from];
    if (w->loaded)
        x[k++] = w->column[WAY_LOAD];
    arena_reset(&w->scratch);
    return math_ols(w->column[to], x, k, w->rows, MATH_ERRORS_CLASSIC, &w->scratch, o, &ignored) == OK
        || (w->loaded && math_ols(w->column[to], x, k - 1, w->rows, MATH_ERRORS_CLASSIC, &w->scratch, o, &ignored) == OK);     /* load went with the others: they hold it */
}

double way_dependence_in(const struct way *w, const double *residual)
{
    int    n = w->rows;
    double r1 = math_autocorrelation(residual, n, 1), r2 = math_autocorrelation(residual, n, 2);
    if (w->e->paired || isnan(r1) || isnan(r2))
        return 1;
    double bias = 2 * (1 + 3 * fmax(r1, 0)) / n, r = fmax(r1 + bias, sqrt(fmax(r2 + bias, 0))) + doubt / sqrt(n);
    r = fmin(fmax(r, 0), most);
    return (1 + r) / (1 - r);
}

double way_dependence(struct way *w, int from, int to)
{
    struct math_ols o;
    if (w->e->paired || (w->e->randomised && from == WAY_CHANGE) || !residuals_of(w, from, to, &o))
        return 1;
    return way_dependence_in(w, o.residual);
}

void way_widen(const struct way *w, double dependence, struct explain_figure *f)
{
    double left = w->rows / dependence, lo, had, has;
    if (dependence <= 1 || !isfinite(f->estimate))
        return;
    int few = w->e->windows_with < w->e->windows_without ? w->e->windows_with : w->e->windows_without;
    if (left < worth_min || few / dependence < arm_worth_min) {
        way_unknown(f, STANDING_TOO_FEW, "");
        (void)snprintf(f->why, sizeof f->why, "neighbouring windows resemble each other so much that %d without and %d with the change are worth only %.1f and %.1f", w->e->windows_without,
                       w->e->windows_with, w->e->windows_without / dependence, w->e->windows_with / dependence);
        return;
    }
    double df = fmax(left - 2, 1);
    math_interval(0, 1, fmax(w->rows - 2, 1), alpha, &lo, &had);
    math_interval(0, 1, df, alpha, &lo, &has);
    double se = (f->hi - f->lo) / 2 / had * sqrt(dependence);
    f->lo = f->estimate - (f->estimate - f->lo) * sqrt(dependence) * has / had;
    f->hi = f->estimate + (f->hi - f->estimate) * sqrt(dependence) * has / had;
    f->p = math_p_value(f->estimate, se, df);
}
