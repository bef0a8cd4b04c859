/* verify/switchback.c - differences within blocks, batched, with an interval that may be looked at after each block. */
#include "verify/switchback.h"

#include "base/rand.h"
#include "math/stats/describe.h"
#include "math/stats/sequential.h"
#include "math/stats/series.h"

#include <math.h>

static const double lag1_limit = 0.1;     /* facts: above it the interval promises too much */
static const double lag1_doubt = 1.0;     /* in standard errors of the estimate, which is coarse for few batches */
static const double signs_share = 0.2;    /* of alpha */
static const double hope = 2.0;           /* standard errors of optimism before giving up */

bool switchback_candidate_first(uint64_t seed, int block)
{
    struct rand r;
    rand_seed(&r, seed + UINT64_C(0x9e3779b97f4a7c15) * (uint64_t)(block + 1));
    return rand_u64(&r) >> 63;
}

enum { HOPE_MIN = 5 };                    /* observations before giving up */

static bool signs_prove(const double *d, int n, double mean, const struct switchback_conf *conf)
{
    int wins = 0, losses = 0;
    for (int i = 0; i < n; i++) {
        wins += d[i] > conf->margin;
        losses += d[i] < conf->margin;
    }
    return wins > losses && math_sign_log_e(wins, losses) >= -log(signs_share * conf->alpha)
        && mean > conf->margin && math_hodges_lehmann(d, n) > conf->margin;
}

/* Could the interval at the end, were the spread to stay as it is, lie above the margin around the best mean still plausible? */
static bool within_reach(double mean, double variance, int n, int last, double c2, double alpha, double margin)
{
    double best = mean + hope * sqrt(variance / n);
    return best - math_cs_t(last, variance * (last - 1), c2, alpha) > margin;
}

struct estimate switchback_estimate(const double *d, int n, const struct switchback_conf *conf)
{
    struct estimate e = { .lo = -(double)INFINITY, .hi = (double)INFINITY, .effect = math_mean(d, n), .lag1 = (double)NAN };
    double batch[SWITCHBACK_PAIRS_MAX];
    int at_least = conf->pairs_min < 4 ? conf->pairs_min : 4;
    int b = math_batch_length(d, n, lag1_limit, lag1_doubt, at_least, batch, &e.lag1);
    if (n < 2 || b == 0)
        return e;
    e.n = math_batch_means(d, n, b, batch);
    e.effect = math_mean(batch, e.n);
    double alpha = (1 - signs_share) * conf->alpha, ss = math_sum_squares(batch, e.n, e.effect);
    double c2 = math_cs_t_c2(sqrt((double)conf->pairs_min * conf->pairs_max), alpha);
    double half = math_cs_t(e.n, ss, c2, alpha);
    e.known = isfinite(half);
    e.lo = e.effect - half;
    e.hi = e.effect + half;
    e.signs_better = signs_prove(batch, e.n, e.effect, conf);
    e.hopeless = e.n >= HOPE_MIN && !within_reach(e.effect, ss / (e.n - 1), e.n, conf->pairs_max / b, c2, alpha, conf->margin);
    return e;
}
