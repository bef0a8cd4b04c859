/*
 * bench/replay.c - a league of tuners without a database: measured trials of configurations, a forest fitted to them as the
 * stand-in for the server, and each tuner asked 200 times.     usage: replay FILE... [--trials 200] [--seeds 10] [--first 1] [--only NAME] [-v]
 *
 * What a file looks like is said in bench/replay_file.h; the default configuration is what every tuner is told first.  The
 * forest's cross-validated R2 is printed.  A rank is that of the best found after all trials, 1 being the best of a file and seed,
 * shared by equals; regret is how much of the way from the default to the best configuration known to anybody is still missing,
 * none where nothing is better than the default.  A tuner that has tried everything there is stays with its best.
 */
#include "replay_file.h"

#include "base/err.h"
#include "base/rand.h"
#include "math/search/bo.h"
#include "math/stats/describe.h"
#include "math/search/forest.h"
#include "math/search/portfolio.h"
#include "math/learn/ppo.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TRIALS_MAX = 1000, SEEDS_MAX = 50, FOLDS = 5, FILES_MAX = 64, EARLY = 50 };

static int  trials = 200, seeds = 10, first_seed = 1;
static bool verbose;

static void die(const char *what) { fprintf(stderr, "replay: %s\n", what); exit(2); }
static void must(enum err e, const struct fault *fault) { if (e != OK) die(fault->text); }

/* ---- the data ---- */

struct data {
    struct replay_file  file;
    struct math_forest *world;
    double              r2, top;                   /* r2 NAN: there is nothing to explain; top: the best the stand-in gives anywhere we know of */
};

/* ---- the stand-in ---- */

static void fit(const struct data *d, const int *rows, int n, struct math_forest **forest, uint64_t seed)
{
    size_t       columns = (size_t)d->file.columns;
    double      *x = calloc((size_t)n * columns, sizeof *x), *y = calloc((size_t)n, sizeof *y);
    struct rand  r;
    struct fault fault;
    if (!x || !y)
        die("no memory");
    for (int i = 0; i < n; i++) {
        math_space_columns(&d->file.space, d->file.x + (size_t)rows[i] * columns, x + (size_t)i * columns);
        y[i] = d->file.y[rows[i]];
    }
    rand_seed(&r, seed);
    must(math_forest_new(d->file.columns, d->file.space.choices_of, forest, &fault), &fault);
    must(math_forest_fit(*forest, n, x, y, &(struct math_forest_options){ .trees = 50, .leaf_min = 2 }, &r, &fault), &fault);
    free(x);
    free(y);
}

static double guess(const struct data *d, const struct math_forest *forest, const double *x)
{
    double columns[MATH_SPACE_MAX], mean, variance;
    math_space_columns(&d->file.space, x, columns);
    math_forest_predict(forest, 1, columns, &mean, &variance);
    return mean;
}

static void stand_in(struct data *d)
{
    const struct replay_file *f = &d->file;
    int         rows = f->rows, folds = rows < FOLDS ? rows : FOLDS;
    int        *order = calloc((size_t)rows, sizeof *order), *in = calloc((size_t)rows, sizeof *in);
    struct rand r;
    double      mean = math_mean(f->y, rows), off = 0, all = 0;
    if (!order || !in)
        die("no memory");
    rand_seed(&r, 20);
    for (int i = 0; i < rows; i++)
        order[i] = i;
    for (int i = rows - 1; i > 0; i--) {
        int k = (int)rand_int(&r, 0, i), o = order[i];
        order[i] = order[k];
        order[k] = o;
    }
    for (int fold = 0; fold < folds && rows > 1; fold++) {
        struct math_forest *forest;
        int                 n = 0;
        for (int i = 0; i < rows; i++)
            if (i % folds != fold)
                in[n++] = order[i];
        fit(d, in, n, &forest, 21);
        for (int i = fold; i < rows; i += folds) {
            double y = f->y[order[i]], g = guess(d, forest, f->x + (size_t)order[i] * (size_t)f->columns);
            off += (y - g) * (y - g);
            all += (y - mean) * (y - mean);
        }
        math_forest_free(forest);
    }
    d->r2 = all > 0 ? 1 - off / all : (double)NAN;
    fit(d, order, rows, &d->world, 22);
    d->top = -INFINITY;
    for (int i = 0; i < rows; i++)
        d->top = fmax(d->top, guess(d, d->world, f->x + (size_t)i * (size_t)f->columns));
    free(order);
    free(in);
}

