/*
 * bench/safety.c - how often a tuner does harm on its way: planted landscapes like those of parameters, 50 seeds, 200 steps each.
 *
 * Each landscape has eight parameters and a default that is neither best nor on an edge: hills of the seed's own in some of them,
 * nothing in others, two that help only together, and a shoulder beyond which all falls to half.  A reading has an error of 2 %.
 * A step is unsafe when the truth lies more than 5 % below the default's.  Compared are the safe search and plain expected
 * improvement on the same landscapes.                               usage: safety [--seeds 50] [--first 1] [--steps 200] [-v]
 */
#include "base/rand.h"
#include "math/search/bo.h"
#include "math/search/safe.h"
#include "math/stats/describe.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DIMS = 8, SEEDS_MAX = 500 };
#define NOISE  0.02
#define UNSAFE 0.05

static int  seeds = 50, first_seed = 1, steps = 200;
static bool verbose;

static void die(const struct fault *fault) { fprintf(stderr, "safety: %s\n", fault->text); exit(2); }

struct land {
    double start[DIMS], top[DIMS], weight[DIMS];      /* hills: -weight (u - top)^2 */
    int    one, other;                                /* these help together */
    double together;
    double slope[DIMS], edge, wide, depth;            /* the shoulder: beyond slope . u = edge, over so wide, it falls by depth */
};

static void plant(struct land *l, uint64_t seed)
{
    struct rand r;
    double      at = 0;
    rand_seed(&r, seed * 7919 + 3);
    for (int d = 0; d < DIMS; d++) {
        l->start[d] = 0.2 + 0.4 * rand_unit(&r);
        l->top[d] = rand_unit(&r);
        l->weight[d] = rand_unit(&r) < 0.4 ? 0 : 0.2 + 0.8 * rand_unit(&r);
        l->slope[d] = rand_unit(&r) < 0.5 ? 0 : rand_unit(&r);
        at += l->slope[d] * l->start[d];
    }
    l->one = (int)rand_int(&r, 0, DIMS - 1);
    l->other = (l->one + 1 + (int)rand_int(&r, 0, DIMS - 2)) % DIMS;
    l->together = 0.5 + rand_unit(&r);
    l->edge = at + 0.3 + 0.5 * rand_unit(&r);
    l->wide = 0.2 + 0.2 * rand_unit(&r);
    l->depth = 0.7;
}

/* ln of the throughput relative to nothing in particular. */
static double truth(const struct land *l, const double *u)
{
    double y = 0, far = -l->edge;
    for (int d = 0; d < DIMS; d++) {
        y -= l->weight[d] * (u[d] - l->top[d]) * (u[d] - l->top[d]);
        far += l->slope[d] * u[d];
    }
    y += l->together * (u[l->one] - l->start[l->one]) * (u[l->other] - l->start[l->other]);
    return y - l->depth * 0.5 * (1 + tanh(2 * far / l->wide));
}

struct walk { int unsafe; double worst, found; };

static void step(const struct land *l, const double *u, double start, struct rand *r, struct walk *w, double *seen)
{
    double y = truth(l, u) - start;
    w->unsafe += y < -UNSAFE;
    w->worst = fmin(w->worst, y);
    w->found = fmax(w->found, y);
    *seen = y + NOISE * rand_normal(r);
}

static struct walk walk_safely(const struct land *l, const struct math_space *space, uint64_t seed)
{
    struct math_safe       *s;
    struct math_safe_reason why;
    struct fault            fault;
    struct rand             r;
    struct walk             w = { 0 };
    double                  x[DIMS], y, start = truth(l, l->start);
    rand_seed(&r, seed);
    if (math_safe_new(space, NULL, seed, &s, &fault) != OK || math_safe_tell(s, &(struct math_bo_trial){ .x = l->start, .y = 0, .noise_sd = NOISE }, &fault) != OK)
        die(&fault);
    for (int i = 0; i < steps; i++) {
        if (math_safe_ask(s, x, &why, &fault) != OK)
            die(&fault);
        step(l, x, start, &r, &w, &y);
        if (verbose)
            printf("  %d: %.3f (believed %.3f, %.3f..%.3f; %d of %d safe)%s\n", i, truth(l, x) - start, why.mean, why.lower, why.upper, why.safe, why.looked, truth(l, x) - start < -UNSAFE ? " UNSAFE" : "");
        if (math_safe_tell(s, &(struct math_bo_trial){ .x = x, .y = y, .noise_sd = NOISE }, &fault) != OK)
            die(&fault);
    }
    math_safe_free(s);
    return w;
}

