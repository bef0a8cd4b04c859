/*
 * math/search/climb.h - local search without a model: a good configuration with a little of it changed.
 *
 * A parent is taken from the best ones tried (the better the likelier), some of its coordinates are taken over from another good
 * one, and one or a few are moved: by a normal step of a size drawn over two decades, so that near and far both occur, or, for
 * choices, special values and few steps, to another value.  What the (1+1) evolution strategy and differential evolution share.
 *
 * A function of the story and of the generator that is passed in.
 */
#ifndef MATH_CLIMB_H
#define MATH_CLIMB_H

#include "base/err.h"
#include "base/rand.h"
#include "math/search/space.h"

/*
 * cube[n][params]: what was tried, best first (at most the first 8 are parents). u[params]: the child, a legal point of the cube;
 * coordinates that are context are left as the first parent has them. n >= 1.
 */
void math_climb(const struct math_space *s, int n, const double *cube, struct rand *r, double *u);

#endif
