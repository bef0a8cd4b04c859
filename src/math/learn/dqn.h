/*
 * math/learn/dqn.h - Q-learning with a network (Mnih et al. 2015), double (van Hasselt, Guez, Silver 2016): the network that learns
 * chooses the best next action, an older copy of it says what that is worth.
 *
 *     try = math_dqn_new(&options, &dqn, fault);
 *     while (...) {
 *         int action = math_dqn_act(dqn, observation, explore);
 *         ... the world does it ...
 *         try = math_dqn_tell(dqn, observation, action, &outcome, followed, progress, fault);   // learns when it is time to
 *     }
 *
 * Everything follows from the seed.  One learner belongs to one thread.
 */
#ifndef MATH_DQN_H
#define MATH_DQN_H

#include "base/err.h"
#include "math/learn/layers.h"
#include "math/learn/pack.h"
#include "math/learn/world.h"

#include <stdint.h>

struct math_dqn_options {
    int    observation, actions;
    int    width[2];
    double gamma;
    int    ahead;                   /* rewards that are summed up before a value is asked for (Sutton 1988): faster and steadier above 1,
                                       and a little wrong where the explorer did not do its best */
    int    memory;                  /* steps that are remembered; the oldest are forgotten */
    int    start;                   /* no learning before so many */
    int    every, times, batch;     /* every so many steps, so many minibatches */
    int    target_every;            /* steps after which the older copy is renewed ... */
    double target_share;            /* ... by this share: 1 copies, less follows slowly */
    double rate, rate_last;         /* of Adam, linear over progress */
    double explore_first, explore_last, explore_until;   /* share of random actions: linear until this progress, then the last */
    double gradient_most;
    bool   twice;                   /* double Q-learning; false: the older copy also chooses */
    bool   norm;                    /* layer norm before each activation, which keeps values from running away (Gallici et al. 2024) */
    bool   scale_observations;      /* to mean 0 and sd 1 of all that was told so far */
    uint64_t seed;
};
struct math_dqn_options math_dqn_usual(int observation, int actions);     /* what bench/q measures on CartPole, but for its gamma */
enum { MATH_DQN_MEMORY_MAX = 10000000, MATH_DQN_ARRAYS = 32 };

struct math_dqn;
MUST_CHECK enum err math_dqn_new(const struct math_dqn_options *o, struct math_dqn **dqn, struct fault *fault);
void math_dqn_free(struct math_dqn *dqn);

int  math_dqn_act(struct math_dqn *dqn, const double *observation, double explore);
/* One world's steps in their order. ERR_INPUT when something is not math_world_known(): nothing is remembered then, the story counts as cut off before, and one can go on. */
MUST_CHECK enum err math_dqn_tell(struct math_dqn *dqn, const double *observation, int action, const struct math_outcome *outcome, const double *followed, double progress,
                                  struct fault *fault);

/* What every action is worth: [rows, actions]; the best action of each row, as a math_choose_fn. */
void math_dqn_values(struct math_dqn *dqn, const double *observations, int rows, double *values);
void math_dqn_choose(void *dqn, const double *observations, int rows, double *actions);

MUST_CHECK enum err math_dqn_train(struct math_dqn *dqn, const struct math_world_kind *kind, uint64_t seed, int64_t steps, struct fault *fault);

int math_dqn_arrays(struct math_dqn *dqn, struct math_array arrays[MATH_DQN_ARRAYS]);

#endif
