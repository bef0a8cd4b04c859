/*
 * bench/causal.c - effects against numbers that others have published, and against worlds whose effects were planted.
 *
 *     causal [FOLDER]     FOLDER holds nsw_mixtape.csv and cps_mixtape.csv; without it that part is not measured, and the bar not held
 *
 * Published: the National Supported Work experiment (LaLonde 1986; Dehejia & Wahba 1999), regression-adjusted, with its own controls and with those
 * of the Current Population Survey.  planted: linear worlds of known effects; does the 95 % interval hold them as often as it says?
 * And confounders that an estimate does or does not adjust for: which refuters notice?
 */
#include "math/cause/cause.h"
#include "math/stats/describe.h"
#include "math/cause/logit.h"
#include "math/cause/refute.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool held = true;      /* the bar, so far */
static int  counted;          /* estimates whose coverage counts for it */

static void must(enum err e, const struct fault *f)
{
    if (!e)
        return;
    printf("causal: %s (%s)\n", f->text, err_name(e));
    exit(2);
}

/* ---- published ---- */

enum { PEOPLE_MAX = 20000, COVARIATES = 8 };
enum { TREAT, AGE, EDUC, BLACK, HISP, MARR, NODEGREE, RE74, RE75, RE78, COLUMNS };

struct people { int n; double v[COLUMNS][PEOPLE_MAX]; };

/* Rows of data_id,treat,age,...,re78; those of `arm` only, or all for -1. */
static bool read_people(struct people *p, const char *folder, const char *name, int arm)
{
    char path[4096], line[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "r");
    if (!f) {
        printf("%s: %s\n", path, strerror(errno));
        return false;
    }
    bool fine = fgets(line, sizeof line, f) != NULL;
    while (fine && p->n < PEOPLE_MAX && fgets(line, sizeof line, f)) {
        char *at = strchr(line, ',');
        for (int c = 0; c < COLUMNS && at; c++) {
            char *end;
            p->v[c][p->n] = strtod(at + 1, &end);
            fine &= end != at + 1 && (c == COLUMNS - 1 || *end == ',');
            at = end;
        }
        fine &= at != NULL;
        p->n += arm < 0 || (p->v[TREAT][p->n] > 0.5) == arm;
    }
    fclose(f);
    if (!fine)
        printf("%s: not what was expected\n", path);
    return fine;
}

static struct math_study study_of(const struct people *p, const double **x)
{
    for (int c = 0; c < COVARIATES; c++)
        x[c] = p->v[AGE + c];
    return (struct math_study){ p->n, COVARIATES, p->v[RE78], p->v[TREAT], x };
}

static void print_methods(const struct math_study *s, const char *name)
{
    struct fault f;
    for (int m = 0; m < MATH_METHODS; m++) {
        for (int estimand = MATH_ATE; estimand <= (m >= MATH_BY_MATCHING ? MATH_ATT : MATH_ATE); estimand++) {
            struct math_effect_conf conf = { .method = (enum math_method)m, .estimand = (enum math_estimand)estimand };
            struct math_effect e;
            struct arena a;
            arena_init(&a, (size_t)1 << 30);
            must(math_effect(s, &conf, &a, &e, &f), &f);
            arena_done(&a);
            printf("%-4s %-30s %-4s %-14s %9.2f  se %8.2f  [%9.2f, %9.2f]  unsupported %.3f  effective rows %.0f  %s\n", name, math_method_name(conf.method),
                   m < MATH_BY_MATCHING ? "" : estimand == MATH_ATE ? "all" : "trt", math_standing_name(e.standing), e.estimate, e.se, e.lo, e.hi, e.unsupported, e.ess, e.why);
        }
    }
}

static double adjusted(const struct math_study *s)
{
    struct math_effect_conf conf = { .method = MATH_BY_REGRESSION };
    struct math_effect e;
    struct fault f;
    struct arena a;
    arena_init(&a, (size_t)1 << 30);
    must(math_effect(s, &conf, &a, &e, &f), &f);
    arena_done(&a);
    return e.estimate;
}

