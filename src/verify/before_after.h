/*
 * verify/before_after.h - the estimate where switching to and fro is not possible (restart, slow).
 *
 * One comparison of before and after is not an experiment: load drifts, caches age.  How far two stretches of this
 * database lie apart when nothing was changed is measured on its own untouched history: placebos, with the same number of
 * windows before and after and the same gap between them.  An effect must exceed what placebos reach at the level asked for.
 *
 * History is short, and few placebos fit into it without overlapping.  So their distribution is not only looked up but
 * forecast: math/stats/forecast.h weighs what kinds of noise and drift explain the untouched windows and says where the windows
 * after the gap would have lain, had nothing been changed.  What is beyond that forecast at the level asked for, and beyond
 * the observed quantile of the placebos as well, is an effect.
 * Calibrated by simulation: 13 to 40 windows of white, heavy-tailed, autocorrelated (AR 0.6) and drifting noise.
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
    double expected;      /* mean of the windows after the gap, had nothing been changed */
    double margin;        /* how far beyond that they come with probability `level` (one-sided) */
    int    count;         /* placebos of the full shape that were looked at */
};

/* past[n]: responses of the untouched windows, oldest first. */
struct placebo before_after_placebo(const double *past, int n, struct before_after_shape shape, double level);

/* Windows of history that let this shape be judged without stretching. */
int before_after_needed(struct before_after_shape shape);

/* Can so many windows of history say anything of this shape, stretched or not? */
bool before_after_possible(int windows, struct before_after_shape shape);

/* Effect of after[shape.after] against what past[n] lets expect, the placebo margin around it. */
struct estimate before_after_estimate(const double *past, int n, const double *after, struct before_after_shape shape, double level);

/*
 * Has the level settled?  y: log levels at equal distances, oldest first.  True when a line through them rises by less than
 * rise_max over their length, or its slope cannot be told from zero (two standard errors).  Falling counts as settled: waiting
 * would only hide it.  False for fewer than 4 points.
 */
bool before_after_settled(const double *y, int n, double rise_max);

#endif