/* ---- the tuners ---- */

/* Everything that a tuner may see and do: try a configuration and be told. */
struct round { const struct data *d; int n; double best[TRIALS_MAX + 1]; };

static double try_it(struct round *o, const double *x)
{
    double y = guess(o->d, o->d->world, x);
    o->best[o->n] = o->n > 0 ? fmax(o->best[o->n - 1], y) : y;
    o->n++;
    return y;
}

/* What is left of the trials when nothing is left to try. */
static void stay(struct round *o)
{
    for (; o->n <= trials; o->n++)
        o->best[o->n] = o->best[o->n - 1];
}

static void play_random(struct round *o, uint64_t seed)
{
    struct rand r;
    double      u[MATH_SPACE_MAX], x[MATH_SPACE_MAX];
    rand_seed(&r, seed);
    while (o->n <= trials) {
        for (int j = 0; j < o->d->file.columns; j++)
            u[j] = rand_unit(&r);
        math_space_decode(&o->d->file.space, u, x);
        (void)try_it(o, x);
    }
}

static void play_bo(struct round *o, uint64_t seed, const struct math_bo_settings *set)
{
    struct math_bo *b;
    struct fault    fault;
    double          x[MATH_SPACE_MAX], y = o->best[0];
    must(math_bo_new(&o->d->file.space, set, seed, &b, &fault), &fault);
    memcpy(x, o->d->file.first, (size_t)o->d->file.columns * sizeof *x);
    for (;;) {
        must(math_bo_tell(b, &(struct math_bo_trial){ .x = x, .y = y }, &fault), &fault);
        if (o->n > trials)
            break;
        enum err e = math_bo_ask(b, NULL, x, NULL, &fault);
        if (e == ERR_MISSING)
            break;
        must(e, &fault);
        y = try_it(o, x);
    }
    stay(o);
    math_bo_free(b);
}

static void play_gp(struct round *o, uint64_t seed)     { play_bo(o, seed, &(struct math_bo_settings){ .acquisition = MATH_BO_EI, .no_region = true, .no_warp = true, .starts = 10 }); }
static void play_forest(struct round *o, uint64_t seed) { play_bo(o, seed, &(struct math_bo_settings){ .surrogate = MATH_BO_FOREST, .acquisition = MATH_BO_EI }); }
static void play_trego(struct round *o, uint64_t seed)  { play_bo(o, seed, &(struct math_bo_settings){ 0 }); }