static void published(const char *folder, double *nsw, double *cps)
{
    static struct people own, other;
    const double *x[COVARIATES], *y[COVARIATES];
    *nsw = *cps = (double)NAN;
    if (!folder || !read_people(&own, folder, "nsw_mixtape.csv", -1) || !read_people(&other, folder, "nsw_mixtape.csv", 1)
        || !read_people(&other, folder, "cps_mixtape.csv", 0))
        return;
    struct math_study a = study_of(&own, x), b = study_of(&other, y);
    printf("NSW %d people, CPS %d\n", own.n, other.n);
    print_methods(&a, "NSW");
    print_methods(&b, "CPS");
    *nsw = adjusted(&a);
    *cps = adjusted(&b);
}

/* ---- planted effects ---- */

enum { DRAWS = 4000, ROWS = 400 };

/* One world: a graph, what its nodes are, and the effect that was planted. A node is the sum of its parents times their weights, plus noise. */
enum { NODES = 6 };
struct world {
    const char *name, *edges;           /* "01" an edge from node 0 to node 1; x is 0, y is 1 */
    double      weight[12];             /* of each edge */
    int         n;
    uint64_t    hidden;
    bool        binary;                 /* x is drawn with the probability that its sum says */
    enum { EVEN, UNEVEN, SKEWED } noise;  /* of y: of one size, growing with x, or that and lopsided (and everything else lopsided, too) */
    double      truth;
    struct math_effect_conf conf;
    bool        counts;                 /* for the bar */
};

static const struct world worlds[] = {
    { "back door, regression, HC3",       "01 20 21 30 31 40 51", { 0.7, 0.8, 0.6, -0.5, 0.9, 0.4, 1 }, 6, 0,      false, EVEN,   0.7,  { .method = MATH_BY_REGRESSION }, true },
    { "back door, regression, HC1",       "01 20 21 30 31 40 51", { 0.7, 0.8, 0.6, -0.5, 0.9, 0.4, 1 }, 6, 0,      false, EVEN,   0.7,  { .method = MATH_BY_REGRESSION, .errors = MATH_ERRORS_HC1 }, true },
    { "the same with uneven noise",       "01 20 21 30 31 40 51", { 0.7, 0.8, 0.6, -0.5, 0.9, 0.4, 1 }, 6, 0,      false, UNEVEN, 0.7,  { .method = MATH_BY_REGRESSION }, true },
    { "the same, uneven and lopsided",    "01 20 21 30 31 40 51", { 0.7, 0.8, 0.6, -0.5, 0.9, 0.4, 1 }, 6, 0,      false, SKEWED, 0.7,  { .method = MATH_BY_REGRESSION }, false },
    { "front door",                       "02 21 30 31",          { 0.8, 0.5, 1, 1 },                   4, 1 << 3, false, EVEN,   0.4,  { .method = MATH_BY_REGRESSION }, true },
    { "front door, two mediators",        "02 03 21 31 40 41",    { 0.8, -0.5, 0.5, 0.6, 1, 1 },        5, 1 << 4, false, EVEN,   0.1,  { .method = MATH_BY_REGRESSION }, true },
    { "binary, regression",               "01 20 21 30 31",       { 0.7, 0.5, 0.6, -0.5, 0.9 },         4, 0,      true,  EVEN,   0.7,  { .method = MATH_BY_REGRESSION }, true },
    { "binary, weighting, all",           "01 20 21 30 31",       { 0.7, 0.5, 0.6, -0.5, 0.9 },         4, 0,      true,  EVEN,   0.7,  { .method = MATH_BY_WEIGHTING }, true },
    { "binary, weighting, treated",       "01 20 21 30 31",       { 0.7, 0.5, 0.6, -0.5, 0.9 },         4, 0,      true,  EVEN,   0.7,  { .method = MATH_BY_WEIGHTING, .estimand = MATH_ATT }, true },
    { "binary, doubly robust, all",       "01 20 21 30 31",       { 0.7, 0.5, 0.6, -0.5, 0.9 },         4, 0,      true,  EVEN,   0.7,  { .method = MATH_BY_DOUBLY }, true },
    { "binary, doubly robust, treated",   "01 20 21 30 31",       { 0.7, 0.5, 0.6, -0.5, 0.9 },         4, 0,      true,  EVEN,   0.7,  { .method = MATH_BY_DOUBLY, .estimand = MATH_ATT }, true },
    { "binary, matching, all",            "01 20 21 30 31",       { 0.7, 0.5, 0.6, -0.5, 0.9 },         4, 0,      true,  EVEN,   0.7,  { .method = MATH_BY_MATCHING }, true },
    { "binary, matching, treated",        "01 20 21 30 31",       { 0.7, 0.5, 0.6, -0.5, 0.9 },         4, 0,      true,  EVEN,   0.7,  { .method = MATH_BY_MATCHING, .estimand = MATH_ATT }, true },
};

