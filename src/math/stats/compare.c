/* math/stats/compare.c - tests and intervals for two groups. */
#include "math/stats/compare.h"

#include "math/stats/describe.h"
#include "math/stats/special.h"

#include <math.h>

static double two_sided(double t, double nu) { return 2 * math_t_cdf(-fabs(t), nu); }

struct math_difference math_welch(double nx, double mean_x, double var_x, double ny, double mean_y, double var_y)
{
    struct math_difference d = { mean_y - mean_x, (double)NAN, (double)NAN, (double)NAN };
    if (!(nx >= 2 && ny >= 2))
        return d;
    double ex = var_x / nx, ey = var_y / ny;
    d.se = sqrt(ex + ey);
    d.nu = d.se > 0 ? (ex + ey) * (ex + ey) / (ex * ex / (nx - 1) + ey * ey / (ny - 1)) : nx + ny - 2;
    d.p = d.se > 0 ? two_sided(d.estimate / d.se, d.nu) : d.estimate < 0 || d.estimate > 0 ? 0 : 1;
    return d;
}

struct math_difference math_student(double nx, double mean_x, double var_x, double ny, double mean_y, double var_y)
{
    struct math_difference d = { mean_y - mean_x, (double)NAN, (double)NAN, (double)NAN };
    if (!(nx >= 2 && ny >= 2))
        return d;
    double pooled = ((nx - 1) * var_x + (ny - 1) * var_y) / (nx + ny - 2);
    d.se = sqrt(pooled * (1 / nx + 1 / ny));
    d.nu = nx + ny - 2;
    d.p = d.se > 0 ? two_sided(d.estimate / d.se, d.nu) : d.estimate < 0 || d.estimate > 0 ? 0 : 1;
    return d;
}

struct math_difference math_paired(const double *x, int n)
{
    struct math_difference d = { math_mean(x, n), (double)NAN, (double)NAN, (double)NAN };
    if (n < 2)
        return d;
    d.se = math_sd(x, n) / sqrt(n);
    d.nu = n - 1;
    d.p = d.se > 0 ? two_sided(d.estimate / d.se, d.nu) : d.estimate < 0 || d.estimate > 0 ? 0 : 1;
    return d;
}

double math_difference_lower(const struct math_difference *d, double alpha)
{
    return isnan(d->se) ? -(double)INFINITY : d->estimate - math_t_quantile(1 - alpha, d->nu) * d->se;
}

double math_difference_upper(const struct math_difference *d, double alpha)
{
    return isnan(d->se) ? (double)INFINITY : d->estimate + math_t_quantile(1 - alpha, d->nu) * d->se;
}

struct math_ranks math_mann_whitney(const double *x, int nx, const double *y, int ny, double *scratch)
{
    struct math_ranks r = { (double)NAN, (double)NAN, (double)NAN, (double)NAN };
    if (nx < 1 || ny < 1)
        return r;
    int n = nx + ny;
    double *all = scratch, ranks = 0, ties = 0;
    for (int i = 0; i < n; i++)
        all[i] = i < nx ? x[i] : y[i - nx];
    math_sort(all, n);
    double *mine = scratch + n;
    for (int i = 0; i < nx; i++)
        mine[i] = x[i];
    math_sort(mine, nx);
    for (int i = 0, m = 0; i < n;) {
        int j = i;
        while (j < n && all[j] <= all[i])
            j++;
        double t = j - i, rank = 0.5 * (i + 1 + j);
        ties += t * t * t - t;
        for (; m < nx && mine[m] <= all[i]; m++)
            ranks += rank;
        i = j;
    }
    double N = n, pairs = (double)nx * ny;
    r.u = ranks - (double)nx * (nx + 1) / 2;
    r.cles = r.u / pairs;
    double var = pairs * (N + 1) / 12 * (1 - ties / (N * N * N - N));
    r.z = var > 0 ? (r.u - pairs / 2) / sqrt(var) : 0;
    r.p = var > 0 ? 2 * math_normal_cdf(-fabs(r.z)) : 1;
    return r;
}

double math_cuped_theta(const double *y, const double *x, int n)
{
    double my = math_mean(y, n), mx = math_mean(x, n), xy = 0, xx = 0;
    for (int i = 0; i < n; i++) {
        xy += (x[i] - mx) * (y[i] - my);
        xx += (x[i] - mx) * (x[i] - mx);
    }
    return xx > 0 ? xy / xx : 0;
}

void math_proportion_interval(double k, double n, double alpha, double *lo, double *hi)
{
    *lo = k > 0 ? math_beta_quantile(alpha / 2, k, n - k + 1) : 0;
    *hi = k < n ? math_beta_quantile(1 - alpha / 2, k + 1, n - k) : 1;
}

void math_rate_ratio_interval(double ka, double ta, double kb, double tb, double alpha, double *lo, double *hi)
{
    *lo = 0;
    *hi = (double)INFINITY;
    if (!(ka + kb > 0 && ta > 0 && tb > 0))
        return;
    double p_lo, p_hi;
    math_proportion_interval(kb, ka + kb, alpha, &p_lo, &p_hi);
    *lo = p_lo / (1 - p_lo) * ta / tb;
    *hi = p_hi < 1 ? p_hi / (1 - p_hi) * ta / tb : (double)INFINITY;
}
