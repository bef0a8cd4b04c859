/* math/search/climb.c */
#include "math/search/climb.h"

#include <assert.h>
#include <math.h>
#include <string.h>

enum { PARENTS = 8 };
#define STEP_MIN  0.005
#define STEP_MAX  0.5
#define CROSS     0.3      /* how often a second parent gives something */
#define BETTER    0.5      /* the next parent is so much less likely than the one before */

static int pick_parent(int n, struct rand *r)
{
    int i = 0;
    while (i + 1 < n && i + 1 < PARENTS && rand_unit(r) >= BETTER)
        i++;
    return i;
}

/* Back into [0, 1] as from a mirror. */
static double fold(double u)
{
    u = fmod(fabs(u), 2);
    return u > 1 ? 2 - u : u;
}

static double moved(const struct math_space *s, int d, double u, struct rand *r)
{
    const struct math_param *p = &s->param[d];
    int    levels = math_space_levels(s, d);
    double edge = math_space_edge(p);
    if (p->kind == MATH_PARAM_CATEGORY || (levels > 0 && levels <= 3) || (edge > 0 && rand_unit(r) < edge))
        return rand_unit(r);
    double size = STEP_MIN * pow(STEP_MAX / STEP_MIN, rand_unit(r));
    if (levels > 1)
        size = fmax(size, 1.0 / levels);
    return fold(u + size * rand_normal(r));
}

void math_climb(const struct math_space *s, int n, const double *cube, struct rand *r, double *u)
{
    assert(n >= 1);
    int own[MATH_SPACE_MAX], count = 0;
    const double *parent = cube + (size_t)pick_parent(n, r) * (size_t)s->params, *other = cube + (size_t)pick_parent(n, r) * (size_t)s->params;
    bool          cross = rand_unit(r) < CROSS;
    memcpy(u, parent, (size_t)s->params * sizeof *u);
    for (int d = 0; d < s->params; d++) {
        if (s->param[d].context)
            continue;
        own[count++] = d;
        if (cross && rand_unit(r) < 0.5)
            u[d] = other[d];
    }
    if (count == 0)
        return;
    int moves = 1;
    while (moves < count && rand_unit(r) < 0.4)
        moves++;
    for (int k = 0; k < moves; k++) {
        int d = own[rand_int(r, 0, count - 1)];
        u[d] = moved(s, d, u[d], r);
    }
}