static struct math_dag graph_of(const struct world *w)
{
    struct math_dag g;
    struct fault f;
    must(math_dag_init(&g, w->n, &f), &f);
    for (const char *e = w->edges; *e; e += e[2] ? 3 : 2)
        must(math_dag_edge(&g, e[0] - '0', e[1] - '0', &f), &f);
    math_dag_hide(&g, w->hidden);
    return g;
}

static void draw_world(const struct world *w, const struct math_dag *g, struct rand *r, int rows, double (*v)[ROWS])
{
    int order[MATH_NODES_MAX];
    math_dag_order(g, order);
    for (int i = 0; i < rows; i++) {
        for (int k = 0; k < w->n; k++) {
            int    node = order[k], edge = 0;
            double sum = 0;
            for (const char *e = w->edges; *e; e += e[2] ? 3 : 2, edge++)
                if (e[1] - '0' == node)
                    sum += w->weight[edge] * v[e[0] - '0'][i];
            if (node == 0 && w->binary)
                v[node][i] = rand_unit(r) < math_logistic(sum);
            else
                v[node][i] = sum + (w->noise == SKEWED ? -log(1 - rand_unit(r)) - 1 : rand_normal(r)) * (w->noise != EVEN && node == 1 ? 0.3 + fabs(v[0][i]) : 1);
        }
    }
}

static void coverage(const struct world *w, struct rand *r, double *worst)
{
    static double v[NODES][ROWS];
    struct math_dag g = graph_of(w);
    struct math_data data = { .n = ROWS };
    struct fault f;
    struct arena a;
    int covered = 0, unknown = 0;
    double bias = 0, spread = 0, se = 0;
    arena_init(&a, (size_t)64 << 20);
    for (int node = 0; node < w->n; node++)
        data.column[node] = v[node];
    for (int d = 0; d < DRAWS; d++) {
        struct math_cause c;
        draw_world(w, &g, r, ROWS, v);
        arena_reset(&a);
        must(math_cause(&g, &data, 0, 1, &w->conf, &a, &c, &f), &f);
        if (c.effect.standing != MATH_KNOWN) {
            unknown++;
            continue;
        }
        covered += c.effect.lo <= w->truth && w->truth <= c.effect.hi;
        bias += (c.effect.estimate - w->truth) / DRAWS;
        spread += (c.effect.estimate - w->truth) * (c.effect.estimate - w->truth) / DRAWS;
        se += c.effect.se / DRAWS;
    }
    arena_done(&a);
    double share = 100.0 * covered / DRAWS;
    printf("coverage %-32s %5.1f %%   bias %8.4f  true spread %.4f  mean error told %.4f  unknown %d%s\n", w->name, share, bias, sqrt(spread), se, unknown, w->counts ? "" : "   (printed only)");
    if (!w->counts)
        return;
    counted++;
    held &= share >= 93.5 && share <= 96.5;
    if (fabs(share - 95) > fabs(*worst - 95))
        *worst = share;
}

