/*
 * math/search/region.h - a trust region: how far from the best point a local search may look.
 *
 * After TuRBO-1 (Eriksson, Pearce, Gardner, Turner, Poloczek 2019): the box around the centre doubles after some successes in a
 * row and halves after some failures in a row; its sides follow the length scales of the local model, so that it is long where
 * the function is flat.  There is nothing left to win here when it has become smaller than length_min, or when trial after trial
 * comes out as good as the best and no better (settled).  Then it begins anew, elsewhere: where, is up to the caller.
 */
#ifndef MATH_REGION_H
#define MATH_REGION_H

#include <stdbool.h>

struct math_region {
    double length, length_first, length_min, length_max;
    int    wins, losses, settled, wins_max, losses_max, settled_max;   /* in a row */
};

/* As published: first length 0.8, smallest 2^-7, largest 1.6; 3 successes in a row, max(4, dims) failures in a row; settled (ours) after as many. */
struct math_region math_region_usual(int dims);

/*
 * What a trial within the region brought: by how much it is better than the best one of the region, as a share of how much
 * results differ at all.  More than MATH_REGION_WIN is a success; a failure that is worse by less than MATH_REGION_LEVEL
 * counts towards settled.  True: nothing is left to win here, and the region has its first length again.
 */
#define MATH_REGION_WIN   1e-3
#define MATH_REGION_LEVEL 1e-2
bool math_region_told(struct math_region *r, double gain);
void math_region_anew(struct math_region *r);

/* The box in the unit cube: sides length * scale_i / (geometric mean of the scales); scale NULL: a cube. */
void math_region_box(const struct math_region *r, const double *centre, const double *scale, int dims, double *lo, double *hi);

#endif
