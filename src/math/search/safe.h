/*
 * math/search/safe.h - searching without falling: only what is believed to be no worse than what is known to be good.
 *
 * The first configuration told is the reference, what is in force and must not be lost. A configuration is safe when the lower bound of a
 * Gaussian process over all trials does not lie below the reference by more than `margin`; only such ones are asked for, and
 * only within `step` of one that was tried and found good, so that the known ground grows from its edge (SafeOpt: Sui, Gotovos,
 * Burdick, Krause 2015; with a region as OnlineTune: Zhang et al. 2022).  Among them the one with the largest upper bound is
 * asked: where that is uncertain it also widens what is known.  There is no guarantee in this, as nobody knows how rough the
 * function is (Fiedler et al. 2024): length scales are held short until data speak for longer ones, what surprised counts
 * against its neighbourhood, a trial without a result is unsafe, and what goes wrong in spite of it is for guards to end.
 *
 * As with math/search/bo.h everything follows from space, settings, seed and what was told: asking changes nothing.
 */
#ifndef MATH_SEARCH_SAFE_H
#define MATH_SEARCH_SAFE_H

#include "base/err.h"
#include "math/search/bo.h"
#include "math/search/space.h"

/* All 0 is the usual. */
struct math_safe_settings {
    double margin;      /* so much below the reference is still no harm, in units of y; 0: 0.05 */
    double beta;        /* of the lower bound, in standard deviations; 0: 2.5 */
    double kappa;       /* of the upper bound; 0: 2 */
    double step;        /* largest move of a coordinate of the cube from a good trial; 0: 0.15. Where there are few levels, what leads to the next */
    double spread;      /* standard deviation of y over the whole space, as believed beforehand; 0: 0.3 */
};

struct math_safe_reason {
    int    trial;          /* number of this question */
    int    safe, looked;   /* how many of the places looked at were safe */
    double mean, lower, upper, reference;      /* what is believed of it, and of the reference */
    bool   again;          /* nothing new is safe: the best one once more */
};

struct math_safe;

MUST_CHECK enum err math_safe_new(const struct math_space *space, const struct math_safe_settings *settings, uint64_t seed, struct math_safe **s, struct fault *fault);
void                math_safe_free(struct math_safe *s);
/* y larger is better; failed trials too. Limits are not looked at. */
MUST_CHECK enum err math_safe_tell(struct math_safe *s, const struct math_bo_trial *t, struct fault *fault);
/* x[params]. ERR_MISSING before the reference was told. */
MUST_CHECK enum err math_safe_ask(struct math_safe *s, double *x, struct math_safe_reason *why, struct fault *fault);
/* What is believed of any x: mean, lower, upper and reference of *why; safe is 1 or 0. ERR_MISSING before the reference was told. */
MUST_CHECK enum err math_safe_judge(struct math_safe *s, const double *x, struct math_safe_reason *why, struct fault *fault);
/* The one with the best posterior mean among those tried. */
MUST_CHECK enum err math_safe_best(struct math_safe *s, double *x, double *mean, struct fault *fault);

#endif
