/* math/cause/lsq.c - centre, scale, factor; what follows is triangles. */
#include "math/cause/lsq.h"

#include <assert.h>
#include <cblas.h>
#include <lapacke.h>
#include <math.h>

static const double constant_below  = 1e-12;   /* of a column's length, after its mean has been taken out */
static const double collinear_below = 1e-8;    /* of a column's length, after the other columns have been taken out */

enum { LAPACK_BLOCK = 64 };                    /* columns that LAPACK would like to have workspace for */

double *math_doubles(struct arena *a, size_t n, struct fault *fault)
{
    double *v = arena_alloc(a, (n > 0 ? n : 1) * sizeof *v);
    if (!v)
        (void)fail(fault, ERR_LIMIT, "%zu numbers do not fit into the memory set aside", n);
    return v;
}

enum err math_finite_check(const char *what, const double *v, int n, struct fault *fault)
{
    for (int i = 0; i < n; i++)
        if (!isfinite(v[i]))
            return fail(fault, ERR_INPUT, "row %d of %s is not a finite number", i + 1, what);
    return OK;
}

static enum err columns_check(const double *const *x, int k, int n, struct fault *fault)
{
    for (int j = 0; j < k; j++)
        for (int i = 0; i < n; i++)
            if (!isfinite(x[j][i]))
                return fail(fault, ERR_INPUT, "row %d of column %d is not a finite number", i + 1, j + 1);
    return OK;
}

static enum err allocate(struct math_lsq *f, struct arena *a, struct fault *fault)
{
    size_t n = (size_t)f->n, p = (size_t)f->p, k = p - 1;
    f->root = math_doubles(a, n, fault);
    f->centre = math_doubles(a, p, fault);
    f->scale = math_doubles(a, p, fault);
    f->q = math_doubles(a, n * k, fault);
    f->r = math_doubles(a, k * k, fault);
    f->pivot = arena_alloc(a, p * sizeof f->pivot[0]);
    if (f->root && f->centre && f->scale && f->q && f->r && f->pivot)
        return OK;
    return fail(fault, ERR_LIMIT, "a design of %d rows and %d coefficients does not fit into the memory set aside", f->n, f->p);
}

static enum err take_weights(struct math_lsq *f, const double *weight, struct fault *fault)
{
    int rows = 0;
    for (int i = 0; i < f->n; i++) {
        double w = weight ? weight[i] : 1;
        if (!(w >= 0 && isfinite(w)))
            return fail(fault, ERR_INPUT, "the weight of row %d is %g", i + 1, w);
        rows += w > 0;
        f->root[i] = sqrt(w);
        f->weight += w;
    }
    if (rows <= f->p)
        return fail(fault, ERR_INPUT, "%d rows are too few for %d coefficients", rows, f->p);
    return OK;
}

/* Column c of the factored matrix: sqrt(w) (x - mean), of length 1. The mean is refined once, so that it is right to the last digit. */
static enum err take_column(struct math_lsq *f, int c, const double *x, struct fault *fault)
{
    double *q = f->q + (size_t)c * (size_t)f->n, mean = 0, rest = 0, raw = 0, length = 0;
    for (int i = 0; i < f->n; i++) {
        mean += f->root[i] * f->root[i] * x[i];
        raw += f->root[i] * f->root[i] * x[i] * x[i];
    }
    mean /= f->weight;
    for (int i = 0; i < f->n; i++)
        rest += f->root[i] * f->root[i] * (x[i] - mean);
    mean += rest / f->weight;
    for (int i = 0; i < f->n; i++) {
        q[i] = f->root[i] * (x[i] - mean);
        length += q[i] * q[i];
    }
    length = sqrt(length);
    if (!isfinite(length) || !isfinite(raw))
        return fail(fault, ERR_INPUT, "column %d is too large to be squared", c + 1);
    if (!(length > constant_below * sqrt(raw)))
        return fail(fault, ERR_INPUT, "column %d is the same in all rows", c + 1);
    for (int i = 0; i < f->n; i++)
        q[i] /= length;
    f->centre[c + 1] = mean;
    f->scale[c + 1] = length;
    return OK;
}

