/*
 * math/learn/real.h - the number that networks are made of.
 *
 * `real` is float, or double when everything is compiled with MATH_REAL_DOUBLE
 * (as the gradient checks are).  Matrices are row-major and without gaps
 * unless a leading dimension says otherwise.  Products go to CBLAS, which is
 * linked without threads of its own, so that the same seed gives the same bits
 * on one machine.
 */
#ifndef MATH_REAL_H
#define MATH_REAL_H

#include <cblas.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>

#ifdef MATH_REAL_DOUBLE
typedef double real;
#define real_sqrt sqrt
#define real_exp  exp
#define real_log  log
#else
typedef float real;
#define real_sqrt sqrtf
#define real_exp  expf
#define real_log  logf
#endif

#define R(x) ((real)(x))

/* c[m,n] = alpha op(a)[m,k] op(b)[k,n] + beta c, where op() transposes when asked to; lda, ldb, ldc are the lengths of stored rows. */
static inline void real_gemm(bool ta, bool tb, int m, int n, int k, real alpha, const real *a, int lda, const real *b, int ldb, real beta, real *c, int ldc)
{
    if (m == 0 || n == 0)
        return;
#ifdef MATH_REAL_DOUBLE
    cblas_dgemm(CblasRowMajor, ta ? CblasTrans : CblasNoTrans, tb ? CblasTrans : CblasNoTrans, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
#else
    cblas_sgemm(CblasRowMajor, ta ? CblasTrans : CblasNoTrans, tb ? CblasTrans : CblasNoTrans, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
#endif
}

/* y = alpha op(a) x + beta y; a is stored as m rows of n. */
static inline void real_gemv(bool ta, int m, int n, real alpha, const real *a, int lda, const real *x, int incx, real beta, real *y, int incy)
{
#ifdef MATH_REAL_DOUBLE
    cblas_dgemv(CblasRowMajor, ta ? CblasTrans : CblasNoTrans, m, n, alpha, a, lda, x, incx, beta, y, incy);
#else
    cblas_sgemv(CblasRowMajor, ta ? CblasTrans : CblasNoTrans, m, n, alpha, a, lda, x, incx, beta, y, incy);
#endif
}

static inline real real_abs(real x)  { return x < 0 ? -x : x; }
static inline real real_min(real a, real b) { return a < b ? a : b; }
static inline real real_max(real a, real b) { return a > b ? a : b; }

#endif
