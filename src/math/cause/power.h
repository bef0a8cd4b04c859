/*
 * math/cause/power.h - what could have been seen, and how much it would take.
 *
 * An effect that was not found is news only when it would have been found: the
 * smallest detectable effect says how large it can still be.  Two-sided tests
 * at alpha; df = INFINITY is the normal (Bloom 1995; Cohen 1988).
 */
#ifndef MATH_POWER_H
#define MATH_POWER_H

/* The effect that is found with probability `power` when its estimate has this standard error. NAN outside 0 < alpha < 1, alpha < power < 1. */
double math_detectable(double se, double df, double alpha, double power);

/* The probability of finding an effect of this size (of finding it with either sign). */
double math_power(double effect, double se, double df, double alpha);

/* Rows for each of two arms so that a difference of means is found: the smallest whole number, at least 2; INFINITY for no effect. */
double math_rows_needed(double effect, double sd, double alpha, double power);

/*
 * Robustness value (Cinelli & Hazlett 2020): the share of what is left of both treatment and outcome that a hidden common cause would
 * have to explain to take away `part` (1: all) of an effect whose t value is t. 0: nothing is needed; near 1: hardly anything could.
 */
double math_robustness(double t, double df, double part);

#endif
