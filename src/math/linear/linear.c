/* math/linear/linear.c - row-major on the outside; to LAPACK the lower triangle of rows is the upper triangle of columns. */
#include "math/linear/linear.h"

#include <cblas.h>
#include <lapacke.h>

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

/* The threaded build of OpenBLAS may be the one that is found at run time. One thread: the same sums, and no cores burnt. */
__attribute__((constructor)) static void one_thread(void) { openblas_set_num_threads(1); }

static bool all_finite(const double *a, int n, int ld)
{
    for (int i = 0; i < n; i++)
        for (int j = 0; j <= i; j++)
            if (!isfinite(a[i * ld + j]))
                return false;
    return true;
}

/* The lower triangle again, from the upper one and the diagonal. */
static void restore(double *a, int n, int ld, const double *diagonal, double jitter)
{
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < i; j++)
            a[i * ld + j] = a[j * ld + i];
        a[i * ld + i] = diagonal[i] + jitter;
    }
}

enum err math_chol(double *a, int n, int ld, double *diagonal, double *jitter, struct fault *fault)
{
    assert(n >= 0 && ld >= n);
    if (!all_finite(a, n, ld))
        return fail(fault, ERR_INPUT, "a covariance matrix of %d points has values that are not finite", n);
    double mean = 0, added = 0;
    for (int i = 0; i < n; i++) {
        diagonal[i] = a[i * ld + i];
        mean += diagonal[i] / n;
    }
    while (n > 0 && LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'U', n, a, ld) != 0) {
        added = added > 0 ? 10 * added : MATH_JITTER_MIN * mean;
        restore(a, n, ld, diagonal, added);
        if (!(added > 0) || added > MATH_JITTER_MAX * mean * 1.5)      /* nothing times anything stays nothing: a diagonal of zeros has no help */
            return fail(fault, ERR_LIMIT, "a matrix of %d points is not positive definite, even with %.1g added to its diagonal", n, added);
    }
    if (jitter)
        *jitter = added;
    return OK;
}

enum err math_chol_append(double *l, int n, int ld, const double *row, double corner, struct fault *fault)
{
    assert(ld > n);
    double *last = l + (size_t)n * (size_t)ld;
    memmove(last, row, (size_t)n * sizeof *row);
    math_lower_solve(l, n, ld, last);
    double left = corner - math_dot(last, last, n);
    if (!(left > MATH_JITTER_MIN * corner))
        return fail(fault, ERR_LIMIT, "the point %d is a copy of earlier ones to rounding", n + 1);
    last[n] = sqrt(left);
    for (int i = 0; i < n; i++)
        l[i * ld + n] = row[i];
    return OK;
}

double math_chol_log_det(const double *l, int n, int ld)
{
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += log(l[i * ld + i]);
    return 2 * sum;
}

void math_lower_solve(const double *l, int n, int ld, double *b)
{
    if (n > 0)
        cblas_dtrsv(CblasRowMajor, CblasLower, CblasNoTrans, CblasNonUnit, n, l, ld, b, 1);
}

void math_lower_solve_back(const double *l, int n, int ld, double *b)
{
    if (n > 0)
        cblas_dtrsv(CblasRowMajor, CblasLower, CblasTrans, CblasNonUnit, n, l, ld, b, 1);
}

void math_chol_solve(const double *l, int n, int ld, double *b)
{
    math_lower_solve(l, n, ld, b);
    math_lower_solve_back(l, n, ld, b);
}

void math_lower_solve_rows(const double *l, int n, int ld, double *b, int m, int ldb)
{
    if (n > 0 && m > 0)
        cblas_dtrsm(CblasRowMajor, CblasRight, CblasLower, CblasTrans, CblasNonUnit, m, n, 1, l, ld, b, ldb);
}

void math_chol_inverse(const double *l, int n, int ld, double *out)
{
    for (int i = 0; i < n; i++)
        memcpy(out + (size_t)i * (size_t)ld, l + (size_t)i * (size_t)ld, (size_t)(i + 1) * sizeof *l);
    if (n > 0) {
        int status = LAPACKE_dpotri_work(LAPACK_COL_MAJOR, 'U', n, out, ld);
        assert(status == 0);
        (void)status;
    }
}

double math_dot(const double *x, const double *y, int n) { return cblas_ddot(n, x, 1, y, 1); }

void math_rows_times(const double *a, int m, int n, int ld, const double *b, double *out)
{
    if (m <= 0)
        return;
    if (n > 0)
        cblas_dgemv(CblasRowMajor, CblasNoTrans, m, n, 1, a, ld, b, 1, 0, out, 1);
    else
        memset(out, 0, (size_t)m * sizeof *out);
}
