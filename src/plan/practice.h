/*
 * plan/practice.h - a policy that practises where nothing can break: in what models believe of a target.
 *
 * Proximal policy optimisation (math/learn/ppo.h) wants thousands of steps, and live trials are few.  So it takes its steps in a
 * world made of the story so far: a Gaussian process of the levels (belief_levels()), under the load that is seen.
 *
 *     sees    where each parameter stands in its range, 0..1 (one half where it does not exist or may not be varied here), and
 *             what is asked of the database (workload_coordinate(), 0 where unknown)
 *     moves   each parameter by at most PRACTICE_STRIDE of its range
 *     earns   what a step adds to mean - doubt * standard deviation of the level, where what nobody knows is believed to be as good as
 *             what is in force; so it does not go where nothing is known
 *
 * The layout is the same for all targets, so what was learned at one can begin at another: a base policy is cloned for each
 * target, and federated from the clones (plan/tenants.h).  Nothing but the networks' parameters leaves a target.
 *
 * Everything follows from base, story and seed.
 */
#ifndef PLAN_PRACTICE_H
#define PLAN_PRACTICE_H

#include "math/learn/ppo.h"
#include "plan/belief.h"
#include "plan/tenants.h"

enum { PRACTICE_TRIALS_MIN = 3,      /* before there is anything to practise on */
       PRACTICE_STEPS = 8,           /* of an episode */
       PRACTICE_ALL = 16384,         /* steps of a training; fewer where many trials make each of them dear */
       PRACTICE_LEAST = 2048 };
#define PRACTICE_STRIDE 0.15
#define PRACTICE_DOUBT  1.0

/* A policy that has seen nothing, or a clone of base (may be NULL). ERR_INPUT: base has another shape. */
MUST_CHECK enum err practice_new(uint64_t seed, const struct tenants_policy *base, struct math_ppo **policy, struct fault *fault);
/* The two networks, for tenants_federate(). Borrowed. */
struct tenants_policy practice_networks(struct math_ppo *policy);

/* It acts and learns in this belief. */
MUST_CHECK enum err practice_train(struct math_ppo *policy, const struct belief *b, uint64_t seed, struct fault *fault);
/* x[params]: where it goes from what is in force, without chance: after the step of an episode that earns most. */
MUST_CHECK enum err practice_ask(struct math_ppo *policy, const struct belief *b, uint64_t seed, double *x, struct fault *fault);

#endif