/* Proximal policy optimisation as CDBTune and QTune use an actor and a critic: sees where it is and how that went, moves anywhere. */
static void play_ppo(struct round *o, uint64_t seed)
{
    int    dims = o->d->file.columns;
    double seen[MATH_SPACE_MAX + 2] = { 0 }, next[MATH_SPACE_MAX + 2], action[MATH_SPACE_MAX], u[MATH_SPACE_MAX], x[MATH_SPACE_MAX], before = o->best[0];
    struct math_ppo_options set = math_ppo_usual(dims + 1, dims);
    struct math_ppo        *ppo;
    struct fault            fault;
    set.horizon = 20;
    set.batch = 10;
    set.gamma = 0.9;
    set.rate = 1e-3;
    set.seed = seed;
    must(math_ppo_new(&set, &ppo, &fault), &fault);
    must(math_space_encode(&o->d->file.space, o->d->file.first, u, &fault), &fault);
    for (int j = 0; j < dims; j++)
        seen[j] = 2 * u[j] - 1;
    while (o->n <= trials) {
        must(math_ppo_act(ppo, seen, action, &fault), &fault);
        for (int j = 0; j < dims; j++) {
            u[j] = 0.5 * (action[j] + 1);
            next[j] = action[j];
        }
        math_space_decode(&o->d->file.space, u, x);
        double y = try_it(o, x);
        next[dims] = y - o->best[0];
        struct math_outcome outcome = { .reward = (y - o->best[0]) + (y - before), .truncated = o->n % 20 == 0 };
        before = y;
        must(math_ppo_tell(ppo, &outcome, next, &fault), &fault);
        memcpy(seen, next, ((size_t)dims + 1) * sizeof *seen);
        struct math_ppo_report report;
        if (math_ppo_full(ppo))
            must(math_ppo_learn(ppo, (double)o->n / (trials + 1), &report, &fault), &fault);
    }
    math_ppo_free(ppo);
}

static void play_portfolio(struct round *o, uint64_t seed, const struct math_portfolio_settings *set)
{
    struct math_portfolio       *p;
    struct math_portfolio_reason why = { .who = MATH_SEARCH_OTHER };
    struct fault                 fault;
    double                       x[MATH_SPACE_MAX], y = o->best[0];
    int                          asked[MATH_SEARCH_COUNT] = { 0 }, won[MATH_SEARCH_COUNT] = { 0 };
    must(math_portfolio_new(&o->d->file.space, set, seed, &p, &fault), &fault);
    memcpy(x, o->d->file.first, (size_t)o->d->file.columns * sizeof *x);
    for (;;) {
        must(math_portfolio_tell(p, &(struct math_bo_trial){ .x = x, .y = y }, why.who, &fault), &fault);
        if (o->n > trials)
            break;
        enum err e = math_portfolio_ask(p, NULL, x, &why, &fault);
        if (e == ERR_MISSING)
            break;
        must(e, &fault);
        double before = o->best[o->n - 1];
        y = try_it(o, x);
        asked[why.who]++;
        won[why.who] += y > before;
    }
    stay(o);
    if (verbose) {
        printf("  %s seed %d:", o->d->file.name, (int)seed);
        for (int i = 0; i < MATH_SEARCH_COUNT; i++)
            printf(" %s %d (%d better)", math_search_name((enum math_search)i), asked[i], won[i]);
        printf("\n");
    }
    math_portfolio_free(p);
}

static void play_joint(struct round *o, uint64_t seed) { play_portfolio(o, seed, NULL); }
static void play_climb(struct round *o, uint64_t seed)
{
    play_portfolio(o, seed, &(struct math_portfolio_settings){ .without = { [MATH_SEARCH_GP] = true, [MATH_SEARCH_FOREST] = true } });
}

static const struct tuner { const char *name; void (*play)(struct round *o, uint64_t seed); bool shown_only; } tuners[] = {
    { "joint",     play_joint,  false },
    { "random",    play_random, false },
    { "gp-ei",     play_gp,     false },
    { "forest-ei", play_forest, false },
    { "ppo",       play_ppo,    false },
    { "gp-region", play_trego,  true },       /* shown beside, not ranked: the optimiser as it is alone, and a part of the joint one */
    { "climb",     play_climb,  true },
};
enum { TUNERS = sizeof tuners / sizeof tuners[0] };

/* ---- the league ---- */

static struct round rounds[TUNERS][SEEDS_MAX];

static double rank_of(int t, int s)
{
    double rank = 1;
    for (int o = 0; o < TUNERS; o++)
        if (o != t && !tuners[o].shown_only) {
            double ours = rounds[t][s].best[trials], theirs = rounds[o][s].best[trials];
            rank += theirs > ours ? 1 : theirs == ours ? 0.5 : 0;
        }
    return rank;
}

