/*
 * math/search/design.h - where to look first, when nothing is known: points that fill the unit cube evenly.
 *
 * Sobol's sequence with the direction numbers of Joe & Kuo (SIAM J. Sci. Comput. 30, 2008: the first 64 dimensions of their set
 * D6), in the order of Gray codes (Antonov & Saleev 1979), 32 bits.  Scrambled: a random lower triangular matrix and a random
 * shift for each dimension (Matousek 1998), which keeps the evenness, takes away the origin, and lets another seed give other
 * points.  Beyond 64 dimensions, or for a number of points that is fixed beforehand, a Latin hypercube (McKay, Beckman, Conover 1979).
 */
#ifndef MATH_DESIGN_H
#define MATH_DESIGN_H

#include "base/err.h"
#include "base/rand.h"

#include <stdint.h>

enum { MATH_SOBOL_MAX = 64, MATH_SOBOL_BITS = 32 };

struct math_sobol {
    int      dims;
    uint32_t next;                                         /* number of the next point */
    uint32_t at[MATH_SOBOL_MAX], shift[MATH_SOBOL_MAX];
    uint32_t direction[MATH_SOBOL_MAX][MATH_SOBOL_BITS];
};

/* r NULL: the plain sequence, which begins 0, 1/2, ... ERR_INPUT outside 1..64 dimensions. */
MUST_CHECK enum err math_sobol_init(struct math_sobol *s, int dims, struct rand *r, struct fault *fault);
/* The next point, each coordinate in [0, 1). It begins again after 2^32 points. */
void math_sobol_next(struct math_sobol *s, double *x);

/* n points of `dims` coordinates into x[n][dims]: each of the n slices of every coordinate holds one of them. scratch: n. */
void math_latin(int n, int dims, struct rand *r, double *x, int *scratch);

/* Squared centred L2 discrepancy of x[n][dims] (Hickernell 1998): 0 would be perfectly even. */
double math_discrepancy(const double *x, int n, int dims);

#endif
