/* math/search/acquire.c - acquisition functions. */
#include "math/search/acquire.h"

#include "math/stats/special.h"

#include <math.h>
#include <stddef.h>

#define TAIL -2.5                              /* below, the tail's continued fraction; above, nothing cancels */
#define LOG_SQRT_2PI 0.91893853320467274178

/*
 * The tail of the normal distribution at z = -u: Phi(-z) / phi(z) = 1 / (z + T), T = 1 / (z + 2 / (z + 3 / (z + ...)))
 * (Laplace).  With it phi + u Phi = phi T / (z + T), where nothing cancels, however far out.
 */
static double tail(double z)
{
    double t = 0;
    for (int k = 12 + (int)(400 / (z * z)); k >= 1; k--)
        t = k / (z + t);
    return t;
}

double math_log_h(double u, double *slope)
{
    if (u > TAIL) {
        double cdf = math_normal_cdf(u), h = math_normal_pdf(u) + u * cdf;
        if (slope)
            *slope = cdf / h;
        return log(h);
    }
    double t = tail(-u);
    if (slope)
        *slope = 1 / t;
    return -0.5 * u * u - LOG_SQRT_2PI + log(t / (t - u));
}

double math_log_normal_cdf(double u, double *slope)
{
    if (u > TAIL) {
        double cdf = math_normal_cdf(u);
        if (slope)
            *slope = math_normal_pdf(u) / cdf;
        return log(cdf);
    }
    double d = tail(-u) - u;
    if (slope)
        *slope = d;
    return -0.5 * u * u - LOG_SQRT_2PI - log(d);
}

double math_acq_ucb(double mean, double sd, double kappa, struct math_acq_slope *slope)
{
    if (slope)
        *slope = (struct math_acq_slope){ 1, kappa };
    return mean + kappa * sd;
}

double math_acq_ei(double mean, double sd, double incumbent, struct math_acq_slope *slope)
{
    double u = (mean - incumbent) / sd, value = sd * exp(math_log_h(u, NULL));
    if (slope)
        *slope = (struct math_acq_slope){ math_normal_cdf(u), math_normal_pdf(u) };
    return value;
}

double math_acq_log_ei(double mean, double sd, double incumbent, struct math_acq_slope *slope)
{
    double u = (mean - incumbent) / sd, by_u, value = log(sd) + math_log_h(u, &by_u);
    if (slope)
        *slope = (struct math_acq_slope){ by_u / sd, (1 - u * by_u) / sd };
    return value;
}

double math_acq_log_below(double mean, double sd, double limit, struct math_acq_slope *slope)
{
    double u = (limit - mean) / sd, by_u, value = math_log_normal_cdf(u, &by_u);
    if (slope)
        *slope = (struct math_acq_slope){ -by_u / sd, -u * by_u / sd };
    return value;
}
