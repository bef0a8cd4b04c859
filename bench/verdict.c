/*
 * bench/verdict.c - does the verifier keep its promise, and how long does it take to be sure?
 *
 *     verdict [REPLAYS] [SEED]      2 000 replays of each kind
 *
 * The verdict itself is asked (verify/trial_judge.c), not a copy of its formulas: windows of both arms are put into a trial block by
 * block, and it may look after each.  Windows come from processes that are easy and hard for such a test.  Without an effect, "better"
 * may be said in alpha / 2 of the replays, however often one looks; with one, the median of the blocks it takes is compared with what
 * the method takes at best, on Gaussian data of known spread (Robbins' mixture, alpha 0.05: 11, 30 and 111 for effects of 1, 0.5
 * and 0.25 standard deviations of a difference).
 */
#include "base/rand.h"
#include "math/stats/describe.h"
#include "math/stats/sequential.h"
#include "verify/trial_state.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const double alpha = 0.05;
static const double near_ratio = 1.5, near_blocks = 2;    /* a median is near when it is at most so much above what is possible at best */

enum { SECONDS = 32, BURN = 200, NEVER = 9999 };

/* ---- where windows come from; each with a difference between the arms of standard deviation 1 ---- */

struct source { struct rand r; double ar; };

static double t3(struct rand *r)
{
    double a = rand_normal(r), b = rand_normal(r), c = rand_normal(r);
    return rand_normal(r) / sqrt(a * a + b * b + c * c);    /* variance 1 */
}

static double ar_mean(struct source *s, int seconds)
{
    double sum = 0;
    for (int i = 0; i < seconds; i++)
        sum += s->ar = 0.6 * s->ar + rand_normal(&s->r);
    return sum / seconds;
}

static void gauss(struct source *s, double *first, double *second)
{
    *first = M_SQRT1_2 * rand_normal(&s->r);
    *second = M_SQRT1_2 * rand_normal(&s->r);
}

static void heavy(struct source *s, double *first, double *second)
{
    *first = M_SQRT1_2 * t3(&s->r);
    *second = M_SQRT1_2 * t3(&s->r);
}

static void lognormal(struct source *s, double *first, double *second)
{
    double scale = sqrt(2 * (exp(1) - 1) * exp(1));
    *first = exp(rand_normal(&s->r)) / scale;
    *second = exp(rand_normal(&s->r)) / scale;
}

/* Seconds that resemble their neighbours, in windows of SECONDS one after the other. */
static void ar_windows(struct source *s, double *first, double *second)
{
    /* Variance of a difference of neighbouring means of 32: from the autocovariances 0.6^k / 0.64. */
    static const double scale = 0.59690;
    *first = ar_mean(s, SECONDS) / scale;
    *second = ar_mean(s, SECONDS) / scale;
}

/* Windows that resemble their neighbours: too short, or a database that drifts. */
static void ar_raw_windows(struct source *s, double *first, double *second)
{
    double scale = sqrt(2 * (1 - 0.6) / 0.64);
    *first = ar_mean(s, 1) / scale;
    *second = ar_mean(s, 1) / scale;
}

/* An effect that itself comes and goes from second to second, seen in batches of SECONDS. */
static void ar_differences(struct source *s, double *first, double *second)
{
    static const double scale = 0.42880;
    *first = 0;
    *second = ar_mean(s, SECONDS) / scale;
}

static void ar_raw_differences(struct source *s, double *first, double *second)
{
    *first = 0;
    *second = ar_mean(s, 1) * 0.8;
}

static const struct kind {
    const char *name;
    void      (*block)(struct source *s, double *first, double *second);
    bool        ordered;     /* the difference keeps its sign whoever goes first: the coin does not help */
    bool        counts;      /* for the bar */
} kinds[] = {
    { "iid Gaussian",                          gauss,              false, true },
    { "iid t3",                                heavy,              false, true },
    { "lognormal",                             lognormal,          false, true },
    { "AR(0.6) seconds, windows of 32",        ar_windows,         false, true },
    { "AR(0.6) differences, batches of 32",    ar_differences,     true,  true },
    { "AR(0.6) windows",                       ar_raw_windows,     false, true },
    { "AR(0.6) differences, not batched",      ar_raw_differences, true,  false },
};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

/* ---- one replay ---- */