/* How much of the way from the default to the best known is missing; none where there is no way. */
static double regret_of(const struct data *d, double start, double best) { return d->top > start ? (d->top - best) / (d->top - start) : 0; }

int main(int argc, char **argv)
{
    const char *file[FILES_MAX], *only = NULL;
    int         files = 0;
    double      rank[TUNERS] = { 0 }, early[TUNERS] = { 0 };
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--trials") == 0 && i + 1 < argc)
            trials = atoi(argv[++i]);
        else if (strcmp(argv[i], "--seeds") == 0 && i + 1 < argc)
            seeds = atoi(argv[++i]);
        else if (strcmp(argv[i], "--first") == 0 && i + 1 < argc)
            first_seed = atoi(argv[++i]);
        else if (strcmp(argv[i], "--only") == 0 && i + 1 < argc)
            only = argv[++i];
        else if (strcmp(argv[i], "-v") == 0)
            verbose = true;
        else if (argv[i][0] != '-' && files < FILES_MAX)
            file[files++] = argv[i];
        else
            trials = 0;
    }
    if (files < 1 || trials < EARLY || trials > TRIALS_MAX - 1 || seeds < 1 || seeds > SEEDS_MAX)
        die("usage: replay FILE... [--trials 50..999] [--seeds 1..50] [--first 1] [--only TUNER] [-v]; at most 64 files");
    for (int k = 0; k < files; k++) {
        static struct data d;
        struct fault       fault;
        must(replay_file_read(file[k], &d.file, &fault), &fault);
        stand_in(&d);
        printf("%s: %d rows, %d parameters, the stand-in's cross-validated R2 is %.3f%s\n", d.file.name, d.file.rows, d.file.columns, d.r2, d.file.said);
        double start = guess(&d, d.world, d.file.first);
        for (int t = 0; t < TUNERS; t++)
            for (int s = 0; s < seeds && (!only || strcmp(only, tuners[t].name) == 0); s++) {
                struct round *o = &rounds[t][s];
                *o = (struct round){ .d = &d };
                (void)try_it(o, d.file.first);
                tuners[t].play(o, (uint64_t)(first_seed + s));
                d.top = fmax(d.top, o->best[trials]);
            }
        for (int t = 0; t < TUNERS; t++) {
            double ranks = 0, at_early = 0, at_end = 0;
            for (int s = 0; s < seeds; s++) {
                ranks += rank_of(t, s) / seeds;
                at_early += regret_of(&d, start, rounds[t][s].best[EARLY]) / seeds;
                at_end += regret_of(&d, start, rounds[t][s].best[trials]) / seeds;
            }
            rank[t] += ranks / files;
            early[t] += at_early / files;
            printf("  %-10s regret %.4f at %d, %.4f at %d; x %.3f of the default%s", tuners[t].name, at_early, EARLY, at_end, trials,
                   exp(d.top - at_end * (d.top - start) - start), tuners[t].shown_only ? "\n" : "");
            if (!tuners[t].shown_only)
                printf("; mean rank %.2f\n", ranks);
        }
        fflush(stdout);
        math_forest_free(d.world);
        replay_file_free(&d.file);
    }
    bool first = true;
    for (int t = 1; t < TUNERS; t++)
        first = first && (tuners[t].shown_only || rank[0] < rank[t]);
    double ratio = early[2] > 0 ? early[0] / early[2] : early[0] > 0 ? (double)INFINITY : 0;
    bool   ok = first && ratio <= 0.5 && trials == 200 && seeds >= 10 && !only;
    printf("replay %.2f mean-rank (bar first: random %.2f, gp-ei %.2f, forest-ei %.2f, ppo %.2f; regret at %d trials %.2f of gp-ei's, <= 0.50; %d files, %d seeds) %s\n",
           rank[0], rank[1], rank[2], rank[3], rank[4], EARLY, ratio, files, seeds, ok ? "ok" : "short");
    return ok ? 0 : 1;
}
