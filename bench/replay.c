/*
 * bench/replay.c - a league of tuners without a database: measured trials of configurations, a forest fitted to them as the
 * stand-in for the server, and each tuner asked 200 times.     usage: replay FILE... [--trials 200] [--seeds 10] [--first 1] [--only NAME] [-v]
 *
 * A file has a line of names, then rows: index, parameters, and the result: `tps` (more is better) or `lat` (less is better); row
 * 0 is the default configuration, which every tuner is told first.  Columns of words are choices, whole numbers whole; a range
 * over three decades or more is searched by ratios.  The forest's cross-validated R2 is printed.  A rank is that of the best found after all
 * trials, 1 being the best of a file and seed, shared by equals; regret is how much of the way from the default to the best
 * configuration known to anybody is still missing.
 */
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

enum { ROWS_MAX = MATH_FOREST_POINTS_MAX, COLUMNS_MAX = 40, LINE_MAX_BYTES = 8192, TRIALS_MAX = 1000, SEEDS_MAX = 50, FOLDS = 5, WORDS = 32, FILES_MAX = 16, EARLY = 50, DECADES = 1000 };

static int  trials = 200, seeds = 10, first_seed = 1;
static bool verbose;

static void die(const char *what) { fprintf(stderr, "replay: %s\n", what); exit(2); }
static void must(enum err e, const struct fault *fault) { if (e != OK) die(fault->text); }

/* ---- the data ---- */

struct data {
    char              name[64];
    int               columns, rows;
    double           *x, *y;                     /* [rows][columns] as models see it, larger y is better */
    double            first[COLUMNS_MAX];        /* the default, as values */
    struct math_space space;
    struct math_forest *world;
    double            r2, top;                   /* top: the best the stand-in gives anywhere we know of */
};

static int split(char *line, char **field, int most)
{
    int n = 0;
    line[strcspn(line, "\r\n")] = '\0';
    for (char *at = line; at && n < most; n++) {
        field[n] = at;
        at = strchr(at, ',');
        if (at)
            *at++ = '\0';
    }
    return n;
}

static int word_number(char words[WORDS][40], int *count, const char *word)
{
    for (int i = 0; i < *count; i++)
        if (strcmp(words[i], word) == 0)
            return i;
    if (*count == WORDS)
        die("a column with too many different words");
    (void)snprintf(words[*count], sizeof words[0], "%s", word);
    return (*count)++;
}

static void read_file(const char *path, struct data *d)
{
    char  line[LINE_MAX_BYTES], *field[COLUMNS_MAX + 2], *end;
    static char words[COLUMNS_MAX][WORDS][40];
    int   count[COLUMNS_MAX] = { 0 };
    FILE *f = fopen(path, "r");
    const char *base = strrchr(path, '/');
    memset(words, 0, sizeof words);
    *d = (struct data){ 0 };
    (void)snprintf(d->name, sizeof d->name, "%.*s", (int)strcspn(base ? base + 1 : path, "."), base ? base + 1 : path);
    if (!f || !fgets(line, sizeof line, f))
        die("a file that cannot be read");
    int fields = split(line, field, COLUMNS_MAX + 2);
    d->columns = fields - 2;
    if (d->columns < 1 || d->columns > COLUMNS_MAX)
        die("a file without parameters, or with too many");
    bool less = strcmp(field[fields - 1], "lat") == 0;
    d->x = calloc((size_t)ROWS_MAX * (size_t)d->columns, sizeof *d->x);
    d->y = calloc(ROWS_MAX, sizeof *d->y);
    if (!d->x || !d->y)
        die("no memory");
    while (d->rows < ROWS_MAX && fgets(line, sizeof line, f)) {
        if (split(line, field, COLUMNS_MAX + 2) != fields)
            continue;
        for (int j = 0; j < d->columns; j++) {
            double v = strtod(field[j + 1], &end);
            d->x[d->rows * d->columns + j] = *end || end == field[j + 1] ? word_number(words[j], &count[j], field[j + 1]) : v;
        }
        double y = strtod(field[fields - 1], &end);
        d->y[d->rows++] = less ? -log(y) : log(y);
    }
    (void)fclose(f);
    memcpy(d->first, d->x, (size_t)d->columns * sizeof *d->first);
    d->space.params = d->columns;
    for (int j = 0; j < d->columns; j++) {
        struct math_param *p = &d->space.param[j];
        double             lo = INFINITY, hi = -INFINITY, least_positive = INFINITY;
        bool               whole = true;
        for (int i = 0; i < d->rows; i++) {
            double v = d->x[i * d->columns + j];
            lo = fmin(lo, v);
            hi = fmax(hi, v);
            whole = whole && v == floor(v);
            least_positive = v > 0 ? fmin(least_positive, v) : least_positive;
        }
        if (count[j] > 0) {
            *p = (struct math_param){ .kind = MATH_PARAM_CATEGORY, .choices = count[j] };
            continue;
        }
        *p = (struct math_param){ .kind = whole && hi < 1e15 ? MATH_PARAM_INTEGER : MATH_PARAM_REAL, .lo = lo, .hi = hi, .log = lo > 0 && hi / lo >= DECADES };
        if (lo == 0 && whole && hi >= DECADES) {
            p->lo = least_positive;
            p->log = true;
            p->specials = 1;        /* special[0] is 0 */
        }
    }
    struct fault fault;
    must(math_space_init(&d->space, &fault), &fault);
}

