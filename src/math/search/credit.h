/*
 * math/search/credit.h - which of several ways to use next, by what each has earned lately.
 *
 * Each turn one way (an arm) was used and earned something from 0 (nothing) to 1 (as much as can be hoped for).  What was earned
 * long ago counts less, so that a way that was good in the beginning gives room to one that is good now.  Who is next is drawn
 * by Thompson sampling: from each arm's Beta distribution of what it earns, the largest draw wins (Thompson 1933; with fading
 * memory Raj and Kalyani 2017).  So every arm keeps a chance, the smaller the surer it is that another one earns more.
 *
 * Everything is a function of the turns and of the generator that is passed in.
 */
#ifndef MATH_CREDIT_H
#define MATH_CREDIT_H

#include "base/rand.h"

#include <stdbool.h>

enum { MATH_CREDIT_ARMS_MAX = 16 };

struct math_credit {
    int    arms;
    double memory;                              /* weight of a turn after one more turn of any arm: 0.95; 1 forgets nothing */
    double won[MATH_CREDIT_ARMS_MAX];           /* what each began with, as if earned in won + lost turns; > 0 both */
    double lost[MATH_CREDIT_ARMS_MAX];
};

/* All arms alike: one turn won, one lost. */
struct math_credit math_credit_usual(int arms);
/* A turn of this arm. earned is clipped to 0..1; NAN (nothing is known of it) only lets time pass. */
void   math_credit_told(struct math_credit *c, int arm, double earned);
/* The mean of what an arm earns, as far as is known. */
double math_credit_mean(const struct math_credit *c, int arm);
/* Who is next, among those of which may[arm] is true (NULL: all). -1 when none may. */
int    math_credit_choose(const struct math_credit *c, const bool *may, struct rand *r);
/* How likely each is to be chosen, share[arms], by drawing so often; for explanations. */
void   math_credit_shares(const struct math_credit *c, const bool *may, int draws, struct rand *r, double *share);

#endif
