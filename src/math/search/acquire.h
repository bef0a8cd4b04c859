/*
 * math/search/acquire.h - how much a trial at a place promises, from the mean and the standard deviation of a surrogate there.
 *
 * Larger values of the function are better; mean, sd and incumbent are in one unit.  With noise the incumbent is the largest
 * posterior mean at the points tried (plug-in; Vazquez, Villemonteix, Sidorkiewicz, Walter 2008), not the luckiest reading.
 *
 * Each answers a value and, through `slope`, its derivatives by mean and sd (NULL: not wanted).  sd > 0.
 */
#ifndef MATH_ACQUIRE_H
#define MATH_ACQUIRE_H

struct math_acq_slope { double by_mean, by_sd; };

/* mean + kappa sd (Srinivas, Krause, Kakade, Seeger 2010). kappa = 2 is the usual. */
double math_acq_ucb(double mean, double sd, double kappa, struct math_acq_slope *slope);

/* Expected improvement (Mockus 1975; Jones, Schonlau, Welch 1998): sd (phi(u) + u Phi(u)), u = (mean - incumbent) / sd. It is 0 in double arithmetic when u < -38. */
double math_acq_ei(double mean, double sd, double incumbent, struct math_acq_slope *slope);

/* Its logarithm without underflow, so that there is a way up everywhere (Ament, Daulton, Eriksson, Balandat, Bakshy 2023). */
double math_acq_log_ei(double mean, double sd, double incumbent, struct math_acq_slope *slope);

/* ln P(value <= limit): feasibility of a constraint (Gardner et al. 2014; Gelbart, Snoek, Adams 2014), which is added to log_ei. */
double math_acq_log_below(double mean, double sd, double limit, struct math_acq_slope *slope);

/* ln (phi(u) + u Phi(u)) and ln Phi(u), to 1e-12 relative for every finite u; *slope (may be NULL): the derivative. */
double math_log_h(double u, double *slope);
double math_log_normal_cdf(double u, double *slope);

#endif
