/* math/learn/advantage.c - generalised advantages, backwards through time. */
#include "math/learn/advantage.h"

void math_advantage(int n, int stride, const real *reward, const real *value, const real *next, const bool *terminated, const bool *ended, double gamma, double lambda,
                    real *advantage)
{
    double later = 0;
    for (int t = n - 1; t >= 0; t--) {
        size_t i = (size_t)t * (size_t)stride;
        double d = (double)reward[i] + (terminated[i] ? 0 : gamma * (double)next[i]) - (double)value[i];
        later = d + (ended[i] ? 0 : gamma * lambda * later);
        advantage[i] = R(later);
    }
}

void math_standardise(real *x, int n)
{
    double sum = 0, ss = 0;
    if (n < 2)
        return;
    for (int i = 0; i < n; i++)
        sum += (double)x[i];
    double mean = sum / n;
    for (int i = 0; i < n; i++)
        ss += ((double)x[i] - mean) * ((double)x[i] - mean);
    double one_over = 1 / (sqrt(ss / (n - 1)) + 1e-8);
    for (int i = 0; i < n; i++)
        x[i] = R(((double)x[i] - mean) * one_over);
}
