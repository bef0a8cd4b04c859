/*
 * math/learn/scaling.h - running means and spreads, so that networks see numbers of one size.
 */
#ifndef MATH_SCALING_H
#define MATH_SCALING_H

#include "math/learn/real.h"

/*
 * Observations to mean 0, sd 1, and into -limit..limit (Chan, Golub, LeVeque 1979 for adding whole groups).  The arrays belong
 * to the caller: cols doubles each, zero at first.  Before the second row nothing is known, and rows pass as they are (clipped).
 */
struct math_scaling { int cols; double n, limit; double *mean, *ss; };
void math_scaling_add(struct math_scaling *s, const double *rows, int n);
void math_scaling_apply(const struct math_scaling *s, const double *rows, int n, real *out);

/*
 * Rewards divided by the running sd of the discounted return, which keeps their sign and their zero (Engstrom et al. 2020).
 * One sum for each world; `ended` empties it.
 */
struct math_returns { double gamma, limit, n, mean, ss; };
double math_returns_scale(struct math_returns *r, double *sum, double reward, bool ended);

#endif
