/*
 * math/learn/world.h - what a learner that acts lives in.
 *
 * A kind of world is a table of functions; one world is `size` bytes of state
 * that belong to whoever runs it.  Chance comes in, so that a seed tells the
 * whole story.  Continuous actions are given in -1..1 for each dimension and
 * the world scales them; a discrete action is action[0], a whole number.
 */
#ifndef MATH_WORLD_H
#define MATH_WORLD_H

#include "base/err.h"
#include "base/rand.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

/* terminated: the story ended by itself, there is no future. truncated: it was only cut off, and what follows would have had a value. */
struct math_outcome { double reward; bool terminated, truncated; };

/* What learners take: so far within single precision that a network's sums stay within it too. All else is missing: NAN, infinite, or absurd. */
#define MATH_WORLD_MOST 1e30
static inline bool math_world_known(double x) { return fabs(x) <= MATH_WORLD_MOST; }

struct math_world_kind {
    const char *name;
    int         observation;     /* numbers to see */
    int         action;          /* dimensions of a continuous action, or how many to choose from */
    bool        discrete;
    size_t      size;
    const void *setting;         /* what all worlds of this kind share; may be NULL */
    void                (*reset)(const struct math_world_kind *kind, void *world, struct rand *chance, double *observation);
    struct math_outcome (*step)(const struct math_world_kind *kind, void *world, const double *action, struct rand *chance, double *observation);
};

/* How to act on rows of observations; ctx is whoever decides. */
typedef void math_choose_fn(void *ctx, const double *observations, int rows, double *actions);

/* The return (sum of rewards) of each of `episodes` episodes from a seed, side by side, each until it ends or was cut off. */
MUST_CHECK enum err math_world_score(const struct math_world_kind *kind, math_choose_fn *choose, void *ctx, int episodes, uint64_t seed, double *returns, struct fault *fault);

#endif
