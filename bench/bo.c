/*
 * bench/bo.c - the optimiser on functions whose optimum is known: how good after how many evaluations, against random search.
 *
 * One setting for all functions and seeds; every run minimises (the optimiser is told -f).  The functions with a bar are moved:
 * Branin and Hartmann by a vector of the seed's own, Ackley by the fixed vector that its bar was measured with, so that neither
 * the centre of the box nor its corners are special.  Random search has the same seeds and budget; "worse" is a one-sided
 * Mann-Whitney test at 5 % after any of the numbers of evaluations shown.  Without a bar, shown for honesty: the functions where
 * they usually stand, other functions, whole numbers and choices, noise.      usage: bo [--seeds 20] [--first 1] [--only NAME] [-v]
 * [--forest] [--ucb] [--ei] [--no-region] [--no-warp]: with another setting, which then is short by definition.
 */
#include "base/rand.h"
#include "math/search/bo.h"
#include "math/stats/compare.h"
#include "math/stats/describe.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { DIMS_MAX = 20, SEEDS_MAX = 200, MARKS_MAX = 3, TIMED = 20 };

static int                     seeds = 20, first_seed = 1;
static bool                    verbose;
static struct math_bo_settings settings;      /* all 0: the usual */

/* ---- the functions ---- */

static double branin(const double *x)
{
    const double pi = 3.14159265358979323846;
    double       b = x[1] - 5.1 / (4 * pi * pi) * x[0] * x[0] + 5 / pi * x[0] - 6;
    return b * b + 10 * (1 - 1 / (8 * pi)) * cos(x[0]) + 10;
}

static double hartmann6(const double *x)
{
    static const double alpha[4] = { 1, 1.2, 3, 3.2 };
    static const double a[4][6] = { { 10, 3, 17, 3.5, 1.7, 8 }, { 0.05, 10, 17, 0.1, 8, 14 }, { 3, 3.5, 1.7, 10, 17, 8 }, { 17, 8, 0.05, 10, 0.1, 14 } };
    static const double p[4][6] = { { 1312, 1696, 5569, 124, 8283, 5886 }, { 2329, 4135, 8307, 3736, 1004, 9991 },
                                    { 2348, 1451, 3522, 2883, 3047, 6650 }, { 4047, 8828, 8732, 5743, 1091, 381 } };
    double sum = 0;
    for (int i = 0; i < 4; i++) {
        double d = 0;
        for (int j = 0; j < 6; j++)
            d += a[i][j] * (x[j] - 1e-4 * p[i][j]) * (x[j] - 1e-4 * p[i][j]);
        sum -= alpha[i] * exp(-d);
    }
    return sum;
}

static double ackley(const double *x, int n)
{
    double squares = 0, waves = 0;
    for (int j = 0; j < n; j++) {
        squares += x[j] * x[j] / n;
        waves += cos(2 * 3.14159265358979323846 * x[j]) / n;
    }
    return -20 * exp(-0.2 * sqrt(squares)) - exp(waves) + 20 + exp(1);
}

static double ackley5(const double *x) { return ackley(x, 5); }

static double levy6(const double *x)
{
    const double pi = 3.14159265358979323846;
    double       sum = 0, w[6];
    for (int j = 0; j < 6; j++)
        w[j] = 1 + (x[j] - 1) / 4;
    sum = sin(pi * w[0]) * sin(pi * w[0]) + (w[5] - 1) * (w[5] - 1) * (1 + sin(2 * pi * w[5]) * sin(2 * pi * w[5]));
    for (int j = 0; j < 5; j++)
        sum += (w[j] - 1) * (w[j] - 1) * (1 + 10 * sin(pi * w[j] + 1) * sin(pi * w[j] + 1));
    return sum;
}

static double rosenbrock4(const double *x)
{
    double sum = 0;
    for (int j = 0; j < 3; j++)
        sum += 100 * (x[j + 1] - x[j] * x[j]) * (x[j + 1] - x[j] * x[j]) + (1 - x[j]) * (1 - x[j]);
    return sum;
}

