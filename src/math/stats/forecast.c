/* math/stats/forecast.c - a mixture of kinds of noise, each solved exactly by generalised least squares; see forecast.h. */
#include "math/stats/forecast.h"

#include "math/stats/special.h"

#include <math.h>

enum { N = MATH_FORECAST_MAX };

/*
 * Kinds of noise, in units of the white part's variance: an AR(1) part with correlation phi and variance `like` (phi = 1: a
 * random walk with that variance per step), and a line whose rise over the whole past has the variance rise^2.  The grid is
 * coarse on purpose: it spans what databases do, and the past does the rest.
 */
static const struct kind { double phi, like, rise, weight; } kinds[] = {
    { 0.0, 0.00, 0, 0.12 },
    { 0.6, 0.30, 0, 0.07 }, { 0.6, 1.0, 0, 0.07 }, { 0.6, 5, 0, 0.07 },
    { 0.9, 0.10, 0, 0.05 }, { 0.9, 0.5, 0, 0.05 }, { 0.9, 2, 0, 0.04 }, { 0.9, 10, 0, 0.03 },
    { 1.0, 0.05, 0, 0.05 }, { 1.0, 0.3, 0, 0.06 }, { 1.0, 2, 0, 0.10 }, { 1.0, 20, 0, 0.15 },
    { 0.0, 0.00, 1, 0.10 }, { 0.0, 0.0, 3, 0.10 }, { 0.6, 0.3, 2, 0.08 }, { 0.6, 1, 2, 0.07 }, { 0.6, 1, 20, 0.04 },
};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

/* Covariance of the noise at two times, without the white part. Times count from 1. */
static double covariance(const struct kind *k, int n, double s, double t)
{
    double near = k->phi < 1 ? (k->like > 0 ? k->like * pow(k->phi, fabs(s - t)) : 0) : k->like * fmin(s, t);
    return near + k->rise * k->rise * (s / n) * (t / n);
}

/* Lower Cholesky factor in place; false when the matrix is not positive definite, which white noise on the diagonal excludes. */
static bool factor(double a[N][N], int n)
{
    for (int j = 0; j < n; j++)
        for (int i = j; i < n; i++) {
            double s = a[i][j];
            for (int k = 0; k < j; k++)
                s -= a[i][k] * a[j][k];
            if (i == j && !(s > 0))
                return false;
            a[i][j] = i == j ? sqrt(s) : s / a[j][j];
        }
    return true;
}

/* x = L^-1 b: then x . y for two of them is b' V^-1 c. */
static void whiten(double l[N][N], int n, const double *b, double *x)
{
    for (int i = 0; i < n; i++) {
        double s = b[i];
        for (int k = 0; k < i; k++)
            s -= l[i][k] * x[k];
        x[i] = s / l[i][i];
    }
}

static double dot(const double *x, const double *y, int n)
{
    double s = 0;
    for (int i = 0; i < n; i++)
        s += x[i] * y[i];
    return s;
}

struct part { double centre, scale, log_weight; };

/* The forecast under one kind of noise: Student t with n - 1 degrees of freedom. y has its mean taken off. */
static bool solve(const struct kind *k, const double *y, int n, int gap, int ahead, struct part *out)
{
    double v[N][N], c[N], one[N], y_w[N], c_w[N], one_w[N], whole = 1.0 / ahead, log_det = 0;
    for (int i = 0; i < n; i++) {
        one[i] = 1;
        c[i] = 0;
        for (int j = 0; j <= i; j++)
            v[i][j] = covariance(k, n, i + 1, j + 1) + (i == j);
        for (int j = 0; j < ahead; j++)
            c[i] += covariance(k, n, i + 1, n + gap + j + 1) / ahead;
    }
    for (int i = 0; i < ahead; i++)
        for (int j = 0; j < ahead; j++)
            whole += covariance(k, n, n + gap + i + 1, n + gap + j + 1) / ahead / ahead;
    if (!factor(v, n))
        return false;
    for (int i = 0; i < n; i++)
        log_det += 2 * log(v[i][i]);
    whiten(v, n, y, y_w);
    whiten(v, n, c, c_w);
    whiten(v, n, one, one_w);
    double ones = dot(one_w, one_w, n), level = dot(one_w, y_w, n) / ones, short_of_one = 1 - dot(c_w, one_w, n);
    double rest = dot(y_w, y_w, n) - level * level * ones;
    rest = rest > 1e-18 ? rest : 1e-18;      /* a constant past */
    out->centre = level * short_of_one + dot(c_w, y_w, n);
    out->scale = sqrt(rest / (n - 1) * (whole - dot(c_w, c_w, n) + short_of_one * short_of_one / ones));
    out->log_weight = log(k->weight) - 0.5 * log_det - 0.5 * log(ones) - 0.5 * (n - 1) * log(rest);
    return true;
}

/* Where the mixture's upper tail is `level`; side = -1 gives the lower one. */
static double bound(const struct part *p, const double *weight, int parts, double level, double df, double side)
{
    double lo = (double)INFINITY, hi = -(double)INFINITY;
    for (int i = 0; i < parts; i++) {
        double far = side * p[i].centre + p[i].scale * math_t_quantile(1 - level, df);
        lo = far < lo ? far : lo;
        hi = far > hi ? far : hi;
    }
    for (int step = 0; step < 60; step++) {
        double middle = 0.5 * (lo + hi), tail = 0;
        for (int i = 0; i < parts; i++)
            tail += weight[i] * math_t_cdf((side * p[i].centre - middle) / p[i].scale, df);
        if (tail > level)
            lo = middle;
        else
            hi = middle;
    }
    return side * 0.5 * (lo + hi);
}

struct math_forecast math_forecast_mean(const double *past, int n, int gap, int ahead, double level)
{
    struct math_forecast f = { false, (double)NAN, -(double)INFINITY, (double)INFINITY };
    if (n > N) {
        past += n - N;
        n = N;
    }
    if (n < MATH_FORECAST_LEAST || gap < 0 || ahead < 1 || ahead > MATH_FORECAST_AHEAD_MAX || !(level > 0 && level < 0.5))
        return f;
    double y[N], mean = 0, best = -(double)INFINITY, sum = 0, weight[KINDS];
    struct part part[KINDS];
    int parts = 0;
    for (int i = 0; i < n; i++)
        mean += past[i] / n;
    for (int i = 0; i < n; i++)
        y[i] = past[i] - mean;
    for (int i = 0; i < KINDS; i++)
        parts += solve(&kinds[i], y, n, gap, ahead, &part[parts]);
    for (int i = 0; i < parts; i++)
        best = part[i].log_weight > best ? part[i].log_weight : best;
    for (int i = 0; i < parts; i++)
        sum += weight[i] = exp(part[i].log_weight - best);
    if (!(sum > 0))
        return f;
    f.known = true;
    f.mean = mean;
    for (int i = 0; i < parts; i++)
        f.mean += (weight[i] /= sum) * part[i].centre;
    f.upper = mean + bound(part, weight, parts, level, n - 1, 1);
    f.lower = mean + bound(part, weight, parts, level, n - 1, -1);
    return f;
}