static enum err factor(struct math_lsq *f, struct arena *a, struct fault *fault)
{
    int n = f->n, k = f->p - 1, room = 2 * k + (k + 1) * LAPACK_BLOCK;
    double *tau = math_doubles(a, (size_t)k, fault), *work = math_doubles(a, (size_t)room, fault);
    lapack_int *place = arena_alloc(a, (size_t)f->p * sizeof *place);
    if (!tau || !work || !place)
        return ERR_LIMIT;
    if (LAPACKE_dgeqp3_work(LAPACK_COL_MAJOR, n, k, f->q, n, place, tau, work, room))
        return fail(fault, ERR_STATE, "the design could not be factored");
    for (int j = 0; j < k; j++) {
        for (int i = 0; i <= j; i++)
            f->r[i + j * k] = f->q[(size_t)i + (size_t)j * (size_t)n];
        if (!(fabs(f->r[j + j * k]) > collinear_below)) {
            (void)fail(fault, ERR_INPUT, "column %d is a combination of other columns", (int)place[j]);
            fail_hint(fault, "leave it out: its effect cannot be told from theirs");
            return ERR_INPUT;
        }
        f->pivot[j] = (int)place[j];
    }
    if (LAPACKE_dorgqr_work(LAPACK_COL_MAJOR, n, k, k, f->q, n, tau, work, room))
        return fail(fault, ERR_STATE, "the design could not be factored");
    return OK;
}

enum err math_lsq_factor(const double *const *x, int k, int n, const double *weight, struct arena *a, struct math_lsq *f, struct fault *fault)
{
    *f = (struct math_lsq){ .n = n, .p = k + 1 };
    if (k < 0 || k > MATH_COLUMNS_MAX)
        return fail(fault, ERR_INPUT, "%d columns; there may be 0 to %d", k, MATH_COLUMNS_MAX);
    if (n <= k + 1)
        return fail(fault, ERR_INPUT, "%d rows are too few for %d coefficients", n, k + 1);
    enum err e = columns_check(x, k, n, fault);
    if (!e)
        e = allocate(f, a, fault);
    if (!e)
        e = take_weights(f, weight, fault);
    for (int c = 0; c < k && !e; c++)
        e = take_column(f, c, x[c], fault);
    return e || k == 0 ? e : factor(f, a, fault);
}

void math_lsq_solve(const struct math_lsq *f, const double *y, double *beta)
{
    int n = f->n, k = f->p - 1;
    double z[MATH_COLUMNS_MAX], mean = 0;
    assert(k <= MATH_COLUMNS_MAX);
    for (int i = 0; i < n; i++)
        mean += f->root[i] * f->root[i] * y[i];
    mean /= f->weight;
    for (int j = 0; j < k; j++) {
        const double *q = f->q + (size_t)j * (size_t)n;
        z[j] = 0;
        for (int i = 0; i < n; i++)
            z[j] += q[i] * f->root[i] * (y[i] - mean);
    }
    if (k > 0)
        cblas_dtrsv(CblasColMajor, CblasUpper, CblasNoTrans, CblasNonUnit, k, f->r, k, z, 1);
    beta[0] = mean;
    for (int j = 0; j < k; j++) {
        int c = f->pivot[j];
        beta[c] = z[j] / f->scale[c];
        beta[0] -= beta[c] * f->centre[c];
    }
}

void math_lsq_pull(const struct math_lsq *f, double *pull)
{
    int n = f->n, k = f->p - 1;
    double z[MATH_COLUMNS_MAX];
    /* Row by row: R z = q_i, the i-th row of the orthonormal factor. */
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < k; j++)
            z[j] = f->q[(size_t)i + (size_t)j * (size_t)n];
        if (k > 0)
            cblas_dtrsv(CblasColMajor, CblasUpper, CblasNoTrans, CblasNonUnit, k, f->r, k, z, 1);
        double first = f->root[i] * f->root[i] / f->weight;
        for (int j = 0; j < k; j++) {
            int    c = f->pivot[j];
            double v = z[j] * f->root[i] / f->scale[c];
            pull[(size_t)c * (size_t)n + (size_t)i] = v;
            first -= f->centre[c] * v;
        }
        pull[i] = first;
    }
}

double math_lsq_leverage(const struct math_lsq *f, int i)
{
    double h = f->root[i] * f->root[i] / f->weight;
    for (int j = 0; j < f->p - 1; j++) {
        double q = f->q[(size_t)i + (size_t)j * (size_t)f->n];
        h += q * q;
    }
    return h;
}

double math_lsq_at(const double *beta, const double *const *x, int k, int i)
{
    double y = beta[0];
    for (int j = 0; j < k; j++)
        y += beta[1 + j] * x[j][i];
    return y;
}
