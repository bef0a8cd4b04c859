/* math/search/region.c - a trust region. */
#include "math/search/region.h"

#include <math.h>

struct math_region math_region_usual(int dims)
{
    int row = dims > 4 ? dims : 4;
    return (struct math_region){ .length = 0.8, .length_first = 0.8, .length_min = 0x1p-7, .length_max = 1.6, .wins_max = 3, .losses_max = row, .settled_max = row > 6 ? row : 6 };
}

void math_region_anew(struct math_region *r)
{
    r->length = r->length_first;
    r->wins = r->losses = r->settled = 0;
}

bool math_region_told(struct math_region *r, double gain)
{
    bool better = gain > MATH_REGION_WIN;
    r->wins = better ? r->wins + 1 : 0;
    r->losses = better ? 0 : r->losses + 1;
    r->settled = better ? 0 : r->settled + (gain > -MATH_REGION_LEVEL);
    if (r->wins >= r->wins_max) {
        r->length = fmin(2 * r->length, r->length_max);
        r->wins = 0;
    } else if (r->losses >= r->losses_max) {
        r->length /= 2;
        r->losses = 0;
    }
    if (r->length >= r->length_min && r->settled < r->settled_max)
        return false;
    math_region_anew(r);
    return true;
}

void math_region_box(const struct math_region *r, const double *centre, const double *scale, int dims, double *lo, double *hi)
{
    double mean = 0;
    for (int i = 0; scale && i < dims; i++)
        mean += log(scale[i]) / dims;
    for (int i = 0; i < dims; i++) {
        double half = 0.5 * r->length * (scale ? scale[i] / exp(mean) : 1);
        lo[i] = fmax(centre[i] - half, 0);
        hi[i] = fmin(centre[i] + half, 1);
    }
}
