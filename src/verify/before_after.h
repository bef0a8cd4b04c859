/*
 * verify/before_after.h - the estimate where switching to and fro is not possible (restart, slow).
 *
 * One comparison of before and after is not an experiment: load drifts, caches age.  How far two stretches of this
 * database lie apart when nothing was changed is measured on its own untouched history: placebos, with the same number of
 * windows before and after and the same gap between them.  An effect must exceed what placebos reach at the level asked for.
 *
 * History is short, so the quantile is extrapolated: t quantile times the root mean square of the placebos, with as many
 * degrees of freedom as there are placebos that do not overlap.  Placebos of fewer windows at the same distance vary at
 * least as much as those of the full shape (a mean of differences never varies more than the differences), and there are
 * more independent ones of them; the number of windows is chosen by the counts alone, never by the data.  Where history is
 * long enough for it, the observed quantile of the full shape must be exceeded too.
 */
#ifndef VERIFY_BEFORE_AFTER_H
#define VERIFY_BEFORE_AFTER_H

#include "verify/switchback.h"

#include <stdbool.h>

/* The shape of the comparison, in windows. */
struct before_after_shape { int before, gap, after; };

enum { PLACEBOS_SPARE = 4 };   /* positions beyond the first one that history must offer */

struct placebo {
    bool   known;         /* false: history is too short to say anything */
    double margin;        /* log ratio that placebos exceed with probability `level` (one-sided) */
    int    count;         /* placebos looked at */
    double independent;   /* about as many of them do not overlap */
};

/* past[n]: responses of the untouched windows, oldest first. */
struct placebo before_after_placebo(const double *past, int n, struct before_after_shape shape, double level);

/* Windows of history below which the answer is "unknown". */
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
