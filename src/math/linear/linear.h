/*
 * math/linear/linear.h - dense linear algebra on symmetric matrices: Cholesky, solves, the inverse.
 *
 * A matrix is row-major, with `ld` doubles from one row to the next (ld >= n).  The work is done by OpenBLAS and LAPACK on one
 * thread, whichever build of OpenBLAS the machine offers: sums then come out the same every time, and nobody's cores are burnt.
 *
 * The jitter policy: a covariance matrix of near-duplicate points is singular to rounding.  It is tried as it is; when that
 * fails, MATH_JITTER_MIN times its mean diagonal is added, then ten times more, up to MATH_JITTER_MAX.  What was added is told.
 */
#ifndef MATH_LINEAR_H
#define MATH_LINEAR_H

#include "base/err.h"

#define MATH_JITTER_MIN 1e-12
#define MATH_JITTER_MAX 1e-4

/*
 * a = L L^T.  In: both triangles of a, symmetric.  Out: L in the lower triangle with the diagonal; the strict upper triangle
 * keeps a, and diagonal[n] the old diagonal, so that a further try can begin again.  *jitter (may be NULL) is what was added.
 * ERR_INPUT: a value that is not finite.  ERR_LIMIT: not positive definite even with MATH_JITTER_MAX.
 */
MUST_CHECK enum err math_chol(double *a, int n, int ld, double *diagonal, double *jitter, struct fault *fault);

/*
 * One more row and column: L of n rows grows to n + 1 in place; row[n] is the new covariance with the old points, corner the
 * variance.  The room must be there: ld > n.  ERR_LIMIT, and L as it was, when the new point says nothing new to rounding.
 */
MUST_CHECK enum err math_chol_append(double *l, int n, int ld, const double *row, double corner, struct fault *fault);

double math_chol_log_det(const double *l, int n, int ld);              /* ln det(L L^T) */
void   math_chol_solve(const double *l, int n, int ld, double *b);     /* b := (L L^T)^-1 b */
void   math_lower_solve(const double *l, int n, int ld, double *b);    /* b := L^-1 b */
void   math_lower_solve_back(const double *l, int n, int ld, double *b);   /* b := L^-T b */
/* Rows of b[m][ldb], each of n: b := b L^-T, which is L^-1 for each row. */
void   math_lower_solve_rows(const double *l, int n, int ld, double *b, int m, int ldb);
/* The lower triangle of (L L^T)^-1 into out, which has the same ld; the rest of out is not touched. */
void   math_chol_inverse(const double *l, int n, int ld, double *out);

double math_dot(const double *x, const double *y, int n);
/* out[m] := a b for a of m rows and n columns. */
void   math_rows_times(const double *a, int m, int n, int ld, const double *b, double *out);

#endif
