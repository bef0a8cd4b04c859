/* math/stats/multiple.c - spending and sharing alpha. */
#include "math/stats/multiple.h"

#include <assert.h>
#include <math.h>

double math_alpha_spend(double alpha, int j) { return j < 1 ? 0 : alpha * 6 / (M_PI * M_PI * (double)j * (double)j); }

double math_alpha_lord(double alpha, int j, const int *found, int k)
{
    double start = 0.9 * alpha, level = math_alpha_spend(start, j);
    for (int i = 0; i < k; i++)
        level += math_alpha_spend(i == 0 ? alpha - start : alpha, j - found[i]);
    return level;
}

double math_bonferroni(double alpha, int k)  { return k < 1 ? alpha : alpha / k; }

/* order[] becomes the positions of x from the smallest to the largest; k is small, insertion keeps ties in place. */
static void rank_ascending(const double *x, int k, int *order)
{
    assert(k <= MATH_TESTS_MAX);
    for (int i = 0; i < k; i++) {
        int j = i;
        for (; j > 0 && x[order[j - 1]] > x[i]; j--)
            order[j] = order[j - 1];
        order[j] = i;
    }
}

int math_holm(const double *p, int k, double alpha, bool *reject)
{
    int order[MATH_TESTS_MAX], rejected = 0;
    rank_ascending(p, k, order);
    for (int i = 0; i < k; i++)
        reject[i] = false;
    for (int i = 0; i < k && p[order[i]] <= alpha / (k - i); i++, rejected++)
        reject[order[i]] = true;
    return rejected;
}

int math_e_bh(const double *log_e, int k, double alpha, bool *reject)
{
    int order[MATH_TESTS_MAX], best = 0;
    rank_ascending(log_e, k, order);
    for (int i = 1; i <= k; i++)
        if (log_e[order[k - i]] >= log((double)k / (i * alpha)))
            best = i;
    for (int i = 0; i < k; i++)
        reject[order[k - 1 - i]] = i < best;
    return best;
}
