/*
 * plan/belief.h - the space that models of a target see, and the models, taught with its story.
 *
 * The space has the parameters that may be varied here, in the catalogue's order, then what is given with each question: those
 * that need a restart when none is to be asked for, as far as they differed in the story, and the features of the workload, as
 * far as they differed.  So what was learned under another load, or before a restart, is neither lost nor taken as if it had
 * been learned today; and while nothing differed, nothing is added.
 *
 * Levels are log ratios to what is in force now, whose own level is 0.
 */
#ifndef PLAN_BELIEF_H
#define PLAN_BELIEF_H

#include "plan/scene.h"
#include "plan/story.h"

#include "math/search/portfolio.h"
#include "math/search/safe.h"

enum { BELIEF_CONTEXTS_MAX = 6 };

struct belief {
    int                    knobs, given;         /* of the knobs, the last `given` are context */
    enum knob_id           id[KNOB_COUNT];
    int                    features;
    enum workload_feature  feature[BELIEF_CONTEXTS_MAX];
    struct math_space      space;
    struct workload        load;                 /* that is seen */
    double                 now[MATH_SPACE_MAX];  /* what is in force, under the workload that is seen: also the context of questions */
    int                    known;                /* trials with a result or a failure, what is in force not counted */
    int                    results;              /* rows of what follows; the first is what is in force */
    double                *x, *y, *sd;           /* [results][params]; levels; standard deviations of their errors */
    struct math_portfolio *portfolio;            /* what to try */
    struct math_safe      *judge;                /* what is no harm to try: believes what is not known to be steep */
};

struct belief_how {
    bool                           restarts;     /* parameters that need one may be asked for */
    uint64_t                       seed;
    struct math_portfolio_settings portfolio;
};

/* ERR_MISSING: no parameter may be varied here. */
MUST_CHECK enum err belief_of(const struct scene *s, const struct story *story, const struct belief_how *how, struct belief *b, struct fault *fault);
void                belief_done(struct belief *b);

/*
 * Is the worst that is believed of this configuration (95 % one-sided) no worse than what is in force by more than this share?
 * What models do not know is not safe.
 */
bool belief_is_safe(const struct belief *b, const double *x, double harm_max);

/*
 * A Gaussian process of the levels, in units of BELIEF_UNIT, over the features of the space; the caller owns it.  Unlike the models
 * that search it also learns how much results differ at all, and takes their errors as known.
 */
#define BELIEF_UNIT 0.1         /* so that priors fit */
struct math_gp;
MUST_CHECK enum err belief_levels(const struct belief *b, uint64_t seed, struct math_gp **gp, struct fault *fault);

/*
 * The most that is believed (95 %, for all parameters together) to be won over what is in force by changing any one parameter, as a
 * log ratio: the largest upper bound of a Gaussian process that also learns how much results differ at all.  NAN: it is not
 * known.  Many small gains may add up to more; each by itself is then too small to be proven.
 */
double belief_left(const struct belief *b, uint64_t seed);

/* This configuration as a point of the space, under the workload that is seen. */
void belief_point(const struct belief *b, const struct knob_state *state, double *x);

#endif
