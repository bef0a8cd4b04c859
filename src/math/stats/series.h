/*
 * math/stats/series.h - values in the order of time: dependence, batches, drift.
 *
 * Neighbouring seconds of a database resemble each other, so a hundred of them
 * are worth far fewer independent observations.  Every interval in this
 * program is therefore computed from batch means that have (almost) forgotten
 * their neighbours.
 */
#ifndef MATH_SERIES_H
#define MATH_SERIES_H

/* Sample autocorrelation at lag k >= 0 about the sample mean, denominator of all n (Box & Jenkins); NAN when n <= k + 1; 0 for a constant series. */
double math_autocorrelation(const double *x, int n, int k);

/* Means of consecutive batches of length b; values before the first whole batch, the oldest, are left out. Returns how many; out holds n / b. */
int math_batch_means(const double *x, int n, int b, double *out);

/*
 * The smallest batch length b (1, 2, 3, ...) whose batch means have a lag-1 autocorrelation below limit, keeping at least
 * batches_min of them.  An estimate from k batches has a standard error of about 1 / sqrt(k) and a bias of -1 / k, so the
 * estimate is corrected for the bias and must exceed limit by `doubt` standard errors before batches grow: doubt = 0 is
 * the plain rule.  Only positive correlation makes intervals too short, so only that counts.  Returns 0 when no length
 * will do: there is no honest interval in these data.  *lag1 (may be NULL) is what the chosen batches have.
 */
int math_batch_length(const double *x, int n, double limit, double doubt, int batches_min, double *scratch, double *lag1);

/* How many independent values n values of an AR(1) series with lag-1 autocorrelation phi are worth: n (1 - phi) / (1 + phi). */
double math_effective_n(double n, double phi);

/* Least squares y = intercept + slope x with the standard error of the slope (n - 2 degrees of freedom). */
struct math_line { double intercept, slope, slope_se; int n; };
struct math_line math_line_fit(const double *x, const double *y, int n);   /* n >= 3, x not constant; else NAN */

/* Subtracts the fitted line over time t from y in place and adds the mean back; leaves y alone when there is no line. */
void math_drift_remove(const double *t, double *y, int n);

#endif
