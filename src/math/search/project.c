/* math/search/project.c - a random projection. */
#include "math/search/project.h"

enum err math_projection_init(struct math_projection *p, int high, int low, struct rand *r, struct fault *fault)
{
    if (low < 1 || low > high || high > MATH_PROJECT_MAX)
        return fail(fault, ERR_INPUT, "a projection of %d coordinates to %d; at most %d", high, low, MATH_PROJECT_MAX);
    *p = (struct math_projection){ .high = high, .low = low };
    int order[MATH_PROJECT_MAX];
    for (int i = 0; i < high; i++)
        order[i] = i;
    for (int i = high - 1; i > 0; i--) {
        int j = (int)rand_int(r, 0, i), other = order[i];
        order[i] = order[j];
        order[j] = other;
    }
    for (int k = 0; k < high; k++) {                     /* the first `low` in a random order are spread, the rest fall anywhere */
        p->follows[order[k]] = k < low ? k : (int)rand_int(r, 0, low - 1);
        p->mirrored[order[k]] = rand_int(r, 0, 1) == 1;
    }
    return OK;
}

void math_projection_up(const struct math_projection *p, const double *z, double *u)
{
    for (int i = 0; i < p->high; i++)
        u[i] = p->mirrored[i] ? 1 - z[p->follows[i]] : z[p->follows[i]];
}

void math_projection_down(const struct math_projection *p, const double *u, double *z)
{
    int count[MATH_PROJECT_MAX] = { 0 };
    for (int j = 0; j < p->low; j++)
        z[j] = 0;
    for (int i = 0; i < p->high; i++) {
        z[p->follows[i]] += p->mirrored[i] ? 1 - u[i] : u[i];
        count[p->follows[i]]++;
    }
    for (int j = 0; j < p->low; j++)
        z[j] /= count[j];
}
