/* math/learn/optimise.c - clipping, Adam, schedules. */
#include "math/learn/optimise.h"

#include "math/learn/kernel.h"

#include <string.h>

void math_gradients_clear(struct math_params *p)
{
    if (p->size)
        memset(p->gradient, 0, p->size * sizeof *p->gradient);
}

double math_gradients_clip(struct math_params *p, double most)
{
    double norm = sqrt(kernel_sum_squares(p->gradient, p->size));
    if (most > 0 && norm > most && isfinite(norm))
        kernel_scale(R(most / (norm + 1e-6)), p->gradient, p->size);
    return norm;
}

void math_adam_step(struct math_params *p, const struct math_adam *a, double rate)
{
    double t = p->steps += 1;
    double root = 1 / sqrt(1 - pow(a->beta2, t));
    kernel_adam(p->gradient, p->moment1, p->moment2, p->value, p->size, R(a->beta1), R(a->beta2), R(rate / (1 - pow(a->beta1, t))), R(root), R(a->eps));
}

double math_schedule_at(const struct math_schedule *s, double progress)
{
    double x = progress < 0 ? 0 : progress > 1 ? 1 : progress;
    if (x < s->warm)
        return s->first * x / s->warm;
    x = s->warm < 1 ? (x - s->warm) / (1 - s->warm) : 1;
    switch (s->shape) {
    case MATH_LINEAR: return s->first + (s->last - s->first) * x;
    case MATH_COSINE: return s->last + (s->first - s->last) * (1 + cos(x * 3.14159265358979323846)) / 2;
    case MATH_CONSTANT: break;
    }
    return s->first;
}