/* Hartmann with two coordinates in tenths and one replaced by a choice of five places, in no order. */
static double mixed6(const double *x)
{
    static const double place[5] = { 0.9, 0.31, 0.05, 0.65, 0.45 };
    double y[6] = { x[0], 0.1 * x[1], x[2], 0.1 * x[3], place[(int)x[4]], x[5] };
    return hartmann6(y);
}

/* Like memory settings: cliffs and plateaus over ratios, one value that means "automatic", one choice. */
static double cliffs5(const double *x)
{
    double cache = log2(x[0] / 16) / 10, wal = log2(x[1] / 64) / 8, workers = x[2], delay = x[3] < 0 ? 0.35 : x[3] / 100, choice = x[4];
    double gain = 30 * fmin(cache, 0.7) + (cache > 0.85 ? -60 : 0) + 15 * floor(4 * fmin(wal, 0.9)) / 4;
    gain += choice == 2 ? 8 : choice == 1 ? 3 : 0;
    gain -= 2 * fabs(workers - 5) + 10 * (delay - 0.3) * (delay - 0.3) * 10;
    gain += workers > 6 && cache > 0.6 ? -15 : 0;
    return -gain;
}

/* ---- the problems ---- */

enum bar { NO_BAR, MEDIAN_AT, SHARE_AT };

struct mark { int at; enum bar bar; double value, share; };

struct problem {
    const char *name;
    double    (*f)(const double *x);
    int         dims;
    double      lo, hi;                  /* of every coordinate, unless own_space */
    double      shift, moves;            /* f(x - shift_j): shift * (1 + 0.37 j) fixed, and +-moves of the range by seed */
    double      noise;                   /* sd added to what the optimiser sees */
    struct mark mark[MARKS_MAX];
    int         space;                   /* 0: a box; else the number of own_space() */
};

static const struct problem problems[] = {
    { "branin",        branin,      2, 0, 1, 0, 0.06, 0, { { 30, NO_BAR }, { 50, MEDIAN_AT, 0.3985 } }, 1 },
    { "hartmann6",     hartmann6,   6, 0, 1, 0, 0.06, 0, { { 50, NO_BAR }, { 100, MEDIAN_AT, -3.30 }, { 200, SHARE_AT, -3.30, 0.60 } }, 0 },
    { "ackley5",       ackley5,     5, -32.768, 32.768, 4, 0, 0, { { 50, NO_BAR }, { 100, NO_BAR }, { 150, MEDIAN_AT, 2.41 } }, 0 },
    { "branin0",       branin,      2, 0, 1, 0, 0, 0, { { 30, NO_BAR }, { 50, NO_BAR } }, 1 },
    { "hartmann6-0",   hartmann6,   6, 0, 1, 0, 0, 0, { { 50, NO_BAR }, { 100, NO_BAR }, { 200, NO_BAR } }, 0 },
    { "ackley5-moved", ackley5,     5, -32.768, 32.768, 0, 0.3, 0, { { 50, NO_BAR }, { 100, NO_BAR }, { 150, NO_BAR } }, 0 },
    { "levy6",         levy6,       6, -10, 10, 0, 0.2, 0, { { 50, NO_BAR }, { 100, NO_BAR }, { 150, NO_BAR } }, 0 },
    { "rosenbrock4",   rosenbrock4, 4, -5, 10, 0, 0.1, 0, { { 50, NO_BAR }, { 100, NO_BAR } }, 0 },
    { "mixed6",        mixed6,      6, 0, 1, 0, 0, 0, { { 50, NO_BAR }, { 100, NO_BAR } }, 2 },
    { "cliffs5",       cliffs5,     5, 0, 1, 0, 0, 0, { { 30, NO_BAR }, { 60, NO_BAR } }, 3 },
    { "branin-noisy",  branin,      2, 0, 1, 0, 0.06, 1, { { 50, NO_BAR }, { 100, NO_BAR } }, 1 },
    { "hartmann6-noisy", hartmann6, 6, 0, 1, 0, 0.06, 0.1, { { 50, NO_BAR }, { 100, NO_BAR } }, 0 },
    { "cliffs5-noisy", cliffs5,     5, 0, 1, 0, 0, 2, { { 30, NO_BAR }, { 60, NO_BAR } }, 3 },
};

