/* math/search/safe.c */
#include "math/search/safe.h"

#include "math/search/gp.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PLACES = 1200, ANCHORS = 6, FIT_EVALUATIONS = 40, FIT_FROM = 6 };
#define SCALE_FIRST 0.35     /* length scale that is believed before data, for each feature */
#define SCALE_MOST  1.5      /* and never more than this: nothing is known to be flat for ever */

struct math_safe {
    struct math_space         space;
    struct math_safe_settings set;
    uint64_t                  seed;
    int                       n, room, believed;                     /* believed: trials that the model knows */
    double                   *x, *cube, *features, *y, *noise;      /* rows of the trials */
    bool                     *failed;
    struct math_gp           *gp;
};

static double or_usual(double v, double usual) { return v > 0 ? v : usual; }

enum err math_safe_new(const struct math_space *space, const struct math_safe_settings *settings, uint64_t seed, struct math_safe **out, struct fault *fault)
{
    struct math_safe *s = calloc(1, sizeof *s);
    *out = NULL;
    if (!s)
        return fail(fault, ERR_LIMIT, "no memory for a safe search");
    struct math_safe_settings set = settings ? *settings : (struct math_safe_settings){ 0 };
    s->space = *space;
    s->seed = seed;
    s->set = (struct math_safe_settings){ or_usual(set.margin, 0.05), or_usual(set.beta, 2.5), or_usual(set.kappa, 2), or_usual(set.step, 0.15), or_usual(set.spread, 0.3) };
    enum err e = math_space_init(&s->space, fault);
    if (e == OK)
        e = math_gp_new(s->space.features, s->space.scale_of, &s->gp, fault);
    if (e != OK) {
        math_safe_free(s);
        return e;
    }
    *out = s;
    return OK;
}

void math_safe_free(struct math_safe *s)
{
    if (!s)
        return;
    math_gp_free(s->gp);
    free(s->x);
    free(s->cube);
    free(s->features);
    free(s->y);
    free(s->noise);
    free(s->failed);
    free(s);
}

/* ---- telling ---- */

static bool grow(void *array, size_t size)
{
    void *more = realloc(*(void **)array, size);
    if (more)
        *(void **)array = more;
    return more != NULL;
}

static enum err make_room(struct math_safe *s, struct fault *fault)
{
    if (s->n < s->room)
        return OK;
    size_t room = s->room ? 2 * (size_t)s->room : 32, params = (size_t)s->space.params, features = (size_t)s->space.features, d = sizeof(double);
    if (s->n >= MATH_BO_TRIALS_MAX)
        return fail(fault, ERR_LIMIT, "a safe search keeps %d trials", MATH_BO_TRIALS_MAX);
    if (!grow(&s->x, room * params * d) || !grow(&s->cube, room * params * d) || !grow(&s->features, room * features * d) || !grow(&s->y, room * d) ||
        !grow(&s->noise, room * d) || !grow(&s->failed, room * sizeof(bool)))
        return fail(fault, ERR_LIMIT, "no memory for %zu trials", room);
    s->room = (int)room;
    return OK;
}

enum err math_safe_tell(struct math_safe *s, const struct math_bo_trial *t, struct fault *fault)
{
    double   u[MATH_SPACE_MAX];
    enum err e = math_space_encode(&s->space, t->x, u, fault);
    if (e == OK && !t->failed && !isfinite(t->y))
        e = fail(fault, ERR_INPUT, "a result that is not a finite number: a trial without one has failed");
    if (e == OK && !(t->noise_sd >= 0 && isfinite(t->noise_sd)))
        e = fail(fault, ERR_INPUT, "the noise of a result is not a standard deviation");
    if (e == OK && s->n == 0 && t->failed)
        e = fail(fault, ERR_INPUT, "the first trial is the reference and cannot have failed");
    if (e == OK)
        e = make_room(s, fault);
    if (e != OK)
        return e;
    size_t i = (size_t)s->n, params = (size_t)s->space.params;
    memcpy(s->x + i * params, t->x, params * sizeof *s->x);
    memcpy(s->cube + i * params, u, params * sizeof *s->cube);
    math_space_features(&s->space, t->x, s->features + i * (size_t)s->space.features);
    s->y[i] = t->failed ? 0 : t->y;
    s->noise[i] = t->noise_sd;
    s->failed[i] = t->failed;
    s->n++;
    return OK;
}

/* ---- what is believed ---- */

static double worst(const struct math_safe *s)
{
    double least = INFINITY;
    for (int i = 0; i < s->n; i++)
        least = s->failed[i] ? least : fmin(least, s->y[i]);
    return least;
}

