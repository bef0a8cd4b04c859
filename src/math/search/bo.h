/*
 * math/search/bo.h - Bayesian optimisation: ask where to try next, tell how it went. Larger results are better.
 *
 * An optimiser is its space, its settings, its seed and the list of what it was told; everything else follows from these.  So
 * asking changes nothing and asking twice answers twice the same, whoever has the list can build the same optimiser again by
 * telling it all once more, and what was not asked for (a default, another tuner's find) may be told as well.
 *
 *     math_bo_new(&space, &settings, seed, &b, fault);
 *     math_bo_tell(b, &(struct math_bo_trial){ .x = in_force, .y = 812 }, fault);
 *     math_bo_ask(b, NULL, x, &why, fault);            x: a legal configuration that was not tried yet
 *     ... try it ...
 *     math_bo_tell(b, &(struct math_bo_trial){ .x = x, .y = 902, .noise_sd = 15 }, fault);
 *     math_bo_best(b, NULL, x, &guess, fault);         the one with the best posterior mean among those that worked
 *
 * How it searches: first points that fill the space; then in turn the whole space with one model and a trust region around the
 * best point with a model of its own (TREGO, Diouane, Picheny, Le Riche, Scotto Di Perrotolo 2023), each time where the acquisition is largest.
 * - Noise: known per trial (noise_sd) and fitted besides; the incumbent is a posterior mean, not the luckiest reading.
 * - Failures: a trial that failed has no result, but a model of what works learns from it, and keeps away: what probably fails is
 *   not asked for, however much it promises.
 * - Limits: other results that must stay <= 0, each with a model of its own. Exactly 0 is kept, by nobody knows how much.
 * - Context: parameters of the space that are given with each question.
 */
#ifndef MATH_BO_H
#define MATH_BO_H

#include "base/err.h"
#include "math/search/space.h"

#include <stdbool.h>
#include <stdint.h>

enum { MATH_BO_TRIALS_MAX = 2000, MATH_BO_LIMITS_MAX = 4 };

enum math_bo_surrogate   { MATH_BO_GP, MATH_BO_FOREST };
enum math_bo_acquisition { MATH_BO_LOG_EI, MATH_BO_EI, MATH_BO_UCB };
enum math_bo_start       { MATH_BO_SOBOL, MATH_BO_LATIN };
enum math_bo_phase       { MATH_BO_STARTING, MATH_BO_GLOBAL, MATH_BO_LOCAL, MATH_BO_RANDOM };
const char *math_bo_phase_name(enum math_bo_phase p);

/* All 0 is the usual. */
struct math_bo_settings {
    enum math_bo_surrogate   surrogate;
    enum math_bo_acquisition acquisition;
    enum math_bo_start       start;
    double kappa;          /* for UCB; 0: 2 */
    int    starts;         /* trials that fill the space, those told unasked included; 0: params + 1, but 4 to 12 */
    bool   no_region;      /* the whole space only */
    bool   one_chapter;    /* where nothing is left to win it looks around the best once more, and never begins anew */
    bool   no_warp;        /* results as they are, only centred and scaled */
    bool   bend;           /* the given scale of a number is doubted (math/search/bend.h): a GP learns it, and more places are looked at near both ends; not with project */
    int    project;        /* search so many coordinates in place of all parameters (math/search/project.h); 0: no. Not with context */
    double works_min;      /* probability to work and keep the limits below which nothing is asked while there is something above; 0: 0.8; < 0: no such */
    int    limits;         /* results besides y that must stay <= 0 */
    double random_share;   /* of the trials, at random; 0: none for a GP, 0.1 for a forest; < 0: none */
    int    repeats;        /* how often one configuration may be asked for; 0: once */
};

struct math_bo_trial {
    const double *x;                            /* [params]; context included; need not be legal */
    double        y;                            /* ignored when it failed */
    double        noise_sd;                     /* standard deviation of y's error, as far as it is known; 0: only what is fitted */
    bool          failed;                       /* it did not start, crashed, was cut off: no result */
    double        limit[MATH_BO_LIMITS_MAX];    /* NAN: not known */
};

/* What a model thinks of a configuration, in units of y. */
struct math_bo_guess {
    double y, lo, hi;        /* median, and the quantiles at -z and +z standard deviations of the function (not of a reading) */
    double works;            /* probability that it works and keeps all limits */
};

struct math_bo_reason {
    enum math_bo_phase   phase;
    int                  trial;        /* number of this question: trials told so far */
    int                  chapter;      /* how often nothing was left to win near the best: 0 is the first climb */
    double               score;        /* the acquisition; NAN where none was asked */
    double               region;       /* side of the trust region, as a share of the cube */
    struct math_bo_guess guess;        /* at z = 1; NAN without a model */
};

struct math_bo;

/* space and settings are copied. ERR_INPUT says what is wrong with them. */
MUST_CHECK enum err math_bo_new(const struct math_space *space, const struct math_bo_settings *settings, uint64_t seed, struct math_bo **b, struct fault *fault);
void                math_bo_free(struct math_bo *b);

/* ERR_INPUT for what is no number, ERR_LIMIT after MATH_BO_TRIALS_MAX; then nothing was taken in. */
MUST_CHECK enum err math_bo_tell(struct math_bo *b, const struct math_bo_trial *t, struct fault *fault);

/*
 * x[params]: what to try next. context[params]: values for the parameters that are context, the others are not read; NULL when
 * there are none. why may be NULL. ERR_MISSING: every configuration was tried.
 */
MUST_CHECK enum err math_bo_ask(struct math_bo *b, const double *context, double *x, struct math_bo_reason *why, struct fault *fault);

/* The best tried configuration by posterior mean (in this context), among those that worked and kept the limits. ERR_MISSING: there is none. */
MUST_CHECK enum err math_bo_best(struct math_bo *b, const double *context, double *x, struct math_bo_guess *guess, struct fault *fault);

/* What the model of the whole space thinks of x; z for lo and hi. ERR_MISSING before anything was told; y is NAN before the first result. */
MUST_CHECK enum err math_bo_guess(struct math_bo *b, const double *x, double z, struct math_bo_guess *guess, struct fault *fault);

/*
 * How much the model of the whole space hopes of each of x[count][params]: ln of the expected improvement, in standard deviations
 * of the results, with the probability that it works, as asking has it; -INFINITY before the first result.  Context is in x.  ERR_INPUT for what is no number.
 */
MUST_CHECK enum err math_bo_hope(struct math_bo *b, const double *context, int count, const double *x, double *hope, struct fault *fault);

/* Which parameters matter: shares of the explained variance by a forest over all results, weight[params], sum 1, or all 0 where results do not differ. ERR_MISSING below 4 results. */
MUST_CHECK enum err math_bo_importance(struct math_bo *b, double *weight, struct fault *fault);

int math_bo_trials(const struct math_bo *b);

#endif