static void make_space(const struct problem *p, struct math_space *s)
{
    *s = (struct math_space){ .params = p->dims };
    for (int j = 0; j < p->dims; j++)
        s->param[j] = (struct math_param){ .kind = MATH_PARAM_REAL, .lo = p->lo, .hi = p->hi };
    if (p->space == 1) {
        s->param[0].lo = -5;
        s->param[0].hi = 10;
        s->param[1].hi = 15;
    } else if (p->space == 2) {
        s->param[1] = s->param[3] = (struct math_param){ .kind = MATH_PARAM_INTEGER, .lo = 0, .hi = 10 };
        s->param[4] = (struct math_param){ .kind = MATH_PARAM_CATEGORY, .choices = 5 };
    } else if (p->space == 3) {
        s->param[0] = (struct math_param){ .kind = MATH_PARAM_INTEGER, .lo = 16, .hi = 16384, .log = true };
        s->param[1] = (struct math_param){ .kind = MATH_PARAM_INTEGER, .lo = 64, .hi = 16384, .log = true };
        s->param[2] = (struct math_param){ .kind = MATH_PARAM_INTEGER, .lo = 0, .hi = 8 };
        s->param[3] = (struct math_param){ .kind = MATH_PARAM_REAL, .lo = 0, .hi = 100, .specials = 1, .special = { -1 } };
        s->param[4] = (struct math_param){ .kind = MATH_PARAM_CATEGORY, .choices = 3 };
    }
}

static double truth(const struct problem *p, const struct math_space *s, const double *move, const double *x)
{
    double y[DIMS_MAX];
    for (int j = 0; j < p->dims; j++)
        y[j] = x[j] - p->shift * (p->shift != 0 ? 1 + 0.37 * j : 0) - move[j] * (s->param[j].hi - s->param[j].lo);
    return p->f(y);
}

/* ---- running ---- */

struct run { double at_mark[MARKS_MAX]; };

static double cpu_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return 1e3 * (double)t.tv_sec + 1e-6 * (double)t.tv_nsec;
}

static void die(const struct fault *fault)
{
    fprintf(stderr, "bo: %s\n", fault->text);
    exit(2);
}

static int last_mark(const struct problem *p)
{
    int last = 0;
    for (int m = 0; m < MARKS_MAX; m++)
        if (p->mark[m].at > last)
            last = p->mark[m].at;
    return last;
}

/* Without noise the best value seen; with noise the true value at what is recommended (random search: at its luckiest reading). */
static struct run run(const struct problem *p, uint64_t seed, bool at_random)
{
    struct math_space       space;
    struct math_bo         *b = NULL;
    struct fault            fault;
    struct rand             r;
    struct run              result = { .at_mark = { 0 } };
    double                  x[DIMS_MAX], move[DIMS_MAX] = { 0 }, best = INFINITY, luckiest = INFINITY, true_of_luckiest = INFINITY;
    make_space(p, &space);
    rand_seed(&r, seed * 7919 + 13);
    for (int j = 0; j < p->dims; j++)
        move[j] = p->moves * (2 * rand_unit(&r) - 1);
    rand_seed(&r, seed * 104729 + 1);
    if (math_space_init(&space, &fault) != OK || math_bo_new(&space, &settings, seed, &b, &fault) != OK)
        die(&fault);
    for (int n = 0; n < last_mark(p); n++) {
        struct math_bo_reason why = { .phase = MATH_BO_RANDOM };
        double                began = cpu_ms();
        if (at_random) {
            double u[DIMS_MAX];
            for (int j = 0; j < p->dims; j++)
                u[j] = rand_unit(&r);
            math_space_decode(&space, u, x);
        } else if (math_bo_ask(b, NULL, x, &why, &fault) != OK) {
            die(&fault);
        }
        double took = cpu_ms() - began, f = truth(p, &space, move, x), seen = f + p->noise * rand_normal(&r);
        best = fmin(best, f);
        if (seen < luckiest) {
            luckiest = seen;
            true_of_luckiest = f;
        }
        if (!at_random && math_bo_tell(b, &(struct math_bo_trial){ .x = x, .y = -seen }, &fault) != OK)
            die(&fault);
        if (verbose && !at_random)
            printf("  %s seed %d trial %d %-6s f %.5f best %.5f region %.4f guess %.4g (%.4g..%.4g) %.1f ms\n", p->name, (int)seed, n, math_bo_phase_name(why.phase), f,
                   best, why.region, -why.guess.y, -why.guess.hi, -why.guess.lo, took);
        for (int m = 0; m < MARKS_MAX; m++)
            if (p->mark[m].at == n + 1) {
                result.at_mark[m] = p->noise > 0 ? true_of_luckiest : best;
                if (p->noise > 0 && !at_random) {
                    if (math_bo_best(b, NULL, x, NULL, &fault) != OK)
                        die(&fault);
                    result.at_mark[m] = truth(p, &space, move, x);
                }
            }
    }
    math_bo_free(b);
    return result;
}

