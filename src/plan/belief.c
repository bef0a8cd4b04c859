/* plan/belief.c */
#include "plan/belief.h"

#include "base/rand.h"
#include "math/search/gp.h"
#include "math/stats/special.h"
#include "plan/lesson.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define EFFECT_SD      0.04     /* standard deviation of a verdict's effect when nothing better is known, in log units */
#define UNDECIDED_SD   0.12     /* of one that could not be told from noise */
#define EQUIVALENT_SD  0.015    /* of one that was proven to be small */
#define SD_MIN         0.005    /* nothing on a live server is surer, or worth less, than this */
#define SD_MAX         0.5
#define ONE_SIDED_95   1.645
#define CONTEXT_SPREAD 0.25     /* a feature whose coordinates differed by less says nothing */

/* ---- the space ---- */

/* Its range here; false: it cannot be varied at all, or does not show within a case, which teaches nothing. */
static bool has_range(const struct scene *s, const struct knob *k, double *lo, double *hi)
{
    const struct knob_limit   *limit = &s->view->bounds->knob[k->id];
    const struct target_facts *f = s->view->facts;
    *lo = *hi = (double)NAN;
    if (!(k->flags & KNOB_TUNED) || !scene_is_settable(s, k) || k->verify == VERIFY_SLOW)
        return false;
    if (k->choice[0].name)
        return true;
    if (knob_range(k, f, lo, hi, NULL) != OK)
        return false;
    *lo = isnan(limit->lo) ? *lo : fmax(*lo, limit->lo);
    *hi = isnan(limit->hi) ? *hi : fmin(*hi, limit->hi);
    return *hi > *lo;
}

static struct math_param param_of(const struct knob *k, double lo, double hi)
{
    struct math_param p = { .kind = k->type == KNOB_TYPE_REAL ? MATH_PARAM_REAL : MATH_PARAM_INTEGER, .lo = lo, .hi = hi, .log = lo > 0 && hi / lo >= 8 };
    if (k->choice[0].name) {
        p = (struct math_param){ .kind = MATH_PARAM_CATEGORY };
        while (p.choices < KNOB_CHOICES_MAX && k->choice[p.choices].name)
            p.choices++;
    }
    for (int i = 0; i < KNOB_SPECIALS_MAX && k->special[i].means; i++)
        p.special[p.specials++] = k->special[i].value;
    return p;
}

static bool differed(const struct scene *s, const struct story *story, const struct knob *k)
{
    for (int i = 0; i < story->n; i++)
        if (!knob_equal(k, story->trial[i].tried.value[k->id], s->now.value[k->id]))
            return true;
    return false;
}

static void add_knobs(const struct scene *s, const struct story *story, bool restarts, bool given, struct belief *b)
{
    for (int id = 1; id < KNOB_COUNT; id++) {
        const struct knob *k = knob_at((enum knob_id)id);
        double             lo, hi;
        bool               held = knob_needs_restart(k, s->view->facts) && !restarts;
        if (held != given || !has_range(s, k, &lo, &hi) || (given && !differed(s, story, k)))
            continue;
        b->id[b->knobs] = k->id;
        b->space.param[b->knobs] = param_of(k, lo, hi);
        b->space.param[b->knobs++].context = given;
        b->given += given;
    }
}

/* Where outcome i lies on the scale of one feature. What was told under this workload lies where we are, and so does what is not known. */
static double coordinate(const struct scene *s, int i, enum workload_feature f)
{
    double v = s->told[i].workload.v[f];
    return workload_coordinate(f, isnan(v) || !s->elsewhere[i] ? s->workload.v[f] : v);
}

static void add_features(const struct scene *s, struct belief *b)
{
    double lo[WORKLOAD_COUNT], hi[WORKLOAD_COUNT];
    for (int f = 0; f < WORKLOAD_COUNT; f++) {
        lo[f] = hi[f] = workload_coordinate((enum workload_feature)f, s->workload.v[f]);
        for (int i = 0; i < s->tolds && !isnan(lo[f]); i++) {
            double c = coordinate(s, i, (enum workload_feature)f);
            lo[f] = fmin(lo[f], c);
            hi[f] = fmax(hi[f], c);
        }
    }
    while (b->features < BELIEF_CONTEXTS_MAX) {
        int    most = -1;
        double weight = 0;
        for (int f = 0; f < WORKLOAD_COUNT; f++) {
            double w = sqrt(workload_info[f].weight) * (hi[f] - lo[f]);
            if (hi[f] - lo[f] >= CONTEXT_SPREAD && w > weight) {
                weight = w;
                most = f;
            }
        }
        if (most < 0)
            return;
        b->space.param[b->knobs + b->features] = (struct math_param){ .kind = MATH_PARAM_REAL, .lo = lo[most], .hi = fmax(hi[most], lo[most] + 1), .context = true };
        b->feature[b->features++] = (enum workload_feature)most;
        lo[most] = hi[most] = 0;
    }
}

