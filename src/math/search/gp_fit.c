/* math/search/gp_fit.c - which length scales and which noise the data speak for: the marginal likelihood, its gradient, the way up. */
#include "math/search/gp.h"

#include "math/linear/linear.h"
#include "math/linear/minimise.h"
#include "math/search/bend.h"
#include "math/stats/describe.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { THETA_MAX = 2 * MATH_GP_SCALES_MAX + 2, FOLLOWED = 2, DRAWN = 3, STARTS_MAX = 4 + DRAWN };
_Static_assert((int)THETA_MAX <= (int)MATH_MINIMISE_MAX, "every length scale and every bend can be searched");

struct math_gp_prior math_gp_prior_usual(int scales)
{
    return (struct math_gp_prior){
        .scale = { sqrt(2) + 0.5 * log(scales), sqrt(3), 0.025, 1e3 },
        .noise = { -4, 1, 1e-4, 1 },
        .signal = { 0, -1, 1, 1 },
    };
}

/* ln of the log-normal density of exp(t), and its derivative by t; the constant is left out. */
static double belief(const struct math_gp_belief *b, double t, double *slope)
{
    *slope = 0;
    if (!(b->sd > 0))
        return 0;
    double z = (t - b->mean) / b->sd;
    *slope = -z / b->sd - 1;
    return -0.5 * z * z - t;
}

static double mode(const struct math_gp_belief *b) { return b->sd > 0 ? b->mean - b->sd * b->sd : b->mean; }

/* ---- the posterior density of the hyper-parameters ---- */

