/*
 * math/cause/ols.h - ordinary least squares with honest standard errors.
 *
 * The linear regression of y on an intercept and k columns.  Errors of
 * databases are not of one size, so the robust ones are what to ask for: HC3
 * (MacKinnon & White 1985; Long & Ervin 2000) below some hundreds of rows, HC1
 * above, where they agree.  Rows are independent: dependent ones are batched
 * first (math/stats/series.h), else every error here is too small.
 */
#ifndef MATH_OLS_H
#define MATH_OLS_H

#include "math/cause/lsq.h"

/* CLASSIC: one variance for all rows. HC1: White's, times n / (n - p). HC3: residuals divided by 1 - leverage. */
enum math_errors { MATH_ERRORS_HC3, MATH_ERRORS_HC1, MATH_ERRORS_CLASSIC };

struct math_ols {
    int     n, p;          /* coefficient 0 is the intercept, 1 + j belongs to column j */
    double  df, sigma, r2; /* n - p; residual standard deviation; share of the variance explained, NAN for a constant y */
    double *beta, *se;     /* p */
    double *cov;           /* p * p */
    double *residual;      /* n */
    double *psi;           /* p * n: what row i contributes to the error of coefficient j; NULL for CLASSIC. cov is psi psi'. */
};

/* Refuses what math_lsq_factor() refuses, a y that is not finite, and HC3 where one row alone determines a coefficient (ERR_INPUT). */
MUST_CHECK enum err math_ols(const double *y, const double *const *x, int k, int n, enum math_errors errors, struct arena *a, struct math_ols *o, struct fault *fault);

/* Two-sided interval at 1 - alpha and p-value (against 0) of an estimate with df degrees of freedom; df = INFINITY is the normal. NAN in, NAN out. */
void   math_interval(double estimate, double se, double df, double alpha, double *lo, double *hi);
double math_p_value(double estimate, double se, double df);

#endif
