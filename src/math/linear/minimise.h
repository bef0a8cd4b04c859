/*
 * math/linear/minimise.h - a smooth function of a few dozen variables, or some hundreds, within a box, brought down along its gradient.
 *
 * Limited-memory BFGS (Nocedal & Wright, Numerical Optimization, 2nd ed., algorithm 7.4) on the variables that are not held by
 * their bounds, with a projected line search (Armijo, quadratic interpolation).  It finds a local minimum; where the function
 * has many, whoever calls begins at several places.  The number of evaluations is the budget, since evaluations are the cost.
 */
#ifndef MATH_MINIMISE_H
#define MATH_MINIMISE_H

enum { MATH_MINIMISE_MAX = 1040 };   /* variables */

/* The value at x[n], and the gradient into gradient[n]. NAN or INFINITY: x is no good, look nearer. */
typedef double math_slope_fn(const double *x, double *gradient, void *context);

struct math_minimum { double value; int evaluations; };   /* value is NAN when even the start was no good */

/*
 * x[n] is the start (moved into the box first) and becomes the best point seen.  Stops after `evaluations`, or when a step
 * gains less than tolerance * (1 + |value|), or when the projected gradient is smaller than that.
 */
struct math_minimum math_minimise(math_slope_fn *f, void *context, double *x, int n, const double *lo, const double *hi,
                                  int evaluations, double tolerance);

#endif
