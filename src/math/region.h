/*
 * math/region.h - a trust region: how far from the best point a local search may look.
 *
 * After TuRBO-1 (Eriksson, Pearce, Gardner, Turner, Poloczek 2019): the box around the centre doubles after some successes in a
 * row and halves after some failures in a row; its sides follow the length scales of the local model, so that it is long where
 * the function is flat.  When it has become smaller than length_min there is nothing left to win here, and it begins anew.
 */
#ifndef MATH_REGION_H
#define MATH_REGION_H

#include <stdbool.h>

struct math_region {
    double length, length_first, length_min, length_max;
    int    wins, losses, wins_max, losses_max;
    int    collapses;                   /* how often it has begun anew */
};

/* As published: first length 0.8, smallest 2^-7, largest 1.6; 3 successes in a row, max(4, dims) failures in a row. */
struct math_region math_region_usual(int dims);

/* What a trial within the region brought. */
void math_region_told(struct math_region *r, bool better);

/* The box in the unit cube: sides length * scale_i / (geometric mean of the scales); scale NULL: a cube. */
void math_region_box(const struct math_region *r, const double *centre, const double *scale, int dims, double *lo, double *hi);

#endif
