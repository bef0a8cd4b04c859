/* math/cause/ols.c - coefficients from the factorisation, errors from what each row pulls. */
#include "math/cause/ols.h"

#include "math/stats/special.h"

#include <math.h>

static const double alone_above = 1 - 1e-10;    /* leverage of a row that determines a coefficient alone */

static double t_quantile(double p, double df) { return isinf(df) ? math_normal_quantile(p) : math_t_quantile(p, df); }

void math_interval(double estimate, double se, double df, double alpha, double *lo, double *hi)
{
    double half = t_quantile(1 - alpha / 2, df) * se;
    *lo = estimate - half;
    *hi = estimate + half;
}

double math_p_value(double estimate, double se, double df)
{
    if (isnan(estimate) || isnan(se))
        return (double)NAN;
    if (!(se > 0))
        return fabs(estimate) > 0 ? 0 : 1;
    double t = -fabs(estimate / se);
    return 2 * (isinf(df) ? math_normal_cdf(t) : math_t_cdf(t, df));
}

static void describe_fit(struct math_ols *o, const double *y)
{
    double mean = 0, all = 0, left = 0;
    for (int i = 0; i < o->n; i++)
        mean += y[i] / o->n;
    for (int i = 0; i < o->n; i++) {
        all += (y[i] - mean) * (y[i] - mean);
        left += o->residual[i] * o->residual[i];
    }
    o->df = o->n - o->p;
    o->sigma = sqrt(left / o->df);
    o->r2 = all > 0 ? 1 - left / all : (double)NAN;
}

/* psi starts as the pull of each row and ends as its contribution to the error. */
static enum err contributions(struct math_ols *o, const struct math_lsq *f, enum math_errors errors, struct fault *fault)
{
    double hc1 = sqrt(o->n / o->df);
    for (int i = 0; i < o->n; i++) {
        double h = math_lsq_leverage(f, i), e = o->residual[i];
        if (errors == MATH_ERRORS_HC3 && h >= alone_above) {
            (void)fail(fault, ERR_INPUT, "row %d alone determines a coefficient, so its error cannot be told", i + 1);
            fail_hint(fault, "a column differs from a constant (or from other columns) in this row only; leave out the row or the column");
            return ERR_INPUT;
        }
        e = errors == MATH_ERRORS_HC3 ? e / (1 - h) : errors == MATH_ERRORS_HC1 ? e * hc1 : o->sigma;
        for (int j = 0; j < o->p; j++)
            o->psi[(size_t)j * (size_t)o->n + (size_t)i] *= e;
    }
    return OK;
}

static void covariance(struct math_ols *o)
{
    size_t n = (size_t)o->n;
    for (int j = 0; j < o->p; j++) {
        for (int l = 0; l <= j; l++) {
            const double *u = o->psi + (size_t)j * n, *v = o->psi + (size_t)l * n;
            double sum = 0;
            for (size_t i = 0; i < n; i++)
                sum += u[i] * v[i];
            o->cov[j * o->p + l] = o->cov[l * o->p + j] = sum;
        }
        o->se[j] = sqrt(o->cov[j * o->p + j]);
    }
}

enum err math_ols(const double *y, const double *const *x, int k, int n, enum math_errors errors, struct arena *a, struct math_ols *o, struct fault *fault)
{
    struct math_lsq f;
    *o = (struct math_ols){ .n = n, .p = k + 1 };
    enum err e = math_lsq_factor(x, k, n, NULL, a, &f, fault);
    if (!e)
        e = math_finite_check("the outcome", y, n, fault);
    if (e)
        return e;
    size_t p = (size_t)o->p;
    o->beta = math_doubles(a, p, fault);
    o->se = math_doubles(a, p, fault);
    o->cov = math_doubles(a, p * p, fault);
    o->residual = math_doubles(a, (size_t)n, fault);
    o->psi = math_doubles(a, p * (size_t)n, fault);
    if (!o->beta || !o->se || !o->cov || !o->residual || !o->psi)
        return ERR_LIMIT;
    math_lsq_solve(&f, y, o->beta);
    for (int i = 0; i < n; i++)
        o->residual[i] = y[i] - math_lsq_at(o->beta, x, k, i);
    describe_fit(o, y);
    math_lsq_pull(&f, o->psi);
    e = contributions(o, &f, errors, fault);
    if (e)
        return e;
    covariance(o);
    if (errors == MATH_ERRORS_CLASSIC)
        o->psi = NULL;
    return OK;
}
