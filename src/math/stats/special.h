/*
 * math/stats/special.h - the functions that statistics is made of.
 *
 * All are pure, take and return doubles, and answer NAN outside their domain.
 * Relative error is below 1e-10 unless a line says otherwise.
 */
#ifndef MATH_SPECIAL_H
#define MATH_SPECIAL_H

/* Standard normal distribution. The quantile is Acklam's rational start with one Halley step (2003); p in (0, 1), p = 0 or 1 gives -+INFINITY. */
double math_normal_pdf(double x);
double math_normal_cdf(double x);
double math_normal_quantile(double p);

/* ln Gamma(x), x > 0. Unlike lgamma() it keeps no global state, so any thread may call it. */
double math_lgamma(double x);

/* Regularised incomplete beta function I_x(a, b), a, b > 0, x in [0, 1] (continued fraction by Lentz; DLMF 8.17.22). */
double math_betai(double a, double b, double x);

/* Student's t with nu > 0 degrees of freedom, which need not be whole. The quantile inverts the cdf to 1e-9 relative. */
double math_t_cdf(double t, double nu);
double math_t_quantile(double p, double nu);

/* Quantile of the Beta(a, b) distribution by bisection, absolute error below 1e-12. */
double math_beta_quantile(double p, double a, double b);

#endif