/* sum_j w[j] (x - other[j])^2, in four sums so that it is not one long chain of additions. */
static double weighted_squares(const double *restrict w, const double *restrict other, double x, int n)
{
    double sum[4] = { 0, 0, 0, 0 };
    int    j = 0;
    for (; j + 4 <= n; j += 4)
        for (int k = 0; k < 4; k++)
            sum[k] += w[j + k] * (x - other[j + k]) * (x - other[j + k]);
    for (; j < n; j++)
        sum[0] += w[j] * (x - other[j]) * (x - other[j]);
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

/* sum_j w[j] (x - other[j]) (t - turn[j]), likewise. */
static double weighted_products(const double *restrict w, const double *restrict other, const double *restrict turn, double x, double t, int n)
{
    double sum[4] = { 0, 0, 0, 0 };
    int    j = 0;
    for (; j + 4 <= n; j += 4)
        for (int k = 0; k < 4; k++)
            sum[k] += w[j + k] * (x - other[j + k]) * (t - turn[j + k]);
    for (; j < n; j++)
        sum[0] += w[j] * (x - other[j]) * (t - turn[j]);
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

/* d likelihood / d ln theta = sum_ij (w_i w_j - K^-1_ij) dK_ij / 2 (Rasmussen & Williams, eq. 5.9). */
static void likelihood_slope(struct math_gp *gp, const bool *bends, double *gradient)
{
    int     n = gp->n;
    size_t  room = (size_t)gp->room;
    double *w = gp->row, trace = 0, squares = 0, signal = 0;
    math_chol_inverse(gp->chol, n, gp->room, gp->inverse);
    for (int f = 0; f < gp->features && bends; f++)
        for (int i = 0, s = gp->scale_of[f]; i < n && bends[s]; i++)
            gp->turn[f * gp->room + i] = math_bend_turn(gp->x[f * gp->room + i], gp->hyper.bend[s]) / gp->hyper.scale[s];
    for (int i = 0; i < n; i++) {
        const double *inverse = gp->inverse + (size_t)i * room, *slope = gp->slope + (size_t)i * room;
        for (int j = 0; j < i; j++) {
            double outer = gp->weight[i] * gp->weight[j] - inverse[j];
            w[j] = outer * slope[j];
            signal += outer * gp->chol[(size_t)j * room + (size_t)i];      /* the upper triangle keeps the covariance */
        }
        for (int f = 0; f < gp->features; f++) {
            const double *scaled = gp->scaled + f * gp->room, *turn = gp->turn + f * gp->room;
            int           s = gp->scale_of[f];
            gradient[s] += weighted_squares(w, scaled, scaled[i], i);
            if (bends && bends[s])
                gradient[gp->scales + 2 + s] -= weighted_products(w, scaled, turn, scaled[i], turn[i], i);
        }
        squares += gp->weight[i] * gp->weight[i];
        trace += inverse[i];
    }
    gradient[gp->scales] += 0.5 * gp->hyper.noise * (squares - trace);
    gradient[gp->scales + 1] += signal + 0.5 * gp->hyper.signal * (squares - trace);
}

/* Arrays that only fitting needs. */
static bool make_workshop(struct math_gp *gp)
{
    size_t size = (size_t)gp->room * (size_t)gp->room;
    if (!gp->slope)
        gp->slope = calloc(size, sizeof(double));
    if (!gp->inverse)
        gp->inverse = calloc(size, sizeof(double));
    if (!gp->turn)
        gp->turn = calloc((size_t)gp->features * (size_t)gp->room, sizeof(double));
    return gp->slope && gp->inverse && gp->turn;
}

/* ln scales, ln noise, ln signal, and where features may be bent a bend for each scale. */
static int variables(const struct math_gp *gp, const struct math_gp_prior *prior) { return gp->scales + 2 + (prior->bends ? gp->scales : 0); }

double math_gp_posterior(struct math_gp *gp, const struct math_gp_prior *prior, const struct math_gp_hyper *hyper, double *gradient)
{
    if (gp->n > 0 && !make_workshop(gp))
        return (double)NAN;
    if (math_gp_set(gp, hyper, NULL) != OK)
        return (double)NAN;
    double value = gp->log_likelihood, slope;
    double unused[THETA_MAX];
    double *g = gradient ? gradient : unused;
    memset(g, 0, (size_t)variables(gp, prior) * sizeof *g);
    if (gradient && gp->n > 0)
        likelihood_slope(gp, prior->bends, g);
    for (int s = 0; s < gp->scales; s++) {
        value += belief(&prior->scale, log(hyper->scale[s]), &slope);
        g[s] += slope;
    }
    value += belief(&prior->noise, log(hyper->noise), &slope);
    g[gp->scales] += slope;
    value += belief(&prior->signal, log(hyper->signal), &slope);
    g[gp->scales + 1] += slope;
    for (int k = 0; k < gp->scales && prior->bends; k++)
        if (prior->bends[k]) {
            double z = hyper->bend[k] / prior->bend_sd;
            value -= 0.5 * z * z;
            g[gp->scales + 2 + k] -= z / prior->bend_sd;
        }
    return value;
}

/* ---- the way up ---- */

struct climb { struct math_gp *gp; const struct math_gp_prior *prior; };

/* A bend is searched in units of its prior's deviation: all variables differ by about 1. */
static void unpack(const struct math_gp *gp, const struct math_gp_prior *prior, const double *theta, struct math_gp_hyper *hyper)
{
    for (int s = 0; s < gp->scales; s++) {
        hyper->scale[s] = exp(theta[s]);
        hyper->bend[s] = prior->bends && prior->bends[s] ? prior->bend_sd * theta[gp->scales + 2 + s] : 0;
    }
    hyper->noise = exp(theta[gp->scales]);
    hyper->signal = exp(theta[gp->scales + 1]);
}

static double downhill(const double *theta, double *gradient, void *context)
{
    struct climb        *c = context;
    struct math_gp_hyper hyper;
    unpack(c->gp, c->prior, theta, &hyper);
    double v = math_gp_posterior(c->gp, c->prior, &hyper, gradient);
    for (int i = 0; i < variables(c->gp, c->prior); i++)
        gradient[i] *= i < c->gp->scales + 2 ? -1 : -c->prior->bend_sd;
    return -v;
}

static void bounds(const struct math_gp_belief *b, double *lo, double *hi)
{
    *lo = b->sd < 0 ? b->mean : log(b->min);
    *hi = b->sd < 0 ? b->mean : log(b->max);
}

/* Where the search begins: half the cube, the prior's middle, shorter and longer, and some drawn around it. */
static int lay_starts(const struct math_gp *gp, const struct math_gp_prior *prior, struct rand *r, double start[STARTS_MAX][THETA_MAX])
{
    static const struct { double scale, noise; } around[] = { { 0, 0 }, { -0.9, -2 }, { 0.9, 1 } };
    int n = gp->scales, k = 0;
    for (int s = 0; s < n; s++)
        start[0][s] = log(0.5);
    start[0][n] = log(1e-3);
    start[0][n + 1] = mode(&prior->signal);
    for (k = 1; k < STARTS_MAX; k++) {
        bool plain = k <= 3;
        for (int s = 0; s < n; s++)
            start[k][s] = mode(&prior->scale) + (plain ? around[k - 1].scale : 0.8 * rand_normal(r));
        start[k][n] = mode(&prior->noise) + (plain ? around[k - 1].noise : 2 * rand_normal(r));
        start[k][n + 1] = mode(&prior->signal);
        for (int s = 0; s < n && prior->bends; s++)
            start[k][n + 2 + s] = plain ? 0 : 0.8 * rand_normal(r);
    }
    for (int s = 0; s < n && prior->bends; s++)
        start[0][n + 2 + s] = 0;
    return k;
}

enum err math_gp_fit(struct math_gp *gp, const struct math_gp_prior *prior, int evaluations, struct rand *r, struct fault *fault)
{
    int          dims = variables(gp, prior), left = evaluations, followed[FOLLOWED];
    double       start[STARTS_MAX][THETA_MAX], at[STARTS_MAX], lo[THETA_MAX], hi[THETA_MAX], best_value = -INFINITY;
    struct climb climb = { gp, prior };
    struct math_gp_hyper best = gp->hyper;

    for (int s = 0; s < gp->scales; s++)
        bounds(&prior->scale, &lo[s], &hi[s]);
    bounds(&prior->noise, &lo[gp->scales], &hi[gp->scales]);
    bounds(&prior->signal, &lo[gp->scales + 1], &hi[gp->scales + 1]);
    for (int s = 0; s < gp->scales && prior->bends; s++) {
        hi[gp->scales + 2 + s] = prior->bends[s] ? MATH_BEND_MAX / prior->bend_sd : 0;
        lo[gp->scales + 2 + s] = -hi[gp->scales + 2 + s];
    }
    int starts = lay_starts(gp, prior, r, start);
    for (int k = 0; k < starts; k++) {
        struct math_gp_hyper hyper;
        for (int i = 0; i < dims; i++)
            start[k][i] = fmin(fmax(start[k][i], lo[i]), hi[i]);
        unpack(gp, prior, start[k], &hyper);
        at[k] = math_gp_posterior(gp, prior, &hyper, NULL);
        left -= 1;
    }
    for (int i = 0; i < FOLLOWED; i++) {
        int top = -1;
        for (int k = 0; k < starts; k++)
            if (!isnan(at[k]) && (top < 0 || at[k] > at[top]) && !(i > 0 && k == followed[0]))
                top = k;
        followed[i] = top;
    }
    for (int i = 0; i < FOLLOWED && gp->n > 0; i++) {
        if (followed[i] < 0)
            continue;
        int                 share = left / (FOLLOWED - i);
        struct math_minimum m = math_minimise(downhill, &climb, start[followed[i]], dims, lo, hi, share > 2 ? share : 2, 1e-4);
        left -= m.evaluations;
        if (-m.value > best_value) {
            best_value = -m.value;
            unpack(gp, prior, start[followed[i]], &best);
        }
    }
    if (gp->n == 0)
        unpack(gp, prior, start[1], &best);
    return math_gp_set(gp, &best, fault);
}

/* ---- a part of the data ---- */

/*
 * The better half of them, and the rest evenly.  Where many are as good as one another (time-outs, a plateau) only what is better
 * than those is sure of its place: the first hundred of them alone would say that nothing ever differs.
 */
static enum err choose(struct math_gp *few, int n, const double *x, const double *y, const double *known, struct fault *fault)
{
    size_t   p = (size_t)few->features;
    double  *sorted = calloc((size_t)n + MATH_GP_FIT_POINTS * (p + 2), sizeof *sorted);
    if (!sorted)
        return fail(fault, ERR_LIMIT, "no memory for a model of %d points", n);
    double *some = sorted + n, *sy = some + MATH_GP_FIT_POINTS * p, *sk = sy + MATH_GP_FIT_POINTS;
    memcpy(sorted, y, (size_t)n * sizeof *y);
    math_sort(sorted, n);
    double bar = sorted[n - MATH_GP_FIT_POINTS / 2 - 1];
    int    k = 0, rest = 0, others = n;
    for (int i = 0; i < n; i++)
        others -= y[i] > bar;
    int want = MATH_GP_FIT_POINTS - (n - others);
    for (int i = 0; i < n && k < MATH_GP_FIT_POINTS; i++) {
        bool good = y[i] > bar, take = good || (rest + 1) * want / others > rest * want / others;
        rest += !good;
        if (!take)
            continue;
        memcpy(some + (size_t)k * p, x + (size_t)i * p, p * sizeof *x);
        sy[k] = y[i];
        sk[k++] = known ? known[i] : 0;
    }
    enum err e = math_gp_data(few, k, some, sy, sk, fault);
    free(sorted);
    return e;
}

enum err math_gp_learn(struct math_gp *gp, int n, const double *x, const double *y, const double *known, const struct math_gp_prior *prior, int evaluations,
                       struct rand *r, struct fault *fault)
{
    struct math_gp *few = NULL;
    enum err        e = math_gp_data(gp, n, x, y, known, fault);
    if (e != OK || n <= MATH_GP_FIT_POINTS)
        return e != OK ? e : math_gp_fit(gp, prior, evaluations, r, fault);
    e = math_gp_new(gp->features, gp->scale_of, &few, fault);
    if (e == OK) {
        math_gp_give_mean(few, gp->mean_given ? gp->mean : (double)NAN);
        e = choose(few, n, x, y, known, fault);
    }
    if (e == OK)
        e = math_gp_fit(few, prior, evaluations, r, fault);
    if (e == OK)
        e = math_gp_set(gp, &few->hyper, fault);
    math_gp_free(few);
    return e;
}
