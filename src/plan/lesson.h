/*
 * plan/lesson.h - what each parameter by itself does, from trials that changed several at once.
 *
 * A trial went from one configuration to another, and its effect is taken for the sum of what each of its changes did.  What one
 * parameter does is a smooth function of its value on the scale of ratios (of a choice or a special value: any), drawn from a Gaussian process; so
 * the effects of all trials are normal together, and what the same functions say of a change that nobody has tried is their
 * conditional mean, with its error (additive Gaussian processes: Duvenaud, Nickisch and Rasmussen 2011; observed in differences).
 * Parameters that stand in each other's way are not seen: what this promises is tried as one change, and proven or put back.
 */
#ifndef PLAN_LESSON_H
#define PLAN_LESSON_H

#include "plan/planner.h"

enum { LESSONS_MAX = 320 };
#define LESSON_FAILED    -0.7      /* what did not work counts as half as fast */
#define LESSON_FAILED_SD  0.3       /* nobody knows by how much, nor which change did it */
#define LESSON_WORSE     -0.05     /* what broke a guard (slow outliers, errors, one statement) though it was faster on average counts as so large a loss */

/* Did it not work, or was it put back as worse before anything was measured: the server was gone, the load had collapsed? */
bool   lesson_failed(enum told told, double effect);
/* The effect of which a trial that ended so tells, log ratio; NAN: of none. */
double lesson_reading(enum told told, double effect);

struct lesson {
    int                    changes;
    struct proposed_change change[PROPOSAL_CHANGES_MAX];   /* base units of this machine */
    double                 effect, sd;                     /* log ratio; sd > 0, of its error and of how little it says about this database */
};

struct lessons;

/* Copies what it needs; of more than LESSONS_MAX the first. ERR_INPUT: nothing to learn from, or a number that is none; ERR_LIMIT: no memory. */
MUST_CHECK enum err lessons_new(const struct lesson *lesson, int n, struct lessons **out, struct fault *fault);
void                lessons_free(struct lessons *l);

/* What these changes do together, log ratio, and the standard deviation of its error. Of a parameter that no lesson knows nothing is expected, and anything possible. */
void lessons_effect(const struct lessons *l, const struct proposed_change *change, int changes, double *mean, double *sd);

/* The value, among those that a lesson went from or to, of which most is expected, less `doubt` standard deviations. False: of none more than `least`. */
struct lessons_best { double to, worth; };      /* base units; log ratio, less the doubt */
bool lessons_best(const struct lessons *l, enum knob_id id, double now, double doubt, double least, struct lessons_best *best);

#endif
