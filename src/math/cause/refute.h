/*
 * math/cause/refute.h - attempts to break an estimate.
 *
 * Each attempt changes something that should (or should not) matter, estimates
 * again, and gives a p-value for "it behaved as it should": small means
 * refuted.  Surviving proves nothing; falling proves that something is wrong
 * with the adjustment, the data or the method (Sharma & Kiciman 2020; Lipsitch
 * et al. 2010 for negative controls).  None of them sees a common cause that
 * leaves no trace in the columns: how strong such a one would have to be says
 * math_robustness() (math/cause/power.h).
 *
 *   placebo           a treatment that does nothing, but goes along with the given suspects as the real one does: the effect must
 *                     be 0.  It is not when the estimate fails to adjust for one of them
 *   common cause      without a column: a random covariate is added, and nothing may change.  With one: that column is added, and
 *                     when the estimate moves by more than chance it was a common cause that had been left out
 *   subset            random parts of the rows: nothing may change
 *   negative outcome  an outcome the treatment cannot have acted on, such as one from before it: the effect must be 0
 */
#ifndef MATH_REFUTE_H
#define MATH_REFUTE_H

#include "base/rand.h"
#include "math/cause/effect.h"

#include <stdbool.h>

enum math_refuter { MATH_PLACEBO, MATH_COMMON_CAUSE, MATH_SUBSET, MATH_NEGATIVE_OUTCOME, MATH_REFUTERS };
const char *math_refuter_name(enum math_refuter r);    /* "placebo treatment", ... */

/* What is put to the test: how a study becomes an effect. math_effect_estimator() makes one of a math_effect_conf, which must outlive it. */
struct math_estimator {
    enum err  (*effect)(const struct math_study *s, const void *context, struct arena *scratch, struct math_effect *e, struct fault *fault);
    const void *context;
};
struct math_estimator math_effect_estimator(const struct math_effect_conf *conf);

enum { MATH_REFUTE_DRAWS_MAX = 10000 };

struct math_refute_conf {
    int          draws;       /* 0: 200 */
    double       alpha;       /* refuted when p < alpha; 0: 0.05 */
    double       share;       /* subset: of the rows, without replacement; 0: 0.8 */
    struct rand *rand;
};

struct math_refutation {
    enum math_refuter  kind;
    enum math_standing standing;     /* anything but known: there was nothing to refute, or too few draws had an answer */
    double original;                 /* the effect that was tested */
    double mean, sd;                 /* of the effects after the change */
    double expected;                 /* what their mean should be */
    double p;                        /* NAN unless known; from the rank among the draws, and from a t distribution where they are too few for a rank below alpha */
    bool   refuted;
    int    draws, failed;
    char   why[160];
};

/* suspects: columns that the placebo follows (m of them; they need not be among the study's covariates); NULL, 0: a mere shuffle of the treatment. */
MUST_CHECK enum err math_refute_placebo(const struct math_study *s, const double *const *suspects, int m, const struct math_estimator *how,
                                        const struct math_refute_conf *conf, struct arena *scratch, struct math_refutation *r, struct fault *fault);
/* column: NULL, or n values. */
MUST_CHECK enum err math_refute_common_cause(const struct math_study *s, const double *column, const struct math_estimator *how,
                                             const struct math_refute_conf *conf, struct arena *scratch, struct math_refutation *r, struct fault *fault);
MUST_CHECK enum err math_refute_subset(const struct math_study *s, const struct math_estimator *how, const struct math_refute_conf *conf,
                                       struct arena *scratch, struct math_refutation *r, struct fault *fault);
MUST_CHECK enum err math_refute_negative_outcome(const struct math_study *s, const double *outcome, const struct math_estimator *how,
                                                 const struct math_refute_conf *conf, struct arena *scratch, struct math_refutation *r, struct fault *fault);

#endif