struct replay { enum outcome outcome; int blocks; bool ever_better; };

static struct trial_conf conf_of(int windows_min, int windows_max, uint64_t seed)
{
    return (struct trial_conf){
        .method = VERIFY_IMMEDIATE, .window_us = SECONDS * INT64_C(1000000), .windows_min = windows_min, .windows_max = windows_max, .alpha = alpha, .margin = 0,
        .p99_ratio_max = 1.25, .query_ratio_max = 1.5, .errors_ratio_max = 1.5, .cpu_max = 0.95, .memory_ratio_max = 0.9, .saturating = true, .seed = seed,
    };
}

static struct trial_obs window_of(int arm, int block, double response)
{
    const double unknown = (double)NAN;
    return (struct trial_obs){
        .arm = arm, .block = block, .seconds = SECONDS, .response = response, .level = unknown, .tps = unknown, .p99 = unknown, .fails = unknown, .tries = unknown,
        .cpu = unknown, .memory = unknown, .disk_free = unknown, .recovery_wal = unknown, .checkpoints = -1,
    };
}

/*
 * Plays until the verdict.  to_the_end: goes on when the trial would give up for lack of hope, with the same estimate, as if nobody
 * ever gave up; ever_better tells whether any look said better.
 */
static struct replay play(const struct kind *k, double effect, int windows_min, int windows_max, bool to_the_end, struct rand *seeds)
{
    struct source s = { .ar = 0 };
    struct fault fault;
    struct trial *t;
    struct trial_conf conf = conf_of(windows_min, windows_max, rand_u64(seeds));
    struct replay out = { OUTCOME_UNDECIDED, 0, false };
    double d[TRIAL_WINDOWS_MAX];
    rand_seed(&s.r, rand_u64(seeds));
    (void)ar_mean(&s, BURN);
    if (trial_new(&conf, NULL, 0, &t, &fault)) {
        printf("verdict: %s\n", fault.text);
        exit(2);
    }
    t->arm = ARM_CANDIDATE;
    t->phase = PHASE_WINDOW;
    for (int block = 0; block < windows_max && (to_the_end || t->phase == PHASE_WINDOW); block++) {
        double first, second;
        k->block(&s, &first, &second);
        bool candidate_first = !k->ordered && switchback_candidate_first(conf.seed, block);
        double a = candidate_first ? second : first, b = (candidate_first ? first : second) + effect;
        d[block] = b - a;
        if (t->phase == PHASE_WINDOW) {
            t->obs[t->obses++] = window_of(ARM_INCUMBENT, block, a);
            t->obs[t->obses++] = window_of(ARM_CANDIDATE, block, b);
            t->block = block;
            trial_judge(t);
            out.blocks = block + 1;
        }
        if (to_the_end && t->phase != PHASE_WINDOW && !out.ever_better && block + 1 >= windows_min) {
            struct switchback_conf sc = { windows_min, windows_max, alpha, 0 };
            struct estimate e = switchback_estimate(d, block + 1, &sc);
            out.ever_better = (e.known && e.lo > 0) || e.signs_better;
        }
    }
    struct verdict v;
    trial_verdict(t, &v);
    out.outcome = v.outcome;
    out.ever_better |= v.outcome == OUTCOME_BETTER;
    trial_free(t);
    return out;
}

/* ---- nothing there ---- */

struct tally { int n, outcome[4], ever; };

static struct tally without_effect(const struct kind *k, int replays, int windows_min, int windows_max, struct rand *seeds)
{
    struct tally t = { .n = replays };
    for (int i = 0; i < replays; i++) {
        struct replay r = play(k, 0, windows_min, windows_max, true, seeds);
        t.outcome[r.outcome]++;
        t.ever += r.ever_better;
    }
    return t;
}

/* ---- something there ---- */

struct stops { double median, p90, decided; int wrong; };

static struct stops with_effect(const struct kind *k, double effect, int replays, int windows_min, struct rand *seeds)
{
    struct stops out = { 0 };
    double *blocks = malloc((size_t)replays * sizeof *blocks), *scratch = malloc((size_t)replays * sizeof *scratch);
    if (!blocks || !scratch)
        exit(2);
    for (int i = 0; i < replays; i++) {
        struct replay r = play(k, effect, windows_min, TRIAL_WINDOWS_MAX, false, seeds);
        blocks[i] = r.outcome == OUTCOME_BETTER ? r.blocks : NEVER;
        out.decided += r.outcome == OUTCOME_BETTER;
        out.wrong += r.outcome == OUTCOME_WORSE;
    }
    out.median = math_median(blocks, replays, scratch);
    out.p90 = math_quantile(blocks, replays, 0.9, scratch);
    out.decided /= replays;
    free(blocks);
    free(scratch);
    return out;
}

