/* math/cause/logit.c - Newton's steps as weighted least squares, and when to stop. */
#include "math/cause/logit.h"

#include <math.h>
#include <string.h>

enum { ROUNDS_MAX = 60, HALVINGS_MAX = 30 };

static const double settled_below = 1e-9;    /* change of the linear predictor, relative to its size */

double math_logistic(double eta)
{
    return eta >= 0 ? 1 / (1 + exp(-eta)) : exp(eta) / (1 + exp(eta));
}

enum err math_binary_check(const double *t, int n, int *ones, struct fault *fault)
{
    *ones = 0;
    for (int i = 0; i < n; i++) {
        bool one = fabs(t[i] - 1) < 1e-12;
        if (!one && !(fabs(t[i]) < 1e-12))
            return fail(fault, ERR_INPUT, "the treatment of row %d is %g; it must be 0 or 1", i + 1, t[i]);
        *ones += one;
    }
    if (*ones == 0 || *ones == n)
        return fail(fault, ERR_INPUT, "all %d rows are %s: there is nothing to compare with", n, *ones ? "treated" : "untreated");
    return OK;
}

/* -2 log likelihood; log(1 + exp(z)) without overflow. */
static double deviance_of(const double *t, const double *eta, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++) {
        double z = t[i] > 0.5 ? -eta[i] : eta[i];
        sum += z > 0 ? z + log1p(exp(-z)) : log1p(exp(z));
    }
    return 2 * sum;
}

/* One Newton step from l->eta: the weights of the step, and the coefficients it leads to. */
static enum err step(const double *t, const double *const *x, int k, struct math_logit *l, double *weight, double *target, double *beta,
                     struct arena *turn, struct math_lsq *f, struct fault *fault)
{
    for (int i = 0; i < l->n; i++) {
        double p = math_logistic(l->eta[i]), q = math_logistic(-l->eta[i]);
        weight[i] = p * q;
        target[i] = l->eta[i] + (t[i] > 0.5 ? 1 / p : -1 / q);
    }
    enum err e = math_lsq_factor(x, k, l->n, weight, turn, f, fault);
    if (!e)
        math_lsq_solve(f, target, beta);
    return e;
}

/* Goes as far along the step as the likelihood rises; returns the largest change of eta relative to its size, -1 when it nowhere rises. */
static double go(const double *t, const double *const *x, int k, struct math_logit *l, double *beta, double *eta)
{
    for (int halvings = 0; halvings <= HALVINGS_MAX; halvings++) {
        double moved = 0, largest = 0;
        for (int i = 0; i < l->n; i++) {
            eta[i] = math_lsq_at(beta, x, k, i);
            moved = fmax(moved, fabs(eta[i] - l->eta[i]));
            largest = fmax(largest, fabs(eta[i]));
        }
        double deviance = deviance_of(t, eta, l->n);
        if (deviance <= l->deviance * (1 + 1e-12)) {
            l->deviance = deviance;
            memcpy(l->eta, eta, (size_t)l->n * sizeof *eta);
            memcpy(l->beta, beta, (size_t)l->p * sizeof *beta);
            return moved / (1 + largest);
        }
        for (int j = 0; j < l->p; j++)
            beta[j] = (beta[j] + l->beta[j]) / 2;
    }
    return -1;
}

static enum err allocate(struct math_logit *l, struct arena *a, struct fault *fault)
{
    size_t n = (size_t)l->n, p = (size_t)l->p;
    l->beta = math_doubles(a, p, fault);
    l->se = math_doubles(a, p, fault);
    l->eta = math_doubles(a, n, fault);
    l->pull = math_doubles(a, p * n, fault);
    return l->beta && l->se && l->eta && l->pull ? OK : ERR_LIMIT;
}

/* At the maximum: pull of the scores, (X'WX)^-1 x_i, and errors from the Fisher information. */
static void finish(struct math_logit *l, const struct math_lsq *f, const double *weight)
{
    size_t n = (size_t)l->n;
    math_lsq_pull(f, l->pull);
    for (int j = 0; j < l->p; j++) {
        double sum = 0;
        for (size_t i = 0; i < n; i++) {
            double *v = &l->pull[(size_t)j * n + i];
            *v = weight[i] > 0 ? *v / weight[i] : 0;
            sum += *v * *v * weight[i];
        }
        l->se[j] = sqrt(sum);
    }
}

enum err math_logit(const double *t, const double *const *x, int k, int n, struct arena *a, struct math_logit *l, struct fault *fault)
{
    int ones;
    *l = (struct math_logit){ .n = n, .p = k + 1 };
    enum err e = math_binary_check(t, n, &ones, fault);
    if (!e)
        e = allocate(l, a, fault);
    if (e)
        return e;
    double *weight = math_doubles(a, (size_t)n, fault), *target = math_doubles(a, (size_t)n, fault);
    double *eta = math_doubles(a, (size_t)n, fault), beta[MATH_COLUMNS_MAX + 1];
    if (!weight || !target || !eta)
        return ERR_LIMIT;
    l->deviance = deviance_of(t, l->eta, n);
    struct arena turn CLEANUP(arena_done);
    arena_init(&turn, a->bound);
    double moved = 1;
    for (l->rounds = 0; l->rounds < ROUNDS_MAX; l->rounds++) {
        struct math_lsq f;
        arena_reset(&turn);
        e = step(t, x, k, l, weight, target, beta, &turn, &f, fault);
        if (e && (e != ERR_INPUT || l->rounds == 0))
            return e;                       /* the design itself is no good, or does not fit */
        if (e)
            break;                          /* good at first, but not with these weights: they have gone to nothing */
        if (moved < settled_below) {
            finish(l, &f, weight);
            return OK;
        }
        moved = go(t, x, k, l, beta, eta);
        if (moved < 0)
            moved = 0;                      /* as high as arithmetic lets us see */
    }
    l->separated = true;                    /* it never settles: some coefficient runs away, a little further each round */
    return OK;
}
