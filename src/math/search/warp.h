/*
 * math/search/warp.h - results on a scale where a Gaussian process believes them.
 *
 * Times and throughputs have a long tail towards the bad side: a time-out ten times worse than the rest would be all that a
 * model of the raw numbers sees.  The warp centres and scales robustly, pulls the bad tail in with the transformation of Yeo &
 * Johnson (2000), its exponent by maximum likelihood, and then makes mean 0 and variance 1.  It never pulls in the good side.
 * It keeps the order, can be undone, and larger is better before and after.
 */
#ifndef MATH_WARP_H
#define MATH_WARP_H

#define MATH_WARP_MIN -2.0   /* the strongest pull; 1 is none at all */

struct math_warp { double centre, spread, lambda, mean, sd; };

/* From y[n], n >= 1, all finite. Constant values, or fewer than 4, are only centred and scaled. plain: never more than that. scratch: 2 n. */
struct math_warp math_warp_fit(const double *y, int n, int plain, double *scratch);

double math_warp_apply(const struct math_warp *w, double y);
double math_warp_undo(const struct math_warp *w, double z);    /* -INFINITY below what a strong pull can reach */
double math_warp_slope(const struct math_warp *w, double y);   /* d apply / d y > 0: what a standard deviation of y becomes */

#endif
