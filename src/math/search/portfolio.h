/*
 * math/search/portfolio.h - several ways of searching for one goal, which judge each other's proposals. Larger results are better.
 *
 * No single way is best everywhere: a Gaussian process wins where results change smoothly, trees where they step, local changes
 * where all is nearly right, and a first look at evenly spread points where nothing is known.  Here all of them learn from every
 * trial, whoever asked for it.  After the first points
 *
 * - most turns are decided together: each way proposes (a small change of a good one: many), each model says what it hopes of each
 *   proposal (math_bo_hope()), and what they hope most of on average is asked;
 * - every third turn takes the best one and puts one parameter anywhere, one parameter after the other: what a model thinks does
 *   not matter it never asks for, and so never learns that it does;
 * - of the other turns every fourth belongs to the way whose trials have lately been worth most (math/search/credit.h).
 *
 * What was told first counts as what is in force: the first points are drawn around it as well as over the space.  Nor are the
 * scales of parameters taken for granted (math/search/bend.h).  What others propose (a rule of thumb, what worked elsewhere) is
 * told as any trial is.
 *
 * As with math/search/bo.h everything follows from space, settings, seed and what was told: asking changes nothing.
 *
 *     math_portfolio_new(&space, NULL, seed, &p, fault);
 *     math_portfolio_tell(p, &(struct math_bo_trial){ .x = in_force, .y = 812 }, MATH_SEARCH_OTHER, fault);
 *     math_portfolio_ask(p, NULL, x, &why, fault);
 *     ... try it ...
 *     math_portfolio_tell(p, &(struct math_bo_trial){ .x = x, .y = 902 }, why.who, fault);
 */
#ifndef MATH_PORTFOLIO_H
#define MATH_PORTFOLIO_H

#include "base/err.h"
#include "math/search/bo.h"
#include "math/search/credit.h"
#include "math/search/space.h"

enum math_search { MATH_SEARCH_SPREAD,      /* points that fill the space: the first ones, and when nothing else may */
                   MATH_SEARCH_GP,          /* Bayesian optimisation with a Gaussian process that learns scales */
                   MATH_SEARCH_FOREST,      /* Bayesian optimisation with trees */
                   MATH_SEARCH_CLIMB,       /* a good one, with a little changed */
                   MATH_SEARCH_COUNT,
                   MATH_SEARCH_OTHER = -1 };
const char *math_search_name(enum math_search s);      /* "spread", "gp", "forest", "climb"; "other" */

struct math_portfolio_settings {
    bool   without[MATH_SEARCH_COUNT];      /* this way is not used (spread only for the first ones) */
    int    starts;                          /* trials before models are asked, those told unasked included; 0: params + 1, but 4 to 12 */
};

struct math_portfolio_reason {
    enum math_search who;
    int              trial;                 /* number of this question */
    double           share[MATH_SEARCH_COUNT];   /* the credit of each: how likely it is to be chosen in a turn that goes by credit */
    struct math_bo_reason model;            /* of the model whose proposal it is; zero for ways without one */
};

struct math_portfolio;

/* space and settings are copied; settings may be NULL. ERR_INPUT says what is wrong with them. */
MUST_CHECK enum err math_portfolio_new(const struct math_space *space, const struct math_portfolio_settings *settings, uint64_t seed,
                                       struct math_portfolio **p, struct fault *fault);
void                math_portfolio_free(struct math_portfolio *p);

/* As math_bo_tell(); who: whose question it was. */
MUST_CHECK enum err math_portfolio_tell(struct math_portfolio *p, const struct math_bo_trial *t, enum math_search who, struct fault *fault);
/* As math_bo_ask(). */
MUST_CHECK enum err math_portfolio_ask(struct math_portfolio *p, const double *context, double *x, struct math_portfolio_reason *why, struct fault *fault);

/* The models behind it, for math_bo_best(), math_bo_guess(), math_bo_importance(); they know all trials. */
struct math_bo *math_portfolio_gp(struct math_portfolio *p);
struct math_bo *math_portfolio_forest(struct math_portfolio *p);

#endif
