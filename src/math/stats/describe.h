/*
 * math/stats/describe.h - what a handful of numbers say about themselves.
 *
 * Arrays hold finite values; whoever has unknowns (NAN) takes them out first
 * with math_known().  The unit of a result is the unit of the input (squared
 * for a variance).  Too few values for an answer: NAN.  Functions that need
 * order take a scratch array of the same length, which they overwrite.
 */
#ifndef MATH_DESCRIBE_H
#define MATH_DESCRIBE_H

/* Copies the values of x[n] that are finite to out (which may be x); returns how many. */
int    math_known(const double *x, int n, double *out);
void   math_sort(double *x, int n);

double math_mean(const double *x, int n);                        /* n >= 1 */
double math_variance(const double *x, int n);                    /* n >= 2; divides by n - 1 */
double math_sd(const double *x, int n);
double math_sum_squares(const double *x, int n, double centre);  /* sum of (x - centre)^2 */

/* The q-quantile, q in [0, 1], of sorted values: linear between order statistics (Hyndman & Fan 1996, type 7). */
double math_quantile_sorted(const double *sorted, int n, double q);
double math_quantile(const double *x, int n, double q, double *scratch);
double math_median(const double *x, int n, double *scratch);

/* Median absolute deviation times 1.4826: estimates the standard deviation of Gaussian data, and is not moved by outliers. */
double math_mad(const double *x, int n, double *scratch);

/* Hodges-Lehmann estimate of location: median of all pairwise means (i <= j). n <= MATH_HL_MAX; beyond, the median of every k-th pair. */
enum { MATH_HL_MAX = 128 };
double math_hodges_lehmann(const double *x, int n);

/* A running mean and sum of squared deviations (Welford 1962; stable for long streams). Zero-initialised. */
struct math_running { double n, mean, ss, min, max; };
void   math_running_add(struct math_running *r, double x);
double math_running_sd(const struct math_running *r);            /* NAN below two values */

#endif