void belief_point(const struct belief *b, const struct knob_state *state, double *x)
{
    memmove(x, b->now, (size_t)b->space.params * sizeof *x);
    for (int i = 0; i < b->knobs; i++)
        x[i] = state->value[b->id[i]];
}

/* ---- the models ---- */

/* Which way proposed it: "learned/gp" and so on. */
static enum math_search way_of(const char *planner)
{
    for (int i = 0; i < MATH_SEARCH_COUNT; i++) {
        const char *slash = strchr(planner, '/');
        if (slash && strncmp(planner, "learned", 7) == 0 && strcmp(slash + 1, math_search_name((enum math_search)i)) == 0)
            return (enum math_search)i;
    }
    return MATH_SEARCH_OTHER;
}

static double noise_of(const struct planner_told *t)
{
    if (t->sd > 0 && isfinite(t->sd))
        return fmin(fmax(t->sd, SD_MIN), SD_MAX);
    return t->told == TOLD_UNDECIDED ? UNDECIDED_SD : t->told == TOLD_EQUIVALENT ? EQUIVALENT_SD : EFFECT_SD;
}

static enum err teach_one(struct belief *b, const struct math_bo_trial *t, enum math_search who, struct fault *fault)
{
    enum err e = math_portfolio_tell(b->portfolio, t, who, fault);
    if (e == OK)
        e = math_safe_tell(b->judge, t, fault);
    if (e != OK || t->failed)
        return e;
    memcpy(b->x + (size_t)b->results * (size_t)b->space.params, t->x, (size_t)b->space.params * sizeof *b->x);
    b->y[b->results] = t->y;
    b->sd[b->results++] = t->noise_sd;
    return OK;
}

static enum err teach(const struct scene *s, const struct story *story, struct belief *b, struct fault *fault)
{
    double   x[MATH_SPACE_MAX];
    enum err e = teach_one(b, &(struct math_bo_trial){ .x = b->now, .y = 0, .noise_sd = EFFECT_SD / 2 }, MATH_SEARCH_OTHER, fault);
    for (int i = 0; i < story->n && e == OK; i++) {
        const struct story_trial *t = &story->trial[i];
        bool                      failed = lesson_failed(t->told->told, t->told->effect);
        if (t->told->told == TOLD_REFUSED || (!failed && isnan(t->y)))
            continue;
        belief_point(b, &t->tried, x);
        for (int f = 0; f < b->features; f++)
            x[b->knobs + f] = coordinate(s, i, b->feature[f]);
        e = teach_one(b, &(struct math_bo_trial){ .x = x, .y = failed ? 0 : t->y, .noise_sd = noise_of(t->told), .failed = failed }, way_of(t->told->proposal.planner), fault);
        b->known++;
    }
    return e;
}

static enum err make_room(struct belief *b, int trials, struct fault *fault)
{
    size_t rows = (size_t)trials + 1;
    b->x = calloc(rows * (size_t)b->space.params, sizeof *b->x);
    b->y = calloc(rows, sizeof *b->y);
    b->sd = calloc(rows, sizeof *b->sd);
    return b->x && b->y && b->sd ? OK : fail(fault, ERR_LIMIT, "no memory for %d trials", trials);
}

enum err belief_of(const struct scene *s, const struct story *story, const struct belief_how *how, struct belief *b, struct fault *fault)
{
    *b = (struct belief){ 0 };
    b->load = s->workload;
    add_knobs(s, story, how->restarts, false, b);
    if (b->knobs == 0)
        return fail(fault, ERR_MISSING, "no parameter may be varied here");
    add_knobs(s, story, how->restarts, true, b);
    add_features(s, b);
    b->space.params = b->knobs + b->features;
    for (int f = 0; f < b->features; f++)
        b->now[b->knobs + f] = workload_coordinate(b->feature[f], s->workload.v[b->feature[f]]);
    belief_point(b, &s->now, b->now);
    enum err e = math_space_init(&b->space, fault);
    if (e == OK)
        e = math_portfolio_new(&b->space, &how->portfolio, how->seed, &b->portfolio, fault);
    if (e == OK)
        e = math_safe_new(&b->space, &(struct math_safe_settings){ .beta = ONE_SIDED_95, .kappa = ONE_SIDED_95 }, how->seed, &b->judge, fault);
    if (e == OK)
        e = make_room(b, story->n, fault);
    if (e == OK)
        e = teach(s, story, b, fault);
    if (e != OK)
        belief_done(b);
    return e;
}

