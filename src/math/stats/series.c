/* math/stats/series.c - autocorrelation, batch means, lines. */
#include "math/stats/series.h"

#include "math/stats/describe.h"

#include <math.h>

double math_autocorrelation(const double *x, int n, int k)
{
    if (k < 0 || n <= k + 1)
        return (double)NAN;
    double mean = math_mean(x, n), all = 0, lagged = 0;
    for (int i = 0; i < n; i++) {
        all += (x[i] - mean) * (x[i] - mean);
        if (i >= k)
            lagged += (x[i] - mean) * (x[i - k] - mean);
    }
    return all > 0 ? lagged / all : 0;
}

int math_batch_means(const double *x, int n, int b, double *out)
{
    int batches = b > 0 ? n / b : 0, skip = n - batches * b;
    for (int i = 0; i < batches; i++)
        out[i] = math_mean(x + skip + i * b, b);
    return batches;
}

int math_batch_length(const double *x, int n, double limit, double doubt, int batches_min, double *scratch, double *lag1)
{
    for (int b = 1; b * batches_min <= n; b++) {
        int k = math_batch_means(x, n, b, scratch);
        double r = math_autocorrelation(scratch, k, 1);
        if (isnan(r))
            break;
        if (r + 1.0 / k < limit + doubt / sqrt(k)) {
            if (lag1)
                *lag1 = r;
            return b;
        }
    }
    if (lag1)
        *lag1 = math_autocorrelation(x, n, 1);
    return 0;
}

double math_effective_n(double n, double phi)
{
    if (!(phi > -1 && phi < 1))
        return (double)NAN;
    return n * (1 - phi) / (1 + phi);
}

struct math_line math_line_fit(const double *x, const double *y, int n)
{
    struct math_line line = { (double)NAN, (double)NAN, (double)NAN, n };
    if (n < 3)
        return line;
    double mx = math_mean(x, n), my = math_mean(y, n), xx = 0, xy = 0, left = 0;
    for (int i = 0; i < n; i++) {
        xx += (x[i] - mx) * (x[i] - mx);
        xy += (x[i] - mx) * (y[i] - my);
    }
    if (!(xx > 0))
        return line;
    line.slope = xy / xx;
    line.intercept = my - line.slope * mx;
    for (int i = 0; i < n; i++) {
        double e = y[i] - line.intercept - line.slope * x[i];
        left += e * e;
    }
    line.slope_se = sqrt(left / (n - 2) / xx);
    return line;
}

void math_drift_remove(const double *t, double *y, int n)
{
    struct math_line line = math_line_fit(t, y, n);
    if (isnan(line.slope))
        return;
    double centre = math_mean(t, n);
    for (int i = 0; i < n; i++)
        y[i] -= line.slope * (t[i] - centre);
}