/* Ways through mediators in a row: x -> m -> l -> y, x -> y, and a common cause of all. */
static void coverage_of_ways(struct rand *r, double *worst)
{
    static const struct world w = { "", "02 23 31 01 40 42 43 41", { 0.6, 0.7, -0.5, 0.4, 0.5, 0.3, 0.5, 0.8 }, 5, 0, false, EVEN, 0, { 0 }, true };
    static double v[NODES][ROWS];
    const double truth[4] = { 0.6 * 0.7 * -0.5, 0.6 * 0.7 * -0.5, 0.4, 0.4 + 0.6 * 0.7 * -0.5 };
    static const char *const names[4] = { "product along a path", "indirect effect", "direct effect", "total effect" };
    struct math_dag g = graph_of(&w);
    struct math_data data = { .n = ROWS };
    struct math_path path = { 4, { 0, 2, 3, 1 } };
    struct math_mediation_conf conf = { .alpha = 0.05 };
    const double *mediators[2] = { v[2], v[3] }, *x[1] = { v[4] };
    struct math_chain chain = { ROWS, 2, 1, v[0], v[1], mediators, x };
    struct fault f;
    struct arena a;
    int covered[4] = { 0 };
    arena_init(&a, (size_t)64 << 20);
    for (int node = 0; node < w.n; node++)
        data.column[node] = v[node];
    for (int d = 0; d < DRAWS; d++) {
        struct math_way way;
        struct math_mediation m;
        enum math_standing standing;
        int broken;
        draw_world(&w, &g, r, ROWS, v);
        arena_reset(&a);
        must(math_cause_path(&g, &data, &path, &conf, &a, &way, &standing, &broken, &f), &f);
        must(math_mediation(&chain, &conf, &a, &m, &f), &f);
        const struct math_part *part[4] = { &way.product, &m.indirect, &m.direct, &m.total };
        for (int k = 0; k < 4; k++)
            covered[k] += standing == MATH_KNOWN && part[k]->lo <= truth[k] && truth[k] <= part[k]->hi;
    }
    arena_done(&a);
    for (int k = 0; k < 4; k++) {
        double share = 100.0 * covered[k] / DRAWS;
        printf("coverage %-32s %5.1f %%\n", names[k], share);
        counted++;
        held &= share >= 93.5 && share <= 96.5;
        if (fabs(share - 95) > fabs(*worst - 95))
            *worst = share;
    }
}

/* ---- refuters ---- */

/*
 * c acts on treatment x and outcome y, and on z, which was measured before the treatment; w acts on y alone.  An honest estimate
 * adjusts for c, a careless one does not.
 */
enum { STORIES = 200, TRIES = 100, PEOPLE = 400 };
enum quiet_or_loud { QUIET, LOUD, BLIND };      /* must not refute; must refute; cannot know, printed only */

static const struct { const char *name; bool honest; enum math_refuter kind; bool given; enum quiet_or_loud should; } trials[] = {
    { "honest estimate: placebo that follows c",    true,  MATH_PLACEBO,          false, QUIET },
    { "honest estimate: random common cause",       true,  MATH_COMMON_CAUSE,     false, QUIET },
    { "honest estimate: a column that is no cause", true,  MATH_COMMON_CAUSE,     true,  QUIET },
    { "honest estimate: subset",                    true,  MATH_SUBSET,           false, QUIET },
    { "honest estimate: negative outcome",          true,  MATH_NEGATIVE_OUTCOME, false, QUIET },
    { "careless estimate: placebo that follows c",  false, MATH_PLACEBO,          false, LOUD },
    { "careless estimate: c itself",                false, MATH_COMMON_CAUSE,     true,  LOUD },
    { "careless estimate: negative outcome",        false, MATH_NEGATIVE_OUTCOME, false, LOUD },
    { "careless estimate: random common cause",     false, MATH_COMMON_CAUSE,     false, BLIND },
    { "careless estimate: subset",                  false, MATH_SUBSET,           false, BLIND },
};
enum { TRIALS = sizeof trials / sizeof trials[0] };

