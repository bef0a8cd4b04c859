/*
 * math/search/project.h - many parameters moved by few: a random projection for searches that would be lost in a large cube.
 *
 * HeSBO (Nayebi, Munteanu, Poloczek 2019), as LlamaTune uses it for knobs: each coordinate i of the large cube follows one
 * coordinate h(i) of the small cube, straight or mirrored: u_i = z_h(i) or 1 - z_h(i).  If only a few coordinates matter (which
 * ones need not be known), the small cube holds an optimum nearly as good with a fair chance.
 */
#ifndef MATH_PROJECT_H
#define MATH_PROJECT_H

#include "base/err.h"
#include "base/rand.h"

#include <stdbool.h>

enum { MATH_PROJECT_MAX = 256 };

struct math_projection {
    int  high, low;
    int  follows[MATH_PROJECT_MAX];      /* h(i) */
    bool mirrored[MATH_PROJECT_MAX];
};

/* Each small coordinate moves at least one large one. ERR_INPUT unless 1 <= low <= high <= MATH_PROJECT_MAX. */
MUST_CHECK enum err math_projection_init(struct math_projection *p, int high, int low, struct rand *r, struct fault *fault);
void math_projection_up(const struct math_projection *p, const double *z, double *u);
/* The z whose image is nearest to u: the mean over the coordinates that follow each. Exact for images. */
void math_projection_down(const struct math_projection *p, const double *u, double *z);

#endif
