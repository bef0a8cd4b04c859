/* math/cause/power.c - detectable effects, and what it would take to explain one away. */
#include "math/cause/power.h"

#include "math/stats/special.h"

#include <math.h>

static double cdf(double t, double df)      { return isinf(df) ? math_normal_cdf(t) : math_t_cdf(t, df); }
static double quantile(double p, double df) { return isinf(df) ? math_normal_quantile(p) : math_t_quantile(p, df); }

double math_detectable(double se, double df, double alpha, double power)
{
    if (!(se >= 0 && alpha > 0 && alpha < 1 && power > alpha && power < 1))
        return (double)NAN;
    return (quantile(1 - alpha / 2, df) + quantile(power, df)) * se;
}

double math_power(double effect, double se, double df, double alpha)
{
    if (!(se > 0 && alpha > 0 && alpha < 1))
        return (double)NAN;
    double needed = quantile(1 - alpha / 2, df), t = fabs(effect) / se;
    return cdf(t - needed, df) + cdf(-t - needed, df);
}

double math_rows_needed(double effect, double sd, double alpha, double power)
{
    if (!(fabs(effect) > 0))
        return isnan(effect) ? effect : (double)INFINITY;
    double size = fabs(effect) / sd, z = math_detectable(1, INFINITY, alpha, power), n = ceil(2 * z * z / (size * size));
    if (!isfinite(n))
        return n;
    /* Few rows: the t distribution asks for a few more than the normal did. */
    for (n = fmax(n, 2); n < 1000 && math_detectable(sqrt(2 / n), 2 * n - 2, alpha, power) > size; n++)
        ;
    return n;
}

double math_robustness(double t, double df, double part)
{
    if (!(df > 0 && part > 0))
        return (double)NAN;
    double f = part * fabs(t) / sqrt(df);
    return isinf(f) ? 1 : 2 * f / (f + sqrt(f * f + 4));    /* (sqrt(f^4 + 4 f^2) - f^2) / 2, without the difference of two large numbers */
}