/* In units of the believed spread, around the reference. Failed: as bad as the worst, and a spread more. */
static enum err believe(struct math_safe *s, struct fault *fault)
{
    if (s->believed == s->n)
        return OK;
    size_t  n = (size_t)s->n;
    double *y = calloc(2 * n, sizeof *y), *known = y + n, bad = worst(s) - s->set.spread;
    if (!y)
        return fail(fault, ERR_LIMIT, "no memory for %zu trials", n);
    for (size_t i = 0; i < n; i++) {
        y[i] = ((s->failed[i] ? bad : s->y[i]) - s->y[0]) / s->set.spread;
        known[i] = s->noise[i] * s->noise[i] / (s->set.spread * s->set.spread);
    }
    struct math_gp_prior prior = math_gp_prior_usual(s->gp->scales);
    prior.scale = (struct math_gp_belief){ log(SCALE_FIRST), 0.7, 0.05, SCALE_MOST };
    prior.noise = (struct math_gp_belief){ log(3e-3), 1, 1e-4, 1 };
    prior.signal = (struct math_gp_belief){ 0, 0.7, 0.1, 30 };
    struct math_gp_hyper hyper = { .noise = exp(prior.noise.mean), .signal = 1 };
    for (int k = 0; k < s->gp->scales; k++)
        hyper.scale[k] = SCALE_FIRST;
    math_gp_give_mean(s->gp, 0);
    struct rand r;
    rand_seed(&r, s->seed ^ 0x5afe);
    enum err e = s->n < FIT_FROM ? math_gp_data(s->gp, s->n, s->features, y, known, fault)
                                 : math_gp_learn(s->gp, s->n, s->features, y, known, &prior, FIT_EVALUATIONS, &r, fault);
    if (e == OK && s->n < FIT_FROM)
        e = math_gp_set(s->gp, &hyper, fault);
    free(y);
    s->believed = e == OK ? s->n : 0;
    return e;
}

/* Mean and standard deviation, in units of y. */
static void look(const struct math_safe *s, const double *features, double *scratch, double *mean, double *sd)
{
    double variance;
    math_gp_predict(s->gp, 1, features, mean, &variance, scratch);
    *mean = s->y[0] + s->set.spread * *mean;
    *sd = s->set.spread * sqrt(variance);
}

/* ---- asking ---- */

struct ranked { double mean; int trial; };

static int by_mean(const void *one, const void *other)
{
    const struct ranked *a = one, *b = other;
    return a->mean > b->mean ? -1 : a->mean < b->mean ? 1 : a->trial - b->trial;
}

/* Trials that turned out good, the best first; how many. */
static int good_trials(const struct math_safe *s, double reference, double *scratch, struct ranked *order)
{
    int n = 0;
    for (int i = 0; i < s->n; i++) {
        double mean, sd;
        look(s, s->features + (size_t)i * (size_t)s->space.features, scratch, &mean, &sd);
        if (!s->failed[i] && (i == 0 || mean >= reference - s->set.margin))
            order[n++] = (struct ranked){ mean, i };
    }
    qsort(order, (size_t)n, sizeof *order, by_mean);
    return n;
}

/* The largest move of a coordinate: a step, and where there are few levels what leads to the next one. */
static double step_of(const struct math_safe *s, int d)
{
    int levels = math_space_levels(&s->space, d);
    return levels > 1 ? fmax(s->set.step, 1.0 / levels) : s->set.step;
}

/* Near the anchor: one to three coordinates moved by at most a step; choices and special values by whatever they are. */
static void move_a_little(const struct math_safe *s, const double *anchor, struct rand *r, double *u)
{
    memcpy(u, anchor, (size_t)s->space.params * sizeof *u);
    int moves = 1 + (int)rand_int(r, 0, 2);
    for (int k = 0; k < moves; k++) {
        int d = (int)rand_int(r, 0, s->space.params - 1);
        if (s->space.param[d].context)
            continue;
        if (s->space.param[d].kind == MATH_PARAM_CATEGORY)
            u[d] = rand_unit(r);
        else
            u[d] = fmin(fmax(anchor[d] + step_of(s, d) * (2 * rand_unit(r) - 1), 0), 1);
    }
}

static bool tried(const struct math_safe *s, const double *x)
{
    for (int i = 0; i < s->n; i++)
        if (math_space_same(&s->space, x, s->x + (size_t)i * (size_t)s->space.params))
            return true;
    return false;
}