/* ---- judging ---- */

static struct run bo_run[SEEDS_MAX], random_run[SEEDS_MAX];

static double median_at(const struct run *runs, int m, double *worst)
{
    double v[SEEDS_MAX], scratch[SEEDS_MAX];
    for (int s = 0; s < seeds; s++)
        v[s] = runs[s].at_mark[m];
    *worst = math_quantile(v, seeds, 1, scratch);
    return math_median(v, seeds, scratch);
}

/* One-sided p that the optimiser's values are larger (worse) than those of random search. */
static double p_worse(int m)
{
    double x[SEEDS_MAX], y[SEEDS_MAX], scratch[4 * SEEDS_MAX];
    for (int s = 0; s < seeds; s++) {
        x[s] = bo_run[s].at_mark[m];
        y[s] = random_run[s].at_mark[m];
    }
    struct math_ranks u = math_mann_whitney(x, seeds, y, seeds, scratch);
    return u.cles > 0.5 ? u.p / 2 : 1 - u.p / 2;
}

struct tally { int bars, kept, worse; };

static void judge(const struct problem *p, struct tally *t)
{
    bool worse = false;
    for (int m = 0; m < MARKS_MAX && p->mark[m].at; m++) {
        const struct mark *mark = &p->mark[m];
        double             p_random = p_worse(m), worst, unused, median = median_at(bo_run, m, &worst), random = median_at(random_run, m, &unused);
        int                below = 0;
        for (int s = 0; s < seeds; s++)
            below += bo_run[s].at_mark[m] <= mark->value;
        printf("%-16s %3d evaluations: median %9.4f worst %9.4f  random %9.4f", p->name, mark->at, median, worst, random);
        if (mark->bar != NO_BAR) {
            bool kept = mark->bar == MEDIAN_AT ? median <= mark->value : below >= mark->share * seeds;
            t->bars++;
            t->kept += kept;
            if (mark->bar == MEDIAN_AT)
                printf("  bar: median <= %.4f  %s (%d of %d seeds)", mark->value, kept ? "kept" : "SHORT", below, seeds);
            else
                printf("  bar: %.0f %% <= %.2f  %s (%d of %d seeds)", 100 * mark->share, mark->value, kept ? "kept" : "SHORT", below, seeds);
        }
        if (p_random < 0.05)
            printf("  WORSE than random, p %.3f", p_random);
        printf("\n");
        worse = worse || p_random < 0.05;
    }
    t->worse += worse;
    fflush(stdout);
}

