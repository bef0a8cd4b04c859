/*
 * math/search/bend.h - a coordinate of [0, 1] on another scale: finer at one end, coarser at the other.
 *
 * Whoever describes a parameter must say whether differences or ratios count, and may be wrong: what matters may be the last
 * tenth of a range of many decades, or the first few of a thousand workers.  bend(u) = (exp(c u) - 1) / (exp(c) - 1) lies between
 * and beyond: c = 0 changes nothing, c = ln(hi / lo) makes differences of a scale of ratios, c < 0 gives room to the low end.
 * A Gaussian process learns c with its length scales, as Snoek, Swersky, Zemel, Adams 2014 do with the Beta distribution; one
 * number does for monotone scales, and every formula is closed.
 */
#ifndef MATH_BEND_H
#define MATH_BEND_H

#include "base/rand.h"

#define MATH_BEND_MAX 16.0     /* of |c|: seven decades */

double math_bend(double u, double c);           /* bend(0) = 0, bend(1) = 1, rising; any u */
double math_bend_undo(double v, double c);      /* v in [0, 1] */
double math_bend_slope(double u, double c);     /* d bend / d u > 0 */
double math_bend_turn(double u, double c);      /* d bend / d c */

/* A scale to look on where none is known: the given one as often as not, else much finer at one end or at the other. */
double math_bend_draw(struct rand *r);

#endif