enum err math_safe_ask(struct math_safe *s, double *x, struct math_safe_reason *why, struct fault *fault)
{
    if (s->n == 0)
        return fail(fault, ERR_MISSING, "a safe search begins with what is in force, and that was not told");
    enum err e = believe(s, fault);
    if (e != OK)
        return e;
    double        *scratch = calloc((size_t)s->n, sizeof *scratch), features[MATH_GP_FEATURES_MAX], most = -INFINITY, sd;
    struct ranked *order = calloc((size_t)s->n, sizeof *order);
    struct math_safe_reason reason = { .trial = s->n, .again = true };
    if (!scratch || !order) {
        free(scratch);
        free(order);
        return fail(fault, ERR_LIMIT, "no memory for %d trials", s->n);
    }
    struct rand r;
    rand_seed(&r, s->seed ^ ((uint64_t)s->n * UINT64_C(0x9e3779b97f4a7c15)));
    look(s, s->features, scratch, &reason.reference, &sd);
    int good = good_trials(s, reason.reference, scratch, order);
    memcpy(x, s->x + (size_t)order[0].trial * (size_t)s->space.params, (size_t)s->space.params * sizeof *x);
    look(s, s->features + (size_t)order[0].trial * (size_t)s->space.features, scratch, &reason.mean, &sd);
    reason.lower = reason.mean - s->set.beta * sd;
    reason.upper = reason.mean + s->set.kappa * sd;
    for (int i = 0; i < PLACES; i++) {
        double u[MATH_SPACE_MAX], place[MATH_SPACE_MAX], mean;
        int    at = i % 2 ? (int)rand_int(&r, 0, good - 1) : (int)rand_int(&r, 0, good < ANCHORS ? good - 1 : ANCHORS - 1);
        size_t row = (size_t)order[at].trial * (size_t)s->space.params;
        move_a_little(s, s->cube + row, &r, u);
        math_space_decode_given(&s->space, u, s->x + row, place);
        math_space_features(&s->space, place, features);
        look(s, features, scratch, &mean, &sd);
        reason.looked++;
        if (mean - s->set.beta * sd < reason.reference - s->set.margin || tried(s, place))
            continue;
        reason.safe++;
        if (mean + s->set.kappa * sd > most) {
            most = mean + s->set.kappa * sd;
            reason.mean = mean;
            reason.lower = mean - s->set.beta * sd;
            reason.upper = most;
            reason.again = false;
            memcpy(x, place, (size_t)s->space.params * sizeof *x);
        }
    }
    free(scratch);
    free(order);
    if (why)
        *why = reason;
    return OK;
}

enum err math_safe_judge(struct math_safe *s, const double *x, struct math_safe_reason *why, struct fault *fault)
{
    if (s->n == 0)
        return fail(fault, ERR_MISSING, "a safe search begins with what is in force, and that was not told");
    double   u[MATH_SPACE_MAX], features[MATH_GP_FEATURES_MAX], sd;
    enum err e = math_space_encode(&s->space, x, u, fault);
    if (e == OK)
        e = believe(s, fault);
    if (e != OK)
        return e;
    double *scratch = calloc((size_t)s->n, sizeof *scratch);
    if (!scratch)
        return fail(fault, ERR_LIMIT, "no memory for %d trials", s->n);
    *why = (struct math_safe_reason){ .trial = s->n, .looked = 1 };
    look(s, s->features, scratch, &why->reference, &sd);
    math_space_features(&s->space, x, features);
    look(s, features, scratch, &why->mean, &sd);
    why->lower = why->mean - s->set.beta * sd;
    why->upper = why->mean + s->set.kappa * sd;
    why->safe = why->lower >= why->reference - s->set.margin;
    free(scratch);
    return OK;
}

enum err math_safe_best(struct math_safe *s, double *x, double *mean, struct fault *fault)
{
    if (s->n == 0)
        return fail(fault, ERR_MISSING, "nothing was told");
    enum err e = believe(s, fault);
    if (e != OK)
        return e;
    double        *scratch = calloc((size_t)s->n, sizeof *scratch);
    struct ranked *order = calloc((size_t)s->n, sizeof *order);
    if (!scratch || !order) {
        free(scratch);
        free(order);
        return fail(fault, ERR_LIMIT, "no memory for %d trials", s->n);
    }
    (void)good_trials(s, s->y[0], scratch, order);
    memcpy(x, s->x + (size_t)order[0].trial * (size_t)s->space.params, (size_t)s->space.params * sizeof *x);
    *mean = order[0].mean;
    free(scratch);
    free(order);
    return OK;
}
