/*
 * math/search/forest.h - a random forest for regression that knows how sure it is: the surrogate for steps and categories.
 *
 * Trees grow on bootstrap samples and look at a random share of the columns at each split (Breiman 2001).  A numeric threshold
 * is drawn between the two neighbours it separates, and a category is split by the order of its means (Fisher 1958), as in SMAC
 * (Hutter, Hoos, Leyton-Brown 2011).  The variance at a place is the spread between the trees plus what is left within their
 * leaves (Hutter, Xu, Hoos, Leyton-Brown 2014, eq. 7): large where trees disagree, never exactly 0.
 *
 * Columns hold finite numbers; those of a category hold 0..choices-1.  Far from all data a forest repeats the nearest leaf: its
 * variance does not grow with distance as that of a Gaussian process does.
 */
#ifndef MATH_FOREST_H
#define MATH_FOREST_H

#include "base/err.h"
#include "base/rand.h"

#include <stdbool.h>
#include <stdint.h>

enum { MATH_FOREST_COLUMNS_MAX = 256, MATH_FOREST_CHOICES_MAX = 64, MATH_FOREST_TREES_MAX = 256, MATH_FOREST_POINTS_MAX = 8192 };

struct math_forest_options {
    int    trees;          /* 0: 30 */
    double columns_share;  /* of the columns, looked at in each split; 0: 5/6 */
    int    leaf_min;       /* points in a leaf; 0: 1 */
    int    split_min;      /* points that a node needs to be split; 0: 3 */
    int    depth_max;      /* 0: 20 */
    bool   every_point;    /* no bootstrap: each tree sees all points */
};

struct math_forest_node {
    int      column;              /* -1: a leaf */
    int      left, right;         /* numbers of nodes */
    double   threshold;           /* value <= threshold goes left */
    uint64_t left_choices;        /* for a category */
    double   mean, variance;      /* of the points of a leaf */
};

struct math_forest {
    int                      columns, trees, n;
    int                     *choices;          /* [columns]: 0 for numbers */
    struct math_forest_node *node;
    int                      nodes, nodes_room;
    int                      root[MATH_FOREST_TREES_MAX];
    double                   variance_min;     /* a ten-thousandth of that of the data */
    double                  *importance;       /* [columns]: share of the variance that its splits took away; sums up to 1, or all 0 */
};

/* choices NULL: all columns hold numbers. */
MUST_CHECK enum err math_forest_new(int columns, const int *choices, struct math_forest **f, struct fault *fault);
void                math_forest_free(struct math_forest *f);
/* x[n][columns], y[n], n >= 1. ERR_INPUT for what is not finite or no choice. options may be NULL. */
MUST_CHECK enum err math_forest_fit(struct math_forest *f, int n, const double *x, const double *y, const struct math_forest_options *options,
                                    struct rand *r, struct fault *fault);
void                math_forest_predict(const struct math_forest *f, int m, const double *x, double *mean, double *variance);

#endif
