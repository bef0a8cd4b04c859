/*
 * math/cause/lsq.h - weighted least squares by pivoted Householder QR.
 *
 * The one factorisation that regressions, propensities and the corrections of
 * standard errors stand on.  The design is an intercept and k columns; columns
 * are centred and brought to one length before they are factored, so a column
 * of bytes beside a column of ratios costs no digits, and "collinear" means the
 * same whatever the units (Golub & Van Loan, Matrix Computations, 5.3-5.5).
 *
 * Columns are passed as pointers, x[j][i] being row i of column j: whoever
 * chooses other covariates chooses other pointers.  Coefficient 0 is the
 * intercept, coefficient 1 + j belongs to column j.  Memory comes from the
 * arena and lives as long.  Serial BLAS, so the same input gives the same bits
 * on the same machine.
 */
#ifndef MATH_LSQ_H
#define MATH_LSQ_H

#include "base/arena.h"
#include "base/err.h"

enum { MATH_COLUMNS_MAX = 256 };

struct math_lsq {
    int     n, p;       /* rows; coefficients: 1 + columns */
    double  weight;     /* sum of the weights */
    double *root;       /* n: square roots of the weights */
    double *centre;     /* p: weighted mean of column j at [1 + j]; [0] is 0 */
    double *scale;      /* p: length of the centred column */
    double *q;          /* n x (p - 1), column-major, orthonormal */
    double *r;          /* (p - 1) x (p - 1), column-major, upper triangle */
    int    *pivot;      /* p - 1: the coefficient that stands at each place of r */
};

/*
 * weight: n values >= 0, or NULL for 1; a row of weight 0 is not there.  ERR_INPUT with the reason: a value that is not
 * finite, no more rows than coefficients, a constant column, a column that is a combination of others (1e-8 of its length
 * is left when those are taken out).  Columns are numbered from 1 in texts.
 */
MUST_CHECK enum err math_lsq_factor(const double *const *x, int k, int n, const double *weight, struct arena *a, struct math_lsq *f, struct fault *fault);

/* beta[p]: minimises the weighted sum of squares of y - X beta. y is finite. */
void math_lsq_solve(const struct math_lsq *f, const double *y, double *beta);

/* pull[p * n] = (X'WX)^-1 X'W: coefficient j is the sum over i of pull[j * n + i] * y[i]. */
void math_lsq_pull(const struct math_lsq *f, double *pull);

/* What row i has to say about its own fitted value, 0..1. */
double math_lsq_leverage(const struct math_lsq *f, int i);

/* beta[0] + sum over j of beta[1 + j] * x[j][i]. */
double math_lsq_at(const double *beta, const double *const *x, int k, int i);

/* ERR_INPUT, naming what and the row, when one of v[n] is not finite. */
MUST_CHECK enum err math_finite_check(const char *what, const double *v, int n, struct fault *fault);

/* n values from the arena; NULL beyond its bound, and then the fault says so. */
double *math_doubles(struct arena *a, size_t n, struct fault *fault);

#endif
