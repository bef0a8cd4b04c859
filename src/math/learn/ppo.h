/*
 * math/learn/ppo.h - proximal policy optimisation (Schulman et al. 2017), asked and told.
 *
 * A learner acts in `worlds` worlds at once, `horizon` steps in each; then it
 * learns from what it remembers and forgets it.
 *
 *     try = math_ppo_new(&options, &ppo, fault);
 *     while (...) {
 *         try = math_ppo_act(ppo, observations, actions, fault);       // explores
 *         ... the worlds do it ...
 *         try = math_ppo_tell(ppo, outcomes, what_followed, fault);
 *         if (math_ppo_full(ppo))
 *             try = math_ppo_learn(ppo, progress, &report, fault);
 *     }
 *     math_ppo_choose(ppo, observations, rows, actions);  // the best it knows, no chance in it
 *
 * Continuous actions lie in -1..1: the mean comes from a tanh, the spread is
 * softplus + 1e-5; what is sent is clipped to the range, what is remembered is
 * not.  Policy and value have networks of their own.  Observations and rewards
 * are put on a common scale.  A story that was cut off (and the end of what is
 * remembered) counts the value of what would have followed.
 *
 * Everything follows from the seed: the same calls give the same bits on one
 * machine.  One learner belongs to one thread.
 */
#ifndef MATH_PPO_H
#define MATH_PPO_H

#include "base/err.h"
#include "math/learn/layers.h"
#include "math/learn/pack.h"
#include "math/learn/world.h"

#include <stdint.h>

struct math_ppo_options {
    int    observation, action;     /* numbers seen; dimensions of an action, or how many to choose from */
    bool   discrete;
    int    width[2];                /* of the two hidden layers of each network */
    enum math_activation activation;
    bool   spread_seen;             /* the spread depends on the observation; else it is one number for each dimension */
    double spread_first;            /* what it begins with; the range is -1..1 */

    int    worlds, horizon;         /* worlds * horizon steps are remembered */
    int    batch, epochs;
    double gamma, lambda, clip;
    double rate, rate_last;         /* of Adam: linear from the one to the other as progress goes from 0 to 1 */
    double value_weight, entropy_weight;
    double gradient_most;           /* bound of each network's gradient norm; 0: none */
    double kl_most;                 /* no further epochs when the policy has moved 1.5 times this far; 0: never mind */
    bool   scale_observations, scale_rewards;
    uint64_t seed;
};

/* 20 -> 128 -> 128 -> 30 and the like: clip 0.2, batch 64, 10 epochs, Adam 3e-4, one world, a memory of 10 000. */
struct math_ppo_options math_ppo_usual(int observation, int action);
enum { MATH_PPO_MEMORY_MAX = 10000000, MATH_PPO_WIDTH_MAX = 4096 };

struct math_ppo;
MUST_CHECK enum err math_ppo_new(const struct math_ppo_options *o, struct math_ppo **ppo, struct fault *fault);   /* ERR_INPUT when options make no sense */
void math_ppo_free(struct math_ppo *ppo);

/*
 * observations [worlds, observation]; actions [worlds, action], clipped (or [worlds], whole numbers, when discrete).  ERR_INPUT when
 * something that is seen is not math_world_known(): what was before counts as cut off there, and one can go on acting.  ERR_UNKNOWN
 * when the policy has no finite answer: a network that was loaded or averaged is no good.
 */
MUST_CHECK enum err math_ppo_act(struct math_ppo *ppo, const double *observations, double *actions, struct fault *fault);
/*
 * What came of it, for each world in the same order; followed [worlds, observation] is what was seen after the step and before any
 * reset.  When something is not math_world_known() (a measurement is missing) the step is forgotten, and what was before it counts as
 * cut off there: ERR_INPUT, and one can go on acting.
 */
MUST_CHECK enum err math_ppo_tell(struct math_ppo *ppo, const struct math_outcome *outcomes, const double *followed, struct fault *fault);
bool math_ppo_full(const struct math_ppo *ppo);
void math_ppo_forget(struct math_ppo *ppo);       /* what is remembered but not learned from yet: for other worlds, or the same ones from the start */

struct math_ppo_report {
    int    steps, skipped;          /* of Adam; minibatches left out because a gradient was not finite */
    int    epochs;
    double policy_loss, value_loss, entropy;   /* means over all minibatches */
    double kl, clipped;             /* mean((r - 1) - log r) and the share of ratios outside the clip, of the last epoch */
    double first_error;             /* |ratio - 1| at most in the first minibatch: 0, or something is wrong */
    double explained;               /* 1 - var(return - value) / var(return), before learning */
};
/* What is remembered is forgotten afterwards. ERR_UNKNOWN: not one minibatch had a finite gradient, so the networks are as they were, and no good. */
MUST_CHECK enum err math_ppo_learn(struct math_ppo *ppo, double progress, struct math_ppo_report *report, struct fault *fault);

/* The mean (or likeliest) action for rows of observations, which are finite; changes nothing. Fits math_choose_fn with ctx = ppo. */
void math_ppo_choose(void *ppo, const double *observations, int rows, double *actions);
/* How sure it is: mean and spread of each dimension, or the probability of each choice in `mean` (spread NULL then). */
void math_ppo_policy(struct math_ppo *ppo, const double *observations, int rows, double *mean, double *spread);
double math_ppo_value(struct math_ppo *ppo, const double *observation);     /* in scaled rewards */

/*
 * Act and learn in a kind of world until `steps` steps (over all worlds) are done, whole memories at a time; worlds start from
 * seed. After each learning `each` (may be NULL) is told; returning false ends it early.
 */
MUST_CHECK enum err math_ppo_train(struct math_ppo *ppo, const struct math_world_kind *kind, uint64_t seed, int64_t steps,
                                   bool (*each)(void *ctx, int64_t steps, const struct math_ppo_report *report), void *ctx, struct fault *fault);

/* Everything that was learned, for math_pack() and math_unpack(): networks, scales, Adam's moments. Returns how many arrays. */
enum { MATH_PPO_ARRAYS = 32 };
int math_ppo_arrays(struct math_ppo *ppo, struct math_array arrays[MATH_PPO_ARRAYS]);

/* The two networks, for copying a policy or averaging several (same options). */
struct math_params *math_ppo_actor(struct math_ppo *ppo);
struct math_params *math_ppo_critic(struct math_ppo *ppo);

#endif