static void refuters(bool binary, struct rand *r, double *falsely, double *rightly)
{
    static double y[PEOPLE], x[PEOPLE], c[PEOPLE], z[PEOPLE], w[PEOPLE];
    struct math_effect_conf how = { .method = binary ? MATH_BY_DOUBLY : MATH_BY_REGRESSION };
    struct math_estimator estimator = math_effect_estimator(&how);
    struct math_refute_conf conf = { .draws = TRIES, .rand = r };
    const double *adjust[1] = { c };
    int refuted[TRIALS] = { 0 }, known[TRIALS] = { 0 };
    struct fault f;
    struct arena a;
    arena_init(&a, (size_t)64 << 20);
    for (int story = 0; story < STORIES; story++) {
        for (int i = 0; i < PEOPLE; i++) {
            c[i] = rand_normal(r);
            w[i] = rand_normal(r);
            x[i] = binary ? rand_unit(r) < math_logistic(0.8 * c[i]) : 0.6 * c[i] + rand_normal(r);
            y[i] = 0.5 * x[i] + 0.8 * c[i] + 0.5 * w[i] + rand_normal(r);
            z[i] = 0.8 * c[i] + rand_normal(r);
        }
        for (int t = 0; t < TRIALS; t++) {
            struct math_study s = { PEOPLE, trials[t].honest ? 1 : 0, y, x, adjust };
            struct math_refutation v;
            enum err e = OK;
            arena_reset(&a);
            switch (trials[t].kind) {
            case MATH_PLACEBO:          e = math_refute_placebo(&s, adjust, 1, &estimator, &conf, &a, &v, &f); break;
            case MATH_COMMON_CAUSE:     e = math_refute_common_cause(&s, !trials[t].given ? NULL : trials[t].honest ? w : c, &estimator, &conf, &a, &v, &f); break;
            case MATH_SUBSET:           e = math_refute_subset(&s, &estimator, &conf, &a, &v, &f); break;
            case MATH_NEGATIVE_OUTCOME: e = math_refute_negative_outcome(&s, z, &estimator, &conf, &a, &v, &f); break;
            case MATH_REFUTERS:         break;
            }
            must(e, &f);
            refuted[t] += v.refuted;
            known[t] += v.standing == MATH_KNOWN;
            if (v.standing != MATH_KNOWN)
                printf("unknown  %s: %s; %s\n", trials[t].name, math_standing_name(v.standing), v.why);
        }
    }
    arena_done(&a);
    double most = 0.05 + 3 * sqrt(0.05 * 0.95 / STORIES);
    for (int t = 0; t < TRIALS; t++) {
        double share = (double)refuted[t] / STORIES;
        bool fine = trials[t].should == BLIND || (known[t] == STORIES && (trials[t].should == QUIET ? share <= most : share >= 0.95));
        printf("refuted  %-10s %-46s %5.1f %%   %s%s\n", binary ? "binary," : "real,", trials[t].name, 100 * share,
               trials[t].should == BLIND ? "(cannot see it)" : trials[t].should == QUIET ? "must be rare" : "must be the rule", fine ? "" : "   SHORT");
        held &= fine;
        if (trials[t].should == QUIET)
            *falsely = fmax(*falsely, 100 * share);
        if (trials[t].should == LOUD)
            *rightly = fmin(*rightly, 100 * share);
    }
}

int main(int argc, char **argv)
{
    double nsw, cps, worst = 95, falsely = 0, rightly = 100;
    struct rand r;
    rand_seed(&r, 20261121);
    setvbuf(stdout, NULL, _IOLBF, 0);
    published(argc > 1 ? argv[1] : NULL, &nsw, &cps);
    held &= fabs(nsw - 1676.34) < 0.005 && fabs(cps - 699.13) < 0.005;
    for (size_t i = 0; i < sizeof worlds / sizeof worlds[0]; i++)
        coverage(&worlds[i], &r, &worst);
    coverage_of_ways(&r, &worst);
    refuters(false, &r, &falsely, &rightly);
    refuters(true, &r, &falsely, &rightly);
    char lalonde[100] = "NSW and CPS not measured: no data";
    if (!isnan(nsw))
        snprintf(lalonde, sizeof lalonde, "NSW %.2f of 1676.34, CPS %.2f of 699.13", nsw, cps);
    printf("causal %.1f %%-coverage (bar 93.5..96.5, the farthest of %d estimates over %d draws each; %s; refuted falsely <= %.1f %% of 9.6 %%, planted confounders found >= %.1f %% of 95 %%) %s\n",
           worst, counted, DRAWS, lalonde, falsely, rightly, held ? "ok" : "short");
    return held ? 0 : 1;
}
