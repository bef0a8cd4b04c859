/* math/learn/scaling.c - running means and spreads. */
#include "math/learn/scaling.h"

static double within(double x, double limit) { return x > limit ? limit : x < -limit ? -limit : x; }

void math_scaling_add(struct math_scaling *s, const double *rows, int n)
{
    if (n <= 0)
        return;
    double before = s->n;
    s->n += n;
    for (int c = 0; c < s->cols; c++) {
        double sum = 0, ss = 0;
        for (int r = 0; r < n; r++)
            sum += rows[(size_t)r * (size_t)s->cols + (size_t)c];
        double mean = sum / n, d = mean - s->mean[c];
        for (int r = 0; r < n; r++) {
            double e = rows[(size_t)r * (size_t)s->cols + (size_t)c] - mean;
            ss += e * e;
        }
        s->mean[c] += d * n / s->n;
        s->ss[c] += ss + d * d * before * n / s->n;
    }
}

void math_scaling_apply(const struct math_scaling *s, const double *rows, int n, real *out)
{
    for (int c = 0; c < s->cols; c++) {
        double mean = s->n > 1 ? s->mean[c] : 0, one_over = s->n > 1 ? 1 / sqrt(s->ss[c] / s->n + 1e-8) : 1;
        for (int r = 0; r < n; r++) {
            size_t at = (size_t)r * (size_t)s->cols + (size_t)c;
            out[at] = R(within((rows[at] - mean) * one_over, s->limit));
        }
    }
}

double math_returns_scale(struct math_returns *r, double *sum, double reward, bool ended)
{
    *sum = *sum * r->gamma + reward;
    double d = *sum - r->mean;
    r->n += 1;
    r->mean += d / r->n;
    r->ss += d * (*sum - r->mean);
    if (ended)
        *sum = 0;
    if (r->n < 2)
        return within(reward, r->limit);
    return within(reward / sqrt(r->ss / r->n + 1e-8), r->limit);
}
