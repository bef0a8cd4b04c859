/* math/learn/ppo_inside.h - what the chapters of PPO share: the learner, and its policy on a tape. Not for others. */
#ifndef MATH_PPO_INSIDE_H
#define MATH_PPO_INSIDE_H

#include "math/learn/optimise.h"
#include "math/learn/ppo.h"
#include "math/learn/scaling.h"

/* Step t of world w is row t * worlds + w. */
struct ppo_memory {
    int   t, rows;              /* whole steps remembered; rows there is room for */
    bool  acted;                /* actions were given and their outcome is not known yet */
    real *seen;                 /* [rows, observation], scaled */
    double *led;                /* [worlds, observation] what the last step led to, as it was told */
    real *action;               /* [rows, action], not clipped */
    int  *choice;               /* [rows] when discrete */
    real *reward, *value, *next, *logp, *advantage, *target;   /* [rows] */
    bool *terminated, *ended;
    int  *cut, cuts;            /* where a row's future is not the row after next: index into cut_seen, else -1 */
    real *cut_seen;             /* [rows, observation] */
    int  *order;                /* of rows in minibatches */
};

struct math_ppo {
    struct math_ppo_options o;
    struct rand             chance;
    struct math_params      actor, critic;
    struct math_mlp         trunk, value;
    struct math_linear      head, spread;   /* mean or logits; spread when it is seen */
    int                     spread_free;    /* else this tensor */
    struct math_tape        tape;
    struct math_scaling     scaling;
    struct math_returns     returns;
    double                 *sums;           /* [worlds] */
    real                   *scaled;         /* [rows of a minibatch or worlds, observation] */
    int                     chunk;          /* rows that go through a network at once, at most */
    struct ppo_memory       m;
};

struct ppo_policy { struct math_node *mean, *spread, *logits; };   /* logits alone when discrete */
struct ppo_policy ppo_policy_on(struct math_ppo *p, struct math_node *seen);
struct math_node *ppo_logp_on(struct math_ppo *p, const struct ppo_policy *y, const real *action, const int *choice);
struct math_node *ppo_value_on(struct math_ppo *p, struct math_node *seen);

#endif
