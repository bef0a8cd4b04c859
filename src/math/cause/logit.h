/*
 * math/cause/logit.h - logistic regression: the probability that a row is a treated one.
 *
 * Maximum likelihood by iteratively reweighted least squares (McCullagh &
 * Nelder 1989, 4.4), each step by QR, halved where it would make things worse.
 * Where the columns tell treated from untreated rows without error, there is
 * no maximum: the answer is "separated", and there are no coefficients.
 */
#ifndef MATH_LOGIT_H
#define MATH_LOGIT_H

#include "math/cause/lsq.h"

#include <stdbool.h>

struct math_logit {
    int     n, p;          /* coefficient 0 is the intercept */
    bool    separated;     /* then nothing below is of use, but for eta: rows whose arm the columns tell have run far off to their side */
    int     rounds;
    double  deviance;
    double *beta, *se;     /* p */
    double *eta;           /* n: linear predictor; the probability is 1 / (1 + exp(-eta)) */
    double *pull;          /* p * n: what the score t - probability of row i adds to coefficient j */
};

/* t: 0 or 1, both must occur. ERR_INPUT as math_lsq_factor(). */
MUST_CHECK enum err math_logit(const double *t, const double *const *x, int k, int n, struct arena *a, struct math_logit *l, struct fault *fault);

/* 1 / (1 + exp(-eta)) without loss of digits at either end: the complement is math_logistic(-eta). */
double math_logistic(double eta);

/* ERR_INPUT unless t holds nothing but 0 and 1, and both; *ones is how many 1 there are. */
MUST_CHECK enum err math_binary_check(const double *t, int n, int *ones, struct fault *fault);

#endif