void belief_done(struct belief *b)
{
    math_portfolio_free(b->portfolio);
    math_safe_free(b->judge);
    free(b->x);
    free(b->y);
    free(b->sd);
    *b = (struct belief){ 0 };
}

/* ---- what they say ---- */

bool belief_is_safe(const struct belief *b, const double *x, double harm_max)
{
    struct math_safe_reason r;
    return math_safe_judge(b->judge, x, &r, NULL) == OK && r.lower - r.reference >= log1p(-harm_max);
}

/* ---- how much is left ---- */

/*
 * The models that search are told what is good from what is bad; their own scale is how much results differ, noise included.
 * Here it matters how large anything can be at all, so the signal is fitted beside the length scales, and errors are taken as known.
 */
enum err belief_levels(const struct belief *b, uint64_t seed, struct math_gp **gp, struct fault *fault)
{
    enum { EVALUATIONS = 80 };
    size_t      n = (size_t)b->results, features = (size_t)b->space.features;
    double     *x = calloc(n * (features + 2), sizeof *x), *y = x + n * features, *known = y + n;
    struct rand r;
    *gp = NULL;
    if (!x)
        return fail(fault, ERR_LIMIT, "no memory for %zu trials", n);
    for (size_t i = 0; i < n; i++) {
        math_space_features(&b->space, b->x + i * (size_t)b->space.params, x + i * features);
        y[i] = b->y[i] / BELIEF_UNIT;
        known[i] = b->sd[i] * b->sd[i] / (BELIEF_UNIT * BELIEF_UNIT);
    }
    enum err e = math_gp_new(b->space.features, b->space.scale_of, gp, fault);
    if (e == OK) {
        struct math_gp_prior prior = math_gp_prior_usual((*gp)->scales);
        prior.noise = (struct math_gp_belief){ log(1e-3), 1, 1e-6, 1 };
        /* Short scales: what was never moved far is not known to be flat. */
        prior.scale = (struct math_gp_belief){ log(0.7), 0.5, 0.05, 2 };
        prior.signal = (struct math_gp_belief){ log(0.25), 1.2, 1e-3, 100 };
        rand_seed(&r, seed);
        e = math_gp_learn(*gp, b->results, x, y, known, &prior, EVALUATIONS, &r, fault);
    }
    free(x);
    return e;
}

static double upper(const struct belief *b, const struct math_gp *gp, const double *x, double z, double *scratch)
{
    double features[MATH_GP_FEATURES_MAX], mean, variance;
    math_space_features(&b->space, x, features);
    math_gp_predict(gp, 1, features, &mean, &variance, scratch);
    return BELIEF_UNIT * (mean + z * sqrt(variance));
}

double belief_left(const struct belief *b, uint64_t seed)
{
    enum { STOPS = 9 };
    struct math_gp *gp = NULL;
    int             own = b->knobs - b->given;
    double          most = (double)NAN, u[MATH_SPACE_MAX], x[MATH_SPACE_MAX], *scratch = calloc((size_t)b->results, sizeof *scratch);
    if (scratch && math_space_encode(&b->space, b->now, u, NULL) == OK && belief_levels(b, seed, &gp, NULL) == OK) {
        double now = upper(b, gp, b->now, 0, scratch), all = math_normal_quantile(1 - 0.05 / own);      /* for all of them at once */
        for (int d = 0; d < own; d++) {
            double in_force = u[d];
            for (int k = 0; k < STOPS; k++) {
                u[d] = (double)k / (STOPS - 1);
                math_space_decode(&b->space, u, x);
                memcpy(x + own, b->now + own, (size_t)(b->given + b->features) * sizeof *x);
                most = fmax(most, upper(b, gp, x, all, scratch) - now);
            }
            u[d] = in_force;
        }
    }
    math_gp_free(gp);
    free(scratch);
    return most;
}