/* CPU time of a suggestion when n trials are in one model, the mean of TIMED in a row. */
static double suggestion_ms(int n, int dims, double *longest)
{
    struct math_space       space = { .params = dims };
    struct math_bo_settings set = settings;
    struct math_bo         *b = NULL;
    struct fault            fault;
    struct rand             r;
    double                  x[DIMS_MAX], sum = 0;
    for (int j = 0; j < dims; j++)
        space.param[j] = (struct math_param){ .kind = MATH_PARAM_REAL, .lo = -32.768, .hi = 32.768 };
    set.one_chapter = true;
    rand_seed(&r, 1);
    if (math_bo_new(&space, &set, 1, &b, &fault) != OK)
        die(&fault);
    *longest = 0;
    for (int i = 0; i < n + TIMED; i++) {
        double began = cpu_ms();
        for (int j = 0; j < dims && i < n; j++)
            x[j] = 32.768 * (2 * rand_unit(&r) - 1) * (1 - 0.9 * i / n);          /* as a search: ever closer */
        if (i >= n && math_bo_ask(b, NULL, x, NULL, &fault) != OK)
            die(&fault);
        if (i >= n) {
            sum += cpu_ms() - began;
            *longest = fmax(*longest, cpu_ms() - began);
        }
        if (math_bo_tell(b, &(struct math_bo_trial){ .x = x, .y = -ackley(x, dims) }, &fault) != OK)
            die(&fault);
    }
    math_bo_free(b);
    return sum / TIMED;
}

int main(int argc, char **argv)
{
    const char  *only = NULL;
    bool         other = false;
    struct tally t = { 0 };
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--seeds") == 0 && i + 1 < argc)
            seeds = atoi(argv[++i]);
        else if (strcmp(argv[i], "--first") == 0 && i + 1 < argc)
            first_seed = atoi(argv[++i]);
        else if (strcmp(argv[i], "--only") == 0 && i + 1 < argc)
            only = argv[++i];
        else if (strcmp(argv[i], "--forest") == 0 && (other = true))
            settings.surrogate = MATH_BO_FOREST;
        else if (strcmp(argv[i], "--ucb") == 0 && (other = true))
            settings.acquisition = MATH_BO_UCB;
        else if (strcmp(argv[i], "--ei") == 0 && (other = true))
            settings.acquisition = MATH_BO_EI;
        else if (strcmp(argv[i], "--no-region") == 0 && (other = true))
            settings.no_region = true;
        else if (strcmp(argv[i], "--no-warp") == 0 && (other = true))
            settings.no_warp = true;
        else if (strcmp(argv[i], "-v") == 0)
            verbose = true;
        else
            seeds = 0;
    }
    if (seeds < 2 || seeds > SEEDS_MAX) {
        fprintf(stderr, "usage: bo [--seeds 2..%d] [--first N] [--only NAME] [--forest] [--ucb] [--ei] [--no-region] [--no-warp] [-v]\n", SEEDS_MAX);
        return 2;
    }
    for (size_t k = 0; k < sizeof problems / sizeof problems[0]; k++) {
        if (only && strcmp(only, problems[k].name) != 0)
            continue;
        for (int s = 0; s < seeds; s++) {
            bo_run[s] = run(&problems[k], (uint64_t)(first_seed + s), false);
            random_run[s] = run(&problems[k], (uint64_t)(first_seed + s), true);
        }
        judge(&problems[k], &t);
    }
    double ms = 0;
    for (int k = 0; k < 4 && !only; k++) {
        static const struct { int n, dims; } each[4] = { { 200, 6 }, { 200, 20 }, { 1000, 6 }, { 1000, 20 } };
        double longest, mean = suggestion_ms(each[k].n, each[k].dims, &longest);
        printf("%4d trials of %2d parameters in one model: %.1f ms of CPU per suggestion, longest %.1f\n", each[k].n, each[k].dims, mean, longest);
        if (each[k].n == 200)
            ms = fmax(ms, mean);
    }
    bool ok = t.kept == t.bars && t.worse == 0 && ms <= 20 && !only && !other && seeds >= 20;
    printf("bo %d bars-of-%d (bar %d; %d seeds; worse than random on %d functions of 0; %.1f ms of CPU per suggestion at n = 200 of <= 20) %s\n", t.kept, t.bars, t.bars,
           seeds, t.worse, ms, ok ? "ok" : "short");
    return ok ? 0 : 1;
}
