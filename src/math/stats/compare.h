/*
 * math/stats/compare.h - two groups of numbers: tests for one look, intervals, adjustment.
 *
 * These are fixed-sample methods.  Whoever looks again and again takes
 * math/stats/sequential.h, or divides alpha by the number of looks.
 */
#ifndef MATH_COMPARE_H
#define MATH_COMPARE_H

/* Welch's t for the difference of means y - x (unequal variances; Welch 1947). se and nu are NAN below two values in a group. */
struct math_difference { double estimate, se, nu, p; };
struct math_difference math_welch(double nx, double mean_x, double var_x, double ny, double mean_y, double var_y);

/*
 * Student's t for the same difference, with one variance for both groups (pooled).  For a group of a few beside a group of many:
 * Welch would be left with the few's degrees of freedom alone.  Where the few vary more than the many, it is too sure by a bounded amount.
 */
struct math_difference math_student(double nx, double mean_x, double var_x, double ny, double mean_y, double var_y);

/* One-sample or paired t: mean of d[n] against 0. */
struct math_difference math_paired(const double *d, int n);

/* One-sided bounds: the difference is above lower with confidence 1 - alpha, below upper with confidence 1 - alpha; infinite when se is unknown. */
double math_difference_lower(const struct math_difference *d, double alpha);
double math_difference_upper(const struct math_difference *d, double alpha);

/* Mann-Whitney: U of x, normal approximation with tie correction, common-language effect size P(x > y) + P(x = y) / 2. scratch: 2 (nx + ny). */
struct math_ranks { double u, z, p, cles; };
struct math_ranks math_mann_whitney(const double *x, int nx, const double *y, int ny, double *scratch);

/* CUPED (Deng et al. 2013): theta = cov(y, x) / var(x). Estimate it on earlier data when the result is monitored. 0 when x is constant. */
double math_cuped_theta(const double *y, const double *x, int n);

/* Clopper-Pearson interval for a proportion k / n at 1 - alpha, two-sided. */
void math_proportion_interval(double k, double n, double alpha, double *lo, double *hi);

/* Interval for the ratio of two Poisson rates (kb / tb) / (ka / ta) at 1 - alpha, two-sided, conditional on ka + kb; 0..INFINITY without events. */
void math_rate_ratio_interval(double ka, double ta, double kb, double tb, double alpha, double *lo, double *hi);

#endif
