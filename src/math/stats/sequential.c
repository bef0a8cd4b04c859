/* math/stats/sequential.c - confidence sequences and e-values. */
#include "math/stats/sequential.h"

#include "math/stats/special.h"

#include <math.h>

double math_cs_normal(double n, double sd, double rho2, double alpha)
{
    if (!(n >= 1 && rho2 > 0 && alpha > 0 && alpha < 1))
        return (double)INFINITY;
    double v = n * rho2 + 1;
    return sd * sqrt(2 * v / (n * n * rho2) * log(sqrt(v) / alpha));
}

double math_cs_normal_rho2(double n_star, double alpha)
{
    double l = -2 * log(alpha);
    return (l + log(l) + 1) / n_star;
}

double math_msprt_log_e(double n, double mean, double theta0, double sd, double tau2)
{
    double s2 = sd * sd, d = mean - theta0;
    return 0.5 * log(s2 / (s2 + n * tau2)) + n * n * tau2 * d * d / (2 * s2 * (s2 + n * tau2));
}

double math_t_log_e(double n, double mean, double ss, double theta0, double c2)
{
    double d = mean - theta0, v = ss + n * d * d;
    if (!(n >= 1 && v > 0))
        return 0;
    double left = ss + n * d * d * c2 / (n + c2);
    return 0.5 * log(c2 / (n + c2)) + 0.5 * n * log(v / left);
}

/* Half-width in units of sqrt(ss); solves math_t_log_e() = -log(alpha) for theta0. */
static double cs_t_unit(double n, double c2, double alpha)
{
    double k = exp(2 / n * (0.5 * log((n + c2) / c2) - log(alpha)));
    double room = 1 - k * c2 / (n + c2);
    return room > 0 ? sqrt((k - 1) / (n * room)) : (double)INFINITY;
}

double math_cs_t(double n, double ss, double c2, double alpha)
{
    if (!(n >= 2 && c2 > 0 && alpha > 0 && alpha < 1 && ss >= 0))
        return (double)INFINITY;
    double unit = cs_t_unit(n, c2, alpha);
    return isinf(unit) ? unit : unit * sqrt(ss);
}

double math_cs_t_c2(double n_star, double alpha)
{
    /* The width has one minimum in log c2: walk in from the small side, where it is always finite for n >= 2. */
    double best = 1e-12, width = (double)INFINITY;
    for (double l = log(1e-12); l < log(100); l += 0.05) {
        double w = cs_t_unit(n_star, exp(l), alpha);
        if (w < width) {
            width = w;
            best = exp(l);
        }
    }
    return best;
}

double math_sprt_llr(double llr, double x, double delta0, double delta1, double sd)
{
    return llr + (delta1 - delta0) / (sd * sd) * (x - 0.5 * (delta0 + delta1));
}

enum math_sprt math_sprt_decide(double llr, double a, double b)
{
    if (llr >= log((1 - b) / a))
        return MATH_SPRT_H1;
    return llr <= log(b / (1 - a)) ? MATH_SPRT_H0 : MATH_SPRT_GO_ON;
}

double math_sign_log_e(double wins, double losses)
{
    double n = wins + losses;
    return math_lgamma(wins + 0.5) + math_lgamma(losses + 0.5) - math_lgamma(n + 1) - 2 * math_lgamma(0.5) + n * M_LN2;
}

double math_binomial_log_e(double k, double n, double p0)
{
    if (!(n >= 0 && k >= 0 && k <= n && p0 > 0 && p0 < 1))
        return (double)NAN;
    /* Integral over p > p0 of p^k (1-p)^(n-k) dBeta(1/2,1/2) / P(p > p0), against p0^k (1-p0)^(n-k). */
    double above = math_betai(n - k + 0.5, 0.5 + k, 1 - p0), prior = math_betai(0.5, 0.5, 1 - p0);
    if (!(above > 0))
        return -(double)INFINITY;
    return math_lgamma(k + 0.5) + math_lgamma(n - k + 0.5) - math_lgamma(n + 1) - 2 * math_lgamma(0.5) + log(above) - log(prior)
         - k * log(p0) - (n - k) * log1p(-p0);
}

double math_poisson_log_e(double k, double T, double l0, double a, double b)
{
    if (!(T >= 0 && l0 > 0 && a > 0 && b > 0 && k >= 0))
        return (double)NAN;
    return a * log(b) - (a + k) * log(b + T) + math_lgamma(a + k) - math_lgamma(a) + l0 * T - k * log(l0);
}
