/* math/stats/describe.c - location, spread and order. */
#include "math/stats/describe.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int math_known(const double *x, int n, double *out)
{
    int k = 0;
    for (int i = 0; i < n; i++)
        if (isfinite(x[i]))
            out[k++] = x[i];
    return k;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void math_sort(double *x, int n) { qsort(x, (size_t)n, sizeof *x, ascending); }

double math_mean(const double *x, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += x[i];
    return n > 0 ? sum / n : (double)NAN;
}

double math_sum_squares(const double *x, int n, double centre)
{
    double ss = 0;
    for (int i = 0; i < n; i++)
        ss += (x[i] - centre) * (x[i] - centre);
    return ss;
}

double math_variance(const double *x, int n) { return n > 1 ? math_sum_squares(x, n, math_mean(x, n)) / (n - 1) : (double)NAN; }
double math_sd(const double *x, int n)       { return sqrt(math_variance(x, n)); }

double math_quantile_sorted(const double *sorted, int n, double q)
{
    if (n < 1 || !(q >= 0 && q <= 1))
        return (double)NAN;
    double at = q * (n - 1);
    int below = (int)floor(at);
    if (below >= n - 1)
        return sorted[n - 1];
    return sorted[below] + (at - below) * (sorted[below + 1] - sorted[below]);
}

double math_quantile(const double *x, int n, double q, double *scratch)
{
    if (n < 1)
        return (double)NAN;
    memmove(scratch, x, (size_t)n * sizeof *x);
    math_sort(scratch, n);
    return math_quantile_sorted(scratch, n, q);
}

double math_median(const double *x, int n, double *scratch) { return math_quantile(x, n, 0.5, scratch); }

double math_mad(const double *x, int n, double *scratch)
{
    double centre = math_median(x, n, scratch);
    for (int i = 0; i < n; i++)
        scratch[i] = fabs(x[i] - centre);
    if (n < 1)
        return (double)NAN;
    math_sort(scratch, n);
    return 1.4826022185056018 * math_quantile_sorted(scratch, n, 0.5);
}

double math_hodges_lehmann(const double *x, int n)
{
    enum { PAIRS_MAX = MATH_HL_MAX * (MATH_HL_MAX + 1) / 2 };
    double pair[PAIRS_MAX];
    long all = (long)n * (n + 1) / 2, step = (all + PAIRS_MAX - 1) / PAIRS_MAX, at = 0;
    int k = 0;
    for (int i = 0; i < n; i++)
        for (int j = i; j < n; j++)
            if (at++ % step == 0)
                pair[k++] = 0.5 * (x[i] + x[j]);
    if (k == 0)
        return (double)NAN;
    math_sort(pair, k);
    return math_quantile_sorted(pair, k, 0.5);
}

void math_running_add(struct math_running *r, double x)
{
    if (r->n < 1 || x < r->min)
        r->min = x;
    if (r->n < 1 || x > r->max)
        r->max = x;
    r->n += 1;
    double step = x - r->mean;
    r->mean += step / r->n;
    r->ss += step * (x - r->mean);
}

double math_running_sd(const struct math_running *r) { return r->n > 1 ? sqrt(r->ss / (r->n - 1)) : (double)NAN; }
