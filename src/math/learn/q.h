/*
 * math/learn/q.h - Q-learning on a table (Watkins & Dayan 1992), for worlds with few states and few actions.
 *
 * What an action is worth is learned from single steps; the rate of each cell
 * falls with its visits, rate visits ^ -rate_power, so that it settles
 * (Even-Dar & Mansour 2003: powers above 0.5; near 1 first guesses are
 * forgotten slowly when gamma is).  In a world that changes it must not fall:
 * rate 0.1 with rate_power 0 keeps on following.
 */
#ifndef MATH_Q_H
#define MATH_Q_H

#include "base/err.h"
#include "math/learn/world.h"

#include <stdint.h>

enum { MATH_Q_CELLS_MAX = 1 << 24 };

struct math_q_options {
    int    states, actions;
    double gamma;
    double rate, rate_power;               /* of the first visit, 0: 1; and how it falls, 0..1, 0: not at all */
    double first;                          /* what every cell begins with; high: curious */
    double explore_first, explore_last;    /* share of random actions, falling linearly during training */
};

struct math_q { struct math_q_options o; double *value, *visits; };     /* [states, actions] */

MUST_CHECK enum err math_q_init(struct math_q *q, const struct math_q_options *o, struct fault *fault);
void   math_q_done(struct math_q *q);

int    math_q_best(const struct math_q *q, int state);                 /* the first of the best */
int    math_q_explore(const struct math_q *q, int state, double share, struct rand *chance);
void   math_q_learn(struct math_q *q, int state, int action, double reward, bool terminated, int followed);

/* In a kind of world whose one observation is the state's number. */
MUST_CHECK enum err math_q_train(struct math_q *q, const struct math_world_kind *kind, uint64_t seed, int64_t steps, struct fault *fault);
void   math_q_choose(void *q, const double *observations, int rows, double *actions);     /* a math_choose_fn */

#endif
