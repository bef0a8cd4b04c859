/*
 * verify/before_after.h - the estimate where switching to and fro is not possible (restart, slow).
 *
 * One comparison of before and after is not an experiment: load drifts, caches age.  How far two stretches of this
 * database lie apart when nothing was changed is measured on its own untouched history: placebos, with the same number of
 * windows before and after and the same gap between them.  An effect must exceed what placebos reach at the level asked for.
 *
 * History is short and holds few stretches that do not overlap, so the margin is built from single windows as far apart as
 * the centres of before and after: the root mean square of their differences, times a t quantile.  A mean of such
 * differences varies less, but only as far as neighbours are unlike: their likeness is estimated from the same differences
 * with one standard error added, so that a short history gains little, and drift, which makes all of them alike, gains
 * nothing; likeness takes degrees of freedom away, and what drift they have in common is added in full.  A history that is a little too short for the distance is stretched as if
 * all were drift.  The observed quantile of the full shape must be exceeded too.
 * Calibrated by simulation: 15 windows of white, heavy-tailed, autocorrelated (AR 0.6) or drifting noise stay below the level.
 */
#ifndef VERIFY_BEFORE_AFTER_H
#define VERIFY_BEFORE_AFTER_H

#include "verify/switchback.h"

#include <stdbool.h>

/* The shape of the comparison, in windows. */
struct before_after_shape { int before, gap, after; };

/* Pairs of windows: below the first nothing can be said; the second mostly let an effect of four spreads be seen in three windows. */
enum { PLACEBOS_LEAST = 7, PLACEBOS_WANTED = 16 };

struct placebo {
    bool   known;         /* false: history is too short to say anything */
    double margin;        /* log ratio that placebos exceed with probability `level` (one-sided) */
    int    count;         /* pairs looked at */
    double independent;   /* degrees of freedom they are worth */
};

/* past[n]: responses of the untouched windows, oldest first. */
struct placebo before_after_placebo(const double *past, int n, struct before_after_shape shape, double level);

/* Windows of history that let this shape be judged without stretching. */
int before_after_needed(struct before_after_shape shape);

/* Effect of after[shape.after] against the last shape.before windows of past[n], the placebo margin around it. */
struct estimate before_after_estimate(const double *past, int n, const double *after, struct before_after_shape shape, double level);

/*
 * Has the level settled?  y: log levels at equal distances, oldest first.  True when a line through them rises by less than
 * rise_max over their length, or its slope cannot be told from zero (two standard errors).  Falling counts as settled: waiting
 * would only hide it.  False for fewer than 4 points.
 */
bool before_after_settled(const double *y, int n, double rise_max);

#endif