static struct walk walk_plainly(const struct land *l, const struct math_space *space, uint64_t seed)
{
    struct math_bo_settings set = { .acquisition = MATH_BO_EI, .no_region = true, .no_warp = true, .starts = 10 };
    struct math_bo         *b;
    struct fault            fault;
    struct rand             r;
    struct walk             w = { 0 };
    double                  x[DIMS], y, start = truth(l, l->start);
    rand_seed(&r, seed);
    if (math_bo_new(space, &set, seed, &b, &fault) != OK || math_bo_tell(b, &(struct math_bo_trial){ .x = l->start, .y = 0, .noise_sd = NOISE }, &fault) != OK)
        die(&fault);
    for (int i = 0; i < steps; i++) {
        if (math_bo_ask(b, NULL, x, NULL, &fault) != OK)
            die(&fault);
        step(l, x, start, &r, &w, &y);
        if (math_bo_tell(b, &(struct math_bo_trial){ .x = x, .y = y, .noise_sd = NOISE }, &fault) != OK)
            die(&fault);
    }
    math_bo_free(b);
    return w;
}

int main(int argc, char **argv)
{
    static double found[2][SEEDS_MAX], scratch[SEEDS_MAX];
    double        worst[2] = { 0 };
    long          unsafe[2] = { 0 };
    struct fault  fault;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--seeds") == 0 && i + 1 < argc)
            seeds = atoi(argv[++i]);
        else if (strcmp(argv[i], "--first") == 0 && i + 1 < argc)
            first_seed = atoi(argv[++i]);
        else if (strcmp(argv[i], "--steps") == 0 && i + 1 < argc)
            steps = atoi(argv[++i]);
        else if (strcmp(argv[i], "-v") == 0)
            verbose = true;
        else
            seeds = 0;
    }
    if (seeds < 1 || seeds > SEEDS_MAX || steps < 1) {
        fprintf(stderr, "usage: safety [--seeds 1..%d] [--first N] [--steps N] [-v]\n", SEEDS_MAX);
        return 2;
    }
    struct math_space space = { .params = DIMS };
    for (int d = 0; d < DIMS; d++)
        space.param[d] = (struct math_param){ .kind = MATH_PARAM_REAL, .lo = 0, .hi = 1 };
    if (math_space_init(&space, &fault) != OK)
        die(&fault);
    for (int s = 0; s < seeds; s++) {
        struct land l;
        plant(&l, (uint64_t)(first_seed + s));
        struct walk w[2] = { walk_safely(&l, &space, (uint64_t)(first_seed + s)), walk_plainly(&l, &space, (uint64_t)(first_seed + s)) };
        for (int k = 0; k < 2; k++) {
            unsafe[k] += w[k].unsafe;
            worst[k] = fmin(worst[k], w[k].worst);
            found[k][s] = w[k].found;
        }
        if (verbose)
            printf("seed %d: safe %d unsafe, worst %.3f, found %.3f; plain %d unsafe, worst %.3f, found %.3f\n", first_seed + s, w[0].unsafe, w[0].worst, w[0].found, w[1].unsafe, w[1].worst, w[1].found);
    }
    double share = (double)unsafe[0] / (seeds * (double)steps), fewer = unsafe[1] > 0 ? 1 - (double)unsafe[0] / (double)unsafe[1] : 0;
    double gain[2] = { exp(math_median(found[0], seeds, scratch)), exp(math_median(found[1], seeds, scratch)) };
    bool   ok = share <= 0.01 && fewer >= 0.9 && seeds >= 50 && steps >= 200;
    printf("safety %.4f unsafe-share (bar <= 0.0100; %.1f %% fewer than plain EI of >= 90 %%; deepest x %.2f, plain x %.2f; best found x %.3f, plain x %.3f; %d seeds, %d steps) %s\n",
           share, 100 * fewer, exp(worst[0]), exp(worst[1]), gain[0], gain[1], seeds, steps, ok ? "ok" : "short");
    return ok ? 0 : 1;
}
