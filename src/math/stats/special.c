/* math/stats/special.c - normal, beta and t, to about ten digits. */
#include "math/stats/special.h"

#include <math.h>
#include <stddef.h>

double math_normal_pdf(double x) { return exp(-0.5 * x * x) * 0.39894228040143267794; }
double math_normal_cdf(double x) { return 0.5 * erfc(-x * M_SQRT1_2); }

static double poly(const double *c, size_t n, double x)
{
    double y = 0;
    for (size_t i = 0; i < n; i++)
        y = y * x + c[i];
    return y;
}

double math_normal_quantile(double p)
{
    static const double a[] = { -3.969683028665376e+01, 2.209460984245205e+02, -2.759285104469687e+02,
                                1.383577518672690e+02, -3.066479806614716e+01, 2.506628277459239e+00 };
    static const double b[] = { -5.447609879822406e+01, 1.615858368580409e+02, -1.556989798598866e+02,
                                6.680131188771972e+01, -1.328068155288572e+01, 1.0 };
    static const double c[] = { -7.784894002430293e-03, -3.223964580411365e-01, -2.400758277161838e+00,
                                -2.549732539343734e+00, 4.374664141464968e+00, 2.938163982698783e+00 };
    static const double d[] = { 7.784695709041462e-03, 3.224671290700398e-01, 2.445134137142996e+00,
                                3.754408661907416e+00, 1.0 };
    if (!(p >= 0 && p <= 1))
        return (double)NAN;
    if (p <= 0 || p >= 1)
        return p <= 0 ? -(double)INFINITY : (double)INFINITY;
    double tail = p < 0.5 ? p : 1 - p, x;
    if (tail < 0.02425) {
        double q = sqrt(-2 * log(tail));
        x = poly(c, 6, q) / poly(d, 5, q);
        x = p < 0.5 ? x : -x;
    } else {
        double q = p - 0.5, r = q * q;
        x = q * poly(a, 6, r) / poly(b, 6, r);
    }
    double e = math_normal_cdf(x) - p, u = e / math_normal_pdf(x);
    return x - u / (1 + x * u / 2);
}

double math_lgamma(double x)
{
    int sign;
    return x > 0 ? lgamma_r(x, &sign) : (double)NAN;
}

/* The continued fraction of I_x(a, b); converges fast for x < (a + 1) / (a + b + 2). */
static double beta_fraction(double a, double b, double x)
{
    const double tiny = 1e-300;
    double c = 1, d = 1 - (a + b) * x / (a + 1);
    d = 1 / (fabs(d) < tiny ? tiny : d);
    double h = d;
    for (int m = 1; m <= 500; m++) {
        double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        for (int half = 0; half < 2; half++) {
            double k = half == 0 ? even : odd;
            d = 1 + k * d;
            d = 1 / (fabs(d) < tiny ? tiny : d);
            c = 1 + k / c;
            c = fabs(c) < tiny ? tiny : c;
            h *= d * c;
        }
        if (fabs(d * c - 1) < 1e-14)
            break;
    }
    return h;
}

double math_betai(double a, double b, double x)
{
    if (!(a > 0 && b > 0 && x >= 0 && x <= 1))
        return (double)NAN;
    if (x <= 0 || x >= 1)
        return x <= 0 ? 0 : 1;
    double front = exp(math_lgamma(a + b) - math_lgamma(a) - math_lgamma(b) + a * log(x) + b * log1p(-x));
    return x < (a + 1) / (a + b + 2) ? front * beta_fraction(a, b, x) / a : 1 - front * beta_fraction(b, a, 1 - x) / b;
}

/* P(T > t) for t >= 0, without cancellation far out. */
static double t_tail(double t, double nu)
{
    if (nu > 1e7)
        return math_normal_cdf(-t);
    /* Near the middle x = nu / (nu + t^2) loses digits; there the complementary form keeps them. */
    return t * t < nu ? 0.5 - 0.5 * math_betai(0.5, nu / 2, t * t / (nu + t * t)) : 0.5 * math_betai(nu / 2, 0.5, nu / (nu + t * t));
}

double math_t_cdf(double t, double nu)
{
    if (!(nu > 0) || isnan(t))
        return (double)NAN;
    if (isinf(t))
        return t > 0 ? 1 : 0;
    return t < 0 ? t_tail(-t, nu) : 1 - t_tail(t, nu);
}

double math_t_quantile(double p, double nu)
{
    if (!(nu > 0) || !(p >= 0 && p <= 1))
        return (double)NAN;
    if (p <= 0 || p >= 1)
        return p <= 0 ? -(double)INFINITY : (double)INFINITY;
    if (p < 0.5)
        return -math_t_quantile(1 - p, nu);
    double q = 1 - p, z = math_normal_quantile(p);
    if (!(z > 0) || nu > 1e7)
        return z;
    /* Start from the Cornish-Fisher expansion, then Newton on ln P(T > t) against ln t, where the function is nearly straight. */
    double t = z + (z * z * z + z) / (4 * nu);
    double lo = 0, hi = (double)INFINITY;
    double ln_density = math_lgamma((nu + 1) / 2) - math_lgamma(nu / 2) - 0.5 * log(nu * M_PI);
    for (int i = 0; i < 200; i++) {
        double tail = t_tail(t, nu), error = log(tail / q);
        if (tail > q)
            lo = t;
        else
            hi = t;
        if (fabs(error) < 1e-12)
            break;
        double slope = -t * exp(ln_density - (nu + 1) / 2 * log1p(t * t / nu)) / tail;
        double next = t * exp(-error / slope);
        if (!(next > lo && next < hi) || !isfinite(next))
            next = isinf(hi) ? 2 * t : 0.5 * (lo + hi);
        if (fabs(next - t) < 1e-13 * t)
            break;
        t = next;
    }
    return t;
}

double math_beta_quantile(double p, double a, double b)
{
    if (!(p >= 0 && p <= 1 && a > 0 && b > 0))
        return (double)NAN;
    double lo = 0, hi = 1;
    while (hi - lo > 1e-13) {
        double mid = 0.5 * (lo + hi);
        if (mid <= lo || mid >= hi)
            break;
        if (math_betai(a, b, mid) < p)
            lo = mid;
        else
            hi = mid;
    }
    return 0.5 * (lo + hi);
}
