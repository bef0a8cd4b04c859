/*
 * math/stats/sequential.h - tests that may be looked at after every observation.
 *
 * A test meant for one look, looked at after each of a thousand points, is
 * wrong half of the time.  What is here keeps its promise at every moment at
 * once: an e-value is a bet against the null hypothesis whose expected worth
 * under the null is at most 1 whenever one stops, so it exceeds 1 / alpha with
 * probability at most alpha, ever (Ville 1939; Ramdas, Gruenwald, Vovk, Shafer
 * 2023).  A confidence sequence is the set of values not yet rejected.
 *
 * e-values are returned as natural logarithms: reject when >= -log(alpha).
 * Observations are independent (see math/stats/series.h for making them so) and in
 * any unit; half-widths have that unit.
 */
#ifndef MATH_SEQUENTIAL_H
#define MATH_SEQUENTIAL_H

/*
 * Normal mixture with known (or plugged-in) standard deviation sd: half-width of the time-uniform interval around the mean of
 * n observations (Robbins 1970; Waudby-Smith et al. 2024, eq. 5).  With a plugged-in sd do not look before about 20.
 * rho2 is a free constant; math_cs_normal_rho2() makes the interval tightest near n_star.
 */
double math_cs_normal(double n, double sd, double rho2, double alpha);
double math_cs_normal_rho2(double n_star, double alpha);
/* The mixture likelihood ratio behind it (mSPRT; Johari et al. 2017): mean of n against theta0, effects drawn from N(theta0, tau2). */
double math_msprt_log_e(double n, double mean, double theta0, double sd, double tau2);

/*
 * The same for Gaussian observations whose standard deviation is not known (Lai 1976; Wang & Ramdas 2024, t-test with a Gaussian
 * mixture over the effect size and the right Haar prior on the scale).  Exact for any n >= 2, so it needs no burn-in; ss is the
 * sum of squared deviations from the mean.  INFINITY while n is too small for c2 and alpha.
 * c2 > 0 is the precision of the mixture; math_cs_t_c2() makes the interval tightest near n_star.
 */
double math_cs_t(double n, double ss, double c2, double alpha);
double math_cs_t_c2(double n_star, double alpha);
double math_t_log_e(double n, double mean, double ss, double theta0, double c2);

/* Wald's sequential probability ratio test between mean delta0 and mean delta1, known sd. */
enum math_sprt { MATH_SPRT_GO_ON, MATH_SPRT_H0, MATH_SPRT_H1 };
double         math_sprt_llr(double llr, double x, double delta0, double delta1, double sd);   /* llr after one more x */
enum math_sprt math_sprt_decide(double llr, double a, double b);                               /* a: false H1, b: false H0 */

/* Sign test: wins and losses of paired differences (ties dropped), Beta(1/2, 1/2) mixture. Exact for independent signs whatever the tails; tests the median. */
double math_sign_log_e(double wins, double losses);

/* k failures in n trials against p <= p0 (one-sided): Beta mixture of odds above p0, Beta(1/2, 1/2) conditioned on p > p0. */
double math_binomial_log_e(double k, double n, double p0);

/* k events in time T against a rate of l0 per unit of time; Gamma(a, b) mixture: a / b is the rate expected under the alternative. */
double math_poisson_log_e(double k, double T, double l0, double a, double b);

#endif
