/*
 * math/learn/advantage.h - how much better an action was than expected.
 *
 * Generalised advantage estimation (Schulman et al. 2016) over n consecutive
 * steps of one world, `stride` apart in every array:
 *
 *     d[t] = reward[t] + gamma next[t] (unless terminated[t]) - value[t]
 *     a[t] = d[t] + gamma lambda a[t + 1] (unless ended[t])
 *
 * value[t] is the value of what was seen before step t, next[t] of what was
 * seen after it, before any reset.  A story that was only cut off (ended, not
 * terminated) therefore still counts its future.
 */
#ifndef MATH_ADVANTAGE_H
#define MATH_ADVANTAGE_H

#include "math/learn/real.h"

void math_advantage(int n, int stride, const real *reward, const real *value, const real *next, const bool *terminated, const bool *ended, double gamma, double lambda,
                    real *advantage);

/* In place to mean 0 and (unbiased) sd 1, as PPO wants it in every minibatch; one alone is left as it is. */
void math_standardise(real *x, int n);

#endif
