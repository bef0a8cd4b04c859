/* verify/lull.c */
#include "verify/lull.h"

#include <math.h>

void lull_clear(struct lull *l) { *l = (struct lull){ .least = (double)NAN, .most = (double)NAN }; }

void lull_add(struct lull *l, double x, double weight)
{
    l->x[l->n % LULL_SECONDS] = x;
    l->weight[l->n % LULL_SECONDS] = weight;
    l->n++;
    double mean = lull_mean(l, LULL_SECONDS);
    l->least = fmin(l->least, mean);      /* of a number and NAN the number */
    l->most = fmax(l->most, mean);
}

double lull_mean(const struct lull *l, int k)
{
    if (k < 1 || k > LULL_SECONDS || l->n < k)
        return (double)NAN;
    double sum = 0, weight = 0;
    for (int i = l->n - k; i < l->n; i++) {
        sum += l->x[i % LULL_SECONDS] * l->weight[i % LULL_SECONDS];
        weight += l->weight[i % LULL_SECONDS];
    }
    return sum / weight;
}

double lull_second(const struct lull *l, int back) { return l->x[(l->n - 1 - back) % LULL_SECONDS]; }
