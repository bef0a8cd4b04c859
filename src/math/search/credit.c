/* math/search/credit.c - earned credit, and draws from it. */
#include "math/search/credit.h"

#include <assert.h>
#include <math.h>

struct math_credit math_credit_usual(int arms)
{
    assert(arms > 0 && arms <= MATH_CREDIT_ARMS_MAX);
    struct math_credit c = { .arms = arms, .memory = 0.95 };
    for (int i = 0; i < arms; i++)
        c.won[i] = c.lost[i] = 1;
    return c;
}

void math_credit_told(struct math_credit *c, int arm, double earned)
{
    assert(arm >= 0 && arm < c->arms);
    for (int i = 0; i < c->arms; i++) {
        c->won[i] *= c->memory;
        c->lost[i] *= c->memory;
        /* What is forgotten is replaced by not knowing, not by nothing: no less than half a turn each. */
        c->won[i] = fmax(c->won[i], 0.5);
        c->lost[i] = fmax(c->lost[i], 0.5);
    }
    if (isnan(earned))
        return;
    earned = fmin(fmax(earned, 0), 1);
    c->won[arm] += earned;
    c->lost[arm] += 1 - earned;
}

double math_credit_mean(const struct math_credit *c, int arm) { return c->won[arm] / (c->won[arm] + c->lost[arm]); }

/* A gamma variate of this shape (Marsaglia and Tsang 2000), in logarithms so that small shapes do not vanish. */
static double draw_log_gamma(double shape, struct rand *r)
{
    double extra = 0;
    if (shape < 1) {
        extra = log(1 - rand_unit(r)) / shape;
        shape += 1;
    }
    double d = shape - 1.0 / 3, k = 1 / sqrt(9 * d);
    for (;;) {
        double z = rand_normal(r), v = 1 + k * z;
        if (v <= 0)
            continue;
        v = v * v * v;
        if (log(1 - rand_unit(r)) < 0.5 * z * z + d - d * v + d * log(v))
            return log(d * v) + extra;
    }
}

/* The log odds of a Beta variate. */
static double draw(double won, double lost, struct rand *r)
{
    double a = draw_log_gamma(won, r), b = draw_log_gamma(lost, r);
    return a - b;
}

int math_credit_choose(const struct math_credit *c, const bool *may, struct rand *r)
{
    int    best = -1;
    double most = -INFINITY;
    for (int i = 0; i < c->arms; i++) {
        double odds = draw(c->won[i], c->lost[i], r);      /* drawn in any case: who may does not change the others' luck */
        if ((!may || may[i]) && (best < 0 || odds > most)) {
            best = i;
            most = odds;
        }
    }
    return best;
}

void math_credit_shares(const struct math_credit *c, const bool *may, int draws, struct rand *r, double *share)
{
    for (int i = 0; i < c->arms; i++)
        share[i] = 0;
    for (int i = 0; i < draws; i++) {
        int arm = math_credit_choose(c, may, r);
        if (arm >= 0)
            share[arm] += 1.0 / draws;
    }
}