/* What the formula alone takes with the spread known: the reference itself, measured again. */
static double at_best(double effect, int replays, struct rand *r)
{
    double *blocks = malloc((size_t)replays * sizeof *blocks), *scratch = malloc((size_t)replays * sizeof *scratch), rho2 = math_cs_normal_rho2(50, alpha);
    if (!blocks || !scratch)
        exit(2);
    for (int i = 0; i < replays; i++) {
        double sum = 0;
        int    n = 0;
        do
            sum += effect + rand_normal(r);
        while (++n < 2000 && sum / n <= math_cs_normal(n, 1, rho2, alpha));
        blocks[i] = n;
    }
    double median = math_median(blocks, replays, scratch);
    free(blocks);
    free(scratch);
    return median;
}

int main(int argc, char **argv)
{
    static const struct { double effect, median; } effects[] = { { 1, 11 }, { 0.5, 30 }, { 0.25, 111 } };
    enum { WINDOWS_MIN = 6, USUAL_MAX = 40 };
    int replays = argc > 1 ? atoi(argv[1]) : 2000;
    struct rand seeds;
    rand_seed(&seeds, argc > 2 ? strtoull(argv[2], NULL, 10) : 20261122);
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (replays < 100)
        return fprintf(stderr, "verdict: 100 replays at least\n"), 2;

    double half = alpha / 2, bar = half + 3 * sqrt(half * (1 - half) / replays), worst = 0;
    bool held = true;
    for (int k = 0; k < KINDS; k++) {
        for (int most = USUAL_MAX; most <= TRIAL_WINDOWS_MAX; most += TRIAL_WINDOWS_MAX - USUAL_MAX) {
            struct tally t = without_effect(&kinds[k], replays, WINDOWS_MIN, most, &seeds);
            double better = (double)t.outcome[OUTCOME_BETTER] / t.n, ever = (double)t.ever / t.n;
            printf("nothing   %-36s up to %3d blocks   better %.4f   worse %.4f   undecided %.4f   better if nobody gave up %.4f%s\n", kinds[k].name, most, better,
                   (double)t.outcome[OUTCOME_WORSE] / t.n, (double)t.outcome[OUTCOME_UNDECIDED] / t.n, ever, kinds[k].counts ? "" : "   (printed only)");
            if (kinds[k].counts)
                worst = fmax(worst, fmax(better, ever));
        }
    }
    held &= worst <= bar;
    char medians[200];
    int  used = 0;
    for (size_t i = 0; i < sizeof effects / sizeof effects[0]; i++) {
        double best = at_best(effects[i].effect, replays, &seeds);
        printf("planted   %.2f sd: the formula alone, spread known: median %.0f (published %.0f)\n", effects[i].effect, best, effects[i].median);
        held &= fabs(best - effects[i].median) <= 0.1 * effects[i].median + 1;
        for (int k = 0; k < KINDS; k++) {
            struct stops s = with_effect(&kinds[k], effects[i].effect, replays / 4, WINDOWS_MIN, &seeds);
            printf("planted   %.2f sd, %-36s median %4.0f   90 %% by %4.0f   found %.3f   called worse %d\n", effects[i].effect, kinds[k].name, s.median, s.p90, s.decided, s.wrong);
            if (k > 0)
                continue;
            held &= s.median <= near_ratio * effects[i].median + near_blocks;
            used += snprintf(medians + used, sizeof medians - (size_t)used, "%s%.0f of %.0f", used ? ", " : "", s.median, effects[i].median);
        }
    }
    printf("verdict %.4f false-better (bar <= %.4f in the worst of %d kinds of data, %d replays each, looked at after every block; median blocks to be sure of 1, 0.5, 0.25 sd: %s at best, <= 1.5 x) %s\n",
           worst, bar, KINDS - 1, replays, medians, held ? "ok" : "short");
    return held ? 0 : 1;
}