/* ---- the stand-in ---- */

static void fit(const struct data *d, const int *rows, int n, struct math_forest **forest, uint64_t seed)
{
    double      *x = calloc((size_t)n * (size_t)d->columns, sizeof *x), *y = calloc((size_t)n, sizeof *y);
    struct rand  r;
    struct fault fault;
    if (!x || !y)
        die("no memory");
    for (int i = 0; i < n; i++) {
        math_space_columns(&d->space, d->x + (size_t)rows[i] * (size_t)d->columns, x + (size_t)i * (size_t)d->columns);
        y[i] = d->y[rows[i]];
    }
    rand_seed(&r, seed);
    must(math_forest_new(d->columns, d->space.choices_of, forest, &fault), &fault);
    must(math_forest_fit(*forest, n, x, y, &(struct math_forest_options){ .trees = 50, .leaf_min = 2 }, &r, &fault), &fault);
    free(x);
    free(y);
}

static double guess(const struct data *d, const struct math_forest *forest, const double *x)
{
    double columns[COLUMNS_MAX], mean, variance;
    math_space_columns(&d->space, x, columns);
    math_forest_predict(forest, 1, columns, &mean, &variance);
    return mean;
}

static void stand_in(struct data *d)
{
    int        *order = calloc((size_t)d->rows, sizeof *order), *in = calloc((size_t)d->rows, sizeof *in);
    struct rand r;
    double      mean = math_mean(d->y, d->rows), off = 0, all = 0;
    if (!order || !in)
        die("no memory");
    rand_seed(&r, 20);
    for (int i = 0; i < d->rows; i++)
        order[i] = i;
    for (int i = d->rows - 1; i > 0; i--) {
        int k = (int)rand_int(&r, 0, i), o = order[i];
        order[i] = order[k];
        order[k] = o;
    }
    for (int fold = 0; fold < FOLDS; fold++) {
        struct math_forest *forest;
        int                 n = 0;
        for (int i = 0; i < d->rows; i++)
            if (i % FOLDS != fold)
                in[n++] = order[i];
        fit(d, in, n, &forest, 21);
        for (int i = fold; i < d->rows; i += FOLDS) {
            double y = d->y[order[i]], g = guess(d, forest, d->x + (size_t)order[i] * (size_t)d->columns);
            off += (y - g) * (y - g);
            all += (y - mean) * (y - mean);
        }
        math_forest_free(forest);
    }
    d->r2 = 1 - off / all;
    fit(d, order, d->rows, &d->world, 22);
    d->top = -INFINITY;
    for (int i = 0; i < d->rows; i++)
        d->top = fmax(d->top, guess(d, d->world, d->x + (size_t)i * (size_t)d->columns));
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

static void play_random(struct round *o, uint64_t seed)
{
    struct rand r;
    double      u[MATH_SPACE_MAX], x[MATH_SPACE_MAX];
    rand_seed(&r, seed);
    while (o->n <= trials) {
        for (int j = 0; j < o->d->columns; j++)
            u[j] = rand_unit(&r);
        math_space_decode(&o->d->space, u, x);
        (void)try_it(o, x);
    }
}

static void play_bo(struct round *o, uint64_t seed, const struct math_bo_settings *set)
{
    struct math_bo *b;
    struct fault    fault;
    double          x[MATH_SPACE_MAX], y = o->best[0];
    must(math_bo_new(&o->d->space, set, seed, &b, &fault), &fault);
    memcpy(x, o->d->first, (size_t)o->d->columns * sizeof *x);
    for (;;) {
        must(math_bo_tell(b, &(struct math_bo_trial){ .x = x, .y = y }, &fault), &fault);
        if (o->n > trials)
            break;
        must(math_bo_ask(b, NULL, x, NULL, &fault), &fault);
        y = try_it(o, x);
    }
    math_bo_free(b);
}

static void play_gp(struct round *o, uint64_t seed)     { play_bo(o, seed, &(struct math_bo_settings){ .acquisition = MATH_BO_EI, .no_region = true, .no_warp = true, .starts = 10 }); }
static void play_forest(struct round *o, uint64_t seed) { play_bo(o, seed, &(struct math_bo_settings){ .surrogate = MATH_BO_FOREST, .acquisition = MATH_BO_EI }); }
static void play_trego(struct round *o, uint64_t seed)  { play_bo(o, seed, &(struct math_bo_settings){ 0 }); }

/* Proximal policy optimisation as CDBTune and QTune use an actor and a critic: sees where it is and how that went, moves anywhere. */
static void play_ppo(struct round *o, uint64_t seed)
{
    int    dims = o->d->columns;
    double seen[COLUMNS_MAX + 2] = { 0 }, next[COLUMNS_MAX + 2], action[COLUMNS_MAX], u[MATH_SPACE_MAX], x[MATH_SPACE_MAX], before = o->best[0];
    struct math_ppo_options set = math_ppo_usual(dims + 1, dims);
    struct math_ppo        *ppo;
    struct fault            fault;
    set.horizon = 20;
    set.batch = 10;
    set.gamma = 0.9;
    set.rate = 1e-3;
    set.seed = seed;
    must(math_ppo_new(&set, &ppo, &fault), &fault);
    must(math_space_encode(&o->d->space, o->d->first, u, &fault), &fault);
    for (int j = 0; j < dims; j++)
        seen[j] = 2 * u[j] - 1;
    while (o->n <= trials) {
        must(math_ppo_act(ppo, seen, action, &fault), &fault);
        for (int j = 0; j < dims; j++) {
            u[j] = 0.5 * (action[j] + 1);
            next[j] = action[j];
        }
        math_space_decode(&o->d->space, u, x);
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
    must(math_portfolio_new(&o->d->space, set, seed, &p, &fault), &fault);
    memcpy(x, o->d->first, (size_t)o->d->columns * sizeof *x);
    for (;;) {
        must(math_portfolio_tell(p, &(struct math_bo_trial){ .x = x, .y = y }, why.who, &fault), &fault);
        if (o->n > trials)
            break;
        must(math_portfolio_ask(p, NULL, x, &why, &fault), &fault);
        double before = o->best[o->n - 1];
        y = try_it(o, x);
        asked[why.who]++;
        won[why.who] += y > before;
    }
    if (verbose) {
        printf("  %s seed %d:", o->d->name, (int)seed);
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
        else if (files < FILES_MAX)
            file[files++] = argv[i];
    }
    if (files < 1 || trials < EARLY || trials > TRIALS_MAX - 1 || seeds < 1 || seeds > SEEDS_MAX)
        die("usage: replay FILE... [--trials 200] [--seeds 10] [--first 1] [--only TUNER] [-v]");
    for (int k = 0; k < files; k++) {
        static struct data d;
        read_file(file[k], &d);
        stand_in(&d);
        printf("%s: %d rows, %d parameters, the stand-in's cross-validated R2 is %.3f\n", d.name, d.rows, d.columns, d.r2);
        double start = guess(&d, d.world, d.first);
        for (int t = 0; t < TUNERS; t++)
            for (int s = 0; s < seeds && (!only || strcmp(only, tuners[t].name) == 0); s++) {
                struct round *o = &rounds[t][s];
                *o = (struct round){ .d = &d };
                (void)try_it(o, d.first);
                tuners[t].play(o, (uint64_t)(first_seed + s));
                d.top = fmax(d.top, o->best[trials]);
            }
        for (int t = 0; t < TUNERS; t++) {
            double ranks = 0, at_early = 0, at_end = 0;
            for (int s = 0; s < seeds; s++) {
                ranks += rank_of(t, s) / seeds;
                at_early += (d.top - rounds[t][s].best[EARLY]) / (d.top - start) / seeds;
                at_end += (d.top - rounds[t][s].best[trials]) / (d.top - start) / seeds;
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
        free(d.x);
        free(d.y);
    }
    bool first = true;
    for (int t = 1; t < TUNERS; t++)
        first = first && (tuners[t].shown_only || rank[0] < rank[t]);
    double ratio = early[0] / early[2];
    bool   ok = first && ratio <= 0.5 && trials == 200 && seeds >= 10 && !only;
    printf("replay %.2f mean-rank (bar first: random %.2f, gp-ei %.2f, forest-ei %.2f, ppo %.2f; regret at %d trials %.2f of gp-ei's, <= 0.50; %d files, %d seeds) %s\n",
           rank[0], rank[1], rank[2], rank[3], rank[4], EARLY, ratio, files, seeds, ok ? "ok" : "short");
    return ok ? 0 : 1;
}
