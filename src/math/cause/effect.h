/*
 * math/cause/effect.h - how much a treatment changes an outcome, from data that nobody randomised.
 *
 * All methods take the covariates that must be adjusted for as given: which
 * ones those are is a question for the graph (math/cause/identify.h), not for the
 * data.  What the data can say is whether treated and untreated rows are
 * comparable at all; where they are not the standing says so and the numbers
 * are NAN, for an estimate without overlap is an extrapolation that looks like one
 * with it.
 *
 *   difference   means of the two arms, Welch's error.  Right when a coin decided
 *   regression   y on treatment and covariates, the coefficient of the treatment; any real treatment
 *   matching     nearest neighbours on the linear propensity, with replacement, ties shared; errors of Abadie & Imbens (2006) with their
 *                correction for a propensity that was fitted (2016)
 *   weighting    inverse probability, weights normalised in each arm (Hajek); errors include that the propensity was fitted
 *   doubly       augmented by a linear outcome model in each arm (Robins, Rotnitzky & Zhao 1994): consistent when either model is right,
 *                and so are its errors, which stack the scores of all models (Stefanski & Boos 2002)
 *
 * Rows are independent.  Treatment is 0 or 1 except for the regression.
 *
 *     struct math_study s = { n, k, outcome, treated, covariates };
 *     struct math_effect_conf how = { .method = MATH_BY_DOUBLY, .estimand = MATH_ATE, .alpha = 0.05 };
 *     if (math_effect(&s, &how, &scratch, &e, fault) == OK && e.standing == MATH_KNOWN)  ... e.estimate, e.lo, e.hi
 */
#ifndef MATH_EFFECT_H
#define MATH_EFFECT_H

#include "math/cause/ols.h"

enum math_method   { MATH_BY_DIFFERENCE, MATH_BY_REGRESSION, MATH_BY_MATCHING, MATH_BY_WEIGHTING, MATH_BY_DOUBLY, MATH_METHODS };
enum math_estimand { MATH_ATE, MATH_ATT };     /* over all rows; over the treated ones. The regression has one answer for both */
enum math_standing { MATH_KNOWN, MATH_NOT_IDENTIFIED, MATH_NO_OVERLAP, MATH_STANDINGS };

const char *math_method_name(enum math_method m);       /* "difference of means", ... */
const char *math_standing_name(enum math_standing s);   /* "known", "not identified", "no overlap" */

struct math_study {
    int                  n, k;
    const double        *y, *treat;   /* n */
    const double *const *x;           /* k columns of n */
};

struct math_effect_conf {
    enum math_method   method;
    enum math_estimand estimand;
    enum math_errors   errors;           /* regression */
    double             alpha;            /* 1 - alpha is the confidence of the interval; 0: 0.05 */
    int                matches;          /* matching: neighbours of each row; 0: 1 */
    double             unsupported_max;  /* share of rows with nobody like them in the other arm; 0: 0.1 */
    double             ess_min;          /* fewer rows than that, in effect, carry a weighted arm: no overlap; 0: 10, and never more than half of the arm */
};

struct math_effect {
    enum math_standing standing;
    double estimate, se, df, lo, hi, p;  /* NAN unless the standing is MATH_KNOWN */
    int    n, treated;                   /* n: without rows that are never treated where they had to be left out (the treated ones were asked about); treated: -1 for a treatment that is not 0 or 1 */
    double unsupported;                  /* NAN where no propensity was fitted */
    double ess;                          /* effective number of rows in the thinner weighted arm (Kish); NAN where there are no weights */
    char   why[160];                     /* a sentence when the standing is not MATH_KNOWN */
};

/* ERR_INPUT for what no standing can express: values that are not finite, collinear covariates, too few rows, all rows alike. */
MUST_CHECK enum err math_effect(const struct math_study *s, const struct math_effect_conf *conf, struct arena *scratch, struct math_effect *e, struct fault *fault);

/* ---- shared by the chapters of this subject ---- */

void math_effect_unknown(struct math_effect *e, enum math_standing standing, const char *why);
void math_effect_settle(struct math_effect *e, double estimate, double se, double df, double alpha);

/* math/cause/match.c. The propensity comes from a fit to the study's own covariates. */
struct math_logit;
enum err math_match(const struct math_study *s, const struct math_logit *l, int matches, enum math_estimand estimand, struct arena *scratch,
                    double *estimate, double *se, struct fault *fault);

#endif
